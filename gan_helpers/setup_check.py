"""Is everything that the course needs here, and new enough? Said in one line, or in one error."""

import importlib.metadata
import re
import sys

OPTIONAL = ("ipywidgets",)  # without it sliders do not move; everything else works


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _minimums() -> dict[str, str]:
    """The oldest version that will do, for each dependency of pyproject.toml."""
    lines = [line.partition(";") for line in importlib.metadata.requires("gan-helpers") or []]
    required = [requirement.strip().partition(">=") for requirement, _, marker in lines if "extra" not in marker]
    return {name: minimum for name, _, minimum in required}


def _shortfalls() -> list[str]:
    found_short = []
    for name, minimum in _minimums().items():
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            if name not in OPTIONAL:
                found_short.append(f"{name}: found none, needs {minimum} or newer")
            continue
        if _numbers(found) < _numbers(minimum):
            found_short.append(f"{name}: found {found}, needs {minimum} or newer")
    return found_short


def check_setup(version: str | None = None) -> None:
    """Print `Set-up complete.`, or say what is missing. Before that a line where sliders cannot move, and one where the package
    is of another version than the notebook.

    Args:
        version: of the course that the notebook belongs to, as in "0.2.0"; None does not ask.

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
    for line in filter(None, (_other_version(version), without_sliders())):
        print(line)
    print("Set-up complete.")


def _other_version(version: str | None) -> str:
    """A line that names both versions, where they differ; otherwise empty."""
    from gan_helpers import __version__

    if version in (None, __version__):
        return ""
    return (
        f"This notebook belongs to version {version} of the course, and gan_helpers here is {__version__}: what you see may differ "
        f"from what the notebook says. git checkout v{version} takes both from one version."
    )


def without_sliders() -> str:
    """A line that says why sliders cannot move here and how to get them; empty where ipywidgets works."""
    try:
        import ipywidgets  # noqa: F401
    except ImportError as error:
        return (
            f"No sliders here, but still pictures: ipywidgets cannot be imported ({error}). "
            f'Install it with  {sys.executable} -m pip install "ipywidgets>={_minimums()["ipywidgets"]}"  and restart the kernel.'
        )
    return ""
