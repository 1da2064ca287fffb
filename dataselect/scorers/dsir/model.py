"""The two bags of n-grams that DSIR compares, and their file."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float64, Int64

from dataselect.errors import DataselectError
from dataselect.scorers.dsir.features import Features
from dataselect.scorers.model_file import load_model, model_digest, save_model

__all__ = ["SMOOTHING", "DsirModel", "load_dsir", "save_dsir"]

SMOOTHING = 1e-8
"""Added to every probability, as the authors' package does."""
_KIND, _VERSION = "dsir", 1
_HASHES: dict[str, Literal["fast", "sha256"]] = {"fast": "fast", "sha256": "sha256"}


@dataclass(frozen=True, eq=False)
class DsirModel:
    """Counts of n-grams in a target and in a source.

    Attributes:
        features: which buckets they were counted in.
        target: of the documents that good ones should be like; None where it is not known.
        source: of the corpus that is selected from; None where it is not known, then it is the
            corpus that is scored.
    """

    features: Features
    target: Int64[np.ndarray, " buckets"] | None
    source: Int64[np.ndarray, " buckets"] | None = None

    def __post_init__(self) -> None:
        for name, counts in (("target", self.target), ("source", self.source)):
            if counts is not None and not counts.sum():
                raise DataselectError(
                    f"the {name} has no words",
                    accepted="documents with text in them",
                    hint="text in another column: dataselect fit dsir ... --text-column NAME",
                )

    @cached_property
    def ratios(self) -> Float64[np.ndarray, " buckets"]:
        """log(p_target + 1e-8) − log(p_source + 1e-8) of each bucket.

        Raises:
            DataselectError: the target or the source is missing.

        Reference: Xie et al., "Data selection for language models via importance resampling",
        NeurIPS 2023, section 4; the constant is of the package data-selection.
        """
        if self.target is None or self.source is None:
            missing = "target" if self.target is None else "source"
            raise DataselectError(
                f"the model has no {missing}",
                accepted="a model with a target and a source",
                hint=f"dataselect fit dsir --{missing} CORPUS --out MODEL.safetensors",
            )
        found: Float64[np.ndarray, " buckets"] = np.log(
            self.target / self.target.sum() + SMOOTHING
        ) - np.log(self.source / self.source.sum() + SMOOTHING)
        return found

    @cached_property
    def digest(self) -> str:
        """Changes whenever the model does."""
        return model_digest(self._about(), self._arrays())

    def _about(self) -> dict[str, object]:
        return asdict(self.features)

    def _arrays(self) -> dict[str, np.ndarray]:
        both = {"target": self.target, "source": self.source}
        return {name: counts for name, counts in both.items() if counts is not None}


def save_dsir(model: DsirModel, path: Path, *, overwrite: bool = False) -> None:
    """Write a model; see `save_model`."""
    save_model(path, _KIND, _VERSION, model._about(), model._arrays(), overwrite=overwrite)


def load_dsir(path: Path) -> DsirModel:
    """Read a model.

    Raises:
        DataselectError: see `load_model`.
    """
    about, arrays = load_model(path, _KIND, _VERSION, {})
    try:
        features = Features(int(about["buckets"]), _HASHES[about["hash"]], str(about["salt"]))
    except (KeyError, TypeError, ValueError) as cause:
        raise DataselectError(
            f"{path} is damaged: it does not say how n-grams are hashed",
            accepted="a model that `dataselect fit dsir` wrote",
        ) from cause
    for name in ("target", "source"):
        counts = arrays.get(name)
        if counts is not None and (
            counts.dtype != np.int64 or counts.shape != (features.buckets,) or counts.min() < 0
        ):
            raise DataselectError(
                f"{path} is damaged: its {name} is {counts.dtype} {counts.shape}",
                accepted=f"{features.buckets:,} counts",
            )
    return DsirModel(features, arrays.get("target"), arrays.get("source"))
