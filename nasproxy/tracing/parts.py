"""What a network is made of, found in one walk: modules, parameters, buffers and their places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nasproxy.errors import NasproxyError

__all__ = ["Parts", "parts_of"]


@dataclass(frozen=True, eq=False)
class Parts:
    """A network's modules, parameters and buffers, each once, in the order of its own walks.

    A walk over a deep network in Python costs as much as a small network's forward, so the passes
    share this one.

    Attributes:
        network: the network itself.
        modules: path -> module; "" is the network.
        parameters: name -> parameter; a tied one has its first name.
        buffers: name -> buffer.
        places: where each tensor is held: the module's dictionary, the key in it, and the name
            above. A tied tensor has several places.
    """

    network: nn.Module
    modules: Mapping[str, nn.Module]
    parameters: Mapping[str, nn.Parameter]
    buffers: Mapping[str, Tensor]
    places: tuple[tuple[dict[str, Tensor | None], str, str], ...]


def parts_of(network: nn.Module) -> Parts:
    """Walk a network once. O(modules + tensors).

    Raises:
        NasproxyError: the network, or a part of it, is TorchScript, which holds its tensors where
            nobody can replace them: gradients by the replacements would be zeros.
    """
    modules = dict(network.named_modules())
    parameters: dict[str, nn.Parameter] = {}
    buffers: dict[str, Tensor] = {}
    first: dict[int, str] = {}
    places = []
    for path, module in modules.items():
        if isinstance(module, torch.jit.ScriptModule):
            raise NasproxyError(
                f"{f'the part {path!r} of the network' if path else 'the network'} is TorchScript",
                accepted="a torch.nn.Module of Python",
                hint="score the network before torch.jit.script or torch.jit.trace",
            )
        prefix = f"{path}." if path else ""
        for held, found in ((module._parameters, parameters), (module._buffers, buffers)):
            for key, tensor in held.items():
                if tensor is None:
                    continue
                name = first.setdefault(id(tensor), prefix + key)
                found.setdefault(name, tensor)
                places.append((held, key, name))
    return Parts(network, modules, parameters, buffers, tuple(places))
