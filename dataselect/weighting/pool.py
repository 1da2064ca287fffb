"""The candidates of a design, read once: their tokens, their scores, and any selection of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from dataselect.errors import DataselectError
from dataselect.selection.choosing import choose
from dataselect.selection.weights import Weights, weights_from_json, weights_to_json
from dataselect.weighting.columns import ScoreColumns, net_scores, net_weights
from dataselect.weighting.proxies.token_data import TokenData, open_array, write_array
from zerocost.files import write_json

__all__ = ["Pool", "open_pool", "save_pool"]

ABOUT = "pool.json"
"""Written last: where it is, the pool is whole."""


@dataclass(frozen=True)
class Pool:
    """Candidates with their scores on the common scale.

    Attributes:
        data: their tokens, and the validation sets.
        columns: the scores and how they were brought to the scale.
        scores: ``[scores, documents]``, more being better; NaN only where a missing score drops
            its document.
        documents: the place of each candidate in the corpus, ascending.
        of: documents in the corpus.
        left_out: how many were no candidates, by reason.
        missing: documents without a score of their own, by column.
    """

    data: TokenData
    columns: ScoreColumns
    scores: Float64[np.ndarray, "scores documents"]
    documents: Int64[np.ndarray, " documents"]
    of: int
    left_out: Mapping[str, int]
    missing: Mapping[str, int]

    @property
    def tokens(self) -> int:
        """Of all candidates."""
        return len(self.data.candidates.tokens)

    def weighed(self, weights: Float64[np.ndarray, " scores"]) -> Float64[np.ndarray, " documents"]:
        """Q(x) = Σ_j w_j q_j(x), added in the order of the columns; see `net_scores`."""
        place = {name: row for row, name in enumerate(self.columns.names)}
        total = np.zeros(len(self.documents))
        for name, weight in net_scores(self.columns, weights):
            total += weight * self.scores[place[name]]
        return total

    def select(
        self, weights: Float64[np.ndarray, " scores"], tokens: int
    ) -> Int64[np.ndarray, " chosen"]:
        """The best candidates that a budget of tokens holds, as `dataselect select` takes them.

        Args:
            weights: one a score.
            tokens: the budget.

        Returns:
            Places among the candidates, ascending.
        """
        return self._held(self.weighed(weights), tokens)

    def select_by_chance(self, tokens: int, seed: int) -> Int64[np.ndarray, " chosen"]:
        """Candidates in a random order, as many as the budget holds."""
        return self._held(np.random.default_rng(seed).random(len(self.documents)), tokens)

    def weights(self, weights: Float64[np.ndarray, " scores"]) -> Weights:
        """What `dataselect select --weights` takes to rank as these weights do here."""
        return net_weights(self.columns, weights)

    def _held(
        self, scores: Float64[np.ndarray, " documents"], tokens: int
    ) -> Int64[np.ndarray, " chosen"]:
        chosen = choose(scores, tokens, cost=self.data.candidates.lengths)
        found: Int64[np.ndarray, " chosen"] = np.flatnonzero(chosen)
        if not len(found):
            raise DataselectError(
                f"a budget of {tokens:,} tokens holds no document",
                accepted="more tokens than the best document has",
            )
        return found


def save_pool(pool: Pool, folder: Path) -> None:
    """Write a pool; `open_pool` reads it without taking memory for tokens and scores."""
    pool.data.save(folder)
    write_array(folder / "scores.npy", pool.scores)
    write_array(folder / "documents.npy", pool.documents)
    about = {
        "names": list(pool.columns.names),
        "columns": weights_to_json(Weights(pool.columns.columns))["columns"],
        "undirected": list(pool.columns.undirected),
        "of": pool.of,
        "left_out": dict(pool.left_out),
        "missing": dict(pool.missing),
    }
    write_json(folder / ABOUT, about, overwrite=True)


def open_pool(folder: Path) -> Pool:
    """Read what `save_pool` wrote.

    Raises:
        DataselectError: there is none, or its writing was interrupted.
    """
    try:
        about: dict[str, Any] = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError) as cause:
        raise DataselectError(
            f"{folder} holds no candidates: {cause}",
            accepted="a folder in which `dataselect learn-weights` has read them",
            hint="give the command that was interrupted again",
        ) from cause
    columns = weights_from_json({"columns": about["columns"]})
    return Pool(
        TokenData.open(folder),
        ScoreColumns(tuple(about["names"]), dict(columns.columns), tuple(about["undirected"])),
        open_array(folder / "scores.npy"),
        np.array(open_array(folder / "documents.npy")),
        int(about["of"]),
        about["left_out"],
        about["missing"],
    )
