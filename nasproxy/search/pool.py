"""The architectures among which the next to train is chosen, each function once."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from jaxtyping import Float64

from nasproxy.errors import NasproxyError
from nasproxy.parzc.node_table import read_node_block, table_architectures
from nasproxy.prediction.features import Features
from nasproxy.prediction.levels import class_scores, complete, features_of
from nasproxy.search.strategy import trial_rng
from nasproxy.spaces.space import SearchSpace

__all__ = ["Pool", "listed_pool", "sampled_pool", "table_pool", "with_nodes"]

A = TypeVar("A", bound=Hashable)

_LISTED = 50_000
_PARENTS = 10
_LONGEST_WALK = 3


@dataclass(frozen=True, eq=False)
class Pool(Generic[A]):
    """Candidates and what is known of them before training.

    Attributes:
        functions: of each candidate ``[n]``, each once.
        architectures: simplified ``[n]``.
        features: of them, in the same order.
    """

    functions: tuple[str, ...]
    architectures: tuple[A, ...]
    features: Features

    def __len__(self) -> int:
        return len(self.functions)


def listed_pool(space: SearchSpace[A], seed: int) -> Pool[A] | None:
    """Every function of a space that can be listed; None of one that is larger than 50,000.

    The order, and which spelling stands for a function, are the seed's.
    """
    if space.size is None or space.size > _LISTED:
        return None
    everything = list(space.architectures())
    order = trial_rng(seed, 0).permutation(len(everything))
    found: dict[str, A] = {}
    for place in order:
        found.setdefault(space.canonical(everything[place]), space.simplified(everything[place]))
    kept = tuple(found.values())
    return Pool(tuple(found), kept, features_of(space, kept))


def table_pool(
    space: SearchSpace[A],
    texts: Sequence[str],
    seed: int,
    *,
    scores: Mapping[str, Float64[np.ndarray, " m"]] | None = None,
    within: Collection[str] | None = None,
) -> Pool[A]:
    """Every function of a list of architectures, such as those of a score table.

    Args:
        space: of the architectures.
        texts: of them ``[m]``.
        seed: of the order, and of which spelling stands for a function.
        scores: proxy -> float64 ``[m]``; functions without a score by each are left out.
        within: the texts that can be trained, such as a benchmark's; all where None. A function
            is spelled simplified, or where that is none of these as it stands in the list.

    Raises:
        NasproxyError: nothing is left.
    """
    order = trial_rng(seed, 0).permutation(len(texts))
    found: dict[str, A] = {}
    for place in order:
        architecture = space.parse(texts[place])
        simple = space.simplified(architecture)
        if within is None or str(simple) in within:
            found.setdefault(space.canonical(architecture), simple)
        elif str(architecture) in within:
            found.setdefault(space.canonical(architecture), architecture)
    kept = list(found.values())
    columns = class_scores(space, kept, texts, scores or {})
    (rows,) = np.nonzero(complete(columns, len(kept)))
    if not len(rows):
        raise NasproxyError(
            f"none of the {len(texts):,} architectures can be chosen from: {len(kept):,} can be "
            f"trained, and none of these has a score by all of {', '.join(columns) or 'nothing'}",
            accepted="architectures of the benchmark, with complete scores",
        )
    functions = tuple(found)
    chosen = tuple(kept[row] for row in rows)
    features = features_of(space, chosen, {name: v[rows] for name, v in columns.items()})
    return Pool(tuple(functions[row] for row in rows), chosen, features)


def with_nodes(space: SearchSpace[A], pool: Pool[A], nodes: Path) -> Pool[A]:
    """The candidates of a pool whose function a table of nodes holds, with their node values.

    The first spelling of a function in the table gives the values.

    Args:
        space: of the candidates and of the table.
        pool: the candidates.
        nodes: what ``rank --nodes`` wrote.

    Raises:
        NasproxyError: the file is no table of nodes, or holds none of the candidates.
    """
    spelled: dict[str, str] = {}
    for text in table_architectures(nodes):
        spelled.setdefault(space.canonical(space.parse(text)), text)
    rows = [row for row, function in enumerate(pool.functions) if function in spelled]
    if not rows:
        raise NasproxyError(
            f"{nodes} holds none of the {len(pool):,} candidates",
            accepted="a table of nodes of architectures that can be trained",
        )
    functions = tuple(pool.functions[row] for row in rows)
    block = read_node_block(nodes, [spelled[function] for function in functions])
    features = replace(pool.features.take(rows), nodes=block)
    return Pool(functions, tuple(pool.architectures[row] for row in rows), features)


def sampled_pool(
    space: SearchSpace[A],
    best: Sequence[A],
    known: Collection[str],
    count: int,
    rng: np.random.Generator,
) -> Pool[A] | None:
    """Functions of a large space: half at random, half a short walk from the best that are known.

    Args:
        space: the space.
        best: what has been trained, best first; its first ten are walked from.
        known: functions that are not wanted.
        count: how many are drawn.
        rng: of the draws.

    Returns:
        Up to ``count`` functions; None where all that was drawn is known.
    """

    def drawn() -> Iterable[A]:
        for k in range(count):
            if k % 2 == 0 or not best:
                yield space.sample(rng)
                continue
            walker = best[int(rng.integers(min(_PARENTS, len(best))))]
            for _ in range(rng.integers(1, _LONGEST_WALK + 1)):
                walker = space.mutate(walker, rng)
            yield walker

    found: dict[str, A] = {}
    for architecture in drawn():
        function = space.canonical(architecture)
        if function not in known:
            found.setdefault(function, space.simplified(architecture))
    if not found:
        return None
    kept = tuple(found.values())
    return Pool(tuple(found), kept, features_of(space, kept))
