"""The benchmark of quality over minutes: what it may pass on, and what it must measure anew."""

import importlib
import json
from pathlib import Path

import click
import pytest

ROOT = Path(__file__).resolve().parent.parent
SPEEDS = {"images_per_second": {"tutorial_dcgan": [800.0], "mlp_gan": [4000.0, 5000.0]}, "machine": "another machine"}


@pytest.fixture
def benchmark(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    module = importlib.import_module("quality_per_minute")
    monkeypatch.setattr(module, "RUNS", tmp_path / "runs")
    return module


def _plant(benchmark, run, points, **settings):
    folder = benchmark.RUNS / run
    folder.mkdir(parents=True)
    settings = {**benchmark._settings(run.rpartition("_")[0]), **settings}
    del settings["d_steps"]  # as in a run from before there was this setting
    stored = {"settings": settings, "points": points}
    (folder / "points.json").write_text(json.dumps(stored))
    (folder / "config.json").write_text(json.dumps({"settings": stored["settings"]}))


def _point(minutes, distance):
    return {"minutes": minutes, "distance": distance, "images_seen": 1000 * minutes, "smallest_class": 0.07}


def test_a_former_recipe_s_numbers_are_left_out_and_the_record_brings_the_others_back(benchmark, tmp_path):
    _plant(benchmark, "tutorial_dcgan_0", [_point(5, 8.0), _point(20, 6.0)])
    _plant(benchmark, "tutorial_dcgan_1", [_point(5, 4.0)])
    _plant(benchmark, "mlp_gan_0", [_point(5, 2.0)])
    _plant(benchmark, "mlp_gan_1", [_point(5, 0.001)], gamma=9.0, shift=2)
    (benchmark.RUNS / "speeds.json").write_text(json.dumps(SPEEDS))
    table = benchmark.report(tmp_path / "out")
    assert "| tutorial_dcgan | 6.00 (4.00 to 8.00, 2) | 6.00 (1) |" in table
    assert "| mlp_gan | 2.00 (1) |  |" in table, "the former recipe's 0.001 counts for nothing"
    assert "| 5 min | mlp_gan | 3.0 | 7.0% | 5,000 |" in table and "another machine" in table
    with pytest.raises(click.ClickException, match="another version of mlp_gan"):
        benchmark.train("mlp_gan", 1, minutes=5)

    benchmark.RUNS = tmp_path / "elsewhere"
    record = json.loads((tmp_path / "out" / "quality_per_minute.json").read_text(encoding="utf-8"))
    benchmark.put_back(record)
    assert benchmark.report(tmp_path / "again") == table
    _plant(benchmark, "mlp_gan_2", [_point(5, 4.0)])
    benchmark.put_back(record)  # what is here already stays
    assert "| mlp_gan | 3.00 (2.00 to 4.00, 2) |  |" in benchmark.report(tmp_path / "again")


def test_distances_by_another_judge_are_refused(benchmark, tmp_path):
    (benchmark.RUNS / "mlp_gan_0").mkdir(parents=True)
    benchmark._store(benchmark.RUNS / "mlp_gan_0", benchmark._settings("mlp_gan"), [_point(5, 2.0)])
    assert benchmark._points(benchmark.RUNS / "mlp_gan_0", "mlp_gan") == [_point(5, 2.0)]
    path = benchmark.RUNS / "mlp_gan_0" / "points.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "classifier": "f" * 64}))
    for measuring in (lambda: benchmark.report(tmp_path), lambda: benchmark.measure("mlp_gan", 0, minutes=5)):
        with pytest.raises(click.ClickException, match="by judge ffffffffffff"):
            measuring()
    with pytest.raises(click.ClickException, match="the record are by judge ffffffffffff"):
        benchmark.put_back({"speeds": SPEEDS, "runs": [], "settings": {}, "classifier": "f" * 64})
    assert not (benchmark.RUNS / "speeds.json").exists()


def test_points_beyond_the_minutes_asked_for_stay_and_a_slow_recipe_has_none(benchmark):
    """100 images/s: nothing is kept within the first minute."""
    _plant(benchmark, "mlp_gan_0", [_point(20, 6.0)])
    (benchmark.RUNS / "speeds.json").write_text(json.dumps({"images_per_second": {"mlp_gan": [100.0]}}))
    benchmark.measure("mlp_gan", 0, minutes=1)
    assert benchmark._points(benchmark.RUNS / "mlp_gan_0", "mlp_gan") == [_point(20, 6.0)]
