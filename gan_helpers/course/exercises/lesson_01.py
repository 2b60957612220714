"""The exercises of lesson 01."""

import functools
import re

import numpy as np

from gan_helpers.course.exercises.checks import Later, call, tf, words
from gan_helpers.course.exercises.exercise import Cell, Exercise, Slip
from gan_helpers.data import CLASS_NAMES, load_fashion_mnist

batches = Later("gan_helpers.data.batches")
generators = Later("gan_helpers.gan.generators")
latent = Later("gan_helpers.gan.latent")
shipped = Later("gan_helpers.runs.shipped")

SETUP = """import keras
import numpy as np
import tensorflow as tf

SEED = 7
generator = gh.load_generator("course_dcgan")
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


@functools.cache
def _lineup() -> tuple[np.ndarray, np.ndarray]:
    """Exercise 1.4: 1,000 test images and 1,000 generated ones, in random order, and which of them are real."""
    generator = shipped.load_generator("course_dcgan")
    generated = generators.generate(generator, latent.sample(1000, 64, seed=2025))
    real = load_fashion_mnist("test")[0][:1000]
    order = np.random.default_rng(2025).permutation(2000)
    return np.concatenate([real, generated])[order], np.repeat([True, False], 1000)[order]


def _shares(answer) -> tuple[float, float]:
    """Exercise 1.4: the shares of real and of generated images that a function calls real.

    Raises:
        ValueError: it returns something other than one boolean or one probability per image.
    """
    images, real = _lineup()
    said = np.asarray(call(answer, images=images.copy()), float)
    if said.size != len(images):
        raise ValueError(f"expected one answer per image, {len(images)} in all; got the shape {said.shape}")
    if not ((said >= 0) & (said <= 1)).all():
        raise ValueError("expected booleans or probabilities; logits become booleans by `logits > 0`")
    said = said.ravel() > 0.5
    return float(said[real].mean()), float(said[~real].mean())


def _accuracy(answer) -> float:
    """Exercise 1.4: the share of right answers."""
    real, generated = _shares(answer)
    return (real + 1 - generated) / 2


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


def _reaches_white(images):
    return images.max(axis=(1, 2, 3)) == 255


EXERCISES: dict[str, Exercise] = {
    "1.1": Exercise(
        title="which two classes are most alike?",
        prompt="""Of all pairs of classes, which two have mean images (`means`, section 4) with the smallest Euclidean distance? Set `most_alike` to their two names or numbers, for example `("Bag", "Sandal")` or `(8, 5)`.""",
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
    "1.4": Exercise(
        title="catch the generator",
        prompt="""An experiment. The generator has passed every test of this lesson; catch it all the same. Write `looks_real(images)`: it takes `uint8` images (n, 28, 28, 1) and says for each whether it is real, as a boolean or a probability. The check shows it 1,000 test images and 1,000 newly generated ones, in random order. **At least 85 % of its answers have to be right.** Guessing gives 50 %.

Any means will do. One line is enough for those who looked closely; a small network takes less than a minute of training on `train_images` and on images that you generate.""",
        stub="""def looks_real(images):
    ...  # your code""",
        answer="looks_real",
        hints=(
            "draw histograms of real and generated images as in section 3; where do the two differ most?",
            "look at the bright end: how bright is the brightest pixel of each image?",
            "`images.max(axis=(1, 2, 3))` is 255 for about nine real images in ten; and for how many generated ones?",
        ),
        is_right=lambda answer: _accuracy(answer) >= 0.85,
        why="A trace that no eye sees gives most of them away. A discriminator looks for just such traces.",
        solution="""def looks_real(images):
    return images.max(axis=(1, 2, 3)) == 255""",
        because="""Section 3's histogram has a spike at 255, but only for the real images. About nine real images in ten reach full white somewhere. Of the generated ones fewer than one in ten do: tanh comes near 1 without ever reaching it, and a pixel rounds to white only if its activation exceeds 3.12 (section 6).

The rule knows nothing about clothes, and it fails as soon as someone stretches the generated images to full white. So it says little about how good the images look. But it is just the kind of shortcut that a discriminator takes in training, and that a generator must learn to close.""",
        afterwards=(
            Cell(
                "markdown",
                """A small network finds a rule of its own. It is given 10,000 real and 10,000 generated images, and is tried on others.""",
            ),
            Cell(
                "code",
                """generated = gh.generate(generator, gh.latent.sample(11_000, 64, seed=1))
network = keras.Sequential([
    keras.layers.Rescaling(1 / 127.5, offset=-1),
    keras.layers.Conv2D(16, 4, strides=2, activation="relu"),
    keras.layers.Conv2D(32, 4, strides=2, activation="relu"),
    keras.layers.Flatten(),
    keras.layers.Dense(1, activation="sigmoid"),
])
network.compile(keras.optimizers.Adam(2e-3), "binary_crossentropy", metrics=["accuracy"])
images, is_real = np.concatenate([train_images[:10_000], generated[:10_000]]), np.repeat([1.0, 0.0], 10_000)
network.fit(images, is_real, batch_size=64, epochs=8, verbose=0)
others, is_real = np.concatenate([train_images[10_000:11_000], generated[10_000:]]), np.repeat([1.0, 0.0], 1000)
print(f"right: {network.evaluate(others, is_real, verbose=0)[1]:.0%}")""",
                ("nbval-ignore-output",),
            ),
            Cell(
                "markdown",
                """That is a discriminator. Lesson 02 lets one play against a generator: whatever gives the generator away, it is told.""",
            ),
        ),
        slips=(
            Slip(
                lambda answer: _accuracy(answer) <= 0.3,
                "the wrong way round: True means real.",
                lambda: [lambda images: images.max(axis=(1, 2, 3)) < 255],
            ),
            Slip(
                lambda answer: len(set(_shares(answer))) == 1 and _shares(answer)[0] in (0, 1),
                "it gives every image the same answer; what differs between real and generated ones?",
                lambda: [lambda images: np.ones(len(images), bool), lambda images: images.mean(axis=(1, 2, 3)) < 256],
            ),
            Slip(
                lambda answer: _shares(answer)[0] > 0.9 and 0.2 < _shares(answer)[1] < 0.7,
                "a good trace: real images pass. But too many generated ones pass as well; be stricter.",
                lambda: [lambda images: images.max(axis=(1, 2, 3)) >= 250],
            ),
        ),
        right=lambda: [
            _reaches_white,
            lambda images: tf.reduce_max(images, axis=(1, 2, 3)) == 255,
            lambda images: _reaches_white(images)[:, None].astype(np.float32),
            lambda images: [int(image.max() > 253) for image in images],
        ],
        wrong=lambda: [
            lambda images: images.mean(axis=(1, 2, 3)) > 73,
            lambda images: (images == 0).mean(axis=(1, 2, 3)) > 0.5,
        ],
        raising=lambda: [
            (lambda images: images.max() == 255, "one answer per image"),
            (lambda images: images.max(axis=(1, 2, 3)) - 254.5, "booleans or probabilities"),
        ],
    ),
}
