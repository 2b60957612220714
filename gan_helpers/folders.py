"""Where data and runs live: the same folders from whatever working directory a notebook was started."""

import os
import tempfile
from pathlib import Path


def root() -> Path:
    """The course's folder: the checkout that holds this package, else the working directory."""
    checkout = Path(__file__).resolve().parent.parent
    return checkout if (checkout / "notebooks").is_dir() else Path.cwd()


def data() -> Path:
    """Where the original files (`fashion-mnist/`) and the shipped generators (`pretrained/`) lie."""
    return root() / "data"


def runs(name: str = "") -> Path:
    """The folder of the run `name` (`runs/` itself without one); not created here."""
    return root() / "runs" / name


def prepared() -> Path:
    """A writable folder for the prepared dataset: `data/prepared`, or one of the user's own where that is read-only."""
    preferred = data() / "prepared"
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "fashion-gan-course" / "prepared"
    for folder in (preferred, cache, Path(tempfile.gettempdir()) / "fashion-gan-course-prepared"):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):  # os.access lies for root and on Windows; a file does not
                return folder
        except OSError:
            continue
    raise PermissionError(
        f"no writable folder for the prepared dataset: tried {preferred}, {cache} and the temporary folder"
    )
