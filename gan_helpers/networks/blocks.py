"""The blocks that the course's networks are built of."""

from keras import layers

from gan_helpers.networks.sizes import check_classes, first_map


def upsampling_block(x, filters: int):
    """Twice the height and width, `filters` channels: transposed convolution, batch norm, leaky ReLU.

    A 4×4 kernel with stride 2 covers every output pixel equally often, so it draws no checkerboard (Odena, Dumoulin,
    Olah, "Deconvolution and Checkerboard Artifacts", Distill 2016).
    """
    x = layers.Conv2DTranspose(filters, 4, strides=2, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    return layers.LeakyReLU(0.2)(x)


def narrowing(levels: int) -> list[int]:
    """Channels that halve from 64 where sides double, to 8 at least: so every level takes about as long as the one before."""
    return [max(64 >> level, 8) for level in range(levels)]


def as_many(given, levels: int):
    """What was given for each level; ValueError where it is not one value each."""
    if len(given) != levels:
        raise ValueError(
            f"{tuple(given)} holds {len(given)} values; images of this shape need {levels}, one for each level"
        )
    return given


def seed_map(x, filters: int, image_shape):
    """The smallest map, which a generator begins with: a projection of its input, batch norm, leaky ReLU."""
    height, width = first_map(image_shape)
    x = layers.Dense(height * width * filters, use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    x = layers.LeakyReLU(0.2)(x)
    return layers.Reshape((height, width, filters))(x)


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


def one_hot(classes, count: int):
    """Classes (n,) as float32 (n, count)."""
    return layers.CategoryEncoding(check_classes(count), output_mode="one_hot")(classes)
