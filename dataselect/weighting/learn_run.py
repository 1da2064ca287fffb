"""From a scored corpus to learned weights: candidates, design, runs, regression, page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dataselect.errors import DataselectError
from dataselect.selection.weights import Weights, write_weights
from dataselect.weighting.candidates import begin_folder, candidates_digest, read_candidates
from dataselect.weighting.choice import Choice, choose, predicted, with_choice
from dataselect.weighting.claims import claimed
from dataselect.weighting.design_folder import CLAIMS, begin_design
from dataselect.weighting.design_run import POOL
from dataselect.weighting.learn_settings import LearnSettings
from dataselect.weighting.learned import learned_to_json
from dataselect.weighting.learning import Learned, learn, weighed_losses
from dataselect.weighting.page import render
from dataselect.weighting.plan import design_of
from dataselect.weighting.pool import Pool, open_pool
from dataselect.weighting.rounds import Trials, begin_rounds, run_rounds
from dataselect.weighting.run_sections import run_sections
from dataselect.weighting.run_table import records_of
from dataselect.weighting.words import tried_in_words
from zerocost.files import write_json, write_text
from zerocost.manifest import Counts, begin, finish, write_manifest

__all__ = ["LearnSettings", "LearnedRun", "learn_weights", "work_folder"]

PAGE, LEARNED, MANIFEST = "report.html", "learned.json", "manifest.json"
LIBRARIES = ("numpy", "numba", "scipy", "scikit-learn", "torch", "tokenizers", "lightgbm")

OnStep = Callable[[str, int, int], None]


@dataclass(frozen=True)
class LearnedRun:
    """What a run gave.

    Attributes:
        weights: that were written.
        learned: by the regression.
        choice: whether these are its weights or those of a run, and what speaks for them.
        pool: the candidates.
        summary: all of it, in JSON values.
    """

    weights: Weights
    learned: Learned
    choice: Choice
    pool: Pool
    summary: dict[str, Any]


def work_folder(out: Path) -> Path:
    """Where the candidates and runs behind a ``weights.json`` are kept: ``weights.runs``."""
    return out.with_suffix(".runs")


def learn_weights(
    corpus: Sequence[str],
    scores: str,
    out: Path,
    settings: LearnSettings,
    *,
    folder: Path | None = None,
    jobs: int = 1,
    overwrite: bool = False,
    command: Sequence[str] = (),
    on_step: OnStep | None = None,
) -> LearnedRun:
    """Learn how to weigh scores, and write ``weights.json``.

    The folder beside it holds the candidates (``pool/``), the design and a record of each run
    (``records/``), the table of them (``runs.parquet``), what was learned (``learned.json``), a
    page about it (``report.html``) and the manifest. The same call after an interruption goes on
    where it stopped and ends with the same weights; while it runs, others may join it from
    processes and machines that share the folder, see `run_rounds`. What is learned from the same
    runs in another way, another target or regressor, trains nothing again; nor are the candidates
    read again for another design.

    Args:
        corpus: what was scored; none takes the addresses that the score folder has.
        scores: the score folder.
        out: ``weights.json``.
        settings: what is asked.
        folder: of the runs; None takes `work_folder`.
        jobs: processes that train.
        overwrite: whether weights, and candidates and runs of other settings, may be replaced.
        command: the command line, for the manifest.
        on_step: called with a step's name, what is done, and how much there is.

    Raises:
        DataselectError: bad input; the weights exist; or the folder holds other runs.
    """
    from dataselect.scores import open_scores
    from dataselect.selection.run import score_digest, scored_sources

    folder = folder or work_folder(out)
    _check_outputs(out, folder, overwrite)
    table = open_scores(scores)
    sources = scored_sources(corpus, table)
    asked = {"scores": score_digest(table)} | settings.as_dict()
    manifest = begin(
        "dataselect",
        command=command,
        configuration=asked,
        seeds={"all": settings.seed, "candidates": settings.pool.seed},
        inputs=[path for path in settings.validation.values() if path.is_file()],
        libraries=LIBRARIES,
    )
    begin_folder(folder, {"scores": asked["scores"]} | settings.candidates(), overwrite)
    with claimed(folder / CLAIMS, "candidates") as claim:
        if claim is None:
            raise DataselectError(
                f"another run is reading the candidates of {folder}",
                hint="wait until it trains; then join with: dataselect learn-weights --join "
                f"{folder}",
            )

        def alive(step: str, done: int, total: int) -> None:
            claim.beat()
            if on_step is not None:
                on_step(step, done, total)

        read_candidates(sources, table, settings, folder / POOL, alive)
        pool = open_pool(folder / POOL)
        _begin_design(pool, settings, folder, overwrite)
    trials = run_rounds(folder, settings.proxy, jobs=jobs, on_step=on_step)
    runs = trials.runs()
    kept = set(runs.run_ids)
    learned = learn(
        runs,
        target=settings.target,
        regressor=settings.regressor,
        optimiser=settings.found_by,
        seed=settings.seed,
        on_step=on_step,
    )
    learned, choice = _chosen(learned, trials, settings)
    result = with_choice(learned_to_json(learned), choice)
    made_by = {
        "tool": "dataselect learn-weights",
        "version": manifest.version,
        "libraries": dict(manifest.libraries),
        "settings": asked,
        "learned": result,
    }
    weights = Weights(pool.weights(choice.weights).columns, made_by)
    summary = _summary(pool, settings, runs.left_out, result)
    write_json(folder / LEARNED, summary, overwrite=True)
    title = f"{out.name}: {len(runs.run_ids):,} runs of {settings.proxy.name}"
    records = {run_id: own for run_id, own in records_of(trials.parts).items() if run_id in kept}
    sections = run_sections(pool, records, choice)
    page = render(learned, choice, title=title, sections=sections)
    write_text(folder / PAGE, page, overwrite=True)
    write_weights(weights, out, overwrite=overwrite)
    counts = Counts(pool.of, len(pool.documents), dict(pool.left_out))
    outputs = [out, folder / "runs.parquet", folder / LEARNED, folder / PAGE]
    write_manifest(
        finish(manifest, outputs=outputs, counts=counts), folder / MANIFEST, overwrite=True
    )
    return LearnedRun(
        weights, learned, choice, pool, {"out": str(out), "folder": str(folder)} | summary
    )


def _check_outputs(out: Path, folder: Path, overwrite: bool) -> None:
    """What would otherwise be found when all runs are done."""
    if out.exists() and not overwrite:
        raise DataselectError(
            f"the output {out} exists",
            accepted="a name that is not taken",
            hint="--overwrite replaces it",
        )
    if out.is_dir() or out.resolve() == folder.resolve():
        raise DataselectError(
            f"{out} is the name of a folder" + " of runs" * (out.resolve() == folder.resolve()),
            accepted="the name of a file to write",
            hint=f"--out {out.with_suffix('.json')}",
        )


def _begin_design(pool: Pool, settings: LearnSettings, folder: Path, overwrite: bool) -> None:
    if settings.tokens >= pool.tokens:
        raise DataselectError(
            f"a budget of {settings.tokens:,} tokens holds all {pool.tokens:,} of the candidates, "
            "so that all weights select the same",
            accepted="a part of them; a tenth is usual",
            hint=f"--tokens {max(1, pool.tokens // 10)}",
        )
    begin_design(
        folder,
        design_of(pool.columns.names, settings.design, settings.runs, seed=settings.seed),
        settings.proxy,
        tokens=settings.tokens,
        seed=settings.seed,
        candidates=candidates_digest(folder / POOL),
        overwrite=overwrite,
    )
    begin_rounds(folder, settings.rounds, settings.target, overwrite=overwrite)


def _chosen(learned: Learned, trials: Trials, settings: LearnSettings) -> tuple[Learned, Choice]:
    """The weights to keep, and what was learned with the words that go with them."""
    if not settings.rounds:
        untried = (
            "These weights are a prediction: --rounds 3 tries what the fits propose, and writes "
            "the best of what was tried."
        )
        return replace(learned, in_words=(*learned.in_words, untried)), predicted(learned.weights)
    runs = trials.runs()
    repeats = [
        {
            run_id: sum(share * own[name] for name, share in learned.objective.items())
            for run_id, own in part.losses().items()
        }
        for part in trials.repeats
    ]
    losses = weighed_losses(runs, learned.objective)
    choice = choose(runs.run_ids, runs.weights, losses, repeats)
    words = tried_in_words(
        choice,
        names=runs.names,
        spearman=learned.validation.spearman,
        expected=learned.predicted,
        curve=learned.curve,
    )
    return replace(learned, in_words=words), choice


def _summary(
    pool: Pool, settings: LearnSettings, left_out: Mapping[str, str], learned: dict[str, Any]
) -> dict[str, Any]:
    return {
        "candidates": len(pool.documents),
        "of": pool.of,
        "left_out": dict(pool.left_out),
        "candidate_tokens": pool.tokens,
        "missing": dict(pool.missing),
        "undirected": list(pool.columns.undirected),
        "validation": {name: len(own.tokens) for name, own in pool.data.validation.items()},
        "vocabulary": pool.data.vocabulary,
        "proxy": settings.proxy.as_dict(),
        "tokens": settings.tokens,
        "runs": settings.runs,
        "rounds": settings.rounds,
        "runs_left_out": dict(left_out),
        "learned": learned,
    }
