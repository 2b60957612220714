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

__version__ = "0.1.0"

_HOME_OF = {
    "choose_profile": "profiles",
    "check_setup": "setup_check",
    "CLASS_NAMES": "data",
    "load_fashion_mnist": "data",
    "Dataset": "dataset",
    "pipeline": "data",
    "GAN": "gan",
    "generate": "generators",
    **dict.fromkeys(
        ("Hinge", "LeastSquares", "NonSaturating", "Relativistic", "Saturating", "Wasserstein"), "objectives"
    ),
    **dict.fromkeys(("GradientPenalty", "Smoothness", "WeightClipping", "ZeroCentred"), "regularisers"),
    **dict.fromkeys(("Adaptive", "Colour", "Cutout", "Shift"), "augmentation"),
    **dict.fromkeys(("Every", "From", "Until"), "schedules"),
    "Look": "look",
    "ModelMonitor": "callbacks",
    "LossPlot": "callbacks",
    "QualityMonitor": "callbacks",
    "StopAfter": "callbacks",
    "StopOnNonFinite": "guards",
    "WarnOnCollapse": "guards",
    "WarnWhenDiscriminatorWins": "guards",
    "Checkpoint": "checkpoints",
    "train": "training",
    "load_run": "training",
    "export": "exporting",
    "load_generator": "pretrained",
    "check_answer": "checks",
    "evaluate": "metrics",
    "LatentExplorer": "explorer",
}
_MODULES = {
    "augmentation", "bfloat16", "callbacks", "checkpoints", "checks", "data", "dataset", "directions", "explorer", "explorer_picture", "explorer_state",
    "exporting", "folders", "gan", "generators", "guards", "images", "judges", "latent",
    "draws", "layers", "look", "metrics", "model_files", "neighbours", "networks", "objectives", "own_arrays", "own_images", "plots", "prepared", "pretrained", "profiles", "recipes", "regularisers", "schedules",
    "servers", "setup_check", "still_widgets", "terms", "tfds_images", "training",
}  # fmt: skip

__all__ = sorted(_HOME_OF)
_WITHOUT_TENSORFLOW = {
    "checks", "data", "dataset", "explorer_state", "folders", "images", "latent", "look", "neighbours", "objectives", "own_arrays", "own_images", "plots", "prepared", "pretrained", "profiles", "servers", "still_widgets", "tfds_images",
}  # fmt: skip


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
    name = {"classifier": "judges"}.get(name, name)
    module = name if name in _MODULES else _HOME_OF.get(name)
    if module is not None:
        if module not in _WITHOUT_TENSORFLOW:
            _import_tensorflow_quietly()
        imported = importlib.import_module(f"{__name__}.{module}")
        return imported if name in _MODULES else getattr(imported, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF, *_MODULES})
