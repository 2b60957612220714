"""Images/s of one training step of `tutorial_dcgan`: this package against a plain loop, and against PyTorch where it is.

    python benchmarks/throughput.py                 # writes benchmarks/results/throughput.md
    pip install "gan-helpers[benchmark]"            # adds PyTorch

Every contender is a process of its own that waits while another is measured. Each round measures them one after
another, every second round in the opposite order; ratios are taken within a round.
"""

import importlib.util
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import click
import numpy as np

RESULTS = Path(__file__).resolve().parent / "results"
BATCH_SIZE, LATENT_DIM, LEARNING_RATE = 128, 100, 1e-4  # of the recipe
CONTENDERS = {
    "plain": "two tapes in a tf.function, as in TensorFlow's DCGAN tutorial",
    "float32": "GAN.train_step, float32",
    "auto": "GAN.train_step, precision auto",
    "torch": "PyTorch, float32",
    "torch_bfloat16": "PyTorch, bfloat16 autocast",
}


def images() -> np.ndarray:
    """One batch in the recipe's pixel range; what is on it does not matter for speed."""
    return np.random.default_rng(0).uniform(-1, 1, (BATCH_SIZE, 28, 28, 1)).astype("float32")


def plain_step():
    """A plain training loop around the recipe's networks."""
    import gan_helpers as gh

    recipe = gh.recipes.get("tutorial_dcgan")
    import keras
    import tensorflow as tf

    generator, discriminator = recipe.generator(LATENT_DIM), recipe.discriminator()
    g_optimizer, d_optimizer = keras.optimizers.Adam(LEARNING_RATE), keras.optimizers.Adam(LEARNING_RATE)
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    batch = tf.constant(images())

    @tf.function
    def step(real):
        noise = tf.random.normal((BATCH_SIZE, LATENT_DIM))
        with tf.GradientTape() as g_tape, tf.GradientTape() as d_tape:
            fake = generator(noise, training=True)
            real_logits, fake_logits = discriminator(real, training=True), discriminator(fake, training=True)
            g_loss = cross_entropy(tf.ones_like(fake_logits), fake_logits)
            d_loss = cross_entropy(tf.ones_like(real_logits), real_logits)
            d_loss += cross_entropy(tf.zeros_like(fake_logits), fake_logits)
        g_optimizer.apply(g_tape.gradient(g_loss, generator.trainable_variables), generator.trainable_variables)
        d_optimizer.apply(d_tape.gradient(d_loss, discriminator.trainable_variables), discriminator.trainable_variables)
        return d_loss

    return lambda: float(step(batch)), "float32"


def gan_step(precision):
    """The package's own step, metrics and averaged generator included."""
    import gan_helpers as gh

    gan = gh.recipes.get("tutorial_dcgan").build(seed=0, precision=precision)
    import tensorflow as tf

    step, batch = tf.function(gan.train_step), tf.constant(images())
    return lambda: float(step(batch)["d_loss"]), gan.precision


def torch_step(bfloat16):
    """The same networks in PyTorch, channels last, both players' gradients from one forward pass, as in the package."""
    import torch
    from torch import nn

    torch.set_num_threads(os.cpu_count())
    torch.manual_seed(0)

    def block(c, d, stride):
        up = nn.ConvTranspose2d(c, d, 5, stride, padding=2, output_padding=stride - 1, bias=False)
        return [up, nn.BatchNorm2d(d, momentum=0.01, eps=1e-3), nn.LeakyReLU(0.3)]

    generator = nn.Sequential(
        nn.Linear(LATENT_DIM, 7 * 7 * 256, bias=False),
        nn.BatchNorm1d(7 * 7 * 256, momentum=0.01, eps=1e-3),
        nn.LeakyReLU(0.3),
        nn.Unflatten(1, (256, 7, 7)),
        *block(256, 128, 1),
        *block(128, 64, 2),
        nn.ConvTranspose2d(64, 1, 5, 2, padding=2, output_padding=1, bias=False),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(1, 64, 5, 2, padding=2),
        nn.LeakyReLU(0.3),
        nn.Dropout(0.3),
        nn.Conv2d(64, 128, 5, 2, padding=2),
        nn.LeakyReLU(0.3),
        nn.Dropout(0.3),
        nn.Flatten(),
        nn.Linear(7 * 7 * 128, 1),
    )
    generator, discriminator = (m.to(memory_format=torch.channels_last) for m in (generator, discriminator))
    players = [(m, torch.optim.Adam(m.parameters(), LEARNING_RATE, eps=1e-7)) for m in (generator, discriminator)]
    cross_entropy = nn.functional.binary_cross_entropy_with_logits
    real = torch.from_numpy(images()).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)

    def step():
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            fake = generator(torch.randn(BATCH_SIZE, LATENT_DIM))
            real_logits, fake_logits = discriminator(real).float(), discriminator(fake).float()
        d_loss = cross_entropy(real_logits, torch.ones_like(real_logits))
        d_loss = d_loss + cross_entropy(fake_logits, torch.zeros_like(fake_logits))
        g_loss = cross_entropy(fake_logits, torch.ones_like(fake_logits))
        g_gradients = torch.autograd.grad(g_loss, list(generator.parameters()), retain_graph=True)
        d_gradients = torch.autograd.grad(d_loss, list(discriminator.parameters()))
        for (model, optimizer), gradients in zip(players, (g_gradients, d_gradients)):
            for parameter, gradient in zip(model.parameters(), gradients):
                parameter.grad = gradient
            optimizer.step()
        return float(d_loss.detach())

    return step, "bfloat16" if bfloat16 else "float32"


def work(contender: str) -> None:
    """Warm up, then measure `steps` steps for every line that comes in; at the end tell the peak memory."""
    if contender == "plain":
        step, precision = plain_step()
    elif contender.startswith("torch"):
        step, precision = torch_step(contender.endswith("bfloat16"))
    else:
        step, precision = gan_step(contender)
    for _ in range(5):
        step()
    print(precision, flush=True)
    for line in sys.stdin:
        steps = int(line)
        began = time.perf_counter()
        for _ in range(steps):
            step()
        print(steps * BATCH_SIZE / (time.perf_counter() - began), flush=True)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, flush=True)


@click.command()
@click.option("--rounds", type=click.IntRange(5), default=10, show_default=True)
@click.option("--steps", type=click.IntRange(1), default=10, show_default=True, help="Steps a measurement.")
@click.option("--out", type=click.Path(path_type=Path), default=RESULTS / "throughput.md", show_default=True)
@click.option("--worker", type=click.Choice(CONTENDERS), hidden=True)
def main(rounds, steps, out, worker):
    """Measure all contenders side by side, and write a table."""
    if worker:
        return work(worker)
    from _machine import machine, versions  # beside this file

    names = [name for name in CONTENDERS if importlib.util.find_spec("torch") or not name.startswith("torch")]
    workers, precision, speeds = {}, {}, {name: [] for name in names}
    for name in names:
        command = [sys.executable, __file__, "--worker", name]
        workers[name] = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        precision[name] = workers[name].stdout.readline().strip()
        click.echo(f"{name} is warm")
    for i in range(rounds):
        for name in names if i % 2 else names[::-1]:
            print(steps, file=workers[name].stdin, flush=True)
            speeds[name].append(float(workers[name].stdout.readline()))
        click.echo(f"round {i + 1} of {rounds}: " + ", ".join(f"{name} {speeds[name][-1]:.0f}" for name in names))
    memory = {name: int(worker.communicate()[0]) * 1024 for name, worker in workers.items()}

    lines = [
        "# One training step of `tutorial_dcgan`",
        "",
        f"`python benchmarks/throughput.py --rounds {rounds} --steps {steps}`: batches of {BATCH_SIZE}, each contender in a process "
        f"of its own, one at a time, {rounds} rounds of {steps} steps in alternating order, after 5 steps of warm-up. Ratios are "
        "taken within a round. Median (smallest to largest).",
        "",
        "| contender | precision | images/s | × plain | peak memory |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name in names:
        ratios = [mine / plain for mine, plain in zip(speeds[name], speeds["plain"])]
        lines.append(
            f"| {CONTENDERS[name]} | {precision[name]} | {spread(speeds[name], '.0f')} | {spread(ratios, '.2f')} "
            f"| {memory[name] / 2**30:.2f} GiB |"
        )
    if "torch" in names:
        for mine, theirs in (("float32", "torch"), ("auto", "torch_bfloat16")):
            ratios = [a / b for a, b in zip(speeds[mine], speeds[theirs])]
            lines += ["", f"{CONTENDERS[mine]}, against {CONTENDERS[theirs]}: {spread(ratios, '.2f')}."]
    lines += ["", f"{machine()}. {versions('torch' in names)}."]
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    click.echo("\n".join(lines))


def spread(values, form: str) -> str:
    """Median and range."""
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


if __name__ == "__main__":
    main()
