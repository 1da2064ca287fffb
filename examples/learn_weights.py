"""Which documents should a model be trained on? Learned weights against uniform, one score, chance.

    python examples/learn_weights.py
    python examples/learn_weights.py --corpus web_mix.parquet --tokens 1000000 --gpt-runs 64 \\
        --ngram-runs 256 --seeds 3 --jobs 2 --out runs/learn_weights

The first, a demonstration of seconds, learns how to tell Python's documentation from the same with
its words in disorder. The second is the experiment of docs/proxy_runs.md: web, forum, reviews and
clean text, scored by 25 scores; weights learned from 64 decoders of half a million parameters and
from 256 n-gram models; then fresh decoders on what each choice selects at the same token budget.
Every step keeps what it has done: a run that was killed goes on when the same command is given
again.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from proxy_runs.corpora import write_corpora
from proxy_runs.fresh import CHANCE, table, train_fresh
from proxy_runs.picture import draw

from dataselect.scorers.named import scorers_of
from dataselect.scores.run import score_corpus
from dataselect.weighting.design_folder import DesignFolder, open_design
from dataselect.weighting.design_run import POOL
from dataselect.weighting.learn_run import LearnSettings, learn_weights, work_folder
from dataselect.weighting.optimum import direct, published
from dataselect.weighting.pool import Pool, open_pool
from dataselect.weighting.proxies import GptProxy, NgramProxy, Proxy
from dataselect.weighting.reading import PoolSettings
from dataselect.weighting.regressors.stack import STACK
from dataselect.weighting.regressors.trees import Trees
from dataselect.weighting.validation import spearman_interval
from zerocost.files import write_json, write_text

# Beside Meta-rater's eleven signals and what the other scorers have.
MORE_SIGNALS = (
    "rps_doc_stop_word_fraction",
    "rps_doc_symbol_to_word_ratio",
    "rps_doc_frac_chars_dupe_10grams",
    "fineweb_short_line_fraction",
    "fineweb_terminal_line_fraction",
)
DEMONSTRATION = (
    "rps_doc_frac_all_caps_words",
    "heuristic_readability",
    "rps_doc_mean_word_length",
    "ppl_docs",
)


def score(out: Path, corpus: str, *, small: bool) -> str:
    """Score the corpus; what is scored is not scored again."""
    references = sorted((out / "references").glob("*.jsonl"))
    named = ["signals_light" if small else "signals", "heuristics"]
    named.append(f"ppl:{references[-1].stem}={references[-1]}")
    if not small:
        named += [f"dsir:{path.stem}={path}" for path in references]
    folder = out / "scores"
    summary = score_corpus([corpus], str(folder), scorers_of(",".join(named)), workers=1)
    print(f"{summary.documents:,} documents, {summary.columns} columns", flush=True)
    return str(folder)


def learn(
    out: Path, corpus: str, scores: str, asked: tuple[Proxy, int], options: argparse.Namespace
) -> tuple[list[float], list[str]]:
    """Learned weights in the order of the candidates' scores, and what can be concluded."""
    from dataselect.scores import open_scores
    from dataselect.weighting.columns import default_columns

    proxy, runs = asked
    small = options.corpus is None
    weights = out / f"{proxy.name}.json"
    columns = DEMONSTRATION if small else (*default_columns(open_scores(scores)), *MORE_SIGNALS)
    settings = LearnSettings(
        validation={path.stem: path for path in sorted((out / "validation").glob("*.jsonl"))},
        tokens=options.tokens,
        proxy=proxy,
        runs=runs,
        columns=columns,
        pool=PoolSettings(vocabulary=options.vocabulary, validation_tokens=options.held_tokens),
        rounds=options.rounds,
        regressor=options.regressor,
    )
    kept = work_folder(weights) / "result.json"
    if not kept.exists():
        began = time.perf_counter()
        found = learn_weights(
            [corpus], scores, weights, settings, jobs=options.jobs, overwrite=weights.exists()
        )
        own = [float(value) for value in found.choice.weights]
        write_json(kept, {"weights": own, "in_words": list(found.learned.in_words)})
        seconds = time.perf_counter() - began
        asked_for = f"{runs} runs, {options.rounds} rounds and the regression"
        print(f"{proxy.name}: {asked_for} in {seconds:,.0f} s", flush=True)
    result = json.loads(kept.read_text())
    for sentence in result["in_words"]:
        print(f"  {sentence}", flush=True)
    return result["weights"], result["in_words"]


def agreement(design: DesignFolder, pool: Pool, out: Path) -> list[str]:
    """How n-gram models rank the weight vectors that decoders were trained on."""
    path = out / "agreement.json"
    if not path.exists():
        runs = design.runs()
        trainer = NgramProxy().open(pool.data, design.folder / POOL)
        chosen = [pool.select(weights, design.tokens) for weights in runs.weights]
        found = trainer(chosen, [0] * len(chosen))
        losses = {name: [own[name] for own in found] for name in runs.targets}
        gpt = {name: runs.losses[:, i].tolist() for i, name in enumerate(runs.targets)}
        write_json(path, {"run_ids": list(runs.run_ids), "ngram": losses, "gpt": gpt})
    kept = json.loads(path.read_text())
    both = [np.array([kept[proxy][name] for name in kept["gpt"]]) for proxy in ("ngram", "gpt")]
    names = [*kept["gpt"], "mean"]
    ngram, gpt = (np.vstack([own, own.mean(axis=0)]) for own in both)
    lines = ["| validation set | Spearman of ngram and gpt | 95 % interval |", "|---|---|---|"]
    for name, ours, theirs in zip(names, ngram, gpt, strict=True):
        own = spearman_interval(ours, theirs)
        lines.append(f"| {name} | {own.value:.3f} | {own.low:.3f} to {own.high:.3f} |")
    return [f"Over the same {len(kept['run_ids'])} weight vectors:", "", *lines]


def as_published(design: DesignFolder) -> list[float]:
    """Meta-rater's own way from the same runs: LightGBM, the mean of the best 128 of a million."""
    runs = design.runs()
    fitted = Trees().fit(runs.weights, runs.losses.mean(axis=1))
    return published(fitted.predict, len(runs.names)).weights.tolist()


def untried(design: DesignFolder) -> list[float]:
    """The optimum of the stack by direct search, with no run that tries it."""
    runs = design.runs()
    losses = runs.losses.mean(axis=1)
    starts = runs.weights[np.argsort(losses, kind="stable")[:8]]
    fitted = STACK.fit(runs.weights, losses)
    return direct(fitted.predict, len(runs.names), starts=starts).weights.tolist()


def best_run(design: DesignFolder) -> list[float]:
    """The weights of the design's run with the least loss: no regression at all."""
    runs = design.runs()
    return runs.weights[runs.losses.mean(axis=1).argmin()].tolist()


def selections(
    design: DesignFolder, learned: dict[str, list[float]]
) -> dict[str, list[float] | None]:
    """Weights by name; the best single score is the one whose own run had the least loss."""
    names, runs = design.design.names, design.runs()
    means = dict(zip(runs.run_ids, runs.losses.mean(axis=1).tolist(), strict=True))
    single = min(names, key=lambda name: means.get(f"only:{name}", np.inf))
    print(f"best single score: {single}", flush=True)
    return {
        **{f"learned by {proxy}": weights for proxy, weights in learned.items()},
        "uniform weights": [1 / len(names)] * len(names),
        f"only {single}": [float(name == single) for name in names],
        CHANCE: None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, help="Parquet: id, domain, text, source, lang")
    parser.add_argument("--tokens", type=int, default=8_192)
    parser.add_argument("--vocabulary", type=int)
    parser.add_argument("--size", default=None, help="of the decoders: 0.5M")
    parser.add_argument("--gpt-runs", type=int, default=0, help="0 learns from n-grams only")
    parser.add_argument("--ngram-runs", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3, help="of eight runs that try proposals")
    parser.add_argument("--held-tokens", type=int, help="of each validation set")
    parser.add_argument("--seeds", type=int, default=1, help="fresh models a selection")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, help="by default a temporary folder")
    options = parser.parse_args()
    small = options.corpus is None
    options.vocabulary = options.vocabulary or (500 if small else 2_048)
    options.held_tokens = options.held_tokens or (2_000 if small else 25_000)
    options.regressor = "ridge" if small else "stack"
    out = options.out or Path(tempfile.mkdtemp(prefix="learn_weights_"))
    began = time.perf_counter()
    write_corpora(options.corpus, out)
    corpus = str(out / ("corpus.jsonl" if small else "corpus.parquet"))
    scores = score(out, corpus, small=small)
    size = options.size or ("0.3M" if small else "0.5M")
    gpt = GptProxy(options.tokens, size, **({"context": 32, "batch": 8} if small else {}))
    asked: dict[str, tuple[Proxy, int]] = {"ngram": (NgramProxy(), options.ngram_runs)}
    if options.gpt_runs:
        asked["gpt"] = (gpt, options.gpt_runs)
    learned, words = {}, []
    for name, own in asked.items():
        tried = f"{name}, {options.rounds} rounds"
        learned[tried], said = learn(out, corpus, scores, own, options)
        words += [f"Learned from {own[1]} runs of {name}:", "", *(f"- {s}" for s in said), ""]
    folder = work_folder(out / f"{list(asked)[-1]}.json")
    design, pool = open_design(folder), open_pool(folder / POOL)
    if options.gpt_runs:
        words += [*agreement(design, pool, out), ""]
    if not small:
        for name in asked:
            of_runs = open_design(work_folder(out / f"{name}.json"))
            learned[f"{name}, untried"] = untried(of_runs)
            learned[f"{name}, as published"] = as_published(of_runs)
            learned[f"{name}, its best run"] = best_run(of_runs)
    chosen = selections(design, learned)
    seeds = range(1, options.seeds + 1)
    records = train_fresh(chosen, gpt, folder / POOL, out / "fresh", seeds=seeds, jobs=options.jobs)
    words += [f"Fresh models, {options.tokens:,} tokens, {options.seeds} seeds:", ""]
    words += table(records)
    if options.gpt_runs:
        draw(json.loads((out / "agreement.json").read_text()), records, out / "picture.png")
    write_text(out / "table.md", "\n".join(words) + "\n", overwrite=True)
    print("\n" + "\n".join(words))
    print(f"\n{time.perf_counter() - began:,.0f} s; written: {out}/table.md", flush=True)


if __name__ == "__main__":
    main()
