"""From a scored corpus and validation sets to the candidates of a design."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64

from dataselect.errors import DataselectError
from dataselect.selection.aggregate import scores_of_column
from dataselect.selection.contamination import Ngrams, find_hits, ngrams_of
from dataselect.selection.copies import Held, held_signatures
from dataselect.selection.duplicates import content_hashes, signatures
from dataselect.selection.transforms import normalise
from dataselect.weighting.columns import ScoreColumns
from dataselect.weighting.pool import Pool
from dataselect.weighting.proxies.token_data import TokenData, TokenDocuments
from dataselect.weighting.proxies.tokenizer import (
    check_vocabulary,
    encode,
    open_tokenizer,
    train_tokenizer,
)

__all__ = ["PoolSettings", "read_pool"]

OnPart = Callable[[str, int, int], None]

_TOKENIZER_CHARACTERS = 20_000_000
_SHARED, _NEAR, _EXACT, _EMPTY = (
    "shares words with a validation document",
    "near copy of a validation document",
    "exact duplicate",
    "empty",
)


@dataclass(frozen=True)
class PoolSettings:
    """What the candidates are.

    Attributes:
        documents: at most so many, drawn from the corpus.
        vocabulary: of the tokenizer that is trained on them.
        tokenizer: a tokenizer.json in its place.
        validation_tokens: of each set, at most.
        duplicates: whether all but the first of equal documents are left out.
        seed: of the draw.
    """

    documents: int = 200_000
    vocabulary: int = 2048
    tokenizer: Path | None = None
    validation_tokens: int = 50_000
    duplicates: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("documents", "validation_tokens"):
            if getattr(self, name) < 1:
                raise DataselectError(f"{name} is {getattr(self, name)}", accepted="1 or more")
        if self.tokenizer is None:
            check_vocabulary(self.vocabulary)
        elif not self.tokenizer.is_file():
            raise DataselectError(
                f"the tokenizer {self.tokenizer} does not exist",
                accepted="a tokenizer.json of the library tokenizers",
                hint="leave it out to have one trained on the corpus",
            )
        if self.seed < 0:
            raise DataselectError(f"the seed is {self.seed}", accepted="0 or more")


def read_pool(
    sources: tuple[Any, ...],
    scores: Any,
    columns: ScoreColumns,
    validation: Mapping[str, list[str]],
    settings: PoolSettings,
    *,
    on_part: OnPart | None = None,
) -> tuple[Pool, Any]:
    """Read the candidates: twice over the corpus, once to train the tokenizer and find copies.

    Args:
        sources: the corpus.
        scores: its `ScoreFolder`.
        columns: the scores to weigh.
        validation: texts of each set.
        settings: which documents, which tokens.
        on_part: called with what is done, parts done and parts in all.

    Returns:
        The pool, and its tokenizer.

    Raises:
        DataselectError: the corpus is not what was scored, or there is no candidate.
    """
    drawn = _drawn(scores.documents, settings)
    every = [text for texts in validation.values() for text in texts]
    apart = _Apart(_ngrams(every), held_signatures(every))
    total = len(scores.parts)
    seen: set[bytes] = set()
    sample: list[str] = []
    characters = 0
    left_out: Counter[str] = Counter()
    chosen: list[Int64[np.ndarray, " kept"]] = []
    for done, (start, texts) in enumerate(_parts(sources, scores), 1):
        own = np.flatnonzero(drawn[start : start + len(texts)])
        candidates = texts.take(own)
        kept = _candidates(candidates, apart, seen, settings.duplicates, left_out)
        chosen.append(start + own[kept])
        for text in candidates.take(np.flatnonzero(kept)).to_pylist():
            if characters < _TOKENIZER_CHARACTERS:
                sample.append(text)
                characters += len(text)
        _say(on_part, "reading candidates", done, total)
    documents = np.concatenate(chosen or [np.zeros(0, dtype=np.int64)])
    if not len(documents):
        raise DataselectError(
            f"none of {scores.documents:,} documents is a candidate: {dict(left_out)}",
            accepted="documents with text that are not in the validation sets",
        )
    tokenizer = (
        open_tokenizer(settings.tokenizer)
        if settings.tokenizer is not None
        else train_tokenizer(sample, settings.vocabulary)
    )
    del sample
    pieces: list[TokenDocuments] = []
    for done, (start, texts) in enumerate(_parts(sources, scores), 1):
        first, last = np.searchsorted(documents, [start, start + len(texts)])
        pieces.append(encode(tokenizer, texts.take(documents[first:last] - start).to_pylist()))
        _say(on_part, "counting tokens", done, total)
    held = {name: encode(tokenizer, texts) for name, texts in validation.items()}
    data = TokenData(
        _joined(pieces),
        {name: own.first(settings.validation_tokens) for name, own in held.items()},
        int(tokenizer.get_vocab_size()),
    )
    values, missing = _scores(scores, columns, documents)
    left_out["not drawn"] = int((~drawn).sum())
    found = {reason: count for reason, count in left_out.items() if count}
    return Pool(data, columns, values, documents, scores.documents, found, missing), tokenizer


@dataclass(frozen=True)
class _Apart:
    """What is kept out: runs of words of the validation documents, and near copies of them."""

    ngrams: Ngrams | None
    held: Held


def _ngrams(texts: list[str]) -> Ngrams | None:
    try:
        return ngrams_of(texts)
    except DataselectError:  # none has so many words; copies are still found
        return None


def _drawn(documents: int, settings: PoolSettings) -> Bool[np.ndarray, " documents"]:
    drawn = np.zeros(documents, dtype=bool)
    order = np.random.default_rng(settings.seed).permutation(documents)
    drawn[order[: settings.documents]] = True
    return drawn


def _candidates(
    texts: Any, apart: _Apart, seen: set[bytes], duplicates: bool, left_out: Counter[str]
) -> Bool[np.ndarray, " n"]:
    """Which documents stay; the first reason counts for each that does not."""
    import pyarrow.compute as pc

    empty = pc.binary_length(texts).to_numpy(zero_copy_only=False) == 0
    shared = np.zeros(len(texts), dtype=bool)
    if apart.ngrams is not None:
        shared[find_hits(texts, apart.ngrams).documents] = True
    near = apart.held.copied(signatures(texts)) >= 0
    repeated = np.zeros(len(texts), dtype=bool)
    if duplicates:
        for at, digest in enumerate(map(bytes, content_hashes(texts))):
            repeated[at] = digest in seen
            seen.add(digest)
    kept = np.ones(len(texts), dtype=bool)
    for reason, found in ((_EMPTY, empty), (_SHARED, shared), (_NEAR, near), (_EXACT, repeated)):
        left_out[reason] += int((kept & found).sum())
        kept &= ~found
    return kept


def _parts(sources: tuple[Any, ...], scores: Any) -> Iterator[tuple[int, Any]]:
    """Where each part of the corpus begins, and its texts, which must be what was scored."""
    import pyarrow as pa

    from dataselect.corpus import ReadOptions
    from dataselect.corpus.parts import SourceEnd
    from dataselect.corpus.reading import cut, decode

    options = ReadOptions(**dict(scores.index.options))
    starts = np.concatenate([[0], np.cumsum([part.documents for part in scores.parts])])
    at = {(part.source, part.first_row): i for i, part in enumerate(scores.parts)}
    for source in sources:
        for raw in cut(source, options):
            if isinstance(raw, SourceEnd):
                continue
            part = at.get((source.number, raw.first_row), -1)
            batches = list(decode(raw, options, lambda _: None))
            rows = sum(len(batch) for batch in batches)
            own = scores.parts[part]
            if part < 0 or (own.digest, own.documents) != (raw.digest, rows):
                raise DataselectError(
                    f"{source.address} has changed since it was scored: its rows from "
                    f"{raw.first_row:,} on differ, or some before them",
                    accepted="the file as it was",
                    hint="put the file back, or score it again",
                )
            texts = [batch.column("text").cast(pa.large_string()) for batch in batches]
            yield int(starts[part]), pa.chunked_array(texts, pa.large_string()).combine_chunks()


def _scores(
    scores: Any, columns: ScoreColumns, documents: Int64[np.ndarray, " documents"]
) -> tuple[Float64[np.ndarray, "scores documents"], dict[str, int]]:
    """The scores of the candidates on the common scale, and how many are missing."""
    values = np.empty((len(columns.names), len(documents)))
    missing: Counter[str] = Counter()
    start = 0
    for part, about in enumerate(scores.parts):
        first, last = np.searchsorted(documents, [start, start + about.documents])
        table = scores.part(part, list(columns.columns))
        rows = documents[first:last] - start
        for i, name in enumerate(columns.names):
            column, own = columns.form(name)
            raw = scores_of_column(table, column)[rows]
            assert own.stats is not None
            assert own.orientation is not None
            values[i, first:last] = normalise(
                raw,
                own.stats,
                transform=own.transform,
                orientation=own.orientation,
                missing=own.missing,
                clip=own.clip,
            )
            if name == column:
                missing[column] += int(np.isnan(raw).sum())
        start += about.documents
    return values, {name: count for name, count in missing.items() if count}


def _joined(pieces: list[TokenDocuments]) -> TokenDocuments:
    lengths = np.concatenate([piece.lengths for piece in pieces])
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return TokenDocuments(np.concatenate([piece.tokens for piece in pieces]), offsets)


def _say(on_part: OnPart | None, what: str, done: int, total: int) -> None:
    if on_part is not None:
        on_part(what, done, total)
