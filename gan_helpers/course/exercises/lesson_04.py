"""The exercises of lesson 04."""

import functools
import types

import numpy as np

from gan_helpers.course.exercises.checks import (
    Later,
    bce,
    called,
    close,
    fixed,
    keras,
    like_on,
    slip_as,
    tf,
)
from gan_helpers.course.exercises.exercise import Cell, Exercise, Slip, Test

fashion_mnist, judges, metrics = map(
    Later, ("gan_helpers.data.fashion_mnist", "gan_helpers.metrics.judges", "gan_helpers.metrics")
)

SETUP = """import keras
import numpy as np
import tensorflow as tf

from gan_helpers import metrics
from gan_helpers.metrics import judges"""

ENTROPY = -0.7 * np.log(0.7) - 0.3 * np.log(0.3)  # exercise 4.1: what a target of 0.7 costs


# --- answers, right and wrong ---------------------------------------------------------------------


DECAYS = (0, 0.9), (1, 0.9), (500, 0.9)  # exercise 4.2: step and decay of three updates, one after another


def _after_updates(update) -> np.ndarray:
    """Exercise 4.2: the averages, then the weights, after a few updates; the weights move in between."""
    shapes = (3, 2), (2,)
    averages, weights = ([keras.Variable(fixed(*shape, seed=seed)) for shape in shapes] for seed in (0, 1))
    for k, (step, decay) in enumerate(DECAYS):
        for weight in weights:
            weight.assign(fixed(*weight.shape, seed=2 + k))
        called(update, averages=averages, weights=weights, step=step, decay=decay)
    return np.concatenate([np.ravel(variable) for variable in (*averages, *weights)])


def _updates_like(formula) -> Test:
    """A test for updates: they leave averages and weights as `formula` leaves them."""
    return lambda update: np.allclose(_after_updates(update), _after_updates(formula), rtol=1e-3, atol=1e-5)


def _an_update(decay_of_step=min, swapped=False, into="averages", only=None):
    """An update of averages, right or with a slip."""

    def update(averages, weights, step, decay=0.999):
        d = decay_of_step(decay, (1 + step) / (10 + step))
        for average, weight in list(zip(averages, weights))[:only]:
            new = average + d * (weight - average) if swapped else weight + d * (average - weight)
            (average if into == "averages" else weight).assign(new)

    return update


def _a_list_of_averages(averages, weights, step, decay=0.999):
    d = min(decay, (1 + step) / (10 + step))
    return [weight + d * (average - weight) for average, weight in zip(averages, weights)]


def _update_in_place(averages, weights, step, decay=0.999):
    share = 1 - min(decay, (1 + step) / (10 + step))
    for k in range(len(weights)):
        averages[k].assign_add(share * (weights[k] - averages[k]))


def _steep(seed: int):
    """Exercise 4.3: a tiny discriminator of images (2, 3, 1), always with the same weights."""
    dense = keras.layers.Dense
    network = keras.Sequential([keras.Input((2, 3, 1)), keras.layers.Flatten(), dense(4, "tanh"), dense(1)])
    network.set_weights([fixed(*weight.shape, seed=seed + k) for k, weight in enumerate(network.weights)])
    return network


def _slopes(discriminator, real, target=lambda logits: logits):
    """The gradient of the logits, or of `target` of them, with respect to the images."""
    with tf.GradientTape() as tape:
        tape.watch(real)
        logits = target(discriminator(real, training=True))
    return tape.gradient(logits, real)


def _r1(discriminator, real):
    return tf.reduce_mean(tf.reduce_sum(_slopes(discriminator, real) ** 2, axis=(1, 2, 3))) / 2


def _r1_without_watch(discriminator, real):
    with tf.GradientTape() as tape:
        logits = discriminator(real)
    return tf.reduce_sum(tape.gradient(logits, real) ** 2)


_penalises = like_on(
    lambda: [(_steep(0), fixed(5, 2, 3, 1, seed=8)), (_steep(4), fixed(3, 2, 3, 1, seed=9))], wrt=("discriminator",)
)


def _one_sided(real_logits, fake_logits, smoothing):
    return bce(real_logits, 1 - smoothing) + bce(fake_logits, 0.0)


def _one_sided_by_keras(real_logits, fake_logits, smoothing):
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    real_labels = (1 - smoothing) * tf.ones_like(real_logits)
    return loss(real_labels, real_logits) + loss(tf.zeros_like(fake_logits), fake_logits)


_smooths = like_on(
    lambda: [(fixed(4, 1), fixed(6, 1, seed=1), 0.1), (3 * fixed(5, 1, seed=2), fixed(3, 1, seed=3), 0.3)],
    wrt=("real_logits", "fake_logits"),
)

# Exercise 4.5: patience, and the coverage of one epoch after another (None: not measured).
COURSES = (
    (3, (0.1, 0.2, 0.3, 0.29, 0.28, 0.27, 0.5)),
    (3, (0.1, 0.2, 0.15, 0.25, 0.2, 0.21, 0.3)),
    (3, (0.5, 0.3, 0.31, 0.32, 0.33)),
    (2, (0.5, None, 0.4, None, 0.4, 0.6)),
    (2, (0.1, 0.2, 0.3, 0.4, 0.5)),
)


def _ends(callback) -> list:
    """Exercise 4.5: the epoch in which each course is stopped, or None."""
    epochs = []
    for patience, course in COURSES:
        watching, model = callback(patience), types.SimpleNamespace(stop_training=False)
        watching.set_model(model)
        watching.on_train_begin()
        ended = None
        for epoch, coverage in enumerate(course):
            watching.on_epoch_end(epoch, {"d_loss": 1.0} | ({} if coverage is None else {"coverage": coverage}))
            if model.stop_training:
                ended = epoch
                break
        epochs.append(ended)
    return epochs


def _a_callback(last=max, reset=True, patient=True, sign=1):
    """A callback that stops training, right or with a slip; `last(best, now)` is what the next epoch has to beat."""

    class Stopper(keras.callbacks.Callback):
        def __init__(self, patience=3):
            super().__init__()
            self.patience, self.best, self.worse = patience if patient else 1, -np.inf, 0

        def on_epoch_end(self, epoch, logs=None):
            if (coverage := (logs or {}).get("coverage")) is None:
                return
            better = sign * coverage > self.best
            self.worse = 0 if better and reset else self.worse + (not better)
            self.best = last(self.best, sign * coverage)
            if self.worse >= self.patience:
                self.model.stop_training = True

    return Stopper


def _stops_like(**slips) -> Test:
    """A test for callbacks: they stop where `_a_callback(…)` stops."""
    return lambda callback: _ends(callback) == _ends(_a_callback(**slips))


N, ENOUGH = 2_000, 0.25  # exercise 4.6: images, and their coverage


def _measured(images) -> tuple[float, float]:
    """Exercise 4.6: the coverage of 2,000 images, and how many classes they use."""
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.shape != (N, 28, 28, 1):
        raise ValueError(
            f"expected {N:,} images as gan.generate makes them, uint8 ({N}, 28, 28, 1); got {images.dtype} {images.shape}"
        )
    return _measured_once(images.tobytes())


@functools.lru_cache(maxsize=1)
def _measured_once(pixels: bytes) -> tuple[float, float]:
    features, probabilities = judges.features_and_probabilities(np.frombuffer(pixels, np.uint8).reshape(N, 28, 28, 1))
    coverage = metrics.neighbourhoods(metrics.real_features("test", N), features)["coverage"]
    return coverage, float(np.exp(metrics.entropy(metrics.class_shares(probabilities))))


def _clothes(different: int):
    """Exercise 4.6: so many different training images, again and again."""
    images, _ = fashion_mnist.load_fashion_mnist("train")
    return np.resize(images[:different], (N, 28, 28, 1))


EXERCISES: dict[str, Exercise] = {
    "4.1": Exercise(
        title="the floor of a smoothed loss",
        prompt=r"""What is the lowest loss that a discriminator can reach with `label_smoothing=0.3` and no noise (both halves added, to two decimals)? Compute it with NumPy from $H(p) = -p\log p - (1-p)\log(1-p)$, without `floor`.""",
        stub="answer_1 = ...",
        answer="answer_1",
        hints=(
            "what does a perfect discriminator pay for the generated images, whose target is 0?",
            "the best answer to a target of 0.7 is 0.7; what does it cost in cross-entropy?",
            "compute H(0.7) = -0.7 log 0.7 - 0.3 log 0.3, with the natural logarithm.",
        ),
        is_right=close(ENTROPY),
        why="Generated images cost 0, real ones H(0.7) ≈ 0.61: smoothing leaves a loss that no discriminator can avoid.",
        solution="""p = 0.7
answer_1 = -p * np.log(p) - (1 - p) * np.log(1 - p)
print(f"{answer_1:.3f}")""",
        because=r"""The lowest discriminator loss with `label_smoothing=0.3`, both halves added.

Generated images have target 0. A perfect discriminator answers 0 and pays nothing. Real images have target 0.7. The cross-entropy $-0.7\log q - 0.3\log(1-q)$ is smallest where its slope is 0, at $q = 0.7$, and is then the entropy $H(0.7)$.""",
        slips=(
            Slip(close(ENTROPY / np.log(2)), "that is measured in bits; take the natural logarithm.", lambda: [0.8813]),
            Slip(
                close(2 * ENTROPY),
                "the smoothing is one-sided: the target of generated images stays 0, and costs nothing.",
                lambda: [1.2217],
            ),
            Slip(close(ENTROPY / 2), "that is the mean of both halves; the loss is their sum.", lambda: [0.3054]),
            Slip(close(-ENTROPY), "mind the sign: a cross-entropy is never negative.", lambda: [-0.611]),
            Slip(close(-np.log(0.7)), "H(0.7) has two terms, weighted with 0.7 and with 0.3.", lambda: [0.357]),
            Slip(
                close(0),
                "0 is the floor without smoothing; a target of 0.7 costs something, whatever the answer.",
                lambda: [0],
            ),
        ),
        afterwards=(
            Cell("markdown", "The objective's own `floor` says the same:"),
            Cell("code", 'print(f"{gh.NonSaturating(label_smoothing=0.3).floor:.3f}")'),
        ),
        right=lambda: [
            0.61,
            0.611,
            0.6109,
            np.array([0.61086]),
            tf.constant(0.61),
            -0.7 * np.log(0.7) - 0.3 * np.log(0.3),
        ],
        wrong=lambda: [0.5, 0.3],
    ),
    "4.2": Exercise(
        title="the moving average of a network",
        prompt=r"""Write part 5 of the training step, `update_average(averages, weights, step, decay=0.999)`, for two lists of Keras variables of the same shapes, such as `ema_generator.weights` and `generator.weights`:

$$\bar w \leftarrow w + \beta_t\,(\bar w - w), \qquad \beta_t = \min\Bigl(\beta, \frac{1+t}{10+t}\Bigr)$$

It changes the averages **in place** and returns nothing. The check makes three updates, and the weights move in between.""",
        stub="""def update_average(averages, weights, step, decay=0.999):
    ...  # your code""",
        answer="update_average",
        hints=(
            "`zip(averages, weights)` brings together what belongs together.",
            "first the decay of this step, `min(decay, (1 + step) / (10 + step))`; then the new value of each average.",
            "in the loop: `average.assign(weight + decay * (average - weight))`.",
        ),
        is_right=_updates_like(_an_update()),
        why="The training never sees the average, so it can be as smooth as you like: only pictures are drawn with it.",
        solution="""def update_average(averages, weights, step, decay=0.999):
    decay = min(decay, (1 + step) / (10 + step))
    for average, weight in zip(averages, weights):
        average.assign(weight + decay * (average - weight))""",
        because="""`average = …` would only give a new meaning to the name `average`; `assign` changes the variable that the network draws with. Keras' batch norm keeps its moving mean in the same way, one per channel.""",
        slips=(
            Slip(
                lambda update: np.allclose(_after_updates(update)[:8], _after_updates(_an_update(only=0))[:8]),
                "the averages have not changed: `average.assign(…)`, not `average = …` or a new list.",
                lambda: [_a_list_of_averages, _an_update(into="weights")],
            ),
            Slip(
                _updates_like(_an_update(decay_of_step=lambda decay, ramp: decay)),
                "the ramp is missing: early on `(1 + step) / (10 + step)` is the smaller.",
                lambda: [_an_update(decay_of_step=lambda decay, ramp: decay)],
            ),
            Slip(
                _updates_like(_an_update(decay_of_step=lambda decay, ramp: ramp)),
                "the ramp must stop at `decay`: take the smaller of the two.",
                lambda: [_an_update(decay_of_step=lambda decay, ramp: ramp)],
            ),
            Slip(
                _updates_like(_an_update(swapped=True)),
                "average and weight have changed places: a decay near 1 keeps the average.",
                lambda: [_an_update(swapped=True)],
            ),
            Slip(
                _updates_like(_an_update(only=1)),
                "only the first of the weights is averaged: loop over all of them.",
                lambda: [_an_update(only=1)],
            ),
        ),
        right=lambda: [_an_update(), _update_in_place],
        wrong=lambda: [_an_update(decay_of_step=max)],
        raising=lambda: [(lambda averages, weights: None, "TypeError"), (0.999, "expected the function itself")],
    ),
    "4.3": Exercise(
        title="R1, a penalty for steepness",
        prompt=r"""R1 (Mescheder et al. 2018) penalises a discriminator for being steep around real images. Write `r1(discriminator, real)` in TensorFlow:

$$R_1 = \frac12 \operatorname{mean}_i \bigl\| \nabla_x d(x_i) \bigr\|^2$$

The norm runs over the pixels of an image, the mean over the images (n, h, w, c). Call it as `discriminator(real, training=True)`. The check also compares the gradient with respect to the discriminator's **weights**, the derivative of a derivative.""",
        stub="""def r1(discriminator, real):
    ...  # your code""",
        answer="r1",
        hints=(
            "a tape of your own: `tape.watch(real)`, compute the logits within it, then `tape.gradient(logits, real)`.",
            "the gradient has the shape of the images: square it, and add up axes 1, 2 and 3.",
            "return `0.5 * tf.reduce_mean(tf.reduce_sum(slopes**2, axis=(1, 2, 3)))`.",
        ),
        is_right=_penalises(_r1),
        why="Where the data are, the discriminator is held flat, so the generator is not pushed away once it has arrived.",
        solution="""def r1(discriminator, real):
    with tf.GradientTape() as tape:
        tape.watch(real)
        logits = discriminator(real, training=True)
    slopes = tape.gradient(logits, real)
    return 0.5 * tf.reduce_mean(tf.reduce_sum(slopes**2, axis=(1, 2, 3)))


flat = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(1, kernel_initializer="ones")])
print(f"784 slopes of 1 cost {r1(flat, tf.zeros((2, 28, 28, 1))):.0f}")""",
        because="""`tape.gradient(logits, real)` differentiates the *sum* of the logits. Each logit depends on its own image only (there is no batch norm), so every image gets the slope of its own logit. If you take the mean of the logits first, every slope is divided by n, and the penalty by n². An outer tape, here the check's, sees the inner gradient as one more computation and differentiates it again. In the package this is `gh.ZeroCentred`, or `regularisers=r1:1.0`.""",
        slips=(
            slip_as(
                _penalises,
                "that is the mean norm; R1 takes its square.",
                lambda discriminator, real: (
                    tf.reduce_mean(tf.norm(tf.reshape(_slopes(discriminator, real), (len(real), -1)), axis=1)) / 2
                ),
            ),
            slip_as(
                _penalises,
                "that is the mean over the pixels; add the squares of a picture up, and average over the pictures only.",
                lambda discriminator, real: tf.reduce_mean(_slopes(discriminator, real) ** 2) / 2,
            ),
            slip_as(
                _penalises,
                "the factor one half is missing.",
                lambda discriminator, real: 2 * _r1(discriminator, real),
            ),
            slip_as(
                _penalises,
                "that is the sum over the pictures; take their mean.",
                lambda discriminator, real: tf.reduce_sum(_slopes(discriminator, real) ** 2) / 2,
            ),
            slip_as(
                _penalises,
                "you differentiate the mean of the logits, so each slope is divided by n; differentiate the logits themselves.",
                lambda discriminator, real: (
                    tf.reduce_mean(tf.reduce_sum(_slopes(discriminator, real, tf.reduce_mean) ** 2, (1, 2, 3))) / 2
                ),
            ),
            slip_as(
                _penalises,
                "those are the slopes of the probability; R1 takes those of the logit.",
                lambda discriminator, real: (
                    tf.reduce_mean(tf.reduce_sum(_slopes(discriminator, real, tf.sigmoid) ** 2, (1, 2, 3))) / 2
                ),
            ),
        ),
        example=("r1(lambda x, training=True: tf.reduce_sum(x**2, axis=(1, 2, 3)), tf.ones((2, 3, 3, 1)))", 18.0),
        right=lambda: [
            _r1,
            lambda d, x: tf.nn.l2_loss(_slopes(d, x)) / len(x),
            lambda d, x: 0.5 * tf.reduce_mean(tf.norm(tf.reshape(_slopes(d, x), (len(x), -1)), axis=1) ** 2),
        ],
        wrong=lambda: [lambda discriminator, real: tf.reduce_mean(discriminator(real) ** 2)],
        raising=lambda: [
            (lambda discriminator, real: _r1(discriminator, real).numpy(), "no gradient flows back to discriminator"),
            (_r1_without_watch, "unsupported operand type(s) for ** or pow(): 'NoneType' and 'int'"),
        ],
    ),
    "4.4": Exercise(
        title="one-sided label smoothing",
        prompt=r"""Write the discriminator's loss with smoothed labels, `smoothed_loss(real_logits, fake_logits, smoothing)`, in TensorFlow: the target of real images is $1 - s$, that of generated images stays 0. Each half is a mean; add the two. Values and gradients are compared.""",
        stub="""def smoothed_loss(real_logits, fake_logits, smoothing):
    ...  # your code""",
        answer="smoothed_loss",
        hints=(
            "cross-entropy can be taken against any target between 0 and 1: fill a tensor with `1 - smoothing`.",
            "`tf.nn.sigmoid_cross_entropy_with_logits(labels=…, logits=…)` gives it for each logit; take the mean of each half.",
            "real: `labels=(1 - smoothing) * tf.ones_like(real_logits)`; generated: `labels=tf.zeros_like(fake_logits)`.",
        ),
        is_right=_smooths(_one_sided),
        why="A real logit is pushed up only until its probability is 1 - s; beyond that it is pushed down again.",
        solution="""def smoothed_loss(real_logits, fake_logits, smoothing):
    cross_entropy = tf.nn.sigmoid_cross_entropy_with_logits
    real_labels = (1 - smoothing) * tf.ones_like(real_logits)
    cost_of_real = tf.reduce_mean(cross_entropy(labels=real_labels, logits=real_logits))
    cost_of_fake = tf.reduce_mean(cross_entropy(labels=tf.zeros_like(fake_logits), logits=fake_logits))
    return cost_of_real + cost_of_fake""",
        because=r"""Why one-sided? With a target $\beta > 0$ for generated images, the best discriminator would be $\frac{(1-s)\, p_{data} + \beta\, p_g}{p_{data} + p_g}$ (Salimans et al. 2016, section 3.4). Where there is no data it would answer $\beta$ instead of 0, so samples that are far off would have no reason to come nearer.""",
        slips=(
            slip_as(
                _smooths,
                "the real target is `smoothing` here; it should be 1 - smoothing.",
                lambda real_logits, fake_logits, smoothing: bce(real_logits, smoothing) + bce(fake_logits, 0.0),
            ),
            slip_as(
                _smooths,
                "both sides are smoothed; one-sided means that generated images keep the target 0.",
                lambda real_logits, fake_logits, smoothing: (
                    bce(real_logits, 1 - smoothing) + bce(fake_logits, smoothing)
                ),
            ),
            slip_as(
                _smooths,
                "Keras' own label_smoothing draws both targets towards one half; set the real target yourself.",
                lambda real_logits, fake_logits, smoothing: (
                    bce(real_logits, 1 - smoothing / 2) + bce(fake_logits, smoothing / 2)
                ),
            ),
            slip_as(
                _smooths,
                "the generated side is smoothed; it is the real one that should be.",
                lambda real_logits, fake_logits, smoothing: bce(real_logits, 1.0) + bce(fake_logits, smoothing),
            ),
            slip_as(
                _smooths,
                "multiplying the loss by 1 - s is not yet a target of 1 - s: the rest of the target, s, stands for 'generated'.",
                lambda real_logits, fake_logits, smoothing: (
                    (1 - smoothing) * bce(real_logits, 1.0) + bce(fake_logits, 0.0)
                ),
            ),
            slip_as(
                _smooths,
                "those are sums over the samples; take means.",
                lambda real_logits, fake_logits, smoothing: (
                    bce(real_logits, 1 - smoothing, tf.reduce_sum) + bce(fake_logits, 0.0, tf.reduce_sum)
                ),
            ),
        ),
        example=("smoothed_loss(tf.constant([[2.0]]), tf.constant([[-1.0]]), 0.1)", 0.6402),
        right=lambda: [_one_sided, _one_sided_by_keras],
        wrong=lambda: [lambda real_logits, fake_logits, smoothing: bce(real_logits, 1.0) + bce(fake_logits, 0.0)],
        raising=lambda: [
            (
                lambda real_logits, fake_logits, smoothing: _one_sided(
                    real_logits.numpy(), fake_logits.numpy(), smoothing
                ),
                "no gradient flows back",
            )
        ],
    ),
    "4.5": Exercise(
        title="stop when coverage falls",
        prompt="""Collapse shows in the *coverage*, the share of real images with a generated one nearby (notebook 06). Write a callback `StopWhenCoverageFalls(patience)` that ends the training as soon as the coverage has failed to beat its best value `patience` times in a row.

Keras calls `on_epoch_end(epoch, logs)`; the number is `logs["coverage"]`, and in epochs without it you do nothing. `self.model.stop_training = True` ends the training. The check runs your callback through five simulated trainings.

(The package logs the Fréchet distance, by `gh.QualityMonitor`, but not the coverage. The solution has a callback that does.)""",
        stub="""class StopWhenCoverageFalls(keras.callbacks.Callback):
    def __init__(self, patience=3):
        super().__init__()
        ...  # your code

    def on_epoch_end(self, epoch, logs=None):
        ...  # your code""",
        answer="StopWhenCoverageFalls",
        hints=(
            "two things have to be remembered from epoch to epoch: the best coverage so far, and how often in a row it was missed.",
            'read it with `(logs or {}).get("coverage")`, which gives None for an epoch without it.',
            "if it is better than the best: keep it, and count from 0 again; or else add 1, and stop when the count reaches `patience`.",
        ),
        is_right=_stops_like(),
        why="It forgives a bad epoch, and ends a training that has lost its variety before it has cost you the night.",
        solution="""class StopWhenCoverageFalls(keras.callbacks.Callback):
    def __init__(self, patience=3):
        super().__init__()
        self.patience, self.best, self.missed = patience, -np.inf, 0

    def on_epoch_end(self, epoch, logs=None):
        coverage = (logs or {}).get("coverage")
        if coverage is None:
            return
        if coverage > self.best:
            self.best, self.missed = coverage, 0
        else:
            self.missed += 1
        if self.missed >= self.patience:
            self.model.stop_training = True""",
        because="""Compare with the best value, not with the last one: a coverage that falls from 0.5 to 0.3 and creeps up to 0.33 has risen twice, and is still a collapse. The losses show nothing of all this, which is why the callback does not ask them.""",
        slips=(
            Slip(
                _stops_like(last=lambda best, now: now),
                "compare with the best coverage so far, not with that of the epoch before.",
                lambda: [_a_callback(last=lambda best, now: now)],
            ),
            Slip(
                _stops_like(reset=False),
                "the count has to begin at 0 again whenever the coverage beats its best: in a row is asked for.",
                lambda: [_a_callback(reset=False)],
            ),
            Slip(
                _stops_like(patient=False),
                "that stops at the first miss; wait for `patience` of them.",
                lambda: [_a_callback(patient=False)],
            ),
            Slip(
                _stops_like(sign=-1),
                "that stops when the coverage rises; high coverage is good.",
                lambda: [_a_callback(sign=-1)],
            ),
            Slip(
                lambda callback: _ends(callback) == [None] * len(COURSES),
                "it never stops: is `self.model.stop_training` set to True?",
                lambda: [lambda patience: keras.callbacks.Callback(), _a_callback(last=lambda best, now: -np.inf)],
            ),
        ),
        afterwards=(
            Cell(
                "markdown",
                """A callback that measures the coverage, on training images that the GAN does not see. It stands *before* yours in the list, so that yours finds the number. The generator of section 5 that is ten times too fast is stopped early:""",
            ),
            Cell(
                "code",
                """class LogCoverage(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.real = metrics.real_features("held_out", 1_000)

    def on_epoch_end(self, epoch, logs=None):
        features, _ = judges.features_and_probabilities(self.model.generate(1_000, seed=0, ema=False))
        logs["coverage"] = metrics.neighbourhoods(self.real, features)["coverage"]


train_images, _ = gh.load_fashion_mnist("train")
keras.utils.set_random_seed(7)
gan = gh.GAN(gh.networks.mlp_generator(64, (128, 256)), gh.networks.mlp_discriminator((256, 128)), seed=7)
gan.compile(keras.optimizers.Adam(1e-3, beta_1=0.5), keras.optimizers.Adam(1e-4, beta_1=0.5), steps_per_execution=30)
batches = gh.pipeline(train_images[:-10_000], 64, (-1, 1), 7, images_per_epoch=9_600)
history = gan.fit(batches, epochs=10, callbacks=[LogCoverage(), StopWhenCoverageFalls(2)], verbose=0)
print("stopped before the end:", len(history.epoch) < 10)""",
            ),
        ),
        right=lambda: [_a_callback()],
        raising=lambda: [(_a_callback()(), "TypeError")],
    ),
    "4.6": Exercise(
        title="an experiment: coverage",
        prompt="""How much of Fashion-MNIST can two small MLPs cover after at most 60 seconds of training? Start from `small_run`, change what you like, and set `clothes` to 2,000 images of your GAN. The check wants a coverage of **at least 0.25**; the equal rates of section 5 lead to less than 0.1.

Which of losses, images and coverage tells you that you are getting better?""",
        stub="""def coverage_of(clothes):
    features, _ = judges.features_and_probabilities(clothes)
    return metrics.neighbourhoods(metrics.real_features("test", 2_000), features)["coverage"]


clothes = None  # 2,000 images, as gan.generate makes them""",
        answer="clothes",
        hints=(
            "section 5 stops early: how many images has its generator seen?",
            "equal rates of 2e-3 and some 200,000 images are enough.",
            "draw with the averaged generator, as `gan.generate(2_000, seed=0)` does.",
        ),
        is_right=lambda clothes: _measured(clothes)[0] >= ENOUGH,
        why="Time and the moving average did it, while the losses hardly moved.",
        solution="""def coverage_of(clothes):
    features, _ = judges.features_and_probabilities(clothes)
    return metrics.neighbourhoods(metrics.real_features("test", 2_000), features)["coverage"]


keras.utils.set_random_seed(7)
gan = gh.GAN(gh.networks.mlp_generator(64, (128, 256)), gh.networks.mlp_discriminator((256, 128)), seed=7)
gan.compile(keras.optimizers.Adam(2e-3, beta_1=0.5), keras.optimizers.Adam(2e-3, beta_1=0.5), steps_per_execution=30)
gan.fit(gh.pipeline(train_images, 64, (-1, 1), 7, images_per_epoch=32_000), epochs=6, verbose=0)
clothes = gan.generate(2_000, seed=0)
covered = {"average": coverage_of(clothes), "raw": coverage_of(gan.generate(2_000, seed=0, ema=False))}
print("the average covers more than the raw generator:", covered["average"] > covered["raw"])""",
        because="""With seeds 7, 8 and 9 this covers 0.31, 0.30 and 0.32. Two things do it. One is time: this is more than three times as many images as in section 5. The other is the moving average: the raw generators cover 0.20, 0.21 and 0.21.

Meanwhile the discriminator's loss crept from about 1.0, after 64,000 images, to between 1.11 and 1.14, a little closer to its dotted line. Who would read from that a coverage that more than triples, from 0.07 or 0.08?""",
        slips=(
            Slip(
                lambda clothes: _measured(clothes)[1] < 2,
                "your images are nearly all of one kind: the generator has collapsed; bring the rates closer together.",
                lambda: [_clothes(1)],
            ),
            Slip(
                lambda clothes: 0.15 <= _measured(clothes)[0] < ENOUGH,
                "close; draw with the averaged generator, or train a little longer.",
                lambda: [_clothes(100)],
            ),
        ),
        right=lambda: [_clothes(N), _clothes(250)],
        wrong=lambda: [_clothes(20)],
        raising=lambda: [(_clothes(N)[:1_000], "expected 2,000 images as gan.generate makes them")],
    ),
}
