"""A small real file system, or a read-only one, for one script alone."""

import subprocess
import sys
import textwrap

import pytest


def on_a_small_disk(script, mount_point, kilobytes, *arguments, read_only=False):
    """Run a script while a real file system of that size is mounted there, for it alone."""
    if sys.platform != "linux":
        pytest.skip("small file systems are mounted with Linux' namespaces")
    mount = 'mount -t tmpfs -o size=$1k tmpfs "$2"' + (' && mount -o remount,ro "$2"' if read_only else "")
    alone = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount + ' && shift 2 && exec "$@"', "sh"]
    mount_point.mkdir()
    if subprocess.run([*alone, str(kilobytes), mount_point, "true"], capture_output=True).returncode:
        pytest.skip("this machine does not let its users mount in a namespace of their own")
    code = f"import sys; sys.path[:0] = {sys.path!r}\n" + textwrap.dedent(script)
    command = [*alone, str(kilobytes), mount_point, sys.executable, "-c", code, mount_point, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)
