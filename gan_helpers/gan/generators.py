"""What a generator is: the inputs it takes, the pixel range it draws in, and its images as a person looks at them."""

import math
import re
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from gan_helpers import data, images
from gan_helpers.gan import latent

AT_ONCE = 2  # batches that `generate` computes side by side
NARROW, WIDE = 10, 32  # of two unnamed inputs of floats, one at most NARROW is a one-hot class beside one at least WIDE

# --- what it takes --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Inputs:
    """What a generator takes.

    Attributes:
        latent: the place of the latent vectors among its inputs.
        latent_dim: their length.
        told: how it is told the class: "integer", (n,) or (n, 1); "one_hot", (n, classes); None where it is not conditional.
        classes: how many there are; None where there are none, or their number cannot be told.
    """

    latent: int
    latent_dim: int
    told: str | None = None
    classes: int | None = None


_known_inputs = weakref.WeakKeyDictionary()  # generator: Inputs


def inputs_of(generator) -> Inputs:
    """Which of a generator's inputs is the latent vector, which is the class, and how the class is told.

    Integers (n,) or (n, 1) are a class, and so is what leads into an `Embedding` or a `CategoryEncoding`, whatever its type. Of
    two inputs of floats the one-hot class is told by a name ("label", "class", "one_hot"; the other: "latent", "noise"), or by
    its width: at most 10 numbers, beside at least 32.

    Args:
        generator: a Keras functional or sequential model.

    Raises:
        ValueError: no Keras model, or inputs of which that cannot be told; names their shapes.
    """
    try:
        given = generator.inputs
        if generator in _known_inputs:
            return _known_inputs[generator]
        shapes = [tuple(each.shape) for each in given]
    except (AttributeError, TypeError, ValueError):
        raise ValueError(
            f"{_name(generator)} is no generator of images: expected a Keras model, functional or sequential"
        ) from None
    labels = [i for i, each in enumerate(given) if _is_integer_class(generator, each)]
    told = "integer" if labels else None
    if len(given) == 2 and not labels:
        labels, told = _one_hot_among(given), "one_hot"
    vectors = [i for i in range(len(given)) if i not in labels]
    fits = len(vectors) == 1 and len(labels) == len(given) - 1 <= 1
    if not fits or len(shapes[vectors[0]]) != 2 or shapes[vectors[0]][1] is None or _is_integer(given[vectors[0]]):
        raise ValueError(
            f"{_name(generator)} is no generator of images: expected latent vectors (n, latent_dim) of floats, and at most a "
            f"class beside them, (n,) or (n, 1) integers or one-hot (n, classes); its inputs are "
            f"{', '.join(f'{each.name} {shape} {each.dtype}' for each, shape in zip(given, shapes)) or 'none'}. "
            "Where it is not clear which of two is the class, call it so: keras.Input(…, name='class')."
        )
    classes = None
    if labels:
        classes = shapes[labels[0]][1] if told == "one_hot" else classes_behind(generator, given[labels[0]])
    _known_inputs[generator] = Inputs(vectors[0], shapes[vectors[0]][1], told, classes)
    return _known_inputs[generator]


def _name(model) -> str:
    return repr(getattr(model, "name", type(model).__name__))


def _is_integer(tensor) -> bool:
    return tf.as_dtype(tensor.dtype).is_integer


def _is_integer_class(generator, tensor) -> bool:
    """Whether an input is the number of a class, as integers or as floats that a layer for classes takes."""
    if tuple(tensor.shape[1:]) not in ((), (1,)):
        return False
    return _is_integer(tensor) or classes_behind(generator, tensor) is not None or _called(tensor, "class")


_WORDS = {
    "class": re.compile("label|class|one_?hot", re.IGNORECASE),
    "latent": re.compile("latent|noise", re.IGNORECASE),
}


def _called(tensor, word: str) -> bool:
    return bool(_WORDS[word].search(tensor.name))


def _one_hot_among(given) -> list[int]:
    """The place of the one-hot class among two inputs (n, a) and (n, b); empty where it cannot be told."""
    if any(len(each.shape) != 2 or each.shape[1] is None for each in given):
        return []
    widths = [each.shape[1] for each in given]
    evidence = (
        [_is_integer(each) for each in given],
        [_called(each, "class") for each in given],
        [_called(each, "latent") for each in given[::-1]],  # then it is the other
        [width <= NARROW and other >= WIDE for width, other in zip(widths, widths[::-1])],
    )
    for signs in evidence:
        if signs.count(True) == 1:
            place = signs.index(True)
            return [place] if widths[place] > 1 else []
    return []


def classes_behind(model, tensor) -> int | None:
    """How many classes the first layers after a class's input know; None where none of them says."""
    found = []
    for operation in getattr(model, "operations", None) or model.layers:
        for node in operation._inbound_nodes:
            if not any(each is tensor for each in node.input_tensors):
                continue
            kind = type(operation).__name__
            if getattr(operation, "inputs", None):  # a nested model
                place = next(i for i, each in enumerate(node.input_tensors) if each is tensor)
                found.append(classes_behind(operation, operation.inputs[place]))
            elif kind in ("Reshape", "Flatten", "Identity", "Cast", "Squeeze", "ExpandDims"):
                found.append(classes_behind(model, node.output_tensors[0]))
            else:
                known = {"Embedding": "input_dim", "CategoryEncoding": "num_tokens", "OneHot": "num_classes"}.get(kind)
                found.append(getattr(operation, known, None) if known else None)
    return min((each for each in found if each is not None), default=None)


def is_conditional(model) -> bool:
    """Whether a generator takes a class beside the latent vector, or a discriminator one beside the image."""
    return len(model.inputs) == 2


def class_count(generator) -> int | None:
    """How many classes a conditional generator knows; None where that cannot be told, or it takes none."""
    return inputs_of(generator).classes


def in_turn(generator, n: int) -> np.ndarray | None:
    """Classes for n images: all in turn, integers (n,); 0 alone where their number cannot be told; None for a generator without."""
    return np.arange(n) % (class_count(generator) or 1) if is_conditional(generator) else None


def arranged(generator, latents, classes=None) -> list:
    """A generator's inputs as it takes them, in its order.

    Args:
        latents: (n, latent_dim).
        classes: integers (n,), for a conditional generator.

    Returns:
        a list of one tensor, or of two.
    """
    takes, latents = inputs_of(generator), tf.convert_to_tensor(latents)
    if takes.told is None:
        return [latents]
    wanted = generator.inputs[1 - takes.latent]
    if takes.told == "one_hot":
        told = tf.one_hot(tf.cast(classes, tf.int32), takes.classes, dtype=wanted.dtype)
    else:
        told = tf.reshape(tf.cast(classes, wanted.dtype), (-1, *wanted.shape[1:]))
    return [latents, told] if takes.latent == 0 else [told, latents]


def structured(model, given):
    """Inputs in the order of `model.inputs`, in the structure that the model was built with: one, a list or a dict of them."""
    return keras.tree.pack_sequence_as(
        getattr(model, "input", model.inputs[0]), given
    )  # a Sequential has no `input` yet


# --- what it draws --------------------------------------------------------------------------------


def image_shape(generator) -> tuple[int, int, int]:
    """(h, w, c) of a generator's images. A flat output (n, k) is a grey square where k is a square number, as 784 is.

    Raises:
        ValueError: an output that is no image; names its shape.
    """
    shape = getattr(generator, "output_shape", None)
    size = shape[1:] if isinstance(shape, tuple) else ()
    if size and None not in size:
        if len(size) == 1 and 1 < size[0] == math.isqrt(size[0]) ** 2:
            return math.isqrt(size[0]), math.isqrt(size[0]), 1
        if len(size) == 2:
            return *size, 1
        if len(size) == 3 and size[-1] in (1, 3):
            return size
    raise ValueError(
        f"{_name(generator)} is no generator of images: expected images (n, h, w, 1 or 3), or flat grey squares (n, side²); "
        f"its output is {shape}"
    )


def makes_points(generator) -> bool:
    """Whether a generator makes points of a toy, (n, d), d at most 3; longer vectors are flat images, or nothing known."""
    return getattr(generator, "output_shape", None) in [(None, d) for d in (1, 2, 3)]


def range_of(generator, pixel_range=None) -> tuple[float, float] | None:
    """The pixel range that a generator draws in: as given, or `images.pixel_range_of`; None of one that makes points.

    Raises:
        ValueError: no such range, none that can be told, or one that was given for points.
    """
    if makes_points(generator):
        if pixel_range is not None:
            raise ValueError(
                f"pixel_range is {pixel_range!r}, and {_name(generator)} makes points, which have none: leave it out"
            )
        return None
    return images.pixel_range_of(generator) if pixel_range is None else images.check_pixel_range(pixel_range)


def generator_and_range(generator, pixel_range=None):
    """The Keras generator in what was given, and its pixel range.

    Args:
        generator: a Keras generator, as `inputs_of` and `image_shape` describe it; or a `GAN` or a `Run`, whose averaged
            generator is taken.
        pixel_range: default the GAN's, or `images.pixel_range_of`.

    Raises:
        ValueError: anything else, or a generator whose pixel range must be given.
    """
    if isinstance(generator, str):
        raise ValueError(
            f"expected a generator, got the name {generator!r}: load it with gh.load_generator({generator!r})"
        )
    gan = getattr(generator, "gan", generator)  # of a Run
    if hasattr(gan, "ema_generator"):
        generator, pixel_range = gan.ema_generator, gan.pixel_range if pixel_range is None else pixel_range
    inputs_of(generator)
    image_shape(generator)
    return generator, range_of(generator, pixel_range)


def generate(generator, latents, pixel_range=None, batch_size: int = 100, classes=None) -> np.ndarray:
    """Images of a Keras generator, ready to be looked at; or points, where it makes those (`makes_points`).

    The first call for a generator compiles it; two batches are computed at once.

    Args:
        generator: a Keras generator, as `inputs_of` and `image_shape` describe it.
        latents: (n, latent_dim).
        pixel_range: of the generator; default `range_of`.
        batch_size: images in a batch. Small batches stay in the processor's caches.
        classes: integers (n,) for a conditional generator, from 0 on.

    Returns:
        uint8 (n, h, w, c); of points, float32 (n, d).

    Raises:
        ValueError: latents of the wrong shape or type or with NaN; classes missing, unknown, or given to a generator without
            any; a generator of another form, or one that gives NaN or infinity.
    """
    takes, points = inputs_of(generator), makes_points(generator)
    shape = generator.output_shape[1:] if points else image_shape(generator)
    latents = latent.check_latents(latents, takes.latent_dim)
    pixel_range = range_of(generator, pixel_range)
    if takes.told is not None:
        classes = _check_classes(generator, classes, len(latents), takes.classes)
    elif classes is not None:
        raise ValueError(f"{generator.name!r} is not conditional: it takes no classes")
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; it must be at least 1")
    call = compiled(generator)
    drawn = np.empty((len(latents), *shape), np.float32 if points else np.uint8)

    def draw(first):
        batch = slice(first, first + batch_size)
        pixels = call(*arranged(generator, latents[batch], None if classes is None else classes[batch]))
        if not np.isfinite(pixels).all():  # as uint8 it would be black, and pass for an image
            raise ValueError(f"{generator.name!r} gives NaN or infinity: its weights are broken, begin a new run")
        drawn[batch] = pixels if points else images.to_uint8(pixels, pixel_range).reshape(-1, *shape)

    firsts = range(0, len(latents), batch_size)
    if len(firsts) == 1 or call.keeps_state:
        for first in firsts:
            draw(first)
    else:
        with ThreadPoolExecutor(AT_ONCE) as pool:  # each batch has its own place, whichever is ready first
            for _ in pool.map(draw, firsts):
                pass
    return drawn


def _check_classes(generator, classes, n: int, count: int | None) -> np.ndarray:
    if np.shape(classes) != (n,):
        raise ValueError(f"{generator.name!r} is conditional: it needs one class a latent vector, shape (n,)")
    for wrong in np.unique(classes).tolist():
        if wrong not in range(count or 2**31):
            known = "at least 0" if count is None else f"in 0…{count - 1}"
            raise ValueError(f"a class is {wrong!r}; it must be an integer {known}")
    return np.asarray(classes, np.int32)


# --- how it is computed ---------------------------------------------------------------------------


class _Compiled:
    """See `compiled`. What is kept is the traced call alone, which knows the weights but not the model."""

    def __init__(self, model):
        def infer(*given):
            return model(structured(model, given), training=False)

        self._call = tf.function(
            infer,
            input_signature=[tf.TensorSpec((None, *each.shape[1:]), each.dtype) for each in model.inputs],
            autograph=False,
            jit_compile=False,
        ).get_concrete_function()
        self._dtypes = [each.dtype for each in model.inputs]
        graph = self._call.graph.as_graph_def()
        nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
        self.keeps_state = any(node.op.startswith(("Assign", "Random")) for node in nodes)  # then calls have an order

    def __call__(self, *inputs) -> np.ndarray:
        return self._call(*(tf.cast(each, dtype) for each, dtype in zip(inputs, self._dtypes))).numpy()


_calls = weakref.WeakKeyDictionary()  # model: _Compiled


def compiled(model) -> _Compiled:
    """A Keras model in inference as one compiled call for any number of rows: a small model then answers in a millisecond.

    It is traced once, and kept for as long as the model. It reads the model's weights at each call.

    Returns:
        a function of the model's inputs, in the order of `model.inputs`, that gives its output as an array.
    """
    if model not in _calls:
        _calls[model] = _Compiled(model)
    return _calls[model]


# --- what it has learned --------------------------------------------------------------------------


def trained_on(model) -> str | None:
    """Which images a `GAN`, a `Run` or a Keras generator learned from, as `GAN.trained_on`; None where that is unknown."""
    return getattr(model, "trained_on", None) or getattr(getattr(model, "gan", None), "trained_on", None)


def class_names(model) -> tuple[str, ...]:
    """The names of a conditional generator's classes, in their order; () of one that takes none, or nobody knows how many.

    They are its data set's; else Fashion-MNIST's, where it learned those or has ten classes and nothing says what it learned;
    else numbers as text.

    Args:
        model: a `GAN`, a `Run` or a Keras generator.
    """
    gan = getattr(model, "gan", model)  # of a Run
    generator = getattr(gan, "ema_generator", gan)
    if not (count := class_count(generator)):
        return tuple(getattr(generator, "class_names", ())) if is_conditional(generator) else ()
    names = tuple(getattr(generator, "class_names", ()))
    if not names and count == len(data.CLASS_NAMES) and trained_on(model) in (None, "fashion_mnist"):
        names = data.CLASS_NAMES
    return (*names[:count], *map(str, range(len(names), count)))


def learned_from(model, facts: dict) -> None:
    """Tell a `GAN` or a Keras generator what its file says of the images that it learned from, as far as that is well-formed.

    Args:
        facts: `trained_on` and `class_names`, as `GAN` has them, of a file that may be a stranger's.
    """
    origin, names = facts.get("trained_on"), facts.get("class_names")
    known = isinstance(origin, str) and (origin in data.ORIGINS or re.fullmatch("[0-9a-f]{64}", origin))
    model.trained_on = origin if known else None
    named = isinstance(names, (list, tuple)) and all(
        isinstance(name, str) and 0 < len(name) <= 255 and name.isprintable() for name in names
    )
    model.class_names = tuple(names) if named else ()
