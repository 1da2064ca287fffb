"""Scorers from the names that a command line or a configuration holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dataselect.errors import DataselectError
from dataselect.scorers import get, names
from dataselect.scorers.scorer import CorpusScorer, Scorer
from zerocost.errors import did_you_mean
from zerocost.registry import Registry

__all__ = ["DEFAULT", "KINDS", "scorers_of"]

DEFAULT = "signals"
"""What runs where no scorer is named."""

KINDS: Registry[Callable[[str], Scorer | CorpusScorer]] = Registry(
    "kind of scorer",
    group="dataselect.scorer_kinds",
    builtin={
        "tokens": "dataselect.scorers.tokens:TokenCount",
        "dsir": "dataselect.scorers.dsir.scorer:dsir",
        "ppl": "dataselect.scorers.ngram.scorer:ppl",
        "rater": "dataselect.scorers.raters.named:rater_of",
        "language": "dataselect.scorers.language:Language",
    },
    error=DataselectError,
    listing="dataselect scorers",
)
"""Kinds that are made from an argument, ``KIND:ARGUMENT``: a function from it to the scorer."""


def scorers_of(text: str = DEFAULT) -> tuple[Scorer | CorpusScorer, ...]:
    """The scorers of a comma-separated list, in its order.

    Each is a registered name (``signals``), a kind with what it is made from (``KIND:ARGUMENT``;
    what the argument means is up to the kind), or an object of the user's own
    (``pkg.module:object``, a scorer or something that makes one when it is called). Some become
    scorers only when the corpus is known; see `CorpusScorer`.

    Raises:
        DataselectError: a name does not exist, a module cannot be imported, or what is found is no
            scorer.
    """
    items = [item.strip() for item in text.split(",")]
    if not all(items):
        raise DataselectError(
            f"an empty name in the list of scorers {text!r}",
            accepted=f"names with commas between them: {', '.join(names())}",
        )
    return tuple(_scorer(item) for item in items)


def _scorer(item: str) -> Scorer | CorpusScorer:
    head, colon, argument = item.partition(":")
    kinds = KINDS.names()
    if colon and head in kinds:
        return _checked(KINDS.get(head)(argument), item)
    if colon and "." not in head and head not in names() and _is_no_module(head):
        shown = [*names(), *(f"{kind}:..." for kind in kinds), "pkg.module:object"]
        raise DataselectError(
            f"there is no kind of scorer named {head!r} (in {item!r})",
            accepted=", ".join(shown),
            hint=did_you_mean(head, [*names(), *kinds]),
        )
    return _checked(get(item), item)


def _is_no_module(name: str) -> bool:
    from importlib.util import find_spec

    try:
        return find_spec(name) is None
    except (ImportError, ValueError):
        return True


def _checked(found: Any, item: str) -> Scorer | CorpusScorer:
    if isinstance(found, CorpusScorer) and not isinstance(found, type):
        return found
    needed = ("name", "columns", "fingerprint", "score")
    if isinstance(found, type) or not all(hasattr(found, name) for name in needed):
        if not callable(found):
            raise DataselectError(
                f"{item!r} is no scorer: it has no "
                f"{next(name for name in needed if not hasattr(found, name))!r}",
                accepted="an object with name, columns, fingerprint and score(batch)",
            )
        found = found()
        if not all(hasattr(found, name) for name in needed):
            raise DataselectError(
                f"{item!r} makes a {type(found).__name__}, which is no scorer",
                accepted="an object with name, columns, fingerprint and score(batch)",
            )
    scorer: Scorer = found
    return scorer
