"""What the exercises' checks share: answers in any reasonable form, and tests of their values and gradients."""

import importlib
import inspect
import re
from collections.abc import Callable

import numpy as np

from gan_helpers.course.exercises.exercise import Answers, Slip, Test


class Later:
    """A module that is imported when something of it is asked for: `tf = Later("tensorflow")`."""

    def __init__(self, name: str):
        self._name = name

    def __getattr__(self, name: str):
        return getattr(importlib.import_module(self._name), name)


tf, keras = Later("tensorflow"), Later("keras")


# --- answers in any reasonable form ---------------------------------------------------------------


def numbers(answer) -> np.ndarray:
    """Numbers, lists, arrays or tensors as float64, axes of length 1 left out: 3, [3] and [[3]] are one answer."""
    return np.asarray(answer, float).squeeze()


def words(answer) -> list[str]:
    """Text, or a collection of texts and numbers, as words and whole numbers in lower case, without punctuation."""
    parts = sorted(answer, key=str) if isinstance(answer, (set, frozenset)) else np.ravel(answer)
    text = " ".join(part if isinstance(part, str) else f"{part:g}" for part in parts)
    return re.findall(r"[a-z]+|\d+", text.lower())


def called(function, **arguments):
    """What a learner's function gives, or None: by keyword if its parameters have the exercise's names, else by position.

    Raises:
        TypeError: it is no function.
    """
    if not callable(function):
        raise TypeError(f"expected the function itself, got {type(function).__name__}")
    try:
        by_keyword = set(arguments) <= set(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # some functions written in C have no signature
        by_keyword = False
    return function(**arguments) if by_keyword else function(*arguments.values())


def call(function, **arguments):
    """What a learner's function gives; see `called`.

    Raises:
        ValueError: it returns nothing.
    """
    result = called(function, **arguments)
    if result is None or result is ...:
        raise ValueError("the function returned nothing; end it with `return …`")
    return result


# --- tests of values ------------------------------------------------------------------------------


def close(expected, decimals: int = 2) -> Test:
    """A test for numbers: the answer has the shape of `expected`, and agrees with it to so many decimals."""
    expected = np.asarray(expected, float)

    def is_right(answer) -> bool:
        answer = numbers(answer)
        return answer.shape == expected.shape and bool(np.all(np.abs(answer - expected) < 0.501 * 10.0**-decimals))

    return is_right


def gives(formula: Callable, *cases: tuple) -> Test:
    """A test for functions: for each case of arguments, the answer gives what `formula` gives, as float32 can hold it."""
    names = list(inspect.signature(formula).parameters)

    def is_right(function) -> bool:
        for case in cases:
            expected, found = numbers(formula(*case)), numbers(call(function, **dict(zip(names, case))))
            if found.shape != expected.shape or not np.allclose(found, expected, rtol=1e-4, atol=1e-5):
                return False
        return True

    return is_right


# --- tests of values and gradients ----------------------------------------------------------------


def like_on(cases: Answers, wrt: tuple[str, ...]) -> Callable[[Callable], Test]:
    """A maker of tests: `like_on(cases, wrt)(formula)` holds for functions that give what `formula` gives, on every case.

    Compared are the values, and the gradients of a weighted sum of them. Arrays reach the function as tensors.

    Args:
        cases: makes a list of tuples of arguments, in the order of the formula's parameters; not seen by the learner.
        wrt: the parameters with respect to which gradients are taken; of a network, those of its weights.
    """

    def like(formula: Callable) -> Test:
        names = list(inspect.signature(formula).parameters)

        def is_right(function) -> bool:
            return all(_agree(formula, function, dict(zip(names, case)), wrt) for case in cases())

        return is_right

    return like


def bce(logits, label, mean=None):
    """Binary cross-entropy of logits against one label."""
    return (mean or tf.reduce_mean)(tf.nn.softplus(logits) - label * logits)


def fixed(*shape: int, seed: int = 0) -> np.ndarray:
    """Normally distributed numbers that are the same every time, float32."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def slip_as(like: Callable[[Callable], Test], hint: str, wrong: Callable) -> Slip:
    """The slip of writing the function `wrong`: known by doing what it does."""
    return Slip(like(wrong), hint, lambda: [wrong])


def _agree(formula, function, case: dict, wrt) -> bool:
    """Whether two functions agree on one case, in values and gradients.

    Raises:
        ValueError: the values agree, but no gradient comes out of the second.
    """
    (expected, slopes), (found, found_slopes) = (_outcome(f, case, wrt) for f in (formula, function))
    if not _near(found, expected):
        return False
    for slope, other in zip(slopes, found_slopes):
        if slope is None:
            continue
        if other is None:
            raise ValueError(
                f"the values are right, but no gradient flows back to {' and '.join(wrt)}: compute with tf throughout, "
                "without NumPy and without stop_gradient"
            )
        if not _near(np.asarray(other), np.asarray(slope)):
            return False
    return True


def _near(found: np.ndarray, expected: np.ndarray) -> bool:
    """Whether two arrays agree to three digits, seen from the largest number among them."""
    found, expected = numbers(found), numbers(expected)
    if found.shape != expected.shape:
        return False
    size = np.abs(expected).max(initial=0.0)
    return bool(np.allclose(found, expected, rtol=1e-3, atol=1e-3 * min(size, 1.0) + 1e-7))


def _outcome(function, case: dict, wrt) -> tuple[np.ndarray, list]:
    """A function's values on a case, and the gradients of their weighted sum."""
    given = {name: tf.constant(value) if isinstance(value, np.ndarray) else value for name, value in case.items()}
    watched = []
    for name in wrt:
        watched += getattr(given[name], "trainable_variables", [given[name]])
    with tf.GradientTape() as tape:
        tape.watch([given[name] for name in wrt if tf.is_tensor(given[name])])  # weights are watched by themselves
        values = tf.cast(tf.convert_to_tensor(call(function, **given)), tf.float32)
        weights = tf.cos(tf.range(tf.size(values), dtype=tf.float32))  # uneven, or some errors would cancel
        total = tf.reduce_sum(weights * tf.reshape(values, (-1,)))
    return values.numpy(), tape.gradient(total, watched)
