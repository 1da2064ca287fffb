"""Writing what a filter keeps, and what it rejects with the reasons."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dataselect.corpus.options import ReadOptions
from dataselect.corpus.output import write_json_whole
from dataselect.corpus.places import join
from dataselect.corpus.rewriting import AddedColumn, Rewriting
from dataselect.corpus.shards import Shard, write_selected
from dataselect.corpus.sources import Source
from dataselect.filtering.decisions import BROKEN, Decide, SourceDecisions, broken_type
from dataselect.scorers.scorer import Scorer
from dataselect.scores.folder import ScoreFolder

__all__ = ["Filter", "Judged", "write_kept", "write_rejected"]


@dataclass(frozen=True)
class Filter:
    """What is asked of the documents.

    Attributes:
        name: of the recipe.
        about: all that it says, as JSON values.
        columns: of scores that it reads.
        scorer: gives them; None where no built-in one does.
        decide: a table of these columns -> what is kept, and why not.
        edit: changes the text of a document that is kept, as it is written; None leaves it.
    """

    name: str
    about: Mapping[str, Any]
    columns: tuple[str, ...]
    scorer: Scorer | None
    decide: Decide
    edit: Callable[[Any], Any] | None = None


@dataclass(frozen=True)
class Judged:
    """A scored corpus and what is asked of it.

    Attributes:
        scores: of the corpus.
        asked: the recipe.
        options: how the corpus is read.
        names: file's address -> its shard's path.
    """

    scores: ScoreFolder
    asked: Filter
    options: ReadOptions
    names: Mapping[str, str]

    def decisions(self, source: Source) -> SourceDecisions:
        """What is kept and rejected of a source."""
        return SourceDecisions(self.scores, self.asked.columns, self.asked.decide, source.number)

    def sha256(self, source: Source) -> Mapping[str, str]:
        """File's address -> its hash when it was scored."""
        return {f["address"]: f["sha256"] for f in self.scores.sources[source.number].files}


def write_kept(sources: Sequence[Source], judged: Judged, out: str) -> list[Shard]:
    """Write the documents that break no rule; see `write_selected`."""
    shards: list[Shard] = []
    rewriting = Rewriting(judged.options, edit=judged.asked.edit)
    for source in sources:
        shards += write_selected(
            [source],
            judged.decisions(source).kept,
            out,
            names=judged.names,
            rewriting=rewriting,
            expected=judged.sha256(source).get,
        )
    return shards


def write_rejected(sources: Sequence[Source], judged: Judged, out: str) -> list[str]:
    """Write the others as they were read, each with every rule that it broke; the files' names."""
    names: list[str] = []
    for source in sources:
        decisions = judged.decisions(source)
        added = AddedColumn(BROKEN, broken_type(), decisions.reasons)
        shards = write_selected(
            [source],
            decisions.rejected,
            out,
            names=judged.names,
            rewriting=Rewriting(judged.options, added=added),
            expected=judged.sha256(source).get,
        )
        names += [judged.names[shard.source] for shard in shards]
        if source.format == "text":  # which has no place for a column
            for file in source.files:
                if len(decisions.rejected(file.address)):
                    beside = f"{judged.names[file.address]}.{BROKEN}.json"
                    reasons = decisions.reasons(file.address, [0])[0]
                    write_json_whole(join(out, *beside.split("/")), reasons)
                    names.append(beside)
    return names
