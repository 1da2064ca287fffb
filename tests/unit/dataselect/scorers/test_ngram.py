"""Language models from names and files: references, models, errors."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from dataselect.errors import DataselectError
from dataselect.scorers.model_file import save_model
from dataselect.scorers.named import scorers_of
from dataselect.scorers.ngram import (
    NgramSettings,
    Perplexity,
    fit_ngram,
    load_ngram,
    ppl,
    save_ngram,
)

TEXTS = ["The cat sat on the mat.\nIt was a good mat.", "The dog sat on the cat.", "mat"]


def lines(path: Path, texts: list[str]) -> str:
    path.write_text("\n".join(json.dumps({"text": text}) for text in texts))
    return str(path)


def batch(texts: list[str]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array(texts)], names=["text"])


def test_a_model_is_kept_and_gives_the_same(tmp_path: Path) -> None:
    reference = lines(tmp_path / "r.jsonl", TEXTS)
    fresh = ppl(f"cats={reference}")
    path = tmp_path / "m.safetensors"
    save_ngram(fresh.model, path)
    (kept,) = scorers_of(f"ppl:cats={path}")
    assert isinstance(kept, Perplexity)
    assert kept.model.settings == NgramSettings(5, "words", 1)
    assert kept.model.about == fresh.model.about
    asked = batch([*TEXTS, "a mat", "unseen", "", "."])
    assert kept.score(asked).equals(fresh.score(asked))
    assert kept.fingerprint == fresh.fingerprint
    again = pickle.loads(pickle.dumps(kept))
    assert again.score(asked).equals(kept.score(asked))
    with pytest.raises(Exception, match="exists"):
        save_ngram(fresh.model, path)
    settings = [NgramSettings(4), NgramSettings(5, "bytes"), NgramSettings(5, "words", 2)]
    prints = {Perplexity("cats", fit_ngram([reference], each)).fingerprint for each in settings}
    assert len({*prints, kept.fingerprint}) == 4


def test_parts_of_the_reference_do_not_matter(tmp_path: Path) -> None:
    from dataselect.corpus import ReadOptions

    reference = lines(tmp_path / "r.jsonl", TEXTS * 5)
    whole = fit_ngram([reference])
    parts = fit_ngram([reference], options=ReadOptions(part_bytes=50))
    assert np.array_equal(whole.entries, parts.entries)


def test_one_token_is_a_document_and_none_is_null(tmp_path: Path) -> None:
    scorer = ppl(f"cats={lines(tmp_path / 'r.jsonl', TEXTS)}")
    one, end, none = scorer.score(batch(["mat", "\n.\n", " \n "])).to_pylist()
    assert one["ppl_cats"] > 1
    assert end["ppl_cats"] > 1
    assert set(none.values()) == {None}
    tiny = ppl(f"one={lines(tmp_path / 'one.jsonl', ['word'])}")
    like, unlike = tiny.score(batch(["word", "other word"])).to_pylist()
    assert 1 < like["ppl_one"] < unlike["ppl_one"] < np.inf


def test_dropping_rare_ngrams_keeps_words_and_pairs(tmp_path: Path) -> None:
    reference = lines(tmp_path / "r.jsonl", TEXTS)
    whole = fit_ngram([reference], NgramSettings(5))
    small = fit_ngram([reference], NgramSettings(5, "words", 2))
    few = fit_ngram([reference], NgramSettings(5, "words", 100))
    assert sum(whole.about["ngrams"]) == len(whole.entries) > len(small.entries)
    assert len(few.entries) == sum(few.about["ngrams"][:2])


def entries(keys: list[int]) -> Any:
    return np.array([[key, 0, 0] for key in keys], np.uint64)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("wiki", "does not name what is scored"),
        ("wiki=gone.jsonl", "gone.jsonl does not exist"),
        ("wiki=gone.safetensors", "there is no file gone.safetensors"),
        ("wiki=empty.jsonl", "holds no document"),
        ("wiki=blank.jsonl", "has no words"),
        ("wiki=other.jsonl", r"no_text: 1(?s:.)*--text-column"),
        ("wiki=newer.safetensors", "format 99 by a newer version"),
        ("wiki=kind.safetensors", "a model of the kind 'dsir'"),
        ("wiki=shape.safetensors", "is damaged"),
        ("wiki=order.safetensors", "not in order"),
        ("wiki=bare.safetensors", "is damaged"),
        ("wiki=long.safetensors", "order 99"),
    ],
)
def test_bad_input(
    argument: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty.jsonl").write_text("")
    lines(Path("blank.jsonl"), ["", " \n"])
    Path("other.jsonl").write_text('{"content": "a"}\n')
    about = {"order": 2, "unit": "words", "least": 1, "unknown": -1.0, "about": {}}

    def save(name: str, version: int, said: dict[str, Any], keys: Any, kind: str = "ngram") -> None:
        save_model(Path(f"{name}.safetensors"), kind, version, said, {"entries": keys})

    save("newer", 99, about, entries([1, 2]))
    save("kind", 1, about, entries([1, 2]), "dsir")
    save("shape", 1, about, entries([1, 2])[:, :2].copy())
    save("order", 1, about, entries([2, 1]))
    save("bare", 1, {}, entries([1, 2]))
    save("long", 1, about | {"order": 99}, entries([1, 2]))
    with pytest.raises(DataselectError, match=message) as raised:
        ppl(argument)
    assert raised.value.accepted


def test_settings_are_checked() -> None:
    for arguments in ((0,), (17,), (5, "words", 0)):
        with pytest.raises(DataselectError):
            NgramSettings(*arguments)  # type: ignore[arg-type]


def test_every_entry_is_found_in_the_table(tmp_path: Path) -> None:
    model = fit_ngram([lines(tmp_path / "r.jsonl", TEXTS * 3)])
    table, logs, _ = model.table
    used = table[:, 0] != 0
    assert np.array_equal(table[used], model.entries)
    assert np.all(logs[used][:, 1:] <= 1e-12)
    assert np.all(np.isfinite(logs[used][:, 1:]))
    assert load_ngram.__doc__
