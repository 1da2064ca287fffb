"""How long scoring will take and how large its output will be, from a small sample."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from dataclasses import dataclass

from dataselect.corpus.options import MIB, ReadOptions
from dataselect.corpus.parts import Quarantined
from dataselect.corpus.reading import decode
from dataselect.corpus.sampling import sample_parts
from dataselect.corpus.sources import find_corpus
from dataselect.scorers.scorer import CorpusScorer, Scorer
from dataselect.scores.preparing import prepared_on
from dataselect.scores.work import about_documents, score_schema, scored

__all__ = ["Estimate", "estimate_score"]

_SAMPLE_BYTES = 16 * MIB
_FILES = 8


@dataclass(frozen=True)
class Estimate:
    """What is expected of a run.

    Attributes:
        files: of the corpus.
        stored_bytes: their sizes.
        documents: expected.
        text_bytes: expected.
        seconds: expected on ``workers`` workers, after the kernels are compiled.
        output_bytes: expected size of the score folder.
        sampled_bytes: of text that was scored for this.
        workers: as given.
    """

    files: int
    stored_bytes: int
    documents: int
    text_bytes: int
    seconds: float
    output_bytes: int
    sampled_bytes: int
    workers: int


def estimate_score(
    paths: Sequence[str],
    scorers: Sequence[Scorer | CorpusScorer],
    *,
    options: ReadOptions | None = None,
    workers: int = 1,
) -> Estimate:
    """Score stretches of up to eight files, and extrapolate by stored bytes.

    Args:
        paths: see `find_corpus`.
        scorers: what would run.
        options: how the corpus would be read.
        workers: how many would run; on each a core of its own is expected.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    options = options or ReadOptions()
    sources = find_corpus(paths)
    total = sum(source.bytes for source in sources)
    chosen = sorted({k * (len(sources) - 1) // (_FILES - 1) for k in range(_FILES)})
    seen = documents = text = written = 0
    seconds = 0.0
    parts = (
        part
        for number in chosen
        for part in sample_parts(sources[number], options, _SAMPLE_BYTES // len(chosen))
    )
    while True:
        began = time.perf_counter()
        raw = next(parts, None)
        reading = time.perf_counter() - began
        if raw is None:
            break
        ignored: list[Quarantined] = []
        if not documents:  # compile what has to be compiled
            for batch in decode(raw, options, ignored.append):
                for scorer in prepared_on(scorers, [batch]):
                    scorer.score(batch.slice(0, 1))
                break
        began = time.perf_counter()
        batches = list(decode(raw, options, ignored.append))
        ready = prepared_on(scorers, batches)
        about = [about_documents(batch) for batch in batches]
        tables = [pa.Table.from_batches(about)] if about else []
        for scorer in ready:
            results = [scored(scorer, batch, raw) for batch in batches]
            tables.append(pa.Table.from_batches(results, score_schema(scorer)))
        for table in tables:
            sink = io.BytesIO()
            pq.write_table(table, sink, compression="zstd")
            written += sink.tell()
        seconds += reading + time.perf_counter() - began
        seen += max(1, raw.stored)
        documents += sum(map(len, batches))
        text += sum(int(pc.sum(batch.column("bytes")).as_py() or 0) for batch in about)
    ratio = total / seen if seen else 0.0
    return Estimate(
        files=sum(len(source.files) for source in sources),
        stored_bytes=total,
        documents=round(documents * ratio),
        text_bytes=round(text * ratio),
        seconds=seconds * ratio / workers,
        output_bytes=round(written * ratio),
        sampled_bytes=text,
        workers=workers,
    )
