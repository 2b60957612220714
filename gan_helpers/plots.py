"""Figures for people: each returned as a `Figure` that carries its own alt text."""

import base64
import html
import io

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as MatplotlibFigure
from matplotlib.text import Text
from PIL import Image

from gan_helpers.images import check_uint8, gif_bytes, grid

REAL_COLOR, FAKE_COLOR, THIRD_COLOR = "#0072b2", "#d55e00", "#009e73"  # told apart by colour-blind readers (Okabe, Ito)
TYPE = 9  # points: the one size of all type in figures
IMAGE = 0.68  # inches of an image in a row: at least 56 pixels on the screen


class Figure(MatplotlibFigure):
    """A matplotlib figure that a notebook shows with alt text, on white, so that it reads on a dark page too.

    Its `text/plain` is the alt text: what a terminal prints, a screen reader says and nbval compares.
    """

    alt = ""
    coarse = False  # 18 levels per channel in the PNG: a third of the bytes, where there are many images in it

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"image/png": self.png(), "text/plain": self.alt}, {"image/png": {"alt": self.alt}}

    def png(self, dpi: int = 90) -> bytes:
        """The figure as PNG bytes, cropped to what is drawn."""
        buffer = io.BytesIO()
        _set_type(self)
        self.savefig(buffer, format="png", dpi=dpi, bbox_inches="tight", facecolor="white", metadata={"Software": None})
        return _coarsely(buffer) if self.coarse else buffer.getvalue()


def figure(alt: str, figsize=(8, 4)) -> Figure:
    """An empty figure; fill it with `fig.subplots(…)`, and end the cell with `fig`.

    Args:
        alt: what the picture shows, for those who do not see it.
        figsize: width and height in inches.
    """
    if not alt or not alt.strip():
        raise ValueError("a figure needs alt text: say in a sentence what it shows")
    new = Figure(figsize=figsize, layout="constrained")
    new.alt = " ".join(alt.split())
    return new


def _coarsely(png: io.BytesIO) -> bytes:
    """A PNG whose values are rounded to multiples of 15, black and white among them, so that a palette holds its colours."""
    rounded = 15 * np.round(np.asarray(Image.open(png).convert("RGB")) / 15).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(rounded).quantize(256, dither=Image.Dither.NONE).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _set_type(fig: MatplotlibFigure) -> None:
    """All text of a figure in one size."""
    for text in fig.findobj(Text):
        text.set_fontsize(TYPE)


def with_alt(drawn: MatplotlibFigure, alt: str) -> Figure:
    """A figure that another library has drawn, as one of ours; it is the same object."""
    drawn.__class__ = Figure
    drawn.alt = " ".join(alt.split())
    return drawn


class Animation:
    """A GIF that a notebook plays, with alt text.

    Args:
        frames: uint8 (t, h, w, 1 or 3), or a list of figures of one size.
        alt: what it shows, for those who do not see it.
        milliseconds: a frame.
        scale: screen pixels per image pixel.
    """

    def __init__(self, frames, alt: str, milliseconds: int = 200, scale: int = 1):
        if len(frames) and isinstance(frames[0], MatplotlibFigure):
            frames = np.stack([pixels(fig) for fig in frames])
        self.gif = gif_bytes(frames, milliseconds, scale)
        self.alt = " ".join(alt.split())

    def _repr_mimebundle_(self, include=None, exclude=None):
        source = base64.b64encode(self.gif).decode()
        # As HTML, because nbconvert does not show image/gif.
        return {
            "text/html": f'<img alt="{html.escape(self.alt)}" src="data:image/gif;base64,{source}">',
            "text/plain": self.alt,
        }


def pixels(fig: MatplotlibFigure, dpi: int = 70) -> np.ndarray:
    """A figure as an image on white, uint8 (h, w, 3): of one size for figures of one size, whatever is drawn in them."""
    fig.set_dpi(dpi)
    fig.set_facecolor("white")
    _set_type(fig)
    canvas = FigureCanvasAgg(fig)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def show_images(images, titles=None, columns: int | None = None, alt: str | None = None, size: float = 0.9) -> Figure:
    """A grid of images.

    Args:
        images: uint8 (n, h, w, 1 or 3).
        titles: one short text per image.
        columns: images per row; default as near to a square as can be.
        alt: alt text; default made from the number of images and the titles.
        size: inches per image.
    """
    images = check_uint8(images)
    n = len(images)
    if n == 0:
        raise ValueError("expected at least one image; got 0")
    if titles is not None and len(titles) != n:
        raise ValueError(f"expected {n} titles, one per image; got {len(titles)}")
    columns = min(n, columns or int(np.ceil(np.sqrt(n))))
    rows = -(-n // columns)
    alt = alt or f"Grid of {n} images, {columns} a row" + (
        ": " + ", ".join(map(str, titles)) if titles is not None else ""
    )
    fig = figure(alt, figsize=(columns * size, rows * (size + (0.22 if titles is not None else 0))))
    axes = np.atleast_1d(fig.subplots(rows, columns)).ravel()
    for ax in axes:
        ax.axis("off")
    for i, (ax, image) in enumerate(zip(axes, images)):
        ax.imshow(
            image[..., 0] if image.shape[-1] == 1 else image, cmap="gray", vmin=0, vmax=255, interpolation="nearest"
        )
        if titles is not None:
            ax.set_title(titles[i], pad=2)
    return fig


def image_rows(images, names, alt: str) -> Figure:
    """Images in rows, with one name beside each row.

    Args:
        images: uint8 (rows · columns, h, w, 1), row by row.
        names: one short text per row; as many as there are rows.
        alt: what the rows show.

    Raises:
        ValueError: the images do not fill the rows evenly.
    """
    images = check_uint8(images)
    columns, rest = divmod(len(images), len(names))
    if rest or not columns:
        raise ValueError(f"{len(images)} images do not fill {len(names)} rows evenly")
    fig = figure(alt, figsize=(IMAGE * columns + 1.4, IMAGE * len(names)))
    ax = fig.subplots()
    ax.imshow(grid(images, columns, padding=2)[..., 0], cmap="gray", vmin=0, vmax=255)
    height = images.shape[1]
    ax.set_yticks((height - 1) / 2 + 2 + (height + 2) * np.arange(len(names)), names)
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return fig


def scatter(points, real=None, alt: str | None = None, size: float = 3.5) -> Figure:
    """Points of a toy in the plane, over the real ones where they are given. With the same real points, the frame is the same.

    Args:
        points: floats (n, 2).
        real: floats (m, 2); what they need, and half as much again, is what is shown. Default: what `points` need.
        alt: alt text; default made from the numbers of points.
        size: inches a side.

    Raises:
        ValueError: points of another shape, or none.
    """
    points, real = np.asarray(points), None if real is None else np.asarray(real)
    shown = points if real is None else real
    for each in (points, shown):
        if each.ndim != 2 or each.shape[1] != 2 or not len(each):
            raise ValueError(f"expected points of shape (n, 2), n at least 1; got {each.shape}")
    said = f"{len(points)} points" if real is None else f"{len(points)} generated points over {len(real)} real ones"
    fig = figure(alt or f"{said}, in the plane", (size, size))
    ax = fig.subplots()
    if real is not None:
        ax.scatter(*real.T, s=4, color="lightgray")
    ax.scatter(*points.T, s=4, color=REAL_COLOR if real is None else FAKE_COLOR, alpha=0.5)
    middle, half = (shown.min(axis=0) + shown.max(axis=0)) / 2, 0.75 * np.ptp(shown, axis=0).max() or 1.0
    ax.set(xlim=middle[0] + np.array([-half, half]), ylim=middle[1] + np.array([-half, half]), aspect="equal")
    return fig


PLAYERS = {
    "d_loss": ("discriminator", REAL_COLOR),
    "g_loss": ("generator", FAKE_COLOR),
    "d_real_accuracy": ("real called real", REAL_COLOR),
    "d_fake_accuracy": ("generated called generated", FAKE_COLOR),
}


def loss_curves(history: list[dict], loss=None, terms=()) -> Figure:
    """Losses over epochs, with the lines that tell how to read them; beside them what else was reported.

    Accuracies have a panel where the objective knows which logit means "real", penalties and other terms where there are
    any, and quality where it was measured.

    Args:
        history: one dict per epoch with `d_loss`, `g_loss`, perhaps `d_real_accuracy`, `d_fake_accuracy`; `epoch` where it does
            not start at 1; `frechet_classifier_distance` in the epochs in which it was measured (`QualityMonitor`).
        loss: the objective, for its equilibrium and floor; without them no lines are drawn.
        terms: names of further values in the rows, such as "smoothness".
    """
    epochs = [row.get("epoch", i + 1) for i, row in enumerate(history)]
    equilibrium, floor = getattr(loss, "equilibrium", {}), getattr(loss, "floor", None)
    marker = "o" if len(epochs) < 30 else None

    def draw(ax, name, label, color):
        there = [(epoch, row[name]) for epoch, row in zip(epochs, history) if row.get(name) not in (None, "")]
        if there:
            ax.plot(*zip(*there), marker=marker, ms=3, color=color, label=label)
        return there

    def draw_losses(ax):
        for name in ("d_loss", "g_loss"):
            label, color = PLAYERS[name]
            draw(ax, name, label, color)
            if name in equilibrium:
                at = equilibrium[name]
                ax.axhline(at, color=color, ls=":", lw=1, label=f"{label} at equilibrium: {at:.2f}")
        if floor is not None:
            ax.axhline(floor, color=REAL_COLOR, ls="--", lw=1, label=f"discriminator has won: {floor:.2f}")
            low, high = ax.get_ylim()
            ax.set_ylim(min(low, floor - 0.04 * high), None)  # a floor of 0 stays visible above the axis

    def draw_accuracies(ax):
        for name in ("d_real_accuracy", "d_fake_accuracy"):
            draw(ax, name, *PLAYERS[name])
        ax.axhline(0.5, color="gray", ls=":", lw=1, label="guessing: 0.50")
        ax.set_ylim(-0.02, 1.02)

    def draw_terms(ax):
        for name, color in zip(terms, CURVE_COLORS * 2):
            draw(ax, name, name.replace("_", " "), color)

    def draw_quality(ax):
        measured = draw(ax, "frechet_classifier_distance", None, THIRD_COLOR)
        values = [value for _, value in measured]
        ax.lines[-1].set(label=f"averaged generator: {values[-1]:.2f}", marker="o")
        if max(values) > 3 * min(values) > 0:
            ax.set_yscale("log")

    lines = "with dotted lines where they stand at equilibrium" if equilibrium else "without lines to compare them with"
    lines += " and a dashed line at the lowest discriminator loss there is" if floor is not None else ""
    panels = [("Loss", draw_losses, f"discriminator and generator loss, {lines}")]
    if any("d_real_accuracy" in row for row in history):
        said = "the shares of real and generated images that the discriminator judges rightly, with a dotted line at one half"
        panels.append(("Discriminator accuracy", draw_accuracies, said))
    if any(name in row for row in history for name in terms):
        said = f"what was added to the discriminator's loss, or reported beside it: {', '.join(terms)}".replace(
            "_", " "
        )
        panels.append(("Terms", draw_terms, said))
    if any("frechet_classifier_distance" in row for row in history):
        panels.append(("Fréchet classifier distance", draw_quality, "the Fréchet classifier distance; low is good"))
    alt = "From left to right, over epochs: " + "; ".join(said for _, _, said in panels) + "."
    fig = figure(alt, figsize=({1: 5, 2: 10}.get(len(panels), 14), 4.6))
    for ax, (title, draw_panel, _) in zip(np.atleast_1d(fig.subplots(1, len(panels))), panels):
        draw_panel(ax)
        ax.set_title(title)
        ax.set_xlabel("epoch")
        ax.set_xlim(min(epochs) - 0.5, max(epochs) + 0.5)
        ax.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2))
    return fig


CURVE_COLORS = ("#000000", "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")  # Okabe, Ito


def _counts(by_minute: dict[float, list]) -> str:
    """How many seeds, and from which minute on how many others: "3 seeds, 1 from 10 min"."""
    minutes = sorted(by_minute)
    n = len(by_minute[minutes[0]])
    said = f"{n} seed{'s' if n > 1 else ''}"
    for minute in minutes:
        if len(by_minute[minute]) != n:
            n = len(by_minute[minute])
            said += f", {n} from {minute:g} min"
    return said


def quality_curves(runs: list[dict], floor: float | None = None) -> Figure:
    """Fréchet classifier distance over training minutes, one curve a recipe: the median over seeds, and their range.

    Args:
        runs: dicts with `recipe`, `seed` and `points`, each point with `minutes` and `distance`
            (`benchmarks/quality_per_minute.py` writes them).
        floor: what real images score; drawn as a dotted line.
    """
    recipes = list(dict.fromkeys(run["recipe"] for run in runs))
    fig = figure(
        "Fréchet classifier distance over minutes of training, both axes logarithmic, a curve for each of "
        f"{', '.join(recipes)}; low is good. A dotted line marks what real images score.",
        figsize=(8.5, 4.5),
    )
    ax = fig.subplots()
    for recipe, color in zip(recipes, CURVE_COLORS * 2):
        by_minute: dict[float, list[float]] = {}
        for run in runs:
            for point in run["points"] if run["recipe"] == recipe else ():
                by_minute.setdefault(point["minutes"], []).append(point["distance"])
        minutes = sorted(by_minute)
        middle = [float(np.median(by_minute[m])) for m in minutes]
        ax.plot(minutes, middle, marker="o", ms=4, color=color, label=f"{recipe} ({_counts(by_minute)})")
        ax.fill_between(
            minutes, [min(by_minute[m]) for m in minutes], [max(by_minute[m]) for m in minutes], color=color, alpha=0.2
        )
    if floor is not None:
        ax.axhline(floor, color="gray", ls=":", label=f"real images: {floor:.2f}")
    ax.set(
        xscale="log", yscale="log", xlabel="minutes of training on two CPU cores", ylabel="Fréchet classifier distance"
    )
    ticks = sorted({point["minutes"] for run in runs for point in run["points"]})
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return fig
