"""Scores are the same whatever other networks were seen before, and what was seen is not redone."""

import pytest
import torch
from torch import nn

from nasproxy.batch import Batch
from nasproxy.evaluation import outcomes
from nasproxy.proxies.wpca import PCA_ENTROPY, WPCA, vpca
from nasproxy.recent import Recent
from nasproxy.scoring.candidates import build_for
from nasproxy.spaces.bert_mobilebert import BertMobileBERT
from nasproxy.spaces.bert_mobilebert.architecture import Sizes
from nasproxy.spaces.flexibert import FlexiBERT
from nasproxy.spaces.flexibert.operations import Attention
from nasproxy.tracing.earlier import EarlierResults

PROXIES = (
    WPCA,
    PCA_ENTROPY,
    vpca(linears="all", name="vpca_all"),
    vpca(at="after", layers=["*.dense.0.weight", "*.dense1.weight"], name="vpca_after"),
    vpca(masked=False, name="vpca_padded"),
)
FLEXIBERT = (
    "128|sdp-2-512x1|wma-4-512x1",
    "128|sdp-2-512x1|wma-4-512x3|sdp-2-512x1|dsc5-2-512x1",
    "128|sdp-2-512x1|wma-4-512x3|dft-2-512x1|dct-2-512x1",
    "128|sdp-4-512x1|wma-4-512x1",
)
BERT = ("b48|b48|b96", "b48|m48|b96", "b48|b48|b144", "m48|b48|b96")


def tokens(seed, *, padded=0):
    ids = torch.randint(30522, (2, 9), generator=torch.Generator().manual_seed(seed))
    mask = torch.ones_like(ids)
    mask[:, 9 - padded :] = 0
    return Batch({"input_ids": ids, "attention_mask": mask})


def scores(space, text, batch, earlier, *, proxies=(WPCA,), seed=0):
    network = build_for(space, space.parse(text), batch, seed=seed)
    found = outcomes(network, batch, proxies, seed=seed, earlier=earlier)
    assert not any("forward" in vars(module) for module in network.modules())
    return {name: (score.value, score.nodes.tobytes()) for name, score in found.items()}


CASES = [
    (FlexiBERT("as_specified"), FLEXIBERT),
    (FlexiBERT("as_trained"), FLEXIBERT[:2]),
    (BertMobileBERT("small", Sizes(layers=3, hidden=96, steps=3)), BERT),
]


@pytest.mark.parametrize(("space", "texts"), CASES, ids=["specified", "trained", "bert"])
def test_scores_do_not_depend_on_what_came_before(space, texts):
    batches = [tokens(0, padded=3), tokens(1)]
    asked = [(text, i) for text in texts for i in (0, 1)]
    alone = {(text, i): scores(space, text, batches[i], None, proxies=PROXIES) for text, i in asked}
    small = EarlierResults(Recent(20_000), Recent(3_000), Recent(200_000))  # drops most of it
    for earlier, order in ((EarlierResults(), asked), (small, asked[::-1])):
        for text, i in order:
            found = scores(space, text, batches[i], earlier, proxies=PROXIES)
            assert found == alone[text, i]


def test_scores_are_of_their_seed():
    space, earlier, batch = FlexiBERT(), EarlierResults(), tokens(0)
    for seed in (0, 1, 0):
        fresh = scores(space, FLEXIBERT[1], batch, None, seed=seed)
        assert scores(space, FLEXIBERT[1], batch, earlier, seed=seed) == fresh


def test_what_was_computed_is_not_computed_again(monkeypatch):
    calls = []
    forward = Attention.forward

    def counted(self, x, mask):
        calls.append(self)
        return forward(self, x, mask)

    monkeypatch.setattr(Attention, "forward", counted)
    space, earlier, batch = FlexiBERT("as_specified"), EarlierResults(), tokens(0)
    made = []
    for text in (
        "128|sdp-2-512x1|wma-4-512x1",
        "128|sdp-2-512x1|wma-4-512x3",  # the feed-forward network after the last linear layer read
        "128|sdp-2-512x1|sdp-4-512x1",  # another last layer
        "128|sdp-2-512x1|sdp-4-512x1",  # the same again
        "128|sdp-4-512x1|sdp-4-512x1",  # all other from the first layer on
    ):
        scores(space, text, batch, earlier)
        made.append(len(calls) - 2)  # less the two by which the structure is found
        calls.clear()
    assert made == [2, 0, 1, 0, 2]


def test_a_kept_tensor_that_somebody_wrote_to_is_not_used():
    space, earlier, batch = FlexiBERT(), EarlierResults(), tokens(0)
    scores(space, FLEXIBERT[0], batch, earlier, proxies=[PCA_ENTROPY])
    for returned, _ in earlier.outputs._kept.values():
        returned.output.mul_(2)
    fresh = scores(space, FLEXIBERT[1], batch, None, proxies=[PCA_ENTROPY])
    assert scores(space, FLEXIBERT[1], batch, earlier, proxies=[PCA_ENTROPY]) == fresh


def test_a_network_that_says_nothing_shares_nothing():
    torch.manual_seed(0)
    first, second = (nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 6)) for _ in range(2))
    earlier, rows = EarlierResults(), torch.randn(20, 6)
    outcomes(first, rows, [PCA_ENTROPY], earlier=earlier)
    shared = outcomes(second, rows, [PCA_ENTROPY], earlier=earlier)
    assert shared["pca_entropy"].value == outcomes(second, rows, [PCA_ENTROPY])["pca_entropy"].value
    assert len(earlier.outputs) == len(earlier.spectra) == len(earlier.triangles) == 0


def test_batches_in_parts_share_nothing():
    space, earlier = FlexiBERT(), EarlierResults()
    ids = torch.randint(30522, (70, 4), generator=torch.Generator().manual_seed(0))
    scores(space, FLEXIBERT[0], Batch({"input_ids": ids}), earlier)
    assert len(earlier.outputs) == len(earlier.spectra) == 0


def test_the_kept_stays_within_its_limit():
    space, earlier = FlexiBERT("as_specified"), EarlierResults(Recent(100_000))
    for text in FLEXIBERT:
        scores(space, text, tokens(0), earlier)
        assert earlier.outputs.nbytes <= 100_000
        kept = sum(returned.output.nbytes for returned, _ in earlier.outputs._kept.values())
        assert kept == earlier.outputs.nbytes
    assert len(earlier.outputs) > 0


def test_weights_that_were_changed_since_are_others():
    space, earlier, batch = FlexiBERT(), EarlierResults(), tokens(0)
    network = build_for(space, space.parse(FLEXIBERT[0]), batch, seed=7)

    def found(known=None):
        return outcomes(network, batch, [PCA_ENTROPY], seed=7, earlier=known)["pca_entropy"].value

    before = found(earlier)
    with torch.no_grad():
        network.layers[0].feed_forward.dense[0].weight[:, 5:] = 0
    assert found(earlier) == found() != before
    other = build_for(space, space.parse(FLEXIBERT[0]), batch, seed=8)
    outcomes(other, batch, [PCA_ENTROPY], seed=8, earlier=earlier)
    double = outcomes(other.double(), batch, [PCA_ENTROPY], seed=8, earlier=earlier)
    alone = outcomes(other, batch, [PCA_ENTROPY], seed=8)
    assert double["pca_entropy"].value == alone["pca_entropy"].value


class Called(nn.Module):
    """A module of a signature that is called in different ways."""

    def __init__(self, how):
        super().__init__()
        self.how, self.layer = how, Inner()
        self.signatures = {"layer": "inner"}

    def forward(self, x):
        if self.how == "by name":
            return self.layer(x=x, scale=1.0)
        if self.how == "an object":
            return self.layer(x, scale=torch.float32)
        return self.layer(x) if self.how == "a tensor" else self.layer(x, 2.0, pair=True)[0]


class Inner(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.down = nn.Linear(6, 9), nn.Linear(9, 6)

    def forward(self, x, scale=None, pair=False):
        out = self.down(torch.relu(self.up(x)))
        return (out, out) if pair else out


@pytest.mark.parametrize("how", ["a tensor", "by name", "an object", "a pair"])
def test_a_module_of_a_signature_may_be_called_in_any_way(how):
    torch.manual_seed(0)
    network, rows, earlier = Called(how), torch.randn(20, 6), EarlierResults()
    alone = outcomes(network, rows, [PCA_ENTROPY])["pca_entropy"].value
    for _ in range(2):
        again = outcomes(network, rows, [PCA_ENTROPY], earlier=earlier)["pca_entropy"]
        assert again.value == alone
