"""Sections of the page about learned weights: the runs behind them, and the candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import isnan
from statistics import fmean
from typing import Any

from dataselect.weighting.choice import Choice
from dataselect.weighting.pool import Pool

__all__ = ["run_sections"]

SHOWN = 12


def run_sections(
    pool: Pool, records: Mapping[str, Mapping[str, Any]], choice: Choice
) -> list[tuple[str, str, str]]:
    """An anchor, a heading and HTML of each, for `render`.

    Args:
        pool: the candidates.
        records: of the runs, by run id.
        choice: which weights were kept.
    """
    again = [] if choice.measured is None else [("again", "Trained again", _again(choice))]
    return [
        *again,
        ("runs", "Runs", _runs(records)),
        ("candidates", "Candidates", _candidates(pool)),
    ]


def _runs(records: Mapping[str, Mapping[str, Any]]) -> str:
    best = sorted(records, key=lambda run_id: _mean(records[run_id]["losses"]))
    sets = list(records[best[0]]["losses"])
    rows = []
    for run_id in best[:SHOWN]:
        own = records[run_id]
        losses = [own["losses"][name] for name in sets]
        numbers = [f"{loss:.4f}" for loss in (_mean(own["losses"]), *losses)]
        rows.append((run_id, *numbers, f"{own['documents']:,}", f"{own['tokens']:,}"))
    more = len(best) - len(rows)
    lead = "Measured losses in nats a token, the lowest mean first." + (
        f" {more:,} more runs are in runs.parquet." if more else ""
    )
    return _table(lead, ("run", "mean", *sets, "documents", "tokens"), rows)


def _again(choice: Choice) -> str:
    assert choice.measured is not None
    seeds = len(next(iter(choice.measured.values()))) - 1
    rows = []
    for run_id, own in choice.measured.items():
        numbers = ["diverged" if isnan(loss) else f"{loss:.4f}" for loss in (*own, fmean(own))]
        rows.append((run_id + (" (chosen)" if run_id == choice.run_id else ""), *numbers))
    lead = (
        f"Losses of the objective. The best of {choice.tried:,} measured losses is partly luck: "
        "each further seed judges what the other seeds choose."
    )
    heads = ("run", "seed of the design", *(f"further seed {at + 1}" for at in range(seeds)))
    return _table(lead, (*heads, "mean"), rows)


def _candidates(pool: Pool) -> str:
    rows = [
        ("documents of the corpus", f"{pool.of:,}"),
        ("candidates", f"{len(pool.documents):,}"),
        ("their tokens", f"{pool.tokens:,}"),
        *((f"left out: {why}", f"{count:,}") for why, count in pool.left_out.items()),
        *((f"candidates without {name}", f"{count:,}") for name, count in pool.missing.items()),
        *(
            (f"validation tokens of {name}", f"{len(own.tokens):,}")
            for name, own in pool.data.validation.items()
        ),
    ]
    lead = (
        "No validation document is a candidate, nor is one that shares thirteen words in a row "
        "with it or is a near copy."
    )
    if pool.columns.undirected:
        lead += (
            " No direction is declared for "
            f"{', '.join(pool.columns.undirected)}: more was taken as better."
        )
    return _table(lead, ("", ""), rows)


def _table(lead: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    heads = "".join(
        f"<th{' class=n' if i else ''}>{escape(name)}</th>" for i, name in enumerate(head)
    )
    lines = []
    for first, *others in rows:
        cells = "".join(f'<td class="n">{escape(cell)}</td>' for cell in others)
        lines.append(f'<tr><td class="mono">{escape(first)}</td>{cells}</tr>')
    return (
        f'<p class="lead">{escape(lead)}</p><div class="scroll"><table><thead><tr>{heads}</tr>'
        f"</thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


def _mean(losses: Mapping[str, float]) -> float:
    return sum(losses.values()) / len(losses)
