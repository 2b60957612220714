"""The exercises' feedback: an answer goes in, one stable line comes out, and each further try brings a further hint."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Exercise:
    """What a right answer is, hints in steps from gentle to plain, and why the right answer is right."""

    is_right: Callable[[object], bool]
    hints: tuple[str, ...]
    why: str


def close(expected, tolerance: float = 1e-3) -> Callable[[object], bool]:
    """A test for numbers: the answer has the shape of `expected` and differs by at most `tolerance`."""
    expected = np.asarray(expected, float)

    def is_right(answer) -> bool:
        answer = np.asarray(answer, float)
        return answer.shape == expected.shape and bool(np.all(np.abs(answer - expected) <= tolerance))

    return is_right


EXERCISES: dict[str, Exercise] = {
    # notebook 01
    # notebook 02
    # notebook 03
    # notebook 04
    # notebook 05
}

_tries: dict[str, int] = {}


def check_answer(number: str, answer) -> None:
    """Print one line: that the answer is right and why, or the next hint.

    Args:
        number: the exercise, such as "1.2".
        answer: what the exercise asks for; None or ... while it is unanswered.

    Raises:
        ValueError: there is no such exercise; the message lists them.
    """
    if number not in EXERCISES:
        raise ValueError(f"there is no exercise {number!r}; there are {', '.join(sorted(EXERCISES))}")
    exercise = EXERCISES[number]
    if answer is None or answer is ...:
        print(f"Exercise {number}: not answered yet. Hint: {exercise.hints[0]}")
        return
    try:
        right = bool(exercise.is_right(answer))
    except Exception as error:  # whatever a learner hands in, the check answers instead of failing
        print(f"Exercise {number}: the check could not use {type(answer).__name__} ({error}). Hint: {exercise.hints[0]}")
        return
    if right:
        _tries.pop(number, None)
        print(f"Exercise {number}: correct. {exercise.why}")
        return
    hint = exercise.hints[min(_tries.get(number, 0), len(exercise.hints) - 1)]
    _tries[number] = _tries.get(number, 0) + 1
    print(f"Exercise {number}: not yet. Hint: {hint}")
