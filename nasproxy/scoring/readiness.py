"""What is checked before the first network is scored, and what makes two runs the same run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import torch

import zerocost
from nasproxy.errors import NasproxyError
from nasproxy.proxies.proxy import Proxy
from zerocost.errors import nearest

if TYPE_CHECKING:
    from nasproxy.batch import Batch

__all__ = ["batch_identity", "check_batch", "check_device", "check_new", "make_folder", "versions"]


def check_device(device: str) -> None:
    """See that networks can run on a device.

    Args:
        device: as torch names it: "cpu", "cuda", "cuda:1", "mps".

    Raises:
        NasproxyError: torch knows no such device, or this machine does not have it.
    """
    try:
        torch.empty(1, device=device).add(1).cpu()
    except Exception as cause:  # what is raised differs by device and by how torch was built
        there = _devices()
        close = nearest(device, there)
        raise NasproxyError(
            f"networks cannot run on the device {device!r}: {_short(cause)}",
            accepted=f"on this machine {', '.join(there)}",
            hint=f"--device {close[0] if close else 'cpu'}",
        ) from cause


def check_batch(proxies: Iterable[Proxy], batch: Batch) -> None:
    """See that a batch is large enough for every proxy, before any network is built.

    Raises:
        NasproxyError: a proxy needs more samples, or labels where there are none.
    """
    for proxy in proxies:
        if batch.size < proxy.min_batch:
            raise NasproxyError(
                f"{proxy.name} needs a batch of at least {proxy.min_batch}, "
                f"and this one has {batch.size}",
                accepted=f"{proxy.min_batch} samples or more",
                hint="64 is usual (--batch-size 64)",
            )
        if proxy.needs_labels and batch.labels is None:
            raise NasproxyError(
                f"{proxy.name} needs labels, and the batch has none",
                accepted="a batch with labels, or proxies that need none",
            )


def check_new(outputs: Iterable[Path], *, overwrite: bool) -> None:
    """See that outputs are files yet to be written, before anything is computed for them.

    Raises:
        NasproxyError: one is a folder, its folder does not exist, or it exists and is not to be
            overwritten.
    """
    for path in outputs:
        if path.is_dir():
            raise NasproxyError(f"{path} is a folder", accepted="the name of a file to write")
        if not path.parent.is_dir():
            raise NasproxyError(
                f"{path} cannot be written: its folder does not exist",
                accepted="a file in an existing folder that you may write to",
                hint=f"mkdir -p {path.parent}",
            )
        if path.exists() and not overwrite:
            raise NasproxyError(
                f"{path} exists",
                accepted="an output that does not exist yet",
                hint="choose another --out, or say --overwrite",
            )


def make_folder(path: Path) -> None:
    """Make a folder for outputs, with those above it; one that is there is fine.

    Raises:
        NasproxyError: a file has its name, or it cannot be made there.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        raise NasproxyError(
            f"the folder {path} cannot be made: {cause.strerror}",
            accepted="a folder, or the name of a new one where you may write",
            hint="choose another folder",
        ) from cause


def batch_identity(batch: Batch) -> str:
    """Where a batch came from, its size and a hash of its values: equal for equal batches alone."""
    inputs = batch.inputs
    names = list(inputs) if isinstance(inputs, Mapping) else []
    digest = sha256(repr((names, batch.classes)).encode())
    labels = () if batch.labels is None else (batch.labels,)
    for tensor in (*batch.tensors, *labels):
        array = tensor.detach().cpu().contiguous().numpy()
        digest.update(repr((array.shape, array.dtype.str)).encode())
        digest.update(array.tobytes())
    return f"{batch.size} from {batch.source}, sha256 {digest.hexdigest()[:16]}"


def _short(cause: Exception) -> str:
    first = next(iter(str(cause).splitlines()), type(cause).__name__)
    # torch lists every device that it was ever built for; no reader of this wants to see them.
    return "torch knows no such device" if first.startswith("Expected one of") else first


def _devices() -> list[str]:
    there = ["cpu"]
    if torch.cuda.is_available():
        there += ["cuda", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        there.append("mps")
    return there


def versions() -> str:
    """What computes the scores: a run continued by another release would mix two kinds."""
    return f"zerocost {zerocost.__version__}, torch {torch.__version__}"
