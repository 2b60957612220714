"""The course's own commands: run all notebooks, refresh the committed outputs, write the exercises and the badges.

    python -m gan_helpers.course run --profile quick
    python -m gan_helpers.course exercises
    python -m gan_helpers.course refresh 03_dcgan
    python -m gan_helpers.course badges --repo owner/name

papermill, nbclient and nbconvert are imported where they are used, so `--help` answers at once.
"""

import contextlib
import hashlib
import json
import os
import re
import sys
import threading
import time
from pathlib import Path

import click

from gan_helpers import __version__
from gan_helpers.course.profiles import PROFILES
from gan_helpers.storage.run_lock import only_this_process
from gan_helpers.storage.whole_files import write_whole

ROOT = Path(__file__).resolve().parent.parent.parent
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
NATIVE_LOG = re.compile(r"(WARNING: All log messages before absl|[IW]\d{4} [\d:. ]+\S+:\d+\] ).*\n?")  # C++, at import

# nbconvert's lab template leaves out the alt text that a picture carries in its metadata: put it in.
HTML_TEMPLATE = """{% extends "index.html.j2" %}
{% block data_png %}
{%- set alt = output | get_metadata("alt", "image/png") -%}
{{ super() | replace("<img ", '<img alt="%s" ' % (alt | escape_html)) if alt else super() }}
{%- endblock %}"""

FOLDER = click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path)
OUT_FOLDER = click.Path(file_okay=False, resolve_path=True, path_type=Path)


@click.group()
def main():
    """Run, refresh and re-address the course's notebooks."""


# --- run ------------------------------------------------------------------------------------------


@main.command()
@click.option("--profile", type=click.Choice(PROFILES), default="lesson", show_default=True)
@click.option("--seed", type=int, default=7, show_default=True)
@click.option("--force", is_flag=True, help="Begin anew, whatever is already done.")
@click.option("--notebooks", type=FOLDER, default=ROOT / "notebooks", help="Folder of the lessons.")
@click.option("--out", type=OUT_FOLDER, default=ROOT / "runs" / "course", help="Folder of the results.")
def run(profile, seed, force, notebooks, out):
    """Run all lessons in order; write executed copies, HTML and a summary table.

    A lesson is done when the summary says "ok" for the same notebook, profile and seed: called again, the
    command goes on with what is missing. It stops at the first lesson that fails.
    """
    from tqdm import tqdm

    parameters = {"PROFILE": profile, "SEED": seed}
    lessons = find_lessons(notebooks)
    for lesson in lessons:
        check_parameters(lesson, parameters)
    try:  # the second of two at once would write into the first one's files
        click.get_current_context().with_resource(only_this_process(out, "running the course into"))
    except BlockingIOError as error:
        raise click.ClickException(str(error)) from None

    wanted = {lesson.stem: {"sha256": sha256(lesson), "profile": profile, "seed": seed} for lesson in lessons}
    rows = {} if force else finished(out, wanted)
    write_summary(out, list(rows.values()))
    todo = [lesson for lesson in lessons if lesson.stem not in rows]
    bar = tqdm(todo, "Course", len(lessons), initial=len(rows), unit="notebook", **bar_style(position=0))
    for lesson in bar:
        row = {"notebook": lesson.stem, **wanted[lesson.stem], **execute(lesson, out, parameters)}
        rows = dict(sorted({**rows, lesson.stem: row}.items()))
        write_summary(out, list(rows.values()))
        if row["status"] != "ok":
            bar.close()
            click.echo(table(rows.values()))
            copy = out / f"{lesson.stem}.failed.ipynb"
            raise click.ClickException(f"{lesson.name} failed {row['error']} (partial copy: {copy})")
    click.echo(table(rows.values()))


def find_lessons(folder):
    """The notebooks `NN_name.ipynb` of a folder, in order."""
    lessons = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not lessons:
        raise click.ClickException(f"no notebook NN_name.ipynb in {folder}")
    return lessons


def check_parameters(lesson, parameters):
    """Raise if the lesson's cell tagged `parameters` does not set every one of `parameters`."""
    import papermill

    has = papermill.inspect_notebook(lesson)
    for name in parameters:
        if name not in has:
            raise click.ClickException(
                f"{lesson.name}: the cell tagged 'parameters' does not set {name}; it must set "
                f"{' and '.join(parameters)}, and sets {', '.join(has) or 'nothing'}"
            )


def finished(out, wanted):
    """Rows of an earlier summary that still hold: ok, what is wanted now, and the results are there."""
    try:
        rows = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return {
        row["notebook"]: row
        for row in rows
        if row["status"] == "ok"
        and row["notebook"] in wanted
        and wanted[row["notebook"]].items() <= row.items()
        and all((out / f"{row['notebook']}{suffix}").exists() for suffix in (".ipynb", ".html"))
    }


def execute(lesson, out, parameters):
    """Run one lesson with papermill, write its copy and its HTML, and return its row of the summary."""
    import nbformat
    import papermill

    partial, failed = out / f".{lesson.stem}.partial.ipynb", out / f"{lesson.stem}.failed.ipynb"
    error, start = None, time.monotonic()
    with PeakMemory() as memory:
        try:
            papermill.execute_notebook(
                lesson,
                partial,
                parameters,
                cwd=lesson.parent,
                kernel_name="python3",
                kernel_manager_class=kernel_manager_class(),
                progress_bar={"desc": lesson.stem, **bar_style(position=1)},
            )
        # A kernel that dies is a RuntimeError, a cell out of time a TimeoutError.
        except (papermill.PapermillExecutionError, RuntimeError, TimeoutError) as failure:
            error = describe(failure, nbformat.read(partial, as_version=4))
    seconds = time.monotonic() - start

    executed = nbformat.read(partial, as_version=4)
    if not error:
        write_whole(out / f"{lesson.stem}.html", to_html(executed, title=lesson.stem).encode())
        failed.unlink(missing_ok=True)
    os.replace(partial, failed if error else out / lesson.name)
    return {
        "seconds": round(seconds, 1),
        "peak_memory_mib": round(memory.peak / 2**20),
        "status": "failed" if error else "ok",
        "key_figure": key_figure(executed),
        "error": error,
    }


def describe(failure, executed):
    """One line: the cell that was running, by number and first line, and the error's last line."""
    cells = [cell for cell in executed.cells if cell.cell_type == "code"]
    started = [number for number, cell in enumerate(cells, 1) if cell.metadata.papermill.start_time]
    where = "before its first cell"
    if started:
        first_line = cells[started[-1] - 1].source.partition("\n")[0]
        where = f"at In [{started[-1]}] `{first_line}`"
    name = getattr(failure, "ename", type(failure).__name__)
    message = getattr(failure, "evalue", str(failure)).strip()
    return f"{where}: {name}: {message.splitlines()[-1] if message else ''}"


def key_figure(executed):
    """What the cell tagged `key-figure` printed after "Key figure:"; empty if it printed nothing."""
    for cell in executed.cells:
        if "key-figure" in cell.metadata.get("tags", []):
            text = "".join(output.get("text", "") for output in cell.outputs)
            return text.strip().removeprefix("Key figure:").strip()
    return ""


def to_html(executed, title):
    """The notebook as one HTML page: pictures with their alt text and the state of widgets inside."""
    from jinja2 import DictLoader
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(
        template_name="lab",
        template_file="course.html.j2",
        extra_loaders=[DictLoader({"course.html.j2": HTML_TEMPLATE})],
        embed_images=True,
    )
    return exporter.from_notebook_node(executed, {"metadata": {"name": title}})[0]


def write_summary(out, rows):
    """Write the rows as summary.json and, as a table, summary.md."""
    write_whole(out / "summary.json", (json.dumps(rows, indent=2, ensure_ascii=False) + "\n").encode())
    write_whole(out / "summary.md", (table(rows) + "\n").encode())


def table(rows):
    """The rows as a Markdown table that is legible in a terminal, too."""
    columns = ("notebook", "seconds", "peak_memory_mib", "status", "key_figure")
    lines = [("notebook", "seconds", "peak MiB", "status", "key figure"), ("---",) * len(columns)]
    lines += [tuple(str(row[column]).replace("|", r"\|") for column in columns) for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(f"| {' | '.join(map(str.ljust, line, widths))} |" for line in lines)


class PeakMemory(threading.Thread):
    """Peak resident memory, in bytes, of all processes below this one: a kernel and what it starts.

    Sampled five times a second; pages that processes share count once in each of them.
    """

    def __init__(self):
        super().__init__(daemon=True)
        self.peak = 0
        self._over = threading.Event()

    def run(self):
        """Sample until the `with` block ends."""
        import psutil

        this = psutil.Process()
        while not self._over.wait(0.2):
            total = 0
            for process in this.children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    total += process.memory_info().rss
            self.peak = max(self.peak, total)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self.join()


class LogLines:
    """A stream for progress bars in a log: every refresh is a line of its own."""

    def __init__(self, stream):
        self.stream = stream

    def write(self, text):
        """Pass on what is visible of `text` as one line."""
        if line := text.strip():
            self.stream.write(line + "\n")

    def flush(self):
        """Pass on to the stream."""
        self.stream.flush()


def bar_style(position):
    """Options of a tqdm bar: live in a terminal; in a log one line now and then."""
    if sys.stderr.isatty():
        return {"position": position, "leave": position == 0}
    return {"file": LogLines(sys.stderr), "position": 0, "mininterval": 30 * position, "ncols": 80}


# --- refresh --------------------------------------------------------------------------------------


@main.command()
@click.argument("names", nargs=-1)
@click.option("--notebooks", type=FOLDER, default=ROOT / "notebooks", help="Folder of the lessons.")
def refresh(names, notebooks):
    """Re-execute committed notebooks (all, or those whose name begins with one of NAMES) in place.

    A notebook that fails is left as it was.
    """
    from nbclient.exceptions import CellExecutionError
    from tqdm import tqdm

    paths = find_lessons(notebooks) + sorted((notebooks / "solutions").glob("[0-9][0-9]_*.ipynb"))
    names = tuple(Path(name).stem for name in names)
    for name in names:
        if not any(path.stem.startswith(name) for path in paths):
            raise click.ClickException(
                f"no notebook begins with {name!r}; there are {', '.join(path.stem for path in paths)}"
            )
    paths = [path for path in paths if path.stem.startswith(names or "")]
    bar = tqdm(paths, "Refresh", unit="notebook", **bar_style(position=0))
    for path in bar:
        bar.set_postfix_str(path.stem)
        try:
            text = refreshed(path)
        except (CellExecutionError, RuntimeError, TimeoutError) as error:
            bar.close()
            raise click.ClickException(f"{path.name}: {error}") from None
        write_whole(path, text.encode())


def refreshed(path):
    """The notebook's text after a run from a fresh kernel, without anything that changes by itself."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook,
        timeout=None,
        kernel_name="python3",
        kernel_manager_class=kernel_manager_class(),
        resources={"metadata": {"path": str(path.parent)}},
        coalesce_streams=True,
        record_timing=False,
        store_widget_state=False,
    ).execute()
    strip_volatile(notebook)
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def strip_volatile(notebook):
    """Remove what differs from run to run or from machine to machine, and tells a reader nothing.

    Widget views go too. They name a model that died with its kernel: JupyterLab would show "model not
    found" in place of the picture or the text beside them. nbval does not compare them.
    """
    notebook.metadata.clear()
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        for key in set(cell.metadata) - {"tags", "jupyter"}:
            del cell.metadata[key]
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET_VIEW, None)
            if output.get("name") == "stderr":
                output.text = NATIVE_LOG.sub("", output.text)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr" or output.text]


def kernel_manager_class():
    """A kernel manager that always starts this Python, whatever kernels are installed on the machine."""
    from ipykernel.kernelspec import get_kernel_dict
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpec

    class ThisPython(AsyncKernelManager):
        # Only errors: newer kernels warn at every start that they talk over an unencrypted loopback address.
        kernel_spec = KernelSpec(**get_kernel_dict(extra_arguments=["--IPKernelApp.log_level=ERROR"]))

    return ThisPython


# --- exercises ------------------------------------------------------------------------------------


@main.command()
@click.option("--notebooks", type=FOLDER, default=ROOT / "notebooks", help="Folder of the lessons.")
def exercises(notebooks):
    """Write the exercises from gan_helpers/course/exercises/ into the lessons and the notebooks of solutions.

    What a lesson's cells show stays right; refresh the solutions that are said to have been rewritten.
    """
    from gan_helpers.course.exercises.cells import written

    for lesson in find_lessons(notebooks):
        for path, text in written(lesson).items():
            rewrite(path, text)


# --- badges ---------------------------------------------------------------------------------------

NAME = r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+"
REPOSITORY = re.compile(rf'^(Repository = "https://github\.com/)({NAME})(")$', re.MULTILINE)
# Where a notebook or the README speaks of this repository; addresses of others stay as they are.
VERSION = re.compile(r'(VERSION = \\?")([\w.]+)')  # of the course, in a notebook's set-up cell
ADDRESSES = re.compile(
    rf"(colab\.research\.google\.com/github/|(?:git clone |REPOSITORY = \\?\")https://github\.com/)({NAME})"
    rf"|(https://github\.com/)({NAME})(?=/actions/workflows/)"
)


@main.command()
@click.option("--repo", help="The repository on GitHub, as owner/name; kept in pyproject.toml.")
@click.option("--root", type=FOLDER, default=ROOT, help="The repository's folder.")
def badges(repo, root):
    """Write the repository's address into pyproject.toml, the notebooks and the README, and the course's version into notebooks."""
    project = root / "pyproject.toml"
    text = project.read_text(encoding="utf-8")
    repo = REPOSITORY.search(text)[2] if repo is None else repo
    if not re.fullmatch(NAME, repo):
        raise click.BadParameter(f"{repo!r} is not of the form owner/name", param_hint="--repo")

    rewrite(project, REPOSITORY.sub(rf"\g<1>{repo}\g<3>", text))
    for path in [root / "README.md", *sorted((root / "notebooks").rglob("[0-9][0-9]_*.ipynb"))]:
        text = path.read_text(encoding="utf-8")
        text = ADDRESSES.sub(lambda match: (match[1] or match[3]) + repo, text)
        rewrite(path, VERSION.sub(rf"\g<1>{__version__}", text))


# --- files ----------------------------------------------------------------------------------------


def sha256(path):
    """Hash of a file's bytes, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def rewrite(path, text):
    """Write `text` if the file does not hold it yet, and say so."""
    if not path.exists() or text != path.read_text(encoding="utf-8"):
        write_whole(path, text.encode())
        click.echo(f"rewritten: {path.name}")
