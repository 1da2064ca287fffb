"""NAS-Bench-201 as a search space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from nasproxy.spaces.choices import check_choices
from nasproxy.spaces.nasbench201 import canonical, counts
from nasproxy.spaces.nasbench201.cell import EDGES, OPERATIONS, Cell
from nasproxy.spaces.nasbench201.order import SIZE, all_cells, cell_at, index_of
from nasproxy.spaces.nasbench201.skeleton import Skeleton

if TYPE_CHECKING:  # listing the spaces does not pay for importing torch
    import torch

__all__ = ["NASBench201"]

_DIMENSIONS = tuple(f"{source}>{target}" for source, target in EDGES)


class NASBench201:
    """Cells of four nodes, six edges and five operations, in a small residual skeleton.

    Args:
        channels: channels C of the first stage (16 in the benchmark).
        cells: cells N in each of the three stages (5 in the benchmark).

    Raises:
        NasproxyError: a size that is not a positive integer.

    Reference:
        Dong and Yang, "NAS-Bench-201", ICLR 2020.
    """

    name = "nasbench201"
    size = SIZE
    input_shape = (3, 32, 32)
    default_proxies = ("layer_decorrelation", "act_decorrelation")

    def __init__(self, channels: int = 16, cells: int = 5) -> None:
        self._skeleton = Skeleton(channels=channels, cells=cells)

    def __repr__(self) -> str:
        return f"NASBench201(channels={self._skeleton.channels}, cells={self._skeleton.cells})"

    def parse(self, text: str) -> Cell:
        """The cell of an architecture string, or of a NAS-Bench-201 index in decimal digits.

        Raises:
            NasproxyError: text of another form, an unknown operation (the nearest are offered),
                or an index out of range.
        """
        written = text.strip()
        if written.isascii() and written.removeprefix("-").isdecimal():
            return cell_at(int(written))
        return Cell.parse(text)

    def index(self, architecture: Cell) -> int:
        """The cell's NAS-Bench-201 index, 0 .. 15,624."""
        return index_of(architecture)

    def architectures(self) -> tuple[Cell, ...]:
        """All 15,625 cells in the order of the benchmark's index."""
        return all_cells()

    def sample(self, rng: np.random.Generator) -> Cell:
        """A cell, uniform over the 15,625 spellings."""
        return Cell(tuple(rng.integers(len(OPERATIONS), size=len(EDGES)).tolist()))

    def mutate(self, architecture: Cell, rng: np.random.Generator) -> Cell:
        """The cell with another operation on one edge, uniform over its 24 neighbours."""
        edge = int(rng.integers(len(EDGES)))
        step = int(rng.integers(1, len(OPERATIONS)))
        return _changed(architecture, edge, (architecture.ops[edge] + step) % len(OPERATIONS))

    def neighbours(self, architecture: Cell) -> Iterator[Cell]:
        """The 24 cells with another operation on one edge: by edge, then by code."""
        for edge, present in enumerate(architecture.ops):
            for op in range(len(OPERATIONS)):
                if op != present:
                    yield _changed(architecture, edge, op)

    def canonical(self, architecture: Cell) -> str:
        """One text for all cells of one true function (4,930 classes).

        Functions are told apart up to the sharing of weights between equal terms; see
        ``nasproxy.spaces.nasbench201.canonical.function_text``.
        """
        return canonical.function_text(architecture)

    def canonical_of_benchmark(self, architecture: Cell) -> str:
        """The benchmark's own, finer text (6,466 classes); its tables are keyed by these."""
        return canonical.benchmark_text(architecture)

    def simplified(self, architecture: Cell) -> Cell:
        """The cell with every edge that cannot change the output set to ``none``."""
        return canonical.simplified(architecture)

    def dimensions(self) -> dict[str, tuple[str, ...]]:
        """Six choices, ``0>1`` to ``2>3`` (source>target), each of the five operations."""
        return dict.fromkeys(_DIMENSIONS, OPERATIONS)

    def encode(self, architecture: Cell) -> dict[str, str]:
        """The operation on every edge."""
        return dict(zip(_DIMENSIONS, architecture.names, strict=True))

    def decode(self, choices: Mapping[str, str]) -> Cell:
        """The cell of one operation an edge.

        Raises:
            NasproxyError: an edge is missing or does not exist, or an operation does not exist.
        """
        check_choices(choices, _DIMENSIONS)
        return Cell.of_names([choices[edge] for edge in _DIMENSIONS])

    def counts(
        self, architecture: Cell, *, classes: int = 10, in_channels: int = 3, side: int = 32
    ) -> dict[str, int]:
        """Parameters and operations of the cell as written, in closed form.

        Args:
            architecture: the cell.
            classes: how many logits.
            in_channels: channels of an image.
            side: height and width of an image in pixels, a multiple of 4.

        Returns:
            ``parameters``; ``multiply_accumulates`` (the benchmark's FLOPs); ``flops_naslib``
            (these and the element-wise work). See ``nasproxy.spaces.nasbench201.counts``.
        """
        skeleton = Skeleton(
            self._skeleton.channels, self._skeleton.cells, classes, in_channels, side
        )
        return {
            "parameters": counts.parameters(architecture, skeleton),
            "multiply_accumulates": counts.multiply_accumulates(architecture, skeleton),
            "flops_naslib": counts.flops_naslib(architecture, skeleton),
        }

    def describe(self, architecture: Cell) -> dict[str, float]:
        """The cell in numbers: paths and their sums, the same for all cells of one function.

        See ``nasproxy.spaces.nasbench201.description``.
        """
        from nasproxy.spaces.nasbench201.description import describe

        return describe(architecture)

    def build(
        self, architecture: Cell, *, seed: int, classes: int = 10, in_channels: int = 3
    ) -> torch.nn.Module:
        """The network of the cell as written; see ``nasproxy.spaces.nasbench201.network.build``.

        Args:
            architecture: the cell.
            seed: any integer; a parameter depends on it and on its own name alone.
            classes: how many logits.
            in_channels: channels of an image.

        Returns:
            The network in training mode, float32, on the CPU.

        Raises:
            NasproxyError: a size that is not a positive integer.
        """
        from nasproxy.spaces.nasbench201.network import build

        return build(
            architecture,
            seed=seed,
            channels=self._skeleton.channels,
            cells=self._skeleton.cells,
            classes=classes,
            in_channels=in_channels,
        )

    def redraw(self, network: torch.nn.Module, seed: int) -> None:
        """Give a network that ``build`` made, in place, the parameters of another seed."""
        from nasproxy.spaces.nasbench201.initial import initialise

        initialise(network, seed)


def _changed(cell: Cell, edge: int, op: int) -> Cell:
    return Cell((*cell.ops[:edge], op, *cell.ops[edge + 1 :]))
