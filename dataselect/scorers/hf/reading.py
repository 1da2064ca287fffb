"""From a classifier's outputs to columns of scores."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import numpy as np
from jaxtyping import Float64

from dataselect.errors import DataselectError
from dataselect.scorers.hf.published import Published, Reading, published
from dataselect.scorers.scorer import Column

__all__ = ["outputs_of", "read_outputs", "reading_of"]

_USUAL_TOKENS = 512


def outputs_of(config: Mapping[str, Any]) -> int:
    """How many outputs the head of a model has."""
    labels = config.get("id2label")
    return int(config.get("num_labels") or (len(labels) if labels else 2))


def reading_of(name: str, config: Mapping[str, Any]) -> Published:
    """How the outputs of a model become columns: as the table says, else as its configuration does.

    A model that the table does not know has: one column where its head has one output, or where
    its labels are numbers (the expected one); one for each output where it regresses several; the
    probability of the second where there are two classes; else one for each label. Of a longer
    document the mean over its pieces is taken.

    Raises:
        DataselectError: the table knows the model with another head.
    """
    known = published(name)
    outputs = outputs_of(config)
    if known is None:
        return _by_configuration(name, config)
    if outputs not in known.readings:
        raise DataselectError(
            f"the head of {name} has {outputs} outputs",
            accepted=f"{' or '.join(map(str, sorted(known.readings)))} for a rater of this name",
            hint="if it is another model, rename its folder: then its configuration is read",
        )
    if known.readings[outputs] == "regression":
        # What is fitted to 0 .. 5 may leave it.
        free = [_changed(column, -math.inf, math.inf) for column in known.columns]
        return Published(
            tuple(free), known.readings, known.tokens, known.long, known.special, known.padding
        )
    return known


def _changed(column: Column, low: float, high: float) -> Column:
    return Column(
        column.name, column.kind, column.unit, low, high, column.direction, column.definition,
        column.source,
    )  # fmt: skip


def _by_configuration(name: str, config: Mapping[str, Any]) -> Published:
    outputs = outputs_of(config)
    given = config.get("id2label") or {}
    labels = [str(given.get(str(k), given.get(k, f"LABEL_{k}"))) for k in range(outputs)]
    stem = f"rater_{_plain(PurePath(name).name)}"
    numbers = [_number(label) for label in labels]
    known = [number for number in numbers if number is not None]
    kind = config.get("problem_type")
    tokens = int(config.get("max_position_embeddings") or _USUAL_TOKENS)
    reading: Reading

    def column(suffix: str, unit: str, low: float, high: float, definition: str) -> Column:
        name_ = f"{stem}_{suffix}" if suffix else stem
        return Column(name_, "float64", unit, low, high, 0, definition, PurePath(name).name)

    if outputs == 1 or kind == "regression":
        reading = "regression"
        suffixes = [""] if outputs == 1 else list(map(_plain, labels))
        columns = [
            column(s, "points", -math.inf, math.inf, f"output {k} of the model")
            for k, s in enumerate(suffixes)
        ]
    elif kind != "multi_label_classification" and len(known) == outputs:
        reading = "expected class"
        columns = [column("", "points", min(known), max(known), "mean of the labels, which are "
                          f"{', '.join(labels)}, by their probabilities")]  # fmt: skip
        if known != list(map(float, range(outputs))):
            raise DataselectError(
                f"the labels of {name} are the numbers {', '.join(labels)}",
                accepted="0, 1, 2, ... or names",
            )
    elif kind != "multi_label_classification" and outputs == 2:
        reading = "probability"
        columns = [column("", "probability", 0.0, 1.0, f"probability of the label {labels[1]}")]
    else:
        reading = "each probability"
        columns = [
            column(_plain(label), "probability", 0.0, 1.0, f"probability of the label {label}")
            for label in labels
        ]
    names = [c.name for c in columns]
    if len(set(names)) < len(names):
        raise DataselectError(
            f"two labels of {name} read alike: {', '.join(labels)}",
            accepted="labels that differ in letters or digits",
        )
    sigmoid = kind == "multi_label_classification"
    return Published(tuple(columns), {outputs: reading}, tokens, "mean", sigmoid=sigmoid)


def _number(label: str) -> float | None:
    try:
        found = float(label)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _plain(label: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_") or "x"


def read_outputs(
    reading: Published, outputs: Float64[np.ndarray, "chunks outputs"]
) -> Float64[np.ndarray, "chunks columns"]:
    """The columns of each piece of text from the model's outputs for it."""
    how = reading.readings[outputs.shape[1]]
    if how == "regression":
        return outputs
    if reading.sigmoid:
        return np.asarray(1 / (1 + np.exp(-outputs)))
    powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    shares: Float64[np.ndarray, "chunks outputs"] = powers / powers.sum(axis=1, keepdims=True)
    if how == "expected class":
        return np.asarray(shares @ np.arange(outputs.shape[1], dtype=np.float64))[:, None]
    if how == "argmax":
        return np.asarray(outputs.argmax(axis=1)[:, None], np.float64)
    if how == "probability":
        return shares[:, 1:2]
    return shares
