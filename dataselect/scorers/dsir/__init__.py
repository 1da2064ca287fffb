"""DSIR: how much more likely a document's n-grams are in a target than in the corpus."""

from dataselect.scorers.dsir.features import Features
from dataselect.scorers.dsir.fitting import count_features, fit_dsir
from dataselect.scorers.dsir.model import DsirModel, load_dsir, save_dsir
from dataselect.scorers.dsir.scorer import Dsir, DsirOfCorpus, dsir

__all__ = [
    "Dsir",
    "DsirModel",
    "DsirOfCorpus",
    "Features",
    "count_features",
    "dsir",
    "fit_dsir",
    "load_dsir",
    "save_dsir",
]
