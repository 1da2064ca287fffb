import hashlib
import io
import os
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from nasproxy import data
from nasproxy.errors import NasproxyError
from nasproxy.images import SOURCES, load_batch
from nasproxy.images import cifar as cifar_module
from nasproxy.images.cifar import CIFAR10, CIFAR100, Cifar, read_archive
from nasproxy.images.image_set import own_statistics
from nasproxy.images.npz import read_npz
from zerocost.downloads import Download

DATA = Path(os.environ.get("ZEROCOST_DATA_DIR", "/nonexistent"))
needs_cifar = pytest.mark.skipif(
    not (DATA / "images" / "cifar10_train_5000.npz").is_file(),
    reason="ZEROCOST_DATA_DIR holds no images/cifar10_train_5000.npz",
)


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    (folder / "images").mkdir(parents=True)
    monkeypatch.setenv("ZEROCOST_DATA_DIR", str(folder))
    return folder


def _npz(path: Path, **changed: Any) -> Path:
    rng = np.random.default_rng(5)
    arrays = {
        "x": rng.integers(0, 256, (20, 6, 5, 3), dtype=np.uint8),
        "y": np.arange(20) % 4,
    }
    arrays.update(changed)
    np.savez(path, **{k: v for k, v in arrays.items() if v is not None})
    return path


# The draw


def test_a_batch_is_drawn_without_replacement_and_by_the_seed_alone(tmp_path: Path) -> None:
    marked = np.arange(200, dtype=np.uint8)[:, None, None, None].repeat(3, axis=3)
    path = _npz(tmp_path / "i.npz", x=marked, y=np.arange(200))
    np.random.seed(1)  # noqa: NPY002 - the global state must not matter
    batch = load_batch(path, size=64, seed=3)
    torch.manual_seed(9)
    again = load_batch(path, size=64, seed=3)
    assert batch.labels is not None
    assert again.labels is not None
    assert len(set(batch.labels.tolist())) == 64
    assert torch.equal(batch.labels, again.labels)
    assert torch.equal(batch.tensors[0], again.tensors[0])
    other = load_batch(path, size=64, seed=4)
    assert not torch.equal(batch.labels, other.labels)  # type: ignore[arg-type]
    smaller = load_batch(path, size=10, seed=3)
    assert torch.equal(smaller.tensors[0], batch.tensors[0][:10])
    assert sorted(load_batch(path, size=200).labels.tolist()) == list(range(200))  # type: ignore[union-attr]


def test_the_draw_is_the_documented_one_on_any_machine(tmp_path: Path) -> None:
    path = _npz(tmp_path / "i.npz", x=np.zeros((10, 1, 1, 1), np.uint8), y=np.arange(10))
    labels = load_batch(path, size=10, seed=0).labels
    assert labels is not None
    assert labels.tolist() == [4, 6, 2, 7, 3, 5, 9, 0, 8, 1]  # numpy's PCG64, seed 0


def test_labels_stay_with_their_images(tmp_path: Path) -> None:
    y = np.arange(200) % 7
    x = np.broadcast_to((y * 30)[:, None, None, None], (200, 4, 4, 3)).astype(np.uint8)
    batch = load_batch(_npz(tmp_path / "i.npz", x=x, y=y), size=50)
    mean, std = own_statistics(x)
    pixels = batch.tensors[0][:, 0, 0, 0].double().numpy() * std[0] + mean[0]
    assert batch.labels is not None
    assert np.allclose(pixels * 255 / 30, batch.labels.numpy(), atol=1e-4)


# Normalising and shapes


def test_statistics_are_those_of_numpy() -> None:
    rng = np.random.default_rng(2)
    x = rng.integers(0, 256, (5000, 3, 4, 3), dtype=np.uint8)
    mean, std = own_statistics(x)
    assert np.allclose(mean, (x / 255).mean(axis=(0, 1, 2)), rtol=1e-12)
    assert np.allclose(std, (x / 255).std(axis=(0, 1, 2)), rtol=1e-12)


def test_a_whole_file_has_mean_zero_and_deviation_one(tmp_path: Path) -> None:
    inputs = load_batch(_npz(tmp_path / "i.npz"), size=20).tensors[0]
    assert inputs.shape == (20, 3, 6, 5)
    assert inputs.dtype == torch.float32
    assert inputs.is_contiguous()
    assert torch.allclose(inputs.mean(dim=(0, 2, 3)), torch.zeros(3), atol=1e-6)
    assert torch.allclose(inputs.std(dim=(0, 2, 3), correction=0), torch.ones(3), atol=1e-6)


def test_a_constant_channel_becomes_zero(tmp_path: Path) -> None:
    x = np.full((20, 4, 4, 3), 7, np.uint8)
    inputs = load_batch(_npz(tmp_path / "i.npz", x=x), size=20).tensors[0]
    assert inputs.abs().max() < 1e-6


def test_grey_is_repeated_and_colours_are_averaged(tmp_path: Path) -> None:
    grey = _npz(
        tmp_path / "g.npz",
        x=np.arange(20 * 36, dtype=np.uint16).astype(np.uint8).reshape(20, 6, 6, 1),
    )
    three = load_batch(grey, size=20).tensors[0]
    assert three.shape == (20, 3, 6, 6)
    assert torch.equal(three[:, 0], three[:, 2])
    assert torch.equal(load_batch(grey, size=20, channels=1).tensors[0], three[:, :1])
    colour = _npz(tmp_path / "c.npz")
    mean = load_batch(colour, size=20).tensors[0].mean(dim=1, keepdim=True)
    assert torch.equal(load_batch(colour, size=20, channels=1).tensors[0], mean)


def test_resizing_keeps_the_mean_of_even_blocks(tmp_path: Path) -> None:
    path = _npz(
        tmp_path / "i.npz", x=np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), np.uint8)
    )
    full = load_batch(path, size=20).tensors[0]
    half = load_batch(path, size=20, image_size=4).tensors[0]
    assert half.shape == (20, 3, 4, 4)
    assert torch.allclose(half.mean(), full.mean(), atol=0.02)
    assert load_batch(path, size=2, image_size=11).tensors[0].shape == (2, 3, 11, 11)
    assert torch.equal(load_batch(path, size=20, image_size=8).tensors[0], full)


# Sources


def test_digits_are_the_known_images_upscaled() -> None:
    batch = load_batch("digits", size=1797, channels=1)
    assert batch.classes == 10
    assert "digits" in batch.source
    inputs = batch.tensors[0]
    assert inputs.shape == (1797, 1, 32, 32)
    assert load_batch("digits", size=2).tensors[0].shape == (2, 3, 32, 32)
    assert abs(inputs.double().mean()) < 1e-5
    assert abs(inputs.double().std(correction=0) - 1) < 1e-5
    blocks = inputs.reshape(1797, 8, 4, 8, 4)
    assert torch.equal(blocks.amax(dim=(2, 4)), blocks.amin(dim=(2, 4)))
    known, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(1797)
    expected = (known / 16 - (known / 16).mean()) / (known / 16).std()
    small = inputs[:, 0, ::4, ::4].reshape(1797, 64).numpy()
    assert np.allclose(small, expected[order], atol=1e-5)
    assert batch.labels is not None
    assert (batch.labels.numpy() == labels[order]).all()


def test_noise_is_standard_normal_and_seeded() -> None:
    batch = load_batch("noise", size=256, seed=1, channels=5, image_size=16)
    inputs = batch.tensors[0]
    assert inputs.shape == (256, 5, 16, 16)
    assert inputs.dtype == torch.float32
    assert abs(inputs.mean()) < 5 / inputs.numel() ** 0.5
    assert abs(inputs.std() - 1) < 0.01
    assert batch.labels is not None
    assert batch.labels.dtype == torch.int64
    assert set(batch.labels.tolist()) == set(range(10))
    same = load_batch("noise", size=256, seed=1, channels=5, image_size=16)
    assert torch.equal(same.tensors[0], inputs)
    assert load_batch("noise", size=1).tensors[0].shape == (1, 3, 32, 32)
    assert (batch.classes, batch.source) == (10, "noise")


@needs_cifar
@pytest.mark.parametrize(("name", "classes"), [("cifar10", 10), ("cifar100", 100)])
def test_cifar_subsets_are_normalised_by_the_published_constants(name: str, classes: int) -> None:
    batch = load_batch(name, size=5000)
    inputs = batch.tensors[0]
    assert inputs.shape == (5000, 3, 32, 32)
    assert batch.labels is not None
    assert torch.bincount(batch.labels).tolist() == [5000 // classes] * classes
    assert batch.classes == classes
    assert batch.source == f"{name} ({name}_train_5000.npz)"
    # published constants describe all 50,000 images: 5,000 of them agree to a few hundredths
    assert inputs.mean(dim=(0, 2, 3)).abs().max() < 0.05
    assert (inputs.std(dim=(0, 2, 3)) - 1).abs().max() < 0.02
    assert inputs.min() > -2.2
    assert inputs.max() < 2.2


# The binary archives


def _archive(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in {"readme.html": b"<html>", **members}.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def _records(cifar: Cifar, images: np.ndarray, labels: np.ndarray) -> bytes:
    # Written pixel by pixel from the format's description, not by the reader's inverse.
    out = bytearray()
    for image, label in zip(images, labels, strict=True):
        out += bytes([99] * (cifar.label_bytes - 1)) + bytes([label])
        for channel in range(3):
            for row in range(32):
                for column in range(32):
                    out.append(image[row, column, channel])
    return bytes(out)


def _members(cifar: Cifar, each: int = 2) -> tuple[dict[str, bytes], np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    count = each * len(cifar.members)
    images = rng.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    labels = rng.integers(0, cifar.classes, count)
    labels[0] = cifar.classes - 1
    parts = {
        name: _records(cifar, images[i * each : (i + 1) * each], labels[i * each : (i + 1) * each])
        for i, name in enumerate(cifar.members)
    }
    return parts, images, labels


@pytest.mark.parametrize("cifar", [CIFAR10, CIFAR100], ids=lambda c: c.name)
def test_an_archive_is_read_in_the_order_of_its_parts(tmp_path: Path, cifar: Cifar) -> None:
    members, images, labels = _members(cifar)
    backwards = dict(reversed(members.items()))
    read_images, read_labels = read_archive(_archive(tmp_path / "a.tar.gz", backwards), cifar)
    assert np.array_equal(read_images, images)
    assert np.array_equal(read_labels, labels)
    assert read_labels.dtype == np.int64


def test_the_archive_is_taken_where_there_is_no_subset(
    empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    members, images, labels = _members(CIFAR100, each=9)
    path = _archive(empty / "images" / "small.tar.gz", members)
    raw = path.read_bytes()
    download = Download(
        "images/small.tar.gz", hashlib.sha256(raw).hexdigest(), (), len(raw), "", "a small archive"
    )
    small = Cifar(**{**vars(CIFAR100), "archive": download})
    monkeypatch.setattr(cifar_module, "CIFAR100", small)
    batch = load_batch("cifar100", size=9)
    order = np.random.default_rng(0).permutation(9)
    mean, std = np.array([129.3, 124.1, 112.4]), np.array([68.2, 65.4, 70.4])
    expected = ((images[order] - mean) / std).transpose(0, 3, 1, 2)
    assert np.allclose(batch.tensors[0].numpy(), expected, atol=1e-5)
    assert batch.labels is not None
    assert (batch.labels.numpy() == labels[order]).all()
    assert (batch.classes, batch.source) == (100, "cifar100 (small.tar.gz)")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda m: m.pop("cifar-10-batches-bin/data_batch_3.bin"), "it has no .*data_batch_3.bin"),
        (
            lambda m: m.update({"cifar-10-batches-bin/data_batch_2.bin": b"x" * 3074}),
            "data_batch_2.bin has 3,074 bytes, no multiple of the record's 3,073",
        ),
        (
            lambda m: m.update({"cifar-10-batches-bin/data_batch_5.bin": b""}),
            "data_batch_5.bin has 0 bytes",
        ),
        (
            lambda m: m.update({"cifar-10-batches-bin/data_batch_1.bin": b"\x0a" * 3073}),
            r"it has the label 10, not one of 0\.\.9",
        ),
    ],
)
def test_an_archive_of_another_form_is_refused(tmp_path: Path, spoil: Any, message: str) -> None:
    members, _, _ = _members(CIFAR10, each=1)
    spoil(members)
    with pytest.raises(NasproxyError, match=message) as caught:
        read_archive(_archive(tmp_path / "a.tar.gz", members), CIFAR10)
    assert "nasproxy data fetch" in str(caught.value)


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    whole = _archive(tmp_path / "a.tar.gz", _members(CIFAR10, each=1)[0]).read_bytes()
    for content in (b"", b"no archive", whole[: len(whole) // 2], whole[:3000] + b"?" * 3000):
        (tmp_path / "a.tar.gz").write_bytes(content)
        with pytest.raises(NasproxyError, match="cannot be used"):
            read_archive(tmp_path / "a.tar.gz", CIFAR10)


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_absent_cifar_names_the_command_that_fetches_it(empty: Path, name: str) -> None:
    with pytest.raises(NasproxyError, match="is not there") as caught:
        load_batch(name)
    assert f"`nasproxy data fetch {name}`" in str(caught.value)


def test_an_altered_subset_is_not_used(empty: Path) -> None:
    _npz(empty / data.CIFAR10_SUBSET.name)
    with pytest.raises(Exception, match="is not the file it should be") as caught:
        load_batch("cifar10")
    assert data.CIFAR10_SUBSET.sha256 in str(caught.value)


# Bad input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 0}, "size is 0"),
        ({"size": -3}, "size is -3"),
        ({"seed": -1}, "seed is -1"),
        ({"image_size": 0}, "image_size is 0"),
        ({"channels": 0}, "channels is 0"),
        ({"channels": 4}, "images of 4 channels cannot be made from"),
        ({"size": 21}, "a batch of 21 is larger than .* which has 20 images"),
    ],
)
def test_arguments_out_of_range(tmp_path: Path, arguments: Any, message: str) -> None:
    with pytest.raises(NasproxyError, match=message) as caught:
        load_batch(_npz(tmp_path / "i.npz"), **{"size": 5, **arguments})
    assert caught.value.accepted


def test_an_unknown_source_gets_the_nearest(empty: Path) -> None:
    with pytest.raises(NasproxyError, match="no source of images named 'cifar_10'") as caught:
        load_batch("cifar_10")
    assert "did you mean cifar10" in str(caught.value)
    assert ", ".join(SOURCES) in str(caught.value)


def _of_zip(path: Path, members: dict[str, bytes]) -> Path:
    import zipfile

    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


X = np.zeros((20, 4, 4, 3), np.uint8)


@pytest.mark.parametrize(
    ("arrays", "message", "hint"),
    [
        ({"x": None}, "it has no x, only y", ""),
        ({"y": None}, "it has no y, only x", ""),
        ({"x": None, "y": None}, "it has no x and no y, only nothing", ""),
        ({"x": X[:, :, :, 0]}, r"x has the shape \[20, 4, 4\]", ""),
        (
            {"x": np.zeros((20, 3, 8, 8), np.uint8)},
            r"x has the shape \[20, 3",
            "transpose(0, 2, 3, 1)",
        ),
        ({"x": np.zeros((0, 4, 4, 3), np.uint8)}, r"x has the shape \[0, ", ""),
        (
            {"x": (X + 0.5).astype(np.float32)},
            r"x is float32 from 0\.5 to 0\.5",
            "(x * 255).round()",
        ),
        ({"x": X - 1.5}, r"x is float64 from -1\.5 to -1\.5", "bring the pixels to 0..255"),
        ({"x": X + np.int16(300)}, "x is int16 from 300 to 300", "bring the pixels to 0..255"),
        ({"x": X + np.int64(200)}, "x is int64 from 200 to 200", "x.astype(np.uint8)"),
        ({"x": X.astype("S1")}, r"x is \|S1", ""),
        ({"y": np.zeros(19, int)}, "x holds 20 images but y 19 labels", ""),
        ({"y": np.arange(20) - 3}, "y has the negative label -3 at 0", ""),
        ({"y": np.zeros((20, 5), int)}, r"y has the shape \[20, 5\]", "argmax"),
        ({"y": np.zeros(20)}, "y is float64", "astype(np.int64)"),
        ({"y": np.full(20, 10**12)}, "would make 1000000000001 classes", ""),
        ({"y": np.full(20, 2**64 - 1, np.uint64)}, "would make 18446744073709551616", ""),
        ({"y": np.array([{}] * 20)}, "it holds pickled objects", "np.savez"),
    ],
)
def test_an_npz_of_another_form_says_what_is_wrong(
    tmp_path: Path, arrays: Any, message: str, hint: str
) -> None:
    with pytest.raises(NasproxyError, match=message) as caught:
        load_batch(_npz(tmp_path / "i.npz", **arrays), size=1)
    assert hint in str(caught.value)
    assert "uint8 [n, height, width, 1 or 3]" in str(caught.value)
    assert str(tmp_path / "i.npz") in caught.value.wrong


def test_files_that_are_no_npz(tmp_path: Path) -> None:
    path = tmp_path / "i.npz"
    with path.open("wb") as stream:
        np.save(stream, X)
    with pytest.raises(NasproxyError, match=r"it is no \.npz archive"):
        read_npz(path)
    path.write_bytes(b"text")
    with pytest.raises(NasproxyError, match=r"it is no \.npz archive"):
        read_npz(path)
    path.write_bytes(b"")
    with pytest.raises(NasproxyError, match=r"it is no \.npz archive"):
        read_npz(path)
    with pytest.raises(NasproxyError, match="x has the shape"):
        read_npz(_of_zip(path, {"x": b"raw", "y": b"raw"}))
    with pytest.raises(NasproxyError, match="cannot be used"):
        read_npz(_of_zip(path, {"x.npy": b"\x93NUMPY\x01\x00", "y.npy": b""}))
    with pytest.raises(NasproxyError, match="cannot be read: No such file"):
        load_batch(tmp_path / "absent.npz")


def test_a_changed_file_is_read_again_and_an_unchanged_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _npz(tmp_path / "i.npz")
    first = read_npz(path)
    assert read_npz(path).pixels is first.pixels
    _npz(path, x=X)
    os.utime(path, ns=(1, 1))
    assert (read_npz(path).pixels == 0).all()
    with pytest.raises(ValueError, match="read-only"):
        first.pixels[0] = 0
