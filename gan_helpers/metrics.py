"""Quality as a number: how far generated images are from real ones, and in what way.

Distances are taken between features of the course's classifier (`classifier.py`), not of ImageNet's Inception, which has
never seen a 28×28 grey shirt. Functions on features take float arrays (n, d) and know nothing of images; `evaluate` puts
them together, each value with what real images score against real ones.
"""

import math
import warnings
from dataclasses import asdict, dataclass

import numpy as np

from gan_helpers import classifier, data, latent
from gan_helpers.gan import generate, is_conditional
from gan_helpers.images import check_uint8

N = 10_000
FEWEST = 2_048  # below, the Fréchet distance is mostly bias (Heusel et al. 2017, appendix A1)
NEIGHBOURS = 5
BLOCK = 1_000


def _check_features(*features) -> list[np.ndarray]:
    """Features as float64 (n, d), all of one d and finite."""
    arrays = [np.asarray(f, np.float64) for f in features]
    if any(a.ndim != 2 or len(a) < 2 for a in arrays) or len({a.shape[1] for a in arrays}) > 1:
        raise ValueError(
            f"expected features of shape (n, d), n ≥ 2, the same d; got {', '.join(str(a.shape) for a in arrays)}"
        )
    if not all(np.isfinite(a).all() for a in arrays):
        raise ValueError("features hold NaN or infinity")
    return arrays


def frechet_distance(a, b) -> float:
    """The Fréchet distance between two Gaussians fitted to features: |μₐ − μ_b|² + tr(Σₐ + Σ_b − 2 (Σₐ Σ_b)^½).

    0 for equal distributions; no upper bound; in squared units of the features. Biased upwards where n is small.

    Source: Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium", NeurIPS
    2017, section 4 (with Inception's features: FID).

    Raises:
        ValueError: features of unequal width, with NaN, or fewer than two.
    """
    a, b = _check_features(a, b)
    cov_a, cov_b = np.cov(a, rowvar=False, ddof=1), np.cov(b, rowvar=False, ddof=1)
    values, vectors = np.linalg.eigh(np.atleast_2d(cov_a))
    root_a = vectors * np.sqrt(values.clip(0)) @ vectors.T
    # (Σₐ Σ_b)^½ has the trace of (Σₐ^½ Σ_b Σₐ^½)^½, which is symmetric: no complex numbers can come up.
    trace_of_root = np.sqrt(np.linalg.eigvalsh(root_a @ np.atleast_2d(cov_b) @ root_a).clip(0)).sum()
    distance = np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(np.atleast_2d(cov_a + cov_b)) - 2 * trace_of_root
    return max(float(distance), 0.0)


def kernel_distance(a, b) -> tuple[float, float]:
    """The squared maximum mean discrepancy with the kernel (x·y / d + 1)³, unbiased, and its standard error.

    Estimated on disjoint blocks of 1,000 (of all, where there are fewer), so the blocks' spread is an honest error. It can
    be slightly negative where the distributions are equal. Times 1,000 is customary.

    Source: Bińkowski et al., "Demystifying MMD GANs", ICLR 2018, section 4 (with Inception's features: KID).

    Returns:
        value, standard error (NaN with a single block).

    Raises:
        ValueError: as for `frechet_distance`.
    """
    a, b = _check_features(a, b)
    n = min(len(a), len(b))
    size = min(BLOCK, n)
    estimates = [_mmd2(a[i : i + size], b[i : i + size]) for i in range(0, n - size + 1, size)]
    error = np.std(estimates, ddof=1) / math.sqrt(len(estimates)) if len(estimates) > 1 else math.nan
    return float(np.mean(estimates)), float(error)


def _mmd2(x, y) -> float:
    """Unbiased MMD² of two samples of equal size m: the diagonals of the within-sample kernels are left out."""
    m, d = x.shape
    xx, yy, xy = ((u @ v.T / d + 1) ** 3 for u, v in ((x, x), (y, y), (x, y)))
    within = (xx.sum() - np.trace(xx) + yy.sum() - np.trace(yy)) / (m * (m - 1))
    return float(within - 2 * xy.mean())


def neighbourhoods(real, fake, k: int = NEIGHBOURS) -> dict[str, float]:
    """Precision, recall, density and coverage, from balls around each sample that reach to its k-th neighbour.

    - `precision`, in [0, 1]: the share of generated samples inside some real ball. One stray real sample has a huge ball,
      which flatters it.
    - `recall`, in [0, 1]: the share of real samples inside some generated ball; spread-out nonsense makes large balls too.
    - `density`, ≥ 0, 1 for equal distributions: how many real balls a generated sample lies in, over k.
    - `coverage`, in [0, 1]: the share of real balls with a generated sample inside. Equal distributions reach 1 − 2⁻ᵏ for
      equal n.

    Source: Kynkäänniemi et al., NeurIPS 2019, section 3; Naeem et al., "Reliable Fidelity and Diversity Metrics for
    Generative Models", ICML 2020, section 3.

    Raises:
        ValueError: as for `frechet_distance`, or no more than k samples.
    """
    from sklearn.metrics import pairwise_distances_chunked
    from sklearn.neighbors import NearestNeighbors

    real, fake = _check_features(real, fake)
    if not 1 <= k < min(len(real), len(fake)):
        raise ValueError(
            f"k is {k}; it must lie in 1…{min(len(real), len(fake)) - 1}, one less than the number of samples"
        )
    radius_real, radius_fake = (
        NearestNeighbors(n_neighbors=k).fit(x).kneighbors(return_distance=True)[0][:, -1] for x in (real, fake)
    )
    in_a_real_ball, density, covered, recalled, start = np.zeros(len(fake), bool), 0, 0, 0, 0
    for distances in pairwise_distances_chunked(real, fake, working_memory=256):
        inside = distances < radius_real[start : start + len(distances), None]
        in_a_real_ball |= inside.any(axis=0)
        density += inside.sum()
        covered += inside.any(axis=1).sum()
        recalled += (distances < radius_fake).any(axis=1).sum()
        start += len(distances)
    return {
        "precision": float(in_a_real_ball.mean()),
        "recall": float(recalled / len(real)),
        "density": float(density / (k * len(fake))),
        "coverage": float(covered / len(real)),
    }


def classifier_score(probabilities) -> float:
    """exp of the mean KL divergence from each image's class probabilities to their mean: 1 (worst) to 10, the number of classes.

    Source: Salimans et al., "Improved Techniques for Training GANs", NeurIPS 2016, section 4 (with Inception: IS). It never
    looks at real images: one perfect image a class scores 10.
    """
    p = np.asarray(probabilities, np.float64).clip(1e-12)
    return float(np.exp(np.mean(np.sum(p * (np.log(p) - np.log(p.mean(axis=0))), axis=1))))


def class_shares(probabilities) -> np.ndarray:
    """The share of each class among the classifier's first choices: float64 (10,), sum 1."""
    probabilities = np.asarray(probabilities)
    return np.bincount(probabilities.argmax(axis=1), minlength=probabilities.shape[1]) / len(probabilities)


def entropy(shares) -> float:
    """Entropy of shares in nats: 0 for one class only, log 10 = 2.303 for ten even ones."""
    shares = np.asarray(shares, np.float64)
    return float(-np.sum(shares[shares > 0] * np.log(shares[shares > 0]))) + 0.0


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
        ValueError: other types or shapes.
    """
    from sklearn.neighbors import NearestNeighbors

    flat = [check_uint8(x).reshape(len(x), -1).astype(np.float32) for x in (generated, training, held_out)]
    generated, training, held_out = flat
    search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(training)
    (of_generated, nearest), (of_held_out, _) = search.kneighbors(generated), search.kneighbors(held_out)
    of_generated, of_held_out = (x[:, 0] / math.sqrt(training.shape[1]) for x in (of_generated, of_held_out))
    closest = np.argsort(of_generated, kind="stable")[:pairs]
    return Memorisation(
        ratio=float(np.median(of_generated) / np.median(of_held_out)),
        share_nearer=float(np.mean(of_generated < np.quantile(of_held_out, 0.01))),
        generated=closest,
        nearest=nearest[closest, 0],
        distances=of_generated[closest],
    )


# --- all of it, for one generator -----------------------------------------------------------------


@dataclass(frozen=True)
class Value:
    """One metric: mean over seeds, half the width of its 95 % confidence interval, what real images score, and which way is good."""

    name: str
    value: float
    plus_minus: float
    real: float
    good: str


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found. Prints as a table; `as_dict()` is ready for JSON."""

    values: tuple[Value, ...]
    class_shares: tuple[float, ...]
    n: int
    seeds: int
    reference: str
    classifier: str

    def __getitem__(self, name: str) -> Value:
        """One value by name, such as "frechet_classifier_distance"."""
        for value in self.values:
            if value.name == name:
                return value
        raise KeyError(f"{name!r}; there is {', '.join(value.name for value in self.values)}")

    def as_dict(self) -> dict:
        """Plain numbers and strings."""
        facts = asdict(self)
        facts["values"] = {value.pop("name"): value for value in facts["values"]}
        return facts

    def __str__(self) -> str:
        lines = [f"{'':28} {'value':>9}  {'± 95 %':>8}  {'real':>8}  good is"]
        for v in self.values:
            lines.append(f"{v.name:28} {v.value:9.3f}  {v.plus_minus:8.3f}  {v.real:8.3f}  {v.good}")
        shares = ", ".join(f"{name} {share:.1%}" for name, share in zip(data.CLASS_NAMES, self.class_shares))
        lines.append(f"classes: {shares}")
        lines.append(
            f"n = {self.n:,} images, {self.seeds} seeds, against {self.reference}; real = as many real images that the "
            f"classifier has not seen; classifier {self.classifier[:12]}"
        )
        return "\n".join(lines)

    __repr__ = __str__


def evaluate(generator, n: int = N, seeds: int = 3, reference: str = "test", pixel_range=None) -> Evaluation:
    """Measure a generator against real images.

    Args:
        generator: a Keras generator, conditional or not.
        n: images a seed, and real images; at most 10,000. Values of different n cannot be compared.
        seeds: how many times n images are drawn, with the seeds 0, 1, …; at least 2, for an interval.
        reference: "test", for what is reported; or "held_out", the last 10,000 training images, for what is chosen by.
        pixel_range: of the generator; default what its last activation implies.

    Raises:
        ValueError: n, seeds or reference out of range.

    Warns:
        UserWarning: n below 2,048.
    """
    from scipy import stats

    if not NEIGHBOURS < n <= N:
        raise ValueError(f"n is {n}; it must lie in {NEIGHBOURS + 1}…{N:,}, the number of test images")
    if seeds < 2:
        raise ValueError(f"seeds is {seeds}; it must be at least 2")
    if reference not in ("test", "held_out"):
        raise ValueError(f"reference is {reference!r}; it must be 'test' or 'held_out'")
    if n < FEWEST:
        warnings.warn(
            f"n is {n}: below {FEWEST:,} the distances are mostly bias; look at the column 'real'", stacklevel=2
        )
    real, other = _real_features("test", n), _real_features("held_out", n)
    if reference == "held_out":
        real, other = other, real

    rows, shares = [], []
    for seed in range(seeds):
        latents = latent.sample(n, generator.inputs[0].shape[-1], seed).numpy()
        classes = np.arange(n) % len(data.CLASS_NAMES) if is_conditional(generator) else None
        found = classifier.features_and_probabilities(generate(generator, latents, pixel_range, classes=classes))
        rows.append(_compare(real, found))
        shares.append(class_shares(found[1]))
    floor = _compare(real, other)
    width = stats.t.ppf(0.975, seeds - 1) / math.sqrt(seeds)
    values = tuple(
        Value(
            name,
            float(np.mean([row[name] for row in rows])),
            float(width * np.std([row[name] for row in rows], ddof=1)),
            floor[name],
            good,
        )
        for name, good in _GOOD.items()
    )
    names = {"test": "the test images", "held_out": "the last 10,000 training images"}
    return Evaluation(
        values, tuple(np.mean(shares, axis=0).tolist()), n, seeds, names[reference], classifier.facts()["sha256"]
    )


_GOOD = {
    "frechet_classifier_distance": "low",
    "kernel_distance_x1000": "near 0",
    "density": "near 1",
    "coverage": "high",
    "precision": "high",
    "recall": "high",
    "classifier_score": "high",
    "class_entropy": "near 2.303",
}


def _compare(real, fake) -> dict[str, float]:
    """All metrics of one pair of (features, probabilities)."""
    return {
        "frechet_classifier_distance": frechet_distance(real[0], fake[0]),
        "kernel_distance_x1000": 1000 * kernel_distance(real[0], fake[0])[0],
        **neighbourhoods(real[0], fake[0]),
        "classifier_score": classifier_score(fake[1]),
        "class_entropy": entropy(class_shares(fake[1])),
    }


def _real_features(split: str, n: int):
    """Features and probabilities of the first n test images, or of the first n of the last 10,000 training images."""
    images, _ = data.load_fashion_mnist("test" if split == "test" else "train")
    return classifier.features_and_probabilities(images[-N:][:n])
