"""The tokenizer of the proxies: what is in a text is text."""

from pathlib import Path

import numpy as np
import pytest

from dataselect.errors import DataselectError
from dataselect.weighting.proxies.token_data import END
from dataselect.weighting.proxies.tokenizer import encode, open_tokenizer, train_tokenizer

TEXTS = ["the old river", "the old stone"] * 20


def test_the_end_is_behind_every_document_and_nowhere_else(tmp_path: Path) -> None:
    trained = train_tokenizer(TEXTS, 300)
    trained.save(str(tmp_path / "tokenizer.json"))
    texts = ["the old <end> of", "", "<end>", "na\u00efve \U0001f30a"]
    for tokenizer in (trained, open_tokenizer(tmp_path / "tokenizer.json")):
        found = encode(tokenizer, texts)
        np.testing.assert_array_equal(np.flatnonzero(found.tokens == END), found.offsets[1:] - 1)
        for text, start, end in zip(texts, found.offsets, found.offsets[1:], strict=False):
            assert tokenizer.decode(found.tokens[start : end - 1].tolist()) == text


def test_a_vocabulary_holds_every_byte(tmp_path: Path) -> None:
    assert train_tokenizer(TEXTS, 280).get_vocab_size() <= 280
    with pytest.raises(DataselectError, match="a vocabulary of 256"):
        train_tokenizer(TEXTS, 256)
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(DataselectError, match="is not a tokenizer"):
        open_tokenizer(tmp_path / "bad.json")
