"""Feed-forward layers are found by what a network does, however it is written."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import nasproxy
from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.proxies.wpca import pca_entropy, shares_of, vpca, wpca
from nasproxy.tracing.feed_forward_pass import feed_forward_structure
from nasproxy.tracing.subject import cross_entropy, subject_of


def layers_of(network, inputs):
    batch = inputs if isinstance(inputs, Batch) else Batch(inputs)
    structure, _ = feed_forward_structure(subject_of(network, batch, loss=cross_entropy, seed=0))
    return [tuple(product.node for product in layer) for layer in structure.layers]


ACTIVATED = {
    "maximum": lambda h: torch.maximum(h, torch.zeros(())),
    "where": lambda h: torch.where(h > 0, h, 0.1 * h),
    "masked_fill": lambda h: h.masked_fill(h < 0, 0.0),
    "product with a comparison": lambda h: h * (h > 0),
    "pow": lambda h: h**2,
    "square of relu": lambda h: torch.relu(h).square(),
    "abs": torch.abs,
    "clamp_min": lambda h: h.clamp_min(0),
    "cos": torch.cos,
}


class Written(nn.Module):
    """One feed-forward layer of 6 features, 10 within, written in different ways."""

    def __init__(self, how):
        super().__init__()
        self.how = how
        self.up, self.gate, self.down = nn.Linear(6, 10), nn.Linear(6, 10), nn.Linear(10, 6)
        self.fused, self.turned = nn.Linear(6, 20), nn.Parameter(torch.randn(6, 10))
        self.inner = nn.Linear(10, 10)

    def forward(self, x):  # noqa: PLR0911, PLR0912
        if self.how == "module and function":
            return x + self.down(F.gelu(self.up(x)))
        if self.how == "composed activation":
            h = self.up(x)
            return self.down(0.5 * h * (1 + torch.tanh(0.8 * (h + 0.04 * h.pow(3)))))
        if self.how == "gated":
            return self.down(F.silu(self.gate(x)) * self.up(x))
        if self.how == "gated and fused":
            a, b = self.fused(x).chunk(2, dim=-1)
            return self.down(F.gelu(a) * b)
        if self.how == "turned weight":
            flat = torch.addmm(self.up.bias, x.view(-1, 6), self.turned)
            return self.down(torch.relu(flat).view(*x.shape[:-1], 10))
        if self.how == "matrix product":
            return torch.relu(x @ self.up.weight.t()) @ self.down.weight.T
        if self.how == "dropout and norm between":
            return self.down(F.dropout(F.relu(F.layer_norm(self.up(x), (10,))), 0.1, False))
        if self.how == "three linear layers":
            return self.down(F.gelu(self.inner(F.gelu(self.up(x)))))
        if self.how == "no activation":
            return self.down(self.up(x))
        if self.how == "attention":
            q, k, v = self.up(x), self.gate(x), self.up(x)
            return self.down(torch.softmax(q @ k.transpose(-1, -2), -1) @ v)
        if self.how in ACTIVATED:
            return self.down(ACTIVATED[self.how](self.up(x)))
        if self.how == "normalised, not activated":
            h = self.up(x)
            return self.down(h * torch.rsqrt(h.pow(2).mean(-1, keepdim=True) + 1e-6))
        if self.how == "padding, not activated":
            return self.down(self.up(x).masked_fill(x[..., :1] > 9, 0.0))
        if self.how == "narrow first":
            return F.gelu(self.up(F.gelu(self.down(F.gelu(x.repeat_interleave(2, -1)[..., :10])))))
        raise AssertionError


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("module and function", [("up.weight",)]),
        ("composed activation", [("up.weight",)]),
        ("gated", [("gate.weight",)]),
        ("gated and fused", [("fused.weight",)]),
        ("turned weight", [("turned",)]),
        ("matrix product", [("up.weight",)]),
        ("dropout and norm between", [("up.weight",)]),
        ("three linear layers", [("up.weight", "inner.weight")]),
        ("no activation", []),
        ("normalised, not activated", []),
        ("padding, not activated", []),
        *((how, [("up.weight",)]) for how in ACTIVATED),
        ("attention", []),
        ("narrow first", []),
    ],
)
def test_the_layer_is_found_however_it_is_written(how, expected):
    torch.manual_seed(0)
    assert layers_of(Written(how), torch.randn(4, 5, 6)) == expected


def test_an_inverted_bottleneck_is_a_feed_forward_layer_and_a_plain_convolution_is_not():
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 24, 1),
        nn.BatchNorm2d(24),
        nn.ReLU6(),
        nn.Conv2d(24, 24, 3, padding=1, groups=24),
        nn.BatchNorm2d(24),
        nn.ReLU6(),
        nn.Conv2d(24, 8, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 5),
    )
    assert layers_of(network, torch.randn(2, 3, 8, 8)) == [("2.weight",)]


class Squeezing(nn.Module):
    """An inverted bottleneck with squeeze and excitation by convolutions of kernel 1."""

    def __init__(self):
        super().__init__()
        self.expand, self.project = nn.Conv2d(8, 32, 1), nn.Conv2d(32, 8, 1)
        self.filter = nn.Conv2d(32, 32, 3, padding=1, stride=2, groups=32)
        self.squeeze, self.excite = nn.Conv2d(32, 8, 1), nn.Conv2d(8, 32, 1)

    def forward(self, x):
        h = F.hardswish(self.filter(F.hardswish(self.expand(x))))
        gate = self.excite(F.relu(self.squeeze(F.adaptive_avg_pool2d(h, 1))))
        return self.project(h * F.hardsigmoid(gate))


def test_a_gate_is_no_feed_forward_layer():
    assert layers_of(Squeezing(), torch.randn(2, 8, 8, 8)) == [("expand.weight",)]


def test_a_widening_classifier_hides_no_convolutions():
    network = nn.Sequential(
        *(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        *(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3)),
    )
    score = nasproxy.evaluate(network, torch.randn(5, 3, 8, 8), "vpca")["vpca"]
    assert score.node_names == ("0.weight", "2.weight")
    # Without convolutions that follow one another it is a network of vectors.
    score = nasproxy.evaluate(network[6:], torch.randn(9, 4), "vpca")["vpca"]
    assert score.node_names == ("6.weight",)


def test_without_one_the_channels_of_every_convolution_are_the_features():
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 6, 3), nn.Flatten(), nn.Linear(96, 2)
    )
    images = torch.randn(5, 3, 6, 6)
    score = nasproxy.evaluate(network, images, [vpca()])["vpca"]
    assert score.node_names == ("0.weight", "2.weight")
    for node, features in zip(score.nodes, (network[0](images), network[:3](images)), strict=True):
        rows = features.detach().movedim(1, -1).flatten(0, -2).double().numpy()
        assert node == counted(rows, 0.99)


def counted(rows, eta):
    values = np.linalg.eigvalsh(np.cov(rows, rowvar=False))[::-1]
    return int(np.argmax(np.cumsum(values) / values.sum() >= eta)) + 1


@pytest.fixture
def three():
    torch.manual_seed(0)
    return Written("three linear layers"), torch.randn(9, 7, 6)


def test_each_argument_reads_what_it_says(three):
    network, x = three
    before = network.up(x).detach()
    second = network.inner(F.gelu(before)).detach()

    def rows(features):
        return features.reshape(-1, features.shape[-1]).double().numpy()

    def nodes(proxy):
        return nasproxy.evaluate(network, x, [proxy])[proxy.name].nodes.tolist()

    assert nodes(vpca()) == [counted(rows(before), 0.99)]
    assert nodes(vpca(eta=0.7)) == [counted(rows(before), 0.7)]
    assert nodes(vpca(linears="all")) == [counted(rows(before), 0.99), counted(rows(second), 0.99)]
    assert nodes(vpca(at="after", eta=0.8)) == [counted(rows(F.gelu(before)), 0.8)]
    assert nodes(vpca(layers=["inner"])) == [counted(rows(second), 0.99)]
    by_name = vpca(eta={"inner.*": 0.6, "*": 0.9}, linears="all")
    assert nodes(by_name) == [counted(rows(before), 0.9), counted(rows(second), 0.6)]
    total = sum(p.numel() for p in network.parameters())
    count = counted(rows(before), 0.99)
    scores = nasproxy.evaluate(
        network, x, [wpca(), vpca(over_layers="mean", linears="all"), pca_entropy()]
    )
    assert scores["wpca"].value == total * count
    assert scores["wpca"].nodes.tolist() == [count]
    assert scores["vpca"].value == np.mean(nodes(vpca(linears="all")))
    values = np.linalg.eigvalsh(np.cov(rows(before), rowvar=False)).clip(min=1e-300)
    shares = values / values.sum()
    assert scores["pca_entropy"].value == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))


class Masked(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(20, 6)
        self.up, self.down = nn.Linear(6, 10), nn.Linear(10, 6)

    def forward(self, input_ids, attention_mask=None):
        return self.down(F.gelu(self.up(self.words(input_ids))))


def test_padding_is_left_out_and_embeddings_too_where_asked():
    torch.manual_seed(0)
    network = Masked()
    ids = torch.randint(0, 20, (3, 8))
    mask = torch.ones(3, 8, dtype=torch.long)
    mask[0, 2:] = mask[1, 5:] = 0
    batch = Batch({"input_ids": ids, "attention_mask": mask})
    features = network.up(network.words(ids)).detach().double()

    def value(proxy):
        return nasproxy.evaluate(network, batch, [proxy])[proxy.name].value

    assert value(vpca(eta=0.8)) == counted(features[mask.bool()].numpy(), 0.8)
    assert value(vpca(eta=0.8, masked=False)) == counted(features.flatten(0, 1).numpy(), 0.8)
    without = sum(p.numel() for m in (network.up, network.down) for p in m.parameters())
    count = value(vpca())
    assert value(wpca(parameters="without_embeddings")) == without * count
    assert value(wpca()) == (without + 120) * count


def test_many_samples_are_streamed_to_the_same_counts():
    torch.manual_seed(0)
    network = Written("module and function")
    x = torch.randn(200, 3, 6)
    calls = []
    network.up.register_forward_hook(lambda m, i, o: calls.append(len(i[0])))
    score = nasproxy.evaluate(network, x, [vpca()])["vpca"]
    assert max(calls) < 200
    rows = network.up(x).detach().flatten(0, 1).double().numpy()
    assert score.nodes.tolist() == [counted(rows, 0.99)]


def test_what_comes_after_the_last_layer_is_not_computed():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 4), nn.Linear(4, 3))
    seen = []
    network[2].register_forward_hook(lambda m, i, o: seen.append(len(o)))
    nasproxy.evaluate(network, torch.randn(6, 4), [vpca()])
    assert seen == [0]  # on a batch of no samples alone


class Shared(nn.Module):
    """One layer used three times, as in ALBERT."""

    def __init__(self):
        super().__init__()
        self.up, self.down = nn.Linear(6, 10), nn.Linear(10, 6)

    def forward(self, x):
        for _ in range(3):
            x = x + self.down(F.gelu(self.up(x)))
        return x


def test_a_layer_used_again_is_a_layer_again():
    score = nasproxy.evaluate(Shared(), torch.randn(9, 6), [vpca()])["vpca"]
    assert score.node_names == ("up.weight", "up.weight#2", "up.weight#3")


class Clipping(nn.Module):
    """Writes to its own weights, or looks at values, as some networks do."""

    def __init__(self, how):
        super().__init__()
        self.how = how
        self.up, self.down = nn.Linear(6, 10), nn.Linear(10, 6)

    def forward(self, x):
        if self.how == "in place":
            with torch.no_grad():
                self.up.weight.clamp_(-0.1, 0.1)
        elif self.how == "data":
            self.up.weight.data.clamp_(-0.1, 0.1)
        elif self.how == "values" and float(x.abs().max()) > 1e9:
            raise AssertionError
        return self.down(F.gelu(self.up(x)))


@pytest.mark.parametrize("how", ["in place", "data", "values"])
def test_a_network_that_writes_to_its_weights_keeps_them(how):
    network = Clipping(how)
    before = network.up.weight.clone()
    score = nasproxy.evaluate(network, torch.randn(9, 6), [vpca()])["vpca"]
    assert score.node_names == ("up.weight",)
    assert torch.equal(network.up.weight, before)


def test_wrong_arguments_say_what_is_accepted():
    for share in (0.0, 1.5, float("nan"), "x", None, True, {"*": "x"}):
        with pytest.raises(NasproxyError, match="eta is"):
            shares_of(share)
    network = Written("module and function")
    for shares, said in (
        ({"*typo*": 0.5}, r"'up.weight': its patterns are '\*typo\*'"),
        ({}, "none"),
    ):
        with pytest.raises(NasproxyError, match=said):
            nasproxy.evaluate(network, torch.randn(3, 2, 6), [vpca(eta=shares)])
    with pytest.raises(NasproxyError, match="no weight is named 'encoder'"):
        nasproxy.evaluate(network, torch.randn(3, 2, 6), [vpca(layers=["encoder"])])
    with pytest.raises(NasproxyError, match="finds nothing to read"):
        nasproxy.evaluate(nn.Linear(3, 2), torch.randn(3, 3), [vpca()])
    with pytest.raises(NasproxyError, match="reaches no further weight"):
        nasproxy.evaluate(network, torch.randn(3, 2, 6), [vpca(layers=["down"], at="after")])
