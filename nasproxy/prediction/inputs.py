"""Features of architectures from the files that ``rank`` wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nasproxy.errors import NasproxyError
from nasproxy.parzc.node_table import read_node_block, table_architectures
from nasproxy.prediction.features import Features
from nasproxy.prediction.levels import class_scores, complete, features_of
from nasproxy.prediction.training_set import TrainingSet
from nasproxy.scoring.table import ScoreTable, read_scores
from nasproxy.spaces.space import SearchSpace

__all__ = ["Sources", "as_fitted", "gather", "known_architectures"]


@dataclass(frozen=True)
class Sources:
    """The files that features come from; without any, what the space says of an architecture.

    Attributes:
        scores: a score table, whose proxies become columns.
        nodes: a table of nodes.
        proxies: which proxies of the score table are taken; all for None.
    """

    scores: Path | None = None
    nodes: Path | None = None
    proxies: tuple[str, ...] | None = None

    @property
    def files(self) -> list[Path]:
        """The files that are named."""
        return [path for path in (self.scores, self.nodes) if path is not None]


def known_architectures(sources: Sources) -> list[str] | None:
    """The architectures that all the files know, in the order of the first; None of no file."""
    lists: list[Sequence[str]] = []
    if sources.nodes is not None:
        lists.append(table_architectures(sources.nodes))
    if sources.scores is not None:
        lists.append(read_scores(sources.scores).architectures)
    if not lists:
        return None
    others = [set(texts) for texts in lists[1:]]
    return [text for text in dict.fromkeys(lists[0]) if all(text in o for o in others)]


def gather(
    space: SearchSpace[Any], architectures: Sequence[str], sources: Sources
) -> tuple[Features, int]:
    """The features of architectures.

    Args:
        space: of the architectures.
        architectures: text forms.
        sources: the files.

    Returns:
        The features of those architectures that have every score, in their order, and how many
        had not.

    Raises:
        NasproxyError: a file is absent, of another space, lacks an architecture or a proxy, or no
            architecture has every score.
    """
    scores = {}
    kept = list(architectures)
    if sources.scores is not None:
        table = read_scores(sources.scores)
        _check_space(table, space, sources.scores)
        wanted = list(table.scores) if sources.proxies is None else list(sources.proxies)
        missing = [name for name in wanted if name not in table.scores]
        if missing:
            raise NasproxyError(
                f"{sources.scores} has no proxy {missing[0]!r}", accepted=", ".join(table.scores)
            )
        parsed = [space.parse(text) for text in architectures]
        scores = class_scores(
            space, parsed, table.architectures, {name: table.scores[name] for name in wanted}
        )
        whole = complete(scores, len(architectures))
        if not whole.any():
            raise NasproxyError(
                f"none of the {len(architectures):,} architectures has a score by all of "
                f"{', '.join(wanted)}",
                accepted=f"architectures of {sources.scores}, and proxies that score them",
                hint="--proxies names those to take",
            )
        kept = [text for text, keep in zip(architectures, whole, strict=True) if keep]
        scores = {name: values[whole] for name, values in scores.items()}
    features = features_of(space, [space.parse(text) for text in kept], scores)
    if features.architectures != tuple(kept):  # a text that is no canonical spelling of itself
        features = replace(features, architectures=tuple(kept))
    if sources.nodes is not None:
        features = replace(features, nodes=read_node_block(sources.nodes, kept))
    return features, len(architectures) - len(kept)


def as_fitted(sources: Sources, training: TrainingSet, space: SearchSpace[Any]) -> Sources:
    """The sources, with the proxies of the fit; an error where a whole file is missing."""
    for there, wanted, option in (
        (sources.scores is not None, training.proxies is not None, "--scores"),
        (sources.nodes is not None, training.nodes, "--nodes"),
    ):
        if wanted and not there:
            raise NasproxyError(
                f"the predictor was fitted with {option}, and here is none",
                accepted="the same kinds of files as in the fit",
                hint=f"`nasproxy rank --space {space.name} ...` writes them",
            )
    return Sources(
        scores=sources.scores if training.proxies is not None else None,
        nodes=sources.nodes if training.nodes else None,
        proxies=training.proxies,
    )


def _check_space(table: ScoreTable, space: SearchSpace[Any], path: Path) -> None:
    if table.space and table.space != space.name:
        raise NasproxyError(
            f"{path} holds scores of the space {table.space!r}",
            accepted=f"scores of the space {space.name!r}",
        )
