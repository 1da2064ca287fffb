"""A job on Ray Data: a task streams the parts of a source, further tasks work on one part each."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from dataselect.corpus.options import ReadOptions
from dataselect.corpus.parts import RawPart, SourceEnd, part_name
from dataselect.corpus.reading import cut
from dataselect.corpus.sources import Source
from dataselect.engines.work import Work
from dataselect.errors import DataselectError
from zerocost.errors import ZerocostError

__all__ = ["run_ray"]

R = TypeVar("R")

_READING_CPUS = 0.25
_ATTEMPTS = 5


def run_ray(
    sources: tuple[Source, ...],
    options: ReadOptions,
    work: Work[R],
    *,
    workers: int | None = None,
) -> Iterator[R | SourceEnd]:
    """See `run_job`; results come as they are ready.

    On the cluster that this process is connected to or that ``RAY_ADDRESS`` names; else on one
    that is started on this machine and ended afterwards. A part whose worker dies is worked on
    again by another, up to five times.

    Raises:
        DataselectError: Ray is not installed, or the job failed on it.
    """
    try:
        import ray
        from ray.exceptions import RayError
    except ImportError as cause:
        raise DataselectError(
            f"Ray cannot be imported: {cause}",
            accepted="an environment with Ray in it",
            hint="pip install 'zerocost[ray]', or leave --engine out",
        ) from cause
    job = _Job(tuple(sys.path), pickle.dumps((options, work)))
    with _cluster(workers), _context():
        dataset = (
            ray.data.from_items(
                [{"source": pickle.dumps(source)} for source in sources],
                override_num_blocks=len(sources),
            )
            # Other resources than the next step's, else Ray would make one task of both.
            .flat_map(_Reading(job), num_cpus=_READING_CPUS)
            .map_batches(
                _Working(job, ray.remote(num_cpus=0)(_Attempts).remote()),
                batch_size=1,
                batch_format="pyarrow",
                num_cpus=1,
                compute=ray.data.TaskPoolStrategy(workers),
            )
        )
        try:
            for row in dataset.iter_rows():
                found = pickle.loads(row["found"])
                if isinstance(found, ZerocostError):
                    raise found
                yield found
        except RayError as cause:
            raise DataselectError(
                f"the job failed on Ray: {type(cause).__name__}: {str(cause).splitlines()[0]}",
                hint="what is done is kept: the same command goes on from there",
                bad_input=False,
            ) from cause


@dataclass(frozen=True)
class _Job:
    """Where modules are looked for, and the pickled options and work."""

    paths: tuple[str, ...]
    packed: bytes


class _Reading:
    """A source -> its parts that are not done yet, the results of the others, and its end."""

    def __init__(self, job: _Job) -> None:
        self._job = job

    def __call__(self, row: dict[str, Any]) -> Iterator[dict[str, Any]]:
        options, work = _unpacked(self._job)
        try:
            for raw in cut(pickle.loads(row["source"]), options):
                found = raw if isinstance(raw, SourceEnd) else work.done(raw)
                if found is None:
                    yield {"raw": pickle.dumps(raw), "found": b""}
                else:
                    yield {"raw": b"", "found": pickle.dumps(found)}
        except ZerocostError as error:
            yield {"raw": b"", "found": pickle.dumps(error)}


class _Working:
    """A part -> its result."""

    def __init__(self, job: _Job, attempts: Any) -> None:
        self._job = job
        self._attempts = attempts

    def __call__(self, batch: Any) -> Any:
        import pyarrow as pa

        results = []
        _, work = _unpacked(self._job)
        for row in batch.to_pylist():
            found = row["found"]
            results.append(found or self._result(work, pickle.loads(row["raw"])))
        return pa.table({"found": pa.array(results, pa.large_binary())})

    def _result(self, work: Work[Any], raw: RawPart) -> bytes:
        import ray

        try:
            part = part_name(raw.source.number, raw.number)
            attempt = ray.get(self._attempts.begin.remote(part))
            if attempt > _ATTEMPTS:
                raise DataselectError(
                    f"{raw.source.address}, rows from {raw.first_row}: the worker died "
                    f"{_ATTEMPTS} times over them",
                    accepted="documents that fit into a worker's memory",
                    hint="give the workers more memory, or lower --max-document-bytes",
                    bad_input=False,
                )
            return pickle.dumps(work(raw))
        except ZerocostError as error:
            return pickle.dumps(error)


class _Attempts:
    """Counts how often each part was begun: Ray itself begins anew without end."""

    def __init__(self) -> None:
        self._begun: dict[str, int] = {}

    def begin(self, part: str) -> int:
        """How often it has been begun, this time included."""
        self._begun[part] = self._begun.get(part, 0) + 1
        return self._begun[part]


def _unpacked(job: _Job) -> tuple[ReadOptions, Work[Any]]:
    """The options and the work, with the user's own modules found as in the first process."""
    sys.path += [path for path in job.paths if path not in sys.path]
    options, work = pickle.loads(job.packed)
    return options, work


@contextmanager
def _cluster(workers: int | None) -> Iterator[None]:
    import ray

    if ray.is_initialized():
        yield
        return
    mine = "RAY_ADDRESS" not in os.environ
    try:
        if mine:
            ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
        else:
            ray.init(log_to_driver=False)
        yield
    finally:
        ray.shutdown()


@contextmanager
def _context() -> Iterator[None]:
    """Blocks of one part each, and nothing printed, for as long as a job runs."""
    from ray.data import DataContext

    context = DataContext.get_current()
    wanted = {
        "target_max_block_size": 1,
        "enable_progress_bars": False,
        "print_on_execution_start": False,
    }
    before = {name: getattr(context, name) for name in wanted}
    for name, value in wanted.items():
        setattr(context, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(context, name, value)
