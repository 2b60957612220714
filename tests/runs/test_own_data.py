"""Runs on other images than Fashion-MNIST: sizes, colours, classes and their names, from training to samples."""

import dataclasses
import json
import math
import shlex
import warnings

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

import gan_helpers as gh
from gan_helpers import data, networks
from gan_helpers.data.dataset import Dataset
from gan_helpers.gan import generators
from gan_helpers.model_files import strangers
from gan_helpers.runs import checkpoints, recipes, shipped, training
from gan_helpers.storage import folders

NAMES = ("Hüte", "Dresses, long", "bag")
SHAPE = (32, 32, 3)

pytestmark = pytest.mark.filterwarnings("ignore:(No judge of|These) (these )?images")


def generator(latent_dim, classes=3):
    latents, told = keras.Input((latent_dim,)), keras.Input((), dtype="int32")
    x = layers.Concatenate()([latents, layers.Embedding(classes, 4)(told)])
    x = layers.Dense(math.prod(SHAPE), activation="tanh")(layers.LeakyReLU(0.2)(layers.Dense(16)(x)))
    return keras.Model([latents, told], layers.Reshape(SHAPE)(x))


def discriminator(classes=3):
    pictures, told = keras.Input(SHAPE), keras.Input((), dtype="int32")
    x = layers.Concatenate()([layers.Flatten()(pictures), layers.Embedding(classes, 4)(told)])
    return keras.Model(
        [pictures, told], layers.Dense(1)(layers.Dropout(0.3)(layers.LeakyReLU(0.2)(layers.Dense(16)(x))))
    )


TOLD = recipes.Recipe("told", generator, discriminator, 1e-3, 1e-3, "for tests", latent_dim=8, batch_size=16, epochs=2)
UNTOLD = dataclasses.replace(
    TOLD,
    name="untold",
    generator=lambda latent_dim: keras.Sequential(
        [keras.Input((latent_dim,)), layers.Dense(math.prod(SHAPE), activation="tanh"), layers.Reshape(SHAPE)]
    ),
    discriminator=lambda: keras.Sequential([keras.Input(SHAPE), layers.Flatten(), layers.Dense(1)]),
)


@pytest.fixture(scope="module")
def dataset():
    """Sixty pictures in colour: each class has a colour, and each picture is a shade of it."""
    rng, classes = np.random.default_rng(0), np.arange(60) % 3
    pictures = rng.integers(0, 80, (60, *SHAPE), np.uint8)
    pictures[np.arange(60), ..., classes] += rng.integers(100, 175, (60, 1, 1), np.uint8)
    return Dataset(pictures, classes.astype(np.int64), NAMES, name="Kleider")


@pytest.fixture(scope="module")
def run(dataset, tmp_path_factory):
    return gh.train(TOLD, tmp_path_factory.mktemp("run"), dataset, epochs=2, verbose=0)


def arrays(gan):
    return [np.asarray(v) for variables in checkpoints._state(gan).values() for v in variables]


def assert_equal(left, right):
    assert all(np.array_equal(a, b) for a, b in zip(arrays(left), arrays(right), strict=True))


def test_a_run_knows_its_data_set_wherever_it_goes(run, dataset, tmp_path):
    run.gan.save(tmp_path / "gan.keras")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [shipped.load_generator(path) for path in (run.folder, tmp_path / "gan.keras")]
    loaded = gh.load_run(run.folder)
    assert_equal(loaded.gan, run.gan)
    for one in (run, run.gan, run.gan.generator, run.gan.ema_generator, loaded, *found):
        assert (one.trained_on, tuple(one.class_names)) == (dataset.hash, NAMES)
        assert generators.class_names(one) == NAMES
    assert generators.image_shape(found[0]) == SHAPE
    drawn = [gh.generate(g, run.gan.sample_latents(4, 0), g.pixel_range, classes=[0, 1, 2, 0]) for g in found]
    assert all(np.array_equal(images, run.gan.generate(4, seed=0)) for images in drawn)


def test_a_run_that_stopped_ends_bit_for_bit_like_the_uninterrupted_one(run, dataset, tmp_path):
    gh.train(TOLD, tmp_path, dataset, epochs=1, verbose=0)
    assert_equal(gh.train(TOLD, tmp_path, dataset, epochs=2, verbose=0).gan, run.gan)
    short_form = dict(train_images=dataset.images, train_classes=dataset.classes)
    again = gh.train(TOLD, tmp_path, epochs=2, verbose=0, **short_form)  # the same images and classes: the same run
    assert_equal(again.gan, run.gan)
    other = Dataset(dataset.images, dataset.classes[::-1], NAMES)
    with pytest.raises(ValueError, match="belongs to another run .dataset: "):
        gh.train(TOLD, tmp_path, other, epochs=3, verbose=0)


def test_the_course_s_own_recipe_is_made_for_these_images(dataset, tmp_path):
    run = gh.train("course_conditional", tmp_path, dataset, epochs=1, batch_size=30, verbose=0)
    assert generators.image_shape(run.gan.ema_generator) == SHAPE and generators.class_count(run.gan.generator) == 3
    loaded = gh.load_run(tmp_path)
    assert_equal(loaded.gan, run.gan)
    assert (loaded.trained_on, loaded.class_names) == (dataset.hash, NAMES)


def test_a_gan_that_is_fitted_on_a_data_set_knows_it_too(run, dataset):
    gan = TOLD.build()
    gan.fit(gh.pipeline(dataset, 30, classes=True), verbose=0)
    assert (gan.trained_on, gan.class_names) == (dataset.hash, NAMES)
    gan.fit(gh.pipeline(dataset.images, 30, classes=dataset.classes), verbose=0)  # nothing says which these are
    assert gan.trained_on == "other"


def test_config_says_what_was_learned(run, dataset):
    config = json.loads((run.folder / "config.json").read_text(encoding="utf-8"))
    about = {"name": "Kleider", "image_shape": [32, 32, 3], "classes": 3, "class_names": list(NAMES)}
    assert about.items() <= config["data"].items()
    assert config["trained_on"] == config["data"]["hash"] == config["dataset"] == dataset.hash
    assert config["command"] is None and "files" not in config


def test_samples_are_asked_for_by_the_run_s_names(call, run, tmp_path):
    out = tmp_path / "a.npz"
    status, _, said = call(
        "sample", run.folder, "--count", 4, "--classes", "HÜTE, dresses, long,2, Hu\u0308te", "--out", out
    )
    assert status == 0, said
    with np.load(out) as found:
        assert found["classes"].tolist() == [0, 1, 2, 0] and found["class_names"].tolist() == list(NAMES)
        assert found["images"].shape == (4, *SHAPE)
    for wrong in ("hat", "3", "Hüte,,2"):
        status, _, said = call("sample", run.folder, "--classes", wrong, "--out", tmp_path / "no.npz")
        assert status == 2 and "is none of 0 Hüte, 1 Dresses, long, 2 bag" in said and said.count("\n") == 1
    assert not (tmp_path / "no.npz").exists()


def test_an_exported_generator_still_knows_its_classes(run, dataset, tmp_path):
    from gan_helpers.runs.exporting import export

    export(run.folder, tmp_path / "out")
    found = strangers.load(tmp_path / "out" / "generator.keras")
    assert (found.trained_on, found.class_names) == (dataset.hash, NAMES)


def test_what_a_file_says_of_its_images_is_only_believed_where_it_is_well_formed():
    model = networks.mlp_generator(4, (4,))
    for facts in (
        {"trained_on": "0" * 63},
        {"trained_on": ["other"]},
        {"class_names": "abc"},
        {"class_names": ["a", 3]},
    ):
        generators.learned_from(model, facts)
        assert (model.trained_on, model.class_names) == (None, ())


def test_images_without_classes_train_an_unconditional_recipe(dataset, tmp_path):
    alone = Dataset(dataset.images)
    with pytest.warns(UserWarning, match="no classes.*no distance"):
        run = gh.train(UNTOLD, tmp_path, alone, epochs=1, evaluate_every=1, verbose=0)
    assert "frechet_classifier_distance" not in run.history[0]
    assert (run.trained_on, run.class_names) == (alone.hash, ()) and generators.class_names(run) == ()
    # Classes that are not learned make no other run.
    assert len(gh.train(UNTOLD, tmp_path, dataset, epochs=2, verbose=0).history) == 2
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    assert config["images"] == 60 and config["dataset"] == alone.hash


def test_a_run_from_before_data_sets_had_names_goes_on(dataset, tmp_path):
    gh.train(UNTOLD, tmp_path, dataset, epochs=1, verbose=0)
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    del config["data"]
    (tmp_path / "config.json").write_text(json.dumps(config | {"trained_on": "other"}), encoding="utf-8")
    assert len(gh.train(UNTOLD, tmp_path, dataset, epochs=2, verbose=0).history) == 2
    assert gh.load_run(tmp_path).trained_on == "other"


def test_what_cannot_be_trained_is_refused_before_anything_is_written(dataset, tmp_path):
    alone, few = Dataset(dataset.images), Dataset(dataset.images[:10], dataset.classes[:10], NAMES)
    small = Dataset(dataset.images[:, :16, :16].copy(), dataset.classes, NAMES)
    four = Dataset(dataset.images, np.arange(60) % 4, (*NAMES, "shoe"))
    for arguments, said in (
        (dict(dataset=alone), "told is conditional, and these images have no classes"),
        (dict(dataset=few), r"batch_size is 16, and there are 10 images.*--batch-size\) of 10 or less"),
        (dict(dataset=dataset, recipe=dataclasses.replace(TOLD, d_steps=4)), "64 images a step.*60 images.*15 or less"),
        (dict(dataset=few, recipe=dataclasses.replace(TOLD, d_steps=40)), "more images are needed"),
        (dict(dataset=small), r"\(32, 32, 3\).*\(16, 16, 3\)"),
        (dict(dataset=dataset, train_images=dataset.images), "both dataset and train_images"),
        (dict(dataset=dataset.images), "expected a gh.Dataset.*train_images="),
        (dict(dataset="photos"), "'photos'; expected a gh.Dataset"),
        (dict(train_images=dataset.images, train_classes=dataset.classes - 1), "is -1; it must be an integer, from 0 on"),
        (dict(train_images=dataset.images, train_classes=dataset.classes * 10**9), "is 1000000000; it must be"),
        (dict(dataset=four, recipe=dataclasses.replace(TOLD, generator=lambda z: generator(z))), "lie in 0…3, and the networks know 0…2"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=said):
            training.train(**{"recipe": TOLD, **arguments}, run_dir=tmp_path / "run", verbose=0)
        assert not (tmp_path / "run").exists(), said


def test_names_of_classes_that_nobody_gave(some_images):
    conditional = networks.conditional_generator(4, (4, 4, 4))
    assert generators.class_names(conditional) == data.CLASS_NAMES  # ten, and nothing says otherwise
    conditional.trained_on = "other"
    assert generators.class_names(conditional) == tuple("0123456789")
    assert generators.class_names(generator(4)) == ("0", "1", "2")
    assert generators.class_names(networks.mlp_generator(4, (4,))) == ()


# --- from the command line --------------------------------------------------------------------------


@pytest.fixture
def folder(dataset, tmp_path, monkeypatch):
    """The pictures as files, a subfolder per class, and one file that is none; prepared data sets go into a folder of the test."""
    monkeypatch.setattr(folders, "root", lambda: tmp_path / "course")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setitem(recipes.RECIPES, "told", TOLD)
    monkeypatch.setitem(recipes.RECIPES, "untold", UNTOLD)
    for i, (picture, told) in enumerate(zip(dataset.images, dataset.classes)):
        path = tmp_path / "my photos" / NAMES[told] / f"{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)
    (tmp_path / "my photos" / NAMES[0] / "broken.png").write_bytes(b"no picture")
    return tmp_path / "my photos"


def test_a_folder_goes_from_the_command_line_to_a_run_and_its_samples(call, folder, tmp_path):
    arguments = ("train", "told", "--run", tmp_path / "run", "--images", folder, "--size", 32, "--epochs")
    for epochs in (1, 2):  # the second time the pictures are prepared already
        status, out, said = call(*arguments, epochs)
        assert status == 0 and f": {epochs} epochs" in out, said
        assert "54 colour images of 32×32 in 3 classes" in said and said.count("broken.png") == 1
    config = json.loads((tmp_path / "run" / "config.json").read_text(encoding="utf-8"))
    assert shlex.split(config["command"])[-4:] == ["--images", str(folder), "--size", "32"]
    assert set(config["data"]["class_names"]) == set(NAMES)
    status, _, said = call("sample", tmp_path / "run", "--count", 2, "--classes", "bag", "--out", tmp_path / "a.npz")
    assert status == 0, said
    with np.load(tmp_path / "a.npz") as found:
        assert found["class_names"][found["classes"]].tolist() == ["bag", "bag"]
    grey = call("train", "told", "--run", tmp_path / "run", "--images", folder, "--size", 32, "--grey")
    assert grey[0] == 2 and "(32, 32, 1)" in grey[2]


def test_what_the_command_line_cannot_read_is_one_line_and_leaves_no_run(call, folder, tmp_path):
    (tmp_path / "empty").mkdir()
    for arguments, said in (
        (["told", "--images", tmp_path / "nowhere"], "nowhere"),
        (["told", "--images", tmp_path / "empty"], "empty"),
        (["told", "--images", folder, "--size", "7"], "7"),
        (["told", "--images", folder, "--size", "48"], "(48, 48, 3)"),
        (["told", "--images", folder / "bag", "--size", "32"], "told is conditional"),
        (["told", "--images", folder, "--size", "32", "--batch-size", "100"], "there are 54 images"),
        (["told", "--images", folder, "--data", tmp_path], "--data"),
        (["told", "--size", "32"], "give --images too"),
        (["upsampling_dcgan", "--images", folder, "--size", "32"], "upsampling_dcgan makes images of shape (28, 28, 1)"),
    ):  # fmt: skip
        status, out, error = call("train", *arguments, "--run", tmp_path / "run")
        assert (status, out) == (2, "") and not (tmp_path / "run").exists(), error
        (line,) = (line for line in error.splitlines() if line.startswith("Error: "))
        assert said in line and "Traceback" not in error
