"""The counts of a batch of documents, one after the other in the same memory."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8, UInt64

from dataselect.scorers.signals.kernels.c4 import count_kept_lines
from dataselect.scorers.signals.kernels.quantities import COUNTS, SUMS
from dataselect.scorers.signals.kernels.repetition import (
    HashTables,
    count_duplicates,
    count_repeated,
    entropy,
    numbered,
    tables_for,
)
from dataselect.scorers.signals.kernels.scan import scan
from dataselect.scorers.signals.kernels.scratch import Scratch, room_for
from dataselect.scorers.signals.kernels.unicode_tables import Tables
from dataselect.scorers.signals.kernels.utf8 import readable
from dataselect.scorers.signals.kernels.wants import (
    WANT_C4,
    WANT_DUPLICATES,
    WANT_TOKEN_GRAMS,
    WANT_VOCABULARY,
    WANT_WORD_GRAMS,
)
from zerocost.compiled import compiled, compiled_within

__all__ = ["measure"]

_DISTINCT = COUNTS.index("distinct_words")
_ENTROPY = SUMS.index("word_entropy")
_LINES = COUNTS.index("duplicate_lines")
_LINE_CHARACTERS = COUNTS.index("duplicate_line_characters")
_PARAGRAPHS = COUNTS.index("paragraphs")
_DUPLICATE_PARAGRAPHS = COUNTS.index("duplicate_paragraphs")
_PARAGRAPH_CHARACTERS = COUNTS.index("duplicate_paragraph_characters")
_WORD_TOP = COUNTS.index("word_top_2gram")
_WORD_DUPE = COUNTS.index("word_dupe_5gram")
_TOKEN_TOP = COUNTS.index("token_top_2gram")
_TOKEN_DUPE = COUNTS.index("token_dupe_5gram")


@compiled
def measure(
    data: UInt8[np.ndarray, " bytes"],
    offsets: Int64[np.ndarray, " offsets"],
    present: Bool[np.ndarray, " documents"],
    tables: Tables,
    want: int,
    known: UInt64[np.ndarray, " known"],
    counts: Int64[np.ndarray, "documents counts"],
    sums: Float64[np.ndarray, "documents sums"],
) -> None:
    """Count every document of a batch.

    Args:
        data: the documents' UTF-8, one after the other.
        offsets: document i is ``data[offsets[i]:offsets[i + 1]]``.
        present: False where a document is null.
        tables: of Unicode and stop words.
        want: bits of what is asked for.
        known: see `room_for`.
        counts: zeros; written.
        sums: zeros; written.

    Complexity:
        Linear in the bytes; memory in the longest document.
    """
    room = np.int64(1 << 14)
    scratch = room_for(room, known)
    listed = room // 2 + 2
    hashed = tables_for(listed)
    for document in range(present.shape[0]):
        if not present[document]:
            continue
        text, start, end = readable(data, offsets[document], offsets[document + 1])
        if end - start > room:
            room = max(end - start, 2 * room)
            scratch = room_for(room, known)
        row, total = counts[document], sums[document]
        found = scan(text, start, end, tables, want, scratch, row, total)
        if max(found) > listed:
            listed = max(*found, 2 * listed)
            hashed = tables_for(listed)
        _compare(text, start, tables, want, found, scratch, hashed, row, total)


@compiled_within(inline=False)
def _compare(
    text: UInt8[np.ndarray, " bytes"],
    start: int,
    tables: Tables,
    want: int,
    found: tuple[int, int, int, int],
    scratch: Scratch,
    hashed: HashTables,
    row: Int64[np.ndarray, " counts"],
    total: Float64[np.ndarray, " sums"],
) -> None:
    """Count what a document repeats, and what C4's rules keep of it."""
    words, tokens, lines, paragraphs = found
    if want & WANT_VOCABULARY and words > 0:
        row[_DISTINCT] = numbered(scratch.words[:words], hashed)
        total[_ENTROPY] = entropy(hashed.counts[: row[_DISTINCT]], words)
        if want & WANT_WORD_GRAMS == WANT_WORD_GRAMS:
            count_repeated(
                scratch.word_lengths[:words],
                hashed,
                False,
                row[_WORD_TOP : _WORD_TOP + 3],
                row[_WORD_DUPE : _WORD_DUPE + 6],
            )
    if want & WANT_TOKEN_GRAMS == WANT_TOKEN_GRAMS and tokens > 0:
        numbered(scratch.tokens[:tokens], hashed)
        count_repeated(
            scratch.token_lengths[:tokens],
            hashed,
            True,
            row[_TOKEN_TOP : _TOKEN_TOP + 3],
            row[_TOKEN_DUPE : _TOKEN_DUPE + 6],
        )
    if want & WANT_C4:
        count_kept_lines(text, start, lines, tables, scratch, row)
    row[_PARAGRAPHS] = paragraphs
    if want & WANT_DUPLICATES:
        row[_LINES], row[_LINE_CHARACTERS] = count_duplicates(text, scratch.lines[:lines], hashed)
        row[_DUPLICATE_PARAGRAPHS], row[_PARAGRAPH_CHARACTERS] = count_duplicates(
            text, scratch.paragraphs[:paragraphs], hashed
        )
