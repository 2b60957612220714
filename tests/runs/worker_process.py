"""One worker of several that train a small GAN without anything that looks across a batch; run as a script by their tests.

python worker_process.py FOLDER    # as TF_CONFIG says; writes FOLDER/worker_N.npz
"""

import sys
from pathlib import Path

import numpy as np

from gan_helpers import data
from gan_helpers.gan.gan import GAN
from gan_helpers.runs import workers

import keras  # isort: skip
import tensorflow as tf  # isort: skip
from keras import layers  # isort: skip

STEPS, BATCH = 20, 32  # of all workers together
ALIKE = {"one step": {}, "two steps": {"d_steps": 2}}  # what several train as one does
CASES = {**ALIKE, "batch norm": {"norm": True}}  # and what all workers hold alike


def gan(d_steps: int = 1, norm: bool = False) -> GAN:
    """Every draw of a step, SGD, and a critic of each image alone; with `norm`, a generator that looks across the batch."""
    keras.utils.set_random_seed(0)
    latents, pictures = keras.Input((8,)), keras.Input((28, 28, 1))
    x = layers.Dense(32, activation="leaky_relu")(latents)
    x = layers.BatchNormalization()(x) if norm else x
    made = layers.Reshape((28, 28, 1))(layers.Dense(784, activation="tanh")(x))
    critic = layers.Dense(1)(layers.Dense(32, activation="leaky_relu")(layers.Flatten()(pictures)))
    terms = dict(loss="non_saturating", regularisers="r1:0.1+gradient_penalty:1", augment="shift:2")
    gan = GAN(keras.Model(latents, made), keras.Model(pictures, critic), d_steps=d_steps, seed=3, **terms)
    gan.compile(keras.optimizers.SGD(0.05), keras.optimizers.SGD(0.05))
    return gan


def trained(strategy=None, **settings) -> dict:
    """What it has learned, and what it reported, after `STEPS`: in two epochs, as a run that stops and goes on."""
    images, _ = data.load_fashion_mnist("test")
    with workers.scope(strategy):
        one = gan(**settings)
    batches = data.pipeline(images[: BATCH * STEPS * one.d_steps // 2], BATCH, (-1, 1), seed=5)
    one.fit(batches, epochs=1, verbose=0)
    history = one.fit(batches, epochs=2, initial_epoch=1, verbose=0).history
    weights = {f"weight_{i}": np.asarray(weight) for i, weight in enumerate(one.get_weights())}
    assert int(one.steps.numpy()) == STEPS
    return weights | {name: np.array(values) for name, values in history.items()}


def two_devices():
    """A strategy over two logical devices: what `workers.strategy` gives where there are two GPUs."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


if __name__ == "__main__":
    mirrored = sys.argv[2:] == ["mirrored"]
    strategy = two_devices() if mirrored else workers.strategy()
    name = "mirrored" if mirrored else f"worker_{workers.cluster()[1]}"
    cases = ((case, trained(strategy, **settings)) for case, settings in CASES.items())
    found = {f"{case}/{what}": value for case, values in cases for what, value in values.items()}
    np.savez(Path(sys.argv[1]) / f"{name}.npz", **found)
