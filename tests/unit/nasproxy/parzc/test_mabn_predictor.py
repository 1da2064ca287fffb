"""MABN as a predictor: what it learns, what it saves, what its seed decides."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau

from nasproxy.errors import NasproxyError
from nasproxy.parzc.losses import LOSSES
from nasproxy.parzc.mixer import Mixer, Shape
from nasproxy.parzc.predictor import MABN, PUBLISHED, Mabn
from nasproxy.parzc.training import Schedule, train_mixer
from nasproxy.prediction import Features, NodeBlock, load

SHAPE = Shape(segments=4, width=4, channels=16, depth=1, dropout=0.1)
SCHEDULE = Schedule(loss="pairwise", epochs=20, batch=16, rate=5e-3)
SMALL = Mabn(shape=SHAPE, schedule=SCHEDULE, members=2, draws=3)


def features(n: int = 60, seed: int = 0) -> tuple[Features, np.ndarray]:
    """Networks of three layers, the better the larger the middle one's gradient."""
    rng = np.random.default_rng(seed)
    values = np.exp(rng.normal(size=(n, 3, 2)) * 2)
    accuracies = 90 + np.log(values[:, 1, 0])
    one = np.ones((n, 3), dtype=np.int64)
    nodes = NodeBlock(
        proxies=("snip", "grad_norm"),
        kinds=("Conv2d", "Linear"),
        layers=("a", "b", "c"),
        values=values,
        kind=one,
        layer=one * [0, 1, 2],
        depth=one * [0, 0.5, 1.0],
        width=one * 8.0,
        size=one * 16.0,
    )
    levels = rng.normal(size=(n, 2))
    texts = tuple(f"net{i}" for i in range(n))
    return Features(texts, ("proxy:x", "cell:y"), levels, nodes), accuracies


def test_it_learns_an_order_and_tells_it_on_others() -> None:
    known, accuracies = features(120)
    unseen, truth = features(80, seed=1)
    fitted = replace(SMALL, members=1).fit(known, accuracies, seed=0)
    found = fitted.predict(unseen)
    assert kendalltau(found.mean, truth).statistic > 0.7
    assert (found.spread > 0).all()


def test_the_published_normalisation_loses_what_tells_networks_apart() -> None:
    # Every layer of a network is scaled by the same factor, which is all that matters here.
    known, _ = features(80)
    assert known.nodes is not None
    factor = np.exp(np.random.default_rng(3).normal(size=80))
    layers = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    values = factor[:, None, None] * layers
    moved = Features(known.architectures, nodes=replace(known.nodes, values=values))
    encoded = {
        name: replace(SMALL, nodes=name, members=1).fit(moved, factor, seed=0)  # type: ignore[arg-type]
        for name in ("published", "places")
    }
    assert np.ptp(encoded["published"].predict(moved).mean) < 1e-5
    assert kendalltau(encoded["places"].predict(moved).mean, factor).statistic > 0.9


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_orders_what_it_was_trained_on(loss: str) -> None:
    known, accuracies = features(48)
    schedule = replace(SCHEDULE, loss=loss, alpha=2.0)
    fitted = replace(SMALL, schedule=schedule, members=1).fit(known, accuracies, seed=0)
    assert kendalltau(fitted.predict(known).mean, accuracies).statistic > 0.6


@pytest.mark.parametrize(
    "settings",
    [
        SMALL,
        replace(SMALL, nodes="published", target="standard"),
        replace(SMALL, nodes="summed", levels=True, use="samples"),
        replace(SMALL, nodes=None, levels=True),
        replace(SMALL, shape=replace(SHAPE, bayesian=False, mix_segments=False)),
        replace(SMALL, proxies=("snip",), schedule=replace(SCHEDULE, divergence=1e-3)),
    ],
)
def test_a_saved_predictor_predicts_the_same_bits(settings: Mabn, tmp_path: Path) -> None:
    known, accuracies = features()
    fitted = settings.fit(known, accuracies, seed=3)
    fitted.save(tmp_path / "deep" / "folder")
    again = load(tmp_path / "deep" / "folder")
    one, two = fitted.predict(known), again.predict(known)
    np.testing.assert_array_equal(one.mean, two.mean)
    np.testing.assert_array_equal(one.spread, two.spread)
    assert again.settings == settings  # type: ignore[attr-defined]


def test_a_fit_is_its_seed() -> None:
    known, accuracies = features()
    state = torch.get_rng_state()
    one, two, other = (SMALL.fit(known, accuracies, seed=s).predict(known) for s in (1, 1, 2))
    np.testing.assert_array_equal(one.mean, two.mean)
    np.testing.assert_array_equal(one.spread, two.spread)
    assert not np.array_equal(one.mean, other.mean)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_prediction_does_not_depend_on_its_neighbours() -> None:
    known, accuracies = features()
    fitted = SMALL.fit(known, accuracies, seed=1)
    whole = fitted.predict(known)
    rows = [7, 3, 40]
    part = fitted.predict(known.take(rows))
    np.testing.assert_allclose(part.mean, whole.mean[rows], atol=1e-5)
    np.testing.assert_allclose(part.spread, whole.spread[rows], atol=1e-5)


def test_the_spread_is_of_members_and_of_weights() -> None:
    known, accuracies = features()
    plain = replace(SMALL, shape=replace(SHAPE, bayesian=False))
    np.testing.assert_array_equal(
        replace(plain, members=1).fit(known, accuracies, seed=0).predict(known).spread, 0
    )
    fitted = plain.fit(known, accuracies, seed=0)
    each = [
        replace(fitted, members=(m,), centre=fitted.centre[[i]], scale=fitted.scale[[i]])
        for i, m in enumerate(fitted.members)
    ]
    means = np.stack([one.predict(known).mean for one in each])
    found = fitted.predict(known)
    np.testing.assert_allclose(found.mean, means.mean(axis=0))
    np.testing.assert_allclose(found.spread, means.std(axis=0, ddof=1))


def test_predictions_have_unit_deviation_in_training() -> None:
    known, accuracies = features()
    found = replace(SMALL, members=1).fit(known, accuracies, seed=0).predict(known)
    assert found.mean.mean() == pytest.approx(0, abs=1e-6)
    assert found.mean.std() == pytest.approx(1, abs=1e-6)


def test_the_epoch_may_be_chosen_on_rows_held_out() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(40, 6))
    targets = rng.normal(size=40)  # nothing to learn: the last epoch is the most overfitted
    schedule = replace(SCHEDULE, epochs=60, held_out=0.3, decay=0.0)
    chosen = train_mixer(rows, targets, SHAPE, schedule, seed=0)
    last = train_mixer(rows, targets, SHAPE, replace(schedule, held_out=0.0), seed=0)

    def tau(mixer: Mixer, x: np.ndarray, y: np.ndarray) -> float:
        with torch.no_grad():
            found = mixer(torch.from_numpy(x).float()).numpy()
        return float(kendalltau(found, y).statistic)

    held = torch.randperm(40, generator=_after_first_weights(rows.shape[1]))[:12].numpy()
    assert tau(chosen, rows[held], targets[held]) > 0.1
    assert tau(last, rows, targets) > tau(chosen, rows, targets) + 0.1


def _after_first_weights(inputs: int) -> torch.Generator:
    generator = torch.Generator().manual_seed(0)
    Mixer(inputs, SHAPE, generator=generator)
    return generator


def test_steps_end_the_passes_early_and_threads_do_not_matter() -> None:
    rng = np.random.default_rng(0)
    rows, targets = rng.normal(size=(40, 6)), rng.normal(size=40)
    # 40 rows are 2 batches of 16 a pass.
    whole, cut, other = (
        train_mixer(rows, targets, SHAPE, replace(SCHEDULE, epochs=e, steps=s), seed=0)
        for e, s in ((3, None), (50, 6), (50, 7))
    )
    for name, value in whole.state_dict().items():
        assert torch.equal(value, cut.state_dict()[name]), name
    assert not torch.equal(whole.out.weight, other.out.weight)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        again = train_mixer(rows, targets, SHAPE, replace(SCHEDULE, epochs=3), seed=0)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(whole.out.weight, again.out.weight)


def test_the_divergence_pulls_weights_to_the_prior() -> None:
    rng = np.random.default_rng(0)
    rows, targets = rng.normal(size=(40, 6)), rng.normal(size=40)
    free, held = (
        train_mixer(rows, targets, SHAPE, replace(SCHEDULE, divergence=d, decay=0.0), seed=0)
        for d in (0.0, 10.0)
    )
    assert held.head.deviation.mean() > 1.05 * free.head.deviation.mean()


def test_what_it_reads_must_be_there() -> None:
    known, accuracies = features()
    bare = Features(known.architectures)
    with pytest.raises(NasproxyError, match=r"no node-wise values[\s\S]*--nodes"):
        MABN.fit(bare, accuracies, seed=0)
    fitted = replace(SMALL, nodes=None, levels=True).fit(known, accuracies, seed=0)
    with pytest.raises(NasproxyError, match="no column"):
        fitted.predict(bare)
    with pytest.raises(NasproxyError, match="3 training architectures"):
        MABN.fit(known.take([0, 1, 2]), accuracies[:3], seed=0)
    with pytest.raises(NasproxyError, match="reads nothing"):
        Mabn(nodes=None)
    with pytest.raises(NasproxyError, match="without Bayesian layers"):
        Mabn(shape=Shape(bayesian=False), schedule=Schedule(divergence=1e-3))


def test_the_published_settings() -> None:
    assert PUBLISHED.schedule == Schedule(
        loss="diffkendall-product", alpha=0.5, epochs=200, batch=10, rate=1e-4, decay=1e-3
    )
    assert PUBLISHED.shape == Shape(16, 16, 512, 4, mix_segments=False, dropout=0.0)


@pytest.mark.parametrize(
    "settings",
    [{"loss": "l1"}, {"epochs": 0}, {"steps": 0}, {"batch": 1}, {"rate": 0.0}, {"held_out": 0.9}],
)
def test_schedules_out_of_range(settings: dict[str, object]) -> None:
    with pytest.raises(NasproxyError, match="accepted"):
        Schedule(**settings)  # type: ignore[arg-type]
