"""A folder of pictures of one's own: which are taken, how they are decoded, and what is said of the others."""

import hashlib
import os
import shutil
import signal
import struct
import subprocess
import sys
import textwrap
import time
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image
from small_disk import on_a_small_disk

from gan_helpers.data import own_images
from gan_helpers.data.dataset import Dataset, known
from gan_helpers.storage import folders

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


@pytest.fixture(autouse=True)
def course(tmp_path, monkeypatch):
    """A course folder of its own, in which nothing is prepared."""
    monkeypatch.setattr(folders, "root", lambda: tmp_path / "course")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "course"


def noise(seed, width=20, height=20, mode="RGB"):
    """A picture like no other."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)).convert(mode)


def pictures(folder, count, begin=0, suffix=".png", **settings):
    """Write so many pictures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(begin, begin + count):
        noise(i, **settings).save(folder / f"{i:03}{suffix}")
    return folder


def read(folder, size=16, **settings):
    """`Dataset.from_folder`, in which a warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return Dataset.from_folder(folder, size=size, **{"progress": False, "test": 0, **settings})


def said_of(folder, size=16, **settings):
    """A data set that is warned of, and the warning."""
    with pytest.warns(UserWarning) as caught:
        dataset = Dataset.from_folder(folder, size=size, **{"progress": False, "test": 0, **settings})
    (said,) = caught
    return dataset, str(said.message)


def decoded(
    tmp_path, picture, name="picture.png", size=16, colour=True, fit="crop", background=(255, 255, 255), **saved
):
    """What becomes of one picture that was saved as a file."""
    picture.save(tmp_path / name, **saved)
    return own_images.decode(tmp_path / name, size, colour, fit, background)


def files_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# --- one picture ------------------------------------------------------------------------------------


def quarters():
    """16×16, whose quarters are red, green; blue, white."""
    pixels = np.full((16, 16, 3), 255, np.uint8)
    pixels[:8, :8], pixels[:8, 8:], pixels[8:, :8] = RED, GREEN, BLUE
    return pixels


def test_a_picture_of_the_right_size_keeps_its_pixels(tmp_path):
    for name in ("a.png", "a.PNG"):
        assert np.array_equal(decoded(tmp_path, Image.fromarray(quarters()), name), quarters())
    assert np.array_equal(decoded(tmp_path, Image.fromarray(quarters()), "a.webp", lossless=True), quarters())
    assert (
        np.abs(
            decoded(tmp_path, Image.fromarray(quarters()), "a.JPG", quality=100, subsampling=0) - quarters().astype(int)
        ).mean()
        < 8
    )


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_pictures_are_turned_as_exif_says(tmp_path, orientation, fit):
    upright = Image.fromarray(quarters()).resize((32, 32), Image.Resampling.NEAREST).crop((0, 0, 32, 24))
    stored = {  # what a camera that was held so has written
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = upright.transpose(stored[orientation]) if orientation > 1 else upright
    found = decoded(tmp_path, turned, exif=exif, fit=fit).astype(int)
    # Scaling goes first along rows, then columns, each rounded: so turned, an edge may differ by a few levels.
    assert np.abs(found - decoded(tmp_path, upright, fit=fit)).max() <= 12


def test_crop_takes_the_middle_and_pad_all_of_it(tmp_path):
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, :20], wide[:, 20:40], wide[:, 40:] = RED, GREEN, BLUE
    cropped = decoded(tmp_path, Image.fromarray(wide), size=20)
    assert (cropped == GREEN).all()
    padded = decoded(tmp_path, Image.fromarray(wide), size=30, fit="pad", background=(1, 2, 3))
    assert (padded[:10] == (1, 2, 3)).all() and (padded[20:] == (1, 2, 3)).all()
    middle = padded[15]
    assert (middle[4] == RED).all() and (middle[15] == GREEN).all() and (middle[25] == BLUE).all()


def test_a_large_jpeg_decoded_at_a_fraction_looks_as_if_decoded_whole(tmp_path):
    smooth = np.linspace(0, 255, 400)
    picture = Image.fromarray(np.stack(np.broadcast_arrays(smooth, smooth[:, None], 128), -1).astype(np.uint8))
    whole = own_images.fitted(picture, 20, True)
    found = decoded(tmp_path, picture, "a.jpg", size=20, quality=95)
    assert np.abs(found.astype(int) - whole).max() <= 4


def test_transparent_pixels_show_the_background_and_bleed_no_hidden_colour(tmp_path):
    pixels = np.zeros((32, 32, 4), np.uint8)
    pixels[..., :3] = RED  # hidden
    pixels[:, 16:] = (*BLUE, 255)
    found = decoded(tmp_path, Image.fromarray(pixels), background=GREEN)
    assert (found[:, :5] == GREEN).all() and (found[:, 11:] == BLUE).all()
    assert found[..., 0].max() == 0, "red, which nobody saw"


def test_every_mode_is_converted(tmp_path):
    grey = np.linspace(0, 255, 16 * 16).reshape(16, 16).round().astype(np.uint8)
    as_grey = np.repeat(grey[..., None], 3, -1)
    deep = Image.fromarray(grey.astype(np.uint16) * 257)
    assert deep.mode == "I;16"
    assert np.array_equal(decoded(tmp_path, deep), as_grey)
    assert np.array_equal(decoded(tmp_path, deep, colour=False), grey[..., None])
    assert np.array_equal(decoded(tmp_path, Image.fromarray(grey)), as_grey)
    bits = Image.fromarray(grey > 127)
    assert bits.mode == "1" and np.array_equal(decoded(tmp_path, bits), np.where(as_grey > 127, 255, 0))
    alpha = Image.merge("LA", [Image.fromarray(grey), Image.new("L", (16, 16), 0)])
    assert (decoded(tmp_path, alpha, background=(9, 9, 9)) == 9).all()
    palette = Image.fromarray(quarters()).quantize(8)
    assert np.array_equal(decoded(tmp_path, palette), quarters())
    one_transparent = palette.copy()
    red = one_transparent.getpixel((0, 0))
    found = decoded(tmp_path, one_transparent, transparency=red, background=(7, 7, 7))
    assert (found[:8, :8] == 7).all() and (found[8:, :8] == BLUE).all()
    ink = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    assert np.abs(decoded(tmp_path, ink, "a.jpg", quality=100).astype(int) - RED).max() <= 3


def test_grey_is_the_luminance(tmp_path):
    for colour, level in ((RED, 76), (GREEN, 150), (BLUE, 29)):
        found = decoded(tmp_path, Image.new("RGB", (20, 20), colour), colour=False)
        assert found.shape == (16, 16, 1) and np.abs(found.astype(int) - level).max() <= 1


def test_of_an_animation_the_first_frame_is_taken(tmp_path):
    frames = [Image.new("RGB", (16, 16), colour) for colour in (RED, GREEN, BLUE)]
    for name in ("a.gif", "a.webp"):
        found = decoded(tmp_path, frames[0], name, save_all=True, append_images=frames[1:], lossless=True)
        assert (found == RED).all()


# --- a folder ---------------------------------------------------------------------------------------


def test_subfolders_are_the_classes_and_names_may_be_any(tmp_path):
    root = tmp_path / "Bilder 写真"
    pictures(root / "zebra", 4)
    pictures(root / "Ärmel", 3, 10)
    pictures(root / "Ärmel" / "deeper" / "still", 2, 20, ".JPG")
    pictures(root / "袖", 2, 30, ".webp")
    pictures(root / ".ipynb_checkpoints", 1, 40)
    pictures(root / "__MACOSX", 1, 50)
    (root / "zebra" / "._000.png").write_bytes(b"a Mac's")
    (root / "no pictures").mkdir()
    dataset = read(root)
    assert dataset.name == "Bilder 写真" and dataset.class_names == ("zebra", "Ärmel", "袖")
    assert np.bincount(dataset.classes).tolist() == [4, 5, 2]
    assert dataset.image_shape == (16, 16, 3) and dataset.test is None and dataset.left_out == ()
    of_zebra = {image.tobytes() for image in dataset.images[dataset.classes == 0]}
    assert own_images.decode(root / "zebra" / "001.png", 16, True, "crop", (0, 0, 0)).tobytes() in of_zebra


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_are_no_text_can_be_printed(tmp_path):
    for name in (b"caf\xe9", "e\u0301te\u0301".encode()):
        pictures(tmp_path / "a" / os.fsdecode(name), 2, name[0])
    (tmp_path / "a" / os.fsdecode(b"caf\xe9") / "broken.png").write_text("x")
    dataset, said = said_of(tmp_path / "a")
    assert dataset.class_names == ("caf\\xe9", "été") and len(dataset) == 4
    assert "caf\\xe9/broken.png" in said
    f"{said} {dataset.left_out} {dataset!r}".encode()


def test_without_subfolders_or_with_one_there_are_no_classes(tmp_path):
    flat = read(pictures(tmp_path / "flat", 6), test=0.34)
    assert flat.classes is None and flat.class_names == () and (len(flat), len(flat.test)) == (4, 2)
    pictures(tmp_path / "one" / "all of them", 5)
    assert read(tmp_path / "one").classes is None


def test_pictures_beside_subfolders_are_left_out_by_name(tmp_path):
    pictures(tmp_path / "a" / "x", 3)
    pictures(tmp_path / "a" / "y", 3, 10)
    noise(99).save(tmp_path / "a" / "loose.png")
    dataset, said = said_of(tmp_path / "a")
    assert len(dataset) == 6 and "loose.png" in said and "loose.png" in dataset.left_out[0]


def png_that_says(width, height, bits=1):
    """A whole grey PNG of any size, all black."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    rows = zlib.compress(bytes(height * (1 + -(-width * bits // 8))), 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_what_cannot_be_used_is_named_with_the_reason(tmp_path):
    root = pictures(tmp_path / "a", 4)
    whole = (root / "000.png").read_bytes()
    (root / "truncated.png").write_bytes(whole[: len(whole) // 2])
    (root / "empty.jpg").write_bytes(b"")
    (root / "text.gif").write_text("no picture")
    Image.fromarray(quarters()).save(root / "other.tiff")
    shutil.copy(root / "other.tiff", root / "disguised.png")
    noise(50, 7, 30).save(root / "small.png")
    (root / "huge.png").write_bytes(png_that_says(20_000, 20_000))
    (root / "large.png").write_bytes(png_that_says(9_000, 9_000))
    noise(0).save(root / "zz again.webp", lossless=True)
    (root / "notes.txt").write_text("hello")
    dataset, said = said_of(root)
    assert len(dataset) == 4
    reasons = dict(sentence.split(": ", 1) for sentence in dataset.left_out)
    assert {name for name, why in reasons.items() if why.startswith("broken")} == {
        "truncated.png", "empty.jpg", "text.gif", "disguised.png",
    }  # fmt: skip
    assert reasons["small.png"].startswith("too small (7×30")
    assert reasons["huge.png"].startswith("too large (400,000,000") and reasons["large.png"].startswith(
        "too large (81,"
    )
    (again,) = set(reasons) & {"000.png", "zz again.webp"}
    (kept,) = {"000.png", "zz again.webp"} - {again}
    assert reasons[again] == f"duplicate (of {kept})"
    assert "4 left out as broken" in said and ".tiff" in said and ".txt" in said and "small.png" in said
    assert read(root).left_out == dataset.left_out, "the second call finds the result, and says nothing twice"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not say a process's peak of memory this way")
def test_a_picture_of_20_000_by_20_000_pixels_takes_no_memory(tmp_path):
    root = pictures(tmp_path / "a", 3)
    (root / "huge.png").write_bytes(png_that_says(20_000, 20_000))
    script = """
        import resource, sys
        from pathlib import Path
        from gan_helpers.data import own_images
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for file in sorted(Path(sys.argv[1]).iterdir()):
            print(own_images.decode(file, 16, True, "crop", (0, 0, 0))[0] if file.name == "huge.png" else "")
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // (1024 if sys.platform == "linux" else 1 << 20))
    """
    answer = subprocess.run([sys.executable, "-c", textwrap.dedent(script), root], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert "too large" in answer.stdout and int(answer.stdout.splitlines()[-1]) < 50, "decoded, it has 400 MB"


def test_what_waits_in_memory_is_bounded():
    """However many pictures there are, no more are in work than a few for each thread."""
    drawn = 0

    def many():
        nonlocal drawn
        while drawn < 5_000:
            drawn += 1
            yield drawn - 1

    most = 0
    for done, result in enumerate(own_images.in_order(lambda i: -i, many())):
        assert result == -done
        most = max(most, drawn - done)
    assert done == 4_999 and most <= 4 * os.cpu_count()


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda root: None, FileNotFoundError, "is not there; expected a folder of pictures"),
        (lambda root: root.write_text("x"), NotADirectoryError, "is a file; expected a folder"),
        (lambda root: root.mkdir(), ValueError, "it is empty"),
        (lambda root: [root.mkdir(), (root / "a.txt").write_text("x")], ValueError, r"1 other file \(\.txt\)"),
        (lambda root: pictures(root, 1), ValueError, "one usable picture only"),
        (
            lambda root: pictures(root, 3, width=5),
            ValueError,
            r"no usable picture; .* 3 times: too small: 000.png \(5×20",
        ),
    ],
)
def test_folders_that_cannot_be_are_refused_and_leave_nothing(tmp_path, course, make, error, said):
    root = tmp_path / "pictures"
    make(root)
    with pytest.raises(error, match=said) as caught:
        Dataset.from_folder(root, size=16, progress=False)
    assert str(root) in str(caught.value)
    assert not [path for path in files_below(tmp_path) if path.endswith((".npy", "facts.json"))]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (dict(size=7), "size is 7; .*16…512"),
        (dict(size=7_000), "size is 7000; .*16…512"),
        (dict(size=64.0), "size is 64.0"),
        (dict(size=True), "size is True"),
        (dict(colour="grey"), "colour is 'grey'; .*True"),
        (dict(fit="squeeze"), "fit is 'squeeze'; .*'crop'.*'pad'"),
        (dict(background=(0, 0, 256)), r"background is \(0, 0, 256\)"),
        (dict(background="white"), "background is 'white'"),
        (dict(test=1), "test is 1;"),
        (dict(test=-0.1), "test is -0.1"),
    ],
)
def test_settings_out_of_range_are_named_before_anything_is_read(tmp_path, settings, said):
    with pytest.raises(ValueError, match=said):
        Dataset.from_folder(tmp_path / "not even there", **settings)


def test_the_order_is_a_function_of_the_content_and_every_stretch_has_every_class(tmp_path):
    for name, count, begin in (("a", 60, 0), ("b", 30, 100), ("c", 13, 200), ("d", 1, 300)):
        pictures(tmp_path / "one" / name, count, begin)
    first, said = said_of(tmp_path / "one", test=0.1)
    assert "class 'd' has one picture only" in said
    assert np.bincount(first.classes).tolist() == [54, 27, 12, 1] and np.bincount(first.test.classes).tolist() == [
        6,
        3,
        1,
    ]
    assert np.abs(np.bincount(first.held_out.classes, minlength=4) - [9, 4.5, 2, 0]).max() <= 1
    assert first.classes[:20].tolist() != sorted(first.classes[:20])
    # The same files elsewhere, written in another order at other times.
    names = list((tmp_path / "one").rglob("*.png"))
    for path in sorted(names, reverse=True):
        copy = tmp_path / "two" / path.relative_to(tmp_path / "one")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    shutil.rmtree(folders.prepared() / "datasets")
    second, _ = said_of(tmp_path / "two", test=0.1)
    assert np.array_equal(first.images, second.images) and first.hash == second.hash
    assert np.array_equal(first.test.images, second.test.images)


def test_each_usable_picture_is_in_one_part_with_its_class(tmp_path):
    root = tmp_path / "a"
    for name, begin in (("x", 0), ("y", 100)):
        pictures(root / name, 20, begin)
    for i in range(20):  # so that the images for testing are not simply the last ones decoded
        (root / "y" / f"broken {i}.png").write_text("x")
    dataset, _ = said_of(root, test=0.3)
    files = [(path.parent.name, path) for path in root.rglob("[01]*.png")]
    wanted = [(name, own_images.decode(path, 16, True, "crop", (0, 0, 0)).tobytes()) for name, path in files]
    parts = dataset, dataset.test
    found = [(part.class_names[c], x.tobytes()) for part in parts for x, c in zip(part.images, part.classes)]
    assert sorted(found) == sorted(wanted) and np.bincount(dataset.test.classes).tolist() == [6, 6]


def test_more_pictures_leave_those_for_testing_what_they_were(tmp_path):
    root = pictures(tmp_path / "a", 100)
    before = {image.tobytes() for image in read(root, test=0.2).test.images}
    pictures(root, 5, 100)
    after = {image.tobytes() for image in read(root, test=0.2).test.images}
    assert len(before) == 20 and len(after) == 21 and len(before & after) >= 18


# --- prepared once ----------------------------------------------------------------------------------


def test_the_second_call_reads_no_picture_and_a_changed_one_is_noticed(tmp_path, monkeypatch):
    root = pictures(tmp_path / "a", 5)
    first = read(root)
    with monkeypatch.context() as unread:
        unread.setattr(own_images, "decode", lambda *_, **__: pytest.fail("decoded again"))
        unread.setattr(own_images, "_hash_of_file", lambda *_: pytest.fail("read again"))
        unread.setattr(hashlib, "sha256", _of_little(hashlib.sha256))
        second = read(root)
        assert (second.hash, second.hash_of_images, second.without_held_out.hash) == (
            first.hash, first.hash_of_images, first.without_held_out.hash,
        )  # fmt: skip
    assert isinstance(second.images.base, np.memmap)
    assert Dataset(np.array(first.images)).hash == first.hash_of_images == first.hash
    noise(77).save(root / "000.png")
    assert read(root).hash != first.hash
    assert read(root, size=20).image_shape == (20, 20, 3) and read(root, colour=False).image_shape == (16, 16, 1)


def _of_little(sha256):
    """A hash that fails over anything of an image's size."""

    def checked(content=b""):
        assert len(content) < 16 * 16 * 3
        return sha256(content)

    return checked


def test_what_was_prepared_is_known_by_its_hash_and_nothing_else_is(tmp_path, course):
    root = pictures(tmp_path / "a", 12)
    assert known("0" * 64) is None and known(None) is None and known("other") is None and known("fashion_mnist") is None
    assert not course.exists()
    dataset = read(root)
    assert known(dataset.hash).hash == dataset.hash and known(dataset.without_held_out.hash).hash == dataset.hash
    assert np.array_equal(known(dataset.hash).images, dataset.images) and known("0" * 64) is None


def test_a_damaged_preparation_is_made_anew(tmp_path, course):
    root = pictures(tmp_path / "a", 6)
    first = np.array(read(root).images)
    (images,) = course.rglob("train.npy")
    images.write_bytes(images.read_bytes()[:-5])
    assert np.array_equal(read(root).images, first)
    (facts,) = course.rglob("facts.json")
    facts.write_text("{")
    assert np.array_equal(read(root).images, first)


PREPARE = """
import os, sys, time, warnings
from pathlib import Path
from gan_helpers import folders
from gan_helpers.data import own_images
from gan_helpers.data.dataset import Dataset
root, course, log = map(Path, sys.argv[1:4])
folders.root = lambda: course
decode = own_images.decode
def slowly(path, *arguments, **settings):
    with open(log, "a") as file:
        print(path.name, file=file, flush=True)
    while path.name == "004.png" and not log.with_suffix(".go").exists():
        time.sleep(0.01)
    return decode(path, *arguments, **settings)
own_images.decode = slowly
print(Dataset.from_folder(root, size=16, progress=False).hash)
"""


def prepare_in_a_process(root, course, log):
    """A process that prepares, says in `log` which picture it has begun, and stops at the fifth until log.go is there."""
    return subprocess.Popen(
        [sys.executable, "-c", PREPARE, root, course, log], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for(condition, *processes):
    while not condition():
        for process in processes:
            assert process.poll() is None, process.communicate()
        time.sleep(0.01)


@pytest.mark.fault(18)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_process_that_is_killed_while_preparing_leaves_nothing_that_is_taken_for_whole(tmp_path, course):
    root, log = pictures(tmp_path / "a", 40), tmp_path / "log"
    process = prepare_in_a_process(root, course, log)
    wait_for(lambda: log.exists() and "004.png" in log.read_text(), process)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    home = course / "data" / "prepared" / "datasets"
    (left,) = home.glob(".*.partial")
    assert (left / "train.npy").exists() and not list(home.glob("*/facts.json"))
    other = pictures(tmp_path / "b", 3, 60)
    read(other)
    assert not left.exists(), "the next preparation, of whatever data set, removes what is left"
    dataset = read(root)
    assert len(dataset) == 40 and len(list(home.glob("*/facts.json"))) == 2


def test_of_two_processes_one_prepares_and_the_other_waits_and_uses_it(tmp_path, course):
    root, log = pictures(tmp_path / "a", 12), tmp_path / "log"
    first = prepare_in_a_process(root, course, log)
    wait_for(lambda: log.exists() and "004.png" in log.read_text(), first)
    second = prepare_in_a_process(root, course, log)
    assert "waiting for another process" in second.stderr.readline()
    log.with_suffix(".go").touch()
    answers = [process.communicate() for process in (first, second)]
    assert answers[0][0] == answers[1][0] != "", answers
    assert sorted(log.read_text().split()) == [f"{i:03}.png" for i in range(12)], "each picture was decoded once"


FULL = """
import sys
from pathlib import Path
from gan_helpers import folders
from gan_helpers.data import prepared
from gan_helpers.data.dataset import Dataset
course = Path(sys.argv[1])
folders.root = lambda: course
if sys.argv[3] == "unforeseen":
    prepared._require_room = lambda *_: None
try:
    Dataset.from_folder(sys.argv[2], size=64, progress=False)
except OSError as error:
    print(error.errno, error)
print([path.name for path in course.rglob("*") if path.name.endswith((".npy", ".partial", "facts.json"))])
"""


@pytest.mark.fault(3)
@pytest.mark.parametrize("how", ["foreseen", "unforeseen"])
def test_a_full_disk_is_a_clear_error_and_leaves_nothing(tmp_path, how):
    root = pictures(tmp_path / "a", 40, width=64, height=64)
    answer = on_a_small_disk(FULL, tmp_path / "disk", 300, root, how)
    assert answer.returncode == 0, answer.stderr
    said, left = answer.stdout.splitlines()
    assert said.startswith("28 ") and "the disk is full" in said and left == "[]"


def test_a_read_only_course_uses_the_users_own_folder(tmp_path, course, monkeypatch):
    root = pictures(tmp_path / "a", 4)
    course.write_text("a file, in which nobody can make a folder")
    dataset = read(root)
    assert list((tmp_path / "cache").rglob("train.npy")) and known(dataset.hash) is not None
