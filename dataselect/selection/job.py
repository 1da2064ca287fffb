"""What all steps of a selection look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dataselect.selection.settings import Settings
from dataselect.selection.work import Work

__all__ = ["Job", "OnPart"]

OnPart = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Job:
    """One run.

    Attributes:
        scores: the `ScoreFolder`.
        sources: the files of the corpus.
        options: how they were read when they were scored.
        settings: what is asked.
        work: what is kept on disk meanwhile.
        workers: threads of the pass over the texts; None for one a core.
        say: called with a step's name, parts done, and parts in all.
    """

    scores: Any
    sources: tuple[Any, ...]
    options: Any
    settings: Settings
    work: Work
    workers: int | None
    say: OnPart

    def on_part(self, step: str) -> Callable[[int], None]:
        """What a step calls with the number of parts done."""
        return lambda done: self.say(step, done, len(self.scores.parts))
