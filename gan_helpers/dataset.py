"""`Dataset`: images of one size, their classes and the names of these, and images for testing: all that the course asks of data."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gan_helpers import data
from gan_helpers.images import check_uint8

MOST_HELD_OUT = 10_000


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images to learn from, and what is known of them.

    Attributes:
        images: uint8 (n, h, w, 1 or 3), those to train on; they may be a memory-mapped file.
        classes: int64 (n,), indices into `class_names`; None where there are none.
        class_names: of the classes, in their order; () where there are none.
        test: images that nothing is trained on, which quality is reported by: a Dataset of the same kind, or None.
        name: how it is called in tables and messages.
        left_out: a sentence for each file that was not taken: its name, and why.

    Raises:
        ValueError: images of another type; classes of another number than images, out of range, or without names; a test part
            of another size or with other classes.
    """

    images: np.ndarray
    classes: np.ndarray | None = None
    class_names: tuple[str, ...] = ()
    test: "Dataset | None" = None
    name: str = "images"
    left_out: tuple[str, ...] = ()

    def __post_init__(self):
        check_uint8(self.images)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(h, w, c) of each image."""
        return tuple(self.images.shape[1:])

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the images to train on, and of their classes."""
        content = hashlib.sha256(np.ascontiguousarray(self.images))
        if self.classes is not None:
            content.update(np.ascontiguousarray(self.classes, np.int64))
        return content.hexdigest()

    @property
    def origin(self) -> str:
        """As `GAN.trained_on` keeps it: "fashion_mnist", or the hash."""
        return "fashion_mnist" if self.name == "fashion_mnist" else self.hash

    @property
    def held_out(self) -> "Dataset":
        """The last sixth of the images to train on, 10,000 at most: generators are chosen by them, and no judge has seen them."""
        return self._part(slice(len(self) - self._kept_back, None))

    @property
    def without_held_out(self) -> "Dataset":
        """The images to train on without `held_out`."""
        return self._part(slice(0, len(self) - self._kept_back))

    @property
    def _kept_back(self) -> int:
        return min(MOST_HELD_OUT, len(self) // 6)

    def _part(self, which: slice) -> "Dataset":
        classes = None if self.classes is None else self.classes[which]
        return Dataset(self.images[which], classes, self.class_names, self.test, self.name)

    @classmethod
    def fashion_mnist(cls, data_dir=None) -> "Dataset":
        """Fashion-MNIST: 60,000 images to train on, 10,000 for testing (`data.load_fashion_mnist`)."""
        (images, classes), of_test = (data.load_fashion_mnist(split, data_dir) for split in ("train", "test"))
        names = data.CLASS_NAMES
        return cls(images, classes, names, cls(*of_test, names, name="fashion_mnist"), name="fashion_mnist")


def known(trained_on: str | None) -> Dataset | None:
    """The data set that a GAN learned from, by its `trained_on`, where it is on this machine; None where it is not."""
    return Dataset.fashion_mnist() if trained_on == "fashion_mnist" else None
