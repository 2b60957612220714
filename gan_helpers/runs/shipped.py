"""The shipped generators: trained by `python -m gan_helpers.runs.shipped`, checked and loaded by `load_generator`."""

import hashlib
import json
import os
import platform
import warnings
from pathlib import Path

from gan_helpers.data import CLASS_NAMES
from gan_helpers.storage import folders
from gan_helpers.storage.whole_files import save_whole, write_whole

SHIPPED = {"course_mlp": 24, "course_dcgan": 33, "course_conditional": 33}  # epochs
SEED = 0  # stated before the run
IN_README = "course_conditional"


def manifest() -> dict:
    """What is known of each shipped generator: file, SHA-256, recipe, command, seed, seconds, images seen, metrics, versions."""
    path = folders.data() / "pretrained" / "manifest.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def load_generator(path_or_name: str | os.PathLike):
    """A trained generator as a Keras model: float latents (n, latent_dim) → images in the range of its last activation.

    Of a shipped one, a run or a whole `GAN` it has the attributes `pixel_range`, and `trained_on` and `class_names` as `GAN` has
    them; the last two also of a file that `gan-helpers export` wrote.

    Latents of shape (n, latent_dim, 1), as in older examples, work too. Files of Keras 2 are read, as far as Keras 3 can
    compute what is in them.

    Args:
        path_or_name: the name of a shipped generator, a run folder, or a `.keras`, `.h5` or `.hdf5` file that holds a
            generator or a whole `GAN` (whose averaged generator is returned).

    Raises:
        ValueError: unknown name (the message lists them), a shipped file whose SHA-256 is not the manifest's, or a file that
            `strangers.load` refuses.
        FileNotFoundError: a path with nothing there, or a run folder without a checkpoint.
    """
    return _with_one_shape(_load(path_or_name))


def _with_one_shape(generator):
    """Bring latents (n, z, 1) to (n, z) before `predict`, which fails when one model sees both; a direct call does not."""
    from gan_helpers.gan.generators import inputs_of

    predict = generator.predict

    def predict_either(x, *args, **kwargs):
        shape = getattr(x, "shape", ())
        longer = len(shape) == 3 and tuple(shape[1:]) == (inputs_of(generator).latent_dim, 1)
        return predict(x[..., 0] if longer else x, *args, **kwargs)

    generator.predict = predict_either
    return generator


def _load(path_or_name):
    shipped = manifest()
    if str(path_or_name) in shipped:
        return _load_shipped(shipped[str(path_or_name)])
    from gan_helpers.model_files import strangers

    path = Path(path_or_name)
    if path.is_dir() and not strangers.is_saved_model(path):
        from gan_helpers.runs import training

        return _of(training.load_run(path).gan)
    if not path.is_dir() and path.suffix.lower() not in strangers.ENDINGS:
        raise ValueError(
            f"{str(path_or_name)!r} is neither a shipped generator ({', '.join(shipped) or 'none is here'}), "
            f"nor a run folder, nor a {', '.join(strangers.ENDINGS[:-1])} or {strangers.ENDINGS[-1]} file"
        )
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    warnings.warn(f"{path} is not one of the course's own files: load models only from people you trust", stacklevel=3)
    return _load_file(path)


def _load_file(path: Path):
    from gan_helpers.gan import gan
    from gan_helpers.model_files import strangers

    model = strangers.load(path)
    return _of(model) if isinstance(model, gan.GAN) else model


def _of(gan):
    """A GAN's averaged generator, which keeps the GAN's pixel range, and has from it what it learned from."""
    gan.ema_generator.pixel_range = gan.pixel_range
    return gan.ema_generator


def _load_shipped(entry: dict):
    from gan_helpers import images
    from gan_helpers.runs import recipes

    path = folders.data() / "pretrained" / entry["file"]
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != entry["sha256"]:
        raise ValueError(
            f"{path} is not the file that the manifest names: expected SHA-256 {entry['sha256']}, found {found}. "
            "Restore it with `git checkout -- data/pretrained`."
        )
    recipe = recipes.get(entry["recipe"])
    generator, _ = recipe.players()
    generator.load_weights(path)
    generator.pixel_range = recipe.pixel_range or images.pixel_range_of(generator)
    generator.trained_on, generator.class_names = "fashion_mnist", CLASS_NAMES
    return generator


def ship(name: str) -> dict:
    """Train a recipe into `runs/pretrained/<name>` (going on where it stopped) and ship its averaged generator.

    Writes `data/pretrained/<name>.weights.h5`, its entry in the manifest, and of the README's generator its pictures in
    `images/`.

    Returns:
        The generator's entry in the manifest.
    """
    import importlib.metadata

    from gan_helpers import metrics
    from gan_helpers.runs import training

    if name not in SHIPPED:
        raise ValueError(f"no generator {name!r} is shipped; there is {', '.join(map(repr, SHIPPED))}")
    run = training.train(name, folders.runs("pretrained") / name, epochs=SHIPPED[name], seed=SEED, verbose=2)
    found = metrics.evaluate(run.gan.ema_generator, gan_train=run.gan.conditional, verbose=1)
    folder = folders.data() / "pretrained"
    path = folder / f"{name}.weights.h5"
    save_whole(path, run.gan.ema_generator.save_weights)
    entry = {
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "recipe": name,
        "command": f"python -m gan_helpers.runs.shipped {name}",
        "seed": SEED,
        "epochs": len(run.history),
        "seconds": round(sum(row["seconds"] for row in run.history)),
        "images_seen": int(run.gan.steps.numpy()) * json.loads((run.folder / "config.json").read_text())["batch_size"],
        "machine": f"{platform.machine()}, {os.cpu_count()} CPU cores",
        "metrics": found.as_dict(),
        "versions": {package: importlib.metadata.version(package) for package in ("tensorflow", "keras", "numpy")},
    }
    content = json.dumps({**manifest(), name: entry}, indent=2).encode() + b"\n"
    write_whole(folder / "manifest.json", content)
    if name == IN_README:
        _draw(name, run)
    return entry


def _draw(name: str, run) -> None:
    """The README's pictures: the first 40 latent vectors of seed 0, whatever they give, and the training as a film.

    A conditional generator draws one class a column.
    """
    from gan_helpers import images
    from gan_helpers.runs.monitors import ModelMonitor

    sheet = images.grid(run.gan.generate(40, seed=0), columns=10)
    write_whole(folders.root() / "images" / f"{name}.png", images.png_bytes(sheet, scale=2))
    film = images.gif_bytes(ModelMonitor(run.folder).frames(), milliseconds=400)
    write_whole(folders.root() / "images" / f"{name}_training.gif", film)


if __name__ == "__main__":
    import sys

    for name in sys.argv[1:] or SHIPPED:
        print(json.dumps(ship(name), indent=2))
