"""Tokens by a tokenizer of the user's."""

from __future__ import annotations

import pickle
from pathlib import Path

import pyarrow as pa
import pytest

from dataselect.errors import DataselectError
from dataselect.scorers.named import scorers_of
from dataselect.scorers.tokens import TokenCount

tokenizers = pytest.importorskip("tokenizers", reason="needs the extra raters")


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    """Words and punctuation, with a special token that is not to be counted."""
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import TemplateProcessing

    made = tokenizers.Tokenizer(WordLevel({"[UNK]": 0, "[BOS]": 1}, unk_token="[UNK]"))
    made.pre_tokenizer = Whitespace()
    made.post_processor = TemplateProcessing(single="[BOS] $A", special_tokens=[("[BOS]", 1)])
    made.save(str(tmp_path / "tokenizer.json"))
    return tmp_path / "tokenizer.json"


def test_tokens_of_the_text_without_special_ones(tokenizer: Path) -> None:
    scorer = TokenCount(tokenizer)
    texts = pa.array(["Hello, world!", "", None, "a b c"], pa.large_string())
    batch = pa.RecordBatch.from_arrays([texts], names=["text"])
    assert scorer.score(batch).to_pydict() == {"tokens": [4, 0, None, 3]}
    other = pickle.loads(pickle.dumps(scorer))
    assert other.fingerprint == scorer.fingerprint
    assert other.score(batch).equals(scorer.score(batch))
    assert [column.name for column in scorer.columns] == ["tokens"]


def test_invalid_utf8_and_slices(tokenizer: Path) -> None:
    raw = pa.array([b"x", b"a \xff b", b"a"])
    _, offsets, data = raw.buffers()
    texts = pa.StringArray.from_buffers(3, offsets, data).slice(1)
    batch = pa.RecordBatch.from_arrays([texts], names=["text"])
    assert TokenCount(tokenizer).score(batch).column("tokens").to_pylist() == [3, 1]


def test_a_file_that_is_no_tokenizer(tmp_path: Path) -> None:
    batch = pa.RecordBatch.from_arrays([pa.array(["a"])], names=["text"])
    with pytest.raises(DataselectError, match="cannot be read"):
        TokenCount(tmp_path / "none.json").score(batch)
    (tmp_path / "wrong.json").write_text("{}")
    with pytest.raises(DataselectError, match="is not a tokenizer"):
        TokenCount(tmp_path / "wrong.json").score(batch)


def test_a_list_of_scorers_names_it_by_its_file(tokenizer: Path) -> None:
    (scorer,) = scorers_of(f"tokens:{tokenizer}")
    batch = pa.record_batch({"text": pa.array(["", None])})
    assert scorer.score(batch).column("tokens").to_pylist() == [0, None]
