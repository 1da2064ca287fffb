"""How far each heuristic agrees with people, as measured, with the command that measured it."""

from __future__ import annotations

__all__ = ["AGREEMENT"]

AGREEMENT = {
    "heuristic_readability": "Agreement with people: not measured yet",
    "heuristic_professionalism": "Agreement with people: not measured, for want of labels",
    "heuristic_reasoning": "Agreement with people: not measured, for want of labels",
    "heuristic_cleanliness": "Agreement with people: not measured yet",
}
"""Column -> a sentence."""
