"""A corpus filtered by the thresholds of a recipe."""

from dataselect.filtering.run import FilterSummary, filter_corpus

__all__ = ["FilterSummary", "filter_corpus"]
