"""Objectives: what a step has seen (`Look`) → (discriminator's loss, generator's loss), each to be made small.

An objective is a callable value. Beside its losses it may say what its chart means, and what it does not say is not drawn:

- `equilibrium`: the losses where real and generated cannot be told apart and the discriminator knows it; a dict with `d_loss`
  and `g_loss`, or with one of them where the other is not determined.
- `floor`: the lowest discriminator loss there is: every image told apart.
- `calls_real(logits)`: which images the discriminator calls real, booleans of the logits' shape.

`register` makes one of your own known by a name:

    @gh.objectives.register("my_loss")
    def my_loss(look): return d_loss, g_loss
"""

import math
from dataclasses import dataclass

from gan_helpers.gan.look import Look
from gan_helpers.gan.terms import Kind

OBJECTIVES = Kind("objective", "objectives")
register, get, as_data, as_text = OBJECTIVES.register, OBJECTIVES.get, OBJECTIVES.as_data, OBJECTIVES.as_text


@register("non_saturating")
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

    def __call__(self, look: Look):
        """Both losses as float32 scalars, means over the batch. Label noise is drawn from `look.draws`."""
        import tensorflow as tf

        real_logits, fake_logits = look.real_logits, look.fake_logits
        if self.real_label == 0:  # cross-entropy of (label, logit) is that of (1 − label, −logit)
            real_logits, fake_logits = -real_logits, -fake_logits
        real_labels = tf.ones_like(real_logits) * (1 - self.label_smoothing)
        fake_labels = tf.zeros_like(fake_logits)
        if self.label_noise:
            most = self.label_noise
            real_labels -= look.draws.within(0).uniform("label_noise", tf.shape(real_labels), high=most)
            fake_labels += look.draws.within(1).uniform("label_noise", tf.shape(fake_labels), high=most)
        d_loss = _cross_entropy(real_labels, real_logits) + _cross_entropy(fake_labels, fake_logits)
        return d_loss * (0.5 if self.average else 1), self.generator_loss(fake_logits)

    def generator_loss(self, fake_logits):
        """−log D(G(z)): cross-entropy of the fake logits against 1."""
        import tensorflow as tf

        return _cross_entropy(tf.ones_like(fake_logits), fake_logits)

    def calls_real(self, logits):
        """D above one half: a logit above 0, or below it where real images are labelled 0."""
        return logits > 0 if self.real_label else logits < 0

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


def _cross_entropy(labels, logits):
    # With TensorFlow's own sigmoid_cross_entropy_with_logits and label noise, the last bit of the gradients changed from
    # run to run on a CPU. It sends three gradients into the logits; here there are two, whose sum has no order.
    import tensorflow as tf

    return tf.reduce_mean(labels * tf.nn.softplus(-logits) + (1 - labels) * tf.nn.softplus(logits))


def _entropy(p: float) -> float:
    """Binary entropy in nats, 0 at both ends."""
    return sum(-q * math.log(q) for q in (p, 1 - p) if 0 < q < 1)


@register("saturating")
@dataclass(frozen=True)
class Saturating(NonSaturating):
    """The minimax objective as it was first written: the generator makes log(1 − D(G(z))) small.

    The discriminator's loss is that of `NonSaturating`. The generator's has little slope where the discriminator is sure
    that an image is generated, which is where it begins (Goodfellow et al., NeurIPS 2014, section 3 and equation 1). At
    equilibrium it is −log 2; it is never above 0.
    """

    def generator_loss(self, fake_logits):
        """log(1 − D(G(z))): minus the cross-entropy of the fake logits against 0."""
        import tensorflow as tf

        return -_cross_entropy(tf.zeros_like(fake_logits), fake_logits)

    @property
    def equilibrium(self) -> dict[str, float]:
        """As in `NonSaturating`, with log(1 − p) for the generator."""
        p = (1 - self.label_smoothing) / 2
        return {"d_loss": super().equilibrium["d_loss"], "g_loss": math.log(1 - p)}


@register("least_squares")
@dataclass(frozen=True)
class LeastSquares:
    """LSGAN: the discriminator's output is drawn to 1 for real images and to 0 for generated ones, by squared distance.

    Its output is a score, no logit: ½ is the draw. An image that is far on the right side of the boundary is pulled back,
    so the generator never runs out of slope (Mao et al., "Least Squares Generative Adversarial Networks", ICCV 2017,
    equation 2 with a = 0, b = c = 1, halves included).
    """

    equilibrium = {"d_loss": 0.25, "g_loss": 0.125}
    floor = 0.0
    takes_scores = True  # between 0 and 1 they can be right: a discriminator may end in a sigmoid

    def __call__(self, look: Look):
        """Both losses as float32 scalars."""
        real, fake = look.real_logits, look.fake_logits
        return (_mean((real - 1) ** 2) + _mean(fake**2)) / 2, _mean((fake - 1) ** 2) / 2

    def calls_real(self, logits):
        """A score above one half."""
        return logits > 0.5


@register("hinge")
@dataclass(frozen=True)
class Hinge:
    """The discriminator is asked for a logit above 1 for real images and below −1 for generated ones, and no more.

    Lim, Ye, "Geometric GAN", 2017, section 3; Miyato et al., "Spectral Normalization for Generative Adversarial Networks",
    ICLR 2018, equations 16 and 17. At equilibrium the discriminator's loss is 2; the generator's, −E[logit], is then
    anything between −1 and 1.
    """

    equilibrium = {"d_loss": 2.0}
    floor = 0.0

    def __call__(self, look: Look):
        """Both losses as float32 scalars."""
        import tensorflow as tf

        d_loss = _mean(tf.nn.relu(1 - look.real_logits)) + _mean(tf.nn.relu(1 + look.fake_logits))
        return d_loss, -_mean(look.fake_logits)

    def calls_real(self, logits):
        """A logit above 0."""
        return logits > 0


@register("wasserstein")
@dataclass(frozen=True)
class Wasserstein:
    """The critic's mean for generated images less that for real ones; it needs a critic that is held flat.

    With a critic of slope 1 at most, and the best of those, minus its loss is the Wasserstein-1 distance between the two
    distributions (Arjovsky, Chintala, Bottou, "Wasserstein GAN", ICML 2017, equation 2 and algorithm 1). Its outputs are no
    logits, and have no zero: "called real" means nothing, so no accuracy is drawn. There is no floor. Take it with
    `WeightClipping` (their section 3) or `GradientPenalty` (WGAN-GP), and `d_steps=5`.
    """

    equilibrium = {"d_loss": 0.0}
    floor = None

    def __call__(self, look: Look):
        """Both losses as float32 scalars."""
        fake = _mean(look.fake_logits)
        return fake - _mean(look.real_logits), -fake


@register("relativistic")
@dataclass(frozen=True)
class Relativistic:
    """Each real image is paired with a generated one, and the discriminator is asked which of the two is more real.

    Jolicoeur-Martineau, "The relativistic discriminator", ICLR 2019, section 4.1 (RpGAN, standard form); with R1 and R2 it
    converges: Huang et al., "The GAN is dead; long live the GAN!", NeurIPS 2024, section 2. Only differences of logits count,
    so "called real" means nothing for one image. At equilibrium both losses are log 2.
    """

    equilibrium = {"d_loss": math.log(2), "g_loss": math.log(2)}
    floor = 0.0

    def __call__(self, look: Look):
        """Both losses as float32 scalars."""
        import tensorflow as tf

        margin = look.real_logits - look.fake_logits
        return _mean(tf.nn.softplus(-margin)), _mean(tf.nn.softplus(margin))


def _mean(x):
    import tensorflow as tf

    return tf.reduce_mean(x)
