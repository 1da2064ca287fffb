"""A recipe: limits on columns of scores, read from TOML."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from dataselect.errors import DataselectError
from zerocost.errors import did_you_mean

__all__ = ["Missing", "Recipe", "Rule", "builtin_recipes", "load_recipe", "parse_recipe"]

Missing = Literal["pass", "reject"]

_MISSING = ("pass", "reject")
_RECIPE_KEYS = ("name", "summary", "reference", "missing", "rule")
_RULE_KEYS = ("signal", "min", "max", "missing")
_EXAMPLE = 'missing = "pass", then [[rule]] with signal = "..." and min = ... or max = ...'


@dataclass(frozen=True)
class Rule:
    """Limits on one column of scores.

    Attributes:
        signal: the column.
        low: a document whose score is below breaks the rule; -inf for no limit.
        high: a document whose score is above breaks the rule; inf for no limit.
        missing: "pass" where a null score breaks no rule, "reject" where it breaks this one.
    """

    signal: str
    low: float = -math.inf
    high: float = math.inf
    missing: Missing = "pass"


@dataclass(frozen=True)
class Recipe:
    """Rules, all of which a document has to keep.

    Attributes:
        name: of the recipe.
        rules: in the order in which broken ones are listed.
        summary: what it is, in one line.
        reference: where the limits come from.
    """

    name: str
    rules: tuple[Rule, ...]
    summary: str = ""
    reference: str = ""

    @property
    def signals(self) -> tuple[str, ...]:
        """The columns that the rules read, each once."""
        return tuple(dict.fromkeys(rule.signal for rule in self.rules))

    def check(self, columns: Iterable[str]) -> None:
        """Refuse a recipe whose rules read a column that is not there.

        Raises:
            DataselectError: names the signal, and those nearest to it.
        """
        known = list(columns)
        for signal in self.signals:
            if signal not in known:
                raise DataselectError(
                    f"the recipe {self.name} has a rule on {signal!r}, which is no signal here",
                    accepted=f"one of {len(known)} columns",
                    hint=did_you_mean(signal, known) or "`dataselect scorers` lists them",
                )


def builtin_recipes() -> tuple[str, ...]:
    """The names of the recipes that come with the package."""
    files = resources.files(__package__).iterdir()
    return tuple(sorted(file.name[:-5] for file in files if file.name.endswith(".toml")))


def load_recipe(name: str | Path) -> Recipe:
    """The recipe of a name, or of a TOML file.

    Args:
        name: one of `builtin_recipes`, or the path of a file.

    Raises:
        DataselectError: there is no such recipe or file, or it is not a recipe.
    """
    text = str(name)
    if text in builtin_recipes():
        source = resources.files(__package__).joinpath(f"{text}.toml").read_text("utf-8")
        return parse_recipe(source, text)
    path = Path(name)
    if path.suffix != ".toml" and not path.is_file():
        raise DataselectError(
            f"there is no recipe named {text!r}",
            accepted=f"{', '.join(builtin_recipes())}, or the path of a TOML file",
            hint=did_you_mean(text, builtin_recipes()) or "`dataselect recipes` describes them",
        )
    try:
        return parse_recipe(path.read_text("utf-8"), text)
    except OSError as error:
        raise DataselectError(
            f"the recipe {text} cannot be read: {error.strerror}",
            accepted="a TOML file",
            hint="`dataselect recipes` lists the recipes that need no file",
        ) from error
    except UnicodeDecodeError as error:
        raise DataselectError(
            f"the recipe {text} is not UTF-8: {error.reason} at byte {error.start}",
            accepted="a TOML file, which is UTF-8",
        ) from error


def parse_recipe(text: str, source: str = "recipe") -> Recipe:
    """A recipe from the text of a TOML file.

    Args:
        text: ``name``, ``summary``, ``reference`` (all optional), ``missing`` ("pass" or "reject",
            what a null score means, unless a rule says otherwise), and tables ``[[rule]]`` with
            ``signal``, and ``min`` or ``max`` or both.
        source: where the text is from, for messages; the name of a recipe without one.

    Raises:
        DataselectError: what is wrong, in which rule.
    """
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataselectError(
            f"{source} is not TOML: {error}", accepted=f"a recipe: {_EXAMPLE}"
        ) from error
    _known_keys(content, _RECIPE_KEYS, source)
    for key in ("name", "summary", "reference"):
        if not isinstance(content.get(key, ""), str):
            raise DataselectError(f"{source}: {key} is {content[key]!r}", accepted="text")
    missing = _missing(content, source, None)
    rules = content.get("rule")
    if not isinstance(rules, list) or not rules:
        raise DataselectError(
            f"{source} has no rule" if not rules else f"{source}: rule is {rules!r}",
            accepted=f"one table or more: {_EXAMPLE}",
        )
    return Recipe(
        content.get("name", Path(source).stem),
        tuple(_rule(rule, f"{source}, rule {k}", missing) for k, rule in enumerate(rules, 1)),
        content.get("summary", ""),
        content.get("reference", ""),
    )


def _rule(rule: Any, place: str, default: Missing | None) -> Rule:
    if not isinstance(rule, dict):
        raise DataselectError(f"{place} is {rule!r}", accepted=f"a table: {_EXAMPLE}")
    _known_keys(rule, _RULE_KEYS, place)
    signal = rule.get("signal")
    if not isinstance(signal, str) or not signal:
        raise DataselectError(
            f"{place} names no signal" if signal is None else f"{place}: signal is {signal!r}",
            accepted="the name of a column of scores",
            hint="`dataselect scorers` lists them",
        )
    place = f"{place} ({signal})"
    low, high = _limit(rule, "min", place, -math.inf), _limit(rule, "max", place, math.inf)
    if "min" not in rule and "max" not in rule:
        raise DataselectError(f"{place} has no limit", accepted="min, max, or both")
    if low > high:
        raise DataselectError(
            f"{place}: min {low:g} is above max {high:g}, so that no document passes",
            accepted="min up to max",
        )
    missing = _missing(rule, place, default)
    if missing is None:
        raise DataselectError(
            f"{place}: what a missing score means is not said",
            accepted='missing = "pass" or "reject", in the rule or above all rules',
        )
    return Rule(signal, low, high, missing)


def _known_keys(table: Mapping[str, Any], keys: tuple[str, ...], place: str) -> None:
    for key in table:
        if key not in keys:
            raise DataselectError(
                f"{place}: there is no key {key!r}",
                accepted=", ".join(keys),
                hint=did_you_mean(key, keys),
            )


def _limit(rule: Mapping[str, Any], key: str, place: str, default: float) -> float:
    if key not in rule:
        return default
    value = rule[key]
    try:
        limit = math.nan if isinstance(value, bool | str) else float(value)
    except (TypeError, OverflowError):  # a whole number may be beyond any float
        limit = math.nan
    if not math.isfinite(limit):
        raise DataselectError(
            f"{place}: {key} is {repr(value)[:60]}",
            accepted="a finite number",
            hint=f"leave {key} out where there is no limit",
        )
    return limit


def _missing(table: Mapping[str, Any], place: str, default: Missing | None) -> Missing | None:
    value: Missing | None = table.get("missing", default)
    if value is not None and value not in _MISSING:
        raise DataselectError(
            f"{place}: missing is {value!r}",
            accepted='"pass" (a null score breaks no rule) or "reject" (it breaks the rule)',
        )
    return value
