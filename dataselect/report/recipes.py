"""Recipes as the report applies them."""

from __future__ import annotations

from collections.abc import Sequence

from dataselect.report.gather import Rules

__all__ = ["recipes_of"]


def recipes_of(names: Sequence[str]) -> list[Rules]:
    """The recipes of some names or files; all that are built in where none is named."""
    return []
