"""Principal directions of any generator, and names for directions by what they are measured to move, again and again."""

from dataclasses import dataclass

import keras
import numpy as np

from gan_helpers.gan import latent
from gan_helpers.gan.generators import arranged, generate, in_turn, inputs_of, structured
from gan_helpers.metrics import judges

AT_MOST = 10  # classes of a generator of many, some images of each
STEP = 2.0  # ends of a direction that are compared: this far on either side of a latent vector
NOISE, RANK_SAMPLES = (
    1e-3,
    256,
)  # a direction with less than this share of the strongest one's spread is none; looked for so
SHIFT, EFFECT = 0.12, 0.6  # the least that gets a name: shift of a class's probability; effect in standard deviations
HOLDS = 0.95  # of the latent vectors have to be moved as a name says: what is true only on average is no name


@dataclass(frozen=True)
class Named:
    """A direction's name, minus end first ("Sneaker ↔ Pullover"), empty where nothing stands out; and what was measured."""

    name: str
    measured: str


def principal(generator, count: int = 8, samples: int = 2048, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """`latent.principal_directions` of the first layer with weights that the latents reach, before its activation function.

    Where a generator has no such layer, or keeps it in a model within, its images themselves are the activations.

    Args:
        generator: a Keras generator; a conditional one is asked for class 0.
        count: how many at most. There are no more than the latents have numbers, or the activations dimensions.

    Returns:
        directions float32 (k, latent_dim) of length 1, k ≤ count, and the share of variance of each, float32 (k,).
    """
    early, latent_dim = _early(generator), inputs_of(generator).latent_dim

    def activations_of(latents):
        given = arranged(generator, latents, np.zeros(len(latents), int))
        return early.predict(structured(early, given), batch_size=512, verbose=0)

    activations = np.asarray(activations_of(np.asarray(latent.sample(samples, latent_dim, seed)))).reshape(samples, -1)
    count = min(count, latent_dim, _dimensions(activations[:RANK_SAMPLES]))
    if count == 0:
        return np.zeros((0, latent_dim), np.float32), np.zeros(0, np.float32)
    return latent.principal_directions(lambda latents: activations, latent_dim, count, samples, seed)


def _dimensions(activations) -> int:
    """In how many directions activations (n, d) vary, rounding noise aside."""
    lengths = np.linalg.svd(activations - activations.mean(axis=0), compute_uv=False)
    return int((lengths > np.maximum(NOISE * lengths[0], NOISE / 10 * np.linalg.norm(activations))).sum())


def _early(generator) -> keras.Model:
    """The generator as far as the first layer with weights that the latents reach, batch norm right after it included."""
    reached = _reached(generator)
    first = next((n for n, (layer, _, _) in enumerate(reached) if getattr(layer, "weights", None)), None)
    if first is None or isinstance(reached[first][0], keras.Model):
        return generator
    _, _, output = reached[first]
    normed = (
        after
        for layer, given, after in reached
        if isinstance(layer, keras.layers.BatchNormalization) and given[0] is output
    )
    return keras.Model(generator.inputs, next(normed, output))


def _reached(generator) -> list[tuple]:
    """What the latents reach on their way to the images, in order: layer, its inputs, its output."""
    reached, depends = [], {id(each): n == inputs_of(generator).latent for n, each in enumerate(generator.inputs)}

    def visit(tensor) -> bool:
        if id(tensor) not in depends:
            layer, n, _ = tensor._keras_history
            given = layer._inbound_nodes[n].input_tensors
            below = [visit(each) for each in given]  # all of them, in their order
            depends[id(tensor)] = any(below)
            if depends[id(tensor)]:
                reached.append((layer, given, tensor))
        return depends[id(tensor)]

    visit(generator.outputs[0])
    return reached


def name(
    generator, directions, pixel_range=None, judge: judges.Judge | None = None, samples: int = 80, seed: int = 1
) -> list[Named]:
    """Say of each direction what it moves, as far as that can be measured and holds for nearly every latent vector.

    The same latent vectors are drawn at both ends of the direction. The class whose probability rises most and the one
    that falls most give the name, if both do so for 95 % of the vectors. If not, it is the measure of the picture that
    moves most in comparison to its spread among pictures of one class (brightness, size, place or pattern), of those that
    rise, or fall, for 95 %.

    Args:
        generator: a Keras generator; a conditional one is asked for its classes in turn, ten at most.
        directions: (k, latent_dim).
        pixel_range: of the generator; default what its last activation implies.
        judge: of what the generator draws; None leaves the classes out.
        samples: latent vectors an end.
    """
    if not len(directions):
        return []
    latents = latent.sample(samples, inputs_of(generator).latent_dim, seed).numpy()
    in_turns = in_turn(generator, samples)
    kinds = (
        np.zeros(samples, int) if in_turns is None else in_turns % AT_MOST
    )  # of many classes ten, some images of each

    def drawn(moved):
        asked = None if in_turns is None else np.resize(kinds, len(moved))
        return generate(generator, moved, pixel_range, classes=asked)

    spread = _spread(drawn(latents), kinds)
    offsets = np.stack([sign * STEP * np.asarray(each, np.float32) for each in directions for sign in (-1, 1)])
    ends = drawn((offsets[:, None] + latents).reshape(-1, latents.shape[1]))
    probabilities, names = [None] * len(offsets), ()
    if judge is not None and ends.shape[1:] == judge.image_shape:
        probabilities = judge.features_and_probabilities(ends)[1].reshape(len(offsets), samples, -1)
        names = judge.class_names
    ends = ends.reshape(len(offsets), samples, *ends.shape[1:])
    return [
        _name_by_class(*probabilities[k : k + 2], names) or _name_by_measure(*map(_measures, ends[k : k + 2]), spread)
        for k in range(0, len(offsets), 2)
    ]


def _spread(drawn, kinds) -> dict[tuple[str, str], float]:
    """How much each measure varies among images of one class, at least what can be seen."""
    one_kind = np.equal.outer(kinds, kinds) / np.bincount(kinds)[kinds]  # rows: the mean of an image's class
    return {key: max((values - one_kind @ values).std(), VISIBLE[key]) for key, values in _measures(drawn).items()}


def _name_by_class(before, behind, names) -> Named | None:
    if before is None:
        return None
    moved = behind - before
    shift = moved.mean(axis=0)
    loses, gains = int(shift.argmin()), int(shift.argmax())
    held = float(np.mean((moved[:, loses] < 0) & (moved[:, gains] > 0)))
    if min(shift[gains], -shift[loses]) < SHIFT or held < HOLDS:
        return None
    measured = f"probability of {names[loses]} {shift[loses]:+.2f}, of {names[gains]} {shift[gains]:+.2f}"
    return Named(f"{names[loses]} ↔ {names[gains]}", f"{measured}, in {held:.0%} of pictures")


def _name_by_measure(before: dict, behind: dict, spread: dict) -> Named:
    moved = {key: behind[key] - before[key] for key in spread}
    effects = {key: float(moved[key].mean() / spread[key]) for key in spread}
    held = {key: float(np.mean(moved[key] * effects[key] > 0)) for key in spread}
    # First what holds and can be seen, then what moves most.
    strongest = max(effects, key=lambda key: (held[key] >= HOLDS and abs(effects[key]) >= EFFECT, abs(effects[key])))
    effect = effects[strongest]
    measured = f"{strongest[1]} {effect:+.1f} standard deviations, in {held[strongest]:.0%} of pictures"
    if abs(effect) < EFFECT or held[strongest] < HOLDS:
        return Named("", f"at most {measured}")
    return Named(" ↔ ".join(strongest if effect > 0 else strongest[::-1]), measured)


def _measures(images) -> dict[tuple[str, str], np.ndarray]:
    """What can be said of any picture, each float (n,), under the words for little and much of it."""
    grey = images.mean(axis=-1)
    grey = np.where(np.median(grey[:, [0, -1]]) > 127, 255 - grey, grey)  # on a white ground, the dark is the thing
    mass = grey.sum(axis=(1, 2)) + 1e-6
    rows, columns = grey.sum(axis=2) / mass[:, None], grey.sum(axis=1) / mass[:, None]
    across, down = np.arange(grey.shape[2]), np.arange(grey.shape[1])
    x, y = columns @ across, rows @ down
    steps = np.abs(np.diff(grey, axis=1)).sum(axis=(1, 2)) + np.abs(np.diff(grey, axis=2)).sum(axis=(1, 2))
    everything = (
        (grey**2).sum(axis=(1, 2)) / mass,  # of the thing, whatever its size
        np.sqrt((columns * (across - x[:, None]) ** 2).sum(axis=1)),
        np.sqrt((rows * (down - y[:, None]) ** 2).sum(axis=1)),
        x,
        y,
        steps / mass,
    )
    return dict(zip(VISIBLE, everything))


VISIBLE = {  # the measures, by the words for little and much, and the least spread that counts: grey levels, pixels, a share
    ("dark", "bright"): 3.0,
    ("narrow", "wide"): 0.2,
    ("short", "tall"): 0.2,
    ("left", "right"): 0.2,
    ("high", "low"): 0.2,
    ("plain", "patterned"): 0.02,
}
