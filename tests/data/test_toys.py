"""Toys: mixtures whose modes are counted, and parallel lines."""

import math

import numpy as np
import pytest

import gan_helpers as gh
from gan_helpers.data import toys


@pytest.mark.parametrize(
    ("mixture", "modes", "furthest"),
    [(toys.ring(), 8, 2.0), (toys.grid(), 25, 4 * math.sqrt(2)), (toys.ring(3, 1), 3, 1)],
)
def test_a_mixture_has_its_modes_and_samples_of_the_spread_it_says(mixture, modes, furthest):
    centres = np.array(mixture.centres)
    assert len(mixture) == modes == len(np.unique(centres.round(6), axis=0))
    assert np.linalg.norm(centres, axis=1).max() == pytest.approx(furthest) and np.allclose(centres.mean(axis=0), 0)
    points = mixture.sample(20_000, seed=3)
    assert points.dtype == np.float32 and points.shape == (20_000, 2)
    assert np.array_equal(points, mixture.sample(20_000, seed=3)) and not np.array_equal(points, mixture.sample(20_000))
    nearest = np.linalg.norm(points[:, None] - centres, axis=-1).argmin(axis=1)
    assert np.bincount(nearest).min() > 0.85 * 20_000 / modes, "all modes are as frequent"
    assert (points - centres[nearest]).std(axis=0) == pytest.approx([mixture.spread] * 2, rel=0.03)
    assert toys.good_share(points, mixture) == pytest.approx(1 - math.exp(-4.5), abs=0.004)
    assert toys.modes_covered(points, mixture) == modes


def test_a_mixture_is_a_value():
    assert toys.ring() == gh.toys.ring() and len({toys.ring(), toys.ring(), toys.grid()}) == 2
    line = toys.Mixture([[0.0], [5.0]], 1.0)
    assert line.centres == ((0.0,), (5.0,)) and line.sample(3).shape == (3, 1)


def test_good_points_and_their_modes_are_counted():
    ring = toys.ring(modes=4, radius=1, spread=0.1)
    (right, up, left, down) = np.array(ring.centres)
    edge = np.array([0.3 / math.sqrt(2)] * 2)  # three spreads away, aslant
    points = np.array([right, right + 0.999 * edge, right + 1.001 * edge, up, up, 0 * left])
    assert toys.good_share(points, ring) == pytest.approx(4 / 6)
    assert [toys.modes_covered(points, ring, k) for k in (1, 2, 3)] == [2, 2, 0]
    assert toys.modes_covered([[9.0, 9.0]], ring) == 0 == toys.good_share([[9.0, 9.0]], ring)
    wide = toys.ring(modes=4, radius=1, spread=1.0)  # where the discs overlap, the nearest centre has the point
    assert toys.modes_covered(points[:2], wide) == 1


def test_parallel_lines_and_their_distances():
    at_0, at_2 = toys.parallel_lines(500, 0, seed=1), toys.parallel_lines(500, -2.0, seed=2)
    assert at_2.dtype == np.float32 and np.all(at_2[:, 0] == -2)
    for line in (at_0, at_2):
        assert line.shape == (500, 2) and 0 <= line[:, 1].min() < 0.05 and 0.95 < line[:, 1].max() <= 1
    assert toys.wasserstein_1d(at_0[:, 0], at_2[:, 0]) == 2 == toys.distances_of_lines(-2)["wasserstein"]
    assert toys.wasserstein_1d(at_0[:, 1], at_2[:, 1]) < 0.1
    assert toys.distances_of_lines(1e-9)["jensen_shannon"] == math.log(2)
    assert set(toys.distances_of_lines(0).values()) == {0.0}


def test_wasserstein_in_one_dimension_by_hand():
    assert toys.wasserstein_1d([3, 0, 1], [5, 6, 8]) == pytest.approx(5)
    assert toys.wasserstein_1d([0, 1], [0, 0.5, 1]) == pytest.approx(1 / 6), (
        "a third and a sixth stay, a sixth moves by ½"
    )
    a, b = np.random.default_rng(0).normal(size=(2, 30))
    assert toys.wasserstein_1d(np.repeat(a, 2), b) == pytest.approx(toys.wasserstein_1d(a, b)), "both ways agree"
    assert toys.wasserstein_1d(a, a[:1]) == toys.wasserstein_1d(a[:1], a) == pytest.approx(np.abs(a - a[0]).mean())


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: toys.ring(0), "modes is 0"),
        (lambda: toys.ring(radius=0), "radius 0"),
        (lambda: toys.grid(spread=0), "spread is 0"),
        (lambda: toys.grid(spacing=-1), "spacing -1"),
        (lambda: toys.Mixture([0.0, 1.0], 1.0), r"centres has shape \(2,\)"),
        (lambda: toys.ring().sample(0), "n is 0"),
        (lambda: toys.good_share(np.zeros((4, 3)), toys.ring()), r"\(n, 2\).*got \(4, 3\)"),
        (lambda: toys.good_share(np.zeros((0, 2)), toys.ring()), r"got \(0, 2\)"),
        (lambda: toys.modes_covered([[0.0, np.nan]], toys.ring()), "NaN"),
        (lambda: toys.modes_covered([[0.0, 0.0]], toys.ring(), 0), "at_least is 0"),
        (lambda: toys.parallel_lines(0, 1), "n is 0"),
        (lambda: toys.wasserstein_1d([], [1]), r"shape \(0,\)"),
        (lambda: toys.wasserstein_1d([1], [np.inf]), "finite"),
    ],
)
def test_bad_values_are_named(call, said):
    with pytest.raises(ValueError, match=said):
        call()
