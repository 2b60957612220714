"""What a generator takes, in the forms that people build it in, and how its images are computed."""

import gc
import types
import weakref

import keras
import numpy as np
import pytest
from keras import layers

import gan_helpers as gh
from gan_helpers import images, networks
from gan_helpers.explorer.widget import LatentExplorer
from gan_helpers.gan import generators, latent
from gan_helpers.gan.gan import GAN
from gan_helpers.runs import monitors

LATENTS = latent.sample(7, 100, seed=0).numpy()
CLASSES = np.array([4, 0, 1, 4, 2, 2, 3])


def told(count=5, embedded=False, label=(1,), dtype="int32", first=False, names=(None, None)):
    """A conditional generator: `count` classes through an Embedding, or one-hot beside the latent vector."""
    keras.utils.set_random_seed(0)
    latents, label = keras.Input((100,), name=names[0]), keras.Input(label, dtype=dtype, name=names[1])
    if embedded:
        x = layers.Multiply()([latents, layers.Reshape((100,))(layers.Embedding(count, 100, "normal")(label))])
    else:
        x = layers.Concatenate()([latents, label if dtype == "float32" else keras.ops.cast(label, "float32")])
    x = layers.Reshape((28, 28, 1))(layers.Dense(784, activation="tanh")(x))
    return keras.Model([label, latents] if first else [latents, label], x, name="told")


def one_hot(count=5, **settings):
    return told(count, **{"label": (count,), "dtype": "float32"} | settings)


FORMS = {
    "embedded": (lambda: told(embedded=True), "integer", 5),
    "embedded, label first": (lambda: told(embedded=True, first=True), "integer", 5),
    "embedded, label as a float": (lambda: told(embedded=True, dtype="float32"), "integer", 5),
    "embedded, label without an axis": (lambda: told(embedded=True, label=()), "integer", 5),
    "encoded by the layer for it": (lambda: networks.conditional_generator(100, (4, 4, 4)), "integer", 10),
    "one-hot": (one_hot, "one_hot", 5),
    "one-hot, label first": (lambda: one_hot(first=True), "one_hot", 5),
    "one-hot integers": (lambda: one_hot(26, dtype="int32"), "one_hot", 26),
    "one-hot by the label's name": (lambda: one_hot(26, names=(None, "label"), first=True), "one_hot", 26),
    "one-hot by the latent's name": (lambda: one_hot(26, names=("noise", None)), "one_hot", 26),
}


@pytest.mark.parametrize("form", FORMS)
def test_latents_and_classes_reach_the_inputs_that_they_belong_to(form):
    build, how, count = FORMS[form]
    generator = build()
    takes = generators.inputs_of(generator)
    assert (takes.latent_dim, takes.told, takes.classes) == (100, how, count)
    label = np.eye(count, dtype="float32")[CLASSES] if how == "one_hot" else CLASSES
    given = [LATENTS, label.reshape(-1, *generator.inputs[1 - takes.latent].shape[1:])]
    expected = images.to_uint8(generator(given[:: -1 if takes.latent else 1]))
    drawn = gh.generate(generator, LATENTS, classes=CLASSES)
    assert np.abs(drawn.astype(int) - expected).max() <= 1
    assert not np.array_equal(drawn, gh.generate(generator, LATENTS, classes=CLASSES[::-1]))
    assert generators.in_turn(generator, 30).tolist() == [i % count for i in range(30)]
    for wrong in (count, -1, 0.5):
        with pytest.raises(ValueError, match=f"class is {wrong}.*0…{count - 1}"):
            gh.generate(generator, LATENTS[:1], classes=[wrong])


@pytest.mark.filterwarnings("error:The structure of `inputs`")
def test_however_a_model_holds_its_inputs_it_is_drawn():
    networks_own = model((100,))
    in_list = keras.Model(networks_own.inputs, networks_own.output)
    stack = keras.Sequential([keras.Input((100,)), *networks_own.layers[1:]])
    expected = gh.generate(networks_own, LATENTS)
    for each in (in_list, stack):
        assert np.abs(gh.generate(each, LATENTS).astype(int) - expected).max() <= 1
    beside = told(embedded=True, names=("z", "kind"))
    by_name = keras.Model({"z": beside.inputs[0], "kind": beside.inputs[1]}, beside.output)
    expected = gh.generate(beside, LATENTS, classes=CLASSES)
    assert np.abs(gh.generate(by_name, LATENTS, classes=CLASSES).astype(int) - expected).max() <= 1


def test_a_class_whose_number_is_not_known_is_drawn_if_it_may_exist():
    generator = told(names=(None, "label"), dtype="float32")  # goes into a Dense as a number
    assert generators.inputs_of(generator) == generators.Inputs(latent=0, latent_dim=100, told="integer")
    assert gh.generate(generator, LATENTS, classes=[1_000] * 7).shape == (7, 28, 28, 1)
    assert generators.in_turn(generator, 3).tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match="class is -1"):
        gh.generate(generator, LATENTS[:1], classes=[-1])


def model(*shapes, out=(28, 28, 1), dtype="float32"):
    given = [keras.Input(shape, dtype=dtype) for shape in shapes]
    x = (
        layers.Concatenate()([layers.Flatten()(each) for each in given])
        if len(given) > 1
        else layers.Flatten()(given[0])
    )
    x = layers.Dense(int(np.prod(out)), activation="sigmoid")(keras.ops.cast(x, "float32"))
    return keras.Model(given if len(given) > 1 else given[0], layers.Reshape(out)(x))


@pytest.mark.parametrize(
    "refused, named",
    [
        (lambda: model((64,), (64,)), r"\(None, 64\).*\(None, 64\)"),
        (lambda: model((8,), (26,)), r"\(None, 8\).*\(None, 26\)"),  # either may be the latent vector
        (lambda: model((62,), (10,), (2,)), r"\(None, 62\).*\(None, 10\).*\(None, 2\)"),
        (lambda: model((1, 1, 64)), r"\(None, 1, 1, 64\)"),
        (lambda: model((64,), dtype="int32"), r"\(None, 64\) int32"),
        (lambda: model((64,), out=(10,)), r"\(None, 10\)"),
        (lambda: model((64,), out=(3, 28, 28)), r"\(None, 3, 28, 28\)"),
    ],
)
def test_what_fits_no_form_is_refused_by_its_shapes(refused, named):
    for use in (generators.generator_and_range, lambda generator: gh.generate(generator, np.zeros((1, 64)))):
        with pytest.raises(ValueError, match=f"no generator of images.*{named}"):
            use(refused())


@pytest.mark.parametrize("out", [(784,), (28, 28)])
def test_flat_pictures_are_drawn_as_squares(out, tmp_path):
    generator = model((8,), out=out)
    z = np.eye(8, dtype="float32")
    drawn = gh.generate(generator, z)
    assert np.abs(drawn.astype(int) - images.to_uint8(generator(z), (0, 1)).reshape(8, 28, 28, 1)).max() <= 1
    discriminator = keras.Sequential([keras.Input(out), layers.Flatten(), layers.Dense(1)])
    gan = GAN(generator, discriminator)
    gan.compile()
    gan.fit(np.zeros((4, *out), "float32"), batch_size=4, callbacks=[monitors.ModelMonitor(tmp_path, n=4)], verbose=0)
    assert (tmp_path / "images" / "epoch_0001.png").exists()


@pytest.mark.parametrize("count", [3, 26])
def test_a_gan_with_classes_of_its_own_is_trained_and_drawn(count, tmp_path):
    image, label = keras.Input((28, 28, 1)), keras.Input((), dtype="int32")
    known = layers.CategoryEncoding(count, output_mode="one_hot")(label)
    logit = layers.Dense(1)(layers.Concatenate()([layers.Flatten()(image), known]))
    gan = GAN(one_hot(count, first=True, names=("noise", None)), keras.Model([image, label], logit))
    gan.compile()
    labels = np.arange(2 * count) % count
    dataset = gh.pipeline(np.zeros((len(labels), 28, 28, 1), np.uint8), count, classes=labels)
    gan.fit(dataset, callbacks=[monitors.ModelMonitor(tmp_path)], verbose=0)
    in_turn = gan.generate(30)
    assert np.array_equal(in_turn, gan.generate(30, classes=np.arange(30) % count))
    last = gan.generate(30, classes=count - 1)
    same = [np.array_equal(a, b) for a, b in zip(in_turn, last)]
    assert same == [i % count == count - 1 for i in range(30)]
    with pytest.raises(ValueError, match=f"class is {count}.*0…{count - 1}"):
        gan.generate(2, classes=count)


def test_the_explorer_and_the_command_line_draw_from_such_generators(tmp_path):
    from gan_helpers.__main__ import commands

    generator = one_hot(26, first=True, names=("noise", "label"))
    explorer = LatentExplorer(generator, training_images=(), judge=False)
    explorer.class_choice.value = 25
    assert np.array_equal(explorer.images, gh.generate(generator, explorer.latents, classes=[25]))
    generator.save(tmp_path / "letters.keras")
    command = ["sample", str(tmp_path / "letters.keras"), "--count", "3", "--out", str(tmp_path / "letters.npz")]
    with pytest.warns(UserWarning, match="people you trust"):
        commands.main([*command, "--classes", "25,3"], standalone_mode=False)
    with np.load(tmp_path / "letters.npz") as written:
        assert written["classes"].tolist() == [25, 3, 25]
        assert np.array_equal(written["images"], gh.generate(generator, written["latents"], classes=[25, 3, 25]))
    with pytest.warns(UserWarning), pytest.raises(ValueError, match="'26'.*0…25"):
        commands.main([*command, "--classes", "26"], standalone_mode=False)


# --- how images are computed ----------------------------------------------------------------------


@keras.saving.register_keras_serializable("tests")
class Counted(layers.Layer):
    """Counts how often Python runs it: at each eager call, and once for each trace of a compiled one."""

    runs = 0

    def call(self, x):
        self.runs += 1
        return x


def test_a_sequential_generator_is_drawn_from_right_after_it_was_loaded(tmp_path):
    """Until it is called, it has no `input`."""
    model = keras.Sequential([keras.Input((100,)), layers.Dense(784, "tanh"), layers.Reshape((28, 28, 1))])
    expected = gh.generate(model, LATENTS)
    model.save(tmp_path / "sequential.keras")
    with pytest.warns(UserWarning, match="people you trust"):
        loaded = gh.load_generator(tmp_path / "sequential.keras")
    assert np.array_equal(gh.generate(loaded, LATENTS), expected)


def test_a_generator_is_compiled_once_for_any_number_of_images():
    latents, counted = keras.Input((8,)), Counted()
    x = layers.Dense(16, activation="tanh")(counted(latents))
    generator = keras.Model(latents, layers.Reshape((4, 4, 1))(x))
    before = counted.runs
    for n in (1, 36, 16, 250, 251):
        gh.generate(generator, latent.sample(n, 8, seed=n))
    assert counted.runs == before + 1


@pytest.mark.parametrize("name", ["dcgan_generator", "subpixel_generator", "upsampling_dcgan_generator"])
def test_images_are_those_of_the_network_in_their_order_whatever_the_batches(name):
    keras.utils.set_random_seed(0)
    generator = getattr(networks, name)(8)
    z = latent.sample(23, 8, seed=1).numpy()
    expected = images.to_uint8(generator(z, training=False), images.pixel_range_of(generator)).astype(int)
    drawn = gh.generate(generator, z)
    assert np.abs(drawn - expected).max() <= 1
    in_batches = gh.generate(generator, z, batch_size=5)
    assert np.abs(in_batches - expected).max() <= 1
    assert np.array_equal(drawn, gh.generate(generator, z))
    assert np.array_equal(in_batches, gh.generate(generator, z, batch_size=5))


def test_new_weights_are_seen(small_gan):
    gan = small_gan()
    before = gan.generate(4)
    gan.fit(np.ones((8, 28, 28, 1), "float32"), batch_size=4, verbose=0)
    expected = images.to_uint8(gan.ema_generator(gan.sample_latents(4, 0), training=False))
    assert np.abs(gan.generate(4).astype(int) - expected).max() <= 1
    assert not np.array_equal(gan.generate(4), before)


def test_a_generator_that_is_no_longer_used_is_let_go(small_gan):
    gan = small_gan()
    gan.generate(300)
    gone = [weakref.ref(each) for each in (gan.ema_generator, gan.ema_generator.weights[0])]
    del gan
    gc.collect()
    assert [each() for each in gone] == [None, None]


@keras.saving.register_keras_serializable("tests")
class Noisy(layers.Layer):
    """Adds noise in inference too, as StyleGAN does: each call draws the next of a sequence."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(0)

    def call(self, x):
        return x + keras.random.normal(keras.ops.shape(x), seed=self.seed_generator)


def test_batches_of_a_network_with_noise_of_its_own_are_drawn_in_their_order():
    latents = keras.Input((8,))
    noisy = Noisy()
    x = layers.Dense(16, activation="tanh")(noisy(latents))
    generator = keras.Model(latents, layers.Reshape((4, 4, 1))(x))
    z = np.zeros((60, 8), "float32")
    begin = noisy.seed_generator.state.numpy()
    assert generators.compiled(generator).keeps_state
    drawn = []
    for _ in range(2):
        noisy.seed_generator.state.assign(begin)
        drawn.append(gh.generate(generator, z, batch_size=2))
    assert np.array_equal(*drawn) and not np.array_equal(drawn[0][:2], drawn[0][2:4])
    assert not generators.compiled(networks.tutorial_dcgan_generator()).keeps_state


def test_one_broken_image_among_many_is_an_error():
    latents = keras.Input((8,))
    dense = layers.Dense(16, use_bias=False)
    generator = keras.Model(latents, layers.Reshape((4, 4, 1))(dense(latents)))
    dense.kernel.assign(np.ones((8, 16)))
    z = np.zeros((60, 8), "float32")
    gh.generate(generator, z, (0, 1), batch_size=2)
    z[31] = 3e38  # their sum is infinite
    with pytest.raises(ValueError, match="gives NaN or infinity"):
        gh.generate(generator, z, (0, 1), batch_size=2)


def test_what_a_model_learned_from_travels_with_it():
    generator, gan = networks.mlp_generator(4, (4,)), types.SimpleNamespace(trained_on="other")
    assert generators.trained_on(generator) is None
    assert generators.trained_on(types.SimpleNamespace(gan=gan)) == generators.trained_on(gan) == "other"
    generator.trained_on = "fashion_mnist"
    assert generators.trained_on(generator) == "fashion_mnist"
