"""Quality as a number: how far generated images are from real ones, and in what way.

Distances are taken between features of the course's classifier (`classifier.py`), not of ImageNet's Inception, which has
never seen a 28×28 grey shirt. Functions on features take float arrays (n, d) and know nothing of images; `evaluate` puts
them together, each value with what real images score against real ones.
"""

import functools
import math
import warnings
from dataclasses import asdict, dataclass

import numpy as np

from gan_helpers import classifier, data, latent
from gan_helpers.generators import generate, generator_and_range, image_shape, inputs_of, is_conditional
from gan_helpers.images import check_uint8
from gan_helpers.seeding import seeded

N = 10_000
IMAGES_COMPARED = 2_000  # with the training images, pixel by pixel
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


def frechet_classifier_distance(images, real_images) -> float:
    """`frechet_distance` between the classifier's features of two sets of images: the course's measure of quality.

    Source: as TF-GAN does it, a classifier of the images' own domain in place of Inception (Shor, "TFGAN", 2017; the
    distance: Heusel et al. 2017, section 4).

    Args:
        images, real_images: uint8 (n, 28, 28, 1).

    Raises:
        ValueError: images of another type or shape.

    Warns:
        UserWarning: fewer than 2,048 images on one side.
    """
    warn_of_few(min(len(images), len(real_images)))
    return frechet_distance(*(classifier.features_and_probabilities(x)[0] for x in (images, real_images)))


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


def gan_test_accuracy(images, classes) -> float:
    """How often the shipped classifier, which knows real images, finds the class that was asked for: in [0, 1].

    High where images are clear; one good image a class is enough for 1. Beside it stands the classifier's accuracy on real
    test images.

    Source: Shmelkov, Schmid, Alahari, "How good is my GAN?", ECCV 2018, section 3.

    Args:
        images: uint8 (n, 28, 28, 1), generated.
        classes: integers (n,), what was asked for.

    Raises:
        ValueError: images or classes of another type or shape.
    """
    classes = _check_classes(images, classes)
    return float(np.mean(classifier.features_and_probabilities(images)[1].argmax(axis=1) == classes))


def gan_train_accuracy(images, classes, epochs: int = 5, seed: int = 0) -> float:
    """The accuracy on real test images of a classifier that has seen these images only: in [0, 1].

    Generated images that lack variety teach little, however clear each is. Beside it stands the same for as many real
    training images.

    Source: Shmelkov et al. 2018, section 3.

    Args:
        images: uint8 (n, 28, 28, 1), n ≥ 128.
        classes: integers (n,).
        epochs: of training.
        seed: of weights, shuffling and dropout.

    Raises:
        ValueError: images or classes of another type, shape or number.
    """
    classes = _check_classes(images, classes)
    with seeded(seed):
        pupil = classifier.fit(classifier.build(), images, classes, epochs, seed)
    test_images, test_classes = data.load_fashion_mnist("test")
    return float(np.mean(classifier.features_and_probabilities(test_images, pupil)[1].argmax(axis=1) == test_classes))


def _check_classes(images, classes) -> np.ndarray:
    classes = np.asarray(classes)
    if classes.shape != (len(images),) or classes.dtype.kind not in "iu":
        raise ValueError(
            f"expected one integer class an image, shape ({len(images)},); got {classes.dtype} {classes.shape}"
        )
    for wrong in set(classes.tolist()) - set(range(len(data.CLASS_NAMES))):
        raise ValueError(f"a class is {wrong}; it must be an integer in 0…{len(data.CLASS_NAMES) - 1}")
    return classes


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
    of_generated, nearest = _to_nearest(generated, training)
    of_held_out, _ = _to_nearest(held_out, training)
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


def _to_nearest(images, training) -> tuple[np.ndarray, np.ndarray]:
    """Root mean square difference of pixels to the nearest training image, and that image's index: both (n,)."""
    from sklearn.neighbors import NearestNeighbors

    images, training = check_uint8(images), check_uint8(training)
    if images.shape[1:] != training.shape[1:]:
        raise ValueError(f"the training images have shape {training.shape[1:]}; these have {images.shape[1:]}")
    images, training = (x.reshape(len(x), -1).astype(np.float32) for x in (images, training))
    search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(training)
    distances, nearest = search.kneighbors(images)
    return distances[:, 0] / math.sqrt(training.shape[1]), nearest[:, 0]


# --- all of it, for one generator -----------------------------------------------------------------


@dataclass(frozen=True)
class Value:
    """One metric: mean over seeds, half the width of its 95 % confidence interval, what real images score, and which way is good.

    The interval is about the generator's draws; the real images are the same each time. Only that of the kernel distance
    holds their chance too, by its standard error (where n is at least 2,000, two blocks).
    """

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
    real_class_shares: tuple[float, ...]
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
        shares = zip(data.CLASS_NAMES, self.class_shares, self.real_class_shares)
        lines.append("classes (real): " + ", ".join(f"{name} {share:.1%} ({real:.1%})" for name, share, real in shares))
        lines.append(
            f"n = {self.n:,} images, {self.seeds} seeds, against {self.reference}; real = as many real images that the "
            f"classifier has not seen; classifier {self.classifier[:12]}"
        )
        return "\n".join(lines)

    __repr__ = __str__


def evaluate(
    generator,
    n: int = N,
    seeds: int = 3,
    reference: str = "test",
    pixel_range=None,
    gan_train: bool = False,
    verbose: int = 0,
) -> Evaluation:
    """Measure a generator against real images.

    Args:
        generator: a Keras generator, or a `GAN` or a `Run`, whose averaged generator is taken; a conditional one is asked for
            all ten classes in turn.
        n: images a seed, and real images; at most 10,000. Values of different n cannot be compared.
        seeds: how many times n images are drawn, with the seeds 0, 1, …; at least 2, for an interval.
        reference: "test", for what is reported; or "held_out", the last 10,000 training images, for what is chosen by.
        pixel_range: of the generator; default what its last activation implies.
        gan_train: of a conditional generator also the GAN-train accuracy, which trains a classifier for each seed.
        verbose: 1 draws a progress bar.

    Raises:
        ValueError: n, seeds or reference out of range; gan_train of a generator without classes, or with n below 128; no
            generator of images of shape (28, 28, 1), or one that learned other images than Fashion-MNIST's.

    Warns:
        UserWarning: n below 2,048, or a generator of which nothing says what images it learned.
    """
    from scipy import stats
    from tqdm import tqdm

    if not 2 * NEIGHBOURS < n <= N:
        raise ValueError(f"n is {n}; it must lie in {2 * NEIGHBOURS + 1}…{N:,}, the number of test images")
    if seeds < 2:
        raise ValueError(f"seeds is {seeds}; it must be at least 2")
    if reference not in REFERENCES:
        raise ValueError(f"reference is {reference!r}; it must be 'test' or 'held_out'")
    if gan_train and n < classifier.BATCH_SIZE:
        raise ValueError(
            f"n is {n}; with gan_train it must be at least {classifier.BATCH_SIZE}, one batch of its classifier"
        )
    learned = getattr(getattr(generator, "gan", generator), "trained_on", None)  # of a Run, of its GAN
    if learned == "other":
        raise ValueError(
            "this generator learned other images than Fashion-MNIST's, and the course's judge knows no others: look at its images, "
            "and at gh.metrics.memorisation, which needs no judge"
        )
    generator, pixel_range = generator_and_range(generator, pixel_range)
    if image_shape(generator) != (28, 28, 1):
        raise ValueError(
            f"expected a generator of images (28, 28, 1); {generator.name!r} makes {image_shape(generator)}"
        )
    conditional = is_conditional(generator)
    if gan_train and not conditional:
        raise ValueError("gan_train needs a conditional generator: without classes there is nothing to teach")
    warn_of_few(n)
    if learned is None:
        warnings.warn(
            "Nothing says which images this generator learned: it is measured as one of Fashion-MNIST's clothes.",
            stacklevel=2,
        )
    real, other = (_real(split, n) for split in (reference, "held_out" if reference == "test" else "test"))
    training = data.load_fashion_mnist("train")[0]
    # A generator that is reported on may have learnt all training images; one that is chosen by the last 10,000 has not.
    learnt = len(training) if reference == "test" else classifier.TRAINED_ON

    rows, shares, kernel_errors = [], [], []
    for seed in tqdm([*range(seeds), None], "Measuring", unit="draw", disable=not verbose):
        # None: real images in the generator's place
        if seed is None:
            images, classes, among = other.images, other.classes, classifier.TRAINED_ON
        else:
            among = learnt
            latents = latent.sample(n, inputs_of(generator).latent_dim, seed).numpy()
            classes = np.arange(n) % len(data.CLASS_NAMES) if conditional else None
            images = generate(generator, latents, pixel_range, classes=classes)
        features, probabilities = classifier.features_and_probabilities(images)
        shares.append(class_shares(probabilities))
        compared = images[:IMAGES_COMPARED]  # a sample is enough for a median
        kernel = kernel_distance(real.features, features)
        kernel_errors.append(1000 * kernel[1])
        row = {
            "frechet_classifier_distance": frechet_distance(real.features, features),
            "kernel_distance_x1000": 1000 * kernel[0],
            **neighbourhoods(real.features, features),
            "classifier_score": classifier_score(probabilities),
            "class_entropy": entropy(shares[-1]),
            "nearest_training_image": float(
                np.median(_to_nearest(compared, training[:among])[0]) / _real_distance(reference, among)
            ),
        }
        if conditional:
            row["gan_test_accuracy"] = float(np.mean(probabilities.argmax(axis=1) == classes))
        if gan_train:
            if seed is None:  # tested on the test images, so not taught by them
                held_out = _real("held_out", n)
                images, classes = held_out.images, held_out.classes
            row["gan_train_accuracy"] = gan_train_accuracy(images, classes, seed=seed or 0)
        rows.append(row)

    *rows, floor = rows
    width = stats.t.ppf(0.975, seeds - 1) / math.sqrt(seeds)
    half_widths = {name: width * np.std([row[name] for row in rows], ddof=1) for name in floor}
    if (blocks := n // BLOCK) > 1:
        of_blocks = stats.t.ppf(0.975, blocks - 1) * np.mean(kernel_errors[:-1])
        half_widths["kernel_distance_x1000"] = np.hypot(half_widths["kernel_distance_x1000"], of_blocks)
    values = tuple(
        Value(name, float(np.mean([row[name] for row in rows])), float(half_widths[name]), floor[name], GOOD[name])
        for name in floor
    )
    return Evaluation(
        values,
        tuple(np.mean(shares[:-1], axis=0).tolist()),
        tuple(shares[-1].tolist()),
        n,
        seeds,
        REFERENCES[reference],
        classifier.facts()["sha256"],
    )


REFERENCES = {"test": "the test images", "held_out": "the last 10,000 training images"}
GOOD = {
    "frechet_classifier_distance": "low",
    "kernel_distance_x1000": "near 0",
    "density": "near 1",
    "coverage": "high",
    "precision": "high",
    "recall": "high",
    "classifier_score": "high",
    "class_entropy": "near 2.303",
    "nearest_training_image": "near 1",
    "gan_test_accuracy": "high",
    "gan_train_accuracy": "high",
}


@dataclass(frozen=True)
class _Real:
    images: np.ndarray
    classes: np.ndarray
    features: np.ndarray


@functools.lru_cache(maxsize=4)
def _real(split: str, n: int) -> _Real:
    """The first n test images, or the first n of the last 10,000 training images, with their classes and features."""
    images, classes = data.load_fashion_mnist("test" if split == "test" else "train")
    images, classes = images[-N:][:n], classes[-N:][:n]
    return _Real(images, classes, classifier.features_and_probabilities(images)[0])


@functools.cache
def _real_distance(split: str, among: int) -> float:
    """Median distance of real images to the nearest of the first so many training images, which they are not among."""
    training = data.load_fashion_mnist("train")[0][:among]
    return float(np.median(_to_nearest(_real(split, IMAGES_COMPARED).images, training)[0]))


def real_features(split: str, n: int = N) -> np.ndarray:
    """The classifier's features of the first n test images ("test"), or of the first n of the last 10,000 training images ("held_out"): float32 (n, 64)."""
    return _real(split, n).features
