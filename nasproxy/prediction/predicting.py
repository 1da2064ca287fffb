"""Predict architectures by a saved predictor."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nasproxy.prediction.classes import function_of
from nasproxy.prediction.inputs import Sources, as_fitted, gather, known_architectures
from nasproxy.prediction.predictor import Prediction, load
from nasproxy.prediction.training_set import read_training_set
from nasproxy.scoring.readiness import check_new
from nasproxy.scoring.table import write_table
from nasproxy.spaces.space import SearchSpace
from zerocost.manifest import Counts, begin, finish, write_manifest

__all__ = ["Predicted", "predict_into"]


@dataclass(frozen=True, eq=False)
class Predicted:
    """Architectures with their predictions, best first.

    Attributes:
        architectures: text forms.
        prediction: of each.
        trained: whether each is isomorphic to a training architecture.
        lacking: how many were left out because a score is missing.
    """

    architectures: tuple[str, ...]
    prediction: Prediction
    trained: tuple[bool, ...]
    lacking: int


def predict_into(
    out: Path | None,
    folder: Path,
    space: SearchSpace[Any],
    *,
    sources: Sources,
    architectures: Sequence[str] | None = None,
    overwrite: bool = False,
    command: Sequence[str] = (),
) -> Predicted:
    """Predict architectures by a saved predictor, and write them as Parquet, best first.

    Columns: rank, architecture, mean, spread, trained. The manifest is written beside.

    Args:
        out: the file; nothing is written for None.
        folder: of the predictor.
        space: of the architectures.
        sources: the files of features, with what the predictor was fitted on.
        architectures: which; all that the files know for None, or the whole space where there
            are no files.
        overwrite: whether the file may be replaced.
        command: for the manifest.

    Raises:
        NasproxyError: the folder holds no predictor, or the features lack what it reads.
    """
    fitted, training = load(folder), read_training_set(folder)
    if out is not None:
        beside = out.with_name(out.name + ".manifest.json")
        check_new([out, beside], overwrite=overwrite)
        manifest = begin(
            "nasproxy",
            command=command,
            configuration={"predictor": fitted.kind, "space": space.name},
            inputs=[*sources.files, folder / "predictor.json"],
        )
    sources = as_fitted(sources, training, space)
    listed = architectures if architectures is not None else known_architectures(sources)
    if listed is None:
        listed = [str(architecture) for architecture in space.architectures()]
    features, lacking = gather(space, list(dict.fromkeys(listed)), sources)
    prediction = fitted.predict(features)
    order = np.argsort(-prediction.mean, kind="stable")
    seen = (
        {function_of(space, text) for text in training.architectures}
        if (space.name == training.space)
        else set()
    )
    texts = tuple(features.architectures[row] for row in order)
    found = Predicted(
        architectures=texts,
        prediction=Prediction(prediction.mean[order], prediction.spread[order]),
        trained=tuple(function_of(space, text) in seen for text in texts),
        lacking=lacking,
    )
    if out is not None:
        import pyarrow as pa

        about = {"space": space.name, "higher_is_better": {"mean": True}}
        table = pa.table(
            {
                "rank": np.arange(1, len(texts) + 1),
                "architecture": list(texts),
                "mean": found.prediction.mean,
                "spread": found.prediction.spread,
                "trained": list(found.trained),
            }
        ).replace_schema_metadata({"nasproxy": json.dumps(about)})
        write_table(table, out, overwrite=overwrite)
        counts = Counts(len(listed), len(texts), {"a score is missing": lacking} if lacking else {})
        write_manifest(finish(manifest, outputs=[out], counts=counts), beside, overwrite=overwrite)
    return found
