"""Published raters: what their outputs mean, and how their authors read long documents."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from dataselect.scorers.scorer import Column

__all__ = ["PUBLISHED", "Published", "published"]

Reading = Literal["expected class", "argmax", "regression", "probability", "each probability"]
Long = Literal["beginning", "mean"]

_META_RATER = "Zhuang et al. 2025 (Meta-rater)"


@dataclass(frozen=True)
class Published:
    """How the outputs of a classifier become columns.

    Attributes:
        columns: what they mean.
        readings: by the number of outputs: how these become the columns. "expected class" is the
            mean class by the softmax of the outputs, "argmax" the likeliest one, "regression" the
            outputs themselves, "probability" the softmax of the last of two outputs, "each
            probability" a column for each.
        tokens: how many the rater reads at a time, the special ones included.
        long: what of a longer document: its beginning, or the mean over its pieces, weighted by
            their tokens.
        special: whether special tokens are added.
        padding: the token that fills batches up; None for the tokenizer's own.
        sigmoid: whether probabilities are of each output by itself, instead of among all.
    """

    columns: tuple[Column, ...]
    readings: Mapping[int, Reading]
    tokens: int
    long: Long
    special: bool = True
    padding: int | None = None
    sigmoid: bool = False


def _prrc(name: str, definition: str) -> Published:
    column = Column(f"modernbert_{name}", "float64", "points", 0.0, 5.0, 1, definition, _META_RATER)
    # The model cards speak of regression, the training code has six classes: the head decides.
    return Published((column,), {6: "expected class", 1: "regression"}, 4096, "beginning")


def _qurater(name: str, definition: str) -> Column:
    return Column(
        f"qurater_{name}", "float64", "log odds", -math.inf, math.inf, 1, definition,
        "Wettig et al. 2024 (QuRating)",
    )  # fmt: skip


def _wanjuan(name: str, definition: str) -> Published:
    column = Column(name, "float64", "probability", 0.0, 1.0, 1, definition, _META_RATER)
    return Published((column,), {2: "probability"}, 512, "beginning")


PUBLISHED: Mapping[str, Published] = {
    "opendatalab/meta-rater-professionalism-rating": _prrc(
        "professionalism", "how much expertise the text asks for, 0 to 5"
    ),
    "opendatalab/meta-rater-readability-rating": _prrc(
        "readability", "how clear and coherent the text is, 0 to 5"
    ),
    "opendatalab/meta-rater-reasoning-rating": _prrc(
        "reasoning", "how many steps and sides its reasoning has, 0 to 5"
    ),
    "opendatalab/meta-rater-cleanliness-rating": _prrc(
        "cleanliness", "how well formatted, complete and free of noise it is, 0 to 5"
    ),
    "HuggingFaceFW/fineweb-edu-classifier": Published(
        (
            Column(
                "fineweb_edu", "float64", "points", -math.inf, math.inf, 1,
                "educational value, 0 to 5 and a little beyond; 3 and more is kept in FineWeb-Edu",
                "Penedo et al. 2024 (FineWeb)",
            ),
        ),
        {1: "regression"},
        512,
        "beginning",
    ),
    "princeton-nlp/QuRater-1.3B": Published(
        (
            _qurater("writing_style", "how good the writing is, as log odds against other texts"),
            _qurater("required_expertise", "how much expertise it asks for, likewise"),
            _qurater("facts_and_trivia", "how many facts it holds, likewise"),
            _qurater("educational_value", "how much can be learnt from it, likewise"),
        ),
        {4: "regression"},
        512,
        "mean",
        special=False,
        padding=0,
    ),
    # Meta-rater's names; where these two are published was not found, so a folder has to be given.
    "ad_en": _wanjuan(
        "ad_en", "probability of class 1 of the advertisement classifier, the better one there"
    ),
    "fluency_en": _wanjuan(
        "fluency_en", "probability of class 1 of the fluency classifier, the better one there"
    ),
}  # fmt: skip
"""By the name on the hub. A folder is known by the last part of such a name."""


def published(name: str) -> Published | None:
    """What is known of a rater, by its name on the hub or the name of its folder."""
    if name in PUBLISHED:
        return PUBLISHED[name]
    last = PurePath(name).name
    return next((found for key, found in PUBLISHED.items() if PurePath(key).name == last), None)
