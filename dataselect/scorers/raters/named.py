"""The kind of scorer `rater`: what stands behind ``rater:`` in a list of scorers."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from dataselect.errors import DataselectError
from dataselect.scorers.scorer import Scorer

__all__ = ["rater_of", "scorer_to_evaluate"]

_HUGGING_FACE = "hf:"
_FASTTEXT = (".bin", ".ftz")
_FILES = (".safetensors", *_FASTTEXT)


def rater_of(argument: str) -> Scorer:
    """The rater of a file, or of the Hugging Face hub.

    Args:
        argument: a file that `dataselect rater train` wrote; a fastText classifier, ``FILE.bin``
            or ``FILE.bin#LABEL``; or ``hf:`` with a name or folder.

    Raises:
        DataselectError: there is no such rater, or it cannot be used.
    """
    if argument.startswith(_HUGGING_FACE):
        from dataselect.scorers.hf import hf_rater

        return cast(Scorer, hf_rater(argument.removeprefix(_HUGGING_FACE)))
    path, _, chosen = argument.partition("#")
    if Path(path).suffix in _FASTTEXT:
        from dataselect.scorers.raters.fasttext import fasttext_rater

        return cast(Scorer, fasttext_rater(Path(path), chosen or None))
    if not argument:
        raise DataselectError(
            "a rater without a name",
            accepted="rater:FILE.safetensors, rater:FILE.bin or rater:hf:NAME",
            hint="dataselect rater train LABELS --out rater.safetensors",
        )
    from dataselect.scorers.raters.file import load_rater

    return cast(Scorer, load_rater(Path(argument)))


def scorer_to_evaluate(text: str) -> Scorer:
    """The scorer of a rater's file, or of a name as in ``score --scorers``.

    Raises:
        DataselectError: there is none, or it says something of documents in a corpus only.
    """
    from dataselect.scorers.named import scorers_of

    if ":" not in text and Path(text.partition("#")[0]).suffix in _FILES:
        return rater_of(text)
    found = scorers_of(text)[0]
    if isinstance(found, Scorer):
        return found
    raise DataselectError(
        f"{text} scores documents against the corpus that they are in",
        accepted="a scorer of single documents",
        hint="fit it first: dataselect fit dsir --help",
    )
