"""How near generated images come to training images, pixel by pixel."""

import math
from dataclasses import dataclass

import numpy as np

from gan_helpers.images import check_uint8

AT_ONCE = 512 * 2**20  # bytes of training images that are searched at once


@dataclass(frozen=True)
class Memorisation:
    """How near generated images come to training images, beside how near fresh real ones come.

    Attributes:
        ratio: median distance of generated images to their nearest training image, over that of held-out real images. Far
            below 1 means copying.
        share_nearer: the share of generated images nearer to a training image than 99 % of the held-out ones are; 0.01 is
            what fresh real images score.
        generated, nearest: indices of the closest pairs, into the generated and the training images, closest first.
        distances: of these pairs: root mean square difference of pixels, in 0…255.
    """

    ratio: float
    share_nearer: float
    generated: np.ndarray
    nearest: np.ndarray
    distances: np.ndarray


def memorisation(generated, training, held_out, pairs: int = 10) -> Memorisation:
    """Compare images pixel by pixel with their nearest training images.

    Args:
        generated, training, held_out: uint8 (n, h, w, c); held-out images are real and not among the training images.
        pairs: how many closest pairs to give.

    Raises:
        ValueError: other types or shapes, or held-out images that are training images.
    """
    of_generated, nearest = to_nearest(generated, training)
    of_held_out, _ = to_nearest(held_out, training)
    if not np.median(of_held_out):
        raise ValueError("held_out are no yardstick: more than half of them are among the training images")
    closest = np.argsort(of_generated, kind="stable")[:pairs]
    return Memorisation(
        ratio=float(np.median(of_generated) / np.median(of_held_out)),
        share_nearer=float(np.mean(of_generated < np.quantile(of_held_out, 0.01))),
        generated=closest,
        nearest=nearest[closest],
        distances=of_generated[closest],
    )


def to_nearest(images, training) -> tuple[np.ndarray, np.ndarray]:
    """Root mean square difference of pixels to the nearest training image, and that image's index: both (n,)."""
    from sklearn.neighbors import NearestNeighbors

    images, training = check_uint8(images), check_uint8(training)
    if images.shape[1:] != training.shape[1:]:
        raise ValueError(f"the training images have shape {training.shape[1:]}; these have {images.shape[1:]}")
    images, size = images.reshape(len(images), -1).astype(np.float32), math.prod(training.shape[1:])
    at_once = max(1, AT_ONCE // (4 * size))
    distances, nearest = np.full(len(images), np.inf), np.zeros(len(images), np.int64)
    for first in range(0, len(training), at_once):  # of a memory-mapped file as many at once as memory has room for
        block = training[first : first + at_once].reshape(-1, size).astype(np.float32)
        search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(block)
        found, which = (column[:, 0] for column in search.kneighbors(images))
        nearer = found < distances
        distances[nearer], nearest[nearer] = found[nearer], first + which[nearer]
    return distances / math.sqrt(size), nearest
