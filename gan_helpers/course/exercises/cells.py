"""Exercises written into notebooks: prompt, stub and check into the lesson, all of the solutions' notebook.

A lesson's cells are known by the tag `exercise-2.1`. What the checks print is known beforehand; whatever else a cell
shows stays as long as its source does, and so does its id.
"""

import html
import re
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from gan_helpers.course.exercises import LESSONS, UNANSWERED
from gan_helpers.course.exercises.exercise import Exercise

TAG = re.compile(r"exercise-[\d.]+")


def written(path: Path) -> dict[Path, str]:
    """A lesson's notebook and that of its solutions, as they should be: path → text.

    Raises:
        ValueError: the lesson has exercises, but no place for them.
    """
    number, lesson = path.stem[:2], nbformat.read(path, as_version=4)
    if number not in LESSONS:
        return {}
    exercises, setup = LESSONS[number].EXERCISES, LESSONS[number].SETUP
    solved = path.parent / "solutions" / f"{path.stem}_solutions.ipynb"
    former = nbformat.read(solved, as_version=4) if solved.exists() else new_notebook()
    put_exercises(lesson, exercises)
    return {path: _text(lesson), solved: _text(solutions(lesson, path.name, exercises, setup, former))}


def put_exercises(lesson, exercises: dict[str, Exercise]) -> None:
    """Put a lesson's exercises where they stand now, or else after the cell that begins "Try it yourself"."""
    old = {number: [cell for cell in lesson.cells if f"exercise-{number}" in _tags(cell)] for number in exercises}
    places = [i for i, cell in enumerate(lesson.cells) if any(map(TAG.fullmatch, _tags(cell)))]
    places += [i + 1 for i, cell in enumerate(lesson.cells) if "## Try it yourself" in cell.source]
    if not places:
        raise ValueError("the lesson needs a Markdown cell with the heading `## Try it yourself`")
    new = []
    for number, exercise in exercises.items():
        cells = _in_the_lesson(number, exercise)
        for cell, former in zip(cells, old[number]):
            cell.id = former.id
        new += cells
    rest = [cell for cell in lesson.cells if not any(map(TAG.fullmatch, _tags(cell)))]
    lesson.cells = rest[: places[0]] + new + rest[places[0] :]
    _count(lesson)


def solutions(lesson, name: str, exercises: dict[str, Exercise], setup: str, former):
    """The notebook of a lesson's solutions; cells whose source stands in `former` keep their ids and outputs."""
    title = re.match(r"# (.+)", lesson.cells[0].source)[1]
    (fetch,) = [cell for cell in lesson.cells if "setup" in _tags(cell)]
    intro = (
        f"# {title}: solutions\n\nTry the exercises of [notebook {name[:2]}](../{name}) first. "
        "Each solution here is one of several right ones."
    )
    cells = [new_markdown_cell(intro), _code(fetch.source, "setup"), new_code_cell(setup)]
    for number, exercise in exercises.items():
        cells += _in_the_solutions(number, exercise)
    kept = {(cell.cell_type, cell.source): cell for cell in former.cells}
    for k, cell in enumerate(cells):
        before = kept.get((cell.cell_type, cell.source))
        cell.id = before.id if before else f"solution-{k:02}"
        if before and cell.cell_type == "code" and not cell.outputs:
            cell.outputs = before.outputs
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    _with_ids_of_their_own(cells)
    solved = new_notebook(cells=cells, metadata=metadata)
    _count(solved)
    return solved


def _in_the_lesson(number: str, exercise: Exercise) -> list:
    """Prompt, stub and check, as they stand in the lesson."""
    parts = [f"### Exercise {number}: {exercise.title}\n\n{exercise.prompt}"]
    if exercise.example:
        expression, value = exercise.example
        parts.append(f"To compare with: `{expression}` gives {value:.4f}.")
    parts.append("\n".join(_folded(step, hint) for step, hint in enumerate(exercise.hints, 1)))
    tag, key = f"exercise-{number}", number.replace(".", "-")
    check = _check(number, exercise, UNANSWERED, tag)
    cells = [
        new_markdown_cell("\n\n".join(parts), metadata={"tags": [tag]}),
        _code(exercise.stub, tag),
        check,
    ]
    for cell, part in zip(cells, ("prompt", "stub", "check")):
        cell.id = f"exercise-{key}-{part}"
    return cells


def _in_the_solutions(number: str, exercise: Exercise) -> list:
    """Text, code, check and whatever follows, as they stand in the notebook of solutions."""
    further = [
        _code(cell.source, *cell.tags) if cell.kind == "code" else new_markdown_cell(cell.source)
        for cell in exercise.afterwards
    ]
    text = new_markdown_cell(f"## Exercise {number}: {exercise.title}\n\n{exercise.because}")
    return [text, new_code_cell(exercise.solution), _check(number, exercise, f"correct. {exercise.why}"), *further]


def _check(number: str, exercise: Exercise, verdict: str, *tags: str):
    """The cell that checks an answer, with the line that it prints."""
    cell = _code(f'gh.check_answer("{number}", {exercise.answer})', *tags)
    cell.outputs = [new_output("stream", name="stdout", text=f"Exercise {number}: {verdict}\n")]
    return cell


def _folded(step: int, hint: str) -> str:
    """A hint that unfolds at a click; its code stands in HTML, which is what surrounds it."""
    hint = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(hint[0].upper() + hint[1:], quote=False))
    return f"<details><summary>Hint {step}</summary>{hint}</details>"


def _code(source: str, *tags: str):
    return new_code_cell(source, metadata={"tags": list(tags)} if tags else {})


def _tags(cell) -> list[str]:
    return cell.metadata.get("tags", [])


def _with_ids_of_their_own(cells) -> None:
    """No two cells may have the same id."""
    seen = set()
    for cell in cells:
        while cell.id in seen:
            cell.id += "-again"
        seen.add(cell.id)


def _count(notebook) -> None:
    """Number the code cells as a run from top to bottom numbers them."""
    for count, cell in enumerate((cell for cell in notebook.cells if cell.cell_type == "code"), 1):
        cell.execution_count = count
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count


def _text(notebook) -> str:
    return nbformat.writes(notebook).rstrip("\n") + "\n"
