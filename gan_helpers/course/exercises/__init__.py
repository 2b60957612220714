"""The exercises' feedback: an answer goes in, one stable line comes out, and each further try brings a further hint.

Each lesson's exercises stand in a module of their own, `lesson_NN.py`, as `EXERCISES`, in order, and `SETUP`, the code
that their solutions need first. A new module of this kind is found by itself.
"""

import importlib
import pkgutil
import types

import numpy as np

from gan_helpers.course.exercises.exercise import Exercise, Test

LESSONS = {
    module.name.removeprefix("lesson_"): importlib.import_module(f"{__name__}.{module.name}")
    for module in pkgutil.iter_modules(__path__)
    if module.name.startswith("lesson_")
}
EXERCISES: dict[str, Exercise] = {
    number: exercise for lesson in LESSONS.values() for number, exercise in lesson.EXERCISES.items()
}

_tries: dict[str, int] = {}


def check_answer(number: str, answer) -> None:
    """Print one line: that the answer is right and why, or a hint that fits it, or else the next hint.

    Numbers may come as lists, arrays or tensors, words in any case and with any punctuation. There is no hint before a
    first try.

    Args:
        number: the exercise, such as "1.2".
        answer: what the exercise asks for; None or ..., or a function whose body is still to be written, while it is
            unanswered.

    Raises:
        ValueError: there is no such exercise; the message lists them.
    """
    if number not in EXERCISES:
        raise ValueError(f"there is no exercise {number!r}; there are {', '.join(sorted(EXERCISES))}")
    print(f"Exercise {number}: {_verdict(number, EXERCISES[number], answer)}")


UNANSWERED = "not answered yet. Write your answer into the cell above and run both cells; a wrong answer brings a hint."


def _verdict(number: str, exercise: Exercise, answer) -> str:
    """What is said of an answer."""
    if answer is None or answer is ... or _as_it_stood(exercise.stub, answer):
        return UNANSWERED
    step = min(_tries.get(number, 0), len(exercise.hints) - 1)
    try:
        with np.errstate(all="ignore"):
            right = bool(exercise.is_right(answer))
    except Exception as error:  # whatever a learner hands in, the check answers instead of failing
        said = " ".join(str(error).split())[:200].rstrip(".")
        return f"not yet, it raised {type(error).__name__}: {said}. Hint: {exercise.hints[step]}"
    if right:
        _tries.pop(number, None)
        return f"correct. {exercise.why}"
    hint = next((slip.hint for slip in exercise.slips if _holds(slip.fits, answer)), None)
    if hint is None:
        hint = exercise.hints[step]
        _tries[number] = _tries.get(number, 0) + 1
    return f"not yet. Hint: {hint}"


def _holds(fits: Test, answer) -> bool:
    """Whether an answer is this slip; one that cannot be asked is not."""
    try:
        with np.errstate(all="ignore"):
            return bool(fits(answer))
    except Exception:
        return False


def _as_it_stood(stub: str, answer) -> bool:
    """Whether a function or class is still the stub's, its holes not filled."""
    if isinstance(answer, type):
        written = [part.__code__ for part in vars(answer).values() if isinstance(part, types.FunctionType)]
    else:
        written = [answer.__code__] if isinstance(answer, types.FunctionType) else []
    stood = [_steps(code) for code in _codes(compile(stub, "stub", "exec"))]
    return bool(written) and all(_steps(code) in stood for code in written)


def _codes(code: types.CodeType) -> list[types.CodeType]:
    """The code of every function within a code, at any depth."""
    inner = [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return inner + [deeper for part in inner for deeper in _codes(part)]


def _steps(code: types.CodeType) -> tuple:
    """What a function does, wherever it was written."""
    constants = tuple(constant for constant in code.co_consts if not isinstance(constant, types.CodeType))
    return code.co_name, code.co_code, code.co_names, constants
