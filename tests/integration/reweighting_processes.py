"""What each process of test_reweighting_distributed runs; one file of gradients a rank."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, distributed, nn

from dataselect import DataselectError
from dataselect.reweighting import (
    LinUpper,
    LossReweighter,
    Quadratic,
    QuantileRange,
    Reweighted,
    RunningRange,
    accumulate,
    regression_losses,
)

# Samples of each rank by number of processes.
RAGGED = {2: (5, 3), 3: (4, 1, 6)}
WITH_AN_EMPTY_ONE = {2: (8, 0), 3: (5, 0, 6)}
MICRO = {2: ((3, 2), (2, 1)), 3: ((2, 2), (0, 1), (5, 1))}


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 1)).double()


def data(samples: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(samples)
    x = torch.randn(samples, 6, generator=generator, dtype=torch.float64)
    y = x.sum(dim=1).sin() * 3
    prior = torch.arange(samples) % 4 + 0.0  # a masked sample among them
    return x, y, prior


def losses_of(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return regression_losses(model(x)[:, 0], y)[0]


def gradients(model: nn.Module) -> dict[str, Tensor]:
    found = {}
    for name, parameter in model.named_parameters():
        gradient = parameter.grad
        assert gradient is not None
        full = gradient.full_tensor() if hasattr(gradient, "full_tensor") else gradient
        found[name.removeprefix("module.")] = full.detach().clone()
    return found


def reweighters(**more: object) -> dict[str, LossReweighter]:
    return {
        "minmax": LossReweighter(LinUpper(), r=0.4, **more),  # type: ignore[arg-type]
        "quantiles": LossReweighter(
            Quadratic(),
            r=0.3,
            normalisation=QuantileRange(0.1, 0.9),
            **more,  # type: ignore[arg-type]
        ),
        "running": LossReweighter(LinUpper(), r=0.4, normalisation=RunningRange(3), **more),  # type: ignore[arg-type]
    }


def one_process(samples: int, name: str) -> tuple[dict[str, Tensor], Tensor]:
    """Gradients and weights of the whole batch at once."""
    model = network()
    x, y, prior = data(samples)
    out = reweighters()[name](losses_of(model, x, y), prior)
    out.loss.backward()
    return gradients(model), out.weights


def run(rank: int, size: int, folder: Path) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/store{size}", rank=rank, world_size=size
    )
    try:
        found: dict[str, Tensor] = {}
        for case, sizes in (("ragged", RAGGED[size]), ("empty", WITH_AN_EMPTY_ONE[size])):
            for kind in ("ddp", "fsdp"):
                for name, reweight in reweighters().items():
                    _one_step(
                        found,
                        f"{case}/{kind}/{name}",
                        kind,
                        reweight=reweight,
                        rank=rank,
                        sizes=sizes,
                    )
        promised = reweighters(largest_local_batch=max(RAGGED[size]))["minmax"]
        _one_step(
            found, "ragged/promised/minmax", "ddp", reweight=promised, rank=rank, sizes=RAGGED[size]
        )
        for kind in ("ddp", "fsdp"):
            for two_pass in (False, True):
                _accumulated(found, kind, two_pass, rank=rank, size=size)
        _summed(found, rank, size)
        _nothing(found, size)
        _subgroup(found, rank, size)
        save_file(found, folder / f"{size}-{rank}.safetensors")
    finally:
        distributed.destroy_process_group()


def _wrapped(kind: str) -> nn.Module:
    model = network()
    if kind == "ddp":
        return nn.parallel.DistributedDataParallel(model)
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh("cpu", (distributed.get_world_size(),))
    for layer in model:
        if isinstance(layer, nn.Linear):
            fully_shard(layer, mesh=mesh)
    return fully_shard(model, mesh=mesh)


def _own(rank: int, sizes: tuple[int, ...]) -> slice:
    first = sum(sizes[:rank])
    return slice(first, first + sizes[rank])


def _one_step(
    found: dict[str, Tensor],
    key: str,
    kind: str,
    *,
    reweight: LossReweighter,
    rank: int,
    sizes: tuple[int, ...],
) -> None:
    model, own = _wrapped(kind), _own(rank, sizes)
    x, y, prior = data(sum(sizes))
    out = reweight(losses_of(model, x[own], y[own]), prior[own])
    out.loss.backward()
    _keep(found, key, model, out)


def _keep(
    found: dict[str, Tensor],
    key: str,
    model: nn.Module,
    out: Reweighted,
) -> None:
    found |= {f"{key}/gradient/{name}": value for name, value in gradients(model).items()}
    found[f"{key}/weights"] = out.weights.clone()
    found[f"{key}/loss"] = out.loss.detach().clone()
    found[f"{key}/masked"] = torch.tensor(out.stats.masked)
    found[f"{key}/weighted_loss"] = torch.tensor(out.stats.weighted_loss, dtype=torch.float64)


def _accumulated(
    found: dict[str, Tensor], kind: str, two_pass: bool, *, rank: int, size: int
) -> None:
    key = f"accumulated/{kind}/{two_pass}"
    model = _wrapped(kind)
    reweight = reweighters()["minmax"]
    flat = tuple(n for part in MICRO[size] for n in part)
    x, y, prior = data(sum(flat))
    batches = []
    for number in range(2):
        own = _own(2 * rank + number, flat)
        batches.append((x[own], y[own], prior[own]))
    outs = accumulate(
        reweight,
        lambda batch: (losses_of(model, batch[0], batch[1]), batch[2]),
        batches,
        two_pass=two_pass,
        model=model,
    )
    found |= {f"{key}/gradient/{name}": value for name, value in gradients(model).items()}
    found[f"{key}/weights"] = torch.cat([out.weights for out in outs])
    found[f"{key}/step"] = torch.tensor(reweight.step)


def _summed(found: dict[str, Tensor], rank: int, size: int) -> None:
    model, own = network(), _own(rank, RAGGED[size])
    x, y, prior = data(sum(RAGGED[size]))
    out = reweighters(gradients="summed")["minmax"](losses_of(model, x[own], y[own]), prior[own])
    out.loss.backward()
    for parameter in model.parameters():
        distributed.all_reduce(parameter.grad)
    found |= {f"summed/gradient/{name}": value for name, value in gradients(model).items()}


def _nothing(found: dict[str, Tensor], size: int) -> None:
    # No process has a sample, or none that is not masked.
    for case, samples in (("nobody", 0), ("masked", 3)):
        model = _wrapped("ddp")
        x, y, _ = data(samples)
        out = reweighters()["quantiles"](losses_of(model, x, y), torch.zeros(samples))
        out.loss.backward()
        _keep(found, f"nothing/{case}", model, out)


def _subgroup(found: dict[str, Tensor], rank: int, size: int) -> None:
    # The last two ranks only: their number in the group is not their number in the world.
    members = [size - 2, size - 1]
    group = distributed.new_group(members)
    alone = reweighters(together=False)["minmax"]
    sizes = tuple(RAGGED[size][member] for member in members)
    x, y, prior = data(sum(sizes))
    if rank not in members:
        try:
            reweighters(group=group)["minmax"](losses_of(network(), x, y), prior)
        except DataselectError as error:
            found["outside"] = torch.tensor("is not in the group" in str(error))
        return
    model = nn.parallel.DistributedDataParallel(network(), process_group=group)
    own = _own(members.index(rank), sizes)
    out = reweighters(group=group)["minmax"](losses_of(model, x[own], y[own]), prior[own])
    out.loss.backward()
    _keep(found, "subgroup", model, out)
    by_itself = alone(losses_of(copy.deepcopy(network()), x[own], y[own]), prior[own])
    found["alone/weights"] = by_itself.weights.clone()
