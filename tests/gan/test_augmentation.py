"""Augmentations: what they do to images, that gradients follow, and the adaptive probability."""

import numpy as np
import pytest
import tensorflow as tf

from gan_helpers import data, networks
from gan_helpers.gan import augmentation
from gan_helpers.gan.augmentation import Adaptive, Colour, Cutout, InstanceNoise, Shift
from gan_helpers.gan.draws import Draws
from gan_helpers.gan.gan import GAN
from gan_helpers.gan.schedules import From

RANGE = (-1.0, 1.0)


@pytest.fixture(scope="module")
def x(some_images):
    return next(iter(data.pipeline(some_images, 64)))


def test_each_image_is_shifted_by_its_own_pixels_and_black_comes_in(x):
    moved = Shift(2)(x, Draws(0, 3), RANGE)
    framed = np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)), constant_values=-1)
    places = [(down, across) for down in range(5) for across in range(5)]
    found = [
        [(d, a) for d, a in places if np.array_equal(image, frame[d : d + 28, a : a + 28])]
        for image, frame in zip(moved.numpy(), framed)
    ]
    assert all(found) and len({place for fits in found for place in fits}) > 15


def test_colour_moves_and_stretches_each_image_by_numbers_of_its_own(x):
    grey = tf.image.grayscale_to_rgb(x)
    tinted = grey * [1.0, 0.5, 0.2]
    brighter = (Colour(0.25, 0, 0)(tinted, Draws(), RANGE) - tinted).numpy()
    assert np.abs(brighter).max() <= 0.5 + 1e-5 and np.ptp(brighter[:, 0, 0, 0]) > 0.5
    assert np.allclose(brighter, brighter[:, :1, :1, :1], atol=1e-5)
    assert np.allclose(Colour(0, 1, 0)(grey, Draws(), RANGE), grey, atol=1e-5), "grey has no colour to strengthen"
    saturated = Colour(0, 1, 0)(tinted, Draws(), RANGE)
    assert np.allclose(tf.reduce_mean(saturated, -1), tf.reduce_mean(tinted, -1), atol=1e-5)
    contrast = Colour(0, 0, 0.5)(tinted, Draws(), RANGE)
    ratio = tf.math.reduce_std(contrast, (1, 2, 3)) / tf.math.reduce_std(tinted, (1, 2, 3))
    assert 0.5 <= ratio.numpy().min() < 0.7 and 1.3 < ratio.numpy().max() <= 1.5


def test_cutout_greys_a_square_and_nothing_else(x):
    cut = Cutout(0.5)(x + 3, Draws(), RANGE).numpy()
    gone = cut[..., 0] == 0
    for image, rest, hole in zip(cut[..., 0], (x + 3).numpy()[..., 0], gone):
        rows, columns = np.flatnonzero(hole.any(1)), np.flatnonzero(hole.any(0))
        assert hole[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all() and len(rows) <= 14 >= len(columns)
        assert np.array_equal(image[~hole], rest[~hole])
    assert len({tuple(np.flatnonzero(hole.any(1))) for hole in gone}) > 10


@pytest.mark.parametrize("term", [Shift(2), Colour(), Cutout(), InstanceNoise(), From(2, Shift(1))], ids=str)
def test_gradients_follow_and_real_generated_steps_and_terms_differ(term, x):
    draws = Draws(0, 3)
    with tf.GradientTape() as tape:
        tape.watch(x)
        changed = term(x, draws, RANGE)
    assert np.isfinite(tape.gradient(changed, x)).all() and not np.array_equal(changed, x)
    assert np.array_equal(changed, term(x, draws, RANGE))
    for other in (Draws(0, 4), Draws(1, 3), draws.within(0), draws.within(1), draws.within(0, 1)):
        assert not np.array_equal(changed, term(x, other, RANGE))
    assert np.array_equal(From(4, term)(x, draws, RANGE), x)


def test_the_adaptive_probability_follows_the_sign_of_real_logits(x):
    ada = Adaptive(0.6, images=128)
    called = tf.constant([[True]] * 64)
    p = ada.next_probability(tf.constant(0.0), called)
    assert float(p) == pytest.approx(0.5) and float(ada.next_probability(p, ~called)) == pytest.approx(0)
    assert float(ada.next_probability(tf.constant(0.9), called)) == 1
    gan = GAN(networks.mlp_generator(8, (4,)), networks.mlp_discriminator((4,)), augment=[Shift(3), Cutout(), ada])
    gan.compile()
    assert np.array_equal(gan.augmented(x, Draws()), x), "it begins at 0"
    gan.augment_probability.assign(0.3)
    alike = [np.array_equal(a, b) for a, b in zip(x, gan.augmented(x, Draws()))]
    assert 15 < sum(alike) < 50, "each of the two acts on three images in ten"
    gan.discriminator.layers[-1].bias.assign([50.0])
    logs = gan.train_step(x)
    assert float(logs["augment_probability"]) == pytest.approx(0.3)
    assert float(gan.augment_probability.value) == pytest.approx(0.8)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Shift(0), "pixels is 0"),
        (lambda: Shift(1.5), "pixels is 1.5"),
        (lambda: Colour(brightness=2), "brightness is 2"),
        (lambda: Cutout(1.0), "share is 1.0"),
        (lambda: InstanceNoise(0), "std is 0"),
        (lambda: InstanceNoise(-1), "std is -1"),
        (lambda: Adaptive(target=3), "target is 3"),
        (lambda: augmentation.get("shfit:1"), "did you mean 'shift'"),
        (lambda: Shift(28)(tf.zeros((1, 28, 28, 1)), Draws(), RANGE), "28×28 pixels out of sight"),
        (lambda: Cutout()(tf.zeros((5, 2)), Draws(), RANGE), r"got examples of shape \(5, 2\)"),
        (lambda: small(augment=Adaptive()), "augment=.*Adaptive"),
        (lambda: small(augment=[Shift(1), Adaptive(), Adaptive(0.5)]), "two Adaptive"),
        (lambda: small("wasserstein", augment="shift:1+adaptive"), "no logit means that"),
    ],
)
def test_bad_values_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def small(loss="hinge", **settings):
    return GAN(networks.mlp_generator(8, (4,)), networks.mlp_discriminator((4,)), loss=loss, **settings)


def test_each_replica_takes_its_slice_of_what_is_drawn_for_all():
    """Two replicas draw together what one draws for the whole batch."""
    import os
    import subprocess
    import sys

    code = """
import numpy as np, tensorflow as tf
cpu, = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from gan_helpers.gan.draws import Draws
def drawn(n):
    draws = Draws(7, 3)
    return draws.normal("latents", (n, 5)), draws.within(1).uniform("shift", (2, n, 1), -2, 3, axis=1)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
parts = tf.function(lambda: strategy.run(drawn, (4,)))()
for part, whole, axis in zip(parts, drawn(8), (0, 1)):
    assert np.array_equal(np.concatenate([p.numpy() for p in part.values], axis), whole)
print("alike")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ)
    assert done.stdout.strip() == "alike", done.stderr[-2000:]
