"""Reweighting in the Hugging Face Trainer: three lines, gradient accumulation included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from transformers import Trainer, TrainerCallback
from transformers.loss.loss_utils import LOSS_MAPPING, ForCausalLMLoss
from transformers.trainer_callback import ExportableState

from dataselect.errors import DataselectError
from dataselect.reweighting.cross_entropy import Average
from dataselect.reweighting.reweighter import LossReweighter
from dataselect.reweighting.statistics import BatchStatistics

__all__ = ["ReweightingCallback", "reweight_trainer"]

LossFunction = Callable[[Any, torch.Tensor], tuple[torch.Tensor, torch.Tensor | None]]


def reweight_trainer(
    trainer: Trainer,
    reweight: LossReweighter,
    *,
    average: Average = "sample",
    losses_of: LossFunction | None = None,
) -> None:
    """Let a Trainer minimise the reweighted loss; call it before ``trainer.train()``.

    Every micro-batch is normalised by itself, over all processes. With ``average="token"`` the
    micro-batches of a step count by their tokens, so that r = ∞ is what the Trainer does without
    reweighting; with "sample" they count equally. Evaluation reports what the Trainer would
    without reweighting. Checkpoints hold the reweighter's state, and resuming restores it; what is
    logged of training has the statistics of the last micro-batch.

    Args:
        trainer: not yet training; its dataset must give ``labels``. A model whose labels are not
            shifted by one (masked or sequence-to-sequence language models, classification) needs
            ``losses_of``.
        reweight: any; what it says on averaging over processes is set to what the Trainer does.
        average: see `LossReweighter.from_logits`.
        losses_of: from the model's outputs and the labels to losses and prior ``[n]``, for other
            models than causal language models; see `classification_losses`, and
            `per_sequence_cross_entropy` with ``shift=False``.

    Raises:
        DataselectError: the Trainer has a loss function already, smooths labels, runs
            ``DataParallel`` or counts tokens by process, its model shifts no labels and there is
            no ``losses_of``, or the transformers library is too old.
    """
    _check(trainer, average)
    if losses_of is None:
        _check_shifted(trainer.model)
    reweight.gradients = "averaged"
    reweight.accumulation = max(1, trainer.args.gradient_accumulation_steps)

    def loss(
        outputs: Any,
        labels: torch.Tensor | None,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        # Looked up here: a Trainer with model_init makes its model anew when training begins.
        training = trainer.model is None or trainer.model.training
        reweight.train(training)
        if labels is None:
            raise DataselectError(
                "a batch without labels", accepted="a dataset and a collator that give labels"
            )
        if losses_of is not None:
            found = reweight(*losses_of(outputs, labels))
        else:
            found = reweight.from_logits(
                outputs["logits"] if isinstance(outputs, dict) else outputs[0],
                labels,
                average=average if training else "token",
            )
        newest[:] = [found.stats] if training else newest
        value: torch.Tensor = found.loss
        if num_items_in_batch is None:
            return value
        # The Trainer's own losses are shares of a step's tokens, as it counts them.
        by_tokens = average == "token" if training else losses_of is None
        if by_tokens:
            counted = found.stats.prior.masked_fill(~found.stats.valid, 0.0).sum()
            value = value * (counted / num_items_in_batch)
        if trainer.args.average_tokens_across_devices and (training or not by_tokens):
            # compute_loss multiplies by this; the reweighter, or a mean in evaluation, has.
            value = value / (trainer.accelerator.num_processes // trainer.get_tp_size())
        return value

    def log(logs: dict[str, float], *others: Any, **more: Any) -> None:
        with_statistics = newest[0].as_dict() if newest and "loss" in logs else {}
        log_without(logs | with_statistics, *others, **more)

    newest: list[BatchStatistics] = []
    log_without = trainer.log
    trainer.log = log
    trainer.compute_loss_func = loss
    # True: nothing is divided afterwards; False: by the micro-batches that the step really has.
    trainer.loss_is_scaled_for_ga = average == "token"
    # With restore_callback_states_from_checkpoint the Trainer makes callbacks anew from their class
    # and JSON, so that the class has to know the reweighter.
    bound = type(ReweightingCallback.__name__, (ReweightingCallback,), {"reweight": reweight})
    trainer.add_callback(bound())


class ReweightingCallback(TrainerCallback, ExportableState):
    """Keeps the reweighter's step that of the Trainer, and its state in checkpoints."""

    reweight: LossReweighter | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """Take the state out of the checkpoint that training goes on from."""
        saved = (state.stateful_callbacks or {}).get(type(self).__name__)
        if self.reweight is not None and isinstance(saved, dict) and state.global_step:
            numbers = saved["attributes"]["reweighter"]
            self.reweight.set_extra_state(torch.tensor(_infinite(numbers), dtype=torch.float64))

    def on_step_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """Count optimiser steps, also where an epoch's last one has fewer micro-batches."""
        if self.reweight is not None:
            self.reweight.step = state.global_step

    def state(self) -> dict[str, Any]:
        """The JSON that checkpoints keep."""
        if self.reweight is None:
            return {"args": {}, "attributes": {}}
        numbers = [repr(x) for x in self.reweight.get_extra_state().tolist()]
        return {"args": {}, "attributes": {"reweighter": numbers}}


def _infinite(numbers: list[str]) -> list[float]:
    # JSON has no infinity, so that numbers are kept as text.
    return [float(number) for number in numbers]


def _check(trainer: Trainer, average: Average) -> None:
    if not hasattr(trainer, "loss_is_scaled_for_ga"):
        import transformers

        raise DataselectError(
            f"transformers {transformers.__version__} cannot be told how a loss is scaled",
            accepted="a Trainer with the attribute loss_is_scaled_for_ga",
            hint="pip install --upgrade transformers",
        )
    if trainer.compute_loss_func is not None:
        raise DataselectError(
            "the Trainer has a compute_loss_func already",
            accepted="a Trainer without one",
            hint="pass it as losses_of=, returning one loss a sample",
        )
    if trainer.args.label_smoothing_factor:
        raise DataselectError(
            f"label_smoothing_factor={trainer.args.label_smoothing_factor}, which the Trainer "
            "leaves to its loss function",
            accepted="label_smoothing_factor=0",
            hint="classification_losses(..., label_smoothing=) in losses_of= smooths labels",
        )
    if trainer.args.n_gpu > 1:
        raise DataselectError(
            f"DataParallel over {trainer.args.n_gpu} devices",
            accepted="one process a device",
            hint="start training with torchrun or accelerate launch",
        )
    if (
        average == "token"
        and trainer.args.world_size > 1
        and not trainer.args.average_tokens_across_devices
    ):
        raise DataselectError(
            "average='token' with average_tokens_across_devices=False",
            accepted="average_tokens_across_devices=True, the default",
        )
    if trainer.model is None:
        raise DataselectError("the Trainer has no model", accepted="a Trainer with a model")


def _check_shifted(model: object) -> None:
    """Refuse a model whose position t predicts label t, or one label of the whole sample."""
    kind = getattr(model, "loss_type", None)
    shifted = kind is None or LOSS_MAPPING.get(kind) in (ForCausalLMLoss, None)
    if not shifted or getattr(getattr(model, "config", None), "is_encoder_decoder", False):
        raise DataselectError(
            f"{type(model).__name__} is no causal language model",
            accepted="a causal language model, or losses_of= for others",
            hint="losses_of=lambda out, labels: per_sequence_cross_entropy(out['logits'], labels, "
            "shift=False), or classification_losses(out['logits'], labels)",
        )
