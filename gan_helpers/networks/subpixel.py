"""The course's fast generator, which draws from a small map: sub-pixel convolution and modulated blocks."""

import keras
from keras import layers

from gan_helpers.networks.blocks import as_many, modulated_block, narrowing, seed_map
from gan_helpers.networks.sizes import IMAGE_SHAPE, halvings


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
    drawn = drawn_small(latents, filters, depths, style, image_shape)
    return keras.Model(latents, drawn, name="subpixel_generator")


def drawn_small(x, filters, depths, style, image_shape):
    """Images of vectors, as the sub-pixel generator draws them."""
    levels = halvings(image_shape)
    filters = as_many(filters, levels) if filters else (64, *narrowing(levels - 1))
    depths = as_many(depths, levels) if depths else (2, *[1] * (levels - 1))
    told = x
    for units in style:
        told = layers.LeakyReLU(0.2)(layers.Dense(units)(told))
    x = seed_map(x, filters[0], image_shape)
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
