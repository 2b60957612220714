"""Lesson 03 builds the DCGAN of the package: what learners read is what runs."""

from pathlib import Path

import keras
import nbformat
import numpy as np
import pytest
import tensorflow as tf

import gan_helpers as gh

LESSON = Path(__file__).resolve().parents[2] / "notebooks" / "03_dcgan.ipynb"


@pytest.fixture
def built():
    """The names that the lesson's cells for blocks and networks leave."""
    cells = {cell.id: cell.source for cell in nbformat.read(LESSON, as_version=4).cells}
    names = {"keras": keras, "layers": keras.layers}
    for part in ("blocks", "generator", "discriminator"):
        exec(cells[part], names)
    return names


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_the_networks_of_the_lesson_are_those_of_the_package(built, player):
    package = getattr(gh.networks, f"dcgan_{player}")()
    built[player].set_weights(package.get_weights())
    assert [type(layer) for layer in built[player].layers] == [type(layer) for layer in package.layers]
    x = np.random.default_rng(0).standard_normal((4, *package.input_shape[1:])).astype(np.float32)
    tf.debugging.assert_near(built[player](x, training=True), package(x, training=True))


def test_the_lesson_starts_from_the_weights_of_the_paper(built):
    for player in ("generator", "discriminator"):
        for layer in built[player].layers:
            if hasattr(layer, "kernel"):
                first = layer.kernel.numpy()
                assert abs(first.mean()) < 0.005 and 0.015 < first.std() < 0.025
