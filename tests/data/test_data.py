"""Fashion-MNIST in, batches out."""

import gzip
import hashlib
import json
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from gan_helpers import data
from gan_helpers.storage import folders

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def empty_course(tmp_path, monkeypatch):
    """A course folder with nothing prepared."""
    monkeypatch.setattr(folders, "root", lambda: tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def without_tfds(monkeypatch):
    """TFDS, which prepares for half a minute and asks the network again for minutes, cannot be imported."""
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)


def test_the_arrays_are_the_original_files(monkeypatch):
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("the network was asked"))
    images, labels = data.load_fashion_mnist("test")
    assert images.shape == (10_000, 28, 28, 1) and images.dtype == np.uint8 and labels.dtype == np.int64
    # TFDS keeps the images in an order of its own, so sets are compared: every original image, once, with its label.
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


@pytest.mark.fault(15)
@pytest.mark.parametrize("damage", ["truncated", "flipped"])
def test_a_damaged_file_is_named_with_both_hashes_before_anything_is_prepared(empty_course, without_tfds, damage):
    files = shutil.copytree(ROOT / "data" / "fashion-mnist", empty_course / "data" / "fashion-mnist")
    victim = files / "train-labels-idx1-ubyte.gz"
    content = bytearray(victim.read_bytes())
    if damage == "truncated":
        del content[1000:]
    else:
        content[1000] ^= 1
    victim.write_bytes(content)
    with pytest.raises(ValueError) as caught:
        data.load_fashion_mnist()
    for part in (victim.name, data.SHA256[victim.name], hashlib.sha256(content).hexdigest(), "git checkout"):
        assert part in str(caught.value)


@pytest.mark.fault(16)
def test_no_files_and_no_network_fails_before_tfds_retries(empty_course, without_tfds, monkeypatch):
    monkeypatch.setattr(data.fashion_mnist, "_DOWNLOADS", "http://127.0.0.1:9/")  # nobody listens on the discard port
    with pytest.raises(FileNotFoundError, match="t10k-images-idx3-ubyte.gz.*git checkout"):
        data.load_fashion_mnist()


@pytest.mark.fault(16)
def test_a_server_that_never_answers_is_given_up_after_five_seconds_at_most(empty_course, without_tfds, monkeypatch):
    waits = []

    class Thread(threading.Thread):
        def join(self, timeout=None):
            waits.append(timeout)
            super().join(timeout)

    monkeypatch.setattr(threading, "Thread", Thread)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(data.fashion_mnist, "_DOWNLOADS", f"http://127.0.0.1:{silent.getsockname()[1]}/")
        with pytest.raises(FileNotFoundError):
            data.load_fashion_mnist()
        silent.accept()[0].close()  # it was asked
    (wait,) = waits
    assert wait <= 5


@pytest.mark.fault(44)
def test_a_data_folder_that_is_not_there_or_lacks_files_is_an_error_that_names_it(tmp_path):
    assert data.prepare(), "it is prepared, which is no reason to give it for something else"
    with pytest.raises(FileNotFoundError, match="'nowhere' is not a folder"):
        data.load_fashion_mnist("train", "nowhere")
    with pytest.raises(FileNotFoundError, match=f"{tmp_path}' lacks t10k-images-idx3-ubyte.gz"):
        data.load_fashion_mnist("train", tmp_path)


@pytest.mark.fault(44)
def test_another_data_set_in_the_folder_is_called_one(tmp_path):
    for name, shape in (("images-idx3", (5, 28, 28)), ("labels-idx1", (5,))):
        head = bytes([0, 0, 8, len(shape)]) + b"".join(size.to_bytes(4, "big") for size in shape)
        for split in ("train", "t10k"):
            path = tmp_path / f"{split}-{name}-ubyte.gz"
            path.write_bytes(gzip.compress(head + bytes(math.prod(shape))))
    with pytest.raises(ValueError, match="another data set than Fashion-MNIST: a whole file of 5 × 28 × 28"):
        data.load_fashion_mnist("train", tmp_path)
    path = tmp_path / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="t10k-images-idx3-ubyte.gz is damaged"):
        data.load_fashion_mnist("train", tmp_path)


def test_a_half_written_array_is_never_trusted(tmp_path):
    whole = folders.prepared() / "test.npz"
    half = tmp_path / "test.npz"
    half.write_bytes(whole.read_bytes()[:1_000_000])
    assert data.fashion_mnist._is_whole(whole, 10_000)
    assert not data.fashion_mnist._is_whole(half, 10_000)
    assert not data.fashion_mnist._is_whole(whole, 60_000)


# --- prepared by a process that is offline, may not write, or is killed ----------------------------

LOAD = """
import json, os, signal, sys, urllib.request, zipfile
from pathlib import Path
from gan_helpers import data, folders
course = Path(sys.argv[1])
folders.root = lambda: course

def forbid(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        with open(course.parent / "asked.txt", "a") as file:
            print(event, arguments[0], file=file)
        raise OSError("sockets are forbidden here")
sys.addaudithook(forbid)
{fault}
print(json.dumps({{split: [array.shape for array in data.load_fashion_mnist(split)] for split in data.SIZES}}))
"""
WHOLE = {split: [[size, 28, 28, 1], [size]] for split, size in data.SIZES.items()}
KILL_WHILE_THE_ARRAYS_ARE_WRITTEN = """
def wait(event, arguments):
    if event == "open" and str(arguments[0]).endswith(".partial.npz"):
        def kill(frame, event, _):
            if frame.f_code.co_filename == zipfile.__file__ and os.path.getsize(arguments[0]) > 10_000_000:
                os.kill(os.getpid(), signal.SIGKILL)
        sys.setprofile(kill)
sys.addaudithook(wait)
"""
ASK_THE_NETWORK = """
try:
    urllib.request.urlopen("http://127.0.0.1:9/")
except OSError:
    pass
"""
# A mount namespace of the process's own, in which not even root can write below the folder $1.
READ_ONLY = ["unshare", "-rm", "sh", "-c", 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"', "sh"]  # fmt: skip


@pytest.fixture(scope="module")
def can_mount(tmp_path_factory):
    """Whether this system lets a process mount a folder read-only for itself."""
    try:
        subprocess.run([*READ_ONLY, tmp_path_factory.mktemp("mount"), "true"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def load(course, fault="", read_only=False):
    """Start a process without sockets that loads both splits from the folder `course` and prints their shapes."""
    command = [sys.executable, "-c", LOAD.format(fault=fault), course]
    return subprocess.Popen(
        [*READ_ONLY, course, *command] if read_only else command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**os.environ, "XDG_CACHE_HOME": str(course.parent / "cache"), "PYTHONUTF8": "1"},
    )


@pytest.fixture(scope="module")
def three_processes(tmp_path_factory, can_mount):
    """Three that prepare one after another, all offline, read-only where that can be had: the first two are killed.

    A preparation takes half a minute, so that all the faults share one. Gives the course's folder, the folder in which
    it was prepared, what lay there after each kill, and how each process ended.
    """
    course = tmp_path_factory.mktemp("fault") / "Kurs für Größen 日本"
    shutil.copytree(folders.data() / "fashion-mnist", course / "data" / "fashion-mnist")
    prepared = course.parent / "cache" / "fashion-gan-course" if can_mount else course / "data"
    prepared = prepared / "prepared"

    first = load(course, read_only=can_mount)
    while not list(prepared.glob("tfds/fashion_mnist/*incomplete*/*")):  # TFDS has begun to write its copy
        assert first.poll() is None, first.communicate()
        time.sleep(0.01)
    first.kill()
    ends, left = [(*first.communicate(), first.returncode)], [list(prepared.glob("*.npz"))]

    for fault in (KILL_WHILE_THE_ARRAYS_ARE_WRITTEN, ""):
        process = load(course, fault, read_only=can_mount)
        ends.append((*process.communicate(), process.returncode))
        left.append(list(prepared.glob("*.npz")))
    return course, prepared, left, ends


@pytest.mark.slow
@pytest.mark.fault(18)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_killed_preparation_is_done_again_and_never_short(three_processes):
    _, _, left, ends = three_processes
    assert [status for *_, status in ends] == [-signal.SIGKILL, -signal.SIGKILL, 0], ends
    assert left[0] == []
    (half,) = left[1]
    assert half.name.endswith(".partial.npz") and 10_000_000 < half.stat().st_size < 60_000 * 784
    assert json.loads(ends[2][0]) == WHOLE


@pytest.mark.slow
@pytest.mark.fault(17)
def test_with_the_files_there_nothing_asks_the_network(three_processes, can_mount):
    course, *_ = three_processes
    asked = course.parent / "asked.txt"
    assert not asked.exists(), asked.read_text()
    process = load(course, ASK_THE_NETWORK, read_only=can_mount)
    process.communicate()
    assert process.returncode == 0 and "127.0.0.1" in asked.read_text(), "the test would have seen a request"


@pytest.mark.slow
@pytest.mark.fault(19)
@pytest.mark.fault(25)
def test_in_a_read_only_folder_it_prepares_elsewhere_and_says_where(three_processes, can_mount):
    if not can_mount:
        pytest.skip("this system does not let a process mount a folder read-only for itself")
    course, prepared, _, ends = three_processes
    out, said, _ = ends[2]
    assert f"{course / 'data'} is read-only: the dataset is prepared in {prepared}\n" in said
    assert json.loads(out) == WHOLE and (prepared / "train.npz").exists()
    assert not list(course.rglob("prepared"))


@pytest.mark.fault(19)
def test_what_is_prepared_already_is_used_in_a_read_only_folder_too(tmp_path, can_mount):
    if not can_mount:
        pytest.skip("this system does not let a process mount a folder read-only for itself")
    course = tmp_path / "course"
    (course / "data" / "prepared").mkdir(parents=True)
    for split in data.SIZES:
        shutil.copy(data.prepare() / f"{split}.npz", course / "data" / "prepared")
    process = load(course, read_only=True)
    out, said = process.communicate()
    assert (process.returncode, said) == (0, "") and json.loads(out) == WHOLE
    assert not (tmp_path / "cache").exists()


def test_importing_the_package_does_not_import_tensorflow():
    code = "import sys, gan_helpers as gh; dir(gh); gh.load_fashion_mnist('test'); print('tensorflow' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"


def test_who_serves_the_explorers_page_does_not_import_tensorflow():
    """Its kernel does; twice would take twice the time and the memory."""
    code = "import sys; from gan_helpers.explorer import served_page; print('tensorflow' in sys.modules)"
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
