"""On how few scores weights lie."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

__all__ = ["distance_to_uniform", "effective_scores"]


def distance_to_uniform(weights: Float64[np.ndarray, " scores"]) -> float:
    """Total variation, ½ Σ |w_j − 1/k|: 0 for uniform weights, 1 − 1/k for a single score."""
    return 0.5 * float(np.abs(weights - 1 / len(weights)).sum())


def effective_scores(weights: Float64[np.ndarray, " scores"]) -> float:
    """1 / Σ w_j²: k for uniform weights, 1 for a single score."""
    return float(1 / (weights**2).sum())
