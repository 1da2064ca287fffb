"""The small decoder: its sizes, what it sees, that it is repeatable, stacked or not."""

import math
from copy import deepcopy

import numpy as np
import pytest
import torch

from dataselect.errors import DataselectError
from dataselect.weighting.proxies import GptProxy, TokenData, documents_of
from dataselect.weighting.proxies.gpt import SHAPES
from dataselect.weighting.proxies.gpt.batches import training_batches, validation_windows
from dataselect.weighting.proxies.gpt.model import Decoder, initialise
from dataselect.weighting.proxies.gpt.shapes import Shape
from dataselect.weighting.proxies.gpt.training import group_of, train

TINY = Shape(32, 2, 1e-2)
V = 16


def data() -> TokenData:
    rng = np.random.default_rng(0)

    def counting(n: int, step: int) -> list[list[int]]:
        starts = rng.integers(0, V - 1, size=n)
        return [(1 + (s + step * np.arange(40)) % (V - 1)).tolist() for s in starts]

    candidates = documents_of(counting(20, 1) + counting(20, 4), V)
    return TokenData(candidates, {"ones": documents_of(counting(6, 1), V)}, V)


def proxy(**changes: object) -> GptProxy:
    settings: dict[str, object] = {"tokens": 2_560, "size": "0.3M", "context": 16, "batch": 4}
    return GptProxy(**(settings | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("size", SHAPES)
def test_sizes_are_what_their_names_say(size: str) -> None:
    shape = SHAPES[size]
    with torch.device("meta"):
        model = Decoder(shape, 2048, 128)
    found = sum(p.numel() for p in model.parameters())
    assert found == shape.parameters(2048)
    assert found == pytest.approx(float(size[:-1]) * 1e6, rel=0.1)


def test_no_position_sees_what_follows_and_order_matters() -> None:
    model = Decoder(TINY, V, 12)
    initialise(model, 3)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(20)  # far from uniform, so that differences show
    tokens = torch.randint(1, V, (1, 12), generator=torch.Generator().manual_seed(0))
    changed = tokens.clone()
    changed[0, 7] = (changed[0, 7] + 3) % V
    before, after = model(tokens), model(changed)
    torch.testing.assert_close(before[:, :7], after[:, :7])
    assert not torch.allclose(before[:, 7:], after[:, 7:], atol=1e-3)
    swapped = tokens[:, [1, 0, *range(2, 12)]]
    assert not torch.allclose(before[:, -1], model(swapped)[:, -1], atol=1e-3)


def test_attention_knows_distances_only() -> None:
    model = Decoder(Shape(32, 1, 1e-2), V, 12)
    layer = model.layers[0]
    x = torch.randn(1, 5, 32, generator=torch.Generator().manual_seed(1))
    cosine, sine = model.cosine, model.sine
    torch.testing.assert_close(
        layer(x, cosine[:5], sine[:5]), layer(x, cosine[6:11], sine[6:11]), atol=1e-5, rtol=1e-5
    )


def test_untrained_it_is_uniform_and_training_on_like_text_helps_more() -> None:
    trainer = proxy().open(data())
    like, unlike = (trainer([np.arange(20) + at], [0])[0]["ones"] for at in (0, 20))
    assert like < 1.5 < math.log(V) < unlike


def test_the_same_seed_gives_the_same_bits_and_global_state_stays() -> None:
    trainer, chosen = proxy(tokens=128).open(data()), np.arange(10)
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first, again, other = (trainer([chosen], [seed])[0] for seed in (1, 1, 2))
    assert first == again != other
    assert torch.equal(state, torch.get_rng_state())


def test_stacked_runs_are_the_runs_alone() -> None:
    found = data()
    selections, seeds = [np.arange(20), np.arange(20, 40), np.arange(5, 30)], [0, 1, 2]
    together = proxy(tokens=320, stacked=3).open(found)(selections, seeds)
    alone = proxy(tokens=320).open(found)
    for own, selection, seed in zip(together, selections, seeds, strict=True):
        assert own["ones"] == pytest.approx(alone([selection], [seed])[0]["ones"], rel=1e-3)


@pytest.mark.parametrize("runs", [1, 2])
def test_training_is_the_documented_one(runs: int) -> None:
    """AdamW (.9, .95), matrices decaying by .1, norm 1, a tenth up in a line, down by a cosine."""
    steps, rate = 20, 1e-2
    rng = np.random.default_rng(0)
    batches = rng.integers(0, V, (runs, steps, 3, 9))
    models = [Decoder(TINY, V, 8) for _ in range(runs)]
    for seed, model in enumerate(models):
        initialise(model, seed)
    by_hand = [deepcopy(model) for model in models]
    group = group_of(models)
    train(group, [iter(own) for own in batches], steps=steps, rate=rate)

    for run, model in enumerate(by_hand):
        every = list(model.parameters())
        groups = [
            {"params": [p for p in every if p.ndim == 2], "weight_decay": 0.1},
            {"params": [p for p in every if p.ndim == 1], "weight_decay": 0.0},
        ]
        optimiser = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.95))
        for step in range(steps):
            done = (step - 2) / 18
            now = (step + 1) / 2 if step < 2 else 0.1 + 0.45 * (1 + math.cos(math.pi * done))
            for own in optimiser.param_groups:
                own["lr"] = rate * now
            tokens = torch.from_numpy(batches[run, step])
            logits = model(tokens[:, :-1]).flatten(0, 1)
            loss = torch.nn.functional.cross_entropy(logits, tokens[:, 1:].flatten())
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(every, 1.0)
            optimiser.step()
        for ours, theirs in zip(group.parameters, every, strict=True):
            found = ours if runs == 1 else ours[run]
            torch.testing.assert_close(found, theirs, atol=2e-3, rtol=1e-2)


def test_every_token_of_a_pass_is_predicted_once_and_short_selections_begin_anew() -> None:
    candidates = documents_of([[i] * 3 for i in range(1, 9)], V)  # 8 documents of 4 tokens
    batches = list(training_batches(candidates, np.arange(8), steps=4, batch=2, context=4, seed=0))
    labels = np.concatenate([own[:, 1:].ravel() for own in batches])
    np.testing.assert_array_equal(np.sort(labels), np.sort(candidates.tokens))
    twice = list(training_batches(candidates, np.arange(8), steps=8, batch=2, context=4, seed=0))
    assert sum(own[:, 1:].size for own in twice) == 64
    counts = np.bincount(np.concatenate([own[:, 1:].ravel() for own in twice]))
    np.testing.assert_array_equal(counts, 2 * np.bincount(candidates.tokens))


def test_validation_predicts_every_token_but_the_first() -> None:
    held = documents_of([[1, 2, 3], [4, 5, 6, 7, 8]], V)
    windows = validation_windows(held, 4)
    labels = np.concatenate([own[:, 1:].ravel() for own in windows])
    np.testing.assert_array_equal(labels, held.tokens[1:])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"size": "2M"}, "there is no size '2M'"),
        ({"tokens": 10}, "at least the 64 of one step"),
        ({"rate": 0.0}, "learning rate is 0.0"),
        ({"device": "tpu"}, "'tpu'"),
        ({"stacked": 0}, "stacked is 0"),
    ],
)
def test_wrong_settings_are_named(changes: dict[str, object], said: str) -> None:
    with pytest.raises(DataselectError, match=said):
        proxy(**changes)


def test_an_empty_selection_is_refused() -> None:
    with pytest.raises(DataselectError, match="no document"):
        proxy().open(data())([np.zeros(0, dtype=np.int64)], [0])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_gives_the_losses_of_the_cpu() -> None:
    found, chosen = data(), [np.arange(20), np.arange(20, 40)]
    on_cpu = proxy(tokens=640, stacked=2).open(found)(chosen, [0, 1])
    trainer = proxy(tokens=640, stacked=2, device="cuda").open(found)
    first, again = trainer(chosen, [0, 1]), trainer(chosen, [0, 1])
    assert first == again
    for ours, theirs in zip(first, on_cpu, strict=True):
        assert ours["ones"] == pytest.approx(theirs["ones"], rel=1e-2)
