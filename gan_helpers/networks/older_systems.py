"""The networks of the systems that the course grew from, to the letter: for 28×28×1 alone."""

import keras
from keras import layers

from gan_helpers.networks.sizes import IMAGE_SHAPE


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
    """Dense layers of 256 and 128 on the flattened image, leaky ReLU and dropout after each.

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
