"""The architectures of a space as the entries of a table."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from torch import nn

from nasproxy.batch import Batch
from nasproxy.proxies import get_all
from nasproxy.scoring.candidates import build_for
from nasproxy.scoring.measuring import Measure, Measured, measured
from nasproxy.scoring.nodes import joined
from nasproxy.scoring.packed import PackedBatch, pack
from nasproxy.scoring.readiness import batch_identity
from nasproxy.spaces.space import SearchSpace
from nasproxy.tracing.earlier import EarlierResults

__all__ = ["Architectures", "architectures_task", "multiply_accumulates", "together"]

A = TypeVar("A", bound=Hashable)


@dataclass(frozen=True, eq=False)
class Architectures(Generic[A]):
    """A :class:`Task` over a space: each proxy measured on the network that it belongs to.

    Counts and norms of weights are those of the network as written. What is measured with data
    belongs to the network without dead parts, and is measured once for all its spellings.
    """

    of: SearchSpace[A]
    packed: tuple[PackedBatch, ...]
    proxies: tuple[str, ...]
    seeds: tuple[int, ...]
    device: str
    nodes: bool

    @property
    def space(self) -> str:
        """The space's name."""
        return self.of.name

    def canonical(self, text: str) -> str:
        """The space's canonical text."""
        return self.of.canonical(self.of.parse(text))

    def network(self, text: str) -> str:
        """The spelling without dead parts."""
        return str(self.of.simplified(self.of.parse(text)))

    def identity(self) -> Mapping[str, object]:
        """Space with its builder, if it has several, and each seed's batch."""
        images = [batch_identity(packed.unpack()) for packed in self.packed]
        return {
            "space": self.space,
            **({"builder": builder} if (builder := getattr(self.of, "builder", None)) else {}),
            "images": images[0] if len(set(images)) == 1 else images,
            "device": self.device,
        }

    def start(self) -> Measure:
        """What measures architectures by their text."""
        asked = get_all(self.proxies)
        batches = [packed.unpack() for packed in self.packed]
        earlier = EarlierResults()

        def measure(text: str, spelling_alone: bool) -> Measured:
            written = self.of.parse(text)
            pruned = self.of.simplified(written)
            of_function = [] if spelling_alone else [p for p in asked if not p.depends_on_spelling]
            of_spelling = [p for p in asked if p.depends_on_spelling]
            if written == pruned:  # one network serves both
                of_spelling, of_function = of_spelling + of_function, []
            parts = [
                measured(
                    _draw(self.of, architecture, batches[0], self.device),
                    batches,
                    group,
                    self.seeds,
                    entry=text if self.nodes else None,
                    earlier=earlier,
                )
                for architecture, group in ((written, of_spelling), (pruned, of_function))
                if group
            ]
            return together(parts)

        return measure


def architectures_task(
    space: SearchSpace[A],
    batches: Sequence[Batch],
    proxies: Sequence[str],
    *,
    seeds: Sequence[int],
    device: str = "cpu",
    nodes: bool = False,
) -> Architectures[A]:
    """A task over a space.

    Args:
        space: the space.
        batches: one for each seed, or one for all.
        proxies: names.
        seeds: of initialisations and draws.
        device: where networks run.
        nodes: whether node-wise values are kept.
    """
    packed = [pack(batch) for batch in batches]
    each = tuple(packed * len(seeds) if len(packed) == 1 else packed)
    return Architectures(space, each, tuple(proxies), tuple(seeds), device, nodes)


def together(parts: Sequence[Measured]) -> Measured:
    """What was measured of one entry in several parts."""
    return Measured(
        {name: values for part in parts for name, values in part.values.items()},
        {name: reason for part in parts for name, reason in part.reasons.items()},
        joined([part.nodes for part in parts if part.nodes is not None]),
    )


def multiply_accumulates(space: SearchSpace[A]) -> Callable[[str], float] | None:
    """How large the network of a text is, where the space counts in closed form; else None."""
    counts: Callable[[A], Mapping[str, int]] | None = getattr(space, "counts", None)
    if counts is None:
        return None
    return lambda text: float(counts(space.simplified(space.parse(text)))["multiply_accumulates"])


def _draw(
    space: SearchSpace[A], architecture: A, batch: Batch, device: str
) -> Callable[[int], nn.Module]:
    """Seed -> the network; built once where the space can draw its weights anew."""
    redraw: Callable[[nn.Module, int], None] | None = getattr(space, "redraw", None)
    built: list[nn.Module] = []

    def draw(seed: int) -> nn.Module:
        if built and redraw is not None:
            redraw(built[0], seed)
            return built[0].to(device)
        built[:] = [build_for(space, architecture, batch, seed=seed, device=device)]
        return built[0]

    return draw
