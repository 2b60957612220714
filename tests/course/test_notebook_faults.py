"""Notebooks in real kernels that meet a fault."""

import html
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import papermill
import pytest
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client import AsyncKernelManager, KernelManager
from jupyter_client.kernelspec import KernelSpec
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell
from test_learners import packages_without

import gan_helpers as gh
from gan_helpers.course import notebooks

NOTEBOOKS = notebooks.ROOT / "notebooks"
SLIDERS = NOTEBOOKS / "05_latent_sliders.ipynb"


def code_cells(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def outputs(notebook, code):
    """What the one cell shows in which `code` stands."""
    (cell,) = (cell for cell in notebook.cells if cell.cell_type == "code" and code in cell.source)
    return cell.outputs


class Kernel:
    """A running kernel of this Python."""

    def __init__(self, folder):
        class ThisPython(KernelManager):
            kernel_spec = KernelSpec(**get_kernel_dict(extra_arguments=["--IPKernelApp.log_level=ERROR"]))

        self.manager = ThisPython()
        self.manager.start_kernel(cwd=str(folder))
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=300)

    def run(self, code):
        """Execute a cell; gives what it printed."""
        messages = []
        reply = self.client.execute_interactive(code, allow_stdin=False, output_hook=messages.append, timeout=300)
        assert reply["content"]["status"] == "ok", reply["content"]
        return "".join(message["content"].get("text", "") for message in messages)

    def move(self, comm, value):
        """Send what the browser sends when a slider is moved; does not wait."""
        update = {"method": "update", "state": {"value": value}, "buffer_paths": []}
        self.client.shell_channel.send(self.client.session.msg("comm_msg", {"comm_id": comm, "data": update}))

    def stop(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


# --- the explorer of notebook 05 ------------------------------------------------------------------


@pytest.fixture(scope="module")
def explored():
    """A kernel in which notebook 05 has been run as far as its first explorer."""
    kernel = Kernel(NOTEBOOKS)
    try:
        for cell in code_cells(SLIDERS):
            kernel.run(cell.source.replace('PROFILE = "lesson"', 'PROFILE = "quick"'))
            if "gh.LatentExplorer(" in cell.source:
                break
        yield kernel
    finally:
        kernel.stop()


@pytest.mark.fault(29)
@pytest.mark.parametrize("gap", [0, 0.009], ids=["all at once", "over a second"])
def test_a_hundred_moves_end_at_the_last_and_leave_no_queue(explored, gap):
    # Each drawing is slow against the hearing of a move, on a busy machine too, and what it draws is written down.
    explored.run("""
import time
drawn, every_draw = [], type(explorer)._draw
def draw():
    time.sleep(0.05)
    every_draw(explorer)
    drawn.append(float(explorer.offsets[2]))
explorer.view.value = 8
explorer.reset.click()
await explorer.settled()
explorer._draw = draw
""")
    comm = explored.run("print(explorer.sliders[2].comm.comm_id)").strip()
    for k in range(100):
        explored.move(comm, round(-3 + 0.06 * (k + 1), 2))
        time.sleep(gap)
    value, drawings = map(float, explored.run("print(explorer.sliders[2].value, len(drawn))").split())
    assert value == 3.0, "the last one wins"
    assert drawings <= 50, "the kernel answers long before a hundred drawings would be done"

    drawn, same, told = explored.run("""
await explorer.settled()
print(drawn)
last = explorer.picture.value
explorer.ask()
await explorer.settled()
print(explorer.picture.value == last)
print("_p2~3_" in explorer.state_text.value)
del explorer._draw
""").splitlines()
    drawn = json.loads(drawn)
    assert drawn == sorted(drawn) and drawn[-1] == 3.0 and len(drawn) <= 50
    assert (same, told) == ("True", "True")


@pytest.mark.slow
def test_an_explorer_cell_that_is_run_again_and_again_leaves_one_observer(explored):
    (again,) = (cell.source for cell in code_cells(SLIDERS) if cell.source.startswith("explorer = "))
    for _ in range(20):
        explored.run(again)
    drawn = explored.run("""
drawn, every_draw = [], type(explorer)._draw
type(explorer)._draw = lambda self: (drawn.append(self is explorer), every_draw(self))
explorer.sliders[2].value = 1.0
await explorer.settled()
print(drawn)
type(explorer)._draw = every_draw
""")
    assert drawn == "[True]\n"


MONITOR = """
monitor, losses = gh.ModelMonitor(n=4), gh.LossPlot()
history = gan.fit(dataset, epochs=1, callbacks=[monitor, losses], verbose=0)
"""
COUNT = """
gc.collect()
living = [type(thing).__name__ for thing in gc.get_objects()]
print(*map(living.count, ("ModelMonitor", "LossPlot", "Figure")), len(plt.get_fignums()))
"""


@pytest.mark.slow
def test_a_monitor_cell_that_is_run_a_hundred_times_leaves_one_observer(explored):
    explored.run("""
import gc
import matplotlib.pyplot as plt
gan = gh.GAN(gh.networks.mlp_generator(8, (16,)), gh.networks.mlp_discriminator((16,)), seed=SEED)
gan.compile()
dataset = gh.pipeline(np.zeros((32, 28, 28, 1), np.uint8), batch_size=32)
""")
    *_, figures_before, _ = map(int, explored.run(COUNT).split())
    explored.run(MONITOR)
    # Most of the time goes into drawing, which keeps nothing: from here on each plot shows the first one's picture.
    explored.run("png, drawn = gh.plots.Figure.png, losses.figure().png()\ngh.plots.Figure.png = lambda figure: drawn")
    for _ in range(99):
        explored.run(MONITOR)
    monitors, losses, figures, open_figures = map(int, explored.run(COUNT).split())
    explored.run("gh.plots.Figure.png = png")
    assert 1 <= monitors <= 2 and 1 <= losses <= 2, "those of the last run, and at most one more"
    assert figures <= figures_before + 2 and open_figures == 0


# --- without a kernel, without ipywidgets ---------------------------------------------------------


@pytest.mark.fault(30)
def test_without_a_kernel_each_explorer_is_a_picture_and_a_line_that_says_to_run_the_cell():
    notebook = nbformat.read(SLIDERS, as_version=4)
    page = notebooks.to_html(notebook, SLIDERS.stem)
    assert notebooks.WIDGET_VIEW not in SLIDERS.read_text(encoding="utf-8") and notebooks.WIDGET_VIEW not in page
    explorers = [cell for cell in notebook.cells if re.search(r"= gh\.LatentExplorer\(.*\n\w+$", cell.source)]
    assert len(explorers) == 2
    for cell in explorers:
        *_, still = cell.outputs
        assert set(still.data) == {"text/html", "text/plain"}
        assert "<strong>Run this cell to get sliders that move.</strong>" in still.data["text/html"]
        (alt,) = re.findall(
            r'<img alt="(Still picture[^"]+Latent length[^"]+)" src="data:image/png;base64,\w', still.data["text/html"]
        )
        assert re.search(
            rf"<strong>Run this cell to get sliders that move\.</strong></p><img alt=.{re.escape(alt)}", page
        )


@pytest.mark.fault(32)
def test_without_ipywidgets_samples_and_explorers_are_still_pictures(tmp_path):
    environment = packages_without(tmp_path / "packages", "ipywidgets", "jupyterlab_widgets", "widgetsnbextension")

    class WithoutWidgets(AsyncKernelManager):
        command = [sys.executable, "-S", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        kernel_spec = KernelSpec(argv=command, env=environment)

    notebook = nbformat.read(SLIDERS, as_version=4)
    (parameters,) = (cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    parameters.source = parameters.source.replace('"lesson"', '"quick"', 1)
    here = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, kernel_manager_class=WithoutWidgets, resources=here, coalesce_streams=True).execute()

    line = (
        "No sliders here, but still pictures: ipywidgets cannot be imported (No module named 'ipywidgets'). "
        f'Install it with  {sys.executable} -m pip install "ipywidgets>=8.1"  and restart the kernel.\n'
    )
    assert [output.text for output in outputs(notebook, "gh.check_setup(")] == [line + "Set-up complete.\n"]
    (sampled,) = outputs(notebook, "gh.plots.show_images(gh.generate(generator, z)")
    assert sampled.data["image/png"] and sampled.metadata["image/png"]["alt"]
    for explorer in ("explorer = gh.LatentExplorer(", "told = "):
        (still,) = outputs(notebook, explorer)
        assert html.escape(line.strip()) in still.data["text/html"] and "<img alt=" in still.data["text/html"]
    (restored,) = outputs(notebook, "explorer.state = state")
    assert restored.text.endswith("the same picture back: True\n"), "the explorer's own functions still work"


def test_a_package_of_another_version_than_the_notebook_is_named(capsys):
    gh.check_setup("0.1.0")
    line, *rest = capsys.readouterr().out.splitlines()
    assert "0.1.0" in line and gh.__version__ in line and rest == ["Set-up complete."]
    gh.check_setup(gh.__version__)
    assert capsys.readouterr().out == "Set-up complete.\n"


# --- parameters -----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.fault(27)
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PROFIL", "quick", "PROFIL is no parameter of this notebook; it has PROFILE, SEED. Did you mean PROFILE?"),
        ("PROFILE", "fast", "PROFILE is 'fast'; it must be one of 'quick', 'lesson', 'full'"),
    ],
    ids=["unknown parameter", "wrong profile"],
)
def test_papermill_ends_with_an_error_that_lists_what_is_valid(tmp_path, name, value, said):
    notebook = nbformat.read(SLIDERS, as_version=4)
    third = [cell.id for cell in notebook.cells if cell.cell_type == "code"][2]
    notebook.cells = notebook.cells[: [cell.id for cell in notebook.cells].index(third) + 1]
    nbformat.write(notebook, tmp_path / "in.ipynb")
    command = [sys.executable, "-m", "papermill", "in.ipynb", "out.ipynb", "-p", name, value, "--no-progress-bar"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode != 0 and f"ValueError: {said}" in result.stderr


@pytest.mark.fault(27)
def test_the_course_command_knows_its_parameters():
    command = [sys.executable, "-m", "gan_helpers.course", "run", "--bogus", "1"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 2 and "No such option" in result.stderr and "--bogus" in result.stderr
    listed = subprocess.run([*command[:4], "--help"], capture_output=True, text=True, check=True).stdout
    assert all(option in listed for option in ("--profile", "--seed", "--force", "--notebooks", "--out"))


# --- folders --------------------------------------------------------------------------------------


@pytest.mark.fault(26)
def test_another_working_directory_is_the_same_run_folder_and_the_same_data(tmp_path):
    notebook = nbformat.read(NOTEBOOKS / "04_training_and_monitoring.ipynb", as_version=4)
    notebook.cells = [cell for cell in notebook.cells if cell.cell_type == "code"][:3]
    notebook.cells.append(new_code_cell("""
import hashlib, json, os
print(json.dumps([
    os.getcwd(), str(gh.folders.runs("x")), str(gh.folders.data()), hashlib.md5(train_images.tobytes()).hexdigest(),
]))"""))  # fmt: skip
    nbformat.write(notebook, tmp_path / "in.ipynb")
    found = []
    for folder in (NOTEBOOKS, tmp_path):
        executed = papermill.execute_notebook(
            tmp_path / "in.ipynb", tmp_path / "out.ipynb", dict(PROFILE="quick"), cwd=folder, progress_bar=False
        )
        found.append(json.loads(executed.cells[-1].outputs[0].text))
    assert [Path(answer.pop(0)) for answer in found] == [NOTEBOOKS, tmp_path]
    assert found[0] == found[1]
    assert found[0][:2] == [str(notebooks.ROOT / "runs" / "x"), str(notebooks.ROOT / "data")]


TRAIN_AND_SAMPLE = """
import sys
from pathlib import Path
import numpy as np
import gan_helpers as gh
from gan_helpers import __main__ as command_line

run = gh.folders.runs("größe 日本")
assert gh.folders.root() == Path.cwd(), gh.folders.root()
images = gh.load_fashion_mnist("test")[0][:256]
for epochs in (1, 2):  # the second call goes on
    gh.train("course_mlp", run, epochs=epochs, train_images=images, verbose=0)
assert [path.name for path in gh.checkpoints.paths(run)] == ["epoch_0001.npz", "epoch_0002.npz"]
gh.export(run, "für später")
generator = gh.load_generator(Path("für später", "generator.keras"))
latents = gh.latent.sample(4, generator.input_shape[-1], seed=0)
assert np.array_equal(gh.generate(generator, latents), gh.generate(gh.load_generator(run), latents))
for name in ("ä.npz", "ö.png", "ü.gif"):
    try:
        command_line.main(["sample", str(Path("für später", "generator.keras")), "--count", "3", "--out", name])
    except SystemExit as end:
        assert not end.code, end.code
"""


@pytest.mark.slow
@pytest.mark.fault(25)
def test_a_path_with_spaces_and_other_letters(tmp_path):
    """The whole course lies there: package, data, notebooks, runs. (A first preparation: see fault 19.)"""
    folder = tmp_path / "Kurs für Größen 日本"
    shutil.copytree(notebooks.ROOT / "gan_helpers", folder / "gan_helpers")
    (folder / "data").symlink_to(notebooks.ROOT / "data", target_is_directory=True)
    (folder / "notebooks").mkdir()
    lesson = nbformat.read(NOTEBOOKS / "04_training_and_monitoring.ipynb", as_version=4)
    lesson.cells = [cell for cell in lesson.cells if cell.cell_type == "code"][:3]
    lesson.cells.append(new_code_cell('print(f"Key figure: {gh.folders.runs()}")', metadata={"tags": ["key-figure"]}))
    nbformat.write(lesson, folder / "notebooks" / "01_größe.ipynb")
    options = dict(
        cwd=folder, env={**os.environ, "PYTHONPATH": str(folder), "PYTHONUTF8": "1"}, capture_output=True, text=True
    )

    trained = subprocess.run([sys.executable, "-c", TRAIN_AND_SAMPLE], **options)
    assert trained.returncode == 0, trained.stderr
    for name in ("ä.npz", "ö.png", "ü.gif", "runs/größe 日本/images/progress.gif", "runs/größe 日本/history.csv"):
        assert (folder / name).stat().st_size > 0

    result = subprocess.run([sys.executable, "-m", "gan_helpers.course", "run", "--profile", "quick"], **options)
    assert result.returncode == 0, result.stderr
    (row,) = json.loads((folder / "runs" / "course" / "summary.json").read_text(encoding="utf-8"))
    assert (row["notebook"], row["key_figure"]) == ("01_größe", str(folder / "runs"))
    assert (folder / "runs" / "course" / "01_größe.html").stat().st_size > 0
