"""IDX, the format of MNIST: an array in a file, its shape in front."""

import gzip
import math
import os
import zlib
from pathlib import Path

import numpy as np


def shape_of_whole_idx(path: Path) -> tuple[int, ...] | None:
    """The shape of the array in an IDX file; None where it is not a whole one."""
    try:
        return read_idx(path).shape
    except ValueError:
        return None


_MOST_PACKED = 1040  # bytes that gzip can make of one


def read_idx(path: str | os.PathLike) -> np.ndarray:
    """The array in an IDX file, the format of MNIST, gzipped or not: uint8.

    Its head: two zeros, the type (8: uint8), the number of axes, and the length of each, 32 bits, the highest first
    (LeCun, Cortes, Burges, "The MNIST database of handwritten digits").

    Raises:
        ValueError: the file, which is named, is no IDX file, holds another type, or is damaged. It is never read beyond what
            its head says.
        OSError: it cannot be read.
    """
    path = Path(path)
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    most = path.stat().st_size * (_MOST_PACKED if packed else 1)
    try:
        with gzip.open(path) if packed else open(path, "rb") as file:
            head = file.read(4)
            if len(head) < 4 or head[:2] != b"\0\0" or not head[3]:
                raise ValueError(
                    f"{path} is no IDX file: it begins with {head.hex(' ') or 'nothing'}, not with 00 00 08"
                )
            if head[2] != 8:
                raise ValueError(f"{path} holds numbers of the IDX type {head[2]}; expected 8, bytes 0…255")
            lengths = file.read(4 * head[3])
            shape = tuple(int.from_bytes(lengths[i : i + 4], "big") for i in range(0, len(lengths), 4))
            size = math.prod(shape)
            content = file.read(size + 1) if size <= most else b""
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is damaged: it does not unpack ({error}). Get it again") from error
    if len(lengths) != 4 * head[3] or len(content) != size:
        raise ValueError(
            f"{path} is damaged: its head says {' × '.join(map(str, shape))} bytes, and it holds "
            f"{'more' if len(content) > size else 'fewer'}. Get it again"
        )
    return np.frombuffer(content, np.uint8).reshape(shape)
