"""Pixels: uint8 in and out of everything, floats only inside networks; grids, PNG and GIF bytes.

The convention of the whole course: outside a network an image batch is `uint8`, shape `(n, height, width, channels)`,
0 = black, 255 = white. A network works in its *pixel range*, `(-1, 1)` behind a tanh or `(0, 1)` behind a sigmoid.
"""

import io
import math

import numpy as np
from PIL import Image

PIXEL_RANGES = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0)}


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
    """The pixel range that a Keras generator's last activation implies.

    Raises:
        ValueError: the last activation is neither tanh nor sigmoid, so the range has to be said.
    """
    for layer in reversed(generator.layers):
        activation = getattr(getattr(layer, "activation", None), "__name__", None)
        if activation in PIXEL_RANGES:
            return PIXEL_RANGES[activation]
        if layer.weights or activation not in (None, "linear"):
            break
    raise ValueError(
        f"cannot tell the pixel range of {generator.name!r}: its last layer ends in neither tanh nor sigmoid. "
        "Say it: pixel_range=(low, high), or --pixel-range LOW HIGH on the command line."
    )


def grid(images, columns: int | None = None, padding: int = 2) -> np.ndarray:
    """Lay `images` out row by row, as near to a square as can be, on white.

    Args:
        images: uint8 (n, h, w, c).
        columns: images a row; default ⌈√n⌉.
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
