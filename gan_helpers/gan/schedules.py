"""Schedules: from which step on, until which step, or how often a regulariser or an augmentation counts.

    regularisers=[Until(26_250, Smoothness(0.05)), Every(16, ZeroCentred(10.0))], augment=From(13_000, Shift(1))

What does not count at a step is not computed there.
"""

from dataclasses import dataclass, replace

import tensorflow as tf

from gan_helpers.gan import augmentation, regularisers, terms
from gan_helpers.gan.look import Look


@dataclass(frozen=True)
class _Schedule:
    """What all schedules do; `counts(step)` is where they differ."""

    def __post_init__(self):
        number, (name, least) = next(iter(vars(self).values())), self._number
        if isinstance(number, bool) or not isinstance(number, int) or number < least:
            raise ValueError(
                f"{type(self).__name__}: {name} is {number!r}; it must be a whole number of steps, at least {least}"
            )
        if not callable(self.term):
            raise ValueError(
                f"{type(self).__name__}({number}, …) needs a regulariser or an augmentation to schedule; got {self.term!r}"
            )

    weight = 1

    def resized(self, before, after) -> "_Schedule":
        """The same schedule of the term for images (h, w, c) of another shape."""
        return replace(self, term=terms.resized(self.term, before, after))

    def __call__(self, seen, *others):
        """A regulariser's value, 0 where it does not count; or images, as they are where the augmentation does not count."""
        if isinstance(seen, Look):
            step, off = seen.draws.step, lambda: 0.0
            on = lambda: self.weight * self.term(seen) if self.weight != 1 else self.term(seen)  # noqa: E731
        else:
            step, on, off = others[0].step, lambda: self.term(seen, *others), lambda: seen
        return tf.cond(self.counts(tf.cast(step, tf.int64)), on, off)


@dataclass(frozen=True)
class From(_Schedule):
    """The term counts from step `step` on, and not before.

    Raises:
        ValueError: a step that is no whole number, at least 0; nothing to schedule.
    """

    step: int
    term: object
    _number = ("step", 0)

    def counts(self, step):
        return step >= self.step


@dataclass(frozen=True)
class Until(_Schedule):
    """The term counts for the first `step` steps, and not after them.

    Raises:
        ValueError: as in `From`.
    """

    step: int
    term: object
    _number = ("step", 0)

    def counts(self, step):
        return step < self.step


@dataclass(frozen=True)
class Every(_Schedule):
    """A regulariser at each k-th step, k times as strong: on average as before, at a fraction of the work.

    Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020, section 3.1 (lazy regularization).

    Raises:
        ValueError: a k that is no whole number, at least 1; nothing to schedule.
    """

    k: int
    term: object
    _number = ("k", 1)

    @property
    def weight(self):
        return self.k

    def counts(self, step):
        return step % self.k == 0


for _name, _schedule in (("from", From), ("until", Until), ("every", Every)):
    regularisers.REGULARISERS.known[_name] = _schedule
    if _schedule is not Every:
        augmentation.AUGMENTATIONS.known[_name] = _schedule
