"""Images/s, memory and latency of `gh.generate`, against a plain loop that calls the generator batch by batch.

    python benchmarks/generate.py             # writes benchmarks/results/generate.md, in about two minutes

Both run in turns in one process, every second round in the opposite order; ratios are taken within a round. Memory is
measured in processes of their own.
"""

import multiprocessing
import statistics
import time
from pathlib import Path

import click
import numpy as np

from _machine import machine, versions  # isort: skip  beside this file

RESULTS = Path(__file__).resolve().parent / "results" / "generate.md"
RECIPE = "course_dcgan"
FEW = (1, 16, 36)  # images of the explorer and of ModelMonitor


def plain_loop(generator, latents) -> np.ndarray:
    """How `gh.generate` drew before: one batch of 500 after another, each layer called from Python."""
    import gan_helpers as gh

    batches = []
    for i in range(0, len(latents), 500):
        pixels = np.asarray(generator(latents[i : i + 500], training=False))
        if not np.isfinite(pixels).all():
            raise ValueError("NaN or infinity")
        batches.append(gh.images.to_uint8(pixels, (-1, 1)))
    return np.concatenate(batches)


def one_at_a_time(generator, latents) -> np.ndarray:
    """As `gh.generate`, without the second batch beside the first."""
    import gan_helpers as gh

    at_once, gh.generators.AT_ONCE = gh.generators.AT_ONCE, 1
    try:
        return gh.generate(generator, latents)
    finally:
        gh.generators.AT_ONCE = at_once


def generate(generator, latents) -> np.ndarray:
    """The package's own."""
    import gan_helpers as gh

    return gh.generate(generator, latents)


CONTENDERS = {
    "a plain loop of eager calls, batches of 500": plain_loop,
    "compiled, one batch after another": one_at_a_time,
    "`gh.generate`: compiled, two batches at once": generate,
}


def fresh(images: int):
    """The recipe's generator, newly built, and latent vectors for so many images."""
    import gan_helpers as gh

    recipe = gh.recipes.get(RECIPE)
    return recipe.generator(recipe.latent_dim), gh.latent.sample(images, recipe.latent_dim, seed=0).numpy()


def memory_beyond_result(contender: str, images: int) -> float | None:
    """In a process of its own: MiB at the peak of a first call, beyond those before it and the result's; None without /proc."""
    generator, latents = fresh(images)
    generator(latents[:1], training=False)  # what TensorFlow allocates once is no matter of this call
    try:
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    except OSError:
        return None
    before = kilobytes("VmRSS")
    result = CONTENDERS[contender](generator, latents)
    return (kilobytes("VmHWM") - before) / 1024 - result.nbytes / 2**20


def kilobytes(name: str) -> int:
    """What Linux says of this process's memory."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def seconds(function, *arguments) -> float:
    began = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - began


def spread(values, form: str) -> str:
    """Median and range."""
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


@click.command()
@click.option("--rounds", type=click.IntRange(2), default=4, show_default=True)
@click.option("--images", type=click.IntRange(1_000), default=20_000, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=RESULTS, show_default=True)
def main(rounds, images, out):
    """Measure all contenders side by side, and write a table."""
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        memory = {name: pool.apply(memory_beyond_result, (name, images)) for name in CONTENDERS}
    generator, latents = fresh(images)
    drawn = {name: contender(generator, latents[:1_000]).astype(int) for name, contender in CONTENDERS.items()}
    plain, *_ = drawn.values()
    apart = {name: int(np.abs(each - plain).max()) for name, each in drawn.items()}

    speeds = {name: [] for name in CONTENDERS}
    for i in range(rounds):
        for name in list(CONTENDERS)[:: 1 if i % 2 == 0 else -1]:
            speeds[name].append(images / seconds(CONTENDERS[name], generator, latents))
        click.echo(f"round {i + 1} of {rounds}: " + ", ".join(f"{speed[-1]:,.0f}" for speed in speeds.values()))

    first = {name: [] for name in (plain_loop, generate)}
    for i in range(6):  # each time with a new generator, in alternating order; the first round warms up
        for contender in list(first)[:: 1 if i % 2 == 0 else -1]:
            took = seconds(contender, fresh(1)[0], latents[:1])
            if i:
                first[contender].append(1e3 * took)
    again = {(n, name): [] for n in FEW for name in first}
    for i in range(30):
        for n, contender in list(again)[:: 1 if i % 2 == 0 else -1]:
            again[n, contender].append(1e3 * seconds(contender, generator, latents[:n]))

    first_name = next(iter(CONTENDERS))
    lines = [
        "# Drawing images",
        "",
        f"`python benchmarks/generate.py --rounds {rounds} --images {images}`: {images:,} images of `{RECIPE}`, {rounds} rounds in "
        "alternating order in one process, after a warm-up. Ratios are taken within a round. Median (smallest to largest). "
        "Memory: at the peak of a first call, beyond the result, in a process of its own.",
        "",
        "| | images/s | ratio | memory | grey levels apart at most |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name in CONTENDERS:
        ratios = [mine / plain for mine, plain in zip(speeds[name], speeds[first_name])]
        beyond = "not measured" if memory[name] is None else f"{memory[name]:.0f} MiB"
        lines.append(
            f"| {name} | {spread(speeds[name], ',.0f')} | {spread(ratios, '.2f')} | {beyond} | {apart[name]} |"
        )
    lines += [
        "",
        "Few images, in milliseconds: the first call for a new generator, and later ones.",
        "",
        "| | first call, 1 image | " + " | ".join(f"{n} image{'s' * (n > 1)}" for n in FEW) + " |",
        "| --- | --- |" + " --- |" * len(FEW),
    ]
    for contender, name in ((plain_loop, "plain loop"), (generate, "`gh.generate`")):
        cells = [first[contender], *(again[n, contender] for n in FEW)]
        lines.append(f"| {name} | " + " | ".join(spread(cell, ".1f") for cell in cells) + " |")
    lines += ["", f"{machine()}. {versions()}."]
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    click.echo("\n".join(lines))


if __name__ == "__main__":
    main()
