"""The exercises of lesson 07."""

import re

import numpy as np

from gan_helpers.course.exercises.checks import fixed, gives, keras, like_on, numbers, slip_as, tf, words
from gan_helpers.course.exercises.exercise import Cell, Exercise, Slip, Test

SETUP = """import keras
import numpy as np
import tensorflow as tf

import gan_helpers as gh
from gan_helpers.course import gallery"""


# --- 7.1 and 7.5: Dirac-GAN -------------------------------------------------------------------------

PLACES = (1.0, 1.0, 0.2), (0.5, -2.0, 0.1), (0.0, 1.0, 1.0), (-1.5, 0.5, 0.5)  # θ, ψ and the rate


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _steps_like(formula) -> Test:
    return gives(formula, *PLACES)


def _dirac_step(theta, psi, rate):
    slope = _sigmoid(psi * theta)
    return theta + rate * psi * slope, psi - rate * theta * slope


def _alternating(theta, psi, rate):
    theta, _ = _dirac_step(theta, psi, rate)
    return theta, _dirac_step(theta, psi, rate)[1]


def _alternating_from_psi(theta, psi, rate):
    _, psi = _dirac_step(theta, psi, rate)
    return _dirac_step(theta, psi, rate)[0], psi


def _up_for_psi(theta, psi, rate):
    return _dirac_step(theta, psi, rate)[0], psi + rate * theta * _sigmoid(psi * theta)


def _down_for_theta(theta, psi, rate):
    return theta - rate * psi * _sigmoid(psi * theta), _dirac_step(theta, psi, rate)[1]


def _non_saturating(theta, psi, rate):
    return theta + rate * psi * _sigmoid(-psi * theta), _dirac_step(theta, psi, rate)[1]


def _movement(theta, psi, rate):
    new_theta, new_psi = _dirac_step(theta, psi, rate)
    return new_theta - theta, new_psi - psi


def _by_tapes(theta, psi, rate):
    theta, psi = tf.Variable(theta), tf.Variable(psi)
    with tf.GradientTape() as g_tape, tf.GradientTape() as d_tape:
        d_loss = tf.math.softplus(psi * theta)
        g_loss = -d_loss
    return theta - rate * g_tape.gradient(g_loss, theta), psi - rate * d_tape.gradient(d_loss, psi)


def _unrolled(theta, psi, rate):
    """The slope by θ of −softplus(ψ'θ), where ψ' = ψ − rate · θσ(ψθ)."""
    s = _sigmoid(psi * theta)
    later, later_slope = psi - rate * theta * s, -rate * (s + theta * psi * s * (1 - s))
    return -_sigmoid(later * theta) * (later + theta * later_slope)


def _unrolled_by_tape(theta, psi, rate, step=-1.0, passes=True, sign=-1.0):
    theta = tf.Variable(theta)
    with tf.GradientTape() as tape:
        later = psi + step * rate * theta * tf.sigmoid(psi * theta)
        loss = sign * tf.math.softplus((later if passes else tf.stop_gradient(later)) * theta)
    return tape.gradient(loss, theta)


def _unrolled_unwatched(theta, psi, rate):
    theta = tf.constant(theta)
    with tf.GradientTape() as tape:
        loss = -tf.math.softplus((psi - rate * theta * tf.sigmoid(psi * theta)) * theta)
    return tape.gradient(loss, theta)


# --- 7.2: R1 ----------------------------------------------------------------------------------------


def _critics() -> list:
    """A straight critic with the slope (3, 4), and one whose slope depends on the place."""
    straight = keras.Sequential([keras.Input((1, 2, 1)), keras.layers.Flatten(), keras.layers.Dense(1)])
    straight.set_weights([np.float32([[3], [4]]), np.float32([0])])
    hidden = keras.layers.Dense(4, activation="tanh")
    curved = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Flatten(), hidden, keras.layers.Dense(1)])
    curved.set_weights([fixed(*weight.shape, seed=k) for k, weight in enumerate(curved.weights)])
    return [(straight, fixed(2, 1, 2, 1), 2.0), (curved, fixed(3, 2, 2, 1, seed=1), 1.0)]


def _r1(critic, real, gamma, of=lambda logits: logits, size=None, mean=None):
    """`of` the logits the slopes are taken, `size` measures those of an image, `mean` joins the images."""
    with tf.GradientTape() as tape:
        tape.watch(real)
        logits = of(critic(real))
    slopes = tape.gradient(logits, real)
    sizes = size(slopes) if size else tf.reduce_sum(slopes**2, axis=[1, 2, 3])
    return gamma / 2 * (mean or tf.reduce_mean)(sizes)


def _unwatched(critic, real, gamma):
    with tf.GradientTape() as tape:
        logits = critic(real)
    return gamma / 2 * tf.reduce_mean(tf.reduce_sum(tape.gradient(logits, real) ** 2, axis=[1, 2, 3]))


def _slopes_one_by_one(critic, real):
    """The squared length of each image's slope, image by image."""
    squares = []
    for image in real:
        with tf.GradientTape() as tape:
            tape.watch(image)
            logit = critic(image[None])
        squares.append(tf.reduce_sum(tape.gradient(logit, image) ** 2))
    return tf.stack(squares)


_penalises = like_on(_critics, wrt=("critic",))


# --- 7.3 and 7.6: the ring --------------------------------------------------------------------------

_THREE = np.array([(0.0, 0.0), (4.0, 0.0), (8.0, 0.0)])
_SIX_POINTS = np.array([(0, 0), (0, 3), (0, 3.1), (4, 0), (5, 0), (5.9, 0)])
_AROUND = 2.5 * fixed(400, 2, seed=3).astype(float)
_COUNTS = (
    *((_SIX_POINTS, _THREE, 1.0, least) for least in (1, 2, 3, 4)),
    (_AROUND, _THREE, 0.5, 5),
    (_AROUND, _THREE, 0.5, 60),
)


def _counted(points, centres, spread, at_least, far=3, good=np.less_equal, enough=np.greater_equal, nearest_only=True):
    distances = np.linalg.norm(points[:, None] - centres, axis=-1)
    is_good = good(distances, far * spread)
    if nearest_only:
        is_good &= np.arange(len(centres)) == distances.argmin(axis=1)[:, None]
    return int(enough(is_good.sum(axis=0), at_least).sum())


def _counted_with(**settings):
    """`_counted` with something else in it, as a function of its own four arguments."""
    return lambda points, centres, spread, at_least: _counted(points, centres, spread, at_least, **settings)


def _counted_in_a_loop(points, centres, spread, at_least):
    counts = [0] * len(centres)
    for point in points:
        distances = [((point - centre) ** 2).sum() ** 0.5 for centre in centres]
        if min(distances) <= 3 * spread:
            counts[int(np.argmin(distances))] += 1
    return sum(count >= at_least for count in counts)


def _good_points(points, centres, spread, at_least):
    return int((np.linalg.norm(points[:, None] - centres, axis=-1).min(axis=1) <= 3 * spread).sum())


def _counts_like(formula) -> Test:
    return gives(formula, *_COUNTS)


def _on_the_ring(points) -> tuple[int, float, bool]:
    """Exercise 7.6: the modes covered, the share of good points, and whether the points are as if drawn from the ring itself.

    Raises:
        ValueError: they are not 2,500 points.
    """
    from gan_helpers.data import toys

    points, ring = numbers(points), toys.ring(spread=0.2)
    if points.shape != (2500, 2):
        raise ValueError(
            f"expected 2,500 points, (2500, 2), got the shape {points.shape}; play(…)[-1] is the last frame"
        )
    modes, good = toys.modes_covered(points, ring, at_least=25), toys.good_share(points, ring)
    away = points[:, None] - np.array(ring.centres)
    nearest = np.linalg.norm(away, axis=-1).argmin(axis=1)
    evenly = np.abs(np.bincount(nearest, minlength=8) / 2500 - 1 / 8).max() < 0.03
    as_wide = abs(away[np.arange(2500), nearest].std() / ring.spread - 1) < 0.05
    return modes, good, bool(good > 0.97 and evenly and as_wide)


def _covers_the_ring(points) -> bool:
    modes, good, real = _on_the_ring(points)
    return modes >= 7 and good >= 0.4 and not real


def _ring_points(modes: int = 8, spread: float = 0.2, between: float = 0.0) -> np.ndarray:
    """2,500 points of so many modes of the ring, a share of them anywhere in the square."""
    from gan_helpers.data import toys

    rng, ring = np.random.default_rng(0), toys.ring(spread=0.2)
    points = np.array(ring.centres)[rng.integers(modes, size=2500)] + spread * rng.normal(size=(2500, 2))
    return np.where(rng.random((2500, 1)) < between, rng.uniform(-1, 1, (2500, 2)), points)


# --- 7.4: minibatch discrimination ------------------------------------------------------------------


def _closeness(matrices):
    apart = tf.reduce_sum(tf.abs(matrices[:, None] - matrices[None]), axis=-1)
    return tf.reduce_sum(tf.exp(-apart), axis=1)


def _apart(matrices, power):
    return tf.reduce_sum(tf.abs(matrices[:, None] - matrices[None]) ** power, axis=-1)


def _three_matrices() -> list:
    return [(fixed(3, 2, 2),), (fixed(5, 3, 4, seed=1) / 2,)]


def _apart_only(matrices):
    return _apart(matrices, 1)


_is_close = like_on(_three_matrices, wrt=("matrices",))
_is_close_in_value = like_on(_three_matrices, wrt=())


# --- 7.7 to 7.9: diagnosis and repair ---------------------------------------------------------------

# Exercise 7.7: the word that tells each failure of the gallery, in the order in which they are looked for.
FAILURE_WORDS = ("won", "collapse", "oscillation", "range", "sigmoid", "norm", "noise", "rate", "frozen")
LOOK_AT = {
    "A": ("noise", "both accuracies are 1, and where does the dashed line lie?"),
    "B": ("range", "its curves are those of a healthy run; look at the background."),
    "C": ("collapse", "sixteen latent vectors, and how many different pictures?"),
    "D": ("frozen", "one loss is 0 from the beginning: which player is pleased, and which does not answer?"),
    "E": (
        "sigmoid",
        "both losses are perfectly still after a few steps: which discriminator answers everything with the same number?",
    ),
    "F": ("oscillation", "follow one accuracy from left to right, and the one latent vector on its way."),
}


def _six() -> dict[str, str]:
    """Exercise 7.7: the right answer."""
    from gan_helpers.course import gallery

    return gallery.SIX


def _failure(name) -> str:
    """Exercise 7.7: the failure that a name means, by its telling word; "" for none."""
    said = " ".join(words(name))
    said = re.sub("oscillat(es|ing)", "oscillation", re.sub("collapsed", "collapse", said))
    return next((word for word in FAILURE_WORDS if re.search(rf"\b{word}\b", said)), "")


def _diagnosis(answer) -> dict[str, str]:
    """Exercise 7.7: letters and the failures that are named for them.

    Raises:
        TypeError: it is no dict.
        ValueError: letters are missing.
    """
    if not isinstance(answer, dict):
        raise TypeError('expected a dict such as {"A": "collapse", …}')
    found = {str(letter).strip().upper(): _failure(name) for letter, name in answer.items()}
    if missing := sorted(set(LOOK_AT) - set(found)):
        raise ValueError(f"no answer for run {', '.join(missing)}")
    return found


def _misnamed(letter: str) -> Test:
    return lambda answer: _diagnosis(answer)[letter] != LOOK_AT[letter][0]


def _run_is_healthy(run) -> bool:
    """Exercises 7.8 and 7.9: by the numbers of `gan_helpers.course.gallery`."""
    from gan_helpers.course import gallery

    if not isinstance(run, gallery.Specimen):
        raise TypeError("expected what gallery.train returns")
    if len(run.history) < gallery.ROWS:
        raise ValueError("the run is too short to tell: leave out rows")
    return gallery.is_healthy(run)


def _still(sign: str) -> Test:
    """Exercises 7.8 and 7.9: whether a run's first fault is said with these words."""

    def fits(run) -> bool:
        from gan_helpers.course import gallery

        return sign in gallery.what_is_wrong(run)

    return fits


def _run(real=0.75, fake=0.75, shares=(0.1,) * 10, diversity=0.9, background=10.0, noise=0.0, rows=None):
    """What `gallery.train` returns, with these numbers; a healthy run unless they say otherwise."""
    from gan_helpers.course import gallery
    from gan_helpers.gan.objectives import NonSaturating

    row = {"d_loss": 1.1, "g_loss": 1.0, "d_real_accuracy": real, "d_fake_accuracy": fake}
    pictures = np.zeros((16, 28, 28, 1), np.uint8), np.zeros((10, 28, 28, 1), np.uint8)
    history = [row] * (rows or gallery.ROWS)
    return gallery.Specimen(
        *pictures, history, np.array(shares), diversity, background, NonSaturating(label_noise=noise)
    )


SIGNS = (
    Slip(
        _still("tells"),
        "the discriminator wins: raise the generator's rate, or lower the discriminator's.",
        lambda: [_run(real=0.99, fake=0.98)],
    ),
    Slip(
        _still("accuracies"),
        "the discriminator does not keep up: raise its rate, or lower the generator's.",
        lambda: [_run(fake=0.1)],
    ),
    Slip(
        _still("background"),
        "the background is not black: in which range do the real pixels come, and are the rates too far apart?",
        lambda: [_run(background=127)],
    ),
    Slip(
        _still("classes"),
        "too few classes are in use: bring the two rates closer together.",
        lambda: [_run(shares=(1.0,) + (0.0,) * 9)],
    ),
    Slip(
        _still("diversity"),
        "the diversity is not that of real images: bring the two rates closer together, or lower both.",
        lambda: [_run(diversity=0.02)],
    ),
)


EXERCISES: dict[str, Exercise] = {
    "7.1": Exercise(
        title="a step of Dirac-GAN",
        prompt="""Write `step(theta, psi, rate)`: the new pair `(theta, psi)` after one step of gradient descent with the saturating loss of section 1, both players moving *at the same time*.""",
        stub="""def step(theta, psi, rate):
    ...  # your code""",
        answer="step",
        hints=(
            "compute `σ(ψθ)` from the old numbers: `slope = 1 / (1 + np.exp(-psi * theta))`.",
            "return `theta + rate * psi * slope` and `psi - rate * theta * slope`.",
        ),
        is_right=_steps_like(_dirac_step),
        why="This is the rule that walked around the origin in section 1: each step leaves the circle along its tangent.",
        solution="""def step(theta, psi, rate):
    slope = 1 / (1 + np.exp(-psi * theta))
    return theta + rate * psi * slope, psi - rate * theta * slope""",
        because=r"""Real data are 0, so their logit is 0 whatever $\psi$ is: only the generated number matters. The discriminator's loss is $\log(1 + e^{\psi\theta})$ plus a constant, the generator's is its negative. Differentiate each by its own number: both slopes contain $\sigma(\psi\theta)$, with opposite signs. The package gets the same movement from tapes, which the following cell checks.""",
        slips=(
            slip_as(
                _steps_like,
                "that is one player after the other; both move at the same time, so use the old θ and ψ for both.",
                _alternating,
            ),
            slip_as(
                _steps_like,
                "that is one player after the other: θ must move by the old ψ.",
                _alternating_from_psi,
            ),
            slip_as(
                _steps_like,
                "mind the sign of ψ's step: the discriminator wants the logit of generated numbers to fall.",
                _up_for_psi,
            ),
            slip_as(
                _steps_like,
                "mind the sign of θ's step: the generator wants its logit to rise, so at (1, 1) θ must grow.",
                _down_for_theta,
            ),
            slip_as(
                _steps_like,
                "that is the non-saturating loss for θ; the saturating one has the slope σ(ψθ), as ψ's has.",
                _non_saturating,
            ),
            slip_as(_steps_like, "that is only the movement: add it to θ and ψ.", _movement),
            slip_as(
                _steps_like,
                "the factor σ(ψθ) is missing: without it that is the step of a Wasserstein critic.",
                lambda theta, psi, rate: (theta + rate * psi, psi - rate * theta),
            ),
            Slip(
                _steps_like(lambda theta, psi, rate: _dirac_step(theta, psi, rate)[::-1]),
                "the right numbers in the wrong order: return theta first, then psi.",
                lambda: [lambda theta, psi, rate: _dirac_step(theta, psi, rate)[::-1]],
            ),
        ),
        example=("step(2.0, 1.0, 0.5)[0]", 2.4404),
        afterwards=(
            Cell(
                "code",
                """v_theta, v_psi = gh.dirac.vector_field(1.0, 1.0, loss="saturating")
print("the same movement as the package's:", np.allclose(step(1.0, 1.0, 1.0), (1 + v_theta, 1 + v_psi), atol=1e-5))""",
            ),
        ),
        right=lambda: [
            _dirac_step,
            _by_tapes,
            lambda theta, psi, rate: np.array(_dirac_step(theta, psi, rate)),
            lambda t, p, r: [float(x) for x in _dirac_step(t, p, r)],
        ],
        wrong=lambda: [lambda theta, psi, rate: (theta, psi)],
        raising=lambda: [
            ((1.1462, 0.8538), "the function itself"),
            (lambda theta, psi, rate: None, "returned nothing"),
        ],
    ),
    "7.2": Exercise(
        title="R1 with a tape",
        prompt=r"""Write the penalty for images, in TensorFlow: `r1(critic, real, gamma)` is

$$\frac{\gamma}{2}\,\operatorname{mean}_x |\nabla d(x)|^2,$$

the square summed over an image's pixels, the mean taken over the images. `critic` maps images (n, h, w, c) to logits (n, 1). Values are compared, and gradients in the critic's weights.""",
        stub="""def r1(critic, real, gamma):
    with tf.GradientTape() as tape:
        ...  # your code, here and below""",
        answer="r1",
        hints=(
            "a tape follows weights by itself, images only if told: `tape.watch(real)`.",
            "within the tape, `logits = critic(real)`; after it, `tape.gradient(logits, real)` holds each image's own slope.",
            "return `gamma / 2 * tf.reduce_mean(tf.reduce_sum(slopes**2, axis=[1, 2, 3]))`.",
        ),
        is_right=_penalises(_r1),
        why="A gradient of a gradient: an outer tape now tells the weights how to make the critic flatter at real images.",
        solution="""def r1(critic, real, gamma):
    with tf.GradientTape() as tape:
        tape.watch(real)
        logits = critic(real)
    slopes = tape.gradient(logits, real)
    return gamma / 2 * tf.reduce_mean(tf.reduce_sum(slopes**2, axis=[1, 2, 3]))""",
        because="""`tape.gradient` of many logits is the gradient of their sum; a logit depends on its own image alone, so each image gets its own slope. (With batch norm it would not.) The inner tape's gradient is made of ordinary operations, which an outer tape can follow to the weights. `gh.regularisers.ZeroCentred` is this penalty.""",
        slips=(
            slip_as(
                _penalises,
                "twice as much as wanted: the factor is γ/2.",
                lambda critic, real, gamma: _r1(critic, real, 2 * gamma),
            ),
            slip_as(
                _penalises,
                "that is the mean over all pixels; sum over the pixels of an image, then take the mean over images.",
                lambda critic, real, gamma: _r1(critic, real, gamma, size=lambda slopes: slopes**2),
            ),
            slip_as(
                _penalises,
                "that is the length; the penalty takes its square.",
                lambda critic, real, gamma: _r1(
                    critic, real, gamma, size=lambda slopes: tf.sqrt(tf.reduce_sum(slopes**2, axis=[1, 2, 3]))
                ),
            ),
            slip_as(
                _penalises,
                "that is the slope of the batch's mean logit, too small by the number of images: take `tape.gradient(logits, real)`.",
                lambda critic, real, gamma: _r1(critic, real, gamma, of=tf.reduce_mean),
            ),
            slip_as(
                _penalises,
                "that is the sum over the images; take their mean, or the penalty would grow with the batch.",
                lambda critic, real, gamma: _r1(critic, real, gamma, mean=tf.reduce_sum),
            ),
            slip_as(
                _penalises,
                "that is the slope of the probability; R1 takes the slope of the logit.",
                lambda critic, real, gamma: _r1(critic, real, gamma, of=tf.sigmoid),
            ),
        ),
        example=(
            "r1(lambda x: tf.reduce_sum(x**3, axis=[1, 2, 3]), tf.constant([[[[1.0], [2.0]]], [[[0.0], [1.0]]]]), 1.0)",
            40.5,
        ),
        right=lambda: [
            _r1,
            lambda critic, real, gamma: _r1(critic, real, gamma, of=tf.reduce_sum),
            lambda critic, real, gamma: _r1(
                critic, real, gamma, size=lambda s: tf.norm(tf.reshape(s, (s.shape[0], -1)), axis=1) ** 2
            ),
            lambda critic, real, gamma: gamma / 2 * tf.reduce_mean(_slopes_one_by_one(critic, real)),
        ],
        wrong=lambda: [lambda critic, real, gamma: gamma / 2 * tf.reduce_mean(critic(real) ** 2)],
        raising=lambda: [
            (_unwatched, "NoneType"),
            (
                lambda critic, real, gamma: tf.stop_gradient(_r1(critic, real, gamma)),
                "no gradient flows back to critic",
            ),
            (lambda critic, real, gamma: _r1(critic, real, gamma).numpy(), "no gradient flows back to critic"),
        ],
    ),
    "7.3": Exercise(
        title="count the modes",
        prompt="""Write section 2's count in NumPy: `count_modes(points, centres, spread, at_least)`, for `points` (n, 2) and `centres` (k, 2), gives the number of modes with at least `at_least` good points. A good point belongs to its nearest centre, at most 3 × `spread` away.""",
        stub="""def count_modes(points, centres, spread, at_least):
    ...  # your code""",
        answer="count_modes",
        hints=(
            "`points[:, None] - centres` has the shape (n, k, 2).",
            "of the distances (n, k), `argmin(axis=1)` names the nearest centre, `min(axis=1)` says how far it is.",
            "`np.bincount(nearest[good], minlength=len(centres))` counts the good points of each mode.",
        ),
        is_right=_counts_like(_counted),
        why="Two numbers describe a mixture: the modes that are covered, and the share of good points.",
        solution="""def count_modes(points, centres, spread, at_least):
    distances = np.linalg.norm(points[:, None] - centres, axis=-1)
    nearest, good = distances.argmin(axis=1), distances.min(axis=1) <= 3 * spread
    return int((np.bincount(nearest[good], minlength=len(centres)) >= at_least).sum())""",
        because="""`minlength` matters only where `at_least` is 0, but it keeps one count for each mode, covered or not. The package's `modes_covered` does the same.""",
        slips=(
            slip_as(
                _counts_like,
                "points far from every centre count, too; only those within 3 spreads are good.",
                _counted_with(far=np.inf),
            ),
            slip_as(
                _counts_like,
                "a point at exactly 3 spreads is still good: `<=`.",
                _counted_with(good=np.less),
            ),
            slip_as(
                _counts_like,
                "a mode with exactly `at_least` good points is covered: `>=`.",
                _counted_with(enough=np.greater),
            ),
            slip_as(
                _counts_like,
                "a point between two modes counts for both; it belongs to the nearest one alone.",
                _counted_with(nearest_only=False),
            ),
            slip_as(_counts_like, "a point is good up to 3 spreads, not 1.", _counted_with(far=1)),
            slip_as(
                _counts_like,
                "that counts modes with a single good point; a mode needs `at_least` of them.",
                lambda points, centres, spread, at_least: _counted(points, centres, spread, 1),
            ),
            slip_as(
                _counts_like,
                "that is the number of good points; count the modes that have enough of them.",
                _good_points,
            ),
        ),
        example=("count_modes(np.array([(0, 0), (0, 3), (2.9, 0)]), np.array([(0, 0), (4, 0)]), 1.0, 2)", 1.0),
        right=lambda: [
            _counted,
            _counted_in_a_loop,
            lambda p, c, s, k: np.array([_counted(p, c, s, k)]),
        ],
        wrong=lambda: [lambda points, centres, spread, at_least: len(centres)],
        raising=lambda: [(lambda points, centres, spread: 8, "3 positional arguments")],
    ),
    "7.4": Exercise(
        title="minibatch discrimination",
        prompt=r"""From each point $i$ the layer makes several vectors $M_{ib}$, and from each vector one feature, its closeness to the batch:

$$o_{ib} = \sum_j e^{-\lVert M_{ib} - M_{jb} \rVert_1}$$

Write `closeness(matrices)` in TensorFlow, from (n, kernels, size) to (n, kernels). The sum includes $j = i$. Gradients are compared, too.""",
        stub="""def closeness(matrices):
    ...  # your code""",
        answer="closeness",
        hints=(
            "`matrices[:, None] - matrices[None]` has the shape (n, n, kernels, size).",
            "the norm is the sum of absolute values over the last axis.",
            "return `tf.reduce_sum(tf.exp(-apart), axis=1)`, where `apart` is `tf.reduce_sum(tf.abs(…), axis=-1)`.",
        ),
        is_right=_is_close(_closeness),
        why="In a collapsed batch every feature is n: one look, and the crowd has given itself away.",
        solution="""def closeness(matrices):
    apart = tf.reduce_sum(tf.abs(matrices[:, None] - matrices[None]), axis=-1)
    return tf.reduce_sum(tf.exp(-apart), axis=1)""",
        because="""A point far from all others gets 1, itself; n equal points get n each. The generator's gradient passes through, so it learns to spread its points as the real ones are spread.""",
        slips=(
            slip_as(
                _is_close,
                "1 less everywhere: the sum goes over the whole batch, the point itself included.",
                lambda matrices: _closeness(matrices) - 1,
            ),
            slip_as(
                _is_close_in_value,
                "that is the Euclidean distance; the norm here is the sum of the absolute values.",
                lambda matrices: tf.reduce_sum(tf.exp(-tf.sqrt(_apart(matrices, 2))), axis=1),
            ),
            slip_as(
                _is_close,
                "that is the squared distance; the norm here is the sum of the absolute values.",
                lambda matrices: tf.reduce_sum(tf.exp(-_apart(matrices, 2)), axis=1),
            ),
            slip_as(
                _is_close,
                "that is the mean over the batch; the formula has the sum.",
                lambda matrices: tf.reduce_mean(tf.exp(-_apart(matrices, 1)), axis=1),
            ),
            slip_as(
                _is_close,
                "mind the sign: near points count much, far ones little, so it is exp(−distance).",
                lambda matrices: tf.reduce_sum(tf.exp(_apart(matrices, 1)), axis=1),
            ),
            slip_as(
                _is_close,
                "that is the distance to all others; take exp(−distance) before the sum over j.",
                lambda matrices: tf.reduce_sum(_apart(matrices, 1), axis=1),
            ),
            Slip(
                lambda function: numbers(function(tf.zeros((4, 3, 2)))).shape != (4, 3),
                "the shape is wrong: from (4, 3, 2) it should be (4, 3), one feature per point and kernel.",
                lambda: [lambda matrices: tf.reduce_sum(_closeness(matrices), axis=1), _apart_only],
            ),
        ),
        example=("closeness(tf.constant([[[0.0, 0.0]], [[1.0, 0.0]], [[0.0, 2.0]]]))[0, 0]", 1.5032),
        right=lambda: [
            _closeness,
            lambda m: tf.stack([tf.reduce_sum(tf.exp(-tf.norm(m - one, ord=1, axis=-1)), axis=0) for one in m]),
            lambda m: keras.ops.sum(keras.ops.exp(-keras.ops.sum(keras.ops.abs(m[None] - m[:, None]), -1)), 0),
        ],
        wrong=lambda: [lambda matrices: tf.ones(matrices.shape[:2])],
        raising=lambda: [
            (
                lambda matrices: np.exp(-np.abs(np.asarray(matrices)[:, None] - np.asarray(matrices)).sum(-1)).sum(1),
                "no gradient flows back to matrices",
            )
        ],
    ),
    "7.5": Exercise(
        title="the unrolled generator",
        prompt=r"""Metz et al. 2017 let the generator look ahead, at the discriminator *after* its next step. In Dirac-GAN the generator's saturating loss is $-\log(1 + e^{\psi\theta})$. Write `unrolled_slope(theta, psi, rate)`: its derivative with respect to $\theta$, with $\psi$ after one step of its own (exercise 7.1). The derivative has to pass through that step, by a tape or on paper.""",
        stub="""def unrolled_slope(theta, psi, rate):
    ...  # your code""",
        answer="unrolled_slope",
        hints=(
            "make `theta` a `tf.Variable`; within one tape, compute ψ after its step, then the loss.",
            "`later = psi - rate * theta * tf.sigmoid(psi * theta)`, and the loss is `-tf.math.softplus(later * theta)`.",
            "return `tape.gradient(loss, theta)`.",
        ),
        is_right=_steps_like(_unrolled),
        why="The generator now feels how the discriminator will answer, and that answer is a brake: friction once more.",
        solution="""def unrolled_slope(theta, psi, rate):
    theta = tf.Variable(theta)
    with tf.GradientTape() as tape:
        later = psi - rate * theta * tf.sigmoid(psi * theta)
        loss = -tf.math.softplus(later * theta)
    return tape.gradient(loss, theta)""",
        because=r"""The slope at (1, 1) is −0.73 without looking ahead: the generator moves away from 0. Looking ahead, it sees the discriminator turn against it, and with a large enough rate it turns back at once. Even with a small one, the walk in which the generator looks ahead spirals in:""",
        slips=(
            slip_as(
                _steps_like,
                "that is the plain slope, as if the discriminator had not moved: put ψ after its step into the loss.",
                lambda theta, psi, rate: -psi * _sigmoid(psi * theta),
            ),
            slip_as(
                _steps_like,
                "ψ has moved, but as if by itself: its step depends on θ, so compute it within the tape, with tf in place of NumPy.",
                lambda theta, psi, rate: _unrolled_by_tape(theta, psi, rate, passes=False),
            ),
            slip_as(
                _steps_like,
                "mind the sign of the discriminator's step: ψ − rate · θ σ(ψθ).",
                lambda theta, psi, rate: _unrolled_by_tape(theta, psi, rate, step=1.0),
            ),
            slip_as(
                _steps_like,
                "mind the sign: the generator's loss is −softplus(ψθ), and its slope is wanted, not the movement.",
                lambda theta, psi, rate: _unrolled_by_tape(theta, psi, rate, sign=1.0),
            ),
        ),
        example=("unrolled_slope(2.0, 0.0, 1.0)", 0.2384),
        afterwards=(
            Cell(
                "code",
                """rates = np.arange(0.1, 1.0, 0.1)
print("at (1, 1) it points back to 0 from rate", min(round(rate, 1) for rate in rates if unrolled_slope(1.0, 1.0, rate) > 0))

theta, psi = 1.0, 1.0
for _ in range(500):
    theta, psi = theta - 0.2 * float(unrolled_slope(theta, psi, 0.2)), step(theta, psi, 0.2)[1]
print("after 500 steps within 0.2 of (0, 0):", np.hypot(theta, psi) < 0.2)""",
            ),
        ),
        right=lambda: [
            _unrolled,
            _unrolled_by_tape,
            lambda t, p, r: [_unrolled(t, p, r)],
        ],
        wrong=lambda: [lambda theta, psi, rate: -theta],
        raising=lambda: [(_unrolled_unwatched, "returned nothing")],
    ),
    "7.6": Exercise(
        title="an experiment: cover the ring",
        prompt="""Keep the slow discriminator, `d_rate=2e-4`, and let it see its batch through *your* `closeness`. `play`'s argument `layer` is a function without arguments that returns a layer, such as `lambda: keras.layers.Lambda(…)`. The layer receives a batch's features (n, 64); it should cut each row into 16 vectors of 4 numbers, compute their `closeness` (n, 16), and return both side by side (n, 80).

Hand in the last frame of `play(…)`: 7 of 8 modes or more, and at least 40 % of the points good.""",
        stub="my_points = None  # play(d_rate=2e-4, layer=…)[-1]",
        answer="my_points",
        hints=(
            "`tf.reshape(x, (-1, 16, 4))` makes 16 vectors of 4 numbers for each point, and `tf.concat([x, new], axis=1)` keeps the old features.",
            "`layer=lambda: keras.layers.Lambda(lambda x: tf.concat([x, closeness(tf.reshape(x, (-1, 16, 4)))], axis=1))`.",
        ),
        is_right=_covers_the_ring,
        why="The same slow discriminator, and the crowd has nowhere to go: it is seen as a crowd wherever it stands.",
        solution="""def with_closeness():
    return keras.layers.Lambda(lambda x: tf.concat([x, closeness(tf.reshape(x, (-1, 16, 4)))], axis=1))


def slow_game(seed=7):
    keras.utils.set_random_seed(seed)
    discriminator = gh.networks.toy_discriminator(width=64, batch_layer=with_closeness())
    gan = gh.GAN(gh.networks.toy_generator(width=64), discriminator, seed=seed)
    gan.compile(keras.optimizers.Adam(2e-3, beta_1=0.5), keras.optimizers.Adam(2e-4, beta_1=0.5), steps_per_execution=50)
    real = gh.toys.ring(spread=0.2).sample(30_000, seed=7)
    gan.fit(gh.pipeline(real, 64, seed=seed, images_per_epoch=50 * 64), epochs=24, verbose=0)
    return gan.generate(2500, seed=0, ema=False)


my_points = slow_game()""",
        because="""Written out here, since `play` belongs to the lesson, where `play(d_rate=2e-4, layer=with_closeness)[-1]` says the same. The package's layer multiplies the features by a learned matrix first; the ring does not need it. On three seeds this solution covers all modes ([numbers](../../benchmarks/results/gallery.md)).""",
        slips=(
            Slip(
                lambda points: _on_the_ring(points)[2],
                "these points are as good as real ones, in every mode: hand in what your generator drew.",
                lambda: [_ring_points(), _ring_points()[::-1]],
            ),
            Slip(
                lambda points: _on_the_ring(points)[0] <= 2,
                "still one heap: does the layer really compare the points of a batch, and has it kept the features of each?",
                lambda: [_ring_points(1), _ring_points(2, spread=0.05)],
            ),
            Slip(
                lambda points: _on_the_ring(points)[0] < 7,
                "some modes, but not yet seven: give the layer more vectors to compare, or longer ones.",
                lambda: [_ring_points(5)],
            ),
            Slip(
                lambda points: _on_the_ring(points)[1] < 0.4,
                "the modes are there, but most points lie between them: does the layer keep each point's own features?",
                lambda: [_ring_points(between=0.8)],
            ),
        ),
        right=lambda: [
            _ring_points(between=0.2),
            _ring_points(7, spread=0.15),
            tf.constant(_ring_points(spread=0.05)),
        ],
        raising=lambda: [
            (_ring_points()[:600], "expected 2,500 points"),
            ([_ring_points()] * 2, "the last frame"),
        ],
    ),
    "7.7": Exercise(
        title="six diagnoses",
        prompt="""Name the fault of each run, by the gallery's headings.""",
        stub="""diagnoses = ...  # {"A": "…", "B": "…", "C": "…", "D": "…", "E": "…", "F": "…"}""",
        answer="diagnoses",
        hints=(
            "begin with backgrounds that are not black, and accuracies of exactly 0 or 1.",
            "where both accuracies are 1, compare the discriminator's loss with the dashed line.",
        ),
        is_right=lambda answer: all(_diagnosis(answer)[letter] == right for letter, (right, _) in LOOK_AT.items()),
        why="Six faults by their charts: no single panel would have told them all.",
        solution="""diagnoses = {
    "A": "label noise's floor",
    "B": "pixels out of range",
    "C": "collapse",
    "D": "a frozen player",
    "E": "a sigmoid too many",
    "F": "oscillation",
}""",
        because="""Begin with what stands still at an end of its scale.

- **D**: the generator's loss is 0 from the beginning, and nothing generated is ever called generated. The discriminator does not answer: a frozen player.
- **E**: both losses stand perfectly still, at 1.63 and 0.31, and everything is called real. The discriminator answers 1 to everything: a sigmoid too many.
- **A**: both accuracies are 1, and the discriminator's loss lies on the dashed line, which is not at 0. Label noise's floor.
- **B**: the curves are those of a healthy run, but the background is grey. Pixels out of range.
- **C**: one picture, sixteen times, and a discriminator's loss above log 4. Collapse.
- **F**: what is left. The accuracy on generated images swings up and down, and the one latent vector changes its kind. Oscillation.""",
        afterwards=(Cell("markdown", "Run C once more:"), Cell("code", 'gallery.show("C")')),
        slips=tuple(
            Slip(_misnamed(letter), f"run {letter} is something else: {hint}", lambda made=made: [_six() | made])
            for (letter, (_, hint)), made in zip(
                LOOK_AT.items(),
                (
                    {"A": "the discriminator has won"},
                    {"B": "oscillation"},
                    {"C": "batch norm's leak"},
                    {"D": "collapse"},
                    {"E": "a frozen player"},
                    {"F": "collapse"},
                ),
            )
        ),
        right=lambda: [
            _six(),
            {letter.lower(): name.upper() for letter, name in _six().items()},
            _six()
            | {"A": "Label noise", "B": "Pixels are out of range.", "C": "it has collapsed", "F": "it oscillates"},
        ],
        raising=lambda: [("collapse", "expected a dict"), ({"A": "collapse"}, "no answer for run B, C, D, E, F")],
    ),
    "7.8": Exercise(
        title="repair run C",
        prompt="""`gallery.settings_of("C")` shows how run C was trained (name it first). Change what is wrong, train, `mended_c = gallery.train(gallery.Settings(…))`, and look at `gallery.chart(mended_c)`.

A run counts as healthy if both accuracies lie between 0.50 and 0.95, at least 4.5 classes are in use, the diversity lies between 0.5 and 1.5, and the background is black.""",
        stub="mended_c = ...",
        answer="mended_c",
        hints=(
            "which of the two players is too slow for the other?",
            "the healthy run's rates are the defaults of `gallery.Settings()`; do others work too?",
        ),
        is_right=_run_is_healthy,
        why="The discriminator keeps up, so no single picture stays right for long.",
        solution="mended_c = gallery.train(gallery.Settings(g_rate=2e-3, d_rate=2e-3), seed=7)",
        because="""The discriminator learned at a tenth of the generator's rate (`gallery.settings_of("C")`). Equal rates let it keep up.""",
        slips=SIGNS,
        afterwards=(Cell("code", "gallery.chart(mended_c)", ("nbval-ignore-output",)),),
        right=lambda: [_run(), _run(real=0.9, fake=0.6, diversity=1.2)],
        raising=lambda: [("healthy", "what gallery.train returns"), (_run(rows=3), "too short")],
    ),
    "7.9": Exercise(
        title="repair run A",
        prompt="""First finish 7.7. Then repair run A as you repaired C: `mended_a = gallery.train(gallery.Settings(…))`. *Keep its label noise*, and mend what else is wrong. The limits of 7.8 apply.""",
        stub="mended_a = ...",
        answer="mended_a",
        hints=(
            "which fault does the noise disguise?",
            '`loss="non_saturating:0.0:0.3"` is the label noise. What else differs from the healthy run?',
        ),
        is_right=lambda run: _run_is_healthy(run) and run.objective.label_noise >= 0.3,
        why="With rates that match, label noise does no harm; before, it only hid who had won.",
        solution='mended_a = gallery.train(gallery.Settings(loss="non_saturating:0.0:0.3"), seed=7)',
        because="""The floor of 0.85 was reached because the generator learned at a hundredth of the discriminator's rate. With equal rates the noise may stay.""",
        slips=(
            *SIGNS,
            Slip(
                lambda run: run.objective.label_noise < 0.3,
                "healthy, but without the noise: keep loss='non_saturating:0.0:0.3'.",
                lambda: [_run()],
            ),
        ),
        afterwards=(Cell("code", "gallery.chart(mended_a)", ("nbval-ignore-output",)),),
        right=lambda: [_run(noise=0.3)],
    ),
}
