"""Worker processes that leave Ctrl-C to their parent and end when it does."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from threading import Thread

__all__ = ["end_with_parent", "interrupts_held"]


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Processes started here never see Ctrl-C, not even while they import; the parent does after.

    Ctrl-C reaches every process of the terminal, and a worker takes seconds to import torch before
    it can ask to be left alone. What is blocked stays blocked in a process that is started.
    """
    if sys.platform == "win32":
        yield
        return
    # Starting it would unblock the signal again (until Python 3.12).
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_with_parent(word: Connection | None = None) -> None:
    """End this worker, in the middle of whatever it does, when its parent is gone.

    A killed parent cannot end its workers, which would work, or wait for work, for ever.

    Args:
        word: the reading end of a pipe; the worker ends, too, when the parent closes the other.
    """
    Thread(target=_wait_and_end, args=(word,), daemon=True).start()


def _wait_and_end(word: Connection | None) -> None:
    parent = parent_process()
    ends: list[Connection | int] = [] if parent is None else [parent.sentinel]
    if word is not None:
        ends.append(word)
    if ends:
        wait(ends)
        os._exit(1)
