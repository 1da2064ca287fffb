"""Training a model on a corpus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from dataselect.corpus import ReadOptions, find_corpus, read_parts
from dataselect.errors import DataselectError
from dataselect.scorers.ngram.kneser_ney import train
from dataselect.scorers.ngram.model import NgramModel, NgramSettings

__all__ = ["fit_ngram"]


def fit_ngram(
    paths: Sequence[str],
    settings: NgramSettings | None = None,
    *,
    options: ReadOptions | None = None,
    on_part: Callable[[int], None] | None = None,
    on_rejected: Callable[[Mapping[str, int]], None] | None = None,
) -> NgramModel:
    """Train a model on all documents of a corpus; its tokens are held in memory.

    Args:
        paths: see `find_corpus`.
        settings: order, tokens, and which n-grams are dropped.
        options: how the corpus is read.
        on_part: called with the documents read so far.
        on_rejected: called with how many rows are no documents, by reason, where any are.

    Raises:
        DataselectError: a file cannot be read, or there is no text.
    """
    from dataselect.scorers.ngram.kernels.tokens import read_tokens
    from dataselect.scorers.signals.arrow import text_arrays
    from dataselect.scorers.wordpunct import lowering

    settings, options = settings or NgramSettings(), options or ReadOptions()
    tokens = [np.zeros(1, np.uint64)]
    documents = 0
    rejected: Counter[str] = Counter()
    for source in find_corpus(paths):
        for part in read_parts(source, options):
            documents += len(part.batch)
            rejected.update(found.reason for found in part.quarantined)
            arrays = text_arrays(part.batch.column("text"))
            tokens.append(read_tokens(*arrays, lowering(), settings.unit == "bytes"))
            if on_part is not None:
                on_part(documents)
    if not documents:
        why = ", ".join(f"{reason}: {n:,}" for reason, n in sorted(rejected.items()))
        raise DataselectError(
            f"{', '.join(paths)} holds no document" + (f" ({why})" if why else ""),
            accepted=f"documents with a column or field {options.text!r}",
            hint="name the column: dataselect fit ppl ... --text-column NAME"
            if "no_text" in rejected
            else None,
        )
    if rejected and on_rejected is not None:
        on_rejected(rejected)
    return train(np.concatenate(tokens), settings)
