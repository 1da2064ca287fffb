"""One walk finds what a network's own walks find, and swapping leaves nothing behind."""

import pytest
import torch
from torch import Tensor, nn

from nasproxy import evaluation
from nasproxy.testing.networks import NETWORKS
from nasproxy.tracing.parts import parts_of
from nasproxy.tracing.stateless import called_with


class Shared(nn.Module):
    """A module in two places, a tied weight, a buffer, a bias that is None."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 3, bias=False)
        self.again = self.first
        self.tied = nn.Linear(3, 3)
        self.tied.weight = self.first.weight
        self.register_buffer("scale", torch.tensor(2.0))
        self.fails = False

    def forward(self, x: Tensor) -> Tensor:
        if self.fails:
            raise ValueError("half way")
        self.scale.add_(1)
        out: Tensor = self.tied(self.again(self.first(x))) * self.scale
        return out


@pytest.mark.parametrize("network", [Shared(), *(make()[0] for make in NETWORKS.values())])
def test_parts_are_those_of_the_networks_own_walks(network: nn.Module) -> None:
    parts = parts_of(network)
    for ours, theirs in (
        (parts.modules, network.named_modules()),
        (parts.parameters, network.named_parameters()),
        (parts.buffers, network.named_buffers()),
    ):
        expected = dict(theirs)
        assert list(ours) == list(expected)
        assert all(ours[name] is expected[name] for name in expected)


@pytest.mark.parametrize("fails", [False, True])
def test_every_place_is_swapped_and_put_back(fails: bool) -> None:
    network = Shared()
    parts = parts_of(network)
    assert [name for _, _, name in parts.places].count("first.weight") == 2  # first, tied
    before = {n: (id(t), t.clone()) for n, t in network.state_dict(keep_vars=True).items()}
    state = {"first.weight": torch.eye(3), "tied.bias": torch.ones(3), "scale": torch.tensor(4.0)}
    network.fails = fails
    if fails:
        with pytest.raises(ValueError, match="half way"):
            called_with(parts, state, (torch.ones(1, 3),), {})
    else:
        assert called_with(parts, state, (torch.ones(1, 3),), {}).tolist() == [[10.0] * 3]
    after = network.state_dict(keep_vars=True)
    for name, (identity, values) in before.items():
        assert id(after[name]) == identity
        assert torch.equal(after[name], values)


def test_explain_counts_the_backwards() -> None:
    def cost(*names: str) -> str:
        return {step: found for step, found, _ in evaluation.explain(names)}["batch"]

    assert cost("naswot", "swap") == "1 forward"
    assert cost("jacob_cov") == "1 forward, 1 backward"
    assert cost("fisher", "grad_norm", "jacob_cov") == "1 forward, 2 backwards"
    assert cost("grasp") == "1 forward, 1 backward, 1 backward through the backward"
