"""What a generator is: the inputs it takes, the pixel range it draws in, and its images as a person looks at them."""

import numpy as np

from gan_helpers import images, latent
from gan_helpers.data import CLASS_NAMES


def is_conditional(generator) -> bool:
    """Whether a generator takes a class beside the latent vector: a second input of integers, (n,) or (n, 1)."""
    return len(generator.inputs) == 2


def generator_and_range(generator, pixel_range=None):
    """The Keras generator in what was given, and its pixel range.

    Args:
        generator: a Keras generator, latents (n, latent_dim) → images (n, h, w, 1 or 3), or a conditional one with integer
            classes (n,) as its second input; or a `GAN` or a `Run`, whose averaged generator is taken.
        pixel_range: default the GAN's, or what the generator's last activation implies.

    Raises:
        ValueError: anything else, or a generator whose range has to be said.
    """
    if isinstance(generator, str):
        raise ValueError(
            f"expected a generator, got the name {generator!r}: load it with gh.load_generator({generator!r})"
        )
    gan = getattr(generator, "gan", generator)  # of a Run
    if hasattr(gan, "ema_generator"):
        generator, pixel_range = gan.ema_generator, gan.pixel_range if pixel_range is None else pixel_range
    try:
        first, *others = generator.inputs
        fits = len(first.shape) == 2 and len(others) <= 1 and generator.output_shape[-1] in (1, 3)
        fits = fits and len(generator.output_shape) == 4 and None not in generator.output_shape[1:]
    except (AttributeError, TypeError, ValueError):
        fits = False
    if not fits:
        raise ValueError(
            f"{getattr(generator, 'name', type(generator).__name__)!r} is no generator of images: expected a Keras model with "
            "latents (n, latent_dim), and at most a class (n,) beside them, that makes images (n, h, w, 1 or 3)"
        )
    if pixel_range is None:
        return generator, images.pixel_range_of(generator)
    return generator, images.check_pixel_range(pixel_range)


def generate(generator, latents, pixel_range=None, batch_size: int = 500, classes=None) -> np.ndarray:
    """Images of a Keras generator, ready to be looked at.

    Args:
        generator: a Keras model with one input, (n, latent_dim), or a conditional one with a second input, (n,) integers.
        latents: (n, latent_dim).
        pixel_range: of the generator; default what its last activation implies.
        batch_size: images computed at once.
        classes: integers (n,) for a conditional generator.

    Returns:
        uint8 (n, h, w, c).

    Raises:
        ValueError: latents of the wrong shape or type or with NaN; classes missing, or given to a generator without any; a
            generator that gives NaN or infinity.
    """
    latents = latent.check_latents(latents, generator.inputs[0].shape[-1])
    pixel_range = images.pixel_range_of(generator) if pixel_range is None else pixel_range
    inputs = [latents]
    if is_conditional(generator):
        if np.shape(classes) != (len(latents),):
            raise ValueError(f"{generator.name!r} is conditional: it needs one class a latent vector, shape (n,)")
        for wrong in set(np.asarray(classes).tolist()) - set(range(len(CLASS_NAMES))):
            raise ValueError(f"a class is {wrong!r}; it must be an integer in 0…{len(CLASS_NAMES) - 1}")
        inputs.append(np.asarray(classes, np.int32).reshape((-1, *generator.inputs[1].shape[1:])))
    elif classes is not None:
        raise ValueError(f"{generator.name!r} is not conditional: it takes no classes")
    batches = []
    for i in range(0, len(latents), batch_size):
        batch = [values[i : i + batch_size] for values in inputs]
        pixels = np.asarray(generator(batch if len(batch) > 1 else batch[0], training=False))
        if not np.isfinite(pixels).all():  # as uint8 it would be black, and pass for an image
            raise ValueError(f"{generator.name!r} gives NaN or infinity: its weights are broken, begin a new run")
        batches.append(images.to_uint8(pixels, pixel_range))
    return np.concatenate(batches)


def class_count(model) -> int | None:
    """How many classes a conditional generator (or discriminator) knows, as the layer that takes them says; None if none does."""
    import keras

    if not is_conditional(model):
        return None
    told = {id(model.inputs[1])}
    for layer in model.layers:  # in the order of the graph
        for node in layer._inbound_nodes:
            if told & {id(tensor) for tensor in node.input_tensors}:
                if isinstance(layer, keras.layers.Embedding):
                    return layer.input_dim
                if isinstance(layer, keras.layers.CategoryEncoding):
                    return layer.num_tokens
                if isinstance(layer, (keras.layers.Flatten, keras.layers.Reshape)):
                    told |= {id(tensor) for tensor in node.output_tensors}
    return None
