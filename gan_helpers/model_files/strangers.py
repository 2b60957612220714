"""Strangers' model files, `.keras` and `.h5`, read without trust: a file's content is data, and none of it is run.

A model file can name code to run, promise far more numbers than it holds, or break the library that reads it: among some
thousand `.h5` files with a few bytes changed, HDF5 1.14 crashed on some, never ended on others, or filled the memory. So a
file is first copied, by a process of its own with limits on time and memory, into a file that holds only what a model
needs; its configuration may name only layers and functions of Keras that compute; and Keras first builds it on paper.
"""

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from pathlib import Path

from gan_helpers.model_files import keras_2

MEGABYTE = 2**20
CONFIG_LIMIT = 4 * MEGABYTE  # Keras' own largest application needs less than one
NESTING_LIMIT = 100
VALUES_LIMIT = 2**27  # of one call on one input: half a gigabyte
SECONDS = 2  # of processor time to read HDF5, and as many again for every hundred megabytes

MEMBERS = ("config.json", "metadata.json", "model.weights.h5")  # what Keras writes, and no more

# Everything that a configuration may name. A list of what is harmless, not of what is harmful: Keras grows. Missing on
# purpose: what runs code (Lambda, TFSMLayer, TorchModuleWrapper, …), reads files (StringLookup, …), or can ask for any
# amount of memory before a weight is declared.
LAYERS = {
    "InputLayer", "Dense", "EinsumDense", "Embedding", "Identity", "Activation", "ELU", "LeakyReLU", "PReLU", "ReLU",
    "Softmax", "Conv1D", "Conv2D", "Conv1DTranspose", "Conv2DTranspose", "DepthwiseConv1D", "DepthwiseConv2D",
    "SeparableConv1D", "SeparableConv2D", "BatchNormalization", "GroupNormalization", "LayerNormalization",
    "RMSNormalization", "SpectralNormalization", "UnitNormalization", "Dropout", "AlphaDropout", "GaussianDropout",
    "GaussianNoise", "SpatialDropout1D", "SpatialDropout2D", "ActivityRegularization", "AveragePooling1D",
    "AveragePooling2D", "MaxPooling1D", "MaxPooling2D", "GlobalAveragePooling1D", "GlobalAveragePooling2D",
    "GlobalMaxPooling1D", "GlobalMaxPooling2D", "Flatten", "Reshape", "Permute", "RepeatVector", "UpSampling1D",
    "UpSampling2D", "Cropping1D", "Cropping2D", "ZeroPadding1D", "ZeroPadding2D", "Resizing", "Rescaling",
    "Normalization", "CategoryEncoding", "Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply",
    "Subtract", "Attention", "AdditiveAttention", "MultiHeadAttention",
}  # fmt: skip
INITIALIZERS = {
    "Zeros", "Ones", "Constant", "RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling", "GlorotNormal",
    "GlorotUniform", "HeNormal", "HeUniform", "LecunNormal", "LecunUniform", "Orthogonal", "OrthogonalInitializer",
    "Identity", "IdentityInitializer",
}  # fmt: skip
OPERATIONS = {
    "Absolute", "Add", "Clip", "Concatenate", "Cos", "Divide", "Exp", "ExpandDims", "GetItem", "Log", "Matmul", "Max", "Maximum",
    "Mean", "Min", "Minimum", "Multiply", "Negative", "Power", "Repeat", "Reshape", "Sin", "Sqrt", "Square", "Squeeze",
    "Stack", "Std", "Subtract", "Sum", "Tanh", "Tile", "Transpose", "TrueDivide", "Var",
}  # fmt: skip
ACTIVATIONS = {
    "celu", "elu", "exponential", "gelu", "glu", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "leaky_relu",
    "linear", "log_sigmoid", "log_softmax", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink",
    "softmax", "softplus", "softsign", "squareplus", "swish", "tanh", "tanh_shrink",
}  # fmt: skip
MODELS = ("Functional", "Model", "Sequential")
ALLOWED = {
    "keras.layers": LAYERS,
    "keras.initializers": INITIALIZERS,
    "keras.regularizers": ("L1", "L2", "L1L2", "OrthogonalRegularizer"),
    "keras.constraints": ("MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"),
    "keras": (*MODELS, "DTypePolicy"),
    "keras.models": MODELS,
    "keras.src.models.functional": MODELS,
    "keras.src.models.sequential": MODELS,
    "keras.dtype_policies": ("DTypePolicy",),
    "keras.src.ops.numpy": OPERATIONS,
    "keras.src.ops.nn": ("Relu", "LeakyRelu", "Sigmoid", "Silu", "Softmax", "Softplus", "Gelu", "OneHot"),
    "keras.src.ops.math": ("Rsqrt",),
    "keras.src.ops.core": ("Cast",),
    "gan_helpers.networks.layers": (
        "LearnedPoint",
        "MinibatchDiscrimination",
        "MinibatchStandardDeviation",
        "SpectralNormalization",
    ),
}
# No objects: a tensor's place in the graph, a shape, an index.
NOTATION = ("__keras_tensor__", "__tuple__", "TensorShape", "__slice__")
OLD = {name for names in ALLOWED.values() for name in names}  # `.h5` names classes without their modules
OURS = "gan_helpers>GAN"
TRUST = "If you trust who made it, load it with keras.models.load_model."


ENDINGS = (".keras", ".h5", ".hdf5")  # in any case of letters


def load(path: str | os.PathLike):
    """The Keras model of a `.keras`, `.h5` or `.hdf5` file, not compiled: a generator, or a whole `GAN`.

    What its file says of the images that it learned from, it has as `trained_on` and `class_names` (`write_learned`).

    A model that is returned has finite weights, computes finite numbers from one input, and owns no more weights than
    the file has bytes. One that Keras 2 wrote answers as it did there, to 1e-5 in float32.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: whatever else is wrong with it: what happened, and what to do next; and if another version of Keras
            wrote it, both versions.
    """
    path = Path(path)
    if is_saved_model(path):
        raise ValueError(
            f"{path} cannot be read as a Keras model: it is a SavedModel, a folder with a graph of TensorFlow's own, which "
            "Keras 3 does not load. If you trust who made it, convert it with the package tf_keras: "
            f"tf_keras.models.load_model({str(path)!r}).save('model.h5')."
        )
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    from gan_helpers.gan import gan, generators  # noqa: F401  first: it imports TensorFlow without its noise, and registers the class GAN

    import keras  # isort: skip

    saved_by, facts = None, {}
    with tempfile.TemporaryDirectory() as folder:
        try:
            ending = _format(path)
            copy = Path(folder) / f"model{ending}"
            if ending == ".keras":
                with zipfile.ZipFile(path) as archive:
                    facts = _json(archive, "metadata.json")
                    saved_by = facts.get("keras_version")
                    _check_archive(archive, path.stat().st_size)
                    config = _of_keras_3(_json(archive, "config.json"), saved_by)
                    players = _check_top(config)
                    _unpack(archive, config, copy)
            else:
                _copy_apart(path, copy)
                text, saved_by = _attributes(copy, path)
                config = _of_keras_3(_parsed(text), saved_by)
                players = _check_top(config)
                _set_config(copy, config)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what Keras finds old-fashioned in a stranger's file
                warnings.filterwarnings("error", message="Skipping")  # it leaves weights at random values
                _build_on_paper(copy, players, copy.stat().st_size)
                model = keras.models.load_model(copy, compile=False, safe_mode=True)
                _finish(model)
                _check_numbers(model)
        except Exception as error:  # whatever a file can be: Keras, zipfile and json raise a dozen kinds
            reason = _reason(error).replace(str(Path(folder, "model")), str(path.with_suffix(""))).rstrip(".")[:400]
            raise ValueError(f"{path} cannot be read as a Keras model: {reason}. {_advice(saved_by, error)}") from error
    if "trained_on" in facts:  # a whole GAN has its own
        generators.learned_from(model, facts)
    return model


def write_learned(path: str | os.PathLike, model) -> None:
    """Note in a generator's `.keras` file what a `GAN` or a generator learned from, beside Keras' own remarks there.

    Keras reads such a file as any other; `load` reads `trained_on` and `class_names` too.
    """
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    noted = {"trained_on": model.trained_on, "class_names": list(model.class_names)}
    members["metadata.json"] = json.dumps(json.loads(members["metadata.json"]) | noted).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def is_saved_model(path: Path) -> bool:
    """Whether this folder is one of TensorFlow's SavedModels."""
    return (path / "saved_model.pb").is_file()


class Refused(ValueError):
    """What the file is, is not accepted: reading it anew, or with another Keras, would not help.

    Args:
        advice: what to do instead, where that is known.
    """

    def __init__(self, reason: str, advice: str | None = None):
        super().__init__(reason)
        self.advice = advice


def _format(path: Path) -> str:
    """`.keras` or `.h5`, by what the file holds: until 2.11 Keras wrote HDF5 under the ending `.keras` too."""
    with open(path, "rb") as file:
        head = file.read(16)
    if head.startswith(b"version https://"):
        raise Refused("it is a pointer of Git LFS, not the file itself", "Fetch the file: git lfs pull.")
    if head.startswith(b"\x89HDF"):
        return ".h5"
    return ".keras" if head.startswith(b"PK") or path.suffix.lower() == ".keras" else ".h5"


def _reason(error: Exception) -> str:
    """Of an error of Keras, the layer and the cause, in one line.

    Keras wraps a layer's error into others, which begin with a dump of the configuration.
    """
    import keras

    chain = [error]
    while "\n" in str(chain[-1]).strip() and (below := chain[-1].__cause__ or chain[-1].__context__):
        chain.append(below)
    lines = "".join(c if c.isprintable() else "\n" for c in str(chain[-1])).strip().splitlines()
    reason = lines[0] if lines else type(error).__name__
    layers = [
        frame.f_locals.get("self")
        for part in chain[1:]
        for frame, _ in traceback.walk_tb(part.__traceback__)
        if isinstance(frame.f_locals.get("self"), keras.layers.Layer)
    ]
    if not layers:
        return reason
    layer = layers[-1]
    return f"its layer {getattr(layer, 'name', None) or ''!r} ({type(layer).__name__}): {reason}"


def _advice(saved_by, error) -> str:
    import keras

    if getattr(error, "advice", None):
        return error.advice
    if isinstance(saved_by, str) and saved_by != keras.__version__:
        saved_by = "".join(filter(str.isprintable, saved_by))[:40]
        return (
            f"It was saved by Keras {saved_by}, this is Keras {keras.__version__}: if it is whole, install that version "
            "or have it saved anew with this one."
        )
    return TRUST if isinstance(error, Refused) else "It is damaged or no model: get it again from where it came from."


# --- the file ---------------------------------------------------------------------------------------


def _check_archive(archive, size: int) -> None:
    if sorted(archive.namelist()) != sorted(MEMBERS):
        raise Refused(f"it must hold {', '.join(MEMBERS)} and nothing else; it holds {archive.namelist()[:10]}")
    declared = sum(info.file_size for info in archive.infolist())
    if declared > 10 * size + MEGABYTE:  # Keras packs nothing, and weights do not shrink
        raise Refused(f"its {size:,} bytes claim to hold {declared:,}: a zip bomb")


def _open_member(archive, name: str):
    info = archive.getinfo(name)
    # zipfile unpacks bzip2 and LZMA without a limit, whatever length is declared
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Refused(f"its {name} is packed in a way that Keras does not use")
    return archive.open(info)


def _json(archive, name: str) -> dict:
    with _open_member(archive, name) as file:
        return _parsed(file.read(CONFIG_LIMIT + 1))


def _parsed(text: str | bytes) -> dict:
    if len(text) > CONFIG_LIMIT:
        raise Refused("its configuration is larger than any model's")
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("its configuration is no JSON object")
    return found


def _unpack(archive, config: dict, copy: Path) -> None:
    """Write a `.keras` of this configuration, with the weights as `_copy_apart` copies them."""
    raw, weights = copy.parent / "raw.h5", copy.parent / "weights.h5"
    with _open_member(archive, "model.weights.h5") as source, open(raw, "wb") as target:
        shutil.copyfileobj(source, target, MEGABYTE)  # in pieces: a member can unpack to more than it declares
    _copy_apart(raw, weights)
    with zipfile.ZipFile(copy, "w") as clean:
        clean.writestr("metadata.json", "{}")
        clean.writestr("config.json", json.dumps(config))
        clean.write(weights, "model.weights.h5")


def _attributes(copy: Path, path: Path) -> tuple[str, object]:
    """Configuration and Keras version of an `.h5` file that `copy_hdf5` has written from that at `path`."""
    import h5py

    with h5py.File(copy) as file:
        found = [file.attrs.get(name) for name in ("model_config", "keras_version")]
        only_weights = "layer_names" in file.attrs or "layers" in file or "_layer_checkpoint_dependencies" in file
    text, saved_by = (value.decode() if isinstance(value, bytes) else value for value in found)
    if isinstance(text, str):
        return text, saved_by
    if only_weights:
        raise Refused(
            "it holds weights and no model",
            "Build the network that they belong to, and load them into it: "
            f"gh.networks.NAME().load_weights({str(path)!r}).",
        )
    raise ValueError("it holds no model's configuration")


def _set_config(copy: Path, config: dict) -> None:
    import h5py

    with h5py.File(copy, "r+") as file:
        file.attrs["model_config"] = json.dumps(config)


def _check_length(path: Path) -> None:
    """HDF5 notes its length in its first bytes; what was cut off or grew on its way is told so at once."""
    with open(path, "rb") as file:
        head = file.read(64)
    if not head.startswith(b"\x89HDF\r\n\x1a\n"):
        raise ValueError("it is no HDF5 file")
    at = {0: 40, 1: 44}.get(head[8], 28)
    expected, found = int.from_bytes(head[at : at + 8], "little"), path.stat().st_size
    if found != expected:
        raise ValueError(f"it has {found:,} bytes and should have {expected:,}: it was cut off or changed on its way")


def _copy_apart(source: Path, target: Path) -> None:
    """`copy_hdf5` in a process of its own, so that nothing in the file can crash, stop or fill this one.

    Raises:
        ValueError: it failed, crashed, or took too long.
    """
    _check_length(source)
    seconds = SECONDS * (1 + source.stat().st_size / (100 * MEGABYTE))
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent.parent.parent), *filter(None, sys.path)]),
        "OPENBLAS_NUM_THREADS": "1",  # each thread would take memory for nothing
    }
    # -S: the path is passed on as it is, and finding it anew takes as long as reading the file
    command = [sys.executable, "-S", "-m", "gan_helpers.model_files.strangers", source, target, str(math.ceil(seconds))]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, encoding="utf-8", errors="replace", timeout=30 + 10 * seconds
        )
    except subprocess.TimeoutExpired:
        raise ValueError("the HDF5 library did not come to an end with it") from None
    if done.returncode == 3:
        raise Refused(done.stdout.strip())
    if done.returncode == 1:
        raise ValueError((done.stdout or done.stderr).strip().splitlines()[-1])
    if done.returncode:
        raise ValueError(f"the HDF5 library broke or did not come to an end with it (exit status {done.returncode})")


def copy_hdf5(source: str, target: str, limit: int) -> None:
    """Copy an HDF5 file's groups, attributes and arrays of numbers into a new file.

    Args:
        limit: bytes that all of them together may declare.

    Raises:
        Refused: it holds something else: a link to another place or file, values kept elsewhere, more than `limit`.
    """
    import h5py

    with h5py.File(source, "r") as old_file, h5py.File(target, "w") as new_file:
        todo, seen = [(old_file, new_file)], set()
        while todo:
            old, new = todo.pop()
            address = h5py.h5o.get_info(old.id).addr
            if address in seen:
                raise Refused("two names in it lead to one object")
            seen.add(address)
            for name in old.attrs:
                kind = old.attrs.get_id(name)
                limit = _pay(limit, math.prod(kind.shape or ()) * kind.dtype.itemsize)
                value = old.attrs[name]
                if kind.dtype.kind == "O" and hasattr(value, "flat"):  # strings may share their bytes in the file
                    limit = _pay(limit, sum(map(len, value.flat)))
                new.attrs[name] = value
            for name in old if isinstance(old, h5py.Group) else ():
                if not isinstance(old.get(name, getlink=True), h5py.HardLink):
                    raise Refused(f"{name!r} in it is a link to another place")
                item = old[name]
                if isinstance(item, h5py.Group):
                    todo.append((item, new.create_group(name)))
                    continue
                if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "fiub":
                    raise Refused(f"{name!r} in it is no array of numbers")
                if item.external or item.is_virtual:
                    raise Refused(f"the values of {name!r} are kept in another file")
                limit = _pay(limit, item.nbytes)
                todo.append((item, new.create_dataset(name, data=item[()])))


def _pay(limit: int, size: int) -> int:
    if size > limit:
        raise Refused("it declares more values than its bytes can hold")
    return limit - size


def _main(source: str, target: str, seconds: str) -> int:
    """Exit status 0; 1: not readable; 3: refused. Standard output says why."""
    size = os.path.getsize(source)
    try:
        import resource

        import h5py  # noqa: F401  before the limit

        limit = math.ceil(time.process_time()) + int(seconds)
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
        resource.setrlimit(resource.RLIMIT_DATA, (256 * MEGABYTE + 4 * size,) * 2)
    except (ImportError, ValueError, OSError):
        pass  # Windows has no such limits; the time limit of the caller remains
    try:
        copy_hdf5(source, target, 10 * size + MEGABYTE)
    except Refused as error:
        print(error)
        return 3
    except Exception as error:
        print(str(error).strip() or type(error).__name__)
        return 1
    return 0


# --- the configuration ------------------------------------------------------------------------------


def _of_keras_3(config: dict, saved_by) -> dict:
    """The configuration in the form of Keras 3, without how the model or its parts were trained."""
    if keras_2.wrote(saved_by):
        config = keras_2.converted(config)
    todo = [config]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            item.pop("compile_config", None)
        todo += item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
    return config


def _check_top(config: dict) -> list[dict] | None:
    """Check a whole configuration; return a GAN's two players, or None for any other model.

    Raises:
        Refused: it names anything that is not in the lists above, or its graph does not hold together.
    """
    if config.get("registered_name") == OURS:
        inner = config.get("config")
        _check(inner)
        players = [inner[player] for player in ("generator", "discriminator")]
        for player in players:
            if player["class_name"] not in MODELS:
                raise Refused(f"a GAN of {player['class_name']!r}")
        return players
    _check(config)
    if config.get("class_name") not in MODELS:
        raise Refused(f"it is no model but {config.get('class_name')!r}")
    return None


def _check(config) -> None:
    todo = [(config, 0, "it")]
    while todo:
        item, depth, owner = todo.pop()
        if depth > NESTING_LIMIT:
            raise Refused("its configuration is nested deeper than any model's")
        if isinstance(item, dict):
            if "class_name" in item:
                name = item["config"].get("name") if isinstance(item.get("config"), dict) else None
                owner = f"its layer {name[:60]!r}" if isinstance(name, str) else owner
                _check_object(item, owner)
            if "layers" in item and "output_layers" in item:
                _check_graph(item)
            todo += [(value, depth + 1, owner) for value in item.values()]
        elif isinstance(item, list):
            todo += [(value, depth + 1, owner) for value in item]


def _check_object(item: dict, owner: str) -> None:
    name, module, registered = item["class_name"], item.get("module"), item.get("registered_name")
    if name == "function":
        allowed = module in ("builtins", "keras.activations") and item.get("config") in ACTIVATIONS
        name = item.get("config")
        registered = name if registered == "function" else registered
    else:
        allowed = name in NOTATION or name in (OLD if module is None else ALLOWED.get(module, ()))
    own = f"gan_helpers>{name}" if module == "gan_helpers.networks.layers" else name
    if not allowed or registered not in (None, "", name, own):
        where = ", ".join(str(part)[:60] for part in (module, registered) if part)
        raise Refused(
            f"{owner} names {str(name)[:60]!r}{f' ({where})' if where else ''}, which is no layer that only computes"
        )


def _check_graph(config: dict) -> None:
    """Every call in a functional model takes the outcome of another, and none waits for ever.

    Without a tensor of the graph, a layer would compute at once, as large as it likes; and on calls that wait for each
    other, Keras 3.6 never ends.
    """
    layers = config["layers"]
    # An input has an outcome without a call, and a model one of its own.
    done = {layer["name"]: int(layer["class_name"] in ("InputLayer", "Functional", "Model")) for layer in layers}
    models = {layer["name"] for layer in layers if layer["class_name"] in MODELS}
    waiting = [(layer["name"], [list(_tensors(node)) for node in layer["inbound_nodes"]]) for layer in layers]
    for name, calls in waiting:
        for tensor in (tensor for call in calls for tensor in call or [None]):
            well_formed = isinstance(tensor, list) and len(tensor) == 3 and tensor[0] in done
            if not well_formed or not all(type(n) is int and n >= 0 for n in tensor[1:]):
                raise Refused(f"a call of {name!r} takes no outcome of another layer")
            if tensor[2] and tensor[0] not in models:
                raise Refused(f"a call of {name!r} takes an outcome that {tensor[0]!r} does not have")
    while waiting:
        before = sum(done.values())
        for name, calls in waiting:
            while calls and all(done[tensor[0]] > tensor[1] for tensor in calls[0]):
                del calls[0]
                done[name] += 1
        waiting = [(name, calls) for name, calls in waiting if calls]
        if waiting and sum(done.values()) == before:
            raise Refused(f"{waiting[0][0]!r} waits for an outcome that never comes")


def _tensors(node):
    """Places in the graph, [layer, call, outcome], of the tensors that one call takes."""
    todo = [node["args"], node["kwargs"]]
    while todo:
        item = todo.pop()
        if isinstance(item, list):
            todo += item
        elif isinstance(item, dict) and item.get("class_name") == "__keras_tensor__":
            yield item["config"]["keras_history"]
        elif isinstance(item, dict) and item.get("class_name") in (None, "__tuple__"):
            todo += item.values()


# --- the model --------------------------------------------------------------------------------------


def _build_on_paper(copy: Path, players: list[dict] | None, size: int) -> None:
    """Build the model with variables that have a shape and no value, and compare their number with the file's bytes.

    Raises:
        Refused: it asks for more weights than the file can hold.
    """
    import keras
    from keras.src.backend.common import global_state  # nothing public tells of variables without a value

    kept = list(global_state.get_global_attribute("uninitialized_variables") or [])
    try:
        with keras.StatelessScope(initialize_variables=False):
            if players:  # a GAN copies its generator's weights while it is built, and on paper they are none
                models = [keras.saving.deserialize_keras_object(player, safe_mode=True) for player in players]
            else:
                models = [keras.models.load_model(copy, compile=False, safe_mode=True)]
            weights = sum(math.prod(weight.shape) for model in models for weight in model.weights)
    finally:  # otherwise the next scope of this kind would fill them, as large as they are
        global_state.set_global_attribute("uninitialized_variables", kept)
    if weights > size:
        raise Refused(f"it asks for {weights:,} weights, more than its {size:,} bytes can hold")


def _finish(model) -> None:
    """Let normalizations take up their weights, which Keras forgets after it has read an `.h5` file."""
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
        elif isinstance(layer, keras.Model):
            _finish(layer)


def _check_numbers(model) -> None:
    """Finite weights; and from one input, in bounded memory, finite outputs.

    Raises:
        ValueError: not so.
    """
    import numpy as np

    for weight in model.weights:
        if not np.isfinite(np.asarray(weight, np.float64)).all():
            raise ValueError(f"its weights {weight.path!r} hold NaN or infinity")
    for part in [model] if hasattr(model, "inputs") else [model.ema_generator, model.discriminator]:
        _check_call(part)


def _check_call(model) -> None:
    import numpy as np
    import tensorflow as tf

    specs = [tf.TensorSpec([1, *(size or 32 for size in x.shape[1:])], x.dtype) for x in model.inputs]
    call = tf.function(lambda *inputs: model(list(inputs) if len(inputs) > 1 else inputs[0], training=False))
    graph = call.get_concrete_function(*specs)
    values = 0
    for operation in graph.graph.get_operations():
        for output in operation.outputs:
            if not output.shape.is_fully_defined():
                raise Refused(f"how much memory {operation.name!r} takes cannot be told")
            values += math.prod(output.shape)
    if values > VALUES_LIMIT:
        raise Refused(f"for one input it computes {values:,} values; {VALUES_LIMIT:,} are allowed")
    rng = np.random.default_rng(0)
    inputs = [
        tf.constant(rng.standard_normal(spec.shape) if spec.dtype.is_floating else np.zeros(spec.shape), spec.dtype)
        for spec in specs
    ]
    for output in tf.nest.flatten(graph(*inputs)):
        if not np.isfinite(np.asarray(output)).all():
            raise ValueError("it computes NaN or infinity")


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
