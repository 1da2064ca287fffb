"""LossReweighter, its normalisations and schedules, on one process."""

import math
import subprocess
import sys
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from dataselect import DataselectError
from dataselect.reweighting import (
    Constant,
    Cosine,
    Extremes,
    Linear,
    Linearly,
    LinUpper,
    LossReweighter,
    MinMax,
    Quadratic,
    QuantileRange,
    RunningRange,
    Strategy,
    Uniform,
    WarmUp,
    weigh,
)
from dataselect.reweighting.normalisation import Normalisation
from dataselect.reweighting.reweighter import _check_choice, _inputs

STRATEGIES: list[Strategy] = [LinUpper(), Quadratic(), Extremes(), Linear(), Uniform()]


def losses(n: int = 16, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).gamma(2.0, size=n))


class TestOneBatch:
    def test_gradient_is_the_weights(self) -> None:
        own = losses().requires_grad_()
        found = LossReweighter(LinUpper(), r=0.4)(own)
        found.loss.backward()
        assert not found.weights.requires_grad
        torch.testing.assert_close(own.grad, found.weights, rtol=0, atol=0)
        assert float(found.weights.sum()) == pytest.approx(1.0, abs=1e-12)

    @pytest.mark.parametrize("strategy", STRATEGIES)
    def test_equal_losses_get_uniform_weights(self, strategy: Strategy) -> None:
        # 0.1 + 0.2 and 0.3 differ by rounding; 2 * delta * l / (max - min) would blow that up.
        own = torch.tensor([0.1 + 0.2, 0.3, 0.3, 0.1 + 0.2]) * 3e4
        own = torch.nextafter(own, own + torch.tensor([1.0, -1.0, 1.0, -1.0]))
        assert len(own.unique()) > 1
        np.testing.assert_array_equal(LossReweighter(strategy, r=0.01)(own).weights, [0.25] * 4)

    @pytest.mark.parametrize("strategy", STRATEGIES)
    def test_an_infinite_temperature_is_the_mean(self, strategy: Strategy) -> None:
        found = LossReweighter(strategy, r=math.inf)(losses())
        assert float(found.loss) == pytest.approx(float(losses().mean()), rel=1e-14)

    def test_a_strategy_of_ones_own(self) -> None:
        found = LossReweighter(lambda h: torch.sigmoid(4 * h), r=0.5)(torch.tensor([1.0, 2.0, 3.0]))
        expected = np.exp(1 / (1 + np.exp([4.0, 0.0, -4.0])) / 0.5)
        np.testing.assert_allclose(found.weights, expected / expected.sum(), rtol=1e-6)

    # 1/r of the last two is infinite in float32 and float64.
    @pytest.mark.parametrize("r", [1e-30, 1e-40, 5e-324])
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    @pytest.mark.parametrize("strategy", [Linear(), lambda h: 1e6 * h - 1e7])
    def test_a_tiny_temperature_does_not_overflow(
        self, strategy: Strategy, dtype: torch.dtype, r: float
    ) -> None:
        found = LossReweighter(strategy, r=r)(losses().to(dtype))
        assert int(found.weights.argmax()) == int(losses().argmax())
        assert float(found.weights.max()) == 1.0
        assert float(found.weights.sum()) == 1.0

    @pytest.mark.parametrize("scale", [2.0**-147, 2.0**-100, 2.0**127])
    def test_only_the_ratios_of_priors_count(self, scale: float) -> None:
        prior = torch.tensor([2.0, 0.0, 1.0, 2.0])
        own = torch.tensor([1.0, 2.0, 3.0, 4.0])
        expected = LossReweighter(Linear(), r=0.4)(own, prior).weights
        found = LossReweighter(Linear(), r=0.4)(own, prior / 2 * scale)
        torch.testing.assert_close(found.weights, expected)

    def test_losses_near_the_largest_number(self) -> None:
        own = torch.tensor([0.0, 1.0, 2.0, 3.0])
        found = LossReweighter(Linear(), r=1.0)(own * 1e38).weights
        torch.testing.assert_close(found, LossReweighter(Linear(), r=1.0)(own).weights)

    def test_a_strategy_with_parameters_of_its_own_gets_no_gradient(self) -> None:
        slope = torch.nn.Parameter(torch.tensor(2.0))
        own = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
        found = LossReweighter(lambda h: slope * h, r=0.5)(own)
        assert not found.weights.requires_grad
        found.loss.backward()
        assert slope.grad is None

    def test_one_sample_and_none(self) -> None:
        assert LossReweighter()(torch.tensor([3.0])).weights.tolist() == [1.0]
        none = LossReweighter()(torch.zeros(0, requires_grad=True))
        assert float(none.loss.detach()) == 0.0
        assert none.weights.shape == (0,)

    def test_a_prior_is_the_weights_at_infinite_temperature(self) -> None:
        prior = torch.tensor([1.0, 0.0, 3.0])
        found = LossReweighter(Extremes(), r=math.inf)(torch.tensor([1.0, 2.0, 5.0]), prior)
        np.testing.assert_allclose(found.weights, [0.25, 0, 0.75])
        assert float(found.loss) == pytest.approx(4.0)
        assert found.stats.unweighted_loss == pytest.approx(4.0)
        assert found.stats.masked == 1

    def test_masked_samples_poison_nothing(self) -> None:
        own = losses(6).requires_grad_()
        plain = LossReweighter(LinUpper(), r=0.4)(losses(6))
        odd = torch.cat((own, torch.tensor([torch.nan, 1e9, -1e9], dtype=torch.float64)))
        mask = torch.tensor([1, 1, 1, 1, 1, 1, 0, 0, 0])
        found = LossReweighter(LinUpper(), r=0.4, nonfinite="error")(odd, mask)
        found.loss.backward()
        np.testing.assert_array_equal(found.weights[:6], plain.weights)
        np.testing.assert_array_equal(found.weights[6:], 0)
        torch.testing.assert_close(found.loss.detach(), plain.loss, rtol=1e-14, atol=0)
        torch.testing.assert_close(own.grad, plain.weights)
        assert found.stats.masked == 3
        assert found.stats.excluded == 0

    @pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
    def test_a_loss_that_is_not_finite_is_excluded_and_counted(self, bad: float) -> None:
        own = torch.tensor([1.0, bad, 2.0, 4.0], dtype=torch.float64, requires_grad=True)
        found = LossReweighter(LinUpper(), r=0.4)(own)
        found.loss.backward()
        kept = LossReweighter(LinUpper(), r=0.4)(torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64))
        np.testing.assert_array_equal(found.weights[[0, 2, 3]], kept.weights)
        torch.testing.assert_close(found.loss.detach(), kept.loss, rtol=1e-14, atol=0)
        assert own.grad is not None
        assert own.grad[1] == 0
        assert found.stats.excluded == 1
        assert found.stats.samples == 3
        assert all(math.isfinite(value) for value in found.stats.as_dict().values())

    @pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf, -1.0])
    def test_a_prior_that_cannot_be_is_excluded_and_counted(self, bad: float) -> None:
        own = torch.tensor([1.0, 7.0, 2.0, 4.0])
        found = LossReweighter(LinUpper(), r=0.4)(own, torch.tensor([1.0, bad, 1.0, 2.0]))
        kept = LossReweighter(LinUpper(), r=0.4)(own[[0, 2, 3]], torch.tensor([1.0, 1.0, 2.0]))
        np.testing.assert_array_equal(found.weights[[0, 2, 3]], kept.weights)
        assert float(found.weights[1]) == 0
        assert (found.stats.excluded, found.stats.masked, found.stats.samples) == (1, 0, 3)
        assert found.stats.unweighted_loss == pytest.approx(kept.stats.unweighted_loss)

    def test_or_it_is_an_error(self) -> None:
        reweight = LossReweighter(nonfinite="error")
        with pytest.raises(DataselectError, match=r"1 of 2 samples .* sample 1 has loss nan"):
            reweight(torch.tensor([1.0, torch.nan]))
        with pytest.raises(DataselectError, match=r"sample 0 has loss 1.0 and prior -2.0"):
            reweight(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([-2.0, 1.0, 0.0]))
        assert reweight.calls == 0

    def test_nothing_left_is_a_loss_of_zero(self) -> None:
        own = torch.tensor([torch.nan, torch.inf], requires_grad=True)
        found = LossReweighter()(own)
        found.loss.backward()
        assert float(found.loss.detach()) == 0
        assert found.weights.tolist() == [0, 0]
        assert own.grad is not None
        assert own.grad.tolist() == [0, 0]
        assert found.stats.excluded == 2
        assert math.isnan(found.stats.unweighted_loss)

    def test_statistics_by_hand(self) -> None:
        found = LossReweighter(Linear(), r=0.5)(torch.tensor([3.0, 1.0, 2.0], dtype=torch.float64))
        w = np.exp([2.0, 0.0, 1.0]) / np.exp([2.0, 0.0, 1.0]).sum()
        stats = found.stats
        assert stats.effective_sample_size == pytest.approx(1 / (w**2).sum())
        assert stats.weight_range == pytest.approx((3 * w[1], 3 * w[0]))
        assert stats.lower_half_mass == pytest.approx(w[1])
        assert stats.unweighted_loss == pytest.approx(2.0)
        assert stats.weighted_loss == pytest.approx(w @ [3, 1, 2])
        assert set(stats.as_dict("x/")) >= {"x/effective_sample_size", "x/r", "x/excluded"}


class TestNormalisations:
    def test_one_corrupt_document_squeezes_min_max_but_not_quantiles(self) -> None:
        own = torch.cat((torch.linspace(1, 2, 19), torch.tensor([100.0])))
        squeezed = LossReweighter(LinUpper(), r=0.4)(own).weights
        clipped = LossReweighter(LinUpper(), r=0.4, normalisation=QuantileRange())(own).weights
        assert float(squeezed[:19].max() / squeezed[:19].min()) < 1.06
        assert float(clipped[:19].max() / clipped[:19].min()) > 8
        assert float(clipped[-1]) == float(clipped.max())

    @pytest.mark.parametrize(("low", "high"), [(0.05, 0.95), (0.0, 1.0), (0.3, 0.4)])
    def test_quantiles_are_those_of_numpy(self, low: float, high: float) -> None:
        own = losses(23)
        own[4] = torch.nan
        valid = torch.isfinite(own)
        found = QuantileRange(low, high)(own, valid, torch.zeros(2, 0, dtype=torch.float64))
        assert float(found.low) == np.quantile(own[valid].numpy(), low, method="higher")
        assert float(found.high) == np.quantile(own[valid].numpy(), high, method="lower")

    def test_rounding_of_a_quantile_costs_no_sample(self) -> None:
        # 0.07 * 100 is 7.000000000000001.
        own = torch.arange(101, dtype=torch.float64)
        found = QuantileRange(0.07, 0.29)(own, own >= 0, torch.zeros(2, 0))
        assert (float(found.low), float(found.high)) == (7.0, 29.0)

    def test_all_quantiles_are_min_max(self) -> None:
        a = LossReweighter(Quadratic(), r=0.4)(losses()).weights
        b = LossReweighter(Quadratic(), r=0.4, normalisation=QuantileRange(0.0, 1.0))(
            losses()
        ).weights
        torch.testing.assert_close(a, b)

    def test_a_running_range_is_that_of_the_last_batches_together(self) -> None:
        reweight = LossReweighter(Linear(), r=1.0, normalisation=RunningRange(3))
        batches = [losses(2, seed) for seed in range(7)]
        for i, batch in enumerate(batches):
            found = reweight(batch).weights
            together = torch.cat(batches[max(0, i - 2) : i + 1])
            h = 2 * (batch - together.min()) / (together.max() - together.min()) - 1
            torch.testing.assert_close(found, torch.softmax(0.5 * h, dim=0))

    def test_a_running_range_of_one_batch_is_min_max(self) -> None:
        reweight = LossReweighter(Extremes(), r=0.4, normalisation=RunningRange(1))
        for seed in range(3):
            expected = LossReweighter(Extremes(), r=0.4)(losses(seed=seed)).weights
            torch.testing.assert_close(reweight(losses(seed=seed)).weights, expected)

    def test_an_empty_or_excluded_batch_leaves_a_running_range_alone(self) -> None:
        reweight = LossReweighter(Linear(), r=1.0, normalisation=RunningRange(9))
        a, b = losses(4, 1), losses(4, 2)
        reweight(a)
        reweight(torch.tensor([torch.nan], dtype=torch.float64))
        reweight(torch.zeros(0, dtype=torch.float64))
        together = torch.cat((a, b))
        h = 2 * (b - together.min()) / (together.max() - together.min()) - 1
        torch.testing.assert_close(reweight(b).weights, torch.softmax(0.5 * h, dim=0))


class TestSchedules:
    def test_values(self) -> None:
        assert [Constant(0.4)(step) for step in (0, 9)] == [0.4, 0.4]
        assert [WarmUp(2, Linearly(2.0, 1.0, 4))(s) for s in range(8)] == [
            math.inf, math.inf, 2.0, 1.75, 1.5, 1.25, 1.0, 1.0,
        ]  # fmt: skip
        assert [Cosine(3.0, 1.0, 4)(s) for s in (0, 2, 4, 9)] == pytest.approx([3, 2, 1, 1])

    def test_warm_up_is_uniform_and_then_r(self) -> None:
        reweight = LossReweighter(LinUpper(), r=0.4, warmup_steps=3)
        expected = LossReweighter(LinUpper(), r=0.4)(losses()).weights
        for step in range(5):
            found = reweight(losses())
            assert found.stats.step == step
            assert found.stats.r == (math.inf if step < 3 else 0.4)
            torch.testing.assert_close(
                found.weights, torch.full_like(expected, 1 / 16) if step < 3 else expected
            )

    def test_several_calls_a_step(self) -> None:
        reweight = LossReweighter(r=1.0, warmup_steps=2, accumulation=3)
        assert [reweight(losses()).stats.r for _ in range(7)] == [math.inf] * 6 + [1.0]
        reweight.step = 1
        assert [reweight(losses()).stats.r for _ in range(4)] == [math.inf] * 3 + [1.0]

    def test_a_schedule_of_ones_own(self) -> None:
        reweight = LossReweighter(r=lambda step: 1.0 / (1 + step))
        assert [reweight(losses()).stats.r for _ in range(3)] == pytest.approx([1, 1 / 2, 1 / 3])

    def test_one_that_falls_to_zero_says_at_which_step(self) -> None:
        reweight = LossReweighter(r=lambda step: 1.0 - step)
        reweight(losses())
        with pytest.raises(DataselectError, match=r"r = 0\.0 at step 1"):
            reweight(losses())


class TestModesAndState:
    def test_evaluation_is_the_plain_mean_and_counts_nothing(self) -> None:
        reweight = LossReweighter(LinUpper(), r=0.4, normalisation=RunningRange(4))
        reweight(losses())
        before = reweight.get_extra_state()
        reweight.eval()
        assert float(reweight(losses(5)).loss) == pytest.approx(float(losses(5).mean()))
        torch.testing.assert_close(reweight.get_extra_state(), before, rtol=0, atol=0)

    def test_it_follows_the_model_that_it_is_part_of(self) -> None:
        model = torch.nn.ModuleDict({"net": torch.nn.Linear(2, 2), "reweight": LossReweighter()})
        assert not model.eval()["reweight"].training
        assert "reweight._extra_state" in model.state_dict()
        assert all(isinstance(value, torch.Tensor) for value in model.state_dict().values())

    def test_resuming_in_mid_schedule_changes_nothing(self) -> None:
        def made() -> LossReweighter:
            return LossReweighter(
                Quadratic(), r=Cosine(2.0, 0.3, 9), warmup_steps=2, normalisation=RunningRange(4)
            )

        whole = made()
        expected = [whole(losses(4, seed)).weights for seed in range(10)]
        first = made()
        found = [first(losses(4, seed)).weights for seed in range(5)]
        second = made()
        second.load_state_dict(first.state_dict())
        found += [second(losses(4, seed)).weights for seed in range(5, 10)]
        torch.testing.assert_close(found, expected, rtol=0, atol=0)

    def test_resuming_with_another_accumulation_keeps_the_step(self) -> None:
        first = LossReweighter(r=1.0, warmup_steps=10, accumulation=4)
        for _ in range(38):
            first(losses())
        for accumulation, calls in ((4, 38), (8, 76), (2, 19), (1, 10)):
            second = LossReweighter(r=1.0, warmup_steps=10, accumulation=accumulation)
            second.load_state_dict(first.state_dict())
            assert second.calls == calls
        assert first.step == 9

    @pytest.mark.parametrize(
        "state",
        [[], [0.0], [math.nan, 0.0], [-3.0, 0.0], [1.0, math.nan], [1.0, 1.5, 0.0, 0.0, 0.0]],
    )
    def test_what_is_no_state_is_refused(self, state: list[float]) -> None:
        reweight = LossReweighter()
        with pytest.raises(DataselectError, match="no state of a LossReweighter"):
            reweight.set_extra_state(torch.tensor(state))
        assert reweight.calls == 0

    def test_a_state_of_another_normalisation_is_refused(self) -> None:
        state = LossReweighter(normalisation=RunningRange(3)).state_dict()
        with pytest.raises(DataselectError, match="remembers 3 batches"):
            LossReweighter(normalisation=MinMax()).load_state_dict(state)

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
    def test_half_precision_losses_are_weighed_in_float32(self, dtype: torch.dtype) -> None:
        own = losses().to(dtype).requires_grad_()
        with torch.autocast("cpu", dtype=dtype):
            found = LossReweighter(LinUpper(), r=0.4)(own)
        found.loss.backward()
        expected = LossReweighter(LinUpper(), r=0.4)(own.detach().float())
        torch.testing.assert_close(found.weights, expected.weights, rtol=0, atol=0)
        assert found.loss.dtype == torch.float32
        torch.testing.assert_close(found.loss.detach(), expected.loss)
        assert own.grad is not None
        assert own.grad.dtype == dtype

    @pytest.mark.parametrize("normalisation", [MinMax(), QuantileRange(), RunningRange(3)])
    def test_float32_losses_need_no_float64(self, normalisation: Normalisation) -> None:
        """Some accelerators have none; the memory alone is kept in it, on the host."""

        class Watch(TorchDispatchMode):
            made: ClassVar[list[str]] = []

            def __torch_dispatch__(
                self, func: Any, types: Any, args: Any = (), kwargs: Any = None
            ) -> Any:
                found = func(*args, **(kwargs or {}))
                if isinstance(found, torch.Tensor) and found.dtype == torch.float64:
                    self.made.append(str(func))
                return found

        reweight = LossReweighter(Quadratic(), r=0.4, normalisation=normalisation)
        own, prior = losses().float().requires_grad_(), torch.arange(16)
        with Watch():
            for _ in range(2):
                reweight(own, prior).loss.backward()
        assert Watch.made == []
        assert reweight.get_extra_state().dtype == torch.float64

    def test_the_pure_function_is_the_same(self) -> None:
        found = LossReweighter(Extremes(), r=0.4)(losses())
        torch.testing.assert_close(weigh(losses(), Extremes(), 1 / 0.4).weights, found.weights)


class TestBadInput:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"r": 0.0}, r"temperature r = 0\.0"),
            ({"r": math.nan}, "temperature r = nan"),
            ({"warmup_steps": -1}, "warm-up of -1 steps"),
            ({"accumulation": 0}, "accumulation of 0 calls"),
            ({"strategy": lambda h: h.sum()}, r"gave \(\) for normalised losses"),
            ({"strategy": lambda h: 1 / (h - 1)}, "not finite at the normalised loss 1"),
        ],
    )
    def test_arguments(self, arguments: dict[str, object], message: str) -> None:
        with pytest.raises(DataselectError, match=message):
            LossReweighter(**arguments)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        "value", [lambda: Linearly(math.inf, 1.0, 3), lambda: Cosine(1.0, 2.0, 0)]
    )
    def test_schedules(self, value: object) -> None:
        with pytest.raises(DataselectError):
            value()  # type: ignore[operator]

    @pytest.mark.parametrize("value", [lambda: QuantileRange(0.9, 0.1), lambda: RunningRange(0)])
    def test_normalisations(self, value: object) -> None:
        with pytest.raises(DataselectError):
            value()  # type: ignore[operator]

    def test_shapes(self) -> None:
        with pytest.raises(DataselectError, match=r"losses of shape \(2, 2\)"):
            _inputs(torch.ones(2, 2), None)
        with pytest.raises(DataselectError, match="int64"):
            _inputs(torch.ones(2).long(), None)
        with pytest.raises(DataselectError, match=r"prior of shape \(2,\) for 3 losses"):
            _inputs(torch.ones(3), torch.ones(2))

    def test_words(self) -> None:
        with pytest.raises(DataselectError, match="nonfinite='ignore'"):
            _check_choice("nonfinite", "ignore", ("exclude", "error"))


@pytest.mark.slow
def test_under_torch_compile_it_is_the_same_and_compiles_once() -> None:
    """In a process of its own: the compiler cannot see through the type checks of the tests."""
    code = """
import torch
from torch._dynamo.utils import counters
from dataselect.reweighting import Cosine, LinUpper, LossReweighter, RunningRange, weigh
x = torch.randn(6, 5, 8, generator=torch.Generator().manual_seed(0))
y = torch.randint(0, 40, (6, 5), generator=torch.Generator().manual_seed(1))
def course(backend):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.GELU(), torch.nn.Linear(16, 40))
    reweight = LossReweighter(LinUpper(), r=Cosine(2.0, 0.4, 5), warmup_steps=2,
                              normalisation=RunningRange(3))
    optimiser = torch.optim.SGD(model.parameters(), 0.5)
    step = lambda x, y: reweight.from_logits(model(x), y).loss
    if backend:
        step = torch.compile(step, backend=backend)
    losses = []
    for _ in range(12):
        loss = step(x, y)
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        losses.append(loss.item())
    return losses
assert course(None) == course("aot_eager")
assert counters["stats"]["unique_graphs"] < 6, counters["stats"]
whole = torch.compile(lambda l: weigh(l, LinUpper(), 2.5).weights, fullgraph=True, backend="eager")
losses = torch.rand(9)
assert torch.equal(whole(losses), weigh(losses, LinUpper(), 2.5).weights)
print("same")
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.stdout.strip() == "same", ran.stderr
