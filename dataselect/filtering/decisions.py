"""Which documents of a source a recipe keeps, and what the others broke, part by part."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Int64

from dataselect.scores.folder import ScoreFolder

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["BROKEN", "Decide", "Decided", "SourceDecisions", "broken_type", "decided_part"]

BROKEN = "rejected_by"
"""The column of rejected documents: every rule that each broke, the value and the limit."""


@dataclass(frozen=True)
class Decided:
    """What a recipe says of the documents of a table.

    Attributes:
        kept: of each document whether it breaks no rule.
        broken: of each document the rules that it breaks, an Arrow list of `broken_type`.
    """

    kept: Bool[np.ndarray, " documents"]
    broken: Any

    def rules(self) -> tuple[Counter[str], Counter[str]]:
        """How many documents break each rule, and how many break it and no other."""
        import pyarrow.compute as pc

        flat = self.broken.flatten()
        names = np.array(
            [f"{s} {b}" for s, b in zip(flat.field("signal"), flat.field("bound"), strict=True)],
            dtype=object,
        )
        sizes = pc.list_value_length(self.broken).to_numpy(zero_copy_only=False)
        return Counter(names.tolist()), Counter(names[np.repeat(sizes, sizes) == 1].tolist())


Decide = Callable[["pa.Table"], Decided]
"""A table of scores -> what a recipe says; can be pickled."""


def broken_type() -> pa.DataType:
    """The Arrow type of `BROKEN`: signal, value, which bound, and the limit."""
    import pyarrow as pa

    fields: list[pa.Field[Any]] = [
        pa.field("signal", pa.string()),
        pa.field("value", pa.float64()),
        pa.field("bound", pa.string()),
        pa.field("limit", pa.float64()),
    ]
    return pa.list_(pa.struct(fields))


def decided_part(
    scores: ScoreFolder, columns: Sequence[str], decide: Decide, part: int
) -> tuple[pa.Table, Decided]:
    """A part of a score folder, and what is decided of it."""
    table = scores.part(part, ["source", "row", *columns])
    return table, decide(table)


class SourceDecisions:
    """The rows of a source's files that are kept and rejected; only row numbers stay in memory."""

    def __init__(
        self, scores: ScoreFolder, columns: Sequence[str], decide: Decide, source: int
    ) -> None:
        self._decided = lru_cache(maxsize=1)(
            lambda part: decided_part(scores, columns, decide, part)
        )
        rows: dict[tuple[str, bool], list[Int64[np.ndarray, " some"]]] = {}
        self._parts: dict[str, list[int]] = {}
        for at, part in enumerate(scores.parts):
            if part.source != source or not part.documents:
                continue
            table, decided = self._decided(at)
            numbers = table["row"].to_numpy()
            for address, these in _by_file(table):
                self._parts.setdefault(address, []).append(at)
                for kept in (True, False):
                    chosen = these[decided.kept[these] == kept]
                    rows.setdefault((address, kept), []).append(numbers[chosen])
        self._rows = {key: np.concatenate(found) for key, found in rows.items()}
        self._ends = {
            address: [scores.parts[at].first_row + scores.parts[at].rows for at in parts]
            for address, parts in self._parts.items()
        }

    def kept(self, address: str) -> Int64[np.ndarray, " rows"]:
        """The rows of a file that break no rule, ascending."""
        return self._rows.get((address, True), np.zeros(0, np.int64))

    def rejected(self, address: str) -> Int64[np.ndarray, " rows"]:
        """The rows of a file that break one, ascending."""
        return self._rows.get((address, False), np.zeros(0, np.int64))

    def reasons(self, address: str, rows: Sequence[int]) -> list[list[dict[str, Any]]]:
        """What some rejected rows broke, ascending; decided anew, so that it need not be kept."""
        parts = self._parts[address]
        found: list[list[dict[str, Any]]] = []
        for row in rows:
            # A text file has one part; a file of rows has its parts one after the other.
            at = parts[0] if len(parts) == 1 else parts[bisect_right(self._ends[address], row)]
            table, decided = self._decided(at)
            if len(parts) == 1 and table["source"][0].as_py() != table["source"][-1].as_py():
                place = int(pc_index(table, address))
            else:
                place = int(np.searchsorted(table["row"].to_numpy(), row))
            found.append(decided.broken[place].as_py())
        return found


def pc_index(table: pa.Table, address: str) -> int:
    """Where the document of a text file stands in a part of many."""
    import pyarrow.compute as pc

    return int(pc.index(table["source"], address).as_py())


def _by_file(table: pa.Table) -> Iterator[tuple[str, Int64[np.ndarray, " some"]]]:
    """The files of a part, each with the indices of its documents."""
    encoded: Any = table["source"].combine_chunks().dictionary_encode()
    codes = encoded.indices.to_numpy()
    for code, address in enumerate(encoded.dictionary.to_pylist()):
        yield address, np.flatnonzero(codes == code)
