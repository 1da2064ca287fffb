"""The graph of the second order is freed: thousands of networks are scored in one process."""

import gc

import torch

from nasproxy import evaluate
from nasproxy.spaces.nasbench201 import Cell, NASBench201
from nasproxy.tracing.second_order import TwiceDifferentiable


def test_nothing_keeps_the_graph_of_a_network_that_was_scored() -> None:
    space = NASBench201(channels=4, cells=1)
    network = space.build(Cell((3, 2, 1, 4, 3, 2)), seed=0)
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(4, 3, 8, 8, generator=generator)
    evaluate(network, (images, torch.tensor([0, 1, 2, 3])), "grasp")
    gc.collect()
    assert not [kept for kept in gc.get_objects() if type(kept) is TwiceDifferentiable]
