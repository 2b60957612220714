"""The explorer in a real browser: in notebook 05 in JupyterLab, and as a page of its own. One server and one page each.

Where there is no browser these tests are skipped, and say how to get one; in CI that is an error.
"""

import base64
import os
import re
import subprocess
import sys
import time

import nbformat
import pytest

from gan_helpers import browser, course, folders

LESSON = course.ROOT / "notebooks" / "05_latent_sliders.ipynb"
SLIDERS = {"walk": 0, "truncation": 1, "first": 2}

pytestmark = pytest.mark.skipif(
    browser.find() is None and not os.environ.get("CI"),
    reason=f"no Chromium here; on Debian and Ubuntu, as root: {browser.INSTALL}",
)


class Explorer:
    """The last explorer on a page, as hands and eyes meet it. Its generator is conditional."""

    def __init__(self, page):
        self.page, self.box = page, page.locator(".gan-explorer").last
        self.image = self.box.locator("img.widget-image")
        self.image.wait_for(timeout=60_000)
        self.box.get_by_text("Nearest training images").wait_for(timeout=60_000)

    def png(self) -> bytes:
        """The bytes of the picture that the browser shows."""
        script = """async image => {
            const blob = await (await fetch(image.src)).blob();
            return new Promise(done => {
                const reader = new FileReader(); reader.onload = () => done(reader.result); reader.readAsDataURL(blob);
            });
        }"""
        return base64.b64decode(self.image.evaluate(script).partition(",")[2])

    def becomes(self, condition, seconds=10):
        """Wait until the picture's bytes meet a condition; give them."""
        until = time.monotonic() + seconds
        while not condition(png := self.png()):
            assert time.monotonic() < until, "the picture does not become what it should"
            time.sleep(0.05)
        return png

    def says(self, text, seconds=10):
        """Wait until the explorer shows a text."""
        self.box.get_by_text(text).first.wait_for(timeout=1000 * seconds)

    def slider(self, name):
        return self.box.locator(".noUi-handle").nth(SLIDERS[name])

    def control(self, label):
        return self.box.get_by_label(label, exact=True)

    def click(self, name):
        self.box.get_by_role("button", name=name, exact=True).click()

    def settle(self):
        """Until the present picture is remembered: the state that is shown stands still."""
        before = None
        while before != (before := self.control("State").input_value()):
            time.sleep(0.5)

    def afresh(self):
        self.control("Class").select_option("T-shirt/top")
        self.control("View").select_option("1 × 1")
        self.click("Reset")
        self.settle()
        return self.png()


@pytest.fixture(scope="module", params=["lab", "voila"])
def page(request, tmp_path_factory):
    """A page with an explorer in it: notebook 05 with all its cells run, or what `gan-helpers explore` serves."""
    with browser.started() as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.kind = request.param
        if page.kind == "lab":
            folder = tmp_path_factory.mktemp("lab")
            notebook = nbformat.read(LESSON, as_version=4)
            (parameters,) = (cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
            parameters.source = parameters.source.replace('"lesson"', '"quick"', 1)
            nbformat.write(notebook, folder / LESSON.name)
            with browser.lab_page(page, folder, LESSON.name):
                still = page.locator("[class^=gan-still]").last
                still.scroll_into_view_if_needed()
                assert still.is_visible() and "Run this cell to get sliders" in still.inner_text(), "before it is run"
                browser.run_all(page)
                assert page.get_by_text(re.compile("^Key figure: latent vectors have length")).is_visible()
                yield page
        else:
            command = [sys.executable, "-m", "gan_helpers", "explore", "course_conditional", "--no-browser"]
            served = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            try:
                address = served.stdout.readline().split()
                assert address, served.communicate()[1]
                page.goto(address[0], timeout=60_000)
                yield page
            finally:
                served.terminate()
                served.communicate(timeout=30)


@pytest.fixture(scope="module")
def on_the_page(page):
    return Explorer(page)


@pytest.fixture
def explorer(on_the_page):
    on_the_page.first = on_the_page.afresh()
    return on_the_page


def in_the_kernel(page, code):
    """Run code in the notebook's kernel, as a cell would."""
    page.evaluate(
        """async code => {
            const kernel = jupyterapp.shell.currentWidget.context.sessionContext.session.kernel;
            const reply = await kernel.requestExecute({ code }).done;
            if (reply.content.status !== 'ok') throw new Error(reply.content.evalue);
        }""",
        code,
    )


def test_a_slider_by_keyboard_and_by_mouse(explorer):
    handle = explorer.slider("first")
    handle.focus()
    handle.press("ArrowRight")
    moved = explorer.becomes(lambda png: png != explorer.first)
    handle.press("ArrowLeft")
    explorer.becomes(lambda png: png == explorer.first)

    x, y = (
        handle.bounding_box()[key] + handle.bounding_box()[size] / 2 for key, size in (("x", "width"), ("y", "height"))
    )
    mouse = explorer.page.mouse
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + 40, y, steps=4)
    pulled = explorer.becomes(lambda png: png not in (explorer.first, moved))
    mouse.move(x, y, steps=4)
    mouse.up()
    explorer.becomes(lambda png: png == explorer.first)
    assert pulled[1:4] == b"PNG"


def test_class_choice_and_view(explorer):
    explorer.control("Class").select_option("Ankle boot")
    boot = explorer.becomes(lambda png: png != explorer.first)
    explorer.says("Ankle boot, ")
    explorer.control("View").select_option("4 × 4")
    explorer.becomes(lambda png: png != boot)
    explorer.says("16 pictures, ")
    explorer.control("Class").select_option("T-shirt/top")
    explorer.control("View").select_option("1 × 1")
    explorer.becomes(lambda png: png == explorer.first)


def test_the_walk_plays_and_pauses(explorer):
    button = explorer.box.locator(".widget-play button").first
    button.click()
    seen = {explorer.becomes(lambda png: png != explorer.first)}
    seen.add(explorer.becomes(lambda png: png not in seen | {explorer.first}))
    button.click()
    explorer.settle()
    percent = float(explorer.slider("walk").get_attribute("aria-valuenow"))
    assert 0 < percent <= 100 and f"_w{percent:.0f}_" in explorer.control("State").input_value()
    paused = explorer.png()
    time.sleep(0.5)
    assert explorer.png() == paused


def test_a_flood_of_key_presses_ends_at_the_last(explorer):
    """All at once, and the key is up again: what is shown then is the end, and nothing follows."""
    handle = explorer.slider("first")
    handle.focus()
    script = """handle => { for (let k = 0; k < 30; k++) handle.dispatchEvent(new KeyboardEvent('keydown', {
        key: k < 25 ? 'ArrowRight' : 'ArrowLeft', bubbles: true })); }"""
    handle.evaluate(script)
    handle.press("ArrowRight")
    explorer.settle()
    assert "_p0~2.1_" in explorer.control("State").input_value()
    last = explorer.png()
    time.sleep(0.5)
    assert explorer.png() == last != explorer.first


def test_undo_and_a_state_that_is_copied_and_pasted(explorer):
    explorer.slider("first").press("ArrowRight")
    explorer.becomes(lambda png: png != explorer.first)
    explorer.settle()
    moved = explorer.png()
    explorer.click("Copy state")
    explorer.says("Copied")
    state = explorer.page.evaluate("navigator.clipboard.readText()")
    assert state == explorer.control("State").input_value() and "_p0~" in state
    explorer.click("Undo")
    explorer.becomes(lambda png: png == explorer.first)
    explorer.settle()
    explorer.control("State").fill(state)
    explorer.control("State").press("Enter")
    explorer.becomes(lambda png: png == moved)


def test_save_says_where(explorer):
    folder = folders.runs("explorer")
    before = set(folder.glob("*.png"))
    explorer.slider("truncation").press("ArrowLeft")
    explorer.becomes(lambda png: png != explorer.first)
    explorer.settle()
    explorer.click("Save PNG")
    explorer.says(re.compile("^(Saved|It is there already): "))
    path = folder / f"conditional_subpixel_generator_{explorer.control('State').input_value()}.png"
    assert path.is_file() and explorer.box.get_by_text(str(path)).is_visible()
    with explorer.page.expect_download() as download:
        explorer.box.get_by_role("link", name="Download it").click()
    assert download.value.suggested_filename == path.name
    assert download.value.path().read_bytes() == path.read_bytes()
    for new in set(folder.glob("*.png")) - before:
        new.unlink()


def test_a_wrong_state_is_an_error_in_the_status_line(explorer):
    explorer.control("State").fill("z64_s7")
    explorer.control("State").press("Enter")
    explorer.says("The last picture stays")
    assert explorer.png() == explorer.first


def test_the_keyboard_alone_reaches_everything(explorer):
    explorer.control("Class").focus()
    reached = []
    script = "(e => e.getAttribute('role') || e.tagName + ' ' + e.textContent.slice(0, 11))(document.activeElement)"
    while len(reached) < 60 and not explorer.control("State").evaluate("e => e === document.activeElement"):
        reached.append(explorer.page.evaluate(script))
        explorer.page.keyboard.press("Tab")
    kinds = [name.split(" ")[0] for name in reached]
    assert kinds.count("slider") == 10 and kinds.count("SELECT") == 4
    for name in ("Reset", "Undo", "Redo", "Save PNG", "Copy state", "Surprise me"):
        assert f"BUTTON {name}" in reached
    surprise = explorer.box.get_by_role("button", name="Surprise me")
    surprise.press("Enter")
    explorer.becomes(lambda png: png != explorer.first)
    explorer.click("Undo")
    explorer.becomes(lambda png: png == explorer.first)


def test_an_error_in_a_callback_keeps_the_last_picture(explorer, page):
    if page.kind != "lab":
        pytest.skip("the page lets nobody into its kernel")
    in_the_kernel(page, "works, told._generate = told._generate, lambda *inputs: 1 / 0")
    handle = explorer.slider("first")
    handle.press("ArrowRight")
    explorer.says("The last picture stays: division by zero")
    assert explorer.png() == explorer.first
    in_the_kernel(page, "told._generate = works")
    handle.press("ArrowRight")
    explorer.becomes(lambda png: png != explorer.first)
    assert not explorer.box.get_by_text("The last picture stays").is_visible()


@pytest.mark.fault(30)
def test_after_a_restart_of_the_kernel_the_picture_stays_and_a_line_says_to_run_the_cell(explorer, page):
    if page.kind != "lab":
        pytest.skip("a page has no kernel to restart")
    assert not explorer.box.get_by_text("Run this cell").is_visible()
    page.evaluate("() => jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.restart()")
    explorer.says("No kernel behind this picture any more. Run this cell to get sliders that move.", seconds=30)
    assert explorer.image.is_visible() and explorer.png() == explorer.first
