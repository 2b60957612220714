"""The explorer as one HTML file, opened from its folder in a real browser: what it draws is what Keras draws.

Where there is no browser these tests are skipped, and say how to get one; in CI that is an error.
"""

import base64
import hashlib
import html
import io
import os
import re
import shutil
import subprocess

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

from gan_helpers.explorer.picture import Scenery
from gan_helpers.explorer.state import State
from gan_helpers.explorer.web import page as pages
from gan_helpers.explorer.web.graph import Unknown, graph_of
from gan_helpers.gan import generators, latent
from gan_helpers.networks import layers as own
from gan_helpers.networks.subpixel import subpixel_generator
from gan_helpers.runs import shipped
from gan_helpers.storage import folders

import browser  # isort: skip  in the folder above
import firefox  # isort: skip

PATIENCE = 60_000  # milliseconds
AXE = "axe-core", "4.14.1", "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
LARGEST_FILE = 6_000_000

pytestmark = pytest.mark.skipif(
    browser.find() is None and not os.environ.get("CI"),
    reason=f"no Chromium here; on Debian and Ubuntu, as root: {browser.INSTALL}",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="module")
def page():
    with browser.started(accept_downloads=True) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        yield page


def two_directions(generator):
    """Two named directions, so that none has to be looked for."""
    vectors = np.random.default_rng(0).normal(size=(2, generators.inputs_of(generator).latent_dim))
    return {f"way {k}": vector / np.linalg.norm(vector) for k, vector in enumerate(vectors)}


@pytest.fixture(scope="module")
def written(folder):
    """A function that gives a shipped generator's scenery and the path of its page."""
    made = {}

    def written(name):
        if name not in made:
            generator = shipped.load_generator(name)
            given = None if name == "course_conditional" else two_directions(generator)
            made[name] = Scenery(generator, directions=given), folder / f"{name}.html"
            pages.write(*made[name], title=name)
        return made[name]

    return written


class Shown:
    """A page of a generator, opened from its file."""

    def __init__(self, page, path, fragment=""):
        self.page = page
        page.foreign.clear()
        page.goto("about:blank")
        page.goto(path.as_uri() + fragment)
        self.canvas = page.locator("#picture")
        self.canvas.wait_for(timeout=PATIENCE)

    def pixels(self):
        """The picture as it stands, uint8 (h, w, 3)."""
        source = self.canvas.evaluate("canvas => canvas.toDataURL('image/png')")
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))).convert("RGB"))

    def state(self):
        return self.canvas.get_attribute("data-state")

    def settle(self, state=None):
        """Wait until the picture, of this state if one is given, is remembered and described."""
        script = """state => {
            const drawn = document.getElementById('picture').dataset.state;
            return drawn === document.getElementById('state').value && (state === null || state === drawn)
                && document.getElementById('spoken').textContent === document.getElementById('line').textContent;
        }"""
        self.page.wait_for_function(script, arg=state, timeout=PATIENCE)
        return self.pixels()

    def put(self, state):
        """Paste a state; gives the picture."""
        self.paste(str(state))
        return self.settle(str(state))

    def paste(self, text):
        self.page.locator("#state").fill(text)
        self.page.locator("#state").press("Enter")

    def says(self):
        return self.page.locator("#status").inner_text()


def apart(shown, picture):
    """By how many levels the page's picture and Keras' differ."""
    return np.abs(shown.astype(int) - picture.sheet).max()


# --- the same pictures ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["course_conditional", "course_dcgan", "course_mlp"])
def test_the_page_draws_what_keras_draws(page, written, name):
    """256 latent vectors a generator, drawn by seeds, walked, truncated and moved: to one grey level."""
    scenery, path = written(name)
    assert path.stat().st_size <= LARGEST_FILE
    shown, z = Shown(page, path), scenery.latent_dim
    told = 6 if scenery.conditional else None
    for state in (
        State(z, seed=11, side=8),
        State(z, seed=2**31 - 1, to=5, walk=37, side=8),
        State(z, seed=3, to=4, walk=60, straight=True, truncation=0.65, side=8, class_number=told),
        State(z, seed=8, side=8, offsets=(("p0", 1.5), ("p1", -0.123456), ("d3", -2.9))),
    ):
        assert apart(shown.put(state), scenery.draw(state)) <= 1, state
    for seed, side in ((21, 1), (22, 1), (23, 4)):
        picture = scenery.draw(State(z, seed=seed, side=side, class_number=told))
        assert apart(shown.put(picture.state), picture) <= 1
        kept, said = (
            re.sub(r", \d+%", "", text)
            for text in (
                html.unescape(re.sub("<.*?>", "", scenery.described(picture)[0])),
                page.locator("#line").inner_text(),
            )
        )
        assert said == kept
        shares = [int(text[:-1]) for text in page.locator("#chart td:last-child").all_inner_texts()]
        assert np.abs(shares - 100 * scenery.probabilities(picture).mean(axis=0)).max() < 1.5


def every_operation():
    """A colour generator that uses whatever the page knows, with random weights."""
    latents, kind = keras.Input((12,), name="latents"), keras.Input((), dtype="int32", name="class")
    nested = keras.Sequential([keras.Input((20,)), layers.Dense(7 * 5 * 6), layers.ELU(0.7), layers.Reshape((7, 5, 6))])
    x = nested(layers.Concatenate()([latents, layers.Embedding(4, 8)(kind)]))
    x = layers.BatchNormalization()(layers.Conv2DTranspose(9, 5, strides=2, padding="same", activation="silu")(x))
    x = layers.Conv2D(11, (3, 2), padding="valid", activation="relu6")(x)
    x = layers.Cropping2D(((1, 2), (0, 1)))(layers.ZeroPadding2D(((2, 1), (1, 3)))(x))
    x = layers.UnitNormalization()(layers.UpSampling2D((2, 1))(x))
    scale = layers.Reshape((1, 1, 11))(layers.Dense(11, activation="sigmoid")(layers.Flatten()(latents)))
    x = layers.Multiply()([layers.Rescaling(3.0, offset=0.25)(x), scale])
    x = layers.Subtract()([x, layers.Activation("softplus")(layers.Conv2D(11, 1)(x))])
    x = own.SpectralNormalization(layers.Conv2D(6, 4, strides=2, padding="same", activation="selu"))(x)
    pooled = layers.Concatenate()([layers.MaxPooling2D(2)(x), layers.AveragePooling2D(2)(x)])
    mean = layers.Reshape((1, 1, 12))(layers.GlobalAveragePooling2D()(pooled))
    x = layers.LeakyReLU(0.1)(layers.Add()([pooled, mean]))
    x = layers.UpSampling2D((3, 2), interpolation="bilinear")(layers.Dropout(0.5)(x))
    x = layers.Conv2DTranspose(3, 3, strides=2, padding="valid", activation="tanh")(layers.ReLU()(x))
    return keras.Model([kind, latents], x, name="every_operation")


def plain_colour():
    return subpixel_generator(16, image_shape=(32, 32, 3))


def one_hot():
    latents, told = keras.Input((32,), name="noise"), keras.Input((3,), name="one_hot")
    x = layers.Dense(64, activation="sigmoid")(layers.Concatenate()([told, latents]))
    return keras.Model([latents, told], x, name="one_hot")


@pytest.mark.parametrize("build", [every_operation, plain_colour, one_hot])
def test_each_operation_is_keras_own(page, folder, build):
    keras.utils.set_random_seed(3)
    generator, rng = build(), np.random.default_rng(4)
    for weight in generator.weights:  # no bias of 0, no variance of 1
        positive, fan_in = weight.name in ("gamma", "moving_variance"), np.prod(weight.shape[:-1]) or 9
        weight.assign(rng.uniform(0.5, 1.5, weight.shape) if positive else rng.normal(0, fan_in**-0.5, weight.shape))
    scenery = Scenery(generator, directions=two_directions(generator), judge=False, training_images=())
    path = folder / f"{generator.name}.html"
    pages.write(scenery, path, generator.name)
    state = State(scenery.latent_dim, seed=5, side=4)
    picture = scenery.draw(state)
    assert picture.images.std(axis=0).mean() > 5, "pictures that differ"
    assert apart(Shown(page, path).put(state), picture) <= 1


@pytest.mark.fault(48)
def test_what_the_page_cannot_compute_is_refused_by_name(call, folder):
    latents = keras.Input((8,))
    x = layers.Reshape((4, 4, 1))(layers.Dense(16)(latents))
    for layer, what in (
        (layers.LayerNormalization(name="mine"), "'mine', a LayerNormalization: it knows Activation, "),
        (layers.Conv2D(1, 3, padding="same", dilation_rate=2, name="wide"), r"'wide', a Conv2D with dilation_rate=\(2, 2\)"),
        (layers.Dense(1, activation="mish", name="odd"), "'odd', a Dense with the activation mish"),
    ):  # fmt: skip
        with pytest.raises(Unknown, match=f"cannot compute {what}"):
            graph_of(keras.Model(latents, layer(x)))
    large = keras.Sequential([keras.Input((64,)), layers.Dense(80_000), layers.Dense(9, activation="tanh")])
    with pytest.raises(ValueError, match="MB of weights, and a page holds at most 20"):
        pages.check(large)
    assert call("page", "course_mlp", "--to", folder / "a.png")[::2] == (
        2,
        f"Error: --to '{folder / 'a.png'}' must end in .html\n",
    )
    assert call("page", "course_mlp", "--to", folder / "no" / "a.html")[0] == 2


# --- states, keys, moves --------------------------------------------------------------------------


def test_states_are_the_widgets_own(page, written):
    """Numbers as Python writes them; what is no state, or another generator's, leaves the picture and says why."""
    scenery, path = written("course_conditional")
    first = State(
        64, seed=7, truncation=0.3, class_number=9, offsets=(("p0", 1e-05), ("p2", -0.00012), ("d1", 2.999999))
    )
    shown = Shown(page, path, f"#{first}")
    kept = shown.settle(str(first))
    assert apart(kept, scenery.draw(first)) <= 1
    shown.page.locator("#seed").fill("8")
    shown.settle(str(State(64, 8, truncation=0.3, class_number=9, offsets=first.offsets)))
    kept = shown.pixels()
    for text, why in (
        ("hello", "is no state of an explorer"),
        (str(first)[:-1], "is not whole"),
        (str(State(100)), "latent vectors of length 100; this one’s have 64"),
        (str(State(64, class_number=10)), "names class 10, which this generator does not know"),
        (str(State(64, offsets=(("d64", 1.0),))), "moves d64, which this page does not have"),
    ):
        shown.paste(text)
        assert why in shown.says() and "The last picture stays" in shown.says()
        assert np.array_equal(shown.pixels(), kept)


def test_the_keyboard_alone_does_everything(page, written):
    _, path = written("course_conditional")
    shown, keys = Shown(page, path), page.keyboard
    first, reached = shown.settle(), []
    page.locator("#class").focus()
    while not reached or reached[-1] != "copy":
        reached.append(page.evaluate("document.activeElement.id"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        keys.press("Tab")
    assert reached == [
        "class", "view", "seed", "surprise", "to", "path", "walk", "play", "truncation", "pages",
        *(f"slider-{k}" for k in range(8)), "reset", "undo", "redo", "save", "state", "copy",
    ]  # fmt: skip
    page.locator("#slider-2").press("ArrowRight")
    moved = shown.settle(str(State(64, class_number=0, offsets=(("p2", 0.1),))))
    assert not np.array_equal(moved, first)
    page.locator("#pages").select_option("dimensions 8 to 15")
    page.locator("#slider-1").press("ArrowLeft")
    state = str(State(64, class_number=0, offsets=(("p2", 0.1), ("d9", -0.1))))
    shown.settle(state)
    page.locator("#copy").press("Enter")
    page.wait_for_function("async state => await navigator.clipboard.readText() === state", arg=state, timeout=PATIENCE)
    for key, wanted in (("undo", moved), ("undo", first), ("redo", moved)):
        page.locator(f"#{key}").press("Enter")
        page.wait_for_timeout(50)
        assert np.array_equal(shown.settle(), wanted)
    page.locator("#reset").press("Enter")
    assert np.array_equal(shown.settle(str(State(64, class_number=0))), first)
    with page.expect_download() as download:
        page.locator("#save").press("Enter")
    assert download.value.suggested_filename == f"conditional_subpixel_generator_{shown.state()}.png"
    saved = np.asarray(Image.open(download.value.path()).convert("RGB"))
    assert np.array_equal(saved[6::13, 6::13], first) and saved.shape == (364, 364, 3)
    page.locator("#play").press("Enter")
    page.wait_for_function("() => document.getElementById('walk').value > 3", timeout=PATIENCE)
    page.locator("#play").press("Enter")
    walked = shown.settle()
    assert "_w" in shown.state() and not np.array_equal(walked, first)


def test_a_flood_of_moves_leaves_no_backlog(page, written):
    """Two hundred moves at once are two pictures: the first and the last."""
    scenery, path = written("course_conditional")
    shown = Shown(page, path)
    shown.settle()
    drawn = page.evaluate(
        """async () => {
            const slider = document.getElementById('slider-0'), picture = document.getElementById('picture');
            let drawn = 0;
            new MutationObserver(() => drawn++).observe(picture, { attributes: true, attributeFilter: ['data-state'] });
            for (let k = 1; k <= 200; k++) {
                slider.value = k % 30 / 10;
                slider.dispatchEvent(new Event('input'));
            }
            await new Promise(done => setTimeout(done, 700));
            return drawn;
        }"""
    )
    end = State(64, class_number=0, offsets=(("p0", 2.0),))
    assert apart(shown.settle(str(end)), scenery.draw(end)) <= 1
    assert drawn == 2


# --- for everybody --------------------------------------------------------------------------------


def test_nothing_is_asked_of_anybody(page, written):
    shown = Shown(page, written("course_conditional")[1])
    shown.settle()
    assert page.foreign == [] and not [line for line in page.log if line.startswith("error")]
    asked = page.evaluate(
        "performance.getEntriesByType('resource').map(e => e.name).filter(n => !/^(data|blob):/.test(n))"
    )
    assert asked == []
    blocked = page.evaluate("fetch('https://example.org/').then(() => 'let through', () => 'blocked')")
    assert blocked == "blocked"


@pytest.fixture(scope="module")
def axe():
    """The source of axe-core, from npm."""
    name, version, sha256 = AXE
    kept = folders.runs("browser") / f"{name}-{version}.js"
    if not kept.is_file():
        if (npm := shutil.which("npm")) is None:
            pytest.skip("no node here: axe-core was not asked what is hard to reach")
        kept.parent.mkdir(parents=True, exist_ok=True)
        packed = subprocess.run(
            [npm, "pack", "--silent", f"{name}@{version}"], cwd=kept.parent, capture_output=True, text=True
        )
        if packed.returncode:
            pytest.skip(f"npm has no {name} {version}: {packed.stderr[-200:]}")
        archive = kept.parent / packed.stdout.split()[-1]
        shutil.unpack_archive(archive, kept.parent / "axe")
        shutil.move(kept.parent / "axe" / "package" / "axe.min.js", kept)
        shutil.rmtree(kept.parent / "axe")
        archive.unlink()
    source = kept.read_bytes()
    assert hashlib.sha256(source).hexdigest() == sha256, f"{kept} is not what was pinned"
    return source.decode()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_axe_finds_nothing_and_nothing_sticks_out(page, written, axe, scheme, width):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    try:
        shown = Shown(page, written("course_conditional")[1])
        shown.settle()
        shown.paste("no state")  # an error is to be read, too
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.evaluate(axe)
        found = page.evaluate("axe.run().then(found => found.violations.map(each => `${each.impact} ${each.id}`))")
        assert found == []
    finally:
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 1280, "height": 900})


@pytest.mark.fault(49)
@pytest.mark.parametrize(
    "missing", ["JavaScript", "delete window.Worker", "delete window.WebAssembly", "WebAssembly.Module"]
)
def test_without_what_it_needs_a_still_picture_and_a_line_stay(page, written, missing):
    path = written("course_conditional")[1]
    options = {"java_script_enabled": missing != "JavaScript"}
    if missing == "WebAssembly.Module":  # a worker whose browser does not know SIMD
        broken = path.with_stem("broken")
        broken.write_text(path.read_text("utf-8").replace("0, 0x61, 0x73, 0x6d", "1, 0x61, 0x73, 0x6d"), "utf-8")
        path = broken
    elif "WebAssembly" in missing:
        broken = path.with_stem("older")
        broken.write_text(
            path.read_text("utf-8").replace('id="worker">', 'id="worker">delete self.WebAssembly;'), "utf-8"
        )
        path = broken
    context = page.context.browser.new_context(**options)
    try:
        older = context.new_page()
        if "Worker" in missing:
            older.add_init_script(missing)
        older.goto(path.as_uri())
        older.get_by_text("A still picture. Sliders that move it need JavaScript").wait_for(timeout=PATIENCE)
        assert older.locator("#still").is_visible() and not older.locator("form").is_visible()
        assert older.locator("#still").evaluate("image => image.naturalWidth") == 364
        if missing != "JavaScript":
            assert "This browser could not start the generator: " in older.locator("#line").inner_text()
    finally:
        context.close()


@pytest.mark.skipif(firefox.find() is None, reason=f"no Firefox here; on Debian and Ubuntu, as root: {firefox.INSTALL}")
def test_it_runs_in_firefox(written):
    scenery, path = written("course_conditional")
    state = State(64, seed=4, side=4)
    until = f"document.getElementById('picture').dataset.state === '{state}'"
    scripts = ("document.getElementById('picture').toDataURL('image/png')", "document.documentElement.scrollWidth")
    (source, width), screenshot = firefox.looked_at(f"{path.as_uri()}#{state}", until, scripts, width=500)
    drawn = np.asarray(Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))).convert("RGB"))
    assert apart(drawn, scenery.draw(state)) <= 1
    assert width <= 500 and len(np.unique(np.asarray(Image.open(io.BytesIO(screenshot)).convert("L")))) > 50


def test_latents_are_those_of_the_package(page, written):
    """By themselves, since a picture forgives much."""
    source = "\n".join(map(pages._read, pages.WORKER[:3]))
    for length, seed in ((64, 0), (100, 7), (7, 2**31 - 1)):
        drawn = page.evaluate(f"() => {{ {source}; return [...sampled(64, {length}, {seed})]; }}")
        np.testing.assert_allclose(np.reshape(drawn, (64, length)), latent.sample(64, length, seed), atol=1e-6)
