"""What a search is for: the proxies' rank, single scores and costs, each with a direction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from nasproxy.errors import NasproxyError
from nasproxy.search.costs import COUNTS, unit
from nasproxy.search.evaluation import Evaluation
from nasproxy.search.limits import LATENCY
from nasproxy.search.pareto import fronts_and_crowding
from zerocost.errors import did_you_mean

__all__ = ["FITNESS", "Objective", "objective_values", "objectives_of", "oriented", "scalar"]

FITNESS = "proxies"
"""The objective that stands for all proxies together: their rank aggregate."""


@dataclass(frozen=True)
class Objective:
    """One thing to be had more or less of.

    Attributes:
        name: "proxies", a proxy asked for, or a cost.
        higher_is_better: the direction.
    """

    name: str
    higher_is_better: bool

    @property
    def is_cost(self) -> bool:
        """Whether it is a cost, and no score."""
        return self.name in COUNTS or self.name.startswith(LATENCY)

    @property
    def label(self) -> str:
        """How an axis calls it."""
        of = unit(self.name)
        named = "rank aggregate of the proxies" if self.name == FITNESS else self.name
        return f"{named} ({of})" if of else named


def objectives_of(texts: Sequence[str], directions: dict[str, bool]) -> tuple[Objective, ...]:
    """Objectives as they are typed: ``proxies``, ``params``, ``latency:pixel3``, ``naswot=min``.

    Costs are to be low and scores to go in their own direction, where ``=min`` or ``=max`` does
    not say otherwise. ``params`` and ``flops`` are the costs.

    Args:
        texts: at least one.
        directions: proxy asked for -> whether more is better.

    Raises:
        NasproxyError: an unknown objective or direction, or one named twice.
    """
    found: dict[str, Objective] = {}
    for text in texts:
        name, equals, direction = text.partition("=")
        known = [FITNESS, *directions, *COUNTS]
        if name not in known and not name.startswith(LATENCY):
            raise NasproxyError(
                f"there is no objective {name!r}",
                accepted=f"{', '.join(dict.fromkeys(known))}, {LATENCY}DEVICE; a proxy where it "
                "is among --proxies",
                hint=did_you_mean(name, known),
            )
        if equals and direction not in ("min", "max"):
            raise NasproxyError(
                f"the objective {text!r} has no direction {direction!r}",
                accepted=f"{name}=min or {name}=max",
            )
        if name in found:
            raise NasproxyError(f"the objective {name!r} is named twice", accepted="each once")
        cost = name in COUNTS or name.startswith(LATENCY)
        natural = not cost and (name == FITNESS or directions[name])
        found[name] = Objective(name, direction == "max" if equals else natural)
    if not found:
        raise NasproxyError("there is no objective", accepted=f"such as {FITNESS},params")
    return tuple(found.values())


def objective_values(
    objectives: Sequence[Objective],
    evaluations: Sequence[Evaluation],
    fitness: Float64[np.ndarray, " n"],
) -> Float64[np.ndarray, "n o"]:
    """The objectives of networks scored, in their own units; NaN where there is none.

    Args:
        objectives: what is wanted.
        evaluations: the networks, each with scores.
        fitness: the rank aggregate of each.
    """
    columns = np.full((len(evaluations), len(objectives)), np.nan)
    for at, objective in enumerate(objectives):
        if objective.name == FITNESS:
            columns[:, at] = fitness
        elif objective.is_cost:
            columns[:, at] = [found.costs[objective.name] for found in evaluations]
        else:
            columns[:, at] = [
                np.nan if found.candidate is None else _number(found.candidate.scores, objective)
                for found in evaluations
            ]
    return columns


def oriented(
    objectives: Sequence[Objective], values: Float64[np.ndarray, "n o"]
) -> Float64[np.ndarray, "n o"]:
    """The same with more better in every column."""
    signs = np.array([1.0 if o.higher_is_better else -1.0 for o in objectives])
    turned: Float64[np.ndarray, "n o"] = values * signs
    return turned


def scalar(values: Float64[np.ndarray, "n o"]) -> Float64[np.ndarray, " n"]:
    """One number for each of several oriented objectives: by front, then by crowding distance.

    Of one objective it is the objective itself.
    """
    if values.shape[1] == 1:
        return values[:, 0]
    fronts, alone = fronts_and_crowding(values)
    # Within 0 and 1/2, so that no distance outweighs a front.
    ordered: Float64[np.ndarray, " n"] = -fronts + 0.5 * (1 - 1 / (1 + alone))
    return ordered


def _number(scores: Mapping[str, float | None], objective: Objective) -> float:
    value = scores[objective.name]
    return float("nan") if value is None else float(value)
