"""What helps: objectives, regularisers and the flagship's ingredients, each trained for equal minutes, with several seeds.

python benchmarks/ablation.py speeds      # images/s of every system; once, into results/ablation_speeds.json
python benchmarks/ablation.py gamma       # the weight of R1, for the non-saturating objective
python benchmarks/ablation.py rates       # the learning rate of each objective
python benchmarks/ablation.py finals      # five seeds of each system
python benchmarks/ablation.py study       # rates, beta_1, batch size and penalty of one network; importances
python benchmarks/ablation.py report      # results/ablation.md and .png

What is chosen is chosen by sweeps, which look at held-out training images only; `finals` measures by the test images. A minute is as
many images as two quiet cores make in a minute (see `speeds`), so what else the machine does changes no number. Every finished run is
a line in `results/ablation.jsonl`, one that failed too, and is not trained again: any of these can be stopped, goes on where it
stopped, and may be called by several processes at once.
"""

import contextlib
import json
import math
import re
import shutil
import statistics
import time
from dataclasses import replace
from pathlib import Path

import click

from _machine import machine, versions  # isort: skip  beside this file

import gan_helpers as gh
from gan_helpers import networks
from gan_helpers.gan.regularisers import GradientPenalty, WeightClipping, ZeroCentred
from gan_helpers.runs.recipes import Recipe
from gan_helpers.storage.whole_files import write_whole

RESULTS = Path(__file__).resolve().parent / "results"
RUNS = Path(__file__).resolve().parent.parent / "runs" / "ablation"
SPEEDS, LINES = RESULTS / "ablation_speeds.json", RESULTS / "ablation.jsonl"
QUIET = ("course_dcgan", 1_584)  # images/s on two quiet cores (results/quality_per_minute.md): others by processor time
ROUNDS, ROUND_SECONDS = 5, 3.0
RATES = (2e-4, 6e-4, 1.8e-3)
GAMMAS = (0.01, 0.1, 1.0)
SEEDS, N = 5, 10_000
CHOOSING, MINUTES = 2, {"own": (2, 5), "r1": (2,), "ladder": (2,), "without": (2,)}  # of training

STUDIED = (
    "g_learning_rate=log:1e-4..4e-3", "d_learning_rate=log:1e-4..4e-3", "beta_1=0.0,0.5,0.9", "batch_size=16,32,64,128",
    "regularisers=none,smoothness:0.01,smoothness:0.05,smoothness:0.25",
)  # fmt: skip

COURSE, CONDITIONAL = gh.recipes.get("course_dcgan"), gh.recipes.get("course_conditional")
SLOW = dict(
    g_learning_rate=2e-4, d_learning_rate=2e-4, beta_1=0.5, beta_2=0.999, decay_steps=None
)  # Radford et al. 2016


def systems(gamma: float) -> dict[str, dict[str, Recipe]]:
    """Recipes by table and row. The learning rates of "own" and "r1" are still to be chosen.

    - own: seven objectives on `course_dcgan`'s networks, each with the regulariser of its own paper.
    - r1: the same, all with R1 of this weight.
    - ladder: from a DCGAN with the settings of Radford et al. 2016 to `course_conditional`, one ingredient after another.
    - without: `course_conditional` less one ingredient.
    """
    bare = replace(COURSE, name="bare", regularisers=(), augment=())
    critic = replace(bare, loss="wasserstein", d_steps=5)
    own = {
        "saturating": replace(bare, loss="saturating"),
        "non-saturating": bare,
        "least squares": replace(bare, loss="least_squares"),
        "hinge, spectral norm": replace(bare, loss="hinge", discriminator=networks.spectral_discriminator),
        "Wasserstein, clipping": replace(critic, regularisers=(WeightClipping(0.01),)),
        "Wasserstein, gradient penalty": replace(critic, regularisers=(GradientPenalty(10.0),)),
        "relativistic, R1 and R2": replace(bare, loss="relativistic", regularisers=(ZeroCentred(gamma, "both"),)),
    }
    r1 = {
        name: replace(bare, loss=name.lower().replace(" ", "_").replace("-", "_"), regularisers=(ZeroCentred(gamma),))
        for name in ("saturating", "non-saturating", "least squares", "hinge", "Wasserstein", "relativistic")
    }
    dcgan = replace(COURSE, name="dcgan", generator=networks.dcgan_generator, discriminator=networks.dcgan_discriminator,
                    regularisers=(), augment=(), batch_size=128, ema_decay=0, **SLOW)  # fmt: skip
    ladder = {"DCGAN": dcgan}
    for name, change in {
        "and averaged weights": dict(ema_decay=COURSE.ema_decay),
        "and batches of 32": dict(batch_size=COURSE.batch_size),
        "and the fast rates": {name: getattr(COURSE, name) for name in SLOW},
        "and the smoothness penalty": dict(regularisers=COURSE.regularisers),
        "and the sub-pixel generator": dict(generator=COURSE.generator),
        "and the deeper discriminator": dict(discriminator=COURSE.discriminator),
    }.items():
        dcgan = ladder[name] = replace(dcgan, **change)
    ladder["and the classes"] = replace(CONDITIONAL, augment=())  # which begins long after two minutes
    without = {
        name: replace(CONDITIONAL, augment=(), **change)
        for name, change in {
            "averaged weights": dict(ema_decay=0),
            "batches of 32": dict(batch_size=128),
            "the fast rates": SLOW,
            "the smoothness penalty": dict(regularisers=()),
            "the sub-pixel generator": dict(generator=networks.conditional_generator),
            "the deeper discriminator": dict(discriminator=networks.conditional_discriminator),
        }.items()
    }
    return {"own": own, "r1": r1, "ladder": ladder, "without": without}


# --- what is known --------------------------------------------------------------------------------


def lines(part: str | None = None) -> list[dict]:
    """The finished runs, in the order in which they ended."""
    text = LINES.read_text(encoding="utf-8") if LINES.exists() else ""
    found = [json.loads(line) for line in text.splitlines()]
    return [line for line in found if part in (None, line["part"])]


def add(line: dict) -> None:
    """One finished run more. A short line is appended in one piece, so processes do not cut into each other."""
    with open(LINES, "a", encoding="utf-8") as file:
        file.write(json.dumps({**line, "judge": _judge(), "versions": versions()}, ensure_ascii=False) + "\n")


def _judge() -> str:
    from gan_helpers.metrics import judges

    return judges.facts()["sha256"][:12]


def gamma() -> float:
    """The weight of R1 with the lowest distance."""
    return min(_all_there(lines("gamma"), len(GAMMAS), "gamma"), key=_distance)["gamma"]


def rate(table: str, row: str) -> float:
    """The learning rate with the lowest distance."""
    found = [line for line in lines("rates") if (line["table"], line["row"]) == (table, row)]
    return min(_all_there(found, len(RATES), "rates"), key=_distance)["learning_rate"]


def _distance(line: dict) -> float:
    return math.inf if line["distance"] is None else line["distance"]


def _all_there(found: list, count: int, command: str) -> list:
    if len(found) < count:
        raise click.ClickException(f"{len(found)} of {count} runs are there: python benchmarks/ablation.py {command}")
    return found


def images_in(minutes: float, table: str, row: str) -> int:
    """How many images two quiet cores learn from in so many minutes."""
    if not SPEEDS.exists():
        raise click.ClickException("measure the speeds first: python benchmarks/ablation.py speeds")
    return round(minutes * 60 * json.loads(SPEEDS.read_text(encoding="utf-8"))["images_per_second"][f"{table}/{row}"])


# --- what is done ---------------------------------------------------------------------------------


@click.group()
def main():
    """Measure what helps a GAN on Fashion-MNIST at equal minutes."""


@main.command()
def speeds():
    """Images/s of every system by processor time, set beside course_dcgan's on two quiet cores."""
    from gan_helpers.runs.speeds import images_per_second

    named = {f"{table}/{row}": recipe for table, rows in systems(1.0).items() for row, recipe in rows.items()}
    found = images_per_second(
        named | {QUIET[0]: COURSE}, gh.Dataset.fashion_mnist(), "float32", ROUNDS, ROUND_SECONDS, time.process_time
    )
    ratios = {name: [own / one for own, one in zip(found[name], found[QUIET[0]])] for name in named}
    facts = {
        "images_per_second": {name: round(QUIET[1] * statistics.median(times)) for name, times in ratios.items()},
        "times_course_dcgan": {name: [round(x, 3) for x in times] for name, times in ratios.items()},
        "machine": machine(),
        "versions": versions(),
    }
    SPEEDS.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    for name, speed in facts["images_per_second"].items():
        click.echo(f"{name:<40} {speed:>6,} images/s")


def _swept(recipe: Recipe, name: str, setting: str, values, images: int, keep) -> None:
    """A sweep of one setting with one seed, each run a line as `keep` makes it of a row."""
    from gan_helpers.runs.sweep import sweep

    folder = RUNS / _slug(name)
    study = sweep(
        recipe, folder, settings=[f"{setting}={','.join(values)}"], seeds=1, images_per_run=images, prune=False
    )
    with _only_one(folder):
        for row in study.rows:
            facts = {"distance": row["distance"] if row["state"] == "finished" else None, "why": row["why"]}
            keep(row, {"images": images, "seed": row["seed"], **facts})


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


@contextlib.contextmanager
def _only_one(folder: Path):
    from filelock import FileLock

    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lines.lock"):
        yield


@main.command(name="gamma")
def choose_gamma():
    """Which weight of R1 the tables are to have."""
    if len(lines("gamma")) >= len(GAMMAS):
        return
    recipe = replace(
        systems(1.0)["r1"]["non-saturating"], **dict.fromkeys(("g_learning_rate", "d_learning_rate"), RATES[1])
    )

    def keep(row, facts):
        value = float(row["regularisers"].partition(":")[2])
        if value not in {line["gamma"] for line in lines("gamma")}:
            add({"part": "gamma", "gamma": value, "learning_rate": RATES[1], "minutes": CHOOSING, **facts})

    values = [f"r1:{value}" for value in GAMMAS]
    _swept(recipe, "gamma", "regularisers", values, images_in(CHOOSING, "r1", "non-saturating"), keep)


@main.command()
@click.option("--table", "tables", type=click.Choice(["own", "r1"]), multiple=True, default=("own", "r1"))
def rates(tables):
    """Which learning rate each objective is to have."""
    for table in tables:
        for row, recipe in systems(gamma())[table].items():
            there = {line["learning_rate"] for line in lines("rates") if (line["table"], line["row"]) == (table, row)}
            if there >= set(RATES):
                continue

            def keep(run, facts, table=table, row=row, there=there):
                if run["learning_rate"] not in there:
                    about = {"table": table, "row": row, "learning_rate": run["learning_rate"], "minutes": CHOOSING}
                    add({"part": "rates", **about, **facts})

            images = images_in(CHOOSING, table, row)
            _swept(recipe, f"{table} {row}", gh.recipes.BOTH_RATES, map(str, RATES), images, keep)


@main.command()
@click.option("--table", "tables", type=click.Choice(list(MINUTES)), multiple=True, default=tuple(MINUTES))
def finals(tables):
    """Seed after seed of every system, by the test images."""
    for seed in range(SEEDS):
        for table in tables:
            for row, recipe in systems(gamma())[table].items():
                if table in ("own", "r1"):
                    recipe = replace(recipe, **dict.fromkeys(("g_learning_rate", "d_learning_rate"), rate(table, row)))
                _final(table, row, recipe, seed)


def _final(table: str, row: str, recipe: Recipe, seed: int) -> None:
    from gan_helpers.storage.run_lock import only_this_process

    folder = RUNS / "finals" / f"{_slug(f'{table} {row}')}_{seed}"
    about = {"part": "finals", "table": table, "row": row, "seed": seed}
    for minutes in MINUTES[table]:
        wanted = {**about, "minutes": minutes}
        if any(line.items() >= wanted.items() for line in lines("finals")):
            continue
        images = images_in(minutes, table, row)
        try:
            run = gh.train(recipe, folder, images_in_all=images, seed=seed, precision="float32", verbose=0)
        except BlockingIOError:  # another process trains it
            return
        except FloatingPointError as error:
            add({**wanted, "images": images, "distance": None, "why": str(error)})
            break
        with only_this_process(folder):
            if not any(line.items() >= wanted.items() for line in lines("finals")):
                settings = {"learning_rate": recipe.g_learning_rate, "terms": recipe.terms_as_text()}
                add({**wanted, "images": images, **settings, **_measured(run.gan)})
        click.echo(f"{table}, {row}, seed {seed}, {minutes} min: {lines('finals')[-1]['distance']:.3f}")
    shutil.rmtree(folder, ignore_errors=True)


def _measured(gan) -> dict:
    """By 10,000 images: distance to the test images, density, coverage, and the share of the smallest class."""
    import numpy as np

    from gan_helpers import metrics
    from gan_helpers.metrics import judges

    classes = np.arange(N) % 10 if gan.conditional else None
    features, probabilities = judges.features_and_probabilities(gan.generate(N, seed=0, classes=classes))
    real = metrics.real_features("test", N)
    near = metrics.neighbourhoods(real, features)
    found = {
        "distance": metrics.frechet_distance(real, features),
        "density": near["density"],
        "coverage": near["coverage"],
    }
    return {name: round(float(value), 4) for name, value in found.items()} | {
        "smallest_class": round(float(metrics.class_shares(probabilities).min()), 4)
    }


@main.command()
@click.option("--runs", default=60, show_default=True)
def study(runs):
    """One network under rates, beta_1, batch size and weight of the penalty: what matters, and how much."""
    from gan_helpers.runs.sweep import sweep

    found = sweep(COURSE, RUNS / "study", settings=STUDIED, seeds=1, minutes=CHOOSING, runs=runs)
    there = {line["run"] for line in lines("study")}
    with _only_one(RUNS / "study"):
        for row in found.rows:
            if row["run"] not in there and row["state"] != "not finished":
                kept = ("run", *found.facts["varied"], "seed", "state", "distance", "why")
                add({"part": "study", **{name: row[name] for name in kept}})
    write_whole(RESULTS / "ablation_importances.png", found.importances().png())
    click.echo(found)


# --- what was found -------------------------------------------------------------------------------


def interval(values) -> tuple[float, float, float]:
    """Mean, and the ends of its 95 % bootstrap interval."""
    import numpy as np
    from scipy.stats import bootstrap

    ends = bootstrap((values,), np.mean, method="percentile", n_resamples=10_000, rng=np.random.default_rng(0))
    return float(np.mean(values)), *map(float, ends.confidence_interval)


def _rows(table: str, minutes: int) -> list[tuple[str, list[dict]]]:
    """Each system of a table with its finished runs."""
    found = [line for line in lines("finals") if (line["table"], line["minutes"]) == (table, minutes)]
    return [(row, [line for line in found if line["row"] == row]) for row in systems(1.0)[table]]


def _table(table: str, minutes: int) -> list[str]:
    names = ("distance", "density", "coverage", "smallest_class")
    head = [
        "| system | learning rate | images | "
        + " | ".join(name.replace("_", " ") for name in names)
        + " | runs, failed |"
    ]
    for row, found in _rows(table, minutes):
        whole = [line for line in found if line["distance"] is not None]
        cells = []
        for name in names:
            values = [line[name] for line in whole]
            middle, low, high = (
                interval(values) if len(values) > 1 else (*values, *values, *values) if values else (None,) * 3
            )
            cells.append("" if middle is None else f"{middle:.3g} ({low:.3g} to {high:.3g})")
        about = whole[0] if whole else {"learning_rate": math.nan, "images": 0}
        cells = [
            row,
            f"{about['learning_rate']:g}",
            f"{about['images']:,}",
            *cells,
            f"{len(found)}, {len(found) - len(whole)}",
        ]
        head.append("| " + " | ".join(cells) + " |")
    return [head[0], "| --- |" + " --- |" * (head[0].count("|") - 2), *head[1:]]


TITLES = {
    "own": "Seven objectives on one network, each with the regulariser of its own paper",
    "r1": "The same, all with one R1",
    "ladder": "From a DCGAN to the flagship, one ingredient after another",
    "without": "The flagship without one ingredient",
}


@main.command()
def report():
    """Write the tables of everything that is measured, and the figure."""
    text = [
        "# What helps",
        "",
        "`python benchmarks/ablation.py`: Fréchet classifier distance of 10,000 images to the test images (low is good), density, coverage, "
        f"and the share of the smallest class, after equal minutes on two cores; the mean over seeds, and in brackets its 95 % bootstrap "
        f"interval. Judge {_judge()}. Learning rates and the weight of R1 were chosen from {', '.join(map(str, RATES))} and "
        f"{', '.join(map(str, GAMMAS))} by the distance to held-out training images, one run each of two minutes. A minute of a system is so many images "
        f"as {QUIET[0]}'s {QUIET[1]:,} images/s and the ratio of both systems' processor time say (`ablation_speeds.json`).",
    ]
    for table, marks in MINUTES.items():
        for minutes in marks:
            if any(found for _, found in _rows(table, minutes)):
                text += ["", f"## {TITLES[table]}: {minutes} minutes", "", *_table(table, minutes)]
    text += ["", f"Written on: {machine()}. {versions()}."]
    write_whole(RESULTS / "ablation.md", ("\n".join(text) + "\n").encode())
    write_whole(RESULTS / "ablation.png", _figure().png())
    click.echo("\n".join(text))


def _figure():
    """A row per system: every run a dot, the mean and its interval a line."""
    from gan_helpers import plots

    shown = [(table, marks[-1]) for table, marks in MINUTES.items()]
    shown = [(table, minutes, [(row, [line["distance"] for line in found if line["distance"] is not None])
                               for row, found in _rows(table, minutes)]) for table, minutes in shown]  # fmt: skip
    shown = [panel for panel in shown if any(values for _, values in panel[2])]
    alt = "Distances to real images on a logarithmic axis, a dot per run and a line for the interval of the mean. " + " ".join(
        f"{TITLES[table]}, after {minutes} minutes: " + ", ".join(
            f"{row} {statistics.mean(values):.2g}" for row, values in rows if values) + "."
        for table, minutes, rows in shown
    )  # fmt: skip
    fig = plots.figure(alt, (9, 1.2 + 0.3 * sum(len(rows) for *_, rows in shown)))
    heights = [len(rows) for *_, rows in shown]
    for ax, (table, minutes, rows) in zip(
        fig.subplots(len(shown), 1, squeeze=False, height_ratios=heights, sharex=True)[:, 0], shown
    ):
        for y, (_, values) in enumerate(rows):
            ax.plot(values, [y] * len(values), "o", ms=4, color=plots.FAKE_COLOR, alpha=0.6)
            if len(values) > 1:
                _, low, high = interval(values)
                ax.plot([low, high], [y, y], lw=3, color=plots.REAL_COLOR, alpha=0.5)
        ax.set(xscale="log", title=f"{TITLES[table]} ({minutes} min)")
        ax.set_yticks(range(len(rows)), [row for row, _ in rows])
        ax.invert_yaxis()
    ax.set_xlabel("Fréchet classifier distance")
    return fig


if __name__ == "__main__":
    main()
