"""Notebooks and tests under another processor's arithmetic: other instructions, other orders of sums, other last bits.

    python tests/arithmetic.py sse                   # all notebooks, and the tests that compare numbers
    python tests/arithmetic.py plain notebooks/05*   # or what pytest is given

NumPy, OpenBLAS, oneDNN and TensorFlow choose their instructions while they are loaded. So a setting is environment
variables, pytest is a process of its own, and before it another one says what the variables have done.
"""

import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

try:
    from numpy._core import _multiarray_umath as core
except ImportError:  # NumPy 1
    from numpy.core import _multiarray_umath as core

DISPATCHED = core.__cpu_dispatch__
ROOT = Path(__file__).resolve().parent.parent
X86 = platform.machine().lower() in ("x86_64", "amd64")
BEYOND_AVX2 = [name for name in DISPATCHED if name.startswith("AVX512") or name == "X86_V4"]
SETTINGS = {
    "sse": {
        "NPY_DISABLE_CPU_FEATURES": " ".join(DISPATCHED),
        "OPENBLAS_CORETYPE": "Nehalem",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
    },
    "avx2": {
        "NPY_DISABLE_CPU_FEATURES": " ".join(BEYOND_AVX2),
        "OPENBLAS_CORETYPE": "Haswell",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
    },
    "plain": {"TF_ENABLE_ONEDNN_OPTS": "0", "TF_NUM_INTRAOP_THREADS": "2", "TF_NUM_INTEROP_THREADS": "2"},
}
# What must then be used: NumPy's instructions that must not be, and what OpenBLAS and oneDNN call theirs.
EXPECTED = {"sse": (DISPATCHED, "Nehalem", "SSE4.1"), "avx2": (BEYOND_AVX2, "Haswell", "AVX2"), "plain": ([], "", "")}

# The tests that compare no numbers. A new file counts as one that does, until it is put here.
WITHOUT_NUMBERS = (
    "arithmetic", "browser", "colab", "command_line", "course", "data", "nbval_pictures", "notebook_faults", "repository",
    "run_faults", "soak", "sweep", "workers",
)  # fmt: skip

# oneDNN says what it uses before its first product.
ASK = """
import json, sys
import numpy, scipy.linalg, tensorflow, threadpoolctl
core = sys.modules.get("numpy._core._multiarray_umath") or sys.modules["numpy.core._multiarray_umath"]
blas = {info.get("architecture") for info in threadpoolctl.threadpool_info() if info["internal_api"] == "openblas"}
tensorflow.matmul(tensorflow.ones((64, 64)), tensorflow.ones((64, 64)))
print("used:", json.dumps([[name for name in core.__cpu_dispatch__ if core.__cpu_features__[name]], sorted(blas)]))
"""


def environment(setting: str) -> dict[str, str]:
    """This process's environment variables, and over them those of the setting."""
    return {**os.environ, **SETTINGS[setting]}


def check(setting: str, variables: dict[str, str]) -> str:
    """Ask a process with these environment variables what it computes with; gives a line that says so.

    Raises:
        RuntimeError: a library uses what the setting rules out. NumPy, for one, ignores names that it does not know.
    """
    process = subprocess.run(
        [sys.executable, "-c", ASK], env={**variables, "ONEDNN_VERBOSE": "1"}, capture_output=True, text=True
    )
    if process.returncode:
        raise RuntimeError(f"{setting} cannot be checked:\n{process.stderr}")
    numpy, openblas = json.loads(re.search(r"^used: (.+)", process.stdout, re.MULTILINE)[1])
    onednn = re.findall(r"info,cpu,isa:(.+)", process.stdout)
    ruled_out, core, instructions = EXPECTED[setting]
    if wrong := sorted(set(numpy) & set(ruled_out)):
        raise RuntimeError(f"{setting}: NumPy still uses {', '.join(wrong)}; change its names in {__file__}")
    if X86 and openblas and core not in " ".join(openblas):
        raise RuntimeError(f"{setting}: OpenBLAS computes as on {', '.join(openblas)}, not {core}; see {__file__}")
    if X86 and onednn and not onednn[0].endswith(instructions):
        raise RuntimeError(f"{setting}: oneDNN uses {onednn[0]}, not {instructions}; see {__file__}")
    line = f"{setting}: NumPy with {' '.join(numpy) or 'its baseline'}"
    line += "".join(f", {name} with {used[0]}" for name, used in (("OpenBLAS", openblas), ("oneDNN", onednn)) if used)
    if not X86 and setting != "plain":
        line += f". On {platform.machine()} nothing but NumPy's instructions can be set"
    return f"{line}."


def main(setting: str, *arguments: str) -> int:
    """Run pytest under a setting, with these arguments or on all that compares numbers; gives its exit status."""
    if setting not in SETTINGS:
        raise SystemExit(f"SETTING is {setting!r}; it must be one of {', '.join(map(repr, SETTINGS))}")
    variables = environment(setting)
    print(check(setting, variables), flush=True)
    if not arguments:
        ignored = [f"--ignore={path}" for name in WITHOUT_NUMBERS for path in (ROOT / "tests").rglob(f"test_{name}.py")]
        arguments = ["-n", "2", "--dist", "loadscope", "-m", "not slow", *ignored, ROOT]
    # Without wide instructions a training takes five times as long.
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-cell-timeout=3600", *map(str, arguments)]
    print(*(f"{name}='{value}'" for name, value in SETTINGS[setting].items()), *command, flush=True)
    return subprocess.call(command, env=variables)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(f"python {sys.argv[0]} {'|'.join(SETTINGS)} [arguments of pytest]")
    sys.exit(main(*sys.argv[1:]))
