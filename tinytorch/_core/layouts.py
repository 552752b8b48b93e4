"""`torch.layout`, `torch.memory_format` and `torch.qscheme`: fixed sets of named constants."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

from .sealed import sealed


class _Named:
    """What the three kinds share: a name, identity as equality, copies that are the object itself."""

    __slots__ = ("_name",)
    _name: str

    def __new__(cls, *arguments: object, **keywords: object) -> Any:
        raise TypeError(f"cannot create 'torch.{cls.__name__}' instances")

    def __repr__(self) -> str:
        return f"torch.{self._name}"

    def __reduce__(self) -> tuple[Any, ...]:
        return (constant_by_name, (self._name,))

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: object) -> Any:
        return self


@sealed
class layout(_Named):
    """torch.layout: how a tensor's elements lie in memory (dense strided, or one of the sparse forms)."""

    __module__ = "torch"
    __slots__ = ()
    _kind: ClassVar[str] = "layout"


@sealed
class memory_format(_Named):
    """torch.memory_format: the order of dimensions in which a result is laid out."""

    __module__ = "torch"
    __slots__ = ()
    _kind: ClassVar[str] = "memory_format"


@sealed
class qscheme(_Named):
    """torch.qscheme: how a quantised tensor maps integers to real numbers."""

    __module__ = "torch"
    __slots__ = ()
    _kind: ClassVar[str] = "qscheme"


CONSTANTS: dict[str, _Named] = {}
Constant = TypeVar("Constant", bound=_Named)


def _make(cls: type[Constant], name: str) -> Constant:
    constant: Constant = object.__new__(cls)
    object.__setattr__(constant, "_name", name)
    CONSTANTS[name] = constant
    return constant


def constant_by_name(name: str) -> _Named:
    """The layout, memory format or quantisation scheme called `name`. Pickled constants name this function."""
    return CONSTANTS[name]


strided = _make(layout, "strided")
sparse_coo = _make(layout, "sparse_coo")
sparse_csr = _make(layout, "sparse_csr")
sparse_csc = _make(layout, "sparse_csc")
sparse_bsr = _make(layout, "sparse_bsr")
sparse_bsc = _make(layout, "sparse_bsc")
_mkldnn = _make(layout, "_mkldnn")
jagged = _make(layout, "jagged")

contiguous_format = _make(memory_format, "contiguous_format")
channels_last = _make(memory_format, "channels_last")
channels_last_3d = _make(memory_format, "channels_last_3d")
preserve_format = _make(memory_format, "preserve_format")

per_tensor_affine = _make(qscheme, "per_tensor_affine")
per_channel_affine = _make(qscheme, "per_channel_affine")
per_tensor_symmetric = _make(qscheme, "per_tensor_symmetric")
per_channel_symmetric = _make(qscheme, "per_channel_symmetric")
per_channel_affine_float_qparams = _make(qscheme, "per_channel_affine_float_qparams")
