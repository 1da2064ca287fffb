"""Lightning reweights as the plain loop does; interrupted runs end like whole ones."""

import math
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
from torch import Tensor
from torch.utils.data import DataLoader

from dataselect.reweighting import LossReweighter

pytestmark = pytest.mark.usefixtures("trained_here")


class TestLightning:
    def module(self, reweight: LossReweighter) -> Any:
        from lightning.pytorch import LightningModule

        class Module(LightningModule):
            def __init__(self) -> None:
                super().__init__()
                self.model = language_model()
                self.seen: list[tuple[bool, float, float]] = []

            def training_step(self, batch: dict[str, Tensor], index: int) -> Tensor:
                out = reweight.from_logits(self.model(batch["input_ids"]).logits, batch["labels"])
                self.seen.append((reweight.training, out.stats.r, out.stats.step))
                return out.loss

            def validation_step(self, batch: dict[str, Tensor], index: int) -> None:
                out = reweight.from_logits(self.model(batch["input_ids"]).logits, batch["labels"])
                self.seen.append((reweight.training, out.stats.r, out.stats.step))

            def configure_optimizers(self) -> torch.optim.Optimizer:
                return torch.optim.SGD(self.parameters(), lr=RATE)

        return Module()

    def trainer(self, reweight: LossReweighter, folder: Path, **more: Any) -> Any:
        from lightning.pytorch import Trainer

        from dataselect.reweighting.trainers.lightning import ReweightingCallback

        return Trainer(
            accelerator="cpu", devices=1, logger=False, enable_progress_bar=False,
            enable_model_summary=False, callbacks=[ReweightingCallback(reweight)],
            num_sanity_val_steps=0, default_root_dir=str(folder), **more,
        )  # fmt: skip

    @pytest.mark.filterwarnings("ignore")  # Lightning's advice on workers and its own deprecations
    def test_is_the_plain_loop_and_validation_is_not_weighted(self, tmp_path: Path) -> None:
        reweight = reweighter()
        module = self.module(reweight)
        loaders = [DataLoader(Sequences(), batch_size=4) for _ in range(2)]
        self.trainer(reweight, tmp_path, max_epochs=2).fit(module, *loaders)
        same_parameters(module.model, plain_loop(reweighter())[0])
        training = [step for training, _, step in module.seen if training]
        assert training == list(range(12))
        assert {r for training, r, _ in module.seen if not training} == {math.inf}

    @pytest.mark.filterwarnings("ignore")
    def test_steps_and_checkpoints(self, tmp_path: Path) -> None:
        def fit(reweight: LossReweighter, epochs: int, **more: Any) -> tuple[Any, Any]:
            module = self.module(reweight)
            trainer = self.trainer(reweight, tmp_path, max_epochs=epochs, accumulate_grad_batches=4)
            trainer.fit(module, DataLoader(Sequences(), batch_size=4), **more)
            return module, trainer

        whole, _ = fit(reweighter(), 4)
        assert [step for _, _, step in whole.seen] == [0, 0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 3] + [
            step + 4 for step in [0, 0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 3]
        ]
        _, trainer = fit(reweighter(), 2)
        trainer.save_checkpoint(tmp_path / "two.ckpt")
        resumed, _ = fit(reweighter(), 4, ckpt_path=str(tmp_path / "two.ckpt"))
        same_parameters(resumed.model, whole.model)
        assert resumed.seen == whole.seen[12:]
