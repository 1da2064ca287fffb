"""The page about learned weights, as one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import numpy as np

from dataselect.report.drawing import number
from dataselect.report.learning_drawing import draw_curve, draw_fit, draw_weights
from dataselect.report.texts import visible
from dataselect.weighting.estimate import Estimate
from dataselect.weighting.learned import Learned

__all__ = ["render_learning"]

SHOWN = 12


def render_learning(
    learned: Learned,
    records: Mapping[str, Mapping[str, Any]],
    facts: Mapping[str, Any],
    *,
    title: str,
    version: str = "",
) -> str:
    """The HTML text: the weights, the regression's fit, the learning curve, runs and candidates.

    Args:
        learned: of `learn`.
        records: of the runs, in the order that they were learned from.
        facts: of the candidates and the proxy; see `learn_weights`.
        title: of the page.
        version: of this package.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    folder = files("dataselect.report")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["short"] = lambda text: visible(text, 160)[0]
    template = environment.from_string((folder / "learning.html.j2").read_text(encoding="utf-8"))
    validation = learned.validation
    left_out = learned.settings.get("left_out", {})
    used = [run_id for run_id in records if run_id not in left_out]
    shown = sorted(used, key=lambda run_id: _mean(records[run_id]["losses"]))
    return template.render(
        title=title,
        style=Markup((folder / "style.css").read_text(encoding="utf-8")),
        version=version,
        facts=_facts(facts, len(used)),
        words=learned.in_words,
        estimates=[
            _row("loss at the learned weights", learned.predicted),
            _row("gain over uniform weights", learned.gain_over_uniform),
            _row(f"gain over the best single score, {learned.best_single}",
                 learned.gain_over_single),
            _row("distance to uniform weights", learned.distance_to_uniform),
        ],
        weights=Markup(draw_weights(learned.names, learned.weights, learned.low, learned.high)),
        regressor=_regressor(learned),
        fit=Markup(draw_fit(validation.predicted, validation.observed, used)),
        curve=Markup(draw_curve(learned.curve.by_runs, learned.curve.expected)),
        targets=[_row(name, own) for name, own in learned.spearman.items()],
        sets=list(records[used[0]]["losses"]),
        runs=[_run(run_id, records[run_id]) for run_id in shown[:SHOWN]],
        more_runs=max(0, len(used) - SHOWN),
        candidates=_candidates(facts),
        undirected=facts["undirected"],
    )  # fmt: skip


def _facts(facts: Mapping[str, Any], runs: int) -> list[tuple[str, str]]:
    proxy = facts["proxy"]
    return [
        ("proxy", f"{proxy['proxy']} {proxy.get('size', '')}".strip()),
        ("runs", f"{runs:,}"),
        ("tokens a run", number(facts["tokens"])),
        ("candidates", f"{facts['candidates']:,}"),
        ("their tokens", number(facts["candidate_tokens"])),
    ]


def _candidates(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = [("documents in the corpus", facts["of"]), ("candidates", facts["candidates"])]
    rows += list(facts["left_out"].items())
    rows += [(f"without {name}", count) for name, count in facts["missing"].items()]
    return [(name, f"{count:,}") for name, count in rows]


def _regressor(learned: Learned) -> str:
    parts = [f"{share:.0%} {name}" for name, share in learned.members.items() if share > 0.005]
    return f"{learned.regressor}: {', '.join(parts)}" if parts else learned.regressor


def _row(name: str, own: Estimate) -> dict[str, str]:
    return {
        "name": name,
        "value": f"{own.value:.4f}",
        "interval": f"{own.low:.4f} to {own.high:.4f}" if np.isfinite(own.low) else "–",
    }


def _run(run_id: str, record: Mapping[str, Any]) -> dict[str, Any]:
    losses = record["losses"]
    return {
        "name": run_id,
        "mean": f"{_mean(losses):.4f}",
        "losses": [f"{loss:.4f}" for loss in losses.values()],
        "documents": f"{record['documents']:,}",
        "tokens": f"{record['tokens']:,}",
    }


def _mean(losses: Mapping[str, float]) -> float:
    return sum(losses.values()) / len(losses)
