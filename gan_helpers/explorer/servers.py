"""Servers on the loopback address, each for as long as a block lasts."""

import contextlib
import os
import socket
import subprocess
import tempfile
import time


def free_port(wanted: int = 0) -> int:
    """A port of the loopback address that nobody listens on.

    Raises:
        ValueError: `wanted` is taken.
    """
    with socket.socket() as listening:
        if os.name != "nt":  # there it would mean: take it, whoever listens
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(("127.0.0.1", wanted))
        except OSError:
            raise ValueError(f"port {wanted} is taken: choose another, or none") from None
        return listening.getsockname()[1]


@contextlib.contextmanager
def served(command: list[str], port: int, environment: dict | None = None, seconds: float = 120):
    """Run a server until the block ends; enters when it listens.

    Raises:
        ConnectionError: the server has ended, or is silent for too long; with what it said last.
    """
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **(environment or {})})
        try:
            until = time.monotonic() + seconds
            while not _listens(port):
                if process.poll() is not None or time.monotonic() > until:
                    log.seek(0)
                    raise ConnectionError(
                        f"{command[2]} has not begun to listen: {log.read().decode(errors='replace')[-2000:]}"
                    )
                time.sleep(0.2)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def _listens(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0
