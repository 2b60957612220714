"""Augmentation in front of the discriminator: it never sees the same image twice, so it cannot learn images by heart."""

import tensorflow as tf


def shifted(images, pixels: int, seed, fill: float):
    """Each image moved by its own whole number of pixels, −`pixels`…`pixels` down and across; gradients flow through.

    Real *and* generated images are moved, and the generator learns through the move: where only the real ones are, it
    would learn to draw moved images (Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training", NeurIPS
    2020, section 3; Karras et al., "Training Generative Adversarial Networks with Limited Data", NeurIPS 2020, section 2).

    Args:
        images: float32 (n, h, w, c).
        pixels: the farthest move.
        seed: int64 (2,); the moves are a function of it.
        fill: the value of what comes in at the edges: the background's.

    Returns:
        float32 (n, h, w, c).
    """
    n, height, width, _ = tf.unstack(tf.shape(images))
    padded = tf.pad(images, ((0, 0), (pixels, pixels), (pixels, pixels), (0, 0)), constant_values=fill)
    down, across = tf.unstack(tf.random.stateless_uniform((2, n, 1), seed, 0, 2 * pixels + 1, tf.int32))
    rows = tf.gather(padded, down + tf.range(height), axis=1, batch_dims=1)
    return tf.gather(rows, across + tf.range(width), axis=2, batch_dims=1)
