"""What helps late: a finished run goes on with other settings, measured after so many images.

python benchmarks/late_trials.py runs/benchmark_quality/course_dcgan_0 --set g_learning_rate=1e-4 --set regularisers=smoothness:0.01

A trial from the beginning says little about minute twenty, and costs twenty minutes. This one costs two: where the run
stands, Adam begins anew, and the averaged generator is measured as in `trials.py`, against the held-out 10,000 training
images, which this part of the training leaves out (the run before it has seen them). Adds a row to results/late_trials.md.
"""

import functools
import json
from pathlib import Path

import click

from gan_helpers.runs import recipes, training

from _machine import machine, versions  # isort: skip
from trials import distance_and_shares, points_after  # isort: skip

RESULTS = Path(__file__).resolve().parent / "results" / "late_trials.md"
HEAD = """# What helps late

`python benchmarks/late_trials.py RUN [--set …]`: a run goes on, with Adam begun anew. Fréchet classifier distance to the held-out 10,000 training images, of the averaged generator and in brackets of the generator itself. What came of it stands in [trials.md](trials.md).

| recipe, images before | changes | after more images: distance | d_loss |
| --- | --- | --- | --- |
"""


def go_on(run: Path, settings, marks: list[int], batch_size: int | None, still: bool) -> tuple[str, list[dict]]:
    """Train on from a run; what it is and scored before, and a point for each mark, in thousands of images."""
    before, config = training.load_run(run).gan, json.loads((run / "config.json").read_text(encoding="utf-8"))
    recipe = recipes.changed(recipes.get(config["recipe"]), settings)
    gan = recipe.build(config["seed"])
    for player in ("generator", "discriminator", "ema_generator"):
        getattr(gan, player).set_weights(getattr(before, player).get_weights())
    gan.steps.assign(before.steps)
    if still:
        gan.players_in_training = functools.partial(_with_norms_still, gan.players_in_training)
    first = {
        "thousand_images": 0,
        "distance": distance_and_shares(gan)[0],
        "raw": distance_and_shares(gan, ema=False)[0],
    }
    seen = int(before.steps.numpy()) * config["batch_size"]
    points = points_after(gan, batch_size or config["batch_size"], marks, seed=0, raw=True)
    return f"{recipe.name}, seed {config['seed']}, {seen:,}", [first, *points]


def _with_norms_still(players_in_training, classes=None):
    generator, discriminator = players_in_training(classes)
    return lambda x, training: generator(x, training=False), discriminator


@click.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="As in `gan-helpers train`.")
@click.option("--batch-size", type=click.IntRange(1), help="[default: the run's]")
@click.option("--still", is_flag=True, help="The generator's batch norm keeps its running statistics, and uses them.")
@click.option("--images", default="100,200", show_default=True, help="Thousands of images after which to measure.")
def main(run, settings, batch_size, still, images):
    """Go on from RUN with other settings of its recipe."""
    try:
        what, points = go_on(run, settings, [int(mark) for mark in images.split(",")], batch_size, still)
    except (ValueError, OSError) as error:
        raise click.UsageError(str(error)) from None
    cells = ", ".join(f"{p['thousand_images']}: {p['distance']:.3f} ({p['raw']:.2f})" for p in points)
    changes = [*settings, *([f"batch_size={batch_size}"] if batch_size else []), *(["still"] if still else [])]
    row = f"| {what} | {' '.join(changes) or 'none'} | {cells} | {points[-1]['d_loss']:.3f} |\n"
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else HEAD
    table, _, _ = text.partition("\n\n*")
    RESULTS.write_text(table.rstrip("\n") + "\n" + row + f"\n*{machine()}. {versions()}.*\n", encoding="utf-8")


if __name__ == "__main__":
    main()
