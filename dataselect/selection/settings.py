"""What a selection is asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from dataselect.errors import DataselectError
from dataselect.selection.budget import Budget, Quotas
from dataselect.selection.contamination import WORDS, check_length
from dataselect.selection.duplicates import banding
from dataselect.selection.weights import Weights, weights_to_json

__all__ = ["Settings"]

HOTTEST = 1e300  # times the noise it is still a number


@dataclass(frozen=True)
class Settings:
    """What to select.

    Attributes:
        by: a column of the score table to rank by.
        prefer: of ``by``: whether high or low values are better; None takes the column's own
            direction, and ``high`` where it has none.
        weights: rank by a weighted sum of normalised scores, in the place of ``by``.
        budget: how much; None where only the threshold counts.
        threshold: documents must be at least so good: with ``by`` in the column's own values (at
            most, where less is better), with ``weights`` a sum.
        temperature: 0 takes the best; T > 0 samples without replacement, a document's chances
            growing as exp(z / T) with its z-normalised score.
        log_weights: whether the scores are logarithms of weights, as DSIR's: then chances grow as
            exp(s / T) with the score itself.
        seed: of the sample.
        quotas: shares of the budget.
        duplicates: which of them to leave out before the budget is spent.
        similarity: from which on documents are near duplicates.
        exclude: evaluation sets; documents that share a run of words with them are left out.
        ngram: words such a run has.
        exclude_short: documents of those sets with fewer words than a run, but at least so many,
            are looked for as a whole: what holds all their words in a row is left out, too.
        exclude_copies: whether near copies of those sets' documents are left out, too.
        tokens: the column of token counts; None takes the table's exact one, else its estimate.
    """

    by: str | None = None
    prefer: Literal["high", "low"] | None = None
    weights: Weights | None = None
    budget: Budget | None = None
    threshold: float | None = None
    temperature: float = 0.0
    log_weights: bool = False
    seed: int = 0
    quotas: Quotas | None = None
    duplicates: Literal["exact", "near"] | None = None
    similarity: float = 0.8
    exclude: tuple[Path, ...] = ()
    ngram: int = WORDS
    exclude_short: int | None = None
    exclude_copies: bool = False
    tokens: str | None = None

    def __post_init__(self) -> None:
        if (self.by is None) == (self.weights is None):
            raise DataselectError(
                "there is nothing to rank by" if self.by is None else "there are two rankings",
                accepted="one column, or weights",
                hint="--by COLUMN, or --weights weights.json",
            )
        if self.prefer is not None and self.by is None:
            raise DataselectError(
                "weights have their own orientations",
                accepted="a preference with one column",
                hint='leave --prefer out, or set "orientation" in the weights',
            )
        if self.budget is None and self.threshold is None:
            raise DataselectError(
                "there is neither a budget nor a threshold",
                accepted="--tokens, --docs, --fraction or --threshold",
                hint="--tokens 1B",
            )
        if self.threshold is not None and not math.isfinite(self.threshold):
            raise DataselectError(f"the threshold is {self.threshold}", accepted="a finite number")
        if not (0 <= self.temperature <= HOTTEST or math.isinf(self.temperature)) or (
            self.temperature < 0
        ):
            raise DataselectError(
                f"the temperature is {self.temperature}",
                accepted=f"0 for the best documents, up to {HOTTEST:g} for a sample; inf for one "
                "by chance",
            )
        if self.log_weights and (self.by is None or not self.temperature):
            raise DataselectError(
                "logarithms of weights without "
                + ("a column that holds them" if self.by is None else "a temperature"),
                accepted="one column, sampled with a temperature",
                hint="--by dsir_NAME --log-weights --temperature 1",
            )
        if self.budget is None and (self.temperature or self.quotas):
            raise DataselectError(
                "a temperature or quotas without a budget: a threshold alone takes every document",
                accepted="--tokens, --docs or --fraction beside the threshold",
            )
        if self.exclude:
            check_length(self.ngram)
        elif self.exclude_short is not None or self.exclude_copies:
            raise DataselectError(
                "there is no evaluation set to keep out",
                accepted="--exclude FILE beside --exclude-short and --exclude-copies",
            )
        if self.exclude_short is not None and not 1 <= self.exclude_short < self.ngram:
            raise DataselectError(
                f"short evaluation documents of {self.exclude_short} words or more",
                accepted=f"1 to {self.ngram - 1}: below the {self.ngram} words of a run",
                hint="--exclude-short 3",
            )
        if self.duplicates == "near":
            banding(self.similarity)

    def as_dict(self) -> dict[str, Any]:
        """As JSON values, for manifests and comparisons; inputs are named by their hashes there."""
        return {
            "by": self.by,
            "prefer": self.prefer,
            "weights": None if self.weights is None else weights_to_json(self.weights),
            "budget": None
            if self.budget is None
            else {"kind": self.budget.kind, "amount": str(self.budget.amount)},
            "threshold": self.threshold,
            "temperature": "inf" if math.isinf(self.temperature) else self.temperature,
            **({"log_weights": True} if self.log_weights else {}),
            "seed": self.seed,
            "quotas": None
            if self.quotas is None
            else {
                "column": self.quotas.column,
                "shares": {name: str(share) for name, share in self.quotas.shares.items()},
            },
            "duplicates": self.duplicates,
            "similarity": self.similarity if self.duplicates == "near" else None,
            "exclude": [str(path) for path in self.exclude],
            "ngram": self.ngram if self.exclude else None,
            **({} if self.exclude_short is None else {"exclude_short": self.exclude_short}),
            **({"exclude_copies": True} if self.exclude_copies else {}),
            "tokens": self.tokens,
        }
