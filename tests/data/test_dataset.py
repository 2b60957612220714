"""`Dataset`: the value itself, and those made of arrays, IDX files, archives and TFDS."""

import gzip
import hashlib
import socket
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from gan_helpers import data
from gan_helpers.data import prepared
from gan_helpers.data.dataset import Dataset, known
from gan_helpers.storage import folders


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course folder of its own, in which nothing is prepared."""
    monkeypatch.setattr(folders, "root", lambda: tmp_path / "course")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "course"


@pytest.fixture(scope="module")
def digits():
    """Handwritten digits, 8×8 enlarged to 28×28: uint8 (1797, 28, 28), and their classes."""
    raw = load_digits()
    images = [Image.fromarray((image * 15.9).astype(np.uint8)).resize((28, 28)) for image in raw.images]
    return np.stack([np.asarray(image) for image in images]), raw.target.astype(np.uint8)


def some(n=12, shape=(8, 8, 1), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), np.uint8)


# --- the value --------------------------------------------------------------------------------------


def test_in_one_line_it_says_what_it_is():
    test = Dataset(some(3), np.array([0, 1, 1]), ("a", "b"))
    dataset = Dataset(some(), np.arange(12) % 2, ("a", "b"), test, "letters", ("x.png: broken (cut off)",))
    for part in ("'letters'", "12 grey images", "8×8", "2 classes", "3 for testing", "1 files left out"):
        assert part in repr(dataset)
    assert "\n" not in repr(dataset) and "without classes" in repr(Dataset(some()))
    assert dataset != Dataset(dataset.images, dataset.classes, dataset.class_names) and dataset == dataset


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (dict(images=some() / 255), "got float64"),
        (dict(images=some(0)), "has no images"),
        (dict(classes=np.zeros(11, int), class_names=("a",)), r"classes have shape \(11,\); expected \(12,\)"),
        (dict(classes=np.zeros(12), class_names=("a",)), "classes are float64"),
        (dict(classes=np.arange(12) - 1, class_names="abcdefghijkl"), "a class is -1; .* 12 class_names"),
        (dict(classes=np.arange(12), class_names="abc"), "a class is 3; .* 3 class_names"),
        (dict(classes=np.arange(12)), "a class is 0; .* 0 class_names"),
        (dict(classes=np.zeros(12, int), class_names=("a", "a")), "expected different strings"),
        (dict(class_names=("a",)), "without classes"),
        (dict(test=Dataset(some(3, (9, 9, 1)))), r"\(9, 9, 1\); expected \(8, 8, 1\)"),
        (dict(test=Dataset(some(3), np.zeros(3, int), ("a",))), "test has the classes a; expected none"),
        (dict(test=some(3)), "expected a Dataset"),
    ],
)
def test_what_cannot_be_is_named(arguments, said):
    with pytest.raises(ValueError, match=said):
        Dataset(**{"images": some(), **arguments})


def test_the_hash_is_of_images_and_classes_and_the_same_however_they_lie(tmp_path, monkeypatch):
    images, classes = some(50), np.arange(50) % 3
    dataset = Dataset(images, classes.astype(np.int32), "abc")
    assert dataset.hash_of_images == hashlib.sha256(images.tobytes()).hexdigest()
    assert dataset.hash == hashlib.sha256(images.tobytes() + classes.astype("<i8").tobytes()).hexdigest()
    np.save(tmp_path / "images.npy", images)
    monkeypatch.setattr(prepared, "BLOCK", 7 * 64)  # read in blocks
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    assert Dataset(mapped, classes, "abc").hash == dataset.hash
    assert Dataset(images[::-1][::-1], classes, "abc").hash == dataset.hash
    assert Dataset(images).hash == Dataset(images).hash_of_images == dataset.hash_of_images
    assert dataset.without_held_out.hash == Dataset(images[:42], classes[:42], "abc").hash
    with pytest.raises(ValueError, match="has 5 images to train on, too few"):
        _ = Dataset(images[:5]).held_out
    assert len(dataset.held_out) == 8 and dataset.without_held_out.without_held_out.image_shape == (8, 8, 1)


def test_fashion_mnist_keeps_its_parts_and_its_origin():
    dataset = Dataset.fashion_mnist()
    assert (len(dataset), len(dataset.held_out), len(dataset.test)) == (60_000, 10_000, 10_000)
    assert np.array_equal(dataset.held_out.images, data.load_fashion_mnist("train")[0][-10_000:])
    assert dataset.origin == dataset.without_held_out.origin == "fashion_mnist" and known("fashion_mnist").class_names
    impostor = Dataset(some(50, (28, 28, 1)), name="fashion_mnist")
    assert impostor.origin == impostor.hash


# --- arrays -----------------------------------------------------------------------------------------


def pairs(*parts):
    """The images of parts, each with the name of its class, in no order."""
    return sorted(
        (image.tobytes(), part.class_names[c]) for part in parts for image, c in zip(part.images, part.classes)
    )


def test_arrays_are_spread_and_keep_their_classes(digits):
    images, classes = digits
    by_class = np.argsort(classes, kind="stable")  # sorted, as arrays often are
    dataset = Dataset.from_arrays(images[by_class], classes[by_class])
    assert dataset.class_names == tuple("0123456789") and dataset.image_shape == (28, 28, 1)
    whole = np.bincount(classes)
    assert np.bincount(dataset.test.classes).tolist() == [int(n * 0.1 + 0.5) for n in whole]
    assert np.abs(np.bincount(dataset.held_out.classes) - len(dataset.held_out) / 10).max() <= 2
    everything = Dataset(images[..., None], classes.astype(int), dataset.class_names)
    assert pairs(dataset, dataset.test) == pairs(everything)
    again = Dataset.from_arrays(images, classes)
    assert again.hash == dataset.hash and again.test.hash == dataset.test.hash


def test_classes_may_be_words_or_other_numbers_and_a_part_for_testing_may_be_given():
    words = np.array(["b", "a", "c"] * 4)
    named = Dataset.from_arrays(some(), words, test=0)
    assert named.class_names == ("a", "b", "c") and named.test is None
    assert {c for image, c in zip(named.images, named.classes) if image.tobytes() == some()[0].tobytes()} == {1}
    assert Dataset.from_arrays(some(), list(words), ("c", "b", "a", "d"), 0).class_names == ("c", "b", "a", "d")
    letters = Dataset.from_arrays(some(), 1 + np.arange(12) % 3, test=0)  # EMNIST's begin with 1
    assert letters.class_names == ("1", "2", "3") and set(letters.classes) == {0, 1, 2}
    assert Dataset.from_arrays(some(6, seed=1), words[:6], test=named).test is named
    colour = Dataset.from_arrays(some(shape=(9, 7, 3)), test=0.25)
    assert colour.image_shape == (9, 7, 3) and (len(colour), len(colour.test)) == (9, 3)


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (some() / np.float32(255), r"float32 between 0 and 1; .*to_uint8\(images, \(0, 1\)\)"),
        (some() / 127.5 - 1, r"float64 between -1 and 1; .*to_uint8\(images, \(-1, 1\)\)"),
        (some().astype(np.float64), r"between 0 and 255; .*np.rint\(images\).astype\('uint8'\)"),
        (some().astype(np.int64), r"int64 between 0 and 255; .*astype\('uint8'\)"),
        (some() > 5, r"bool .*astype\('uint8'\) \* 255"),
        (some() * np.nan, "finite"),
        (np.moveaxis(some(shape=(8, 8, 3)), -1, 1), r"\(12, 3, 8, 8\); .*np.moveaxis\(images, 1, -1\)"),
        (some(shape=(8, 8, 4)), r"images\[..., :3\]"),
        (some()[0], r"\(8, 8, 1\); .*images\[None\]"),
        ([some(1)[0], some(1, (9, 9, 1))[0]], "images differ in size"),
        (some(0), r"\(0, 8, 8, 1\)"),
    ],
)
def test_other_arrays_are_refused_with_the_line_that_converts_them(images, said):
    with pytest.raises(ValueError, match=said):
        Dataset.from_arrays(images)


@pytest.mark.parametrize(
    ("classes", "names", "said"),
    [
        (np.eye(12), (), r"shape \(12, 12\); .*argmax"),
        (np.arange(11), (), r"\(11,\); expected \(12,\)"),
        (np.arange(12) / 2, (), "expected integers or strings"),
        (["a"] * 11 + ["z"], ("a", "b"), "'z', which is none of class_names: a, b"),
        (None, ("a", "b"), "without classes"),
    ],
)
def test_classes_that_do_not_fit_are_named(classes, names, said):
    with pytest.raises(ValueError, match=said):
        Dataset.from_arrays(some(), classes, names)


def test_no_more_than_10_000_images_are_for_testing_and_each_class_keeps_one_to_train_on():
    classes = np.repeat([0, 1], [150_000, 30_000])
    chosen = prepared.for_testing(180_000, classes, 0.5)
    assert 9_998 <= chosen.sum() <= 10_000 and np.bincount(classes[chosen])[1] == 1_666
    assert prepared.for_testing(3, [0, 0, 1], 0.9).tolist() == [False, True, False]


def test_rows_are_a_file_of_numpys_whatever_becomes_of_them(tmp_path):
    images = some(300, (2, 2, 3))
    with prepared.Rows(tmp_path / "a.npy", (2, 2, 3)) as rows:
        rows.append(images[:299])
        rows.append(images[0])
        rows.put(299, images[299])
        rows.retain([0, 1, 4, 200, 299])
    assert np.array_equal(np.load(tmp_path / "a.npy", mmap_mode="r"), images[[0, 1, 4, 200, 299]])


# --- IDX, archives ----------------------------------------------------------------------------------


def idx(path, array):
    """Write an IDX file, gzipped where its name says so."""
    head = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    path.write_bytes(gzip.compress(head + array.tobytes(), 1) if path.suffix == ".gz" else head + array.tobytes())


@pytest.fixture
def folder_of_idx(tmp_path, digits, course):
    """MNIST's four files, two of them gzipped."""
    images, classes = digits
    folder = tmp_path / "digits"
    folder.mkdir()
    idx(folder / "train-images-idx3-ubyte.gz", images[:1500])
    idx(folder / "train-labels-idx1-ubyte", classes[:1500])
    idx(folder / "t10k-images-idx3-ubyte", images[1500:])
    idx(folder / "t10k-labels-idx1-ubyte.gz", classes[1500:])
    return folder


def test_idx_files_are_found_by_mnists_names(folder_of_idx, digits):
    images, classes = digits
    dataset = Dataset.open(folder_of_idx)
    names = tuple("0123456789")
    assert (dataset.name, dataset.class_names, len(dataset), len(dataset.test)) == ("digits", names, 1500, 297)
    assert pairs(dataset) == pairs(Dataset(images[:1500, ..., None], classes[:1500].astype(int), names))
    assert pairs(dataset.test) == pairs(Dataset(images[1500:, ..., None], classes[1500:].astype(int), names))
    assert isinstance(dataset.images.base, np.memmap) and known(dataset.hash).hash == dataset.hash
    part = Dataset.from_idx(folder_of_idx / "train-images-idx3-ubyte.gz", test=0.2)
    assert len(part) + len(part.test) == 1500 and abs(len(part.test) - 300) <= 5
    larger = Dataset.open(str(folder_of_idx), size=32, colour=True)
    assert larger.image_shape == larger.test.image_shape == (32, 32, 3) and larger.class_names == names


def test_idx_files_without_labels_or_a_part_for_testing(tmp_path, course):
    idx(tmp_path / "train-images-idx4-ubyte", some(40, (8, 8, 3)))
    dataset = Dataset.open(tmp_path / "train-images-idx4-ubyte")
    assert dataset.classes is None and (len(dataset), len(dataset.test)) == (36, 4) and dataset.image_shape == (8, 8, 3)


def test_damaged_idx_files_are_named(folder_of_idx, course):
    images, labels = folder_of_idx / "train-images-idx3-ubyte.gz", folder_of_idx / "train-labels-idx1-ubyte"
    whole, of_labels = images.read_bytes(), labels.read_bytes()
    head = bytes.fromhex("000008030000000a") + b"\xff" * 8
    for content, said in (
        (whole[:-100], "is damaged: it does not unpack"),
        (whole[:1000] + bytes([whole[1000] ^ 255]) + whole[1001:], "is damaged"),
        (gzip.compress(gzip.decompress(whole)[:-1], 1), "is damaged: its head says 1500 × 28 × 28"),
        (gzip.compress(gzip.decompress(whole) + b"x", 1), "holds more"),
        (gzip.compress(head), "is damaged"),  # it says more than any memory holds
        (b"", "is no IDX file: it begins with nothing"),
        (b"text", "is no IDX file: it begins with 74 65 78 74"),
        (gzip.compress(b"\0\0\x0d" + gzip.decompress(whole)[3:], 1), "IDX type 13"),
    ):
        images.write_bytes(content)
        with pytest.raises(ValueError, match=said) as caught:
            Dataset.open(folder_of_idx)
        assert images.name in str(caught.value)
    images.write_bytes(whole)
    idx(labels, np.zeros(1499, np.uint8))
    with pytest.raises(ValueError, match=r"train-labels-idx1-ubyte has classes of shape \(1499,\); expected \(1500,\)"):
        Dataset.open(folder_of_idx)
    assert not list(course.rglob("*.npy"))
    labels.write_bytes(of_labels)
    assert len(Dataset.open(folder_of_idx)) == 1500


def test_several_idx_data_sets_in_a_folder_have_to_be_told_apart(tmp_path, course):
    for name in ("letters", "digits"):
        idx(tmp_path / f"emnist-{name}-train-images-idx3-ubyte", some(20, (8, 8)))
        idx(tmp_path / f"emnist-{name}-test-images-idx3-ubyte", some(6, (8, 8), seed=1))
    with pytest.raises(ValueError, match="emnist-digits-train-.*emnist-letters-train-.*Pass the path"):
        Dataset.open(tmp_path)
    assert len(Dataset.open(tmp_path / "emnist-letters-train-images-idx3-ubyte").test) == 6


def test_an_archive_of_arrays(tmp_path, course, digits):
    images, classes = digits
    names = [f"digit {i}" for i in range(10)]
    np.savez(tmp_path / "a.npz", images=images, classes=classes, class_names=names)
    dataset = Dataset.open(tmp_path / "a.npz", size=16)
    assert dataset.image_shape == (16, 16, 1) and dataset.class_names == tuple(names) and dataset.name == "a"
    assert known(dataset.hash).hash == dataset.hash
    for arrays, said in (
        (dict(x=images), "a.npz holds x; expected images"),
        (dict(images=images / 255), "a.npz: images are float64 between 0 and 1"),
        (dict(images=np.array([None, 1], object)), "a.npz is no archive of plain arrays"),
    ):
        np.savez(tmp_path / "a.npz", **arrays)
        with pytest.raises(ValueError, match=said):
            Dataset.open(tmp_path / "a.npz")
    (tmp_path / "a.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:100])
    with pytest.raises(ValueError, match="a.npz is no archive"):
        Dataset.open(tmp_path / "a.npz")


def test_open_goes_by_what_it_finds_and_says_it(tmp_path, course):
    for i in range(4):
        Image.fromarray(some(4, (20, 20, 3))[i]).save(tmp_path / f"{i}.png")
    assert Dataset.open(tmp_path, size=16, colour=False).image_shape == (16, 16, 1)
    (tmp_path / "a.csv").write_text("1,2")
    for what, error, said in (
        (tmp_path / "a.csv", ValueError, "a.csv is a file that begins with 31 2c 32; expected a folder"),
        ("cifar", FileNotFoundError, "cifar is not there; expected .*tfds:NAME"),
        (tmp_path / "0.png", ValueError, "begins with 89 50 4e 47"),
    ):
        with pytest.raises(error, match=said):
            Dataset.open(what)


def test_fashion_mnist_may_be_had_in_another_size(monkeypatch):
    assert Dataset.open("fashion_mnist").origin == "fashion_mnist"
    small = [(images[:60], classes[:60]) for images, classes in map(data.load_fashion_mnist, data.SIZES)]
    with monkeypatch.context() as changed:
        changed.setattr(data.fashion_mnist, "load_fashion_mnist", lambda split, *_: small[split == "test"])
        kept = []
        changed.setattr(Dataset, "_kept", classmethod(lambda cls, made_from, load: kept.append(made_from) or load()))
        larger = Dataset.open("fashion_mnist", size=32, colour=True)
    assert larger.image_shape == larger.test.image_shape == (32, 32, 3) and larger.class_names == data.CLASS_NAMES
    assert larger.origin == larger.hash and len(kept) == 1


# --- TFDS -------------------------------------------------------------------------------------------


@pytest.fixture
def shapes_of_tfds(tmp_path, course, monkeypatch):
    """A TFDS data set that is made here: colour pictures of several sizes, three classes, in the order of the classes."""
    import tensorflow_datasets as tfds

    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("the network was asked"))
    if "a_few_shapes" not in tfds.list_builders(with_community_datasets=False):

        class AFewShapes(tfds.core.GeneratorBasedBuilder):
            VERSION = tfds.core.Version("1.0.0")
            pkg_dir_path = Path(__file__).parent

            def _info(self):
                names = tfds.features.ClassLabel(names=["square", "circle", "star"])
                return self.dataset_info_from_configs(
                    features=tfds.features.FeaturesDict({"image": tfds.features.Image(), "label": names})
                )

            def _split_generators(self, dl_manager):
                return {"train": self._generate_examples(60, 0), "test": self._generate_examples(9, 1)}

            def _generate_examples(self, n, seed):
                for i in range(n):
                    yield i, {"image": some(1, (20 + i % 5, 24, 3), seed * 1000 + i)[0], "label": i * 3 // n}

    return tmp_path / "tfds"


def test_a_tfds_data_set_is_streamed_into_a_prepared_one(shapes_of_tfds, course):
    with pytest.raises(ValueError, match="a_few_shapes differ in size.*size=64"):
        Dataset.from_tfds("a_few_shapes", data_dir=shapes_of_tfds, progress=False)
    dataset = Dataset.from_tfds("a_few_shapes", 16, data_dir=shapes_of_tfds, progress=False)
    assert (dataset.name, dataset.class_names) == ("a_few_shapes", ("square", "circle", "star"))
    assert dataset.image_shape == (16, 16, 3) and (len(dataset), len(dataset.test)) == (60, 9)
    assert np.bincount(dataset.classes).tolist() == [20] * 3 and np.bincount(dataset.test.classes).tolist() == [3] * 3
    assert np.abs(np.bincount(dataset.held_out.classes, minlength=3) - 10 / 3).max() <= 1
    from gan_helpers.data import own_arrays

    wanted = {
        own_arrays.refitted_one(some(1, (20 + i % 5, 24, 3), i)[0], 16, True).tobytes(): i * 3 // 60 for i in range(60)
    }
    assert {image.tobytes(): c for image, c in zip(dataset.images, dataset.classes)} == wanted
    assert known(dataset.hash).hash == dataset.hash
    grey = Dataset.from_tfds("a_few_shapes", 16, False, 0.25, shapes_of_tfds, progress=False)
    assert grey.image_shape == (16, 16, 1) and (len(grey), len(grey.test)) == (45, 15)


def test_tfds_without_a_network_is_a_clear_error(tmp_path, course, monkeypatch):
    monkeypatch.setattr(data.fashion_mnist, "answers", lambda address: False)
    with pytest.raises(FileNotFoundError, match="mnist is not in .*does not answer"):
        Dataset.open("tfds:kmnist")
    with pytest.raises(ValueError, match="TensorFlow Datasets knows no 'no_such_data_set'"):
        Dataset.from_tfds("no_such_data_set", data_dir=tmp_path)


# --- into batches -----------------------------------------------------------------------------------


def test_a_data_set_goes_into_the_pipeline_and_large_ones_are_read_where_they_lie(tmp_path, monkeypatch):
    np.save(tmp_path / "images.npy", some(50, (8, 8, 3)))
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    dataset = Dataset(mapped, np.arange(50) % 3, "abc")
    read = []
    monkeypatch.setattr(data.batches, "_read_where_they_lie", _noting(data.batches._read_where_they_lie, read))
    cached = data.pipeline(dataset, 8, seed=3, classes=True)
    assert not read
    monkeypatch.setattr(data.batches, "LARGE", 1000)
    lazy = data.pipeline(dataset, 8, seed=3, classes=True)
    assert read and lazy.element_spec == cached.element_spec and len(lazy) == len(cached)
    for _ in range(2):
        for (left, left_classes), (right, right_classes) in zip(cached, lazy):
            assert np.array_equal(left, right) and np.array_equal(left_classes, right_classes)
    (first,) = data.pipeline(dataset, 8, seed=3, images_per_epoch=8)
    assert np.array_equal(first, next(iter(data.pipeline(np.array(mapped), 8, seed=3))))


def _noting(function, calls):
    def noted(images):
        calls.append(images.shape)
        return function(images)

    return noted


def test_classes_that_are_not_there_cannot_go_into_the_pipeline():
    for images in (Dataset(some()), some()):
        with pytest.raises(ValueError, match="classes is True"):
            data.pipeline(images, 4, classes=True)
