"""Groups of items: the documents of one domain, of one source."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from dataselect.errors import DataselectError

__all__ = ["Groups", "averaging", "groups_of_names"]


@dataclass(frozen=True)
class Groups:
    """Which group each item belongs to.

    Attributes:
        of_item: int64 ``[items]`` in ``0 .. len(names) - 1``.
        names: a name a group.
    """

    of_item: Int64[np.ndarray, " items"]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.of_item) and not 0 <= self.of_item.min() <= self.of_item.max() < len(
            self.names
        ):
            raise DataselectError(
                f"group numbers run from {self.of_item.min()} to {self.of_item.max()}, "
                f"but there are {len(self.names)} groups",
                accepted="numbers of groups, from 0",
            )


def groups_of_names(items: Sequence[str], members: Mapping[str, str]) -> Groups:
    """Groups from a mapping of item to group; an item in none is a group of its own.

    Args:
        items: the names of the items, in their order.
        members: item -> group.
    """
    wanted = [members.get(item, item) for item in items]
    names, of_item = np.unique(np.array(wanted, dtype=object), return_inverse=True)
    return Groups(of_item.astype(np.int64), tuple(names))


def averaging(
    groups: Groups,
) -> Callable[[Float64[np.ndarray, " items"]], Float64[np.ndarray, " items"]]:
    """The published projection: every item gets the mean value of its group.

    It is the nearest point with one value a group. It is not ascent on the game whose players are
    the groups: there all documents of a group are present together; see `group_gradient`.
    """
    sizes = np.maximum(1, np.bincount(groups.of_item, minlength=len(groups.names)))

    def project(values: Float64[np.ndarray, " items"]) -> Float64[np.ndarray, " items"]:
        sums = np.bincount(groups.of_item, weights=values, minlength=len(groups.names))
        means: Float64[np.ndarray, " groups"] = sums / sizes
        of_items: Float64[np.ndarray, " items"] = means[groups.of_item]
        return of_items

    return project
