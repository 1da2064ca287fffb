"""Tables, JSON and progress: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import click

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["Advance", "Fixed", "Steps", "print_json", "print_table", "progress"]

_UNFOLDED = 10_000
_NOTE_WIDTH = 110


class Fixed(float):
    """A number printed with two decimals, as percentages are."""


def print_json(value: Any) -> None:
    """One JSON object on standard output, and nothing else there."""
    click.echo(json.dumps(value, indent=2, allow_nan=False))


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    title: str | None = None,
    apart: str | None = None,
) -> None:
    """A table on standard output; numbers to the right.

    Args:
        columns: the headings; the first column, which names the row, is never folded.
        rows: text, numbers, or None for what is not known.
        title: printed above.
        apart: a column of long values that have to be copied whole. Where the table is wider than
            the terminal, it stands below the others instead, a line a row after the row's name.
    """
    from rich.console import Console
    from rich.measure import Measurement
    from rich.text import Text

    console = Console()
    if not console.is_terminal:  # a file or a pipe: never fold a row
        console = Console(width=_UNFOLDED)
    if title is not None:
        console.print(Text(title), soft_wrap=True)
    table = _table(columns, rows)
    unfolded = console.options.update(max_width=_UNFOLDED)
    if apart is None or Measurement.get(console, unfolded, table).maximum <= console.width:
        console.print(table)
        return
    at = list(columns).index(apart)
    console.print(_table(_without(columns, at), [_without(row, at) for row in rows]))
    width = max(len(_cell(row[0])) for row in rows)
    for row in rows:
        console.print(Text(f"  {_cell(row[0]):>{width}}  {_cell(row[at])}"), soft_wrap=True)
    console.print()


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD)
    for i, column in enumerate(columns):
        values = [row[i] for row in rows if row[i] is not None]
        numeric = bool(values) and all(isinstance(value, int | float) for value in values)
        table.add_column(
            Text(column),
            justify="right" if numeric else "left",
            overflow="fold",
            no_wrap=numeric or i == 0,
        )
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row))
    return table


def _without(values: Sequence[Any], at: int) -> list[Any]:
    return [value for i, value in enumerate(values) if i != at]


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, Fixed):
        return f"{value:.2f}"
    if isinstance(value, float):
        if value.is_integer() and abs(value) >= 1e4:
            return f"{value:,.0f}"
        return f"{value:#.5g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)


class Advance(Protocol):
    """Tells a progress bar how much is done, and what to say beside it."""

    def __call__(self, done: int, note: str = "", *, total: int | None = None) -> None:
        """Show ``done`` of the total, or of another one that is known by now."""
        ...


@contextmanager
def progress(label: str, total: int) -> Iterator[Advance]:
    """A progress bar with rate and time left on standard error; on a terminal only."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    note = [TextColumn("{task.fields[note]}")] if console.width >= _NOTE_WIDTH else []
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        *note,
        console=console,
        disable=not console.is_terminal,
        transient=True,
    ) as bar:
        task = bar.add_task(label, total=total, note="", rate="")

        def advance(done: int, note: str = "", *, total: int | None = None) -> None:
            speed = bar.tasks[0].speed
            rate = (
                "" if not speed else f"{speed:.1f}/s" if speed >= 1 else f"{1 / speed:.1f} s each"
            )
            bar.update(task, completed=done, note=note, rate=rate, total=total)

        yield advance


class Steps:
    """A progress bar for each step, one after the other.

    Args:
        stack: closes the last bar when the work ends.
    """

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._bars: dict[str, Advance] = {}

    def __call__(self, step: str, done: int, total: int) -> None:
        """Show how much of a step is done."""
        if step not in self._bars:
            self._stack.close()
            self._bars[step] = self._stack.enter_context(progress(step, total))
        self._bars[step](done)
