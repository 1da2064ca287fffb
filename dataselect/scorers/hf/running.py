"""A classifier in memory, once a device, shared by all threads of a process."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from queue import Queue
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64

from dataselect.errors import DataselectError
from dataselect.scorers.hf.chunks import Chunk, batches_by_length, padded
from dataselect.scorers.hf.published import Published

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Loaded", "loaded"]

_CUDA_TOKENS = 32_768
_CPU_TOKENS = 8192
_LOCK = Lock()


@dataclass(frozen=True, eq=False)
class Loaded:
    """A tokenizer, and the model on each device.

    Attributes:
        tokenizer: a fast one.
        limit: tokens that the model reads at a time.
        padding: the token that fills batches up.
        outputs: of its head.
        free: models that no thread is using.
        devices: how many there are.
        batch: tokens in a batch.
        apart: whether documents are kept apart, which costs a CPU nothing.
    """

    tokenizer: Any
    limit: int
    padding: int
    outputs: int
    free: Queue[Any]
    devices: int
    batch: int
    apart: bool

    def outputs_for(self, chunks: Sequence[Chunk]) -> Float64[np.ndarray, "chunks outputs"]:
        """The outputs of the head for each piece of text, on all devices at once."""
        found = np.zeros((len(chunks), self.outputs))
        batches = list(batches_by_length(chunks, self.batch, apart=self.apart))

        def run(batch: list[int]) -> None:
            found[batch] = self._run([chunks[k] for k in batch])

        if self.devices == 1:
            for batch in batches:
                run(batch)
        else:
            with ThreadPoolExecutor(self.devices) as pool:
                list(pool.map(run, batches))
        return found

    def _run(self, chunks: Sequence[Chunk]) -> Float64[np.ndarray, "chunks outputs"]:
        import torch

        ids, mask = padded(chunks, self.padding)
        model = self.free.get()  # waits until a device has nothing to do
        try:
            with torch.inference_mode():
                logits = model(
                    input_ids=torch.from_numpy(ids).to(model.device),
                    attention_mask=torch.from_numpy(mask).to(model.device),
                ).logits
                outputs: Float64[np.ndarray, "chunks outputs"] = logits.double().cpu().numpy()
        finally:
            self.free.put(model)
        return outputs


def loaded(folder: Path, name: str, reading: Published, outputs: int) -> Loaded:
    """The model of a folder in memory; loaded once a process.

    In bfloat16 on every CUDA device there is, else in float32 on the CPU.

    Args:
        folder: of the checkpoint.
        name: for messages.
        reading: how many tokens it reads at the most, and what pads.
        outputs: that the head should have.

    Raises:
        DataselectError: the model cannot be loaded, or its head is not in the checkpoint.
    """
    with _LOCK:
        tokenizer, models = _models(folder, name)
    _check_head(models[0], name, outputs)
    with _LOCK:
        free = _free(folder, name)
    own = getattr(tokenizer, "model_max_length", None) or reading.tokens
    limit = int(min(reading.tokens, own, _positions(models[0], reading.tokens)))
    padding = reading.padding if reading.padding is not None else (tokenizer.pad_token_id or 0)
    for model in models:
        model.config.pad_token_id = padding
    cuda = models[0].device.type == "cuda"
    batch = _CUDA_TOKENS if cuda else _CPU_TOKENS
    return Loaded(tokenizer, limit, padding, outputs, free, len(models), batch, not cuda)


def _positions(model: Any, usual: int) -> int:
    """Tokens that the model has positions for; RoBERTa's begin behind the padding token."""
    positions = getattr(model.config, "max_position_embeddings", None) or usual
    offset = model.config.model_type in ("roberta", "xlm-roberta", "camembert", "longformer")
    return int(positions) - (2 if offset else 0)


def _check_head(model: Any, name: str, outputs: int) -> None:
    if model.config.num_labels != outputs:
        raise DataselectError(
            f"the head of {name} has {model.config.num_labels} outputs, its configuration says "
            f"{outputs}",
            accepted="a checkpoint as save_pretrained wrote it",
        )


@lru_cache(maxsize=8)
def _free(folder: Path, name: str) -> Queue[Any]:
    queue: Queue[Any] = Queue()
    for model in _models(folder, name)[1]:
        queue.put(model)
    return queue


@lru_cache(maxsize=8)
def _models(folder: Path, name: str) -> tuple[Any, tuple[Any, ...]]:
    try:
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer
    except ImportError as cause:
        raise DataselectError(
            "raters of the hub need the library transformers",
            accepted="the extra raters",
            hint="pip install 'zerocost[raters]'",
        ) from cause
    count = torch.cuda.device_count()
    devices = [torch.device("cuda", k) for k in range(count)] or [torch.device("cpu")]
    only = {"local_files_only": True, "trust_remote_code": False}
    try:
        with _quiet():
            tokenizer = AutoTokenizer.from_pretrained(folder, **only)
            models = []
            for device in devices:
                model, found = AutoModelForSequenceClassification.from_pretrained(
                    folder,
                    use_safetensors=True,
                    dtype=torch.bfloat16 if count else torch.float32,
                    output_loading_info=True,
                    **only,
                )
                _check_weights(found, name)
                models.append(model.to(device).eval())
    except DataselectError:
        raise
    except Exception as cause:  # the library raises many kinds
        raise DataselectError(
            f"{name} cannot be loaded: {str(cause).strip().splitlines()[0]}",
            accepted="a classifier of sequences of an architecture that transformers knows; code "
            "from the hub is never run",
        ) from cause
    if not tokenizer.is_fast:
        raise DataselectError(
            f"the tokenizer of {name} is none of the library tokenizers",
            accepted="a folder with a tokenizer.json",
        )
    return tokenizer, tuple(models)


def _check_weights(found: Any, name: str) -> None:
    lost = sorted(map(str, found["missing_keys"]))
    other = sorted(str(key[0]) for key in found.get("mismatched_keys", ()))
    if lost or other:
        shown = ", ".join((lost + other)[:4])
        raise DataselectError(
            f"the checkpoint of {name} does not fit: {shown} "
            + ("is missing" if lost else "is of another size"),
            accepted="a checkpoint with its head, as save_pretrained wrote it after training",
            hint="without a trained head its scores would be chance",
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the library's progress bars and advice."""
    from transformers.utils import logging as own

    logging: Any = own

    level = logging.get_verbosity()
    bars = logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
