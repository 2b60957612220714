"""The exercises of lesson 01."""

import re

import numpy as np

from gan_helpers.course.exercises.checks import Later, call, tf, words
from gan_helpers.course.exercises.exercise import Exercise, Slip
from gan_helpers.data import CLASS_NAMES

batches = Later("gan_helpers.data.batches")

SETUP = """import numpy as np
import tensorflow as tf

SEED = 7
train_images, train_labels = gh.load_fashion_mnist("train")
means = np.stack([train_images[train_labels == label].mean(axis=0) for label in range(10)])"""


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


# --- answers, right and wrong ---------------------------------------------------------------------


def _scale(pixels):
    return pixels.astype(np.float32) / 127.5 - 1


def _scale_tensor(pixels):
    return tf.cast(pixels, tf.float32) / 127.5 - 1


def _unscale(floats):
    return np.rint((floats + 1) * 127.5).clip(0, 255).astype(np.uint8)


def _unscale_tensor(floats):
    return tf.cast(tf.clip_by_value(tf.round((floats + 1) * 127.5), 0, 255), tf.uint8)


def _images_of_all_values():
    return np.random.default_rng(0).integers(0, 256, (256, 28, 28, 1)).astype(np.uint8)


def _pipeline(scaled=lambda image: tf.cast(image, tf.float32) / 127.5 - 1, order="cache first", batch=64):
    dataset = tf.data.Dataset.from_tensor_slices(_images_of_all_values()).map(scaled)
    dataset = dataset.cache().shuffle(256, seed=7) if order == "cache first" else dataset.shuffle(256, seed=7).cache()
    return dataset.batch(batch, drop_remainder=True).prefetch(2)


def _to_unit_range(image):
    return tf.cast(image, tf.float32) / 255


EXERCISES: dict[str, Exercise] = {
    "1.1": Exercise(
        title="which two classes are most alike?",
        prompt="""Of all pairs of classes, which two have mean images (`means`, section 3) with the smallest Euclidean distance? Set `most_alike` to their two names or numbers, for example `("Bag", "Sandal")` or `(8, 5)`.""",
        stub="most_alike = None  # your answer",
        answer="most_alike",
        hints=(
            "compare every pair of mean images; there are 45 pairs.",
            "`np.linalg.norm(means[i] - means[j])` is their distance; find the smallest with `i < j`.",
        ),
        is_right=lambda answer: _classes(answer) == {2, 4},
        why="The mean pullover and the mean coat are almost one picture: a generator will blend the two.",
        solution="""distances = np.linalg.norm((means[:, None] - means[None]).reshape(10, 10, -1), axis=-1)
np.fill_diagonal(distances, np.inf)
i, j = np.unravel_index(distances.argmin(), distances.shape)
most_alike = (gh.CLASS_NAMES[i], gh.CLASS_NAMES[j])
print(most_alike, f"distance {distances[i, j]:.0f}; the next smallest {np.unique(distances.round())[1]:.0f}")""",
        because="""`means[:, None] - means[None]` holds all differences at once, shape (10, 10, 28, 28, 1). The diagonal is 0, because each class is nearest to itself. So it is set to infinity before the smallest distance is taken.""",
        slips=(
            Slip(
                lambda answer: len(_classes(answer)) == 1,
                "two different classes: each is nearest to itself, so leave out i = j.",
                lambda: [(0, 0)],
            ),
            Slip(
                lambda answer: _classes(answer) == {1, 9},
                "these have the largest distance; find the smallest.",
                lambda: [("Trouser", "Ankle boot")],
            ),
            Slip(
                lambda answer: _classes(answer) in ({2, 6}, {4, 6}),
                "the mean shirt comes near, but one pair is nearer: compute it.",
                lambda: [("Shirt", "Pullover"), (6, 4)],
            ),
        ),
        right=lambda: [
            ("Pullover", "Coat"),
            ["coat", "pullover"],
            {"Pullover", "Coat"},
            "Pullover and coat.",
            (2, 4),
            np.array([[4, 2]]),
            tf.constant([2, 4]),
            ("Pullover", 4),
            np.array(["Coat", "Pullover"]),
        ],
        wrong=lambda: [("Pullover", "Coat", "Shirt"), ("T-shirt/top", "Pullover"), "pull"],
        raising=lambda: [(object(), "TypeError")],
    ),
    "1.2": Exercise(
        title="there and back",
        prompt="""Write the two functions yourself, for a generator that ends in tanh: `to_network` takes `uint8` pixels and returns `float32` in [-1, 1], and `to_pixels` brings a network's floats back to `uint8`. A network without tanh may overshoot, so 1.02 must become 255, too. Then set `answer = (to_network, to_pixels)`.""",
        stub="""def to_network(pixels):
    ...  # your code


def to_pixels(floats):
    ...  # your code


answer = None  # when the functions are ready: (to_network, to_pixels)""",
        answer="answer",
        hints=(
            "convert to `float32` first, then `/ 127.5 - 1`; the way back undoes it in the opposite order.",
            "round with `np.rint` before you convert to `uint8`: the conversion only cuts off.",
            "put `np.clip(…, 0, 255)` before `astype(np.uint8)`: without it, 256 would wrap around to 0.",
        ),
        is_right=_there_and_back,
        why="Scale, round, clip, convert: every pixel comes back, and overshoot turns white, not black.",
        solution="""def to_network(pixels):
    return np.asarray(pixels, np.float32) / 127.5 - 1


def to_pixels(floats):
    scaled = (np.asarray(floats) + 1) * 127.5
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


answer = (to_network, to_pixels)""",
        because="""The order on the way back matters. Rounding comes before the conversion, because `astype` cuts off. Clipping comes before it, too, because 256 does not fit into a `uint8`.""",
        slips=(
            Slip(
                lambda answer: _floats(answer).min() > -0.1,
                "to_network starts at 0; tanh starts at -1: / 127.5 - 1.",
                lambda: [(lambda pixels: pixels.astype(np.float32) / 255, _unscale)],
            ),
            Slip(
                lambda answer: _floats(answer).dtype != np.float32,
                "to_network does not return float32: convert first.",
                lambda: [(lambda pixels: pixels / 127.5 - 1, _unscale)],
            ),
            Slip(
                lambda answer: _pixels(answer, FLOATS).dtype != np.uint8,
                "to_pixels does not return uint8: astype(np.uint8).",
                lambda: [(_scale, lambda floats: np.rint((floats + 1) * 127.5).clip(0, 255))],
            ),
            Slip(
                lambda answer: set(PIXELS.astype(int) - _pixels(answer, FLOATS)) == {0, 1},
                "some pixels come back one too dark: np.rint before astype(np.uint8), which only cuts off.",
                lambda: [(_scale, lambda floats: ((floats + 1) * 127.5).clip(0, 255).astype(np.uint8))],
            ),
            Slip(
                lambda answer: (
                    np.array_equal(_pixels(answer, FLOATS), PIXELS)
                    and _pixels(answer, BEYOND).tolist() != [0, 255, 255]
                ),
                "beyond the range uint8 wraps around: np.clip(…, 0, 255) before astype(np.uint8).",
                lambda: [(_scale, lambda floats: np.rint((floats + 1) * 127.5).astype(int).astype(np.uint8))],
            ),
        ),
        right=lambda: [
            (_scale, _unscale),
            [_scale, _unscale],
            (_scale_tensor, _unscale_tensor),
            (_scale_tensor, _unscale),
        ],
        wrong=lambda: [(lambda pixels: pixels.astype(np.float32) / 128 - 1, _unscale)],
        raising=lambda: [(_scale, "TypeError")],
    ),
    "1.3": Exercise(
        title="repair a pipeline",
        prompt="""This pipeline runs without a warning. Yet it has two faults that would spoil the training of a generator that ends in tanh. Find them, repair them, and set `repaired = my_pipeline(train_images[:256])`.""",
        stub="""def my_pipeline(images):
    dataset = tf.data.Dataset.from_tensor_slices(images)
    dataset = dataset.map(lambda image: tf.cast(image, tf.float32) / 255)
    dataset = dataset.shuffle(len(images), seed=SEED).cache()
    return dataset.batch(64, drop_remainder=True).prefetch(2)


repaired = None  # when it is repaired: my_pipeline(train_images[:256])""",
        answer="repaired",
        hints=(
            "compare the order of two epochs, and look at the smallest pixel.",
            "`cache` keeps whatever reaches it, the order included: put it before `shuffle`.",
            "tanh makes pixels in [-1, 1], so real pixels need `/ 127.5 - 1`.",
        ),
        is_right=_repaired_pipeline,
        why="Cache, then shuffle: each epoch has its own order. And [-1, 1]: the range gives nothing away.",
        solution="""def my_pipeline(images):
    dataset = tf.data.Dataset.from_tensor_slices(images)
    dataset = dataset.map(lambda image: tf.cast(image, tf.float32) / 127.5 - 1)
    dataset = dataset.cache().shuffle(len(images), seed=SEED)
    return dataset.batch(64, drop_remainder=True).prefetch(2)


repaired = my_pipeline(train_images[:256])""",
        because="""Two faults. `cache` came after `shuffle`, so it kept the order of the first epoch for good. And `/ 255` gives [0, 1], where a tanh generator gives [-1, 1]: the discriminator could tell real from generated by the sign of a pixel.""",
        slips=(
            Slip(
                lambda dataset: np.array_equal(*_two_epochs(dataset)) and _two_epochs(dataset).min() == -1,
                "the range is right now, but both epochs come in the same order: cache before shuffle.",
                lambda: [_pipeline(order="shuffle first")],
            ),
            Slip(
                lambda dataset: not np.array_equal(*_two_epochs(dataset)) and _two_epochs(dataset).min() == 0,
                "the order is right now, but no pixel is below 0: what does tanh reach?",
                lambda: [_pipeline(_to_unit_range)],
            ),
        ),
        right=lambda: [_pipeline(), batches.pipeline(_images_of_all_values(), batch_size=64, seed=7)],
        wrong=lambda: [_pipeline(_to_unit_range, "shuffle first"), _pipeline(batch=32)],
        raising=lambda: [(_pipeline, "as_numpy_iterator")],
    ),
}
