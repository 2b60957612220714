"""A folder of pictures: found, decoded, brought to one size, and kept as a prepared data set."""

import collections
import contextlib
import hashlib
import json
import os
import re
import sys
import threading
import unicodedata
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from gan_helpers.data import prepared
from gan_helpers.storage.whole_files import write_whole

FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
IN_WORDS = "PNG, JPEG, WebP or GIF"
SUFFIXES = (".png", ".jpg", ".jpeg", ".jpe", ".webp", ".gif")
SIZES = (16, 512)
FITS = ("crop", "pad")
MOST_PIXELS = 50_000_000  # of a picture that is decoded: 0.4 GB meanwhile with alpha, 0.8 GB as WebP (measured)
LARGE = 4_000_000  # pixels above which pictures are decoded one at a time
MOST_ENLARGED = 2
_one_large = threading.Lock()

_TURNS = {  # by the EXIF orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def check_settings(size, colour, fit="crop", background=(255, 255, 255)) -> tuple[int, int, int]:
    """ValueError where one of them cannot be; returns the background."""
    low, high = SIZES
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or not low <= size <= high:
        raise ValueError(f"size is {size!r}; it must be a whole number of pixels in {low}…{high}, such as 64")
    if not isinstance(colour, (bool, np.bool_)):
        raise ValueError(f"colour is {colour!r}; it must be True (red, green, blue) or False (grey)")
    if fit not in FITS:
        raise ValueError(
            f"fit is {fit!r}; it must be 'crop', the middle of each picture, or 'pad', the whole of it on the background"
        )
    try:
        levels = tuple(int(level) for level in background if level == int(level))
    except (TypeError, ValueError):
        levels = ()
    if len(levels) != 3 or not all(0 <= level <= 255 for level in levels):
        raise ValueError(f"background is {background!r}; it must be (red, green, blue), each a whole number in 0…255")
    return levels


# --- one picture ------------------------------------------------------------------------------------


def fitted(picture: Image.Image, size: int | None, colour: bool, fit="crop", background=(255, 255, 255), turn=None):
    """A decoded picture as pixels of the wanted size and colour, uint8 (h, w, 3), or (h, w, 1) where `colour` is False.

    Args:
        picture: of any mode; it may be freed.
        size: of both sides; None keeps them.
        colour: red, green and blue, or grey (ITU-R 601).
        fit: "crop" takes the square in the middle; "pad" puts the whole picture in the middle of the background.
        background: what lies under transparent pixels and around a padded picture.
        turn: one of `Image.Transpose`, as EXIF says.
    """
    picture = _plain(picture)
    if size is not None:
        w, h = picture.size
        if fit == "crop":
            side, target = min(w, h), (size, size)
            box = (w - side) / 2, (h - side) / 2, (w + side) / 2, (h + side) / 2
        else:
            box, target = None, tuple(max(1, round(length * size / max(w, h))) for length in (w, h))
        # Pillow weighs transparent pixels by their alpha, so that their hidden colours do not bleed.
        picture = picture.resize(target, Image.Resampling.LANCZOS, box, reducing_gap=3.0)
    if turn is not None:
        picture = picture.transpose(turn)
    if picture.mode == "RGBA":
        flat = Image.new("RGB", picture.size, background)
        flat.paste(picture, mask=picture.getchannel("A"))
        picture = flat
    if size is not None and picture.size != (size, size):
        sheet = Image.new("RGB", (size, size), background)
        sheet.paste(picture.convert("RGB"), ((size - picture.width) // 2, (size - picture.height) // 2))
        picture = sheet
    pixels = np.asarray(picture.convert("RGB" if colour else "L"))
    return pixels if colour else pixels[..., None]


def _plain(picture: Image.Image) -> Image.Image:
    """The same picture in one of the modes L, RGB and RGBA."""
    if picture.mode.startswith(("I", "F")):  # 16 bits of grey, which Pillow would clip at 255
        grey = np.rint(np.asarray(picture).astype(np.float32) * (255 / 65535)).clip(0, 255)
        return Image.fromarray(grey.astype(np.uint8))
    wanted = "RGBA" if picture.has_transparency_data else "L" if picture.mode in ("1", "L") else "RGB"
    return picture if picture.mode == wanted else picture.convert(wanted)


def decode(path, size: int, colour: bool, fit: str, background) -> np.ndarray | tuple[str, str]:
    """A picture file as pixels, uint8 (size, size, 3 or 1); or why not: a kind and its details. Never an exception."""
    try:
        with Image.open(path, formats=FORMATS) as picture:  # reads the header only
            w, h = picture.size
            if w * h > MOST_PIXELS:
                return _too_large(w * h)
            side = min(w, h) if fit == "crop" else max(w, h)
            if side * MOST_ENLARGED < size:
                return "too small", f"{w}×{h} pixels would be enlarged {size / side:.1f} times"
            if picture.format in ("JPEG", "MPO"):  # decoded at a half, a quarter or an eighth, of which enough is left
                picture.draft(None, (2 * size, 2 * size))
            if picture.width * picture.height <= LARGE:
                return _loaded(picture, size, colour, fit, background)
            with _one_large:
                return _loaded(picture, size, colour, fit, background)
    except Image.DecompressionBombError as error:  # Pillow's own limit, which is higher
        return _too_large(int(re.search(r"\d+", str(error))[0]))
    except PermissionError as error:
        return "unreadable", error.strerror
    except Exception as error:  # Pillow raises many kinds
        if isinstance(error, Image.UnidentifiedImageError):
            return "broken", f"no {IN_WORDS}"
        return "broken", str(error).strip() or type(error).__name__


def _too_large(pixels: int) -> tuple[str, str]:
    return "too large", f"{pixels:,} pixels; at most {MOST_PIXELS:,}"


def _loaded(picture, size, colour, fit, background) -> np.ndarray:
    picture.load()
    try:
        orientation = picture.getexif().get(0x0112)
    except Exception:  # damaged EXIF: the pixels are whole
        orientation = None
    return fitted(picture, size, colour, fit, background, _TURNS.get(orientation))


# --- a folder of them -------------------------------------------------------------------------------


def prepare(
    path: str | os.PathLike, size: int, colour: bool, fit: str, background, test: float, progress: bool
) -> tuple[Path, str]:
    """The folder of the prepared data set (`prepared.keep`) of a folder of pictures; see `Dataset.from_folder`.

    Returns:
        It, and what there is to say of pictures that were left out, "" where it was prepared before.
    """
    background = check_settings(size, colour, fit, background)
    test = prepared.check_share(test)
    root = _existing(path)
    files, others = listed(root)
    if not files:
        held = f"it holds {_counted(others)}" if others else "it is empty"
        raise ValueError(f"{root} has no {IN_WORDS} files; {held}. Pass a folder of pictures")
    settings = {"size": int(size), "colour": bool(colour), "fit": fit, "background": background}
    made_from = {"pictures": content_hash(root, files, progress), **settings, "test": test}
    said = []

    def write(folder):
        facts = _write(folder, root, [file for file, *_ in files], settings, test, progress)
        said.append(_summary(root, facts, others))
        return facts

    folder = prepared.keep(made_from, write, (len(files) + 1) * size * size * (3 if colour else 1))
    return folder, "".join(said)


def _existing(path) -> Path:
    root = Path(path).expanduser()
    if root.is_dir():
        return root
    if root.exists():
        raise NotADirectoryError(f"{root} is a file; expected a folder of pictures")
    raise FileNotFoundError(f"{root} is not there; expected a folder of pictures")


def listed(root: Path) -> tuple[list[tuple[str, int, int]], collections.Counter]:
    """The pictures below a folder, sorted: path in it, bytes, time in ns; and how many other files, by their suffix."""
    pictures, others = [], collections.Counter()
    for file, status in _files(str(root), "", {os.path.realpath(root)}):
        suffix = os.path.splitext(file)[1].lower()
        if suffix in SUFFIXES:
            pictures.append((file, status.st_size, status.st_mtime_ns))
        else:
            others[suffix] += 1
    return pictures, others


def _files(folder: str, inside: str, seen: set[str]):
    """Files below a folder that are not hidden, links followed, each folder once."""
    with os.scandir(folder) as entries:
        entries = sorted(entries, key=lambda entry: entry.name)
    for entry in entries:
        if entry.name.startswith(".") or entry.name == "__MACOSX":
            continue
        if entry.is_dir():
            if (real := os.path.realpath(entry.path)) not in seen:
                seen.add(real)
                yield from _files(entry.path, f"{inside}{entry.name}/", seen)
        elif entry.is_file():
            yield f"{inside}{entry.name}", entry.stat()


def content_hash(root: Path, files, progress: bool = False) -> str:
    """SHA-256 of the files' paths and contents.

    Contents are read once: as long as no path, size or time changes, an index in the prepared folder remembers the result.
    """
    state = hashlib.sha256()
    for file, size, time in files:
        state.update(os.fsencode(file) + f"\0{size}\0{time}\n".encode())
    state = state.hexdigest()
    name = hashlib.sha256(os.fsencode(os.path.realpath(root))).hexdigest()[:32] + ".json"
    for place in prepared.places():
        try:
            remembered = json.loads((place / "index" / name).read_text())
            if remembered["state"] == state:
                return remembered["content"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
    content = hashlib.sha256()
    paths = (root / file for file, *_ in files)
    hashed = in_order(_hash_of_file, paths)
    for (file, *_), digest in zip(files, _bar(hashed, len(files), "reading", progress)):
        content.update(os.fsencode(file) + b"\0" + digest)
    content = content.hexdigest()
    home = prepared.home() / "index"
    write_whole(home / name, json.dumps({"state": state, "content": content}).encode())
    return content


def _hash_of_file(path: Path) -> bytes:
    content = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                content.update(block)
    except OSError:  # said when it is decoded
        return b""
    return content.digest()


def in_order(function, items):
    """`function` of each item, in their order, by a thread for each core; no more than four per thread wait in memory."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    waiting = collections.deque()
    with ThreadPoolExecutor(cores) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) == 4 * cores:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for job in waiting:
                job.cancel()


def _bar(items, total: int, what: str, progress: bool):
    return tqdm(items, what, total, disable=not progress, leave=False, file=sys.stderr, unit=" pictures")


def _classes_of(files: list[str]) -> tuple[list[str], list[str]]:
    """The names of the classes, () where there are none, and the files that are left out since they are in none.

    The first-level subfolders are the classes, where there are two or more with pictures.
    """
    names = sorted({file.split("/")[0] for file in files if "/" in file})
    return (names, [file for file in files if "/" not in file]) if len(names) > 1 else ([], [])


def _write(folder: Path, root: Path, files: list[str], settings: dict, test: float, progress: bool) -> dict:
    """Decode all pictures into `folder`; gives the facts.

    What is in memory: the pictures in work (`in_order`), and of each file its path, class and a hash of 16 bytes: some 400
    bytes (measured with 40,000). So a million pictures take about half a gigabyte, whatever their size.
    """
    names, loose = _classes_of(files)
    left_out = [(file, "beside subfolders", "the subfolders are the classes") for file in loose]
    files = [file for file in files if "/" in file] if loose else files
    class_of = {name: i for i, name in enumerate(names)}
    classes = np.array([class_of[file.split("/")[0]] for file in files]) if names else None
    order = prepared.spread([prepared.key_of(os.fsencode(file)) for file in files], classes)
    shape = settings["size"], settings["size"], 3 if settings["colour"] else 1
    with prepared.Rows(folder / "train.npy", shape) as rows:
        kept = _decode_all(rows, root, files, order, settings, left_out, progress)
        if len(kept) < 2:
            raise ValueError(_too_few(root, len(kept), sorted(left_out)))
        classes, names, lost = _present(None if classes is None else classes[kept], names)
        _part_for_testing(folder, rows, classes, prepared.for_testing(len(kept), classes, test))
    remarks = [f"class {name!r} has no usable picture" for name in lost]
    counts = np.bincount(classes) if names else []
    remarks += [f"class {name!r} has one picture only" for name, count in zip(names, counts) if count == 1]
    left_out = sorted((legible(file), kind, legible(details)) for file, kind, details in left_out)
    return {
        "name": legible(root.resolve().name),
        "class_names": list(map(legible, names)),
        "left_out": left_out,
        "remarks": list(map(legible, remarks)),
    }


def legible(name: str) -> str:
    """A file's name as it is read, whatever bytes it has, and in whichever of Unicode's forms the system keeps it."""
    return unicodedata.normalize("NFC", os.fsencode(name).decode("utf-8", "backslashreplace"))


def _decode_all(
    rows, root: Path, files: list[str], order, settings: dict, left_out: list, progress: bool
) -> np.ndarray:
    """Write the usable pictures in this order; gives the indices of their files, and adds the others to `left_out`."""
    kept, first_with = [], {}
    with _quiet_pillow():
        decoded = in_order(lambda i: decode(root / files[i], **settings), order)
        for i, found in zip(order, _bar(decoded, len(order), "decoding", progress)):
            if isinstance(found, tuple):
                left_out.append((files[i], *found))
            elif (first := first_with.setdefault(hashlib.sha256(found).digest()[:16], i)) != i:
                left_out.append((files[i], "duplicate", f"of {files[first]}"))
            else:
                rows.append(found)
                kept.append(i)
    return np.array(kept, np.int64)


def _part_for_testing(folder: Path, rows, classes, tested: np.ndarray) -> None:
    """Move some of the images written to a file of their own, and write the classes of both parts."""
    if tested.any():
        with prepared.Rows(folder / "test.npy", rows.shape) as rows_of_test:
            for position in np.flatnonzero(tested):
                rows_of_test.append(rows.get(position))
        rows.retain(np.flatnonzero(~tested))
    if classes is not None:
        prepared.write_classes(folder, "train", classes[~tested])
        if tested.any():
            prepared.write_classes(folder, "test", classes[tested])


@contextlib.contextmanager
def _quiet_pillow():
    """Its warnings name no file, and what matters of them is said by name. (The filter is the whole process's.)"""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")
        yield


def _too_few(root: Path, kept: int, left_out) -> str:
    found = "one usable picture only, and a GAN needs many" if kept else "no usable picture"
    if not left_out:
        return f"{root} has {found}"
    ((kind, count),) = collections.Counter(kind for _, kind, _ in left_out).most_common(1)
    return f"{root} has {found}; the commonest reason, {count:,} times: {kind}: {_examples(left_out, kind)}"


def _present(classes, names: list[str]) -> tuple[np.ndarray | None, list[str], list[str]]:
    """Classes and names without those of which no picture is left, and the names of these. Of one class nothing is told."""
    if classes is None:
        return None, [], []
    there, renumbered = np.unique(classes, return_inverse=True)
    lost = [name for i, name in enumerate(names) if i not in there]
    if len(there) == 1:
        return None, [], lost
    return renumbered.astype(np.int64), [names[i] for i in there], lost


def _examples(left_out, kind: str, most: int = 3) -> str:
    of_kind = [f"{file} ({details})" for file, found, details in left_out if found == kind]
    return ", ".join(of_kind[:most]) + (f" and {len(of_kind) - most:,} more" if len(of_kind) > most else "")


def _counted(others: collections.Counter) -> str:
    total = sum(others.values())
    kinds = ", ".join(suffix or "no suffix" for suffix, _ in others.most_common(3))
    return f"{total:,} other file{'s' if total > 1 else ''} ({kinds})"


def _summary(root: Path, facts: dict, others: collections.Counter) -> str:
    """One line on what was not taken, and on classes that are hardly there; "" where there is nothing to say."""
    left_out, said = facts["left_out"], list(facts["remarks"])
    for kind, count in collections.Counter(kind for _, kind, _ in left_out).most_common():
        said.append(f"{count:,} left out as {kind}: {_examples(left_out, kind)}")
    if others:
        said.append(f"passed over {_counted(others)}")
    return f"{root}: {'; '.join(said)}" if said else ""
