"""Weight vectors to try: which points of the simplex a design of runs visits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from dataselect.errors import DataselectError

__all__ = [
    "PUBLISHED_RUNS",
    "PUBLISHED_SEED",
    "Design",
    "anchors",
    "concatenate",
    "dirichlet",
    "low_discrepancy",
    "sparse",
]

PUBLISHED_RUNS = 256
PUBLISHED_SEED = 1048
_OFF_ONE = 1e-9


@dataclass(frozen=True)
class Design:
    """Weight vectors by run id.

    Attributes:
        names: of the scores.
        run_ids: unique; a run keeps its id when the design is written, cut or joined to others.
        weights: ``[runs, scores]``, rows on the simplex.
    """

    names: tuple[str, ...]
    run_ids: tuple[str, ...]
    weights: Float64[np.ndarray, "runs scores"]

    def __post_init__(self) -> None:
        _check_names(self.names)
        if len(set(self.run_ids)) != len(self.run_ids):
            twice = next(name for name in self.run_ids if self.run_ids.count(name) > 1)
            raise DataselectError(
                f"the run id {twice!r} stands twice in the design",
                accepted="one id a run",
                hint="give designs that are concatenated different prefixes",
            )
        if self.weights.shape != (len(self.run_ids), len(self.names)):
            raise DataselectError(
                f"the weights have the shape {list(self.weights.shape)} for "
                f"{len(self.run_ids)} runs of {len(self.names)} scores",
                accepted="a row a run and a column a score",
            )
        off = np.abs(self.weights.sum(axis=1) - 1) > _OFF_ONE
        if off.any() or not (self.weights >= 0).all():
            raise DataselectError(
                "a weight vector is not on the simplex",
                accepted="weights of at least 0 that add up to 1 in each row",
            )


def dirichlet(
    names: Sequence[str],
    runs: int = PUBLISHED_RUNS,
    *,
    alpha: float | Float64[np.ndarray, " scores"] = 1.0,
    seed: int = PUBLISHED_SEED,
    prefix: str = "dirichlet",
) -> Design:
    """Draws of Dirichlet(α): with 256 runs, α = 1 and the seed 1048 the published design.

    A design of more runs begins with that of fewer.

    Args:
        names: of the scores, two or more.
        runs: how many.
        alpha: above 0; below 1 prefers vectors with few scores, above 1 those near the middle;
            one number for all scores, or one each.
        seed: of the draws.
        prefix: of the run ids.

    References:
        Zhuang et al., Meta-rater, ACL 2025, section 3; the seed is that of the released pipeline.
    """
    _check_names(tuple(names))
    _check_runs(runs)
    strengths = np.broadcast_to(np.asarray(alpha, dtype=np.float64), (len(names),))
    if not (np.isfinite(strengths) & (strengths > 0)).all():
        raise DataselectError(f"alpha is {alpha}", accepted="finite numbers above 0")
    drawn = np.random.default_rng(seed).dirichlet(strengths, size=runs)
    return Design(tuple(names), _ids(prefix, runs), drawn)


def low_discrepancy(names: Sequence[str], runs: int, *, seed: int, prefix: str = "sobol") -> Design:
    """Evenly spread points, each distributed as Dirichlet(1).

    w = e / Σ e with e_j = −ln(1 − u_j) and u a scrambled Sobol point: the exponentials of uniform
    draws, brought to the sum 1, are uniform on the simplex, and Sobol's points leave smaller gaps
    than independent draws. A design of more runs begins with that of fewer.

    Args:
        names: of the scores, two or more.
        runs: how many; powers of two are the most even.
        seed: of the scrambling.
        prefix: of the run ids.

    References:
        Owen 1998, scrambled nets; Devroye 1986, chapter V.2, uniform spacings.
    """
    from scipy.stats.qmc import Sobol

    _check_names(tuple(names))
    _check_runs(runs)
    engine = Sobol(d=len(names), scramble=True, rng=np.random.default_rng(seed))
    points = engine.random_base2(max(0, int(runs - 1).bit_length()))[:runs]
    waits = -np.log1p(-np.asarray(points, dtype=np.float64)) + np.finfo(np.float64).tiny
    return Design(tuple(names), _ids(prefix, runs), waits / waits.sum(axis=1, keepdims=True))


def sparse(
    names: Sequence[str], runs: int, *, active: int, seed: int, prefix: str = "sparse"
) -> Design:
    """Points at which ``active`` scores have a weight, drawn from Dirichlet(1), and others none.

    Scores are dealt out like cards, one shuffled pack after the other, so that after every run
    the times that any two scores have been active differ by at most one.

    Args:
        names: of the scores, two or more.
        runs: how many.
        active: how many scores have a weight, 1 to all.
        seed: of the draws.
        prefix: of the run ids.
    """
    _check_names(tuple(names))
    _check_runs(runs)
    if not 1 <= active <= len(names):
        raise DataselectError(f"{active} scores are active", accepted=f"1 to {len(names)}")
    rng = np.random.default_rng(seed)
    weights = np.zeros((runs, len(names)))
    pack: list[int] = []
    for row in range(runs):
        hand = [pack.pop() for _ in range(min(active, len(pack)))]
        if len(hand) < active:
            # The new pack is dealt without the cards in hand, which go to its end.
            fresh = [int(card) for card in rng.permutation(len(names))]
            kept = [card for card in fresh if card not in hand]
            held = [card for card in fresh if card in hand]
            needed = active - len(hand)
            hand += kept[:needed]
            pack = (kept[needed:] + held)[::-1]
        weights[row, hand] = rng.dirichlet(np.ones(active))
    return Design(tuple(names), _ids(prefix, runs), weights)


def anchors(names: Sequence[str]) -> Design:
    """The uniform point, ``uniform``, and each score alone, ``only:NAME``."""
    _check_names(tuple(names))
    k = len(names)
    return Design(
        tuple(names),
        ("uniform", *(f"only:{name}" for name in names)),
        np.vstack([np.full((1, k), 1 / k), np.eye(k)]),
    )


def concatenate(*designs: Design) -> Design:
    """Designs of the same scores, one after the other.

    Raises:
        DataselectError: other scores, or a run id that stands twice.
    """
    if not designs:
        raise DataselectError("there is no design", accepted="one or more")
    names = designs[0].names
    for design in designs[1:]:
        if design.names != names:
            raise DataselectError(
                f"a design is of {', '.join(design.names)}, another of {', '.join(names)}",
                accepted="the same scores in the same order",
            )
    return Design(
        names,
        tuple(run_id for design in designs for run_id in design.run_ids),
        np.concatenate([design.weights for design in designs]),
    )


def _ids(prefix: str, runs: int) -> tuple[str, ...]:
    return tuple(f"{prefix}-{run:04d}" for run in range(runs))


def _check_names(names: tuple[str, ...]) -> None:
    if len(names) < 2 or len(set(names)) != len(names):
        raise DataselectError(
            f"the scores are {', '.join(names) or 'none'}",
            accepted="two scores or more, each once",
        )


def _check_runs(runs: int) -> None:
    if runs < 1:
        raise DataselectError(f"the design has {runs} runs", accepted="1 or more")
