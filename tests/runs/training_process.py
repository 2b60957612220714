"""Training in processes that die: run by the tests of faults as a script of its own, since a killed test would tell nobody.

    python training_process.py train FOLDER EPOCHS
    python training_process.py kills FOLDER SEED NUMBER
    python training_process.py operations FOLDER

TensorFlow is imported once; each process that dies is a fork, made before TensorFlow has started its threads.
"""

import builtins
import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np

from gan_helpers import data, images
from gan_helpers.gan import objectives
from gan_helpers.runs import checkpoints, recipes, training
from gan_helpers.storage import whole_files

import keras  # isort: skip
from keras import layers  # isort: skip

EPOCHS = 22
STEPS = 8


def generator(latent_dim):
    latents = keras.Input((latent_dim,))
    x = layers.LeakyReLU(0.2)(layers.BatchNormalization()(layers.Dense(32)(latents)))
    return keras.Model(latents, layers.Reshape((28, 28, 1))(layers.Dense(784, activation="tanh")(x)))


def discriminator():
    pictures = keras.Input((28, 28, 1))
    x = layers.Dropout(0.3)(layers.LeakyReLU(0.2)(layers.Dense(32)(layers.Flatten()(pictures))))
    return keras.Model(pictures, layers.Dense(1)(x))


# All that has a state to lose: batch norm, dropout, label noise, an average, two optimizers.
RECIPE = recipes.Recipe(
    name="mortal",
    generator=generator,
    discriminator=discriminator,
    g_learning_rate=1e-3,
    d_learning_rate=1e-3,
    loss=objectives.NonSaturating(label_noise=0.1),
    latent_dim=8,
    batch_size=32,
    source="for tests",
)


def some_images():
    return data.load_fashion_mnist("test")[0][: STEPS * RECIPE.batch_size]


def train(folder, epochs, callbacks=()):
    settings = dict(seed=3, train_images=some_images(), callbacks=list(callbacks), verbose=0)
    return training.train(RECIPE, folder, epochs=epochs, **settings)


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def in_a_fork(function, *arguments) -> int:
    """Call it in a fork of this process; return how that one ended, as `subprocess` counts: -9 for SIGKILL."""
    process = os.fork()
    if process == 0:
        try:
            function(*arguments)
            os._exit(0)
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


# --- twenty deaths --------------------------------------------------------------------------------


class Death(keras.callbacks.Callback):
    """Kills its process in an epoch: at a step, in a callback, or in one of the epoch's writes."""

    def __init__(self, epoch, where, n):
        super().__init__()
        self.epoch, self.where, self.n = epoch, where, n

    def on_epoch_begin(self, epoch, logs=None):
        self.armed = epoch + 1 == self.epoch
        if not self.armed:
            return
        if self.where == "write":
            die_at_operation(self.n)
        elif self.where == "drawing":
            images.png_bytes = lambda *_: die()
        elif self.where == "epoch begin":
            die()

    def on_train_batch_end(self, batch, logs=None):
        if self.armed and self.where == "step" and batch == self.n:
            die()

    def on_epoch_end(self, epoch, logs=None):
        if self.armed and self.where == "epoch end":  # behind the checkpoint
            die()


def killed_from_outside(folder, epoch, delay) -> int:
    """A run that its parent kills some time after the epoch has begun, wherever it is then."""
    begun, telling = os.pipe()
    tell = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda e, logs: os.write(telling, b"!") if e + 1 == epoch else None
    )
    process = os.fork()
    if process == 0:
        train(folder, EPOCHS, [tell])
        os._exit(0)
    os.close(telling)
    os.read(begun, 1)
    time.sleep(delay)
    os.kill(process, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def kills(folder, seed, number):
    """One run that is killed `number` times, each time an epoch or so further on; what it restored each time is compared.

    Prints a line for each death: where, how the process ended, and the epoch that the newest whole checkpoint holds.
    """
    folder, choose = Path(folder), random.Random(seed)
    whole = folder / "whole"
    keep = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: copy_checkpoints(whole, folder / "all"))
    assert in_a_fork(train, whole, EPOCHS, [keep]) == 0
    for i in range(number):
        epoch = i + 2
        where = ("step", "write", "drawing", "epoch begin", "epoch end", "outside")[i % 6]
        if where == "outside":
            status = killed_from_outside(folder / "killed", epoch, choose.random() * 0.3)
        else:
            n = {"step": choose.randrange(STEPS), "write": choose.randrange(1, 25)}.get(where, 0)
            status = in_a_fork(train, folder / "killed", EPOCHS, [Death(epoch, where, n)])
        newest = checkpoints.paths(folder / "killed")[-1]
        same = same_arrays(newest, folder / "all" / newest.name)
        print(json.dumps({"where": where, "status": status, "newest": newest.name, "same": same}), flush=True)
    assert in_a_fork(train, folder / "killed", EPOCHS) == 0


def copy_checkpoints(run, to):
    to.mkdir(exist_ok=True)
    for path in checkpoints.paths(run):
        shutil.copy(path, to)


def same_arrays(left, right) -> bool:
    """Whether two checkpoints are equal bit for bit, but for the times in their history."""
    with np.load(left) as left, np.load(right) as right:
        facts = [json.loads(str(archive["facts"])) for archive in (left, right)]
        for row in facts[0]["history"] + facts[1]["history"]:
            row.pop("seconds"), row.pop("images_per_second")
        names = set(left.files) - {"facts"}
        return (
            facts[0] == facts[1]
            and left.files == right.files
            and all(left[name].tobytes() == right[name].tobytes() for name in names)
        )


# --- death at one file operation ------------------------------------------------------------------


class DyingFile:
    """A file whose writes and flushes count as operations; a write that is the last one gets half of its bytes out."""

    def __init__(self, file, count):
        self.file, self.count = file, count

    def write(self, content):
        def half():
            self.file.write(content[: len(content) // 2])
            self.file.flush()

        self.count(first=half)
        return self.file.write(content)

    def flush(self):
        self.count()
        self.file.flush()

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.count()
        self.file.close()


def die_at_operation(k):
    """From now on, die instead of the k-th operation on files: open, write, flush, close, sync, rename, remove, make."""
    done = 0

    def count(first=lambda: None):
        nonlocal done
        done += 1
        if done == k:
            first()
            die()

    def counted(function):
        def call(*arguments, **settings):
            count()
            return function(*arguments, **settings)

        return call

    whole_files.open = lambda *arguments: DyingFile(counted(builtins.open)(*arguments), count)
    for owner, name in ((os, "fsync"), (os, "replace"), (Path, "unlink"), (Path, "mkdir")):
        setattr(owner, name, counted(getattr(owner, name)))


def checkpoint_of(folder, epoch, k=None):
    """Save an epoch that can be told by its weights; with k, die at the k-th operation of it."""
    gan = RECIPE.build(seed=epoch)
    gan.seed = 3
    gan.steps.assign(epoch)
    checkpoint = checkpoints.Checkpoint(folder)
    checkpoint.set_model(gan)
    checkpoint._restored = True
    checkpoint.rows = [{"epoch": e + 1, "d_loss": 1.0} for e in range(epoch - 1)]
    checkpoint.on_train_begin()
    if k is not None:
        die_at_operation(k)
    checkpoint.on_epoch_end(epoch - 1, {"d_loss": 1.0})


def operations(folder):
    """Die at each operation of the fourth save, which also removes the first; `folder/k` is what each death leaves."""
    folder = Path(folder)
    for epoch in (1, 2, 3):
        assert in_a_fork(checkpoint_of, folder / "before", epoch) == 0
    assert in_a_fork(shutil.copytree, folder / "before", folder / "after") == 0
    assert in_a_fork(checkpoint_of, folder / "after", 4) == 0
    for k in range(1, 100):
        shutil.copytree(folder / "before", folder / str(k))
        status = in_a_fork(checkpoint_of, folder / str(k), 4, k)
        print(json.dumps({"k": k, "status": status}), flush=True)
        if status == 0:
            return


if __name__ == "__main__":
    what, folder, *numbers = sys.argv[1:]
    {"train": train, "kills": kills, "operations": operations}[what](folder, *map(int, numbers))
