"""The two-player training step."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from gan_helpers import data, images, networks
from gan_helpers.gan import GAN
from gan_helpers.losses import NonSaturating


def test_each_player_descends_its_own_loss(small_gan, some_images):
    """One step is compared with gradients computed by hand, for plain gradient descent."""
    generator, discriminator = networks.mlp_generator(8, (16,)), networks.mlp_discriminator((16,))
    gan = GAN(generator, discriminator, seed=5)
    gan.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.01))
    batch = next(iter(data.pipeline(some_images, 32)))
    latents = gan.sample_latents(32, (5, 0))
    with tf.GradientTape(persistent=True) as tape:
        d_loss, g_loss = NonSaturating()(discriminator(batch), discriminator(generator(latents)))
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


def test_the_gradient_penalty_of_a_linear_discriminator_is_the_length_of_its_weights(some_images):
    """Its gradient is the weights w everywhere, so R1 + R2 is γ/2 · 2 · |w|²."""
    discriminator = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(1)])
    gan = GAN(networks.mlp_generator(8, (4,)), discriminator, gamma=0.5)
    x = tf.concat([next(iter(data.pipeline(some_images, 256)))] * 8, 0)
    looked_at = (x, discriminator(x))
    w = np.sum(np.square(discriminator.trainable_variables[0]))
    found = float(gan.gradient_penalty(discriminator, (0, 3), looked_at, looked_at))
    assert found == pytest.approx(0.5 * w, rel=0.2)  # of 1,024 pushes; their mean square strays by 4 %
    assert found == float(gan.gradient_penalty(discriminator, (0, 3), looked_at, looked_at))
    assert found != float(gan.gradient_penalty(discriminator, (0, 4), looked_at, looked_at))
    gan.gamma_until = 4
    assert found == float(gan.gradient_penalty(discriminator, (0, 3), looked_at, looked_at))
    assert float(gan.gradient_penalty(discriminator, (0, 4), looked_at, looked_at)) == 0
    with pytest.raises(ValueError, match="gamma is -1"):
        GAN(gan.generator, discriminator, gamma=-1)
    for wrong in (-1, 1.5):
        with pytest.raises(ValueError, match=f"gamma_until is {wrong}"):
            GAN(gan.generator, discriminator, gamma=1, gamma_until=wrong)


@pytest.mark.parametrize("batch_size", [32, 30])
def test_a_gradient_penalty_flattens_a_conditional_discriminator(some_images, batch_size):
    steepness = {}
    for gamma in (0.0, 10.0):
        keras.utils.set_random_seed(0)
        gan = GAN(
            networks.conditional_generator(8, (8, 8, 8)), networks.conditional_discriminator((8, 8, 8)), gamma=gamma
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
    assert history["d_loss"][-1] < 2, "the losses are reported without the penalty"


def test_images_are_shifted_each_by_its_own_pixels_and_gradients_follow(some_images):
    gan = GAN(networks.mlp_generator(8, (4,)), networks.mlp_discriminator((4,)), shift=2)
    x = next(iter(data.pipeline(some_images, 64)))
    moved = gan.shifted(x, (0, 3), 0)
    framed = np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)), constant_values=-1)  # black comes in
    places = [(down, across) for down in range(5) for across in range(5)]
    found = [
        [(d, a) for d, a in places if np.array_equal(image, frame[d : d + 28, a : a + 28])]
        for image, frame in zip(moved.numpy(), framed)
    ]
    assert all(found) and len({place for fits in found for place in fits}) > 15
    assert np.array_equal(moved, gan.shifted(x, (0, 3), 0))
    assert not np.array_equal(moved, gan.shifted(x, (0, 4), 0)) and not np.array_equal(moved, gan.shifted(x, (0, 3), 1))
    gan.shift_after = 4
    assert np.array_equal(x, gan.shifted(x, (0, 3), 0)) and not np.array_equal(x, gan.shifted(x, (0, 4), 0))
    with tf.GradientTape() as tape:
        tape.watch(x)
        seen = tf.reduce_sum(gan.shifted(x, (0, 4), 0)[:, 14, 14])
    assert np.array_equal(tf.reduce_sum(tape.gradient(seen, x), (1, 2, 3)), np.ones(64))  # one pixel each is looked at
    for wrong in (-1, 28, 1.5):
        with pytest.raises(ValueError, match=f"shift is {wrong}"):
            GAN(gan.generator, gan.discriminator, shift=wrong)
    with pytest.raises(ValueError, match="shift_after is -1"):
        GAN(gan.generator, gan.discriminator, shift=1, shift_after=-1)


def test_a_discriminator_that_sees_shifted_images_does_not_learn_them_by_heart(some_images):
    """How much more real 64 images of the training look to it than images that it never saw."""
    by_heart = {}
    for shift in (0, 3):
        keras.utils.set_random_seed(0)
        gan = GAN(networks.dcgan_generator(8, (8, 8, 8)), networks.dcgan_discriminator((16, 16, 32)), shift=shift)
        gan.compile(*(keras.optimizers.Adam(2e-3, beta_1=0.5) for _ in range(2)))
        gan.fit(data.pipeline(some_images[:64], 32), epochs=100, verbose=0)
        logits = gan.discriminator(images.to_float(some_images)).numpy()
        by_heart[shift] = logits[:64].mean() - logits[64:].mean()
    assert by_heart[3] < 0.5 * by_heart[0]


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


@pytest.mark.skipif("'ONEDNN_MAX_CPU_ISA' in os.environ", reason="see tests/test_bfloat16.py")
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
