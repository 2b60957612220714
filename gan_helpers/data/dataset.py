"""`Dataset`: images of one size, their classes and the names of these, and images for testing: all that the course asks of data."""

import os
import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from gan_helpers.data import fashion_mnist, own_arrays, own_images, prepared, tfds_images
from gan_helpers.images import check_uint8


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Images to learn from, and what is known of them. Two are equal only where they are the same object.

    Attributes:
        images: uint8 (n, h, w, 1 or 3), those to train on; they may be a memory-mapped file.
        classes: int64 (n,), indices into `class_names`; None where there are none.
        class_names: of the classes, in their order; () where there are none.
        test: images that nothing is trained on, which quality is reported by: a Dataset of the same kind, or None.
        name: how it is called in tables and messages.
        left_out: a sentence for each file that was not taken: its name, and why.

    Raises:
        ValueError: images of another type, or none; classes of another number than images, that are no integers, or out of
            range; names without classes, or twice the same; a test part of another size or with other classes.
    """

    images: np.ndarray
    classes: np.ndarray | None = None
    class_names: tuple[str, ...] = ()
    test: "Dataset | None" = None
    name: str = "images"
    left_out: tuple[str, ...] = ()

    def __post_init__(self):
        object.__setattr__(self, "images", check_uint8(self.images))
        object.__setattr__(self, "class_names", tuple(self.class_names))
        if not len(self):
            raise ValueError(f"{self.name} has no images; expected at least one")
        if self.classes is not None:
            object.__setattr__(self, "classes", _checked_classes(self.classes, self.class_names, len(self)))
        elif self.class_names:
            raise ValueError(f"class_names are {self.class_names!r:.80} without classes; pass classes, one per image")
        if self.test is not None:
            _check_test(self)

    def __repr__(self) -> str:
        h, w, c = self.image_shape
        classes = f" in {len(self.class_names)} classes" if self.class_names else " without classes"
        test = "" if self.test is None else f", {len(self.test):,} for testing"
        left_out = f", {len(self.left_out):,} files left out" if self.left_out else ""
        return f"<Dataset {self.name!r}: {len(self):,} {'colour' if c == 3 else 'grey'} images of {h}×{w}{classes}{test}{left_out}>"

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(h, w, c) of each image."""
        return tuple(self.images.shape[1:])

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the images to train on, and of their classes. Read in blocks, once; of a prepared data set it is known."""
        return self._hashes[1]

    @cached_property
    def hash_of_images(self) -> str:
        """SHA-256 of the images to train on alone: all that an unconditional GAN learns from."""
        return self._hashes[0]

    @cached_property
    def _hashes(self) -> tuple[str, str]:
        return prepared.hashes(self.images, self.classes)[0]

    @cached_property
    def origin(self) -> str:
        """As `GAN.trained_on` keeps it: "fashion_mnist" where the images are Fashion-MNIST's own, else the hash."""
        return "fashion_mnist" if fashion_mnist.origin_of(self.images) == "fashion_mnist" else self.hash

    @cached_property
    def held_out(self) -> "Dataset":
        """The last sixth of the images to train on, 10,000 at most: generators are chosen by them, and no judge has seen them."""
        if (begin := prepared.without_held_out(len(self))) == len(self):
            raise ValueError(
                f"{self.name} has {len(self)} images to train on, too few to hold a sixth back; it takes 6"
            )
        return self._part(slice(begin, None))

    @cached_property
    def without_held_out(self) -> "Dataset":
        """The images to train on without `held_out`."""
        return self._part(slice(0, prepared.without_held_out(len(self))))

    def _part(self, which: slice) -> "Dataset":
        classes = None if self.classes is None else self.classes[which]
        return Dataset(self.images[which], classes, self.class_names, self.test, self.name)

    @classmethod
    def fashion_mnist(cls, data_dir=None) -> "Dataset":
        """Fashion-MNIST: 60,000 images to train on, 10,000 for testing (`data.load_fashion_mnist`)."""
        (images, classes), of_test = (fashion_mnist.load_fashion_mnist(split, data_dir) for split in ("train", "test"))
        names = fashion_mnist.CLASS_NAMES
        return cls(images, classes, names, cls(*of_test, names, name="fashion_mnist"), name="fashion_mnist")

    @classmethod
    def from_folder(cls, path, size: int = 64, colour: bool = True, fit: str = "crop", background=(255, 255, 255),
                    test: float = 0.1, name: str | None = None, progress: bool = True) -> "Dataset":  # fmt: skip
        """A folder of pictures: PNG, JPEG, WebP and the first frame of GIF. The first call decodes them, later ones find the result.

        Where two or more subfolders hold pictures, they are the classes, with what lies deeper in them; pictures beside them
        are left out. Otherwise there are no classes. Hidden files and folders and `__MACOSX` are passed over.

        Pictures are turned as EXIF says, laid over the background where they are transparent, and scaled (Lanczos). Left out are
        broken ones, those that would be enlarged more than twice, those of more than 50 million pixels (told from the head
        of the file), and those with the same pixels as another; one warning sums them up, and `left_out` names each. The order is
        like a shuffled one, but each stretch has its share of each class; it is a function of the files' names alone, so that
        more pictures leave most images for testing what they were.

        The result lies memory-mapped in `data/prepared`, or in the user's cache where that is read-only. A million pictures take
        about half a gigabyte of memory while they are prepared; besides, the largest pictures take up to 0.8, one at a time.

        Args:
            path: the folder.
            size: pixels of both sides, 16…512.
            colour: True for red, green and blue, False for grey.
            fit: "crop" for the square in the middle, "pad" for the whole picture on the background.
            background: (red, green, blue), 0…255.
            test: the share of each class, rounded, that is kept for testing, 10,000 images at most; 0 for none.
            name: default the folder's.
            progress: show a progress bar on stderr.

        Raises:
            FileNotFoundError: the folder is not there.
            NotADirectoryError: it is a file.
            ValueError: it has fewer than two usable pictures, or a setting is out of range.
            OSError: the disk is full. Nothing half-written stays, whatever happens.
        """
        folder, said = own_images.prepare(path, size, colour, fit, background, test, progress)
        if said:
            warnings.warn(said, stacklevel=2)
        return cls._prepared(folder, name)

    @classmethod
    def from_arrays(cls, images, classes=None, class_names=(), test: "float | Dataset | None" = 0.1,
                    name: str = "arrays") -> "Dataset":  # fmt: skip
        """Images in memory. They are copied into an order like a shuffled one, a function of their pixels and classes alone.

        Args:
            images: uint8 (n, h, w, 1 or 3) or (n, h, w).
            classes: integers or strings (n,). Without `class_names` the names are the values that occur, as text, sorted.
            class_names: integers are indices into them, strings some of them.
            test: the share of each class, rounded, that is kept for testing, 10,000 images at most, 0 for none; or a Dataset.
            name: how to call it.

        Raises:
            ValueError: images of another type or shape (it says how to convert them), classes that do not fit, or a share out of
                range.
        """
        images = own_arrays.check_images(images)
        classes, names = own_arrays.numbered(classes, class_names, len(images))
        order = prepared.spread([prepared.key_of(np.ascontiguousarray(image)) for image in images], classes)
        if isinstance(test, Dataset) or test is None:
            return cls(images[order], None if classes is None else classes[order], names, test, name)
        share = prepared.check_share(test)
        tested = prepared.for_testing(len(images), None if classes is None else classes[order], share)
        parts = [(images[part], None if classes is None else classes[part]) for part in (order[~tested], order[tested])]
        return cls(*parts[0], names, cls(*parts[1], names, name=name) if tested.any() else None, name)

    @classmethod
    def from_idx(cls, path, test: float | None = None, size: int | None = None, colour: bool | None = None,
                 name: str | None = None) -> "Dataset":  # fmt: skip
        """IDX files, plain or gzipped, by MNIST's names: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-…`.

        Args:
            path: the file of images to train on, or a folder that has one; labels and images for testing are looked for beside.
            test: the share of the images that is kept for testing; default is the part "t10k", or a tenth where there is none.
            size: pixels of both sides, 16…512; default as they are.
            colour: True for red, green and blue, False for grey; default as they are.
            name: default the folder's.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: a file is damaged or no IDX file, or labels do not fit; it is named.
        """
        path = Path(path).expanduser()
        own_arrays.check_refit(size, colour)
        share = None if test is None else prepared.check_share(test)
        files = own_arrays.idx_files(path)
        if share is not None:
            files.pop("test", None)
        hashes = [own_arrays.sha256_of(file) for pair in files.values() for file in pair if file is not None]
        name = name or (path if path.is_dir() else path.parent).resolve().name

        def load():
            parts = {part: own_arrays.read_idx_pair(*pair) for part, pair in files.items()}
            values = [np.unique(labels) for _, labels in parts.values() if labels is not None]
            names = tuple(map(str, np.unique(np.concatenate(values)))) if values else ()
            made = {"test": 0.1 if share is None else share}
            for part in ("test", "train"):
                if part in parts:
                    images, labels = parts[part]
                    labels = None if labels is None else labels.astype(str)
                    images = own_arrays.refitted(images, size, colour)
                    of_test = made["test"] if part == "train" else None
                    made[part] = cls.from_arrays(images, labels, () if labels is None else names, of_test, name)
            return made["train"]

        return cls._kept({"idx": hashes, "size": size, "colour": colour, "test": share}, load, name)

    @classmethod
    def from_tfds(cls, name: str, size: int | None = None, colour: bool | None = None, test: float | None = None,
                  data_dir: str | os.PathLike | None = None, progress: bool = True) -> "Dataset":  # fmt: skip
        """Any data set of TensorFlow Datasets that has images ("image"), and perhaps classes ("label").

        They go one by one into a memory-mapped file, in an order like a shuffled one.

        Args:
            name: as `tfds.builder` takes it: "cifar10", "oxford_flowers102:2.1.1".
            size: pixels of both sides, 16…512, of the square in the middle; default as they are, if all have one size.
            colour: True for red, green and blue, False for grey; default as they are.
            test: the share of the split "train" that is kept for testing; default is the split "test", or a tenth where there is
                none.
            data_dir: where TFDS keeps its data sets; default its own folder.
            progress: show a progress bar on stderr.

        Raises:
            FileNotFoundError: it is not there, and the network does not answer.
            ValueError: TFDS does not know it, or it has no such images.
            OSError: it cannot be downloaded, or the disk is full.
        """
        return cls._prepared(tfds_images.prepare(name, size, colour, test, data_dir, progress))

    @classmethod
    def open(cls, path_or_name, size: int | None = None, colour: bool | None = None) -> "Dataset":
        """Whatever a name or a path stands for, as the command line's `--images` takes it.

        Args:
            path_or_name: "fashion_mnist"; "tfds:NAME"; a folder of pictures; an IDX file, or a folder of IDX files; a `.npz` with
                `images` and perhaps `classes` and `class_names`.
            size: pixels of both sides, 16…512; default 64 for a folder of pictures, else as they are.
            colour: True for red, green and blue, False for grey; default colour for a folder of pictures, else as they are.

        Raises:
            FileNotFoundError: nothing is there.
            ValueError: it is none of these, or see the constructor that it goes to.
        """
        text, path = str(path_or_name), Path(path_or_name).expanduser()
        if text.startswith("tfds:"):
            return cls.from_tfds(text.removeprefix("tfds:"), size, colour)
        if text == "fashion_mnist":
            return cls._fashion_mnist_as(size, colour)
        if path.is_dir():
            if not own_arrays.is_folder_of_idx(path):
                return cls.from_folder(path, 64 if size is None else size, True if colour is None else colour)
            return cls.from_idx(path, size=size, colour=colour)
        if not path.exists():
            raise FileNotFoundError(
                f"{text} is not there; expected a folder of pictures, IDX files, a .npz, tfds:NAME, or fashion_mnist"
            )
        if path.suffix == ".npz":
            return cls._from_npz(path, size, colour)
        if own_arrays.is_idx(path):
            return cls.from_idx(path, size=size, colour=colour)
        raise ValueError(
            f"{path} is a file that begins with {own_arrays.beginning(path)}; expected a folder of pictures, IDX files or a .npz"
        )

    @classmethod
    def _fashion_mnist_as(cls, size, colour) -> "Dataset":
        own_arrays.check_refit(size, colour)
        if size in (None, 28) and not colour:
            return cls.fashion_mnist()

        def load():
            whole, name = cls.fashion_mnist(), f"fashion_mnist of {size or 28}"
            refit = [own_arrays.refitted(part.images, size, colour) for part in (whole, whole.test)]
            of_test = cls(refit[1], whole.test.classes, whole.class_names, name=name)
            return cls(refit[0], whole.classes, whole.class_names, of_test, name)

        return cls._kept({"fashion_mnist": fashion_mnist.SHA256, "size": size, "colour": colour}, load)

    @classmethod
    def _from_npz(cls, path: Path, size, colour) -> "Dataset":
        own_arrays.check_refit(size, colour)

        def load():
            arrays = own_arrays.read_npz(path)
            try:
                arrays["images"] = own_arrays.refitted(own_arrays.check_images(arrays["images"]), size, colour)
                return cls.from_arrays(**arrays, name=path.stem)
            except ValueError as error:
                raise ValueError(f"{path}: {error}") from None

        made_from = {"npz": own_arrays.sha256_of(path), "size": size, "colour": colour}
        return cls._kept(made_from, load, path.stem)

    @classmethod
    def _kept(cls, made_from: dict, load, name: str | None = None) -> "Dataset":
        """The prepared data set that was made from this; made now from what `load` gives, a Dataset, where it is not there."""
        folder = prepared.find(made_from)
        if folder is None:
            loaded = load()
            parts = {"train": loaded, **({} if loaded.test is None else {"test": loaded.test})}

            def write(folder):
                for split, part in parts.items():
                    prepared.write_part(folder, split, part.images, part.classes)
                return {"name": loaded.name, "class_names": loaded.class_names, "left_out": []}

            folder = prepared.keep(made_from, write, sum(part.images.nbytes for part in parts.values()))
        return cls._prepared(folder, name)

    @classmethod
    def _prepared(cls, folder: Path, name: str | None = None) -> "Dataset":
        """A prepared data set, with the hashes that are known of it."""
        facts = prepared.facts(folder)
        name, names = name or facts["name"], tuple(facts["class_names"])
        left_out = tuple(f"{file}: {kind} ({details})" for file, kind, details in facts["left_out"])
        of_test = prepared.part(folder, "test")
        test = None if of_test is None else cls(*of_test, names, name=name)
        dataset = cls(*prepared.part(folder, "train"), names, test, name, left_out)
        vars(dataset)["_hashes"] = tuple(facts["hashes"]["whole"])
        vars(dataset.without_held_out)["_hashes"] = tuple(facts["hashes"]["without_held_out"])
        return dataset


def _checked_classes(classes, class_names, n: int) -> np.ndarray:
    classes = np.asarray(classes)
    if classes.shape != (n,):
        raise ValueError(f"classes have shape {classes.shape}; expected ({n},), one class per image")
    if classes.dtype.kind not in "iu":
        raise ValueError(f"classes are {classes.dtype}; expected integers, indices into class_names")
    if len(set(class_names)) != len(class_names) or not all(isinstance(name, str) for name in class_names):
        raise ValueError(f"class_names are {class_names!r:.80}; expected different strings")
    outside = classes[(classes < 0) | (classes >= len(class_names))]
    if len(outside):
        raise ValueError(f"a class is {outside[0]}; expected an index into the {len(class_names)} class_names, from 0")
    return classes.astype(np.int64, copy=False)


def _check_test(dataset: Dataset) -> None:
    test = dataset.test
    if not isinstance(test, Dataset):
        raise ValueError(f"test is {test!r:.80}; expected a Dataset or None")
    if test.image_shape != dataset.image_shape:
        raise ValueError(f"test has images of {test.image_shape}; expected {dataset.image_shape}, as to train on")
    if test.class_names != dataset.class_names:
        raise ValueError(
            f"test has the classes {', '.join(test.class_names) or 'none'}; expected {', '.join(dataset.class_names) or 'none'}, as to train on. "
            "Make both with the same class_names"
        )


def known(trained_on: str | None) -> Dataset | None:
    """The data set that a GAN learned from, by its `trained_on`, where it is prepared on this machine; None where it is not.

    Nothing is downloaded, prepared or written.
    """
    if trained_on == "fashion_mnist":
        return None if fashion_mnist.prepared_folder() is None else Dataset.fashion_mnist()
    folder = prepared.find_by_hash(trained_on) if trained_on else None
    return None if folder is None else Dataset._prepared(folder)
