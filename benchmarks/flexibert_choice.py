"""Choose a proxy on half of FlexiBERT's functions, report it once on the other half.

    python benchmarks/flexibert_features.py --out features.json
    python benchmarks/flexibert_choice.py features.json

Functions (what the builder makes of an architecture) are split at random by seed 2026, so that no
network is on both sides. The candidate with the highest mean of the four within-stratum taus on the
first half is reported on the second.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from nasproxy import benchmarks
from nasproxy.errors import NasproxyError
from nasproxy.ranking import agreement
from nasproxy.ranking.agreement import Estimate
from nasproxy.spaces.flexibert import FlexiBERT

EXPONENTS = (2, 4, 8, -2, -4, -8)


def candidates(sums: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Every statistic, its negative, and its powers times the parameters; on a log scale."""
    size = np.log(sums["params"])
    found = {"params": size}
    for name, values in sums.items():
        if name == "params" or values.min() <= 0:
            continue
        found[name], found[f"-{name}"] = np.log(values), -np.log(values)
        for power in (1, -1, *EXPONENTS):
            found[f"params * {name}^{power}"] = size + power * np.log(values)
    return found


def within(
    scores: np.ndarray, truth: np.ndarray, strata: np.ndarray, side: np.ndarray
) -> list[Estimate | None]:
    """Kendall's tau in each stratum; None where the scores are constant."""
    found: list[Estimate | None] = []
    for stratum in np.unique(strata):
        here = side & (strata == stratum)
        try:
            found.append(agreement(scores[here], truth[here]).kendall)
        except NasproxyError:
            found.append(None)
    return found


def mean(taus: list[Estimate | None]) -> float:
    return float(np.mean([0 if tau is None else tau.value for tau in taus]))


def shown(taus: list[Estimate | None]) -> str:
    return "  ".join(
        "constant" if t is None else f"{t.value:+.3f} ({t.low:+.3f} to {t.high:+.3f})" for t in taus
    )


def main(path: Path) -> None:
    space, table = FlexiBERT(), benchmarks.get("flexibert")
    truth = table.lookup(table.architectures, "glue")
    encoders = [space.parse(text) for text in table.architectures]
    strata = np.array([space.stratum(encoder) for encoder in encoders])
    functions = [space.canonical(encoder) for encoder in encoders]
    different = sorted(set(functions))
    order = np.random.default_rng(2026).permutation(len(different))
    first = {different[i] for i in order[: len(different) // 2]}
    side = np.array([function in first for function in functions])
    nodes = [row["nodes"] for row in json.loads(path.read_text())]
    sums = {name: np.array([np.sum(row[name]) for row in nodes]) for name in nodes[0]}
    tried = candidates(sums)
    print(f"{len(different)} functions; {side.sum()} and {(~side).sum()} rows; {len(tried)} tried")
    print("strata:", ", ".join(np.unique(strata)))
    taus = {name: within(scores, truth, strata, side) for name, scores in tried.items()}
    ranked = sorted(taus, key=lambda name: -mean(taus[name]))
    for name in [*ranked[:5], "params"]:
        print(f"first half, {name}: {mean(taus[name]):.3f}  {shown(taus[name])}")
    best = ranked[0]
    print(f"second half, {best}: {shown(within(tried[best], truth, strata, ~side))}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
