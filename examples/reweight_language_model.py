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
CONTEXT = 128
BATCH = 16
EVALUATIONS = 20
VALIDATION_WINDOWS = 24
CHECKPOINT_STEPS = 40
R = 0.4


class Block(nn.Module):
    """Causal attention and two layers, each after a norm."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention = nn.LayerNorm(width, bias=False)
        self.attention = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.before_mlp = nn.LayerNorm(width, bias=False)
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """``[n, tokens, width]`` to the same."""
        n, t, width = x.shape
        q, k, v = (
            self.attention(self.before_attention(x))
            .view(n, t, 3, self.heads, width // self.heads)
            .permute(2, 0, 3, 1, 4)
        )
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(n, t, width))
        return x + self.down(functional.gelu(self.up(self.before_mlp(x))))


class Gpt(nn.Module):
    """A GPT with tied embeddings; 1.3M parameters with a vocabulary of 4,096."""

    def __init__(self, vocabulary: int, width: int = 128, layers: int = 4, heads: int = 4) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(CONTEXT, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(layers)))
        self.norm = nn.LayerNorm(width, bias=False)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                shrink = (
                    math.sqrt(2 * layers) if name.endswith(("out.weight", "down.weight")) else 1
                )
                nn.init.normal_(parameter, std=0.02 / shrink)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits ``[n, tokens, vocabulary]``."""
        x = self.tokens(tokens) + self.positions.weight[: tokens.shape[1]]
        return self.norm(self.blocks(x)) @ self.tokens.weight.T


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
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    train, held_out = documents(corpus)
    part = -(-tokens // CONTEXT // len(train))
    # About four characters a token; the last document may go beyond.
    taken = {tier: _first(texts, 6 * part * CONTEXT) for tier, texts in train.items()}
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=["<end>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator((text for texts in taken.values() for text in texts), trainer)

    def windows(texts: list[str], most: int) -> Tensor:
        ids = [i for e in tokenizer.encode_batch_fast(texts) for i in (*e.ids, 0)]
        count = min(most, len(ids) // (CONTEXT + 1))
        return torch.tensor(ids[: count * (CONTEXT + 1)], dtype=torch.int16).view(count, -1)

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
    print(f"{run.name}: {_mean(curve[-1]):.4f} after {seconds:.0f} CPU seconds", flush=True)


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


def _mean(point: list) -> float:
    return float(np.mean(list(point[1].values())))


def read_records(out: Path) -> dict[str, dict]:
    """Records by the name of their run."""
    return {path.stem: json.loads(path.read_text()) for path in (out / "records").glob("*.json")}


def best_rate(records: dict[str, dict], strategy: str) -> float:
    """The learning rate with the lowest final mean validation loss of seed 0."""
    tried = [r for r in records.values() if r["strategy"] == strategy and r["seed"] == 0]
    return min(tried, key=lambda record: (_mean(record["curve"][-1]), record["rate"]))["rate"]


def tokens_to_reach(curve: list, loss: float) -> float:
    """The first number of tokens at which a curve is at a loss or below; infinite if nowhere."""
    for (t0, _), (t1, _), a, b in zip(
        curve, curve[1:], map(_mean, curve), map(_mean, curve[1:]), strict=False
    ):
        if b <= loss:
            return t1 - (t1 - t0) * min(1.0, (loss - b) / max(a - b, 1e-12))
    return math.inf


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


def report(out: Path) -> None:
    """Print the two tables and draw the curves of the runs that have a record."""
    records = read_records(out)
    print(rate_table(records))
    print(result_table(records))
    if records:
        draw(records, out / "learning_curves.png")
        print(f"Written: {out / 'learning_curves.png'}")


def rate_table(records: dict[str, dict]) -> str:
    """The final mean validation loss of seed 0 by strategy and learning rate, as Markdown."""
    first = [record for record in records.values() if record["seed"] == 0]
    rates = sorted({record["rate"] for record in first})
    lines = ["| seed 0 | " + " | ".join(f"rate {rate:g}" for rate in rates) + " |"]
    lines.append("|---" * (len(rates) + 1) + "|")
    for strategy in STRATEGIES:
        named = [records.get(Run(strategy, rate, 0).name) for rate in rates]
        cells = [f"{_mean(found['curve'][-1]):.4f}" if found else "not run" for found in named]
        lines.append(f"| {strategy} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def result_table(records: dict[str, dict]) -> str:
    """Each strategy at its best rate: final losses, their differences, tokens, as Markdown."""
    chosen = {s: _at_best_rate(records, s) for s in STRATEGIES}
    tiers = list(next(iter(records.values()))["curve"][-1][1]) if records else []
    lines = [
        f"| strategy | rate | seeds | mean loss | {' | '.join(tiers)} "
        "| minus uniform, same seed | tokens to uniform's final loss, share |",
        "|---" * (len(tiers) + 6) + "|",
    ]
    for strategy, runs in chosen.items():
        if not runs:
            continue
        final = {seed: record["curve"][-1] for seed, record in runs.items()}
        cells = [_with_error([_mean(point) for point in final.values()])]
        cells += [_with_error([point[1][tier] for point in final.values()]) for tier in tiers]
        paired = [seed for seed in runs if seed in chosen["Uniform"]]
        base = {seed: chosen["Uniform"][seed]["curve"][-1] for seed in paired}
        cells.append(_with_error([_mean(final[seed]) - _mean(base[seed]) for seed in paired]))
        shares = [
            tokens_to_reach(runs[seed]["curve"], _mean(base[seed])) / base[seed][0]
            for seed in paired
        ]
        reached = [share for share in shares if math.isfinite(share)]
        missed = f", {len(shares) - len(reached)} of {len(shares)} never"
        cells.append(_with_error(reached) + (missed if len(reached) < len(shares) else ""))
        rate = next(iter(runs.values()))["rate"]
        lines.append(f"| {strategy} | {rate:g} | {len(runs)} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _at_best_rate(records: dict[str, dict], strategy: str) -> dict[int, dict]:
    of_strategy = [record for record in records.values() if record["strategy"] == strategy]
    if not any(record["seed"] == 0 for record in of_strategy):
        return {}
    rate = best_rate(records, strategy)
    found = {record["seed"]: record for record in of_strategy if record["rate"] == rate}
    return dict(sorted(found.items()))


def _with_error(values: list[float]) -> str:
    if not values:
        return "-"
    error = np.std(values, ddof=1) / math.sqrt(len(values)) if len(values) > 1 else None
    return f"{np.mean(values):.4f}" + ("" if error is None else f" ± {error:.4f}")


def draw(records: dict[str, dict], path: Path) -> None:
    """The mean curve of each strategy at its best rate, and its difference from uniform's."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    curves = {s: _at_best_rate(records, s) for s in STRATEGIES}
    for strategy, runs in curves.items():
        common = [seed for seed in runs if seed in curves["Uniform"]]
        if not runs:
            continue
        tokens = np.array([point[0] for point in next(iter(runs.values()))["curve"]]) / 1e6
        losses = np.array([[_mean(point) for point in run["curve"]] for run in runs.values()])
        left.plot(tokens[1:], losses.mean(axis=0)[1:], label=strategy)
        gaps = [
            [_mean(a) - _mean(b) for a, b in zip(runs[i]["curve"], u[i]["curve"], strict=True)]
            for u in [curves["Uniform"]]
            for i in common
        ]
        if gaps:
            right.plot(tokens[1:], np.mean(gaps, axis=0)[1:], label=strategy)
    left.set(xlabel="million tokens", ylabel="validation loss, mean of the tiers (nats)")
    right.set(xlabel="million tokens", ylabel="loss minus that of uniform, same seed (nats)")
    left.legend(frameon=False)
    with whole_file(path, overwrite=True) as partial_file:
        figure.savefig(partial_file, format="png", dpi=150)
    pyplot.close(figure)


if __name__ == "__main__":
    main()
