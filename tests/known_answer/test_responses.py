"""wrcor, linear_regions and the decorrelations against their formulas in plain numpy."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nasproxy import evaluate
from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.spaces.nasbench201.space import NASBench201

N = 6
LABELS = torch.arange(N) % 3


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).double()


def blocks() -> nn.Sequential:
    """Two blocks with an activation each, and one activation after them."""
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU()),
        nn.Sequential(nn.Conv2d(4, 5, 3, padding=1), nn.ReLU()),
        nn.BatchNorm2d(5),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(80, 3),
    ).double()


def correlations(rows: Tensor) -> np.ndarray:
    return np.abs(np.corrcoef(rows.detach().flatten(1).numpy()))


def test_wrcor_is_the_log_determinant_of_weighted_correlations() -> None:
    x, network = normal(N, 3, 4, 4), blocks()
    first = network[0][0](x)  # type: ignore[index]
    second = network[1][0](first.relu())  # type: ignore[index]
    third = network[2](second.relu())
    for inputs in (first, second, third):
        inputs.retain_grad()
    F.cross_entropy(network[5](network[4](third.relu())), LABELS).backward()
    kernels = []
    # The convolutions of a plain chain are its blocks; an activation is one deeper than the last.
    for depth, inputs in ((1, first), (2, second), (2, third)):
        assert inputs.grad is not None
        kernels.append(2.0**depth * (correlations(inputs) + correlations(inputs.grad)))
    expected = float(np.linalg.slogdet(np.sum(kernels, axis=0))[1])
    found = evaluate(blocks(), (x, LABELS), "wrcor")["wrcor"]
    assert found.value == pytest.approx(expected, rel=1e-5)
    assert found.nodes.sum() == pytest.approx(expected, rel=1e-5)
    assert len(found.nodes) == 3


def test_wrcor_of_two_equal_samples_is_an_error() -> None:
    x = normal(N, 3, 4, 4)
    x[1] = x[0]
    labels = LABELS.clone()
    labels[1] = labels[0]
    with pytest.raises(NasproxyError, match="singular"):
        evaluate(blocks(), (x, labels), "wrcor")


def test_linear_regions_are_the_distinct_patterns() -> None:
    network = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2))
    x = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
    patterns = {tuple(row) for row in (network[0](x) > 0).tolist()}
    found = evaluate(network, x, "linear_regions")["linear_regions"].value
    assert found == len(patterns) < 8  # three lines cut a plane into at most seven


def test_linear_regions_of_narrow_cells_differ_as_te_nas_has_it() -> None:
    space = NASBench201(channels=1, cells=1)
    x = torch.randn(1000, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    counts = []
    for text in (
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|none~1|nor_conv_3x3~2|",
        "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|",
    ):
        network = space.build(space.parse(text), seed=0)
        counts.append(evaluate(network, Batch(x), "linear_regions")["linear_regions"].value)
    assert 1000 >= counts[0] > counts[1] > 1


def spectrum(features: Tensor) -> np.ndarray:
    return np.linalg.eigvalsh(np.corrcoef(features.transpose(0, 1).flatten(1).numpy()))


def test_decorrelations_are_of_the_eigenvalues_of_every_layers_correlations() -> None:
    network = blocks()
    noise = torch.randn(4, 3, 4, 4, generator=torch.Generator().manual_seed(7)).double()
    with torch.no_grad():
        outputs = [network[0][0](noise)]  # type: ignore[index]
        acts = [outputs[0].relu()]
        outputs.append(network[1][0](acts[0]))  # type: ignore[index]
        acts.append(outputs[1].relu())
        acts.append(network[2](acts[1]).relu())
    batch = (normal(N, 3, 4, 4), LABELS)
    found = evaluate(network, batch, ["layer_decorrelation", "act_decorrelation"], seed=7)
    of_layers = [np.log(spectrum(o).clip(min=0) + 1e-6).sum() for o in outputs]
    layer = found["layer_decorrelation"]
    np.testing.assert_allclose(layer.nodes, of_layers, rtol=1e-5)
    assert layer.value == min(layer.nodes)
    of_acts = [spectrum(a)[0] for a in acts]
    act = found["act_decorrelation"]
    np.testing.assert_allclose(act.nodes, of_acts, rtol=1e-5, atol=1e-9)
    assert act.value == pytest.approx(sum(of_acts), rel=1e-5)


def test_repeated_channels_lower_both() -> None:
    network = blocks()
    batch = (normal(N, 3, 4, 4), LABELS)
    names = ["layer_decorrelation", "act_decorrelation"]
    before = evaluate(network, batch, names)
    with torch.no_grad():
        for layer in (network[0][0], network[1][0]):  # type: ignore[index]
            layer.weight[1], layer.bias[1] = layer.weight[0], layer.bias[0]
    after = evaluate(network, batch, names)
    assert all(after[name].value < before[name].value for name in names)
    # One eigenvalue is zero, and the others add up to the number of channels.
    log_volume = math.log(1e-6) + 4 * math.log(5 / 4)
    assert (after["layer_decorrelation"].nodes < log_volume + 1e-5).all()


def test_vectors_have_no_channels_to_correlate() -> None:
    network = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))
    with pytest.raises(NasproxyError, match="finds nothing to read"):
        evaluate(network, normal(N, 5).float(), "layer_decorrelation")
