"""Lists of the user's own networks: what is read, built, scored, and refused."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

import nasproxy
from nasproxy.errors import NasproxyError
from nasproxy.scoring.model_batches import batch_for
from nasproxy.scoring.model_building import build
from nasproxy.scoring.model_list import read_models
from nasproxy.scoring.own_models import own_models_task
from nasproxy.scoring.rank import rank

NETS = """
import functools
import random
import numpy as np
import torch
from torch import nn

def mlp(width=8, depth=1):
    layers = [nn.Flatten(), nn.Linear(3 * 8 * 8, width), nn.ReLU()]
    for _ in range(depth):
        layers += [nn.Linear(width, width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, 10))

class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(50, 8)
        self.head = nn.Linear(8, 10)
    def forward(self, ids):
        return self.head(torch.relu(self.embedding(ids)).mean(1))

def looks_at_its_numbers():
    layer = nn.Linear(6, 10)
    float(layer.weight.sum())
    return nn.Sequential(layer, nn.ReLU(), nn.Linear(10, 10))

def drawn_elsewhere():
    network = mlp()
    values = np.random.rand(8, 192) * random.random()
    network[1].weight.data = torch.as_tensor(values, dtype=torch.float32)
    return network

@functools.cache
def remembered(): return mlp()

def fails_at_odd_seeds():
    if torch.initial_seed() % 2:
        raise ValueError("odd")
    return mlp()

def lazy(): return nn.Sequential(nn.Flatten(), nn.LazyLinear(10))

ONE = mlp()
def one(): return ONE

def text(): return "a network"
CONSTANT = 3
"""
TOML = """
[defaults]
input = [3, 8, 8]
factory = "list_nets:mlp"

[[model]]
name = "narrow"

[[model]]
name = "wide"
arguments = { width = 16, depth = 2 }

[[model]]
name = "tokens"
factory = "list_nets:Tagger"
tokens = 6
vocabulary = 50

[[model]]
name = "vector"
factory = "list_nets:looks_at_its_numbers"
input = [6]
"""
BERT = {
    "name": "bert",
    "huggingface": "BertForSequenceClassification",
    "config": {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "vocab_size": 60,
    },
    "tokens": 5,
}
GPT2 = {
    "name": "gpt2",
    "huggingface": "GPT2LMHeadModel",
    "config": {
        "n_embd": 16,
        "n_layer": 1,
        "n_head": 2,
        "vocab_size": 60,
        "n_positions": 8,
        "bos_token_id": 0,
        "eos_token_id": 0,
    },
    "tokens": 5,
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "list_nets.py").write_text(NETS)
    (tmp_path / "models.toml").write_text(TOML)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "list_nets", raising=False)
    return tmp_path


def _task(path: Path, **changed: Any) -> Any:
    arguments: dict[str, Any] = {
        "proxies": ["params", "snip"],
        "images": "noise",
        "batch_size": 4,
        **changed,
    }
    return own_models_task(read_models(path), **arguments)


def _rank(path: Path, out: Path, jobs: int = 1, **changed: Any) -> list[dict[str, Any]]:
    task = _task(path, **changed)
    rank(task, [model.name for model in task.models], out, jobs=jobs)
    return pq.read_table(out).to_pylist()


def test_scores_are_those_of_the_networks_built_by_hand(folder: Path) -> None:
    rows = {r["architecture"]: r for r in _rank(folder / "models.toml", folder / "s.parquet")}
    assert set(rows) == {"narrow", "wide", "tokens", "vector"}
    for model in read_models(folder / "models.toml"):
        import list_nets  # type: ignore[import-not-found]

        function = getattr(list_nets, str(model.factory).partition(":")[2])
        torch.manual_seed(0)
        network = function(**model.arguments)
        batch = batch_for(model, "noise", 4, 0)
        expected = nasproxy.evaluate(network, batch, ["params", "snip"], seed=0)
        for name, score in expected.items():
            assert rows[model.name][name] == score.value, (model.name, name)
    assert rows["wide"]["params"] > rows["narrow"]["params"]


def test_what_a_factory_draws_elsewhere_follows_the_seed_too(folder: Path) -> None:
    path = folder / "models.json"
    path.write_text(json.dumps([{**BASE, "factory": "list_nets:drawn_elsewhere"}]))
    model = read_models(path)[0]
    before = np.random.get_state()[2]  # noqa: NPY002
    states = [build(model, seed).state_dict()["1.weight"] for seed in (0, 0, 1)]
    assert states[0].equal(states[1])
    assert not states[0].equal(states[2])
    assert np.random.get_state()[2] == before  # noqa: NPY002


def test_an_entry_that_fails_when_it_is_measured_leaves_the_others(folder: Path) -> None:
    path = folder / "models.json"
    failing = {**BASE, "name": "late", "factory": "list_nets:fails_at_odd_seeds"}
    path.write_text(
        json.dumps([failing, {**BASE, "name": "lazy", "factory": "list_nets:lazy"}, BASE])
    )
    task = _task(path, seeds=(0, 1), nodes=True)
    names = [model.name for model in task.models]
    found = rank(task, names, folder / "s.parquet", nodes=folder / "n.parquet")
    assert [c.scores["snip"] is None for c in found] == [True, True, False]
    assert "these values: ValueError: odd" in found[0].reasons["snip"]
    assert "has no numbers yet" in found[1].reasons["params"]
    rows = pq.read_table(folder / "n.parquet").to_pylist()
    assert {(r["architecture"], r["seed"]) for r in rows} == {("late", 0), ("a", 0), ("a", 1)}


def test_a_factory_that_gives_one_network_keeps_its_weights(folder: Path) -> None:
    path = folder / "models.json"
    path.write_text(json.dumps([{**BASE, "factory": "list_nets:one"}]))
    import list_nets

    expected = sum(float(p.detach().norm()) for p in list_nets.ONE.parameters() if p.ndim > 1)
    row = _rank(path, folder / "one.parquet", proxies=["l2_norm"])[0]
    assert row["l2_norm"] == pytest.approx(expected, rel=1e-6)


def test_a_list_of_models_is_the_same_bytes_for_two_processes_and_several_seeds(
    folder: Path,
) -> None:
    _rank(folder / "models.toml", folder / "one.parquet", jobs=1, seeds=(0, 1))
    _rank(folder / "models.toml", folder / "two.parquet", jobs=2, seeds=(0, 1))
    assert (folder / "one.parquet").read_bytes() == (folder / "two.parquet").read_bytes()
    row = pq.read_table(folder / "one.parquet").to_pylist()[0]
    assert row["snip_sd"] > 0
    assert row["params_sd"] == 0


def test_hugging_face_models_have_random_weights_by_their_configuration(folder: Path) -> None:
    pytest.importorskip("transformers")
    (folder / "config.json").write_text(
        json.dumps({**BERT["config"], "model_type": "bert", "architectures": ["X"], "new": 1})
    )
    listed = [BERT, GPT2, {**BERT, "name": "from a file", "config": "config.json"}]
    path = folder / "models.json"
    path.write_text(json.dumps({"models": listed}))
    rows = {r["architecture"]: r for r in _rank(path, folder / "hf.parquet")}
    assert rows["bert"]["params"] == rows["from a file"]["params"]
    assert rows["bert"]["snip"] == rows["from a file"]["snip"]
    model = read_models(path)[1]
    network, batch = build(model, 0), batch_for(model, "noise", 4, 0)
    assert rows["gpt2"]["params"] == sum(p.numel() for p in network.parameters())
    assert batch.labels is not None
    ids = batch.tensors[0]
    assert batch.labels.equal(ids.roll(-1, 1))  # a language model is asked for the next token
    other = build(model, 1).state_dict()
    assert any(not tensor.equal(other[name]) for name, tensor in network.state_dict().items())
    assert all(np.isfinite(row["snip"]) for row in rows.values())


def test_a_list_goes_on_where_it_stopped_unless_a_factory_changed(folder: Path) -> None:
    task, out = _task(folder / "models.toml"), folder / "cut.parquet"
    entries = [model.name for model in task.models]

    def stop(_candidate: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rank(task, entries, out, on_candidate=stop)
    kept = (folder / "list_nets.py").read_text()
    (folder / "list_nets.py").write_text(kept + "# changed\n")
    with pytest.raises(Exception, match="factories"):
        rank(task, entries, out)
    (folder / "list_nets.py").write_text(kept)
    rank(task, entries, out)
    _rank(folder / "models.toml", folder / "whole.parquet")
    assert out.read_bytes() == (folder / "whole.parquet").read_bytes()


BASE = {"name": "a", "factory": "list_nets:mlp", "input": [3, 8, 8]}
WITHOUT = {"name": "a"}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({**BASE, "depht": 2}, "there is no key 'depht'"),
        ({**BASE, "huggingface": "BertModel"}, "a factory and a huggingface class"),
        ({"name": "a", "input": [3, 8, 8]}, "no factory and no huggingface"),
        ({"name": "a", "factory": "list_nets:mlp"}, "no input shape and no number of tokens"),
        ({**BASE, "tokens": 5}, "an input shape and a number of tokens"),
        ({**BASE, "input": [3, 8, 9]}, "not square"),
        ({**BASE, "input": [0]}, "the input shape [0]"),
        ({**BASE, "input": "3,8,8"}, "Expected `array | null`, got `str` for `input`"),
        ({"factory": "list_nets:mlp", "input": [3]}, "required field `name`"),
        ({**BASE, "name": " "}, "the name ' '"),
        ({**BASE, "config": {}}, "a config belongs to a huggingface"),
        ({"name": "a", "factory": "list_nets:Tagger", "tokens": 5}, "without a vocabulary"),
        ({**BASE, "classes": 0}, "classes = 0"),
        ({**BASE, "factory": "list_nets:mpl"}, "did you mean mlp"),
        ({**BASE, "factory": "no_such_module:mlp"}, "cannot be imported"),
        ({**BASE, "factory": "list_nets:CONSTANT"}, "is a int"),
        ({**BASE, "factory": "list_nets:text"}, "gives a str"),
        ({**BASE, "factory": "list_nets:remembered"}, "gives the same network at every call"),
        ({**BASE, "arguments": {"widht": 3}}, "unexpected keyword argument 'widht'"),
        ({**BERT, "huggingface": "BertForSequenceClasification"}, "did you mean BertForSequence"),
        ({**BERT, "huggingface": "BertConfig"}, "no model class 'BertConfig'"),
        ({**BERT, "config": {"hidden_sise": 3}}, "has no value 'hidden_sise'"),
        ({**BERT, "config": {"model_type": "gpt2"}}, "a configuration of 'gpt2'"),
        ({**BERT, "config": "absent.json"}, "absent.json cannot be read"),
        ({**BERT, "arguments": {"a": 1}}, "arguments belong to a factory"),
    ],
)
def test_what_is_wrong_in_an_entry_is_said_with_its_place(
    folder: Path, entry: dict[str, Any], message: str
) -> None:
    if "huggingface" in entry:
        pytest.importorskip("transformers")
    path = folder / "models.json"
    path.write_text(json.dumps([{**BASE, "name": "first"}, entry]))
    with pytest.raises(NasproxyError) as caught:
        _task(path)
    assert message in str(caught.value)
    assert f"{path}, model 2" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[model]]\nname = \n", "is no TOML"),
        ("", "holds no list of models"),
        ("[[modell]]\n", "did you mean model"),
        ("model = []\n", "lists no model"),
        (TOML.replace("wide", "narrow"), "line 9, model 2: the name 'narrow' is taken"),
    ],
)
def test_what_is_wrong_with_a_list_is_said(folder: Path, text: str, message: str) -> None:
    path = folder / "models.toml"
    path.write_text(text)
    with pytest.raises(NasproxyError) as caught:
        read_models(path)
    assert message in str(caught.value)
    with pytest.raises(NasproxyError, match="cannot be read"):
        read_models(folder / "absent.toml")


def test_labels_that_an_entry_lacks_and_small_batches_are_named(folder: Path) -> None:
    with pytest.raises(NasproxyError, match=r"model 1 \('narrow'\): naswot needs a batch"):
        _task(folder / "models.toml", proxies=["naswot"], batch_size=1)
