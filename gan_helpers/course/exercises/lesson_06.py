"""The exercises of lesson 06."""

import functools

import numpy as np

from gan_helpers.course.exercises.checks import (
    Later,
    call,
    close,
    fixed,
    gives,
    keras,
    like_on,
    numbers,
    slip_as,
    tf,
    words,
)
from gan_helpers.course.exercises.exercise import Cell, Exercise, Slip, Test

data, latent = Later("gan_helpers.data"), Later("gan_helpers.gan.latent")
distances, judges = Later("gan_helpers.metrics.distances"), Later("gan_helpers.metrics.judges")
generators, shipped = Later("gan_helpers.gan.generators"), Later("gan_helpers.runs.shipped")

SETUP = "import numpy as np"


def _letters(answer) -> str:
    """Exercise 6.2: three letters, whatever stands between them."""
    return "".join(word for word in words(answer) if word != "and")


def _covers(share) -> Test:
    """Exercise 6.3: `share(distances real to real, real to fake, fake to fake, k)`, on points of a line."""

    def formula(real, fake, k):
        pairs = (real, real), (real, fake), (fake, fake)
        return share(*(np.linalg.norm(x[:, None] - y[None], axis=-1) for x, y in pairs), k)

    line = np.arange(6.0)[:, None] ** 2  # 0, 1, 4, 9, 16, 25
    near, edge = np.array([[0.5], [0.6], [40.0]]), np.array([[-1.0], [60.0], [90.0]])  # -1: on the edge of a ball
    return gives(formula, (line, near, 1), (line, near, 2), (line, edge, 1))


def _radius(distances, k):
    """Exercise 6.3: the distance of each point to its k-th neighbour; column 0 is the point itself."""
    return np.sort(distances, axis=1)[:, k]


# --- answers, right and wrong ---------------------------------------------------------------------


def _distances(x, y):
    return np.linalg.norm(x[:, None] - y[None], axis=-1)


def _coverage(real, fake, k, share=np.mean, column=0, nearer=np.less):
    radius = np.sort(_distances(real, real), axis=1)[:, k + column]
    return share(nearer(_distances(real, fake).min(axis=1), radius))


def _coverage_in_loops(k, fake, real):
    covered = 0
    for point in real:
        radius = sorted(abs(float(other[0] - point[0])) for other in real)[k]
        covered += min(abs(float(other[0] - point[0])) for other in fake) < radius
    return tf.constant(covered / len(real))


def _precision(real, fake, k):
    return np.mean((_distances(fake, real) < np.sort(_distances(real, real), axis=1)[:, k]).any(axis=1))


def _recall(real, fake, k):
    return np.mean((_distances(real, fake) < np.sort(_distances(fake, fake), axis=1)[:, k]).any(axis=1))


def _moments(features):
    """Exercise 6.4: mean and covariance of features (n, d), as tensors."""
    centred = features - tf.reduce_mean(features, axis=0)
    return tf.reduce_mean(features, axis=0), tf.matmul(centred, centred, transpose_a=True) / (len(features) - 1.0)


def _frechet_like(formula) -> Test:
    """Exercise 6.4: the distance, and its gradient with respect to the generated features behind mean and covariance."""
    stretch = np.float32([[2, 0.5, 0], [0, 1, 0.3], [0, 0, 0.5]])
    cases = [
        (fixed(30, 3), fixed(40, 3, seed=1) @ stretch + 1),
        (fixed(30, 3, seed=2) @ stretch, fixed(25, 3, seed=3) @ stretch.T),
    ]

    def of_features(distance):
        names = "mean_a", "cov_a", "mean_b", "cov_b"
        return lambda real, fake: call(distance, **dict(zip(names, (*_moments(real), *_moments(fake)))))

    return lambda function: like_on(lambda: cases, wrt=("fake",))(of_features(formula))(of_features(function))


def _root(matrix):
    """The square root of a symmetric matrix with eigenvalues that are not negative."""
    values, vectors = tf.linalg.eigh(matrix)
    return vectors * tf.sqrt(tf.maximum(values, 0.0)) @ tf.transpose(vectors)


def _frechet(mean_a, cov_a, mean_b, cov_b, overlap=None, square=lambda apart: tf.reduce_sum(apart**2)):
    """The distance, or with another trace in place of that of the root of the product."""
    if overlap is None:
        root = _root(cov_a)
        trace = tf.reduce_sum(tf.sqrt(tf.maximum(tf.linalg.eigvalsh(root @ cov_b @ root), 0.0)))
    else:
        trace = overlap(cov_a, cov_b)
    return square(mean_a - mean_b) + tf.linalg.trace(cov_a) + tf.linalg.trace(cov_b) - 2 * trace


def _entropy(shares, axis=-1):
    return -tf.reduce_sum(shares * tf.math.log(shares), axis=axis)


_varies = like_on(lambda: [(3 * fixed(6, 10),), (fixed(4, 5, seed=1),)], wrt=("logits",))


def _balls(real, cross, k, nearer=np.less):
    """Exercise 6.5: (n real, n fake), whether a real point's ball contains a generated point."""
    return nearer(cross, _radius(real, k)[:, None])


def _density(real, fake, k, nearer=np.less, column=0):
    radius = np.sort(_distances(real, real), axis=1)[:, k + column]
    return nearer(_distances(real, fake), radius[:, None]).sum() / (k * len(fake))


@functools.cache
def _real_features():
    """Exercise 6.7: the judge's features of the first 1,000 test images."""
    return judges.features_and_probabilities(data.load_fashion_mnist("test")[0][:1000])[0]


def _density_and_coverage(images) -> tuple[float, float]:
    """Exercise 6.7: of 1,000 images.

    Raises:
        ValueError: they are not 1,000 images.
    """
    images = np.asarray(images)
    if (images.shape, images.dtype) != ((1000, 28, 28, 1), np.uint8):
        raise ValueError(f"expected uint8 (1000, 28, 28, 1), got {images.dtype} {images.shape}")
    return _measured(images.tobytes())


@functools.lru_cache(maxsize=4)  # is it right, and which slip is it: all ask the same
def _measured(pixels: bytes) -> tuple[float, float]:
    images = np.frombuffer(pixels, np.uint8).reshape(1000, 28, 28, 1)
    found = distances.neighbourhoods(_real_features(), judges.features_and_probabilities(images)[0])
    return found["density"], found["coverage"]


def _clear_and_varied(images) -> bool:
    density, coverage = _density_and_coverage(images)
    return density >= 1.2 and coverage >= 0.9


def _truncated(strength: float):
    """1,000 images of the shipped conditional generator, each class equally often."""
    latents = strength * np.asarray(latent.sample(1000, 64, seed=0))
    return generators.generate(shipped.load_generator("course_conditional"), latents, classes=np.arange(1000) % 10)


EXERCISES: dict[str, Exercise] = {
    "6.1": Exercise(
        title="a distance in your head",
        prompt="""Suppose the judge had a single feature. For real images its mean is 5 and its standard deviation 2; for generated images, 4 and 0.5. What is the Fréchet distance, in the squared form of section 2? Answer to two decimals.""",
        stub="distance = None  # your answer, a number",
        answer="distance",
        hints=(
            "in one dimension it is (difference of the means)² + (difference of the standard deviations)².",
            "the means differ by 1, the standard deviations by 1.5.",
        ),
        is_right=close(3.25),
        why="1 + 2.25 = 3.25: the lack of variety costs more than the wrong mean.",
        solution="""distance = (5 - 4) ** 2 + (2 - 0.5) ** 2
print(distance)""",
        because=r"""In one dimension the matrices are numbers: $\sigma_a^2 + \sigma_b^2 - 2\sqrt{\sigma_a^2 \sigma_b^2} = (\sigma_a - \sigma_b)^2$. So the distance is $(5 - 4)^2 + (2 - 0.5)^2$.""",
        slips=(
            Slip(close(2.5), "square both differences before you add them.", lambda: [2.5]),
            Slip(close(np.sqrt(3.25)), "the course keeps the squared form: leave the root out.", lambda: [1.803]),
            Slip(
                close(1 + 3.75**2),
                "those are the variances; take the difference of the standard deviations, 2 and 0.5.",
                lambda: [15.0625],
            ),
            Slip(
                close(1 + 3.75),
                "those are the variances; take the difference of the standard deviations, and square it.",
                lambda: [4.75],
            ),
            Slip(close(1), "that is the part of the means; the standard deviations differ too.", lambda: [1]),
        ),
        afterwards=(
            Cell("markdown", "The samples say the same, up to their noise."),
            Cell(
                "code",
                """rng = np.random.default_rng(7)
samples = rng.normal(5, 2, size=(1_000_000, 1)), rng.normal(4, 0.5, size=(1_000_000, 1))
print(f"{gh.metrics.frechet_distance(*samples):.2f}")""",
            ),
        ),
        right=lambda: [3.25, "3.25", np.array([3.25]), tf.constant(3.25), 1 + 2.25],
        wrong=lambda: [3.3, 3],
    ),
    "6.2": Exercise(
        title="what went wrong?",
        prompt="""`course_conditional`, damaged in three ways: 3,000 images of each, against as many test images. (The solution has the code.)

| generator | distance | density | coverage | class entropy |
| --- | --- | --- | --- | --- |
| real images | 0.14 | 1.01 | 0.97 | 2.30 |
| A | 1.6 | 1.02 | 0.15 | 2.30 |
| B | 7.2 | 0.59 | 0.30 | 2.25 |
| C | 2.4 | 1.04 | 0.87 | 2.20 |

One leaves out a class, one repeats a few clear pictures, one blurs everything. Answer with three letters, in this order.""",
        stub='which = None  # your answer, such as "ABC"',
        answer="which",
        hints=(
            "blurred pictures lie where there are no real ones: who has the lowest density?",
            "nine classes have an entropy of at most ln 9 = 2.197; whose is nearest to that?",
            "whoever repeats a few clear pictures covers little.",
        ),
        is_right=lambda answer: _letters(answer) == "cab",
        why="C lacks a class, A repeats a few pictures, B is blurred. The distance alone says how far off each is, not what is wrong.",
        solution='which = "CAB"',
        because=r"""C has the entropy of nine equal shares, $\ln 9 = 2.197$, so one class is missing. A is as dense as real images and reaches only 15 % of them: few pictures, each clear. B has a density of 0.59: many of its pictures lie where there are no real ones.

The distance alone could not have told you. It says how far off a generator is, and not in which way.""",
        slips=(
            Slip(
                lambda answer: sorted(_letters(answer)) != ["a", "b", "c"],
                "three letters are wanted, each of A, B and C once.",
                lambda: ["CAA", "C"],
            ),
            Slip(
                lambda answer: _letters(answer) == "bca",
                "in the order of the question: who leaves out a class, who draws few pictures, who is blurred.",
                lambda: ["BCA"],
            ),
            Slip(
                lambda answer: _letters(answer)[2] == "b",
                "B is blurred; now, whose entropy is near ln 9, and who covers least?",
                lambda: ["ACB"],
            ),
            Slip(
                lambda answer: _letters(answer)[0] == "c",
                "C lacks a class; now, whose density is too low?",
                lambda: ["CBA"],
            ),
            Slip(
                lambda answer: _letters(answer)[1] == "a",
                "A draws few pictures; now, whose density is too low?",
                lambda: ["BAC"],
            ),
        ),
        afterwards=(
            Cell(
                "markdown",
                "This is how the three were made and measured.",
            ),
            Cell(
                "code",
                """n = 3_000
generator = gh.load_generator("course_conditional")
latents = gh.latent.sample(n, 64, seed=0)
whole = gh.generate(generator, latents, classes=np.arange(n) % 10)
all_but_trousers = np.delete(np.arange(10), 1)""",
            ),
            Cell(
                "code",
                '''def blurred(images):
    """Each pixel mixed with its neighbours, 1 : 2 : 1 across and down."""
    for axis in (1, 2):
        images = (np.roll(images, 1, axis) + 2.0 * images + np.roll(images, -1, axis)) / 4
    return images.round().astype(np.uint8)


damaged = {
    "A": np.resize(whole[:100], whole.shape),  # 100 pictures, thirty times each
    "B": blurred(whole),
    "C": gh.generate(generator, latents, classes=all_but_trousers[np.arange(n) % 9]),
}''',
            ),
            Cell(
                "code",
                """gh.plots.image_rows(np.concatenate([images[100:110] for images in damaged.values()]), list(damaged),
             "Three rows of ten generated pictures: A repeats a hundred clear pictures, B the ten classes blurred, C no trousers.")""",
            ),
            Cell(
                "code",
                """reference, _ = gh.judges.features_and_probabilities(gh.load_fashion_mnist("test")[0][:n])
held_out = gh.load_fashion_mnist("train")[0][-10_000:][:n]
for name, images in {"real": held_out, **damaged}.items():
    features, probabilities = gh.judges.features_and_probabilities(images)
    near = gh.metrics.neighbourhoods(reference, features)
    entropy = gh.metrics.entropy(gh.metrics.class_shares(probabilities))
    print(f"{name:4} distance {gh.metrics.frechet_distance(reference, features):.2f}  density {near['density']:.2f}  "
          f"coverage {near['coverage']:.2f}  entropy {entropy:.2f}")""",
                ("nbval-ignore-output",),
            ),
        ),
        right=lambda: [
            "CAB",
            "cab",
            "c-a-b",
            "C, A, B.",
            ["C", "A", "B"],
            ("c", "a", "b"),
            np.array(["C", "A", "B"]),
            "C, A and B",
        ],
        wrong=lambda: ["ABC"],
    ),
    "6.3": Exercise(
        title="coverage",
        prompt="""Write `coverage(real, fake, k)` for two arrays (n, d), with plain NumPy: the share of real points that have a fake point nearer than their own k-th nearest real neighbour.""",
        stub="""def coverage(real, fake, k):
    ...  # your code""",
        answer="coverage",
        hints=(
            "for each real point: its distance to the k-th nearest other real point, and to the nearest fake one.",
            "in a sorted row of real-to-real distances column 0 is the point itself; take column k.",
            "return `np.mean(nearest_fake < radius)`, with strictly smaller.",
        ),
        is_right=_covers(lambda real, cross, fake, k: np.mean(cross.min(axis=1) < _radius(real, k))),
        why="Coverage asks every real point, so a stray fake one cannot flatter it.",
        solution="""def distances(x, y):
    return np.linalg.norm(x[:, None] - y[None], axis=-1)


def coverage(real, fake, k):
    radius = np.sort(distances(real, real), axis=1)[:, k]
    return np.mean(distances(real, fake).min(axis=1) < radius)""",
        because="""All distances at once, (n, n) of them. In a sorted row the first is 0, the point itself; so column `k` holds the k-th neighbour.""",
        slips=(
            Slip(
                _covers(lambda real, cross, fake, k: np.mean(cross.min(axis=1) < _radius(real, k - 1))),
                "in a sorted row column 0 is the point itself: take column k, not k - 1.",
                lambda: [lambda real, fake, k: _coverage(real, fake, k, column=-1)],
            ),
            Slip(
                _covers(lambda real, cross, fake, k: np.mean(cross.min(axis=1) <= _radius(real, k))),
                "nearer, and not as near: strictly smaller than the radius.",
                lambda: [lambda real, fake, k: _coverage(real, fake, k, nearer=np.less_equal)],
            ),
            Slip(
                _covers(lambda real, cross, fake, k: np.mean((cross < _radius(real, k)[:, None]).any(axis=0))),
                "that is precision, the share of fake points; ask every real point instead.",
                lambda: [_precision],
            ),
            Slip(
                _covers(lambda real, cross, fake, k: np.mean((cross < _radius(fake, k)).any(axis=1))),
                "that is recall, with balls around fake points; the balls belong to the real ones.",
                lambda: [_recall],
            ),
            Slip(
                _covers(lambda real, cross, fake, k: np.sum(cross.min(axis=1) < _radius(real, k))),
                "that is a number of points; a share is wanted: take the mean.",
                lambda: [lambda real, fake, k: _coverage(real, fake, k, share=np.sum)],
            ),
        ),
        afterwards=(
            Cell(
                "markdown",
                """Why is it $1 - 2^{-k}$ for equal distributions? Look at one real point and at all others, real and generated, in the order of their distance. It is not covered when its $k$ nearest are all real. With as many generated points as real ones each of them is real with a chance of one half.""",
            ),
            Cell(
                "code",
                """points = rng.normal(size=(2_000, 2))
for k in (1, 2, 5):
    print(f"k = {k}: measured {coverage(points[:1_000], points[1_000:], k):.2f}, expected {1 - 2**-k:.2f}")""",
            ),
        ),
        right=lambda: [_coverage, _coverage_in_loops, lambda real, fake, k: [tf.constant(_coverage(real, fake, k))]],
        wrong=lambda: [lambda real, fake, k: 1.0],
        raising=lambda: [(lambda real, fake, k: 1 / 0, "ZeroDivisionError: division by zero")],
    ),
    "6.4": Exercise(
        title="the distance as a loss",
        prompt=r"""In NumPy the Fréchet distance has no gradient to train on. Write section 2's formula in TensorFlow, from means (d,) and covariances (d, d): `frechet(mean_a, cov_a, mean_b, cov_b)`. The check compares the distance, and its gradient with respect to the generated features that `mean_b` and `cov_b` come from.""",
        stub="""def frechet(mean_a, cov_a, mean_b, cov_b):
    ...  # your code, after `import tensorflow as tf`""",
        answer="frechet",
        hints=(
            "follow section 2 line by line: `tf.linalg` has `eigh`, `eigvalsh` and `trace`.",
            "the trace of a matrix root is the sum of the roots of the eigenvalues.",
            "`values, vectors = tf.linalg.eigh(cov_a)`; `root = vectors * tf.sqrt(values) @ tf.transpose(vectors)`; then add up `tf.sqrt(tf.linalg.eigvalsh(root @ cov_b @ root))`.",
        ),
        is_right=_frechet_like(_frechet),
        why="Through mean and covariance the gradient reaches every generated image: all of them move the cloud together.",
        solution="""import tensorflow as tf


def frechet(mean_a, cov_a, mean_b, cov_b):
    values, vectors = tf.linalg.eigh(cov_a)
    root = vectors * tf.sqrt(tf.maximum(values, 0.0)) @ tf.transpose(vectors)
    overlap = tf.reduce_sum(tf.sqrt(tf.maximum(tf.linalg.eigvalsh(root @ cov_b @ root), 0.0)))
    return tf.reduce_sum((mean_a - mean_b) ** 2) + tf.linalg.trace(cov_a + cov_b) - 2 * overlap


one, four = tf.eye(2), tf.linalg.diag([1.0, 4.0])
print(f"{frechet(tf.zeros(2), one, tf.constant([3.0, 0.0]), four):.2f}")""",
        because=r"""Means 3 apart, and one standard deviation of 2 in place of 1: $3^2 + (2 - 1)^2 = 10$. Training on the very number that you report is possible, and a bad idea: the generator would learn to please this judge, and the number would no longer say anything about the pictures.""",
        slips=(
            Slip(
                _frechet_like(lambda *moments: _frechet(*moments, overlap=lambda a, b: tf.linalg.trace(a @ b))),
                "the root is missing: the trace of the *square root* of the product is wanted.",
                lambda: [
                    lambda mean_a, cov_a, mean_b, cov_b: _frechet(
                        mean_a, cov_a, mean_b, cov_b, lambda a, b: tf.linalg.trace(a @ b)
                    )
                ],
            ),
            Slip(
                _frechet_like(
                    lambda *moments: _frechet(
                        *moments,
                        overlap=lambda a, b: tf.reduce_sum(tf.sqrt(tf.linalg.diag_part(a) * tf.linalg.diag_part(b))),
                    )
                ),
                "that uses the variances alone; the features are correlated, so the whole matrices count.",
                lambda: [
                    lambda mean_a, cov_a, mean_b, cov_b: (
                        tf.reduce_sum((mean_a - mean_b) ** 2)
                        + tf.reduce_sum(
                            (tf.sqrt(tf.linalg.diag_part(cov_a)) - tf.sqrt(tf.linalg.diag_part(cov_b))) ** 2
                        )
                    )
                ],
            ),
            Slip(
                _frechet_like(
                    lambda *moments: _frechet(*moments, overlap=lambda a, b: tf.linalg.trace(tf.sqrt(a @ b)))
                ),
                "tf.sqrt takes the root of each number; the root of a matrix goes by its eigenvalues.",
                lambda: [
                    lambda mean_a, cov_a, mean_b, cov_b: _frechet(
                        mean_a, cov_a, mean_b, cov_b, lambda a, b: tf.linalg.trace(tf.sqrt(a @ b))
                    )
                ],
            ),
            Slip(
                _frechet_like(
                    lambda *moments: _frechet(*moments, overlap=lambda a, b: tf.linalg.trace(_root(a) @ _root(b)))
                ),
                "the root of a product of matrices is not the product of their roots: take the root of root @ cov_b @ root.",
                lambda: [
                    lambda mean_a, cov_a, mean_b, cov_b: _frechet(
                        mean_a, cov_a, mean_b, cov_b, lambda a, b: tf.linalg.trace(_root(a) @ _root(b))
                    )
                ],
            ),
            Slip(
                _frechet_like(lambda *moments: _frechet(*moments, square=lambda apart: tf.norm(apart))),
                "the distance of the means goes in squared.",
                lambda: [
                    lambda mean_a, cov_a, mean_b, cov_b: _frechet(
                        mean_a, cov_a, mean_b, cov_b, square=lambda apart: tf.norm(apart)
                    )
                ],
            ),
            Slip(
                _frechet_like(
                    lambda *moments: (
                        (
                            _frechet(*moments)
                            + tf.linalg.trace(moments[1])
                            + tf.linalg.trace(moments[3])
                            + tf.reduce_sum((moments[0] - moments[2]) ** 2)
                        )
                        / 2
                    )
                ),
                "the factor 2 before the root is missing.",
                lambda: [
                    lambda mean_a, cov_a, mean_b, cov_b: (
                        tf.reduce_sum((mean_a - mean_b) ** 2)
                        + tf.linalg.trace(cov_a + cov_b)
                        - tf.reduce_sum(tf.sqrt(tf.linalg.eigvalsh(_root(cov_a) @ cov_b @ _root(cov_a))))
                    )
                ],
            ),
        ),
        example=("frechet(tf.zeros(2), tf.eye(2), tf.ones(2), 4 * tf.eye(2))", 4.0),
        right=lambda: [
            lambda mean_a, cov_a, mean_b, cov_b: _frechet(mean_a, cov_a, mean_b, cov_b),
            lambda m, c, n, d: _frechet(n, d, m, c),
            lambda m, c, n, d: _frechet(m, c, n, d, lambda a, b: tf.linalg.trace(tf.linalg.sqrtm(a @ b))),
        ],
        wrong=lambda: [lambda mean_a, cov_a, mean_b, cov_b: tf.reduce_sum((mean_a - mean_b) ** 2)],
        raising=lambda: [
            (lambda m, c, n, d: float(_frechet(m, c, n, d)), "no gradient flows back to fake"),
        ],
    ),
    "6.5": Exercise(
        title="density",
        prompt=r"""Coverage counts real points; density counts balls. Write `density(real, fake, k)` with plain NumPy:

$$\text{density} = \frac{1}{k \, n_{fake}} \sum_{j} \sum_{i} \mathbb{1}\bigl[\, |y_j - x_i| < r_k(x_i) \,\bigr]$$

Here $x_i$ are the real points, $y_j$ the generated ones, and $r_k(x_i)$ is the distance from $x_i$ to its k-th real neighbour. The two sets may differ in size.""",
        stub="""def density(real, fake, k):
    ...  # your code""",
        answer="density",
        hints=(
            "the radii are those of exercise 6.3; now look at every pair of a real and a generated point.",
            "`distances(real, fake) < radius[:, None]` says for each pair whether the ball contains the point.",
            "count the pairs, and divide by `k * len(fake)`.",
        ),
        is_right=_covers(lambda real, cross, fake, k: _balls(real, cross, k).sum() / (k * cross.shape[1])),
        why="A point in many balls lies where real points are dense; one stray real point has one ball, and little weight.",
        solution="""def density(real, fake, k):
    radius = np.sort(distances(real, real), axis=1)[:, k]
    inside = distances(real, fake) < radius[:, None]
    return inside.sum() / (k * len(fake))


print(f"equal distributions: {density(points[:1_000], points[1_000:], 5):.2f}")""",
        because="""For equal distributions a generated point lies in about k real balls, since every ball holds k real points, and so density is about 1. It can exceed 1: a generator that draws only where real points are densest gets more than its share of balls.""",
        slips=(
            Slip(
                _covers(lambda real, cross, fake, k: _balls(real, cross, k).any(axis=0).mean()),
                "that is precision: in *any* ball. Density counts in how many.",
                lambda: [_precision],
            ),
            Slip(
                _covers(lambda real, cross, fake, k: _balls(real, cross, k).sum() / cross.shape[1]),
                "that is the number of balls around a generated point; divide it by k.",
                lambda: [lambda real, fake, k: k * _density(real, fake, k)],
            ),
            Slip(
                _covers(lambda real, cross, fake, k: _balls(real, cross, k).sum() / (k * cross.shape[0])),
                "you divide by the number of real points; it is the generated ones that are asked.",
                lambda: [lambda real, fake, k: _density(real, fake, k) * len(fake) / len(real)],
            ),
            Slip(
                _covers(
                    lambda real, cross, fake, k: _balls(real, cross, k, np.less_equal).sum() / (k * cross.shape[1])
                ),
                "inside, and not on the edge: strictly smaller than the radius.",
                lambda: [lambda real, fake, k: _density(real, fake, k, np.less_equal)],
            ),
            Slip(
                _covers(
                    lambda real, cross, fake, k: (cross < _radius(real, k - 1)[:, None]).sum() / (k * cross.shape[1])
                ),
                "in a sorted row column 0 is the point itself: take column k, not k - 1.",
                lambda: [lambda real, fake, k: _density(real, fake, k, column=-1)],
            ),
        ),
        right=lambda: [
            _density,
            lambda real, fake, k: (lambda d, r: np.mean([(row < r).sum() for row in d.T]) / k)(
                _distances(real, fake), np.sort(_distances(real, real), 1)[:, k]
            ),
        ],
        wrong=lambda: [_coverage],
    ),
    "6.6": Exercise(
        title="class entropy that can be trained on",
        prompt=r"""The class entropy of section 5 counts which class the judge names, and counting has no gradient. Write `class_entropy(logits)` in TensorFlow, for the judge's logits (n, classes) on a batch:

$$\bar p_c = \operatorname{mean}_i\, \operatorname{softmax}(l_i)_c, \qquad H = -\sum_c \bar p_c \log \bar p_c$$

Take the natural logarithm. Values and gradients are compared.""",
        stub="""def class_entropy(logits):
    ...  # your code, after `import tensorflow as tf`""",
        answer="class_entropy",
        hints=(
            "first each image's probabilities, then their mean over the images, then the entropy.",
            "`tf.reduce_mean(tf.nn.softmax(logits), axis=0)` holds the share of each class.",
            "return `-tf.reduce_sum(shares * tf.math.log(shares))`.",
        ),
        is_right=_varies(lambda logits: _entropy(tf.reduce_mean(tf.nn.softmax(logits), 0))),
        why="High means that the batch, taken together, spreads over the classes, however sure the judge is of each image.",
        solution="""def class_entropy(logits):
    shares = tf.reduce_mean(tf.nn.softmax(logits), axis=0)
    return -tf.reduce_sum(shares * tf.math.log(shares))


sure = 20.0 * tf.eye(10)  # ten images, each surely of a class of its own
print(f"ten classes {class_entropy(sure):.2f} = ln 10, one class {class_entropy(sure[:1]):.2f}")""",
        because="""The order matters. The mean of the entropies of the single images measures how *unsure* the judge is. The entropy of the mean measures variety. The Inception score is built of both: the logarithm of it is the second minus the first.""",
        slips=(
            slip_as(
                _varies,
                "that is the mean of each image's entropy, how unsure the judge is; take the mean of the probabilities first.",
                lambda logits: tf.reduce_mean(_entropy(tf.nn.softmax(logits))),
            ),
            slip_as(
                _varies,
                "average the probabilities, not the logits: softmax comes first.",
                lambda logits: _entropy(tf.nn.softmax(tf.reduce_mean(logits, 0))),
            ),
            slip_as(
                _varies,
                "that is measured in bits; take the natural logarithm.",
                lambda logits: _entropy(tf.reduce_mean(tf.nn.softmax(logits), 0)) / tf.math.log(2.0),
            ),
            slip_as(
                _varies,
                "mind the sign: an entropy is never negative.",
                lambda logits: -_entropy(tf.reduce_mean(tf.nn.softmax(logits), 0)),
            ),
            slip_as(
                _varies,
                "the softmax goes over the classes, axis=-1, and the mean over the images, axis=0.",
                lambda logits: _entropy(tf.reduce_mean(tf.nn.softmax(logits, axis=0), 1)),
            ),
            Slip(
                lambda function: not np.isfinite(numbers(call(function, logits=tf.constant(fixed(6, 10))))),
                "that is not a number: counts of 0 have no logarithm. Take probabilities, which also have a gradient.",
                lambda: [lambda logits: _entropy(tf.reduce_mean(tf.one_hot(tf.argmax(logits, 1), logits.shape[1]), 0))],
            ),
        ),
        example=("class_entropy(tf.constant([[0.0, 0.0], [2.0, 0.0]]))", 0.6188),
        right=lambda: [
            lambda logits: _entropy(tf.reduce_mean(tf.nn.softmax(logits), 0)),
            lambda logits: keras.losses.CategoricalCrossentropy()(*[tf.reduce_mean(keras.ops.softmax(logits), 0)] * 2),
        ],
        wrong=lambda: [lambda logits: tf.math.log(10.0)],
        raising=lambda: [
            (
                lambda logits: _entropy(tf.reduce_mean(tf.nn.softmax(logits.numpy()), 0)),
                "no gradient flows back to logits",
            )
        ],
    ),
    "6.7": Exercise(
        title="an experiment: buy clarity with variety",
        prompt="""Truncation (notebook 05) trades variety for clarity. What do you get for it? Draw 1,000 images with the shipped conditional generator, each class equally often. Against the first 1,000 test images they must reach a **density of at least 1.2**, more than real images have, and a **coverage of at least 0.9**. Without truncation it is 1.03 and 0.95.""",
        stub="images = None  # uint8 (1000, 28, 28, 1)",
        answer="images",
        hints=(
            "truncate with `gh.latent.truncate(latents, s)`, and measure with `gh.metrics.neighbourhoods` at a few strengths.",
            "as s falls, density rises and coverage sinks.",
            "try strengths between 0.6 and 0.8.",
        ),
        is_right=_clear_and_varied,
        why="Density above 1 is not better than real: the pictures crowd where real ones are densest. Coverage pays for it.",
        solution="""generator = gh.load_generator("course_conditional")
latents, classes = gh.latent.sample(1_000, 64, seed=0), np.arange(1_000) % 10
real_features, _ = gh.judges.features_and_probabilities(gh.load_fashion_mnist("test")[0][:1_000])
for s in (1.0, 0.85, 0.7, 0.4):
    images = gh.generate(generator, gh.latent.truncate(latents, s), classes=classes)
    near = gh.metrics.neighbourhoods(real_features, gh.judges.features_and_probabilities(images)[0])
    print(f"s = {s:.2f}: density at least 1.2: {near['density'] >= 1.2}, coverage at least 0.9: {near['coverage'] >= 0.9}")
images = gh.generate(generator, gh.latent.truncate(latents, 0.7), classes=classes)""",
        because="""With three seeds, s = 0.7 gives densities of 1.27 to 1.29 and coverages of 0.93 to 0.94; anything between 0.75 and 0.6 passes with all three. The Fréchet distance would advise against it: from 0.44 to 0.49 without truncation it rises to 0.96 to 1.06, because the cloud has shrunk. Which number is right? Each answers its own question. For a catalogue of clear pictures, truncate; for training data, do not.""",
        slips=(
            Slip(
                lambda images: _density_and_coverage(images)[1] < 0.9,
                "the coverage is too low: too many kinds of pictures are gone; truncate less, and draw each class equally often.",
                lambda: [_truncated(0.4)],
            ),
            Slip(
                lambda images: _density_and_coverage(images)[0] < 1.2,
                "the density is too low: truncate more.",
                lambda: [_truncated(1.0)],
            ),
        ),
        right=lambda: [_truncated(0.7)],
        raising=lambda: [
            (np.zeros((1000, 28, 28, 1)), "expected uint8 (1000, 28, 28, 1), got float64 (1000, 28, 28, 1)")
        ],
    ),
}
