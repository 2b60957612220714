"""Generators and discriminators: plain Keras functional models, nothing clever.

Every generator maps latent vectors float32 (n, latent_dim) to images float32 (n, 28, 28, 1) in (-1, 1); every
discriminator maps such images to logits float32 (n, 1): positive means "looks real". None of them ends in a sigmoid:
the losses work on logits, which is exact where a probability would round to 0 or 1.
"""

import keras
from keras import layers

IMAGE_SHAPE = (28, 28, 1)


def mlp_generator(latent_dim: int = 64, units=(256, 512, 1024)) -> keras.Model:
    """Fully connected generator: Dense layers of growing width, then one value a pixel.

    Source: the multilayer perceptrons of Goodfellow et al., "Generative Adversarial Nets", NeurIPS 2014, section 5;
    tanh output and leaky ReLU after Radford, Metz, Chintala 2016.
    """
    latents = keras.Input((latent_dim,), name="latents")
    x = latents
    for width in units:
        x = layers.Dense(width)(x)
        x = layers.LeakyReLU(0.2)(x)
    x = layers.Dense(28 * 28, activation="tanh")(x)
    return keras.Model(latents, layers.Reshape(IMAGE_SHAPE)(x), name="mlp_generator")


def mlp_discriminator(units=(512, 256)) -> keras.Model:
    """Fully connected discriminator: the image as one long vector, Dense layers of shrinking width, one logit."""
    images = keras.Input(IMAGE_SHAPE, name="images")
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


def dcgan_generator(latent_dim: int = 64, filters=(64, 64, 32)) -> keras.Model:
    """Small DCGAN generator: 7×7 seed, doubled to 14×14 and 28×28, then one convolution to grey.

    Source: Radford, Metz, Chintala, "Unsupervised Representation Learning with Deep Convolutional GANs", ICLR 2016,
    section 3 (leaky ReLU in place of ReLU, and a last 3×3 convolution: choices of this course).
    """
    seed_filters, *block_filters = filters
    latents = keras.Input((latent_dim,), name="latents")
    x = layers.Dense(7 * 7 * seed_filters, use_bias=False)(latents)
    x = layers.BatchNormalization(momentum=0.9)(x)
    x = layers.LeakyReLU(0.2)(x)
    x = layers.Reshape((7, 7, seed_filters))(x)
    for width in block_filters:
        x = upsampling_block(x, width)
    images = layers.Conv2D(1, 3, padding="same", activation="tanh")(x)
    return keras.Model(latents, images, name="dcgan_generator")


def downsampling_block(x, filters: int, kernel_size: int):
    """Half the height and width, `filters` channels: strided convolution, leaky ReLU; no batch norm.

    Batch norm in a discriminator would let each image's logit depend on its neighbours in the batch, and mix the
    statistics of real and generated images.
    """
    x = layers.Conv2D(filters, kernel_size, strides=2, padding="same")(x)
    return layers.LeakyReLU(0.2)(x)


def dcgan_discriminator(filters=(32, 64, 128)) -> keras.Model:
    """Small DCGAN discriminator: strided convolutions 28 → 14 → 7 → 4, then one logit.

    Source: Radford, Metz, Chintala 2016, section 3, without its batch norm (see `downsampling_block`).
    """
    images = keras.Input(IMAGE_SHAPE, name="images")
    x = images
    for width in filters[:-1]:
        x = downsampling_block(x, width, kernel_size=4)
    x = downsampling_block(x, filters[-1], kernel_size=3)
    return keras.Model(images, layers.Dense(1)(layers.Flatten()(x)), name="dcgan_discriminator")
