"""Quality over minutes: recipes trained for the same time, measured on the way, several seeds, on the machine that runs this.

python benchmarks/quality_per_minute.py                 # writes benchmarks/results/quality_per_minute.md, .json and .png

Training keeps the averaged generator at numbers of images 4 % apart. The recipes' speeds are measured by themselves, in turns,
round after round: a minute of training is as many images as the median round makes in a minute, and what is measured for it
is the last generator kept within it. So a slow hour of a shared machine costs time and changes no number, and runs may go
on beside other work, or where a stop cut them off. `--speeds-anew` measures the speeds again, and then what they change.
`--add` puts runs or recipes to those on record, in whatever checkout, with the speeds on record.

It is no `gan-helpers sweep`, which looks for good settings of one recipe and never sees the test images: here finished recipes are
set side by side, by the test images. Speeds are measured by the same function.
"""

import io
import json
import math
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import click

from _machine import machine, versions  # isort: skip  beside this file

RESULTS = Path(__file__).resolve().parent / "results"
RUNS = Path(__file__).resolve().parent.parent / "runs" / "benchmark_quality"
RECIPES = ("tutorial_dcgan", "course_mlp", "course_dcgan", "course_conditional")
MARKS = (1, 2, 5, 10, 15, 20, 40, 60)  # minutes
N = 10_000
COMPARED = (5, 20)  # minutes at which the others are set against the tutorial's network
ROUNDS, ROUND_SECONDS = 10, 4
FIRST_KEPT, APART = 10_000, 1.04  # images: a generator is kept after these, then after 4 % more, and so on


def measure_speeds(names: list[str], anew: bool = False) -> None:
    """Images/s of each recipe in each round, by `fit` with the guard that `train` always has; into speeds.json.

    Speeds that are known stay, since minutes that were measured hang on them: a recipe that comes later is measured in
    turns with the others, and brought to theirs by the median of how much faster they were then.
    """
    import gan_helpers as gh
    from gan_helpers.gan import bfloat16
    from gan_helpers.runs.speeds import images_per_second

    before = {} if anew else _speeds()
    known = before.get("images_per_second", {})
    recipes = {name: gh.recipes.get(name) for name in [*known, *names]}
    precision = bfloat16.choose_precision()
    found = images_per_second(recipes, gh.Dataset.fashion_mnist(), precision, ROUNDS, ROUND_SECONDS)
    RUNS.mkdir(parents=True, exist_ok=True)
    speeds = {"images_per_second": found, "precision": precision, "machine": machine(), "brought": {}}
    if known:
        times = statistics.median(statistics.median(known[name]) / statistics.median(found[name]) for name in known)
        later = {name: [round(times * speed, 1) for speed in found[name]] for name in names if name not in known}
        brought = {name: {"machine": machine(), "times": round(times, 3)} for name in later}
        speeds = {**before, "images_per_second": known | later, "brought": before.get("brought", {}) | brought}
    (RUNS / "speeds.json").write_text(json.dumps(speeds))


def _speeds() -> dict:
    path = RUNS / "speeds.json"
    return json.loads(path.read_text()) if path.exists() else {"images_per_second": {}}


def put_back(record: dict) -> None:
    """Begin with what is on record: its speeds, and the points of its runs, where this checkout has none of its own."""
    here, recorded = _speeds()["images_per_second"], record["speeds"]["images_per_second"]
    if here and any(here.get(name) != rounds for name, rounds in recorded.items()):
        raise click.ClickException(
            f"{RUNS / 'speeds.json'} has other speeds than the record: delete it, or all with --anew"
        )
    _require_judge(record["classifier"], "the record")
    RUNS.mkdir(parents=True, exist_ok=True)
    if not here:
        (RUNS / "speeds.json").write_text(json.dumps(record["speeds"]))
    for run in record["runs"]:
        folder = RUNS / f"{run['recipe']}_{run['seed']}"
        if not _points(folder, run["recipe"]):
            folder.mkdir(exist_ok=True)
            _store(folder, record["settings"][run["recipe"]], run["points"])


def _settings(name: str) -> dict:
    """The recipe's settings today, as they come back from JSON."""
    import gan_helpers as gh
    from gan_helpers.runs import training

    return json.loads(json.dumps(training.settings(gh.recipes.get(name))))


def _is_todays(settings: dict, name: str) -> bool:
    """Whether a run had the recipe's settings of today; one that it does not name had what is the default."""
    import gan_helpers as gh

    settings = gh.recipes.settings_of_today(settings)
    return all(settings.get(key) == value for key, value in _settings(name).items())


def _require_todays(folder: Path, name: str) -> None:
    """What a former version of a recipe has kept must not pass for today's."""
    config = folder / "config.json"
    if config.exists() and not _is_todays(json.loads(config.read_text(encoding="utf-8"))["settings"], name):
        raise click.ClickException(f"{folder} is of another version of {name}: delete it, or all of them with --anew")


def train(name: str, seed: int, minutes: float) -> None:
    """Train one recipe with one seed for so many minutes' images, and keep its averaged generator on the way."""
    import gan_helpers as gh
    from gan_helpers.storage.whole_files import write_whole

    import keras  # isort: skip
    import numpy as np  # isort: skip

    folder = RUNS / f"{name}_{seed}"
    _require_todays(folder, name)
    batch_size = gh.recipes.get(name).batch_size
    last = _images_in(minutes, name) // batch_size
    kept_at = {math.ceil(FIRST_KEPT * APART**i / batch_size) for i in range(300)} | {last}
    if any(int(path.stem) >= last * batch_size for path in (folder / "kept").glob("*.npz")):
        return
    (folder / "kept").mkdir(parents=True, exist_ok=True)

    class Keep(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            step = int(self.model.steps.value)
            if step in kept_at:
                weights, buffer = self.model.ema_generator.get_weights(), io.BytesIO()
                np.savez(buffer, *weights)
                write_whole(folder / "kept" / f"{step * batch_size}.npz", buffer.getvalue())
            if step >= last:
                self.model.stop_training = True

    gh.train(name, folder, epochs=10_000, seed=seed, callbacks=[Keep()], verbose=0)


def _images_in(minutes: float, name: str) -> int:
    return round(minutes * 60 * statistics.median(_speeds()["images_per_second"][name]))


def measure(name: str, seed: int, minutes: float) -> None:
    """Measure what a run kept for each mark; into points.json."""
    import gan_helpers as gh
    from gan_helpers import metrics
    from gan_helpers.metrics import judges

    import numpy as np  # isort: skip

    folder = RUNS / f"{name}_{seed}"
    _require_todays(folder, name)
    kept = sorted((int(path.stem), path) for path in (folder / "kept").glob("*.npz"))
    recipe = gh.recipes.get(name)
    gan = recipe.build(seed)
    generator, latents = gan.ema_generator, gan.sample_latents(N, 0)
    classes = np.arange(N) % 10 if gan.conditional else None
    real = metrics.real_features("test", N)
    before = _points(folder, name)
    known = {point["images_seen"]: point for point in before}
    points = [point for point in before if point["minutes"] > minutes]
    for mark in (mark for mark in MARKS if mark <= minutes):
        within = [(n, path) for n, path in kept if n <= _images_in(mark, name)]
        if not within:  # a slow recipe has made fewer images than the first generator is kept after
            continue
        seen, path = within[-1]
        if seen not in known:
            with np.load(path) as weights:
                generator.set_weights([weights[f"arr_{i}"] for i in range(len(generator.weights))])
            images = gh.generate(generator, latents, gan.pixel_range, classes=classes)
            features, probabilities = judges.features_and_probabilities(images)
            known[seen] = {
                "distance": metrics.frechet_distance(real, features),
                "images_seen": seen,
                "smallest_class": float(metrics.class_shares(probabilities).min()),
            }
            grid = gh.images.grid(images[:40], columns=10)
            (folder / f"after_{mark}.png").write_bytes(gh.images.png_bytes(grid, scale=2))
        points.append({**known[seen], "minutes": mark})
        click.echo(f"{name}, seed {seed}: {json.dumps(points[-1])}")
    points.sort(key=lambda point: point["minutes"])
    _store(folder, _settings(name), points)


def _store(folder: Path, settings: dict, points: list[dict]) -> None:
    from gan_helpers.metrics import judges

    stored = {"settings": settings, "classifier": judges.facts()["sha256"], "points": points}
    (folder / "points.json").write_text(json.dumps(stored))


def _points(folder: Path, name: str) -> list[dict]:
    """What has been measured of a run of the recipe as it is today, by today's judge."""
    path = folder / "points.json"
    stored = json.loads(path.read_text()) if path.exists() else {"settings": {}, "points": []}
    if not _is_todays(stored["settings"], name):
        return []
    if "classifier" in stored:  # not in a run from before it was noted, when there was but one
        _require_judge(stored["classifier"], path)
    return stored["points"]


def _require_judge(sha256: str, where) -> None:
    """Distances by another judge must not stand beside today's."""
    from gan_helpers.metrics import judges

    if sha256 != (todays := judges.facts()["sha256"]):
        raise click.ClickException(
            f"the distances in {where} are by judge {sha256[:12]}, and today's is {todays[:12]}: measure all anew with --anew"
        )


def report(out: Path) -> str:
    """Write table, record and figure of everything that has been measured; return the table."""
    from gan_helpers import metrics, plots
    from gan_helpers.metrics import judges

    folders = {folder: folder.name.rsplit("_", 1) for folder in sorted(RUNS.iterdir()) if folder.is_dir()}
    found = ((name, int(seed), _points(folder, name)) for folder, (name, seed) in folders.items())
    runs = [{"recipe": name, "seed": seed, "points": points} for name, seed, points in sorted(found) if points]
    floor = metrics.frechet_distance(metrics.real_features("test", N), metrics.real_features("held_out", N))

    def at(recipe, mark, what="distance"):
        return [p[what] for run in runs if run["recipe"] == recipe for p in run["points"] if p["minutes"] == mark]

    speeds = _speeds()
    marks = sorted({point["minutes"] for run in runs for point in run["points"]})
    lines = [
        "# Quality per minute",
        "",
        f"`python benchmarks/quality_per_minute.py`: Fréchet classifier distance of {N:,} images to the test images after minutes of "
        f"training, the median over seeds, and in brackets their range, where there are several, and number. Real images score {floor:.3f}. Classifier "
        f"{judges.facts()['sha256'][:12]}.",
        "",
        f"A minute is as many images as the median of {ROUNDS} rounds, the recipes in turns, makes in a minute: the machine is shared, "
        "and a slow hour of it must not change a number. Compilation, some ten seconds once, is not counted. "
        f"Speeds are those of: {speeds.get('machine', machine())}; so many images are as many on any machine, and runs may come from another."
        + "".join(
            f" {name} came later: measured in turns with the others on another ({by['machine']}), times {by['times']:.2f}, the median by which the others are faster on the machine of these speeds."
            for name, by in speeds.get("brought", {}).items()
        ),
        "",
        "| recipe | images/s: median (range) |",
        "| --- | --- |",
        *(
            f"| {name} | {statistics.median(rounds):,.0f} ({min(rounds):,.0f} to {max(rounds):,.0f}) |"
            for name, rounds in speeds["images_per_second"].items()
        ),
        "",
        "| recipe | " + " | ".join(f"{mark} min" for mark in marks) + " |",
        "| --- |" + " --- |" * len(marks),
    ]
    for recipe in dict.fromkeys(run["recipe"] for run in runs):
        cells = []
        for mark in marks:
            values = at(recipe, mark)
            spread = f"{min(values):.2f} to {max(values):.2f}, {len(values)}" if len(values) > 1 else len(values)
            cells.append(f"{statistics.median(values):.2f} ({spread})" if values else "")
        lines.append(f"| {recipe} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "| after | recipe | times lower than `tutorial_dcgan` | smallest class, of all seeds | images seen |",
    ]
    lines += ["| --- | --- | --- | --- | --- |"]
    for mark in COMPARED:
        for recipe in sorted({run["recipe"] for run in runs} - {"tutorial_dcgan"}):
            if at(recipe, mark) and (base := at("tutorial_dcgan", mark)):
                ratio = statistics.median(base) / statistics.median(at(recipe, mark))
                lines.append(
                    f"| {mark} min | {recipe} | {ratio:.1f} | {min(at(recipe, mark, 'smallest_class')):.1%} "
                    f"| {statistics.median(at(recipe, mark, 'images_seen')):,.0f} |"
                )
    lines += ["", "![Distance over minutes](quality_per_minute.png)", "", f"Written on: {machine()}. {versions()}."]
    out.mkdir(parents=True, exist_ok=True)
    settings = {name: _settings(name) for name in dict.fromkeys(run["recipe"] for run in runs)}
    record = {"runs": runs, "settings": settings, "speeds": speeds, "floor": floor, "n": N, "machine": machine(), "versions": versions(), "classifier": judges.facts()["sha256"]}  # fmt: skip
    (out / "quality_per_minute.json").write_text(json.dumps(record) + "\n", encoding="utf-8")
    (out / "quality_per_minute.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (out / "quality_per_minute.png").write_bytes(plots.quality_curves(runs, floor).png())
    return "\n".join(lines)


@click.command()
@click.option(
    "--minutes",
    type=click.IntRange(1, 600),
    default=20,
    show_default=True,
    help="Of training, each, on a quiet machine.",
)
@click.option("--seeds", default="0,1,2", show_default=True, help="Commas between.")
@click.option("--recipes", "names", default=",".join(RECIPES), show_default=True, help="Commas between.")
@click.option("--anew", is_flag=True, help="Forget what has been trained before.")
@click.option("--add", is_flag=True, help="To what is on record in --out.")
@click.option("--speeds-anew", is_flag=True, help="Measure the speeds again, and what they change: of all recipes.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=RESULTS, show_default=True)
@click.option("--worker", hidden=True)
def main(minutes, seeds, names, anew, add, speeds_anew, out, worker):
    """Train every recipe with every seed for the same time, and write one table and one figure."""
    import gan_helpers as gh

    names = [gh.recipes.get(name).name for name in names.split(",")]
    if worker:
        kind, _, run = worker.partition(":")
        if kind == "speeds":
            return measure_speeds(names, anew=run == "anew")
        name, _, seed = run.rpartition("_")
        return {"train": train, "measure": measure}[kind](name, int(seed), minutes)
    if speeds_anew and (others := set(_speeds()["images_per_second"]) - set(names)):
        raise click.UsageError(
            f"--speeds-anew would leave {', '.join(sorted(others))} with old minutes: name all recipes"
        )
    if anew:
        shutil.rmtree(RUNS, ignore_errors=True)
    if add:
        put_back(json.loads((out / "quality_per_minute.json").read_text(encoding="utf-8")))
    runs = [f"{name}_{seed}" for seed in map(int, seeds.split(",")) for name in names]
    workers = [f"{kind}:{run}" for run in runs for kind in ("train", "measure")]
    if speeds_anew or not set(names) <= set(_speeds()["images_per_second"]):
        workers.insert(0, "speeds:anew" if speeds_anew else "speeds:")
    for worker in workers:  # a process each, so that none inherits another's memory
        command = [
            sys.executable,
            __file__,
            "--worker",
            worker,
            "--minutes",
            str(minutes),
            "--recipes",
            ",".join(names),
        ]
        subprocess.run(command, check=True)
    click.echo(report(out))


if __name__ == "__main__":
    main()
