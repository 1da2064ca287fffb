"""How well a predictor orders classes that it has never seen, over several draws of training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from nasproxy.errors import NasproxyError
from nasproxy.prediction.classes import Classes, split
from nasproxy.prediction.features import Features
from nasproxy.prediction.predictor import Prediction, Predictor

__all__ = ["Draw", "Evaluation", "evaluate", "evaluate_draw", "order_agreement"]


@dataclass(frozen=True)
class Draw:
    """One draw of training classes, fitted once.

    Attributes:
        draw: its number, from 0.
        seed: of the fit.
        train: how many classes trained.
        tested: how many were tested.
        kendall: tau_b of prediction and truth over the tested, of both more being better.
        spearman: rho of the same.
        pick: the true value of the class with the best prediction.
        best: the best true value among the tested.
        calibration: Spearman's rho of the spread and the error of the predicted rank; None where
            the spread is constant.
    """

    draw: int
    seed: int
    train: int
    tested: int
    kendall: float
    spearman: float
    pick: float
    best: float
    calibration: float | None


@dataclass(frozen=True)
class Evaluation:
    """Several draws, each fitted with several seeds."""

    draws: tuple[Draw, ...]

    def mean(self, name: str = "kendall") -> float:
        """The mean of an attribute over all draws and seeds."""
        return float(np.mean([getattr(draw, name) for draw in self.draws]))

    def deviation(self, name: str = "kendall") -> float:
        """The standard deviation of an attribute over draws, each the mean of its seeds; 0 of one.

        Seeds of a draw share its training classes and are no independent repetitions of it.
        """
        groups: dict[int, list[float]] = {}
        for draw in self.draws:
            groups.setdefault(draw.draw, []).append(getattr(draw, name))
        means = [float(np.mean(values)) for values in groups.values()]
        return float(np.std(means, ddof=1)) if len(means) > 1 else 0.0

    def between_seeds(self, name: str = "kendall") -> float:
        """The standard deviation over the seeds within a draw, pooled over draws; 0 of one."""
        groups: dict[int, list[float]] = {}
        for draw in self.draws:
            groups.setdefault(draw.draw, []).append(getattr(draw, name))
        variances = [np.var(values, ddof=1) for values in groups.values() if len(values) > 1]
        return float(np.sqrt(np.mean(variances))) if variances else 0.0


def evaluate(
    predictor: Predictor,
    features: Features,
    classes: Classes,
    *,
    fit_on: str,
    test_on: str,
    train: int,
    draws: int = 5,
    seeds: int = 1,
    seed: int = 0,
    by_function: bool = True,
    on_draw: Callable[[Draw], None] | None = None,
) -> Evaluation:
    """Fit on random training classes, test on all others; nothing else is looked at.

    Draw k takes the same training classes for every predictor and every target.

    Args:
        predictor: what is fitted; it chooses its settings, if any, inside the training classes.
        features: of the architectures that stand for the classes, in their order.
        classes: with both targets.
        fit_on: the target that it is fitted on, such as a validation accuracy.
        test_on: the target that it is tested on.
        train: how many classes train.
        draws: how many times training classes are drawn.
        seeds: how many times each draw is fitted.
        seed: of the draws.
        by_function: as in ``split``.
        on_draw: called with each as it is known.

    Raises:
        NasproxyError: features of other architectures, too few classes, no draw or seed.
    """
    if draws < 1 or seeds < 1:
        raise NasproxyError(f"{draws} draws and {seeds} seeds", accepted="1 or more of each")
    done: list[Draw] = []
    for draw in range(draws):
        for fit_seed in range(seeds):
            found = evaluate_draw(
                predictor,
                features,
                classes,
                fit_on=fit_on,
                test_on=test_on,
                train=train,
                draw=draw,
                fit_seed=fit_seed,
                seed=seed,
                by_function=by_function,
            )
            done.append(found)
            if on_draw is not None:
                on_draw(found)
    return Evaluation(tuple(done))


def evaluate_draw(
    predictor: Predictor,
    features: Features,
    classes: Classes,
    *,
    fit_on: str,
    test_on: str,
    train: int,
    draw: int,
    fit_seed: int = 0,
    seed: int = 0,
    by_function: bool = True,
) -> Draw:
    """One draw and one fit; see ``evaluate``."""
    if features.architectures != classes.architectures:
        raise NasproxyError(
            "the features are not of the architectures that stand for the classes",
            accepted="the same architectures in the same order",
        )
    for target in (fit_on, test_on):
        if target not in classes.accuracies:
            raise NasproxyError(
                f"the classes have no {target!r}", accepted=", ".join(classes.accuracies)
            )
    fitted_rows, test_rows = split(classes, train, seed=[seed, draw], by_function=by_function)
    targets = classes.sign(fit_on) * classes.accuracies[fit_on][fitted_rows]
    fitted = predictor.fit(features.take(fitted_rows), targets, seed=fit_seed)
    prediction = fitted.predict(features.take(test_rows))
    sign = classes.sign(test_on)
    truth = sign * classes.accuracies[test_on][test_rows]
    tau, rho, calibration = order_agreement(prediction, truth)
    return Draw(
        draw=draw,
        seed=fit_seed,
        train=train,
        tested=len(test_rows),
        kendall=tau,
        spearman=rho,
        pick=sign * float(truth[int(np.argmax(prediction.mean))]),
        best=sign * float(truth.max()),
        calibration=calibration,
    )


def order_agreement(
    prediction: Prediction, truth: Float64[np.ndarray, " n"]
) -> tuple[float, float, float | None]:
    """Kendall's tau_b, Spearman's rho, and rho of the spread with the error of the rank.

    Raises:
        NasproxyError: fewer than 3 pairs, or a constant side.
    """
    from nasproxy.ranking.aggregate import average_ranks
    from nasproxy.ranking.kernel import sorted_pairs, tau_and_rho

    def both(x: np.ndarray, y: np.ndarray) -> Sequence[float]:
        pairs = sorted_pairs(x, y)
        found: list[float] = tau_and_rho(pairs.x, pairs.y, np.ones(len(x), np.int64)).tolist()
        return found

    for side, values in (("the predictions are", prediction.mean), ("the truth is", truth)):
        if len(values) < 3 or values.min() == values.max():
            raise NasproxyError(
                f"{side} constant over {len(values)} architectures: a constant orders nothing",
                accepted="3 architectures or more that differ",
            )
    tau, rho = both(prediction.mean, truth)
    error = np.abs(average_ranks(prediction.mean) - average_ranks(truth))
    calibration = None
    if np.ptp(prediction.spread) > 0 and np.ptp(error) > 0:
        calibration = both(prediction.spread, error)[1]
    return tau, rho, calibration
