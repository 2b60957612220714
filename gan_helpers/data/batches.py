"""Batches for training: shuffled, as floats in a network's pixel range; or points as they are."""

import numpy as np

from gan_helpers.images import check_pixel_range, check_uint8

LARGE = 1 << 30  # bytes of images above which batches are read where they lie, rather than from a copy in memory


def pipeline(
    images, batch_size: int = 64, pixel_range=(-1, 1), seed: int = 0, images_per_epoch: int | None = None, classes=None
):
    """A `tf.data.Dataset` of shuffled float batches, made for training: cached in memory, shuffled, batched, prefetched.

    The order of epoch e is a function of (seed, e) alone, so a run that was stopped and goes on sees what the
    uninterrupted run sees. Each pass over the dataset moves on to the next epoch; `GAN.fit` sets the epoch exactly,
    through the dataset's attribute `epoch` (a `tf.Variable`).

    Args:
        images: uint8 (n, h, w, c), or a `gh.Dataset`; or points of a toy, floats (n, d), d at most 3, which stay what they are. More than a gigabyte is not cached: of a memory-mapped file each batch
            is read when it is due.
        batch_size: images a batch; an incomplete last batch is left out, so that every step has the same shape.
        pixel_range: the range that the discriminator sees.
        seed: of the shuffling.
        images_per_epoch: end an epoch after so many images, drawn anew each epoch; default all n.
        classes: of the images, integers (n,), for a conditional GAN; True for those of a `gh.Dataset`.

    Returns:
        A dataset of float32 (batch_size, h, w, c), or (batch_size, d), ⌊images_per_epoch / batch_size⌋ batches an epoch; with `classes`, of
        pairs with int32 (batch_size,). Of a `gh.Dataset`, `GAN.fit` learns from it what it is trained on, and the classes' names.
        Its `share(i, n, first_epoch)` is the i-th of n equal parts of each batch, epoch after epoch without end: a replica's.

    Raises:
        ValueError: images that are not uint8 batches; points with NaN or infinity; a batch size or a number of images out of range; another number of
            classes than of images, or classes that are not integers from 0.
    """
    import tensorflow as tf

    told = {name: getattr(images, of, None) for name, of in (("trained_on", "origin"), ("class_names", "class_names"))}
    images, classes = _images_and_classes(images, classes)
    low, high = check_pixel_range(pixel_range)
    n = len(images)
    images_per_epoch = _checked_epoch(n, batch_size, images_per_epoch)

    with tf.device("CPU"):  # the whole set is cached as one tensor in the machine's memory, not the GPU's
        chosen = _read_where_they_lie(images) if images.nbytes > LARGE else _cached(images)
        cached_classes = None if classes is None else tf.constant(classes)
        epoch = tf.Variable(0, dtype=tf.int64, trainable=False)

    def order(this_epoch):
        shuffled = tf.random.experimental.stateless_shuffle(
            tf.range(n, dtype=tf.int64), tf.stack([tf.cast(seed, tf.int64), this_epoch])
        )
        return tf.data.Dataset.from_tensor_slices(shuffled[:images_per_epoch]).batch(batch_size, drop_remainder=True)

    def to_floats(indices):
        floats = tf.cast(chosen(indices), tf.float32)
        if images.dtype == np.uint8:
            floats = floats * ((high - low) / 255.0) + low
        return floats if cached_classes is None else (floats, tf.gather(cached_classes, indices))

    def share(i, of, first_epoch=0):
        if batch_size % of:
            raise ValueError(
                f"batch_size is {batch_size}; {of} workers share each batch, so it must be a multiple of {of}"
            )
        own = slice(i * batch_size // of, (i + 1) * batch_size // of)
        indices = tf.data.Dataset.counter(first_epoch).flat_map(order).map(lambda batch: batch[own])
        return indices.map(to_floats, num_parallel_calls=1).prefetch(2)

    indices = tf.data.Dataset.range(1).flat_map(lambda _: order(epoch.assign_add(1) - 1))
    dataset = indices.map(to_floats, num_parallel_calls=1).prefetch(2)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(images_per_epoch // batch_size))
    dataset.epoch, dataset.share = epoch, share
    vars(dataset).update(told)  # for `GAN.fit`
    return dataset


def _checked_epoch(n: int, batch_size: int, images_per_epoch: int | None) -> int:
    """The number of images in an epoch; ValueError where it or the batch size is out of range."""
    images_per_epoch = n if images_per_epoch is None else images_per_epoch
    if not 1 <= images_per_epoch <= n:
        raise ValueError(f"images_per_epoch is {images_per_epoch}; it must lie in 1…{n}, the number of images")
    if not 1 <= batch_size <= images_per_epoch:
        raise ValueError(
            f"batch_size is {batch_size}; it must lie in 1…{images_per_epoch}, the number of images an epoch"
        )
    return images_per_epoch


def _images_and_classes(images, classes) -> tuple[np.ndarray, np.ndarray | None]:
    """What `pipeline` was given, checked: uint8 (n, h, w, c) or float32 (n, d), and int32 (n,) or None."""
    if classes is True and (classes := getattr(images, "classes", None)) is None:
        has = repr(images) if hasattr(images, "images") else "an array"
        raise ValueError(f"classes is True, and {has} has none; it must be a gh.Dataset with classes, or pass them")
    images = getattr(images, "images", images)
    images = _checked_points(images) if _are_points(images) else check_uint8(images)
    if classes is None:
        return images, None
    n = len(images)
    if np.shape(classes) != (n,):
        raise ValueError(f"classes has shape {np.shape(classes)}; it must be ({n},), one class per image")
    whole = np.asarray(classes, np.int32)
    if not np.array_equal(whole, classes) or whole.min() < 0:
        raise ValueError(
            f"a class is {np.asarray(classes)[np.asarray(classes) != whole.clip(0)][0]}; it must be an integer, 0 or above"
        )
    return images, whole


def _are_points(examples) -> bool:
    """Whether these are points of a toy: floats (n, d), d at most 3."""
    examples = np.asarray(examples)
    return examples.dtype.kind == "f" and examples.ndim == 2 and examples.shape[1] in (1, 2, 3)


def _checked_points(points) -> np.ndarray:
    """Points as float32 (n, d)."""
    points = np.asarray(points, np.float32)
    if not np.isfinite(points).all():
        raise ValueError("the points hold NaN or infinity: mend the data")
    return points


def _cached(images: np.ndarray):
    """A function from indices to images in a copy that TensorFlow holds."""
    import tensorflow as tf

    cached = tf.constant(images)
    return lambda indices: tf.gather(cached, indices)


def _read_where_they_lie(images: np.ndarray):
    """A function from indices to images that are read when they are due; from a memory-mapped file, those alone."""
    import tensorflow as tf

    def chosen(indices):
        batch = tf.numpy_function(images.__getitem__, [indices], images.dtype, stateful=False)
        return tf.ensure_shape(batch, (indices.shape[0], *images.shape[1:]))

    return chosen
