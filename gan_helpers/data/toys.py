"""Toys: data so small that all of it can be seen. Mixtures of Gaussians whose modes are counted, and two parallel lines.

    ring = gh.toys.ring()
    points = ring.sample(10_000, seed=7)                    # float32 (10000, 2)
    gan = gh.GAN(gh.networks.toy_generator(), gh.networks.toy_discriminator())
    ...
    gh.toys.modes_covered(gan.generate(2500), ring)         # of 8

The smallest toy of all, one number against one slope, is `gan_helpers.gan.dirac`.
"""

import math
from dataclasses import dataclass

import numpy as np

FAR = 3.0  # spreads from the centre within which a sample is good


@dataclass(frozen=True)
class Mixture:
    """A mixture of Gaussians, all equally frequent and equally wide in every direction.

    Attributes:
        centres: of the modes: a tuple of k points, each a tuple of d numbers.
        spread: standard deviation σ > 0 of each mode along each axis.

    Raises:
        ValueError: no centres, centres that are no finite points of one dimension, or a spread not above 0.
    """

    centres: tuple[tuple[float, ...], ...]
    spread: float

    def __post_init__(self):
        centres = np.array(self.centres, float)
        if centres.ndim != 2 or not centres.size or not np.isfinite(centres).all():
            raise ValueError(f"centres has shape {centres.shape}; it must be (k, d), finite numbers")
        if not 0 < self.spread < math.inf:
            raise ValueError(f"spread is {self.spread}; it must be greater than 0")
        object.__setattr__(self, "centres", tuple(tuple(centre) for centre in centres.tolist()))

    def __len__(self) -> int:
        """The number of modes."""
        return len(self.centres)

    def sample(self, n: int, seed: int = 0) -> np.ndarray:
        """n independent points, float32 (n, d), a function of the seed alone.

        Raises:
            ValueError: n below 1.
        """
        if n < 1:
            raise ValueError(f"n is {n}; it must be at least 1")
        rng = np.random.default_rng(seed)
        centres = np.array(self.centres)[rng.integers(len(self), size=n)]
        return (centres + self.spread * rng.normal(size=centres.shape)).astype(np.float32)


def ring(modes: int = 8, radius: float = 2.0, spread: float = 0.02) -> Mixture:
    """Gaussians evenly spaced on a circle.

    With the defaults, the ring of eight of Metz, Poole, Pfau, Sohl-Dickstein, "Unrolled Generative Adversarial Networks",
    ICLR 2017.

    Raises:
        ValueError: fewer than one mode, or a radius or spread not above 0.
    """
    if modes < 1 or not radius > 0:
        raise ValueError(
            f"modes is {modes} and radius {radius}; a ring has at least 1 mode and a radius greater than 0"
        )
    turns = 2 * np.pi * np.arange(modes) / modes
    return Mixture(tuple(zip(radius * np.cos(turns), radius * np.sin(turns))), spread)


def grid(side: int = 5, spacing: float = 2.0, spread: float = 0.05) -> Mixture:
    """Gaussians on a square grid around 0.

    With the defaults, the grid of 25 of Srivastava, Valkov, Russell, Gutmann, Sutton, "VEEGAN: Reducing Mode Collapse in GANs
    using Implicit Variational Learning", NeurIPS 2017, with the numbers that the code of Lin, Khetan, Fanti, Oh, "PacGAN",
    NeurIPS 2018, has for it: means from −4 to 4, variance 0.0025.

    Raises:
        ValueError: a side below 1, or a spacing or spread not above 0.
    """
    if side < 1 or not spacing > 0:
        raise ValueError(
            f"side is {side} and spacing {spacing}; a grid has a side of at least 1, spacing greater than 0"
        )
    places = spacing * (np.arange(side) - (side - 1) / 2)
    return Mixture(tuple((x, y) for x in places for y in places), spread)


def _nearest(points, mixture: Mixture) -> tuple[np.ndarray, np.ndarray]:
    """The nearest centre of each point, integers (n,), and whether the point is good, booleans (n,)."""
    points, dimensions = np.asarray(points, float), len(mixture.centres[0])
    if points.ndim != 2 or points.shape[1] != dimensions or not len(points):
        raise ValueError(f"expected points of shape (n, {dimensions}), n at least 1; got {points.shape}")
    if not np.isfinite(points).all():
        raise ValueError("the points hold NaN or infinity: the generator that made them is broken")
    distances = np.linalg.norm(points[:, None] - np.array(mixture.centres), axis=-1)
    return distances.argmin(axis=1), distances.min(axis=1) <= FAR * mixture.spread


def good_share(points, mixture: Mixture) -> float:
    """The share of points within three spreads of the nearest centre, in [0, 1].

    Srivastava et al. 2017 ("high quality samples"). Real points in the plane score 1 − exp(−9/2) = 0.989.

    Args:
        points: (n, d), as the mixture's.

    Raises:
        ValueError: points of another shape, none, or with NaN or infinity.
    """
    return float(_nearest(points, mixture)[1].mean())


def modes_covered(points, mixture: Mixture, at_least: int = 1) -> int:
    """How many modes have at least `at_least` good points (`good_share`) whose nearest centre is theirs.

    One is enough in Srivastava et al. 2017, of 2,500 points. A generator that drifts from mode to mode leaves single
    points on its way; with `at_least=25`, a tenth or so of what a mode should get, those do not count.

    Args:
        points: (n, d), as the mixture's.

    Raises:
        ValueError: as in `good_share`; `at_least` below 1.
    """
    if at_least < 1:
        raise ValueError(f"at_least is {at_least}; it must be at least 1")
    nearest, good = _nearest(points, mixture)
    return int((np.bincount(nearest[good], minlength=len(mixture)) >= at_least).sum())


# --- parallel lines -----------------------------------------------------------------------------------


def parallel_lines(n: int, theta: float, seed: int = 0) -> np.ndarray:
    """Points (θ, y), y uniform in [0, 1]: float32 (n, 2).

    Arjovsky, Chintala, Bottou, "Wasserstein GAN", ICML 2017, example 1: the data lie on the line at 0, a generator's at θ.

    Raises:
        ValueError: n below 1.
    """
    if n < 1:
        raise ValueError(f"n is {n}; it must be at least 1")
    heights = np.random.default_rng(seed).uniform(size=n)
    return np.stack([np.full(n, theta), heights], axis=1).astype(np.float32)


def distances_of_lines(theta: float) -> dict[str, float]:
    """The exact distances between the lines at 0 and at θ: `jensen_shannon` in nats, and `wasserstein`.

    Jensen-Shannon is log 2 for every θ but 0, so it has no slope that could bring the lines together; Wasserstein-1 is |θ|
    (Arjovsky et al. 2017, example 1).
    """
    return {"jensen_shannon": math.log(2) if theta else 0.0, "wasserstein": abs(float(theta))}


def wasserstein_1d(a, b) -> float:
    """The exact Wasserstein-1 distance between two samples of numbers.

    On a line the cheapest way to move one heap of sand to another keeps its order: of equally many numbers, the smallest goes to
    the smallest, and so on, |sorted a − sorted b| on average. In general it is the area between the two distribution
    functions (Villani, "Topics in Optimal Transportation", 2003, section 2.2).

    Args:
        a, b: numbers (n,) and (m,), at least one each.

    Raises:
        ValueError: another shape, or NaN or infinity.
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    for values in (a, b):
        if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
            raise ValueError(f"expected finite numbers (n,), n at least 1; got shape {values.shape}")
    a, b = np.sort(a), np.sort(b)
    if len(a) == len(b):
        return float(np.abs(a - b).mean())
    ends = np.sort(np.concatenate([a, b]))
    below = [np.searchsorted(values, ends[:-1], side="right") / len(values) for values in (a, b)]
    return float(np.abs(below[0] - below[1]) @ np.diff(ends))
