"""The exercises of lesson 04."""

import math

import numpy as np

from gan_helpers.course.exercises.checks import close, gives, tf, words
from gan_helpers.course.exercises.exercise import Cell, Exercise, Slip, Test

SETUP = "import numpy as np"

ENTROPY = -0.7 * np.log(0.7) - 0.3 * np.log(0.3)  # exercise 4.1: what a target of 0.7 costs


def _averages(decay_of_step, swapped: bool = False) -> Test:
    """Exercise 4.2: the moving average, with this choice between `decay` and the ramp."""

    def formula(average, weight, step, decay):
        d = decay_of_step(decay, (1 + step) / (10 + step))
        return average + d * (weight - average) if swapped else weight + d * (average - weight)

    return gives(formula, (0.0, 1.0, 0, 0.999), (2.0, 4.0, 90, 0.5), (1.0, 0.0, 10**6, 0.999), (3.0, 1.0, 40, 0.99))


# --- answers, right and wrong ---------------------------------------------------------------------


def _average_in_tensors(average, weight, step, decay=0.999):
    decay = tf.minimum(tf.constant(decay), (1.0 + step) / (10.0 + step))
    return weight + decay * (average - weight)


def _average_in_another_order(weight, average, decay, step):
    return weight + min(decay, (1 + step) / (10 + step)) * (average - weight)


EXERCISES: dict[str, Exercise] = {
    "4.1": Exercise(
        title="the floor of a smoothed loss",
        prompt=r"""A discriminator is trained with `label_smoothing=0.3` and no noise. What is the lowest loss that it can reach (sum of both halves, to two decimals)? Compute it with NumPy from $H(p) = -p\log p - (1-p)\log(1-p)$, not with `floor`.""",
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
        title="the moving average",
        prompt="""Write the update of the moving average as a function of numbers: `ema(average, weight, step, decay=0.999)` gives the new average, with the ramp of section 1.""",
        stub="ema = None  # def ema(average, weight, step, decay=0.999): return ...",
        answer="ema",
        hints=(
            "first find the decay of this step: the smaller of `decay` and `(1 + step) / (10 + step)`.",
            "with that decay `d` the new average is `weight + d * (average - weight)`.",
        ),
        is_right=_averages(np.minimum),
        why="Early on the average follows at once; later it looks back about 1 / (1 - decay) steps.",
        solution="""def ema(average, weight, step, decay=0.999):
    decay = min(decay, (1 + step) / (10 + step))
    return weight + decay * (average - weight)""",
        because="""The moving average as a function.

The ramp is the smaller of the two decays. The rest is the formula of section 1.""",
        slips=(
            Slip(
                _averages(lambda decay, ramp: decay),
                "the ramp is missing: early on (1 + step) / (10 + step) is the smaller.",
                lambda: [lambda average, weight, step, decay=0.999: weight + decay * (average - weight)],
            ),
            Slip(
                _averages(lambda decay, ramp: ramp),
                "the ramp must stop at `decay`: take the smaller of the two.",
                lambda: [lambda average, weight, step, decay: weight + (1 + step) / (10 + step) * (average - weight)],
            ),
            Slip(
                _averages(np.maximum),
                "the decay of a step is the smaller of the two, not the larger.",
                lambda: [
                    lambda average, weight, step, decay: (
                        weight + max(decay, (1 + step) / (10 + step)) * (average - weight)
                    )
                ],
            ),
            Slip(
                _averages(np.minimum, swapped=True),
                "average and weight have changed places: a decay near 1 keeps the average.",
                lambda: [
                    lambda average, weight, step, decay: (
                        average + min(decay, (1 + step) / (10 + step)) * (weight - average)
                    )
                ],
            ),
        ),
        right=lambda: [
            lambda average, weight, step, decay=0.999: (
                weight + min(decay, (1 + step) / (10 + step)) * (average - weight)
            ),
            _average_in_tensors,
            _average_in_another_order,
        ],
        wrong=lambda: [lambda average, weight, step, decay: (average + weight) / 2],
    ),
    "4.3": Exercise(
        title="resumed with fresh optimizers",
        prompt="""You resume a run with all weights, but with two *fresh* Adam optimizers. After how many further epochs do the weights agree again, bit for bit, with the uninterrupted run: 0, 1, 2, or "never"?""",
        stub="answer_3 = ...",
        answer="answer_3",
        hints=(
            "is the first step after the stop the same, with Adam's memory gone?",
            "if one step differs, the next one starts from other weights.",
        ),
        is_right=lambda answer: words(answer) == ["never"],
        why="One different step changes every later gradient: training amplifies differences, it does not forget them.",
        solution='answer_3 = "never"',
        because="""A resume with fresh optimizers: when do the weights agree again?

A fresh Adam has forgotten how large the gradients were. Its first step moves each weight by about the learning rate, whatever the size of its gradient. So the first step differs, the weights differ, and so does every gradient from then on. Training amplifies small differences; it does not forget them. This is why a checkpoint holds both optimizers.""",
        slips=(
            Slip(
                lambda answer: words(answer) == ["0"],
                "a fresh Adam remembers no gradients: is its first step the same?",
                lambda: [0],
            ),
            Slip(
                lambda answer: words(answer) in (["1"], ["2"]),
                "by then Adam has a memory again; but the weights have moved apart: what would bring them back?",
                lambda: ["1", 2],
            ),
        ),
        right=lambda: ["never", "Never.", " NEVER! ", "'never'", ["never"]],
        wrong=lambda: ["always", math.inf],
    ),
}
