"""`train(recipe, run_dir, …)`: data, model, callbacks and checkpoints as one run that can be stopped and goes on."""

import dataclasses
import hashlib
import importlib.metadata
import json
import math
import os
import shlex
import time
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from gan_helpers import bfloat16, classifier, data, images, recipes
from gan_helpers.atomic import write_whole
from gan_helpers.callbacks import LossPlot, ModelMonitor, ProgressBar, QualityMonitor
from gan_helpers.checkpoints import Checkpoint
from gan_helpers.gan import GAN
from gan_helpers.guards import StopOnNonFinite, WarnOnCollapse, WarnWhenDiscriminatorWins
from gan_helpers.run_lock import only_this_process


@dataclass(frozen=True)
class Run:
    """A trained run: the GAN, its history (one dict an epoch), and its folder."""

    gan: GAN
    history: list[dict]
    folder: Path


class _Clock(keras.callbacks.Callback):
    """Adds images, seconds and images/s to each epoch's row, and stops at the step at which the time runs out."""

    def __init__(self, batch_size: int, seconds_before: float, seconds: float | None):
        super().__init__()
        self.batch_size, self.total, self.limit = batch_size, seconds_before, seconds

    def on_epoch_begin(self, epoch, logs=None):
        self.began, self.batches = time.perf_counter(), 0

    def on_train_batch_end(self, batch, logs=None):
        self.batches += 1
        if self.limit is not None and self.total + time.perf_counter() - self.began >= self.limit:
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        seconds = time.perf_counter() - self.began
        self.total += seconds
        images_seen = self.batches * self.batch_size
        if logs is not None:
            rate = round(images_seen / seconds, 1)
            # Rounded up: rounded down, a run that has used up its time would seem to have some left.
            logs.update(images=images_seen, images_per_second=rate, seconds=math.ceil(seconds * 100) / 100)


def train(recipe: str | recipes.Recipe, run_dir: str | os.PathLike, *, epochs: int | None = None, minutes: float | None = None,
          seed: int = 0, batch_size: int | None = None, precision: str = "auto", train_images=None, train_classes=None,
          evaluate_every: int | None = None, callbacks=(), verbose="auto") -> Run:  # fmt: skip
    """Train a recipe into a run folder; the same call goes on where it stopped.

    It stops at the step at which a number becomes NaN or infinite, and warns of collapse and of a discriminator that has won
    (`guards`).

    Args:
        recipe: a name or a `Recipe`.
        run_dir: the run folder; made where it is missing.
        epochs: total number of epochs, those before a stop included; default the recipe's, or no limit with `minutes`.
        minutes: stop when so much training time, that before a stop included, is used up; the epoch in which that happens
            ends there, and the run's next one begins with a new order.
        seed: of weights, latents, shuffling, dropout and label noise.
        batch_size: default the recipe's.
        precision: as in `GAN.compile`; a run that goes on keeps its own. `config.json` says which it is.
        train_images: uint8 (n, 28, 28, 1); default the training set of Fashion-MNIST.
        train_classes: of these images, integers (n,); needed by a conditional recipe that is given `train_images`.
        evaluate_every: measure the averaged generator every so many epochs and keep the best one (`QualityMonitor`); the
            default training images are then the first 50,000, so that the images it is measured by are not learnt.
        callbacks: more Keras callbacks.
        verbose: as in Keras' `fit`; "bar" is one line for the whole run, with images/s and the time left.

    Raises:
        ValueError: unknown recipe, values out of range, images without classes for a conditional recipe, or a run folder
            that belongs to another recipe (or another version of it), seed, dataset, batch size or precision.
        OSError: the folder cannot be written to, its disk is full, or another process trains into it (BlockingIOError).
        FloatingPointError: a loss or a weight became NaN or infinite.
        MemoryError: too little memory for this batch size.
        KeyboardInterrupt: stopped by hand; it says how to go on.
    """
    recipe = recipes.get(recipe)
    batch_size = recipe.batch_size if batch_size is None else batch_size
    if epochs is not None and epochs < 1:
        raise ValueError(f"epochs is {epochs}; it must be at least 1")
    if minutes is not None and not minutes > 0:
        raise ValueError(f"minutes is {minutes}; it must be greater than 0")
    bfloat16.choose_precision(precision)
    if evaluate_every is not None and evaluate_every < 1:
        raise ValueError(f"evaluate_every is {evaluate_every}; it must be at least 1")
    if train_images is None:
        most = None if evaluate_every is None else classifier.TRAINED_ON
        train_images, train_classes = (array[:most] for array in data.load_fashion_mnist("train"))
    train_images = images.check_uint8(train_images)
    if not 1 <= batch_size <= len(train_images):
        raise ValueError(f"batch_size is {batch_size}; it must lie in 1…{len(train_images)}, the number of images")
    run_dir = Path(run_dir)
    with only_this_process(run_dir):
        if precision == "auto":
            precision = _config(run_dir).get("precision", bfloat16.choose_precision())
        _keep_config(run_dir, _facts(recipe, seed, batch_size, precision, train_images, train_classes))

        gan = recipe.build(seed, precision)
        if gan.conditional and train_classes is None:
            raise ValueError(f"{recipe.name} is conditional: beside train_images it needs train_classes, integers (n,)")
        classes = train_classes if gan.conditional else None
        dataset = data.pipeline(train_images, batch_size, gan.pixel_range, seed, classes=classes)
        checkpoint = Checkpoint(run_dir)
        done = checkpoint.restore(gan)
        seconds_before = sum(row.get("seconds", 0) for row in checkpoint.rows)
        seconds = None if minutes is None else minutes * 60
        total = epochs or (recipe.epochs if minutes is None else 10_000)
        drawing = [ModelMonitor(run_dir), LossPlot(run_dir, checkpoint.rows)]
        if done >= total or (seconds is not None and seconds_before >= seconds):
            for callback in drawing:  # a stop after the last checkpoint may have come before their last picture
                callback.set_model(gan)
                callback.on_train_end()
            return Run(gan, checkpoint.rows, run_dir)
        watching = [
            StopOnNonFinite(run_dir),
            _Clock(batch_size * recipe.d_steps, seconds_before, seconds),
            *([] if evaluate_every is None else [QualityMonitor(run_dir, evaluate_every)]),
            WarnOnCollapse(),
            WarnWhenDiscriminatorWins(),
            *drawing,
            checkpoint,
        ]
        if verbose == "bar":
            watching.append(ProgressBar(batch_size * recipe.d_steps, seconds if epochs is None else None, seconds_before))
            verbose = 0
        try:
            gan.fit(dataset, epochs=total, initial_epoch=done, callbacks=[*watching, *callbacks], verbose=verbose)
        except (MemoryError, tf.errors.ResourceExhaustedError) as error:
            raise MemoryError(
                f"too little memory to train {recipe.name} with batch_size {batch_size}. Close other programs, and the same "
                f"call goes on; or begin anew in another run folder with a lower batch_size"
            ) from error
    return Run(gan, checkpoint.rows, run_dir)


def load_run(run_dir: str | os.PathLike) -> Run:
    """A run as it stands at its newest checkpoint, without training on. For the recipes of `recipes.RECIPES`.

    Raises:
        FileNotFoundError: not a run folder, or one without a finished epoch.
        ValueError: its recipe is not known, or its checkpoint does not fit.
    """
    run_dir = Path(run_dir)
    config = _config(run_dir)
    if not config:
        raise FileNotFoundError(f"{run_dir} is not a run folder: it has no config.json")
    gan = recipes.get(config["recipe"]).build(config["seed"], config["precision"])
    checkpoint = Checkpoint(run_dir)
    if not checkpoint.restore(gan):
        raise FileNotFoundError(f"{run_dir} has no finished epoch yet")
    return Run(gan, checkpoint.rows, run_dir)


def _config(run_dir: Path) -> dict:
    """What `config.json` says; empty where there is none. Runs from before there was a choice are in float32."""
    path = run_dir / "config.json"
    return {"precision": "float32", **json.loads(path.read_text(encoding="utf-8"))} if path.exists() else {}


def _facts(recipe, seed, batch_size, precision, train_images, train_classes) -> dict:
    """What makes a run this run: two runs that agree in it train the same GAN."""
    content = hashlib.sha256(np.ascontiguousarray(train_images))
    if train_classes is not None:
        content.update(np.ascontiguousarray(train_classes, np.int64))
    facts = {"recipe": recipe.name, "seed": seed, "batch_size": batch_size, "images": len(train_images)}
    return {**facts, "dataset": content.hexdigest(), "precision": precision, "settings": settings(recipe)}


def settings(recipe: recipes.Recipe, pixel_range=None) -> dict:
    """A recipe's settings as `config.json` keeps them, ready for JSON: runs that agree in them train the same GAN.

    Args:
        pixel_range: of the recipe's GAN, where it was built already.
    """
    found = {f.name: getattr(recipe, f.name) for f in dataclasses.fields(recipe) if f.name not in _NOT_OF_A_RUN}
    found |= {player: recipes.name_of(getattr(recipe, player)) for player in ("generator", "discriminator")}
    found |= recipe.terms()
    pixel_range = pixel_range or recipe.pixel_range or images.pixel_range_of(recipe.generator(recipe.latent_dim))
    found["pixel_range"] = list(pixel_range)
    return found


_NOT_OF_A_RUN = ("name", "source", "epochs", "batch_size")


def _keep_config(run_dir: Path, config: dict) -> None:
    """Write what the run is into `config.json`, or check that the folder's run is the same one.

    A setting that an older config does not name had what is the default today. What else it does not say is not compared.
    """
    before = _config(run_dir)
    if before:
        there, here = ({**facts, **facts.get("settings", {})} for facts in (before, config))
        if "settings" in before:
            there = recipes.settings_of_today(there)
        differing = [
            f"{key}: {recipes.as_text(key, there[key])} there, {recipes.as_text(key, value)} here"
            for key, value in here.items()
            if key != "settings" and key in there and there[key] != value
        ]
        if differing:
            raise ValueError(
                f"{run_dir} belongs to another run ({'; '.join(differing)}). Use another folder, or delete this one."
            )
        return
    versions = {name: importlib.metadata.version(name) for name in ("gan-helpers", "tensorflow", "keras", "numpy")}
    command = (
        f"python -m gan_helpers train {config['recipe']} --run {shlex.quote(str(run_dir))} --seed {config['seed']}"
    )
    command += f" --batch-size {config['batch_size']} --precision {config['precision']}"
    command += "".join(f" --set {shlex.quote(text)}" for text in recipes.changes(config["recipe"], config["settings"]))
    everything = {**config, "command": command, "versions": versions, "files": data.SHA256}
    write_whole(run_dir / "config.json", json.dumps(everything, indent=2).encode())
