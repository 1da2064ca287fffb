"""Weigh the samples of each batch by their losses while a model is trained."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from jaxtyping import Float, Shaped
from torch import nn

from dataselect.errors import DataselectError
from dataselect.reweighting.cross_entropy import Average, per_sequence_cross_entropy
from dataselect.reweighting.gathering import gathered, group_size
from dataselect.reweighting.normalisation import MinMax, Normalisation, no_memory
from dataselect.reweighting.schedules import Schedule, as_schedule, temperature
from dataselect.reweighting.statistics import BatchStatistics
from dataselect.reweighting.strategies import LinUpper, Strategy, check_strategy
from dataselect.reweighting.weights import weigh

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

__all__ = ["LossReweighter", "Reweighted"]

_FIXED = 2  # numbers of the state before the memory of the normalisation


@dataclass(frozen=True)
class Reweighted:
    """The outcome of one call.

    Attributes:
        loss: 0-dimensional, to back-propagate. With several processes it is this process's share
            times their number, as data parallel training takes the mean over processes; log
            ``stats.weighted_loss``, or better ``stats.unweighted_loss``.
        weights: ``[n]``, detached; they add up to 1 over all processes.
        stats: read when wanted.
    """

    loss: Float[torch.Tensor, ""]
    weights: Float[torch.Tensor, " n"]
    stats: BatchStatistics


class LossReweighter(nn.Module):
    r"""Dynamic loss-based reweighting of the samples of each batch.

    .. math:: L = \sum_i w_i l_i, \quad w_i \propto p_i \exp(f(h_i) / r)

    with h the losses mapped to [-1, 1], f the strategy, r the temperature and p the prior (ones).
    The weights are constants to the gradient. In evaluation mode (``eval()``) the loss is the
    plain mean and no step is counted.

    Args:
        strategy: f; `LinUpper`, `Quadratic`, `Extremes`, `Linear`, `Uniform`, or a function of h.
        r: the temperature, or its schedule by step.
        warmup_steps: training steps with uniform weights before that.
        normalisation: which losses become -1 and 1; `MinMax` is the published one.
        accumulation: calls that make up one training step; each is normalised by itself.
        nonfinite: what becomes of a sample whose loss is NaN or infinite, or whose prior is or is
            negative: "exclude" gives it weight 0 and counts it; "error" stops, at the cost of
            waiting for the device each call.
        group: the data parallel processes whose losses are weighed together; by default all of
            ``torch.distributed`` where it is initialised.
        together: False weighs each process's losses by themselves.
        gradients: what the training does with gradients over processes: "averaged" as DDP and
            FSDP do, or "summed".
        largest_local_batch: the most samples that a process has; saves one exchange a call.

    Raises:
        DataselectError: an argument is out of range, or a custom strategy is not finite.

    Reference: Sow et al. 2025, *Dynamic Loss-Based Sample Reweighting for Improved Large Language
    Model Pretraining* (ICLR), arXiv 2502.06733.
    """

    def __init__(
        self,
        strategy: Strategy | None = None,
        *,
        r: float | Schedule = 1.0,
        warmup_steps: int = 0,
        normalisation: Normalisation | None = None,
        accumulation: int = 1,
        nonfinite: Literal["exclude", "error"] = "exclude",
        group: ProcessGroup | None = None,
        together: bool = True,
        gradients: Literal["averaged", "summed"] = "averaged",
        largest_local_batch: int | None = None,
    ) -> None:
        super().__init__()
        if accumulation < 1 or accumulation != int(accumulation):
            raise DataselectError(
                f"an accumulation of {accumulation} calls", accepted="a whole number, 1 or more"
            )
        _check_choice("nonfinite", nonfinite, ("exclude", "error"))
        _check_choice("gradients", gradients, ("averaged", "summed"))
        self.strategy = LinUpper() if strategy is None else strategy
        check_strategy(self.strategy)
        self.schedule = as_schedule(r, warmup_steps)
        self.normalisation = MinMax() if normalisation is None else normalisation
        self.accumulation = accumulation
        self.nonfinite = nonfinite
        self.group = group
        self.together = together
        self.gradients = gradients
        self.largest_local_batch = largest_local_batch
        self.calls = 0
        self._memory = no_memory(self.normalisation)

    @property
    def step(self) -> int:
        """The training step, from 0, that the next call in training mode belongs to.

        It is counted by calls; set it where the training knows better.
        """
        return self.calls // self.accumulation

    @step.setter
    def step(self, step: int) -> None:
        self.calls = step * self.accumulation

    def forward(
        self,
        losses: Float[torch.Tensor, " n"],
        prior: Shaped[torch.Tensor, " n"] | None = None,
    ) -> Reweighted:
        """The loss to back-propagate, from the losses of the samples.

        Args:
            losses: ``[n]``, one a sample, with their graph; n may be 0 on some processes.
            prior: ``[n]``, 0 or more, by default ones: what the weights are where r is infinite,
                up to a factor. A mask, numbers of tokens (the loss is then a mean over tokens),
                or weights known before.

        Raises:
            DataselectError: another shape, or a loss that is not finite with ``nonfinite="error"``.
        """
        if torch.compiler.is_compiling():
            # Counting steps inside a graph would compile a new one every step. The decorator in
            # place of this call would import the compiler for everybody.
            eager = torch.compiler.disable(self._forward)  # type: ignore[no-untyped-call]
            found: Reweighted = eager(losses, prior)
            return found
        return self._forward(losses, prior)

    def _forward(
        self, losses: Float[torch.Tensor, " n"], prior: Shaped[torch.Tensor, " n"] | None
    ) -> Reweighted:
        everyone, base = _inputs(losses, prior)
        step, r, replicas, own = self.step, math.inf, 1, slice(None)
        present: torch.Tensor | None = None
        if self.training:
            r = temperature(self.schedule, step)
            replicas = group_size(self.group) if self.together else 1
        if replicas > 1:
            rows = torch.stack((everyone, base), dim=1)
            rows, present, own = gathered(rows, self.group, largest=self.largest_local_batch)
            everyone, base = rows.unbind(dim=1)
        if self.nonfinite == "error":
            _check_finite(everyone, base, replicas)
        weights, valid, memory = weigh(
            everyone,
            self.strategy,
            1.0 / r,
            prior=base,
            normalisation=self.normalisation,
            memory=self._memory.to(everyone),
        )
        if self.training:
            self.calls += 1
            self._memory = memory
        mine = weights[own]
        # A weight of 0 alone would make a NaN of an excluded loss.
        kept = losses.to(mine.dtype).masked_fill(~valid[own], 0.0)
        return Reweighted(
            loss=(mine * kept).sum() * (replicas if self.gradients == "averaged" else 1),
            weights=mine,
            stats=BatchStatistics(everyone, weights, base, valid, r, step, present),
        )

    def from_logits(
        self,
        logits: Float[torch.Tensor, "n tokens vocabulary"],
        labels: Shaped[torch.Tensor, "n tokens"],
        *,
        ignore_index: int = -100,
        shift: bool = True,
        average: Average = "sample",
    ) -> Reweighted:
        """The same from a language model's logits; no second copy of them is made.

        Args:
            logits: ``[n, tokens, vocabulary]``.
            labels: ``[n, tokens]``, integers; ``ignore_index`` where nothing is to be predicted.
            ignore_index: the label of positions that do not count.
            shift: whether position t predicts label t + 1, as in causal language models.
            average: "sample": each sequence counts once, as published; "token": by its number of
                tokens, so that an infinite r gives the usual mean over tokens.
        """
        _check_choice("average", average, ("sample", "token"))
        losses, tokens = per_sequence_cross_entropy(
            logits, labels, ignore_index=ignore_index, shift=shift
        )
        found: Reweighted = self(losses, tokens if average == "token" else tokens > 0)
        return found

    def get_extra_state(self) -> Float[torch.Tensor, " state"]:
        """What `state_dict` holds: one float64 tensor, so that safetensors can keep it too.

        Steps, with the part of the one under way, the batches remembered, and their ranges.
        """
        steps = self.calls / self.accumulation
        head = torch.tensor([steps, self.normalisation.batches], dtype=torch.float64)
        return torch.cat((head, self._memory.detach().cpu().double().flatten()))

    def set_extra_state(self, state: Float[torch.Tensor, " state"]) -> None:
        """Continue where `get_extra_state` was called, also with another ``accumulation``.

        Raises:
            DataselectError: not such a state, or one of a normalisation that remembers another
                number of batches.
        """
        steps, remembered, memory = _parts(state)
        batches = self.normalisation.batches
        if remembered != batches:
            raise DataselectError(
                f"a state of a normalisation that remembers {remembered} batches",
                accepted=f"{batches}, as {self.normalisation!r} does",
                hint="make the reweighter as it was when the state was saved",
            )
        self.calls = round(steps * self.accumulation)
        self._memory = memory

    def extra_repr(self) -> str:
        """The arguments, for ``print``."""
        return f"{self.strategy!r}, {self.schedule!r}, {self.normalisation!r}, step={self.step}"


def _parts(state: object) -> tuple[float, int, torch.Tensor]:
    """Steps, number of batches remembered and their ranges ``[2, batches]`` of a saved state."""
    if isinstance(state, torch.Tensor) and state.ndim == 1 and len(state) >= _FIXED:
        numbers = state.detach().cpu().double()
        steps, batches = numbers[:_FIXED].tolist()
        whole = len(state) == _FIXED + 2 * batches and batches.is_integer()
        if whole and math.isfinite(steps) and steps >= 0:
            return steps, int(batches), numbers[_FIXED:].reshape(2, int(batches)).clone()
    seen = f"{state.tolist()}" if isinstance(state, torch.Tensor) else type(state).__name__
    raise DataselectError(
        f"no state of a LossReweighter: {seen:.60}",
        accepted="what its state_dict or get_extra_state gave",
    )


def _inputs(losses: object, prior: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
    if not isinstance(losses, torch.Tensor):
        raise DataselectError(
            f"losses of type {type(losses).__name__}", accepted="a tensor of shape [n]"
        )
    if losses.ndim != 1 or not losses.is_floating_point():
        raise DataselectError(
            f"losses of shape {tuple(losses.shape)} and type {losses.dtype}",
            accepted="one floating-point loss a sample, shape [n]",
            hint='reduction="none", or a function of dataselect.reweighting, gives them',
        )
    exact = torch.float64 if losses.dtype == torch.float64 else torch.float32
    detached = losses.detach().to(exact)
    if prior is None:
        return detached, torch.ones_like(detached)
    if prior.shape != losses.shape:
        raise DataselectError(
            f"a prior of shape {tuple(prior.shape)} for {len(losses)} losses",
            accepted="one number a sample",
        )
    return detached, prior.detach().to(detached)


def _check_choice(name: str, value: str, accepted: tuple[str, ...]) -> None:
    if value not in accepted:
        raise DataselectError(f"{name}={value!r}", accepted=", ".join(map(repr, accepted)))


def _check_finite(losses: torch.Tensor, prior: torch.Tensor, replicas: int) -> None:
    fine = (prior == 0) | (torch.isfinite(losses) & torch.isfinite(prior) & (prior > 0))
    if not bool(fine.all()):
        bad = (~fine).nonzero().flatten().tolist()
        process, sample = divmod(bad[0], len(losses) // replicas)
        where = f" of process {process}" if replicas > 1 else ""
        raise DataselectError(
            f"{len(bad)} of {int((prior != 0).sum())} samples cannot be weighed: sample "
            f"{sample}{where} has loss {float(losses[bad[0]])} and prior {float(prior[bad[0]])}",
            accepted="finite losses, and finite priors of 0 or more",
            hint='nonfinite="exclude" leaves such samples out and counts them',
            bad_input=False,
        )
