"""The network of an architecture: factorised embeddings, blocks, pooler."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from nasproxy.errors import NasproxyError
from nasproxy.spaces.bare import bare_embedding, bare_linear
from nasproxy.spaces.bert_mobilebert.architecture import (
    EMBEDDING,
    POSITIONS,
    VOCABULARY,
    Encoder,
    Sizes,
)
from nasproxy.spaces.draws import NormalDraws, initialise_normal

__all__ = ["BertBlock", "EncoderNetwork", "MobileBertBlock", "NoNorm", "build"]

_HEADS = 12
_DROPOUT = 0.1


def build(
    architecture: Encoder,
    sizes: Sizes,
    draws: NormalDraws,
    *,
    seed: int,
    classes: int | None,
    shared: bool = False,
) -> EncoderNetwork:
    """The network in training mode, float32, on the CPU; weights N(0, .02), biases zero.

    A parameter depends on the seed, its name and its shape alone; a layer's two kinds of block
    have names of their own. ``shared`` parameters are those of other networks too, to be read.
    """
    network = EncoderNetwork(architecture, sizes, classes)
    initialise_normal(network, draws, seed, shared=shared)
    if shared:
        network.signatures = {
            f"blocks.{name}": f"{sizes} {block} {draws.signature(seed, name, ())}"
            for name, block in zip(network.blocks, architecture.blocks, strict=True)
        }
    return network


class NoNorm(nn.Module):
    """A scale and a shift a feature, in the place of a normalisation.

    Reference: Sun et al., MobileBERT, ACL 2020, section 4.2.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Float[Tensor, "n t width"]) -> Float[Tensor, "n t width"]:
        """Scaled and shifted."""
        return x * self.weight + self.bias


def _attended(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, p: float) -> Tensor:
    def split(x: Tensor) -> Tensor:
        return x.view(*x.shape[:-1], _HEADS, x.shape[-1] // _HEADS).transpose(1, 2)

    found = F.scaled_dot_product_attention(
        split(query), split(key), split(value), attn_mask=mask, dropout_p=p
    )
    return found.transpose(1, 2).flatten(2)


class BertBlock(nn.Module):
    """Self-attention and a feed-forward network, each with a residual connection and a norm."""

    def __init__(self, hidden: int, width: int) -> None:
        super().__init__()
        self.query, self.key, self.value = (bare_linear(hidden, hidden) for _ in range(3))
        self.attended = bare_linear(hidden, hidden)
        self.attention_norm = nn.LayerNorm(hidden, eps=1e-12)
        self.dense1, self.dense2 = bare_linear(hidden, width), bare_linear(width, hidden)
        self.norm = nn.LayerNorm(hidden, eps=1e-12)
        self.dropout = nn.Dropout(_DROPOUT)

    def forward(
        self, x: Float[Tensor, "n t hidden"], mask: Tensor | None
    ) -> Float[Tensor, "n t hidden"]:
        """The block's output."""
        p = _DROPOUT if self.training else 0.0
        context = _attended(self.query(x), self.key(x), self.value(x), mask, p)
        x = self.attention_norm(self.dropout(self.attended(context)) + x)
        found: Tensor = self.norm(self.dropout(self.dense2(F.gelu(self.dense1(x)))) + x)
        return found


class MobileBertBlock(nn.Module):
    """A bottleneck block: attention and feed-forward network at the inner width, without norms.

    Queries and keys share one bottleneck, values are taken from the outer width.

    Reference: Sun et al., MobileBERT, ACL 2020, section 3.
    """

    def __init__(self, hidden: int, inner: int, width: int) -> None:
        super().__init__()
        self.bottleneck, self.shared = bare_linear(hidden, inner), bare_linear(hidden, inner)
        self.bottleneck_norm, self.shared_norm = NoNorm(inner), NoNorm(inner)
        self.query, self.key = bare_linear(inner, inner), bare_linear(inner, inner)
        self.value = bare_linear(hidden, inner)
        self.attended, self.attention_norm = bare_linear(inner, inner), NoNorm(inner)
        self.dense1, self.dense2 = bare_linear(inner, width), bare_linear(width, inner)
        self.norm = NoNorm(inner)
        self.expand, self.expand_norm = bare_linear(inner, hidden), NoNorm(hidden)
        self.dropout = nn.Dropout(_DROPOUT)

    def forward(
        self, x: Float[Tensor, "n t hidden"], mask: Tensor | None
    ) -> Float[Tensor, "n t hidden"]:
        """The block's output."""
        p = _DROPOUT if self.training else 0.0
        narrow = self.bottleneck_norm(self.bottleneck(x))
        shared = self.shared_norm(self.shared(x))
        context = _attended(self.query(shared), self.key(shared), self.value(x), mask, p)
        narrow = self.attention_norm(self.attended(context) + narrow)
        narrow = self.norm(self.dense2(F.relu(self.dense1(narrow))) + narrow)
        found: Tensor = self.expand_norm(self.dropout(self.expand(narrow)) + x)
        return found


class EncoderNetwork(nn.Module):
    """Token ids to hidden states, or with classes to the logits of the pooled first token.

    Attributes:
        signatures: of the blocks, which networks have in common, where it is built to be read; see
            `nasproxy.tracing.earlier`.
    """

    signatures: Mapping[str, str]

    # Its layers need not widen (a block of 528 with 132 within), so that their structure does not
    # tell them from others.
    feed_forward_weights = ("blocks.*.dense1.weight",)

    def __init__(self, architecture: Encoder, sizes: Sizes, classes: int | None) -> None:
        super().__init__()
        self.signatures = {}
        hidden = sizes.hidden
        self.word = bare_embedding(VOCABULARY, EMBEDDING, padding=0)
        self.position = bare_embedding(POSITIONS, EMBEDDING)
        self.segment = bare_embedding(2, EMBEDDING)
        self.trigram = bare_linear(3 * EMBEDDING, hidden)
        self.norm = NoNorm(hidden)
        self.dropout = nn.Dropout(_DROPOUT)
        self.blocks = nn.ModuleDict()
        for i, block in enumerate(architecture.blocks):
            self.blocks[f"{i}_{'bert' if block.kind == 'b' else 'mobilebert'}"] = (
                BertBlock(hidden, block.width)
                if block.kind == "b"
                else MobileBertBlock(hidden, sizes.inner, block.width)
            )
        self.pooler = bare_linear(hidden, hidden)
        self.classifier = None if classes is None else bare_linear(hidden, classes, bias=False)

    def forward(
        self, input_ids: Int[Tensor, "n t"], attention_mask: Int[Tensor, "n t"] | None = None
    ) -> Float[Tensor, "n ..."]:
        """Hidden states ``[n, t, hidden]``; with classes, logits ``[n, classes]``.

        Args:
            input_ids: token ids ``[n, t]`` from 0 to 30521, t at most 512.
            attention_mask: 1 where a token is, 0 where padding is.
        """
        if input_ids.shape[1] > POSITIONS:
            raise NasproxyError(
                f"{input_ids.shape[1]} tokens",
                accepted=f"at most {POSITIONS}, of which positions exist",
            )
        mask = None if attention_mask is None else attention_mask[:, None, None].bool()
        x = self._embedded(input_ids)
        for block in self.blocks.values():
            x = block(x, mask)
        pooled: Tensor = torch.tanh(self.pooler(x[:, 0]))
        return x if self.classifier is None else self.classifier(pooled)

    def _embedded(self, ids: Tensor) -> Tensor:
        words = self.word(ids)
        positions = torch.arange(ids.shape[1], device=ids.device)
        words = words + self.position(positions) + self.segment(torch.zeros_like(ids))
        before, after = F.pad(words[:, :-1], (0, 0, 1, 0)), F.pad(words[:, 1:], (0, 0, 0, 1))
        wide: Tensor = self.trigram(torch.cat([before, words, after], dim=-1))
        found: Tensor = self.dropout(self.norm(wide))
        return found
