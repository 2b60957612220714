"""DCGAN: transposed convolutions against strided ones."""

import keras
from keras import layers

from gan_helpers.networks.blocks import as_many, downsampling_block, narrowing, seed_map, upsampling_block
from gan_helpers.networks.layers import SpectralNormalization
from gan_helpers.networks.sizes import IMAGE_SHAPE, check_image_shape, halvings


def dcgan_generator(latent_dim: int = 64, filters=None, image_shape=IMAGE_SHAPE) -> keras.Model:
    """Small DCGAN generator: 7×7 seed, doubled to 14×14 and 28×28, then one convolution to the image's channels.

    Source: Radford, Metz, Chintala, "Unsupervised Representation Learning with Deep Convolutional GANs", ICLR 2016,
    section 3 (leaky ReLU in place of ReLU, and a last 3×3 convolution: choices of this course).

    Args:
        filters: channels of the seed and after each doubling, one more than `halvings(image_shape)`; default 64, 64, 32, and half
            as many after each further doubling.
    """
    latents = keras.Input((latent_dim,), name="latents")
    return keras.Model(latents, drawn(latents, filters, image_shape), name="dcgan_generator")


def drawn(x, filters, image_shape):
    """Images of vectors, as the DCGAN generator draws them."""
    times = halvings(image_shape)
    seed_filters, *block_filters = as_many(filters, times + 1) if filters else (64, *narrowing(times))
    x = seed_map(x, seed_filters, image_shape)
    for width in block_filters:
        x = upsampling_block(x, width)
    return layers.Conv2D(image_shape[2], 3, padding="same", activation="tanh")(x)


def dcgan_discriminator(filters=None, image_shape=IMAGE_SHAPE) -> keras.Model:
    """Small DCGAN discriminator: strided convolutions 28 → 14 → 7 → 4, then one logit.

    Source: Radford, Metz, Chintala 2016, section 3, without its batch norm (see `downsampling_block`).

    Args:
        filters: channels after each halving, one more than `halvings(image_shape)`; default 32, 64, 128, and 128 after each further.
    """
    images = keras.Input(check_image_shape(image_shape), name="images")
    return keras.Model(images, layers.Dense(1)(seen(images, filters)), name="dcgan_discriminator")


def deeper_discriminator(image_shape=IMAGE_SHAPE) -> keras.Model:
    """`dcgan_discriminator` with one more 3×3 convolution at 7×7: it learns more from an image, and takes a little longer.

    It keeps up with `subpixel_generator` (`benchmarks/results/trials.md`).
    """
    images = keras.Input(check_image_shape(image_shape), name="images")
    return keras.Model(images, layers.Dense(1)(seen(images, depth=1)), name="deeper_discriminator")


def spectral_discriminator(image_shape=IMAGE_SHAPE) -> keras.Model:
    """`deeper_discriminator` with every kernel spectrally normalised, so that no layer stretches its input.

    Source: Miyato et al., "Spectral Normalization for Generative Adversarial Networks", ICLR 2018.
    """

    def normalised(layer):
        copy = type(layer).from_config(layer.get_config())
        return SpectralNormalization(copy, name=layer.name) if hasattr(layer, "kernel") else copy

    return keras.models.clone_model(deeper_discriminator(image_shape), clone_function=normalised)


def seen(x, filters=None, depth: int = 0):
    """Features of images, as the DCGAN discriminator sees them: one vector per image. `depth`: convolutions before the last halving."""
    halved = halvings(x.shape[1:]) + 1
    filters = as_many(filters, halved) if filters else [min(32 << level, 128) for level in range(halved)]
    for width in filters[:-1]:
        x = downsampling_block(x, width, kernel_size=4)
    for _ in range(depth):
        x = layers.LeakyReLU(0.2)(layers.Conv2D(filters[-2], 3, padding="same")(x))
    return layers.Flatten()(downsampling_block(x, filters[-1], kernel_size=3))
