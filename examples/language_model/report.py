"""The tables and the plot of the language-model experiment, from the records of its runs."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

from zerocost.files import whole_file

STRATEGIES = ("Uniform", "LinUpper", "Quadratic", "Extremes", "Linear")


def mean_loss(point: list) -> float:
    """The mean over tiers of the validation loss, at one point of a curve."""
    return float(np.mean(list(point[1].values())))


def read_records(out: Path) -> dict[str, dict]:
    """Records by the name of their run."""
    return {path.stem: json.loads(path.read_text()) for path in (out / "records").glob("*.json")}


def best_rate(records: dict[str, dict], strategy: str) -> float:
    """The learning rate with the lowest final mean validation loss of seed 0."""
    tried = [r for r in records.values() if r["strategy"] == strategy and r["seed"] == 0]
    return min(tried, key=lambda record: (mean_loss(record["curve"][-1]), record["rate"]))["rate"]


def tokens_to_reach(curve: list, loss: float) -> float:
    """The first number of tokens at which a curve is at a loss or below; infinite if nowhere."""
    for (t0, _), (t1, _), a, b in zip(
        curve, curve[1:], map(mean_loss, curve), map(mean_loss, curve[1:]), strict=False
    ):
        if b <= loss:
            return t1 - (t1 - t0) * min(1.0, (loss - b) / max(a - b, 1e-12))
    return math.inf


def report(out: Path) -> None:
    """Print the two tables and draw the curves of the runs that have a record."""
    records = read_records(out)
    print(rate_table(records))
    print(result_table(records))
    if records:
        draw(records, out / "learning_curves.png")
        print(f"Written: {out / 'learning_curves.png'}")


def rate_table(records: dict[str, dict]) -> str:
    """The final mean validation loss of seed 0 by strategy and learning rate, as Markdown."""
    first = [record for record in records.values() if record["seed"] == 0]
    rates = sorted({record["rate"] for record in first})
    lines = ["| seed 0 | " + " | ".join(f"rate {rate:g}" for rate in rates) + " |"]
    lines.append("|---" * (len(rates) + 1) + "|")
    for strategy in STRATEGIES:
        named = [records.get(f"{strategy}-{rate:g}-0") for rate in rates]
        cells = [f"{mean_loss(found['curve'][-1]):.4f}" if found else "not run" for found in named]
        lines.append(f"| {strategy} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def result_table(records: dict[str, dict]) -> str:
    """Each strategy at its best rate: final losses, their differences, tokens, as Markdown."""
    chosen = {s: _at_best_rate(records, s) for s in STRATEGIES}
    tiers = list(next(iter(records.values()))["curve"][-1][1]) if records else []
    lines = [
        f"| strategy | rate | seeds | mean loss | {' | '.join(tiers)} "
        "| minus uniform, same seed | tokens to uniform's final loss, share |",
        "|---" * (len(tiers) + 6) + "|",
    ]
    for strategy, runs in chosen.items():
        if not runs:
            continue
        final = {seed: record["curve"][-1] for seed, record in runs.items()}
        cells = [_with_error([mean_loss(point) for point in final.values()])]
        cells += [_with_error([point[1][tier] for point in final.values()]) for tier in tiers]
        paired = [seed for seed in runs if seed in chosen["Uniform"]]
        base = {seed: chosen["Uniform"][seed]["curve"][-1] for seed in paired}
        cells.append(_with_error([_gap([final[seed]], [base[seed]])[0] for seed in paired]))
        shares = [
            tokens_to_reach(runs[seed]["curve"], mean_loss(base[seed])) / base[seed][0]
            for seed in paired
        ]
        reached = [share for share in shares if math.isfinite(share)]
        missed = f", {len(shares) - len(reached)} of {len(shares)} never"
        cells.append(_with_error(reached) + (missed if len(reached) < len(shares) else ""))
        rate = next(iter(runs.values()))["rate"]
        lines.append(f"| {strategy} | {rate:g} | {len(runs)} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _at_best_rate(records: dict[str, dict], strategy: str) -> dict[int, dict]:
    of_strategy = [record for record in records.values() if record["strategy"] == strategy]
    if not any(record["seed"] == 0 for record in of_strategy):
        return {}
    rate = best_rate(records, strategy)
    found = {record["seed"]: record for record in of_strategy if record["rate"] == rate}
    return dict(sorted(found.items()))


def _with_error(values: list[float]) -> str:
    if not values:
        return "-"
    error = np.std(values, ddof=1) / math.sqrt(len(values)) if len(values) > 1 else None
    return f"{np.mean(values):.4f}" + ("" if error is None else f" ± {error:.4f}")


def _gap(curve: list, base: list) -> list[float]:
    return [mean_loss(a) - mean_loss(b) for a, b in zip(curve, base, strict=True)]


def draw(records: dict[str, dict], path: Path) -> None:
    """The mean curve of each strategy at its best rate, and its difference from uniform's."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    curves = {s: _at_best_rate(records, s) for s in STRATEGIES}
    for strategy, runs in curves.items():
        common = [seed for seed in runs if seed in curves["Uniform"]]
        if not runs:
            continue
        tokens = np.array([point[0] for point in next(iter(runs.values()))["curve"]]) / 1e6
        losses = np.array([[mean_loss(point) for point in run["curve"]] for run in runs.values()])
        left.plot(tokens[1:], losses.mean(axis=0)[1:], label=strategy)
        base = curves["Uniform"]
        gaps = [_gap(runs[seed]["curve"], base[seed]["curve"]) for seed in common]
        if gaps:
            right.plot(tokens[1:], np.mean(gaps, axis=0)[1:], label=strategy)
    left.set(xlabel="million tokens", ylabel="validation loss, mean of the tiers (nats)")
    right.set(xlabel="million tokens", ylabel="loss minus that of uniform, same seed (nats)")
    left.legend(frameon=False)
    with whole_file(path, overwrite=True) as partial_file:
        figure.savefig(partial_file, format="png", dpi=150)
    pyplot.close(figure)
