"""Optuna studies: in memory, or in a storage that several processes share."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Float64

from nasproxy.errors import NasproxyError

if TYPE_CHECKING:
    from optuna.storages.journal import JournalFileSymlinkLock
    from optuna.study import Study
    from optuna.trial import FrozenTrial

__all__ = ["SharedStudy", "new_study", "retold", "shared_studies", "without_password"]

_EVENTS = "evaluations"
_WAITS = (0.2, 0.5, 1.0, 2.0)  # seconds
_BLOCK = 1 << 16


@dataclass(frozen=True)
class SharedStudy:
    """A study that several processes work at.

    Attributes:
        storage: a journal file, or an address as Optuna takes it.
        name: of the study in it.
        stale_after: seconds of silence after which a process counts as dead.
    """

    storage: str
    name: str = "nasproxy"
    stale_after: float = 60.0

    def described(self) -> dict[str, object]:
        """Its attributes, without a password."""
        return asdict(self) | {"storage": without_password(self.storage)}

    def hidden(self, text: str) -> str:
        """A text that may hold the storage, without its password."""
        return text.replace(self.storage, without_password(self.storage))


def new_study(higher_is_better: Sequence[bool]) -> Study:
    """A study in memory with one direction an objective."""
    import optuna

    with _quiet():
        return optuna.create_study(directions=_directions(higher_is_better))


def shared_studies(
    storage: str, name: str, higher_is_better: Sequence[bool]
) -> tuple[Study, Study]:
    """The study of a name in a storage, and the one of its evaluations; made where they are not.

    Args:
        storage: an address as Optuna takes it (``sqlite:///study.db``), or the path of a journal
            file.
        name: of the study.
        higher_is_better: the directions.

    Raises:
        NasproxyError: the storage cannot be opened, or the study has other directions.
    """
    import optuna

    def made() -> tuple[Study, Study]:
        opened: Any = _opened(storage)
        study = optuna.create_study(
            storage=opened,
            study_name=name,
            directions=_directions(higher_is_better),
            load_if_exists=True,
        )
        events = optuna.create_study(
            storage=opened, study_name=f"{name} {_EVENTS}", load_if_exists=True
        )
        return study, events

    with _quiet():
        try:
            study, events = _again_if_others_make_it_too(made)
        except NasproxyError:
            raise
        except Exception as cause:  # what is raised differs by storage
            raise NasproxyError(
                f"the study {name!r} in {without_password(storage)} cannot be opened: "
                f"{type(cause).__name__}: {str(cause).replace(storage, without_password(storage))}",
                accepted="a study that this command made, or a new --study",
            ) from cause
    found = [direction.name.lower() for direction in study.directions]
    if found != _directions(higher_is_better):
        raise NasproxyError(
            f"the study {name!r} in {without_password(storage)} has the directions "
            f"{', '.join(found)}",
            accepted=f"{', '.join(_directions(higher_is_better))} for these objectives",
            hint="choose another --study",
        )
    return study, events


def _again_if_others_make_it_too(made: Callable[[], tuple[Study, Study]]) -> tuple[Study, Study]:
    """Optuna's tables of a database are made without a lock: the second to make one fails."""
    for seconds in _WAITS:
        try:
            return made()
        except Exception as cause:
            if not type(cause).__module__.startswith("sqlalchemy"):
                raise
            time.sleep(seconds)
    return made()


def without_password(storage: str) -> str:
    """A storage with *** for the password of an address: ``postgresql://me:***@host/studies``."""
    hidden = re.sub(r"^(\w[\w+.-]*://(?!/)[^:/]*):(?!\d+(?:/|$)).*@", r"\1:***@", storage)
    return re.sub(r"([?&]password=)[^&]*", r"\1***", hidden)


def retold(
    study: Study, values: Callable[[Sequence[FrozenTrial]], Float64[np.ndarray, "k o"]]
) -> Study:
    """A study in memory with the same trials and sampler, and the values that they have now.

    Args:
        study: in memory; none of its trials is running.
        values: trials -> their objectives, more is better, float64 ``[len(trials), objectives]``.
    """
    import optuna
    from optuna.study import StudyDirection
    from optuna.trial import TrialState, create_trial

    up = [direction == StudyDirection.MAXIMIZE for direction in study.directions]
    trials = study.get_trials(deepcopy=False)
    signs = np.where(up, 1.0, -1.0)
    now = values(trials) * signs
    with _quiet():
        fresh = optuna.create_study(directions=_directions(up), sampler=study.sampler)
    for trial, row in zip(trials, now, strict=True):
        state = trial.state
        if state == TrialState.COMPLETE and not np.isfinite(row).all():
            state = TrialState.FAIL
        fresh.add_trial(
            create_trial(
                state=state,
                values=row.tolist() if state == TrialState.COMPLETE else None,
                params=trial.params,
                distributions=trial.distributions,
                system_attrs=trial.system_attrs,  # of a trial that waits: what it is to try
            )
        )
    return fresh


def _opened(storage: str) -> object:
    if "://" in storage:
        if storage.startswith("redis"):
            from optuna.storages import JournalStorage
            from optuna.storages.journal import JournalRedisBackend

            return JournalStorage(JournalRedisBackend(storage))
        return storage
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

    path = Path(storage)
    if path.is_dir() or not path.parent.is_dir():
        raise NasproxyError(
            f"the storage {storage} is {'a folder' if path.is_dir() else 'in no folder'}",
            accepted="the path of a journal file in an existing folder, or an address such as "
            "sqlite:///study.db",
        )
    lock = JournalFileSymlinkLock(str(path))
    try:
        _drop_cut_line(path, lock)
        return JournalStorage(JournalFileBackend(str(path), lock_obj=lock))
    except Exception as cause:  # of a file that holds something else
        raise NasproxyError(
            f"the storage {storage} is no journal: {type(cause).__name__}: {cause}",
            accepted="a journal file that Optuna wrote, or a new one",
        ) from cause


def _drop_cut_line(path: Path, lock: JournalFileSymlinkLock) -> None:
    """Take away half a line at the end, as a power cut or a full disk leaves it.

    Optuna would append the next line to it, after which nobody can read the journal.
    """
    if not path.is_file() or _whole(path) == path.stat().st_size:
        return
    lock.acquire()  # who writes holds it, so that the line is no longer being written
    try:
        with path.open("r+b") as stream:
            if b'"op_code"' in stream.readline():  # not a file of something else
                stream.truncate(_whole(path))
    finally:
        lock.release()


def _whole(path: Path) -> int:
    """How many bytes of a file are whole lines."""
    with path.open("rb") as stream:
        end = stream.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - _BLOCK)
            stream.seek(start)
            newline = stream.read(end - start).rfind(b"\n")
            if newline >= 0:
                return start + newline + 1
            end = start
    return 0


def _directions(higher_is_better: Sequence[bool]) -> list[Literal["minimize", "maximize"]]:
    return ["maximize" if up else "minimize" for up in higher_is_better]


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Optuna's announcement of every study."""
    import optuna

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(verbosity)
