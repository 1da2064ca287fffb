"""What a selection came to, as JSON values: for people, programs and the manifest."""

from __future__ import annotations

import math
from typing import Any

from dataselect.selection.cut import Cut
from dataselect.selection.domains import Count
from dataselect.selection.evaluation import Evaluation
from dataselect.selection.keys import scores_of
from dataselect.selection.ranking_pass import Plan, RankingResult
from dataselect.selection.settings import Settings
from dataselect.selection.taking import Taken

__all__ = ["outcome"]

DOMAINS = 1_000


def outcome(
    settings: Settings,
    plan: Plan,
    ranking: RankingResult,
    cut: Cut,
    budgets: list[int] | None,
    taken: Taken,
    documents: int,
    evaluation: Evaluation | None,
) -> dict[str, Any]:
    """The summary of a selection.

    Args:
        settings: what was asked.
        plan: how documents were ranked.
        ranking: what was missing.
        cut: where the budgets ended.
        budgets: of each group; None without a budget.
        taken: what was selected.
        documents: in the corpus.
        evaluation: what was kept out.
    """
    chosen = sum(taken.documents)
    return {
        "documents": chosen,
        "of": documents,
        "tokens": _tokens(plan, ranking, taken),
        "ranking": _ranking(plan),
        "missing": _missing(plan, ranking),
        "threshold": settings.threshold,
        "budget": _budget(settings, cut, budgets, taken),
        "sample": None
        if not settings.temperature
        else {
            "temperature": "inf" if math.isinf(settings.temperature) else settings.temperature,
            "seed": settings.seed,
            "log_weights": settings.log_weights,
        },
        "scores": {
            "low": _finite(taken.scores.low),
            "high": _finite(taken.scores.high),
            "mean": taken.scores.mean if chosen else None,
        },
        "left_out": dict(taken.reasons),
        "quotas": _quotas(settings, cut, budgets, taken),
        "domains": _domains(taken),
        "further_domains": _count(taken.domains.others) if taken.domains.others.documents else None,
        "evaluation": _evaluation(settings, evaluation),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _tokens(plan: Plan, ranking: RankingResult, taken: Taken) -> dict[str, Any] | None:
    if plan.tokens is None:
        return None
    return {
        "column": plan.tokens,
        "estimate": plan.estimate,
        "selected": sum(taken.tokens),
        "of": ranking.tokens,
    }


def _ranking(plan: Plan) -> dict[str, Any]:
    own = plan.ranking
    if own.weights is None:
        return {"by": own.by, "prefer": "high" if own.orientation > 0 else "low"}
    return {
        "columns": {
            name: {
                "weight": column.weight,
                "orientation": column.orientation,
                "transform": column.transform,
                "missing": column.missing,
            }
            for name, column in own.weights.columns.items()
        }
    }


def _missing(plan: Plan, ranking: RankingResult) -> dict[str, Any]:
    weights = plan.ranking.weights
    return {
        name: {
            "documents": count,
            "rule": "drop" if weights is None else weights.columns[name].missing,
        }
        for name, count in ranking.missing.items()
        if count
    }


def _budget(
    settings: Settings, cut: Cut, budgets: list[int] | None, taken: Taken
) -> dict[str, Any] | None:
    """How much there was, how much is left, and which score ended it."""
    if settings.budget is None or budgets is None:
        return None
    used = taken.tokens if settings.budget.kind == "tokens" else taken.documents
    single = len(budgets) == 1
    ended = single and not cut.everything[0]
    return {
        "kind": settings.budget.kind,
        "unit": "tokens" if settings.budget.kind == "tokens" else "documents",
        "amount": sum(budgets),
        "used": sum(used),
        "everything": bool(cut.everything.all()),
        "next": taken.next_cost[0] if single and taken.next_cost[0] >= 0 else None,
        "cut": float(scores_of(cut.keys)[0]) if ended and not settings.temperature else None,
    }


def _quotas(
    settings: Settings, cut: Cut, budgets: list[int] | None, taken: Taken
) -> list[dict[str, Any]] | None:
    """Each group's budget and what it was used for; unmet where its candidates did not suffice."""
    if settings.quotas is None or budgets is None or settings.budget is None:
        return None
    shares = [float(share) for share in settings.quotas.shares.values()]
    shares.append(max(0.0, 1 - sum(shares)))
    used = taken.tokens if settings.budget.kind == "tokens" else taken.documents
    return [
        {
            settings.quotas.column: name,
            "share": share,
            "budget": budget,
            "used": own,
            "documents": documents,
            "unmet": bool(cut.everything[g] and own < budget),
        }
        for g, (name, share, budget, own, documents) in enumerate(
            zip(settings.quotas.groups, shares, budgets, used, taken.documents, strict=True)
        )
    ]


def _domains(taken: Taken) -> list[dict[str, Any]]:
    """Selected documents and tokens by domain, the most documents first; a thousand at the most."""
    selected = [(name, count) for name, count in taken.domains.of.items() if count.selected]
    order = sorted(
        selected, key=lambda item: (-item[1].selected, item[0] is not None, item[0] or "")
    )
    return [{"domain": name} | _count(count) for name, count in order[:DOMAINS]]


def _count(count: Count) -> dict[str, int]:
    return {"documents": count.selected, "of": count.documents, "tokens": count.tokens}


def _evaluation(settings: Settings, evaluation: Evaluation | None) -> dict[str, Any] | None:
    """What of each evaluation set was looked for, and what was not."""
    if evaluation is None:
        return None
    return {
        "ngram": settings.ngram,
        "short_from": settings.exclude_short,
        "copies": settings.exclude_copies,
        "files": [
            {
                "file": file.address,
                "documents": file.documents,
                "not_read": dict(file.not_read),
                "short": file.short,
                "short_looked_for": file.whole,
            }
            for file in evaluation.files
        ],
    }
