"""The network of a plan: embeddings, layers, and a head where classes are asked for."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from nasproxy.errors import NasproxyError
from nasproxy.spaces.bare import bare_embedding, bare_linear
from nasproxy.spaces.draws import NormalDraws, initialise_normal
from nasproxy.spaces.flexibert.operations import Output, operation_of
from nasproxy.spaces.flexibert.plan import EMBEDDING, POSITIONS, VOCABULARY, LayerPlan, Plan

__all__ = ["EncoderLayer", "EncoderNetwork", "build"]

_PADDING = 0


def build(
    plan: Plan, draws: NormalDraws, *, seed: int, classes: int | None, shared: bool = False
) -> EncoderNetwork:
    """The network of a plan in training mode, float32, on the CPU.

    Weights and embeddings are normal with standard deviation .02, biases zero, normalisations one
    and zero, and the embedding of the padding token zero. A parameter depends on the seed, its
    name and its shape alone. ``shared`` parameters are those of other networks too, to be read.
    """
    network = EncoderNetwork(plan, classes)
    initialise_normal(network, draws, seed, shared=shared)
    if shared:
        network.signatures = _signatures(plan, draws, seed)
    return network


def _signatures(plan: Plan, draws: NormalDraws, seed: int) -> dict[str, str]:
    """What networks of other plans may have in common with this one, and under which text.

    Feed-forward networks that begin with the same linear layer share its spectrum.
    """
    described = {"embeddings": "embeddings"}
    signatures = {}
    for i, layer in enumerate(plan.layers):
        described[f"layers.{i}.operation"] = f"{layer.operation} of {layer.heads} heads"
        described[f"layers.{i}.feed_forward"] = f"feed-forward {layer.widths}"
        first = f"layers.{i}.feed_forward.dense.0.weight"
        signatures[first] = draws.signature(seed, first, (layer.widths[0], plan.hidden))
    for path, text in described.items():
        numbers = draws.signature(seed, path, (plan.hidden,))
        signatures[path] = f"flexibert {text}, {numbers}"
    return signatures


class EncoderLayer(nn.Module):
    """An operation between tokens, then the feed-forward network."""

    def __init__(self, plan: LayerPlan, hidden: int) -> None:
        super().__init__()
        self.operation = operation_of(plan.operation, hidden, plan.heads)
        self.feed_forward = FeedForward(hidden, plan.widths)

    def forward(
        self, x: Float[Tensor, "n t hidden"], mask: Tensor | None
    ) -> Float[Tensor, "n t hidden"]:
        """The layer's output."""
        found: Tensor = self.feed_forward(self.operation(x, mask))
        return found


class FeedForward(nn.Module):
    """Linear layers with GELU between, and back; residual and normalised."""

    def __init__(self, hidden: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        sizes = (hidden, *widths)
        self.dense = nn.ModuleList(bare_linear(a, b) for a, b in zip(sizes, widths, strict=False))
        self.activation = nn.GELU()
        self.output = Output(widths[-1], hidden)

    def forward(self, x: Float[Tensor, "n t hidden"]) -> Float[Tensor, "n t hidden"]:
        """The normalised sum of the input and what the linear layers make of it."""
        inner = x
        for dense in self.dense:
            inner = self.activation(dense(inner))
        found: Tensor = self.output(inner, x)
        return found


class Embeddings(nn.Module):
    """Tokens, positions and segments, summed, normalised, and brought to the hidden size."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.word = bare_embedding(VOCABULARY, EMBEDDING, padding=_PADDING)
        self.position = bare_embedding(POSITIONS, EMBEDDING)
        self.segment = bare_embedding(2, EMBEDDING)
        self.norm = nn.LayerNorm(EMBEDDING, eps=1e-12)
        self.dropout = nn.Dropout(0.1)
        self.project = bare_linear(EMBEDDING, hidden) if hidden != EMBEDDING else None

    def forward(self, ids: Int[Tensor, "n t"]) -> Float[Tensor, "n t hidden"]:
        """The embedded tokens."""
        if ids.shape[1] > POSITIONS:
            raise NasproxyError(
                f"{ids.shape[1]} tokens", accepted=f"at most {POSITIONS}, of which positions exist"
            )
        positions = torch.arange(ids.shape[1], device=ids.device)
        summed = self.word(ids) + self.position(positions) + self.segment(torch.zeros_like(ids))
        found: Tensor = self.dropout(self.norm(summed))
        return found if self.project is None else self.project(found)


class EncoderNetwork(nn.Module):
    """Token ids to hidden states, or with classes to the logits of the first token.

    Attributes:
        signatures: of what it has in common with others, where it is built to be read; see
            `nasproxy.tracing.earlier`.
    """

    signatures: Mapping[str, str]

    def __init__(self, plan: Plan, classes: int | None) -> None:
        super().__init__()
        self.signatures = {}
        self.embeddings = Embeddings(plan.hidden)
        self.layers = nn.ModuleList(EncoderLayer(layer, plan.hidden) for layer in plan.layers)
        self.head = None if classes is None else bare_linear(plan.hidden, classes)

    def forward(
        self, input_ids: Int[Tensor, "n t"], attention_mask: Int[Tensor, "n t"] | None = None
    ) -> Float[Tensor, "n ..."]:
        """Hidden states ``[n, t, hidden]``; with classes, logits ``[n, classes]``.

        Args:
            input_ids: token ids ``[n, t]`` from 0 to 30521, t at most 512.
            attention_mask: 1 where a token is, 0 where padding is.
        """
        mask = None if attention_mask is None else attention_mask[:, None, None].bool()
        x: Tensor = self.embeddings(input_ids)
        for layer in self.layers:
            x = layer(x, mask)
        if self.head is None:
            return x
        logits: Tensor = self.head(x[:, 0])
        return logits
