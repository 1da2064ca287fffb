"""The pass of transformers: one forward in training mode, one backward of the summed output."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from nasproxy.errors import NasproxyError
from nasproxy.tracing.feed_forward import Product, Products
from nasproxy.tracing.location import tracked
from nasproxy.tracing.preserve import preserved
from nasproxy.tracing.records import Pass, Record
from nasproxy.tracing.subject import Subject, differentiated
from nasproxy.tracing.token_layers import TokenLayers, token_layers

__all__ = [
    "ACTIVATION_DISTANCES",
    "HEAD_CONFIDENCES",
    "OUTPUT_GRADIENTS",
    "POSITION_JACOBIAN",
    "SOFTMAX_CONFIDENCES",
    "TOKEN_PASS",
    "OutputGradients",
]


@dataclass(frozen=True)
class OutputGradients:
    """Weights of transformer layers with the gradient of the summed output by each.

    Attributes:
        mixing: name -> (weight, gradient) of what mixes tokens: queries, keys, values, outputs.
        feeding: the same of the feed-forward layers.
    """

    mixing: Mapping[str, tuple[Tensor, Tensor]]
    feeding: Mapping[str, tuple[Tensor, Tensor]]


def _run(subject: Subject, wanted: frozenset[Record[Any]]) -> Mapping[Record[Any], object]:
    layers = token_layers(subject)
    by_weights, by_inputs = OUTPUT_GRADIENTS in wanted, POSITION_JACOBIAN in wanted
    state = subject.parameters(gradients=by_weights)
    seen = _Seen(layers, wanted)
    with (
        preserved(subject.parts, training=True, seed=subject.seed),
        torch.set_grad_enabled(by_weights or by_inputs),
    ):
        positions = _Positions(subject.batch.tensors[0]) if by_inputs else None

        def returned(module: nn.Module, inputs: object, output: object) -> object:
            seen.returned(location.name, module, inputs)
            return None if positions is None else positions.embedded(module, output)

        held = {name: state[name] for name in subject.nodes}
        with (
            tracked(subject.parts, returned) as location,
            _Attention(lambda *args: seen.attended(location.name, *args)),
            Products(held, seen.before, seen.after),
        ):
            output = subject.call(state)
        made: dict[Record[Any], object] = dict(seen.nodes)
        if positions is not None:
            made[POSITION_JACOBIAN] = positions.jacobian(output, retain=by_weights)
        if by_weights:
            made[OUTPUT_GRADIENTS] = _by_weights(layers, state, output)
    return made


def _by_weights(
    layers: TokenLayers, state: Mapping[str, Tensor], output: Tensor
) -> OutputGradients | NasproxyError:
    names = (*layers.mixing, *layers.feeding)
    try:
        found = differentiated(output.sum(), [state[name] for name in names])
    except NasproxyError as error:
        return error
    pairs = {
        name: (state[name].detach(), torch.zeros_like(state[name]) if g is None else g)
        for name, g in zip(names, found, strict=True)
    }
    return OutputGradients(
        {name: pairs[name] for name in layers.mixing},
        {name: pairs[name] for name in layers.feeding},
    )


class _Positions:
    """The gradient by what is added at a position to every sample: to a position's embedding."""

    def __init__(self, tokens: Tensor) -> None:
        self._tokens = tokens
        self._leaf: Tensor | None = None

    def embedded(self, module: nn.Module, output: object) -> Tensor | None:
        """Take the first embedding of the tokens as a leaf; what stands in for its output."""
        if self._leaf is not None or not isinstance(module, nn.Embedding):
            return None
        if not isinstance(output, Tensor) or output.shape[:2] != self._tokens.shape:
            return None
        self._leaf = output if output.requires_grad else output.requires_grad_()
        # A copy, since the network may add positions to it in place, which no leaf allows.
        return output.clone()

    def jacobian(self, output: Tensor, *, retain: bool) -> Float[Tensor, "t d"] | NasproxyError:
        """The gradient of the summed output, summed over the samples."""
        if self._leaf is None:
            return NasproxyError(
                "the network has no embedding of tokens", accepted="token ids int64 [n, t]"
            )
        try:
            (found,) = differentiated(output.sum(), [self._leaf], retain_graph=retain)
        except NasproxyError as error:
            return error
        if found is None or not bool(torch.isfinite(found).all()):
            return NasproxyError(
                "the gradient by the tokens' embeddings does not exist or is not finite",
                accepted="a network through which a signal passes from the input to the output",
            )
        return found.sum(dim=0)


class _Seen:
    """What is recorded of products, activations and softmaxes, by node."""

    def __init__(self, layers: TokenLayers, wanted: frozenset[Record[Any]]) -> None:
        self._layers = layers
        self._calls: Counter[tuple[str, str]] = Counter()
        self.nodes: dict[Record[Any], dict[str, float]] = {
            record: {} for record in _OBSERVED if record in wanted
        }

    def before(self, product: Product, inputs: Tensor, _matrix: Tensor) -> None:
        nodes = self.nodes.get(ACTIVATION_DISTANCES)
        if nodes is not None and product in self._layers.activated:
            on = (inputs.detach().flatten(0, -2) > 0)[: _first_sample(inputs)].double()
            off = 1 - on
            nodes[product.node] = float((on @ on.T + off @ off.T).sum())

    def after(self, product: Product, out: Tensor) -> None:
        if product.weight in self._layers.heads:
            self._note(HEAD_CONFIDENCES, product.weight, out)

    def attended(self, name: str, probabilities: Callable[[], Tensor]) -> None:
        if SOFTMAX_CONFIDENCES in self.nodes:
            with torch.no_grad():
                self._note(SOFTMAX_CONFIDENCES, name, probabilities())

    def returned(self, name: str, module: nn.Module, inputs: object) -> None:
        """Queries, keys and values of torch's own attention, which projects them out of sight."""
        if not isinstance(module, nn.MultiheadAttention) or not isinstance(inputs, tuple):
            return
        if module.in_proj_weight is None or not module.batch_first or len(inputs) < 3:
            return
        with torch.no_grad():
            weights = module.in_proj_weight.chunk(3)
            bias = module.in_proj_bias
            biases = (None, None, None) if bias is None else bias.chunk(3)
            projected = [
                F.linear(x, weight, b)
                for x, weight, b in zip(inputs[:3], weights, biases, strict=True)
            ]
            for out in projected:
                self._note(HEAD_CONFIDENCES, name, out)
            query, key = (
                x.view(*x.shape[:-1], module.num_heads, -1).transpose(1, 2) for x in projected[:2]
            )
            self.attended(name, lambda: _softmax(query, key, None))

    def _note(self, record: Record[Any], name: str, out: Tensor) -> None:
        nodes = self.nodes.get(record)
        if nodes is None or out.ndim < 3:
            return
        self._calls[record.name, name] += 1
        call = self._calls[record.name, name]
        largest = out.detach().amax(dim=1)
        nodes[name if call == 1 else f"{name}#{call}"] = float(largest.mean(dtype=torch.float64))


def _first_sample(inputs: Tensor) -> int | None:
    return math.prod(inputs.shape[1:-1]) if inputs.ndim > 2 else None


def _softmax(query: Tensor, key: Tensor, mask: Tensor | None) -> Tensor:
    scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
    if mask is not None:
        blocked = mask.dtype == torch.bool
        scores = scores.masked_fill(~mask, -math.inf) if blocked else scores + mask
    # Not softmax by name, which is what is looked for.
    return (scores - scores.logsumexp(dim=-1, keepdim=True)).exp()


class _Attention(TorchFunctionMode):
    """Hands the attention probabilities to an observer, of fused attention and of a plain softmax.

    Args:
        observe: called with what makes them, ``[n, heads, t, t]``.
    """

    def __init__(self, observe: Callable[[Callable[[], Tensor]], None]) -> None:
        super().__init__()
        self._observe = observe

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        name = getattr(func, "__name__", "")
        if name == "scaled_dot_product_attention":
            query, key = args[0], args[1]
            mask = args[3] if len(args) > 3 else kwargs.get("attn_mask")
            self._observe(lambda: _softmax(query, key, mask))
        elif name == "softmax" and isinstance(out, Tensor) and out.ndim == 4:
            self._observe(lambda: out)
        return out


def _cost(wanted: frozenset[Record[Any]]) -> str:
    backwards = (OUTPUT_GRADIENTS in wanted) + (POSITION_JACOBIAN in wanted)
    said = "1 forward of no samples, 1 forward"
    return said if not backwards else f"{said}, {backwards} backward{'s' * (backwards > 1)}"


TOKEN_PASS = Pass("token", _cost, _run)
OUTPUT_GRADIENTS: Record[OutputGradients] = Record(
    "gradient of the summed output by the weights of transformer layers", TOKEN_PASS, gradients=True
)
POSITION_JACOBIAN: Record[Float[Tensor, "t d"]] = Record(
    "gradient of the summed output by every position", TOKEN_PASS, gradients=True
)
HEAD_CONFIDENCES: Record[Mapping[str, float]] = Record(
    "largest value over tokens of queries, keys and values, mean", TOKEN_PASS
)
SOFTMAX_CONFIDENCES: Record[Mapping[str, float]] = Record(
    "largest attention probability over heads, mean", TOKEN_PASS
)
ACTIVATION_DISTANCES: Record[Mapping[str, float]] = Record(
    "agreements of the activations of every two tokens of the first sample", TOKEN_PASS
)
_OBSERVED = (HEAD_CONFIDENCES, SOFTMAX_CONFIDENCES, ACTIVATION_DISTANCES)
