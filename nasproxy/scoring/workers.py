"""Score many architectures in order, on as many single-threaded processes as there are cores."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from threading import Thread
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.scoring.candidates import Candidate, score_candidate
from nasproxy.spaces.space import SearchSpace

__all__ = ["score_in_order"]

A = TypeVar("A", bound=Hashable)


def score_in_order(
    space: SearchSpace[A],
    architectures: Iterable[A],
    batch: Batch,
    proxies: Sequence[str],
    *,
    seed: int = 0,
    jobs: int = 1,
    device: str = "cpu",
) -> Iterator[Candidate]:
    """The scores of architectures, in their order, whatever the number of processes.

    Every process computes with one thread: sums of one and of two threads differ in their last
    digits, and on all cores together single threads are faster. With more than one job the space
    is pickled, the proxies are found again by name, and a script that calls this must do so under
    ``if __name__ == "__main__":``.

    Args:
        space: the space of the architectures.
        architectures: what to score.
        batch: inputs and labels.
        proxies: names.
        seed: of initialisations and draws; each architecture's scores depend on nothing else.
        jobs: processes, 1 or more.
        device: where networks run.

    Raises:
        NasproxyError: fewer than one job, or a process died.
    """
    if jobs < 1:
        raise NasproxyError(f"{jobs} jobs", accepted="1 or more; one a core is fastest")
    if jobs == 1:
        with _single_thread():
            for architecture in architectures:
                yield score_candidate(space, architecture, batch, proxies, seed=seed, device=device)
        return
    task = (space, _as_arrays(batch), tuple(proxies), seed, device)
    texts = (str(architecture) for architecture in architectures)
    with ProcessPoolExecutor(
        jobs, mp_context=get_context("spawn"), initializer=_start, initargs=task
    ) as pool:
        waiting: deque[Future[Candidate]] = deque(
            pool.submit(_score, text) for text in islice(texts, 4 * jobs)
        )
        try:
            while waiting:
                yield waiting.popleft().result()
                waiting.extend(pool.submit(_score, text) for text in islice(texts, 1))
        except BrokenProcessPool as cause:
            raise NasproxyError(
                "a scoring process was ended from outside, perhaps for want of memory",
                hint="run the same command again to continue, with fewer --jobs",
                bad_input=False,
            ) from cause
        finally:
            for future in waiting:
                future.cancel()


_scorer: Callable[[str], Candidate] | None = None  # of this worker process


def _start(
    space: SearchSpace[Any], arrays: Any, proxies: tuple[str, ...], seed: int, device: str
) -> None:
    global _scorer  # noqa: PLW0603 the initialiser of a process has no other way to hand it over
    # Ctrl-C reaches every process of the terminal; the parent alone answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    batch = _as_tensors(arrays)

    def score(text: str) -> Candidate:
        architecture = space.parse(text)
        return score_candidate(space, architecture, batch, proxies, seed=seed, device=device)

    _scorer = score


def _end_with_parent() -> None:
    """A killed parent cannot end its workers, which would wait for work for ever."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _score(text: str) -> Candidate:
    assert _scorer is not None
    return _scorer(text)


@contextmanager
def _single_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _as_arrays(batch: Batch) -> Any:
    """Plain arrays: torch would send tensors through shared memory, which containers limit."""
    inputs: Any = batch.inputs
    if isinstance(inputs, Mapping):
        inputs = {name: tensor.numpy() for name, tensor in inputs.items()}
    elif isinstance(inputs, tuple):
        inputs = tuple(tensor.numpy() for tensor in inputs)
    else:
        inputs = inputs.numpy()
    labels = None if batch.labels is None else batch.labels.numpy()
    return (inputs, labels, batch.classes, batch.source)


def _as_tensors(packed: Any) -> Batch:
    inputs, labels, classes, source = packed
    made: Tensor | tuple[Tensor, ...] | dict[str, Tensor]
    if isinstance(inputs, dict):
        made = {name: torch.from_numpy(array) for name, array in inputs.items()}
    elif isinstance(inputs, tuple):
        made = tuple(torch.from_numpy(array) for array in inputs)
    else:
        made = torch.from_numpy(np.ascontiguousarray(inputs))
    return Batch(made, None if labels is None else torch.from_numpy(labels), classes, source)
