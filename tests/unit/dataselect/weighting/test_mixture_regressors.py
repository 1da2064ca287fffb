"""Each regressor against closed forms, brute force, finite differences and other libraries."""

import dataclasses
import math

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from dataselect.errors import DataselectError
from dataselect.weighting.regressors import REGRESSORS, regressor_named
from dataselect.weighting.regressors.gaussian_process import GaussianProcess, _objective
from dataselect.weighting.regressors.matern import JITTER, matern, negative_log_likelihood
from dataselect.weighting.regressors.mixing_law import MIXING_LAW, POWER_LAW, MixingLaw
from dataselect.weighting.regressors.ridge import Ridge, features
from dataselect.weighting.regressors.scale import LossScale
from dataselect.weighting.regressors.stack import Stack, blend, folds_of, out_of_fold

EVERY = [name for name in REGRESSORS.names() if name != "stack"]


def runs(
    n: int = 40, k: int = 5, *, noise: float = 0.01, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.ones(k), n)
    return weights, 3 - np.sqrt(weights[:, 0]) + weights[:, 1] ** 2 + rng.normal(0, noise, n)


@pytest.mark.parametrize("name", EVERY)
def test_every_regressor_keeps_its_promises(name: str) -> None:
    weights, losses = runs()
    before = weights.copy(), losses.copy()
    regressor = regressor_named(name)
    assert regressor.name == name
    fitted = regressor.fit(weights, losses, seed=1)
    points = np.vstack([np.random.default_rng(9).dirichlet(np.ones(5), 30), np.eye(5)])
    found = fitted.predict(points)
    assert found.shape == (35,)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(
        found, np.concatenate([fitted.predict(row[None]) for row in points]), rtol=1e-12
    )
    np.testing.assert_array_equal(found, regressor.fit(weights, losses, seed=1).predict(points))
    np.testing.assert_array_equal(weights, before[0])
    np.testing.assert_array_equal(losses, before[1])
    unseen, truth = runs(200, noise=0.0, seed=5)
    error = np.abs(fitted.predict(unseen) - truth).mean()
    assert error < 0.75 * np.abs(losses.mean() - truth).mean()


@pytest.mark.parametrize("name", EVERY)
def test_bad_runs_are_refused(name: str) -> None:
    weights, losses = runs()
    with pytest.raises(DataselectError, match="not finite"):
        regressor_named(name).fit(weights, np.where(losses > 2.5, np.nan, losses))
    with pytest.raises(DataselectError, match="3 runs to learn from"):
        regressor_named(name).fit(weights[:3], losses[:3])


@pytest.mark.parametrize("name", [*EVERY, "stack"])
def test_constant_losses_are_predicted(name: str) -> None:
    weights, _ = runs()
    found = regressor_named(name).fit(weights, np.full(len(weights), 2.5)).predict(np.eye(5))
    np.testing.assert_allclose(found, 2.5, atol=0.05)


def test_names() -> None:
    with pytest.raises(DataselectError, match="did you mean ridge"):
        regressor_named("rigde")
    for other in ("os:getcwd", "dataselect.weighting.regressors.ridge:Ridge"):
        with pytest.raises(DataselectError, match="no regressor"):
            regressor_named(other)


def test_loss_scale_goes_back_and_forth() -> None:
    values = np.array([2.0, 3.0, 7.0])
    scale = LossScale.of(values)
    assert scale.logarithmic
    assert scale.scaled(values).std() == pytest.approx(1)
    np.testing.assert_allclose(scale.losses(scale.scaled(values)), values)
    plain = LossScale.of(values - 4)
    assert not plain.logarithmic
    np.testing.assert_allclose(plain.losses(plain.scaled(values - 4)), values - 4)


def test_likelihood_and_predictions_are_those_of_scikit_learn() -> None:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    rng = np.random.default_rng(0)
    points, targets = rng.random((30, 4)), rng.normal(size=30)
    lengths, signal, noise = np.array([0.3, 1.0, 2.0, 7.0]), 1.7, 0.05
    kernel = ConstantKernel(signal) * Matern(lengths, nu=2.5) + WhiteKernel(noise)
    other = GaussianProcessRegressor(kernel, alpha=JITTER, optimizer=None).fit(points, targets)
    value, _ = negative_log_likelihood(
        -np.log(lengths), math.log(signal), math.log(noise), points, targets
    )
    assert value == pytest.approx(-other.log_marginal_likelihood_value_, rel=1e-9)
    expected = ConstantKernel(signal) * Matern(lengths, nu=2.5)
    np.testing.assert_allclose(
        signal * matern(points[:5] / lengths, points / lengths), expected(points[:5], points)
    )


def test_gradient_of_the_posterior() -> None:
    rng = np.random.default_rng(1)
    points, targets = rng.random((25, 3)), rng.normal(size=25)
    objective = _objective(points, targets)
    at = np.array([0.4, -1.0, 0.1, 0.3, -2.0])
    _, gradient = objective(at)
    numeric = approx_fprime(at, lambda x: objective(x)[0], 1e-6)
    np.testing.assert_allclose(gradient, numeric, rtol=1e-4, atol=1e-4)


def test_leaving_a_run_out_has_a_closed_form() -> None:
    weights, losses = runs(30)
    fitted = GaussianProcess().fit(weights, losses)
    targets = fitted.scale.scaled(losses)
    for left in (0, 7, 29):
        kept = np.delete(np.arange(30), left)
        covariance = fitted.signal * matern(fitted.points[kept], fitted.points[kept])
        covariance += (fitted.noise + JITTER) * np.eye(29)
        cross = fitted.signal * matern(fitted.points[left : left + 1], fitted.points[kept])
        brute = fitted.scale.losses(cross @ np.linalg.solve(covariance, targets[kept]))
        assert fitted.leave_one_out()[left] == pytest.approx(brute[0], rel=1e-6)


def test_a_process_learns_which_scores_matter() -> None:
    rng = np.random.default_rng(0)
    weights = rng.dirichlet(np.ones(6), 80)
    losses = 4 - weights[:, 2] ** 0.25 + rng.normal(0, 0.01, 80)
    fitted = GaussianProcess().fit(weights, losses)
    others = np.delete(fitted.inverse_lengths, 2)
    assert fitted.inverse_lengths[2] > 2 * others.max()


def test_a_process_takes_noise_for_noise() -> None:
    rng = np.random.default_rng(3)
    weights = rng.dirichlet(np.ones(6), 100)
    losses = 3 + rng.normal(0, 0.1, 100)
    predicted = GaussianProcess().fit(weights, losses).predict(rng.dirichlet(np.ones(6), 200))
    assert predicted.std() < 0.5 * losses.std()


def test_many_runs_are_fitted_as_few_are() -> None:
    """Above 192 runs the length scales start from those of a part."""
    weights, losses = runs(260)
    unseen, truth = runs(200, noise=0.0, seed=5)
    error = np.abs(GaussianProcess().fit(weights, losses).predict(unseen) - truth).mean()
    assert error < 0.01


def test_ridge_chooses_by_the_leave_one_out_error() -> None:
    weights, losses = runs(20, 3, noise=0.1)
    penalties = np.array([1e-2, 1.0, 30.0])
    fitted = Ridge(penalties).fit(weights, losses)
    scale = LossScale.of(losses)
    raw = features(weights)
    standard = (raw - raw.mean(axis=0)) / raw.std(axis=0)
    targets = scale.scaled(losses)
    design = np.concatenate([np.ones((20, 1)), standard], axis=1)
    errors = []
    for penalty in penalties:
        shrink = penalty * np.diag([0.0] + [1.0] * standard.shape[1])
        off = []
        for left in range(20):
            kept = np.delete(np.arange(20), left)
            gram = design[kept].T @ design[kept] + shrink
            beta = np.linalg.solve(gram, design[kept].T @ targets[kept])
            off.append(targets[left] - design[left] @ beta)
        errors.append(np.mean(np.square(off)))
    assert fitted.penalty == penalties[int(np.argmin(errors))]
    gram = standard.T @ standard + fitted.penalty * np.eye(9)
    np.testing.assert_allclose(fitted.coefficients, np.linalg.solve(gram, standard.T @ targets))


@pytest.mark.parametrize("law", [MIXING_LAW, POWER_LAW])
def test_laws_find_themselves(law: MixingLaw) -> None:
    rng = np.random.default_rng(4)
    weights, unseen = rng.dirichlet(np.ones(4), 60), rng.dirichlet(np.ones(4), 100)
    rates = np.array([-2.0, 0.3, 0.0, 1.0])

    def truth(points: np.ndarray) -> np.ndarray:
        if law.form == "exponential":
            return 2 + np.exp(points @ rates)
        return 2 + (points @ np.exp(rates)) ** -0.7

    fitted = law.fit(weights, truth(weights))
    np.testing.assert_allclose(fitted.predict(unseen), truth(unseen), atol=0.02)
    if law.form == "exponential":
        np.testing.assert_allclose(
            fitted.rates - fitted.rates.mean(), rates - rates.mean(), atol=0.1
        )


@pytest.mark.parametrize("law", [MIXING_LAW, POWER_LAW])
def test_the_jacobian_of_a_law(law: MixingLaw) -> None:
    rng = np.random.default_rng(2)
    weights, targets = rng.dirichlet(np.ones(3), 7), rng.random(7)
    at = np.array([-0.2, 0.3, 0.5, -1.0, 0.2])
    numeric = approx_fprime(at, lambda x: law._residuals(x, weights, targets), 1e-7)
    np.testing.assert_allclose(law._jacobian(at, weights, targets), numeric, atol=1e-5)


def test_blend_is_the_best_point_of_the_simplex() -> None:
    rng = np.random.default_rng(0)
    losses = rng.normal(3, 1, 50)
    predicted = losses[:, None] + rng.normal(0, [0.5, 0.7, 2.0], (50, 3))
    found = blend(predicted, losses)
    assert found.sum() == pytest.approx(1)
    grid = np.array([(i, j, 100 - i - j) for i in range(101) for j in range(101 - i)]) / 100
    errors = ((predicted @ grid.T - losses[:, None]) ** 2).sum(axis=0)
    assert ((predicted @ found - losses) ** 2).sum() <= errors.min() + 1e-9
    exact = np.stack([losses, losses + 1], axis=1)
    np.testing.assert_allclose(blend(exact, losses), [1, 0], atol=1e-3)


def test_a_stack_is_the_weighted_mean_of_its_members() -> None:
    weights, losses = runs()
    members = (regressor_named("ridge"), regressor_named("power_law"))
    fitted = Stack(members).fit(weights, losses, seed=2)
    folds = folds_of(40, 5, 2)
    predicted = np.stack([out_of_fold(m, weights, losses, folds, 2) for m in members], axis=1)
    assert list(fitted.shares.values()) == pytest.approx(
        [share for share in blend(predicted, losses) if share], rel=1e-9
    )
    own = sum(
        fitted.shares.get(m.name, 0.0) * m.fit(weights, losses, seed=2).predict(weights)
        for m in members
    )
    np.testing.assert_allclose(fitted.predict(weights), own)
    fixed = dataclasses.replace(Stack(members), shares={"ridge": 1.0})
    np.testing.assert_allclose(
        fixed.fit(weights, losses).predict(weights),
        members[0].fit(weights, losses).predict(weights),
    )


def test_folds_hold_each_run_once() -> None:
    folds = folds_of(23, 5, 0)
    assert sorted(np.concatenate(folds).tolist()) == list(range(23))
    assert {len(fold) for fold in folds} == {4, 5}


def test_without_lightgbm_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "lightgbm", None)
    weights, losses = runs()
    with pytest.raises(DataselectError, match="pip install"):
        regressor_named("lightgbm").fit(weights, losses)


def test_a_forest_adds_up_what_lightgbm_does() -> None:
    import lightgbm

    from dataselect.weighting.regressors.forest import forest_of

    weights, losses = runs(120)
    settings = {"verbosity": -1, "min_data_in_leaf": 5, "num_threads": 1}
    booster = lightgbm.train(settings, lightgbm.Dataset(weights, losses), num_boost_round=30)
    points = np.random.default_rng(3).dirichlet(np.ones(5), 500)
    points[:120] = weights  # thresholds lie between the runs' own weights
    for trees in (1, 17, 30):
        found = forest_of(booster.model_to_string(), trees).predict(points)
        np.testing.assert_allclose(
            found, booster.predict(points, num_iteration=trees), rtol=1e-14, atol=1e-14
        )
