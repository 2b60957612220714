"""Images that come as arrays: in memory, in IDX files, in `.npz` archives."""

import hashlib
import re
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from gan_helpers.data import own_images
from gan_helpers.data.idx import read_idx

_IMAGES = re.compile(r"(?P<begin>.*)images(?P<dot>[-._])idx[34](?P<end>[-._]ubyte(\.gz)?)", re.IGNORECASE)


def check_images(images) -> np.ndarray:
    """Images as uint8 (n, h, w, 1 or 3); ValueError says how to get there from what they are instead."""
    try:
        images = np.asarray(images)
    except ValueError as error:  # NumPy's own words for a list of different shapes
        raise ValueError("images differ in size; expected one array of images of one size") from error
    if images.dtype != np.uint8:
        raise ValueError(f"images are {_described(images)}; expected uint8, 0…255. {_conversion(images)}")
    if images.ndim == 3 and images.shape[-1] not in (1, 3):
        images = images[..., None]
    if images.ndim == 4 and images.shape[-1] in (1, 3) and images.size:
        return images
    advice = "Pass one array of images of one size"
    if images.ndim == 3:
        advice = "One image? Pass images[None]"
    elif images.ndim == 4 and images.shape[1] in (1, 3):
        advice = "Move the channels to the end: np.moveaxis(images, 1, -1)"
    elif images.ndim == 4 and images.shape[-1] == 4:
        advice = "Leave the alpha channel out: images[..., :3]"
    raise ValueError(
        f"images have shape {images.shape}; expected (n, height, width, 1 or 3) or (n, height, width). {advice}"
    )


def _described(images: np.ndarray) -> str:
    if images.dtype.kind not in "fiub" or not images.size:
        return f"{images.dtype} of shape {images.shape}"
    return f"{images.dtype} between {images.min():g} and {images.max():g}"


def _conversion(images: np.ndarray) -> str:
    """The line that makes uint8 of them."""
    if images.dtype.kind == "b":
        return "Convert them: images.astype('uint8') * 255"
    if images.dtype.kind not in "fiu" or not images.size or not np.isfinite(images).all():
        return "Pass one array of finite numbers"
    low, high = float(images.min()), float(images.max())
    if images.dtype.kind == "f" and low >= 0 and high <= 1:
        return "Convert them: gh.images.to_uint8(images, (0, 1))"
    if images.dtype.kind == "f" and low >= -1 and high <= 1:
        return "Convert them: gh.images.to_uint8(images, (-1, 1))"
    if low >= 0 and high <= 255:
        return "Convert them: np.rint(images).astype('uint8')"
    return f"Convert them, if black is {low:g} and white {high:g}: gh.images.to_uint8(images, ({low:g}, {high:g}))"


def numbered(classes, class_names, n: int) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Classes as indices int64 (n,) into their names, and the names.

    Args:
        classes: integers or strings (n,), or None. Without `class_names` the names are the values that occur, as text.
        class_names: strings, or (); integers are then indices into them, strings some of them.
        n: the number of images.

    Raises:
        ValueError: anything else; it names the value.
    """
    class_names = tuple(map(str, class_names))
    if classes is None:
        if class_names:
            raise ValueError(f"class_names are {class_names!r:.80} without classes; pass classes, one per image")
        return None, ()
    classes = np.asarray(classes)
    if classes.shape != (n,):
        more = ". One-hot? Pass classes.argmax(axis=1)" if classes.ndim == 2 and len(classes) == n else ""
        raise ValueError(f"classes have shape {classes.shape}; expected ({n},), one class per image{more}")
    if classes.dtype.kind == "O" and all(isinstance(each, str) for each in classes):
        classes = classes.astype(str)
    if classes.dtype.kind not in "iuU":
        raise ValueError(f"a class is {classes[0]!r} ({classes.dtype}); expected integers or strings")
    if not class_names:
        values, indices = np.unique(classes, return_inverse=True)
        return indices.astype(np.int64), tuple(map(str, values.tolist()))
    if classes.dtype.kind == "U":
        index = {name: i for i, name in enumerate(class_names)}
        if unknown := sorted(set(classes.tolist()) - index.keys()):
            raise ValueError(f"a class is {unknown[0]!r}, which is none of class_names: {', '.join(class_names)}")
        return np.array([index[name] for name in classes.tolist()], np.int64), class_names
    return classes.astype(np.int64), class_names


def refitted(images: np.ndarray, size: int | None, colour: bool | None) -> np.ndarray:
    """Images uint8 (n, h, w, c) brought to `size` and `colour` as pictures are; None keeps what they have."""
    if size is None and colour in (None, images.shape[-1] == 3):
        return images
    return np.stack([refitted_one(image, size, colour) for image in images])


def refitted_one(image: np.ndarray, size: int | None, colour: bool | None) -> np.ndarray:
    """One image uint8 (h, w, 1, 3 or 4), the fourth alpha, as in `refitted`: (h, w, 1 or 3)."""
    channels = image.shape[-1]
    colour = channels > 1 if colour is None else colour
    if (size is None or image.shape[:2] == (size, size)) and channels == (3 if colour else 1):
        return image
    return own_images.fitted(Image.fromarray(image[..., 0] if channels == 1 else image), size, colour)


def check_refit(size, colour) -> None:
    """ValueError where `size` or `colour` can be neither None nor a setting of pictures."""
    own_images.check_settings(own_images.SIZES[0] if size is None else size, True if colour is None else colour)


# --- files ------------------------------------------------------------------------------------------


def is_folder_of_idx(folder: Path) -> bool:
    """Whether a folder has IDX files of images by MNIST's names."""
    return any(_IMAGES.fullmatch(file.name) for file in folder.iterdir())


def is_idx(path: Path) -> bool:
    """Whether a file looks like an IDX file, from its name or its head."""
    return bool(_IMAGES.fullmatch(path.name)) or beginning(path).startswith(("00 00 08", "1f 8b"))


def beginning(path: Path) -> str:
    """The first four bytes of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return file.read(4).hex(" ") or "nothing"


def sha256_of(path: Path) -> str:
    """Of a file's bytes."""
    with open(path, "rb") as file:
        content = hashlib.sha256()
        while block := file.read(1 << 20):
            content.update(block)
    return content.hexdigest()


def idx_files(path: Path) -> dict[str, tuple[Path, Path | None]]:
    """The IDX files of a data set, images and classes, by part: "train", and "test" where it is there.

    Args:
        path: the file of the images to train on, or a folder with one such; the rest is looked for beside it, by MNIST's names
            (train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-…, with .gz or without).

    Raises:
        FileNotFoundError: nothing is there, or no such file.
        ValueError: several are, so one must be named.
    """
    if path.is_dir():
        path = _images_of_training(path)
    elif not path.is_file():
        raise FileNotFoundError(f"{path} is not there; expected an IDX file of images, or a folder with one")
    beside = {}
    if "train" in path.name:
        for word in ("t10k", "test"):
            if (test := _either(path.with_name(path.name.replace("train", word)))) is not None:
                beside = {"test": (test, _labels_of(test))}
                break
    return {"train": (path, _labels_of(path)), **beside}


def _images_of_training(folder: Path) -> Path:
    found = sorted(file for file in folder.iterdir() if _IMAGES.fullmatch(file.name))
    by_name = {file.name.removesuffix(".gz"): file for file in found}  # one that lies there packed and unpacked is one
    candidates = [file for name, file in by_name.items() if "train" in name] or list(by_name.values())
    if not candidates:
        raise FileNotFoundError(f"{folder} has no IDX file of images, such as train-images-idx3-ubyte.gz")
    if len(candidates) > 1:
        raise ValueError(f"{folder} has several: {', '.join(file.name for file in candidates)}. Pass the path of one")
    return candidates[0]


def _labels_of(images: Path) -> Path | None:
    if match := _IMAGES.fullmatch(images.name):
        return _either(images.with_name("{begin}labels{dot}idx1{end}".format(**match.groupdict())))
    return None


def _either(path: Path) -> Path | None:
    """This file, or the same one with .gz or without; None where neither is there."""
    other = path.with_suffix("") if path.suffix == ".gz" else path.with_name(path.name + ".gz")
    return next((each for each in (path, other) if each.is_file()), None)


def read_idx_pair(images: Path, classes: Path | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Images uint8 (n, h, w, c), and their classes as they stand in the file; ValueError names the file that does not fit."""
    pixels = read_idx(images)
    try:
        pixels = check_images(pixels)
    except ValueError as error:
        raise ValueError(f"{images}: {error}") from None
    if classes is None:
        return pixels, None
    labels = read_idx(classes)
    if labels.shape != (len(pixels),):
        raise ValueError(
            f"{classes} has classes of shape {labels.shape}; expected ({len(pixels)},), as {images.name} has images"
        )
    return pixels, labels


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """The arrays `images`, `classes` and `class_names` of an archive, the last two where they are there."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in ("images", "classes", "class_names") if name in archive}
            held = archive.files
    except (ValueError, EOFError, KeyError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(
            f"{path} is no archive of plain arrays, or damaged ({error}). Save it with np.savez"
        ) from error
    if "images" not in arrays:
        raise ValueError(
            f"{path} holds {', '.join(held) or 'nothing'}; expected images, uint8 (n, h, w, 1 or 3), and perhaps classes, class_names"
        )
    return arrays
