"""The command line, as it is called."""

import importlib.util
import json
import re
import signal
import socket
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

import gan_helpers as gh
from gan_helpers import __main__ as command_line
from gan_helpers import data
from gan_helpers.runs import recipes


@pytest.fixture
def few_images(monkeypatch, some_images):
    monkeypatch.setattr(
        data.fashion_mnist, "load_fashion_mnist", lambda *_: (some_images, np.arange(len(some_images)) % 10)
    )


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory, some_images):
    folder = tmp_path_factory.mktemp("runs") / "mlp gan"
    gh.train("mlp_gan", folder, epochs=1, train_images=some_images, verbose=0)
    return folder


def test_help_needs_no_tensorflow():
    code = (
        "import sys, gan_helpers.__main__ as m\n"
        "try: m.main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "heavy = {'tensorflow', 'keras', 'numpy', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    for arguments in (["--help"], ["train", "--help"], ["--version"]):
        result = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
        assert result.returncode == 0 and not result.stderr, result.stderr
        assert "train" in result.stdout or "version" in result.stdout


def test_recipes_as_a_table_and_as_json(call):
    status, table, _ = call("recipes")
    assert status == 0
    line = next(line for line in table.splitlines() if line.startswith("upsampling_dcgan"))
    for part in (
        "2,155,137",
        "1,113,345",
        "128",
        "[0, 1]",
        "non_saturating:label_noise=0.15:real_label=0:average=true",
        "0.0001",
        "1e-05",
        "20",
    ):
        assert part in line
    listed = json.loads(call("recipes", "--json")[1])
    assert [facts["name"] for facts in listed] == list(recipes.RECIPES)
    assert all(facts["source"] and facts["generator_parameters"] for facts in listed)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send Ctrl-C to one process alone")
def test_a_real_run_is_stopped_by_ctrl_c_goes_on_and_is_quiet(tmp_path):
    command = [
        sys.executable,
        "-m",
        "gan_helpers",
        "train",
        "mlp_gan",
        "--run",
        str(tmp_path / "run"),
        "--batch-size",
        "1000",
    ]
    # What runs in a shell's background ignores Ctrl-C, and so would its children.
    heed = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    first = subprocess.Popen([*command, "--epochs", "1000"], **pipes, **heed)
    checkpoints, deadline = tmp_path / "run" / "checkpoints", time.monotonic() + 300
    while not list(checkpoints.glob("*.npz")):
        assert first.poll() is None and time.monotonic() < deadline, first.communicate()
        time.sleep(0.1)
    first.send_signal(signal.SIGINT)
    _, said = first.communicate(timeout=120)
    assert first.returncode == 130 and "Traceback" not in said
    assert re.search(r"\nStopped in epoch \d+: \S+epoch_\d+\.npz is kept; the same command goes on from it\.\n$", said)
    done = max(int(path.stem[6:]) for path in checkpoints.glob("epoch_*.npz"))

    result = subprocess.run([*command, "--epochs", str(done + 1)], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert f": {done + 1} epochs" in result.stdout and len(result.stdout.splitlines()) == 1
    ours = ("Training mlp_gan on ", "100% ", " left")
    noise = [
        line
        for line in result.stderr.replace("\r", "\n").splitlines()
        if line.strip() and not any(part in line for part in ours)
    ]
    assert not noise, noise
    assert "images/s, d_loss " in result.stderr


def test_explore_says_what_is_wrong_before_it_serves(call, monkeypatch):
    """What it serves is met in test_browser.py."""
    status, _, said = call("explore", "nobody")
    assert status == 2 and "'nobody' is neither a shipped generator" in said
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        status, _, said = call("explore", "course_mlp", "--port", port)
    assert status == 2 and f"port {port} is taken" in said
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    status, _, said = call("explore", "course_mlp")
    assert status == 2 and 'pip install "voila>=' in said


def test_more_epochs_train_on_and_the_same_call_does_nothing(call, few_images, tmp_path):
    arguments = ("train", "mlp_gan", "--run", tmp_path / "run", "--seed", 1)
    assert call(*arguments, "--epochs", 1)[0] == 0
    status, said, _ = call(*arguments, "--epochs", 3)
    assert status == 0 and ": 3 epochs, 768 images" in said
    status, said, _ = call(*arguments, "--epochs", 3)
    assert status == 0 and "Nothing to do" in said
    assert json.loads((tmp_path / "run/config.json").read_text())["command"].startswith(
        "python -m gan_helpers train mlp_gan"
    )
    status, _, said = call("train", "bw_fashion", "--run", tmp_path / "run", "--seed", 1)
    assert status == 2 and "recipe: 'mlp_gan' there, 'bw_fashion' here" in said and said.count("\n") == 1


def test_minutes_end_within_an_epoch(call, few_images, tmp_path):
    arguments = ("train", "mlp_gan", "--run", tmp_path / "run", "--batch-size", 1)
    assert call(*arguments, "--minutes", 0.0001)[0] == 0
    first = gh.training.load_run(tmp_path / "run")
    assert len(first.history) == 1 and first.history[0]["images"] < 256
    assert call(*arguments, "--minutes", first.history[0]["seconds"] / 60 + 0.0001)[0] == 0
    second = gh.training.load_run(tmp_path / "run")
    assert int(second.gan.steps) == sum(row["images"] for row in second.history) > first.history[0]["images"]


def test_sample_writes_arrays_a_grid_and_a_walk(call, run_dir, tmp_path):
    for out in ("a.npz", "b.npz", "grid.png", "walk.gif"):
        assert call("sample", run_dir, "--count", 5, "--seed", 3, "--out", tmp_path / out)[0] == 0
    arrays, again = np.load(tmp_path / "a.npz"), np.load(tmp_path / "b.npz")
    assert arrays["images"].shape == (5, 28, 28, 1) and arrays["images"].dtype == np.uint8
    assert arrays["latents"].shape == (5, 100) and arrays["latents"].dtype == np.float32
    assert np.array_equal(arrays["images"], again["images"])
    assert np.array_equal(gh.generate(gh.load_generator(run_dir), arrays["latents"]), arrays["images"])
    assert Image.open(tmp_path / "grid.png").size == (2 * 92, 2 * 62)
    with Image.open(tmp_path / "walk.gif") as walk:
        assert walk.n_frames == 5 * command_line.WALK_STEPS


def test_sample_a_conditional_generator(call, tmp_path):
    latents, classes = keras.Input((4,)), keras.Input((), dtype="int32")
    shade = layers.Embedding(10, 784)  # class 0 black, class 9 white
    x = layers.Activation("tanh")(layers.Reshape((28, 28, 1))(shade(classes)))
    zero = layers.Reshape((1, 1, 1))(layers.Dense(1, kernel_initializer="zeros")(latents))
    generator = keras.Model([latents, classes], layers.Activation("tanh")(layers.Add()([x, zero])))
    shade.set_weights([np.linspace(-1, 1, 10)[:, None] * np.ones((10, 784))])
    generator.save(tmp_path / "g.keras")
    assert (
        call("sample", tmp_path / "g.keras", "--count", 3, "--classes", "9, t-shirt/top", "--out", tmp_path / "a.npz")[
            0
        ]
        == 0
    )
    arrays = np.load(tmp_path / "a.npz")
    assert arrays["classes"].tolist() == [9, 0, 9]
    assert arrays["images"][0].min() > 127 > arrays["images"][1].max()
    assert call("sample", tmp_path / "g.keras", "--count", 12, "--out", tmp_path / "a.npz")[0] == 0
    assert np.load(tmp_path / "a.npz")["classes"].tolist() == [*range(10), 0, 1]
    status, _, said = call("sample", tmp_path / "g.keras", "--classes", "hat", "--out", tmp_path / "no.png")
    assert status == 2 and "'hat' is none of 0 T-shirt/top" in said and not (tmp_path / "no.png").exists()


def test_a_generator_without_a_last_activation_is_told_its_pixel_range(call, tmp_path):
    latents = keras.Input((4,))
    half = layers.Dense(784, kernel_initializer="zeros", bias_initializer=keras.initializers.Constant(0.5))
    keras.Model(latents, layers.Reshape((28, 28, 1))(half(latents))).save(tmp_path / "g.keras")
    for command in (["sample", "--count", 3, "--out", tmp_path / "a.npz"], ["evaluate", "--count", 20], ["explore"]):
        status, _, said = call(command[0], tmp_path / "g.keras", *command[1:])
        assert status == 2 and "--pixel-range LOW HIGH on the command line" in said
    sampled = "sample", tmp_path / "g.keras", "--count", 3, "--out", tmp_path / "a.npz", "--pixel-range"
    assert call(*sampled, 0, 1)[0] == 0
    assert np.unique(np.load(tmp_path / "a.npz")["images"]).tolist() == [128]
    status, _, said = call(*sampled, 1, 0)
    assert status == 2 and "pixel_range is (1.0, 0.0)" in said


def test_export_writes_four_files_that_compute_the_same(call, run_dir, tmp_path):
    status, said, _ = call("export", run_dir, "--to", tmp_path / "out")
    assert status == 0 and said.count("loaded back, same output") == 4
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "discriminator.h5", "discriminator.keras", "generator.h5", "generator.keras",
    ]  # fmt: skip
    gan = gh.training.load_run(run_dir).gan
    images = gan.ema_generator(gan.sample_latents(3, 0))
    for suffix in ("keras", "h5"):
        loaded = {
            name: keras.models.load_model(tmp_path / f"out/{name}.{suffix}", compile=False)
            for name in ("generator", "discriminator")
        }
        assert np.array_equal(loaded["generator"](gan.sample_latents(3, 0)), images)
        assert np.array_equal(loaded["discriminator"](images), gan.discriminator(images))


def test_a_conditional_run_samples_the_classes_asked_for_and_is_exported(call, some_images, tmp_path):
    run_dir = tmp_path / "run"
    gh.train(
        "course_conditional", run_dir, epochs=1, train_images=some_images, train_classes=np.arange(256) % 10, verbose=0
    )
    status, out, _ = call("sample", run_dir, "--count", 4, "--classes", "bag,2", "--out", tmp_path / "a.npz")
    assert status == 0 and np.load(tmp_path / "a.npz")["classes"].tolist() == [8, 2, 8, 2]
    status, out, said = call("export", run_dir, "--to", tmp_path / "exported")
    assert (status, out.count("loaded back, same output")) == (0, 4), said


def test_evaluate_prints_a_table_or_json(call):
    arguments = ("evaluate", "course_mlp", "--count", 300, "--seeds", 2)  # worse than real images even at so few
    status, table, said = call(*arguments)
    assert "Warning: n is 300: below 2,048 images" in said
    assert status == 0 and "frechet_classifier_distance" in table and "n = 300 images, 2 seeds" in table
    found = json.loads(call(*arguments, "--json")[1])
    distance = found["values"]["frechet_classifier_distance"]
    assert distance["value"] > distance["real"] > 0 and f"{distance['value']:.3f}" in table


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train", "tutorial_dcgn", "--run", "RUN"], "did you mean 'tutorial_dcgan'?"),
        (["train", "mlp_gan", "--run", "RUN", "--minutes", "0"], "'--minutes': 0.0"),
        (["train", "mlp_gan", "--run", "RUN", "--epochs", "0"], "'--epochs': 0"),
        (["train", "mlp_gan", "--run", "RUN", "--data", "nowhere"], "--data 'nowhere' lacks t10k-images-idx3-ubyte.gz"),
        (["train", "mlp_gan"], "Missing option '--run'"),
        (["trane"], "No such command 'trane'"),
        (["sample", "course_dcgan", "--count", "0", "--out", "a.png"], "--count is 0"),
        (["sample", "course_dcgan", "--count", "1000000000", "--out", "a.npz"], "--count is 1000000000; for a .npz it must lie in 1…1,000,000"),
        (["sample", "course_dcgan", "--out", "nowhere/a.png"], "there is no folder 'nowhere'"),
        (["sample", "course_dcgan", "--out", "a.jpg"], "'a.jpg' must end in .npz, .png, .gif"),
        (["sample", "course_dcgan", "--classes", "3", "--out", "a.png"], "course_dcgan is not conditional"),
        (["evaluate", "course_dcgan", "--gan-train"], "gan_train needs a conditional generator"),
        (["sample", "corse_dcgan", "--out", "a.png"], "'corse_dcgan' is neither a shipped generator (course_mlp, course_dcgan"),
        (["export", "RUN", "--to", "out"], "RUN is not a run folder"),
        (["export", "RUN", "--to", "nowhere/out"], "there is no folder 'nowhere'"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_status_2_and_nothing_is_written(call, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    status, out, error = call(*arguments)
    assert (status, out) == (2, "") and said in error and error.startswith("Error: ") and error.count("\n") == 1
    assert not list(tmp_path.iterdir())
