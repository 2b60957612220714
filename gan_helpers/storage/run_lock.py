"""One process at a time trains into a run folder."""

import contextlib
import os
from pathlib import Path

from filelock import FileLock, Timeout

from gan_helpers.storage.whole_files import require_writable, write_whole


@contextlib.contextmanager
def only_this_process(run_dir: str | os.PathLike, doing: str = "training into"):
    """Hold the folder's lock; the operating system frees it when the process ends, however it ends.

    The same process may hold it several times over, so that a run can be locked as a whole and by its checkpoints.

    Args:
        doing: what the process does there, for the message to another one.

    Raises:
        BlockingIOError: another process holds it; the message names its process id.
        OSError: the folder cannot be written to.
    """
    run_dir = Path(run_dir)
    require_writable(run_dir)
    lock = FileLock(run_dir / ".lock", is_singleton=True)
    holder = run_dir / ".lock.pid"
    try:
        lock.acquire(blocking=False)
    except Timeout:
        process = holder.read_text() if holder.exists() else "of unknown number"
        raise BlockingIOError(
            f"process {process} is {doing} {run_dir}. Wait for it, stop it, or choose another folder"
        ) from None
    try:
        write_whole(holder, str(os.getpid()).encode())
        yield
    finally:
        if lock.lock_counter == 1:
            holder.unlink(missing_ok=True)
        lock.release()
