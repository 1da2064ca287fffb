"""Where reweighting by loss helps: many easy samples that say the same, a few that say the rest.

    python examples/reweight_regression.py
    python examples/reweight_regression.py --seeds 20 --plot reweighting_regression.png

Linear regression y = x·θ in ten dimensions. Nine samples in ten lie in a tight cluster along one
direction, the others everywhere; the test set lies everywhere. Plain SGD over batches of 64, the
same samples, steps and learning rate for all five strategies, r = 1.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import torch

from dataselect.reweighting import (
    Extremes,
    Linear,
    LinUpper,
    LossReweighter,
    Quadratic,
    Strategy,
    Uniform,
    regression_losses,
)
from zerocost.files import whole_file

STRATEGIES: dict[str, Strategy] = {
    "LinUpper": LinUpper(),
    "Linear": Linear(),
    "Quadratic": Quadratic(),
    "Uniform": Uniform(),
    "Extremes": Extremes(),
}
DIMENSIONS = 10
EASY, RARE, TEST, BATCH = 900, 100, 500, 64
SHOWN = (25, 50, 100, 200)


def samples(rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Inputs to train on, inputs to test on, and θ."""
    direction = rng.standard_normal(DIMENSIONS)
    easy = direction / np.linalg.norm(direction) + 0.1 * rng.standard_normal((EASY, DIMENSIONS))
    rare = rng.standard_normal((RARE, DIMENSIONS))
    test = rng.standard_normal((TEST, DIMENSIONS))
    theta = rng.standard_normal(DIMENSIONS)
    return torch.tensor(np.vstack([easy, rare])), torch.tensor(test), torch.tensor(theta)


def course(strategy: Strategy, seed: int, *, steps: int, rate: float, r: float) -> np.ndarray:
    """The test loss before training and after each step, as a share of that before."""
    rng = np.random.default_rng(seed)
    x, test, theta = samples(rng)
    y, wanted = x @ theta, test @ theta
    weights = torch.zeros(DIMENSIONS, dtype=torch.float64, requires_grad=True)
    reweight = LossReweighter(strategy, r=r)
    found = [float((wanted**2).mean())]
    for _ in range(steps):
        batch = torch.from_numpy(rng.integers(len(x), size=BATCH))
        out = reweight(*regression_losses(x[batch] @ weights, y[batch]))
        [gradient] = torch.autograd.grad(out.loss, weights)
        with torch.no_grad():
            weights -= rate * gradient
            found.append(float(((test @ weights - wanted) ** 2).mean()))
    return np.array(found) / found[0]


def steps_to(courses: np.ndarray, share: float) -> list[float]:
    """The first step at which each course is at a share of its first loss; infinite if nowhere."""
    below = courses <= share
    return [float(row.argmax()) if row.any() else math.inf for row in below]


def table(courses: dict[str, np.ndarray]) -> str:
    """Means with standard errors over seeds, as Markdown."""
    shown = [step for step in SHOWN if step < next(iter(courses.values())).shape[1]]
    lines = ["| strategy | steps to 10 % of the loss | steps to 1 % | "]
    lines[0] += " | ".join(f"loss after {step} steps, %" for step in shown) + " |"
    lines.append("|---" * (3 + len(shown)) + "|")
    for name, found in courses.items():
        cells = [with_error(steps_to(found, share), "{:.1f}") for share in (0.1, 0.01)]
        cells += [with_error(list(100 * found[:, step]), "{:.2f}") for step in shown]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def with_error(values: list[float], form: str) -> str:
    if not all(map(math.isfinite, values)):
        return f"not by {sum(map(math.isinf, values))} of {len(values)}"
    error = np.std(values, ddof=1) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return f"{form.format(np.mean(values))} ± {form.format(error)}"


def draw(courses: dict[str, np.ndarray], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    for name, found in courses.items():
        logs = np.log10(found)
        mean = logs.mean(axis=0)
        error = logs.std(axis=0, ddof=1) / math.sqrt(len(logs)) if len(logs) > 1 else 0 * mean
        axes.semilogy(10**mean, label=name)
        axes.fill_between(
            np.arange(len(mean)), 10 ** (mean - error), 10 ** (mean + error), alpha=0.2
        )
    seeds = len(next(iter(courses.values())))
    axes.set(xlabel="step", ylabel="test loss, share of that before training")
    axes.set_title(f"Geometric mean of {seeds} seeds, ± one standard error", fontsize=10)
    axes.legend(frameon=False)
    with whole_file(path, overwrite=True) as partial:
        figure.savefig(partial, format="png", dpi=130)
    pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--rate", type=float, default=0.05)
    parser.add_argument("--r", type=float, default=1.0)
    parser.add_argument("--plot", type=Path, help="a PNG of the courses; replaced where it is")
    options = parser.parse_args()
    courses = {
        name: np.array(
            [
                course(strategy, seed, steps=options.steps, rate=options.rate, r=options.r)
                for seed in range(options.seeds)
            ]
        )
        for name, strategy in STRATEGIES.items()
    }
    print(table(courses))
    if options.plot:
        draw(courses, options.plot)
        print(f"Written: {options.plot}")


if __name__ == "__main__":
    main()
