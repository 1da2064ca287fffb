"""The network of a cell: stem, three stacks of three cells with pooling between, classifier."""

from __future__ import annotations

import functools
from collections import OrderedDict

import torch
from jaxtyping import Float
from torch import Tensor, nn

from nasproxy.spaces.nasbench101.graph import OUTPUT, Graph
from nasproxy.spaces.nasbench101.widths import STACKS, widths
from nasproxy.spaces.nasbench201.initial import initialise

__all__ = ["CellModule", "Network", "build"]


def build(
    graph: Graph, *, seed: int, stem: int, cells: int, classes: int, in_channels: int
) -> Network:
    """The network of a pruned cell; a parameter depends on the seed and its own name alone.

    Args:
        graph: pruned.
        seed: any integer.
        stem: channels of the stem and of the first stack, 128 in the benchmark.
        cells: in each of the three stacks, 3 in the benchmark.
        classes: how many logits.
        in_channels: channels of an image.

    Returns:
        The network in training mode, float32, on the CPU.
    """
    network = Network(graph, stem=stem, cells=cells, classes=classes, in_channels=in_channels)
    initialise(network, seed)
    return network


class Network(nn.Module):
    """Images to logits; made by ``build`` (convolutions made here hold no numbers yet)."""

    def __init__(
        self, graph: Graph, *, stem: int, cells: int, classes: int, in_channels: int
    ) -> None:
        super().__init__()
        self.stem = _conv_bn_relu(in_channels, stem, 3)
        inputs = outputs = stem
        for stack in range(STACKS):
            if stack:
                outputs *= 2
            modules = []
            for _ in range(cells):
                modules.append(CellModule(graph, inputs, outputs))
                inputs = outputs
            self.add_module(f"stack{stack}", nn.Sequential(*modules))
        self.downsample = nn.MaxPool2d(2)
        self.classifier = nn.Linear(outputs, classes, device="meta")

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        """The logits of a batch of float images, the side a multiple of 4."""
        x = self.stem(images)
        for stack in range(STACKS):
            if stack:
                x = self.downsample(x)
            x = self.get_submodule(f"stack{stack}")(x)
        logits: Tensor = self.classifier(x.mean(dim=(2, 3)))
        return logits


class CellModule(nn.Module):
    """A node sums what feeds it, cut to its width, the cell's input through a 1 x 1 convolution.

    The nodes that feed the output are concatenated; the input is added to them through a
    convolution where it feeds the output too.
    """

    def __init__(self, graph: Graph, inputs: int, outputs: int) -> None:
        super().__init__()
        self._graph = graph
        self._widths = dict(sorted(widths(graph, outputs).items()))
        self._last = [node for node in graph.sources(OUTPUT) if node != 0]
        for node, width in self._widths.items():
            if 0 in graph.sources(node):
                self.add_module(f"project{node}", _conv_bn_relu(inputs, width, 1))
            self.add_module(f"node{node}", _operation(graph.ops[node - 1], width))
        if 0 in graph.sources(OUTPUT):
            self.add_module("project_output", _conv_bn_relu(inputs, outputs, 1))

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d h w"]:
        """The output node."""
        nodes: dict[int, Tensor] = {}
        for node, width in self._widths.items():
            terms = [
                self.get_submodule(f"project{node}")(x) if source == 0 else nodes[source][:, :width]
                for source in self._graph.sources(node)
            ]
            nodes[node] = self.get_submodule(f"node{node}")(functools.reduce(torch.add, terms))
        parts = [nodes[node] for node in self._last]
        if 0 not in self._graph.sources(OUTPUT):
            return torch.cat(parts, dim=1)
        projected: Tensor = self.get_submodule("project_output")(x)
        return projected + torch.cat(parts, dim=1) if parts else projected


def _operation(op: str, width: int) -> nn.Module:
    if op == "maxpool3x3":
        return nn.MaxPool2d(3, stride=1, padding=1)
    return _conv_bn_relu(width, width, 3 if op == "conv3x3" else 1)


def _conv_bn_relu(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    # On the meta device, so that PyTorch's own initialisation neither costs nor draws anything.
    conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False, device="meta")
    return nn.Sequential(OrderedDict(conv=conv, bn=nn.BatchNorm2d(outputs), relu=nn.ReLU()))
