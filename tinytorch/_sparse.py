"""Making sparse tensors in coordinate format from anything that tensors are made of."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

from ._core.device import device as _device
from ._creation import as_tensor
from ._operators import _sparse_coo

_told: list[bool] = []


class check_sparse_tensor_invariants:
    """Whether the parts of new sparse tensors are checked: switches, and a context or decorator that sets one for a while.

    Source: torch's documentation, torch.sparse.check_sparse_tensor_invariants.
    """

    _enabled = False

    @classmethod
    def is_enabled(cls) -> bool:
        """Whether they are checked where a call does not say."""
        return check_sparse_tensor_invariants._enabled

    @classmethod
    def enable(cls) -> None:
        """Check them from now on."""
        _told.append(True)
        check_sparse_tensor_invariants._enabled = True

    @classmethod
    def disable(cls) -> None:
        """Do not check them from now on."""
        _told.append(True)
        check_sparse_tensor_invariants._enabled = False

    def __init__(self, enable: bool = True) -> None:
        self.state = enable
        self.saved_state: bool | None = None

    def __enter__(self) -> None:
        if self.saved_state is not None:
            raise RuntimeError(
                "This context manager instance is already activated. Use a different context manager instance."
            )
        self.saved_state = self.is_enabled()
        check_sparse_tensor_invariants._enabled = self.state
        _told.append(True)

    def __exit__(self, *exception: object) -> None:
        check_sparse_tensor_invariants._enabled = bool(self.saved_state)
        self.saved_state = None

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def checked(*arguments: Any, **options: Any) -> Any:
            with type(self)(self.state):
                return function(*arguments, **options)

        return checked


def _tell_once() -> None:
    if _told:
        return
    _told.append(True)
    warnings.warn(
        "Sparse invariant checks are implicitly disabled. Memory errors (e.g. SEGFAULT) will occur when operating on a sparse tensor "
        "which violates the invariants, but checks incur performance overhead. To silence this warning, explicitly opt in or out. See "
        "`torch.sparse.check_sparse_tensor_invariants.__doc__` for guidance. ",
        stacklevel=3,
    )


def sparse_coo_tensor(
    *arguments: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
    is_coalesced: bool | None = None,
) -> Any:
    """A sparse tensor of indices (sparse_dim, nnz) and values (nnz, ...), or of a size alone.

    Places that come up more than once add up. Without a size it is the smallest that holds the indices. Gradients flow to `values`.
    Raises RuntimeError for parts that do not fit, and with `check_invariants` for indices outside the size.
    """
    if device is not None and _device(device).type != "cpu":
        raise NotImplementedError(f"sparse tensors on the device {device}")
    given = list(arguments)
    if len(given) == 1 and size is None:
        size = given.pop()
    if len(given) == 3:
        size = given.pop()
    if len(given) not in (0, 2) or (not given and size is None):
        raise TypeError(
            "sparse_coo_tensor() received an invalid combination of arguments: expected indices, values and perhaps a size, or a size"
        )
    if check_invariants is None:
        _tell_once()
        check_invariants = check_sparse_tensor_invariants.is_enabled()
    options = {} if dtype is None else {"dtype": dtype}
    if given:
        indices, values = as_tensor(given[0]), as_tensor(given[1], **options)
    else:
        indices, values = as_tensor([0]).new_zeros((len(size), 0)), as_tensor([], **options)
    if requires_grad:
        values = values.detach().requires_grad_()
        return _sparse_coo.from_parts(indices, values, size, is_coalesced, bool(check_invariants))
    return _sparse_coo.recorded(indices, values, size, is_coalesced, bool(check_invariants))
