"""What a column of scores is worth against labels, and which documents it gets most wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float64

from dataselect.errors import DataselectError
from dataselect.scorers.raters.labelled import Labelled
from dataselect.scorers.raters.metrics import Interval, Metric, auc, f1, measured, spearman
from dataselect.scorers.scorer import Scorer
from zerocost.errors import did_you_mean

__all__ = ["Evaluation", "Wrong", "evaluate", "metrics_for", "scored"]

_SHOWN = 160


@dataclass(frozen=True)
class Wrong:
    """A document that a score gets wrong.

    Attributes:
        label: of the document; of a pair the probability that the second is preferred.
        score: of the document; of a pair the second's less the first's.
        text: its beginning; of a pair both.
    """

    label: float
    score: float
    text: str


@dataclass(frozen=True)
class Evaluation:
    """A column of scores against labels.

    Attributes:
        column: its name.
        rows: how many labels.
        missing: how many of them have no score; they are left out.
        threshold: of the label from which on a document is good; None of pairs.
        metrics: Spearman's correlation, AUC, F1, accuracy (of pairs), each with its interval.
        worst: the documents whose rank by score is furthest from that by label.
    """

    column: str
    rows: int
    missing: int
    threshold: float | None
    metrics: Mapping[str, Interval]
    worst: tuple[Wrong, ...]


def evaluate(
    scorer: Scorer,
    labelled: Labelled,
    *,
    column: str | None = None,
    threshold: float | None = None,
    worst: int = 10,
    seed: int = 0,
) -> Evaluation:
    """A scorer's column against labels, which it should not have been trained on.

    Args:
        scorer: any.
        labelled: documents or pairs.
        column: which of its columns; may be left out where there is one.
        threshold: labels from here on are good, for AUC and F1, which calls a score good from
            here on too; the middle between least and greatest label where None.
        worst: how many documents to show.
        seed: of the bootstrap.

    Raises:
        DataselectError: there is no such column, or fewer than three rows have a score.
    """
    column = _column(scorer, column)
    scores = scored(scorer, labelled, column)
    known = np.flatnonzero(~np.isnan(scores))
    if len(known) < 3:
        raise DataselectError(
            f"{len(known)} of {len(scores)} labelled rows have a score {column}",
            accepted="three or more",
        )
    labels, found = labelled.target[known], scores[known]
    pairs = labelled.second is not None
    if threshold is None and not pairs:
        threshold = float(labelled.target.min() + labelled.target.max()) / 2
    metrics = measured(labels, found, metrics_for(labelled, threshold), seed=seed)
    order = _most_wrong(labels, found)[:worst]
    shown = tuple(
        Wrong(float(labels[i]), float(found[i]), _text(labelled, int(known[i]))) for i in order
    )
    missing = len(scores) - len(known)
    return Evaluation(column, len(scores), missing, threshold, metrics, shown)


def scored(scorer: Scorer, labelled: Labelled, column: str) -> Float64[np.ndarray, " rows"]:
    """The scores of labelled rows, of pairs the second's less the first's; NaN where none is."""
    import pyarrow as pa

    batch = pa.RecordBatch.from_arrays([labelled.texts], names=["text"])
    found = scorer.score(batch).column(column).cast(pa.float64())
    values: np.ndarray = found.to_numpy(zero_copy_only=False)
    first: np.ndarray = values[labelled.first]
    if labelled.second is None:
        return first
    return np.asarray(values[labelled.second] - first)


def metrics_for(labelled: Labelled, threshold: float | None) -> dict[str, Metric]:
    """The metrics of these labels: of pairs the agreement in direction; else ranks, AUC and F1.

    Args:
        labelled: the rows.
        threshold: from which label, and score, on a document is good.
    """
    if labelled.second is not None:
        return {"accuracy": _direction, "spearman": spearman}
    limit = float("nan") if threshold is None else threshold
    return {
        "spearman": spearman,
        "auc": partial(_auc_from, limit),
        "f1": partial(_f1_from, limit),
    }


def _auc_from(threshold: float, labels: np.ndarray, scores: np.ndarray) -> float:
    return auc(labels >= threshold, scores)


def _f1_from(threshold: float, labels: np.ndarray, scores: np.ndarray) -> float:
    return f1(labels >= threshold, scores >= threshold)


def _direction(labels: np.ndarray, scores: np.ndarray) -> float:
    decided = labels != 0.5
    right = np.where(scores == 0, 0.5, (scores > 0) == (labels > 0.5))
    return float(right[decided].mean()) if decided.any() else float("nan")


def _column(scorer: Scorer, name: str | None) -> str:
    names = [column.name for column in scorer.columns]
    if name is None and len(names) == 1:
        return names[0]
    if name is None:
        raise DataselectError(
            f"the scorer {scorer.name} has {len(names)} columns, and none is named",
            accepted=f"--column with one of: {', '.join(names[:12])}",
        )
    if name not in names:
        raise DataselectError(
            f"the scorer {scorer.name} has no column {name!r}",
            accepted=", ".join(names[:12]),
            hint=did_you_mean(name, names),
        )
    return name


def _most_wrong(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    from scipy.stats import rankdata

    apart = np.abs(rankdata(labels) - rankdata(scores))
    return np.argsort(-apart, kind="stable")


def _text(labelled: Labelled, row: int) -> str:
    texts = [labelled.texts[int(labelled.first[row])].as_py()]
    if labelled.second is not None:
        texts.append(labelled.texts[int(labelled.second[row])].as_py())
    return " || ".join(_cut(text) for text in texts)


def _cut(text: str) -> str:
    line = " ".join(text[: 2 * _SHOWN].split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"
