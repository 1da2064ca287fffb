"""One ledger for several workers, on every kind of storage that a test can have."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest

from nasproxy.errors import NasproxyError
from nasproxy.scoring.candidates import Candidate
from nasproxy.search.evaluation import Evaluation
from nasproxy.search.shared_ledger import SharedLedger
from nasproxy.search.studies import shared_studies


@pytest.fixture(params=["memory", "journal", "sqlite"])
def study(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[optuna.Study]:
    if request.param == "memory":
        yield optuna.create_study()
        return
    storage = {"journal": str(tmp_path / "s.log"), "sqlite": f"sqlite:///{tmp_path / 's.db'}"}
    yield shared_studies(storage[request.param], "one", [True])[1]


def _evaluation(function: str, scored: bool = True) -> Evaluation:
    candidate = Candidate(function, function, {"naswot": 1.5}, {}) if scored else None
    return Evaluation(function, function, candidate, {"params": 2.0}, "" if scored else "too large")


def test_a_function_is_had_by_one(study: optuna.Study) -> None:
    one, other = (SharedLedger(study, {"seed": 0}) for _ in range(2))
    assert one.claim("f", 10) == "mine"
    assert other.claim("f", 10) == "elsewhere"
    assert other.claim("g", 10) == "mine"
    one.complete(_evaluation("f"))
    assert list(other.refresh()) == [_evaluation("f")]
    assert other.claim("f", 10) == "elsewhere"
    other.complete(_evaluation("g"))
    assert list(one.refresh()) == list(other.refresh()) == [_evaluation("f"), _evaluation("g")]
    late = SharedLedger(study, {"seed": 0})
    assert list(late.refresh()) == list(one.refresh())


def test_a_claim_that_was_not_read_yet_still_holds(study: optuna.Study) -> None:
    one, other = (SharedLedger(study, {}) for _ in range(2))
    read = other._read
    assert one.claim("f", 10) == "mine"
    other._read = read  # it has not looked since
    assert other.claim("f", 10) == "elsewhere"
    assert [t.user_attrs["event"] for t in study.get_trials()].count("claim") == 2


def test_the_budget_counts_what_is_scored_and_what_is_held(study: optuna.Study) -> None:
    one, other = (SharedLedger(study, {}) for _ in range(2))
    assert one.claim("a", 2) == "mine"
    one.complete(_evaluation("a", scored=False))  # outside the limits, and no part of the budget
    assert one.claim("b", 2) == "mine"
    assert other.claim("c", 2) == "mine"
    assert SharedLedger(study, {}).claim("d", 2) == "elsewhere"
    one.refresh()
    assert one.enough(2)
    assert not one.enough(3)
    one.complete(_evaluation("b"))
    other.complete(_evaluation("c"))
    assert [found.function for found in one.refresh()] == ["a", "b", "c"]


def test_what_a_silent_worker_holds_is_released_and_its_late_result_dropped(
    study: optuna.Study,
) -> None:
    slow, quick = SharedLedger(study, {}), SharedLedger(study, {}, stale_after=0.4)
    slow._stale_after = 1e9  # it never says that it lives
    assert slow.claim("f", 5) == "mine"
    quick.wait()
    assert quick.claim("f", 5) == "elsewhere"
    until = time.monotonic() + 20
    while quick.claim("f", 5) != "mine":
        quick.wait()
        assert time.monotonic() < until
    slow.complete(Evaluation("f", "f", Candidate("f", "f", {"naswot": -1.0}, {})))
    quick.complete(_evaluation("f"))
    assert list(quick.refresh()) == list(slow.refresh()) == [_evaluation("f")]


def test_a_worker_that_says_it_lives_keeps_what_it_has(study: optuna.Study) -> None:
    long, other = (SharedLedger(study, {}, stale_after=0.6) for _ in range(2))
    assert long.claim("f", 5) == "mine"
    until = time.monotonic() + 2.0
    while time.monotonic() < until:
        other.wait()
        assert other.claim("f", 5) == "elsewhere"
    long.complete(_evaluation("f"))
    assert list(other.refresh()) == [_evaluation("f")]


def test_a_process_that_is_gone_is_known_at_once(tmp_path: Path) -> None:
    journal = tmp_path / "s.log"
    code = (
        "import sys, os\n"
        "from nasproxy.search.studies import shared_studies\n"
        "from nasproxy.search.shared_ledger import SharedLedger\n"
        "ledger = SharedLedger(shared_studies(sys.argv[1], 'one', [True])[1], {})\n"
        "assert ledger.claim('f', 5) == 'mine'\n"
        "os._exit(9)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[4])}
    ended = subprocess.run([sys.executable, "-c", code, str(journal)], env=environment, check=False)
    assert ended.returncode == 9
    ledger = SharedLedger(shared_studies(str(journal), "one", [True])[1], {}, stale_after=1e6)
    assert ledger.claim("f", 5) == "elsewhere"
    ledger.wait()
    assert ledger.claim("f", 5) == "mine"


def test_other_settings_are_refused(study: optuna.Study) -> None:
    SharedLedger(study, {"seed": 0, "proxies": ["a"]})
    with pytest.raises(NasproxyError, match="seed: 0 there, 1 now"):
        SharedLedger(study, {"seed": 1, "proxies": ["a"]})


@pytest.mark.parametrize(
    ("storage", "message"),
    [
        ("{here}", "a folder"),
        ("{here}/absent/study.log", "in no folder"),
        ("nodatabase://x", "cannot be opened"),
    ],
)
def test_storages_that_cannot_be_opened_are_named(
    tmp_path: Path, storage: str, message: str
) -> None:
    with pytest.raises(NasproxyError, match=message):
        shared_studies(storage.format(here=tmp_path), "one", [True])


def test_another_number_of_objectives_is_refused(tmp_path: Path) -> None:
    arguments: tuple[Any, ...] = (str(tmp_path / "s.log"), "one")
    shared_studies(*arguments, [True])
    with pytest.raises(NasproxyError, match="has the directions maximize"):
        shared_studies(*arguments, [True, False])
