"""Score a corpus, killed with kill -9 at random points and with a full disk in between.

python benchmarks/interruptions.py [--corpus FILE] [--kills 3] [--scorers signals]

Ends with an error if one byte differs from an uninterrupted run. As root on Linux the full disk is
a small file system in memory; elsewhere a limit on the size of files stands in for it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROGRAM = "from zerocost_cli.dataselect.main import run; run()"
LIMITED = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000)); "


def command(arguments: argparse.Namespace, out: Path) -> list[str]:
    return [
        *("score", str(arguments.corpus), "--out", str(out), "--part-bytes", "2M"),
        *("--scorers", arguments.scorers, "--workers", str(arguments.workers)),
    ]


def start(asked: list[str], before: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        # Where files are cut off no bytecode is kept: Python would read it ever after.
        [sys.executable, *(["-B"] if before else []), "-c", before + PROGRAM, *asked],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finished(asked: list[str]) -> float:
    began = time.perf_counter()
    running = start(asked)
    _, errors = running.communicate()
    if running.returncode:
        sys.exit(f"the run failed: {errors}")
    return time.perf_counter() - began


def digests(folder: Path) -> dict[str, str]:
    files = (p for p in sorted(folder.rglob("*")) if p.is_file() and "manifest" not in p.name)
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files
    }


def parts(folder: Path) -> int:
    return len(list((folder / "documents").glob("part-*"))) if folder.is_dir() else 0


def kill_at_random(asked: list[str], out: Path, total: int, kills: int, seed: int) -> None:
    """At points drawn anew each time, in the first three quarters of the run."""
    rng = random.Random(seed)
    for number in range(kills):
        wanted = rng.uniform(number, number + 1) * 0.75 * total / kills
        running = start(asked)
        while parts(out) < wanted:
            assert running.poll() is None, running.communicate()
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.2))
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        print(f"kill -9 number {number + 1}: {parts(out)} parts were done")


def fill_disk(asked: list[str], out: Path) -> None:
    """Run into a full disk, then move what is there to where there is room."""
    small = out.parent / "small"
    small.mkdir()
    room = sum(p.stat().st_size + 4096 for p in out.rglob("*")) + 200_000
    mounted = not subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={room // 1024}k", "tmpfs", str(small)],
        check=False,
        capture_output=True,
    ).returncode
    try:
        target = small / "scores" if mounted else out
        if mounted and out.exists():
            shutil.copytree(out, target)
        given = [str(target) if part == str(out) else part for part in asked]
        running = start(given, "" if mounted else LIMITED)
        _, errors = running.communicate()
        assert running.returncode == 1, errors
        assert "the disk is full" in errors, errors
        print(f"full disk ({'tmpfs' if mounted else 'RLIMIT_FSIZE'}): {parts(target)} parts done")
        print("  " + errors.strip().replace(str(out.parent), "..."))
        if mounted:
            shutil.rmtree(out, ignore_errors=True)
            shutil.copytree(target, out)
    finally:
        if mounted:
            subprocess.run(["umount", str(small)], check=True)


def main() -> None:
    default = Path(os.environ.get("ZEROCOST_DATA_DIR", ".")) / "text" / "web_mix.parquet"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, default=default)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--scorers", default="signals")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        whole, cut = Path(folder) / "whole", Path(folder) / "cut"
        seconds = finished(command(arguments, whole))
        print(f"uninterrupted: {parts(whole)} parts in {seconds:.1f} s")
        asked = command(arguments, cut)
        kill_at_random(asked, cut, parts(whole), arguments.kills, arguments.seed)
        fill_disk(asked, cut)
        print(f"resumed: {finished(asked):.1f} s for the rest")
        ours, theirs = digests(cut), digests(whole)
        differing = sorted(n for n in {*ours, *theirs} if ours.get(n) != theirs.get(n))
        assert not differing, f"the bytes differ: {differing}"
        print(f"the same bytes in all {len(digests(whole))} files")


if __name__ == "__main__":
    main()
