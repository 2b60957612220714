"""What helps late: a finished run of a recipe goes on with other rates or another penalty, measured after so many images.

python benchmarks/late_trials.py runs/benchmark_quality/course_dcgan_0 rate=1e-4 d_rate=4e-4   # adds a row to results/late_trials.md

A trial from the beginning says little about minute twenty, and costs twenty minutes. This one costs two: where the run
stands, Adam begins anew, and the averaged generator is measured as in `trials.py`, against the held-out
10,000 training images, which this part of the training leaves out (the run before it has seen them).
"""

import functools
import json
from pathlib import Path

import click

import gan_helpers as gh
from gan_helpers import classifier, metrics, training

import keras  # isort: skip
import numpy as np  # isort: skip

from _machine import machine, versions  # isort: skip

RESULTS = Path(__file__).resolve().parent / "results" / "late_trials.md"
# d_rate 0: as rate. decay: both rates are a half after so many steps, a third after twice as many; 0 keeps them.
# batch 0: the run's.
# still: 1 lets the generator's batch norm use its running statistics, as it does when images are made, and keeps them.
DEFAULTS = {"rate": 7e-5, "d_rate": 0, "decay": 0, "gamma": 0.05, "shift": 0, "still": 0, "batch": 0}
HEAD = """# What helps late

`python benchmarks/late_trials.py RUN [CHANGES]`: a run goes on, with Adam begun anew. Fréchet classifier distance to the held-out 10,000 training images, of the averaged generator and in brackets of the generator itself. What came of it stands in [trials.md](trials.md).

| recipe, images before | changes | after more images: distance | d_loss |
| --- | --- | --- | --- |
"""


def go_on(run: Path, settings: dict, marks: list[int]) -> tuple[str, list[dict]]:
    """Train on from a run; what it is and scored before, and a point for each mark, in thousands of images."""
    loaded = training.load_run(run)
    gan, config = loaded.gan, json.loads((run / "config.json").read_text(encoding="utf-8"))
    name = config["recipe"]
    before = int(gan.steps.numpy()) * config["batch_size"]
    rates = settings["rate"], settings["d_rate"] or settings["rate"]
    gan.gamma, gan.gamma_until = settings["gamma"], None
    gan.shift, gan.shift_after = int(settings["shift"]), 0
    if settings["still"]:
        gan.players_in_training = functools.partial(_with_norms_still, gan.players_in_training)
    if settings["decay"]:
        rates = [keras.optimizers.schedules.InverseTimeDecay(rate, settings["decay"], 1.0) for rate in rates]
    gan.compile(*(keras.optimizers.Adam(rate, beta_1=0.0, beta_2=0.99) for rate in rates))
    pixels, classes = (array[: classifier.TRAINED_ON] for array in gh.load_fashion_mnist("train"))
    batch = int(settings["batch"] or config["batch_size"])
    told = classes if gan.conditional else None
    dataset = gh.pipeline(pixels, batch, gan.pixel_range, 0, classes=told).repeat()
    real, latents = metrics.real_features("held_out"), gan.sample_latents(metrics.N, 0)
    asked = np.arange(metrics.N) % 10 if gan.conditional else None

    def distance(generator):
        images = gh.generate(generator, latents, gan.pixel_range, classes=asked)
        return round(metrics.frechet_distance(real, classifier.features_and_probabilities(images)[0]), 3)

    points, done = [{"thousand_images": 0, "distance": distance(gan.ema_generator), "raw": distance(gan.generator)}], 0
    for mark in marks:
        steps = round((mark - done) * 1000 / batch)
        history = gan.fit(dataset, steps_per_epoch=steps, verbose=0).history
        done = mark
        points.append(
            {
                "thousand_images": mark,
                "distance": distance(gan.ema_generator),
                "raw": distance(gan.generator),
                "d_loss": round(history["d_loss"][-1], 3),
            }
        )
        click.echo(json.dumps(points[-1]))
    return f"{name}, seed {config['seed']}, {before:,}", points


def _with_norms_still(players_in_training, classes=None):
    generator, discriminator = players_in_training(classes)
    return lambda x, training: generator(x, training=False), discriminator


@click.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("changes", nargs=-1)
@click.option("--images", default="100,200", show_default=True, help="Thousands of images after which to measure.")
def main(run, changes, images):
    """Go on from RUN. CHANGES are settings like rate=1e-4: rate, d_rate, decay, gamma, shift, still, batch."""
    settings = dict(DEFAULTS)
    for change in changes:
        key, _, value = change.partition("=")
        if key not in settings:
            raise click.BadParameter(f"{key!r} is no setting; there is {', '.join(settings)}")
        try:
            settings[key] = float(value)
        except ValueError:
            raise click.BadParameter(f"{change!r} is no setting with a number, like rate=1e-4") from None
    what, points = go_on(run, settings, [int(mark) for mark in images.split(",")])
    cells = ", ".join(f"{p['thousand_images']}: {p['distance']:.3f} ({p['raw']:.2f})" for p in points)
    row = f"| {what} | {' '.join(changes) or 'none'} | {cells} | {points[-1]['d_loss']:.3f} |\n"
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else HEAD
    table, _, _ = text.partition("\n\n*")
    RESULTS.write_text(table.rstrip("\n") + "\n" + row + f"\n*{machine()}. {versions()}.*\n", encoding="utf-8")


if __name__ == "__main__":
    main()
