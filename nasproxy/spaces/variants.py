"""The same space with another builder, or inputs of another length."""

from __future__ import annotations

from typing import Any

from nasproxy.errors import NasproxyError
from nasproxy.spaces.space import SearchSpace

__all__ = ["variant"]


def variant(
    space: SearchSpace[Any], *, builder: str | None = None, length: int | None = None
) -> SearchSpace[Any]:
    """A space of language models, made again with a builder or a length.

    Args:
        space: as it is named.
        builder: one of its ``builders``; its own for None.
        length: tokens of an input; its own for None.

    Returns:
        The space itself where nothing is asked for.

    Raises:
        NasproxyError: it has no builders, its inputs have no length, or a value out of range.
    """
    if builder is not None and not hasattr(space, "builders"):
        raise NasproxyError(
            f"the space {space.name!r} builds its networks in one way",
            accepted="no builder; flexibert has several",
        )
    if length is not None and not hasattr(space, "vocabulary"):
        raise NasproxyError(
            f"the inputs of the space {space.name!r} have no length in tokens",
            accepted="a length for a space of language models",
        )
    changes: dict[str, Any] = {}
    if builder is not None:
        changes["builder"] = builder
    if length is not None:
        changes["length"] = length
    if not changes:
        return space
    if "builder" not in changes and hasattr(space, "builder"):
        changes["builder"] = space.builder
    made: SearchSpace[Any] = type(space)(**changes)
    return made
