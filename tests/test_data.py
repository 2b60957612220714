"""Fashion-MNIST in, batches out."""

import hashlib
import shutil
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from gan_helpers import data, folders


@pytest.fixture
def empty_course(tmp_path, monkeypatch):
    """A course folder with nothing prepared."""
    monkeypatch.setattr(folders, "root", lambda: tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def test_the_arrays_are_the_original_files(monkeypatch):
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("the network was asked"))
    images, labels = data.load_fashion_mnist("test")
    assert images.shape == (10_000, 28, 28, 1) and images.dtype == np.uint8 and labels.dtype == np.int64
    # TFDS keeps the images in an order of its own, so sets are compared: every original image, once, with its label.
    import gzip

    folder = folders.data() / "fashion-mnist"
    raw = np.frombuffer(
        gzip.decompress((folder / "t10k-images-idx3-ubyte.gz").read_bytes()), np.uint8, offset=16
    ).reshape(-1, 784)
    raw_labels = np.frombuffer(gzip.decompress((folder / "t10k-labels-idx1-ubyte.gz").read_bytes()), np.uint8, offset=8)
    rows = lambda pixels, classes: sorted((hashlib.md5(p.tobytes()).digest(), int(c)) for p, c in zip(pixels, classes))  # noqa: E731
    assert rows(images.reshape(-1, 784), labels) == rows(raw, raw_labels)


def test_train_split_is_balanced():
    _, labels = data.load_fashion_mnist("train")
    assert np.bincount(labels).tolist() == [6_000] * 10


def test_unknown_split_is_named():
    with pytest.raises(ValueError, match="'validation'.*'train', 'test'"):
        data.load_fashion_mnist("validation")


@pytest.mark.parametrize("damage", ["truncated", "flipped"])
def test_a_damaged_file_is_named_with_both_hashes_within_two_seconds(empty_course, damage):
    files = shutil.copytree(
        folders.Path(__file__).parent.parent / "data" / "fashion-mnist", empty_course / "data" / "fashion-mnist"
    )
    victim = files / "train-labels-idx1-ubyte.gz"
    content = bytearray(victim.read_bytes())
    if damage == "truncated":
        del content[1000:]
    else:
        content[1000] ^= 1
    victim.write_bytes(content)
    began = time.perf_counter()
    with pytest.raises(ValueError) as caught:
        data.load_fashion_mnist()
    assert time.perf_counter() - began < 2
    for part in (victim.name, data.SHA256[victim.name], hashlib.sha256(content).hexdigest(), "git checkout"):
        assert part in str(caught.value)


def test_no_files_and_no_network_fails_within_five_seconds(empty_course, monkeypatch):
    monkeypatch.setattr(data, "_DOWNLOADS", "http://127.0.0.1:9/")  # nobody listens on the discard port
    began = time.perf_counter()
    with pytest.raises(FileNotFoundError, match="t10k-images-idx3-ubyte.gz.*git checkout"):
        data.load_fashion_mnist()
    assert time.perf_counter() - began < 5


def test_a_server_that_never_answers_is_given_up_within_five_seconds(empty_course, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(data, "_DOWNLOADS", f"http://127.0.0.1:{silent.getsockname()[1]}/")
        began = time.perf_counter()
        with pytest.raises(FileNotFoundError):
            data.load_fashion_mnist()
        assert time.perf_counter() - began < 5


def test_a_half_written_array_is_never_trusted(tmp_path):
    whole = folders.prepared() / "test.npz"
    half = tmp_path / "test.npz"
    half.write_bytes(whole.read_bytes()[:1_000_000])
    assert data._is_whole(whole, 10_000)
    assert not data._is_whole(half, 10_000)
    assert not data._is_whole(whole, 60_000)


def test_importing_the_package_does_not_import_tensorflow():
    code = "import sys, gan_helpers as gh; dir(gh); gh.load_fashion_mnist('test'); print('tensorflow' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"


def ramp(n):
    """n images whose first pixel is their number, so that the order of batches can be read."""
    images = np.zeros((n, 28, 28, 1), np.uint8)
    images[:, 0, 0, 0] = np.arange(n)
    return images


def numbers(dataset):
    return [np.rint(batch.numpy()[:, 0, 0, 0] * 255).astype(int).tolist() for batch in dataset]


def test_order_is_a_function_of_seed_and_epoch():
    first = data.pipeline(ramp(200), 32, (0, 1), seed=3)
    second = data.pipeline(ramp(200), 32, (0, 1), seed=3)
    epochs = [numbers(first) for _ in range(3)]
    assert epochs[0] != epochs[1] != epochs[2]
    assert all(len(set(sum(e, []))) == 192 for e in epochs)  # six whole batches, no image twice
    second.epoch.assign(2)  # a run that goes on in epoch 2 sees what the uninterrupted one saw
    assert numbers(second) == epochs[2]
    assert numbers(data.pipeline(ramp(200), 32, (0, 1), seed=4)) != epochs[0]


def test_short_epochs_draw_anew_each_time():
    dataset = data.pipeline(ramp(200), 10, (0, 1), images_per_epoch=50)
    seen = [set(sum(numbers(dataset), [])) for _ in range(2)]
    assert len(dataset) == 5 and len(seen[0]) == 50 and seen[0] != seen[1]


def test_pixel_range_is_reached_at_both_ends():
    images = np.zeros((4, 28, 28, 1), np.uint8)
    images[:, 1] = 255
    batch = next(iter(data.pipeline(images, 4, (-1, 1)))).numpy()
    assert batch.dtype == np.float32 and batch.min() == -1 and batch.max() == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (dict(batch_size=0), "batch_size is 0.*1…200"),
        (dict(batch_size=201), "batch_size is 201"),
        (dict(images_per_epoch=201), "images_per_epoch is 201"),
        (dict(pixel_range=(1, -1)), r"pixel_range is \(1, -1\)"),
    ],
)
def test_values_out_of_range_are_named(arguments, said):
    with pytest.raises(ValueError, match=said):
        data.pipeline(ramp(200), **arguments)


def test_floats_are_refused():
    with pytest.raises(ValueError, match="uint8.*got float64"):
        data.pipeline(np.zeros((10, 28, 28, 1)))
