"""The seven proxies against their formulas, written again in plain torch, and closed forms."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from nasproxy import evaluate, spaces
from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.tracing.count_pass import multiply_accumulates

LABELS = torch.arange(8) % 4


def images(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(8, *shape, generator=torch.Generator().manual_seed(seed))


def convolutional(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Conv2d(6, 6, 3, groups=2, bias=False),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(216, 4),
    )


def weights(network: nn.Module) -> dict[str, nn.Parameter]:
    return {name: p for name, p in network.named_parameters() if p.ndim >= 2}


def chain(constants: list[float], width: int = 4) -> nn.Sequential:
    network = nn.Sequential(*[nn.Linear(width, width, bias=False) for _ in constants])
    for layer, constant in zip(network, constants, strict=True):
        nn.init.constant_(layer.weight, constant)
    return network


def test_weight_proxies_are_those_of_backward_on_the_network_itself() -> None:
    network, x = convolutional(), images(3, 8, 8)
    scores = evaluate(network, (x, LABELS), ["l2_norm", "grad_norm", "snip"])
    F.cross_entropy(network.train()(x), LABELS).backward()
    expected = {
        "l2_norm": {
            n: w.detach().double().square().sum().sqrt() for n, w in weights(network).items()
        },
        "grad_norm": {
            n: w.grad.double().square().sum().sqrt() for n, w in weights(network).items()
        },
        "snip": {n: (w * w.grad).abs().double().sum() for n, w in weights(network).items()},
    }
    for name, nodes in expected.items():
        assert scores[name].node_names == tuple(nodes)
        # Channels last and contiguous convolutions add in another order.
        np.testing.assert_allclose(
            scores[name].nodes, [float(v.detach()) for v in nodes.values()], rtol=2e-5
        )
        assert scores[name].value == pytest.approx(
            sum(float(v.detach()) for v in nodes.values()), rel=2e-5
        )


def kernel(inputs: list[Tensor]) -> Tensor:
    total = torch.zeros(8, 8, dtype=torch.float64)
    for x in inputs:
        signs = (x.detach().reshape(8, -1) > 0).double()
        total += signs @ signs.T + (1 - signs) @ (1 - signs).T
    return total


class Calls(nn.Module):
    """Activations in every way a network can call one; ``seen`` keeps their inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(12, 70)
        self.second = nn.Linear(70, 70)
        self.twice = nn.ReLU()
        self.inplace = nn.ReLU(inplace=True)
        self.seen: list[Tensor] = []

    def keep(self, x: Tensor) -> Tensor:
        self.seen.append(x.detach().clone())
        return x

    def forward(self, x: Tensor) -> Tensor:
        x = self.twice(self.keep(self.first(x)))
        x = self.twice(self.keep(self.second(x)))
        x = self.inplace(self.keep(self.second(x) - 0.1))
        x = F.gelu(self.keep(self.second(x)))
        x = self.keep(self.second(x)).relu_()
        x = self.keep(self.second(x)).relu()
        x = F.relu6(input=self.keep(self.second(x)))
        return self.second(torch.relu(self.keep(self.second(x))))


def test_naswot_is_the_log_determinant_of_the_matrix_products() -> None:
    torch.manual_seed(0)
    network = Calls()
    score = evaluate(network, images(12), ["naswot"])["naswot"]
    expected = torch.linalg.slogdet(kernel(network.seen))
    assert expected.sign == 1
    assert score.value == pytest.approx(float(expected.logabsdet), rel=1e-12)
    assert score.nodes.sum() == pytest.approx(score.value, rel=1e-12)
    assert score.node_names == ("twice", "twice#2", "inplace", "", "#2", "#3", "#4", "#5")


@pytest.mark.parametrize("activation", [nn.ReLU6, nn.Hardtanh, nn.Softplus, nn.Hardswish, nn.PReLU])
def test_naswot_sees_modules_that_call_another_function(activation: type[nn.Module]) -> None:
    torch.manual_seed(0)
    linear = nn.Linear(12, 70)
    x = images(12)
    expected = torch.linalg.slogdet(kernel([linear(x)])).logabsdet
    score = evaluate(nn.Sequential(linear, activation()), x, ["naswot"])["naswot"]
    assert score.value == pytest.approx(float(expected), rel=1e-12)
    assert score.node_names == ("1",)


class Shaped(nn.Module):
    """The same units per sample, laid out in another shape."""

    def __init__(self, shape: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.linear = nn.Linear(12, 24)
        self.shape = shape

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.linear(x).reshape(8, 4, 6)
        return F.relu(self.shape(hidden)).sum()[None]


def test_naswot_finds_the_samples_in_folded_and_sequence_first_activations() -> None:
    torch.manual_seed(0)
    plain = Shaped(lambda h: h)
    expected = evaluate(plain, images(12), ["naswot"])["naswot"].value
    for shape in (
        lambda h: h.transpose(0, 1),  # sequence first
        lambda h: h.reshape(32, 6),  # time folded into the batch
        lambda h: h.reshape(8, 24),
        lambda h: h.reshape(8, 4, 2, 3).contiguous(memory_format=torch.channels_last),
        lambda h: h.reshape(16, 2, 6, 1),  # windows folded into the batch
    ):
        network = Shaped(shape)
        network.linear.load_state_dict(plain.linear.state_dict())
        assert evaluate(network, images(12), ["naswot"])["naswot"].value == expected


def reference_synflow(network: nn.Module, shape: tuple[int, ...]) -> dict[str, float]:
    """Plain float64 synflow of a chain of convolutions, linear layers and ReLU."""
    x = torch.ones(1, *shape, dtype=torch.float64)
    leaves = {}
    for name, layer in network.named_children():
        if isinstance(layer, nn.BatchNorm2d):
            continue
        if isinstance(layer, nn.Conv2d | nn.Linear):
            w = layer.weight.detach().double().abs().requires_grad_()
            leaves[f"{name}.weight"] = w
            if isinstance(layer, nn.Linear):
                x = x @ w.T
            else:
                x = F.conv2d(x, w, None, layer.stride, layer.padding, groups=layer.groups)
        else:
            x = layer(x)
    gradients = torch.autograd.grad(x.sum(), list(leaves.values()))
    return {
        n: float((w.detach() * g).abs().sum())
        for (n, w), g in zip(leaves.items(), gradients, strict=True)
    }


def test_synflow_is_the_plain_one_and_its_nodes_are_log_one_plus() -> None:
    network = convolutional()
    score = evaluate(network, images(3, 8, 8), ["synflow"])["synflow"]
    expected = reference_synflow(network, (3, 8, 8))
    assert score.node_names == tuple(expected)
    np.testing.assert_allclose(np.expm1(score.nodes), list(expected.values()), rtol=1e-12)
    assert score.value == pytest.approx(math.log(sum(expected.values())), rel=1e-13)
    # Conservation: every layer of a chain without biases passes the same flow.
    np.testing.assert_allclose(score.nodes, score.nodes[0], rtol=1e-12)


@pytest.mark.parametrize(
    "constants",
    [
        [2.0] * 10,
        [1e30] * 12,  # the sum is 1e369, and float64 ends at 1.8e308
        [1e30] * 19,  # 1e583
        [1e38] * 10 + [1e-38] * 10,  # the activations reach 1e386 and come back
        [1e-38] * 10 + [1e38] * 10,  # they fall to 1e-374 and come back
        [1e30, 1e-30] * 20,
        [1e-30] * 8,
    ],
)
def test_synflow_of_a_chain_of_constant_matrices(constants: list[float]) -> None:
    # R = 4 prod(4 c), and each of the L nodes carries all of it.
    held = [float(torch.tensor(c)) for c in constants]
    exact = sum(math.log(4 * c) for c in held) + math.log(4) + math.log(len(held))
    score = evaluate(chain(constants), torch.randn(2, 4), ["synflow"])["synflow"]
    assert score.value == pytest.approx(exact, rel=1e-9)


def test_synflow_keeps_small_nodes_beside_a_sum_beyond_float64() -> None:
    class Branches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.large, self.small = chain([1e30] * 11), chain([1e2] * 11)

        def forward(self, x: Tensor) -> Tensor:
            return self.large(x) + self.small(x)

    score = evaluate(Branches(), torch.randn(2, 4), ["synflow"])["synflow"]
    small = dict(zip(score.node_names, score.nodes, strict=True))["small.0.weight"]
    assert small == pytest.approx(math.log(4 * 400.0**11), rel=1e-9)


def test_synflow_beyond_its_range_says_so() -> None:
    with pytest.raises(NasproxyError, match="cannot be held in float64"):
        evaluate(chain([1e38] * 20), torch.randn(2, 4), ["synflow"])


def test_scores_follow_the_last_layer_as_they_must() -> None:
    """Scaling the last layer by c: l2, synflow known; with a linear loss, the gradients too."""

    def mean(predicted: Tensor, _labels: Tensor) -> Tensor:
        return predicted.mean()

    network, batch = convolutional(), (images(3, 8, 8), LABELS)
    names = ["l2_norm", "grad_norm", "snip", "naswot", "synflow"]
    before = evaluate(network, batch, names, loss=mean)
    with torch.no_grad():
        network[-1].weight *= 4.0
    after = evaluate(network, batch, names, loss=mean)
    scale = np.array([1, 1, 4.0])
    np.testing.assert_allclose(after["l2_norm"].nodes, before["l2_norm"].nodes * scale)
    # The last layer's own gradient is its input: it stays; all before it are multiplied.
    np.testing.assert_allclose(after["grad_norm"].nodes, before["grad_norm"].nodes * [4, 4, 1])
    np.testing.assert_allclose(after["snip"].nodes, before["snip"].nodes * 4)
    assert after["synflow"].value == pytest.approx(before["synflow"].value + math.log(4), rel=1e-12)
    assert after["naswot"].value == before["naswot"].value


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(16, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        attended: Tensor = self.attention(x, x, x, need_weights=False)[0]
        return attended


class Recurrent(nn.Module):
    def __init__(self, where: str = "any") -> None:
        super().__init__()
        self.lstm, self.where = nn.LSTM(16, 12, 2, batch_first=True), where

    def forward(self, x: Tensor) -> Tensor:
        if self.where == "computed" and not bool(x.isfinite().all()):  # meta has no values
            raise ValueError("not finite")
        hidden: Tensor = self.lstm(x)[0]
        return hidden


class Looks(nn.Module):
    """Looks at values, which meta tensors do not have."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.inner(x if float(x.detach().sum()) > 0 else -x)
        return y


PROJECTIONS = 5 * 16 * 16 * 4
PRODUCTS = 2 * 5 * 5 * 16
COUNTED = {
    "linear on vectors": (nn.Linear(16, 7), (16,), 16 * 7),
    "linear on sequences": (nn.Linear(16, 7), (5, 16), 5 * 16 * 7),
    "stride": (nn.Conv2d(3, 6, 3, stride=2, padding=1), (3, 8, 8), 16 * 6 * 3 * 9),
    "groups": (nn.Conv2d(4, 6, 3, groups=2, padding=1), (4, 8, 8), 64 * 6 * 2 * 9),
    "depthwise": (nn.Conv2d(4, 4, 3, groups=4, padding=1), (4, 8, 8), 64 * 4 * 9),
    "dilation": (nn.Conv2d(3, 6, 3, dilation=2), (3, 8, 8), 16 * 6 * 3 * 9),
    "1d": (nn.Conv1d(5, 6, 3, stride=2), (5, 16), 7 * 6 * 5 * 3),
    "3d": (nn.Conv3d(1, 2, 3), (1, 4, 6, 6), 2 * 4 * 4 * 2 * 27),
    "transposed": (nn.ConvTranspose2d(3, 6, 2, stride=2), (3, 8, 8), 64 * 3 * 6 * 4),
    "attention": (Attention(), (5, 16), PROJECTIONS + PRODUCTS),
    "encoder layer": (
        nn.TransformerEncoderLayer(16, 4, 32, batch_first=True),
        (5, 16),
        PROJECTIONS + PRODUCTS + 2 * 5 * 16 * 32,
    ),
    "lstm": (Recurrent(), (5, 16), 5 * 48 * (16 + 12) + 5 * 48 * (12 + 12)),
}


@pytest.mark.parametrize("case", COUNTED)
@pytest.mark.parametrize("device", ["meta", "computed"])
def test_multiply_accumulates_by_hand(case: str, device: str) -> None:
    network, shape, expected = COUNTED[case]
    network = Looks(network) if device == "computed" else network
    counts = multiply_accumulates(network, Batch(images(*shape)))
    assert sum(counts.values()) == expected


def test_multiply_accumulates_are_half_of_torchs_operations() -> None:
    network, x = convolutional(), images(3, 8, 8)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(x[:1])
    assert sum(multiply_accumulates(network, Batch(x)).values()) == counter.get_total_flops() // 2


@pytest.mark.parametrize("index", [0, 1462, 9000, 15624])
def test_counts_of_a_cell_are_the_benchmarks(index: int) -> None:
    space = spaces.get("nasbench201")
    cell = space.parse(str(index))
    scores = evaluate(space.build(cell, seed=0), torch.randn(1, 3, 32, 32), ["params", "flops"])
    counts = space.counts(cell)
    assert scores["params"].value == counts["parameters"]
    assert scores["flops"].value == counts["multiply_accumulates"]
