"""One exception base: what was wrong, what is accepted, what to type next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["ZerocostError", "did_you_mean", "nearest"]


class ZerocostError(Exception):
    """An error that tells its reader how to go on.

    Args:
        wrong: what was wrong, with the value seen.
        accepted: what is accepted instead.
        hint: what to type or do next.
        bad_input: True where the caller's input is at fault (a command exits with 2), False
            where a run failed on good input, such as a full disk (a command exits with 1).
    """

    def __init__(
        self,
        wrong: str,
        *,
        accepted: str | None = None,
        hint: str | None = None,
        bad_input: bool = True,
    ) -> None:
        super().__init__(wrong)
        self.wrong = wrong
        self.accepted = accepted
        self.hint = hint
        self.bad_input = bad_input

    def __str__(self) -> str:
        lines = [self.wrong]
        if self.accepted:
            lines.append(f"  accepted: {self.accepted}")
        if self.hint:
            lines.append(f"  next: {self.hint}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions with keyword arguments do not survive the default pickling between processes.
        return (_rebuild, (type(self), self.wrong, self.accepted, self.hint, self.bad_input))


def _rebuild(
    kind: type[ZerocostError], wrong: str, accepted: str | None, hint: str | None, bad_input: bool
) -> ZerocostError:
    return kind(wrong, accepted=accepted, hint=hint, bad_input=bad_input)


def nearest(name: str, known: Iterable[str], *, count: int = 3) -> list[str]:
    """The known names closest to a misspelt one, best first.

    Args:
        name: the name as typed.
        known: the names that exist.
        count: how many to return at the most.

    Returns:
        Up to ``count`` names; empty where nothing is close.
    """
    choices = {candidate.lower(): candidate for candidate in known}
    lowered = name.lower()
    close = difflib.get_close_matches(lowered, choices, n=count, cutoff=0.5)
    if len(lowered) >= 3:
        close += [c for c in choices if (lowered in c or c in lowered) and c not in close]
    return [choices[c] for c in close[:count]]


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """The nearest names as a hint, or None where nothing is close."""
    close = nearest(name, known)
    return f"did you mean {' or '.join(close)}?" if close else None
