"""The same job on this machine or on Ray."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeVar

from dataselect.corpus.options import ReadOptions
from dataselect.corpus.parts import SourceEnd
from dataselect.corpus.sources import Source
from dataselect.engines.work import Work

__all__ = ["Engine", "Work", "run_job"]

R = TypeVar("R")
Engine = Literal["local", "ray"]


def run_job(
    sources: tuple[Source, ...],
    options: ReadOptions,
    work: Work[R],
    *,
    engine: Engine = "local",
    workers: int | None = None,
) -> Iterator[R | SourceEnd]:
    """The results of all parts of a corpus, and the ends of its sources, in any order.

    Args:
        sources: what to read.
        options: how.
        work: done on each part that is not done yet.
        engine: where.
        workers: how many parts are worked on at a time; one a core where it is None.
    """
    if engine == "ray":
        from dataselect.engines.ray_data import run_ray

        return run_ray(sources, options, work, workers=workers)
    from dataselect.engines.local import run_local

    return run_local(sources, options, work, workers=workers)
