"""What a score folder holds, as its index says: corpus, parts, scorers and their columns."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from dataselect.errors import DataselectError
from dataselect.scorers.scorer import Column

__all__ = ["BEGUN", "FORMAT", "INDEX", "Index", "Part", "ScoredSource", "ScorerEntry"]

FORMAT = 1
INDEX = "index.json"
BEGUN = "begun.json"


@dataclass(frozen=True)
class ScoredSource:
    """A source of the corpus as it was read.

    Attributes:
        format: ``jsonl``, ``parquet`` or ``text``.
        codec: ``gzip``, ``zstd`` or None.
        files: of each file its address, stored bytes and SHA-256.
        rows: lines, rows or files, those that are no documents included.
        documents: how many of them were scored.
        quarantined: how many could not be read, by reason.
    """

    format: str
    codec: str | None
    files: tuple[Mapping[str, Any], ...]
    rows: int
    documents: int
    quarantined: Mapping[str, int]


@dataclass(frozen=True)
class Part:
    """A part: the same rows in ``documents/NAME.parquet`` and in the folder of each scorer.

    Attributes:
        name: of its files, without the suffix.
        source: the number of its source.
        first_row: its first line or row there, from 0.
        rows: how many lines or rows it covers.
        documents: how many documents it holds.
        bytes: of their text.
        digest: of the stored bytes.
    """

    name: str
    source: int
    first_row: int
    rows: int
    documents: int
    bytes: int
    digest: str


@dataclass(frozen=True)
class ScorerEntry:
    """A scorer whose columns are there."""

    name: str
    fingerprint: str
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Index:
    """All of it.

    Attributes:
        options: how the corpus was read; see `ReadOptions`.
    """

    options: Mapping[str, Any]
    sources: tuple[ScoredSource, ...]
    parts: tuple[Part, ...]
    scorers: tuple[ScorerEntry, ...]

    def to_json(self) -> dict[str, Any]:
        """As JSON values; a bound that is infinite is null."""
        return {
            "format": FORMAT,
            "options": dict(self.options),
            "sources": [asdict(source) for source in self.sources],
            "parts": [asdict(part) for part in self.parts],
            "scorers": [scorer_to_json(scorer) for scorer in self.scorers],
        }

    @classmethod
    def from_json(cls, text: str | bytes, where: str) -> Index:
        """Read what `to_json` gave.

        Raises:
            DataselectError: it is something else, or of a newer version.
        """
        try:
            found = json.loads(text)
            if found["format"] != FORMAT:
                raise DataselectError(
                    f"{where} is of format {found['format']}",
                    accepted=f"format {FORMAT}, which this version reads",
                    hint="use the version of zerocost that wrote it, or score the corpus again",
                )
            return cls(
                options=found["options"],
                sources=tuple(
                    ScoredSource(**{**source, "files": tuple(source["files"])})
                    for source in found["sources"]
                ),
                parts=tuple(Part(**part) for part in found["parts"]),
                scorers=tuple(scorer_from_json(scorer) for scorer in found["scorers"]),
            )
        except (ValueError, KeyError, TypeError) as cause:
            raise DataselectError(
                f"{where} is not the index of a score folder: {cause}",
                accepted="a folder that `dataselect score` wrote",
            ) from cause


def scorer_to_json(scorer: ScorerEntry) -> dict[str, Any]:
    """A scorer as JSON values."""
    columns = [asdict(column) for column in scorer.columns]
    for column in columns:
        for bound in ("low", "high"):
            if math.isinf(column[bound]):
                column[bound] = None
    return {"name": scorer.name, "fingerprint": scorer.fingerprint, "columns": columns}


def scorer_from_json(found: Mapping[str, Any]) -> ScorerEntry:
    """The inverse of `scorer_to_json`."""
    columns = []
    for column in found["columns"]:
        low = -math.inf if column["low"] is None else float(column["low"])
        high = math.inf if column["high"] is None else float(column["high"])
        columns.append(Column(**{**column, "low": low, "high": high}))
    return ScorerEntry(found["name"], found["fingerprint"], tuple(columns))
