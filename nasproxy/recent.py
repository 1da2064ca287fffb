"""What was used last, kept up to a number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

__all__ = ["Recent"]

V = TypeVar("V")


class Recent(Generic[V]):
    """Values by key; what was not used for longest goes first.

    Args:
        limit: how many bytes to keep.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = 0
        self._kept: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def nbytes(self) -> int:
        """Of all that is kept, at most the limit."""
        return self._bytes

    def get(self, key: Hashable) -> V | None:
        """The value of a key, used last from now on; None where it is not kept."""
        if key not in self._kept:
            return None
        self._kept.move_to_end(key)
        return self._kept[key][0]

    def keep(self, key: Hashable, value: V, nbytes: int) -> None:
        """Keep a value, in the place of an earlier one; one above the limit is not kept."""
        if key in self._kept:
            self._bytes -= self._kept.pop(key)[1]
        self._kept[key] = (value, nbytes)
        self._bytes += nbytes
        while self._bytes > self._limit:
            _, (_, size) = self._kept.popitem(last=False)
            self._bytes -= size
