"""Sweeps: runs of one recipe with other settings, shared by any number of processes. Optuna proposes, `train` trains.

A trial of Optuna's is one run: a point, which is a choice of the settings that vary, trained with one seed. What is shared is the
study's folder: `sweep.json` says what the study is, `journal.log` is Optuna's, `runs/0000` and so on are ordinary run folders.
Whoever trains a run holds its folder's lock, so a run without a living process is seen by its lock, and gone on with.
"""

import contextlib
import difflib
import gc
import importlib.metadata
import itertools
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock, Timeout

from gan_helpers.data.dataset import Dataset
from gan_helpers.gan import bfloat16, preflight
from gan_helpers.metrics import judges
from gan_helpers.runs import recipes, speeds, study, training
from gan_helpers.runs.monitors import QualityMonitor
from gan_helpers.runs.recipes import Recipe
from gan_helpers.storage.run_lock import only_this_process
from gan_helpers.storage.whole_files import require_writable, write_whole

TO_SWEEP = (*recipes.TO_SET, recipes.BOTH_RATES, "batch_size")
WITHOUT_SPEED = ("ema_decay", *recipes.RATES, recipes.BOTH_RATES, "beta_1", "beta_2", "decay_steps")  # cost no time
MEASUREMENTS = 5  # of a run: after each fifth of its images
KEPT, FINISHED_FIRST = 75, 5  # per cent of runs that pruning spares; so many runs are finished before it begins
SAMPLERS = ("grid", "random", "tpe")
AT_THE_END = 10_000  # epochs between two of `train`'s own measurements, which measures the last one too
ROUNDS, ROUND_SECONDS = 5, 2.0  # of measuring a speed
POLL = 1.0  # seconds between two looks for a run that is free again


@dataclass(frozen=True)
class Plan:
    """What a sweep is to do, checked. `recipe` has the settings that are the same for all runs; `space` has Optuna's
    distributions of those that vary.
    """

    recipe: Recipe
    space: dict
    seeds: int
    runs: int
    sampler: str
    prune: bool


# --- settings -------------------------------------------------------------------------------------


def distributions(texts) -> dict:
    """Optuna's distributions, by the names of settings, from texts like "loss=hinge,wasserstein" and "d_learning_rate=log:1e-4..2e-3".

    Alternatives have commas between, whole numbers in a range stay whole, and one value alone is the same for all runs.

    Raises:
        ValueError: an unknown setting, or one that is set twice; no value, a value twice, a value that is none; a range upside
            down, of what is no number, or of a logarithm that is none.
    """
    found = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if name not in TO_SWEEP:
            close = difflib.get_close_matches(name, TO_SWEEP) or TO_SWEEP
            raise ValueError(f"{name!r} is no setting of a recipe; there is {', '.join(close)}")
        rates = recipes.RATES if name == recipes.BOTH_RATES else (recipes.BOTH_RATES,) if name in recipes.RATES else ()
        if {name, *rates} & set(found):
            raise ValueError(f"{name} is set twice")
        if not equals or not value:
            raise ValueError(f"{text!r}: write {name}=VALUE,VALUE or {name}=LOW..HIGH or {name}=log:LOW..HIGH")
        found[name] = _range(name, value) if ".." in value else _alternatives(name, value)
    return found


def _range(name: str, value: str):
    from optuna.distributions import FloatDistribution, IntDistribution

    log, _, ends = value.rpartition(":")
    if name in recipes.TERMS or log not in ("", "log"):
        raise ValueError(
            f"'{name}={value}': only numbers have a range, LOW..HIGH or log:LOW..HIGH; others have alternatives"
        )
    low, high = (recipes.number_of(name, end.strip()) for end in ends.split("..", 1))
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"'{name}={value}': the ends of a range are numbers")
    if not low < high:
        raise ValueError(
            f"'{name}={value}': the range is {'upside down' if low > high else 'empty'}; write the lower end first"
        )
    if log and low <= 0:
        raise ValueError(f"'{name}={value}': a logarithmic range begins above 0")
    kind = IntDistribution if isinstance(low, int) else FloatDistribution
    return kind(low, high, log=bool(log))


def _alternatives(name: str, value: str):
    from optuna.distributions import CategoricalDistribution

    texts = [text.strip() for text in value.split(",")]
    if not all(texts):
        raise ValueError(f"'{name}={value}': there is nothing between two commas")
    found = texts if name in recipes.TERMS else [recipes.number_of(name, text) for text in texts]
    if len(set(found)) < len(found):
        raise ValueError(f"'{name}={value}': an alternative is there twice")
    return CategoricalDistribution(found)


def ends_of(distribution) -> list:
    """All alternatives, or both ends of a range."""
    choices = getattr(distribution, "choices", None)
    return [distribution.low, distribution.high] if choices is None else list(choices)


def _typed(value) -> str:
    return "none" if value is None else repr(value) if isinstance(value, float) else str(value)


def _as_text(distribution) -> str:
    """A distribution as `distributions` reads it."""
    between = "," if hasattr(distribution, "choices") else ".."
    return ("log:" if getattr(distribution, "log", False) else "") + between.join(map(_typed, ends_of(distribution)))


def with_settings(recipe: Recipe, settings: dict) -> Recipe:
    """The recipe with other settings, batch size included.

    Raises:
        ValueError: a value that is none.
    """
    settings = dict(settings)
    batch_size = settings.pop("batch_size", recipe.batch_size)
    changed = recipes.changed(recipe, [f"{name}={_typed(value)}" for name, value in settings.items()])
    return replace(changed, batch_size=batch_size)


# --- what the study is ----------------------------------------------------------------------------


def checked(
    recipe: Recipe, dataset: Dataset, texts, seeds: int, runs: int | None, sampler: str | None, prune: bool
) -> Plan:
    """The plan of a sweep, after every alternative and both ends of each range have been tried out as networks.

    Args:
        recipe: made for the data set's images.
        runs: default, of a grid, all of it.
        sampler: of `SAMPLERS`; default "tpe" where there is a range, else "grid".

    Raises:
        ValueError: see `sweep`.
    """
    found = distributions(texts)
    space = {name: distribution for name, distribution in found.items() if not distribution.single()}
    if not space:
        raise ValueError(
            "a sweep of nothing: at least one --set has to have alternatives (loss=hinge,wasserstein) or a range"
        )
    ranges = [name for name, distribution in space.items() if not hasattr(distribution, "choices")]
    sampler = sampler or ("tpe" if ranges else "grid")
    if sampler == "grid" and ranges:
        raise ValueError(
            f"a grid has no ranges: give {ranges[0]} alternatives, with commas between, or take random or tpe"
        )
    if runs is None and sampler != "grid":
        raise ValueError("say how many runs (--runs): there is no end to them, but of a grid")
    recipe = with_settings(recipe, {name: d.choices[0] for name, d in found.items() if name not in space})
    first = {name: ends_of(distribution)[0] for name, distribution in space.items()}
    for name, distribution in space.items():
        for value in ends_of(distribution):
            tried = with_settings(recipe, first | {name: value})
            _check_batch_size(tried, dataset)
            tried.build()
    size = math.prod(len(d.choices) for d in space.values()) * seeds if sampler == "grid" else math.inf
    return Plan(recipe, space, seeds, int(min(size, runs or size)), sampler, prune)


def _check_batch_size(recipe: Recipe, dataset: Dataset) -> None:
    if recipe.batch_size < 1:
        raise ValueError(f"batch_size is {recipe.batch_size}; it must be at least 1")
    preflight.check_batch_size(recipe.batch_size, recipe.d_steps, len(dataset.without_held_out))


def _identity(plan: Plan, dataset: Dataset, minutes, images_per_run) -> dict:
    """What makes a study this study. How many runs it has is not among it: more may be added."""
    same = {**training.settings(plan.recipe), "batch_size": plan.recipe.batch_size}
    varied = {*plan.space, *(recipes.RATES if recipes.BOTH_RATES in plan.space else ())}
    facts = {
        "recipe": plan.recipe.name,
        "settings": {name: value for name, value in same.items() if name not in varied},
        "varied": {name: _as_text(distribution) for name, distribution in plan.space.items()},
        "seeds": plan.seeds,
        "minutes": minutes,
        "images_per_run": images_per_run,
        "measurements": MEASUREMENTS,
        "sampler": plan.sampler,
        "prune": plan.prune,
        "dataset": dataset.hash,
    }
    return json.loads(json.dumps(facts))


def _check_same(folder: Path, here: dict) -> None:
    """ValueError where the folder's study is another one; the message says in what."""
    if not (there := study.facts(folder)):
        return

    def flat(facts: dict) -> dict:
        nested = {**facts.get("settings", {}), **facts.get("varied", {})}
        return nested | {name: value for name, value in facts.items() if name not in ("settings", "varied")}

    before, now = flat({name: there.get(name) for name in here}), flat(here)
    differing = [
        f"{name}: {_said(name, before.get(name))} there, {_said(name, now.get(name))} here"
        for name in dict.fromkeys([*now, *before])
        if before.get(name) != now.get(name)
    ]
    if differing:
        raise ValueError(
            f"{folder} holds another study ({'; '.join(differing)}). Use another folder, or delete this one."
        )


def _said(name: str, value) -> str:
    return recipes.as_text(name, value) if isinstance(value, (dict, list)) else _typed(value)


def _kind(plan: Plan, settings: dict) -> str:
    """What of a point's settings may cost time, as a text."""
    return " ".join(f"{name}={_typed(settings[name])}" for name in plan.space if name not in WITHOUT_SPEED)


def _check_minutes(plan: Plan) -> None:
    for name, distribution in plan.space.items():
        if name not in WITHOUT_SPEED and not hasattr(distribution, "choices"):
            raise ValueError(
                f"with --minutes, {name} has to have alternatives, since the speed is measured with each of them beforehand; or say "
                "--images-per-run"
            )


def _measured_speeds(plan: Plan, dataset: Dataset, precision: str) -> dict[str, list[float]]:
    """Images/s in each round, for each choice of settings that may cost time."""
    names = [name for name in plan.space if name not in WITHOUT_SPEED]
    choices = itertools.product(*(plan.space[name].choices for name in names))
    kinds = [dict(zip(names, values)) for values in choices]
    made = {_kind(plan, kind): with_settings(plan.recipe, kind) for kind in kinds}
    return speeds.images_per_second(made, dataset.without_held_out, precision, ROUNDS, ROUND_SECONDS)


def _begun(folder: Path, plan: Plan, dataset: Dataset, identity: dict, say) -> dict:
    """`sweep.json`, written where it is not there yet: for that the speeds are measured."""
    _check_same(folder, identity)
    if facts := study.facts(folder):
        return facts
    precision = bfloat16.choose_precision()
    found = {"data": dataset.name, "precision": precision, "images_per_second": {}}
    if identity["minutes"] is not None:
        say("Measuring the speed, by which minutes are counted as images. Let nothing else run meanwhile.")
        found["images_per_second"] = _measured_speeds(plan, dataset, precision)
    versions = {name: importlib.metadata.version(name) for name in ("gan-helpers", "tensorflow", "keras", "optuna")}
    facts = {**identity, **found, "versions": versions}
    write_whole(folder / "sweep.json", json.dumps(facts, indent=2, ensure_ascii=False).encode())
    return facts


def _images(facts: dict, kind: str) -> int:
    """How many images a run learns from in all."""
    if facts["images_per_run"] is not None:
        return facts["images_per_run"]
    return round(facts["minutes"] * 60 * statistics.median(facts["images_per_second"][kind]))


# --- which run comes next -------------------------------------------------------------------------


def _free_run(trials, optuna_study, folder: Path, held: contextlib.ExitStack):
    """A run that was begun, and that no living process trains, now held by this one; None where there is none.

    A trial without a seed died while it was being asked for: it is given up.
    """
    for trial in trials:
        if trial.state.name != "RUNNING":
            continue
        if "seed" not in trial.user_attrs:
            optuna_study.tell(trial.number, state=study.optuna().trial.TrialState.FAIL)
            continue
        with contextlib.suppress(BlockingIOError):
            held.enter_context(only_this_process(study.run_folder(folder, trial.number)))
            return trial
    return None


def _next_point(plan: Plan, trials) -> dict | None:
    """The point of which seeds are missing, or a grid's next one; {} for one that the sampler shall draw, None for none any more.

    A point of which a run was stopped early gets no more seeds.
    """
    points: dict[tuple, list] = {}
    for trial in trials:
        points.setdefault(tuple(trial.params[name] for name in plan.space), []).append(trial.state.name)
    for values, states in points.items():
        if len(states) % plan.seeds and "PRUNED" not in states:
            return dict(zip(plan.space, values))
    if plan.sampler != "grid":
        return {}
    grid = itertools.product(*(distribution.choices for distribution in plan.space.values()))
    new = next((values for values in grid if values not in points), None)
    return None if new is None else dict(zip(plan.space, new))


def _sampler(plan: Plan, seed: int):
    """Made anew for each trial, its seed the number of trials: then processes draw different points, and a stop changes none."""
    samplers = study.optuna().samplers
    if plan.sampler != "tpe":
        return samplers.RandomSampler(seed)
    at_random = plan.seeds * max(2, min(10, plan.runs // plan.seeds // 3))
    return samplers.TPESampler(seed=seed, n_startup_trials=at_random)


def _begin_run(plan: Plan, optuna_study, folder: Path, held: contextlib.ExitStack):
    """A new run, held by this process; None where there shall be no more."""
    trials = optuna_study.trials
    begun = [trial for trial in trials if "seed" in trial.user_attrs and trial.state.name != "FAIL"]
    if len(begun) >= plan.runs or (point := _next_point(plan, begun)) is None:
        return None
    if point and not any(trial.state.name == "WAITING" for trial in trials):
        optuna_study.enqueue_trial(point)
    optuna_study.sampler = _sampler(plan, len(trials))
    trial = optuna_study.ask(plan.space)
    held.enter_context(only_this_process(study.run_folder(folder, trial.number)))
    trial.set_user_attr("seed", sum(other.params == trial.params for other in begun))
    return optuna_study.trials[trial.number]


# --- training -------------------------------------------------------------------------------------


class _OnTheWay(QualityMonitor):
    """Measures a run on the way, has it stopped where that is said, and tells how far it is.

    Args:
        a_step: how many images a step learns from.
        in_all: after how many images the run ends; it is measured after each of `MEASUREMENTS` equal parts but the last.
        measured: is told which measurement it is, from 1 on, and the distance; True stops the run.
        far: is told which part of the run is done.
    """

    def __init__(self, dataset: Dataset, a_step: int, in_all: int, measured: Callable, far: Callable):
        super().__init__(dataset=dataset)
        self.a_step, self.in_all, self.measured, self.far = a_step, in_all, measured, far
        self.stopped = False

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.seen = int(self.model.steps.value) * self.a_step

    def on_train_batch_end(self, batch, logs=None):
        part_before = self.seen * MEASUREMENTS // self.in_all
        self.seen += self.a_step
        part = min(self.seen * MEASUREMENTS // self.in_all, MEASUREMENTS)
        if part_before < part < MEASUREMENTS and self.measured(part, self.distance()):
            self.stopped = self.model.stop_training = True
        self.far(min(1.0, self.seen / self.in_all))

    def on_epoch_end(self, epoch, logs=None):
        """The last measurement is that of `train`'s own monitor."""


def _train(plan: Plan, facts: dict, folder: Path, shared, trial, dataset: Dataset, options: str, far) -> None:
    """Train a run to its end, or go on with it, and tell Optuna what came of it."""
    optuna_study, storage = shared
    state = study.optuna().trial.TrialState
    trial_id = storage.get_trial_id_from_study_id_trial_number(storage.get_study_id_from_name(study.NAME), trial.number)
    recipe = with_settings(plan.recipe, trial.params)
    images = _images(facts, _kind(plan, trial.params))

    def measured(n: int, distance: float) -> bool:
        storage.set_trial_intermediate_value(trial_id, n, distance)
        return plan.prune and _pruner(study.optuna()).prune(optuna_study, optuna_study.trials[trial.number])

    on_the_way = _OnTheWay(dataset, recipe.batch_size * recipe.d_steps, images, measured, far)
    try:
        run = training.train(
            recipe, study.run_folder(folder, trial.number), dataset, images_in_all=images, seed=trial.user_attrs["seed"],
            precision=facts["precision"], evaluate_every=AT_THE_END, callbacks=[on_the_way], verbose=0, options=options,
        )  # fmt: skip
    except FloatingPointError as error:
        storage.set_trial_user_attr(trial_id, "why", str(error))
        optuna_study.tell(trial.number, state=state.PRUNED)
        return
    if on_the_way.stopped:
        storage.set_trial_user_attr(
            trial_id, "why", f"among the worst {100 - KEPT} % of the finished runs at that point"
        )
        optuna_study.tell(trial.number, state=state.PRUNED)
        return
    distance = run.history[-1]["frechet_classifier_distance"]
    storage.set_trial_intermediate_value(trial_id, MEASUREMENTS, distance)
    optuna_study.tell(trial.number, distance)


def _pruner(optuna):
    return optuna.pruners.PercentilePruner(KEPT, n_startup_trials=FINISHED_FIRST)


def sweep(recipe: str | Recipe, folder: str | os.PathLike, dataset: Dataset | None = None, *, settings, seeds: int = 3,
          runs: int | None = None, minutes: float | None = None, images_per_run: int | None = None, sampler: str | None = None,
          prune: bool = True, options: str = "", verbose: int = 1) -> study.Study:  # fmt: skip
    """Train a recipe with other settings, run after run, until the study has all its runs; the same call joins it, and goes on.

    Any number of processes may share the folder, on several machines too where its file system has locks (flock) that hold across
    them. Optuna proposes points; each is trained with `seeds` seeds on the images without `dataset.held_out`, and a run's value is
    the Fréchet classifier distance of its averaged generator to these. A run whose process died goes on from its last epoch.

    Args:
        recipe: a name or a `Recipe`.
        folder: the study's; made where it is missing.
        dataset: default Fashion-MNIST; one with classes, since the distance is by their judge.
        settings: texts as `distributions` reads them.
        seeds: runs per point, with the seeds 0, 1, …
        runs: in all, those of other processes and those before a stop included; default, of a grid, all of it.
        minutes: of training per run, counted as images at the speed that is measured when the study begins; so what else the
            machine does changes no result.
        images_per_run: in place of minutes.
        sampler: "grid", "random" or "tpe"; default "tpe" where there is a range, else "grid".
        prune: stop a run early whose distance, after a fifth of its images, two fifths and so on, is among the worst quarter of
            the finished runs' there.
        options: as in `train`.
        verbose: 0 says nothing; 1 a line per run, and how much time is left.

    Everything is checked before anything is written.

    Raises:
        ValueError: Optuna is missing; impossible settings, or none that vary; neither or both of minutes and images_per_run; a
            folder with another study; images without classes.
        OSError: the folder cannot be written to.
        KeyboardInterrupt: stopped by hand; it says how to go on.
    """
    study.optuna()
    recipe, folder = recipes.get(recipe), Path(folder)
    distributions(settings)  # what is wrong with them is said before the images are looked at
    _check_numbers(seeds, runs, minutes, images_per_run, sampler)
    dataset = dataset or Dataset.fashion_mnist()
    judges.check(dataset)
    made = recipe.for_images(dataset.image_shape, len(dataset.class_names) or None)
    plan = checked(made, dataset, settings, seeds, runs, sampler, prune)
    if minutes is not None:
        _check_minutes(plan)
    identity = _identity(plan, dataset, minutes, images_per_run)
    _check_same(folder, identity)
    identity["judge"] = judges.judge_for(dataset, verbose).sha256
    require_writable(folder)
    progress = _Progress(plan.runs, verbose)
    try:
        with _alone(folder, progress.say):
            facts = _begun(folder, plan, dataset, identity, progress.say)
            storage = study.storage(folder)
            optuna_study = study.optuna().create_study(storage=storage, study_name=study.NAME, direction="minimize", load_if_exists=True)  # fmt: skip
        _work(plan, facts, folder, (optuna_study, storage), dataset, options, progress)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"Stopped: what is done in {folder} is kept; the same call goes on with it.") from None
    finally:
        progress.close()
    return study.study(folder)


def _work(plan: Plan, facts: dict, folder: Path, shared, dataset: Dataset, options: str, progress: "_Progress") -> None:
    """Train run after run, until there is none left, here or anywhere."""
    optuna_study = shared[0]
    while True:
        with contextlib.ExitStack() as held:
            with _alone(folder, progress.say):
                trial = _free_run(optuna_study.trials, optuna_study, folder, held) or _begin_run(
                    plan, optuna_study, folder, held
                )
            progress.count(study.study(folder))
            if trial is not None:
                _train(plan, facts, folder, shared, trial, dataset, options, progress.far)
                progress.finished(study.study(folder), trial.number)
        gc.collect()  # a run's networks and images are in circles
        if trial is None:
            if not any(other.state.name == "RUNNING" for other in optuna_study.trials):
                return
            progress.say(
                "The last runs are being trained by other processes; waiting for them, in case one is stopped.",
                once=True,
            )
            time.sleep(POLL)


def _check_numbers(seeds, runs, minutes, images_per_run, sampler) -> None:
    for name, value in (("seeds", seeds), ("runs", runs), ("images_per_run", images_per_run)):
        if value is not None and not (isinstance(value, int) and value >= 1):
            raise ValueError(f"{name} is {value!r}; it must be a whole number, at least 1")
    if (minutes is None) == (images_per_run is None):
        raise ValueError("say how long a run is: either minutes (--minutes) or images (--images-per-run)")
    if minutes is not None and not (minutes > 0 and math.isfinite(minutes)):
        raise ValueError(f"minutes is {minutes}; it must be greater than 0")
    if sampler is not None and sampler not in SAMPLERS:
        raise ValueError(f"sampler is {sampler!r}; it must be one of {', '.join(SAMPLERS)}")


@contextlib.contextmanager
def _alone(folder: Path, say):
    """Hold the study, while it is begun or a run is chosen; who has to wait for long is told."""
    lock = FileLock(folder / ".study.lock")
    try:
        lock.acquire(timeout=2)
    except Timeout:
        say("Waiting for another process, which begins this study.", once=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


class _Progress:
    """A line per finished run, and below them how many of the study's runs are done, and the time left."""

    def __init__(self, runs: int, verbose: int):
        self.runs, self.verbose, self.bar, self.done, self.told = runs, verbose, None, 0, set()

    def say(self, text: str, once: bool = False) -> None:
        if self.verbose and not (once and text in self.told):
            self.told.add(text)
            self._write(text, sys.stderr)

    def _write(self, text: str, file) -> None:
        from tqdm import tqdm

        tqdm.write(text, file=file)
        file.flush()

    def count(self, found: study.Study) -> None:
        """The runs of all processes; what others do counts for the time left."""
        self.done = sum(row["state"] != "not finished" for row in found.rows)
        if self.bar is None and self.verbose:
            from tqdm import tqdm

            self.bar = tqdm(
                total=self.runs, initial=self.done, smoothing=0, dynamic_ncols=True, mininterval=0.5 if sys.stderr.isatty() else 30,
                bar_format="{percentage:3.0f}% {bar} {elapsed}, {remaining} left{postfix}",
            )  # fmt: skip
        self.far(0.0)

    def far(self, part: float) -> None:
        """How much of this process's run is done."""
        if self.bar is not None:
            self.bar.update(min(self.runs, self.done + part) - self.bar.n)

    def finished(self, found: study.Study, number: int) -> None:
        self.count(found)
        row = next(row for row in found.rows if row["run"] == number)
        settings = " ".join(f"{name}={study.text_of(row[name])}" for name in found.facts["varied"])
        distance = "no distance" if row["distance"] is None else f"{row['distance']:.3f}"
        best = min((other["distance"] for other in found.rows if other["state"] == "finished"), default=None)
        said = f"run {number} ({self.done} of {self.runs}): {settings}, seed {row['seed']}: {distance}"
        said += f", {row['state']}: {row['why']}" if row["why"] else ""
        if self.verbose:
            self._write(said + ("" if best is None else f"; the lowest so far {best:.3f}"), sys.stdout)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
