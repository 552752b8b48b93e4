"""What a tensor says of itself: shape, type, place, memory, and its conversions to Python values."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from . import dtypes, layout, layouts
from .device import device, device_of, refuse_transfer
from .dimensions import wrap_dim
from .dtypes import dtype
from .layouts import memory_format
from .modes import modes
from .size import Size, size_of
from .warning import warn_once

_CPU = device_of("cpu")
_META = device_of("meta")


def warn_of_history(tensor: Any) -> None:
    """Warn, once per process, that a number taken from a recorded tensor has no history."""
    if modes.grad and tensor.requires_grad:
        warn_once(
            "Converting a tensor with requires_grad=True to a scalar may lead to unexpected behavior.\n"
            "Consider using tensor.detach() first."
        )


class PropertyMembers:
    """Attributes and methods that read a tensor's own description."""

    __slots__ = ()

    _array: np.ndarray
    _key: Any
    _base: Any
    _counter: Any
    _requires_grad: Any

    @property
    def shape(self) -> Size:
        return size_of(self._array.shape)

    @property
    def dtype(self) -> dtype:
        return self._key._dtype  # type: ignore[no-any-return]

    @property
    def device(self) -> device:
        return _META if self._key._special == "meta" else _CPU

    @property
    def layout(self) -> layouts.layout:
        return layouts.strided

    @property
    def ndim(self) -> int:
        return self._array.ndim

    @property
    def itemsize(self) -> int:
        return self._array.itemsize

    @property
    def nbytes(self) -> int:
        return int(self._array.size * self._array.itemsize)

    @property
    def is_meta(self) -> bool:
        return self._key._special == "meta"  # type: ignore[no-any-return]

    @property
    def is_cpu(self) -> bool:
        return self._key._special != "meta"  # type: ignore[no-any-return]

    @property
    def name(self) -> None:
        return None

    @property
    def volatile(self) -> bool:
        """Always False; torch dropped the notion and says so."""
        warnings.warn("volatile was removed (Variable.volatile is always False)", UserWarning, stacklevel=2)
        return False

    def size(self, dim: Any = None) -> Any:
        """The shape, or the size of one dimension. Raises IndexError when `dim` is out of range."""
        if dim is None:
            return size_of(self._array.shape)
        if dim.__class__ is not int:
            from .signature import wrong_type

            dim = wrong_type("size", "dim", 1, "int", dim, as_int=True)
        return self._array.shape[_wrap(dim, self._array.ndim)]

    def stride(self, dim: Any = None) -> Any:
        """Steps in elements from one index to the next, for every dimension or for one."""
        strides = layout.element_strides(self._array)
        if dim is None:
            return strides
        if dim.__class__ is not int:
            from .signature import wrong_type

            dim = wrong_type("stride", "dim", 1, "int", dim, as_int=True)
        return strides[_wrap(dim, self._array.ndim)]

    def dim(self) -> int:
        return self._array.ndim

    ndimension = dim

    def numel(self) -> int:
        return self._array.size

    nelement = numel

    def element_size(self) -> int:
        return self._array.itemsize

    def storage_offset(self) -> int:
        """Elements from the start of the storage to the first element."""
        from .storage import offset_of

        return offset_of(self)

    def data_ptr(self) -> int:
        """The address of the first element; 0 for tensors without data or elements."""
        if self._key._special == "meta" or not self._array.size:
            return 0
        if self._key._special not in (None, "strided", "lazy"):
            self._key.data("data_ptr")
        address: int = self._array.__array_interface__["data"][0]
        return address

    def untyped_storage(self) -> Any:
        from .storage import storage_of

        return storage_of(self)

    def storage(self) -> Any:
        """The storage with an element type. Deprecated: see `untyped_storage`."""
        from .storages import warn_removal

        warn_removal()
        return self._typed_storage()

    def _typed_storage(self) -> Any:
        from .storage import TypedStorage, storage_of

        return TypedStorage(wrap_storage=storage_of(self), dtype=self.dtype)

    def is_contiguous(self, *, memory_format: layouts.memory_format = layouts.contiguous_format) -> bool:
        """Whether elements lie in row-major (or the given) order without gaps."""
        if memory_format is layouts.contiguous_format or memory_format is layouts.preserve_format:
            return bool(self._array.flags.c_contiguous)
        if not isinstance(memory_format, layouts.memory_format):
            from .sealed import type_name

            raise TypeError(
                f"is_contiguous(): argument 'memory_format' must be torch.memory_format, not {type_name(memory_format)}"
            )
        rank = {layouts.channels_last: 4, layouts.channels_last_3d: 5}.get(memory_format)
        return self._array.ndim == rank and layout.is_channels_last(
            self._array.shape, layout.element_strides(self._array)
        )

    def dim_order(self, *, ambiguity_check: Any = False) -> tuple[int, ...]:
        """Dimensions from the one with the largest stride to the smallest.

        Raises RuntimeError if asked about an order that is ambiguous; of a list of memory formats one must fit then.
        """
        strides = layout.element_strides(self._array)
        formats = ambiguity_check if isinstance(ambiguity_check, list) else []
        if not isinstance(ambiguity_check, bool | list) or not all(
            isinstance(entry, memory_format) for entry in formats
        ):
            raise TypeError("The ambiguity_check argument must be a bool or a list of memory formats.")
        shape = self._array.shape
        doubtful = 1 in shape or any(one == two for one, two in itertools.pairwise(strides))
        if (formats or ambiguity_check is not False) and doubtful:
            if sum(self.is_contiguous(memory_format=entry) for entry in formats) != 1:
                raise RuntimeError(
                    "The tensor does not have unique dim order, or cannot map to exact one of the given memory formats."
                )
        order, unclear = layout.order_of_dimensions(shape, strides)
        if ambiguity_check and unclear:
            raise RuntimeError("The tensor does not have unique dim order.")
        return order

    def is_floating_point(self) -> bool:
        return self._key._dtype.is_floating_point  # type: ignore[no-any-return]

    def is_complex(self) -> bool:
        return self._key._dtype.is_complex  # type: ignore[no-any-return]

    def is_signed(self) -> bool:
        return self._key._dtype.is_signed  # type: ignore[no-any-return]

    def is_conj(self) -> bool:
        return self._key._special == "lazy" and bool(self._key.conjugate)

    def is_neg(self) -> bool:
        return self._key._special == "lazy" and bool(self._key.negative)

    def is_inference(self) -> bool:
        extra = self._extra  # type: ignore[attr-defined]
        return extra is not None and extra.inference

    def is_pinned(self, device: Any = None) -> bool:
        return False

    def is_shared(self) -> bool:
        """Whether the tensor lies in memory that other processes can see."""
        from .shared import block_of

        return block_of(self._array) is not None

    def share_memory_(self) -> Any:
        """Move the tensor, and all others that lie in its memory, to memory that other processes see; these work on the same numbers.

        An array that `numpy()` gave does not follow.
        """
        from .shared import share

        share(self)
        return self

    def pin_memory(self, device: Any = None) -> Any:
        """Raises RuntimeError: there is no accelerator to pin memory for."""
        raise RuntimeError("Cannot access accelerator device when none is available.")

    def is_nonzero(self) -> bool:
        """Whether the only element differs from zero. Raises RuntimeError unless there is exactly one."""
        if self._array.size != 1:
            what = "no values" if not self._array.size else "more than one value"
            raise RuntimeError(f"Boolean value of Tensor with {what} is ambiguous")
        return bool(self)

    def xpu(self, device: Any = None, non_blocking: bool = False, memory_format: Any = None) -> Any:
        """Raises torch's error: there is no such device."""
        refuse_transfer(device_of("xpu"))

    def is_same_size(self, other: Any) -> bool:
        return bool(self._array.shape == other._array.shape)

    def is_set_to(self, tensor: Any) -> bool:
        """Whether both tensors are the same window of the same memory."""
        if not isinstance(tensor, PropertyMembers):
            from .sealed import type_name

            raise TypeError(
                f"is_set_to(): argument 'tensor' (position 1) must be Tensor, not {type_name(tensor)}"
            )
        mine, other = self._array, tensor._array
        return bool(
            mine.shape == other.shape
            and mine.strides == other.strides
            and self.data_ptr() == tensor.data_ptr()
            and self.dtype is tensor.dtype
        )

    def get_device(self) -> int:
        return -1

    def _is_view(self) -> bool:
        return self._base is not None

    @property
    def _version(self) -> int:
        extra = self._extra  # type: ignore[attr-defined]
        if extra is not None and extra.inference:
            raise RuntimeError("Inference tensors do not track version counter.")
        return self._counter[0] if self._counter is not None else 0

    # Python values -------------------------------------------------------------------------------------------------------------

    def item(self) -> Any:
        """The only element as a Python number. Raises RuntimeError unless there is exactly one element."""
        if self._key._special == "meta" and self._array.size != 1:
            raise RuntimeError(f"a Tensor with {self._array.size} elements cannot be converted to Scalar")
        array = self._data("item")
        if array.size != 1:
            raise RuntimeError(f"a Tensor with {array.size} elements cannot be converted to Scalar")
        value = array.item()
        return float(value) if self._key._dtype.is_floating_point else value

    def tolist(self) -> Any:
        """Nested lists of Python numbers; the number itself for a 0-dim tensor."""
        array = self._data("tolist")
        if self._key._dtype.is_floating_point and array.dtype.kind != "f":
            array = array.astype(np.float32)
        return array.tolist()

    def _data(self, action: str) -> np.ndarray:
        if self._key._special == "lazy":
            from .lazy import values

            return values(self)
        if self._key._special not in (None, "strided", "meta"):
            return self._key.data(action)  # type: ignore[no-any-return]
        if self._key._special == "meta":
            if action == "item":
                raise RuntimeError("Tensor.item() cannot be called on meta tensors")
            raise NotImplementedError("Cannot copy out of meta tensor; no data!")
        return self._array

    def __len__(self) -> int:
        if not self._array.ndim:
            raise TypeError("len() of a 0-d tensor")
        return self._array.shape[0]  # type: ignore[no-any-return]

    def __bool__(self) -> bool:
        array = self._data("item" if self._key._special in (None, "strided", "meta", "lazy") else "bool")
        if array.size != 1:
            if array.size == 0:
                raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
            raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")
        return bool(array.item())

    def __float__(self) -> float:
        warn_of_history(self)
        self._one_element()
        value = self.item()
        return float(value) if value.__class__ is not complex else float(_real_part(value, "double"))

    def __int__(self) -> int:
        self._one_element()
        value = self.item()
        return int(value) if value.__class__ is not complex else int(_real_part(value, "int64_t"))

    __nonzero__ = __bool__

    def __hash__(self) -> int:
        return id(self)

    def __reversed__(self) -> Any:
        """This tensor with every dimension in reverse."""
        return self if not self._array.ndim else self.flip(tuple(range(self._array.ndim)))  # type: ignore[attr-defined]

    def __complex__(self) -> complex:
        warn_of_history(self)
        self._one_element()
        return complex(self.item())

    def __index__(self) -> int:
        if self._key._dtype._category not in ("int", "bool") or self._array.size != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self.item())

    def _one_element(self) -> None:
        if self._array.size != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")

    def __iter__(self) -> Iterator[Any]:
        if not self._array.ndim:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))  # type: ignore[attr-defined]

    def __contains__(self, element: Any) -> bool:
        if isinstance(element, PropertyMembers | int | float | complex | bool | np.number):
            return bool((self == element).any())  # type: ignore[attr-defined]
        raise RuntimeError(
            f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}."
        )

    # Text -------------------------------------------------------------------------------------------------------------------------

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        from .printing import tensor_text

        if self._key._special == "lazy":
            from .lazy import values

            return tensor_text(self, tensor_contents=tensor_contents, array=values(self))
        if self._key._special not in (None, "strided", "meta"):
            return self._key.text(self, tensor_contents)  # type: ignore[no-any-return]
        return tensor_text(self, tensor_contents=tensor_contents)

    def __format__(self, specification: str) -> str:
        from .printing import format_scalar

        return format_scalar(self, specification)

    def __dir__(self) -> list[str]:
        return sorted({*dir(type(self)), *self.__dict__})

    def type(self, dtype: Any = None, non_blocking: bool = False, **kwargs: Any) -> Any:
        """The legacy type name ("torch.FloatTensor"), or this tensor cast to a dtype or legacy type."""
        if dtype is None:
            from .dispatch import legacy_name

            place = "meta." if self._key._special == "meta" else ""
            return f"torch.{place}{legacy_name(self.dtype)}Tensor"
        if dtype in (int, float, bool, complex):
            raise ValueError(f"invalid type: '{dtype.__name__}'")
        if not isinstance(dtype, str | type | dtypes.dtype):
            raise TypeError("dtype must be a type, str, or dtype object")
        return self.to(legacy_dtype(dtype))  # type: ignore[attr-defined]


def _real_part(value: complex, name: str) -> float:
    if value.imag:
        raise RuntimeError(f"value cannot be converted to type {name} without overflow")
    return value.real


def _never(name: str) -> Any:
    """A property that is False for every tensor here."""
    return property(lambda self: False)


for _name in (
    "cuda",
    "mps",
    "xpu",
    "ipu",
    "mtia",
    "maia",
    "vulkan",
    "xla",
    "sparse",
    "sparse_csr",
    "mkldnn",
    "quantized",
    "nested",
):
    setattr(PropertyMembers, f"is_{_name}", _never(_name))


def _read_only(name: str) -> Any:
    def refuse(self: Any, *value: Any) -> None:
        raise AttributeError(f"attribute '{name}' of 'torch._C.TensorBase' objects is not writable")

    return refuse


def protect(cls: type[Any]) -> None:
    """Attributes without a setter say what torch's say when a program sets or deletes them."""
    for name, member in list(vars(cls).items()):
        if isinstance(member, property) and member.fset is None:
            refuse = _read_only(name)
            setattr(cls, name, property(member.fget, refuse, refuse, member.__doc__))


protect(PropertyMembers)


def legacy_dtype(kind: Any) -> Any:
    """The dtype meant by a dtype, a Python type, a legacy tensor class or its name."""
    if isinstance(kind, dtypes.dtype):
        return kind
    found = getattr(kind, "dtype", None)
    if isinstance(found, dtypes.dtype):
        return found
    if kind in (float, int, bool, complex):
        return {float: dtypes.float64, int: dtypes.int64, bool: dtypes.bool_, complex: dtypes.complex128}[
            kind
        ]
    from .promotion import SCALAR_TYPE_NAMES
    from .tensor import Tensor

    if kind is Tensor or kind == "torch.Tensor":
        return dtypes.defaults.dtype
    for element_type, name in SCALAR_TYPE_NAMES.items():
        if kind in (f"torch.{name}Tensor", f"torch.sparse.{name}Tensor", f"torch.{element_type._name}"):
            return element_type
    raise ValueError(f"invalid type: '{kind.__name__ if isinstance(kind, type) else kind}'")


def _wrap(dim: int, rank: int) -> int:
    if not rank:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return wrap_dim(dim, rank)
