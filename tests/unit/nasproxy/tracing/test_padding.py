"""Padding is left out however the network lays its tokens out, or is an error."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import nasproxy
from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.proxies.wpca import pca_entropy, vpca


class Laid(nn.Module):
    """A feed-forward layer on tokens that are laid out in different ways."""

    def __init__(self, how):
        super().__init__()
        self.how = how
        self.words, self.norm = nn.Embedding(40, 6), nn.LayerNorm(6)
        self.up, self.down = nn.Linear(6, 10), nn.Linear(10, 6)

    def forward(self, input_ids, attention_mask=None):
        x = self.norm(self.words(input_ids))
        if "time first" in self.how:
            x = x.transpose(0, 1)
        if "rows" in self.how:
            x = x.reshape(-1, 6)
        if self.how == "pooled":
            x = F.avg_pool1d(x.transpose(1, 2), 2).transpose(1, 2)
        if self.how == "shuffled":
            x = x[:, torch.tensor([3, 1, 4, 1, 5])]
        if self.how == "pooled alone":
            x = x[:, :1] + F.pad(x[:, :2], (0, 0, 0, 1))
        if "joined" in self.how:
            rest = x.roll(1, -1)[:, 1:] if "rolled" in self.how else x[:, 1:]
            x = torch.cat([x[:, :1], rest], dim=1)
        if self.how == "more features":
            x = torch.cat([x[..., :4], torch.ones(*x.shape[:2], 2)], dim=-1)
        if self.how == "a token before":
            x = torch.cat([torch.zeros(len(x), 1, 6), x], dim=1)
        return x + self.down(F.gelu(self.up(x + x)))


def batch(n, t):
    torch.manual_seed(0)
    ids, mask = torch.randint(1, 40, (n, t)), torch.zeros(n, t, dtype=torch.long)
    for row in range(n):
        mask[row, : 1 + (3 * row + 2) % t] = 1
    return Batch({"input_ids": ids * mask, "attention_mask": mask})


def counted(rows, eta):
    values = np.linalg.eigvalsh(np.cov(rows.detach().double().numpy(), rowvar=False))[::-1]
    return int(np.argmax(np.cumsum(values) / values.sum() >= eta)) + 1


LAYOUTS = ["batch first", "batch first, rows", "time first", "time first, rows"]


@pytest.mark.parametrize("shape", [(9, 7), (7, 7), (70, 3)])
@pytest.mark.parametrize("how", LAYOUTS)
def test_the_tokens_are_the_same_in_every_layout(how, shape):
    inputs = batch(*shape)
    torch.manual_seed(1)
    network = Laid(how)
    kept = inputs.inputs["attention_mask"].bool()
    features = network.up(2 * network.norm(network.words(inputs.inputs["input_ids"])))[kept]
    for eta in (0.5, 0.8, 0.95):
        found = nasproxy.evaluate(network, inputs, [vpca(eta=eta)])["vpca"]
        assert found.value == counted(features, eta)


def test_tokens_that_are_moved_keep_what_they_are():
    inputs = batch(9, 7)
    torch.manual_seed(1)
    network, index = Laid("shuffled"), torch.tensor([3, 1, 4, 1, 5])
    ids, mask = (inputs.inputs[name][:, index] for name in ("input_ids", "attention_mask"))
    features = network.up(2 * network.norm(network.words(ids)))[mask.bool()]
    assert nasproxy.evaluate(network, inputs, [vpca(eta=0.8)])["vpca"].value == counted(
        features, 0.8
    )


@pytest.mark.parametrize("how", ["joined", "joined, rolled", "more features", "shuffled"])
def test_what_stands_at_padding_does_not_matter(how):
    inputs = batch(6, 16)
    ids, mask = (inputs.inputs[name] for name in ("input_ids", "attention_mask"))
    torch.manual_seed(1)
    network = Laid(how)
    other = Batch({"input_ids": torch.where(mask == 1, ids, 39), "attention_mask": mask})
    names = [vpca(eta=0.8), "pca_entropy"]
    one, two = (nasproxy.evaluate(network, given, names) for given in (inputs, other))
    assert all(one[name].value == two[name].value for name in one)
    everything = nasproxy.evaluate(network, other, [pca_entropy(masked=False)])["pca_entropy"]
    assert everything.value != two["pca_entropy"].value


def test_a_mask_by_position_counts():
    inputs = batch(6, 16)
    torch.manual_seed(1)
    network = Laid("batch first")
    given = Batch(tuple(inputs.inputs[name] for name in ("input_ids", "attention_mask")))
    found = [nasproxy.evaluate(network, b, "pca_entropy")["pca_entropy"] for b in (inputs, given)]
    assert found[0].value == found[1].value
    other = nasproxy.evaluate(network, given, [pca_entropy(masked=False)])["pca_entropy"]
    assert other.value != found[0].value


def test_torchs_own_encoder_with_time_first():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(6, 2, 10, batch_first=False, dropout=0)
    words = nn.Embedding(40, 6)

    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.layer = words, layer

        def forward(self, input_ids, attention_mask):
            hidden = self.layer(
                self.words(input_ids).transpose(0, 1), src_key_padding_mask=attention_mask == 0
            )
            return hidden.transpose(0, 1)

    inputs, seen = batch(8, 8), []
    found = nasproxy.evaluate(Encoder(), inputs, [vpca(eta=0.8)])["vpca"]
    layer.linear1.register_forward_hook(lambda _m, _i, out: seen.append(out.transpose(0, 1)))
    Encoder().eval().train()(**inputs.inputs)
    kept = inputs.inputs["attention_mask"].bool()
    assert found.value == counted(seen[0][kept], 0.8)


def test_a_mask_that_does_not_fit_is_an_error():
    inputs = batch(9, 8)
    for how in ("pooled", "pooled alone", "a token before"):
        network = Laid(how)
        with pytest.raises(NasproxyError, match="attention mask does not fit"):
            nasproxy.evaluate(network, inputs, "vpca")
        nasproxy.evaluate(network, inputs, [vpca(masked=False)])
    for mask in (
        inputs.inputs["attention_mask"][:, None, None].expand(9, 1, 8, 8),
        torch.where(inputs.inputs["attention_mask"] == 0, -1e9, 0.0),
    ):
        other = Batch({**inputs.inputs, "attention_mask": mask})
        with pytest.raises(NasproxyError, match="does not say which tokens are there"):
            nasproxy.evaluate(network, other, "vpca")
    nothing = Batch({**inputs.inputs, "attention_mask": torch.zeros(9, 8, dtype=torch.long)})
    with pytest.raises(NasproxyError, match="0 rows of features: no covariance"):
        nasproxy.evaluate(Laid("batch first"), nothing, "vpca")
