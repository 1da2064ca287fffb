"""From a corpus and its score folder to the selected documents: one run, whole or continued."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from dataselect.corpus.output import FILES
from dataselect.errors import DataselectError
from dataselect.selection.budget import shares_of
from dataselect.selection.cut import Cut, find_cut
from dataselect.selection.evaluation import Evaluation, read_evaluation
from dataselect.selection.job import Job, OnPart
from dataselect.selection.leaving_out import leave_out_duplicates, leave_out_shared
from dataselect.selection.outcome import outcome
from dataselect.selection.ranking_pass import Plan, plan_ranking, rank_documents
from dataselect.selection.settings import Settings
from dataselect.selection.taking import write_tables
from dataselect.selection.work import COLUMNS, Noise, open_work, ranked_parts, score_summary
from dataselect.selection.writing import write_documents
from zerocost.files import sha256_of, to_json, write_json
from zerocost.journal import Journal
from zerocost.manifest import Counts, FileRecord, begin, finish

__all__ = ["run_selection", "score_digest", "scored_sources"]

WORK = ".work"
JOURNAL = "journal.jsonl"
DOCUMENTS = "documents"
SELECTION = "selection.parquet"
LEFT_OUT = "left_out.parquet"
SUMMARY = "summary.json"
MANIFEST = "manifest.json"
LIBRARIES = ("numpy", "numba", "pyarrow", "rensa")


def run_selection(
    corpus: Sequence[str],
    scores: str,
    out: Path,
    settings: Settings,
    *,
    evaluation_field: str | None = None,
    workers: int | None = None,
    overwrite: bool = False,
    command: Sequence[str] = (),
    on_part: OnPart | None = None,
) -> dict[str, Any]:
    """Select documents and write them, with the tables that say which and why.

    ``documents/`` holds the selected documents, a shard a file of the corpus in its format, with
    all their columns; ``selection.parquet`` a row for each; ``left_out.parquet`` a row for each
    document that was no candidate, with the reason; ``summary.json`` what is returned;
    ``manifest.json`` the run. The same call after an interruption goes on where it stopped and
    ends with the same bytes (but for the times in the manifest).

    Memory does not grow with the corpus, but for one byte a document; duplicates take some 40
    bytes a document while they are looked for, and the pairs found.

    Args:
        corpus: as it was given when it was scored, or where it has been moved to; none takes the
            addresses that the score folder has.
        scores: the score folder.
        out: a folder that does not exist yet, or in which the same run was interrupted.
        settings: what is asked.
        evaluation_field: the field of the text in evaluation sets, where it is another.
        workers: threads of the pass over the texts; the result does not depend on their number.
        overwrite: whether a finished selection may be replaced.
        command: the command line, for the manifest.
        on_part: called with a step's name, parts done, and parts in all.

    Raises:
        DataselectError: bad input, the corpus is not what was scored, or the output exists.
    """
    from dataselect.corpus import ReadOptions, output_folder
    from dataselect.corpus.apart import check_apart, check_not_read
    from dataselect.scores import open_scores

    # All that can be refused is, before anything of an earlier selection is removed.
    folder = open_scores(scores)
    sources = scored_sources(corpus, folder)
    held_out = _evaluation_files(settings)
    check_apart(
        str(out),
        files=[*(f.address for s in sources for f in s.files), *map(str, held_out)],
        folders=[scores],
    )
    check_not_read(str(out), corpus, _names(sources))
    options = ReadOptions(**dict(folder.index.options))
    plan = plan_ranking(folder, settings)
    evaluation = read_evaluation(
        settings, replace(options, text=evaluation_field) if evaluation_field else options
    )
    configuration = settings.as_dict() | {
        "scores": score_digest(folder),
        "evaluation": [sha256_of(path) for path in held_out],
        **({"exclude_field": evaluation_field} if evaluation_field else {}),
    }
    manifest = begin(
        "dataselect",
        command=command,
        configuration=configuration,
        seeds={"selection": settings.seed},
        inputs=held_out,
        libraries=LIBRARIES,
    )
    with output_folder(str(out), configuration, _names(sources), overwrite=overwrite):
        (out / WORK).mkdir(exist_ok=True)
        work = open_work(out / WORK, [part.documents for part in folder.parts])
        job = Job(folder, sources, options, settings, work, workers, on_part or _quiet)
        with Journal(out / WORK / JOURNAL, configuration) as journal:
            result, shards = _steps(job, plan, out, journal, evaluation)
        write_json(out / SUMMARY, result, overwrite=True)
        outputs = [out / SELECTION, out / LEFT_OUT, out / SUMMARY]
        outputs += [Path(shard.address) for shard in shards]
        counts = Counts(folder.documents, result["documents"], _rejected(result))
        finished = finish(manifest, outputs=outputs, counts=counts)
        inputs = [*manifest.inputs, *_inputs(folder)]
        record = asdict(replace(finished, inputs=inputs))
        record |= {FILES: result["files"], "evaluation": result["evaluation"]}
        write_json(out / MANIFEST, record, overwrite=True)
        shutil.rmtree(out / WORK)
    return {"out": str(out)} | result


def _steps(
    job: Job, plan: Plan, out: Path, journal: Journal, evaluation: Evaluation | None
) -> tuple[dict[str, Any], list[Any]]:
    """The summary and the shards."""
    settings, work = job.settings, job.work
    ranking = rank_documents(job.scores, plan, settings, work, on_part=job.on_part("ranking"))
    noise = _noise(job)
    hits = leave_out_shared(job, journal, evaluation)
    duplicates = leave_out_duplicates(job)
    cut, budgets = _cut(job, noise)
    taken = write_tables(
        job.scores,
        work,
        cut,
        orientation=plan.ranking.orientation,
        by_tokens=_by_tokens(settings),
        noise=noise,
        duplicates=duplicates,
        hits=hits,
        selection=out / SELECTION,
        left_out=out / LEFT_OUT,
        on_part=job.on_part("selecting"),
    )
    shards = write_documents(job, taken, out / DOCUMENTS)
    result = outcome(settings, plan, ranking, cut, budgets, taken, job.scores.documents, evaluation)
    result["files"] = [Path(shard.address).relative_to(out).as_posix() for shard in shards]
    return result, shards


def _quiet(step: str, done: int, total: int) -> None:
    """Say nothing."""


def _by_tokens(settings: Settings) -> bool:
    return settings.budget is not None and settings.budget.kind == "tokens"


def scored_sources(corpus: Sequence[str], scores: Any) -> tuple[Any, ...]:
    """The files of the corpus, which must be those that were scored; contents are checked later."""
    from dataselect.corpus import find_corpus

    scored = [file for source in scores.sources for file in source.files]
    found = find_corpus(list(corpus) or [file["address"] for file in scored])
    files = [file for source in found for file in source.files]
    if len(files) != len(scored):
        raise DataselectError(
            f"the corpus has {len(files):,} files, {scores.address} is about {len(scored):,}",
            accepted="the corpus that was scored",
            hint=f"dataselect score {' '.join(corpus)} --out DIR",
        )
    for file, was in zip(files, scored, strict=True):
        if file.bytes != was["bytes"]:
            raise DataselectError(
                f"{file.address} has {file.bytes:,} bytes; when it was scored it had "
                f"{was['bytes']:,}",
                accepted="the file as it was",
                hint="put the file back, or score the corpus again",
            )
    return found


def score_digest(scores: Any) -> str:
    """What changes whenever the score folder's index does."""
    return hashlib.sha256(to_json(scores.index.to_json()).encode()).hexdigest()


def _evaluation_files(settings: Settings) -> list[Path]:
    from dataselect.corpus import find_corpus

    if not settings.exclude:
        return []
    found = find_corpus([str(path) for path in settings.exclude])
    return [Path(file.address) for source in found for file in source.files]


def _names(sources: tuple[Any, ...]) -> list[str]:
    """All files that a run may make."""
    from dataselect.corpus import shard_names

    shards = [f"{DOCUMENTS}/{name}" for name in shard_names(sources).values()]
    kept = [f"{WORK}/{name}" for name in (JOURNAL, *COLUMNS)]
    return [SELECTION, LEFT_OUT, SUMMARY, MANIFEST, *shards, *kept]


def _noise(job: Job) -> Noise | None:
    settings = job.settings
    if not settings.temperature:
        return None
    sources = tuple(part.source for part in job.scores.parts)
    if settings.log_weights:
        return Noise(0.0, 1.0, settings.temperature, settings.seed, sources)
    summary = score_summary(job.work)
    if not np.isfinite(summary.deviation):
        raise DataselectError(
            f"the scores reach from {summary.low:g} to {summary.high:g}, so that they have no "
            "standard deviation to sample by",
            accepted="scores within ±1e150",
            hint="--temperature 0 takes the best",
        )
    return Noise(summary.mean, summary.deviation, settings.temperature, settings.seed, sources)


def _cut(job: Job, noise: Noise | None) -> tuple[Cut, list[int] | None]:
    """Where the budgets end; None as budgets where all candidates are taken."""
    settings = job.settings
    if settings.budget is None:
        unlimited = np.array([np.iinfo(np.int64).max])
        return Cut(np.array([True]), np.zeros(1, dtype=np.uint64), unlimited), None
    units = settings.budget.units(job.work.documents)
    budgets = np.array([units], dtype=np.int64)
    if settings.quotas is not None:
        budgets = shares_of(units, settings.quotas)
    cut = find_cut(
        lambda: ranked_parts(job.work, tokens=_by_tokens(settings), noise=noise), budgets
    )
    return cut, budgets.tolist()


def _rejected(result: dict[str, Any]) -> dict[str, int]:
    reasons: dict[str, int] = dict(result["left_out"])
    beyond = result["of"] - result["documents"] - sum(reasons.values())
    return reasons | ({"beyond the budget": beyond} if beyond else {})


def _inputs(scores: Any) -> list[FileRecord]:
    return [
        FileRecord(str(file["address"]), int(file["bytes"]), str(file["sha256"]))
        for source in scores.sources
        for file in source.files
    ]
