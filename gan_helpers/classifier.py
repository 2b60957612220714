"""The course's judge: a small Fashion-MNIST classifier, whose features and probabilities the metrics are made of.

Trained on the first 50,000 training images by `python -m gan_helpers.classifier`, so that the last 10,000 stay unseen by
it: generators are chosen by their distance to those, and reported by their distance to the test set.
"""

import functools
import hashlib
import json
from pathlib import Path

import numpy as np

from gan_helpers import data, folders
from gan_helpers.atomic import save_whole, write_whole
from gan_helpers.images import check_uint8
from gan_helpers.seeding import seeded

SEED, EPOCHS, BATCH_SIZE, LEARNING_RATE = 0, 8, 128, 1e-3
TRAINED_ON = 50_000  # the first so many training images
FEATURES = 64


def build():
    """An untrained classifier: pixels 0…255 (n, 28, 28, 1) → logits (n, 10); its layer "features" is float32 (n, 64)."""
    import keras
    from keras import layers

    pixels = keras.Input((28, 28, 1), name="pixels")
    x = layers.Rescaling(1 / 255)(pixels)
    for filters in (32, 64, 128):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Dropout(0.3)(layers.Flatten()(x))
    x = layers.Dense(FEATURES, use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9)(x)  # without it half of the features never fired
    x = layers.ReLU(name="features")(x)
    return keras.Model(pixels, layers.Dense(10, name="logits")(x), name="classifier")


def fit(model, images, labels, epochs: int = EPOCHS, seed: int = SEED, verbose=0):
    """Train `build()` on images uint8 (n, 28, 28, 1) and labels (n,); the learning rate falls along a cosine to 0.

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
        dataset = tf.data.Dataset.from_tensor_slices((images, labels)).shuffle(len(images), seed=seed)
        dataset = dataset.batch(BATCH_SIZE, drop_remainder=True)
        dataset = dataset.map(lambda x, y: (tf.cast(x, tf.float32), y)).prefetch(2)
        model.fit(dataset, epochs=epochs, shuffle=False, verbose=verbose)  # a dataset brings its own order
    return model


def knows(images) -> bool:
    """Whether images are Fashion-MNIST's own, byte for byte: of no others does the judge know anything.

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
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != entry["sha256"]:
        raise ValueError(
            f"{path} is not the classifier that was shipped: expected SHA-256 {entry['sha256']}, found {found}. "
            "Restore it with `git checkout -- data/pretrained`."
        )
    model = build()
    model.load_weights(path)
    return model


@functools.lru_cache(maxsize=1)  # Keras compiles each new model's `predict` anew
def _both(classifier):
    import keras

    return keras.Model(classifier.input, [classifier.get_layer("features").output, classifier.output])


def features_and_probabilities(images, classifier=None) -> tuple[np.ndarray, np.ndarray]:
    """What the classifier makes of images.

    Args:
        images: uint8 (n, 28, 28, 1).
        classifier: default the shipped one.

    Returns:
        features float32 (n, 64) and class probabilities float32 (n, 10).

    Raises:
        ValueError: images of another type or shape, or none.
    """
    import keras

    images = check_uint8(images)
    if images.shape[1:] != (28, 28, 1) or not len(images):
        raise ValueError(f"expected images of shape (n, 28, 28, 1), n ≥ 1; got {images.shape}")
    features, logits = _both(load() if classifier is None else classifier).predict(
        images.astype(np.float32), batch_size=500, verbose=0
    )
    return features, keras.ops.convert_to_numpy(keras.ops.softmax(logits))


def ship() -> dict:
    """Train the shipped classifier, write it and its facts into `data/pretrained/`, and return the facts."""
    import importlib.metadata

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
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "test_accuracy": round(float(np.mean(probabilities.argmax(axis=1) == test_labels)), 4),
        "command": "python -m gan_helpers.classifier",
        "seed": SEED,
        "trained_on": f"the first {TRAINED_ON:,} training images",
        "epochs": EPOCHS,
        "versions": {package: importlib.metadata.version(package) for package in ("tensorflow", "keras", "numpy")},
    }
    write_whole(path.with_name("classifier.json"), json.dumps(entry, indent=2).encode() + b"\n")
    return entry


if __name__ == "__main__":
    print(json.dumps(ship(), indent=2))
