"""Measure many entries in order, on as many single-threaded processes as there are cores."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache
from itertools import islice
from multiprocessing import get_context
from typing import TYPE_CHECKING

import torch

from nasproxy.errors import NasproxyError
from nasproxy.scoring.measuring import Measure, Measured, Task
from zerocost.processes import end_with_parent, interrupts_held

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

__all__ = ["measure_in_order", "single_thread"]

Request = tuple[str, bool]
"""The text of an entry, and whether only what depends on its spelling is wanted."""


def measure_in_order(
    task: Task, requests: Iterable[Request], *, jobs: int = 1
) -> Iterator[Measured]:
    """What is measured of entries, in their order, whatever the number of processes.

    Every process computes with one thread: sums of one and of two threads differ in their last
    digits, and on all cores together single threads are faster. With more than one job the task
    is pickled, the proxies are found again by name, and a script that calls this must do so under
    ``if __name__ == "__main__":``.

    Args:
        task: what measures them.
        requests: what to measure.
        jobs: processes, 1 or more.

    Raises:
        NasproxyError: fewer than one job, or a process died.
    """
    if jobs < 1:
        raise NasproxyError(f"{jobs} jobs", accepted="1 or more; one a core is fastest")
    if jobs == 1:
        measure = task.start()
        for text, spelling_alone in requests:
            with single_thread():  # not while the caller has its turn
                found = measure(text, spelling_alone)
            yield found
        return
    waiting: deque[Future[Measured]] = deque()
    todo = iter(requests)
    with ProcessPoolExecutor(
        jobs, mp_context=get_context("spawn"), initializer=_start, initargs=(task,)
    ) as pool:
        try:
            with interrupts_held():  # the first submission starts every process
                waiting.extend(pool.submit(_measure, request) for request in islice(todo, 4 * jobs))
            while waiting:
                yield waiting.popleft().result()
                waiting.extend(pool.submit(_measure, request) for request in islice(todo, 1))
        except BrokenProcessPool as cause:
            raise NasproxyError(
                "a scoring process was ended from outside, perhaps for want of memory",
                hint="run the same command again to continue, with fewer --jobs",
                bad_input=False,
            ) from cause
        finally:
            for future in waiting:
                future.cancel()


@contextmanager
def single_thread() -> Iterator[None]:
    """Compute with one thread, torch and NumPy, so that sums are the same on any number of cores.

    And faster: two processes of which each has as many threads as there are cores wait for one
    another more than they compute.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with _numpy_threads().limit(limits=1):
            yield
    finally:
        torch.set_num_threads(threads)


@cache
def _numpy_threads() -> ThreadpoolController:
    # Looking for the libraries takes milliseconds, changing their number of threads does not. Only
    # what is loaded is found, and SciPy brings a library of its own.
    import scipy.linalg  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


_measurer: Measure | None = None  # of this worker process


def _start(task: Task) -> None:
    global _measurer  # noqa: PLW0603 the initialiser of a process has no other way to hand it over
    # Ctrl-C reaches every process of the terminal; the parent alone answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    torch.set_num_threads(1)
    _numpy_threads().limit(limits=1)
    _measurer = task.start()


def _measure(request: Request) -> Measured:
    assert _measurer is not None
    return _measurer(*request)
