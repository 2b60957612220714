"""Dirac-GAN: one number θ against one slope ψ. All of its training fits into a picture of the plane.

The data are 0, again and again; the generator makes θ, whatever its latent vector; the discriminator's logit is ψ·x. At
θ = ψ = 0 neither has anything to gain, and yet plain training does not get there: the saturating and the Wasserstein loss circle
around it and drift outward, the non-saturating one comes nearer only until its steps carry it out as far (Mescheder, Geiger,
Nowozin, "Which Training Methods for GANs do actually Converge?", ICML 2018, sections 2 and 3). It is an ordinary `GAN`: every
objective, regulariser and augmentation works here too.

    gan = gh.dirac.dirac_gan(regularisers="r1:1")
    gan.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1))
    path = gh.dirac.trajectory(gan, 500)
    v_theta, v_psi = gh.dirac.vector_field(*np.meshgrid(at, at), regularisers="r1:1")
"""

import keras
import numpy as np
import tensorflow as tf

from gan_helpers import networks
from gan_helpers.gan.gan import GAN


def dirac_gan(theta: float = 1.0, psi: float = 1.0, **settings) -> GAN:
    """A Dirac-GAN that begins at (θ, ψ).

    Args:
        settings: as `GAN` takes them: loss, regularisers, augment, ema_decay, …
    """
    return GAN(networks.point_generator(theta), networks.slope_discriminator(psi), **settings)


def _weights(gan) -> tuple:
    """The variables θ, ψ and averaged θ."""
    owners = (gan.generator, gan.discriminator, gan.ema_generator)
    (theta,), (psi,), (average,) = (owner.weights for owner in owners)
    return theta, psi, average


def vector_field(thetas, psis, n: int = 64, **settings) -> tuple[np.ndarray, np.ndarray]:
    """Where a step of training moves θ and ψ: the negative slope of each player's own loss, in its own number.

    It is measured: a training step of gradient descent at rate 1 is taken from each place.

    Args:
        thetas, psis: arrays of one shape, or of shapes that broadcast.
        n: examples per step; they matter where an augmentation draws random numbers.
        settings: as in `dirac_gan`.

    Returns:
        v_theta, v_psi, float32 of their shape.
    """
    gan = dirac_gan(**settings)
    gan.compile(keras.optimizers.SGD(1.0), keras.optimizers.SGD(1.0))
    step, zeros = tf.function(gan.train_step), tf.zeros((n, 1))
    theta, psi, _ = _weights(gan)
    thetas, psis = np.broadcast_arrays(np.asarray(thetas, np.float32), np.asarray(psis, np.float32))
    moves = np.empty((2, *thetas.shape), np.float32)
    for place in np.ndindex(thetas.shape):
        theta.assign([thetas[place]])
        psi.assign([[psis[place]]])
        step(zeros)
        moves[(0, *place)] = theta.numpy().item() - thetas[place]
        moves[(1, *place)] = psi.numpy().item() - psis[place]
    return moves[0], moves[1]


def trajectory(gan: GAN, steps: int, n: int = 64) -> np.ndarray:
    """Train a compiled Dirac-GAN by `fit`, and watch it.

    Args:
        steps: at least 1.
        n: examples per step, as in `vector_field`.

    Returns:
        float32 (steps + 1, 3): θ, ψ and the averaged generator's θ, before the first step and after each.

    Raises:
        ValueError: steps below 1; as `GAN.fit` does.
    """
    if steps < 1:
        raise ValueError(f"steps is {steps}; it must be at least 1")
    watched = _weights(gan)
    path = [[weight.numpy().item() for weight in watched]]
    watch = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: path.append([weight.numpy().item() for weight in watched])
    )
    gan.fit(tf.data.Dataset.from_tensors(tf.zeros((n, 1))).repeat(steps), callbacks=[watch], verbose=0)
    return np.array(path, np.float32)
