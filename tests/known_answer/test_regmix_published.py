"""RegMix's public runs: the published rank correlations and search, and what fewer runs tell."""

import os
from pathlib import Path

import numpy as np
import pytest

from dataselect.weighting.optimum import published
from dataselect.weighting.regressors import regressor_named
from dataselect.weighting.regressors.trees import fit_as_published
from dataselect.weighting.runs import Runs
from dataselect.weighting.tables import read_tables
from dataselect.weighting.validation import spearman

FOLDER = Path(os.environ.get("ZEROCOST_DATA_DIR", ".")) / "mixtures" / "regmix"
pytestmark = pytest.mark.skipif(
    not (FOLDER / "train_mixture_1m.csv").exists(),
    reason="ZEROCOST_DATA_DIR has no mixtures/regmix",
)

# Spearman times 100, as the notebook prints it, in the order of the columns.
PUBLISHED = {
    "arxiv": 99.6, "freelaw": 99.71, "pubmed_central": 99.08, "wikipedia_en": 99.45,
    "dm_mathematics": 97.2, "github": 99.77, "stackexchange": 99.73, "gutenberg_pg_19": 99.18,
    "pile_cc": 98.92, "ubuntu_irc": 96.87, "hackernews": 98.51, "pubmed_abstracts": 99.19,
    "uspto_backgrounds": 99.12,
}  # fmt: skip
# Shares of tokens of the 17 domains of the Pile in the order of the columns, from the notebook.
PRIOR = np.array(
    [0.11328527, 0.07960865, 0.00391349, 0.1853759, 0.05108136, 0.01596293, 0.10175077, 0.00370752,
     0.06652935, 0.00175077, 0.02708548, 0.23686921, 0.01184346, 0.00792997, 0.00803296,
     0.03882595, 0.04644696]
)  # fmt: skip


def read(part: str) -> Runs:
    return read_tables(FOLDER / f"{part}_mixture_1m.csv", FOLDER / f"{part}_pile_loss_1m.csv")


@pytest.fixture(scope="module")
def train() -> Runs:
    return read("train")


@pytest.fixture(scope="module")
def test() -> Runs:
    return read("test")


def test_the_tables(train: Runs, test: Runs) -> None:
    assert (train.weights.shape, train.losses.shape) == ((512, 17), (512, 13))
    assert (test.weights.shape, test.losses.shape) == ((256, 17), (256, 13))
    assert [
        name.removeprefix("metric/the_pile_").removesuffix("_val_loss") for name in train.targets
    ] == list(PUBLISHED)
    assert not train.left_out


@pytest.mark.parametrize(
    "target",
    [
        pytest.param(name, marks=() if name in ("arxiv", "dm_mathematics") else pytest.mark.slow)
        for name in PUBLISHED
    ],
)
def test_published_rank_correlations(train: Runs, test: Runs, target: str) -> None:
    at = list(PUBLISHED).index(target)
    fitted = fit_as_published(train.weights, train.losses[:, at], test.weights, test.losses[:, at])
    found = 100 * spearman(fitted.predict(test.weights), test.losses[:, at])
    assert round(found, 2) == PUBLISHED[target]


def test_published_search_for_pile_cc(train: Runs, test: Runs) -> None:
    at = list(PUBLISHED).index("pile_cc")
    fitted = fit_as_published(train.weights, train.losses[:, at], test.weights, test.losses[:, at])
    found = published(
        fitted.predict, 17, draws=100_000, alpha=PRIOR, seed=np.random.RandomState(42)
    )
    by_name = dict(zip(train.names, found.weights.round(4).tolist(), strict=True))
    assert by_name["train_the_pile_pile_cc"] == 0.8909
    assert by_name["train_the_pile_ubuntu_irc"] == 0.0614
    assert by_name["train_the_pile_pubmed_abstracts"] == 0.0123
    assert by_name["train_the_pile_wikipedia_en"] == 0.0073


def test_a_process_learns_from_64_runs_what_trees_do_not(train: Runs, test: Runs) -> None:
    """One draw of the ten in benchmarks/regmix.py; trees have .960 over ten."""
    rows = np.random.default_rng(0).permutation(512)[:64]
    found = []
    for at in range(13):
        fitted = regressor_named("gp").fit(train.weights[rows], train.losses[rows, at])
        found.append(spearman(fitted.predict(test.weights), test.losses[:, at]))
    assert np.mean(found) >= 0.978
