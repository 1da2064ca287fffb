"""The weights at which a predicted loss is least: by many draws, or by moving weight about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
from jaxtyping import Float64

from dataselect.errors import DataselectError
from dataselect.weighting.bounds import Bounds

__all__ = ["BEST", "DRAWS", "SEED", "Optimum", "Predict", "direct", "published"]

Predict = Callable[[Float64[np.ndarray, "n scores"]], Float64[np.ndarray, " n"]]

DRAWS = 1_000_000
BEST = 128
SEED = 42
_CHUNK = 16_384
_SCREENED = 8_192
_STARTS = 6
_FIRST_STEP, _LAST_STEP = 0.5, 2**-11
_MOST_MOVES = 400
_MOST_CHUNKS_FOR_ONE = 64


@dataclass(frozen=True)
class Optimum:
    """Weights, the loss predicted there, and how many vectors were looked at."""

    weights: Float64[np.ndarray, " scores"]
    predicted: float
    evaluated: int


def published(
    predict: Predict,
    scores: int,
    *,
    draws: int = DRAWS,
    best: int = BEST,
    alpha: float | Float64[np.ndarray, " scores"] = 1.0,
    bounds: Bounds | None = None,
    seed: int | np.random.RandomState = SEED,
    threads: int = 1,
) -> Optimum:
    """The mean of the best of many draws from Dirichlet(α), as published.

    Meta-rater: a million draws, α = 1, the best 128, seed 42. RegMix: 100,000 draws, α the domains'
    shares of the corpus. The mean of draws lies nearer to uniform weights than the best of them:
    with many scores no draw comes near a corner, and averaging shrinks what is left.

    Args:
        predict: losses of weight vectors.
        scores: how many there are.
        draws: how many; taken in parts, so that memory does not grow with them.
        best: of how many the mean is taken; of equal losses the first drawn counts.
        alpha: of the Dirichlet distribution, one number or one a score.
        bounds: draws are scaled to lie above the least weights, and those with a weight above its
            greatest are passed over.
        seed: of the draws; or the legacy generator with which RegMix drew.
        threads: the result does not depend on it.

    Raises:
        DataselectError: fewer than ``best`` draws keep the bounds.

    References:
        Zhuang et al., Meta-rater, ACL 2025; Liu et al., RegMix, ICLR 2025, section 3.
    """
    if not 1 <= best <= draws:
        raise DataselectError(f"the best {best} of {draws} draws", accepted="1 to all of them")
    strengths = np.broadcast_to(np.asarray(alpha, dtype=np.float64), (scores,))
    limits = bounds if bounds is not None else Bounds.none(scores)
    rng = np.random.default_rng(seed) if isinstance(seed, int) else seed

    def parts() -> Iterator[Float64[np.ndarray, "n scores"]]:
        left = draws
        while left:
            size = min(_CHUNK, left)
            left -= size
            drawn = limits.low + limits.free * rng.dirichlet(strengths, size=size)
            yield drawn[(drawn <= limits.high).all(axis=1)]

    kept = np.empty((0, scores))
    losses = np.empty(0)
    for part, found in _predicted(predict, parts(), threads):
        losses = np.concatenate([losses, found])
        kept = np.concatenate([kept, part])
        # Stable: those kept stand before those drawn later.
        order = np.argsort(losses, kind="stable")[:best]
        losses, kept = losses[order], kept[order]
    if len(losses) < best:
        raise DataselectError(
            f"{len(losses)} of {draws:,} draws keep the bounds, the best {best} are averaged",
            accepted="bounds that more draws keep",
            hint="--optimiser direct searches within any bounds",
        )
    mean = kept.mean(axis=0)
    return Optimum(mean, float(predict(mean[None])[0]), draws)


def direct(
    predict: Predict,
    scores: int,
    *,
    bounds: Bounds | None = None,
    starts: Float64[np.ndarray, "starts scores"] | None = None,
    screened: int = _SCREENED,
    keep: int = _STARTS,
    seed: int = 0,
    threads: int = 1,
) -> Optimum:
    """The least loss that moving weight from one score to another can reach, from several starts.

    From each start all transfers of a step δ from a score i to a score j (as much as the bounds
    leave of it) are tried, and the best is made; where none helps, δ is halved, from ½ down to
    2⁻¹¹. Directions e_j − e_i span the tangent cone at every point of the simplex within bounds,
    faces and corners included, so that for a smooth function what the search converges to is a
    stationary point (Kolda, Lewis, Torczon 2003); trees, which have no gradient, are searched in
    the same way. Starts: the best of draws that prefer few scores, of others that prefer many, of
    uniform weights, of corners and of ``starts``.

    Args:
        predict: losses of weight vectors.
        scores: how many there are.
        bounds: of the weights.
        starts: further points; moved into the bounds.
        screened: how many draws are looked at.
        keep: how many starts are followed.
        seed: of the draws.
        threads: the result does not depend on it.
    """
    limits = bounds if bounds is not None else Bounds.none(scores)
    rng = np.random.default_rng(seed)
    points = [np.full((1, scores), 1 / scores), np.eye(scores)]
    if screened:
        points += [rng.dirichlet(np.ones(scores), size=screened // 2)]
        points += [rng.dirichlet(np.full(scores, 0.2), size=screened - screened // 2)]
    if starts is not None and len(starts):
        points.append(np.maximum(starts, 0.0))
    candidates = limits.moved_inside(np.concatenate(points))
    losses = np.concatenate(
        [found for _, found in _predicted(predict, _pieces(candidates), threads)]
    )
    order = np.argsort(losses, kind="stable")
    followed = candidates[_apart(candidates[order], keep, order)]
    at, value, evaluated = _transfer(predict, followed, limits, threads)
    best = int(np.argmin(value))
    return Optimum(at[best], float(value[best]), evaluated + len(candidates))


def _apart(ordered: Float64[np.ndarray, "n scores"], keep: int, order: np.ndarray) -> np.ndarray:
    """The best candidates of which no two differ by less than a tenth of the weight."""
    chosen: list[int] = []
    for at in range(min(len(ordered), 50 * keep)):
        if all(0.5 * np.abs(ordered[at] - ordered[other]).sum() >= 0.1 for other in chosen):
            chosen.append(at)
        if len(chosen) == keep:
            break
    return np.asarray(order[chosen])


def _transfer(
    predict: Predict,
    starts: Float64[np.ndarray, "starts scores"],
    limits: Bounds,
    threads: int,
) -> tuple[Float64[np.ndarray, "starts scores"], Float64[np.ndarray, " starts"], int]:
    """Follow all starts at once, each with a step of its own."""
    at = starts.copy()
    value = predict(at)
    scores = at.shape[1]
    giver, taker = np.nonzero(~np.eye(scores, dtype=bool))
    if not len(giver):  # one score: nothing to move
        return at, value, len(at)
    step = np.full(len(at), _FIRST_STEP)
    evaluated = len(at)
    for _ in range(_MOST_MOVES):
        active = np.flatnonzero(step >= _LAST_STEP)
        if not len(active):
            break
        amount = np.minimum(
            step[active, None],
            np.minimum(
                at[active][:, giver] - limits.low[giver], limits.high[taker] - at[active][:, taker]
            ),
        )
        row, pair = np.nonzero(amount > _LAST_STEP * 1e-6)
        moved = at[active[row]]
        each = np.arange(len(row))
        moved[each, giver[pair]] -= amount[row, pair]
        moved[each, taker[pair]] += amount[row, pair]
        found = np.full(amount.shape, np.inf)
        if len(row):
            parts = _predicted(predict, _pieces(moved), threads)
            found[row, pair] = np.concatenate([losses for _, losses in parts])
        evaluated += len(row)
        best = found.argmin(axis=1)
        least = found[np.arange(len(active)), best]
        better = least < value[active] - 1e-12 * np.abs(value[active])
        for k in np.flatnonzero(better).tolist():
            start, move = active[k], best[k]
            at[start, giver[move]] -= amount[k, move]
            at[start, taker[move]] += amount[k, move]
            value[start] = least[k]
        step[active[~better]] /= 2
    at = np.clip(at, limits.low, limits.high)
    return at, value, evaluated


def _pieces(points: Float64[np.ndarray, "n scores"]) -> Iterator[Float64[np.ndarray, "m scores"]]:
    for first in range(0, len(points), _CHUNK):
        yield points[first : first + _CHUNK]


def _predicted(
    predict: Predict, parts: Iterator[Float64[np.ndarray, "n scores"]], threads: int
) -> Iterator[tuple[Float64[np.ndarray, "n scores"], Float64[np.ndarray, " n"]]]:
    """Parts with their losses, in order; a few at a time, each by one thread."""
    if threads <= 1:
        for part in parts:
            yield part, predict(part)
        return
    with ThreadPoolExecutor(threads) as pool:
        while True:
            few = list(islice(parts, 2 * threads))
            if not few:
                return
            yield from zip(few, pool.map(predict, few), strict=True)
