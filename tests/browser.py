"""Notebooks and pages in a real browser: JupyterLab or Voilà on a free loopback port, and Chromium, driven by Playwright.

    python tests/browser.py              # renews images/sliders.png and images/sliders.gif

The browser is the machine's own; Playwright's download is not needed.
"""

import contextlib
import io
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from gan_helpers.explorer import servers
from gan_helpers.storage import folders
from gan_helpers.storage.whole_files import write_whole

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
INSTALL = "apt-get update && apt-get install -y chromium"  # on Debian and Ubuntu, as root
OWN = re.compile(r"(http|ws)://127\.0\.0\.1[:/]|data:|blob:|about:|file:")  # addresses that stay on this machine
QUIET = (
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--force-color-profile=srgb",
)  # fmt: skip


def find() -> str | None:
    """The path of a browser of Chromium's kind on this machine; None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None) or next(filter(os.path.exists, PLACES), None)


def version() -> str:
    """What the browser calls itself, such as "Chromium 150.0.7871.46"."""
    said = subprocess.run([find(), "--version"], capture_output=True, text=True).stdout
    return " ".join(said.split()[:2])


def lab(folder: Path, port: int, token: str) -> list[str]:
    """The command that serves a folder in JupyterLab."""
    return [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={port}", "--allow-root",
        f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}", "--ServerApp.log_level=ERROR",
        "--LabApp.expose_app_in_browser=True",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--LabApp.news_url=",
    ]  # fmt: skip


@contextlib.contextmanager
def started(width: int = 1280, height: int = 900, **options):
    """A browser page, `page`: its console is in the list `page.log`, what it has asked other hosts for in `page.foreign`.

    Raises:
        FileNotFoundError: there is no browser; says how to get one.
    """
    from playwright.sync_api import sync_playwright

    path = find()
    if path is None:
        raise FileNotFoundError(f"no Chromium here; on Debian and Ubuntu, as root: {INSTALL}")
    with sync_playwright() as playwright:
        as_root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=path, args=[*QUIET, *as_root])
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        page = context.new_page()
        page.log, page.foreign = [], []
        page.on("console", lambda message: page.log.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: page.log.append(f"error: {error}"))
        for event in ("request", "websocket"):
            page.on(event, lambda asked: page.foreign.extend([] if OWN.match(asked.url) else [asked.url]))
        yield page
        browser.close()


def keep(page, name: str) -> Path:
    """Write a screenshot and the console to `runs/browser/`; gives the screenshot's path."""
    folder = folders.runs("browser")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{re.sub(r'[^A-Za-z0-9_-]+', '-', name)}.png"
    page.screenshot(path=path)
    path.with_suffix(".log").write_text("\n".join(page.log) + "\n", encoding="utf-8")
    return path


@contextlib.contextmanager
def lab_page(page, folder: Path, notebook: str, theme: str = "light"):
    """Open a notebook of a folder in JupyterLab, alone on the page, with settings of its own that nobody else sees."""
    port, token = servers.free_port(), secrets.token_hex(16)
    with tempfile.TemporaryDirectory() as settings:
        environment = {
            "JUPYTERLAB_SETTINGS_DIR": f"{settings}/settings",
            "JUPYTERLAB_WORKSPACES_DIR": f"{settings}/spaces",
        }
        own = Path(settings, "settings", "@jupyterlab")
        for plugin, values in {
            "apputils-extension/themes": f'{{"theme": "JupyterLab {theme.capitalize()}"}}',
            "apputils-extension/notification": '{"fetchNews": "false", "checkForUpdates": false}',
            "docmanager-extension/plugin": '{"autosave": false}',
            "notebook-extension/tracker": '{"windowingMode": "none"}',
        }.items():
            path = own / f"{plugin}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(values)
        address = f"http://127.0.0.1:{port}"
        with servers.served(lab(folder, port, token), port, environment):
            page.goto(f"{address}/doc/tree/{notebook}?token={token}")
            page.locator(".jp-Notebook .jp-CodeCell").last.wait_for(timeout=120_000)
            yield page


def run_all(page) -> None:
    """Run all cells of the notebook in JupyterLab, and wait until the last one has been run.

    Raises:
        RuntimeError: a cell failed.
    """
    succeeded = page.evaluate(
        """async () => {
            const session = jupyterapp.shell.currentWidget.context.sessionContext;
            await session.ready;
            await session.session.kernel.info;
            return jupyterapp.commands.execute('notebook:run-all-cells');
        }"""
    )
    if not succeeded:
        raise RuntimeError(
            "a cell failed: " + " ".join(page.locator(".jp-RenderedText[data-mime-type*=error]").all_inner_texts())
        )


# --- the pictures of the explorer in README and notebook 05 ---------------------------------------

CELLS = (
    "import gan_helpers as gh\ngenerator = gh.load_generator('course_conditional')",
    "gh.LatentExplorer(generator, seed=7)",
    "print('ready')",
)


def pictures() -> None:
    """Renew `images/sliders.png` and `images/sliders.gif`: the explorer of the shipped conditional generator in JupyterLab, in use."""
    import nbformat

    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    with tempfile.TemporaryDirectory() as folder:
        nbformat.write(notebook, Path(folder, "explorer.ipynb"))
        with started(height=1200) as page, lab_page(page, Path(folder), "explorer.ipynb"):
            run_all(page)
            frames = _in_use(page)
    write_whole(folders.root() / "images" / "sliders.png", frames[PICTURED])
    write_whole(folders.root() / "images" / "sliders.gif", _film(frames))


PICTURED = 12  # of the frames: a slider is pulled


def _in_use(page) -> list[bytes]:
    """Screenshots of the explorer: a class is chosen, sliders are pulled, a walk is taken in sixteen pictures."""
    box = page.locator(".gan-explorer")
    box.get_by_text("Nearest training images").wait_for(timeout=60_000)
    handles, frames = box.locator(".noUi-handle"), []

    def look():
        page.wait_for_timeout(500)  # the nearest images come last
        corner = box.bounding_box()
        frames.append(page.screenshot(clip={**corner, "width": 836}))  # as wide as its two columns

    def choose(label, option):
        box.get_by_label(label, exact=True).select_option(option)
        look()

    def pull(n, key, presses, times):
        handles.nth(n).focus()
        for _ in range(times):
            for _ in range(presses):
                handles.nth(n).press(key)
            look()

    look()
    for name in ("Pullover", "Dress", "Ankle boot", "Pullover"):
        choose("Class", name)
    pull(2, "ArrowRight", 4, 5)
    pull(3, "ArrowLeft", 5, 4)
    box.get_by_role("button", name="Reset", exact=True).click()
    look()
    choose("View", "4 × 4")
    choose("Class", "all in turn")
    pull(0, "ArrowRight", 10, 10)
    return frames


def _film(frames: list[bytes]) -> bytes:
    """Screenshots as a GIF of three quarters of their size, in 64 colours."""
    shots = [Image.open(io.BytesIO(frame)).convert("RGB") for frame in frames]
    size = tuple(3 * side // 4 for side in shots[0].size)
    shots = [shot.resize(size, Image.Resampling.LANCZOS) for shot in shots]
    palette = shots[PICTURED].quantize(64)
    shots = [shot.quantize(palette=palette, dither=Image.Dither.NONE) for shot in shots]
    buffer = io.BytesIO()
    durations = [500] * (len(shots) - 1) + [2000]
    shots[0].save(
        buffer, format="GIF", save_all=True, append_images=shots[1:], duration=durations, loop=0, optimize=True
    )
    return buffer.getvalue()


if __name__ == "__main__":
    if "--find" in sys.argv:  # for make: whether there is one
        sys.exit(find() is None)
    pictures()
