"""A list of the user's own networks as the entries of a table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from torch import nn

from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.proxies import get_all
from nasproxy.scoring.measuring import Measure, Measured, measured
from nasproxy.scoring.model_batches import batch_for
from nasproxy.scoring.model_building import build, source_of, try_out
from nasproxy.scoring.model_list import Model
from nasproxy.scoring.readiness import batch_identity, check_batch, check_device
from zerocost.files import sha256_of

__all__ = ["OwnModels", "own_models_task"]


@dataclass(frozen=True)
class OwnModels:
    """A :class:`Task` over the entries of a list of models, by their names."""

    models: tuple[Model, ...]
    images: str
    batch_size: int
    proxies: tuple[str, ...]
    seeds: tuple[int, ...]
    device: str
    nodes: bool
    space: str = "models"

    def canonical(self, text: str) -> str:
        """The name: nothing is known of which networks compute the same."""
        return text

    def network(self, text: str) -> str:
        """The name; each network is measured by itself."""
        return text

    def batch(self, model: Model, seed: int) -> Batch:
        """The batch of an entry under a seed."""
        return batch_for(model, self.images, self.batch_size, seed)

    def identity(self) -> Mapping[str, object]:
        """The entries, their batches, and the files of their factories as they are."""
        entries = json.dumps(
            [{**asdict(model), "where": ""} for model in self.models], sort_keys=True
        )
        batches = [
            batch_identity(self.batch(model, seed)) for model in self.models for seed in self.seeds
        ]
        return {
            "models": sha256(entries.encode()).hexdigest()[:16],
            "batches": sha256(repr(batches).encode()).hexdigest()[:16],
            "factories": {path.name: sha256_of(path)[:16] for path in self.sources()},
            "images": self.images,
            "device": self.device,
        }

    def sources(self) -> list[Path]:
        """The files that the factories are defined in, each once."""
        found = (source_of(model) for model in self.models)
        return [Path(name) for name in dict.fromkeys(filter(None, found)) if Path(name).is_file()]

    def start(self) -> Measure:
        """What measures entries by their names."""
        asked = get_all(self.proxies)
        by_name = {model.name: model for model in self.models}
        drawn = cache(self.batch_of)

        def measure(name: str, _spelling_alone: bool) -> Measured:
            model = by_name[name]

            def draw(seed: int) -> nn.Module:
                return build(model, seed, self.device)

            batches = [drawn(name, seed) for seed in self.seeds]
            return measured(draw, batches, asked, self.seeds, entry=name if self.nodes else None)

        return measure

    def batch_of(self, name: str, seed: int) -> Batch:
        """The batch of the entry of a name under a seed."""
        return self.batch(next(model for model in self.models if model.name == name), seed)


def own_models_task(
    models: Sequence[Model],
    proxies: Sequence[str],
    *,
    images: str = "digits",
    batch_size: int = 64,
    seeds: Sequence[int] = (0,),
    device: str = "cpu",
    nodes: bool = False,
) -> OwnModels:
    """A task over a list of models; every entry is built once to see that it can be.

    Args:
        models: the entries.
        proxies: names.
        images: where the images of entries that take images come from.
        batch_size: samples.
        seeds: of initialisations, batches and draws.
        device: where networks run.
        nodes: whether node-wise values are kept.

    Raises:
        NasproxyError: an entry cannot be built or has no batch, a batch is too small for a proxy,
            or the device is not there. Entries are named.
    """
    asked = get_all(proxies)
    check_device(device)
    task = OwnModels(tuple(models), images, batch_size, tuple(proxies), tuple(seeds), device, nodes)
    for model in models:
        try_out(model)
        try:
            check_batch(asked, task.batch(model, task.seeds[0]))
        except NasproxyError as error:
            if model.where in error.wrong:
                raise
            raise NasproxyError(
                f"{model.where}: {error.wrong}", accepted=error.accepted, hint=error.hint
            ) from error
    return task
