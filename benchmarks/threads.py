"""Images/s of a recipe's training on two cores: each operation on both threads, or two operations at once.

    python benchmarks/threads.py course_dcgan tutorial_dcgan course_mlp   # writes benchmarks/results/threads.md

Measured in turns (`_in_turns.py`); ratios are taken within a round. `gan_helpers` sets the second where there are two cores
(`gan_helpers/__init__.py`).
"""

from pathlib import Path

import click

from _in_turns import measure, row  # isort: skip  beside this file
from _machine import machine, versions  # isort: skip

RESULTS = Path(__file__).resolve().parent / "results" / "threads.md"
SETTINGS = {
    label: {"TF_NUM_INTRAOP_THREADS": threads, "TF_NUM_INTEROP_THREADS": "2"}
    for label, threads in (("operations on 2 threads", "2"), ("2 operations at once", "1"))
}


@click.command()
@click.argument("names", nargs=-1)
@click.option("--rounds", default=7, show_default=True)
def main(names, rounds):
    """Compare both settings for the recipes NAMES."""
    rows = []
    for name in names or ("course_dcgan", "course_conditional", "course_mlp", "tutorial_dcgan"):
        rows.append(row(name, *measure(name, SETTINGS, rounds).values()))
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
