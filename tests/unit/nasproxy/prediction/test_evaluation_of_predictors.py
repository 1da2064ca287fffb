"""Classes, draws and leaks: what is trained on is never tested on."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr

from nasproxy.benchmarks.table import BenchmarkTable
from nasproxy.errors import NasproxyError
from nasproxy.prediction import Features, Prediction
from nasproxy.prediction.classes import Classes, check_no_leak, class_of, classes_of, split
from nasproxy.prediction.evaluation import evaluate, order_agreement
from nasproxy.spaces.nasbench201 import Cell, NASBench201
from nasproxy.spaces.nasbench201.order import all_cells

SPACE = NASBench201()
NONE = "|none~0|+|none~0|none~1|+|{}~0|none~1|none~2|"
# Three spellings of one function, and one that is apart.
DIRECT = NONE.format("nor_conv_3x3")
OVER_A_SKIP = "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|"
DEAD_EDGE = "|avg_pool_3x3~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|"
OTHER = NONE.format("nor_conv_1x1")


def table(architectures: Sequence[str], **targets: Sequence[float]) -> BenchmarkTable:
    columns = {name: np.array(values, dtype=np.float64) for name, values in targets.items()}
    return BenchmarkTable("made", "nasbench201", tuple(architectures), columns, "none")


def some_classes(n: int = 60) -> Classes:
    texts = [str(cell) for cell in all_cells()[:n]]
    rng = np.random.default_rng(0)
    return classes_of(
        SPACE,
        texts,
        table(texts, valid=rng.normal(size=n), test=rng.normal(size=n)),
        ["valid", "test"],
    )


class Remembering:
    """Predicts the sum of its columns, and keeps what it was fitted on."""

    def __init__(self) -> None:
        self.seen: list[tuple[tuple[str, ...], list[float]]] = []

    def fit(self, features: Features, accuracies: np.ndarray, *, seed: int) -> "Remembering":
        self.seen.append((features.architectures, accuracies.tolist()))
        return self

    def predict(self, features: Features) -> Prediction:
        return Prediction(features.levels.sum(axis=1), np.arange(len(features), dtype=np.float64))

    def load(self, folder: Path) -> "Remembering":
        return self

    def save(self, folder: Path, *, overwrite: bool = False) -> None:
        raise NotImplementedError

    @property
    def kind(self) -> str:
        return "remembering"


def test_a_class_has_the_mean_of_its_spellings_and_the_first_stands_for_it() -> None:
    truth = table([DIRECT, OTHER, OVER_A_SKIP], c=[90.0, 50.0, 92.0])
    found = classes_of(SPACE, [OVER_A_SKIP, DIRECT, OTHER], truth, ["c"])
    assert found.architectures == (OVER_A_SKIP, OTHER)
    np.testing.assert_array_equal(found.accuracies["c"], [91.0, 50.0])
    np.testing.assert_array_equal(found.spellings, [2, 1])
    # A spelling whose accuracy the benchmark does not hold stands for its class too.
    assert classes_of(SPACE, [DEAD_EDGE], truth, ["c"]).accuracies["c"].tolist() == [91.0]


def test_classes_without_an_accuracy_are_left_out() -> None:
    truth = table([DIRECT, OTHER], c=[90.0, np.nan])
    assert classes_of(SPACE, [DIRECT, OTHER], truth, ["c"]).architectures == (DIRECT,)
    with pytest.raises(NasproxyError, match="none of the 1 classes"):
        classes_of(SPACE, [OTHER], truth, ["c"])


def test_the_benchmarks_classes_are_finer_than_functions() -> None:
    # 6,466 and 4,930 are published and counted elsewhere; here a slice of them.
    cells = all_cells()[:500]
    classes = {class_of(SPACE, cell) for cell in cells}
    functions = {SPACE.canonical(cell) for cell in cells}
    assert len(functions) < len(classes) < 500


def test_no_function_is_on_both_sides_and_nothing_else_is_lost() -> None:
    classes = some_classes(400)
    for draw in range(5):
        fitted, tested = split(classes, 50, seed=[0, draw])
        trained = {classes.functions[row] for row in fitted}
        assert len(fitted) == len(set(fitted)) == 50
        assert not trained & {classes.functions[row] for row in tested}
        left = set(range(len(classes))) - set(fitted) - set(tested)
        assert all(classes.functions[row] in trained for row in left)
        check_no_leak(
            SPACE,
            [classes.architectures[row] for row in fitted],
            [classes.architectures[row] for row in tested],
        )
    # By class alone every other class is tested, isomorphic by the finer rule or not.
    fitted, tested = split(classes, 50, seed=0, by_function=False)
    assert len(fitted) + len(tested) == len(classes)


def test_a_leak_is_refused_with_both_names() -> None:
    with pytest.raises(NasproxyError, match=r"1 of the 2 test architectures are isomorphic"):
        check_no_leak(SPACE, [DIRECT], [OTHER, DEAD_EDGE])
    with pytest.raises(NasproxyError, match="was trained on"):
        check_no_leak(SPACE, [DIRECT], [DIRECT])
    check_no_leak(SPACE, [DIRECT], [OTHER])


def test_draws_differ_and_are_the_same_for_every_predictor() -> None:
    classes = some_classes()
    features = Features(
        classes.architectures, ("x",), np.arange(len(classes), dtype=np.float64)[:, None]
    )
    one, two = Remembering(), Remembering()
    run = {"fit_on": "valid", "test_on": "test", "train": 20, "draws": 3, "seeds": 2}
    first = evaluate(one, features, classes, **run)  # type: ignore[arg-type]
    assert first == evaluate(two, features, classes, **run)  # type: ignore[arg-type]
    assert one.seen == two.seen
    assert one.seen[0] == one.seen[1] != one.seen[2]
    known = dict(zip(classes.architectures, classes.accuracies["valid"].tolist(), strict=True))
    for texts, accuracies in one.seen:
        assert accuracies == [known[text] for text in texts]


def test_an_evaluation_is_against_the_tested_target() -> None:
    classes = some_classes()
    truth = classes.accuracies["test"]
    features = Features(classes.architectures, ("x",), truth[:, None].copy())
    found = evaluate(
        Remembering(), features, classes, fit_on="valid", test_on="test", train=20, draws=4
    )
    assert found.mean() == 1
    assert found.deviation() == 0
    assert all(draw.pick == draw.best for draw in found.draws)
    against = evaluate(
        Remembering(), features, classes, fit_on="valid", test_on="valid", train=20, draws=4
    )
    assert against.mean() < 0.5
    assert against.deviation() > 0


def test_deviation_is_over_draws_and_not_over_seeds() -> None:
    from nasproxy.prediction.evaluation import Draw, Evaluation

    taus = {(0, 0): 0.5, (0, 1): 0.7, (1, 0): 0.8, (1, 1): 0.8}
    found = Evaluation(
        tuple(Draw(d, s, 2, 9, tau, tau, 1.0, 1.0, None) for (d, s), tau in taus.items())
    )
    assert found.mean() == pytest.approx(0.7)
    assert found.deviation() == pytest.approx(np.std([0.6, 0.8], ddof=1))
    assert found.between_seeds() == pytest.approx(np.sqrt((0.02 + 0) / 2))


def test_agreement_is_scipys_and_the_spread_is_compared_with_the_error() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=50)
    mean = truth + rng.normal(size=50)
    error = np.abs(mean.argsort().argsort() - truth.argsort().argsort())
    tau, rho, calibration = order_agreement(Prediction(mean, error.astype(np.float64)), truth)
    assert tau == pytest.approx(kendalltau(mean, truth).statistic)
    assert rho == pytest.approx(spearmanr(mean, truth).statistic)
    assert calibration == pytest.approx(1)
    assert order_agreement(Prediction(mean, np.ones(50)), truth)[2] is None


def test_too_many_or_too_few_are_refused() -> None:
    classes = some_classes(30)
    with pytest.raises(NasproxyError, match=r"28 training classes of[\s\S]*3 are left"):
        split(classes, 28, seed=0)
    with pytest.raises(NasproxyError, match="0 draws"):
        evaluate(
            Remembering(),
            Features(classes.architectures),
            classes,
            fit_on="test",
            test_on="test",
            train=5,
            draws=0,
        )
    with pytest.raises(NasproxyError, match="constant orders nothing"):
        order_agreement(Prediction(np.ones(5), np.ones(5)), np.arange(5.0))
    assert str(Cell.parse(OTHER)) == OTHER
