"""From counts that add up to a language model: interpolation whose strength follows the counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from dataselect.weighting.proxies.ngram.events import Events

__all__ = ["Counted", "Smoothing", "counted", "cross_losses", "fit_smoothing", "losses_under"]

# Two numbers an order need no more rows than this to be fitted by; losses are taken on all.
_ROWS = 1 << 14
# Where the fit begins and how far it may go: exp(-6) = 0.002, exp(10) = 22,000 added tokens.
_BEGIN = (1.5, 0.6)
_STRENGTHS, _GROWTHS = (-6.0, 10.0), (0.0, 1.5)


@dataclass(frozen=True)
class Smoothing:
    """A strength and a growth an order, the lowest first; see `losses_under`."""

    log_strength: Float64[np.ndarray, " orders"]
    growth: Float64[np.ndarray, " orders"]


@dataclass(frozen=True)
class Counted:
    """The counts of a selection where the validation sets ask for them.

    Attributes:
        hits: c(hw), a row a distinct n-gram that is asked for, from the lowest order up.
        seen: c(h); 0 where the context does not occur in the selection or in the document.
        log_seen: its logarithm, 0 where it is 0.
        times: how often each row's token occurs in each half of each validation set.
    """

    hits: Float64[np.ndarray, "rows orders"]
    seen: Float64[np.ndarray, "rows orders"]
    log_seen: Float64[np.ndarray, "rows orders"]
    times: Float64[np.ndarray, "rows halves"]

    def thinned(self, rows: int) -> Counted:
        """Every k-th row, so that about so many are left: a sample over all documents."""
        step = max(1, len(self.hits) // rows)
        parts = (self.hits, self.seen, self.log_seen, self.times)
        return Counted(*(np.ascontiguousarray(part[::step]) for part in parts))


def counted(counts: Int64[np.ndarray, " events"], tokens: int, events: Events) -> Counted:
    """The counts that each row asks for.

    Args:
        counts: of `count_events`.
        tokens: of the selection.
        events: of the validation sets.
    """
    hits = np.where(events.hits >= 0, counts[events.hits], 0).astype(np.float64)
    seen = np.where(events.seen >= 0, counts[events.seen], 0).astype(np.float64)
    seen[:, 0] = tokens
    return Counted(hits, seen, np.log(np.maximum(seen, 1.0)), events.times)


def losses_under(
    found: Counted,
    vocabulary: int,
    smoothing: Smoothing,
    weights: Float64[np.ndarray, " halves"],
) -> tuple[float, Float64[np.ndarray, "2 orders"], Float64[np.ndarray, " halves"]]:
    """Sums of -ln p over the tokens of each half set.

    p_n(w | h) = (c(hw) + a_n(h) p_{n-1}(w | h')) / (c(h) + a_n(h)),  a_n(h) = s_n c(h)^g_n,

    h' being h without its first token, p_0 the uniform distribution. Each p_n sums to 1. With
    g = 0 it is MacKay and Peto's Dirichlet prior; with g > 0 the weight that falls to the lower
    order grows with the context's count as the number of different words behind it does (Heaps'
    law), which is what Witten-Bell and Kneser-Ney smoothing take from counts of types. Types do
    not add up over documents; counts do.

    Args:
        found: counts of the selection.
        vocabulary: how many tokens the uniform distribution has.
        smoothing: s and g of each order.
        weights: of the halves' sums in the first value that is returned.

    Returns:
        The weighted sum, its derivatives by ln s and g, and the sums.

    References: MacKay and Peto, "A hierarchical Dirichlet language model", 1995; Chen and
    Goodman, "An empirical study of smoothing techniques for language modeling", 1999.
    """
    from dataselect.weighting.proxies.ngram.kernels.likelihood import negative_log_likelihood

    sums = np.zeros(found.times.shape[1])
    gradient = np.zeros((2, found.hits.shape[1]))
    value = negative_log_likelihood(
        found.hits, found.seen, found.log_seen, found.times, 1.0 / vocabulary,
        smoothing.log_strength, smoothing.growth, sums, weights, gradient,
    )  # fmt: skip
    return float(value), gradient, sums


def fit_smoothing(
    found: Counted, vocabulary: int, weights: Float64[np.ndarray, " halves"]
) -> Smoothing:
    """The smoothing of the least weighted loss, by L-BFGS with exact derivatives.

    Args:
        weights: of each half's sum; 0 keeps it out.
    """
    from scipy.optimize import minimize

    n = found.hits.shape[1]

    def loss(at: Any) -> tuple[float, Any]:
        value, gradient, _ = losses_under(found, vocabulary, Smoothing(at[:n], at[n:]), weights)
        return value, gradient.ravel()

    begin = np.repeat(_BEGIN, n)
    bounds = [_STRENGTHS] * n + [_GROWTHS] * n
    best = minimize(
        loss, begin, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-6}
    ).x
    return Smoothing(best[:n].copy(), best[n:].copy())


def cross_losses(found: Counted, sets: Sequence[str], vocabulary: int) -> dict[str, float]:
    """The mean loss of each set, in nats a token.

    The smoothing is fitted on one half of every set and the loss measured on the other, both ways
    round, so that no token is measured with numbers that were fitted to it. In the fit every set
    counts the same.
    """
    tokens = found.times.sum(axis=0)
    sample = found.thinned(_ROWS)
    totals = np.zeros(len(tokens))
    for half in (0, 1):
        fitted_on = np.arange(len(tokens)) % 2 == half
        with np.errstate(divide="ignore"):
            weights = np.where(fitted_on & (tokens > 0), 1.0 / tokens, 0.0) / len(sets)
        smoothing = fit_smoothing(sample, vocabulary, weights)
        _, _, sums = losses_under(found, vocabulary, smoothing, weights)
        totals[~fitted_on] = sums[~fitted_on]
    means = totals.reshape(-1, 2).sum(axis=1) / tokens.reshape(-1, 2).sum(axis=1)
    return dict(zip(sets, means.tolist(), strict=True))
