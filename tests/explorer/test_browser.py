"""The explorer in a real browser: in notebook 05 in JupyterLab, and as a page of its own. One server and one page each.

Where there is no browser these tests are skipped, and say how to get one; in CI that is an error.
"""

import base64
import os
import re
import shutil
import subprocess
import sys

import nbformat
import pytest

from gan_helpers.course import notebooks
from gan_helpers.storage import folders

import browser  # isort: skip  beside this file

LESSON = notebooks.ROOT / "notebooks" / "05_latent_sliders.ipynb"
SLIDERS = {"walk": 0, "truncation": 1, "first": 2}
PATIENCE = 120_000  # milliseconds, for what comes when it is ready: other processes may keep the machine busy

pytestmark = pytest.mark.skipif(
    browser.find() is None and not os.environ.get("CI"),
    reason=f"no Chromium here; on Debian and Ubuntu, as root: {browser.INSTALL}",
)


class Explorer:
    """The last explorer on a page, as hands and eyes meet it. Its generator is conditional."""

    def __init__(self, page):
        self.page, self.box = page, page.locator(".gan-explorer").last
        self.image = self.box.locator("img.widget-image")
        self.image.wait_for(timeout=PATIENCE)
        self.box.get_by_text("Nearest training images").wait_for(timeout=PATIENCE)
        self.at_first = self.state()

    def png(self) -> bytes:
        """The bytes of the picture that the browser shows."""
        script = """async image => {
            const blob = await (await fetch(image.src)).blob();
            return new Promise(done => {
                const reader = new FileReader(); reader.onload = () => done(reader.result); reader.readAsDataURL(blob);
            });
        }"""
        return base64.b64decode(self.image.evaluate(script).partition(",")[2])

    def wait(self, condition, what):
        """Wait until a condition holds."""
        for _ in range(PATIENCE // 50):
            if condition():
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(what)

    def becomes(self, condition):
        """Wait until the picture's bytes meet a condition; give them."""
        seen = []
        self.wait(lambda: condition(seen.append(self.png()) or seen[-1]), "the picture does not become what it should")
        return seen[-1]

    def says(self, text):
        """Wait until the explorer shows a text."""
        self.box.get_by_text(text).first.wait_for(timeout=PATIENCE)

    def state(self):
        """The state that the explorer has remembered last: where Undo comes back to, and what is copied."""
        return self.box.locator("button[data-state]").get_attribute("data-state")

    def slider(self, name):
        return self.box.locator(".noUi-handle").nth(SLIDERS[name])

    def control(self, label):
        return self.box.get_by_label(label, exact=True)

    def click(self, name):
        self.box.get_by_role("button", name=name, exact=True).click()

    def settle(self, part=""):
        """Until the picture is remembered: its own state, which contains `part`, is the remembered one."""
        drawn = self.box.locator("[data-state].gan-line")
        self.wait(
            lambda: part in (state := self.state()) and state == drawn.get_attribute("data-state"),
            f"no picture of a state with {part!r} is remembered",
        )

    def afresh(self):
        """At the first state, whatever was done before; its picture."""
        if self.state() != self.at_first:
            self.control("State").fill(self.at_first)
            self.control("State").press("Enter")
        self.settle(self.at_first)
        return self.png()


@pytest.fixture(scope="module", params=["lab", "voila"])
def page(request, tmp_path_factory):
    """A page with an explorer in it: notebook 05 with all its cells run, or what `gan-helpers explore` serves."""
    with browser.started() as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.kind = request.param
        if page.kind == "lab":
            folder = tmp_path_factory.mktemp("lab")
            shutil.copytree(notebooks.ROOT / "images", folder / "images")
            (folder / "notebooks").mkdir()
            notebook = nbformat.read(LESSON, as_version=4)
            (parameters,) = (cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
            parameters.source = parameters.source.replace('"lesson"', '"quick"', 1)
            nbformat.write(notebook, folder / "notebooks" / LESSON.name)
            with browser.lab_page(page, folder, f"notebooks/{LESSON.name}"):
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
                held = []
                page.route(
                    "**/voila.js", lambda route: held.append(route)
                )  # the page's script comes when it has been looked at without
                with page.expect_request("**/voila.js", timeout=PATIENCE):
                    page.goto(address[0], wait_until="commit", timeout=PATIENCE)
                page.while_loading = page.locator("body").inner_text()
                held[0].continue_()
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


@pytest.mark.fault(34)
def test_nothing_asks_another_host_for_anything(explorer, page):
    assert page.foreign == []
    if page.kind == "lab":
        badge = page.get_by_role("img", name="Open in Colab")
        badge.wait_for(timeout=PATIENCE)
        assert badge.evaluate("image => image.naturalWidth") > 0, "it is shown from images/"
        assert badge.locator("..").get_attribute("href").startswith("https://colab.research.google.com/github/")


def test_the_page_says_what_it_shows_and_that_it_loads(explorer, page):
    if page.kind == "lab":
        pytest.skip("the notebook says so itself")
    heading, loading = page.get_by_role("heading", level=1), page.locator(".gan-loading")
    assert heading.inner_text() == "Latent space of course_conditional"
    assert heading.inner_text() in page.while_loading and "Each slider moves that vector" in page.while_loading
    assert page.get_by_text("It learned from Fashion-MNIST").is_visible()
    assert "Loading" in page.while_loading and not loading.is_visible()


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
    button.locator(".fa-pause").wait_for(timeout=PATIENCE)
    seen = {explorer.becomes(lambda png: png != explorer.first)}
    seen.add(explorer.becomes(lambda png: png not in seen | {explorer.first}))
    button.evaluate("button => { if (button.querySelector('.fa-pause')) button.click(); }")  # or it has got to the end
    percent = float(explorer.slider("walk").get_attribute("aria-valuenow"))
    assert 0 < percent <= 100
    explorer.settle(f"_w{percent:.0f}_")
    paused = explorer.png()
    explorer.page.wait_for_timeout(500)
    assert explorer.png() == paused


def test_a_flood_of_key_presses_ends_at_the_last(explorer):
    """All at once, and the key is up again: what is shown then is the end, and nothing follows."""
    handle = explorer.slider("first")
    handle.focus()
    script = """handle => { for (let k = 0; k < 30; k++) handle.dispatchEvent(new KeyboardEvent('keydown', {
        key: k < 25 ? 'ArrowRight' : 'ArrowLeft', bubbles: true })); }"""
    handle.evaluate(script)
    handle.press("ArrowRight")
    explorer.settle("_p0~2.1_")
    last = explorer.png()
    explorer.page.wait_for_timeout(500)
    assert explorer.png() == last != explorer.first


def test_undo_and_a_state_that_is_copied_and_pasted(explorer):
    explorer.slider("first").press("ArrowRight")
    explorer.becomes(lambda png: png != explorer.first)
    explorer.settle("_p0~")
    moved, state = explorer.png(), explorer.state()
    explorer.click("Copy state")
    explorer.wait(lambda: explorer.page.evaluate("navigator.clipboard.readText()") == state, "nothing is copied")
    explorer.click("Undo")
    explorer.becomes(lambda png: png == explorer.first)
    explorer.settle(explorer.at_first)
    explorer.control("State").fill(state)
    explorer.control("State").press("Enter")
    explorer.becomes(lambda png: png == moved)
    explorer.settle(state)


def test_save_says_where(explorer):
    folder = folders.runs("explorer")
    before = set(folder.glob("*.png"))
    explorer.slider("truncation").press("ArrowLeft")
    explorer.settle("_t")
    explorer.click("Save PNG")
    explorer.says(re.compile("^(Saved|It is there already): "))
    path = folder / f"conditional_subpixel_generator_{explorer.state()}.png"
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
    in_the_kernel(page, "works, told._scenery.drawn = told._scenery.drawn, lambda *inputs: 1 / 0")
    handle = explorer.slider("first")
    handle.press("ArrowRight")
    explorer.says("The last picture stays: division by zero")
    assert explorer.png() == explorer.first
    in_the_kernel(page, "told._scenery.drawn = works")
    handle.press("ArrowRight")
    explorer.becomes(lambda png: png != explorer.first)
    explorer.settle("_p0~")
    assert not explorer.box.get_by_text("The last picture stays").is_visible()


@pytest.mark.fault(30)
def test_after_a_restart_of_the_kernel_the_picture_stays_and_a_line_says_to_run_the_cell(explorer, page):
    if page.kind != "lab":
        pytest.skip("a page has no kernel to restart")
    assert not explorer.box.get_by_text("Run this cell").is_visible()
    page.evaluate("() => jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.restart()")
    explorer.says("No kernel behind this picture any more. Run this cell to get sliders that move.")
    assert explorer.image.is_visible() and explorer.png() == explorer.first
