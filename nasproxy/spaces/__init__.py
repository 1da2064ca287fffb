"""Search spaces: what can be built, one folder a space, found by name."""

from __future__ import annotations

from typing import Any

from nasproxy.errors import NasproxyError
from nasproxy.spaces.space import SearchSpace
from zerocost.registry import Registry

__all__ = ["SearchSpace", "get", "names", "spaces"]

spaces: Registry[Any] = Registry(
    "space",
    group="nasproxy.spaces",
    builtin={
        "nasbench201": "nasproxy.spaces.nasbench201.space:NASBench201",
        "nasbench101": "nasproxy.spaces.nasbench101.space:NASBench101",
        "flexibert": "nasproxy.spaces.flexibert.space:FlexiBERT",
        "autoformer": "nasproxy.spaces.autoformer.space:AutoFormer",
        "bert-mobilebert": "nasproxy.spaces.bert_mobilebert.space:BertMobileBERT",
        "bert-mobilebert-10m": "nasproxy.spaces.bert_mobilebert.space:ten_million",
        "bert-mobilebert-5m": "nasproxy.spaces.bert_mobilebert.space:five_million",
    },
    error=NasproxyError,
    listing="nasproxy spaces",
)

_METHODS = sorted(name for name in vars(SearchSpace) if not name.startswith("_"))


def names(pattern: str = "*") -> list[str]:
    """The names of the spaces that match a shell pattern, built-in ones first."""
    return spaces.names(pattern)


def get(name: str) -> SearchSpace[Any]:
    """The search space of that name.

    Args:
        name: a registered name, or ``pkg.module:object``; the object is a space, or a class or
            function that returns one when it is called without arguments.

    Returns:
        The space.

    Raises:
        NasproxyError: there is no such name (the nearest are offered), its module cannot be
            imported, or the object found is not a search space.
    """
    found = spaces.get(name)
    if isinstance(found, SearchSpace) and not isinstance(found, type):
        return found
    return _made(name, found)


def _made(name: str, factory: Any) -> SearchSpace[Any]:
    made = factory
    if callable(factory):
        try:
            made = factory()
        except TypeError as cause:
            raise NasproxyError(
                f"the space {name!r} cannot be made without arguments: {cause}",
                accepted="a SearchSpace, or what returns one when it is called without arguments",
                hint="give every argument a default, or name an object that is already made",
            ) from cause
        except NasproxyError:
            raise
        except Exception as cause:  # whatever somebody's space raises
            raise NasproxyError(
                f"the space {name!r} cannot be made: {type(cause).__name__}: {cause}",
                accepted="a SearchSpace, or what returns one when it is called without arguments",
                hint=f"call {name} yourself to see the whole error",
            ) from cause
    if isinstance(made, SearchSpace):
        return made
    missing = [method for method in _METHODS if not hasattr(made, method)]
    raise NasproxyError(
        f"{name!r} names a {type(made).__name__} without {', '.join(missing)}",
        accepted="an object with every method of nasproxy.spaces.SearchSpace",
        hint="nasproxy.testing.spaces.SearchSpaceContract tests a space of your own",
    )
