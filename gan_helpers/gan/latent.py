"""The latent space: drawing from the prior, walking along it, pulling it in, and finding its principal directions."""

import numpy as np

from gan_helpers.gan.draws import stream_of


def sample(n: int, latent_dim: int, seed):
    """Draw n latent vectors from the prior, the standard normal distribution.

    The result is a function of the seed alone, inside and outside a `tf.function`.

    Args:
        n: how many (an int, or a scalar tensor).
        latent_dim: their length.
        seed: an int, or a pair of integers such as (run seed, step).

    Returns:
        float32 tensor (n, latent_dim).
    """
    import tensorflow as tf

    if isinstance(seed, (int, np.integer)):
        seed = (seed, -1)  # no training step has the number -1
    return tf.random.stateless_normal((n, latent_dim), stream_of(seed, "latents"))


def check_latents(latents, latent_dim: int) -> np.ndarray:
    """Return `latents` as float32 (n, latent_dim); (n, latent_dim, 1), as in older examples, is accepted too.

    Raises:
        ValueError: wrong shape, wrong type or NaN; says expected and got.
    """
    try:
        array = np.asarray(latents)
    except (TypeError, ValueError):  # rows of unequal length
        array = np.empty(0, object)
    if array.dtype.kind not in "fiu":
        raise ValueError(
            f"expected latent vectors as real numbers of shape (n, {latent_dim}); got {type(latents).__name__} of {array.dtype}"
        )
    array = array.astype(np.float32)
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim != 2 or array.shape[1] != latent_dim or len(array) == 0:
        raise ValueError(f"expected latent vectors of shape (n, {latent_dim}), n ≥ 1; got shape {np.shape(latents)}")
    if not np.isfinite(array).all():
        raise ValueError(
            f"expected finite latent vectors; got NaN or infinity in {int((~np.isfinite(array)).any(axis=1).sum())} of {len(array)}"
        )
    return array


def lerp(a, b, steps: int) -> np.ndarray:
    """Straight interpolation: `steps` points from a to b, both included; float32 (steps, latent_dim)."""
    a, b, t = _ends(a, b, steps)
    return (1 - t) * a + t * b


def slerp(a, b, steps: int) -> np.ndarray:
    """Spherical interpolation: turn from a's direction to b's at even angles, the length changing evenly.

    Source: Shoemake, "Animating rotation with quaternion curves", SIGGRAPH 1985; for latent spaces White, "Sampling
    Generative Networks", 2016 (arXiv 1609.04468). (Nearly) parallel vectors fall back to the straight line; exactly
    opposite ones have no one shortest arc, and a ValueError says so.

    Returns:
        float32 (steps, latent_dim).
    """
    a, b, t = _ends(a, b, steps)
    length_a, length_b = np.linalg.norm(a), np.linalg.norm(b)
    if not (length_a and length_b):
        return lerp(a, b, steps)
    cosine = np.clip(np.dot(a / length_a, b / length_b), -1, 1)
    angle = np.arccos(cosine)
    if np.sin(angle) < 1e-4:
        if cosine < 0:
            raise ValueError("a and b are opposite: every great circle through them is as short; choose another b")
        return lerp(a, b, steps)
    directions = (np.sin((1 - t) * angle) * (a / length_a) + np.sin(t * angle) * (b / length_b)) / np.sin(angle)
    return (directions * ((1 - t) * length_a + t * length_b)).astype(np.float32)


def _ends(a, b, steps):
    a, b = np.asarray(a, np.float32), np.asarray(b, np.float32)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"expected two latent vectors of the same shape (latent_dim,); got {a.shape} and {b.shape}")
    if steps < 2:
        raise ValueError(f"steps is {steps}; it must be at least 2, for the two ends")
    return a, b, np.linspace(0, 1, steps, dtype=np.float32)[:, None]


def truncate(latents, strength: float) -> np.ndarray:
    """Pull latent vectors towards the prior's mean: strength 1 leaves them, 0 makes all of them the mean.

    Source: Karras, Laine, Aila, "A Style-Based Generator Architecture for GANs", CVPR 2019, appendix B
    (there in the intermediate space, here in the prior's own).
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"strength is {strength}; it must lie in 0…1")
    return np.asarray(latents, np.float32) * np.float32(strength)


def principal_directions(activations_of, latent_dim: int, count: int = 8, samples: int = 4096, seed: int = 0):
    """Directions in the latent space along which an activation of the generator changes most.

    Source: Härkönen, Hertzmann, Lehtinen, Paris, "GANSpace", NeurIPS 2020, section 2.2: sample latents, take the
    principal components of an early layer's activations, and carry them back to latent space by least squares.

    Args:
        activations_of: float32 (n, latent_dim) → array (n, …), for example the output of an early layer.
        latent_dim: length of a latent vector.
        count: how many directions.
        samples: how many latent vectors to look at.

    Returns:
        directions float32 (count, latent_dim) of length 1, strongest first, each with its largest entry positive;
        explained float32 (count,), the share of the activations' variance that each component carries.
    """
    from sklearn.decomposition import PCA

    if not 1 <= count <= min(latent_dim, samples):
        raise ValueError(f"count is {count}; it must lie in 1…{min(latent_dim, samples)}")
    latents = np.asarray(sample(samples, latent_dim, seed))
    activations = np.asarray(activations_of(latents)).reshape(samples, -1)
    pca = PCA(count, svd_solver="randomized", random_state=seed)
    coordinates = pca.fit_transform(activations)
    directions, *_ = np.linalg.lstsq(coordinates / coordinates.std(axis=0), latents, rcond=None)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    largest = np.abs(directions).argmax(axis=1)
    directions *= np.sign(directions[np.arange(count), largest])[:, None]
    return directions.astype(np.float32), pca.explained_variance_ratio_.astype(np.float32)
