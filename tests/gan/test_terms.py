"""Terms as values: by name, as text, as data; from outside the package; and runs of before there were any."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

import gan_helpers as gh
from gan_helpers import data, networks
from gan_helpers.gan import augmentation, objectives, regularisers
from gan_helpers.gan.augmentation import Adaptive, Colour, Shift
from gan_helpers.gan.gan import GAN
from gan_helpers.gan.objectives import NonSaturating
from gan_helpers.gan.regularisers import GradientPenalty, Smoothness, WeightClipping, ZeroCentred
from gan_helpers.gan.schedules import Every, From, Until
from gan_helpers.runs import recipes, training

HERE = Path(__file__).resolve().parent


@pytest.mark.parametrize(
    "kind, term, text",
    [
        (objectives, NonSaturating(label_noise=0.15), "non_saturating:label_noise=0.15"),
        (regularisers, Smoothness(0.05), "smoothness:0.05"),
        (regularisers, Until(26_250, Smoothness(0.1, one_in=2)), "until:26250:smoothness:0.1:one_in=2"),
        (regularisers, Every(16, ZeroCentred(10.0, "fake")), "every:16:zero_centred:10.0:fake"),
        (regularisers, GradientPenalty(one_sided=True), "gradient_penalty:10.0:true"),
        (augmentation, From(13_000, Shift(1)), "from:13000:shift:1"),
        (augmentation, Adaptive(0.5), "adaptive:0.5"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_term_is_the_same_as_value_text_and_data(kind, term, text):
    assert kind.as_text(term) == text and kind.get(text) == term
    assert kind.get(json.loads(json.dumps(kind.as_data(term)))) == term == kind.get(term)


def test_common_names_and_several_terms():
    assert regularisers.get_all("r1:2+ r2 + until:5:r1_r2:0.5") == (
        ZeroCentred(2),
        ZeroCentred(on="fake"),
        Until(5, ZeroCentred(0.5, "both")),
    )
    assert regularisers.get_all(None) == () == regularisers.get_all("")
    assert augmentation.get_all(["shift:2", Colour()]) == (Shift(2), Colour())


def small(**settings):
    gan = GAN(networks.mlp_generator(8, (16,)), networks.mlp_discriminator((16,)), seed=1, **settings)
    gan.compile(keras.optimizers.Adam(1e-3), keras.optimizers.Adam(1e-3))
    return gan


@pytest.mark.parametrize("loss", objectives.OBJECTIVES.known)
def test_every_objective_trains_with_its_own_rows_only(loss, some_images):
    gan = small(loss=loss, regularisers=[GradientPenalty(), WeightClipping(0.1), ZeroCentred(0.1), ZeroCentred(0.2)])
    history = gan.fit(data.pipeline(some_images, 32), verbose=0).history
    expected = {"d_loss", "g_loss", "gradient_penalty", "weight_clipping", "r1", "r1_2"}
    if loss not in ("wasserstein", "relativistic"):
        expected |= {"d_real_accuracy", "d_fake_accuracy"}
    assert history.keys() == expected and all(np.isfinite(values).all() for values in history.values())
    assert max(np.abs(weight).max() for weight in gan.discriminator.get_weights()) <= 0.1 + 1e-6
    rows = [{name: values[0] for name, values in history.items()}] * 2
    fig = gh.plots.loss_curves(rows, gan.objective, [n for n in gan.means if n not in gh.plots.PLAYERS])
    assert [ax.get_title() for ax in fig.axes] == ["Loss", *["Discriminator accuracy"] * (len(expected) > 6), "Terms"]


def test_the_discriminator_takes_so_many_steps_per_step_of_the_generator_each_on_a_whole_batch(some_images):
    gan, seen = small(d_steps=3), []
    penalties = gan.penalties
    gan.penalties = lambda look: seen.append(look) or penalties(look)
    gan.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1), run_eagerly=True)
    gan.fit(data.pipeline(some_images, 32), verbose=0)
    assert int(gan.steps.value) == 2 == int(gan.g_optimizer.iterations) and int(gan.d_optimizer.iterations) == 6
    assert [len(look.real) for look in seen] == [32] * 6
    assert len({look.real.numpy().tobytes() for look in seen} | {look.fake.numpy().tobytes() for look in seen}) == 12
    gan.fit(gh.images.to_float(some_images), batch_size=32, verbose=0)
    assert [len(look.real) for look in seen[6:]] == [32] * 6 + [21] * 3, "the last batch has 64 images left"


@pytest.mark.parametrize(
    "keywords, new",
    [
        (dict(gamma=0.1), "regularisers='smoothness:0.1'"),
        (dict(gamma=0.1, gamma_until=7), "regularisers='until:7:smoothness:0.1'"),
        (dict(gamma=0.0), "leave it out"),
        (dict(shift=2), "augment='shift:2'"),
        (dict(shift=2, shift_after=9), "augment='from:9:shift:2'"),
    ],
)
def test_the_former_keywords_name_the_new_form(keywords, new):
    with pytest.raises(ValueError, match=new):
        small(**keywords)
    with pytest.raises(ValueError, match=new):
        recipes.Recipe("x", None, None, 1e-3, 1e-3, "for tests", **keywords)


@pytest.mark.parametrize(
    "settings, message",
    [
        (dict(loss="hinje"), "did you mean 'hinge'"),
        (dict(loss=3), "3 is no objective"),
        (dict(regularisers="gradient_penalti"), "did you mean 'gradient_penalty'"),
        (dict(d_steps=0), "d_steps is 0"),
        (dict(d_steps=True), "d_steps is True"),
    ],
)
def test_bad_values_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        small(**settings)


def test_a_recipe_changed_by_texts():
    changed = recipes.changed(
        recipes.get("course_dcgan"), ["loss = hinge", "regularisers=r1:1.0+smoothness:0.05", "d_steps=2", "beta_1=0.5"]
    )
    assert (changed.regularisers, changed.d_steps, changed.beta_1) == ((ZeroCentred(1.0), Smoothness(0.05)), 2, 0.5)
    assert (
        changed.terms_as_text()
        == "hinge; regularisers=zero_centred:1.0+smoothness:0.05; augment=from:13000:shift:1; d_steps=2"
    )
    both = recipes.changed(recipes.get("course_dcgan"), ["learning_rate=1e-4"])
    assert both.g_learning_rate == both.d_learning_rate == 1e-4
    for text, message in (
        ("los=hinge", "'los' is no setting.*loss"),
        ("loss=hinge,wasserstein", "one value; alternatives"),
        ("d_steps=1.5", "d_steps is a whole number"),
        ("beta_1=x", "beta_1 is a number"),
        ("augment=shift:0", "pixels is 0"),
    ):
        with pytest.raises(ValueError, match=message):
            recipes.changed(recipes.get("course_dcgan"), [text])


def test_a_term_without_a_name_trains_but_says_what_to_add_before_it_is_saved(some_images, tmp_path):
    own = lambda look: NonSaturating()(look)  # noqa: E731
    gan = small(loss=own)
    gan.fit(data.pipeline(some_images, 64), verbose=0)
    with pytest.raises(ValueError, match=r"@gh\.objectives\.register"):
        gan.save(tmp_path / "gan.keras")
    recipe = recipes.Recipe("x", networks.mlp_generator, networks.mlp_discriminator, 1e-3, 1e-3, "for tests", loss=own)
    with pytest.raises(ValueError, match=r"@gh\.objectives\.register"):
        training.train(recipe, tmp_path / "run", epochs=1, train_images=some_images, verbose=0)
    assert not (tmp_path / "run" / "config.json").exists()


# --- from outside the package ---------------------------------------------------------------------


def test_terms_and_networks_from_outside_train_are_killed_go_on_save_and_load(tmp_path, monkeypatch):
    """Each is at most ten lines of own_terms.py."""
    monkeypatch.syspath_prepend(HERE)
    import own_terms

    script = [sys.executable, HERE / "own_terms.py", tmp_path / "killed", "4"]
    process = subprocess.Popen(script, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stdout:
        if line.strip() == "epoch 3":
            os.kill(process.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
            break
    _, errors = process.communicate()
    assert process.returncode, errors
    resumed = own_terms.train(tmp_path / "killed", 4)
    whole = own_terms.train(tmp_path / "whole", 4)
    assert 2 <= len(resumed.history) == 4
    # TensorFlow adds the many gradients of this discriminator in an order of its own in each process: so not bit for bit.
    for player in ("generator", "discriminator", "ema_generator"):
        for mine, theirs in zip(getattr(resumed.gan, player).weights, getattr(whole.gan, player).weights):
            assert np.allclose(mine, theirs, atol=2e-4), mine.path
    config = json.loads((tmp_path / "whole" / "config.json").read_text(encoding="utf-8"))
    assert config["settings"]["loss"] == {"name": "exponential"} and config["settings"]["d_steps"] == 2
    assert {"logit_size", "r1"} <= whole.history[0].keys()
    assert whole.history[0]["logit_size"] > 0 and not {"d_real_accuracy"} & whole.history[0].keys()

    whole.gan.save(tmp_path / "gan.keras")
    loaded = keras.models.load_model(tmp_path / "gan.keras")
    assert loaded.get_config()["augment"] == [
        {"name": "from", "step": 3, "term": {"name": "mirror"}},
        {"name": "shift", "pixels": 2},
    ]
    assert np.array_equal(loaded.generate(4), whole.gan.generate(4)) and loaded.regularisers == whole.gan.regularisers
    for read in (training.load_run(tmp_path / "whole").gan.ema_generator, gh.load_generator(tmp_path / "gan.keras")):
        assert np.array_equal(read.get_weights()[0], whole.gan.ema_generator.get_weights()[0])


# --- of before there were terms -------------------------------------------------------------------


def former_generator(latent_dim=8):
    z = keras.Input((latent_dim,))
    x = layers.LeakyReLU(0.2)(layers.Dense(16)(z))
    return keras.Model(z, layers.Reshape((7, 7, 1))(layers.Dense(49, activation="tanh")(x)), name="small_generator")


def former_discriminator():
    x = keras.Input((7, 7, 1))
    features = layers.LeakyReLU(0.2)(layers.Dense(16)(layers.Flatten()(x)))
    return keras.Model(x, layers.Dense(1)(features), name="small_discriminator")


former_generator.__name__, former_discriminator.__name__ = "small_generator", "small_discriminator"


def test_a_run_of_before_there_were_terms_goes_on_as_it_would_have(tmp_path):
    """Begun by commit a178ec8 (gamma 0.1 until step 6, shift 1 after step 3), which also trained it on to three epochs."""
    shutil.copytree(HERE / "former_run", tmp_path / "run")
    recipe = recipes.Recipe(
        *("small", former_generator, former_discriminator, 1e-3, 1e-3, "for tests"),
        latent_dim=8,
        batch_size=32,
        decay_steps=100,
        regularisers=Until(6, Smoothness(0.1)),
        augment=From(3, Shift(1)),
    )
    images = data.load_fashion_mnist("test")[0][:128, ::4, ::4]
    settings = dict(seed=5, train_images=images, precision="float32", verbose=0)
    import dataclasses

    with pytest.raises(ValueError, match="belongs to another run.*smoothness"):
        training.train(
            dataclasses.replace(recipe, regularisers="smoothness:0.2"), tmp_path / "run", epochs=3, **settings
        )
    run = training.train(recipe, tmp_path / "run", epochs=3, **settings)
    assert [row["epoch"] for row in run.history] == [1, 2, 3]
    with np.load(tmp_path / "run" / "expected.npz") as expected:
        for player in ("generator", "discriminator", "ema_generator"):
            for i, weight in enumerate(getattr(run.gan, player).weights):
                # Another processor rounds otherwise; another penalty or other moves give differences a thousand times as large.
                assert np.allclose(weight, expected[f"{player}/{i}"], atol=2e-5), weight.path


def test_a_saved_gan_of_before_there_were_terms_loads():
    gan = small(regularisers=Until(7, Smoothness(0.1)), augment=From(3, Shift(2)))
    former = {
        key: value for key, value in gan.get_config().items() if key not in ("regularisers", "augment", "d_steps")
    }
    former |= dict(gamma=0.1, gamma_until=7, shift=2, shift_after=3)
    loaded = GAN.from_config(former)
    assert (loaded.regularisers, loaded.augment) == (gan.regularisers, gan.augment)
