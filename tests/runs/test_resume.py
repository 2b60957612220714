"""Checkpoints, and runs that stop and go on. Those that are killed: test_run_faults.py."""

import dataclasses
import functools
import json
import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest

from gan_helpers import data, networks
from gan_helpers.data.dataset import Dataset
from gan_helpers.gan import objectives
from gan_helpers.gan.gan import GAN
from gan_helpers.gan.generators import generate
from gan_helpers.runs import checkpoints, recipes, shipped, training
from gan_helpers.runs.monitors import LossPlot, ModelMonitor
from gan_helpers.storage import folders, whole_files

TINY = recipes.Recipe(
    name="tiny",
    generator=lambda latent_dim: networks.mlp_generator(latent_dim, (16,)),
    discriminator=lambda: networks.mlp_discriminator((16,)),
    g_learning_rate=1e-3,
    d_learning_rate=1e-3,
    latent_dim=8,
    batch_size=32,
    epochs=2,
    source="for tests",
)


def everything(gan):
    return {
        f"{owner}/{i}": np.asarray(v)
        for owner, variables in checkpoints._state(gan).items()
        for i, v in enumerate(variables)
    }


def assert_equal(left, right):
    left, right = everything(left), everything(right)
    assert left.keys() == right.keys()
    for name in left:
        assert np.array_equal(left[name], right[name]), name


def fit(gan, images, folder, epochs):
    checkpoint = checkpoints.Checkpoint(folder)
    done = checkpoint.restore(gan)
    gan.fit(data.pipeline(images, 32, seed=4), epochs=epochs, initial_epoch=done, callbacks=[checkpoint], verbose=0)
    return checkpoint


def test_a_run_that_goes_on_ends_bit_for_bit_where_the_uninterrupted_one_ends(small_gan, some_images, tmp_path):
    """With batch norm, dropout, label noise, penalty and shifts, all of whose state has to come back."""
    from gan_helpers.gan.objectives import NonSaturating

    late = dict(
        regularisers="until:12:smoothness:0.1", augment="from:10:shift:1"
    )  # both change within the second epoch
    settings = dict(seed=2, loss=NonSaturating(label_noise=0.1), **late)
    whole = small_gan(**settings)
    rows = fit(whole, some_images, tmp_path / "whole", 3).rows
    fit(small_gan(**settings), some_images, tmp_path / "parts", 1)
    resumed = small_gan(**settings)
    assert fit(resumed, some_images, tmp_path / "parts", 3).rows == rows
    assert_equal(whole, resumed)
    assert (tmp_path / "parts/history.csv").read_text() == (tmp_path / "whole/history.csv").read_text()


def test_the_newest_three_checkpoints_are_kept(small_gan, some_images, tmp_path):
    fit(small_gan(), some_images, tmp_path, 5)
    assert [path.name for path in checkpoints.paths(tmp_path)] == ["epoch_0003.npz", "epoch_0004.npz", "epoch_0005.npz"]
    assert len((tmp_path / "history.csv").read_text().splitlines()) == 6


@pytest.mark.fault(4)
@pytest.mark.parametrize("damage", ["emptied", "truncated", "flipped"])
def test_a_corrupt_checkpoint_is_passed_over_with_a_warning(small_gan, some_images, tmp_path, damage):
    fit(small_gan(), some_images, tmp_path, 2)
    newest = checkpoints.paths(tmp_path)[-1]
    content = bytearray(newest.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 1
    else:
        del content[0 if damage == "emptied" else len(content) // 2 :]
    newest.write_bytes(content)
    with pytest.warns(UserWarning, match="epoch_0002.npz cannot be read"):
        assert checkpoints.Checkpoint(tmp_path).restore(small_gan()) == 1
    checkpoints.paths(tmp_path)[0].write_bytes(b"")
    with pytest.warns(UserWarning), pytest.raises(OSError, match="none of the 2 checkpoints"):
        checkpoints.Checkpoint(tmp_path).restore(small_gan())


def test_a_checkpoint_of_other_networks_or_another_seed_is_refused(small_gan, some_images, tmp_path):
    gan = small_gan()
    fit(gan, some_images, tmp_path, 1)
    other = TINY.build(0)
    before = everything(other)
    with pytest.raises(ValueError, match="does not fit"):
        checkpoints.Checkpoint(tmp_path).restore(other)
    assert all(
        np.array_equal(before[name], value) for name, value in everything(other).items()
    )  # nothing half restored
    with pytest.raises(ValueError, match="seed 0.*seed 1"):
        checkpoints.Checkpoint(tmp_path).restore(small_gan(seed=1))


def test_a_run_from_scratch_does_not_mix_with_the_one_before(small_gan, some_images, tmp_path):
    dataset = data.pipeline(some_images, 64)
    small_gan().fit(dataset, epochs=4, callbacks=[checkpoints.Checkpoint(tmp_path), ModelMonitor(tmp_path)], verbose=0)
    before = [path.read_bytes() for path in checkpoints.paths(tmp_path)]
    with pytest.raises(ValueError, match="holds 3 checkpoints of an earlier run.*restore"):
        small_gan().fit(dataset, callbacks=[checkpoints.Checkpoint(tmp_path)], verbose=0)
    assert [path.read_bytes() for path in checkpoints.paths(tmp_path)] == before
    monitor = ModelMonitor(tmp_path)
    small_gan().fit(dataset, epochs=2, callbacks=[monitor], verbose=0)
    assert len(monitor.frames()) == 2


def test_a_write_that_fails_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    path = tmp_path / "file"
    whole_files.write_whole(path, b"old")
    monkeypatch.setattr(whole_files.os, "fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        whole_files.write_whole(path, b"new")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_train_writes_the_run_folder_and_goes_on(some_images, tmp_path):
    folder = tmp_path / "höher and höher"  # a path with a space and letters beyond ASCII
    training.train(TINY, folder, epochs=1, train_images=some_images, verbose=0)
    run = training.train(TINY, folder, epochs=3, train_images=some_images, verbose=0)
    assert [row["epoch"] for row in run.history] == [1, 2, 3]
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert found == {
        ".lock", "config.json", "history.csv", "losses.png", "images/progress.gif",
        *(f"images/epoch_000{i}.png" for i in (1, 2, 3)), *(f"checkpoints/epoch_000{i}.npz" for i in (1, 2, 3)),
    }  # fmt: skip


def test_train_stops_when_its_minutes_are_used_up_and_does_not_begin_anew(some_images, tmp_path):
    run = training.train(TINY, tmp_path, minutes=0.001, train_images=some_images, verbose=0)
    again = training.train(TINY, tmp_path, minutes=0.001, train_images=some_images, verbose=0)
    assert len(run.history) == len(again.history) == 1


def test_a_run_from_before_precision_was_kept_goes_on_in_float32(some_images, tmp_path):
    training.train(TINY, tmp_path, epochs=1, precision="float32", train_images=some_images, verbose=0)
    config = json.loads((tmp_path / "config.json").read_text())
    del config["precision"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    run = training.train(TINY, tmp_path, epochs=2, train_images=some_images, verbose=0)
    assert len(run.history) == 2 and run.gan.precision == "float32"


def test_a_folder_of_another_run_is_refused_with_the_fields_that_differ(some_images, tmp_path):
    training.train(TINY, tmp_path, epochs=1, train_images=some_images, verbose=0)
    with pytest.raises(ValueError, match="seed: 0 there, 1 here; batch_size: 32 there, 16 here"):
        training.train(TINY, tmp_path, epochs=2, seed=1, batch_size=16, train_images=some_images, verbose=0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (dict(recipe="dcgann"), "'dcgann'.*'course_dcgan'"),
        (dict(epochs=0), "epochs is 0"),
        (dict(minutes=-1), "minutes is -1"),
        (dict(batch_size=0), "batch_size is 0"),
        (dict(precision="float16"), "precision is 'float16'"),
    ],
)
def test_bad_arguments_are_named_and_nothing_is_written(some_images, tmp_path, arguments, said):
    with pytest.raises(ValueError, match=said):
        training.train(**{"recipe": TINY, "run_dir": tmp_path / "run", "train_images": some_images, **arguments})
    assert not (tmp_path / "run").exists()


def test_the_monitor_draws_the_same_latents_every_epoch(small_gan, some_images, tmp_path):
    gan = small_gan()
    monitor = ModelMonitor(tmp_path / "new" / "folder", n=4, ema=True)
    gan.fit(data.pipeline(some_images, 256), epochs=3, callbacks=[monitor], verbose=0)
    frames = monitor.frames()
    assert frames.shape[0] == 3
    first = gan.generate(4, seed=0)
    from gan_helpers import images as pixels

    assert np.array_equal(frames[-1], np.asarray(pixels.grid(first)).repeat(2, 0).repeat(2, 1))
    assert (tmp_path / "new/folder/images/progress.gif").read_bytes()[:6] == b"GIF89a"


def test_the_loss_plot_continues_the_history_it_is_given(small_gan, some_images):
    plot = LossPlot(
        history=[{"epoch": 1, "d_loss": 1.0, "g_loss": 1.0, "d_real_accuracy": 0.5, "d_fake_accuracy": 0.5}]
    )
    with pytest.raises(ValueError, match="no epoch"):
        LossPlot().figure()
    small_gan().fit(data.pipeline(some_images, 64), epochs=3, initial_epoch=1, callbacks=[plot], verbose=0)
    left = plot.figure().axes[0]
    assert left.lines[0].get_xdata().tolist() == [1, 2, 3]
    labels = " ".join(text.get_text() for text in left.get_legend().get_texts())
    assert "equilibrium: 1.39" in labels and "equilibrium: 0.69" in labels and "has won: 0.00" in labels


# --- the run folder ---------------------------------------------------------------------------------


@pytest.mark.fault(40)
def test_after_a_refused_call_the_corrected_one_trains_in_the_same_folder(some_images, tmp_path):
    conditional = recipes.Recipe(
        name="told",
        generator=lambda latent_dim: networks.conditional_generator(latent_dim, (8, 8, 8)),
        discriminator=lambda: networks.conditional_discriminator((8, 8, 8)),
        g_learning_rate=1e-3,
        d_learning_rate=1e-3,
        batch_size=32,
        source="for tests",
    )
    classes = np.arange(256) % 10
    right = dict(recipe=conditional, train_images=some_images, train_classes=classes, epochs=1)
    colours = np.zeros((64, 32, 32, 3), np.uint8)
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch: 1e-4)
    for wrong in (
        dict(train_classes=None),
        dict(train_classes=classes + 1),
        dict(train_classes=classes + 0.5),
        dict(train_classes=classes[:9]),
        dict(train_images=colours, train_classes=classes[:64]),
        dict(train_images=some_images / 255),
        dict(seed=2**64),
        dict(epochs=1.5),
        dict(batch_size=1),  # of batch norm
        dict(batch_size=8.0),
        dict(evaluate_every=0),
        dict(callbacks=[schedule]),
    ):
        with pytest.raises(ValueError):
            training.train(**right | wrong, run_dir=tmp_path, verbose=0)
        assert not list(tmp_path.iterdir()), wrong
    assert len(training.train(**right, run_dir=tmp_path, verbose=0).history) == 1


def test_classes_that_are_not_learned_do_not_make_another_run(some_images, tmp_path):
    classes = np.arange(256) % 10
    right = dict(train_images=some_images, verbose=0)
    training.train(TINY, tmp_path, epochs=1, train_classes=classes, **right)
    assert len(training.train(TINY, tmp_path, epochs=2, **right).history) == 2
    config = json.loads((tmp_path / "config.json").read_text())
    config["dataset"] = Dataset(some_images, classes, data.CLASS_NAMES).hash  # as a run from before
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert len(training.train(TINY, tmp_path, epochs=3, train_classes=classes, **right).history) == 3


@pytest.mark.fault(41)
def test_a_flip_anywhere_in_a_checkpoint_is_damage_and_never_something_else(small_gan, some_images, tmp_path):
    """Each byte of the archive's first and last headers in turn; the values in between have checksums of their own too."""
    gan = small_gan()
    fit(gan, some_images, tmp_path, 2)
    newest, known = checkpoints.paths(tmp_path)[-1], everything(gan)
    whole = newest.read_bytes()
    places = [*range(60), *range(len(whole) - 400, len(whole))]
    epochs = set()
    for place in places:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << place % 8
        newest.write_bytes(flipped)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            epoch = checkpoints.Checkpoint(tmp_path).restore(gan)
        assert epoch == 2 or any("cannot be read" in str(w.message) for w in caught)
        if epoch == 2:  # only the seal was hit
            assert all(np.array_equal(value, known[name]) for name, value in everything(gan).items())
        epochs.add(epoch)
    assert 1 in epochs


def test_a_checkpoint_from_before_they_were_sealed_still_loads(small_gan, some_images, tmp_path):
    gan = small_gan()
    fit(gan, some_images, tmp_path, 1)
    (path,) = checkpoints.paths(tmp_path)
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files if name != "gan"}
    np.savez(path, **arrays)
    other = small_gan()
    assert checkpoints.Checkpoint(tmp_path).restore(other) == 1
    assert_equal(gan, other)
    with pytest.raises(ValueError, match=r"before they described their networks.*gh.load_run\(folder, gan=gan\)"):
        training.load_run(tmp_path)
    assert training.load_run(tmp_path, gan=other).history[0]["epoch"] == 1


@pytest.mark.fault(42)
def test_one_checkpoint_in_a_second_fit_goes_on_counting(small_gan, some_images, tmp_path):
    gan, checkpoint, monitor = small_gan(), checkpoints.Checkpoint(tmp_path), ModelMonitor(tmp_path, n=4)
    for _ in range(2):
        gan.fit(data.pipeline(some_images, 64), epochs=2, callbacks=[monitor, checkpoint], verbose=0)
    assert [row["epoch"] for row in checkpoint.rows] == [1, 2, 3, 4] and len(monitor.frames()) == 4
    again = small_gan()
    assert checkpoints.Checkpoint(tmp_path).restore(again) == 4
    assert_equal(gan, again)
    with pytest.raises(ValueError, match="keeps another GAN's run"):
        small_gan().fit(data.pipeline(some_images, 64), callbacks=[checkpoint], verbose=0)
    with pytest.raises(ValueError, match="initial_epoch is 1, and the run has finished 4 epochs"):
        gan.fit(data.pipeline(some_images, 64), epochs=5, initial_epoch=1, callbacks=[checkpoint], verbose=0)


@pytest.mark.fault(43)
def test_strange_files_in_the_run_folder_are_left_alone(some_images, tmp_path):
    settings = dict(train_images=some_images, verbose=0)
    training.train(TINY, tmp_path, epochs=1, **settings)
    strange = [
        *("images/epoch_0001 (1).png", "images/epoch_9.png", "images/epoch_0009_best.png", "images/notes.txt"),
        *("checkpoints/epoch_0009 copy.npz", "checkpoints/epoch_x.npz", ".mine.partial", "history (1).csv"),
    ]
    for name in strange:
        (tmp_path / name).write_bytes(b"mine")
    (tmp_path / "images" / "epoch_0002.png").write_bytes(b"half")  # as if one of its own had been damaged
    gan = training.train(TINY, tmp_path, epochs=1, **settings).gan
    gan.fit(
        data.pipeline(some_images, 64), epochs=3, initial_epoch=2, callbacks=[ModelMonitor(tmp_path, n=4)], verbose=0
    )
    assert all((tmp_path / name).read_bytes() == b"mine" for name in strange)
    assert len(ModelMonitor(tmp_path).frames()) == 1, "of the newest size"


def test_a_run_of_ones_own_opens_without_its_recipe(small_gan, some_images, tmp_path):
    mine, fitted = tmp_path / "mine", tmp_path / "fitted"
    recipe = dataclasses.replace(TINY, generator=functools.partial(networks.mlp_generator, units=(12,)))
    run = training.train(recipe, mine, epochs=1, train_images=some_images, verbose=0)
    assert json.loads((mine / "config.json").read_text())["settings"]["generator"] == "mlp_generator(units=(12,))"
    with pytest.raises(ValueError, match=r"generator: 'mlp_generator\(units=\(12,\)\)' there"):
        training.train(
            dataclasses.replace(recipe, generator=networks.mlp_generator), mine, train_images=some_images, verbose=0
        )
    gan = small_gan(loss=objectives.NonSaturating(label_smoothing=0.1))
    fit(gan, some_images, fitted, 2)
    for folder, one in ((mine, run.gan), (fitted, gan)):
        loaded = training.load_run(folder)
        assert_equal(one, loaded.gan)
        assert loaded.trained_on == "fashion_mnist" and len(loaded.history) == len(checkpoints.paths(folder))
        generator = shipped.load_generator(folder)
        assert generator.trained_on == "fashion_mnist" and generator.pixel_range == (-1, 1)
        assert np.array_equal(generate(generator, gan.sample_latents(4, 0)), one.generate(4, seed=0))


def test_a_run_whose_networks_cannot_be_described_opens_with_them(some_images, tmp_path):
    def build():
        keras.utils.set_random_seed(0)
        pictures = keras.Input((28, 28, 1))
        x = keras.layers.Lambda(lambda x: x / 2)(keras.layers.Flatten()(pictures))  # code, which is not run from a file
        gan = GAN(networks.mlp_generator(8, (4,)), keras.Model(pictures, keras.layers.Dense(1)(x)))
        gan.compile()
        return gan

    gan = build()
    fit(gan, some_images, tmp_path, 1)
    with pytest.raises(ValueError, match=r"'Lambda'.*gh.load_run\(folder, gan=gan\)"):
        training.load_run(tmp_path)
    assert_equal(training.load_run(tmp_path, gan=build()).gan, gan)


def test_a_lesson_in_a_second_process_gets_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "root", lambda: tmp_path)
    monkeypatch.setattr(folders, "_taken", {})
    script = (
        "import pathlib, sys; from gan_helpers import folders; folders.root = lambda: pathlib.Path(sys.argv[1]);"
        "print(folders.new_run('lesson').name, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, tmp_path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout.readline() == "lesson\n"
        (folders.runs("lesson") / "images").mkdir(parents=True)
        second = folders.new_run("lesson")
        assert second == folders.runs("lesson-2") and (folders.runs("lesson") / "images").exists()
        (second / "images").mkdir(parents=True)
        assert folders.new_run("lesson") == second and not second.exists()
        first.stdin.close()
    folders._taken.clear()
    assert folders.new_run("lesson") == folders.runs("lesson") and not folders.runs("lesson").exists()
