"""How many calls of layers a ranking or a search leaves out, because they came before.

    python benchmarks/common_layers.py flexibert [--builder as_specified] [--sample 1000] [--jobs 2]
    python benchmarks/common_layers.py bert-mobilebert --evaluations DIR/evaluations.parquet

Random networks as ``rank --sample`` draws them, or those of a search in the order of their
evaluation. Nothing is computed: the signatures of the networks are followed, and the sizes of what
their layers return at ``--tokens`` tokens a batch, through a store of the size that a process has.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Any

import pyarrow.parquet as pq

from nasproxy import spaces
from nasproxy.recent import Recent
from nasproxy.scoring.choice import choose

_BYTES = 2**28


def left_out(space: Any, architectures: Iterable[Any], tokens: int) -> tuple[int, int]:
    """Calls left out, and calls that there would be."""
    kept: Recent[bool] = Recent(_BYTES)
    out = calls = 0
    for architecture in architectures:
        network = space.build_to_read(architecture, seed=0)
        width = getattr(architecture, "hidden", None) or space.sizes.hidden
        modules = [name for name, _ in network.named_modules() if name in network.signatures]
        path: tuple[str, ...] = ()
        for name in modules[:-1]:  # the last is left where its spectrum is seen
            path = (*path, network.signatures[name])
            calls += 1
            if kept.get(path):
                out += 1
            else:
                kept.keep(path, True, 4 * tokens * width)
    return out, calls


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("space")
    parser.add_argument("--builder")
    parser.add_argument("--sample", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--evaluations")
    parser.add_argument("--tokens", type=int, default=512)
    given = parser.parse_args()
    space: Any = spaces.get(given.space)
    if given.builder:
        space = space.with_builder(given.builder)
    if given.evaluations:
        table = pq.read_table(given.evaluations).sort_by("evaluation")
        architectures = [space.parse(text) for text in table["architecture"].to_pylist()]
    else:
        architectures = choose(space, sample=given.sample)
    found = [
        left_out(space, architectures[job :: given.jobs], given.tokens) for job in range(given.jobs)
    ]
    out, calls = (sum(column) for column in zip(*found, strict=True))
    print(
        f"{len(architectures)} networks, {calls} calls of layers, {out} left out: {out / calls:.0%}"
    )


if __name__ == "__main__":
    main()
