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
from nasproxy.evaluation import outcomes
from nasproxy.proxies import get
from nasproxy.proxies.transformers import (
    head_importance,
    jacobian_cosine,
    synaptic_diversity,
    synaptic_saliency,
)
from nasproxy.tracing import attention_probabilities as of_attention


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


def gradients(network, ids, cotangent="signs"):
    network.zero_grad()
    output = network(ids)
    generator = torch.Generator().manual_seed(0)
    signs = torch.randint(2, output.shape, generator=generator) * 2 - 1
    (output if cotangent == "ones" else output * signs).sum().backward()
    return {name: p.grad.clone() for name, p in network.named_parameters()}


MIXING = [f"layers.{i}.{part}.weight" for i in (0, 1) for part in ("query", "key", "value", "out")]
FEEDING = [f"layers.{i}.{part}.weight" for i in (0, 1) for part in ("up", "down")]


def test_weights_are_told_apart_by_structure(case):
    assert set(value("synaptic_diversity", case).node_names) == set(MIXING)
    assert set(value("synaptic_saliency", case).node_names) == set(FEEDING)
    heads = [name for name in MIXING if "out" not in name]
    assert set(value("head_confidence", case).node_names) == set(heads)


@pytest.mark.parametrize("cotangent", ["signs", "ones"])
def test_saliency_importance_and_diversity_are_weights_and_gradients(case, cotangent):
    network, ids = case
    if cotangent == "ones":
        for layer in network.layers:
            nn.init.normal_(layer.norm.weight)  # so that the sum is no constant
    found, weights = gradients(network, ids, cotangent), dict(network.named_parameters())

    def of(proxy):
        made = proxy(cotangent=cotangent)
        return nasproxy.evaluate(*case, [made])[made.name].value

    for proxy, names in ((synaptic_saliency, FEEDING), (head_importance, MIXING)):
        expected = sum(float((weights[n] * found[n]).abs().sum().detach()) for n in names)
        assert of(proxy) == pytest.approx(expected, rel=1e-4)
    expected = sum(
        np.linalg.norm(weights[n].detach().numpy(), "nuc") * np.linalg.norm(found[n].numpy(), "nuc")
        for n in MIXING
    )
    assert of(synaptic_diversity) == pytest.approx(expected, rel=1e-4)


GRADIENTS = [synaptic_saliency, synaptic_diversity, head_importance, jacobian_cosine]


@pytest.mark.parametrize("proxy", GRADIENTS, ids=lambda proxy: proxy.__name__)
def test_a_score_behind_a_last_normalisation_is_no_rounding(case, proxy):
    network, ids = case
    single = nasproxy.evaluate(network, ids, [proxy()])[proxy.__name__].value
    double = nasproxy.evaluate(network.double(), ids, [proxy()])[proxy.__name__].value
    assert single == pytest.approx(double, rel=1e-4)
    for of_precision in (network.double(), network.float()):
        with pytest.raises(NasproxyError, match="constant but for rounding"):
            nasproxy.evaluate(of_precision, ids, [proxy(cotangent="ones")])


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


def test_what_one_observer_cannot_read_costs_its_own_proxy_alone(case, monkeypatch):
    def failing(*_args, **_kwargs):
        raise RuntimeError("a kind of attention that nobody foresaw")

    alone = value("head_confidence", case).value
    monkeypatch.setattr(of_attention, "attention_probabilities", failing)
    names = ["softmax_confidence", "head_confidence", "activation_distance", "synaptic_saliency"]
    found = outcomes(*case, names)
    assert isinstance(found["softmax_confidence"], NasproxyError)
    assert found["softmax_confidence"].wrong.startswith("softmax_confidence: ")
    assert "nobody foresaw" in found["softmax_confidence"].wrong
    assert found["head_confidence"].value == alone
    assert all(not isinstance(found[name], NasproxyError) for name in names[1:])


class Laid(nn.Module):
    """One block whose linear layers see tokens as ``[n, t, d]``, ``[t, n, d]`` or rows."""

    def __init__(self, how):
        super().__init__()
        self.how, self.words = how, nn.Embedding(20, 6)
        shapes = ((6, 18), (6, 6), (6, 10), (10, 6))
        self.layers = nn.ModuleList([nn.ModuleList(nn.Linear(*shape) for shape in shapes)])

    def product(self, layer, x):
        if self.how == "rows":  # the Conv1D of GPT-2
            flat = torch.addmm(layer.bias, x.reshape(-1, x.shape[-1]), layer.weight.T)
            return flat.view(*x.shape[:-1], -1)
        if self.how == "einsum":  # XLNet
            return torch.einsum("tnd,fd->tnf", x, layer.weight) + layer.bias
        return layer(x)

    def forward(self, ids):
        x = self.words(ids)
        qkv, out, up, down = self.layers[0]
        turned = self.how in ("time first", "einsum")
        x = x.transpose(0, 1) if turned else x
        q, k, v = self.product(qkv, x).chunk(3, -1)
        if turned:
            q, k, v = (part.transpose(0, 1) for part in (q, k, v))
        context = torch.softmax(q @ k.transpose(1, 2), -1) @ v
        x = x + self.product(out, context.transpose(0, 1) if turned else context)
        x = x + self.product(down, F.gelu(self.product(up, x)))
        return x.transpose(0, 1) if turned else x


@pytest.mark.parametrize("how", ["plain", "rows", "time first", "einsum"])
def test_tokens_and_samples_are_told_apart_in_every_layout(how):
    torch.manual_seed(0)
    network, ids = Laid(how), torch.randint(0, 20, (3, 7))
    nn.init.zeros_(network.layers[0][0].bias)  # einsum has none
    found = nasproxy.evaluate(network, ids, ["head_confidence", "activation_distance"])
    hidden = network.words(ids)
    largest = network.layers[0][0](hidden).amax(dim=1).mean()
    np.testing.assert_allclose(found["head_confidence"].nodes, [float(largest.detach())], rtol=1e-5)
    first = nasproxy.evaluate(network, ids[:1], "activation_distance")["activation_distance"]
    assert found["activation_distance"].value == first.value


def test_torchs_own_attention_is_masked():
    torch.manual_seed(0)

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = nn.Embedding(20, 8)
            self.layers = nn.ModuleList([nn.TransformerEncoderLayer(8, 2, 16, 0.0)])

        def forward(self, ids):
            causal = torch.ones(5, 5, dtype=torch.bool).triu(1)
            return self.layers[0](
                self.words(ids).transpose(0, 1), causal, src_key_padding_mask=ids == 0
            )

    network, ids = Network(), torch.randint(1, 20, (3, 5))
    ids[1, 3:] = 0
    x = network.words(ids).transpose(0, 1)
    causal = torch.ones(5, 5, dtype=torch.bool).triu(1)
    _, weights = network.layers[0].self_attn(
        x, x, x, attn_mask=causal, key_padding_mask=ids == 0, average_attn_weights=False
    )
    expected = float(weights.detach().amax(dim=1).mean())
    found = nasproxy.evaluate(network, ids, ["softmax_confidence"])["softmax_confidence"]
    assert found.value == pytest.approx(expected, rel=1e-5)


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(6)), nn.Parameter(torch.ones(6))

    def forward(self, x):
        return x * self.weight + self.bias


class Places(nn.Embedding):
    """Takes more than tokens, and by name, as those of OPT and BART do."""

    def forward(self, input, past=0, places=None):
        return super().forward(torch.arange(input.shape[1]) + past)


def test_dss_and_synflow_keep_gains_and_drop_biases(case):
    network, ids = case
    network.places = Places(7, 6)
    network.forward = lambda ids: network.layers[1](
        network.layers[0](network.words(ids) + network.places(input=ids, past=0, places=None))
    )
    names = ["dss", "synflow"]
    plain = nasproxy.evaluate(network, ids, names)
    for layer in network.layers:
        layer.norm = Scaled()
    one = nasproxy.evaluate(network, ids, names)
    assert [one[n].value for n in names] == pytest.approx([plain[n].value for n in names])
    with torch.no_grad():
        network.layers[1].norm.weight.fill_(-2)
    two = nasproxy.evaluate(network, ids, names)
    # dss has two factors that are gradients, of the summed output: linear in the last gain
    assert two["dss"].value == pytest.approx(2 * one["dss"].value)
    assert two["synflow"].value == pytest.approx(one["synflow"].value + math.log(2))
    with torch.no_grad():
        network.layers[1].norm.weight.zero_()
    with pytest.raises(NasproxyError, match="dss: no weight has any part"):
        nasproxy.evaluate(network, ids, "dss")


def test_dss_of_mobilebert_blocks_is_not_zero():
    from nasproxy.spaces.bert_mobilebert import BertMobileBERT
    from nasproxy.spaces.bert_mobilebert.architecture import Sizes

    space = BertMobileBERT("small", Sizes(layers=1, hidden=96, steps=3))
    network = space.build(space.parse("m48"), seed=0)
    ids = torch.randint(1, 99, (2, 5))
    given = nasproxy.evaluate(network, ids, ["dss", "synflow"])
    assert given["dss"].value > 0
    assert (given["dss"].nodes > 0).sum() > 6


def test_a_part_in_single_precision_is_widened(case):
    network, _ = case
    exact = value("dss", case).value
    forward = network.layers[0].forward
    network.layers[0].forward = lambda x: forward(x.float() * torch.ones(6, dtype=torch.float32))
    assert value("dss", case).value == exact
