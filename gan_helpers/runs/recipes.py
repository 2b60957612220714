"""Named systems: everything that training one needs, as data."""

import ast
import dataclasses
import difflib
import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field

import keras

from gan_helpers import images, networks
from gan_helpers.gan import augmentation, objectives, regularisers, terms
from gan_helpers.gan.augmentation import Shift
from gan_helpers.gan.gan import GAN, refuse_former_keywords, terms_of_former
from gan_helpers.gan.objectives import NonSaturating
from gan_helpers.gan.regularisers import Smoothness
from gan_helpers.gan.schedules import From, Until
from gan_helpers.gan.seeding import seeded


@dataclass(frozen=True)
class Recipe:
    """One GAN, ready to be trained. Both players have Adam.

    Attributes:
        name: how it is called for.
        generator, discriminator: builders of the networks, from `networks`.
        g_learning_rate, d_learning_rate: of Adam.
        source: where the system comes from, and what was chosen here where the source is silent.
        beta_1, beta_2: of Adam.
        decay_steps: after so many steps both rates have fallen to a half, after twice as many to a third, and so on
            (`keras.optimizers.schedules.InverseTimeDecay`, so a run needs not know when it ends); None keeps them.
        loss: the objective, as in `GAN`.
        latent_dim: length of a latent vector.
        pixel_range: of the images that both networks work on; None is what the generator's last activation implies, (-1, 1)
            for a tanh and (0, 1) for a sigmoid.
        batch_size: real images per step of the discriminator.
        epochs: passes over the 60,000 training images when nothing else is said.
        ema_decay: of the averaged generator; 0 for a system without one.
        regularisers, augment, d_steps: as in `GAN`.
        image_shape: (h, w, c) of the images that these settings are for. Builders that take `image_shape` are told it.
        classes: how many a conditional GAN knows. Builders that take `classes` are told them.

    Raises:
        ValueError: an unknown term, or a keyword of before there were terms; the message names the new form.
    """

    name: str
    generator: Callable[[int], keras.Model]
    discriminator: Callable[[], keras.Model]
    g_learning_rate: float
    d_learning_rate: float
    source: str
    beta_1: float = 0.5
    beta_2: float = 0.999
    decay_steps: int | None = None
    loss: Callable = field(default_factory=NonSaturating)
    latent_dim: int = 64
    pixel_range: tuple[float, float] | None = None
    batch_size: int = 64
    epochs: int = 20
    ema_decay: float = 0.999
    regularisers: tuple = ()
    augment: tuple = ()
    d_steps: int = 1
    image_shape: tuple[int, int, int] = networks.IMAGE_SHAPE
    classes: int = networks.CLASSES

    def __new__(cls, *_, **keywords):
        refuse_former_keywords(keywords)
        return super().__new__(cls)

    def __post_init__(self):
        for name, kind in (("regularisers", regularisers), ("augment", augmentation)):
            object.__setattr__(self, name, kind.get_all(getattr(self, name)))
        object.__setattr__(self, "loss", objectives.get(self.loss))
        object.__setattr__(self, "image_shape", networks.check_image_shape(self.image_shape))

    @property
    def made_to_measure(self) -> bool:
        """Whether both networks are built for `image_shape`; otherwise they make images of one shape alone."""
        return all(_is_asked_for(builder, "image_shape") for builder in (self.generator, self.discriminator))

    def players(self) -> tuple[keras.Model, keras.Model]:
        """A fresh generator and a fresh discriminator, for `image_shape` and `classes` where their builders take these.

        Raises:
            ValueError: the builders cannot make them.
        """
        return self._built("generator", self.latent_dim), self._built("discriminator")

    def _built(self, player: str, *arguments) -> keras.Model:
        builder = getattr(self, player)
        about = {"image_shape": self.image_shape, "classes": self.classes}
        return builder(*arguments, **{key: value for key, value in about.items() if _is_asked_for(builder, key)})

    def for_images(self, image_shape, classes: int | None = None) -> "Recipe":
        """The recipe for images of another shape and another number of classes.

        Its regularisers and augmentations are brought from its `image_shape` to the new one (`terms.resized`). Where both builders
        take no `image_shape`, and make this one nevertheless, everything stays as it is.

        Args:
            image_shape: (h, w, c).
            classes: how many; None keeps them, and so does a recipe whose networks are not told them.

        Raises:
            ValueError: no such shape, or the recipe's networks make another one; the message names recipes that can.
        """
        image_shape = networks.check_image_shape(image_shape)
        same = {"image_shape": image_shape}
        if classes is not None and _is_asked_for(self.generator, "classes"):
            same["classes"] = classes
        if not self.made_to_measure:
            made = tuple(self._built("generator", self.latent_dim).output_shape[1:])
            if made != image_shape:
                able = [name for name, recipe in RECIPES.items() if recipe.made_to_measure]
                raise ValueError(
                    f"{self.name} makes images of shape {made}, and these have {image_shape}: resize them, or take one of the recipes "
                    f"whose networks are made to measure: {', '.join(able)}"
                )
            return dataclasses.replace(self, **same)
        if image_shape != self.image_shape:
            for name in ("regularisers", "augment"):
                same[name] = tuple(terms.resized(term, self.image_shape, image_shape) for term in getattr(self, name))
        return dataclasses.replace(self, **same)

    def build(self, seed: int = 0, precision: str = "float32") -> GAN:
        """A fresh compiled GAN.

        Args:
            seed: fixes its first weights, its latents, its dropout and its label noise.
            precision: as in `GAN.compile`.

        Raises:
            ValueError: a seed out of range, or networks that `GAN` refuses.
        """
        if not (isinstance(seed, int) and 0 <= seed < 2**32):
            raise ValueError(f"seed is {seed!r}; it must be an integer in 0…{2**32 - 1}")
        with seeded(seed):
            gan = GAN(
                *self.players(),
                loss=self.loss,
                pixel_range=self.pixel_range,
                ema_decay=self.ema_decay,
                regularisers=self.regularisers,
                augment=self.augment,
                d_steps=self.d_steps,
                seed=seed,
            )
            gan.compile(self._adam(self.g_learning_rate), self._adam(self.d_learning_rate), precision=precision)
        return gan

    def terms(self) -> dict:
        """Objective, regularisers and augmentations as plain data, as a run's `config.json` keeps them.

        Raises:
            ValueError: a term that cannot be saved; the message says what to add.
        """
        return {
            "loss": objectives.as_data(self.loss),
            "regularisers": list(map(regularisers.as_data, self.regularisers)),
            "augment": list(map(augmentation.as_data, self.augment)),
        }

    def terms_as_text(self) -> str:
        """Objective, regularisers and augmentations as `--set` takes them."""
        said = [objectives.as_text(self.loss)]
        for name, kind in (("regularisers", regularisers), ("augment", augmentation)):
            said += [f"{name}={'+'.join(map(kind.as_text, found))}"] if (found := getattr(self, name)) else []
        said += [f"d_steps={self.d_steps}"] if self.d_steps > 1 else []
        return "; ".join(said)

    def _adam(self, rate: float) -> keras.optimizers.Adam:
        if self.decay_steps is not None:
            rate = keras.optimizers.schedules.InverseTimeDecay(rate, self.decay_steps, decay_rate=1.0)
        return keras.optimizers.Adam(rate, beta_1=self.beta_1, beta_2=self.beta_2)

    def facts(self) -> dict:
        """What the recipe is, as plain values for a table or JSON: its fields, the parameters of both networks, and the
        sizes of images, in pixels, that it was tried with.
        """
        facts = {key: getattr(self, key) for key in (f.name for f in dataclasses.fields(self))}
        generator, discriminator = self.players()
        facts["generator_parameters"] = generator.count_params()
        facts["discriminator_parameters"] = discriminator.count_params()
        facts |= self.terms()
        facts["pixel_range"] = list(self.pixel_range or images.pixel_range_of(generator))
        facts["sizes"] = list(networks.SIZES) if self.made_to_measure else [generator.output_shape[1]]
        return {**facts, **{player: name_of(getattr(self, player)) for player in ("generator", "discriminator")}}


def _is_asked_for(builder: Callable, keyword: str) -> bool:
    """Whether a builder of networks takes a keyword that it was not given already."""
    given = builder.keywords if isinstance(builder, functools.partial) else ()
    return keyword in inspect.signature(builder).parameters and keyword not in given


def name_of(builder: Callable) -> str:
    """What a builder of networks is called; of a `functools.partial` with its arguments, since they make another network."""
    if isinstance(builder, functools.partial):
        given = [*map(repr, builder.args), *(f"{key}={value!r}" for key, value in sorted(builder.keywords.items()))]
        return f"{name_of(builder.func)}({', '.join(given)})"
    return getattr(builder, "__name__", type(builder).__name__)


_FAST_ON_CPUS = dict(
    g_learning_rate=8e-4,
    d_learning_rate=8e-4,
    beta_1=0.0,
    beta_2=0.99,
    decay_steps=5_000,
    batch_size=32,
    ema_decay=0.9998,
    regularisers=(Smoothness(0.05),),
)

RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="course_mlp",
            generator=networks.mlp_generator,
            discriminator=networks.mlp_discriminator,
            **_FAST_ON_CPUS | dict(g_learning_rate=4e-4, d_learning_rate=4e-4, decay_steps=10_000, batch_size=64),
            source="The course's MLP GAN, after Goodfellow et al. 2014, section 5. Sizes: chosen here. Penalty, average and Adam as in "
            "`course_dcgan`; twice the batch, half the first rate, which falls half as fast (benchmarks/results/trials.md).",
        ),
        Recipe(
            name="course_dcgan",
            generator=networks.subpixel_generator,
            discriminator=networks.deeper_discriminator,
            **_FAST_ON_CPUS,
            augment=(From(13_000, Shift(1)),),
            source="The course's DCGAN, after Radford et al. 2016: the discriminator of notebook 03 with one convolution more, and a deeper generator that "
            "keeps off the 28×28 level (Shi et al. 2016) and tells every block the latent vector (Chen et al. 2019), without batch "
            "norm behind its first map (Karras et al. 2018). Batches of 32, rates that begin at 8e-4 and fall, β₁ 0, β₂ 0.99, an "
            "average over a ninth of the steps so far, at most some 5,000: chosen here for CPUs (benchmarks/results/trials.md). From step 13,000 on the "
            "discriminator sees images moved by up to one pixel, so that it does not learn them by heart (Zhao et al. 2020).",
        ),
        Recipe(
            name="course_conditional",
            generator=networks.conditional_subpixel_generator,
            discriminator=networks.deeper_conditional_discriminator,
            **_FAST_ON_CPUS | dict(decay_steps=3_000, regularisers=(Until(26_250, Smoothness(0.05)),)),
            augment=(From(26_250, Shift(1)),),
            source="`course_dcgan` that is told the class (Mirza, Osindero 2014), with a projection discriminator (Miyato, Koyama "
            "2018). Batch and first rates as there; they fall sooner, and images are moved later. From then on the discriminator "
            "no longer pays for steepness.",
        ),
        Recipe(
            name="dense_critic",
            generator=networks.dense_critic_generator,
            discriminator=networks.dense_critic_discriminator,
            g_learning_rate=1e-4,
            d_learning_rate=1e-4,
            beta_1=0.9,
            latent_dim=100,
            batch_size=128,
            epochs=50,
            ema_decay=0,
            source="A public Keras system: a convolutional generator against a dense discriminator. Chosen here: seed 7×7×64, "
            "4×4 kernels with strides 1, 2, 2, a last 3×3 convolution, slope 0.2, dropout 0.3, Keras' β₁ 0.9.",
        ),
        Recipe(
            name="bw_fashion",
            generator=networks.bw_fashion_generator,
            discriminator=networks.bw_fashion_discriminator,
            g_learning_rate=2e-4,
            d_learning_rate=2e-4,
            latent_dim=128,
            batch_size=128,
            epochs=50,
            ema_decay=0,
            source="A public Keras system with pixels in [0, 1]. Chosen here: 128 and 64 filters on both sides, 4×4 kernels, "
            "slope 0.2, Adam 2e-4 with β₁ 0.5 (Radford et al. 2016), 50 epochs.",
        ),
        Recipe(
            name="tutorial_dcgan",
            generator=networks.tutorial_dcgan_generator,
            discriminator=networks.tutorial_dcgan_discriminator,
            g_learning_rate=1e-4,
            d_learning_rate=1e-4,
            beta_1=0.9,
            latent_dim=100,
            batch_size=128,
            epochs=50,
            ema_decay=0,
            source="TensorFlow's tutorial 'Deep Convolutional Generative Adversarial Network', its networks, rates and epochs; "
            "slope 0.3 is Keras' default there. Chosen here: batches of 128 in place of 256.",
        ),
        Recipe(
            name="upsampling_dcgan",
            generator=networks.upsampling_dcgan_generator,
            discriminator=networks.upsampling_dcgan_discriminator,
            g_learning_rate=1e-4,
            d_learning_rate=1e-5,
            beta_1=0.9,
            loss=NonSaturating(label_noise=0.15, real_label=0, average=True),
            latent_dim=128,
            batch_size=128,
            epochs=20,
            ema_decay=0,
            source="Nicholas Renotte's tutorial 'FashionGAN' (GANBasics): real images are labelled 0 and generated ones 1, and one "
            "mean goes over both. Chosen here: both players learn from the same generated images, and dropout stays on for both.",
        ),
        Recipe(
            name="mlp_gan",
            generator=networks.mlp_generator,
            discriminator=networks.mlp_discriminator,
            g_learning_rate=2e-4,
            d_learning_rate=2e-4,
            latent_dim=100,
            batch_size=128,
            epochs=50,
            ema_decay=0,
            source="The widespread MLP GAN of Keras examples. Chosen here: 100 latent dimensions, slope 0.2 in both networks, 50 epochs.",
        ),
    )
}


def get(recipe: str | Recipe) -> Recipe:
    """A recipe by name, or the recipe itself.

    Raises:
        ValueError: no recipe of that name; the message names the closest, or lists them all.
    """
    if isinstance(recipe, Recipe):
        return recipe
    if recipe not in RECIPES:
        names = difflib.get_close_matches(str(recipe), RECIPES)
        known = ", ".join(map(repr, names or RECIPES))
        raise ValueError(f"recipe is {recipe!r}; {f'did you mean {known}?' if names else f'it must be one of {known}'}")
    return RECIPES[recipe]


TERMS = {"loss": objectives, "regularisers": regularisers, "augment": augmentation}
_DEFAULTS = {
    f.name: list(f.default) if isinstance(f.default, tuple) else f.default
    for f in dataclasses.fields(Recipe)
    if f.default is not dataclasses.MISSING and f.name not in ("pixel_range", "batch_size", "epochs")
}


def settings_of_today(settings: dict) -> dict:
    """A run's settings, of `config.json`, as they are called today; one that they do not name had what is the default."""
    found = dict(settings)
    if isinstance(loss := found.get("loss"), str):  # as the first version kept it: NonSaturating(label_noise=0.1, …)
        name, _, fields = loss.rstrip(")").partition("(")
        if name == "NonSaturating":
            pairs = (pair.split("=") for pair in fields.split(", ") if pair)
            found["loss"] = objectives.as_data(NonSaturating(**{key: ast.literal_eval(value) for key, value in pairs}))
    for name, former in terms_of_former(found).items():
        found[name] = list(map(TERMS[name].as_data, former))
    return {**_DEFAULTS, **found}


def as_text(name: str, value) -> str:
    """A setting of a run as a text to be read: terms as `changed` takes them, everything else as Python does."""
    if name not in TERMS:
        return repr(value)
    return (
        "+".join(TERMS[name].as_text(TERMS[name].get(term)) for term in ([value] if name == "loss" else value))
        or "none"
    )


def changes(name: str, settings: dict) -> list[str]:
    """What `changed` has to be told to make the recipe of this name one with these settings, as `config.json` keeps them."""
    if name not in RECIPES:
        return []
    recipe = RECIPES[name].for_images(settings["image_shape"], settings["classes"])
    usual = {field: getattr(recipe, field) for field in TO_SET} | recipe.terms()
    differing = (field for field in TO_SET if settings[field] != usual[field])
    return [f"{field}={as_text(field, settings[field]).strip(chr(39))}" for field in differing]


TO_SET = (
    *("loss", "regularisers", "augment", "d_steps", "latent_dim", "ema_decay"),
    *("g_learning_rate", "d_learning_rate", "beta_1", "beta_2", "decay_steps"),
)  # what `changed` takes: batch size, epochs and seed are a run's, not a recipe's
RATES = ("g_learning_rate", "d_learning_rate")
BOTH_RATES = "learning_rate"  # which it takes too, for both players at once


def number_of(name: str, text: str) -> int | float | None:
    """The value of a setting that is a number, from its text; None for the `none` of `decay_steps`.

    Raises:
        ValueError: no number, or one with a fraction where it has to be whole.
    """
    if name == "decay_steps" and text.strip().lower() == "none":
        return None
    whole = name in ("d_steps", "latent_dim", "decay_steps", "batch_size")
    try:
        return int(text) if whole else float(text)
    except ValueError:
        raise ValueError(f"'{name}={text}': {name} is a {'whole number' if whole else 'number'}") from None


def changed(recipe: Recipe, texts) -> Recipe:
    """A recipe with other settings, from texts like "loss=hinge" or "regularisers=r1:1.0+smoothness:0.05".

    In a text + joins terms; `none` is no term, or no `decay_steps`.

    Raises:
        ValueError: an unknown setting or term (the message names the closest), or a value that is none.
    """
    found = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if name not in (*TO_SET, BOTH_RATES):
            close = difflib.get_close_matches(name, TO_SET) or TO_SET
            raise ValueError(f"{name!r} is no setting of a recipe; there is {', '.join(close)}")
        if not equals or "," in value:
            raise ValueError(
                f"{text!r}: write {name}=VALUE, one value; alternatives, with commas between, are for a sweep"
            )
        names = RATES if name == BOTH_RATES else (name,)
        if twice := [each for each in names if each in found]:
            raise ValueError(f"{twice[0]} is set twice")
        if name in TERMS:
            found[name] = "" if value == "none" else value
        else:
            found |= dict.fromkeys(names, number_of(name, value))
    return dataclasses.replace(recipe, **found)
