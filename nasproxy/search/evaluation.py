"""What a search knows of one function: its costs, and unless they are too high its scores."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from nasproxy.scoring.candidates import Candidate
from nasproxy.search.limits import (
    Limit,
    costs_as_json,
    costs_of_json,
    exceeded,
    excess,
    finite_or_nan,
)

__all__ = ["Evaluate", "Evaluation", "evaluator", "from_record"]

A = TypeVar("A", bound=Hashable)


@dataclass(frozen=True)
class Evaluation:
    """One function, as its simplified network was found.

    Attributes:
        architecture: the text of the simplified spelling.
        function: the text of the function.
        candidate: its scores; None where it is outside the limits and was not scored.
        costs: quantity -> value, such as parameters and milliseconds; NaN where it is not known.
        outside: which limit it exceeds and by how much; "" within all.
        excess: the largest ratio of a cost to its limit where it is outside; 0 within all.
    """

    architecture: str
    function: str
    candidate: Candidate | None
    costs: Mapping[str, float] = field(default_factory=dict)
    outside: str = ""
    excess: float = 0.0

    def as_record(self) -> dict[str, Any]:
        """Plain JSON values, null for a cost that is not known; ``from_record`` reads them."""
        return asdict(self) | {"costs": costs_as_json(self.costs)}


def from_record(record: Mapping[str, Any]) -> Evaluation:
    """The evaluation of a record."""
    candidate = record["candidate"]
    return Evaluation(
        **{
            **record,
            "candidate": None if candidate is None else Candidate(**candidate),
            "costs": costs_of_json(record["costs"]),
        }
    )


Evaluate = Callable[[A, str], Evaluation]
"""A simplified architecture and the text of its function -> what is found."""


def evaluator(
    score: Callable[[A], Candidate],
    costs: Callable[[A], Mapping[str, float]] | None = None,
    limits: Sequence[Limit] = (),
) -> Evaluate[A]:
    """Costs first, then the scores of what is within the limits.

    Args:
        score: architecture -> its scores.
        costs: architecture -> its costs; None where nobody asks for them. One that is not finite
            is not known, and above every limit.
        limits: the highest costs allowed.
    """

    def evaluate(architecture: A, function: str) -> Evaluation:
        found = {} if costs is None else finite_or_nan(costs(architecture))
        outside = exceeded(limits, found)
        candidate = None if outside else score(architecture)
        above = excess(limits, found) if outside else 0.0
        return Evaluation(str(architecture), function, candidate, found, outside, above)

    return evaluate
