"""The package behind the Fashion GAN course: data, networks, losses, one `GAN`, callbacks, checkpoints, plots.

    import gan_helpers as gh

Names resolve on first use, so that `import gan_helpers` never waits for TensorFlow.
"""

import importlib
import os
import sys

# What goes wrong in TensorFlow reaches Python as an exception; its C++ log would only fill notebooks with noise.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")


def _let_two_cores_do_two_things() -> None:
    """On two cores TensorFlow computes two operations at once, not each on both: in small networks none fills both.

    So `course_dcgan` trains faster, `tutorial_dcgan` as fast (`benchmarks/threads.py`). With more cores nothing is set.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if cores == 2:
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")


_let_two_cores_do_two_things()

__version__ = "0.2.0"

_HOME_OF = {  # what `gan_helpers` offers by name, and where it is at home
    "choose_profile": "course.profiles",
    "check_setup": "setup_check",
    "check_answer": "course.exercises",
    **dict.fromkeys(("CLASS_NAMES", "load_fashion_mnist"), "data.fashion_mnist"),
    "Dataset": "data.dataset",
    "pipeline": "data.batches",
    "GAN": "gan.gan",
    "generate": "gan.generators",
    **dict.fromkeys(
        ("Hinge", "LeastSquares", "NonSaturating", "Relativistic", "Saturating", "Wasserstein"), "gan.objectives"
    ),
    **dict.fromkeys(("GradientPenalty", "Smoothness", "WeightClipping", "ZeroCentred"), "gan.regularisers"),
    **dict.fromkeys(("Adaptive", "Colour", "Cutout", "InstanceNoise", "Shift"), "gan.augmentation"),
    **dict.fromkeys(("Every", "From", "Until"), "gan.schedules"),
    "Look": "gan.look",
    **dict.fromkeys(("ModelMonitor", "PointMonitor", "LossPlot", "QualityMonitor", "StopAfter"), "runs.monitors"),
    **dict.fromkeys(("StopOnNonFinite", "WarnOnCollapse", "WarnWhenDiscriminatorWins"), "runs.guards"),
    "Checkpoint": "runs.checkpoints",
    **dict.fromkeys(("train", "load_run"), "runs.training"),
    "sweep": "runs.sweep",
    "study": "runs.study",
    "export": "runs.exporting",
    "load_generator": "runs.shipped",
    "evaluate": "metrics.evaluation",
    "LatentExplorer": "explorer.widget",
}
_ROOMS = (
    "course",
    "data",
    "explorer",
    "gan",
    "images",
    "metrics",
    "model_files",
    "networks",
    "plots",
    "runs",
    "setup_check",
    "storage",
)
_MODULES = {  # further modules that can be had as `gan_helpers.NAME`, and where they are at home
    **{name: f"gan.{name}" for name in (
        "augmentation", "bfloat16", "dirac", "draws", "generators", "latent", "look", "objectives", "regularisers", "schedules", "terms",
    )},
    **{name: f"runs.{name}" for name in ("checkpoints", "exporting", "guards", "recipes", "training", "workers")},
    "callbacks": "runs.monitors",
    "checks": "course.exercises",
    "classifier": "metrics.judges",
    "dataset": "data.dataset",
    "directions": "explorer.directions",
    "folders": "storage.folders",
    "judges": "metrics.judges",
    "layers": "networks.layers",
    "neighbours": "metrics.neighbours",
    "pretrained": "runs.shipped",
    "profiles": "course.profiles",
    "toys": "data.toys",
    **{name: name for name in _ROOMS},
}  # fmt: skip

__all__ = sorted(_HOME_OF)
_WITHOUT_TENSORFLOW = (
    "course", "data", "images", "plots", "setup_check", "storage", "explorer.state", "explorer.still_widgets", "gan.latent", "gan.look",
    "gan.objectives", "runs.shipped", "runs.study", "runs.workers",
)  # fmt: skip


def _import_tensorflow_quietly() -> None:
    """TensorFlow's first lines ignore its own log level, so the terminal's stderr is put aside while it is imported."""
    if "tensorflow" in sys.modules:
        return
    try:
        kept = os.dup(2)
    except OSError:  # no terminal at all: nothing to put aside
        return
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            importlib.import_module("tensorflow")
        except ImportError:
            pass  # the import that needs it says so itself
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def __getattr__(name: str):
    home = _MODULES.get(name) or _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
    if not home.startswith(_WITHOUT_TENSORFLOW):
        _import_tensorflow_quietly()
    module = importlib.import_module(f"{__name__}.{home}")
    return module if name in _MODULES else getattr(module, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF, *_MODULES})
