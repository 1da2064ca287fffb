"""Score many networks into a table: streamed to a journal, continued after an interruption."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.proxies import get_all
from nasproxy.scoring.architectures import architectures_task
from nasproxy.scoring.candidates import Candidate, over_seeds
from nasproxy.scoring.measuring import Measured, Task
from nasproxy.scoring.nodes import NodeLog, joined, relabelled, write_nodes
from nasproxy.scoring.readiness import check_batch, check_device, check_new, versions
from nasproxy.scoring.table import candidates_table, missing_reasons, write_table
from nasproxy.scoring.workers import measure_in_order
from nasproxy.spaces.space import SearchSpace
from zerocost.journal import Journal, holds_records
from zerocost.manifest import Counts, begin, finish, write_manifest

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["rank", "rank_architectures", "requests_of", "seeds_of"]

A = TypeVar("A", bound=Hashable)


def rank_architectures(
    space: SearchSpace[A],
    architectures: Sequence[A],
    batch: Batch | Sequence[Batch],
    proxies: Sequence[str],
    out: Path,
    *,
    seed: int = 0,
    seeds: int = 1,
    jobs: int = 1,
    device: str = "cpu",
    nodes: Path | None = None,
    overwrite: bool = False,
    inputs: Sequence[Path] = (),
    command: Sequence[str] = (),
    on_candidate: Callable[[Candidate], None] | None = None,
) -> list[Candidate]:
    """Score architectures of a space into a Parquet file, best first; see :func:`rank`.

    Args:
        space: the space of the architectures.
        architectures: what to score.
        batch: inputs and labels, for all seeds or one batch for each.
        proxies: names.
        out: the Parquet file.
        seed: the first seed of initialisations and draws.
        seeds: how many seeds, counted up from the first.
        jobs: processes.
        device: where networks run.
        nodes: a Parquet file for node-wise values.
        overwrite: whether existing outputs may be replaced.
        inputs: the files that were read, for the manifest.
        command: the command line, for the manifest.
        on_candidate: called with each candidate as it is known.

    Raises:
        NasproxyError: as :func:`rank`, a device that is not there, or a batch too small.
    """
    asked = get_all(proxies)
    batches = [batch] if isinstance(batch, Batch) else list(batch)
    for single in batches:
        check_batch(asked, single)
    check_device(device)
    task = architectures_task(
        space,
        batches,
        proxies,
        seeds=seeds_of(seed, seeds),
        device=device,
        nodes=nodes is not None,
    )
    return rank(
        task,
        [str(architecture) for architecture in architectures],
        out,
        jobs=jobs,
        nodes=nodes,
        overwrite=overwrite,
        inputs=inputs,
        command=command,
        on_candidate=on_candidate,
    )


def rank(
    task: Task,
    entries: Sequence[str],
    out: Path,
    *,
    jobs: int = 1,
    nodes: Path | None = None,
    overwrite: bool = False,
    inputs: Sequence[Path] = (),
    command: Sequence[str] = (),
    on_candidate: Callable[[Candidate], None] | None = None,
) -> list[Candidate]:
    """Measure entries into a Parquet file, best first by the rank aggregate of the proxies.

    Each score is in a journal beside the output as soon as it is known. The same call after an
    interruption goes on from there and ends with the same bytes. A network that has no score by a
    proxy gets null and ranks worst there; the journal's reasons go to the caller. What does not
    depend on the spelling of an entry is measured once for all entries of one network.

    Args:
        task: what measures them.
        entries: their texts.
        out: the Parquet file, as `candidates_table` has it. Its manifest is written beside it.
        jobs: processes.
        nodes: a Parquet file for the node-wise values of every entry, as `node_schema` has it.
        overwrite: whether existing outputs may be replaced.
        inputs: the files that were read, for the manifest.
        command: the command line, for the manifest.
        on_candidate: called with each candidate as it is known.

    Returns:
        The candidates in the order given.

    Raises:
        NasproxyError: nothing to score, an output exists, is named twice or is in no folder
            (nothing is written then), or a worker died.
        ZerocostError: an interrupted run had another configuration, or the disk is full.
    """
    if not entries:
        raise NasproxyError("there is no architecture to score", accepted="at least one")
    if jobs < 1:
        raise NasproxyError(f"{jobs} jobs", accepted="1 or more", hint="one a core is fastest")
    outputs = [out] if nodes is None else [out, nodes]
    if nodes is not None and nodes.absolute() == out.absolute():
        raise NasproxyError(
            f"{out} is to hold the scores and the values of nodes",
            accepted="a file for each",
            hint="another name for --nodes",
        )
    check_new(outputs, overwrite=True)  # "." has no name to put a journal beside
    manifest_path = out.with_name(out.name + ".manifest.json")
    journal_path = out.with_name(out.name + ".journal.jsonl")
    check_new([*outputs, manifest_path], overwrite=overwrite or holds_records(journal_path))
    settings: dict[str, object] = {
        "entries": _fingerprint(entries),
        "proxies": list(task.proxies),
        **({"seed": task.seeds[0]} if len(task.seeds) == 1 else {"seeds": list(task.seeds)}),
        "nodes": nodes is not None,
        "versions": versions(),
        **task.identity(),
    }
    manifest = begin(
        "nasproxy",
        command=command,
        configuration=settings | {"jobs": jobs},
        seeds={f"rank {i}": seed for i, seed in enumerate(task.seeds)}
        if len(task.seeds) > 1
        else {"rank": task.seeds[0]},
        inputs=inputs,
    )
    with Journal(journal_path, settings) as journal:
        records = journal.records
        if nodes is None:
            done = _streamed(task, entries, journal, None, jobs=jobs, report=on_candidate)
        else:
            log_path = nodes.with_name(nodes.name + ".journal.arrow")
            with closing(NodeLog(log_path, keep=len(records))) as log:
                done = _streamed(task, entries, journal, log, jobs=jobs, report=on_candidate)
                write_nodes(log, nodes)
    # Outputs beside a journal are those of the same run, killed while it wrote them.
    table = candidates_table(task.space, done, task.proxies, seeds=task.seeds)
    write_table(table, out, overwrite=True)
    counts = Counts(len(entries), len(done), missing_reasons(done))
    write_manifest(finish(manifest, outputs=outputs, counts=counts), manifest_path, overwrite=True)
    journal_path.unlink()
    if nodes is not None:
        log_path.unlink()
    return done


def seeds_of(first: int, count: int) -> tuple[int, ...]:
    """The seeds of ``--seed`` and ``--seeds``: ``count`` of them, counted up from the first.

    Raises:
        NasproxyError: fewer than one, or a first one below 0.
    """
    if first < 0:
        raise NasproxyError(f"the seed is {first}", accepted="0 or more", hint="--seed 0")
    if count < 1:
        raise NasproxyError(f"{count} seeds", accepted="1 or more", hint="--seeds 3")
    return tuple(range(first, first + count))


def requests_of(task: Task, entries: Sequence[str]) -> list[tuple[int, bool]]:
    """For each entry the place of the first one that shares its network, and whether it is later.

    The later ones lack only what depends on their spelling.
    """
    first: dict[str, int] = {}
    places = [first.setdefault(task.network(text), i) for i, text in enumerate(entries)]
    return [(place, place != i) for i, place in enumerate(places)]


def _streamed(
    task: Task,
    entries: Sequence[str],
    journal: Journal,
    log: NodeLog | None,
    *,
    jobs: int,
    report: Callable[[Candidate], None] | None,
) -> list[Candidate]:
    """The candidates: those of the journal, then the rest, each kept as soon as it is known."""
    # What is asked for as pkg.module:object is measured under the proxy's own name.
    asked = get_all(task.proxies)
    spelt = {proxy.name for proxy in asked if proxy.depends_on_spelling}
    shared = {proxy.name for proxy in asked} - spelt
    plan = requests_of(task, entries)
    records = journal.records
    # The log may lack what the journal has, after a power cut; the scores are then made again.
    kept = len(records) if log is None else min(len(records), len(log))
    found: list[Mapping[str, Sequence[float | None]]] = [r["values"] for r in records]
    reasons: list[Mapping[str, str]] = [r["reasons"] for r in records]
    done: list[Candidate] = []

    def requests() -> Iterator[tuple[str, bool]]:
        for text, (_, later) in list(zip(entries, plan, strict=True))[kept:]:
            if spelt or not later:
                yield text, later

    measured = measure_in_order(task, requests(), jobs=jobs)
    for i, (text, (first, later)) in enumerate(zip(entries, plan, strict=True)):
        if i >= kept:
            fresh = next(measured) if spelt or not later else Measured({}, {})
            values, why = dict(fresh.values), dict(fresh.reasons)
            rows: list[pa.RecordBatch] = [] if fresh.nodes is None else [fresh.nodes]
            if later:
                values |= {name: found[first][name] for name in shared}
                why |= {n: reason for n, reason in reasons[first].items() if n in shared}
                if log is not None:
                    rows.append(relabelled(log[first], text, shared))
            if log is not None and (together := joined(rows)) is not None:
                log.append(together)
            if i >= len(records):
                values = {proxy.name: values[proxy.name] for proxy in asked}
                journal.append({"entry": text, "values": values, "reasons": why})
                found.append(values)
                reasons.append(why)
        done.append(over_seeds(text, task.canonical(text), found[i], reasons[i]))
        if report is not None:
            report(done[-1])
    return done


def _fingerprint(entries: Sequence[str]) -> str:
    """A short hash of a list of entries, in their order."""
    from hashlib import sha256

    digest = sha256("\n".join(entries).encode()).hexdigest()
    return f"{len(entries)} entries, sha256 {digest[:16]}"
