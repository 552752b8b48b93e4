"""How tensors travel between processes: shared ones as the descriptor of their memory, all others as a copy of their window."""

from __future__ import annotations

import multiprocessing.reduction as _reduction
from typing import Any

import numpy as np

from .._core.shared import attached as _attached
from .._core.shared import block_of as _block_of
from .._core.storage import bytes_of as _bytes_of
from .._core.storage import root_of as _root_of
from .._core.tensor import Tensor as _Tensor
from .._core.tensor import key_of as _key_of
from .._core.tensor import make as _make

__all__ = ["init_reductions", "reduce_tensor"]

_Shape = tuple[int, ...]


def reduce_tensor(tensor: Any) -> tuple[Any, ...]:
    """What a pickle for another process is told of a tensor. Raises RuntimeError for results that require grad."""
    if tensor.requires_grad and not tensor.is_leaf:
        raise RuntimeError(
            "Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd does not support crossing process "
            "boundaries.  If you just want to transfer the data, call detach() on the tensor before serializing (e.g., putting it on the "
            "queue)."
        )
    if tensor._key._special not in (None, "strided"):
        reduced: tuple[Any, ...] = tensor.__reduce_ex__(2)
        return reduced
    array = tensor._array
    window = (tuple(array.shape), array.strides, tensor.requires_grad, dict(tensor.__dict__))
    block = _block_of(array)
    if block is not None:
        distance = array.__array_interface__["data"][0] - _root_of(array).__array_interface__["data"][0]
        handle = _reduction.DupFd(block.descriptor)
        return _over_shared, (type(tensor), tensor.dtype, handle, block.size, distance, *window)
    return _over_copy, (type(tensor), tensor.dtype, *_content(array), *window)


def _content(array: np.ndarray) -> tuple[bytes, int]:
    """The bytes between the array's first and last element, and where the element at index 0 is among them."""
    if not array.size:
        return b"", 0
    steps = [(size - 1) * stride for size, stride in zip(array.shape, array.strides)]
    before = -sum(step for step in steps if step < 0)
    span = sum(abs(step) for step in steps) + array.itemsize
    root = _root_of(array)
    first = array.__array_interface__["data"][0] - root.__array_interface__["data"][0]
    return _bytes_of(root)[first - before : first - before + span].tobytes(), before


def _over_copy(
    cls: type, kind: Any, content: bytes, start: int, shape: _Shape, strides: _Shape, *flags: Any
) -> Any:
    root = np.frombuffer(bytearray(content), np.uint8) if content else np.empty(0, np.uint8)
    return _tensor(cls, kind, root, start, shape, strides, *flags)


def _over_shared(
    cls: type, kind: Any, handle: Any, size: int, start: int, shape: _Shape, strides: _Shape, *flags: Any
) -> Any:
    return _tensor(cls, kind, _attached(handle.detach(), size), start, shape, strides, *flags)


def _tensor(
    cls: type, kind: Any, root: Any, start: int, shape: _Shape, strides: _Shape, grad: bool, state: Any
) -> Any:
    array = (
        np.ndarray(shape, kind._numpy, root, start, strides)
        if 0 not in shape
        else np.empty(shape, kind._numpy)
    )
    tensor = _make(cls, array, _key_of(array))
    tensor._requires_grad = grad
    if state:
        tensor.__dict__.update(state)
    return tensor


def init_reductions() -> None:
    """Let pickles that go from process to process handle tensors and parameters so."""
    from ..nn.parameter import Parameter

    for cls in (_Tensor, Parameter):
        _reduction.ForkingPickler.register(cls, reduce_tensor)
