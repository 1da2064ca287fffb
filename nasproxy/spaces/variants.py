"""The same space with another builder, or inputs of another length."""

from __future__ import annotations

from typing import Any, cast

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
    if builder is not None and not hasattr(space, "with_builder"):
        raise NasproxyError(
            f"the space {space.name!r} builds its networks in one way",
            accepted="no builder; flexibert has several",
        )
    if length is not None and not hasattr(space, "with_length"):
        raise NasproxyError(
            f"the inputs of the space {space.name!r} have no length in tokens",
            accepted="a length for a space of language models",
        )
    found: Any = space
    if builder is not None:
        found = found.with_builder(builder)
    if length is not None:
        found = found.with_length(length)
    return cast(SearchSpace[Any], found)
