"""Judges: a small classifier for each data set, whose features and probabilities the metrics are made of."""

from dataclasses import dataclass

from gan_helpers import classifier
from gan_helpers.data import CLASS_NAMES


@dataclass(frozen=True, eq=False)
class Judge:
    """A classifier of the classes of one data set.

    Attributes:
        model: Keras: pixels 0…255 (n, h, w, c) → logits (n, classes); its layer "features" is float32 (n, 64).
        sha256: of its weights: distances by judges that differ in it cannot be compared.
        class_names: in the order of its logits.
        accuracy: on real images that it has not seen, in [0, 1].
    """

    model: object
    sha256: str
    class_names: tuple[str, ...]
    accuracy: float

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return tuple(self.model.input_shape[1:])

    def features_and_probabilities(self, images):
        """Of images uint8 (n, h, w, c): features float32 (n, 64), class probabilities float32 (n, classes)."""
        return classifier.features_and_probabilities(images, self.model)


def judge_for(dataset, verbose: int = 1) -> Judge:
    """The judge of a data set: the shipped one of clothes, one that was trained before, or one trained now."""
    if (judge := known(dataset.origin)) is None:
        raise NotImplementedError
    return judge


def known(trained_on: str | None) -> Judge | None:
    """The judge of the data set that a GAN learned from, without training one: shipped, or trained before; else None."""
    if trained_on != "fashion_mnist":
        return None
    facts = classifier.facts()
    return Judge(classifier.load(), facts["sha256"], CLASS_NAMES, facts["test_accuracy"])
