"""meco, swap and zico against their formulas in plain torch and numpy, and closed forms."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nasproxy import evaluate
from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.proxies.swap import regularised_swap
from nasproxy.proxies.zico import ZICO, ZICO_SIGNED
from nasproxy.tracing.noise_pass import least_eigenvalue


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def layers() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 5, 3, padding=1),
        nn.ReLU(),
        nn.Sequential(nn.Conv2d(5, 4, 3), nn.BatchNorm2d(4)),
        nn.Flatten(),
        nn.Linear(144, 4),
    ).double()


def test_meco_is_the_least_eigenvalue_of_every_layers_correlations() -> None:
    # The noise of the pass: float32, from the seed, in the shape of the first sample.
    noise = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(3)).double()
    expected = {}
    x = noise
    network = layers()
    for name in ("0", "1", "2.0", "2.1"):
        x = network.get_submodule(name)(x)
        rows = x[0].detach().flatten(1).numpy()
        expected[name] = float(np.linalg.eigvalsh(np.corrcoef(rows)).min())
    found = evaluate(layers(), normal(4, 3, 8, 8), "meco", seed=3)["meco"]
    assert found.node_names == tuple(expected)
    np.testing.assert_allclose(found.nodes, list(expected.values()), rtol=1e-8)
    other = evaluate(layers(), normal(2, 3, 8, 8, seed=9), "meco", seed=3)["meco"]
    assert other.value == found.value, "the batch gives the shape only"
    assert evaluate(layers(), normal(4, 3, 8, 8), "meco", seed=4)["meco"].value != found.value


def test_least_eigenvalue_of_known_correlations() -> None:
    uncorrelated = torch.tensor([[1.0, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])
    assert least_eigenvalue(uncorrelated) == pytest.approx(1.0, abs=1e-12)
    # Two channels of correlation r: 1 - |r|.
    noise = normal(2, 1000)
    r = np.corrcoef(noise.numpy())[0, 1]
    assert least_eigenvalue(noise) == pytest.approx(1 - abs(r), rel=1e-12)
    assert least_eigenvalue(torch.stack([noise[0], -noise[0]])) == pytest.approx(0, abs=1e-12)
    assert least_eigenvalue(torch.stack([noise[0], torch.full((1000,), 0.1)])) == 0.0
    assert least_eigenvalue(normal(5, 5)) == 0.0
    with pytest.raises(NasproxyError, match="NaN"):
        least_eigenvalue(torch.full((2, 9), torch.nan))


class TwoLayers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.first, self.second = nn.Linear(2, 300), nn.Linear(300, 500)
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        for layer in (self.first, self.second):
            x = layer(x)
            self.seen.append(x.detach().clone())
            x = torch.relu(x)
        return x


@pytest.mark.parametrize("samples", [5, 64, 70, 130])
def test_swap_counts_distinct_patterns_of_all_layers(samples: int) -> None:
    network, x = TwoLayers(), normal(samples, 2).float()
    names = ["swap", regularised_swap(0.1, 0.3)]
    found = evaluate(network, x, names)
    first, second = (
        {tuple(bool(value > 0) for value in unit) for unit in seen.T} for seen in network.seen[:2]
    )
    assert len(first) > 2
    assert found["swap"].value == len(first | second)
    assert found["swap"].nodes.tolist() == [len(first), len(second - first)]
    millions = sum(p.numel() for p in network.parameters()) / 1e6
    assert found["swap_reg"].value == pytest.approx(
        math.log(len(first | second)) - (millions - 0.1) ** 2 / 0.3, rel=1e-12
    )


def test_swap_of_convolutions_does_not_depend_on_the_memory_format() -> None:
    network = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU())
    x = normal(6, 3, 8, 8).float()
    (inputs,) = [network[0](x).detach()]
    patterns = {tuple(unit.tolist()) for unit in (inputs > 0).reshape(6, -1).T}
    assert evaluate(network, x, "swap")["swap"].value == len(patterns)


def test_a_width_of_zero_is_refused() -> None:
    with pytest.raises(NasproxyError, match="sigma"):
        regularised_swap(1.0, 0.0)


def test_zico_is_the_formula_over_every_other_sample() -> None:
    def gradients(images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        network = layers()
        F.cross_entropy(network(images), labels).backward()
        return {n: p.grad for n, p in network.named_parameters() if p.ndim > 1}  # type: ignore[misc]

    x, labels = normal(9, 3, 8, 8), torch.arange(9) % 4
    one, two = gradients(x[0:8:2], labels[0:8:2]), gradients(x[1:8:2], labels[1:8:2])
    found = evaluate(layers(), Batch(x, labels), [ZICO, ZICO_SIGNED])
    for name, sizes in (("zico", True), ("zico_signed", False)):
        expected = []
        for node in one:
            a, b = one[node].numpy().ravel(), two[node].numpy().ravel()
            pair = np.stack([abs(a), abs(b)]) if sizes else np.stack([a, b])
            ratios = np.stack([abs(a), abs(b)]).mean(axis=0) / pair.std(axis=0)
            expected.append(math.log(ratios.sum()))
        assert found[name].node_names == tuple(one)
        np.testing.assert_allclose(found[name].nodes, expected, rtol=1e-6)


def test_zico_leaves_out_what_does_not_vary() -> None:
    """Equal halves: no gradient varies, and there is no score rather than a division by zero."""
    x = normal(4, 6).repeat_interleave(2, dim=0)
    labels = (torch.arange(4) % 3).repeat_interleave(2)
    with pytest.raises(NasproxyError, match="no gradient varies"):
        evaluate(nn.Linear(6, 3).double(), Batch(x, labels), "zico")


def test_zico_has_no_score_where_a_gradient_is_nan() -> None:
    """A weight of which nothing is known is not one that does not vary."""

    class Roots(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.where(x > 0, x.sqrt(), 0.0)  # finite, with a gradient that is not

    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(6, 8), Roots(), nn.Linear(8, 3)).double()
    with pytest.raises(NasproxyError, match="no finite score"):
        evaluate(network, Batch(normal(8, 6), torch.arange(8) % 3), "zico")
