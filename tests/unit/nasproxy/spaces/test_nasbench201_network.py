from __future__ import annotations

import itertools
import math

import pytest
import torch
from scipy.stats import kstest
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from nasproxy.spaces.nasbench201 import Cell, NASBench201, Skeleton, counts
from nasproxy.spaces.nasbench201.canonical import live_edges, simplified
from nasproxy.spaces.nasbench201.network import Network, build
from nasproxy.spaces.nasbench201.order import all_cells

SMALL = {"channels": 4, "cells": 1}


def images(n: int = 2, channels: int = 3, side: int = 16) -> Tensor:
    return torch.randn(n, channels, side, side, generator=torch.Generator().manual_seed(0))


def kinds() -> list[Cell]:
    """One cell for every combination of numbers of operations: C(10, 4) = 210."""
    return [Cell(ops) for ops in itertools.combinations_with_replacement(range(5), 6)]


def test_built_networks_have_as_many_parameters_as_the_closed_form() -> None:
    assert len(kinds()) == 210
    for cell in kinds():
        network = build(cell, seed=0, **SMALL)
        counted = counts.parameters(cell, Skeleton(**SMALL))
        assert sum(p.numel() for p in network.parameters()) == counted


@pytest.mark.parametrize("skeleton", [Skeleton(), Skeleton(8, 2, 5, 1, 28), Skeleton(6, 3, 120, 4)])
def test_parameters_and_multiply_accumulates_of_built_networks(skeleton: Skeleton) -> None:
    for cell in [Cell((3, 2, 4, 1, 3, 2)), Cell((2, 2, 2, 0, 3, 3))]:
        network = Network(cell, skeleton).to_empty(device="cpu")
        assert sum(p.numel() for p in network.parameters()) == counts.parameters(cell, skeleton)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network(torch.zeros(1, skeleton.in_channels, skeleton.side, skeleton.side))
        macs = counts.multiply_accumulates(cell, skeleton)
        assert counter.get_total_flops() == 2 * macs  # PyTorch counts a product and a sum as two


def test_naslibs_flops_are_what_hooks_count() -> None:
    skeleton = Skeleton(8, 2, 5, 3, 16)
    cell = Cell((3, 2, 4, 4, 3, 2))
    network = build(cell, seed=0, channels=8, cells=2, classes=5)
    seen = 0

    def count(module: nn.Module, args: tuple[Tensor, ...], out: Tensor) -> None:
        nonlocal seen
        match module:
            case nn.ReLU():
                seen += args[0].numel()
            case nn.BatchNorm2d():
                seen += 2 * out.numel()
            case nn.AvgPool2d():
                seen += out.numel() * int(module.kernel_size) ** 2  # type: ignore[arg-type]
            case nn.AdaptiveAvgPool2d():
                seen += args[0].shape[1] * (args[0].shape[2] + 1) ** 2
            case nn.Conv2d() | nn.Linear():
                seen += module.weight.numel() * math.prod(out.shape[2:])

    for module in network.modules():
        module.register_forward_hook(count)
    network.eval()(images(1))
    assert seen == counts.flops_naslib(cell, skeleton)


def test_the_pruned_network_gives_the_same_logits_to_the_bit() -> None:
    pruned = [c for c in all_cells() if simplified(c) != c]
    x = images()
    with torch.no_grad():
        for cell in pruned[:: len(pruned) // 150]:
            whole = build(cell, seed=3, **SMALL)
            part = build(simplified(cell), seed=3, **SMALL)
            assert sum(p.numel() for p in part.parameters()) <= sum(
                p.numel() for p in whole.parameters()
            )
            for mode in (True, False):
                assert torch.equal(whole.train(mode)(x), part.train(mode)(x))


def test_parameters_depend_on_the_seed_and_the_place_alone() -> None:
    one = dict(build(Cell((3, 2, 3, 1, 4, 3)), seed=0).named_parameters())
    other = dict(build(Cell((3, 3, 0, 3, 2, 3)), seed=0).named_parameters())
    shared = one.keys() & other.keys()
    assert "stage1.3.edge23_nor_conv_3x3.conv.weight" in shared
    assert "stage1.3.edge02_nor_conv_1x1.conv.weight" in one.keys() - other.keys()
    assert all(torch.equal(one[name], other[name]) for name in shared)
    # and no two places share numbers
    drawn = [p.detach().flatten()[:8] for name, p in one.items() if "bn" not in name]
    assert len({tuple(values.tolist()) for values in drawn}) == len(drawn)


def test_initial_distributions_are_pytorchs() -> None:
    network = build(Cell((3, 2, 3, 1, 4, 3)), seed=0)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            bound = 1 / math.sqrt(module.weight[0].numel())
            for parameter in module.parameters():
                assert parameter.requires_grad
                values = parameter.detach().flatten() / bound
                assert values.abs().max() <= 1
                assert kstest(values.double().numpy(), "uniform", args=(-1, 2)).pvalue > 1e-5
        if isinstance(module, nn.BatchNorm2d):
            assert bool((module.weight == 1).all())
            assert bool((module.bias == 0).all())


def test_the_cell_computes_what_its_string_says() -> None:
    cell = Cell.of_names(
        ["nor_conv_3x3", "avg_pool_3x3", "skip_connect", "none", "nor_conv_1x1", "nor_conv_3x3"]
    )
    module = build(cell, seed=0, **SMALL).get_submodule("stage0.0")
    x = images(channels=4)

    def edge(name: str, y: Tensor) -> Tensor:
        conv, bn = module.get_submodule(f"{name}.conv"), module.get_submodule(f"{name}.bn")
        out: Tensor = bn(conv(y.relu()))
        return out

    one = edge("edge01_nor_conv_3x3", x)
    pooled = nn.functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
    expected = edge("edge13_nor_conv_1x1", one) + edge("edge23_nor_conv_3x3", pooled + one)
    torch.testing.assert_close(module(x), expected, rtol=0, atol=0)


def test_edges_without_work_have_no_module() -> None:
    module = build(Cell((0, 1, 0, 1, 0, 4)), seed=0, **SMALL).get_submodule("stage0.0")
    assert [name for name, _ in module.named_children()] == ["edge23_avg_pool_3x3"]


@pytest.mark.parametrize("ops", [(0,) * 6, (3, 3, 3, 0, 0, 0), (0, 0, 3, 0, 3, 3)])
def test_a_cell_without_a_path_gives_zeros_and_zero_gradients(ops: tuple[int, ...]) -> None:
    network = build(Cell(ops), seed=0, classes=7, **SMALL)
    x = images().requires_grad_()
    out = network.get_submodule("stage0.0")(network.get_submodule("stem")(x))
    assert out.shape == (2, 4, 16, 16)
    assert not bool(out.any())
    logits = network(x)
    assert logits.shape == (2, 7)
    (gradient,) = torch.autograd.grad(logits.sum(), x)
    assert not bool(gradient.any())


def test_dead_edges_are_computed_as_written_and_only_live_ones_have_gradients() -> None:
    cell = Cell((3, 3, 0, 3, 0, 0))  # 0>1 and 0>2 lead nowhere
    assert live_edges(cell) == (False, False, False, True, False, False)
    network = build(cell, seed=0, **SMALL)
    called = []
    for name, module in network.named_modules():
        module.register_forward_hook(lambda *_, name=name: called.append(name))
    network(images()).sum().backward()
    assert "stage0.0.edge01_nor_conv_3x3.conv" in called
    assert network.get_parameter("stage0.0.edge01_nor_conv_3x3.conv.weight").grad is None
    assert network.get_parameter("stage0.0.edge03_nor_conv_3x3.conv.weight").grad is not None


def test_the_space_builds_with_its_own_sizes() -> None:
    space = NASBench201(channels=4, cells=2)
    network = space.build(Cell((3,) * 6), seed=0, classes=3, in_channels=1)
    assert network.training
    assert network(images(channels=1)).shape == (2, 3)
    assert len(list(network.get_submodule("stage2").children())) == 2
