"""Compiled kernels: numba with a cache on disk where one can be written."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba

__all__ = ["kernel"]

P = ParamSpec("P")
R = TypeVar("R")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function of arrays; it runs without the interpreter lock.

    The machine code is cached beside the source or in the user's cache folder. Where neither can
    be written (a read-only installation), the function is compiled anew in each process.
    """
    plain = inspect.unwrap(function)  # a type checker's wrapper cannot be compiled
    try:
        compiled = numba.njit(nogil=True, cache=True)(plain)
    except RuntimeError:  # numba: "cannot cache function: no locator available"
        compiled = numba.njit(nogil=True)(plain)
    return cast(Callable[P, R], compiled)
