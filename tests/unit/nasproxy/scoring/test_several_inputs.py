"""Networks of a list that take several inputs: drawn, scored, and refused where impossible."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from nasproxy.errors import NasproxyError
from nasproxy.evaluation import evaluate
from nasproxy.scoring.model_batches import batch_for
from nasproxy.scoring.model_building import build
from nasproxy.scoring.model_list import Model, read_models
from nasproxy.scoring.own_models import own_models_task
from nasproxy.scoring.rank import rank
from nasproxy.scoring.table import read_scores

NETS = """
import torch
from torch import nn

class Answerer(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.look = nn.Sequential(nn.Conv2d(3, width, 3, stride=2), nn.ReLU())
        self.words = nn.Embedding(50, width)
        self.head = nn.Linear(2 * width, 10)
    def forward(self, image, question, mask=None):
        words = self.words(question)
        if mask is not None:
            words = words * mask[..., None]
        seen = self.look(image).mean((2, 3))
        return self.head(torch.relu(torch.cat((seen, words.mean(1)), dim=1)))
"""
NAMED = {
    "image": {"shape": [3, 8, 8]},
    "question": {"tokens": 6, "vocabulary": 50},
    "mask": {"ones": [6]},
}
ENTRY = {"name": "one", "factory": "several_nets:Answerer", "inputs": NAMED}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "several_nets.py").write_text(NETS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "several_nets", raising=False)
    return tmp_path


def listed(folder: Path, *entries: dict[str, Any]) -> list[Model]:
    path = folder / "models.json"
    path.write_text(json.dumps(list(entries)))
    return read_models(path)


def test_each_input_is_what_the_entry_says(folder: Path) -> None:
    (model,) = listed(folder, ENTRY)
    batch = batch_for(model, "digits", 4, seed=0)
    assert isinstance(batch.inputs, dict)
    image, question, mask = batch.tensors
    assert list(batch.inputs) == ["image", "question", "mask"]
    assert image.shape == (4, 3, 8, 8)
    assert question.shape == (4, 6)
    assert int(question.max()) < 50
    assert torch.equal(mask, torch.ones(4, 6, dtype=torch.long))
    alone = batch_for(Model("a", "b:c", input=[3, 8, 8]), "digits", 4, seed=0)
    assert torch.equal(image, alone.tensors[0])
    assert alone.labels is not None
    assert batch.labels is not None
    assert torch.equal(batch.labels, alone.labels)
    assert not torch.equal(question, batch_for(model, "digits", 4, seed=1).tensors[1])


def test_inputs_by_position_have_the_scores_of_those_by_name(folder: Path) -> None:
    models = listed(folder, ENTRY, {**ENTRY, "name": "two", "inputs": list(NAMED.values())})
    names = ["grad_norm", "snip", "naswot", "jacob_cov", "synflow", "params"]
    found = [
        {
            name: score.value
            for name, score in evaluate(
                build(model, 0), batch_for(model, "digits", 8, 0), names
            ).items()
        }
        for model in models
    ]
    assert found[0] == found[1]
    assert all(value > 0 for name, value in found[0].items() if name != "jacob_cov")


def test_a_table_of_them(folder: Path, tmp_path: Path) -> None:
    models = listed(folder, ENTRY, {**ENTRY, "name": "wide", "arguments": {"width": 16}})
    task = own_models_task(models, ["params", "snip"], images="digits", batch_size=4)
    rank(task, [model.name for model in models], tmp_path / "s.parquet", jobs=1)
    table = read_scores(tmp_path / "s.parquet")
    assert set(table.architectures) == {"one", "wide"}
    assert table.scores["params"][table.architectures.index("wide")] > 1000


def test_a_hugging_face_model_of_segments(folder: Path) -> None:
    pytest.importorskip("transformers")
    entry = {
        "name": "segments",
        "huggingface": "BertForSequenceClassification",
        "config": {
            "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
            "intermediate_size": 32, "vocab_size": 60, "num_labels": 3,
        },
        "inputs": {
            "input_ids": {"tokens": 5},
            "token_type_ids": {"tokens": 5, "vocabulary": 2},
            "attention_mask": {"ones": [5]},
        },
    }  # fmt: skip
    (model,) = listed(folder, entry)
    batch = batch_for(model, "digits", 6, 0)
    assert batch.classes == 3
    assert int(batch.tensors[1].max()) == 1
    assert evaluate(build(model, 0), batch, ["grad_norm"])["grad_norm"].value > 0


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "inputs is empty"),
        ({"a": {}}, "the input 'a' has no shape, tokens or ones"),
        ([{"shape": [3], "tokens": 2}], "the input 1 has shape and tokens"),
        ({"a": {"shape": []}}, "the input 'a' shape []"),
        ({"a": {"shape": [3, 4, 5]}}, "not square"),
        ({"a": {"ones": [0]}}, "the input 'a' shape [0]"),
        ({"a": {"tokens": 4}}, "tokens for a factory without a vocabulary, input 'a'"),
        ({"a": {"tokens": 0, "vocabulary": 4}}, "tokens = 0 of the input 'a'"),
        (7, "inputs"),
    ],
)
def test_what_is_impossible_is_refused(folder: Path, inputs: object, message: str) -> None:
    with pytest.raises(NasproxyError) as caught:
        listed(folder, {**ENTRY, "inputs": inputs})
    assert message in str(caught.value)


def test_one_way_to_say_it(folder: Path) -> None:
    with pytest.raises(NasproxyError, match="a number of tokens and several inputs"):
        listed(folder, {**ENTRY, "tokens": 5, "vocabulary": 9})
