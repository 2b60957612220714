"""Augmentation in front of the discriminator: an image comes in several versions, so it is harder to learn by heart."""

import tensorflow as tf


def shifted(images, pixels, seed, fill: float, at_most: int):
    """Each image moved by its own whole number of pixels, −`pixels`…`pixels` down and across; gradients flow through.

    Real *and* generated images are moved, and the generator learns through the move: where only the real ones are, it
    would learn to draw moved images (Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training", NeurIPS
    2020, section 3; Karras et al., "Training Generative Adversarial Networks with Limited Data", NeurIPS 2020, section 2).

    Args:
        images: float32 (n, h, w, c).
        pixels: the farthest move, an integer or a scalar tensor, so that it may change while a graph runs.
        at_most: the greatest value of `pixels`.
        seed: int64 (2,); the moves are a function of it.
        fill: the value of what comes in at the edges: the background's.

    Returns:
        float32 (n, h, w, c).
    """
    n, height, width, _ = tf.unstack(tf.shape(images))
    frame = (at_most, at_most)
    padded = tf.pad(images, ((0, 0), frame, frame, (0, 0)), constant_values=fill)
    moves = tf.random.stateless_uniform((2, n, 1), seed, -pixels, pixels + 1, tf.int32)
    down, across = tf.unstack(at_most + moves)
    rows = tf.gather(padded, down + tf.range(height), axis=1, batch_dims=1)
    return tf.gather(rows, across + tf.range(width), axis=2, batch_dims=1)
