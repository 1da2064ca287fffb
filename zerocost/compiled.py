"""Numba kernels that also work where nothing may be written beside them."""

from __future__ import annotations

import functools
import hashlib
import inspect
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
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
        A decorator of functions that slice and index arrays, but neither make nor return one. They
        cannot be called from Python.
    """

    def decorate(kernel: F) -> F:
        options = {"forceinline": True} if inline else {}
        # Nothing but kernels calls it: without the two wrappers it compiles in half the time.
        return _compiled(
            kernel, _nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True, **options
        )

    return decorate


def _compiled(kernel: F, **options: Any) -> F:
    import numba

    # Under the tests' type checks the kernel arrives wrapped; numba has to see the plain one.
    plain = inspect.unwrap(kernel)
    named = FunctionType(
        plain.__code__, plain.__globals__, plain.__name__, plain.__defaults__, plain.__closure__
    )
    functools.update_wrapper(named, plain)
    del vars(named)["__wrapped__"]  # numba would see through it
    # Numba asks of kept code only whether its own file is the same. It holds the code and constants
    # of files beside it too, and of the kernels it calls elsewhere: kept under a name with all
    # their contents, it is never out of date.
    named.__qualname__ = f"{plain.__qualname__}_{_digest(plain)}"
    try:
        return cast(F, numba.njit(named, nogil=True, cache=True, **options))
    except KeyError:  # an option that this numba does not know: slower, with the same results
        return _compiled(kernel)
    except RuntimeError:
        return cast(F, numba.njit(named, nogil=True, **options))


def _digest(kernel: FunctionType) -> str:
    """A digest of the folder of a kernel, and of those of the kernels that its file imports."""
    called = [getattr(value, "py_func", None) for value in kernel.__globals__.values()]
    code = [kernel.__code__, *(function.__code__ for function in called if function is not None)]
    folders = sorted({Path(each.co_filename).parent for each in code})
    if len(folders) == 1:
        return _contents(folders[0])
    return hashlib.sha256("".join(map(_contents, folders)).encode()).hexdigest()[:12]


@functools.lru_cache
def _contents(folder: Path) -> str:
    """A digest of the Python files of a folder."""
    digest = hashlib.sha256()
    for file in sorted(folder.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
