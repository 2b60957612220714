"""What an explorer shows: a state in, the picture as PNG and the facts about it out. It knows no widgets and no events."""

import base64
import functools
import html
from dataclasses import dataclass, replace

import numpy as np

from gan_helpers import images
from gan_helpers.data import CLASS_NAMES
from gan_helpers.data import dataset as data_sets
from gan_helpers.explorer import directions
from gan_helpers.explorer.layout import THUMB_WIDTH
from gan_helpers.explorer.state import VIEWS, State
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
        learned: what it learned from, as `GAN.trained_on`.
        dataset: the same as a `Dataset`, where it is on this machine; None for Fashion-MNIST, which is loaded when it is needed.
        judge: a `Judge`, or None.
        guessed: the judge sees clothes in what the generator learned, which is unknown, or something else.
        training: a function without arguments, since they may have to be loaded, that gives the nearest training images, their
            classes and the usual distance, as `neighbours.of`; None where there are no training images.
        directions, direction_names: float32 (k, latent_dim), and a list of str.
        sliders: a `Direction` for each of them, and then for each dimension of the latent space.
        note: a sentence on what is left out, or "".

    Raises:
        ValueError: as `LatentExplorer`.
    """

    def __init__(self, generator, *, directions=None, pixel_range=None, class_names=None, judge=None, training_images=None,
                 dataset: data_sets.Dataset | None = None):  # fmt: skip
        self.generator, self.pixel_range = generator_and_range(generator, pixel_range)
        inputs, self._shape = inputs_of(self.generator), image_shape(self.generator)
        self.latent_dim, self.conditional = inputs.latent_dim, inputs.told is not None
        self.learned, self.dataset = trained_on(generator) or trained_on(self.generator), dataset
        if dataset is not None:
            self._check_dataset()
            self.learned = dataset.origin
        elif inputs.classes not in (None, len(CLASS_NAMES)):
            self.learned = self.learned or "other"
        if dataset is None and self.learned != "fashion_mnist":
            self.dataset = data_sets.known(self.learned)
        self._given_names = tuple(class_names or ())
        self.kinds = self._named_kinds(generator)
        self._find_judge(judge)
        self._find_training_images(training_images)
        self._name_directions(directions)
        self._walk = None

    def _check_dataset(self) -> None:
        """ValueError where the generator cannot have learned from the given data set."""
        of, count = self.dataset, class_count(self.generator)
        if of.image_shape != self._shape:
            raise ValueError(
                f"the images of {of.name} have the shape {of.image_shape}, and {self.generator.name!r} draws {self._shape}: "
                "give the data set that it learned from, in the same size and colour"
            )
        if of.class_names and count not in (None, len(of.class_names)):
            raise ValueError(
                f"{of.name} has {len(of.class_names)} classes, and {self.generator.name!r} knows {count}: give the data set that it "
                "learned from"
            )

    def _named_kinds(self, generator) -> tuple[str, ...]:
        """The classes of the generator, by name."""
        count, given = class_count(self.generator), self._given_names
        if given and count not in (None, len(given)):
            raise ValueError(
                f"{len(given)} class names, but {self.generator.name!r} knows {count} classes: name them all"
            )
        names = given or (() if self.dataset is None else self.dataset.class_names)
        if names and count in (None, len(names)):
            return names
        clothes = self.learned in (None, "fashion_mnist")
        own = class_names(generator) if clothes or getattr(self.generator, "class_names", ()) else ()
        return own or (CLASS_NAMES if clothes else tuple(map(str, range(count or len(CLASS_NAMES)))))

    def _find_judge(self, given) -> None:
        """The judge of what the generator learned, where there is one already; or a sentence that there is none."""
        judge, self.note = (given if isinstance(given, judges.Judge) else None), ""
        if given is None or given is True:
            judge = judges.known(self.learned or "fashion_mnist") or (judges.clothes() if given else None)
        if given is None and judge is not None and judge.image_shape != self._shape:
            judge = None
        if given is None and judge is None and self.learned:
            self.note = self._without_judge()
        if judge is not None and judge.image_shape != self._shape:
            raise ValueError(
                f"the judge of {judge.name} knows images of shape {judge.image_shape}, and {self.generator.name!r} draws "
                f"{self._shape}: judges.judge_for(dataset) gives another data set's judge, judge=False leaves it out"
            )
        self.guessed = judge is not None and judge.name == "fashion_mnist" and self.learned != "fashion_mnist"
        if judge is not None and not self.guessed and len(judge.class_names) == len(self._given_names):
            judge = replace(judge, class_names=self._given_names)
        self.judge, self._compiled = judge, None if judge is None else compiled(judge.model)

    def _without_judge(self) -> str:
        """Why no judge says what is to be seen, and what to do about it."""
        if self.dataset is None:
            which = "nothing says which" if self.learned == "other" else "they are not on this machine"
            return (
                f"No judge: this generator learned other images than Fashion-MNIST’s, and {which}. Name them: --images on the "
                "command line, dataset=… in Python."
            )
        learned = f"this generator learned from {self.dataset.name}, "
        if not self.dataset.class_names:
            return f"No judge: {learned}which has no classes to tell apart."
        return f"No judge yet: {learned}and no judge has been trained to tell its classes apart. gan-helpers evaluate trains one."

    def _find_training_images(self, given) -> None:
        """Where the nearest training images come from, how many there are, and what their classes are called."""
        self.training, self._training_names, self._training_count = None, (), None
        if given is not None:
            if len(given):
                found = neighbours.Nearest(given), None, None
                self.training, self._training_count = (lambda: found), len(given)
        elif self.dataset is not None:
            of = self.dataset
            self.training, self._training_count = (lambda: neighbours.of(of)), len(of)
            self._training_names = self.kinds if len(self.kinds) == len(of.class_names) else of.class_names
        elif self.learned in (None, "fashion_mnist") and self._shape == (28, 28, 1):
            self.training, self._training_names = neighbours.of_fashion_mnist, CLASS_NAMES
            if self.learned and len(self._given_names) == len(CLASS_NAMES):
                self._training_names = self._given_names

    @property
    def learned_from(self) -> str:
        """A sentence on the images that the generator learned from; "" where nothing says which."""
        if self.dataset is None:
            return "It learned from Fashion-MNIST: pictures of clothes." if self.learned == "fashion_mnist" else ""
        colour = "colour" if self.dataset.image_shape[-1] == 3 else "grey"
        classes = f" in {len(self.dataset.class_names)} classes" if self.dataset.class_names else ""
        return f"It learned from {self.dataset.name}: {len(self.dataset):,} {colour} pictures{classes}."

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
        seeds, n, walk = (state.seed, state.to), state.side**2, self._walk
        if walk is None or walk[0] != seeds:
            ends = [latent.sample(max(VIEWS) ** 2, self.latent_dim, seed).numpy() for seed in seeds]
            walk = self._walk = seeds, *ends, {}
        _, a, b, ways = walk
        if state.walk in (0, 100):
            return (b if state.walk else a)[:n]
        if (n, state.straight) not in ways:  # the whole way at once: a walk that plays asks for each percent
            way = latent.lerp if state.straight else latent.slerp
            ways[n, state.straight] = np.stack([way(a, b, 101) for a, b in zip(a[:n], b)], axis=1)
        return ways[n, state.straight][state.walk]

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
            chart = _bars(names, probabilities.mean(axis=0), "Seen as clothes:" if self.guessed else "")
        elif n > 1:
            said = f"{n} pictures. "
        return said + self._lengths(picture.latents), chart

    def _lengths(self, latents: np.ndarray) -> str:
        """How long the latent vectors are, beside those of the prior."""
        lengths, (low, high) = np.linalg.norm(latents, axis=1), prior_lengths(self.latent_dim)
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
            name = "" if classes is None else f"{html.escape(self._training_names[classes[k]], quote=True)}, "
            alt = f"training image {k}, {name}distance {distance:.1f}"
            figures.append(
                f'<div><img alt="{alt}" title="{alt}" src="data:image/png;base64,{source}">{distance:.1f}</div>'
            )
        looked = len(nearest.images)
        among = f" among the first {looked:,}" if looked < (self._training_count or 0) else ""
        of = "" if len(drawn) == 1 else " of the first picture"
        real = "" if usual is None else f"; real test images: {usual:.0f}"
        smooth = " gan-smooth" if 2 * self._shape[1] > THUMB_WIDTH else ""  # its pixels would have uneven sizes
        levels = "grey levels" if self._shape[-1] == 1 else "levels of colour"
        return (
            f'<div class="gan-text">Nearest training images{of}{among} ({levels} apart{real}):'
            f'<div class="gan-near{smooth}">{"".join(figures)}</div></div>'
        )


@functools.cache  # scipy takes a tenth of the time of a small picture
def prior_lengths(latent_dim: int) -> tuple[float, float]:
    """The lengths between which 99 % of all latent vectors lie."""
    from scipy.stats import chi

    return tuple(chi.ppf([0.005, 0.995], latent_dim))


def _bars(names, shares, title: str) -> str:
    """A bar for each class, the ten most probable where there are more, with its name and percent; under a title, if any."""
    shown = range(len(names))
    if len(names) > BARS:
        shown, title = np.argsort(-shares, kind="stable")[:BARS], f"The {BARS} most probable of {len(names)} classes:"
    rows = "".join(
        f'<tr><td title="{html.escape(names[k])}">{html.escape(names[k])}</td><td style="width: 190px"><span class="gan-bar" style="width: {shares[k]:.1%}"></span></td>'
        f"<td>{shares[k]:.0%}</td></tr>"
        for k in shown
    )
    head = f"<caption>{title}</caption>" if title else ""
    return f'<table class="gan-text" title="What the judge sees">{head}{rows}</table>'
