"""From a scored corpus to learned weights: candidates, design, runs, regression, page."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

from dataselect.errors import DataselectError
from dataselect.selection.transforms import MISSING, TRANSFORMS, Missing, Transform
from dataselect.selection.weights import Weights, write_weights
from dataselect.weighting.claims import claimed
from dataselect.weighting.columns import BOTH_WAYS, BothWays, score_columns
from dataselect.weighting.design_folder import CLAIMS, begin_design
from dataselect.weighting.design_run import POOL, run_design
from dataselect.weighting.learned import learned_to_json
from dataselect.weighting.learning import LEAST_RUNS, Learned, Optimiser, learn
from dataselect.weighting.page import render
from dataselect.weighting.plan import DESIGNS, design_of
from dataselect.weighting.pool import ABOUT, Pool, open_pool, save_pool
from dataselect.weighting.proxies.proxy import Proxy
from dataselect.weighting.reading import PoolSettings, read_pool
from dataselect.weighting.regressors import regressor_named
from dataselect.weighting.run_sections import run_sections
from dataselect.weighting.validation_sets import read_validation
from zerocost.errors import did_you_mean
from zerocost.files import sha256_of, to_json, write_json, write_text
from zerocost.manifest import Counts, begin, finish, write_manifest

__all__ = ["LearnSettings", "LearnedRun", "learn_weights", "work_folder"]

ASKED, PAGE, LEARNED, MANIFEST = "asked.json", "report.html", "learned.json", "manifest.json"
LIBRARIES = ("numpy", "numba", "scipy", "scikit-learn", "torch", "tokenizers", "lightgbm")

OnStep = Callable[[str, int, int], None]

_CHOICES: dict[str, tuple[str, ...]] = {
    "design": DESIGNS,
    "transform": TRANSFORMS,
    "missing": MISSING,
    "both_ways": BOTH_WAYS,
    "optimiser": ("direct", "published"),
}


@dataclass(frozen=True)
class LearnSettings:
    """What weights are learned from.

    Attributes:
        validation: files of validation documents, by the name of the set.
        tokens: the budget of each selection.
        proxy: what is trained on each.
        runs: of the design.
        design: of `DESIGNS`.
        columns: the scores; none takes `default_columns`.
        transform: see `score_columns`; so are the next two.
        missing: what a document without a score gets.
        both_ways: which scores are searched in both directions.
        pool: the candidates.
        target: ``mean`` of the sets, or the name of one.
        regressor: see `learn`; so is the next.
        optimiser: ``direct`` or ``published``.
        seed: of the design, the runs, and the regression.
    """

    validation: Mapping[str, Path]
    tokens: int
    proxy: Proxy
    runs: int = 64
    design: str = "mixed"
    columns: tuple[str, ...] = ()
    transform: str = "rank"
    missing: str = "mean"
    both_ways: str = "none"
    pool: PoolSettings = field(default_factory=PoolSettings)
    target: str = "mean"
    regressor: str = "stack"
    optimiser: str = "direct"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, known in _CHOICES.items():
            value = getattr(self, name)
            if value not in known:
                raise DataselectError(
                    f"{name} is {value!r}",
                    accepted=", ".join(known),
                    hint=did_you_mean(str(value), known),
                )
        if self.runs < LEAST_RUNS:
            raise DataselectError(
                f"a design of {self.runs} runs",
                accepted=f"{LEAST_RUNS} or more; 64 to 256 are usual",
            )
        regressor_named(self.regressor)

    def candidates(self) -> dict[str, Any]:
        """What decides the candidates, as JSON values; files by their contents."""
        pool = asdict(self.pool)
        if self.pool.tokenizer is not None:
            pool["tokenizer"] = sha256_of(self.pool.tokenizer)
        return {
            "validation": {name: _content(path) for name, path in self.validation.items()},
            "columns": list(self.columns),
            "transform": self.transform,
            "missing": self.missing,
            "both_ways": self.both_ways,
            "pool": pool,
        }

    def as_dict(self) -> dict[str, Any]:
        """All settings as JSON values."""
        return self.candidates() | {
            "tokens": self.tokens,
            "proxy": self.proxy.as_dict(),
            "runs": self.runs,
            "design": self.design,
            "target": self.target,
            "regressor": self.regressor,
            "optimiser": self.optimiser,
            "seed": self.seed,
        }


@dataclass(frozen=True)
class LearnedRun:
    """What a run gave: the weights, what was learned, the candidates, a summary in JSON values."""

    weights: Weights
    learned: Learned
    pool: Pool
    summary: dict[str, Any]


def work_folder(out: Path) -> Path:
    """Where the candidates and runs behind a ``weights.json`` are kept: ``weights.runs``."""
    return out.with_suffix(".runs")


def learn_weights(
    corpus: Sequence[str],
    scores: str,
    out: Path,
    settings: LearnSettings,
    *,
    folder: Path | None = None,
    jobs: int = 1,
    overwrite: bool = False,
    command: Sequence[str] = (),
    on_step: OnStep | None = None,
) -> LearnedRun:
    """Learn how to weigh scores, and write ``weights.json``.

    The folder beside it holds the candidates (``pool/``), the design and a record of each run
    (``records/``), the table of them (``runs.parquet``), what was learned (``learned.json``), a
    page about it (``report.html``) and the manifest. The same call after an interruption goes on
    where it stopped and ends with the same weights; while it runs, others may join it from
    processes and machines that share the folder, see `run_design`. What is learned from the same
    runs in another way, another target or regressor, trains nothing again; nor are the candidates
    read again for another design.

    Args:
        corpus: what was scored; none takes the addresses that the score folder has.
        scores: the score folder.
        out: ``weights.json``.
        settings: what is asked.
        folder: of the runs; None takes `work_folder`.
        jobs: processes that train.
        overwrite: whether weights, and candidates and runs of other settings, may be replaced.
        command: the command line, for the manifest.
        on_step: called with a step's name, what is done, and how much there is.

    Raises:
        DataselectError: bad input; the weights exist; or the folder holds other runs.
    """
    from dataselect.scores import open_scores
    from dataselect.selection.run import score_digest, scored_sources

    if out.exists() and not overwrite:
        raise DataselectError(
            f"the output {out} exists",
            accepted="a name that is not taken",
            hint="--overwrite replaces it",
        )
    folder = folder or work_folder(out)
    table = open_scores(scores)
    sources = scored_sources(corpus, table)
    asked = {"scores": score_digest(table)} | settings.as_dict()
    manifest = begin(
        "dataselect",
        command=command,
        configuration=asked,
        seeds={"all": settings.seed, "candidates": settings.pool.seed},
        inputs=[path for path in settings.validation.values() if path.is_file()],
        libraries=LIBRARIES,
    )
    _begin(folder, {"scores": asked["scores"]} | settings.candidates(), overwrite)
    with claimed(folder / CLAIMS, "candidates") as claim:
        if claim is None:
            raise DataselectError(
                f"another run is reading the candidates of {folder}",
                hint="wait until it trains; then join with: dataselect learn-weights --join "
                f"{folder}",
            )
        if not (folder / POOL / ABOUT).is_file():

            def alive(step: str, done: int, total: int) -> None:
                claim.beat()
                if on_step is not None:
                    on_step(step, done, total)

            _read_candidates(sources, table, settings, folder / POOL, alive)
    pool = open_pool(folder / POOL)
    if settings.tokens >= pool.tokens:
        raise DataselectError(
            f"a budget of {settings.tokens:,} tokens holds all {pool.tokens:,} of the candidates, "
            "so that all weights select the same",
            accepted="a part of them; a tenth is usual",
            hint=f"--tokens {max(1, pool.tokens // 10)}",
        )
    design = design_of(pool.columns.names, settings.design, settings.runs, seed=settings.seed)
    begin_design(
        folder,
        design,
        settings.proxy,
        tokens=settings.tokens,
        seed=settings.seed,
        candidates=_digest(folder / POOL),
        overwrite=overwrite,
    )
    own = run_design(folder, settings.proxy, jobs=jobs, on_run=_named(on_step, "proxy runs"))
    runs = own.runs()
    learned = learn(
        runs,
        target=settings.target,
        regressor=settings.regressor,
        optimiser=cast(Optimiser, settings.optimiser),
        seed=settings.seed,
        on_step=on_step,
    )
    result = learned_to_json(learned)
    made_by = {"learned": result, "settings": asked}
    weights = Weights(pool.weights(learned.weights).columns, made_by)
    summary = _summary(pool, settings, runs.left_out, result)
    write_json(folder / LEARNED, summary, overwrite=True)
    title = f"{out.name}: {len(runs.run_ids):,} runs of {settings.proxy.name}"
    page = render(learned, title=title, sections=run_sections(pool, own.records()))
    write_text(folder / PAGE, page, overwrite=True)
    write_weights(weights, out, overwrite=overwrite)
    counts = Counts(pool.of, len(pool.documents), dict(pool.left_out))
    outputs = [out, folder / "runs.parquet", folder / LEARNED, folder / PAGE]
    write_manifest(
        finish(manifest, outputs=outputs, counts=counts), folder / MANIFEST, overwrite=True
    )
    return LearnedRun(weights, learned, pool, {"out": str(out), "folder": str(folder)} | summary)


def _begin(folder: Path, asked: dict[str, Any], overwrite: bool) -> None:
    """Begin in a folder, or find that it holds what is asked."""
    asked = json.loads(to_json(asked))
    path = folder / ASKED
    there = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    if there == asked:
        return
    if there is None and folder.exists() and any(folder.iterdir()):
        raise DataselectError(f"{folder} holds other files", accepted="a new or empty folder")
    # Settings that led to nothing, a mistyped column's, bind nobody.
    if there is not None and (folder / POOL / ABOUT).is_file():
        keys = [key for key in asked if there.get(key) != asked[key]]
        if not overwrite:
            shown = "; ".join(
                f"{k}: {str(there.get(k))[:80]} there, {asked[k]!s:.80} now" for k in keys
            )
            raise DataselectError(
                f"the candidates in {folder} were read with other settings: {shown}",
                accepted="the same command, to go on with it",
                hint="give it again, choose another --out, or say --overwrite",
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(path, asked, overwrite=True)


def _read_candidates(
    sources: tuple[Any, ...],
    table: Any,
    settings: LearnSettings,
    folder: Path,
    on_step: OnStep,
) -> None:
    from dataselect.corpus import ReadOptions

    folder.mkdir(parents=True, exist_ok=True)
    columns = score_columns(
        table,
        settings.columns,
        transform=cast(Transform, settings.transform),
        missing=cast(Missing, settings.missing),
        both_ways=cast(BothWays, settings.both_ways),
    )
    validation = read_validation(settings.validation, ReadOptions(**dict(table.index.options)))
    pool, tokenizer = read_pool(sources, table, columns, validation, settings.pool, on_part=on_step)
    write_text(folder / "tokenizer.json", tokenizer.to_str(), overwrite=True)
    save_pool(pool, folder)


def _digest(folder: Path) -> str:
    """Of all that a selection and its losses depend on."""
    files = sorted(path for path in folder.iterdir() if not path.name.startswith(("ngram", ".")))
    return hashlib.sha256("".join(map(sha256_of, files)).encode()).hexdigest()


def _content(path: Path) -> str:
    return sha256_of(path) if path.is_file() else str(path)


def _named(on_step: OnStep | None, name: str) -> Callable[[int, int], None] | None:
    return None if on_step is None else lambda done, total: on_step(name, done, total)


def _summary(
    pool: Pool, settings: LearnSettings, left_out: Mapping[str, str], learned: dict[str, Any]
) -> dict[str, Any]:
    return {
        "candidates": len(pool.documents),
        "of": pool.of,
        "left_out": dict(pool.left_out),
        "candidate_tokens": pool.tokens,
        "missing": dict(pool.missing),
        "undirected": list(pool.columns.undirected),
        "validation": {name: len(own.tokens) for name, own in pool.data.validation.items()},
        "vocabulary": pool.data.vocabulary,
        "proxy": settings.proxy.as_dict(),
        "tokens": settings.tokens,
        "runs": settings.runs,
        "runs_left_out": dict(left_out),
        "learned": learned,
    }
