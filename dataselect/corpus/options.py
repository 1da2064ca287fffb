"""How a corpus is read: the columns, what is let through, and where parts are cut."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from dataselect.errors import DataselectError

__all__ = ["MIB", "ReadOptions"]

MIB = 1 << 20
_LARGEST_DOCUMENT = 1 << 30  # Arrow strings count their bytes in 32 bits


@dataclass(frozen=True)
class ReadOptions:
    """What decides which documents a corpus holds, and how they fall into parts.

    Attributes:
        text: the column or field of the text.
        id: the column of a document's own name; a corpus without it has null ids.
        domain: the column of a document's domain, for quotas; null where there is none.
        lossy: whether what is no valid UTF-8 becomes U+FFFD, and JSON that only Python's reader
            takes (NaN, raw control characters) is taken. Otherwise both go to quarantine.
        max_document_bytes: a longer line of JSON, or a longer text in Parquet or a text file, goes
            to quarantine, and is never held in memory whole.
        part_bytes: a part, the unit of work and of checkpoints, is about as many bytes of JSON
            lines, or of text in Parquet and text files.
    """

    text: str = "text"
    id: str = "id"
    domain: str = "domain"
    lossy: bool = False
    max_document_bytes: int = 64 * MIB
    part_bytes: int = 32 * MIB

    def __post_init__(self) -> None:
        if not 1 <= self.max_document_bytes <= _LARGEST_DOCUMENT:
            raise DataselectError(
                f"documents of at most {self.max_document_bytes:,} bytes",
                accepted=f"1 .. {_LARGEST_DOCUMENT:,}",
            )
        if self.part_bytes < 1:
            raise DataselectError(
                f"parts of {self.part_bytes:,} bytes", accepted="1 or more; 16 to 64 MiB are usual"
            )
        columns = (self.text, self.id, self.domain)
        if not all(columns) or len(set(columns)) < len(columns):
            raise DataselectError(
                f"the columns of text, id and domain are {', '.join(map(repr, columns))}",
                accepted="three different names",
            )

    def as_dict(self) -> dict[str, object]:
        """As JSON values, for manifests and comparisons."""
        return asdict(self)
