"""Named systems: everything that training one needs, as data."""

from collections.abc import Callable
from dataclasses import dataclass, field

import keras

from gan_helpers import losses, networks
from gan_helpers.gan import GAN


@dataclass(frozen=True)
class Recipe:
    """One GAN, ready to be trained.

    Attributes:
        name: how it is called for.
        generator, discriminator: builders of the networks, from `networks`.
        g_learning_rate, d_learning_rate: of Adam.
        beta_1, beta_2: of Adam.
        loss: the objective.
        latent_dim: length of a latent vector.
        batch_size: images a step.
        epochs: passes over the 60,000 training images when nothing else is said.
        ema_decay: of the averaged generator.
        source: where the system comes from, and what was chosen here.
    """

    name: str
    generator: Callable[[int], keras.Model]
    discriminator: Callable[[], keras.Model]
    g_learning_rate: float
    d_learning_rate: float
    source: str
    beta_1: float = 0.5
    beta_2: float = 0.999
    loss: Callable = field(default_factory=losses.NonSaturating)
    latent_dim: int = 64
    batch_size: int = 64
    epochs: int = 20
    ema_decay: float = 0.999

    def build(self, seed: int = 0) -> GAN:
        """A fresh compiled GAN; the seed fixes its first weights, its latents and its label noise."""
        keras.utils.set_random_seed(seed)
        gan = GAN(
            self.generator(self.latent_dim), self.discriminator(), loss=self.loss, ema_decay=self.ema_decay, seed=seed
        )
        gan.compile(
            g_optimizer=keras.optimizers.Adam(self.g_learning_rate, beta_1=self.beta_1, beta_2=self.beta_2),
            d_optimizer=keras.optimizers.Adam(self.d_learning_rate, beta_1=self.beta_1, beta_2=self.beta_2),
        )
        return gan


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="course_mlp",
            generator=networks.mlp_generator,
            discriminator=networks.mlp_discriminator,
            g_learning_rate=2e-4,
            d_learning_rate=2e-4,
            source="The course's MLP GAN, after Goodfellow et al. 2014, section 5. Sizes and rates: chosen here.",
        ),
        Recipe(
            name="course_dcgan",
            generator=networks.dcgan_generator,
            discriminator=networks.dcgan_discriminator,
            g_learning_rate=4e-4,
            d_learning_rate=4e-4,
            beta_2=0.99,
            source="The course's DCGAN, after Radford et al. 2016. Smaller networks, batches of 64 and twice their learning rate, "
            "β₂ 0.99: chosen here for CPUs.",
        ),
    )
}


def get(recipe: str | Recipe) -> Recipe:
    """A recipe by name, or the recipe itself.

    Raises:
        ValueError: no recipe of that name; the message lists them.
    """
    if isinstance(recipe, Recipe):
        return recipe
    if recipe not in RECIPES:
        raise ValueError(f"recipe is {recipe!r}; it must be one of {', '.join(map(repr, RECIPES))}")
    return RECIPES[recipe]
