"""JSON and journals give back what they were given, whatever it is and wherever a write stopped."""

import json
import struct
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from zerocost.files import to_json
from zerocost.journal import Journal

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | FLOATS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
RECORDS = st.lists(st.dictionaries(st.text(), JSON, max_size=4), max_size=6)


@given(FLOATS)
def test_floats_read_back_to_the_same_bits(value: float) -> None:
    assert struct.pack("d", json.loads(to_json([value]))[0]) == struct.pack("d", value)


@settings(max_examples=40, deadline=None)  # every example waits for the disk
@given(RECORDS, st.data())
def test_a_journal_cut_anywhere_keeps_a_beginning_and_can_be_completed(
    records: list[dict[str, object]], draw: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal"
        with Journal(path, {"seed": 0}) as journal:
            for record in records:
                journal.append(record)
        whole = path.read_bytes()
        cut = draw.draw(st.integers(whole.index(b"\n") + 1, len(whole)))
        path.write_bytes(whole[:cut])
        with Journal(path, {"seed": 0}) as journal:
            kept = len(journal.records)
            assert journal.records == records[:kept]
            for record in records[kept:]:
                journal.append(record)
        assert path.read_bytes() == whole
