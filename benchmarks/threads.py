"""Images/s of a recipe's training on two cores: each operation on both threads, or two operations at once.

    python benchmarks/threads.py course_dcgan tutorial_dcgan course_mlp   # writes benchmarks/results/threads.md

Both settings are processes of their own, measured in turns, every second round in the opposite order; ratios are taken
within a round. `gan_helpers` sets the second where there are two cores (`gan_helpers/__init__.py`).
"""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import click

from _machine import machine, versions  # isort: skip  beside this file

RESULTS = Path(__file__).resolve().parent / "results" / "threads.md"
SETTINGS = {"operations on 2 threads": "2", "2 operations at once": "1"}  # TF_NUM_INTRAOP_THREADS
SECONDS = 4  # of a measurement


def serve(name: str) -> None:
    """In a process of its own: train for about `SECONDS` at each line on stdin, and print images/s."""
    import gan_helpers as gh

    recipe = gh.recipes.get(name)
    images, classes = gh.load_fashion_mnist("train")
    gan = recipe.build()
    told = classes if gan.conditional else None
    dataset = gh.pipeline(images, recipe.batch_size, gan.pixel_range, 0, classes=told).repeat()

    def images_per_second(steps):
        began = time.perf_counter()
        gan.fit(dataset, steps_per_epoch=steps, verbose=0)
        return steps * recipe.batch_size / (time.perf_counter() - began)

    images_per_second(5)  # compiles
    steps = max(5, round(SECONDS * images_per_second(20) / recipe.batch_size))
    print("ready", flush=True)
    for _ in sys.stdin:
        print(images_per_second(steps), flush=True)


def measure(name: str, rounds: int) -> dict[str, list[float]]:
    """Images/s of each setting in each round."""
    processes = {}
    for setting, threads in SETTINGS.items():
        environment = {**os.environ, "TF_NUM_INTRAOP_THREADS": threads, "TF_NUM_INTEROP_THREADS": "2"}
        processes[setting] = subprocess.Popen(
            [sys.executable, __file__, "--serve", name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip
        assert processes[setting].stdout.readline() == "ready\n"
    found = {setting: [] for setting in SETTINGS}
    for i in range(rounds + 1):
        for setting in list(SETTINGS)[:: 1 if i % 2 == 0 else -1]:
            print(file=processes[setting].stdin, flush=True)
            speed = float(processes[setting].stdout.readline())
            if i:  # the first round warms up
                found[setting].append(speed)
    for process in processes.values():
        process.stdin.close()
        process.wait()
    return found


@click.command()
@click.argument("names", nargs=-1)
@click.option("--rounds", default=7, show_default=True)
@click.option("--serve", "served", hidden=True)
def main(names, rounds, served):
    """Compare both settings for the recipes NAMES."""
    if served:
        return serve(served)
    rows = []
    for name in names or ("course_dcgan", "course_conditional", "course_mlp", "tutorial_dcgan"):
        found = measure(name, rounds)
        both, at_once = found.values()
        ratios = sorted(b / a for a, b in zip(both, at_once))
        rows.append(
            f"| {name} | {statistics.median(both):,.0f} | {statistics.median(at_once):,.0f} "
            f"| {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}) |"
        )
        click.echo(rows[-1])
    text = f"""# Two threads: on one operation, or on two

`python benchmarks/threads.py`: images/s of training, medians of {rounds} rounds; the ratio is taken within a round, in brackets its smallest and largest.

| recipe | {" | ".join(SETTINGS)} | ratio |
| --- | --- | --- | --- |
{chr(10).join(rows)}

*{machine()}. {versions()}.*
"""
    RESULTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
