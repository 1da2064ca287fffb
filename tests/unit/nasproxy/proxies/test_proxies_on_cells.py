"""The proxies on NAS-Bench-201 networks: alone or together, pruned or as written."""

import numpy as np
import pytest
import torch

from nasproxy import evaluate, proxies
from nasproxy.evaluation import as_batch, outcomes
from nasproxy.proxies.proxy import ProxyScore
from nasproxy.spaces.nasbench201.space import NASBench201

SPACE = NASBench201(channels=4, cells=1)
BATCH = (
    torch.randn(6, 3, 16, 16, generator=torch.Generator().manual_seed(0)),
    torch.arange(6) % 3,
)
# Node 1 of the first is dead: its edge to the output is none, and so is its edge to node 2.
DEAD = "|nor_conv_3x3~0|+|nor_conv_1x1~0|none~1|+|skip_connect~0|none~1|nor_conv_3x3~2|"
LIVE = "|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+|skip_connect~0|nor_conv_1x1~1|avg_pool_3x3~2|"


def built(text: str, *, simplified: bool = False) -> torch.nn.Module:
    cell = SPACE.parse(text)
    return SPACE.build(SPACE.simplified(cell) if simplified else cell, seed=1, classes=3)


def halves(names: list[str]) -> list[list[str]]:
    """By each binary digit of their places, so that nearly every two are together in one."""
    digits = range(len(names).bit_length())
    cut = [
        [n for i, n in enumerate(names) if i >> d & 1 == side] for d in digits for side in (0, 1)
    ]
    return [half for half in cut if half]


@pytest.mark.parametrize("text", [DEAD, LIVE])
def test_a_score_does_not_depend_on_what_else_is_asked(text: str) -> None:
    network = built(text)
    found = outcomes(network, as_batch(BATCH), proxies.names())
    names = [name for name, outcome in found.items() if isinstance(outcome, ProxyScore)]
    assert len(names) >= 25  # what is left reads transformers
    alone = {name: evaluate(network, BATCH, name)[name] for name in names}
    for asked in [names, *halves(names)]:
        found = evaluate(network, BATCH, asked)
        for name in asked:
            assert found[name].value == alone[name].value, asked
            np.testing.assert_array_equal(found[name].nodes, alone[name].nodes)


def test_dead_edges_have_no_gradient_and_no_flow() -> None:
    written, pruned = built(DEAD), built(DEAD, simplified=True)
    names = ["grad_norm", "snip", "synflow", "l2_norm", "params", "flops"]
    whole, cut = evaluate(written, BATCH, names), evaluate(pruned, BATCH, names)
    dead = {n for n, p in written.named_parameters() if p.ndim > 1} - set(cut["l2_norm"].node_names)
    assert len(dead) == 3
    for name in ("grad_norm", "snip", "synflow"):
        nodes = dict(zip(whole[name].node_names, whole[name].nodes, strict=True))
        kept = {node: value for node, value in nodes.items() if node not in dead}
        assert {nodes[node] for node in dead} == {0.0}
        # Node by node to the last bit; the score only to rounding, as numpy adds in blocks.
        assert kept == dict(zip(cut[name].node_names, cut[name].nodes, strict=True))
        assert whole[name].value == pytest.approx(cut[name].value, rel=1e-13)
        assert not proxies.get(name).depends_on_spelling
    for name in ("l2_norm", "params", "flops"):
        assert whole[name].value > cut[name].value
        assert proxies.get(name).depends_on_spelling


def test_naswot_counts_what_the_network_computes_dead_or_not() -> None:
    """A dead convolution's ReLU is called and seen; a network pruned first has fewer.

    So naswot of a cell as written is not that of its class: callers prune (``space.simplified``).
    """
    whole = evaluate(built(DEAD), BATCH, "naswot")["naswot"]
    cut = evaluate(built(DEAD, simplified=True), BATCH, "naswot")["naswot"]
    assert set(cut.node_names) < set(whole.node_names)
    assert len(whole.nodes) - len(cut.nodes) == 3
    assert whole.value > cut.value


def test_a_cell_without_a_path_has_gradients_in_its_classifier_only() -> None:
    network = built("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|")
    found = evaluate(network, BATCH, ["grad_norm", "snip"])
    # The reductions still compute, from zeros; what lies before a cell gets no gradient.
    nodes = dict(zip(found["grad_norm"].node_names, found["grad_norm"].nodes, strict=True))
    assert nodes["stem.conv.weight"] == 0.0
    assert found["snip"].value >= 0.0
