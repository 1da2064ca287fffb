"""Documents that are kept out before the budget is spent: contaminated ones, then duplicates."""

from __future__ import annotations

from typing import Any

import numpy as np

from dataselect.selection.duplicates import Duplicates, exact_duplicates, near_duplicates
from dataselect.selection.evaluation import Evaluation
from dataselect.selection.job import Job
from dataselect.selection.text_pass import Hit, TextColumns, fingerprint_texts
from dataselect.selection.work import CANDIDATE, EVALUATION, EXACT, NEAR, Work
from zerocost.journal import Journal

__all__ = ["leave_out_duplicates", "leave_out_shared"]


def leave_out_shared(job: Job, journal: Journal, evaluation: Evaluation | None) -> list[Hit]:
    """Read the texts where that is asked; mark what shares words with an evaluation set."""
    settings = job.settings
    if settings.duplicates is None and evaluation is None:
        return []
    hits = fingerprint_texts(
        job.sources,
        job.scores,
        job.options,
        job.work,
        settings,
        evaluation,
        journal,
        workers=job.workers,
        on_part=job.on_part("reading texts"),
    )
    _mark(job.work, np.array([hit.document for hit in hits], dtype=np.int64), EVALUATION)
    return hits


def leave_out_duplicates(job: Job) -> Duplicates:
    """Mark what repeats a better candidate."""
    nothing = np.zeros(0, dtype=np.int64)
    settings, work = job.settings, job.work
    if settings.duplicates is None:
        return Duplicates(nothing, nothing, np.zeros(0))
    columns = TextColumns.of(work, settings)
    scores = work.scores.read(0, work.documents)
    scores[work.state.read(0, work.documents) != CANDIDATE] = np.nan
    if columns.hashes is not None:
        found = exact_duplicates(columns.hashes.mapped(), scores)
    else:
        assert columns.signatures is not None
        assert columns.bands is not None
        found = near_duplicates(
            columns.signatures.mapped(),
            scores,
            threshold=settings.similarity,
            bands=columns.bands.mapped().reshape(-1, work.documents),
        )
    _mark(work, found.documents, EXACT if settings.duplicates == "exact" else NEAR)
    return found


def _mark(work: Work, documents: Any, state: int) -> None:
    """Set the state of some candidates; ascending places. What is no candidate stays so."""
    ends = np.searchsorted(documents, work.starts)
    for part in np.flatnonzero(np.diff(ends)).tolist():
        start, stop = int(work.starts[part]), int(work.starts[part + 1])
        own = work.state.read(start, stop)
        at = documents[ends[part] : ends[part + 1]] - start
        own[at[own[at] == CANDIDATE]] = state
        work.state.write(start, own)
