"""grasp's replaced operations against torch's own backward through the backward, in float64."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nasproxy import evaluate
from nasproxy.errors import NasproxyError

LABELS = torch.arange(6) % 4


def normal(*shape: int) -> Tensor:
    drawn = torch.randn(6, *shape, generator=torch.Generator().manual_seed(2))
    return drawn.double()


def by_torch(network: nn.Module, x: Tensor) -> dict[str, float]:
    """-w . (H g) by two backwards of torch's own operations."""
    nodes = {n: p for n, p in network.named_parameters() if p.ndim > 1}
    loss = F.cross_entropy(network(x), LABELS)
    first = torch.autograd.grad(loss, list(nodes.values()), create_graph=True)
    product = sum(((g.detach() * g).sum() for g in first), torch.zeros(()))
    second = torch.autograd.grad(product, list(nodes.values()))
    return {
        n: -float((w * h).sum().detach()) for (n, w), h in zip(nodes.items(), second, strict=True)
    }


class Twice(nn.Module):
    """One convolution called twice, the second time on what the first made, around a skip."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.norm(self.conv(torch.relu(x)))
        x = x + self.norm(self.conv(torch.relu(x)))
        scores: Tensor = self.head(x.mean((2, 3)))
        return scores


class AlsoElsewhere(nn.Module):
    """A kernel that is not only convolved with, so that a part of its share is torch's."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(4, 4, 1, bias=False), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        mixed = torch.einsum("oi,nihw->nohw", self.conv.weight[:, :, 0, 0].sin(), x)
        scores: Tensor = self.head((self.conv(x) * mixed).mean((2, 3)))
        return scores


def images(*layers: nn.Module, last: int) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(last, 4))


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "strided, grouped, dilated": (
        images(
            nn.Conv2d(4, 8, 3, stride=2, padding=1, groups=2),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 4, (1, 3), padding=(0, 2), dilation=2, bias=False),
            nn.BatchNorm2d(4, affine=False),
            nn.ReLU(inplace=True),
            last=4,
        ),
        (4, 8, 8),
    ),
    "pooled": (
        images(
            nn.Conv2d(4, 6, 3),
            nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.AvgPool2d(2),
            nn.Conv2d(6, 5, 1),
            nn.Tanh(),
            last=5,
        ),
        (4, 8, 8),
    ),
    "padded by name, transposed": (
        images(nn.Conv2d(4, 4, 3, padding="same"), nn.SiLU(), nn.ConvTranspose2d(4, 3, 2), last=3),
        (4, 5, 5),
    ),
    "one dimension": (
        lambda: nn.Sequential(
            nn.Conv1d(4, 6, 3),
            nn.BatchNorm1d(6, momentum=None),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(36, 8),
            nn.BatchNorm1d(8),
            nn.ReLU(),
            nn.Linear(8, 4),
        ),
        (4, 8),
    ),
    "three dimensions": (
        lambda: nn.Sequential(
            nn.Conv3d(2, 3, 2), nn.BatchNorm3d(3), nn.ReLU(), nn.Flatten(), nn.Linear(81, 4)
        ),
        (2, 4, 4, 4),
    ),
    "shared": (Twice, (4, 6, 6)),
    "used elsewhere": (AlsoElsewhere, (4, 6, 6)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_grasp_is_that_of_torch(name: str) -> None:
    build, shape = NETWORKS[name]
    torch.manual_seed(3)
    network = build().double()
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.affine:
            nn.init.normal_(module.weight)
    x = normal(*shape)
    found = evaluate(network, (x, LABELS), "grasp")["grasp"]
    expected = by_torch(network, x)
    assert found.node_names == tuple(expected)
    np.testing.assert_allclose(found.nodes, list(expected.values()), rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("name", NETWORKS)
def test_first_gradients_keep_their_bits(name: str) -> None:
    """Beside grasp every other score of the pass is what it is alone."""
    build, shape = NETWORKS[name]
    torch.manual_seed(3)
    network, batch = build().float(), (normal(*shape).float(), LABELS)
    others = ["grad_norm", "fisher", "jacob_cov", "wrcor", "naswot"]
    others = [o for o in others if _has(network, batch, o)]
    alone = {name: evaluate(network, batch, name)[name] for name in [*others, "grasp"]}
    beside = evaluate(network, batch, [*others, "grasp"])
    for other, score in beside.items():
        np.testing.assert_array_equal(score.nodes, alone[other].nodes, err_msg=other)


def test_a_batch_of_one_value_a_channel_is_refused_as_torch_does() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 4))
    with pytest.raises(NasproxyError, match="more than 1 value per channel"):
        evaluate(network, (torch.ones(1, 4), torch.zeros(1).long()), "grasp")


def _has(network: nn.Module, batch: tuple[Tensor, Tensor], name: str) -> bool:
    try:
        evaluate(network, batch, name)
    except NasproxyError:
        return False
    return True
