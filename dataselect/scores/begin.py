"""Making a score folder ready: a new one, one to go on with, or one that gets more scorers."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from dataselect.corpus.options import ReadOptions
from dataselect.corpus.output import write_json_whole
from dataselect.corpus.places import (
    exists,
    join,
    listed,
    open_to_read,
    remove,
    remove_folder,
)
from dataselect.corpus.sources import Source
from dataselect.errors import DataselectError
from dataselect.scorers.scorer import Scorer
from dataselect.scores.index import BEGUN, INDEX, Index, ScorerEntry, scorer_to_json
from dataselect.scores.part_files import DOCUMENTS, QUARANTINE

__all__ = ["asked_of_run", "begin"]

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def asked_of_run(
    sources: Sequence[Source], options: ReadOptions, scorers: Sequence[Scorer]
) -> dict[str, Any]:
    """All that decides the bytes of a score folder, as JSON values.

    Raises:
        DataselectError: two scorers have one name, or give columns of one name; or a name cannot
            be that of a folder.
    """
    names = [scorer.name for scorer in scorers]
    for name in names:
        if not _FILE_NAME.fullmatch(name) or name in (DOCUMENTS, QUARANTINE):
            raise DataselectError(
                f"a scorer's name is {name!r}",
                accepted=f"letters, digits, '.', '_' and '-'; not {DOCUMENTS} or {QUARANTINE}",
            )
    _refuse_twice("scorer", names)
    _refuse_twice("column", [column.name for scorer in scorers for column in scorer.columns])
    return {
        "corpus": [[file.address, file.bytes] for source in sources for file in source.files],
        "options": options.as_dict(),
        "scorers": {
            scorer.name: scorer_to_json(
                ScorerEntry(scorer.name, scorer.fingerprint, scorer.columns)
            )
            for scorer in scorers
        },
    }


def begin(folder: str, asked: dict[str, Any], *, overwrite: bool) -> Index | None:
    """Make a folder ready for a run.

    Args:
        folder: its address.
        asked: see `asked_of_run`.
        overwrite: whether scores that are there may be replaced. A run that was interrupted goes
            on all the same where the same is asked.

    Returns:
        What is finished there and stays; None where nothing is.

    Raises:
        DataselectError: the folder holds something else, another corpus, or scores that were made
            in another way, and ``overwrite`` is not given.
    """
    begun, index = _begun(folder), _index(folder)
    if begun == asked:
        return index
    if begun is not None:
        if any(listed(join(folder, kind)) for kind in (DOCUMENTS, *begun["scorers"])):
            differences = _differences(begun, asked)
            _refuse(overwrite, f"{folder} was begun with other settings", differences)
        kept = {scorer.name for scorer in index.scorers} if index is not None else set()
        for name in set(begun["scorers"]) - kept:
            remove_folder(join(folder, name))
        remove(join(folder, BEGUN))
    elif index is None and listed(folder):
        raise DataselectError(
            f"{folder} holds other files ({', '.join(sorted(listed(folder))[:3])} ...)",
            accepted="a new or empty folder, or one that `dataselect score` wrote",
        )
    if index is None:
        _clear(folder)
    else:
        index = _beside(folder, index, asked, overwrite)
    write_json_whole(join(folder, BEGUN), asked)
    return index


def _beside(folder: str, index: Index, asked: dict[str, Any], overwrite: bool) -> Index | None:
    """What of a finished folder stays beside the scorers that are asked for."""
    there = {
        "corpus": [
            [file["address"], file["bytes"]] for source in index.sources for file in source.files
        ],
        "options": dict(index.options),
    }
    other = _differences(there, {key: asked[key] for key in there})
    if other:
        _refuse(overwrite, f"{folder} holds the scores of another corpus or reading", other)
        remove(join(folder, INDEX))
        for scorer in index.scorers:
            remove_folder(join(folder, scorer.name))
        _clear(folder)
        return None
    scorers = {scorer.name: scorer_to_json(scorer) for scorer in index.scorers}
    changed = [
        name
        for name, scorer in asked["scorers"].items()
        if name in scorers and (overwrite or scorers[name] != scorer)
    ]
    if changed:
        _refuse(
            overwrite,
            f"{folder} holds scores of {', '.join(changed)} by another version or other settings",
            [],
        )
    staying = tuple(scorer for scorer in index.scorers if scorer.name not in changed)
    columns = [
        column.name
        for scorer in staying
        if scorer.name not in asked["scorers"]
        for column in scorer.columns
    ]
    new = [c["name"] for scorer in asked["scorers"].values() for c in scorer["columns"]]
    _refuse_twice("column", columns + new)
    index = Index(index.options, index.sources, index.parts, staying)
    if changed:
        write_json_whole(join(folder, INDEX), index.to_json())
    if overwrite:
        for name in asked["scorers"]:
            if name not in {scorer.name for scorer in staying}:
                remove_folder(join(folder, name))
    return index


def _clear(folder: str) -> None:
    for kind in (DOCUMENTS, QUARANTINE):
        remove_folder(join(folder, kind))
    for name in listed(folder):
        if re.fullmatch(r"quarantine\.jsonl|manifest(-\d+)?\.json", name):
            remove(join(folder, name))


def _begun(folder: str) -> dict[str, Any] | None:
    address = join(folder, BEGUN)
    if not exists(address):
        return None
    with open_to_read(address) as stream:
        try:
            found = json.loads(stream.read())
            found["corpus"], found["options"], found["scorers"].keys()
        except (ValueError, KeyError, TypeError, AttributeError) as cause:
            raise DataselectError(
                f"{address} is damaged: {cause}",
                accepted="a score folder as it was left",
                hint="remove the folder and run again",
            ) from cause
    return dict(found)


def _index(folder: str) -> Index | None:
    address = join(folder, INDEX)
    if not exists(address):
        return None
    with open_to_read(address) as stream:
        return Index.from_json(stream.read(), address)


def _differences(theirs: dict[str, Any], ours: dict[str, Any]) -> list[str]:
    found = []
    corpora = [dict(map(tuple, side["corpus"])) for side in (theirs, ours)]
    for address in [*corpora[0], *(a for a in corpora[1] if a not in corpora[0])]:
        there, now = corpora[0].get(address), corpora[1].get(address)
        if there != now:
            sizes = ["absent" if s is None else f"{s:,} bytes" for s in (there, now)]
            found.append(f"{address}: {sizes[0]} there, {sizes[1]} now")
    if not found and theirs["corpus"] != ours["corpus"]:
        found.append("the files of the corpus stand in another order")
    for key in ours["options"]:
        there, now = theirs["options"].get(key), ours["options"][key]
        if there != now:
            found.append(f"{key}: {there!r} there, {now!r} now")
    if "scorers" in ours:
        for name in sorted({*theirs["scorers"], *ours["scorers"]}):
            there, now = theirs["scorers"].get(name), ours["scorers"].get(name)
            if there is None or now is None:
                found.append(
                    f"scorer {name}: {'absent' if there is None else 'there'} then, "
                    f"{'absent' if now is None else 'there'} now"
                )
            elif there != now:
                found.append(f"scorer {name}: another version or other settings")
    return found


def _refuse(overwrite: bool, wrong: str, differences: list[str]) -> None:
    if overwrite:
        return
    shown = differences[:5] + [f"and {len(differences) - 5} more"] * (len(differences) > 5)
    raise DataselectError(
        wrong + (f": {'; '.join(shown)}" if shown else ""),
        accepted="the same corpus and settings, to go on with what is there",
        hint="give them again, choose another --out, or say --overwrite to begin anew",
    )


def _refuse_twice(what: str, names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataselectError(
            f"the {what} {twice[0]!r} is given twice", accepted=f"each {what} once"
        )
