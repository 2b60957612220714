"""The exercises of lesson 05."""

import math

import numpy as np

from gan_helpers.course.exercises.checks import (
    Later,
    close,
    fixed,
    gives,
    keras,
    like_on,
    numbers,
    slip_as,
    tf,
)
from gan_helpers.course.exercises.exercise import Cell, Exercise, Slip, Test

latent = Later("gan_helpers.gan.latent")

SETUP = """import numpy as np

SEED = 7
generator = gh.load_generator("course_dcgan")
z = gh.latent.sample(16, generator.input_shape[-1], seed=SEED).numpy()"""


def _walks(lengths, spherical: bool = False) -> Test:
    """Exercise 5.1: the points of the straight walk (or slerp's), each brought to its one of `lengths(|a|, |b|, steps)`."""

    def formula(a, b, steps):
        t = np.linspace(0, 1, steps)[:, None]
        norm_a, norm_b = np.linalg.norm(a), np.linalg.norm(b)
        angle = np.arccos(a @ b / norm_a / norm_b)
        line = np.sin((1 - t) * angle) * a / norm_a + np.sin(t * angle) * b / norm_b if spherical else a + t * (b - a)
        return line / np.linalg.norm(line, axis=1, keepdims=True) * lengths(norm_a, norm_b, steps)[:, None]

    a, b, c = np.random.default_rng(0).standard_normal((3, 64)).astype(np.float32)
    return gives(formula, (a, b, 5), (b, 0.75 * c, 4))


def _loop(answer) -> np.ndarray:
    """Exercise 5.2: an answer as latent vectors (n, 64).

    Raises:
        ValueError: it has another shape, or too few of them.
    """
    loop = np.asarray(answer, float)
    if loop.ndim != 2 or loop.shape[1] != 64 or len(loop) < 9:
        raise ValueError(f"expected the shape (9 or more, 64), got {loop.shape}")
    return loop


def _closed(answer) -> bool:
    """Exercise 5.2: whether the last vector equals the first."""
    return bool(np.allclose(_loop(answer)[0], _loop(answer)[-1], atol=0.01))


def _lengths(answer) -> np.ndarray:
    """Exercise 5.2: the lengths of the vectors."""
    return np.linalg.norm(_loop(answer), axis=1)


def _centred(answer) -> bool:
    """Exercise 5.2: whether the stops lie evenly about the origin, in a plane through it."""
    stops = _loop(answer)[:-1]
    return bool(np.linalg.svd(stops, compute_uv=False)[2] < 0.05 and np.linalg.norm(stops.mean(axis=0)) < 0.05)


def _even(answer) -> bool:
    """Exercise 5.2: whether all steps are equally long."""
    strides = np.linalg.norm(np.diff(_loop(answer), axis=0), axis=1)
    return bool(strides.max() < 1.02 * strides.min())


def _on_radius(answer) -> bool:
    """Exercise 5.2: whether all vectors have length 8."""
    return bool(np.abs(_lengths(answer) - 8).max() < 0.02)


def _by_degrees(answer) -> bool:
    """Exercise 5.2: whether each step turns by 360 / steps *radians*."""
    first, second = _loop(answer)[:2]
    cosine = first @ second / np.linalg.norm(first) / np.linalg.norm(second)
    return not _closed(answer) and bool(np.isclose(cosine, np.cos(360 / (len(_loop(answer)) - 1)), atol=1e-3))


def _directs(scaled) -> Test:
    """Exercise 5.3: the difference of the means of two classes, as `scaled` leaves it."""
    latents, classes = np.random.default_rng(0).standard_normal((60, 8)).astype(np.float32), np.arange(60) % 3

    def formula(latents, classes, a, b):
        return scaled(latents[classes == b].mean(axis=0) - latents[classes == a].mean(axis=0))

    return gives(formula, (latents, classes, 1, 2), (latents, classes, 2, 0))


# --- answers, right and wrong ---------------------------------------------------------------------


def _shell_walk(a, b, steps, lengths=np.linspace):
    line = np.asarray(latent.lerp(a, b, steps))
    ends = np.linalg.norm(a), np.linalg.norm(b)
    return line / np.linalg.norm(line, axis=1, keepdims=True) * lengths(*ends, steps)[:, None]


def _circle(radius=8.0, t=None, second=None, offset=0.0, angle=np.pi / 2):
    """Vectors in the plane of two axes, which stand at `angle`, around `offset` on a third."""
    axes = np.eye(64)
    t = np.linspace(0, 2 * np.pi, 17) if t is None else t
    v = (second or radius) * (np.cos(angle) * axes[3] + np.sin(angle) * axes[5])
    return np.cos(t)[:, None] * radius * axes[3] + np.sin(t)[:, None] * v + offset * axes[7]


def _direction(latents, classes, a, b, scaled=lambda difference: difference / np.linalg.norm(difference)):
    return scaled(latents[classes == b].mean(axis=0) - latents[classes == a].mean(axis=0))


def _drawing() -> tuple:
    """Exercise 5.4: a tiny generator and a tiny judge, always with the same weights."""
    dense = keras.layers.Dense
    generator = keras.Sequential([keras.Input((4,)), dense(6, "tanh"), dense(5, "tanh")])
    score = keras.Sequential([keras.Input((5,)), dense(3, "tanh"), dense(1)])
    for network in (generator, score):
        network.set_weights([fixed(*weight.shape, seed=k) for k, weight in enumerate(network.weights)])
    return generator, score


def _uphill(generator, score, z):
    """The gradient of each score with respect to its latent vector."""
    with tf.GradientTape() as tape:
        tape.watch(z)
        scores = score(generator(z))
    return tape.gradient(scores, z)


def _nudge(generator, score, z, length, axis=1):
    slopes = _uphill(generator, score, z)
    return z + length * slopes / tf.norm(slopes, axis=axis, keepdims=True)


_nudges = like_on(
    lambda: [(*_drawing(), fixed(5, 4, seed=9), 0.5), (*_drawing(), 2 * fixed(2, 4, seed=8), 2.0)], wrt=()
)


def _unit(vector):
    return vector / np.linalg.norm(vector)


def _keeps_apart(formula) -> Test:
    """Exercise 5.5: for unit vectors as well as for long ones."""
    a, b = fixed(2, 8, seed=3)
    return gives(formula, (_unit(a), _unit(b)), (3 * a, 0.2 * b), (a, 5 * b))


HALF, HALF_OF_THE_VARIANCE = 0.105, 0.272  # exercise 5.6: measured by interval halving, as in its solution


EXERCISES: dict[str, Exercise] = {
    "5.1": Exercise(
        title="a straight walk, put right",
        prompt="""Write `shell_walk(a, b, steps)`: take the points of the straight walk, and scale each so that the lengths change evenly from $|a|$ to $|b|$. Return an array (steps, latent_dim).""",
        stub="""def shell_walk(a, b, steps):
    ...  # your code""",
        answer="shell_walk",
        hints=(
            "first walk straight with `gh.latent.lerp`, then change only the length of each vector.",
            "divide each vector by its norm (`keepdims=True`), then multiply by the length it should have.",
            "the lengths are `np.linspace(norm_a, norm_b, steps)[:, None]`.",
        ),
        is_right=_walks(np.linspace),
        why="A cheap cousin of slerp: the same arc, only with uneven angles between the steps.",
        solution="""def shell_walk(a, b, steps):
    points = gh.latent.lerp(a, b, steps)
    wanted = np.linspace(np.linalg.norm(a), np.linalg.norm(b), steps)[:, None]
    return points / np.linalg.norm(points, axis=1, keepdims=True) * wanted""",
        because="""Dividing by its length brings each point to length 1 and keeps its direction. Then each gets the length that it should have.""",
        slips=(
            Slip(
                _walks(np.linspace, spherical=True),
                "that is slerp; stretch the points of the straight walk instead.",
                lambda: [lambda a, b, steps: latent.slerp(a, b, steps)],
            ),
            Slip(
                _walks(lambda a, b, steps: np.full(steps, a)),
                "the length stays that of a; it should end at that of b.",
                lambda: [lambda a, b, steps: _shell_walk(a, b, steps, lambda first, last, n: np.full(n, first))],
            ),
            Slip(
                _walks(lambda a, b, steps: np.full(steps, 8)),
                "the length is 8 throughout; it should go from |a| to |b|.",
                lambda: [lambda a, b, steps: _shell_walk(a, b, steps, lambda first, last, n: np.full(n, 8))],
            ),
            Slip(
                _walks(lambda a, b, steps: np.ones(steps)),
                "all lengths are 1: multiply by the lengths they should have.",
                lambda: [lambda a, b, steps: _shell_walk(a, b, steps, lambda first, last, n: np.ones(n))],
            ),
        ),
        afterwards=(
            Cell(
                "markdown",
                """How does it differ from `slerp`? In the angles between its steps: on the straight line the points lie at even distances, and seen from the origin those in the middle are farther apart.""",
            ),
            Cell(
                "code",
                '''def angles(path):
    """Degrees between one vector and the next."""
    unit = path / np.linalg.norm(path, axis=1, keepdims=True)
    return np.degrees(np.arccos((unit[:-1] * unit[1:]).sum(axis=1))).round(1)


print("shell_walk:", angles(shell_walk(z[0], z[1], 7)))
print("slerp:     ", angles(gh.latent.slerp(z[0], z[1], 7)))''',
            ),
        ),
        right=lambda: [
            _shell_walk,
            lambda a, b, steps: tf.constant(_shell_walk(a, b, steps)),
            lambda a, b, n: [*_shell_walk(a, b, n)],
        ],
        wrong=lambda: [lambda a, b, steps: latent.lerp(a, b, steps)],
        raising=lambda: [
            (lambda a, b, steps: a + np.linspace(0, 1, steps) * (b - a), "operands could not be broadcast")
        ],
    ),
    "5.2": Exercise(
        title="a walk without an end",
        prompt="""An animation that runs for ever needs a walk that closes. Make `loop`, an array of at least 9 latent vectors on a circle of radius 8 (to two decimals) around the origin, in even steps. The last equals the first. Use `z[0]` and `z[1]` to choose the circle.""",
        stub="loop = None  # your answer",
        answer="loop",
        hints=(
            "a circle in the plane of u and v: `np.cos(t) * u + np.sin(t) * v`, with t from 0 to 2π.",
            "u and v need a right angle between them and the same length, 8.",
            "make v perpendicular: `v - (v @ u) / (u @ u) * u`; then scale both to length 8.",
        ),
        is_right=lambda loop: _closed(loop) and _on_radius(loop) and _centred(loop) and _even(loop),
        why="A great circle: it keeps to the shell, and ends where it began, so the animation can run for ever.",
        solution="""u = 8 * z[0] / np.linalg.norm(z[0])
v = z[1] - (z[1] @ u) / (u @ u) * u
v = 8 * v / np.linalg.norm(v)
t = np.linspace(0, 2 * np.pi, 17)[:, None]
loop = np.cos(t) * u + np.sin(t) * v""",
        because=r"""`u` has the direction of `z[0]`. From `z[1]` the part along `u` is taken away, so `v` stands at a right angle to `u`. Both get length 8. Then $\cos t\,u + \sin t\,v$ has length 8 for every $t$, and equal steps of $t$ are equal steps on the circle.""",
        slips=(
            Slip(
                _by_degrees,
                "np.cos and np.sin take radians: t from 0 to 2π, not to 360.",
                lambda: [_circle(t=np.linspace(0, 360, 17))],
            ),
            Slip(
                lambda loop: not _closed(loop),
                "the last vector is not the first: t from 0 to 2π, both included.",
                lambda: [_circle(t=np.linspace(0, 2 * np.pi, 17)[:-1]), _circle(t=np.linspace(0, np.pi, 17))],
            ),
            Slip(
                lambda loop: _on_radius(loop) and not _even(loop),
                "the steps are uneven: take t from np.linspace.",
                lambda: [_circle(t=2 * np.pi * np.linspace(0, 1, 17) ** 2)],
            ),
            Slip(
                lambda loop: not _centred(loop),
                "the middle of the circle is not the origin.",
                lambda: [
                    _circle(radius=math.sqrt(64 - 9), offset=3.0),
                    _circle(offset=0.5),
                    np.concatenate([_circle(t=np.linspace(0, 3, 9)), _circle(t=np.linspace(3, 0, 9))[1:]]),
                ],
            ),
            Slip(
                lambda loop: np.ptp(_lengths(loop)) > 0.02,
                "an ellipse: are u and v at right angles, and equally long?",
                lambda: [_circle(second=7.0), _circle(angle=1.2)],
            ),
            Slip(
                lambda loop: not _on_radius(loop),
                "a circle, but not of radius 8: scale u and v to length 8.",
                lambda: [_circle(radius=6.2), _circle(radius=7.7)],
            ),
        ),
        afterwards=(
            Cell(
                "markdown",
                """As an animation. The last vector equals the first, so it is left out. Three walks at once, each on the circle of its own pair.""",
            ),
            Cell(
                "code",
                '''def circle(first, second):
    """16 latent vectors on the circle of radius 8 through the direction of `first`."""
    u = 8 * first / np.linalg.norm(first)
    v = second - (second @ u) / (u @ u) * u
    return np.cos(t[:-1]) * u + np.sin(t[:-1]) * 8 * v / np.linalg.norm(v)


walks = [gh.generate(generator, circle(z[k], z[k + 1])) for k in (0, 2, 4)]
frames = np.stack([gh.images.grid(np.stack(pictures), columns=3) for pictures in zip(*walks)])
gh.plots.Animation(frames, "Animation: three generated pictures in a row change step by step through 16 stages, without an end.", scale=2)''',
            ),
        ),
        right=lambda: [
            _circle(),
            list(_circle().astype(np.float32)),
            tf.constant(_circle(t=np.linspace(0, 2 * np.pi, 9))),
            _circle(t=np.linspace(2 * np.pi, 0, 40)),
            _circle(t=np.linspace(1, 1 + 2 * np.pi, 40)),
        ],
        raising=lambda: [(_circle()[:8], "(8, 64)"), (_circle().T, "(64, 17)")],
    ),
    "5.3": Exercise(
        title="any two classes",
        prompt="""Write section 5's direction for any two classes: `direction_between(latents, classes, a, b)` gets latent vectors (n, latent_dim) and the class of each (n,), and returns the direction of length 1 from the mean of class `a` to the mean of class `b`.""",
        stub="""def direction_between(latents, classes, a, b):
    ...  # your code""",
        answer="direction_between",
        hints=(
            "the middle of class a is `latents[classes == a].mean(axis=0)`.",
            "from a to b: the mean of b minus the mean of a.",
            "divide by `np.linalg.norm`, so that its length is 1.",
        ),
        is_right=_directs(lambda difference: difference / np.linalg.norm(difference)),
        why="The mean of many vectors cancels what they do not share; their difference is what the classes differ in.",
        solution="""def direction_between(latents, classes, a, b):
    towards = latents[classes == b].mean(axis=0) - latents[classes == a].mean(axis=0)
    return towards / np.linalg.norm(towards)""",
        because="""The mean of a class is the middle of its cloud. From one middle to the other is the direction in which the two clouds differ most plainly.""",
        slips=(
            Slip(
                _directs(lambda difference: difference),
                "the direction is right, but its length is not 1.",
                lambda: [lambda z, y, a, b: _direction(z, y, a, b, lambda difference: difference)],
            ),
            Slip(
                _directs(lambda difference: -difference / np.linalg.norm(difference)),
                "that leads from b to a.",
                lambda: [lambda z, y, a, b: _direction(z, y, b, a)],
            ),
            Slip(
                _directs(lambda difference: -difference),
                "that leads from b to a, and its length is not 1.",
                lambda: [lambda z, y, a, b: _direction(z, y, b, a, lambda difference: difference)],
            ),
        ),
        afterwards=(
            Cell(
                "markdown",
                """From trousers to a dress, for five trousers. Look at the middle of each row: there the dresses are. A longer push goes past the mean of the dresses, and turns many of them into T-shirts. The explorer with this direction: `gh.LatentExplorer(generator, directions={"Trouser → Dress": direction})`.""",
            ),
            Cell(
                "code",
                """drawn = gh.latent.sample(4096, generator.input_shape[-1], seed=SEED).numpy()
classes = gh.classifier.features_and_probabilities(gh.generate(generator, drawn))[1].argmax(axis=1)
TROUSER, DRESS = gh.CLASS_NAMES.index("Trouser"), gh.CLASS_NAMES.index("Dress")
direction = direction_between(drawn, classes, TROUSER, DRESS)""",
            ),
            Cell(
                "code",
                """rows = [gh.generate(generator, trouser + np.linspace(0, 5, 9)[:, None] * direction) for trouser in drawn[classes == TROUSER][:5]]
gh.plots.image_rows(np.concatenate(rows), [f"trousers {k}" for k in range(5)],
             "Five rows of nine generated pictures. Each row begins with trousers and is pushed step by step towards dresses.")""",
            ),
        ),
        right=lambda: [
            _direction,
            lambda z, y, a, b: tf.constant(_direction(z, y, a, b)),
            lambda z, y, a, b: [*_direction(z, y, a, b)],
        ],
        wrong=lambda: [lambda z, y, a, b: z[y == b].mean(axis=0) / np.linalg.norm(z[y == b].mean(axis=0))],
    ),
    "5.4": Exercise(
        title="uphill in the latent space",
        prompt=r"""A principal direction is the same for every picture. A gradient says how *this* picture's latent vector has to move for a score to rise fastest. Write `nudge(generator, score, z, length)` in TensorFlow:

$$z_i \leftarrow z_i + \text{length} \cdot \frac{g_i}{|g_i|}, \qquad g_i = \nabla_{z_i}\, \text{score}(\text{generator}(z_i))$$

`generator` and `score` are networks, and `z` is a tensor (n, latent_dim). The check compares your vectors with ours for tiny networks.""",
        stub="""def nudge(generator, score, z, length):
    ...  # your code, after `import tensorflow as tf`""",
        answer="nudge",
        hints=(
            "a tape that watches `z`, and within it `score(generator(z))`; then `tape.gradient(…, z)`.",
            "divide each row of the gradient by its own norm: `tf.norm(slopes, axis=1, keepdims=True)`.",
            "return `z + length * slopes / tf.norm(slopes, axis=1, keepdims=True)`.",
        ),
        is_right=_nudges(_nudge),
        why="The gradient passes through the judge and the generator down to z, as it does in training, only that now z learns.",
        solution="""import tensorflow as tf


def nudge(generator, score, z, length):
    with tf.GradientTape() as tape:
        tape.watch(z)
        scores = score(generator(z))
    slopes = tape.gradient(scores, z)
    return z + length * slopes / tf.norm(slopes, axis=1, keepdims=True)


def brightness(pictures):
    return tf.reduce_mean(pictures, axis=(1, 2, 3))


moved = nudge(generator, brightness, tf.constant(z), 2.0)
brighter = brightness(generator(moved)) > brightness(generator(z))
print("brighter after one step:", int(tf.reduce_sum(tf.cast(brighter, tf.int32))), "of", len(z))""",
        because="""`tape.gradient` differentiates the sum of the scores; each score depends on its own latent vector only, so every row is the gradient of its own picture. Here the judge is as simple as can be, the mean brightness. Any network will do: the logit of a class, for instance.""",
        slips=(
            slip_as(
                _nudges,
                "each vector should move by `length`: divide every gradient by its own norm.",
                lambda generator, score, z, length: z + length * _uphill(generator, score, z),
            ),
            slip_as(
                _nudges,
                "you divide by the norm of the whole batch; every vector has its own: axis=1, keepdims=True.",
                lambda generator, score, z, length: _nudge(generator, score, z, length, axis=None),
            ),
            slip_as(
                _nudges,
                "that leads downhill; the score should rise.",
                lambda generator, score, z, length: _nudge(generator, score, z, -length),
            ),
            slip_as(
                _nudges,
                "that is the step alone; add it to z.",
                lambda generator, score, z, length: _nudge(generator, score, z, length) - z,
            ),
        ),
        right=lambda: [
            _nudge,
            lambda g, s, z, length: z + length * tf.math.l2_normalize(_uphill(g, s, z), axis=1),
            lambda g, s, z, length: _nudge(g, lambda x: tf.reduce_mean(s(x)), z, length),
        ],
        wrong=lambda: [lambda generator, score, z, length: z + length],
        raising=lambda: [
            (lambda generator, score, z, length: None, "returned nothing"),
        ],
    ),
    "5.5": Exercise(
        title="one thing at a time",
        prompt="""Section 5's direction makes sleeves longer, and nine times in ten adds light. If light has a direction too, it can be taken out. Write `without(direction, other)` for two vectors: what is left of `direction` at a right angle to `other`, brought to length 1. Neither of the two needs to have length 1.""",
        stub="""def without(direction, other):
    ...  # your code""",
        answer="without",
        hints=(
            "the part of `direction` that lies along `other` is a multiple of `other`: which multiple?",
            "it is `(direction @ other) / (other @ other)`; take that multiple of `other` away.",
            "divide what is left by its `np.linalg.norm`.",
        ),
        is_right=_keeps_apart(lambda direction, other: _unit(direction - direction @ other / (other @ other) * other)),
        why="At a right angle to the other direction, a push changes the first thing and leaves the second, to first order.",
        solution="""def without(direction, other):
    rest = direction - (direction @ other) / (other @ other) * other
    return rest / np.linalg.norm(rest)


sleeve, light = z[2], z[3]  # any two vectors
print(f"before {np.abs(sleeve @ light) / np.linalg.norm(sleeve) / np.linalg.norm(light):.2f}, after {np.abs(without(sleeve, light) @ light):.2f}")""",
        because="""One step of the Gram–Schmidt process. It makes the two directions perpendicular in the latent space. In the pictures the second thing stays as it is only as long as the generator is nearly linear, that is, for small pushes.""",
        slips=(
            Slip(
                _keeps_apart(lambda direction, other: direction - direction @ other / (other @ other) * other),
                "at a right angle, but its length is not 1.",
                lambda: [lambda direction, other: direction - other * np.dot(direction, other) / np.dot(other, other)],
            ),
            Slip(
                _keeps_apart(lambda direction, other: _unit(direction - direction @ other * other)),
                "that holds only if `other` has length 1: divide by other @ other.",
                lambda: [lambda direction, other: _unit(direction - direction @ other * other)],
            ),
            Slip(
                _keeps_apart(lambda direction, other: _unit(direction - other)),
                "that takes all of `other` away; take away only the part that lies along it.",
                lambda: [lambda direction, other: _unit(direction - other)],
            ),
            Slip(
                _keeps_apart(lambda direction, other: _unit(direction @ other / (other @ other) * other)),
                "that is the part along `other`; what is wanted is the rest.",
                lambda: [lambda direction, other: _unit((direction @ other) * other)],
            ),
        ),
        right=lambda: [
            lambda direction, other: _unit(direction - direction @ _unit(other) * _unit(other)),
            lambda a, b: list(_unit(a - np.outer(b, b) @ a / (b @ b))),
            lambda a, b: tf.constant(_unit(a - (a @ b) / (b @ b) * b)),
        ],
        wrong=lambda: [lambda direction, other: _unit(direction)],
    ),
    "5.6": Exercise(
        title="an experiment: half the variety",
        prompt="""How far must you truncate before **half** of the variety is gone? Take `course_dcgan` and `vectors = gh.latent.sample(512, 64, seed=0)`; variety is the standard deviation of a pixel over the pictures, averaged over the pixels. **Predict** the strength $s$, then find it, and set `strength` to it, to two decimals (0.01 more or less is accepted). One measurement takes about a second.""",
        stub="strength = None  # a number between 0 and 1",
        answer="strength",
        hints=(
            "write a function that gives the variety at a strength, and evaluate it at a dozen strengths.",
            "variety rises with the strength, so you can halve an interval again and again: keep the half that contains the goal.",
            "it lies between 0.1 and 0.2.",
        ),
        is_right=lambda answer: abs(float(numbers(answer)) - HALF) < 0.0125,
        why="This generator normalises inside, so most of a vector's length is cancelled and its direction decides the picture.",
        solution="""vectors = gh.latent.sample(512, 64, seed=0)


def variety(s):
    return gh.generate(generator, gh.latent.truncate(vectors, s)).std(axis=0).mean()


whole, low, high = variety(1.0), 0.0, 1.0
for _ in range(8):
    strength = (low + high) / 2
    low, high = (strength, high) if variety(strength) < whole / 2 else (low, strength)
print(f"half of the variety is left at s = {strength:.2f}; at s = 0.5 still {variety(0.5) / whole:.0%}")""",
        because="""Interval halving: eight steps bring the interval down to 1/256. If the generator were linear, the answer would be 0.5. But it normalises the channels of every place, as section 6 says: what a short vector lacks in length is mostly made up for, and only close to 0, where constants outweigh the signal, do all pictures become alike.""",
        slips=(
            Slip(
                close(0.5, decimals=1),
                "a linear generator would lose half of its variety there; measure this one: most of it is left.",
                lambda: [0.5],
            ),
            Slip(
                lambda answer: abs(float(numbers(answer)) - HALF_OF_THE_VARIANCE) < 0.0125,
                "that halves the variance; the standard deviation should be halved.",
                lambda: [HALF_OF_THE_VARIANCE],
            ),
            Slip(
                lambda answer: float(numbers(answer)) > 1,
                "a strength between 0 and 1 is wanted, not the variety itself.",
                lambda: [34.8],
            ),
        ),
        right=lambda: [HALF, round(HALF, 2), str(round(HALF, 2)), np.array([HALF]), tf.constant(HALF + 0.01)],
        wrong=lambda: [0.2, 0.05, 0.9],
    ),
}
