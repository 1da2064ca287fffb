"""Where a paper and its authors' code differ, the form of the code: against brute force."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nasproxy import evaluate
from nasproxy.errors import NasproxyError
from nasproxy.proxies.meco import meco
from nasproxy.proxies.ntk import ntk
from nasproxy.proxies.synflow import synflow
from nasproxy.proxies.wrcor import wrcor

LABELS = torch.arange(6) % 3


def images(size: int = 8) -> Tensor:
    return torch.randn(6, 3, size, size, generator=torch.Generator().manual_seed(0)).double()


class Around(nn.Module):
    """An activation around which its input passes."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layer = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer(x)
        return torch.relu(y) + y


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)),
        Around(4),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 3),
    ).double()


def test_meco_of_noise_of_another_size_and_of_containers_too() -> None:
    net = network()
    least: list[float] = []

    def keep(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        if output.ndim == 4:
            matrix = np.corrcoef(output[0].detach().flatten(1).numpy())
            least.append(float(np.linalg.eigvalsh(matrix)[0]))

    for module in net.modules():
        module.register_forward_hook(keep)
    drawn = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        net.train()(drawn.double())
    # The pooled maps have as many positions as channels: singular, up to rounding.
    expected = sum(value for value in least if value > 1e-9)
    found = evaluate(network(), images(), meco(64, containers=True))["meco"]
    assert found.value == pytest.approx(expected, rel=1e-9)
    assert len(found.nodes) == len(least)
    layers = evaluate(network(), images(), meco(64))["meco"]
    assert set(layers.node_names) < set(found.node_names)
    assert layers.value < found.value
    assert evaluate(network(), images(64), meco())["meco"].value == pytest.approx(layers.value)
    with pytest.raises(NasproxyError, match="noise of 0 pixels"):
        meco(0)


def test_ntk_of_samples_that_pass_together() -> None:
    net = network().train()
    weights = [p for name, p in net.named_parameters() if p.ndim > 1]
    rows = [
        torch.cat([g.flatten() for g in torch.autograd.grad(out.sum(), weights, retain_graph=True)])
        for out in net(images())
    ]
    kernel = torch.stack(rows)
    eigenvalues = torch.linalg.eigvalsh(kernel @ kernel.T)
    expected = float(torch.log(eigenvalues[-1] / eigenvalues[0]))
    both = evaluate(network(), images(), [ntk(together=True, name="together"), "ntk"])
    assert both["together"].value == pytest.approx(expected, rel=1e-8)
    # Batch normalisation couples the samples of a batch.
    assert both["together"].value != pytest.approx(both["ntk"].value, rel=1e-3)


def test_ntk_together_and_alone_are_one_without_normalisation() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(192, 9), nn.Tanh(), nn.Linear(9, 3)).double()
    both = evaluate(net, images(), [ntk(together=True, name="together"), "ntk"])
    assert both["together"].value == pytest.approx(both["ntk"].value, rel=1e-9)


def test_wrcor_by_the_gradient_through_the_activation_alone() -> None:
    net = network().train()
    before = net[1].layer(net[0](images()))  # type: ignore[union-attr, operator]
    inside = before.detach().requires_grad_()
    rest = torch.relu(inside) + inside
    loss = F.cross_entropy(net[4](net[3](net[2](rest))), LABELS)
    (whole,) = torch.autograd.grad(loss, rest)
    alone = whole * (inside > 0)

    def correlations(rows: Tensor) -> np.ndarray:
        return np.abs(np.corrcoef(rows.detach().flatten(1).numpy()))

    found = evaluate(network(), (images(), LABELS), [wrcor(through=True, name="alone"), "wrcor"])
    scores = [
        float(np.linalg.slogdet(correlations(inside) + correlations(gradient))[1])
        for gradient in (alone, alone + whole)
    ]
    # One activation: its depth adds a constant.
    depth = found["wrcor"].value - scores[1]
    assert depth == pytest.approx(6 * np.log(2) * round(depth / 6 / np.log(2)), abs=1e-4)
    assert found["alone"].value - depth == pytest.approx(scores[0], rel=1e-5)
    assert found["alone"].value != pytest.approx(found["wrcor"].value, rel=1e-3)


def test_wrcor_is_the_same_where_nothing_else_reads_the_input() -> None:
    torch.manual_seed(1)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3)).double()
    found = evaluate(net, (images(), LABELS), [wrcor(through=True, name="alone"), "wrcor"])
    assert found["alone"].value == pytest.approx(found["wrcor"].value, rel=1e-9)


def test_synflow_with_absolute_biases() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(192, 5), nn.ReLU(), nn.Linear(5, 3)).double()
    first, second = net[1], net[3]
    w, b = first.weight.detach().abs(), first.bias.detach().abs()
    v = second.weight.detach().abs()
    # R = 1'(V (W 1 + b) + c): through W flows V W, through V what W and b make.
    through = v.sum(dim=0)
    hidden = w.sum(dim=1)
    for biases, made in ((True, hidden + b), (False, hidden)):
        found = evaluate(net, images(), synflow(biases=biases))["synflow"].value
        expected = torch.log((through * hidden).sum() + (through * made).sum())
        assert found == pytest.approx(float(expected), rel=1e-12)


def test_synflow_with_biases_that_overflows_has_no_score() -> None:
    layers = [nn.Linear(8, 8).double() for _ in range(3)]
    for layer in layers:
        nn.init.constant_(layer.weight, 1e160)
    net = nn.Sequential(*layers)
    x = torch.ones(2, 8).double()
    assert evaluate(net, x, synflow())["synflow"].value == pytest.approx(3 * np.log(8e160), rel=0.1)
    with pytest.raises(NasproxyError, match="at an input of 1 it overflows"):
        evaluate(net, x, synflow(biases=True))
