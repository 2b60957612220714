"""Quality as a number: how far generated images are from real ones, and in what way.

Distances are taken between features of a classifier of the data set's own classes (`judges`), not of ImageNet's Inception,
which has never seen a 28×28 grey shirt. `evaluate` puts them together, each value with what real images score against real ones.
"""

import functools
import math
import warnings
from dataclasses import asdict, dataclass

import numpy as np

from gan_helpers.data import dataset as data_sets
from gan_helpers.data.dataset import Dataset
from gan_helpers.gan import latent
from gan_helpers.gan.generators import (
    class_count,
    generate,
    generator_and_range,
    image_shape,
    inputs_of,
    is_conditional,
    trained_on,
)
from gan_helpers.gan.seeding import seeded
from gan_helpers.metrics import judges
from gan_helpers.metrics.distances import (
    BLOCK,
    NEIGHBOURS,
    class_shares,
    classifier_score,
    entropy,
    frechet_distance,
    kernel_distance,
    neighbourhoods,
    warn_of_few,
)
from gan_helpers.metrics.training_copies import to_nearest

N = 10_000
IMAGES_COMPARED = 2_000  # with the training images, pixel by pixel


def frechet_classifier_distance(images, real_images, judge: judges.Judge | None = None) -> float:
    """`frechet_distance` between the classifier's features of two sets of images: the course's measure of quality.

    Source: as TF-GAN does it, a classifier of the images' own domain in place of Inception (Shor, "TFGAN", 2017; the
    distance: Heusel et al. 2017, section 4).

    Args:
        images, real_images: uint8 (n, h, w, c).
        judge: of their data set; default the one of clothes.

    Raises:
        ValueError: images of another type, or of another shape than the judge's.

    Warns:
        UserWarning: fewer than 2,048 images on one side.
    """
    warn_of_few(min(len(images), len(real_images)))
    judge = judge or judges.clothes()
    return frechet_distance(*(judge.features_and_probabilities(x)[0] for x in (images, real_images)))


def gan_test_accuracy(images, classes, judge: judges.Judge | None = None) -> float:
    """How often the judge, which knows real images, finds the class that was asked for: in [0, 1].

    High where images are clear; one good image a class is enough for 1. Beside it stands the classifier's accuracy on real
    test images.

    Source: Shmelkov, Schmid, Alahari, "How good is my GAN?", ECCV 2018, section 3.

    Args:
        images: uint8 (n, h, w, c), generated.
        classes: integers (n,), what was asked for.
        judge: of their data set; default the one of clothes.

    Raises:
        ValueError: images or classes of another type or shape.
    """
    judge = judge or judges.clothes()
    classes = _check_classes(images, classes, len(judge.class_names))
    return float(np.mean(judge.features_and_probabilities(images)[1].argmax(axis=1) == classes))


def gan_train_accuracy(images, classes, epochs: int = 5, seed: int = 0, dataset: Dataset | None = None) -> float:
    """The accuracy on real test images of a classifier that has seen these images only: in [0, 1].

    Generated images that lack variety teach little, however clear each is. Beside it stands the same for as many real
    training images.

    Source: Shmelkov et al. 2018, section 3.

    Args:
        images: uint8 (n, h, w, c), n ≥ 128.
        classes: integers (n,).
        epochs: of training.
        seed: of weights, shuffling and dropout.
        dataset: whose test images it is tested on; default Fashion-MNIST.

    Raises:
        ValueError: images or classes of another type, shape or number.
    """
    of = clothes() if dataset is None else dataset
    classes = _check_classes(images, classes, len(of.class_names))
    with seeded(seed):
        pupil = judges.fit(judges.build(of.image_shape, len(of.class_names)), images, classes, epochs, seed)
    tested = of.held_out if of.test is None else of.test
    return float(np.mean(judges.features_and_probabilities(tested.images, pupil)[1].argmax(axis=1) == tested.classes))


def _check_classes(images, classes, count: int) -> np.ndarray:
    classes = np.asarray(classes)
    if classes.shape != (len(images),) or classes.dtype.kind not in "iu":
        raise ValueError(
            f"expected one integer class an image, shape ({len(images)},); got {classes.dtype} {classes.shape}"
        )
    for wrong in set(classes.tolist()) - set(range(count)):
        raise ValueError(f"a class is {wrong}; it must be an integer in 0…{count - 1}")
    return classes


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
    class_names: tuple[str, ...] = ()
    dataset: str = "fashion_mnist"
    accuracy: float = math.nan

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
        shares = zip(self.class_names, self.class_shares, self.real_class_shares)
        lines.append("classes (real): " + ", ".join(f"{name} {share:.1%} ({real:.1%})" for name, share, real in shares))
        lines.append(
            f"n = {self.n:,} images, {self.seeds} seeds, against {self.reference}; real = as many real images that the "
            f"classifier has not seen; classifier {self.classifier[:12]}"
            + (f", right for {self.accuracy:.1%} of real {self.dataset}" if self.dataset != "fashion_mnist" else "")
        )
        return "\n".join(lines)

    __repr__ = __str__


def evaluate(
    generator,
    n: int | None = None,
    seeds: int = 3,
    reference: str = "test",
    pixel_range=None,
    gan_train: bool = False,
    verbose: int = 0,
    dataset: Dataset | None = None,
) -> Evaluation:
    """Measure a generator against real images of the data set that it learned from, by that data set's judge.

    Args:
        generator: a Keras generator, or a `GAN` or a `Run`, whose averaged generator is taken; a conditional one is asked for
            all its classes in turn.
        n: images per seed, and real images; default as many as there are, at most 10,000. Values of different n cannot be compared.
        seeds: how many times n images are drawn, with the seeds 0, 1, …; at least 2, for an interval.
        reference: "test", for what is reported; or "held_out", the last training images, for what is chosen by.
        pixel_range: of the generator; default what its last activation implies.
        gan_train: of a conditional generator also the GAN-train accuracy, which trains a classifier for each seed.
        verbose: 1 draws a progress bar, and one more where the data set's judge has to be trained first (`judges.judge_for`).
        dataset: default the one that the generator learned from, where that is prepared on this machine.

    Raises:
        ValueError: n, seeds or reference out of range; gan_train of a generator without classes, or with n below 128; a data set
            without classes, whose images are of another shape, or with another number of classes than the generator knows;
            a generator of which nothing says what it learned, unless it makes images as Fashion-MNIST's are.

    Warns:
        UserWarning: n below 2,048, or a generator that is taken for one of clothes.
    """
    from tqdm import tqdm

    if seeds < 2:
        raise ValueError(f"seeds is {seeds}; it must be at least 2")
    if reference not in GOES_BY:
        raise ValueError(f"reference is {reference!r}; it must be 'test' or 'held_out'")
    if gan_train and n is not None and n < judges.BATCH_SIZE:
        raise ValueError(
            f"n is {n}; with gan_train it must be at least {judges.BATCH_SIZE}, one batch of its classifier"
        )
    generator, pixel_range, of = _what_is_measured(generator, pixel_range, dataset)
    conditional = is_conditional(generator)
    if gan_train and not conditional:
        raise ValueError("gan_train needs a conditional generator: without classes there is nothing to teach")
    judges.check_classes(of)
    n = _checked_n(n, of, reference)
    judge = judges.judge_for(of, verbose)
    _check_fits(generator, of)
    warn_of_few(n)
    rows, shares, kernel_errors = [], [], []
    for seed in tqdm([*range(seeds), None], "Measuring", unit="draw", disable=not verbose):
        # None: real images in the generator's place
        if seed is None:
            other = _real(of, "held_out" if reference == "test" else "test", n)
            images, classes = other.images, other.classes
        else:
            latents = latent.sample(n, inputs_of(generator).latent_dim, seed).numpy()
            classes = np.arange(n) % len(of.class_names) if conditional else None
            images = generate(generator, latents, pixel_range, classes=classes)
        # A generator that is reported on may have learnt all training images; one that is chosen by the last ones has not.
        among = len(of) if reference == "test" and seed is not None else len(of.without_held_out)
        row, probabilities, kernel_error = _measured(images, _real(of, reference, n), judge)
        row["nearest_training_image"] = _nearness(images, of, reference, among)
        shares.append(class_shares(probabilities))
        kernel_errors.append(kernel_error)
        if conditional:
            row["gan_test_accuracy"] = float(np.mean(probabilities.argmax(axis=1) == classes))
        if gan_train:
            if seed is None:  # tested on the test images, so not taught by them
                held_out = _real(of, "held_out", n)
                images, classes = held_out.images, held_out.classes
            row["gan_train_accuracy"] = gan_train_accuracy(images, classes, seed=seed or 0, dataset=of)
        rows.append(row)
    about = {"class_names": of.class_names, "dataset": of.name, "classifier": judge.sha256, "accuracy": judge.accuracy}
    against = f"the {'test images' if reference == 'test' else f'last {len(of.held_out):,} training images'}"
    return Evaluation(
        _with_intervals(rows, kernel_errors, n, len(of.class_names)),
        tuple(np.mean(shares[:-1], axis=0).tolist()),
        tuple(shares[-1].tolist()),
        n,
        seeds,
        against,
        **about,
    )


def _what_is_measured(generator, pixel_range, given: Dataset | None):
    """The generator, its pixel range, and the data set that it is measured by."""
    learned = trained_on(generator)
    generator, pixel_range = generator_and_range(generator, pixel_range)
    learned = learned or trained_on(generator)
    if given is not None:
        return generator, pixel_range, given
    if learned in (None, "fashion_mnist") and image_shape(generator) != (28, 28, 1):
        raise ValueError(
            f"expected a generator of images (28, 28, 1); {generator.name!r} makes {image_shape(generator)}. Say what it learned: "
            "evaluate(…, dataset=…), --images PATH on the command line"
        )
    if learned is None:
        warnings.warn(
            "Nothing says which images this generator learned: it is measured as one of Fashion-MNIST's clothes.",
            stacklevel=3,
        )
    if learned in (None, "fashion_mnist"):
        return generator, pixel_range, clothes()
    if (found := data_sets.known(learned)) is None:
        raise ValueError(
            "this generator learned other images than Fashion-MNIST's, which are not prepared on this machine, and the course's judge "
            "knows no others: say evaluate(…, dataset=…), --images PATH on the command line; or look at gh.metrics.memorisation, which "
            "needs no judge"
        )
    return generator, pixel_range, found


def _checked_n(n: int | None, of: Dataset, reference: str) -> int:
    """How many images are measured, where there are as many."""
    if of.test is None and reference == "test":
        raise ValueError(f"{of.name} has no test images: say reference='held_out', or make it with a test part")
    most = min(N, len(of.held_out), len(of.held_out if of.test is None else of.test))
    n = most if n is None else n
    if not 2 * NEIGHBOURS < n <= most:
        raise ValueError(
            f"n is {n}; it must lie in {2 * NEIGHBOURS + 1}…{most:,}: {of.name} has no more {GOES_BY[reference]} to compare with"
        )
    return n


def _check_fits(generator, of: Dataset) -> None:
    """ValueError where a generator makes no images like the data set's."""
    if image_shape(generator) != of.image_shape:
        raise ValueError(
            f"{generator.name!r} makes images of shape {image_shape(generator)}, and those of {of.name} have {of.image_shape}"
        )
    known = class_count(generator) if is_conditional(generator) else None
    if known not in (None, len(of.class_names)):
        raise ValueError(f"{generator.name!r} knows {known} classes, and {of.name} has {len(of.class_names)}")


def _measured(images, real: "_Real", judge) -> tuple[dict, np.ndarray, float]:
    """What the judge finds of images beside real ones: values by name, class probabilities, and the kernel distance's error."""
    features, probabilities = judge.features_and_probabilities(images)
    kernel, error = kernel_distance(real.features, features)
    row = {
        "frechet_classifier_distance": frechet_distance(real.features, features),
        "kernel_distance_x1000": 1000 * kernel,
        **neighbourhoods(real.features, features),
        "classifier_score": classifier_score(probabilities),
        "class_entropy": entropy(class_shares(probabilities)),
    }
    return row, probabilities, 1000 * error


def _nearness(images, of: Dataset, reference: str, among: int) -> float:
    """How near images come to the first so many training images, over how near real ones do that are not among them."""
    compared = images[:IMAGES_COMPARED]  # a sample is enough for a median
    return float(np.median(to_nearest(compared, of.images[:among])[0]) / _real_distance(of, reference, among))


def _with_intervals(rows: list[dict], kernel_errors: list[float], n: int, classes: int) -> tuple[Value, ...]:
    """Each value's mean over seeds with its 95 % interval; the last row is what real images score."""
    from scipy import stats

    *rows, floor = rows
    width = stats.t.ppf(0.975, len(rows) - 1) / math.sqrt(len(rows))
    half_widths = {name: width * np.std([row[name] for row in rows], ddof=1) for name in floor}
    if (blocks := n // BLOCK) > 1:
        of_blocks = stats.t.ppf(0.975, blocks - 1) * np.mean(kernel_errors[:-1])
        half_widths["kernel_distance_x1000"] = np.hypot(half_widths["kernel_distance_x1000"], of_blocks)
    good = GOOD | {"class_entropy": f"near {math.log(classes):.3f}"}
    return tuple(
        Value(name, float(np.mean([row[name] for row in rows])), float(half_widths[name]), floor[name], good[name])
        for name in floor
    )


def side_by_side(**evaluations: Evaluation) -> str:
    """Several evaluations as one table, a column for each, under the names that they are given by.

    Raises:
        ValueError: values that cannot be compared: by different judges, of different n, or against different images.
    """
    first = next(iter(evaluations.values()))
    for name, found in evaluations.items():
        for what, value, other in (
            ("judge", found.classifier[:12], first.classifier[:12]),
            ("n", found.n, first.n),
            ("reference", found.reference, first.reference),
        ):
            if value != other:
                raise ValueError(
                    f"{name} cannot stand beside {next(iter(evaluations))}: its {what} is {value}, and there it is {other}. Measure both "
                    "in the same way"
                )
    names = list(dict.fromkeys(value.name for found in evaluations.values() for value in found.values))
    lines = [" " * 28 + "".join(f"{name:>20}" for name in evaluations)]
    for name in names:
        cells = ({value.name: value for value in found.values}.get(name) for found in evaluations.values())
        lines.append(f"{name:28}" + "".join(f"{f'{v.value:.3f} ± {v.plus_minus:.3f}' if v else '':>20}" for v in cells))
    return "\n".join([*lines, f"n = {first.n:,} images, against {first.reference}; classifier {first.classifier[:12]}"])


GOES_BY = {"test": "test images", "held_out": "held-out images"}
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


@functools.cache
def clothes() -> Dataset:
    """Fashion-MNIST, loaded once."""
    return Dataset.fashion_mnist()


@functools.lru_cache(maxsize=4)
def _real(of: Dataset, split: str, n: int) -> _Real:
    """The first n test images, or the first n of the held-out ones, with their classes and features."""
    part = of.held_out if split == "held_out" or of.test is None else of.test
    images, classes = part.images[:n], part.classes[:n]
    return _Real(images, classes, judges.judge_for(of).features_and_probabilities(images)[0])


@functools.lru_cache(maxsize=8)
def _real_distance(of: Dataset, split: str, among: int) -> float:
    """Median distance of real images to the nearest of the first so many training images, which they are not among."""
    return float(np.median(to_nearest(_real(of, split, IMAGES_COMPARED).images, of.images[:among])[0]))


def real_features(split: str, n: int = N, dataset: Dataset | None = None) -> np.ndarray:
    """The judge's features of the first n test images ("test"), or of the first n held-out ones ("held_out"): float32 (n, 64).

    Args:
        dataset: default Fashion-MNIST, whose held-out images are the last 10,000 training images.
    """
    return _real(dataset or clothes(), split, n).features
