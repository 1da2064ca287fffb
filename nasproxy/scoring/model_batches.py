"""The batch that an entry of a list of models takes: images, noise, tokens, or several of these."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nasproxy.batch import Batch
from nasproxy.errors import NasproxyError
from nasproxy.images import load_batch
from nasproxy.scoring.model_building import configuration
from nasproxy.scoring.model_inputs import Input
from nasproxy.scoring.model_list import Model

__all__ = ["batch_for"]

_CLASSES = 10
_LANGUAGE = ("LMHeadModel", "ForCausalLM", "ForMaskedLM", "LMHead", "ForPreTraining")


def batch_for(model: Model, images: str, size: int, seed: int) -> Batch:
    """The batch that an entry's network takes.

    Images come from ``images`` at the entry's size. Other shapes are standard normal noise, and
    tokens uniform below the vocabulary; their labels are uniform among the classes, or of a
    language model the next tokens (the last sees the first again). Of several inputs the first
    images bring the labels.

    Args:
        model: the entry.
        images: as `load_batch` takes it.
        size: samples.
        seed: of the draw.

    Raises:
        NasproxyError: no vocabulary is known; the entry is named.
    """
    generator = torch.Generator().manual_seed(seed)
    if model.inputs is not None:
        return _several(model, images, size, seed, generator)
    if model.tokens is None:
        shape = model.input or []
        if len(shape) == 3:
            return _images(images, shape, size, seed)
        classes = model.classes or _CLASSES
        noise = torch.randn(size, *shape, generator=generator)
        labels = torch.randint(classes, (size,), generator=generator)
        return Batch(noise, labels, classes, "noise")
    config = configuration(model)
    vocabulary = _vocabulary(model, config, model.vocabulary)
    ids = torch.randint(vocabulary, (size, model.tokens), generator=generator)
    language = str(model.huggingface).endswith(_LANGUAGE)
    kind = model.labels or ("token" if language else "sequence")
    classes = model.classes or int(getattr(config, "num_labels", _CLASSES))
    labels = torch.randint(
        classes, (size,) if kind == "sequence" else (size, model.tokens), generator=generator
    )
    if language and model.classes is None and kind == "token":
        labels, classes = ids.roll(-1, 1), vocabulary
    inputs: Tensor | dict[str, Tensor] = {"input_ids": ids} if model.huggingface else ids
    return Batch(inputs, labels, classes, "random tokens")


def _several(model: Model, images: str, size: int, seed: int, generator: torch.Generator) -> Batch:
    config = configuration(model)
    classes, labels = model.classes or int(getattr(config, "num_labels", _CLASSES)), None
    drawn: list[Tensor] = []
    listed = model.inputs or []
    for one in listed.values() if isinstance(listed, dict) else listed:
        if one.shape is not None and len(one.shape) == 3:
            batch = _images(images, one.shape, size, seed)
            drawn.append(batch.tensors[0])
            if labels is None and batch.labels is not None and model.classes is None:
                labels, classes = batch.labels, batch.classes or classes
        else:
            drawn.append(_drawn(model, one, config, size, generator))
    if labels is None:
        labels = torch.randint(classes, (size,), generator=generator)
    inputs: dict[str, Tensor] | tuple[Tensor, ...] = (
        dict(zip(listed, drawn, strict=True)) if isinstance(listed, dict) else tuple(drawn)
    )
    return Batch(inputs, labels, classes, "several inputs")


def _drawn(model: Model, one: Input, config: Any, size: int, generator: torch.Generator) -> Tensor:
    if one.shape is not None:
        return torch.randn(size, *one.shape, generator=generator)
    if one.ones is not None:
        return torch.ones(size, *one.ones, dtype=torch.long)
    vocabulary = _vocabulary(model, config, one.vocabulary)
    return torch.randint(vocabulary, (size, one.tokens or 0), generator=generator)


def _images(images: str, shape: list[int], size: int, seed: int) -> Batch:
    return load_batch(images, size=size, seed=seed, image_size=shape[-1], channels=shape[0])


def _vocabulary(model: Model, config: Any, stated: int | None) -> int:
    found = stated or getattr(config, "vocab_size", None)
    if not isinstance(found, int):
        raise NasproxyError(
            f"{model.where}: its configuration has no vocab_size", accepted="vocabulary = 30522"
        )
    return found
