"""The importance of every item: what `importance` learns, and how it came about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float64, Int64

from dataselect.errors import DataselectError
from dataselect.importance.approximation import Approximation, Used, approximate_gradients
from dataselect.importance.ascent import CHECKPOINT_SECONDS, Ascent, ascend
from dataselect.importance.gradient import Gradient, check_k, gradient
from dataselect.importance.group_game import group_gradient
from dataselect.importance.groups import Groups, averaging
from dataselect.importance.retrievals import Retrievals, first_of_repeats

__all__ = ["GroupGame", "Importance", "Repeats", "check_learnable", "importance"]

Repeats = Literal["independent", "first"]
GroupGame = Literal["average", "exact"]

EPOCHS = 50
LEARNING_RATE = 500.0


@dataclass(frozen=True)
class Importance:
    """What was learned.

    Attributes:
        values: float64 ``[items]`` in 0 .. 1; NaN for items that no list names: nothing was
            learned of them.
        seen: bool ``[items]``, whether any list names the item.
        groups: float64 ``[groups]``, NaN for groups none of whose items is named; None where
            there are no groups.
        objective: F before each epoch, and after the last.
        used: what each epoch's approximation took; empty where gradients are exact.
        stopped: why the ascent ended: ``epochs``, ``fixed point`` or ``tolerance``.
    """

    values: Float64[np.ndarray, " items"]
    seen: Bool[np.ndarray, " items"]
    groups: Float64[np.ndarray, " groups"] | None
    objective: tuple[float, ...]
    used: tuple[Used, ...]
    stopped: str

    @property
    def players(self) -> Float64[np.ndarray, " players"]:
        """The values that were learned: of the groups where there are any, else of the items."""
        return self.values if self.groups is None else self.groups


def importance(
    retrievals: Retrievals,
    *,
    k: int = 10,
    learning_rate: float = LEARNING_RATE,
    epochs: int = EPOCHS,
    start: float = 0.5,
    repeats: Repeats = "independent",
    groups: Groups | None = None,
    group_game: GroupGame = "average",
    approximation: Approximation | None = None,
    tolerance: float = 0.0,
    patience: int = 3,
    seed: int = 0,
    threads: int | None = None,
    checkpoint: Path | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    on_epoch: Callable[[int, float], None] | None = None,
) -> Importance:
    r"""Learn :math:`v = \arg\max F(v)` by projected gradient ascent; v is the importance.

    Args:
        retrievals: ranked lists with utilities, of validation queries.
        k: how many answers the model looks at.
        learning_rate: 500 and 50 epochs are the settings of the published experiments. It changes
            the result; `choose_step_size` finds one on held-out validation queries.
        epochs: how many at the most.
        start: the value of every item at first.
        repeats: ``independent``: positions that name one item are independent draws, as published,
            which is not the exact game. ``first``: only the best-ranked of them is kept, and the
            gradient is exact. Not used by the exact group game, which needs no such choice.
        groups: one value a group.
        group_game: ``average``: the published projection onto one value a group after each step.
            ``exact``: the game whose players are the groups, all documents of one present together.
        approximation: an error that is allowed; exact by default.
        tolerance: see `ascend`.
        patience: see `ascend`.
        seed: of sampled queries; not used otherwise.
        threads: how many; the result does not depend on it.
        checkpoint: see `ascend`; hashes the lists.
        checkpoint_seconds: see `ascend`.
        on_epoch: see `ascend`.

    Returns:
        The values, and how they came about. O(epochs N M K).

    Raises:
        DataselectError: a setting out of range, no list, or no utility that is not 0.

    References:
        Lyu et al., "Improving retrieval-augmented large language models via data importance
        learning", arXiv 2307.03027 (2023).
    """
    check_k(k)
    _check_settings(retrievals, start, repeats, groups, group_game, approximation)
    exact_groups = groups is not None and group_game == "exact"
    game = first_of_repeats(retrievals) if repeats == "first" else retrievals
    n_players = retrievals.n_items
    if exact_groups and groups is not None:
        n_players = len(groups.names)
        game = retrievals.with_players(groups.of_item, n_players)
    configuration: dict[str, object] = {}
    if checkpoint is not None:
        configuration = {
            "retrievals": _fingerprint(retrievals),
            "groups": None if groups is None else _hash(groups.of_item),
            "group_game": group_game,
            "k": k,
            "learning_rate": learning_rate,
            "epochs": epochs,
            "start": start,
            "repeats": repeats,
            "approximation": repr(approximation),
            "tolerance": tolerance,
            "patience": patience,
            "seed": seed,
        }
    approximate = (
        None
        if approximation is None
        # The objective after the last epoch is one gradient more.
        else approximate_gradients(
            game, approximation, k=k, epochs=epochs + 1, seed=seed, threads=threads
        )
    )
    rule = group_gradient if exact_groups else gradient

    def gradient_at(
        values: Float64[np.ndarray, " players"], epoch: int
    ) -> tuple[Gradient, Used | None]:
        if approximate is not None:
            return approximate(values, epoch)
        return rule(game, values, k=k, threads=threads), None

    found = ascend(
        gradient_at,
        np.full(n_players, start),
        learning_rate=learning_rate,
        epochs=epochs,
        project=averaging(groups) if groups is not None and not exact_groups else None,
        tolerance=tolerance,
        patience=patience,
        checkpoint=checkpoint,
        configuration=configuration,
        checkpoint_seconds=checkpoint_seconds,
        on_epoch=on_epoch,
    )
    return _marked(found, retrievals, groups, exact_groups)


def _marked(
    found: Ascent, retrievals: Retrievals, groups: Groups | None, of_groups: bool
) -> Importance:
    """Values with NaN where nothing was seen."""
    seen = retrievals.times_retrieved() > 0
    values = found.values
    by_group: Float64[np.ndarray, " groups"] | None = None
    if groups is not None:
        group_seen = np.bincount(groups.of_item, weights=seen, minlength=len(groups.names)) > 0
        if of_groups:
            of_group: Int64[np.ndarray, " items"] = groups.of_item
            by_group, values = values, values[of_group]
        else:
            by_group = np.full(len(groups.names), np.nan)
            by_group[groups.of_item] = values
        by_group = np.where(group_seen, by_group, np.nan)
    return Importance(
        values=np.where(seen, values, np.nan),
        seen=seen,
        groups=by_group,
        objective=found.objective,
        used=found.used,
        stopped=found.stopped,
    )


def _check_settings(
    retrievals: Retrievals,
    start: float,
    repeats: str,
    groups: Groups | None,
    group_game: str,
    approximation: Approximation | None,
) -> None:
    if not 0 <= start <= 1:
        raise DataselectError(f"start is {start}", accepted="0 to 1")
    if repeats not in ("independent", "first"):
        raise DataselectError(f"repeats is {repeats!r}", accepted="independent or first")
    if group_game not in ("average", "exact"):
        raise DataselectError(f"group_game is {group_game!r}", accepted="average or exact")
    if groups is not None and len(groups.of_item) != retrievals.n_items:
        raise DataselectError(
            f"{len(groups.of_item):,} items have a group, the corpus has {retrievals.n_items:,}",
            accepted="one group an item",
        )
    if approximation is not None and groups is not None and group_game == "exact":
        raise DataselectError(
            "the exact group game has no approximation",
            accepted="an approximation of items, or of groups by averaging",
            hint="leave epsilon out",
        )
    check_learnable(retrievals)


def check_learnable(retrievals: Retrievals) -> None:
    """Refuse lists from which nothing can be learned."""
    if retrievals.n_queries == 0:
        raise DataselectError("there is no query", accepted="at least one list")
    if not retrievals.utility.any():
        raise DataselectError(
            f"no query of {retrievals.n_queries:,} has a right answer: every utility is 0, and "
            "nothing can be learned",
            accepted="at least one utility that is not 0",
            hint="compare answers less strictly, such as --match casefold",
        )


def _fingerprint(retrievals: Retrievals) -> str:
    parts = (retrievals.indptr, retrievals.items, retrievals.utility)
    return (
        f"{retrievals.n_items} items, sha256 "
        + sha256("".join(map(_hash, parts)).encode()).hexdigest()
    )


def _hash(array: np.ndarray) -> str:
    digest = sha256(str(array.dtype).encode())
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
