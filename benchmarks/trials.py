"""What other settings do for a recipe: one GAN per call, measured after so many images.

python benchmarks/trials.py course_dcgan                                        # as it is; adds a line to results/trials.md
python benchmarks/trials.py course_dcgan --set regularisers=r1:0.1 --set loss=relativistic --seed 1
python benchmarks/trials.py --table                                             # only writes the table anew

`--set` is that of `gan-helpers train`. Trials are judged by the Fréchet classifier distance of the averaged generator to the
held-out 10,000 training images, from one draw of 10,000 latent vectors; the test images are never looked at. Training sees
the other 50,000. What counts is the distance over images, and over minutes at the speed of the fastest fifth of the steps,
since the machine is shared. What it led to is in `recipes.py`.

It stays beside `gan-helpers sweep`, since its record is one: 10,000 images against the same held-out ones after the same marks, over
all recipes  in one file. Where a question needs more than a few runs, sweep, and note the answer in trials.md.
"""

import json
import time
from pathlib import Path

import click
import numpy as np

import gan_helpers as gh
from gan_helpers import metrics
from gan_helpers.metrics import judges
from gan_helpers.runs import recipes

import keras  # isort: skip  after gan_helpers, which imports TensorFlow without its noise

from _machine import machine, versions  # isort: skip

RESULTS = Path(__file__).resolve().parent / "results"


class _StepTimes(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_train_batch_begin(self, batch, logs=None):
        self._began = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        self.seconds.append(time.perf_counter() - self._began)


def distance_and_shares(gan: gh.GAN, ema: bool = True) -> tuple[float, np.ndarray]:
    """Of 10,000 images (the raw generator's with ema=False): the distance to the held-out images, and the classes' shares."""
    features, probabilities = judges.features_and_probabilities(gan.generate(metrics.N, 0, ema))
    distance = metrics.frechet_distance(metrics.real_features("held_out"), features)
    return round(distance, 3), metrics.class_shares(probabilities)


def points_after(gan: gh.GAN, batch_size: int, marks: list[int], seed: int, raw: bool = False) -> list[dict]:
    """Train on the first 50,000 images and measure after `marks` thousand; `raw`: the raw generator's distance too."""
    pixels, classes = (array[: judges.TRAINED_ON] for array in gh.load_fashion_mnist("train"))
    told = classes if gan.conditional else None
    dataset = gh.pipeline(pixels, batch_size, gan.pixel_range, seed, classes=told).repeat()
    points, done, images = [], 0, batch_size * gan.d_steps
    for mark in marks:
        times = _StepTimes()
        steps = round((mark - done) * 1000 / images)
        history = gan.fit(dataset, steps_per_epoch=steps, callbacks=[times], verbose=0).history
        done, (distance, shares) = mark, distance_and_shares(gan)
        points.append(
            {
                "thousand_images": mark,
                "distance": distance,
                **({"raw": distance_and_shares(gan, ema=False)[0]} if raw else {}),
                "smallest_class": round(float(shares.min()), 4),
                "d_loss": round(history["d_loss"][-1], 3),
                "images_per_second": round(images / np.percentile(times.seconds[1:], 20)),
            }
        )
        click.echo(json.dumps(points[-1]))
    return points


def write_table() -> None:
    """The table of all trials, below the findings in trials.md."""
    lines = [json.loads(text) for text in (RESULTS / "trials.jsonl").read_text(encoding="utf-8").splitlines()]
    judge = judges.facts()["sha256"]  # of older lines too, which do not name it
    if others := {line["classifier"][:12] for line in lines if line.get("classifier", judge) != judge}:
        raise click.ClickException(
            f"trials.jsonl has distances by judge {', '.join(others)}, and today's is {judge[:12]}: begin a new file"
        )
    rows = ["| recipe | changes | seed | thousand images: distance | images/s |", "| --- | --- | --- | --- | --- |"]
    for trial in (line for line in lines if "changes" in line):
        points = ", ".join(f"{p['thousand_images']}: {p['distance']:.2f}" for p in trial["points"])
        changes = " ".join(trial["changes"]) or "none"
        speed = f"{trial['points'][-1]['images_per_second']:,}"
        rows.append(f"| {trial.get('recipe', '')} | {changes} | {trial['seed']} | {points} | {speed} |")
    path = RESULTS / "trials.md"
    mark = "<!-- the table, written by trials.py -->\n"
    before, _, rest = path.read_text(encoding="utf-8").partition(mark)
    _, _, after = rest.partition("\n\n")
    path.write_text(before + mark + "\n".join(rows) + "\n\n" + after, encoding="utf-8")


@click.command()
@click.argument("recipe", required=False)
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="As in `gan-helpers train`.")
@click.option("--batch-size", type=click.IntRange(1), help="[default: the recipe's]")
@click.option("--images", default="100,200,400", show_default=True, help="Thousands of images after which to measure.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--table", is_flag=True, help="Only write the table anew.")
def main(recipe, settings, batch_size, images, seed, table):
    """Train RECIPE with other settings and note what it gave."""
    if not table:
        if recipe is None:
            raise click.UsageError(f"name a recipe: {', '.join(recipes.RECIPES)}")
        try:
            changed = recipes.changed(recipes.get(recipe), settings)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        points = points_after(
            changed.build(seed), batch_size or changed.batch_size, [int(mark) for mark in images.split(",")], seed
        )
        changes = [*settings, *([f"batch_size={batch_size}"] if batch_size else [])]
        line = {"recipe": recipe, "changes": changes, "seed": seed, "terms": changed.terms(), "points": points, "classifier": judges.facts()["sha256"], "machine": machine(), "versions": versions()}  # fmt: skip
        with open(RESULTS / "trials.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    write_table()


if __name__ == "__main__":
    main()
