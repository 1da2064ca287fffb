"""The parts of AZ-NAS against their formulas in plain torch and numpy; the blocks they read."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nasproxy import evaluate, spaces
from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.testing.networks import NETWORKS
from nasproxy.tracing.block_pass import _entropy, _rows
from nasproxy.tracing.blocks import primitive_blocks
from nasproxy.tracing.subject import cross_entropy, subject_of

PARTS = ["az_expressivity", "az_progressivity", "az_trainability"]


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 5, 3, padding=1, bias=False),
        nn.ReLU(inplace=True),  # overwrites what the first block returned
        nn.Conv2d(5, 4, 3, stride=2, padding=1, bias=False),
        nn.ReLU(),
        nn.Conv2d(4, 6, 3, padding=1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 3),
    )


def flat(image: np.ndarray) -> np.ndarray:
    """One row a position."""
    return image.transpose(0, 2, 3, 1).reshape(-1, image.shape[1])


def folded(image: np.ndarray) -> np.ndarray:
    """Each 2 x 2 patch as channels: channel, row, column."""
    n, c, h, w = image.shape
    patches = image.reshape(n, c, h // 2, 2, w // 2, 2).transpose(0, 1, 3, 5, 2, 4)
    return patches.reshape(n, c * 4, h // 2, w // 2)


def test_the_parts_are_the_formulas() -> None:
    draws = torch.Generator().manual_seed(2)
    drawn = [
        torch.randn(shape, generator=draws) * math.sqrt(2 / math.prod(shape[1:]))
        for shape in ((5, 3, 3, 3), (4, 5, 3, 3), (6, 4, 3, 3), (3, 6))
    ]
    x = torch.randn(4, 3, 8, 8, generator=draws)
    first = torch.conv2d(x, drawn[0], padding=1).requires_grad_()
    second = torch.conv2d(first.relu(), drawn[1], stride=2, padding=1)
    third = torch.conv2d(second.relu(), drawn[2], padding=1)
    entropies, gains = [], []
    for features in (first, second, third):
        covariance = np.cov(flat(features.detach().numpy()).T.astype(np.float64))
        shares = np.linalg.eigvalsh(covariance)
        shares = shares / shares.sum()
        entropies.append(-(shares * np.log(shares)).sum())
    for source, output, fold in ((first, second, True), (second, third, False)):
        signs = torch.randint(0, 2, output.shape, generator=draws) * 2.0 - 1
        (gradient,) = torch.autograd.grad(output, source, signs, retain_graph=True)
        arriving = folded(gradient.numpy()) if fold else gradient.numpy()
        rows_in, rows_out = flat(arriving), flat(signs.numpy())
        gains.append(np.linalg.svd(rows_in.T @ rows_out / len(rows_out))[1].max())
    found = evaluate(network(), torch.zeros(4, 3, 8, 8), PARTS, seed=2)
    assert found["az_expressivity"].node_names == ("0", "2", "4")
    np.testing.assert_allclose(found["az_expressivity"].nodes, entropies, rtol=1e-5)
    assert found["az_expressivity"].value == pytest.approx(sum(entropies), rel=1e-5)
    steps = np.diff(entropies)
    assert found["az_progressivity"].node_names == ("2", "4")
    np.testing.assert_allclose(found["az_progressivity"].nodes, steps, rtol=1e-4)
    assert found["az_progressivity"].value == pytest.approx(min(steps), rel=1e-4)
    isometry = [2 - g - 1 / (g + 1e-6) for g in gains]
    np.testing.assert_allclose(found["az_trainability"].nodes, isometry, rtol=1e-4)
    assert found["az_trainability"].value == pytest.approx(np.mean(isometry), rel=1e-4)


def test_the_parts_look_at_neither_weights_nor_data() -> None:
    one = evaluate(network(0), torch.zeros(4, 3, 8, 8), PARTS, seed=2)
    other = evaluate(network(1), torch.ones(4, 3, 8, 8), PARTS, seed=2)
    assert [one[p].value for p in PARTS] == [other[p].value for p in PARTS]


def test_entropy_of_known_spectra() -> None:
    basis = torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])
    assert _entropy(_rows(basis)) == pytest.approx(math.log(2))
    assert _entropy(_rows(basis * torch.tensor([3.0, 0]))) == pytest.approx(0)
    ninth = -(0.9 * math.log(0.9) + 0.1 * math.log(0.1))
    assert _entropy(_rows(basis * torch.tensor([3.0, 1]))) == pytest.approx(ninth)
    with pytest.raises(NasproxyError, match="do not vary"):
        _entropy(torch.ones(4, 2))


class Head(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean(dim=(2, 3))


def blocks(network: nn.Module) -> tuple[str, ...]:
    batch = Batch(torch.zeros(2, 3, 8, 8))
    return primitive_blocks(subject_of(network, batch, loss=cross_entropy, seed=0))


def test_blocks_are_cells_layers_and_residual_blocks() -> None:
    space = spaces.get("nasbench201")
    text = "|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|none~1|nor_conv_3x3~2|"
    found = blocks(space.build(space.parse(text), seed=0))
    cells = [f"stage{stage}.{k}" for stage in range(3) for k in range(5)]
    assert [name for name in found if name.startswith("stage")] == cells
    assert set(found) - set(cells) == {"stem.conv", "reduction1", "reduction2", "classifier"}
    assert blocks(NETWORKS["transformer"]()[0]) == ("encoder.layers.0", "encoder.layers.1", "head")
    assert blocks(NETWORKS["convolutional"]()[0]) == ("0", "2", "7")
    assert blocks(NETWORKS["perceptron"]()[0]) == ("first", "second", "head")


def test_one_block_is_an_error() -> None:
    single = nn.Sequential(nn.Conv2d(3, 4, 3), Head(), nn.Linear(4, 2))
    with pytest.raises(NasproxyError, match=r"1 block\(s\) before its classifier"):
        evaluate(single, torch.zeros(2, 3, 8, 8), "az_expressivity")
