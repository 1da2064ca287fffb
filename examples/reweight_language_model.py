"""Does reweighting samples by loss train a small GPT faster? Uniform against four strategies.

    python examples/reweight_language_model.py
    python examples/reweight_language_model.py --corpus web_mix.parquet --tokens 1000000 \\
        --vocabulary 4096 --rates 4e-3 2e-3 8e-3 --seeds 3 --jobs 2 --out runs/language_model
    python examples/reweight_language_model.py --out runs/language_model --report

The first, a demonstration of seconds, trains on Python's own documentation, half of it with its
words in disorder. The second is the experiment of docs/reweighting.md: a GPT of 1.3M parameters on
equal parts of noisy web, clean web, forum and reviews; validation on clean text of four tiers that
is held out. Every strategy tries the same learning rates with seed 0 and repeats the best of them
with the other seeds. A run that was killed goes on at its last checkpoint when the same command is
given again. The third prints the table and draws the curves from the records there are.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import pydoc_data.topics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from language_model.gpt import CONTEXT, Gpt
from language_model.report import best_rate, mean_loss, read_records, report
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from dataselect.reweighting import (
    Extremes,
    Linear,
    LinUpper,
    LossReweighter,
    Quadratic,
    Uniform,
)
from zerocost.files import whole_file, write_json

STRATEGIES = {
    "Uniform": Uniform(),
    "LinUpper": LinUpper(),
    "Quadratic": Quadratic(),
    "Extremes": Extremes(),
    "Linear": Linear(),
}
TRAIN_TIERS = ("web_noisy", "web_clean", "forum", "review")
# Sources that are clean by provenance; none of their documents is trained on.
VALIDATION = {
    "web_clean": "dragnet_gold",
    "edited": "brown",
    "books": "gutenberg",
    "wiki": "enwiki",
}
BATCH = 16
EVALUATIONS = 20
VALIDATION_WINDOWS = 24
CHECKPOINT_STEPS = 40
R = 0.4


@dataclass(frozen=True)
class Run:
    """One training run; its name joins records, never their order."""

    strategy: str
    rate: float
    seed: int

    @property
    def name(self) -> str:
        """Unique among runs; the name of its files."""
        return f"{self.strategy}-{self.rate:g}-{self.seed}"


def documents(corpus: Path | None) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Documents to train on and to validate on, by tier, in a fixed random order."""
    rng = np.random.default_rng(0)
    if corpus is None:
        clean = [text for text in pydoc_data.topics.topics.values() if len(text) > 500]
        held_out, clean = clean[::4], [text for i, text in enumerate(clean) if i % 4]
        noisy = [" ".join(rng.permutation(text.split())) for text in clean]
        return {"clean": clean, "noisy": noisy}, {"clean": held_out}
    import polars as pl

    table = pl.read_parquet(corpus).unique("text", keep="first", maintain_order=True)
    table = table[rng.permutation(len(table))]
    held_out = {
        tier: table.filter((pl.col("source") == source) & (pl.col("lang") == "en"))["text"][:60]
        for tier, source in VALIDATION.items()
    }
    rest = table.filter(~pl.col("text").is_in(pl.concat(held_out.values()).implode()))
    train = {tier: rest.filter(pl.col("tier") == tier)["text"].to_list() for tier in TRAIN_TIERS}
    return train, {tier: texts.to_list() for tier, texts in held_out.items()}


def prepare(corpus: Path | None, tokens: int, vocabulary: int, out: Path) -> None:
    """Write ``data.safetensors``: windows of one token more than the context."""
    from dataselect.weighting.proxies.tokenizer import encode, train_tokenizer

    train, held_out = documents(corpus)
    part = -(-tokens // CONTEXT // len(train))
    # About four characters a token; the last document may go beyond.
    taken = {tier: _first(texts, 6 * part * CONTEXT) for tier, texts in train.items()}
    tokenizer = train_tokenizer((text for texts in taken.values() for text in texts), vocabulary)

    def windows(texts: list[str], most: int) -> Tensor:
        ids = encode(tokenizer, texts).tokens
        count = min(most, len(ids) // (CONTEXT + 1))
        return torch.tensor(ids[: count * (CONTEXT + 1)].astype(np.int16)).view(count, -1)

    parts = [windows(texts, part) for texts in taken.values()]
    data = {f"validation/{t}": windows(x, VALIDATION_WINDOWS) for t, x in held_out.items()}
    data["train"] = torch.cat(parts)
    with whole_file(out / "data.safetensors") as partial_file:
        save_file(data, partial_file, metadata={"vocabulary": str(tokenizer.get_vocab_size())})
    sizes = {tier: len(found) * CONTEXT for tier, found in zip(taken, parts, strict=True)}
    print(f"tokens to train on: {sizes}", flush=True)


def _first(texts: list[str], characters: int) -> list[str]:
    ends = np.cumsum([len(text) for text in texts])
    return texts[: int(np.searchsorted(ends, characters)) + 1]


@torch.no_grad()
def validate(model: Gpt, held_out: dict[str, Tensor]) -> dict[str, float]:
    """The mean loss over tokens of each tier, in nats."""
    return {
        tier: float(functional.cross_entropy(model(x[:, :-1]).flatten(0, 1), x[:, 1:].flatten()))
        for tier, x in held_out.items()
    }


def train(run: Run, out: Path) -> None:
    """Train one run, from its last checkpoint if there is one, and write its record."""
    record, checkpoint = out / "records" / f"{run.name}.json", out / f"{run.name}.safetensors"
    if record.exists():
        return
    torch.set_num_threads(1)
    torch.manual_seed(run.seed)
    with safe_open(out / "data.safetensors", "pt") as data:
        vocabulary = int(data.metadata()["vocabulary"])
        held_out = {
            key.removeprefix("validation/"): data.get_tensor(key).long()
            for key in data.keys()  # noqa: SIM118
            if key != "train"
        }
        samples = data.get_tensor("train")
    model = Gpt(vocabulary)
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=run.rate, betas=(0.9, 0.95), weight_decay=0.1, fused=True
    )
    order = torch.from_numpy(np.random.default_rng(run.seed).permutation(len(samples)))
    steps = len(samples) // BATCH
    reweight = LossReweighter(STRATEGIES[run.strategy], r=R, warmup_steps=steps // 20)
    evaluated = {round(steps * i / EVALUATIONS) for i in range(1, EVALUATIONS + 1)}
    first, curve, seconds = 0, [[0, validate(model, held_out)]], 0.0
    if checkpoint.exists():
        first, curve, seconds = _restore(checkpoint, model, optimiser, reweight)
    began = time.process_time() - seconds
    for step in range(first, steps):
        warm = min(1.0, (step + 1) / (0.1 * steps))
        decay = 0.55 + 0.45 * math.cos(math.pi * max(0.0, step / steps - 0.1) / 0.9)
        for group in optimiser.param_groups:
            group["lr"] = run.rate * warm * decay
        batch = samples[order[step * BATCH : (step + 1) * BATCH]].long()
        found = reweight.from_logits(model(batch[:, :-1]), batch[:, 1:], shift=False)
        found.loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        if step + 1 in evaluated:
            curve.append([(step + 1) * BATCH * CONTEXT, validate(model, held_out)])
        if (step + 1) % CHECKPOINT_STEPS == 0:
            state = [step + 1, curve, time.process_time() - began]
            _save(checkpoint, model, optimiser, reweight, state)
    parameters = sum(p.numel() for p in model.parameters())
    shape = found.stats.as_dict(prefix="") if steps else {}
    seconds = time.process_time() - began
    write_json(
        record,
        {**asdict(run), "parameters": parameters, "curve": curve, "cpu_seconds": seconds}
        | {"last_batch": {k: v for k, v in shape.items() if math.isfinite(v)}},
    )
    checkpoint.unlink(missing_ok=True)
    print(f"{run.name}: {mean_loss(curve[-1]):.4f} after {seconds:.0f} CPU seconds", flush=True)


def _save(
    path: Path, model: Gpt, optimiser: torch.optim.Optimizer, reweight: LossReweighter, rest: list
) -> None:
    tensors = {f"model/{name}": tensor for name, tensor in model.state_dict().items()}
    for i, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser/{i}/{name}": tensor for name, tensor in state.items()}
    tensors["reweighter"] = reweight.get_extra_state()
    with whole_file(path, overwrite=True) as partial_file:
        save_file(tensors, partial_file, metadata={"rest": json.dumps(rest)})


def _restore(
    path: Path, model: Gpt, optimiser: torch.optim.Optimizer, reweight: LossReweighter
) -> list:
    with safe_open(path, "pt") as saved:
        tensors = {key: saved.get_tensor(key) for key in saved.keys()}  # noqa: SIM118
        rest = json.loads(saved.metadata()["rest"])
    model.load_state_dict({name: tensors[f"model/{name}"] for name in model.state_dict()})
    states: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        if key.startswith("optimiser/"):
            _, number, name = key.split("/")
            states.setdefault(int(number), {})[name] = tensor
    optimiser.load_state_dict({**optimiser.state_dict(), "state": states})
    reweight.set_extra_state(tensors["reweighter"])
    return rest


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, help="a Parquet file with text, tier, source, lang")
    parser.add_argument("--tokens", type=int, default=20_000)
    parser.add_argument("--vocabulary", type=int, default=512)
    parser.add_argument("--rates", type=float, nargs="+", default=[6e-3])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, help="by default a temporary folder")
    parser.add_argument("--report", action="store_true", help="only the table and the plot")
    options = parser.parse_args()
    out = options.out or Path(tempfile.mkdtemp(prefix="reweight_"))
    (out / "records").mkdir(parents=True, exist_ok=True)
    if not options.report:
        if not (out / "data.safetensors").exists():
            prepare(options.corpus, options.tokens, options.vocabulary, out)
        # Freed memory stays with the process: returning it costs a tenth of the time.
        os.environ |= {"MALLOC_MMAP_THRESHOLD_": "1073741824", "MALLOC_TRIM_THRESHOLD_": str(2**33)}
        os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(options.jobs, context) as pool:
            tried = [Run(s, rate, 0) for rate in options.rates for s in STRATEGIES]
            list(pool.map(partial(train, out=out), tried))
            records = read_records(out)
            again = [
                Run(s, best_rate(records, s), seed)
                for seed in range(1, options.seeds)
                for s in STRATEGIES
            ]
            list(pool.map(partial(train, out=out), again))
    report(out)


if __name__ == "__main__":
    main()
