"""Several proxies made one by the ranks that they give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float64

from nasproxy.errors import NasproxyError

__all__ = ["average_ranks", "rank_aggregate"]


def average_ranks(values: Float64[np.ndarray, " m"]) -> Float64[np.ndarray, " m"]:
    """Ranks from 1 for the smallest to m for the largest; equal values share their average.

    Args:
        values: float64 ``[m]``; NaN ranks below every number, -inf included.

    Returns:
        float64 ``[m]`` with the sum m (m + 1) / 2. O(m log m).
    """
    known = ~np.isnan(values)
    codes = np.zeros(len(values), np.int64)
    codes[known] = np.unique(values[known], return_inverse=True)[1] + 1
    counts = np.bincount(codes)
    ends = np.cumsum(counts)
    ranks: Float64[np.ndarray, " m"] = (ends - (counts - 1) / 2)[codes]
    return ranks


def rank_aggregate(
    scores: Float64[np.ndarray, "m p"],
    signs: Sequence[int],
    method: Literal["log", "mean"] = "log",
) -> Float64[np.ndarray, " m"]:
    r"""One score from p proxies by their ranks r: 1 for the worst of m, m for the best.

    .. math:: s_i = \sum_p \log(r_{ip} / m) \quad\text{or}\quad s_i = \frac{1}{p} \sum_p r_{ip} / m

    The logarithm makes one bad rank weigh more than one good rank makes up for.

    Args:
        scores: float64 ``[m, p]``, a column a proxy; NaN (no score) ranks worst.
        signs: p times 1 where more is better or -1 where less is.
        method: ``log`` or ``mean``.

    Returns:
        float64 ``[m]``, more is better: 0 (log) or 1 (mean) for the best by every proxy.

    Raises:
        NasproxyError: no proxy, signs that are not 1 or -1 for each, an unknown method.

    References:
        Lee and Ham, "AZ-NAS: Assembling zero-cost proxies for network architecture search",
        CVPR 2024, section 3.3 (the logarithmic form).
    """
    m, p = scores.shape
    if p == 0 or len(signs) != p or any(abs(sign) != 1 for sign in signs):
        raise NasproxyError(
            f"the signs {list(signs)} for {p} proxies",
            accepted="at least one proxy, and 1 (more is better) or -1 for each",
        )
    if method not in ("log", "mean"):
        raise NasproxyError(f"unknown rank aggregate {method!r}", accepted="'log' or 'mean'")
    ranks = np.empty((m, p))
    for column, sign in enumerate(signs):
        ranks[:, column] = average_ranks(sign * scores[:, column])
    share = ranks / m
    combined: Float64[np.ndarray, " m"]
    combined = np.log(share).sum(axis=1) if method == "log" else share.mean(axis=1)
    return combined
