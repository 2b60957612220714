"""Another processor's arithmetic, in short; `make arithmetic` does the whole."""

import subprocess
import sys

import arithmetic
import pytest


@pytest.mark.fault(33)
def test_lessons_01_and_05_equal_their_committed_outputs_on_another_processor():
    notebooks = sorted((arithmetic.ROOT / "notebooks").rglob("0[15]_*.ipynb"))
    assert len(notebooks) == 4, "two lessons, two solutions"
    command = [sys.executable, arithmetic.__file__, "sse", "-p", "no:cacheprovider", *notebooks]
    result = subprocess.run(command, cwd=arithmetic.ROOT, capture_output=True, text=True)
    assert result.returncode == 0, (result.stdout + result.stderr)[-10_000:]


@pytest.mark.skipif(
    not any(arithmetic.core.__cpu_features__[name] for name in arithmetic.DISPATCHED),
    reason="this processor has no instructions beyond NumPy's baseline",
)
def test_instructions_that_numpy_uses_all_the_same_are_an_error():
    """A NumPy that knows its instructions by other names would ignore ours."""
    variables = {**arithmetic.environment("sse"), "NPY_DISABLE_CPU_FEATURES": "X86_V99"}
    with pytest.raises(RuntimeError, match="sse: NumPy still uses"):
        arithmetic.check("sse", variables)


def test_an_unknown_setting_names_the_three():
    with pytest.raises(SystemExit, match="'avx'.*'sse', 'avx2', 'plain'"):
        arithmetic.main("avx")
