"""The small decoder as a proxy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64

from dataselect.errors import DataselectError
from dataselect.weighting.proxies.gpt.batches import training_batches, validation_windows
from dataselect.weighting.proxies.gpt.shapes import shape_of
from dataselect.weighting.proxies.proxy import Losses, OnStep
from dataselect.weighting.proxies.token_data import TokenData

__all__ = ["GptProxy", "GptTrainer"]


@dataclass(frozen=True)
class GptProxy:
    """A decoder that is trained on a fixed number of tokens of each selection.

    Attributes:
        tokens: that are trained on; a selection of fewer is gone through again.
        size: of `SHAPES`.
        context: tokens that are predicted a window.
        batch: windows a step.
        rate: the highest learning rate; None takes the size's own.
        stacked: how many runs are trained as one through `torch.func`: for accelerators; on a CPU
            it saves time only where runs are tiny.
        device: ``cpu`` or ``cuda``.
    """

    tokens: int
    size: str = "0.5M"
    context: int = 128
    batch: int = 8
    rate: float | None = None
    stacked: int = 1
    device: str = "cpu"

    def __post_init__(self) -> None:
        shape_of(self.size)
        for name in ("context", "batch", "stacked"):
            if getattr(self, name) < 1:
                raise DataselectError(f"{name} is {getattr(self, name)}", accepted="1 or more")
        if not self.steps:
            raise DataselectError(
                f"{self.tokens:,} tokens a run",
                accepted=f"at least the {self.batch * self.context:,} of one step",
                hint="more tokens, or a smaller batch",
            )
        if self.rate is not None and not 0 < self.rate < float("inf"):
            raise DataselectError(f"the learning rate is {self.rate}", accepted="above 0")
        if self.device not in ("cpu", "cuda"):
            raise DataselectError(f"the device {self.device!r}", accepted="cpu, cuda")

    @property
    def name(self) -> str:
        """``gpt``."""
        return "gpt"

    @property
    def at_once(self) -> int:
        """The runs that are trained as one."""
        return self.stacked

    @property
    def steps(self) -> int:
        """Of the optimiser: as many as the tokens hold whole batches."""
        return self.tokens // (self.batch * self.context)

    def as_dict(self) -> dict[str, Any]:
        """All settings; the kind of device and the stacking change last digits only, but do."""
        return {
            "proxy": self.name,
            "tokens": self.tokens,
            "size": self.size,
            "context": self.context,
            "batch": self.batch,
            "rate": self.rate if self.rate is not None else shape_of(self.size).rate,
            "stacked": self.stacked,
            "device": self.device,
        }

    def open(self, data: TokenData, folder: Path | None = None) -> GptTrainer:
        """Nothing but the validation windows is made ready.

        Raises:
            DataselectError: cuda is asked for and there is none, or a validation set is empty.
        """
        import torch

        if self.device == "cuda" and not torch.cuda.is_available():
            raise DataselectError(
                "there is no CUDA device here", accepted="cpu", hint="--device cpu"
            )
        windows = {
            name: validation_windows(found, self.context) for name, found in data.validation.items()
        }
        if not windows or not all(windows.values()):
            raise DataselectError(
                f"validation sets without two tokens: {[n for n, w in windows.items() if not w]}",
                accepted="one set or more, with text in each",
            )
        return GptTrainer(self, data, windows)


@dataclass(frozen=True)
class GptTrainer:
    """See `Trainer`.

    Attributes:
        settings: of the proxy.
        data: candidates and validation sets.
        windows: of each set: int64 ``[windows, tokens]``, by the length of the window.
    """

    settings: GptProxy
    data: TokenData
    windows: dict[str, list[Any]]

    def __call__(
        self,
        selections: Sequence[Int64[np.ndarray, "_"]],
        seeds: Sequence[int],
        on_step: OnStep | None = None,
    ) -> list[Losses]:
        """Train a decoder a selection; all of one call are stacked."""
        from dataselect.weighting.proxies.gpt.model import Decoder, initialise
        from dataselect.weighting.proxies.gpt.training import group_of, mean_losses, train

        own = self.settings
        shape = shape_of(own.size)
        with _repeatable(own.device):
            models = []
            for seed in seeds:
                model = Decoder(shape, self.data.vocabulary, own.context)
                initialise(model, seed)
                models.append(model.to(own.device))
            group = group_of(models)
            batches = [
                training_batches(
                    self.data.candidates, chosen,
                    steps=own.steps, batch=own.batch, context=own.context, seed=seed,
                )
                for chosen, seed in zip(selections, seeds, strict=True)
            ]  # fmt: skip
            rate = own.rate if own.rate is not None else shape.rate
            train(group, batches, steps=own.steps, rate=rate, on_step=on_step)
            found = {name: mean_losses(group, own) for name, own in self.windows.items()}
        return [{name: losses[run] for name, losses in found.items()} for run in range(len(seeds))]


@contextmanager
def _repeatable(device: str) -> Iterator[None]:
    """One thread on the CPU, deterministic kernels on CUDA; afterwards all is as it was."""
    import os

    import torch

    threads = torch.get_num_threads()
    strict = torch.are_deterministic_algorithms_enabled()
    state = torch.get_rng_state()
    if device == "cuda":  # cuBLAS reads it when it is first used
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(strict)
        torch.set_rng_state(state)
