"""A call of every operator with operands of other element types: the same exception and text, or a result of the same types and shapes."""

from __future__ import annotations

import dataclasses
import importlib
import re
import types
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tinytorch

torch = pytest.importorskip("torch")
op_db = importlib.import_module("torch.testing._internal.common_methods_invocations").op_db

KINDS = ("float64", "bfloat16", "int64", "bool", "complex64", "uint8")

#: What differs: operator, kinds, date, reason. An entry that agrees fails.
KNOWN = """
chalf | float64 bfloat16 int64 bool complex64 uint8 | 2026-11-29 | there is no complex32
nn.functional.interpolate.bilinear | uint8 | 2026-11-29 | images of bytes are not resampled, but refused
nn.functional.interpolate.bicubic | uint8 | 2026-11-29 | images of bytes are not resampled, but refused
nn.functional.upsample_bilinear | uint8 | 2026-11-29 | images of bytes are not resampled, but refused
"""
DIFFERENT = {
    (name.strip(), kind)
    for name, kinds, _, _ in (line.split("|") for line in KNOWN.strip().splitlines())
    for kind in kinds.split()
}


class Untranslatable(Exception):
    """An argument that has no counterpart."""


def translated(value: Any) -> Any:
    """A sample's argument for tinytorch."""
    if isinstance(value, torch.Tensor):
        if value.layout is not torch.strided:
            raise Untranslatable
        plain = value.detach().clone().contiguous()
        if plain.dtype is torch.bfloat16:
            return tinytorch.from_numpy(plain.view(torch.int16).numpy()).view(tinytorch.bfloat16)
        return tinytorch.from_numpy(np.array(plain.numpy()))
    if isinstance(value, list | tuple):
        items = [translated(item) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if isinstance(value, dict):
        return {key: translated(item) for key, item in value.items()}
    if isinstance(value, torch.dtype | torch.memory_format | torch.layout):
        return getattr(tinytorch, str(value).removeprefix("torch."))
    if isinstance(value, torch.device):
        return tinytorch.device(str(value))
    if dataclasses.is_dataclass(value) and type(value).__module__.startswith("torch.nn"):
        module = importlib.import_module("tiny" + type(value).__module__)
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return getattr(module, type(value).__name__)(**fields)
    if isinstance(value, torch.Generator) or str(getattr(value, "__module__", "")).startswith("torch"):
        raise Untranslatable
    return value


def counterpart(entry: Any) -> Any:
    """What tinytorch has for an entry's callable; None if that is not to be found."""
    function = entry.op
    if isinstance(function, types.FunctionType) and function.__module__.startswith("torch.testing"):
        return types.FunctionType(
            function.__code__,
            {**function.__globals__, "torch": tinytorch},
            function.__name__,
            function.__defaults__,
            function.__closure__,
        )
    name = entry.name
    if type(function).__name__ in ("method_descriptor", "wrapper_descriptor"):
        return getattr(tinytorch.Tensor, function.__name__, None)
    owner: Any = tinytorch
    try:
        for part in name.split("."):
            owner = getattr(owner, part)
        return owner if callable(owner) else None
    except (AttributeError, NotImplementedError):
        return getattr(tinytorch.Tensor, name, None)


def converted(value: Any, kind: str) -> Any:
    """Tensors as `kind`; of complex ones the real part, for types that are not."""
    if isinstance(value, list | tuple):
        return [converted(item, kind) for item in value]
    if not isinstance(value, torch.Tensor):
        return value
    target = getattr(torch, kind)
    return (value.detach().real if value.is_complex() and not target.is_complex else value.detach()).to(
        target
    )


def calls(entry: Any, number: int) -> Iterator[tuple[str, list[Any], dict[str, Any]]]:
    """(kind, arguments, named arguments) of an entry's first sample, one operand after the other of another type."""
    sample = next(iter(entry.sample_inputs("cpu", torch.float32)), None)
    if sample is None:
        return
    given: list[Any] = [sample.input, *sample.args]
    places: list[Any] = [i for i, value in enumerate(given) if isinstance(value, torch.Tensor | list | tuple)]
    places += [name for name, value in sample.kwargs.items() if isinstance(value, torch.Tensor)]
    for order, place in enumerate(places):
        for kind in KINDS if order == 0 else (KINDS[(number + order) % len(KINDS)],):
            arguments, named = list(given), dict(sample.kwargs)
            holder: Any = named if isinstance(place, str) else arguments
            value = holder[place]
            if not isinstance(value, torch.Tensor):
                if not any(isinstance(item, torch.Tensor) for item in value):
                    continue
                holder[place] = [converted(value[0], kind), *value[1:]]
            else:
                holder[place] = converted(value, kind)
            yield kind, arguments, named
    kind = KINDS[number % len(KINDS)]
    yield kind, converted(given, kind), dict(sample.kwargs)


def described(result: Any) -> Any:
    if isinstance(result, torch.Tensor | tinytorch.Tensor):
        return f"{str(result.dtype).removeprefix('torch.')}{tuple(result.shape)}"
    return [described(item) for item in result] if isinstance(result, list | tuple) else type(result).__name__


def ending(function: Any, arguments: Any, named: Any) -> Any:
    try:
        return described(function(*arguments, **named))
    except Exception as error:
        text = str(error).replace("tinytorch", "torch").partition("\nException raised from")[0]
        return type(error).__name__, re.sub("0x[0-9a-f]+", "0x", text)


@pytest.mark.parametrize("part", range(8))
def test_operands_of_other_types(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # OpInfo looks for the running test of its own suite on the stack, which takes a while, once per sample
    monkeypatch.setattr("torch.testing._internal.common_utils.extract_test_fn", lambda: None)
    wrong, agreeing, compared = [], set(), 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, entry in enumerate(op_db):
            function = counterpart(entry) if number % 8 == part and torch.float32 in entry.dtypes else None
            if function is None:
                continue
            name = entry.name + (f".{entry.variant_test_name}" if entry.variant_test_name else "")
            same = {}
            for kind, arguments, named in calls(entry, number):
                try:
                    ours = translated(arguments), translated(named)
                except Untranslatable:
                    continue
                expected, got = ending(entry.op, arguments, named), ending(function, *ours)
                compared += 1
                same[kind] = same.get(kind, True) and expected == got
                if expected != got and (name, kind) not in DIFFERENT:
                    wrong.append((name, kind, expected, got))
            agreeing |= {(name, kind) for kind, equal in same.items() if equal}
    assert not wrong
    assert not agreeing & DIFFERENT
    assert compared > 300
