"""The two-player training step."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from gan_helpers import data, images, networks
from gan_helpers.gan.augmentation import Shift
from gan_helpers.gan.gan import GAN
from gan_helpers.gan.look import Look
from gan_helpers.gan.objectives import NonSaturating
from gan_helpers.gan.regularisers import Smoothness


def test_each_player_descends_its_own_loss(small_gan, some_images):
    """One step is compared with gradients computed by hand, for plain gradient descent."""
    generator, discriminator = networks.mlp_generator(8, (16,)), networks.mlp_discriminator((16,))
    gan = GAN(generator, discriminator, seed=5)
    gan.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.01))
    batch = next(iter(data.pipeline(some_images, 32)))
    latents = gan.sample_latents(32, (5, 0))
    with tf.GradientTape(persistent=True) as tape:
        d_loss, g_loss = NonSaturating()(Look(discriminator(batch), discriminator(generator(latents))))
    expected = [
        w - 0.1 * g for w, g in zip(generator.trainable_variables, tape.gradient(g_loss, generator.trainable_variables))
    ]
    expected += [
        w - 0.01 * g
        for w, g in zip(discriminator.trainable_variables, tape.gradient(d_loss, discriminator.trainable_variables))
    ]
    logs = gan.train_step(batch)
    for variable, value in zip(generator.trainable_variables + discriminator.trainable_variables, expected):
        assert np.allclose(variable, value, atol=1e-6)
    assert float(logs["d_loss"]) == pytest.approx(float(d_loss), abs=1e-5) and float(logs["g_loss"]) == pytest.approx(
        float(g_loss), abs=1e-5
    )


def test_fit_reports_means_over_the_epoch_and_moves_the_ema(small_gan, some_images):
    gan = small_gan()
    before = gan.ema_generator.get_weights()
    history = gan.fit(data.pipeline(some_images, 32), epochs=2, verbose=0).history
    assert sorted(history) == ["d_fake_accuracy", "d_loss", "d_real_accuracy", "g_loss"] and len(history["d_loss"]) == 2
    assert int(gan.steps.value) == 16 == int(gan.g_optimizer.iterations) == int(gan.d_optimizer.iterations)
    after, raw = gan.ema_generator.get_weights(), gan.generator.get_weights()
    assert not np.array_equal(before[0], after[0]) and not np.array_equal(after[0], raw[0])


def test_the_ema_ramps_up(small_gan):
    gan = small_gan(ema_decay=0.999)
    for average in gan.ema_generator.weights:
        average.assign(average * 0)
    gan.update_ema()  # step 0: decay (1 + 0) / (10 + 0)
    for average, weight in zip(gan.ema_generator.weights, gan.generator.weights):
        assert np.allclose(average, 0.9 * weight, atol=1e-6)


def test_the_mlp_gan_learns(some_images):
    """After 640 steps the pixel means are nearer to the data's than before: it cannot pass without learning."""
    gan = GAN(networks.mlp_generator(16, (64, 128)), networks.mlp_discriminator((128,)), seed=1)
    gan.compile(keras.optimizers.Adam(1e-3, beta_1=0.5), keras.optimizers.Adam(1e-3, beta_1=0.5))
    target = some_images.mean(axis=0)
    distance = lambda: np.abs(gan.generate(256).mean(axis=0) - target).mean()  # noqa: E731
    before = distance()
    gan.fit(data.pipeline(some_images, 32), epochs=80, verbose=0)
    assert distance() < 0.5 * before


def test_generate_is_uint8_and_a_function_of_the_seed(small_gan):
    gan = small_gan()
    drawn = gan.generate(5, seed=3)
    assert drawn.shape == (5, 28, 28, 1) and drawn.dtype == np.uint8
    assert np.array_equal(drawn, gan.generate(5, seed=3)) and not np.array_equal(drawn, gan.generate(5, seed=4))
    with pytest.raises(ValueError, match="n is 0"):
        gan.generate(0)


@pytest.mark.parametrize("loss", ["non_saturating", NonSaturating(label_smoothing=0.1, label_noise=0.1)])
def test_a_saved_gan_comes_back_whole_and_trains_on_alike(small_gan, some_images, tmp_path, loss):
    gan = small_gan(loss=loss)
    dataset = data.pipeline(some_images, 32)
    gan.fit(dataset, verbose=0)
    gan.save(tmp_path / "gan.keras")
    loaded = keras.models.load_model(tmp_path / "gan.keras")
    assert loaded.objective == gan.objective and int(loaded.steps.value) == int(gan.steps.value)
    for owner in ("generator", "discriminator", "ema_generator", "g_optimizer", "d_optimizer"):
        for mine, theirs in zip(getattr(gan, owner).variables, getattr(loaded, owner).variables):
            if "seed_generator" not in mine.path:  # .keras does not hold dropout's random state; checkpoints do
                assert np.array_equal(mine, theirs), mine.path


def test_networks_that_do_not_fit_are_refused():
    generator, discriminator = networks.mlp_generator(8, (4,)), networks.mlp_discriminator((4,))
    with pytest.raises(ValueError, match="latent_dim is 9.*length 8"):
        GAN(generator, discriminator, latent_dim=9)
    colour = keras.Sequential([keras.Input((32, 32, 3)), layers.Flatten(), layers.Dense(1)])
    with pytest.raises(ValueError, match=r"\(28, 28, 1\).*\(32, 32, 3\)"):
        GAN(generator, colour)
    classes = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(10)])
    with pytest.raises(ValueError, match="one logit"):
        GAN(generator, classes)
    with pytest.raises(ValueError, match="ema_decay is 1"):
        GAN(generator, discriminator, ema_decay=1)


@pytest.mark.parametrize("batch_size", [32, 30])
def test_smoothness_flattens_a_conditional_discriminator(some_images, batch_size):
    steepness = {}
    for gamma in (0.0, 10.0):
        keras.utils.set_random_seed(0)
        gan = GAN(
            networks.conditional_generator(8, (8, 8, 8)),
            networks.conditional_discriminator((8, 8, 8)),
            regularisers=Smoothness(gamma) if gamma else None,
        )
        gan.compile(keras.optimizers.Adam(2e-3), keras.optimizers.Adam(2e-3))
        dataset = data.pipeline(some_images, batch_size, classes=np.arange(256) % 10)
        history = gan.fit(dataset, epochs=8, verbose=0).history
        x, classes = next(iter(dataset))
        with tf.GradientTape() as tape:
            tape.watch(x)
            logits = gan.discriminator([x, classes])
        steepness[gamma] = np.square(tape.gradient(logits, x)).sum(axis=(1, 2, 3)).mean()
    assert steepness[10.0] < 0.5 * steepness[0.0]
    assert history["d_loss"][-1] < 2 and history["smoothness"][-1] >= 0, "reported each by itself"


def test_a_discriminator_that_sees_shifted_images_does_not_learn_them_by_heart(some_images):
    """How much more real 64 images of the training look to it than images that it never saw."""
    by_heart = {}
    for shift in (None, Shift(3)):
        keras.utils.set_random_seed(0)
        gan = GAN(networks.dcgan_generator(8, (8, 8, 8)), networks.dcgan_discriminator((16, 16, 32)), augment=shift)
        gan.compile(*(keras.optimizers.Adam(2e-3, beta_1=0.5) for _ in range(2)))
        gan.fit(data.pipeline(some_images[:64], 32), epochs=100, verbose=0)
        logits = gan.discriminator(images.to_float(some_images)).numpy()
        by_heart[shift] = logits[:64].mean() - logits[64:].mean()
    assert by_heart[Shift(3)] < 0.5 * by_heart[None]


@pytest.fixture
def conditional_gan():
    keras.utils.set_random_seed(0)
    gan = GAN(networks.conditional_generator(8, (16, 16, 8)), networks.conditional_discriminator((8, 16, 16)), seed=1)
    gan.compile(keras.optimizers.Adam(2e-3, beta_1=0.5), keras.optimizers.Adam(2e-3, beta_1=0.5))
    return gan


def test_a_conditional_gan_learns_which_class_is_which(conditional_gan):
    """Trousers (1) are narrow, bags (8) wide: after 400 steps the drawn ones are nearer to the mean of their own class."""
    gan = conditional_gan
    images, labels = data.load_fashion_mnist("train")
    chosen = np.flatnonzero((labels == 1) | (labels == 8))[:1600]
    images, labels = images[chosen], labels[chosen]
    gan.fit(data.pipeline(images, 32, classes=labels), epochs=8, verbose=0)
    means = {k: images[labels == k].mean(axis=0) for k in (1, 8)}
    for own, other in ((1, 8), (8, 1)):
        drawn = gan.generate(100, classes=own).mean(axis=0)
        assert np.abs(drawn - means[own]).mean() < np.abs(drawn - means[other]).mean()


@pytest.mark.skipif("'ONEDNN_MAX_CPU_ISA' in os.environ", reason="see test_bfloat16.py")
def test_the_twins_of_a_conditional_gan_train_it_too(some_images, conditional_gan):
    gan = conditional_gan
    gan.compile(precision="bfloat16")
    before = [weights.copy() for weights in gan.get_weights()]
    gan.fit(data.pipeline(some_images, 32, classes=np.arange(256) % 10), verbose=0)
    after = gan.get_weights()
    assert int(gan.steps.value) == 8 and all(np.isfinite(weights).all() for weights in after)
    assert any(not np.array_equal(a, b) for a, b in zip(before, after))
    _, discriminator = gan.players_in_training()
    heads = [layer for layer in discriminator.layers if layer.name.startswith("dense")]
    assert [layer.precision for layer in heads] == ["float32", "float32"], "both parts of the logit keep all their bits"


def test_a_conditional_gan_draws_what_is_asked_for(conditional_gan, some_images):
    gan = conditional_gan
    in_turn = gan.generate(12, seed=3)
    assert np.array_equal(in_turn, gan.generate(12, seed=3, classes=np.arange(12) % 10))
    assert not np.array_equal(in_turn, gan.generate(12, seed=3, classes=4))
    with pytest.raises(ValueError, match="generator takes a class, the discriminator does not"):
        GAN(gan.generator, networks.dcgan_discriminator())
    with pytest.raises(ValueError, match=r"\(3,\); it must be \(256,\)"):
        data.pipeline(some_images, classes=[1, 2, 3])
    with pytest.raises(ValueError, match="class is 10.*0…9"):
        gan.generate(2, classes=10)


def test_shipped_networks_have_the_documented_shapes():
    for builder in (networks.mlp_generator, networks.dcgan_generator, networks.subpixel_generator):
        assert builder(10).output_shape == (None, 28, 28, 1)
    assert networks.conditional_subpixel_generator(10).output_shape == (None, 28, 28, 1)
    for builder in (networks.mlp_discriminator, networks.dcgan_discriminator, networks.deeper_discriminator):
        assert builder().output_shape == (None, 1)


# --- what cannot be right ---------------------------------------------------------------------------


def discriminator_of(*ends, trainable=True):
    pictures = keras.Input((28, 28, 1))
    x = layers.Flatten()(pictures)
    for end in ends:
        x = end(x)
    return keras.Model(pictures, x, trainable=trainable)


def ends_in_a_sigmoid():
    nested = keras.Sequential([keras.Input((784,)), layers.Dense(1), layers.Activation("sigmoid", name="squash")])
    return {
        "squash": discriminator_of(nested, layers.Reshape((1, 1)), layers.Flatten()),
        "last": discriminator_of(layers.Dense(1, activation="tanh", name="last")),
        "probability": discriminator_of(layers.Dense(1), layers.Lambda(keras.ops.sigmoid, name="probability")),
        "bent": discriminator_of(layers.SpectralNormalization(layers.Dense(1, activation="relu"), name="bent")),
    }


@pytest.mark.fault(36)
def test_a_discriminator_with_a_bounded_end_is_refused_by_its_layer(some_images):
    for name, discriminator in ends_in_a_sigmoid().items():
        gan = GAN(networks.mlp_generator(8, (4,)), discriminator)
        with pytest.raises(ValueError, match=f"discriminator ends in '{name}'.*logits"):
            gan.compile()
    with pytest.warns(UserWarning, match="trained all the same"):
        gan.compile(checks="warn")
    gan.fit(data.pipeline(some_images, 128), verbose=0)
    assert int(gan.steps) == 2 and gan.get_compile_config()["checks"] == "warn"
    for end in ([layers.Dense(1)], [layers.Dense(3, activation="sigmoid"), layers.Dense(1), layers.LeakyReLU(0.01)]):
        GAN(gan.generator, discriminator_of(*end)).compile()
    with pytest.raises(ValueError, match="checks is 'no'"):
        gan.compile(checks="no")


def sigmoid_generator():
    latents = keras.Input((8,))
    return keras.Model(latents, layers.Reshape((28, 28, 1))(layers.Dense(784, activation="sigmoid")(latents)))


@pytest.mark.fault(37)
@pytest.mark.parametrize("given", ["arrays", "dataset", "generator"])
def test_pixels_out_of_range_are_refused_before_a_step(some_images, given):
    def fit(gan, x):
        size = {"batch_size": 64} if given == "arrays" else {}
        if given != "arrays":
            x = tf.data.Dataset.from_tensor_slices(x).batch(64)
        gan.fit(iter(x.as_numpy_iterator()) if given == "generator" else x, verbose=0, **size)

    tanh, sigmoid = networks.mlp_generator(8, (4,)), sigmoid_generator()
    from_0_to_1, to_255 = images.to_float(some_images, (0, 1)), some_images.astype(np.float32)
    for generator, x, said in (
        (tanh, some_images, r"the images are uint8; expected floats in \(-1, 1\)"),
        (tanh, to_255, "lie between 0 and 255; expected"),
        (tanh, from_0_to_1, r"as in \(0, 1\); expected floats in \(-1, 1\)"),
        (sigmoid, images.to_float(some_images), r"between -1 and 1; expected floats in \(0, 1\)"),
        (tanh, np.where(from_0_to_1 > 0.9, np.nan, from_0_to_1), "NaN or infinity"),
    ):
        gan = GAN(generator, networks.mlp_discriminator((4,)))
        gan.compile()
        with pytest.raises(ValueError, match=said):
            fit(gan, x)
        assert int(gan.steps) == 0


def test_pixels_in_range_are_never_refused(some_images):
    rng = np.random.default_rng(0)
    pale = rng.integers(128, 256, some_images.shape, np.uint8)
    noise = rng.normal(0, 0.05, some_images.shape).astype(np.float32)
    for generator, pixel_range in ((networks.mlp_generator(8, (4,)), (-1, 1)), (sigmoid_generator(), (0, 1))):
        gan = GAN(generator, networks.mlp_discriminator((4,)))
        gan.compile()
        for x in (some_images, pale, 255 - pale, 0 * pale, 0 * pale + 255):
            x = images.to_float(x, pixel_range)
            assert gan.check_before_fit(x) is x
            gan.check_before_fit(x + noise)


def test_a_pixel_range_that_the_generator_cannot_reach_is_refused():
    with pytest.raises(ValueError, match=r"draws between 0 and 1, and pixel_range is \(-1, 1\)"):
        GAN(sigmoid_generator(), networks.mlp_discriminator((4,)), pixel_range=(-1, 1)).compile()


@pytest.mark.fault(38)
@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_a_player_without_trainable_weights_is_refused_when_compiled(small_gan, some_images, player):
    gan = small_gan()
    getattr(gan, player).trainable = False  # as where the other was trained through it
    with pytest.raises(ValueError, match=rf"the {player} .* no trainable weights.*gan.{player}.trainable = True"):
        gan.compile()
    before = getattr(gan, player).get_weights()
    with pytest.warns(UserWarning, match="no trainable weights"):
        gan.compile(checks="warn")
    gan.fit(data.pipeline(some_images, 128), verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, getattr(gan, player).get_weights()))


def test_a_look_at_the_first_batch_takes_nothing_away(small_gan, some_images):
    seen, gan = [], small_gan()
    step = gan.train_step
    gan.train_step = lambda batch: seen.append(batch.numpy()) or step(batch)
    gan.compile(run_eagerly=True)
    batches = np.split(images.to_float(some_images), 4)
    for given in (batches, [(batch,) for batch in batches]):  # Keras asks for tuples
        seen.clear()
        gan.fit((batch for batch in given), verbose=0)
        assert all(np.array_equal(a, b) for a, b in zip(seen, batches, strict=True))
    dataset = data.pipeline(some_images, 64)
    dataset.epoch.assign(5)
    gan.check_before_fit(dataset.repeat().prefetch(2))
    assert int(dataset.epoch) == 5


def test_one_image_is_too_few_for_batch_norm_of_vectors(small_gan, some_images):
    gan, one = small_gan(), data.pipeline(some_images, 1)
    with pytest.raises(ValueError, match="the batch has 1 image, and 'batch_norm.*batch_size of 2"):
        gan.fit(one, verbose=0)
    without = GAN(networks.mlp_generator(8, (4,)), networks.mlp_discriminator((4,)))
    without.compile()
    without.check_before_fit(one)


def test_classes_that_the_networks_do_not_know_are_refused(conditional_gan, some_images):
    x = images.to_float(some_images)
    for classes, said in (
        (np.arange(256) % 10 + 1, "lie in 1…10, and the networks know 0…9"),
        (np.full(256, 0.5), "must be an integer; got float64"),
        (np.eye(10)[np.arange(256) % 10], r"shape \(32, 10\); expected one integer for each image"),
        (None, r"pairs \(images, classes\)"),
    ):
        with pytest.raises(ValueError, match=said):
            conditional_gan.fit(x, classes, verbose=0)
    with pytest.raises(ValueError, match="a class is 0.5; it must be an integer"):
        data.pipeline(some_images, classes=np.full(256, 0.5))


@pytest.mark.parametrize("count", [3, 26])
def test_a_conditional_gan_of_ones_own_classes_trains_and_draws_them_in_turn(some_images, count):
    latents, told = keras.Input((8,)), keras.Input((), dtype="int32")
    x = layers.Concatenate()([latents, layers.Embedding(count, 4)(told)])
    generator = keras.Model([latents, told], layers.Reshape((28, 28, 1))(layers.Dense(784, activation="tanh")(x)))
    pictures, seen = keras.Input((28, 28, 1)), keras.Input((), dtype="int32")
    x = layers.Concatenate()([layers.Flatten()(pictures), layers.Embedding(count, 4)(seen)])
    gan = GAN(generator, keras.Model([pictures, seen], layers.Dense(1)(x)))
    gan.compile()
    classes = np.arange(256) % count
    gan.fit(data.pipeline(some_images, 64, classes=classes), verbose=0)
    assert int(gan.steps) == 4
    with pytest.raises(ValueError, match=f"networks know 0…{count - 1}"):
        gan.fit(data.pipeline(some_images, 64, classes=classes + 1), verbose=0)


def pairs(some_images):
    return tf.data.Dataset.from_tensor_slices((images.to_float(some_images), np.arange(256))).batch(32)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda gan, x: gan.compile(loss="binary_crossentropy"), r"loss=…\) means nothing here.*gh.GAN\("),
        (lambda gan, x: gan.compile(optimizer="adam"), r"compile\(g_optimizer=…, d_optimizer=…\)"),
        (lambda gan, x: gan.compile(*[keras.optimizers.Adam()] * 2), "one and the same Adam"),
        (lambda gan, x: gan.compile(gan.d_optimizer), "used for other weights"),
        (
            lambda gan, x: GAN(gan.generator, gan.discriminator, loss=keras.losses.BinaryCrossentropy()),
            "loss is Keras'",
        ),
        (lambda gan, x: gan.fit(pairs(x)), "images alone; got tuple of 2"),
        (lambda gan, x: gan.fit(data.pipeline(x, 32), validation_data=data.pipeline(x, 32)), "gh.evaluate"),
        (lambda gan, x: gan.fit(data.pipeline(np.zeros((8, 32, 32, 3), np.uint8), 4)), r"\(32, 32, 3\).*\(28, 28, 1\)"),
        (
            lambda gan, x: gan.fit(
                data.pipeline(x, 32), callbacks=[keras.callbacks.LearningRateScheduler(lambda epoch: 1e-4)]
            ),
            "LearningRateScheduler changes the one optimizer.*schedules",
        ),
        (
            lambda gan, x: gan.fit(data.pipeline(x, 32), callbacks=[keras.callbacks.ReduceLROnPlateau("d_loss")]),
            "ReduceLROnPlateau changes",
        ),
        (lambda gan, x: GAN(gan.generator, gan.discriminator).fit(data.pipeline(x, 32)), "not compiled yet"),
        (lambda gan, x: GAN(gan.generator, gan.discriminator, seed=2**64), "seed is 18446744073709551616"),
    ],
)
def test_habits_from_models_with_one_player_are_answered_in_a_sentence(small_gan, some_images, call, said):
    with pytest.raises(ValueError, match=said):
        call(small_gan(), some_images)
