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

from gan_helpers import images
from gan_helpers.explorer.layout import PICTURE_ROOM, PICTURE_WIDTH, THUMB_WIDTH
from gan_helpers.explorer.picture import SLIDERS, Scenery
from gan_helpers.explorer.state import FURTHEST, VIEWS, State
from gan_helpers.setup_check import without_sliders
from gan_helpers.storage import folders
from gan_helpers.storage.whole_files import write_whole

try:
    import ipywidgets as widgets
except ImportError:
    from gan_helpers.explorer import still_widgets as widgets

WIDE, SHORT, NAMED = {"width": "440px"}, {"width": "214px"}, {"description_width": "76px"}  # of the controls
SETTLED = 0.25  # seconds without a move, after which a picture is worth remembering and comparing
ALL_IN_TURN = -1  # in place of a class
RUN_AGAIN = "Run this cell to get sliders that move."

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
.gan-explorer .gan-text td:first-child {{ max-width: 120px; overflow: hidden; text-overflow: ellipsis; }}
.gan-explorer .gan-text caption {{ text-align: left; font-size: 12px; }}
.gan-explorer .gan-bar {{ display: block; height: 10px; min-width: 1px; background: var(--jp-brand-color1, #1976d2); }}
body[data-jp-theme-light=false] .gan-explorer {{ --jp-widgets-dropdown-arrow: url("{LIGHT_ARROW}"); }}
.gan-explorer .gan-error {{ color: var(--jp-error-color1, #d32f2f); }}
.gan-explorer .gan-line {{ min-height: 38px; }}
.gan-explorer .gan-near {{ display: flex; gap: 12px; }}
.gan-explorer .gan-near img {{ image-rendering: pixelated; width: {THUMB_WIDTH}px; display: block; margin-bottom: 2px; }}
.gan-explorer img.gan-smooth, .gan-explorer .gan-smooth img {{ image-rendering: auto; }}
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
        class_names: of a conditional generator; default those of its data set, or numbers.
        judge: says what it sees: a `judges.Judge`; default the data set's, where one has been trained already; False for none;
            True for the judge of clothes where the data set has none.
        training_images: uint8 (n, h, w, c), among which the nearest are shown; default those of the data set; () for none.
        dataset: what the generator learned from; default what it says itself, where that is on this machine. Of a generator of
            28×28×1 that says nothing it is taken to be Fashion-MNIST.

    Attributes:
        picture: an Image widget; `picture.value` is its PNG.
        images, latents: what was drawn last: uint8 (n, h, w, c), float32 (n, latent_dim).
        state: the state as a string; set it to bring a picture back.
        directions, direction_names: of the sliders: float32 (k, latent_dim), and a list of str.
        learned_from: a sentence on what the generator learned from; "" where nothing says so.

    Raises:
        ValueError: a generator of another form, a state of another one, another number of class names than of classes, a data
            set of other images than the generator draws, or a judge of other ones.
    """

    def __init__(self, generator, *, directions=None, seed: int = 0, state: str | None = None, pixel_range=None,
                 class_names=None, judge=None, training_images=None, dataset=None):  # fmt: skip
        self._scenery = Scenery(
            generator, directions=directions, pixel_range=pixel_range, class_names=class_names, judge=judge,
            training_images=training_images, dataset=dataset,
        )  # fmt: skip
        for name in ("generator", "pixel_range", "latent_dim", "conditional", "directions", "direction_names",
                     "learned_from"):  # fmt: skip
            setattr(self, name, getattr(self._scenery, name))
        # JupyterLab handles sliders in one thread of the kernel (a subshell), and buttons and cells in another.
        self._lock = threading.RLock()
        self._asked = self._drawing = self._quiet = self._wrong = False
        self._free_at, self._drawings, self._settled, self._comparing = 0.0, 0, 0, None
        self.offsets, self._pages = np.zeros(len(self._scenery.sliders), np.float32), self._scenery.pages
        self._make_controls(seed)
        super().__init__(self._lay_out())
        self.add_class("gan-explorer")
        self._turn_page()
        self._wire()
        self._past, self._now, self._number = [], 0, None
        if state is not None:
            self._show(self._scenery.checked(State.parse(state)))
        self._draw()
        if self._wrong:
            raise ValueError(f"no picture of {self.generator.name!r}: {html.unescape(self.status.value)}")
        self._say("")
        self._settle(self._drawings)

    @property
    def images(self) -> np.ndarray:
        """What was drawn last: uint8 (n, h, w, c)."""
        return self._shown.images

    @property
    def latents(self) -> np.ndarray:
        """The latent vectors of what was drawn last: float32 (n, latent_dim)."""
        return self._shown.latents

    # --- controls ---

    def _make_controls(self, seed: int):
        self._make_choices(seed)
        self._make_walk()
        self._make_sliders()
        self._make_outputs()

    def _make_choices(self, seed: int):
        names = [(name, i) for i, name in enumerate(self._scenery.kinds)] + [("all in turn", ALL_IN_TURN)]
        self.class_choice = widgets.Dropdown(
            options=names, value=0, description="Class", tooltip="What the generator is asked for", style=NAMED,
            layout=dict(SHORT),
        )  # fmt: skip
        self.view = widgets.Dropdown(
            options=[(f"{side} × {side}", side) for side in VIEWS], value=1, description="View",
            tooltip="How many pictures at once; the sliders move all of them", style=NAMED, layout=dict(SHORT),
        )  # fmt: skip
        self.seed = widgets.BoundedIntText(
            value=seed, min=0, max=2**31 - 1, description="Seed A",
            tooltip="Draws new latent vectors A, where the walk begins", style=NAMED, layout=dict(SHORT),
        )  # fmt: skip
        self.to = widgets.BoundedIntText(
            value=seed + 1, min=0, max=2**31 - 1, description="Seed B",
            tooltip="Draws new latent vectors B, where the walk ends", style=NAMED, layout=dict(SHORT),
        )  # fmt: skip
        self.surprise = _button("Surprise me", "New latent vectors A, from a random seed", 104)

    def _make_walk(self):
        self.truncation = widgets.FloatSlider(
            value=1, min=0, max=1, step=0.05, readout_format=".2f", description="Truncation",
            tooltip="1: latent vectors as drawn. 0: all of them in the middle of the prior", style=NAMED, layout=dict(WIDE),
        )  # fmt: skip
        self.walk = widgets.IntSlider(
            value=0, min=0, max=100, description="A → B %",
            tooltip="How far to walk from the latent vectors A to B", style=NAMED, layout={"width": "300px"},
        )  # fmt: skip
        self.play = widgets.Play(
            min=0, max=100, step=2, interval=60, value=0, show_repeat=False,
            tooltip="Play and pause the walk from A to B", layout={"width": "136px"},
        )  # fmt: skip
        widgets.jslink((self.play, "value"), (self.walk, "value"))
        self.path = widgets.Dropdown(
            options=[("on the sphere", False), ("straight", True)], value=False, description="Path",
            tooltip="Spherical interpolation keeps the latent vectors' length; the straight line shortens them",
            style=NAMED, layout=dict(SHORT),
        )  # fmt: skip

    def _make_sliders(self):
        self.page = widgets.Dropdown(
            options=[(word, i) for i, (word, _) in enumerate(self._pages)], value=0, description="Sliders",
            tooltip="Which directions the sliders below move: principal directions, or single numbers of the latent vector",
            style=NAMED, layout=dict(WIDE),
        )  # fmt: skip
        self.sliders = [
            widgets.FloatSlider(
                value=0, min=-FURTHEST, max=FURTHEST, step=0.1, readout_format="+.1f",
                style={"description_width": "196px"}, layout=dict(WIDE),
            )
            for _ in range(SLIDERS)
        ]  # fmt: skip

    def _make_outputs(self):
        self.reset = _button("Reset", "All sliders to 0, truncation to 1, walk to A", 64)
        self.undo = _button("Undo", "Back to the picture before", 64)
        self.redo = _button("Redo", "Forward again, after Undo", 64)
        self.save = _button("Save PNG", "Writes the picture into the folder runs/explorer", 84)
        self.copy = widgets.HTML()
        self.state_text = widgets.Text(
            description="State", continuous_update=False, style=NAMED, layout=dict(WIDE),
            tooltip="Brings this picture back: paste a copied state here and press Enter",
        )  # fmt: skip
        self.picture = widgets.Image(format="png", layout={"width": f"{PICTURE_WIDTH}px"})
        self.line, self.chart, self.status = (widgets.HTML() for _ in range(3))
        self.near = widgets.HTML(layout={"min_height": "150px"} if self._scenery.training else {})

    def _lay_out(self):
        row = widgets.HBox
        first = [self.class_choice, self.view] if self.conditional else [self.view]
        # Each part keeps its room, so that nothing jumps under the mouse while pictures and texts change.
        room = widgets.VBox([self.picture], layout={"min_height": f"{PICTURE_ROOM}px"})
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
            widgets.VBox(shown, layout={"width": f"{PICTURE_WIDTH + 16}px"}),
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
                    moved = self._scenery.sliders[rows[i]]
                    slider.description, slider.tooltip = moved.words, moved.tip
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
            shown = self._scenery.draw(self._read())
        except (
            Exception
        ) as error:  # whatever goes wrong in a callback, the last picture stays, and the reason is read here
            self._say(f"The last picture stays: {error}", error=True)
            return
        self._zoom(shown.sheet)
        self.picture.value = shown.png
        self._shown = shown
        if self._wrong:
            self._say("")
        said, self.chart.value = self._scenery.described(shown)
        self.line.value = (
            f'<div class="gan-text gan-line" role="status" aria-live="polite" data-state="{shown.state}">{said}</div>'
        )

    def _zoom(self, sheet: np.ndarray):
        """Make the picture as large as there is room: by halves, so that pixels stay even, or smoothly where that would waste room."""
        longest = max(sheet.shape[:2])
        zoom = 2 * PICTURE_ROOM // longest / 2
        smooth = zoom < 1 or zoom * longest < 0.9 * PICTURE_ROOM
        zoom = PICTURE_ROOM / longest if smooth else zoom
        width = f"{zoom * sheet.shape[1]:g}px"
        if self.picture.layout.width != width:
            self.picture.layout.width = width
            (self.picture.add_class if smooth else self.picture.remove_class)("gan-smooth")

    def _say(self, text: str, error: bool = False, link: str = ""):
        """Write the status line; with nothing to say, what stands there otherwise."""
        self._wrong = error
        mark, text = " gan-error" if error else "", text or self._scenery.note
        self.status.value = (
            f'<div class="gan-text{mark}" role="status" aria-live="polite">{html.escape(text)}{link}</div>'
        )

    # --- after a while without moves ---

    def _settle(self, drawing: int):
        """What can wait until the moves are over: remember the state, show it, compare with training images."""
        with self._lock:
            if drawing < self._drawings or self._drawing:  # the moves go on
                return
            self._remember(self._shown.state)
            self._settled = drawing
        if self._scenery.training is None or self._wrong:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.near.value = self._scenery.nearest(self.images)
            return
        self._comparing = loop.create_task(self._compare(self.images))

    async def _compare(self, drawn):
        """In a thread: the first time, the dataset is loaded (and prepared, where it was not)."""
        text = await asyncio.to_thread(self._scenery.nearest, drawn)
        if drawn is self.images:
            self.near.value = text

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
            offsets=tuple(
                (self._scenery.sliders[k].key, round(float(self.offsets[k]), 6)) for k in np.flatnonzero(self.offsets)
            ),
        )

    def _show(self, state: State):
        """Set all controls to a state, and ask for its picture once."""
        with self._quietly():
            self.offsets[:] = self._scenery.offsets(state)
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
        self._show(self._scenery.checked(State.parse(text)))
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
        content = self._enlarged()
        stem = f"{re.sub(r'[^A-Za-z0-9_-]+', '-', self.generator.name)}_{self._shown.state}"
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

    def _enlarged(self) -> bytes:
        """The picture as PNG, about as large as on the screen."""
        sheet = self._shown.sheet
        return images.png_bytes(sheet, max(1, round(PICTURE_WIDTH / max(sheet.shape[:2]))))

    def still(self) -> str:
        """The picture as HTML that needs no kernel, with a line that says how to get sliders."""
        alt = html.escape(html.unescape(re.sub("<.*?>", "", self.line.value)), quote=True)
        source = base64.b64encode(self._enlarged()).decode()
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


def _button(description: str, tooltip: str, width: int):
    return widgets.Button(description=description, tooltip=tooltip, layout={"width": f"{width}px"})
