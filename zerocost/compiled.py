"""Numba kernels that also work where nothing may be written beside them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TypeVar, cast

__all__ = ["compiled"]

F = TypeVar("F", bound=Callable[..., object])


def compiled(kernel: F) -> F:
    """The machine code of a kernel: compiled at its first call, without the interpreter's lock.

    The code is kept on disk for the next process. Where no folder for it can be written (a
    read-only installation and home), each process compiles anew, which costs about a second.

    Args:
        kernel: a function over NumPy arrays and numbers.

    Returns:
        The compiled function, called in the same way.
    """
    import numba

    # Under the tests' type checks the kernel arrives wrapped; numba has to see the plain one.
    plain = inspect.unwrap(kernel)
    try:
        return cast(F, numba.njit(plain, nogil=True, cache=True))
    except RuntimeError:
        return cast(F, numba.njit(plain, nogil=True))
