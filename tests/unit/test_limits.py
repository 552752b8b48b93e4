"""finfo and iinfo, against torch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tinytorch._core import dtypes
from tinytorch._core.numeric_limits import finfo, iinfo

torch = pytest.importorskip("torch")

FLOAT = ["bits", "dtype", "eps", "max", "min", "resolution", "smallest_normal", "tiny"]
INT = ["bits", "dtype", "max", "min"]


def outcome(function: Callable[[], Any]) -> Any:
    try:
        return function()
    except (TypeError, AttributeError) as error:
        return type(error), str(error)


@pytest.mark.parametrize("kind", dtypes.ALL, ids=repr)
def test_every_type(kind: dtypes.dtype) -> None:
    theirs = getattr(torch, kind._name)
    for our_class, their_class, names in ((finfo, torch.finfo, FLOAT), (iinfo, torch.iinfo, INT)):
        expected = outcome(lambda c=their_class: repr(c(theirs)))
        assert outcome(lambda c=our_class: repr(c(kind))) == expected
        if isinstance(expected, str):
            ours, reference = our_class(kind), their_class(theirs)
            for name in names:
                assert getattr(ours, name) == getattr(reference, name)
                assert type(getattr(ours, name)) is type(getattr(reference, name))
            assert str(ours) == str(reference)
            assert [name for name in dir(ours) if not name.startswith("_")] == names


def test_default_type() -> None:
    try:
        for name in ("float16", "bfloat16", "float64", "float32"):
            dtypes.defaults.set(dtypes.BY_NAME[name])
            torch.set_default_dtype(getattr(torch, name))
            assert repr(finfo()) == repr(torch.finfo())
    finally:
        dtypes.defaults.set(dtypes.float32)
        torch.set_default_dtype(torch.float32)


CALLS: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((), {}),
    ((1,), {}),
    (("float32",), {}),
    ((None,), {}),
    (([1],), {}),
    ((np.float32,), {}),
    ((np.float32(1),), {}),
    ((np.ones(1),), {}),
    ((float,), {}),
    ((int,), {}),
    ((bool,), {}),
    ((complex,), {}),
    ((str,), {}),
    ((), {"type": 1}),
    ((), {"type": float}),
    ((), {"type": int}),
    ((), {"dtype": float}),
    ((int, int), {}),
    ((int,), {"type": int}),
    ((float,), {"foo": 1}),
    ((1.5,), {"foo": 1}),
]


@pytest.mark.parametrize("call", CALLS, ids=repr)
def test_arguments(call: tuple[tuple[Any, ...], dict[str, Any]]) -> None:
    arguments, keywords = call
    for ours, theirs in ((finfo, torch.finfo), (iinfo, torch.iinfo)):
        expected = outcome(lambda f=theirs: repr(f(*arguments, **keywords)))
        assert outcome(lambda f=ours: repr(f(*arguments, **keywords))) == expected


def test_manners() -> None:
    import copy
    import pickle

    for our_class, their_class, kind in (
        (finfo, torch.finfo, dtypes.float32),
        (iinfo, torch.iinfo, dtypes.int8),
    ):
        ours, theirs = our_class(kind), their_class(getattr(torch, kind._name))
        for action in (
            lambda x: repr(type(x)),
            hash,
            pickle.dumps,
            copy.copy,
            lambda x: setattr(x, "max", 3),
            lambda x: setattr(x, "other", 3),
            lambda x: delattr(x, "max"),
            lambda x: x.other,
            lambda x: type("Sub", (type(x),), {}),
            lambda x: type(x).__module__ + type(x).__qualname__,
        ):
            expected = outcome(lambda a=action, x=theirs: a(x))
            assert outcome(lambda a=action, x=ours: a(x)) == expected
        with pytest.raises(TypeError, match="'<' not supported"):
            _ = ours < type(ours)(kind)
        # What torch answers here varies: it compares whatever memory the other object has.
        assert ours != 3
    assert finfo(dtypes.float32) == finfo(dtypes.complex64) != finfo(dtypes.float64)
    assert iinfo(dtypes.int8) == iinfo(dtypes.int8) != iinfo(dtypes.uint8)
    assert iinfo(dtypes.int8) != finfo(dtypes.float32)
