"""One cell: which operation each of the six edges holds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from nasproxy.errors import NasproxyError
from zerocost.errors import did_you_mean

__all__ = ["EDGES", "OPERATIONS", "Cell", "Edge"]

Edge = tuple[int, int]

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
"""The operations; the place in this tuple is the benchmark's code of an operation."""

EDGES: tuple[Edge, ...] = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""The edges (source, target) in the order of the architecture string."""

# NASLib sorts the edges by source, and numbers the operations otherwise.
_NASLIB_EDGES: tuple[Edge, ...] = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
_NASLIB_OPERATIONS = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")

_EXAMPLE = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|skip_connect~0|none~1|avg_pool_3x3~2|"


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of four nodes; node 0 is the input, node 3 the output, a node sums its edges.

    Attributes:
        ops: the codes (places in ``OPERATIONS``, 0 .. 4) of the six edges, in the order of
            ``EDGES``: 0>1, 0>2, 1>2, 0>3, 1>3, 2>3.

    Raises:
        NasproxyError: not six codes, or a code that does not exist.
    """

    ops: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "ops", _checked(self.ops, OPERATIONS, "the string's order"))

    def __str__(self) -> str:
        a, b, c, d, e, f = self.names
        return f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"

    @property
    def names(self) -> tuple[str, ...]:
        """The operations' names in the order of ``EDGES``."""
        return tuple(OPERATIONS[code] for code in self.ops)

    @property
    def naslib(self) -> tuple[int, ...]:
        """NASLib's tuple: edges 01, 02, 03, 12, 13, 23; 0 skip, 1 none, 2 3x3, 3 1x1, 4 pool."""
        on = dict(zip(EDGES, self.names, strict=True))
        return tuple(_NASLIB_OPERATIONS.index(on[edge]) for edge in _NASLIB_EDGES)

    @classmethod
    def from_naslib(cls, codes: Sequence[int]) -> Cell:
        """The cell of NASLib's tuple (the order and the codes of ``naslib``).

        Raises:
            NasproxyError: not six codes, or a code that does not exist.
        """
        checked = _checked(codes, _NASLIB_OPERATIONS, "NASLib's order")
        on = dict(zip(_NASLIB_EDGES, checked, strict=True))
        return cls(tuple(OPERATIONS.index(_NASLIB_OPERATIONS[on[edge]]) for edge in EDGES))

    @classmethod
    def of_names(cls, names: Sequence[str]) -> Cell:
        """The cell of six operation names in the order of ``EDGES``.

        Raises:
            NasproxyError: not six names, or an operation that does not exist (the nearest are
                offered).
        """
        return cls(tuple(_code(name) for name in names))

    @classmethod
    def parse(cls, text: str) -> Cell:
        """The cell of an architecture string ``|op~0|+|op~0|op~1|+|op~0|op~1|op~2|``.

        Raises:
            NasproxyError: an unknown operation (the nearest are offered), a node or an edge too
                few or too many, an edge from the wrong node, or text of another form.
        """
        nodes = text.strip().split("+")
        if len(nodes) != 3:
            raise _malformed(text, f"{len(nodes)} nodes joined by '+'", "3")
        codes: list[int] = []
        for target, node in enumerate(nodes, start=1):
            if not re.fullmatch(r"\|(?:[^|]*\|)+", node):
                raise _malformed(text, f"{node!r} for node {target}", "|op~source|...")
            edges = node[1:-1].split("|")
            if len(edges) != target:
                raise _malformed(text, f"{len(edges)} edges into node {target}", str(target))
            codes += [_edge(text, edge, source, target) for source, edge in enumerate(edges)]
        return cls(tuple(codes))


def _edge(text: str, edge: str, source: int, target: int) -> int:
    name, _, written = edge.partition("~")
    code = _code(name)
    if written != str(source):
        wrong = f"source {written!r} on edge {source + 1} into node {target}"
        raise _malformed(text, wrong, f"{name}~{source}")
    return code


def _code(name: str) -> int:
    if name in OPERATIONS:
        return OPERATIONS.index(name)
    raise NasproxyError(
        f"there is no operation {name!r} in nasbench201",
        accepted=", ".join(OPERATIONS),
        hint=did_you_mean(name, OPERATIONS) or f"for example {_EXAMPLE}",
    )


def _malformed(text: str, seen: str, accepted: str) -> NasproxyError:
    return NasproxyError(
        f"{text!r} is not a nasbench201 architecture: it has {seen}",
        accepted=accepted,
        hint=f"for example {_EXAMPLE}",
    )


def _checked(codes: Sequence[int], operations: Sequence[str], order: str) -> tuple[int, ...]:
    meaning = ", ".join(f"{code} {name}" for code, name in enumerate(operations))
    if len(codes) != len(EDGES):
        raise NasproxyError(
            f"{len(codes)} operation codes {tuple(codes)} for the {len(EDGES)} edges of a cell",
            accepted=f"{len(EDGES)} codes in {order}: {meaning}",
        )
    for code in codes:
        if code not in range(len(operations)):
            raise NasproxyError(
                f"operation code {code!r} in {tuple(codes)} does not exist",
                accepted=f"in {order}: {meaning}",
            )
    return tuple(int(code) for code in codes)
