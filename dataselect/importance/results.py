"""The table of importances: one row an item, the best first, in Parquet."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64

from dataselect.importance.groups import Groups
from dataselect.importance.retrievals import Retrievals
from zerocost.files import whole_file

__all__ = ["importance_table", "write_importance"]


def importance_table(
    retrievals: Retrievals,
    names: Any,
    players: Float64[np.ndarray, " players"],
    *,
    groups: Groups | None = None,
    keep: Bool[np.ndarray, " items"] | None = None,
    about: Mapping[str, object] | None = None,
) -> Any:
    """An Arrow table of every item, with how it was made in its metadata.

    Columns: item; group (where there are any); importance, null for an item that no list names,
    whatever its group; group_importance; retrieved, at how many positions it stands; seen; kept
    (where pruned). The best first, of equals the first to appear; unseen items last.

    Args:
        retrievals: the lists that the values were worked out on.
        names: an Arrow array of the items' names.
        players: the values, of the groups where there are any.
        groups: of the items.
        keep: what pruning kept.
        about: any JSON values.
    """
    import pyarrow as pa

    times = retrievals.times_retrieved()
    of_item = players if groups is None else players[groups.of_item]
    own = np.where(times > 0, of_item, np.nan)
    order = np.lexsort((np.arange(len(own)), -np.nan_to_num(own, nan=-np.inf)))
    columns: dict[str, Any] = {"item": names.take(pa.array(order))}
    if groups is not None:
        columns["group"] = pa.array(groups.names, pa.string()).take(pa.array(groups.of_item[order]))
    columns["importance"] = pa.array(own[order], from_pandas=True)
    if groups is not None:
        columns["group_importance"] = pa.array(of_item[order], from_pandas=True)
    columns["retrieved"] = pa.array(times[order])
    columns["seen"] = pa.array(times[order] > 0)
    if keep is not None:
        columns["kept"] = pa.array(keep[order])
    metadata = {"dataselect": json.dumps(dict(about or {}), allow_nan=False)}
    return pa.table(columns).replace_schema_metadata(metadata)


def write_importance(table: Any, path: Path, *, overwrite: bool = False) -> None:
    """Write the table as Parquet, whole or not at all."""
    import pyarrow.parquet as pq

    with whole_file(path, overwrite=overwrite) as partial:
        pq.write_table(table, partial, compression="zstd")
