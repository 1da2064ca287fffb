"""Texts of documents read back from the corpus, cut and made harmless to look at."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dataselect.errors import DataselectError

__all__ = ["LONGEST", "Shown", "read_texts", "visible"]

LONGEST = 230
_MARKS = 3


@dataclass(frozen=True)
class Shown:
    """A document as the page names it.

    Attributes:
        source: its file.
        row: in it, from 0.
        id: its own name.
        text: cut and visible; None where the corpus could not be read.
        cut: how many characters are not shown.
    """

    source: str
    row: int
    id: str | None
    text: str | None
    cut: int


def visible(text: str, longest: int = LONGEST) -> tuple[str, int]:
    """The beginning of a text in which nothing is hidden, and how many characters are cut.

    Line ends show as ``⏎``, tabs as ``⇥``; controls, marks that turn the direction of writing,
    and other characters that print nothing show as their code, ``⟨202E⟩``; of more than three
    combining marks on one letter the others are left out; runs of spaces are one.
    """
    shown: list[str] = []
    marks = 0
    for character in text[:longest]:
        category = unicodedata.category(character)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if marks > _MARKS:
            continue
        if character == "\n":
            shown.append(" ⏎ ")
        elif character == "\t":
            shown.append(" ⇥ ")
        elif category in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
            shown.append(f"⟨{ord(character):04X}⟩")
        else:
            shown.append(character)
    return " ".join("".join(shown).split()), max(0, len(text) - longest)


def read_texts(
    scores: Any, places: Sequence[int], *, texts: bool = True
) -> tuple[dict[int, Shown], str | None]:
    """The documents at some places, with their texts where the corpus is as it was.

    Only the parts that hold one of them are decoded.

    Args:
        scores: a `ScoreFolder`; its sources say where the corpus is.
        places: in the corpus' order, from 0.
        texts: whether to read the corpus at all.

    Returns:
        The documents, and why texts are missing, None where none is.
    """
    starts = np.concatenate([[0], np.cumsum([part.documents for part in scores.parts])])
    wanted: dict[int, list[int]] = {}
    for place in sorted(set(places)):
        part = int(np.searchsorted(starts, place, side="right")) - 1
        wanted.setdefault(part, []).append(place - int(starts[part]))
    found_texts: dict[int, list[str]] = {}
    why = None if texts else "they were not asked for"
    try:
        if texts:
            found_texts = _texts(scores, wanted)
    except (DataselectError, OSError) as cause:
        why = str(cause).splitlines()[0]
    found = {}
    for part, rows in wanted.items():
        about = scores.part(part, ["source", "row", "id"]).take(rows).to_pylist()
        own = found_texts.get(part)
        for at, (row, document) in enumerate(zip(rows, about, strict=True)):
            text, cut = (None, 0) if own is None else visible(own[at])
            found[int(starts[part]) + row] = Shown(
                document["source"], document["row"], document["id"], text, cut
            )
    return found, why


def _texts(scores: Any, wanted: Mapping[int, list[int]]) -> dict[int, list[str]]:
    """The texts of rows of parts."""
    import pyarrow as pa

    from dataselect.corpus import ReadOptions, find_corpus
    from dataselect.corpus.parts import SourceEnd
    from dataselect.corpus.reading import cut, decode

    options = ReadOptions(**dict(scores.index.options))
    scored = [file for source in scores.sources for file in source.files]
    sources = find_corpus([file["address"] for file in scored])
    at = {(part.source, part.first_row): i for i, part in enumerate(scores.parts)}
    found: dict[int, list[str]] = {}
    for source in sources:
        last = max((i for i in wanted if scores.parts[i].source == source.number), default=-1)
        if last < 0:
            continue
        for raw in cut(source, options):
            if isinstance(raw, SourceEnd):
                break
            part = at.get((source.number, raw.first_row), -1)
            if part not in wanted:
                continue
            batches = list(decode(raw, options, lambda _: None))
            own = scores.parts[part]
            if own.digest != raw.digest or sum(map(len, batches)) != own.documents:
                raise DataselectError(f"{source.address} has changed since it was scored")
            table = pa.Table.from_batches(batches).take(wanted[part])
            found[part] = [text or "" for text in table.column("text").to_pylist()]
            if part == last:
                break
    return found
