"""Generators and discriminators: plain Keras functional models, nothing clever.

Every generator maps latent vectors float32 (n, latent_dim) to images float32 (n, h, w, c), in (-1, 1) after a tanh or
(0, 1) after a sigmoid; every discriminator maps such images to logits float32 (n, 1). Its last layer has no sigmoid: the
losses work on logits, which is exact where a probability would round to 0 or 1. Those of toys make and take points (n, d).

The course's own networks make images of any `image_shape` that they can, (28, 28, 1) where nothing is said, and of any number
of `classes`. A multilayer perceptron makes any shape; a convolutional one what `halvings` allows.
"""

from gan_helpers.networks.blocks import downsampling_block, modulated_block, residual_block, upsampling_block
from gan_helpers.networks.conditional import (
    conditional_discriminator,
    conditional_generator,
    conditional_subpixel_generator,
    deeper_conditional_discriminator,
)
from gan_helpers.networks.dcgan import (
    dcgan_discriminator,
    dcgan_generator,
    deeper_discriminator,
    spectral_discriminator,
)
from gan_helpers.networks.mlp import mlp_discriminator, mlp_generator
from gan_helpers.networks.older_systems import (
    bw_fashion_discriminator,
    bw_fashion_generator,
    dense_critic_discriminator,
    dense_critic_generator,
    tutorial_dcgan_discriminator,
    tutorial_dcgan_generator,
    upsampling_dcgan_discriminator,
    upsampling_dcgan_generator,
)
from gan_helpers.networks.sizes import CLASSES, IMAGE_SHAPE, SIZES, check_image_shape, halvings
from gan_helpers.networks.subpixel import subpixel_generator
from gan_helpers.networks.toys import point_generator, slope_discriminator, toy_discriminator, toy_generator

__all__ = [
    "CLASSES",
    "IMAGE_SHAPE",
    "SIZES",
    "bw_fashion_discriminator",
    "bw_fashion_generator",
    "check_image_shape",
    "conditional_discriminator",
    "conditional_generator",
    "conditional_subpixel_generator",
    "dcgan_discriminator",
    "dcgan_generator",
    "deeper_conditional_discriminator",
    "deeper_discriminator",
    "dense_critic_discriminator",
    "dense_critic_generator",
    "downsampling_block",
    "halvings",
    "mlp_discriminator",
    "mlp_generator",
    "modulated_block",
    "point_generator",
    "residual_block",
    "slope_discriminator",
    "spectral_discriminator",
    "subpixel_generator",
    "toy_discriminator",
    "toy_generator",
    "tutorial_dcgan_discriminator",
    "tutorial_dcgan_generator",
    "upsampling_block",
    "upsampling_dcgan_discriminator",
    "upsampling_dcgan_generator",
]
