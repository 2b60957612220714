"""Pixels in and out."""

import io

import numpy as np
import pytest
from PIL import Image

from gan_helpers import images, networks, plots


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
