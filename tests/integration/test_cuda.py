"""On a CUDA device the scores are those of the CPU.

In float64, so that a difference is a fault: the float32 gradients of a deep network with normalised
batches differ by a few percent from those of float64 on the CPU too.
"""

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from nasproxy import Batch, evaluate, proxies, spaces
from nasproxy.evaluation import outcomes
from nasproxy.images import load_batch

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


def convolutional() -> tuple[torch.nn.Module, Any]:
    space = spaces.get("nasbench201")
    return space.build(space.parse("1462"), seed=0).double(), load_batch("digits", size=32)


def transformer() -> tuple[torch.nn.Module, Any]:
    """Without dropout, of which each device draws masks of its own."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=100,
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=16,
        num_labels=3,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    network = transformers.BertForSequenceClassification(config).double()
    tokens = torch.randint(1, 100, (6, 16), generator=torch.Generator().manual_seed(0))
    return network, Batch({"input_ids": tokens}, torch.arange(6) % 3, 3)


KINDS = {"convolutional": convolutional, "transformer": transformer}


@cache
def on_the_cpu(kind: str) -> dict[str, Any]:
    network, batch = KINDS[kind]()
    return outcomes(network, batch, proxies.names())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", proxies.names())
def test_scores_agree_with_the_cpu_and_repeat_to_the_last_bit(name: str, kind: str) -> None:
    expected = on_the_cpu(kind)[name]
    network, batch = KINDS[kind]()
    if isinstance(expected, Exception):
        with pytest.raises(type(expected)):
            evaluate(network.to("cuda"), batch, [name])
        return
    found = evaluate(network.to("cuda"), batch, [name])[name]
    assert found.value == pytest.approx(expected.value, rel=1e-6)
    assert found.node_names == expected.node_names
    scale = np.abs(expected.nodes).max(initial=0.0)
    np.testing.assert_allclose(found.nodes, expected.nodes, rtol=1e-5, atol=1e-8 * scale)
    again = evaluate(network, batch, [name])[name]
    assert again.value == found.value


@pytest.mark.parametrize("kind", KINDS)
def test_most_proxies_have_a_score(kind: str) -> None:
    """So that the test above compares scores, not errors."""
    scored = [name for name, found in on_the_cpu(kind).items() if not isinstance(found, Exception)]
    assert len(scored) > 0.6 * len(proxies.names())


def test_the_device_and_its_generator_are_left_alone() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.ReLU(), torch.nn.Dropout(0.5))
    network.to("cuda")
    state = torch.cuda.get_rng_state()
    evaluate(network, (torch.randn(4, 8), torch.arange(4)), ["naswot", "grad_norm", "synflow"])
    assert torch.equal(torch.cuda.get_rng_state(), state)
    assert next(network.parameters()).device.type == "cuda"
