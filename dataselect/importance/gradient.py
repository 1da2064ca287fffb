"""The gradient over all queries: in parallel, and the same for any number of threads."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int64

from dataselect.errors import DataselectError
from dataselect.importance.kernel import LANES, add_gradients
from dataselect.importance.retrievals import Retrievals

__all__ = [
    "Gradient",
    "added_up",
    "by_length",
    "check_k",
    "check_values",
    "gradient",
    "in_threads",
    "partitions",
]

MOST_PARTITIONS = 16
PARTITION_MEMORY = 1 << 30


@dataclass(frozen=True)
class Gradient:
    """The gradient of F at a point, and F there.

    Attributes:
        values: float64 ``[items]``, dF/dv; 0 for items that no list names.
        objective: F(v).
        squares: float64 ``[items]``, sums of squares of (K N dF/dv)'s terms, one a position; or
            empty where not asked for.
    """

    values: Float64[np.ndarray, " items"]
    objective: float
    squares: Float64[np.ndarray, " squared"]


def gradient(
    retrievals: Retrievals,
    values: Float[np.ndarray, " items"],
    *,
    k: int,
    depth: Int64[np.ndarray, " queries"] | None = None,
    queries: Int64[np.ndarray, " chosen"] | None = None,
    squares: bool = False,
    threads: int | None = None,
) -> Gradient:
    r"""The exact gradient of the multilinear extension of the additive top-K utility.

    .. math::

        F(v) = \frac{1}{N} \sum_q \mathbb{E}_{S \sim \prod \mathrm{Bernoulli}(v_i)}
        \frac{1}{K} \sum_{i \in \text{first K of } S \text{ in q's order}} u_i(q)

    Positions of one list that name one item are independent draws here, and their derivatives are
    added up; drop all but the best-ranked by `first_of_repeats` for the exact game.

    Args:
        retrievals: the lists.
        values: v, in 0 .. 1, float64 ``[items]``.
        k: how many present items count, 1 or more; more than a list has is fine.
        depth: int64 ``[queries]``, how much of each list is looked at; all of it by default.
        queries: which queries; all by default. N is their number.
        squares: whether to sum squares, for bounds on sampling.
        threads: how many; by default one a core. The result does not depend on it: queries are
            cut into at most 16 parts by their number and length alone, added up in one order.

    Returns:
        Gradient and objective. O(M K) operations a query; a part holds one number an item.

    Raises:
        DataselectError: k below 1, or values outside 0 .. 1.

    References:
        Lyu et al., "Improving retrieval-augmented large language models via data importance
        learning", arXiv 2307.03027 (2023).
    """
    check_k(k)
    v = check_values(values, retrievals.n_items)
    lengths = retrievals.lengths
    looked = lengths if depth is None else np.minimum(depth, lengths)
    chosen = by_length(looked, queries)
    parts = partitions(chosen, retrievals.n_items)
    cells = np.empty((len(parts), retrievals.n_items, 2))
    square_sums = np.zeros((len(parts), retrievals.n_items if squares else 0))
    counted = min(k, max(1, int(looked.max(initial=0))))  # a list that ends before K counts whole

    def add(part: int) -> float:
        cells[part, :, 0] = v
        cells[part, :, 1] = 0.0
        return add_gradients(
            retrievals.indptr,
            retrievals.items,
            retrievals.utility,
            looked,
            parts[part],
            counted,
            cells[part],
            square_sums[part],
        )

    objectives = in_threads(add, len(parts), threads)
    scale = 1.0 / (k * max(1, len(chosen)))  # of no query at all: zeros
    return Gradient(
        added_up(cells[:, :, 1]) * scale, sum(objectives) * scale, added_up(square_sums)
    )


def in_threads(work: Callable[[int], float], parts: int, threads: int | None) -> list[float]:
    """What ``work`` returns for each part, in order; the kernels run without the lock."""
    if threads is not None and threads < 1:
        raise DataselectError(f"threads is {threads}", accepted="1 or more")
    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        return list(pool.map(work, range(parts)))


def partitions(
    chosen: Int64[np.ndarray, " chosen"], n_items: int
) -> list[Int64[np.ndarray, " part"]]:
    """Cut queries into parts for threads, by their number and the corpus's size alone."""
    affordable = max(2, PARTITION_MEMORY // (16 * max(1, n_items)))
    count = max(1, min(MOST_PARTITIONS, affordable, len(chosen) // LANES))
    registers = -(-len(chosen) // LANES)
    cuts = [LANES * (registers * part // count) for part in range(1, count)]
    return np.split(chosen, cuts)


def by_length(
    depth: Int64[np.ndarray, " queries"], queries: Int64[np.ndarray, " chosen"] | None
) -> Int64[np.ndarray, " chosen"]:
    """The queries in the order of the length looked at: neighbours share vector registers."""
    chosen = np.arange(len(depth), dtype=np.int64) if queries is None else queries
    wanted = depth[chosen]
    if len(wanted) == 0 or wanted.min() == wanted.max():
        return chosen
    return chosen[np.argsort(wanted, kind="stable")]


def check_k(k: int) -> None:
    """Refuse a K below 1."""
    if k < 1:
        raise DataselectError(f"k is {k}", accepted="1 or more", hint="k=10 is the published one")


def check_values(values: Float[np.ndarray, " values"], n: int) -> Float64[np.ndarray, " values"]:
    """The probabilities as float64, refused where they are none."""
    v = np.ascontiguousarray(values, dtype=np.float64)
    if len(v) != n:
        raise DataselectError(f"there are {len(v):,} values for {n:,} items", accepted="one each")
    if n and not (v.min() >= 0 and v.max() <= 1):  # NaN compares false
        where = int(np.argmax(~((v >= 0) & (v <= 1))))
        raise DataselectError(f"the value of item {where} is {v[where]}", accepted="0 to 1")
    return v


def added_up(sums: Float64[np.ndarray, "parts items"]) -> Float64[np.ndarray, " items"]:
    """The sum over the parts, in their order; the first part's row becomes it."""
    total: Float64[np.ndarray, " items"] = sums[0]
    for part in sums[1:]:
        total += part
    return total
