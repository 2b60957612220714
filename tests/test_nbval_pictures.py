"""What nbval takes for the same picture: the hook of the root's conftest.py, in a real run."""

import base64
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
from nbformat.v4 import new_code_cell, new_notebook, new_output

from gan_helpers import images, plots

ROOT = Path(__file__).resolve().parent.parent


def png(picture) -> dict:
    return {"image/png": base64.b64encode(picture).decode(), "text/plain": "a picture"}


def outcomes(cells, folder):
    """Run nbval on a notebook whose cells show one output and keep another: name → "PASSED" or "FAILED", and all it said."""
    notebook = new_notebook(
        cells=[
            new_code_cell(
                f"from IPython.display import display\ndisplay({shown!r}, raw=True)",
                outputs=[new_output("display_data", kept)],
                execution_count=number,
            )
            for number, (shown, kept) in enumerate(cells.values(), 1)
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, folder / "pictures.ipynb")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "conftest",
        "--nbval",
        "--nbval-current-env",
        "-rA",
        "pictures.ipynb",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    said = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True).stdout
    found = re.findall(r"^(PASSED|FAILED) pictures\.ipynb::Cell (\d+)", said, re.MULTILINE)
    assert len(found) == len(cells), said
    return dict(zip(cells, [outcome for outcome, _ in sorted(found, key=lambda row: int(row[1]))])), said


def test_a_picture_rounded_otherwise_passes_and_a_wrong_one_fails(some_images, tmp_path, pytestconfig):
    rng = np.random.default_rng(0)
    clothes = some_images[:40]
    rounded = np.clip(clothes.astype(int) + rng.integers(-1, 2, clothes.shape), 0, 255).astype(np.uint8)
    one_other = np.concatenate([clothes[:23], some_images[40:41], clothes[24:]])
    row = lambda pictures: png(plots.image_rows(pictures, ["one", "two", "three", "four"], "forty pieces").png())  # noqa: E731

    # The second frame is the first, in a GIF that merges them; rounded otherwise it stands alone.
    still = np.stack([images.grid(clothes[:9])] * 2 + [images.grid(clothes[9:18])])
    film = lambda frames: plots.Animation(frames, "a film")._repr_mimebundle_()  # noqa: E731
    flicker, swapped = still.copy(), still[[0, 2, 1]]
    flicker[1, 10, 10] += 1

    right = {
        "the same": (row(clothes), row(clothes)),
        "every pixel rounded otherwise": (row(rounded), row(clothes)),
        "an animation in which one pixel is rounded otherwise": (film(flicker), film(still)),
    }
    wrong = {
        "one piece of forty is another": (row(one_other), row(clothes)),
        "another size": (row(clothes[:36]), row(clothes)),
        "frames in another order": (film(swapped), film(still)),
        "one frame fewer": (film(still[:2]), film(still)),
        "another alt text": ({**row(clothes), "text/plain": "pieces"}, row(clothes)),
        "text in place of a picture": ({"text/plain": "a picture"}, row(clothes)),
    }
    found, said = outcomes({**right, **wrong}, tmp_path)
    hook = pytestconfig.pluginmanager.get_plugin(str(ROOT / "conftest.py"))
    if not hook.FIGURES_COMPARED:  # under another matplotlib than the one that drew the committed figures
        for name in ("one piece of forty is another", "another size", "text in place of a picture"):
            del wrong[name], found[name]
    assert found == {**dict.fromkeys(right, "PASSED"), **dict.fromkeys(wrong, "FAILED")}, said
