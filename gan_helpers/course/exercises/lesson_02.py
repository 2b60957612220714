"""The exercises of lesson 02."""

import math

import numpy as np

from gan_helpers.course.exercises.checks import close, gives, keras, numbers, tf
from gan_helpers.course.exercises.exercise import Exercise, Slip

SETUP = "import numpy as np"

LOGITS = (-6.0,), (-1.5,), (0.0,), (2.0,)

EXERCISES: dict[str, Exercise] = {
    "2.1": Exercise(
        title="the best answer at one place",
        prompt="""At some place $x$ the real density is 0.3 and the generated density is 0.1. What does the best discriminator answer there, as a probability and as a logit?
Give the pair `(probability, logit)`, to two decimals.""",
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
        prompt="""Data need not be numbers on a line. Let there be three outcomes. The real ones come with probabilities `(½, ½, 0)`, the generated ones with `(0, ½, ½)`.
What is the **lowest loss** that any discriminator can reach? (The sum of both cross-entropies, as in section 4, with the natural logarithm, to two decimals.)""",
        stub="answer_2 = None  # a number",
        answer="answer_2",
        hints=(
            "write D* for each of the three outcomes; two of them are certain.",
            "a certain outcome costs nothing, so only the second one counts: D* is 1/2 there.",
            "the second outcome costs 1/2 log 2 for real samples and 1/2 log 2 for generated ones.",
        ),
        is_right=close(np.log(2)),
        why="log 2: half of log 4, because the two kinds overlap in half of their samples.",
        solution="""p, q = np.array([0.5, 0.5, 0.0]), np.array([0.0, 0.5, 0.5])
d = p / (p + q)
cost_of_real = -(p[p > 0] * np.log(d[p > 0])).sum()
cost_of_generated = -(q[q > 0] * np.log(1 - d[q > 0])).sum()
answer_2 = cost_of_real + cost_of_generated
print(f"{answer_2:.4f} = log 2, so JS = (log 4 - log 2) / 2 = {(np.log(4) - answer_2) / 2:.4f}")""",
        because="""The lowest discriminator loss for real outcomes with probabilities `(½, ½, 0)` against generated ones with `(0, ½, ½)`.

The first outcome is always real, the third always generated; both are recognised and cost nothing. The second is as often the one as the other: D* = ½, and each kind pays log 2 in half of its cases.""",
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
            Slip(close(0), "nobody can be certain of the second outcome: it comes from both.", lambda: [0]),
        ),
        right=lambda: [math.log(2), 0.69, 0.6931, np.array(0.693), np.array([0.69]), tf.constant(0.6931)],
        wrong=lambda: [0.5, 0.68, (0.35, 0.35)],
    ),
    "2.3": Exercise(
        title="how hard each loss pushes",
        prompt="""Write a function `ratio(logit)` that says how many times as hard the non-saturating loss pushes as the saturating one, at a given logit. Use the slopes of section 5.
Then simplify it: the result is a very short formula.""",
        stub="ratio = None  # def ratio(logit): return …",
        answer="ratio",
        hints=(
            "divide the absolute slopes of section 5: `(1 - σ(l)) / σ(l)`.",
            "put in `σ(l) = 1 / (1 + np.exp(-l))` and simplify.",
            "only `np.exp(-l)` remains.",
        ),
        is_right=gives(lambda logit: np.exp(-logit), *LOGITS),
        why="The ratio is exp(-l): 1 at the draw, 403 at logit -6. The worse the generator, the more the fair loss starves it.",
        solution="""def ratio(logit):
    return np.exp(-logit)


print([round(float(ratio(logit)), 2) for logit in (-6, -2, 0, 2)])""",
        because="""How many times as hard the non-saturating loss pushes as the saturating one, at a given logit.

(1 − σ) / σ = 1/σ − 1 = (1 + e⁻ˡ) − 1 = e⁻ˡ. Every unit that the logit falls makes the ratio 2.7 times larger.""",
        slips=(
            Slip(
                gives(lambda logit: np.exp(logit), *LOGITS),
                "upside down: divide the non-saturating slope by the saturating one.",
                lambda: [lambda logit: np.exp(logit)],
            ),
            Slip(
                gives(lambda logit: -np.exp(-logit), *LOGITS),
                'mind the sign: "how many times as hard" is positive.',
                lambda: [lambda logit: -np.exp(-logit)],
            ),
            Slip(
                gives(lambda logit: 1 / (1 + np.exp(logit)), *LOGITS),
                "that is one of the slopes; divide it by the other.",
                lambda: [lambda logit: 1 - 1 / (1 + np.exp(-logit))],
            ),
        ),
        right=lambda: [
            lambda logit: np.exp(-logit),
            lambda x: math.exp(-x),
            lambda z: tf.exp(-z),
            lambda logit: [keras.ops.exp(-logit)],
            lambda logit: (1 - 1 / (1 + np.exp(-logit))) * (1 + np.exp(-logit)),
            tf.function(lambda logit: tf.exp(-logit)),
        ],
        wrong=lambda: [lambda logit: 403],
        raising=lambda: [
            (lambda logit: exp(-logit), "NameError: name 'exp' is not defined"),  # noqa: F821
            (math.exp(6), "the function itself"),
        ],
    ),
}
