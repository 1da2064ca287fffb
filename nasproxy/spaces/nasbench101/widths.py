"""How many channels each node of a cell has, and what that costs."""

from __future__ import annotations

from nasproxy.spaces.nasbench101.graph import INNER, OUTPUT, Graph

__all__ = ["CELLS", "STACKS", "STEM", "counts", "widths"]

STEM, STACKS, CELLS = 128, 3, 3
_KERNEL = {"conv3x3": 9, "conv1x1": 1}


def widths(graph: Graph, outputs: int) -> dict[int, int]:
    """Channels of every inner node of a pruned cell.

    The nodes that feed the output are concatenated, so they share its channels, the first ones
    taking one more where they do not divide; any other node has as many as the widest that it
    feeds.

    Args:
        graph: pruned.
        outputs: channels of the cell's output.

    Reference: Ying et al., NAS-Bench-101, ICML 2019, supplement, "cell encoding".
    """
    found: dict[int, int] = {}
    last = [node for node in graph.sources(OUTPUT) if node != 0]
    for place, node in enumerate(last):
        found[node] = outputs // len(last) + (place < outputs % len(last))
    for node in reversed(INNER):
        if node not in found and graph.targets(node):
            found[node] = max(found[target] for target in graph.targets(node))
    return found


def counts(
    graph: Graph, *, stem: int = STEM, cells: int = CELLS, classes: int, in_channels: int, side: int
) -> dict[str, int]:
    """``parameters`` and ``multiply_accumulates`` of one image, of a pruned cell in its skeleton.

    Convolutions have no bias and a normalisation of two numbers a channel behind them.
    """
    parameters, work = _convolution(in_channels, stem, 9, side)
    inputs, outputs = stem, stem
    for stack in range(STACKS):
        if stack:
            outputs, side = 2 * outputs, side // 2
        for _ in range(cells):
            more, works = _cell(graph, inputs, outputs, side)
            parameters, work, inputs = parameters + more, work + works, outputs
    return {
        "parameters": parameters + (outputs + 1) * classes,
        "multiply_accumulates": work + outputs * classes,
    }


def _cell(graph: Graph, inputs: int, outputs: int, side: int) -> tuple[int, int]:
    found = widths(graph, outputs)
    layers = []
    for node, width in found.items():
        if 0 in graph.sources(node):
            layers.append((inputs, width, 1))
        if graph.ops[node - 1] in _KERNEL:
            layers.append((width, width, _KERNEL[graph.ops[node - 1]]))
    if 0 in graph.sources(OUTPUT):
        layers.append((inputs, outputs, 1))
    costs = [_convolution(a, b, kernel, side) for a, b, kernel in layers]
    return sum(p for p, _ in costs), sum(w for _, w in costs)


def _convolution(inputs: int, outputs: int, kernel: int, side: int) -> tuple[int, int]:
    weights = inputs * outputs * kernel
    return weights + 2 * outputs, weights * side * side
