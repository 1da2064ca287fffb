import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nasproxy.errors import NasproxyError
from nasproxy.tokens import load_tokens, random_tokens, text_tokens

TEXTS = ["The cat sat.", "The dog and the cat", "a " * 50, "", "Ein Hund"]


@pytest.fixture(params=["parquet", "jsonl", "txt"])
def path(request, tmp_path):
    path = tmp_path / f"texts.{request.param}"
    if request.param == "parquet":
        pq.write_table(pa.table({"text": TEXTS, "id": [1, 2, 3, 4, 5]}), path)
    elif request.param == "jsonl":
        path.write_text("\n".join(json.dumps({"text": text}) for text in TEXTS))
    else:
        path.write_text("\n".join(TEXTS))
    return path


def test_random_tokens_depend_on_the_seed_alone():
    one, same, other = (
        random_tokens(size=4, length=9, vocabulary=50, seed=s).inputs["input_ids"]
        for s in (1, 1, 2)
    )
    assert one.shape == (4, 9)
    assert bool((one == same).all())
    assert not bool((one == other).all())
    assert 0 <= int(one.min()) <= int(one.max()) < 50


def test_text_is_framed_cut_padded_and_masked(path):
    batch = text_tokens(path, size=4, length=7, vocabulary=1100, seed=0)
    ids, mask = batch.inputs["input_ids"].numpy(), batch.inputs["attention_mask"].numpy()
    assert ids.shape == mask.shape == (4, 7)
    assert (ids[:, 0] == 101).all()
    for row, kept in zip(ids, mask, strict=True):
        length = kept.sum()
        assert row[length - 1] == 102
        assert (row[length:] == 0).all()
        assert (row[1 : length - 1] >= 1000).all()
    assert mask.sum(axis=1).max() == 7  # fifty words are cut


def test_more_frequent_words_have_lower_ids(path):
    wide = text_tokens(path, size=4, length=60, vocabulary=30522).inputs["input_ids"].numpy()
    counts = {word: int((wide == word).sum()) for word in np.unique(wide) if word >= 1000}
    ordered = [counts[word] for word in sorted(counts)]
    assert ordered == sorted(ordered, reverse=True)
    assert min(counts) == 1000
    narrow = text_tokens(path, size=4, length=60, vocabulary=1001).inputs["input_ids"].numpy()
    assert set(np.unique(narrow)) == {0, 100, 101, 102, 1000}


def test_wrong_input_says_what_is_accepted(tmp_path, path):
    missing = tmp_path / "no.txt"
    for source, options, said in (
        (missing, {}, "cannot be read"),
        (tmp_path / "texts.doc", {}, "no file of documents"),
        (path, {"size": 5}, "4 documents"),
        (path, {"length": 2}, "3 or more"),
        (path, {"vocabulary": 1000}, "no room for words"),
        ("random", {"size": 0}, "batch size is 0"),
    ):
        with pytest.raises(NasproxyError, match=said):
            load_tokens(source, **({"size": 1, "length": 8, "vocabulary": 2000} | options))
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"text": "one"}\n{"words": "two"}\n')
    with pytest.raises(NasproxyError, match="line 2 has no text"):
        load_tokens(bad, size=1, length=8, vocabulary=2000)
