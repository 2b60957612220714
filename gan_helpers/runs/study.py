"""`study(folder)`: what a sweep has found so far. It needs Optuna, an extra, and no TensorFlow."""

import contextlib
import json
import math
import os
import statistics
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from gan_helpers import plots

NAME = "sweep"  # of Optuna's study in the journal
DISTANCE = "Fréchet classifier distance"
STATES = {"COMPLETE": "finished", "PRUNED": "stopped early", "RUNNING": "not finished"}


def optuna():
    """The module, quiet.

    Raises:
        ValueError: it is not installed, or too old; the message has the command.
    """
    try:
        import optuna
    except ImportError:
        version = ""
    else:
        version = optuna.__version__
    if int(version.partition(".")[0] or 0) < 5:
        found = f"there is Optuna {version}" if version else "it is not installed"
        raise ValueError(
            f"a sweep needs Optuna 5, and {found}: {sys.executable} -m pip install -r requirements-sweep.lock, or, without the "
            f'course\'s folder, {sys.executable} -m pip install "optuna>=5,<6" "pandas>=2"'
        )
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def storage(folder: Path):
    """Optuna's journal in a study's folder: a file that every process appends to, one at a time.

    Its lock is the run folders' kind: the operating system frees it when a process dies. (Optuna's own locks are files that stay,
    and are broken by whoever has waited for half a minute.) A line that a dying process, or a full disk, has left unfinished is
    cut off before the next one is written; otherwise nobody could read on.
    """
    optuna()
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    path, lock = folder / "journal.log", FileLock(folder / ".journal.lock")

    class Journal(JournalFileBackend):
        def append_logs(self, logs):
            with lock:
                _cut_off_unfinished(path)
                super().append_logs(logs)

    return JournalStorage(Journal(str(path), lock_obj=lock))


def _cut_off_unfinished(path: Path) -> None:
    """Shorten a file to its last whole line."""
    with open(path, "rb+") as file:
        size = file.seek(0, os.SEEK_END)
        if not size:
            return
        file.seek(size - 1)
        if file.read(1) != b"\n":
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)


def facts(folder: Path) -> dict:
    """What `sweep.json` says the study is; empty where there is none.

    Raises:
        ValueError: it is damaged.
    """
    path = folder / "sweep.json"
    if not path.exists():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} is damaged ({error}): restore it, or use another folder") from error


def study(folder: str | os.PathLike) -> "Study":
    """What a sweep has found so far; also while it goes on.

    Args:
        folder: the one that `gan-helpers sweep … --study` was given.

    Raises:
        FileNotFoundError: there is no study in it.
        ValueError: Optuna is not installed, or `sweep.json` is damaged.
    """
    folder = Path(folder)
    known = facts(folder)
    if not known or not (folder / "journal.log").exists():
        raise FileNotFoundError(
            f"{folder} holds no study: gan-helpers sweep RECIPE --set … --study {folder} begins one"
        )
    trials = optuna().load_study(study_name=NAME, storage=storage(folder)).trials
    return Study(folder, known, tuple(trial for trial in trials if trial.state.name in STATES))


@dataclass(frozen=True, repr=False)
class Study:
    """The runs of a sweep.

    Attributes:
        folder: where it lies; the run folders are `runs/0000` and so on, in it.
        facts: of `sweep.json`: recipe, settings, seeds, images, data set, judge.
        trials: Optuna's, those begun and not given up, in their order.
    """

    folder: Path
    facts: dict
    trials: tuple

    @property
    def rows(self) -> list[dict]:
        """A dict per run, in the order in which they began: `run` (its number), the settings that vary, `seed`, `state` ("finished",
        "stopped early", "not finished"), `distance` (the last that was measured, or None), `distances` (those measured on the way:
        the part of the run after which, in ]0, 1], and the distance), `why` it was stopped, and `folder`.
        """
        return [self._row(trial) for trial in self.trials if "seed" in trial.user_attrs]

    def _row(self, trial) -> dict:
        parts = self.facts["measurements"]
        distances = {step / parts: value for step, value in sorted(trial.intermediate_values.items())}
        return {
            "run": trial.number,
            **trial.params,
            "seed": trial.user_attrs["seed"],
            "state": STATES[trial.state.name],
            "distance": next(reversed(distances.values()), None),
            "distances": distances,
            "why": trial.user_attrs.get("why", ""),
            "folder": str(run_folder(self.folder, trial.number)),
        }

    @property
    def points(self) -> list[dict]:
        """A dict per point, which is a choice of the settings that vary, the best first: these settings, `distance` (the median of
        its finished runs, or None), `lowest`, `highest`, `finished` (how many runs), `stopped` (how many were stopped early).

        Points of which a run was stopped, or not all seeds are finished, come last.
        """
        runs: dict[tuple, list[dict]] = {}
        for trial, row in zip((trial for trial in self.trials if "seed" in trial.user_attrs), self.rows):
            runs.setdefault(tuple(trial.params.items()), []).append(row)
        return sorted((_point(dict(settings), rows) for settings, rows in runs.items()), key=self._rank)

    def _rank(self, point: dict) -> tuple:
        distance = math.inf if point["distance"] is None else point["distance"]
        return not self._whole(point), distance

    def _whole(self, point: dict) -> bool:
        return not point["stopped"] and point["finished"] >= self.facts["seeds"]

    @property
    def best(self) -> dict | None:
        """The best point of which all seeds are finished; None where there is none yet."""
        return next((point for point in self.points if self._whole(point)), None)

    def frame(self):
        """`rows` as a pandas data frame, one line per run.

        Raises:
            ValueError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise ValueError(f'a data frame needs pandas: {sys.executable} -m pip install "pandas>=2"') from None
        return pandas.DataFrame(self.rows).set_index("run") if self.rows else pandas.DataFrame()

    def history(self) -> plots.Figure:
        """The distance of each finished run, in the order in which they began, and the lowest so far.

        Raises:
            ValueError: no run is finished.
        """
        lowest = min(self._finished(1), key=lambda row: row["distance"])
        alt = (
            f"{DISTANCE} of {len(self._finished(1))} finished runs, in the order in which they began, and as a line the lowest so far: "
            f"{lowest['distance']:.2f}, of run {lowest['run']}. Low is good."
        )
        return self._drawn("plot_optimization_history", alt)

    def importances(self) -> plots.Figure:
        """How much of the distance's spread each setting explains (PED-ANOVA: Watanabe et al. 2023), as bars that sum to 1.

        Raises:
            ValueError: fewer than two points have a finished run.
        """
        self._finished(2)
        with _quiet():
            shares = optuna().importance.get_param_importances(self._as_optuna())
        alt = f"Bars: how much of the spread of the {DISTANCE} each setting explains. " + ", ".join(
            f"{name} {share:.0%}" for name, share in shares.items()
        )
        return self._drawn("plot_param_importances", f"{alt}.")

    def parallel_coordinates(self) -> plots.Figure:
        """A line per finished run, from its distance through each of its settings; the darker, the lower the distance.

        Raises:
            ValueError: fewer than two points have a finished run.
        """
        finished = self._finished(2)
        best = min(finished, key=lambda row: row["distance"])
        names = sorted(self.facts["varied"])
        alt = (
            f"A line for each of {len(finished)} finished runs, from its {DISTANCE} through {', '.join(names)}; the darker, the lower. "
            f"The lowest, {best['distance']:.2f}, has {', '.join(f'{name} {text_of(best[name])}' for name in names)}."
        )
        return self._drawn("plot_parallel_coordinate", alt)

    def _finished(self, points: int) -> list[dict]:
        """The finished runs; ValueError where they are of fewer points."""
        found = [row for row in self.rows if row["state"] == "finished"]
        if len({tuple(row[name] for name in self.facts["varied"]) for row in found}) < points:
            raise ValueError(
                f"nothing to draw yet: {self.folder} has {len(found)} finished runs"
                + (", and none of other settings to compare with" if found else "")
            )
        return found

    def _as_optuna(self):
        found = optuna().create_study(direction="minimize")
        found.add_trials([trial for trial in self.trials if trial.state.name == "COMPLETE"])
        return found

    def _drawn(self, plot: str, alt: str) -> plots.Figure:
        """One of Optuna's plots, which draws with pyplot and in a style of its own, as a figure of ours."""
        optuna()
        import matplotlib.pyplot as plt
        from optuna.visualization import matplotlib as theirs

        with _quiet(), plt.rc_context(), plt.ioff():
            drawn = getattr(theirs, plot)(self._as_optuna(), target_name=DISTANCE).figure
            plt.close(drawn)
        drawn.set_size_inches(11, 4.5)  # room for long names of settings and their values
        for axes in drawn.axes:
            if (
                axes.get_label() == "<colorbar>"
            ):  # it would say again what the first axis says, over the last one's values
                axes.remove()
        return plots.with_alt(drawn, alt)

    def __str__(self) -> str:
        """The points as a table, the best first."""
        names = list(self.facts["varied"])
        head = (*names, "distance", "range", "runs", "stopped")
        rows = [
            (
                *(text_of(point[name]) for name in names),
                "" if point["distance"] is None else f"{point['distance']:.3f}",
                f"{point['lowest']:.3f} to {point['highest']:.3f}" if point["finished"] > 1 else "",
                str(point["finished"]),
                str(point["stopped"] or ""),
            )
            for point in self.points
        ]
        widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in (head, *rows)]
        about = (
            f"{DISTANCE} to held-out training images of {self.facts['data']}: the median over seeds, their range and number; low is "
            f"good. Judge {self.facts['judge'][:12]}."
        )
        return "\n".join([*lines, about])

    def __repr__(self) -> str:
        return f"<Study {str(self.folder)!r}: {len(self.rows)} runs of {self.facts['recipe']}>"


def _point(settings: dict, rows: list[dict]) -> dict:
    found = [row["distance"] for row in rows if row["state"] == "finished"]
    middle, low, high = (statistics.median(found), min(found), max(found)) if found else (None, None, None)
    stopped = sum(row["state"] == "stopped early" for row in rows)
    return {**settings, "distance": middle, "lowest": low, "highest": high, "finished": len(found), "stopped": stopped}


def run_folder(folder: Path, number: int) -> Path:
    """The run folder of a trial."""
    return folder / "runs" / f"{number:04d}"


def text_of(value) -> str:
    """The value of a setting as it is typed after `--set NAME=`."""
    return "none" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


@contextlib.contextmanager
def _quiet():
    """Without Optuna's warnings that some of what is used here may still change."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
