"""The published order of the strategies on a linear regression, as the example shows it."""

import runpy
from pathlib import Path

import numpy as np

EXAMPLE = Path(__file__).parents[2] / "examples" / "reweight_regression.py"


def test_linupper_is_fastest_and_quadratic_is_ahead_of_uniform() -> None:
    example = runpy.run_path(str(EXAMPLE))

    def loss(name: str) -> float:
        strategy = example["STRATEGIES"][name]
        courses = [
            example["course"](strategy, seed, steps=100, rate=0.05, r=1.0) for seed in range(4)
        ]
        return float(np.mean([course[-1] for course in courses]))

    assert loss("LinUpper") < 0.7 * loss("Quadratic") < 0.7 * loss("Uniform")
