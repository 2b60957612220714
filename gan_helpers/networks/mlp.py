"""Multilayer perceptrons: generator and discriminator of images of any shape."""

import math

import keras
from keras import layers

from gan_helpers.networks.sizes import IMAGE_SHAPE, check_image_shape


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
