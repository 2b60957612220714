"""Networks for toys: points in place of images."""

import keras
from keras import layers

from gan_helpers.networks.layers import LearnedPoint


def toy_generator(latent_dim: int = 16, width: int = 128, outputs: int = 2) -> keras.Model:
    """Two hidden layers, then a point: latent vectors (n, latent_dim) → points (n, outputs), any numbers.

    Source: Metz et al., "Unrolled Generative Adversarial Networks", ICLR 2017 (2 × 128, ReLU, a linear end).
    """
    latents = keras.Input((latent_dim,), name="latents")
    x = latents
    for _ in range(2):
        x = layers.Dense(width, activation="relu")(x)
    return keras.Model(latents, layers.Dense(outputs)(x), name="toy_generator")


def toy_discriminator(width: int = 128, inputs: int = 2, batch_layer=None) -> keras.Model:
    """Two hidden layers: points (n, inputs) → logits (n, 1).

    Args:
        batch_layer: a layer after the first hidden one that lets each point be judged beside the others of its batch, such as
            `gh.layers.MinibatchDiscrimination()` or `gh.layers.MinibatchStandardDeviation()`; None without.
    """
    points = keras.Input((inputs,), name="points")
    x = layers.Dense(width, activation="relu")(points)
    if batch_layer is not None:
        x = batch_layer(x)
    x = layers.Dense(width, activation="relu")(x)
    return keras.Model(points, layers.Dense(1)(x), name="toy_discriminator")


def point_generator(theta: float = 1.0) -> keras.Model:
    """Dirac-GAN's generator: latent vectors (n, 1), which it ignores → the one number θ, (n, 1).

    Source: Mescheder, Geiger, Nowozin, "Which Training Methods for GANs do actually Converge?", ICML 2018, section 2.
    """
    latents = keras.Input((1,), name="latents")
    return keras.Model(latents, LearnedPoint((theta,))(latents), name="point_generator")


def slope_discriminator(psi: float = 1.0) -> keras.Model:
    """Dirac-GAN's discriminator, a straight line through 0: numbers x (n, 1) → logits ψ·x (n, 1). Source: as `point_generator`."""
    points = keras.Input((1,), name="points")
    slope = layers.Dense(1, use_bias=False, kernel_initializer=keras.initializers.Constant(psi))
    return keras.Model(points, slope(points), name="slope_discriminator")
