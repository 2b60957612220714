"""`train(recipe, run_dir, …)`: data, model, callbacks and checkpoints as one run that can be stopped and goes on."""

import contextlib
import dataclasses
import importlib.metadata
import json
import math
import os
import shlex
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from gan_helpers import data, images
from gan_helpers.data.dataset import Dataset
from gan_helpers.gan import bfloat16, preflight, replicas
from gan_helpers.gan.gan import GAN
from gan_helpers.metrics import judges
from gan_helpers.model_files import strangers
from gan_helpers.runs import checkpoints, recipes, workers
from gan_helpers.runs.checkpoints import Checkpoint
from gan_helpers.runs.guards import StopOnNonFinite, WarnOnCollapse, WarnWhenDiscriminatorWins
from gan_helpers.runs.monitors import LossPlot, ModelMonitor, ProgressBar, QualityMonitor
from gan_helpers.storage.run_lock import only_this_process
from gan_helpers.storage.whole_files import write_whole


@dataclass(frozen=True)
class Run:
    """A trained run: the GAN, its history (one dict per epoch), and its folder."""

    gan: GAN
    history: list[dict]
    folder: Path

    @property
    def trained_on(self) -> str | None:
        """As `GAN.trained_on`."""
        return self.gan.trained_on

    @property
    def class_names(self) -> tuple[str, ...]:
        """As `GAN.class_names`."""
        return self.gan.class_names


class _Clock(keras.callbacks.Callback):
    """Adds images, seconds and images/s to each epoch's row, and stops at the step at which the time or the images run out."""

    def __init__(self, batch_size: int, before: list[dict], minutes: float | None, images_in_all: int | None):
        super().__init__()
        self.batch_size, self.images_in_all = batch_size, images_in_all
        self.limit = None if minutes is None else minutes * 60
        self.total, self.images = (_sum(before, name) for name in ("seconds", "images"))

    @property
    def has_run_out(self) -> bool:
        return self.total >= (self.limit or math.inf) or self.images >= (self.images_in_all or math.inf)

    def on_epoch_begin(self, epoch, logs=None):
        self.began, self.batches = time.perf_counter(), 0

    def on_train_batch_end(self, batch, logs=None):
        self.batches += 1
        if self.limit is not None and self.total + time.perf_counter() - self.began >= self.limit:
            self.model.stop_training = True
        if self.images_in_all is not None and self.images + self.batches * self.batch_size >= self.images_in_all:
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        seconds = time.perf_counter() - self.began
        self.total += seconds
        images_seen = self.batches * self.batch_size
        self.images += images_seen
        if logs is not None:
            rate = round(images_seen / seconds, 1)
            # Rounded up: rounded down, a run that has used up its time would seem to have some left.
            logs.update(images=images_seen, images_per_second=rate, seconds=math.ceil(seconds * 100) / 100)


def _sum(rows: list[dict], name: str) -> float:
    """Of a number in a run's history; rows from before it was kept do not count."""
    return sum(row.get(name, 0) for row in rows)


def train(recipe: str | recipes.Recipe, run_dir: str | os.PathLike, dataset: Dataset | None = None, *, epochs: int | None = None,
          minutes: float | None = None, images_in_all: int | None = None, seed: int = 0, batch_size: int | None = None, precision: str = "auto", train_images=None,
          train_classes=None, evaluate_every: int | None = None, callbacks=(), verbose="auto", options: str = "") -> Run:  # fmt: skip
    """Train a recipe into a run folder; the same call goes on where it stopped.

    It stops at the step at which a number becomes NaN or infinite, and warns of collapse (where a judge knows the images) and of
    a discriminator that has won (`guards`).

    Args:
        recipe: a name or a `Recipe`; its networks are made for the data set's images and classes (`Recipe.for_images`).
        run_dir: the run folder; made where it is missing.
        dataset: what to learn from; default Fashion-MNIST. A conditional recipe needs its classes.
        epochs: total number of epochs, those before a stop included; default the recipe's, or no limit with `minutes` or
            `images_in_all`.
        minutes: stop when so much training time, that before a stop included, is used up; the epoch in which that happens
            ends there, and the run's next one begins with a new order.
        images_in_all: stop at the step at which so many images, those before a stop included, have been learned from; as `minutes`
            within an epoch too, but the same on every machine.
        seed: of weights, latents, shuffling, dropout and label noise.
        batch_size: default the recipe's.
        precision: as in `GAN.compile`; a run that goes on keeps its own. `config.json` says which it is.
        train_images: in place of `dataset`, uint8 (n, h, w, 1 or 3).
        train_classes: of these images, integers (n,), from 0 on; their names are then their numbers.
        evaluate_every: measure the averaged generator every so many epochs and keep the best one (`QualityMonitor`). The GAN is
            then trained without `dataset.held_out`, by which it is measured, and the data set's judge is trained first where
            there is none yet. Images without classes have no judge, so they are not measured. (Of Fashion-MNIST's images,
            `train_images` are all learned, and measured by the data set's own `held_out`.)
        callbacks: more Keras callbacks.
        verbose: as in Keras' `fit`; "bar" is one line for the whole run, with images/s and the time left.
        options: how the command line is told of the data set ("--images FOLDER --size 64"), for the command in `config.json`.

    Everything is checked before anything is written. Under a `TF_CONFIG` of several workers each trains on its part of every
    batch, and the chief alone writes (`runs.workers`).

    Raises:
        ValueError: unknown recipe, values out of range, images or classes that the recipe's networks do not take, fewer images
            than one step takes, or a run folder that belongs to another recipe (or another version of it), seed, dataset, batch
            size or precision.
        OSError: the folder cannot be written to, its disk is full, another process trains into it (BlockingIOError), or another
            worker has not come (TimeoutError) or has gone (ConnectionError).
        FloatingPointError: a loss or a weight became NaN or infinite.
        MemoryError: too little memory for this batch size.
        KeyboardInterrupt: stopped by hand; it says how to go on.
    """
    strategy = workers.strategy()
    recipe, run_dir = recipes.get(recipe), Path(run_dir)
    batch_size = recipe.batch_size if batch_size is None else batch_size
    _check_numbers(
        epochs=epochs,
        batch_size=batch_size,
        evaluate_every=evaluate_every,
        images_in_all=images_in_all,
        minutes=minutes,
    )
    bfloat16.choose_precision(precision)
    data_set = _as_dataset(dataset, train_images, train_classes)
    learned, measured = _parts(data_set, evaluate_every is not None, all_learned=train_images is not None)
    preflight.check_batch_size(batch_size, recipe.d_steps, len(learned), workers.replicas_of(strategy))
    before = _config(run_dir)
    if precision == "auto":
        precision = before.get("precision", bfloat16.choose_precision())
    recipe = _made_for(data_set, recipe, before)
    with workers.scope(strategy):
        gan = _gan(recipe, seed, precision, learned)
    batches = _batches(gan, learned, data_set.origin, batch_size, callbacks)
    facts = _facts(recipe, gan, batch_size, learned)
    _check_config(run_dir, facts, learned)  # before minutes go into a judge; and again where nobody else can write
    chief = workers.is_chief()  # who alone writes
    watching = _watching(run_dir, data_set, measured, evaluate_every, verbose) if chief else []
    with only_this_process(run_dir) if chief else contextlib.nullcontext():
        _check_config(run_dir, facts, learned)
        checkpoint = Checkpoint(run_dir)
        done = checkpoint.restore(gan)
        if chief:
            _keep_config(run_dir, facts, data_set, options, evaluate_every if measured is not None else None)
        clock = _Clock(batch_size * recipe.d_steps, checkpoint.rows, minutes, images_in_all)
        total = epochs or (recipe.epochs if minutes is None and images_in_all is None else 10_000)
        drawing = [ModelMonitor(run_dir), LossPlot(run_dir, checkpoint.rows)] if chief else []
        if done >= total or clock.has_run_out:
            for callback in drawing:  # a stop after the last checkpoint may have come before their last picture
                callback.set_model(gan)
                callback.on_train_end()
            return Run(gan, checkpoint.rows, run_dir)
        ours = [StopOnNonFinite(run_dir), clock, *watching, *drawing, *([checkpoint] if chief else [])]
        if verbose == "bar" and chief:
            seconds = clock.limit if epochs is None else None
            ours.append(ProgressBar(clock.batch_size, seconds, clock.total))
        in_step = [] if workers.cluster() is None else [replicas.InStep(strategy)]
        with _told_in_words(recipe, batch_size):
            gan.fit(
                batches, epochs=total, initial_epoch=done, callbacks=[*ours, *callbacks, *in_step],
                verbose=0 if verbose == "bar" or not chief else verbose,
            )  # fmt: skip
    return Run(gan, checkpoint.rows, run_dir)


@contextlib.contextmanager
def _told_in_words(recipe: recipes.Recipe, batch_size: int):
    """What TensorFlow raises where memory or another worker is missing, as a sentence that says what to do."""
    try:
        yield
    except (MemoryError, tf.errors.ResourceExhaustedError) as error:
        raise MemoryError(
            f"too little memory to train {recipe.name} with batch_size {batch_size}. Close other programs, and the same "
            f"call goes on; or begin anew in another run folder with a lower batch_size"
        ) from error
    except tf.errors.OpError as error:
        if workers.cluster() is None:
            raise
        raise ConnectionError(
            f"another worker has gone ({type(error).__name__}). Start all of them again: the same call goes on from "
            "the last finished epoch"
        ) from error


def _check_numbers(minutes: float | None, **whole) -> None:
    for name, value in whole.items():
        if value is not None and not (isinstance(value, (int, np.integer)) and value >= 1):
            raise ValueError(f"{name} is {value!r}; it must be a whole number, at least 1")
    if minutes is not None and not minutes > 0:
        raise ValueError(f"minutes is {minutes}; it must be greater than 0")


def _as_dataset(dataset, train_images, train_classes) -> Dataset:
    """What `train` was given, as a `Dataset`."""
    if dataset is not None and (train_images is not None or train_classes is not None):
        raise ValueError(
            "there are both dataset and train_images or train_classes: say dataset alone, which holds its classes"
        )
    if dataset is None:
        dataset = Dataset.fashion_mnist() if train_images is None else _of_arrays(train_images, train_classes)
    if not isinstance(dataset, Dataset):
        raise ValueError(
            f"dataset is {_kind(dataset)}; expected a gh.Dataset: for an array of images, say train_images=…"
        )
    return dataset


def _kind(value) -> str:
    return repr(value) if isinstance(value, (str, os.PathLike)) else f"of type {type(value).__name__}"


def _of_arrays(train_images, train_classes) -> Dataset:
    train_images = images.check_uint8(train_images)
    if train_classes is None:
        return Dataset(train_images)
    given = np.asarray(train_classes)
    if given.shape != (len(train_images),):
        raise ValueError(
            f"train_classes has shape {given.shape}; it must be ({len(train_images)},), one class per image"
        )
    classes = given.astype(np.int64)
    most = max(len(train_images), len(data.CLASS_NAMES))
    if not np.array_equal(classes, given) or classes.min() < 0 or classes.max() >= most:
        wrong = given[(classes != given) | (classes < 0) | (classes >= most)][0]
        raise ValueError(
            f"a class in train_classes is {wrong}; it must be an integer, from 0 on: number the classes without gaps"
        )
    numbers = tuple(map(str, range(classes.max() + 1)))
    clothes = data.origin_of(train_images) == "fashion_mnist" and len(numbers) <= len(data.CLASS_NAMES)
    return Dataset(train_images, classes, data.CLASS_NAMES if clothes else numbers)


def _parts(dataset: Dataset, measured: bool, all_learned: bool) -> tuple[Dataset, Dataset | None]:
    """What the GAN learns, and the data set that it is measured by, if it is.

    Args:
        all_learned: arrays were given, of which Fashion-MNIST's are all learned: it has a held-out part of its own.
    """
    clothes = dataset.origin == "fashion_mnist"
    if not measured or (dataset.classes is None and not clothes):
        return dataset, None
    if clothes and all_learned:
        return dataset, Dataset.fashion_mnist()
    return dataset.without_held_out, dataset


def _made_for(dataset: Dataset, recipe: recipes.Recipe, before: dict) -> recipes.Recipe:
    """The recipe for these images and classes; as it is, in a run from before recipes were made for images."""
    if before and "image_shape" not in before.get("settings", {}):
        return recipe
    return recipe.for_images(dataset.image_shape, len(dataset.class_names) or None)


def _gan(recipe, seed: int, precision: str, dataset: Dataset) -> GAN:
    """A fresh GAN for a data set; ValueError where it needs classes, and there are none."""
    gan = recipe.build(seed, precision)
    if gan.conditional and dataset.classes is None:
        raise ValueError(
            f"{recipe.name} is conditional, and these images have no classes: sort them into one subfolder per class, give "
            "train_classes, integers (n,), beside train_images, or take a recipe that is not conditional, such as 'course_dcgan'"
        )
    return gan


def _batches(gan: GAN, dataset: Dataset, trained_on: str, batch_size: int, callbacks):
    """The batches that a GAN learns from, looked at before a step; ValueError where they do not fit."""
    classes = dataset.classes if gan.conditional else None
    batches = data.pipeline(dataset.images, batch_size, gan.pixel_range, gan.seed, classes=classes)
    batches.trained_on, batches.class_names = trained_on, dataset.class_names
    gan.check_before_fit(batches, callbacks=callbacks)
    if wrong := [] if classes is None else preflight.check_classes(gan, classes):
        raise ValueError(wrong[0])
    return batches


def _watching(run_dir: Path, dataset: Dataset, measured: Dataset | None, evaluate_every: int | None, verbose) -> list:
    """What watches for quality, collapse and a won game, as far as there is a judge of these images.

    The judge that measuring needs is trained here, where there is none yet; what is not looked at is said in one line.
    """
    watching = []
    if measured is not None:
        judges.judge_for(measured, verbose=int(verbose != 0))
        watching.append(QualityMonitor(run_dir, evaluate_every, dataset=measured))
    if judges.known(dataset.origin) is not None:
        return [*watching, WarnOnCollapse(), WarnWhenDiscriminatorWins()]
    if dataset.classes is None:
        reason = "These images have no classes, so no judge of them can be trained"
        advice = "there is no distance, and collapse is not looked for"
    else:
        reason = "No judge of these images has been trained yet"
        advice = (
            "quality is not measured, and collapse is not looked for; evaluate_every=1 trains one (--evaluate-every 1)"
        )
    warnings.warn(f"{reason}: {advice}.", stacklevel=3)
    return [*watching, WarnWhenDiscriminatorWins()]


def load_run(run_dir: str | os.PathLike, gan: GAN | None = None) -> Run:
    """A run as it stands at its newest checkpoint, without training on: one of `train`, or of `gan.fit` with a `Checkpoint`.

    Args:
        gan: a compiled GAN with the run's networks, to bring there; default is one built by the run's recipe, or as its
            checkpoint describes it.

    Raises:
        FileNotFoundError: not a run folder, or one without a finished epoch.
        ValueError: its networks cannot be built without `gan`, or its checkpoint does not fit.
    """
    run_dir = Path(run_dir)
    config = _config(run_dir)
    if not config and not checkpoints.paths(run_dir):
        raise FileNotFoundError(f"{run_dir} is not a run folder: it has no config.json and no checkpoints")
    gan = gan or _gan_of(run_dir, config)
    checkpoint = Checkpoint(run_dir)
    if not checkpoint.restore(gan):
        raise FileNotFoundError(f"{run_dir} has no finished epoch yet")
    gan.trained_on = config.get("trained_on", gan.trained_on)
    gan.class_names = config.get("data", {}).get("class_names", gan.class_names)
    return Run(gan, checkpoint.rows, run_dir)


def _gan_of(run_dir: Path, config: dict) -> GAN:
    """A GAN as the folder's run has it, with fresh weights: of the recipe that it names, or as its checkpoint describes it."""
    recipe = recipes.RECIPES.get(config.get("recipe"))
    described = checkpoints.described(run_dir)
    same = recipe is not None
    if same and "settings" in config:
        same, before = False, recipes.settings_of_today(config["settings"])
        with contextlib.suppress(ValueError):  # where it was another recipe of this name
            recipe = recipe.for_images(before["image_shape"], before["classes"])
            recipe = recipes.changed(recipe, recipes.changes(recipe.name, before))
            same = before.items() <= settings(recipe).items()
    if same or (config and described is None):
        return (recipe or recipes.get(config["recipe"])).build(config["seed"], config["precision"])
    try:
        if described is None:
            raise ValueError("its checkpoints are from before they described their networks")
        if "refused" in described:
            raise ValueError(described["refused"])
        strangers._check_top({"registered_name": strangers.OURS, "config": described["gan"]})  # as a stranger's
        _check_optimizers(described["compile"])
        gan = GAN.from_config(described["gan"])
        gan.compile_from_config(described["compile"])
    except Exception as error:  # Keras raises many kinds
        raise ValueError(
            f"the networks of {run_dir} cannot be built from its checkpoint alone ({str(error).strip().splitlines()[0][:300]}): build and "
            "compile the same GAN, and say gh.load_run(folder, gan=gan)"
        ) from error
    return gan


def _check_optimizers(description) -> None:
    """ValueError where a description of optimizers names anything but Keras' own and their schedules."""
    homes = {"keras.optimizers": keras.optimizers, "keras.optimizers.schedules": keras.optimizers.schedules}
    todo = [description]
    while todo:
        item = todo.pop()
        if isinstance(item, dict) and "class_name" in item:
            home = homes.get(item.get("module"))
            if not isinstance(getattr(home, str(item["class_name"]), None), type):
                raise ValueError(f"it names {str(item['class_name'])[:60]!r}, which is no optimizer of Keras")
        todo += item.values() if isinstance(item, dict) else item if isinstance(item, list) else []


def _config(run_dir: Path) -> dict:
    """What `config.json` says; empty where there is none. Runs from before there was a choice are in float32."""
    path = run_dir / "config.json"
    if not path.exists():
        return {}
    try:
        return {"precision": "float32", **json.loads(path.read_text(encoding="utf-8"))}
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} is damaged ({error}): restore it, or use another run folder") from error


def _facts(recipe, gan, batch_size, dataset: Dataset) -> dict:
    """What makes a run this run: two runs that agree in it train the same GAN."""
    facts = {"recipe": recipe.name, "seed": gan.seed, "batch_size": int(batch_size), "images": len(dataset)}
    facts["dataset"] = dataset.hash if gan.conditional else dataset.hash_of_images
    return {**facts, "precision": gan.precision, "settings": settings(recipe, gan.pixel_range)}


def settings(recipe: recipes.Recipe, pixel_range=None) -> dict:
    """A recipe's settings as `config.json` keeps them, ready for JSON: runs that agree in them train the same GAN.

    Args:
        pixel_range: of the recipe's GAN, where it was built already.
    """
    found = {f.name: getattr(recipe, f.name) for f in dataclasses.fields(recipe) if f.name not in _NOT_OF_A_RUN}
    found |= {player: recipes.name_of(getattr(recipe, player)) for player in ("generator", "discriminator")}
    found |= recipe.terms() | {"image_shape": list(recipe.image_shape)}
    pixel_range = pixel_range or recipe.pixel_range or images.pixel_range_of(recipe.players()[0])
    found["pixel_range"] = list(pixel_range)
    return found


_NOT_OF_A_RUN = ("name", "source", "epochs", "batch_size")


def _check_config(run_dir: Path, config: dict, dataset: Dataset) -> None:
    """ValueError where the folder's run is another one.

    A setting that an older config does not name had what is the default today. What else it does not say is not compared.
    """
    before = _config(run_dir)
    there, here = ({**facts, **facts.get("settings", {})} for facts in (before, config))
    if "settings" in before:
        there = recipes.settings_of_today(there)
    other = there.get("dataset", here["dataset"]) != here["dataset"]
    if other and there["dataset"] == dataset.hash:
        there["dataset"] = here["dataset"]  # classes that are not learned were once part of the hash
    differing = [
        f"{key}: {recipes.as_text(key, there[key])} there, {recipes.as_text(key, value)} here"
        for key, value in here.items()
        if key != "settings" and key in there and there[key] != value
    ]
    if differing:
        raise ValueError(
            f"{run_dir} belongs to another run ({'; '.join(differing)}). Use another folder, or delete this one."
        )


def _keep_config(run_dir: Path, facts: dict, dataset: Dataset, options: str, evaluate_every: int | None) -> None:
    """Write what the run is into `config.json`, where it is not there yet."""
    if _config(run_dir):
        return
    if dataset.origin == "fashion_mnist":
        of_data = {"files": data.SHA256}
    else:
        about = {"name": dataset.name, "image_shape": list(dataset.image_shape), "classes": len(dataset.class_names)}
        about |= {"class_names": list(dataset.class_names), "hash": dataset.hash}
        of_data = {"data": about}
    command = None if "data" in of_data and not options else _command(run_dir, facts, options, evaluate_every)
    versions = {name: importlib.metadata.version(name) for name in ("gan-helpers", "tensorflow", "keras", "numpy")}
    everything = {**facts, "trained_on": dataset.origin, "command": command, "versions": versions, **of_data}
    write_whole(run_dir / "config.json", json.dumps(everything, indent=2).encode())


def _command(run_dir: Path, facts: dict, options: str, evaluate_every: int | None) -> str:
    """What trains this run from the command line."""
    said = [f"python -m gan_helpers train {facts['recipe']} --run {shlex.quote(str(run_dir))} --seed {facts['seed']}"]
    said += [f"--batch-size {facts['batch_size']} --precision {facts['precision']}"]
    said += [] if evaluate_every is None else [f"--evaluate-every {evaluate_every}"]
    with contextlib.suppress(ValueError):  # a recipe of one's own by the name of one that cannot make such images
        said += [f"--set {shlex.quote(text)}" for text in recipes.changes(facts["recipe"], facts["settings"])]
    return " ".join([*said, options]).strip()
