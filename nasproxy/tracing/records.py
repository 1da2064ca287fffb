"""Records: what the passes over a network leave behind for the proxies to read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from nasproxy.errors import NasproxyError

if TYPE_CHECKING:
    from nasproxy.tracing.subject import Subject

__all__ = ["Pass", "Record", "Trace", "run_passes"]

T = TypeVar("T")


@dataclass(frozen=True)
class Pass:
    """One kind of traversal of a network; it runs once, whatever is asked of it.

    Attributes:
        name: what ``--explain`` calls it.
        cost: the traversals that it makes for the records wanted, in words.
        run: makes the wanted records of a network under a batch.
    """

    name: str
    cost: Callable[[frozenset[Record[Any]]], str]
    run: Callable[[Subject, frozenset[Record[Any]]], Mapping[Record[Any], object]]


@dataclass(frozen=True)
class Record(Generic[T]):
    """The typed name of something a pass records.

    Attributes:
        name: what it is, in words.
        made_by: the pass that makes it.
        labels: whether making it needs the labels of the batch.
        gradients: whether making it needs a backward traversal.
    """

    name: str
    made_by: Pass = field(repr=False)
    labels: bool = False
    gradients: bool = False


class Trace:
    """The records of one network under one batch.

    A record whose pass failed raises that pass's error when it is read, so that a proxy of another
    pass still gets its score.
    """

    def __init__(self, values: Mapping[Record[Any], object], samples: int) -> None:
        self._values = dict(values)
        self.samples = samples

    def __getitem__(self, record: Record[T]) -> T:
        value = self._values[record]
        if isinstance(value, NasproxyError):
            raise value
        return cast(T, value)


def run_passes(subject: Subject, wanted: Iterable[Record[Any]]) -> Trace:
    """Run each pass that the wanted records need, once.

    Args:
        subject: the network under its batch.
        wanted: the records to make.

    Returns:
        The trace that holds them.
    """
    values: dict[Record[Any], object] = {}
    for step, records in plan(wanted).items():
        try:
            values.update(step.run(subject, records))
        except NasproxyError as error:
            values.update(dict.fromkeys(records, error))
        except Exception as cause:  # one network of thousands must not end the run of them all
            values.update(dict.fromkeys(records, _unforeseen(step, cause)))
    return Trace(values, subject.batch.size)


def _unforeseen(step: Pass, cause: Exception) -> NasproxyError:
    error = NasproxyError(
        f"the {step.name} pass fails on this network: {type(cause).__name__}: "
        f"{next(iter(str(cause).splitlines()), '')}",
        accepted="a network of real parameters with numbers in them, on one device",
        hint="nasproxy.evaluate on this network in Python shows the whole error",
    )
    error.__cause__ = cause
    return error


def plan(wanted: Iterable[Record[Any]]) -> dict[Pass, frozenset[Record[Any]]]:
    """Which passes the wanted records need, and which records each has to make."""
    steps: dict[Pass, frozenset[Record[Any]]] = {}
    for record in wanted:
        steps[record.made_by] = steps.get(record.made_by, frozenset()) | {record}
    return steps
