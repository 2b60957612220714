"""Pixels in and out."""

import io

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

import gan_helpers as gh
from gan_helpers import images, networks, plots
from gan_helpers.gan.gan import GAN


@pytest.mark.parametrize("pixel_range", [(-1, 1), (0, 1)])
def test_every_grey_value_survives_the_round_trip(pixel_range):
    grey = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    assert np.array_equal(images.to_uint8(images.to_float(grey, pixel_range), pixel_range), grey)


def test_floats_outside_the_range_are_clipped():
    assert images.to_uint8(np.array([-7.0, 7.0]), (-1, 1)).tolist() == [0, 255]


def test_a_grid_holds_every_image_in_reading_order():
    batch = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 1), np.uint8)
    sheet = images.grid(batch, columns=3, padding=1)
    assert sheet.shape == (7, 10, 1)
    assert [int(sheet[1, 1 + 3 * i, 0]) for i in range(3)] == [0, 1, 2]
    assert [int(sheet[4, 1 + 3 * i, 0]) for i in range(3)] == [3, 4, 255]


def test_png_and_gif_bytes_decode_to_the_same_pixels():
    frame = np.random.default_rng(0).integers(0, 256, (28, 28, 1), np.uint8)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(images.png_bytes(frame)))), frame[..., 0])
    gif = Image.open(io.BytesIO(images.gif_bytes(np.stack([frame, 255 - frame]))))
    assert gif.n_frames == 2 and np.array_equal(np.asarray(gif.convert("L")), frame[..., 0])


def test_pixel_range_is_read_off_the_last_activation():
    assert images.pixel_range_of(networks.dcgan_generator()) == (-1, 1)
    with pytest.raises(ValueError, match="dcgan_discriminator.*pixel_range"):
        images.pixel_range_of(networks.dcgan_discriminator())


def _drawing(*tail, first=None):
    """A generator of these layers and functions after a Dense layer that ends in tanh (or `first`)."""
    latents = keras.Input((4,))
    x = layers.Reshape((4, 4, 1))((first or layers.Dense(16, activation="tanh"))(latents))
    for step in tail:
        x = step(x)
    return keras.Model(latents, x)


@pytest.mark.parametrize(
    "tail, expected",
    [
        ([layers.Rescaling(0.5, 0.5)], (0, 1)),
        ([layers.Rescaling(127.5, 127.5), layers.Cropping2D(1), layers.UpSampling2D(2)], (0, 255)),
        ([lambda x: x * 0.5 + 0.5, lambda x: x[:, 1:]], (0, 1)),
        ([lambda x: (1.0 - x) / np.float32(2)], (0, 1)),
        ([lambda x: -keras.ops.clip(x, 0, 1), layers.Flatten(), layers.Reshape((4, 4, 1))], (-1, 0)),
        ([lambda x: keras.ops.add(x1=x, x2=2.0), layers.ZeroPadding2D(1)], (0, 3)),
        ([layers.Conv2D(1, 3), layers.ReLU(max_value=1), layers.Dropout(0.5)], (0, 1)),
        ([layers.Conv2D(1, 3), layers.Activation("sigmoid", dtype="float32"), layers.Identity()], (0, 1)),
        ([lambda x: layers.Concatenate()([x, x, x])], (-1, 1)),
        ([keras.Sequential([layers.Rescaling(0.5, 0.5)])], (0, 1)),
        ([layers.Conv2D(1, 3), keras.ops.tanh], (-1, 1)),
        # What follows is not bounded, or not computed.
        ([layers.Conv2D(1, 3)], None),
        ([layers.ReLU(), layers.Conv2D(1, 3), layers.ReLU()], None),
        ([layers.BatchNormalization()], None),
        ([layers.Lambda(lambda x: x / 2 + 0.5)], None),
        ([layers.UpSampling2D(2, interpolation="bicubic")], None),
        ([lambda x: x * x], None),
        ([lambda x: 1 / x], None),
        ([lambda x: layers.Concatenate()([x, x]), lambda x: x * np.float32([1, 2])], None),
    ],
)
def test_pixel_range_is_computed_through_what_follows_the_activation(tail, expected):
    generator = _drawing(*tail)
    wrapped = keras.Model(latents := keras.Input((4,)), generator(latents))
    outside = keras.Sequential([keras.Input((4,)), generator, layers.Rescaling(2)])
    if expected is None:
        for model in (generator, wrapped, outside):
            with pytest.raises(ValueError, match="pixel_range"):
                images.pixel_range_of(model)
        return
    for model, scale in ((generator, 1), (keras.models.clone_model(generator), 1), (wrapped, 1), (outside, 2)):
        assert images.pixel_range_of(model) == pytest.approx([scale * end for end in expected])


def test_a_pixel_range_that_is_said_goes_where_the_averaged_generator_goes(tmp_path):
    generator = _drawing(first=layers.Dense(16))
    gan = GAN(
        generator, keras.Sequential([keras.Input((4, 4, 1)), layers.Flatten(), layers.Dense(1)]), pixel_range=(0, 2)
    )
    gan.compile()
    gan.save(tmp_path / "gan.keras")
    with pytest.warns(UserWarning, match="people you trust"):
        loaded = gh.load_generator(tmp_path / "gan.keras")
    assert images.pixel_range_of(loaded) == (0, 2)
    assert np.array_equal(gh.generate(loaded, gan.sample_latents(4, 0)), gan.generate(4))
    with pytest.raises(ValueError, match="pixel_range"):
        images.pixel_range_of(generator)


def test_a_figure_carries_its_alt_text_into_the_notebook():
    fig = plots.show_images(np.zeros((3, 28, 28, 1), np.uint8), titles=["a", "b", "c"])
    data, metadata = fig._repr_mimebundle_()
    assert "a, b, c" in metadata["image/png"]["alt"] == data["text/plain"]
    assert Image.open(io.BytesIO(data["image/png"])).getpixel((0, 0))[:3] == (
        255,
        255,
        255,
    )  # opaque white on a dark page
    with pytest.raises(ValueError, match="alt text"):
        plots.figure("  ")
