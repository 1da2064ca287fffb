"""A benchmark table: known results of many architectures, looked up and never computed."""

from __future__ import annotations

from collections import Counter
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
        architectures: their text forms ``[n]``, each once unless ``repeats``.
        targets: float64 ``[n]`` by target, NaN where unknown, in the unit of its quantity.
        reference: where the numbers come from.
        source: the file that they were read from, or None.
        quantities: unit and direction by target; an accuracy in percent where not named.
        repeats: whether an architecture may have several rows, one for each time it was trained.

    Raises:
        NasproxyError: an architecture appears twice and may not, a target has another length, or
            a quantity is of no target.
    """

    name: str
    space: str
    architectures: tuple[str, ...]
    targets: Mapping[str, Float64[np.ndarray, " n"]]
    reference: str
    source: Path | None = None
    quantities: Mapping[str, Quantity] = field(default_factory=dict)
    repeats: bool = False
    _rows: Mapping[str, tuple[int, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        rows: dict[str, tuple[int, ...]] = {}
        for row, text in enumerate(self.architectures):
            rows[text] = (*rows.get(text, ()), row)
        if len(rows) != len(self.architectures) and not self.repeats:
            twice = next(text for text, places in rows.items() if len(places) > 1)
            raise NasproxyError(f"the table {self.name!r} holds {twice!r} twice")
        for target, values in self.targets.items():
            if values.shape != (len(self.architectures),):
                raise NasproxyError(
                    f"the table {self.name!r} has {len(self.architectures)} rows but values of the "
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

    @property
    def distinct(self) -> int:
        """How many different architectures there are."""
        return len(self._rows)

    def lookup(self, architectures: Sequence[str], target: str) -> Float64[np.ndarray, " k"]:
        """The target of each architecture, NaN where it is not in the table.

        Of an architecture with several rows it is their mean; where it is asked for exactly as
        often as it has rows (the table's own list is), it is each row's value, in their order.

        Args:
            architectures: ``[k]`` text forms, in any order, repeated or not.
            target: one of ``targets``.

        Raises:
            NasproxyError: the table has no such target (the nearest are offered).
        """
        values = self._target(target)
        asked = Counter(architectures)
        given: Counter[str] = Counter()
        found = np.full(len(architectures), np.nan)
        for place, text in enumerate(architectures):
            rows = self._rows.get(text, ())
            if len(rows) == asked[text]:
                found[place] = values[rows[given[text]]]
                given[text] += 1
            elif rows:
                found[place] = values[list(rows)].mean()
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
