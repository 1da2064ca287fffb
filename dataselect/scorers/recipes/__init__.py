"""Recipes: documents are kept or rejected by limits on their scores."""

from dataselect.scorers.recipes.decision import decide
from dataselect.scorers.recipes.recipe import (
    Recipe,
    Rule,
    builtin_recipes,
    load_recipe,
    parse_recipe,
)

__all__ = ["Recipe", "Rule", "builtin_recipes", "decide", "load_recipe", "parse_recipe"]
