"""Lists of retrieved items from JSON lines or Parquet, through Arrow, without an object a query."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from dataselect.errors import DataselectError
from dataselect.importance.groups import Groups, groups_of_names
from dataselect.importance.matching import Matching, matching_of
from dataselect.importance.retrievals import Retrievals
from zerocost.compiled import compiled

__all__ = ["RetrievalTable", "read_groups", "read_retrievals", "retrievals_of_table"]

ITEMS = ("retrieved", "retrieved_websites")
JSON_BLOCK = 1 << 26


@dataclass(frozen=True)
class RetrievalTable:
    """Retrievals, and what their numbers stand for.

    Attributes:
        retrievals: the lists of all files, one after the other.
        names: an Arrow array ``[items]``, strings or int64, in the order of first appearance.
        matching: the rule by which answers were compared; None where utilities were given.
        parts: where each file's queries begin and end.
        empty: how many queries have an empty list.
        without_right: how many have no utility that is not 0.
    """

    retrievals: Retrievals
    names: Any
    matching: str | None
    parts: tuple[tuple[int, int], ...]
    empty: int
    without_right: int

    def part(self, index: int) -> Retrievals:
        """The lists of one file, over the items of all."""
        return self.retrievals.take(np.arange(*self.parts[index], dtype=np.int64))


def read_retrievals(
    paths: Sequence[Path], *, match: str | Callable[[str], str] | Matching = "exact"
) -> RetrievalTable:
    """Read files of retrieved lists, one query a line or row.

    A query has a list ``retrieved`` (or ``retrieved_websites``) of item names, strings or integers
    of 64 bits, best rank first; and either ``utility``, a number an item, or
    ``retrieved_answers``, an answer an item, and ``correct_answers``. Other fields are left alone.

    Args:
        paths: ``.parquet``, or JSON lines whatever the name.
        match: how answers are compared; see `matching_of`.

    Raises:
        DataselectError: a file cannot be read, a field is missing or of another type, lists of one
            query differ in length, an id is negative, or a utility is missing, NaN or infinite.
    """
    import pyarrow as pa

    tables = []
    for path in paths:
        table = _read(path)
        try:
            tables.append(table.select(_fields(table)))
        except DataselectError as error:
            raise DataselectError(
                f"{path}: {error.wrong}", accepted=error.accepted, hint=error.hint
            ) from None
    ends = np.cumsum([0, *(len(table) for table in tables)]).tolist()
    try:
        table = pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowInvalid as cause:
        raise DataselectError(
            f"{' and '.join(map(str, paths))} do not go together: {cause}",
            accepted="files with the same fields of the same types",
        ) from cause
    found = retrievals_of_table(table, match=match)
    parts = tuple(pairwise(ends))
    return RetrievalTable(
        found.retrievals, found.names, found.matching, parts, found.empty, found.without_right
    )


def retrievals_of_table(
    table: Any, *, match: str | Callable[[str], str] | Matching = "exact"
) -> RetrievalTable:
    """Retrievals from an Arrow table whose columns are the fields of `read_retrievals`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    fields = _fields(table)
    indptr, ids = _lists(table, fields[0])
    if pa.types.is_integer(ids.type):
        ids = ids.cast(pa.int64())
        if len(ids) and (smallest := pc.min(ids).as_py()) < 0:
            where = int(pc.index(ids, smallest).as_py())
            raise DataselectError(
                f"query {_query_of(indptr, where)} has the item {smallest}",
                accepted="ids from 0 (some indexes write -1 where nothing was found)",
                hint="cut such positions from the lists",
            )
    elif not pa.types.is_null(ids.type):
        ids = _texts(ids, fields[0])
    coded = ids.dictionary_encode()
    matching = None
    answer = None
    if fields[1] == "utility":
        utility = _numbers(table, indptr)
    else:
        rule = matching_of(match)
        matching = rule.name
        utility, answer = _compared(table, indptr, rule)
    retrievals = Retrievals(
        indptr=indptr,
        items=coded.indices.to_numpy(zero_copy_only=False).astype(np.int32),
        utility=utility,
        n_items=len(coded.dictionary),
        answer=answer,
    )
    right = np.concatenate([[0], np.cumsum(utility != 0)])[indptr]
    return RetrievalTable(
        retrievals,
        coded.dictionary,
        matching,
        ((0, retrievals.n_queries),),
        int((retrievals.lengths == 0).sum()),
        int((np.diff(right) == 0).sum()),
    )


def read_groups(path: Path, names: Any) -> Groups:
    """Groups from JSON lines ``{"name": ..., "elements": [...]}``; an item in none stands alone.

    Args:
        path: the file.
        names: the items, as `RetrievalTable.names`.

    Raises:
        DataselectError: the file cannot be read, or an item stands in two groups.
    """
    table = _read(path)
    for column in ("name", "elements"):
        if column not in table.column_names:
            raise _no_field(f"{path} has no field {column!r}", table)
    indptr, elements = _lists(table, "elements")
    owners = np.repeat(np.arange(len(table)), np.diff(indptr))
    groups = table.column("name").cast("string").to_pylist()
    members: dict[str, str] = {}
    texts = elements.cast("string").to_pylist()
    for element, owner in zip(texts, owners.tolist(), strict=True):
        group = groups[owner]
        if group is None or members.setdefault(element, group) != group:
            raise DataselectError(
                f"{path}: {element!r} stands in {members.get(element)!r} and in {group!r}",
                accepted="one named group an item",
            )
    return groups_of_names([str(name) for name in names.to_pylist()], members)


def _read(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.json
    import pyarrow.parquet

    try:
        if path.suffix == ".parquet":
            return pyarrow.parquet.read_table(path)
        options = pyarrow.json.ReadOptions(block_size=JSON_BLOCK)
        return pyarrow.json.read_json(path, read_options=options)
    except (OSError, pa.ArrowException) as cause:
        raise DataselectError(
            f"{path} cannot be read: {str(cause).splitlines()[0]}",
            accepted="JSON lines, or .parquet; one query a line, ids all numbers or all strings",
        ) from cause


def _fields(table: Any) -> list[str]:
    names = set(table.column_names)
    items = next((name for name in ITEMS if name in names), None)
    if items is None:
        raise _no_field("there is no list of retrieved items", table)
    if "utility" in names:
        return [items, "utility"]
    missing = sorted({"retrieved_answers", "correct_answers"} - names)
    if missing:
        raise _no_field(f"there is neither 'utility' nor {' and '.join(map(repr, missing))}", table)
    return [items, "retrieved_answers", "correct_answers"]


def _no_field(wrong: str, table: Any) -> DataselectError:
    return DataselectError(
        f"{wrong} (there is {', '.join(table.column_names) or 'nothing'})",
        accepted='{"retrieved": [...], "utility": [...]}, or {"retrieved_websites": [...], '
        '"retrieved_answers": [...], "correct_answers": [...]}',
    )


def _lists(table: Any, field: str) -> tuple[Int64[np.ndarray, " offsets"], Any]:
    """Offsets and flat values of a column of lists."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = table.column(field).combine_chunks()
    if isinstance(column, pa.ChunkedArray):  # of no row, or from a newer Arrow
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    if pa.types.is_null(column.type):
        column = column.cast(pa.list_(pa.null()))
    if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)):
        raise DataselectError(f"{field!r} is {column.type}", accepted="a list a query")
    if column.null_count:
        where = int(pc.index(pc.is_null(column), True).as_py())
        raise DataselectError(
            f"query {where} has no {field!r}", accepted="a list in every query; it may be empty"
        )
    lengths = pc.list_value_length(column).to_numpy(zero_copy_only=False)
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    values = column.flatten()
    if values.null_count:
        where = int(pc.index(pc.is_null(values), True).as_py())
        raise DataselectError(
            f"query {_query_of(indptr, where)} has a null in {field!r}", accepted="values"
        )
    return indptr, values


def _aligned(table: Any, field: str, indptr: Int64[np.ndarray, " offsets"]) -> Any:
    own, values = _lists(table, field)
    if not np.array_equal(own, indptr):
        where = int(np.argmax(np.diff(own) != np.diff(indptr)))
        raise DataselectError(
            f"query {where} has {np.diff(indptr)[where]} retrieved items and "
            f"{np.diff(own)[where]} of {field!r}",
            accepted="one of each a position: an answer needs the source it came from",
        )
    return values


def _numbers(
    table: Any, indptr: Int64[np.ndarray, " offsets"]
) -> Float64[np.ndarray, " positions"]:
    import pyarrow as pa

    values = _aligned(table, "utility", indptr)
    kind = values.type
    if not (
        pa.types.is_floating(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_null(kind)
    ):
        raise DataselectError(f"'utility' holds {kind}", accepted="numbers, or true and false")
    if pa.types.is_boolean(kind):
        values = values.cast(pa.int8())
    found: Float64[np.ndarray, " positions"] = values.cast(pa.float64()).to_numpy(
        zero_copy_only=False
    )
    return found


def _compared(
    table: Any, indptr: Int64[np.ndarray, " offsets"], rule: Matching
) -> tuple[Float64[np.ndarray, " positions"], Int64[np.ndarray, " positions"]]:
    """Utility 1 where an answer is among the correct ones, and the answers as numbers."""
    given = _texts(_aligned(table, "retrieved_answers", indptr), "retrieved_answers")
    correct_indptr, correct = _lists(table, "correct_answers")
    numbers: dict[str, int] = {}
    coded = given.dictionary_encode()
    answer = _keys(coded, rule, numbers)
    wanted = _keys(_texts(correct, "correct_answers").dictionary_encode(), rule, numbers)
    utility = np.zeros(len(answer))
    _mark_right(indptr, answer, correct_indptr, wanted, utility)
    return utility, answer


def _keys(coded: Any, rule: Matching, numbers: dict[str, int]) -> Int64[np.ndarray, " positions"]:
    """Texts as numbers, equal where the rule's keys are; the rule sees each text once."""
    keys = [numbers.setdefault(rule.key(t), len(numbers)) for t in coded.dictionary.to_pylist()]
    found: Int64[np.ndarray, " positions"] = np.array(keys, dtype=np.int64)[
        coded.indices.to_numpy(zero_copy_only=False)
    ]
    return found


def _texts(values: Any, field: str) -> Any:
    import pyarrow as pa

    if pa.types.is_null(values.type):
        return values.cast(pa.large_string())
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        raise DataselectError(f"{field!r} holds {values.type}", accepted="strings")
    return values.cast(pa.large_string())


def _query_of(indptr: Int64[np.ndarray, " offsets"], position: int) -> int:
    return int(np.searchsorted(indptr, position, side="right")) - 1


@compiled
def _mark_right(
    indptr: Int64[np.ndarray, " offsets"],
    answer: Int64[np.ndarray, " positions"],
    correct_indptr: Int64[np.ndarray, " offsets"],
    correct: Int64[np.ndarray, " correct"],
    utility: Float64[np.ndarray, " positions"],
) -> None:
    for query in range(indptr.shape[0] - 1):
        for i in range(indptr[query], indptr[query + 1]):
            for j in range(correct_indptr[query], correct_indptr[query + 1]):
                if answer[i] == correct[j]:
                    utility[i] = 1.0
                    break
