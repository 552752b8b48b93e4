"""Sparse tensors in coordinate format: the indices (sparse_dim, nnz) of elements, and their values (nnz, *dense sizes).

Indices and values are strided tensors, and so is every computation: gradients flow through the values. Places that come up more than
once add up; `coalesce` adds them.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._core import layouts
from .._core.declare import op
from .._core.device import device_of
from .._core.dispatch import legacy_name, meta_tensor
from .._core.dtypes import WIDE_UNSIGNED
from .._core.dtypes import dtype as dtype_class
from .._core.element_types import refuse
from .._core.overrides import interpose_members
from .._core.size import Size
from .._core.tensor import Tensor, wrap
from .._core.tensor_properties import legacy_dtype

_recorded_values = op(
    "_sparse_coo_values(Tensor values) -> Tensor",
    lambda values: values.copy(),
    node="SparseCooTensorWithDimsAndTensorsBackward0",
    ours=True,
    method=False,
    function=False,
    out=False,
)
_recorded_values.vjp(values=lambda grad: grad)


#: What sparse tensors can do, by the names of functions and methods without underscores at their ends; methods that write, by theirs.
FUNCTIONS: dict[str, Callable[..., Any]] = {}
INPLACE: dict[str, Callable[..., Any]] = {}


def _missing(name: str) -> NotImplementedError:
    return NotImplementedError(f"Could not run 'aten::{name}' with arguments from the 'SparseCPU' backend.")


def make(indices: Tensor, values: Tensor, size: Sequence[int], coalesced: bool = False) -> Any:
    """A sparse tensor of checked parts."""
    sparse: Any = meta_tensor(tuple(size), values.dtype)
    sparse.__class__ = SparseTensor
    sparse.__dict__.update(
        _coo_size=Size(size),
        _coo_indices=indices,
        _coo_values=values,
        _coo_coalesced=coalesced or values.shape[0] < 2,
    )
    return sparse


def from_parts(
    indices: Tensor,
    values: Tensor,
    size: Sequence[int] | None,
    coalesced: bool | None = None,
    check: bool = False,
) -> Any:
    """torch.sparse_coo_tensor of tensors. Raises RuntimeError with torch's texts for parts that do not fit."""
    if indices.dim() != 2 and (size is None or indices.dim() != 1):
        raise RuntimeError(f"indices must be sparse_dim x nnz, but got: {list(indices.shape)}")
    indices = indices.detach().long()
    sparse_dim, dense = indices.shape[0], tuple(values.shape[1:])
    if size is None:
        if not indices.numel() and sparse_dim:
            size = (*[0] * sparse_dim, *dense)
        else:
            _check_not_negative(indices)
            size = (*[n + 1 for n in indices.max(1)[0].tolist()], *dense)
    elif len(size) != sparse_dim + len(dense):
        raise RuntimeError(
            f"'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = {len(size)}, sparse_dim = {sparse_dim}, "
            f"dense_dim = {len(dense)}"
        )
    if indices.dim() != 2:
        raise RuntimeError(f"indices must be sparse_dim x nnz, but got: {list(indices.shape)}")
    if indices.shape[1] != values.shape[0]:
        raise RuntimeError(
            f"indices and values must have same nnz, but got nnz from indices: {indices.shape[1]}, nnz from values: {values.shape[0]}"
        )
    if check and indices.numel():
        _check_not_negative(indices)
        for dim, (largest, length) in enumerate(
            zip(indices.max(1)[0].tolist(), size[:sparse_dim], strict=True)
        ):
            if largest >= length:
                raise RuntimeError(
                    f"size is inconsistent with indices: for dim {dim}, size is {length} but found index {largest}"
                )
    return make(indices, values, size, bool(coalesced))


def empty(size: Sequence[int], kind: dtype_class) -> Any:
    """Zeros: no place has a value."""
    indices = np.empty((len(size), 0), np.int64)
    return make(wrap(indices), wrap(np.empty(0, kind._numpy)), size, True)


def recorded(indices: Tensor, values: Tensor, size: Sequence[int] | None, *options: Any) -> Any:
    """`from_parts` with a node where gradients flow to the values."""
    return from_parts(indices, _recorded_values(values) if values.requires_grad else values, size, *options)


def _rebuild_sparse_tensor(layout: Any, data: tuple[Any, ...]) -> Any:
    """What files say of a sparse tensor: indices, values, size and whether it is coalesced."""
    if layout is not layouts.sparse_coo:
        raise NotImplementedError(f"rebuilding sparse tensor for layout {layout}")
    indices, values, size, *coalesced = data
    return from_parts(indices, values, tuple(size), *coalesced)


def _check_not_negative(indices: Tensor) -> None:
    for dim, lowest in enumerate(indices.min(1)[0].tolist() if indices.numel() else []):
        if lowest < 0:
            raise RuntimeError(f"found negative index {lowest} for dim {dim}")


def from_dense(dense: Tensor, sparse_dim: int | None = None) -> Any:
    """The nonzero elements of a strided tensor (or its slices that are not all zero, for fewer sparse dimensions)."""
    if dense.dtype in WIDE_UNSIGNED:
        refuse("nonzero_count_cpu", dense.dtype)
    count = dense.dim() if sparse_dim is None else sparse_dim
    if not 0 <= count <= dense.dim():
        raise RuntimeError(
            f"dense_to_sparse: sparse_dim argument must be in [0,{dense.dim()}] range, but {count} is given"
        )
    filled: Any = dense.detach() != 0
    for _ in range(dense.dim() - count):
        filled = filled.any(-1)
    places = filled.nonzero().t().contiguous()
    return make(places, dense[tuple(places)], dense.shape, True)


def _linear(indices: Tensor, sizes: Sequence[int]) -> np.ndarray:
    """The row-major numbers of places (sparse_dim, nnz)."""
    steps = np.array([math.prod(sizes[k + 1 :]) for k in range(len(sizes))], np.int64)
    result: np.ndarray = (indices._array * steps[:, None]).sum(0)
    return result


class SparseTensor(Tensor):
    """A tensor of layout torch.sparse_coo. Operators that are not implemented for it raise NotImplementedError."""

    _is_strided = False

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "?")
        if name.startswith("__"):
            handler = FUNCTIONS.get(name.strip("_"))
        else:
            handler = (INPLACE if name.endswith("_") else FUNCTIONS).get(name)
        if handler is None:  # functions and methods that are written below
            handler = _OWN.get(name)
        if handler is None:
            raise _missing(name)
        return handler(*args, **(kwargs or {}))

    @property
    def _array(self) -> Any:  # type: ignore[override]
        """Whatever reads a tensor's array directly would take this one for a strided one."""
        raise NotImplementedError("a sparse tensor where only strided ones are implemented")

    def __hash__(self) -> int:
        return id(self)

    # What it says of itself

    @property
    def layout(self) -> Any:  # type: ignore[override]
        return layouts.sparse_coo

    @property
    def is_sparse(self) -> bool:
        return True

    @property
    def is_meta(self) -> bool:
        return False

    @property
    def is_cpu(self) -> bool:
        return True

    @property
    def device(self) -> Any:  # type: ignore[override]
        return device_of("cpu")

    @property
    def shape(self) -> Size:
        return self._coo_size  # type: ignore[no-any-return]

    @property
    def dtype(self) -> dtype_class:
        return self._coo_values.dtype

    @property
    def ndim(self) -> int:
        return len(self._coo_size)

    @property
    def requires_grad(self) -> bool:  # type: ignore[override]
        return self._coo_values.requires_grad

    @property
    def is_leaf(self) -> bool:  # type: ignore[override]
        return self._coo_values.is_leaf

    @property
    def grad_fn(self) -> Any:  # type: ignore[override]
        return self._coo_values.grad_fn

    @property
    def grad(self) -> Any:  # type: ignore[override]
        """The gradient at the places of this tensor; None where there is none."""
        found = self._coo_values.grad
        if found is None:
            return None
        linear = _linear(self._coo_indices, self.shape[: self.sparse_dim()])
        _, first = np.unique(linear, return_index=True)
        chosen = wrap(first)
        return make(self._coo_indices[:, chosen], found[chosen], self.shape)

    @property
    def data(self) -> Any:  # type: ignore[override]
        return self.detach()

    def size(self, dim: Any = None) -> Any:
        return self.shape if dim is None else self.shape[dim]

    def type(self, dtype: Any = None, non_blocking: bool = False, **options: Any) -> Any:
        if dtype is None:
            return f"torch.sparse.{legacy_name(self.dtype)}Tensor"
        return self.to(legacy_dtype(dtype))

    def new(self, *arguments: Any, **options: Any) -> Any:
        """The constructor of torch's first years with this tensor's dtype."""
        from .._legacy_sparse import legacy_sparse

        return legacy_sparse(arguments, options, self.dtype)

    def dim(self) -> int:
        return self.ndim

    ndimension = dim

    def get_device(self) -> int:
        return -1

    def is_signed(self) -> bool:
        return self._coo_values.is_signed()

    def element_size(self) -> int:
        return self._coo_values.element_size()

    def storage_offset(self) -> int:
        return 0

    def numel(self) -> int:
        return math.prod(self.shape)

    nelement = numel

    def sparse_dim(self) -> int:
        """How many dimensions the indices count."""
        return self._coo_indices.shape[0]

    def dense_dim(self) -> int:
        """How many dimensions each value has."""
        return self._coo_values.dim() - 1

    def is_coalesced(self) -> bool:
        """Whether every place comes up once, in row-major order."""
        return self._coo_coalesced

    def _nnz(self) -> int:
        return self._coo_values.shape[0]

    def _indices(self) -> Tensor:
        return self._coo_indices

    def _values(self) -> Tensor:
        return self._coo_values.detach()

    def indices(self) -> Tensor:
        """The places (sparse_dim, nnz) of a coalesced tensor."""
        if not self._coo_coalesced:
            raise RuntimeError("Cannot get indices on an uncoalesced tensor, please call .coalesce() first")
        return self._coo_indices

    def values(self) -> Tensor:
        """The values (nnz, ...) of a coalesced tensor; gradients flow through them."""
        if not self._coo_coalesced:
            raise RuntimeError("Cannot get values on an uncoalesced tensor, please call .coalesce() first")
        return self._coo_values

    def is_floating_point(self) -> bool:
        return self._coo_values.is_floating_point()

    def is_complex(self) -> bool:
        return self._coo_values.is_complex()

    def is_contiguous(self, memory_format: Any = None) -> bool:
        return False

    def stride(self, dim: Any = None) -> Any:
        return (0,) * self.ndim if dim is None else 0

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of a 0-d tensor")
        return self.shape[0]

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        from .._core.printing import tensor_text

        return tensor_text(self, tensor_contents=tensor_contents)

    __str__ = __repr__

    def __format__(self, specification: str) -> str:
        return object.__format__(self, specification)

    def numpy(self, **options: Any) -> Any:
        raise TypeError("can't convert Sparse layout tensor to numpy. Use Tensor.to_dense() first.")

    def data_ptr(self) -> int:
        raise RuntimeError("Cannot access data pointer of Tensor that doesn't have storage")

    tolist = data_ptr

    def __bool__(self) -> bool:
        if self.numel() != 1:
            raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")
        return bool(self.to_dense())

    def item(self) -> Any:
        if self.numel() != 1:
            raise RuntimeError(f"a Tensor with {self.numel()} elements cannot be converted to Scalar")
        return self.to_dense().item()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __reduce_ex__(self, protocol: Any) -> Any:
        parts = self._coo_indices, self._values(), self.shape, self._coo_coalesced
        return _rebuild_sparse_tensor, (self.layout, parts)

    def __deepcopy__(self, memo: Any) -> Any:
        return self.clone()

    # Other forms of it

    def _with(self, values: Tensor, coalesced: bool | None = None) -> Any:
        return make(
            self._coo_indices, values, self.shape, self._coo_coalesced if coalesced is None else coalesced
        )

    def coalesce(self) -> Any:
        """The same matrix with every place once, in row-major order; itself where it is so already."""
        if self._coo_coalesced:
            return self
        sizes = self.shape[: self.sparse_dim()]
        places, inverse = np.unique(_linear(self._coo_indices, sizes), return_inverse=True)
        indices = wrap(np.stack(np.unravel_index(places, sizes)).astype(np.int64))
        values = self._coo_values
        summed = values.new_zeros((len(places), *values.shape[1:])).index_add(
            0, wrap(inverse.reshape(-1)), values
        )
        return make(indices, summed, self.shape, True)

    def to_dense(self, dtype: Any = None, *, masked_grad: Any = None) -> Tensor:
        """The strided tensor; places without a value are 0."""
        values = self._coo_values if dtype is None else self._coo_values.to(dtype)
        if not self.sparse_dim():
            return values.sum(0)
        return values.new_zeros(self.shape).index_put(tuple(self._coo_indices), values, accumulate=True)

    def is_conj(self) -> bool:
        return False

    def is_neg(self) -> bool:
        return False

    def to_sparse(self, *arguments: Any, **options: Any) -> Any:
        if arguments or options.get("layout") not in (None, self.layout):
            raise _missing("to_sparse")
        return self

    to_sparse_coo = to_sparse

    def to(self, *arguments: Any, **options: Any) -> Any:
        values = self._coo_values.to(*arguments, **options)
        return self if values is self._coo_values else self._with(values)

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        if self._coo_values.is_leaf and requires_grad and not self._coo_values.requires_grad:
            self.__dict__["_coo_values"] = self._coo_values.detach()
        self._coo_values.requires_grad_(requires_grad)
        return self

    def retain_grad(self) -> None:
        self._coo_values.retain_grad()

    def detach(self) -> Any:
        return self._with(self._coo_values.detach())

    def detach_(self) -> Any:
        self.__dict__["_coo_values"] = self._coo_values.detach()
        return self

    def clone(self, *, memory_format: Any = None) -> Any:
        return make(self._coo_indices.clone(), self._coo_values.clone(), self.shape, self._coo_coalesced)

    def cpu(self) -> Any:
        return self

    def transpose(self, dim0: int, dim1: int) -> Any:
        """Two sparse dimensions, or two dense ones, exchanged."""
        first, second = dim0 % self.ndim, dim1 % self.ndim
        count = self.sparse_dim()
        size = list(self.shape)
        size[first], size[second] = size[second], size[first]
        if first < count and second < count:
            order = list(range(count))
            order[first], order[second] = order[second], order[first]
            return make(
                self._coo_indices[order], self._coo_values, size, first == second and self._coo_coalesced
            )
        if first >= count and second >= count:
            values = self._coo_values.transpose(first - count + 1, second - count + 1)
            return make(self._coo_indices, values, size, self._coo_coalesced)
        raise RuntimeError(
            f"transpose(): can only transpose dimensions of the same kind, got {dim0} and {dim1} of {count} sparse dimensions"
        )

    def t(self) -> Any:
        if self.sparse_dim() > 2 or self.dense_dim():
            raise RuntimeError(
                f"t() expects a tensor with <= 2 sparse and 0 dense dimensions, but got {self.sparse_dim()} sparse and "
                f"{self.dense_dim()} dense dimensions"
            )
        return self.transpose(0, 1) if self.ndim == 2 else self

    @property
    def T(self) -> Any:  # type: ignore[override]
        return self.t()

    @property
    def mT(self) -> Any:  # type: ignore[override]
        return self.transpose(-2, -1)


# As in torch, where a sparse tensor is of the class of all tensors.
SparseTensor.__name__ = SparseTensor.__qualname__ = "Tensor"
SparseTensor.__module__ = "torch"
_OWN = {name: member for name, member in vars(SparseTensor).items() if inspect.isfunction(member)}
interpose_members()  # methods of Tensor written in Python ask sparse tensors, too

from . import _sparse_coo_functions  # noqa: E402, F401  (it fills the tables)
