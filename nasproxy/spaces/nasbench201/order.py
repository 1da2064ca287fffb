"""The benchmark's numbering of the 15,625 cells.

The benchmark enumerates the cells with the last edge changing fastest and shuffles that list with
Python's generator seeded by 88. The shuffle is written out here, on 32-bit draws whose stream
Python promises to keep, because it does not promise the same for ``random.shuffle``.
"""

from __future__ import annotations

import functools
import itertools
import random

from nasproxy.errors import NasproxyError
from nasproxy.spaces.nasbench201.cell import EDGES, OPERATIONS, Cell

__all__ = ["SIZE", "all_cells", "cell_at", "index_of"]

SIZE = len(OPERATIONS) ** len(EDGES)
"""How many cells there are: 5 ** 6 = 15,625."""

_SHUFFLE_SEED = 88


@functools.cache
def all_cells() -> tuple[Cell, ...]:
    """Every cell; the place in this tuple is its NAS-Bench-201 index.

    Fisher and Yates: for i = n - 1, ..., 1 the i-th item trades places with the j-th, j uniform
    in 0 .. i by rejection from as many bits as i + 1 has. O(n); made once a process.
    """
    cells = [Cell(ops) for ops in itertools.product(range(len(OPERATIONS)), repeat=len(EDGES))]
    generator = random.Random(_SHUFFLE_SEED)
    for i in range(len(cells) - 1, 0, -1):
        j = generator.getrandbits((i + 1).bit_length())
        while j > i:
            j = generator.getrandbits((i + 1).bit_length())
        cells[i], cells[j] = cells[j], cells[i]
    return tuple(cells)


@functools.cache
def _indices() -> dict[Cell, int]:
    return {cell: index for index, cell in enumerate(all_cells())}


def index_of(cell: Cell) -> int:
    """The cell's NAS-Bench-201 index, 0 .. 15,624."""
    return _indices()[cell]


def cell_at(index: int) -> Cell:
    """The cell of a NAS-Bench-201 index.

    Raises:
        NasproxyError: the index is not in 0 .. 15,624.
    """
    if index not in range(SIZE):
        raise NasproxyError(
            f"NAS-Bench-201 has no cell {index!r}", accepted=f"an index in 0 .. {SIZE - 1}"
        )
    return all_cells()[index]
