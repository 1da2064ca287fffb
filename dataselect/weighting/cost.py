"""What learning weights would cost, from a model timed on made-up text; nothing is read."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from dataselect.weighting.choice import FINALISTS
from dataselect.weighting.learn_settings import LearnSettings
from dataselect.weighting.proxies import GptProxy, Losses, Proxy, TokenData, documents_of
from dataselect.weighting.rounds import EACH, SEEDS

__all__ = ["Cost", "cost_of"]

_FEW, _MORE = 4, 12
_DOCUMENT = 400


@dataclass(frozen=True)
class Cost:
    """What the runs would cost; the corpus is read and the regression made besides.

    Attributes:
        runs: of the design.
        rounds: further runs that try proposals.
        again: at most so many that train the best again with other seeds.
        tokens: of each selection.
        seconds_each: of one run, on one core.
        jobs: processes.
        seconds: of all, if the processes do not slow each other down.
    """

    runs: int
    rounds: int
    again: int
    tokens: int
    seconds_each: float
    jobs: int
    seconds: float


def cost_of(settings: LearnSettings, *, jobs: int = 1) -> Cost:
    """Time one run on random tokens of the sizes that are asked for, and count up.

    A decoder is timed for a few steps and for some more: each further one takes as long, what is
    left is the validation. An n-gram model is timed whole.

    Args:
        settings: what would be asked; its files are not read.
        jobs: processes that would be used.
    """
    each = _seconds(settings)
    rounds = EACH * settings.rounds
    again = SEEDS * (FINALISTS + 2) if rounds else 0
    # A round begins when the one before it is done: a process without a run stands idle.
    turns = -(-settings.runs // jobs) + settings.rounds * -(-EACH // jobs)
    turns += SEEDS * -(-(again // SEEDS) // jobs)
    return Cost(settings.runs, rounds, again, settings.tokens, each, jobs, turns * each)


def _seconds(settings: LearnSettings) -> float:
    proxy = settings.proxy
    if not isinstance(proxy, GptProxy):
        data = _made_up(settings, settings.tokens)
        _timed(proxy, _made_up(settings, _DOCUMENT))  # compiles
        return _timed(proxy, data)
    a_step = proxy.batch * proxy.context
    data = _made_up(settings, _MORE * a_step)
    few, more = (min(steps, proxy.steps) for steps in (_FEW, _MORE))
    _timed(replace(proxy, tokens=a_step), data)  # what only the first run does
    times = [_timed(replace(proxy, tokens=steps * a_step), data) for steps in (few, more)]
    step = max(0.0, times[1] - times[0]) / max(1, more - few)
    return (times[1] + step * (proxy.steps - more)) / proxy.at_once


def _timed(proxy: Proxy, data: TokenData) -> float:
    """Seconds of the runs that are trained together: of a core, or on the device."""
    on_device = isinstance(proxy, GptProxy) and proxy.device != "cpu"
    clock = time.perf_counter if on_device else time.process_time  # others may use the cores now
    train: Callable[..., list[Losses]] = proxy.open(data)
    everything = np.arange(len(data.candidates))
    began = clock()
    train([everything] * proxy.at_once, [0] * proxy.at_once)
    return clock() - began


def _made_up(settings: LearnSettings, tokens: int) -> TokenData:
    """Tokens drawn by Zipf's law, the sizes of selection and validation sets as asked."""
    rng = np.random.default_rng(0)
    vocabulary = settings.pool.vocabulary
    share = 1 / np.arange(1, vocabulary)
    share /= share.sum()

    def documents(count: int) -> list[list[int]]:
        drawn = 1 + rng.choice(vocabulary - 1, size=max(count, 2), p=share)
        return [drawn[at : at + _DOCUMENT].tolist() for at in range(0, len(drawn), _DOCUMENT)]

    held = {
        name: documents_of(documents(settings.pool.validation_tokens), vocabulary)
        for name in settings.validation
    }
    return TokenData(documents_of(documents(tokens), vocabulary), held, vocabulary)
