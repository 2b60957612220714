"""Lesson 04: the methods that it writes out are those that the package runs."""

import ast
import inspect
import textwrap
from pathlib import Path

import nbformat
import pytest

from gan_helpers.gan.gan import GAN
from gan_helpers.runs.monitors import LossPlot, ModelMonitor

LESSON = Path(__file__).resolve().parents[2] / "notebooks" / "04_training_and_monitoring.ipynb"


def without_docstring(method: ast.FunctionDef) -> str:
    """A method as code, without its docstring and comments."""
    body = method.body[1:] if ast.get_docstring(method) is not None else method.body
    return "\n".join(map(ast.unparse, body))


def methods_written_out(base: str) -> dict[str, str]:
    """The methods of the lesson's class that is derived from `gh.<base>`."""
    cells = [cell.source for cell in nbformat.read(LESSON, as_version=4).cells if cell.cell_type == "code"]
    classes = [node for cell in cells for node in ast.parse(cell).body if isinstance(node, ast.ClassDef)]
    (found,) = [node for node in classes if [ast.unparse(each) for each in node.bases] == [f"gh.{base}"]]
    return {node.name: without_docstring(node) for node in found.body}


@pytest.mark.parametrize(
    ("owner", "name"), [(GAN, "train_step"), (ModelMonitor, "on_epoch_end"), (LossPlot, "on_epoch_end")]
)
def test_what_the_lesson_writes_out_is_what_the_package_runs(owner, name):
    (package,) = ast.parse(textwrap.dedent(inspect.getsource(getattr(owner, name)))).body
    assert methods_written_out(owner.__name__) == {name: without_docstring(package)}
    assert len(package.body) >= 3
