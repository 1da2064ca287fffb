"""How much is selected: a number of tokens or documents, or a share of them; shared by quotas."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Literal, cast

import numpy as np
from jaxtyping import Int64

from dataselect.errors import DataselectError
from zerocost.errors import did_you_mean

__all__ = [
    "OTHERS",
    "Budget",
    "Quotas",
    "amount_of",
    "budget_of",
    "check_quotas",
    "quotas_of",
    "shares_of",
]

OTHERS = "(all others)"
_MOST = 2**63 - 1
_UNITS = {"": 0, "K": 3, "M": 6, "B": 9, "G": 9, "T": 12}


@dataclass(frozen=True)
class Budget:
    """What is asked for.

    Attributes:
        kind: ``tokens``, ``docs``, or ``fraction`` of all documents of the score table.
        amount: of it; a fraction is exact, so that 0.29 of 100 documents are 29.
    """

    kind: Literal["tokens", "docs", "fraction"]
    amount: Fraction

    def units(self, documents: int) -> int:
        """The budget as a whole number of tokens or documents, rounded down.

        Args:
            documents: in the corpus.
        """
        if self.kind == "fraction":
            return math.floor(self.amount * documents)
        return math.floor(self.amount)


def amount_of(text: str, *, what: str, share: bool = False) -> Fraction:
    """An amount as people write it: 5M, 1.5B, 20_000, 0.15.

    Args:
        text: a number, then nothing or one of K, M, B (or G), T.
        what: it is, for messages.
        share: whether it is a share, in 0 .. 1, and not a whole number.

    Raises:
        DataselectError: no such number, below 0, above 1 as a share, or not whole.
    """
    accepted = "a share from 0 to 1" if share else "a whole number, as 250000, 5M or 1.5B"
    body = text.strip().replace("_", "").replace(",", "")
    unit = "" if share or not body else body[-1].upper()
    power = _UNITS.get(unit, 0) if unit.isalpha() else 0
    if unit.isalpha() and unit in _UNITS:
        body = body[:-1]
    try:
        number = Decimal(body)
    except InvalidOperation:
        number = Decimal("NaN")
    # As a fraction 1e99999999 would be made of as many digits.
    if not number.is_finite() or number < 0 or (share and number > 1) or _exponent(number) > 30:
        raise DataselectError(f"{what} is {text!r}", accepted=accepted)
    amount = Fraction(number) * int(10**power)
    if not share and (amount.denominator != 1 or amount > _MOST):
        raise DataselectError(f"{what} is {text!r}", accepted=accepted)
    return amount


def _exponent(number: Decimal) -> int:
    return abs(number.adjusted()) if number else 0


def budget_of(
    *, tokens: str | None = None, docs: str | None = None, fraction: str | None = None
) -> Budget | None:
    """The budget as typed; None where there is none.

    Raises:
        DataselectError: there is more than one, or it is no amount; see `amount_of`.
    """
    given = {"tokens": tokens, "docs": docs, "fraction": fraction}
    asked = {kind: text for kind, text in given.items() if text is not None}
    if len(asked) > 1:
        raise DataselectError(
            f"there are {len(asked)} budgets: {', '.join(f'--{kind}' for kind in asked)}",
            accepted="one of --tokens, --docs and --fraction",
        )
    for kind, text in asked.items():
        amount = amount_of(text, what=f"--{kind}", share=kind == "fraction")
        return Budget(cast(Literal["tokens", "docs", "fraction"], kind), amount)
    return None


@dataclass(frozen=True)
class Quotas:
    """Shares of the budget for some values of a column; the others have what remains.

    Attributes:
        column: of the documents: ``domain``, or another that the score table has.
        shares: by value; in 0 .. 1, together at most 1.
    """

    column: str
    shares: Mapping[str, Fraction]

    @property
    def groups(self) -> list[str]:
        """The names of the groups: each value with a quota, then all others."""
        return [*self.shares, OTHERS]

    def group_of(self, values: Sequence[str | None]) -> Int64[np.ndarray, " n"]:
        """The group of each document, by its value in the column; a null is among the others."""
        at = {name: i for i, name in enumerate(self.shares)}
        return np.array(
            [at.get(v, len(at)) if v is not None else len(at) for v in values], np.int64
        )


def quotas_of(texts: Sequence[str], column: str) -> Quotas:
    """Quotas as typed, ``NAME=SHARE``.

    Raises:
        DataselectError: no such form, a name twice, a share outside 0 .. 1, or a sum above 1.
    """
    shares: dict[str, Fraction] = {}
    for text in texts:
        name, equals, share = text.rpartition("=")
        if not equals or not name:
            raise DataselectError(
                f"the quota is {text!r}", accepted="DOMAIN=SHARE, as wikipedia=0.2"
            )
        if name in shares:
            raise DataselectError(f"{name!r} has two quotas", accepted="one a domain")
        shares[name] = amount_of(share, what=f"the quota of {name!r}", share=True)
    total = sum(shares.values(), Fraction(0))
    if total > 1:
        raise DataselectError(
            f"the quotas add up to {float(total):g}",
            accepted="shares of the budget, together at most 1",
        )
    return Quotas(column, shares)


def shares_of(units: int, quotas: Quotas) -> Int64[np.ndarray, " groups"]:
    """The budget of each group, a whole number each, together exactly the budget.

    Each gets its share rounded down; what is over goes, one unit each, to those that lost most by
    it (Hamilton's method), of equals the first.
    """
    exact = [*(share * units for share in quotas.shares.values())]
    exact.append(units - sum(exact, Fraction(0)))
    whole = [math.floor(part) for part in exact]
    lost = sorted(range(len(exact)), key=lambda i: (whole[i] - exact[i], i))
    for i in lost[: units - sum(whole)]:
        whole[i] += 1
    return np.array(whole, dtype=np.int64)


def check_quotas(quotas: Quotas, found: Mapping[str, int]) -> None:
    """Refuse a quota for a value that no document has.

    Raises:
        DataselectError: with the nearest values.
    """
    for name in quotas.shares:
        if name not in found:
            most = sorted(found, key=lambda value: (-found[value], value))
            raise DataselectError(
                f"no document has the {quotas.column} {name!r}",
                accepted=", ".join(most[:12]) + (" ..." if len(most) > 12 else ""),
                hint=did_you_mean(name, most[:2000]),
            )
