"""Losses a sample: sequences from logits, classification, regression."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from dataselect import DataselectError
from dataselect.reweighting import (
    LinUpper,
    LossReweighter,
    binary_losses,
    classification_losses,
    cross_entropy,
    per_sequence_cross_entropy,
    regression_losses,
)
from dataselect.reweighting.sample_losses import Measure


def sequences(
    n: int = 4, tokens: int = 7, vocabulary: int = 11, dtype: torch.dtype = torch.float64
) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(n * tokens)
    logits = torch.randn(n, tokens, vocabulary, generator=generator, dtype=torch.float64) * 3
    labels = torch.randint(0, vocabulary, (n, tokens), generator=generator)
    labels[0, 3:] = -100
    if n > 1:
        labels[1, :] = -100
    return logits.to(dtype).requires_grad_(), labels


def plain(logits: torch.Tensor, labels: torch.Tensor, shift: bool) -> torch.Tensor:
    """The mean of each sequence, one token after the other."""
    means = []
    for own, wanted in zip(logits, labels, strict=True):
        pairs = [
            (own[t], wanted[t + shift])
            for t in range(len(wanted) - shift)
            if wanted[t + shift] != -100
        ]
        each = [torch.logsumexp(z, 0) - z[label] for z, label in pairs]
        means.append(torch.stack(each).mean() if each else own.sum() * 0)
    return torch.stack(means)


class TestSequences:
    @pytest.mark.parametrize("shift", [True, False])
    @pytest.mark.parametrize("piece", [1, 20, 100, 1 << 17])
    def test_values_and_gradients_in_pieces_of_any_size(
        self, piece: int, shift: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(cross_entropy, "_PIECE_CPU", piece)
        logits, labels = sequences()
        found, tokens = per_sequence_cross_entropy(logits, labels, shift=shift)
        expected = plain(logits, labels, shift)
        torch.testing.assert_close(found, expected)
        assert tokens.tolist() == [3 - shift, 0, 7 - shift, 7 - shift]
        weights = torch.tensor([0.3, 0.2, 0.0, 0.5], dtype=torch.float64)
        [ours] = torch.autograd.grad((weights * found).sum(), logits)
        [theirs] = torch.autograd.grad((weights * expected).sum(), logits)
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-15)

    def test_gradcheck(self) -> None:
        logits, labels = sequences(2, 4, 5)
        assert torch.autograd.gradcheck(
            lambda z: per_sequence_cross_entropy(z, labels)[0], [logits]
        )

    def test_one_graph_twice(self) -> None:
        logits, labels = sequences()
        loss = per_sequence_cross_entropy(logits, labels)[0].sum()
        [first] = torch.autograd.grad(loss, logits, retain_graph=True)
        [second] = torch.autograd.grad(loss, logits)
        torch.testing.assert_close(first, second, rtol=0, atol=0)

    def test_another_ignore_index(self) -> None:
        logits, labels = sequences()
        expected = per_sequence_cross_entropy(logits, labels)[0]
        found = per_sequence_cross_entropy(
            logits, labels.masked_fill(labels == -100, 7777), ignore_index=7777
        )[0]
        torch.testing.assert_close(found, expected)

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
    def test_half_precision_is_summed_in_float32(self, dtype: torch.dtype) -> None:
        logits, labels = sequences(dtype=dtype)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found, _ = per_sequence_cross_entropy(logits, labels)
        assert found.dtype == torch.float32
        exact = logits.detach().float().requires_grad_()
        expected = plain(exact, labels, True)
        torch.testing.assert_close(found, expected)
        [ours] = torch.autograd.grad(found.sum(), logits)
        [theirs] = torch.autograd.grad(expected.sum(), exact)
        assert ours.dtype == dtype
        torch.testing.assert_close(ours, theirs.to(dtype))

    def test_transposed_logits(self) -> None:
        logits, labels = sequences()
        turned = logits.detach().transpose(0, 1).contiguous().transpose(0, 1).requires_grad_()
        found, _ = per_sequence_cross_entropy(turned, labels)
        [ours] = torch.autograd.grad(found.sum(), turned)
        [theirs] = torch.autograd.grad(plain(logits, labels, True).sum(), logits)
        torch.testing.assert_close(ours, theirs)

    def test_logits_of_an_excluded_sample_poison_no_gradient(self) -> None:
        logits, labels = sequences()
        with torch.no_grad():
            logits[2, 1, 4] = torch.nan
        found = LossReweighter(LinUpper(), r=0.4).from_logits(logits, labels)
        [gradient] = torch.autograd.grad(found.loss, logits)
        assert torch.isfinite(gradient).all()
        assert (gradient[2] == 0).all()
        assert (gradient[3] != 0).any()
        assert (found.stats.masked, found.stats.excluded, found.stats.samples) == (1, 1, 2)

    def test_uniform_by_tokens_is_the_usual_mean_over_tokens(self) -> None:
        logits, labels = sequences()
        found = LossReweighter(r=float("inf")).from_logits(logits, labels, average="token")
        usual = functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
        torch.testing.assert_close(found.loss, usual)

    def test_by_tokens_the_prior_tilts_and_does_not_count_twice(self) -> None:
        logits, labels = sequences()
        found = LossReweighter(LinUpper(), r=0.4).from_logits(logits, labels, average="token")
        losses, tokens = per_sequence_cross_entropy(logits, labels)
        own = losses.detach()[[0, 2, 3]]
        h = 2 * (own - own.min()) / (own.max() - own.min()) - 1
        w = tokens[[0, 2, 3]] * torch.exp(torch.clamp(h + 1, max=1) / 0.4)
        torch.testing.assert_close(found.weights[[0, 2, 3]], w / w.sum())

    @pytest.mark.parametrize("label", [-1, 11])
    def test_a_label_outside_the_vocabulary_is_no_loss_of_zero(self, label: int) -> None:
        logits, labels = sequences()
        labels[2, 3] = label
        with pytest.raises(DataselectError, match=f"label {label} with a vocabulary of 11"):
            per_sequence_cross_entropy(logits, labels)
        labels = labels.masked_fill(labels == -100, label)
        tokens = per_sequence_cross_entropy(logits, labels, ignore_index=label)[1]
        assert tokens[2] == 5

    def test_no_sample_and_no_position(self) -> None:
        empty = torch.zeros(0, 5, 3, requires_grad=True)
        found, tokens = per_sequence_cross_entropy(empty, torch.zeros(0, 5, dtype=torch.long))
        found.sum().backward()
        assert tokens.shape == (0,)
        one = torch.zeros(2, 1, 3, requires_grad=True)
        found, tokens = per_sequence_cross_entropy(one, torch.zeros(2, 1, dtype=torch.long))
        assert tokens.tolist() == [0, 0]
        assert found.tolist() == [0, 0]

    @pytest.mark.skipif(
        not Path("/proc/self/status").exists(), reason="no /proc to read peaks from"
    )
    def test_memory(self) -> None:
        """Forward and backward hold the logits, their gradient, and little else."""
        code = (
            "import torch\n"
            "from dataselect.reweighting import per_sequence_cross_entropy\n"
            "logits = torch.randn(64, 128, 2048, requires_grad=True)\n"
            "labels = torch.randint(0, 2048, (64, 128))\n"
            "warm = torch.randn(1, 8, 2048, requires_grad=True)\n"
            "per_sequence_cross_entropy(warm, labels[:1, :8])[0].sum().backward()\n"
            # Not ru_maxrss, which a process inherits from the one that started it.
            "status = lambda: open('/proc/self/status').read()\n"
            "peak = lambda: int(status().split('VmHWM:')[1].split()[0]) / 1024\n"
            "before = peak()\n"
            "losses, _ = per_sequence_cross_entropy(logits, labels)\n"
            "forward = peak() - before\n"
            "losses.mean().backward()\n"
            "print(forward, peak() - before)\n"
        )
        ran = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        forward, whole = map(float, ran.stdout.split())
        size = 64.0  # MiB of logits
        assert forward < 0.2 * size
        assert 0.9 * size < whole < 1.25 * size  # the gradient


class TestClassification:
    def test_is_cross_entropy(self) -> None:
        logits, labels = torch.randn(5, 3), torch.tensor([0, 2, -100, 1, 1])
        losses, counted = classification_losses(logits, labels, label_smoothing=0.1)
        expected = functional.cross_entropy(logits, labels, reduction="none", label_smoothing=0.1)
        torch.testing.assert_close(losses, expected)
        assert counted.tolist() == [True, True, False, True, True]

    def test_positions_are_averaged_within_a_sample(self) -> None:
        logits, labels = torch.randn(2, 3, 4, 4), torch.randint(0, 3, (2, 4, 4))
        labels[0, 0] = -100
        losses, _ = classification_losses(logits, labels)
        for i in range(2):
            torch.testing.assert_close(
                losses[i], functional.cross_entropy(logits[i : i + 1], labels[i : i + 1])
            )

    def test_binary(self) -> None:
        logits, targets = torch.randn(4, 3), torch.randint(0, 2, (4, 3))
        losses, counted = binary_losses(logits, targets)
        each = functional.binary_cross_entropy_with_logits(
            logits, targets.float(), reduction="none"
        )
        torch.testing.assert_close(losses, each.mean(dim=1))
        assert counted.all()


class TestRegression:
    def test_measures(self) -> None:
        p, y = torch.tensor([1.0, 5.0]), torch.tensor([0.5, 1.0])
        assert regression_losses(p, y)[0].tolist() == [0.25, 16.0]
        assert regression_losses(p, y, measure="absolute")[0].tolist() == [0.5, 4.0]
        assert regression_losses(p, y, measure="huber", delta=2.0)[0].tolist() == [0.125, 6.0]

    @pytest.mark.parametrize("measure", ["squared", "absolute", "huber"])
    @pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.int64])
    def test_targets_of_another_type(self, measure: Measure, dtype: torch.dtype) -> None:
        p = torch.tensor([1.0, 5.0], requires_grad=True)
        losses, _ = regression_losses(p, torch.tensor([2, 1]).to(dtype), measure=measure)
        assert losses.dtype == torch.float32
        losses.sum().backward()
        expected = {"squared": [-2.0, 8.0], "absolute": [-1.0, 1.0], "huber": [-1.0, 1.0]}
        assert p.grad is not None
        assert p.grad.tolist() == expected[measure]

    def test_outputs_are_averaged(self) -> None:
        found, _ = regression_losses(torch.ones(2, 3), torch.zeros(2, 3))
        assert found.tolist() == [1.0, 1.0]


# In a process of its own: here the types in the signatures are checked first.
BAD_SHAPES = """
import torch
from dataselect import DataselectError
from dataselect.reweighting import *
integers = torch.zeros(2, 7, dtype=torch.long)
for call in (
    lambda: per_sequence_cross_entropy(torch.randn(2, 6, 11), integers),
    lambda: classification_losses(torch.randn(2, 7, 11), integers),
    lambda: regression_losses(torch.ones(4, 1), torch.ones(4)),
    lambda: regression_losses(torch.ones(4), torch.ones(4), measure="cubic"),
    lambda: LossReweighter()(torch.ones(2, 2)),
    lambda: LossReweighter(gradients="mean"),
    lambda: LossReweighter()([1.0, 2.0]),
    lambda: LossReweighter(LinUpper),
    lambda: LossReweighter("linupper"),
    lambda: LossReweighter(r="high"),
    lambda: LossReweighter(accumulation=2.5),
    lambda: LossReweighter().load_state_dict({"_extra_state": {"step": 3}}),
):
    try:
        call()
    except DataselectError as error:
        print(str(error).replace(chr(10), " "))
"""


def test_shapes_that_do_not_belong_together() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", BAD_SHAPES], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    expected = (
        r"logits of shape (2, 6, 11) with labels of shape (2, 7)",
        r"use per_sequence_cross_entropy",
        r"squeeze(-1)",
        r"'cubic'",
        r"losses of shape (2, 2)",
        r"gradients='mean'",
        r"losses of type list",
        r"LossReweighter(LinUpper(), r=0.4)",
        r"the strategy 'linupper'",
        r"the temperature r = 'high'",
        r"an accumulation of 2.5 calls",
        r"no state of a LossReweighter: dict",
    )
    assert len(lines) == len(expected)
    for line, part in zip(lines, expected, strict=True):
        assert part in line
        assert "accepted: " in line


def test_training_any_model_in_three_lines() -> None:
    torch.manual_seed(0)
    x = torch.randn(256, 4)
    y = (x[:, 0] > 0).long() + (x[:, 1] > 1).long()
    model = torch.nn.Linear(4, 3)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.5)
    reweight = LossReweighter(LinUpper(), r=0.4, warmup_steps=5)
    course = []
    for _ in range(60):
        out = reweight(*classification_losses(model(x), y))
        out.loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        course.append(out.stats.unweighted_loss)
    assert course[-1] < 0.5 * course[0]
