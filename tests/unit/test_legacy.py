"""Legacy tensor and storage types, Tensor.new, Tensor.new_tensor and torch.Tensor(...) against torch."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tinytorch


def described(t: Any, value: Any, values: bool) -> Any:
    if isinstance(value, t.Tensor):
        flat = value.detach()
        listed = flat.float().tolist() if values and not value.is_meta else None
        node = value.grad_fn.name() if value.grad_fn is not None else None
        return (
            str(value.dtype),
            tuple(value.shape),
            str(value.device),
            node,
            value.requires_grad,
            value._is_view(),
            listed,
        )
    return value


def outcome(t: Any, call: Any, values: bool = True) -> Any:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = described(t, call(t), values)
        except Exception as error:
            result = (type(error).__name__, str(error))
    return result, [(w.category.__name__, str(w.message).partition(" (Triggered")[0]) for w in caught]


def f(t: Any) -> Any:
    return t.tensor([1.5, 2.5])


def i(t: Any) -> Any:
    return t.tensor([1, 2])


VALUES = {
    "Tensor()": lambda t: t.Tensor(),
    "Tensor list": lambda t: t.Tensor([1, 2]),
    "Tensor tuple": lambda t: t.Tensor((1, 2)),
    "Tensor nested": lambda t: t.Tensor([[1, 2], [3, 4]]),
    "Tensor array": lambda t: t.Tensor(np.ones(3)),
    "Tensor range": lambda t: t.Tensor(range(3)),
    "Tensor bools": lambda t: t.Tensor([True]),
    "Tensor long": lambda t: t.Tensor(i(t)),
    "Tensor of tensor": lambda t: t.Tensor(f(t)),
    "Tensor of grad": lambda t: t.Tensor(t.ones(2, requires_grad=True)),
    "Tensor of 0-dim": lambda t: t.Tensor(t.tensor(3)),
    "Tensor device": lambda t: t.Tensor([1, 2], device="cpu"),
    "Tensor data=": lambda t: t.Tensor(data=[1]),
    "Tensor other=": lambda t: t.Tensor(other=f(t)),
    "Tensor untyped": lambda t: t.Tensor(f(t).untyped_storage()),
    "Tensor float": lambda t: t.Tensor(2.5),
    "Tensor text": lambda t: t.Tensor("a"),
    "Tensor bool": lambda t: t.Tensor(True),
    "Tensor None": lambda t: t.Tensor(None),
    "Tensor negative": lambda t: t.Tensor(-1),
    "Tensor mixed": lambda t: t.Tensor(2, 3.0),
    "Tensor meta": lambda t: t.Tensor(2, device="meta"),
    "Tensor cuda": lambda t: t.Tensor(2, device="cuda"),
    "Tensor dtype": lambda t: t.Tensor(dtype=t.int8),
    "Tensor ragged": lambda t: t.Tensor([[1], [2, 3]]),
    "Tensor two tensors": lambda t: t.Tensor(f(t), f(t)),
    "Tensor two lists": lambda t: t.Tensor([1], [2]),
    "new()": lambda t: f(t).new(),
    "new list": lambda t: f(t).new([1, 2]),
    "new truncated": lambda t: i(t).new([1.5]),
    "new tuple": lambda t: f(t).new((2, 3)),
    "new tensor": lambda t: f(t).new(f(t)),
    "new other type": lambda t: f(t).new(i(t)),
    "new text": lambda t: f(t).new("a"),
    "new float": lambda t: f(t).new(2.5),
    "new device": lambda t: f(t).new(device="cpu"),
    "new meta": lambda t: f(t).new(2, device="meta"),
    "new negative": lambda t: f(t).new(-1),
    "new None": lambda t: f(t).new(None),
    "new_tensor": lambda t: f(t).new_tensor([1, 2]),
    "new_tensor tensor": lambda t: f(t).new_tensor(i(t)),
    "new_tensor dtype": lambda t: f(t).new_tensor(3, dtype=t.int8),
    "new_tensor grad": lambda t: f(t).new_tensor([1.0], requires_grad=True),
    "new_tensor truncated": lambda t: i(t).new_tensor([1.5]),
    "new_tensor meta": lambda t: f(t).new_tensor([1], device="meta"),
    "new_tensor from meta": lambda t: t.zeros(2, device="meta").new_tensor([1]),
    "new_tensor data=": lambda t: f(t).new_tensor(data=[1]),
    "new_tensor nothing": lambda t: f(t).new_tensor(),
    "new_tensor two": lambda t: f(t).new_tensor([1], [2]),
    "new_tensor text": lambda t: f(t).new_tensor("a"),
    "new_tensor unknown": lambda t: f(t).new_tensor([1], pin_memory=False),
    "new_tensor integer grad": lambda t: i(t).new_tensor([1], requires_grad=True),
    "Float()": lambda t: t.FloatTensor(),
    "Long list": lambda t: t.LongTensor([1, 2]),
    "Long floats": lambda t: t.LongTensor([1.5]),
    "Long of float": lambda t: t.LongTensor(f(t)),
    "Long of long": lambda t: t.LongTensor(i(t)),
    "Bool": lambda t: t.BoolTensor([1, 0]),
    "Double array": lambda t: t.DoubleTensor(np.ones(2, np.float32)),
    "BFloat16": lambda t: t.BFloat16Tensor([1]),
    "Float untyped": lambda t: t.FloatTensor(f(t).untyped_storage()),
    "Float meta": lambda t: t.FloatTensor(2, device="meta"),
    "Float text": lambda t: t.FloatTensor("a"),
    "Float number": lambda t: t.FloatTensor(2.5),
    "Float two": lambda t: t.FloatTensor([1], [2]),
    "type": lambda t: [f(t).type(), i(t).type(), f(t).half().type(), (f(t) > 2).type()],
    "type class": lambda t: f(t).type(t.LongTensor),
    "type text": lambda t: f(t).type("torch.DoubleTensor"),
    "type dtype": lambda t: f(t).type(dtype=t.int8),
    "type unknown": lambda t: f(t).type("foo"),
    "type number": lambda t: f(t).type(3),
    "type int": lambda t: f(t).type(int),
    "type Tensor": lambda t: [
        str(x.type(kind).dtype) for x in (i(t), f(t).double()) for kind in (t.Tensor, "torch.Tensor")
    ],
    "type Parameter": lambda t: f(t).type(t.nn.Parameter),
    "type sparse": lambda t: f(t).type("torch.sparse.DoubleTensor"),
    "isinstance": lambda t: [
        isinstance(f(t), t.FloatTensor),
        isinstance(i(t), t.FloatTensor),
        isinstance(3, t.FloatTensor),
    ],
    "isinstance long": lambda t: isinstance(i(t), t.LongTensor),
    "repr": lambda t: [
        repr(t.FloatTensor),
        repr(type(t.FloatTensor)),
        t.FloatTensor.__module__,
        t.FloatTensor.__name__,
    ],
    "attributes": lambda t: [
        str(t.HalfTensor.dtype),
        str(t.HalfTensor.layout),
        t.HalfTensor.is_cuda,
        t.HalfTensor.is_sparse,
    ],
    "issubclass": lambda t: issubclass(t.FloatTensor, t.Tensor),
    "subclass": lambda t: type("A", (t.FloatTensor,), {}),
    "storage": lambda t: [
        t.FloatStorage([1, 2]).tolist(),
        str(t.FloatStorage.dtype),
        repr(t.LongStorage),
        t.LongStorage([1, 2])[0],
    ],
    "storage size": lambda t: [len(t.DoubleStorage(3)), t.DoubleStorage(3).nbytes(), len(t.FloatStorage())],
    "default Long": lambda t: t.set_default_tensor_type(t.LongTensor),
    "default Tensor": lambda t: t.set_default_tensor_type(t.Tensor),
}
SHAPES = {
    "Tensor sizes": lambda t: t.Tensor(2, 3),
    "Tensor Size": lambda t: t.Tensor(t.Size([2, 1])),
    "Tensor size=": lambda t: t.Tensor(size=(2,)),
    "Tensor int64": lambda t: t.Tensor(np.int64(3)),
    "new sizes": lambda t: i(t).new(2, 3),
    "new Size": lambda t: f(t).new(t.Size([2, 1])),
    "Long sizes": lambda t: t.LongTensor(2, 3),
    "Half size": lambda t: t.HalfTensor(2),
}


@pytest.mark.parametrize("name", VALUES)
def test_values(name: str) -> None:
    expected, found = outcome(torch, VALUES[name]), outcome(tinytorch, VALUES[name])
    assert found[0] == expected[0]
    if not name.startswith(("storage", "default")):  # torch gives these warnings once per process
        assert found[1] == expected[1]


@pytest.mark.parametrize("name", SHAPES)
def test_uninitialised(name: str) -> None:
    assert outcome(tinytorch, SHAPES[name], False) == outcome(torch, SHAPES[name], False)


def test_memory_is_shared_with_tensors_and_storages() -> None:
    for t in (torch, tinytorch):
        source = t.zeros(2)
        t.Tensor(source)[0] = 5
        t.FloatTensor(source.untyped_storage())[1] = 7
        assert source.tolist() == [5, 7]


def test_default_tensor_type() -> None:
    for t in (torch, tinytorch):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                t.set_default_tensor_type(t.DoubleTensor)
                assert t.get_default_dtype() is t.float64
                assert t.Tensor(1).dtype is t.float64
                t.set_default_tensor_type("torch.FloatTensor")
                assert t.get_default_dtype() is t.float32
        finally:
            t.set_default_dtype(t.float32)
