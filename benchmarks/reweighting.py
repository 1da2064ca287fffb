"""What reweighting costs over a plain mean loss, in a training step of a small GPT.

    python benchmarks/reweighting.py
    python benchmarks/reweighting.py --device cuda

On a CPU: about 10M parameters, sequences of 256, float32, AdamW. On a CUDA device: 124M parameters,
bfloat16 autocast, sequences of 512, and the reweighter may not wait for the device. Steps of the
kinds alternate, so that a busy machine slows all of them; the ratio is that of the medians. Peak
memory is that of a process of its own for each kind. Exits with 1 where reweighting costs 2 % of
the step or more, 5 % more memory or more, or a synchronisation.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from dataselect.reweighting import LinUpper, LossReweighter, accumulate, per_sequence_cross_entropy

KINDS = ("plain", "losses", "logits")
SYNCHRONISING = ("cudaStreamSynchronize", "cudaDeviceSynchronize", "Memcpy DtoH")


class Gpt(nn.Module):
    """A GPT with tied embeddings, of torch's own layers."""

    def __init__(self, vocabulary: int, width: int, layers: int, heads: int, context: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(context, width)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True
            )
            for _ in range(layers)
        )
        nn.init.normal_(self.tokens.weight, std=0.02)
        mask = nn.Transformer.generate_square_subsequent_mask(context)
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits ``[n, tokens, vocabulary]``."""
        x = self.tokens(tokens) + self.positions.weight
        for block in self.blocks:
            x = block(x, src_mask=self.mask, is_causal=True)
        return x @ self.tokens.weight.T


def made(device: str) -> tuple[Gpt, Tensor]:
    torch.manual_seed(0)
    if device == "cpu":
        return Gpt(16_384, 256, 8, 4, 256), torch.randint(0, 16_384, (8, 257))
    model = Gpt(50_257, 768, 12, 12, 512)
    return model.to(device), torch.randint(0, 50_257, (16, 513), device=device)


def loss_of(kind: str, reweight: LossReweighter) -> Callable[[Tensor, Tensor], Tensor]:
    if kind == "plain":
        return lambda logits, labels: functional.cross_entropy(
            logits.flatten(0, 1), labels.flatten()
        )
    if kind == "losses":
        return lambda logits, labels: (
            reweight(
                functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none")
                .view(labels.shape)
                .mean(dim=1)
            ).loss
        )
    return lambda logits, labels: reweight.from_logits(logits, labels, shift=False).loss


def stepper(kind: str, device: str) -> tuple[Callable[[], float], Gpt]:
    model, batch = made(device)
    optimiser = torch.optim.AdamW(model.parameters(), fused=True)
    loss = loss_of(kind, LossReweighter(LinUpper(), r=0.4))

    def step() -> float:
        began = time.perf_counter()
        with torch.autocast("cuda", torch.bfloat16, enabled=device != "cpu"):
            # The loss is within, as torch recommends: its own cross entropy is then in float32.
            logits = model(batch[:, :-1])
            value = loss(logits, batch[:, 1:])
            del logits
        value.backward()
        optimiser.step()
        optimiser.zero_grad()
        if device != "cpu":
            torch.cuda.synchronize()
        return time.perf_counter() - began

    return step, model


def accumulation(device: str, rounds: int) -> float:
    """Seconds with two passes over those with one, four micro-batches."""
    model, batch = made(device)
    reweight = LossReweighter(LinUpper(), r=0.4)
    parts = list(batch.split(2))[:4]

    def losses(part: Tensor) -> Tensor:
        return per_sequence_cross_entropy(model(part[:, :-1]), part[:, 1:], shift=False)[0]

    seconds: dict[bool, list[float]] = {False: [], True: []}
    for i in range(rounds + 1):
        for two_pass, found in seconds.items():
            began = time.perf_counter()
            accumulate(reweight, losses, parts, two_pass=two_pass)
            if device != "cpu":
                torch.cuda.synchronize()
            if i:
                found.append(time.perf_counter() - began)
            model.zero_grad()
    return statistics.median(seconds[True]) / statistics.median(seconds[False])


def peak(kind: str, device: str) -> float:
    """MiB at the most in a process that runs two steps of one kind."""
    ran = subprocess.run(
        [sys.executable, __file__, "--device", device, "--peak-of", kind],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(ran.stdout.split()[-1])


def print_peak(kind: str, device: str) -> None:
    step, _ = stepper(kind, device)
    step()
    step()
    if device == "cpu":
        # Not ru_maxrss, which a process inherits from the one that started it.
        status = Path("/proc/self/status").read_text(encoding="ascii")
        print(int(status.split("VmHWM:")[1].split()[0]) / 1024)
    else:
        print(torch.cuda.max_memory_allocated() / 2**20)


def synchronisations(device: str) -> list[str]:
    """What the profiler saw of waiting for the device in the reweighter's own part of a step."""
    model, batch = made(device)
    reweight = LossReweighter(LinUpper(), r=0.4)
    with torch.autocast("cuda", torch.bfloat16):
        logits = model(batch[:, :-1])
    reweight.from_logits(logits, batch[:, 1:], shift=False)
    torch.cuda.synchronize()
    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profile:
        torch.cuda.set_sync_debug_mode("error")
        try:
            reweight.from_logits(logits, batch[:, 1:], shift=False).loss.backward()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    seen = [event.key for event in profile.key_averages()]
    # The profiler itself waits once, at its end.
    return [key for key in seen if any(part in key for part in SYNCHRONISING[::2])]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--accumulation", action="store_true", help="only the cost of two passes")
    parser.add_argument("--only-memory", action="store_true", help="only the peaks")
    parser.add_argument("--at-most", type=float, default=1.02, help="times a step's seconds")
    parser.add_argument("--memory", type=float, default=1.05, help="times a step's peak memory")
    parser.add_argument("--peak-of", choices=KINDS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        print("no CUDA device: nothing measured")
        return
    torch.set_num_threads(options.threads)
    if options.peak_of:
        print_peak(options.peak_of, options.device)
        return
    if options.accumulation:
        ratio = accumulation(options.device, options.rounds)
        print(f"two passes over four micro-batches: {ratio:.2f} times one pass")
        return
    if options.only_memory:
        memory = {kind: peak(kind, options.device) for kind in KINDS}
        ratios = {kind: round(memory[kind] / memory["plain"], 3) for kind in KINDS}
        print(f"peak memory, plain {memory['plain']:.0f} MiB; ratios {ratios}")
        raise SystemExit(int(max(ratios.values()) >= options.memory))
    steps = {kind: stepper(kind, options.device) for kind in KINDS}
    parameters = sum(p.numel() for p in steps["plain"][1].parameters())
    seconds: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for i in range(options.rounds + 1):
        for kind, (step, _) in steps.items():
            taken = step()
            if i:  # the first warms up
                seconds[kind].append(taken)
    memory = {kind: peak(kind, options.device) for kind in KINDS}
    base = statistics.median(seconds["plain"])
    print(
        f"{parameters / 1e6:.1f}M parameters, plain step {base:.3f} s, {memory['plain']:.0f} MiB\n"
    )
    print("| loss | step, ratio of medians | of the fastest steps | peak memory, ratio |")
    print("|---|---|---|---|")
    names = {
        "plain": "mean cross entropy of torch",
        "losses": "losses a sample of torch's cross entropy, reweighted",
        "logits": "`from_logits`",
    }
    failures = []
    for kind in KINDS:
        ratio = statistics.median(seconds[kind]) / base
        least = min(seconds[kind]) / min(seconds["plain"])
        more = memory[kind] / memory["plain"]
        print(f"| {names[kind]} | {ratio:.3f} | {least:.3f} | {more:.3f} |")
        if kind != "plain" and min(ratio, least) >= options.at_most:
            failures.append(f"{kind}: {ratio:.3f} times the step")
        if kind != "plain" and more >= options.memory:
            failures.append(f"{kind}: {more:.3f} times the memory")
    if options.device == "cuda":
        waits = synchronisations(options.device)
        print(f"\nsynchronisations: {waits or 'none'}")
        failures += waits
    if failures:
        raise SystemExit("; ".join(failures))


if __name__ == "__main__":
    main()
