"""The gallery of lesson 07: what is recorded of it, what is drawn, and one short run."""

import importlib.util
import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.legend import Legend
from matplotlib.text import Text
from PIL import Image

import gan_helpers as gh
from gan_helpers.course import gallery
from gan_helpers.data import CLASS_NAMES

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def benchmark():
    """`benchmarks/gallery.py` as a module."""
    spec = importlib.util.spec_from_file_location("gallery_benchmark", ROOT / "benchmarks" / "gallery.py")
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["healthy", *gallery.FAILURES])
def test_a_recorded_run_shows_what_the_lesson_says(benchmark, name):
    run = gallery.recorded(name)
    assert (run.picture.shape, run.strip.shape, len(run.history)) == ((16, 28, 28, 1), (10, 28, 28, 1), gallery.ROWS)
    assert run.shares.sum() == pytest.approx(1, abs=1e-5)
    for what, measure, low, high in benchmark.CRITERIA[name]:
        assert low <= measure(run) <= high, what
    assert gallery.is_healthy(run) == (name == "healthy"), gallery.what_is_wrong(run)


@pytest.mark.parametrize("letter", gallery.SIX)
def test_an_unlabelled_run_shows_its_fault_and_is_not_healthy(benchmark, letter):
    run = gallery.unlabelled(letter)
    for what, measure, low, high in benchmark.CRITERIA[gallery.SIX[letter]]:
        assert low <= measure(run) <= high, what
    assert not gallery.is_healthy(run)


def test_what_is_recorded_is_small():
    assert sum(path.stat().st_size for path in (gh.folders.data() / "gallery").iterdir()) < 300_000


def test_charts_have_alt_texts_that_do_not_name_an_unlabelled_fault():
    for name in gallery.FAILURES:
        assert gallery.FAILURES[name].shows in gallery.show(name).alt
    for letter, name in gallery.SIX.items():
        assert name not in gallery.show(letter).alt
    assert "d_rate: 0.002 → 0.0001" in gallery.changes("collapse")


def test_a_chart_has_its_legends_outside_its_panels_and_says_no_fault():
    fig = gallery.show("A")
    picture = Image.open(io.BytesIO(fig.png()))
    assert picture.mode == "P" and picture.width >= 850
    legends, panels = fig.findobj(Legend), fig.findobj(Axes)
    assert (len(legends), len(panels)) == (2, 5)
    for legend in legends:
        assert not any(legend.get_window_extent().overlaps(panel.get_window_extent()) for panel in panels)
    said = {text.get_text() for text in fig.findobj(Text)}
    assert set(CLASS_NAMES) <= said and not any(name in text for name in gallery.FAILURES for text in said)


def test_a_run_says_what_cannot_be_right_and_trains_all_the_same():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = gallery.train(gallery.Settings(sigmoid=True, pixels=(0, 1), frozen="generator"), rows=1)
    said = " ".join(run.warned)
    assert all(part in said for part in ("verdict", "pixels lie between", "no trainable weights"))
    assert np.isfinite([run.diversity, run.background, run.classes_in_use]).all()


def test_names_that_do_not_exist_are_refused():
    with pytest.raises(ValueError, match="no run 'hapy'; there are healthy, the discriminator has won"):
        gallery.recorded("hapy")
    with pytest.raises(ValueError, match="no run 'G'; there are A, B, C, D, E, F"):
        gallery.unlabelled("G")
