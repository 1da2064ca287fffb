"""On a CUDA device the scores are those of the CPU, up to the rounding of float32."""

import numpy as np
import pytest
import torch

from nasproxy import evaluate, proxies, spaces
from nasproxy.images import load_batch

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


@pytest.mark.parametrize("name", proxies.names())
def test_scores_agree_with_the_cpu(name: str) -> None:
    space = spaces.get("nasbench201")
    network = space.build(space.parse("1462"), seed=0)
    batch = load_batch("digits", size=32)
    expected = evaluate(network, batch, [name])[name]
    found = evaluate(network.to("cuda"), batch, [name])[name]
    assert found.value == pytest.approx(expected.value, rel=2e-3)
    assert found.node_names == expected.node_names
    np.testing.assert_allclose(found.nodes, expected.nodes, rtol=0.05, atol=1e-4)


@pytest.mark.parametrize("name", proxies.names())
def test_scores_repeat_to_the_last_bit(name: str) -> None:
    space = spaces.get("nasbench201")
    network = space.build(space.parse("1462"), seed=0).to("cuda")
    batch = load_batch("digits", size=32)
    first, second = (evaluate(network, batch, [name])[name] for _ in range(2))
    assert first.value == second.value


def test_the_device_and_its_generator_are_left_alone() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.ReLU(), torch.nn.Dropout(0.5))
    network.to("cuda")
    state = torch.cuda.get_rng_state()
    evaluate(network, (torch.randn(4, 8), torch.arange(4)), ["naswot", "grad_norm", "synflow"])
    assert torch.equal(torch.cuda.get_rng_state(), state)
    assert next(network.parameters()).device.type == "cuda"
