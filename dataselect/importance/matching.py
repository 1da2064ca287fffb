"""When two answers are the same: the rule is an argument, and part of the result."""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from dataclasses import dataclass

from dataselect.errors import DataselectError
from zerocost.errors import nearest
from zerocost.registry import load_object

__all__ = ["Matching", "matching_of", "squad_form"]

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


@dataclass(frozen=True)
class Matching:
    """Two answers match, and are one candidate in a vote, where their keys are equal.

    Attributes:
        name: of the rule, for results and manifests.
        key: the form of an answer that is compared.
    """

    name: str
    key: Callable[[str], str]


def matching_of(rule: str | Callable[[str], str] | Matching) -> Matching:
    """A rule by name, or of a function of the user's from an answer to its key.

    Names: ``exact`` (as written), ``casefold`` (full Unicode case folding), ``squad`` (as SQuAD's
    evaluation does: lower case, without ASCII punctuation, English articles and extra spaces;
    Rajpurkar et al., EMNLP 2016).

    Raises:
        DataselectError: there is no rule of that name.
    """
    if isinstance(rule, Matching):
        return rule
    if callable(rule):
        return Matching(getattr(rule, "__qualname__", repr(rule)), rule)
    rules: dict[str, Callable[[str], str]] = {
        "exact": str,
        "casefold": str.casefold,
        "squad": squad_form,
    }
    if rule not in rules and ":" in rule:
        found = load_object(rule, kind="matching rule", error=DataselectError)
        if not callable(found):
            raise DataselectError(f"{rule} is {found!r}", accepted="a function from text to text")
        return Matching(rule, found)
    if rule not in rules:
        close = nearest(rule, rules)
        raise DataselectError(
            f"there is no matching rule {rule!r}",
            accepted=", ".join(rules) + ", or pkg.module:function from an answer to its key",
            hint=f"did you mean {' or '.join(close)}?" if close else None,
        )
    return Matching(rule, rules[rule])


def squad_form(answer: str) -> str:
    """Lower case without punctuation, articles and extra spaces."""
    plain = answer.lower().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", plain).split())
