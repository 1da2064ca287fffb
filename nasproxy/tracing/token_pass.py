"""The pass of transformers: one forward in training mode, one backward of the summed output."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from nasproxy.errors import NasproxyError
from nasproxy.tracing.attention_probabilities import AttentionProbabilities
from nasproxy.tracing.location import tracked
from nasproxy.tracing.preserve import preserved
from nasproxy.tracing.products import Multiplied, Products
from nasproxy.tracing.records import Pass, Record
from nasproxy.tracing.row_marks import RowMarks
from nasproxy.tracing.subject import Subject, differentiated, first_line
from nasproxy.tracing.token_layers import TokenLayers, token_layers

__all__ = [
    "ACTIVATION_DISTANCES",
    "HEAD_CONFIDENCES",
    "SOFTMAX_CONFIDENCES",
    "TOKEN_PASS",
    "Cotangent",
    "OutputGradients",
    "output_gradients",
    "position_jacobian",
]

T = TypeVar("T")
Cotangent = Literal["signs", "ones"]
"""What the outputs are multiplied by before they are added up."""

_CONSTANT = 1e-4
"""A sum of outputs that moves by less than this share of a random one does so by rounding."""


@dataclass(frozen=True)
class OutputGradients:
    """Weights of transformer layers with the gradient of the summed output by each.

    Attributes:
        mixing: name -> (weight, gradient) of what mixes tokens: queries, keys, values, outputs.
        feeding: the same of the feed-forward layers.
    """

    mixing: Mapping[str, tuple[Tensor, Tensor]]
    feeding: Mapping[str, tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class SumRecord(Record[T]):
    """A record of gradients of a sum of the outputs."""

    cotangent: Cotangent = "signs"
    by: Literal["weights", "positions"] = "weights"


def _run(subject: Subject, wanted: frozenset[Record[Any]]) -> Mapping[Record[Any], object]:
    layers = token_layers(subject)
    sums = [record for record in wanted if isinstance(record, SumRecord)]
    by_weights = any(record.by == "weights" for record in sums)
    by_inputs = any(record.by == "positions" for record in sums)
    state = subject.parameters(gradients=by_weights)
    marks = RowMarks(_samples(subject), samples=True)
    counts = {x.shape[1] for x in subject.batch.tensors if x.ndim in (2, 3)}
    seen = _Seen(layers, wanted, marks, counts)
    follows = seen.nodes.keys() & {HEAD_CONFIDENCES, ACTIVATION_DISTANCES}
    with (
        preserved(subject.parts, training=True, seed=subject.seed),
        torch.set_grad_enabled(bool(sums)),
    ):
        positions = _Positions(subject.batch.tensors[0]) if by_inputs else None

        def returned(module: nn.Module, inputs: object, output: object) -> object:
            seen.returned(location.name, module, inputs)
            return None if positions is None else positions.embedded(module, output)

        held = {name: state[name] for name in subject.nodes}
        with (
            tracked(subject.parts, returned) as location,
            AttentionProbabilities(lambda *args: seen.attended(location.name, *args)),
            marks if follows else nullcontext(),
            Products(held, seen.before, seen.after),
        ):
            output = subject.call(state)
        made = dict(seen.made())
        weights = [state[name] for name in (*layers.mixing, *layers.feeding)]
        for record in sums:
            leaves = weights if record.by == "weights" else [positions.leaf] if positions else []
            try:
                found = _gradients(output, leaves, record.cotangent, subject.seed)
            except NasproxyError as error:
                made[record] = error
                continue
            made[record] = (
                _paired(layers, state, found)
                if record.by == "weights"
                else _summed_over_samples(found[0])
            )
    return made


def _gradients(
    output: Tensor, by: Sequence[Tensor | None], cotangent: Cotangent, seed: int
) -> list[Tensor]:
    """The gradients of the sum of the outputs times the cotangent.

    Raises:
        NasproxyError: there is nothing to differentiate by, the network cannot be differentiated,
            or the plain sum is constant but for rounding.
    """
    leaves = [leaf for leaf in by if leaf is not None]
    if len(leaves) < len(by):
        raise NasproxyError(
            "no embedding returns the tokens as [n, t, d]",
            accepted="a network with an embedding that is called on its ids int64 [n, t] as they "
            "are given, not turned to [t, n] first",
        )
    generator = torch.Generator().manual_seed(seed)
    signs = torch.randint(2, output.shape, generator=generator).mul_(2).sub_(1).to(output)
    starts = [signs] if cotangent == "signs" else [signs, torch.ones_like(output)]
    of_signs, *of_ones = (
        [
            torch.zeros_like(leaf) if gradient is None else gradient
            for leaf, gradient in zip(
                leaves, differentiated(output, leaves, start, retain_graph=True), strict=True
            )
        ]
        for start in starts
    )
    if not of_ones:
        return of_signs
    sizes = [
        sum(float(g.abs().sum(dtype=torch.float64)) for g in f) for f in (of_ones[0], of_signs)
    ]
    if sizes[0] <= _CONSTANT * sizes[1]:
        raise NasproxyError(
            "the plain sum of the outputs is constant but for rounding, as the last normalisation "
            "makes it",
            accepted='cotangent="signs", or a network that does not end in a normalisation',
        )
    return of_ones[0]


def _paired(
    layers: TokenLayers, state: Mapping[str, Tensor], gradients: Sequence[Tensor]
) -> OutputGradients:
    names = (*layers.mixing, *layers.feeding)
    pairs = {name: (state[name].detach(), g) for name, g in zip(names, gradients, strict=True)}
    return OutputGradients(
        {name: pairs[name] for name in layers.mixing},
        {name: pairs[name] for name in layers.feeding},
    )


def _summed_over_samples(found: Tensor) -> Float[Tensor, "t d"] | NasproxyError:
    if not bool(torch.isfinite(found).all()):
        return NasproxyError(
            "the gradient by the tokens' embeddings is not finite",
            accepted="a network through which a signal passes from the input to the output",
        )
    return found.sum(dim=0)


class _Positions:
    """The gradient by what is added at a position to every sample: to a position's embedding."""

    def __init__(self, tokens: Tensor) -> None:
        self._tokens = tokens
        self.leaf: Tensor | None = None

    def embedded(self, module: nn.Module, output: object) -> Tensor | None:
        """Take the first embedding of the tokens as a leaf; what stands in for its output."""
        if self.leaf is not None or not isinstance(module, nn.Embedding):
            return None
        if not isinstance(output, Tensor) or output.shape[:2] != self._tokens.shape:
            return None
        self.leaf = output if output.requires_grad else output.requires_grad_()
        # A copy, since the network may add positions to it in place, which no leaf allows.
        return output.clone()


class _Seen:
    """What is recorded of products, activations and softmaxes, by node."""

    def __init__(
        self,
        layers: TokenLayers,
        wanted: frozenset[Record[Any]],
        marks: RowMarks,
        counts: set[int],
    ) -> None:
        self._counts = counts
        self._layers = layers
        self._marks = marks
        self._calls: Counter[tuple[str, str]] = Counter()
        self._failed: dict[Record[Any], NasproxyError] = {}
        self.nodes: dict[Record[Any], dict[str, float]] = {
            record: {} for record in _OBSERVED if record in wanted
        }

    def made(self) -> Mapping[Record[Any], object]:
        """The records, or the error of one that could not be made."""
        return {**self.nodes, **self._failed}

    def before(self, made: Sequence[Multiplied]) -> None:
        for one in made:
            if one.product.weight in self._layers.activated:
                self._note(ACTIVATION_DISTANCES, one.product.node, partial(self._agreed, one))

    def after(self, made: Sequence[Multiplied], out: Tensor) -> None:
        for one in made:
            if one.product.weight in self._layers.heads:
                measure = partial(self._largest, one, out)
                self._numbered(HEAD_CONFIDENCES, one.product.weight, measure)

    def attended(self, name: str, probabilities: Callable[[], Tensor]) -> None:
        def measure() -> float:
            found = probabilities()
            return _mean_of_largest(found, _heads_of(found, self._counts))

        self._numbered(SOFTMAX_CONFIDENCES, name, measure)

    def returned(self, name: str, module: nn.Module, inputs: object) -> None:
        """Queries, keys and values of torch's own attention, which projects them out of sight."""
        if not isinstance(module, nn.MultiheadAttention) or not isinstance(inputs, tuple):
            return
        if HEAD_CONFIDENCES not in self.nodes:
            return
        if module.in_proj_weight is None or len(inputs) < 3 or inputs[0].ndim != 3:
            return
        bias = module.in_proj_bias
        projected = [
            F.linear(x if module.batch_first else x.transpose(0, 1), weight, b).detach()
            for x, weight, b in zip(
                inputs[:3],
                module.in_proj_weight.chunk(3),
                (None, None, None) if bias is None else bias.chunk(3),
                strict=True,
            )
        ]
        for out in projected:
            self._numbered(HEAD_CONFIDENCES, name, partial(_mean_of_largest, out))

    def _agreed(self, one: Multiplied) -> float:
        """Agreements between every two tokens of the first sample."""
        rows = one.inputs.detach().reshape(-1, one.inputs.shape[-1])
        on = (rows[self._marks.of(one.inputs) == 0] > 0).double()
        return float((on @ on.T + (1 - on) @ (1 - on).T).sum())

    def _largest(self, one: Multiplied, returned: Tensor) -> float | None:
        """The largest value over the tokens of a sample, mean over samples and features."""
        out = one.outputs(returned)
        if not self._marks.are_tokens(out):  # but relative positions, say
            return None
        rows = out.detach().reshape(-1, out.shape[-1])
        samples = self._marks.of(out)
        there, index = torch.unique(samples, return_inverse=True)
        largest = rows.new_full((len(there), rows.shape[1]), -torch.inf)
        largest.scatter_reduce_(0, index[:, None].expand_as(rows), rows, "amax")
        return float(largest.mean(dtype=_F64))

    def _numbered(
        self, record: Record[Any], name: str, measure: Callable[[], float | None]
    ) -> None:
        self._calls[record.name, name] += 1
        call = self._calls[record.name, name]
        self._note(record, name if call == 1 else f"{name}#{call}", measure)

    def _note(self, record: Record[Any], node: str, measure: Callable[[], float | None]) -> None:
        """Note a number; what goes wrong costs this record and no other."""
        if record not in self.nodes or record in self._failed:
            return
        try:
            with torch.no_grad():
                found = measure()
            if found is not None:
                self.nodes[record][node] = found
        except NasproxyError as error:
            self._failed[record] = error
        except Exception as cause:  # of a network that nobody foresaw
            self._failed[record] = NasproxyError(
                f"{node}: {type(cause).__name__}: {first_line(cause)}",
                accepted="features [n, t, d] and attention [n, heads, t, t]",
            )


_F64 = torch.float64


def _mean_of_largest(values: Tensor, dim: int = 1) -> float:
    """The largest over a dimension, mean over the others."""
    return float(values.amax(dim=dim).mean(dtype=_F64))


def _heads_of(probabilities: Tensor, counts: set[int]) -> int:
    """Which dimension is heads: of windows (Longformer) the third, ``[n, t, heads, window]``."""
    of_tokens = [size in counts for size in probabilities.shape[1:4]]
    if of_tokens == [True, True, False]:
        raise NasproxyError(
            f"which dimension of attention {list(probabilities.shape)} is heads cannot be told",
            accepted="[n, heads, t, s], or [n, t, heads, window] with other than t heads",
            hint="give a batch with another number of tokens",
        )
    return 2 if of_tokens[:2] == [True, False] else 1


def _samples(subject: Subject) -> list[tuple[Tensor, Tensor]]:
    """The inputs with the number of the sample that each token is of."""
    size = subject.batch.size
    return [
        (tensor, torch.arange(size, device=tensor.device)[:, None].expand(tensor.shape[:2]))
        for tensor in subject.batch.tensors
        if tensor.ndim > 1 and tensor.shape[0] == size
    ]


def _cost(wanted: frozenset[Record[Any]]) -> str:
    backwards = sum(
        1 if record.cotangent == "signs" else 2
        for record in wanted
        if isinstance(record, SumRecord)
    )
    said = "1 forward of no samples, 1 forward"
    return said if not backwards else f"{said}, {backwards} backward{'s' * (backwards > 1)}"


TOKEN_PASS = Pass("token", _cost, _run)


def output_gradients(cotangent: Cotangent = "signs") -> Record[OutputGradients]:
    """Weights of transformer layers with the gradient of a sum of the outputs by each.

    Args:
        cotangent: what the outputs are multiplied by: random "signs" of the seed, or "ones".
    """
    return SumRecord(
        f"gradient of the output times {cotangent} by the weights of transformer layers",
        TOKEN_PASS,
        gradients=True,
        cotangent=cotangent,
    )


def position_jacobian(cotangent: Cotangent = "signs") -> Record[Float[Tensor, "t d"]]:
    """The gradient of a sum of the outputs by every position; as `output_gradients`."""
    return SumRecord(
        f"gradient of the output times {cotangent} by every position",
        TOKEN_PASS,
        gradients=True,
        cotangent=cotangent,
        by="positions",
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
