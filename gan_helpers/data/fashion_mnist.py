"""Fashion-MNIST: in through TensorFlow Datasets, out as arrays and as a `tf.data` pipeline.

Source of the data: Xiao, Rasul, Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
Algorithms", 2017 (arXiv 1708.07747). 60,000 training and 10,000 test images, 28×28, ten classes.
"""

import contextlib
import functools
import hashlib
import io
import os
import shutil
import sys
import threading
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import numpy as np

from gan_helpers.data.idx import shape_of_whole_idx
from gan_helpers.storage import folders

CLASS_NAMES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
SIZES = {"train": 60_000, "test": 10_000}
SHA256 = {
    "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
}
_DOWNLOADS = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"  # where TFDS gets the files


def load_fashion_mnist(
    split: str = "train", data_dir: str | os.PathLike | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Load one split as arrays. The first call prepares the dataset (about half a minute); later calls take under a second.

    Args:
        split: "train" (60,000 images) or "test" (10,000).
        data_dir: the folder with the four original `.gz` files, all of them; default `data/fashion-mnist` of the course.

    Returns:
        images uint8 (n, 28, 28, 1), 0 = black, and labels int64 (n,), indices into `CLASS_NAMES`.

    Raises:
        ValueError: unknown split, or a file whose SHA-256 is not the registered one: damaged, or another data set's.
        FileNotFoundError: `data_dir` or a file in it is not there; or the files are not there and cannot be downloaded.
    """
    if split not in SIZES:
        raise ValueError(f"split is {split!r}; it must be one of {', '.join(map(repr, SIZES))}")
    arrays = prepare(data_dir) / f"{split}.npz"
    with np.load(arrays) as archive:
        return archive["images"], archive["labels"]


def prepare(data_dir: str | os.PathLike | None = None, progress: bool = False) -> Path:
    """Make the prepared dataset where it is missing, and return its folder.

    TFDS builds its own copy from the four files and checks their registered SHA-256. Reading 60,000 PNGs back from it
    takes 5 to 10 s at every start, so the decoded arrays are kept beside it, one `.npz` a split, each complete or absent.
    """
    if data_dir is not None:  # looked into even where nothing has to be prepared: it may hold something else
        if not Path(data_dir).is_dir():
            raise FileNotFoundError(f"data_dir {str(data_dir)!r} is not a folder; it must hold {', '.join(SHA256)}")
        if missing := check_files(Path(data_dir)):
            raise FileNotFoundError(f"data_dir {str(data_dir)!r} lacks {', '.join(missing)}")
    if found := prepared_folder():  # asked before a writable folder is looked for: it may be there and read-only
        return found
    folder = folders.prepared()
    files = Path(data_dir) if data_dir is not None else folders.data() / "fashion-mnist"
    missing = check_files(files)
    if missing:
        _require_network(files, missing)
    if folder.parent != folders.data():
        print(f"{folders.data()} is read-only: the dataset is prepared in {folder}", file=sys.stderr)

    import tensorflow_datasets as tfds

    builder = tfds.builder("fashion_mnist", data_dir=folder / "tfds")
    config = tfds.download.DownloadConfig(manual_dir=None if missing else files, try_download_gcs=False)
    with contextlib.nullcontext() if progress else silence():  # a notebook's outputs are compared: no passing remarks
        builder.download_and_prepare(download_config=config)
    for split, size in SIZES.items():
        examples = next(iter(tfds.as_numpy(builder.as_dataset(split=split, batch_size=size, shuffle_files=False))))
        images, labels = examples["image"], examples["label"].astype(np.int64)
        if images.shape != (size, 28, 28, 1):
            raise ValueError(
                f"the prepared {split} split has shape {images.shape}, not {(size, 28, 28, 1)}; delete {folder} and call again"
            )
        partial = folder / f"{split}.{os.getpid()}.partial.npz"
        np.savez(partial, images=images, labels=labels)
        os.replace(partial, folder / f"{split}.npz")
    shutil.rmtree(folder / "tfds" / "downloads", ignore_errors=True)  # unpacked copies, not needed again
    return folder


@contextlib.contextmanager
def silence():
    """What TFDS prints while it prepares is not seen, nor its progress bars."""
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    with contextlib.redirect_stdout(io.StringIO()):
        yield


def check_files(files: Path) -> list[str]:
    """Compare the four files in `files` with their registered SHA-256; return the names of those that are not there."""
    missing = []
    for name, expected in SHA256.items():
        try:
            found = hashlib.sha256((files / name).read_bytes()).hexdigest()
        except FileNotFoundError:
            missing.append(name)
            continue
        if found != expected and (shape := shape_of_whole_idx(files / name)):
            raise ValueError(
                f"{files / name} is another data set than Fashion-MNIST: a whole file of {' × '.join(map(str, shape))}, with SHA-256 "
                f"{found}, not {expected}. Read it with gh.Dataset.from_idx({str(files)!r})"
            )
        if found != expected:
            raise ValueError(
                f"{files / name} is damaged: expected SHA-256 {expected}, found {found}. "
                f"Restore it with `git checkout -- data/fashion-mnist`, or delete it to have it downloaded."
            )
    return missing


def prepared_folder() -> Path | None:
    """The folder in which Fashion-MNIST is prepared; None where it is not yet. Nothing is written."""
    return next(filter(_is_prepared, folders.places_for_prepared()), None)


def _is_prepared(folder: Path) -> bool:
    return all(_is_whole(folder / f"{split}.npz", size) for split, size in SIZES.items())


def _is_whole(arrays: Path, size: int) -> bool:
    """Whether the .npz is there with the right number of images; reads the headers only."""
    try:
        with zipfile.ZipFile(arrays) as archive, archive.open("images.npy") as member:
            np.lib.format.read_magic(member)
            shape, _, dtype = np.lib.format.read_array_header_1_0(member)
            return shape == (size, 28, 28, 1) and dtype == np.uint8
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return False


ORIGINS = ("fashion_mnist", "other")
LOOKED_AT = 256  # images, to tell a data set


def origin_of(images) -> str | None:
    """Whether images are Fashion-MNIST's own, byte for byte: "fashion_mnist" or "other"; None where it is not prepared yet.

    Args:
        images: uint8 (n, h, w, c), n ≥ 1, of which at most 256 are looked at.
    """
    images = np.asarray(images)
    if images.shape[1:] != (28, 28, 1):
        return "other"
    if (known := _all_of_fashion_mnist()) is None:
        return None
    some = images[:: -(-len(images) // LOOKED_AT)]
    return ORIGINS[0] if np.mean([hash(image.tobytes()) in known for image in some]) > 0.5 else ORIGINS[1]


def _all_of_fashion_mnist() -> frozenset[int] | None:
    """A hash of each of the 70,000 images; None where they are not prepared."""
    folder = prepared_folder()
    return None if folder is None else _hashes(folder)


@functools.cache
def _hashes(folder: Path) -> frozenset[int]:
    found = set()
    for split in SIZES:
        with np.load(folder / f"{split}.npz") as archive:
            found.update(hash(image.tobytes()) for image in archive["images"])
    return frozenset(found)


def _require_network(files: Path, missing: list[str], seconds: float = 4.0) -> None:
    """Fail at once where TFDS would retry for minutes."""
    if not answers(_DOWNLOADS + missing[0], seconds):
        raise FileNotFoundError(
            f"Fashion-MNIST is not here and cannot be downloaded: {files} lacks {', '.join(missing)}, and {_DOWNLOADS} does not "
            "answer. Restore the files with `git checkout -- data/fashion-mnist`, or copy the four .gz files into that folder."
        )


def answers(url: str, seconds: float = 4.0) -> bool:
    """Whether a file can be had from the network: ask for its header, `seconds` at most."""
    answered = threading.Event()

    def ask():
        try:
            request = urllib.request.Request(url, method="HEAD")
            with urllib.request.urlopen(request, timeout=seconds):
                answered.set()
        except OSError:
            pass

    asking = threading.Thread(target=ask, daemon=True)  # a dead name server can block longer than any timeout
    asking.start()
    asking.join(seconds)
    return answered.is_set()
