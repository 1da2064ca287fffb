"""What may be changed in a document on its way out: its text, by an explicit edit, or a column."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dataselect.corpus.options import ReadOptions
from zerocost.files import to_json

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["AddedColumn", "Rewriting", "repaired_line", "rewritten_line"]

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class AddedColumn:
    """A column that the output has beside those of the input.

    Attributes:
        name: of the column or field.
        type: of its values.
        values: file's address and rows, ascending -> a value a row.
    """

    name: str
    type: pa.DataType
    values: Callable[[str, Sequence[int]], Sequence[Any]]


@dataclass(frozen=True)
class Rewriting:
    """How documents are changed; by default not at all, not even in their spelling as JSON.

    Attributes:
        options: how the corpus is read.
        edit: texts, an Arrow array of strings -> texts, as many.
        added: one more column.
    """

    options: ReadOptions
    edit: Callable[[Any], Any] | None = None
    added: AddedColumn | None = None

    @property
    def changes_lines(self) -> bool:
        """Whether a line of JSON may come out other than it went in."""
        return self.options.lossy or self.edit is not None or self.added is not None


def rewritten_line(
    line: bytes, options: ReadOptions, text: str | None, added: tuple[str, Any] | None
) -> bytes:
    """A line of JSON with another text, or one more field; everything else as it was, to the byte.

    Args:
        line: a JSON object.
        options: which field holds the text.
        text: the new text; None leaves it.
        added: name and value of a further field.
    """
    import msgspec

    line = line.strip(b" \t\r\n")
    if text is not None:
        try:
            fields: dict[str, Any] = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
        except (msgspec.MsgspecError, ValueError):
            fields = json.loads(line.decode("utf-8", "replace"), strict=False)
        fields[options.text] = text
        line = msgspec.json.encode(fields)
    if added is not None:
        field = f"{to_json(added[0])}:{to_json(added[1])}"
        line = line[:-1].rstrip() + b"," + field.encode() + b"}"
    return line


def repaired_line(line: bytes) -> bytes:
    """A line that was read with ``lossy``, without bytes that are no UTF-8 and half surrogates."""
    try:
        text = line.decode()
        if "\\u" not in text:
            return line
        found = json.dumps(json.loads(text, strict=False), ensure_ascii=False)
        if not _SURROGATE.search(found):
            return line
    except UnicodeDecodeError:
        text = line.decode("utf-8", "replace")
    found = json.dumps(json.loads(text, strict=False), ensure_ascii=False)
    return _SURROGATE.sub("\ufffd", found).encode()
