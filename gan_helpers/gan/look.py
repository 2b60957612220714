"""What one training step has seen: the one argument of objectives and regularisers."""

from collections.abc import Callable
from dataclasses import dataclass, field

from gan_helpers.gan.draws import Draws


@dataclass(frozen=True)
class Look:
    """What one step has seen: all that an objective or a regulariser may use.

    Attributes:
        real_logits, fake_logits: of the discriminator, float32 (n, 1).
        real, fake: the examples that it saw, augmented, float32 (n, …): images in `pixel_range`, or points of a toy.
        critic: the discriminator as it trains: examples (n, …) → logits (n, 1), the classes already told.
        steady_critic: the same with one set of dropout masks for all its calls, so that two of them can be compared; None
            for a discriminator that draws no random numbers, whose calls can be compared as they are.
        pixel_range: of the images; None for points.
        draws: the step's random numbers.
    """

    real_logits: object
    fake_logits: object
    real: object = None
    fake: object = None
    critic: Callable | None = None
    steady_critic: Callable | None = None
    pixel_range: tuple | None = None
    draws: Draws = field(default_factory=Draws)
