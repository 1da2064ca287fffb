"""Numba kernels that also work where nothing may be written beside them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

__all__ = ["compiled", "compiled_within"]

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
    return _compiled(kernel)


def compiled_within(*, inline: bool = True) -> Callable[[F], F]:
    """A kernel that other kernels call in their inner loops, and that makes no array.

    References to its arrays are not counted. They are held by the outer kernel, and counting them,
    atomically, at each call and each field of a tuple takes longer than a short kernel itself.

    Args:
        inline: whether its code becomes part of each caller's. Else it is called, with seven
            numbers for each array; for code that is long, or called from many places.

    Returns:
        A decorator of functions that slice and index arrays, but neither make nor return one.
    """

    def decorate(kernel: F) -> F:
        return _compiled(kernel, _nrt=False, **({"forceinline": True} if inline else {}))

    return decorate


def _compiled(kernel: F, **options: Any) -> F:
    import numba

    # Under the tests' type checks the kernel arrives wrapped; numba has to see the plain one.
    plain = inspect.unwrap(kernel)
    try:
        return cast(F, numba.njit(plain, nogil=True, cache=True, **options))
    except KeyError:  # an option that this numba does not know: slower, with the same results
        return _compiled(kernel)
    except RuntimeError:
        return cast(F, numba.njit(plain, nogil=True, **options))
