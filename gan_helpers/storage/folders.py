"""Where data and runs live: the same folders from whatever working directory a notebook was started."""

import itertools
import os
import shutil
import sys
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout


def root() -> Path:
    """The course's folder: the checkout that holds this package, else the working directory."""
    checkout = Path(__file__).resolve().parent.parent.parent
    return checkout if (checkout / "notebooks").is_dir() else Path.cwd()


def data() -> Path:
    """Where the original files (`fashion-mnist/`) and the shipped generators (`pretrained/`) lie."""
    return root() / "data"


def runs(name: str = "") -> Path:
    """The folder of the run `name` (`runs/` itself without one); not created here."""
    return root() / "runs" / name


_taken: dict[str, tuple[FileLock, Path]] = {}  # by the run's name; held as long as this process lives


def new_run(name: str) -> Path:
    """An empty run folder that is this process's alone: `runs/NAME`, or `runs/NAME-2` … where another process has that.

    The same process gets the same folder again, emptied. The operating system frees it when the process ends.
    """
    if name not in _taken:
        _taken[name] = next(
            found for n in itertools.count(1) if (found := _take(runs(f"{name}-{n}" if n > 1 else name)))
        )
        if (folder := _taken[name][1]) != runs(name):
            print(f"{runs(name)} is in use by another process: this one writes into {folder}", file=sys.stderr)
    folder = _taken[name][1]
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def _take(folder: Path) -> tuple[FileLock, Path] | None:
    """The lock of a run folder, held from here on; None where another process has it, or trains into the folder."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.with_name(f".{folder.name}.lock"))  # beside the folder, which is emptied
    try:
        lock.acquire(blocking=False)
        if (folder / ".lock").exists():
            with FileLock(folder / ".lock", is_singleton=True).acquire(blocking=False):
                pass
    except Timeout:
        lock.release()
        return None
    return lock, folder


def places_for_prepared() -> tuple[Path, ...]:
    """Where prepared data sets may lie: `data/prepared`, or a folder of the user's own where that is read-only."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fashion-gan-course" / "prepared"
    return data() / "prepared", cache, Path(tempfile.gettempdir()) / "fashion-gan-course-prepared"


def prepared() -> Path:
    """The first of `places_for_prepared` that can be written to."""
    preferred, cache, temporary = places_for_prepared()
    for folder in (preferred, cache, temporary):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):  # os.access lies for root and on Windows; a file does not
                return folder
        except OSError:
            continue
    raise PermissionError(
        f"no writable folder for the prepared dataset: tried {preferred}, {cache} and the temporary folder"
    )
