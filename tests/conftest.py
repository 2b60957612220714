"""What the package's tests share: small real images, and a GAN that trains in seconds."""

import keras
import pytest
from keras import layers

from gan_helpers import data
from gan_helpers.gan import GAN


@pytest.fixture(scope="session")
def some_images():
    return data.load_fashion_mnist("test")[0][:256]


@pytest.fixture
def small_gan():
    """A function that builds the same compiled small GAN again and again: batch norm, dropout and label noise included."""

    def build(seed=0, **settings):
        keras.utils.set_random_seed(seed)
        latents = keras.Input((8,))
        x = layers.LeakyReLU(0.2)(layers.BatchNormalization()(layers.Dense(32)(latents)))
        generator = keras.Model(latents, layers.Reshape((28, 28, 1))(layers.Dense(784, activation="tanh")(x)))
        images = keras.Input((28, 28, 1))
        x = layers.Dropout(0.3)(layers.LeakyReLU(0.2)(layers.Dense(32)(layers.Flatten()(images))))
        gan = GAN(generator, keras.Model(images, layers.Dense(1)(x)), seed=seed, **settings)
        gan.compile()
        return gan

    return build
