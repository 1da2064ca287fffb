"""The proxies of transformers against their formulas, written out on a small network."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import nasproxy
from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.proxies import get


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(6, 6) for _ in range(3))
        self.out, self.up, self.down = nn.Linear(6, 6), nn.Linear(6, 10), nn.Linear(10, 6)
        self.norm = nn.LayerNorm(6)

    def forward(self, x: Tensor) -> Tensor:
        context = F.scaled_dot_product_attention(
            *(part(x).view(*x.shape[:2], 2, 3).transpose(1, 2) for part in (self.query, self.key)),
            self.value(x).view(*x.shape[:2], 2, 3).transpose(1, 2),
        )
        x = x + self.out(context.transpose(1, 2).flatten(2))
        return self.norm(x + self.down(F.gelu(self.up(x))))


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(20, 6), nn.Embedding(7, 6)
        self.layers = nn.ModuleList(Layer() for _ in range(2))

    def forward(self, ids: Tensor) -> Tensor:
        x = self.words(ids) + self.places(torch.arange(ids.shape[1]))
        for layer in self.layers:
            x = layer(x)
        return x


@pytest.fixture
def case():
    torch.manual_seed(0)
    return Encoder(), torch.randint(0, 20, (3, 7))


def value(name, case):
    return nasproxy.evaluate(*case, [name])[name]


def gradients(network, ids):
    network.zero_grad()
    # The last normalisation makes the plain sum of the outputs constant, but for its rounding.
    network(ids).sum().backward()
    return {name: p.grad.clone() for name, p in network.named_parameters()}


MIXING = [f"layers.{i}.{part}.weight" for i in (0, 1) for part in ("query", "key", "value", "out")]
FEEDING = [f"layers.{i}.{part}.weight" for i in (0, 1) for part in ("up", "down")]


def test_weights_are_told_apart_by_structure(case):
    assert set(value("synaptic_diversity", case).node_names) == set(MIXING)
    assert set(value("synaptic_saliency", case).node_names) == set(FEEDING)
    heads = [name for name in MIXING if "out" not in name]
    assert set(value("head_confidence", case).node_names) == set(heads)


def test_saliency_importance_and_diversity_are_weights_and_gradients(case):
    network, ids = case
    for layer in network.layers:
        nn.init.normal_(layer.norm.weight)  # so that the sum is no constant
    found, weights = gradients(network, ids), dict(network.named_parameters())
    for name, names in (("synaptic_saliency", FEEDING), ("head_importance", MIXING)):
        expected = sum(float((weights[n] * found[n]).abs().sum().detach()) for n in names)
        assert value(name, case).value == pytest.approx(expected, rel=1e-4)
    expected = sum(
        np.linalg.norm(weights[n].detach().numpy(), "nuc") * np.linalg.norm(found[n].numpy(), "nuc")
        for n in MIXING
    )
    assert value("synaptic_diversity", case).value == pytest.approx(expected, rel=1e-4)


def test_confidences_and_distances_are_of_the_forward(case):
    network, ids = case
    heads, activations, softmaxes = 0.0, 0.0, 0.0

    def of_head(_m, _i, out):
        nonlocal heads
        heads += float(out.detach().max(dim=1).values.mean())

    def of_activation(_m, inputs):
        nonlocal activations
        on = (inputs[0][0] > 0).double()
        activations += float((on @ on.T + (1 - on) @ (1 - on).T).sum())

    for layer in network.layers:
        for part in (layer.query, layer.key, layer.value):
            part.register_forward_hook(of_head)
        layer.down.register_forward_pre_hook(of_activation)
    x = network.words(ids) + network.places(torch.arange(7))
    for layer in network.layers:
        q, k = (p(x).view(3, 7, 2, 3).transpose(1, 2) for p in (layer.query, layer.key))
        probabilities = torch.softmax(q @ k.transpose(2, 3) / math.sqrt(3), dim=-1)
        softmaxes += float(probabilities.detach().max(dim=1).values.mean())
        x = layer(x)
    heads, activations = 0.0, 0.0
    network(ids)
    expected = (heads, activations, softmaxes)
    names = ("head_confidence", "activation_distance", "softmax_confidence")
    for name, number in zip(names, expected, strict=True):
        assert value(name, case).value == pytest.approx(number, rel=1e-5), name


def test_jacobian_cosine_is_that_of_the_position_embeddings(case):
    network, ids = case
    for layer in network.layers:
        nn.init.normal_(layer.norm.weight)
    rows = gradients(network, ids)["places.weight"].double().numpy()
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    apart = np.abs(rows @ rows.T - np.eye(7)) ** (1 / 20)
    np.fill_diagonal(apart, 0)
    expected = 1 - apart.sum() / 2 / 42
    assert value("jacobian_cosine", case).value == pytest.approx(expected, rel=1e-4)


def test_dss_is_of_absolute_weights_without_normalisation_on_ones(case):
    network, ids = case
    own = Encoder().double()
    own.load_state_dict(network.state_dict())
    for name, parameter in own.named_parameters():
        parameter.data = parameter.data.abs() if parameter.ndim > 1 else parameter.data * 0
        if "words" in name or "places" in name:
            parameter.data.fill_(1)
    for layer in own.layers:
        layer.norm = nn.Identity()
    own(ids[:1]).sum().backward()
    pairs = {n: (p.detach(), p.grad) for n, p in own.named_parameters()}
    expected = sum(
        float(torch.linalg.matrix_norm(w, "nuc") * torch.linalg.matrix_norm(g, "nuc"))
        for w, g in (pairs[n] for n in MIXING)
    ) + sum(float((w * g).abs().sum()) for w, g in (pairs[n] for n in FEEDING))
    assert value("dss", case).value == pytest.approx(expected, rel=1e-9)


def test_torchs_own_attention_is_seen_too():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, dropout=0.0, batch_first=True)

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.layers = nn.Embedding(20, 8), nn.ModuleList([layer])

        def forward(self, ids):
            return self.layers[0](self.words(ids))

    network, ids = Network(), torch.randint(0, 20, (3, 5))
    x = network.words(ids)
    attention = layer.self_attn
    projected = [
        F.linear(x, w, b)
        for w, b in zip(
            attention.in_proj_weight.chunk(3), attention.in_proj_bias.chunk(3), strict=True
        )
    ]
    expected = [float(p.detach().max(dim=1).values.mean()) for p in projected]
    found = nasproxy.evaluate(network, ids, ["head_confidence", "softmax_confidence"])
    np.testing.assert_allclose(found["head_confidence"].nodes, expected, rtol=1e-5)
    _, weights = attention(x, x, x, average_attn_weights=False)
    largest = float(weights.detach().max(dim=1).values.mean())
    assert found["softmax_confidence"].value == pytest.approx(largest, rel=1e-5)


@pytest.mark.parametrize("name", ["synaptic_saliency", "dss", "head_confidence"])
def test_a_network_without_such_layers_is_an_error(name):
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2))
    with pytest.raises(NasproxyError, match="no block with a feed-forward layer"):
        nasproxy.evaluate(network, Batch(torch.randn(2, 3, 6, 6)), [get(name)])


def test_layers_that_hold_lists_are_layers():
    from nasproxy.spaces.flexibert import FlexiBERT

    space = FlexiBERT(length=5)
    network = space.build(space.parse("128|sdp-2-512x3|sdp-4-512x1"), seed=0)
    ids = torch.randint(0, 99, (2, 5))
    score = nasproxy.evaluate(network, ids, ["synaptic_diversity", "synaptic_saliency"])
    assert len(score["synaptic_diversity"].nodes) == 8
    assert len(score["synaptic_saliency"].nodes) == 4 + 2
