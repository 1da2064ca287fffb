"""Evaluation sets as they are read to be kept out: what of them is looked for, and what is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from jaxtyping import Int64

from dataselect.errors import DataselectError
from dataselect.selection.contamination import Ngrams, ngrams_of
from dataselect.selection.copies import Held, held_signatures
from dataselect.selection.settings import Settings
from dataselect.selection.whole_matches import WholeDocuments, whole_documents
from dataselect.selection.words import word_counts

__all__ = ["Evaluation", "EvaluationFile", "read_evaluation"]


@dataclass(frozen=True)
class EvaluationFile:
    """What was read of one file.

    Attributes:
        address: of the file; of text files, which are one document each, what was named.
        documents: in it.
        not_read: rows that are no documents, by reason.
        short: documents of fewer words than a run, which can share none.
        whole: how many of these are looked for as a whole.
    """

    address: str
    documents: int
    not_read: Mapping[str, int]
    short: int
    whole: int


@dataclass(frozen=True)
class Evaluation:
    """Evaluation sets as they were read.

    Attributes:
        ngrams: their runs of words.
        names: of their documents: file and id, or file and row.
        files: what was read of each.
        whole: documents of fewer words than a run, where they are looked for as a whole.
        held: their signatures, where near copies are kept out, too.
    """

    ngrams: Ngrams
    names: tuple[str, ...]
    files: tuple[EvaluationFile, ...]
    whole: WholeDocuments | None = None
    held: Held | None = None


@dataclass
class _Read:
    address: str
    texts: list[str]
    names: list[str]
    not_read: Counter[str]
    words: Int64[np.ndarray, " documents"]


def read_evaluation(settings: Settings, options: Any) -> Evaluation | None:
    """The documents of all evaluation sets; None where there are none.

    Args:
        settings: the files, the length of a run, and what is done about shorter documents.
        options: how they are read: a `ReadOptions`.

    Raises:
        DataselectError: a file cannot be read, holds no document, or none that could be found.
    """
    if not settings.exclude:
        return None
    files: list[_Read] = []
    for path in dict.fromkeys(settings.exclude):
        own = _read(path, options)
        _refuse_too_short(path, own, settings)
        files += own
    texts = [text for file in files for text in file.texts]
    names = tuple(name for file in files for name in file.names)
    whole = None
    if settings.exclude_short is not None:
        whole = whole_documents(texts, settings.exclude_short, settings.ngram - 1)
    held = held_signatures(texts) if settings.exclude_copies else None
    ngrams = ngrams_of(texts, settings.ngram, needed=False)
    return Evaluation(ngrams, names, tuple(_about(f, settings) for f in files), whole, held)


def _read(path: Path, options: Any) -> list[_Read]:
    """What a path holds: a file each, text files together."""
    from dataselect.corpus import find_corpus

    found: list[_Read] = []
    for source in find_corpus([str(path)]):
        address = str(path) if source.format == "text" else source.address
        own = _Read(address, [], [], Counter(), np.zeros(0, dtype=np.int64))
        rows = 0
        for part in _parts(source, options):
            rows += part.rows
            own.not_read.update(refused.reason for refused in part.quarantined)
            own.texts += cast("list[str]", part.batch.column("text").to_pylist())
            about = (part.batch.column(name).to_pylist() for name in ("source", "row", "id"))
            own.names += [
                f"{source_}:{row if id_ is None else id_}"
                for source_, row, id_ in zip(*about, strict=True)
            ]
        if not own.texts:
            why = ", ".join(f"{reason} {count:,}" for reason, count in own.not_read.items())
            raise DataselectError(
                f"{address}: no document in {rows:,} rows{f' ({why})' if why else ''}, so that "
                "nothing of it can be kept out",
                accepted=f"documents with the field {options.text!r}",
                hint="--exclude-field names another",
            )
        own.words = word_counts(own.texts)
        found.append(own)
    return found


def _parts(source: Any, options: Any) -> Iterator[Any]:
    from dataselect.corpus import read_parts

    try:
        yield from read_parts(source, options)
    except DataselectError as error:
        hint = error.hint and error.hint.replace("--text-column", "--exclude-field")
        raise DataselectError(error.wrong, accepted=error.accepted, hint=hint) from None


def _refuse_too_short(path: Path, files: Sequence[_Read], settings: Settings) -> None:
    """Refuse a set of which nothing could be found."""
    longest = max(int(file.words.max()) for file in files)
    needed = settings.ngram if settings.exclude_short is None else settings.exclude_short
    if longest >= needed or settings.exclude_copies:
        return
    documents = sum(len(file.texts) for file in files)
    raise DataselectError(
        f"{path}: no evaluation document of {documents:,} has {needed} words, so that nothing of "
        f"it can be found; the longest has {longest}",
        accepted="documents of at least as many words as are compared",
        hint="a shorter run, as --ngram 8; --exclude-short 3 looks for short documents as a "
        "whole, --exclude-copies for near copies of any",
    )


def _about(file: _Read, settings: Settings) -> EvaluationFile:
    short = file.words < settings.ngram
    whole = np.zeros_like(short)
    if settings.exclude_short is not None:
        whole = short & (file.words >= settings.exclude_short)
    return EvaluationFile(
        file.address, len(file.texts), dict(file.not_read), int(short.sum()), int(whole.sum())
    )
