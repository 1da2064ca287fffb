"""Counting the n-grams of a target and of a source, corpora or models that hold them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from dataselect.corpus import ReadOptions, find_corpus
from dataselect.errors import DataselectError
from dataselect.scorers.corpus_sums import corpus_sums
from dataselect.scorers.dsir.features import Features
from dataselect.scorers.dsir.model import DsirModel, load_dsir
from dataselect.scorers.model_file import SUFFIX

__all__ = ["count_features", "fit_dsir"]


def count_features(
    paths: Sequence[str],
    features: Features,
    *,
    options: ReadOptions | None = None,
    workers: int | None = None,
    on_part: Callable[[int, int], None] | None = None,
    on_rejected: Callable[[Mapping[str, int]], None] | None = None,
) -> Int64[np.ndarray, " buckets"]:
    """The n-grams of all documents of a corpus, streamed.

    Args:
        paths: see `find_corpus`.
        features: into which buckets they fall.
        options: how the corpus is read.
        workers: how many parts are counted at a time.
        on_part: called with the stored bytes and the documents read so far of a corpus.
        on_rejected: called with how many rows are no documents, by reason, where any are.

    Raises:
        DataselectError: a file cannot be read, or there is no document.
    """
    options = options or ReadOptions()
    sums = corpus_sums(
        find_corpus(paths), options, {"n-grams": features}, workers=workers, on_part=on_part
    )
    if not sums.documents:
        why = ", ".join(f"{reason}: {n:,}" for reason, n in sorted(sums.rejected.items()))
        raise DataselectError(
            f"{', '.join(paths)} holds no document" + (f" ({why})" if why else ""),
            accepted=f"documents with a column or field {options.text!r}",
            hint="name the column: dataselect fit dsir ... --text-column NAME"
            if "no_text" in sums.rejected
            else None,
        )
    if sums.rejected and on_rejected is not None:
        on_rejected(sums.rejected)
    return sums.counts["n-grams"]


def fit_dsir(
    target: Sequence[str] = (),
    source: Sequence[str] = (),
    *,
    features: Features | None = None,
    options: ReadOptions | None = None,
    workers: int | None = None,
    on_part: Callable[[int, int], None] | None = None,
    on_rejected: Callable[[Mapping[str, int]], None] | None = None,
) -> DsirModel:
    """Count a target and a source.

    Args:
        target: a corpus, or one model whose target is taken; none where it is empty.
        source: likewise; may be left out, then it is the corpus that is scored later.
        features: of both; None takes those of a model that is named, else the default ones.
        options: how corpora are read.
        workers: how many parts are counted at a time.
        on_part: called with the stored bytes and the documents read so far of a corpus.
        on_rejected: called with how many rows are no documents, by reason, where any are.

    Raises:
        DataselectError: neither is given, a corpus is empty, or the features differ.
    """
    if not target and not source:
        raise DataselectError(
            "there is neither a target nor a source",
            accepted="a target, a source, or both",
            hint="dataselect fit dsir --target books.jsonl --source corpus/ --out FILE.safetensors",
        )
    given = {"target": target, "source": source}
    models = {name: _model(paths) for name, paths in given.items()}
    of_models = [model.features for model in models.values() if model is not None]
    features = features or (of_models[0] if of_models else Features())
    counts: dict[str, Int64[np.ndarray, " buckets"] | None] = {}
    for name, paths in given.items():
        model = models[name]
        if model is None:
            counts[name] = None
            if paths:
                counts[name] = count_features(
                    paths,
                    features,
                    options=options,
                    workers=workers,
                    on_part=on_part,
                    on_rejected=on_rejected,
                )
            continue
        if model.features != features:
            raise DataselectError(
                f"the model {paths[0]} has {model.features}",
                accepted=f"{features} for target and source",
                hint="count both in the same way",
            )
        counts[name] = model.target if name == "target" else model.source
        if counts[name] is None:
            raise DataselectError(
                f"the model {paths[0]} has no {name}",
                accepted=f"a model with a {name}, or a corpus",
            )
    return DsirModel(features, counts["target"], counts["source"])


def _model(paths: Sequence[str]) -> DsirModel | None:
    if len(paths) == 1 and paths[0].endswith(SUFFIX):
        return load_dsir(Path(paths[0]))
    return None
