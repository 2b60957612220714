"""Several processes that train one GAN: local ones, or those of a cluster, under `tf.distribute.MultiWorkerMirroredStrategy`.

`TF_CONFIG` says who takes part, as TensorFlow has it everywhere: {"cluster": {"worker": ["host:port", …]}, "task": {"type":
"worker", "index": 0}}. The first, or the one called "chief", alone writes into the run folder, which all of them must see.
`launch` starts such processes on this machine. On one machine with several GPUs, one process uses them all
(`tf.distribute.MirroredStrategy`).
"""

import contextlib
import functools
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

WAIT, TOLD_AFTER = 300.0, 10.0  # seconds that a worker waits for the others, and after which it says so


def cluster() -> tuple[list[str], int] | None:
    """The addresses of all workers, the chief's first, and this process' place among them; None outside a cluster.

    Raises:
        ValueError: a `TF_CONFIG` that says something else.
    """
    text = os.environ.get("TF_CONFIG")
    if not text:
        return None
    try:
        config = json.loads(text)
        jobs = config.get("cluster", {})
        known = [(job, i) for job in ("chief", "worker") for i in range(len(jobs.get(job, ())))]
        addresses = [str(jobs[job][i]) for job, i in known]
        here = known.index((config["task"]["type"], int(config["task"]["index"]))) if known else 0
        if not all(address.rpartition(":")[0] and address.rpartition(":")[2].isdigit() for address in addresses):
            raise ValueError("an address is not host:port")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        example = '{"cluster": {"worker": ["host:port", "host:port"]}, "task": {"type": "worker", "index": 0}}'
        raise ValueError(f"TF_CONFIG is {text!r} ({error}); it must read like {example}") from None
    return (addresses, here) if len(addresses) > 1 else None


def is_chief() -> bool:
    """Whether this process is the one that writes: it is where it is alone."""
    found = cluster()
    return found is None or found[1] == 0


@functools.cache
def strategy(wait: float = WAIT):
    """What this process trains under: a strategy of `tf.distribute`, or None where it is alone and has at most one GPU.

    In a cluster it must be called before TensorFlow computes anything, and returns when all workers are there.

    Args:
        wait: seconds to wait for the others.

    Raises:
        ValueError: a wrong `TF_CONFIG`, or an operating system on which workers cannot work.
        OSError: this worker's port is in use, or another worker has not come in time; the message names it.
    """
    import tensorflow as tf

    if (found := cluster()) is None:
        gpus = tf.config.list_logical_devices("GPU")
        return tf.distribute.MirroredStrategy() if len(gpus) > 1 else None
    if sys.platform == "win32":
        raise ValueError("workers need Linux or macOS: TensorFlow's collective operations do not run on Windows")
    _meet(*found, wait)
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise ValueError(
            f"the workers of TF_CONFIG must meet before TensorFlow computes anything ({error}): call gh.train first"
        ) from error


def scope(strategy):
    """`strategy.scope()`, where there is one."""
    return contextlib.nullcontext() if strategy is None else strategy.scope()


def replicas_of(strategy) -> int:
    """How many share a batch; 1 without a strategy."""
    return 1 if strategy is None else strategy.num_replicas_in_sync


def _meet(addresses: list[str], here: int, wait: float) -> None:
    """Return when each worker has reached this one, and this one each. TensorFlow itself would wait for an hour, and silently."""
    own_host, port = addresses[here].rsplit(":", 1)
    local = own_host in ("localhost", "127.0.0.1")
    try:
        listener = socket.create_server(("127.0.0.1" if local else "", int(port)), backlog=len(addresses))
    except OSError as error:
        raise OSError(f"worker {here} cannot use port {port} ({error.strerror}): another process may have it") from None
    to_reach = {i: address for i, address in enumerate(addresses) if i != here}
    to_come = set(to_reach)
    began, told = time.monotonic(), False
    with listener:
        listener.settimeout(0.1)
        while to_reach or to_come:
            for i, address in list(to_reach.items()):
                host, port = address.rsplit(":", 1)
                with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 1) as to_other:
                    to_other.sendall(here.to_bytes(4, "big"))
                    del to_reach[i]
            with contextlib.suppress(TimeoutError):
                from_other, _ = listener.accept()
                with from_other:
                    from_other.settimeout(1)
                    to_come.discard(int.from_bytes(from_other.recv(4), "big"))
            waited = time.monotonic() - began
            missing = ", ".join(f"worker {i} ({addresses[i]})" for i in sorted({*to_reach, *to_come}))
            if missing and waited > wait:
                raise TimeoutError(f"{missing} has not come within {wait:g} s; worker {here} gives up")
            if missing and waited > TOLD_AFTER and not told:
                warnings.warn(f"worker {here} is waiting for {missing}, until {wait:g} s have passed", stacklevel=2)
                told = True


def launch(workers: int, command: list[str], of: str) -> None:
    """Run a command in so many processes on this machine as one cluster; return when all have ended well.

    The first one has this terminal; the others are silent. Each gets an equal share of the cores, where that can be set.

    Args:
        command: of a process that trains (`strategy`).
        of: what ends with a worker, for the message.

    Raises:
        ValueError: fewer than two workers, or an operating system on which they cannot work.
        ChildProcessError: a worker ended otherwise than well, and the others were stopped.
        SystemExit: the first one ended so, with its own message and exit status.
    """
    if workers < 2:
        raise ValueError(f"workers is {workers}; it must be at least 2")
    if sys.platform == "win32":
        raise ValueError("workers need Linux or macOS: TensorFlow's collective operations do not run on Windows")
    with tempfile.TemporaryDirectory() as folder:
        said = [Path(folder) / f"worker_{i}" for i in range(workers)]
        processes = _started(workers, command, said)
        try:
            _watch(processes, said, of)
        finally:
            for process in processes:
                process.kill()
                process.wait()


def _started(workers: int, command: list[str], said: list[Path]) -> list[subprocess.Popen]:
    addresses = [f"127.0.0.1:{port}" for port in free_ports(workers)]
    shares = _shares_of_cores(workers)
    processes = []
    for i in range(workers):
        config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": i}}
        without_proxy = ",".join(filter(None, (os.environ.get("no_proxy"), "127.0.0.1")))
        environment = {**os.environ, "TF_CONFIG": json.dumps(config), "no_proxy": without_proxy}
        with open(said[i], "wb") as file:
            streams = {} if i == 0 else {"stdin": subprocess.DEVNULL, "stdout": file, "stderr": subprocess.STDOUT}
            processes.append(subprocess.Popen(command, env=environment, **streams))
        if shares:
            with contextlib.suppress(OSError):  # it has ended already
                os.sched_setaffinity(processes[-1].pid, shares[i])
    return processes


def free_ports(n: int) -> list[int]:
    """Ports of the loopback address, all different, that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(n)]
        return [one.getsockname()[1] for one in sockets]


def _shares_of_cores(workers: int) -> list[set[int]] | None:
    """Which cores each worker has to itself; None where there are too few, or where that cannot be set."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
    return [set(cores[i::workers]) for i in range(workers)] if len(cores) >= workers else None


def _watch(processes: list[subprocess.Popen], said: list[Path], of: str) -> None:
    """Wait until all have ended; raise as soon as one has not ended well."""
    patience = 5.0  # seconds in which the first may still say itself what is wrong: most often all meet the same error
    while any(process.poll() is None for process in processes):
        if failed := [i for i, process in enumerate(processes) if process.poll()]:
            with contextlib.suppress(subprocess.TimeoutExpired):
                processes[0].wait(patience)
            break
        time.sleep(0.1)
    failed = [i for i, process in enumerate(processes) if process.poll()]
    if not failed:
        return
    if processes[0].poll() and processes[0].returncode > 0 and not any(processes[i].returncode < 0 for i in failed):
        raise SystemExit(processes[0].returncode)  # it has said why
    first = next((i for i in failed if processes[i].returncode < 0), failed[0])
    code = processes[first].returncode
    how = f"was killed by signal {-code}" if code < 0 else f"ended with exit status {code}"
    last = said[first].read_text(errors="replace").strip().splitlines()[-1:]
    raise ChildProcessError(
        f"worker {first} (process {processes[first].pid}) {how}{f', saying {last[0]!r}' if last else ''}; the others were stopped. {of}"
    )
