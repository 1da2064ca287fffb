import numpy as np
import pytest
import torch

import nasproxy
from nasproxy import spaces
from nasproxy.errors import NasproxyError
from nasproxy.proxies.wpca import vpca
from nasproxy.spaces.bert_mobilebert import BertMobileBERT
from nasproxy.spaces.bert_mobilebert.architecture import Sizes
from nasproxy.tokens import random_tokens

SMALL = BertMobileBERT("small", Sizes(layers=4, hidden=96, steps=2), length=7)


@pytest.mark.parametrize(
    ("name", "layers", "blocks", "widths"),
    [
        ("bert-mobilebert", 12, 12, (132, 264, 396, 528, 660, 792)),
        ("bert-mobilebert-10m", 6, 6, (264, 528, 792)),
        ("bert-mobilebert-5m", 12, 12, (48, 96, 144, 192, 240, 288)),
    ],
)
def test_the_variants(name, layers, blocks, widths):
    space = spaces.get(name)
    assert space.sizes.widths == widths
    assert space.size == blocks**layers
    assert {len(values) for values in space.dimensions().values()} == {blocks}


@pytest.mark.parametrize("text", ["b72|m72|b144|m144", "b144|b144|b72|b72", "m72|m72|m72|m72"])
def test_counts_are_those_of_the_network(text):
    architecture = SMALL.parse(text)
    network = SMALL.build(architecture, seed=0)
    batch = random_tokens(size=2, length=7, vocabulary=SMALL.vocabulary)
    assert network(**batch.inputs).shape == (2, 7, 96)
    counted = SMALL.counts(architecture)
    assert sum(p.numel() for p in network.parameters()) == counted["parameters"]
    flops = nasproxy.evaluate(network, batch, ["flops"])["flops"].value
    assert flops == counted["multiply_accumulates"]


def test_the_papers_limits_lie_within_the_space():
    space = spaces.get("bert-mobilebert")
    smallest, largest = space.parse("|".join(["m132"] * 12)), space.parse("|".join(["b792"] * 12))
    counts = [space.counts(a)["parameters"] for a in (smallest, largest)]
    assert counts[0] < 10e6
    assert counts[1] > 15.7e6


def test_wpca_reads_the_first_linear_layer_of_every_block():
    # Half of them do not widen, so that their structure alone would not tell.
    network = SMALL.build(SMALL.parse("b72|m72|b144|m144"), seed=0)
    batch = random_tokens(size=5, length=7, vocabulary=SMALL.vocabulary)
    score = nasproxy.evaluate(network, batch, [vpca()])["vpca"]
    assert score.node_names == (
        "blocks.0_bert.dense1.weight",
        "blocks.1_mobilebert.dense1.weight",
        "blocks.2_bert.dense1.weight",
        "blocks.3_mobilebert.dense1.weight",
    )
    caught = []
    block = network.blocks["2_bert"].dense1
    block.register_forward_hook(lambda m, i, o: caught.append(o.detach()))
    network.eval()(**batch.inputs)
    rows = caught[-1].flatten(0, 1).double().numpy()
    values = np.linalg.eigvalsh(np.cov(rows, rowvar=False))[::-1]
    shares = np.cumsum(values) / values.sum()
    assert score.nodes[2] == np.argmax(shares >= 0.99) + 1


def test_padding_changes_nothing_that_attention_reads():
    network = SMALL.build(SMALL.parse("b72|m72|b144|m144"), seed=0).eval()
    ids = torch.randint(1, 30522, (2, 7))
    mask = torch.ones(2, 7, dtype=torch.long)
    mask[:, 5:] = 0
    padded = ids.masked_fill(mask == 0, 0)
    # The token before the padding reads it through the trigram.
    other = padded.clone()
    other[:, 6] = 9
    torch.testing.assert_close(network(padded, mask)[:, :5], network(other, mask)[:, :5])


@pytest.mark.parametrize("text", ["b72", "b72|m72|b144|x144", "b72|m72|b144|m145", "4|5|6|7"])
def test_texts_that_are_no_architecture(text):
    with pytest.raises(NasproxyError, match=r"4 blocks joined by"):
        SMALL.parse(text)
