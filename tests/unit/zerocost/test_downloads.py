import errno
import hashlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from zerocost.downloads import Download, data_dir, fetch, locate, verify
from zerocost.errors import ZerocostError

BODY = bytes(range(256)) * 1000
CUT = 1 << 17
SHA256 = hashlib.sha256(BODY).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/missing":
            self.send_error(404)
            return
        body = BODY[::-1] if self.path == "/altered" else BODY
        self.send_response(200)
        if self.path == "/tiny":
            body, announced = b"abc", 1000
        else:
            announced = len(body)
        if self.path != "/short-unannounced":
            self.send_header("Content-Length", str(announced))
        self.end_headers()
        self.wfile.write(body[:CUT] if self.path.startswith("/short") else body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZEROCOST_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "data"


def _download(*urls: str) -> Download:
    return Download("tables/t.bin", SHA256, urls, len(BODY), "CC0", "a table")


def _left(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_good_download_appears_with_progress(address: str, folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    assert locate(_download()) is None
    path = fetch(_download(f"{address}/good"), progress=lambda a, b: seen.append((a, b)))
    assert path == folder / "tables" / "t.bin"
    assert path.read_bytes() == BODY
    assert _left(folder) == [path]
    done = [a for a, _ in seen]
    assert done == sorted(done)
    assert seen[-1] == (len(BODY), len(BODY))
    assert verify(_download()) == locate(_download()) == path


def test_a_file_that_is_there_is_taken_without_a_request(folder: Path) -> None:
    (folder / "tables").mkdir(parents=True)
    (folder / "tables" / "t.bin").write_bytes(BODY)
    assert fetch(_download("http://127.0.0.1:9/never")).read_bytes() == BODY


def test_another_file_of_that_name_is_reported_and_kept(address: str, folder: Path) -> None:
    (folder / "tables").mkdir(parents=True)
    path = folder / "tables" / "t.bin"
    path.write_bytes(b"mine")
    for check in (fetch, verify):
        with pytest.raises(ZerocostError, match="is not the file it should be") as caught:
            check(_download(f"{address}/good"))
        message = str(caught.value)
        assert SHA256 in message
        assert hashlib.sha256(b"mine").hexdigest() in message
        assert f"expected {len(BODY):,} bytes" in message
        assert "got 4 bytes" in message
        assert "move it away" in message
        assert path.read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("page", "body"),
    [
        ("short", BODY[:CUT]),
        ("short-unannounced", BODY[:CUT]),
        ("altered", BODY[::-1]),
        ("tiny", b""),  # cut before the first whole chunk
    ],
)
def test_a_cut_or_altered_download_shows_both_hashes(
    address: str, folder: Path, page: str, body: bytes
) -> None:
    with pytest.raises(ZerocostError, match="could not be downloaded") as caught:
        fetch(_download(f"{address}/{page}"))
    message = str(caught.value)
    assert f"{address}/{page}" in message
    assert f"expected {len(BODY):,} bytes with sha256 {SHA256}" in message
    assert f"got {len(body):,} bytes with sha256 {hashlib.sha256(body).hexdigest()}" in message
    assert f"by hand at {folder / 'tables' / 't.bin'}" in message
    assert not caught.value.bad_input
    assert _left(folder) == []


@pytest.mark.parametrize(
    ("url", "why"), [("/missing", "404"), ("http://127.0.0.1:9/closed", "ConnectionError")]
)
def test_no_answer_names_the_address_and_the_way_by_hand(
    address: str, folder: Path, url: str, why: str
) -> None:
    url = url if url.startswith("http") else address + url
    with pytest.raises(ZerocostError, match="could not be downloaded") as caught:
        fetch(_download(url))
    message = str(caught.value)
    assert url in message
    assert why in message
    assert f"by hand at {folder / 'tables' / 't.bin'}" in message
    assert SHA256 in message
    assert _left(folder) == []


def test_an_address_that_is_none(folder: Path) -> None:
    with pytest.raises(ZerocostError, match="could not be downloaded: gopher://x"):
        fetch(_download("gopher://x"))


def test_the_next_address_is_tried(address: str) -> None:
    urls = (f"{address}/missing", f"{address}/altered", f"{address}/short", f"{address}/good")
    assert fetch(_download(*urls)).read_bytes() == BODY


def test_a_file_without_an_address_can_be_placed_by_hand() -> None:
    with pytest.raises(ZerocostError, match="no public address"):
        fetch(_download())


def test_an_absent_file_cannot_be_verified(folder: Path) -> None:
    with pytest.raises(ZerocostError, match=r"t\.bin does not exist"):
        verify(_download())


def test_a_data_folder_that_cannot_be_made(folder: Path) -> None:
    folder.write_text("a file")
    with pytest.raises(ZerocostError, match="folder does not exist"):
        fetch(_download("http://127.0.0.1:9/never"))


def test_a_disk_that_fills_up_is_not_called_a_network_error(
    address: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pooch

    def fill(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", fill)
    with pytest.raises(ZerocostError, match="disk is full"):
        fetch(_download(f"{address}/good"))
    assert _left(folder) == []


def test_the_folder_is_the_variable_or_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZEROCOST_DATA_DIR", "~/data")
    assert data_dir() == Path.home() / "data"
    monkeypatch.setenv("ZEROCOST_DATA_DIR", "")
    assert data_dir().name == "zerocost"


def test_pooch_is_imported_only_when_needed() -> None:
    code = "import sys, zerocost.downloads; assert not {'pooch', 'requests'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
