"""Several proxies and baselines against one truth, over all and within strata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Num

from nasproxy.errors import NasproxyError
from nasproxy.ranking.agreement import Agreement, agreement, check_bootstrap, check_shapes

__all__ = ["Correlations", "Stratum", "correlate"]


@dataclass(frozen=True)
class Stratum:
    """The architectures of one stratum, ranked among themselves.

    Attributes:
        n: how many architectures the stratum holds.
        proxies: the agreement of each proxy that has one here.
        baselines: the same for each baseline.
        undefined: why the others have none: too few pairs, or a constant side.
    """

    n: int
    proxies: Mapping[str, Agreement]
    baselines: Mapping[str, Agreement]
    undefined: Mapping[str, str]

    def as_json(self) -> dict[str, object]:
        """Plain values by name."""
        return {
            "n": self.n,
            "proxies": {name: found.as_json() for name, found in self.proxies.items()},
            "baselines": {name: found.as_json() for name, found in self.baselines.items()},
            "undefined": dict(self.undefined),
        }


@dataclass(frozen=True)
class Correlations:
    """How well proxies and baselines order one truth.

    Attributes:
        n: how many architectures there are.
        proxies: the agreement of each proxy, after turning those where less is better.
        baselines: the same for what a proxy has to beat, such as the parameter count.
        strata: the same within each stratum; empty where none were given.
        undefined: why a proxy or baseline has none: too few pairs, or a constant side.
        resamples: behind each interval.
        seed: of the resampling.
    """

    n: int
    proxies: Mapping[str, Agreement]
    baselines: Mapping[str, Agreement]
    strata: Mapping[str, Stratum]
    undefined: Mapping[str, str]
    resamples: int
    seed: int

    def as_json(self) -> dict[str, object]:
        """Plain values by name, as ``correlate --json`` prints them."""
        return {
            "n": self.n,
            "proxies": {name: found.as_json() for name, found in self.proxies.items()},
            "baselines": {name: found.as_json() for name, found in self.baselines.items()},
            "strata": {name: found.as_json() for name, found in self.strata.items()},
            "undefined": dict(self.undefined),
            "bootstrap": {"level": 0.95, "resamples": self.resamples, "seed": self.seed},
        }


def correlate(
    scores: Mapping[str, Num[np.ndarray, "..."]],
    truth: Num[np.ndarray, "..."],
    *,
    higher_is_better: Mapping[str, bool] | None = None,
    baselines: Mapping[str, Num[np.ndarray, "..."]] | None = None,
    strata: np.ndarray | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Correlations:
    """Rank correlations of proxies with a truth, with 95 % bootstrap intervals.

    A proxy of which less is better is negated first, so that a positive value always says that
    the proxy orders as it claims to.

    Args:
        scores: for each proxy real numbers ``[n]``, NaN where there is no score.
        truth: real numbers ``[n]``, more is better (accuracy), NaN where it is not known.
        higher_is_better: the direction of proxies and baselines by name; True where not named.
        baselines: like ``scores``, reported apart.
        strata: labels ``[n]`` (text or whole numbers); proxies and baselines are then also
            correlated within each, where what separates the strata cannot help them.
        resamples: bootstrap resamples behind each interval, 1 or more.
        seed: of the resampling.

    Returns:
        Every agreement by name. O(resamples n log n) a proxy.

    Raises:
        NasproxyError: no proxy has a correlation (as by ``agreement``); strata of another length;
            no resamples, or a seed below 0.
    """
    directions = higher_is_better or {}

    def oriented(columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {
            name: column if directions.get(name, True) else -column.astype(np.float64)
            for name, column in columns.items()
        }

    check_bootstrap(resamples, seed)
    proxies = oriented(scores)
    if strata is not None and strata.shape != truth.shape:
        raise NasproxyError(
            f"the strata have the shape {list(strata.shape)}, the truth {list(truth.shape)}",
            accepted="one label an architecture",
        )

    beside = oriented(baselines or {})
    for name, column in {**proxies, **beside}.items():
        check_shapes(column, truth, name)
    everyone = np.ones(len(truth), dtype=np.bool_)
    whole = _within(proxies, beside, truth, everyone, resamples=resamples, seed=seed)
    if proxies and not whole.proxies:
        raise NasproxyError(
            "; ".join(whole.undefined[name] for name in proxies),
            accepted="three architectures or more, with scores and true values that differ",
        )
    return Correlations(
        n=len(truth),
        proxies=whole.proxies,
        baselines=whole.baselines,
        undefined=whole.undefined,
        strata={
            str(label): _within(
                proxies, beside, truth, strata == label, resamples=resamples, seed=seed
            )
            for label in (() if strata is None else np.unique(strata))
        },
        resamples=resamples,
        seed=seed,
    )


def _within(
    proxies: Mapping[str, np.ndarray],
    baselines: Mapping[str, np.ndarray],
    truth: np.ndarray,
    here: np.ndarray,
    *,
    resamples: int,
    seed: int,
) -> Stratum:
    undefined: dict[str, str] = {}

    def found(columns: Mapping[str, np.ndarray]) -> dict[str, Agreement]:
        agreements: dict[str, Agreement] = {}
        for name, column in columns.items():
            try:
                agreements[name] = agreement(
                    column[here], truth[here], name=name, resamples=resamples, seed=seed
                )
            except NasproxyError as error:
                undefined.setdefault(name, error.wrong)
        return agreements

    return Stratum(int(here.sum()), found(proxies), found(baselines), undefined)
