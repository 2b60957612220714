"""Points in place of images: the same GAN, terms and callbacks train toys."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import gan_helpers as gh
from gan_helpers import data, networks, plots
from gan_helpers.data import toys
from gan_helpers.gan import generators
from gan_helpers.gan.augmentation import InstanceNoise
from gan_helpers.gan.draws import Draws
from gan_helpers.gan.gan import GAN
from gan_helpers.networks.layers import MinibatchDiscrimination, MinibatchStandardDeviation
from gan_helpers.runs import guards, monitors
from gan_helpers.runs.checkpoints import Checkpoint

RING = toys.ring(spread=0.1)
POINTS = RING.sample(512, seed=1)


def toy_gan(g_rate=1e-3, d_rate=1e-3, width=8, seed=0, batch_layer=None, steps_per_execution=1, **settings):
    keras.utils.set_random_seed(seed)
    players = networks.toy_generator(width=width), networks.toy_discriminator(width, batch_layer=batch_layer)
    gan = GAN(*players, seed=seed, **settings)
    optimizers = (keras.optimizers.Adam(rate, beta_1=0.5) for rate in (g_rate, d_rate))
    gan.compile(*optimizers, steps_per_execution=steps_per_execution)
    return gan


def test_points_have_no_range_and_stay_floats():
    gan = toy_gan()
    drawn = gan.generate(5, seed=3)
    assert gan.pixel_range is None and drawn.shape == (5, 2) and drawn.dtype == np.float32
    assert np.allclose(drawn, gan.ema_generator(gan.sample_latents(5, 3)), atol=1e-6)
    assert np.array_equal(gh.generate(gan.generator, gan.sample_latents(5, 3)), gan.generate(5, 3, ema=False))
    with pytest.raises(ValueError, match="makes points, which have none"):
        toy_gan(pixel_range=(-1, 1))


def test_fit_takes_points_in_every_form():
    gan, dataset = toy_gan(), tf.data.Dataset.from_tensor_slices(POINTS).batch(128)
    for x in (dataset, data.pipeline(POINTS, 128), POINTS):
        gan.fit(x, verbose=0, **({"batch_size": 128} if x is POINTS else {}))
    assert int(gan.steps) == 12 and gan.trained_on == "other"


def test_the_pipeline_brings_each_point_once_as_it_is():
    batches = np.concatenate(list(data.pipeline(POINTS.astype(float), 128).as_numpy_iterator()))
    assert batches.dtype == np.float32 and not np.array_equal(batches, POINTS)
    assert np.array_equal(np.sort(batches, axis=0), np.sort(POINTS, axis=0))


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (np.zeros((64, 3), np.float32), r"the points have shape \(3,\), and the networks are made for \(2,\)"),
        (np.zeros((64, 2), np.int64), "the points are int64; expected floats"),
        (np.full((64, 2), np.nan, np.float32), "the points hold NaN"),
    ],
)
def test_points_that_cannot_be_right_are_refused(x, said):
    with pytest.raises(ValueError, match=said):
        toy_gan().fit(x, verbose=0)
    if x.dtype.kind == "f" and np.isnan(x).any():
        with pytest.raises(ValueError, match=said):
            data.pipeline(x, 32)


@pytest.mark.parametrize(
    "settings",
    [
        dict(loss="hinge", regularisers="r1_r2:0.1+smoothness:0.05", augment=InstanceNoise(0.2)),
        dict(loss="wasserstein", regularisers="gradient_penalty+weight_clipping:0.1", d_steps=2),
    ],
    ids=lambda settings: settings["loss"],
)
def test_terms_and_layers_train_points_and_are_saved_with_them(settings, tmp_path):
    layer = MinibatchDiscrimination(4, 2) if settings["loss"] == "hinge" else MinibatchStandardDeviation(4)
    gan = toy_gan(**settings, batch_layer=layer)
    history = gan.fit(data.pipeline(POINTS, 32), verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    gan.save(tmp_path / "gan.keras")
    loaded = keras.models.load_model(tmp_path / "gan.keras")
    assert (loaded.pixel_range, loaded.augment) == (None, gan.augment)
    assert np.array_equal(loaded.generate(4), gan.generate(4))


def test_what_is_made_for_images_says_so():
    with pytest.raises(ValueError, match=r"takes images.*\(None, 2\)|takes images.*\(128, 2\)"):
        toy_gan(augment="shift:1").fit(data.pipeline(POINTS, 128), verbose=0)
    with pytest.raises(ValueError, match="makes points: use gh.PointMonitor"):
        toy_gan().fit(POINTS, callbacks=[monitors.ModelMonitor()], verbose=0)
    with pytest.raises(ValueError, match=r"points in the plane.*\(None, 28, 28, 1\)"):
        images = GAN(networks.mlp_generator(8, (4,)), networks.mlp_discriminator((4,)))
        images.compile()
        images.fit(np.zeros((32, 28, 28, 1), np.float32), callbacks=[monitors.PointMonitor(POINTS)], verbose=0)
    with pytest.raises(ValueError, match="no generator of images"):
        generators.generator_and_range(toy_gan())  # which the explorer, `sample` and `evaluate` ask
    for wrong in (POINTS[:, :1], POINTS[:0]):
        with pytest.raises(ValueError, match=r"real points of shape \(n, 2\)"):
            monitors.PointMonitor(wrong)
        with pytest.raises(ValueError, match=r"points of shape \(n, 2\)"):
            plots.scatter(POINTS, wrong)


def test_a_run_of_points_is_watched_kept_and_goes_on_alike(tmp_path):
    def train(folder, *epochs):
        for until in epochs:  # in as many calls
            gan, kept = toy_gan(), Checkpoint(folder)
            film, losses = monitors.PointMonitor(POINTS, folder, n=50), monitors.LossPlot(folder)
            watching = [film, losses, guards.StopOnNonFinite(folder), kept]
            gan.fit(
                data.pipeline(POINTS, 64), epochs=until, initial_epoch=kept.restore(gan), callbacks=watching, verbose=0
            )
        return gan, film

    (whole, film), (in_two, _) = train(tmp_path / "a", 2), train(tmp_path / "b", 1, 2)
    assert all(map(np.array_equal, whole.get_weights(), in_two.get_weights()))
    frames = film.frames()
    assert frames.shape[0] == 2 and frames.shape[-1] == 3 and frames.dtype == np.uint8
    assert not np.array_equal(frames[0], frames[1]) and (tmp_path / "b" / "images" / "progress.gif").exists()
    assert (tmp_path / "a" / "losses.png").exists()


def test_several_steps_per_execution_are_the_same_steps():
    one, many = toy_gan(), toy_gan(steps_per_execution=5)
    for gan in (one, many):
        gan.fit(data.pipeline(POINTS, 64), epochs=2, verbose=0)
    assert int(one.steps) == int(many.steps) == 16
    assert all(np.allclose(a, b, atol=1e-5) for a, b in zip(one.get_weights(), many.get_weights()))


def test_a_loss_that_is_none_stops_several_steps_too():
    gan = toy_gan(g_rate=1e38, d_rate=1e38, steps_per_execution=4)
    with pytest.raises(FloatingPointError, match="at step 4"):
        gan.fit(data.pipeline(POINTS, 64), callbacks=[guards.StopOnNonFinite()], verbose=0)


def test_instance_noise_has_the_spread_that_it_says_in_the_units_of_the_range():
    x = tf.ones((4000, 2))
    noisy = InstanceNoise(0.5)(x, Draws(0, 3), None).numpy() - 1
    assert noisy.mean() == pytest.approx(0, abs=0.03) and noisy.std() == pytest.approx(0.5, rel=0.03)
    assert np.corrcoef(noisy.T)[0, 1] == pytest.approx(0, abs=0.06), "each value has its own"
    images = tf.ones((20, 8, 8, 1))
    twice = InstanceNoise(0.5)(images, Draws(0, 3), (-1.0, 1.0)).numpy() - 1
    assert twice.std() == pytest.approx(1, rel=0.06) and twice.max() > 1, "the range is 2 wide, and nothing is cut off"


def covered(seed, g_rate, d_rate):
    """How many modes of a wide ring the generator itself draws, each in 20 good points of 2000, after 1300, 1400, 1500 steps."""
    ring, found = toys.ring(spread=0.2), []
    gan = toy_gan(g_rate, d_rate, width=64, seed=seed, steps_per_execution=50)
    count = lambda epoch, logs: found.append(toys.modes_covered(gan.generate(2000, ema=False), ring, 20))  # noqa: E731
    counting = keras.callbacks.LambdaCallback(on_epoch_end=count)
    gan.fit(data.pipeline(ring.sample(6400), 64), epochs=15, callbacks=[counting], verbose=0)
    return found[-3:]


def test_equal_rates_cover_the_ring_and_a_hasty_generator_does_not():
    """Three seeds gave 8, 8, 8 at equal rates, and at most 2 with ten times the discriminator's."""
    assert min(covered(0, 2e-3, 2e-3)) >= 7
    assert max(covered(0, 2e-3, 2e-4)) <= 4
