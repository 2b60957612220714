"""Images/s of one process on one core, of two workers on a core each that share each batch, and of two that do not.

    python benchmarks/workers.py               # course_dcgan at 128 images a worker; writes results/workers.md (about 6 minutes)

The contenders wait in processes of their own while another is measured, round after round; ratios are taken within a round.
Timed are steps within a `fit`, from the end of the first to that of the last: setting up an epoch is not counted.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import click

from _machine import machine, versions  # isort: skip  beside this file

RESULTS = Path(__file__).resolve().parent / "results" / "workers.md"
SECONDS = 6  # of a measurement


def serve(recipe: str, images_each: int) -> None:
    """In a process of its own: train for so many steps as each line on stdin says, and print the seconds that they took."""
    import gan_helpers as gh
    from gan_helpers.runs import workers

    strategy = workers.strategy()

    import keras  # isort: skip

    class Stopwatch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            now = time.perf_counter()
            self.began = now if batch == 0 else self.began
            self.seconds = now - self.began

    images, classes = gh.load_fashion_mnist("train")
    with workers.scope(strategy):
        gan = gh.recipes.get(recipe).build(precision="float32")
    batch_size = images_each * workers.replicas_of(strategy)
    batches = gh.pipeline(images, batch_size, gan.pixel_range, 0, classes=classes if gan.conditional else None)
    gan.fit(batches, steps_per_epoch=3, verbose=0)  # compiles
    print("ready", flush=True)
    for line in sys.stdin:
        watch = Stopwatch()
        gan.fit(batches, steps_per_epoch=int(line), callbacks=[watch], verbose=0)
        print(watch.seconds / (int(line) - 1), flush=True)


def started(recipe: str, images_each: int, cores: list[int], together: bool) -> list[subprocess.Popen]:
    """A process pinned to each of these cores, waiting; as one cluster, or each by itself."""
    from gan_helpers.runs import workers

    addresses = [f"127.0.0.1:{port}" for port in workers.free_ports(len(cores))]
    processes = []
    for i, core in enumerate(cores):
        config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": i}}
        environment = {**os.environ, "TF_CONFIG": json.dumps(config) if together else ""}
        command = [sys.executable, __file__, recipe, "--serve", str(images_each)]
        pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        processes.append(subprocess.Popen(command, env=environment, **pipes))
        os.sched_setaffinity(processes[-1].pid, {core})
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    return processes


def seconds_a_step(processes: list[subprocess.Popen], steps: int) -> float:
    """Of the slowest of processes that train at the same time."""
    for process in processes:
        print(steps, file=process.stdin, flush=True)
    return max(float(process.stdout.readline()) for process in processes)


@click.command()
@click.argument("recipe", default="course_dcgan")
@click.option("--serve", "served", type=int, hidden=True)
@click.option("--images", "images_each", default=128, show_default=True, help="Per worker and step.")
@click.option("--rounds", default=9, show_default=True)
def main(recipe, served, images_each, rounds):
    """Measure RECIPE with one process, two workers and two independent processes, in turns."""
    if served:
        return serve(recipe, served)
    if not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2:
        raise click.UsageError("this needs Linux and two cores, to pin a process to each")
    cores = sorted(os.sched_getaffinity(0))[:2]
    contenders = {
        "one process": (cores[:1], False),
        "two workers": (cores, True),
        "two processes, each by itself": (cores, False),
    }
    processes = {name: started(recipe, images_each, *how) for name, how in contenders.items()}
    speeds = {name: [] for name in contenders}
    steps = max(4, round(SECONDS / seconds_a_step(processes["one process"], 6)))
    for i in range(rounds + 1):
        for name in list(contenders)[:: 1 if i % 2 == 0 else -1]:
            speed = images_each * len(processes[name]) / seconds_a_step(processes[name], steps)
            if i:  # the first warms up
                speeds[name].append(speed)
        click.echo(", ".join(f"{name} {found[-1]:,.0f}" for name, found in speeds.items() if found))
    for process in (process for each in processes.values() for process in each):
        process.kill()

    def times(found, base):
        ratios = sorted(speed / other for speed, other in zip(found, base))
        return f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"

    one, _, independent = speeds.values()
    rows = [
        f"| {name} | {statistics.median(found):,.0f} | {times(found, one)} | {times(found, independent)} |"
        for name, found in speeds.items()
    ]
    text = f"""# Speed of several workers

`python benchmarks/workers.py`: {recipe}, {images_each} images a worker and step, float32, each process pinned to a core of its own; images/s of all together, medians of {rounds} rounds in turns; ratios are taken within a round, in brackets their smallest and largest. Two processes that do not talk to each other are what the machine could give; on a shared one that is less than twice.

| | images/s | times one process | times two by themselves |
| --- | --- | --- | --- |
{chr(10).join(rows)}

*{machine()}. {versions()}.*
"""
    RESULTS.write_text(text, encoding="utf-8")
    click.echo(text)


if __name__ == "__main__":
    main()
