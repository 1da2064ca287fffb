"""A fixed number of tokens from whatever was selected, in an order that a seed decides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Int64

from dataselect.errors import DataselectError
from dataselect.weighting.proxies.token_data import TokenDocuments

__all__ = ["training_batches", "validation_windows"]


def training_batches(
    candidates: TokenDocuments,
    chosen: Int64[np.ndarray, " documents"],
    *,
    steps: int,
    batch: int,
    context: int,
    seed: int,
) -> Iterator[Int64[np.ndarray, "batch tokens"]]:
    """Batches of windows of one token more than the context.

    The documents are put in a random order, one after the other; where they end before the steps
    do, they begin anew. Windows share their border token, so that each token is predicted once,
    and come in a random order. Two selections have their common documents in the same order: it
    is drawn for all candidates.

    Args:
        candidates: all documents.
        chosen: places of those selected.
        steps: batches.
        batch: windows in each.
        context: tokens that are predicted a window.
        seed: of both orders.

    Raises:
        DataselectError: nothing is selected.
    """
    if not len(chosen):
        raise DataselectError("a selection of no document", accepted="a larger token budget")
    rng = np.random.default_rng(seed)
    ranks = rng.random(len(candidates))
    tokens = candidates.joined(chosen[np.argsort(ranks[chosen], kind="stable")])
    starts = rng.permutation(steps * batch).reshape(steps, batch) * context
    window = np.arange(context + 1)
    for own in starts:
        yield tokens[(own[:, None] + window) % len(tokens)]


def validation_windows(documents: TokenDocuments, context: int) -> list[Any]:
    """All tokens of a set in windows of one more than the context; the last may be shorter.

    Every token but the first is predicted once. int64 ``[windows, tokens]`` each.
    """
    tokens = np.asarray(documents.tokens, dtype=np.int64)
    whole = (len(tokens) - 1) // context
    window = np.arange(context + 1)
    found = [tokens[np.arange(whole)[:, None] * context + window]] if whole else []
    rest = tokens[whole * context :]
    return [*found, rest[None]] if len(rest) > 1 else found
