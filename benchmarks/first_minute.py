"""Lesson 03's comparisons: its recipes after a minute, and its plain DCGAN after half an epoch by two ways to train it.

python benchmarks/first_minute.py                       # writes benchmarks/results/first_minute.md and .json

Runs are as long as so many images, not seconds, so that they may go on beside other work. A minute is as many images as in
`quality_per_minute.py`, whose runs count here, too; what is on record is not repeated.
"""

import json
import statistics
import subprocess
import sys
from pathlib import Path

import click

from _machine import machine, versions  # isort: skip  beside this file

RESULTS = Path(__file__).resolve().parent / "results"
N = 10_000
HALF_AN_EPOCH = 32_000  # images; as many as exercise 3.7 allows
SYSTEMS = {  # what the table calls them
    "plain": "plain DCGAN: weights from N(0, 0.02), Adam 2e-4, β₁ 0.5, batches of 128",
    "plain_bold": "plain DCGAN: Keras' first weights, Adam 8e-4, β₁ 0, β₂ 0.99, batches of 32",
    "course_mlp": "`course_mlp`, a minute",
    "course_dcgan": "`course_dcgan`, a minute",
}


def recipe_of(system: str):
    """A system as a recipe: one of the course, or lesson 03's plain DCGAN."""
    import gan_helpers as gh
    from gan_helpers import networks

    import keras  # isort: skip

    def first_weights(model):
        for layer in model.layers if system == "plain" else ():
            if hasattr(layer, "kernel"):
                layer.kernel.assign(keras.random.normal(layer.kernel.shape, stddev=0.02))
        return model

    if not system.startswith("plain"):
        return gh.recipes.get(system)
    rate, batch_size, beta_1, beta_2 = (2e-4, 128, 0.5, 0.999) if system == "plain" else (8e-4, 32, 0.0, 0.99)
    return gh.recipes.Recipe(
        name=system, generator=lambda latent_dim: first_weights(networks.dcgan_generator(latent_dim)),
        discriminator=lambda: first_weights(networks.dcgan_discriminator()), g_learning_rate=rate, d_learning_rate=rate,
        beta_1=beta_1, beta_2=beta_2, batch_size=batch_size, source="Lesson 03, after Radford et al. 2016.",
    )  # fmt: skip


def _recorded() -> dict:
    return json.loads((RESULTS / "quality_per_minute.json").read_text(encoding="utf-8"))


def length(system: str) -> int:
    """How many images a system is trained on."""
    if system.startswith("plain"):
        return HALF_AN_EPOCH
    return round(60 * statistics.median(_recorded()["speeds"]["images_per_second"][system]))


def run(system: str, seed: int) -> float:
    """Train one system with one seed; the distance of its averaged generator's images to the test images."""
    import gan_helpers as gh
    from gan_helpers import metrics

    recipe = recipe_of(system)
    gan, (train_images, _) = recipe.build(seed, gh.bfloat16.choose_precision()), gh.load_fashion_mnist("train")
    batches = gh.pipeline(train_images, recipe.batch_size, gan.pixel_range, seed).repeat()
    gan.fit(batches, steps_per_epoch=length(system) // recipe.batch_size, verbose=0)
    return metrics.frechet_classifier_distance(gan.generate(N, seed=0), gh.load_fashion_mnist("test")[0])


def known() -> dict[str, float]:
    """Distances by system and seed that this command has measured."""
    path = RESULTS / "first_minute.json"
    return json.loads(path.read_text(encoding="utf-8"))["runs"] if path.exists() else {}


def on_record() -> dict[str, float]:
    """Distances by system and seed ("course_mlp_0"): those of `quality_per_minute.py` after a minute."""
    return {
        f"{past['recipe']}_{past['seed']}": point["distance"]
        for past in _recorded()["runs"]
        for point in past["points"]
        if past["recipe"] in SYSTEMS and point["minutes"] == 1
    }


def table(record: dict) -> str:
    lines = [
        "# Lesson 03's comparisons",
        "",
        f"`python benchmarks/first_minute.py`: Fréchet classifier distance of {N:,} images to the test images, the median over seeds, and "
        "in brackets their range and number. A minute is as many images as the machine of [quality_per_minute.md](quality_per_minute.md) "
        "makes in one; classifier, noise floor and some of the runs are those of that file.",
        "",
        "| trained | images | distance |",
        "| --- | --- | --- |",
    ]
    for system, words in SYSTEMS.items():
        found = {**on_record(), **record["runs"]}
        values = [value for name, value in found.items() if name.rsplit("_", 1)[0] == system]
        if values:
            spread = f"{min(values):.2f} to {max(values):.2f}, {len(values)}" if len(values) > 1 else "1"
            lines.append(f"| {words} | {length(system):,} | {statistics.median(values):.2f} ({spread}) |")
    return "\n".join([*lines, "", f"Written on: {record['machine']}. {versions()}.", ""])


@click.command()
@click.option("--seeds", default="0,1,2", show_default=True, help="Commas between.")
@click.option("--systems", default=",".join(SYSTEMS), show_default=True, help="Commas between.")
@click.option("--worker", hidden=True)
def main(seeds, systems, worker):
    if worker is None:
        for seed in seeds.split(","):
            for system in systems.split(","):  # a process each, so that none inherits another's memory
                subprocess.run([sys.executable, __file__, "--worker", f"{system}_{seed}"], check=True)
        return
    if worker in on_record() or worker in known():
        return
    system, seed = worker.rsplit("_", 1)
    distance = run(system, int(seed))
    record = {"runs": {**known(), worker: distance}, "machine": machine()}
    (RESULTS / "first_minute.json").write_text(json.dumps(record) + "\n", encoding="utf-8")
    (RESULTS / "first_minute.md").write_text(table(record), encoding="utf-8")
    click.echo(f"{worker}: {distance:.2f}")


if __name__ == "__main__":
    main()
