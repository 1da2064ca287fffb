"""NAS-Bench-101's cells, hashes, counts and table."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from nasproxy import benchmarks
from nasproxy.errors import NasproxyError
from nasproxy.spaces.nasbench101 import Graph, NASBench101
from nasproxy.spaces.nasbench101.description import path_words
from nasproxy.spaces.nasbench101.graph import INNER, OUTPUT
from nasproxy.spaces.nasbench101.widths import widths

SPACE = NASBench101(stem=8, cells=1)
C3, C1, MP = "conv3x3", "conv1x1", "maxpool3x3"
# Three branches of different depth.
INCEPTION = Graph((C3, C3, C3, C1, MP), ((0, 1), (0, 4), (0, 5), (1, 2), (2, 6), (4, 6), (5, 6)))


def _relabelled(graph: Graph, order: tuple[int, ...]) -> Graph | None:
    """The same cell with its inner nodes named otherwise; None where an edge would run back."""
    place = {0: 0, OUTPUT: OUTPUT} | dict(zip(order, INNER, strict=True))
    edges = sorted((place[a], place[b]) for a, b in graph.edges)
    if any(a >= b for a, b in edges):
        return None
    ops = tuple(graph.ops[node - 1] for node in order)
    return Graph(ops, tuple(edges))


def test_isomorphic_cells_are_one() -> None:
    rng = np.random.default_rng(0)
    seen = 0
    for _ in range(3):
        graph = SPACE.sample(rng)
        for order in itertools.permutations(INNER):
            twin = _relabelled(graph, order)
            if twin is not None:
                seen += twin != graph
                assert SPACE.canonical(twin) == SPACE.canonical(graph)
                assert SPACE.describe(twin) == SPACE.describe(graph)
                assert SPACE.counts(twin) == SPACE.counts(graph)
    assert seen > 3


def test_hash_tells_operations_apart() -> None:
    edges = ((0, 1), (1, 6))
    texts = {SPACE.canonical(Graph((op, C3, C3, C3, C3), edges)) for op in (C3, C1, MP)}
    assert len(texts) == 3
    dead = Graph((C1, MP, C3, C3, C3), ((0, 1), (1, 6)))
    assert SPACE.canonical(dead) == SPACE.canonical(Graph((C1, C3, C3, C3, C3), edges))


def test_channels_are_shared_by_what_is_concatenated() -> None:
    graph = Graph((C3, C3, C3, C1, MP), ((0, 1), (1, 2), (1, 3), (1, 6), (2, 6), (3, 6)))
    assert widths(graph, 128) == {1: 43, 2: 43, 3: 42}
    chain = Graph((C3,) * 5, ((0, 1), (1, 2), (2, 6)))
    assert widths(chain, 128) == {1: 128, 2: 128}


def test_counts_are_those_of_the_network() -> None:
    rng = np.random.default_rng(1)
    graphs = [SPACE.sample(rng) for _ in range(4)] + [INCEPTION, Graph((C3,) * 5, ((0, 6),))]
    for graph in graphs:
        network = SPACE.build(graph, seed=0, classes=7)
        built = sum(parameter.numel() for parameter in network.parameters())
        assert built == SPACE.counts(graph, classes=7)["parameters"]
        multiplied = 0

        def counted(module: torch.nn.Module, _: object, output: torch.Tensor) -> None:
            nonlocal multiplied
            if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
                weight = module.weight
                multiplied += weight.numel() * output.numel() // output.shape[1]

        for module in network.modules():
            module.register_forward_hook(counted)
        network(torch.zeros(1, 3, 32, 32))
        assert multiplied == SPACE.counts(graph, classes=7)["multiply_accumulates"]


def test_dead_parts_change_no_number_of_the_network() -> None:
    alone = Graph((C1, C3, C3, C3, C3), ((0, 1), (1, 6)))
    dead = Graph((C1, MP, C3, C3, C3), ((0, 1), (0, 2), (1, 6)))
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(SPACE.build(alone, seed=0)(x), SPACE.build(dead, seed=0)(x))


def test_paths() -> None:
    assert path_words(INCEPTION) == ("1", "33", "p")
    assert path_words(Graph((C3,) * 5, ((0, 6),))) == ("",)
    found = SPACE.describe(INCEPTION)
    assert found["path:33"] == found["path:p"] == found["cell:ops_least"] == 1
    assert found["cell:nodes"] == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("conv3x3:06", "1 operations"),
        (".".join([C3] * 5) + ":01.12", "no path"),
        (".".join([C3] * 4 + ["conv5x5"]) + ":06", "conv5x5"),
        (".".join([C3] * 5) + ":60", "source first"),
        (".".join([C3] * 5) + ":01.02.03.04.05.06.16.26.36.46.56", "11 edges"),
    ],
)
def test_refusals(text: str, said: str) -> None:
    with pytest.raises(NasproxyError, match=said):
        SPACE.parse(text)


def test_published_hashes_and_parameters() -> None:
    """Keys and parameter counts of the file, from its matrices and operations alone.

    Of all 1,000 they agree; every seventh is looked at here.
    """
    folder = os.environ.get("ZEROCOST_DATA_DIR")
    path = Path(folder or ".") / "nasbench101" / "data-1k.json"
    if folder is None or not path.exists():
        pytest.skip("ZEROCOST_DATA_DIR has no nasbench101/data-1k.json")
    table, space = benchmarks.get("nasbench101"), NASBench101()
    graphs = [space.parse(text) for text in table.architectures[::7]]
    assert [space.canonical(g) for g in graphs] == json.loads(path.read_text())["key"][::7]
    counted = [space.counts(graph)["parameters"] for graph in graphs]
    np.testing.assert_array_equal(counted, table.targets["parameters"][::7])
    assert table.best("cifar10-valid")[1] > 94
