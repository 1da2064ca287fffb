"""The score table: one row an architecture, written whole, continued after an interruption."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Float64

from nasproxy.errors import NasproxyError
from nasproxy.proxies import get_all
from nasproxy.proxies.proxy import Proxy
from nasproxy.ranking.aggregate import rank_aggregate
from nasproxy.scoring.candidates import Candidate
from zerocost.files import whole_file

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "ScoreTable",
    "candidates_table",
    "missing_reasons",
    "read_scores",
    "score_matrix",
    "write_table",
]


@dataclass(frozen=True)
class ScoreTable:
    """Scores read back from a file.

    Attributes:
        space: the space of the architectures.
        architectures: text forms ``[n]``.
        scores: proxy -> float64 ``[n]``, NaN where there is none.
        higher_is_better: proxy -> its direction.
        columns: the other columns by name, such as strata.
    """

    space: str
    architectures: tuple[str, ...]
    scores: Mapping[str, Float64[np.ndarray, " n"]]
    higher_is_better: Mapping[str, bool]
    columns: Mapping[str, Sequence[object]]


def candidates_table(
    space: str,
    candidates: Sequence[Candidate],
    proxies: Iterable[str | Proxy],
    *,
    combine: Literal["log", "mean"] = "log",
    seeds: Sequence[int] = (),
) -> pa.Table:
    """Candidates as an Arrow table, best first, with space and directions in its metadata.

    Columns: rank (1 the best), architecture, canonical, fitness (the rank aggregate that the order
    goes by) and one a proxy, null where there is no score; after it, of several seeds, the
    proxy's spread with ``_sd`` behind its name. Of equals the first given stays first.
    """
    import pyarrow as pa

    directions = {proxy.name: proxy.direction for proxy in get_all(proxies)}
    names = list(directions)
    scores = score_matrix(candidates, names)
    fitness = rank_aggregate(scores, list(directions.values()), combine)
    order = np.lexsort((np.arange(len(fitness)), -fitness))
    columns: dict[str, Any] = {
        "rank": pa.array(np.arange(1, len(order) + 1, dtype=np.int64)),
        "architecture": pa.array([candidates[i].architecture for i in order]),
        "canonical": pa.array([candidates[i].canonical for i in order]),
        "fitness": pa.array(fitness[order]),
    }
    for column, name in enumerate(names):
        columns[name] = pa.array(scores[order, column], from_pandas=True)
        if len(seeds) > 1:
            spread = [candidates[i].spread[name] for i in order]
            columns[f"{name}_sd"] = pa.array(spread, pa.float64())
    about: dict[str, object] = {"space": space}
    about["higher_is_better"] = {n: directions[n] > 0 for n in names}
    if len(seeds) > 1:
        about["seeds"] = list(seeds)
    return pa.table(columns).replace_schema_metadata({"nasproxy": json.dumps(about)})


def score_matrix(
    candidates: Sequence[Candidate], proxies: Sequence[str]
) -> Float64[np.ndarray, "m p"]:
    """float64 ``[m, p]`` of the candidates' scores, NaN where there is none."""
    rows = [[candidate.scores[name] for name in proxies] for candidate in candidates]
    return np.array(rows, dtype=np.float64).reshape(len(candidates), len(proxies))


def missing_reasons(candidates: Sequence[Candidate]) -> dict[str, int]:
    """How many scores are missing for each reason."""
    return dict(Counter(why for candidate in candidates for why in candidate.reasons.values()))


def write_table(table: pa.Table, path: Path, *, overwrite: bool = False) -> None:
    """Write an Arrow table as Parquet, whole or not at all."""
    import pyarrow.parquet as pq

    with whole_file(path, overwrite=overwrite) as partial:
        pq.write_table(table, partial, compression="zstd")


def read_scores(path: Path) -> ScoreTable:
    """Read a score table, of this tool or of the user's own making.

    A table of the user's own needs a column ``architecture`` and a floating-point column a proxy;
    other columns may serve as strata.

    Raises:
        NasproxyError: the file is absent, no Parquet, or has no such columns.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.exists():  # of which pyarrow's message would say nothing but the name
        raise NasproxyError(
            f"{path} does not exist", accepted="a score table that `nasproxy rank --out` wrote"
        )
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as cause:
        raise NasproxyError(
            f"{path} cannot be read as Parquet: {str(cause).splitlines()[0]}",
            accepted="a score table that `nasproxy rank --out` wrote",
        ) from cause
    about = json.loads((table.schema.metadata or {}).get(b"nasproxy", b"{}"))
    if "architecture" not in table.column_names:
        raise NasproxyError(
            f"{path} has no column 'architecture' (it has {', '.join(table.column_names)})",
            accepted="a score table that `nasproxy rank --out` wrote",
        )
    directions: dict[str, bool] = about.get("higher_is_better", {})
    own = {"rank", "architecture", "canonical", "fitness"}
    numbers = [field.name for field in table.schema if pa.types.is_floating(field.type)]
    proxies = list(directions) or [name for name in numbers if name not in own]
    missing = [name for name in proxies if name not in numbers]
    if missing or not proxies:
        raise NasproxyError(
            f"{path} has no column of scores {' and none '.join(map(repr, missing))}".rstrip(),
            accepted="a floating-point column for every proxy",
            hint=f"its columns: {', '.join(f'{f.name} ({f.type})' for f in table.schema)}",
        )
    return ScoreTable(
        space=about.get("space", ""),
        architectures=tuple(map(str, table.column("architecture").to_pylist())),
        scores={
            name: table.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False)
            for name in proxies
        },
        higher_is_better={name: directions.get(name, True) for name in proxies},
        columns={
            name: table.column(name).to_pylist()
            for name in table.column_names
            if name not in proxies
        },
    )
