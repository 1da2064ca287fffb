"""How far each heuristic agrees with people, as measured, with the command that measured it."""

from __future__ import annotations

__all__ = ["AGREEMENT"]

_UNMEASURED = "Agreement with people: not measured, for want of labels"

AGREEMENT = {
    "heuristic_readability": (
        "Agreement with people: Spearman 0.598 (0.578 to 0.615) with the ease of 4,724 excerpts of "
        "CLEAR (dataselect rater evaluate heuristics clear.parquet --text Excerpt "
        "--label BT_easiness --column heuristic_readability)"
    ),
    "heuristic_professionalism": _UNMEASURED,
    "heuristic_reasoning": _UNMEASURED,
    "heuristic_cleanliness": (
        "Agreement with people: AUC 0.810 (0.753 to 0.862) on the 250 web pages that DCLM had "
        "judged (dataselect rater evaluate heuristics dclm_human_250.jsonl "
        "--column heuristic_cleanliness)"
    ),
}
"""Column -> a sentence."""
