"""Networks conditioned on the class."""

import keras
from keras import layers

from gan_helpers.networks.blocks import one_hot
from gan_helpers.networks.dcgan import drawn, seen
from gan_helpers.networks.sizes import CLASSES, IMAGE_SHAPE, check_classes, check_image_shape
from gan_helpers.networks.subpixel import drawn_small


def conditional_generator(
    latent_dim: int = 64, filters=None, image_shape=IMAGE_SHAPE, classes: int = CLASSES
) -> keras.Model:
    """`dcgan_generator` conditioned on the class, which stands, one-hot, beside the latent vector.

    Two inputs: latents (n, latent_dim) and classes (n,), integers from 0 to `classes` − 1.

    Source: Mirza, Osindero, "Conditional Generative Adversarial Nets", 2014, section 3.2.
    """
    return _told_the_class(latent_dim, lambda x: drawn(x, filters, image_shape), classes, "conditional_generator")


def conditional_subpixel_generator(
    latent_dim: int = 64,
    filters=None,
    depths=None,
    style=(128, 128),
    image_shape=IMAGE_SHAPE,
    classes: int = CLASSES,
) -> keras.Model:
    """`subpixel_generator` conditioned on the class, in the same way as `conditional_generator`."""

    def draw(x):
        return drawn_small(x, filters, depths, style, image_shape)

    return _told_the_class(latent_dim, draw, classes, "conditional_subpixel_generator")


def _told_the_class(latent_dim: int, draw, count: int, name: str) -> keras.Model:
    """A generator with two inputs, which draws from the latent vector with the one-hot class beside it."""
    latents, classes = keras.Input((latent_dim,), name="latents"), keras.Input((), dtype="int32", name="classes")
    return keras.Model([latents, classes], draw(layers.Concatenate()([latents, one_hot(classes, count)])), name=name)


def conditional_discriminator(filters=None, image_shape=IMAGE_SHAPE, classes: int = CLASSES) -> keras.Model:
    """`dcgan_discriminator` that judges an image as one of its class: a logit for all classes plus one for this class.

    Two inputs: images (n, h, w, c) and classes (n,), integers from 0 to `classes` − 1. With the features φ of an image and a
    vector v for each class, the logit is w·φ + b + v[class]·φ.

    Source: Miyato, Koyama, "cGANs with Projection Discriminator", ICLR 2018, section 3.
    """
    return _told_what_it_sees(lambda x: seen(x, filters), image_shape, classes, "conditional_discriminator")


def deeper_conditional_discriminator(image_shape=IMAGE_SHAPE, classes: int = CLASSES) -> keras.Model:
    """`conditional_discriminator` with one more 3×3 convolution at 7×7."""
    return _told_what_it_sees(lambda x: seen(x, depth=1), image_shape, classes, "deeper_conditional_discriminator")


def _told_what_it_sees(see, image_shape, count: int, name: str) -> keras.Model:
    """A discriminator with two inputs, which judges features by a projection on the class."""
    image_shape, count = check_image_shape(image_shape), check_classes(count)
    images, classes = keras.Input(image_shape, name="images"), keras.Input((), dtype="int32", name="classes")
    features = see(images)
    for_the_class = layers.Dot(axes=1)([layers.Dense(count, use_bias=False)(features), one_hot(classes, count)])
    logits = layers.Add()([layers.Dense(1)(features), for_the_class])
    return keras.Model([images, classes], logits, name=name)
