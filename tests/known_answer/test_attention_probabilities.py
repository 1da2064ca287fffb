"""The probabilities of fused attention against what it returns."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import nasproxy
from nasproxy.errors import NasproxyError
from nasproxy.tracing import attention_probabilities as of_attention


def probabilities(*args, **kwargs):
    found = []
    with of_attention.AttentionProbabilities(lambda make: found.append(make())):
        expected = F.scaled_dot_product_attention(*args, **kwargs)
    return found[0], expected


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"is_causal": True},
        {"scale": 0.9},
        {"attn_mask": torch.rand(5, 7, generator=torch.Generator().manual_seed(0)) > 0.4},
        {"attn_mask": torch.randn(3, 1, 5, 7, generator=torch.Generator().manual_seed(0))},
        {"enable_gqa": True, "is_causal": True, "scale": 2.0},
    ],
    ids=lambda how: ", ".join(how) or "plain",
)
def test_probabilities_weigh_the_values_as_fused_attention_does(how):
    torch.manual_seed(0)
    heads = 2 if how.get("enable_gqa") else 4
    query, key = torch.randn(3, 4, 5, 6), torch.randn(3, heads, 7, 6)
    value = torch.randn(3, heads, 7, 6)
    found, expected = probabilities(query, key, value, **how)
    values = value.repeat_interleave(4 // heads, dim=1)
    torch.testing.assert_close(found @ values, expected)
    by_name, _ = probabilities(query=query, key=key, value=value, **how)
    assert torch.equal(by_name, found)


def test_probabilities_take_arguments_by_position_and_a_query_may_have_no_key():
    torch.manual_seed(0)
    query, key, value = (torch.randn(2, 1, 4, 6) for _ in range(3))
    mask = torch.ones(4, 4, dtype=torch.bool).tril(-1)
    found, expected = probabilities(query, key, value, mask, 0.0, False)
    torch.testing.assert_close(found @ value, expected)
    assert found[:, :, 0].abs().max() == 0


class Windowed(nn.Module):
    """Attention to a token and its two neighbours, ``[n, t, heads, 3]`` as Longformer has it."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(20, 6)
        shapes = ((6, 18), (6, 10), (10, 6))
        self.layers = nn.ModuleList([nn.ModuleList(nn.Linear(*shape) for shape in shapes)])

    def forward(self, ids):
        x = self.words(ids)
        qkv, up, down = self.layers[0]
        q, k, v = (part.unflatten(-1, (2, 3)) for part in qkv(x).chunk(3, -1))
        scores = torch.stack([(q * k.roll(step, 1)).sum(-1) for step in (-1, 0, 1)], -1)
        self.seen = torch.softmax(scores, -1)
        values = torch.stack([v.roll(step, 1) for step in (-1, 0, 1)], -2)
        x = x + (self.seen[..., None, :] @ values).flatten(2)
        return x + down(F.gelu(up(x)))


def test_heads_of_windows_come_third():
    torch.manual_seed(0)
    network, ids = Windowed(), torch.randint(0, 20, (4, 7))
    found = nasproxy.evaluate(network, ids, "softmax_confidence")["softmax_confidence"].value
    network(ids)
    expected = float(network.seen.detach().amax(dim=2).mean())
    assert found == pytest.approx(expected, rel=1e-5)
    with pytest.raises(NasproxyError, match="is heads cannot be told"):
        nasproxy.evaluate(network, ids[:, :2], "softmax_confidence")
