"""From a corpus and its score folder to the selected documents: one run, whole or continued."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dataselect.errors import DataselectError
from dataselect.selection.budget import shares_of
from dataselect.selection.cut import Cut, find_cut
from dataselect.selection.duplicates import Duplicates, exact_duplicates, near_duplicates
from dataselect.selection.outcome import outcome
from dataselect.selection.ranking_pass import plan_ranking, rank_documents
from dataselect.selection.settings import Settings
from dataselect.selection.taking import Taken, write_tables
from dataselect.selection.text_pass import Hit, TextColumns, fingerprint_texts, read_evaluation
from dataselect.selection.work import (
    CANDIDATE,
    EVALUATION,
    EXACT,
    NEAR,
    Noise,
    Work,
    open_work,
    ranked_parts,
    score_summary,
)
from zerocost.files import sha256_of, write_json
from zerocost.journal import Journal
from zerocost.manifest import Counts, FileRecord, begin, finish, write_manifest

__all__ = ["run_selection"]

WORK = ".work"
JOURNAL = "journal.jsonl"
DOCUMENTS = "documents"
SELECTION = "selection.parquet"
LEFT_OUT = "left_out.parquet"
SUMMARY = "summary.json"
MANIFEST = "manifest.json"
LIBRARIES = ("numpy", "numba", "pyarrow", "rensa")

OnPart = Callable[[str, int, int], None]


@dataclass(frozen=True)
class _Job:
    """What all steps of a run look at."""

    scores: Any
    sources: tuple[Any, ...]
    options: Any
    settings: Settings
    work: Work
    workers: int | None
    say: OnPart

    def on_part(self, step: str) -> Callable[[int], None]:
        return lambda done: self.say(step, done, len(self.scores.parts))


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
    from dataselect.corpus import ReadOptions
    from dataselect.scores import open_scores

    folder = open_scores(scores)
    sources = _sources(corpus, folder)
    plan = plan_ranking(folder, settings)
    configuration = settings.as_dict() | {
        "scores": _digest(folder),
        "evaluation": [sha256_of(path) for path in settings.exclude if path.is_file()],
    }
    manifest = begin(
        "dataselect",
        command=command,
        configuration=configuration,
        seeds={"selection": settings.seed},
        inputs=[path for path in settings.exclude if path.is_file()],
        libraries=LIBRARIES,
    )
    _prepare(out, overwrite)
    options = ReadOptions(**dict(folder.index.options))
    with Journal(out / WORK / JOURNAL, configuration) as journal:
        work = open_work(out / WORK, [part.documents for part in folder.parts])
        job = _Job(folder, sources, options, settings, work, workers, on_part or _quiet)
        ranking = rank_documents(folder, plan, settings, work, on_part=job.on_part("ranking"))
        noise = _noise(job)
        hits = _leave_out_shared(job, journal, evaluation_field)
        duplicates = _leave_out_duplicates(job)
        cut, budgets = _cut(job, noise)
        taken = write_tables(
            folder,
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
        # From here on there are shards that belong to these settings and to no others.
        journal.append({"step": "writing documents"})
        shards = _write_documents(job, taken, out)
    result = outcome(settings, plan, ranking, cut, budgets, taken, folder.documents)
    result["files"] = [str(Path(shard.address).relative_to(out)) for shard in shards]
    write_json(out / SUMMARY, result, overwrite=True)
    outputs = [out / SELECTION, out / LEFT_OUT, out / SUMMARY]
    outputs += [Path(shard.address) for shard in shards]
    counts = Counts(folder.documents, result["documents"], _rejected(result, folder.documents))
    finished = finish(manifest, outputs=outputs, counts=counts)
    inputs = [*manifest.inputs, *_inputs(folder)]
    write_manifest(replace(finished, inputs=inputs), out / MANIFEST, overwrite=True)
    shutil.rmtree(out / WORK)
    return {"out": str(out)} | result


def _quiet(step: str, done: int, total: int) -> None:
    """Say nothing."""


def _by_tokens(settings: Settings) -> bool:
    return settings.budget is not None and settings.budget.kind == "tokens"


def _sources(corpus: Sequence[str], scores: Any) -> tuple[Any, ...]:
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


def _digest(scores: Any) -> str:
    """What changes whenever the score folder's index does."""
    import hashlib

    from zerocost.files import to_json

    return hashlib.sha256(to_json(scores.index.to_json()).encode()).hexdigest()


def _prepare(out: Path, overwrite: bool) -> None:
    """A folder to write into: new, or one in which the run was interrupted."""
    if out.exists() and not out.is_dir():
        raise DataselectError(f"{out} is a file", accepted="a folder, or a name that is free")
    begun = (out / WORK).is_dir()
    if out.is_dir() and any(out.iterdir()) and not begun:
        if not (out / MANIFEST).is_file() or not (out / SELECTION).is_file():
            raise DataselectError(
                f"{out} holds other files", accepted="a new or empty folder, or a selection's own"
            )
        if not overwrite:
            raise DataselectError(
                f"{out} holds a selection",
                accepted="a name that is not taken",
                hint="--overwrite replaces it",
            )
    if overwrite:
        for name in (WORK, DOCUMENTS):
            shutil.rmtree(out / name, ignore_errors=True)
        for name in (MANIFEST, SUMMARY, SELECTION, LEFT_OUT):
            (out / name).unlink(missing_ok=True)
    (out / WORK).mkdir(parents=True, exist_ok=True)


def _noise(job: _Job) -> Noise | None:
    settings = job.settings
    if not settings.temperature:
        return None
    summary = score_summary(job.work)
    sources = tuple(part.source for part in job.scores.parts)
    return Noise(summary.mean, summary.deviation, settings.temperature, settings.seed, sources)


def _leave_out_shared(job: _Job, journal: Journal, field: str | None) -> list[Hit]:
    """Read the texts where that is asked; mark what shares words with an evaluation set."""
    settings = job.settings
    if settings.duplicates is None and not settings.exclude:
        return []
    own = replace(job.options, text=field) if field else job.options
    hits = fingerprint_texts(
        job.sources,
        job.scores,
        job.options,
        job.work,
        settings,
        read_evaluation(settings, own),
        journal,
        workers=job.workers,
        on_part=job.on_part("reading texts"),
    )
    _mark(job.work, np.array([hit.document for hit in hits], dtype=np.int64), EVALUATION)
    return hits


def _leave_out_duplicates(job: _Job) -> Duplicates:
    """Mark what repeats a better candidate."""
    nothing = np.zeros(0, dtype=np.int64)
    settings, work = job.settings, job.work
    if settings.duplicates is None:
        return Duplicates(nothing, nothing, np.zeros(0))
    columns = TextColumns.of(work, settings)
    scores = work.scores.read(0, work.documents)
    scores[work.state.read(0, work.documents) != CANDIDATE] = np.nan
    if columns.hashes is not None:
        found = exact_duplicates(columns.hashes.mapped(), scores)
    else:
        assert columns.signatures is not None
        assert columns.bands is not None
        found = near_duplicates(
            columns.signatures.mapped(),
            scores,
            threshold=settings.similarity,
            bands=columns.bands.mapped().reshape(-1, work.documents),
        )
    _mark(work, found.documents, EXACT if settings.duplicates == "exact" else NEAR)
    return found


def _mark(work: Work, documents: Any, state: int) -> None:
    """Set the state of some candidates; ascending places. What is no candidate stays so."""
    ends = np.searchsorted(documents, work.starts)
    for part in np.flatnonzero(np.diff(ends)).tolist():
        start, stop = int(work.starts[part]), int(work.starts[part + 1])
        own = work.state.read(start, stop)
        at = documents[ends[part] : ends[part + 1]] - start
        own[at[own[at] == CANDIDATE]] = state
        work.state.write(start, own)


def _cut(job: _Job, noise: Noise | None) -> tuple[Cut, list[int] | None]:
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


def _write_documents(job: _Job, taken: Taken, out: Path) -> list[Any]:
    """The shards of the selected documents."""
    from dataselect.corpus.shards import write_selected

    scored = [file for source in job.scores.sources for file in source.files]
    found = [file.address for source in job.sources for file in source.files]
    was = {address: str(file["address"]) for address, file in zip(found, scored, strict=True)}
    sha256 = {address: str(file["sha256"]) for address, file in zip(found, scored, strict=True)}
    number = {file.address: source.number for source in job.sources for file in source.files}
    held: dict[int, dict[str, Any]] = {}

    def keep(address: str) -> Any:
        own = number[address]
        if own not in held:
            held.clear()
            held[own] = _rows_of_source(job.scores, own, taken.selected)
        return held[own].get(was[address], np.zeros(0, dtype=np.int64))

    total, done = len(found), 0

    def on_shard(shard: Any) -> None:
        nonlocal done
        done += 1
        job.say("writing files", done, total)

    return write_selected(
        job.sources,
        keep,
        str(out / DOCUMENTS),
        options=job.options,
        expected=lambda address: sha256[address],
        on_shard=on_shard,
    )


def _rows_of_source(scores: Any, number: int, selected: Sequence[Any]) -> dict[str, Any]:
    """File -> the rows of it that are selected, ascending."""
    found: dict[str, list[Any]] = {}
    for i, part in enumerate(scores.parts):
        if part.source != number or not selected[i].any():
            continue
        if scores.sources[number].format == "text":
            table = scores.part(i, ["source"]).filter(selected[i])
            found |= {name: [np.zeros(1, dtype=np.int64)] for name in table["source"].to_pylist()}
        else:
            rows = scores.part(i, ["row"])["row"].to_numpy()[selected[i]]
            address = str(scores.sources[number].files[0]["address"])
            found.setdefault(address, []).append(rows)
    return {address: np.concatenate(rows) for address, rows in found.items()}


def _rejected(result: dict[str, Any], documents: int) -> dict[str, int]:
    reasons: dict[str, int] = dict(result["left_out"])
    beyond = documents - result["documents"] - sum(reasons.values())
    return reasons | ({"beyond the budget": beyond} if beyond else {})


def _inputs(scores: Any) -> list[FileRecord]:
    return [
        FileRecord(str(file["address"]), int(file["bytes"]), str(file["sha256"]))
        for source in scores.sources
        for file in source.files
    ]
