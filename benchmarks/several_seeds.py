"""What scores under several seeds cost, and whether stacking the seeds would pay.

    python benchmarks/several_seeds.py --cells 6 --seeds 3

For each cell the seconds of K seeds in one measurement (built once, weights drawn anew in place,
counts once) are divided by those of K measurements of one seed. Beside it the forward and backward
of K networks one after the other, and stacked by torch.func.vmap over their parameters, on the
same batch; one thread.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call, grad, replace_all_batch_norm_modules_, stack_module_state

from nasproxy import spaces
from nasproxy.images import load_batch
from nasproxy.scoring.architectures import architectures_task
from nasproxy.scoring.choice import choose


def seconds(call: Callable[[], object], repeats: int = 3) -> float:
    """The median of some runs."""
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        taken.append(time.perf_counter() - started)
    return float(np.median(taken))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--images", default="cifar10")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--proxies", default="naswot,synflow;params,flops,naswot,synflow,snip")
    options = parser.parse_args()
    torch.set_num_threads(1)
    space, seeds = spaces.get("nasbench201"), range(options.seeds)
    batches = [load_batch(options.images, size=options.batch, seed=seed) for seed in seeds]
    cells = choose(space, sample=options.cells, seed=0)
    print(f"{options.cells} cells, {options.seeds} seeds, batch of {options.batch}, one thread\n")
    print("| what | ratio to one seed at a time, median | lowest | highest |")
    print("|---|---|---|---|", flush=True)

    def row(name: str, ratios: list[float]) -> None:
        print(
            f"| {name} | {np.median(ratios):.2f} | {min(ratios):.2f} | {max(ratios):.2f} |",
            flush=True,
        )

    for proxies in options.proxies.split(";"):
        names = proxies.split(",")
        together = architectures_task(space, batches, names, seeds=seeds).start()
        apart = [architectures_task(space, [batches[s]], names, seeds=[s]).start() for s in seeds]
        ratios = []
        for cell in cells:
            text = str(cell)
            together(text, False)
            whole = seconds(lambda t=text, f=together: f(t, False))  # type: ignore[misc]
            single = seconds(lambda t=text, f=apart: [one(t, False) for one in f])  # type: ignore[misc]
            ratios.append(whole / single)
        row(f"rank --seeds {options.seeds}: {', '.join(names)}", ratios)

    inputs, labels = batches[0].tensors[0], batches[0].labels
    assert labels is not None
    inputs = inputs.contiguous(memory_format=torch.channels_last)
    ratios = []
    for cell in cells:
        networks = [replace_all_batch_norm_modules_(space.build(cell, seed=seed)) for seed in seeds]
        parameters, buffers = stack_module_state(networks)
        base = copy.deepcopy(networks[0])

        def loss(p: dict[str, Tensor], b: dict[str, Tensor], net: torch.nn.Module = base) -> Tensor:
            out = functional_call(net, (p, b), (inputs,))
            return torch.nn.functional.cross_entropy(out, labels)

        def one_by_one(nets: list[torch.nn.Module] = networks) -> None:
            for network in nets:
                value = torch.nn.functional.cross_entropy(network(inputs), labels)
                torch.autograd.grad(value, tuple(network.parameters()), allow_unused=True)

        stacked = torch.func.vmap(grad(loss))
        one_by_one()
        stacked(parameters, buffers)
        ratios.append(
            seconds(lambda f=stacked, p=parameters, b=buffers: f(p, b)) / seconds(one_by_one)  # type: ignore[misc]
        )
    row("forward and backward of the seeds stacked by vmap", ratios)


if __name__ == "__main__":
    main()
