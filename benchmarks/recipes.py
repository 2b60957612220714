"""The older systems for the same minutes, in one process after another, on the machine that runs this.

The course's own recipes are measured by `quality_per_minute.py`.

python benchmarks/recipes.py --minutes 5        # writes benchmarks/results/recipes.md, .json and .png
"""

import json
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import click

from _machine import machine, versions  # isort: skip  beside this file

RESULTS = Path(__file__).resolve().parent / "results"
RUNS = Path(__file__).resolve().parent.parent / "runs" / "benchmark_recipes"
SEED = 0  # stated before the run; the grids show the first latent vectors of this seed
EVERY = 5.0  # seconds between two points of the loss curves


def work(name: str, minutes: float) -> None:
    """Train one recipe; write its numbers and its grid into its run folder."""
    import gan_helpers as gh

    recipe = gh.recipes.get(name)
    import keras

    class Losses(keras.callbacks.Callback):
        """Mean losses since the last point, every few seconds."""

        def on_train_begin(self, logs=None):
            self.points, self.began, self.before = [], time.perf_counter(), {}

        def on_train_batch_end(self, batch, logs=None):
            seconds = time.perf_counter() - self.began
            if seconds < EVERY + (self.points[-1]["seconds"] if self.points else 0):
                return
            point = {"seconds": round(seconds, 1)}
            for key in ("d_loss", "g_loss"):
                mean = self.model.means[key]
                total, count = float(mean.total), float(mean.count)
                total_before, count_before = self.before.get(key, (0.0, 0.0))
                if count <= count_before:  # a new epoch has begun to count
                    total_before = count_before = 0.0
                point[key] = (total - total_before) / (count - count_before)
                self.before[key] = (total, count)
            self.points.append(point)

    losses, began = Losses(), time.perf_counter()
    run = gh.train(recipe, RUNS / name, minutes=minutes, seed=SEED, callbacks=[losses], verbose=0)
    wall = time.perf_counter() - began
    seen = sum(row["images"] for row in run.history)
    facts = {
        "recipe": name,
        "minutes": minutes,
        "precision": run.gan.precision,
        "images": int(seen),
        "epochs": seen / 60_000,
        "images_per_second": seen / sum(row["seconds"] for row in run.history),
        "wall_seconds": wall,
        "d_loss": losses.points[-1]["d_loss"],
        "g_loss": losses.points[-1]["g_loss"],
        "peak_memory_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "floor": getattr(recipe.loss, "floor", None),
        "curve": losses.points,
    }
    grid = gh.images.grid(run.gan.generate(36, seed=SEED))
    (RUNS / name / "grid.png").write_bytes(gh.images.png_bytes(grid))
    (RUNS / name / "facts.json").write_text(json.dumps(facts))


def draw(results: list[dict], minutes: float, path: Path) -> None:
    """One column a recipe: its grid above, its losses below."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        2, len(results), figsize=(2.6 * len(results), 4.6), height_ratios=(2, 1), constrained_layout=True
    )
    for (top, bottom), facts in zip(axes.T, results):
        top.imshow(plt.imread(RUNS / facts["recipe"] / "grid.png"), cmap="gray", vmin=0, vmax=1)
        top.set_title(
            f"{facts['recipe']}\n{facts['images_per_second']:.0f} images/s, {facts['epochs']:.1f} epochs", fontsize=10
        )
        top.axis("off")
        seconds = [point["seconds"] / 60 for point in facts["curve"]]
        bottom.plot(seconds, [point["d_loss"] for point in facts["curve"]], label="discriminator", color="tab:blue")
        bottom.plot(seconds, [point["g_loss"] for point in facts["curve"]], label="generator", color="tab:orange")
        bottom.axhline(facts["floor"], color="tab:blue", ls="--", lw=1)
        bottom.set(ylim=(-0.1, 4), xlim=(0, minutes), xlabel="minutes")
    axes[1, 0].set_ylabel("loss")
    axes[1, 0].legend(fontsize=8, loc="upper right")
    figure.savefig(path, dpi=80, pil_kwargs={"optimize": True})


@click.command()
@click.option(
    "--minutes", type=click.FloatRange(0, min_open=True), default=5.0, show_default=True, help="Of training, each."
)
@click.option("--only", help="Train these anew, commas between; the rest of the table stays.  [default: all]")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=RESULTS, show_default=True)
@click.option("--redraw", is_flag=True, help="Train nothing; write table and figure again from what has been measured.")
@click.option("--worker", hidden=True)
def main(minutes, only, out, redraw, worker):
    """Train every older system for the same time, and write one table and one figure."""
    if worker:
        return work(worker, minutes)
    import gan_helpers as gh

    older = [name for name in gh.recipes.RECIPES if not name.startswith("course_")]
    names = [gh.recipes.get(name).name for name in only.split(",")] if only else older
    for name in [] if redraw else names:
        shutil.rmtree(RUNS / name, ignore_errors=True)
        click.echo(f"{name}: {minutes:g} minutes …")
        subprocess.run([sys.executable, __file__, "--worker", name, "--minutes", str(minutes)], check=True)
    found = [RUNS / name / "facts.json" for name in older]
    results = [
        facts for path in found if path.exists() and (facts := json.loads(path.read_text()))["minutes"] == minutes
    ]

    lines = [
        f"# The older systems after {minutes:g} minutes",
        "",
        f"`python benchmarks/recipes.py --minutes {minutes:g}`: one process after another, seed {SEED}, each with its own batch "
        "size, rates and loss. The time is training time, the compilation of the first step included. Losses are means over the last "
        f"{EVERY:g} seconds; those of `upsampling_dcgan` are not comparable with the others (noisy labels, a mean in place of a sum).",
        "",
        "| recipe | precision | images/s | images seen | epochs | discriminator loss | generator loss | peak memory |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for facts in results:
        lines.append(
            "| {recipe} | {precision} | {images_per_second:.0f} | {images:,} | {epochs:.2f} | {d_loss:.3f} | {g_loss:.3f} "
            "| {peak_memory_gib:.2f} GiB |".format(**facts)
        )
    lines += ["", "![Grids and loss curves of the older systems](recipes.png)", "", f"{machine()}. {versions()}."]
    out.mkdir(parents=True, exist_ok=True)
    draw(results, minutes, out / "recipes.png")
    record = {"minutes": minutes, "seed": SEED, "machine": machine(), "versions": versions(), "results": results}
    (out / "recipes.json").write_text(json.dumps(record) + "\n", encoding="utf-8")
    (out / "recipes.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    click.echo("\n".join(lines))


if __name__ == "__main__":
    main()
