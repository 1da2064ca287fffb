"""Choices by dimension, as optimisers hand them back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from nasproxy.errors import NasproxyError
from zerocost.errors import did_you_mean

__all__ = ["check_choices"]


def check_choices(choices: Mapping[str, str], dimensions: Iterable[str]) -> None:
    """That there is one choice for each dimension, and none besides.

    Raises:
        NasproxyError: a dimension is missing or does not exist.
    """
    wanted = list(dimensions)
    wrong = [name for name in (*choices, *wanted) if (name in wanted) != (name in choices)]
    if wrong:
        raise NasproxyError(
            f"{wrong[0]!r} is {'missing' if wrong[0] in wanted else 'no dimension'}",
            accepted=f"one choice for each of {', '.join(wanted)}",
            hint=did_you_mean(wrong[0], wanted),
        )
