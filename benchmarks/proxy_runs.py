"""What a proxy run costs: n-grams and decoders, alone and stacked, on one core.

    OMP_NUM_THREADS=1 python benchmarks/proxy_runs.py web_mix.parquet
    python benchmarks/proxy_runs.py web_mix.parquet --device cuda

CPU seconds on a CPU, elapsed seconds on a CUDA device. The decoder's cost is that of a tenth of a
run of 1.5M tokens less its beginning, times ten.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from dataselect.weighting.proxies import GptProxy, NgramProxy, Proxy, TokenData
from dataselect.weighting.proxies.tokenizer import encode, train_tokenizer

BUDGET = 1_500_000


def data_of(corpus: Path) -> TokenData:
    """A few thousand documents; 25,000 tokens of each of four sets to validate on."""
    column = pq.read_table(corpus, columns=["text"])["text"]
    drawn = np.random.default_rng(0).choice(len(column), 6_400, replace=False)
    texts = column.take(drawn).to_pylist()
    tokenizer = train_tokenizer(texts[:2_000], 2_048)
    held = {f"set{i}": encode(tokenizer, texts[6_000 + i :: 4]).first(25_000) for i in range(4)}
    return TokenData(encode(tokenizer, texts[:6_000]), held, 2_048)


def seconds(proxy: Proxy, data: TokenData, runs: int = 1) -> float:
    """CPU seconds a run, on a CUDA device elapsed seconds."""
    lengths = data.candidates.lengths
    chosen = np.flatnonzero(np.cumsum(lengths) <= BUDGET)
    trainer = proxy.open(data)
    on_cuda = isinstance(proxy, GptProxy) and proxy.device == "cuda"
    clock = time.perf_counter if on_cuda else time.process_time
    began = clock()
    trainer([chosen] * runs, list(range(runs)))
    return (clock() - began) / runs


def on_cuda(data: TokenData) -> None:
    """A run of the whole budget, alone and stacked, of each size."""
    for size in ("0.5M", "4M"):
        for stacked in (1, 4, 16, 64):
            _, first, more = (  # the first warms up
                seconds(GptProxy(tokens, size, stacked=stacked, device="cuda"), data, stacked)
                for tokens in (2_048, 20_480, 81_920)
            )
            whole = first + (more - first) * (BUDGET - 20_480) / 61_440
            print(f"gpt {size}, {stacked} stacked: {whole:.2f} s a run of {BUDGET:,}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    options = parser.parse_args()
    data = data_of(options.corpus)
    if options.device == "cuda":
        on_cuda(data)
        return
    seconds(NgramProxy(), data)
    print(f"ngram: {seconds(NgramProxy(), data, 5):.2f} s a run")
    seconds(GptProxy(20_480), data)
    short, longer = (seconds(GptProxy(tokens), data) for tokens in (20_480, 170_480))
    whole = short + (longer - short) * (BUDGET - 20_480) / 150_000
    print(f"gpt 0.5M: {whole:.0f} s a run of {BUDGET:,} tokens")
    for size in ("0.3M", "0.5M"):
        for batch in (2, 8):
            proxies = [GptProxy(32_768, size, batch=batch, stacked=stacked) for stacked in (1, 4)]
            alone, stacked = (seconds(proxy, data, proxy.at_once) for proxy in proxies)
            print(f"gpt {size}, batch {batch}: four stacked / alone {stacked / alone:.2f}")


if __name__ == "__main__":
    main()
