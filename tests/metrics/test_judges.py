"""A judge for each data set: trained once, kept by the data set's hash, refused where it can only guess; and what is measured by it."""

import dataclasses
import json
import subprocess
import sys
import types
import warnings
from pathlib import Path

import numpy as np
import pytest

from gan_helpers import metrics, networks
from gan_helpers.data import fashion_mnist
from gan_helpers.data.dataset import Dataset
from gan_helpers.metrics import evaluation, judges
from gan_helpers.runs import guards, monitors

NAMES = ("square", "bar", "Größe")
SHAPE = (20, 20, 3)


def shapes(n, seed):
    """Coloured squares, bars and frames, on noise: uint8 (n, 20, 20, 3), and which they are."""
    random = np.random.default_rng(seed)
    images, classes = random.integers(0, 60, (n, *SHAPE)), np.arange(n) % 3
    for image, kind in zip(images, classes):
        top, left, colour = *random.integers(1, 8, 2), random.integers(120, 255, 3)
        height, width = ((9, 9), (3, 11), (9, 9))[kind]
        image[top : top + height, left : left + width] = colour
        if kind == 2:
            image[top + 2 : top + 7, left + 2 : left + 7] = 20
    return images.astype(np.uint8), classes


@pytest.fixture(scope="module")
def dataset():
    return Dataset(*shapes(900, 0), NAMES, Dataset(*shapes(150, 1), NAMES), "shapes")


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Where this module's judges are kept."""
    place, patch = tmp_path_factory.mktemp("prepared"), pytest.MonkeyPatch()
    patch.setattr(judges.prepared, "home", lambda: place)
    patch.setattr(judges.prepared, "places", lambda: [place])
    patch.setattr(judges, "STEPS", 40)
    yield place
    patch.undo()


@pytest.fixture(scope="module")
def judge(dataset, kept):
    return judges.judge_for(dataset, verbose=0)


def test_a_judge_knows_its_classes_and_is_trained_once(dataset, judge, kept, monkeypatch):
    assert judge.accuracy > 0.8 and judge.class_names == NAMES and judge.image_shape == SHAPE
    features, probabilities = judge.features_and_probabilities(dataset.test.images)
    assert features.shape == (150, judges.FEATURES) and probabilities.shape == (150, 3)
    assert np.mean(probabilities.argmax(axis=1) == dataset.test.classes) == pytest.approx(judge.accuracy)
    monkeypatch.setattr(judges, "_trained", lambda *_: pytest.fail("trained again"))
    for again in (judges.judge_for(dataset), judges.known(dataset.hash)):
        assert again.sha256 == judge.sha256 and again.accuracy == judge.accuracy
    assert judges.known("0" * 64) is judges.known("other") is judges.known(None) is None
    with pytest.raises(ValueError, match=r"expected images of shape \(n, 20, 20, 3\)"):
        judge.features_and_probabilities(np.zeros((2, 28, 28, 1), np.uint8))


def test_a_damaged_judge_is_trained_anew(dataset, judge, kept):
    weights, _ = judges._files(dataset.hash)
    whole = weights.read_bytes()
    try:
        weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        assert judges.known(dataset.hash) is None
    finally:
        weights.write_bytes(whole)


def test_a_judge_that_can_only_guess_is_refused_and_not_kept(dataset, kept):
    lots = np.random.default_rng(0).integers(0, 3, len(dataset))
    guessed = dataclasses.replace(dataset, classes=lots, name="lots")
    with pytest.raises(ValueError, match="judge of lots cannot tell its classes apart.*guessing"):
        judges.judge_for(guessed, verbose=0)
    assert judges.known(guessed.hash) is None and not any(kept.glob(f"judge-{guessed.hash}*"))


def test_without_classes_or_with_few_images_of_one_there_is_no_judge(dataset, kept):
    with pytest.raises(ValueError, match="shapes has no classes.*no distance"):
        judges.judge_for(Dataset(dataset.images, name="shapes"))
    few = np.where(np.arange(900) < 895, dataset.classes % 2, 2)
    with pytest.raises(ValueError, match="0 images of 'Größe' to train a judge on; it takes 10.*add images"):
        judges.judge_for(dataclasses.replace(dataset, classes=few))
    with pytest.raises(ValueError, match="0 images of 'Größe'.*150 more are among the last sixth.*mix the classes"):
        judges.judge_for(dataclasses.replace(dataset, classes=np.where(np.arange(900) < 750, np.arange(900) % 2, 2)))
    with pytest.raises(ValueError, match="images of 7×20 pixels; a judge takes 8 each way"):
        judges.judge_for(dataclasses.replace(dataset, images=dataset.images[:, :7], test=None))
    with pytest.raises(ValueError, match="shapes has 120 images to train a judge on; it takes 128"):
        judges.judge_for(Dataset(dataset.images[:144], dataset.classes[:144], NAMES, name="shapes"))


def test_clothes_in_other_classes_have_a_judge_of_their_own():
    images, labels = (array[:100] for array in fashion_mnist.load_fashion_mnist("train"))
    for names in (fashion_mnist.CLASS_NAMES, tuple("0123456789")):
        assert judges.judge_for(Dataset(images, labels, names)) is judges.clothes()
    with pytest.raises(ValueError, match="84 images to train a judge on"):
        judges.judge_for(Dataset(images, labels % 2, ("even", "odd")))


@pytest.mark.parametrize("shape", [(8, 300, 1), (28, 28, 1), (96, 96, 3), (512, 512, 3)])
def test_judges_of_any_size_are_small(shape):
    model = judges.build(shape, 3)
    assert model.input_shape == (None, *shape) and model.output_shape == (None, 3)
    assert model.get_layer("features").output.shape == (None, judges.FEATURES) and model.count_params() < 500_000


def train_and_say(place):
    """In a process of its own: a judge that is kept in a folder, trained or found."""
    train, judges.STEPS = judges._trained, 40
    judges.prepared.home, judges.prepared.places = lambda: Path(place), lambda: [Path(place)]
    judges._trained = lambda *given: print("trained") or train(*given)
    print(judges.judge_for(Dataset(*shapes(900, 0), NAMES), verbose=0).sha256)


def test_two_processes_train_one_judge(tmp_path):
    script = tmp_path / "train_a_judge.py"
    script.write_text(
        f"import sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import test_judges\ntest_judges.train_and_say(sys.argv[1])\n"
    )
    command = [sys.executable, script, tmp_path]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = "".join(process.communicate(timeout=300)[0] for process in both).split()
    assert said.count("trained") == 1 and len(set(said)) == 2 and len(said) == 3


def test_many_images_are_judged_in_parts(dataset, judge, monkeypatch):
    whole = judge.features_and_probabilities(dataset.test.images)
    monkeypatch.setattr(judges, "BATCH", 40)
    monkeypatch.setattr(judges, "AT_ONCE", 1)
    for of_whole, in_parts in zip(whole, judge.features_and_probabilities(dataset.test.images)):
        assert np.allclose(of_whole, in_parts, atol=1e-3)


@pytest.mark.filterwarnings("ignore:n is")
def test_a_generator_is_measured_in_the_classes_of_its_own_data_set(dataset, judge):
    generator = networks.conditional_generator(4, (8, 8, 8), SHAPE, 3)
    with pytest.raises(ValueError, match="Say what it learned"):
        metrics.evaluate(generator)
    found = metrics.evaluate(generator, seeds=2, dataset=dataset)
    assert found.n == 150 and found.class_names == NAMES and found.classifier == judge.sha256
    assert found["class_entropy"].good == "near 1.099" and len(found.class_shares) == 3
    floor = found["frechet_classifier_distance"].real
    assert found["frechet_classifier_distance"].value > 5 * floor > 0
    assert found["gan_test_accuracy"].real == pytest.approx(judge.accuracy, abs=0.1)
    assert "Größe" in str(found) and "right for" in str(found)
    table = metrics.side_by_side(first=found, second=found)
    assert table.count("first") == 1 and "frechet_classifier_distance" in table
    with pytest.raises(ValueError, match="its judge is"):
        metrics.side_by_side(first=found, second=dataclasses.replace(found, classifier="f" * 64))


def test_what_cannot_be_measured_is_said_before_a_judge_is_trained(dataset, monkeypatch):
    monkeypatch.setattr(judges, "_trained", lambda *_: pytest.fail("trained"))
    fresh = dataclasses.replace(dataset, images=dataset.images ^ 1)
    generator = networks.conditional_generator(4, (8, 8, 8), SHAPE, 3)
    other_names = networks.conditional_generator(4, (8, 8, 8), SHAPE, 3)
    other_names.class_names = ("cat", "dog", "owl")
    for one, of, settings, said in (
        (
            networks.mlp_generator(4, (8,), (20, 20, 1)),
            fresh,
            {},
            r"\(20, 20, 1\), and those of shapes have \(20, 20, 3\)",
        ),
        (networks.conditional_generator(4, (8, 8, 8), SHAPE, 5), fresh, {}, "knows 5 classes, and shapes has 3"),
        (other_names, fresh, {}, "learned the classes cat, dog, owl, and those of shapes are square, bar, Größe"),
        (generator, fresh, {"n": 500}, "n is 500; it must lie in 11…150"),
        (generator, fresh, {"n": 100, "gan_train": True}, "n is 100; with gan_train it must be at least 128"),
        (generator, dataclasses.replace(fresh, test=None), {}, "no test images: say reference='held_out'"),
        (
            generator,
            dataclasses.replace(fresh, test=None),
            {"reference": "held_out", "gan_train": True},
            "for n = 75, and n must be at least 128",
        ),
        (generator, Dataset(fresh.images, name="shapes"), {}, "shapes has no classes.*no distance"),
    ):
        with pytest.raises(ValueError, match=said):
            metrics.evaluate(one, dataset=of, **settings)


@pytest.mark.filterwarnings("ignore:n is")
def test_without_test_images_real_ones_are_not_compared_with_themselves(dataset, judge, monkeypatch):
    taught = []
    monkeypatch.setattr(evaluation, "gan_train_accuracy", lambda images, *_, **__: taught.append(images) or 0.5)
    monkeypatch.setattr(judges, "BATCH_SIZE", 64)
    untested = dataclasses.replace(dataset, test=None)
    generator = networks.conditional_generator(4, (8, 8, 8), SHAPE, 3)
    found = metrics.evaluate(generator, seeds=2, reference="held_out", gan_train=True, dataset=untested)
    assert found.n == 75 and found.classifier == judge.sha256
    assert found["frechet_classifier_distance"].real > 0.01
    assert found["nearest_training_image"].real == pytest.approx(1, abs=0.2)
    assert np.array_equal(taught[-1], untested.images[:75]), "not by the held-out images, on which it is tested"
    with pytest.raises(ValueError, match="its reference is"):
        metrics.side_by_side(first=found, second=dataclasses.replace(found, reference="the test images"))
    copied = dataclasses.replace(dataset, test=Dataset(*shapes(900, 0), NAMES))
    with pytest.raises(ValueError, match="more than half of the test images of shapes are among its training images"):
        metrics.evaluate(generator, seeds=2, dataset=copied)


def test_images_without_classes_are_not_measured_which_is_said(dataset, tmp_path):
    monitor = monitors.QualityMonitor(tmp_path, dataset=Dataset(dataset.images, name="shapes"))
    monitor.set_model(types.SimpleNamespace(ema_generator=networks.mlp_generator(4, (8,), SHAPE)))
    monitor.set_params({"epochs": 1})
    with pytest.warns(UserWarning, match="measures nothing: shapes has no classes") as caught:
        monitor.on_train_begin()
    row = {}
    monitor.on_epoch_begin(0)
    monitor.on_epoch_end(0, row)
    assert len(caught) == 1 and row == {} and not any(tmp_path.iterdir())


@pytest.mark.parametrize("shares, warns", [((0.95, 0.05), 0), ((), 1)])
def test_a_generator_may_draw_its_classes_as_unevenly_as_they_are(monkeypatch, shares, warns):
    probabilities = np.eye(2)[(np.arange(500) % 25 == 0).astype(int)]
    seen = types.SimpleNamespace(
        image_shape=SHAPE,
        class_names=("much", "little"),
        shares=shares,
        features_and_probabilities=lambda _: (None, probabilities),
    )
    monkeypatch.setattr(judges, "known", lambda _: seen)
    guard = guards.WarnOnCollapse(after_steps=0)
    generator = types.SimpleNamespace(output_shape=(None, *SHAPE))
    gan = types.SimpleNamespace(generator=generator, trained_on="0" * 64, steps=np.array(1))
    gan.generate = lambda *_, **__: None
    guard.set_model(gan)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        guard.on_train_begin()
        guard.on_epoch_end(0)
    assert len(caught) == warns


@pytest.mark.filterwarnings("ignore:n is")
def test_distances_of_two_judges_never_share_a_history(dataset, judge, tmp_path):
    def begins(epoch, classifier):
        monitor = monitors.QualityMonitor(tmp_path, dataset=dataset)
        monitor.set_model(types.SimpleNamespace(ema_generator=networks.mlp_generator(4, (8,), SHAPE)))
        best = {"epoch": 1, "frechet_classifier_distance": 3.0, "n": 150, "classifier": classifier}
        (tmp_path / "best.json").write_text(json.dumps(best))
        monitor.on_train_begin()
        monitor.on_epoch_begin(epoch)
        return monitor.best

    assert begins(1, judge.sha256)["epoch"] == 1
    with pytest.raises(ValueError, match="by judge ffffffffffff.*two judges cannot be compared"):
        begins(1, "f" * 64)
    assert begins(0, "f" * 64) is None  # of a run that begins anew
