"""Recipes: each older system to the letter, and a new one from outside."""

import dataclasses
import json

import keras
import numpy as np
import pytest
from keras import layers

from gan_helpers import networks
from gan_helpers.gan.objectives import NonSaturating
from gan_helpers.runs import recipes, training

# Range, latent size, batch, epochs, rates of generator and discriminator, β₁.
OLDER = {
    "dense_critic": ((-1, 1), 100, 128, 50, 1e-4, 1e-4, 0.9),
    "bw_fashion": ((0, 1), 128, 128, 50, 2e-4, 2e-4, 0.5),
    "tutorial_dcgan": ((-1, 1), 100, 128, 50, 1e-4, 1e-4, 0.9),
    "upsampling_dcgan": ((0, 1), 128, 128, 20, 1e-4, 1e-5, 0.9),
    "mlp_gan": ((-1, 1), 100, 128, 50, 2e-4, 2e-4, 0.5),
}


@pytest.mark.parametrize("name", OLDER)
def test_settings_of_the_older_systems(name):
    recipe = recipes.get(name)
    gan = recipe.build()
    assert (
        gan.pixel_range, recipe.latent_dim, recipe.batch_size, recipe.epochs,
        recipe.g_learning_rate, recipe.d_learning_rate, recipe.beta_1,
    ) == OLDER[name]  # fmt: skip
    noisy = NonSaturating(label_noise=0.15, real_label=0, average=True)
    assert recipe.loss == (noisy if name == "upsampling_dcgan" else NonSaturating())
    assert float(gan.g_optimizer.learning_rate) == pytest.approx(recipe.g_learning_rate)
    assert float(gan.d_optimizer.learning_rate) == pytest.approx(recipe.d_learning_rate)
    assert np.array_equal(gan.generate(2), gan.generate(2, ema=False))  # the older systems have no average


def test_parameter_counts():
    counts = {name: recipes.get(name).facts() for name in ("tutorial_dcgan", "upsampling_dcgan")}
    found = {name: (f["generator_parameters"], f["discriminator_parameters"]) for name, f in counts.items()}
    assert found == {"tutorial_dcgan": (2_330_944, 212_865), "upsampling_dcgan": (2_155_137, 1_113_345)}


def outline(model):
    """The layers that make a system what it is, as short words."""
    words = []
    for layer in model.layers:
        if isinstance(layer, (layers.Conv2D, layers.Conv2DTranspose)):
            kind = "up" if isinstance(layer, layers.Conv2DTranspose) else "conv"
            padding = "" if layer.padding == "same" else " valid"
            words.append(f"{kind} {layer.filters} {layer.kernel_size[0]}x s{layer.strides[0]}{padding}")
        elif isinstance(layer, layers.Dense):
            words.append(f"dense {layer.units}")
        elif isinstance(layer, layers.Dropout):
            words.append(f"dropout {layer.rate}")
        elif isinstance(layer, (layers.BatchNormalization, layers.UpSampling2D)):
            words.append({"BatchNormalization": "norm", "UpSampling2D": "double"}[type(layer).__name__])
    return words


def test_layers_of_the_older_systems():
    found = {
        name: (outline(recipes.get(name).build().generator), outline(recipes.get(name).discriminator()))
        for name in OLDER
    }
    assert found == {
        "dense_critic": (
            ["dense 3136", "up 64 4x s1", "up 128 4x s2", "up 256 4x s2", "conv 1 3x s1"],
            ["dense 256", "dropout 0.3", "dense 128", "dropout 0.3", "dense 1"],
        ),
        "bw_fashion": (
            ["dense 12544", "norm", "up 128 4x s2", "norm", "up 64 4x s2", "norm", "up 1 4x s1"],
            ["conv 64 4x s2", "conv 128 4x s2", "dense 1"],
        ),
        "tutorial_dcgan": (
            ["dense 12544", "norm", "up 128 5x s1", "norm", "up 64 5x s2", "norm", "up 1 5x s2"],
            ["conv 64 5x s2", "dropout 0.3", "conv 128 5x s2", "dropout 0.3", "dense 1"],
        ),
        "upsampling_dcgan": (
            ["dense 6272", "double", "conv 128 5x s1", "double", "conv 128 5x s1", "conv 128 4x s1", "conv 128 4x s1", "conv 1 4x s1"],
            [
                *(word for n in (32, 64, 128, 256) for word in (f"conv {n} 5x s1 valid", "dropout 0.4")),
                "dropout 0.4", "dense 1",
            ],
        ),
        "mlp_gan": (["dense 256", "dense 512", "dense 1024", "dense 784"], ["dense 512", "dense 256", "dense 1"]),
    }  # fmt: skip


def test_the_sub_pixel_generator_has_no_channels_at_full_size():
    shapes = [layer.output.shape for layer in networks.subpixel_generator().layers]
    assert max(shape[-1] for shape in shapes if shape[1] == 14) == 64
    assert max(shape[-1] for shape in shapes if shape[1] == 28) == 1


def test_a_modulated_block_scales_and_moves_each_image_by_its_own_vector_whoever_stands_beside_it():
    x, style = keras.Input((4, 4, 6)), keras.Input((3,))
    block = keras.Model([x, style], networks.modulated_block(x, style))
    features = keras.random.normal((5, 4, 4, 6), seed=1) * 3 + 1
    vectors = keras.random.normal((5, 3), seed=2)
    lengths = keras.ops.norm(features, axis=-1, keepdims=True)
    plain = keras.ops.leaky_relu(features / lengths * 6**0.5, 0.2)
    assert np.allclose(block([features, vectors]), plain, atol=1e-5)  # as long as it has learned nothing
    for weight in block.trainable_variables:
        weight.assign(keras.random.normal(weight.shape, seed=3))
    together = block([features, vectors], training=True)
    assert np.allclose(together[:1], block([features[:1], vectors[:1]]), atol=1e-5)
    assert not np.allclose(together[:1], block([features[:1], vectors[1:2]]), atol=0.1)


def test_rates_fall_with_the_steps_and_a_run_that_goes_on_keeps_its_place(some_images, tmp_path):
    falling = recipes.Recipe(
        name="falling",
        generator=lambda latent_dim: networks.mlp_generator(latent_dim, (8,)),
        discriminator=lambda: networks.mlp_discriminator((8,)),
        g_learning_rate=1e-3,
        d_learning_rate=2e-3,
        decay_steps=4,
        batch_size=64,
        source="a test",
    )
    for epochs, share in ((1, 1 / 2), (2, 1 / 3)):  # four steps each; the second call goes on
        gan = training.train(falling, tmp_path, epochs=epochs, train_images=some_images, verbose=0).gan
        assert float(gan.g_optimizer.learning_rate) == pytest.approx(1e-3 * share)
        assert float(gan.d_optimizer.learning_rate) == pytest.approx(2e-3 * share)
    with pytest.raises(ValueError, match="decay_steps: 4 there, None here"):
        kept = dataclasses.replace(falling, decay_steps=None)
        training.train(kept, tmp_path, epochs=3, train_images=some_images, verbose=0)
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    assert config["settings"].pop("augment") == []  # as a run from before there were augmentations
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ValueError, match="augment: none there, shift:2 here"):
        training.train(
            dataclasses.replace(falling, augment="shift:2"), tmp_path, epochs=3, train_images=some_images, verbose=0
        )
    assert training.train(falling, tmp_path, epochs=2, train_images=some_images, verbose=0).gan.augment == ()


def test_a_recipe_from_outside_is_one_entry(monkeypatch, some_images, tmp_path):
    mine = recipes.Recipe(
        name="mine",
        generator=lambda latent_dim: networks.mlp_generator(latent_dim, (8,)),
        discriminator=lambda: networks.mlp_discriminator((8,)),
        g_learning_rate=1e-3,
        d_learning_rate=1e-3,
        batch_size=64,
        source="a test",
    )
    monkeypatch.setitem(recipes.RECIPES, "mine", mine)
    run = training.train("mine", tmp_path, epochs=1, train_images=some_images, verbose=0)
    assert int(run.gan.steps) == 4 and recipes.RECIPES["mine"].facts()["source"] == "a test"
    again = training.load_run(tmp_path)
    assert np.array_equal(again.gan.generate(4), run.gan.generate(4)) and again.history == run.history


def test_an_unknown_recipe_names_the_closest():
    with pytest.raises(ValueError, match=r"'tutorial_dcgn'; did you mean 'tutorial_dcgan'"):
        recipes.get("tutorial_dcgn")
    with pytest.raises(ValueError, match=r"'xyz'; it must be one of 'course_mlp'.*'mlp_gan'"):
        recipes.get("xyz")
