"""The table of runs: weight vectors and the losses they led to, joined by run id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float64, Int64

from dataselect.errors import DataselectError
from dataselect.weighting.designs import Design

__all__ = ["Runs", "join"]

_SUM_TOLERANCE = 0.02


@dataclass(frozen=True)
class Runs:
    """What was tried and what came of it.

    Attributes:
        names: of the scores, or of the domains of a mixture.
        targets: names of the losses.
        run_ids: unique.
        weights: ``[runs, scores]``, at least 0; rows add up to 1 within what rounding to a few
            digits leaves (.02), and are taken as they are.
        losses: ``[runs, targets]``, finite; less is better.
        left_out: runs that could not be used, by id, with the reason.
    """

    names: tuple[str, ...]
    targets: tuple[str, ...]
    run_ids: tuple[str, ...]
    weights: Float64[np.ndarray, "runs scores"]
    losses: Float64[np.ndarray, "runs targets"]
    left_out: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for what, given in (
            ("score", self.names),
            ("target", self.targets),
            ("run id", self.run_ids),
        ):
            if not given:
                raise DataselectError(f"there is no {what}", accepted=f"one {what} or more")
            if len(set(given)) != len(given):
                twice = next(name for name in given if given.count(name) > 1)
                raise DataselectError(
                    f"the {what} {twice!r} stands twice", accepted=f"each {what} once"
                )
        shapes = (
            (len(self.run_ids), len(self.names)),
            (len(self.run_ids), len(self.targets)),
        )
        if (self.weights.shape, self.losses.shape) != shapes:
            raise DataselectError(
                f"weights of the shape {list(self.weights.shape)} and losses of the shape "
                f"{list(self.losses.shape)} for {len(self.run_ids)} runs",
                accepted="a row a run; a column a score, and a column a target",
            )
        self._check_weights()
        bad = ~np.isfinite(self.losses).all(axis=1)
        if bad.any():
            raise DataselectError(
                f"the run {self.run_ids[int(np.argmax(bad))]!r} has a loss that is not finite",
                accepted="finite losses",
                hint="leave the run out; `join` and `read_tables` do",
            )

    def _check_weights(self) -> None:
        sums = self.weights.sum(axis=1)
        bad = ~(np.isfinite(sums) & (np.abs(sums - 1) <= _SUM_TOLERANCE))
        bad |= ~(self.weights >= 0).all(axis=1)
        if bad.any():
            at = int(np.argmax(bad))
            raise DataselectError(
                f"the weights of the run {self.run_ids[at]!r} add up to {sums[at]:g}, the least "
                f"of them is {self.weights[at].min():g}",
                accepted="weights of at least 0 that add up to 1",
                hint="--normalise divides each row by its sum",
            )

    def take(self, rows: Int64[np.ndarray, " taken"]) -> Runs:
        """The runs at these places, in this order, each at most once."""
        return replace(
            self,
            run_ids=tuple(self.run_ids[at] for at in rows.tolist()),
            weights=self.weights[rows],
            losses=self.losses[rows],
        )


def join(design: Design, losses: Mapping[str, Mapping[str, float]]) -> Runs:
    """Weights and losses by run id, whatever the order of either.

    Args:
        design: the weight vectors.
        losses: run id -> target -> loss. Every run must name the same targets.

    Returns:
        Runs in the order of the design. Left out, with the reason: runs without a record, and
        those with a loss that is not finite.

    Raises:
        DataselectError: a record of a run that the design does not have, targets that differ, or
            no run with losses.
    """
    known = set(design.run_ids)
    strangers = [run_id for run_id in losses if run_id not in known]
    if strangers:
        raise DataselectError(
            f"there are losses of {strangers[0]!r}, and the design has no such run "
            f"({len(strangers):,} of them)",
            accepted="losses of runs of the design",
            hint="they may be of another design or seed",
        )
    if not losses:
        raise DataselectError("there is no run with losses", accepted="one or more")
    targets = tuple(next(iter(losses.values())))
    left_out: dict[str, str] = {}
    rows: list[int] = []
    values: list[list[float]] = []
    for at, run_id in enumerate(design.run_ids):
        record = losses.get(run_id)
        if record is None:
            left_out[run_id] = "no losses"
            continue
        if set(record) != set(targets):
            raise DataselectError(
                f"the run {run_id!r} has the targets {', '.join(record)}",
                accepted=f"those of the first run: {', '.join(targets)}",
            )
        row = [float(record[target]) for target in targets]
        if not np.isfinite(row).all():
            left_out[run_id] = "a loss that is not finite"
            continue
        rows.append(at)
        values.append(row)
    if not rows:
        raise DataselectError(
            f"none of {len(design.run_ids):,} runs has finite losses", accepted="one or more"
        )
    return Runs(
        design.names,
        targets,
        tuple(design.run_ids[at] for at in rows),
        design.weights[rows],
        np.array(values, dtype=np.float64),
        left_out,
    )
