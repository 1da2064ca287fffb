import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nasproxy.errors import NasproxyError
from nasproxy.images import load_batch
from nasproxy.images.npz import read_npz


def _npz(path: Path, **changed: Any) -> Path:
    rng = np.random.default_rng(5)
    arrays = {
        "x": rng.integers(0, 256, (20, 6, 5, 3), dtype=np.uint8),
        "y": np.arange(20) % 4,
    }
    arrays.update(changed)
    np.savez(path, **{k: v for k, v in arrays.items() if v is not None})
    return path


def _of_zip(path: Path, members: dict[str, bytes]) -> Path:
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
