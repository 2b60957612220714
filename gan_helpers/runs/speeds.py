"""How fast recipes train: images/s, measured in turns."""

import time

import keras

from gan_helpers.data.batches import pipeline
from gan_helpers.data.dataset import Dataset
from gan_helpers.runs.guards import StopOnNonFinite
from gan_helpers.runs.recipes import Recipe


class _Stopwatch(keras.callbacks.Callback):
    """Seconds from the end of the first step, after which `fit` has set itself up, to the end of the last."""

    def __init__(self, clock):
        super().__init__()
        self.clock = clock

    def on_train_batch_end(self, batch, logs=None):
        now = self.clock()
        self.began = now if batch == 0 else self.began
        self.seconds = now - self.began


def images_per_second(
    recipes: dict[str, Recipe], dataset: Dataset, precision: str, rounds: int, seconds: float, clock=time.perf_counter
) -> dict[str, list[float]]:
    """Images/s of each recipe in each round, by `fit` with the guard that `train` always has. Compilation is not counted.

    The recipes take turns, and every second round goes in the opposite order, so that a slow minute of the machine slows all of
    them alike.

    Args:
        recipes: by whatever name the result shall have; made for the data set's images.
        precision: as in `GAN.compile`.
        rounds: how often each is measured.
        seconds: about how long each time.
        clock: what seconds are taken from; `time.process_time` counts those of the processor, of all its cores together, and so
            leaves out what other processes do.
    """
    players = {name: _ready(recipe, dataset, precision) for name, recipe in recipes.items()}

    def measure(name: str, steps: int) -> float:
        gan, batches, images_a_step = players[name]
        watch = _Stopwatch(clock)
        gan.fit(batches, steps_per_epoch=steps, callbacks=[StopOnNonFinite(), watch], verbose=0)
        return (steps - 1) * images_a_step / watch.seconds

    for name in players:
        measure(name, 5)  # compiles
    steps = {name: max(5, round(seconds * measure(name, 20) / players[name][2])) for name in players}
    found = {name: [] for name in players}
    for i in range(rounds):
        for name in players if i % 2 == 0 else reversed(players):
            found[name].append(round(measure(name, steps[name]), 1))
    return found


def _ready(recipe: Recipe, dataset: Dataset, precision: str):
    """A recipe's GAN, its batches without end, and how many images it learns from in a step."""
    gan = recipe.build(0, precision)
    told = dataset.classes if gan.conditional else None
    batches = pipeline(dataset.images, recipe.batch_size, gan.pixel_range, 0, classes=told)
    return gan, batches.repeat(), recipe.batch_size * recipe.d_steps
