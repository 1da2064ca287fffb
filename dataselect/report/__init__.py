"""One HTML page about a score folder: distributions, correlations, recipes, extremes."""

from dataselect.report.gather import ColumnReport, Gathered, RecipeReport, Rules, gather
from dataselect.report.run import write_report
from dataselect.report.texts import Shown, visible

__all__ = [
    "ColumnReport",
    "Gathered",
    "RecipeReport",
    "Rules",
    "Shown",
    "gather",
    "visible",
    "write_report",
]
