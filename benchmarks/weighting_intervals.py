"""How often the intervals of learned weights hold the truth, on losses whose truth is known.

python benchmarks/weighting_intervals.py --regressor gp --sets 40

Sets of runs on Dirichlet(1) designs with anchors. `noise`: losses do not depend on the weights.
`law`: a power law of the weights, with noise of a fifth of its deviation over the design; the
true gain at the weights that were learned is known.
"""

from __future__ import annotations

import click
import numpy as np

from dataselect.weighting.designs import anchors, concatenate, dirichlet
from dataselect.weighting.learning import learn
from dataselect.weighting.runs import join


@click.command(help=__doc__)
@click.option("--regressor", default="gp")
@click.option("--sets", default=40, show_default=True)
@click.option("--runs", default=64, show_default=True)
@click.option("--scores", default=10, show_default=True)
@click.option("--resamples", default=40, show_default=True)
def main(regressor: str, sets: int, runs: int, scores: int, resamples: int) -> None:
    names = [f"s{i}" for i in range(scores)]
    uniform = np.full(scores, 1 / scores)
    for kind in ("noise", "law"):
        held = told = 0
        corrected, fitted, true = [], [], []
        for number in range(sets):
            rng = np.random.default_rng(number)
            design = concatenate(dirichlet(names, runs - scores - 1, seed=number), anchors(names))
            useful = np.exp(rng.normal(0, 1.5, scores)) if kind == "law" else np.zeros(scores)

            def truth(
                points: np.ndarray, useful: np.ndarray = useful, kind: str = kind
            ) -> np.ndarray:
                if kind == "noise":
                    return np.full(len(points), 3.0)
                return 2 + (np.sqrt(points) @ useful + 0.2) ** -0.3

            clean = truth(design.weights)
            noise = 0.2 * clean.std() if kind == "law" else 0.1
            losses = clean + rng.normal(0, noise, len(clean))
            found = learn(
                join(
                    design,
                    {r: {"x": float(v)} for r, v in zip(design.run_ids, losses, strict=True)},
                ),
                regressor=regressor,
                resamples=resamples,
                repeats=0,
                seed=number,
            )
            gain = float(truth(uniform[None])[0] - truth(found.weights[None])[0])
            own = found.gain_over_uniform
            held += own.low <= gain <= own.high
            told += any("Against uniform weights the loss is pred" in s for s in found.in_words)
            corrected.append(own.value)
            fitted.append(found.uncorrected["gain_over_uniform"])
            true.append(gain)
        print(
            f"{regressor}, {kind}, {runs} runs of {scores} scores, {sets} sets: the interval of "
            f"the gain over uniform weights holds the truth in {held}; a gain is told in {told}; "
            f"mean gain true {np.mean(true):.4f}, as fitted {np.mean(fitted):.4f}, corrected "
            f"{np.mean(corrected):.4f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
