"""Predictors on NAS-Bench-201: Kendall's tau on unseen classes by the size of the training set.

    nasproxy rank --space nasbench201 --archs classes.txt --images cifar10 --batch-size 16
                  --proxies params,flops,l2_norm,grad_norm,snip,plain,fisher,grasp,synflow
                  --nodes nodes.parquet --out scores.parquet
    python benchmarks/parzc_nasbench201.py --nodes nodes.parquet --levels scores.parquet
                  --out taus.jsonl

``classes.txt`` holds a spelling of each of the 6,466 classes (``--write-classes`` makes it). Whole
columns come from ``--levels``, which may be several: score tables, and ``published`` for the 13
proxies of NAS-Bench-Suite-Zero. A class that lacks one of them is left out. Two ways of fitting: on
the validation accuracy of CIFAR-10 (``--validation``, a table with the columns arch_str and
c10_valid_200), and on the test accuracy; both are tested on the test accuracy. A class has one
accuracy, the mean over its spellings. A class that computes the function of a training class is not
tested on; with ``--apart class`` it is.

Every fit is a line of ``--out`` as soon as it is done; the same command goes on from there.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from nasproxy import benchmarks, data, spaces
from nasproxy.benchmarks import published
from nasproxy.benchmarks.table import BenchmarkTable
from nasproxy.parzc.node_table import read_node_block, table_architectures
from nasproxy.parzc.predictor import PUBLISHED
from nasproxy.prediction import Features, Predictor, get
from nasproxy.prediction.best import Best
from nasproxy.prediction.classes import Classes, class_of, classes_of
from nasproxy.prediction.evaluation import Draw, Evaluation, evaluate_draw
from nasproxy.prediction.levels import class_scores, complete, features_of
from nasproxy.scoring.table import read_scores
from zerocost.files import sha256_of
from zerocost.journal import Journal

SPACE = spaces.get("nasbench201")
VALIDATION = "cifar10-valid"
PUBLIC = "published"
NO_PROXY = {"accuracy", "val_accuracy"}


def truth(validation: Path | None) -> BenchmarkTable:
    """Test accuracy of three data sets and, where there is a file of it, validation accuracy."""
    import polars as pl

    table = benchmarks.get("nasbench201")
    if validation is None:
        return table
    frame = pl.read_parquet(validation, columns=["arch_str", "c10_valid_200"])
    known = dict(zip(*(frame[name].to_list() for name in frame.columns), strict=True))
    column = np.array([known.get(text, np.nan) for text in table.architectures], dtype=np.float64)
    targets = {**table.targets, VALIDATION: column}
    return BenchmarkTable(
        table.name, table.space, table.architectures, targets, table.reference, table.source
    )


def measured(
    nodes: Path | None, levels: Sequence[str], table: BenchmarkTable
) -> tuple[Features, Classes]:
    """Features of all classes that have them, and the classes."""
    listed = table.architectures if nodes is None else table_architectures(nodes)
    classes = classes_of(SPACE, listed, table, list(table.targets))
    cells = [SPACE.parse(text) for text in classes.architectures]
    found: dict[str, np.ndarray] = {}
    for source in levels:
        texts, values = scored(source)
        wanted = {n: v for n, v in values.items() if n not in NO_PROXY and n not in found}
        found |= class_scores(SPACE, cells, texts, wanted)
    whole = complete(found, len(cells))
    kept = [cell for cell, keep in zip(cells, whole, strict=True) if keep]
    columns = features_of(SPACE, kept, {name: value[whole] for name, value in found.items()})
    block = None if nodes is None else read_node_block(nodes, columns.architectures)
    features = Features(columns.architectures, columns.names, columns.levels, block)
    return features, classes.keep(features.architectures)


def scored(source: str) -> tuple[Sequence[str], Mapping[str, np.ndarray]]:
    """Architectures and proxies of a score table, or those that NAS-Bench-Suite-Zero published."""
    if source == PUBLIC:
        public = published.load()
        return public.architectures, public.targets
    table = read_scores(Path(source))
    return table.architectures, table.scores


def predictor(name: str) -> Predictor:
    """A registered one, the published MABN, or ``best:A,B`` of some members."""
    if name == "mabn-published":
        return PUBLISHED
    if name.startswith("best:"):
        return Best(members=tuple(name.removeprefix("best:").split("/")))
    return get(name)


def run(arguments: argparse.Namespace) -> None:
    table = truth(arguments.validation)
    features, classes = measured(arguments.nodes, arguments.levels, table)
    files = [path for path in (arguments.nodes, arguments.validation) if path is not None]
    about = {
        "files": [sha256_of(path) for path in files],
        "levels": [s if s == PUBLIC else sha256_of(Path(s)) for s in arguments.levels],
        "classes": len(classes),
        "apart": arguments.apart,
        "seed": arguments.seed,
    }
    print(f"{len(classes):,} classes, {features.levels.shape[1]} columns, ", end="")
    print("no nodes" if features.nodes is None else f"nodes of {features.nodes.proxies}")
    with Journal(arguments.out, about) as journal:
        known = {key(record): record for record in journal.records}
        for target, fit_on in arguments.columns:
            for size in arguments.sizes:
                if size > len(classes) - 3:
                    print(f"{size} training classes are left out: there are {len(classes)}")
                    continue
                for name in arguments.predictors:
                    for draw in range(arguments.draws):
                        record = {
                            "predictor": name, "fit_on": fit_on, "test_on": target, "size": size,
                            "draw": draw,
                        }  # fmt: skip
                        if key(record) in known:
                            continue
                        found = evaluate_draw(
                            predictor(name), features, classes, fit_on=fit_on, test_on=target,
                            train=size, draw=draw, seed=arguments.seed,
                            by_function=arguments.apart == "function",
                        )  # fmt: skip
                        journal.append({**record, "found": asdict(found)})
                        print(f"{target} {fit_on} {size} {name} {draw}: {found.kendall:.3f}")


def key(record: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(record[name] for name in ("predictor", "fit_on", "test_on", "size", "draw"))


def print_tables(records: list[dict[str, Any]]) -> None:
    groups = sorted({(r["test_on"], r["fit_on"]) for r in records})
    for test_on, fit_on in groups:
        mine = [r for r in records if (r["test_on"], r["fit_on"]) == (test_on, fit_on)]
        sizes = sorted({r["size"] for r in mine})
        print(f"\nfitted on {fit_on}, tested on {test_on}: tau_b, mean ± sd over draws\n")
        print("| predictor | " + " | ".join(map(str, sizes)) + " |")
        print("|---|" + "---|" * len(sizes))
        for name in dict.fromkeys(r["predictor"] for r in mine):
            cells = []
            for size in sizes:
                draws = [
                    Draw(**r["found"]) for r in mine if (r["predictor"], r["size"]) == (name, size)
                ]
                found = Evaluation(tuple(draws))
                cells.append(
                    f"{found.mean():.3f} ± {found.deviation():.3f} ({len(draws)})" if draws else "-"
                )
            print(f"| {name} | " + " | ".join(cells) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nodes", type=Path)
    parser.add_argument("--levels", default=PUBLIC, metavar="published|FILE,...")
    parser.add_argument("--validation", type=Path)
    parser.add_argument("--out", type=Path, default=Path("parzc_taus.jsonl"))
    parser.add_argument("--sizes", default="78,156,469,781,1563")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--predictors", default="dagger,mabn,mabn+topology,gp,trees,best")
    parser.add_argument("--targets", default="cifar10")
    parser.add_argument("--fit-on", help="Transfer: the data sets whose accuracies are fitted on.")
    parser.add_argument("--apart", choices=["function", "class"], default="function")
    parser.add_argument("--print-only", action="store_true", help="Of what --out holds.")
    parser.add_argument("--write-classes", type=Path, help="One spelling a class, and stop.")
    arguments = parser.parse_args()
    if arguments.write_classes:
        first: dict[str, str] = {}
        for cell in SPACE.architectures():
            first.setdefault(class_of(SPACE, cell), str(cell))
        arguments.write_classes.write_text("\n".join(first.values()) + "\n")
        return
    if arguments.validation is None:
        there = data.where() / "nasbench201" / "nb201_all.parquet"
        arguments.validation = there if there.is_file() else None
    arguments.sizes = [int(size) for size in arguments.sizes.split(",")]
    arguments.predictors = arguments.predictors.split(",")
    arguments.levels = arguments.levels.split(",")
    arguments.columns = []
    for target in arguments.targets.split(","):
        if arguments.fit_on is not None:
            arguments.columns += [(target, fit_on) for fit_on in arguments.fit_on.split(",")]
            continue
        if target == "cifar10" and arguments.validation is not None:
            arguments.columns.append((target, VALIDATION))
        arguments.columns.append((target, target))
    if not arguments.print_only:
        run(arguments)
    lines = arguments.out.read_text(encoding="utf-8").splitlines()[1:]
    print_tables([json.loads(line) for line in lines])


if __name__ == "__main__":
    main()
