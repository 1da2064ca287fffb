"""Reweighting in a plain loop trains for real; an interrupted run ends like a whole one."""

from pathlib import Path
from typing import Any

import pytest
import torch
from plain_training import (
    Sequences,
    language_model,
    plain_loop,
    reweighter,
)
from torch import Tensor, nn

from dataselect.reweighting import (
    LinUpper,
    LossReweighter,
    accumulate,
    classification_losses,
)

pytestmark = pytest.mark.usefixtures("trained_here")


class TestPlainLoop:
    def test_losses_fall(self) -> None:
        _, course = plain_loop(reweighter(), epochs=12)
        assert sum(course[-6:]) < 0.9 * sum(course[:6])

    @pytest.mark.parametrize("two_pass", [False, True])
    def test_two_passes_are_one_large_batch_and_dropout_is_drawn_once(self, two_pass: bool) -> None:
        torch.manual_seed(1)
        model = nn.Sequential(nn.Linear(5, 40), nn.Dropout(0.5), nn.Linear(40, 3))
        x, y = torch.randn(24, 5), torch.randint(0, 3, (24,))
        reweight = LossReweighter(LinUpper(), r=0.2)
        masks: list[Tensor] = []
        model[1].register_forward_hook(lambda m, i, out: masks.append(out.detach() == 0))
        torch.manual_seed(2)
        accumulate(
            reweight,
            lambda own: classification_losses(model(x[own]), y[own]),
            list(torch.arange(24).split([5, 9, 10])),
            two_pass=two_pass,
        )
        ours = [p.grad.clone() for p in model.parameters() if p.grad is not None]
        assert len(masks) == (6 if two_pass else 3)
        assert all(torch.equal(a, b) for a, b in zip(masks[:3], masks[-3:], strict=True))
        kept = torch.cat(masks[-3:])
        model.zero_grad()
        hidden = model[0](x) * 2 * ~kept
        LossReweighter(LinUpper(), r=0.2)(
            *classification_losses(model[2](hidden), y)
        ).loss.backward()
        close = [
            torch.allclose(a, p.grad, atol=1e-6)
            for a, p in zip(ours, model.parameters(), strict=True)
            if p.grad is not None
        ]
        assert all(close) is two_pass

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    def test_two_passes_by_tokens_within_autocast(self, dtype: torch.dtype) -> None:
        """More tokens than bfloat16 counts; autocast keeps casts from the first pass."""
        torch.manual_seed(1)
        model = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 1))
        x, prior = torch.randn(8, 5), torch.tensor([257, 1, 259, 3, 261, 5, 263, 7])
        found = []
        for whole in (True, False):
            model.zero_grad()
            reweight = LossReweighter(LinUpper(), r=0.4)
            with torch.autocast("cpu", torch.bfloat16):
                if whole:
                    out = reweight(model(x)[:, 0].square().to(dtype), prior)
                    out.loss.backward()
                else:
                    [out] = accumulate(
                        reweight,
                        lambda own: (model(x[own])[:, 0].square().to(dtype), prior[own]),
                        list(torch.arange(8).split(4)),
                        two_pass=True,
                    )
            found.append([out.weights, *(p.grad.clone() for p in model.parameters())])
        torch.testing.assert_close(found[1][0], found[0][0], rtol=1e-6, atol=0)
        torch.testing.assert_close(found[1][1:], found[0][1:], rtol=0.02, atol=1e-3)

    def test_interrupted_and_resumed(self, tmp_path: Path) -> None:
        """The weights and losses of a killed run that goes on are those of one that was not."""

        def train(reweight: LossReweighter, model: Any, optimiser: Any, steps: range) -> list[Any]:
            rows = []
            for step in steps:
                own = torch.arange(4) + 4 * (step % 5)
                data = Sequences()
                out = reweight.from_logits(model(data.ids[own]).logits, data.labels[own])
                out.loss.backward()
                optimiser.step()
                optimiser.zero_grad()
                rows.append((out.weights.tolist(), float(out.loss.detach())))
            return rows

        def made() -> tuple[LossReweighter, Any, Any]:
            model = language_model()
            return reweighter(), model, torch.optim.AdamW(model.parameters(), lr=0.01)

        reweight, model, optimiser = made()
        expected = train(reweight, model, optimiser, range(14))
        reweight, model, optimiser = made()
        found = train(reweight, model, optimiser, range(6))
        state = {"r": reweight.state_dict(), "m": model.state_dict(), "o": optimiser.state_dict()}
        torch.save(state, tmp_path / "state.pt")
        reweight, model, optimiser = made()
        state = torch.load(tmp_path / "state.pt", weights_only=True)
        reweight.load_state_dict(state["r"])
        model.load_state_dict(state["m"])
        optimiser.load_state_dict(state["o"])
        found += train(reweight, model, optimiser, range(6, 14))
        assert found == expected
        assert len({len(set(weights)) for weights, _ in expected}) > 1  # uniform, then not


def test_importing_the_package_or_the_command_line_does_not_import_torch() -> None:
    import subprocess
    import sys

    for module in ("dataselect", "zerocost_cli.dataselect.main"):
        code = f"import sys, {module}; print('torch' in sys.modules)"
        ran = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert ran.stdout.strip() == "False", module
