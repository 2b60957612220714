"""Generators and discriminators: plain Keras functional models, nothing clever.

Every generator maps latent vectors float32 (n, latent_dim) to images float32 (n, h, w, c), in (-1, 1) after a tanh or
(0, 1) after a sigmoid; every discriminator maps such images to logits float32 (n, 1). Its last layer has no sigmoid: the
losses work on logits, which is exact where a probability would round to 0 or 1.

First the course's own networks: for images of any `image_shape` that they can make, (28, 28, 1) where nothing is said, and any
number of `classes`. A multilayer perceptron makes any shape; a convolutional one what `halvings` allows. Then those of the older
systems that the course grew from, to the letter, for (28, 28, 1) alone.
"""

import math

import keras
from keras import layers

IMAGE_SHAPE = (28, 28, 1)
CLASSES = 10
SIDES = (28, 32, 48, 64, 96)  # tried with all of the course's own convolutional networks; others work too


def check_image_shape(image_shape) -> tuple[int, int, int]:
    """`image_shape` as three numbers (h, w, c).

    Raises:
        ValueError: anything else, or images that are neither grey (c = 1) nor in colour (c = 3).
    """
    try:
        height, width, channels = shape = tuple(int(size) for size in image_shape)
    except (TypeError, ValueError):
        raise ValueError(f"image_shape is {image_shape!r}; it must be (height, width, 1 or 3)") from None
    if shape != tuple(image_shape) or min(height, width) < 1 or channels not in (1, 3):
        raise ValueError(f"image_shape is {image_shape!r}; it must be (height, width, 1 or 3)")
    return shape


def halvings(image_shape) -> int:
    """How often a convolutional network halves images of this shape until no side is longer than 8: 28 → 14 → 7 is twice.

    Raises:
        ValueError: no such shape; or one whose sides do not come out even, at 4 to 8 pixels, after two halvings or more.
    """
    height, width, _ = check_image_shape(image_shape)
    times = 0
    while max(height, width) > 8 and height % 2 == width % 2 == 0:
        height, width, times = height // 2, width // 2, times + 1
    if times < 2 or max(height, width) > 8 or min(height, width) < 4:
        raise ValueError(
            f"image_shape is {tuple(image_shape)}; convolutional networks halve images to between 4 and 8 pixels, at least twice, so "
            f"make them {', '.join(map(str, SIDES[:-1]))} or {SIDES[-1]} pixels high and wide, or take an MLP, which makes any shape"
        )
    return times


def _first_map(image_shape) -> tuple[int, int]:
    """Height and width of the map that a generator begins with, and that a discriminator comes to before its last halving."""
    times = halvings(image_shape)
    return image_shape[0] >> times, image_shape[1] >> times


def _check_classes(classes) -> int:
    if isinstance(classes, bool) or not isinstance(classes, int) or classes < 1:
        raise ValueError(f"classes is {classes!r}; it must be a whole number, at least 1")
    return classes


def mlp_generator(latent_dim: int = 64, units=(256, 512, 1024), image_shape=IMAGE_SHAPE) -> keras.Model:
    """Fully connected generator: Dense layers of growing width, then one value a pixel.

    Source: the multilayer perceptrons of Goodfellow et al., "Generative Adversarial Nets", NeurIPS 2014, section 5;
    tanh output and leaky ReLU after Radford, Metz, Chintala 2016.
    """
    image_shape = check_image_shape(image_shape)
    latents = keras.Input((latent_dim,), name="latents")
    x = latents
    for width in units:
        x = layers.Dense(width)(x)
        x = layers.LeakyReLU(0.2)(x)
    x = layers.Dense(math.prod(image_shape), activation="tanh")(x)
    return keras.Model(latents, layers.Reshape(image_shape)(x), name="mlp_generator")


def mlp_discriminator(units=(512, 256), image_shape=IMAGE_SHAPE) -> keras.Model:
    """Fully connected discriminator: the image as one long vector, Dense layers of shrinking width, one logit."""
    images = keras.Input(check_image_shape(image_shape), name="images")
    x = layers.Flatten()(images)
    for width in units:
        x = layers.Dense(width)(x)
        x = layers.LeakyReLU(0.2)(x)
    return keras.Model(images, layers.Dense(1)(x), name="mlp_discriminator")


def upsampling_block(x, filters: int):
    """Twice the height and width, `filters` channels: transposed convolution, batch norm, leaky ReLU.

    A 4×4 kernel with stride 2 covers every output pixel equally often, so it draws no checkerboard (Odena, Dumoulin,
    Olah, "Deconvolution and Checkerboard Artifacts", Distill 2016).
    """
    x = layers.Conv2DTranspose(filters, 4, strides=2, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    return layers.LeakyReLU(0.2)(x)


def dcgan_generator(latent_dim: int = 64, filters=None, image_shape=IMAGE_SHAPE) -> keras.Model:
    """Small DCGAN generator: 7×7 seed, doubled to 14×14 and 28×28, then one convolution to the image's channels.

    Source: Radford, Metz, Chintala, "Unsupervised Representation Learning with Deep Convolutional GANs", ICLR 2016,
    section 3 (leaky ReLU in place of ReLU, and a last 3×3 convolution: choices of this course).

    Args:
        filters: channels of the seed and after each doubling, one more than `halvings(image_shape)`; default 64, 64, 32, and half
            as many after each further doubling.
    """
    latents = keras.Input((latent_dim,), name="latents")
    return keras.Model(latents, _drawn(latents, filters, image_shape), name="dcgan_generator")


def _drawn(x, filters, image_shape):
    """Images of vectors, as the DCGAN generator draws them."""
    times = halvings(image_shape)
    seed_filters, *block_filters = _as_many(filters, times + 1) if filters else (64, *_narrowing(times))
    x = _seed(x, seed_filters, image_shape)
    for width in block_filters:
        x = upsampling_block(x, width)
    return layers.Conv2D(image_shape[2], 3, padding="same", activation="tanh")(x)


def _narrowing(levels: int) -> list[int]:
    """Channels that halve from 64 where sides double, to 8 at least: so every level takes about as long as the one before."""
    return [max(64 >> level, 8) for level in range(levels)]


def _as_many(given, levels: int):
    """What was given for each level; ValueError where it is not one value each."""
    if len(given) != levels:
        raise ValueError(
            f"{tuple(given)} holds {len(given)} values; images of this shape need {levels}, one for each level"
        )
    return given


def _seed(x, filters: int, image_shape):
    """The smallest map, which a generator begins with: a projection of its input, batch norm, leaky ReLU."""
    height, width = _first_map(image_shape)
    x = layers.Dense(height * width * filters, use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    x = layers.LeakyReLU(0.2)(x)
    return layers.Reshape((height, width, filters))(x)


def subpixel_generator(
    latent_dim: int = 64, filters=None, depths=None, style=(128, 128), image_shape=IMAGE_SHAPE
) -> keras.Model:
    """DCGAN generator that thinks at 7×7 and 14×14, with the latent vector at hand in every block, and draws from there.

    In `dcgan_generator` the 32 channels at 28×28 take most of a step's time. Here convolutions work where they cost a
    sixteenth and a quarter, and one transposed convolution then draws four pixels at each place: a sub-pixel convolution
    (Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural
    Network", CVPR 2016, section 2.2). Every block is a `modulated_block`. How many, and where: chosen by trials
    (`benchmarks/results/trials.md`). Images with more levels than 28×28 have a last 3×3 convolution at full size.

    Args:
        filters: channels at each level but the last, as many as `halvings(image_shape)`; default 64, 64, and half as many at each
            further level.
        depths: convolutions at each of these levels; default 2 at the first, 1 at the others.
        style: units of the dense layers that lead to the vector which modulates the blocks.
    """
    latents = keras.Input((latent_dim,), name="latents")
    drawn = _drawn_small(latents, filters, depths, style, image_shape)
    return keras.Model(latents, drawn, name="subpixel_generator")


def _drawn_small(x, filters, depths, style, image_shape):
    """Images of vectors, as the sub-pixel generator draws them."""
    levels = halvings(image_shape)
    filters = _as_many(filters, levels) if filters else (64, *_narrowing(levels - 1))
    depths = _as_many(depths, levels) if depths else (2, *[1] * (levels - 1))
    told = x
    for units in style:
        told = layers.LeakyReLU(0.2)(layers.Dense(units)(told))
    x = _seed(x, filters[0], image_shape)
    for level, (width, depth) in enumerate(zip(filters, depths)):
        if level:
            x = modulated_block(layers.Conv2DTranspose(width, 4, strides=2, padding="same", use_bias=False)(x), told)
        for _ in range(depth):
            x = modulated_block(layers.Conv2D(width, 3, padding="same", use_bias=False)(x), told)
    if levels == 2:
        return layers.Conv2DTranspose(image_shape[2], 4, strides=2, padding="same", activation="tanh")(x)
    # A transposed convolution has weights of its own for each of four neighbours, which shows as a checkerboard in larger images.
    x = layers.LeakyReLU(0.2)(layers.Conv2D(16, 3, padding="same")(x))
    x = layers.UpSampling2D(interpolation="bilinear")(x)
    return layers.Conv2D(image_shape[2], 3, padding="same", activation="tanh")(x)


def modulated_block(x, style):
    """The channels of each place brought to one length, then scaled and moved as a vector for each image says; leaky ReLU.

    A 3×3 convolution sees only its neighbourhood: whether a left and a right sleeve belong to a pullover or to a dress, it
    has to guess from there. The vector tells every place the same, so that the whole image agrees. And the length is a
    matter of one image, not of its batch: unlike batch norm, it is the same in training and afterwards. A scale of 1 and
    no move at first.

    Args:
        x: (n, h, w, channels), of a convolution without bias.
        style: (n, length), from the latent vector, and the class where there is one.

    Sources: Karras, Aila, Laine, Lehtinen, "Progressive Growing of GANs", ICLR 2018, section 4.2, for the length, √channels;
    Chen, Lucic, Houlsby, Gelly, "On Self Modulation for Generative Adversarial Networks", ICLR 2019, section 2, for the rest.
    """
    channels = x.shape[-1]
    x = layers.Rescaling(channels**0.5)(layers.UnitNormalization(axis=-1)(x))
    scale = layers.Dense(channels, kernel_initializer="zeros", bias_initializer="ones")(style)
    move = layers.Dense(channels, kernel_initializer="zeros")(style)
    x = layers.Multiply()([x, layers.Reshape((1, 1, channels))(scale)])
    x = layers.Add()([x, layers.Reshape((1, 1, channels))(move)])
    return layers.LeakyReLU(0.2)(x)


def downsampling_block(x, filters: int, kernel_size: int):
    """Half the height and width, `filters` channels: strided convolution, leaky ReLU; no batch norm.

    Batch norm in a discriminator would let each image's logit depend on its neighbours in the batch, and mix the
    statistics of real and generated images.
    """
    x = layers.Conv2D(filters, kernel_size, strides=2, padding="same")(x)
    return layers.LeakyReLU(0.2)(x)


def residual_block(x, filters: int, resample: str | None = None):
    """Two 3×3 convolutions whose outcome is added to what came in, so that a block that has learned nothing changes nothing.

    With the activation in front (He et al., "Identity Mappings in Deep Residual Networks", ECCV 2016, section 4.1), in the form
    that GANs use: Gulrajani et al., "Improved Training of Wasserstein GANs", NeurIPS 2017, appendix F, without norms.

    Args:
        x: (n, h, w, c).
        filters: channels of the outcome; where they are others than c, a 1×1 convolution stands in the way past the block.
        resample: "up" doubles height and width (nearest neighbour) before the convolutions, "down" halves them (mean) after;
            None keeps them.

    Raises:
        ValueError: another `resample`.
    """
    if resample not in (None, "up", "down"):
        raise ValueError(f"resample is {resample!r}; it must be 'up', 'down' or None")
    past = layers.UpSampling2D()(x) if resample == "up" else x
    if filters != x.shape[-1]:
        past = layers.Conv2D(filters, 1)(past)
    x = layers.LeakyReLU(0.2)(x)
    x = layers.UpSampling2D()(x) if resample == "up" else x
    x = layers.LeakyReLU(0.2)(layers.Conv2D(filters, 3, padding="same")(x))
    x = layers.Conv2D(filters, 3, padding="same")(x)
    added = layers.Add()([past, x])
    return layers.AveragePooling2D(2)(added) if resample == "down" else added


def dcgan_discriminator(filters=None, image_shape=IMAGE_SHAPE) -> keras.Model:
    """Small DCGAN discriminator: strided convolutions 28 → 14 → 7 → 4, then one logit.

    Source: Radford, Metz, Chintala 2016, section 3, without its batch norm (see `downsampling_block`).

    Args:
        filters: channels after each halving, one more than `halvings(image_shape)`; default 32, 64, 128, and 128 after each further.
    """
    images = keras.Input(check_image_shape(image_shape), name="images")
    return keras.Model(images, layers.Dense(1)(_seen(images, filters)), name="dcgan_discriminator")


def deeper_discriminator(image_shape=IMAGE_SHAPE) -> keras.Model:
    """`dcgan_discriminator` with one more 3×3 convolution at 7×7: it learns more from an image, and takes a little longer.

    It keeps up with `subpixel_generator` (`benchmarks/results/trials.md`).
    """
    images = keras.Input(check_image_shape(image_shape), name="images")
    return keras.Model(images, layers.Dense(1)(_seen(images, depth=1)), name="deeper_discriminator")


def _seen(x, filters=None, depth: int = 0):
    """Features of images, as the DCGAN discriminator sees them: one vector per image. `depth`: convolutions before the last halving."""
    halved = halvings(x.shape[1:]) + 1
    filters = _as_many(filters, halved) if filters else [min(32 << level, 128) for level in range(halved)]
    for width in filters[:-1]:
        x = downsampling_block(x, width, kernel_size=4)
    for _ in range(depth):
        x = layers.LeakyReLU(0.2)(layers.Conv2D(filters[-2], 3, padding="same")(x))
    return layers.Flatten()(downsampling_block(x, filters[-1], kernel_size=3))


def conditional_generator(
    latent_dim: int = 64, filters=None, image_shape=IMAGE_SHAPE, classes: int = CLASSES
) -> keras.Model:
    """`dcgan_generator` that is told what to draw: the class, one-hot, stands beside the latent vector.

    Two inputs: latents (n, latent_dim) and classes (n,), integers from 0 to `classes` − 1.

    Source: Mirza, Osindero, "Conditional Generative Adversarial Nets", 2014, section 3.2.
    """
    return _told_the_class(latent_dim, lambda x: _drawn(x, filters, image_shape), classes, "conditional_generator")


def conditional_subpixel_generator(
    latent_dim: int = 64,
    filters=None,
    depths=None,
    style=(128, 128),
    image_shape=IMAGE_SHAPE,
    classes: int = CLASSES,
) -> keras.Model:
    """`subpixel_generator` that is told what to draw, in the same way as `conditional_generator`."""

    def draw(x):
        return _drawn_small(x, filters, depths, style, image_shape)

    return _told_the_class(latent_dim, draw, classes, "conditional_subpixel_generator")


def _told_the_class(latent_dim: int, draw, count: int, name: str) -> keras.Model:
    """A generator with two inputs, which draws from the latent vector with the one-hot class beside it."""
    latents, classes = keras.Input((latent_dim,), name="latents"), keras.Input((), dtype="int32", name="classes")
    return keras.Model([latents, classes], draw(layers.Concatenate()([latents, _one_hot(classes, count)])), name=name)


def conditional_discriminator(filters=None, image_shape=IMAGE_SHAPE, classes: int = CLASSES) -> keras.Model:
    """`dcgan_discriminator` that judges an image as one of its class: a logit for all classes plus one for this class.

    Two inputs: images (n, h, w, c) and classes (n,), integers from 0 to `classes` − 1. With the features φ of an image and a
    vector v for each class, the logit is w·φ + b + v[class]·φ.

    Source: Miyato, Koyama, "cGANs with Projection Discriminator", ICLR 2018, section 3.
    """
    return _told_what_it_sees(lambda x: _seen(x, filters), image_shape, classes, "conditional_discriminator")


def deeper_conditional_discriminator(image_shape=IMAGE_SHAPE, classes: int = CLASSES) -> keras.Model:
    """`conditional_discriminator` with one more 3×3 convolution at 7×7."""
    return _told_what_it_sees(lambda x: _seen(x, depth=1), image_shape, classes, "deeper_conditional_discriminator")


def _told_what_it_sees(see, image_shape, count: int, name: str) -> keras.Model:
    """A discriminator with two inputs, which judges features by a projection on the class."""
    image_shape, count = check_image_shape(image_shape), _check_classes(count)
    images, classes = keras.Input(image_shape, name="images"), keras.Input((), dtype="int32", name="classes")
    features = see(images)
    for_the_class = layers.Dot(axes=1)([layers.Dense(count, use_bias=False)(features), _one_hot(classes, count)])
    logits = layers.Add()([layers.Dense(1)(features), for_the_class])
    return keras.Model([images, classes], logits, name=name)


def _one_hot(classes, count: int):
    return layers.CategoryEncoding(_check_classes(count), output_mode="one_hot")(classes)


def _stack(inputs, *steps, name: str) -> keras.Model:
    """A functional model of layers one after the other."""
    x = inputs
    for step in steps:
        x = step(x)
    return keras.Model(inputs, x, name=name)


def dense_critic_generator(latent_dim: int = 100) -> keras.Model:
    """Three transposed convolutions of growing width, 64, 128, 256, with ReLU and no batch norm; then one to grey, tanh.

    Chosen here, where the source is silent: a seed of 7×7×64 without activation; 4×4 kernels, strides 1, 2 and 2; a last
    3×3 convolution.
    """
    return _stack(
        keras.Input((latent_dim,), name="latents"),
        layers.Dense(7 * 7 * 64),
        layers.Reshape((7, 7, 64)),
        layers.Conv2DTranspose(64, 4, strides=1, padding="same"),
        layers.ReLU(),
        layers.Conv2DTranspose(128, 4, strides=2, padding="same"),
        layers.ReLU(),
        layers.Conv2DTranspose(256, 4, strides=2, padding="same"),
        layers.ReLU(),
        layers.Conv2D(1, 3, padding="same", activation="tanh"),
        name="dense_critic_generator",
    )


def dense_critic_discriminator() -> keras.Model:
    """Dense layers of 256 and 128 on the flattened image, leaky ReLU and dropout behind each.

    Chosen here: slope 0.2, dropout 0.3.
    """
    return _stack(
        keras.Input(IMAGE_SHAPE, name="images"),
        layers.Flatten(),
        layers.Dense(256),
        layers.LeakyReLU(0.2),
        layers.Dropout(0.3),
        layers.Dense(128),
        layers.LeakyReLU(0.2),
        layers.Dropout(0.3),
        layers.Dense(1),
        name="dense_critic_discriminator",
    )


def bw_fashion_generator(latent_dim: int = 128) -> keras.Model:
    """A 7×7×256 seed, transposed convolutions to 14×14 and 28×28 with batch norm and ReLU, then one to grey, sigmoid.

    Chosen here: 128 and 64 filters, 4×4 kernels with stride 2, batch norm and ReLU on the seed too, and stride 1 with a
    4×4 kernel in the last.
    """
    return _stack(
        keras.Input((latent_dim,), name="latents"),
        layers.Dense(7 * 7 * 256, use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.Reshape((7, 7, 256)),
        layers.Conv2DTranspose(128, 4, strides=2, padding="same", use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.Conv2DTranspose(64, 4, strides=2, padding="same", use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.Conv2DTranspose(1, 4, strides=1, padding="same", activation="sigmoid"),
        name="bw_fashion_generator",
    )


def bw_fashion_discriminator() -> keras.Model:
    """Strided convolutions with leaky ReLU, then one logit. Chosen here: 64 and 128 filters, 4×4 kernels, slope 0.2."""
    return _stack(
        keras.Input(IMAGE_SHAPE, name="images"),
        layers.Conv2D(64, 4, strides=2, padding="same"),
        layers.LeakyReLU(0.2),
        layers.Conv2D(128, 4, strides=2, padding="same"),
        layers.LeakyReLU(0.2),
        layers.Flatten(),
        layers.Dense(1),
        name="bw_fashion_discriminator",
    )


def tutorial_dcgan_generator(latent_dim: int = 100) -> keras.Model:
    """The generator of TensorFlow's tutorial "Deep Convolutional Generative Adversarial Network": 2,330,944 parameters."""
    return _stack(
        keras.Input((latent_dim,), name="latents"),
        layers.Dense(7 * 7 * 256, use_bias=False),
        layers.BatchNormalization(),
        layers.LeakyReLU(0.3),
        layers.Reshape((7, 7, 256)),
        layers.Conv2DTranspose(128, 5, strides=1, padding="same", use_bias=False),
        layers.BatchNormalization(),
        layers.LeakyReLU(0.3),
        layers.Conv2DTranspose(64, 5, strides=2, padding="same", use_bias=False),
        layers.BatchNormalization(),
        layers.LeakyReLU(0.3),
        layers.Conv2DTranspose(1, 5, strides=2, padding="same", use_bias=False, activation="tanh"),
        name="tutorial_dcgan_generator",
    )


def tutorial_dcgan_discriminator() -> keras.Model:
    """The discriminator of the same tutorial: 212,865 parameters."""
    return _stack(
        keras.Input(IMAGE_SHAPE, name="images"),
        layers.Conv2D(64, 5, strides=2, padding="same"),
        layers.LeakyReLU(0.3),
        layers.Dropout(0.3),
        layers.Conv2D(128, 5, strides=2, padding="same"),
        layers.LeakyReLU(0.3),
        layers.Dropout(0.3),
        layers.Flatten(),
        layers.Dense(1),
        name="tutorial_dcgan_discriminator",
    )


def upsampling_dcgan_generator(latent_dim: int = 128) -> keras.Model:
    """Upsampling by repetition, then convolution, all at 128 filters; sigmoid: 2,155,137 parameters.

    After Nicholas Renotte's tutorial "FashionGAN" (github.com/nicknochnack/GANBasics).
    """
    return _stack(
        keras.Input((latent_dim,), name="latents"),
        layers.Dense(7 * 7 * 128),
        layers.LeakyReLU(0.2),
        layers.Reshape((7, 7, 128)),
        layers.UpSampling2D(),
        layers.Conv2D(128, 5, padding="same"),
        layers.LeakyReLU(0.2),
        layers.UpSampling2D(),
        layers.Conv2D(128, 5, padding="same"),
        layers.LeakyReLU(0.2),
        layers.Conv2D(128, 4, padding="same"),
        layers.LeakyReLU(0.2),
        layers.Conv2D(128, 4, padding="same"),
        layers.LeakyReLU(0.2),
        layers.Conv2D(1, 4, padding="same", activation="sigmoid"),
        name="upsampling_dcgan_generator",
    )


def upsampling_dcgan_discriminator() -> keras.Model:
    """Four 5×5 convolutions without stride or padding, 28 → 24 → 20 → 16 → 12: 1,113,345 parameters."""
    images = keras.Input(IMAGE_SHAPE, name="images")
    steps = []
    for filters in (32, 64, 128, 256):
        steps += [layers.Conv2D(filters, 5), layers.LeakyReLU(0.2), layers.Dropout(0.4)]
    return _stack(
        images, *steps, layers.Flatten(), layers.Dropout(0.4), layers.Dense(1), name="upsampling_dcgan_discriminator"
    )
