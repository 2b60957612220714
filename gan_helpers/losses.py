"""Objectives: (real logits, fake logits) → (discriminator loss, generator loss)."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class NonSaturating:
    """The non-saturating GAN objective, with optional label smoothing and label noise.

    Discriminator: cross-entropy of the real logits against 1 plus that of the fake logits against 0. Generator: cross-
    entropy of the fake logits against 1, which pushes hardest where the discriminator is sure (Goodfellow et al.,
    "Generative Adversarial Nets", NeurIPS 2014, section 3). At equilibrium the two are log 4 and log 2.

    Attributes:
        label_smoothing: s in [0, 0.5): the discriminator's target for real images is 1 − s (one-sided: Salimans et al.,
            "Improved Techniques for Training GANs", NeurIPS 2016, section 3.4).
        label_noise: a in [0, 0.5): each of the discriminator's targets moves towards the other by U(0, a).
        real_label: 1, or 0 where the discriminator's logit says how *generated* an image looks, as in some older systems.
        average: the discriminator's loss is the mean of its two halves, as when real and generated images are put into one
            batch; otherwise their sum.

    Raises:
        ValueError: a value out of its range.
    """

    label_smoothing: float = 0.0
    label_noise: float = 0.0
    real_label: int = 1
    average: bool = False

    def __post_init__(self):
        if self.real_label not in (0, 1):
            raise ValueError(f"real_label is {self.real_label}; it must be 1 or 0")
        for name, value in (("label_smoothing", self.label_smoothing), ("label_noise", self.label_noise)):
            if not 0 <= value < 0.5:
                raise ValueError(f"{name} is {value}; it must lie in [0, 0.5)")

    def __call__(self, real_logits, fake_logits, seed=(0, 0)):
        """Both losses as scalars, means over the batch.

        Args:
            real_logits, fake_logits: float32 (n, 1).
            seed: pair of integers that fixes the label noise, such as (run seed, step).
        """
        import tensorflow as tf

        if self.real_label == 0:  # cross-entropy of (label, logit) is that of (1 − label, −logit)
            real_logits, fake_logits = -real_logits, -fake_logits
        real_labels = tf.ones_like(real_logits) * (1 - self.label_smoothing)
        fake_labels = tf.zeros_like(fake_logits)
        if self.label_noise:
            seeds = tf.random.experimental.stateless_split(tf.stack([tf.cast(part, tf.int64) for part in seed]), 2)
            real_labels -= tf.random.stateless_uniform(tf.shape(real_labels), seeds[0], maxval=self.label_noise)
            fake_labels += tf.random.stateless_uniform(tf.shape(fake_labels), seeds[1], maxval=self.label_noise)

        def cross_entropy(labels, logits):
            # With TensorFlow's own sigmoid_cross_entropy_with_logits and label noise, the last bit of the gradients
            # changed from run to run on a CPU. It sends three gradients into the logits; here there are two, whose sum
            # has no order.
            return tf.reduce_mean(labels * tf.nn.softplus(-logits) + (1 - labels) * tf.nn.softplus(logits))

        discriminator_loss = cross_entropy(real_labels, real_logits) + cross_entropy(fake_labels, fake_logits)
        generator_loss = cross_entropy(tf.ones_like(fake_logits), fake_logits)
        return discriminator_loss * (0.5 if self.average else 1), generator_loss

    @property
    def equilibrium(self) -> dict[str, float]:
        """Both losses where real and generated images cannot be told apart and the discriminator says so.

        Without smoothing and noise: log 4 and log 2. With them the discriminator's best answer moves to
        p = (1 − s) / 2, since noise pulls both targets by the same amount.
        """
        p = (1 - self.label_smoothing) / 2
        return {"d_loss": _entropy(p) * (1 if self.average else 2), "g_loss": -math.log(p)}

    @property
    def floor(self) -> float:
        """The lowest discriminator loss there is: every image told apart. A loss that sits here means it has won."""
        floor = _entropy(1 - self.label_smoothing - self.label_noise / 2) + _entropy(self.label_noise / 2)
        return floor / 2 if self.average else floor


def _entropy(p: float) -> float:
    """Binary entropy in nats, 0 at both ends."""
    return sum(-q * math.log(q) for q in (p, 1 - p) if 0 < q < 1)


LOSSES = {"non_saturating": NonSaturating}


def get(loss):
    """A loss by name, or the callable itself (Keras' convention).

    Raises:
        ValueError: no loss of that name; the message lists them.
    """
    if callable(loss):
        return loss
    if loss not in LOSSES:
        raise ValueError(
            f"loss is {loss!r}; it must be one of {', '.join(map(repr, LOSSES))}, or a callable (real logits, fake logits, seed)"
        )
    return LOSSES[loss]()
