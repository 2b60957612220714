"""The exercises' feedback: an answer goes in, one stable line comes out, and each further try brings a further hint."""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gan_helpers.data import CLASS_NAMES

Test = Callable[[object], bool]


@dataclass(frozen=True)
class Exercise:
    """What a right answer is, hints in steps from gentle to plain, and why the right answer is right.

    `slips` are pairs of a test and a hint: an answer that people typically get wrong, and what to tell them. The first
    that fits is told in place of the next step.
    """

    is_right: Test
    hints: tuple[str, ...]
    why: str
    slips: tuple[tuple[Test, str], ...] = ()


# --- answers in any reasonable form, and tests of them --------------------------------------------


def numbers(answer) -> np.ndarray:
    """Numbers, lists, arrays or tensors as float64, axes of length 1 left out: 3, [3] and [[3]] are one answer."""
    return np.asarray(answer, float).squeeze()


def words(answer) -> list[str]:
    """Text, or a collection of texts and numbers, as words and whole numbers in lower case, without punctuation."""
    parts = sorted(answer, key=str) if isinstance(answer, (set, frozenset)) else np.ravel(answer)
    text = " ".join(part if isinstance(part, str) else f"{part:g}" for part in parts)
    return re.findall(r"[a-z]+|\d+", text.lower())


def call(function, **arguments):
    """What a learner's function gives: by keyword if its parameters have the exercise's names, else by position.

    Raises:
        TypeError: it is no function.
        ValueError: it returns nothing.
    """
    if not callable(function):
        raise TypeError(f"expected the function itself, got {type(function).__name__}")
    try:
        by_keyword = set(arguments) <= set(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # some functions written in C have no signature
        by_keyword = False
    result = function(**arguments) if by_keyword else function(*arguments.values())
    if result is None or result is ...:
        raise ValueError("the function returned nothing; end it with `return …`")
    return result


def close(expected, decimals: int = 2) -> Test:
    """A test for numbers: the answer has the shape of `expected`, and agrees with it to so many decimals."""
    expected = np.asarray(expected, float)

    def is_right(answer) -> bool:
        answer = numbers(answer)
        return answer.shape == expected.shape and bool(np.all(np.abs(answer - expected) < 0.501 * 10.0**-decimals))

    return is_right


def gives(formula: Callable, *cases: tuple) -> Test:
    """A test for functions: for each case of arguments, the answer gives what `formula` gives, as float32 can hold it."""
    names = list(inspect.signature(formula).parameters)

    def is_right(function) -> bool:
        for case in cases:
            expected, found = numbers(formula(*case)), numbers(call(function, **dict(zip(names, case))))
            if found.shape != expected.shape or not np.allclose(found, expected, rtol=1e-4, atol=1e-5):
                return False
        return True

    return is_right


# --- what single exercises ask for ----------------------------------------------------------------


def _classes(answer) -> set[int]:
    """Exercise 1.1: the classes that an answer names, by name or by number."""
    text = " ".join(words(answer))
    for label, name in sorted(enumerate(CLASS_NAMES), key=lambda pair: -len(pair[1])):  # T-shirt before shirt
        text = re.sub(rf"\b{' '.join(words(name))}\b", str(label), text)
    return {int(label) for label in re.findall(r"\d+", text)}


PIXELS = np.arange(256, dtype=np.uint8)
FLOATS = np.linspace(-1, 1, 256, dtype=np.float32)
BEYOND = np.float32([-1.02, 0.999, 1.02])


def _floats(answer) -> np.ndarray:
    """Exercise 1.2: what the first function makes of all pixel values."""
    return np.asarray(call(answer[0], pixels=PIXELS))


def _pixels(answer, floats) -> np.ndarray:
    """Exercise 1.2: what the second function makes of floats."""
    return np.asarray(call(answer[1], floats=floats))


def _there_and_back(answer) -> bool:
    """Exercise 1.2: uint8 → float32 in [-1, 1] → uint8, exact for every value, clipped beyond the range."""
    floats, back, beyond = _floats(answer), _pixels(answer, _floats(answer)), _pixels(answer, BEYOND)
    return (
        floats.dtype == np.float32
        and bool(np.allclose(floats, FLOATS, atol=1e-5))
        and back.dtype == beyond.dtype == np.uint8
        and back.tolist() == PIXELS.tolist()
        and beyond.tolist() == [0, 255, 255]
    )


def _two_epochs(dataset) -> np.ndarray:
    """Exercise 1.3: what a dataset brings in two epochs (2, batches, 64, 28, 28, 1)."""
    return np.stack([np.stack(list(dataset.as_numpy_iterator())) for _ in range(2)])


def _repaired_pipeline(dataset) -> bool:
    """Exercise 1.3: batches of 64 in [-1, 1], in another order each epoch, with the same images in each."""
    first, second = _two_epochs(dataset)
    if (first.shape, first.dtype) != ((4, 64, 28, 28, 1), np.float32):
        return False
    if not np.allclose([first.min(), first.max()], [-1, 1]):
        return False
    as_set = [{image.tobytes() for image in epoch.reshape(256, -1)} for epoch in (first, second)]
    return as_set[0] == as_set[1] and len(as_set[0]) == 256 and not np.array_equal(first, second)


LOGITS = (-6.0,), (-1.5,), (0.0,), (2.0,)
STAMPS = (1.0, 10.0, 100.0), (2.0, -1.0, 0.5)


def _normalises(root) -> Test:
    """Exercise 3.2: batch norm in inference, with this `root` of the variance below the line."""
    return gives(
        lambda x, mean, variance, gamma, beta: gamma * (x - mean) / root(variance) + beta,
        (np.float32([5, 8, 2]), 5.0, 9.0, 1.0, 0.0),
        (np.float32([5, 8, 2]), 2.0, 4.0, 3.0, 7.0),
        (np.float32([0.05, -0.1, 0.2]), 0.1, 0.002, 1.5, -0.5),  # so small a variance that ε shows
    )


def _doublings(model) -> int:
    """Exercise 3.3: the transposed convolutions of a model, those of the models in it included."""
    return sum(
        _doublings(layer) if hasattr(layer, "layers") else type(layer).__name__ == "Conv2DTranspose"
        for layer in model.layers
    )


def _ends_like_tanh(model) -> bool:
    """Exercise 3.3: latent vectors this long drive the last activation to both its ends."""
    latents = 1000 * np.random.default_rng(0).standard_normal((4, 64)).astype(np.float32)
    images = np.asarray(model(latents, training=False))
    return bool(-1 <= images.min() < -0.5 and images.max() <= 1)


def _colour_generator(model) -> bool:
    """Exercise 3.3: 64 numbers → three upsampling blocks → 32×32 pixels in three colours, in (-1, 1)."""
    sizes = model.input_shape, model.output_shape
    return sizes == ((None, 64), (None, 32, 32, 3)) and _doublings(model) == 3 and _ends_like_tanh(model)


ENTROPY = -0.7 * np.log(0.7) - 0.3 * np.log(0.3)  # exercise 4.1: what a target of 0.7 costs


def _averages(decay_of_step, swapped: bool = False) -> Test:
    """Exercise 4.2: the moving average, with this choice between `decay` and the ramp."""

    def formula(average, weight, step, decay):
        d = decay_of_step(decay, (1 + step) / (10 + step))
        return average + d * (weight - average) if swapped else weight + d * (average - weight)

    return gives(formula, (0.0, 1.0, 0, 0.999), (2.0, 4.0, 90, 0.5), (1.0, 0.0, 10**6, 0.999), (3.0, 1.0, 40, 0.99))


def _walks(lengths, spherical: bool = False) -> Test:
    """Exercise 5.2: the points of the straight walk (or slerp's), each brought to its one of `lengths(|a|, |b|, steps)`."""

    def formula(a, b, steps):
        t = np.linspace(0, 1, steps)[:, None]
        norm_a, norm_b = np.linalg.norm(a), np.linalg.norm(b)
        angle = np.arccos(a @ b / norm_a / norm_b)
        line = np.sin((1 - t) * angle) * a / norm_a + np.sin(t * angle) * b / norm_b if spherical else a + t * (b - a)
        return line / np.linalg.norm(line, axis=1, keepdims=True) * lengths(norm_a, norm_b, steps)[:, None]

    a, b, c = np.random.default_rng(0).standard_normal((3, 64)).astype(np.float32)
    return gives(formula, (a, b, 5), (b, 0.75 * c, 4))


def _loop(answer) -> np.ndarray:
    """Exercise 5.3: an answer as latent vectors (n, 64).

    Raises:
        ValueError: it has another shape, or too few of them.
    """
    loop = np.asarray(answer, float)
    if loop.ndim != 2 or loop.shape[1] != 64 or len(loop) < 9:
        raise ValueError(f"expected the shape (9 or more, 64), got {loop.shape}")
    return loop


def _closed(answer) -> bool:
    """Exercise 5.3: whether the last vector equals the first."""
    return bool(np.allclose(_loop(answer)[0], _loop(answer)[-1], atol=0.01))


def _lengths(answer) -> np.ndarray:
    """Exercise 5.3: the lengths of the vectors."""
    return np.linalg.norm(_loop(answer), axis=1)


def _centred(answer) -> bool:
    """Exercise 5.3: whether the stops lie evenly about the origin, in a plane through it."""
    stops = _loop(answer)[:-1]
    return bool(np.linalg.svd(stops, compute_uv=False)[2] < 0.05 and np.linalg.norm(stops.mean(axis=0)) < 0.05)


def _even(answer) -> bool:
    """Exercise 5.3: whether all steps are equally long."""
    strides = np.linalg.norm(np.diff(_loop(answer), axis=0), axis=1)
    return bool(strides.max() < 1.02 * strides.min())


def _on_radius(answer) -> bool:
    """Exercise 5.3: whether all vectors have length 8."""
    return bool(np.abs(_lengths(answer) - 8).max() < 0.02)


def _by_degrees(answer) -> bool:
    """Exercise 5.3: whether each step turns by 360 / steps *radians*."""
    first, second = _loop(answer)[:2]
    cosine = first @ second / np.linalg.norm(first) / np.linalg.norm(second)
    return not _closed(answer) and bool(np.isclose(cosine, np.cos(360 / (len(_loop(answer)) - 1)), atol=1e-3))


def _directs(scaled) -> Test:
    """Exercise 5.4: the difference of the means of two classes, as `scaled` leaves it."""
    latents, classes = np.random.default_rng(0).standard_normal((60, 8)).astype(np.float32), np.arange(60) % 3

    def formula(latents, classes, a, b):
        return scaled(latents[classes == b].mean(axis=0) - latents[classes == a].mean(axis=0))

    return gives(formula, (latents, classes, 1, 2), (latents, classes, 2, 0))


def _letters(answer) -> str:
    """Exercise 6.2: three letters, whatever stands between them."""
    return "".join(word for word in words(answer) if word != "and")


def _covers(share) -> Test:
    """Exercise 6.3: `share(distances real to real, real to fake, fake to fake, k)`, on points of a line."""

    def formula(real, fake, k):
        pairs = (real, real), (real, fake), (fake, fake)
        return share(*(np.linalg.norm(x[:, None] - y[None], axis=-1) for x, y in pairs), k)

    line = np.arange(6.0)[:, None] ** 2  # 0, 1, 4, 9, 16, 25
    near, edge = np.array([[0.5], [0.6], [40.0]]), np.array([[-1.0], [60.0], [90.0]])  # -1: on the edge of a ball
    return gives(formula, (line, near, 1), (line, near, 2), (line, edge, 1))


def _radius(distances, k):
    """Exercise 6.3: the distance of each point to its k-th neighbour; column 0 is the point itself."""
    return np.sort(distances, axis=1)[:, k]


# Exercise 7.1: the word that tells each failure of the gallery, in the order in which they are looked for.
FAILURE_WORDS = ("won", "collapse", "oscillation", "range", "sigmoid", "norm", "noise", "rate", "frozen")
LOOK_AT = {
    "A": ("noise", "both accuracies are 1, and where does the dashed line lie?"),
    "B": ("range", "its curves are those of a healthy run; look at the background."),
    "C": ("collapse", "sixteen latent vectors, and how many different pictures?"),
    "D": ("frozen", "one loss is 0 from the beginning: which player is pleased, and which does not answer?"),
    "E": ("sigmoid", "both losses lie still on their dotted lines, as in a draw; do the pictures look like a draw?"),
    "F": ("oscillation", "follow one accuracy from left to right, and the one latent vector on its way."),
}


def _failure(name) -> str:
    """Exercise 7.1: the failure that a name means, by its telling word; "" for none."""
    said = " ".join(words(name))
    said = re.sub("oscillat(es|ing)", "oscillation", re.sub("collapsed", "collapse", said))
    return next((word for word in FAILURE_WORDS if re.search(rf"\b{word}\b", said)), "")


def _diagnosis(answer) -> dict[str, str]:
    """Exercise 7.1: letters and the failures that are named for them.

    Raises:
        TypeError: it is no dict.
        ValueError: letters are missing.
    """
    if not isinstance(answer, dict):
        raise TypeError('expected a dict such as {"A": "collapse", …}')
    found = {str(letter).strip().upper(): _failure(name) for letter, name in answer.items()}
    if missing := sorted(set(LOOK_AT) - set(found)):
        raise ValueError(f"no answer for run {', '.join(missing)}")
    return found


def _misnamed(letter: str) -> Test:
    return lambda answer: _diagnosis(answer)[letter] != LOOK_AT[letter][0]


def _run_is_healthy(run) -> bool:
    """Exercises 7.2 and 7.3: by the numbers of `gan_helpers.course.gallery`."""
    from gan_helpers.course import gallery

    if not isinstance(run, gallery.Specimen):
        raise TypeError("expected what gallery.train returns")
    if len(run.history) < gallery.ROWS:
        raise ValueError("the run is too short to tell: leave out rows")
    return gallery.is_healthy(run)


def _still(sign: str) -> Test:
    """Exercises 7.2 and 7.3: whether a run's first fault is said with these words."""

    def fits(run) -> bool:
        from gan_helpers.course import gallery

        return sign in gallery.what_is_wrong(run)

    return fits


SIGNS = (
    (_still("tells"), "the discriminator wins: raise the generator's rate, or lower the discriminator's."),
    (_still("accuracies"), "the discriminator does not keep up: raise its rate, or lower the generator's."),
    (
        _still("background"),
        "the background is not black: in which range do the real pixels come, and are the rates too far apart?",
    ),
    (_still("classes"), "too few classes are in use: bring the two rates closer together."),
    (
        _still("diversity"),
        "the diversity is not that of real images: bring the two rates closer together, or lower both.",
    ),
)


EXERCISES: dict[str, Exercise] = {
    # notebook 01
    "1.1": Exercise(
        lambda answer: _classes(answer) == {2, 4},
        (
            "compare every pair of mean images; there are 45 pairs.",
            "np.linalg.norm(means[i] - means[j]) is their distance; find the smallest with i < j.",
        ),
        "The mean pullover and the mean coat are almost one picture: a generator will blend the two.",
        (
            (
                lambda answer: len(_classes(answer)) == 1,
                "two different classes: each is nearest to itself, so leave out i = j.",
            ),
            (lambda answer: _classes(answer) == {1, 9}, "these have the largest distance; find the smallest."),
            (
                lambda answer: _classes(answer) in ({2, 6}, {4, 6}),
                "the mean shirt comes near, but one pair is nearer: compute it.",
            ),
        ),
    ),
    "1.2": Exercise(
        _there_and_back,
        (
            "to float32 first, then / 127.5 - 1; the way back undoes it in the opposite order.",
            "round with np.rint before you convert to uint8, which only cuts off.",
            "np.clip(…, 0, 255) before astype(np.uint8): without it, 256 would wrap around to 0.",
        ),
        "Scale, round, clip, convert: every pixel comes back, and overshoot turns white, not black.",
        (
            (lambda answer: _floats(answer).min() > -0.1, "to_network starts at 0; tanh starts at -1: / 127.5 - 1."),
            (lambda answer: _floats(answer).dtype != np.float32, "to_network does not return float32: convert first."),
            (
                lambda answer: _pixels(answer, FLOATS).dtype != np.uint8,
                "to_pixels does not return uint8: astype(np.uint8).",
            ),
            (
                lambda answer: set(PIXELS.astype(int) - _pixels(answer, FLOATS)) == {0, 1},
                "some pixels come back one too dark: np.rint before astype(np.uint8), which only cuts off.",
            ),
            (
                lambda answer: (
                    np.array_equal(_pixels(answer, FLOATS), PIXELS)
                    and _pixels(answer, BEYOND).tolist() != [0, 255, 255]
                ),
                "beyond the range uint8 wraps around: np.clip(…, 0, 255) before astype(np.uint8).",
            ),
        ),
    ),
    "1.3": Exercise(
        _repaired_pipeline,
        (
            "compare the order of two epochs, and look at the smallest pixel.",
            "cache keeps what comes into it, the order included: put it before shuffle.",
            "tanh makes pixels in [-1, 1], so real pixels need / 127.5 - 1.",
        ),
        "Cache, then shuffle: each epoch has its own order. And [-1, 1]: the range gives nothing away.",
        (
            (
                lambda dataset: np.array_equal(*_two_epochs(dataset)) and _two_epochs(dataset).min() == -1,
                "the range is right now, but both epochs come in the same order: cache before shuffle.",
            ),
            (
                lambda dataset: not np.array_equal(*_two_epochs(dataset)) and _two_epochs(dataset).min() == 0,
                "the order is right now, but no pixel is below 0: what does tanh reach?",
            ),
        ),
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
        (
            (close([np.log(3), 0.75]), "the probability comes first, the logit second."),
            (
                close([0.25, -np.log(3)]),
                "that is the share of the generated samples; D gives the share of the real ones.",
            ),
            (close([0.75, np.log2(3)]), "the logit takes the natural logarithm, np.log, not base 2."),
            (close([0.75, np.log10(3)]), "the logit takes the natural logarithm, np.log, not base 10."),
            (close([0.75, -np.log(3)]), "mind the sign: a probability above one half has a positive logit."),
            (close([0.75, 3]), "3 is the ratio of the densities; the logit is its logarithm."),
            (close([0.75, np.log(0.75)]), "log D is not yet the logit, which is log(D / (1 - D))."),
            (lambda answer: numbers(answer).shape != (2,), "a pair is wanted: (probability, logit)."),
        ),
    ),
    "2.2": Exercise(
        close(np.log(2)),
        (
            "write D* for each of the three outcomes; two of them are certain.",
            "a certain outcome costs nothing, so only the second one counts: D* is 1/2 there.",
            "the second outcome costs 1/2 log 2 for real samples and 1/2 log 2 for generated ones.",
        ),
        "log 2: half of log 4, because the two kinds overlap in half of their samples.",
        (
            (close(np.log(4)), "log 4 is for kinds that overlap wholly; here half of each kind's samples are certain."),
            (close(np.log(2) / 2), "that is one of the two cross-entropies, or their mean; the loss is their sum."),
            (close(1), "that is measured in bits; take the natural logarithm."),
            (close(-np.log(2)), "mind the sign: that is V, and the loss is -V."),
            (close(0), "nobody can be certain of the second outcome: it comes from both."),
        ),
    ),
    "2.3": Exercise(
        gives(lambda logit: np.exp(-logit), *LOGITS),
        (
            "divide the absolute slopes of section 5: (1 - σ(l)) / σ(l).",
            "put σ(l) = 1 / (1 + np.exp(-l)) in and simplify.",
            "only np.exp(-l) remains.",
        ),
        "The ratio is exp(-l): 1 at the draw, 403 at logit -6. The worse the generator, the more the fair loss starves it.",
        (
            (
                gives(lambda logit: np.exp(logit), *LOGITS),
                "upside down: divide the non-saturating slope by the saturating one.",
            ),
            (gives(lambda logit: -np.exp(-logit), *LOGITS), 'mind the sign: "how many times as hard" is positive.'),
            (
                gives(lambda logit: 1 / (1 + np.exp(logit)), *LOGITS),
                "that is one of the slopes; divide it by the other.",
            ),
        ),
    ),
    # notebook 03
    "3.1": Exercise(
        gives(lambda a, b, c: [a, a + b, b + c, c], *STAMPS),
        (
            "a single 1 that goes in is doubled to 1, 1 first; what does the kernel (a, b, c) make of that?",
            "each of the two ones stamps (a, b, c), the second stamp one place further on; add them up.",
            "the stamps are a, b, c, 0 and 0, a, b, c.",
        ),
        "(a, a+b, b+c, c): upsampling + convolution is a transposed convolution with four weights tied to three.",
        (
            (gives(lambda a, b, c: [c, b + c, a + b, a], *STAMPS), "that is back to front: a stamp begins with a."),
            (
                gives(lambda a, b, c: [a, b, c, 0], *STAMPS),
                "that is one stamp; the 1 is doubled first, so there are two.",
            ),
            (lambda kernel: numbers(call(kernel, a=1, b=1, c=1)).shape != (4,), "the kernel has four entries."),
        ),
    ),
    "3.2": Exercise(
        _normalises(lambda variance: np.sqrt(variance + 1e-3)),
        (
            "subtract the mean and divide; then scale and shift.",
            "variance is the square of the deviation: divide by np.sqrt(variance + 1e-3).",
            "gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta.",
        ),
        "In inference batch norm is a fixed straight line, gamma / deviation times x plus a constant: no batch is needed.",
        (
            (_normalises(np.sqrt), "ε is missing, or far too small: it counts where the variance is small."),
            (_normalises(lambda variance: np.sqrt(variance) + 1e-3), "ε stands under the root, added to the variance."),
            (
                _normalises(lambda variance: np.sqrt(variance + 1e-6)),
                "that ε is too small: it is squared already, 0.001.",
            ),
            (_normalises(lambda variance: np.sqrt(variance + 1e-5)), "that is PyTorch's ε; Keras' default is 0.001."),
            (_normalises(lambda variance: variance + 1e-3), "the variance is a square: divide by a root."),
            (_normalises(lambda variance: variance), "the variance is a square: divide by a root, with ε under it."),
        ),
    ),
    "3.3": Exercise(
        _colour_generator,
        (
            "32 is a seed doubled three times: how large is the seed?",
            "begin with Dense(4 * 4 * 64) and Reshape((4, 4, 64)), then three upsampling blocks.",
            'end with Conv2D(3, 3, padding="same", activation="tanh"): three channels, for three colours.',
        ),
        "4 → 8 → 16 → 32: one more block is all that a picture of twice the size needs.",
        (
            (lambda model: model.input_shape != (None, 64), "the input is 64 latent numbers: keras.Input((64,))."),
            (
                lambda model: _doublings(model) != 3,
                "three upsampling blocks are wanted, with one Conv2DTranspose each.",
            ),
            (
                lambda model: model.output_shape[1:3] != (32, 32),
                "three doublings must end at 32 × 32: begin with a 4 × 4 seed.",
            ),
            (
                lambda model: model.output_shape[3] != 3,
                "three colours are three channels: the last layer has 3 filters.",
            ),
            (lambda model: not _ends_like_tanh(model), 'the pixels must lie in (-1, 1): activation="tanh" at the end.'),
        ),
    ),
    # notebook 04
    "4.1": Exercise(
        close(ENTROPY),
        (
            "what does a perfect discriminator pay for the generated images, whose target is 0?",
            "the best answer to a target of 0.7 is 0.7; what does it cost in cross-entropy?",
            "compute H(0.7) = -0.7 log 0.7 - 0.3 log 0.3, with the natural logarithm.",
        ),
        "Generated images cost 0, real ones H(0.7) ≈ 0.61: smoothing leaves a loss that no discriminator can avoid.",
        (
            (close(ENTROPY / np.log(2)), "that is measured in bits; take the natural logarithm."),
            (
                close(2 * ENTROPY),
                "the smoothing is one-sided: the target of generated images stays 0, and costs nothing.",
            ),
            (close(ENTROPY / 2), "that is the mean of both halves; the loss is their sum."),
            (close(-ENTROPY), "mind the sign: a cross-entropy is never negative."),
            (close(-np.log(0.7)), "H(0.7) has two terms, weighted with 0.7 and with 0.3."),
            (close(0), "0 is the floor without smoothing; a target of 0.7 costs something, whatever the answer."),
        ),
    ),
    "4.2": Exercise(
        _averages(np.minimum),
        (
            "first find the decay of this step: the smaller of `decay` and (1 + step) / (10 + step).",
            "with that decay d the new average is weight + d * (average - weight).",
        ),
        "Early on the average follows at once; later it looks back about 1 / (1 - decay) steps.",
        (
            (
                _averages(lambda decay, ramp: decay),
                "the ramp is missing: early on (1 + step) / (10 + step) is the smaller.",
            ),
            (_averages(lambda decay, ramp: ramp), "the ramp must stop at `decay`: take the smaller of the two."),
            (_averages(np.maximum), "the decay of a step is the smaller of the two, not the larger."),
            (
                _averages(np.minimum, swapped=True),
                "average and weight have changed places: a decay near 1 keeps the average.",
            ),
        ),
    ),
    "4.3": Exercise(
        lambda answer: words(answer) == ["never"],
        (
            "is the first step after the stop the same, with Adam's memory gone?",
            "if one step differs, the next one starts from other weights.",
        ),
        "One different step changes every later gradient: training amplifies differences, it does not forget them.",
        (
            (lambda answer: words(answer) == ["0"], "a fresh Adam remembers no gradients: is its first step the same?"),
            (
                lambda answer: words(answer) in (["1"], ["2"]),
                "by then Adam has a memory again; but the weights have moved apart: what would bring them back?",
            ),
        ),
    ),
    # notebook 05
    "5.1": Exercise(
        close(8 / np.sqrt(2)),
        (
            "draw it: a right angle with sides of length 8, and the middle of the line between their ends.",
            "the middle is (a + b) / 2; what is its length, when a and b are at a right angle?",
            "|a + b|² = 8² + 8² by Pythagoras; take the root, and half of it.",
        ),
        "8 / √2 ≈ 5.66: shorter than almost every latent vector that the generator was trained on.",
        (
            (close(8 * np.sqrt(2)), "that is the length of a + b; the middle is half of it."),
            (close(8), "that is the spherical walk; the straight line cuts the corner."),
            (close(4), "both vectors have a part in the middle, (a + b) / 2."),
        ),
    ),
    "5.2": Exercise(
        _walks(np.linspace),
        (
            "first walk straight with gh.latent.lerp, then change only the length of each vector.",
            "divide each vector by its norm (keepdims=True), then multiply by the length it should have.",
            "the lengths are np.linspace(norm of a, norm of b, steps)[:, None].",
        ),
        "A cheap cousin of slerp: the same arc, only with uneven angles between the steps.",
        (
            (_walks(np.linspace, spherical=True), "that is slerp; stretch the points of the straight walk instead."),
            (_walks(lambda a, b, steps: np.full(steps, a)), "the length stays that of a; it should end at that of b."),
            (
                _walks(lambda a, b, steps: np.full(steps, 8)),
                "the length is 8 throughout; it should go from |a| to |b|.",
            ),
            (
                _walks(lambda a, b, steps: np.ones(steps)),
                "all lengths are 1: multiply by the lengths they should have.",
            ),
        ),
    ),
    "5.3": Exercise(
        lambda loop: _closed(loop) and _on_radius(loop) and _centred(loop) and _even(loop),
        (
            "a circle in the plane of u and v: np.cos(t) * u + np.sin(t) * v, with t from 0 to 2π.",
            "u and v need a right angle between them and the same length, 8.",
            "make v perpendicular: v - (v @ u) / (u @ u) * u; then scale both to length 8.",
        ),
        "A great circle: it keeps to the shell, and ends where it began, so the animation can run for ever.",
        (
            (_by_degrees, "np.cos and np.sin take radians: t from 0 to 2π, not to 360."),
            (lambda loop: not _closed(loop), "the last vector is not the first: t from 0 to 2π, both included."),
            (lambda loop: _on_radius(loop) and not _even(loop), "the steps are uneven: take t from np.linspace."),
            (lambda loop: not _centred(loop), "the middle of the circle is not the origin."),
            (lambda loop: np.ptp(_lengths(loop)) > 0.02, "an ellipse: are u and v at right angles, and equally long?"),
            (lambda loop: not _on_radius(loop), "a circle, but not of radius 8: scale u and v to length 8."),
        ),
    ),
    "5.4": Exercise(
        _directs(lambda difference: difference / np.linalg.norm(difference)),
        (
            "latents[classes == a].mean(axis=0) is the middle of class a.",
            "from a to b: the mean of b minus the mean of a.",
            "divide by np.linalg.norm, so that its length is 1.",
        ),
        "The mean of many vectors cancels what they do not share; their difference is what the classes differ in.",
        (
            (_directs(lambda difference: difference), "the direction is right, but its length is not 1."),
            (_directs(lambda difference: -difference / np.linalg.norm(difference)), "that leads from b to a."),
            (_directs(lambda difference: -difference), "that leads from b to a, and its length is not 1."),
        ),
    ),
    # notebook 06
    "6.1": Exercise(
        close(3.25),
        (
            "in one dimension it is (difference of the means)² + (difference of the standard deviations)².",
            "the means differ by 1, the standard deviations by 1.5.",
        ),
        "1 + 2.25 = 3.25: the lack of variety costs more than the wrong mean.",
        (
            (close(2.5), "square both differences before you add them."),
            (close(np.sqrt(3.25)), "the course keeps the squared form: leave the root out."),
            (close(1 + 3.75**2), "those are the variances; take the difference of the standard deviations, 2 and 0.5."),
            (
                close(1 + 3.75),
                "those are the variances; take the difference of the standard deviations, and square it.",
            ),
            (close(1), "that is the part of the means; the standard deviations differ too."),
        ),
    ),
    "6.2": Exercise(
        lambda answer: _letters(answer) == "cab",
        (
            "blurred pictures lie where no real ones are: which generator has the lowest density?",
            "ln 9 = 2.197 is the most that nine classes can have; whose entropy is nearest to it?",
            "the third one draws densely and covers little.",
        ),
        "C lacks a class, A repeats a few kinds, B is blurred. The distance alone says how far, and not what is wrong.",
        (
            (
                lambda answer: sorted(_letters(answer)) != ["a", "b", "c"],
                "three letters are wanted, each of A, B and C once.",
            ),
            (
                lambda answer: _letters(answer) == "bca",
                "in the order of the question: who leaves out a class, who draws few kinds, who is blurred.",
            ),
            (
                lambda answer: _letters(answer)[2] == "b",
                "B is blurred; now, whose entropy is near ln 9, and who covers least?",
            ),
            (lambda answer: _letters(answer)[0] == "c", "C lacks a class; now, whose density is too low?"),
            (lambda answer: _letters(answer)[1] == "a", "A draws few kinds; now, whose density is too low?"),
        ),
    ),
    "6.3": Exercise(
        _covers(lambda real, cross, fake, k: np.mean(cross.min(axis=1) < _radius(real, k))),
        (
            "for each real point: its distance to the k-th nearest real point, and its distance to the nearest fake one.",
            "in a sorted row of real-to-real distances column 0 is the point itself; take column k.",
            "np.mean(nearest_fake < radius), with strictly smaller.",
        ),
        "Coverage asks every real point, so a stray fake one cannot flatter it.",
        (
            (
                _covers(lambda real, cross, fake, k: np.mean(cross.min(axis=1) < _radius(real, k - 1))),
                "in a sorted row column 0 is the point itself: take column k, not k - 1.",
            ),
            (
                _covers(lambda real, cross, fake, k: np.mean(cross.min(axis=1) <= _radius(real, k))),
                "nearer, and not as near: strictly smaller than the radius.",
            ),
            (
                _covers(lambda real, cross, fake, k: np.mean((cross < _radius(real, k)[:, None]).any(axis=0))),
                "that is precision, the share of fake points; ask every real point instead.",
            ),
            (
                _covers(lambda real, cross, fake, k: np.mean((cross < _radius(fake, k)).any(axis=1))),
                "that is recall, with balls around fake points; the balls belong to the real ones.",
            ),
            (
                _covers(lambda real, cross, fake, k: np.sum(cross.min(axis=1) < _radius(real, k))),
                "that is a number of points; a share is wanted: take the mean.",
            ),
        ),
    ),
    # notebook 07
    "7.1": Exercise(
        lambda answer: all(_diagnosis(answer)[letter] == right for letter, (right, _) in LOOK_AT.items()),
        ("use the names that gallery.FAILURES lists, one for each letter from A to F.",),
        "Six faults by their charts: no single panel would have told them all.",
        tuple((_misnamed(letter), f"run {letter} is something else: {hint}") for letter, (_, hint) in LOOK_AT.items()),
    ),
    "7.2": Exercise(
        _run_is_healthy,
        ("compare gallery.settings_of('C') with gallery.Settings(), the healthy run's.",),
        "The discriminator keeps up, so no single picture stays right for long.",
        SIGNS,
    ),
    "7.3": Exercise(
        lambda run: _run_is_healthy(run) and run.objective.label_noise >= 0.3,
        ("compare gallery.settings_of('A') with gallery.Settings(), the healthy run's.",),
        "With rates that match, label noise does no harm; before, it only hid who had won.",
        (
            *SIGNS,
            (
                lambda run: run.objective.label_noise < 0.3,
                "healthy, but without the noise: keep loss='non_saturating:0.0:0.3'.",
            ),
        ),
    ),
}

_tries: dict[str, int] = {}


def check_answer(number: str, answer) -> None:
    """Print one line: that the answer is right and why, or a hint that fits it, or else the next hint.

    Numbers may come as lists, arrays or tensors, words in any case and with any punctuation. There is no hint before a
    first try.

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
        print(
            f"Exercise {number}: not answered yet. Write your answer into the cell above and run both cells; a wrong answer brings a hint."
        )
        return
    step = min(_tries.get(number, 0), len(exercise.hints) - 1)
    try:
        with np.errstate(all="ignore"):
            right = bool(exercise.is_right(answer))
    except Exception as error:  # whatever a learner hands in, the check answers instead of failing
        said = " ".join(str(error).split())[:200].rstrip(".")
        print(f"Exercise {number}: not yet, it raised {type(error).__name__}: {said}. Hint: {exercise.hints[step]}")
        return
    if right:
        _tries.pop(number, None)
        print(f"Exercise {number}: correct. {exercise.why}")
        return
    hint = next((hint for fits, hint in exercise.slips if _holds(fits, answer)), None)
    if hint is None:
        hint = exercise.hints[step]
        _tries[number] = _tries.get(number, 0) + 1
    print(f"Exercise {number}: not yet. Hint: {hint}")


def _holds(fits: Test, answer) -> bool:
    """Whether an answer is this slip; one that cannot be asked is not."""
    try:
        with np.errstate(all="ignore"):
            return bool(fits(answer))
    except Exception:
        return False
