"""Configurations that Keras 2 wrote, as Keras 3 reads them: data in, data out, and nothing is run.

What Keras 2 wrote stands in its code, versions 2.2.4 to 2.15 and tf_keras: `get_config` of a layer, `Node.serialize`
(`engine/node.py`) of its calls, `get_network_config` (`engine/functional.py`) of a model, `TFOpLambda`
(`layers/core/tf_op_layer.py`) of arithmetic. What Keras 3 takes is the signature of a layer, and `functional_from_config`
(`models/functional.py`). Answers of Keras 2 itself, for each rule that has one, lie in `tests/model_files/keras_2`.
"""

LAYERS = "keras.layers"
MODELS = {"Functional": "keras.src.models.functional", "Sequential": "keras"}

# Classes under another name. Keras 3 has no ThresholdedReLU: x · (x > θ) is its ReLU with a threshold.
CLASSES = {
    "Model": "Functional",  # until TensorFlow 2.3
    "BatchNormalizationV1": "BatchNormalization",  # TensorFlow 1.13 to 2.2
    "BatchNormalizationV2": "BatchNormalization",
    "ThresholdedReLU": "ReLU",
}

# Arguments under another name.
ARGUMENTS = {
    "InputLayer": {"batch_input_shape": "batch_shape"},
    "LeakyReLU": {"alpha": "negative_slope"},
    "ThresholdedReLU": {"theta": "threshold"},
}

# Arguments that Keras 3 no longer takes, each with the one value at which it changes nothing, or ANY.
ANY = object()
_TRANSPOSED = {"groups": 1}  # `Conv.get_config` writes it for its subclasses too, whose kernels know no groups
_DEPTHWISE = {"groups": 1, "filters": ANY, "kernel_regularizer": ANY, "kernel_constraint": ANY}
DROPPED = {
    "InputLayer": {"sparse": False, "ragged": False, "optional": False},
    "Conv1DTranspose": _TRANSPOSED,
    "Conv2DTranspose": _TRANSPOSED,
    "DepthwiseConv1D": _DEPTHWISE,
    "DepthwiseConv2D": _DEPTHWISE,
    "SeparableConv1D": {"groups": 1, "kernel_regularizer": ANY, "kernel_constraint": ANY},
    "SeparableConv2D": {"groups": 1, "kernel_regularizer": ANY, "kernel_constraint": ANY},
    "BatchNormalization": {"fused": ANY, "renorm": False, "virtual_batch_size": None},
    "Embedding": {"input_length": ANY},
    "SpatialDropout1D": {"noise_shape": ANY, "trainable": ANY},  # its noise has the input's shape
    "SpatialDropout2D": {"noise_shape": ANY, "trainable": ANY},
    "Attention": {"causal": False},
    "AdditiveAttention": {"causal": False, "score_mode": ANY},
    "MultiHeadAttention": {
        "query_shape": ANY, "key_shape": ANY, "value_shape": ANY, "softmax_robust_masking": False,
    },
}  # fmt: skip
EVERYWHERE = ("batch_input_shape", "input_dtype")  # of a layer: its input has a layer of its own

# TensorFlow's functions, as `TFOpLambda` names them: module and class of Keras 3, the class's arguments by TensorFlow's
# names, and further arguments (TensorFlow's defaults, where Keras' differ).
_NUMPY, _NN, _MATH, _CORE = (f"keras.src.ops.{module}" for module in ("numpy", "nn", "math", "core"))
_AXIS = {"axis": "axis", "keepdims": "keepdims"}
BINARY = {  # of two tensors, or of a tensor and numbers
    "__operators__.add": "Add", "math.add": "Add", "math.subtract": "Subtract", "math.multiply": "Multiply",
    "math.divide": "TrueDivide", "math.truediv": "TrueDivide", "math.pow": "Power", "math.maximum": "Maximum",
    "math.minimum": "Minimum", "linalg.matmul": "Matmul",
}  # fmt: skip
FUNCTIONS = {
    **{name: (_NUMPY, operation, {}, {}) for name, operation in BINARY.items()},
    **{
        f"{module}.{name}": (LAYERS, "Activation", {}, {"activation": name})
        for name in ("tanh", "sigmoid", "relu", "relu6", "elu", "selu", "silu", "softplus", "softsign", "gelu")
        for module in ("math", "nn")
    },
    **{
        f"math.{name}": (_NUMPY, operation, {}, {})
        for name, operation in {
            "abs": "Absolute", "negative": "Negative", "exp": "Exp", "log": "Log", "sqrt": "Sqrt", "square": "Square",
            "sin": "Sin", "cos": "Cos",
        }.items()
    },
    **{
        f"math.reduce_{name}": (_NUMPY, operation, _AXIS, {})
        for name, operation in {
            "mean": "Mean", "sum": "Sum", "max": "Max", "min": "Min", "std": "Std", "variance": "Var",
        }.items()
    },
    "math.rsqrt": (_MATH, "Rsqrt", {}, {}),
    "math.add_n": (LAYERS, "Add", {}, {}),
    "nn.leaky_relu": (LAYERS, "LeakyReLU", {"alpha": "negative_slope"}, {"negative_slope": 0.2}),
    "nn.softmax": (LAYERS, "Softmax", {"axis": "axis"}, {"axis": -1}),
    "math.l2_normalize": (LAYERS, "UnitNormalization", {"axis": "axis"}, {"axis": None}),
    "image.resize": (
        LAYERS, "Resizing", {"size": ("height", "width"), "method": "interpolation"}, {"interpolation": "bilinear"},
    ),
    "identity": (LAYERS, "Identity", {}, {}),
    "stop_gradient": (LAYERS, "Identity", {}, {}),
    "stack": (_NUMPY, "Stack", {"axis": "axis"}, {}),
    "tile": (_NUMPY, "Tile", {"multiples": "repeats"}, {}),
    "repeat": (_NUMPY, "Repeat", {"repeats": "repeats", "axis": "axis"}, {}),
    "concat": (LAYERS, "Concatenate", {"axis": "axis"}, {}),
    "cast": (_CORE, "Cast", {"dtype": "dtype"}, {}),
    "one_hot": (_NN, "OneHot", {"depth": "num_classes", "axis": "axis"}, {"dtype": "float32"}),
    "clip_by_value": (_NUMPY, "Clip", {"clip_value_min": "x_min", "clip_value_max": "x_max"}, {}),
    "reshape": (_NUMPY, "Reshape", {"shape": "newshape"}, {}),
    "expand_dims": (_NUMPY, "ExpandDims", {"axis": "axis"}, {}),
    "squeeze": (_NUMPY, "Squeeze", {"axis": "axis"}, {}),
    "compat.v1.squeeze": (_NUMPY, "Squeeze", {"axis": "axis"}, {}),
    "transpose": (_NUMPY, "Transpose", {"perm": "axes"}, {}),
    "compat.v1.transpose": (_NUMPY, "Transpose", {"perm": "axes"}, {}),
}  # fmt: skip


def wrote(version) -> bool:
    """Whether this version, as a file states it, is one of Keras 2."""
    return str(version).startswith("2.")


def converted(config: dict) -> dict:
    """A model's configuration of Keras 2, `.h5` or `.keras`, as one of Keras 3's `.keras`.

    Initializers are left out, since the weights come from the file, and so is how it was compiled. What is not known here,
    such as a class of somebody's own, stays as it is, for the list of what is allowed to refuse.

    Raises:
        ValueError: a layer that Keras 3 computes differently, or not at all; names it. Other errors where the configuration
            is none of Keras 2's.
    """
    return _layer(config)


def _layer(entry: dict) -> dict:
    old = entry["class_name"]
    new = CLASSES.get(old, old)
    registered = entry.get("registered_name")
    if not isinstance(entry["config"], dict if old != "Sequential" else (dict, list)):
        return entry
    if new in MODELS:
        config = _sequential(entry) if new == "Sequential" else _functional(entry["config"])
        # A class of somebody's own keeps its registered name, and is refused by it.
        return {"module": MODELS[new], "class_name": new, "config": config, "registered_name": registered}
    return {
        "module": LAYERS if str(entry.get("module") or "keras").startswith(("keras", "tf_keras")) else entry["module"],
        "class_name": new,
        "config": _config(old, new, entry["config"]),
        "registered_name": registered,
    }


def _config(old: str, new: str, config: dict) -> dict:
    """The arguments of a layer of class `old`, for Keras 3's class `new`."""
    name, result = config.get("name"), {}
    for key, value in config.items():
        if isinstance(value, dict) and value.get("type") == "ndarray":  # Keras 2.2's JSON of a number
            value = value["value"]
        if key in DROPPED.get(new, {}):
            neutral = DROPPED[new][key]
            if neutral is not ANY and value != neutral:
                raise ValueError(f"its layer {name!r} has {key}={value!r}, which {new} of Keras 3 does not compute")
            continue
        if key.endswith("_initializer") or (key in EVERYWHERE and new != "InputLayer"):
            continue
        if key == "name":
            value = _name(value)
        elif key == "dtype" and isinstance(value, dict):  # a policy, by its name
            value = value["config"]["name"]
        elif key == "axis" and isinstance(value, list) and len(value) == 1:
            value = value[0]
        elif key.endswith("activation"):
            value = _activation(name, value)
        elif key == "layer" and isinstance(value, dict):  # of a wrapper
            value = _layer(value)
        result[ARGUMENTS.get(old, {}).get(key, key)] = value
    return result


def _activation(name: str, value):
    function = value.get("config") if isinstance(value, dict) and value.get("class_name") == "function" else value
    if function == "hard_sigmoid":  # clip(0.2 x + 0.5), `backend.hard_sigmoid`; Keras 3: relu6(x + 3) / 6
        raise ValueError(f"its layer {name!r} computes hard_sigmoid, which is another function in Keras 3")
    return _layer(function) if isinstance(function, dict) else value  # a layer can stand in an activation's place


def _name(name):
    """Keras 3 allows no slash in a name."""
    return name.replace("/", "_") if isinstance(name, str) else name


def _sequential(entry: dict) -> dict:
    config = entry["config"]
    if isinstance(config, list):  # until Keras 2.2.2
        config = {"name": "sequential", "layers": config}
    first = config["layers"][0]
    shape = first["config"].get("batch_input_shape") if isinstance(first["config"], dict) else None
    shape = shape or config.get("build_input_shape") or (entry.get("build_config") or {}).get("input_shape")
    layers = list(map(_layer, config["layers"]))
    if shape and first["class_name"] not in ("InputLayer", "Model", *MODELS):
        dtype = first["config"].get("input_dtype") or "float32"
        layers.insert(0, _layer({"class_name": "InputLayer", "config": {"batch_input_shape": shape, "dtype": dtype}}))
    return {"name": _name(config["name"]), "layers": layers}


# --- the graph of a functional model ----------------------------------------------------------------


def _functional(config: dict) -> dict:
    """Its layers with their calls.

    Keras 2 counts a nested model's calls from 1, as the model's own input to output is its call 0. Keras 3 counts them from
    0; but among the outputs, those of a nested functional model from 1.
    """
    nested = {
        layer["name"]: CLASSES.get(layer["class_name"], layer["class_name"])
        for layer in config["layers"]
        if CLASSES.get(layer["class_name"], layer["class_name"]) in MODELS
    }
    calls_0 = {place[0] for place in _places([layer["inbound_nodes"] for layer in config["layers"]]) if place[1] == 0}
    first = {name: 1 for name in nested if name not in calls_0}  # a Sequential without an input shape has no call 0
    layers = []
    for layer in config["layers"]:
        name, calls = layer["name"], [_call(node, first) for node in layer["inbound_nodes"]]
        if layer["class_name"] in ("TFOpLambda", "SlicingOpLambda"):
            found = [_operation(layer["config"], *call) for call in calls]
            if not found or any(new != found[0][0] for new, _ in found):
                raise ValueError(f"its layer {name!r} is called in two ways")
            new, calls = found[0][0], [call for _, call in found]
        else:
            new = _layer(layer)
        nodes = [{"args": args, "kwargs": kwargs} for args, kwargs in calls]
        layers.append({**new, "name": _name(name), "inbound_nodes": nodes})

    def end(place):
        name, call, tensor = place[:3]
        return [_name(name), call - first.get(name, 0) + (nested.get(name) == "Functional"), tensor]

    ends = {key: _ends(config[key], end) for key in ("input_layers", "output_layers")}
    kept = {key: config[key] for key in ("trainable",) if key in config}
    return {"name": _name(config["name"]), **kept, "layers": layers, **ends}


def _is_place(item) -> bool:
    """Whether this is [layer, call, tensor], or that with the call's further arguments after it."""
    if not isinstance(item, list) or len(item) not in (3, 4) or not isinstance(item[0], str):
        return False
    return type(item[1]) is int and (item[0] == "_CONSTANT_VALUE" or type(item[2]) is int)


def _places(item):
    if _is_place(item):
        yield item
    for part in item if isinstance(item, list) else item.values() if isinstance(item, dict) else ():
        yield from _places(part)


def _ends(item, end):
    """A model's inputs or outputs; one alone stands for itself, and a list of one would make a list of every output."""
    if _is_place(item):
        return end(item)
    if isinstance(item, dict):
        return {key: _ends(part, end) for key, part in item.items()}
    return _ends(item[0], end) if len(item) == 1 else [_ends(part, end) for part in item]


def _call(node, first: dict) -> tuple[list, dict]:
    """Positional and named arguments of a call: what `Node.serialize` wrote, tensors in Keras 3's notation."""

    def argument(item):
        if _is_place(item):
            name, call, tensor = item[:3]
            if name == "_CONSTANT_VALUE":
                return tensor
            history = [_name(name), call - first.get(name, 0), tensor]
            return {
                "class_name": "__keras_tensor__",
                "config": {"shape": [], "dtype": "float32", "keras_history": history},
            }
        if isinstance(item, dict):
            return {key: argument(part) for key, part in item.items()}
        return [argument(part) for part in item] if isinstance(item, list) else item

    if isinstance(node, dict):
        raise ValueError("a call in it takes tensors by name")
    further = next((place[3] for place in _places(node) if len(place) == 4), {})
    tensors = node[0] if not _is_place(node) and len(node) == 1 else node
    kwargs = {key: argument(value) for key, value in further.items() if value is not None and key != "name"}
    return [argument(tensors)], kwargs


def _is_tensor(item) -> bool:
    return isinstance(item, dict) and item.get("class_name") == "__keras_tensor__"


def _operation(config: dict, args: list, kwargs: dict) -> tuple[dict, tuple[list, dict]]:
    """The layer or operation of Keras 3 for a call of one of TensorFlow's functions, and the call of that."""
    name, function = config["name"], config["function"]
    if function == "__operators__.getitem":
        key = [_slice(name, part) for part in kwargs["slice_spec"]]
        return _entry(name, _NUMPY, "GetItem", {}), ([*args, key], {})
    if function not in FUNCTIONS:
        raise ValueError(f"its layer {name!r} calls TensorFlow's {function}, which has no counterpart here in Keras 3")
    module, operation, renamed, defaults = FUNCTIONS[function]
    settings = dict(defaults)
    for key, value in kwargs.items():
        if function in BINARY and key in ("y", "b"):
            args = [*args, value]
        elif isinstance(renamed.get(key), tuple) and isinstance(value, list):
            settings |= zip(renamed[key], value)
        elif key in renamed and next(_tensors(value), None) is None:
            settings[renamed[key]] = value
        elif value is not False:  # TensorFlow's default of every switch
            raise ValueError(f"its layer {name!r} calls TensorFlow's {function} with {key}, which is not known here")
    if function in BINARY and not all(map(_is_tensor, args)):
        if line := _line(operation, *args):  # a layer, as what moves pixels should be seen among the layers
            settings = {"scale": line[0], "offset": line[1]}
            settings |= {"dtype": "float64"} if config.get("dtype") == "float64" else {}
            return _entry(name, LAYERS, "Rescaling", settings), ([next(filter(_is_tensor, args))], {})
        if any(isinstance(part, list) for part in args):
            raise ValueError(f"its layer {name!r} calls TensorFlow's {function} with an array, which is not known here")
    return _entry(name, module, operation, settings), (args, {})


def _entry(name: str, module: str, class_name: str, settings: dict) -> dict:
    config = {"name": _name(name), **settings}
    return {"module": module, "class_name": class_name, "config": config, "registered_name": None}


def _tensors(item):
    if _is_tensor(item):
        yield item
    for part in item if isinstance(item, list) else item.values() if isinstance(item, dict) else ():
        yield from _tensors(part)


def _slice(name: str, part):
    """One part of an index: a slice, a number, or None for a new axis."""
    if isinstance(part, dict) and "start" in part:
        return {"class_name": "__slice__", "config": {key: part.get(key) for key in ("start", "stop", "step")}}
    if part is not None and type(part) is not int:
        raise ValueError(f"its layer {name!r} takes a part of a tensor in a way that is not known here")
    return part


def _line(operation: str, a, b) -> tuple | None:
    """(scale, offset) of an operation of a tensor and a number, or one number a channel; None where it is no a·x + b."""
    tensor_first = _is_tensor(a)
    numbers = b if tensor_first else a
    if not all(type(number) in (int, float) for number in (numbers if isinstance(numbers, list) else [numbers])):
        return None

    def each(function):
        return list(map(function, numbers)) if isinstance(numbers, list) else function(numbers)

    if operation == "Add":
        return 1, numbers
    if operation == "Multiply":
        return numbers, 0
    if operation == "Subtract":
        return (1, each(lambda number: -number)) if tensor_first else (-1, numbers)
    if operation == "TrueDivide" and tensor_first:
        return each(lambda number: 1 / number), 0
    return None
