"""A set of labelled images as whole numbers, with the constants that normalise it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64, UInt8

__all__ = ["ImageSet", "normalised", "own_statistics"]

_BLOCK = 4096


@dataclass(frozen=True)
class ImageSet:
    """Labelled images.

    Attributes:
        pixels: uint8 ``[n, h, w, c]`` in ``0 .. white``; shared by every reader, so never written.
        labels: int64 ``[n]`` in ``0 .. classes - 1``.
        classes: how many classes there are.
        mean: of every channel, as a share of white.
        std: of every channel, as a share of white; positive.
        source: the data set and file, for manifests and messages.
        white: the largest pixel value.
    """

    pixels: UInt8[np.ndarray, "n h w c"]
    labels: Int64[np.ndarray, " n"]
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    source: str
    white: int = 255

    @property
    def size(self) -> int:
        """How many images there are."""
        return len(self.labels)


def own_statistics(
    pixels: UInt8[np.ndarray, "n h w c"], white: int = 255
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of every channel over all images, as shares of white.

    The moments come from the 256-bin histogram of a channel, so they are exact whatever the
    number of images. A constant channel gets the deviation 1, which maps it to 0.

    Args:
        pixels: uint8 ``[n, h, w, c]``.
        white: the pixel value that counts as 1.
    """
    values = np.arange(256) / white
    means, deviations = [], []
    for channel in range(pixels.shape[3]):
        share = _histogram(pixels[..., channel]) / pixels[..., 0].size
        mean = float(share @ values)
        variance = float(share @ (values - mean) ** 2)
        means.append(mean)
        deviations.append(variance**0.5 if np.count_nonzero(share) > 1 else 1.0)
    return tuple(means), tuple(deviations)


def _histogram(channel: UInt8[np.ndarray, "n h w"]) -> Int64[np.ndarray, " 256"]:
    counts = np.zeros(256, dtype=np.int64)
    for first in range(0, len(channel), _BLOCK):  # counting widens every pixel to eight bytes
        counts += np.bincount(channel[first : first + _BLOCK].ravel(), minlength=256)
    return counts


def normalised(images: ImageSet, chosen: Int64[np.ndarray, " k"]) -> Float32[np.ndarray, "k c h w"]:
    """The chosen images, ``(pixel / white - mean) / std`` channel by channel, channels first.

    Args:
        images: where they come from.
        chosen: their indices.
    """
    shares = images.pixels[chosen].astype(np.float64) / images.white
    scaled = (shares - np.asarray(images.mean)) / np.asarray(images.std)
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2), dtype=np.float32)
