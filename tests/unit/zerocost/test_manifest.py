import hashlib
import json
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pytest

from zerocost.errors import ZerocostError
from zerocost.manifest import Counts, begin, finish, write_manifest


def test_a_manifest_says_what_ran_on_what_with_which_result(tmp_path: Path) -> None:
    source, result = tmp_path / "in.csv", tmp_path / "out.parquet"
    source.write_bytes(b"a,b\n")
    result.write_bytes(b"PAR1")
    before = datetime.now(UTC)
    manifest = begin(
        "nasproxy",
        command=["/home/someone/.venv/bin/nasproxy", "rank", "--out", "out.parquet"],
        configuration={"space": "nasbench201", "proxies": ["snip"]},
        seeds={"images": 3},
        inputs=[source],
        libraries=["numpy", "no-such-library"],
    )
    assert manifest.ended is None
    manifest = finish(
        manifest, outputs=[result], counts=Counts(taken=5, given=4, rejected={"NaN output": 1})
    )
    write_manifest(manifest, tmp_path / "manifest.json")
    read = json.loads((tmp_path / "manifest.json").read_text())

    assert read["tool"] == "nasproxy"
    assert read["python"] == platform.python_version()
    assert read["libraries"] == {"numpy": version("numpy")}
    assert read["command"] == ["nasproxy", "rank", "--out", "out.parquet"]
    assert read["configuration"] == {"space": "nasbench201", "proxies": ["snip"]}
    assert read["seeds"] == {"images": 3}
    assert read["inputs"] == [
        {"path": str(source), "bytes": 4, "sha256": hashlib.sha256(b"a,b\n").hexdigest()}
    ]
    assert read["outputs"] == [
        {"path": str(result), "bytes": 4, "sha256": hashlib.sha256(b"PAR1").hexdigest()}
    ]
    assert read["counts"] == {"taken": 5, "given": 4, "rejected": {"NaN output": 1}}
    started, ended = (datetime.fromisoformat(read[k]) for k in ("started", "ended"))
    assert before <= started <= ended <= datetime.now(UTC)
    assert read["seconds"] == (ended - started).total_seconds()
    assert "/home/someone" not in json.dumps(read)


def test_a_manifest_is_not_overwritten_unasked(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    manifest = finish(begin("t", command=[], configuration={}), counts=Counts())
    write_manifest(manifest, path)
    with pytest.raises(ZerocostError, match="exists"):
        write_manifest(manifest, path)
    write_manifest(manifest, path, overwrite=True)
