"""A judge for each data set: trained once, kept by the data set's hash, refused where it can only guess; and what is measured by it."""

import dataclasses
import json
import types

import numpy as np
import pytest

from gan_helpers import metrics, networks
from gan_helpers.data.dataset import Dataset
from gan_helpers.metrics import judges
from gan_helpers.runs import monitors

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
    patch.setattr(judges, "STEPS", 150)
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
    with pytest.raises(ValueError, match="0 images of 'Größe' to train a judge on; it takes 10"):
        judges.judge_for(dataclasses.replace(dataset, classes=few))


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
    with pytest.raises(ValueError, match="n is 500; it must lie in 11…150"):
        metrics.evaluate(generator, 500, dataset=dataset)
    with pytest.raises(ValueError, match=r"\(20, 20, 1\), and those of shapes have \(20, 20, 3\)"):
        metrics.evaluate(networks.mlp_generator(4, (8,), (20, 20, 1)), dataset=dataset)
    with pytest.raises(ValueError, match="knows 5 classes, and shapes has 3"):
        metrics.evaluate(networks.conditional_generator(4, (8, 8, 8), SHAPE, 5), dataset=dataset)
    table = metrics.side_by_side(first=found, second=found)
    assert table.count("first") == 1 and "frechet_classifier_distance" in table
    with pytest.raises(ValueError, match="its judge is"):
        metrics.side_by_side(first=found, second=dataclasses.replace(found, classifier="f" * 64))


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
