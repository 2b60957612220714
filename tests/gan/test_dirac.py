"""Dirac-GAN: the vector field in closed form, and what training does in it."""

import keras
import numpy as np
import pytest

from gan_helpers.gan.augmentation import InstanceNoise
from gan_helpers.gan.dirac import dirac_gan, trajectory, vector_field
from gan_helpers.gan.regularisers import ZeroCentred
from gan_helpers.model_files import strangers

THETAS, PSIS = (each.ravel() for each in np.meshgrid([-1.5, -0.5, 0.0, 1.0], [-2.0, 0.25, 1.0]))


def sigmoid(t):
    return 1 / (1 + np.exp(-t))


CLOSED = {  # (θ, ψ) → (−∂ generator's loss / ∂θ, −∂ discriminator's loss / ∂ψ): real logits are 0, generated ones t = ψθ
    "saturating": lambda th, ps: (sigmoid(ps * th) * ps, -sigmoid(ps * th) * th),
    "non_saturating": lambda th, ps: (sigmoid(-ps * th) * ps, -sigmoid(ps * th) * th),
    "least_squares": lambda th, ps: ((1 - ps * th) * ps, -ps * th * th),
    "hinge": lambda th, ps: (ps, -th * (ps * th > -1)),
    "wasserstein": lambda th, ps: (ps, -th),
    "relativistic": lambda th, ps: (sigmoid(-ps * th) * ps, -sigmoid(ps * th) * th),
}


@pytest.mark.parametrize("loss", CLOSED)
def test_the_field_is_that_of_the_closed_form(loss):
    v_theta, v_psi = vector_field(THETAS, PSIS, loss=loss)
    expected = CLOSED[loss](THETAS, PSIS)
    assert np.allclose(v_theta, expected[0], atol=1e-5) and np.allclose(v_psi, expected[1], atol=1e-5)


def test_r1_pulls_the_slope_alone_back_by_gamma():
    plain, held = vector_field(THETAS, PSIS), vector_field(THETAS, PSIS, regularisers=ZeroCentred(0.3))
    assert np.allclose(held[0], plain[0], atol=1e-6) and np.allclose(held[1], plain[1] - 0.3 * PSIS, atol=1e-5)
    noisy = vector_field(0.0, PSIS, n=4096, augment=InstanceNoise(1.0))
    assert np.all(noisy[1] * PSIS < 0), "with noise, too, a slope at the right place is pulled back"


def path_of(steps=600, rate=0.1, loss="non_saturating", **settings):
    """|(θ, ψ)| and |averaged θ| on the way."""
    gan = dirac_gan(1.0, 0.0, loss=loss, **settings)
    gan.compile(keras.optimizers.SGD(rate), keras.optimizers.SGD(rate))
    path = trajectory(gan, steps)
    assert path.shape == (steps + 1, 3) and path.dtype == np.float32 and path[0].tolist() == [1.0, 0.0, 1.0]
    return np.hypot(path[:, 0], path[:, 1]), np.abs(path[:, 2])


def test_plain_training_circles_and_drifts_outward():
    radius, _ = path_of(loss="saturating")
    assert radius.min() > 0.99 and radius[-1] > 1.5, "1.9 by hand"


def test_the_average_of_the_circles_lies_far_within_them():
    radius, average = path_of(1000, rate=0.05, loss="wasserstein")
    assert radius.min() > 0.99 and radius[-1] > 3, "3.5 by hand"
    assert average[-250:].max() < 0.35 * radius[-250:].min()


def test_the_non_saturating_loss_comes_nearer_and_stays_away():
    radius, _ = path_of()
    assert radius[-100:].min() > 0.4 and radius[-100:].max() < 0.6, (
        "0.49 by hand: steps carry out what the loss brings in"
    )


@pytest.mark.parametrize("settings", [dict(regularisers="r1:1"), dict(augment=InstanceNoise(1.0))], ids=str)
def test_r1_and_instance_noise_spiral_in(settings):
    radius, _ = path_of(**settings)
    assert radius[-100:].max() < 0.15


def test_a_dirac_gan_is_saved_and_loaded_and_makes_its_point(tmp_path):
    gan = dirac_gan(0.75, -2.0)
    gan.compile(steps_per_execution=5)
    gan.save(tmp_path / "dirac.keras")
    loaded = keras.models.load_model(tmp_path / "dirac.keras")
    assert (
        loaded.steps_per_execution == 5
        and loaded.pixel_range is None
        and loaded.discriminator(np.ones((1, 1))).numpy().item() == -2
    )
    for each in (loaded, strangers.load(tmp_path / "dirac.keras")):
        assert np.array_equal(each.generate(3), np.full((3, 1), 0.75, np.float32))
    with pytest.raises(ValueError, match="steps is 0"):
        trajectory(gan, 0)
