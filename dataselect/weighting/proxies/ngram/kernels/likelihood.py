"""The likelihood of n-grams from their counts, and its derivatives by the smoothing."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from zerocost.compiled import compiled

__all__ = ["negative_log_likelihood"]


@compiled
def negative_log_likelihood(
    hits: Float64[np.ndarray, "rows orders"],
    seen: Float64[np.ndarray, "rows orders"],
    log_seen: Float64[np.ndarray, "rows orders"],
    times: Float64[np.ndarray, "rows sets"],
    uniform: float,
    log_strength: Float64[np.ndarray, " orders"],
    growth: Float64[np.ndarray, " orders"],
    sums: Float64[np.ndarray, " sets"],
    weights: Float64[np.ndarray, " sets"],
    gradient: Float64[np.ndarray, "2 orders"],
) -> float:
    """Sums of -ln p over the tokens of each set, their weighted sum, and that one's derivatives.

    p_n = (c(hw) + a p_{n-1}) / (c(h) + a) with a = exp(log_strength_n) c(h)^growth_n.

    Args:
        hits: c(hw) of each token, from the lowest order up.
        seen: c(h); 0 where the context does not occur, and the order is passed over.
        log_seen: its logarithm; anything where it is 0.
        times: how often each row's token occurs in each set.
        uniform: p_0.
        log_strength: a number an order.
        growth: likewise.
        sums: written.
        weights: of the sets' sums in the value returned.
        gradient: of that value by log_strength and by growth; written.
    """
    rows, orders = hits.shape
    sums[:] = 0.0
    gradient[:] = 0.0
    below = np.empty(orders)
    added = np.empty(orders)
    total = 0.0
    for row in range(rows):
        p = uniform
        for n in range(orders):
            below[n] = p
            if seen[row, n] > 0:
                a = np.exp(log_strength[n] + growth[n] * log_seen[row, n])
                added[n] = a
                p = (hits[row, n] + a * p) / (seen[row, n] + a)
        loss = -np.log(p)
        weight = 0.0
        for s in range(times.shape[1]):
            sums[s] += times[row, s] * loss
            weight += times[row, s] * weights[s]
        if weight == 0.0:
            continue
        total += weight * loss
        slope = -weight / p
        for n in range(orders - 1, -1, -1):
            if seen[row, n] > 0:
                whole = seen[row, n] + added[n]
                by_a = slope * (below[n] * seen[row, n] - hits[row, n]) / (whole * whole)
                gradient[0, n] += by_a * added[n]
                gradient[1, n] += by_a * added[n] * log_seen[row, n]
                slope *= added[n] / whole
    return total
