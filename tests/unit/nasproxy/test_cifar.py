import hashlib
import io
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nasproxy import data
from nasproxy.errors import NasproxyError
from nasproxy.images import cifar as cifar_module
from nasproxy.images import load_batch
from nasproxy.images.cifar import CIFAR10, CIFAR100, Cifar, read_archive
from zerocost.downloads import Download


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    (folder / "images").mkdir(parents=True)
    monkeypatch.setenv("ZEROCOST_DATA_DIR", str(folder))
    return folder


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
    (empty / data.CIFAR10_SUBSET.name).write_bytes(b"altered")
    with pytest.raises(Exception, match="is not the file it should be") as caught:
        load_batch("cifar10")
    assert data.CIFAR10_SUBSET.sha256 in str(caught.value)
