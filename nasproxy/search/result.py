"""What a search found: the ranking, the picks on the way, and the files that hold them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64

from nasproxy.errors import NasproxyError
from nasproxy.proxies.proxy import Proxy
from nasproxy.scoring.candidates import Candidate
from nasproxy.scoring.table import candidates_table, write_table
from nasproxy.search.loop import SearchState
from zerocost.files import whole_file, write_json

if TYPE_CHECKING:
    from nasproxy.benchmarks.table import BenchmarkTable

__all__ = ["PICTURE", "RESULT", "TABLE", "SearchResult", "as_json", "result_of", "write_result"]

TABLE = "evaluations.parquet"
RESULT = "result.json"
PICTURE = "best_so_far.png"


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        best: the candidates best first; the first is the pick.
        fitness: their rank aggregates, float64 ``[n]``, best first.
        picks: for each evaluation, the index in ``order`` of the pick at that moment.
        order: the candidates in the order of their evaluation.
        proposals: how often the sampler was asked.
        truth: the benchmark's value of each of ``best``, float64 ``[n]``, NaN where unknown; None
            without a benchmark.
        optimum: the benchmark's best architecture and its value; None without a benchmark.
    """

    best: tuple[Candidate, ...]
    fitness: Float64[np.ndarray, " n"]
    picks: tuple[int, ...]
    order: tuple[Candidate, ...]
    proposals: int
    truth: Float64[np.ndarray, " n"] | None
    optimum: tuple[str, float] | None

    @property
    def regret(self) -> float | None:
        """How far the pick's true value is from the optimum; None where it is not known."""
        if self.truth is None or self.optimum is None or np.isnan(self.truth[0]):
            return None
        return self.optimum[1] - float(self.truth[0])


def result_of(
    state: SearchState,
    picks: Sequence[int],
    benchmark: BenchmarkTable | None = None,
    target: str | None = None,
) -> SearchResult:
    """The candidates of a finished search, best first, with their true values where known.

    Raises:
        NasproxyError: no candidate has a score.
    """
    if all(value is None for c in state.candidates for value in c.scores.values()):
        reason = next(iter(state.candidates[0].reasons.values()))
        raise NasproxyError(
            f"none of the {len(state.candidates)} networks has a score; the first: {reason}",
            bad_input=False,
        )
    order = np.lexsort((np.arange(len(state.fitness)), -state.fitness))
    best = tuple(state.candidates[i] for i in order)
    truth, optimum = None, None
    if benchmark is not None and target is not None:
        optimum = benchmark.best(target)
        truth = benchmark.lookup([candidate.architecture for candidate in best], target)
    return SearchResult(
        best,
        state.fitness[order],
        tuple(picks),
        state.candidates,
        state.proposals,
        truth,
        optimum,
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
    if result.truth is not None:
        table = table.append_column(str(target), pa.array(result.truth, from_pandas=True))
    write_table(table, out / TABLE, overwrite=True)
    picture = _picture(result, target)
    if picture is not None:
        with whole_file(out / PICTURE, overwrite=True) as partial:
            partial.write_bytes(picture)
    write_json(out / RESULT, as_json(result, target, settings), overwrite=True)


def as_json(
    result: SearchResult, target: str | None, settings: Mapping[str, object]
) -> dict[str, Any]:
    """The result as plain values: what ``search --json`` prints."""
    return {
        "settings": dict(settings),
        "evaluations": len(result.order),
        "proposals": result.proposals,
        "target": target,
        "optimum": None
        if result.optimum is None
        else {"architecture": result.optimum[0], "value": result.optimum[1]},
        "regret": result.regret,
        "best": [
            {
                "architecture": candidate.architecture,
                "scores": dict(candidate.scores),
                "fitness": float(result.fitness[i]),
                "true": None
                if result.truth is None or np.isnan(result.truth[i])
                else float(result.truth[i]),
            }
            for i, candidate in enumerate(result.best[:10])
        ],
    }


def _picture(result: SearchResult, target: str | None) -> bytes | None:
    """True values of the picks, or without a benchmark the first proxy's scores of them."""
    from nasproxy.plots import best_so_far

    values: Float64[np.ndarray, " n"]
    if result.truth is not None and not np.isnan(result.truth).all():
        of = dict(zip((c.architecture for c in result.best), result.truth, strict=True))
        values = np.array([of[c.architecture] for c in result.order])
        quantity, optimum = (
            f"{target} accuracy (%)",
            None if result.optimum is None else result.optimum[1],
        )
    else:
        quantity, optimum = next(iter(result.order[0].scores)), None
        values = np.array([c.scores[quantity] for c in result.order], dtype=np.float64)
    curve = values[list(result.picks)]
    if not np.isfinite(curve[-1]):
        return None
    try:
        return best_so_far({"pick of the search": curve}, quantity=quantity, optimum=optimum)
    except NasproxyError:  # matplotlib is an extra; a search without it has no picture
        return None
