"""Grasp shares the first backward of the other gradient proxies on the networks of a space."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from nasproxy import spaces
from nasproxy.tracing.curvature import differentiates_alike
from nasproxy.tracing.second_order import TwiceDifferentiable


@pytest.mark.parametrize("seed", range(3))
def test_the_first_gradient_of_a_cell_is_taken_once(seed: int) -> None:
    """torch names its operations as it likes: a new name would silently double the backward."""
    space = spaces.get("nasbench201")
    network = space.build(space.sample(np.random.default_rng(seed)), seed=0)
    network = network.to(memory_format=torch.channels_last)
    images = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with TwiceDifferentiable(dict(network.named_parameters())):
        predicted = network(images.contiguous(memory_format=torch.channels_last))
    loss = F.cross_entropy(predicted, torch.tensor([0, 1, 2, 3]))
    assert differentiates_alike(loss)
    assert not differentiates_alike(F.silu(loss))
