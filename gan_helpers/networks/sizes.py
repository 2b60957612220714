"""Which images a network can make: their shape, how often it is halved, and the number of classes."""

IMAGE_SHAPE = (28, 28, 1)
CLASSES = 10
SIZES = (28, 32, 48, 64, 96)  # pixels: what all of the course's own convolutional networks were tried with


def check_image_shape(image_shape) -> tuple[int, int, int]:
    """`image_shape` as three numbers (h, w, c).

    Raises:
        ValueError: anything else, or images that are neither grey (c = 1) nor in colour (c = 3).
    """
    try:
        height, width, channels = shape = tuple(int(size) for size in image_shape)
    except (TypeError, ValueError):
        raise ValueError(f"image_shape is {image_shape!r}; it must be (height, width, 1 or 3)") from None
    if shape != tuple(image_shape) or min(height, width) < 1 or channels not in (1, 3):
        raise ValueError(f"image_shape is {image_shape!r}; it must be (height, width, 1 or 3)")
    return shape


def halvings(image_shape) -> int:
    """How often a convolutional network halves images of this shape until no side is longer than 8: 28 → 14 → 7 is twice.

    Raises:
        ValueError: no such shape; or one whose sides do not come out even, at 4 to 8 pixels, after two halvings or more.
    """
    height, width, _ = check_image_shape(image_shape)
    times = 0
    while max(height, width) > 8 and height % 2 == width % 2 == 0:
        height, width, times = height // 2, width // 2, times + 1
    if times < 2 or max(height, width) > 8 or min(height, width) < 4:
        raise ValueError(
            f"image_shape is {tuple(image_shape)}; convolutional networks halve images to between 4 and 8 pixels, at least twice: "
            f"take {', '.join(map(str, SIZES[:-1]))} or {SIZES[-1]} pixels, or an MLP, which makes any shape"
        )
    return times


def first_map(image_shape) -> tuple[int, int]:
    """Height and width of the map that a generator begins with, and that a discriminator comes to before its last halving."""
    times = halvings(image_shape)
    return image_shape[0] >> times, image_shape[1] >> times


def check_classes(classes) -> int:
    """A number of classes; ValueError where it is none."""
    if isinstance(classes, bool) or not isinstance(classes, int) or classes < 1:
        raise ValueError(f"classes is {classes!r}; it must be a whole number, at least 1")
    return classes
