"""The gallery of lesson 07: a small GAN of clothes, the ways in which it is broken there, and what is looked at in a run.

    healthy, collapsed = gallery.recorded("healthy"), gallery.recorded("collapse")
    gallery.chart(collapsed, healthy)
    mine = gallery.train(gallery.Settings(d_rate=1e-3))          # some seconds

`benchmarks/gallery.py` trains every one on three seeds, measures whether it fails as the lesson says, and records the runs.
"""

import warnings
from dataclasses import asdict, dataclass

import numpy as np

from gan_helpers import metrics, plots
from gan_helpers.data import CLASS_NAMES, load_fashion_mnist, pipeline
from gan_helpers.images import grid
from gan_helpers.metrics import judges
from gan_helpers.storage import folders

ROWS, STEPS_PER_ROW = 30, 30  # a run's history: so many rows, each the mean of so many steps
SHOWN, MEASURED, FRAMES = 16, 500, 10  # images at the end; of one latent vector on the way
NUMBERS = ("d_loss", "g_loss", "d_real_accuracy", "d_fake_accuracy")


@dataclass(frozen=True)
class Settings:
    """How a run of the gallery is trained; as they stand, the healthy one.

    Attributes:
        g_rate, d_rate: learning rates of the generator's and the discriminator's Adam.
        beta_1: of both: how long they remember earlier gradients.
        batch_size: images per step.
        loss, regularisers: as `gh.GAN` takes them.
        pixels: the range in which real images come; the generator ends in tanh, so (-1, 1) is right.
        sigmoid: whether the discriminator ends in a sigmoid.
        norm: "batch" or "layer", where the discriminator's hidden layers are normalised.
        frozen: "generator" or "discriminator", where one of them is not trainable.
    """

    g_rate: float = 2e-3
    d_rate: float = 2e-3
    beta_1: float = 0.5
    batch_size: int = 64
    loss: str = "non_saturating"
    regularisers: str = ""
    pixels: tuple[float, float] = (-1, 1)
    sigmoid: bool = False
    norm: str | None = None
    frozen: str | None = None


@dataclass(frozen=True, eq=False)
class Specimen:
    """What is kept of a run.

    Attributes:
        picture: uint8 (16, 28, 28, 1), drawn at the end by the generator itself, not by its average, which would show a fault late.
        strip: uint8 (10, 28, 28, 1), the same latent vector ten times on the way.
        history: a dict per 30 steps, as `gh.plots.loss_curves` takes them.
        shares: of each class among 500 generated images, as the judge of clothes sorts them: (10,), sum 1.
        diversity: their mean squared distance from their mean image, divided by that of real images: 1 is as varied as those.
        background: the median grey level of the border of their frame; of real images 0.
        objective: for the lines in the chart.
        warned: what the package said beforehand.
    """

    picture: np.ndarray
    strip: np.ndarray
    history: list[dict]
    shares: np.ndarray
    diversity: float
    background: float
    objective: object
    warned: tuple[str, ...] = ()

    @property
    def classes_in_use(self) -> float:
        """exp(entropy) of the shares: 10 where all classes are as frequent, 1 where one is left."""
        return float(np.exp(metrics.entropy(self.shares)))

    def late(self, name: str) -> float:
        """The median of a number of the history over its last third, which a single leap does not move."""
        return float(np.median([row[name] for row in self.history[-ROWS // 3 :]]))

    def swing(self, name: str) -> float:
        """The standard deviation of a number of the history over its last two thirds."""
        return float(np.std([row[name] for row in self.history[-2 * ROWS // 3 :]]))


# --- training -------------------------------------------------------------------------------------


def networks_of(settings: Settings) -> tuple:
    """Generator and discriminator as the settings ask, small multilayer perceptrons."""
    import keras
    from keras import layers

    from gan_helpers import networks

    images = keras.Input((28, 28, 1))
    x = layers.Flatten()(images)
    for width in (256, 128):
        x = layers.Dense(width)(x)
        if settings.norm is not None:
            x = (layers.BatchNormalization if settings.norm == "batch" else layers.LayerNormalization)()(x)
        x = layers.LeakyReLU(0.2)(x)
    logits = layers.Dense(1, activation="sigmoid" if settings.sigmoid else None, name="verdict")(x)
    players = {
        "generator": networks.mlp_generator(units=(128, 256)),
        "discriminator": keras.Model(images, logits, name="discriminator"),
    }
    if settings.frozen is not None:
        players[settings.frozen].trainable = False
    return tuple(players.values())


def build(settings: Settings, seed: int = 7) -> tuple:
    """A compiled GAN, and what the package has to say against it.

    Returns:
        `gh.GAN`, and a list of sentences.
    """
    import keras

    from gan_helpers.gan.gan import GAN

    keras.utils.set_random_seed(seed)
    gan = GAN(*networks_of(settings), loss=settings.loss, regularisers=settings.regularisers, seed=seed)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        gan.compile(
            keras.optimizers.Adam(settings.g_rate, beta_1=settings.beta_1),
            keras.optimizers.Adam(settings.d_rate, beta_1=settings.beta_1),
            checks="warn",
            steps_per_execution=STEPS_PER_ROW,
        )
    return gan, [str(warning.message) for warning in said]


def train(settings: Settings, seed: int = 7, rows: int = ROWS) -> Specimen:
    """Train a GAN on clothes as the settings say, 900 steps unless `rows` is fewer, and look at it: some seconds.

    Raises:
        ValueError: settings that cannot be trained at all. Those that cannot be right are trained, and said in `warned`.
    """
    gan, warned = build(settings, seed)
    history, strip, said = fit(gan, settings, seed, rows)
    return look_at(gan, history, strip, [*warned, *said], seed)


def fit(gan, settings: Settings, seed: int = 7, rows: int = ROWS) -> tuple:
    """Train a GAN of `build`.

    Returns:
        The history, a dict per row; the strip, uint8 (10 or fewer, 28, 28, 1); and what the package has to say against the images.
    """
    import keras

    images, _ = load_fashion_mnist("train")
    batches = pipeline(images, settings.batch_size, settings.pixels, seed, STEPS_PER_ROW * settings.batch_size)
    strip = []

    def watch(row, logs):
        if (row + 1) % (ROWS // FRAMES) == 0:
            strip.append(gan.generate(1, seed=seed, ema=False)[0])

    watching = keras.callbacks.LambdaCallback(on_epoch_end=watch)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        log = gan.fit(batches, epochs=rows, callbacks=[watching], verbose=0).history
    history = [{name: float(log[name][row]) for name in NUMBERS if name in log} for row in range(rows)]
    return history, np.array(strip, np.uint8).reshape(-1, 28, 28, 1), [str(warning.message) for warning in said]


def look_at(gan, history, strip, warned, seed: int = 7) -> Specimen:
    """What is kept of a trained GAN."""
    images, _ = load_fashion_mnist("train")
    drawn = gan.generate(MEASURED, seed=seed, ema=False)
    _, probabilities = judges.clothes().features_and_probabilities(drawn)
    return Specimen(
        picture=drawn[:SHOWN],
        strip=strip,
        history=history,
        shares=metrics.class_shares(probabilities),
        diversity=_variety(drawn) / _variety(images[:MEASURED]),
        background=float(np.median(drawn[:, [0, 1, -2, -1]])),
        objective=gan.objective,
        warned=tuple(warned),
    )


def _variety(images) -> float:
    """Mean squared distance from the mean image."""
    return float(images.reshape(len(images), -1).astype(np.float32).var(axis=0).sum())


def is_healthy(specimen: Specimen) -> bool:
    """Whether a run shows none of the gallery's faults: by its accuracies, its classes, its diversity and its background."""
    return not what_is_wrong(specimen)


def what_is_wrong(specimen: Specimen) -> str:
    """The first sign of a fault in the numbers of a run, in a sentence; "" without one."""
    real, fake = specimen.late("d_real_accuracy"), specimen.late("d_fake_accuracy")
    if min(real, fake) > 0.95:
        return f"the discriminator still tells {min(real, fake):.0%} apart"
    if min(real, fake) < 0.5:
        return f"the accuracies are {real:.2f} and {fake:.2f}, and each should lie between 0.50 and 0.95"
    if specimen.background > 40:
        return f"the background has grey level {specimen.background:.0f}, and that of real images is 0"
    if specimen.classes_in_use < 4.5:
        return f"{specimen.classes_in_use:.1f} classes are in use, and 4.5 are wanted"
    if not 0.5 < specimen.diversity < 1.5:
        return f"the diversity is {specimen.diversity:.2f}, and it should lie between 0.5 and 1.5"
    return ""


# --- the nine, and six without a label ------------------------------------------------------------


@dataclass(frozen=True)
class Failure:
    """One of the gallery's nine: its settings, and what one sees. `shows` is the alt text of its picture."""

    settings: Settings
    shows: str


HEALTHY = Settings()
FAILURES = {
    "the discriminator has won": Failure(
        Settings(g_rate=2e-5), "Grey noise, nearly the same in every image; it hardly changes on the way."
    ),
    "collapse": Failure(Settings(g_rate=1e-3, d_rate=1e-4), "One bright, grainy patch, the same in every image."),
    "oscillation": Failure(
        Settings(g_rate=1e-3, d_rate=2e-4), "Grainy patches of two or three kinds; on the way one kind follows another."
    ),
    "pixels out of range": Failure(
        Settings(pixels=(0, 1)), "Shapes of clothes, but as in fog: the background is grey in place of black."
    ),
    "a sigmoid too many": Failure(
        Settings(sigmoid=True, d_rate=5e-3),
        "Grey noise, nearly the same in every image; it does not change at all on the way.",
    ),
    "batch norm's leak": Failure(
        Settings(norm="batch", batch_size=32), "Black and white noise, the same in every image."
    ),
    "label noise's floor": Failure(
        Settings(g_rate=2e-5, loss="non_saturating:0.0:0.3"), "Grey noise, nearly the same in every image."
    ),
    "too high a rate": Failure(
        Settings(g_rate=5e-2, d_rate=5e-2), "Black and white noise without any grey, nearly the same in every image."
    ),
    "a frozen player": Failure(
        Settings(frozen="discriminator"),
        "Fine noise over the whole frame, the same in every image and from the beginning.",
    ),
}
SIX = {
    "A": "label noise's floor",
    "B": "pixels out of range",
    "C": "collapse",
    "D": "a frozen player",
    "E": "a sigmoid too many",
    "F": "oscillation",
}


# --- charts ---------------------------------------------------------------------------------------


def chart(specimen: Specimen, beside: Specimen | None = None, shows: str = "") -> plots.Figure:
    """A run in five panels. Above: images at the end, one latent vector on the way; below: losses, accuracies, classes.

    Args:
        beside: the healthy run: its images stand on the left, its curves are pale, its classes are outlined; None without.
        shows: what the picture shows, put before the numbers in the alt text.
    """
    alt = f"{shows} In numbers: {described(specimen)}" + (
        "" if beside is None else " Beside it, pale, the healthy run."
    )
    pictures = [("at the end", specimen.picture, 4), ("one latent vector on the way", specimen.strip, 5)]
    if beside is not None:
        pictures.insert(0, ("healthy", beside.picture, 4))
    fig = plots.figure(alt, figsize=(9.6, 6.0))
    fig.coarse = True
    above, below = fig.subfigures(2, 1, height_ratios=(2.9, 3.1))
    widths = [1.0] * (len(pictures) - 1) + [1.25]
    for ax, (title, images, columns) in zip(above.subplots(1, len(pictures), width_ratios=widths), pictures):
        _draw_images(ax, title, images, columns)
    for ax, draw in zip(below.subplots(1, 3), (_draw_losses, _draw_accuracies, _draw_classes)):
        draw(ax, specimen, beside)
    return fig


def _draw_images(ax, title: str, images, columns: int) -> None:
    ax.imshow(grid(images, columns)[..., 0], cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    ax.set_title(title)
    ax.axis("off")


def show(name: str) -> plots.Figure:
    """The recorded run of a failure, beside the healthy one; or an unlabelled one, "A" to "F", by itself.

    Raises:
        ValueError: there is none of this name.
    """
    if name in SIX:
        return chart(unlabelled(name), shows=f"The unlabelled run {name}.")
    return chart(recorded(name), recorded("healthy"), FAILURES[name].shows if name in FAILURES else "")


def changes(name: str) -> str:
    """What differs in a failure's settings from the healthy run's, a line each: "d_rate: 0.002 → 0.0001"."""
    mine, healthy = asdict(FAILURES[name].settings), asdict(HEALTHY)
    return "\n".join(f"{key}: {healthy[key]} → {value}" for key, value in mine.items() if value != healthy[key])


def _draw_curves(ax, title: str, specimen: Specimen, beside: Specimen | None, names) -> None:
    for name in names:
        label, color = plots.PLAYERS[name]
        for run, style in ((beside, {"alpha": 0.3}), (specimen, {"label": label})):
            if run is not None:
                steps = STEPS_PER_ROW * np.arange(1, len(run.history) + 1)
                ax.plot(steps, [row[name] for row in run.history], color=color, lw=1.3, **style)
    ax.set(title=title, xlabel="step")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.26), frameon=False)


def _draw_losses(ax, specimen: Specimen, beside: Specimen | None) -> None:
    for name, at in specimen.objective.equilibrium.items():
        ax.axhline(at, color=plots.PLAYERS[name][1], ls=":", lw=1)
    ax.axhline(specimen.objective.floor, color=plots.REAL_COLOR, ls="--", lw=1)
    _draw_curves(ax, "losses", specimen, beside, ("d_loss", "g_loss"))
    ax.set_ylim(-0.04 * ax.get_ylim()[1], None)


def _draw_accuracies(ax, specimen: Specimen, beside: Specimen | None) -> None:
    ax.axhline(0.5, color="gray", ls=":", lw=1)
    _draw_curves(ax, "accuracies", specimen, beside, ("d_real_accuracy", "d_fake_accuracy"))
    ax.set_ylim(-0.03, 1.03)


def _draw_classes(ax, specimen: Specimen, beside: Specimen | None) -> None:
    ax.barh(range(10), specimen.shares, color=plots.THIRD_COLOR)
    if beside is not None:
        ax.barh(range(10), beside.shares, facecolor="none", edgecolor="gray", lw=0.7)
    ax.set_yticks(range(10), CLASS_NAMES)
    ax.invert_yaxis()
    ax.set_xlim(0, max(0.3, 1.05 * specimen.shares.max()))
    ax.set_xlabel("share of the images")
    ax.set_title(f"{specimen.classes_in_use:.1f} classes in use, diversity {specimen.diversity:.2f}")


def described(specimen: Specimen) -> str:
    """The numbers of a run, medians over its last third, in a sentence."""
    d_loss, g_loss, real, fake = map(specimen.late, NUMBERS)
    return (
        f"discriminator's loss {d_loss:.2f}, generator's {g_loss:.2f}; {real:.0%} of real images called real, {fake:.0%} of "
        f"generated ones called generated; {specimen.classes_in_use:.1f} classes in use, diversity {specimen.diversity:.2f}, "
        f"grey level of the background {specimen.background:.0f}."
    )


def wall() -> plots.Figure:
    """Of each recorded run nine images at the end, in ten small pictures: the healthy run and the nine failures."""
    names = ["healthy", *FAILURES]
    fig = plots.figure(
        "Ten grids of nine generated images. The healthy run's are grainy clothes. "
        + " ".join(f"{name}: {failure.shows}" for name, failure in FAILURES.items()),
        figsize=(9.6, 4.3),
    )
    fig.coarse = True
    for ax, name in zip(fig.subplots(2, 5).ravel(), names):
        _draw_images(ax, name, recorded(name).picture[:9], 3)
    return fig


# --- what is kept in the repository ---------------------------------------------------------------


def write(path, specimens: dict[str, Specimen]) -> None:
    """Specimens by name as one compressed `.npz`, without their objectives and warnings."""
    arrays = {}
    for name, specimen in specimens.items():
        rows = [[row.get(key, np.nan) for key in NUMBERS] for row in specimen.history]
        arrays |= {
            f"{name}/picture": specimen.picture,
            f"{name}/strip": specimen.strip,
            f"{name}/history": np.array(rows, np.float32),
            f"{name}/shares": specimen.shares.astype(np.float32),
            f"{name}/numbers": np.float32([specimen.diversity, specimen.background]),
        }
    np.savez_compressed(path, **arrays)


def _read(file: str, name: str, settings: Settings) -> Specimen:
    from gan_helpers.gan import objectives

    with np.load(folders.data() / "gallery" / file, allow_pickle=False) as kept:
        picture, strip, history, shares, (diversity, background) = (
            kept[f"{name}/{part}"] for part in ("picture", "strip", "history", "shares", "numbers")
        )
    rows = [dict(zip(NUMBERS, map(float, row))) for row in history]
    return Specimen(picture, strip, rows, shares, float(diversity), float(background), objectives.get(settings.loss))


def recorded(name: str) -> Specimen:
    """The recorded run "healthy", or that of one of `FAILURES`.

    Raises:
        ValueError: there is none of this name; the message lists them.
    """
    if name != "healthy" and name not in FAILURES:
        raise ValueError(f"there is no run {name!r}; there are healthy, {', '.join(FAILURES)}")
    return _read("nine.npz", name, HEALTHY if name == "healthy" else FAILURES[name].settings)


def unlabelled(letter: str) -> Specimen:
    """One of the six runs of the diagnosis, "A" to "F".

    Raises:
        ValueError: another letter.
    """
    return _read("six.npz", letter, settings_of(letter))


def settings_of(letter: str) -> Settings:
    """How an unlabelled run was trained. Look only after you have named it.

    Raises:
        ValueError: a letter other than A to F.
    """
    if letter not in SIX:
        raise ValueError(f"there is no run {letter!r}; there are {', '.join(SIX)}")
    return FAILURES[SIX[letter]].settings
