"""Which cells are the same: the benchmark's rule, the true function, and dead edges.

Two spellings can compute one function: a zero adds nothing, a skip passes its source on, an edge
into a node that the output never sees changes nothing.
"""

from __future__ import annotations

import functools

from nasproxy.spaces.nasbench201.cell import EDGES, Cell

__all__ = ["benchmark_text", "function_text", "live_edges", "simplified"]

_NODES = range(4)
_INPUT, _OUTPUT = 0, 3


@functools.cache
def benchmark_text(cell: Cell) -> str:
    """The benchmark's text for a class of cells (6,466 classes).

    The input is ``0``; ``none``, and any operation on a node that is exactly one zero, is ``#``;
    a skip is its source's text; another operation is ``(source)@op``; a node is its sorted terms
    joined by ``+``. Zeros stay inside sums and a skipped sum stays one term, so that some cells of
    one function get different texts; ``function_text`` joins those too.

    Reference: ``CellStructure.to_unique_str(consider_zero=True)`` of the benchmark's code.
    """
    nodes = ["0"]
    for target in _NODES[1:]:
        terms: list[str] = []
        for (source, into), op in zip(EDGES, cell.names, strict=True):
            if into != target:
                continue
            if op == "none" or nodes[source] == "#":
                terms.append("#")
            elif op == "skip_connect":
                terms.append(nodes[source])
            else:
                terms.append(f"({nodes[source]})@{op}")
        nodes.append("+".join(sorted(terms)))
    return nodes[_OUTPUT]


@functools.cache
def function_text(cell: Cell) -> str:
    """One text for all cells of one function (4,930 classes): ``x + nor_conv_3x3(x)``, sorted.

    Zero terms are dropped, a skip is replaced by the terms of its source, nested sums are
    flattened; a cell without any term is ``0``.

    Note:
        The text says which terms are summed, not which weights they use. Where a term occurs
        twice, ``nor_conv_3x3(x) + nor_conv_3x3(x)``, one cell may compute it on two edges with
        weights of their own and another on one edge whose result is used twice; both get one
        text. So the classes are of functions up to the sharing of weights between equal terms.
    """
    nodes: list[tuple[str, ...]] = [("x",)]
    for target in _NODES[1:]:
        terms: list[str] = []
        for (source, into), op in zip(EDGES, cell.names, strict=True):
            if into != target or op == "none" or not nodes[source]:
                continue
            if op == "skip_connect":
                terms += nodes[source]
            else:
                terms.append(f"{op}({' + '.join(nodes[source])})")
        nodes.append(tuple(sorted(terms)))
    return " + ".join(nodes[_OUTPUT]) or "0"


def live_edges(cell: Cell) -> tuple[bool, ...]:
    """Whether each edge, in the order of ``EDGES``, lies on a path from the input to the output."""
    present = [op != "none" for op in cell.names]
    fed, used = {_INPUT}, {_OUTPUT}
    for (source, target), there in zip(EDGES, present, strict=True):  # targets never decrease
        if there and source in fed:
            fed.add(target)
    for (source, target), there in reversed(list(zip(EDGES, present, strict=True))):
        if there and target in used:
            used.add(source)
    return tuple(
        there and source in fed and target in used
        for (source, target), there in zip(EDGES, present, strict=True)
    )


@functools.cache
def simplified(cell: Cell) -> Cell:
    """The cell with every dead edge set to ``none``; the function and its weights stay.

    A dead edge is one that the output never sees, or whose source carries no signal. (A
    convolution of zeros followed by BatchNorm is the BatchNorm's bias, which is zero in an
    untrained network.)
    """
    live = live_edges(cell)
    return Cell(tuple(op if alive else 0 for op, alive in zip(cell.ops, live, strict=True)))
