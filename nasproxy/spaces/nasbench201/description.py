"""A cell in numbers: its paths from the input to the output, and what they are made of.

Every number is of the function and not of its spelling: dead edges, ``none`` and the places of
skips leave no trace, and neither does the order in which a sum is written.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence

from nasproxy.spaces.nasbench201.canonical import function_text
from nasproxy.spaces.nasbench201.cell import EDGES, Cell, Edge

__all__ = ["describe", "path_words"]

_LETTERS = {"nor_conv_1x1": "1", "nor_conv_3x3": "3", "avg_pool_3x3": "p"}
_ALPHABET = "13p"
_LONGEST = 3
_WORDS = tuple(
    "".join(letters)
    for length in range(_LONGEST + 1)
    for letters in itertools.product(_ALPHABET, repeat=length)
)
_PAIRS = tuple(a + b for a, b in itertools.product(_ALPHABET, repeat=2))
_ROUTES: tuple[tuple[Edge, ...], ...] = (
    ((0, 3),),
    ((0, 1), (1, 3)),
    ((0, 2), (2, 3)),
    ((0, 1), (1, 2), (2, 3)),
)
_NOT = -1  # the least and the most of a cell without a path


def path_words(cell: Cell) -> tuple[str, ...]:
    """The operations on every path from the input to the output, in the order of the signal.

    A path is a word over ``1`` and ``3`` (convolutions) and ``p`` (pooling); skips have no letter,
    so a path of skips alone is the empty word, and a path with ``none`` on it is no path. At most
    four words of at most three letters.
    """
    on = dict(zip(EDGES, cell.names, strict=True))
    routes = ([on[edge] for edge in route] for route in _ROUTES)
    return tuple(
        "".join(_LETTERS.get(op, "") for op in route) for route in routes if "none" not in route
    )


def describe(cell: Cell) -> dict[str, float]:
    """The cell's description, equal for all cells of one function (of one ``function_text``).

    ``path:W`` counts the paths that read W, for the 40 words of up to three letters (``path:`` of
    skips alone). ``cell:...`` sums them up: how many paths; operations in the function written
    as an expression; the most, the least and the total over paths of letters, convolutions, 3x3,
    1x1 and pools; how many paths have, begin with and end in a letter; letters that follow one
    another.

    Returns:
        Column -> number, the same columns for every cell.

    Reference: path encoding is of White et al., BANANAS, AAAI 2021; the summaries are this
    project's own.
    """
    words = path_words(cell)
    counted = Counter(words)
    found: dict[str, float] = {f"path:{word}": float(counted[word]) for word in _WORDS}
    found["cell:paths"] = float(len(words))
    found["cell:disconnected"] = float(not words)
    written = function_text(cell)
    for op, letter in _LETTERS.items():
        found[f"cell:terms_{letter}"] = float(written.count(op))
    for what, letters in (("ops", _ALPHABET), ("convs", "13"), *((x, x) for x in _ALPHABET)):
        many = [sum(letter in letters for letter in word) for word in words]
        found |= _extremes(f"cell:{what}", many)
    found["cell:paths_without_p"] = float(sum("p" not in word for word in words))
    for letter in _ALPHABET:
        found[f"cell:paths_with_{letter}"] = float(sum(letter in word for word in words))
        found[f"cell:paths_from_{letter}"] = float(sum(word[:1] == letter for word in words))
        found[f"cell:paths_into_{letter}"] = float(sum(word[-1:] == letter for word in words))
    for pair in _PAIRS:
        found[f"cell:pairs_{pair}"] = float(sum(_overlapping(word, pair) for word in words))
    return found


def _extremes(name: str, many: Sequence[int]) -> dict[str, float]:
    return {
        f"{name}_most": float(max(many, default=_NOT)),
        f"{name}_least": float(min(many, default=_NOT)),
        f"{name}_total": float(sum(many)),
    }


def _overlapping(word: str, pair: str) -> int:
    return sum(word[i : i + 2] == pair for i in range(len(word) - 1))
