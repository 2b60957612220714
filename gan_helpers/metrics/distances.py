"""Distances and scores of features and probabilities: pure statistics, which know nothing of images."""

import math
import warnings

import numpy as np

FEWEST = 2_048  # below, the Fréchet distance is mostly bias (Heusel et al. 2017, appendix A1)
NEIGHBOURS = 5
BLOCK = 1_000
WORKING_MEMORY = 256  # MiB, of distances held at once


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


def warn_of_few(n: int) -> None:
    """Warn where n images are too few for a distance to mean much by itself."""
    if n < FEWEST:
        warnings.warn(
            f"n is {n}: below {FEWEST:,} images the distances are mostly bias; look at what real images score at this n",
            stacklevel=3,
        )


def kernel_distance(a, b) -> tuple[float, float]:
    """The squared maximum mean discrepancy with the kernel (x·y / d + 1)³, unbiased, and its standard error.

    Estimated on disjoint blocks of 1,000 (of all, where there are fewer; what is left over is not used), so the blocks'
    spread is an honest error. It can be slightly negative where the distributions are equal. Times 1,000 is customary.

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
        NearestNeighbors(n_neighbors=k, algorithm="brute").fit(x).kneighbors()[0][:, -1] for x in (real, fake)
    )
    in_a_real_ball, density, covered, recalled, start = np.zeros(len(fake), bool), 0, 0, 0, 0
    for distances in pairwise_distances_chunked(real, fake, working_memory=WORKING_MEMORY):
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

    Args:
        probabilities: (n, classes), rows that sum to 1.

    Raises:
        ValueError: numbers that are no probabilities, such as logits.
    """
    p = np.asarray(probabilities, np.float64)
    if p.ndim != 2 or not len(p) or not (p >= 0).all() or not np.allclose(p.sum(axis=1), 1, atol=1e-3):
        raise ValueError(
            f"expected class probabilities (n, classes), rows that sum to 1; got {p.shape} from {p.min(initial=np.inf):.3g} to {p.max(initial=-np.inf):.3g}"
        )
    p = p.clip(1e-12)
    return float(np.exp(np.mean(np.sum(p * (np.log(p) - np.log(p.mean(axis=0))), axis=1))))


def class_shares(probabilities) -> np.ndarray:
    """The share of each class among the classifier's first choices: float64 (10,), sum 1."""
    probabilities = np.asarray(probabilities)
    return np.bincount(probabilities.argmax(axis=1), minlength=probabilities.shape[1]) / len(probabilities)


def entropy(shares) -> float:
    """Entropy of shares in nats: 0 for one class only, log 10 = 2.303 for ten even ones."""
    shares = np.asarray(shares, np.float64)
    return float(-np.sum(shares[shares > 0] * np.log(shares[shares > 0]))) + 0.0
