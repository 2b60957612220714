"""What was tried for the flagship recipes: one GAN a call, any of its settings changed, measured after so many images.

python benchmarks/trials.py                               # the settings below; adds a line to benchmarks/results/trials.md
python benchmarks/trials.py depths=3,1 rate=1e-3 --seed 1 # the same with changes
python benchmarks/trials.py --table                       # only writes the table anew

Trials are judged by the Fréchet classifier distance of the averaged generator to the held-out 10,000 training images, from
one draw of 10,000 latent vectors; the test images are never looked at. Training sees the other 50,000. What counts is the
distance over images, and over minutes at the speed of the fastest fifth of the steps, since the machine is shared.

The loop is one `tf.function` over fifty steps, without the guards of `gh.train`; what it led to is in `recipes.py`.
"""

import json
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import click
import numpy as np

import gan_helpers as gh
from gan_helpers import augmentation, classifier, latent, metrics, networks

import tensorflow as tf  # isort: skip
import keras  # isort: skip
from keras import layers  # isort: skip

from _machine import machine, versions  # isort: skip

RESULTS = Path(__file__).resolve().parent / "results"
STEPS = 50  # a call of the compiled loop


@dataclass
class Settings:
    """One trial. `penalty` is R1 + R2 by finite differences (see `GAN.gradient_penalty`)."""

    conditional: bool = True
    mlp: int = 0  # 1: the networks of `course_mlp`, without classes; what is said of convolutions does not count then
    filters: tuple = (64, 64)  # of the generator, at 7×7 and 14×14; a third: at 28×28
    depths: tuple = (0, 0)  # its 3×3 convolutions at 7×7 and at 14×14
    codes: int = 0  # the place of the largest of so many latent numbers, one-hot, stands beside the latent vector
    mapping: int = 0  # dense layers of 128 between the latent vector and the 7×7 map
    modulation: int = 0  # units of a hidden layer that scales and moves the channels behind each batch norm
    modulation_depth: int = 1  # such layers, one behind the other
    norm: str = "batch"  # or "pixel": each place's channels are brought to length √channels (Karras et al., ICLR 2018)
    d_filters: tuple = (32, 64, 128)
    d_depth: int = 0  # 3×3 convolutions of the discriminator at 7×7
    d_units: int = 0  # of a dense layer behind them
    last: str = "subpixel"  # or "norm": a block with batch norm at 28×28, "plain": the same without
    group: int = 0  # minibatch standard deviation over so many images; 0 is without
    loss: str = "non_saturating"  # or "relativistic"
    penalty: float = 0.05
    noise: float = 0.1  # standard deviation of the penalty's noise
    share: float = 0.25  # of the batch that the penalty looks at
    shift: int = 0  # pixels by which the discriminator sees images moved, at most
    shift_images: int = 0  # after so many images
    rate: float = 8e-4
    d_rate: float = 0.0  # of the discriminator; 0: as the generator's
    beta_1: float = 0.0
    beta_2: float = 0.99
    decay_images: int = 160_000  # when the generator's rate is a half, after twice as many a third; 0 keeps it
    d_decay_images: int = 160_000  # the same for the discriminator's, which is set by itself
    batch: int = 32
    ema: float = 0.9998
    latent_dim: int = 64


def build_generator(s: Settings) -> keras.Model:
    latents, classes = keras.Input((s.latent_dim,)), keras.Input((), dtype="int32")
    x = layers.Concatenate()([latents, networks._one_hot(classes)]) if s.conditional else latents
    if s.codes:
        largest = keras.ops.one_hot(keras.ops.argmax(latents[:, : s.codes], -1), s.codes)
        x = layers.Concatenate()([x, largest])
    for _ in range(s.mapping):
        x = layers.LeakyReLU(0.2)(layers.Dense(128)(x))
    told = x if s.modulation else None
    for _ in range(s.modulation_depth if s.modulation else 0):
        told = layers.LeakyReLU(0.2)(layers.Dense(s.modulation)(told))
    x = networks._seed(x, s.filters[0])
    for _ in range(s.depths[0]):
        x = _block(layers.Conv2D(s.filters[0], 3, padding="same", use_bias=False), x, told, s.norm)
    x = _block(layers.Conv2DTranspose(s.filters[1], 4, strides=2, padding="same", use_bias=False), x, told, s.norm)
    for _ in range(s.depths[1]):
        x = _block(layers.Conv2D(s.filters[1], 3, padding="same", use_bias=False), x, told, s.norm)
    if s.last == "subpixel":
        x = layers.Conv2DTranspose(1, 4, strides=2, padding="same", activation="tanh")(x)
    else:
        if s.last == "norm":
            x = networks.upsampling_block(x, s.filters[2])
        else:
            x = layers.LeakyReLU(0.2)(layers.Conv2DTranspose(s.filters[2], 4, strides=2, padding="same")(x))
        x = layers.Conv2D(1, 3, padding="same", activation="tanh")(x)
    return keras.Model([latents, classes] if s.conditional else [latents], x)


def _block(convolution, x, told, norm="batch"):
    """Convolution, batch norm, leaky ReLU; with `told`, a vector an image, self-modulated (Chen et al., ICLR 2019)."""
    x = convolution(x)
    x = layers.BatchNormalization(momentum=0.9)(x) if norm == "batch" else _normalised(x)
    if told is not None:
        scale, move = (
            layers.Reshape((1, 1, x.shape[-1]))(layers.Dense(x.shape[-1], kernel_initializer="zeros")(told))
            for _ in range(2)
        )
        x = layers.Add()([layers.Multiply()([x, scale + 1.0]), move])
    return layers.LeakyReLU(0.2)(x)


def _normalised(x):
    return layers.Rescaling(x.shape[-1] ** 0.5)(layers.UnitNormalization(axis=-1)(x))


class MinibatchStandardDeviation(layers.Layer):
    """One more feature: how much the features of a group of images differ (Karras et al., ICLR 2018, section 3)."""

    def __init__(self, group):
        super().__init__()
        self.group = group

    def call(self, x):
        variance = tf.math.reduce_variance(tf.reshape(x, (-1, self.group, x.shape[-1])), axis=1)
        spread = tf.reduce_mean(tf.sqrt(variance + 1e-8), axis=-1)
        return tf.concat([x, 10 * tf.reshape(tf.repeat(spread, self.group), (-1, 1))], -1)


def build_discriminator(s: Settings) -> keras.Model:
    images, classes = keras.Input((28, 28, 1)), keras.Input((), dtype="int32")
    x = images
    for width in s.d_filters[:-1]:
        x = networks.downsampling_block(x, width, 4)
    for _ in range(s.d_depth):
        x = layers.LeakyReLU(0.2)(layers.Conv2D(s.d_filters[-2], 3, padding="same")(x))
    x = layers.Flatten()(networks.downsampling_block(x, s.d_filters[-1], 3))
    if s.group:
        x = MinibatchStandardDeviation(s.group)(x)
    if s.d_units:
        x = layers.LeakyReLU(0.2)(layers.Dense(s.d_units)(x))
    logits = layers.Dense(1)(x)
    if s.conditional:
        told = layers.Dot(axes=1)([layers.Dense(networks.CLASSES, use_bias=False)(x), networks._one_hot(classes)])
        logits = layers.Add()([logits, told])
    return keras.Model([images, classes] if s.conditional else [images], logits)


def losses(s: Settings, real, fake):
    softplus = tf.nn.softplus
    if s.loss == "relativistic":  # one real image against one generated (Jolicoeur-Martineau, ICLR 2019)
        return tf.reduce_mean(softplus(fake - real)), tf.reduce_mean(softplus(real - fake))
    return tf.reduce_mean(softplus(-real) + softplus(fake)), tf.reduce_mean(softplus(-fake))


def train(s: Settings, seed: int, marks: list[int]) -> list[dict]:
    """Train one trial and measure it after `marks` thousand images."""
    keras.utils.set_random_seed(seed)
    if s.mlp:
        generator, discriminator = networks.mlp_generator(s.latent_dim), networks.mlp_discriminator()
    else:
        generator, discriminator = build_generator(s), build_discriminator(s)
    average = keras.models.clone_model(generator)
    average.set_weights(generator.get_weights())
    rates = [
        keras.optimizers.schedules.InverseTimeDecay(rate, images / s.batch, 1.0) if images else rate
        for rate, images in ((s.rate, s.decay_images), (s.d_rate or s.rate, s.d_decay_images))
    ]
    optimizers = [keras.optimizers.Adam(rate, beta_1=s.beta_1, beta_2=s.beta_2) for rate in rates]
    for optimizer, player in zip(optimizers, (generator, discriminator)):
        optimizer.build(player.trainable_variables)
    pixels, labels = (array[: classifier.TRAINED_ON] for array in gh.load_fashion_mnist("train"))
    pixels, labels = tf.constant(gh.images.to_float(pixels)), tf.constant(labels.astype(np.int32))
    step = tf.Variable(0, dtype=tf.int64)
    looked_at = max(1, int(s.batch * s.share))

    def shifted(x):
        if not s.shift:
            return x
        pixels = tf.where(step * s.batch >= s.shift_images, s.shift, 0)
        seed = tf.random.uniform((2,), maxval=2**31 - 1, dtype=tf.int64)
        return augmentation.shifted(x, pixels, seed, fill=-1.0, at_most=s.shift)

    def told(x, classes):
        return [x, classes] if s.conditional else [x]

    def one_step(chosen):
        real, classes = tf.gather(pixels, chosen), tf.gather(labels, chosen)
        latents = tf.random.normal((s.batch, s.latent_dim))
        with tf.GradientTape() as g_tape, tf.GradientTape() as d_tape:
            with d_tape.stop_recording():
                fake = shifted(generator(told(latents, classes), training=True))
            real = shifted(real)
            parts, sizes = [real, fake], [s.batch, s.batch]
            if s.penalty:
                # R1 and R2 without second derivatives: a small push should change the logit little (as Lin et al.,
                # "Diffusion Adversarial Post-Training", 2025, approximate R1).
                with g_tape.stop_recording():
                    parts += [x[:looked_at] + s.noise * tf.random.normal((looked_at, 28, 28, 1)) for x in (real, fake)]
                    sizes += [looked_at, looked_at]
            all_classes = tf.concat([classes[:size] for size in sizes], 0)
            if s.group:  # groups must not mix real and generated images
                logits = [discriminator(told(x, classes[: len(x)]), training=True) for x in parts]
            else:
                logits = tf.split(discriminator(told(tf.concat(parts, 0), all_classes), training=True), sizes)
            d_loss, g_loss = losses(s, *logits[:2])
            if s.penalty:
                pushed = sum(tf.reduce_mean((b - a[:looked_at]) ** 2) for a, b in zip(logits[:2], logits[2:]))
                d_loss += s.penalty / s.noise**2 / 2 * pushed
        d_gradients = d_tape.gradient(d_loss, discriminator.trainable_variables)
        g_gradients = g_tape.gradient(g_loss, generator.trainable_variables)
        optimizers[1].apply(d_gradients, discriminator.trainable_variables)
        optimizers[0].apply(g_gradients, generator.trainable_variables)
        done = tf.cast(step, tf.float32)
        decay = tf.minimum(s.ema, (1 + done) / (10 + done))
        for slow, weight in zip(average.weights, generator.weights):
            slow.assign(weight + decay * (slow - weight))
        step.assign_add(1)
        return tf.stack([d_loss, g_loss])

    @tf.function
    def many_steps(chosen):
        total = tf.zeros(2)
        for i in tf.range(STEPS):
            total += one_step(chosen[i])
        return total / STEPS

    draw = tf.function(lambda z, classes: average(told(z, classes), training=False))
    latents, asked = latent.sample(metrics.N, s.latent_dim, 0), tf.range(metrics.N) % networks.CLASSES
    real_features = metrics.real_features("held_out")
    rng, order, seconds, points = np.random.default_rng(seed), np.zeros(0, int), [], []
    for mark in marks:
        while int(step) * s.batch < mark * 1000:
            while len(order) < STEPS * s.batch:
                order = np.concatenate([order, rng.permutation(classifier.TRAINED_ON)])
            chosen, order = order[: STEPS * s.batch].reshape(STEPS, s.batch), order[STEPS * s.batch :]
            began = time.perf_counter()
            d_loss, g_loss = many_steps(tf.constant(chosen)).numpy()
            seconds.append((time.perf_counter() - began) / STEPS)
        drawn = [draw(latents[i : i + 500], asked[i : i + 500]) for i in range(0, metrics.N, 500)]
        images = gh.images.to_uint8(np.concatenate(drawn))
        features, probabilities = classifier.features_and_probabilities(images)
        points.append(
            {
                "thousand_images": mark,
                "distance": round(metrics.frechet_distance(real_features, features), 3),
                "smallest_class": round(float(metrics.class_shares(probabilities).min()), 4),
                "d_loss": round(float(d_loss), 3),
                "images_per_second": round(s.batch / np.percentile(seconds[1:], 20)),
            }
        )
        click.echo(json.dumps(points[-1]))
        folder = gh.folders.runs("trials")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "newest.png").write_bytes(gh.images.png_bytes(gh.images.grid(images[:60], columns=10), 2))
    return points


def parse(changes: tuple[str, ...]) -> Settings:
    """Settings with changes like "depths=3,1"."""
    kinds = {f.name: type(f.default) for f in fields(Settings)}
    changed = {}
    for change in changes:
        name, _, text = change.partition("=")
        if name not in kinds:
            raise click.BadParameter(f"{name!r} is no setting; there is {', '.join(kinds)}")
        kind = kinds[name]
        if kind is tuple:
            changed[name] = tuple(map(int, text.split(",")))
        else:
            changed[name] = text == "True" if kind is bool else kind(text)
    settings = Settings(**changed)
    if settings.mlp and settings.conditional:
        raise click.BadParameter("mlp=1 has no classes: say conditional=False too")
    return settings


def write_table() -> None:
    """The table of all trials, below the findings in trials.md."""
    lines = [json.loads(text) for text in (RESULTS / "trials.jsonl").read_text(encoding="utf-8").splitlines()]
    rows = ["| changes | seed | thousand images: distance | images/s |", "| --- | --- | --- | --- |"]
    for trial in (line for line in lines if "changes" in line):
        points = ", ".join(f"{p['thousand_images']}: {p['distance']:.2f}" for p in trial["points"])
        changes = " ".join(trial["changes"]) or "none"
        rows.append(f"| {changes} | {trial['seed']} | {points} | {trial['points'][-1]['images_per_second']:,} |")
    path = RESULTS / "trials.md"
    mark = "<!-- the table, written by trials.py -->\n"
    before, _, rest = path.read_text(encoding="utf-8").partition(mark)
    _, _, after = rest.partition("\n\n")
    path.write_text(before + mark + "\n".join(rows) + "\n\n" + after, encoding="utf-8")


@click.command()
@click.argument("changes", nargs=-1)
@click.option("--images", default="100,200,400", show_default=True, help="Thousands of images after which to measure.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--table", is_flag=True, help="Only write the table anew.")
def main(changes, images, seed, table):
    """Train one trial and note what it gave. CHANGES are settings like rate=1e-3."""
    if not table:
        settings = parse(changes)
        points = train(settings, seed, [int(mark) for mark in images.split(",")])
        line = {"changes": changes, "seed": seed, "settings": asdict(settings), "points": points, "machine": machine(), "versions": versions()}  # fmt: skip
        with open(RESULTS / "trials.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    write_table()


if __name__ == "__main__":
    main()
