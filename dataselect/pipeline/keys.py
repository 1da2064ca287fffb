"""What a recipe may say: the keys of each table, and the kind of value that each takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dataselect.errors import DataselectError
from zerocost.errors import did_you_mean

__all__ = ["LEARN", "POOL", "PROXY", "READ", "REPORT", "SCORE", "SELECT", "TOP", "check", "texts"]

_TEXT, _WHOLE, _NUMBER, _TRUTH = "a text", "a whole number", "a number", "true or false"
_AMOUNT, _TEXTS, _TABLE = "a number, or a text as 1.5M", "a text, or a list of texts", "a table"
_SETS, _SHARES = "a text, a list of texts, or a table of them", "a table of numbers"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_amount(value: Any) -> bool:
    return _is_number(value) or isinstance(value, str)


def _are_texts(value: Any) -> bool:
    return isinstance(value, str) or (
        isinstance(value, list) and all(isinstance(own, str) for own in value)
    )


_KINDS: dict[str, Callable[[Any], bool]] = {
    _TEXT: lambda value: isinstance(value, str),
    _WHOLE: lambda value: isinstance(value, int) and not isinstance(value, bool),
    _NUMBER: _is_number,
    _TRUTH: lambda value: isinstance(value, bool),
    _AMOUNT: _is_amount,
    _TEXTS: _are_texts,
    _TABLE: lambda value: isinstance(value, Mapping),
    _SETS: lambda value: _are_texts(list(value.values()) if isinstance(value, Mapping) else value),
    _SHARES: lambda value: isinstance(value, Mapping) and all(map(_is_amount, value.values())),
}

TOP = {
    "corpus": _TEXTS, "out": _TEXT, "seed": _WHOLE, "workers": _WHOLE, "read": _TABLE,
    "score": _TABLE, "learn": _TABLE, "select": _TABLE, "report": _TABLE,
}  # fmt: skip
READ = {
    "text": _TEXT, "id": _TEXT, "domain": _TEXT, "lossy": _TRUTH,
    "max_document_bytes": _WHOLE, "part_bytes": _WHOLE,
}  # fmt: skip
SCORE = {"scorers": _TEXTS}
PROXY = {
    "order": _WHOLE, "size": _TEXT, "context": _WHOLE, "batch": _WHOLE, "rate": _NUMBER,
    "stacked": _WHOLE, "device": _TEXT,
}  # fmt: skip
POOL = {
    "candidates": _WHOLE, "vocabulary": _WHOLE, "tokenizer": _TEXT, "validation_tokens": _WHOLE,
}  # fmt: skip
LEARN = {
    "validation": _SETS, "tokens": _AMOUNT, "proxy": _TEXT, "runs": _WHOLE, "rounds": _WHOLE,
    "design": _TEXT, "columns": _TEXTS, "transform": _TEXT, "missing": _TEXT, "both_ways": _TEXT,
    "target": _TEXT, "regressor": _TEXT, "optimiser": _TEXT, **PROXY, **POOL,
}  # fmt: skip
SELECT = {
    "tokens": _AMOUNT, "docs": _AMOUNT, "fraction": _AMOUNT, "temperature": _NUMBER,
    "quotas": _SHARES, "quota_by": _TEXT, "drop_duplicates": _TEXT, "similarity": _NUMBER,
    "exclude": _TEXTS, "exclude_short": _WHOLE, "ngram": _WHOLE, "token_column": _TEXT,
}  # fmt: skip
REPORT = {"title": _TEXT, "texts": _TRUTH}


def check(found: Mapping[str, Any], known: Mapping[str, str], where: str) -> None:
    """DataselectError where a table has a key that it does not take, or a value of another kind.

    Args:
        found: the table.
        known: its keys, and the kind of value of each.
        where: the table's name, for messages.
    """
    for key, value in found.items():
        if key not in known:
            raise DataselectError(
                f"{where} has {key!r}", accepted=", ".join(known), hint=did_you_mean(key, known)
            )
        if not _KINDS[known[key]](value):
            raise DataselectError(
                f"{where} has {key} = {value!r:.80}, which is of the wrong kind",
                accepted=known[key],
            )


def texts(value: str | list[str]) -> tuple[str, ...]:
    """Texts as a list or, as on the command line, with commas."""
    given = value.split(",") if isinstance(value, str) else value
    return tuple(filter(None, (own.strip() for own in given)))
