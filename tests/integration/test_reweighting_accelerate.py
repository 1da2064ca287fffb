"""Accelerate reweights as the plain loop does."""

from pathlib import Path
from typing import Any

import pytest
import torch
from plain_training import (
    RATE,
    Sequences,
    language_model,
    plain_loop,
    reweighter,
    same_parameters,
)
from torch.utils.data import DataLoader

from dataselect.reweighting import LossReweighter

pytestmark = pytest.mark.usefixtures("trained_here")


class TestAccelerate:
    def accelerated(self, accumulation: int) -> tuple[Any, LossReweighter, list[float], Any]:
        from accelerate import Accelerator

        from dataselect.reweighting.trainers.accelerate import prepare

        accelerator = Accelerator(cpu=True, gradient_accumulation_steps=accumulation)
        reweight = prepare(accelerator, reweighter())
        model = language_model()
        optimiser = torch.optim.SGD(model.parameters(), lr=RATE)
        loader = DataLoader(Sequences(), batch_size=4)
        model, optimiser, loader = accelerator.prepare(model, optimiser, loader)
        steps = []
        for _ in range(2):
            for batch in loader:
                with accelerator.accumulate(model):
                    out = reweight.from_logits(model(batch["input_ids"]).logits, batch["labels"])
                    accelerator.backward(out.loss)
                    optimiser.step()
                    optimiser.zero_grad()
                steps.append(out.stats.step)
        return model, reweight, steps, accelerator

    def test_is_the_plain_loop(self) -> None:
        model, _, _, _ = self.accelerated(1)
        same_parameters(model, plain_loop(reweighter())[0])

    def test_steps_are_the_optimisers(self, tmp_path: Path) -> None:
        _, reweight, steps, accelerator = self.accelerated(4)
        # Six micro-batches an epoch: steps of four and of two.
        assert steps == [0, 0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 3]
        accelerator.save_state(str(tmp_path / "state"), safe_serialization=True)
        before = reweight.get_extra_state()
        reweight.step = 99
        accelerator.load_state(str(tmp_path / "state"))
        torch.testing.assert_close(reweight.get_extra_state(), before, rtol=0, atol=0)
