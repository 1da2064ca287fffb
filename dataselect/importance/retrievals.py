"""Ranked lists with utilities as flat arrays, and what is refused in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int64, Integer

from dataselect.errors import DataselectError
from zerocost.compiled import compiled

__all__ = [
    "Retrievals",
    "first_of_repeats",
    "first_positions",
    "from_lists",
    "repeats_of",
]


@dataclass(frozen=True)
class Retrievals:
    """The ranked lists of all queries, in compressed sparse rows.

    Query q's list is ``items[indptr[q] : indptr[q + 1]]``, best rank first. A list may be empty
    (such a query gains nothing, and counts in the mean over queries), may be shorter than K (all
    of it counts) and may name an item more than once.

    Attributes:
        indptr: int64 ``[queries + 1]``, not falling, from 0.
        items: int32 or int64 ``[positions]`` in ``0 .. n_items - 1``.
        utility: float32 or float64 ``[positions]``, finite; 1 for a right answer, 0 for a wrong
            one, or any real number.
        n_items: how many items the corpus has.
        answer: int64 ``[positions]``, equal where two positions give the same answer (for a
            classifier: the label); None where only utilities are known.

    Raises:
        DataselectError: the arrays do not fit together, an id is negative or beyond the corpus, or
            a utility is NaN or infinite; the first such place is named.
    """

    indptr: Int64[np.ndarray, " offsets"]
    items: Integer[np.ndarray, " positions"]
    utility: Float[np.ndarray, " positions"]
    n_items: int
    answer: Int64[np.ndarray, " positions"] | None = None

    def __post_init__(self) -> None:
        _check(self)

    @property
    def n_queries(self) -> int:
        """How many lists there are."""
        return len(self.indptr) - 1

    @property
    def lengths(self) -> Int64[np.ndarray, " queries"]:
        """How long each list is."""
        return np.diff(self.indptr)

    def take(self, queries: Integer[np.ndarray, " taken"]) -> Retrievals:
        """The lists of some queries, in the order given; the corpus stays as it is."""
        indptr, positions = _rows(self.indptr, np.asarray(queries, dtype=np.int64))
        return _only(self, indptr, positions)

    def times_retrieved(self) -> Int64[np.ndarray, " items"]:
        """At how many positions each item stands."""
        return np.bincount(self.items, minlength=self.n_items).astype(np.int64)

    def with_players(self, player: Integer[np.ndarray, " items"], n_players: int) -> Retrievals:
        """The same lists over players (groups): ``player[item]`` in the place of each item."""
        return replace(self, items=player[self.items], n_items=n_players)


def from_lists(
    items: Sequence[Sequence[int]],
    utilities: Sequence[Sequence[int | float]],
    *,
    n_items: int | None = None,
) -> Retrievals:
    """Retrievals from Python lists, for small games.

    Args:
        items: a ranked list of item ids a query.
        utilities: of the same lengths.
        n_items: of the corpus; by default the largest id and one more.

    Raises:
        DataselectError: lengths differ, or what `Retrievals` refuses.
    """
    for query, (ids, gains) in enumerate(zip(items, utilities, strict=False)):
        if len(ids) != len(gains):
            raise DataselectError(
                f"query {query} has {len(ids)} items and {len(gains)} utilities",
                accepted="one utility an item",
            )
    if len(items) != len(utilities):
        raise DataselectError(
            f"there are {len(items)} lists of items and {len(utilities)} of utilities",
            accepted="one list of each a query",
        )
    flat = np.array([i for ids in items for i in ids], dtype=np.int64)
    if n_items is None:
        n_items = int(flat.max(initial=-1)) + 1
    return Retrievals(
        np.cumsum([0, *map(len, items)], dtype=np.int64),
        flat,
        np.array([u for gains in utilities for u in gains], dtype=np.float64),
        n_items,
    )


def first_of_repeats(retrievals: Retrievals) -> Retrievals:
    """Each list with only the best-ranked of the positions that name one item. O(positions)."""
    kept = first_positions(retrievals)
    if kept.all():
        return retrievals
    sums = np.concatenate([[0], np.cumsum(kept, dtype=np.int64)])
    return _only(retrievals, sums[retrievals.indptr], np.flatnonzero(kept))


def first_positions(retrievals: Retrievals) -> Bool[np.ndarray, " positions"]:
    """Which positions are the first in their list to name their item."""
    kept = np.empty(len(retrievals.items), dtype=np.bool_)
    _first_positions(retrievals.indptr, retrievals.items, retrievals.n_items, kept)
    return kept


def repeats_of(retrievals: Retrievals) -> Int64[np.ndarray, " queries"]:
    """How often each query's list names its most repeated item; 0 for an empty list."""
    most = np.zeros(retrievals.n_queries, dtype=np.int64)
    _repeats(retrievals.indptr, retrievals.items, retrievals.n_items, most)
    return most


@compiled
def _first_positions(
    indptr: Int64[np.ndarray, " offsets"],
    items: Integer[np.ndarray, " positions"],
    n_items: int,
    kept: Bool[np.ndarray, " positions"],
) -> None:
    seen_by = np.full(n_items, -1, np.int64)
    for query in range(indptr.shape[0] - 1):
        for i in range(indptr[query], indptr[query + 1]):
            kept[i] = seen_by[items[i]] != query
            seen_by[items[i]] = query


@compiled
def _repeats(
    indptr: Int64[np.ndarray, " offsets"],
    items: Integer[np.ndarray, " positions"],
    n_items: int,
    most: Int64[np.ndarray, " queries"],
) -> None:
    times = np.zeros(n_items, np.int64)
    for query in range(indptr.shape[0] - 1):
        for i in range(indptr[query], indptr[query + 1]):
            times[items[i]] += 1
            most[query] = max(most[query], times[items[i]])
        for i in range(indptr[query], indptr[query + 1]):
            times[items[i]] = 0


def _only(
    retrievals: Retrievals,
    indptr: Int64[np.ndarray, " offsets"],
    positions: Int64[np.ndarray, " kept"],
) -> Retrievals:
    answer = retrievals.answer
    return Retrievals(
        indptr,
        retrievals.items[positions],
        retrievals.utility[positions],
        retrievals.n_items,
        None if answer is None else answer[positions],
    )


def _rows(
    indptr: Int64[np.ndarray, " offsets"], queries: Int64[np.ndarray, " taken"]
) -> tuple[Int64[np.ndarray, " taken_offsets"], Int64[np.ndarray, " kept"]]:
    """The offsets of some rows put together, and the positions that they hold."""
    lengths = np.diff(indptr)[queries]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    shifts = np.repeat(indptr[queries] - offsets[:-1], lengths)
    return offsets, np.arange(offsets[-1], dtype=np.int64) + shifts


def _check(retrievals: Retrievals) -> None:
    indptr, items, utility = retrievals.indptr, retrievals.items, retrievals.utility
    _check_types(indptr, items, utility)
    if (
        len(indptr) == 0
        or indptr[0] != 0
        or indptr[-1] != len(items)
        or (np.diff(indptr) < 0).any()
    ):
        raise DataselectError(
            f"indptr does not cut {len(items):,} positions into lists",
            accepted="offsets that begin with 0, never fall and end with the number of positions",
        )
    for name, array in (("utilities", utility), ("answers", retrievals.answer)):
        if array is not None and len(array) != len(items):
            raise DataselectError(
                f"there are {len(items):,} items and {len(array):,} {name}",
                accepted="one of each a position",
            )
    if len(items) == 0:
        return
    if int(items.min()) < 0:
        where = int(np.argmax(items < 0))
        raise DataselectError(
            f"{_place(indptr, where)} has the item {int(items[where])}",
            accepted="ids from 0 (some indexes write -1 where nothing was found)",
            hint="cut such positions from the lists",
        )
    if int(items.max()) >= retrievals.n_items:
        where = int(np.argmax(items >= retrievals.n_items))
        raise DataselectError(
            f"{_place(indptr, where)} has the item {int(items[where]):,}, "
            f"but the corpus has {retrievals.n_items:,}",
            accepted="ids below n_items, without large gaps: each id costs memory",
            hint="number the items with numpy.unique(ids, return_inverse=True)",
        )
    if not np.isfinite(utility).all():
        where = int(np.argmin(np.isfinite(utility)))
        raise DataselectError(
            f"{_place(indptr, where)} has the utility {float(utility[where])}",
            accepted="finite numbers",
        )


def _check_types(indptr: np.ndarray, items: np.ndarray, utility: np.ndarray) -> None:
    for name, array, accepted in (
        ("indptr", indptr, (np.int64,)),
        ("items", items, (np.int32, np.int64)),
        ("utility", utility, (np.float32, np.float64)),
    ):
        if array.ndim != 1 or array.dtype not in accepted or not array.flags.c_contiguous:
            raise DataselectError(
                f"{name} is {array.dtype} of shape {list(array.shape)}",
                accepted=f"one contiguous dimension of {' or '.join(t.__name__ for t in accepted)}",
                hint=f"numpy.ascontiguousarray({name}, dtype=numpy.{accepted[-1].__name__})",
            )


def _place(indptr: Int64[np.ndarray, " offsets"], position: int) -> str:
    query = int(np.searchsorted(indptr, position, side="right")) - 1
    return f"query {query}, position {position - int(indptr[query])}"
