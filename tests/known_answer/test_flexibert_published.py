"""FlexiBERT against its published files: parameter counts, duplicates, baselines."""

import json

import numpy as np
import pytest

from nasproxy import benchmarks, data
from nasproxy.benchmarks.flexibert import load_published
from nasproxy.ranking import agreement
from nasproxy.spaces.flexibert import FlexiBERT
from nasproxy.spaces.flexibert.plan import BUILDERS
from zerocost import downloads

needs_table = pytest.mark.skipif(
    downloads.locate(data.FLEXIBERT) is None or downloads.locate(data.FLEXIBERT_METRICS) is None,
    reason="ZEROCOST_DATA_DIR has no flexibert/BERT_benchmark.json and BERT_results_activation.csv",
)
pytestmark = needs_table


@pytest.fixture(scope="module")
def table():
    return benchmarks.get("flexibert")


def _parameters(table, builder):
    space = FlexiBERT(builder)
    return np.array(
        [space.counts(space.parse(text))["parameters"] for text in table.architectures], float
    )


def test_500_rows_of_491_architectures(table):
    assert len(table) == 500
    assert table.distinct == 491
    glue = table.targets["glue"]
    tasks = [values for task, values in table.targets.items() if task != "glue"]
    assert len(tasks) == 8
    np.testing.assert_allclose(np.mean(tasks, axis=0), glue, atol=1e-9)
    assert (glue.min().round(2), glue.max().round(2)) == (53.66, 75.13)


def test_rows_of_one_architecture_are_runs_of_their_own(table):
    record = json.loads(table.source.read_text())
    truth = np.array([row["scores"]["glue"] for row in record])
    np.testing.assert_array_equal(table.lookup(table.architectures, "glue"), truth)
    twice = next(t for t in table.architectures if table.architectures.count(t) == 2)
    runs = truth[[text == twice for text in table.architectures]]
    np.testing.assert_array_equal(table.lookup([twice, twice], "glue"), runs)
    assert table.lookup([twice], "glue") == pytest.approx(runs.mean())
    assert np.isnan(table.lookup(["128|sdp-2-512x1|nothing"], "glue")[0])


def test_published_parameter_counts_are_those_of_as_published(table):
    published = load_published().targets["Number of Parameters"]
    np.testing.assert_array_equal(_parameters(table, "as_published"), published)


@pytest.mark.parametrize(
    ("builder", "tau", "rho"),
    [
        ("as_trained", 0.573, 0.765),
        ("as_specified", 0.485, 0.676),
        ("as_published", 0.454, 0.652),
    ],
)
def test_parameters_order_glue_as_has_been_found(table, builder, tau, rho):
    found = agreement(_parameters(table, builder), table.targets["glue"], resamples=1)
    assert found.kendall.value == pytest.approx(tau, abs=5e-4)
    assert found.spearman.value == pytest.approx(rho, abs=5e-4)


def test_as_trained_goes_from_4_to_16_million(table):
    counts = _parameters(table, "as_trained")
    assert (counts.min(), counts.max()) == (4_369_408, 15_561_728)


def test_depth_then_width_is_a_strong_baseline(table):
    space = FlexiBERT()
    rows = [space.baselines(space.parse(text)) for text in table.architectures]
    found = {
        name: agreement(np.array([row[name] for row in rows]), table.targets["glue"], resamples=1)
        for name in rows[0]
    }
    assert found["depth"].kendall.value == pytest.approx(0.682, abs=5e-4)
    assert found["depth_then_width"].spearman.value == pytest.approx(0.925, abs=5e-4)


@pytest.mark.slow
@pytest.mark.parametrize("builder", BUILDERS)
def test_closed_forms_count_500_of_500_networks(table, builder):
    from nasproxy.spaces.flexibert.network import EncoderNetwork
    from nasproxy.spaces.flexibert.plan import plan_of

    space = FlexiBERT(builder)
    counted = [
        sum(
            p.numel()
            for p in EncoderNetwork(plan_of(space.parse(text), builder), None).parameters()
        )
        for text in table.architectures
    ]
    assert counted == _parameters(table, builder).astype(int).tolist()
