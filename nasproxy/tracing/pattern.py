"""Sample-wise activation patterns: for every unit, which samples switch it on."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from jaxtyping import UInt64
from torch import Tensor

from nasproxy.errors import NasproxyError
from nasproxy.tracing.agreement import sample_rows
from zerocost.compiled import compiled

__all__ = ["distinct_rows", "unit_patterns"]


def unit_patterns(inputs: Tensor, samples: int) -> UInt64[np.ndarray, "k words"] | None:
    """The distinct patterns of a layer's units: bit i is whether sample i switches a unit on.

    Args:
        inputs: what goes into an activation function, as ``sample_rows`` takes it.
        samples: n, how many samples the batch holds.

    Returns:
        Sorted, 64 samples to a word; None where the tensor has no sample dimension.

    Raises:
        NasproxyError: an input is NaN.

    Complexity: O(n D) to pack D units, O(D log D) to sort.
    """
    rows = sample_rows(inputs.detach(), samples)
    if rows is None:
        return None
    words = np.zeros((rows.shape[1], -(-samples // 64)), dtype=np.uint64)
    if _pack_units(rows.float().cpu().numpy(), words):
        raise NasproxyError(
            "an activation receives NaN",
            accepted="a network whose activations are numbers on this batch",
            hint="check its initialisation and that the inputs are normalised",
        )
    return distinct_rows(words)[0]


def distinct_rows(
    words: UInt64[np.ndarray, "m words"],
) -> tuple[UInt64[np.ndarray, "k words"], np.ndarray]:
    """The distinct rows, and where each comes first."""
    count = words.shape[1]
    keys = words[:, 0] if count == 1 else words.view(np.dtype((np.void, 8 * count)))[:, 0]
    _, first = np.unique(keys, return_index=True)
    return words[first], first


@compiled
def _pack_units(values: Any, words: Any) -> int:
    samples, units = values.shape
    nans = 0
    for sample in range(samples):
        word, bit = sample // 64, numba.uint64(sample % 64)
        for unit in range(units):
            value = values[sample, unit]
            words[unit, word] |= numba.uint64(value > 0) << bit
            nans += value != value  # noqa: PLR0124 (only a NaN differs from itself)
    return nans
