"""Judges: a small classifier for each data set, whose features and probabilities the metrics are made of.

The judge of clothes is shipped. It was trained on the first 50,000 training images of Fashion-MNIST by
`python -m gan_helpers.metrics.judges`, so that the last 10,000 stay unseen by it: generators are chosen by their distance to those,
and reported by their distance to the test set. For any other data set `judge_for` trains one in the same way.
"""

import dataclasses
import functools
import hashlib
import importlib.metadata
import json
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gan_helpers import data
from gan_helpers.data import dataset, prepared
from gan_helpers.gan import augmentation
from gan_helpers.gan.draws import Draws
from gan_helpers.gan.seeding import seeded
from gan_helpers.images import check_uint8
from gan_helpers.storage import folders
from gan_helpers.storage.whole_files import save_whole, write_whole

SEED, EPOCHS, BATCH_SIZE, LEARNING_RATE = 0, 8, 128, 1e-3
TRAINED_ON = 50_000  # the first so many training images of Fashion-MNIST
FEATURES = 64
BATCH, AT_ONCE = 500, 2**27  # images that are judged together; bytes of pixels as float32 that are held at once
STEPS, MOST_EPOCHS = 1_000, 60  # of training on few images: as many epochs as make so many steps
FEWEST_PER_CLASS = 10
SMALLEST = 8  # pixels across: they are halved three times
LOWEST = 0.4  # of the way from guessing the commonest class to always being right: below, a judge is refused


@dataclass(frozen=True, eq=False)
class Judge:
    """A classifier of the classes of one data set.

    Attributes:
        model: Keras: pixels 0…255 (n, h, w, c) → logits (n, classes); its layer "features" is float32 (n, 64).
        sha256: of its weights. Distances by judges that differ in it cannot be compared.
        class_names: in the order of its logits.
        accuracy: on real images that it has not seen, in [0, 1].
        name: of its data set.
        shares: of each class among the images that it learned, sum 1; () where all are as frequent.
    """

    model: object
    sha256: str
    class_names: tuple[str, ...]
    accuracy: float
    name: str = "fashion_mnist"
    shares: tuple[float, ...] = ()

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(h, w, c) of the images that it knows."""
        return tuple(self.model.input_shape[1:])

    def features_and_probabilities(self, images) -> tuple[np.ndarray, np.ndarray]:
        """Of images uint8 (n, h, w, c): features float32 (n, 64), class probabilities float32 (n, classes).

        Raises:
            ValueError: images of another type or shape, or none.
        """
        return features_and_probabilities(images, self.model)


# --- one for each data set ------------------------------------------------------------------------


def judge_for(of: dataset.Dataset, verbose: int = 1) -> Judge:
    """The judge of a data set: the shipped one of clothes; or one trained on its classes, now or before.

    It is trained on `of.without_held_out` and told by how many of the images it is right that it has not seen: `of.test`, or
    `of.held_out` where there are none. That takes one to three minutes on two cores, for images of more than 96 pixels longer,
    which is said as soon as it is known, and happens once: weights and facts are kept in the prepared folder, by the data set's hash.

    Args:
        of: a data set with classes.
        verbose: 0 says nothing, 1 draws a progress bar and tells the accuracy.

    Raises:
        ValueError: see `check`; or a judge that is hardly better than guessing: less than 40 % of the way from the share of the
            commonest class to 1.
    """
    check(of)
    if _is_of_clothes(of):
        return clothes()
    weights, facts = _files(of.hash)
    with prepared.one_at_a_time(weights, "trains the same judge"):
        if (found := _kept(of.hash)) is not None:
            return found
        judge = _trained(of, verbose)
        chance = np.bincount(_unseen(of).classes).max() / len(_unseen(of))
        needed = chance + LOWEST * (1 - chance)
        told = (
            f"it is right for {judge.accuracy:.1%} of {len(_unseen(of)):,} images that it has not seen, and guessing the commonest "
            f"class would be for {chance:.1%}"
        )
        if judge.accuracy < needed:
            raise ValueError(
                f"the judge of {of.name} cannot tell its classes apart: {told}. It needs {needed:.1%}: give each class more images, "
                "or leave out or join classes that look alike"
            )
        save_whole(weights, judge.model.save_weights)
        judge = dataclasses.replace(judge, sha256=_sha256(weights))
        write_whole(facts, json.dumps(_facts(of, judge), indent=2).encode() + b"\n")
    if verbose:
        print(f"The judge of {of.name}: {told}.", file=sys.stderr)
    return judge


def known(trained_on: str | None) -> Judge | None:
    """The judge of the data set that a GAN learned from, by its `trained_on`, without training one; None where there is none yet."""
    if trained_on == "fashion_mnist":
        return clothes()
    if not trained_on or len(trained_on) != 64:
        return None
    if (found := _kept(trained_on)) is not None:
        return found
    of = dataset.known(
        trained_on
    )  # which knows a part of a data set too: a measured GAN did not learn what is held out
    return None if of is None else _kept(of.hash)


@functools.cache
def clothes() -> Judge:
    """The shipped judge, of Fashion-MNIST."""
    return Judge(load(), facts()["sha256"], data.CLASS_NAMES, facts()["test_accuracy"])


def _is_of_clothes(of: dataset.Dataset) -> bool:
    """Whether the shipped judge is this data set's: Fashion-MNIST's images, in its classes and not in others."""
    numbers = tuple(map(str, range(len(data.CLASS_NAMES))))
    return of.origin == "fashion_mnist" and of.class_names in ((), numbers, data.CLASS_NAMES)


def check(of: dataset.Dataset) -> None:
    """See that a data set has a judge, or can have one.

    Raises:
        ValueError: no classes, or only one; images of fewer than 8 pixels across; fewer than 128 images to train a judge on, or
            fewer than 10 of a class.
    """
    if _is_of_clothes(of):
        return
    if len(of.class_names) < 2:
        raise ValueError(f"{of.name} has no classes to tell apart, so it has no judge, and there is no distance")
    if min(of.image_shape[:2]) < SMALLEST:
        height, width, _ = of.image_shape
        raise ValueError(
            f"{of.name} has images of {height}×{width} pixels; a judge takes {SMALLEST} each way: enlarge them"
        )
    learned = of.without_held_out
    counts = np.bincount(learned.classes, minlength=len(of.class_names))
    fewest = int(counts.argmin())
    if counts[fewest] < FEWEST_PER_CLASS:
        in_all = int(np.sum(of.classes == fewest))
        raise ValueError(
            f"{of.name} has {counts[fewest]} images of {of.class_names[fewest]!r} to train a judge on; it takes {FEWEST_PER_CLASS} of "
            "each class: "
            + (
                f"{in_all - counts[fewest]} more are among the last sixth, which is held out; mix the classes, as Dataset.from_arrays does"
                if in_all * 5 // 6 >= FEWEST_PER_CLASS
                else "add images, or leave the class out"
            )
        )
    if len(learned) < BATCH_SIZE:
        raise ValueError(f"{of.name} has {len(learned)} images to train a judge on; it takes {BATCH_SIZE}: add images")


def _unseen(of: dataset.Dataset) -> dataset.Dataset:
    return of.held_out if of.test is None else of.test


def _epochs(n: int) -> int:
    """How often a judge sees each of n images."""
    return max(EPOCHS, min(MOST_EPOCHS, round(STEPS * BATCH_SIZE / n)))


def _trained(of: dataset.Dataset, verbose: int) -> Judge:
    """A fresh judge, trained; its hash is left open."""
    learned, unseen = of.without_held_out, _unseen(of)
    epochs = _epochs(len(learned))
    with seeded(SEED):
        model = build(of.image_shape, len(of.class_names))
    shown = [] if not verbose else [_Progress(of.name, epochs)]
    fit(model, learned.images, learned.classes, epochs, shifted=True, callbacks=shown)
    model = _bare(model)
    _, probabilities = features_and_probabilities(unseen.images, model)
    accuracy = float(np.mean(probabilities.argmax(axis=1) == unseen.classes))
    shares = np.bincount(learned.classes, minlength=len(of.class_names)) / len(learned)
    return Judge(model, "", of.class_names, accuracy, of.name, tuple(shares.tolist()))


def _bare(model):
    """The same model without an optimizer, which would be saved too."""
    bare = build(model.input_shape[1:], model.output_shape[-1])
    bare.set_weights(model.get_weights())
    return bare


def _files(of_hash: str, home: Path | None = None) -> tuple[Path, Path]:
    home = prepared.home() if home is None else home
    return home / f"judge-{of_hash}.weights.h5", home / f"judge-{of_hash}.json"


def _kept(of_hash: str) -> Judge | None:
    """A judge that was trained before; None where there is none, or its weights are not those that its facts name."""
    for place in prepared.places():
        weights, about = _files(of_hash, place)
        try:
            found = json.loads(about.read_text(encoding="utf-8"))
            if found["sha256"] == _sha256(weights):
                return _loaded(str(weights), found["sha256"], json.dumps(found))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


@functools.lru_cache(maxsize=8)
def _loaded(weights: str, sha256: str, about: str) -> Judge:
    found = json.loads(about)
    model = build(tuple(found["image_shape"]), len(found["class_names"]))
    model.load_weights(weights)
    names, shares = tuple(found["class_names"]), tuple(found["shares"])
    return Judge(model, sha256, names, found["accuracy"], found["name"], shares)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _facts(of: dataset.Dataset, judge: Judge) -> dict:
    return {
        "name": of.name,
        "dataset": of.hash,
        "image_shape": list(of.image_shape),
        "class_names": list(of.class_names),
        "sha256": judge.sha256,
        "accuracy": judge.accuracy,
        "shares": list(judge.shares),
        "seed": SEED,
        "epochs": _epochs(len(of.without_held_out)),
        "trained_on": len(of.without_held_out),
        "versions": _versions(),
    }


def _versions() -> dict:
    return {package: importlib.metadata.version(package) for package in ("tensorflow", "keras", "numpy")}


# --- the classifier -------------------------------------------------------------------------------


def build(image_shape=(28, 28, 1), classes: int = 10):
    """An untrained classifier: pixels 0…255 (n, h, w, c) → logits (n, classes); its layer "features" is float32 (n, 64).

    The first layer looks at images of more than 32 pixels in steps of two, three, … pixels, so that the others take no longer for
    them.
    """
    import keras
    from keras import layers

    height, width, _ = image_shape
    stride = max(1, min(math.ceil(math.sqrt(height * width) / 32), min(height, width) // SMALLEST))
    pixels = keras.Input(tuple(image_shape), name="pixels")
    x = layers.Rescaling(1 / 255)(pixels)
    for filters in (32, 64, 128):
        size, steps = (stride + 2, stride) if filters == 32 else (3, 1)
        x = layers.Conv2D(filters, size, strides=steps, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Dropout(0.3)(layers.Flatten()(x))
    x = layers.Dense(FEATURES, use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9)(x)  # without it half of the features never fired
    x = layers.ReLU(name="features")(x)
    return keras.Model(pixels, layers.Dense(classes, name="logits")(x), name="classifier")


def fit(model, images, labels, epochs: int = EPOCHS, seed: int = SEED, verbose=0, shifted: bool = False, callbacks=()):
    """Train `build()` on images uint8 (n, h, w, c) and labels (n,); the learning rate falls along a cosine to 0.

    Args:
        shifted: move each image by up to a tenth of its side, anew each time, so that few images are not learned by heart.

    Raises:
        ValueError: images of another type, or fewer than one batch of 128.
    """
    import keras
    import tensorflow as tf

    images = check_uint8(images)
    if len(images) < BATCH_SIZE:
        raise ValueError(f"{len(images)} images do not fill one batch of {BATCH_SIZE}")
    batch_size = max(
        1, min(BATCH_SIZE, AT_ONCE // (4 * math.prod(images.shape[1:])))
    )  # large images in smaller batches
    steps = len(images) // batch_size * epochs
    with seeded(seed):
        model.compile(
            keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
            jit_compile=False,
        )
        if shifted:
            shift = augmentation.Shift(max(1, min(images.shape[1:3]) // 10))
            batches = data.pipeline(images, batch_size, (0, 255), seed, classes=labels).repeat().enumerate()
            batches = batches.map(lambda step, pair: (shift(pair[0], Draws(seed, step), (0.0, 255.0)), pair[1]))
        else:
            batches = tf.data.Dataset.from_tensor_slices((images, labels)).shuffle(len(images), seed=seed)
            batches = batches.batch(batch_size, drop_remainder=True)
            batches = batches.map(lambda x, y: (tf.cast(x, tf.float32), y)).prefetch(2)
        per_epoch = steps // epochs if shifted else None
        # A data set brings its own order.
        model.fit(
            batches, epochs=epochs, steps_per_epoch=per_epoch, shuffle=False, verbose=verbose, callbacks=list(callbacks)
        )
    return model


def _Progress(name: str, epochs: int):  # noqa: N802  a class that needs Keras, which is imported late
    """A callback: one bar for the whole training, and about how long it takes, as soon as that can be told."""
    import keras
    from tqdm import tqdm

    class Progress(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            print(f"Training the judge of {name}, once…", file=sys.stderr)
            every = 0.5 if sys.stderr.isatty() else 30  # a log file wants few lines
            self.bar = tqdm(total=epochs * self.params["steps"], desc="Judge", unit="step", mininterval=every)
            self.began = None

        def on_train_batch_end(self, batch, logs=None):
            self.bar.update()
            if self.began is None:  # the first step also compiles
                self.began = time.monotonic()
            elif self.bar.n == 20:
                minutes = (time.monotonic() - self.began) / 19 * self.bar.total / 60
                self.bar.write(f"about {max(minutes, 0.1):.1f} minutes", file=sys.stderr)

        def on_train_end(self, logs=None):
            self.bar.close()

    return Progress()


def _folder() -> Path:
    return folders.data() / "pretrained"


def facts() -> dict:
    """What is known of the shipped classifier: file, SHA-256, test accuracy, command, seed, images, epochs, versions."""
    return json.loads((_folder() / "classifier.json").read_text(encoding="utf-8"))


@functools.cache
def load():
    """The shipped classifier, checked against its SHA-256; loaded once.

    Raises:
        ValueError: other bytes than those that were shipped.
    """
    entry = facts()
    path = _folder() / entry["file"]
    found = _sha256(path)
    if found != entry["sha256"]:
        raise ValueError(
            f"{path} is not the classifier that was shipped: expected SHA-256 {entry['sha256']}, found {found}. "
            "Restore it with `git checkout -- data/pretrained`."
        )
    model = build()
    model.load_weights(path)
    return model


@functools.lru_cache(maxsize=4)  # Keras compiles each new model's `predict` anew
def _both(classifier):
    import keras

    return keras.Model(classifier.input, [classifier.get_layer("features").output, classifier.output])


def features_and_probabilities(images, classifier=None) -> tuple[np.ndarray, np.ndarray]:
    """What a classifier makes of images.

    Args:
        images: uint8 (n, h, w, c), (n, 28, 28, 1) for the shipped one.
        classifier: default the shipped one.

    Returns:
        features float32 (n, 64) and class probabilities float32 (n, classes).

    Raises:
        ValueError: images of another type or shape, or none.
    """
    import keras

    images, classifier = check_uint8(images), load() if classifier is None else classifier
    expected = tuple(classifier.input_shape[1:])
    if images.shape[1:] != expected or not len(images):
        raise ValueError(f"expected images of shape (n, {', '.join(map(str, expected))}), n ≥ 1; got {images.shape}")
    at_once = BATCH * max(1, AT_ONCE // (BATCH * 4 * math.prod(expected)))
    parts = [
        _both(classifier).predict(images[i : i + at_once].astype(np.float32), batch_size=BATCH, verbose=0)
        for i in range(0, len(images), at_once)
    ]
    features, logits = (np.concatenate(part) for part in zip(*parts))
    return features, keras.ops.convert_to_numpy(keras.ops.softmax(logits))


def ship() -> dict:
    """Train the shipped classifier, write it and its facts into `data/pretrained/`, and return the facts."""
    images, labels = data.load_fashion_mnist("train")
    test_images, test_labels = data.load_fashion_mnist("test")
    import keras

    keras.utils.set_random_seed(SEED)
    model = fit(build(), images[:TRAINED_ON], labels[:TRAINED_ON], verbose=2)
    _, probabilities = features_and_probabilities(test_images, model)
    path = _folder() / "classifier.weights.h5"
    save_whole(path, _bare(model).save_weights)
    entry = {
        "file": path.name,
        "sha256": _sha256(path),
        "test_accuracy": round(float(np.mean(probabilities.argmax(axis=1) == test_labels)), 4),
        "command": "python -m gan_helpers.metrics.judges",
        "seed": SEED,
        "trained_on": f"the first {TRAINED_ON:,} training images",
        "epochs": EPOCHS,
        "versions": _versions(),
    }
    write_whole(path.with_name("classifier.json"), json.dumps(entry, indent=2).encode() + b"\n")
    return entry


if __name__ == "__main__":
    print(json.dumps(ship(), indent=2))
