"""What watches a training for the ways in which GANs fail: NaN and infinity, collapse, a discriminator that has won."""

import os
import warnings

import keras
import numpy as np
import tensorflow as tf

from gan_helpers import metrics
from gan_helpers.metrics import judges
from gan_helpers.runs import checkpoints


class StopOnNonFinite(keras.callbacks.Callback):
    """Stops at the step at which a loss or a weight becomes NaN or infinite, before a checkpoint can keep it.

    Keras' `TerminateOnNaN` looks at one loss called `loss`; a GAN has two, and weights can go first.

    Args:
        run_dir: the run folder, for the message; None without one.

    Raises, in that step:
        FloatingPointError: names what became what, the step, and the last checkpoint.
    """

    def __init__(self, run_dir: str | os.PathLike | None = None):
        super().__init__()
        self.run_dir = run_dir

    def on_train_begin(self, logs=None):
        players = (self.model.generator, self.model.discriminator)
        self._weights = [weight for player in players for weight in player.weights if weight.dtype == "float32"]
        variables = [weight.value for weight in self._weights]
        # One call per step: a sum is finite only if all that it sums is.
        self._sum = tf.function(
            lambda: tf.add_n([tf.reduce_sum(variable) for variable in variables]), jit_compile=False
        )

    def on_train_batch_end(self, batch, logs=None):
        if np.isfinite(float(self._sum())) and all(np.isfinite(float(logs[name])) for name in logs or {}):
            return
        found = [
            f"{name} became {float(value)}" for name, value in (logs or {}).items() if not np.isfinite(float(value))
        ]
        found += [
            f"weight {weight.path} became {'NaN' if np.isnan(weight).any() else 'infinite'}"
            for weight in self._weights
            if not np.isfinite(weight).all()
        ]
        if not found:  # each is finite, and their sum is not
            largest = max(self._weights, key=lambda weight: np.abs(weight).max())
            found = [f"weight {largest.path} grew to {np.abs(largest).max():.1e}"]
        kept = checkpoints.paths(self.run_dir) if self.run_dir is not None else []
        raise FloatingPointError(
            f"{', '.join(found[:3])}{f' and {len(found) - 3} more' if len(found) > 3 else ''} at step {int(np.asarray(self.model.steps))}. "
            + (f"The last good checkpoint is {kept[-1]}. " if kept else "There is no checkpoint yet. ")
            + "Most often the learning rate is too high: lower it, in a new run folder."
        )


class WarnOnCollapse(keras.callbacks.Callback):
    """Warns when the generator draws few of its data set's classes, or loses half of those that it drew; training goes on.

    The data set's judge sorts a few hundred images after an epoch. With the entropy H of the shares of the classes, exp(H) is
    the number of classes in use: all of them where they are as frequent, 1 where one is left. It warns once, and again after
    a recovery. A generator that draws all classes, each in one way only, is not noticed: see `gh.evaluate`. Where there is no
    judge of the images yet (`judges.judge_for` trains one), it says so once, and looks at none.

    Args:
        every: epochs between two looks.
        n: images per look.
        fewest: classes in use, below which it warns; default a third of the way from one class to as many as the data set's own
            images use: 4 of 10 that are as frequent.
        after_steps: how many steps the generator is given before its first look.
        seed: of the latent vectors.
    """

    def __init__(
        self, every: int = 1, n: int = 500, fewest: float | None = None, after_steps: int = 1000, seed: int = 0
    ):
        super().__init__()
        for name, value in (("every", every), ("n", n), ("fewest", fewest)):
            if value is not None and value < 1:
                raise ValueError(f"{name} is {value}; it must be at least 1")
        self.every, self.n, self.fewest, self.after_steps, self.seed = every, n, fewest, after_steps, seed

    def on_train_begin(self, logs=None):
        self._most, self._warned = 0.0, False
        shape = tuple(self.model.generator.output_shape[1:])
        self._judge = judges.known(self.model.trained_on or "fashion_mnist")
        if self._judge is None or self._judge.image_shape != shape:
            self._judge = None
            warnings.warn(
                "WarnOnCollapse looks at nothing: there is no judge that knows these images; judges.judge_for(dataset) trains one.",
                stacklevel=2,
            )

    def on_epoch_end(self, epoch, logs=None):
        if self._judge is None or (epoch + 1) % self.every or int(np.asarray(self.model.steps)) < self.after_steps:
            return
        # The generator itself, not its average, which would show a collapse late.
        _, probabilities = self._judge.features_and_probabilities(self.model.generate(self.n, self.seed, ema=False))
        shares = metrics.class_shares(probabilities)
        in_use = float(np.exp(metrics.entropy(shares)))
        self._most = max(self._most, in_use)
        names = self._judge.class_names
        usual = np.exp(metrics.entropy(self._judge.shares)) if self._judge.shares else len(names)
        fewest = 1 + (usual - 1) / 3 if self.fewest is None else self.fewest
        limit = max(fewest, self._most / 2)
        collapsed = in_use < limit
        if collapsed and not self._warned:
            histogram = ", ".join(f"{name} {share:.0%}" for name, share in zip(names, shares))
            warnings.warn(
                f"the generator may have collapsed: after epoch {epoch + 1} it draws {in_use:.1f} of {len(names)} classes "
                f"({histogram}). Training goes on; if the next epochs do not bring the others back, begin anew with a lower learning rate",
                stacklevel=2,
            )
        self._warned = collapsed or (self._warned and in_use < 1.5 * limit)  # a recovery is more than one better epoch


class WarnWhenDiscriminatorWins(keras.callbacks.Callback):
    """Warns when the discriminator tells everything apart, so that the generator learns little; training goes on.

    That is so when its mean loss of an epoch has come down to the objective's floor, which is above 0 for labels that are
    smoothed or noisy, and both accuracies are near 1. It warns once, and again after a recovery.

    Args:
        margin: share of the way from the floor to the equilibrium that still counts as the floor.
        accuracy: that both accuracies have to reach.
    """

    def __init__(self, margin: float = 0.05, accuracy: float = 0.99):
        super().__init__()
        self.margin, self.accuracy = margin, accuracy

    def on_train_begin(self, logs=None):
        self._warned = False

    def on_epoch_end(self, epoch, logs=None):
        floor = getattr(self.model.objective, "floor", None)
        equilibrium = getattr(self.model.objective, "equilibrium", {}).get("d_loss")
        if floor is None or equilibrium is None or "d_real_accuracy" not in (logs or {}):
            return  # with this objective nothing says that the discriminator has won
        above_floor = (logs["d_loss"] - floor) / (equilibrium - floor)
        told_apart = min(logs["d_real_accuracy"], logs["d_fake_accuracy"])
        won = above_floor <= self.margin and told_apart >= self.accuracy
        if won and not self._warned:
            warnings.warn(
                f"the discriminator has won: after epoch {epoch + 1} its loss is {logs['d_loss']:.3f}, and its floor is "
                f"{floor:.3f}; it tells {told_apart:.1%} apart. Training goes on; if that stays so, lower its learning "
                "rate, or smooth its labels",
                stacklevel=2,
            )
        self._warned = won or (
            self._warned and above_floor <= 4 * self.margin
        )  # a recovery is more than one better epoch
