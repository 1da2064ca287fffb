"""scikit-learn's handwritten digits: real images that every installation has."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from nasproxy.images.image_set import ImageSet, own_statistics

__all__ = ["digits"]

_WHITE = 16
_UPSCALE = 4


@lru_cache(maxsize=1)
def digits() -> ImageSet:
    """The 1,797 digits, 8 x 8 in 17 greys, each pixel repeated to 4 x 4: ``[1797, 32, 32, 1]``.

    Repeating rather than interpolating keeps the grey levels and the 32 x 32 size that
    small-image networks are made for.

    Reference: Alpaydin & Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998.
    """
    from sklearn.datasets import load_digits

    data, labels = load_digits(return_X_y=True)
    small = np.asarray(data, dtype=np.uint8).reshape(-1, 8, 8, 1)
    pixels = small.repeat(_UPSCALE, axis=1).repeat(_UPSCALE, axis=2)
    pixels.setflags(write=False)
    mean, std = own_statistics(pixels, _WHITE)
    return ImageSet(
        pixels=pixels,
        labels=np.asarray(labels, dtype=np.int64),
        classes=10,
        mean=mean,
        std=std,
        source="digits (scikit-learn's handwritten digits, upscaled by 4)",
        white=_WHITE,
    )
