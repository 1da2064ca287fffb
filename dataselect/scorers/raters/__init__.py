"""Raters trained on labels of one's own, and how they are trained, kept and applied."""

from dataselect.scorers.raters.features import Features
from dataselect.scorers.raters.file import load_rater, save_rater
from dataselect.scorers.raters.labelled import Labelled, label, label_pairs
from dataselect.scorers.raters.rater import Rater
from dataselect.scorers.raters.training import Trained, train

__all__ = [
    "Features",
    "Labelled",
    "Rater",
    "Trained",
    "label",
    "label_pairs",
    "load_rater",
    "save_rater",
    "train",
]
