"""NAS-Bench-101 as a search space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from nasproxy.errors import NasproxyError
from nasproxy.spaces.nasbench101.graph import EDGES, INNER, OPERATIONS, Graph, graph_hash, pruned
from nasproxy.spaces.nasbench101.widths import CELLS, STEM, counts
from zerocost.errors import did_you_mean

if TYPE_CHECKING:  # listing the spaces does not pay for importing torch
    from torch import nn

__all__ = ["NASBench101"]

_YES, _NO = "1", "0"


class NASBench101:
    """Cells of seven nodes with operations on the nodes and at most nine edges in use.

    Of 423,624 functions. Of the spellings (an operation for each of five nodes, and for each of 21
    edges whether it is there) those without a path, or with more edges on paths than nine, are no
    architectures; ``decode`` refuses them.

    Args:
        stem: channels of the stem, 128 in the benchmark.
        cells: in each of the three stacks, 3 in the benchmark.

    Raises:
        NasproxyError: a size that is not positive.

    Reference: Ying et al., NAS-Bench-101, ICML 2019.
    """

    name = "nasbench101"
    size = None
    input_shape = (3, 32, 32)

    def __init__(self, stem: int = STEM, cells: int = CELLS) -> None:
        if stem < 1 or cells < 1:
            raise NasproxyError(f"a stem of {stem} and {cells} cells", accepted="1 or more of each")
        self._stem, self._cells = stem, cells

    def __repr__(self) -> str:
        return f"NASBench101(stem={self._stem}, cells={self._cells})"

    def parse(self, text: str) -> Graph:
        """The cell of ``op.op.op.op.op:edge.edge``; see ``Graph.parse``."""
        return Graph.parse(text)

    def architectures(self) -> Iterator[Graph]:
        """Refused: there are hundreds of millions of spellings, few of them architectures."""
        raise NasproxyError(
            "the cells of nasbench101 cannot be listed",
            accepted="samples, or a list of your own",
            hint="--sample 1000, or --archs benchmark:nasbench101",
        )

    def sample(self, rng: np.random.Generator) -> Graph:
        """A cell, uniform over the spellings: drawn until one is an architecture."""
        while True:
            edges = np.flatnonzero(rng.random(len(EDGES)) < 0.5)
            ops = rng.integers(len(OPERATIONS), size=len(INNER))
            try:
                return Graph(
                    tuple(OPERATIONS[int(op)] for op in ops), tuple(EDGES[int(e)] for e in edges)
                )
            except NasproxyError:
                continue

    def mutate(self, architecture: Graph, rng: np.random.Generator) -> Graph:
        """A random neighbour."""
        around = list(self.neighbours(architecture))
        return around[int(rng.integers(len(around)))]

    def neighbours(self, architecture: Graph) -> Iterator[Graph]:
        """The cells with another operation on one node, or one edge more or less."""
        choices = self.encode(architecture)
        for name, values in _dimensions().items():
            for value in values:
                if value != choices[name]:
                    try:
                        yield self.decode({**choices, name: value})
                    except NasproxyError:  # no architecture
                        continue

    def canonical(self, architecture: Graph) -> str:
        """The benchmark's hash: one for all cells that are isomorphic without their dead parts."""
        return graph_hash(architecture)

    def simplified(self, architecture: Graph) -> Graph:
        """The cell without what no path from the input to the output goes through."""
        return pruned(architecture)

    def dimensions(self) -> dict[str, tuple[str, ...]]:
        """``op1`` .. ``op5``, then ``0>1`` .. ``5>6``: 1 where the edge is there."""
        return dict(_dimensions())

    def encode(self, architecture: Graph) -> dict[str, str]:
        """The operation of every node, and whether each edge is there."""
        ops = {f"op{node}": op for node, op in zip(INNER, architecture.ops, strict=True)}
        present = set(architecture.edges)
        return ops | {f"{a}>{b}": _YES if (a, b) in present else _NO for a, b in EDGES}

    def decode(self, choices: Mapping[str, str]) -> Graph:
        """The cell of one value a dimension.

        Raises:
            NasproxyError: a dimension is missing or does not exist, a value does not, or together
                they are no architecture.
        """
        wanted = _dimensions()
        wrong = [name for name in (*wanted, *choices) if (name in wanted) != (name in choices)]
        if wrong:
            raise NasproxyError(
                f"{wrong[0]!r} is {'missing' if wrong[0] in wanted else 'no dimension'}",
                accepted=", ".join(wanted),
                hint=did_you_mean(wrong[0], wanted),
            )
        for name, values in wanted.items():
            if choices[name] not in values:
                raise NasproxyError(f"{name} is {choices[name]!r}", accepted=", ".join(values))
        return Graph(
            tuple(choices[f"op{node}"] for node in INNER),
            tuple((a, b) for a, b in EDGES if choices[f"{a}>{b}"] == _YES),
        )

    def counts(
        self, architecture: Graph, *, classes: int = 10, in_channels: int = 3, side: int = 32
    ) -> dict[str, int]:
        """``parameters`` and ``multiply_accumulates`` of the pruned cell's network."""
        return counts(
            pruned(architecture),
            stem=self._stem,
            cells=self._cells,
            classes=classes,
            in_channels=in_channels,
            side=side,
        )

    def describe(self, architecture: Graph) -> dict[str, float]:
        """The cell in numbers; see ``nasproxy.spaces.nasbench101.description``."""
        from nasproxy.spaces.nasbench101.description import describe

        return describe(architecture)

    def build(
        self, architecture: Graph, *, seed: int, classes: int = 10, in_channels: int = 3
    ) -> nn.Module:
        """The network of the pruned cell, as the benchmark builds it.

        Raises:
            NasproxyError: fewer classes or channels than one.
        """
        from nasproxy.spaces.nasbench101.network import build

        if classes < 1 or in_channels < 1:
            raise NasproxyError(
                f"{classes} classes and {in_channels} channels", accepted="1 or more of each"
            )
        return build(
            pruned(architecture),
            seed=seed,
            stem=self._stem,
            cells=self._cells,
            classes=classes,
            in_channels=in_channels,
        )


@cache
def _dimensions() -> dict[str, tuple[str, ...]]:
    ops = {f"op{node}": OPERATIONS for node in INNER}
    return ops | {f"{a}>{b}": (_NO, _YES) for a, b in EDGES}
