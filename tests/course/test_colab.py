"""Colab, played here: a notebook alone in an empty folder, TensorFlow present, the course's package not."""

import json
import os
import shutil
import subprocess
import sysconfig
import venv
from importlib.metadata import version
from pathlib import Path

import nbformat
import pytest
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

import gan_helpers
from gan_helpers.course.notebooks import REPOSITORY, ROOT

PROBE = """
import importlib.metadata, json
from gan_helpers import data, folders
versions = {name: importlib.metadata.version(name) for name in ("tensorflow", "numpy", "gan-helpers")}
missing = data.check_files(folders.data() / "fashion-mnist")
print(json.dumps({"package": gh.__file__, "versions": versions, "missing": missing}))
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """The Python of an environment that has every package of this one except the course's.

    The packages lie outside the environment, as Colab's do: pip sees them as installed and cannot touch them.
    """
    folder = tmp_path_factory.mktemp("colab")
    packages = folder / "dist-packages"
    packages.mkdir()
    for installed in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for entry in Path(installed).iterdir():
            if "gan_helpers" not in entry.name:
                (packages / entry.name).symlink_to(entry, target_is_directory=entry.is_dir())

    venv.create(folder / "environment", symlinks=os.name != "nt")
    python = folder / "environment" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
    Path(site, "colab.pth").write_text(f"{packages}\n", encoding="utf-8")
    return python


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    """A repository that holds the working tree as a commit would, under the version's tag: what git tracks or would track. The
    newest state, on its branch, is another one, and no course at all.
    """
    folder = tmp_path_factory.mktemp("origin")
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True).stdout.decode()
    for name in names.split("\0"):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
    commands = (
        ["init", "--quiet"],
        ["add", "--all"],
        [*identity, "commit", "--quiet", "--message=all"],
        ["tag", f"v{gan_helpers.__version__}"],
        ["rm", "-r", "--quiet", "gan_helpers"],
        [*identity, "commit", "--quiet", "--message=later"],
    )
    for command in commands:
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


def test_set_up_cell_fetches_the_course(python, origin, tmp_path, monkeypatch):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    command = [python, "-c", "import tensorflow, gan_helpers"]
    before = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "No module named 'gan_helpers'" in before.stderr

    # The notebook stays as it is committed: git itself turns the course's address into that of the origin.
    repo = REPOSITORY.search((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[2]
    redirect = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{origin.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": f"https://github.com/{repo}",
    }

    class Colab(AsyncKernelManager):
        command = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        kernel_spec = KernelSpec(argv=command, env=redirect)

    (path,) = (ROOT / "notebooks").glob("05_*.ipynb")
    notebook = nbformat.read(path, as_version=4)
    setup = [cell for cell in notebook.cells if "setup" in cell.metadata.get("tags", [])]
    notebook.cells = [*setup, new_code_cell(PROBE)]
    here = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, kernel_manager_class=Colab, resources=here, coalesce_streams=True).execute()

    assert [output.text for output in notebook.cells[0].outputs] == ["Set-up complete.\n"]
    found = json.loads(notebook.cells[1].outputs[-1].text)
    assert Path(found["package"]).samefile(tmp_path / "fashion-gan-course" / "gan_helpers" / "__init__.py")
    as_before = {name: version(name) for name in ("tensorflow", "numpy", "gan-helpers")}
    assert found["versions"] == as_before, "TensorFlow and NumPy stay as they are"
    assert found["missing"] == [], "the dataset came with the course"
