"""Training: counts of every order, discounts, and probabilities from the lowest order up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64, UInt32, UInt64

from dataselect.errors import DataselectError
from dataselect.scorers.ngram.model import NgramModel, NgramSettings

__all__ = ["NgramSettings", "discounts_of", "train"]

_LOAD = 1.5  # places for each n-gram that there may be
_FEW = (0.5, 1.0, 1.5)
_MOST = 2**32 - 1  # places in the text are 32 bits


@dataclass(frozen=True)
class _Table:
    """The n-grams of an order while a model is trained; see the kernels."""

    keys: UInt64[np.ndarray, " places"]
    counts: UInt32[np.ndarray, " places"]
    raw: UInt32[np.ndarray, " places"]
    lasts: UInt32[np.ndarray, " places"]
    different: int


def train(tokens: UInt64[np.ndarray, " tokens"], settings: NgramSettings) -> NgramModel:
    """An interpolated model with modified Kneser-Ney smoothing.

    p(w | u) = (c(uw) − D(c(uw))) / c(u·) + γ(u) p(w | u'), u' being u without its first token. For
    the highest order, and for n-grams that begin a line, c is how often an n-gram occurs; for lower
    orders it is how many different tokens it follows. D has three values an order, for counts of 1,
    2 and more. γ(u) is what D, and dropping n-grams, leaves; below unigrams lies the uniform
    distribution over all tokens seen, the end of a line, and one unseen token.

    Args:
        tokens: hashes, with a 0 before the first and behind each line.
        settings: order and which n-grams are dropped.

    Raises:
        DataselectError: there is no token, or there are more than 4 billion.

    Complexity: O(tokens · order) time; some 30 bytes a token and order of memory.

    References:
        Chen and Goodman, "An empirical study of smoothing techniques for language modeling", 1999,
        equations 17 and 19; Heafield et al., "Scalable modified Kneser-Ney language model
        estimation", ACL 2013, sections 3.3 to 3.5, for what a count is at a line's beginning.
    """
    if len(tokens) < 2:
        raise DataselectError(
            "the reference of the language model has no words",
            accepted="documents with text in them",
            hint="text in another column: dataselect fit ppl ... --text-column NAME",
        )
    if len(tokens) > _MOST:
        raise DataselectError(
            f"the reference of the language model has {len(tokens):,} tokens",
            accepted=f"up to {_MOST:,}",
            hint="train on a sample of it",
        )
    tables = _counted(tokens, settings.order)
    discounts = [discounts_of(_counts_of_counts(table)) for table in tables]
    entries, unknown = _smoothed(tokens, settings, tables, [values for values, _ in discounts])
    lines = int(np.count_nonzero(tokens[1:] == 0))
    about = {
        "tokens": len(tokens) - 1 - lines,
        "lines": lines,
        "ngrams": [table.different for table in tables],
        "discounts": [values[1:].tolist() for values, _ in discounts],
        "too_few_for_discounts": [n for n, (_, few) in enumerate(discounts, 1) if few],
        "entries": len(entries),
    }
    return NgramModel(settings, entries, unknown, about)


def discounts_of(
    counts_of_counts: Int64[np.ndarray, "5"],
) -> tuple[Float64[np.ndarray, "4"], bool]:
    """What is taken from counts of 0, 1, 2, and 3 or more.

    D(k) = k − (k+1) Y t(k+1) / t(k), Y = t(1) / (t(1) + 2 t(2)). Where a text is so small, or its
    tokens so few, that one cannot be estimated, the three are ½, 1 and 1½, as KenLM falls back to.

    Args:
        counts_of_counts: how many n-grams have a count of 0 (passed over), 1, 2, 3, 4.

    Returns:
        The discounts, and whether they are those of too small a text.

    Reference: Chen and Goodman 1999, equation 17.
    """
    t = counts_of_counts.astype(np.float64)
    if np.all(t[1:4] > 0):
        y = t[1] / (t[1] + 2 * t[2])
        found = np.array([k - (k + 1) * y * t[k + 1] / t[k] for k in (1, 2, 3)])
        if np.all(found >= 0):
            return np.array([0.0, *found]), False
    return np.array([0.0, *_FEW]), True


def _counted(tokens: UInt64[np.ndarray, " tokens"], order: int) -> list[_Table]:
    """The tables of all orders, the lowest first."""
    from dataselect.scorers.ngram.kernels.counting import count_highest, count_lower

    lines = int(np.count_nonzero(tokens[1:] == 0))
    table = _empty(len(tokens))
    different = count_highest(tokens, order, table.keys, table.counts, table.lasts)
    tables = [_Table(table.keys, table.counts, table.counts, table.lasts, different)]
    for n in range(order - 1, 0, -1):
        above = tables[0]
        table = _empty(above.different + lines)
        different = count_lower(
            tokens, n, above.keys, above.raw, above.lasts,
            table.keys, table.counts, table.raw, table.lasts,
        )  # fmt: skip
        tables.insert(0, _Table(table.keys, table.counts, table.raw, table.lasts, different))
    return tables


def _empty(most: int) -> _Table:
    places = int(_LOAD * most) + 8
    counts, raw, lasts = (np.zeros(places, np.uint32) for _ in range(3))
    return _Table(np.zeros(places, np.uint64), counts, raw, lasts, 0)


def _counts_of_counts(table: _Table) -> Int64[np.ndarray, "5"]:
    return np.array([np.count_nonzero(table.counts == k) for k in range(5)])


def _smoothed(
    tokens: UInt64[np.ndarray, " tokens"],
    settings: NgramSettings,
    tables: list[_Table],
    discounts: list[Float64[np.ndarray, "4"]],
) -> tuple[UInt64[np.ndarray, "ngrams 3"], float]:
    """The entries of all orders, by key, and the log probability of an unseen token."""
    from dataselect.scorers.ngram.kernels.smoothing import add_contexts, probabilities

    first = tables[0]
    used = first.keys != 0
    taken = discounts[0][np.minimum(first.counts, 3)]
    total = int(first.counts.sum(dtype=np.int64))
    unseen = float(taken[used].sum()) / total / (first.different + 1)
    lower = np.where(used, (first.counts - taken) / total + unseen, 0.0)
    parts = []
    for n, table in enumerate(tables, 1):
        least = settings.least if n >= 3 else 1
        totals = np.zeros(len(table.keys), np.int64)
        freed = np.zeros(len(table.keys))
        above = tables[n] if n < len(tables) else None
        if above is not None:
            of_above: tuple[Any, ...] = (
                tokens, n + 1, settings.least if n + 1 >= 3 else 1, discounts[n],
                above.keys, above.counts, above.raw, above.lasts, table.keys, totals, freed,
            )  # fmt: skip
            add_contexts(*of_above)
        parts.append(_entries(table, least, lower, totals, freed))
        if above is not None:
            higher = np.zeros(len(above.keys))
            arguments = (*of_above, lower, higher)
            probabilities(*arguments)
            lower = higher
    entries = np.concatenate(parts)
    return entries[np.argsort(entries[:, 0])], float(np.log(unseen))


def _entries(
    table: _Table,
    least: int,
    values: Float64[np.ndarray, " places"],
    totals: Int64[np.ndarray, " places"],
    freed: Float64[np.ndarray, " places"],
) -> UInt64[np.ndarray, "ngrams 3"]:
    kept = (table.keys != 0) & (table.raw >= least)
    weights = np.zeros(int(kept.sum()))
    context = totals[kept] > 0
    weights[context] = np.log(freed[kept][context] / totals[kept][context])
    logs = np.log(values[kept])
    return np.stack([table.keys[kept], logs.view(np.uint64), weights.view(np.uint64)], axis=1)
