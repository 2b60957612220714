"""Checkpoints, and runs that stop and go on. Those that are killed: test_run_faults.py."""

import json

import numpy as np
import pytest

from gan_helpers import atomic, checkpoints, data, networks, recipes, training
from gan_helpers.callbacks import LossPlot, ModelMonitor

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
    from gan_helpers.objectives import NonSaturating

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
    atomic.write_whole(path, b"old")
    monkeypatch.setattr(atomic.os, "fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        atomic.write_whole(path, b"new")
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
