"""Searches under limits that one random architecture in thousands keeps."""

import math

import pytest

from nasproxy.proxies import get_all
from nasproxy.scoring.candidates import Candidate
from nasproxy.search.approach import LOST, Approach
from nasproxy.search.evaluation import Evaluation, evaluator
from nasproxy.search.limits import Limit, excess
from nasproxy.search.loop import Search
from nasproxy.search.samplers import SamplerOptions
from nasproxy.spaces.bert_mobilebert.architecture import Encoder
from nasproxy.spaces.bert_mobilebert.space import BertMobileBERT

SPACE = BertMobileBERT()
LIMIT = Limit("params", 10e6)


def params(architecture: Encoder) -> float:
    return float(SPACE.counts(architecture)["parameters"])


def search(sampler: str) -> Search[Encoder]:
    def score(architecture: Encoder) -> Candidate:
        text = str(architecture)
        return Candidate(text, text, {"naswot": params(architecture)}, {})

    return Search(
        SPACE,
        evaluator(score, lambda architecture: {"params": params(architecture)}, [LIMIT]),
        get_all(["naswot"]),
        options=SamplerOptions(sampler, seed=0, population=10, tournament=3),
    )


@pytest.mark.parametrize("sampler", ["evolution", "nsga2"])
def test_a_tight_limit_is_approached(sampler: str) -> None:
    *_, last = search(sampler).run(30)
    assert all(found.costs["params"] <= LIMIT.most for found in last.evaluations)
    assert last.proposals < 2_000  # of random architectures about one in 5,000 is within
    first = [found.architecture.split("|") for found in last.evaluations[:10]]
    apart = [sum(a != b for a, b in zip(x, y, strict=True)) for x in first for y in first if x < y]
    assert sum(apart) / len(apart) > 6  # of 12 layers: each has an origin of its own


def test_the_same_seed_approaches_on_the_same_way() -> None:
    one, two = (
        [e.architecture for e in list(search("nsga2").run(3))[-1].evaluations] for _ in "ab"
    )
    assert one == two


def test_only_after_many_outside_and_from_the_nearest() -> None:
    approach: Approach[str] = Approach()

    def outside(by: float) -> Evaluation:
        return Evaluation("", "", None, {}, "above", by)

    starts = [approach.start_after(str(i), outside(float(10 - i % 7))) for i in range(LOST)]
    assert starts == [None] * (LOST - 1) + ["6"]
    assert approach.start_after("far", outside(50.0)) == "6"
    assert approach.start_after("near", outside(1.5)) == "near"
    assert approach.start_after("in", Evaluation("", "", None)) is None
    assert approach.start_after("out", outside(2.0)) is None


def test_excess_is_the_largest_ratio_and_finite() -> None:
    limits = [Limit("params", 10.0), Limit("flops", 4.0)]
    assert excess(limits, {"params": 15.0, "flops": 8.0}) == 2.0
    assert math.isfinite(excess(limits, {"params": math.nan, "flops": 8.0}))
