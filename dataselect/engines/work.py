"""What an engine runs: a pure function of a part, done anew by anyone with the same result."""

from __future__ import annotations

from typing import Protocol, TypeVar, runtime_checkable

from dataselect.corpus.parts import RawPart

__all__ = ["Work"]

R_co = TypeVar("R_co", covariant=True)


@runtime_checkable
class Work(Protocol[R_co]):
    """Can be pickled; writes the files of a part, each whole, and says what is in them."""

    def done(self, raw: RawPart) -> R_co | None:
        """The result of a part whose files are there; asked before it is worked on."""
        ...

    def __call__(self, raw: RawPart) -> R_co:
        """Make the files of a part."""
        ...
