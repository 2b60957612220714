"""Pixels: uint8 in and out of everything, floats only inside networks; grids, PNG and GIF bytes.

The convention of the whole course: outside a network an image batch is `uint8`, shape `(n, height, width, channels)`,
0 = black, 255 = white. A network works in its *pixel range*, `(-1, 1)` after a tanh or `(0, 1)` after a sigmoid.
"""

import io
import math
import re

import numpy as np
from PIL import Image


def check_pixel_range(pixel_range) -> tuple[float, float]:
    """Return `pixel_range` as two floats; ValueError where it is not a pair low < high."""
    try:
        low, high = map(float, pixel_range)
    except (TypeError, ValueError):
        low = high = math.nan
    if not low < high:
        raise ValueError(
            f"pixel_range is {pixel_range!r}; it must be a pair (low, high), such as (-1, 1) for tanh or (0, 1) for sigmoid"
        )
    return low, high


def check_uint8(images) -> np.ndarray:
    """Return `images` as a uint8 array of shape (n, h, w, 1 or 3); ValueError names what it was instead."""
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise ValueError(
            f"expected images as uint8 of shape (n, height, width, 1 or 3); got {images.dtype} of shape {images.shape}. "
            "gan_helpers.images.to_uint8 converts a network's floats."
        )
    return images


def to_float(images, pixel_range=(-1, 1)) -> np.ndarray:
    """uint8 0…255 → float32 low…high."""
    low, high = check_pixel_range(pixel_range)
    return (np.asarray(images, np.float32) / 255.0) * (high - low) + low


def to_uint8(images, pixel_range=(-1, 1)) -> np.ndarray:
    """A network's floats low…high → uint8 0…255, rounded; what lies outside the range is clipped."""
    low, high = check_pixel_range(pixel_range)
    scaled = (np.asarray(images, np.float32) - low) * (255.0 / (high - low))
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def pixel_range_of(generator) -> tuple[float, float]:
    """The pixel range of a Keras generator: its attribute `pixel_range` where it has one, else what its last layers imply.

    An activation such as tanh or sigmoid bounds its output. What follows it is computed for as long as it acts on the
    values by constants (`Rescaling`, `x * 0.5 + 0.5`, clipping), or only moves them (`Reshape`, cropping, upsampling);
    a nested model is looked into.

    Raises:
        ValueError: no bounds can be computed, so the range must be given.
    """
    if (said := getattr(generator, "pixel_range", None)) is not None:
        return check_pixel_range(said)
    outputs = getattr(generator, "outputs", None)
    low, high = _bounds(outputs[0], {}) if outputs else _UNKNOWN
    if not -math.inf < low < high < math.inf:
        raise ValueError(
            f"cannot tell the pixel range of {generator.name!r}: its last layers do not bound what it draws, as a tanh or a "
            "sigmoid would. Say it: pixel_range=(low, high), or --pixel-range LOW HIGH on the command line."
        )
    return float(low), float(high)


_UNKNOWN = -math.inf, math.inf
_BOUNDING = {  # none of them ever falls, so the bounds of what comes in give the bounds of what comes out
    "linear": lambda x: x,
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
}
_ARITHMETIC = {
    "Add": np.add,
    "Subtract": np.subtract,
    "Multiply": np.multiply,
    "TrueDivide": np.divide,
    "Divide": np.divide,
    "Maximum": np.maximum,
    "Minimum": np.minimum,
}
_MOVING = re.compile(
    "Identity|(Spatial|Gaussian|Alpha)?Dropout([123]D)?|GaussianNoise|ActivityRegularization|Reshape|Flatten|Permute|"
    "RepeatVector|Cropping[123]D|UpSampling[123]D|Resizing|(Max|Average)Pooling[123]D|Concatenate|Cast|ExpandDims|Squeeze|"
    "Transpose|Swapaxes|Moveaxis|Flip|Repeat|Tile|GetItem"
)


def _bounds(tensor, known: dict) -> tuple[float, float]:
    """Between which numbers a tensor of a Keras graph lies in inference; infinite where nothing bounds it.

    Args:
        known: bounds found so far, by the tensor's id; those of a nested model's inputs to begin with.
    """
    if id(tensor) not in known:
        operation, node_index, tensor_index = tensor._keras_history
        node = operation._inbound_nodes[node_index]
        if getattr(operation, "outputs", None):  # a nested model
            outside = [_bounds(each, known) for each in node.input_tensors]
            inside = dict(zip(map(id, operation.inputs), outside))
            known[id(tensor)] = _bounds(operation.outputs[tensor_index], inside)
        else:
            known[id(tensor)] = _bounds_after(operation, node, lambda each: _bounds(each, known))
    return known[id(tensor)]


def _bounds_after(operation, node, bounds_of) -> tuple[float, float]:
    """The bounds of one operation's output. Its inputs are looked at only where it is known what it does to them."""
    kind = type(operation).__name__
    if not type(operation).__module__.startswith("keras."):
        return _UNKNOWN
    if (activation := getattr(operation, "activation", None)) is not None:
        act = _BOUNDING.get(getattr(activation, "__name__", None))
        return _ends(act, bounds_of(node.input_tensors[0]) if kind == "Activation" else _UNKNOWN)
    if _MOVING.fullmatch(kind):
        if getattr(operation, "interpolation", "nearest") not in ("nearest", "bilinear"):
            return _UNKNOWN  # bicubic interpolation overshoots
        lows, highs = zip(*map(bounds_of, node.input_tensors))
        return min(lows), max(highs)
    if kind.startswith("ZeroPadding"):
        low, high = bounds_of(node.input_tensors[0])
        return min(low, 0), max(high, 0)
    if kind == "Rescaling":
        scale, offset = _constant(operation.scale), _constant(operation.offset)
        return _ends(lambda x: x * scale + offset, bounds_of(node.input_tensors[0]))
    if kind == "ReLU":  # the layer
        most = math.inf if operation.max_value is None else operation.max_value
        if operation.negative_slope or operation.threshold:
            return _UNKNOWN
        return _ends(lambda x: np.clip(x, 0, most), bounds_of(node.input_tensors[0]))
    if kind == "Clip":
        least, most = _constant(operation.x_min), _constant(operation.x_max)
        return _ends(lambda x: np.clip(x, least, most), bounds_of(node.input_tensors[0]))
    if kind == "Negative":
        return _ends(np.negative, bounds_of(node.input_tensors[0]))
    if kind in _ARITHMETIC:
        # Of two tensors nothing is said: they may depend on each other, as x does in x * x.
        given = [*node.arguments.args, *node.arguments.kwargs.values()]
        moving = [i for i, each in enumerate(given) if hasattr(each, "_keras_history")]
        if len(given) != 2 or len(moving) != 1 or (moving == [1] and "Divide" in kind):
            return _UNKNOWN
        constant, compute = _constant(given[1 - moving[0]]), _ARITHMETIC[kind]
        act = (lambda x: compute(x, constant)) if moving == [0] else (lambda x: compute(constant, x))
        return _ends(act, bounds_of(given[moving[0]]))
    if act := _BOUNDING.get(kind.lower()):  # as an operation of its own: keras.ops.tanh
        return _ends(act, bounds_of(node.input_tensors[0]))
    return _UNKNOWN


def _ends(act, bounds) -> tuple[float, float]:
    """The bounds of what a function that only rises, or only falls, makes of values in between."""
    if act is None:
        return _UNKNOWN
    with np.errstate(all="ignore"):
        ends = np.asarray(act(np.asarray(bounds, float)), float)
    return (float(ends.min()), float(ends.max())) if not np.isnan(ends).any() else _UNKNOWN


def _constant(value) -> float:
    """A constant of a graph as one number; NaN where it is not one, such as a mean for each channel."""
    try:
        values = np.unique(np.asarray(value, float))
    except (TypeError, ValueError):
        return math.nan
    return float(values[0]) if len(values) == 1 else math.nan


def grid(images, columns: int | None = None, padding: int = 2) -> np.ndarray:
    """Lay `images` out row by row, as near to a square as can be, on white.

    Args:
        images: uint8 (n, h, w, c).
        columns: images per row; default ⌈√n⌉.
        padding: white pixels around and between images.

    Returns:
        uint8 (rows·(h+padding)+padding, columns·(w+padding)+padding, c).
    """
    images = check_uint8(images)
    n, height, width, channels = images.shape
    if n == 0:
        raise ValueError("a grid needs at least one image; got 0")
    columns = columns or math.ceil(math.sqrt(n))
    if columns < 1:
        raise ValueError(f"columns is {columns}; it must be at least 1")
    rows = math.ceil(n / columns)
    sheet = np.full(
        (rows * (height + padding) + padding, columns * (width + padding) + padding, channels), 255, np.uint8
    )
    for i, image in enumerate(images):
        top = padding + (i // columns) * (height + padding)
        left = padding + (i % columns) * (width + padding)
        sheet[top : top + height, left : left + width] = image
    return sheet


def _picture(image: np.ndarray, scale: int) -> Image.Image:
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    return picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)


def png_bytes(image, scale: int = 1) -> bytes:
    """One uint8 image (h, w, c) as PNG, each pixel drawn `scale` times as wide and as high."""
    image = check_uint8(np.asarray(image)[None])[0]
    buffer = io.BytesIO()
    _picture(image, scale).save(buffer, format="PNG")
    return buffer.getvalue()


def gif_bytes(frames, milliseconds: int = 200, scale: int = 1, hold_last: int = 5) -> bytes:
    """Frames uint8 (t, h, w, c) as an endless GIF; the last frame stays `hold_last` times as long."""
    frames = [_picture(frame, scale) for frame in check_uint8(frames)]
    if not frames:
        raise ValueError("a GIF needs at least one frame; got 0")
    buffer = io.BytesIO()
    durations = [milliseconds] * (len(frames) - 1) + [milliseconds * hold_last]
    frames[0].save(buffer, format="GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0)
    return buffer.getvalue()
