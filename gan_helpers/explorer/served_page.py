"""The explorer as a page of its own: Voilà serves it on the loopback address, and the page asks no other host for anything.

The page's kernel builds its explorer before anyone asks for it, and says so; the address is worth opening then. It is the
only process that imports TensorFlow. While somebody looks at the page, Voilà gets the next kernel ready, for a reload.
"""

import contextlib
import html
import json
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path

from gan_helpers.explorer import servers
from gan_helpers.explorer.layout import TEXT_WIDTH
from gan_helpers.runs import shipped
from gan_helpers.storage.whole_files import write_whole

NEXT_KERNEL = 5  # seconds after a page was asked for: its own scripts come first
PATIENCE = 300  # seconds for a kernel to get ready
READY = "ready.json"  # what the kernel says, beside the notebook

CELL = """from gan_helpers.explorer.served_page import explorer
explorer({model!r}, {pixel_range!r}, {folder!r}, {images!r})"""

# Voilà's own template asks a CDN for icons that nothing here shows, and has no heading.
TEMPLATE = """{% extends "voila/templates/lab/index.html.j2" %}
{% from "voila_setup.macro.html.j2" import voila_setup_helper_functions with context %}

{% block notebook_css %}
{{ resources.include_js("static/voila-style.js") }}
{{ super.super() }}
<style>
body.jp-Notebook { background: var(--jp-layout-color1); }
.gan-head, .gan-learned { font-family: system-ui, sans-serif; color: var(--jp-content-font-color1); }
.gan-head { padding: 8px 16px 0; }
.gan-head h1 { font-size: 22px; font-weight: 600; margin: 8px 0; }
.gan-head p { margin: 8px 0; max-width: TEXT_WIDTHpx; }
.gan-head p, .gan-learned { font-size: 14px; line-height: 1.45; }
body:has(.gan-explorer, .jp-OutputArea-output pre) .gan-loading { display: none; }
</style>
{% endblock notebook_css %}

{% block html_head_js_mermaidjs %}{% endblock html_head_js_mermaidjs %}

{% block body_header %}
{% set dark = resources.theme == "dark" %}
<link rel="icon" href="data:;base64,=">
<body class="jp-Notebook theme-{{ resources.theme }}" data-base-url="{{ resources.base_url }}voila/" data-voila="voila"
  data-jp-theme-light="{{ 'false' if dark else 'true' }}" data-jp-theme-name="JupyterLab {{ 'Dark' if dark else 'Light' }}">
{{ voila_setup_helper_functions() }}
<script>window.voila_process = () => {};</script>
<main>
<header class="gan-head">
<h1>{{ nb.metadata.title | escape_html }}</h1>
<p>The generator of a GAN draws a picture from a list of random numbers, its latent vector. Each slider moves that vector in
one direction: pull it, or press the arrow keys, and see what changes.</p>
<p class="gan-loading" role="status">Loading the sliders…</p>
</header>
<div id="rendered_cells" style="display: none">
<div>
{% endblock body_header %}
""".replace("TEXT_WIDTH", str(TEXT_WIDTH))


def explorer(model: str, pixel_range, folder: str, images=None):
    """Show the explorer of a model, in the page's kernel; the first time, what became of it is said in `folder`.

    Args:
        images: what `Dataset.open` is given, where the data set is to be said.

    Raises:
        Exception: whatever `load_generator` and `LatentExplorer` raise; then it stands on the page, too.
    """
    said = {"error": None, "kind": "", "warnings": []}
    try:
        with warnings.catch_warnings(record=True) as caught:
            from IPython.display import HTML, display

            import gan_helpers as gh

            dataset = None if images is None else gh.Dataset.open(*images)
            made = gh.LatentExplorer(gh.load_generator(model), pixel_range=pixel_range, dataset=dataset)
        if made.learned_from:
            display(HTML(f'<p class="gan-learned">{html.escape(made.learned_from)}</p>'))
        return made
    except Exception as error:
        said.update(error=str(error), kind=type(error).__name__)
        raise
    finally:
        said["warnings"] = [str(each.message) for each in caught]
        if not (path := Path(folder, READY)).exists():
            write_whole(path, json.dumps(said).encode())


@contextlib.contextmanager
def served(model: str, pixel_range=None, port: int = 0, theme: str = "light", images=None):
    """Serve a model's explorer until the block ends; enters when it is ready, with the page's address and the server's process.

    Args:
        model: what `load_generator` takes.
        pixel_range: of the generator; default what its last activation implies.
        port: on the loopback address; 0 for a free one.
        theme: "light" or "dark".
        images: of `Dataset.open`, path, size and colour, where the data set is to be said.

    Raises:
        ValueError: the port is taken, or there is no explorer of this model; says why.
        FileNotFoundError: the model is a path with nothing there.
        ConnectionError: the server has ended, or is not ready after five minutes.
    """
    port = servers.free_port(port)
    if model not in shipped.manifest():
        if not os.path.exists(model):
            shipped.load_generator(model)  # which says what there is
        model = str(Path(model).resolve())
    # The kernel's processes can hold on to the folder for a moment longer.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        code = CELL.format(model=model, pixel_range=pixel_range, folder=folder, images=images)
        _write(Path(folder), f"Latent space of {Path(model).name}", code)
        paths = filter(None, [folder, os.environ.get("JUPYTER_PATH")])
        command = _voila(Path(folder, "explorer.ipynb"), port, theme)
        with servers.served(command, port, {"JUPYTER_PATH": os.pathsep.join(paths)}) as server:
            _wait_until_ready(Path(folder, READY), server)
            yield f"http://127.0.0.1:{port}/", server


def _write(folder: Path, title: str, code: str) -> None:
    """The notebook with one cell that is to be served, and our template."""
    import nbformat

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    notebook.metadata.update(
        title=title, kernelspec={"display_name": "Python 3", "language": "python", "name": "python3"}
    )
    nbformat.write(notebook, folder / "explorer.ipynb")
    template = folder / "voila" / "templates" / "explorer"
    template.mkdir(parents=True)
    write_whole(template / "conf.json", b'{"base_template": "lab"}')
    write_whole(template / "index.html.j2", TEMPLATE.encode())


def _voila(notebook: Path, port: int, theme: str) -> list[str]:
    """The command that serves a notebook as a page, with our template and a kernel that is ready."""
    return [
        sys.executable, "-m", "voila", str(notebook), f"--port={port}", "--no-browser", f"--theme={theme}",
        "--template=explorer", "--preheat_kernel=True", f"--VoilaKernelManager.fill_delay={NEXT_KERNEL}",
        "--Voila.ip=127.0.0.1", "--Voila.port_retries=0", "--ServerApp.log_level=ERROR", "--Voila.log_level=ERROR", "--show_tracebacks=True",
    ]  # fmt: skip


def _wait_until_ready(path: Path, server) -> None:
    """Pass on what the page's kernel says of its explorer."""
    until = time.monotonic() + PATIENCE
    while not path.exists():
        if server.poll() is not None or time.monotonic() > until:
            raise ConnectionError("the page's kernel has not become ready: is there memory enough for TensorFlow?")
        time.sleep(0.1)
    said = json.loads(path.read_text(encoding="utf-8"))
    for message in said["warnings"]:
        warnings.warn(message, stacklevel=3)
    if said["error"] is not None:
        raise ValueError(said["error"] or said["kind"])
