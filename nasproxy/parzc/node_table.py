"""From a table of node-wise values, as ``rank --nodes`` writes it, to padded arrays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nasproxy.errors import NasproxyError
from nasproxy.prediction.features import NodeBlock
from zerocost.errors import did_you_mean

if TYPE_CHECKING:
    import polars as pl

__all__ = ["node_block", "read_node_block", "table_architectures", "table_proxies"]

_COLUMNS = ("architecture", "seed", "proxy", "node", "kind", "position", "width", "value")
_SIZE = "params"


def read_node_block(
    path: Path, architectures: Sequence[str], proxies: Sequence[str] | None = None
) -> NodeBlock:
    """The nodes of some architectures from a Parquet file; see ``node_block``.

    Raises:
        NasproxyError: the file is absent, is no table of nodes, or lacks what is asked for.
    """
    import polars as pl

    wanted = pl.col("architecture").is_in(list(set(architectures)))
    return node_block(_scan(path).filter(wanted).collect(), architectures, proxies)


def table_architectures(path: Path) -> tuple[str, ...]:
    """The architectures of a table of nodes, in the order in which they appear.

    Raises:
        NasproxyError: the file is absent or no table of nodes.
    """
    found = _scan(path).select("architecture").unique(maintain_order=True).collect()
    return tuple(found["architecture"].to_list())


def table_proxies(path: Path) -> tuple[str, ...]:
    """The proxies of a table of nodes, by name.

    Raises:
        NasproxyError: the file is absent or no table of nodes.
    """
    return tuple(sorted(_scan(path).select("proxy").unique().collect()["proxy"].to_list()))


def node_block(
    rows: pl.DataFrame, architectures: Sequence[str], proxies: Sequence[str] | None = None
) -> NodeBlock:
    """The nodes of some architectures as padded arrays, in the order of their networks.

    A node is a layer: values that belong to its weight stand under the layer's own path. Of
    several seeds the mean is taken; of several parameters of one layer the sum. Layers come in
    the order of the network as written, and layers without a place behind the others, by name.

    Args:
        rows: the table: architecture, seed, proxy, node, kind, position, width, value.
        architectures: the ``[n]`` whose nodes are wanted, each of which the table holds.
        proxies: the p proxies in the order wanted; for None all of the table whose values do not
            depend on how an architecture is spelt, by name. A layer without a value of any of
            them is no node.

    Returns:
        Arrays ``[n, m, ...]`` for the m layers of the largest network.

    Raises:
        NasproxyError: an architecture or a proxy that the table does not hold.
    """
    import polars as pl

    known = rows["proxy"].unique().sort().to_list()
    chosen = _default(known) if proxies is None else list(proxies)
    for name in chosen:
        if name not in known:
            raise NasproxyError(
                f"the table of nodes has no proxy {name!r}",
                accepted=", ".join(known),
                hint=did_you_mean(name, known) or "`nasproxy rank --proxies ... --nodes FILE`",
            )
    order = {text: place for place, text in enumerate(dict.fromkeys(architectures))}
    held = set(rows["architecture"].unique().to_list())
    for text in order:
        if text not in held:
            raise NasproxyError(
                f"the table of nodes has no {text!r}",
                accepted=f"one of its {len(held):,} architectures, spelt as there",
                hint="`nasproxy rank --archs FILE --nodes FILE` measures those of a list",
            )
    layer = pl.col("node").str.replace(r"\.(weight|bias)$", "").alias("layer")
    kept = rows.filter(pl.col("architecture").is_in(list(order))).with_columns(layer)
    key = ["architecture", "layer"]
    # Positions differ between a network as written and without its dead layers: the larger is
    # the one as written.
    placed = kept.group_by(key).agg(
        pl.col("position").max(), pl.col("kind").drop_nulls().first(), pl.col("width").max()
    )
    sums = kept.group_by([*key, "proxy", "seed"]).agg(pl.col("value").sum())
    means = sums.group_by([*key, "proxy"]).agg(pl.col("value").mean())
    values = means.filter(pl.col("proxy").is_in(chosen))
    sizes = means.filter(pl.col("proxy") == _SIZE).select([*key, pl.col("value").alias("size")])
    nodes = (
        placed.join(values.select(key).unique(), on=key, how="semi")
        .join(sizes, on=key, how="left")
        .with_columns(
            pl.col("architecture").replace_strict(order, return_dtype=pl.Int64).alias("row")
        )
        .sort(["row", "position", "layer"], nulls_last=True)
        .with_columns(pl.int_range(pl.len()).over("row").alias("column"))
    )
    n, m = len(order), int(nodes["column"].max() or 0) + 1  # type: ignore[arg-type]
    at = nodes["row"].to_numpy(), nodes["column"].to_numpy()

    def padded(column: np.ndarray, padding: float) -> np.ndarray:
        array = np.full((n, m), padding, column.dtype)
        array[at] = column
        return array

    kinds = sorted(nodes["kind"].fill_null("").unique().to_list())
    layers = sorted(nodes["layer"].unique().to_list())
    counts = np.bincount(at[0], minlength=n)
    seen = values.join(nodes.select([*key, "row", "column"]), on=key)
    array = np.full((n, m, len(chosen)), np.nan)
    array[seen["row"].to_numpy(), seen["column"].to_numpy(), _codes(seen["proxy"], chosen)] = seen[
        "value"
    ].to_numpy()
    found = NodeBlock(
        proxies=tuple(chosen),
        kinds=tuple(kinds),
        layers=tuple(layers),
        values=array,
        kind=padded(_codes(nodes["kind"].fill_null(""), kinds), -1.0),
        layer=padded(_codes(nodes["layer"], layers), -1.0),
        depth=padded(at[1] / np.maximum(counts[at[0]] - 1, 1), 0.0),
        width=padded(nodes["width"].fill_null(0).cast(pl.Float64).to_numpy(), 0.0),
        size=padded(nodes["size"].fill_null(np.nan).to_numpy(), np.nan),
    )
    return found.take([order[text] for text in architectures])


def _default(known: Sequence[str]) -> list[str]:
    from nasproxy import proxies

    ours = set(proxies.names())
    spelt = {name for name in known if name in ours and proxies.get(name).depends_on_spelling}
    return [name for name in known if name not in spelt] or list(known)


def _codes(column: pl.Series, names: Sequence[str]) -> np.ndarray:
    import polars as pl

    codes = {name: code for code, name in enumerate(names)}
    found: np.ndarray = column.replace_strict(codes, return_dtype=pl.Int64).to_numpy()
    return found


def _scan(path: Path) -> pl.LazyFrame:
    import polars as pl

    if not path.is_file():
        raise NasproxyError(
            f"{path} does not exist",
            accepted="a table of nodes",
            hint="`nasproxy rank ... --nodes nodes.parquet` writes one",
        )
    try:
        scan = pl.scan_parquet(path)
        names = scan.collect_schema().names()
    except (OSError, pl.exceptions.PolarsError) as cause:
        raise NasproxyError(
            f"{path} cannot be read as Parquet: {str(cause).splitlines()[0]}",
            accepted="a table that `nasproxy rank --nodes` wrote",
        ) from cause
    missing = [name for name in _COLUMNS if name not in names]
    if missing:
        raise NasproxyError(
            f"{path} has no column {missing[0]!r} (it has {', '.join(names)})",
            accepted="a table that `nasproxy rank --nodes` wrote",
        )
    return scan
