"""How well accuracy is predicted from few trainings, without running a network: tau on the rest.

    python benchmarks/predictors_nasbench201.py measure runs/predictors.jsonl
    python benchmarks/predictors_nasbench201.py report runs/predictors.jsonl

The classes of NAS-Bench-201 whose 13 proxy values NAS-Bench-Suite-Zero has published; features are
these values and the description of the cell. Training classes are drawn at random; every class
that computes no training class's function is tested on its test accuracy after 200 epochs. A class
has one accuracy, the mean over its spellings. "valid" is fitted on the validation accuracy of
cifar10-valid and tested on test accuracy all the same. One line a fit is kept in the file, and
what is there is not measured again.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np

SIZES = (78, 156, 469, 781, 1563)
# Data set, what is fitted on, sizes, predictors, columns.
RUNS = (
    ("cifar10", "test", SIZES, ("gp", "best"), "both"),
    ("cifar10", "valid", SIZES, ("best",), "both"),
    ("cifar10", "test", (78, 156, 781), ("trees",), "both"),
    ("cifar10", "test", (78, 156, 781), ("gp",), "description"),
    ("cifar10", "test", (78, 156, 781), ("gp",), "proxies"),
    ("cifar100", "test", (156,), ("gp", "trees", "best"), "both"),
    ("imagenet16-120", "test", (156,), ("gp", "trees", "best"), "both"),
)
COLUMNS = {
    ("cifar10", "test"): "c10_test_200",
    ("cifar10", "valid"): "c10_valid_200",
    ("cifar100", "test"): "c100_test_200",
    ("imagenet16-120", "test"): "in16_test_200",
}


def loaded():
    """Features and classes, in the same order."""
    import polars as pl

    from nasproxy import data, spaces
    from nasproxy.benchmarks import BenchmarkTable, published
    from nasproxy.prediction.classes import classes_of
    from nasproxy.prediction.levels import class_scores, complete, features_of

    path = data.where() / "nasbench201" / "nb201_all.parquet"
    if not path.exists():
        raise SystemExit(f"{path} is not there: the joined table of test and validation accuracies")
    frame = pl.read_parquet(path)
    space = spaces.get("nasbench201")
    truth = BenchmarkTable(
        name="nb201_all",
        space="nasbench201",
        architectures=tuple(frame["arch_str"].to_list()),
        targets={name: frame[name].to_numpy().astype(np.float64) for name in COLUMNS.values()},
        reference="Dong & Yang, NAS-Bench-201, ICLR 2020",
    )
    public = published.load()
    classes = classes_of(space, public.architectures, truth, list(COLUMNS.values()))
    cells = [space.parse(text) for text in classes.architectures]
    scores = class_scores(space, cells, public.architectures, public.targets)
    known = complete(scores, len(cells))
    kept = [cell for cell, keep in zip(cells, known, strict=True) if keep]
    features = features_of(space, kept, {name: v[known] for name, v in scores.items()})
    return features, classes.keep(features.architectures)


def measure(out: Path, draws: int) -> None:
    from nasproxy.prediction import Features, get
    from nasproxy.prediction.evaluation import evaluate_draw
    from nasproxy.prediction.levels import PROXY

    features, classes = loaded()
    done = {key(row) for row in rows_of(out)}
    wanted = [
        (data_set, fitted, size, name, columns, draw)
        for draw in range(draws)  # so that a file that is under way has some of everything
        for data_set, fitted, sizes, names, columns in RUNS
        for size in sizes
        for name in names
    ]
    for data_set, fitted, size, name, columns, draw in wanted:
        if (data_set, fitted, size, name, columns, draw) in done:
            continue
        keep = [n for n in features.names if columns == "both"]
        keep = keep or [n for n in features.names if n.startswith(PROXY) == (columns == "proxies")]
        given = Features(features.architectures, tuple(keep), features.columns(keep))
        began = time.perf_counter()
        found = evaluate_draw(
            get(name),
            given,
            classes,
            fit_on=COLUMNS[data_set, fitted],
            test_on=COLUMNS[data_set, "test"],
            train=size,
            draw=draw,
        )
        row = {
            "data_set": data_set,
            "fitted": fitted,
            "size": size,
            "name": name,
            "columns": columns,
            "draw": draw,
            "tau": found.kendall,
            "rho": found.spearman,
            "tested": found.tested,
            "pick": found.pick,
            "calibration": found.calibration,
            "seconds": time.perf_counter() - began,
        }
        with out.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")


def rows_of(out: Path) -> list[dict]:
    return [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []


def key(row: dict) -> tuple:
    return tuple(row[n] for n in ("data_set", "fitted", "size", "name", "columns", "draw"))


def report(out: Path) -> None:
    """A Markdown table of what is there: mean and standard deviation of tau over the draws."""
    groups: dict[tuple, dict[int, list[dict]]] = {}
    for row in rows_of(out):
        of = groups.setdefault((*key(row)[:2], row["columns"], row["name"]), {})
        of.setdefault(row["size"], []).append(row)
    print("| data set | fitted on | columns | predictor | " + " | ".join(map(str, SIZES)) + " |")
    print("|" + "---|" * (4 + len(SIZES)))
    for (data_set, fitted, columns, name), of in groups.items():
        cells = []
        for size in SIZES:
            taus = [row["tau"] for row in of.get(size, [])]
            spread = np.std(taus, ddof=1) if len(taus) > 1 else 0.0
            cells.append(f"{np.mean(taus):.3f} ± {spread:.3f} ({len(taus)})" if taus else "")
        print(f"| {data_set} | {fitted} | {columns} | {name} | " + " | ".join(cells) + " |")
    draws = [len(rows) for of in groups.values() for rows in of.values()]
    tested = [row["tested"] for row in rows_of(out)]
    print(
        f"\n{min(draws)} to {max(draws)} draws a cell; {min(tested):,} to {max(tested):,} classes "
        f"tested; ± is the standard deviation over draws, how many of them in brackets"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["measure", "report"])
    parser.add_argument("out", type=Path)
    parser.add_argument("--draws", type=int, default=5)
    options = parser.parse_args()
    if options.what == "report":
        report(options.out)
    else:
        for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ.setdefault(threads, "1")
        measure(options.out, options.draws)


if __name__ == "__main__":
    main()
