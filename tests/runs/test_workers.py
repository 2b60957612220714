"""Several processes that train one GAN: real ones, over loopback, and a real kill."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import worker_process

from gan_helpers.runs import checkpoints, training, workers

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="workers need Linux or macOS, and say so")


def config(addresses, index):
    return json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})


@pytest.fixture(scope="module")
def of_one():
    """What one process learns and reports, without any strategy."""
    cases = ((case, worker_process.trained(**settings)) for case, settings in worker_process.ALIKE.items())
    return {f"{case}/{name}": value for case, values in cases for name, value in values.items()}


def test_two_workers_train_what_one_trains_with_twice_the_batch(tmp_path, of_one):
    workers.launch(2, [sys.executable, worker_process.__file__, str(tmp_path)], "")
    first, second = (dict(np.load(tmp_path / f"worker_{i}.npz")) for i in range(2))
    assert any("batch norm" in name for name in first)
    assert all(np.array_equal(first[name], second[name]) for name in first)
    for name, value in of_one.items():
        np.testing.assert_allclose(first[name], value, rtol=1e-3, atol=1e-4, err_msg=name)


def test_two_devices_of_one_process_train_the_same_weights(tmp_path, of_one):
    subprocess.run([sys.executable, worker_process.__file__, tmp_path, "mirrored"], check=True)
    found = np.load(tmp_path / "mirrored.npz")
    for name, value in of_one.items():
        if "weight" in name:
            np.testing.assert_allclose(found[name], value, rtol=1e-3, atol=1e-4, err_msg=name)


def train(run, epochs, *more):
    return [
        sys.executable,
        "-m",
        "gan_helpers",
        "train",
        "course_mlp",
        "--run",
        str(run),
        "--epochs",
        str(epochs),
        *more,
    ]


def children_of(process):
    """Process ids of the workers that a launcher has started, the chief's first."""
    found = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()
    return sorted(map(int, found))


@pytest.fixture
def few_images(tmp_path):
    """An IDX-like file of 512 images, as somebody brings it."""
    images, _ = worker_process.data.load_fashion_mnist("test")
    np.savez(tmp_path / "few.npz", images=images[:512])
    return tmp_path / "few.npz"


@pytest.mark.fault(45)
def test_a_killed_worker_ends_the_run_and_the_same_command_goes_on(tmp_path, few_images):
    run = tmp_path / "a run"
    more = ("--images", str(few_images), "--batch-size", "128", "--workers", "2")
    process = subprocess.Popen(train(run, 10_000, *more), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        while not checkpoints.paths(run):  # it waits for the event, and ends with the process
            assert process.poll() is None, process.stdout.read()
            time.sleep(0.1)
        killed, began = children_of(process)[1], time.monotonic()
        os.kill(killed, signal.SIGKILL)
        said, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 2 and time.monotonic() - began < 60
    assert (
        f"worker 1 (process {killed}) was killed by signal 9" in said and "goes on from the last finished epoch" in said
    )
    done = training.load_run(run).history[-1]["epoch"]
    again = subprocess.run(train(run, int(done) + 2, *more), capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert [row["epoch"] for row in training.load_run(run).history] == list(range(1, int(done) + 3))
    assert again.stdout.count("epochs, ") == 1  # one process has told the end


@pytest.mark.fault(46)
def test_what_a_worker_cannot_use_is_said(tmp_path, monkeypatch, call):
    taken = socket.create_server(("127.0.0.1", 0))
    busy, nobody = taken.getsockname()[1], workers.free_ports(1)[0]
    for text, error, message in (
        ("{", ValueError, "must read like"),
        (
            json.dumps({"cluster": {"worker": ["here"]}, "task": {"type": "worker", "index": 0}}),
            ValueError,
            "host:port",
        ),
        (config(["127.0.0.1:1", "127.0.0.1:2"], 2), ValueError, "TF_CONFIG"),
        (config([f"127.0.0.1:{busy}", f"127.0.0.1:{nobody}"], 0), OSError, f"worker 0 cannot use port {busy}"),
        (config([f"127.0.0.1:{busy}", f"127.0.0.1:{nobody}"], 1), TimeoutError, rf"worker 0 .*{busy}.* within 0.5 s"),
    ):
        monkeypatch.setenv("TF_CONFIG", text)
        with pytest.raises(error, match=message):
            workers.strategy.__wrapped__(wait=0.5)
    taken.close()
    run = tmp_path / "run"
    assert "leave --workers out" in call("train", "course_mlp", "--run", run, "--workers", 3)[2]
    monkeypatch.delenv("TF_CONFIG")
    assert "a multiple of 2" in call("train", "course_mlp", "--run", run, "--workers", 2, "--batch-size", 33)[2]
    monkeypatch.setattr(workers.sys, "platform", "win32")
    assert "Linux or macOS" in call("train", "course_mlp", "--run", run, "--workers", 2)[2]
    assert not run.exists()
