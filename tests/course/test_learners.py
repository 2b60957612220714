"""What a learner meets: profiles, the set-up check, shipped generators."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import h5py
import numpy as np
import pytest

import gan_helpers as gh
from gan_helpers.runs import shipped
from gan_helpers.storage import folders


def test_a_wrong_profile_names_the_three():
    assert gh.choose_profile("lesson", quick=1, lesson=2, full=3) == 2
    with pytest.raises(ValueError, match="'fast'.*'quick', 'lesson', 'full'"):
        gh.choose_profile("fast", quick=1, lesson=2, full=3)


def test_an_unknown_name_lists_what_there_is():
    with pytest.raises(AttributeError, match="'Gan'.*GAN"):
        gh.Gan  # noqa: B018
    assert {"GAN", "ModelMonitor", "pipeline"} <= set(dir(gh))
    for name in gh.__all__:
        assert getattr(gh, name) is not None


def packages_without(folder, *beginnings):
    """The environment variables with which `python -S` sees this environment's packages, but for those so named."""
    folder.mkdir()
    for installed in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for entry in Path(installed).iterdir():
            if not entry.name.lower().startswith(beginnings):
                (folder / entry.name).symlink_to(entry, target_is_directory=entry.is_dir())
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(Path(gh.__file__).parent.parent)])}


@pytest.mark.fault(31)
def test_a_dependency_that_is_missing_or_too_old_is_named_with_the_command(tmp_path):
    packages = tmp_path / "packages"
    environment = packages_without(packages, "keras-", "tqdm", "nbval")
    (packages / "keras-3.0.0.dist-info").mkdir()
    (packages / "keras-3.0.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: keras\nVersion: 3.0.0\n")
    first_cell = "import gan_helpers as gh; gh.check_setup()"
    answer = subprocess.run([sys.executable, "-S", "-c", first_cell], env=environment, capture_output=True, text=True)
    assert answer.returncode == 1 and "Set-up complete" not in answer.stdout
    for part in (
        "ImportError: the course cannot run here",
        "keras: found 3.0.0, needs 3.6 or newer",
        "tqdm: found none, needs 4.66 or newer",
        f'{sys.executable} -m pip install --upgrade "keras>=3.6" "tqdm>=4.66"\nand restart the kernel',
    ):
        assert part in answer.stderr
    assert "nbval" not in answer.stderr, "an extra is not needed"


def test_every_shipped_generator_is_what_the_manifest_says():
    known = shipped.manifest()
    assert known, "no generator is shipped"
    for name, entry in known.items():
        assert {"file", "sha256", "recipe", "command", "seed", "seconds", "images_seen"} <= entry.keys()
        assert 0 < entry["metrics"]["values"]["frechet_classifier_distance"]["value"] < 100
        generator = gh.load_generator(name)
        classes = np.arange(64) % 10 if len(generator.inputs) == 2 else None
        images = gh.generate(generator, gh.latent.sample(64, generator.inputs[0].shape[-1], seed=0), classes=classes)
        assert images.shape == (64, 28, 28, 1) and images.std() > 30  # not grey
        assert len(np.unique(images.reshape(64, -1), axis=0)) == 64  # not collapsed


@pytest.mark.fault(21)
def test_a_shipped_file_with_other_bytes_is_refused(tmp_path, monkeypatch):
    shutil.copytree(folders.data() / "pretrained", tmp_path / "data" / "pretrained")
    monkeypatch.setattr(folders, "root", lambda: tmp_path)
    name, entry = next(iter(shipped.manifest().items()))
    path = tmp_path / "data" / "pretrained" / entry["file"]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"expected SHA-256 {entry['sha256']}, found"):
        gh.load_generator(name)


def test_generators_load_from_a_run_folder_and_both_formats(small_gan, tmp_path):
    gan = small_gan()
    expected = gan.generate(4)
    for name in ("generator.keras", "generator.h5"):
        gan.ema_generator.save(tmp_path / name)
        with pytest.warns(UserWarning, match="people you trust"):
            loaded = gh.load_generator(tmp_path / name)
        assert np.array_equal(gh.generate(loaded, gan.sample_latents(4, 0)), expected)
    gan.save(tmp_path / "gan.keras")
    with pytest.warns(UserWarning):
        assert np.array_equal(
            gh.generate(gh.load_generator(tmp_path / "gan.keras"), gan.sample_latents(4, 0)), expected
        )


def write_keras_2_file(path, model):
    """A Sequential `.h5` as Keras 2 wrote it (compared with files of tf_keras 2.21): batch_input_shape, alpha, name:0."""

    def config(layer):
        config = {"name": layer.name, "trainable": True, "dtype": "float32"}
        keys = ["units", "filters", "kernel_size", "strides", "padding", "use_bias", "target_shape", "size"]
        old = {key: getattr(layer, key) for key in keys if hasattr(layer, key)}
        if hasattr(layer, "activation"):
            old["activation"] = layer.activation.__name__
        if hasattr(layer, "negative_slope"):
            old["alpha"] = float(layer.negative_slope)
        return {"class_name": type(layer).__name__, "config": config | old}

    first = {
        "batch_input_shape": [None, 128],
        "dtype": "float32",
        "sparse": False,
        "ragged": False,
        "name": "dense_input",
    }
    stack = [{"class_name": "InputLayer", "config": first}, *map(config, model.layers[1:])]
    stack[1]["config"]["batch_input_shape"] = [None, 128]
    whole = {"class_name": "Sequential", "config": {"name": "sequential", "layers": stack}}
    with h5py.File(path, "w") as file:
        file.attrs.update(backend="tensorflow", keras_version="2.12.0", model_config=json.dumps(whole))
        weights = file.create_group("model_weights")
        weights.attrs.update(
            backend="tensorflow", keras_version="2.12.0", layer_names=[x.name.encode() for x in model.layers[1:]]
        )
        for layer in model.layers[1:]:
            group = weights.create_group(layer.name)
            names = [f"{layer.name}/{weight.name}:0" for weight in layer.weights]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, weight in zip(names, layer.weights):
                group[name] = np.asarray(weight)


def test_a_keras_2_file_loads_and_takes_latents_of_either_shape(tmp_path):
    generator = gh.networks.upsampling_dcgan_generator()
    write_keras_2_file(tmp_path / "generator.h5", generator)
    with pytest.warns(UserWarning, match="people you trust"):
        loaded = gh.load_generator(tmp_path / "generator.h5")
    latents = gh.latent.sample(3, 128, seed=0).numpy()
    expected = generator(latents).numpy()
    assert np.array_equal(loaded(latents), expected) and np.array_equal(loaded(latents[..., None]), expected)
    assert np.array_equal(loaded.predict(latents[..., None], verbose=0), loaded.predict(latents, verbose=0))
    assert np.array_equal(gh.generate(loaded, latents[..., None]), gh.generate(generator, latents))


def test_a_file_that_is_no_model_is_one_clear_error(tmp_path):
    for name in ("broken.keras", "broken.h5"):
        (tmp_path / name).write_bytes(b"not a model")
        with pytest.warns(UserWarning), pytest.raises(ValueError, match=f"{name} cannot be read as a Keras model: "):
            gh.load_generator(tmp_path / name)


def test_what_cannot_be_a_generator_is_refused(tmp_path):
    with pytest.raises(ValueError, match="'course_dcgann' is neither a shipped generator .*course_dcgan"):
        gh.load_generator("course_dcgann")
    with pytest.raises(FileNotFoundError, match="no file"):
        gh.load_generator(tmp_path / "gone.keras")
    with pytest.raises(FileNotFoundError, match="not a run folder"):
        gh.load_generator(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"recipe": "course_mlp", "seed": 0}))
    with pytest.raises(FileNotFoundError, match="no finished epoch"):
        gh.load_generator(tmp_path)
