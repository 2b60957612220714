"""Data sets that were prepared once: memory-mapped arrays in a folder each, which is there whole or not at all.

A data set's folder goes by what it was made from and how. It holds `train.npy` and, where there is one, `test.npy`, uint8
(n, h, w, c), the classes beside them (`train_classes.npy`, int64), and `facts.json`: names, hashes, what was left out.
"""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import struct
import sys
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from gan_helpers.storage import folders
from gan_helpers.storage.whole_files import FULL

LAYOUT = 1  # of the folders, and of how pictures are decoded: what was made by another one is made anew
MOST_HELD_OUT = MOST_FOR_TESTING = 10_000
BLOCK = 1 << 24  # bytes that are read and written at once


def places() -> list[Path]:
    """The folders in which a prepared data set may lie."""
    return [place / "datasets" for place in folders.places_for_prepared()]


def home() -> Path:
    """The one of them that is written to."""
    folder = folders.prepared() / "datasets"
    folder.mkdir(exist_ok=True)
    return folder


def find(made_from: dict) -> Path | None:
    """The folder of a data set that was prepared before; None where it was not. Nothing is written.

    Args:
        made_from: whatever the arrays are a function of, ready for JSON.
    """
    return next((place / _key(made_from) for place in places() if is_whole(place / _key(made_from))), None)


def find_by_hash(wanted: str) -> Path | None:
    """The folder of the data set, or of that part of it without `held_out`, that has this hash; None where there is none."""
    for place in places():
        for folder in sorted(path.parent for path in place.glob("*/facts.json")):
            if is_whole(folder) and wanted in sum(facts(folder)["hashes"].values(), []):
                return folder
    return None


def _key(made_from: dict) -> str:
    return hashlib.sha256(json.dumps([LAYOUT, made_from], sort_keys=True).encode()).hexdigest()[:32]


def is_whole(folder: Path) -> bool:
    """Whether a data set lies there, with files of the sizes that it says."""
    try:
        return all((folder / name).stat().st_size == size for name, size in facts(folder)["files"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def facts(folder: Path) -> dict:
    """What is known of a prepared data set."""
    return json.loads((folder / "facts.json").read_text(encoding="utf-8"))


def part(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray | None] | None:
    """Images, memory-mapped, and classes of "train" or "test"; None where the data set has no such part."""
    images, classes = _paths(folder, split)
    if not images.exists():
        return None
    return np.load(images, mmap_mode="r"), np.load(classes) if classes.exists() else None


def _paths(folder: Path, split: str) -> tuple[Path, Path]:
    return folder / f"{split}.npy", folder / f"{split}_classes.npy"


def keep(made_from: dict, write, size: int) -> Path:
    """The folder of a data set: that which is there, else one made now, by one process at a time.

    Args:
        made_from: as in `find`.
        write: called with an empty folder, into which it writes the arrays; it gives further facts, ready for JSON.
        size: bytes that they take at most.

    Raises:
        OSError: the disk is full, or has less room than `size`. Nothing is left behind then, nor after any other exception.
    """
    if found := find(made_from):
        return found
    folder = home() / _key(made_from)
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    with one_at_a_time(folder):
        if found := find(made_from):
            return found
        _remove_leftovers(folder)
        _require_room(folder.parent, size)
        try:
            partial.mkdir()
            _write_facts(partial, write(partial))
            os.replace(partial, folder)
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise OSError(
                error.errno,
                f"the disk is full: preparing these images takes {size / 1e6:,.0f} MB in {folder.parent}. Make room there, and call again",
            ) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return folder


@contextlib.contextmanager
def one_at_a_time(folder: Path):
    """One process at a time does what is in the block for this folder, or file, of the prepared ones; others wait, and say so."""
    lock = _lock(folder.parent, folder.name)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        print("waiting for another process, which prepares the same images", file=sys.stderr, flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _lock(home: Path, key: str) -> FileLock:
    return FileLock(home / f".{key}.lock")


def _remove_leftovers(folder: Path) -> None:
    """Remove what is damaged, and what processes left that died while preparing: this data set, whose lock we hold, or others."""
    shutil.rmtree(folder, ignore_errors=True)
    for partial in folder.parent.glob(".*.partial"):
        key = partial.name.split(".")[1]
        if key == folder.name:
            shutil.rmtree(partial, ignore_errors=True)
            continue
        with contextlib.suppress(Timeout), _lock(folder.parent, key).acquire(blocking=False):
            shutil.rmtree(partial, ignore_errors=True)


def _require_room(home: Path, size: int) -> None:
    free = shutil.disk_usage(home).free
    if free < size:
        raise OSError(
            errno.ENOSPC,
            f"the disk is full: preparing these images takes {size / 1e6:,.0f} MB, and {home} has {free / 1e6:,.0f} MB left. "
            "Make room there, or choose a smaller size",
        )


def _write_facts(folder: Path, told: dict) -> None:
    """Write `facts.json`, last: what `told` says, the hashes, and the files with their sizes."""
    images, classes = part(folder, "train")
    ends = without_held_out(len(images)), len(images)
    learned, whole = hashes(images, classes, ends)
    files = {path.name: path.stat().st_size for path in folder.iterdir()}
    everything = {**told, "hashes": {"whole": whole, "without_held_out": learned}, "files": files}
    with open(folder / "facts.json", "w", encoding="utf-8") as file:
        json.dump(everything, file, indent=1)
        _to_disk(file)


def _to_disk(file) -> None:
    file.flush()
    os.fsync(file.fileno())


def without_held_out(n: int) -> int:
    """How many of `n` training images are left when the last sixth, 10,000 at most, is held out."""
    return n - min(MOST_HELD_OUT, n // 6)


def hashes(images, classes=None, ends: tuple[int, ...] = ()) -> list[tuple[str, str]]:
    """SHA-256 of images alone, and of images and classes, read in blocks: of the first so many, for each of `ends`.

    Args:
        images: uint8 (n, h, w, c).
        classes: int64 (n,), or None: then both are the same.
        ends: rising; default all n.
    """
    content, begin, found = hashlib.sha256(), 0, []
    step = max(1, BLOCK // max(1, images[:1].nbytes))
    for end in ends or (len(images),):
        for start in range(begin, end, step):
            content.update(np.ascontiguousarray(images[start : min(start + step, end)]))
        both, begin = content.copy(), end
        if classes is not None:
            both.update(np.ascontiguousarray(classes[:end], np.int64))
        found.append((content.hexdigest(), both.hexdigest()))
    return found


# --- order, and what is for testing -----------------------------------------------------------------


def spread(keys, classes=None) -> np.ndarray:
    """An order like a shuffled one in which every stretch has about the same share of each class.

    Args:
        keys: uint64 (n,), as good as random: hashes. The order depends on them and on the classes alone.
        classes: integers (n,), or None.

    Returns:
        Indices int64 (n,).
    """
    keys = np.asarray(keys, np.uint64)
    classes = np.zeros(len(keys), np.int64) if classes is None else np.asarray(classes)
    along = np.empty(len(keys))
    for each in np.unique(classes):
        (members,) = np.nonzero(classes == each)
        along[members[np.argsort(keys[members], kind="stable")]] = (np.arange(len(members)) + 0.5) / len(members)
    return np.lexsort((keys, along))


def key_of(content: bytes) -> int:
    """A key for `spread`: the first 64 bits of the SHA-256 of some bytes."""
    return int.from_bytes(hashlib.sha256(content).digest()[:8], "big")


def for_testing(n: int, classes, share: float) -> np.ndarray:
    """Which of `n` images are for testing: of each class the last of that share, rounded, at most 10,000 in all.

    Returns:
        bool (n,). At least one image of each class is left to train on.
    """
    chosen = np.zeros(n, bool)
    classes = np.zeros(n, np.int64) if classes is None else np.asarray(classes)
    capped = share * n > MOST_FOR_TESTING
    for each in np.unique(classes):
        (members,) = np.nonzero(classes == each)
        wanted = MOST_FOR_TESTING / n * len(members) if capped else share * len(members) + 0.5
        count = min(int(wanted), len(members) - 1)
        chosen[members[len(members) - count :]] = True
    return chosen


def check_share(test) -> float:
    """Return `test` as a float; ValueError where it is no share of the images."""
    if isinstance(test, bool) or not isinstance(test, (int, float, np.number)) or not 0 <= test < 1:
        raise ValueError(
            f"test is {test!r}; it must be the share of the images that is kept for testing, 0 (none) to below 1, such as 0.1"
        )
    return float(test)


# --- writing ----------------------------------------------------------------------------------------


def write_part(folder: Path, split: str, images, classes=None) -> None:
    """Write images, uint8 (n, h, w, c), and their classes into an empty folder, block by block."""
    with Rows(_paths(folder, split)[0], images.shape[1:]) as rows:
        step = max(1, BLOCK // rows.size)
        for start in range(0, len(images), step):
            rows.append(images[start : start + step])
    if classes is not None:
        write_classes(folder, split, classes)


def write_classes(folder: Path, split: str, classes) -> None:
    """Write the classes of the images of "train" or "test"."""
    with open(_paths(folder, split)[1], "wb") as file:
        np.save(file, np.asarray(classes, np.int64))
        _to_disk(file)


class Rows:
    """A `.npy` file of images that grows by ordinary writes: on a full disk they are errors, where a memory map would kill.

    Leaving the `with` completes the file.

    Args:
        path: of the file; a former one is replaced.
        shape: (h, w, c) of each image.
    """

    _HEAD = 128  # bytes; room for any number of images

    def __init__(self, path: Path, shape: tuple[int, int, int]):
        self.shape = tuple(map(int, shape))
        self.size = int(np.prod(self.shape))  # bytes of an image
        self._file = open(path, "w+b")  # noqa: SIM115 (closed by __exit__)
        self._file.write(bytes(self._HEAD))

    def append(self, images) -> None:
        """Add images, uint8 (n, h, w, c) or one (h, w, c)."""
        self._file.seek(0, os.SEEK_END)
        self._file.write(np.ascontiguousarray(images, np.uint8))

    def put(self, position: int, image) -> None:
        """Write one image to where it belongs, whatever is there already."""
        self._file.seek(self._HEAD + position * self.size)
        self._file.write(np.ascontiguousarray(image, np.uint8))

    def get(self, position: int) -> np.ndarray:
        """One image back, uint8 (h, w, c)."""
        self._file.seek(self._HEAD + position * self.size)
        return np.frombuffer(self._file.read(self.size), np.uint8).reshape(self.shape)

    def retain(self, positions) -> None:
        """Keep only the images at these positions, which rise, and close the gaps."""
        for new, old in enumerate(positions):
            if new != old:
                self.put(new, self.get(old))
        self._file.truncate(self._HEAD + len(positions) * self.size)

    def __enter__(self) -> "Rows":
        return self

    def __exit__(self, kind, *_) -> None:
        with self._file:
            if kind is None:
                n = (self._file.seek(0, os.SEEK_END) - self._HEAD) // self.size
                head = str({"descr": "|u1", "fortran_order": False, "shape": (n, *self.shape)}).encode()
                self._file.seek(0)
                # NEP 1, format 1.0: a magic string, the length of what follows, and a dictionary that ends in a new line.
                self._file.write(
                    b"\x93NUMPY\x01\x00" + struct.pack("<H", self._HEAD - 10) + head.ljust(self._HEAD - 11) + b"\n"
                )
                _to_disk(self._file)
