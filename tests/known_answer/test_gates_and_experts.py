"""Both matrices of a gate, and experts that do not widen, are feed-forward layers."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import nasproxy
from nasproxy.errors import NasproxyError
from nasproxy.proxies.wpca import vpca


def nodes(network, ids, proxy):
    name = proxy if isinstance(proxy, str) else proxy.name
    return set(nasproxy.evaluate(network, ids, [proxy])[name].node_names)


def llama():
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3}
    config = transformers.LlamaConfig(
        vocab_size=50, num_attention_heads=4, num_key_value_heads=2, **sizes
    )
    return transformers.LlamaForCausalLM(config), torch.randint(1, 50, (4, 10))


def test_llama_has_twelve_weights_of_attention_and_nine_that_feed_forward():
    network, ids = llama()
    parts = ("q", "k", "v", "o")
    attention = {f"model.layers.{i}.self_attn.{p}_proj.weight" for i in range(3) for p in parts}
    feeding = {
        f"model.layers.{i}.mlp.{p}_proj.weight" for i in range(3) for p in ("gate", "up", "down")
    }
    assert nodes(network, ids, "synaptic_diversity") == attention
    assert nodes(network, ids, "synaptic_saliency") == feeding
    gates = {name for name in feeding if "gate" in name}
    assert nodes(network, ids, vpca()) == gates
    assert nodes(network, ids, vpca(linears="all")) == {n for n in feeding if "down" not in n}
    assert nodes(network, ids, vpca(linears="all", at="after")) == gates


class Expert(nn.Module):
    def __init__(self, width, back):
        super().__init__()
        self.gate, self.up = (nn.Linear(8, width, bias=False) for _ in range(2))
        self.down = nn.Linear(width, back, bias=False)

    def forward(self, x):
        return self.down(F.silu(self.gate(x)) * self.up(x))


class Mixture(nn.Module):
    """Experts in a list or in one weight each, beside one that every token passes and its scale."""

    def __init__(self, kind):
        super().__init__()
        self.router, self.scale = nn.Linear(8, 3, bias=False), nn.Linear(8, 1, bias=False)
        self.shared, self.kind = Expert(4, 8), kind
        if kind == "list":
            self.experts = nn.ModuleList(Expert(4, 8) for _ in range(3))
        else:
            self.up = nn.Parameter(torch.randn(3, 8, 4))
            self.down = nn.Parameter(torch.randn(3, 4, 8 if kind == "stacked" else 4))

    def forward(self, x):
        weights, chosen = torch.softmax(self.router(x), -1).topk(2)
        of_expert = torch.zeros(*x.shape[:2], 3).scatter(-1, chosen, weights)
        if self.kind == "list":
            made = torch.stack([expert(x) for expert in self.experts], -2)
        else:
            rows = x.reshape(1, -1, 8).expand(3, -1, -1)
            made = torch.bmm(F.silu(torch.bmm(rows, self.up)), self.down)
            made = made.transpose(0, 1).reshape(*x.shape[:2], 3, -1)
        made = (made * of_expert[..., None]).sum(-2)
        made = made if made.shape[-1] == 8 else torch.cat([made, made], -1)
        return x + made + torch.sigmoid(self.scale(x)) * self.shared(x)


class Network(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.words, self.out = nn.Embedding(50, 8), nn.Linear(8, 8)
        self.layers = nn.ModuleList(
            nn.ModuleDict({"mix": nn.Linear(8, 8), "feed": Mixture(kind)}) for _ in range(2)
        )

    def forward(self, ids):
        x = self.words(ids)
        for layer in self.layers:
            x = x + torch.softmax(x @ x.transpose(1, 2), -1) @ layer["mix"](x)
            x = layer["feed"](x)
        return self.out(x)


@pytest.mark.parametrize("kind", ["list", "stacked"])
def test_experts_that_do_not_widen_are_layers(kind):
    torch.manual_seed(0)
    network, ids = Network(kind), torch.randint(0, 50, (6, 9))
    experts = [f"experts.{e}.gate.weight" if kind == "list" else f"up[{e}]" for e in range(3)]
    first = {f"layers.{i}.feed.{name}" for i in (0, 1) for name in (*experts, "shared.gate.weight")}
    assert nodes(network, ids, vpca()) == first
    # The router and the scale are neither; the mixing is one linear layer.
    mixing = {f"layers.{i}.mix.weight" for i in (0, 1)}
    assert nodes(network, ids, "synaptic_diversity") == mixing
    assert len(nodes(network, ids, "synaptic_saliency")) == 2 * (12 if kind == "list" else 5)


def test_experts_that_cannot_be_read_are_an_error():
    torch.manual_seed(0)
    network, ids = Network("elsewhere"), torch.randint(0, 50, (6, 9))
    with pytest.raises(NasproxyError, match=r"layers\.0\.feed\.up.*may be missed"):
        nasproxy.evaluate(network, ids, "vpca")
    by_hand = vpca(layers=["layers.*.feed.up"])
    assert len(nodes(network, ids, by_hand)) == 6
