"""Regularisers: what holds the discriminator back. Each takes a `Look`, and its value is added to the discriminator's loss.

One that changes weights in place of the loss, as weight clipping does, has the method `after_update(weights)` instead; the
number that it gives is reported. One whose weight depends on the size of the images has `resized(before, after)`, which gives
the same for images of another shape. `schedules` says from when on, until when, or how often a term counts.

`register` makes one of your own known by a name:

    @gh.regularisers.register("logit_size")
    @dataclass(frozen=True)
    class LogitSize:
        weight: float = 1e-3
        def __call__(self, look): return self.weight * tf.reduce_mean(look.real_logits**2)
"""

import math
from dataclasses import dataclass, replace

import tensorflow as tf

from gan_helpers.gan.look import Look
from gan_helpers.gan.terms import Kind

REGULARISERS = Kind("regulariser", "regularisers")
register, as_data, as_text = REGULARISERS.register, REGULARISERS.as_data, REGULARISERS.as_text
get, get_all = REGULARISERS.get, REGULARISERS.get_all
REGULARISERS.short |= {
    name: ("zero_centred", f"on={on}") for name, on in (("r1", "real"), ("r2", "fake"), ("r1_r2", "both"))
}

PENALISED = {"real": ("real",), "fake": ("fake",), "both": ("real", "fake")}


def _positive(term, *names, least=0.0):
    for name in names:
        value = getattr(term, name)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not least < value < float("inf"):
            raise ValueError(f"{type(term).__name__}: {name} is {value!r}; it must be a number greater than {least:g}")


def _gamma_for_shape(gamma: float, before, after) -> float:
    """A weight of |∇D|², chosen for images of one shape, for images of another: in proportion to h·w·c.

    Let the discriminator answer as before, only to finer images: f(mean over each block of k values). Each value then has a k-th
    of the gradient, there are k times as many, and |∇D|² = k · (1/k)² of what it was. So γ has to grow k times for the penalty to
    weigh what it weighed. Three channels count as three values for the same reason: a grey image in colour is the mean of three.

    The code of StyleGAN2-ADA (Karras et al., "Training Generative Adversarial Networks with Limited Data", NeurIPS 2020) sets γ
    by such a rule too: in proportion to the number of pixels, and inversely to the batch size.
    """
    return gamma * math.prod(after) / math.prod(before)


def squared_slopes(critic, x):
    """|∇D(x)|² of each example, exactly: float32 (n,). The tapes around it can follow it, to second derivatives.

    Where a discriminator mixes the examples of a batch (batch norm, minibatch features), it is the slope of their sum.
    """
    with tf.GradientTape() as tape:
        tape.watch(x)
        logits = critic(x)
    slopes = tf.square(tape.gradient(logits, x))
    return tf.reduce_sum(slopes, axis=list(range(1, len(x.shape))))


@register("zero_centred")
@dataclass(frozen=True)
class ZeroCentred:
    """R1 and R2, the zero-centred gradient penalties: γ/2 · E|∇D(x)|², exactly, on real images, on generated ones, or on both.

    A discriminator that is steep around the images drags the generator to and fro; this keeps it flat where they are
    (Mescheder, Geiger, Nowozin, "Which Training Methods for GANs do actually Converge?", ICML 2018, section 4.1). It takes
    second derivatives: a step costs about twice as much. `Every(16, …)` brings that down (Karras et al. 2020).

    Attributes:
        gamma: γ > 0, per squared unit of the pixel range; it should grow with the number of pixels.
        on: "real" is R1, "fake" is R2, "both" their sum.

    Raises:
        ValueError: a value out of its range.
    """

    gamma: float = 1.0
    on: str = "real"

    def __post_init__(self):
        _positive(self, "gamma")
        if self.on not in PENALISED:
            raise ValueError(f"on is {self.on!r}; it must be one of {', '.join(map(repr, PENALISED))}")

    @property
    def label(self) -> str:
        return {"real": "r1", "fake": "r2", "both": "r1_r2"}[self.on]

    def resized(self, before, after) -> "ZeroCentred":
        """The same for images (h, w, c) of another shape: see `_gamma_for_shape`."""
        return replace(self, gamma=_gamma_for_shape(self.gamma, before, after))

    def __call__(self, look: Look):
        """float32 scalar."""
        sides = (getattr(look, side) for side in PENALISED[self.on])
        return self.gamma / 2 * tf.add_n([tf.reduce_mean(squared_slopes(look.critic, x)) for x in sides])


@register("smoothness")
@dataclass(frozen=True)
class Smoothness:
    """The discriminator's answer should change little when an image is pushed: R1 + R2 by finite differences, smoothed.

    A push ε, normal with standard deviation σ, changes the logit by about ε·∇D, whose mean square is σ²|∇D|²; so the mean of
    (D(x + ε) − D(x))²/σ² stands in for |∇D|² without second derivatives (as Lin et al., "Diffusion Adversarial
    Post-Training for One-Step Video Generation", 2025, do for R1). With small pushes it is `ZeroCentred(on="both")`. These are
    long (0.05 of the range a pixel is 2.8 in all on 28×28), so it is not the slope at the image that is held down but the
    change over that distance: call it a smoothness penalty. A share of the batch at each step costs as much as the whole
    batch at some.

    Attributes:
        gamma: γ > 0, of γ/2 · mean.
        push: σ as a share of the pixel range.
        one_in: one of so many images of the batch is pushed.

    Raises:
        ValueError: a value out of its range.
    """

    gamma: float = 0.05
    push: float = 0.05
    one_in: int = 4

    def __post_init__(self):
        _positive(self, "gamma", "push")
        if not (isinstance(self.one_in, int) and self.one_in >= 1):
            raise ValueError(f"one_in is {self.one_in!r}; it must be a whole number, at least 1")

    def resized(self, before, after) -> "Smoothness":
        """The same for images (h, w, c) of another shape: see `_gamma_for_shape`."""
        return replace(self, gamma=_gamma_for_shape(self.gamma, before, after))

    def __call__(self, look: Look):
        """float32 scalar."""
        low, high = look.pixel_range or (0.0, 1.0)
        push = self.push * (high - low)
        critic, steady = look.critic, look.steady_critic
        total = 0.0
        for i, (x, logits) in enumerate(((look.real, look.real_logits), (look.fake, look.fake_logits))):
            n = (tf.shape(x)[0] + self.one_in - 1) // self.one_in
            noise = look.draws.within(i).normal("penalty", tf.shape(x[:n]))
            # Under different dropout masks the two calls would measure dropout.
            before = logits[:n] if steady is None else steady(x[:n])
            pushed = (steady or critic)(x[:n] + push * noise)
            total += tf.reduce_mean(tf.square((pushed - before) / push))
        return self.gamma / 2 * total


@register("gradient_penalty")
@dataclass(frozen=True)
class GradientPenalty:
    """WGAN-GP: the critic's slope is drawn to 1 on the lines between real and generated images.

    λ · E[(|∇D(x̂)| − 1)²] at x̂ = x + t (G(z) − x) with t uniform in [0, 1], one per pair (Gulrajani et al., "Improved Training of
    Wasserstein GANs", NeurIPS 2017, section 4, λ = 10). Some tutorials draw t from a normal distribution, which looks beyond
    both ends.

    Attributes:
        weight: λ > 0.
        one_sided: only slopes above 1 are punished (Petzka, Fischer, Lukovnikov, "On the regularization of Wasserstein GANs",
            ICLR 2018, section 5).

    Raises:
        ValueError: a value out of its range.
    """

    weight: float = 10.0
    one_sided: bool = False

    def __post_init__(self):
        _positive(self, "weight")
        if not isinstance(self.one_sided, bool):
            raise ValueError(f"one_sided is {self.one_sided!r}; it must be True or False")

    def __call__(self, look: Look):
        """float32 scalar."""
        ones = [1] * (len(look.real.shape) - 1)
        t = look.draws.uniform("interpolation", (tf.shape(look.real)[0], *ones))
        between = look.real + t * (look.fake - look.real)
        beyond = tf.sqrt(squared_slopes(look.critic, between) + 1e-12) - 1  # √ has no slope at 0
        return self.weight * tf.reduce_mean(tf.square(tf.nn.relu(beyond) if self.one_sided else beyond))


@register("weight_clipping")
@dataclass(frozen=True)
class WeightClipping:
    """Each weight of the critic is cut off at ±limit after every update, which bounds its slope, if not at 1.

    Arjovsky, Chintala, Bottou, "Wasserstein GAN", ICML 2017, algorithm 1, limit 0.01. Reported is the share of weights at the
    limit; where that is near 1, the critic can say little (Gulrajani et al. 2017, section 3).

    Raises:
        ValueError: a limit that is not greater than 0.
    """

    limit: float = 0.01

    def __post_init__(self):
        _positive(self, "limit")

    def after_update(self, weights):
        """Clip the discriminator's trainable weights; the share of them that stand at the limit, a float32 scalar."""
        at_limit, number = 0.0, 0.0
        for weight in weights:
            clipped = tf.clip_by_value(tf.convert_to_tensor(weight), -self.limit, self.limit)
            weight.assign(clipped)
            at_limit += tf.reduce_sum(tf.cast(tf.abs(clipped) >= self.limit, tf.float32))
            number += tf.cast(tf.size(clipped), tf.float32)
        return at_limit / number
