"""The exercises of lesson 02."""

import contextlib
import math

import numpy as np

from gan_helpers.course.exercises.checks import (
    bce,
    called,
    close,
    fixed,
    keras,
    like_on,
    numbers,
    slip_as,
    tf,
)
from gan_helpers.course.exercises.exercise import Exercise, Slip, Test

SETUP = """import keras
import numpy as np
import tensorflow as tf
from keras import layers"""


def _logits() -> list:
    """Exercise 2.3: more generated logits than real ones, then some that are far out."""
    return [(fixed(4, 1), fixed(6, 1, seed=1)), (np.float32([[100], [-100]]), np.float32([[90], [-120]]))]


def _twice(logits):
    """What comes of taking probabilities for logits."""
    return tf.sigmoid(logits)


def _both_halves(real_logits, fake_logits):
    return bce(real_logits, 1.0) + bce(fake_logits, 0.0)


def _with_logarithms(real_logits, fake_logits):
    real, fake = tf.sigmoid(real_logits), tf.sigmoid(fake_logits)
    return -tf.reduce_mean(tf.math.log(real)) - tf.reduce_mean(tf.math.log(1 - fake))


def _by_keras(real_logits, fake_logits):
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    return loss(tf.ones_like(real_logits), real_logits) + loss(tf.zeros_like(fake_logits), fake_logits)


_discriminates = like_on(_logits, wrt=("real_logits", "fake_logits"))
_generates = like_on(lambda: [(fixed(5, 1, seed=2),), (np.float32([[-100], [80]]),)], wrt=("fake_logits",))
_generates_nearby = like_on(lambda: [(fixed(5, 1, seed=2),)], wrt=("fake_logits",))
_discriminates_nearby = like_on(lambda: _logits()[:1], wrt=("real_logits", "fake_logits"))


def _players(passed: list) -> tuple:
    """Exercise 2.5: two tiny networks, always with the same weights; `passed` grows with each gradient in the generator."""

    @tf.custom_gradient
    def counted(x):
        def backward(slope):
            passed.append(1)
            return slope

        return tf.identity(x), backward

    class Counted(keras.layers.Layer):
        def call(self, x):
            return counted(x)

    dense = keras.layers.Dense
    generator = keras.Sequential([keras.Input((2,)), dense(3, activation="tanh"), dense(2), Counted()])
    discriminator = keras.Sequential([keras.Input((2,)), dense(4, activation="tanh"), dense(1)])
    for player in (generator, discriminator):
        player.set_weights([fixed(*weight.shape, seed=k) for k, weight in enumerate(player.weights)])
    return generator, discriminator


def _two_steps(step) -> tuple[np.ndarray, int]:
    """Exercise 2.5: all weights after two steps, and how many gradients went through the generator."""
    passed = []
    generator, discriminator = _players(passed)
    rates = {"g_optimizer": keras.optimizers.SGD(0.5), "d_optimizer": keras.optimizers.SGD(0.25)}
    for k in range(2):
        batch = {"real": tf.constant(fixed(6, 2, seed=10 + k)), "latents": tf.constant(fixed(6, 2, seed=20 + k))}
        called(step, generator=generator, discriminator=discriminator, **rates, **batch)
    return np.concatenate([weight.ravel() for weight in generator.get_weights() + discriminator.get_weights()]), len(
        passed
    )


def _steps_like(formula, spared: bool | None = None) -> Test:
    """A test for training steps: two of them move all weights as two of `formula` do.

    Args:
        spared: whether the discriminator's gradient must stay out of the generator; None: either.
    """

    def is_right(step) -> bool:
        weights, passed = _two_steps(step)
        moved = np.allclose(weights, _two_steps(formula)[0], rtol=1e-3, atol=1e-4)
        return moved and spared in (None, passed <= 2)

    return is_right


def _a_step(d_goal="d", g_goal="g", recorded=False):
    """A training step whose players go down these losses; `recorded`: the discriminator's tape sees the generator."""

    def step(generator, discriminator, g_optimizer, d_optimizer, real, latents):
        with tf.GradientTape() as g_tape, tf.GradientTape() as d_tape:
            with contextlib.nullcontext() if recorded else d_tape.stop_recording():
                fake = generator(latents, training=True)
            real_logits, fake_logits = discriminator(real, training=True), discriminator(fake, training=True)
            losses = {"d": _both_halves(real_logits, fake_logits), "g": bce(fake_logits, 1.0)}
            losses["both"] = losses["d"] + losses["g"]
            losses["saturating"] = -bce(fake_logits, 0.0)
        d_gradients = d_tape.gradient(losses[d_goal], discriminator.trainable_variables)
        g_gradients = g_tape.gradient(losses[g_goal], generator.trainable_variables)
        d_optimizer.apply(d_gradients, discriminator.trainable_variables)
        g_optimizer.apply(g_gradients, generator.trainable_variables)

    return step


def _a_step_with_two_looks(generator, discriminator, g_optimizer, d_optimizer, real, latents):
    with tf.GradientTape() as g_tape:
        fake = generator(latents)
        g_loss = bce(discriminator(fake), 1.0)
    with tf.GradientTape() as d_tape:
        d_loss = _both_halves(discriminator(real), discriminator(fake))
    d_gradients = d_tape.gradient(d_loss, discriminator.trainable_variables)
    g_optimizer.apply(g_tape.gradient(g_loss, generator.trainable_variables), generator.trainable_variables)
    d_optimizer.apply(d_gradients, discriminator.trainable_variables)


def _humps(samples) -> tuple[float, float, float]:
    """Exercise 2.6: the share of numbers above 0, the share within 1 of a hump's middle, and their spread around it.

    Raises:
        ValueError: they are not 10,000 numbers.
    """
    samples = numbers(samples)
    if samples.shape != (10_000,):
        raise ValueError(f"expected 10,000 numbers, got the shape {samples.shape}")
    away = np.abs(samples) - 2
    return (samples > 0).mean(), (np.abs(away) < 1).mean(), away[np.abs(away) < 1].std()


def _drawn(middles, deviation: float, between: float = 0.0) -> np.ndarray:
    """10,000 numbers around `middles`, a share of them anywhere between -2 and 2."""
    rng = np.random.default_rng(0)
    samples = rng.normal(rng.choice(middles, 10_000), deviation)
    return np.where(rng.random(10_000) < between, rng.uniform(-2, 2, 10_000), samples)


def _covers_both(samples) -> bool:
    """Exercise 2.6: both humps, with little in between, and each as wide as a hump should be."""
    above, near, spread = _humps(samples)
    return 0.3 <= above <= 0.7 and near >= 0.85 and spread >= 0.15


EXERCISES: dict[str, Exercise] = {
    "2.1": Exercise(
        title="the best answer at one place",
        prompt="""At some $x$ the real density is 0.3 and the generated density is 0.1. What does the best discriminator answer there? Give the pair `(probability, logit)`, to two decimals.""",
        stub="answer_1 = None  # (probability, logit)",
        answer="answer_1",
        hints=(
            "put 0.3 and 0.1 into `D* = p_data / (p_data + p_g)`.",
            "the logit is `log(D / (1 - D))`, with the natural logarithm.",
            "the probability is `0.3 / 0.4`, the logit `log(0.3 / 0.1)`.",
        ),
        is_right=close([0.75, np.log(3)]),
        why="The best probability is 3/4; the best logit is log 3, the log of the ratio of the two densities.",
        solution="""best = 0.3 / (0.3 + 0.1)
answer_1 = (best, np.log(best / (1 - best)))
print(f"probability {best:.2f}, logit {answer_1[1]:.3f}")""",
        because="""The best discriminator's answer where the real density is 0.3 and the generated one 0.1, as `(probability, logit)`.

Of four samples at this place, three are real. The logit is the log of the odds, and the odds are the ratio of the densities, 3 to 1: a logit is a log ratio of densities.""",
        slips=(
            Slip(close([np.log(3), 0.75]), "the probability comes first, the logit second.", lambda: [(1.1, 0.75)]),
            Slip(
                close([0.25, -np.log(3)]),
                "that is the share of the generated samples; D gives the share of the real ones.",
                lambda: [(0.25, -1.1)],
            ),
            Slip(
                close([0.75, np.log2(3)]),
                "the logit takes the natural logarithm, np.log, not base 2.",
                lambda: [(0.75, 1.585)],
            ),
            Slip(
                close([0.75, np.log10(3)]),
                "the logit takes the natural logarithm, np.log, not base 10.",
                lambda: [(0.75, 0.477)],
            ),
            Slip(
                close([0.75, -np.log(3)]),
                "mind the sign: a probability above one half has a positive logit.",
                lambda: [(0.75, -1.0986)],
            ),
            Slip(close([0.75, 3]), "3 is the ratio of the densities; the logit is its logarithm.", lambda: [(0.75, 3)]),
            Slip(
                close([0.75, np.log(0.75)]),
                "log D is not yet the logit, which is log(D / (1 - D)).",
                lambda: [(0.75, -0.288)],
            ),
            Slip(
                lambda answer: numbers(answer).shape != (2,), "a pair is wanted: (probability, logit).", lambda: [0.75]
            ),
        ),
        right=lambda: [
            (0.75, math.log(3)),
            [0.75, 1.1],
            (0.75, 1.0986),
            np.array([[0.75, 1.099]]),
            tf.constant([0.75, 1.0986]),
            (tf.constant(3 / 4), np.float32(1.1)),
            ("0.75", "1.10"),
        ],
        wrong=lambda: [(0.75, 1.09), (0.7, 1.1)],
        raising=lambda: [("three quarters", "could not convert string to float: 'three quarters'")],
    ),
    "2.2": Exercise(
        title="the lowest loss there is",
        prompt="""Say there are only three possible samples. Real ones have probabilities `(½, ½, 0)`, generated ones `(0, ½, ½)`. What is the **lowest loss** that any discriminator can reach? (Sum of both cross-entropies, natural logarithm, two decimals.)""",
        stub="answer_2 = None  # a number",
        answer="answer_2",
        hints=(
            "write D* for each of the three samples; two of them are certain.",
            "a certain sample costs nothing, so only the second one counts: D* is 1/2 there.",
            "the second one costs 1/2 log 2 when it is real and 1/2 log 2 when it is generated.",
        ),
        is_right=close(np.log(2)),
        why="log 2: half of log 4, because the two kinds overlap in half of their samples.",
        solution="""p, q = np.array([0.5, 0.5, 0.0]), np.array([0.0, 0.5, 0.5])
d = p / (p + q)
cost_of_real = -(p[p > 0] * np.log(d[p > 0])).sum()
cost_of_generated = -(q[q > 0] * np.log(1 - d[q > 0])).sum()
answer_2 = cost_of_real + cost_of_generated
print(f"{answer_2:.4f} = log 2, so JS = (log 4 - log 2) / 2 = {(np.log(4) - answer_2) / 2:.4f}")""",
        because="""The lowest discriminator loss for real samples with probabilities `(½, ½, 0)` against generated ones with `(0, ½, ½)`.

The first sample is always real and the third always generated, so both are recognised and cost nothing. The second is equally often real and generated: D* = ½, and each kind pays log 2 in half of its cases.""",
        slips=(
            Slip(
                close(np.log(4)),
                "log 4 is for kinds that overlap wholly; here half of each kind's samples are certain.",
                lambda: [1.386],
            ),
            Slip(
                close(np.log(2) / 2),
                "that is one of the two cross-entropies, or their mean; the loss is their sum.",
                lambda: [0.3466],
            ),
            Slip(close(1), "that is measured in bits; take the natural logarithm.", lambda: [1]),
            Slip(close(-np.log(2)), "mind the sign: that is V, and the loss is -V.", lambda: [-0.693]),
            Slip(close(0), "nobody can be certain of the second sample: it comes from both.", lambda: [0]),
        ),
        right=lambda: [math.log(2), 0.69, 0.6931, np.array(0.693), np.array([0.69]), tf.constant(0.6931)],
        wrong=lambda: [0.5, 0.68, (0.35, 0.35)],
    ),
    "2.3": Exercise(
        title="the discriminator's loss",
        prompt=r"""Write `discriminator_loss(real_logits, fake_logits)` in TensorFlow: the two cross-entropies of section 3, each averaged over its own samples, added.

$$L_D = -\operatorname{mean} \log \sigma(d(x)) - \operatorname{mean} \log(1 - \sigma(d(G(z))))$$

It must survive logits of ±100. The check compares values and gradients on logits that you have not seen.""",
        stub="""def discriminator_loss(real_logits, fake_logits):
    ...  # your code""",
        answer="discriminator_loss",
        hints=(
            "a real sample costs `-log σ(l)`, a generated one `-log(1 - σ(l))`; take the mean of each kind, then add the two.",
            "`keras.losses.BinaryCrossentropy(from_logits=True)` computes both: real logits with ones, generated logits with zeros.",
            "or by hand: `-log σ(l)` is `tf.nn.softplus(-l)`, and `-log(1 - σ(l))` is `tf.nn.softplus(l)`.",
        ),
        is_right=_discriminates(_both_halves),
        why="It drives real logits up and generated ones down, each in proportion to how wrong it still is.",
        solution="""def discriminator_loss(real_logits, fake_logits):
    cost_of_real = tf.reduce_mean(tf.nn.softplus(-real_logits))
    cost_of_fake = tf.reduce_mean(tf.nn.softplus(fake_logits))
    return cost_of_real + cost_of_fake""",
        because=r"""The *softplus* is $\log(1 + e^l)$. Since $\sigma(l) = 1 / (1 + e^{-l})$, it gives $-\log \sigma(l) = \operatorname{softplus}(-l)$ and $-\log(1 - \sigma(l)) = \operatorname{softplus}(l)$, without ever taking the logarithm of 0. The slope with respect to a real logit is $-(1 - \sigma(l))$, divided by the number of real samples: large while the discriminator is wrong, nearly 0 once it is sure.""",
        slips=(
            slip_as(
                _discriminates,
                "that is the sum over the samples; take the mean, or the step would grow with the batch.",
                lambda real_logits, fake_logits: (
                    bce(real_logits, 1.0, tf.reduce_sum) + bce(fake_logits, 0.0, tf.reduce_sum)
                ),
            ),
            slip_as(
                _discriminates,
                "the labels have changed places: real samples belong to 1, generated ones to 0.",
                lambda real_logits, fake_logits: bce(real_logits, 0.0) + bce(fake_logits, 1.0),
            ),
            slip_as(
                _discriminates,
                "the sigmoid is applied twice: with `from_logits=True`, hand over the logits themselves.",
                lambda real_logits, fake_logits: _both_halves(_twice(real_logits), _twice(fake_logits)),
            ),
            slip_as(
                _discriminates,
                "that is the mean of the two halves; the course adds them, so that a draw costs log 4.",
                lambda real_logits, fake_logits: _both_halves(real_logits, fake_logits) / 2,
            ),
            slip_as(
                _discriminates,
                "that is the real half alone; without the other, answering 'real' to everything would be best.",
                lambda real_logits, fake_logits: bce(real_logits, 1.0) + 0.0 * tf.reduce_sum(fake_logits),
            ),
            Slip(
                _discriminates_nearby(_both_halves),
                "right, but not for logits of ±100: σ is rounded to 0 or 1, and its logarithm with it; use softplus, or from_logits=True.",
                lambda: [_with_logarithms],
            ),
        ),
        example=(
            "discriminator_loss(tf.constant([[2.0], [0.0]]), tf.constant([[-1.0], [1.0]]))",
            1.2233,
        ),
        right=lambda: [
            _both_halves,
            _by_keras,
            lambda real, fake: _both_halves(tf.squeeze(real), tf.squeeze(fake)),
            tf.function(_both_halves),
        ],
        wrong=lambda: [lambda real_logits, fake_logits: tf.reduce_mean(real_logits) - tf.reduce_mean(fake_logits)],
        raising=lambda: [
            (
                lambda real_logits, fake_logits: _both_halves(*map(np.asarray, (real_logits, fake_logits))),
                "no gradient",
            ),
        ],
    ),
    "2.4": Exercise(
        title="the generator's loss",
        prompt=r"""Write section 5's non-saturating loss, `generator_loss(fake_logits)`, in TensorFlow:

$$L_G = -\operatorname{mean} \log \sigma(d(G(z)))$$

Again it must survive logits of ±100, and values and gradients are compared.""",
        stub="""def generator_loss(fake_logits):
    ...  # your code""",
        answer="generator_loss",
        hints=(
            "The generator wants its samples to be called real: which label is that?",
            "It is the real half of the discriminator's loss, on generated logits.",
            "Return `tf.reduce_mean(tf.nn.softplus(-fake_logits))`.",
        ),
        is_right=_generates(lambda fake_logits: bce(fake_logits, 1.0)),
        why="Its slope is -(1 - σ(l)): the surer the discriminator is of a fake, the stronger the generator's gradient.",
        solution="""def generator_loss(fake_logits):
    return tf.reduce_mean(tf.nn.softplus(-fake_logits))


logits = tf.constant([-6.0, 0.0, 6.0])
with tf.GradientTape() as tape:
    tape.watch(logits)
    loss = generator_loss(logits)
print("slopes times the number of samples:", (3 * tape.gradient(loss, logits)).numpy().round(3))""",
        because="""Cross-entropy of the generated logits against the label 1. The slopes show what the name promises: at logit −6, where the generator is losing, the gradient is almost as large as it can be.""",
        slips=(
            slip_as(
                _generates,
                "that is the saturating loss, mean of log(1 - D): it saturates, just where the generator is losing.",
                lambda fake_logits: -bce(fake_logits, 0.0),
            ),
            slip_as(
                _generates,
                "that compares with 0, as the discriminator does; the generator wants to be called real.",
                lambda fake_logits: bce(fake_logits, 0.0),
            ),
            slip_as(
                _generates,
                "mind the sign: a loss is minimised, so it is -log D and not log D.",
                lambda fake_logits: -bce(fake_logits, 1.0),
            ),
            slip_as(
                _generates,
                "that is the sum over the samples; take the mean.",
                lambda fake_logits: bce(fake_logits, 1.0, tf.reduce_sum),
            ),
            slip_as(
                _generates,
                "the sigmoid is applied twice: with `from_logits=True`, hand over the logits themselves.",
                lambda fake_logits: bce(_twice(fake_logits), 1.0),
            ),
            Slip(
                _generates_nearby(lambda fake_logits: bce(fake_logits, 1.0)),
                "right, but not at logit -100, where σ is rounded to 0: use softplus, or from_logits=True.",
                lambda: [lambda fake_logits: -tf.reduce_mean(tf.math.log(tf.sigmoid(fake_logits)))],
            ),
        ),
        example=("generator_loss(tf.constant([[-2.0], [1.0]]))", 1.2201),
        right=lambda: [
            lambda fake_logits: bce(fake_logits, 1.0),
            lambda logits: keras.losses.BinaryCrossentropy(from_logits=True)(tf.ones_like(logits), logits),
            lambda logits: -tf.reduce_mean(tf.math.log_sigmoid(logits)),
        ],
        wrong=lambda: [lambda fake_logits: -tf.reduce_mean(fake_logits)],
        raising=lambda: [(lambda fake_logits: np.logaddexp(0, -fake_logits.numpy()).mean(), "no gradient flows back")],
    ),
    "2.5": Exercise(
        title="a training step with three holes",
        prompt="""Fill the three holes in section 3's training step.

1. That step is wasteful: `d_tape` records how the fakes were made, so `d_loss` is differentiated all the way back through the generator, for nothing. Stop **that tape's** recording while the generator draws.
2. The discriminator's gradients: from which tape, of which loss, with respect to which weights?
3. The same for the generator.

The check trains two tiny networks, compares their weights, and counts the gradients that pass through the generator.""",
        stub="""def my_train_step(generator, discriminator, g_optimizer, d_optimizer, real, latents):
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    with tf.GradientTape() as g_tape, tf.GradientTape() as d_tape:
        with ...:  # hole 1
            fake = generator(latents, training=True)
        real_logits = discriminator(real, training=True)
        fake_logits = discriminator(fake, training=True)
        d_loss = loss(tf.ones_like(real_logits), real_logits) + loss(tf.zeros_like(fake_logits), fake_logits)
        g_loss = loss(tf.ones_like(fake_logits), fake_logits)
    d_gradients = ...  # hole 2
    g_gradients = ...  # hole 3
    d_optimizer.apply(d_gradients, discriminator.trainable_variables)
    g_optimizer.apply(g_gradients, generator.trainable_variables)
    return d_loss, g_loss""",
        answer="my_train_step",
        hints=(
            "a tape has `stop_recording()`, for a `with` block, and `gradient(loss, weights)`.",
            "hole 1 is `d_tape.stop_recording()`: only that tape rests, the generator's goes on.",
            "hole 2 is `d_tape.gradient(d_loss, discriminator.trainable_variables)`; hole 3 is the same with g and the generator.",
        ),
        is_right=_steps_like(_a_step(), spared=True),
        why="Each player goes down its own loss with its own weights, and no gradient is computed that nobody needs.",
        solution="""def my_train_step(generator, discriminator, g_optimizer, d_optimizer, real, latents):
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    with tf.GradientTape() as g_tape, tf.GradientTape() as d_tape:
        with d_tape.stop_recording():
            fake = generator(latents, training=True)
        real_logits = discriminator(real, training=True)
        fake_logits = discriminator(fake, training=True)
        d_loss = loss(tf.ones_like(real_logits), real_logits) + loss(tf.zeros_like(fake_logits), fake_logits)
        g_loss = loss(tf.ones_like(fake_logits), fake_logits)
    d_gradients = d_tape.gradient(d_loss, discriminator.trainable_variables)
    g_gradients = g_tape.gradient(g_loss, generator.trainable_variables)
    d_optimizer.apply(d_gradients, discriminator.trainable_variables)
    g_optimizer.apply(g_gradients, generator.trainable_variables)
    return d_loss, g_loss""",
        because="""Without `stop_recording` the weights come out the same, only later: a tape goes back through everything it has recorded, even where nobody asked for a gradient. The package's own `GAN.train_step` has the same line. `tf.stop_gradient(fake)` before the discriminator would not do, because the generator's own gradient has to pass there.""",
        slips=(
            Slip(
                _steps_like(_a_step(), spared=False),
                "the weights are right, but the discriminator's gradient still runs back through the generator: d_tape.stop_recording().",
                lambda: [_a_step(recorded=True)],
            ),
            Slip(
                _steps_like(_a_step(g_goal="d")),
                "the generator goes down the discriminator's loss, so it helps its opponent: take g_loss.",
                lambda: [_a_step(g_goal="d")],
            ),
            Slip(
                _steps_like(_a_step(d_goal="g")),
                "the discriminator goes down the generator's loss, and learns to be fooled: take d_loss.",
                lambda: [_a_step(d_goal="g", recorded=True), _a_step(d_goal="g")],
            ),
            Slip(
                _steps_like(_a_step(d_goal="both")),
                "the discriminator goes down both losses at once, which pull in opposite directions: d_loss alone is its own.",
                lambda: [_a_step(d_goal="both")],
            ),
            Slip(
                _steps_like(_a_step(g_goal="saturating")),
                "that is the saturating loss; the step of section 3 compares generated logits with ones.",
                lambda: [_a_step(g_goal="saturating")],
            ),
        ),
        right=lambda: [_a_step(), _a_step_with_two_looks],
        wrong=lambda: [lambda *_: None],
        raising=lambda: [(lambda generator: None, "TypeError")],
    ),
    "2.6": Exercise(
        title="an experiment: two humps",
        prompt="""Half of the data now comes from a bell curve around −2, half from one around 2, both with standard deviation 0.5. Train a GAN on them, and set `samples` to 10,000 generated numbers. (Take your step of 2.5 or that of section 3, in a new `tf.function` for every new game.) The check wants

- between 30 % and 70 % of them above 0;
- at least 85 % of them within 1 of −2 or 2 (of real ones, 95 %);
- a standard deviation of at least 0.15 within the humps.

With section 1's networks and 1,000 steps, about a fifth end up elsewhere. Why, and what would help?""",
        stub="samples = None  # 10,000 generated numbers",
        answer="samples",
        hints=(
            "where are the numbers that belong to neither hump? Draw a histogram.",
            "between the humps the generator has to be very steep; what would make it more flexible?",
            "two hidden layers of 32 ReLU units and 1,000 steps are enough, with Adam at 1e-3 and 2e-3.",
        ),
        is_right=_covers_both,
        why="A continuous generator cannot leave a gap, but a deeper one can be steep enough to put few numbers into it.",
        solution="""def new_network():
    hidden = [layers.Dense(32, activation="relu") for _ in range(2)]
    return keras.Sequential([keras.Input((1,)), *hidden, layers.Dense(1)])


keras.utils.set_random_seed(7)
rng = np.random.default_rng(7)
players = new_network(), new_network()
optimizers = keras.optimizers.Adam(1e-3, beta_1=0.5), keras.optimizers.Adam(2e-3, beta_1=0.5)
fast_step = tf.function(my_train_step)
for _ in range(1_000):
    real = rng.normal(rng.choice([-2.0, 2.0], (256, 1)), 0.5).astype(np.float32)
    fast_step(*players, *optimizers, tf.constant(real), tf.random.normal((256, 1)))
samples = players[0](tf.random.normal((10_000, 1))).numpy().ravel()""",
        because="""The latent numbers form a single hump, and a network is a continuous function. So somewhere, around one latent number, it has to pass through everything between −2 and 2. The steeper it is there, the fewer samples fall into the gap. A single layer of 16 units learns that slowly; two layers of 32 ReLU units do it within 1,000 steps. The same happens in images: between two kinds of clothes a continuous generator has to draw things that are half shirt, half dress.""",
        slips=(
            Slip(
                lambda samples: not 0.1 < _humps(samples)[0] < 0.9,
                "nearly all numbers lie on one side: the generator has collapsed to one hump; start again, or give the discriminator the higher rate.",
                lambda: [_drawn([2], 0.5), _drawn([-2], 0.1)],
            ),
            Slip(
                lambda samples: _humps(samples)[1] < 0.85,
                "too many numbers lie between the humps or outside: a deeper or wider generator leaves fewer, and more steps help too.",
                lambda: [_drawn([-2, 2], 0.5, between=0.5), _drawn([0], 2.0)],
            ),
            Slip(
                lambda samples: _humps(samples)[2] < 0.15,
                "two needles: each hump should be a bell, not one number over and over.",
                lambda: [_drawn([-2, 2], 0.05)],
            ),
        ),
        right=lambda: [
            _drawn([-2, 2], 0.5),
            _drawn([-2, 2], 0.4, between=0.1)[:, None],
            tf.constant(_drawn([-2, 2, 2], 0.5)),
        ],
        wrong=lambda: [_drawn([-2, 2, 2, 2], 0.5)],
        raising=lambda: [(_drawn([-2, 2], 0.5)[:5000], "expected 10,000 numbers, got the shape (5000,)")],
    ),
}
