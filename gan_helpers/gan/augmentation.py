"""Augmentation in front of the discriminator: an image comes in several versions, so it is harder to learn by heart.

Real *and* generated images are changed, and the generator learns through the change: where only the real ones are, it would
learn to draw changed images (Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training", NeurIPS 2020,
section 3; Karras et al., "Training Generative Adversarial Networks with Limited Data", NeurIPS 2020, section 2).

An augmentation is called with images float32 (n, h, w, c), the `Draws` of this side of the step, and the pixel range; it
gives images of the same shape, through which gradients flow. Points of a toy, float32 (n, d), have None for a range. `register` makes one of your own known by a name:

    @gh.augmentation.register("mirror")
    def mirror(images, draws, pixel_range):
        return tf.where(draws.uniform("mirror", (len(images), 1, 1, 1)) < 0.5, images, images[:, :, ::-1])
"""

from dataclasses import dataclass, replace

import tensorflow as tf

from gan_helpers.gan.terms import Kind

AUGMENTATIONS = Kind("augmentation", "augmentation")
register, as_data, as_text = AUGMENTATIONS.register, AUGMENTATIONS.as_data, AUGMENTATIONS.as_text
get, get_all = AUGMENTATIONS.get, AUGMENTATIONS.get_all


def _within(term, name, low, high):
    value = getattr(term, name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ValueError(f"{type(term).__name__}: {name} is {value!r}; it must lie in {low:g}…{high:g}")


def _size(images) -> tuple:
    """n, height, width of images; ValueError for points of a toy."""
    if len(images.shape) != 4:
        raise ValueError(f"this augmentation takes images (n, h, w, c); got examples of shape {tuple(images.shape)}")
    n, height, width, _ = tf.unstack(tf.shape(images))
    return n, height, width


def _one_each(draws, name, images, low, high):
    """A number per image between low and high, (n, 1, 1, 1)."""
    return draws.uniform(name, (_size(images)[0], 1, 1, 1), float(low), float(high))


@register("shift")
@dataclass(frozen=True)
class Shift:
    """Each image moved by its own whole number of pixels, −`pixels`…`pixels` down and across; black comes in at the edges.

    Zhao et al. 2020, section 3 (translation).

    Raises:
        ValueError: no whole number of pixels above 0; when called: as many as the image is high or wide.
    """

    pixels: int = 1

    def __post_init__(self):
        if isinstance(self.pixels, bool) or not isinstance(self.pixels, int) or self.pixels < 1:
            raise ValueError(f"Shift: pixels is {self.pixels!r}; it must be a whole number, at least 1")

    def resized(self, before, after) -> "Shift":
        """As far in proportion, for images (h, w, c) of another shape: in whole pixels, at least one."""
        return replace(self, pixels=max(1, round(self.pixels * min(after[:2]) / min(before[:2]))))

    def __call__(self, images, draws, pixel_range):
        """float32 (n, h, w, c)."""
        n, height, width = _size(images)
        if self.pixels >= min(images.shape[1:3]):
            raise ValueError(
                f"Shift({self.pixels}) moves images of {images.shape[1]}×{images.shape[2]} pixels out of sight"
            )
        frame = (self.pixels, self.pixels)
        padded = tf.pad(images, ((0, 0), frame, frame, (0, 0)), constant_values=pixel_range[0])
        moves = draws.uniform("shift", (2, n, 1), -self.pixels, self.pixels + 1, axis=1)
        down, across = tf.unstack(self.pixels + moves)
        rows = tf.gather(padded, down + tf.range(height), axis=1, batch_dims=1)
        return tf.gather(rows, across + tf.range(width), axis=2, batch_dims=1)


@register("colour")
@dataclass(frozen=True)
class Colour:
    """Each image brighter or darker, its colours stronger or weaker, its contrast higher or lower; nothing is cut off.

    Zhao et al. 2020, section 3 (colour), whose amounts are the defaults. On grey images saturation changes nothing.

    Attributes:
        brightness: at most so much of the pixel range is added or taken.
        saturation, contrast: the distance from the pixel's grey, and from the image's mean, is multiplied by 1 ± at most this.

    Raises:
        ValueError: a value outside 0…1.
    """

    brightness: float = 0.25
    saturation: float = 1.0
    contrast: float = 0.5

    def __post_init__(self):
        for name in ("brightness", "saturation", "contrast"):
            _within(self, name, 0, 1)

    def __call__(self, images, draws, pixel_range):
        """float32 (n, h, w, c)."""
        low, high = pixel_range
        most = self.brightness * (high - low)
        images += _one_each(draws, "brightness", images, -most, most)
        for name, amount, axes in (("saturation", self.saturation, 3), ("contrast", self.contrast, (1, 2, 3))):
            mean = tf.reduce_mean(images, axes, keepdims=True)
            images = mean + (images - mean) * _one_each(draws, name, images, 1 - amount, 1 + amount)
        return images


@register("cutout")
@dataclass(frozen=True)
class Cutout:
    """A square of each image, at a place of its own, is grey: the middle of the pixel range.

    Zhao et al. 2020, section 3 (cutout), after DeVries, Taylor, "Improved Regularization of Convolutional Neural Networks with
    Cutout", 2017. The middle of the square may lie anywhere in the image, so part of it may lie outside.

    Attributes:
        share: side of the square as a share of the image's height and width, in (0, 1).

    Raises:
        ValueError: a share out of its range.
    """

    share: float = 0.5

    def __post_init__(self):
        if not (isinstance(self.share, float) and 0 < self.share < 1):
            raise ValueError(f"Cutout: share is {self.share!r}; it must lie between 0 and 1")

    def __call__(self, images, draws, pixel_range):
        """float32 (n, h, w, c)."""
        n, *sizes = _size(images)
        cut = tf.ones((n, 1, 1, 1), tf.bool)
        for i, size in enumerate(sizes):
            side = tf.cast(tf.round(self.share * tf.cast(size, tf.float32)), tf.int32)
            places = draws.uniform(("cutout_down", "cutout_across")[i], (n, 1))
            first = tf.cast(places * tf.cast(size, tf.float32), tf.int32) - side // 2
            here = (tf.range(size) >= first) & (tf.range(size) < first + side)  # (n, size)
            cut &= tf.reshape(here, (n, -1, 1, 1) if i == 0 else (n, 1, -1, 1))
        return tf.where(cut, sum(pixel_range) / 2, images)


@register("instance_noise")
@dataclass(frozen=True)
class InstanceNoise:
    """Normal noise on every value, so that real and generated examples overlap, and no discriminator can tell all of them apart.

    Sønderby, Caballero, Theis, Shi, Huszár, "Amortised MAP Inference for Image Super-resolution", ICLR 2017; Arjovsky,
    Bottou, "Towards Principled Methods for Training Generative Adversarial Networks", ICLR 2017, section 3. What leaves the
    pixel range is not cut off: the noise would have another mean there. Points have it too.

    Attributes:
        std: standard deviation, above 0 and at most 10, as a share of the pixel range; for points, in their own units.

    Raises:
        ValueError: a std out of its range.
    """

    std: float = 0.1

    def __post_init__(self):
        _within(self, "std", 0, 10)
        if not self.std:
            raise ValueError("InstanceNoise: std is 0, which adds nothing: leave the term out")

    def __call__(self, images, draws, pixel_range):
        """float32 of the shape of the images or points."""
        low, high = pixel_range or (0.0, 1.0)
        return images + self.std * (high - low) * draws.normal("instance_noise", tf.shape(images))


@register("adaptive")
@dataclass(frozen=True)
class Adaptive:
    """ADA: how often the augmentations beside it act follows from how well the discriminator knows the real images by heart.

        augment=[Shift(2), Colour(), Cutout(), Adaptive(0.6)]

    Each augmentation changes each image with probability p, which begins at 0. A discriminator that overfits calls more and
    more real images real: where r = E[sign of the real logits] is above `target`, p grows, otherwise it shrinks, by the
    number of images seen over `images` (Karras et al., "Training Generative Adversarial Networks with Limited Data",
    NeurIPS 2020, section 3.1, equation 1: r_t, target 0.6, 500,000 images from 0 to 1). p is reported as
    `augment_probability`.

    Raises:
        ValueError: values out of range. In `GAN`: no augmentation beside it, or an objective whose logits have no sign.
    """

    target: float = 0.6
    images: int = 500_000

    def __post_init__(self):
        _within(self, "target", -1, 1)
        if not (isinstance(self.images, int) and self.images >= 1):
            raise ValueError(f"Adaptive: images is {self.images!r}; it must be a whole number, at least 1")

    def __call__(self, changed, images, draws, probability):
        """Images of which each is the changed one with this probability."""
        return tf.where(_one_each(draws, "adaptive", images, 0, 1) < probability, changed, images)

    def next_probability(self, probability, called_real):
        """p after a step in which the discriminator called these real images real: booleans (n, 1)."""
        r = tf.reduce_mean(tf.where(called_real, 1.0, -1.0))
        step = tf.cast(tf.size(called_real), tf.float32) / self.images
        return tf.clip_by_value(probability + tf.sign(r - self.target) * step, 0.0, 1.0)
