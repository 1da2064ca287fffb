"""dataselect select."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import click

from zerocost_cli.printing import Fixed, Steps, print_json, print_table

__all__ = ["command"]

SHOWN = 12


@click.command("select")
@click.argument("corpus", nargs=-1)
@click.option("--scores", required=True, help="A folder that `dataselect score` wrote.")
@click.option("--by", help="Rank by one column of scores.")
@click.option(
    "--prefer",
    type=click.Choice(["high", "low"]),
    help="Which values of --by are better. [default: the column's direction, else high]",
)
@click.option(
    "--weights",
    type=click.Path(path_type=Path),
    help='Rank by a weighted sum: {"columns": {"NAME": 0.5, ...}}.',
)
@click.option("--tokens", metavar="N", help="Budget of tokens: 5M, 1.5B.")
@click.option("--docs", metavar="N", help="Budget of documents.")
@click.option("--fraction", metavar="SHARE", help="Budget as a share of all documents: 0.15.")
@click.option("--threshold", type=float, help="Only documents at least this good.")
@click.option(
    "--temperature",
    default=0.0,
    show_default=True,
    help="0 takes the best; above, documents are sampled without replacement.",
)
@click.option(
    "--log-weights",
    is_flag=True,
    help="The scores are logarithms of weights (dsir_NAME): sample by these, not by z-scores.",
)
@click.option("--seed", default=0, show_default=True, help="Of the sample.")
@click.option(
    "--quota", "quotas", multiple=True, metavar="NAME=SHARE", help="A share of the budget; repeat."
)
@click.option(
    "--quota-by",
    default="domain",
    show_default=True,
    metavar="COLUMN",
    help="What NAME is a value of: domain or source.",
)
@click.option(
    "--drop-duplicates",
    "duplicates",
    type=click.Choice(["exact", "near"]),
    help="Keep the best-scored of equal, or of similar, documents; of equally good ones the first.",
)
@click.option(
    "--similarity", default=0.8, show_default=True, help="From which on documents are near."
)
@click.option(
    "--exclude",
    multiple=True,
    type=click.Path(path_type=Path),
    help="An evaluation set: documents that share a run of words with it are kept out; repeat.",
)
@click.option("--ngram", default=13, show_default=True, help="Words such a run has.")
@click.option(
    "--exclude-short",
    type=int,
    metavar="WORDS",
    help="Look for --exclude documents shorter than a run as a whole, from so many words on.",
)
@click.option(
    "--exclude-copies",
    is_flag=True,
    help="Keep out near copies of the --exclude documents, too, however short.",
)
@click.option("--exclude-field", metavar="NAME", help="The text's field in --exclude files.")
@click.option(
    "--token-column", metavar="COLUMN", help="Token counts. [default: exact ones, else estimated]"
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    help="The result does not depend on it. [default: one a core]",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="A folder.")
@click.option("--overwrite", is_flag=True, help="Replace an existing selection.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def command(
    corpus: tuple[str, ...],
    scores: str,
    by: str | None,
    prefer: Literal["high", "low"] | None,
    weights: Path | None,
    tokens: str | None,
    docs: str | None,
    fraction: str | None,
    threshold: float | None,
    temperature: float,
    log_weights: bool,
    seed: int,
    quotas: tuple[str, ...],
    quota_by: str,
    duplicates: Literal["exact", "near"] | None,
    similarity: float,
    exclude: tuple[Path, ...],
    ngram: int,
    exclude_short: int | None,
    exclude_copies: bool,
    exclude_field: str | None,
    token_column: str | None,
    workers: int | None,
    out: Path,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Select documents of a scored corpus, up to a budget, and write them.

    CORPUS is what was scored; left out, the files are read from where they were. An interrupted
    run goes on where it stopped when the same command is given again.

    \b
    dataselect select corpus/ --scores scores --by rps_doc_unigram_entropy --tokens 1B
        --drop-duplicates near --exclude benchmark.jsonl --out selected
    """
    from dataselect.selection.budget import budget_of, quotas_of
    from dataselect.selection.run import run_selection
    from dataselect.selection.settings import Settings
    from dataselect.selection.weights import read_weights

    settings = Settings(
        by=by,
        prefer=prefer,
        weights=None if weights is None else read_weights(weights),
        budget=budget_of(tokens=tokens, docs=docs, fraction=fraction),
        threshold=threshold,
        temperature=temperature,
        log_weights=log_weights,
        seed=seed,
        quotas=quotas_of(quotas, quota_by) if quotas else None,
        duplicates=duplicates,
        similarity=similarity,
        exclude=exclude,
        ngram=ngram,
        exclude_short=exclude_short,
        exclude_copies=exclude_copies,
        tokens=token_column,
    )
    with ExitStack() as stack:
        result = run_selection(
            corpus,
            scores,
            out,
            settings,
            evaluation_field=exclude_field,
            workers=workers,
            overwrite=overwrite,
            command=sys.argv,
            on_part=Steps(stack),
        )
    if as_json:
        print_json(result)
        return
    _print(result)


def _print(result: dict[str, Any]) -> None:
    from dataselect.selection.domains import MOST

    tokens = result["tokens"]
    counted = ""
    if tokens is not None:
        kind = "estimated " if tokens["estimate"] else ""
        counted = f", {tokens['selected']:,} of {tokens['of']:,} {kind}tokens ({tokens['column']})"
    click.echo(f"Selected {result['documents']:,} of {result['of']:,} documents{counted}")
    for line in [*_ranking(result), *_budget(result), *_left_out(result), *_evaluation(result)]:
        click.echo(f"  {line}")
    if result["quotas"]:
        rows = [
            (*list(q.values())[:1], Fixed(100 * q["share"]), q["budget"], q["used"], q["documents"],
             "unmet: all candidates are taken" if q["unmet"] else "")
            for q in result["quotas"]
        ]  # fmt: skip
        unit = result["budget"]["unit"]
        print_table(("quota", "share %", f"{unit} allowed", "used", "documents", ""), rows)
    domains = result["domains"]
    if len(domains) > 1 or (domains and domains[0]["domain"] is not None):
        rows = [
            (d["domain"] if d["domain"] is not None else "(none)", d["documents"], d["of"],
             Fixed(100 * d["documents"] / d["of"]), d["tokens"] if tokens else None)
            for d in domains[:SHOWN]
        ]  # fmt: skip
        more = f", the first {SHOWN} of {len(domains)}" if len(domains) > SHOWN else ""
        print_table(("domain", "selected", "of", "%", "tokens"), rows, title=f"\nBy domain{more}:")
    if (further := result["further_domains"]) is not None:
        click.echo(
            f"Of domains that came after the first {MOST:,}: {further['documents']:,} of "
            f"{further['of']:,} documents"
        )
    out = result["out"]
    click.echo(
        f"Written: {out}/documents ({len(result['files'])} files), {out}/selection.parquet, "
        f"{out}/left_out.parquet, {out}/summary.json, {out}/manifest.json"
    )


def _ranking(result: dict[str, Any]) -> list[str]:
    ranking, sample, scores = result["ranking"], result["sample"], result["scores"]
    if "by" in ranking:
        how = f"by {ranking['by']}, {ranking['prefer']} values first"
    else:
        how = f"by the weighted sum of {len(ranking['columns'])} columns"
    if sample is not None:
        by = "as log weights, " if sample["log_weights"] else ""
        how += f"; sampled {by}with temperature {sample['temperature']}, seed {sample['seed']}"
    if scores["low"] is not None:
        how += f"; scores {scores['low']:.6g} to {scores['high']:.6g}"
    rules = {
        "drop": "cannot be selected",
        "mean": "count as the column's mean",
        "worst": "count as the worst",
    }
    missing = [
        f"{found['documents']:,} documents have no {name}: they {rules[found['rule']]}"
        for name, found in result["missing"].items()
    ]
    return [how, *missing]


def _budget(result: dict[str, Any]) -> list[str]:
    budget = result["budget"]
    lines = []
    if result["threshold"] is not None:
        lines.append(f"threshold {result['threshold']:g}")
    if budget is None:
        return lines
    kind = "estimated " if budget["unit"] == "tokens" and result["tokens"]["estimate"] else ""
    line = f"budget {budget['amount']:,} {kind}{budget['unit']}, {budget['used']:,} used"
    if budget["everything"]:
        line += ": it holds all candidates, every one of which is selected"
    elif budget["next"] is not None and budget["unit"] == "tokens":
        line += f"; the next document has {budget['next']:,} and would exceed it"
    return [*lines, line]


def _evaluation(result: dict[str, Any]) -> list[str]:
    """Of each evaluation set, what was looked for and what was not."""
    asked = result["evaluation"]
    lines = []
    for file in asked["files"] if asked else ():
        line = f"evaluation set {file['file']}: {file['documents']:,} documents"
        rows = {name: count for name, count in file["not_read"].items() if name != "unreadable"}
        if rows:
            reasons = ", ".join(f"{name} {count:,}" for name, count in rows.items())
            line += f"; {sum(rows.values()):,} rows NOT read ({reasons})"
        if len(rows) < len(file["not_read"]):
            line += "; damaged or cut off, the rest is NOT read"
        if file["short_looked_for"]:
            line += (
                f"; {file['short_looked_for']:,} of {asked['short_from']} to {asked['ngram'] - 1} "
                "words looked for as a whole"
            )
        if left := file["short"] - file["short_looked_for"]:
            least = asked["ngram"] if asked["short_from"] is None else asked["short_from"]
            how = "as near copies only" if asked["copies"] else "NOT looked for"
            line += f"; {left:,} of fewer than {least} words {how}"
            if asked["short_from"] is None and not asked["copies"]:
                line += " (--exclude-short 3 does, as a whole)"
        lines.append(line)
    return lines


def _left_out(result: dict[str, Any]) -> list[str]:
    return [f"left out: {count:,} {reason}" for reason, count in sorted(result["left_out"].items())]
