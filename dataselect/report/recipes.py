"""Recipes as the report applies them: which rules each document breaks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool

from dataselect.report.gather import Rules
from dataselect.selection.aggregate import scores_of_column

__all__ = ["RecipeRules", "recipes_of"]


@dataclass(frozen=True)
class RecipeRules:
    """A recipe of `dataselect.scorers.recipes`.

    Attributes:
        recipe: a `Recipe`.
    """

    recipe: Any

    @property
    def name(self) -> str:
        """Of the recipe."""
        return str(self.recipe.name)

    @property
    def columns(self) -> tuple[str, ...]:
        """That the rules read."""
        return tuple(self.recipe.signals)

    @property
    def rules(self) -> tuple[str, ...]:
        """Each as an inequality."""
        return tuple(_words(rule) for rule in self.recipe.rules)

    @property
    def limits(self) -> Mapping[str, tuple[float, ...]]:
        """Finite limits by column."""
        found: dict[str, tuple[float, ...]] = {}
        for rule in self.recipe.rules:
            own = tuple(limit for limit in (rule.low, rule.high) if math.isfinite(limit))
            found[rule.signal] = found.get(rule.signal, ()) + own
        return found

    def broken(self, table: Any) -> Bool[np.ndarray, "n rules"]:
        """Which rules each row breaks; the same that `decide` says."""
        columns = []
        for rule in self.recipe.rules:
            scores = scores_of_column(table, rule.signal)
            broken = (scores < rule.low) | (scores > rule.high)
            columns.append(broken | np.isnan(scores) if rule.missing == "reject" else broken)
        return np.column_stack(columns)


def recipes_of(names: Sequence[str]) -> list[Rules]:
    """The recipes of some names or files; all that are built in where none is named.

    Raises:
        DataselectError: there is no such recipe, or it cannot be read.
    """
    from dataselect.scorers.recipes import builtin_recipes, load_recipe

    return [RecipeRules(load_recipe(name)) for name in names or builtin_recipes()]


def _words(rule: Any) -> str:
    low = f"{rule.low:g} ≤ " if math.isfinite(rule.low) else ""
    high = f" ≤ {rule.high:g}" if math.isfinite(rule.high) else ""
    return f"{low}{rule.signal}{high}" + (", not missing" if rule.missing == "reject" else "")
