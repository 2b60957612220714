"""An explorer as one HTML file, which draws by itself: from `file://`, without a kernel and without a network.

The file holds the generator as a list of operations (`graph.py`), its weights in base64, and the scripts beside this module
as they stand. What is drawn, said and remembered there is what `picture.py` and `state.py` draw, say and write here.
"""

import base64
import html
import json
import re
from importlib import resources
from pathlib import Path

import keras
import numpy as np

from gan_helpers import images
from gan_helpers.explorer.layout import PICTURE_ROOM, PICTURE_WIDTH
from gan_helpers.explorer.picture import BARS, Scenery, prior_lengths
from gan_helpers.explorer.state import FURTHEST, VIEWS, State
from gan_helpers.explorer.web.graph import Graph, Unknown, graph_of
from gan_helpers.gan import latent
from gan_helpers.gan.generators import generate, image_shape, in_turn, inputs_of
from gan_helpers.storage.whole_files import write_whole

LARGEST, LARGEST_JUDGE = 20_000_000, 4_000_000  # bytes of weights in float32
TRIED = 1_000  # pictures that float16 must draw as float32 does, to one level
WORKER, PAGE = (
    ("kernel.js", "runtime.js", "latents.js", "worker.js"),
    ("state.js", "page.js"),
)  # the scripts of each thread


def write(scenery: Scenery, path: Path, title: str) -> str:
    """Write the page of a generator.

    Args:
        scenery: what the sliders move, and what is said of the picture. Of its training images nothing is shown.
        path: of the HTML file.
        title: what the page calls the generator.

    Returns:
        a sentence on the file: its size, how the weights are kept, and whether a judge rides along.

    Raises:
        ValueError: as `check`.
    """
    graphs, note = {"generator": check(scenery.generator)}, scenery.note
    if scenery.judge is not None:
        judge, note = _judge(scenery)
        graphs |= {"judge": judge} if judge else {}
    in_half = {"generator": _agrees_in_half(scenery), "judge": True}
    facts, weights = _packed(graphs, in_half, scenery.directions)
    text = _html(scenery, {**facts, **_facts(scenery, note)}, weights, title)
    write_whole(path, text.encode())
    kept = "float16" if in_half["generator"] else "float32: float16 would draw other pictures"
    judged = "with its judge" if "judge" in graphs else "without a judge"
    return f"{len(text.encode()) / 1e6:.1f} MB, weights in {kept}; {judged}"


def check(generator) -> Graph:
    """A generator's operations; before the sliders are looked for, which takes longer.

    Raises:
        Unknown: the generator has an operation that the page does not know.
        ValueError: its weights take more than 20 MB; or it is no generator of images.
    """
    image_shape(generator)
    size = 4 * generator.count_params()
    if size > LARGEST:
        raise ValueError(
            f"{generator.name!r} has {size / 1e6:.1f} MB of weights, and a page holds at most {LARGEST // 10**6}: "
            "gan-helpers explore serves it"
        )
    takes = inputs_of(generator)
    return graph_of(generator, 1 - takes.latent if takes.told == "one_hot" else None)


def _judge(scenery: Scenery) -> tuple[Graph | None, str]:
    """The judge's operations, if it can ride along; and what there is to note."""
    try:
        if 4 * scenery.judge.model.count_params() <= LARGEST_JUDGE:
            return graph_of(scenery.judge.model), scenery.note
    except Unknown:
        pass
    return None, f"No judge: that of {scenery.judge.name} is too large for this page, or of another kind."


def _agrees_in_half(scenery: Scenery) -> bool:
    """Whether the pictures stay the same, to one level, when kernels are kept in float16."""
    generator = scenery.generator
    latents = latent.sample(TRIED, scenery.latent_dim, 0).numpy()
    classes = in_turn(generator, TRIED)
    rounded = keras.models.clone_model(generator)
    rounded.set_weights([_half(each).astype(np.float32) if each.ndim > 1 else each for each in generator.get_weights()])
    one, other = (
        generate(each, latents, scenery.pixel_range, classes=classes).astype(int) for each in (generator, rounded)
    )
    return np.abs(one - other).max() <= 1


def _half(array: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return array.astype(np.float16)


def _packed(graphs: dict[str, Graph], in_half: dict[str, bool], directions) -> tuple[dict, str]:
    """The graphs as the page reads them, and all arrays one after the other in base64, each at a whole four bytes."""
    facts, layout, content = {}, [], []

    def put(array, half):
        layout.append({"count": array.size, "bits": 16 if half else 32})
        raw = (_half(array) if half else array.astype(np.float32)).astype("<f2" if half else "<f4").tobytes()
        content.append(raw + bytes(-len(raw) % 4))

    for name, graph in graphs.items():
        facts[name] = {
            "steps": graph.steps, "output": graph.output, "first": len(layout), "count": len(graph.arrays),
        }  # fmt: skip
        for array in graph.arrays:
            put(array, in_half[name] and array.ndim > 1)
    facts |= {"directions": len(layout), "arrays": layout}
    put(np.asarray(directions, np.float32), half=False)
    return facts, base64.b64encode(b"".join(content)).decode()


def _facts(scenery: Scenery, note: str) -> dict:
    """What the scripts have to know beside the networks."""
    low, high = prior_lengths(scenery.latent_dim)
    return {
        "name": scenery.generator.name,
        "latentDim": scenery.latent_dim,
        "latentPlace": inputs_of(scenery.generator).latent,
        "imageShape": image_shape(scenery.generator),
        "pixelRange": scenery.pixel_range,
        "kinds": scenery.kinds if scenery.conditional else None,
        "judged": None if scenery.judge is None else scenery.judge.class_names,
        "guessed": scenery.guessed,
        "bars": BARS,
        "prior": [float(low), float(high)],
        "sliders": [[each.key, each.words, each.tip] for each in scenery.sliders],
        "pages": [[words, places.start, places.stop] for words, places in scenery.pages],
        "most": max(VIEWS) ** 2,
        "furthest": FURTHEST,
        "room": PICTURE_ROOM,
        "saved": PICTURE_WIDTH,
        "note": note,
    }


def _html(scenery: Scenery, facts: dict, weights: str, title: str) -> str:
    """The file's text."""
    first = scenery.draw(State(scenery.latent_dim, class_number=0 if scenery.conditional else None))
    zoom = max(1, round(PICTURE_WIDTH / max(first.sheet.shape[:2])))
    kind = f"“{scenery.kinds[0]}”" if scenery.conditional else "seed 0"
    parts = {
        "title": html.escape(title),
        "learned": html.escape(scenery.learned_from),
        "style": _read("page.css"),
        "still": base64.b64encode(images.png_bytes(first.sheet, zoom)).decode(),
        "alt": html.escape(f"A picture that {title} draws: {kind}", quote=True),
        "views": "".join(f'<option value="{side}">{side} × {side}</option>' for side in VIEWS),
        "facts": json.dumps(facts, ensure_ascii=False).replace("<", "\\u003c"),
        "weights": weights,
        "worker": "\n".join(map(_read, WORKER)),
        "page": "\n".join(map(_read, PAGE)),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda part: parts[part[1]], _read("page.html"))


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8").strip()
