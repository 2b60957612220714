"""The images of a collection that are nearest to a given one, pixel by pixel."""

import functools
import math

import numpy as np

from gan_helpers.data.dataset import Dataset
from gan_helpers.images import check_uint8

MOST = 2**30  # bytes of images that are looked through


class Nearest:
    """Looks up the nearest of many images.

    Args:
        images: uint8 (n, h, w, c). They are kept as float32, 188 MB for Fashion-MNIST's training images; of more than 1 GB only
            the first that fit into that.

    Attributes:
        images: those that are looked through.
    """

    def __init__(self, images):
        from sklearn.neighbors import NearestNeighbors

        images = check_uint8(images)
        self.images = images[: max(1, MOST // (4 * math.prod(images.shape[1:])))]
        pixels = self.images.reshape(len(self.images), -1).astype(np.float32)
        self._search = NearestNeighbors(algorithm="brute").fit(pixels)

    def __call__(self, image, k: int = 3) -> tuple[np.ndarray, np.ndarray]:
        """The k nearest, nearest first; all, where there are fewer.

        Args:
            image: uint8 (h, w, c).

        Returns:
            Their indices, and their distances: root mean square difference of pixels, in 0…255, as in
            `metrics.memorisation`. Both (k,), or shorter.

        Raises:
            ValueError: an image of another type or shape.
        """
        image = check_uint8(np.asarray(image)[None])
        if image.shape[1:] != self.images.shape[1:]:
            raise ValueError(f"expected an image of shape {self.images.shape[1:]}; got {image.shape[1:]}")
        k = min(k, len(self.images))
        distances, indices = self._search.kneighbors(image.reshape(1, -1).astype(np.float32), n_neighbors=k)
        return indices[0], distances[0] / math.sqrt(image.size)


@functools.lru_cache(maxsize=2)
def of(dataset: Dataset) -> tuple[Nearest, np.ndarray | None, float | None]:
    """A data set's training images, their classes where it has any, and how far a real image that is none of them is from the
    nearest: the median of 200 test images, None without these."""
    nearest = Nearest(dataset.images)
    classes = None if dataset.classes is None else dataset.classes[: len(nearest.images)]
    if dataset.test is None:
        return nearest, classes, None
    tested = dataset.test.images[:200]
    distances, _ = nearest._search.kneighbors(tested.reshape(len(tested), -1).astype(np.float32), n_neighbors=1)
    return nearest, classes, float(np.median(distances) / math.sqrt(math.prod(dataset.image_shape)))


@functools.cache
def of_fashion_mnist() -> tuple[Nearest, np.ndarray, float]:
    """The training images, their classes, and how far a real image that is none of them is from the nearest: the median of 200 test images."""
    return of(Dataset.fashion_mnist())
