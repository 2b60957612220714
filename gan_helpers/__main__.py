"""The command line: `python -m gan_helpers …`, or `gan-helpers …`.

TensorFlow is imported by the commands that need it, so `--help` answers at once.
"""

import functools
import io
import json
import shlex
import sys
import unicodedata
import warnings
from pathlib import Path

import click

from gan_helpers.storage.whole_files import write_whole

LARGEST = {".npz": 1_000_000, ".png": 10_000, ".gif": 200}  # images a file
WALK_STEPS = 12  # frames of a walk from one latent vector to the next
SHOWN = 3  # of the files that were left out
FOLDER = click.Path(file_okay=False, path_type=Path)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line. What the user can mend is one line and exit status 2; Ctrl-C is 130."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a Windows pipe may know neither β nor …
            stream.reconfigure(errors="replace")
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: click.echo(f"Warning: {message}", err=True)
        try:
            arguments = sys.argv[1:] if arguments is None else arguments
            sys.exit(commands.main(arguments, prog_name="gan-helpers", standalone_mode=False, obj=arguments))
        except click.ClickException as error:
            _fail(error.format_message())
        except (ValueError, OSError, FloatingPointError, MemoryError) as error:
            _fail(str(error))
        except (click.Abort, KeyboardInterrupt):
            click.echo("Stopped.", err=True)
            sys.exit(130)


def _fail(message: str) -> None:
    click.echo(f"Error: {' '.join(message.split())}", err=True)
    sys.exit(2)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gan-helpers")
def commands():
    """Train GANs on Fashion-MNIST or on images of your own, and draw from them."""


def _complete_recipe(context, parameter, incomplete):
    from gan_helpers import recipes

    return [name for name in recipes.RECIPES if name.startswith(incomplete)]


def _complete_setting(context, parameter, incomplete):
    from gan_helpers.runs import sweep

    return [f"{name}=" for name in sweep.TO_SWEEP if name.startswith(incomplete)]


def _complete_model(context, parameter, incomplete):
    import gan_helpers.runs.shipped  # as a module: it needs no TensorFlow for the names

    shipped = [name for name in gan_helpers.runs.shipped.manifest() if name.startswith(incomplete)]
    return shipped or [click.shell_completion.CompletionItem(incomplete, type="file")]


# --- recipes --------------------------------------------------------------------------------------


@commands.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON, with every field.")
def recipes(as_json):
    """List the systems that can be trained. Those with more than one size make grey and colour images."""
    from gan_helpers import recipes

    everything = [recipe.facts() for recipe in recipes.RECIPES.values()]
    if as_json:
        click.echo(json.dumps(everything, indent=2, ensure_ascii=False))
        return
    head = (
        "recipe",
        "G params",
        "D params",
        "pixels",
        "latent",
        "range",
        "Adam G",
        "Adam D",
        "β₁, β₂",
        "batch",
        "epochs",
        "loss; regularisers; augment",
    )
    terms = [recipe.terms_as_text() for recipe in recipes.RECIPES.values()]
    rows = [head, *map(_row, everything, terms)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    numbers = {1, 2, 4, 9, 10}
    for i, row in enumerate(rows):
        cells = [
            cell.rjust(width) if n in numbers else cell.ljust(width) for n, (cell, width) in enumerate(zip(row, widths))
        ]
        click.echo(click.style("  ".join(cells).rstrip(), bold=i == 0))
        if i:
            click.echo(f"    {everything[i - 1]['source']}")


def _row(facts: dict, terms: str) -> tuple[str, ...]:
    """A recipe's line of the table."""
    return (
        facts["name"],
        f"{facts['generator_parameters']:,}",
        f"{facts['discriminator_parameters']:,}",
        "…".join(map(str, sorted({facts["sizes"][0], facts["sizes"][-1]}))),
        str(facts["latent_dim"]),
        "[{:g}, {:g}]".format(*facts["pixel_range"]),
        f"{facts['g_learning_rate']:g}",
        f"{facts['d_learning_rate']:g}",
        f"{facts['beta_1']:g}, {facts['beta_2']:g}",
        str(facts["batch_size"]),
        str(facts["epochs"]),
        terms,
    )


# --- train ----------------------------------------------------------------------------------------


def _own_images(default: str):
    """The options that name a data set other than the default."""
    options = (
        click.option(
            "--images",
            type=click.Path(),
            help="Images of your own: a folder of PNG, JPEG, WebP or GIF files, where each subfolder is a class; an .npz or IDX file; "
            f"or tfds:NAME.  [default: {default}]",
        ),
        click.option(
            "--size",
            type=click.IntRange(1),
            help="Height and width in pixels that --images are brought to.  [default: 64 for a folder, otherwise their own]",
        ),
        click.option(
            "--colour/--grey",
            default=None,
            help="Of --images.  [default: colour for a folder, otherwise as they are]",
        ),
    )
    return lambda command: functools.reduce(lambda made, option: option(made), reversed(options), command)


def _dataset(images, size, colour):
    """The data set that `_own_images` name; None where they name none."""
    if images is None:
        if size is not None or colour is not None:
            raise ValueError(f"{'--size' if size else '--colour/--grey'} says how --images are read: give --images too")
        return None
    from gan_helpers.data.dataset import Dataset

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        dataset = Dataset.open(images, size, colour)
    for warning in said:
        click.echo(f"Warning: {warning.message}", err=True)
    click.echo(repr(dataset), err=True)
    if (left_out := dataset.left_out) and not said:  # it is only said when they are prepared
        more = f"; and {len(left_out) - SHOWN} more" if len(left_out) > SHOWN else ""
        click.echo(f"Left out {len(left_out):,}: {'; '.join(left_out[:SHOWN])}{more}", err=True)
    return dataset


def _as_options(images, size, colour) -> str:
    """The options that `_dataset` was given, as they are typed."""
    said = f"--images {shlex.quote(images)}" + ("" if size is None else f" --size {size}")
    return said + ("" if colour is None else " --colour" if colour else " --grey")


@commands.command()
@click.argument("recipe", shell_complete=_complete_recipe)
@click.option("--run", "run_dir", type=FOLDER, required=True, help="The run folder; the same call again goes on.")
@click.option(
    "--epochs", type=click.IntRange(1, 100_000), help="In all, those before a stop included.  [default: the recipe's]"
)
@click.option(
    "--minutes",
    type=click.FloatRange(0, min_open=True),
    help="Of training in all; stops within an epoch too. With --epochs, what comes first.",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True)
@click.option("--batch-size", type=click.IntRange(1), help="Images per step.  [default: the recipe's]")
@click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "bfloat16"]),
    default="auto",
    show_default=True,
    help="auto: bfloat16 on a processor with AMX, otherwise float32.",
)
@click.option(
    "--evaluate-every",
    type=click.IntRange(1),
    help="Epochs between two measurements; keeps the best generator. Trains without the last sixth of the images, at most 10,000, "
    "which it is measured by; of --images, the classes' judge is trained first.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Another setting than the recipe's: loss=hinge, regularisers=r1:1.0+smoothness:0.05, augment=shift:1, d_steps=2, "
    "learning_rate=1e-4 for both players, g_learning_rate=1e-4 for one, … May be given several times.",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Processes on this machine that share each batch; on a cluster, leave it out and set TF_CONFIG.",
)
@_own_images("Fashion-MNIST")
@click.option(
    "--data", "data_dir", type=FOLDER, help="Folder with Fashion-MNIST's four .gz files.  [default: data/fashion-mnist]"
)
def train(
    recipe,
    run_dir,
    epochs,
    minutes,
    seed,
    batch_size,
    precision,
    evaluate_every,
    settings,
    workers,
    images,
    size,
    colour,
    data_dir,
):
    """Train RECIPE into a run folder, or go on where it stopped: on Fashion-MNIST, or on images of your own."""
    if _is_launched(workers, batch_size):
        return
    from gan_helpers import data, recipes, training
    from gan_helpers.data.dataset import Dataset
    from gan_helpers.runs import workers as together

    together.strategy()  # workers meet before TensorFlow computes anything

    import keras  # isort: skip  after the line above, which imports TensorFlow without its noise

    recipe = recipes.get(recipe)
    recipes.changed(recipe, settings)  # what is wrong with it is said before the images are looked at
    if data_dir is not None and (missing := data.check_files(data_dir)):
        raise ValueError(f"--data {str(data_dir)!r} lacks {', '.join(missing)}")
    if data_dir is not None and images is not None:
        raise ValueError("--data is Fashion-MNIST's folder, and --images are other images: give one of them")
    dataset = _dataset(images, size, colour)
    options = "" if dataset is None else _as_options(images, size, colour)
    dataset = dataset or Dataset.fashion_mnist(data_dir)
    # What is set here is for these images, and not brought to their size.
    recipe = recipes.changed(recipe.for_images(dataset.image_shape, len(dataset.class_names) or None), settings)
    trained = keras.callbacks.LambdaCallback(
        on_train_begin=lambda logs: click.echo(
            f"Training {recipe.name} on {_device()}, in {_precision(trained.model.precision)}", err=True
        )
    )
    try:
        run = training.train(
            recipe, run_dir, dataset, epochs=epochs, minutes=minutes, seed=seed, batch_size=batch_size, precision=precision,
            evaluate_every=evaluate_every, callbacks=[trained], verbose="bar", options=options,
        )  # fmt: skip
    except KeyboardInterrupt as stopped:
        click.echo(f"\n{stopped or 'Stopped before training began.'}".replace("same call", "same command"), err=True)
        sys.exit(130)
    if not together.is_chief():
        return
    if trained.model is None:
        click.echo("Nothing to do: the run has got that far already. More --epochs or --minutes train on.")
    last = run.history[-1]
    distance = last.get("frechet_classifier_distance")
    click.echo(
        f"{run_dir}: {last['epoch']:.0f} epochs, {sum(row['images'] for row in run.history):,.0f} images, "
        f"{sum(row['seconds'] for row in run.history) / 60:.1f} minutes; d_loss {last['d_loss']:.3f}, g_loss {last['g_loss']:.3f}"
        + ("" if distance is None else f"; Fréchet classifier distance {distance:.2f} (held-out training images)")
    )


def _is_launched(workers: int, batch_size: int | None) -> bool:
    """Whether this command, with --workers, was run as so many processes, and is done; each of them finds a TF_CONFIG."""
    from gan_helpers.runs import workers as together

    if (found := together.cluster()) is not None:
        if workers not in (1, len(found[0])):
            raise ValueError(f"--workers is {workers}, and TF_CONFIG names {len(found[0])}: leave --workers out")
        return False
    if workers == 1:
        return False
    if batch_size is not None and batch_size % workers:
        raise ValueError(
            f"--batch-size is {batch_size}; {workers} workers share each batch, so it must be a multiple of {workers}"
        )
    command = [sys.executable, "-m", "gan_helpers", *click.get_current_context().obj]
    together.launch(workers, command, "The same command goes on from the last finished epoch.")
    return True


def _device() -> str:
    """Where training runs, and why there."""
    import tensorflow as tf

    gpus = tf.config.list_logical_devices("GPU")
    return gpus[0].name if gpus else "the CPU, as TensorFlow sees no GPU"


def _precision(precision: str) -> str:
    """The precision of a run, and why."""
    from gan_helpers import bfloat16

    if precision == "bfloat16" and bfloat16.has_amx():
        return (
            "bfloat16 with float32 weights, since this processor has AMX (--precision float32 for float32 throughout)"
        )
    return precision


# --- sweep and study ------------------------------------------------------------------------------


@commands.command()
@click.argument("recipe", shell_complete=_complete_recipe)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUES",
    shell_complete=_complete_setting,
    help="What varies: alternatives (loss=hinge,wasserstein), a range (d_steps=1..4) or one on a logarithmic scale "
    "(g_learning_rate=log:1e-4..2e-3); one value alone is for all runs. The names are those of `train`, and batch_size. "
    "May be given several times.",
)
@click.option(
    "--study", "folder", type=FOLDER, required=True, help="The study's folder; the same call joins it, and goes on."
)
@click.option(
    "--seeds", type=click.IntRange(1, 1_000), default=3, show_default=True, help="Runs of each choice of settings."
)
@click.option(
    "--runs", type=click.IntRange(1, 100_000), help="In all, each with one seed.  [default, of a grid: all of it]"
)
@click.option(
    "--minutes",
    type=click.FloatRange(0, min_open=True),
    help="Of training per run, counted as images at the speed measured when the study begins.",
)
@click.option("--images-per-run", type=click.IntRange(1), help="In place of --minutes.")
@click.option(
    "--sampler",
    type=click.Choice(["grid", "random", "tpe"]),
    help="How settings are chosen: all combinations, at random, or by what was good so far (tpe).  [default: tpe where there is a "
    "range, otherwise grid]",
)
@click.option(
    "--prune/--no-prune",
    default=True,
    show_default=True,
    help="Stop a run early that is among the worst quarter of the finished ones at that point: looked at after each fifth.",
)
@_own_images("Fashion-MNIST")
def sweep(recipe, settings, folder, seeds, runs, minutes, images_per_run, sampler, prune, images, size, colour):
    """Train RECIPE with one choice of settings after another, and find out which are good.

    Any number of processes share a study by the same command, on machines with a shared folder too. Each run is an ordinary run
    folder in the study's folder. Low distances are good: they are taken to the last sixth of the training images, at most 10,000,
    which no run learns from.
    """
    from gan_helpers.runs import study

    study.optuna()  # without it nothing else needs to be waited for
    from gan_helpers import recipes
    from gan_helpers.runs import sweep

    recipe = recipes.get(recipe)
    sweep.distributions(settings)  # what is wrong with them is said before the images are looked at
    dataset = _dataset(images, size, colour)
    options = "" if dataset is None else _as_options(images, size, colour)
    try:
        found = sweep.sweep(
            recipe, folder, dataset, settings=settings, seeds=seeds, runs=runs, minutes=minutes, images_per_run=images_per_run,
            sampler=sampler, prune=prune, options=options,
        )  # fmt: skip
    except KeyboardInterrupt as stopped:
        click.echo(f"\n{stopped or 'Stopped before the study began.'}".replace("same call", "same command"), err=True)
        sys.exit(130)
    click.echo(f"\n{found}")


@commands.command()
@click.argument("folder", type=FOLDER)
@click.option("--json", "as_json", is_flag=True, help="The runs as JSON.")
def study(folder, as_json):
    """What a sweep in FOLDER has found so far: its choices of settings, the best first. Draws history.png, importances.png and
    parallel_coordinates.png into FOLDER as soon as there are runs to compare.
    """
    from gan_helpers.runs.study import study

    found = study(folder)
    if as_json:
        click.echo(json.dumps(found.rows, indent=2))
        return
    click.echo(found)
    for name in ("history", "importances", "parallel_coordinates"):
        try:
            figure = getattr(found, name)()
        except ValueError as error:  # nothing to draw yet
            click.echo(f"{name}: {error}")
            continue
        write_whole(folder / f"{name}.png", figure.png())
        click.echo(f"{folder / f'{name}.png'}: {figure.alt}")


# --- sample and export ----------------------------------------------------------------------------


_pixel_range = click.option(
    "--pixel-range",
    nargs=2,
    type=float,
    metavar="LOW HIGH",
    help="What MODEL draws black and white with.  [default: by its last activation]",
)


@commands.command()
@click.argument("model", shell_complete=_complete_model)
@_pixel_range
@click.option(
    "--count", type=int, default=64, show_default=True, help="How many images; for a .gif, how many to walk between."
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="A .npz, .png or .gif file."
)
@click.option(
    "--classes", help="For conditional generators: names or numbers with commas between, taken in turn.  [default: all]"
)
def sample(model, pixel_range, count, seed, out, classes):
    """Draw images from MODEL: a shipped generator's name, a run folder, or a .keras, .h5 or .hdf5 file.

    A .npz holds `images` uint8 (N, h, w, 1 or 3) and `latents` float32 (N, z), of a conditional generator `classes` int (N,) and
    their `class_names` too; a .png shows them as a grid; a .gif walks from one latent vector to the next and back to the first,
    on the sphere.
    """
    if out.suffix not in LARGEST:
        raise ValueError(f"--out {str(out)!r} must end in {', '.join(LARGEST)}")
    if not 1 <= count <= LARGEST[out.suffix]:
        raise ValueError(f"--count is {count}; for a {out.suffix} it must lie in 1…{LARGEST[out.suffix]:,}")
    if not out.parent.is_dir():
        raise ValueError(f"--out {str(out)!r}: there is no folder {str(out.parent)!r}")
    from gan_helpers import generators, images, latent, pretrained

    import numpy as np  # isort: skip

    generator, pixel_range = generators.generator_and_range(pretrained.load_generator(model), pixel_range)
    latents = latent.sample(count, generators.inputs_of(generator).latent_dim, seed).numpy()
    labels, names = generators.in_turn(generator, count), generators.class_names(generator)
    if classes is not None:
        if labels is None:
            raise ValueError(f"{model} is not conditional: it takes no --classes")
        labels = np.resize(_class_numbers(classes, names, generators.class_count(generator)), count)
    if out.suffix == ".gif":
        walks = [latent.slerp(a, b, WALK_STEPS + 1)[:-1] for a, b in zip(latents, np.roll(latents, -1, axis=0))]
        latents, labels = np.concatenate(walks), None if labels is None else np.repeat(labels, WALK_STEPS)
    pictures = generators.generate(generator, latents, pixel_range, classes=labels)
    if out.suffix == ".npz":
        arrays = {"images": pictures, "latents": latents, **({} if labels is None else {"classes": labels})}
        arrays |= {"class_names": np.array(names)} if names else {}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        content = buffer.getvalue()
    elif out.suffix == ".png":
        content = images.png_bytes(images.grid(pictures), scale=2)
    else:
        content = images.gif_bytes(pictures.repeat(4, axis=1).repeat(4, axis=2), milliseconds=60, hold_last=1)
    write_whole(out, content)
    click.echo(f"{out}: {len(pictures)} images, {len(content):,} bytes")


def _class_numbers(text: str, names: tuple[str, ...], count: int | None) -> list[int]:
    """Classes by their names, in any case, or by their numbers, with commas between; a name may hold commas itself.

    Args:
        names: of the generator's classes.
        count: how many classes it knows, where that can be told.
    """
    known, parts, found = list(map(_folded, names)), text.split(","), []
    while parts:
        for taken in range(len(parts), 0, -1):  # the longest name that fits
            name = ",".join(parts[:taken]).strip()
            if _folded(name) in known:
                found.append(names.index(name) if name in names else known.index(_folded(name)))
                break
        else:
            taken, name = 1, parts[0].strip()
            if not (name.isdecimal() and (count is None or int(name) < count)):
                raise ValueError(f"--classes: {name!r} is {_no_class(names, count)}")
            found.append(int(name))
        del parts[:taken]
    return found


def _folded(name: str) -> str:
    """A name without regard to case, and to how its accents are written."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _no_class(names: tuple[str, ...], count: int | None) -> str:
    if names and names != tuple(map(str, range(len(names)))):
        return f"none of {', '.join(f'{i} {name}' for i, name in enumerate(names))}"
    return f"no number {'from 0 on' if count is None else f'in 0…{count - 1}'}"


@commands.command()
@click.argument("run", type=FOLDER)
@click.option("--to", "folder", type=FOLDER, required=True, help="The folder to write into; made where it is missing.")
def export(run, folder):
    """Write the networks of a RUN as .keras and .h5 files, and prove that they compute the same when loaded back."""
    if not folder.parent.is_dir():
        raise ValueError(f"--to {str(folder)!r}: there is no folder {str(folder.parent)!r}")
    from gan_helpers import gan  # noqa: F401, I001  first, as it imports TensorFlow without its noise
    from gan_helpers.runs.exporting import export

    for path in export(run, folder):
        click.echo(f"{path}: loaded back, same output")


# --- explore --------------------------------------------------------------------------------------


@commands.command()
@click.argument("model", shell_complete=_complete_model)
@_pixel_range
@click.option("--port", type=click.IntRange(1, 65_535), help="On the loopback address.  [default: a free one]")
@click.option("--no-browser", is_flag=True, help="Print the address only.")
@click.option("--theme", type=click.Choice(["light", "dark"]), default="light", show_default=True)
@_own_images("what MODEL learned")
def explore(model, pixel_range, port, no_browser, theme, images, size, colour):
    """Serve MODEL's latent space as a page with sliders: a shipped generator's name, a run folder, or a .keras, .h5 or .hdf5 file.

    Names of classes and the nearest training images are those of what a run or a generator says it learned, or of --images. Only this computer can reach the page. Ctrl-C ends it.
    """
    import importlib.util
    import signal

    if importlib.util.find_spec("voila") is None:
        raise ValueError(f'the page needs voila: {sys.executable} -m pip install "voila>=0.5.8"')
    from gan_helpers.explorer import served_page

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server ends with this command
    click.echo(f"Loading {model}…", err=True)
    _dataset(images, size, colour)  # prepared here, where its progress is seen
    given = None if images is None else (str(Path(images).resolve()) if Path(images).exists() else images, size, colour)
    with served_page.served(model, pixel_range, port or 0, theme, given) as (address, server):
        click.echo(f"{address}  (Ctrl-C ends it)")
        if not no_browser:
            click.launch(address)
        server.wait()


@commands.command()
@click.argument("model", shell_complete=_complete_model)
@_pixel_range
@click.option(
    "--to", "path", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The .html file to write."
)
@_own_images("what MODEL learned")
def page(model, pixel_range, path, images, size, colour):
    """Write MODEL's latent space as one HTML file with sliders: a shipped generator's name, a run folder, or a .keras, .h5 or .hdf5 file.

    The file computes by itself: it opens by a double click, on a phone too, and needs neither this package nor a network.
    """
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"--to {str(path)!r} must end in .html")
    if not path.parent.is_dir():
        raise ValueError(f"--to {str(path)!r}: there is no folder {str(path.parent)!r}")
    from gan_helpers import pretrained
    from gan_helpers.explorer.picture import Scenery
    from gan_helpers.explorer.web.page import check, write

    generator = pretrained.load_generator(model)
    check(generator)
    scenery = Scenery(generator, pixel_range=pixel_range, dataset=_dataset(images, size, colour))
    click.echo(f"{path}: {write(scenery, path, Path(model).name)}")


# --- evaluate -------------------------------------------------------------------------------------


@commands.command()
@click.argument("model", shell_complete=_complete_model)
@_pixel_range
@click.option(
    "--count",
    type=click.IntRange(11, 10_000),
    help="Images per seed.  [default: as many as there are to compare with, at most 10,000]",
)
@click.option(
    "--seeds", type=click.IntRange(2, 100), default=3, show_default=True, help="Draws, for the 95 % intervals."
)
@click.option("--gan-train", is_flag=True, help="Of a conditional generator: also train a classifier on its images.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@_own_images("what MODEL learned")
def evaluate(model, pixel_range, count, seeds, gan_train, as_json, images, size, colour):
    """Measure MODEL against the test images: a shipped generator's name, a run folder, or a .keras, .h5 or .hdf5 file.

    Each value comes with its interval over seeds, and with what as many real images score. The images are those that a run or a
    generator says it learned from, or --images.
    """
    from gan_helpers import metrics, pretrained

    generator = pretrained.load_generator(model)
    found = metrics.evaluate(
        generator,
        count,
        seeds,
        pixel_range=pixel_range,
        gan_train=gan_train,
        verbose=1,
        dataset=_dataset(images, size, colour),
    )
    click.echo(json.dumps(found.as_dict(), indent=2) if as_json else found)


if __name__ == "__main__":
    main()
