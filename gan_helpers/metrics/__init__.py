"""Measuring quality: distances, judges, neighbours, memorisation, and `evaluate`, which puts them together."""

from gan_helpers.metrics.distances import (
    BLOCK,
    FEWEST,
    NEIGHBOURS,
    class_shares,
    classifier_score,
    entropy,
    frechet_distance,
    kernel_distance,
    neighbourhoods,
    warn_of_few,
)
from gan_helpers.metrics.evaluation import (
    Evaluation,
    N,
    Value,
    clothes,
    evaluate,
    frechet_classifier_distance,
    gan_test_accuracy,
    gan_train_accuracy,
    real_features,
    side_by_side,
)
from gan_helpers.metrics.judges import Judge, judge_for
from gan_helpers.metrics.training_copies import Memorisation, memorisation

__all__ = [
    "BLOCK",
    "Evaluation",
    "FEWEST",
    "Judge",
    "Memorisation",
    "N",
    "NEIGHBOURS",
    "Value",
    "class_shares",
    "classifier_score",
    "clothes",
    "entropy",
    "evaluate",
    "frechet_classifier_distance",
    "frechet_distance",
    "gan_test_accuracy",
    "gan_train_accuracy",
    "judge_for",
    "kernel_distance",
    "memorisation",
    "neighbourhoods",
    "real_features",
    "side_by_side",
    "warn_of_few",
]
