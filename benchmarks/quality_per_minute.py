"""Quality over minutes: recipes trained for the same time, measured on the way, several seeds, on the machine that runs this.

python benchmarks/quality_per_minute.py                 # writes benchmarks/results/quality_per_minute.md, .json and .png

A run that was stopped goes on where it stopped; `--minutes 5` first and `--minutes 20` later is the same as 20 at once, but
for the epoch that a stop cuts short. Seeds take turns, so that a slow hour of the machine meets all recipes alike.
"""

import csv
import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import click

from _machine import machine, versions  # isort: skip  beside this file

RESULTS = Path(__file__).resolve().parent / "results"
RUNS = Path(__file__).resolve().parent.parent / "runs" / "benchmark_quality"
RECIPES = ("tutorial_dcgan", "course_dcgan", "course_conditional")
MARKS = (1, 2, 5, 10, 15, 20, 40, 60)  # minutes
N = 10_000
COMPARED = (5, 20)  # minutes at which the others are set against the tutorial's network


def work(name: str, seed: int, minutes: float) -> None:
    """Train one recipe with one seed up to so many minutes; keep its averaged generator at each mark, then measure them."""
    import gan_helpers as gh
    from gan_helpers import classifier, metrics

    import keras  # isort: skip
    import numpy as np  # isort: skip

    folder = RUNS / f"{name}_{seed}"
    points = _points(folder)
    marks = [mark for mark in MARKS if mark <= minutes and mark not in [point["minutes"] for point in points]]
    if not marks:
        return

    class Snapshots(keras.callbacks.Callback):
        """Keeps the averaged weights when a mark is reached; takes no time to speak of."""

        def on_train_begin(self, logs=None):
            history = folder / "history.csv"
            rows = list(csv.DictReader(history.open())) if history.exists() else []
            self.seconds = sum(float(row["seconds"]) for row in rows)
            self.left = list(marks)

        def on_epoch_begin(self, epoch, logs=None):
            self.began = time.perf_counter()

        def on_train_batch_end(self, batch, logs=None):
            if self.left and self.seconds + time.perf_counter() - self.began >= self.left[0] * 60 - 0.01:
                weights = self.model.ema_generator.get_weights()
                steps = int(self.model.steps.numpy())
                np.savez(folder / f"after_{self.left.pop(0)}.npz", *weights, steps=steps)

        def on_epoch_end(self, epoch, logs=None):
            self.seconds += time.perf_counter() - self.began

    run = gh.train(name, folder, minutes=minutes, seed=seed, callbacks=[Snapshots()], verbose=0)
    real = metrics.real_features("test", N)
    generator, latents = run.gan.ema_generator, run.gan.sample_latents(N, 0)
    classes = np.arange(N) % 10 if run.gan.conditional else None
    for mark in marks:
        with np.load(folder / f"after_{mark}.npz") as kept:
            generator.set_weights([kept[f"arr_{i}"] for i in range(len(generator.weights))])
            steps = int(kept["steps"])
        images = gh.generate(generator, latents, run.gan.pixel_range, classes=classes)
        features, probabilities = classifier.features_and_probabilities(images)
        points.append(
            {
                "minutes": mark,
                "distance": metrics.frechet_distance(real, features),
                "images_seen": steps * gh.recipes.get(name).batch_size,
                "smallest_class": float(metrics.class_shares(probabilities).min()),
            }
        )
        grid = gh.images.grid(images[:40], columns=10)
        (folder / f"after_{mark}.png").write_bytes(gh.images.png_bytes(grid, scale=2))
        (folder / "points.json").write_text(json.dumps(points))
        click.echo(f"{name}, seed {seed}: {json.dumps(points[-1])}")


def _points(folder: Path) -> list[dict]:
    """What has been measured of a run."""
    path = folder / "points.json"
    return json.loads(path.read_text()) if path.exists() else []


def report(out: Path) -> str:
    """Write table, record and figure of everything that has been measured; return the table."""
    from gan_helpers import classifier, metrics, plots

    found = [(path.parent.name.rsplit("_", 1), json.loads(path.read_text())) for path in RUNS.glob("*/points.json")]
    runs = sorted(
        ({"recipe": name, "seed": int(seed), "points": points} for (name, seed), points in found),
        key=lambda run: (run["recipe"], run["seed"]),
    )
    floor = metrics.frechet_distance(metrics.real_features("test", N), metrics.real_features("held_out", N))

    def at(recipe, mark, what="distance"):
        return [p[what] for run in runs if run["recipe"] == recipe for p in run["points"] if p["minutes"] == mark]

    marks = sorted({point["minutes"] for run in runs for point in run["points"]})
    lines = [
        "# Quality per minute",
        "",
        f"`python benchmarks/quality_per_minute.py`: Fréchet classifier distance of {N:,} images to the test images after minutes of "
        f"training (compilation included, measuring not), the median over seeds, and in brackets their range and number. Real "
        f"images score {floor:.3f}. Classifier {classifier.facts()['sha256'][:12]}.",
        "",
        "| recipe | " + " | ".join(f"{mark} min" for mark in marks) + " |",
        "| --- |" + " --- |" * len(marks),
    ]
    for recipe in dict.fromkeys(run["recipe"] for run in runs):
        cells = []
        for mark in marks:
            values = at(recipe, mark)
            cells.append(
                f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f}, {len(values)})"
                if values
                else ""
            )
        lines.append(f"| {recipe} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "| after | recipe | times lower than `tutorial_dcgan` | smallest class, of all seeds | images seen |",
    ]
    lines += ["| --- | --- | --- | --- | --- |"]
    for mark in COMPARED:
        for recipe in sorted({run["recipe"] for run in runs} - {"tutorial_dcgan"}):
            if at(recipe, mark) and (base := at("tutorial_dcgan", mark)):
                ratio = statistics.median(base) / statistics.median(at(recipe, mark))
                lines.append(
                    f"| {mark} min | {recipe} | {ratio:.1f} | {min(at(recipe, mark, 'smallest_class')):.1%} "
                    f"| {statistics.median(at(recipe, mark, 'images_seen')):,.0f} |"
                )
    lines += ["", "![Distance over minutes](quality_per_minute.png)", "", f"{machine()}. {versions()}."]
    out.mkdir(parents=True, exist_ok=True)
    record = {"runs": runs, "floor": floor, "n": N, "machine": machine(), "versions": versions(), "classifier": classifier.facts()["sha256"]}  # fmt: skip
    (out / "quality_per_minute.json").write_text(json.dumps(record) + "\n", encoding="utf-8")
    (out / "quality_per_minute.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (out / "quality_per_minute.png").write_bytes(plots.quality_curves(runs, floor).png())
    return "\n".join(lines)


@click.command()
@click.option("--minutes", type=click.IntRange(1, 600), default=20, show_default=True, help="Of training, each.")
@click.option("--seeds", default="0,1,2", show_default=True, help="Commas between.")
@click.option("--recipes", "names", default=",".join(RECIPES), show_default=True, help="Commas between.")
@click.option("--anew", is_flag=True, help="Forget what has been trained before.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=RESULTS, show_default=True)
@click.option("--worker", hidden=True)
def main(minutes, seeds, names, anew, out, worker):
    """Train every recipe with every seed for the same time, and write one table and one figure."""
    if worker:
        name, seed = worker.rsplit("_", 1)
        return work(name, int(seed), minutes)
    import gan_helpers as gh

    names = [gh.recipes.get(name).name for name in names.split(",")]
    if anew:
        shutil.rmtree(RUNS, ignore_errors=True)
    for seed in map(int, seeds.split(",")):
        for name in names:
            command = [sys.executable, __file__, "--worker", f"{name}_{seed}", "--minutes", str(minutes)]
            subprocess.run(command, check=True)
    click.echo(report(out))


if __name__ == "__main__":
    main()
