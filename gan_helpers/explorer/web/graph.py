"""A Keras model as a list of a dozen plain operations with their weights: what `runtime.js` computes in a browser.

Values are numbered: step k makes value k from the values that it names. All of them are float32, channels last, one after
the other for each example of a batch; so a change of shape alone is no step.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from gan_helpers.networks import layers as own

ACTIVATIONS = {  # by the name of Keras' function: name and parameter in `runtime.js`
    "relu": ("leaky", 0.0),
    "relu6": ("relu6", 0.0),
    "leaky_relu": ("leaky", 0.2),
    "elu": ("elu", 1.0),
    "selu": ("selu", 0.0),
    "silu": ("silu", 0.0),
    "softplus": ("softplus", 0.0),
    "tanh": ("tanh", 0.0),
    "sigmoid": ("sigmoid", 0.0),
}
NOTHING = (  # in inference, or to values that lie in one row anyway
    "Identity", "Dropout", "AlphaDropout", "GaussianDropout", "GaussianNoise", "SpatialDropout1D", "SpatialDropout2D",
    "ActivityRegularization", "Flatten", "Reshape",
)  # fmt: skip


@dataclass
class Graph:
    """A model's operations.

    Attributes:
        steps: each {"op": …, "from": the values that it takes, "size": how many numbers it makes for an example, …}; what is
            called `kernel`, `bias`, `scale`, `shift` or `table` is the number of an array.
        arrays: float32.
        output: the number of the value that the model gives.
    """

    steps: list[dict] = field(default_factory=list)
    arrays: list[np.ndarray] = field(default_factory=list)
    output: int = 0

    def step(self, op: str, inputs: list[int], size: int, **settings) -> int:
        """Append a step, arrays among its settings by number; gives the number of its value."""
        for name, value in settings.items():
            if isinstance(value, np.ndarray):
                self.arrays.append(np.ascontiguousarray(value, np.float32))
                settings[name] = len(self.arrays) - 1
        self.steps.append({"op": op, "from": inputs, "size": size, **settings})
        return len(self.steps) - 1


class Unknown(ValueError):
    """An operation that the page does not know."""


def graph_of(model, one_hot: int | None = None) -> Graph:
    """The operations of a Keras model, functional or sequential, in inference.

    Args:
        model: its inputs become steps "input", in their order, `which` saying the place.
        one_hot: the place of an input that takes a class as one-hot vectors: the graph then takes its number, as a float.

    Raises:
        Unknown: an operation that `runtime.js` does not know; says its name, its type, and what is the matter.
    """
    graph, known = Graph(), {}
    for place, tensor in enumerate(model.inputs):
        size = _size(tensor)
        value = graph.step("input", [], 1 if place == one_hot else size, which=place)
        if place == one_hot:
            value = graph.step("lookup", [value], size, table=np.eye(size))
        known[id(tensor)] = value
    graph.output = _value(graph, model.outputs[0], known)
    return graph


def _value(graph: Graph, tensor, known: dict[int, int]) -> int:
    """The number of a tensor's value; makes the steps that lead to it, where they are not made yet."""
    if id(tensor) not in known:
        operation, place, which = tensor._keras_history
        node = operation._inbound_nodes[place]
        inputs = [_value(graph, each, known) for each in node.input_tensors]
        if getattr(operation, "outputs", None):  # a nested model
            inside = dict(zip(map(id, operation.inputs), inputs))
            known[id(tensor)] = _value(graph, operation.outputs[which], inside)
        else:
            known[id(tensor)] = _steps(graph, operation, node, inputs)
    return known[id(tensor)]


def _steps(graph: Graph, layer, node, inputs: list[int]) -> int:
    """The steps of one layer; gives the number of the last one's value."""
    kind, ours = type(layer).__name__, type(layer).__module__ == own.__name__
    rule = RULES.get(kind)
    if rule is None or not (ours or type(layer).__module__.startswith("keras.src.layers.")):
        known = sorted({*RULES, *NOTHING} - {"SpectralNormalization"})
        raise Unknown(
            f"the page cannot compute {layer.name!r}, a {kind}: it knows {', '.join(known)}, and the activations "
            f"{', '.join(ACTIVATIONS)}"
        )
    shapes = [tuple(each.shape[1:]) for each in node.input_tensors]
    outcome = tuple(node.output_tensors[0].shape[1:])
    if any(None in shape for shape in (*shapes, outcome)):
        raise Unknown(f"the page cannot compute {layer.name!r}, a {kind}, of a size that changes: {shapes}")
    value = rule(graph, layer, inputs, shapes, outcome)
    if kind not in ("Activation", "SpectralNormalization"):
        value = _activated(graph, layer, getattr(layer, "activation", None), value)
    return value


def _activated(graph: Graph, layer, activation, value: int) -> int:
    """An activation function applied to a value; a layer may stand in for one."""
    name = getattr(activation, "__name__", type(activation).__name__)
    if activation is None or name == "linear":
        return value
    if name in ("ReLU", "LeakyReLU", "ELU"):
        return RULES[name](graph, activation, [value], None, (graph.steps[value]["size"],))
    if name not in ACTIVATIONS:
        _refuse(layer, f"with the activation {name}; it knows {', '.join(ACTIVATIONS)}")
    kind, parameter = ACTIVATIONS[name]
    return graph.step("activate", [value], graph.steps[value]["size"], kind=kind, parameter=parameter)


def _refuse(layer, why: str):
    raise Unknown(f"the page cannot compute {layer.name!r}, a {type(layer).__name__} {why}")


def _need(layer, **settings):
    """Refuse a layer with other settings than these."""
    for name, wanted in settings.items():
        given = getattr(layer, name, wanted)
        if given != wanted:
            _refuse(layer, f"with {name}={given!r}; it knows {name}={wanted!r}")


def _size(tensor) -> int:
    return math.prod(tensor.shape[1:])


def _array(variable) -> np.ndarray:
    return np.asarray(variable, np.float32)


# --- the rules: (graph, layer, inputs, their shapes, the outcome's shape) → number of the value -------


def _dense(graph, layer, inputs, shapes, outcome, kernel=None):
    kernel = _array(layer.kernel if kernel is None else kernel)
    return graph.step("multiply", inputs, math.prod(outcome), kernel=kernel, bias=_bias(layer, outcome[-1]))


def _bias(layer, channels: int) -> np.ndarray:
    return _array(layer.bias) if layer.use_bias else np.zeros(channels, np.float32)


def _convolution(graph, layer, inputs, shapes, outcome, kernel=None):
    _need(layer, data_format="channels_last", dilation_rate=(1, 1), groups=1)
    (shape,) = shapes
    if tuple(layer.kernel_size) == tuple(layer.strides) == (1, 1):
        kernel = _array(layer.kernel if kernel is None else kernel)[0, 0]
        return graph.step("multiply", inputs, math.prod(outcome), kernel=kernel, bias=_bias(layer, outcome[-1]))
    return graph.step(
        "convolve", inputs, math.prod(outcome), kernel=_array(layer.kernel if kernel is None else kernel),
        bias=_bias(layer, outcome[-1]), window=list(layer.kernel_size), strides=list(layer.strides),
        shape=list(shape), outcome=list(outcome), pad=_padding(layer, shape, outcome, layer.kernel_size),
    )  # fmt: skip


def _padding(layer, shape, outcome, window) -> list[int]:
    """Zeros above and to the left, as TensorFlow pads: what is odd goes below and to the right."""
    if layer.padding == "valid":
        return [0, 0]
    return [
        max((after - 1) * step + size - before, 0) // 2
        for before, after, step, size in zip(shape, outcome, layer.strides, window)
    ]


def _transposed(graph, layer, inputs, shapes, outcome, kernel=None):
    _need(layer, data_format="channels_last", dilation_rate=(1, 1))
    (shape,) = shapes
    kernel = _array(layer.kernel if kernel is None else kernel)  # height, width, channels out, channels in
    kernel = np.moveaxis(kernel, -1, 0).reshape(shape[-1], -1)
    return graph.step(
        "spread", inputs, math.prod(outcome), kernel=kernel, bias=_bias(layer, outcome[-1]),
        window=list(layer.kernel_size), strides=list(layer.strides), shape=list(shape), outcome=list(outcome),
        pad=_padding(layer, outcome, shape, layer.kernel_size),
    )  # fmt: skip


def _spectral(graph, layer, inputs, shapes, outcome):
    inner = layer.layer
    kernel = layer.normalized_kernel() if isinstance(layer, own.SpectralNormalization) else layer.kernel
    rule = RULES.get(type(inner).__name__)
    if rule not in (_dense, _convolution, _transposed, _embedding):
        _refuse(layer, f"of a {type(inner).__name__}")
    value = rule(graph, inner, inputs, shapes, outcome, kernel=kernel)
    return _activated(graph, inner, getattr(inner, "activation", None), value)


def _embedding(graph, layer, inputs, shapes, outcome, kernel=None):
    table = _array(layer.embeddings if kernel is None else kernel)
    if math.prod(outcome) != table.shape[1]:
        _refuse(layer, "of more than one class at a time")
    return graph.step("lookup", inputs, table.shape[1], table=table)


def _category(graph, layer, inputs, shapes, outcome):
    _need(layer, output_mode="one_hot")
    if math.prod(outcome) != layer.num_tokens:
        _refuse(layer, "of more than one class at a time")
    return graph.step("lookup", inputs, layer.num_tokens, table=np.eye(layer.num_tokens))


def _scaled(graph, inputs, outcome, scale, shift):
    """x · scale + shift, one number for each channel."""
    scale, shift = (np.broadcast_to(np.asarray(each, np.float32), outcome[-1:]) for each in (scale, shift))
    return graph.step("scale", inputs, math.prod(outcome), scale=scale, shift=shift)


def _batch_norm(graph, layer, inputs, shapes, outcome):
    if layer.axis not in (-1, len(outcome)):
        _refuse(layer, f"along axis {layer.axis}; it knows the last one")
    scale = 1 / np.sqrt(_array(layer.moving_variance) + layer.epsilon)
    scale = scale * _array(layer.gamma) if layer.scale else scale
    shift = (_array(layer.beta) if layer.center else 0) - _array(layer.moving_mean) * scale
    return _scaled(graph, inputs, outcome, scale, shift)


def _rescaling(graph, layer, inputs, shapes, outcome):
    return _scaled(graph, inputs, outcome, layer.scale, layer.offset)


def _unit(graph, layer, inputs, shapes, outcome):
    if layer.axis not in (-1, len(outcome), (-1,), [-1], [len(outcome)]):
        _refuse(layer, f"along axis {layer.axis}; it knows the last one")
    return graph.step("unit", inputs, math.prod(outcome), channels=outcome[-1])


def _combining(how: str):
    def rule(graph, layer, inputs, shapes, outcome):
        channels = (*[1] * (len(outcome) - 1), outcome[-1])
        if shapes[0] != outcome or any(shape not in (outcome, channels) for shape in shapes[1:]):
            _refuse(
                layer, f"of the shapes {', '.join(map(str, shapes))}; it knows equal ones, and channels after a map"
            )
        value = inputs[0]
        for other in inputs[1:]:
            value = graph.step("combine", [value, other], math.prod(outcome), how=how)
        return value

    return rule


def _concatenation(graph, layer, inputs, shapes, outcome):
    if layer.axis not in (-1, len(outcome)):
        _refuse(layer, f"along axis {layer.axis}; it knows the last one")
    return graph.step("join", inputs, math.prod(outcome), channels=[shape[-1] for shape in shapes])


def _upsampling(graph, layer, inputs, shapes, outcome):
    _need(layer, data_format="channels_last")
    if layer.interpolation not in ("nearest", "bilinear"):
        _refuse(layer, f"with interpolation={layer.interpolation!r}; it knows nearest and bilinear")
    return graph.step(
        "enlarge", inputs, math.prod(outcome), shape=list(shapes[0]), outcome=list(outcome),
        smooth=layer.interpolation == "bilinear",
    )  # fmt: skip


def _pooling(how: str, everything: bool = False):
    def rule(graph, layer, inputs, shapes, outcome):
        _need(layer, data_format="channels_last", padding="valid", keepdims=False)
        (shape,) = shapes
        window, strides = (shape[:2], (1, 1)) if everything else (layer.pool_size, layer.strides)
        return graph.step(
            "pool", inputs, math.prod(outcome), how=how, window=list(window), strides=list(strides), shape=list(shape),
            outcome=[1, 1, *outcome] if everything else list(outcome),
        )  # fmt: skip

    return rule


def _bordering(sign: int, setting: str):
    def rule(graph, layer, inputs, shapes, outcome):
        _need(layer, data_format="channels_last")
        (top, _), (left, _) = getattr(layer, setting)
        return graph.step(
            "border", inputs, math.prod(outcome), shape=list(shapes[0]), outcome=list(outcome),
            offset=[sign * top, sign * left],
        )  # fmt: skip

    return rule


def _relu(graph, layer, inputs, shapes, outcome):
    _need(layer, max_value=None, threshold=0.0)
    parameter = float(layer.negative_slope)
    return graph.step("activate", inputs, math.prod(outcome), kind="leaky", parameter=parameter)


def _elu(graph, layer, inputs, shapes, outcome):
    return graph.step("activate", inputs, math.prod(outcome), kind="elu", parameter=float(layer.alpha))


def _activation(graph, layer, inputs, shapes, outcome):
    return _activated(graph, layer, layer.activation, inputs[0])


def _nothing(graph, layer, inputs, shapes, outcome):
    return inputs[0]


RULES = {
    "Dense": _dense,
    "Conv2D": _convolution,
    "Conv2DTranspose": _transposed,
    "SpectralNormalization": _spectral,
    "Embedding": _embedding,
    "CategoryEncoding": _category,
    "BatchNormalization": _batch_norm,
    "Rescaling": _rescaling,
    "UnitNormalization": _unit,
    "Add": _combining("add"),
    "Subtract": _combining("subtract"),
    "Multiply": _combining("multiply"),
    "Concatenate": _concatenation,
    "UpSampling2D": _upsampling,
    "MaxPooling2D": _pooling("max"),
    "AveragePooling2D": _pooling("mean"),
    "GlobalAveragePooling2D": _pooling("mean", everything=True),
    "ZeroPadding2D": _bordering(-1, "padding"),
    "Cropping2D": _bordering(+1, "cropping"),
    "ReLU": _relu,
    "LeakyReLU": _relu,
    "ELU": _elu,
    "Activation": _activation,
    **dict.fromkeys(NOTHING, _nothing),
}
