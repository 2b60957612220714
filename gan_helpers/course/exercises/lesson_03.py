"""The exercises of lesson 03."""

import functools
import math

import numpy as np

from gan_helpers.course.exercises.checks import (
    Later,
    call,
    fixed,
    gives,
    keras,
    like_on,
    numbers,
    slip_as,
    tf,
)
from gan_helpers.course.exercises.exercise import Cell, Exercise, Slip, Test

fashion_mnist, generators = Later("gan_helpers.data.fashion_mnist"), Later("gan_helpers.gan.generators")
judges, metrics = Later("gan_helpers.metrics.judges"), Later("gan_helpers.metrics")
latent, networks = Later("gan_helpers.gan.latent"), Later("gan_helpers.networks")
shipped = Later("gan_helpers.runs.shipped")

SETUP = """import keras
import numpy as np
import tensorflow as tf
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


def _batches() -> list:
    """Exercise 3.4: an ordinary batch, and one whose images are all the same."""
    return [(2 * fixed(5, 3, 2, 4),), (np.repeat(fixed(1, 2, 2, 3, seed=1), 4, axis=0),)]


def _appended(spread, x):
    """Images with one further channel, `spread` in each of its places."""
    return tf.concat([x, tf.broadcast_to(spread, (*x.shape[:-1], 1))], axis=-1)


def _deviation(x, axis=0, eps=1e-8):
    return tf.sqrt(tf.math.reduce_variance(x, axis) + eps)


def _minibatch_std(x):
    return _appended(tf.reduce_mean(_deviation(x)), x)


_spreads = like_on(_batches, wrt=("x",))
_spreads_in_variety = like_on(lambda: _batches()[:1], wrt=("x",))


def _pixel_norm(x, axis=-1, mean=None, eps=1e-8):
    return x * tf.math.rsqrt((mean or tf.reduce_mean)(x**2, axis, keepdims=True) + eps)


_normed = like_on(lambda: [(3 * fixed(2, 3, 4, 5),), (0.1 * fixed(3, 2, 2, 8, seed=1) + 1,)], wrt=("x",))


def _critic(kernel=4, activation=None, end=None, padding="same", norm=False, filters=(32, 64)):
    """Exercise 3.6: the discriminator that is asked for, or one with a slip."""
    stack = [keras.Input((28, 28, 1))]
    for channels in filters:
        stack.append(keras.layers.Conv2D(channels, kernel, strides=2, padding=padding))
        stack += [keras.layers.BatchNormalization()] if norm else []
        stack.append(activation() if activation else keras.layers.LeakyReLU(0.2))
    return keras.Sequential([*stack, keras.layers.Flatten(), keras.layers.Dense(1, activation=end)])


def _critic_like(**settings) -> Test:
    """A test for models: with the same weights they give the logits, and the gradients on images, of `_critic(…)`."""

    def is_right(model) -> bool:
        expected = _critic(**settings)
        weights = model.get_weights()
        if [weight.shape for weight in weights] != [tuple(weight.shape) for weight in expected.weights]:
            return False
        expected.set_weights(weights)
        return like_on(lambda: [(fixed(3, 28, 28, 1),)], wrt=("images",))(lambda images: 1000 * expected(images))(
            lambda images: 1000 * model(images)
        )

    return is_right


def _critic_with_functions(negative_slope=0.2):
    """The same network, written otherwise."""
    x = images = keras.Input((28, 28, 1))
    for filters in (32, 64):
        x = keras.ops.leaky_relu(keras.layers.Conv2D(filters, (4, 4), (2, 2), "same")(x), negative_slope)
    return keras.Model(images, keras.layers.Dense(1)(keras.layers.Reshape((7 * 7 * 64,))(x)))


# Exercise 3.7: how many images, and Fréchet distances (benchmarks/results/first_minute.md)
N, NEAR, AS_IN_THE_PAPER, REAL = 10_000, 10.0, 17.0, 0.1


def _judged(images) -> tuple[float, float]:
    """Exercise 3.7: the distance of 10,000 images to the test images, and the share of the rarest kind of clothes."""
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.shape != (N, 28, 28, 1):
        raise ValueError(
            f"expected {N:,} images as gh.generate makes them, uint8 ({N}, 28, 28, 1); got {images.dtype} {images.shape}"
        )
    return _judged_once(images.tobytes())


@functools.lru_cache(maxsize=1)
def _judged_once(pixels: bytes) -> tuple[float, float]:
    images = np.frombuffer(pixels, np.uint8).reshape(N, 28, 28, 1)
    features, probabilities = judges.features_and_probabilities(images)
    distance = metrics.frechet_distance(metrics.real_features("test", N), features)
    return distance, float(metrics.class_shares(probabilities).min())


@functools.lru_cache(maxsize=1)
def _drawn():
    """Exercise 3.7: what the shipped MLP draws."""
    return generators.generate(shipped.load_generator("course_mlp"), latent.sample(N, 64, seed=0))


def _brighter(images, by: int):
    """Exercise 3.7: images that are further from real ones."""
    return np.clip(images.astype(int) + by, 0, 255).astype(np.uint8)


EXERCISES: dict[str, Exercise] = {
    "3.1": Exercise(
        title="two layers in one",
        prompt="""In one dimension: double each value (1, 2 → 1, 1, 2, 2), then let each stamp (a, b, c) with stride 1. Together these are **one** transposed convolution with stride 2. Write `kernel_of_four(a, b, c)`, which returns its four entries.""",
        stub="kernel_of_four = None  # def kernel_of_four(a, b, c): return [...]",
        answer="kernel_of_four",
        hints=(
            "a single 1 becomes 1, 1 first; what does the kernel make of that?",
            "each 1 stamps (a, b, c), the second one place further on.",
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
        prompt="""Write batch norm in **inference**, in NumPy: `normalise(x, mean, variance, gamma, beta)`, with ε = 0.001, Keras' default.""",
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
        title="a generator for colour images",
        prompt="""Build a generator of images (32, 32, 3) from 64 latent numbers, with three `upsampling_block`s and a tanh at the end.""",
        stub="colour_generator = None  # keras.Model(…)",
        answer="colour_generator",
        hints=(
            "32 is a seed doubled three times: how large is the seed?",
            "begin with `Dense(4 * 4 * 64)` and `Reshape((4, 4, 64))`, then three upsampling blocks.",
            'end with `Conv2D(3, 3, padding="same", activation="tanh")`: three channels, for three colours.',
        ),
        is_right=_makes_colours,
        why="4 → 8 → 16 → 32: one more block is all that a image of twice the size needs.",
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
        because="""A generator for colour images of 32 × 32 pixels, from 64 latent numbers, with three upsampling blocks.

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
    "3.4": Exercise(
        title="minibatch standard deviation",
        prompt=r"""A generator that draws the same good shoe whatever the latent vector is hard to catch as long as images are judged one by one. So show the discriminator how much its batch varies. Write `minibatch_std(x)` in TensorFlow for feature maps (n, h, w, c):

1. the standard deviation **over the batch**, for each place and channel: $s = \sqrt{\operatorname{mean}_n (x - \bar x)^2 + 10^{-8}}$;
2. its mean over all places and channels: one number;
3. that number as one more channel, the same everywhere: (n, h, w, c + 1).

Values and gradients are compared; one of the batches holds the same image four times.""",
        stub="""def minibatch_std(x):
    ...  # your code""",
        answer="minibatch_std",
        hints=(
            "`tf.math.reduce_variance(x, axis=0)` compares the images of the batch, place by place.",
            "take the root of variance + 1e-8, then `tf.reduce_mean` of all of it: one number.",
            "append it: `tf.concat([x, spread * tf.ones_like(x[..., :1])], axis=-1)`.",
        ),
        is_right=_spreads(_minibatch_std),
        why="If all images of a batch are alike the new channel is 0, and the discriminator sees collapse at a glance.",
        solution="""def minibatch_std(x):
    deviation = tf.sqrt(tf.math.reduce_variance(x, axis=0) + 1e-8)
    spread = tf.reduce_mean(deviation)
    return tf.concat([x, spread * tf.ones_like(x[..., :1])], axis=-1)


varied = np.random.default_rng(0).standard_normal((8, 4, 4, 2)).astype(np.float32)
same = np.repeat(varied[:1], 8, axis=0)
for name, batch in (("varied batch", varied), ("one picture eight times", same)):
    print(f"{name}: {minibatch_std(batch)[0, 0, 0, -1]:.2f}")""",
        because="""Karras et al. (2018) put this layer before the last convolution of the discriminator. The $10^{-8}$ is there for the gradient: the slope of a root at 0 is infinite, and a batch of equal images would make it NaN. Gradients flow through the new channel into *all* images of the batch, so the generator learns that they should differ.""",
        slips=(
            slip_as(
                _spreads,
                "that is the variance; take its root before you average.",
                lambda x: _appended(tf.reduce_mean(tf.math.reduce_variance(x, 0)), x),
            ),
            slip_as(
                _spreads,
                "that is the deviation over images and places together; compare the images at each place: axis=0 alone.",
                lambda x: _appended(tf.reduce_mean(_deviation(x, (0, 1, 2))), x),
            ),
            slip_as(
                _spreads,
                "that is the deviation within each image; compare the images of the batch with one another: axis=0.",
                lambda x: _appended(tf.reduce_mean(_deviation(x, (1, 2))), x),
            ),
            slip_as(
                _spreads,
                "the new channel differs from place to place; average over the places, too: one number for the batch.",
                lambda x: _appended(tf.reduce_mean(_deviation(x), -1, keepdims=True)[None], x),
            ),
            slip_as(
                _spreads_in_variety,
                "the values are right, but no gradient flows through the new channel: the generator could not learn from it.",
                lambda x: _appended(tf.stop_gradient(tf.reduce_mean(_deviation(x))), x),
            ),
            Slip(
                _spreads_in_variety(_minibatch_std),
                "right while images differ; if they are all the same, the root of 0 has no slope: add 1e-8 to the variance.",
                lambda: [lambda x: _appended(tf.reduce_mean(_deviation(x, eps=0.0)), x)],
            ),
        ),
        example=("minibatch_std(tf.constant([[[[1.0]]], [[[3.0]]]]))[0, 0, 0, 1]", 1.0),
        right=lambda: [
            _minibatch_std,
            lambda x: keras.ops.concatenate(
                [x, keras.ops.full_like(x[..., :1], 1.0) * keras.ops.mean(keras.ops.sqrt(keras.ops.var(x, 0) + 1e-8))],
                -1,
            ),
            lambda x: networks.layers.MinibatchStandardDeviation(len(x))(x),
        ],
        wrong=lambda: [lambda x: tf.reduce_mean(_deviation(x)), lambda x: tf.concat([x, x[..., :1]], axis=-1)],
        raising=lambda: [(lambda x: _minibatch_std(x.numpy()), "no gradient flows back to x")],
    ),
    "3.5": Exercise(
        title="pixel normalisation",
        prompt=r"""**Pixel normalisation** looks at one place of one image, and brings its channels to a mean square of 1:

$$y = \frac{x}{\sqrt{\frac1c \sum_{k=1}^{c} x_k^2 + 10^{-8}}}$$

Write `pixel_norm(x)` in TensorFlow for feature maps (n, h, w, c).""",
        stub="""def pixel_norm(x):
    ...  # your code""",
        answer="pixel_norm",
        hints=(
            "the channels are the last axis; `keepdims=True` keeps it for the division.",
            "`tf.reduce_mean(x**2, axis=-1, keepdims=True)` is the mean square at each place.",
            "return `x / tf.sqrt(tf.reduce_mean(x**2, axis=-1, keepdims=True) + 1e-8)`.",
        ),
        is_right=_normed(_pixel_norm),
        why="Every place keeps its direction among the channels and loses its strength, so no channel can run away.",
        solution="""def pixel_norm(x):
    return x / tf.sqrt(tf.reduce_mean(x**2, axis=-1, keepdims=True) + 1e-8)


features = tf.constant([[[[3.0, -4.0], [0.3, -0.4]]]])
print(pixel_norm(features).numpy().round(3))""",
        because="""The two places of the example differ only in strength, and come out alike. Karras et al. (2018) use it in the generator in place of batch norm; the course's `course_dcgan` does so, too.""",
        slips=(
            slip_as(
                _normed,
                "that brings the *length* to 1: divide by the mean of the squares under the root, not by their sum.",
                lambda x: _pixel_norm(x, mean=tf.reduce_sum),
            ),
            slip_as(
                _normed,
                "that averages over the whole image; each place is normalised by itself: axis=-1.",
                lambda x: _pixel_norm(x, (1, 2, 3)),
            ),
            slip_as(
                _normed,
                "that averages over the places of a channel; average over the channels of a place: axis=-1.",
                lambda x: _pixel_norm(x, (1, 2)),
            ),
            slip_as(
                _normed,
                "no mean is taken out here; that would be layer normalisation.",
                lambda x: _pixel_norm(x - tf.reduce_mean(x, -1, keepdims=True)),
            ),
            slip_as(
                _normed,
                "the mean of the squares is a square itself: divide by its root.",
                lambda x: x / (tf.reduce_mean(x**2, -1, keepdims=True) + 1e-8),
            ),
            slip_as(
                _normed,
                "the values are right, but the gradient is not: it has to flow through the root as well.",
                lambda x: x * tf.stop_gradient(_pixel_norm(x) / x),
            ),
        ),
        example=("pixel_norm(tf.constant([[[[3.0, -4.0]]]]))[0, 0, 0, 0]", 0.8485),
        right=lambda: [
            _pixel_norm,
            lambda x: x / keras.ops.sqrt(keras.ops.mean(keras.ops.square(x), axis=-1, keepdims=True) + 1e-8),
            lambda x: tf.sqrt(float(x.shape[-1])) * tf.math.l2_normalize(x, axis=-1),
        ],
        wrong=lambda: [lambda x: x],
        raising=lambda: [(lambda x: _pixel_norm(x.numpy()), "no gradient flows back to x")],
    ),
    "3.6": Exercise(
        title="a discriminator, counted",
        prompt="""Build the discriminator `critic` for images (28, 28, 1):

- two convolutions with 32 and 64 filters, kernel 4, stride 2, `padding="same"` and a bias, each followed by a leaky ReLU of slope 0.2 (no batch norm);
- flatten, and one dense unit: the logit.

**Predict** `critic.count_params()` first. The check copies your weights into its own network and compares logits and gradients.""",
        stub="critic = None  # keras.Sequential([…]), or keras.Model(…)",
        answer="critic",
        hints=(
            "a convolution has kernel · kernel · channels in · filters weights, and as many biases as filters; 28 → 14 → 7.",
            "4·4·1·32 + 32 = 544, then 4·4·32·64 + 64 = 32,832, then 7·7·64 + 1 = 3,137: 36,513 in all.",
            '`layers.Conv2D(32, 4, strides=2, padding="same")`, `layers.LeakyReLU(negative_slope=0.2)`, the same with 64, `layers.Flatten()`, `layers.Dense(1)`.',
        ),
        is_right=_critic_like(),
        why="36,513 weights, most of them in the second convolution. (The MLP's discriminator has over half a million.)",
        solution="""critic = keras.Sequential([
    keras.Input((28, 28, 1)),
    layers.Conv2D(32, 4, strides=2, padding="same"),
    layers.LeakyReLU(negative_slope=0.2),
    layers.Conv2D(64, 4, strides=2, padding="same"),
    layers.LeakyReLU(negative_slope=0.2),
    layers.Flatten(),
    layers.Dense(1),
])
by_hand = (4 * 4 * 1 + 1) * 32 + (4 * 4 * 32 + 1) * 64 + (7 * 7 * 64 + 1)
print(f"{by_hand:,} by hand, {critic.count_params():,} in Keras")""",
        because="""Each filter has 4 · 4 weights for every channel that comes in, and one bias. The strides halve 28 to 14 and 14 to 7, so 7 · 7 · 64 numbers reach the dense unit. No sigmoid at the end: the loss wants logits.""",
        slips=(
            Slip(
                lambda model: model.output_shape != (None, 1),
                "one logit per image is wanted: end with Flatten() and Dense(1).",
                lambda: [(lambda whole: keras.Model(whole.inputs, whole.layers[-2].output))(_critic())],
            ),
            Slip(
                _critic_like(end="sigmoid"),
                "the last layer must give the logit itself: no sigmoid.",
                lambda: [_critic(end="sigmoid")],
            ),
            Slip(
                lambda model: any("BatchNorm" in type(layer).__name__ for layer in model.layers),
                "batch norm would make the verdict on one image depend on the others: leave it out.",
                lambda: [_critic(norm=True)],
            ),
            Slip(
                lambda model: model.count_params() == _critic(kernel=3).count_params(),
                "your kernels are 3 × 3; 4 × 4 is wanted, a multiple of the stride.",
                lambda: [_critic(kernel=3)],
            ),
            Slip(
                lambda model: model.count_params() == _critic(padding="valid").count_params(),
                'without padding="same" 28 becomes 13 and then 5: the dense unit has too few inputs.',
                lambda: [_critic(padding="valid")],
            ),
            Slip(
                _critic_like(activation=lambda: keras.layers.ReLU()),
                "those are plain ReLUs; a leaky one lets a fifth of negative values through, and their gradient.",
                lambda: [_critic(activation=lambda: keras.layers.ReLU())],
            ),
            Slip(
                _critic_like(activation=lambda: keras.layers.LeakyReLU()),
                "Keras' LeakyReLU has slope 0.3 unless you say 0.2.",
                lambda: [_critic(activation=lambda: keras.layers.LeakyReLU())],
            ),
        ),
        right=lambda: [_critic(), _critic_with_functions()],
        wrong=lambda: [_critic(filters=(64, 32)), _critic(activation=lambda: keras.layers.Activation("tanh"))],
        raising=lambda: [(36_513, "'int' object has no attribute 'get_weights'")],
    ),
    "3.7": Exercise(
        title="an experiment: the same networks, better steps",
        prompt="""How much of section 4 is architecture, and how much training? Take the plain networks, fresh: `gh.networks.dcgan_generator()` and `gh.networks.dcgan_discriminator()`. Train them on at most **32,000 images** (20 to 40 seconds), and set `images` to 10,000 images that your GAN generates. The check wants a Fréchet distance of at most **10** to the test images. The paper's settings do not get there.""",
        stub="images = None  # gan.generate(10_000)",
        answer="images",
        hints=(
            "with batches of 128 there are only 250 steps in 32,000 images; how would you get more?",
            "smaller batches, and a higher rate for both players.",
            "batches of 32, and Adam with rate 8e-4, β₁ 0 and β₂ 0.99 for both: 1,000 steps.",
        ),
        is_right=lambda images: REAL < _judged(images)[0] <= NEAR,
        why="The same networks and the same images, but four times as many steps, each of them bolder.",
        solution="""keras.utils.set_random_seed(7)
gan = gh.GAN(gh.networks.dcgan_generator(), gh.networks.dcgan_discriminator(), seed=7)
optimizers = [keras.optimizers.Adam(8e-4, beta_1=0.0, beta_2=0.99) for _ in range(2)]
gan.compile(*optimizers)
train_images, _ = gh.load_fashion_mnist("train")
gan.fit(gh.pipeline(train_images, 32, pixel_range=(-1, 1), seed=7, images_per_epoch=32_000), epochs=1, verbose=0)
images = gan.generate(10_000, seed=0)""",
        because="""32,000 images are 250 steps of 128, or 1,000 steps of 32. Each of these is four times as long, too. What is left to the architecture you see by training `course_dcgan` on as many images.""",
        slips=(
            Slip(
                lambda images: _judged(images)[0] <= REAL,
                "that is as near as real images are: hand in what your GAN generates.",
                lambda: [fashion_mnist.load_fashion_mnist("test")[0]],
            ),
            Slip(
                lambda images: NEAR < _judged(images)[0] <= AS_IN_THE_PAPER,
                "nearer than with the paper's settings, but not near enough: what else gives more, or bolder, steps?",
                lambda: [_brighter(_drawn(), 10)],
            ),
            Slip(
                lambda images: _judged(images)[1] < 0.001,
                "a whole kind of clothes is missing: look at 40 of your images; a collapsed generator needs smaller steps, noise longer training.",
                lambda: [
                    np.random.default_rng(0).integers(0, 256, (N, 28, 28, 1), np.uint8),
                    np.repeat(_drawn()[:1], N, axis=0),
                ],
            ),
        ),
        right=lambda: [_drawn()],
        raising=lambda: [
            (np.zeros((500, 28, 28, 1), np.uint8), "expected 10,000 images"),
            (np.zeros((N, 28, 28, 1), np.float32), "got float32"),
        ],
    ),
}
