"""Which functions have been evaluated, and which are being: by this process alone, or by many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

from nasproxy.search.evaluation import Evaluation

__all__ = ["Claimed", "Ledger", "LocalLedger"]

Claimed = Literal["mine", "elsewhere"]


@runtime_checkable
class Ledger(Protocol):
    """Knows every function once.

    ``claim`` before evaluating, ``complete`` after it. What is complete stays complete.
    """

    def refresh(self) -> Sequence[Evaluation]:
        """The complete evaluations in the order of their claims, those of others included."""
        ...

    def get(self, function: str) -> Evaluation | None:
        """The complete evaluation of a function, as of the last refresh."""
        ...

    def claim(self, function: str, budget: int) -> Claimed:
        """Try to get a function to evaluate.

        Args:
            function: one that is not complete.
            budget: how many networks are to be scored by all processes together.

        Returns:
            "mine", or "elsewhere" where another process has it or has spent the budget.
        """
        ...

    def complete(self, evaluation: Evaluation) -> None:
        """Hand in what this process claimed."""
        ...

    def enough(self, budget: int) -> bool:
        """Whether the budget is spent on what is scored and what others are at."""
        ...

    def wait(self) -> None:
        """Give others time, and take what a dead process left."""
        ...


class LocalLedger:
    """The ledger of a search in one process."""

    def __init__(self) -> None:
        self._known: dict[str, Evaluation] = {}
        self._order: list[Evaluation] = []
        self._scored = 0

    def refresh(self) -> Sequence[Evaluation]:
        """The complete evaluations in their order."""
        return self._order

    def get(self, function: str) -> Evaluation | None:
        """The evaluation of a function."""
        return self._known.get(function)

    def claim(self, function: str, budget: int) -> Claimed:
        """There is nobody else."""
        return "mine"

    def complete(self, evaluation: Evaluation) -> None:
        """Keep an evaluation."""
        self._known[evaluation.function] = evaluation
        self._order.append(evaluation)
        self._scored += evaluation.candidate is not None

    def enough(self, budget: int) -> bool:
        """What is scored is all there is."""
        return self._scored >= budget

    def wait(self) -> None:
        """There is nobody to wait for."""
