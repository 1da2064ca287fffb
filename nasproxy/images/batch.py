"""One batch of labelled images from any source, drawn and normalised the same way for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.images.cifar import cifar10, cifar100
from nasproxy.images.digits import digits
from nasproxy.images.image_set import ImageSet, normalised
from nasproxy.images.npz import read_npz
from zerocost.errors import did_you_mean

__all__ = ["SOURCES", "load_batch"]

_LOADERS: Mapping[str, Callable[[], ImageSet]] = MappingProxyType(
    {"digits": digits, "cifar10": cifar10, "cifar100": cifar100}
)
SOURCES: tuple[str, ...] = (*_LOADERS, "noise")
_NOISE_CLASSES = 10
_NOISE_SIZE = 32


def load_batch(
    source: str | Path,
    *,
    size: int = 64,
    seed: int = 0,
    image_size: int | None = None,
    channels: int = 3,
) -> Batch:
    """A random batch of images, without replacement.

    The images are normalised channel by channel with the data set's mean and standard deviation
    (published ones for CIFAR, the file's own otherwise). The draw is the first ``size`` entries of
    ``np.random.default_rng(seed).permutation(n)``: the same on any machine, and a smaller batch of
    the same seed is the beginning of a larger one.

    Args:
        source: "digits", "cifar10", "cifar100", "noise" (standard normal pixels, random labels of
            ten classes) or the path of an ``.npz`` file of ``x`` (uint8 NHWC) and ``y``.
        size: how many images, from 1 to as many as the source has.
        seed: of the draw, from 0.
        image_size: height and width in pixels to resize to (bilinear, antialiased); the source's
            own where None (32 for "noise").
        channels: 1 or 3; grey images are repeated, the normalised colours averaged. Any number
            for "noise".

    Returns:
        Inputs float32 ``[size, channels, h, w]``, labels int64 ``[size]``.

    Raises:
        NasproxyError: the source is unknown, absent or malformed, or an argument is out of range.
    """
    for name, value, least in (
        ("batch size", size, 1),
        ("seed", seed, 0),
        ("channels", channels, 1),
    ):
        _at_least(name, value, least)
    if image_size is not None:
        _at_least("image_size", image_size, 1)
    if source == "noise":
        return _noise(size, seed, image_size or _NOISE_SIZE, channels)
    if channels not in (1, 3):
        raise NasproxyError(
            f"images of {channels} channels cannot be made from {str(source)!r}",
            accepted="1 or 3 channels; any number from the source 'noise'",
        )
    images = _images(source)
    if size > images.size:
        raise NasproxyError(
            f"a batch of {size} is larger than {images.source}, which has {images.size} images",
            accepted=f"a size from 1 to {images.size}",
        )
    chosen = np.random.default_rng(seed).permutation(images.size)[:size]
    inputs = _with_channels(torch.from_numpy(normalised(images, chosen)), channels)
    return Batch(
        inputs=_resized(inputs, image_size),
        labels=torch.from_numpy(images.labels[chosen]),
        classes=images.classes,
        source=images.source,
    )


def _images(source: str | Path) -> ImageSet:
    name = str(source)
    if name in _LOADERS:
        return _LOADERS[name]()
    path = Path(source).expanduser()
    if path.suffix == ".npz" or path.is_file():
        return read_npz(path)
    raise NasproxyError(
        f"there is no source of images named {name!r}, and no such file",
        accepted=f"{', '.join(SOURCES)}, or the path of an .npz file",
        hint=did_you_mean(name, SOURCES),
    )


def _noise(size: int, seed: int, image_size: int, channels: int) -> Batch:
    rng = np.random.default_rng(seed)
    pixels = rng.standard_normal((size, channels, image_size, image_size), dtype=np.float32)
    labels = rng.integers(_NOISE_CLASSES, size=size)
    return Batch(torch.from_numpy(pixels), torch.from_numpy(labels), _NOISE_CLASSES, "noise")


def _with_channels(
    inputs: Float[Tensor, "n c h w"], channels: int
) -> Float[Tensor, "n {channels} h w"]:
    if inputs.shape[1] == channels:
        return inputs
    if channels == 1:
        return inputs.mean(dim=1, keepdim=True)
    return inputs.repeat(1, channels, 1, 1)


def _resized(inputs: Float[Tensor, "n c h w"], image_size: int | None) -> Float[Tensor, "n c a b"]:
    if image_size is None or tuple(inputs.shape[2:]) == (image_size, image_size):
        return inputs
    return torch.nn.functional.interpolate(
        inputs, size=(image_size, image_size), mode="bilinear", antialias=True
    )


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise NasproxyError(f"{name} is {value}", accepted=f"a whole number from {least}")
