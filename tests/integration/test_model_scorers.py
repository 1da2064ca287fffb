"""dataselect fit, and scoring with what it fits, as a user runs them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dataselect.scores import open_scores

Command = Callable[..., Any]


@pytest.fixture
def corpus(here: Path) -> Path:
    good = ["A proof by induction on n.", "Let n be a prime number.", "Then n is odd, or n is 2."]
    bad = ["Buy now, buy cheap!", "Click here for prices!", "word", ""]
    write(Path("target.jsonl"), good)
    write(Path("corpus.jsonl"), [*good, *bad] * 6)
    return here


def write(path: Path, texts: list[str]) -> None:
    path.write_text("\n".join(json.dumps({"text": text}) for text in texts))


def test_from_a_target_to_a_selection(corpus: Path, dataselect: Command) -> None:
    asked = "dsir:math=target.jsonl,ppl:math=target.jsonl,language:en"
    done = dataselect("score", "corpus.jsonl", "--out", "scores", "--scorers", asked, "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["scorers"] == ["dsir_math", "ppl_math", "language"]
    table = open_scores("scores").scan().collect()
    dsir, ppl = table["dsir_math"].to_list()[:7], table["ppl_math"].to_list()[:7]
    assert min(dsir[:3]) > max(dsir[3:5])
    assert max(ppl[:3]) < min(ppl[3:6])
    assert dsir[6] is ppl[6] is None
    again = dataselect("score", "corpus.jsonl", "--out", "scores", "--scorers", asked, "--json")
    assert json.loads(again.out)["fresh"] == 0
    estimated = dataselect("score", "corpus.jsonl", "--scorers", asked, "--estimate", "--json")
    assert estimated.code == 0, estimated.err
    drawn = dataselect(
        "select", "corpus.jsonl", "--scores", "scores", "--by", "dsir_math", "--temperature", 1,
        "--log-weights", "--docs", 9, "--out", "selected", "--json",
    )  # fmt: skip
    assert drawn.code == 0, drawn.err
    assert json.loads(drawn.out)["sample"] == {"temperature": 1.0, "seed": 0, "log_weights": True}
    texts = [json.loads(line)["text"] for line in
             Path("selected/documents/corpus.jsonl").read_text().splitlines()]  # fmt: skip
    # Some e^60 times as likely as the others: the target's own documents come first.
    assert set(texts) <= {"A proof by induction on n.", "Let n be a prime number.",
                          "Then n is odd, or n is 2.", "word"}  # fmt: skip


def test_models_that_are_kept_give_the_same_scores(corpus: Path, dataselect: Command) -> None:
    for command in (
        ("dsir", "--target", "target.jsonl", "--source", "corpus.jsonl"),
        ("ppl", "target.jsonl"),
    ):
        done = dataselect("fit", *command, "--out", f"{command[0]}.safetensors")
        assert done.code == 0, done.err
        assert f"Written: {command[0]}.safetensors" in done.out
        done = dataselect("fit", *command, "--out", f"{command[0]}.safetensors")
        assert done.code == 2
        assert "--overwrite" in done.err
        done = dataselect(
            "fit", *command, "--out", f"{command[0]}.safetensors", "--overwrite", "--json"
        )
        assert json.loads(done.out)["out"] == f"{command[0]}.safetensors"
    with Path("target.jsonl").open("a") as lines:
        lines.write('\n{"text": 3}\n{')
    for command in (("dsir", "--target", "target.jsonl"), ("ppl", "target.jsonl")):
        done = dataselect("fit", *command, "--out", "other.safetensors", "--overwrite")
        assert "passed over: malformed_json 1, text_not_string 1" in done.out
    found = []
    for suffix, out in (("jsonl", "a"), ("safetensors", "b")):
        files = (
            ("target.jsonl",) * 2 if suffix == "jsonl" else ("dsir.safetensors", "ppl.safetensors")
        )
        asked = "dsir:math={},ppl:math={}".format(*files)
        done = dataselect("score", "corpus.jsonl", "--out", out, "--scorers", asked)
        assert done.code == 0, done.err
        found.append(open_scores(out).scan().collect())
    assert found[0].equals(found[1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("score", "corpus.jsonl", "--out", "s", "--scorers", "dsir:math"), "dsir:books=books"),
        (("score", "corpus.jsonl", "--out", "s", "--scorers", "dsir:a=e.jsonl"), "no document"),
        (("score", "corpus.jsonl", "--out", "s", "--scorers", "ppl:a=gone.jsonl"), "not exist"),
        (("score", "corpus.jsonl", "--out", "s", "--scorers", "rater:hf:./gone"), "no folder"),
        (("score", "corpus.jsonl", "--out", "s", "--scorers", "language:klingon"), "no language"),
        (("score", "e.jsonl", "--out", "s", "--scorers", "dsir:a=target.jsonl"), "no document"),
        (("fit", "dsir", "--out", "m.safetensors"), "neither a target nor a source"),
        (("fit", "dsir", "--target", "target.jsonl", "--out", "m.bin"), "ends in .safetensors"),
        (("fit", "ppl", "e.jsonl", "--out", "m.safetensors"), "holds no document"),
        (("fit", "ngram"), "no command 'ngram'"),
        (("fit", "ppl", "target.jsonl", "--order", "0", "--out", "m.safetensors"), "--order"),
    ],
)
def test_bad_input_says_what_to_do(
    corpus: Path, dataselect: Command, arguments: tuple[str, ...], message: str
) -> None:
    Path("e.jsonl").write_text("")
    done = dataselect(*arguments)
    assert done.code == 2
    assert message in done.err
    assert "Traceback" not in done.err
    assert not Path("m.safetensors").exists()


def test_log_weights_need_a_column_and_a_temperature(corpus: Path, dataselect: Command) -> None:
    done = dataselect("score", "corpus.jsonl", "--out", "s", "--scorers", "dsir:a=target.jsonl")
    assert done.code == 0, done.err
    done = dataselect(
        "select", "corpus.jsonl", "--scores", "s", "--by", "dsir_a", "--log-weights", "--docs", 1,
        "--out", "t",
    )  # fmt: skip
    assert done.code == 2
    assert "--temperature 1" in done.err


def test_kinds_are_listed(dataselect: Command) -> None:
    done = dataselect("scorers")
    assert done.code == 0, done.err
    for kind in ("dsir:NAME=FILE", "ppl:NAME=FILE", "rater:hf:NAME", "language:en+de"):
        assert kind in done.out
