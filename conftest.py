"""How nbval compares pictures: by their pixels, with room for what another processor rounds otherwise.

nbval itself passes over PNG, and compares by bytes the pictures that stand in HTML.
"""

import base64
import copy
import functools
import io
import re
from pathlib import Path

import matplotlib
import numpy as np
from nbval.plugin import IPyNbCell
from PIL import Image, ImageSequence

LEVELS = 8  # of 255: two pixels that differ by no more look the same
SHARE = 0.001  # of a picture's pixels may differ by more
PICTURES = ("image/png", "image/jpeg", "image/gif")
IN_HTML = re.compile(r"(?<=;base64,)[\w+/=]+")

# Figures are kept as the newest locked matplotlib draws them; another one sets their letters otherwise.
LOCKED = re.findall(
    r"^matplotlib==(\d+)\.(\d+)", Path(__file__).with_name("requirements.lock").read_text("utf-8"), re.M
)
DRAWN_WITH = ".".join(max(LOCKED, key=lambda version: tuple(map(int, version))))
FIGURES_COMPARED = matplotlib.__version__.startswith(f"{DRAWN_WITH}.")


def pytest_report_header(config):
    """Say what is not compared."""
    if config.option.nbval and not FIGURES_COMPARED:
        return f"figures: not compared, since matplotlib {DRAWN_WITH} drew them and this is {matplotlib.__version__}"


def pytest_itemcollected(item):
    """Give each cell of a notebook the comparison below."""
    if isinstance(item, IPyNbCell):
        item.compare_outputs = functools.partial(compare_outputs, item.compare_outputs, item.parent.skip_compare)
        item.output_timeout = 60  # seconds for what the kernel has sent to come: nbval's 5 are few on a busy machine


def compare_outputs(compare, skipped, found, kept):
    """nbval's comparison of a cell's outputs, in which each picture is words: the same where two look the same."""
    found, kept = copy.deepcopy(found), copy.deepcopy(kept)
    for mime in {mime for output in kept for mime in output.get("data", {})}:
        pair = ([output for output in outputs if mime in output.get("data", {})] for outputs in (found, kept))
        for new, old in zip(*pair):
            new.data[mime], old.data[mime] = in_words(mime, new.data[mime], old.data[mime])
    return compare(found, kept, [key for key in skipped if not (FIGURES_COMPARED and key in PICTURES)])


def in_words(mime: str, found, kept):
    """One output of a cell, as it was found and as it is kept, each picture in it replaced by words."""
    if mime in PICTURES:
        return difference(found, kept), "picture"
    if mime != "text/html":
        return found, kept
    pictures = iter(IN_HTML.findall(kept))
    return (
        IN_HTML.sub(lambda picture: difference(picture[0], next(pictures, None)), found),
        IN_HTML.sub("picture", kept),
    )


def difference(found: str, kept: str | None) -> str:
    """What tells one picture from another, both base64; "picture" where they look the same."""
    if found == kept or kept is None:
        return "picture"
    found, kept = moments(found), moments(kept)
    if found.shape != kept.shape:
        return f"picture of another size: {found.shape}, not {kept.shape}"
    apart = np.abs(found.astype(int) - kept).max(axis=-1)
    share = (apart > LEVELS).mean(axis=(1, 2)).max()
    if share <= SHARE:
        return "picture"
    return f"picture of which {share:.2%} differ by more than {LEVELS} levels, up to {apart.max()}; {SHARE:.1%} may"


def moments(picture: str) -> np.ndarray:
    """What a picture shows: uint8 (t, h, w, 4); of an animation, one entry for each few milliseconds.

    A GIF keeps equal frames in a row as one that stays longer, so frames cannot be compared one by one.
    """
    with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
        frames = [
            (np.asarray(frame.convert("RGBA")), frame.info.get("duration") or 1)
            for frame in ImageSequence.Iterator(image)
        ]
    pixels, milliseconds = zip(*frames)
    return np.repeat(pixels, np.array(milliseconds) // np.gcd.reduce(milliseconds), axis=0)
