"""What the package's tests share: small real images, and a GAN that trains in seconds."""

import keras
import pytest
from keras import layers

from gan_helpers import __main__ as command_line
from gan_helpers import data
from gan_helpers.gan.gan import GAN

import browser  # isort: skip  beside this file

FAULTS = 49  # rows of the table of faults in CONTRIBUTING.md


def pytest_itemcollected(item):
    for marker in item.iter_markers("fault"):
        item.user_properties.append(("fault", marker.args[0]))


def pytest_terminal_summary(terminalreporter, config):
    """With `-m fault`, a line for each test of a fault: its number, its name, its result."""
    if "fault" not in (config.option.markexpr or ""):
        return
    rows = [
        (number, report.nodeid.partition("::")[2], outcome)
        for outcome in ("passed", "failed", "skipped", "error")
        for report in terminalreporter.stats.get(outcome, [])
        for name, number in report.user_properties
        if name == "fault"
    ]
    terminalreporter.section("faults")
    for number, name, outcome in sorted(rows):
        terminalreporter.write_line(f"{number:2}  {outcome:7}  {name}")
    if missing := sorted(set(range(1, FAULTS + 1)) - {number for number, _, _ in rows}):
        terminalreporter.write_line(f"not run: {', '.join(map(str, missing))}")


@pytest.fixture(scope="session")
def some_images():
    return data.load_fashion_mnist("test")[0][:256]


@pytest.fixture
def call(capsys):
    """Run the command line in this process; gives exit status, standard output and standard error."""

    def call(*arguments):
        with pytest.raises(SystemExit) as caught:
            command_line.main([str(argument) for argument in arguments])
        return (caught.value.code or 0, *capsys.readouterr())

    return call


@pytest.fixture
def small_gan():
    """A function that builds the same compiled small GAN again and again: batch norm, dropout and label noise included."""

    def build(seed=0, **settings):
        keras.utils.set_random_seed(seed)
        latents = keras.Input((8,))
        x = layers.LeakyReLU(0.2)(layers.BatchNormalization()(layers.Dense(32)(latents)))
        generator = keras.Model(latents, layers.Reshape((28, 28, 1))(layers.Dense(784, activation="tanh")(x)))
        images = keras.Input((28, 28, 1))
        x = layers.Dropout(0.3)(layers.LeakyReLU(0.2)(layers.Dense(32)(layers.Flatten()(images))))
        gan = GAN(generator, keras.Model(images, layers.Dense(1)(x)), seed=seed, **settings)
        gan.compile()
        return gan

    return build


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Of a test that failed in a browser, keep what was to be seen, and the console."""
    report = yield
    if report.failed and (page := getattr(item, "funcargs", {}).get("page")) is not None:
        report.sections.append(("browser", f"kept: {browser.keep(page, item.name)}"))
    return report
