"""Regularisers, schedules and the layers beside them: values and gradients against independent computations."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from gan_helpers.gan import regularisers
from gan_helpers.gan.draws import Draws
from gan_helpers.gan.look import Look
from gan_helpers.gan.regularisers import GradientPenalty, Smoothness, WeightClipping, ZeroCentred
from gan_helpers.gan.schedules import Every, From, Until
from gan_helpers.networks import residual_block
from gan_helpers.networks.layers import MinibatchDiscrimination, MinibatchStandardDeviation, SpectralNormalization

RANDOM = np.random.default_rng(0)
A, B = (
    RANDOM.normal(size=(2, 2)),
    RANDOM.normal(size=2),
)  # of the quadratic critic D(x) = x·A·x + B·x, whose slope is known
REAL, FAKE = (RANDOM.normal(size=(64, 2)).astype(np.float32) for _ in range(2))


def quadratic(a):
    return lambda x: tf.reduce_sum((x @ a) * x, 1, keepdims=True) + x @ tf.constant(B[:, None], tf.float32)


def look_of(critic, real=REAL, fake=FAKE, step=0, **more):
    real, fake = tf.constant(real), tf.constant(fake)
    return Look(critic(real), critic(fake), real, fake, critic, draws=Draws(3, step), **more)


def slope(x):
    return x @ (A + A.T) + B


def squared(x):
    return np.sum(slope(x) ** 2, axis=1)


def interpolated():
    t = Draws(3, 0).uniform("interpolation", (64, 1)).numpy()
    assert t.min() >= 0 and t.max() <= 1 and 0.4 < t.mean() < 0.6, "uniform between the two"
    return REAL + t * (FAKE - REAL)


@pytest.mark.parametrize(
    "term, expected",
    [
        (ZeroCentred(2.0), lambda: np.mean(squared(REAL))),
        (ZeroCentred(2.0, on="fake"), lambda: np.mean(squared(FAKE))),
        (ZeroCentred(1.0, on="both"), lambda: (np.mean(squared(REAL)) + np.mean(squared(FAKE))) / 2),
        (GradientPenalty(10.0), lambda: 10 * np.mean((np.sqrt(squared(interpolated())) - 1) ** 2)),
        (
            GradientPenalty(10.0, one_sided=True),
            lambda: 10 * np.mean(np.maximum(0, np.sqrt(squared(interpolated())) - 1) ** 2),
        ),
    ],
    ids=["r1", "r2", "both", "gradient_penalty", "one_sided"],
)
def test_value_and_gradient_of_the_exact_penalties(term, expected):
    a = tf.Variable(A, dtype=tf.float32)
    with tf.GradientTape() as tape:
        value = term(look_of(quadratic(a)))
    assert float(value) == pytest.approx(expected(), rel=1e-4)
    # The gradient by finite differences of the closed form, entry by entry.
    found, kept = tape.gradient(value, a).numpy(), A.copy()
    try:
        for i in np.ndindex(2, 2):
            A[i] = kept[i] + 1e-5
            above = expected()
            A[i] = kept[i] - 1e-5
            below = expected()
            A[i] = kept[i]
            assert found[i] == pytest.approx((above - below) / 2e-5, rel=1e-2, abs=1e-3)
    finally:
        A[:] = kept


def test_a_critic_without_any_slope_gives_no_nan():
    flat = tf.Variable([[0.0], [0.0]])
    with tf.GradientTape() as tape:
        value = GradientPenalty()(look_of(lambda x: x @ flat))
    assert float(value) == pytest.approx(10, abs=1e-3) and np.isfinite(tape.gradient(value, flat)).all()


def test_smoothness_of_a_linear_critic_is_the_length_of_its_weights():
    """Its slope is w everywhere: γ/2 · 2 · |w|², whatever the push; and the gradient by w is 2γ w."""
    w = tf.Variable([[0.3], [-0.8]])
    many = np.zeros((4096, 2), np.float32)
    for push in (0.01, 1.0):
        with tf.GradientTape() as tape:
            value = Smoothness(0.5, push)(look_of(lambda x: x @ w, many, many))
        assert float(value) == pytest.approx(0.5 * 0.73, rel=0.1)  # of 2,048 pushes; their mean square strays by 3 %
        assert np.allclose(tape.gradient(value, w), w.numpy(), atol=0.1)


def test_with_short_pushes_smoothness_is_zero_centred():
    a = tf.constant(A, tf.float32)
    real, fake = (np.repeat(x, 64, axis=0) for x in (REAL, FAKE))
    exact = float(ZeroCentred(1.0, on="both")(look_of(quadratic(a), real, fake)))
    assert float(Smoothness(1.0, 1e-3, one_in=1)(look_of(quadratic(a), real, fake))) == pytest.approx(exact, rel=0.1)


@pytest.mark.skipif("'ONEDNN_MAX_CPU_ISA' in os.environ", reason="see test_bfloat16.py")
def test_dropout_drops_the_same_units_in_both_calls_of_smoothness(some_images):
    """A critic that looks at nothing but its dropout has no slope; measured under two masks it would seem steep."""
    from gan_helpers import data, networks
    from gan_helpers.gan.gan import GAN

    x = keras.Input((28, 28, 1))
    noise = layers.Dropout(0.5)(layers.Lambda(lambda x: tf.ones((tf.shape(x)[0], 64)), (64,))(x))
    zero = layers.Dense(64, kernel_initializer="zeros")(layers.Flatten()(x))
    critic = keras.Model(x, layers.Dense(1)(layers.Add()([noise, zero])))
    gan = GAN(networks.mlp_generator(8, (16,)), critic, regularisers=Smoothness(1.0))
    gan.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0))
    dataset = data.pipeline(some_images, 64)
    history = gan.fit(dataset, verbose=0).history
    assert history["smoothness"][-1] < 1e-6
    gan.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0), precision="bfloat16")
    assert gan.fit(dataset, verbose=0).history["smoothness"][-1] < 1e-6
    real = next(iter(dataset))
    look = gan.look(real, real, gan.players_in_training()[1], Draws())
    same, other = (
        np.ptp(np.stack([f(real) for _ in range(8)]), axis=0).max() for f in (look.steady_critic, look.critic)
    )
    assert same < 1e-6 < other


def test_clipped_weights_stay_within_the_limit_and_the_share_at_it_is_told():
    weights = [tf.Variable([[0.5, -0.002], [0.01, -7.0]])]
    assert float(WeightClipping(0.01).after_update(weights)) == pytest.approx(0.75)
    assert np.allclose(weights[0], [[0.01, -0.002], [0.01, -0.01]])


def test_schedules_count_when_they_should_and_compute_nothing_else():
    calls = []

    def term(look):
        calls.append(1)
        return tf.constant(2.0)

    values = {
        scheduled: [float(scheduled(look_of(lambda x: x[:, :1], step=step))) for step in range(5)]
        for scheduled in (From(3, term), Until(2, term), Every(2, term), From(1, Until(3, term)))
    }
    assert list(values.values()) == [[0, 0, 0, 2, 2], [2, 2, 0, 0, 0], [4, 0, 4, 0, 4], [0, 2, 2, 0, 0]]
    assert len(calls) == 2 + 2 + 3 + 2


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: From(-1, ZeroCentred()), "step is -1"),
        (lambda: Until(1.5, ZeroCentred()), "step is 1.5"),
        (lambda: Every(0, ZeroCentred()), "k is 0"),
        (lambda: From(3, None), "needs a regulariser or an augmentation"),
        (lambda: Until(3, WeightClipping()), "needs a regulariser or an augmentation"),
        (lambda: ZeroCentred(-1), "gamma is -1"),
        (lambda: ZeroCentred(on="all"), "on is 'all'"),
        (lambda: Smoothness(push=0), "push is 0"),
        (lambda: GradientPenalty(float("nan")), "weight is nan"),
        (lambda: WeightClipping(0), "limit is 0"),
        (lambda: regularisers.get("smothness"), "did you mean 'smoothness'"),
        (lambda: regularisers.get("smoothness:0.05:0.1:4:9"), "no value number 4"),
        (lambda: regularisers.get("until:5"), "needs step, term"),
    ],
)
def test_bad_values_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# --- layers ---------------------------------------------------------------------------------------


def test_minibatch_discrimination_by_hand():
    x = RANDOM.normal(size=(5, 3)).astype(np.float32)
    layer = MinibatchDiscrimination(kernels=2, size=4)
    found = layer(x).numpy()
    matrices = (x @ layer.kernel.numpy()).reshape(5, 2, 4)
    expected = [
        [sum(np.exp(-np.abs(matrices[i, b] - matrices[j, b]).sum()) for j in range(5)) for b in range(2)]
        for i in range(5)
    ]
    assert np.allclose(found[:, :3], x) and np.allclose(found[:, 3:], expected, atol=1e-5)
    assert np.allclose(layer(np.repeat(x[:1], 5, axis=0))[:, 3:], 5), "a collapsed batch is as close as can be"


@pytest.mark.parametrize("n, groups", [(8, 2), (6, 1)])
def test_minibatch_standard_deviation_by_hand(n, groups):
    x = RANDOM.normal(size=(n, 3, 3, 2)).astype(np.float32)
    found = tf.function(MinibatchStandardDeviation(4))(tf.constant(x)).numpy()
    expected = [group.std(axis=0).mean() for group in np.split(x, groups)]
    assert np.allclose(found[..., :2], x)
    assert np.allclose(found[..., 2], np.repeat(expected, n // groups)[:, None, None], atol=1e-4)


def test_spectral_normalisation_divides_by_the_largest_singular_value_and_leaves_the_kernel_alone():
    dense = layers.Dense(4, use_bias=False)
    layer = SpectralNormalization(dense)
    x = tf.constant(RANDOM.normal(size=(16, 6)), tf.float32)
    layer(x)
    kernel = dense.kernel.numpy()
    for _ in range(100):
        layer(x, training=True)
    assert np.array_equal(dense.kernel, kernel), "Keras' own layer overwrites it"
    u, s, v = np.linalg.svd(kernel)
    assert np.allclose(layer(x), x @ kernel / s[0], atol=1e-3)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(layer(x, training=True) * x[:, :4])
    g = x.numpy().T @ x.numpy()[:, :4]  # of the sum by the normalised kernel; through σ, as section 2.1 of the paper
    expected = (g - np.sum(g * kernel / s[0]) * np.outer(u[:, 0], v[0])) / s[0]
    assert np.allclose(tape.gradient(value, dense.kernel.value), expected, atol=2e-2 * np.abs(expected).max())


def test_a_residual_block_adds_to_what_comes_in():
    x = keras.Input((8, 8, 3))
    shapes = [residual_block(x, 5, how).shape for how in (None, "up", "down")]
    assert shapes == [(None, 8, 8, 5), (None, 16, 16, 5), (None, 4, 4, 5)]
    block = keras.Model(x, residual_block(x, 3))
    for weight in block.layers[-2].weights:
        weight.assign(weight * 0)
    pixels = RANDOM.normal(size=(2, 8, 8, 3)).astype(np.float32)
    assert np.allclose(block(pixels), pixels), "a last convolution of zeros changes nothing"
    with pytest.raises(ValueError, match="resample is 'double'"):
        residual_block(x, 3, "double")
