"""Budgets and quotas as they are typed."""

from fractions import Fraction

import pytest

from dataselect.errors import DataselectError
from dataselect.selection.budget import (
    OTHERS,
    amount_of,
    budget_of,
    check_quotas,
    quotas_of,
    shares_of,
)
from dataselect.selection.settings import Settings


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("5M", 5_000_000),
        ("1.5B", 1_500_000_000),
        ("2k", 2_000),
        ("1e6", 1_000_000),
        ("20_000", 20_000),
        ("20,000", 20_000),
        ("3T", 3 * 10**12),
        ("0", 0),
    ],
)
def test_amounts(text: str, amount: int) -> None:
    assert amount_of(text, what="--tokens") == amount


@pytest.mark.parametrize(
    "text",
    ["", "M", "-1", "nan", "inf", "1.5", "5X", "1.2345K", "five", "1e99999999", "100000000000T"],
)
def test_no_amounts(text: str) -> None:
    with pytest.raises(DataselectError, match="--tokens is"):
        amount_of(text, what="--tokens")


def test_a_fraction_is_exact() -> None:
    budget = budget_of(fraction="0.29")
    assert budget is not None
    assert budget.units(100) == 29
    assert budget.units(10) == 2
    for wrong in ("1.1", "-0.1", "15%"):
        with pytest.raises(DataselectError, match="from 0 to 1"):
            budget_of(fraction=wrong)


def test_one_budget_at_a_time() -> None:
    with pytest.raises(DataselectError, match="2 budgets: --tokens, --docs"):
        budget_of(tokens="1", docs="2")
    assert budget_of() is None


def test_quotas_are_shared_by_the_largest_remainders() -> None:
    quotas = quotas_of(["a=0.5", "b=0.33"], "domain")
    assert quotas.groups == ["a", "b", OTHERS]
    assert shares_of(10, quotas).tolist() == [5, 3, 2]
    assert shares_of(7, quotas).tolist() == [4, 2, 1]
    assert quotas.group_of(["b", None, "a", "z"]).tolist() == [1, 2, 0, 2]


def test_a_domain_may_hold_an_equals_sign() -> None:
    assert quotas_of(["x=y=0.25"], "domain").shares == {"x=y": Fraction(1, 4)}


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["a"], "the quota is 'a'"),
        (["=0.5"], "the quota is '=0.5'"),
        (["a=2"], "the quota of 'a' is '2'"),
        (["a=0.5", "a=0.1"], "'a' has two quotas"),
        (["a=0.7", "b=0.4"], "the quotas add up to 1.1"),
    ],
)
def test_wrong_quotas(texts: list[str], said: str) -> None:
    with pytest.raises(DataselectError) as caught:
        quotas_of(texts, "domain")
    assert said in str(caught.value)


def test_a_quota_for_a_domain_that_is_not_there() -> None:
    with pytest.raises(DataselectError) as caught:
        check_quotas(quotas_of(["wikipedai=0.5"], "domain"), {"wikipedia": 5, "books": 9})
    assert "accepted: books, wikipedia" in str(caught.value)
    assert "did you mean wikipedia?" in str(caught.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "nothing to rank by"),
        ({"by": "a"}, "neither a budget nor a threshold"),
        ({"by": "a", "budget": budget_of(docs="1"), "temperature": -1.0}, "the temperature is -1"),
        ({"by": "a", "threshold": 1.0, "temperature": 1.0}, "without a budget"),
        ({"by": "a", "threshold": float("nan")}, "the threshold is nan"),
        ({"by": "a", "threshold": 1.0, "duplicates": "near", "similarity": 1.5}, "1.5"),
    ],
)
def test_settings_that_make_no_sense(options: dict[str, object], said: str) -> None:
    with pytest.raises(DataselectError) as caught:
        Settings(**options)  # type: ignore[arg-type]
    assert said in str(caught.value)
