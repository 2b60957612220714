"""`LatentExplorer`: a generator's latent space under your fingers, in JupyterLab, Notebook 7, Colab or a page of its own.

The picture is the PNG of what a compiled call gives; a move of a slider to new bytes takes a few
milliseconds. Many moves end in one drawing: see `LatentExplorer.ask`.
"""

import asyncio
import base64
import contextlib
import html
import itertools
import re
import threading
import time

import numpy as np

from gan_helpers import directions, folders, images, judges, latent, neighbours
from gan_helpers.atomic import write_whole
from gan_helpers.data import CLASS_NAMES
from gan_helpers.explorer_state import FURTHEST, SIDES, State
from gan_helpers.generators import (
    class_count,
    compiled,
    generate,
    generator_and_range,
    image_shape,
    inputs_of,
    trained_on,
)
from gan_helpers.setup_check import without_sliders

try:
    import ipywidgets as widgets
except ImportError:
    from gan_helpers import still_widgets as widgets

SLIDERS = 8  # a page
WIDTH = 364  # of the picture on the screen: 13 times 28
SETTLED = 0.25  # seconds without a move, after which a picture is worth remembering and comparing
ALL_IN_TURN = -1  # in place of a class
RUN_AGAIN = "Run this cell to get sliders that move."
NO_JUDGE = "The judge of clothes is left out: this generator learned other images than Fashion-MNIST’s."

_numbers = itertools.count(1)  # of the explorers of a kernel

# ipywidgets draws its own in black, which cannot be seen in the dark.
LIGHT_ARROW = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 18 18'%3E%3Cpath fill='none' "
    "stroke='%23ddd' stroke-width='2' d='M4 7l5 5 5-5'/%3E%3C/svg%3E"
)

STYLE = f"""<style>
.gan-explorer .widget-image {{ image-rendering: pixelated; border: 1px solid var(--jp-border-color1, #bdbdbd); }}
.gan-explorer .gan-text {{ color: var(--jp-ui-font-color1, inherit); font-size: 13px; line-height: 1.45; }}
.gan-explorer .gan-text td {{ padding: 0 6px 0 0; line-height: 16px; font-size: 12px; white-space: nowrap; text-align: left; }}
.gan-explorer .gan-text caption {{ text-align: left; font-size: 12px; }}
.gan-explorer .gan-bar {{ display: block; height: 10px; min-width: 1px; background: var(--jp-brand-color1, #1976d2); }}
body[data-jp-theme-light=false] .gan-explorer {{ --jp-widgets-dropdown-arrow: url("{LIGHT_ARROW}"); }}
.gan-explorer .gan-error {{ color: var(--jp-error-color1, #d32f2f); }}
.gan-explorer .gan-line {{ min-height: 38px; }}
.gan-explorer .gan-near {{ display: flex; gap: 12px; }}
.gan-explorer .gan-near img {{ image-rendering: pixelated; width: 84px; display: block; margin-bottom: 2px; }}
.gan-explorer .gan-without-kernel {{ display: none; }}
.gan-explorer.jupyter-widgets-disconnected .gan-without-kernel {{ display: block; }}
</style>
<p class="gan-text gan-error gan-without-kernel" role="alert">No kernel behind this picture any more. {RUN_AGAIN}</p>"""

COPY = """<button class="jupyter-widgets jupyter-button widget-button" style="width: 96px; margin: 0" data-state="{state}"
title="Puts the state into the clipboard: a short text that brings this picture back" onclick="
const button = this, text = button.dataset.state;
(navigator.clipboard ? navigator.clipboard.writeText(text) : Promise.reject()).catch(() => {{
  const area = document.createElement('textarea'); area.value = text; document.body.append(area);
  area.select(); document.execCommand('copy'); area.remove(); button.focus();
}}).then(() => {{ button.textContent = 'Copied'; setTimeout(() => button.textContent = 'Copy state', 1500); }});
">Copy state</button>"""


class LatentExplorer(widgets.VBox):
    """Sliders over a generator's latent space, with the picture that they make.

    Sixty-four latent vectors A are drawn by a seed, as many B by another. The picture shows the first one, or the first
    16, or all, after walking from A to B, truncating, and adding what the sliders say:

        latents = truncate(slerp(A, B, walk), truncation) + offsets @ directions

    Every control can be set from code too, through its `value`; `await explorer.settled()` waits for the picture.

    Args:
        generator: a Keras generator, latents (n, latent_dim) → images (n, h, w, 1 or 3), or a conditional one with integer
            classes (n,) as its second input; or a `GAN` or a `Run`, whose averaged generator is taken.
        directions: (k, latent_dim), or a dict {name: (latent_dim,)}; default the generator's eight principal directions.
            Without names they are named by what they are measured to move (`directions.name`).
        seed: draws the latent vectors A.
        state: a copied state to begin with; it says the seed, too.
        pixel_range: of the generator; default what its last activation implies.
        class_names: of a conditional generator; default Fashion-MNIST's, or numbers where the generator knows other classes.
        judge: whether to show what the course's classifier sees; default where images are 28×28×1, unless the generator is
            known to have learned others than Fashion-MNIST's.
        training_images: uint8 (n, h, w, c), among which the nearest are shown; default Fashion-MNIST's where the judge's
            default is to be shown; () for none.

    Attributes:
        picture: an Image widget; `picture.value` is its PNG.
        images, latents: what was drawn last: uint8 (n, h, w, c), float32 (n, latent_dim).
        state: the state as a string; set it to bring a picture back.
        directions, direction_names: of the sliders: float32 (k, latent_dim), and a list of str.

    Raises:
        ValueError: a generator of another form, a state of another one, or another number of class names than of classes.
    """

    def __init__(
        self,
        generator,
        *,
        directions=None,
        seed: int = 0,
        state: str | None = None,
        pixel_range=None,
        class_names=None,
        judge: bool | None = None,
        training_images=None,
    ):
        learned = trained_on(generator)
        generator, pixel_range = generator_and_range(generator, pixel_range)
        self.generator, self.pixel_range = generator, pixel_range
        self.latent_dim, self.conditional = inputs_of(generator).latent_dim, inputs_of(generator).told is not None
        self._learned = learned or trained_on(generator)
        self._name_classes(class_names)
        small = image_shape(generator) == (28, 28, 1)
        fashion = small and self._learned != "other"
        self._note = NO_JUDGE if small and not fashion and judge is None else ""
        self._judge = compiled(judges.load()) if (fashion if judge is None else judge) else None
        self._training = neighbours.of_fashion_mnist if training_images is None and fashion else None
        if training_images is not None and len(training_images):
            given = neighbours.Nearest(training_images), None, None
            self._training = lambda: given
        self._name_directions(directions)
        self._draw_ends(seed, seed + 1)
        # JupyterLab handles sliders in one thread of the kernel (a subshell), and buttons and cells in another.
        self._lock = threading.RLock()
        self._asked = self._drawing = self._quiet = self._wrong = False
        self._free_at, self._drawings, self._settled, self._comparing = 0.0, 0, 0, None
        self.offsets = np.zeros(len(self._matrix), np.float32)
        self._make_controls(seed)
        super().__init__(self._lay_out())
        self.add_class("gan-explorer")
        self._turn_page()
        self._wire()
        self._past, self._now, self._number = [], 0, None
        if state is not None:
            self._show(self._checked(State.parse(state)))
        self._draw()
        if self._wrong:
            raise ValueError(f"no picture of {generator.name!r}: {html.unescape(self.status.value)}")
        self._say("")
        self._settle(self._drawings)

    def _name_classes(self, given):
        """The classes of the generator, `_kinds`, and those that the judge and Fashion-MNIST's images have."""
        count = class_count(self.generator)
        if count not in (None, len(CLASS_NAMES)):
            self._learned = self._learned or "other"
        if given is None:
            count = count or len(CLASS_NAMES)
            fashion = self._learned != "other" and count == len(CLASS_NAMES)
            self._kinds = CLASS_NAMES if fashion else tuple(map(str, range(count)))
        elif count in (None, len(given)):
            self._kinds = tuple(given)
        else:
            raise ValueError(
                f"{len(given)} class names, but {self.generator.name!r} knows {count} classes: name them all"
            )
        self.class_names = self._kinds if given is not None and len(given) == len(CLASS_NAMES) else CLASS_NAMES

    # --- what the sliders move ---

    def _name_directions(self, given):
        if isinstance(given, dict):
            self.directions, names = np.stack(list(given.values())).astype(np.float32), list(given)
            measured = [""] * len(names)
        else:
            self.directions = (
                directions.principal(self.generator)[0] if given is None else np.asarray(given, np.float32)
            )
        if self.directions.ndim != 2 or self.directions.shape[1] != self.latent_dim:
            raise ValueError(
                f"directions have shape {self.directions.shape}; the generator needs (k, {self.latent_dim})"
            )
        if not isinstance(given, dict):
            known = self._judge is not None
            named = directions.name(self.generator, self.directions, self.pixel_range, classes_known=known)
            names, measured = [each.name for each in named], [f" Measured: {each.measured}." for each in named]
        self.direction_names = names
        self._matrix = np.concatenate([self.directions, np.eye(self.latent_dim, dtype=np.float32)])
        k = len(self.directions)
        self._keys = [f"p{i}" for i in range(k)] + [f"d{i}" for i in range(self.latent_dim)]
        self._words = [f"{i} · {name}" if name else f"direction {i}" for i, name in enumerate(names)]
        self._words += [f"dimension {i}" for i in range(self.latent_dim)]
        self._tips = [f"Moves along direction {i}.{said}" for i, said in enumerate(measured)]
        self._tips += [f"Moves number {i} of the latent vector" for i in range(self.latent_dim)]
        pages = [("directions", first, k, 0) for first in range(0, k, SLIDERS)]
        pages += [("dimensions", first, k + self.latent_dim, k) for first in range(k, k + self.latent_dim, SLIDERS)]
        self._pages = [
            (
                f"{word} {first - zero} to {min(first + SLIDERS, end) - 1 - zero}",
                range(first, min(first + SLIDERS, end)),
            )
            for word, first, end, zero in pages
        ]

    def _draw_ends(self, seed: int, to: int):
        """The latent vectors A and B of both seeds."""
        self._seeds = seed, to
        most = max(SIDES) ** 2
        self._a, self._b = (latent.sample(most, self.latent_dim, each).numpy() for each in (seed, to))
        self._ways = {}

    def _walked(self, state: State) -> np.ndarray:
        """The latent vectors `state.walk` percent of the way from A to B."""
        if (state.seed, state.to) != self._seeds:
            self._draw_ends(state.seed, state.to)
        n = state.side**2
        if state.walk in (0, 100):
            return (self._b if state.walk else self._a)[:n]
        if (n, state.straight) not in self._ways:  # the whole way at once: a walk that plays asks for each percent
            way = latent.lerp if state.straight else latent.slerp
            self._ways[n, state.straight] = np.stack([way(a, b, 101) for a, b in zip(self._a[:n], self._b)], axis=1)
        return self._ways[n, state.straight][state.walk]

    # --- controls ---

    def _make_controls(self, seed: int):
        wide, short = {"width": "440px"}, {"width": "214px"}
        named = {"description_width": "76px"}
        names = [(name, i) for i, name in enumerate(self._kinds)] + [("all in turn", ALL_IN_TURN)]
        self.class_choice = widgets.Dropdown(
            options=names,
            value=0,
            description="Class",
            tooltip="What the generator is asked for",
            style=named,
            layout=short,
        )
        self.view = widgets.Dropdown(
            options=[(f"{side} × {side}", side) for side in SIDES], value=1, description="View",
            tooltip="How many pictures at once; the sliders move all of them", style=named, layout=short,
        )  # fmt: skip
        self.seed = widgets.BoundedIntText(
            value=seed, min=0, max=2**31 - 1, description="Seed A",
            tooltip="Draws new latent vectors A, where the walk begins", style=named, layout=short,
        )  # fmt: skip
        self.to = widgets.BoundedIntText(
            value=seed + 1, min=0, max=2**31 - 1, description="Seed B",
            tooltip="Draws new latent vectors B, where the walk ends", style=named, layout=short,
        )  # fmt: skip
        self.surprise = _button("Surprise me", "New latent vectors A, by a seed drawn by lot", 104)
        self.truncation = widgets.FloatSlider(
            value=1, min=0, max=1, step=0.05, readout_format=".2f", description="Truncation",
            tooltip="1: latent vectors as drawn. 0: all of them in the middle of the prior", style=named, layout=wide,
        )  # fmt: skip
        self.walk = widgets.IntSlider(
            value=0, min=0, max=100, description="A → B %",
            tooltip="How far to walk from the latent vectors A to B", style=named, layout={"width": "300px"},
        )  # fmt: skip
        self.play = widgets.Play(
            min=0, max=100, step=2, interval=60, value=0, show_repeat=False,
            tooltip="Play and pause the walk from A to B", layout={"width": "136px"},
        )  # fmt: skip
        widgets.jslink((self.play, "value"), (self.walk, "value"))
        self.path = widgets.Dropdown(
            options=[("on the sphere", False), ("straight", True)], value=False, description="Path",
            tooltip="Spherical interpolation keeps the latent vectors' length; the straight line shortens them",
            style=named, layout=short,
        )  # fmt: skip
        self.page = widgets.Dropdown(
            options=[(word, i) for i, (word, _) in enumerate(self._pages)], value=0, description="Sliders",
            tooltip="Which directions the sliders below move: principal directions, or single numbers of the latent vector",
            style=named, layout=wide,
        )  # fmt: skip
        self.sliders = [
            widgets.FloatSlider(
                value=0, min=-FURTHEST, max=FURTHEST, step=0.1, readout_format="+.1f",
                style={"description_width": "196px"}, layout=dict(wide),
            )
            for _ in range(SLIDERS)
        ]  # fmt: skip
        self.reset = _button("Reset", "All sliders to 0, truncation to 1, walk to A", 64)
        self.undo = _button("Undo", "Back to the picture before", 64)
        self.redo = _button("Redo", "Forward again, after Undo", 64)
        self.save = _button("Save PNG", "Writes the picture into the folder runs/explorer", 84)
        self.copy = widgets.HTML()
        self.state_text = widgets.Text(
            description="State", continuous_update=False, style=named, layout=wide,
            tooltip="Brings this picture back: paste a copied state here and press Enter",
        )  # fmt: skip
        self.picture = widgets.Image(format="png", layout={"width": f"{WIDTH}px"})
        self.line, self.chart, self.status = (widgets.HTML() for _ in range(3))
        self.near = widgets.HTML(layout={"min_height": "150px"} if self._training else {})

    def _lay_out(self):
        row = widgets.HBox
        first = [self.class_choice, self.view] if self.conditional else [self.view]
        # Each part keeps its room, so that nothing jumps under the mouse while pictures and texts change.
        room = widgets.VBox([self.picture], layout={"min_height": f"{WIDTH + 6}px"})
        shown = [room, self.line, self.chart, self.near]
        moved = [
            row(first),
            row([self.seed, self.surprise]),
            row([self.to, self.path]),
            row([self.walk, self.play]),
            self.truncation,
            self.page,
            *self.sliders,
            row([self.reset, self.undo, self.redo, self.save, self.copy]),
            self.state_text,
            self.status,
        ]
        columns = [
            widgets.VBox(shown, layout={"width": f"{WIDTH + 16}px"}),
            widgets.VBox(moved, layout={"width": "460px"}),
        ]
        return [widgets.HTML(STYLE), row(columns, layout={"flex_flow": "row wrap", "align_items": "flex-start"})]

    def _wire(self):
        for i, slider in enumerate(self.sliders):
            slider.observe(lambda change, i=i: self._move(i), "value")
        for control in (self.class_choice, self.view, self.seed, self.to, self.truncation, self.walk, self.path):
            control.observe(lambda change: self.ask(), "value")
        self.page.observe(lambda change: self._turn_page(), "value")
        self.state_text.observe(lambda change: self._paste(change.new), "value")
        self.surprise.on_click(lambda button: self._surprise())
        self.reset.on_click(lambda button: self._reset())
        self.undo.on_click(lambda button: self._step(-1))
        self.redo.on_click(lambda button: self._step(+1))
        self.save.on_click(lambda button: self._save())

    @contextlib.contextmanager
    def _quietly(self):
        """Controls that are set here ask for nothing."""
        with self._lock:
            was, self._quiet = self._quiet, True
            try:
                yield
            finally:
                self._quiet = was

    def _move(self, i: int):
        with self._lock:
            rows = self._pages[self.page.value][1]
            if not self._quiet and i < len(rows):
                self.offsets[rows[i]] = self.sliders[i].value
                self.ask()

    def _turn_page(self):
        """Give the sliders the names and offsets of their page."""
        with self._quietly():
            rows = self._pages[self.page.value][1]
            for i, slider in enumerate(self.sliders):
                slider.layout.display = None if i < len(rows) else "none"
                if i < len(rows):
                    slider.description, slider.tooltip = self._words[rows[i]], self._tips[rows[i]]
                    slider.value = round(float(self.offsets[rows[i]]), 6)

    def _surprise(self):
        self.walk.value = 0
        self.seed.value = int(np.random.default_rng().integers(100_000))

    def _reset(self):
        with self._quietly():
            self.offsets[:] = 0
            self.truncation.value, self.walk.value = 1, 0
            self._turn_page()
        self.ask()

    # --- from controls to picture ---

    def ask(self) -> None:
        """Have the picture drawn soon: once, however much changes until then.

        Each drawing is followed by a pause as long as it took, in which the moves that have come in meanwhile are heard. So a
        flood of moves keeps the kernel half free and ends at the last value; a single move is drawn at once. Where no event
        loop runs, in a script, it is drawn here and now.
        """
        with self._lock:
            if self._quiet:
                return
            self._asked = True
            if self._drawing and not self._loop.is_closed():  # who draws looks again before stopping
                return
            try:
                self._loop = asyncio.get_running_loop()
            except RuntimeError:
                self._asked = self._drawing = False
                self._draw()
                self._settle(self._drawings)
                return
            self._drawing = True
            self._task = self._loop.create_task(self._draw_soon())

    async def _draw_soon(self):
        while self._drawing:
            await asyncio.sleep(max(0.0, self._free_at - time.perf_counter()))
            began = time.perf_counter()
            with self._lock:
                self._asked = False
                self._draw()
            self._free_at = 2 * time.perf_counter() - began
            with self._lock:
                self._drawing = self._asked
        asyncio.get_running_loop().call_later(SETTLED, self._settle, self._drawings)

    async def settled(self) -> None:
        """Wait until the picture, its text and its nearest training images show what the controls say."""
        while self._drawing or self._settled < self._drawings or (self._comparing and not self._comparing.done()):
            await asyncio.sleep(0.005)

    def _draw(self):
        self._drawings += 1
        try:
            state = self._read()
            latents = latent.truncate(self._walked(state), state.truncation) + self.offsets @ self._matrix
            drawn = self._images(latents, state)
            sheet = drawn[0] if state.side == 1 else images.grid(drawn, state.side, padding=2)
            png = images.png_bytes(sheet)
        except (
            Exception
        ) as error:  # whatever goes wrong in a callback, the last picture stays, and the reason is read here
            self._say(f"The last picture stays: {error}", error=True)
            return
        zoom = max(1, round(2 * WIDTH / sheet.shape[1]) / 2)  # halves at most, so that pixels stay even
        if self.picture.layout.width != f"{zoom * sheet.shape[1]:g}px":
            self.picture.layout.width = f"{zoom * sheet.shape[1]:g}px"
        self.picture.value = png
        self.images, self.latents, self._sheet, self._drawn = drawn, latents, sheet, state
        if self._wrong:
            self._say("")
        self._describe()

    def _images(self, latents: np.ndarray, state: State) -> np.ndarray:
        """Of the class that the state says, or of all in turn: uint8 (n, h, w, c)."""
        kinds = np.arange(len(latents)) % len(self._kinds) if self.conditional else None
        if kinds is not None and state.class_number is not None:
            kinds[:] = state.class_number
        return generate(self.generator, latents, self.pixel_range, classes=kinds)

    def _describe(self):
        """The text line and the chart: what the classifier sees, and how long the latent vectors are."""
        lengths = np.linalg.norm(self.latents, axis=1)
        low, high = _band(self.latent_dim)
        out = int(np.sum((lengths < low) | (lengths > high)))
        n, said = len(self.latents), ""
        if self._judge is not None:
            probabilities = self._judge(self.images.astype(np.float32))
            probabilities = np.exp(probabilities - probabilities.max(axis=1, keepdims=True))
            probabilities /= probabilities.sum(axis=1, keepdims=True)
            first = probabilities.argmax(axis=1)
            common = int(np.bincount(first).argmax())
            name = self.class_names[common]
            said = f"<b>{name}</b>, {probabilities[0, common]:.0%}. "
            if n > 1:
                said = f"{n} pictures, {np.sum(first == common)} of them <b>{name}</b>. "
            title = "" if self._learned == "fashion_mnist" else "Seen as clothes:"
            self.chart.value = _bars(self.class_names, probabilities.mean(axis=0), title)
        elif n > 1:
            said = f"{n} pictures. "
        length = f"{lengths[0]:.1f}" if n == 1 else f"{lengths.min():.1f} to {lengths.max():.1f}"
        outside = "outside the prior's" if n == 1 else f"{out} outside the prior's"
        said += f"Latent length {length}, {outside if out else 'within the prior’s'} {low:.1f} to {high:.1f}."
        self.line.value = (
            f'<div class="gan-text gan-line" role="status" aria-live="polite" data-state="{self._drawn}">{said}</div>'
        )

    def _say(self, text: str, error: bool = False, link: str = ""):
        """Write the status line; with nothing to say, what stands there otherwise."""
        self._wrong = error
        mark, text = " gan-error" if error else "", text or self._note
        self.status.value = (
            f'<div class="gan-text{mark}" role="status" aria-live="polite">{html.escape(text)}{link}</div>'
        )

    # --- after a while without moves ---

    def _settle(self, drawing: int):
        """What can wait until the moves are over: remember the state, show it, compare with training images."""
        with self._lock:
            if drawing < self._drawings or self._drawing:  # the moves go on
                return
            self._remember(self._drawn)
            self._settled = drawing
        if self._training is None or self._wrong:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.near.value = self._compared(self.images)
            return
        self._comparing = loop.create_task(self._compare(self.images))

    async def _compare(self, drawn):
        """In a thread: the first time, the dataset is loaded (and prepared, where it was not)."""
        text = await asyncio.to_thread(self._compared, drawn)
        if drawn is self.images:
            self.near.value = text

    def _compared(self, drawn) -> str:
        """The nearest training images of the first picture, or why there are none."""
        try:
            return self._nearest(drawn)
        except Exception as error:
            return (
                f'<div class="gan-text gan-error">No training images to compare with: {html.escape(str(error))}</div>'
            )

    def _nearest(self, drawn) -> str:
        """The three nearest training images of the first picture."""
        nearest, classes, usual = self._training()
        found, distances = nearest(drawn[0])
        figures = []
        for k, distance in zip(found, distances):
            source = base64.b64encode(images.png_bytes(nearest.images[k])).decode()
            name = "" if classes is None else f"{self.class_names[classes[k]]}, "
            alt = f"training image {k}, {name}distance {distance:.1f}"
            figures.append(
                f'<div><img alt="{alt}" title="{alt}" src="data:image/png;base64,{source}">{distance:.1f}</div>'
            )
        of = "" if len(drawn) == 1 else " of the first picture"
        real = "" if usual is None else f"; real test images: {usual:.0f}"
        return (
            f'<div class="gan-text">Nearest training images{of} (grey levels apart{real}):'
            f'<div class="gan-near">{"".join(figures)}</div></div>'
        )

    # --- states ---

    def _read(self) -> State:
        number = self.class_choice.value if self.conditional else ALL_IN_TURN
        return State(
            latent_dim=self.latent_dim,
            seed=self.seed.value,
            to=self.to.value,
            walk=self.walk.value,
            straight=self.path.value,
            truncation=self.truncation.value,
            class_number=None if number == ALL_IN_TURN else number,
            side=self.view.value,
            offsets=tuple((self._keys[k], round(float(self.offsets[k]), 6)) for k in np.flatnonzero(self.offsets)),
        )

    def _checked(self, state: State) -> State:
        """`state`, if this explorer can show it; ValueError otherwise."""
        if state.latent_dim != self.latent_dim:
            raise ValueError(
                f"the state is of a generator with latent vectors of length {state.latent_dim}; this one's have {self.latent_dim}"
            )
        if state.class_number is not None and not (self.conditional and state.class_number < len(self._kinds)):
            raise ValueError(f"the state names class {state.class_number}, which this generator does not know")
        if unknown := [key for key, _ in state.offsets if key not in self._keys]:
            raise ValueError(f"the state moves {', '.join(unknown)}, which this explorer does not have")
        return state

    def _show(self, state: State):
        """Set all controls to a state, and ask for its picture once."""
        with self._quietly():
            self.offsets[:] = 0
            for key, offset in state.offsets:
                self.offsets[self._keys.index(key)] = offset
            if self.conditional:
                self.class_choice.value = ALL_IN_TURN if state.class_number is None else state.class_number
            self.view.value, self.seed.value, self.to.value = state.side, state.seed, state.to
            self.walk.value, self.path.value, self.truncation.value = state.walk, state.straight, state.truncation
            self._turn_page()

    @property
    def state(self) -> str:
        """The state as a short string of letters, digits, `_`, `.`, `-` and `~`: the same picture, from the same generator, anywhere."""
        return str(self._read())

    @state.setter
    def state(self, text: str):
        self._show(self._checked(State.parse(text)))
        self.ask()

    def _paste(self, text: str):
        with self._lock:
            if self._quiet:  # written by this explorer itself
                return
        try:
            self.state = text
        except ValueError as error:
            self._say(f"The last picture stays: {error}", error=True)

    def _remember(self, state: State):
        """Put a state after those before it, and show it."""
        if not self._past or state != self._past[self._now]:
            self._past = [*self._past[: self._now + 1], state]
            self._now = len(self._past) - 1
        self.copy.value = COPY.format(state=state)
        if not self._wrong:
            with self._quietly():
                self.state_text.value = str(state)

    def _step(self, by: int):
        with self._lock, contextlib.suppress(ValueError):  # of controls that say what cannot be drawn
            self._remember(self._read())  # which may not be drawn yet
        if not 0 <= self._now + by < len(self._past):
            self._say("There is nothing to undo." if by < 0 else "There is nothing to redo.")
            return
        self._now += by
        self._show(self._past[self._now])
        self._say("")
        self.ask()

    # --- out of the notebook ---

    def _save(self):
        """Write the picture under a name of its own: the generator's, and the state."""
        scale = max(1, round(WIDTH / self._sheet.shape[1]))
        content = images.png_bytes(self._sheet, scale)
        stem = f"{re.sub(r'[^A-Za-z0-9_-]+', '-', self.generator.name)}_{self._drawn}"
        source = base64.b64encode(content).decode()
        link = f' <a download="{stem}.png" href="data:image/png;base64,{source}">Download it</a>'
        names = itertools.chain([stem], (f"{stem}-{n}" for n in itertools.count(2)))
        paths = (folders.runs("explorer") / f"{name}.png" for name in names)
        path = next(path for path in paths if not path.exists() or path.read_bytes() == content)
        try:
            said = "It is there already: " if path.exists() else "Saved: "
            write_whole(path, content)
            self._say(f"{said}{path}", link=link)
        except OSError as error:
            self._say(f"Not saved: {error}", error=True, link=link)

    def still(self) -> str:
        """The picture as HTML that needs no kernel, with a line that says how to get sliders."""
        alt = html.escape(re.sub("<.*?>", "", self.line.value), quote=True)
        source = base64.b64encode(images.png_bytes(self._sheet, max(1, round(WIDTH / self._sheet.shape[1])))).decode()
        how = html.escape(without_sliders()) or RUN_AGAIN
        return f'<p><strong>{how}</strong></p><img alt="Still picture of an explorer. {alt}" src="data:image/png;base64,{source}">'

    def __repr__(self):
        return f"LatentExplorer of {self.generator.name}, {self.latent_dim} numbers in"

    def _ipython_display_(self):
        """The widget, and after it a still picture that the living widget hides: it is what stays without a kernel."""
        from IPython.display import display

        if self._number is None:  # displayed twice, both stills have one name
            self._number = next(_numbers)
            if not without_sliders():
                hidden = widgets.HTML(f"<style>.gan-still-{self._number} {{ display: none; }}</style>")
                self.children = [*self.children, hidden]
        if not without_sliders():
            display(self._repr_mimebundle_(), raw=True)
        still = f'<div class="gan-still-{self._number}">{self.still()}</div>'
        display({"text/html": still, "text/plain": f"{self!r}, still. {RUN_AGAIN}"}, raw=True)


def _band(latent_dim: int) -> tuple[float, float]:
    """The lengths between which 99 % of all latent vectors lie."""
    from scipy.stats import chi

    return tuple(chi.ppf([0.005, 0.995], latent_dim))


def _button(description: str, tooltip: str, width: int):
    return widgets.Button(description=description, tooltip=tooltip, layout={"width": f"{width}px"})


def _bars(names, shares, title: str) -> str:
    """A bar for each class, with its name and percent, under a title where there is one."""
    rows = "".join(
        f'<tr><td>{name}</td><td style="width: 190px"><span class="gan-bar" style="width: {share:.1%}"></span></td>'
        f"<td>{share:.0%}</td></tr>"
        for name, share in zip(names, shares)
    )
    head = f"<caption>{title}</caption>" if title else ""
    return f'<table class="gan-text" title="What the course’s classifier sees">{head}{rows}</table>'
