"""Data sets: Fashion-MNIST, images of one's own, and the batches that a GAN learns from."""

from gan_helpers.data.batches import pipeline
from gan_helpers.data.dataset import Dataset, known
from gan_helpers.data.fashion_mnist import (
    CLASS_NAMES,
    ORIGINS,
    SHA256,
    SIZES,
    check_files,
    load_fashion_mnist,
    origin_of,
    prepare,
    prepared_folder,
)

__all__ = [
    "CLASS_NAMES",
    "Dataset",
    "ORIGINS",
    "SHA256",
    "SIZES",
    "check_files",
    "known",
    "load_fashion_mnist",
    "origin_of",
    "pipeline",
    "prepare",
    "prepared_folder",
]
