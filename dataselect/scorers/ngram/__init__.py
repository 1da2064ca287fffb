"""n-gram language models: the perplexity of documents, without building KenLM."""

from dataselect.scorers.ngram.fitting import fit_ngram
from dataselect.scorers.ngram.kneser_ney import NgramSettings, train
from dataselect.scorers.ngram.model import NgramModel, load_ngram, save_ngram
from dataselect.scorers.ngram.scorer import Perplexity, ppl

__all__ = [
    "NgramModel",
    "NgramSettings",
    "Perplexity",
    "fit_ngram",
    "load_ngram",
    "ppl",
    "save_ngram",
    "train",
]
