"""Objectives against closed forms."""

import numpy as np
import pytest
import tensorflow as tf

from gan_helpers import losses


def test_the_two_losses_are_the_textbook_cross_entropies():
    real, fake = tf.constant([[2.0], [-1.0]]), tf.constant([[0.5], [-3.0]])
    d_loss, g_loss = losses.NonSaturating()(real, fake)
    sigmoid = lambda x: 1 / (1 + np.exp(-x.numpy()))  # noqa: E731
    assert float(d_loss) == pytest.approx(
        float(np.mean(-np.log(sigmoid(real))) + np.mean(-np.log(1 - sigmoid(fake)))), rel=1e-5
    )
    assert float(g_loss) == pytest.approx(float(np.mean(-np.log(sigmoid(fake)))), rel=1e-5)


def test_at_equilibrium_they_are_log_4_and_log_2():
    zeros = tf.zeros((8, 1))
    d_loss, g_loss = losses.NonSaturating()(zeros, zeros)
    assert losses.NonSaturating().equilibrium == pytest.approx({"d_loss": np.log(4), "g_loss": np.log(2)})
    assert (float(d_loss), float(g_loss)) == pytest.approx((np.log(4), np.log(2)))


@pytest.mark.parametrize(
    "settings", [dict(label_smoothing=0.1), dict(label_noise=0.15), dict(label_smoothing=0.1, label_noise=0.2)]
)
def test_no_discriminator_gets_below_the_floor_and_the_best_one_reaches_it(settings):
    loss = losses.NonSaturating(**settings)
    logits = np.linspace(-6, 6, 241, dtype=np.float32)
    ones = np.ones((20_000, 1), np.float32)
    d_losses = [float(loss(ones * logit, -ones * 30, seed=(0, 0))[0]) for logit in logits]
    fake_part = min(
        float(loss(ones * 30, ones * logit, seed=(0, 0))[0]) - float(loss(ones * 30, -ones * 30, seed=(0, 0))[0])
        for logit in logits
    )
    best = min(d_losses) + fake_part  # each half minimised on its own
    assert best == pytest.approx(loss.floor, abs=0.01)


def test_label_noise_is_a_function_of_the_seed():
    loss, logits = losses.NonSaturating(label_noise=0.3), tf.ones((16, 1))
    assert loss(logits, logits, (1, 2))[0] == loss(logits, logits, (1, 2))[0]
    assert loss(logits, logits, (1, 2))[0] != loss(logits, logits, (1, 3))[0]


def test_bad_values_are_named():
    with pytest.raises(ValueError, match="label_noise is 0.7"):
        losses.NonSaturating(label_noise=0.7)
    with pytest.raises(ValueError, match="'hinge'.*'non_saturating'"):
        losses.get("hinge")


def test_swapped_labels_and_their_mean():
    """Real 0, generated 1, one mean over both, as with Keras' own cross-entropy on the two put together."""
    import keras

    real, fake = tf.constant([[2.0], [-1.0]]), tf.constant([[0.5], [-3.0]])
    d_loss, g_loss = losses.NonSaturating(real_label=0, average=True)(real, fake)
    both, labels = tf.concat([real, fake], 0), tf.constant([[0.0], [0.0], [1.0], [1.0]])
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    assert float(d_loss) == pytest.approx(float(cross_entropy(labels, both)), rel=1e-5)
    assert float(g_loss) == pytest.approx(float(cross_entropy(tf.zeros((2, 1)), fake)), rel=1e-5)
    noisy = losses.NonSaturating(label_noise=0.15, real_label=0, average=True)
    assert noisy.floor == pytest.approx(0.27, abs=0.005)
    assert noisy.equilibrium == pytest.approx({"d_loss": np.log(2), "g_loss": np.log(2)})
    with pytest.raises(ValueError, match="real_label is 2"):
        losses.NonSaturating(real_label=2)


def test_accuracies_follow_the_labels(small_gan, some_images):
    """Which logit says "real" is a matter of the labels: a discriminator that says 5 to everything is right once."""
    for real_label, expected in ((1, (1, 0)), (0, (0, 1))):
        gan = small_gan(loss=losses.NonSaturating(real_label=real_label))
        last = gan.discriminator.layers[-1]
        last.kernel.assign(last.kernel * 0)
        last.bias.assign([5.0])
        logs = gan.train_step(tf.cast(some_images[:8], tf.float32) / 255)
        assert (float(logs["d_real_accuracy"]), float(logs["d_fake_accuracy"])) == expected
