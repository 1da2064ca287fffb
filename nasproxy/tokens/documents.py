"""Documents of a file, whole in memory: a batch needs few, its vocabulary some thousands."""

from __future__ import annotations

import json
from pathlib import Path

from nasproxy.errors import NasproxyError

__all__ = ["read_documents"]

_ACCEPTED = ".parquet or .jsonl with a column 'text', or .txt with a document a line"


def read_documents(path: Path) -> list[str]:
    """The texts of a file in its order, without empty ones.

    Raises:
        NasproxyError: the file is absent, of another kind, malformed, or without text.
    """
    readers = {".parquet": _parquet, ".jsonl": _jsonl, ".txt": _lines}
    reader = readers.get(path.suffix)
    if reader is None:
        raise NasproxyError(f"{path} is no file of documents", accepted=_ACCEPTED)
    try:
        documents = [text for text in reader(path) if text and text.strip()]
    except (OSError, ValueError, UnicodeDecodeError) as cause:
        raise NasproxyError(f"{path} cannot be read: {cause}", accepted=_ACCEPTED) from cause
    if not documents:
        raise NasproxyError(f"{path} holds no text", accepted=_ACCEPTED)
    return documents


def _parquet(path: Path) -> list[str | None]:
    import pyarrow.parquet as pq

    if "text" not in pq.read_schema(path).names:
        raise ValueError("it has no column 'text'")
    found: list[str | None] = pq.read_table(path, columns=["text"]).column("text").to_pylist()
    return found


def _jsonl(path: Path) -> list[str | None]:
    texts: list[str | None] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip():
            record = json.loads(line)
            if not isinstance(record, dict) or not isinstance(record.get("text"), str):
                raise ValueError(f"line {number} has no text")
            texts.append(record["text"])
    return texts


def _lines(path: Path) -> list[str | None]:
    return list(path.read_text(encoding="utf-8").splitlines())
