"""Files that are there whole or not at all, and folders that can take them."""

import errno
import os
import re
import shutil
import tempfile
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT)


def write_whole(path: str | os.PathLike, content: bytes) -> None:
    """Write a file so that its name always stands for the old content or the new, never for a part.

    The bytes go to a temporary name in the same folder (made where it is missing), reach the disk, and are renamed.

    Raises:
        OSError: the file cannot be written; where the disk is full, the message says so. What was there before stays.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(partial, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise OSError(
            error.errno, f"the disk is full: {path} ({len(content):,} bytes) was not written. Make room, and call again"
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def save_whole(path: str | os.PathLike, save) -> None:
    """`write_whole` of a file that a library insists on writing itself: `save` is called with a path of the same name."""
    with tempfile.TemporaryDirectory() as folder:
        elsewhere = Path(folder) / Path(path).name
        save(elsewhere)
        write_whole(path, elsewhere.read_bytes())


def partials(folder: str | os.PathLike) -> list[Path]:
    """What processes that died while writing have left behind in a folder and below it."""
    return sorted(path for path in Path(folder).rglob(".*.partial") if re.fullmatch(r"\..+\.\d+\.partial", path.name))


def require_writable(folder: str | os.PathLike, size: int = 0) -> None:
    """Make a folder where it is missing, and see that `size` bytes fit into it.

    Raises:
        OSError: it cannot be made or written to, or its disk has less room.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):  # os.access lies for root and on Windows; a file does not
            pass
        free = shutil.disk_usage(folder).free
    except OSError as error:
        if error.errno not in FULL:
            raise OSError(
                error.errno, f"{folder} cannot be written to ({error.strerror}). Choose another run folder"
            ) from error
        free = 0
    if free < size:
        raise OSError(
            errno.ENOSPC,
            f"{folder} needs {size / 1e6:,.1f} MB and its disk has {free / 1e6:,.1f} MB left. Make room, or choose another run folder",
        )
