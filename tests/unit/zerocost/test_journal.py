import errno
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from zerocost.errors import ZerocostError
from zerocost.journal import Journal, holds_records

CONFIGURATION = {"space": "nasbench201", "seed": 0, "proxies": ["naswot", "snip"]}


def _filled(path: Path, count: int = 3) -> list[dict[str, object]]:
    records: list[dict[str, object]] = [{"i": i, "x": 0.1 * i, "t": "é"} for i in range(count)]
    with Journal(path, CONFIGURATION) as journal:
        assert journal.records == []
        for record in records:
            journal.append(record)
    return records


def test_records_come_back_in_order_and_more_can_be_added(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    records = _filled(path)
    with Journal(path, CONFIGURATION) as journal:
        assert journal.records == records
        journal.append({"i": 3})
    with Journal(path, CONFIGURATION) as journal:
        assert journal.records == [*records, {"i": 3}]


def test_a_kill_at_any_byte_loses_the_torn_line_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    records = _filled(path)
    whole = path.read_bytes()
    header = whole.index(b"\n") + 1
    for cut in range(header, len(whole) + 1):
        path.write_bytes(whole[:cut])
        kept = whole[:cut].count(b"\n") - 1
        with Journal(path, CONFIGURATION) as journal:
            assert journal.records == records[:kept]
            for record in records[kept:]:
                journal.append(record)
        assert path.read_bytes() == whole


def test_a_long_torn_line_leaves_nothing_behind_a_short_record(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    records = _filled(path)
    with path.open("ab") as stream:
        stream.write(b'{"text": "' + b"x" * 500)
    with Journal(path, CONFIGURATION) as journal:
        journal.append({"i": 3})
    assert path.read_bytes().endswith(b'\n{"i": 3}\n')
    with Journal(path, CONFIGURATION) as journal:
        assert journal.records == [*records, {"i": 3}]


def test_a_killed_process_loses_nothing_appended(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    script = (
        "import os, sys; from pathlib import Path; from zerocost.journal import Journal\n"
        "j = Journal(Path(sys.argv[1]), {})\n"
        "for i in range(5): j.append({'i': i})\n"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert done.returncode != 0
    with Journal(path, {}) as journal:
        assert journal.records == [{"i": i} for i in range(5)]


def test_another_configuration_shows_the_keys_that_differ(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    _filled(path)
    before = path.read_bytes()
    other = {"space": "nasbench201", "seed": 1, "budget": 5}
    with pytest.raises(ZerocostError) as caught:
        Journal(path, other)
    assert "seed: 0 there, 1 now" in caught.value.wrong
    assert "budget: 'absent' there, 5 now" in caught.value.wrong
    assert "proxies: ['naswot', 'snip'] there, 'absent' now" in caught.value.wrong
    assert "space" not in caught.value.wrong
    assert path.read_bytes() == before


def test_tuples_and_lists_are_the_same_configuration(tmp_path: Path) -> None:
    with Journal(tmp_path / "j", {"proxies": ("a", "b")}):
        pass
    with Journal(tmp_path / "j", {"proxies": ["a", "b"]}) as journal:
        assert journal.records == []


@pytest.mark.parametrize("content", [b"", b"my only notes", b"a,b\n1,2\n", b"[]\n", b"{}\n"])
def test_a_file_that_is_no_journal_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes"
    path.write_bytes(content)
    with pytest.raises(ZerocostError, match="line 1, is not a journal record"):
        Journal(path, {})
    assert path.read_bytes() == content


def test_damage_before_the_end_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    _filled(path)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = b'{"i": \xff\n'
    path.write_bytes(b"".join(lines))
    with pytest.raises(ZerocostError, match="line 3, is not a journal record"):
        Journal(path, CONFIGURATION)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_not_a_number_is_refused_and_leaves_no_trace(tmp_path: Path, value: float) -> None:
    path = tmp_path / "journal"
    with Journal(path, {}) as journal:
        before = path.read_bytes()
        with pytest.raises(ZerocostError, match="cannot be written as JSON"):
            journal.append({"score": value})
        assert path.read_bytes() == before


class _FullDisk:
    """A stream that takes three more bytes and then has no room."""

    def __init__(self, stream: object) -> None:
        self.stream, self.left = stream, 3

    def write(self, data: memoryview) -> int:
        if not self.left:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        part = data[: self.left]
        self.left -= len(part)
        return self.stream.write(part)  # type: ignore[attr-defined,no-any-return]

    def __getattr__(self, name: str) -> object:
        return getattr(self.stream, name)


def test_a_full_disk_leaves_a_journal_that_can_be_continued(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    records = _filled(path)
    before = path.read_bytes()
    with Journal(path, CONFIGURATION) as journal:
        stream = journal._stream
        journal._stream = _FullDisk(stream)  # type: ignore[assignment]
        with pytest.raises(ZerocostError, match="disk is full") as caught:
            journal.append({"i": 9})
        assert not caught.value.bad_input
        assert path.read_bytes() == before
        journal._stream = stream
        journal.append({"i": 10})
    with Journal(path, CONFIGURATION) as journal:
        assert journal.records == [*records, {"i": 10}]


def test_a_journal_without_records_takes_another_configuration(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    for configuration in ({"device": "a name much longer than the next"}, CONFIGURATION):
        Journal(path, configuration).close()
        assert not holds_records(path)
    with Journal(path, CONFIGURATION) as journal:
        journal.append({"i": 0})
    assert holds_records(path)
    with pytest.raises(ZerocostError, match="seed: 0 there, 1 now"):
        Journal(path, CONFIGURATION | {"seed": 1})
    with Journal(path, CONFIGURATION) as journal:
        assert journal.records == [{"i": 0}]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such lock")
def test_a_journal_in_use_is_refused_until_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with Journal(path, CONFIGURATION), pytest.raises(ZerocostError, match="another run"):
        Journal(path, CONFIGURATION)
    Journal(path, CONFIGURATION).close()


def test_no_file_and_a_torn_one_hold_no_records(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    assert not holds_records(path)
    assert not holds_records(tmp_path)
    path.write_bytes(b'{"configuration": {}}\n{"torn')
    assert not holds_records(path)
