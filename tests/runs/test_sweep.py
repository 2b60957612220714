"""Sweeps: studies that processes share, and leave in any way."""

import collections
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import gan_helpers as gh
from gan_helpers.metrics import judges
from gan_helpers.runs import recipes, study, sweep, training

pytest.importorskip("optuna", reason="pip install -r requirements-sweep.lock")

SETTINGS = ("--set", "g_learning_rate=4e-4,8e-4", "--set", "batch_size=250", "--seeds", "2", "--no-prune")
IMAGES = 15_000  # per run, which are 6 epochs: some seconds


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with 3,000 small images in two classes, which a judge tells apart soon; judges are kept there."""
    place, patch = tmp_path_factory.mktemp("place"), pytest.MonkeyPatch()
    patch.setattr(judges.prepared, "home", lambda: place)
    patch.setattr(judges.prepared, "places", lambda: [place])
    patch.setattr(judges, "STEPS", 60)
    patch.setattr(judges, "EPOCHS", 1)
    rng, classes = np.random.default_rng(0), np.arange(3000) % 2
    images = rng.integers(0, 90, (3000, 16, 16), np.uint8)
    images[classes == 0, :8] += 150
    images[classes == 1, 8:] += 150
    np.savez(place / "halves.npz", images=images, classes=classes)
    yield place
    patch.undo()


def begin(place, folder):
    """The command of all the processes below, in one of its own."""
    script = [sys.executable, Path(__file__).with_name("sweep_process.py"), place, "sweep", "course_mlp", *SETTINGS]
    heed = {} if os.name == "nt" else {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    more = ["--images", place / "halves.npz", "--images-per-run", str(IMAGES), "--study", folder]
    return subprocess.Popen([*script, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **heed)


def in_the_middle(folder, processes):
    """Wait until a run has been measured, and is not soon at its end; its number, and the process that trains it."""
    while all(process.poll() is None for process in processes):
        if (folder / "sweep.json").exists() and (folder / "journal.log").exists():
            for row in gh.study(folder).rows:
                pid = folder / "runs" / f"{row['run']:04d}" / ".lock.pid"
                if row["state"] == "not finished" and 0 < len(row["distances"]) < 4 and pid.exists():
                    found = [process for process in processes if str(process.pid) == pid.read_text()]
                    if found:
                        return row["run"], found[0]
        time.sleep(0.05)
    raise AssertionError([process.communicate() for process in processes if process.poll() is not None])


@pytest.fixture(scope="module")
def shared(place, tmp_path_factory):
    """A study that one process began and was stopped in by Ctrl-C, and two went on with, of which one was killed."""
    folder = tmp_path_factory.mktemp("studies") / "shared"
    first = begin(place, folder)
    interrupted, _ = in_the_middle(folder, [first])
    first.send_signal(signal.SIGINT)
    said = [first.communicate()]
    two = [begin(place, folder) for _ in range(2)]
    killed, victim = in_the_middle(folder, two)
    victim.kill()
    (other,) = (process for process in two if process is not victim)
    said += [victim.communicate(), other.communicate()]
    return {
        "folder": folder,
        "statuses": [first.returncode, victim.returncode, other.returncode],
        "said": said,
        "broken": (interrupted, killed),
    }


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send Ctrl-C to one process alone")
@pytest.mark.fault(47)
def test_processes_share_a_study_one_is_stopped_one_killed_and_nothing_is_lost_or_done_twice(shared, place):
    folder = shared["folder"]
    assert shared["statuses"] == [130, -signal.SIGKILL, 0], shared["said"]
    (_, stopped), _, (table, _) = shared["said"]
    assert "the same command goes on with it" in stopped and "Traceback" not in stopped
    assert "g_learning_rate" in table and "Judge " in table
    rows = gh.study(folder).rows
    assert [row["state"] for row in rows] == ["finished"] * 4 and [row["run"] for row in rows] == [0, 1, 2, 3]
    points = collections.Counter((row["g_learning_rate"], row["seed"]) for row in rows)
    assert points == dict.fromkeys([(rate, seed) for rate in (4e-4, 8e-4) for seed in (0, 1)], 1)
    for row in rows:
        run = gh.load_run(row["folder"])
        assert sum(epoch["images"] for epoch in run.history) == IMAGES and int(run.gan.steps.value) == IMAGES // 250
        assert run.history[-1]["frechet_classifier_distance"] == row["distance"] and len(row["distances"]) == 5
        assert run.gan.generate(2).shape == (2, 16, 16, 1)


@pytest.mark.skipif(sys.platform == "win32", reason="see above")
@pytest.mark.filterwarnings("ignore")
def test_a_run_that_was_cut_off_ends_where_one_without_a_stop_ends(shared, place, tmp_path):
    row = gh.study(shared["folder"]).rows[shared["broken"][1]]
    dataset = gh.Dataset.open(place / "halves.npz", None, None)
    recipe = sweep.with_settings(
        recipes.get("course_mlp").for_images(dataset.image_shape, 2),
        {"g_learning_rate": row["g_learning_rate"], "batch_size": 250},
    )
    run = training.train(
        recipe, tmp_path / "run", dataset, images_in_all=IMAGES, seed=row["seed"], evaluate_every=10_000, verbose=0
    )
    assert run.history[-1]["frechet_classifier_distance"] == row["distance"]
    again = training.train(
        recipe, tmp_path / "run", dataset, images_in_all=IMAGES, seed=row["seed"], evaluate_every=10_000, verbose=0
    )
    assert again.history == run.history, "there is nothing left to do"


@pytest.mark.skipif(sys.platform == "win32", reason="see above")
def test_what_a_study_has_found_as_rows_frame_and_figures(shared, call):
    found = gh.study(shared["folder"])
    best = found.best
    assert best == found.points[0] and best["lowest"] <= best["distance"] <= best["highest"] and best["finished"] == 2
    assert found.frame().loc[0, "distance"] == found.rows[0]["distance"]
    for figure in (found.history(), found.importances(), found.parallel_coordinates()):
        assert figure.png().startswith(b"\x89PNG") and len(figure.alt) > 40 and figure.axes
    assert "g_learning_rate 100%" in found.importances().alt
    status, table, _ = call("study", shared["folder"])
    assert status == 0 and table.count(".png: ") == 3 and (shared["folder"] / "importances.png").exists()
    assert json.loads(call("study", shared["folder"], "--json")[1])[0]["run"] == 0


@pytest.mark.skipif(sys.platform == "win32", reason="see above")
def test_another_study_s_settings_are_refused_and_nothing_is_written(shared, place, call):
    folder = shared["folder"]
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    common = ("sweep", "course_mlp", "--images", place / "halves.npz", "--study", folder)
    same = (*SETTINGS[2:], "--images-per-run", IMAGES)
    for arguments, said in (
        ((*same, "--set", "g_learning_rate=1e-4,8e-4"), "g_learning_rate: 0.0004,0.0008 there, 0.0001,0.0008 here"),
        ((*SETTINGS, "--images-per-run", "10"), "images_per_run: 15000 there, 10 here"),
        ((*SETTINGS, "--set", "loss=hinge,wasserstein", "--images-per-run", IMAGES), "loss: non_saturating there"),
    ):
        status, _, error = call(*common, *arguments)
        assert status == 2 and "holds another study" in error and said in error
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.filterwarnings("ignore")
def test_a_hopeless_run_is_stopped_early(place, tmp_path, monkeypatch, call):
    monkeypatch.setattr(sweep, "FINISHED_FIRST", 1)
    status, out, error = call(
        *("sweep", "course_mlp", "--images", place / "halves.npz", "--images-per-run", 6_000, "--seeds", 1),
        *("--set", "g_learning_rate=2e-3,1e-9", "--set", "batch_size=100", "--study", tmp_path / "study"),
    )
    assert status == 0, error
    found = gh.study(tmp_path / "study")
    assert [(row["g_learning_rate"], row["seed"], row["state"]) for row in found.rows] == [
        (2e-3, 0, "finished"), (1e-9, 0, "stopped early"),
    ]  # fmt: skip
    assert "worst 25 %" in found.rows[1]["why"] and len(found.rows[1]["distances"]) < 5 and "stopped early" in out
    assert found.best["g_learning_rate"] == 2e-3
    assert gh.load_run(found.rows[1]["folder"]).history, "what was stopped early is a run folder too"


@pytest.mark.parametrize(
    "text, said",
    [
        ("g_learning_rate=log:2e-3..1e-4", "upside down"),
        ("g_learning_rate=1e-4..1e-4", "empty"),
        ("g_learning_rate=log:0..1e-4", "begins above 0"),
        ("g_learning_rate=0..inf", "ends of a range are numbers"),
        ("loss=hinge..wasserstein", "only numbers have a range"),
        ("d_steps=1..2.5", "d_steps is a whole number"),
        ("d_steps=1,two", "d_steps is a whole number"),
        ("loss=hinge,hinge", "there twice"),
        ("loss=hinge,,wasserstein", "nothing between two commas"),
        ("loss=", "write loss=VALUE"),
        ("los=hinge,wasserstein", "'los' is no setting of a recipe; there is loss"),
        ("loss=hinge,wassertein", "did you mean 'wasserstein'"),
        ("batch_size=0,32", "batch_size is 0"),
        ("batch_size=32,70000", "batch_size is 70000"),
        ("d_steps=0..2", "d_steps is 0"),
        ("loss=hinge", "a sweep of nothing"),
    ],
)
def test_settings_that_are_none_are_named_and_nothing_is_written(call, tmp_path, text, said):
    status, _, error = call(
        "sweep", "course_mlp", "--set", text, "--study", tmp_path / "study", "--runs", 4, "--minutes", 1
    )
    assert status == 2 and said in error and len(error.splitlines()) == 1
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--set", "d_steps=1,2"], "either minutes"),
        (["--set", "d_steps=1,2", "--minutes", "1", "--images-per-run", "10"], "either minutes"),
        (["--set", "g_learning_rate=1e-4..1e-3", "--minutes", "1"], "how many runs"),
        (["--set", "g_learning_rate=1e-4..1e-3", "--minutes", "1", "--sampler", "grid"], "a grid has no ranges"),
        (["--set", "batch_size=8..64", "--runs", "9", "--minutes", "1"], "batch_size has to have alternatives"),
        (["--minutes", "1"], "a sweep of nothing"),
        (["--set", "d_steps=1,2", "--set", "d_steps=3", "--minutes", "1"], "set twice"),
        (["--set", "learning_rate=1e-4,1e-3", "--set", "d_learning_rate=1e-3", "--minutes", "1"], "set twice"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused_and_nothing_is_written(call, tmp_path, arguments, said):
    status, _, error = call("sweep", "course_mlp", *arguments, "--study", tmp_path / "study")
    assert status == 2 and said in error and not (tmp_path / "study").exists()


def test_a_folder_that_cannot_be_written_to_and_no_study_and_no_optuna(call, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    sweep_of_two = ("sweep", "course_mlp", "--set", "d_steps=1,2", "--images-per-run", "10", "--study")
    status, _, error = call(*sweep_of_two, tmp_path / "file" / "study")
    assert status == 2 and "cannot be written to" in error
    assert call("study", tmp_path)[0] == 2 and "holds no study" in call("study", tmp_path)[2]
    monkeypatch.setitem(sys.modules, "optuna", None)
    status, _, error = call(*sweep_of_two, tmp_path / "study")
    assert status == 2 and "pip install -r requirements-sweep.lock" in error and not (tmp_path / "study").exists()


def test_settings_as_distributions():
    found = sweep.distributions(
        ["g_learning_rate=log:1e-4..2e-3", "d_steps=1..4", "regularisers=r1:1.0+smoothness:0.05,none", "batch_size=32", "decay_steps=none,100"]
    )  # fmt: skip
    assert found["g_learning_rate"].log and (found["d_steps"].low, found["d_steps"].high) == (1, 4)
    assert found["regularisers"].choices == ("r1:1.0+smoothness:0.05", "none") and found["decay_steps"].choices == (
        None,
        100,
    )
    recipe = sweep.with_settings(
        recipes.get("course_dcgan"), {"regularisers": "none", "batch_size": 8, "decay_steps": None}
    )
    assert recipe.regularisers == () and recipe.batch_size == 8 and recipe.decay_steps is None


def trials_of(sampler, space, seeds, runs, folder, stopped=()):
    """The points that a plan proposes, each with its seed, whatever the distances; `stopped`: runs that are stopped early."""
    import contextlib

    optuna = study.optuna()
    shared = optuna.create_study(storage=study.storage(folder), study_name=study.NAME)
    plan = sweep.Plan(recipes.get("course_mlp"), sweep.distributions(space), seeds, runs, sampler, False)
    found = []
    while True:
        with contextlib.ExitStack() as held:
            if (trial := sweep._begin_run(plan, shared, folder, held)) is None:
                return found
            found.append((*trial.params.values(), trial.user_attrs["seed"]))
        if trial.number in stopped:
            shared.tell(trial.number, state=optuna.trial.TrialState.PRUNED)
        else:
            shared.tell(trial.number, float(trial.number))


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_each_point_has_all_its_seeds_and_each_has_others_where_it_comes_again(tmp_path, sampler):
    drawn = trials_of(sampler, ["d_learning_rate=1e-4..1e-3"], 2, 8, tmp_path)
    assert [seed for _, seed in drawn] == [0, 1] * 4 and len({rate for rate, _ in drawn}) == 4
    (tmp_path / "again").mkdir()
    drawn = trials_of(sampler, ["d_steps=1,2"], 2, 8, tmp_path / "again")
    assert len(set(drawn)) == len(drawn) == 8, "no run is trained twice"


def test_what_was_stopped_early_gets_no_more_seeds(tmp_path):
    drawn = trials_of("grid", ["d_steps=1,2", "loss=hinge,wasserstein"], 3, 12, tmp_path, stopped=(0, 4))
    assert drawn == [
        (1, "hinge", 0), (1, "wasserstein", 0), (1, "wasserstein", 1), (1, "wasserstein", 2), (2, "hinge", 0),
        (2, "wasserstein", 0), (2, "wasserstein", 1), (2, "wasserstein", 2),
    ]  # fmt: skip


def test_a_journal_whose_last_line_was_cut_off_goes_on(tmp_path):
    trials_of("grid", ["d_steps=1,2"], 1, 1, tmp_path)
    with open(tmp_path / "journal.log", "ab") as file:
        file.write(b'{"op_code": 4, "wor')
    found = study.optuna().load_study(study_name=study.NAME, storage=study.storage(tmp_path))
    found.enqueue_trial({"d_steps": 2})
    assert len(study.optuna().load_study(study_name=study.NAME, storage=study.storage(tmp_path)).trials) == 2
