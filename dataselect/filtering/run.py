"""Filtering a corpus by a recipe: score, decide, write; one run, whole or continued."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from dataselect.corpus.apart import check_apart, check_not_read, same_place
from dataselect.corpus.options import ReadOptions
from dataselect.corpus.output import FILES, output_folder, write_json_whole
from dataselect.corpus.places import (
    exists,
    is_remote,
    join,
    local_path,
    open_to_read,
    remote,
    size_of,
    whole_output,
)
from dataselect.corpus.shards import shard_names
from dataselect.corpus.sources import Source, find_corpus
from dataselect.corpus.streams import sha256_of_address
from dataselect.corpus.tables import check_tables
from dataselect.engines import Engine
from dataselect.errors import DataselectError
from dataselect.filtering.decisions import decided_part
from dataselect.filtering.writing import Filter, Judged, write_kept, write_rejected
from dataselect.scorers.scorer import Scorer
from dataselect.scores.folder import ScoreFolder, open_scores
from dataselect.scores.run import QUARANTINED, Progress, score_corpus
from zerocost.files import to_json
from zerocost.manifest import Counts, FileRecord, finish
from zerocost.manifest import begin as begin_manifest

__all__ = ["FilterSummary", "filter_corpus"]

_SCORES = ".scores"


@dataclass(frozen=True)
class FilterSummary:
    """What a run has done.

    Attributes:
        out: the folder of kept documents.
        recipe: its name.
        documents: that were judged.
        kept: how many of them break no rule.
        rejected: how many break one.
        rules: rule -> how many break it.
        alone: rule -> how many break it and no other.
        quarantined: how many rows are no documents, by reason.
        shards: of kept documents.
    """

    out: str
    recipe: str
    documents: int
    kept: int
    rejected: int
    rules: dict[str, int]
    alone: dict[str, int]
    quarantined: dict[str, int]
    shards: int


def filter_corpus(
    paths: Sequence[str],
    out: str,
    asked: Filter,
    *,
    rejected: str | None = None,
    scores: str | None = None,
    options: ReadOptions | None = None,
    engine: Engine = "local",
    workers: int | None = None,
    strict: bool = False,
    overwrite: bool = False,
    command: Sequence[str] = (),
    on_progress: Callable[[Progress], None] | None = None,
) -> FilterSummary:
    """Write the documents that a recipe keeps, in the form that they have, and say what it did.

    After an interruption the same call goes on where it stopped, within a file as well, and ends
    with the same bytes.

    Args:
        paths: see `find_corpus`.
        out: the folder for kept documents, a path or fsspec address.
        asked: the recipe.
        rejected: a folder for the others, each with `BROKEN`: every rule that it broke.
        scores: a finished score folder of the same corpus to decide by; else the columns needed
            are scored, and not kept.
        options: how the corpus is read.
        engine: where documents are scored.
        workers: how many parts are scored at a time; the result does not depend on it.
        strict: whether the first row that is no document ends the run.
        overwrite: whether existing outputs may be replaced.
        command: the command line, for the manifest.
        on_progress: called after each part that is scored.

    Raises:
        DataselectError: bad input, outputs that exist, or scores of another corpus.
    """
    options = options or ReadOptions()
    sources = find_corpus(paths)
    names = shard_names(sources)
    _check_outputs(out, rejected, sources, scores)
    for folder in filter(None, (out, rejected)):
        check_not_read(folder, paths, [*names.values(), QUARANTINED])
    check_tables(sources, options)
    configuration = {
        "corpus": [[file.address, file.bytes] for source in sources for file in source.files],
        "options": options.as_dict(),
        "recipe": dict(asked.about),
        "scorer": None if scores else _scorer(asked).fingerprint,
        "scores": scores,
        "rejected": rejected,
    }
    manifest = begin_manifest(
        "dataselect",
        command=command,
        configuration=configuration,
        libraries=("numpy", "numba", "pyarrow", "msgspec"),
    )
    targets = [*names.values(), "manifest.json", QUARANTINED]
    with output_folder(out, configuration, targets, overwrite=overwrite) as continued:
        folder = scores or join(out, _SCORES)
        if scores is None:
            score_corpus(
                paths,
                folder,
                [_scorer(asked)],
                options=options,
                engine=engine,
                workers=workers,
                strict=strict,
                overwrite=overwrite and not continued,
                command=command,
                on_progress=on_progress,
            )
        found = open_scores(folder)
        _refuse_other_corpus(found, sources)
        judged = Judged(found, asked, options, names)
        shards = write_kept(sources, judged, out)
        # The other folder may have been ended, and this one not, when a run was interrupted.
        if rejected is not None and not (continued and _ended(rejected, configuration)):
            with output_folder(rejected, configuration, targets, overwrite=overwrite):
                files = write_rejected(sources, judged, rejected)
                record = asdict(manifest) | {FILES: files}
                write_json_whole(join(rejected, "manifest.json"), record)
        summary = _summary(out, judged, len(shards))
        _copy_quarantined(folder, out)
        inputs = [
            FileRecord(str(file["address"]), int(file["bytes"]), str(file["sha256"]))
            for source in found.sources
            for file in source.files
        ]
        outputs = [
            FileRecord(s.address, size_of(s.address), sha256_of_address(s.address)) for s in shards
        ]
        counts = Counts(
            summary.documents + sum(summary.quarantined.values()),
            summary.kept,
            {f"recipe {asked.name}": summary.rejected} | summary.quarantined,
        )
        done = replace(finish(manifest, counts=counts), inputs=inputs, outputs=outputs)
        record = asdict(done) | {FILES: [names[s.source] for s in shards], "rules": summary.rules}
        write_json_whole(join(out, "manifest.json"), record)
        if scores is None:
            _remove_tree(folder)
    return summary


def _scorer(asked: Filter) -> Scorer:
    if asked.scorer is None:
        raise DataselectError(
            f"the recipe {asked.name} reads columns that the scorer signals does not give",
            accepted="the score folder that has them",
            hint="--scores DIR",
        )
    return asked.scorer


def _summary(out: str, judged: Judged, shards: int) -> FilterSummary:
    scores, asked = judged.scores, judged.asked
    rules: Counter[str] = Counter()
    alone: Counter[str] = Counter()
    kept = 0
    for at, part in enumerate(scores.parts):
        if not part.documents:
            continue
        _, decided = decided_part(scores, asked.columns, asked.decide, at)
        kept += int(decided.kept.sum())
        times, lone = decided.rules()
        rules.update(times)
        alone.update(lone)
    quarantined: Counter[str] = Counter()
    for source in scores.sources:
        quarantined.update(source.quarantined)
    return FilterSummary(
        out=out,
        recipe=asked.name,
        documents=scores.documents,
        kept=kept,
        rejected=scores.documents - kept,
        rules=dict(rules),
        alone={rule: alone[rule] for rule in rules},
        quarantined=dict(quarantined),
        shards=shards,
    )


def _ended(folder: str, configuration: Mapping[str, Any]) -> bool:
    manifest = join(folder, "manifest.json")
    if not exists(manifest):
        return False
    with open_to_read(manifest) as stream:
        found = json.loads(stream.read())["configuration"]
    return bool(found == json.loads(to_json(dict(configuration))))


def _copy_quarantined(scores: str, out: str) -> None:
    there = join(scores, QUARANTINED)
    if exists(there):
        with (
            open_to_read(there) as lines,
            whole_output(join(out, QUARANTINED), overwrite=True) as stream,
        ):
            shutil.copyfileobj(lines, stream)


def _refuse_other_corpus(scores: ScoreFolder, sources: Sequence[Source]) -> None:
    theirs = [(f["address"], f["bytes"]) for s in scores.sources for f in s.files]
    ours = [(file.address, file.bytes) for source in sources for file in source.files]
    if theirs != ours:
        differing = [pair[0] for pair in {*theirs} ^ {*ours}] or ["the order of the files"]
        raise DataselectError(
            f"{scores.address} holds the scores of another corpus ({sorted(differing)[0]} differs)",
            accepted="the corpus that was scored, by the same paths",
            hint="leave --scores out, or score this corpus first",
        )


def _check_outputs(
    out: str, rejected: str | None, sources: Sequence[Source], scores: str | None
) -> None:
    """Refuse what would remove an input, and scores of another corpus, before anything is."""
    files = [file.address for source in sources for file in source.files]
    for folder in (out, rejected):
        if folder is not None:
            check_apart(folder, files=files, folders=[] if scores is None else [scores])
    if rejected is not None and same_place(rejected, out):
        raise DataselectError(
            f"kept and rejected documents are both to go to {out}",
            accepted="two folders",
        )
    if scores is not None:
        _refuse_other_corpus(open_scores(scores), sources)


def _remove_tree(folder: str) -> None:
    if not is_remote(folder):
        shutil.rmtree(local_path(folder))
        return
    system, path = remote(folder)
    system.rm(path, recursive=True)
