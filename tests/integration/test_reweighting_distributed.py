"""Real processes (gloo): the gradient is that of one process with the whole batch."""

from collections.abc import Mapping

import pytest
import reweighting_processes as processes
import torch
from safetensors.torch import load_file
from torch import Tensor

from dataselect import DataselectError
from dataselect.reweighting import LinUpper, LossReweighter
from dataselect.reweighting.gathering import gathered

# In one process: the ranks are started once.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ranks")]

Ranks = Mapping[int, list[dict[str, Tensor]]]


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> Ranks:
    folder = tmp_path_factory.mktemp("ranks")
    for size in (2, 3):
        torch.multiprocessing.spawn(processes.run, args=(size, folder), nprocs=size)
    return {
        size: [load_file(folder / f"{size}-{rank}.safetensors") for rank in range(size)]
        for size in (2, 3)
    }


def check(
    found: list[dict[str, Tensor]], key: str, samples: int, name: str, *, weights: bool = True
) -> None:
    expected, whole = processes.one_process(samples, name)
    for rank in found:
        for parameter, gradient in expected.items():
            torch.testing.assert_close(
                rank[f"{key}/gradient/{parameter}"], gradient, rtol=1e-9, atol=1e-12
            )
    if weights:
        together = torch.cat([rank[f"{key}/weights"] for rank in found])
        torch.testing.assert_close(together, whole, rtol=1e-12, atol=0)
        assert len({float(rank[f"{key}/weighted_loss"]) for rank in found}) == 1
        mean = torch.stack([rank[f"{key}/loss"] for rank in found]).mean()
        torch.testing.assert_close(mean, found[0][f"{key}/weighted_loss"])


@pytest.mark.parametrize("name", ["minmax", "quantiles", "running"])
@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
@pytest.mark.parametrize("case", ["ragged", "empty"])
@pytest.mark.parametrize("size", [2, 3])
def test_ragged_and_empty_batches(ranks: Ranks, size: int, case: str, kind: str, name: str) -> None:
    sizes = processes.RAGGED if case == "ragged" else processes.WITH_AN_EMPTY_ONE
    check(ranks[size], f"{case}/{kind}/{name}", sum(sizes[size]), name)
    # Every fourth sample is masked; padding between processes is no sample.
    masked = -(-sum(sizes[size]) // 4)
    assert {int(rank[f"{case}/{kind}/{name}/masked"]) for rank in ranks[size]} == {masked}


@pytest.mark.parametrize(("case", "masked"), [("nobody", 0), ("masked", 3)])
@pytest.mark.parametrize("size", [2, 3])
def test_no_sample_anywhere_is_a_loss_of_zero(
    ranks: Ranks, size: int, case: str, masked: int
) -> None:
    for rank in ranks[size]:
        of_case = {k: v for k, v in rank.items() if k.startswith(f"nothing/{case}/")}
        assert int(of_case.pop(f"nothing/{case}/masked")) == masked * size
        assert len(of_case) == 7
        assert all((value == 0).all() for value in of_case.values())


@pytest.mark.parametrize("size", [2, 3])
def test_a_promised_largest_batch_saves_an_exchange_only(ranks: Ranks, size: int) -> None:
    check(ranks[size], "ragged/promised/minmax", sum(processes.RAGGED[size]), "minmax")


@pytest.mark.parametrize("size", [2, 3])
def test_gradients_that_are_summed(ranks: Ranks, size: int) -> None:
    check(ranks[size], "summed", sum(processes.RAGGED[size]), "minmax", weights=False)


@pytest.mark.parametrize("size", [2, 3])
def test_a_group_of_some_ranks(ranks: Ranks, size: int) -> None:
    found = ranks[size][-2:]
    sizes = processes.RAGGED[size][-2:]
    check(found, "subgroup", sum(sizes), "minmax")
    assert all(bool(rank["outside"]) for rank in ranks[size][:-2])
    for rank, count in zip(found, sizes, strict=True):
        assert len(rank["alone/weights"]) == count
        assert float(rank["alone/weights"].sum()) in (0.0, pytest.approx(1.0))


@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
@pytest.mark.parametrize("size", [2, 3])
def test_two_passes_are_the_whole_batch(ranks: Ranks, size: int, kind: str) -> None:
    samples = sum(n for part in processes.MICRO[size] for n in part)
    check(ranks[size], f"accumulated/{kind}/True", samples, "minmax", weights=False)
    together = torch.cat([rank[f"accumulated/{kind}/True/weights"] for rank in ranks[size]])
    # data() is cut by rank, then by micro-batch, and each process gathers in the same order.
    torch.testing.assert_close(together, processes.one_process(samples, "minmax")[1])


@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
@pytest.mark.parametrize("size", [2, 3])
def test_one_pass_is_the_mean_of_the_micro_batches(ranks: Ranks, size: int, kind: str) -> None:
    flat = [n for part in processes.MICRO[size] for n in part]
    x, y, prior = processes.data(sum(flat))
    starts = [sum(flat[:i]) for i in range(len(flat))]
    model = processes.network()
    for micro in range(2):
        own = torch.cat(
            [
                torch.arange(
                    starts[2 * rank + micro], starts[2 * rank + micro] + flat[2 * rank + micro]
                )
                for rank in range(size)
            ]
        )
        losses = processes.losses_of(model, x[own], y[own])
        (LossReweighter(LinUpper(), r=0.4)(losses, prior[own]).loss / 2).backward()
    for found in ranks[size]:
        assert int(found[f"accumulated/{kind}/False/step"]) == 1
        for name, gradient in processes.gradients(model).items():
            torch.testing.assert_close(
                found[f"accumulated/{kind}/False/gradient/{name}"], gradient, rtol=1e-9, atol=1e-12
            )


def test_more_samples_than_promised_are_refused() -> None:
    with pytest.raises(DataselectError, match="3 samples on one process"):
        gathered(torch.zeros(3, 2), None, largest=2)
