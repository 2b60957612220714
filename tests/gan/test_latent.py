"""The latent space."""

import numpy as np
import pytest

from gan_helpers.gan import latent


def test_samples_are_standard_normal_and_a_function_of_the_seed():
    draws = np.asarray(latent.sample(20_000, 8, seed=1))
    assert abs(draws.mean()) < 0.01 and abs(draws.std() - 1) < 0.01
    assert np.array_equal(draws, latent.sample(20_000, 8, seed=1))
    assert not np.array_equal(draws, latent.sample(20_000, 8, seed=2))
    assert not np.array_equal(latent.sample(4, 8, seed=(1, 0)), latent.sample(4, 8, seed=(1, 1)))


def test_slerp_stays_on_the_sphere_where_lerp_leaves_it():
    a, b = np.asarray(latent.sample(2, 64, seed=0))
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    arc, line = latent.slerp(a, b, 11), latent.lerp(a, b, 11)
    assert np.allclose(np.linalg.norm(arc, axis=1), 1, atol=1e-5)
    assert np.linalg.norm(line[5]) < 0.9
    assert np.allclose(arc[[0, -1]], [a, b], atol=1e-5)
    steps = np.arccos(np.clip((arc[1:] * arc[:-1]).sum(axis=1), -1, 1))
    assert np.ptp(steps) < 1e-3  # even angles


def test_slerp_between_opposite_vectors_is_refused_and_between_equal_ones_is_constant():
    a = np.array([1.0, 0.0])
    with pytest.raises(ValueError, match="opposite"):
        latent.slerp(a, -a, 5)
    assert np.allclose(latent.slerp(a, a, 5), a)


@pytest.mark.parametrize(
    ("latents", "said"),
    [
        (np.zeros((2, 63)), r"\(n, 64\).*got shape \(2, 63\)"),
        (np.zeros(64), r"got shape \(64,\)"),
        ("abc", "got str"),
        (np.full((1, 64), np.nan), "NaN"),
    ],
)
def test_wrong_latents_are_refused(latents, said):
    with pytest.raises(ValueError, match=said):
        latent.check_latents(latents, 64)


def test_latents_with_a_trailing_axis_are_accepted():
    assert latent.check_latents(np.zeros((2, 64, 1)), 64).shape == (2, 64)


def test_principal_directions_find_the_planted_one():
    planted = np.zeros(16, np.float32)
    planted[5] = 1

    def activations_of(latents):
        return np.outer(10 * latents @ planted, np.ones(7)) + 0.1 * latents[:, :7]

    directions, explained = latent.principal_directions(activations_of, 16, count=2)
    assert directions[0] @ planted > 0.99 and explained[0] > 0.95


def test_truncation_scales_and_checks_its_strength():
    assert np.allclose(latent.truncate(np.ones((1, 4)), 0.5), 0.5)
    with pytest.raises(ValueError, match="strength is 1.5"):
        latent.truncate(np.ones((1, 4)), 1.5)
