"""The exercises of lesson 03."""

import math

import numpy as np

from gan_helpers.course.exercises.checks import Later, call, gives, keras, numbers, tf
from gan_helpers.course.exercises.exercise import Cell, Exercise, Slip, Test

networks = Later("gan_helpers.networks")

SETUP = """import keras
import numpy as np
from keras import layers"""

STAMPS = (1.0, 10.0, 100.0), (2.0, -1.0, 0.5)


def _normalises(root) -> Test:
    """Exercise 3.2: batch norm in inference, with this `root` of the variance below the line."""
    return gives(
        lambda x, mean, variance, gamma, beta: gamma * (x - mean) / root(variance) + beta,
        (np.float32([5, 8, 2]), 5.0, 9.0, 1.0, 0.0),
        (np.float32([5, 8, 2]), 2.0, 4.0, 3.0, 7.0),
        (np.float32([0.05, -0.1, 0.2]), 0.1, 0.002, 1.5, -0.5),  # so small a variance that ε shows
    )


def _doublings(model) -> int:
    """Exercise 3.3: the transposed convolutions of a model, those of the models in it included."""
    return sum(
        _doublings(layer) if hasattr(layer, "layers") else type(layer).__name__ == "Conv2DTranspose"
        for layer in model.layers
    )


def _ends_like_tanh(model) -> bool:
    """Exercise 3.3: latent vectors this long drive the last activation to both its ends."""
    latents = 1000 * np.random.default_rng(0).standard_normal((4, 64)).astype(np.float32)
    images = np.asarray(model(latents, training=False))
    return bool(-1 <= images.min() < -0.5 and images.max() <= 1)


def _makes_colours(model) -> bool:
    """Exercise 3.3: 64 numbers → three upsampling blocks → 32×32 pixels in three colours, in (-1, 1)."""
    sizes = model.input_shape, model.output_shape
    return sizes == ((None, 64), (None, 32, 32, 3)) and _doublings(model) == 3 and _ends_like_tanh(model)


# --- answers, right and wrong ---------------------------------------------------------------------


def _colour_generator(latent_dim=64, seed=4, blocks=3, channels=3, activation="tanh"):
    latents = keras.Input((latent_dim,))
    x = keras.layers.Reshape((seed, seed, 4))(keras.layers.Dense(seed * seed * 4)(latents))
    for _ in range(blocks):
        x = networks.upsampling_block(x, 4)
    return keras.Model(latents, keras.layers.Conv2D(channels, 3, padding="same", activation=activation)(x))


def _colour_generator_of_models():
    """The blocks are models of their own, and the activation is a layer of its own."""

    def block():
        return keras.Sequential(
            [keras.layers.Conv2DTranspose(4, 4, strides=2, padding="same"), keras.layers.LeakyReLU(0.2)]
        )

    first = [keras.Input((64,)), keras.layers.Dense(64), keras.layers.Reshape((4, 4, 4))]
    last = [keras.layers.Conv2D(3, 3, padding="same"), keras.layers.Activation("tanh")]
    return keras.Sequential([*first, block(), block(), block(), *last])


def _batch_norm(root):
    return lambda x, mean, variance, gamma, beta: gamma * (x - mean) / root(variance) + beta


def _batch_norm_by_keyword(*, beta, gamma, variance, mean, x):
    return [gamma * (each - mean) / math.sqrt(variance + 0.001) + beta for each in x]


EXERCISES: dict[str, Exercise] = {
    "3.1": Exercise(
        title="two layers in one",
        prompt="""In one dimension: double each value (1, 2 → 1, 1, 2, 2), then convolve with the kernel (a, b, c), stride 1, in the stamping way: each value stamps (a, b, c).
The two together are **one** transposed convolution with stride 2. Write `kernel_of_four(a, b, c)`, which returns its four entries.""",
        stub="kernel_of_four = None  # def kernel_of_four(a, b, c): return [...]",
        answer="kernel_of_four",
        hints=(
            "a single 1 that goes in is doubled to 1, 1 first; what does the kernel (a, b, c) make of that?",
            "each of the two ones stamps (a, b, c), the second stamp one place further on; add them up.",
            "the stamps are a, b, c, 0 and 0, a, b, c.",
        ),
        is_right=gives(lambda a, b, c: [a, a + b, b + c, c], *STAMPS),
        why="(a, a+b, b+c, c): upsampling + convolution is a transposed convolution with four weights tied to three.",
        solution="""def kernel_of_four(a, b, c):
    return np.array([a, a + b, b + c, c])""",
        because="""The four entries of the transposed convolution with stride 2 that equals doubling and then stamping (a, b, c).

A single 1 is doubled to 1, 1. The first stamps a, b, c, 0; the second stamps 0, a, b, c. Everything is linear, so what holds for a single 1 holds for every input.""",
        slips=(
            Slip(
                gives(lambda a, b, c: [c, b + c, a + b, a], *STAMPS),
                "that is back to front: a stamp begins with a.",
                lambda: [lambda a, b, c: [c, b + c, a + b, a]],
            ),
            Slip(
                gives(lambda a, b, c: [a, b, c, 0], *STAMPS),
                "that is one stamp; the 1 is doubled first, so there are two.",
                lambda: [lambda a, b, c: [a, b, c, 0]],
            ),
            Slip(
                lambda kernel: numbers(call(kernel, a=1, b=1, c=1)).shape != (4,),
                "the kernel has four entries.",
                lambda: [lambda a, b, c: [a, b, c], lambda a, b, c: [a, a + b, a + b + c, b + c, c], lambda a, b, c: a],
            ),
        ),
        afterwards=(
            Cell("markdown", "The check on an arbitrary input, with the function of section 1:"),
            Cell(
                "code",
                """def transposed(values, kernel, stride):
    out = np.zeros((len(values) - 1) * stride + len(kernel))
    for i, value in enumerate(values):
        out[i * stride : i * stride + len(kernel)] += value * kernel
    return out


values = np.array([3.0, -1.0, 4.0, 1.0])
print(transposed(np.repeat(values, 2), np.array([1.0, 10.0, 100.0]), stride=1))
print(transposed(values, kernel_of_four(1.0, 10.0, 100.0), stride=2))""",
            ),
        ),
        right=lambda: [
            lambda a, b, c: [a, a + b, b + c, c],
            lambda x, y, z: np.array([[x, x + y, y + z, z]]),
            lambda a, b, c: tf.constant([a, b, c, 0.0]) + tf.constant([0.0, a, b, c]),
            lambda c, b, a: (a, a + b, b + c, c),
        ],
        wrong=lambda: [lambda a, b, c: [a, 2 * b, 2 * b, c], lambda a, b, c: [1, 11, 110, 100]],
        raising=lambda: [([1, 11, 110, 100], "expected the function itself, got list")],
    ),
    "3.2": Exercise(
        title="batch norm in inference",
        prompt="""Write what batch norm does in **inference**, in NumPy: `normalise(x, mean, variance, gamma, beta)`, with ε = 0.001, Keras' default.""",
        stub="normalise = None  # def normalise(x, mean, variance, gamma, beta): return ...",
        answer="normalise",
        hints=(
            "subtract the mean and divide; then scale and shift.",
            "variance is the square of the deviation: divide by `np.sqrt(variance + 1e-3)`.",
            "return `gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta`.",
        ),
        is_right=_normalises(lambda variance: np.sqrt(variance + 1e-3)),
        why="In inference batch norm is a fixed straight line, gamma / deviation times x plus a constant: no batch is needed.",
        solution="""def normalise(x, mean, variance, gamma, beta):
    return gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta""",
        because="""Batch norm in inference, in NumPy, with ε = 0.001.

The moving mean and variance are constants by then. So the layer is a straight line in x, and could be merged into the convolution before it.""",
        slips=(
            Slip(
                _normalises(np.sqrt),
                "ε is missing, or far too small: it counts where the variance is small.",
                lambda: [_batch_norm(np.sqrt), _batch_norm(lambda variance: np.sqrt(variance + 1e-8))],
            ),
            Slip(
                _normalises(lambda variance: np.sqrt(variance) + 1e-3),
                "ε stands under the root, added to the variance.",
                lambda: [_batch_norm(lambda variance: np.sqrt(variance) + 0.001)],
            ),
            Slip(
                _normalises(lambda variance: np.sqrt(variance + 1e-6)),
                "that ε is too small: it is squared already, 0.001.",
                lambda: [_batch_norm(lambda variance: np.sqrt(variance + 0.001**2))],
            ),
            Slip(
                _normalises(lambda variance: np.sqrt(variance + 1e-5)),
                "that is PyTorch's ε; Keras' default is 0.001.",
                lambda: [_batch_norm(lambda variance: np.sqrt(variance + 1e-5))],
            ),
            Slip(
                _normalises(lambda variance: variance + 1e-3),
                "the variance is a square: divide by a root.",
                lambda: [_batch_norm(lambda variance: variance + 1e-3)],
            ),
            Slip(
                _normalises(lambda variance: variance),
                "the variance is a square: divide by a root, with ε under it.",
                lambda: [_batch_norm(lambda variance: variance)],
            ),
        ),
        right=lambda: [
            _batch_norm(lambda variance: np.sqrt(variance + 0.001)),
            _batch_norm(lambda variance: tf.sqrt(variance + 1e-3)),
            _batch_norm(lambda variance: (variance + 1e-3) ** 0.5),
            _batch_norm_by_keyword,
            lambda x, mu, var, g, b: tf.nn.batch_normalization(x, mu, var, b, g, 1e-3),
        ],
        wrong=lambda: [
            lambda x, mean, variance, gamma, beta: (x - mean) / np.sqrt(variance + 1e-3),
            lambda x, mean, variance, gamma, beta: gamma * (x - x.mean()) / np.sqrt(x.var() + 1e-3) + beta,
        ],
        raising=lambda: [(lambda x, mean, variance, gamma, beta: None, "end it with `return …`")],
    ),
    "3.3": Exercise(
        title="a generator for colour pictures",
        prompt="""Build a generator for colour pictures of 32 × 32 pixels (shape 32, 32, 3), from 64 latent numbers, with three `upsampling_block`s and a tanh at the end.""",
        stub="colour_generator = None  # keras.Model(…)",
        answer="colour_generator",
        hints=(
            "32 is a seed doubled three times: how large is the seed?",
            "begin with `Dense(4 * 4 * 64)` and `Reshape((4, 4, 64))`, then three upsampling blocks.",
            'end with `Conv2D(3, 3, padding="same", activation="tanh")`: three channels, for three colours.',
        ),
        is_right=_makes_colours,
        why="4 → 8 → 16 → 32: one more block is all that a picture of twice the size needs.",
        solution="""latents = keras.Input((64,), name="latents")
x = layers.Dense(4 * 4 * 64, use_bias=False)(latents)
x = layers.BatchNormalization(momentum=0.9)(x)
x = layers.LeakyReLU(0.2)(x)
x = layers.Reshape((4, 4, 64))(x)
for filters in (64, 32, 16):
    x = gh.networks.upsampling_block(x, filters)
colours = layers.Conv2D(3, 3, padding="same", activation="tanh")(x)
colour_generator = keras.Model(latents, colours, name="colour_generator")
print(gh.generate(colour_generator, np.zeros((2, 64))).shape)""",
        because="""A generator for colour pictures of 32 × 32 pixels, from 64 latent numbers, with three upsampling blocks.

4 → 8 → 16 → 32: the seed is 4 × 4, and the last convolution mixes its channels into three colours. The numbers of channels are free.""",
        slips=(
            Slip(
                lambda model: model.input_shape != (None, 64),
                "the input is 64 latent numbers: keras.Input((64,)).",
                lambda: [_colour_generator(latent_dim=100)],
            ),
            Slip(
                lambda model: _doublings(model) != 3,
                "three upsampling blocks are wanted, with one Conv2DTranspose each.",
                lambda: [_colour_generator(blocks=2, seed=8)],
            ),
            Slip(
                lambda model: model.output_shape[1:3] != (32, 32),
                "three doublings must end at 32 × 32: begin with a 4 × 4 seed.",
                lambda: [_colour_generator(seed=7)],
            ),
            Slip(
                lambda model: model.output_shape[3] != 3,
                "three colours are three channels: the last layer has 3 filters.",
                lambda: [_colour_generator(channels=1)],
            ),
            Slip(
                lambda model: not _ends_like_tanh(model),
                'the pixels must lie in (-1, 1): activation="tanh" at the end.',
                lambda: [_colour_generator(activation="sigmoid"), _colour_generator(activation=None)],
            ),
        ),
        right=lambda: [_colour_generator(), _colour_generator_of_models()],
    ),
}
