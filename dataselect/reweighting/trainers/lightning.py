"""Reweighting under Lightning."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from dataselect.reweighting.reweighter import LossReweighter

__all__ = ["ReweightingCallback"]


class ReweightingCallback(Callback):
    """Keeps a reweighter in step with the Trainer, and its state in checkpoints.

    The module's ``training_step`` returns ``self.reweight(losses).loss``; automatic optimisation
    divides it by ``accumulate_grad_batches``.

    Args:
        reweight: the one that the module uses; it need not be the module's child.
    """

    def __init__(self, reweight: LossReweighter) -> None:
        self.reweight = reweight

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Count optimiser steps, also where an epoch's last one has fewer micro-batches."""
        self.reweight.train()
        self.reweight.step = trainer.global_step

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Plain means from here."""
        self.reweight.eval()

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Plain means from here."""
        self.reweight.eval()

    def state_dict(self) -> dict[str, torch.Tensor]:
        """What a checkpoint holds of it."""
        return {"reweighter": self.reweight.get_extra_state()}

    def load_state_dict(self, state_dict: dict[str, torch.Tensor]) -> None:
        """Go on at a checkpoint."""
        self.reweight.set_extra_state(state_dict["reweighter"])
