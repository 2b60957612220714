"""What a machine can check of the repository: dependencies, floors of the package, anatomy of notebooks."""

import ast
import re
import statistics
from pathlib import Path

import nbformat
import pytest
import yaml

import gan_helpers
from gan_helpers.course.notebooks import ADDRESSES, NAME, REPOSITORY

ROOT = Path(__file__).resolve().parent.parent
LESSONS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
REPO = REPOSITORY.search(PROJECT)[2]
SOLUTIONS = sorted((ROOT / "notebooks" / "solutions").glob("*.ipynb"))
MACHINE_PATH = re.compile(r"(?<![\w.])/(home|root|Users|tmp|work|content|mnt|opt)/|[A-Z]:\\")

# --- dependencies ---------------------------------------------------------------------------------


def requirements():
    """The requirements in pyproject.toml, extra by extra (Python 3.10 has no tomllib)."""
    lists = re.findall(r"^(dependencies|lab|sweep|test) = \[(.*?)\]$", PROJECT, re.MULTILINE | re.DOTALL)
    return {name: re.findall(r'"([^"]+)"', body) for name, body in lists}


def test_environment_yml_equals_pyproject():
    wanted = requirements()
    everything = [
        *wanted["dependencies"],
        *wanted["lab"],
    ]  # what learners run; tests and sweeps have locks of their own
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    python, pip, packages = environment["dependencies"]
    assert packages["pip"] == [*everything, "-e ."]
    specifier = re.search(r'requires-python = "(.+)"', PROJECT)[1]
    assert (python, pip) == (f"python {specifier}", "pip")
    assert environment["channels"] == ["conda-forge"]


def pins(lock):
    """What a lock pins, as it stands there, without hashes; each has one, and none names an address."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert not re.search(r"://|--(extra-)?index|--find-links|--trusted|@ ", text)
    found = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).strip())
    for pin in found:
        assert re.match(r"[\w.-]+==\S+", pin) and "--hash=sha256:" in pin, pin.splitlines()[0]
    return {tuple(pin.split()[0].split("==")) for pin in found}


LOCKS = {
    "test": "requirements-test.lock",
    "sweep": "requirements-sweep.lock",
}  # of the extras that learners do not need


def test_locks_pin_and_hash_everything_name_no_address_and_agree():
    locked = pins("requirements.lock")
    versions = dict(locked)
    for extra, lines in requirements().items():
        pinned = pins(LOCKS[extra]) if extra in LOCKS else locked
        for line in lines:
            name = re.match(r"[\w-]+", line)[0].lower().replace("_", "-")
            assert name in dict(pinned), f"{name} is not locked: make lock"
        others = {pin for pin in pinned - locked if pin[0] in versions}
        assert not others, f"{others} would be changed by the installation of {extra}: make lock"
    assert not {"pytest", "ruff", "optuna"} & set(versions), "learners need none of these"


def test_the_documentation_shows_the_benchmarks_own_numbers():
    shown = (ROOT / "docs" / "quality_and_speed.md").read_text(encoding="utf-8")
    for name in ("recipes.md", "quality_per_minute.md"):
        results = (ROOT / "benchmarks" / "results" / name).read_text(encoding="utf-8")
        rows = [line for line in results.splitlines() if line.startswith("|")]
        assert len(rows) > 4 and all(row in shown for row in rows)
    explorer = (ROOT / "benchmarks" / "results" / "explorer.md").read_text(encoding="utf-8")
    kernel, in_browser = (
        re.search(rf"{part}.*?\| 1 × 1 \| \d+ \| ([\d.]+) \| ([\d.]+)", explorer, re.DOTALL)
        for part in ("In the kernel", "In the browser")
    )
    assert f"{float(kernel[1]):.0f} ms (95th percentile {float(kernel[2]):.0f} ms)" in shown
    assert f"{float(in_browser[1]):.0f} ms ({float(in_browser[2]):.0f} ms)" in shown
    throughput = (ROOT / "benchmarks" / "results" / "throughput.md").read_text(encoding="utf-8")
    ratio = re.search(r"precision auto \|.*?\| ([\d.]+) \([\d. to]+\) \| [\d.]+ GiB", throughput)[1]
    assert f"makes {float(ratio):.1f} times the images/s" in shown


def test_every_fault_has_its_row_and_its_test():
    rows = re.findall(r"^\| (\d+) \| \S", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert [int(number) for number in rows] == list(range(1, 50))
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert {int(number) for number in re.findall(r"^@pytest\.mark\.fault\((\d+)\)$", tests, re.MULTILINE)} == set(
        range(1, 50)
    )


# --- rooms of the package ---------------------------------------------------------------------------

# A room imports only from those before it, and nobody needs the course to train a GAN.
ROOMS = (
    *(
        "storage",
        "setup_check",
        "images",
        "data",
        "plots",
        "networks",
        "gan",
        "metrics",
        "model_files",
        "runs",
        "explorer",
        "course",
    ),
    "__main__",
)
PACKAGE = ROOT / "gan_helpers"
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path != PACKAGE / "__init__.py"
}


def package_imports(path):
    """The modules of the package that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path.name}: import from gan_helpers, not from a dot"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            if name.startswith("gan_helpers.") and name != "gan_helpers.__version__":
                parts = name.split(".")[1:]
                found = [".".join(parts[:n]) for n in range(len(parts), 0, -1)]
                found += [gan_helpers._MODULES.get(parts[0])]  # a name of the surface, as the command line says it
                yield next(module for module in found if module in MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_one_way(module):
    room = module.split(".")[0]
    assert room in ROOMS, f"{room} is no room yet: give it its place here and in CONTRIBUTING.md"
    for imported in package_imports(MODULES[module]):
        other = imported.split(".")[0]
        assert ROOMS.index(other) <= ROOMS.index(room), f"{module} must not import {imported}"
        inside = other == room and imported != module
        assert not inside or "." in imported, f"{module} must import from a module of its own room, not from the room"


def test_no_circle_of_imports():
    imports = {module: set(package_imports(path)) - {module} for module, path in MODULES.items()}
    while free := [module for module, needed in imports.items() if not needed & imports.keys()]:
        for module in free:
            del imports[module]
    assert not imports


def test_the_way_of_a_recipe_is_as_written_and_never_returns_to_a_room():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    way = re.findall(r"^\d+\. \[`(\S+):(\d+)`\]\(\1#L\2\)", text, re.MULTILINE)
    rooms = []
    for name, number in way:
        line = (ROOT / name).read_text(encoding="utf-8").splitlines()[int(number) - 1]
        assert line.lstrip().startswith("def "), f"{name}:{number} is no function any more: correct CONTRIBUTING.md"
        rooms += [name] if name not in rooms[-1:] else []
    assert len(way) > 5 and len(set(rooms)) == len(rooms)


def test_the_package_has_few_rooms_and_no_long_method():
    assert len([path for path in PACKAGE.iterdir() if path.name != "__pycache__"]) <= 14
    for path in MODULES.values():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if path.parent.name == "explorer" and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                documented = ast.get_docstring(node) and len(node.body) > 1
                assert node.end_lineno - node.body[bool(documented)].lineno < 40, f"{path.name}: {node.name} is long"


def test_the_page_is_installed_whole_readable_and_asks_nobody():
    folder = PACKAGE / "explorer" / "web"
    parts = [path for path in folder.iterdir() if path.suffix in (".html", ".css", ".js")]
    kinds = re.search(r'"gan_helpers.explorer.web" = \[(.*?)\]', PROJECT)[1]
    assert len(parts) >= 8 and {f'"*{path.suffix}"' for path in parts} == set(kinds.split(", "))
    for path in parts:
        text = path.read_text(encoding="utf-8")
        assert max(map(len, text.splitlines())) < 180 and len(text.splitlines()) < 500, (
            f"{path.name}: write it readably"
        )
        assert not re.search(r"https?://|@import|url\(", text), f"{path.name} asks another host"
        assert path.suffix != ".js" or "</script" not in text, f"{path.name} would end its own element"


# --- anatomy of the notebooks ---------------------------------------------------------------------


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook):
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def tagged(notebook, tag):
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]


def outputs(notebook):
    return [output for cell in code_cells(notebook) for output in cell.outputs]


@pytest.fixture(scope="module", params=LESSONS, ids=lambda path: path.stem)
def lesson(request):
    """A lesson's path and its notebook."""
    return request.param, nbformat.read(request.param, as_version=4)


@pytest.fixture(scope="module", params=LESSONS + SOLUTIONS, ids=lambda path: path.stem)
def any_notebook(request):
    """Path and notebook of a lesson or a solution."""
    return request.param, nbformat.read(request.param, as_version=4)


def test_lessons_are_numbered_and_each_has_its_solution():
    assert [path.stem[:2] for path in LESSONS] == [f"{n:02}" for n in range(1, len(LESSONS) + 1)]
    assert len(LESSONS) >= 5
    assert [path.stem for path in SOLUTIONS] == [f"{path.stem}_solutions" for path in LESSONS]


def test_opening(lesson):
    path, notebook = lesson
    first = notebook.cells[0]
    assert first.cell_type == "markdown"
    assert re.match(rf"# {path.stem[:2]} · \S", first.source)
    headings = re.findall(r"^# ", prose(notebook), re.MULTILINE)
    assert len(headings) == 1, "one H1"
    link = f"https://colab.research.google.com/github/{REPO}/blob/main/notebooks/{path.name}"
    assert f"[![Open in Colab](../images/open_in_colab.svg)]({link})" in first.source
    for picture in re.findall(r"!\[[^]]*\]\(([^)]+)\)", prose(notebook)):
        assert (path.parent / picture).is_file(), f"{picture} is no picture of ours: JupyterLab would ask another host"
    for part in ("**You will be able to**", "**Needs**", "**Time**: quick"):
        assert part in first.source


def test_set_up_cell_is_the_same_everywhere(any_notebook):
    _, notebook = any_notebook
    (cell,) = tagged(notebook, "setup")
    (reference,) = tagged(nbformat.read(LESSONS[0], as_version=4), "setup")
    assert code_cells(notebook)[0] is cell
    assert cell.source == reference.source
    lines = cell.source.splitlines()
    assert f'REPOSITORY = "https://github.com/{REPO}"' in lines
    assert f'VERSION = "{gan_helpers.__version__}"' in lines, "make badges writes it"


def test_the_version_is_the_same_everywhere():
    assert re.search(r'^version = "(.+)"$', PROJECT, re.MULTILINE)[1] == gan_helpers.__version__
    assert f"## {gan_helpers.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_addresses_agree_with_pyproject():
    """`make badges` has been run: README and notebooks name the repository of pyproject.toml."""
    assert re.fullmatch(NAME, REPO)
    for path in [ROOT / "README.md", *LESSONS, *SOLUTIONS]:
        for match in ADDRESSES.finditer(path.read_text(encoding="utf-8")):
            assert REPO in (match[2], match[4]), f"{path.name}: {match[0]}"


def test_parameters_and_profile(lesson):
    _, notebook = lesson
    (cell,) = tagged(notebook, "parameters")
    assert code_cells(notebook)[1] is cell
    values = {}
    exec(cell.source, values)
    assert (values["PROFILE"], values["SEED"]) == ("lesson", 7)
    assert "choose_profile(" in code_cells(notebook)[2].source


def test_sections(lesson):
    _, notebook = lesson
    text = prose(notebook)
    titles = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert titles[0].startswith("1. ") and "Try it yourself" in titles
    assert titles.index("What you learned") > titles.index("Try it yourself")
    for part in ("predict", "what happened", "<details>"):
        assert part in text.lower()


def test_executed_in_order_without_errors_or_noise(any_notebook):
    _, notebook = any_notebook
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for output in outputs(notebook):
        assert output.output_type != "error", output.get("evalue")
        assert output.get("name") != "stderr", output.get("text")


def test_every_picture_has_alt_text(any_notebook):
    _, notebook = any_notebook
    for output in outputs(notebook):
        if "image/png" in output.get("data", {}):
            alt = output.metadata.get("image/png", {}).get("alt", "")
            assert len(alt) >= 20, f"alt text {alt!r}"
    assert "![](" not in prose(notebook), "a picture in the text without alt text"


def test_nbval_compares_most_cells(any_notebook):
    """Of the cells that show text, and apart from those of the cells that show pictures."""
    _, notebook = any_notebook
    assert not tagged(notebook, "nbval-skip") and not tagged(notebook, "raises-exception")
    code = "\n".join(cell.source for cell in code_cells(notebook))
    assert not re.search(r"#\s*(NBVAL|PYTEST_VALIDATE)_", code), "say it with a tag"

    def compared(shows):
        shown = [cell for cell in code_cells(notebook) if any(map(shows, cell.outputs))]
        return [cell not in tagged(notebook, "nbval-ignore-output") for cell in shown]

    is_picture = lambda output: re.search(r"'image/|src=\"data:image/", str(output.get("data")))  # noqa: E731
    texts, pictures = compared(lambda output: not is_picture(output)), compared(is_picture)
    assert statistics.mean(texts) >= 0.6, f"nbval compares {statistics.mean(texts):.0%} of the cells that show text"
    assert not pictures or any(pictures), "nbval compares no picture"


def test_code_comes_in_small_steps(lesson):
    _, notebook = lesson
    lengths = [len(cell.source.splitlines()) for cell in code_cells(notebook)]
    assert statistics.median(lengths) <= 8, sorted(lengths)


def test_key_figure_is_the_last_cell(lesson):
    _, notebook = lesson
    (cell,) = tagged(notebook, "key-figure")
    assert code_cells(notebook)[-1] is cell
    (output,) = cell.outputs
    assert re.fullmatch(r"Key figure: .+\n", output.text)


def test_nothing_of_the_machine_is_left(any_notebook):
    path, notebook = any_notebook
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    for cell in notebook.cells:
        assert set(cell.metadata) <= {"tags", "jupyter"}
    for output in outputs(notebook):
        text = output.get("text", "") + output.get("data", {}).get("text/plain", "")
        assert not MACHINE_PATH.search(text), text
    for cell in notebook.cells:
        assert not MACHINE_PATH.search(cell.source), cell.source


def test_exercises_answer_back(lesson):
    """The committed lesson stands unanswered, and gives no hint away; its solution stands solved."""
    path, notebook = lesson
    solution = nbformat.read(path.parent / "solutions" / f"{path.stem}_solutions.ipynb", as_version=4)

    def exercises(notebook, verdict):
        lines = "".join(output.get("text", "") for output in outputs(notebook))
        return re.findall(rf"^Exercise ([\d.]+): {verdict}", lines, re.MULTILINE)

    unanswered = exercises(notebook, r"not answered yet\. \S")
    assert len(unanswered) >= 2 and exercises(notebook, "") == unanswered
    assert exercises(solution, r"correct\. \S") == unanswered
    assert not exercises(solution, "not ")
