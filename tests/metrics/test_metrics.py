"""Metrics: against independent implementations and closed forms, and for what they must do."""

import json
import re
import types

import keras
import numpy as np
import pytest
from keras import layers

from gan_helpers import data, metrics, networks
from gan_helpers.gan import latent
from gan_helpers.gan.generators import generate
from gan_helpers.metrics import judges
from gan_helpers.runs import monitors, shipped


@pytest.fixture(scope="module")
def gaussians():
    """Two samples of 300 whose sample means and covariances are exactly known, in 4 dimensions."""
    rng = np.random.default_rng(0)

    def sample(mean, deviations):
        x = rng.normal(size=(300, 4))
        x -= x.mean(axis=0)
        x = x @ np.linalg.inv(np.linalg.cholesky(np.cov(x, rowvar=False))).T
        return x * deviations + mean

    return sample(0, np.array([1, 2, 3, 4])), sample(np.array([1, 0, 0, -2]), np.array([2, 2, 1, 4]))


@pytest.fixture(scope="module")
def real():
    """Features and probabilities of 4,000 test images, in two halves."""
    images = data.load_fashion_mnist("test")[0][:4000]
    features, probabilities = judges.features_and_probabilities(images)
    return (features[:2000], probabilities[:2000]), (features[2000:], probabilities[2000:])


def test_frechet_distance_is_the_closed_form(gaussians):
    a, b = gaussians
    expected = (1 + 4) + (1 - 2) ** 2 + (2 - 2) ** 2 + (3 - 1) ** 2 + (4 - 4) ** 2
    assert metrics.frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(4, 4)))[0]
    assert metrics.frechet_distance(a @ rotation, b @ rotation) == pytest.approx(expected, rel=1e-9)
    assert metrics.frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    flat = np.hstack([a, np.zeros((300, 2))])  # a feature that never fires
    assert metrics.frechet_distance(flat, flat) == pytest.approx(0, abs=1e-9)


def test_kernel_distance_is_the_sum_written_out(gaussians):
    a, b = (x[:12] for x in gaussians)
    kernel = lambda x, y: (np.dot(x, y) / 4 + 1) ** 3  # noqa: E731
    pairs = [(i, j) for i in range(12) for j in range(12) if i != j]
    within = sum(kernel(a[i], a[j]) + kernel(b[i], b[j]) for i, j in pairs) / len(pairs)
    across = sum(kernel(x, y) for x in a for y in b) / 144
    value, error = metrics.kernel_distance(a, b)
    assert value == pytest.approx(within - 2 * across) and np.isnan(error)


def test_the_kernel_distance_s_error_is_that_of_its_blocks(monkeypatch):
    """Over many draws from one distribution the values scatter as the error says, around 0."""
    monkeypatch.setattr(metrics.distances, "BLOCK", 50)
    rng = np.random.default_rng(0)
    found = np.array([metrics.kernel_distance(rng.normal(size=(500, 3)), rng.normal(size=(500, 3))) for _ in range(60)])
    values, errors = found.T
    assert values.std() == pytest.approx(errors.mean(), rel=0.3)
    assert abs(values.mean()) < 3 * values.std() / np.sqrt(60)


def test_neighbourhoods_are_their_definitions(gaussians, monkeypatch):
    monkeypatch.setattr(
        metrics.distances, "WORKING_MEMORY", 0.01
    )  # 21 rows at once: 10,000 images need several parts too
    real, fake, k = gaussians[0][:80], gaussians[1][:60], 3
    distance = lambda x, y: np.sqrt(((x - y) ** 2).sum())  # noqa: E731
    radius = lambda x, sample: sorted(distance(x, y) for y in sample)[k]  # noqa: E731  the 0th is itself
    in_real = np.array([[distance(r, f) < radius(r, real) for f in fake] for r in real])
    in_fake = np.array([[distance(r, f) < radius(f, fake) for f in fake] for r in real])
    found = metrics.neighbourhoods(real, fake, k)
    assert found["precision"] == pytest.approx(in_real.any(axis=0).mean())
    assert found["recall"] == pytest.approx(in_fake.any(axis=1).mean())
    assert found["density"] == pytest.approx(in_real.sum() / (k * len(fake)))
    assert found["coverage"] == pytest.approx(in_real.any(axis=1).mean())
    itself = metrics.neighbourhoods(real, real, k)
    assert itself["precision"] == itself["recall"] == itself["coverage"] == 1


def test_scores_of_classes():
    certain, uniform = np.eye(10), np.full((10, 10), 0.1)
    assert metrics.classifier_score(certain) == pytest.approx(10, rel=1e-6)
    assert metrics.classifier_score(uniform) == pytest.approx(1) and metrics.classifier_score(
        certain[:1]
    ) == pytest.approx(1)
    assert metrics.class_shares(certain[[0, 0, 3, 9]]).tolist() == [0.5, 0, 0, 0.25, 0, 0, 0, 0, 0, 0.25]
    assert metrics.entropy(np.full(10, 0.1)) == pytest.approx(np.log(10)) and metrics.entropy([1, 0]) == 0


def test_they_grow_with_noise_and_see_a_dropped_class_and_duplicates(real):
    (a, _), (b, probabilities) = real
    images, labels = data.load_fashion_mnist("test")
    images, labels = images[2000:4000], labels[2000:4000]
    rng = np.random.default_rng(0)
    noisy = {
        level: np.clip(images + rng.normal(0, level, images.shape), 0, 255).astype(np.uint8)
        for level in (0, 10, 30, 90)
    }
    noisy = [judges.features_and_probabilities(x)[0] for x in noisy.values()]
    for distance in (metrics.frechet_distance, lambda x, y: metrics.kernel_distance(x, y)[0]):
        values = [distance(a, x) for x in noisy]
        assert values == sorted(values) and values[3] > 10 * values[0]
        assert distance(a, a) < 1e-6, "the kernel distance, being unbiased, is a little below 0"
    coverage = [metrics.neighbourhoods(a, x)["coverage"] for x in noisy]
    assert coverage == sorted(coverage, reverse=True)

    without = b[labels != 1]  # no trousers
    assert metrics.frechet_distance(a, without) > 3 * metrics.frechet_distance(a, b)
    assert metrics.neighbourhoods(a, without)["coverage"] < metrics.neighbourhoods(a, b)["coverage"] - 0.05
    assert metrics.class_shares(probabilities[labels != 1])[1] < 0.01

    few = np.repeat(b[:100], 20, axis=0)  # a generator that knows 100 images
    whole, repeated = metrics.neighbourhoods(a, b), metrics.neighbourhoods(a, few)
    assert repeated["coverage"] < 0.5 * whole["coverage"] and repeated["precision"] > 0.9 * whole["precision"]
    assert metrics.frechet_distance(a, few) > 3 * metrics.frechet_distance(a, b)


def test_memorisation_finds_copies():
    images = data.load_fashion_mnist("train")[0][:3000]
    training, fresh, held_out = images[:2000], images[2000:2500], images[2500:]
    honest = metrics.memorisation(fresh, training, held_out)
    assert honest.ratio == pytest.approx(1, abs=0.1) and honest.share_nearer < 0.03
    copies = training[[7, 1234]].copy()
    copies[1, 0, 0, 0] ^= 1
    found = metrics.memorisation(np.concatenate([fresh[:10], copies]), training, held_out, pairs=2)
    assert found.generated.tolist() == [10, 11] and found.nearest.tolist() == [7, 1234]
    assert found.distances == pytest.approx([0, 1 / 28], abs=1e-3)
    assert metrics.memorisation(training[:50], training, held_out).ratio == pytest.approx(0, abs=1e-3)


def test_the_shipped_classifier_is_what_its_facts_say():
    images, labels = data.load_fashion_mnist("test")
    _, probabilities = judges.features_and_probabilities(images)
    assert np.mean(probabilities.argmax(axis=1) == labels) == pytest.approx(judges.facts()["test_accuracy"], abs=5e-4)
    assert judges.facts()["test_accuracy"] >= 0.92
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_a_damaged_classifier_is_refused(tmp_path, monkeypatch):
    (tmp_path / "pretrained").mkdir()
    for name in ("classifier.json", "classifier.weights.h5"):
        (tmp_path / "pretrained" / name).write_bytes((judges._folder() / name).read_bytes() + b" ")
    monkeypatch.setattr(judges.folders, "data", lambda: tmp_path)
    with pytest.raises(ValueError, match="expected SHA-256"):
        judges.load.__wrapped__()


def test_evaluate_gives_each_value_its_interval_and_what_real_images_score():
    latents, mean = keras.Input((4,)), data.load_fashion_mnist("test")[0][:500].mean(axis=0) / 127.5 - 1
    blob = layers.Dense(
        784, kernel_initializer=keras.initializers.RandomNormal(stddev=0.1, seed=0), bias_initializer="zeros"
    )
    generator = keras.Model(latents, layers.Reshape((28, 28, 1))(layers.Activation("tanh")(blob(latents))))
    blob.bias.assign(np.arctanh(mean.clip(-0.99, 0.99)).ravel())
    with (
        pytest.warns(UserWarning, match="n is 500: below 2,048 images"),
        pytest.warns(UserWarning, match="Nothing says which images"),
    ):
        found = metrics.evaluate(generator, n=500, seeds=2)
    distance = found["frechet_classifier_distance"]
    assert distance.value > 20 * distance.real > 0 and 0 < distance.plus_minus < distance.value
    assert found["coverage"].value < 0.5 < found["coverage"].real
    assert [sum(found.class_shares), sum(found.real_class_shares)] == pytest.approx([1, 1]) and found.n == 500
    assert json.loads(json.dumps(found.as_dict()))["values"]["density"]["value"] == found["density"].value
    for part in (
        "frechet_classifier_distance",
        "n = 500 images, 2 seeds, against the test images",
        judges.facts()["sha256"][:12],
    ):
        assert part in str(found)
    with pytest.raises(KeyError, match="'fid'; there is frechet_classifier_distance"):
        found["fid"]


def test_the_kernel_distance_s_interval_holds_its_standard_error(monkeypatch):
    """Two draws of one generator differ little; the chance in the real images is larger, and must not be left out."""
    for module in (metrics.distances, metrics.evaluation):
        monkeypatch.setattr(module, "BLOCK", 100)
    generator = shipped.load_generator("course_dcgan")
    with pytest.warns(UserWarning, match="n is 500"):
        found = metrics.evaluate(generator, n=500, seeds=2)
    features, _ = judges.features_and_probabilities(generate(generator, latent.sample(500, 64, seed=0).numpy()))
    _, error = metrics.kernel_distance(metrics.real_features("test", 500), features)
    assert found["kernel_distance_x1000"].plus_minus > 1000 * error


def _sized(pixels):
    latents = keras.Input((4,))
    return keras.Model(
        latents, layers.Reshape((pixels, pixels, 1))(layers.Dense(pixels**2, activation="tanh")(latents))
    )


def _always(image):
    """A generator that draws one image, whatever it is given."""
    latents = keras.Input((4,))
    drawn = layers.Dense(784, activation="tanh", kernel_initializer="zeros")
    generator = keras.Model(latents, layers.Reshape((28, 28, 1))(drawn(latents)))
    drawn.bias.assign(np.arctanh((image / 127.5 - 1).clip(-0.9999, 0.9999)).ravel())
    return generator


@pytest.mark.filterwarnings("ignore:n is 64")
def test_a_copy_of_any_training_image_is_noticed():
    """What is reported on may have learnt all of them; what is chosen by the last 10,000 was not shown those."""
    copier = _always(data.load_fashion_mnist("train")[0][55_000])
    near = {split: metrics.evaluate(copier, 64, 2, split)["nearest_training_image"] for split in ("test", "held_out")}
    assert near["test"].value < 0.05 < 0.2 < near["held_out"].value
    assert all(value.real == pytest.approx(1, abs=0.1) for value in near.values())


@pytest.mark.filterwarnings("ignore:n is 128")
@pytest.mark.parametrize("reference", ["test", "held_out"])
def test_the_floor_of_gan_train_is_taught_by_training_images(monkeypatch, reference):
    taught = []
    monkeypatch.setattr(
        metrics.evaluation,
        "gan_train_accuracy",
        lambda images, classes, seed, dataset: taught.append((images, classes)) or 0.5,
    )
    metrics.evaluate(shipped.load_generator("course_conditional"), 128, 2, reference, gan_train=True)
    images, classes = (array[-10_000:][:128] for array in data.load_fashion_mnist("train"))
    assert len(taught) == 3 and np.array_equal(taught[-1][0], images) and np.array_equal(taught[-1][1], classes)


@pytest.mark.filterwarnings("ignore:n is 64")
def test_evaluate_takes_the_averaged_generator_of_a_gan(small_gan):
    gan = small_gan()
    gan.generator.set_weights([0 * weight for weight in gan.generator.get_weights()])  # which draws nothing but grey
    players = gan, types.SimpleNamespace(gan=gan), gan.ema_generator, gan.generator
    of_gan, of_run, averaged, raw = (metrics.evaluate(x, 64, 2)["frechet_classifier_distance"].value for x in players)
    assert of_gan == of_run == pytest.approx(averaged) != pytest.approx(raw)


def test_gan_test_and_gan_train_tell_clear_from_varied():
    """Real images are both; ten of them copied are as clear, and teach little; wrong classes are neither."""
    images, labels = data.load_fashion_mnist("train")
    images, labels = images[-2560:], labels[-2560:]
    ten = np.array([np.flatnonzero(labels == k)[0] for k in range(10)])
    copied, classes = np.tile(images[ten], (256, 1, 1, 1)), np.arange(2560) % 10
    assert metrics.gan_test_accuracy(images, labels) > 0.85
    assert metrics.gan_test_accuracy(images, (labels + 1) % 10) < 0.1
    taught = [metrics.gan_train_accuracy(x, y, epochs=2) for x, y in ((images, labels), (copied, classes))]
    assert taught[0] > 0.6 and taught[1] < taught[0] - 0.1
    with pytest.raises(ValueError, match=r"shape \(10,\); got int64 \(9,\)"):
        metrics.gan_test_accuracy(images[:10], labels[:9])
    with pytest.raises(ValueError, match="a class is 17; it must be an integer in 0…9"):
        metrics.gan_test_accuracy(images[:10], np.full(10, 17))
    with pytest.raises(ValueError, match="100 images do not fill one batch of 128"):
        metrics.gan_train_accuracy(images[:100], labels[:100])


def test_the_quality_monitor_keeps_the_best_generator(small_gan, tmp_path):
    """Weights are set by hand, so that the second epoch is the best; what is kept must score what the monitor said."""
    gan = small_gan()
    gan.trained_on = "fashion_mnist"
    mean = np.arctanh((data.load_fashion_mnist("test")[0].mean(axis=0) / 127.5 - 1).clip(-0.99, 0.99)).ravel()
    monitor = monitors.QualityMonitor(tmp_path, n=300)
    monitor.set_model(gan)
    monitor.set_params({"epochs": 3})
    with pytest.warns(UserWarning, match="n is 300: below 2,048"):
        monitor.on_train_begin()
    rows = []
    for epoch, strength in enumerate((0.0, 1.0, 0.3)):
        monitor.on_epoch_begin(epoch)
        gan.ema_generator.layers[-2].bias.assign(strength * mean)
        rows.append({})
        monitor.on_epoch_end(epoch, rows[-1])
    distances = [row["frechet_classifier_distance"] for row in rows]
    assert distances.index(min(distances)) == 1
    assert json.loads((tmp_path / "best.json").read_text()) == monitor.best
    judge = judges.facts()["sha256"]
    assert monitor.best == {"epoch": 2, "frechet_classifier_distance": distances[1], "n": 300, "classifier": judge}
    with pytest.warns(UserWarning, match="people you trust"):
        best = shipped.load_generator(tmp_path / "best_generator.keras")
        assert best.class_names == gan.class_names and best.trained_on == gan.trained_on
    assert np.allclose(best.layers[-2].bias, mean)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.json", "best_generator.keras"]

    def begins(epoch, n):
        again = monitors.QualityMonitor(tmp_path, n=n)
        again.set_model(gan)
        again.set_params({"epochs": 4})
        with pytest.warns(UserWarning, match="below 2,048"):
            again.on_train_begin()
        again.on_epoch_begin(epoch)
        return again

    begins(3, 300).on_epoch_end(3, {})  # a run that goes on knows what is the best so far
    assert json.loads((tmp_path / "best.json").read_text())["epoch"] == 2
    assert begins(3, 301).best is None, "distances of different n do not compare"
    begins(0, 300).on_epoch_end(0, {})
    assert json.loads((tmp_path / "best.json").read_text())["epoch"] == 1, "another run's best is not this one's"
    for settings, said in ((dict(every=0), "every is 0"), (dict(n=10_001), "n is 10001")):
        with pytest.raises(ValueError, match=said):
            monitors.QualityMonitor(**settings)


def test_a_run_that_is_measured_shows_it_in_plot_and_history(tmp_path):
    from gan_helpers import plots
    from gan_helpers.runs import recipes, training

    images, labels = data.load_fashion_mnist("train")
    recipe = recipes.Recipe(
        "tiny",
        lambda latent_dim: networks.conditional_generator(latent_dim, (8, 8, 8)),
        lambda: networks.conditional_discriminator((8, 8, 8)),
        1e-3,
        1e-3,
        "a test",
    )
    with pytest.raises(ValueError, match="tiny is conditional"):
        training.train(recipe, tmp_path / "none", epochs=1, train_images=images[:128], verbose=0)
    run = training.train(
        recipe,
        tmp_path / "run",
        epochs=3,
        train_images=images[:128],
        train_classes=labels[:128],
        evaluate_every=2,
        verbose=0,
    )
    measured = ["frechet_classifier_distance" in row for row in run.history]
    assert measured == [False, True, True], "every second epoch, and the last"
    header, *lines = (tmp_path / "run" / "history.csv").read_text().splitlines()
    assert "frechet_classifier_distance" in header.split(",") and all(
        len(x.split(",")) == len(header.split(",")) for x in lines
    )
    fig = plots.loss_curves(run.history, run.gan.objective)
    assert len(fig.axes) == 3 and "over epochs" in fig.alt and "Fréchet classifier distance" in fig.alt
    assert len(plots.loss_curves(run.history[:1]).axes) == 2


@pytest.mark.fault(39)
def test_of_other_images_the_judge_of_clothes_says_nothing_but_that(tmp_path):
    from gan_helpers.data.dataset import Dataset
    from gan_helpers.runs import guards, recipes, training

    clothes = data.load_fashion_mnist("test")[0][:128]
    others = clothes[:, ::-1]
    kinds = [data.origin_of(images) for images in (clothes, others, np.zeros((2, 8, 8, 3), np.uint8))]
    assert kinds == ["fashion_mnist", "other", "other"]
    small = networks.mlp_generator, networks.mlp_discriminator
    recipe = recipes.Recipe("small", lambda z: small[0](z, (8,)), lambda: small[1]((8,)), 1e-3, 1e-3, "a test")
    with pytest.warns(UserWarning, match="no classes") as caught:
        run = training.train(recipe, tmp_path, epochs=1, train_images=others, evaluate_every=1, verbose=0)
    assert len([w for w in caught if "no classes" in str(w.message)]) == 1
    assert "frechet_classifier_distance" not in run.history[0] and not (tmp_path / "best.json").exists()
    run.gan.save(tmp_path / "gan.keras")
    loaded = keras.models.load_model(tmp_path / "gan.keras")
    folder = shipped.load_generator(tmp_path)
    for one in (run, run.gan, run.gan.ema_generator, training.load_run(tmp_path), loaded, folder):
        assert one.trained_on == Dataset(others).hash
        with pytest.raises(ValueError, match="learned other images than Fashion-MNIST's"):
            metrics.evaluate(one)
    watching = [guards.WarnOnCollapse(after_steps=0), monitors.QualityMonitor()]
    with pytest.warns(UserWarning) as caught:
        run.gan.fit(data.pipeline(others, 64), callbacks=watching, verbose=0)
    assert sorted(str(w.message).split()[0] for w in caught) == ["QualityMonitor", "WarnOnCollapse"]
    run.gan.fit(data.pipeline(clothes, 64), verbose=0)
    assert run.trained_on == run.gan.ema_generator.trained_on == "fashion_mnist"


def test_measuring_and_building_leave_the_caller_s_random_state_alone():
    import random

    import tensorflow as tf

    from gan_helpers.runs import recipes

    def draws():
        return [
            random.random(),
            float(np.random.rand()),
            float(keras.random.normal(())),
            float(tf.random.normal(())),
            float(keras.initializers.RandomNormal()((1,))[0]),
        ]

    images, classes = (array[:128] for array in data.load_fashion_mnist("train"))
    keras.utils.set_random_seed(3)
    expected = [draws(), draws()]
    keras.utils.set_random_seed(3)
    found = [draws()]
    weights = [recipes.get("course_mlp").build(seed).generator.get_weights()[0] for seed in (1, 1, 2)]
    metrics.gan_train_accuracy(images, classes, epochs=1)
    assert [*found, draws()] == expected
    assert np.array_equal(weights[0], weights[1]) and not np.array_equal(weights[0], weights[2])


@pytest.mark.parametrize("name, floors", [("course_mlp", 200), ("course_dcgan", 10), ("course_conditional", 4)])
def test_the_manifest_s_distance_is_what_its_generator_scores(name, floors):
    recorded = shipped.manifest()[name]["metrics"]
    assert recorded["n"] == 10_000 and recorded["classifier"] == judges.facts()["sha256"]
    value = recorded["values"]["frechet_classifier_distance"]
    generator = shipped.load_generator(name)
    classes = np.arange(10_000) % 10 if len(generator.inputs) == 2 else None
    images = generate(generator, latent.sample(10_000, 64, seed=0).numpy(), classes=classes)
    found = metrics.frechet_classifier_distance(images, data.load_fashion_mnist("test")[0])
    assert abs(found - value["value"]) < 2 * value["plus_minus"] + 0.02 * value["value"]
    assert value["value"] < floors * value["real"] and min(recorded["class_shares"]) > 0.05


def test_bad_input_is_named(gaussians):
    a, b = gaussians
    for function in (metrics.frechet_distance, metrics.kernel_distance, metrics.neighbourhoods):
        with pytest.raises(ValueError, match=r"\(300, 4\), \(300, 3\)"):
            function(a, b[:, :3])
        with pytest.raises(ValueError, match="NaN"):
            function(a, np.where(b > 3, np.nan, b))
    with pytest.raises(ValueError, match=r"k is 10; it must lie in 1…9"):
        metrics.neighbourhoods(a, b[:10], k=10)
    with pytest.raises(ValueError, match="uint8"):
        judges.features_and_probabilities(np.zeros((3, 28, 28, 1), np.float32))
    for shape in ((3, 32, 32, 3), (0, 28, 28, 1)):
        with pytest.raises(ValueError, match=re.escape(str(shape))):
            judges.features_and_probabilities(np.zeros(shape, np.uint8))
    with pytest.raises(ValueError, match=r"rows that sum to 1; got \(3, 10\) from -5 to 7"):
        metrics.classifier_score(np.resize([-5, 7], (3, 10)))
    black, grey = np.zeros((3, 28, 28, 1), np.uint8), np.full((3, 28, 28, 1), 99, np.uint8)
    with pytest.raises(ValueError, match="more than half of them are among the training images"):
        metrics.memorisation(grey, black, black)
    with pytest.raises(ValueError, match=r"have shape \(28, 28, 1\); these have \(14, 28, 1\)"):
        metrics.memorisation(grey[:, :14], black, grey)
    for generator, said in (
        ("course_dcgan", r"got the name 'course_dcgan': load it with gh.load_generator\('course_dcgan'\)"),
        (black, "'ndarray' is no generator of images"),
        (_sized(8), r"makes \(8, 8, 1\)"),
        (_always(np.full(784, np.nan)), "gives NaN or infinity"),
    ):
        with pytest.raises(ValueError, match=said):
            metrics.evaluate(generator)
    sized = monitors.QualityMonitor(n=3_000)
    sized.set_model(types.SimpleNamespace(ema_generator=_sized(8)))
    with pytest.raises(ValueError, match=r"measures images of shape \(28, 28, 1\); this generator makes \(8, 8, 1\)"):
        sized.on_train_begin()
    for settings, said in (
        (dict(n=20_000), "n is 20000"),
        (dict(seeds=1), "seeds is 1"),
        (dict(reference="train"), "'train'"),
        (dict(gan_train=True), "needs a conditional generator"),
        (dict(gan_train=True, n=100), "n is 100; with gan_train it must be at least 128"),
    ):
        with pytest.raises(ValueError, match=said):
            metrics.evaluate(networks.mlp_generator(4, (4,)), **settings)
    with pytest.warns(UserWarning, match="n is 100: below 2,048"):
        metrics.frechet_classifier_distance(*np.split(data.load_fashion_mnist("test")[0][:200], 2))


def test_quality_curves_show_the_median_of_the_seeds():
    from gan_helpers import plots

    runs = [
        {"recipe": name, "seed": seed, "points": [{"minutes": m, "distance": 10.0 * (seed + 1) / m} for m in (1, 5)]}
        for name in ("one", "two")
        for seed in (0, 1, 2)
    ]
    runs[3]["points"].append({"minutes": 20, "distance": 1.0})
    fig = plots.quality_curves(runs, floor=0.1)
    (ax,) = fig.axes
    assert "a curve for each of one, two" in fig.alt
    assert ax.lines[0].get_xydata().tolist() == [[1, 20], [5, 4]]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "one (3 seeds)",
        "two (3 seeds, 1 from 20 min)",
        "real images: 0.10",
    ]
