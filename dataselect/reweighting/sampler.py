"""Draw training samples by weights known before training; stateful and resumable."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Float64, Int64

from dataselect.errors import DataselectError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["WeightedSampler", "weights_of_scores"]


class WeightedSampler:
    """Indices drawn in proportion to weights; a ``sampler`` for ``torch.utils.data.DataLoader``.

    The order of an epoch is a function of seed and epoch alone. Every process draws the whole
    order and takes each ``replicas``-th index of it, so that together they see what one process
    would. After an epoch the next one follows by itself; ``set_epoch`` chooses another. Trainers
    that share out batches themselves (Accelerate, Hugging Face, Lightning) want every process to
    draw all indices: ``rank=0, replicas=1``.

    Args:
        weights: ``[n]``, 0 or more, up to a factor; 0 is never drawn.
        num_samples: indices an epoch over all processes; by default n.
        replacement: with it an index may come up often; without it the heavier come earlier and
            each at most once (successive draws in proportion to the weights that are left).
        seed: of the draws.
        rank: of this process, by default that in ``torch.distributed``, or 0.
        replicas: how many processes, by default those of ``torch.distributed``, or 1.

    Raises:
        DataselectError: a weight is negative or not finite, all are 0, more are asked for without
            replacement than there are weights above 0, or less than one a process.

    Complexity: O(n) memory and time once, O(m log n) an epoch of m draws with replacement.
    """

    def __init__(
        self,
        weights: Float[np.ndarray, " n"],
        *,
        num_samples: int | None = None,
        replacement: bool = True,
        seed: int = 0,
        rank: int | None = None,
        replicas: int | None = None,
    ) -> None:
        given = _checked(np.asarray(weights, dtype=np.float64))
        self._fingerprint = zlib.crc32(given.tobytes())
        self._weights = given / given.max()  # so that no sum overflows
        self._cumulative = np.cumsum(self._weights)
        self.num_samples = len(self._weights) if num_samples is None else num_samples
        possible = int(np.count_nonzero(self._weights))
        if self.num_samples < 1 or (not replacement and self.num_samples > possible):
            raise DataselectError(
                f"{self.num_samples} samples an epoch"
                + ("" if replacement else f" without replacement of {possible} with a weight"),
                accepted="1 or more" if replacement else f"1 to {possible}",
                hint="num_samples= sets how many, replacement=True draws some more than once",
            )
        self.replacement = replacement
        self.seed = seed
        self.rank, self.replicas = _place(rank, replicas)
        if len(self) == 0:
            raise DataselectError(
                f"{self.num_samples} samples an epoch for {self.replicas} processes",
                accepted="one for each process at least",
            )
        self.epoch = 0
        # A loader fetches the end of an epoch, which sets the next one, before that is trained on.
        self._under_way = 0
        self._position = 0
        self._resumed = False

    def __len__(self) -> int:
        """Indices an epoch on this process; the same on every one, the last few are dropped."""
        return self.num_samples // self.replicas

    def __iter__(self) -> Iterator[int]:
        """The epoch's indices, after `load_state_dict` from where it was."""
        if not self._resumed or self.epoch != self._under_way:
            self._position = 0
        self._resumed = False
        self._under_way = self.epoch
        order = self._order(self.epoch)[self.rank :: self.replicas][: len(self)]
        for index in order[self._position :].tolist():
            self._position += 1
            yield index
        self.epoch += 1

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that comes next; the one of a state that was loaded goes on."""
        if self._resumed and epoch == self._under_way:
            self.epoch = epoch
        elif epoch != self.epoch:
            self.epoch, self._under_way, self._position, self._resumed = epoch, epoch, 0, False

    def state_dict(self, *, consumed: int | None = None) -> dict[str, int]:
        """Where it is, in the epoch that was begun last.

        Args:
            consumed: indices of that epoch that were trained on by this process, where a data
                loader with workers has fetched more of them; by default all that were fetched.

        Raises:
            DataselectError: more were consumed than an epoch has.
        """
        position = self._position if consumed is None else consumed
        if not 0 <= position <= len(self):
            raise DataselectError(
                f"{position} indices consumed of an epoch of {len(self)}",
                accepted="those of this epoch, on this process",
            )
        return {**self._made(), "epoch": self._under_way, "position": position}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Go on at a state; at the end of an epoch with the next, unless ``set_epoch`` says else.

        Raises:
            DataselectError: no state of a sampler, or one that draws otherwise.
        """
        made = self._made()
        missing = [key for key in (*made, "epoch", "position") if key not in state]
        if missing:
            raise DataselectError(
                f"a state without {', '.join(missing)}", accepted="what state_dict gave"
            )
        others = [key for key in made if state[key] != made[key]]
        if others:
            raise DataselectError(
                "a state of " + ", ".join(f"{key} {state[key]}" for key in others),
                accepted=", ".join(f"{key} {made[key]}" for key in others),
                hint="make the sampler as it was, of the same weights and on as many processes",
            )
        epoch, position = int(state["epoch"]), int(state["position"])
        if epoch < 0 or not 0 <= position <= len(self):
            raise DataselectError(
                f"a state at index {position} of epoch {epoch}",
                accepted=f"0 to {len(self)}, of an epoch from 0",
            )
        self._under_way, self._position, self._resumed = epoch, position, True
        self.epoch = epoch + 1 if position == len(self) else epoch

    def _made(self) -> dict[str, int]:
        """What the order of an epoch depends on, and how it is shared out."""
        return {
            "seed": self.seed,
            "samples": self.num_samples,
            "replicas": self.replicas,
            "replacement": int(self.replacement),
            "weights": self._fingerprint,
        }

    def _order(self, epoch: int) -> Int64[np.ndarray, " drawn"]:
        rng = np.random.default_rng((self.seed, epoch))
        if self.replacement:
            drawn = rng.random(self.num_samples) * self._cumulative[-1]
            found = np.searchsorted(self._cumulative, drawn, side="right")
            # Rounding may put the product at the very end, behind the last weight above 0.
            last = np.searchsorted(self._cumulative, self._cumulative[-1])
            indices: Int64[np.ndarray, " drawn"] = np.minimum(found, last)
            return indices
        # The smallest of exponential variables of these rates: successive weighted draws.
        with np.errstate(divide="ignore"):
            keys = rng.standard_exponential(len(self._weights)) / self._weights
        order: Int64[np.ndarray, " n"] = np.argsort(keys, kind="stable")
        return order[: self.num_samples]


def weights_of_scores(
    scores: Float[np.ndarray, " n"], *, temperature: float = 1.0
) -> Float64[np.ndarray, " n"]:
    r"""Sampling weights of scores: exp(z/τ), z the scores less their mean over their deviation.

    Args:
        scores: ``[n]``, higher is better; finite.
        temperature: τ above 0; small prefers the best, large draws evenly.

    Returns:
        ``[n]`` float64, the largest 1.

    Raises:
        DataselectError: a score is missing or not finite, or the temperature is not above 0.

    Reference: QuRating (Wettig et al. 2024) selects by these with τ = 1 and 2.
    """
    values = np.asarray(scores, dtype=np.float64)
    if not temperature > 0:
        raise DataselectError(f"the temperature {temperature}", accepted="more than 0")
    if not np.isfinite(values).all():
        first = int(np.flatnonzero(~np.isfinite(values))[0])
        raise DataselectError(
            f"score {first} of {len(values)} is {values[first]}",
            accepted="finite scores",
            hint="drop documents without a score, or give them one",
        )
    # Scaled first, so that no square overflows.
    values = values / (np.abs(values).max(initial=0.0) or 1.0)
    deviation = values.std() if len(values) else 0.0
    z = (values - values.max(initial=-np.inf)) / (deviation or 1.0)
    weights: Float64[np.ndarray, " n"] = np.exp(z / temperature)
    return weights


def _checked(weights: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    bad = ~(np.isfinite(weights) & (weights >= 0))
    if weights.ndim != 1 or bad.any():
        first = int(np.flatnonzero(bad)[0]) if bad.any() else None
        seen = f"weight {first} is {weights[first]}" if first is not None else f"{weights.shape}"
        raise DataselectError(f"sampling weights: {seen}", accepted="finite numbers, 0 or more")
    if not weights.any():
        raise DataselectError(
            f"{len(weights)} sampling weights that are all 0", accepted="one above 0 at least"
        )
    return weights


def _place(rank: int | None, replicas: int | None) -> tuple[int, int]:
    if rank is None or replicas is None:
        from torch import distributed

        running = distributed.is_available() and distributed.is_initialized()
        rank = (distributed.get_rank() if running else 0) if rank is None else rank
        replicas = (
            (distributed.get_world_size() if running else 1) if replicas is None else replicas
        )
    if not 0 <= rank < replicas:
        raise DataselectError(
            f"rank {rank} of {replicas} processes", accepted=f"a rank in 0 .. {replicas - 1}"
        )
    return rank, replicas
