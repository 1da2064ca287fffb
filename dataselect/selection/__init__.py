"""Selection: from scores to the documents that are trained on."""

from dataselect.selection.aggregate import aggregate, scores_of_column
from dataselect.selection.budget import Budget, Quotas, amount_of, budget_of, quotas_of, shares_of
from dataselect.selection.choosing import choose
from dataselect.selection.contamination import Hits, Ngrams, find_hits, ngrams_of
from dataselect.selection.cut import Cut, Ranked, Taker, find_cut
from dataselect.selection.duplicates import (
    Duplicates,
    banding,
    content_hashes,
    exact_duplicates,
    near_duplicates,
    signatures,
)
from dataselect.selection.noise import gumbel
from dataselect.selection.run import run_selection
from dataselect.selection.settings import Settings
from dataselect.selection.sketch import QuantileSketch, merge_sketches, sketch_of
from dataselect.selection.summary import Summary, merge_summaries, summarise
from dataselect.selection.transforms import Stats, normalise
from dataselect.selection.weights import (
    ColumnWeight,
    Weights,
    read_weights,
    weights_from_json,
    write_weights,
)
from dataselect.selection.words import normalised_words

__all__ = [
    "Budget",
    "ColumnWeight",
    "Cut",
    "Duplicates",
    "Hits",
    "Ngrams",
    "QuantileSketch",
    "Quotas",
    "Ranked",
    "Settings",
    "Stats",
    "Summary",
    "Taker",
    "Weights",
    "aggregate",
    "amount_of",
    "banding",
    "budget_of",
    "choose",
    "content_hashes",
    "exact_duplicates",
    "find_cut",
    "find_hits",
    "gumbel",
    "merge_sketches",
    "merge_summaries",
    "near_duplicates",
    "ngrams_of",
    "normalise",
    "normalised_words",
    "quotas_of",
    "read_weights",
    "run_selection",
    "scores_of_column",
    "shares_of",
    "signatures",
    "sketch_of",
    "summarise",
    "weights_from_json",
    "write_weights",
]
