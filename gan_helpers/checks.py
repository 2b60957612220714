"""The exercises' feedback: an answer goes in, one stable line comes out, and each further try brings a further hint."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Exercise:
    """What a right answer is, hints in steps from gentle to plain, and why the right answer is right."""

    is_right: Callable[[object], bool]
    hints: tuple[str, ...]
    why: str


def close(expected, tolerance: float = 1e-3) -> Callable[[object], bool]:
    """A test for numbers: the answer has the shape of `expected` and differs by at most `tolerance`."""
    expected = np.asarray(expected, float)

    def is_right(answer) -> bool:
        answer = np.asarray(answer, float)
        return answer.shape == expected.shape and bool(np.all(np.abs(answer - expected) <= tolerance))

    return is_right


def _there_and_back(answer) -> bool:
    """Exercise 1.2: uint8 → float32 in [-1, 1] → uint8, exact for every value, clipped beyond the range."""
    to_network, to_pixels = answer
    every_value = np.arange(256, dtype=np.uint8)
    floats = np.asarray(to_network(every_value))
    back, beyond = np.asarray(to_pixels(floats)), np.asarray(to_pixels(np.float32([-1.02, 0.999, 1.02])))
    return (
        floats.dtype == np.float32
        and bool(np.allclose(floats, np.linspace(-1, 1, 256), atol=1e-5))
        and back.dtype == beyond.dtype == np.uint8
        and back.tolist() == every_value.tolist()
        and beyond.tolist() == [0, 255, 255]
    )


def _repaired_pipeline(dataset) -> bool:
    """Exercise 1.3: batches of 64 in [-1, 1], in another order each epoch, with the same images in each."""
    first, second = (np.stack(list(dataset.as_numpy_iterator())) for _ in range(2))
    if (first.shape, first.dtype) != ((4, 64, 28, 28, 1), np.float32):
        return False
    if not np.allclose([first.min(), first.max()], [-1, 1]):
        return False
    as_set = [{image.tobytes() for image in epoch.reshape(256, -1)} for epoch in (first, second)]
    return as_set[0] == as_set[1] and len(as_set[0]) == 256 and not np.array_equal(first, second)


def _shell_walk(walk) -> bool:
    """Exercise 5.2: `walk(a, b, steps)` goes straight, with the lengths changing evenly from a's to b's."""
    a, b = np.zeros(64, np.float32), np.zeros(64, np.float32)
    a[0], b[1], b[2] = 8, 6, 2
    steps = np.asarray(walk(a, b, 5), float)
    line = a + np.linspace(0, 1, 5)[:, None] * (b - a)
    lengths = np.linspace(8, np.sqrt(40), 5)[:, None]
    expected = line / np.linalg.norm(line, axis=1, keepdims=True) * lengths
    return steps.shape == expected.shape and bool(np.allclose(steps, expected, atol=1e-3))


def _closed_loop(loop) -> bool:
    """Exercise 5.3: 9 or more latent vectors on a circle around the origin, the last equal to the first."""
    loop = np.asarray(loop, float)
    if loop.ndim != 2 or loop.shape[1] != 64 or len(loop) < 9 or not np.allclose(loop[0], loop[-1], atol=1e-3):
        return False
    lengths, strides = np.linalg.norm(loop, axis=1), np.linalg.norm(np.diff(loop, axis=0), axis=1)
    on_shell = lengths.min() >= 6 and lengths.max() <= 10
    all_the_way_round = np.linalg.norm(loop - loop[0], axis=1).max() > 12
    return bool(on_shell and all_the_way_round and strides.max() <= 1.5 * strides.min())


def _direction_between(direction_between) -> bool:
    """Exercise 5.4: `direction_between(latents, classes, a, b)`, of length 1, from the mean of a to the mean of b."""
    random = np.random.default_rng(0)
    latents, classes = random.standard_normal((60, 8)).astype(np.float32), np.arange(60) % 3
    expected = latents[classes == 2].mean(axis=0) - latents[classes == 1].mean(axis=0)
    found = np.asarray(direction_between(latents, classes, 1, 2), float)
    return found.shape == (8,) and bool(np.allclose(found, expected / np.linalg.norm(expected), atol=1e-3))


def _coverage(coverage) -> bool:
    """Exercise 6.3: `coverage(real, fake, k)` as Naeem et al. (ICML 2020, section 3.2) define it."""
    line = np.arange(6.0)[:, None] ** 2  # 0, 1, 4, 9, 16, 25
    fake = np.array([[0.5], [9.5], [40.0]])
    cases = ((fake, 1, 4 / 6), (fake, 2, 1.0), (np.array([[-1.0]]), 1, 0.0))  # the last: a ball's edge is outside
    return all(abs(float(coverage(line, points, k)) - expected) < 1e-9 for points, k, expected in cases)


EXERCISES: dict[str, Exercise] = {
    # notebook 01
    "1.1": Exercise(
        lambda answer: set(answer) in ({"Pullover", "Coat"}, {2, 4}),
        (
            "compare every pair of mean images; there are 45 pairs.",
            "np.linalg.norm(means[i] - means[j]) is their distance; find the smallest with i < j.",
        ),
        "The mean pullover and the mean coat are almost one picture: a generator will blend the two.",
    ),
    "1.2": Exercise(
        _there_and_back,
        (
            "to float32 first, then / 127.5 - 1; the way back undoes it in the opposite order.",
            "round with np.rint before you convert to uint8, which only cuts off.",
            "np.clip(…, 0, 255) before astype(np.uint8): without it, 256 would wrap around to 0.",
        ),
        "Scale, round, clip, convert: every pixel comes back, and overshoot turns white, not black.",
    ),
    "1.3": Exercise(
        _repaired_pipeline,
        (
            "compare the order of two epochs, and look at the smallest pixel.",
            "cache keeps what comes into it, the order included: put it before shuffle.",
            "tanh makes pixels in [-1, 1], so real pixels need / 127.5 - 1.",
        ),
        "Cache, then shuffle: each epoch has its own order. And [-1, 1]: the range gives nothing away.",
    ),
    # notebook 02
    "2.1": Exercise(
        close([0.75, np.log(3)]),
        (
            "put 0.3 and 0.1 into D* = p_data / (p_data + p_g).",
            "the logit is log(D / (1 - D)), with the natural logarithm.",
            "0.3 / 0.4 for the probability, log(0.3 / 0.1) for the logit.",
        ),
        "The best probability is 3/4; the best logit is log 3, the log of the ratio of the two densities.",
    ),
    "2.2": Exercise(
        close(np.log(2)),
        (
            "write D* for each of the three outcomes; two of them are certain.",
            "a certain outcome costs nothing, so only the second one counts: D* is 1/2 there.",
            "the second outcome costs 1/2 log 2 for real samples and 1/2 log 2 for generated ones.",
        ),
        "log 2: half of log 4, because the two kinds overlap in half of their samples.",
    ),
    "2.3": Exercise(
        lambda ratio: all(abs(float(ratio(logit)) / np.exp(-logit) - 1) < 1e-2 for logit in (-6.0, -1.5, 0.0, 2.0)),
        (
            "divide the absolute slopes of section 5: (1 - σ(l)) / σ(l).",
            "put σ(l) = 1 / (1 + np.exp(-l)) in and simplify.",
            "only np.exp(-l) remains.",
        ),
        "The ratio is exp(-l): 1 at the draw, 403 at logit -6. The worse the generator, the more the fair loss starves it.",
    ),
    # notebook 03
    "3.1": Exercise(
        lambda kernel: all(
            np.allclose(kernel(a, b, c), [a, a + b, b + c, c]) for a, b, c in ((1.0, 10.0, 100.0), (2.0, -1.0, 0.5))
        ),
        (
            "a single 1 that goes in is doubled to 1, 1 first; what does the kernel (a, b, c) make of that?",
            "each of the two ones stamps (a, b, c), the second stamp one place further on; add them up.",
            "the stamps are a, b, c, 0 and 0, a, b, c.",
        ),
        "(a, a+b, b+c, c): upsampling + convolution is a transposed convolution with four weights tied to three.",
    ),
    "3.2": Exercise(
        lambda normalise: (
            np.allclose(normalise(np.array([5.0, 8.0, 2.0]), 5.0, 9.0, 1.0, 0.0), [0, 1, -1], atol=2e-3)
            and np.allclose(normalise(np.array([5.0, 8.0, 2.0]), 2.0, 4.0, 3.0, 7.0), [11.5, 16, 7], atol=5e-3)
        ),
        (
            "subtract the mean and divide; then scale and shift.",
            "variance is the square of the deviation: divide by np.sqrt(variance + 1e-3).",
            "gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta.",
        ),
        "In inference batch norm is a fixed straight line, gamma / deviation times x plus a constant: no batch is needed.",
    ),
    "3.3": Exercise(
        lambda model: (
            model.output_shape == (None, 32, 32, 3)
            and model.input_shape[-1] == 64
            and sum(type(layer).__name__ == "Conv2DTranspose" for layer in model.layers) == 3
            and getattr(model.layers[-1].activation, "__name__", "") == "tanh"
        ),
        (
            "32 is a seed doubled three times: how large is the seed?",
            "begin with Dense(4 * 4 * 64) and Reshape((4, 4, 64)), then three upsampling blocks.",
            'end with Conv2D(3, 3, padding="same", activation="tanh"): three channels, for three colours.',
        ),
        "4 → 8 → 16 → 32: one more block is all that a picture of twice the size needs.",
    ),
    # notebook 04
    "4.1": Exercise(
        close(0.5004, 2e-3),
        (
            "what does a perfect discriminator pay for the generated images, whose target is 0?",
            "the best answer to a target of 0.8 is 0.8; what does it cost in cross-entropy?",
            "compute H(0.8) = -0.8 log 0.8 - 0.2 log 0.2, with the natural logarithm.",
        ),
        "Generated images cost 0, real ones H(0.8) ≈ 0.50: smoothing leaves a loss that no discriminator can avoid.",
    ),
    "4.2": Exercise(
        lambda ema: all(
            abs(ema(average, weight, step, decay) - expected) < 1e-6
            for average, weight, step, decay, expected in (
                (0.0, 1.0, 0, 0.999, 0.9),
                (2.0, 4.0, 90, 0.5, 3.0),
                (1.0, 0.0, 10**6, 0.999, 0.999),
            )
        ),
        (
            "first find the decay of this step: the smaller of `decay` and (1 + step) / (10 + step).",
            "with that decay d the new average is weight + d * (average - weight).",
        ),
        "Early on the average follows at once; later it looks back about 1 / (1 - decay) steps.",
    ),
    "4.3": Exercise(
        lambda answer: str(answer).strip().lower() == "never",
        (
            "is the first step after the stop the same, with Adam's memory gone?",
            "if one step differs, the next one starts from other weights.",
        ),
        "One different step changes every later gradient: training amplifies differences, it does not forget them.",
    ),
    # notebook 05
    "5.1": Exercise(
        close(5.657, 0.05),
        (
            "draw it: a right angle with sides of length 8, and the middle of the line between their ends.",
            "the middle is (a + b) / 2; what is its length, when a and b are at a right angle?",
            "|a + b|² = 8² + 8² by Pythagoras; take the root, and half of it.",
        ),
        "8 / √2 ≈ 5.66: shorter than almost every latent vector that the generator was trained on.",
    ),
    "5.2": Exercise(
        _shell_walk,
        (
            "first walk straight with gh.latent.lerp, then change only the length of each vector.",
            "divide each vector by its norm (keepdims=True), then multiply by the length it should have.",
            "the lengths are np.linspace(norm of a, norm of b, steps)[:, None].",
        ),
        "A cheap cousin of slerp: the same arc, only with uneven angles between the steps.",
    ),
    "5.3": Exercise(
        _closed_loop,
        (
            "a circle in the plane of u and v: np.cos(t) * u + np.sin(t) * v, with t from 0 to 2π.",
            "u and v need a right angle between them and the same length, about 8.",
            "make v perpendicular: v - (v @ u) / (u @ u) * u; then scale both to length 8.",
        ),
        "A great circle: it keeps to the shell, and ends where it began, so the animation can run for ever.",
    ),
    "5.4": Exercise(
        _direction_between,
        (
            "latents[classes == a].mean(axis=0) is the middle of class a.",
            "from a to b: the mean of b minus the mean of a.",
            "divide by np.linalg.norm, so that its length is 1.",
        ),
        "The mean of many vectors cancels what they do not share; their difference is what the classes differ in.",
    ),
    # notebook 06
    "6.1": Exercise(
        close(3.25),
        (
            "in one dimension it is (difference of the means)² + (difference of the standard deviations)².",
            "the means differ by 1, the standard deviations by 1.5.",
        ),
        "1 + 2.25 = 3.25: the lack of variety costs more than the wrong mean.",
    ),
    "6.2": Exercise(
        lambda answer: "".join(str(letter).strip(" ,;").upper() for letter in answer).replace(" ", "") == "CAB",
        (
            "blurred pictures lie where no real ones are: which generator has the lowest density?",
            "ln 9 = 2.197 is the most that nine classes can have; whose entropy is below it?",
            "the third one draws densely and covers little.",
        ),
        "C lacks a class, A repeats a few kinds, B is blurred: three failures at nearly the same distance.",
    ),
    "6.3": Exercise(
        _coverage,
        (
            "for each real point: its distance to the k-th nearest real point, and its distance to the nearest fake one.",
            "in a sorted row of real-to-real distances column 0 is the point itself; take column k.",
            "np.mean(nearest_fake < radius), with strictly smaller.",
        ),
        "Coverage asks every real point, so a stray fake one cannot flatter it.",
    ),
}

_tries: dict[str, int] = {}


def check_answer(number: str, answer) -> None:
    """Print one line: that the answer is right and why, or the next hint.

    Args:
        number: the exercise, such as "1.2".
        answer: what the exercise asks for; None or ... while it is unanswered.

    Raises:
        ValueError: there is no such exercise; the message lists them.
    """
    if number not in EXERCISES:
        raise ValueError(f"there is no exercise {number!r}; there are {', '.join(sorted(EXERCISES))}")
    exercise = EXERCISES[number]
    if answer is None or answer is ...:
        print(f"Exercise {number}: not answered yet. Hint: {exercise.hints[0]}")
        return
    try:
        right = bool(exercise.is_right(answer))
    except Exception as error:  # whatever a learner hands in, the check answers instead of failing
        print(f"Exercise {number}: not yet, trying the answer raised {type(error).__name__}. Hint: {exercise.hints[0]}")
        return
    if right:
        _tries.pop(number, None)
        print(f"Exercise {number}: correct. {exercise.why}")
        return
    hint = exercise.hints[min(_tries.get(number, 0), len(exercise.hints) - 1)]
    _tries[number] = _tries.get(number, 0) + 1
    print(f"Exercise {number}: not yet. Hint: {hint}")
