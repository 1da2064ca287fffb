"""A Gaussian process on columns of whole architectures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from nasproxy.prediction.matern import Kernel, log_posterior, start
from nasproxy.prediction.normal_scores import normal_scores
from nasproxy.prediction.predictor import Features, Prediction, check_training
from nasproxy.prediction.scaling import Scaling, fit_scaling
from nasproxy.prediction.storage import read_fitted, write_fitted

__all__ = ["GAUSSIAN_PROCESS", "FittedProcess", "GaussianProcess"]

_KIND = "gp"
_CHUNK = 4096


@dataclass(frozen=True)
class GaussianProcess:
    """Gaussian process regression of the accuracies' normal scores.

    Matern 5/2 kernel with a length a column (``nasproxy.prediction.matern``), its parameters the
    most probable ones on up to ``tuned_on`` of the training architectures; then all of them are
    conditioned on. O(n^3): seconds for 2,000 training architectures, too long for 20,000.

    Attributes:
        tuned_on: how many training architectures the kernel's parameters are fitted on.
        steps: of L-BFGS.

    Reference: Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006.
    """

    tuned_on: int = 500
    steps: int = 25

    def fit(
        self, features: Features, accuracies: Float64[np.ndarray, " n"], *, seed: int
    ) -> FittedProcess:
        """See ``nasproxy.prediction.predictor.Predictor.fit``."""
        from scipy.linalg import cholesky, solve_triangular
        from scipy.optimize import minimize
        from threadpoolctl import threadpool_limits

        check_training(features, accuracies)
        scaling = fit_scaling(features)
        x = scaling.apply(features)
        y = normal_scores(accuracies)
        chosen = np.random.default_rng(seed).permutation(len(x))[: self.tuned_on]
        layout, first = start(x, scaling.groups)
        # One thread: sums of several differ in their last digits, and matrices are small.
        with threadpool_limits(1):
            found = minimize(
                log_posterior,
                first,
                args=(layout, x[chosen], y[chosen]),
                jac=True,
                method="L-BFGS-B",
                bounds=[(-6.0, 6.0)] * len(first),
                options={"maxiter": self.steps},
            )
        kernel = layout.kernel(found.x)
        # As it is read back: products of another memory order differ in their last digits.
        factor = np.ascontiguousarray(cholesky(kernel.observed(x), lower=True))
        return FittedProcess(scaling, kernel, x, factor, solve_triangular(factor, y, lower=True))

    def load(self, folder: Path) -> FittedProcess:
        """See ``nasproxy.prediction.predictor.Predictor.load``."""
        settings, tensors = read_fitted(folder, _KIND)
        return FittedProcess(
            Scaling.from_tensors(settings["columns"], tensors),
            Kernel(tensors["weights"], settings["amplitude"], settings["noise"]),
            tensors["inputs"],
            tensors["factor"],
            tensors["whitened"],
        )


@dataclass(frozen=True, eq=False)
class FittedProcess:
    """A Gaussian process that knows its training architectures.

    Attributes:
        scaling: of columns to inputs.
        kernel: its parameters.
        inputs: of the training architectures, float64 ``[n, d]``.
        factor: the lower Cholesky factor L of their covariance with noise, float64 ``[n, n]``.
        whitened: L^-1 y of their normal scores y, float64 ``[n]``.
    """

    scaling: Scaling
    kernel: Kernel
    inputs: Float64[np.ndarray, "n d"]
    factor: Float64[np.ndarray, "n n"]
    whitened: Float64[np.ndarray, " n"]

    @property
    def kind(self) -> str:
        """``gp``."""
        return _KIND

    def predict(self, features: Features) -> Prediction:
        """Mean and standard deviation of the function, in normal scores. O(n^2) each.

        The spread is of the function and without the noise of one training; see
        ``nasproxy.prediction.predictor.Fitted.predict``.
        """
        x = self.scaling.apply(features)
        mean, spread = np.empty(len(x)), np.empty(len(x))
        for rows, solved in self._solved(x):
            mean[rows] = solved.T @ self.whitened
            variance = self.kernel.amplitude - np.einsum("nm,nm->m", solved, solved)
            spread[rows] = np.sqrt(np.maximum(variance, 0.0))
        return Prediction(mean, spread)

    def _solved(
        self, x: Float64[np.ndarray, "m d"]
    ) -> Iterator[tuple[slice, Float64[np.ndarray, "n k"]]]:
        """L^-1 k(training, new), some of the new at a time."""
        from scipy.linalg import solve_triangular

        for begin in range(0, len(x), _CHUNK):
            rows = slice(begin, begin + _CHUNK)
            across = self.kernel.between(self.inputs, x[rows])
            yield rows, solve_triangular(self.factor, across, lower=True)

    def save(self, folder: Path, *, overwrite: bool = False) -> None:
        """See ``nasproxy.prediction.predictor.Fitted.save``."""
        write_fitted(
            folder,
            _KIND,
            {
                "columns": list(self.scaling.names),
                "amplitude": self.kernel.amplitude,
                "noise": self.kernel.noise,
            },
            {
                **self.scaling.as_tensors(),
                "weights": self.kernel.weights,
                "inputs": self.inputs,
                "factor": self.factor,
                "whitened": self.whitened,
            },
            overwrite=overwrite,
        )


GAUSSIAN_PROCESS = GaussianProcess()
