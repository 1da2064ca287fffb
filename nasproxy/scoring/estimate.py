"""How long a ranking would take and how large it would be, from a few entries timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nasproxy.errors import NasproxyError
from nasproxy.proxies import get_all
from nasproxy.scoring.measuring import Task
from nasproxy.scoring.rank import requests_of
from nasproxy.scoring.workers import single_thread

__all__ = ["Estimate", "estimate"]

_BYTES_A_NUMBER = 8
_BYTES_A_NODE = 9  # of a compressed row: its value does not compress, its names do


@dataclass(frozen=True)
class Estimate:
    """What a ranking would cost.

    Attributes:
        entries: how many would be in the table.
        networks: how many networks would be measured with data; other entries share one.
        timed: how many were timed, after one more to warm up.
        seconds_each: mean seconds for one of them, all seeds together, on one core.
        spread: standard error of that mean, in seconds.
        jobs: processes.
        seconds: of the whole, if the processes do not slow each other down.
        table_bytes: of the score table.
        node_rows: rows of the table of nodes; None where it is not wanted.
        node_bytes: of the table of nodes; None where it is not wanted.
    """

    entries: int
    networks: int
    timed: int
    seconds_each: float
    spread: float
    jobs: int
    seconds: float
    table_bytes: int
    node_rows: int | None
    node_bytes: int | None


def estimate(
    task: Task,
    entries: Sequence[str],
    *,
    jobs: int,
    timed: int = 6,
    size: Callable[[str], float] | None = None,
) -> Estimate:
    """Time a few entries on one core and count up; nothing is written.

    Args:
        task: what measures entries.
        entries: all that would be measured.
        jobs: processes that would be used.
        timed: how many to time at the most, 1 or more.
        size: entry -> how large its network is, in any unit. Entries are then taken at equal steps
            from the smallest to the largest, since time goes with size; in their order otherwise.

    Raises:
        NasproxyError: there is no entry, or fewer than one job.
    """
    if not entries:
        raise NasproxyError("there is no architecture to score", accepted="at least one")
    if jobs < 1:
        raise NasproxyError(f"{jobs} jobs", accepted="1 or more", hint="one a core is fastest")
    plan = requests_of(task, entries)
    whole = [text for text, (_, later) in zip(entries, plan, strict=True) if not later]
    ordered = whole if size is None else sorted(whole, key=size)
    steps = np.linspace(0, len(ordered) - 1, min(timed, len(ordered)) + 2)[1:-1]
    chosen = [ordered[round(step)] for step in steps] or ordered[:1]
    measure = task.start()
    later = len(entries) - len(whole)
    seconds, again, nodes = [], [], []
    with single_thread():
        measure(chosen[0], False)  # compiles and reads what only the first does
        for text in chosen:
            started = time.perf_counter()
            found = measure(text, False)
            seconds.append(time.perf_counter() - started)
            if later:  # what the spelling decides is measured for every entry
                started = time.perf_counter()
                measure(text, True)
                again.append(time.perf_counter() - started)
            nodes.append(0 if found.nodes is None else found.nodes.num_rows)
    each = float(np.mean(seconds))
    error = float(np.std(seconds, ddof=1) / np.sqrt(len(seconds))) if len(seconds) > 1 else 0.0
    columns = len(get_all(task.proxies)) * (2 if len(task.seeds) > 1 else 1)
    text_bytes = sum(len(text) for text in entries) // 2  # two columns, compressed fourfold
    rows = round(float(np.mean(nodes)) * len(entries)) if max(nodes) else None
    return Estimate(
        entries=len(entries),
        networks=len(whole),
        timed=len(chosen),
        seconds_each=each,
        spread=error,
        jobs=jobs,
        seconds=(each * len(whole) + (float(np.mean(again)) * later if again else 0)) / jobs,
        table_bytes=text_bytes + _BYTES_A_NUMBER * (columns + 2) * len(entries),
        node_rows=rows,
        node_bytes=None if rows is None else rows * _BYTES_A_NODE,
    )
