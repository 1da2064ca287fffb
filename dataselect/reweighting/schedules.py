"""The temperature r by training step: infinite is uniform, small is focused."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from dataselect.errors import DataselectError

__all__ = ["Constant", "Cosine", "Linearly", "Schedule", "WarmUp", "as_schedule", "temperature"]


@runtime_checkable
class Schedule(Protocol):
    """r of a step, any function of your own too; more than 0, ``math.inf`` for uniform weights."""

    def __call__(self, step: int) -> float:
        """The temperature of a step, counted from 0."""
        ...


@dataclass(frozen=True)
class Constant:
    """The same r at every step."""

    r: float

    def __post_init__(self) -> None:
        _check_positive(self.r)

    def __call__(self, step: int) -> float:
        """See `Schedule`."""
        return self.r


@dataclass(frozen=True)
class WarmUp:
    """Uniform weights (r infinite) for some steps, then another schedule from its step 0.

    Early losses say how far training is, not which sample is worth more. The published runs with
    GPT-2 warm up for 1,000 steps of 20,000; those with 1.4B and 7B parameters for 2,000, at r=100.

    Args:
        steps: how many, 0 or more.
        then: the schedule after them.
    """

    steps: int
    then: Schedule

    def __post_init__(self) -> None:
        if self.steps < 0:
            raise DataselectError(f"a warm-up of {self.steps} steps", accepted="0 or more")

    def __call__(self, step: int) -> float:
        """See `Schedule`."""
        return math.inf if step < self.steps else self.then(step - self.steps)


@dataclass(frozen=True)
class Linearly:
    """From one r to another in equal differences over some steps; the last one stays."""

    first: float
    last: float
    steps: int

    def __post_init__(self) -> None:
        _check_between(self.first, self.last, self.steps)

    def __call__(self, step: int) -> float:
        """See `Schedule`."""
        return self.first + (self.last - self.first) * min(1.0, step / self.steps)


@dataclass(frozen=True)
class Cosine:
    """From one r to another along half a cosine over some steps; the last one stays."""

    first: float
    last: float
    steps: int

    def __post_init__(self) -> None:
        _check_between(self.first, self.last, self.steps)

    def __call__(self, step: int) -> float:
        """See `Schedule`."""
        done = min(1.0, step / self.steps)
        return self.last + (self.first - self.last) * 0.5 * (1.0 + math.cos(math.pi * done))


def as_schedule(r: float | Schedule, warmup_steps: int) -> Schedule:
    """The schedule of a number or of a schedule, after a warm-up where there is one."""
    schedule = r if callable(r) else Constant(_number(r))
    return WarmUp(warmup_steps, schedule) if warmup_steps else schedule


def temperature(schedule: Schedule, step: int) -> float:
    """r of a step, checked.

    Raises:
        DataselectError: the schedule gave a number that is not more than 0.
    """
    r = float(schedule(step))
    if not r > 0.0:
        raise DataselectError(
            f"the schedule {schedule!r} gave r = {r} at step {step}",
            accepted="more than 0; math.inf for uniform weights",
        )
    return r


def _number(r: float) -> float:
    try:
        return float(r)
    except (TypeError, ValueError):
        raise DataselectError(
            f"the temperature r = {r!r}",
            accepted="a number above 0, or a schedule: a function of the step",
        ) from None


def _check_positive(r: float) -> None:
    if not r > 0.0:
        raise DataselectError(
            f"the temperature r = {r}",
            accepted="more than 0; math.inf for uniform weights",
            hint="published values are 0.4 and 1.0",
        )


def _check_between(first: float, last: float, steps: int) -> None:
    for r in (first, last):
        _check_positive(r)
        if math.isinf(r):
            raise DataselectError(
                "nothing lies between a number and an infinite r",
                accepted="finite r at both ends",
                hint="WarmUp(steps, then) is uniform first",
            )
    if steps < 1:
        raise DataselectError(f"a schedule over {steps} steps", accepted="1 or more")
