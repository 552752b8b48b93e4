"""Matrix norms, conditions, ranks, pseudo-inverses, powers, and the forms of torch.linalg on whole tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinytorch._core import dtypes
from tinytorch._core.declare import composite, find, op
from tinytorch._core.dispatch import wrap_dim
from tinytorch._core.element_types import takes
from tinytorch._core.tensor import wrap
from tinytorch._kernels import linalg as kernels
from tinytorch._kernels import linalg_more as more
from tinytorch._operators import _linalg_checks as checks
from tinytorch._operators.linalg_solve import _cat, linalg_inv, linalg_inv_ex, linalg_solve, mH
from tinytorch._operators.linalg_spectra import linalg_eigvalsh, linalg_svdvals, pinv_cotangent
from tinytorch._operators.norms import linalg_vector_norm

# Norms -----------------------------------------------------------------------------------------------------------------


def _matrix_dims(self: Any, dim: Sequence[int]) -> tuple[int, int]:
    if self.dim() < 2:
        raise RuntimeError("linalg.matrix_norm: The input tensor A must have at least 2 dimensions.")
    if len(dim) != 2:
        raise RuntimeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {' '.join(map(str, dim))}")
    first, second = (wrap_dim(d, self.dim()) for d in dim)
    if first == second:
        raise RuntimeError(f"linalg.matrix_norm: dims must be different. Got ({dim[0]}, {dim[1]})")
    return first, second


def _spectral(self: Any, dims: tuple[int, int], keepdim: bool, reduce: Any) -> Any:
    """`reduce` of the singular values over a pair of dimensions."""
    rank = self.dim()
    order = [*[d for d in range(rank) if d not in dims], *dims]
    checks.inexact(self, "linalg.matrix_norm", low=False)
    values = linalg_svdvals.kernel(self.permute(order))
    result = reduce(values, keepdim)
    if not keepdim:
        return result
    back = [order.index(d) for d in range(rank)]
    return result.unsqueeze(-1).permute(back)


@composite(
    "linalg_matrix_norm(Tensor self, Scalar ord, int[] dim=[-2, -1], bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    module="linalg",
)
def matrix_norm(
    self: Any, ord: float, dim: Sequence[int] = (-2, -1), keepdim: bool = False, dtype: Any = None
) -> Any:
    """Operator norms: 1 and inf (largest sums of columns, rows), 2 (largest singular value); negative: the smallest."""
    dims = _matrix_dims(self, dim)
    checks.inexact(self, "linalg.matrix_norm")
    size = abs(ord)
    if size not in (1, 2, math.inf):
        raise RuntimeError(f"linalg.matrix_norm: Order {ord:g} not supported.")
    extreme = "amax" if ord > 0 else "amin"
    if size == 2:
        if dtype is not None:
            self = self.to(dtype)
        return _spectral(self, dims, keepdim, lambda values, keep: _most(values, extreme, -1, keep))
    first, second = dims if size == 1 else dims[::-1]
    summed = linalg_vector_norm(self, 1, [first], keepdim, dtype)
    if not keepdim and first < second:
        second -= 1
    return _most(summed, extreme, second, keepdim)


def _most(sizes: Any, extreme: str, dim: int, keepdim: bool) -> Any:
    """The largest or smallest along a dimension; the largest of nothing is zero."""
    if extreme == "amax" and not sizes.shape[dim]:
        return sizes.detach().sum(dim, keepdim)
    return getattr(sizes, extreme)(dim, keepdim)


@composite(
    'linalg_matrix_norm.str_ord(Tensor self, str ord="fro", int[] dim=[-2, -1], bool keepdim=False, *, ScalarType? dtype=None) '
    "-> Tensor",
    module="linalg",
)
def matrix_norm_named(
    self: Any, ord: str = "fro", dim: Sequence[int] = (-2, -1), keepdim: bool = False, dtype: Any = None
) -> Any:
    """The Frobenius norm, or the nuclear one (the sum of singular values)."""
    dims = _matrix_dims(self, dim)
    checks.inexact(self, "linalg.matrix_norm")
    if ord not in ("fro", "nuc"):
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    if ord == "fro":
        return linalg_vector_norm(self, 2, list(dims), keepdim, dtype)
    if dtype is not None:
        self = self.to(dtype)
    return _spectral(self, dims, keepdim, lambda values, keep: values.sum(-1, keep))


@composite(
    "linalg_norm(Tensor self, Scalar? ord=None, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    module="linalg",
)
def linalg_norm(self: Any, ord: Any = None, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    """A vector norm over one dimension or all, a matrix norm over two."""
    if dim is not None and len(dim) not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got [{', '.join(map(str, dim))}]"
        )
    if ord is not None and dim is None and self.dim() not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {self.dim()}D."
        )
    if ord is not None and ((dim is not None and len(dim) == 2) or (dim is None and self.dim() == 2)):
        return matrix_norm.kernel(self, ord, dim if dim is not None else [0, 1], keepdim, dtype)
    return linalg_vector_norm(self, 2 if ord is None else ord, dim, keepdim, dtype)


@composite(
    "linalg_norm.ord_str(Tensor self, str ord, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    module="linalg",
)
def linalg_norm_named(self: Any, ord: str, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    """The Frobenius or nuclear norm."""
    if dim is not None and len(dim) not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got [{', '.join(map(str, dim))}]"
        )
    if dim is None and self.dim() not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {self.dim()}D."
        )
    return matrix_norm_named.kernel(self, ord, dim if dim is not None else [0, 1], keepdim, dtype)


def _cond_of_inverse(self: Any, norm: Any) -> Any:
    inverse, info = linalg_inv_ex(self, False)
    inverse = inverse.masked_fill((info > 0).unsqueeze(-1).unsqueeze(-1), math.inf)
    return (norm(self) * norm(inverse)).nan_to_num(math.inf, math.inf, -math.inf)


@composite("linalg_cond(Tensor self, Scalar? p=None) -> Tensor", module="linalg")
def linalg_cond(self: Any, p: Any = None) -> Any:
    """The condition number in the p-norm: by singular values for 2 and -2, else the norms of the matrix and its inverse."""
    if self.dim() < 2:
        raise RuntimeError("linalg.cond: The input tensor must have at least 2 dimensions.")
    if p is None or abs(p) == 2:
        values = linalg_svdvals.kernel(self)
        if not self.numel():
            return values.new_zeros(self.shape[:-2])
        largest, smallest = values.narrow(-1, 0, 1), values.narrow(-1, -1, 1)
        return (smallest / largest if p is not None and p < 0 else largest / smallest).squeeze(-1)
    checks.square(self, "linalg.cond")
    if not self.numel():
        return _nothing(self)
    return _cond_of_inverse(self, lambda matrices: matrix_norm.kernel(matrices, p))


def _nothing(self: Any) -> Any:
    return (self.abs() if self.is_complex() else self).new_zeros(self.shape[:-2])


@composite("linalg_cond.p_str(Tensor self, str p) -> Tensor", module="linalg")
def linalg_cond_named(self: Any, p: str) -> Any:
    """The condition number in the Frobenius or nuclear norm."""
    checks.square(self, "linalg.cond")
    if p not in ("fro", "nuc"):
        raise RuntimeError(f"linalg.cond got an invalid norm type: {p}")
    if not self.numel():
        return _nothing(self)
    if p == "nuc":
        checks.inexact(self, "linalg.svd")
        kernels.require_lapack("linalg_svd_cpu", self._array)
        inverse, info = linalg_inv_ex(self, False)
        checks.check_info(info, "linalg.inv", "inv")
        return matrix_norm_named.kernel(self, p) * matrix_norm_named.kernel(inverse, p)
    return _cond_of_inverse(self, lambda matrices: matrix_norm_named.kernel(matrices, p))


# Ranks and pseudo-inverses ---------------------------------------------------------------------------------------------


def _tolerances(A: Any, atol: Any, rtol: Any) -> tuple[np.ndarray, np.ndarray]:
    """Absolute and relative tolerance as arrays; by default eps max(M, N), unless an absolute one was given."""
    array = A._array if hasattr(A, "_array") else A
    default = float(np.finfo(array.dtype).eps) * max(array.shape[-2:])
    absolute = np.asarray(0.0 if atol is None else atol)
    if rtol is not None:
        return absolute, np.asarray(rtol)
    return absolute, np.where(absolute > 0, 0.0, default)


def _rank(self: Any, atol: Any, rtol: Any, hermitian: bool) -> Any:
    function = "torch.linalg.matrix_rank"
    checks.matrix(self, function, "input" if rtol is None else "self" if hermitian else "A")
    for name, tolerance in (("atol", atol), ("rtol", rtol)):
        if tolerance is not None and np.iscomplexobj(tolerance):
            raise RuntimeError(
                f"{function}: {name} tensor of complex type is not supported. Got {checks.dtype_name(tolerance)}"
            )
    if not self.numel():
        return self.new_zeros(self.shape[:-2], dtype=dtypes.int64)
    absolute, relative = _tolerances(self, atol, rtol)
    values = linalg_eigvalsh.kernel(self).abs() if hermitian else linalg_svdvals.kernel(self)
    array = values._array
    largest = array.max(-1)
    limit = np.maximum(absolute, relative * largest)
    count = np.asarray((array > limit[..., None]).sum(-1), np.int64)
    return wrap(count)


def _precision(text: str) -> Any:
    """The rule of ranks and pseudo-inverses whose relative tolerance is to be derived from the type."""
    return takes("float complex", text, when=lambda *args: args[2] is None)


def _values(tensor: Any) -> Any:
    return None if tensor is None else tensor._array


composite(
    "linalg_matrix_rank(Tensor self, float tol, bool hermitian=False) -> Tensor",
    lambda self, tol, hermitian=False: _rank(self, tol, 0.0, hermitian),
    module="linalg",
)
composite(
    "linalg_matrix_rank.atol_rtol_float(Tensor self, *, float? atol=None, float? rtol=None, bool hermitian=False) -> Tensor",
    lambda self, atol=None, rtol=None, hermitian=False: _rank(self, atol, rtol, hermitian),
    module="linalg",
    element_types=_precision(checks.KNOWN_PRECISION),
)
composite(
    "linalg_matrix_rank.atol_rtol_tensor(Tensor input, *, Tensor? atol=None, Tensor? rtol=None, bool hermitian=False) -> Tensor",
    lambda input, atol=None, rtol=None, hermitian=False: _rank(
        input, _values(atol), _values(rtol), hermitian
    ),
    module="linalg",
    element_types=_precision(checks.KNOWN_PRECISION),
)
composite(
    "linalg_matrix_rank.tol_tensor(Tensor input, Tensor tol, bool hermitian=False) -> Tensor",
    lambda input, tol, hermitian=False: _rank(input, _values(tol), 0.0, hermitian),
    module="linalg",
)


def _check_pinv(self: Any) -> None:
    """Matrices of types that LAPACK knows: a tensor's or an array's."""
    dtype = self.dtype if isinstance(self, np.ndarray) else self.dtype._numpy
    if self.ndim < 2 or dtype.kind not in "fc" or dtype.itemsize < 4:
        shape = ", ".join(map(str, self.shape))
        raise RuntimeError(
            f"linalg.pinv({checks.dtype_name(self)}{{[{shape}]}}): expected a tensor with 2 or more dimensions of float, double, cfloat or "
            "cdouble types"
        )


def _pinv(self: np.ndarray, atol: np.ndarray | None, rtol: np.ndarray | None, hermitian: bool) -> np.ndarray:
    """V S^+ U^H, singular values up to the tolerance left out."""
    _check_pinv(self)
    *batch, m, n = self.shape
    if not self.size:
        return np.empty((*batch, n, m), self.dtype)
    absolute, relative = _tolerances(self, atol, rtol)
    if hermitian:
        checks.square(self, "linalg.eigh")
        values, vectors = kernels.eigh(self)
        size = np.abs(values)
        limit = np.maximum(absolute, relative * size.max(-1))[..., None]
        inverse = np.where(size > limit, 1 / np.where(size > limit, values, 1), 0).astype(values.dtype)
        return kernels.row_major(np.matmul(vectors * inverse[..., None, :], kernels.adjoint(vectors)))
    U, S, Vh = kernels.svd(self, False, True)
    limit = np.maximum(absolute, relative * S[..., 0])[..., None]
    inverse = np.where(S > limit, 1 / np.where(S > limit, S, 1), 0).astype(S.dtype)
    return kernels.row_major(np.matmul(kernels.adjoint(Vh) * inverse[..., None, :], kernels.adjoint(U)))


def _float_tolerance(self: Any, value: float | None) -> Any:
    _check_pinv(self)
    return None if value is None else self.detach().abs().new_full((), value).double()


composite(
    "linalg_pinv(Tensor self, float rcond, bool hermitian=False) -> Tensor",
    lambda self, rcond, hermitian=False: pinv(self, None, _float_tolerance(self, rcond), hermitian),
    module="linalg",
)
composite(
    "linalg_pinv.atol_rtol_float(Tensor self, *, float? atol=None, float? rtol=None, bool hermitian=False) -> Tensor",
    lambda self, atol=None, rtol=None, hermitian=False: pinv(
        self, _float_tolerance(self, atol), _float_tolerance(self, rtol), hermitian
    ),
    module="linalg",
)
pinv = op(
    "linalg_pinv.atol_rtol_tensor(Tensor self, *, Tensor? atol=None, Tensor? rtol=None, bool hermitian=False) -> Tensor",
    _pinv,
    module="linalg",
    node="LinalgPinvBackward0",
)
pinv.vjp(self=lambda grad, self, result: pinv_cotangent(grad, result, self))
composite(
    "linalg_pinv.rcond_tensor(Tensor self, Tensor rcond, bool hermitian=False) -> Tensor",
    lambda self, rcond, hermitian=False: pinv(self, None, rcond, hermitian),
    module="linalg",
)
composite(
    "pinverse(Tensor self, float rcond=1.0000000000000001e-15) -> Tensor",
    lambda self, rcond=1e-15: pinv(self, None, _float_tolerance(self, rcond), False),
    out=False,
)


# Powers and exponentials -----------------------------------------------------------------------------------------------


@composite("linalg_matrix_power(Tensor self, int n) -> Tensor", module="linalg")
def linalg_matrix_power(self: Any, n: int) -> Any:
    """The n-th power of each matrix, by repeated squaring; of the inverse for negative n."""
    checks.square(self, "linalg.matrix_power")
    if n == 0:
        identity = find("eye")(self.shape[-1], dtype=self.dtype)
        return (
            self.clone(memory_format=None).copy_(identity.expand(self.shape))
            if self.dim() > 2
            else self.clone().copy_(identity)
        )
    if n == 1:
        return self.clone()
    base = linalg_inv.kernel(self) if n < 0 else self
    n = abs(n)
    if n == 1:
        return base
    if n == 2:
        return base.matmul(base)
    if n == 3:
        return base.matmul(base).matmul(base)
    power = result = None
    while n:
        power = base if power is None else power.matmul(power)
        if n % 2:
            result = power if result is None else result.matmul(power)
        n //= 2
    return result


composite("matrix_power(Tensor self, int n) -> Tensor", lambda self, n: linalg_matrix_power.kernel(self, n))


def _matrix_exp(self: np.ndarray) -> np.ndarray:
    checks.square(self, "linalg.matrix_exp")
    checks.inexact(self, "linalg.matrix_exp", low=True)
    return more.matrix_exp(self)


linalg_matrix_exp = op(
    "linalg_matrix_exp(Tensor self) -> Tensor", _matrix_exp, module="linalg", upcast=True, out=False
)


def _matrix_exp_vjp(grad: Any, self: Any) -> Any:
    """The upper right block of exp([[A^H, G], [0, A^H]])."""
    size = self.shape[-1]
    adjoint = mH(self)
    top = _cat([adjoint, grad], -1)
    bottom = _cat([adjoint.new_zeros(adjoint.shape), adjoint], -1)
    return linalg_matrix_exp(_cat([top, bottom], -2))[..., :size, size:]


linalg_matrix_exp.vjp(self=lambda grad, self: _matrix_exp_vjp(grad, self))
composite("matrix_exp(Tensor self) -> Tensor", lambda self: linalg_matrix_exp(self), out=False)


# Whole tensors ---------------------------------------------------------------------------------------------------------


@composite(
    "linalg_vander(Tensor x, *, SymInt? N=None) -> Tensor",
    module="linalg",
    out=False,
    element_types=takes(
        "int float complex",
        "linalg.vander supports floating point, complex, and integer tensors, but got {0}",
    ),
)
def linalg_vander(x: Any, N: int | None = None) -> Any:
    """(*, M) to (*, M, N): the powers 0 to N - 1 of every element."""
    count = N if N is not None else x.shape[-1] if x.dim() else 1
    if count <= 1:
        raise RuntimeError("N must be greater than 1.")
    if not x.dim():
        x = x.unsqueeze(0)
    if x.dtype._category in ("bool", "int"):
        x = x.to(find("sum").call(x).dtype)
    powers = x.unsqueeze(-1).expand(*x.shape, count - 1)
    ones = powers.new_ones((*x.shape, 1))
    return _cat([ones, powers.cumprod(-1)], -1)


@composite("linalg_tensorinv(Tensor self, int ind=2) -> Tensor", module="linalg")
def linalg_tensorinv(self: Any, ind: int = 2) -> Any:
    """The inverse of the tensor seen as a matrix: its first `ind` dimensions are the rows."""
    if ind <= 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', but got {ind}")
    first, last = list(self.shape[:ind]), list(self.shape[ind:])
    rows, columns = math.prod(first), math.prod(last)
    if rows != columns:
        raise RuntimeError(
            f"Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got {columns} != {rows}"
        )
    inverse, info = linalg_inv_ex(self.reshape(columns, rows), False)
    if info._array.any():
        raise kernels.LinAlgError("Failed to invert the input tensor, because it is singular.")
    return inverse.reshape([*last, *first])


@composite("linalg_tensorsolve(Tensor self, Tensor other, int[]? dims=None) -> Tensor", module="linalg")
def linalg_tensorsolve(self: Any, other: Any, dims: Sequence[int] | None = None) -> Any:
    """The X with tensordot(self, X, X.dim()) equal to other."""
    rank = self.dim()
    moved = self
    if dims is not None:
        moved = self.movedim(list(dims), list(range(rank - len(dims), rank)))
    shape = list(moved.shape[other.dim() :])
    result, given = math.prod(shape), math.prod(other.shape)
    if result != given:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), but got "
            f"{result} != {given}"
        )
    return linalg_solve.kernel(moved.reshape(result, given), other.flatten()).reshape(shape)


@composite(
    "linalg_diagonal(Tensor(a) A, *, int offset=0, int dim1=-2, int dim2=-1) -> Tensor(a)",
    module="linalg",
    out=False,
)
def linalg_diagonal(A: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """The diagonal of the last two dimensions."""
    return A.diagonal(offset, dim1, dim2)
