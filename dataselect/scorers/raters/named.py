"""The kind of scorer `rater`: what stands behind ``rater:`` in a list of scorers."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import cast

from dataselect.errors import DataselectError
from dataselect.scorers.scorer import Scorer

__all__ = ["rater_of"]

_HUGGING_FACE = "hf:"


def rater_of(argument: str) -> Scorer:
    """The rater of a file, or of the Hugging Face hub.

    Args:
        argument: a file that `dataselect rater train` wrote; a fastText classifier, ``FILE.bin``
            or ``FILE.bin#LABEL``; or ``hf:`` with a name or folder.

    Raises:
        DataselectError: there is no such rater, or it cannot be used.
    """
    if argument.startswith(_HUGGING_FACE):
        made = import_module("dataselect.scorers.hf").hf_rater
        return cast(Scorer, made(argument.removeprefix(_HUGGING_FACE)))
    path, _, chosen = argument.partition("#")
    if Path(path).suffix in (".bin", ".ftz"):
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
