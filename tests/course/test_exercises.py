"""The exercises: right in every reasonable form, wrong as people get it wrong, told what fits, and the same everywhere."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

import gan_helpers as gh
from gan_helpers.course import exercises
from gan_helpers.course.exercises.cells import put_exercises, written

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
EXERCISES = exercises.EXERCISES

each = pytest.mark.parametrize("number", EXERCISES)


@pytest.fixture
def check(capsys, monkeypatch):
    """A function that checks an answer as the first try and returns the line that is printed."""

    def ask(number, answer):
        monkeypatch.setattr(exercises, "_tries", {})
        gh.check_answer(number, answer)
        (line,) = capsys.readouterr().out.splitlines()
        return line

    return ask


# --- answers ----------------------------------------------------------------------------------------


@each
def test_a_right_answer_is_right_in_every_reasonable_form(check, number):
    answers = EXERCISES[number].right()
    assert answers
    for answer in answers:
        assert check(number, answer) == f"Exercise {number}: correct. {EXERCISES[number].why}"


@each
def test_a_typical_wrong_answer_gets_the_hint_that_it_deserves(check, number):
    slips = EXERCISES[number].slips
    assert len(slips) >= 2
    for slip in slips:
        assert slip.examples()
        for answer in slip.examples():
            assert check(number, answer) == f"Exercise {number}: not yet. Hint: {slip.hint}"


@each
def test_another_wrong_answer_gets_the_first_step(check, number):
    for answer in EXERCISES[number].wrong():
        assert check(number, answer) == f"Exercise {number}: not yet. Hint: {EXERCISES[number].hints[0]}"


@each
def test_an_answer_that_raises_shows_the_message_and_a_hint(check, number):
    for answer, message in EXERCISES[number].raising():
        line = check(number, answer)
        assert line.startswith(f"Exercise {number}: not yet, it raised ") and line.endswith(EXERCISES[number].hints[0])
        assert message in line


@each
def test_no_hint_before_a_first_try(check, number):
    exercise = EXERCISES[number]
    for unanswered in (None, ..., as_it_stands(exercise)):
        line = check(number, unanswered)
        assert line == f"Exercise {number}: {exercises.UNANSWERED}"
        assert not any(hint in line for hint in exercise.hints)


def as_it_stands(exercise):
    """What a learner hands in who has run the cell and written nothing."""
    import keras  # names that a lesson has by then

    names = {"keras": keras}
    exec(exercise.stub, names)
    return names[exercise.answer]


def test_hints_come_in_steps_until_the_answer_is_right(capsys):
    for answer in (5, 6, 1.386, 7, 8, 0.69, 5):
        gh.check_answer("2.2", answer)
    first, second, slip, third, again, right, anew = capsys.readouterr().out.splitlines()
    steps = [line.partition("Hint: ")[2] for line in (first, second, third, again, anew)]
    hints = EXERCISES["2.2"].hints
    assert steps == [*hints, hints[-1], hints[0]]
    assert "log 4" in slip and "correct" in right


def test_an_unknown_exercise_is_refused():
    with pytest.raises(ValueError, match="no exercise '9.9'; there are 1.1, "):
        gh.check_answer("9.9", 1)


# --- the source, and what is written from it --------------------------------------------------------


@pytest.mark.parametrize("lesson", exercises.LESSONS)
def test_lesson_and_solutions_say_what_the_source_says(lesson):
    (path,) = NOTEBOOKS.glob(f"{lesson}_*.ipynb")
    for notebook, text in written(path).items():
        assert text == notebook.read_text("utf-8"), f"python -m gan_helpers.course exercises; then refresh {notebook}"


def test_exercises_come_into_a_new_lesson_where_they_belong():
    text = nbformat.v4.new_markdown_cell
    lesson = nbformat.v4.new_notebook(cells=[text("# 02 · A lesson"), text("## Try it yourself"), text("## Sources")])
    chosen = {number: EXERCISES[number] for number in ("2.1", "2.2")}
    for _ in range(2):  # the second time changes nothing
        put_exercises(lesson, chosen)
        sources = [cell.source for cell in lesson.cells]
        assert len(sources) == 9 and sources[1] == "## Try it yourself" and sources[-1] == "## Sources"
        assert sources[4] == 'gh.check_answer("2.1", answer_1)' and sources[5].startswith("### Exercise 2.2: ")
    with pytest.raises(ValueError, match="Try it yourself"):
        put_exercises(nbformat.v4.new_notebook(cells=[text("# 02 · A lesson")]), chosen)


@each
def test_the_example_is_what_the_solution_gives(number):
    exercise = EXERCISES[number]
    if exercise.example:
        import keras
        import numpy as np
        import tensorflow as tf

        names = {"keras": keras, "np": np, "tf": tf, "layers": keras.layers}
        exec(exercise.solution, names)
        expression, value = exercise.example
        assert round(float(eval(expression, names)), 4) == value


@each
def test_an_exercise_that_wants_a_number_states_its_precision(number):
    exercise = EXERCISES[number]
    if any(isinstance(answer, float) for answer in exercise.right()):
        assert "decimals" in exercise.prompt


@each
def test_an_exercise_belongs_to_its_lesson_and_begins_with_a_word(number):
    assert number in exercises.LESSONS[f"0{number.partition('.')[0]}"[-2:]].EXERCISES
    exercise = EXERCISES[number]
    for text in (*exercise.hints, *(slip.hint for slip in exercise.slips)):
        assert re.match(r"[\w\"'`(|0-9]", text) and text[-1] in ".?", text


def test_no_tensorflow_until_an_exercise_needs_it():
    code = "import sys, gan_helpers as gh; gh.check_answer('2.2', 5); print('tensorflow' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "False"
