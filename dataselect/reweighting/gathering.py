"""The losses of all processes, whatever the number of samples that each has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float

from dataselect.errors import DataselectError

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

__all__ = ["gathered", "group_size"]


def group_size(group: ProcessGroup | None) -> int:
    """How many processes the group has; 1 where nothing is distributed.

    Raises:
        DataselectError: this process is not in the group.
    """
    from torch import distributed

    if not distributed.is_available() or not distributed.is_initialized():
        return 1
    size = distributed.get_world_size(group)
    if size < 1:  # as a factor of the loss it would turn descent into ascent
        raise DataselectError(
            f"process {distributed.get_rank()} is not in the group of the reweighter",
            accepted="the group that this process is a replica in",
            hint="together=False weighs the losses of each process by themselves",
        )
    return size


def gathered(
    rows: Float[torch.Tensor, "n columns"],
    group: ProcessGroup | None,
    *,
    largest: int | None = None,
) -> tuple[Float[torch.Tensor, "all columns"], Bool[torch.Tensor, " all"], slice]:
    """The rows of all processes of a group, which are not padding, and where this one's are.

    Processes may have different numbers of rows, none too. Shorter ones are padded with zeros to
    the longest for the exchange, and the padding stays in the result: to cut it out would wait for
    the device.

    Args:
        rows: ``[n, columns]``, this process's, detached.
        group: of data parallel replicas; None for the default group.
        largest: the most rows that any process has in any step. Where it is not given, the
            processes tell each other first, which costs a second exchange and, on an accelerator,
            waits for the device.

    Returns:
        ``[size * longest, columns]`` in the order of the group's ranks, the same on all.

    Raises:
        DataselectError: more rows than ``largest``.
    """
    from torch import distributed

    size = group_size(group)
    if largest is None:
        own = torch.tensor([len(rows)], device=rows.device)
        counts = torch.empty(size, dtype=own.dtype, device=rows.device)
        distributed.all_gather_into_tensor(counts, own, group=group)
        largest = int(counts.max())
    elif len(rows) > largest:
        raise DataselectError(
            f"a batch of {len(rows)} samples on one process",
            accepted=f"at most {largest}, the largest_local_batch that was promised",
        )
    # The rank within the group: the number among the processes of a machine would pick another
    # machine's weights.
    first = distributed.get_rank(group) * largest
    padded = rows.new_zeros((largest, rows.shape[1] + 1))
    padded[: len(rows), :-1] = rows
    padded[: len(rows), -1] = 1.0
    everyone = rows.new_empty((size * largest, rows.shape[1] + 1))
    distributed.all_gather_into_tensor(everyone, padded, group=group)
    return everyone[:, :-1], everyone[:, -1] > 0, slice(first, first + len(rows))
