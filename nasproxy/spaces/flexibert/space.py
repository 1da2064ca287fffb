"""FlexiBERT as a search space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from nasproxy.errors import NasproxyError
from nasproxy.spaces.choices import check_choices
from nasproxy.spaces.flexibert.architecture import (
    COUNTS,
    HEADS,
    HIDDEN,
    OPERATIONS,
    WIDTHS,
    Encoder,
    Layer,
)
from nasproxy.spaces.flexibert.plan import (
    BUILDERS,
    POSITIONS,
    VOCABULARY,
    check_builder,
    multiply_accumulates,
    parameters,
    plan_of,
)

if TYPE_CHECKING:  # listing the spaces does not pay for importing torch
    from torch import nn

    from nasproxy.spaces.draws import NormalDraws

__all__ = ["FlexiBERT"]

_FIELDS: dict[str, tuple[str, ...]] = {
    "operation": OPERATIONS,
    "heads": tuple(map(str, HEADS)),
    "width": tuple(map(str, WIDTHS)),
    "count": tuple(map(str, COUNTS)),
}
_LAYERS = tuple(
    Layer(operation, heads, width, count)
    for operation, heads, width, count in product(OPERATIONS, HEADS, WIDTHS, COUNTS)
)
_UPPER = "layers3and4"
_NONE = "none"


class FlexiBERT:
    """Encoders of two or four layers; 10,621,440 architectures.

    An architecture has two layers or four, so the third and the fourth come and go together: they
    are one dimension, ``layers3and4``.

    Args:
        builder: which networks are built of an architecture: those that the benchmark's labels
            were measured on ("as_trained"), those that it describes ("as_specified"), or those
            that the published metrics were measured on ("as_published").
        length: tokens of one input, up to 512.

    Raises:
        NasproxyError: an unknown builder, or a length out of range.

    Reference:
        Tuli et al., FlexiBERT, JAIR 2023; in the form of Serianni and Kalita, ACL 2023.
    """

    name = "flexibert"
    size = len(HIDDEN) * len(_LAYERS) ** 2 * (1 + len(_LAYERS) ** 2)
    vocabulary = VOCABULARY
    default_proxies = ("wpca",)
    builders = BUILDERS

    def __init__(self, builder: str = "as_trained", length: int = 128) -> None:
        self.builder = check_builder(builder)
        if not 1 <= length <= POSITIONS:
            raise NasproxyError(f"inputs of {length} tokens", accepted=f"1 to {POSITIONS}")
        self.input_shape = (length,)
        self._draws: NormalDraws | None = None

    def __repr__(self) -> str:
        return f"FlexiBERT(builder={self.builder!r}, length={self.input_shape[0]})"

    def with_builder(self, builder: str) -> FlexiBERT:
        """The same space with other networks built of its architectures."""
        return FlexiBERT(builder, self.input_shape[0])

    def with_length(self, length: int) -> FlexiBERT:
        """The same space for inputs of another length."""
        return FlexiBERT(self.builder, length)

    def parse(self, text: str) -> Encoder:
        """The architecture of ``hidden|operation-heads-widthxcount|...``, two or four layers.

        Raises:
            NasproxyError: text of another form, or a value that the space does not have.
        """
        return Encoder.parse(text)

    def architectures(self) -> Iterator[Encoder]:
        """All, those of two layers first."""
        for depth in (2, 4):
            for hidden in HIDDEN:
                for layers in product(_LAYERS, repeat=depth):
                    yield Encoder(hidden, layers)

    def sample(self, rng: np.random.Generator) -> Encoder:
        """An architecture with every choice uniform, the depth too, as the benchmark was drawn.

        So not uniform over the architectures, of which all but 4,608 have four layers.
        """
        hidden = HIDDEN[rng.integers(len(HIDDEN))]
        depth = (2, 4)[rng.integers(2)]
        return Encoder(hidden, tuple(_LAYERS[i] for i in rng.integers(len(_LAYERS), size=depth)))

    def mutate(self, architecture: Encoder, rng: np.random.Generator) -> Encoder:
        """Another value of one choice: the hidden size, the depth, or one of one layer."""
        layers = architecture.layers
        choice = int(rng.integers(2 + len(_FIELDS) * len(layers)))
        if choice == 0:
            return replace(architecture, hidden=HIDDEN[1 - HIDDEN.index(architecture.hidden)])
        if choice == 1:
            upper = tuple(_LAYERS[i] for i in rng.integers(len(_LAYERS), size=2))
            return replace(architecture, layers=layers[:2] + (upper if len(layers) == 2 else ()))
        place, field = divmod(choice - 2, len(_FIELDS))
        name = list(_FIELDS)[field]
        others = [
            other for other in _changed(layers[place]) if _differs(other, layers[place], name)
        ]
        changed = others[rng.integers(len(others))]
        return replace(architecture, layers=(*layers[:place], changed, *layers[place + 1 :]))

    def neighbours(self, architecture: Encoder) -> Iterator[Encoder]:
        """Every architecture that differs in one dimension."""
        for hidden in HIDDEN:
            if hidden != architecture.hidden:
                yield replace(architecture, hidden=hidden)
        lower, upper = architecture.layers[:2], architecture.layers[2:]
        for place, layer in enumerate(lower):
            for other in _changed(layer):
                changed = (*lower[:place], other, *lower[place + 1 :])
                yield Encoder(architecture.hidden, changed + upper)
        for above in ((), *product(_LAYERS, repeat=2)):
            if above != upper:
                yield Encoder(architecture.hidden, lower + above)

    def canonical(self, architecture: Encoder) -> str:
        """What the builder makes of it: as trained, operations make no difference."""
        return str(plan_of(architecture, self.builder))

    def simplified(self, architecture: Encoder) -> Encoder:
        """Itself: no layer can be left out."""
        return architecture

    def dimensions(self) -> dict[str, tuple[str, ...]]:
        """The hidden size, four choices for each of two layers, and the other two together."""
        return dict(_dimensions())

    def encode(self, architecture: Encoder) -> dict[str, str]:
        """The value in every dimension."""
        upper = "|".join(map(str, architecture.layers[2:])) or _NONE
        lower = {
            f"layer{i}.{name}": value
            for i, layer in enumerate(architecture.layers[:2], start=1)
            for name, value in _fields(layer).items()
        }
        return {"hidden": str(architecture.hidden), **lower, _UPPER: upper}

    def decode(self, choices: Mapping[str, str]) -> Encoder:
        """The architecture of one value a dimension.

        Raises:
            NasproxyError: a dimension is missing or does not exist, or a value does not.
        """
        check_choices(choices, _dimensions())
        lower = [_layer({name: choices[f"layer{i}.{name}"] for name in _FIELDS}) for i in (1, 2)]
        upper = choices[_UPPER]
        above = () if upper == _NONE else tuple(Layer.parse(t) for t in upper.split("|"))
        return Encoder(_whole("hidden", choices["hidden"]), (*lower, *above))

    def counts(self, architecture: Encoder) -> dict[str, int]:
        """Of what the builder makes, in closed form, without a head.

        ``parameters``, and ``multiply_accumulates`` of one input (a transform counts for nothing).
        """
        plan = plan_of(architecture, self.builder)
        return {
            "parameters": parameters(plan),
            "multiply_accumulates": multiply_accumulates(plan, self.input_shape[0]),
        }

    def baselines(self, architecture: Encoder) -> dict[str, float]:
        """What a proxy has to beat: parameters, depth, and depth then hidden size."""
        depth, wide = len(architecture.layers), architecture.hidden == HIDDEN[-1]
        return {
            "params": float(self.counts(architecture)["parameters"]),
            "depth": float(depth),
            "depth_then_width": float(depth + wide),
        }

    def stratum(self, architecture: Encoder) -> str:
        """Depth and hidden size, which explain most of the benchmark's labels."""
        return f"{len(architecture.layers)} layers, hidden {architecture.hidden}"

    def build(
        self,
        architecture: Encoder,
        *,
        seed: int,
        classes: int | None = None,
        in_channels: int = 3,
    ) -> nn.Module:
        """The builder's network: token ids ``[n, t]`` to hidden states ``[n, t, hidden]``.

        Args:
            architecture: the architecture.
            seed: any integer; a parameter depends on it, on its own name and its shape alone.
            classes: with these, logits of the first token instead, by one more linear layer.
            in_channels: of no meaning for tokens.

        Returns:
            The network in training mode, float32, on the CPU.

        Raises:
            NasproxyError: fewer classes than one.
        """
        return self._built(architecture, seed, classes, shared=False)

    def build_to_read(
        self,
        architecture: Encoder,
        *,
        seed: int,
        classes: int | None = None,
        in_channels: int = 3,
    ) -> nn.Module:
        """As ``build``, sharing its parameters with other networks: for passes that only read.

        A ranking spends no time on copies of what it only looks at.
        """
        return self._built(architecture, seed, classes, shared=True)

    def _built(
        self, architecture: Encoder, seed: int, classes: int | None, *, shared: bool
    ) -> nn.Module:
        from nasproxy.spaces.draws import NormalDraws
        from nasproxy.spaces.flexibert.network import build

        if classes is not None and classes < 1:
            raise NasproxyError(f"{classes} classes", accepted="1 or more, or None for no head")
        if self._draws is None:
            self._draws = NormalDraws(0.02)
        plan = plan_of(architecture, self.builder)
        return build(plan, self._draws, seed=seed, classes=classes, shared=shared)


@cache
def _dimensions() -> dict[str, tuple[str, ...]]:
    return {
        "hidden": tuple(map(str, HIDDEN)),
        **{f"layer{i}.{name}": _FIELDS[name] for i in (1, 2) for name in _FIELDS},
        _UPPER: (_NONE, *(f"{a}|{b}" for a, b in product(_LAYERS, repeat=2))),
    }


def _changed(layer: Layer) -> Iterator[Layer]:
    """The layers that differ in one field."""
    fields = _fields(layer)
    for name, values in _FIELDS.items():
        for value in values:
            if value != fields[name]:
                yield _layer({**fields, name: value})


def _differs(one: Layer, other: Layer, field: str) -> bool:
    return bool(getattr(one, field) != getattr(other, field))


def _fields(layer: Layer) -> dict[str, str]:
    return {name: str(getattr(layer, name)) for name in _FIELDS}


def _layer(fields: Mapping[str, str]) -> Layer:
    return Layer(
        fields["operation"],
        _whole("heads", fields["heads"]),
        _whole("width", fields["width"]),
        _whole("count", fields["count"]),
    )


def _whole(name: str, value: str) -> int:
    if not (value.isascii() and value.isdecimal()):
        raise NasproxyError(f"{name} is {value!r}", accepted="a whole number of the space")
    return int(value)
