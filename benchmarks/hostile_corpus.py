"""Score documents of hostile text: nothing crashes, nothing stalls, the counts add up.

python benchmarks/hostile_corpus.py --documents 100000
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from dataselect.corpus import ReadOptions
from dataselect.scorers.named import scorers_of
from dataselect.scores import open_scores
from dataselect.scores.run import score_corpus

MIB = 1 << 20
HUGE = 10_000_000

_ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyz      \n",
    "".join(map(chr, range(0x20))),
    "".join(map(chr, range(0x300, 0x370))) + "ao",  # combining marks
    "".join(map(chr, range(0x5D0, 0x5EB))) + " \u202b\u202c\u200f",  # right to left
    "".join(map(chr, range(0x4E00, 0x4E80))) + "。",  # no spaces
    "\u0e01\u0e02\u0e04\u0e34\u0e35\u0e48",
    "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467\ufe0f \u200b\u00ad",
    "\u0130\u0131\u03a3\u03c3\u03c2\ufb01\u1e9e\uac00\u1100\u1161\u11a8",  # odd case and forms
    "{}[]\"\\/#.…!?•-*;:'\u2028\u2029\u0085\v\f\r\n\t ",
    "\ufffe\uffff\U0010ffff\ue000\x7f\x80\x9f",
)


def hostile_lines(documents: int, seed: int, huge: int) -> Iterator[tuple[bytes, str]]:
    """Lines without their ends, each with what it should become: document or a reason."""
    rng = random.Random(seed)
    for number in range(documents):
        yield _huge(number, huge) if number % 2500 == 1250 else _line(rng, number)


def _huge(number: int, size: int) -> tuple[bytes, str]:
    kind = number // 2500 % 5
    text = (
        ["w" * size, "\u0301" * (size // 2), "a " * (size // 2), "\n" * size, "文" * (size // 3)]
    )[kind]
    return json.dumps({"text": text, "id": number}, ensure_ascii=False).encode(), "document"


def _line(rng: random.Random, number: int) -> tuple[bytes, str]:
    kind = rng.randrange(12)
    if kind == 0:
        body = rng.randbytes(rng.randrange(1, 200)).replace(b"\n", b"?").strip(b" \t\r")
        return (b"\xff" + body, "invalid_utf8")
    if kind == 1:
        inside = rng.randbytes(40).replace(b'"', b"?").replace(b"\\", b"?").replace(b"\n", b"?")
        return (b'{"text": "' + inside + b'\xc3"}', "invalid_utf8")
    if kind == 2:
        half = rng.choice(["\\ud800", "\\udfff", "\\ud83d x", "\\udc00\\ud800"])
        return (b'{"text": "a' + half.encode() + b'b"}', "invalid_utf8")
    if kind == 3:
        broken = rng.choice(
            ["{", '{"text": "a', '{"text": NaN}{', "]", '{"text": "a"} x', "[" * 5000, "nul"]
        )
        return broken.encode(), "malformed_json"
    if kind == 4:
        return rng.choice(
            [
                (b'{"id": 1}', "no_text"),
                (b'{"text": null}', "no_text"),
                (b'{"text": ["a"]}', "text_not_string"),
                (b"[]", "not_an_object"),
                (b"   \t ", "blank"),
                (b"", "blank"),
            ]
        )
    alphabet = rng.choice(_ALPHABETS)
    length = int(10 ** rng.uniform(0, 3.3))
    if kind == 5:
        text = "".join(map(chr, (rng.randrange(1, 0xD800) for _ in range(min(length, 300)))))
    elif kind == 6:
        text = rng.choice(alphabet) * length
    elif kind == 7:
        text = "\x00" * length
    else:
        text = "".join(rng.choices(alphabet, k=length))
    ascii_only = bool(rng.randrange(2))
    record = {"text": text, "id": number, "more": {"x": [None, 1.5]}}
    return json.dumps(record, ensure_ascii=ascii_only).encode(), "document"


def write_hostile(path: Path, documents: int, seed: int, huge: int) -> Counter[str]:
    """Write the lines; return how many should become what."""
    expected: Counter[str] = Counter()
    with path.open("wb") as stream:
        for line, outcome in hostile_lines(documents, seed, huge):
            stream.write(line + b"\n")
            expected[outcome] += 1
    return expected


def peak_memory() -> int:
    """Bytes; not ru_maxrss, which a process inherits from the one that started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--scorers", default="signals")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "hostile.jsonl"
        expected = write_hostile(corpus, arguments.documents, arguments.seed, HUGE)
        slowest = last = time.perf_counter()
        slowest = 0.0

        def on_progress(_: object) -> None:
            nonlocal slowest, last
            slowest = max(slowest, time.perf_counter() - last)
            last = time.perf_counter()

        began = time.perf_counter()
        summary = score_corpus(
            [str(corpus)],
            f"{folder}/scores",
            scorers_of(arguments.scorers),
            options=ReadOptions(part_bytes=4 * MIB),
            workers=arguments.workers,
            on_progress=on_progress,
        )
        seconds = time.perf_counter() - began
        found = Counter(summary.quarantined) + Counter(document=summary.documents)
        blank = expected.pop("blank", 0)
        size = corpus.stat().st_size
        print(f"{arguments.documents:,} lines, {size / 1e6:,.0f} MB, in {seconds:.1f} s")
        print(f"longest time between two parts: {slowest:.1f} s")
        print(f"peak memory: {peak_memory() / 1e6:,.0f} MB")
        print(f"| outcome | expected | found |\n|---|---|---|\n| blank | {blank} | - |")
        for outcome in sorted(expected | found):
            print(f"| {outcome} | {expected[outcome]} | {found[outcome]} |")
        table = open_scores(f"{folder}/scores").scan().collect()
        assert len(table) == summary.documents
        assert found == expected, "the counts do not add up"
        assert summary.rows == arguments.documents
        print("the counts add up")


if __name__ == "__main__":
    main()
