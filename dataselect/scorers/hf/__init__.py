"""Raters from the Hugging Face hub, or from a folder: any classifier of sequences."""

from __future__ import annotations

from dataselect.errors import DataselectError
from dataselect.scorers.hf.published import PUBLISHED, Published
from dataselect.scorers.hf.scorer import HfRater, hf_rater

__all__ = ["PUBLISHED", "HfRater", "Published", "hf_rater", "rater"]


def rater(argument: str) -> HfRater:
    """The rater of ``hf:NAME_OR_FOLDER``.

    Raises:
        DataselectError: the argument is of another form, or see `hf_rater`.
    """
    if not argument.startswith("hf:"):
        raise DataselectError(
            f"rater:{argument} names no rater",
            accepted="rater:hf:NAME_OR_FOLDER",
            hint="--scorers rater:hf:HuggingFaceFW/fineweb-edu-classifier",
        )
    return hf_rater(argument.removeprefix("hf:"))
