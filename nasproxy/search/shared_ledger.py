"""One ledger for many processes: an append-only list of events in any Optuna storage.

Every event is a finished trial of a study of its own. A storage numbers the trials of a study one
after the other, whoever adds them, so all processes read the same events in the same order, and
what follows from them (who has a function, what is complete, whether the budget is spent) is the
same for all. No lock is needed, and none can be left behind by a process that dies.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from nasproxy.errors import NasproxyError
from nasproxy.search.evaluation import Evaluation, from_record
from nasproxy.search.ledger import Claimed

if TYPE_CHECKING:
    from optuna.study import Study

__all__ = ["SharedLedger"]

_POLL_SECONDS = 0.2


class SharedLedger:
    """The ledger of a search in several processes.

    A worker that is evaluating says every third of ``stale_after`` seconds that it lives. A claim
    whose worker has been silent for that long, or whose process is gone from this machine, is
    released by whoever notices, and the function is claimed anew. A worker that was only slow
    finds its claim gone and its result is dropped.

    Events: ``settings`` (the first one binds all), ``claim`` (void where the function is held or
    the budget spent), ``done`` (void unless the claim still holds), ``gone`` (releases a claim),
    ``beat``.

    Args:
        study: of its own, for the events.
        settings: what has to be equal for all processes; JSON values.
        stale_after: seconds of silence after which a worker counts as dead.

    Raises:
        NasproxyError: the study was begun with other settings (each that differs is shown).
    """

    def __init__(
        self, study: Study, settings: Mapping[str, object], *, stale_after: float = 60.0
    ) -> None:
        self._study = study
        self._worker = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"
        self._stale_after = stale_after
        self._read = 0
        self._settings: Mapping[str, object] | None = None
        self._known: dict[str, Evaluation] = {}
        self._scored = 0
        self._held: dict[str, tuple[str, str]] = {}  # function -> token and worker of its claim
        self._claims: dict[str, str] = {}  # token -> function, in the order of the claims
        self._heard: dict[str, float] = {}  # worker -> when this process last heard of it
        self._mine: dict[str, str] = {}  # function -> token
        self._beat: threading.Thread | None = None
        self._idle = threading.Event()
        self.refresh()
        if self._settings is None:
            self._add("settings", {"settings": json.loads(json.dumps(settings))})
            self.refresh()
        self._check(json.loads(json.dumps(settings)))

    def refresh(self) -> Sequence[Evaluation]:
        """Read what is new; the complete evaluations in the order of their claims."""
        trials = self._study.get_trials(deepcopy=False)
        for trial in trials[self._read :]:
            self._apply(trial.user_attrs)
        self._read = len(trials)
        functions = dict.fromkeys(self._claims.values())
        return [self._known[f] for f in functions if f in self._known]

    def get(self, function: str) -> Evaluation | None:
        """The complete evaluation of a function, as of the last refresh."""
        return self._known.get(function)

    def claim(self, function: str, budget: int) -> Claimed:
        """Add a claim, and read whether it is the one that holds."""
        if self.enough(budget) or function in self._held or function in self._known:
            return "elsewhere"
        token = secrets.token_hex(8)
        self._add("claim", {"function": function, "token": token, "budget": budget})
        self.refresh()
        if self._held.get(function, ("", ""))[0] != token:
            return "elsewhere"
        self._mine[function] = token
        self._start_beating()
        return "mine"

    def complete(self, evaluation: Evaluation) -> None:
        """Hand in an evaluation; it is dropped where the claim was given to another."""
        self._idle.set()
        token = self._mine.pop(evaluation.function)
        self._add("done", {"token": token, "evaluation": evaluation.as_record()})

    def wait(self) -> None:
        """Sleep a moment, then release the claims of workers that are gone."""
        time.sleep(_POLL_SECONDS)
        self.refresh()
        gone = [t for t, worker in self._held.values() if self._dead(worker)]
        for token in gone:
            self._add("gone", {"token": token})
        if gone:
            self.refresh()

    def enough(self, budget: int) -> bool:
        """Whether the budget is spent on what is scored and what is held."""
        return self._scored + len(self._held) >= budget

    def _apply(self, event: Mapping[str, Any]) -> None:
        worker = str(event.get("worker", ""))
        self._heard[worker] = time.monotonic()
        kind, token = event.get("event"), str(event.get("token", ""))
        if kind == "settings" and self._settings is None:
            self._settings = event["settings"]
        elif kind == "claim":
            function = event["function"]
            taken = function in self._held or function in self._known
            if not taken and not self.enough(event["budget"]):
                self._held[function] = (token, worker)
                self._claims[token] = function
        elif kind in ("done", "gone") and token in self._claims:
            function = self._claims[token]
            if self._held.get(function, ("", ""))[0] != token:
                return  # a late result, or a claim that is released already
            del self._held[function]
            if kind == "gone":
                del self._claims[token]
            else:
                found = from_record(event["evaluation"])
                self._known[function] = found
                self._scored += found.candidate is not None

    def _add(self, kind: str, values: Mapping[str, object]) -> None:
        from optuna.trial import TrialState, create_trial

        attributes = {"event": kind, "worker": self._worker, **values}
        self._study.add_trial(
            create_trial(state=TrialState.COMPLETE, value=0.0, user_attrs=attributes)
        )

    def _dead(self, worker: str) -> bool:
        if worker == self._worker:
            return False
        host, process, _ = worker.split("/")
        if host == socket.gethostname() and not _lives(int(process)):
            return True
        return time.monotonic() - self._heard.get(worker, 0.0) > self._stale_after

    def _start_beating(self) -> None:
        self._idle = idle = threading.Event()

        def beat() -> None:
            while not idle.wait(self._stale_after / 3):
                with suppress(Exception):  # a storage that is away for a moment ends no search
                    self._add("beat", {})

        self._beat = threading.Thread(target=beat, daemon=True)
        self._beat.start()

    def _check(self, ours: Mapping[str, object]) -> None:
        theirs = self._settings or {}
        differing = [
            f"{key}: {theirs.get(key, 'absent')!r} there, {ours.get(key, 'absent')!r} now"
            for key in sorted({*ours, *theirs})
            if key not in ours or key not in theirs or ours[key] != theirs[key]
        ]
        if differing:
            raise NasproxyError(
                f"the study {self._study.study_name!r} was begun with other settings: "
                f"{'; '.join(differing)}",
                accepted="the settings that it was begun with",
                hint="run with those, or choose another --study or --storage",
            )


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it lives, and belongs to somebody else
        return True
    return True
