"""What weights are learned from: all that decides the result, and what of it the candidates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

from dataselect.errors import DataselectError
from dataselect.selection.transforms import MISSING, TRANSFORMS
from dataselect.weighting.columns import BOTH_WAYS
from dataselect.weighting.learning import LEAST_RUNS, OPTIMISERS, Optimiser
from dataselect.weighting.plan import DESIGNS
from dataselect.weighting.proxies.proxy import Proxy
from dataselect.weighting.reading import PoolSettings
from dataselect.weighting.regressors import regressor_named
from dataselect.weighting.validation_sets import content_of
from zerocost.errors import did_you_mean
from zerocost.files import sha256_of

__all__ = ["ROUNDS", "LearnSettings"]

ROUNDS = 3

_CHOICES: dict[str, tuple[str, ...]] = {
    "design": DESIGNS,
    "transform": TRANSFORMS,
    "missing": MISSING,
    "both_ways": BOTH_WAYS,
}


@dataclass(frozen=True)
class LearnSettings:
    """What weights are learned from; what is wrong is said here, not after hours of training.

    Attributes:
        validation: files of validation documents, by the name of the set.
        tokens: the budget of each selection.
        proxy: what is trained on each.
        runs: of the design.
        rounds: of eight further runs each, which try what the runs before them speak for; the
            best weights that were tried are kept. 0 keeps the optimum of the regression, untried.
        design: of `DESIGNS`.
        columns: the scores; none takes `default_columns`.
        transform: see `score_columns`; so are the next two.
        missing: what a document without a score gets.
        both_ways: which scores are searched in both directions.
        pool: the candidates.
        target: ``mean`` of the sets, or the name of one.
        regressor: see `learn`.
        optimiser: ``direct`` or ``published``, see `learn`; None takes ``direct`` where rounds
            decide, and ``published``, which errs less, where nothing is to be tried.
        seed: of the design, the runs, and the regression.
    """

    validation: Mapping[str, Path]
    tokens: int
    proxy: Proxy
    runs: int = 64
    rounds: int = ROUNDS
    design: str = "mixed"
    columns: tuple[str, ...] = ()
    transform: str = "rank"
    missing: str = "mean"
    both_ways: str = "none"
    pool: PoolSettings = field(default_factory=PoolSettings)
    target: str = "mean"
    regressor: str = "stack"
    optimiser: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        choices = _CHOICES | {"target": ("mean", *self.validation)}
        if self.optimiser is not None:
            choices["optimiser"] = OPTIMISERS
        for name, known in choices.items():
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
        if self.rounds < 0:
            raise DataselectError(
                f"there are to be {self.rounds} rounds",
                accepted=f"0, which keeps weights that nothing has tried, or more; {ROUNDS} is "
                "usual",
            )
        if self.tokens < 1:
            raise DataselectError(
                f"a budget of {self.tokens} tokens", accepted="1 or more; a tenth of all is usual"
            )
        if self.seed < 0:
            raise DataselectError(f"the seed is {self.seed}", accepted="0 or more")
        regressor_named(self.regressor)

    @property
    def found_by(self) -> Optimiser:
        """The optimiser that is used."""
        if self.optimiser is not None:
            return cast(Optimiser, self.optimiser)
        return "direct" if self.rounds else "published"

    def candidates(self) -> dict[str, Any]:
        """What decides the candidates, as JSON values; files by their contents."""
        pool = asdict(self.pool)
        if self.pool.tokenizer is not None:
            pool["tokenizer"] = sha256_of(self.pool.tokenizer)
        return {
            "validation": {name: content_of(path) for name, path in self.validation.items()},
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
            "rounds": self.rounds,
            "design": self.design,
            "target": self.target,
            "regressor": self.regressor,
            "optimiser": self.found_by,
            "seed": self.seed,
        }
