"""What a search found: the ranking, the picks on the way, and the files that hold them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float64, Int64

from nasproxy.benchmarks.table import Quantity
from nasproxy.errors import NasproxyError
from nasproxy.proxies.proxy import Proxy
from nasproxy.scoring.candidates import Candidate
from nasproxy.scoring.table import candidates_table, write_table
from nasproxy.search.limits import costs_as_json
from nasproxy.search.loop import SearchState
from nasproxy.search.objectives import Objective, objective_values, oriented
from nasproxy.search.pareto import non_dominated_ranks
from zerocost.files import whole_file, write_json

if TYPE_CHECKING:
    from nasproxy.benchmarks.table import BenchmarkTable

__all__ = [
    "FRONT",
    "PICTURE",
    "RESULT",
    "TABLE",
    "SearchResult",
    "as_json",
    "result_of",
    "write_result",
]

TABLE = "evaluations.parquet"
RESULT = "result.json"
PICTURE = "best_so_far.png"
FRONT = "pareto_front.png"


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        best: the candidates best first; the first is the pick.
        fitness: their rank aggregates, float64 ``[n]``, best first.
        picks: for each evaluation, the index in ``order`` of the pick at that moment.
        order: the candidates in the order of their evaluation.
        proposals: how often the sampler was asked.
        outside: how many functions were outside the limits.
        objectives: what was searched for.
        values: the objectives of each of ``best``, float64 ``[n, objectives]``, in their units.
        front: whether each of ``best`` is on the Pareto front, bool ``[n]``.
        costs: the costs of each of ``best``.
        truth: the benchmark's value of each of ``best``, float64 ``[n]``, NaN where unknown; None
            without a benchmark.
        optimum: the benchmark's best architecture and its value; None without a benchmark.
        quantity: unit and direction of the benchmark's values; None without a benchmark.
    """

    best: tuple[Candidate, ...]
    fitness: Float64[np.ndarray, " n"]
    picks: tuple[int, ...]
    order: tuple[Candidate, ...]
    proposals: int
    outside: int
    objectives: tuple[Objective, ...]
    values: Float64[np.ndarray, "n o"]
    front: Bool[np.ndarray, " n"]
    costs: tuple[Mapping[str, float], ...]
    truth: Float64[np.ndarray, " n"] | None
    optimum: tuple[str, float] | None
    quantity: Quantity | None

    @property
    def regret(self) -> float | None:
        """How far the pick's true value is from the optimum, 0 or more; None where not known."""
        found = None if self.truth is None else self.short_of(float(self.truth[0]))
        return None if found is None or np.isnan(found) else found

    def short_of(self, value: float) -> float | None:
        """How far a true value is from the optimum, 0 or more; None without a benchmark."""
        if self.optimum is None or self.quantity is None:
            return None
        missing = self.optimum[1] - value
        return missing if self.quantity.higher_is_better else -missing


def result_of(
    state: SearchState,
    picks: Sequence[int],
    objectives: Sequence[Objective],
    benchmark: BenchmarkTable | None = None,
    target: str | None = None,
) -> SearchResult:
    """The candidates of a finished search, best first, with their true values where known.

    Raises:
        NasproxyError: none is within the limits, or none has a score.
    """
    if not state.evaluations:
        raise NasproxyError(
            f"none of the {state.outside:,} networks proposed is within the limits",
            accepted="limits that some networks of the space keep",
            bad_input=False,
        )
    if all(value is None for c in state.candidates for value in c.scores.values()):
        reason = next(iter(state.candidates[0].reasons.values()))
        raise NasproxyError(
            f"none of the {len(state.candidates)} networks has a score; the first: {reason}",
            bad_input=False,
        )
    order = np.lexsort((np.arange(len(state.fitness)), -state.fitness))
    values = objective_values(objectives, state.evaluations, state.fitness)
    front = non_dominated_ranks(oriented(objectives, values)) == 0
    best = tuple(state.candidates[i] for i in order)
    truth, optimum, quantity = None, None, None
    if benchmark is not None and target is not None:
        optimum, quantity = benchmark.best(target), benchmark.quantity(target)
        truth = benchmark.lookup([candidate.architecture for candidate in best], target)
    return SearchResult(
        best=best,
        fitness=state.fitness[order],
        picks=tuple(picks),
        order=state.candidates,
        proposals=state.proposals,
        outside=state.outside,
        objectives=tuple(objectives),
        values=values[order],
        front=front[order],
        costs=tuple(state.evaluations[i].costs for i in order),
        truth=truth,
        optimum=optimum,
        quantity=quantity,
    )


def write_result(
    result: SearchResult,
    out: Path,
    proxies: Iterable[Proxy],
    target: str | None,
    settings: Mapping[str, object],
) -> None:
    """Write the table, the picture where there is one, and the JSON; each replaces an old one."""
    import pyarrow as pa

    table = candidates_table(
        str(settings["space"]),
        result.best,
        proxies,
        combine="log" if settings["combine"] == "log" else "mean",
    )
    evaluated = {c.architecture: i + 1 for i, c in enumerate(result.order)}
    table = table.append_column(
        "evaluation", pa.array([evaluated[c.architecture] for c in result.best])
    )
    for cost in result.costs[0]:
        # A proxy may have the same name, and is of the same network.
        column = f"cost {cost}" if cost in table.column_names else cost
        table = table.append_column(
            column, pa.array([c[cost] for c in result.costs], pa.float64(), from_pandas=True)
        )
    if len(result.objectives) > 1:
        table = table.append_column("pareto", pa.array(result.front))
    if result.truth is not None:
        name = str(target) if target not in table.column_names else f"true {target}"
        table = table.append_column(name, pa.array(result.truth, from_pandas=True))
    write_table(table, out / TABLE, overwrite=True)
    for name, picture in ((PICTURE, _picture(result, target)), (FRONT, _front_picture(result))):
        if picture is not None:
            with whole_file(out / name, overwrite=True) as partial:
                partial.write_bytes(picture)
    write_json(out / RESULT, as_json(result, target, settings), overwrite=True)


def as_json(
    result: SearchResult, target: str | None, settings: Mapping[str, object]
) -> dict[str, Any]:
    """The result as plain values: what ``search --json`` prints."""
    several = len(result.objectives) > 1
    found: dict[str, Any] = {
        "settings": dict(settings),
        "evaluations": len(result.order),
        "proposals": result.proposals,
        "outside_limits": result.outside,
        "target": target,
        "unit": None if result.quantity is None else result.quantity.unit,
        "optimum": None
        if result.optimum is None
        else {"architecture": result.optimum[0], "value": result.optimum[1]},
        "regret": result.regret,
        "best": [_row(result, i) for i in range(min(10, len(result.best)))],
    }
    if several:
        found["front"] = [_row(result, int(i)) for i in _along_the_front(result)]
    return found


def _row(result: SearchResult, i: int) -> dict[str, Any]:
    candidate = result.best[i]
    row: dict[str, Any] = {
        "architecture": candidate.architecture,
        "scores": dict(candidate.scores),
        "fitness": float(result.fitness[i]),
        "true": None
        if result.truth is None or np.isnan(result.truth[i])
        else float(result.truth[i]),
    }
    if result.costs[i]:
        row["costs"] = costs_as_json(result.costs[i])
    if len(result.objectives) > 1:
        row["objectives"] = {
            objective.name: None if np.isnan(value) else float(value)
            for objective, value in zip(result.objectives, result.values[i], strict=True)
        }
    return row


def _along_the_front(result: SearchResult) -> Int64[np.ndarray, " f"]:
    """The places in ``best`` of the front, the best by the first objective first."""
    (on_it,) = np.nonzero(result.front)
    first = oriented(result.objectives, result.values)[on_it, 0]
    return on_it[np.argsort(-first, kind="stable")]


def _picture(result: SearchResult, target: str | None) -> bytes | None:
    """True values of the picks, or without a benchmark the first proxy's scores of them."""
    from nasproxy.plots import best_so_far

    values: Float64[np.ndarray, " n"]
    optimum: float | None = None
    if result.truth is not None and not np.isnan(result.truth).all():
        of = dict(zip((c.architecture for c in result.best), result.truth, strict=True))
        values = np.array([of[c.architecture] for c in result.order])
        assert result.quantity is not None
        quantity = result.quantity.label(str(target))
        optimum = None if result.optimum is None else result.optimum[1]
        up = result.quantity.higher_is_better
    else:
        quantity, up = next(iter(result.order[0].scores)), True
        values = np.array([c.scores[quantity] for c in result.order], dtype=np.float64)
    curve = values[list(result.picks)]
    if not np.isfinite(curve[-1]):
        return None
    try:
        return best_so_far(
            {"pick of the search": curve},
            quantity=quantity,
            optimum=optimum,
            higher_is_better=up,
        )
    except NasproxyError:  # matplotlib is an extra; a search without it has no picture
        return None


def _front_picture(result: SearchResult) -> bytes | None:
    """The first objective against each of the others; None for one objective."""
    from nasproxy.plots import pareto_front

    if len(result.objectives) < 2 or not np.isfinite(result.values).all(axis=1).any():
        return None
    try:
        return pareto_front(
            result.values,
            result.front,
            labels=[objective.label for objective in result.objectives],
            higher_is_better=[objective.higher_is_better for objective in result.objectives],
        )
    except NasproxyError:  # matplotlib is an extra; a search without it has no picture
        return None
