"""Estimates of readability, professionalism, reasoning and cleanliness without any model."""

from dataselect.scorers.heuristics.scorer import HEURISTICS, Heuristics

__all__ = ["HEURISTICS", "Heuristics"]
