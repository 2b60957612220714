"""The exercises' checks: right in every reasonable form, wrong as people get it wrong, and told what fits."""

import math
import re
from pathlib import Path

import keras
import nbformat
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import gan_helpers as gh
from gan_helpers.course import exercises, gallery

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


# --- exercise 1.2 -----------------------------------------------------------------------------------


def scale(pixels):
    return pixels.astype(np.float32) / 127.5 - 1


def scale_tensor(pixels):
    return tf.cast(pixels, tf.float32) / 127.5 - 1


def unscale(floats):
    return np.rint((floats + 1) * 127.5).clip(0, 255).astype(np.uint8)


def unscale_tensor(floats):
    return tf.cast(tf.clip_by_value(tf.round((floats + 1) * 127.5), 0, 255), tf.uint8)


# --- exercise 1.3 -----------------------------------------------------------------------------------


def images_of_all_values():
    return np.random.default_rng(0).integers(0, 256, (256, 28, 28, 1)).astype(np.uint8)


def pipeline(scaled=lambda image: tf.cast(image, tf.float32) / 127.5 - 1, order="cache first", batch=64):
    dataset = tf.data.Dataset.from_tensor_slices(images_of_all_values()).map(scaled)
    dataset = dataset.cache().shuffle(256, seed=7) if order == "cache first" else dataset.shuffle(256, seed=7).cache()
    return dataset.batch(batch, drop_remainder=True).prefetch(2)


def to_unit_range(image):
    return tf.cast(image, tf.float32) / 255


# --- exercise 3.3 -----------------------------------------------------------------------------------


def colour_generator(latent_dim=64, seed=4, blocks=3, channels=3, activation="tanh"):
    latents = keras.Input((latent_dim,))
    x = layers.Reshape((seed, seed, 4))(layers.Dense(seed * seed * 4)(latents))
    for _ in range(blocks):
        x = gh.networks.upsampling_block(x, 4)
    return keras.Model(latents, layers.Conv2D(channels, 3, padding="same", activation=activation)(x))


def colour_generator_of_models():
    """The blocks are models of their own, and the activation is a layer of its own."""

    def block():
        return keras.Sequential([layers.Conv2DTranspose(4, 4, strides=2, padding="same"), layers.LeakyReLU(0.2)])

    first = [keras.Input((64,)), layers.Dense(64), layers.Reshape((4, 4, 4))]
    last = [layers.Conv2D(3, 3, padding="same"), layers.Activation("tanh")]
    return keras.Sequential([*first, block(), block(), block(), *last])


# --- exercises 3.2 and 4.2 --------------------------------------------------------------------------


def batch_norm(root):
    return lambda x, mean, variance, gamma, beta: gamma * (x - mean) / root(variance) + beta


def batch_norm_by_keyword(*, beta, gamma, variance, mean, x):
    return [gamma * (each - mean) / math.sqrt(variance + 0.001) + beta for each in x]


def average_in_tensors(average, weight, step, decay=0.999):
    decay = tf.minimum(tf.constant(decay), (1.0 + step) / (10.0 + step))
    return weight + decay * (average - weight)


def average_in_another_order(weight, average, decay, step):
    return weight + min(decay, (1 + step) / (10 + step)) * (average - weight)


# --- exercises 5.2 and 5.3 --------------------------------------------------------------------------


def shell_walk(a, b, steps, lengths=np.linspace):
    line = np.asarray(gh.latent.lerp(a, b, steps))
    ends = np.linalg.norm(a), np.linalg.norm(b)
    return line / np.linalg.norm(line, axis=1, keepdims=True) * lengths(*ends, steps)[:, None]


def circle(radius=8.0, t=None, second=None, offset=0.0, angle=np.pi / 2):
    """Vectors in the plane of two axes, which stand at `angle`, around `offset` on a third."""
    axes = np.eye(64)
    t = np.linspace(0, 2 * np.pi, 17) if t is None else t
    v = (second or radius) * (np.cos(angle) * axes[3] + np.sin(angle) * axes[5])
    return np.cos(t)[:, None] * radius * axes[3] + np.sin(t)[:, None] * v + offset * axes[7]


# --- exercise 5.4 -----------------------------------------------------------------------------------


def direction(latents, classes, a, b, scaled=lambda difference: difference / np.linalg.norm(difference)):
    return scaled(latents[classes == b].mean(axis=0) - latents[classes == a].mean(axis=0))


# --- exercise 6.3 -----------------------------------------------------------------------------------


def distances(x, y):
    return np.linalg.norm(x[:, None] - y[None], axis=-1)


def coverage(real, fake, k, share=np.mean, column=0, nearer=np.less):
    radius = np.sort(distances(real, real), axis=1)[:, k + column]
    return share(nearer(distances(real, fake).min(axis=1), radius))


def coverage_in_loops(k, fake, real):
    covered = 0
    for point in real:
        radius = sorted(abs(float(other[0] - point[0])) for other in real)[k]
        covered += min(abs(float(other[0] - point[0])) for other in fake) < radius
    return tf.constant(covered / len(real))


def precision(real, fake, k):
    return np.mean((distances(fake, real) < np.sort(distances(real, real), axis=1)[:, k]).any(axis=1))


def recall(real, fake, k):
    return np.mean((distances(real, fake) < np.sort(distances(fake, fake), axis=1)[:, k]).any(axis=1))


# --- exercises 7.1 to 7.3 ---------------------------------------------------------------------------


def diagnosis(**changed):
    return {**gallery.SIX, **changed}


def run(real=0.75, fake=0.75, shares=(0.1,) * 10, diversity=0.9, background=10.0, noise=0.0, rows=gallery.ROWS):
    """What `gallery.train` returns, with these numbers; a healthy run unless they say otherwise."""
    row = {"d_loss": 1.1, "g_loss": 1.0, "d_real_accuracy": real, "d_fake_accuracy": fake}
    pictures = np.zeros((16, 28, 28, 1), np.uint8), np.zeros((10, 28, 28, 1), np.uint8)
    objective = gh.NonSaturating(label_noise=noise)
    return gallery.Specimen(*pictures, [row] * rows, np.array(shares), diversity, background, objective)


ONE_CLASS = (1.0,) + (0.0,) * 9
SICK = [
    (run(real=0.99, fake=0.98), "discriminator wins"),
    (run(fake=0.1), "does not keep up"),
    (run(background=127), "not black"),
    (run(shares=ONE_CLASS), "too few classes"),
    (run(diversity=0.02), "diversity"),
]


# --- the tables: answers by exercise; those of 1.3 and 3.3 take time, so there stand functions that make them -------------------------------------------------------------------------------------

MADE = ("1.3", "3.3")

RIGHT = {
    "1.1": [
        ("Pullover", "Coat"),
        ["coat", "pullover"],
        {"Pullover", "Coat"},
        "Pullover and coat.",
        (2, 4),
        np.array([[4, 2]]),
        tf.constant([2, 4]),
        ("Pullover", 4),
        np.array(["Coat", "Pullover"]),
    ],
    "1.2": [(scale, unscale), [scale, unscale], (scale_tensor, unscale_tensor), (scale_tensor, unscale)],
    "1.3": [pipeline, lambda: gh.pipeline(images_of_all_values(), batch_size=64, seed=7)],
    "2.1": [
        (0.75, math.log(3)),
        [0.75, 1.1],
        (0.75, 1.0986),
        np.array([[0.75, 1.099]]),
        tf.constant([0.75, 1.0986]),
        (tf.constant(3 / 4), np.float32(1.1)),
        ("0.75", "1.10"),
    ],
    "2.2": [math.log(2), 0.69, 0.6931, np.array(0.693), np.array([0.69]), tf.constant(0.6931)],
    "2.3": [
        lambda logit: np.exp(-logit),
        lambda x: math.exp(-x),
        lambda z: tf.exp(-z),
        lambda logit: [keras.ops.exp(-logit)],
        lambda logit: (1 - 1 / (1 + np.exp(-logit))) * (1 + np.exp(-logit)),
        tf.function(lambda logit: tf.exp(-logit)),
    ],
    "3.1": [
        lambda a, b, c: [a, a + b, b + c, c],
        lambda x, y, z: np.array([[x, x + y, y + z, z]]),
        lambda a, b, c: tf.constant([a, b, c, 0.0]) + tf.constant([0.0, a, b, c]),
        lambda c, b, a: (a, a + b, b + c, c),
    ],
    "3.2": [
        batch_norm(lambda variance: np.sqrt(variance + 0.001)),
        batch_norm(lambda variance: tf.sqrt(variance + 1e-3)),
        batch_norm(lambda variance: (variance + 1e-3) ** 0.5),
        batch_norm_by_keyword,
        lambda x, mu, var, g, b: tf.nn.batch_normalization(x, mu, var, b, g, 1e-3),
    ],
    "3.3": [colour_generator, colour_generator_of_models],
    "4.1": [0.61, 0.611, 0.6109, np.array([0.61086]), tf.constant(0.61), -0.7 * np.log(0.7) - 0.3 * np.log(0.3)],
    "4.2": [
        lambda average, weight, step, decay=0.999: weight + min(decay, (1 + step) / (10 + step)) * (average - weight),
        average_in_tensors,
        average_in_another_order,
    ],
    "4.3": ["never", "Never.", " NEVER! ", "'never'", ["never"]],
    "5.1": [8 / math.sqrt(2), 5.66, 5.657, np.float32(5.6569), tf.constant(5.66), np.array([5.66])],
    "5.2": [
        shell_walk,
        lambda a, b, steps: tf.constant(shell_walk(a, b, steps)),
        lambda a, b, n: [*shell_walk(a, b, n)],
    ],
    "5.3": [
        circle(),
        list(circle().astype(np.float32)),
        tf.constant(circle(t=np.linspace(0, 2 * np.pi, 9))),
        circle(t=np.linspace(2 * np.pi, 0, 40)),
        circle(t=np.linspace(1, 1 + 2 * np.pi, 40)),
    ],
    "5.4": [
        direction,
        lambda z, y, a, b: tf.constant(direction(z, y, a, b)),
        lambda z, y, a, b: [*direction(z, y, a, b)],
    ],
    "6.1": [3.25, "3.25", np.array([3.25]), tf.constant(3.25), 1 + 2.25],
    "6.2": [
        "CAB",
        "cab",
        "c-a-b",
        "C, A, B.",
        ["C", "A", "B"],
        ("c", "a", "b"),
        np.array(["C", "A", "B"]),
        "C, A and B",
    ],
    "6.3": [coverage, coverage_in_loops, lambda real, fake, k: [tf.constant(coverage(real, fake, k))]],
    "7.1": [
        diagnosis(),
        {letter.lower(): name.upper() for letter, name in gallery.SIX.items()},
        diagnosis(A="Label noise", B="Pixels are out of range.", C="it has collapsed", D="frozen", F="it oscillates"),
    ],
    "7.2": [run(), run(real=0.9, fake=0.6, diversity=1.2)],
    "7.3": [run(noise=0.3)],
}

# A wrong answer, and what the hint speaks of (a regular expression), or None where the next step is as good as any.
WRONG = {
    "1.1": [
        (("Shirt", "Pullover"), "shirt comes near"),
        ((6, 4), "shirt comes near"),
        ((0, 0), "leave out i = j"),
        (("Trouser", "Ankle boot"), "largest"),
        (("Pullover", "Coat", "Shirt"), None),
        (("T-shirt/top", "Pullover"), None),
        ("pull", None),
    ],
    "1.2": [
        ((lambda pixels: pixels.astype(np.float32) / 255, unscale), r"-1: / 127\.5 - 1"),
        ((lambda pixels: pixels / 127.5 - 1, unscale), "float32"),
        ((scale, lambda floats: np.rint((floats + 1) * 127.5).clip(0, 255)), "uint8"),
        ((scale, lambda floats: ((floats + 1) * 127.5).clip(0, 255).astype(np.uint8)), "np.rint"),
        ((scale, lambda floats: np.rint((floats + 1) * 127.5).astype(int).astype(np.uint8)), "wraps around.*np.clip"),
        ((lambda pixels: pixels.astype(np.float32) / 128 - 1, unscale), None),
    ],
    "1.3": [
        (lambda: pipeline(to_unit_range, "shuffle first"), None),
        (lambda: pipeline(order="shuffle first"), "same order"),
        (lambda: pipeline(to_unit_range), "tanh"),
        (lambda: pipeline(batch=32), None),
    ],
    "2.1": [
        ((0.25, -1.1), "share of the generated"),
        ((1.1, 0.75), "first"),
        ((0.75, 1.585), "natural logarithm.*base 2"),
        ((0.75, 0.477), "natural logarithm.*base 10"),
        ((0.75, -1.0986), "sign"),
        ((0.75, 3), "ratio"),
        ((0.75, -0.288), "log D is not"),
        (0.75, "pair"),
        ((0.75, 1.09), None),
        ((0.7, 1.1), None),
    ],
    "2.2": [
        (1.386, "log 4"),
        (0.3466, "sum"),
        (1, "bits"),
        (-0.693, "sign"),
        (0, "certain"),
        (0.5, None),
        (0.68, None),
        ((0.35, 0.35), None),
    ],
    "2.3": [
        (lambda logit: np.exp(logit), "upside down"),
        (lambda logit: -np.exp(-logit), "sign"),
        (lambda logit: 1 - 1 / (1 + np.exp(-logit)), "one of the slopes"),
        (lambda logit: 403, None),
    ],
    "3.1": [
        (lambda a, b, c: [c, b + c, a + b, a], "back to front"),
        (lambda a, b, c: [a, b, c, 0], "two"),
        (lambda a, b, c: [a, b, c], "four entries"),
        (lambda a, b, c: [a, a + b, a + b + c, b + c, c], "four entries"),
        (lambda a, b, c: a, "four entries"),
        (lambda a, b, c: [a, 2 * b, 2 * b, c], None),
        (lambda a, b, c: [1, 11, 110, 100], None),
    ],
    "3.2": [
        (batch_norm(np.sqrt), "ε is missing"),
        (batch_norm(lambda variance: np.sqrt(variance + 1e-8)), "ε is missing, or far too small"),
        (batch_norm(lambda variance: np.sqrt(variance) + 0.001), "under the root"),
        (batch_norm(lambda variance: np.sqrt(variance + 0.001**2)), "0.001"),
        (batch_norm(lambda variance: np.sqrt(variance + 1e-5)), "0.001"),
        (batch_norm(lambda variance: variance + 1e-3), "root"),
        (batch_norm(lambda variance: variance), "root.*ε"),
        (lambda x, mean, variance, gamma, beta: (x - mean) / np.sqrt(variance + 1e-3), None),
        (lambda x, mean, variance, gamma, beta: gamma * (x - x.mean()) / np.sqrt(x.var() + 1e-3) + beta, None),
    ],
    "3.3": [
        (lambda: colour_generator(latent_dim=100), "64 latent numbers"),
        (lambda: colour_generator(blocks=2, seed=8), "three upsampling blocks"),
        (lambda: colour_generator(seed=7), "4 × 4"),
        (lambda: colour_generator(channels=1), "channels"),
        (lambda: colour_generator(activation="sigmoid"), "tanh"),
        (lambda: colour_generator(activation=None), "tanh"),
    ],
    "4.1": [
        (0.5, None),
        (0.8813, "bits"),
        (1.2217, "one-sided"),
        (0.3054, "sum"),
        (-0.611, "sign"),
        (0.357, "two terms"),
        (0, "without smoothing"),
        (0.3, None),
    ],
    "4.2": [
        (lambda average, weight, step, decay=0.999: weight + decay * (average - weight), "ramp is missing"),
        (lambda average, weight, step, decay: weight + (1 + step) / (10 + step) * (average - weight), "`decay`"),
        (
            lambda average, weight, step, decay: weight + max(decay, (1 + step) / (10 + step)) * (average - weight),
            "smaller",
        ),
        (
            lambda average, weight, step, decay: average + min(decay, (1 + step) / (10 + step)) * (weight - average),
            "changed places",
        ),
        (lambda average, weight, step, decay: (average + weight) / 2, None),
    ],
    "4.3": [(0, "first step"), ("1", "back"), (2, "back"), ("always", None), (math.inf, None)],
    "5.1": [(11.31, "half"), (8, "spherical"), (4, "both"), (5.6, None), (5.7, None), (64, None)],
    "5.2": [
        (lambda a, b, steps: gh.latent.slerp(a, b, steps), "slerp"),
        (lambda a, b, steps: shell_walk(a, b, steps, lambda first, last, n: np.full(n, first)), "length stays"),
        (lambda a, b, steps: shell_walk(a, b, steps, lambda first, last, n: np.full(n, 8)), "8 throughout"),
        (lambda a, b, steps: shell_walk(a, b, steps, lambda first, last, n: np.ones(n)), "all lengths are 1"),
        (lambda a, b, steps: gh.latent.lerp(a, b, steps), None),
    ],
    "5.3": [
        (circle(t=np.linspace(0, 360, 17)), "radians"),
        (circle(t=np.linspace(0, 2 * np.pi, 17)[:-1]), "both included"),
        (circle(t=np.linspace(0, np.pi, 17)), "both included"),
        (circle(t=2 * np.pi * np.linspace(0, 1, 17) ** 2), "uneven"),
        (circle(radius=6.2), "radius 8"),
        (circle(radius=7.7), "radius 8"),
        (circle(second=7.0), "ellipse"),
        (circle(angle=1.2), "ellipse"),
        (circle(radius=math.sqrt(64 - 9), offset=3.0), "origin"),  # all lengths are 8
        (circle(offset=0.5), "origin"),
        (np.concatenate([circle(t=np.linspace(0, 3, 9)), circle(t=np.linspace(3, 0, 9))[1:]]), "origin"),
    ],
    "5.4": [
        (lambda z, y, a, b: direction(z, y, a, b, lambda difference: difference), "length is not 1"),
        (lambda z, y, a, b: direction(z, y, b, a), "from b to a"),
        (lambda z, y, a, b: direction(z, y, b, a, lambda difference: difference), "from b to a, and its length"),
        (lambda z, y, a, b: z[y == b].mean(axis=0) / np.linalg.norm(z[y == b].mean(axis=0)), None),
    ],
    "6.1": [
        (2.5, "square"),
        (1.803, "root"),
        (15.0625, "variances"),
        (4.75, "variances"),
        (1, "means"),
        (3.3, None),
        (3, None),
    ],
    "6.2": [
        ("BCA", "order of the question"),
        ("ACB", "B is blurred"),
        ("CBA", "density"),
        ("BAC", "density"),
        ("ABC", None),
        ("CAA", "once"),
        ("C", "once"),
    ],
    "6.3": [
        (lambda real, fake, k: coverage(real, fake, k, column=-1), "column k"),
        (lambda real, fake, k: coverage(real, fake, k, nearer=np.less_equal), "strictly"),
        (lambda real, fake, k: coverage(real, fake, k, share=np.sum), "share"),
        (precision, "precision"),
        (recall, "recall"),
        (lambda real, fake, k: 1.0, None),
    ],
    "7.1": [
        (diagnosis(A="the discriminator has won"), "run A .* dashed line"),
        (diagnosis(B="oscillation"), "run B .* background"),
        (diagnosis(C="batch norm's leak"), "run C .* different pictures"),
        (diagnosis(D="collapse"), "run D .* pleased"),
        (diagnosis(E="a frozen player"), "run E .* dotted lines"),
        (diagnosis(F="collapse"), "run F .* left to right"),
        (diagnosis(F="I do not know"), "run F"),
    ],
    "7.2": SICK,
    "7.3": [*SICK, (run(), "without the noise")],
}

# An answer whose trial raises, and what the message tells.
RAISES = {
    "1.1": [(object(), "TypeError")],
    "1.2": [(scale, "TypeError")],
    "1.3": [(lambda: pipeline, "as_numpy_iterator")],
    "2.1": [("three quarters", "could not convert string to float: 'three quarters'")],
    "2.3": [(lambda logit: exp(-logit), "NameError: name 'exp' is not defined"), (math.exp(6), "the function itself")],  # noqa: F821
    "3.1": [([1, 11, 110, 100], "expected the function itself, got list")],
    "3.2": [(lambda x, mean, variance, gamma, beta: None, "end it with `return …`")],
    "5.2": [(lambda a, b, steps: a + np.linspace(0, 1, steps) * (b - a), "operands could not be broadcast")],
    "5.3": [(circle()[:8], r"\(8, 64\)"), (circle().T, r"\(64, 17\)")],
    "6.3": [(lambda real, fake, k: 1 / 0, "ZeroDivisionError: division by zero")],
    "7.1": [("collapse", "expected a dict"), ({"A": "collapse"}, "no answer for run B, C, D, E, F")],
    "7.2": [(gallery.Settings(), "what gallery.train returns"), (run(rows=3), "too short")],
}


def cases(table):
    return [
        pytest.param(number, case, id=f"{number}-{n}") for number, rows in table.items() for n, case in enumerate(rows)
    ]


@pytest.fixture
def check(capsys, monkeypatch):
    """A function that checks an answer as the first try and returns the line that is printed."""

    def ask(number, answer):
        monkeypatch.setattr(exercises, "_tries", {})
        gh.check_answer(number, answer() if number in MADE and callable(answer) else answer)
        (line,) = capsys.readouterr().out.splitlines()
        return line

    return ask


@pytest.mark.parametrize("number, answer", cases(RIGHT))
def test_a_right_answer_is_right_in_every_reasonable_form(check, number, answer):
    assert check(number, answer) == f"Exercise {number}: correct. {exercises.EXERCISES[number].why}"


@pytest.mark.parametrize("number, case", cases(WRONG))
def test_a_wrong_answer_gets_the_hint_that_fits(check, number, case):
    answer, about = case
    exercise = exercises.EXERCISES[number]
    hint = check(number, answer).removeprefix(f"Exercise {number}: not yet. Hint: ")
    if about is None:
        assert hint == exercise.hints[0]
    else:
        assert hint in [told for _, told in exercise.slips] and re.search(about, hint), hint


@pytest.mark.parametrize("number, case", cases(RAISES))
def test_an_answer_that_raises_shows_the_message_and_a_hint(check, number, case):
    answer, message = case
    line = check(number, answer)
    assert line.startswith(f"Exercise {number}: not yet, ") and line.endswith(exercises.EXERCISES[number].hints[0])
    assert re.search(message, line), line


@pytest.mark.parametrize("number", exercises.EXERCISES)
def test_no_hint_before_a_first_try(check, number):
    exercise = exercises.EXERCISES[number]
    for unanswered in (None, ...):
        line = check(number, unanswered)
        assert line.startswith(f"Exercise {number}: not answered yet. ") and "Hint" not in line
        assert not any(hint in line for hint in exercise.hints)


def test_every_exercise_has_right_and_wrong_answers_and_every_slip_is_one_of_them(check):
    assert RIGHT.keys() == WRONG.keys() == exercises.EXERCISES.keys()
    for number, rows in WRONG.items():
        told = {check(number, answer).partition("Hint: ")[2] for answer, _ in rows}
        for _, hint in exercises.EXERCISES[number].slips:
            assert hint in told, f"no wrong answer to {number} is told: {hint}"


def test_hints_come_in_steps_until_the_answer_is_right(capsys):
    exercise = exercises.EXERCISES["2.2"]
    for answer in (5, 6, 1.386, 7, 8, 0.69, 5):
        gh.check_answer("2.2", answer)
    first, second, slip, third, again, right, anew = capsys.readouterr().out.splitlines()
    steps = [line.partition("Hint: ")[2] for line in (first, second, third, again, anew)]
    assert steps == [*exercise.hints, exercise.hints[-1], exercise.hints[0]]
    assert "log 4" in slip and "correct" in right


def test_an_unknown_exercise_is_refused():
    with pytest.raises(ValueError, match="no exercise '9.9'; there are 1.1, "):
        gh.check_answer("9.9", 1)


@pytest.mark.parametrize("number", ["2.1", "2.2", "4.1", "5.1", "6.1"])
def test_an_exercise_that_wants_numbers_states_their_precision(number):
    (path,) = NOTEBOOKS.glob(f"0{number[0]}_*.ipynb")
    prose = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown")
    statement = re.search(rf"Exercise {re.escape(number)}\b.*?<details>", prose, re.DOTALL)[0]
    assert "decimals" in statement
