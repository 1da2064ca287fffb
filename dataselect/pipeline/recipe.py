"""A recipe: a TOML file that says what is scored, learned from, selected and reported."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataselect.corpus import ReadOptions
from dataselect.errors import DataselectError
from dataselect.pipeline.keys import (
    LEARN,
    POOL,
    PROXY,
    READ,
    REPORT,
    SCORE,
    SELECT,
    TOP,
    check,
    texts,
)
from dataselect.selection import budget_of
from dataselect.selection.budget import amount_of, quotas_of
from dataselect.selection.settings import Settings
from dataselect.selection.weights import ColumnWeight, Weights
from dataselect.weighting.learn_settings import LearnSettings
from dataselect.weighting.plan import proxy_of
from dataselect.weighting.reading import PoolSettings
from dataselect.weighting.validation_sets import validation_named

__all__ = ["Recipe", "read_recipe"]


@dataclass(frozen=True)
class Recipe:
    """A recipe, checked.

    Attributes:
        corpus: paths, as `find_corpus` takes them; relative ones are of the recipe's folder.
        out: the folder of all outputs.
        workers: of scoring, training and selecting; the result does not depend on them.
        read: how the corpus is read.
        scorers: as `dataselect score --scorers` takes them.
        learn: what weights are learned from.
        select: what `dataselect select` is asked, but for the weights.
        seed: of all draws.
        title: of the page about the scores.
        texts: whether that page shows documents.
    """

    corpus: tuple[str, ...]
    out: Path
    workers: int
    read: ReadOptions
    scorers: str
    learn: LearnSettings
    select: Mapping[str, Any]
    seed: int = 0
    title: str | None = None
    texts: bool = True

    def selection(self, weights: Weights) -> Settings:
        """What is selected by some weights; validation documents and near copies never are."""
        own = self.select
        budget = {key: str(own[key]) for key in ("tokens", "docs", "fraction") if key in own}
        quotas = [f"{name}={share}" for name, share in own.get("quotas", {}).items()]
        return Settings(
            weights=weights,
            budget=budget_of(**budget),
            temperature=float(own.get("temperature", 0.0)),
            seed=self.seed,
            quotas=quotas_of(quotas, own.get("quota_by", "domain")) if quotas else None,
            duplicates=own.get("drop_duplicates"),
            similarity=float(own.get("similarity", 0.8)),
            exclude=(*self.learn.validation.values(), *map(Path, own.get("exclude", ()))),
            ngram=int(own.get("ngram", 13)),
            exclude_short=own.get("exclude_short"),
            exclude_copies=True,
            tokens=own.get("token_column"),
        )


def read_recipe(path: Path) -> Recipe:
    """Read and check a recipe.

    Raises:
        DataselectError: no such file, no TOML, an unknown key, or a value out of range.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as cause:
        raise DataselectError(
            f"{path} cannot be read as TOML: {cause}", accepted="a recipe; see docs/proxy_runs.md"
        ) from cause
    try:
        return _recipe(found, path.parent)
    except DataselectError as error:
        raise DataselectError(
            f"{path}: {error.wrong}", accepted=error.accepted, hint=error.hint
        ) from None
    except (TypeError, ValueError, AttributeError) as cause:
        raise DataselectError(
            f"{path}: a value is of the wrong kind: {cause}",
            accepted="the kinds of values that docs/proxy_runs.md shows",
        ) from cause


def _recipe(found: dict[str, Any], base: Path) -> Recipe:
    check(found, TOP, "the recipe")
    for name in ("corpus", "out", "learn", "select"):
        if name not in found:
            raise DataselectError(f"there is no {name!r}", accepted=", ".join(TOP))
    read, learn = found.get("read", {}), dict(found["learn"])
    score, select, report = found.get("score", {}), dict(found["select"]), found.get("report", {})
    check(read, READ, "[read]")
    check(score, SCORE, "[score]")
    check(learn, LEARN, "[learn]")
    check(select, SELECT, "[select]")
    check(report, REPORT, "[report]")
    if not any(name in select for name in ("tokens", "docs", "fraction")):
        raise DataselectError(
            "[select] has no budget", accepted="tokens, docs or fraction", hint='tokens = "1B"'
        )
    seed, workers = found.get("seed", 0), found.get("workers", 1)
    if workers < 1:
        raise DataselectError(f"there are {workers} workers", accepted="1 or more")
    exclude = select.get("exclude", [])
    select["exclude"] = [
        str(base / path) for path in ([exclude] if isinstance(exclude, str) else exclude)
    ]
    corpus = [found["corpus"]] if isinstance(found["corpus"], str) else found["corpus"]
    if select.get("drop_duplicates") not in (None, "exact", "near"):
        raise DataselectError(
            f"drop_duplicates is {select['drop_duplicates']!r}", accepted="exact, near, or nothing"
        )
    recipe = Recipe(
        corpus=tuple(path if "://" in path else str(base / path) for path in corpus),
        out=base / found["out"],
        workers=workers,
        read=ReadOptions(**read),
        scorers=",".join(texts(score.get("scorers", "signals,heuristics"))),
        learn=_learn(learn, base, seed),
        select=select,
        seed=seed,
        title=report.get("title"),
        texts=report.get("texts", True),
    )
    # A fault here would otherwise be found after hours of training.
    recipe.selection(Weights({"any": ColumnWeight(1.0)}))
    return recipe


def _learn(learn: dict[str, Any], base: Path, seed: int) -> LearnSettings:
    for name in ("validation", "tokens"):
        if name not in learn:
            raise DataselectError(
                f"[learn] has no {name!r}",
                accepted='validation = { good = "good.jsonl" }, tokens = "1.5M"',
            )
    tokens = int(amount_of(str(learn.pop("tokens")), what="learn.tokens"))
    sets = {name: base / path for name, path in validation_named(learn.pop("validation")).items()}
    proxy = learn.pop("proxy", "ngram")
    of_proxy = {key: learn.pop(key) for key in PROXY if key in learn}
    pool = {key: learn.pop(key) for key in POOL if key in learn}
    if "candidates" in pool:
        pool["documents"] = pool.pop("candidates")
    if "tokenizer" in pool:
        pool["tokenizer"] = base / pool["tokenizer"]
    learn["columns"] = texts(learn.get("columns", []))
    learn.setdefault("runs", 256 if proxy == "ngram" else 64)
    return LearnSettings(
        validation=sets,
        tokens=tokens,
        proxy=proxy_of(proxy, tokens=tokens, **of_proxy),
        pool=PoolSettings(**pool, seed=seed),
        seed=seed,
        **learn,
    )
