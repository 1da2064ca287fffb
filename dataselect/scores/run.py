"""Scoring a corpus into a folder: one run, whole or continued."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

from dataselect.corpus.apart import check_not_read
from dataselect.corpus.options import ReadOptions
from dataselect.corpus.output import locked, write_json_whole
from dataselect.corpus.parts import SourceEnd, part_name
from dataselect.corpus.places import (
    join,
    listed,
    open_to_read,
    remove,
    remove_folder,
    remove_partial,
    size_of,
    whole_output,
)
from dataselect.corpus.sources import find_corpus
from dataselect.corpus.streams import sha256_of_address
from dataselect.engines import Engine, run_job
from dataselect.errors import DataselectError
from dataselect.scorers.scorer import CorpusScorer, Scorer
from dataselect.scores.begin import asked_of_run, begin
from dataselect.scores.index import BEGUN, INDEX, Index, ScoredSource, ScorerEntry
from dataselect.scores.part_files import DOCUMENTS, QUARANTINE
from dataselect.scores.preparing import prepared
from dataselect.scores.work import ScoredPart, ScoreWork
from zerocost.manifest import Counts, FileRecord, Manifest, finish
from zerocost.manifest import begin as begin_manifest

__all__ = ["Progress", "ScoreSummary", "score_corpus"]

QUARANTINED = "quarantine.jsonl"


@dataclass(frozen=True)
class Progress:
    """How far a run is: stored bytes of the corpus read, of how many, and documents so far.

    Where scorers have to see the corpus first, that is once with ``counting``, and then again.
    """

    done: int
    total: int
    documents: int
    counting: bool = False


@dataclass(frozen=True)
class ScoreSummary:
    """What a run has done.

    Attributes:
        out: the score folder.
        documents: in the folder.
        rows: lines, rows or files of the corpus, those that are no documents included.
        quarantined: how many are none, by reason.
        text_bytes: of all documents.
        parts: in the folder.
        fresh: parts that this run worked on; the others were there.
        scorers: in the folder.
        columns: of scores.
    """

    out: str
    documents: int
    rows: int
    quarantined: dict[str, int]
    text_bytes: int
    parts: int
    fresh: int
    scorers: tuple[str, ...]
    columns: int


def score_corpus(
    paths: Sequence[str],
    out: str,
    scorers: Sequence[Scorer | CorpusScorer],
    *,
    options: ReadOptions | None = None,
    engine: Engine = "local",
    workers: int | None = None,
    strict: bool = False,
    overwrite: bool = False,
    command: Sequence[str] = (),
    on_progress: Callable[[Progress], None] | None = None,
) -> ScoreSummary:
    """Score every document of a corpus; see `open_scores` for what is written.

    After an interruption the same call goes on where it stopped, and ends with the same bytes as
    an uninterrupted one (but for the times in the manifest). A folder that is finished takes more
    scorers: what is there is not done again.

    Args:
        paths: see `find_corpus`.
        out: the folder, a path or fsspec address.
        scorers: what to run; where some have to see the corpus first, it is read twice.
        options: how the corpus is read.
        engine: this machine, or the Ray cluster that is running or is started for this.
        workers: how many parts are scored at a time; the result does not depend on it.
        strict: whether the first line or row that is no document ends the run.
        overwrite: whether scores that are there may be replaced.
        command: the command line, for the manifest.
        on_progress: called after each part.

    Raises:
        DataselectError: bad input, or no document in it; the folder holds something else, or lies
            in the corpus; or the disk is full.
    """
    options = options or ReadOptions()
    sources = find_corpus(paths)
    total = sum(source.bytes for source in sources)

    def counted(done: int, documents: int) -> None:
        if on_progress is not None:
            on_progress(Progress(done, total, documents, counting=True))

    check_not_read(out, paths, (INDEX, QUARANTINED, f"{DOCUMENTS}/{part_name(0, 0)}.parquet"))
    scorers = prepared(scorers, sources, options, engine=engine, workers=workers, on_part=counted)
    asked = asked_of_run(sources, options, scorers)
    manifest = begin_manifest(
        "dataselect",
        command=command,
        configuration=asked,
        libraries=("numpy", "numba", "pyarrow", "msgspec"),
    )
    with locked(out):
        finished = begin(out, asked, overwrite=overwrite)
        for kind in ("", DOCUMENTS, QUARANTINE, *(scorer.name for scorer in scorers)):
            remove_partial(join(out, kind) if kind else out)
        work = ScoreWork(out, options, tuple(scorers), strict)
        parts: list[ScoredPart] = []
        ends: list[SourceEnd] = []
        read: dict[int, int] = {}
        documents = 0
        for found in run_job(sources, options, work, engine=engine, workers=workers):
            if isinstance(found, SourceEnd):
                ends.append(found)
                read[found.source.number] = found.source.bytes
                continue
            parts.append(found)
            documents += found.part.documents
            source = found.part.source
            read[source] = max(read.get(source, 0), found.stored)
            if on_progress is not None:
                on_progress(Progress(sum(read.values()), total, documents))
        parts.sort(key=lambda found: found.part.name)
        ends.sort(key=lambda end: end.source.number)
        index = _index(options, ends, parts, scorers, finished)
        if finished is None and not documents:
            _refuse_nothing_read(out, options, ends, parts, scorers)
        if finished is None:
            _gather_quarantined(out, parts)
        write_json_whole(join(out, INDEX), index.to_json())
        _write_manifest(out, manifest, index)
        remove(join(out, BEGUN))
        remove_folder(join(out, QUARANTINE))
    return _summary(out, index, parts)


def _index(
    options: ReadOptions,
    ends: Sequence[SourceEnd],
    parts: Sequence[ScoredPart],
    scorers: Sequence[Scorer],
    finished: Index | None,
) -> Index:
    documents: Counter[int] = Counter()
    quarantined: dict[int, Counter[str]] = {end.source.number: Counter() for end in ends}
    for found in parts:
        documents[found.part.source] += found.part.documents
        quarantined[found.part.source].update(found.quarantined)
    entries = [ScorerEntry(s.name, s.fingerprint, s.columns) for s in scorers]
    index = Index(
        options=options.as_dict(),
        sources=tuple(
            ScoredSource(
                format=end.source.format,
                codec=end.source.codec,
                files=tuple(
                    asdict(file) | {"sha256": sha256}
                    for file, sha256 in zip(end.source.files, end.sha256, strict=True)
                ),
                rows=end.rows,
                documents=documents[end.source.number],
                quarantined=dict(quarantined[end.source.number]),
            )
            for end in ends
        ),
        parts=tuple(found.part for found in parts),
        scorers=tuple(entries),
    )
    if finished is None:
        return index
    if (finished.sources, finished.parts) != (index.sources, index.parts):
        raise DataselectError(
            "the corpus has changed since the scores that are there were made",
            accepted="the files as they were",
            hint="put them back, or score into another --out",
        )
    new = {entry.name for entry in entries}
    staying = [scorer for scorer in finished.scorers if scorer.name not in new]
    return replace(index, scorers=(*staying, *entries))


def _refuse_nothing_read(
    out: str,
    options: ReadOptions,
    ends: Sequence[SourceEnd],
    parts: Sequence[ScoredPart],
    scorers: Sequence[Scorer],
) -> None:
    """Refuse a corpus of rows none of which is a document, and leave nothing of the run behind."""
    counts: Counter[str] = Counter()
    for found in parts:
        counts.update(found.quarantined)
    if not counts:  # empty files, or lines that are blank
        return
    first = next(found.part.name for found in parts if found.quarantined)
    with open_to_read(join(out, QUARANTINE, f"{first}.jsonl")) as stream:
        example = json.loads(stream.readline())
    for kind in (DOCUMENTS, QUARANTINE, *(scorer.name for scorer in scorers)):
        remove_folder(join(out, kind))
    remove(join(out, BEGUN))
    raise DataselectError(
        f"no document in {sum(end.rows for end in ends):,} rows of the corpus: "
        + ", ".join(f"{reason} {count:,}" for reason, count in counts.most_common())
        + f"; the first is {example['source']}, row {example['row']}: {example['detail']}",
        accepted=f"documents with the text in {options.text!r}",
        hint="--text-column names another field",
    )


def _gather_quarantined(out: str, parts: Sequence[ScoredPart]) -> None:
    """One file of the quarantined rows of all parts, in order; none where there are none."""
    names = [found.part.name for found in parts if found.quarantined]
    if not names:
        return
    with whole_output(join(out, QUARANTINED), overwrite=True) as stream:
        for name in names:
            with open_to_read(join(out, QUARANTINE, f"{name}.jsonl")) as part:
                shutil.copyfileobj(part, stream)


def _write_manifest(out: str, manifest: Manifest, index: Index) -> None:
    """Beside those of earlier runs into the folder."""
    inputs = [
        FileRecord(str(file["address"]), int(file["bytes"]), str(file["sha256"]))
        for source in index.sources
        for file in source.files
    ]
    rejected: Counter[str] = Counter()
    for source in index.sources:
        rejected.update(source.quarantined)
    documents = sum(source.documents for source in index.sources)
    counts = Counts(documents + rejected.total(), documents, dict(rejected))
    written = [INDEX, *([QUARANTINED] if rejected else [])]
    for kind in (DOCUMENTS, *(scorer.name for scorer in index.scorers)):
        written += [f"{kind}/{part.name}.parquet" for part in index.parts]
    addresses = [join(out, name) for name in written]
    outputs = [FileRecord(a, size_of(a), sha256_of_address(a)) for a in addresses]
    done = replace(finish(manifest, counts=counts), inputs=inputs, outputs=outputs)
    earlier = [name for name in listed(out) if re.fullmatch(r"manifest(-\d+)?\.json", name)]
    name = f"manifest-{len(earlier) + 1}.json" if earlier else "manifest.json"
    write_json_whole(join(out, name), asdict(done))


def _summary(out: str, index: Index, parts: Sequence[ScoredPart]) -> ScoreSummary:
    quarantined: Counter[str] = Counter()
    for found in parts:
        quarantined.update(found.quarantined)
    return ScoreSummary(
        out=out,
        documents=sum(part.documents for part in index.parts),
        rows=sum(source.rows for source in index.sources),
        quarantined=dict(quarantined),
        text_bytes=sum(part.bytes for part in index.parts),
        parts=len(parts),
        fresh=sum(found.fresh for found in parts),
        scorers=tuple(scorer.name for scorer in index.scorers),
        columns=sum(len(scorer.columns) for scorer in index.scorers),
    )
