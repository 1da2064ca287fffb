"""A job on this machine: one thread reads and cuts, the others work on parts."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from dataselect.corpus.options import ReadOptions
from dataselect.corpus.parts import RawPart, SourceEnd
from dataselect.corpus.reading import cut
from dataselect.corpus.sources import Source
from dataselect.engines.work import Work

__all__ = ["run_local"]

R = TypeVar("R")


def run_local(
    sources: tuple[Source, ...],
    options: ReadOptions,
    work: Work[R],
    *,
    workers: int | None = None,
) -> Iterator[R | SourceEnd]:
    """See `run_job`."""
    workers = workers or os.cpu_count() or 1
    if workers == 1:
        for raw in _all(sources, options):
            yield raw if isinstance(raw, SourceEnd) else work.done(raw) or work(raw)
        return
    waiting: deque[Any] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        for raw in _all(sources, options):
            if isinstance(raw, SourceEnd):
                waiting.append(raw)
            else:
                waiting.append(work.done(raw) or pool.submit(work, raw))
            while len(waiting) > workers or (waiting and not isinstance(waiting[0], Future)):
                yield _result(waiting.popleft())
        while waiting:
            yield _result(waiting.popleft())
    finally:
        pool.shutdown(cancel_futures=True)


def _all(sources: tuple[Source, ...], options: ReadOptions) -> Iterator[RawPart | SourceEnd]:
    for source in sources:
        yield from cut(source, options)


def _result(found: Any) -> Any:
    return found.result() if isinstance(found, Future) else found
