import errno
import json
import math
import os
import stat
from pathlib import Path

import pytest

from zerocost.errors import ZerocostError
from zerocost.files import sha256_of, to_json, whole_file, write_json, write_text


def test_the_file_has_its_name_only_after_the_block(tmp_path: Path) -> None:
    target = tmp_path / "scores.txt"
    with whole_file(target) as partial:
        partial.write_bytes(b"abc")
        assert not target.exists()
        assert partial.parent == tmp_path
    assert target.read_bytes() == b"abc"
    assert [p.name for p in tmp_path.iterdir()] == ["scores.txt"]


@pytest.mark.parametrize("raised", [RuntimeError("boom"), KeyboardInterrupt(), SystemExit(3)])
def test_nothing_appears_after_an_exception(tmp_path: Path, raised: BaseException) -> None:
    with pytest.raises(type(raised)), whole_file(tmp_path / "out") as partial:  # noqa: PT012
        partial.write_bytes(b"half")
        raise raised
    assert list(tmp_path.iterdir()) == []


def test_an_existing_output_is_refused_and_kept(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.write_text("old")
    with pytest.raises(ZerocostError, match="exists") as caught, whole_file(target):
        pytest.fail("the block must not run")
    assert "--overwrite" in str(caught.value)
    assert caught.value.bad_input
    assert target.read_text() == "old"


def test_an_output_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "out"
    with pytest.raises(ZerocostError, match="exists"), whole_file(target) as partial:  # noqa: PT012
        partial.write_text("ours")
        target.write_text("theirs")
    assert target.read_text() == "theirs"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_overwrite_keeps_the_old_file_until_the_end(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.write_text("old")
    with pytest.raises(RuntimeError), whole_file(target, overwrite=True) as partial:  # noqa: PT012
        partial.write_text("new")
        raise RuntimeError
    assert target.read_text() == "old"
    write_text(target, "new", overwrite=True)
    assert target.read_text() == "new"


def test_a_folder_is_no_output(tmp_path: Path) -> None:
    with pytest.raises(ZerocostError, match="is a folder"):
        write_text(tmp_path, "", overwrite=True)


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="the system has no /dev/null")
def test_a_device_is_never_replaced() -> None:
    with pytest.raises(ZerocostError, match="/dev/null is a device"):
        write_text(Path("/dev/null"), "", overwrite=True)
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("folder", ["absent", "file"])
def test_a_missing_folder_is_named(tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ZerocostError, match="folder does not exist") as caught:
        write_text(tmp_path / folder / "out", "")
    assert f"mkdir -p {tmp_path / folder}" in str(caught.value)


def test_an_unwritable_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ZerocostError, match="out cannot be written: Permission denied"):
        write_text(tmp_path / "out", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_disk_is_the_runs_fault_and_shows_the_space_left(tmp_path: Path) -> None:
    def fill() -> None:
        with Path("/dev/full").open("wb") as stream:
            stream.write(b"x")

    with pytest.raises(ZerocostError, match="disk is full") as caught, whole_file(tmp_path / "out"):
        fill()
    assert not caught.value.bad_input
    assert str(tmp_path / "out") in caught.value.wrong
    assert "bytes free" in caught.value.wrong
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_while_the_temporary_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ZerocostError, match="disk is full"):
        write_text(tmp_path / "out", "")


def test_a_compiled_writer_without_an_error_number_is_understood(tmp_path: Path) -> None:
    with pytest.raises(ZerocostError, match="disk is full"), whole_file(tmp_path / "out"):
        raise RuntimeError("No space left on device (os error 28)")


def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("")
    write_text(tmp_path / "out", "")
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_the_longest_name_that_the_system_takes(tmp_path: Path) -> None:
    target = tmp_path / ("é" * 127)
    write_text(target, "x")
    assert target.read_text() == "x"


def test_json_round_trips_floats_and_odd_names(tmp_path: Path) -> None:
    value = {"x": [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0], "name": "caf\udce9 ∑"}
    write_json(tmp_path / "v.json", value)
    back = json.loads((tmp_path / "v.json").read_text())
    assert back == value
    assert math.copysign(1, back["x"][-1]) == -1


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_json_refuses_what_it_cannot_hold(tmp_path: Path, value: float) -> None:
    with pytest.raises(ZerocostError, match="cannot be written as JSON") as caught:
        to_json({"score": value})
    assert "null" in str(caught.value)
    with pytest.raises(ZerocostError):
        write_json(tmp_path / "v.json", [value])
    assert list(tmp_path.iterdir()) == []


def test_sha256_of_known_texts(tmp_path: Path) -> None:
    # FIPS 180-2, appendix B.1, and the empty message
    (tmp_path / "abc").write_bytes(b"abc")
    (tmp_path / "empty").write_bytes(b"")
    assert sha256_of(tmp_path / "abc") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
    assert sha256_of(tmp_path / "empty").startswith("e3b0c44298fc1c149afbf4c8996fb924")


def test_what_a_killed_process_left_is_swept_and_what_a_living_one_writes_is_not(
    tmp_path: Path,
) -> None:
    out = tmp_path / "out"
    dead, other = (tmp_path / f".{name}.01234567.partial" for name in ("out", "other"))
    with whole_file(out, overwrite=True) as writing:
        os.utime(writing, (0, 0))  # written to for a long time
        for left in (dead, other):
            left.write_text("half")
        write_text(out, "first")
        assert dead.exists()  # it may be a moment old, and not locked yet
        os.utime(dead, (0, 0))
        write_text(out, "second", overwrite=True)
        assert not dead.exists()
        assert other.exists()
        assert writing.exists()
    assert out.read_text() == ""
    assert sorted(p.name for p in tmp_path.iterdir()) == [other.name, "out"]
