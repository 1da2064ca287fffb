"""Running a design: by as many processes and machines as share its folder."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dataselect.errors import DataselectError
from dataselect.weighting.claims import claimed, sweep
from dataselect.weighting.design_folder import CLAIMS, DesignFolder, open_design
from dataselect.weighting.pool import Pool, open_pool
from dataselect.weighting.proxies.proxy import Proxy, Trainer
from dataselect.weighting.run_table import write_tables
from zerocost.processes import end_with_parent, interrupts_held

__all__ = ["POOL", "complete", "run_design", "work_on"]

POOL = "pool"
OnRun = Callable[[int, int], None]

_POLL_SECONDS = 0.5


def run_design(
    folder: Path, proxy: Proxy, *, jobs: int = 1, on_run: OnRun | None = None
) -> DesignFolder:
    """Run what a design lacks, and write its table.

    Any number of calls, in processes and on machines that share the folder, run one design
    together; each returns when all runs are done. A run that was killed is done anew, by whoever
    finds it; the table is the same.

    Args:
        folder: of `begin_design`, its candidates in ``pool/``.
        proxy: that the design was begun with.
        jobs: processes, each with one thread.
        on_run: called with runs done and runs in all.

    Raises:
        DataselectError: no such design, or a run failed.
    """
    own = complete(folder, proxy, folder / POOL, jobs=jobs, on_run=on_run)
    write_tables(folder, [own])
    return own


def complete(
    folder: Path, proxy: Proxy, pool: Path, *, jobs: int = 1, on_run: OnRun | None = None
) -> DesignFolder:
    """What `run_design` does, without tables and with candidates that are elsewhere.

    Args:
        folder: of `begin_design`.
        proxy: that the design was begun with.
        pool: of the candidates.
        jobs: processes, each with one thread.
        on_run: called with runs done and runs in all.
    """
    own = open_design(folder)
    if own.proxy != proxy.as_dict():
        raise DataselectError(
            f"the design in {folder} is of {own.proxy}", accepted="the proxy it was begun with"
        )
    if jobs == 1 or own.done(own.design.run_ids):
        work_on(folder, proxy, pool, on_run=on_run)
    else:
        _in_processes(own, proxy, pool, jobs, on_run)
    sweep(folder / CLAIMS)
    return own


def work_on(folder: Path, proxy: Proxy, pool: Path, *, on_run: OnRun | None = None) -> None:
    """Do runs that nobody else does, until all are done."""
    own, trainer, candidates = open_design(folder), None, None
    groups = own.groups(proxy.at_once)
    while waiting := [group for group in groups if not own.done(group)]:
        worked = False
        for group in waiting:
            with claimed(folder / CLAIMS, own.record(group[0]).stem) as claim:
                if claim is None or own.done(group):
                    continue
                if trainer is None or candidates is None:
                    candidates = open_pool(pool)
                    trainer = proxy.open(candidates.data, pool)
                _run(own, group, candidates, trainer, claim.beat)
                worked = True
            _say(own, on_run)
        if not worked:  # others have the rest; one of them may yet be killed
            _say(own, on_run)
            time.sleep(_POLL_SECONDS)
    _say(own, on_run)


def _run(
    own: DesignFolder,
    group: tuple[str, ...],
    pool: Pool,
    trainer: Trainer,
    beat: Callable[[], None],
) -> None:
    began = time.process_time()
    place = {run_id: at for at, run_id in enumerate(own.design.run_ids)}
    chosen = [pool.select(own.design.weights[place[run_id]], own.tokens) for run_id in group]
    losses = trainer(chosen, [own.seed] * len(group), beat)
    seconds = (time.process_time() - began) / len(group)
    for run_id, documents, found in zip(group, chosen, losses, strict=True):
        tokens = int(pool.data.candidates.lengths[documents].sum())
        about = {"documents": len(documents), "tokens": tokens, "cpu_seconds": round(seconds, 3)}
        own.write_record(run_id, found, about)


def _say(own: DesignFolder, on_run: OnRun | None) -> None:
    if on_run is not None:
        ids = own.design.run_ids
        on_run(sum(own.done([run_id]) for run_id in ids), len(ids))


def _in_processes(
    own: DesignFolder, proxy: Proxy, pool: Path, jobs: int, on_run: OnRun | None
) -> None:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor, wait
    from concurrent.futures.process import BrokenProcessPool

    context = multiprocessing.get_context("spawn")
    word, held = context.Pipe(duplex=False)
    with (
        _single_threaded(),
        ProcessPoolExecutor(
            jobs, context, initializer=end_with_parent, initargs=(word,)
        ) as executor,
    ):
        try:
            with interrupts_held():  # submitting starts the processes
                working = {executor.submit(work_on, own.folder, proxy, pool) for _ in range(jobs)}
            while working:
                finished, working = wait(working, timeout=_POLL_SECONDS)
                for future in finished:
                    future.result()
                _say(own, on_run)
        except BrokenProcessPool as cause:
            raise DataselectError(
                "a training process was ended from outside, perhaps for want of memory",
                hint="run the same command again to go on, with fewer --jobs",
                bad_input=False,
            ) from cause
        except BaseException:
            held.close()  # the others would go on until the whole design is done
            raise
    held.close()
    word.close()


@contextmanager
def _single_threaded() -> Iterator[None]:
    """What processes that are started inside find in their environment."""
    wanted = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    # Freed memory stays with the process: returning it costs a training a tenth of its time.
    wanted |= {"MALLOC_MMAP_THRESHOLD_": "1073741824", "MALLOC_TRIM_THRESHOLD_": str(2**33)}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
