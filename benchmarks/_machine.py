"""What a result was measured on."""

import importlib.metadata
import os
import platform
from pathlib import Path


def machine() -> str:
    """Processor, its number of cores, what of it speeds up matrices, and the operating system."""
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text() if cpuinfo.exists() else ""
    model = next((line.split(":")[1].strip() for line in text.splitlines() if line.startswith("model name")), None)
    features = [name for flag, name in (("avx512f", "AVX-512"), ("amx_bf16", "AMX")) if flag in text.split()]
    return ", ".join(
        [model or platform.processor() or platform.machine(), f"{os.cpu_count()} cores", *features, platform.system()]
    )


def versions(torch: bool = False) -> str:
    """Python and the packages that speed depends on."""
    packages = ("tensorflow", "keras", "numpy", *(("torch",) if torch else ()))
    return f"Python {platform.python_version()}, " + ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in packages
    )
