"""What watches a GAN train: `ModelMonitor` draws images, `PointMonitor` points, `LossPlot` losses, `QualityMonitor` measures; `ProgressBar`, `StopAfter`."""

import contextlib
import json
import os
import re
import sys
import time
import warnings
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from gan_helpers import images, metrics, plots
from gan_helpers.data import dataset as data_sets
from gan_helpers.gan.generators import image_shape, makes_points
from gan_helpers.metrics import judges
from gan_helpers.model_files import strangers
from gan_helpers.storage.whole_files import save_whole, write_whole


class _Display:
    """One output of a notebook cell, redrawn in place. Outside a notebook it shows nothing.

    The alt text changes with each drawing; `text/plain` stays `name`, so that re-executed notebooks compare equal.
    """

    def __init__(self, name: str):
        self.name = name
        from IPython import get_ipython

        shell = get_ipython()
        self.works = shell is not None and hasattr(shell, "kernel")
        self.handle = None

    def show(self, png: bytes, alt: str) -> None:
        if not self.works:
            return
        from IPython.display import display

        bundle, metadata = {"image/png": png, "text/plain": self.name}, {"image/png": {"alt": alt}}
        if self.handle is None:
            self.handle = display(bundle, metadata=metadata, raw=True, display_id=True)
        else:
            self.handle.update(bundle, metadata=metadata, raw=True)


class ModelMonitor(keras.callbacks.Callback):
    """Draws images of the same latent vectors after every epoch, so that you see them change.

    The vectors come from the prior that training uses. In a notebook the newest grid stands below the cell and is
    redrawn in place. The run folder, made here, receives `images/epoch_0001.png` … and, at the end, `images/progress.gif`.

    Args:
        run_dir: the run folder; None draws in the notebook only.
        n: images in the grid.
        every: epochs between two drawings; the last epoch is always drawn.
        seed: of the latent vectors.
        ema: draw the averaged generator; False draws the raw one.
        scale: screen pixels per image pixel; default 2, and 1 for images of more than 32 pixels.

    Raises:
        ValueError: n or every below 1; when training begins: a generator of points, which `PointMonitor` draws.
    """

    def __init__(
        self,
        run_dir: str | os.PathLike | None = None,
        n: int = 36,
        every: int = 1,
        seed: int = 0,
        ema: bool = True,
        scale: int | None = None,
    ):
        super().__init__()
        for name, value in (("n", n), ("every", every), ("scale", scale)):
            if value is not None and value < 1:
                raise ValueError(f"{name} is {value}; it must be at least 1")
        self.folder = Path(run_dir) / "images" if run_dir is not None else None
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
        self.n, self.every, self.seed, self.ema, self.scale = n, every, seed, ema, scale

    def on_train_begin(self, logs=None):
        self._display = _Display("ModelMonitor: generated images")
        if makes_points(self.model.generator):
            raise ValueError(
                "ModelMonitor draws images, and this generator makes points: use gh.PointMonitor(real_points)"
            )
        if self.scale is None:
            self.scale = 2 if max(image_shape(self.model.generator)[:2]) <= 32 else 1

    def on_epoch_begin(self, epoch, logs=None):
        for path in self._pictures():
            if int(path.stem[6:]) > epoch:  # drawn by an earlier run that got further
                path.unlink()

    def on_epoch_end(self, epoch, logs=None):
        last = epoch + 1 == self.params.get("epochs") or self.model.stop_training
        if (epoch + 1) % self.every and not last:
            return
        grid = images.grid(self.model.generate(self.n, self.seed, self.ema))
        png = images.png_bytes(grid, self.scale)
        if self.folder is not None:
            write_whole(self.folder / f"epoch_{epoch + 1:04d}.png", png)
        self._display.show(
            png, f"Grid of {self.n} generated images after epoch {epoch + 1}, always of the same latent vectors."
        )

    def on_train_end(self, logs=None):
        if self.folder is not None and (frames := self.frames()) is not None:
            write_whole(self.folder / "progress.gif", images.gif_bytes(frames))

    def frames(self) -> np.ndarray | None:
        """The grids drawn so far, from the run folder, as uint8 (epochs, h, w, channels); None where there are none.

        Grids of another size than the newest, drawn with another `n` or `scale`, are left out.
        """
        found = []
        for path in self._pictures():
            with contextlib.suppress(OSError), Image.open(path) as picture:  # one that was damaged is left out too
                found.append(np.asarray(picture))
        if not found:
            return None
        frames = np.stack([frame for frame in found if frame.shape == found[-1].shape])
        return frames if frames.ndim == 4 else frames[..., None]

    def _pictures(self) -> list[Path]:
        """What it has drawn itself, in order; other files in the folder are none of its business."""
        found = self.folder.glob("epoch_*.png") if self.folder is not None else ()
        found = [path for path in found if re.fullmatch(r"epoch_\d{4,}\.png", path.name)]
        return sorted(found, key=lambda path: int(path.stem[6:]))


class PointMonitor(ModelMonitor):
    """Draws generated points over real ones after every epoch, always of the same latent vectors: `ModelMonitor` for toys.

    Args:
        real: points that the generator should make, floats (m, 2), such as `gh.toys.ring().sample(1000)`; they set the frame.
        run_dir, every, seed, ema: as in `ModelMonitor`.
        n: points in the picture.

    Raises:
        ValueError: n or every below 1, or real points of another shape; when training begins: a generator of anything else.
    """

    def __init__(self, real, run_dir=None, n: int = 1000, every: int = 1, seed: int = 0, ema: bool = True):
        super().__init__(run_dir, n, every, seed, ema, scale=1)
        self.real = np.asarray(real, np.float32)
        if self.real.ndim != 2 or self.real.shape[1] != 2 or not len(self.real):
            raise ValueError(f"expected real points of shape (n, 2), n at least 1; got {self.real.shape}")

    def on_train_begin(self, logs=None):
        self._display = _Display("PointMonitor: generated points")
        shape = self.model.generator.output_shape
        if shape != (None, 2):
            raise ValueError(f"PointMonitor draws points in the plane, (n, 2); the output of this generator is {shape}")

    def on_epoch_end(self, epoch, logs=None):
        last = epoch + 1 == self.params.get("epochs") or self.model.stop_training
        if (epoch + 1) % self.every and not last:
            return
        points = self.model.generate(self.n, self.seed, self.ema)
        alt = f"{self.n} generated points after epoch {epoch + 1}, of the same latent vectors each time, over real points."
        png = images.png_bytes(plots.pixels(plots.scatter(points, self.real, alt), dpi=100))
        if self.folder is not None:
            write_whole(self.folder / f"epoch_{epoch + 1:04d}.png", png)
        self._display.show(png, alt)


class LossPlot(keras.callbacks.Callback):
    """Draws both losses and both accuracies after every epoch, with the equilibrium and the floor drawn in.

    In a notebook the figure stands below the cell and is redrawn in place. `figure()` gives it back afterwards.

    Args:
        run_dir: where `losses.png` is written at the end; None writes nothing.
        history: rows of earlier epochs, for a run that goes on (`Checkpoint.rows`).
        every: epochs between two drawings; the last epoch is always drawn.
    """

    def __init__(self, run_dir: str | os.PathLike | None = None, history: list[dict] | None = None, every: int = 1):
        super().__init__()
        if every < 1:
            raise ValueError(f"every is {every}; it must be at least 1")
        self.run_dir = Path(run_dir) if run_dir is not None else None
        self.rows = list(history or [])
        self.every = every

    def on_train_begin(self, logs=None):
        self._display = _Display("LossPlot: losses and accuracies")

    def on_epoch_end(self, epoch, logs=None):
        self.rows = [row for row in self.rows if row["epoch"] <= epoch] + [{"epoch": epoch + 1, **(logs or {})}]
        last = epoch + 1 == self.params.get("epochs") or self.model.stop_training
        if self._display.works and (last or (epoch + 1) % self.every == 0):
            fig = self.figure()
            self._display.show(fig.png(), fig.alt)

    def on_train_end(self, logs=None):
        if self.run_dir is not None and self.rows:
            write_whole(self.run_dir / "losses.png", self.figure().png())

    def figure(self) -> plots.Figure:
        """The curves so far.

        Raises:
            ValueError: no epoch has been trained.
        """
        if not self.rows:
            raise ValueError("nothing to plot yet: no epoch has been trained")
        terms = [name for name in getattr(self.model, "means", ()) if name not in plots.PLAYERS]
        return plots.loss_curves(self.rows, getattr(self.model, "objective", None), terms)


class QualityMonitor(keras.callbacks.Callback):
    """Measures the averaged generator every few epochs, and keeps the best one.

    Adds `frechet_classifier_distance` to the epoch's row, so a `LossPlot` or a `Checkpoint` that stands *after* it in the
    list of callbacks shows it or keeps it. The distance is taken to the data set's `held_out`, the last of its training images:
    train on `without_held_out` (`gh.train(…, evaluate_every=1)` does), so that what is chosen by was not learnt; the test images
    stay unseen.

    Args:
        run_dir: where `best_generator.keras` and `best.json` (epoch, distance, n, classifier) are kept; None keeps nothing.
            A run that goes on goes on from them; of a run that begins anew in the folder they are replaced.
        every: epochs between two measurements; the last epoch is always measured.
        n: images per measurement; default as many as are held out, at most 10,000.
        seed: of the latent vectors.
        dataset: a `gh.Dataset` with classes; default the one that the GAN learns from, where that is Fashion-MNIST or prepared.

    Raises:
        ValueError: every below 1, or n out of range; when training begins: images of another shape than the data set's, a
            judge that cannot be trained (`judges.judge_for`), or a run whose distances so far are those of another judge.

    Warns, when training begins:
        UserWarning: n below 2,048; or images of no data set that is known, or without classes, of which it then measures nothing.
    """

    def __init__(
        self,
        run_dir: str | os.PathLike | None = None,
        every: int = 1,
        n: int | None = None,
        seed: int = 0,
        dataset: data_sets.Dataset | None = None,
    ):
        super().__init__()
        if every < 1:
            raise ValueError(f"every is {every}; it must be at least 1")
        if n is not None and not 2 <= n <= metrics.N:
            raise ValueError(f"n is {n}; it must lie in 2…{metrics.N:,}")
        self.run_dir = Path(run_dir) if run_dir is not None else None
        self.every, self.n, self.seed, self.dataset = every, n, seed, dataset

    def _measured_by(self) -> data_sets.Dataset | None:
        """The data set whose held-out images are compared with; None where none is known."""
        if self.dataset is not None:
            return self.dataset
        learned = getattr(self.model, "trained_on", None)
        return metrics.clothes() if learned in (None, "fashion_mnist") else data_sets.known(learned)

    def on_train_begin(self, logs=None):
        shape = image_shape(self.model.ema_generator)
        self._of, self.best, self._begun = self._measured_by(), None, None
        if self._of is None or (self._of.classes is None and self._of.origin != "fashion_mnist"):
            why = "nothing says which data set these images are of; say QualityMonitor(dataset=…)"
            why = why if self._of is None else f"{self._of.name} has no classes, so there is no distance"
            warnings.warn(f"QualityMonitor measures nothing: {why}.", stacklevel=2)
            self._of = None
            return
        if shape != self._of.image_shape:
            raise ValueError(
                f"QualityMonitor measures images of shape {self._of.image_shape}; this generator makes {shape}"
            )
        held_out = len(self._of.held_out)
        n = min(metrics.N, held_out) if self.n is None else self.n
        if n > held_out:
            raise ValueError(f"n is {n}; it must lie in 2…{held_out:,}, the number of images held out")
        metrics.warn_of_few(n)
        self._judge = judges.judge_for(self._of)
        self._real = metrics.real_features("held_out", n, self._of)
        self._measured_with = {"n": n, "classifier": self._judge.sha256}

    def on_epoch_begin(self, epoch, logs=None):
        if self._begun is not None or self._of is None:
            return
        self._begun = epoch
        if self.run_dir is None or not (self.run_dir / "best.json").exists():
            return
        before = json.loads((self.run_dir / "best.json").read_text(encoding="utf-8"))
        if before["epoch"] > epoch:  # of another run, or an epoch that this run lost and will measure again
            return
        if before["classifier"] != self._judge.sha256:
            raise ValueError(
                f"the distances in {self.run_dir} are by judge {before['classifier'][:12]}, and this one is {self._judge.sha256[:12]}: "
                "values of two judges cannot be compared. Go on without measuring, or begin anew in another folder"
            )
        if before["n"] == self._measured_with["n"]:
            self.best = before

    def on_epoch_end(self, epoch, logs=None):
        last = epoch + 1 == self.params.get("epochs") or self.model.stop_training
        if self._of is None or ((epoch + 1) % self.every and not last):
            return
        distance = self.distance()
        if logs is not None:
            logs["frechet_classifier_distance"] = distance
        if self.best is None or distance < self.best["frechet_classifier_distance"]:
            self.best = {"epoch": epoch + 1, "frechet_classifier_distance": distance, **self._measured_with}
            if self.run_dir is not None:
                save_whole(self.run_dir / "best_generator.keras", self._save_best)
                write_whole(self.run_dir / "best.json", json.dumps(self.best).encode())

    def distance(self) -> float:
        """The averaged generator's Fréchet classifier distance as it is now, while it trains."""
        drawn = self.model.generate(self._measured_with["n"], self.seed)
        return metrics.frechet_distance(self._judge.features_and_probabilities(drawn)[0], self._real)

    def _save_best(self, path) -> None:
        """The averaged generator, with what it learned from."""
        self.model.ema_generator.save(path)
        strangers.write_learned(path, self.model.ema_generator)


class StopAfter(keras.callbacks.Callback):
    """Ends training at the first step after `seconds` of it, so that systems can be compared at equal time.

    Raises:
        ValueError: seconds not above 0.
    """

    def __init__(self, seconds: float):
        super().__init__()
        if not seconds > 0:
            raise ValueError(f"seconds is {seconds}; it must be greater than 0")
        self.seconds = seconds

    def on_train_begin(self, logs=None):
        self._began = None

    def on_train_batch_end(self, batch, logs=None):
        if self._began is None:  # the first step also compiles; the clock starts after it
            self._began = time.perf_counter()
        elif time.perf_counter() - self._began >= self.seconds:
            self.model.stop_training = True


class ProgressBar(keras.callbacks.Callback):
    """One line for a whole run on a terminal: how far it is, time left, epoch, images/s, both losses.

    Args:
        batch_size: images per step.
        seconds: where training ends by time: how long the run is in all; otherwise the epochs say how far it is.
        seconds_before: of these, used up before this call.
    """

    def __init__(self, batch_size: int, seconds: float | None = None, seconds_before: float = 0.0):
        super().__init__()
        self.batch_size, self.seconds, self.seconds_before = batch_size, seconds, seconds_before

    def on_train_begin(self, logs=None):
        self._bar = None

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch + 1
        if self._bar is not None:
            return
        from tqdm import tqdm

        if self.seconds is None:
            images_an_epoch = self.params["steps"] * self.batch_size
            total, done = self.params["epochs"] * images_an_epoch, epoch * images_an_epoch
        else:
            total, done = self.seconds, self.seconds_before
        self._bar = tqdm(
            total=total,
            initial=done,
            bar_format="{percentage:3.0f}% {bar} {elapsed}, {remaining} left{postfix}",
            dynamic_ncols=True,
            mininterval=0.5 if sys.stderr.isatty() else 30,  # a log file wants few lines
        )
        self._last = time.perf_counter()
        self._images = 0

    def on_train_batch_end(self, batch, logs=None):
        now = time.perf_counter()
        if not self._images:  # the first step also compiles; speed is measured after it
            self._measured_from = now
        self._images += self.batch_size
        if now > self._measured_from:
            rate = (self._images - self.batch_size) / (now - self._measured_from)
            said = "".join(f", {name} {logs[name]:.3f}" for name in ("d_loss", "g_loss") if name in (logs or {}))
            self._bar.set_postfix_str(f"epoch {self._epoch}, {rate:.0f} images/s{said}", refresh=False)
        self._bar.update(self.batch_size if self.seconds is None else min(now - self._last, self.seconds - self._bar.n))
        self._last = now

    def on_train_end(self, logs=None):
        if self._bar is not None:
            self._bar.close()
