"""ntk against a loop over samples, and where the kernel is known."""

import numpy as np
import pytest
import torch
from torch import nn

from nasproxy import evaluate
from nasproxy.errors import NasproxyError


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3)
    ).double()


def test_ntk_is_the_condition_of_the_loop_over_sixteen_samples() -> None:
    x = torch.randn(20, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    rows = []
    for i in range(16):
        own = network()
        own(x[i : i + 1]).sum().backward()
        parts = [p.grad.flatten() for p in own.parameters() if p.ndim > 1 and p.grad is not None]
        rows.append(torch.cat(parts).numpy())
    eigenvalues = np.linalg.svd(np.stack(rows), compute_uv=False) ** 2
    found = evaluate(network(), x, "ntk")["ntk"]
    assert found.value == pytest.approx(np.log(eigenvalues[0] / eigenvalues[-1]), rel=1e-8)


def test_ntk_of_a_linear_layer_is_that_of_its_inputs() -> None:
    # The gradient of sum_k f_k by W is x in every row, so Theta is 3 X X^T.
    x = torch.diag(torch.tensor([1.0, 2.0, 5.0]))
    assert evaluate(nn.Linear(3, 3), x, "ntk")["ntk"].value == pytest.approx(np.log(25))


def test_equal_samples_have_no_condition() -> None:
    with pytest.raises(NasproxyError, match="singular"):
        evaluate(nn.Linear(3, 3), torch.ones(2, 3), "ntk")
