"""What was bought, and the files that hold it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64, Int64

from nasproxy.errors import NasproxyError
from nasproxy.search.buying import Purchase, pick_of
from nasproxy.search.shop import Shop
from zerocost.files import whole_file, write_json

if TYPE_CHECKING:
    from nasproxy.benchmarks.table import BenchmarkTable

__all__ = ["PICTURE", "RESULT", "TABLE", "BoughtResult", "result_of_purchases", "write_purchases"]

TABLE = "bought.parquet"
RESULT = "result.json"
PICTURE = "best_so_far.png"
_BEST = 10


@dataclass(frozen=True)
class BoughtResult:
    """What was bought.

    Attributes:
        purchases: in their order.
        pick: the place of the best.
        truth: the benchmark's values of the purchases, float64 ``[n]``; None without a benchmark.
        optimum: the benchmark's best architecture and its value; None without a benchmark.
        regret: what the pick's true value lacks to the optimum, 0 or more; None where not known.
        higher_is_better: of the accuracies.
    """

    purchases: tuple[Purchase, ...]
    pick: int
    truth: Float64[np.ndarray, " n"] | None
    optimum: tuple[str, float] | None
    regret: float | None
    higher_is_better: bool


def result_of_purchases(
    purchases: tuple[Purchase, ...],
    shop: Shop,
    benchmark: BenchmarkTable | None,
    target: str | None,
) -> BoughtResult:
    """The pick, and its true value where a benchmark is given."""
    pick = pick_of(purchases, shop.higher_is_better)
    if benchmark is None or target is None:
        return BoughtResult(purchases, pick, None, None, None, shop.higher_is_better)
    truth = benchmark.lookup([purchase.architecture for purchase in purchases], target)
    optimum = benchmark.best(target)
    short = optimum[1] - float(truth[pick])
    regret = abs(short) if np.isfinite(short) else None
    return BoughtResult(purchases, pick, truth, optimum, regret, shop.higher_is_better)


def write_purchases(
    result: BoughtResult,
    out: Path,
    shop: Shop,
    target: str | None,
    settings: Mapping[str, object],
) -> None:
    """Write the table, the picture where there is one, and the JSON; each replaces an old one."""
    import pyarrow as pa

    from nasproxy.plots import best_so_far
    from nasproxy.scoring.table import write_table

    values = np.array([purchase.accuracy for purchase in result.purchases])
    order = np.lexsort((np.arange(len(values)), -values if result.higher_is_better else values))
    columns: dict[str, Any] = {
        "rank": np.arange(1, len(order) + 1),
        "architecture": [result.purchases[i].architecture for i in order],
        "canonical": [result.purchases[i].function for i in order],
        "bought": values[order],
        "purchase": order + 1,
        "predicted": pa.array([result.purchases[i].predicted for i in order], pa.float64()),
        "spread": pa.array([result.purchases[i].spread for i in order], pa.float64()),
    }
    for cost in result.purchases[0].costs:
        columns[cost] = [result.purchases[i].costs[cost] for i in order]
    if result.truth is not None:
        columns[f"true {target}"] = pa.array(result.truth[order], from_pandas=True)
    write_table(pa.table(columns), out / TABLE, overwrite=True)
    write_json(out / RESULT, _as_json(result, order, target, settings), overwrite=True)
    best = np.maximum.accumulate(values) if result.higher_is_better else None
    curve = np.minimum.accumulate(values) if best is None else best
    try:
        picture = best_so_far(
            {"best bought": curve},
            quantity=shop.quantity,
            optimum=result.optimum[1] if result.optimum and shop.within else None,
            higher_is_better=result.higher_is_better,
        )
    except NasproxyError:  # matplotlib is an extra; a search without it has no picture
        return
    with whole_file(out / PICTURE, overwrite=True) as partial:
        partial.write_bytes(picture)


def _as_json(
    result: BoughtResult,
    order: Int64[np.ndarray, " n"],
    target: str | None,
    settings: Mapping[str, object],
) -> dict[str, Any]:
    def row(i: int) -> dict[str, Any]:
        true = None if result.truth is None else float(result.truth[i])
        known = true is not None and np.isfinite(true)
        return {**asdict(result.purchases[i]), "purchase": i + 1, "true": true if known else None}

    optimum = result.optimum
    return {
        "settings": dict(settings),
        "trainings": len(result.purchases),
        "pick": row(result.pick),
        "target": target,
        "optimum": None
        if optimum is None
        else dict(zip(("architecture", "value"), optimum, strict=True)),
        "regret": result.regret,
        "best": [row(int(i)) for i in order[:_BEST]],
    }
