"""The course's commands, on toy notebooks with real kernels."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import nbformat
import psutil
import pytest
from click.testing import CliRunner
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from gan_helpers import __version__
from gan_helpers.course import notebooks

PARAMETERS = 'PROFILE = "lesson"\nSEED = 7'
KEY_FIGURE = 'print(f"Key figure: {PROFILE} {SEED}")'
PICTURE = """from IPython.display import display
png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
alt = {"image/png": {"alt": 'A "black" <dot>'}}
display({"image/png": png, "text/plain": "dot"}, raw=True, metadata=alt)"""
# Takes memory, says so, and keeps it until that has been measured.
BIG = """import pathlib, time
block = bytearray(200 * 2**20)
pathlib.Path({taken!r}).touch()
while not pathlib.Path({measured!r}).exists(): time.sleep(0.01)"""
WIDGET = "import ipywidgets\nipywidgets.IntSlider(3)"


def write_notebook(folder, name, *sources, parameters=PARAMETERS):
    cells = [
        new_markdown_cell(f"# {name}"),
        new_code_cell(parameters, metadata={"tags": ["parameters"]}),
        *map(new_code_cell, sources),
        new_code_cell(KEY_FIGURE, metadata={"tags": ["key-figure"]}),
    ]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    folder.mkdir(exist_ok=True)
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), folder / f"{name}.ipynb")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "notebooks with späces"


@pytest.fixture
def run(folder, tmp_path):
    """Run the course on the toy notebooks; gives the result and the summary's rows by name."""

    def run(*options):
        out = tmp_path / "out"
        arguments = ["run", "--notebooks", str(folder), "--out", str(out), *options]
        result = CliRunner().invoke(notebooks.main, arguments)
        summary = out / "summary.json"
        rows = json.loads(summary.read_text(encoding="utf-8")) if summary.exists() else []
        return result, {row["notebook"]: row for row in rows}

    return run


def test_success_writes_copies_html_and_summary(folder, run, tmp_path, monkeypatch):
    taken, measured, samples = tmp_path / "taken", tmp_path / "measured", []
    children = psutil.Process.children

    def sample(process, **settings):
        samples.append(taken.exists())
        if samples.count(True) == 2:  # the one before began after the memory was taken, and is over
            measured.touch()
        return children(process, **settings)

    monkeypatch.setattr(psutil.Process, "children", sample)
    write_notebook(folder, "01_a", PICTURE, WIDGET, BIG.format(taken=str(taken), measured=str(measured)))
    write_notebook(folder, "02_b", "import os\nprint(os.getcwd())")
    result, rows = run("--profile", "quick", "--seed", "11")

    assert result.exit_code == 0, result.output
    assert list(rows) == ["01_a", "02_b"]
    assert [row["key_figure"] for row in rows.values()] == ["quick 11"] * 2
    assert rows["01_a"]["peak_memory_mib"] > 200 + rows["02_b"]["peak_memory_mib"] / 2
    assert rows["01_a"]["seconds"] > 0
    assert (tmp_path / "out/summary.md").read_text(encoding="utf-8") in result.output
    page = (tmp_path / "out/01_a.html").read_text(encoding="utf-8")
    assert "alt='A \"black\" &lt;dot&gt;'" in page, "the picture's alt text"
    assert "application/vnd.jupyter.widget-state+json" in page
    executed = (tmp_path / "out/02_b.ipynb").read_text(encoding="utf-8")
    assert "notebooks with späces\\n" in executed, "it runs in the notebooks' folder"
    assert not list((tmp_path / "out").glob(".*partial*")), "no temporary file is left"


def test_a_second_course_in_the_same_folder_is_refused_by_the_first_one_s_number(folder, run, tmp_path):
    write_notebook(folder, "01_a", "1")
    script = "import sys; from gan_helpers.storage.run_lock import only_this_process as lock\nwith lock(sys.argv[1]): print(1, flush=True); input()"
    command = [sys.executable, "-c", script, tmp_path / "out"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdout.readline()
        result, rows = run()
        assert result.exit_code == 1 and f"process {first.pid} is running the course into" in result.output
        assert not rows and not list((tmp_path / "out").glob("*.ipynb"))
        first.communicate(b"\n")


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("raise ValueError('first\\nlast')", "ValueError: last"),
        ("import os; os.kill(os.getpid(), 9)", "DeadKernelError: Kernel died"),
    ],
)
def test_failure_names_notebook_and_cell_and_keeps_the_copy(folder, run, tmp_path, source, error):
    write_notebook(folder, "01_a", "print('so far')", source)
    write_notebook(folder, "02_b")
    result, rows = run()

    assert result.exit_code == 1
    copy = tmp_path / "out" / "01_a.failed.ipynb"
    message = f"Error: 01_a.ipynb failed at In [4] `{source}`: {error} (partial copy: {copy})"
    assert message in result.output.splitlines()
    assert rows["01_a"]["status"] == "failed" and "02_b" not in rows
    assert "so far" in copy.read_text(encoding="utf-8")
    assert not (copy.parent / "01_a.ipynb").exists()


def test_goes_on_with_what_is_missing(folder, run, tmp_path):
    trace = tmp_path / "trace"
    mark = f"open({str(trace)!r}, 'a').write({{}})"
    write_notebook(folder, "01_a", mark.format("'a'"))
    write_notebook(folder, "02_b", mark.format("'b'"), "1 / 0")
    assert run()[0].exit_code == 1

    write_notebook(folder, "02_b", mark.format("'B'"))
    result, rows = run()
    assert result.exit_code == 0 and list(rows) == ["01_a", "02_b"]
    assert trace.read_text() == "abB", "01_a is done, 02_b is not"
    assert not (tmp_path / "out" / "02_b.failed.ipynb").exists()

    (tmp_path / "out" / "01_a.ipynb").unlink()
    run()
    assert trace.read_text() == "abBa", "a row without its copy is not done"
    run("--seed", "8")
    assert trace.read_text() == "abBaaB", "another seed is another run"
    run("--seed", "8")
    assert trace.read_text() == "abBaaB"
    run("--seed", "8", "--force")
    assert trace.read_text() == "abBaaBaB"


@pytest.mark.fault(28)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_after_a_killed_kernel_the_next_call_goes_on_with_what_is_missing(folder, run, tmp_path):
    trace, number = tmp_path / "trace", tmp_path / "number"
    mark = f"with open({str(trace)!r}, 'a') as file: file.write({{!r}})"
    sleep = f"import os, time\nopen({str(number)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)"
    write_notebook(folder, "01_a", mark.format("a"))
    write_notebook(folder, "02_b", mark.format("b"), sleep)
    write_notebook(folder, "03_c", mark.format("c"))

    def kill_the_kernel():
        while not (number.exists() and number.read_text()):
            time.sleep(0.1)
        os.kill(int(number.read_text()), signal.SIGKILL)

    threading.Thread(target=kill_the_kernel, daemon=True).start()
    result, rows = run()
    assert result.exit_code == 1
    assert "Error: 02_b.ipynb failed at In [4] `import os, time`: DeadKernelError: Kernel died" in result.output
    assert [(name, row["status"]) for name, row in rows.items()] == [("01_a", "ok"), ("02_b", "failed")]

    write_notebook(folder, "02_b", mark.format("B"))
    result, rows = run()
    assert result.exit_code == 0 and {row["status"] for row in rows.values()} == {"ok"}
    assert trace.read_text() == "abBc", "01_a was done already"


def test_a_missing_parameter_is_named_before_anything_runs(folder, run):
    write_notebook(folder, "01_a")
    write_notebook(folder, "02_b", parameters='PROFILE = "lesson"')
    result, rows = run()
    assert result.exit_code == 1 and not rows
    for part in ("02_b.ipynb", "SEED", "PROFILE and SEED"):
        assert part in result.output


def test_a_wrong_profile_names_the_three(run, folder):
    write_notebook(folder, "01_a")
    result, _ = run("--profile", "fast")
    assert result.exit_code == 2
    for part in ("fast", "quick", "lesson", "full"):
        assert part in result.output


def refresh(folder, *names):
    return CliRunner().invoke(notebooks.main, ["refresh", "--notebooks", str(folder), *names])


def test_refresh_twice_gives_the_same_files(folder):
    write_notebook(folder, "01_a", PICTURE, WIDGET, "for i in range(3): print(i, flush=True)")
    write_notebook(folder / "solutions", "01_a_solutions", "6 * 7")
    lesson, solution = folder / "01_a.ipynb", folder / "solutions" / "01_a_solutions.ipynb"
    assert refresh(folder).exit_code == 0
    first = lesson.read_bytes(), solution.read_bytes()
    assert refresh(folder).exit_code == 0
    assert (lesson.read_bytes(), solution.read_bytes()) == first

    notebook = nbformat.read(lesson, as_version=4)
    assert [cell.id for cell in notebook.cells] == [f"cell-{number}" for number in range(6)]
    _, _, picture, widget, stream, last = notebook.cells
    assert picture.outputs[0].metadata["image/png"]["alt"] == 'A "black" <dot>'
    assert list(widget.outputs[0].data) == ["text/plain"], "no dead widget view"
    assert [output.text for output in stream.outputs] == ["0\n1\n2\n"]
    assert last.execution_count == 5 and last.metadata == {"tags": ["key-figure"]}
    assert set(notebook.metadata) == {"kernelspec", "language_info"}


def test_refresh_leaves_a_failing_notebook_as_it_was(folder):
    write_notebook(folder, "01_a", "1 / 0")
    before = (folder / "01_a.ipynb").read_bytes()
    result = refresh(folder)
    assert result.exit_code == 1 and "01_a.ipynb" in result.output and "ZeroDivisionError" in result.output
    assert (folder / "01_a.ipynb").read_bytes() == before
    assert "01_a" in refresh(folder, "07").output, "an unknown name lists what there is"


@pytest.fixture
def repository(tmp_path):
    old = "https://github.com/old-owner/old.name"
    badge = "https://colab.research.google.com/github/old-owner/old.name/blob/main/notebooks/01_a.ipynb"
    (tmp_path / "pyproject.toml").write_text(f'[project.urls]\nRepository = "{old}"\n')
    (tmp_path / "README.md").write_text(f"git clone {old}\n[x]({badge})\nhttps://github.com/other/data\n")
    write_notebook(tmp_path / "notebooks", "01_a", f'REPOSITORY = "{old}"\nVERSION = "{__version__}"', f"# {badge}")
    write_notebook(tmp_path / "notebooks/solutions", "01_a_solutions", f'REPOSITORY = "{old}"')
    return tmp_path


def badges(repository, *options):
    return CliRunner().invoke(notebooks.main, ["badges", "--root", str(repository), *options])


def test_badges_rewrite_every_address(repository):
    def texts():
        paths = [path for path in repository.rglob("*") if path.is_file()]
        return {path.name: path.read_text(encoding="utf-8") for path in paths}

    before = texts()
    result = badges(repository, "--repo", "me/my-course")
    assert result.exit_code == 0, result.output
    after = texts()
    for name, text in before.items():
        assert after[name] == text.replace("old-owner/old.name", "me/my-course")
    assert "github.com/other/data" in after["README.md"]

    result = badges(repository)
    assert result.exit_code == 0 and result.output == "" and texts() == after


def test_badges_write_the_version_into_the_notebooks(repository):
    (path,) = (repository / "notebooks").glob("*.ipynb")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(__version__, "0.0.9"), encoding="utf-8")
    assert badges(repository).exit_code == 0 and path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("name", ["", "me", "me/", "a/b/c", "me/my course", "https://github.com/me/x"])
def test_badges_refuse_a_bad_name(repository, name):
    before = (repository / "README.md").read_bytes()
    result = badges(repository, "--repo", name)
    assert result.exit_code == 2 and "owner/name" in result.output
    assert (repository / "README.md").read_bytes() == before


def test_help_imports_neither_tensorflow_nor_papermill():
    code = "import sys; from gan_helpers.course import notebooks; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    modules = run.stdout.split()
    assert "gan_helpers.course.notebooks" in modules and not {"tensorflow", "papermill", "nbformat"} & set(modules)


def test_a_bar_in_a_log_is_plain_lines(capsys):
    lines = notebooks.LogLines(sys.stderr)
    for text in ("\rCourse: 0%", "\n", "\r   ", "\rCourse: 50%   "):
        lines.write(text)
    assert capsys.readouterr().err.splitlines() == ["Course: 0%", "Course: 50%"]
