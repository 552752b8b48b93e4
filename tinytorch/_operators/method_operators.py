"""Operators that are methods of the engine itself, under their names in `torch.ops.aten`."""

from __future__ import annotations

from typing import Any

from .._core.declare import composite


@composite("detach(Tensor(a) self) -> Tensor(a)", method=False, function=False, out=False)
def detach(self: Any) -> Any:
    """The same elements without history."""
    return self.detach()


@composite("_pin_memory(Tensor self, Device? device=None) -> Tensor", method=False, function=False, out=False)
def pin_memory(self: Any, device: Any = None) -> Any:
    """Raises RuntimeError: there is no accelerator to pin memory for."""
    return self.pin_memory(device)


@composite(
    "_sparse_addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    method=False,
    function=False,
    out=False,
)
def sparse_addmm(self: Any, mat1: Any, mat2: Any, beta: Any = 1, alpha: Any = 1) -> Any:
    """beta * self + alpha * (mat1 @ mat2) for a sparse mat1."""
    from ._sparse_coo_functions import addmm

    return addmm(self, mat1, mat2, beta=beta, alpha=alpha)


@composite(
    "_sparse_mm_reduce_impl(Tensor self, Tensor other, str reduce) -> (Tensor, Tensor)",
    method=False,
    function=False,
    out=False,
)
def sparse_mm_reduce_impl(self: Any, other: Any, reduce: str) -> Any:
    """Raises NotImplementedError: products that reduce are of compressed rows."""
    raise NotImplementedError(
        "torch.ops.aten._sparse_mm_reduce_impl: compressed sparse rows are not implemented"
    )


@composite("_assert_async(Tensor self) -> ()", method=False, out=False)
def assert_async(self: Any) -> None:
    """Raises RuntimeError unless the only element is not zero."""
    assert_async_msg(self, "Expected Tensor with single nonzero value, but got zero")


@composite("_assert_async.msg(Tensor self, str assert_msg) -> ()", method=False, out=False)
def assert_async_msg(self: Any, assert_msg: str) -> None:
    """Raises RuntimeError with the given text unless the only element is not zero."""
    if not self.is_nonzero():
        raise RuntimeError(assert_msg)


def module_load(self: Any, other: Any, assign: bool = False) -> Any:
    """What a module's tensor becomes when `other` is loaded into it: itself with other's values or, with `assign`, other; detached."""
    return other.detach() if assign else self.copy_(other).detach()


METHODS = {"module_load": module_load}
