"""The folder of a search: what it must not hold, and what says that it is unfinished."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nasproxy.errors import NasproxyError
from nasproxy.scoring.readiness import make_folder
from nasproxy.search.result import FRONT, PICTURE, RESULT, TABLE
from nasproxy.search.studies import SharedStudy
from zerocost.files import write_json
from zerocost.journal import holds_records

__all__ = ["JOURNAL", "MANIFEST", "OUTPUTS", "SearchFolder", "claimed", "prepared"]

JOURNAL = "journal.jsonl"
MANIFEST = "manifest.json"
OUTPUTS = (TABLE, RESULT, PICTURE, FRONT, MANIFEST)
_UNFINISHED = "unfinished.json"


@dataclass(frozen=True)
class SearchFolder:
    """A folder that a search may write its outputs into.

    Attributes:
        out: where.
        shared: the study that the search shares, if it does.
        overwrite: whether the outputs of a finished search may be replaced.
        finished: whether it held a manifest at the start.
    """

    out: Path
    shared: SharedStudy | None
    overwrite: bool
    finished: bool

    def begin_writing(self) -> None:
        """See that what stands here counts as unfinished, by the journal or a mark in its place.

        Raises:
            NasproxyError: another search has finished here since the start.
        """
        if not self.finished and not self.overwrite and (self.out / MANIFEST).exists():
            raise NasproxyError(
                f"another search has finished in {self.out} meanwhile",
                accepted="a folder for each search",
                hint="the same command with another --out; with --storage it finds all evaluations",
            )
        if self.shared is not None:
            write_json(self.out / _UNFINISHED, self.shared.described(), overwrite=True)
        (self.out / MANIFEST).unlink(missing_ok=True)

    def end_writing(self) -> None:
        """Take away what says that it is unfinished."""
        (self.out / (JOURNAL if self.shared is None else _UNFINISHED)).unlink(missing_ok=True)


def prepared(out: Path, shared: SharedStudy | None, *, overwrite: bool) -> SearchFolder:
    """Make the folder of a search, or see that it is one to go on in.

    Raises:
        NasproxyError: it is a file, holds a finished search that is not to be overwritten or an
            unfinished one without a shared study, or the storage is one of its files.
    """
    if shared is not None:
        _refuse_storage(out, shared)
        if holds_records(out / JOURNAL):
            raise NasproxyError(
                f"{out / JOURNAL} holds an unfinished search without a shared study",
                accepted="a folder without one",
                hint="choose another --out, or finish that search by its own command",
            )
    finished = (out / MANIFEST).exists()
    unfinished = holds_records(out / JOURNAL) if shared is None else _marked(out, shared)
    claimed(out, OUTPUTS, anew=overwrite or unfinished)
    return SearchFolder(out, shared, overwrite, finished)


def claimed(out: Path, outputs: Sequence[str], *, anew: bool, overwriting: str = "") -> None:
    """Make a folder for outputs, or see that there is one without them.

    Args:
        out: the folder.
        outputs: the names of the files.
        anew: whether those that are there may be replaced.
        overwriting: what ``--overwrite`` does beside, for the message.

    Raises:
        NasproxyError: it is a file, or holds outputs that may not be replaced.
    """
    if out.is_file():
        raise NasproxyError(f"{out} is a file", accepted="a folder", hint="choose another --out")
    existing = [name for name in outputs if (out / name).exists()]
    if existing and not anew:
        raise NasproxyError(
            f"{out} holds a finished search ({', '.join(existing)})",
            accepted="a new folder, or one with an interrupted search",
            hint=f"choose another --out, or say --overwrite{overwriting}",
        )
    make_folder(out)


def _marked(out: Path, shared: SharedStudy) -> bool:
    """Whether the same shared search was ended while it wrote here."""
    try:
        found = json.loads((out / _UNFINISHED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(found == shared.described())


def _refuse_storage(out: Path, shared: SharedStudy) -> None:
    storage = Path(shared.storage).resolve()
    if storage in {(out / name).resolve() for name in (JOURNAL, _UNFINISHED, *OUTPUTS)}:
        raise NasproxyError(
            f"the storage {shared.storage} is a file that a search writes into its --out",
            accepted="another file",
            hint=f"--storage {storage.with_name('study.log')}",
        )
