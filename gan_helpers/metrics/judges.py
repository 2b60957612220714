"""Judges: a small classifier for each data set, whose features and probabilities the metrics are made of.

The judge of clothes is shipped. It was trained on the first 50,000 training images of Fashion-MNIST by
`python -m gan_helpers.metrics.judges`, so that the last 10,000 stay unseen by it: generators are chosen by their distance to those,
and reported by their distance to the test set. For any other data set `judge_for` trains one in the same way.
"""

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
STEPS, MOST_EPOCHS = 1_500, 60  # of training on few images: as many epochs as make so many steps
FEWEST_PER_CLASS = 10
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
    """

    model: object
    sha256: str
    class_names: tuple[str, ...]
    accuracy: float
    name: str = "fashion_mnist"

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
    `of.held_out` where there are none. That takes one to five minutes on two cores, which is said as soon as it is known, and
    happens once: weights and facts are kept in the prepared folder, by the data set's hash.

    Args:
        of: a data set with classes.
        verbose: 0 says nothing, 1 draws a progress bar and tells the accuracy.

    Raises:
        ValueError: no classes, or only one; fewer than 10 images of a class to train on; or a judge that is hardly better than
            guessing: less than 40 % of the way from the share of the commonest class to 1.
    """
    if of.origin == "fashion_mnist":
        return clothes()
    check_classes(of)
    _check_enough(of)
    weights, facts = _files(of.hash)
    with prepared.one_at_a_time(weights):
        if (found := _kept(of.hash)) is not None:
            return found
        judge = _trained(of, verbose)
        chance = np.bincount(_unseen(of).classes).max() / len(_unseen(of))
        needed = chance + LOWEST * (1 - chance)
        told = f"it is right for {judge.accuracy:.1%} of the images that it has not seen, and guessing would be for {chance:.1%}"
        if judge.accuracy < needed:
            raise ValueError(
                f"the judge of {of.name} cannot tell its classes apart: {told}. It needs {needed:.1%}: give each class more images, "
                "or leave out or join classes that look alike"
            )
        save_whole(weights, judge.model.save_weights)
        judge = Judge(judge.model, _sha256(weights), of.class_names, judge.accuracy, of.name)
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
    )  # a GAN that was measured did not learn the held-out part, so it goes by another hash
    return None if of is None else _kept(of.hash)


@functools.cache
def clothes() -> Judge:
    """The shipped judge, of Fashion-MNIST."""
    return Judge(load(), facts()["sha256"], data.CLASS_NAMES, facts()["test_accuracy"])


def check_classes(of: dataset.Dataset) -> None:
    """ValueError where a data set has no classes that a judge could tell apart."""
    if of.classes is None or len(of.class_names) < 2:
        raise ValueError(f"{of.name} has no classes to tell apart, so it has no judge, and there is no distance")


def _check_enough(of: dataset.Dataset) -> None:
    counts = np.bincount(of.without_held_out.classes, minlength=len(of.class_names))
    if (fewest := counts.argmin()) is not None and counts[fewest] < FEWEST_PER_CLASS:
        raise ValueError(
            f"{of.name} has {counts[fewest]} images of {of.class_names[fewest]!r} to train a judge on; it takes {FEWEST_PER_CLASS} of "
            "each class: add images, or leave the class out"
        )


def _unseen(of: dataset.Dataset) -> dataset.Dataset:
    return of.held_out if of.test is None else of.test


def _trained(of: dataset.Dataset, verbose: int) -> Judge:
    """A fresh judge, trained; its hash is left open."""
    learned, unseen = of.without_held_out, _unseen(of)
    epochs = max(EPOCHS, min(MOST_EPOCHS, round(STEPS * BATCH_SIZE / len(learned))))
    with seeded(SEED):
        model = build(of.image_shape, len(of.class_names))
    shown = [] if not verbose else [_Progress(of.name, epochs)]
    fit(model, learned.images, learned.classes, epochs, shifted=True, callbacks=shown)
    _, probabilities = features_and_probabilities(unseen.images, model)
    return Judge(model, "", of.class_names, float(np.mean(probabilities.argmax(axis=1) == unseen.classes)), of.name)


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
        except (OSError, ValueError, KeyError):
            continue
    return None


@functools.lru_cache(maxsize=8)
def _loaded(weights: str, sha256: str, about: str) -> Judge:
    found = json.loads(about)
    model = build(tuple(found["image_shape"]), len(found["class_names"]))
    model.load_weights(weights)
    return Judge(model, sha256, tuple(found["class_names"]), found["accuracy"], found["name"])


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
        "seed": SEED,
        "trained_on": len(of.without_held_out),
        "versions": _versions(),
    }


def _versions() -> dict:
    return {package: importlib.metadata.version(package) for package in ("tensorflow", "keras", "numpy")}


# --- the classifier -------------------------------------------------------------------------------


def build(image_shape=(28, 28, 1), classes: int = 10):
    """An untrained classifier: pixels 0…255 (n, h, w, c) → logits (n, classes); its layer "features" is float32 (n, 64).

    Images of more than 32 pixels are looked at in steps of two, three, … pixels, so that it takes no longer for them.
    """
    import keras
    from keras import layers

    stride = math.ceil(min(image_shape[:2]) / 32)
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
    steps = len(images) // BATCH_SIZE * epochs
    with seeded(seed):
        model.compile(
            keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
            jit_compile=False,
        )
        if shifted:
            shift = augmentation.Shift(max(1, min(images.shape[1:3]) // 10))
            batches = data.pipeline(images, BATCH_SIZE, (0, 255), seed, classes=labels).repeat().enumerate()
            batches = batches.map(lambda step, pair: (shift(pair[0], Draws(seed, step), (0.0, 255.0)), pair[1]))
        else:
            batches = tf.data.Dataset.from_tensor_slices((images, labels)).shuffle(len(images), seed=seed)
            batches = batches.batch(BATCH_SIZE, drop_remainder=True)
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
            self.bar, self.began = tqdm(total=epochs * self.params["steps"], desc="Judge", unit="step"), None

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


def knows(images) -> bool:
    """Whether images are Fashion-MNIST's own, byte for byte.

    Args:
        images: uint8 (n, h, w, c), n ≥ 1, of which at most 256 are looked at.
    """
    return data.origin_of(check_uint8(images)) == "fashion_mnist"


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
    features, logits = _both(classifier).predict(_floats(images), batch_size=500, verbose=0)
    return features, keras.ops.convert_to_numpy(keras.ops.softmax(logits))


def _floats(images):
    """uint8 → float32; of a memory-mapped file batch by batch."""
    if not isinstance(images, np.memmap):
        return images.astype(np.float32)
    import tensorflow as tf

    kind = tf.TensorSpec((None, *images.shape[1:]), tf.float32)
    batches = (images[i : i + 500].astype(np.float32) for i in range(0, len(images), 500))
    return tf.data.Dataset.from_generator(lambda: batches, output_signature=kind)


def ship() -> dict:
    """Train the shipped classifier, write it and its facts into `data/pretrained/`, and return the facts."""
    images, labels = data.load_fashion_mnist("train")
    test_images, test_labels = data.load_fashion_mnist("test")
    import keras

    keras.utils.set_random_seed(SEED)
    model = fit(build(), images[:TRAINED_ON], labels[:TRAINED_ON], verbose=2)
    _, probabilities = features_and_probabilities(test_images, model)
    path = _folder() / "classifier.weights.h5"
    bare = build()  # without an optimizer, which would be saved too
    bare.set_weights(model.get_weights())
    save_whole(path, bare.save_weights)
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
