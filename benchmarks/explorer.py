"""How long the explorer takes from a move of a slider to the new picture: in the kernel, and in a real browser.

    python benchmarks/explorer.py                 # writes benchmarks/results/explorer.md

In the kernel: a process of its own on one core, with one thread; a slider is set as a message from the browser sets it,
and the clock stops when the picture has its new PNG bytes. In the browser: JupyterLab, or the page that Voilà serves, and
Chromium on this machine; the clock runs, in the page, from the key's event until the new picture has been loaded. In the page
that computes by itself: from the key's event until the new picture stands on its canvas.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
import browser  # noqa: E402  isort: skip  of the tests

RESULTS = Path(__file__).resolve().parent / "results"
WARM_UP = 20
VIEWS = (1, 4, 8)
MODELS = {
    "course_conditional": "shipped",
    "course_dcgan": "shipped",
    "course_mlp": "shipped",
    "tutorial_dcgan": "2.3 million weights, untrained",
}
PAUSE = 0.05  # seconds between two moves: long enough for whatever still goes on after a picture


def in_the_kernel(model: str, moves: int) -> dict[int, list[float]]:
    """Milliseconds from the slider's message to the picture's new bytes, for each view."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    import gan_helpers as gh

    recipe = gh.recipes.get(model)
    shipped = model in gh.pretrained.manifest()
    explorer = gh.LatentExplorer(gh.load_generator(model) if shipped else recipe.generator(recipe.latent_dim))
    drawn = []
    explorer.picture.observe(lambda change: drawn.append(time.perf_counter()), "value")

    async def measure(side):
        explorer.view.value = side
        await explorer.settled()
        taken = []
        for k in range(WARM_UP + moves):
            drawn.clear()
            value = round(-3 + 0.1 * (k % 60), 1)
            began = time.perf_counter()
            explorer.sliders[0].set_state({"value": value})  # what the kernel does with the browser's message
            while not drawn:
                await asyncio.sleep(0)
            taken.append(1000 * (drawn[-1] - began))
            await asyncio.sleep(PAUSE)
        return taken[WARM_UP:]

    return {side: asyncio.run(measure(side)) for side in VIEWS}


CELLS = ("import gan_helpers as gh", "gh.LatentExplorer(gh.load_generator({model!r}), seed=7)", "print('ready')")

CLOCK = """() => {
  const picture = document.querySelector('.gan-explorer img.widget-image');
  window.moves = [];
  let began = null;
  document.addEventListener('keydown', () => { began = performance.now(); }, true);
  picture.addEventListener('load', () => { if (began !== null) { moves.push(performance.now() - began); began = null; } });
}"""


@contextlib.contextmanager
def lab(page, model: str):
    """The explorer in a notebook in JupyterLab."""
    import nbformat

    with tempfile.TemporaryDirectory() as folder:
        cells = [nbformat.v4.new_code_cell(source.format(model=model)) for source in CELLS]
        notebook = nbformat.v4.new_notebook(cells=cells)
        notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
        nbformat.write(notebook, Path(folder, "explorer.ipynb"))
        with browser.lab_page(page, Path(folder), "explorer.ipynb"):
            browser.run_all(page)
            yield


@contextlib.contextmanager
def voila(page, model: str):
    """The explorer as the page that is served."""
    from gan_helpers.explorer import served_page

    with served_page.served(model) as (address, _):
        page.goto(address)
        yield


def moves_in_the_browser(opened, model: str, moves: int) -> dict[int, list[float]]:
    """Milliseconds from the key's event in the page to the loaded picture, for each view."""
    taken = {}
    with browser.started() as page, opened(page, model):
        page.wait_for_selector(".gan-explorer img.widget-image", timeout=120_000)
        page.evaluate(CLOCK)
        for side in VIEWS:
            page.get_by_label("View", exact=True).select_option(f"{side} × {side}")
            page.get_by_role("button", name="Reset", exact=True).click()
            page.wait_for_timeout(1000)
            handle = page.locator(".gan-explorer .noUi-handle").nth(2)  # after walk and truncation
            taken[side] = _pressed(page, handle, moves)
    return taken


def _pressed(page, handle, moves: int) -> list[float]:
    """What the page's clock says of arrow keys on a slider, one after the other."""
    page.evaluate("() => { window.moves = []; }")
    handle.focus()
    for k in range(WARM_UP + moves):
        handle.press("ArrowRight" if k // 25 % 2 == 0 else "ArrowLeft")
        page.wait_for_function("k => moves.length > k", arg=k, timeout=30_000, polling=5)
        page.wait_for_timeout(1000 * PAUSE)
    return page.evaluate("() => moves")[WARM_UP:]


CLOCK_OF_PAGE = """() => {
  const picture = document.getElementById('picture');
  let began = null;
  document.addEventListener('keydown', () => { began = performance.now(); }, true);
  new MutationObserver(() => { if (began !== null) { moves.push(performance.now() - began); began = null; } })
    .observe(picture, { attributes: true, attributeFilter: ['data-state'] });
}"""


def in_the_page(model: str, moves: int, opens: int = 5) -> tuple[dict[int, list[float]], list[float]]:
    """The same of the page that computes by itself; and seconds from its opening to its first picture."""
    import gan_helpers as gh
    from gan_helpers.explorer.picture import Scenery
    from gan_helpers.explorer.web import page as pages

    recipe, taken, first = gh.recipes.get(model), {}, []
    shipped = model in gh.pretrained.manifest()
    generator = gh.load_generator(model) if shipped else recipe.generator(recipe.latent_dim)
    with tempfile.TemporaryDirectory() as folder, browser.started() as page:
        path = Path(folder, f"{model}.html")
        pages.write(Scenery(generator), path, model)
        for _ in range(opens):
            page.goto("about:blank")
            page.goto(path.as_uri())
            page.wait_for_function("() => document.documentElement.className === 'running'", timeout=30_000, polling=5)
            first.append(page.evaluate("performance.now() / 1000"))
        page.evaluate(CLOCK_OF_PAGE)
        for side in VIEWS:
            page.locator("#view").select_option(str(side))
            page.locator("#reset").click()
            page.wait_for_timeout(1000)
            taken[side] = _pressed(page, page.locator("#slider-0"), moves)
    return taken, first


@click.command()
@click.option("--moves", type=click.IntRange(20), default=200, show_default=True, help="Moves a view.")
@click.option("--out", type=click.Path(path_type=Path), default=RESULTS / "explorer.md", show_default=True)
@click.option("--worker", type=click.Choice(MODELS), hidden=True)
def main(moves, out, worker):
    """Measure both, and write a table."""
    if worker:
        return print(json.dumps(in_the_kernel(worker, moves)))
    from _machine import machine, versions  # beside this file

    lines = [
        "# From a move of a slider to the new picture",
        "",
        f"`python benchmarks/explorer.py --moves {moves}`, after {WARM_UP} moves of warm-up a view, one move every "
        f"{1000 * PAUSE:.0f} ms after the picture before.",
        "",
        *_head("In the kernel, on one core with one thread: from the slider's message to the PNG's bytes.")[1:],
    ]
    for model, what in MODELS.items():
        command = [sys.executable, __file__, "--worker", model, "--moves", str(moves)]
        one = dict.fromkeys(
            ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1"
        )
        answer = subprocess.run(
            command, env={**os.environ, **one}, check=True, stdout=subprocess.PIPE, text=True
        ).stdout
        for side, taken in json.loads(answer.splitlines()[-1]).items():
            lines.append(f"| {model} ({what}) | {row(side, taken)} |")
            click.echo(lines[-1])
    if browser.find():
        model = next(iter(MODELS))
        places = {
            "In the browser (JupyterLab": lab,
            "In the page that Voilà serves (": voila,
        }
        for place, opened in places.items():
            what = f"{place}, {browser.version()}".replace("(, ", "(")
            lines += _head(
                f"{what}; kernel, server and browser share both cores): from the key's event to the loaded picture."
            )
            for side, taken in moves_in_the_browser(opened, model, moves).items():
                lines.append(f"| {model} ({MODELS[model]}) | {row(side, taken)} |")
                click.echo(lines[-1])
        lines += _head(
            f"In the page that computes by itself ({browser.version()}, from `file://`): from the key's event to the picture."
        )
        opening = []
        for model, what in MODELS.items():
            views, first = in_the_page(model, moves)
            opening.append(f"{model} {np.median(first):.2f} ({min(first):.2f} to {max(first):.2f})")
            for side, taken in views.items():
                lines.append(f"| {model} ({what}) | {row(side, taken)} |")
                click.echo(lines[-1])
        lines += ["", f"Seconds from its opening to its first picture, the median of five: {', '.join(opening)}."]
    lines += ["", f"{machine()}. {versions()}."]
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _head(text: str) -> list[str]:
    """The lines over a table."""
    head = ["generator", "view", "moves", "median ms", "95th percentile ms", "smallest to largest ms"]
    return ["", text, "", f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]


def row(side, taken) -> str:
    """The table's cells for one view."""
    middle, high = np.percentile(taken, [50, 95])
    return f"{side} × {side} | {len(taken)} | {middle:.1f} | {high:.1f} | {min(taken):.1f} to {max(taken):.1f}"


if __name__ == "__main__":
    main()
