"""Sparse tensor types from torch's first years: torch.sparse.FloatTensor and so on.

Like `_legacy`, names for an element type and not classes of tensors: calling one makes a sparse tensor in coordinate format.
"""

from __future__ import annotations

from typing import Any

from ._core import layouts
from ._core.argument_texts import mismatch
from ._core.device import device_of
from ._core.dtypes import dtype
from ._core.size import Size
from ._core.tensor import Tensor
from ._core.warning import warn_once
from ._legacy import _TENSORS, TensorType
from ._operators import _sparse_coo

_FORMS = (
    "(*, torch.device device = None)",
    "(Tensor indices, Tensor values, *, torch.device device = None)",
    "(Tensor indices, Tensor values, tuple of ints size, *, torch.device device = None)",
    "(tuple of ints size, *, torch.device device = None)",
)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _sizes(value: Any) -> bool:
    return isinstance(value, Size | tuple | list) and all(_whole(size) for size in value)


def legacy_sparse(args: tuple[Any, ...], kwargs: dict[str, Any], kind: dtype) -> Any:
    """What the constructors of torch's first years make of a size, or of indices (d, nnz) and values (nnz, ...) with or without one.

    Values keep their own dtype. Raises TypeError for arguments that fit no form, RuntimeError for parts that do not fit each other.
    """
    options = dict(kwargs)
    device = options.pop("device", None)
    if device is not None and device_of(str(device)).type != "cpu":
        raise RuntimeError(
            f"legacy constructor expects device type: cpu but device type: {device} was passed"
        )
    if len(args) > 3:
        raise TypeError(f"new() takes 3 positional arguments but {len(args)} were given")
    sizes_alone = bool(args) and all(_whole(size) for size in args)
    given = dict(zip(("indices", "values", "size"), args, strict=False))
    if sizes_alone:
        given = {"size": args}
    elif len(args) == 1 and _sizes(args[0]):
        given = {"size": args[0]}
    if given.keys() & options.keys():
        raise mismatch("new", list(_FORMS), args, kwargs)
    given |= options
    tensors = [given.get(name) for name in ("indices", "values")]
    fits = given.keys() in ({"indices", "values"}, {"indices", "values", "size"}, {"size"}, set())
    parts = "indices" in given
    if (
        not fits
        or (parts and not all(isinstance(part, Tensor) and not part.is_sparse for part in tensors))
        or ("size" in given and not _sizes(given["size"]))
    ):
        raise mismatch("new", list(_FORMS), args, kwargs)
    _warn(parts, "size" in given)
    if not parts:
        return _sparse_coo.empty(tuple(given.get("size", (0,))), kind)
    indices, values = tensors
    if indices.dtype._name != "int64":  # type: ignore[union-attr]
        from ._core.dispatch import legacy_name

        raise RuntimeError(f"expected scalar type Long but found {legacy_name(indices.dtype)}")  # type: ignore[union-attr]
    return _sparse_coo.recorded(indices, values, given.get("size"))


def _warn(parts: bool, size: bool) -> None:
    names = [*(["indices", "values"] if parts else []), *(["shape"] if size else [])]
    old = ", ".join([*names, "*", "device="]) if names else ""
    new = ", ".join([*(names or ["(0,)"]), "dtype=", *(["device="] if names else [])])
    warn_once(f"torch.sparse.SparseTensor({old}) is deprecated.  Please use torch.sparse_coo_tensor({new}).")


class SparseTensorType(TensorType):
    """The class of torch.sparse.FloatTensor and its like."""

    layout = layouts.sparse_coo
    is_sparse = True

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return legacy_sparse(args, kwargs, cls.dtype)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.is_sparse and instance.dtype is cls.dtype

    def __repr__(cls) -> str:
        return f"<class 'torch.sparse.{cls.__name__}'>"


SparseTensorType.__module__ = "torch"
SparseTensorType.__name__ = SparseTensorType.__qualname__ = "tensortype"

TYPES = {
    name: SparseTensorType(name, (), {"dtype": kind, "__module__": "torch.sparse", "__doc__": None})
    for name, kind in _TENSORS.items()
    if name != "BoolTensor"
}
