"""Is everything that the course needs here, and new enough? Said in one line, or in one error."""

import importlib.metadata
import re
import sys


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _shortfalls() -> list[str]:
    found_short = []
    for line in importlib.metadata.requires("gan-helpers") or []:
        requirement, _, marker = line.partition(";")
        if "extra" in marker:
            continue
        name, _, minimum = requirement.strip().partition(">=")
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found_short.append(f"{name}: found none, needs {minimum} or newer")
            continue
        if _numbers(found) < _numbers(minimum):
            found_short.append(f"{name}: found {found}, needs {minimum} or newer")
    return found_short


def check_setup() -> None:
    """Print `Set-up complete.`, or say what is missing.

    Raises:
        ImportError: a dependency is missing or too old (names found and required versions and the command), or
            Keras runs on another backend than TensorFlow.
    """
    if short := _shortfalls():
        raise ImportError(
            "the course cannot run here:\n  " + "\n  ".join(short) + f"\nRepair it with:  {sys.executable} -m pip install"
            " --upgrade " + " ".join(f'"{s.split(":")[0]}>={s.split("needs ")[1].split(" ")[0]}"' for s in short)
            + "\nand restart the kernel."
        )  # fmt: skip
    import keras

    if keras.backend.backend() != "tensorflow":
        raise ImportError(
            f"Keras runs on the backend {keras.backend.backend()!r}; the course needs 'tensorflow'. "
            "Unset KERAS_BACKEND (or set it to tensorflow) and restart the kernel."
        )
    print("Set-up complete.")
