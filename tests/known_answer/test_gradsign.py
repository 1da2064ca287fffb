"""gradsign against a loop over samples, and where every sample agrees."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nasproxy import evaluate


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3)
    ).double()


def test_gradsign_is_the_loop_over_samples() -> None:
    x = torch.randn(5, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 2, 1, 1, 0])
    signs = {}
    for i in range(5):
        own = network()
        F.cross_entropy(own(x[i : i + 1]), labels[i : i + 1]).backward()
        for name, weight in own.named_parameters():
            if weight.ndim > 1:
                assert weight.grad is not None
                signs.setdefault(name, []).append(np.sign(weight.grad.numpy()))
    expected = [float(np.abs(np.sum(rows, axis=0)).sum()) for rows in signs.values()]
    found = evaluate(network(), (x, labels), "gradsign")["gradsign"]
    assert found.node_names == tuple(signs)
    assert found.nodes.tolist() == expected


def test_gradsign_is_samples_times_weights_where_all_agree() -> None:
    def down(predicted: Tensor, _labels: Tensor) -> Tensor:
        return -predicted.sum()

    x = torch.rand(7, 6) + 0.1
    found = evaluate(nn.Linear(6, 3), (x, torch.zeros(7).long()), "gradsign", loss=down)
    assert found["gradsign"].value == 7 * 18
    # Half of the samples the other way round: they cancel, but for the odd one.
    x[:3] *= -1
    found = evaluate(nn.Linear(6, 3), (x, torch.zeros(7).long()), "gradsign", loss=down)
    assert found["gradsign"].value == 18
