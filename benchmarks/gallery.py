"""Does each failure of lesson 07's gallery fail in the way its text says, and does each mend mend, on several seeds?

    python benchmarks/gallery.py --seed 7 --record   # also keeps these runs, and six with another seed, for the lesson
    python benchmarks/gallery.py --seed 8            # and 9: a seed takes about four minutes on one core

Results are kept per seed in results/gallery.json; results/gallery.md is written anew from it each time. Dirac-GAN and the ring
are played by the lesson's own cells, those tagged `measured`.
"""

import json
from pathlib import Path

import click
import keras
import nbformat
import numpy as np
import tensorflow as tf
from _machine import machine, versions

import gan_helpers as gh
from gan_helpers.course import gallery
from gan_helpers.course.exercises import EXERCISES
from gan_helpers.storage.whole_files import write_whole

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
LESSON = ROOT / "notebooks" / "07_break_and_mend.ipynb"

ALSO_HEALTHY = {
    "healthy": gallery.HEALTHY,
    "healthy, with label noise": gallery.Settings(loss="non_saturating:0.0:0.3"),
    "healthy, with a faster discriminator": gallery.Settings(d_rate=5e-3),
    "healthy, in batches of 32": gallery.Settings(batch_size=32),
    "healthy, with layer norm, in batches of 32": gallery.Settings(norm="layer", batch_size=32),
}
HEALTHY = (
    ("classes in use", lambda run: run.classes_in_use, 4.5, 10),
    ("diversity", lambda run: run.diversity, 0.5, 1.5),
    ("lower of both accuracies", lambda run: min(accuracies(run)), 0.5, 0.95),
    ("background", lambda run: run.background, 0, 40),
    ("swing of the accuracy on generated images", lambda run: run.swing("d_fake_accuracy"), 0, 0.08),
)

# Of each run: what is measured, its unit in words, and the bounds that it has to keep.
CRITERIA = {
    **dict.fromkeys(("healthy", *ALSO_HEALTHY), HEALTHY),
    "the discriminator has won": (
        ("lower of both accuracies", lambda run: min(accuracies(run)), 0.97, 1),
        ("discriminator's loss", lambda run: run.late("d_loss"), 0, 0.15),
        ("generator's loss", lambda run: run.late("g_loss"), 3, np.inf),
    ),
    "collapse": (
        ("diversity", lambda run: run.diversity, 0, 0.2),
        ("classes in use", lambda run: run.classes_in_use, 1, 2.5),
        ("generated called generated", lambda run: run.late("d_fake_accuracy"), 0, 0.5),
    ),
    "oscillation": (
        ("swing of the accuracy on generated images", lambda run: run.swing("d_fake_accuracy"), 0.12, 1),
        ("its lowest, after the first third", lambda run: min(fakes(run)), 0, 0.5),
        ("its highest", lambda run: max(fakes(run)), 0.8, 1),
    ),
    "pixels out of range": (
        ("background", lambda run: run.background, 80, 160),
        ("higher of both accuracies", lambda run: max(accuracies(run)), 0.5, 0.95),
    ),
    "a sigmoid too many": (
        ("generated called generated", lambda run: run.late("d_fake_accuracy"), 0, 0.02),
        ("discriminator's loss", lambda run: run.late("d_loss"), 1.62, 1.64),
        ("generator's loss", lambda run: run.late("g_loss"), 0.31, 0.32),
        ("swing of the discriminator's loss", lambda run: run.swing("d_loss"), 0, 0.002),
    ),
    "batch norm's leak": (
        ("lower of both accuracies, batches kept apart", lambda run: min(accuracies(run)), 0.95, 1),
        ("diversity", lambda run: run.diversity, 0, 0.4),
    ),
    "label noise's floor": (
        ("discriminator's loss, above its floor", lambda run: run.late("d_loss") - run.objective.floor, -0.05, 0.15),
        ("discriminator's loss", lambda run: run.late("d_loss"), 0.5, 1.2),
        ("lower of both accuracies", lambda run: min(accuracies(run)), 0.97, 1),
    ),
    "too high a rate": (
        ("largest loss of the generator", lambda run: max(row["g_loss"] for row in run.history), 50, np.inf),
        ("classes in use", lambda run: run.classes_in_use, 1, 2.5),
    ),
    "a frozen player": (
        ("generator's loss", lambda run: run.late("g_loss"), 0, 0.05),
        ("discriminator's loss", lambda run: run.late("d_loss"), 2, np.inf),
        ("generated called generated", lambda run: run.late("d_fake_accuracy"), 0, 0.02),
    ),
}


def fakes(run) -> list[float]:
    return [row["d_fake_accuracy"] for row in run.history[gallery.ROWS // 3 :]]


def accuracies(run) -> tuple[float, float]:
    return run.late("d_real_accuracy"), run.late("d_fake_accuracy")


def settings_of(name: str) -> gallery.Settings:
    return ALSO_HEALTHY[name] if name in ALSO_HEALTHY else gallery.FAILURES[name].settings


def trained_gallery(seed: int) -> dict:
    runs = {}
    for name in CRITERIA:
        runs[name] = gallery.train(settings_of(name), seed)
        print(name, measured(name, runs[name]), gallery.what_is_wrong(runs[name]), flush=True)
    return runs


def measured(name: str, run) -> dict:
    return {what: measure(run) for what, measure, *_ in CRITERIA[name]}


def measured_leak(seed: int) -> dict:
    """What a discriminator with batch norm says of the same real images, in company of real ones and of generated ones."""
    settings = gallery.FAILURES["batch norm's leak"].settings
    gan, _ = gallery.build(settings, seed)
    gallery.fit(gan, settings, seed, rows=10)
    fake = gh.images.to_float(gan.generate(16, seed=seed, ema=False))
    real = gh.images.to_float(gh.load_fashion_mnist("train")[0][:32])

    def logits(company):
        return gan.discriminator(tf.concat([real[:16], company], axis=0), training=True)[:16].numpy()

    beside_real, beside_fake = logits(real[16:]), logits(fake)
    return {
        "mean logit beside real ones": float(beside_real.mean()),
        "mean logit beside generated ones": float(beside_fake.mean()),
        "mean change of an image's logit": float(np.abs(beside_real - beside_fake).mean()),
    }


def lesson_functions() -> dict:
    """What the lesson's cells tagged `measured` define: `walk` for Dirac-GAN, `play` for the ring, and what each is tried with."""
    cells = nbformat.read(LESSON, as_version=4).cells
    names = {"gh": gh, "keras": keras, "np": np, "tf": tf, "budget": {"walk_steps": 500, "ring_steps": 1200}}
    for cell in cells:
        if "measured" in cell.metadata.get("tags", []):
            exec(cell.source, names)
    return names


def measured_dirac(lesson: dict) -> dict:
    paths = {name: lesson["walk"](**settings) for name, settings in lesson["WALKS"].items()}
    found = {name: float(np.hypot(*path[-1])) for name, path in paths.items()}
    return found | {"average of plain": float(np.hypot(*paths["plain"].mean(axis=0)))}


def of_the_ring(points, ring) -> dict:
    return {"modes": gh.toys.modes_covered(points, ring, at_least=25), "good": gh.toys.good_share(points, ring)}


def measured_ring(lesson: dict, seed: int) -> dict:
    found = {}
    for name, settings in lesson["GAMES"].items():
        found[name] = of_the_ring(lesson["play"](**settings, seed=seed)[-1], lesson["ring"])
        print(name, found[name], flush=True)
    return found


def measured_exercise(lesson: dict, seed: int) -> dict:
    """The ring as the solution of exercise 7.6 plays it: a slow discriminator with the learner's own `closeness`."""
    for number in ("7.4", "7.6"):
        exec(EXERCISES[number].solution.removesuffix("my_points = slow_game()"), lesson)
    return of_the_ring(lesson["slow_game"](seed), lesson["ring"])


def report(results: dict) -> str:
    seeds = sorted(results, key=int)
    head = f"| {' | '.join(f'seed {seed}' for seed in seeds)} |"
    lines = [
        "# The gallery of lesson 07, measured",
        "",
        f"`python benchmarks/gallery.py --seed N`, on {machine()}; {versions()}. Medians over the last third of 900 steps, swings "
        "(standard deviations) over the last two thirds; classes, diversity and background of 500 images.",
        "",
        f"| run | what is measured | bounds {head} holds |",
        "| --- " * (4 + len(seeds)) + "|",
    ]
    for name, criteria in CRITERIA.items():
        for what, _, low, high in criteria:
            values = [results[seed]["gallery"][name][what] for seed in seeds]
            holds = sum(low <= value <= high for value in values)
            shown = " | ".join(f"{value:,.2f}" for value in values)
            lines.append(f"| {name} | {what} | {low:g} to {high:g} | {shown} | {holds} of {len(seeds)} |")
    lines += [
        "",
        "## Batch norm's leak, after 300 steps",
        "",
        f"| of 16 real images in a batch of 32 {head}",
        "| --- " * (1 + len(seeds)) + "|",
    ]
    for what in results[seeds[0]]["leak"]:
        lines.append(f"| {what} | " + " | ".join(f"{results[seed]['leak'][what]:.2f}" for seed in seeds) + " |")
    lines += [
        "",
        "## Ring of eight: modes with at least 25 good points of 2,500, and share of good points, after 1,200 steps",
        "",
    ]
    lines += [f"| game {head}", "| --- " * (1 + len(seeds)) + "|"]
    for name in results[seeds[0]]["ring"]:
        games = [results[seed]["ring"][name] for seed in seeds]
        lines.append(f"| {name} | " + " | ".join(f"{game['modes']}, {game['good']:.0%}" for game in games) + " |")
    lines += [
        "",
        "## Dirac-GAN: distance from the solution after 500 steps, from a start at 1.41 (nothing random but the instance noise)",
        "",
    ]
    lines += ["| walk | distance |", "| --- | --- |"]
    lines += [f"| {name} | {value:.3f} |" for name, value in results[seeds[0]]["dirac"].items()]
    return "\n".join(lines) + "\n"


def record(runs: dict) -> None:
    folder = gh.folders.data() / "gallery"
    folder.mkdir(exist_ok=True)
    gallery.write(folder / "nine.npz", {name: runs[name] for name in ("healthy", *gallery.FAILURES)})
    gallery.write(
        folder / "six.npz", {letter: gallery.train(gallery.settings_of(letter), 10) for letter in gallery.SIX}
    )


@click.command()
@click.option("--seed", type=int, required=True, help="Measure everything with this seed.")
@click.option("--record", "recording", is_flag=True, help="Keep the gallery's runs in data/gallery.")
def main(seed, recording):
    """Measure the gallery, the ring and Dirac-GAN with a seed; perhaps keep the gallery's runs for the lesson."""
    runs = trained_gallery(seed)
    if recording:
        record(runs)
    lesson, path = lesson_functions(), RESULTS / "gallery.json"
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    results[str(seed)] = {
        "gallery": {name: measured(name, run) for name, run in runs.items()},
        "leak": measured_leak(seed),
        "ring": measured_ring(lesson, seed) | {"slow d., exercise 7.6": measured_exercise(lesson, seed)},
        "dirac": measured_dirac(lesson),
    }
    write_whole(path, (json.dumps(results, indent=1) + "\n").encode())
    write_whole(RESULTS / "gallery.md", report(results).encode())


if __name__ == "__main__":
    main()
