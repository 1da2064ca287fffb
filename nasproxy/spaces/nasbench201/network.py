"""The network of a cell: stem, three stages of cells with reductions between, classifier."""

from __future__ import annotations

import functools
from collections import OrderedDict

import torch
from jaxtyping import Float
from torch import Tensor, nn

from nasproxy.spaces.nasbench201.cell import EDGES, Cell
from nasproxy.spaces.nasbench201.initial import initialise
from nasproxy.spaces.nasbench201.skeleton import STAGES, Skeleton

__all__ = ["CellModule", "Network", "Reduction", "build"]


def build(
    cell: Cell,
    *,
    seed: int,
    channels: int = 16,
    cells: int = 5,
    classes: int = 10,
    in_channels: int = 3,
) -> Network:
    """The network of a cell, as written: dead edges are there and are computed.

    A parameter's initial numbers depend on the seed and on its name alone, and names depend on
    the place alone (``stage1.3.edge02_nor_conv_3x3.conv.weight``: second stage, fourth cell, edge
    0>2). So ``simplified(cell)`` gives the same logits to the bit, and cells that agree on an edge
    start from the same numbers there, which takes noise out of comparisons.

    Args:
        cell: the cell.
        seed: any integer.
        channels: channels C of the first stage.
        cells: cells N in each of the three stages.
        classes: how many logits.
        in_channels: channels of an image.

    Returns:
        The network in training mode, float32, on the CPU.

    Raises:
        NasproxyError: a size that is not a positive integer.
    """
    network = Network(cell, Skeleton(channels, cells, classes, in_channels))
    initialise(network, seed)
    return network


class Network(nn.Module):
    """Images to logits; made by ``build`` (convolutions made here hold no numbers yet)."""

    def __init__(self, cell: Cell, skeleton: Skeleton) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            OrderedDict(
                conv=_conv(skeleton.in_channels, skeleton.channels, 3),
                bn=nn.BatchNorm2d(skeleton.channels),
            )
        )
        for stage, (width, _) in enumerate(skeleton.stages):
            if stage:
                self.add_module(f"reduction{stage}", Reduction(width // 2))
            repeated = (CellModule(cell, width) for _ in range(skeleton.cells))
            self.add_module(f"stage{stage}", nn.Sequential(*repeated))
        self.bn = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(width, skeleton.classes, device="meta")

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        """The logits of a batch.

        Args:
            images: float ``[n, in_channels, side, side]``, the side a multiple of 4.

        Returns:
            Logits ``[n, classes]``, not normalised.
        """
        x = self.stem(images)
        for stage in range(STAGES):
            if stage:
                x = self.get_submodule(f"reduction{stage}")(x)
            x = self.get_submodule(f"stage{stage}")(x)
        x = self.pool(self.relu(self.bn(x)))
        logits: Tensor = self.classifier(x.flatten(1))
        return logits


class CellModule(nn.Module):
    """Four nodes; a node is the sum of its edges, in the order of the architecture string.

    An edge ``none`` and an edge ``skip_connect`` have no module. Others are called
    ``edge01_nor_conv_3x3`` and so on.
    """

    def __init__(self, cell: Cell, width: int) -> None:
        super().__init__()
        self._terms: list[list[tuple[int, str | None]]] = [[], [], [], []]
        for (source, target), op in zip(EDGES, cell.names, strict=True):
            if op == "none":
                continue
            name = None if op == "skip_connect" else f"edge{source}{target}_{op}"
            self._terms[target].append((source, name))
            if name is not None:
                self.add_module(name, _operation(op, width))
        self._read = {3} | {source for terms in self._terms for source, _ in terms}

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """The output node, of the shape of the input."""
        nodes = [x]
        for target in (1, 2, 3):
            terms = [
                nodes[source] if name is None else self._modules[name](nodes[source])  # type: ignore[misc]
                for source, name in self._terms[target]
            ]
            if terms:
                nodes.append(functools.reduce(torch.add, terms))
            else:
                # A product and not new zeros: the gradient of a cell without a path is then zero,
                # and exists; not new zeros also keeps dtype, device and memory format.
                nodes.append(x * 0 if target in self._read else x)
        return nodes[3]


class Reduction(nn.Module):
    """The residual block between stages: twice the channels, half the side."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv_a = _relu_conv_bn(width, 2 * width, 3, stride=2)
        self.conv_b = _relu_conv_bn(2 * width, 2 * width, 3)
        self.shortcut = nn.Sequential(
            OrderedDict(pool=nn.AvgPool2d(2), conv=_conv(width, 2 * width, 1))
        )

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c2 h2 w2"]:
        """Two convolutions beside a pooled 1 x 1 convolution, summed."""
        total: Tensor = self.shortcut(x) + self.conv_b(self.conv_a(x))
        return total


def _operation(op: str, width: int) -> nn.Module:
    if op == "avg_pool_3x3":
        return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
    return _relu_conv_bn(width, width, 3 if op == "nor_conv_3x3" else 1)


def _relu_conv_bn(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            relu=nn.ReLU(),
            conv=_conv(inputs, outputs, kernel, stride),
            bn=nn.BatchNorm2d(outputs),
        )
    )


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    # On the meta device, so that PyTorch's own initialisation neither costs nor draws anything.
    return nn.Conv2d(
        inputs, outputs, kernel, stride, padding=kernel // 2, bias=False, device="meta"
    )
