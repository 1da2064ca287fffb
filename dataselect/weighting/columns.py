"""Which scores are weighed, in which direction, on which scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64

from dataselect.errors import DataselectError
from dataselect.selection.aggregate import check_columns
from dataselect.selection.candidates import column_summaries, resolved_weights
from dataselect.selection.transforms import Missing, Transform
from dataselect.selection.weights import ColumnWeight, Weights

__all__ = [
    "BOTH_WAYS",
    "META_RATER_SIGNALS",
    "REVERSED",
    "BothWays",
    "ScoreColumns",
    "default_columns",
    "net_scores",
    "net_weights",
    "score_columns",
]

META_RATER_SIGNALS = (
    "rps_doc_unigram_entropy",
    "rps_doc_frac_no_alph_words",
    "rps_lines_uppercase_letter_fraction",
    "rps_doc_mean_word_length",
    "rps_doc_frac_chars_top_2gram",
    "rps_doc_word_count",
    "rps_doc_frac_chars_top_3gram",
    "rps_doc_num_sentences",
    "rps_lines_numerical_chars_fraction",
    "rps_doc_frac_unique_words",
    "rps_lines_ending_with_terminal_punctution_mark",
)
"""The eleven signals of Meta-rater."""

REVERSED = "reversed:"
"""Before the name of a score that is searched in the other direction, too."""

BothWays = Literal["none", "undirected", "all"]
BOTH_WAYS: tuple[BothWays, ...] = ("none", "undirected", "all")

_SIGNALS = ("signals", "signals_light")


@dataclass(frozen=True)
class ScoreColumns:
    """The scores that a weight vector is about.

    Attributes:
        names: one a weight; a score with `REVERSED` before its name counts less of it as better.
        columns: name of the column in the score table -> scale, orientation, stats, without weight.
        undirected: columns of which neither more nor less is declared better; more was taken.
    """

    names: tuple[str, ...]
    columns: dict[str, ColumnWeight]
    undirected: tuple[str, ...]

    def form(self, name: str) -> tuple[str, ColumnWeight]:
        """The column of a score, and how it is brought to the common scale."""
        column = name.removeprefix(REVERSED)
        own = self.columns[column]
        if name == column:
            return column, own
        assert own.orientation is not None
        return column, replace(own, orientation=-1 if own.orientation > 0 else 1)


def default_columns(scores: Any) -> tuple[str, ...]:
    """What is weighed where nothing is said: Meta-rater's signals, and the other scorers' scores.

    Of another scorer that is the column with its own name, where it has one (the others are
    variants of it), else all that declare a direction.
    """
    found = []
    for scorer in scores.index.scorers:
        names = [column.name for column in scorer.columns]
        if scorer.name in _SIGNALS:
            found += [name for name in names if name in META_RATER_SIGNALS]
        elif scorer.name in names and scorer.name != "tokens":
            found.append(scorer.name)
        else:
            directed = [column for column in scorer.columns if column.direction != 0]
            found += [column.name for column in directed if column.unit != "tokens"]
    return tuple(found)


def score_columns(
    scores: Any,
    names: Sequence[str] = (),
    *,
    transform: Transform = "rank",
    missing: Missing = "mean",
    both_ways: BothWays = "none",
) -> ScoreColumns:
    """The scores of a table with their stats, from one pass over it.

    Args:
        scores: a `ScoreFolder`.
        names: columns; none takes `default_columns`.
        transform: to the common scale. ``minmax`` is the published one, up to its factor of 5,
            which changes no order.
        missing: what a document without a score gets in its place.
        both_ways: of which columns the opposite direction is a score of its own, so that the
            learning finds out which is better: of none, of those without a declared direction, or
            of all.

    Raises:
        DataselectError: a column that is not there or holds no score, or fewer than two.
    """
    known = {column.name: column for column in scores.columns}
    asked = dict.fromkeys(names or default_columns(scores))
    check_columns(asked, known, scores.address)
    if len(asked) < 2:
        raise DataselectError(
            f"there {'is one score' if asked else 'are no scores'} to weigh",
            accepted="two columns or more",
            hint="--columns NAME,NAME; dataselect scorers lists what can be scored",
        )
    plain = Weights({name: ColumnWeight(1.0, None, transform, missing) for name in asked})
    readers = [_reader(scores, part, list(asked)) for part in range(len(scores.parts))]
    summaries = column_summaries(readers, list(asked))
    resolved = resolved_weights(plain, scores.columns, summaries, scores.address)
    undirected = tuple(name for name in asked if known[name].direction == 0)
    turned = {"none": (), "undirected": undirected, "all": tuple(asked)}[both_ways]
    scored = (*asked, *(f"{REVERSED}{name}" for name in turned))
    return ScoreColumns(scored, dict(resolved.columns), undirected)


def net_scores(
    columns: ScoreColumns, weights: Float64[np.ndarray, " scores"]
) -> list[tuple[str, float]]:
    """Of each column the score that counts, and its weight: a direction less its opposite.

    w q + v (1 − q) ranks as (w − v) q where w is the greater, and as (v − w) (1 − q) where v is.
    Weights stay at least 0, so that a missing score that counts as the worst is never the best.
    """
    of = dict(zip(columns.names, weights.tolist(), strict=True))
    found = []
    for column in dict.fromkeys(name.removeprefix(REVERSED) for name in columns.names):
        turned = f"{REVERSED}{column}"
        net = of[column] - of.get(turned, 0.0)
        found.append((column, net) if net >= 0 else (turned, -net))
    return found


def net_weights(columns: ScoreColumns, weights: Float64[np.ndarray, " scores"]) -> Weights:
    """Weights by column, those of a direction and its opposite made one; see `net_scores`."""
    found = {}
    for name, weight in net_scores(columns, weights):
        column, own = columns.form(name)
        found[column] = replace(own, weight=weight)
    return Weights(found)


def _reader(scores: Any, part: int, names: list[str]) -> Any:
    return lambda: scores.part(part, names)
