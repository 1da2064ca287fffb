"""A recipe as something to filter by."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

from dataselect.filtering.decisions import Decided
from dataselect.filtering.writing import Filter
from dataselect.scorers.recipes import Recipe, decide, load_recipe
from dataselect.scorers.scorer import Scorer
from dataselect.scorers.signals import ALL, signals

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["filter_of"]


@dataclass(frozen=True)
class _ByRecipe:
    """Can be pickled, unlike a closure."""

    recipe: Recipe

    def __call__(self, table: pa.Table) -> Decided:
        found = decide(table, self.recipe)
        return Decided(found.column("kept").to_numpy(zero_copy_only=False), found.column("broken"))


def filter_of(name: str, *, edit_lines: bool = False) -> Filter:
    """The filter of a recipe.

    Args:
        name: gopher, c4, fineweb, or the path of a TOML file; see `load_recipe`.
        edit_lines: whether kept documents are written with only the lines that C4's rules keep.

    Raises:
        DataselectError: there is no such recipe, or it is damaged.
    """
    recipe = load_recipe(name)
    known = {signal.column.name for signal in ALL}
    scorer: Scorer | None = None
    if known.issuperset(recipe.signals):
        scorer = cast(Scorer, signals(recipe.signals))
    edit: Callable[[Any], Any] | None = None
    if edit_lines:
        from dataselect.scorers.signals import editing

        edit = editing.edit_lines
    about = {
        "name": recipe.name,
        "rules": [
            {key: None if isinstance(v, float) and math.isinf(v) else v for key, v in rule.items()}
            for rule in map(asdict, recipe.rules)
        ],
        "edit": "c4 lines" if edit_lines else None,
    }
    return Filter(recipe.name, about, recipe.signals, scorer, _ByRecipe(recipe), edit)
