"""The bfloat16 twin: same variables, same function."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from gan_helpers import data
from gan_helpers.gan import bfloat16
from gan_helpers.runs import recipes
from gan_helpers.runs.checkpoints import Checkpoint

pytestmark = pytest.mark.skipif(
    "'ONEDNN_MAX_CPU_ISA' in os.environ",
    reason="TensorFlow asks the processor whether it has bfloat16, and dies where oneDNN may not use it",
)


def values_and_gradients(function, x, variables):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
        loss = tf.reduce_sum(
            tf.cast(y, tf.float32) * tf.cos(tf.reshape(tf.range(tf.size(y), dtype=tf.float32), tf.shape(y)))
        )
    return [y, *tape.gradient(loss, [x, *variables])]


@pytest.mark.parametrize("kind", [layers.Conv2D, layers.Conv2DTranspose])
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4, 5, 7])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("channels", [3, 40])
def test_convolutions_are_keras_own_in_another_form(kind, kernel_size, stride, channels):
    """In float32, so that a wrong tap cannot hide behind rounding; with few channels and with many."""
    keras.utils.set_random_seed(1)
    layer = kind(channels, kernel_size, strides=stride, padding="same", activation="tanh", bias_initializer="normal")
    x = tf.random.normal((2, 6, 6, channels))
    layer(x)
    compute = bfloat16._FASTER[kind](layer)
    mine = values_and_gradients(lambda x: compute(x, True), x, layer.trainable_variables)
    theirs = values_and_gradients(layer, x, layer.trainable_variables)
    for a, b in zip(mine, theirs):
        assert np.allclose(a, b, atol=1e-4 * np.abs(b).max())


def test_a_convolution_of_another_kind_stays_as_it_is():
    for settings in (
        dict(kernel_size=(3, 5), strides=2),
        dict(kernel_size=3, strides=(1, 2)),
        dict(kernel_size=3, dilation_rate=2),
    ):
        model = keras.Sequential(
            [keras.Input((8, 8, 2)), layers.Conv2D(4, padding="same", **settings), layers.Flatten(), layers.Dense(1)]
        )
        x = tf.random.stateless_normal((3, 8, 8, 2), (1, 2))
        assert np.allclose(bfloat16.twin(model)(x), model(x), atol=0.05)


def test_batch_norm_is_keras_own_statistics_included():
    keras.utils.set_random_seed(1)
    for shape, learns in (((16, 5), True), ((4, 6, 6, 5), True), ((4, 6, 6, 5), False)):
        mine, theirs = (layers.BatchNormalization(center=learns, scale=learns) for _ in range(2))
        x = 3 * tf.random.normal(shape) + 1
        mine(x), theirs(x)
        compute = bfloat16._FASTER[layers.BatchNormalization](mine)
        for training in (True, False):
            left = values_and_gradients(lambda x: compute(x, training), x, mine.trainable_variables)  # noqa: B023
            right = values_and_gradients(lambda x: theirs(x, training=training), x, theirs.trainable_variables)  # noqa: B023
            for a, b in zip(left, right):
                assert np.allclose(a, b, atol=1e-4 * max(1, np.abs(b).max()))
        assert np.allclose(mine.moving_mean, theirs.moving_mean, atol=1e-6)
        assert np.allclose(mine.moving_variance, theirs.moving_variance, rtol=1e-5)


def test_dropout_drops_its_rate_and_keeps_the_mean():
    layer = layers.Dropout(0.3, seed=5)
    compute, ones = bfloat16._FASTER[layers.Dropout](layer), tf.ones((100, 101, 3))
    first, second = compute(ones, True), compute(ones, True)
    assert np.mean(first == 0) == pytest.approx(0.3, abs=0.01) and np.max(first) == pytest.approx(1 / 0.7)
    assert not np.array_equal(first, second) and compute(ones, False) is ones


@pytest.mark.parametrize("name", ["tutorial_dcgan", "upsampling_dcgan", "course_mlp", "course_dcgan"])
def test_a_twin_shares_its_variables_and_ends_in_float32(name):
    recipe = recipes.get(name)
    for model, shape in (
        (recipe.generator(recipe.latent_dim), (4, recipe.latent_dim)),
        (recipe.discriminator(), (4, 28, 28, 1)),
    ):
        twin = bfloat16.twin(model)
        assert {id(v) for v in twin.trainable_variables} == {id(v) for v in model.trainable_variables}
        x = tf.random.stateless_normal(shape, (1, 2))
        mine, theirs = twin(x), model(x)
        assert mine.dtype == tf.float32 and np.allclose(mine, theirs, atol=0.02 * np.abs(theirs).max())


def test_bfloat16_trains_like_float32_and_resumes_bit_for_bit(some_images, tmp_path):
    """With transposed convolutions, batch norm and dropout."""
    losses = {}
    for precision in ("float32", "bfloat16"):
        gan = recipes.get("tutorial_dcgan").build(3, precision)
        checkpoint, dataset = Checkpoint(tmp_path / precision), data.pipeline(some_images, 64, seed=4)
        losses[precision] = gan.fit(dataset, epochs=2, callbacks=[checkpoint], verbose=0).history
    for key in ("d_loss", "g_loss"):
        assert np.allclose(losses["float32"][key], losses["bfloat16"][key], rtol=0.05)
    assert losses["float32"]["d_loss"] != losses["bfloat16"]["d_loss"]  # it was another arithmetic

    (tmp_path / "bfloat16/checkpoints/epoch_0002.npz").unlink()
    resumed, checkpoint = recipes.get("tutorial_dcgan").build(3, "bfloat16"), Checkpoint(tmp_path / "bfloat16")
    assert checkpoint.restore(resumed) == 1
    resumed.fit(data.pipeline(some_images, 64, seed=4), epochs=2, initial_epoch=1, callbacks=[checkpoint], verbose=0)
    for mine, theirs in zip(gan.variables, resumed.variables):
        assert np.array_equal(mine, theirs), mine.path


def test_the_precision_is_chosen_by_the_processor(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    for amx, expected in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr(bfloat16, "has_amx", lambda: amx)  # noqa: B023
        assert bfloat16.choose_precision("auto") == expected
        assert bfloat16.choose_precision("float32") == "float32" and bfloat16.choose_precision("bfloat16") == "bfloat16"
    with pytest.raises(ValueError, match="'half'.*'auto', 'float32', 'bfloat16'"):
        bfloat16.choose_precision("half")


@pytest.mark.parametrize(("name", "value"), [("ONEDNN_MAX_CPU_ISA", "AVX2"), ("TF_ENABLE_ONEDNN_OPTS", "0")])
def test_amx_that_onednn_may_not_use_does_not_count(monkeypatch, tmp_path, name, value):
    (tmp_path / "cpuinfo").write_text("flags : avx2 amx_bf16 amx_tile\n")
    monkeypatch.setattr(bfloat16, "Path", lambda path: tmp_path / "cpuinfo")
    for variable in ("ONEDNN_MAX_CPU_ISA", "TF_ENABLE_ONEDNN_OPTS"):
        monkeypatch.delenv(variable, raising=False)
    assert bfloat16.has_amx()
    monkeypatch.setenv(name, value)
    assert not bfloat16.has_amx()
