from __future__ import annotations

import subprocess
import sys

import pytest

from nasproxy import spaces
from nasproxy.errors import NasproxyError
from nasproxy.spaces.nasbench201 import NASBench201

READY = NASBench201(channels=8)


def make_space() -> NASBench201:
    return NASBench201(channels=4)


def make_nothing() -> None:
    return None


def make_with(size: int) -> NASBench201:
    return NASBench201(size)


def test_names_lists_the_built_in_space() -> None:
    assert "nasbench201" in spaces.names()
    assert spaces.names("no*such") == []


def test_get_makes_the_space_of_a_class_a_function_or_an_object() -> None:
    assert isinstance(spaces.get("nasbench201"), NASBench201)
    assert repr(spaces.get(f"{__name__}:make_space")) == "NASBench201(channels=4, cells=5)"
    assert spaces.get(f"{__name__}:READY") is READY


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(NasproxyError) as caught:
        spaces.get("nasbench21")
    assert caught.value.wrong == "there is no space named 'nasbench21'"
    assert "did you mean nasbench201" in str(caught.value)
    assert "nasproxy spaces" in str(caught.value)


def test_an_object_that_is_no_space_is_refused() -> None:
    with pytest.raises(NasproxyError, match="without architectures, build, canonical") as caught:
        spaces.get(f"{__name__}:make_nothing")
    assert "SearchSpaceContract" in (caught.value.hint or "")
    with pytest.raises(NasproxyError, match="names a int without"):
        spaces.get("sys:maxsize")


def test_a_factory_with_arguments_is_refused() -> None:
    with pytest.raises(NasproxyError, match="cannot be made without arguments"):
        spaces.get(f"{__name__}:make_with")


def test_finding_a_space_does_not_import_torch() -> None:
    code = (
        "import sys, nasproxy.spaces as s; s.names(); s.get('nasbench201').parse('0');"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
