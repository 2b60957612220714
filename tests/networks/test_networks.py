"""The course's networks for images of other sizes, in colour, of other classes; and recipes that are brought to them."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from gan_helpers import networks
from gan_helpers.gan import augmentation, regularisers
from gan_helpers.gan.schedules import From
from gan_helpers.networks.layers import LearnedPoint, MinibatchStandardDeviation, SpectralNormalization
from gan_helpers.runs import recipes

SHAPES = [(side, side, channels) for side in networks.SIZES for channels in (1, 3)]
PLAYERS = {
    networks.mlp_generator: networks.mlp_discriminator,
    networks.dcgan_generator: networks.dcgan_discriminator,
    networks.subpixel_generator: networks.deeper_discriminator,
    networks.conditional_generator: networks.conditional_discriminator,
    networks.conditional_subpixel_generator: networks.deeper_conditional_discriminator,
}


@pytest.mark.parametrize("image_shape", [*SHAPES, (64, 48, 3)], ids=str)
def test_both_players_of_each_pair_make_and_take_images_of_the_shape(image_shape):
    for make, take in PLAYERS.items():
        told = {"classes": 3} if "conditional" in make.__name__ else {}
        generator, discriminator = (build(image_shape=image_shape, **told) for build in (make, take))
        assert generator.output_shape == (None, *image_shape)
        given = [np.zeros((2, *image_shape), "float32"), *([np.array([0, 2])] if told else [])]
        assert discriminator(given if told else given[0]).shape == (2, 1)


def test_at_every_size_no_network_is_much_larger_than_at_28_pixels():
    for side in networks.SIZES:
        shape = (side, side, 3)
        assert networks.subpixel_generator(image_shape=shape).count_params() < 1_000_000
        assert networks.deeper_discriminator(image_shape=shape).count_params() < 1_000_000


@pytest.mark.parametrize(
    "image_shape", [(7, 7, 1), (50, 50, 3), (7000, 7000, 3), (64, 50, 3), (28, 28, 2), (28, 28), 28, (64.5, 64, 1)]
)
def test_what_a_network_cannot_make_is_refused_with_the_value_and_what_it_can(image_shape):
    for build in (networks.subpixel_generator, networks.deeper_conditional_discriminator):
        with pytest.raises(ValueError, match="image_shape is") as error:
            build(image_shape=image_shape)
        assert str(image_shape) in str(error.value)


@pytest.mark.parametrize("classes", [0, -1, 2.0, True, None])
def test_a_number_of_classes_that_is_none_is_refused(classes):
    for build in (networks.conditional_generator, networks.conditional_discriminator):
        with pytest.raises(ValueError, match="classes is"):
            build(classes=classes)


@pytest.mark.parametrize("given", [dict(filters=(64, 64)), dict(filters=(8,), image_shape=(64, 64, 1))])
def test_filters_are_one_for_each_level(given):
    with pytest.raises(ValueError, match="one for each level"):
        networks.dcgan_generator(**given)


@pytest.mark.parametrize("dimensions", [1, 2])
def test_networks_of_toys_make_and_take_points(dimensions):
    z, layer = np.zeros((3, 5), "float32"), MinibatchStandardDeviation(3)
    points = networks.toy_generator(5, width=4, outputs=dimensions)(z)
    assert points.shape == (3, dimensions)
    assert networks.toy_discriminator(4, dimensions, batch_layer=layer)(points).shape == (3, 1)
    assert layer.input.shape[1:] == (4,) and layer.output.shape[1:] == (5,)


def test_a_learned_point_is_the_same_for_all_and_learns_from_all():
    layer = LearnedPoint((2.0, -1.0))
    with tf.GradientTape() as tape:
        out = layer(np.ones((4, 7), "float32"))
        total = tf.reduce_sum(out * [1.0, 3.0])
    assert np.array_equal(out, [[2, -1]] * 4) and layer.compute_output_shape((None, 7)) == (None, 2)
    assert np.array_equal(tape.gradient(total, layer.point.value), [4, 12])


# --- recipes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "image_shape"), [("course_conditional", (32, 32, 3)), ("course_mlp", (20, 30, 1))])
def test_a_recipe_trains_at_another_size_in_other_classes(name, image_shape):
    gan = recipes.get(name).for_images(image_shape, 3).build(seed=1)
    images = np.random.default_rng(0).uniform(-1, 1, (64, *image_shape)).astype("float32")
    classes = (np.arange(64) % 3,) if gan.conditional else ()
    history = gan.fit(images, *classes, batch_size=32, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    drawn = gan.generate(4, classes=2) if classes else gan.generate(4)
    assert drawn.shape == (4, *image_shape) and drawn.dtype == np.uint8


def test_for_its_own_images_a_recipe_stays_as_it_is():
    for recipe in recipes.RECIPES.values():
        assert recipe.for_images((28, 28, 1), 10) == recipe.for_images((28, 28, 1)) == recipe


def test_the_penalty_weighs_as_much_per_picture_as_it_did():
    """The same discriminator before finer images, which looks at their means: the penalty's value must be the same."""
    import tensorflow as tf

    from gan_helpers.gan.draws import Draws
    from gan_helpers.gan.look import Look

    coarse, fine = (8, 8, 1), (16, 16, 3)
    keras.utils.set_random_seed(0)
    on_coarse = keras.Sequential([keras.Input(coarse), keras.layers.Flatten(), keras.layers.Dense(1)])

    def on_fine(x):
        return on_coarse(tf.reduce_mean(tf.nn.avg_pool2d(x, 2, 2, "VALID"), axis=-1, keepdims=True))

    def value(term, critic, shape):
        x = tf.zeros((4, *shape))
        look = Look(None, None, x, x, critic, critic, (-1.0, 1.0), Draws(0, 0))
        return float(term(look))

    term = regularisers.ZeroCentred(2.0, "both")
    before = value(term, on_coarse, coarse)
    assert value(term.resized(coarse, fine), on_fine, fine) == pytest.approx(before, rel=1e-5)
    assert value(term, on_fine, fine) == pytest.approx(before / 12, rel=1e-5)


def test_terms_are_brought_to_the_size_of_the_images_and_what_is_set_afterwards_is_not():
    recipe = recipes.get("course_conditional").for_images((64, 64, 3), 4)
    times = 64 * 64 * 3 / 28**2
    (penalty,) = recipe.regularisers
    assert penalty.step == 26_250 and penalty.term.gamma == pytest.approx(0.05 * times)
    assert recipe.augment == (From(26_250, augmentation.Shift(2)),)
    set_by_hand = recipes.changed(recipe, ["regularisers=smoothness:0.3"])
    assert set_by_hand.for_images((64, 64, 3), 4).regularisers == (regularisers.Smoothness(0.3),)


def test_a_recipe_that_makes_one_size_only_names_those_that_make_others():
    with pytest.raises(ValueError, match=r"tutorial_dcgan makes .*\(28, 28, 1\).*\(64, 64, 3\).*course_dcgan"):
        recipes.get("tutorial_dcgan").for_images((64, 64, 3))


def test_a_spectral_discriminator_is_the_deeper_one_with_every_kernel_normalised():
    spectral, plain = networks.spectral_discriminator(), networks.deeper_discriminator()
    assert [weight.shape for weight in spectral.trainable_weights] == [
        weight.shape for weight in plain.trainable_weights
    ]
    wrapped = [layer for layer in spectral.layers if isinstance(layer, SpectralNormalization)]
    assert len(wrapped) == sum(hasattr(layer, "kernel") for layer in plain.layers) == 5
    x = np.random.default_rng(0).normal(size=(4, 28, 28, 1)).astype("float32")
    for _ in range(20):  # a power iteration per call
        before = spectral(x, training=True)
    for layer in wrapped:
        layer.kernel.assign(3 * layer.kernel)
    assert np.allclose(spectral(x), before, rtol=0.1, atol=1e-3), (
        "of a kernel three times as large the answer is the same"
    )


def test_builders_of_ones_own_need_not_know_the_size():
    def generator(latent_dim):
        return networks.mlp_generator(latent_dim, (8,), image_shape=(20, 30, 3))

    mine = recipes.Recipe(
        "mine",
        generator,
        lambda: networks.mlp_discriminator((8,), (20, 30, 3)),
        1e-4,
        1e-4,
        "here",
        regularisers="r1:2",
    )
    assert mine.for_images((20, 30, 3)).regularisers == mine.regularisers
    with pytest.raises(ValueError, match="mine makes"):
        mine.for_images((28, 28, 1))
    narrow = recipes.Recipe(
        "narrow",
        functools.partial(networks.subpixel_generator, style=(16,)),
        networks.deeper_discriminator,
        1e-4,
        1e-4,
        "here",
    )
    assert narrow.for_images((32, 32, 3)).build().generator.output_shape == (None, 32, 32, 3)
