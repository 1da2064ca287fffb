"""A Hugging Face BERT, GPT-2 and ModernBERT, and a residual network, by every proxy."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nasproxy import proxies
from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.evaluation import outcomes

SAMPLES, TOKENS, CLASSES = 8, 20, 4
LABELS = torch.arange(SAMPLES) % CLASSES


def ids() -> Tensor:
    drawn = torch.Generator().manual_seed(0)
    return torch.randint(3, 100, (SAMPLES, TOKENS), generator=drawn)


def tokens() -> Batch:
    inputs = {"input_ids": ids(), "attention_mask": torch.ones(SAMPLES, TOKENS).long()}
    return Batch(inputs, LABELS, CLASSES)


def bert() -> tuple[nn.Module, Batch]:
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(
        vocab_size=100,
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=32,
        max_position_embeddings=TOKENS,
        num_labels=CLASSES,
    )
    return transformers.BertForSequenceClassification(config), tokens()


def gpt2() -> tuple[nn.Module, Batch]:
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(
        vocab_size=100,
        n_embd=16,
        n_layer=3,
        n_head=4,
        n_positions=TOKENS,
        num_labels=CLASSES,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    return transformers.GPT2ForSequenceClassification(config), tokens()


def modernbert() -> tuple[nn.Module, Batch]:
    transformers = pytest.importorskip("transformers")
    config = transformers.ModernBertConfig(
        vocab_size=100,
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=32,
        max_position_embeddings=TOKENS,
        num_labels=CLASSES,
        local_attention=8,
        **dict.fromkeys(("pad_token_id", "bos_token_id", "cls_token_id"), 0),
        **dict.fromkeys(("eos_token_id", "sep_token_id"), 2),
    )
    return transformers.ModernBertForSequenceClassification(config), tokens()


class Residual(nn.Module):
    """Two convolutions around which the input passes, with a stride in the first."""

    def __init__(self, inside: int, out: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inside, out, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(out), nn.BatchNorm2d(out)])
        self.relu = nn.ReLU(inplace=True)
        self.shortcut = (
            nn.Sequential(nn.Conv2d(inside, out, 1, stride, bias=False), nn.BatchNorm2d(out))
            if stride > 1
            else nn.Identity()
        )

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.relu(self.norms[0](self.first(images)))
        changed: Tensor = self.relu(self.norms[1](self.second(hidden)) + self.shortcut(images))
        return changed


def resnet() -> tuple[nn.Module, Batch]:
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, 1, 1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        Residual(8, 8, 1),
        Residual(8, 16, 2),
        Residual(16, 16, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, CLASSES),
    )
    images = torch.randn(SAMPLES, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    return network, Batch(images, LABELS, CLASSES)


NETWORKS: dict[str, Callable[[], tuple[nn.Module, Batch]]] = {
    "bert": bert,
    "gpt2": gpt2,
    "modernbert": modernbert,
    "resnet": resnet,
}
# They read blocks of attention and feed-forward layers, which a residual network lacks.
OF_TRANSFORMERS = {
    *("synaptic_diversity", "synaptic_saliency", "activation_distance", "jacobian_cosine", "dss"),
    *("head_importance", "head_confidence", "softmax_confidence"),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_proxy_scores_what_it_claims_and_says_what_it_does_not(name: str) -> None:
    torch.manual_seed(0)
    network, batch = NETWORKS[name]()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    found = outcomes(network, batch, proxies.names())
    errors = {p: o for p, o in found.items() if isinstance(o, NasproxyError)}
    assert set(errors) == (OF_TRANSFORMERS if name == "resnet" else set()), errors
    for proxy, error in errors.items():
        assert error.wrong.startswith(proxy), error
        assert error.accepted, error
    for proxy, score in found.items():
        assert isinstance(score, NasproxyError) or np.isfinite(score.value), proxy
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())


@pytest.mark.parametrize("name", ["bert", "gpt2", "modernbert"])
def test_each_layer_of_a_transformer_has_its_activation(name: str) -> None:
    """Also GPT-2's, which is written out in products: its module's name tells what it is."""
    torch.manual_seed(0)
    network, batch = NETWORKS[name]()
    score = outcomes(network, batch, ["naswot"])["naswot"]
    assert not isinstance(score, NasproxyError)
    assert sum(".mlp." in n or ".intermediate." in n for n in score.node_names) == 3
