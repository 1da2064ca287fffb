"""dataselect scorers and dataselect recipes: tables of what there is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

from zerocost_cli.printing import print_json, print_table

if TYPE_CHECKING:
    from dataselect.scorers.recipes import Rule
    from dataselect.scorers.scorer import Column

__all__ = ["recipes_command", "scorers_command"]

_MADE = (
    ("dsir:NAME=FILE", "log importance weight against a target corpus, or a model of fit dsir"),
    ("ppl:NAME=FILE", "perplexity by an n-gram model of a reference corpus, or one of fit ppl"),
    ("rater:hf:NAME", "a classifier of the Hugging Face hub, or of a folder"),
    ("language:en+de", "the probability of each language, by py3langid"),
)
_READ_AS = {1: "more", -1: "less", 0: "-"}


@click.command("scorers")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def scorers_command(name: str | None, as_json: bool) -> None:
    """List the scorers with their columns; NAME lists one scorer's alone."""
    from dataselect.scorers import get, names

    found = [get(each) for each in ([name] if name else names())]
    if as_json:
        print_json({"scorers": [_scorer(scorer) for scorer in found]})
        return
    shown: set[str] = set()
    for scorer in found:
        columns = [column for column in scorer.columns if column.name not in shown]
        shown |= {column.name for column in columns}
        title = f"scorer {scorer.name}: {(scorer.__doc__ or '').splitlines()[0]}"
        title += f" {len(scorer.columns)} columns"
        if not columns:
            click.echo(f"{title}, all of them listed above")
            continue
        print_table(
            ("column", "unit", "range", "better", "definition", "source"),
            [_row(column) for column in columns],
            title=title,
        )
    if name is None:
        click.echo("scorer tokens: with --tokenizer tokenizer.json, the tokens of each document")
        print_table(("--scorers", "what it measures"), _MADE, title="made from what you name:")


@click.command("recipes")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def recipes_command(as_json: bool) -> None:
    """List the recipes and their rules."""
    from dataselect.scorers.recipes import builtin_recipes, load_recipe

    recipes = [load_recipe(name) for name in builtin_recipes()]
    if as_json:
        print_json(
            {
                "recipes": [
                    {
                        "name": recipe.name,
                        "summary": recipe.summary,
                        "reference": recipe.reference,
                        "rules": [_rule(rule) for rule in recipe.rules],
                    }
                    for recipe in recipes
                ]
            }
        )
        return
    for recipe in recipes:
        print_table(
            ("signal", "min", "max", "missing"),
            [
                (rule.signal, _limit(rule.low), _limit(rule.high), rule.missing)
                for rule in recipe.rules
            ],
            title=f"{recipe.name}: {recipe.summary} ({recipe.reference})",
        )


def _scorer(scorer: Any) -> dict[str, Any]:
    return {
        "name": scorer.name,
        "summary": (scorer.__doc__ or "").split("\n")[0],
        "columns": [
            {
                "name": column.name,
                "kind": column.kind,
                "unit": column.unit,
                "low": _finite(column.low),
                "high": _finite(column.high),
                "direction": column.direction,
                "definition": column.definition,
                "source": column.source,
            }
            for column in scorer.columns
        ],
    }


def _row(column: Column) -> tuple[str, ...]:
    between = f"{_limit(column.low)}..{_limit(column.high)}"
    better = _READ_AS[column.direction]
    return column.name, column.unit, between, better, column.definition, column.source


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "signal": rule.signal,
        "min": _finite(rule.low),
        "max": _finite(rule.high),
        "missing": rule.missing,
    }


def _limit(limit: float) -> str:
    return f"{limit:g}" if math.isfinite(limit) else ""


def _finite(limit: float) -> float | None:
    return limit if math.isfinite(limit) else None
