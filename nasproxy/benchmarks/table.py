"""A benchmark table: known results of many architectures, looked up and never computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np
from jaxtyping import Float64

from nasproxy.errors import NasproxyError
from zerocost.errors import did_you_mean

__all__ = ["ACCURACY", "BenchmarkTable", "Quantity"]


@dataclass(frozen=True)
class Quantity:
    """What the values of a target are.

    Attributes:
        unit: such as "%" or "ms"; "" for a number without one.
        higher_is_better: the direction.
        what: what is measured, in a word, such as "accuracy".
    """

    unit: str = ""
    higher_is_better: bool = True
    what: str = ""

    def label(self, target: str) -> str:
        """How an axis or a column calls a target: ``cifar10 accuracy (%)``."""
        named = f"{target} {self.what}".rstrip()
        return f"{named} ({self.unit})" if self.unit else named


ACCURACY = Quantity("%", True, "accuracy")


@dataclass(frozen=True, eq=False)
class BenchmarkTable:
    """Targets of architectures, by the architecture's text form.

    Attributes:
        name: the name that commands use.
        space: the search space that the architectures belong to.
        architectures: their text forms ``[n]``, each once.
        targets: float64 ``[n]`` by target, NaN where unknown, in the unit of its quantity.
        reference: where the numbers come from.
        source: the file that they were read from, or None.
        quantities: unit and direction by target; an accuracy in percent where not named.

    Raises:
        NasproxyError: an architecture appears twice, a target has another length, or a quantity
            is of no target.
    """

    name: str
    space: str
    architectures: tuple[str, ...]
    targets: Mapping[str, Float64[np.ndarray, " n"]]
    reference: str
    source: Path | None = None
    quantities: Mapping[str, Quantity] = field(default_factory=dict)
    _rows: Mapping[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        rows = {text: row for row, text in enumerate(self.architectures)}
        if len(rows) != len(self.architectures):
            twice = next(t for row, t in enumerate(self.architectures) if rows[t] != row)
            raise NasproxyError(f"the table {self.name!r} holds {twice!r} twice")
        for target, values in self.targets.items():
            if values.shape != (len(rows),):
                raise NasproxyError(
                    f"the table {self.name!r} has {len(rows)} architectures but values of the "
                    f"shape {list(values.shape)} of {target!r}"
                )
        stray = [target for target in self.quantities if target not in self.targets]
        if stray:
            raise NasproxyError(f"the table {self.name!r} has no target {stray[0]!r} to describe")
        frozen = {target: values.copy() for target, values in self.targets.items()}
        for values in frozen.values():
            values.setflags(write=False)
        object.__setattr__(self, "targets", MappingProxyType(frozen))
        object.__setattr__(self, "_rows", rows)

    def __len__(self) -> int:
        return len(self.architectures)

    def lookup(self, architectures: Sequence[str], target: str) -> Float64[np.ndarray, " k"]:
        """The target of each architecture, NaN where it is not in the table.

        Args:
            architectures: ``[k]`` text forms, in any order, repeated or not.
            target: one of ``targets``.

        Raises:
            NasproxyError: the table has no such target (the nearest are offered).
        """
        values = self._target(target)
        rows = np.array([self._rows.get(text, -1) for text in architectures], dtype=np.int64)
        found = np.full(len(rows), np.nan)
        found[rows >= 0] = values[rows[rows >= 0]]
        return found

    def quantity(self, target: str) -> Quantity:
        """The unit and direction of a target.

        Raises:
            NasproxyError: the table has no such target.
        """
        self._target(target)
        return self.quantities.get(target, ACCURACY)

    def best(self, target: str) -> tuple[str, float]:
        """The architecture with the best value of a target; the first of equal ones.

        Raises:
            NasproxyError: the table has no such target, or knows no value of it.
        """
        values = self._target(target)
        if np.isnan(values).all():
            raise NasproxyError(f"the table {self.name!r} knows no value of {target!r}")
        up = self.quantity(target).higher_is_better
        row = int(np.nanargmax(values) if up else np.nanargmin(values))
        return self.architectures[row], float(values[row])

    def _target(self, target: str) -> Float64[np.ndarray, " n"]:
        if target not in self.targets:
            raise NasproxyError(
                f"the benchmark {self.name!r} has no target {target!r}",
                accepted=", ".join(self.targets),
                hint=did_you_mean(target, self.targets),
            )
        return self.targets[target]
