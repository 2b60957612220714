"""The explorer without a browser: pictures, states, names of directions, errors. In a browser: test_browser.py."""

import asyncio
import html
import io
import re
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

import gan_helpers as gh
from gan_helpers import images
from gan_helpers.explorer import directions
from gan_helpers.explorer.picture import Scenery
from gan_helpers.explorer.state import State
from gan_helpers.explorer.widget import LatentExplorer
from gan_helpers.metrics import judges, neighbours
from gan_helpers.storage import folders


@pytest.fixture(scope="module")
def conditional():
    return gh.load_generator("course_conditional")


@pytest.fixture(scope="module")
def made(conditional):
    """One explorer for all tests that leave it at its first state."""
    return LatentExplorer(conditional, seed=7)


@pytest.fixture
def explorer(made):
    made.state = made.at_first = str(State(64, seed=7, to=8, class_number=0))
    return made


def picture(explorer):
    return bytes(explorer.picture.value)


def toy(latent_dim=3, shape=(5, 8, 3), activation="sigmoid"):
    """A generator of colours in a size that the classifier does not know."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((latent_dim,))
    x = layers.Dense(int(np.prod(shape)), activation=activation)(inputs)
    return keras.Model(inputs, layers.Reshape(shape)(x), name="toy")


# --- the picture ----------------------------------------------------------------------------------


def test_the_picture_is_what_generate_gives(explorer, conditional):
    explorer.view.value = 4
    explorer.class_choice.value = 9
    expected = gh.generate(conditional, gh.latent.sample(16, 64, seed=7), classes=np.full(16, 9))
    assert np.abs(explorer.images.astype(int) - expected).max() <= 1, "compiled and not: a level at most"
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(picture(explorer)))), images.grid(explorer.images)[..., 0])
    explorer.class_choice.value = -1
    expected = gh.generate(conditional, gh.latent.sample(16, 64, seed=7), classes=np.arange(16) % 10)
    assert np.abs(explorer.images.astype(int) - expected).max() <= 1


def test_a_slider_moves_the_picture_and_back_gives_the_first_bytes(explorer):
    first = picture(explorer)
    explorer.sliders[0].value = 2.0
    assert picture(explorer) != first
    assert np.allclose(explorer.latents[0], gh.latent.sample(64, 64, seed=7)[0] + 2 * explorer.directions[0], atol=1e-5)
    explorer.page.value = 1
    explorer.sliders[3].value = -1.5
    assert explorer.sliders[3].description == "dimension 3" and explorer.state.count("_d3~-1.5_p0") == 0
    assert "_p0~2_d3~-1.5_" in explorer.state
    explorer.page.value = 0
    assert explorer.sliders[0].value == 2.0, "a page that comes back shows its offsets"
    explorer.reset.click()
    assert picture(explorer) == first and explorer.state == explorer.at_first


def test_the_walk_is_slerp_or_straight_and_truncation_comes_after_it(explorer):
    a, b = gh.latent.sample(64, 64, seed=7)[0], gh.latent.sample(64, 64, seed=20)[0]
    explorer.to.value, explorer.walk.value = 20, 30
    assert np.allclose(explorer.latents[0], gh.latent.slerp(a, b, 101)[30], atol=1e-5)
    explorer.path.value, explorer.truncation.value = True, 0.5
    assert np.allclose(explorer.latents[0], (0.7 * a + 0.3 * b) / 2, atol=1e-5)
    assert "outside the prior" in explorer.line.value
    explorer.walk.value, explorer.truncation.value = 100, 1
    assert np.allclose(explorer.latents[0], b, atol=1e-6)


def test_the_text_says_class_confidence_and_length(explorer):
    explorer.class_choice.value = 8
    said = re.sub("<.*?>", "", explorer.line.value)
    length = np.linalg.norm(gh.latent.sample(64, 64, seed=7)[0])
    assert re.fullmatch(rf"Bag, \d+%\. Latent length {length:.1f}, within the prior’s 6\.2 to 9\.8\.", said)
    assert len(re.findall("<tr>", explorer.chart.value)) == 10 and 'aria-live="polite"' in explorer.line.value


def test_surprise_draws_another_seed(explorer):
    before = picture(explorer)
    explorer.walk.value = 100
    explorer.surprise.click()
    assert explorer.walk.value == 0 and explorer.seed.value != 7 and picture(explorer) != before


# --- any generator --------------------------------------------------------------------------------


def test_colours_and_other_sizes_work_without_the_classifier():
    training = np.random.default_rng(0).integers(0, 256, (20, 5, 8, 3), dtype=np.uint8)
    explorer = LatentExplorer(toy(), seed=1, training_images=training)
    assert Image.open(io.BytesIO(picture(explorer))).mode == "RGB"
    assert (
        explorer.directions.shape == (3, 3)
        and [s.layout.display for s in explorer.sliders] == [None] * 3 + ["none"] * 5
    )
    assert explorer.chart.value == "" and explorer.near.value.count("<img") == 3
    first = picture(explorer)
    explorer.sliders[1].value = 3.0
    assert picture(explorer) != first
    assert LatentExplorer(toy(), training_images=()).near.value == ""


def test_a_gan_just_trained_gives_its_average_in_its_own_pixel_range(small_gan, some_images):
    gan = small_gan(pixel_range=(-1, 1))
    gan.fit(gh.pipeline(some_images, batch_size=64), epochs=1, verbose=0)
    explorer = LatentExplorer(gan, directions={"mine": np.eye(8)[2]}, seed=3)
    assert np.abs(explorer.images.astype(int) - gan.generate(1, seed=3)).max() <= 1
    assert explorer.sliders[0].description == "0 · mine"
    explorer.sliders[0].value = 1.0
    before = explorer.images
    gan.ema_generator.set_weights([2 * weight for weight in gan.ema_generator.get_weights()])
    explorer.ask()
    assert not np.array_equal(explorer.images, before), "it draws with the weights as they are now"


@pytest.mark.parametrize(
    ("generator", "said"),
    [
        ("course_dcgan", "load_generator('course_dcgan')"),
        (keras.Sequential([keras.Input((4,)), layers.Dense(10)]), "no generator of images"),
        (object(), "no generator of images"),
        (toy(activation=None), "cannot tell the pixel range"),
    ],
    ids=["a name", "no image", "no model", "no range"],
)
def test_what_cannot_be_explored_is_refused(generator, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        LatentExplorer(generator)


# --- directions -----------------------------------------------------------------------------------


def planted(kind):
    """Striped squares that all vary a little in each respect. The first latent number moves one respect, the last none."""
    y, x = np.mgrid[:28, :28].astype("float32")
    latents = keras.Input((6,))
    push, *little = (keras.ops.reshape(latents[:, k : k + 1], (-1, 1, 1)) for k in range(5))
    push = {"wide": [push, 0, 0], "bright": [0, push, 0], "right": [0, 0, push]}[kind]
    width, level = 7 + 1.5 * push[0] + 0.5 * little[0], 0.6 + 0.15 * push[1] + 0.05 * little[1]
    inside = keras.ops.sigmoid(
        3 * (width - keras.ops.abs(keras.ops.subtract(x[None], 13.5 + 2 * push[2] + 0.5 * little[2])))
    )
    stripes = 1 + 0.2 * little[3] * np.sign(y % 2 - 0.5)
    drawn = keras.ops.clip(level * inside * stripes * (abs(y - 13.5) < 7).astype("float32"), 0, 1)[..., None]
    return keras.Model(latents, layers.Activation("linear")(drawn))


@pytest.mark.parametrize("kind", ["wide", "bright", "right"])
def test_directions_are_named_by_what_they_move(kind):
    axes = np.array([np.eye(6)[0], np.eye(6)[5], -np.eye(6)[0]])
    moved, idle, back = directions.name(planted(kind), axes, pixel_range=(0, 1))
    little = {"wide": "narrow", "bright": "dark", "right": "left"}[kind]
    assert (moved.name, idle.name, back.name) == (f"{little} ↔ {kind}", "", f"{kind} ↔ {little}")
    assert re.fullmatch(rf"{kind} \+\d\.\d standard deviations, in 100% of pictures", moved.measured)


def test_a_direction_between_classes_is_named_by_the_classes():
    test_images, classes = gh.load_fashion_mnist("test")
    shirt, trouser = (test_images[classes == k][:1].astype("float32") / 255 for k in (0, 1))
    latents = keras.Input((2,))
    share = keras.ops.reshape(keras.ops.sigmoid(3 * latents[:, :1]), (-1, 1, 1, 1))
    drawn = layers.Activation("linear")(share * trouser + (1 - share) * shirt)
    (named,) = directions.name(keras.Model(latents, drawn), [[1, 0]], (0, 1), judges.clothes())
    assert named.name == "T-shirt/top ↔ Trouser"
    assert re.fullmatch(
        r"probability of T-shirt/top -0\.\d\d, of Trouser \+0\.\d\d, in 100% of pictures", named.measured
    )


@pytest.mark.parametrize(("limit", "name"), [(2.0, "dark ↔ bright"), (0.9, "")], ids=["for nearly all", "for 82 %"])
def test_what_holds_on_average_only_is_no_name(limit, name):
    """The direction brightens strongly, but only pictures whose second latent number is below the limit."""
    latents = keras.Input((2,))
    push, other = (keras.ops.reshape(latents[:, k : k + 1], (-1, 1, 1, 1)) for k in range(2))
    moves = keras.ops.cast(other < limit, "float32")
    level = 0.5 + 0.15 * keras.ops.tanh(push) * moves + 0.02 * keras.ops.tanh(other)
    square = np.pad(np.ones((1, 14, 14, 1), "float32"), ((0, 0), (7, 7), (7, 7), (0, 0)))
    (named,) = directions.name(keras.Model(latents, layers.Activation("linear")(level * square)), [[1, 0]], (0, 1))
    assert named.name == name and re.search(r"bright \+\d\.\d standard deviations", named.measured)


def test_principal_directions_of_generators_that_are_no_stack_of_layers():
    found, explained = directions.principal(planted("wide"), samples=256)
    assert abs(found[0, 0]) > 0.9 and explained[0] > 0.4


AXIS = {"first": np.eye(6)[0]}


def with_an_embedding(classes=3, width=16):
    """A conditional generator whose class comes through an Embedding, the first of its layers; and the layer for its latents."""
    keras.utils.set_random_seed(0)
    number, latents = keras.Input((), dtype="int32"), keras.Input((6,))
    of_the_class = layers.Dense(4)(layers.Embedding(classes, 5)(number))
    early = layers.Dense(width)
    drawn = layers.Dense(784, activation="sigmoid")(layers.Concatenate()([of_the_class, early(latents)]))
    generator = keras.Model([latents, number], layers.Reshape((28, 28, 1))(drawn))
    assert generator.layers.index(early) > 1, "no test otherwise: the class's layers come first"
    return generator, early


def test_principal_directions_are_of_the_layer_that_the_latents_reach():
    generator, early = with_an_embedding()
    found, explained = directions.principal(generator)
    expected, _ = gh.latent.principal_directions(lambda latents: latents @ early.kernel.numpy(), 6, 6, samples=2048)
    assert found.shape == (6, 6) and np.allclose(np.abs((found * expected).sum(axis=1)), 1, atol=1e-3)
    assert explained.sum() > 0.99


@pytest.mark.parametrize(("width", "rank"), [(3, 3), (16, 2), (5, 0)], ids=["narrow", "of low rank", "deaf"])
def test_there_are_as_many_principal_directions_as_the_first_layer_has(width, rank):
    generator, early = with_an_embedding(width=width)
    random = np.random.default_rng(0)
    early.kernel.assign(random.normal(size=(6, rank)) @ random.normal(size=(rank, width)))
    early.bias.assign(np.full(width, 100.0))  # so that there is rounding noise
    found, explained = directions.principal(generator)
    assert found.shape == (rank, 6) and explained.shape == (rank,) and np.isfinite(found).all()
    explorer = LatentExplorer(generator, training_images=())
    assert len(explorer.direction_names) == rank
    assert explorer.sliders[0].description.startswith("0 · " if rank and explorer.direction_names[0] else "d")


# --- nearest training images ----------------------------------------------------------------------


def test_nearest_images_are_those_that_a_plain_search_finds(some_images):
    image = np.roll(some_images[40], 1, axis=0)
    found, distances = neighbours.Nearest(some_images)(image, k=3)
    plain = np.sqrt(((some_images.astype(float) - image) ** 2).mean(axis=(1, 2, 3)))
    assert found.tolist() == np.argsort(plain)[:3].tolist() and np.allclose(distances, plain[found], atol=0.01)
    with pytest.raises(ValueError, match=r"expected an image of shape \(28, 28, 1\); got \(5, 5, 1\)"):
        neighbours.Nearest(some_images)(np.zeros((5, 5, 1), np.uint8))


def test_a_memorised_image_shows(some_images):
    """A generator that gives a training image back, whatever it is asked."""
    latents = keras.Input((2,))
    copied = layers.Dense(784, use_bias=True, activation="sigmoid")(layers.Rescaling(0.0)(latents))
    generator = keras.Model(latents, layers.Reshape((28, 28, 1))(copied))
    wanted = np.clip(some_images[3].astype("float32").ravel() / 255, 1e-4, 1 - 1e-4)
    generator.layers[2].bias.assign(np.log(wanted / (1 - wanted)))
    explorer = LatentExplorer(generator, training_images=some_images)
    assert re.search(r'alt="training image 3, distance 0\.[0-4]"', explorer.near.value)


def test_few_training_images_or_unfit_ones_leave_the_explorer_standing(some_images):
    explorer = LatentExplorer(with_an_embedding()[0], directions=AXIS, training_images=some_images[:2])
    assert explorer.near.value.count("<img") == 2
    explorer = LatentExplorer(toy(), training_images=some_images)
    assert "expected an image of shape (28, 28, 1); got (5, 8, 3)" in html.unescape(explorer.near.value)
    first = picture(explorer)
    explorer.sliders[0].value = 1.0
    assert picture(explorer) != first


# --- whose images they are ------------------------------------------------------------------------


@pytest.mark.fault(39)
@pytest.mark.parametrize("told_by", ["attribute", "classes"])
def test_a_generator_of_other_images_has_no_judge_of_clothes_which_is_said(told_by):
    generator, _ = with_an_embedding(classes=10 if told_by == "attribute" else 26)
    if told_by == "attribute":
        generator.trained_on = "other"
    explorer = LatentExplorer(generator)
    shown = explorer.chart.value + explorer.near.value + explorer.line.value + "".join(explorer.direction_names)
    assert not any(name in shown for name in gh.CLASS_NAMES)
    assert "other images than Fashion-MNIST" in explorer.status.value
    chosen = [name for name, _ in explorer.class_choice.options[:-1]]
    assert chosen == [str(k) for k in range(10 if told_by == "attribute" else 26)]


def test_the_judge_says_what_it_takes_pictures_for_unless_it_is_known():
    generator, _ = with_an_embedding(classes=10)
    assert "Seen as clothes:" in LatentExplorer(generator, directions=AXIS, training_images=()).chart.value
    generator.trained_on = "fashion_mnist"
    explorer = LatentExplorer(generator, directions=AXIS)
    assert explorer.chart.value.count("<tr>") == 10 and "Seen as" not in explorer.chart.value
    assert explorer.near.value.count("<img") == 3


@pytest.mark.parametrize("classes", [3, 26])
def test_every_class_of_a_generator_can_be_drawn(classes):
    generator, _ = with_an_embedding(classes)
    explorer = LatentExplorer(generator, directions=AXIS, training_images=())
    explorer.class_choice.value = classes - 1
    latents = np.asarray(gh.latent.sample(1, 6, seed=0))
    expected = images.to_uint8(np.asarray(generator([latents, np.array([classes - 1])])), (0, 1))
    assert np.abs(explorer.images.astype(int) - expected).max() <= 1
    explorer.view.value, explorer.class_choice.value = 8, -1
    assert explorer.images.shape == (64, 28, 28, 1) and "stays" not in explorer.status.value
    state = explorer.state
    assert LatentExplorer(generator, directions=AXIS, training_images=(), state=state).state == state
    with pytest.raises(ValueError, match=f"2 class names, but .* knows {classes} classes"):
        LatentExplorer(generator, class_names=("one", "two"))


# --- any data set ---------------------------------------------------------------------------------

THINGS = ("cats & dogs", "<b>Bäume</b>", "ships")


def things(shape=(64, 64, 3), names=THINGS, count=30):
    """A data set of noise; each class has a brightness of its own."""
    random, classes = np.random.default_rng(0), np.arange(count) % max(len(names), 1)
    pictures = random.integers(0, 40, (count, *shape), np.uint8) + (200 * classes // max(len(names), 1))[
        :, None, None, None
    ].astype(np.uint8)
    test = gh.Dataset(pictures[:6], classes[:6], names, name="things") if names else None
    return gh.Dataset(pictures, classes if names else None, names, test, name="things")


def of_size(shape, classes=3):
    """A conditional generator of images of any size."""
    keras.utils.set_random_seed(0)
    latents, number = keras.Input((6,)), keras.Input((), dtype="int32")
    x = layers.Concatenate()([latents, layers.Embedding(classes, 5)(number)])
    drawn = layers.Dense(int(np.prod(shape)), activation="sigmoid")(x)
    return keras.Model([latents, number], layers.Reshape(shape)(drawn), name="of_things")


def judge_of(dataset):
    """A judge that was never trained."""
    keras.utils.set_random_seed(0)
    model = judges.build(dataset.image_shape, len(dataset.class_names))
    return judges.Judge(model, "0" * 64, dataset.class_names, 0.5, dataset.name)


def test_a_data_set_says_classes_judge_and_training_images():
    dataset = things()
    explorer = LatentExplorer(of_size((64, 64, 3)), directions=AXIS, dataset=dataset)
    assert [name for name, _ in explorer.class_choice.options] == [*THINGS, "all in turn"]
    near = html.unescape(explorer.near.value)
    assert near.count("<img") == 3 and re.search("training image [0-9]+, (cats & dogs|<b>Bäume</b>|ships), ", near)
    assert "<b>B" not in explorer.near.value, "a folder's name is no HTML"
    assert explorer.chart.value == "" and "things" in explorer.status.value and "evaluate" in explorer.status.value
    assert explorer.learned_from == "It learned from things: 30 colour pictures in 3 classes."

    judged = LatentExplorer(of_size((64, 64, 3)), directions=AXIS, dataset=dataset, judge=judge_of(dataset))
    seen = re.findall("<tr><td[^>]*>(.*?)</td>", judged.chart.value)
    assert [html.unescape(name) for name in seen] == list(THINGS) and "No judge" not in judged.status.value
    named = re.search('<img alt="Still picture of an explorer. (.*?), [0-9]+%', judged.still())[1]
    assert html.unescape(named) in THINGS


def test_a_generator_finds_what_it_learned_by_itself(monkeypatch):
    dataset = things()
    generator = of_size((64, 64, 3))
    generator.trained_on, generator.class_names = dataset.origin, THINGS
    known = {dataset.origin: dataset}
    monkeypatch.setattr("gan_helpers.data.dataset.known", known.get)
    monkeypatch.setattr("gan_helpers.metrics.judges.known", {dataset.origin: judge_of(dataset)}.get)
    explorer = LatentExplorer(generator, directions=AXIS)
    assert explorer.chart.value.count("<tr>") == 3 and explorer.near.value.count("<img") == 3
    assert [name for name, _ in explorer.class_choice.options[:-1]] == list(THINGS)
    known.clear()
    explorer = LatentExplorer(generator, directions=AXIS, judge=False)
    assert [name for name, _ in explorer.class_choice.options[:-1]] == list(THINGS), "its own"
    assert explorer.chart.value == explorer.near.value == explorer.learned_from == ""


def test_images_without_classes_have_no_judge_which_is_said():
    dataset = things((28, 28, 1), names=())
    explorer = LatentExplorer(of_size((28, 28, 1), 10), directions=AXIS, dataset=dataset)
    assert "things, which has no classes" in explorer.status.value
    assert explorer.chart.value == "" and re.search("training image [0-9]+, distance", explorer.near.value)
    assert [name for name, _ in explorer.class_choice.options[:-1]] == [str(k) for k in range(10)], "no clothes"


@pytest.mark.parametrize("classes", [2, 100])
def test_the_chart_shows_the_ten_most_probable_of_many_classes(classes):
    dataset = things((28, 28, 1), tuple(f"kind {k}" for k in range(classes)), 200)
    judge = judge_of(dataset)
    explorer = LatentExplorer(of_size((28, 28, 1), classes), directions=AXIS, dataset=dataset, judge=judge)
    seen = re.findall("<tr><td[^>]*>(.*?)</td>", explorer.chart.value)
    probabilities = judge.features_and_probabilities(explorer.images)[1][0]
    expected = range(2) if classes == 2 else np.argsort(-probabilities)[:10]
    assert seen == [f"kind {k}" for k in expected]
    assert ("10 most probable of 100" in explorer.chart.value) == (classes == 100)
    assert len(explorer.class_choice.options) == classes + 1
    explorer.class_choice.value = classes - 1
    assert f"_c{classes - 1}_" in explorer.state


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"dataset": things((32, 32, 3))}, ["things", "(32, 32, 3)", "of_things", "(64, 64, 3)"]),
        ({"dataset": things(names=("one", "two"))}, ["things has 2 classes", "knows 3"]),
        ({"dataset": things(), "class_names": ("one",)}, ["1 class names", "knows 3 classes"]),
        ({"judge": judge_of(things((28, 28, 1)))}, ["judge of things", "(28, 28, 1)", "(64, 64, 3)"]),
        ({"judge": True}, ["judge of fashion_mnist", "(28, 28, 1)", "judge_for"]),
    ],
    ids=["shape", "classes", "names", "judge", "clothes"],
)
def test_what_does_not_belong_to_the_generator_is_refused(given, said):
    with pytest.raises(ValueError) as error:
        LatentExplorer(of_size((64, 64, 3)), directions=AXIS, **given)
    assert all(part in str(error.value) for part in said), error.value


@pytest.mark.parametrize("side", [28, 32, 48, 64, 96, 200])
def test_pictures_of_any_size_have_the_same_room(side):
    explorer = LatentExplorer(of_size((side, side, 1)), directions=AXIS, training_images=(), judge=False)
    for view in (1, 4, 8):
        explorer.view.value = view
        shown = float(explorer.picture.layout.width.removesuffix("px"))
        real = np.asarray(Image.open(io.BytesIO(picture(explorer)))).shape[1]
        assert 330 < shown <= 370
        smooth = "gan-smooth" in explorer.picture._dom_classes
        assert smooth if real > 370 else smooth or 2 * shown / real % 1 == 0, "even pixels, or none to be seen"


def test_given_names_are_the_judges_where_it_knows_the_same_classes(conditional):
    own = tuple(f"Kleid {k}" for k in range(10))
    explorer = LatentExplorer(conditional, directions={"first": np.eye(64)[0]}, class_names=own)
    shown = explorer.chart.value + explorer.near.value + explorer.line.value
    assert "Kleid 0" in explorer.near.value and not any(name in shown for name in gh.CLASS_NAMES)
    unknown, _ = with_an_embedding(classes=10)
    explorer = LatentExplorer(unknown, directions=AXIS, class_names=own, training_images=())
    assert "Seen as clothes" in explorer.chart.value and "Kleid" not in explorer.chart.value


def test_the_picture_needs_no_widgets(conditional):
    code = "import sys; from gan_helpers.explorer import picture; print('ipywidgets' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert told.stdout == "False\n", told.stderr
    scenery = Scenery(conditional)
    drawn = scenery.draw(State(64, seed=7, to=8, class_number=9, side=4, offsets=(("p0", 1.5),)))
    assert np.asarray(Image.open(io.BytesIO(drawn.png))).shape == drawn.sheet.shape[:2]
    assert (scenery.probabilities(drawn).argmax(axis=1) == 9).mean() > 0.5


# --- states, undo, saving -------------------------------------------------------------------------


def test_a_state_brings_the_same_picture_back_in_another_explorer(explorer, conditional):
    for slider, value in zip(explorer.sliders, (1.5, -0.3, 0.1)):
        slider.value = value
    explorer.view.value, explorer.walk.value, explorer.truncation.value = 4, 35, 0.75
    explorer.class_choice.value, explorer.path.value = 3, True
    state = explorer.state
    assert re.fullmatch(r"[A-Za-z0-9._~-]{1,80}", state), "goes into a URL as it is"
    other = LatentExplorer(conditional, state=state)
    assert picture(other) == picture(explorer) and other.state == state
    assert [s.value for s in other.sliders[:3]] == [1.5, -0.3, 0.1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hello", "is no state of an explorer"),
        ("", "is no state of an explorer"),
        (str(State(64, seed=7, walk=35))[:-2], "is not whole"),
        (str(State(64, seed=7, walk=35)).replace("w35", "w36"), "is not whole"),
        (str(State(100)), "latent vectors of length 100; this one's have 64"),
        (str(State(64, class_number=11)), "names class 11"),
        (str(State(64, offsets=(("p99", 1.0),))), "moves p99"),
    ],
)
def test_a_wrong_state_is_refused_and_pasted_it_keeps_the_picture(explorer, text, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        explorer.state = text
    before = picture(explorer)
    explorer.state_text.value = text
    if text:
        assert re.search(re.escape(said), html.unescape(explorer.status.value))
    assert picture(explorer) == before and explorer.state == explorer.at_first


def test_every_state_survives_its_string():
    random = np.random.default_rng(0)
    for _ in range(200):
        state = State(
            int(random.integers(1, 1000)), int(random.integers(2**31)), int(random.integers(2**31)),
            int(random.integers(101)), bool(random.integers(2)), float(random.random()),
            random.choice([None, 0, 9]), int(random.choice([1, 4, 8])),
            tuple((f"{'pd'[i % 2]}{i}", float(random.uniform(-3, 3))) for i in range(random.integers(4))),
        )  # fmt: skip
        assert State.parse(f" {state}\n") == state
    for tiny in (1e-05, 2.5e-10):
        state = State(64, truncation=tiny, offsets=(("p0", -tiny),))
        assert State.parse(str(state)) == state
    with pytest.raises(ValueError, match="walk of .* out of range"):
        State(64, walk=101)


def test_undo_and_redo(explorer):
    pictures = [picture(explorer)]
    for value in (1.0, 2.0):
        explorer.sliders[0].value = value
        pictures.append(picture(explorer))
    explorer.undo.click()
    assert picture(explorer) == pictures[1] and explorer.sliders[0].value == 1.0
    explorer.undo.click()
    assert picture(explorer) == pictures[0]
    explorer.redo.click()
    explorer.redo.click()
    assert picture(explorer) == pictures[2]
    explorer.redo.click()
    assert "nothing to redo" in explorer.status.value and picture(explorer) == pictures[2]


def test_undo_faster_than_the_picture_goes_back_each_time(explorer):
    first = picture(explorer)
    for value in (1.0, 2.0):
        explorer.sliders[0].value = value
        last = picture(explorer)

    async def quickly():
        explorer.undo.click()
        explorer.undo.click()
        await explorer.settled()
        back = picture(explorer)
        explorer.redo.click()
        explorer.redo.click()
        await explorer.settled()
        again = picture(explorer)
        explorer.sliders[1].value = 1.0
        explorer.undo.click()  # of a move that nobody has seen yet
        await explorer.settled()
        return back, again, picture(explorer)

    assert asyncio.run(quickly()) == (first, last, last)


def test_saving_says_where_and_overwrites_nothing(explorer, tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "runs", lambda name="": tmp_path / name)
    explorer.save.click()
    (path,) = (tmp_path / "explorer").iterdir()
    assert path.name == f"{explorer.generator.name}_{explorer.state}.png" and str(path) in explorer.status.value
    shown = np.asarray(Image.open(path))
    assert np.array_equal(shown[::13, ::13], explorer.images[0, ..., 0])
    explorer.save.click()
    assert "there already" in explorer.status.value and len(list((tmp_path / "explorer").iterdir())) == 1
    path.write_bytes(b"another file")
    explorer.save.click()
    assert path.read_bytes() == b"another file" and path.with_stem(f"{path.stem}-2").stat().st_size > 100
    monkeypatch.setattr(folders, "runs", lambda name="": path / name)  # a file where the folder should be
    explorer.save.click()
    assert "Not saved" in explorer.status.value and "download=" in explorer.status.value


# --- faults ---------------------------------------------------------------------------------------


@pytest.mark.fault(20)
def test_an_error_in_a_callback_is_said_and_keeps_the_last_picture(explorer):
    before = picture(explorer)
    explorer.offsets[0] = np.nan
    explorer.ask()
    assert "The last picture stays" in explorer.status.value and picture(explorer) == before
    explorer.reset.click()
    assert "stays" not in explorer.status.value and picture(explorer) == before

    broken = LatentExplorer(toy(), directions=np.eye(3), training_images=())
    before = picture(broken)
    broken.generator.layers[1].kernel.assign(np.full((3, 120), np.nan, "float32"))
    broken.sliders[0].value = 1.0
    assert "gives NaN" in broken.status.value and picture(broken) == before


def test_many_moves_in_an_event_loop_end_in_few_drawings_at_the_last_value(explorer):
    drawn, every = [], explorer._draw

    async def flood():
        for k in range(100):
            explorer.sliders[0].value = round(0.03 * k, 2)
        await explorer.settled()

    explorer._draw = lambda: (drawn.append(1), every())
    try:
        asyncio.run(flood())
    finally:
        del explorer._draw
    assert len(drawn) == 1 and "_p0~2.97_" in explorer.state
    assert np.allclose(
        explorer.latents[0], gh.latent.sample(64, 64, seed=7)[0] + 2.97 * explorer.directions[0], atol=1e-5
    )


def test_every_control_has_a_label_and_a_tooltip(explorer):
    def controls(widget):
        for child in getattr(widget, "children", ()):
            yield from controls(child)
        if hasattr(widget, "description") and type(widget).__name__ != "HTML":
            yield widget

    found = list(controls(explorer))
    assert len(found) == 23
    for control in found:
        assert (control.description or type(control).__name__ == "Play") and control.tooltip


def test_the_still_picture_says_to_run_the_cell(explorer):
    still = explorer.still()
    assert "<strong>Run this cell to get sliders that move.</strong>" in still
    names = "|".join(map(re.escape, gh.CLASS_NAMES))
    assert re.search(rf'<img alt="Still picture of an explorer\. ({names}), \d+%\. Latent length', still)


def test_displayed_twice_a_living_explorer_hides_both_still_pictures(explorer, monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    explorer._ipython_display_()
    explorer._ipython_display_()
    stills = [re.match('<div class="([^"]+)">', each["text/html"])[1] for each in shown if "text/html" in each]
    styles = "".join(getattr(child, "value", "") for child in explorer.children)
    assert len(stills) == 2 and all(f".{name} {{ display: none; }}" in styles for name in stills)
