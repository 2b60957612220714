"""What an explorer shows: a state in, the picture as PNG and the facts about it out. It knows no widgets and no events."""

import base64
import html
from dataclasses import dataclass

import numpy as np

from gan_helpers import images
from gan_helpers.data import CLASS_NAMES
from gan_helpers.data import dataset as data_sets
from gan_helpers.explorer import directions
from gan_helpers.explorer.state import SIDES, State
from gan_helpers.gan import latent
from gan_helpers.gan.generators import (
    class_count,
    class_names,
    compiled,
    generate,
    generator_and_range,
    image_shape,
    inputs_of,
    trained_on,
)
from gan_helpers.metrics import judges, neighbours

SLIDERS = 8  # per page
BARS = 10  # classes that the chart shows at most


@dataclass(frozen=True, eq=False)
class Picture:
    """A state, drawn.

    Attributes:
        state: what was drawn.
        images, latents: uint8 (n, h, w, c), float32 (n, latent_dim).
        sheet: the images as one, uint8 (H, W, c).
        png: the sheet.
    """

    state: State
    images: np.ndarray
    latents: np.ndarray
    sheet: np.ndarray
    png: bytes


@dataclass(frozen=True, eq=False)
class Direction:
    """What one slider moves: `key` as a state names it, the vector (latent_dim,), and the words on the slider."""

    key: str
    vector: np.ndarray
    words: str
    tip: str


class Scenery:
    """A generator, and all that its pictures are described by: names of classes, a judge, training images, directions.

    Args:
        generator, directions, pixel_range, class_names, judge, training_images, dataset: as `LatentExplorer` takes them.

    Attributes:
        generator, pixel_range, latent_dim, conditional: what is drawn from.
        kinds: names of the generator's classes.
        judge: a `Judge`, or None.
        directions, direction_names: float32 (k, latent_dim), and a list of str.
        sliders: a `Direction` for each of them, and then for each dimension of the latent space.
        note: a sentence on what is left out, or "".

    Raises:
        ValueError: as `LatentExplorer`.
    """

    def __init__(self, generator, *, directions=None, pixel_range=None, class_names=None, judge=None, training_images=None,
                 dataset: data_sets.Dataset | None = None):  # fmt: skip
        learned = trained_on(generator)
        names = class_names if class_names is not None else dataset.class_names if dataset is not None else None
        self._of_gan = generator
        self.generator, self.pixel_range = generator_and_range(generator, pixel_range)
        self.latent_dim, self.conditional = (
            inputs_of(self.generator).latent_dim,
            inputs_of(self.generator).told is not None,
        )
        self.learned = (learned or trained_on(self.generator)) if dataset is None else dataset.origin
        if dataset is not None and dataset.image_shape != image_shape(self.generator):
            raise ValueError(
                f"{self.generator.name!r} makes images of shape {image_shape(self.generator)}, and those of {dataset.name} have "
                f"{dataset.image_shape}"
            )
        self.kinds = self._named_kinds(names)
        self._find_judge(judge, dataset)
        self._find_training_images(training_images, dataset)
        self._name_directions(directions)
        self._ends = None

    def _named_kinds(self, given) -> tuple[str, ...]:
        """The classes of the generator, by name."""
        count = class_count(self.generator)
        if count not in (None, len(CLASS_NAMES)):
            self.learned = self.learned or "other"
        if given is not None and count not in (None, len(given)):
            if self.conditional:
                raise ValueError(
                    f"{len(given)} class names, but {self.generator.name!r} knows {count} classes: name them all"
                )
        elif given:
            return tuple(given)
        return class_names(self._of_gan) or CLASS_NAMES

    def _find_judge(self, given, dataset) -> None:
        """The judge of what the generator learned, where one is there already; or a sentence that there is none."""
        self.note, shape = "", image_shape(self.generator)
        if isinstance(given, judges.Judge):
            self.judge = given
        elif given is None:
            self.judge = judges.known(self.learned or "fashion_mnist")
            if self.judge is not None and self.judge.image_shape != shape:
                self.judge = None
            if self.judge is None and (self.learned or shape == (28, 28, 1)):
                self.note = (
                    "No judge says what is seen here: this generator learned other images than Fashion-MNIST’s, and no judge "
                    "of those has been trained on this machine yet; evaluate trains one."
                )
        else:
            self.judge = judges.clothes() if given else None
        self._compiled = None if self.judge is None else compiled(self.judge.model)

    def _find_training_images(self, given, dataset) -> None:
        """Where the nearest training images come from: a function without arguments, as they may have to be loaded; or None."""
        self.training, self._training_names = None, ()
        if given is not None:
            if len(given):
                found = neighbours.Nearest(given), None, None
                self.training = lambda: found
            return
        if dataset is not None:
            self.training, self._training_names = (lambda: neighbours.of(dataset)), dataset.class_names
        elif self.learned in (None, "fashion_mnist"):
            if image_shape(self.generator) == (28, 28, 1):
                self.training, self._training_names = neighbours.of_fashion_mnist, CLASS_NAMES
        elif (known := data_sets.known(self.learned)) is not None:
            self.training, self._training_names = (lambda: neighbours.of(known)), known.class_names

    def _name_directions(self, given) -> None:
        """The sliders: the given or the principal directions, under the names that they are given or measured to deserve."""
        if isinstance(given, dict):
            self.directions, names = np.stack(list(given.values())).astype(np.float32), list(given)
        else:
            self.directions = (
                directions.principal(self.generator)[0] if given is None else np.asarray(given, np.float32)
            )
        if self.directions.ndim != 2 or self.directions.shape[1] != self.latent_dim:
            raise ValueError(
                f"directions have shape {self.directions.shape}; the generator needs (k, {self.latent_dim})"
            )
        measured = [""] * len(self.directions)
        if not isinstance(given, dict):
            named = directions.name(self.generator, self.directions, self.pixel_range, judge=self.judge)
            names, measured = [each.name for each in named], [f" Measured: {each.measured}." for each in named]
        self.direction_names = names
        self.sliders = [
            Direction(
                f"p{i}", vector, f"{i} · {name}" if name else f"direction {i}", f"Moves along direction {i}.{said}"
            )
            for i, (vector, name, said) in enumerate(zip(self.directions, names, measured))
        ] + [
            Direction(f"d{i}", vector, f"dimension {i}", f"Moves number {i} of the latent vector")
            for i, vector in enumerate(np.eye(self.latent_dim, dtype=np.float32))
        ]
        self._matrix = np.stack([each.vector for each in self.sliders])
        self._places = {each.key: place for place, each in enumerate(self.sliders)}

    @property
    def pages(self) -> list[tuple[str, range]]:
        """Eight sliders at a time: what they are called together, and their places in `sliders`."""
        k, found = len(self.directions), []
        for word, begin, end in (("directions", 0, k), ("dimensions", k, len(self.sliders))):
            for first in range(begin, end, SLIDERS):
                last = min(first + SLIDERS, end)
                found.append((f"{word} {first - begin} to {last - 1 - begin}", range(first, last)))
        return found

    # --- from state to picture ---

    def checked(self, state: State) -> State:
        """`state`, if it can be drawn; ValueError otherwise."""
        if state.latent_dim != self.latent_dim:
            raise ValueError(
                f"the state is of a generator with latent vectors of length {state.latent_dim}; this one's have {self.latent_dim}"
            )
        if state.class_number is not None and not (self.conditional and state.class_number < len(self.kinds)):
            raise ValueError(f"the state names class {state.class_number}, which this generator does not know")
        if unknown := [key for key, _ in state.offsets if key not in self._places]:
            raise ValueError(f"the state moves {', '.join(unknown)}, which this explorer does not have")
        return state

    def draw(self, state: State) -> Picture:
        """The picture of a state.

        Raises:
            ValueError: the generator gives NaN or infinity, or cannot be called.
        """
        latents = latent.truncate(self._walked(state), state.truncation) + self.offsets(state) @ self._matrix
        drawn = self.drawn(latents, state)
        sheet = drawn[0] if state.side == 1 else images.grid(drawn, state.side, padding=2)
        return Picture(state, drawn, latents, sheet, images.png_bytes(sheet))

    def offsets(self, state: State) -> np.ndarray:
        """How far each slider is moved: float32 (sliders,)."""
        found = np.zeros(len(self.sliders), np.float32)
        for key, offset in state.offsets:
            found[self._places[key]] = offset
        return found

    def drawn(self, latents: np.ndarray, state: State) -> np.ndarray:
        """Images of the class that the state says, or of all in turn: uint8 (n, h, w, c)."""
        kinds = np.arange(len(latents)) % len(self.kinds) if self.conditional else None
        if kinds is not None and state.class_number is not None:
            kinds[:] = state.class_number
        return generate(self.generator, latents, self.pixel_range, classes=kinds)

    def _walked(self, state: State) -> np.ndarray:
        """The latent vectors `state.walk` percent of the way from A to B."""
        if self._ends is None or self._ends[0] != (state.seed, state.to):
            most = max(SIDES) ** 2
            vectors = [latent.sample(most, self.latent_dim, seed).numpy() for seed in (state.seed, state.to)]
            self._ends, self._ways = ((state.seed, state.to), *vectors), {}
        (_, a, b), n = self._ends, state.side**2
        if state.walk in (0, 100):
            return (b if state.walk else a)[:n]
        if (n, state.straight) not in self._ways:  # the whole way at once: a walk that plays asks for each percent
            way = latent.lerp if state.straight else latent.slerp
            self._ways[n, state.straight] = np.stack([way(a, b, 101) for a, b in zip(a[:n], b)], axis=1)
        return self._ways[n, state.straight][state.walk]

    # --- what there is to say of it ---

    def probabilities(self, picture: Picture) -> np.ndarray | None:
        """What the judge sees in each image: float32 (n, classes); None without a judge."""
        if self._compiled is None:
            return None
        logits = self._compiled(picture.images.astype(np.float32))
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)

    def described(self, picture: Picture) -> tuple[str, str]:
        """A line on the picture, and the chart of what the judge sees in it ("" without a judge), both HTML."""
        n, said, chart = len(picture.latents), "", ""
        if (probabilities := self.probabilities(picture)) is not None:
            names, first = self.judge.class_names, probabilities.argmax(axis=1)
            common = int(np.bincount(first).argmax())
            name = html.escape(names[common])
            said = f"<b>{name}</b>, {probabilities[0, common]:.0%}. "
            if n > 1:
                said = f"{n} pictures, {np.sum(first == common)} of them <b>{name}</b>. "
            unsure = self.judge.name == "fashion_mnist" and self.learned != "fashion_mnist"
            chart = _bars(names, probabilities.mean(axis=0), "Seen as clothes:" if unsure else "")
        elif n > 1:
            said = f"{n} pictures. "
        return said + self._lengths(picture.latents), chart

    def _lengths(self, latents: np.ndarray) -> str:
        """How long the latent vectors are, beside those of the prior."""
        lengths, (low, high) = np.linalg.norm(latents, axis=1), _band(self.latent_dim)
        out, n = int(np.sum((lengths < low) | (lengths > high))), len(latents)
        length = f"{lengths[0]:.1f}" if n == 1 else f"{lengths.min():.1f} to {lengths.max():.1f}"
        outside = "outside the prior's" if n == 1 else f"{out} outside the prior's"
        return f"Latent length {length}, {outside if out else 'within the prior’s'} {low:.1f} to {high:.1f}."

    def nearest(self, drawn: np.ndarray) -> str:
        """The three nearest training images of the first of these images, as HTML; or why there are none."""
        try:
            nearest, classes, usual = self.training()
            found, distances = nearest(drawn[0])
        except Exception as error:  # a data set may have gone
            return (
                f'<div class="gan-text gan-error">No training images to compare with: {html.escape(str(error))}</div>'
            )
        figures = []
        for k, distance in zip(found, distances):
            source = base64.b64encode(images.png_bytes(nearest.images[k])).decode()
            name = (
                f"{html.escape(self._training_names[classes[k]])}, "
                if classes is not None and self._training_names
                else ""
            )
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


def _band(latent_dim: int) -> tuple[float, float]:
    """The lengths between which 99 % of all latent vectors lie."""
    from scipy.stats import chi

    return tuple(chi.ppf([0.005, 0.995], latent_dim))


def _bars(names, shares, title: str) -> str:
    """A bar for each class, the ten most probable where there are more, with its name and percent; under a title, if any."""
    shown = range(len(names))
    if len(names) > BARS:
        shown, title = np.argsort(-shares, kind="stable")[:BARS], f"The {BARS} most probable of {len(names)} classes:"
    rows = "".join(
        f'<tr><td>{html.escape(names[k])}</td><td style="width: 190px"><span class="gan-bar" style="width: {shares[k]:.1%}"></span></td>'
        f"<td>{shares[k]:.0%}</td></tr>"
        for k in shown
    )
    head = f"<caption>{title}</caption>" if title else ""
    return f'<table class="gan-text" title="What the judge sees">{head}{rows}</table>'
