"""What cannot be right is found before a step: how the players end, what trains them, and the first batch.

Each function returns sentences, one for each thing that would train to nothing: what was found, what was expected, what to
do. What could not be trained at all is a ValueError at once.
"""

import itertools

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from gan_helpers.gan.generators import class_count

FAR = 1e4  # a number far out, where bounded functions have reached their bounds
# Layers that keep equal numbers equal: what they do to one number, they do to the bounds.
_ELEMENTWISE = (
    *(layers.Activation, layers.ReLU, layers.LeakyReLU, layers.ELU, layers.Softmax, layers.Rescaling, layers.Identity),
    *(layers.Flatten, layers.Reshape, layers.Permute, layers.Dropout, layers.Lambda, layers.UpSampling2D),
    *(layers.Cropping2D, layers.AveragePooling2D, layers.MaxPooling2D),
    *(layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D),
)
_OPERATIONS = {
    "Sigmoid", "HardSigmoid", "LogSigmoid", "Softmax", "LogSoftmax", "Tanh", "HardTanh", "Softsign", "Softplus", "Relu",
    "Relu6", "LeakyRelu", "Elu", "Clip", "Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Negative", "Reshape",
    "Squeeze", "Mean", "Max",
}  # fmt: skip


# --- the players ------------------------------------------------------------------------------------


def output_bounds(model) -> tuple[float, float, str | None]:
    """Between which numbers a model's output lies, as far as the activations after its last weights say.

    Returns:
        low and high, ±infinity where there is no bound; and the name of the layer that sets a bound, None without one.
    """
    try:
        ends, by = _ends(model.outputs[0])
    except Exception:  # a layer of one's own that cannot be called on numbers made up here says nothing
        return -np.inf, np.inf, None
    low, high = float(min(ends)), float(max(ends))
    return (low if low > -FAR / 1e3 else -np.inf), (high if high < FAR / 1e3 else np.inf), by


def _ends(tensor):
    """Where a tensor ends up when the last weights before it give −FAR and FAR everywhere, and what first bounds it."""
    (negative, positive), by = _values(tensor)[:2]
    return (np.mean(negative), np.mean(positive)), by


def _values(tensor):
    """What `tensor` becomes for −FAR and FAR at the last weights; the layer that bounds it; whether there were weights."""
    far = [np.full([size or 1 for size in tensor.shape], sign * FAR, np.float32) for sign in (-1, 1)]
    layer, node, index = tensor._keras_history
    if isinstance(layer, layers.InputLayer):
        return far, None, False
    inputs = layer._inbound_nodes[node].input_tensors
    if isinstance(layer, keras.Model):
        values, by, weighted = _values(layer.outputs[index])
        if weighted or by or len(inputs) != 1:
            return values, by, True
        return _values(inputs[0])  # it only moves what comes in
    if layer.weights if isinstance(layer, layers.Layer) else False:
        inner = getattr(layer, "layer", layer)  # of a wrapper such as SpectralNormalization
        activation = getattr(inner, "activation", None) or (lambda x: x)
        values = [np.asarray(activation(tf.constant(x))) for x in far]
        return values, layer.name if _bounded(values) else None, True
    known = isinstance(layer, _ELEMENTWISE) or type(layer).__name__ in _OPERATIONS
    if len(inputs) != 1 or not known:
        return far, None, True
    values, by, weighted = _values(inputs[0])
    arguments = layer._inbound_nodes[node].arguments
    after = []
    for x in values:
        args, kwargs = arguments.fill_in({id(inputs[0]): tf.constant(x)})
        after.append(np.asarray(layer(*args, **kwargs)))
    return after, by or (layer.name if _bounded(after) else None), weighted


def _bounded(values) -> bool:
    return min(map(np.mean, values)) > -FAR / 1e3 or max(map(np.mean, values)) < FAR / 1e3


def of_players(gan) -> list[str]:
    """What is wrong with a GAN's two players, whatever the images."""
    found = []
    for player, model in (("generator", gan.generator), ("discriminator", gan.discriminator)):
        if not model.trainable_variables:
            frozen = "its trainable is False" if not model.trainable and model.weights else "no layer of it has any"
            found.append(
                f"the {player} {model.name!r} has no trainable weights ({frozen}): both players learn in one step here, so set "
                f"gan.{player}.trainable = True before gan.compile()"
            )
    low, high, by = output_bounds(gan.discriminator)
    if by is not None and not getattr(gan.objective, "takes_scores", False):
        found.append(
            f"the discriminator ends in {by!r}, which only gives values {_between(low, high)}, and the loss works on logits, "
            f"which may be any number: remove the activation of {by!r}"
        )
    low, high, by = output_bounds(gan.generator)
    if gan.pixel_range is None:
        return found
    if np.isfinite((low, high)).all() and not np.allclose((low, high), gan.pixel_range, atol=0.01 * (high - low)):
        found.append(
            f"the generator ends in {by!r}, which draws between {low:g} and {high:g}, and pixel_range is "
            f"{_pair(gan.pixel_range)}: leave pixel_range out, or say {_pair((low, high))}"
        )
    return found


def _between(low: float, high: float) -> str:
    if np.isinf(low):
        return f"below {high:g}"
    return f"above {low:g}" if np.isinf(high) else f"between {low:g} and {high:g}"


def _pair(pixel_range) -> str:
    return "({:g}, {:g})".format(*pixel_range)


# --- what trains them -------------------------------------------------------------------------------

_NO_SUCH_SETTING = {
    "optimizer": "each player has an optimizer of its own: compile(g_optimizer=…, d_optimizer=…)",
    "loss": "the loss of a GAN is given when it is made: gh.GAN(generator, discriminator, loss=…)",
    "loss_weights": "the loss of a GAN is given when it is made: gh.GAN(generator, discriminator, loss=…)",
    "metrics": "losses and accuracies are reported already: measure what else you want in a callback",
    "weighted_metrics": "losses and accuracies are reported already: measure what else you want in a callback",
    "validation_data": "a GAN predicts no labels that could be validated: measure it with gh.evaluate(gan)",
    "validation_split": "a GAN predicts no labels that could be validated: measure it with gh.evaluate(gan)",
    "class_weight": "a GAN's loss has no weights: change how often an image comes in the data",
    "sample_weight": "a GAN's loss has no weights: change how often an image comes in the data",
}


def check_settings(method: str, settings: dict) -> None:
    """ValueError where a setting of Keras' `compile` or `fit` is given that a GAN would have to ignore."""
    for name, value in settings.items():
        if name in _NO_SUCH_SETTING and value is not None:
            raise ValueError(f"{method}(…, {name}=…) means nothing here, since {_NO_SUCH_SETTING[name]}")


def check_loss(loss) -> None:
    """ValueError for a loss of Keras, which compares labels with predictions."""
    if isinstance(loss, keras.losses.Loss) or (getattr(loss, "__module__", None) or "").startswith("keras."):
        name = getattr(loss, "__name__", type(loss).__name__)
        raise ValueError(
            f"loss is Keras' {name}, which gives one number for labels and predictions, and a GAN needs one for each player: "
            "say loss='non_saturating', which is cross-entropy for both"
        )


def check_optimizers(g_optimizer, d_optimizer) -> None:
    """ValueError where the two are one, or one of them has trained other weights."""
    if g_optimizer is d_optimizer:
        raise ValueError(
            f"g_optimizer and d_optimizer are one and the same {type(g_optimizer).__name__}, which keeps track of one player's "
            "weights only: make two, one for each player"
        )


def check_optimizer_is_of(optimizer, name: str, variables) -> None:
    """ValueError where an optimizer was built for other weights than these."""
    known = getattr(optimizer, "_trainable_variables", variables)
    if [id(v) for v in known] != [id(v) for v in variables]:
        raise ValueError(
            f"{name} has been used for other weights already, and an optimizer keeps track of those: make a new "
            f"keras.optimizers.{type(optimizer).__name__} for each GAN"
        )


def check_callbacks(callbacks) -> None:
    """ValueError for a callback of Keras that changes `model.optimizer`, of which a GAN has two."""
    for callback in callbacks:
        if isinstance(callback, (keras.callbacks.LearningRateScheduler, keras.callbacks.ReduceLROnPlateau)):
            raise ValueError(
                f"{type(callback).__name__} changes the one optimizer of a model, and a GAN has two: give each a learning rate that "
                "falls by itself, such as keras.optimizers.Adam(keras.optimizers.schedules.InverseTimeDecay(8e-4, 5000, 1.0))"
            )
        if isinstance(callback, keras.callbacks.SwapEMAWeights):
            raise ValueError(
                "SwapEMAWeights uses the average of a model's one optimizer, and a GAN has two: leave it out, since "
                "gan.ema_generator is the generator's average already"
            )


# --- the data -----------------------------------------------------------------------------------------


def check_batch_size(batch_size: int, d_steps: int, images: int, replicas: int = 1) -> None:
    """ValueError where there are fewer images than one step takes, or where replicas cannot share a batch equally."""
    if batch_size % replicas:
        raise ValueError(
            f"batch_size is {batch_size}; {replicas} workers share each batch, so it must be a multiple of {replicas} (--batch-size)"
        )
    if batch_size * d_steps <= images:
        return
    takes = f"batch_size is {batch_size}" + (
        f" and d_steps {d_steps}: {batch_size * d_steps} images a step" if d_steps > 1 else ""
    )
    most = images // d_steps
    raise ValueError(
        f"{takes}, and there are {images} images to train on: "
        + (f"say a batch_size (--batch-size) of {most} or less" if most else "more images are needed")
    )


# --- the first batch --------------------------------------------------------------------------------


UNSEEN = object()  # the first batch of what only Keras knows how to read


def first_batch(x, y=None, batch_size=None):
    """The first batch that `fit` would see of `x`, and what to give to `fit` in its place.

    Nothing is lost: a generator yields the batch again, and a dataset of `gan_helpers.pipeline` keeps its epoch.
    """
    if isinstance(x, tf.data.Dataset):
        epochs = list(_epochs(x))
        kept = [int(epoch) for epoch in epochs]
        batch = next(iter(x), None)
        for epoch, value in zip(epochs, kept):
            epoch.assign(value)
        return batch, x
    if isinstance(x, keras.utils.PyDataset):
        return x[0] if len(x) else None, x
    if hasattr(x, "__next__"):
        if (batch := next(x, None)) is None:
            return None, x
        again = itertools.chain((batch,), x)
        if isinstance(batch, (tuple, list)) and len(batch) > 1:
            return batch, (pair for pair in again)
        images = np.asarray(_alone(batch))
        # Keras takes only tuples from a generator, and a GAN without classes only images.
        signature = tf.TensorSpec([None, *images.shape[1:]], images.dtype)
        return images, tf.data.Dataset.from_generator(lambda: map(_alone, again), output_signature=signature)
    arrays = [x] if y is None else [x, y]
    if not all(hasattr(array, "shape") and hasattr(array, "__getitem__") for array in tf.nest.flatten(arrays)):
        return UNSEEN, x
    parts = tf.nest.map_structure(lambda array: array[: batch_size or 32], arrays)  # 32 as in Keras
    return (parts[0] if y is None else tuple(parts)), x


def _alone(batch):
    return batch[0] if isinstance(batch, (tuple, list)) else batch


def _epochs(dataset):
    """The epoch counters of `gan_helpers.pipeline` in a dataset and in those that it was made of."""
    todo = [dataset]
    while todo:
        one = todo.pop()
        if isinstance(epoch := getattr(one, "epoch", None), tf.Variable):
            yield epoch
        todo += getattr(one, "_inputs", tuple)()


def of_batch(gan, batch) -> list[str]:
    """What is wrong with a batch as a GAN's training step would see it.

    Raises:
        ValueError: it could not be trained on: no images, no classes where they are needed, or images of another shape.
    """
    images, classes = _images_and_classes(gan, batch)
    found = []
    if images.dtype.kind not in "fbiu" and images.dtype.name != "bfloat16":
        wanted = "floats" if gan.pixel_range is None else f"floats in {_pair(gan.pixel_range)}"
        raise ValueError(f"the images are {images.dtype}; expected {wanted}: use gh.pipeline(images)")
    if gan.pixel_range is None:
        found += _points(images)
    elif images.ndim == 4:
        found += _pixels(images, gan.pixel_range)
    if len(images) == 1 and (layer := _normalised_by_batch(gan)) is not None:
        found.append(
            f"the batch has 1 image, and {layer!r} normalises each number by the batch's mean and spread, which needs more than "
            "one: use a batch_size of 2 or more"
        )
    return found + ([] if classes is None else _classes(gan, classes))


def _images_and_classes(gan, batch):
    if batch is None:
        raise ValueError("there is no batch to train on: the dataset is empty, or smaller than one batch")
    parts = list(batch) if isinstance(batch, (tuple, list)) else [batch]
    if (
        isinstance(batch, dict)
        or len(parts) != (2 if gan.conditional else 1)
        or isinstance(batch, (tuple, list)) != gan.conditional
    ):
        if gan.conditional:
            raise ValueError(
                "this GAN is conditional, and its batches must be pairs (images, classes): use gh.pipeline(images, classes=labels)"
            )
        raise ValueError(
            f"this GAN takes no classes, and its batches must be images alone; got {_kind(batch)}: leave the labels out, for a "
            "dataset of pairs by dataset.map(lambda image, label: image)"
        )
    parts = [np.asarray(part) for part in parts]
    expected = tuple(gan.generator.output_shape[1:])
    if gan.pixel_range is None and parts[0].shape[1:] != expected:
        raise ValueError(
            f"the points have shape {parts[0].shape[1:]}, and the networks are made for {expected}: build both networks for them"
        )
    if parts[0].shape[1:] != expected:
        raise ValueError(
            f"the images have shape {parts[0].shape[1:]}, and the networks are made for {expected}: resize the images, or build "
            "both networks for their shape"
        )
    return parts if gan.conditional else (parts[0], None)


def _kind(batch) -> str:
    return f"{type(batch).__name__} of {len(batch)}" if hasattr(batch, "__len__") else type(batch).__name__


def _pixels(images, pixel_range) -> list[str]:
    """What is wrong with pixels. The margin leaves room for noise and for the overshoot of smooth resizing."""
    (low, high), kind = pixel_range, images.dtype.kind
    expected = f"expected floats in {_pair(pixel_range)}, as the generator draws them: use gh.pipeline(images, pixel_range={_pair(pixel_range)})"
    if kind in "iub":
        return [f"the images are {images.dtype}; {expected}"]
    least, most = float(images.min()), float(images.max())
    if not np.isfinite((least, most)).all():
        return ["the images hold NaN or infinity: mend the data"]
    margin = (high - low) / 4
    if least < low - margin or most > high + margin:
        return [f"the pixels lie between {least:.3g} and {most:.3g}; {expected}"]
    # Pixels of 8 bits in (-1, 1) are odd multiples of 1/255: none of them is 0, which in (0, 1) is black.
    if low == -high and 0 <= least < high / 512 and most > 0.9 * high:
        return [f"the pixels lie between {least:.3g} and {most:.3g}, as in (0, {high:g}); {expected}"]
    return []


def _points(points) -> list[str]:
    """What is wrong with points, which may lie anywhere."""
    if points.dtype.kind in "iub":
        return [f"the points are {points.dtype}; expected floats: use points.astype('float32')"]
    return [] if np.isfinite(points).all() else ["the points hold NaN or infinity: mend the data"]


def _normalised_by_batch(gan) -> str | None:
    """The first batch norm that is left with one number for a channel where a batch has one image."""
    for model in (gan.generator, gan.discriminator):
        for layer in model._flatten_layers(include_self=False):
            if isinstance(layer, layers.BatchNormalization) and layer.trainable:
                shape = list(layer.input.shape) if layer._inbound_nodes else [None, None]
                del shape[layer.axis % len(shape)], shape[0]
                if all(size == 1 for size in shape):
                    return layer.name
    return None


def _classes(gan, classes) -> list[str]:
    """What is wrong with classes."""
    n = len(classes)
    if classes.shape not in ((n,), (n, 1)):
        raise ValueError(
            f"the classes have shape {classes.shape}; expected one integer for each image, shape ({n},): of one-hot rows take "
            "labels.argmax(axis=-1)"
        )
    return check_classes(gan, classes)


def check_classes(gan, classes) -> list[str]:
    """What is wrong with values of classes: integers from 0 to one less than the networks know, where they say how many."""
    classes = np.asarray(classes)
    if classes.dtype.kind not in "iuf" or (
        classes.dtype.kind == "f" and not np.equal(classes, np.round(classes)).all()
    ):
        return [
            f"a class must be an integer; got {classes.dtype} such as {classes.ravel()[0]!r}: number the classes from 0"
        ]
    known = class_count(gan.generator)
    least, most = int(classes.min()), int(classes.max())
    if least < 0 or (known and most >= known):
        expected = f"0…{known - 1}" if known else "0 and above"
        return [
            f"the classes lie in {least}…{most}, and the networks know {expected}: number the classes from 0, or build both networks "
            f"for {most - min(least, 0) + 1} classes"
        ]
    return []
