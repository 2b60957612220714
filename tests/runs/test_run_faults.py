"""Faults 1 to 14: a run whose process, disk, memory or training fails. See `training_process.py` for those that die."""

import csv
import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import numpy as np
import pytest

from gan_helpers import data
from gan_helpers.gan import gan, objectives
from gan_helpers.runs import checkpoints, guards, monitors, shipped, training
from gan_helpers.storage import folders

import keras  # isort: skip
import tensorflow as tf  # isort: skip

import training_process
from small_disk import on_a_small_disk
from training_process import RECIPE, STEPS, some_images

TESTS = Path(__file__).resolve().parent


def in_a_process(script, *arguments, **settings):
    """Run a script of its own, in Python, with the tests' modules within reach."""
    code = f"import sys; sys.path.insert(0, {str(TESTS)!r})\n" + textwrap.dedent(script)
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **settings)


def lines_of(process) -> list[dict]:
    assert process.returncode == 0, process.stderr
    return [json.loads(line) for line in process.stdout.splitlines() if line.startswith("{")]


def arrays(one):
    return [np.asarray(v).copy() for variables in checkpoints._state(one).values() for v in variables]


def train(folder, epochs=2, recipe=RECIPE, **settings):
    settings = {"seed": 3, "train_images": some_images(), "verbose": 0, **settings}
    return training.train(recipe, folder, epochs=epochs, **settings)


# --- killed ---------------------------------------------------------------------------------------

needs_fork = pytest.mark.skipif(sys.platform == "win32", reason="a process that dies is a fork, and Windows has none")


@needs_fork
@pytest.mark.fault(1)
def test_a_run_that_is_killed_twenty_times_ends_bit_for_bit_like_the_uninterrupted_one(tmp_path):
    """At random steps, in callbacks, at random file operations of an epoch's end, and from outside at random moments."""
    process = subprocess.run(
        [sys.executable, TESTS / "training_process.py", "kills", tmp_path, "0", "20"], capture_output=True, text=True
    )
    deaths = lines_of(process)
    assert len(deaths) == 20 and {death["status"] for death in deaths} == {-signal.SIGKILL}
    assert all(death["same"] for death in deaths), deaths
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    left, right = checkpoints.paths(whole)[-1], checkpoints.paths(killed)[-1]
    assert left.name == right.name == f"epoch_{training_process.EPOCHS:04d}.npz"
    assert training_process.same_arrays(left, right)
    names = sorted(path.name for path in (whole / "images").iterdir())
    assert names == sorted(path.name for path in (killed / "images").iterdir()) and len(names) == 23
    assert all((whole / "images" / name).read_bytes() == (killed / "images" / name).read_bytes() for name in names)
    tables = [list(csv.DictReader((run / "history.csv").read_text().splitlines())) for run in (whole, killed)]
    timeless = [[{k: v for k, v in row.items() if "second" not in k} for row in table] for table in tables]
    assert timeless[0] == timeless[1] and len(timeless[0]) == training_process.EPOCHS
    assert not list(killed.rglob("*.partial"))


@needs_fork
@pytest.mark.fault(2)
def test_whichever_file_operation_of_a_save_is_the_last_a_whole_checkpoint_loads(tmp_path):
    """The process dies at operation k, for every k; a write gets half of its bytes out before."""
    process = subprocess.run(
        [sys.executable, TESTS / "training_process.py", "operations", tmp_path], capture_output=True, text=True
    )
    deaths = lines_of(process)
    assert len(deaths) > 15 and [d["status"] for d in deaths] == [-signal.SIGKILL] * (len(deaths) - 1) + [0]
    known = {}
    for epoch, folder in ((3, "before"), (4, "after")):
        one = RECIPE.build(3)
        assert checkpoints.Checkpoint(tmp_path / folder).restore(one) == epoch
        known[epoch] = arrays(one)
    named, epochs = set(), []
    for death in deaths:
        one, checkpoint = RECIPE.build(3), checkpoints.Checkpoint(tmp_path / str(death["k"]))
        partials = list((checkpoint.run_dir / "checkpoints").glob(".*.partial"))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            epochs.append(checkpoint.restore(one))
        for partial in partials:
            assert any(f"{partial} was not written to its end and is ignored" in str(w.message) for w in caught)
            named.add(partial.name)
        assert all(np.array_equal(a, b) for a, b in zip(arrays(one), known[epochs[-1]], strict=True))
        assert len(checkpoint.rows) == epochs[-1]
    assert epochs == sorted(epochs) and set(epochs) == {3, 4} and len(named) > 3


@pytest.mark.fault(2)
def test_what_a_dead_process_left_half_written_is_gone_after_the_next_epoch(tmp_path):
    train(tmp_path, 1)
    litter = [tmp_path / name for name in ("checkpoints/.epoch_0002.npz.1.partial", "images/.epoch_0002.png.1.partial")]
    for path in litter:
        path.write_bytes(b"half")
    with pytest.warns(UserWarning, match=re.escape(str(litter[0]))):
        train(tmp_path, 2)
    assert not any(path.exists() for path in litter)


# --- disks ----------------------------------------------------------------------------------------


@pytest.mark.fault(3)
def test_a_disk_that_fills_up_is_an_error_and_the_last_checkpoint_loads(tmp_path):
    """A real file system of 4 MB is filled up before an image, the history, or a checkpoint is written."""
    process = on_a_small_disk(
        """
        import json, pathlib
        from training_process import RECIPE, some_images
        from gan_helpers import checkpoints, data
        from gan_helpers.runs import monitors
        import keras, numpy as np

        class Fill(keras.callbacks.Callback):
            def __init__(self, path, spare):
                super().__init__()
                self.path, self.spare = path, spare

            def on_epoch_end(self, epoch, logs=None):
                if epoch == 1:
                    with open(self.path, "wb", buffering=0) as file:
                        try:
                            while True:
                                file.write(bytes(4096))
                        except OSError:
                            file.truncate(file.tell() - self.spare)

        def fit(folder, *watching):
            one, checkpoint = RECIPE.build(3), checkpoints.Checkpoint(folder)
            done = checkpoint.restore(one)
            dataset = data.pipeline(some_images(), 32, seed=3)
            one.fit(dataset, epochs=2, initial_epoch=done, callbacks=[*watching, checkpoint], verbose=0)
            return one

        disk = pathlib.Path(sys.argv[1])
        for name, spare in (("image", 0), ("history", 0), ("checkpoint", 65536)):
            folder, full = disk / name, disk / "full"
            watching = [Fill(full, spare), *([monitors.ModelMonitor(folder)] if name == "image" else [])]
            try:
                fit(folder, *watching)
                said = None
            except OSError as error:
                said = str(error)
            again = RECIPE.build(3)
            epoch = checkpoints.Checkpoint(folder).restore(again)
            litter = [path.name for path in folder.rglob("*.partial")]
            full.unlink()
            done = int(fit(folder).steps.value)
            print(json.dumps({"said": said, "epoch": epoch, "litter": litter, "done": done}))
            __import__("shutil").rmtree(folder)
        """,
        tmp_path / "small",
        4096,
    )
    found = lines_of(process)
    for row, file in zip(found, ("images/epoch_0002.png", "history.csv", "epoch_0002.npz"), strict=True):
        assert re.search(rf"the disk is full: .*{file} \([\d,]+ bytes\) was not written", row["said"])
        assert row["epoch"] == 1 and row["litter"] == [] and row["done"] == 2 * STEPS


@pytest.mark.fault(3)
def test_room_for_the_checkpoints_is_looked_for_before_training(tmp_path):
    script = """
        import training_process
        stepped = __import__("keras").callbacks.LambdaCallback(on_train_batch_end=lambda *_: print("trained"))
        try:
            training_process.train(sys.argv[1] + "/run", 2, [stepped])
        except OSError as error:
            print(error)
        """
    process = on_a_small_disk(script, tmp_path / "small", 512)
    assert process.returncode == 0, process.stderr
    assert re.search(r"run needs [\d.]+ MB and its disk has 0\.\d MB left", process.stdout)
    assert "trained" not in process.stdout


@pytest.mark.fault(7)
def test_a_read_only_run_folder_is_an_error_before_training(tmp_path):
    script = """
        import training_process
        stepped = __import__("keras").callbacks.LambdaCallback(on_train_batch_end=lambda *_: print("trained"))
        try:
            training_process.train(sys.argv[1], 2, [stepped])
        except OSError as error:
            print(error)
        """
    process = on_a_small_disk(script, tmp_path / "small", 4096, read_only=True)
    assert process.returncode == 0, process.stderr
    assert f"{tmp_path / 'small'} cannot be written to (Read-only file system)" in process.stdout
    assert "trained" not in process.stdout


# --- another run ----------------------------------------------------------------------------------


@pytest.mark.fault(5)
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda saved: saved.pop("d_optimizer/003"), "d_optimizer: it holds 9 variables, this run has 10"),
        (
            lambda saved: [saved.pop(name) for name in [*saved] if "g_optimizer" in name],
            "g_optimizer: it holds 0 variables",
        ),
        (lambda saved: saved.update({"g_optimizer/002": np.zeros((3, 5), "float32")}), r"g_optimizer .*\(3, 5\) there"),
    ],
)
def test_an_optimizer_state_that_is_missing_or_misshapen_is_refused_by_name(tmp_path, damage, said):
    train(tmp_path, 1)
    (path,) = checkpoints.paths(tmp_path)
    with np.load(path) as archive:
        saved = dict(archive)
    damage(saved)
    np.savez(path, **saved)
    with pytest.raises(ValueError, match=said):
        train(tmp_path, 2)


@pytest.mark.fault(6)
def test_a_run_of_another_recipe_seed_batch_size_or_dataset_is_refused_with_what_differs(tmp_path):
    train(tmp_path, 1)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    other_images = some_images()
    other_images[7, 3, 3] ^= 1
    for settings, said in (
        (dict(seed=4, batch_size=16), "seed: 3 there, 4 here; batch_size: 32 there, 16 here"),
        (dict(train_images=other_images), r"\(dataset: '[0-9a-f]{64}' there, '[0-9a-f]{64}' here\)"),
        (dict(recipe="course_mlp"), "recipe: 'mortal' there, 'course_mlp' here"),
        (
            dict(recipe=dataclasses.replace(RECIPE, d_learning_rate=2e-3)),
            r"\(d_learning_rate: 0.001 there, 0.002 here\)",
        ),
    ):
        with pytest.raises(ValueError, match=said):
            train(tmp_path, 2, **settings)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


# --- training that fails --------------------------------------------------------------------------


class Poison(keras.callbacks.Callback):
    """Puts a value into one weight, before or after a step."""

    def __init__(self, step, value, when, player="generator"):
        super().__init__()
        self.step, self.value, self.when, self.player = step, value, when, player

    def put(self, when):
        if when == self.when and int(self.model.steps.value) == self.step:
            weight = getattr(self.model, self.player).trainable_variables[0]
            broken = weight.numpy()
            broken.flat[5] = self.value
            weight.assign(broken)

    def on_train_batch_begin(self, batch, logs=None):
        self.put("before")

    def on_train_batch_end(self, batch, logs=None):
        self.put("after")


class Many(Poison):
    """Puts it into all weights of the layer: each is finite, and their sum is not."""

    def put(self, when):
        if when == self.when and int(self.model.steps.value) == self.step:
            weight = self.model.generator.trainable_variables[0]
            weight.assign(np.full(weight.shape, self.value))


@pytest.mark.fault(8)
@pytest.mark.parametrize(
    ("poison", "said"),
    [
        (Poison(11, np.nan, "before"), "d_loss became nan, g_loss became nan, weight .* more at step 12"),
        (Poison(12, np.inf, "after", "discriminator"), r"^weight \S*kernel became infinite at step 12"),
        (Poison(12, np.nan, "after"), r"^weight \S*kernel became NaN at step 12"),
        (Many(12, 3e38, "after"), r"^weight \S*kernel grew to 3.0e\+38 at step 12"),
    ],
)
def test_nan_or_infinity_stops_the_run_at_its_step_and_the_last_checkpoint_loads(tmp_path, poison, said):
    one, checkpoint = RECIPE.build(3), checkpoints.Checkpoint(tmp_path)
    watching = [poison, guards.StopOnNonFinite(tmp_path), checkpoint]
    with pytest.raises(FloatingPointError, match=said) as caught:
        one.fit(data.pipeline(some_images(), 32, seed=3), epochs=3, callbacks=watching, verbose=0)
    assert f"last good checkpoint is {checkpoints.paths(tmp_path)[-1]}" in str(caught.value)
    assert int(one.steps.value) == 12
    again = RECIPE.build(3)
    assert checkpoints.Checkpoint(tmp_path).restore(again) == 1
    assert all(np.isfinite(array).all() for array in arrays(again))


@pytest.mark.fault(8)
def test_train_stops_a_run_whose_learning_rate_is_absurd(tmp_path):
    with pytest.raises(FloatingPointError, match="at step [12]. There is no checkpoint yet.*lower it"):
        train(tmp_path, recipe=dataclasses.replace(RECIPE, d_learning_rate=1e38))


@pytest.mark.fault(9)
def test_a_collapsed_generator_is_warned_of_with_its_histogram_and_training_goes_on(tmp_path):
    """A shipped generator, which draws everything, loses its sight of the latent vector in the third epoch."""
    generator = shipped.load_generator("course_dcgan")
    critic = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(1)])
    one = gan.GAN(generator, critic)
    one.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0))

    class Collapse(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                looking = [layer for layer in generator.layers[1:] if layer.input is generator.inputs[0]]
                for layer in looking:
                    layer.kernel.assign(np.zeros(layer.kernel.shape))

    seen = []
    count = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        guard = guards.WarnOnCollapse(after_steps=0)
        one.fit(data.pipeline(some_images(), 128), epochs=5, callbacks=[Collapse(), guard, count], verbose=0)
    (said,) = [str(w.message) for w in caught if "collapsed" in str(w.message)]  # once, not in each epoch
    assert "after epoch 3 it draws 1.0 of 10 classes" in said and "100%" in said and "Trouser 0%" in said
    assert seen == [0, 1, 2, 3, 4]


def test_collapse_is_not_looked_for_in_images_that_the_classifier_does_not_know():
    latents, images = keras.Input((4,)), keras.Input((6, 5, 3))
    drawn = keras.layers.Reshape((6, 5, 3))(keras.layers.Dense(90, activation="tanh")(latents))
    seen = keras.layers.Dense(1)(keras.layers.Flatten()(images))
    one = gan.GAN(keras.Model(latents, drawn), keras.Model(images, seen))
    one.compile()
    dataset = data.pipeline(np.zeros((32, 6, 5, 3), np.uint8), 32)
    history = one.fit(dataset, epochs=1, callbacks=[guards.WarnOnCollapse(after_steps=0)], verbose=0)
    assert len(history.epoch) == 1


@pytest.mark.fault(10)
@pytest.mark.parametrize("noise", [0.0, 0.15])
def test_a_discriminator_that_has_won_is_warned_of_with_its_floor_and_training_goes_on(tmp_path, noise):
    """A generator that cannot learn, against a discriminator that can."""
    one = RECIPE.build(3)
    one.objective = objectives.NonSaturating(label_noise=noise)
    one.compile(keras.optimizers.SGD(0.0), keras.optimizers.Adam(3e-3))
    with pytest.warns(UserWarning, match=f"has won.*its floor is {one.objective.floor:.3f}") as caught:
        history = one.fit(
            data.pipeline(some_images(), 32), epochs=30, callbacks=[guards.WarnWhenDiscriminatorWins()], verbose=0
        )
    assert len(caught) == 1 and len(history.epoch) == 30
    assert "after epoch 1 " not in str(caught[0].message)


@pytest.mark.fault(11)
def test_too_little_memory_ends_the_process_with_a_status_and_the_run_goes_on(tmp_path):
    """After the first epoch the process may take hardly any more memory, and then asks for it."""
    script = """
        import resource
        import training_process
        import keras

        class Limit(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
                resource.setrlimit(resource.RLIMIT_AS, (taken + 2**24, resource.RLIM_INFINITY))

            def on_train_batch_begin(self, batch, logs=None):
                if int(self.model.steps.value) >= training_process.STEPS:
                    self.model.generate(20_000)

        training_process.train(sys.argv[1], 3, [Limit()] if sys.argv[2] == "limit" else [])
        """
    if sys.platform != "linux":
        pytest.skip("the size of a process is read from /proc")
    process = in_a_process(script, tmp_path, "limit")
    assert process.returncode != 0
    assert process.returncode < 0 or "lower batch_size" in process.stderr, process.stderr[-2000:]
    assert "batch_size" in (folders.root() / "docs" / "troubles.md").read_text(encoding="utf-8")
    assert len(checkpoints.paths(tmp_path)) == 1
    process = in_a_process(script, tmp_path, "no limit")
    assert process.returncode == 0, process.stderr
    assert len(checkpoints.paths(tmp_path)) == 3


@pytest.mark.fault(12)
def test_an_interrupt_in_a_notebook_keeps_checkpoint_and_plots_and_says_how_to_go_on(tmp_path):
    """A real kernel, interrupted as the stop button does it."""
    from jupyter_client.manager import start_new_kernel

    source = f"""
        import sys; sys.path.insert(0, {str(TESTS)!r})
        import training_process
        from gan_helpers.runs import monitors
        import keras
        told = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: print("epoch", epoch + 1, flush=True))
        run = training_process.train({str(tmp_path)!r}, EPOCHS, [told])
        len(run.history)
    """
    kernel, client = start_new_kernel(kernel_name="python3")
    try:
        interrupted = False

        def watch(message):
            nonlocal interrupted
            text = message["content"].get("text", "")
            if not interrupted and "epoch 4" in text:
                interrupted = True
                kernel.interrupt_kernel()

        cell = textwrap.dedent(source)
        reply = client.execute_interactive(cell.replace("EPOCHS", "100_000"), output_hook=watch, timeout=120)
        assert reply["content"]["status"] == "error" and reply["content"]["ename"] == "KeyboardInterrupt"
        said = reply["content"]["evalue"]
        newest = checkpoints.paths(tmp_path)[-1]
        done = int(newest.stem[6:])
        assert done >= 3 and said == f"Stopped in epoch {done + 1}: {newest} is kept; the same call goes on from it."
        assert {"losses.png", "history.csv", "images"} <= {path.name for path in tmp_path.iterdir()}
        assert (tmp_path / "images" / "progress.gif").exists()
        shown = []
        client.execute_interactive(cell.replace("EPOCHS", str(done + 2)), output_hook=shown.append, timeout=120)
        (result,) = [m["content"]["data"]["text/plain"] for m in shown if m["msg_type"] == "execute_result"]
        assert result == str(done + 2)
    finally:
        client.stop_channels()
        kernel.shutdown_kernel(now=True)


def test_an_interrupt_before_the_first_step_says_so_too(tmp_path):
    """When some callbacks have not begun, and so have nothing to end."""
    train(tmp_path, 1)

    def interrupt(logs):
        raise KeyboardInterrupt

    one, checkpoint = RECIPE.build(3), checkpoints.Checkpoint(tmp_path)
    done = checkpoint.restore(one)
    watching = [
        keras.callbacks.LambdaCallback(on_train_begin=interrupt),
        monitors.ProgressBar(32),
        keras.callbacks.EarlyStopping("d_loss"),
        checkpoint,
    ]
    with pytest.raises(KeyboardInterrupt, match=r"Stopped in epoch 2: .*epoch_0001\.npz is kept"):
        one.fit(data.pipeline(some_images(), 32), epochs=3, initial_epoch=done, callbacks=watching, verbose=0)


@pytest.mark.fault(13)
def test_a_second_process_is_refused_by_the_first_ones_number_until_that_has_died(tmp_path):
    script = """
        import time
        import training_process
        import keras
        wait = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: (print("in it", flush=True), time.sleep(600)))
        training_process.train(sys.argv[1], 2, [wait])
        """
    code = f"import sys; sys.path.insert(0, {str(TESTS)!r})\n" + textwrap.dedent(script)
    first = subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE, text=True)
    try:
        assert first.stdout.readline() == "in it\n"
        before = sorted(path.name for path in tmp_path.rglob("*"))
        for attempt in (lambda: train(tmp_path), lambda: fit_with_a_checkpoint(tmp_path)):
            with pytest.raises(
                BlockingIOError, match=rf"process {first.pid} is training into {re.escape(str(tmp_path))}"
            ):
                attempt()
        assert sorted(path.name for path in tmp_path.rglob("*")) == before
    finally:
        first.kill()
        first.wait()
    assert len(train(tmp_path, 2).history) == 2


def fit_with_a_checkpoint(folder):
    one, checkpoint = RECIPE.build(3), checkpoints.Checkpoint(folder)
    dataset = data.pipeline(some_images(), 32, seed=3)
    one.fit(dataset, epochs=2, initial_epoch=checkpoint.restore(one), callbacks=[checkpoint], verbose=0)


def test_a_training_that_fails_frees_its_folder(tmp_path):
    """For another process: this one may come back anyway."""
    breaks = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train(tmp_path, callbacks=[breaks])
    process = in_a_process("import training_process; training_process.train(sys.argv[1], 1)", tmp_path)
    assert process.returncode == 0, process.stderr


@pytest.mark.fault(14)
def test_memory_growth_asked_for_too_late_is_explained(monkeypatch):
    """TensorFlow's own refusal; the GPU itself has to be feigned where there is none."""
    tf.constant(0) + 1  # from here on devices cannot be changed
    name = tf.config.list_physical_devices("CPU")[0].name.replace("CPU", "GPU")
    feigned = tf.config.PhysicalDevice(name, "GPU")

    def refuse(device, enable):
        raise RuntimeError("Physical devices cannot be modified after being initialized")

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [feigned])
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", refuse)
    with pytest.warns(UserWarning, match="GPU:0 was in use before gan_helpers was imported.*restart the kernel"):
        gan.grow_gpu_memory()


@pytest.mark.fault(14)
def test_without_a_gpu_the_cpu_is_used_and_the_command_line_says_so(tmp_path):
    process = subprocess.run(
        [sys.executable, "-m", "gan_helpers", "train", "course_mlp", "--run", tmp_path / "run", "--minutes", "0.02"],
        capture_output=True,
        text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
    )
    assert process.returncode == 0, process.stderr
    assert "on the CPU, as TensorFlow sees no GPU" in process.stderr
