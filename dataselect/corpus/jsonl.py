"""Documents from JSON lines: blocks of good lines at once, others line by line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from dataselect.corpus.documents import BATCH_BYTES, as_name, document_batch
from dataselect.corpus.options import ReadOptions
from dataselect.corpus.parts import Quarantined, RawPart

if TYPE_CHECKING:
    import msgspec
    import pyarrow as pa

__all__ = ["decode_lines"]

_NEWLINE, _RETURN, _OPEN, _CLOSE = b"\n\r{}"
_BLANK = b" \t\r\n"
_SURROGATE = re.compile("[\ud800-\udfff]")
_DETAIL = 200
_NAMES = ("id", "domain")


def decode_lines(
    raw: RawPart, options: ReadOptions, quarantine: Callable[[Quarantined], None]
) -> Iterator[pa.RecordBatch]:
    """The documents of a part of lines, in batches.

    Args:
        raw: a part of `cut_lines`.
        options: how it is read.
        quarantine: called with each line that is no document, in order.
    """
    from dataselect.corpus.newlines import newline_places

    assert isinstance(raw.content, bytes | bytearray)
    content = raw.content
    start, row = 0, raw.first_row
    spare = BytesIO()
    while start < len(content):
        end = content.find(b"\n", min(start + BATCH_BYTES, len(content)) - 1) + 1 or len(content)
        block = memoryview(content)[start:end]
        ends = newline_places(np.frombuffer(block.toreadonly(), np.uint8))
        if block[-1] != _NEWLINE:
            ends = np.append(ends, len(block))
        good = _good(block, ends, options, spare)
        texts: Any
        if good is not None:
            records, texts = good
            rows = np.arange(row, row + len(ends))
        else:
            found = list(_each(_lines(block, ends, row), raw, options, quarantine))
            rows = np.array([at for at, _ in found], np.int64)
            records = [record for _, record in found]
            texts = [record.text for record in records]
        if records:
            ids, domains = ([getattr(record, name) for record in records] for name in _NAMES)
            yield document_batch(raw.source.address, rows, ids, domains, texts)
        row += len(ends)
        start = end


def _good(
    block: memoryview,
    ends: np.ndarray[Any, np.dtype[np.int64]],
    options: ReadOptions,
    spare: BytesIO,
) -> tuple[list[Any], pa.Array[Any]] | None:
    """The records and texts of a block of documents, one a line; None where it may not be so.

    msgspec takes several objects on a line and objects over several lines. Where every line begins
    with { and ends with }, none can begin on one line and end on another (after } or before { in an
    object or list there would have to be a comma), so each line holds at least one; and with as
    many objects as lines, exactly one.
    """
    import msgspec

    from dataselect.corpus.json_strings import string_column

    if len(block) > options.max_document_bytes and (
        max(ends[0], np.diff(ends).max(initial=0) - 1) > options.max_document_bytes
    ):
        return None
    data = np.frombuffer(block, np.uint8)
    if data[0] != _OPEN or not (data[ends[:-1] + 1] == _OPEN).all():
        return None
    last = data[ends - 1]
    returns = last == _RETURN
    if returns.any():
        last = np.where(returns, data[np.maximum(ends - 2, 0)], last)
    if not (last == _CLOSE).all():
        return None
    try:
        records = _decoder(options.text, options.id, options.domain, raw=True).decode_lines(block)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    written = [record.text for record in records]
    if len(records) != len(ends) or any(text is None for text in written):
        return None
    texts = string_column(written, spare)
    return None if texts is None else (records, texts)


class _NoDocument(Exception):
    """Why a line is none: reason and detail."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


def _lines(
    block: memoryview, ends: np.ndarray[Any, np.dtype[np.int64]], row: int
) -> Iterator[tuple[int, bytes]]:
    start = 0
    for end in ends.tolist():
        yield row, bytes(block[start:end])
        start, row = end + 1, row + 1


def _each(
    lines: Iterator[tuple[int, bytes]],
    raw: RawPart,
    options: ReadOptions,
    quarantine: Callable[[Quarantined], None],
) -> Iterator[tuple[int, Any]]:
    """The documents among any lines, each with its row."""
    for row, line in lines:
        size = raw.oversize.get(row - raw.first_row, len(line))
        try:
            if size > options.max_document_bytes:
                limit = f"{size:,} bytes; the limit is {options.max_document_bytes:,}"
                raise _NoDocument("too_large", limit)
            if line.strip(_BLANK):
                yield row, _record(line, options)
        except _NoDocument as why:
            quarantine(Quarantined(raw.source.address, row, why.reason, size, why.detail[:_DETAIL]))


def _record(line: bytes, options: ReadOptions) -> Any:
    import msgspec

    try:
        record = _decoder(options.text, options.id, options.domain).decode(line)
    except (msgspec.MsgspecError, ValueError, RecursionError) as cause:
        return _refused(line, options, str(cause))
    if record.text is None:
        raise _NoDocument("no_text", f"no {options.text!r}")
    return record


def _refused(line: bytes, options: ReadOptions, why: str) -> Any:
    """The record of a line that msgspec refused, or what is wrong by Python's own reader."""
    found = _object(line, options.lossy)
    value = found.get(options.text)
    if value is None:
        raise _NoDocument("no_text", f"no {options.text!r}")
    if not isinstance(value, str):
        kind = type(value).__name__
        raise _NoDocument("text_not_string", f"{options.text!r} is a JSON {kind}")
    if not options.lossy:
        if _SURROGATE.search(json.dumps(found, ensure_ascii=False)):
            raise _NoDocument("invalid_utf8", "half of a surrogate pair")
        raise _NoDocument("malformed_json", why)
    names = (as_name(found.get(name)) for name in (options.id, options.domain))
    return _decoder(options.text, options.id, options.domain).type(*map(_whole, (value, *names)))


def _object(line: bytes, lossy: bool) -> dict[str, Any]:
    try:
        text = line.decode("utf-8", "replace" if lossy else "strict")
        found = json.loads(text, strict=not lossy)
    except UnicodeDecodeError as cause:
        raise _NoDocument("invalid_utf8", str(cause)) from cause
    except (ValueError, RecursionError) as cause:
        raise _NoDocument("malformed_json", str(cause)) from cause
    if not isinstance(found, dict):
        raise _NoDocument("not_an_object", f"a JSON {type(found).__name__}")
    return found


def _whole(text: str | None) -> str | None:
    return text if text is None else _SURROGATE.sub("\ufffd", text)


@cache
def _decoder(text: str, id: str, domain: str, *, raw: bool = False) -> msgspec.json.Decoder[Any]:
    """Decodes the three fields and passes over all others; the text as it is written if raw."""
    import msgspec

    record = msgspec.defstruct(
        "Record",
        [
            ("text", msgspec.Raw if raw else str | None, msgspec.field(name=text, default=None)),
            ("id", Any, msgspec.field(name=id, default=None)),
            ("domain", Any, msgspec.field(name=domain, default=None)),
        ],
        gc=False,
    )
    return msgspec.json.Decoder(record)
