"""What the search loop itself costs: milliseconds a proposal, without scoring anything.

    python benchmarks/loop_overhead.py --proposals 1500

Scores come from a formula, so what is timed is the sampler, Optuna, the look-up of functions and
the ranks of all that was seen. With --journal the study is in a journal file, as several
processes share it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import optuna

from nasproxy.proxies import get_all
from nasproxy.scoring.candidates import Candidate
from nasproxy.search.evaluation import Evaluation
from nasproxy.search.loop import Search
from nasproxy.search.objectives import objectives_of
from nasproxy.search.samplers import SAMPLERS, SamplerOptions
from nasproxy.search.shared_ledger import SharedLedger
from nasproxy.search.strategy import distributions
from nasproxy.search.studies import new_study, shared_studies
from nasproxy.spaces.nasbench201.cell import Cell
from nasproxy.spaces.nasbench201.space import NASBench201

SPACE = NASBench201()
PROXIES = get_all(["naswot", "synflow"])


def evaluate(cell: Cell, function: str) -> Evaluation:
    """Scores by a formula."""
    numbers = [float(code * place) for place, code in enumerate(cell.ops, 1)]
    scores: dict[str, float | None] = {"naswot": sum(numbers), "synflow": max(numbers)}
    counts = SPACE.counts(cell)
    costs = {"params": float(counts["parameters"])}
    return Evaluation(str(cell), function, Candidate(str(cell), function, scores, {}), costs)


def optuna_alone(sampler: optuna.samplers.BaseSampler, proposals: int, several: bool) -> float:
    """Milliseconds of one ask and tell of a sampler of Optuna's own, in memory, with our scores."""
    study = new_study([True, False] if several else [True])
    study.sampler = sampler
    asked = distributions(SPACE)
    started = time.perf_counter()
    for number in range(proposals):
        chosen = study.ask(asked).params
        place = float(sum(asked[name].choices.index(choice) for name, choice in chosen.items()))
        study.tell(number, [place, -place] if several else place)
    return 1e3 * (time.perf_counter() - started) / proposals


def timed(sampler: str, proposals: int, journal: Path | None, several: bool) -> tuple[float, int]:
    """Milliseconds a proposal, and how many functions were found."""
    names = ["proxies", "params"] if several else ["proxies"]
    objectives = objectives_of(names, {p.name: True for p in PROXIES})
    options = SamplerOptions(sampler, seed=0)
    study, ledger = None, None
    if journal is not None:
        directions = [objective.higher_is_better for objective in objectives]
        study, events = shared_studies(str(journal), "overhead", directions)
        ledger = SharedLedger(events, {})
    search = Search(
        SPACE,
        evaluate,
        PROXIES,
        options=options,
        objectives=objectives,
        ledger=ledger,
        study=study,
    )
    SPACE.canonical(SPACE.parse("0"))
    started = time.perf_counter()
    for state in search.run(4000):
        if state.proposals >= proposals:
            break
    took = time.perf_counter() - started
    return 1e3 * took / search.state.proposals, len(search.state.evaluations)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--proposals", type=int, default=1500)
    parser.add_argument("--samplers", default=",".join(SAMPLERS))
    parser.add_argument("--journal", action="store_true")
    options = parser.parse_args()
    print("| sampler | objectives | proposals | functions | ms a proposal |")
    print("|---|---|---|---|---|", flush=True)
    for name in ("RandomSampler", "TPESampler"):
        for several in (False, True):
            sampler = getattr(optuna.samplers, name)(seed=0)
            alone = optuna_alone(sampler, options.proposals, several)
            print(
                f"| Optuna's {name}, nothing else | {2 if several else 1} "
                f"| {options.proposals:,} | - | {alone:.2f} |",
                flush=True,
            )
    for sampler in options.samplers.split(","):
        for several in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                journal = Path(folder) / "study.log" if options.journal else None
                each, functions = timed(sampler, options.proposals, journal, several)
            print(
                f"| {sampler} | {2 if several else 1} | {options.proposals:,} | {functions:,} "
                f"| {each:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
