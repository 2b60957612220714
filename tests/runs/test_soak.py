"""Long trainings in a notebook: memory stays flat."""

import json
import textwrap

import numpy as np
import pytest
from jupyter_client.manager import start_new_kernel

EPOCHS, STEPS = 72, 1200  # 86,400 steps: two hours at twelve a second

TRAINING = """
    import json, os, tempfile
    import psutil
    import gan_helpers as gh
    from gan_helpers import recipes, networks
    import keras

    tiny = recipes.Recipe(
        name="tiny",
        generator=lambda latent_dim: networks.mlp_generator(latent_dim, (8,)),
        discriminator=lambda: networks.mlp_discriminator((8,)),
        g_learning_rate=1e-4, d_learning_rate=1e-4, latent_dim=8, batch_size=16, source="for tests",
    )
    images = gh.load_fashion_mnist("train")[0][: STEPS * 16]
    taken = []
    measure = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: taken.append(psutil.Process().memory_info().rss))
    with tempfile.TemporaryDirectory() as folder:
        run = gh.train(tiny, folder, epochs=EPOCHS, train_images=images, callbacks=[measure], verbose=0)
        print(json.dumps({"taken": taken, "steps": int(run.gan.steps.value)}))
"""


@pytest.mark.slow
def test_memory_stays_flat_with_monitor_and_loss_plot_on():
    """The slope of the second half of the epochs, in a real kernel, where both draw after each.

    In the first half the classifier is loaded, by which `WarnOnCollapse` judges, and allocators find their size.
    """
    kernel, client = start_new_kernel(kernel_name="python3")
    texts, pictures = [], 0

    def watch(message):
        nonlocal pictures
        texts.append(message["content"].get("text", ""))
        pictures += "image/png" in message["content"].get("data", {})

    try:
        source = textwrap.dedent(TRAINING).replace("EPOCHS", str(EPOCHS)).replace("STEPS", str(STEPS))
        reply = client.execute_interactive(source, output_hook=watch, timeout=1200)
        assert reply["content"]["status"] == "ok", reply["content"]
    finally:
        client.stop_channels()
        kernel.shutdown_kernel(now=True)
    found = json.loads([line for text in texts for line in text.splitlines() if line.startswith("{")][-1])
    assert pictures == 2 * EPOCHS
    second_half = np.array(found["taken"][EPOCHS // 2 :]) / 2**20
    slope = np.polyfit(np.arange(len(second_half)), second_half, 1)[0]
    print(f"{found['steps']:,} steps in {EPOCHS} epochs: {second_half[-1]:.0f} MiB, {slope:+.3f} MiB an epoch")
    assert slope * EPOCHS < 0.05 * second_half[0]
