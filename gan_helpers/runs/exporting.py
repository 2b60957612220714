"""A run's networks as files that any Keras can open."""

import contextlib
import logging
import os
from pathlib import Path

import keras
import numpy as np

from gan_helpers.gan.generators import arranged, in_turn
from gan_helpers.gan.latent import sample
from gan_helpers.model_files import strangers
from gan_helpers.runs import training


def export(run_dir: str | os.PathLike, folder: str | os.PathLike) -> list[Path]:
    """Write both networks of a run as `.keras` and `.h5`; each file is loaded back, and its output compared, before it counts.

    The generator is the averaged one (for a recipe without an average, the generator itself). Neither file needs this
    package to be read. `generator.keras` also says what the generator learned from, which `load_generator` reads.

    Args:
        run_dir: a run folder.
        folder: where to write; made where it is missing. Files of the same names are replaced.

    Returns:
        `generator.keras`, `generator.h5`, `discriminator.keras` and `discriminator.h5`, in `folder`.

    Raises:
        FileNotFoundError, ValueError: as in `training.load_run`.
        RuntimeError: a file did not come back as it was written; none is kept.
    """
    gan = training.load_run(run_dir).gan
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    latents = np.asarray(sample(16, gan.latent_dim, seed=0))
    classes = in_turn(gan.ema_generator, 16)
    inputs = {"generator": arranged(gan.ema_generator, latents, classes)}
    pictures = np.asarray(gan.ema_generator(_one_or_both(inputs["generator"]), training=False))
    inputs["discriminator"] = [pictures] if classes is None else [pictures, classes]
    partial, written = {}, []
    try:
        for name, model in (("generator", gan.ema_generator), ("discriminator", gan.discriminator)):
            for suffix in (".keras", ".h5"):
                path = folder / f"{name}.{os.getpid()}.partial{suffix}"
                partial[path] = folder / f"{name}{suffix}"
                with _without_advice():
                    model.save(path)
                    if (name, suffix) == ("generator", ".keras"):
                        strangers.write_learned(path, model)
                    loaded = keras.models.load_model(path, compile=False)
                given = _one_or_both(inputs[name])
                if not np.array_equal(loaded(given, training=False), model(given, training=False)):
                    raise RuntimeError(f"{partial[path].name} does not compute what the run's {name} computes")
        for path, final in partial.items():
            os.replace(path, final)
            written.append(final)
    finally:
        for path in partial:
            path.unlink(missing_ok=True)
    return written


def _one_or_both(inputs: list):
    return inputs if len(inputs) > 1 else inputs[0]


@contextlib.contextmanager
def _without_advice():
    """Keras advises against `.h5` at each save, on absl's logger; here it is asked for."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
