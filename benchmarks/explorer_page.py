"""How long the explorer's page takes from its address to its first picture, and the command to its address.

    python benchmarks/explorer_page.py            # writes benchmarks/results/explorer_page.md

Each round starts `gan-helpers explore` anew and opens the address in a fresh Chromium as soon as it is printed. CPU seconds
are those of the command and all processes below it, until the picture is there; they depend little on what else runs.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
import browser  # noqa: E402  isort: skip  of the tests

RESULTS = Path(__file__).resolve().parent / "results"
MODEL = "course_conditional"


def one_round() -> tuple[float, float, float, float]:
    """Seconds from the command to the address, from there to the first picture, and to everything; CPU seconds in all."""
    import psutil

    with browser.started() as page:
        began = time.monotonic()
        served = subprocess.Popen(
            [sys.executable, "-m", "gan_helpers", "explore", MODEL, "--no-browser"], stdout=subprocess.PIPE, text=True
        )
        try:
            address = served.stdout.readline().split()[0]
            printed = time.monotonic()
            page.goto(address, wait_until="commit", timeout=300_000)
            page.locator(".gan-explorer img.widget-image").wait_for(timeout=300_000)
            pictured = time.monotonic()
            command = psutil.Process(served.pid)
            times = [process.cpu_times() for process in (command, *command.children(recursive=True))]
            page.locator(".gan-explorer").get_by_text("Nearest training images").wait_for(timeout=300_000)
            return (
                printed - began,
                pictured - printed,
                time.monotonic() - printed,
                sum(each.user + each.system for each in times),
            )
        finally:
            served.terminate()
            served.communicate(timeout=60)


@click.command()
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="After one to warm up.")
@click.option("--out", type=click.Path(path_type=Path), default=RESULTS / "explorer_page.md", show_default=True)
def main(rounds, out):
    """Measure, and write a table."""
    from _machine import machine, versions  # beside this file

    one_round()
    loads, taken = [], []
    for _ in range(rounds):
        taken.append(one_round())
        loads.append(os.getloadavg()[0])
        click.echo(" ".join(f"{seconds:.1f}" for seconds in taken[-1]) + f", load {loads[-1]:.1f}")
    parts = (
        "from the command to the address",
        "from the address to the first picture",
        "from the address to the nearest training images",
        "CPU seconds from the command to the picture",
    )
    lines = [
        "# From the page's address to its first picture",
        "",
        f"`python benchmarks/explorer_page.py --rounds {rounds}`: {MODEL}, in {browser.version()}, after one round of warm-up.",
        "",
        "| seconds | median | smallest to largest |",
        "| --- | --- | --- |",
        *(
            f"| {part} | {np.median(values):.1f} | {min(values):.1f} to {max(values):.1f} |"
            for part, values in zip(parts, zip(*taken))
        ),
        "",
        f"{machine()}; load average {min(loads):.1f} to {max(loads):.1f}. {versions()}.",
    ]
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
