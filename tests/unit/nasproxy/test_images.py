import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from nasproxy.errors import NasproxyError
from nasproxy.images import SOURCES, load_batch
from nasproxy.images.image_set import own_statistics

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


# Bad input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 0}, "batch size is 0"),
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
