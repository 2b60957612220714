"""The exercises of lesson 06."""

import numpy as np

from gan_helpers.course.exercises.checks import close, gives, tf, words
from gan_helpers.course.exercises.exercise import Cell, Exercise, Slip, Test

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


EXERCISES: dict[str, Exercise] = {
    "6.1": Exercise(
        title="a distance in your head",
        prompt="""One feature. Real images: mean 5, standard deviation 2. Generated images: mean 4, standard deviation 0.5. What is the Fréchet distance, in the squared form used here? Answer to two decimals.""",
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
        prompt="""Three generators were measured, with 3,000 images against the test images, as in section 8. Real images score distance 0.14, density 1.01, coverage 0.97, class entropy 2.30.

| generator | distance | density | coverage | class entropy |
| --- | --- | --- | --- | --- |
| A | 1.6 | 1.02 | 0.15 | 2.30 |
| B | 7.2 | 0.59 | 0.30 | 2.25 |
| C | 2.4 | 1.04 | 0.87 | 2.20 |

(They are `course_conditional`, damaged on purpose. The solution has the code that damages and measures it.)

One leaves out a class. One draws clear pictures of few kinds. One draws blurred pictures of all kinds. Which is which? Answer with three letters, in this order: leaves out a class, few kinds, blurred.""",
        stub='which = None  # your answer, such as "ABC"',
        answer="which",
        hints=(
            "blurred pictures lie where no real ones are: which generator has the lowest density?",
            "ln 9 = 2.197 is the most that nine classes can have; whose entropy is nearest to it?",
            "the third one draws densely and covers little.",
        ),
        is_right=lambda answer: _letters(answer) == "cab",
        why="C lacks a class, A repeats a few kinds, B is blurred. The distance alone says how far, and not what is wrong.",
        solution='which = "CAB"',
        because=r"""C has an entropy of 2.20, that of nine even classes ($\ln 9 = 2.197$): one is missing. A draws as densely as real images (1.02), yet reaches only 15 % of them: few kinds, each clear. B has a density of 0.59: many of its pictures lie where no real picture is.

On its own the distance could not have told them apart. It says how far off a generator is, and not in which way.""",
        slips=(
            Slip(
                lambda answer: sorted(_letters(answer)) != ["a", "b", "c"],
                "three letters are wanted, each of A, B and C once.",
                lambda: ["CAA", "C"],
            ),
            Slip(
                lambda answer: _letters(answer) == "bca",
                "in the order of the question: who leaves out a class, who draws few kinds, who is blurred.",
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
                "A draws few kinds; now, whose density is too low?",
                lambda: ["BAC"],
            ),
        ),
        afterwards=(
            Cell(
                "markdown",
                "How the three were made and measured: the shipped conditional generator, three times damaged.",
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
             "Three rows of ten generated pictures: A draws one clear picture of each class, B the ten classes blurred, C no trousers.")""",
            ),
            Cell(
                "code",
                """reference, _ = gh.classifier.features_and_probabilities(gh.load_fashion_mnist("test")[0][:n])
held_out = gh.load_fashion_mnist("train")[0][-10_000:][:n]
for name, images in {"real": held_out, **damaged}.items():
    features, probabilities = gh.classifier.features_and_probabilities(images)
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
        prompt="""Write `coverage(real, fake, k)` for two arrays (n, d) with plain NumPy: the share of real points that have a fake point nearer than their own k-th real neighbour.""",
        stub="""def coverage(real, fake, k):
    ...  # your code""",
        answer="coverage",
        hints=(
            "for each real point: its distance to the k-th nearest real point, and its distance to the nearest fake one.",
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
}
