"""What an exercise is: one value, from which the lesson's cells, the solution's cells, the check and its tests come."""

from collections.abc import Callable
from dataclasses import dataclass, field

Test = Callable[[object], bool]
Answers = Callable[[], list]  # made when they are asked for, since some need TensorFlow


@dataclass(frozen=True)
class Slip:
    """An answer that people typically get wrong.

    Attributes:
        fits: whether an answer is this slip.
        hint: what it is told, in place of the next step.
        examples: answers of this kind.
    """

    fits: Test
    hint: str
    examples: Answers


@dataclass(frozen=True)
class Cell:
    """A further cell of a solution notebook."""

    kind: str  # "markdown" or "code"
    source: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Exercise:
    """One exercise. Texts are Markdown; the first slip that fits is told, or else the next hint.

    Attributes:
        title: a few words, for the headings.
        prompt: what is asked, with the precision of numbers.
        stub: the learner's cell, as it stands before they begin.
        answer: what the check is given: the name of a variable or function that `stub` defines.
        hints: in steps from gentle to plain; the lesson shows them folded, the check tells one per wrong answer.
        is_right: whether an answer is right.
        why: why the right answer is right, told when it comes.
        solution: code that leaves the right answer in `answer`.
        because: the solution's text.
        slips: what people typically get wrong.
        example: an expression and its value, to four decimals: numbers that the learner can compare with.
        afterwards: further cells of the solution.
        right: right answers, in every reasonable form.
        wrong: wrong answers that are no typical slip.
        raising: answers whose trial raises, each with a part of the message.
    """

    title: str
    prompt: str
    stub: str
    answer: str
    hints: tuple[str, ...]
    is_right: Test
    why: str
    solution: str
    because: str
    slips: tuple[Slip, ...] = ()
    example: tuple[str, float] | None = None
    afterwards: tuple[Cell, ...] = ()
    right: Answers = field(default=list)
    wrong: Answers = field(default=list)
    raising: Answers = field(default=list)
