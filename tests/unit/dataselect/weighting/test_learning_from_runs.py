"""The whole way from runs to weights, with intervals and in words."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dataselect.errors import DataselectError
from dataselect.selection.weights import ColumnWeight, read_weights, write_weights
from dataselect.weighting.designs import anchors, concatenate, dirichlet
from dataselect.weighting.drawing import draw_curve, draw_fit, draw_weights
from dataselect.weighting.learning import (
    LEAST_RUNS,
    Learned,
    learn,
    learned_to_json,
    learned_to_weights,
    objective_of,
)
from dataselect.weighting.options import bounds_of, prior_of, targets_of
from dataselect.weighting.page import render
from dataselect.weighting.regressors.mixing_law import POWER_LAW
from dataselect.weighting.regressors.ridge import RIDGE
from dataselect.weighting.regressors.stack import Stack
from dataselect.weighting.runs import Runs, join
from dataselect.weighting.validation import Curve

NAMES = ["edu", "books", "clean", "dsir", "length", "ads"]
CENTRE = np.array([0.5, 0.3, 0.2, 0.0, 0.0, 0.0])


def truth(weights: np.ndarray) -> np.ndarray:
    return 3 + ((weights - CENTRE) ** 2).sum(axis=-1)


@pytest.fixture(scope="module")
def runs() -> Runs:
    design = concatenate(dirichlet(NAMES, 41), anchors(NAMES))
    rng = np.random.default_rng(0)
    good = truth(design.weights) + rng.normal(0, 0.01, len(design.run_ids))
    noise = 3 + rng.normal(0, 0.1, len(design.run_ids))
    return join(
        design,
        {
            run_id: {"web": float(g), "noise": float(n)}
            for run_id, g, n in zip(design.run_ids, good, noise, strict=True)
        },
    )


@pytest.fixture(scope="module")
def learned(runs: Runs) -> Learned:
    return learn(runs, target="web", regressor="gp", resamples=12, repeats=1)


def test_the_optimum_is_found_and_its_gain_is_in_the_interval(learned: Learned) -> None:
    assert learned.weights.sum() == pytest.approx(1)
    assert 0.5 * np.abs(learned.weights - CENTRE).sum() < 0.2
    uniform = np.full(6, 1 / 6)
    gain = truth(uniform) - truth(learned.weights)
    assert learned.gain_over_uniform.low < gain < learned.gain_over_uniform.high
    assert learned.gain_over_uniform.low > 0
    assert learned.best_single == "edu"
    alone = truth(np.eye(6)[0]) - truth(learned.weights)
    assert learned.gain_over_single.low < alone < learned.gain_over_single.high
    assert learned.predicted.low < truth(learned.weights) < learned.predicted.high
    assert learned.distance_to_uniform.value == pytest.approx(
        0.5 * np.abs(learned.weights - uniform).sum()
    )
    assert learned.effective_scores == pytest.approx(1 / np.square(learned.weights).sum())
    assert learned.resampled.shape == (12, 6)
    assert (learned.low <= learned.high).all()
    assert learned.spearman["web"].low > 0.8
    assert any("is predicted to fall by" in said for said in learned.in_words)


@pytest.mark.parametrize(("drop", "told"), [(0.3, True), (0.0, False)])
def test_a_run_better_than_what_is_expected_is_pointed_at(
    runs: Runs, drop: float, told: bool
) -> None:
    losses = runs.losses.copy()
    losses[7] -= drop  # whatever its weights are, it was measured
    found = learn(
        replace(runs, losses=losses), target="web", regressor="gp", resamples=12, repeats=0
    )
    said = " ".join(found.in_words)
    assert (f"The run {runs.run_ids[7]} was measured at" in said) is told


def test_noise_is_told_in_words(runs: Runs) -> None:
    found = learn(runs, target="noise", regressor="gp", resamples=12, repeats=1)
    said = " ".join(found.in_words)
    assert "A gain over uniform weights is not told apart from zero" in said
    assert "not predicted better than by chance" in said
    assert "is predicted to fall" not in said


def test_noise_is_hardly_ever_taken_for_a_gain() -> None:
    """The interval of the gain over uniform weights, over sets of runs whose losses are noise."""
    told = 0
    for seed in range(16):
        design = dirichlet(NAMES, 48, seed=seed)
        losses = 3 + np.random.default_rng(seed).normal(0, 0.1, 48)
        noise = join(
            design,
            {run_id: {"x": float(v)} for run_id, v in zip(design.run_ids, losses, strict=True)},
        )
        found = learn(noise, regressor="ridge", resamples=14, repeats=0, seed=seed)
        told += any("is predicted to fall" in said for said in found.in_words)
    assert told <= 1


def test_same_seed_same_result_for_any_number_of_threads(runs: Runs) -> None:
    one, two = (
        learn(runs, target="web", regressor="ridge", resamples=4, repeats=1, threads=t)
        for t in (1, 2)
    )
    assert learned_to_json(one) == learned_to_json(two)


def test_published_optimiser(runs: Runs) -> None:
    found = learn(
        runs,
        target="web",
        regressor="gp",
        optimiser="published",
        draws=20_000,
        resamples=4,
        repeats=0,
    )
    assert found.settings["best"] == 128
    # The mean of the best draws lies nearer to the middle than the least loss does.
    assert found.distance_to_uniform.value < 0.5
    assert found.curve == Curve({})


def test_bounds_are_kept(runs: Runs) -> None:
    bounds = {"edu": (0.0, 0.2), "ads": (0.1, 1.0)}
    found = learn(runs, target="web", regressor="ridge", bounds=bounds, resamples=4, repeats=0)
    assert found.weights[0] <= 0.2 + 1e-12
    assert found.weights[5] >= 0.1 - 1e-12
    assert (found.resampled[:, 0] <= 0.2 + 1e-12).all()


def test_several_targets(runs: Runs) -> None:
    found = learn(
        runs, target={"web": 3.0, "noise": 1.0}, regressor="ridge", resamples=4, repeats=0
    )
    assert found.objective == {"web": 0.75, "noise": 0.25}
    assert set(found.spearman) == {"objective", "web", "noise"}
    assert objective_of(runs, "mean") == {"web": 0.5, "noise": 0.5}


def test_a_stack_names_its_members(runs: Runs) -> None:
    few = runs.take(np.arange(24))
    web = Runs(few.names, ("web",), few.run_ids, few.weights, few.losses[:, :1])
    found = learn(web, resamples=2, folds=2, repeats=0)
    assert found.regressor == "stack"
    assert sum(found.members.values()) == pytest.approx(1)


def test_a_stack_learns_from_the_fewest_runs_that_are_accepted(runs: Runs) -> None:
    few = runs.take(np.arange(LEAST_RUNS))
    found = learn(few, target="web", regressor=Stack((RIDGE, POWER_LAW)), resamples=2, repeats=0)
    assert found.resampled.shape == (2, 6)


def test_json_and_weights_file(learned: Learned, tmp_path: Path) -> None:
    found = json.loads(json.dumps(learned_to_json(learned), allow_nan=False))
    assert found["weights"]["edu"]["weight"] == learned.weights[0]
    assert found["gain_over_uniform"]["low"] == learned.gain_over_uniform.low
    forms = {name: ColumnWeight(0.0, orientation=-1, transform="minmax") for name in NAMES}
    path = tmp_path / "weights.json"
    write_weights(learned_to_weights(learned, forms, {"tool": "test"}), path)
    read = read_weights(path)
    assert read.columns["books"] == ColumnWeight(
        float(learned.weights[1]), orientation=-1, transform="minmax"
    )
    assert read.made_by["learned"]["settings"]["seed"] == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "wep"}, "did you mean web"),
        ({"target": {"web": -1.0}}, "above 0"),
        ({"target": {}}, "no target"),
        ({"regressor": "gpp"}, "did you mean gp"),
        ({"resamples": 1}, "2 resamples"),
        ({"bounds": {"edus": (0.0, 1.0)}}, "did you mean edu"),
        ({"prior": {"edu": 1.0}, "optimiser": "published"}, "'books' has none"),
        (
            {"prior": {**dict.fromkeys(NAMES, 1.0), "ads": np.inf}, "optimiser": "published"},
            "that of 'ads' is inf",
        ),
        (
            {"prior": {**dict.fromkeys(NAMES, 1.0), "add": 1.0}, "optimiser": "published"},
            "'add' is not among them",
        ),
        ({"prior": dict.fromkeys(NAMES, 1.0)}, "the optimiser direct takes none"),
        ({"seed": -1}, "the seed is -1"),
    ],
)
def test_bad_requests(runs: Runs, options: dict[str, object], message: str) -> None:
    with pytest.raises(DataselectError) as error:
        learn(runs, **{"regressor": "ridge", **options})  # type: ignore[arg-type]
    assert message in str(error.value)


def test_too_few_runs_and_losses_that_are_the_same(runs: Runs) -> None:
    with pytest.raises(DataselectError, match="16 runs or more"):
        learn(runs.take(np.arange(15)))
    same = Runs(runs.names, ("x",), runs.run_ids, runs.weights, np.ones((48, 1)))
    with pytest.raises(DataselectError, match="losses that differ"):
        learn(same)
    one = Runs(("edu",), ("x",), runs.run_ids, np.ones((48, 1)), runs.losses[:, :1])
    with pytest.raises(DataselectError, match="'edu' is the only one to weigh"):
        learn(one)


def test_options_as_they_are_typed(tmp_path: Path) -> None:
    assert targets_of(["web", "a=b=0.5"]) == {"web": 1.0, "a=b": 0.5}
    assert bounds_of(["a=0.1:0.4", "*=:0.3", "b=0.2:"]) == {
        "a": (0.1, 0.4),
        "*": (0.0, 0.3),
        "b": (0.2, 1.0),
    }
    for text in ("a", "a=1", "=0:1", "a=x:1"):
        with pytest.raises(DataselectError, match="NAME=LOW:HIGH"):
            bounds_of([text])
    with pytest.raises(DataselectError, match="twice"):
        targets_of(["web", "web=2"])
    (tmp_path / "prior.json").write_text('{"a": 1, "b": 0.5}')
    assert prior_of(tmp_path / "prior.json") == {"a": 1.0, "b": 0.5}
    with pytest.raises(DataselectError, match="prior"):
        prior_of(tmp_path / "none.json")


def test_pictures_hold_every_number(learned: Learned) -> None:
    names = ["<b>&", *NAMES[1:]]
    bars = draw_weights(names, learned.weights, learned.low, learned.high)
    assert bars.count("<rect") == 6
    assert "&lt;b&gt;&amp;" in bars
    fit = draw_fit(learned.validation, "loss")
    assert fit.count("<circle") == 48
    curve = draw_curve(learned.curve)
    assert curve.count("<circle") == len(learned.curve.by_runs) + len(learned.curve.expected)
    for picture in (bars, fit, curve):
        assert "nan" not in picture
        inside = [float(x) for x in re.findall(r' c?[xy]="(-?[0-9.]+)"', picture)]
        assert min(inside) >= -1
    assert draw_curve(Curve({})) == ""


def test_the_page(learned: Learned) -> None:
    page = render(learned, title="<script>", sections=[("more", "More", "<p>own</p>")])
    assert "<script" not in page
    assert "<p>own</p>" in page
    for said in learned.in_words:
        assert said.replace("'", "&#39;") in page
    assert not re.search(r"\bnan\b", page)
