"""Reweighting under Accelerate."""

from __future__ import annotations

from typing import Any

from accelerate import Accelerator

from dataselect.reweighting.reweighter import LossReweighter, Reweighted

__all__ = ["prepare"]


def prepare(accelerator: Accelerator, reweight: LossReweighter) -> LossReweighter:
    """Fit a reweighter to an Accelerator: steps, checkpoints, the mean over processes.

    ``accelerator.backward(out.loss)`` divides by the accumulation steps, so nothing else is to be
    done. ``accelerator.save_state`` and ``load_state`` hold the reweighter's state.

    Args:
        accelerator: any.
        reweight: the one to use from now on; it is changed and returned.
    """
    reweight.gradients = "averaged"
    reweight.accumulation = accelerator.gradient_accumulation_steps

    def end_step(module: LossReweighter, inputs: Any, output: Reweighted) -> None:
        # An epoch's last step may have fewer micro-batches than the others.
        short = module.calls % module.accumulation
        if module.training and accelerator.sync_gradients and short:
            module.calls += module.accumulation - short

    reweight.register_forward_hook(end_step)
    accelerator.register_for_checkpointing(reweight)
    return reweight
