"""Any image data set of TensorFlow Datasets, streamed into a prepared one."""

import contextlib
import os
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from gan_helpers.data import fashion_mnist, own_arrays, own_images, prepared


def prepare(name: str, size: int | None, colour: bool | None, test: float | None, data_dir, progress: bool) -> Path:
    """The folder of the prepared data set (`prepared.keep`) of a TFDS data set; see `Dataset.from_tfds`."""
    own_arrays.check_refit(size, colour)
    share = None if test is None else prepared.check_share(test)
    builder = _downloaded(name, data_dir, progress)
    feature, labels = _features(builder)
    sizes = {split: info.num_examples for split, info in builder.info.splits.items()}
    if not sizes.get("train"):
        raise ValueError(f"{name} has no split 'train'; it has {', '.join(map(repr, sizes))}")
    height, width, channels = feature.shape
    if size is None and not (height and width):
        raise ValueError(f"the images of {name} differ in size; say which one they shall have: size=64, --size 64")
    colour = channels != 1 if colour is None else bool(colour)
    shape = (size or height, size or width, 3 if colour else 1)
    has_test = share is None and sizes.get("test", 0) > 0
    splits = {split: [info.num_examples, info.num_bytes] for split, info in builder.info.splits.items()}
    made_from = {"tfds": builder.info.full_name, "splits": splits, "shape": shape, "test": share}

    def write(folder):
        _write_split(
            folder, builder, "train", shape, colour, 0.0 if has_test else 0.1 if share is None else share, progress
        )
        if has_test:
            _write_split(folder, builder, "test", shape, colour, 0.0, progress)
        return {"name": name, "class_names": [] if labels is None else list(labels.names), "left_out": []}

    count = sizes["train"] + (sizes["test"] if has_test else 0)
    return prepared.keep(made_from, write, (count + 1) * int(np.prod(shape)))


def _downloaded(name: str, data_dir, progress: bool):
    """The builder of a data set that is there, or was fetched now."""
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except Exception as error:  # an unknown name, version or configuration: each has its own type
        raise ValueError(
            f"TensorFlow Datasets knows no {name!r} ({_first_line(error)}). Its names: tfds.list_builders()"
        ) from error
    if os.path.exists(builder.data_dir):
        return builder
    addresses = list(getattr(builder, "url_infos", None) or ())
    if addresses and not fashion_mnist.answers(addresses[0]):
        raise FileNotFoundError(
            f"{name} is not in {builder.data_dir} and cannot be downloaded: {addresses[0]} does not answer. Connect to the network, "
            "or pass the folder that holds it as data_dir"
        )
    try:
        with contextlib.nullcontext() if progress else fashion_mnist.silence():
            builder.download_and_prepare()
    except Exception as error:  # TFDS and what it fetches with raise many kinds
        raise OSError(
            f"{name} could not be downloaded and prepared by TensorFlow Datasets ({_first_line(error)})"
        ) from error
    return builder


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]


def _features(builder):
    """The features "image" and "label" (None where it has none); ValueError where a GAN cannot learn from them."""
    import tensorflow_datasets as tfds

    features = builder.info.features
    features = dict(features.items()) if isinstance(features, tfds.features.FeaturesDict) else {}
    image, label = features.get("image"), features.get("label")
    if not isinstance(image, tfds.features.Image) or image.np_dtype != np.uint8 or len(image.shape) != 3:
        held = ", ".join(features) or "none by name"
        raise ValueError(
            f"{builder.name} has no feature 'image' of bytes (its features: {held}); choose another data set"
        )
    return image, label if isinstance(label, tfds.features.ClassLabel) else None


def _stream(builder, split: str, **settings):
    """The examples of a split, always in the same order."""
    import tensorflow_datasets as tfds

    one_after_another = tfds.ReadConfig(interleave_cycle_length=1, shuffle_seed=0, try_autocache=False)
    return tfds.as_numpy(
        builder.as_dataset(split=split, shuffle_files=False, read_config=one_after_another, **settings)
    )


def _write_split(folder: Path, builder, split: str, shape, colour: bool, test: float, progress: bool) -> None:
    """Write a split, spread over its classes; `test` of it goes into the part for testing. Only images in work are in memory."""
    import tensorflow_datasets as tfds

    n = builder.info.splits[split].num_examples
    classes = None
    if _features(builder)[1] is not None:
        stream = _stream(builder, split, decoders={"image": tfds.decode.SkipDecoding()})
        classes = np.fromiter((example["label"] for example in stream), np.int64, n)
        if (classes < 0).any():
            raise ValueError(f"the split {split!r} of {builder.name} has images without a label")
    order = prepared.spread([prepared.key_of(f"{split} {i}".encode()) for i in range(n)], classes)
    tested = prepared.for_testing(n, None if classes is None else classes[order], test)
    parts = {split: order[~tested], **({"test": order[tested]} if tested.any() else {})}
    place = {int(i): (part, position) for part, members in parts.items() for position, i in enumerate(members)}
    rows = {part: prepared.Rows(folder / f"{part}.npy", shape) for part in parts}
    size = None if shape[0] != shape[1] else shape[0]
    images = (example["image"] for example in _stream(builder, split))
    fitted = own_images.in_order(lambda image: own_arrays.refitted_one(image, size, colour), images)
    with contextlib.ExitStack() as files:
        for each in rows.values():
            files.enter_context(each)
        for i, image in enumerate(tqdm(fitted, split, n, disable=not progress, leave=False, file=sys.stderr)):
            part, position = place[i]
            rows[part].put(position, image)
    if classes is not None:
        for part, members in parts.items():
            prepared.write_classes(folder, part, classes[members])
