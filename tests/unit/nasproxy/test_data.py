import dataclasses
import hashlib
import os
from pathlib import Path

import pytest

from nasproxy import data
from nasproxy.errors import NasproxyError
from zerocost import downloads
from zerocost.downloads import Download
from zerocost.errors import ZerocostError

NAMES = ["cifar10", "cifar100", "nasbench201", "nasbench201-proxies", "hw-nasbench201"]
NAMES += ["autoformer", "nasbench101", "flexibert", "flexibert-metrics"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZEROCOST_DATA_DIR", str(tmp_path))
    return tmp_path


def _place(folder: Path, file: Download, content: bytes) -> Path:
    path = folder / file.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def _of(content: bytes, name: str = "t.bin") -> Download:
    return Download(name, hashlib.sha256(content).hexdigest(), (), len(content), "CC0", "a table")


def test_every_data_set_has_a_name_an_address_and_a_hash() -> None:
    assert [s.name for s in data.list_data()] == NAMES
    for data_set in data.list_data():
        assert data_set.bytes > 10_000
        assert data_set.description
        assert data_set.licence
        for file in data_set.files:
            assert len(bytes.fromhex(file.sha256)) == 32
            assert all(url.startswith("https://") for url in file.urls)
            assert file.urls


def test_table_addresses_are_pinned_to_a_commit() -> None:
    tables = [f for s in data.list_data() for f in s.files if f.name.endswith(".csv")]
    assert len(tables) == 6
    for file in tables:
        commit = file.urls[0].split("/")[5]
        assert len(commit) == 40
        assert int(commit, 16)


def test_an_unknown_name_gets_the_nearest(folder: Path) -> None:
    for call in (data.fetch, lambda name: data.verify([name])):
        with pytest.raises(NasproxyError, match="no data set named 'cifar11'") as caught:
            call("cifar11")
        assert "did you mean cifar10" in str(caught.value)
        assert "hw-nasbench201" in str(caught.value)
    with pytest.raises(NasproxyError, match="nasproxy data list"):
        data.fetch("zzz")


def test_where_is_the_data_folder(folder: Path) -> None:
    assert data.where() == folder


def test_nothing_is_present_in_an_empty_folder(folder: Path) -> None:
    assert all(data.present(data_set) == () for data_set in data.list_data())
    assert data.verify() == []


def test_a_data_set_of_two_files_is_present_only_whole(folder: Path) -> None:
    proxies = next(s for s in data.list_data() if s.name == "nasbench201-proxies")
    first = _place(folder, proxies.files[0], b"")
    assert data.present(proxies) == ()
    second = _place(folder, proxies.files[1], b"")
    assert data.present(proxies) == (first, second)


def test_an_absent_file_is_needed_with_the_command_that_fetches_it(folder: Path) -> None:
    with pytest.raises(NasproxyError, match="is not there") as caught:
        data.need(data.HW_NASBENCH201)
    assert "`nasproxy data fetch hw-nasbench201` downloads it (3 MB)" in str(caught.value)
    with pytest.raises(NasproxyError, match=r"nasproxy data fetch cifar10` downloads it \(170 MB"):
        data.need(data.CIFAR10_ARCHIVE)


def test_an_altered_file_is_neither_used_nor_replaced(folder: Path) -> None:
    path = _place(folder, data.NASBENCH201, b"altered")
    with pytest.raises(ZerocostError, match="is not the file it should be"):
        data.need(data.NASBENCH201)
    with pytest.raises(ZerocostError, match="is not the file it should be"):
        data.fetch("nasbench201")
    (check,) = data.verify()
    assert (check.data_set, check.path) == ("nasbench201", path)
    assert check.problem is not None
    assert data.NASBENCH201.sha256 in check.problem
    assert hashlib.sha256(b"altered").hexdigest() in check.problem
    assert path.read_bytes() == b"altered"


def test_a_substitute_that_is_there_is_taken_before_anything_is_fetched(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> Path:
        pytest.fail("nothing may be downloaded")

    small = _of(b"small", "images/small.npz")
    archive = _of(b"large", "images/large.tar.gz")
    monkeypatch.setattr(data, "DATA_SETS", (data.DataSet("cifar10", (archive,), small),))
    path = _place(folder, small, b"small")
    with monkeypatch.context() as patched:
        patched.setattr(downloads, "fetch", refuse)
        assert data.fetch("cifar10") == (path,)
    assert data.present(data.list_data()[0]) == (path,)
    assert [check.problem for check in data.verify(["cifar10"])] == [None]
    path.unlink()
    with pytest.raises(ZerocostError, match="no public address"):
        data.fetch("cifar10")


@pytest.mark.skipif(
    not (Path(os.environ.get("ZEROCOST_DATA_DIR", "/nonexistent")) / "SHA256SUMS").is_file(),
    reason="ZEROCOST_DATA_DIR holds no SHA256SUMS to compare the registry with",
)
def test_the_registry_agrees_with_the_list_of_hashes() -> None:
    lines = (data.where() / "SHA256SUMS").read_text().splitlines()
    known = {name: digest for digest, name in (line.split() for line in lines)}
    files = [
        f for s in data.list_data() for f in (*s.files, *([s.substitute] * bool(s.substitute)))
    ]
    listed = [file for file in files if file is not None and file.name in known]
    assert len(listed) == 8
    for file in listed:
        assert known[file.name] == file.sha256
        path = downloads.verify(file)
        assert path.stat().st_size == file.bytes


def test_downloads_are_values() -> None:
    assert dataclasses.replace(data.NASBENCH201) == data.NASBENCH201
    assert len({f for s in data.list_data() for f in s.files}) == 10
