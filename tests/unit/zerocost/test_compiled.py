"""Kernels where the cache can and cannot be written."""

import numpy as np
import pytest
from numba.core import caching

from zerocost.compiled import compiled


def total(values: np.ndarray) -> float:
    found = 0.0
    for value in values:
        found += value
    return found


def test_a_kernel_computes_what_its_python_does() -> None:
    assert compiled(total)(np.arange(5.0)) == total(np.arange(5.0)) == 10


def test_a_kernel_works_where_no_cache_folder_can_be_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Nowhere:
        @classmethod
        def from_function(cls, *_: object) -> None:
            return None

    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [Nowhere])
    assert compiled(total)(np.arange(5.0)) == 10
