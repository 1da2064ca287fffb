"""A small language model and the plain loop with which every trainer must agree."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from dataselect.reweighting import (
    Cosine,
    LinUpper,
    LossReweighter,
    RunningRange,
    accumulate,
    per_sequence_cross_entropy,
)

VOCABULARY, TOKENS, SAMPLES = 23, 9, 22
RATE = 0.3


class Sequences(Dataset[dict[str, Tensor]]):
    """Ragged sequences; one has nothing to predict."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self.ids = torch.randint(0, VOCABULARY, (SAMPLES, TOKENS), generator=generator)
        self.labels = self.ids.clone()
        for row in range(SAMPLES):
            self.labels[row, 2 + row % (TOKENS - 1) :] = -100
        self.labels[5] = -100

    def __len__(self) -> int:
        return SAMPLES

    def __getitem__(self, i: int) -> dict[str, Tensor]:
        return {"input_ids": self.ids[i], "labels": self.labels[i]}


def reweighter(r: float | None = None) -> LossReweighter:
    if r is not None:
        return LossReweighter(LinUpper(), r=r)
    return LossReweighter(
        LinUpper(), r=Cosine(2.0, 0.4, 5), warmup_steps=1, normalisation=RunningRange(4)
    )


def language_model() -> Any:
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=VOCABULARY, n_positions=TOKENS, n_embd=8, n_layer=1, n_head=2,
            resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=0, eos_token_id=0,
        )
    )  # fmt: skip


def windows(batch: int, accumulation: int) -> Iterator[list[dict[str, Tensor]]]:
    """The micro-batches of each step of an epoch, in order; the last step has fewer."""
    batches = list(DataLoader(Sequences(), batch_size=batch))
    for first in range(0, len(batches), accumulation):
        yield batches[first : first + accumulation]


def plain_loop(
    reweight: LossReweighter, *, epochs: int = 2, batch: int = 4, accumulation: int = 1
) -> tuple[Any, list[float]]:
    model = language_model()
    optimiser = torch.optim.SGD(model.parameters(), lr=RATE)
    course = []
    for _ in range(epochs):
        for window in windows(batch, accumulation):
            outs = accumulate(reweight, lambda b: sequence_losses(model, b), window)
            optimiser.step()
            optimiser.zero_grad()
            course.append(sum(float(out.loss.detach()) for out in outs) / len(window))
    return model, course


def sequence_losses(model: Any, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    losses, tokens = per_sequence_cross_entropy(model(batch["input_ids"]).logits, batch["labels"])
    return losses, tokens > 0


def same_parameters(a: nn.Module, b: nn.Module) -> None:
    for (name, x), (_, y) in zip(a.named_parameters(), b.named_parameters(), strict=True):
        torch.testing.assert_close(x, y, rtol=1e-4, atol=1e-6, msg=lambda m, n=name: f"{n}: {m}")
