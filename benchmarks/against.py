"""Images/s of training here, and at another commit: does a change to the training step cost speed?

    python benchmarks/against.py a178ec8    # course_dcgan, course_conditional, tutorial_dcgan; writes results/against.md

The other commit is checked out into a temporary folder. Both are measured in turns (`_in_turns.py`), in both orders; ratios are
taken within a round.
"""

import os
import subprocess
import tempfile
from pathlib import Path

import click

from _in_turns import measure, row  # isort: skip  beside this file
from _machine import machine, versions  # isort: skip

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "against.md"


def git(*arguments) -> str:
    return subprocess.run(["git", "-C", ROOT, *arguments], check=True, capture_output=True, text=True).stdout.strip()


@click.command()
@click.argument("commit")
@click.argument("names", nargs=-1)
@click.option("--rounds", default=5, show_default=True)
def main(commit, names, rounds):
    """Compare this checkout with COMMIT for the recipes NAMES."""
    commit, here = git("rev-parse", "--short", commit), git("describe", "--always", "--dirty")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder) / "other"
        git("worktree", "add", "--detach", str(other), commit)
        try:
            prepared = ROOT / "data" / "prepared"
            if prepared.is_dir():
                os.symlink(prepared, other / "data" / "prepared", target_is_directory=True)
            places = {"there": {"PYTHONPATH": str(other)}, "here": {"PYTHONPATH": str(ROOT)}}
            for name in names or ("course_dcgan", "course_conditional", "tutorial_dcgan"):
                rows.append(row(name, *measure(name, places, rounds).values()))
                click.echo(rows[-1])
        finally:
            git("worktree", "remove", "--force", str(other))
    text = f"""# Speed of training, against {commit}

`python benchmarks/against.py {commit}`: images/s, medians of {rounds} rounds; the ratio is taken within a round, in brackets its smallest and largest.

| recipe | {commit} | {here} | ratio |
| --- | --- | --- | --- |
{chr(10).join(rows)}

*{machine()}. {versions()}.*
"""
    RESULTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
