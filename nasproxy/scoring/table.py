"""The score table: one row an architecture, written whole, continued after an interruption."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from jaxtyping import Float64

from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.proxies import get_all
from nasproxy.proxies.proxy import Proxy
from nasproxy.ranking.aggregate import rank_aggregate
from nasproxy.scoring.candidates import Candidate
from nasproxy.scoring.readiness import batch_identity, check_batch, check_device
from nasproxy.scoring.workers import score_in_order
from nasproxy.spaces.space import SearchSpace
from zerocost.files import whole_file
from zerocost.journal import Journal, holds_records
from zerocost.manifest import Counts, begin, finish, write_manifest

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "ScoreTable",
    "candidates_table",
    "missing_reasons",
    "rank_architectures",
    "read_scores",
    "score_matrix",
    "write_table",
]

A = TypeVar("A", bound=Hashable)


@dataclass(frozen=True)
class ScoreTable:
    """Scores read back from a file.

    Attributes:
        space: the space of the architectures.
        architectures: text forms ``[n]``.
        scores: proxy -> float64 ``[n]``, NaN where there is none.
        higher_is_better: proxy -> its direction.
        columns: the other columns by name, such as strata.
    """

    space: str
    architectures: tuple[str, ...]
    scores: Mapping[str, Float64[np.ndarray, " n"]]
    higher_is_better: Mapping[str, bool]
    columns: Mapping[str, Sequence[object]]


def rank_architectures(
    space: SearchSpace[A],
    architectures: Sequence[A],
    batch: Batch,
    proxies: Sequence[str],
    out: Path,
    *,
    seed: int = 0,
    jobs: int = 1,
    device: str = "cpu",
    overwrite: bool = False,
    inputs: Sequence[Path] = (),
    command: Sequence[str] = (),
    on_candidate: Callable[[Candidate], None] | None = None,
) -> list[Candidate]:
    """Score architectures into a Parquet file, best first by the rank aggregate of the proxies.

    Each score is in a journal beside the output as soon as it is known. The same call after an
    interruption goes on from there and ends with the same bytes. A network that has no score by a
    proxy gets null and ranks worst there; the journal's reasons go to the caller.

    Args:
        space: the space of the architectures.
        architectures: what to score.
        batch: inputs and labels.
        proxies: names.
        out: the Parquet file, as `candidates_table` has it. Its manifest is written beside it.
        seed: of initialisations and draws.
        jobs: processes.
        device: where networks run.
        overwrite: whether an existing output may be replaced.
        inputs: the files that were read, for the manifest.
        command: the command line, for the manifest.
        on_candidate: called with each candidate as it is known.

    Returns:
        The candidates in the order given.

    Raises:
        NasproxyError: nothing to score, the output exists, a batch too small for a proxy, a device
            that is not there (nothing is written then), or a worker died.
        ZerocostError: an interrupted run had another configuration, or the disk is full.
    """
    if not architectures:
        raise NasproxyError("there is no architecture to score", accepted="at least one")
    asked = get_all(proxies)
    if jobs < 1:
        raise NasproxyError(f"{jobs} jobs", accepted="1 or more", hint="one a core is fastest")
    check_batch(asked, batch)
    check_device(device)
    if out.is_dir():  # which has no name to put a journal beside, where it is "."
        raise NasproxyError(f"{out} is a folder", accepted="the name of a file to write")
    journal_path = out.with_name(out.name + ".journal.jsonl")
    manifest_path = out.with_name(out.name + ".manifest.json")
    _check_outputs(out, manifest_path, journal_path, overwrite)
    settings: dict[str, object] = {
        "space": space.name,
        "architectures": _fingerprint(architectures),
        "proxies": list(proxies),
        "seed": seed,
        "device": device,
        "images": batch_identity(batch),
    }
    manifest = begin(
        "nasproxy",
        command=command,
        configuration=settings | {"jobs": jobs},
        seeds={"rank": seed},
        inputs=inputs,
    )
    with Journal(journal_path, settings) as journal:
        done = [Candidate(**record) for record in journal.records]
        for candidate in done:
            _report(on_candidate, candidate)
        rest = architectures[len(done) :]
        for candidate in score_in_order(
            space, rest, batch, proxies, seed=seed, jobs=jobs, device=device
        ):
            journal.append(asdict(candidate))
            done.append(candidate)
            _report(on_candidate, candidate)
    # Outputs beside a journal are those of the same run, killed while it wrote them.
    write_table(candidates_table(space.name, done, proxies), out, overwrite=True)
    counts = Counts(len(architectures), len(done), missing_reasons(done))
    manifest = finish(manifest, outputs=[out], counts=counts)
    write_manifest(manifest, manifest_path, overwrite=True)
    journal_path.unlink()
    return done


def _check_outputs(out: Path, manifest: Path, journal: Path, overwrite: bool) -> None:
    existing = [path for path in (out, manifest) if path.exists()]
    if existing and not overwrite and not holds_records(journal):
        raise NasproxyError(
            f"{existing[0]} exists",
            accepted="an output that does not exist yet",
            hint="choose another --out, or say --overwrite",
        )


def _report(on_candidate: Callable[[Candidate], None] | None, candidate: Candidate) -> None:
    if on_candidate is not None:
        on_candidate(candidate)


def _fingerprint(architectures: Sequence[Hashable]) -> str:
    """A short hash of a list of architectures, in their order."""
    from hashlib import sha256

    digest = sha256("\n".join(map(str, architectures)).encode()).hexdigest()
    return f"{len(architectures)} architectures, sha256 {digest[:16]}"


def candidates_table(
    space: str,
    candidates: Sequence[Candidate],
    proxies: Iterable[str | Proxy],
    *,
    combine: Literal["log", "mean"] = "log",
) -> pa.Table:
    """Candidates as an Arrow table, best first, with space and directions in its metadata.

    Columns: rank (1 the best), architecture, canonical, fitness (the rank aggregate that the order
    goes by) and one a proxy, null where there is no score. Of equals the first given stays first.
    """
    import pyarrow as pa

    directions = {proxy.name: proxy.direction for proxy in get_all(proxies)}
    names = list(directions)
    scores = score_matrix(candidates, names)
    fitness = rank_aggregate(scores, list(directions.values()), combine)
    order = np.lexsort((np.arange(len(fitness)), -fitness))
    columns: dict[str, Any] = {
        "rank": pa.array(np.arange(1, len(order) + 1, dtype=np.int64)),
        "architecture": pa.array([candidates[i].architecture for i in order]),
        "canonical": pa.array([candidates[i].canonical for i in order]),
        "fitness": pa.array(fitness[order]),
    }
    for column, name in enumerate(names):
        columns[name] = pa.array(scores[order, column], from_pandas=True)
    about = {"space": space, "higher_is_better": {n: directions[n] > 0 for n in names}}
    return pa.table(columns).replace_schema_metadata({"nasproxy": json.dumps(about)})


def score_matrix(
    candidates: Sequence[Candidate], proxies: Sequence[str]
) -> Float64[np.ndarray, "m p"]:
    """float64 ``[m, p]`` of the candidates' scores, NaN where there is none."""
    rows = [[candidate.scores[name] for name in proxies] for candidate in candidates]
    return np.array(rows, dtype=np.float64).reshape(len(candidates), len(proxies))


def missing_reasons(candidates: Sequence[Candidate]) -> dict[str, int]:
    """How many scores are missing for each reason."""
    return dict(Counter(why for candidate in candidates for why in candidate.reasons.values()))


def write_table(table: pa.Table, path: Path, *, overwrite: bool = False) -> None:
    """Write an Arrow table as Parquet, whole or not at all."""
    import pyarrow.parquet as pq

    with whole_file(path, overwrite=overwrite) as partial:
        pq.write_table(table, partial, compression="zstd")


def read_scores(path: Path) -> ScoreTable:
    """Read a score table, of this tool or of the user's own making.

    A table of the user's own needs a column ``architecture`` and a floating-point column a proxy;
    other columns may serve as strata.

    Raises:
        NasproxyError: the file is absent, no Parquet, or has no such columns.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.exists():  # of which pyarrow's message would say nothing but the name
        raise NasproxyError(
            f"{path} does not exist", accepted="a score table that `nasproxy rank --out` wrote"
        )
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as cause:
        raise NasproxyError(
            f"{path} cannot be read as Parquet: {str(cause).splitlines()[0]}",
            accepted="a score table that `nasproxy rank --out` wrote",
        ) from cause
    about = json.loads((table.schema.metadata or {}).get(b"nasproxy", b"{}"))
    if "architecture" not in table.column_names:
        raise NasproxyError(
            f"{path} has no column 'architecture' (it has {', '.join(table.column_names)})",
            accepted="a score table that `nasproxy rank --out` wrote",
        )
    directions: dict[str, bool] = about.get("higher_is_better", {})
    own = {"rank", "architecture", "canonical", "fitness"}
    numbers = [field.name for field in table.schema if pa.types.is_floating(field.type)]
    proxies = list(directions) or [name for name in numbers if name not in own]
    missing = [name for name in proxies if name not in numbers]
    if missing or not proxies:
        raise NasproxyError(
            f"{path} has no column of scores {' and none '.join(map(repr, missing))}".rstrip(),
            accepted="a floating-point column for every proxy",
            hint=f"its columns: {', '.join(f'{f.name} ({f.type})' for f in table.schema)}",
        )
    return ScoreTable(
        space=about.get("space", ""),
        architectures=tuple(map(str, table.column("architecture").to_pylist())),
        scores={
            name: table.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False)
            for name in proxies
        },
        higher_is_better={name: directions.get(name, True) for name in proxies},
        columns={
            name: table.column(name).to_pylist()
            for name in table.column_names
            if name not in proxies
        },
    )
