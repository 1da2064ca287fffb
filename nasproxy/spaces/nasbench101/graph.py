"""One cell: which nodes feed which, and what each inner node does."""

from __future__ import annotations

import functools
import hashlib
import re
from dataclasses import dataclass
from itertools import combinations

from nasproxy.errors import NasproxyError
from zerocost.errors import did_you_mean

__all__ = ["EDGES", "INNER", "OPERATIONS", "OUTPUT", "Graph", "graph_hash", "pruned"]

OPERATIONS = ("conv3x3", "conv1x1", "maxpool3x3")
"""The operations; the place in this tuple is the benchmark's label of an operation."""
NODES = 7
OUTPUT = NODES - 1
INNER = tuple(range(1, OUTPUT))
EDGES: tuple[tuple[int, int], ...] = tuple(combinations(range(NODES), 2))
MOST_EDGES = 9

_INPUT_LABEL, _OUTPUT_LABEL = -1, -2
_FORM = "five operations, a colon, edges, such as " + ".".join(["conv3x3"] * 5) + ":01.12.26.06"


@dataclass(frozen=True)
class Graph:
    """A cell of seven nodes: 0 is the input, 6 the output, the others hold an operation each.

    Smaller cells leave nodes without edges. What no path from the input to the output goes through
    is there and makes no difference.

    Attributes:
        ops: the operations of the nodes 1 .. 5.
        edges: (source, target) with source < target, ascending.

    Raises:
        NasproxyError: another number of operations or one that does not exist, an edge that is
            none, no path from the input to the output, or more than nine edges on such paths.
    """

    ops: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        if len(self.ops) != len(INNER):
            raise NasproxyError(
                f"{len(self.ops)} operations of a nasbench101 cell", accepted=f"{len(INNER)}"
            )
        for op in self.ops:
            if op not in OPERATIONS:
                raise NasproxyError(
                    f"there is no operation {op!r} in nasbench101",
                    accepted=", ".join(OPERATIONS),
                    hint=did_you_mean(op, OPERATIONS),
                )
        if list(self.edges) != sorted(set(self.edges)) or not set(self.edges) <= set(EDGES):
            raise NasproxyError(
                f"the edges {self.edges} of a nasbench101 cell",
                accepted="pairs of nodes 0 .. 6, the source first, ascending, each once",
            )
        live = _live(self.edges)
        used = [edge for edge in self.edges if set(edge) <= live]
        if OUTPUT not in live:
            raise NasproxyError(
                "no path leads from the input to the output of the cell",
                accepted="a cell whose output depends on its input",
            )
        if len(used) > MOST_EDGES:
            raise NasproxyError(
                f"{len(used)} edges on paths from the input to the output",
                accepted=f"at most {MOST_EDGES}",
            )

    def __str__(self) -> str:
        return ".".join(self.ops) + ":" + ".".join(f"{a}{b}" for a, b in self.edges)

    @classmethod
    def parse(cls, text: str) -> Graph:
        """The cell of ``op.op.op.op.op:edge.edge``, an edge its two nodes.

        Raises:
            NasproxyError: text of another form, or a cell that the space does not have.
        """
        ops, colon, edges = text.strip().partition(":")
        if not colon or not re.fullmatch(r"[0-6]{2}(\.[0-6]{2})*", edges):
            raise NasproxyError(f"{text!r} is no nasbench101 architecture", accepted=_FORM)
        pairs = tuple((int(edge[0]), int(edge[1])) for edge in edges.split("."))
        return cls(tuple(ops.split(".")), pairs)

    def sources(self, node: int) -> tuple[int, ...]:
        """The nodes that feed a node, ascending."""
        return tuple(a for a, b in self.edges if b == node)

    def targets(self, node: int) -> tuple[int, ...]:
        """The nodes that a node feeds, ascending."""
        return tuple(b for a, b in self.edges if a == node)


@functools.cache
def pruned(graph: Graph) -> Graph:
    """The cell without what no path from the input to the output goes through.

    The nodes left keep their order and become 1, 2, ...; the others have no edges and the first
    operation.
    """
    live = _live(graph.edges)
    inner = [node for node in INNER if node in live]
    place = {0: 0, OUTPUT: OUTPUT} | {node: i for i, node in enumerate(inner, start=1)}
    ops = [graph.ops[node - 1] for node in inner]
    ops += [OPERATIONS[0]] * (len(INNER) - len(inner))
    edges = sorted((place[a], place[b]) for a, b in graph.edges if {a, b} <= live)
    return Graph(tuple(ops), tuple(edges))


@functools.cache
def graph_hash(graph: Graph) -> str:
    """The benchmark's name for a class of isomorphic cells: equal for equal pruned graphs.

    Every node begins with the MD5 of (edges out, edges in, label), the label -1 of the input, -2
    of the output, else the place of the operation. As often as there are nodes, each takes the MD5
    of the sorted hashes of its sources, a bar, those of its targets, a bar, and its own; the name
    is the MD5 of the sorted list.

    Reference: Ying et al., NAS-Bench-101, ICML 2019, and the keys of its table.
    """
    simple = pruned(graph)
    nodes = [0, *(node for node in INNER if simple.sources(node)), OUTPUT]
    labels = {0: _INPUT_LABEL, OUTPUT: _OUTPUT_LABEL} | {
        node: OPERATIONS.index(simple.ops[node - 1]) for node in INNER
    }
    hashes = {
        node: _md5(str((len(simple.targets(node)), len(simple.sources(node)), labels[node])))
        for node in nodes
    }
    for _ in nodes:
        hashes = {
            node: _md5(
                "|".join(
                    (
                        "".join(sorted(hashes[source] for source in simple.sources(node))),
                        "".join(sorted(hashes[target] for target in simple.targets(node))),
                        hashes[node],
                    )
                )
            )
            for node in nodes
        }
    return _md5(str(sorted(hashes.values())))


def _live(edges: tuple[tuple[int, int], ...]) -> set[int]:
    """The nodes on paths from the input to the output; empty where there is no path."""
    fed, used = {0}, {OUTPUT}
    for a, b in sorted(edges):
        if a in fed:
            fed.add(b)
    for a, b in sorted(edges, key=lambda edge: -edge[1]):
        if b in used:
            used.add(a)
    live = fed & used
    return live if {0, OUTPUT} <= live else set()


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
