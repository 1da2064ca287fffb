"""DSIR from names and files: targets, sources, models, errors."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataselect.corpus import ReadOptions, find_corpus
from dataselect.errors import DataselectError
from dataselect.scorers.dsir import (
    Dsir,
    DsirModel,
    DsirOfCorpus,
    Features,
    dsir,
    fit_dsir,
    load_dsir,
    save_dsir,
)
from dataselect.scorers.model_file import save_model
from dataselect.scorers.named import scorers_of
from dataselect.scores.preparing import prepared, prepared_on

TARGET = ["A proof by induction.", "Let n be a prime number."]
CORPUS = ["A prime proof.", "Buy now, buy cheap!", "", "word", "Let us go then, you and I."] * 7


def lines(path: Path, texts: list[str], **more: str) -> str:
    path.write_text("\n".join(json.dumps({"text": text} | more) for text in texts))
    return str(path)


def batch(texts: list[str]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array(texts)], names=["text"])


def test_the_corpus_that_is_scored_is_the_source(tmp_path: Path) -> None:
    target, corpus = lines(tmp_path / "t.jsonl", TARGET), lines(tmp_path / "c.jsonl", CORPUS)
    waiting = scorers_of(f"dsir:math={target},signals_light,dsir:other={target}")
    assert isinstance(waiting[0], DsirOfCorpus)
    named = Dsir("math", fit_dsir([target], [corpus]))
    for workers, part_bytes in ((1, 1 << 20), (2, 60)):
        options = ReadOptions(part_bytes=part_bytes)
        seen: list[tuple[int, int]] = []
        ready = prepared(
            waiting,
            find_corpus([corpus]),
            options,
            workers=workers,
            on_part=lambda *at, seen=seen: seen.append(at),
        )
        assert seen[-1] == (Path(corpus).stat().st_size, len(CORPUS))
        assert seen == sorted(seen)
        assert [scorer.name for scorer in ready] == ["dsir_math", "signals_light", "dsir_other"]
        assert ready[0].fingerprint == named.fingerprint
        assert ready[0].score(batch(CORPUS)).equals(named.score(batch(CORPUS)))
    sample = prepared_on(waiting, [batch(CORPUS[:5]), batch(CORPUS[5:])])
    assert sample[0].fingerprint == named.fingerprint


def test_documents_like_the_target_score_higher(tmp_path: Path) -> None:
    target, corpus = lines(tmp_path / "t.jsonl", TARGET), lines(tmp_path / "c.jsonl", CORPUS)
    found = Dsir("math", fit_dsir([target], [corpus])).score(batch(CORPUS[:5])).to_pydict()
    assert found["dsir_math"][0] > found["dsir_math"][1]
    assert found["dsir_math_mean"][0] > found["dsir_math_mean"][1]
    assert found["dsir_math"][2] is None
    assert found["dsir_math"][3] == found["dsir_math_mean"][3]  # one word: one n-gram


def test_every_format_is_a_target(tmp_path: Path) -> None:
    made = [lines(tmp_path / "t.jsonl", TARGET)]
    pq.write_table(pa.table({"text": TARGET}), tmp_path / "t.parquet")
    (tmp_path / "texts").mkdir()
    for at, text in enumerate(TARGET):
        (tmp_path / "texts" / f"{at}.txt").write_text(text)
    made += [str(tmp_path / "t.parquet"), str(tmp_path / "texts")]
    counts = [fit_dsir([path]).target for path in made]
    assert counts[0] is not None
    assert all(np.array_equal(counts[0], other) for other in counts[1:] if other is not None)
    assert None not in [None if c is None else True for c in counts]


def test_models_are_kept_and_taken_apart(tmp_path: Path) -> None:
    target, corpus = lines(tmp_path / "t.jsonl", TARGET), lines(tmp_path / "c.jsonl", CORPUS)
    features = Features(64, "sha256", "s")
    whole = fit_dsir([target], [corpus], features=features)
    path = tmp_path / "m.safetensors"
    save_dsir(whole, path)
    back = load_dsir(path)
    assert (back.features, back.digest) == (features, whole.digest)
    scorer = dsir(f"math={path}")
    assert isinstance(scorer, Dsir)
    assert scorer.score(batch(CORPUS)).equals(Dsir("math", whole).score(batch(CORPUS)))
    again = pickle.loads(pickle.dumps(scorer))
    assert again.fingerprint == scorer.fingerprint
    again = fit_dsir([target], [str(path)])  # the model's hash is taken over with its source
    assert again.digest == whole.digest
    only = tmp_path / "source.safetensors"
    save_dsir(fit_dsir([], [str(path)]), only)
    assert fit_dsir([str(path)], [str(only)]).digest == whole.digest
    with pytest.raises(DataselectError, match="holds a source only"):
        dsir(f"math={only}")
    with pytest.raises(DataselectError, match="no target"):
        fit_dsir([str(only)])
    with pytest.raises(DataselectError, match="has no target"):
        _ = load_dsir(only).ratios
    with pytest.raises(DataselectError, match="Features"):
        fit_dsir([str(path)], [corpus], features=Features(65))


def test_the_fingerprint_is_that_of_what_decides_the_scores(tmp_path: Path) -> None:
    target, corpus = lines(tmp_path / "t.jsonl", TARGET), lines(tmp_path / "c.jsonl", CORPUS)
    less = lines(tmp_path / "less.jsonl", CORPUS[:-1])
    models = [
        fit_dsir([target], [corpus]),
        fit_dsir([target], [less]),
        fit_dsir([corpus], [corpus]),
        fit_dsir([target], [corpus], features=Features(9999)),
        fit_dsir([target], [corpus], features=Features(hash="sha256")),
    ]
    assert len({Dsir("a", model).fingerprint for model in models}) == len(models)
    assert Dsir("a", models[0]).fingerprint == Dsir("a", fit_dsir([target], [corpus])).fingerprint


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("books", "does not name what is scored"),
        ("a b=x.jsonl", "does not name what is scored"),
        ("=x.jsonl", "does not name what is scored"),
        ("books=", "does not name what is scored"),
        ("books=gone.jsonl", "gone.jsonl does not exist"),
        ("books=gone.safetensors", "there is no file gone.safetensors"),
        ("books=empty.jsonl", "holds no document"),
        ("books=blank.jsonl", "the target has no words"),
        ("books=other.jsonl", r"no_text: 2(?s:.)*--text-column"),
        ("books=newer.safetensors", "format 99 by a newer version"),
        ("books=kind.safetensors", "a model of the kind 'ngram'"),
        ("books=foreign.safetensors", "no model of this program"),
        ("books=text.safetensors", "cannot be read as a model"),
        ("books=short.safetensors", "is damaged"),
        ("books=bare.safetensors", "is damaged"),
    ],
)
def test_bad_input(
    argument: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.numpy import save_file

    monkeypatch.chdir(tmp_path)
    Path("empty.jsonl").write_text("")
    lines(Path("blank.jsonl"), ["", " \n"])
    Path("other.jsonl").write_text('{"content": "a"}\n{"content": "b"}\n')
    about = {"buckets": 4, "hash": "fast", "salt": ""}
    counts = np.arange(4)
    save_model(Path("newer.safetensors"), "dsir", 99, about, {"target": counts})
    save_model(Path("kind.safetensors"), "ngram", 1, about, {"target": counts})
    save_model(Path("short.safetensors"), "dsir", 1, about, {"target": counts[:3]})
    save_model(Path("bare.safetensors"), "dsir", 1, {}, {"target": counts})
    save_file({"target": counts}, "foreign.safetensors")
    Path("text.safetensors").write_text("not a model")
    with pytest.raises(DataselectError, match=message) as raised:
        dsir(argument)
    assert raised.value.accepted


def test_features_are_checked() -> None:
    for arguments in ((0,), (2**31 + 1,), (10, "fast", "salt")):
        with pytest.raises(DataselectError):
            Features(*arguments)  # type: ignore[arg-type]
    with pytest.raises(DataselectError, match="neither a target nor a source"):
        fit_dsir()
    with pytest.raises(DataselectError, match="the source has no words"):
        DsirModel(Features(4), np.ones(4, np.int64), np.zeros(4, np.int64))
