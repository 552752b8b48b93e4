"""What can be computed with sparse tensors in coordinate format: by the names of torch's functions and methods."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._core.declare import find
from .._core.promotion import promote_types
from .._core.tensor import Tensor, wrap
from ._sparse_coo import FUNCTIONS, INPLACE, SparseTensor, _linear, _missing, make


def _is_sparse(value: Any) -> bool:
    return isinstance(value, SparseTensor)


# Products -------------------------------------------------------------------------------------------------------------------------


def _sparse_times_dense(sparse: Any, dense: Tensor) -> Tensor:
    """(n, m) times (m, k): the rows of `dense` at the columns, times the values, summed by rows."""
    rows, columns = sparse._indices()
    products = sparse._coo_values.unsqueeze(-1) * dense[columns]
    kind = products.dtype
    return dense.new_zeros((sparse.shape[0], dense.shape[1]), dtype=kind).index_add(0, rows, products)


def _sparse_times_sparse(left: Any, right: Any) -> Any:
    if left.requires_grad or right.requires_grad:
        raise NotImplementedError("the product of two sparse tensors of which one requires gradients")
    import scipy.sparse

    def matrix(tensor: Any) -> Any:
        places = tensor._indices()._array
        return scipy.sparse.csr_matrix((tensor._values()._array, (places[0], places[1])), tuple(tensor.shape))

    product = (matrix(left) @ matrix(right)).tocoo()
    order = np.lexsort((product.col, product.row))
    places = np.stack([product.row[order], product.col[order]]).astype(np.int64)
    values = product.data[order].astype(left._values()._array.dtype)
    return make(wrap(places), wrap(values), (left.shape[0], right.shape[1]), True)


def mm(input: Any, mat2: Any, reduce: str | None = None) -> Any:
    """A matrix product of which one operand, or both, are sparse."""
    if reduce is not None:
        raise _missing("_sparse_mm_reduce_impl")
    for operand in (input, mat2):
        if operand.dim() != 2 or (_is_sparse(operand) and operand.dense_dim()):
            raise RuntimeError(
                f"mm: Expected two matrices, got {operand.dim()}D tensors with "
                f"{operand.dense_dim() if _is_sparse(operand) else 0} dense dimensions"
            )
    if input.shape[1] != mat2.shape[0]:
        raise RuntimeError(
            f"addmm: Argument #3 (dense): Expected dim 0 size {input.shape[1]}, got {mat2.shape[0]}"
            if _is_sparse(input)
            else f"mat1 and mat2 shapes cannot be multiplied ({input.shape[0]}x{input.shape[1]} and {mat2.shape[0]}x{mat2.shape[1]})"
        )
    if _is_sparse(input):
        return _sparse_times_sparse(input, mat2) if _is_sparse(mat2) else _sparse_times_dense(input, mat2)
    return _sparse_times_dense(mat2.t(), input.t()).t()


def mv(input: Any, vec: Tensor) -> Tensor:
    """A sparse matrix times a vector."""
    if not _is_sparse(input):
        raise _missing("mv")
    if vec.shape[0] != input.shape[1]:
        raise RuntimeError(f"mv: Expected size {input.shape[1]}, got {vec.shape[0]}")
    return _sparse_times_dense(input, vec.unsqueeze(-1)).squeeze(-1)


def matmul(input: Any, other: Any) -> Any:
    """mm for two matrices, mv for a matrix and a vector."""
    if input.dim() == 2 and other.dim() == 2:
        return mm(input, other)
    if _is_sparse(input) and input.dim() == 2 and other.dim() == 1:
        return mv(input, other)
    raise _missing("matmul")


def addmm(input: Any, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """beta · input + alpha · mat1 mat2."""
    if _is_sparse(input):
        raise _missing("addmm")
    return beta * input + alpha * mm(mat1, mat2)


# Sums and products of elements ----------------------------------------------------------------------------------------------------


def _same_shape(name: str, left: Any, right: Any) -> None:
    if left.shape != right.shape:
        raise RuntimeError(
            f"{name}: expected sizes of 'self' and 'other' to match, but {list(left.shape)} != {list(right.shape)}"
        )


def add(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """Two sparse tensors, or a strided and a sparse one, in this order."""
    if not isinstance(input, Tensor) or not _is_sparse(other):
        raise RuntimeError("add(sparse, dense) is not supported. Use add(dense, sparse) instead.")
    if not _is_sparse(input):
        kind = promote_types(input.dtype, other.dtype)
        return _scattered(input.to(kind), other, alpha, False)
    _same_shape("add", input, other)
    if input.sparse_dim() != other.sparse_dim():
        raise RuntimeError(
            f"add: expected 'self' and 'other' to have same number of sparse dimensions, got {input.sparse_dim()} and {other.sparse_dim()}"
        )
    more = other._coo_values if alpha == 1 else alpha * other._coo_values
    kind = promote_types(input.dtype, other.dtype)
    values, more = input._coo_values.to(kind), more.to(kind)
    if not (values.is_contiguous() and other._coo_values.is_contiguous()):
        total = make(
            find("cat").call([input._indices(), other._indices()], 1),
            find("cat").call([values, more], 0),
            input.shape,
        )
        if total._nnz() <= total.numel():
            return total
        fewer = (
            total.coalesce()
        )  # torch keeps sums from growing, and does not note that they are coalesced now
        return make(fewer._indices(), fewer._coo_values, input.shape)
    return _merged(input, other, values, more)


def _merged(input: Any, other: Any, values: Tensor, more: Tensor) -> Any:
    """The sum of two sparse tensors, walking along both: what stands at the same place in both becomes one."""
    left, right = input._indices(), other._indices()
    coalesced = input.is_coalesced() and other.is_coalesced()
    if left.shape == right.shape and bool((left == right).all()):
        return make(left, values + more, input.shape, coalesced)
    sizes = input.shape[: input.sparse_dim()]
    first, second = _linear(left, sizes), _linear(right, sizes)
    if coalesced:
        places = np.union1d(first, second)
        into, from_other = np.searchsorted(places, first), np.searchsorted(places, second)
    else:
        places, into, from_other = _walked(first.tolist(), second.tolist())
    indices = wrap(np.stack(np.unravel_index(places, sizes)).astype(np.int64))
    total = values.new_zeros((len(places), *values.shape[1:]))
    total = total.index_add(0, wrap(into), values).index_add(0, wrap(from_other), more)
    return make(indices, total, input.shape, coalesced)


def _walked(first: list[int], second: list[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two lists of places in one, the smaller of both heads first and equal heads once; where each element of either list went."""
    places: list[int] = []
    into: list[int] = []
    from_other: list[int] = []
    i = j = 0
    while i < len(first) or j < len(second):
        takes_first = j == len(second) or (i < len(first) and first[i] <= second[j])
        takes_second = i == len(first) or (j < len(second) and second[j] <= first[i])
        places.append(first[i] if takes_first else second[j])
        if takes_first:
            into.append(len(places) - 1)
            i += 1
        if takes_second:
            from_other.append(len(places) - 1)
            j += 1
    return np.array(places, np.int64), np.array(into, np.int64), np.array(from_other, np.int64)


def sub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """`add` of the negative."""
    return add(input, other, alpha=-alpha)


def _at_places(dense: Tensor, sparse: Any) -> Tensor:
    return dense[tuple(sparse._indices())]


def mul(input: Any, other: Any) -> Any:
    """By a number, by a strided tensor of the same shape (at the places), by a sparse one (at the places both have)."""
    if not _is_sparse(input):
        return mul(other, input)
    if not isinstance(other, Tensor) or (not _is_sparse(other) and other.dim() == 0):
        return input._with(input._coo_values * other)
    _same_shape("mul", input, other)
    if not _is_sparse(other):
        return input._with(input._coo_values * _at_places(other, input))
    left, right = input.coalesce(), other.coalesce()
    sizes = left.shape[: left.sparse_dim()]
    places, first, second = np.intersect1d(
        _linear(left._indices(), sizes), _linear(right._indices(), sizes), return_indices=True
    )
    indices = wrap(np.stack(np.unravel_index(places, sizes)).astype(np.int64))
    return make(indices, left._coo_values[wrap(first)] * right._coo_values[wrap(second)], left.shape, True)


def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """By a number, or a strided tensor of no dimension."""
    if not _is_sparse(input) or (isinstance(other, Tensor) and (_is_sparse(other) or other.dim())):
        raise RuntimeError(
            "Sparse division requires a scalar or zero-dim dense tensor divisor (got shape for divisor)"
        )
    if rounding_mode is not None:
        return input.coalesce()._with(input.coalesce()._coo_values.div(other, rounding_mode=rounding_mode))
    return input._with(input._coo_values / other)


def neg(input: Any) -> Any:
    """The negative."""
    return input._with(-input._coo_values)


def _scattered(dense: Tensor, sparse: Any, alpha: Any, inplace: bool) -> Tensor:
    """dense + alpha * sparse."""
    if dense.shape != sparse.shape:
        raise RuntimeError(
            f"add: expected 'self' and 'other' to have same size, but self has size {list(dense.shape)} while other has size "
            f"{list(sparse.shape)} (FYI: dense-sparse addition does not currently support broadcasting)"
        )
    values = sparse._coo_values if alpha == 1 else alpha * sparse._coo_values
    values = values.to(dense.dtype)
    if not sparse.sparse_dim():
        return dense.add_(values.sum(0)) if inplace else dense + values.sum(0)
    places = tuple(sparse._indices())
    put = dense.index_put_ if inplace else dense.index_put
    result: Tensor = put(places, values, accumulate=True)
    return result


def zero_(self: Any) -> Any:
    """No values are left."""
    count = self.sparse_dim()
    values = self._coo_values
    empty = make(
        self._indices().new_zeros((count, 0)), values.new_zeros((0, *values.shape[1:])), self.shape, True
    )
    self.__dict__.update(_coo_indices=empty._coo_indices, _coo_values=empty._coo_values, _coo_coalesced=True)
    return self


def _added_in_place(self: Any, other: Any, *, alpha: Any = 1) -> Any:
    """`self` plus alpha times a sparse tensor: a sparse tensor takes over the sum's parts, a strided one is written to."""
    if isinstance(self, Tensor) and not _is_sparse(self) and _is_sparse(other):
        return _scattered(self, other, alpha, True)
    return _inplace(add)(self, other, alpha=alpha)


def _subtracted_in_place(self: Any, other: Any, *, alpha: Any = 1) -> Any:
    return _added_in_place(self, other, alpha=-alpha)


def _inplace(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(self: Any, *arguments: Any, **options: Any) -> Any:
        result = function(self, *arguments, **options)
        if not _is_sparse(self) or result.shape != self.shape:
            raise _missing(function.__name__)
        self.__dict__.update(
            _coo_indices=result._coo_indices,
            _coo_values=result._coo_values,
            _coo_coalesced=result._coo_coalesced,
        )
        return self

    return run


def _of_values(name: str) -> Callable[[Any], Any]:
    """A function that takes 0 to 0, of the elements: of the values, once each place comes up once."""

    def run(input: Any) -> Any:
        whole = input.coalesce()
        return whole._with(getattr(whole._coo_values, name)())

    return run


def pow(input: Any, exponent: Any) -> Any:
    """A power with a number, which must not be 0."""
    if isinstance(exponent, Tensor) or exponent == 0:
        raise RuntimeError("pow: raising to zeroth power not supported on sparse tensor")
    whole = input.coalesce()
    return whole._with(whole._coo_values.pow(exponent))


# Reductions -----------------------------------------------------------------------------------------------------------------------


def sum(input: Any, dim: int | Sequence[int] | None = None, keepdim: bool = False, dtype: Any = None) -> Any:
    """Over all elements: a strided tensor; over some dimensions: a sparse one, unless no sparse dimension is left."""
    values = input._coo_values if dtype is None else input._coo_values.to(dtype)
    if dim is None or keepdim:
        if keepdim:
            raise _missing("sum.dim_IntList with keepdim")
        return values.sum()
    over = sorted({d % input.ndim for d in ([dim] if isinstance(dim, int) else dim)})
    count = input.sparse_dim()
    dense = [d - count + 1 for d in over if d >= count]
    if dense:
        values = values.sum(dense)
    kept = [d for d in range(count) if d not in over]
    if not kept:
        return values.sum(0)
    size = [n for d, n in enumerate(input.shape) if d not in over]
    return make(input._indices()[kept], values, size).coalesce()


def norm(
    input: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, out: Any = None, dtype: Any = None
) -> Any:
    """The Frobenius norm, or the p-norm of the elements: of all of them."""
    if dtype is not None or out is not None or p == "nuc":
        raise _missing("norm")
    given = [dim] if isinstance(dim, int) else list(dim or ())
    if given and len({one % input.ndim for one in given}) != input.ndim:
        raise RuntimeError(
            "norm_sparse currently only supports full reductions, so 'dim' must either be empty or contain all dimensions of the input"
        )
    if keepdim:
        raise RuntimeError("norm_sparse currently does not support keepdim=True")
    return input.coalesce()._coo_values.reshape(-1).norm(p)


def softmax(input: Any, dim: int, dtype: Any = None) -> Any:
    """Along a sparse dimension; elements without a value count as minus infinity."""
    return _normalised(input, dim, dtype, False)


def log_softmax(input: Any, dim: int, dtype: Any = None) -> Any:
    """The logarithm of `softmax`."""
    return _normalised(input, dim, dtype, True)


def _normalised(input: Any, dim: int, dtype: Any, log: bool) -> Any:
    whole = input.coalesce()
    dim = dim % whole.ndim
    if dim >= whole.sparse_dim():
        values = whole._coo_values if dtype is None else whole._coo_values.to(dtype)
        return whole._with(getattr(values, "log_softmax" if log else "softmax")(dim - whole.sparse_dim() + 1))
    others = [d for d in range(whole.sparse_dim()) if d != dim]
    if not others:
        lines = np.zeros(whole._nnz(), np.int64)
    else:
        lines = _linear(whole._indices()[others], [whole.shape[d] for d in others])
    _, number = np.unique(lines, return_inverse=True)
    line = wrap(number.reshape(-1))
    count = int(number.max()) + 1 if number.size else 0
    values = whole._coo_values if dtype is None else whole._coo_values.to(dtype)
    shape = (count, *values.shape[1:])
    largest = values.detach().new_full(shape, float("-inf")).index_reduce(0, line, values.detach(), "amax")
    shifted = values - largest[line]
    total = shifted.new_zeros(shape).index_add(0, line, shifted.exp())
    return whole._with(shifted - total.log()[line] if log else shifted.exp() / total[line])


# Shapes ---------------------------------------------------------------------------------------------------------------------------


def cat(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Sparse tensors one after the other along a sparse dimension."""
    if not all(map(_is_sparse, tensors)):
        raise RuntimeError("Concatenating sparse tensors, but a dense tensor was found")
    first = tensors[0]
    dim = dim % first.ndim
    if dim >= first.sparse_dim():
        raise _missing("cat along a dense dimension")
    parts = []
    start = 0
    for tensor in tensors:
        shift = np.zeros((tensor.sparse_dim(), 1), np.int64)
        shift[dim] = start
        parts.append(tensor._indices() + wrap(shift))
        start += tensor.shape[dim]
    size = list(first.shape)
    size[dim] = start
    return make(find("cat").call(parts, 1), find("cat").call([t._coo_values for t in tensors], 0), size)


def unsqueeze(input: Any, dim: int) -> Any:
    """One more sparse dimension of size 1."""
    dim = dim % (input.ndim + 1)
    if dim > input.sparse_dim():
        raise _missing("unsqueeze of a dense dimension")
    places = np.insert(input._indices()._array, dim, 0, axis=0)
    size = list(input.shape)
    size.insert(dim, 1)
    return make(wrap(places), input._coo_values, size, input._coo_coalesced)


def stack(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Sparse tensors along a new sparse dimension."""
    return cat([unsqueeze(tensor, dim) for tensor in tensors], dim)


def select(input: Any, dim: int, index: int) -> Any:
    """The slice at an index of a sparse dimension."""
    dim = dim % input.ndim
    if dim >= input.sparse_dim():
        raise _missing("select of a dense dimension")
    length = input.shape[dim]
    if not -length <= index < length:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(input.shape)} at dimension {dim}"
        )
    chosen = (input._indices()[dim] == index % length).nonzero().squeeze(1)
    kept = [d for d in range(input.sparse_dim()) if d != dim]
    values = input._coo_values[chosen]
    if not kept:
        return values.sum(0)
    size = [n for d, n in enumerate(input.shape) if d != dim]
    return make(input._indices()[kept][:, chosen], values, size, input._coo_coalesced)


def getitem(input: Any, index: Any) -> Any:
    """A whole number: the slice of the first dimension."""
    if isinstance(index, int) and not isinstance(index, bool):
        if not -input.shape[0] <= index < input.shape[0]:
            raise IndexError(f"index {index} is out of bounds for dimension 0 with size {input.shape[0]}")
        return select(input, 0, index)
    raise _missing("index")


def index_select(input: Any, dim: int, index: Tensor) -> Any:
    """The slices at indices of a sparse dimension, in their order."""
    dim = dim % input.ndim
    wanted = index._array.reshape(-1)
    places = input._indices()._array
    found = [np.nonzero(places[dim] == number)[0] for number in wanted % input.shape[dim]]
    chosen = np.concatenate(found) if found else np.empty(0, np.int64)
    moved = places[:, chosen].copy()
    moved[dim] = np.repeat(np.arange(len(wanted)), [len(one) for one in found])
    size = list(input.shape)
    size[dim] = len(wanted)
    return make(wrap(moved), input._coo_values[wrap(chosen)], size)


def zeros_like(input: Any, **options: Any) -> Any:
    """A sparse tensor of the same shape without values."""
    kind = options.get("dtype") or input.dtype
    values = input._coo_values.detach().new_zeros((0, *input._coo_values.shape[1:]), dtype=kind)
    return make(wrap(np.zeros((input.sparse_dim(), 0), np.int64)), values, input.shape, True)


def sparse_mask(input: Any, mask: Any) -> Any:
    """The elements at the places of a sparse tensor."""
    if not _is_sparse(mask):
        raise _missing("sparse_mask")
    dense = input.to_dense() if _is_sparse(input) else input
    _same_shape("sparse_mask", dense, mask)
    return mask._with(_at_places(dense, mask))


def reshape(input: Any, *shape: Any) -> Any:
    """Raises RuntimeError: there is no reshaping."""
    raise RuntimeError("reshape is not implemented for sparse tensors")


def storage(input: Any) -> Any:
    """Raises NotImplementedError: there is no memory of one piece."""
    raise NotImplementedError("Cannot access storage of SparseTensorImpl")


def is_same_size(input: Any, other: Any) -> bool:
    """Whether the shapes are the same."""
    return bool(input.shape == other.shape)


def _converter(name: str) -> Callable[[Any], Any]:
    def run(self: Any, *arguments: Any, **options: Any) -> Any:
        values = getattr(self._coo_values, name)()
        return self if values is self._coo_values else self._with(values)

    return run


FUNCTIONS |= {
    **{
        name: _of_values(name)
        for name in (
            "abs", "asin", "asinh", "atan", "atanh", "ceil", "erf", "expm1", "floor", "isinf", "isnan", "log1p", "nan_to_num", "relu",
            "round", "sgn", "sign", "signbit", "sin", "sinh", "sqrt", "square", "tan", "tanh", "trunc",
        )
    },
    **{
        name: _converter(name)
        for name in ("bfloat16", "bool", "byte", "char", "double", "float", "half", "int", "long", "short")
    },
    "add": add, "radd": lambda input, other: add(other, input), "sub": sub, "subtract": sub,
    "rsub": lambda input, other, alpha=1: add(other, neg(input)),
    "mul": mul, "multiply": mul, "rmul": mul, "div": div, "divide": div, "true_divide": div, "truediv": div,
    "neg": neg, "negative": neg, "pow": pow,
    "mm": mm, "mv": mv, "matmul": matmul, "rmatmul": lambda input, other: matmul(other, input), "addmm": addmm, "spmm": mm, "dsmm": mm,
    "sum": sum, "norm": norm, "softmax": softmax, "log_softmax": log_softmax,
    "cat": cat, "concat": cat, "concatenate": cat, "stack": stack, "unsqueeze": unsqueeze, "select": select, "getitem": getitem,
    "index_select": index_select, "zeros_like": zeros_like, "sparse_mask": sparse_mask, "is_same_size": is_same_size,
    "reshape": reshape, "storage": storage, "untyped_storage": storage,
    "iadd": _added_in_place, "isub": _subtracted_in_place, "imul": _inplace(mul), "itruediv": _inplace(div),
}  # fmt: skip

INPLACE |= {
    name + "_": _inplace(FUNCTIONS[name])
    for name in (
        "mul",
        "div",
        "neg",
        "abs",
        "relu",
        "sqrt",
        "sin",
        "tanh",
        "round",
        "floor",
        "ceil",
    )
}
INPLACE |= {
    "add_": _added_in_place,
    "sub_": _subtracted_in_place,
    "zero_": zero_,
}
