"""Model files from strangers: hostile, broken and damaged `.keras` and `.h5` files, made for real and read for real."""

import collections
import contextlib
import faulthandler
import json
import os
import random
import subprocess
import sys
import warnings
import zipfile
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest

import gan_helpers as gh
from gan_helpers.model_files import strangers

import keras  # isort: skip

LATENTS = np.random.default_rng(0).standard_normal((4, 4)).astype(np.float32)
KILO = 1024 if sys.platform == "linux" else 2**20  # of ru_maxrss in a megabyte
FUZZED, PROCESSES = 250, 2  # of each format
SECONDS_A_FILE = 60  # one that hangs HDF5 is given up after 2 s of processor time


def tiny_generator():
    keras.utils.set_random_seed(0)
    latents = keras.Input((4,), name="latents")
    x = keras.layers.LeakyReLU(0.2)(keras.layers.BatchNormalization()(keras.layers.Dense(8, name="dense")(latents)))
    x = keras.layers.Reshape((2, 2, 2), name="reshape")(keras.layers.Dropout(0.1)(x))
    x = keras.layers.UpSampling2D(name="up")(keras.layers.Conv2D(2, 3, padding="same")(x))
    return keras.Model(latents, keras.layers.Conv2D(1, 3, padding="same", activation="tanh")(x), name="tiny")


def save(model, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(path)
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The same small generator as `.keras` and `.h5`."""
    folder = tmp_path_factory.mktemp("files")
    return {suffix: save(tiny_generator(), folder / f"tiny{suffix}") for suffix in (".keras", ".h5")}


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_archive(path, contents):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def edited(source, target, edit, version=None):
    """A copy of a model file whose configuration went through `edit`; checksums and all else are right."""
    if source.suffix == ".keras":
        contents = members(source)
        config = json.loads(contents["config.json"])
        contents["config.json"] = json.dumps(edit(config) or config)
        if version:
            contents["metadata.json"] = json.dumps({"keras_version": version})
        return write_archive(target.with_suffix(".keras"), contents)
    target = target.with_suffix(".h5")
    target.write_bytes(source.read_bytes())
    with h5py.File(target, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        file.attrs["model_config"] = json.dumps(edit(config) or config)
        if version:
            file.attrs["keras_version"] = version
    return target


def layer(config, name):
    return next(part for part in config["config"]["layers"] if part["name"] == name)


def refusal(path):
    """The one-line message with which a file is refused; it names the file."""
    with pytest.raises(ValueError) as caught:
        strangers.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path} cannot be read as a Keras model: ") and "\n" not in message
    endings = ("came from.", "load_model.", "with this one.", f".load_weights({str(path)!r}).", "git lfs pull.")
    assert message.endswith(endings), "says what to do next"
    return message


# --- what is right loads ----------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_good_file_gives_exactly_the_models_output(files, suffix):
    assert np.array_equal(strangers.load(files[suffix])(LATENTS), tiny_generator()(LATENTS))


def test_a_file_that_was_packed_again_loads(files, tmp_path):
    with zipfile.ZipFile(tmp_path / "again.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members(files[".keras"]).items():
            archive.writestr(name, content)
    assert np.array_equal(strangers.load(tmp_path / "again.keras")(LATENTS), tiny_generator()(LATENTS))


@pytest.mark.parametrize("build", [gh.networks.conditional_generator, gh.networks.conditional_discriminator])
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_the_courses_networks_load(build, suffix, tmp_path):
    model = build()
    loaded = strangers.load(save(model, tmp_path / f"model{suffix}"))
    assert all(np.array_equal(a, b) for a, b in zip(loaded.get_weights(), model.get_weights()))


def test_arithmetic_between_layers_loads(tmp_path):
    latents = keras.Input((4,))
    model = keras.Model(latents, 0.5 * keras.layers.Dense(3)(latents) + 1)
    assert np.array_equal(strangers.load(save(model, tmp_path / "model.keras"))(LATENTS), model(LATENTS))


def test_loading_leaves_nothing_behind_in_keras(files, tmp_path):
    """Variables without a value must not wait for the next scope, which would fill them."""
    from keras.src.backend.common import global_state

    huge = edited(
        files[".keras"], tmp_path / "huge", lambda config: layer(config, "dense")["config"].update(units=10**9)
    )
    refusal(huge)
    strangers.load(files[".keras"])
    assert not global_state.get_global_attribute("uninitialized_variables")


# --- 20: latents ------------------------------------------------------------------------------------


@pytest.mark.fault(20)
@pytest.mark.parametrize(
    ("latents", "got"),
    [
        (np.zeros((3, 5)), r"shape \(3, 5\)"),
        (np.zeros(4), r"shape \(4,\)"),
        (np.zeros((0, 4)), r"shape \(0, 4\)"),
        (np.zeros((3, 4, 2)), r"shape \(3, 4, 2\)"),
        ("latents", "str"),
        ([[1.0, 2.0], [3.0]], "list"),
        ({"z": 1}, "dict"),
        ([["1", "2", "3", "4"]], "list of <U1"),
        (np.ones((2, 4), complex), "complex128"),
        (None, "NoneType"),
        (np.array([[0, 0, 0, 0], [0, np.nan, 0, 0]]), "NaN or infinity in 1 of 2"),
        (np.full((1, 4), np.inf), "NaN or infinity in 1 of 1"),
    ],
)
def test_wrong_latents_are_told_with_what_is_expected(files, latents, got):
    generator = strangers.load(files[".keras"])
    with pytest.raises(ValueError, match=rf"expected .*latent vectors.*got .*({got})"):
        gh.generate(generator, latents)


# --- 22: hostile files ------------------------------------------------------------------------------


@pytest.mark.fault(22)
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_lambda_does_not_run(suffix, tmp_path):
    trace = tmp_path / "trace"
    latents = keras.Input((4,))
    code = eval(f"lambda x: (open({str(trace)!r}, 'w').close(), x)[1]")  # no closure: it lies in the file as a whole
    code.__module__ = __name__
    model = keras.Model(latents, keras.layers.Lambda(code, output_shape=(4,))(keras.layers.Dense(4)(latents)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inspect.getsource", lambda _: "lambda")  # Keras quotes it in a warning
        path = save(model, tmp_path / f"model{suffix}")
    trace.unlink(missing_ok=True)
    keras.models.load_model(path, compile=False, safe_mode=False)(LATENTS)
    assert trace.exists(), "the bait must be live"
    trace.unlink()
    assert "'Lambda'" in refusal(path)
    assert not trace.exists()


HOSTILE = {
    "os.system": {"module": "os", "class_name": "system", "config": {"command": "touch TRACE"}},
    "module": {"module": "bait_module", "class_name": "Bait", "config": {}, "registered_name": "Bait"},
    "submodule of keras": {"module": "keras.src.utils.file_utils", "class_name": "open", "config": {}},
    "registered": {"module": "keras.layers", "class_name": "Dense", "config": {}, "registered_name": "bait>Bait"},
    "lambda": {"class_name": "__lambda__", "config": {"value": ["4wAAAA==", None, None]}},
    "typespec": {
        "class_name": "__typespec__", "spec_name": "Bait", "module": "bait_module", "registered_name": None, "config": [],
    },
    "TypeSpec": {"class_name": "TypeSpec", "type_spec": "bait_module.Bait", "serialized": []},
    "CompositeTensor": {"class_name": "CompositeTensor", "spec": {}, "tensors": [["float32", 1.0]]},
    "array": {"class_name": "__numpy__", "config": {"value": ["a"], "dtype": "U500000000"}},
    "function": {"module": "bait_module", "class_name": "function", "config": "run", "registered_name": "run"},
    "download": {
        "module": "keras.utils", "class_name": "function", "config": "get_file", "registered_name": "get_file",
    },
}  # fmt: skip
LAYERS_THAT_DO_MORE = {
    "Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "StringLookup", "IntegerLookup",
    "TextVectorization", "Wrapper", "TimeDistributed", "RNN", "Pipeline", "Discretization", "AdaptiveAveragePooling2D",
    "MelSpectrogram",
}  # fmt: skip
HOSTILE |= {
    name: {"module": "keras.layers", "class_name": name, "config": {"filepath": "bait", "vocabulary": "bait"}}
    for name in LAYERS_THAT_DO_MORE
}


@pytest.fixture
def bait_module(tmp_path, monkeypatch):
    """A module on sys.path that leaves a trace when it is imported; and the trace."""
    trace = tmp_path / "trace"
    (tmp_path / "bait_module.py").write_text(f"open({str(trace)!r}, 'w').close()\nclass Bait: pass\ndef run(): pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    yield trace
    __import__("bait_module")
    sys.modules.pop("bait_module")
    assert trace.exists(), "the bait must be live"


@pytest.mark.fault(22)
@pytest.mark.parametrize("place", ["layer", "activation", "initializer", "argument", "whole"])
def test_a_config_that_names_anything_else_is_refused(files, place, bait_module, tmp_path):
    imported = set(sys.modules)

    def edit(config, part):
        dense = layer(config, "dense")
        if place == "layer":
            dense |= part
            dense.pop("module", None) if "module" not in part else None
        elif place == "argument":
            dense["inbound_nodes"][0]["kwargs"]["training"] = part
        elif place == "whole":
            return part
        else:
            dense["config"]["activation" if place == "activation" else "kernel_initializer"] = part

    for part in HOSTILE.values():
        part = json.loads(json.dumps(part).replace("TRACE", str(bait_module)))
        message = refusal(edited(files[".keras"], tmp_path / "hostile", lambda config, part=part: edit(config, part)))
        assert repr(part["config" if part["class_name"] == "function" else "class_name"]) in message
    assert not bait_module.exists() and not {"bait_module", "torch", "jax"} & (set(sys.modules) - imported)


@pytest.mark.fault(22)
def test_an_old_config_that_names_anything_else_is_refused(files, bait_module, tmp_path):
    for name in ("os.system", "lambda", "function", "Lambda", "StringLookup", "TFSMLayer"):
        part = {key: value for key, value in HOSTILE[name].items() if key != "module" or name == "function"}
        path = edited(
            files[".h5"],
            tmp_path / "hostile",
            lambda config, part=part: layer(config, "dense")["config"].update(activation=part),
        )
        assert "which is no layer that only computes" in refusal(path)
    assert not bait_module.exists()


def external_link(file, path, folder):
    file.move(path, "elsewhere")
    with h5py.File(folder / "other.h5", "w") as other:
        other["x"] = file["elsewhere"][()]
    del file["elsewhere"]
    file[path] = h5py.ExternalLink(str(folder / "other.h5"), "x")


def soft_link(file, path, folder):
    file.move(path, "elsewhere")
    file[path] = h5py.SoftLink("/elsewhere")


def external_storage(file, path, folder):
    value = file[path][()]
    (folder / "raw").write_bytes(value.tobytes())
    del file[path]
    file.create_dataset(path, value.shape, value.dtype, external=[(str(folder / "raw"), 0, value.nbytes)])


def virtual(file, path, folder):
    value = file[path][()]
    with h5py.File(folder / "other.h5", "w") as other:
        other["x"] = value
    layout = h5py.VirtualLayout(value.shape, value.dtype)
    layout[...] = h5py.VirtualSource(str(folder / "other.h5"), "x", value.shape)
    del file[path]
    file.create_virtual_dataset(path, layout)


@pytest.mark.fault(22)
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("mischief", [external_link, soft_link, external_storage, virtual])
def test_weights_from_elsewhere_are_not_fetched(files, suffix, mischief, tmp_path):
    path = tmp_path / f"model{suffix}"
    weights = tmp_path / "weights.h5" if suffix == ".keras" else path
    weights.write_bytes(
        members(files[suffix])["model.weights.h5"] if suffix == ".keras" else files[suffix].read_bytes()
    )
    with h5py.File(weights, "r+") as file:
        kernel = "layers/dense/vars/0" if suffix == ".keras" else "model_weights/dense/dense/kernel"
        expected = file[kernel][()]
        mischief(file, kernel, tmp_path)
        assert np.array_equal(file[kernel][()], expected), "HDF5 itself would fetch them"
    if suffix == ".keras":
        write_archive(path, members(files[suffix]) | {"model.weights.h5": weights.read_bytes()})
    assert any(part in refusal(path) for part in ("is a link to another place", "kept in another file"))


# --- 23: broken files and bombs ---------------------------------------------------------------------


@pytest.mark.fault(23)
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_truncated_or_foreign_file_is_one_clear_error(files, suffix, tmp_path):
    content, path = files[suffix].read_bytes(), tmp_path / f"model{suffix}"
    for kept in (0, 1, 100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:kept])
        message = refusal(path)
        assert "cut off" in message or suffix == ".keras" or kept <= 1
    path.write_bytes(content + b"\n")
    assert suffix == ".keras" or "should have" in refusal(path)
    path.write_text("Not a model, but a text.\n" * 1000)
    refusal(path)


def zip_bomb(path, contents, declared, gigabytes=2):
    """A `.keras` whose weights are a true deflate stream of zeros; `declared` bytes are admitted, with their checksum."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("metadata.json", "config.json"):
            archive.writestr(name, contents[name])
        archive.writestr("model.weights.h5", block * (1024 * gigabytes) + packer.flush())
        info = archive.getinfo("model.weights.h5")
        info.compress_type, info.file_size, info.CRC = zipfile.ZIP_DEFLATED, declared, zlib.crc32(bytes(declared))


def bombs(files, folder):
    """Files that ask for far more memory than they are worth."""
    keras_file, h5_file = files[".keras"], files[".h5"]
    contents = members(keras_file)
    zip_bomb(folder / "zip_bomb.keras", contents, declared=2**31)
    zip_bomb(folder / "lying_zip_bomb.keras", contents, declared=100_000)
    with zipfile.ZipFile(folder / "lzma_bomb.keras", "w", zipfile.ZIP_LZMA) as archive:
        for name in contents:
            archive.writestr(name, bytes(2**26))
            archive.getinfo(name).file_size = 100
    for depth, name in ((10**6, "deep"), (300, "less_deep")):
        write_archive(folder / f"{name}.keras", contents | {"config.json": '{"a":' * depth + "1" + "}" * depth})
    write_archive(folder / "large_config.keras", contents | {"config.json": "[" + "[]," * 2**21 + "0]"})
    for source in (keras_file, h5_file):
        name = source.suffix[1:]
        edited(source, folder / f"units_{name}", lambda config: layer(config, "dense")["config"].update(units=10**9))
        edited(
            source, folder / f"size_{name}", lambda config: layer(config, "up")["config"].update(size=[30000, 30000])
        )
        edited(
            source,
            folder / f"input_{name}",
            lambda config: layer(config, "latents")["config"].update(batch_shape=[None, 10**10]),
        )
        edited(source, folder / f"eager_{name}", eager)
    with h5py.File(h5_file) as old, h5py.File(folder / "terabytes.h5", "w") as file:
        for key, value in old.attrs.items():
            file.attrs[key] = value
        old.copy("model_weights", file)
        del file["model_weights/dense/dense/kernel"]
        file.create_dataset("model_weights/dense/dense/kernel", (4, 10**12), "f4")
    gan = save(gan_of(tiny_generator()), folder / "gan.keras")
    edited(
        gan,
        folder / "gan",
        lambda config: config["config"]["generator"]["config"]["layers"][-1]["config"].update(filters=10**9),
    )
    many_times(h5_file, folder / "one_string_many_times.h5")


def gan_of(generator):
    images = keras.Input(generator.output_shape[1:])
    gan = gh.GAN(generator, keras.Model(images, keras.layers.Dense(1)(keras.layers.Flatten()(images))))
    gan.compile()
    return gan


def many_times(source, target):
    """The names of the layers: 4,000 strings, which all lie at one place, a megabyte long."""
    target.write_bytes(source.read_bytes())
    with h5py.File(target, "r+") as file:
        file["model_weights"].attrs["layer_names"] = ["x" * 2**20] + ["y"] * 3999
    content = target.read_bytes()
    length, one = (2**20).to_bytes(4, "little"), (1).to_bytes(4, "little")
    at = content.index(length)  # each reference has 16 bytes: length, address, number
    while content[at + 16 : at + 20] != one or content[at + 32 : at + 36] != one:
        at = content.index(length, at + 1)
    target.write_bytes(content[:at] + content[at : at + 16] * 4000 + content[at + 16 * 4000 :])


def eager(config):
    """A layer that is called on a number, not on a tensor of the graph: Keras would compute it at once."""
    layer(config, "up")["inbound_nodes"][0] = {"args": [[[[[1.0]]]]], "kwargs": {}}
    layer(config, "up")["config"]["size"] = [20000, 20000]


def measure(folder):
    """Load each file of a folder; print what it took. Runs in a process of its own."""
    import resource

    strangers.load(folder / "good.keras"), strangers.load(folder / "good.h5")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for path in sorted(folder.glob("*")):
        if path.stem != "good":
            message = refusal(path)
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            print(json.dumps([path.name, grown // KILO, message]), flush=True)


# From a small process, since on Linux a child's maximum begins with what its parent has.
MEASURE_COPY = """
import resource, subprocess, sys
subprocess.run([sys.executable, "-m", "gan_helpers.model_files.strangers", *sys.argv[1:], "2"], capture_output=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def in_a_process(*arguments):
    command = [sys.executable, __file__, *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell the most memory that a process has taken")
@pytest.mark.fault(23)
def test_bombs_are_refused_in_bounded_memory(files, tmp_path):
    bombs(files, tmp_path)
    for suffix, path in files.items():
        (tmp_path / f"good{suffix}").write_bytes(path.read_bytes())
    process = in_a_process("measure", tmp_path)
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors[-2000:]
    rows = [json.loads(line) for line in output.splitlines()]
    assert len(rows) == len(list(tmp_path.glob("*"))) - 2
    for name, grown, message in rows:
        print(f"{name}: {grown} MB more: {message}")
        assert grown < 150, f"{name}: {grown} MB"
    for path in tmp_path.glob("*.h5"):
        command = [sys.executable, "-c", MEASURE_COPY, path, tmp_path / "copy"]
        took = int(subprocess.run(command, capture_output=True, check=True, text=True).stdout) // KILO
        print(f"{path.name}: {took} MB in the process that reads HDF5")
        assert took < 300, f"{path.name}: {took} MB"


# --- 24: versions -----------------------------------------------------------------------------------


@pytest.mark.fault(24)
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_both_versions_are_named(files, suffix, tmp_path):
    def from_the_future(config):
        layer(config, "dense")["class_name"] = "QuantumDense"

    message = refusal(edited(files[suffix], tmp_path / "model", from_the_future, version="99.0.0"))
    assert f"saved by Keras 99.0.0, this is Keras {keras.__version__}" in message
    same = edited(files[suffix], tmp_path / "model", from_the_future, version=keras.__version__)
    assert "saved by Keras" not in refusal(same)
    strangers.load(edited(files[suffix], tmp_path / "model", lambda config: None, version="99.0.0"))


@pytest.mark.fault(24)
def test_another_layout_names_both_versions_too(files, tmp_path):
    contents = members(files[".keras"]) | {"metadata.json": '{"keras_version": "99.0.0"}'}
    contents["model.weights.zarr"] = contents.pop("model.weights.h5")
    message = refusal(write_archive(tmp_path / "model.keras", contents))
    assert "model.weights.zarr" in message and f"Keras 99.0.0, this is Keras {keras.__version__}" in message


# --- 35: Keras 2 ------------------------------------------------------------------------------------

KERAS_2 = Path(__file__).parent / "keras_2"  # written by Keras 2, with its answers: see write.py there
CASES = [path for path in sorted(KERAS_2.glob("*.*")) if path.suffix in (".h5", ".keras")]
REFUSED = {"hard_sigmoid": "gate", "floormod": "tf.math.floormod", "lambda": "double"}


# TensorFlow asks the processor whether it computes in half precision, not oneDNN, which may have been told otherwise.
NOT_HALF = pytest.mark.skipif("'ONEDNN_MAX_CPU_ISA' in os.environ", reason="oneDNN is held back: it would abort")
ANSWERED = [
    pytest.param(path, id=path.name, marks=NOT_HALF if path.stem == "half" else ())
    for path in CASES
    if path.stem not in {*REFUSED, "built_weights"}
]


def difference(model, path):
    """From what Keras 2 itself answered."""
    answers = np.load(KERAS_2 / f"{path.stem}.npz")
    inputs = [answers[name] for name in sorted(set(answers) - {"y"})]
    output = model(inputs if len(inputs) > 1 else inputs[0], training=False)
    assert output.shape == answers["y"].shape
    return np.abs(output - answers["y"]).max()


@pytest.mark.fault(35)
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("path", ANSWERED)
def test_a_model_of_keras_2_answers_as_it_did_there(path, capfd):
    model = strangers.load(path)
    assert difference(model, path) < (1e-5 if path.stem != "half" else 1e-3)
    assert capfd.readouterr() == ("", "")


@pytest.mark.fault(35)
def test_a_sequential_model_as_keras_wrote_it_until_2_2_2(tmp_path):
    def older(config):
        _, *layers = config["config"]["layers"]
        layers[0]["config"]["batch_input_shape"] = [None, 4]
        config["config"] = layers

    path = edited(KERAS_2 / "built.h5", tmp_path / "built", older, version="2.1.6")
    assert difference(strangers.load(path), path) < 1e-5


@pytest.mark.fault(35)
@pytest.mark.parametrize(("name", "layer"), REFUSED.items())
def test_what_keras_3_cannot_compute_is_refused_by_the_layers_name(name, layer):
    assert f"its layer {layer!r} " in refusal(KERAS_2 / f"{name}.h5")


@pytest.mark.fault(22)
@pytest.mark.parametrize("place", ["layer", "activation", "regularizer", "argument"])
def test_a_config_of_keras_2_that_names_anything_else_is_refused(place, bait_module, tmp_path):
    for part in HOSTILE.values():
        part = json.loads(json.dumps(part).replace("TRACE", str(bait_module)))

        def edit(config, part=part):
            entry = next(entry for entry in config["config"]["layers"] if entry["class_name"] == "Dense")
            if place == "layer":
                entry |= part
            elif place == "argument":
                entry["inbound_nodes"][0][0][3]["training"] = part
            else:
                entry["config"]["activation" if place == "activation" else "kernel_regularizer"] = part

        refusal(edited(KERAS_2 / "arithmetic.h5", tmp_path / "hostile", edit))
    assert not bait_module.exists()


@pytest.mark.fault(35)
def test_an_error_of_keras_names_the_layer_and_the_cause(tmp_path):
    def wrong(config):
        config["config"]["layers"][1]["config"] |= {"name": "first", "shape": "round"}

    message = refusal(edited(KERAS_2 / "built.h5", tmp_path / "wrong", wrong))
    assert "its layer 'first' (Dense): " in message and "round" in message and "config=" not in message


@pytest.mark.fault(35)
@pytest.mark.parametrize("ending", [".hdf5", ".H5", ".keras"])  # until 2.11, Keras wrote HDF5 under .keras too
def test_a_file_is_read_by_what_it_holds(ending, tmp_path):
    path = tmp_path / f"built{ending}"
    path.write_bytes((KERAS_2 / "built.h5").read_bytes())
    with pytest.warns(UserWarning, match="people you trust"):
        assert difference(gh.load_generator(path), path) < 1e-5


@pytest.mark.fault(35)
def test_weights_alone_are_told_what_they_are_and_load_as_is_advised():
    path = KERAS_2 / "built_weights.h5"
    assert "it holds weights and no model. Build the network that they belong to, and load them into it: " in refusal(
        path
    )
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(2, activation="gelu")])
    model.load_weights(path)
    assert difference(model, KERAS_2 / "built.h5") < 1e-5


@pytest.mark.fault(35)
def test_a_saved_model_and_a_pointer_of_git_lfs_are_told_what_they_are(tmp_path):
    (tmp_path / "saved_model.pb").touch()
    for load in (strangers.load, gh.load_generator):
        with pytest.warns(UserWarning) if load is gh.load_generator else contextlib.nullcontext():  # noqa: SIM117
            with pytest.raises(ValueError, match="it is a SavedModel"):
                load(tmp_path)
    pointer = tmp_path / "model.keras"
    pointer.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1000\n")
    assert "pointer of Git LFS" in refusal(pointer)


# --- fuzzing ----------------------------------------------------------------------------------------


def damaged(content, rng):
    """Bytes that went through one kind of damage."""
    content = bytearray(content)
    at = rng.randrange(len(content))
    kind = rng.choice(["flip", "flips", "head", "cut", "insert", "delete", "zero"])
    if kind == "flip":
        content[at] ^= 1 << rng.randrange(8)
    elif kind == "flips":
        for _ in range(rng.randrange(2, 40)):
            content[rng.randrange(len(content))] = rng.randrange(256)
    elif kind == "head":  # where HDF5 keeps its structure
        for _ in range(rng.randrange(1, 5)):
            content[rng.randrange(min(4000, len(content)))] = rng.choice([0, 1, 127, 128, 255])
    elif kind == "cut":
        del content[at:]
    elif kind == "insert":
        content[at:at] = rng.randbytes(rng.randrange(1, 64))
    elif kind == "delete":
        del content[at : at + rng.randrange(1, 64)]
    else:
        stop = min(len(content), at + rng.randrange(1, 256))
        content[at:stop] = bytes(stop - at)
    return kind, bytes(content)


def swap_a_value(config, rng):
    """Another value in one place of a configuration."""
    places = []
    todo = [config]
    while todo:
        item = todo.pop()
        for key, value in item.items() if isinstance(item, dict) else enumerate(item):
            places.append((item, key))
            if isinstance(value, (dict, list)):
                todo.append(value)
    item, key = rng.choice(places)
    values = [None, True, 0, -1, 3, 2**31, 10**18, 0.5, -1e300, "", "relu", "no_such_name", [], {}, [[]], [None, 7]]
    item[key] = rng.choice([*values, rng.choice([item[key] for item, key in places])])


def fuzz(folder, first):
    """Damage good files again and again; each time there is a refusal or a correct model. Runs in a process of its own."""
    outcomes = collections.Counter()
    for suffix in (".keras", ".h5"):
        source, path = folder / f"good{suffix}", folder / f"fuzzed_{first}{suffix}"
        content, expected = source.read_bytes(), np.asarray(strangers.load(source)(LATENTS))
        for seed in range(first, FUZZED, PROCESSES):
            rng = random.Random(seed)
            kind, changed = damaged(content, rng) if seed % 6 else ("swap", None)
            if changed is None:
                edited(source, path, lambda config, rng=rng: swap_a_value(config, rng))
            else:
                path.write_bytes(changed)
            faulthandler.dump_traceback_later(SECONDS_A_FILE, exit=True)
            try:
                model = strangers.load(path)
            except ValueError as error:
                assert str(error).startswith(f"{path} cannot be read as a Keras model: "), f"seed {seed}: {error}"
                outcomes[f"{suffix} {kind} refused"] += 1
                continue
            finally:
                faulthandler.cancel_dump_traceback_later()
            outcomes[f"{suffix} {kind} loaded"] += 1
            latents = LATENTS if model.inputs[0].shape == (None, 4) else np.zeros((4, *model.inputs[0].shape[1:]))
            output = np.asarray(model(latents))
            assert output.shape == (4, *model.output_shape[1:]) and np.isfinite(output).all(), f"seed {seed}"
            if kind != "swap" and suffix == ".keras":
                assert np.array_equal(output, expected), f"seed {seed}"
    print(json.dumps(outcomes))


@pytest.mark.fault(23)
@pytest.mark.slow
def test_damaged_files_are_refused_or_load_right(files, tmp_path):
    """500 files of fixed seeds, in processes of their own, so that a crash of a library is seen as one.

    A damaged `.keras` that loads gives exactly the original's output: its members have checksums. HDF5 has none, so in an
    `.h5` file a flipped byte within a weight is another weight, and loads: all that can be asked of its output is the
    shape that the model declares, and finite numbers. So too where a value in the configuration was swapped and all
    checksums are right: that is another model.
    """
    for suffix, path in files.items():
        (tmp_path / f"good{suffix}").write_bytes(path.read_bytes())
    processes = [in_a_process("fuzz", tmp_path, first) for first in range(PROCESSES)]
    outcomes = collections.Counter()
    for process in processes:
        output, errors = process.communicate(timeout=600)
        assert process.returncode == 0, errors[-3000:]
        outcomes.update(json.loads(output))
    print(dict(sorted(outcomes.items())))
    assert sum(outcomes.values()) == 2 * FUZZED
    for suffix in files:
        for outcome in ("refused", "loaded"):
            assert any(name.startswith(suffix) and name.endswith(outcome) for name in outcomes)


if __name__ == "__main__":
    {"measure": measure, "fuzz": lambda folder, first: fuzz(folder, int(first))}[sys.argv[1]](
        Path(sys.argv[2]), *sys.argv[3:]
    )
