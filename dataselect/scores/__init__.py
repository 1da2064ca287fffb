"""The score table: one row a document, one folder of columns a scorer, part by part."""

from dataselect.scores.folder import DOCUMENT_COLUMNS, ScoreFolder, open_scores
from dataselect.scores.index import Index, Part, ScoredSource, ScorerEntry

__all__ = [
    "DOCUMENT_COLUMNS",
    "Index",
    "Part",
    "ScoreFolder",
    "ScoredSource",
    "ScorerEntry",
    "open_scores",
]
