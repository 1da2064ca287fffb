"""ParZC as a predictor: node values, and if asked whole-architecture columns, through MABN."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64

from nasproxy.errors import NasproxyError
from nasproxy.parzc.encoding import Encoding, Normalisation, encoding_of, read_encoding
from nasproxy.parzc.mixer import Mixer, Shape
from nasproxy.parzc.training import Schedule, train_mixer
from nasproxy.prediction.features import Features
from nasproxy.prediction.normal_scores import normal_scores
from nasproxy.prediction.predictor import Prediction, check_training
from nasproxy.prediction.scaling import Scaling, fit_scaling
from nasproxy.prediction.storage import read_fitted, write_fitted
from nasproxy.scoring.workers import single_thread

__all__ = ["MABN", "MABN_TOPOLOGY", "PUBLISHED", "FittedMabn", "Mabn"]

Target = Literal["normal", "standard"]
Use = Literal["mean", "samples"]

_ROWS = 1024
_CLIP = 5.0


@dataclass(frozen=True)
class Mabn:
    """The mixer of node values.

    Attributes:
        nodes: how node values become inputs (``encoding``); None where they are not read.
        proxies: which proxies of the nodes are read; None as ``encoding_of`` has it.
        levels: whether the columns of whole architectures are inputs too, standardised.
        shape: the sizes of the mixer.
        schedule: how it is trained.
        target: what it is trained on: ``normal`` scores of the ranks of the accuracies, or
            accuracies ``standard``ised, as published.
        members: how many mixers are trained from different seeds, whose predictions are averaged
            in units of their standard deviation over the training architectures.
        use: predict by the ``mean`` weights, or by the mean of ``samples``.
        draws: how many samples of the weights the spread, and the mean of samples, come from.

    Raises:
        NasproxyError: no input, no member, fewer than 2 draws, a KL term of plain layers.

    Reference: Dong et al., ParZC, AAAI 2025.
    """

    nodes: Normalisation | None = "places"
    proxies: tuple[str, ...] | None = None
    levels: bool = False
    shape: Shape = field(default_factory=Shape)
    schedule: Schedule = field(default_factory=Schedule)
    target: Target = "normal"
    members: int = 1
    use: Use = "mean"
    draws: int = 8

    def __post_init__(self) -> None:
        if self.nodes is None and not self.levels:
            raise NasproxyError("a predictor that reads nothing", accepted="nodes, levels or both")
        if self.members < 1 or self.draws < 2:
            raise NasproxyError(
                f"{self.members} members and {self.draws} draws",
                accepted="1 member or more, 2 draws or more",
            )
        if self.schedule.divergence and not self.shape.bayesian:
            raise NasproxyError(
                f"a KL term of weight {self.schedule.divergence:g} without Bayesian layers",
                accepted="divergence 0, or a shape with Bayesian layers",
            )

    def fit(
        self, features: Features, accuracies: Float64[np.ndarray, " n"], *, seed: int
    ) -> FittedMabn:
        """Train the mixers; see ``Predictor.fit``. O(members epochs n)."""
        check_training(features, accuracies, least=4)
        nodes = None if self.nodes is None else features.need_nodes()
        encoding = None
        if self.nodes is not None and nodes is not None:
            encoding = encoding_of(self.nodes, nodes, proxies=self.proxies)
        inputs = _Inputs(encoding, _fit_levels(features) if self.levels else None)
        rows = inputs(features)
        targets = _targets(accuracies, self.target)
        seeds = np.random.SeedSequence(seed).generate_state(self.members + 1)
        members = tuple(
            train_mixer(rows, targets, self.shape, self.schedule, seed=int(s)) for s in seeds[:-1]
        )
        outputs = np.stack([_outputs(mixer, rows)[0] for mixer in members])
        scale = outputs.std(axis=1)
        return FittedMabn(
            settings=self,
            inputs=inputs,
            members=members,
            centre=outputs.mean(axis=1),
            scale=np.where(scale > 0, scale, 1.0),
            seed=int(seeds[-1]),
        )

    def load(self, folder: Path) -> FittedMabn:
        """Read back what ``FittedMabn.save`` wrote."""
        return _load(folder)


@dataclass(frozen=True, eq=False)
class _Levels:
    """Columns of whole architectures, scaled to mean 0 and deviation 1 over the training ones."""

    scaling: Scaling
    centre: Float64[np.ndarray, " d"]
    deviation: Float64[np.ndarray, " d"]

    def __call__(self, features: Features) -> Float64[np.ndarray, "n d"]:
        scaled = (self.scaling.apply(features) - self.centre) / self.deviation
        found: Float64[np.ndarray, "n d"] = np.clip(scaled, -_CLIP, _CLIP)
        return found


def _fit_levels(features: Features) -> _Levels:
    scaling = fit_scaling(features)
    columns = scaling.apply(features)
    return _Levels(scaling, columns.mean(axis=0), columns.std(axis=0))


@dataclass(frozen=True, eq=False)
class _Inputs:
    """Features to the rows that a mixer takes."""

    encoding: Encoding | None
    levels: _Levels | None

    def __call__(self, features: Features) -> Float64[np.ndarray, "n inputs"]:
        parts = []
        if self.encoding is not None:
            parts.append(self.encoding(features.need_nodes()))
        if self.levels is not None:
            parts.append(self.levels(features))
        return np.concatenate(parts, axis=1)


@dataclass(frozen=True, eq=False)
class FittedMabn:
    """Trained mixers, and what their inputs and outputs are scaled by."""

    settings: Mabn
    inputs: _Inputs
    members: tuple[Mixer, ...]
    centre: Float64[np.ndarray, " k"]
    scale: Float64[np.ndarray, " k"]
    seed: int

    @property
    def kind(self) -> str:
        """The registered name."""
        return "mabn"

    def predict(self, features: Features) -> Prediction:
        """Mean and spread, in standard deviations of the predictions in training.

        The spread is that of the members and of the draws of their weights together.
        """
        rows = self.inputs(features)
        means, variances = [], []
        seeds = []
        if self.settings.shape.bayesian:
            seeds = [self.seed + draw for draw in range(self.settings.draws)]
        for place, mixer in enumerate(self.members):
            found = _outputs(mixer, rows, seeds)
            mean, *draws = (found - self.centre[place]) / self.scale[place]
            variance = np.var(draws, axis=0, ddof=1) if draws else np.zeros(len(rows))
            if draws and self.settings.use == "samples":
                mean = np.mean(draws, axis=0)
            means.append(mean)
            variances.append(variance)
        between = np.var(means, axis=0, ddof=1) if len(means) > 1 else 0.0
        return Prediction(np.mean(means, axis=0), np.sqrt(np.mean(variances, axis=0) + between))

    def save(self, folder: Path, *, overwrite: bool = False) -> None:
        """Write settings as JSON and weights as safetensors."""
        tensors: dict[str, np.ndarray] = {}
        encoding: dict[str, Any] = {}
        if self.inputs.encoding is not None:
            encoding, arrays = self.inputs.encoding.state()
            tensors |= {f"encoding.{name}": array for name, array in arrays.items()}
        columns: list[str] = []
        if (levels := self.inputs.levels) is not None:
            columns = list(levels.scaling.names)
            tensors |= levels.scaling.as_tensors()
            tensors |= {"levels.centre": levels.centre, "levels.deviation": levels.deviation}
        tensors |= {"centre": self.centre, "scale": self.scale}
        for place, mixer in enumerate(self.members):
            for name, value in mixer.state_dict().items():
                tensors[f"member{place}.{name}"] = value.numpy()
        settings = {
            "mabn": asdict(self.settings),
            "encoding": encoding,
            "columns": columns,
            "seed": self.seed,
        }
        write_fitted(folder, self.kind, settings, tensors, overwrite=overwrite)


def _load(folder: Path) -> FittedMabn:
    import torch

    found, tensors = read_fitted(folder, "mabn")
    about = dict(found["mabn"])
    about["shape"] = Shape(**about["shape"])
    about["schedule"] = Schedule(**about["schedule"])
    about["proxies"] = None if about["proxies"] is None else tuple(about["proxies"])
    settings = Mabn(**about)
    encoding = levels = None
    if found["encoding"]:
        encoding = read_encoding(found["encoding"], _under("encoding.", tensors))
    if found["columns"]:
        scaling = Scaling.from_tensors(found["columns"], tensors)
        levels = _Levels(scaling, tensors["levels.centre"], tensors["levels.deviation"])
    inputs = _Inputs(encoding, levels)
    members = []
    for place in range(settings.members):
        weights = _under(f"member{place}.", tensors)
        width = weights["project.weight"].shape[1]
        mixer = Mixer(width, settings.shape, generator=torch.Generator())
        mixer.load_state_dict({name: torch.from_numpy(w) for name, w in weights.items()})
        members.append(mixer)
    return FittedMabn(
        settings, inputs, tuple(members), tensors["centre"], tensors["scale"], found["seed"]
    )


def _under(prefix: str, tensors: dict[str, np.ndarray]) -> dict[str, Any]:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}


def _outputs(
    mixer: Mixer, rows: Float64[np.ndarray, "n inputs"], seeds: Sequence[int] = ()
) -> Float64[np.ndarray, "k n"]:
    """The outputs of all rows under the mean weights, then under the draw of each seed."""
    import torch

    x = torch.from_numpy(rows).float()
    parts = []
    with torch.no_grad(), single_thread():
        for part in torch.split(x, _ROWS):
            segments = mixer.segments(part)
            outputs = [mixer.of_segments(segments)]
            for seed in seeds:
                noise = torch.Generator().manual_seed(seed)
                outputs.append(mixer.of_segments(segments, weights=noise))
            parts.append(torch.stack(outputs))
    found: Float64[np.ndarray, "k n"] = torch.cat(parts, dim=1).double().numpy()
    return found


def _targets(accuracies: Float64[np.ndarray, " n"], target: Target) -> Float64[np.ndarray, " n"]:
    if target == "standard":
        standard: Float64[np.ndarray, " n"] = (accuracies - accuracies.mean()) / accuracies.std()
        return standard
    scores = normal_scores(accuracies)
    found: Float64[np.ndarray, " n"] = scores / scores.std()
    return found


PUBLISHED = Mabn(
    nodes="published",
    shape=Shape(mix_segments=False, dropout=0.0),
    target="standard",
)
"""Node values alone, as the code of the authors has them, its sizes and its schedule."""

MABN = Mabn(
    shape=Shape(channels=64, depth=2, dropout=0.0),
    schedule=Schedule(loss="pairwise", epochs=120, steps=480, batch=32, rate=3e-3, decay=1e-2),
    members=3,
)
"""Node values alone, at their places; small enough for a laptop. docs/parzc.md says how chosen."""

MABN_TOPOLOGY = replace(MABN, levels=True)
"""Node values beside the columns of whole architectures."""
