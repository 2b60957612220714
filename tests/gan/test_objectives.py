"""Objectives against closed forms: values, gradients, and what their charts mean."""

import numpy as np
import pytest
import tensorflow as tf

from gan_helpers.gan import objectives
from gan_helpers.gan.draws import Draws
from gan_helpers.gan.look import Look
from gan_helpers.gan.objectives import NonSaturating

REAL, FAKE = np.array([[2.0], [-1.0], [0.3]]), np.array([[0.5], [-3.0], [1.7]])
N = len(REAL)


def look_at(real, fake, step=0):
    return Look(tf.constant(real, tf.float32), tf.constant(fake, tf.float32), draws=Draws(0, step))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# Per objective: both losses, and the slopes of the discriminator's by real and fake logits, of the generator's by fake ones.
CLOSED_FORMS = {
    "saturating": (
        lambda r, f: np.mean(-np.log(sigmoid(r))) + np.mean(-np.log(1 - sigmoid(f))),
        lambda r, f: np.mean(np.log(1 - sigmoid(f))),
        lambda r, f: (sigmoid(r) - 1, sigmoid(f), -sigmoid(f)),
    ),
    "non_saturating": (
        lambda r, f: np.mean(-np.log(sigmoid(r))) + np.mean(-np.log(1 - sigmoid(f))),
        lambda r, f: np.mean(-np.log(sigmoid(f))),
        lambda r, f: (sigmoid(r) - 1, sigmoid(f), sigmoid(f) - 1),
    ),
    "least_squares": (
        lambda r, f: np.mean((r - 1) ** 2) / 2 + np.mean(f**2) / 2,
        lambda r, f: np.mean((f - 1) ** 2) / 2,
        lambda r, f: (r - 1, f, f - 1),
    ),
    "hinge": (
        lambda r, f: np.mean(np.maximum(0, 1 - r)) + np.mean(np.maximum(0, 1 + f)),
        lambda r, f: -np.mean(f),
        lambda r, f: (-1.0 * (r < 1), 1.0 * (f > -1), -np.ones_like(f)),
    ),
    "wasserstein": (
        lambda r, f: np.mean(f) - np.mean(r),
        lambda r, f: -np.mean(f),
        lambda r, f: (-np.ones_like(r), np.ones_like(f), -np.ones_like(f)),
    ),
    "relativistic": (
        lambda r, f: np.mean(-np.log(sigmoid(r - f))),
        lambda r, f: np.mean(-np.log(sigmoid(f - r))),
        lambda r, f: (sigmoid(r - f) - 1, 1 - sigmoid(r - f), sigmoid(f - r) - 1),
    ),
}


def test_every_objective_has_its_closed_form():
    ours = {name for name, made in objectives.OBJECTIVES.known.items() if made.__module__ == objectives.__name__}
    assert CLOSED_FORMS.keys() == ours


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_values_and_gradients(name):
    d_form, g_form, slopes = CLOSED_FORMS[name]
    real, fake = tf.Variable(REAL, dtype=tf.float32), tf.Variable(FAKE, dtype=tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        d_loss, g_loss = objectives.get(name)(Look(real + 0.0, fake + 0.0))
    assert (float(d_loss), float(g_loss)) == pytest.approx((d_form(REAL, FAKE), g_form(REAL, FAKE)), abs=1e-5)
    found = (*tape.gradient(d_loss, [real, fake]), tape.gradient(g_loss, fake))
    for slope, expected in zip(found, slopes(REAL, FAKE)):
        assert np.allclose(slope, expected / N, atol=1e-5)


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_equilibrium_and_floor_are_where_the_losses_stand(name):
    """A discriminator that cannot tell apart gives one output to all: its loss is then least at the equilibrium's."""
    objective = objectives.get(name)
    outputs = np.linspace(-3, 3, 601)
    pairs = [tuple(map(float, objective(look_at([[x]], [[x]])))) for x in outputs]
    best = min(d_loss for d_loss, _ in pairs)
    assert best == pytest.approx(objective.equilibrium["d_loss"], abs=1e-3)
    there = [g_loss for d_loss, g_loss in pairs if d_loss < best + 1e-4]
    if "g_loss" in objective.equilibrium:
        assert np.allclose(there, objective.equilibrium["g_loss"], atol=0.02)
    else:
        assert np.ptp(there) > 1, "the generator's loss is not determined there"
    apart = [float(objective(look_at([[x]], [[y]]))[0]) for x in (1.0, 60.0) for y in (0.0, -1.0, -60.0)]
    if objective.floor is None:
        assert min(apart) < -100, "there is no floor"
    else:
        assert min(apart) == pytest.approx(objective.floor, abs=1e-6)


def test_only_objectives_whose_logits_have_a_sign_call_anything_real():
    logits = tf.constant([[-0.1], [0.2], [0.7]])
    called = {
        name: objectives.get(name).calls_real(logits)[:, 0].numpy().tolist()
        for name in CLOSED_FORMS
        if hasattr(objectives.get(name), "calls_real")
    }
    by_sign, by_half = [False, True, True], [False, False, True]
    assert called == {
        **dict.fromkeys(("saturating", "non_saturating", "hinge"), by_sign),
        "least_squares": by_half,
    }


@pytest.mark.parametrize(
    "settings", [dict(label_smoothing=0.1), dict(label_noise=0.15), dict(label_smoothing=0.1, label_noise=0.2)]
)
def test_no_discriminator_gets_below_the_floor_and_the_best_one_reaches_it(settings):
    loss = NonSaturating(**settings)
    logits = np.linspace(-6, 6, 241, dtype=np.float32)
    ones = np.ones((20_000, 1), np.float32)
    d_losses = [float(loss(look_at(ones * logit, -ones * 30))[0]) for logit in logits]
    fake_part = min(
        float(loss(look_at(ones * 30, ones * logit))[0]) - float(loss(look_at(ones * 30, -ones * 30))[0])
        for logit in logits
    )
    best = min(d_losses) + fake_part  # each half minimised on its own
    assert best == pytest.approx(loss.floor, abs=0.01)


def test_label_noise_is_a_function_of_seed_and_step():
    loss, logits = NonSaturating(label_noise=0.3), np.ones((16, 1))
    first, again, later = (float(loss(look_at(logits, logits, step))[0]) for step in (2, 2, 3))
    assert first == again != later


def test_swapped_labels_and_their_mean():
    """Real 0, generated 1, one mean over both, as with Keras' own cross-entropy on the two put together."""
    import keras

    look = look_at(REAL, FAKE)
    d_loss, g_loss = NonSaturating(real_label=0, average=True)(look)
    both, labels = tf.concat([look.real_logits, look.fake_logits], 0), tf.constant([[0.0]] * N + [[1.0]] * N)
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    assert float(d_loss) == pytest.approx(float(cross_entropy(labels, both)), rel=1e-5)
    assert float(g_loss) == pytest.approx(float(cross_entropy(tf.zeros((N, 1)), look.fake_logits)), rel=1e-5)
    noisy = NonSaturating(label_noise=0.15, real_label=0, average=True)
    assert noisy.floor == pytest.approx(0.27, abs=0.005)
    assert noisy.equilibrium == pytest.approx({"d_loss": np.log(2), "g_loss": np.log(2)})


def test_bad_values_are_named():
    with pytest.raises(ValueError, match="label_noise is 0.7"):
        NonSaturating(label_noise=0.7)
    with pytest.raises(ValueError, match="real_label is 2"):
        NonSaturating(real_label=2)
    with pytest.raises(ValueError, match="'hing' is no objective; did you mean 'hinge'"):
        objectives.get("hing")


def test_accuracies_follow_the_labels(small_gan, some_images):
    """Which logit says "real" is a matter of the labels: a discriminator that says 5 to everything is right once."""
    for real_label, expected in ((1, (1, 0)), (0, (0, 1))):
        gan = small_gan(loss=NonSaturating(real_label=real_label))
        last = gan.discriminator.layers[-1]
        last.kernel.assign(last.kernel * 0)
        last.bias.assign([5.0])
        logs = gan.train_step(tf.cast(some_images[:8], tf.float32) / 255)
        assert (float(logs["d_real_accuracy"]), float(logs["d_fake_accuracy"])) == expected
