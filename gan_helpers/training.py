"""`train(recipe, run_dir, …)`: data, model, callbacks and checkpoints as one run that can be stopped and goes on."""

import importlib.metadata
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import keras

from gan_helpers import data, images, recipes
from gan_helpers.atomic import write_whole
from gan_helpers.callbacks import LossPlot, ModelMonitor
from gan_helpers.checkpoints import Checkpoint
from gan_helpers.gan import GAN


@dataclass(frozen=True)
class Run:
    """A trained run: the GAN, its history (one dict an epoch), and its folder."""

    gan: GAN
    history: list[dict]
    folder: Path


class _Clock(keras.callbacks.Callback):
    """Adds seconds and images/s to each epoch's row, and stops at the end of the epoch in which the time runs out."""

    def __init__(self, images_per_epoch: int, seconds_before: float, seconds: float | None):
        super().__init__()
        self.images_per_epoch, self.total, self.limit = images_per_epoch, seconds_before, seconds

    def on_epoch_begin(self, epoch, logs=None):
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        seconds = time.perf_counter() - self.began
        self.total += seconds
        if logs is not None:
            logs.update(images_per_second=round(self.images_per_epoch / seconds, 1), seconds=round(seconds, 2))
        if self.limit is not None and self.total >= self.limit:
            self.model.stop_training = True


def train(recipe: str | recipes.Recipe, run_dir: str | os.PathLike, *, epochs: int | None = None, minutes: float | None = None,
          seed: int = 0, batch_size: int | None = None, train_images=None, callbacks=(), verbose="auto") -> Run:  # fmt: skip
    """Train a recipe into a run folder; the same call goes on where it stopped.

    Args:
        recipe: a name or a `Recipe`.
        run_dir: the run folder; made where it is missing.
        epochs: total number of epochs, those before a stop included; default the recipe's, or no limit with `minutes`.
        minutes: stop at the end of the epoch in which so much training time, that before a stop included, is used up.
        seed: of weights, latents, shuffling and label noise.
        batch_size: default the recipe's.
        train_images: uint8 (n, 28, 28, 1); default the training set of Fashion-MNIST.
        callbacks: more Keras callbacks.
        verbose: as in Keras' `fit`.

    Raises:
        ValueError: unknown recipe, values out of range, or a run folder that belongs to another recipe, seed or batch size.
    """
    recipe = recipes.get(recipe)
    batch_size = recipe.batch_size if batch_size is None else batch_size
    if epochs is not None and epochs < 1:
        raise ValueError(f"epochs is {epochs}; it must be at least 1")
    if minutes is not None and not minutes > 0:
        raise ValueError(f"minutes is {minutes}; it must be greater than 0")
    train_images = images.check_uint8(data.load_fashion_mnist("train")[0] if train_images is None else train_images)
    if not 1 <= batch_size <= len(train_images):
        raise ValueError(f"batch_size is {batch_size}; it must lie in 1…{len(train_images)}, the number of images")
    run_dir = Path(run_dir)
    _keep_config(run_dir, {"recipe": recipe.name, "seed": seed, "batch_size": batch_size, "images": len(train_images)})

    gan = recipe.build(seed)
    dataset = data.pipeline(train_images, batch_size, gan.pixel_range, seed)
    checkpoint = Checkpoint(run_dir)
    done = checkpoint.restore(gan)
    seconds_before = sum(row.get("seconds", 0) for row in checkpoint.rows)
    total = epochs or (recipe.epochs if minutes is None else 10_000)
    if done < total and (minutes is None or seconds_before < minutes * 60):
        clock = _Clock(len(dataset) * batch_size, seconds_before, None if minutes is None else minutes * 60)
        watching = [clock, ModelMonitor(run_dir), LossPlot(run_dir, checkpoint.rows), checkpoint]
        gan.fit(dataset, epochs=total, initial_epoch=done, callbacks=[*watching, *callbacks], verbose=verbose)
    return Run(gan, checkpoint.rows, run_dir)


def _keep_config(run_dir: Path, config: dict) -> None:
    """Write what the run is into `config.json`, or check that the folder's run is the same one."""
    path = run_dir / "config.json"
    if path.exists():
        before = json.loads(path.read_text())
        differing = [
            f"{key}: {before.get(key)!r} there, {value!r} here"
            for key, value in config.items()
            if before.get(key) != value
        ]
        if differing:
            raise ValueError(
                f"{run_dir} belongs to another run ({'; '.join(differing)}). Use another folder, or delete this one."
            )
        return
    versions = {name: importlib.metadata.version(name) for name in ("gan-helpers", "tensorflow", "keras", "numpy")}
    write_whole(path, json.dumps({**config, "versions": versions, "files": data.SHA256}, indent=2).encode())
