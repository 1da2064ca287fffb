"""Reading JSON lines in parts against a plain reading of the whole file."""

import gzip
import json
import re
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataselect.corpus import ReadOptions, find_corpus, read_parts, streams
from dataselect.corpus.json_strings import string_column
from dataselect.corpus.newlines import count_newlines, newline_places
from dataselect.corpus.parts import SourceEnd
from dataselect.corpus.reading import cut

SURROGATE = re.compile("[\ud800-\udfff]")


def plain(content: bytes, limit: int, lossy: bool) -> tuple[list[Any], list[tuple[int, str]]]:
    """Documents as (row, id, text) and quarantined as (row, reason), line by line."""
    content = content.removeprefix(b"\xef\xbb\xbf")
    lines = content.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    documents, quarantined = [], []
    for row, line in enumerate(lines):
        if len(line) > limit:
            quarantined.append((row, "too_large"))
            continue
        if not line.strip(b" \t\r\n"):
            continue
        try:
            text = line.decode("utf-8", "replace" if lossy else "strict")
        except UnicodeDecodeError:
            quarantined.append((row, "invalid_utf8"))
            continue
        try:
            found = json.loads(text, strict=not lossy)
        except ValueError:
            quarantined.append((row, "malformed_json"))
            continue
        if not isinstance(found, dict):
            quarantined.append((row, "not_an_object"))
        elif found.get("text") is None:
            quarantined.append((row, "no_text"))
        elif not isinstance(found["text"], str):
            quarantined.append((row, "text_not_string"))
        elif not lossy and SURROGATE.search(json.dumps(found, ensure_ascii=False)):
            quarantined.append((row, "invalid_utf8"))
        elif not lossy and re.search(r"NaN|Infinity", text):
            quarantined.append((row, "malformed_json"))
        else:
            name = found.get("id")
            documents.append((row, name, SURROGATE.sub("\ufffd", found["text"])))
    return documents, quarantined


any_text = st.text(st.characters(codec=None, exclude_characters="NI"), max_size=12)
records = st.builds(
    lambda record, ascii: json.dumps(record, ensure_ascii=ascii).encode("utf-8", "surrogatepass"),
    st.fixed_dictionaries(
        {"text": any_text},
        optional={
            "id": st.none() | st.sampled_from(["a", "é"]),
            "other": st.sampled_from([1, [], {"text": "x"}, None, float("nan")]),
        },
    ),
    st.booleans(),
)
lines = st.one_of(
    records,
    records,
    records,
    st.builds(lambda a, b: a + b, records, records),
    st.builds(lambda record: record.replace(b": ", b":\n"), records),
    st.builds(lambda record: record[: len(record) // 2], records),
    st.binary(max_size=8),
    st.sampled_from(
        [b"", b"  ", b"\r", b"null", b"[]", b'"x"', b'{"text": 1}', b'{"text": null}', b"{}"]
        + [b'{"text": "' + b"w" * n + b'"}' for n in (30, 60, 61, 200)]
        + [b'{"text": "\xff"}', b'{"text": "a\x00b"}', b'{"text": "a\\u0000b"}', b"{", b"}"]
        + [b'{"a":{"text":"q"}', b'{"text":"b"}}']
    ),
)
contents = st.builds(
    lambda bom, body, ending, last: bom + ending.join(body) + last,
    st.sampled_from([b"", b"", b"\xef\xbb\xbf"]),
    st.lists(lines, max_size=12),
    st.sampled_from([b"\n", b"\n", b"\r\n"]),
    st.sampled_from([b"", b"\n", b"\n\n"]),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    content=contents,
    part=st.integers(1, 120),
    limit=st.integers(20, 120),
    block=st.integers(3, 50),
    lossy=st.booleans(),
    codec=st.sampled_from(["", ".gz", ".zst"]),
)
def test_parts_hold_what_a_plain_reading_finds(
    *, content: bytes, part: int, limit: int, block: int, lossy: bool, codec: str
) -> None:
    packed = {
        "": lambda: content,
        ".gz": lambda: gzip.compress(content),
        ".zst": lambda: pa.compress(content, "zstd", asbytes=True),
    }[codec]()
    options = ReadOptions(part_bytes=part, max_document_bytes=limit, lossy=lossy)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr(streams, "BLOCK", block)
        path = Path(folder) / f"a.jsonl{codec}"
        path.write_bytes(packed)
        source = find_corpus([str(path)])[0]
        parts = list(read_parts(source, options))
        raw = list(cut(source, options))
    documents, quarantined = plain(content, limit, lossy)
    read = [(row["row"], row["id"], row["text"]) for p in parts for row in p.batch.to_pylist()]
    assert read == documents
    assert [(q.row, q.reason) for p in parts for q in p.quarantined] == quarantined
    end = raw.pop()
    assert isinstance(end, SourceEnd)
    rows = 0
    for found, stored in zip(parts, raw, strict=True):
        assert found.first_row == rows == stored.first_row
        rows += found.rows
    assert rows == end.rows
    assert [p.number for p in parts] == sorted({p.number for p in parts})


@settings(max_examples=60, deadline=None)
@given(content=contents, part=st.integers(1, 120), blocks=st.tuples(*[st.integers(3, 60)] * 2))
def test_where_a_corpus_is_cut_and_its_digests_do_not_depend_on_the_blocks_read(
    content: bytes, part: int, blocks: tuple[int, int]
) -> None:
    options = ReadOptions(part_bytes=part, max_document_bytes=50)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"
        path.write_bytes(content)
        source = find_corpus([str(path)])[0]
        for block in blocks:
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(streams, "BLOCK", block)
                raw = list(cut(source, options))
                end = raw.pop()
                assert isinstance(end, SourceEnd)
                found.append(
                    [(p.number, p.first_row, p.rows, p.digest) for p in raw] + [end.sha256]
                )
    assert found[0] == found[1]


GOOD = st.sampled_from(
    [
        *(b"a", b"w" * 7, b"w" * 8, b"w" * 31, b"\x20", b"\x7f"),
        *(b'\\"', b"\\\\", b"\\/", b"\\n", b"\\u0000", b"\\u00e9", b"\\u20AC", b"\\ud83c\\udf89"),
        *(text.encode() for text in "é€\U0001f389"),
    ]
)
BAD = st.sampled_from(
    [
        *(b"\\ud83c", b"\\udf89", b"\\u12", b"\\x", b"\\", b'"', b"\x00", b"\x1f"),
        *(b"\xff", b"\xc3", b"\xe2\x82", b"\xed\xa0\x80"),
    ]
)
INSIDES = st.lists(GOOD, max_size=12).map(b"".join)
SPOILED = st.tuples(INSIDES, BAD, INSIDES).map(b"".join)
OTHERS = st.sampled_from([b"null", b"1", b"[]", b"", b'"', b'"a', b'"a" "b"'])


@settings(max_examples=300, deadline=None)
@given(st.lists(INSIDES, max_size=6), st.none() | SPOILED, st.none() | OTHERS)
def test_strings_of_json_are_those_of_msgspec(
    insides: list[bytes], spoiled: bytes | None, other: bytes | None
) -> None:
    insides = insides if spoiled is None else [spoiled, *insides]
    written = [b'"' + inside + b'"' for inside in insides]
    written = written if other is None else [*written, other]
    try:
        expected = [msgspec.json.decode(string, type=str) for string in written]
    except (msgspec.DecodeError, UnicodeDecodeError):
        expected = None
    found = string_column(written, BytesIO(b"left from before" * 99))
    assert (found if found is None else found.to_pylist()) == expected
    if found is not None:
        found.validate(full=True)


@given(st.lists(st.integers(0, 200), max_size=8), st.integers(0, 130), st.binary(max_size=80))
def test_newlines_are_found_where_they_stand(gaps: list[int], before: int, behind: bytes) -> None:
    content = b"\r" * before + b"\n".join(b"\x8a" * gap for gap in gaps) + behind
    data = np.frombuffer(content, np.uint8)
    places = np.flatnonzero(data == ord("\n"))
    assert newline_places(data).tolist() == places.tolist()
    assert count_newlines(data) == len(places)
