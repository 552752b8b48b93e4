"""Reductions: sums, products, extrema, moments, norms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinytorch._core.declare import composite, find, op, reduction
from tinytorch._core.dimensions import wrap_dim
from tinytorch._core.element_types import demands, instances, takes
from tinytorch._core.modes import modes
from tinytorch._core.warning import warn
from tinytorch._kernels import reducing as kernels
from tinytorch._kernels.scalar_types import scalar_type_name
from tinytorch._operators import _checks
from tinytorch._operators.adjoint import conj

Shape = tuple[int, ...]
Dims = Sequence[int] | int | None


def wrapped(dim: Dims, rank: int) -> tuple[int, ...]:
    """dim as sorted non-negative ints; None and an empty list stand for all."""
    if isinstance(dim, int):
        dim = (dim,)
    if not dim:
        return tuple(range(rank))
    return tuple(sorted(d % max(rank, 1) for d in dim)) if rank else ()


def restored(tensor: Any, dim: Dims, keepdim: bool, rank: int) -> Any:
    """A reduction's result with its reduced dimensions as size 1."""
    if keepdim or rank == 0:
        return tensor
    for d in wrapped(dim, rank):
        tensor = tensor.unsqueeze(d)
    return tensor


def _spread(grad: Any, shape: Shape, dim: Dims, keepdim: bool) -> Any:
    """The cotangent of a sum."""
    return restored(grad, dim, keepdim, len(shape)).expand(shape)


def _count(shape: Shape, dim: Dims) -> int:
    return math.prod(shape[d] for d in wrapped(dim, len(shape)))


# Sums ----------------------------------------------------------------------------------------------------------------

#: Sums and products of any type, but not in every type.
_SUMMED = (instances("sum_cpu", "bool int reduced float complex", of="dtype"), _checks.drops_imaginary_parts)
_MULTIPLIED = (
    instances("prod_out_cpu", "bool int reduced float complex", of="dtype"),
    _checks.drops_imaginary_parts,
)

sum_all = reduction(
    "sum(Tensor self, *, ScalarType? dtype=None) -> Tensor",
    lambda self, dtype: kernels.sum(self, None, False, dtype),
    element_types=_SUMMED,
    upcast=False,
    out=False,
)
sum_all.vjp(self=lambda grad, self_shape: grad.expand(self_shape))
sum_all.native(self=lambda grad, self_shape: kernels.expanded(grad, self_shape))

sum_dim = reduction(
    "sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    kernels.sum,
    element_types=_SUMMED,
    upcast=False,
    node="SumBackward1",
)
sum_dim.vjp(self=lambda grad, self_shape, dim, keepdim: _spread(grad, self_shape, dim, keepdim))


def _check_mean(*args: Any) -> None:
    self, dtype = args[0], args[-1]
    kind = dtype or self.dtype
    if not (kind.is_floating_point or kind.is_complex):
        raise RuntimeError(
            f"mean(): could not infer output dtype. {'Input' if dtype is None else 'Optional'} dtype must be either a floating point or "
            f"complex dtype. Got: {scalar_type_name(kind._numpy)}"
        )


_AVERAGED = (
    demands(_check_mean, "dtype is None and self._key._dtype._category in ('float', 'complex')"),
    _checks.drops_imaginary_parts,
)

mean_all = reduction(
    "mean(Tensor self, *, ScalarType? dtype=None) -> Tensor",
    lambda self, dtype: kernels.mean(self, None, False, dtype),
    upcast=False,
    element_types=_AVERAGED,
)
mean_all.vjp(self=lambda grad, self_shape: grad.expand(self_shape) / math.prod(self_shape))

mean_dim = reduction(
    "mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    kernels.mean,
    upcast=False,
    element_types=_AVERAGED,
    node="MeanBackward1",
)
mean_dim.vjp(
    self=lambda grad, self_shape, dim, keepdim: (
        _spread(grad, self_shape, dim, keepdim) / _count(self_shape, dim)
    )
)

nansum = reduction(
    "nansum(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    kernels.nansum,
    upcast=False,
)
nansum.vjp(
    self=lambda grad, self, dim, keepdim: _spread(grad, self.shape, dim, keepdim) * self.isnan().logical_not()
)


@composite("nanmean(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor")
def nanmean(self: Any, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    """The mean of what is not nan."""
    if not (self.dtype.is_floating_point or self.dtype.is_complex):
        name = scalar_type_name(self.dtype._numpy)
        raise RuntimeError(
            f"nanmean(): expected input to have floating point or complex dtype but got {name}"
        )
    if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
        raise RuntimeError(
            "nanmean(): could not infer output dtype. Optional dtype must be either a floating point or complex dtype. "
            f"Got: {scalar_type_name(dtype._numpy)}"
        )
    factor = self.detach().isnan().logical_not_().sum(dim, keepdim)
    return nansum(self, dim, keepdim, dtype) / factor


count_nonzero = op(
    "count_nonzero(Tensor self, int? dim=None) -> Tensor",
    lambda self, dim: kernels.count_nonzero(self, None if dim is None else (dim,)),
    memory="rows",
    wrap=("dim",),
    nondifferentiable=True,
    out=False,
)
count_nonzero_dims = reduction(
    "count_nonzero.dim_IntList(Tensor self, int[] dim) -> Tensor",
    kernels.count_nonzero,
    upcast=False,
    nondifferentiable=True,
    out=False,
)


# Products ------------------------------------------------------------------------------------------------------------


def _exclusive(grad: Any, self: Any, dim: int) -> Any:
    """The cotangent of a product where some factor is zero: each element gets the product of the others."""
    size = self.shape[dim]
    if size == 1:
        return grad
    ones_shape = list(self.shape)
    ones_shape[dim] = 1
    ones = grad.new_ones(ones_shape)
    before = _cat([ones, self.narrow(dim, 0, size - 1)], dim).cumprod(dim)
    after = _cat([ones, self.narrow(dim, 1, size - 1).flip([dim])], dim).cumprod(dim).flip([dim])
    return grad * conj(before * after)


def _cat(tensors: list[Any], dim: int) -> Any:
    from tinytorch._operators.assembly import cat

    return cat(tensors, dim)


def _prod_vjp(grad: Any, self: Any, result: Any) -> Any:
    if self.dim() == 0:
        return grad.clone()
    zeros = int((self == 0).sum()) if self.numel() else 0
    if (
        zeros > 1 and not modes.grad
    ):  # zero whatever the other factors are; its own derivatives depend on them
        return self.new_zeros(self.shape)
    if zeros:
        return _exclusive(grad, self.contiguous().view(-1), 0).view_as(self)
    return grad * conj(result / self)


def _prod_dim_vjp(grad: Any, self: Any, result: Any, dim: int, keepdim: bool) -> Any:
    if self.dim() == 0:
        return grad.clone()
    dim = dim % self.dim()
    if not keepdim:
        grad, result = grad.unsqueeze(dim), result.unsqueeze(dim)
    if self.numel() and bool((self == 0).any()):
        return _exclusive(grad, self, dim)
    return grad * conj(result / self)


prod_all = op(
    "prod(Tensor self, *, ScalarType? dtype=None) -> Tensor",
    kernels.prod_all,
    out=False,
    element_types=_MULTIPLIED,
)
prod_all.vjp(self=_prod_vjp)

prod_dim = op(
    "prod.dim_int(Tensor self, int dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    kernels.prod_dim,
    element_types=_MULTIPLIED,
    wrap=("dim",),
    memory="rows",
    node="ProdBackward1",
    out_overlaps=True,
)
prod_dim.vjp(self=_prod_dim_vjp)


# Extrema -------------------------------------------------------------------------------------------------------------


def _shared(grad: Any, self: Any, result: Any, dim: Dims, keepdim: bool) -> Any:
    """The cotangent of an extremum, split evenly among the elements that attain it."""
    rank = self.dim()
    mask = restored(result, dim, keepdim, rank) == self
    return restored(grad, dim, keepdim, rank) * mask / mask.sum(wrapped(dim, rank), True)


def _shared_by_all(grad: Any, self: Any, result: Any) -> Any:
    mask = self.isnan() if bool(result.isnan()) else self == result
    return mask * (grad / mask.sum())


def _has_elements(name: str) -> Any:
    """What torch asks of an extreme over nothing: a dimension, by the number that it was given by, with a size."""

    def check(self: Any, dim: Any, keepdim: bool) -> None:
        dims = (dim,) if isinstance(dim, int) else tuple(dim)
        if self.numel():
            return
        if not dims:
            raise RuntimeError(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument."
            )
        for place in dims:
            if self.shape[wrap_dim(place, self.ndim)] == 0:
                raise IndexError(f"{name}(): Expected reduction dim {place} to have non-zero size.")

    return demands(check, "self._array.size")


amax = reduction(
    "amax(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor",
    kernels.amax,
    element_types=_has_elements("amax"),
)
amax.vjp(self=lambda grad, self, result, dim, keepdim: _shared(grad, self, result, dim, keepdim))
amin = reduction(
    "amin(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor",
    kernels.amin,
    element_types=_has_elements("amin"),
)
amin.vjp(self=lambda grad, self, result, dim, keepdim: _shared(grad, self, result, dim, keepdim))


def _select_vjp(grad: Any, self_shape: Shape, dim: int, keepdim: bool, indices: Any) -> Any:
    """The cotangent handed to the chosen elements."""
    if not keepdim and self_shape:
        grad, indices = grad.unsqueeze(dim), indices.unsqueeze(dim)
    return grad.new_zeros(self_shape).scatter(dim, indices, grad)


def _extremum(name: str, whole: Any, along: Any) -> tuple[Any, Any, Any]:
    """The three overloads of max or min."""
    title = name.title()
    full = reduction(f"{name}(Tensor self) -> Tensor", whole, node=f"{title}Backward1")
    full.vjp(self=lambda grad, self, result: _shared_by_all(grad, self, result))
    chosen = op(
        f"{name}.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
        along,
        wrap=("dim",),
        node=f"{title}Backward0",
    )
    chosen.vjp(
        self=lambda grad_values, self_shape, dim, keepdim, indices: _select_vjp(
            grad_values, self_shape, dim, keepdim, indices
        )
    )

    def other(self: Any, other: Any) -> Any:
        return self.maximum(other) if name == "max" else self.minimum(other)

    other.__doc__ = f"Another name of {name}imum."
    return (
        full,
        chosen,
        composite(f"{name}.other(Tensor self, Tensor other) -> Tensor", other, out_writer=f"{name}imum"),
    )


max_all, max_dim, max_other = _extremum("max", kernels.max_all, kernels.max_dim)
min_all, min_dim, min_other = _extremum("min", kernels.min_all, kernels.min_dim)

_UNLIKE_COMPLEX = "bool int unsigned reduced float float8"
argmax = op(
    "argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor",
    kernels.argmax,
    wrap=("dim",),
    element_types=takes(_UNLIKE_COMPLEX, "argmax(): does not support complex input"),
    nondifferentiable=True,
    out_overlaps=True,
)
argmin = op(
    "argmin(Tensor self, int? dim=None, bool keepdim=False) -> Tensor",
    kernels.argmin,
    wrap=("dim",),
    element_types=takes(_UNLIKE_COMPLEX, "argmin(): does not support complex input"),
    nondifferentiable=True,
    out_overlaps=True,
)

aminmax = op(
    "aminmax(Tensor self, *, int? dim=None, bool keepdim=False) -> (Tensor min, Tensor max)",
    kernels.aminmax,
    wrap=("dim",),
    memory="rows",
    upcast=True,
)
aminmax.vjp(
    self=lambda grad_min, grad_max, self, min, max, dim, keepdim: (
        _shared(grad_min, self, min, dim, keepdim) + _shared(grad_max, self, max, dim, keepdim)
    )
)


# Truth ---------------------------------------------------------------------------------------------------------------


def _truth(name: str, kernel: Any) -> None:
    op(f"{name}(Tensor self) -> Tensor", lambda self: kernel(self, None, False), nondifferentiable=True)
    op(
        f"{name}.dim(Tensor self, int dim, bool keepdim=False) -> Tensor",
        lambda self, dim, keepdim: kernel(self, (dim,), keepdim),
        wrap=("dim",),
        nondifferentiable=True,
        memory="rows",
    )

    def several(self: np.ndarray, dim: Sequence[int] | None, keepdim: bool) -> np.ndarray:
        """Over several dimensions; an empty list reduces nothing."""
        from tinytorch._core.dispatch import wrap_dims

        return kernel(self, None if dim is None else wrap_dims(dim, self.ndim) if dim else (), keepdim)

    op(
        f"{name}.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor",
        several,
        nondifferentiable=True,
        memory="rows",
    )


_truth("all", kernels.all)
_truth("any", kernels.any)


# Moments -------------------------------------------------------------------------------------------------------------


def _inexact(name: str) -> Any:
    return takes("reduced float complex", f"{name} only support floating point and complex dtypes")


def _moments(name: str) -> Any:
    def kernel(self: np.ndarray, dim: Any, correction: Any, keepdim: bool) -> Any:
        degrees = 1 if correction is None else correction
        variance, mean, exhausted = kernels.moments(
            self, dim, degrees, keepdim, name if name.endswith("mean") else "std and var"
        )
        for _ in range(
            exhausted * (2 if self.dtype.kind == "c" else 1)
        ):  # real and imaginary parts, each by itself
            warn(
                f"{name}(): degrees of freedom is <= 0. Correction should be strictly less than the reduction factor "
                "(input numel divided by output numel)."
            )
        spread = np.sqrt(variance, out=...) if name.startswith("std") else variance
        return (spread, mean) if name.endswith("mean") else spread

    return kernel


_CORRECTION = "(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False)"
_PAIR = "(Tensor result0, Tensor result1)"


def _degrees(correction: Any) -> float:
    return 1 if correction is None else correction


def _var_vjp(grad: Any, self: Any, dim: Dims, correction: Any, keepdim: bool) -> Any:
    rank = self.dim()
    axes = wrapped(dim, rank)
    freedom = math.prod(self.shape[d] for d in axes) - _degrees(correction)
    centred = self - self.mean(axes, True) if rank else self - self
    grad = restored(grad, dim, keepdim, rank)
    if freedom <= 0:
        return grad * centred * (math.nan if freedom == 0 else math.inf)
    return (2.0 / freedom) * grad * centred


def _std_vjp(grad: Any, self: Any, result: Any, dim: Dims, correction: Any, keepdim: bool) -> Any:
    inner = (grad / (result * 2)).masked_fill(result == 0, 0)
    return _var_vjp(inner, self, dim, correction, keepdim)


var_correction = reduction(
    f"var.correction{_CORRECTION} -> Tensor", _moments("var"), element_types=_inexact("std and var")
)
var_correction.vjp(
    self=lambda grad, self, dim, correction, keepdim: _var_vjp(grad, self, dim, correction, keepdim)
)
std_correction = reduction(
    f"std.correction{_CORRECTION} -> Tensor", _moments("std"), element_types=_inexact("std and var")
)
std_correction.vjp(
    self=lambda grad, self, result, dim, correction, keepdim: _std_vjp(
        grad, self, result, dim, correction, keepdim
    )
)


def _mean_vjp(grad: Any, self: Any, dim: Dims, keepdim: bool) -> Any:
    return _spread(grad, self.shape, dim, keepdim) / _count(self.shape, dim)


var_mean_correction = reduction(
    f"var_mean.correction{_CORRECTION} -> (Tensor, Tensor)",
    _moments("var_mean"),
    method=False,
    out=False,
    element_types=_inexact("var_mean"),
)
var_mean_correction.vjp(
    self=lambda grad_result0, grad_result1, self, dim, correction, keepdim: (
        _var_vjp(grad_result0, self, dim, correction, keepdim) + _mean_vjp(grad_result1, self, dim, keepdim)
    )
)
std_mean_correction = reduction(
    f"std_mean.correction{_CORRECTION} -> (Tensor, Tensor)",
    _moments("std_mean"),
    method=False,
    out=False,
    element_types=_inexact("std_mean"),
)
std_mean_correction.vjp(
    self=lambda grad_result0, grad_result1, self, result0, dim, correction, keepdim: (
        _std_vjp(grad_result0, self, result0, dim, correction, keepdim)
        + _mean_vjp(grad_result1, self, dim, keepdim)
    )
)


def _unbiased_forms(name: str, declared: Any) -> None:
    """The older overloads, which say `unbiased` instead of a correction."""
    returns = "(Tensor, Tensor)" if name.endswith("mean") else "Tensor"
    method = not name.endswith("mean")

    def along(self: Any, dim: Any, unbiased: bool = True, keepdim: bool = False) -> Any:
        return declared(self, dim, 1 if unbiased else 0, keepdim)

    def whole(self: Any, unbiased: bool = True) -> Any:
        return declared(self, None, 1 if unbiased else 0, False)

    composite(
        f"{name}.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> {returns}",
        along,
        method=method,
        out=method,
        out_overlaps=True,
    )
    composite(f"{name}(Tensor self, bool unbiased=True) -> {returns}", whole, method=method, out=False)


for _name, _declared in (
    ("var", var_correction),
    ("std", std_correction),
    ("var_mean", var_mean_correction),
    ("std_mean", std_mean_correction),
):
    _unbiased_forms(_name, _declared)


@composite(
    "cov(Tensor self, *, int correction=1, Tensor? fweights=None, Tensor? aweights=None) -> Tensor", out=False
)
def cov(self: Any, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Any:
    """The covariance of rows (variables) over columns (observations)."""
    if self.dim() > 2:
        raise RuntimeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with {self.dim()} dimensions"
        )
    if self.dtype._category == "bool":
        raise RuntimeError("cov(): bool dtype is not supported for input")
    rows = self.view(1, -1) if self.dim() < 2 else self
    count = rows.shape[1]
    weights = None
    if fweights is not None:
        _check_weights("fweights", fweights, rows, integral=True)
        weights = fweights
    if aweights is not None:
        _check_weights("aweights", aweights, rows, integral=False)
        weights = aweights if weights is None else weights * aweights
    total: Any = count if weights is None else weights.sum()
    if weights is not None and count and not bool(total != 0):
        raise RuntimeError("cov(): weights sum to zero, can't be normalized")
    average = (rows if weights is None else rows * weights).sum(1) / total
    if correction == 0:
        norm: Any = total
    elif weights is None or aweights is None:
        norm = total - correction
    else:
        norm = total - find("mul", "Scalar").call((weights * aweights).sum(), correction) / total
    if not isinstance(norm, int | float):
        norm = norm.clamp(min=0) if not bool(norm > 0) else norm
    elif norm <= 0:
        norm = 0
    if (norm <= 0) if isinstance(norm, int | float) else not bool(norm > 0):
        warn(
            "cov(): degrees of freedom is <= 0. Correction should be strictly less than the number of observations."
        )
    centred = rows - average.unsqueeze(1)
    right = centred if weights is None else centred * weights
    products = centred.mm(conj(right.t()))
    if products.is_complex() and products.shape[0] == 1:  # a variance is real
        real = find("view_as_real").call(products).select(-1, 0)
        products = find("complex").call(real, real.detach().new_zeros(real.shape))
    return (products / norm).squeeze()


def _check_weights(name: str, weights: Any, rows: Any, integral: bool) -> None:
    if weights.dim() > 1:
        raise RuntimeError(
            f"cov(): expected {name} to have one or fewer dimensions but got {name} with {weights.dim()} dimensions"
        )
    if integral and weights.dtype._category != "int":
        kind = scalar_type_name(weights.dtype._numpy)
        raise RuntimeError(
            f"cov(): expected fweights to have integral dtype but got fweights with {kind} dtype"
        )
    if not integral and not weights.dtype.is_floating_point:
        kind = scalar_type_name(weights.dtype._numpy)
        raise RuntimeError(
            f"cov(): expected aweights to have floating point dtype but got aweights with {kind} dtype"
        )
    if weights.numel() != rows.shape[1]:
        raise RuntimeError(
            f"cov(): expected {name} to have the same numel as there are observations in the input but got "
            f"{weights.numel()} != {rows.shape[1]}"
        )
    if weights.numel() and bool((weights < 0).any()):
        raise RuntimeError(f"cov(): {name} cannot be negative")


@composite("corrcoef(Tensor self) -> Tensor", out=False)
def corrcoef(self: Any) -> Any:
    """The covariance scaled to a unit diagonal."""
    if self.dim() > 2:
        raise RuntimeError(
            f"corrcoef(): expected input to have two or fewer dimensions but got an input with {self.dim()} dimensions"
        )
    matrix = cov.kernel(self)
    if matrix.dim() == 0:
        return matrix / matrix
    diagonal = matrix.diagonal()
    deviation = (diagonal.real if diagonal.dtype.is_complex else diagonal).sqrt()
    scaled = matrix / deviation.view(-1, 1) / deviation.view(1, -1)
    if scaled.dtype.is_complex:
        from tinytorch._core.declare import find

        return find("complex")(scaled.real.clip(-1, 1), scaled.imag.clip(-1, 1))
    return scaled.clip(-1, 1)


@composite("sum_to_size(Tensor self, SymInt[] size) -> Tensor", function=False)
def sum_to_size(self: Any, size: Sequence[int]) -> Any:
    """Summed over what broadcasting size to self's shape would have expanded."""
    shape, size = tuple(self.shape), tuple(size)
    if not size:
        return sum_all(self, None)
    lead = len(shape) - len(size)
    if lead < 0 or any(b not in (1, a) for a, b in zip(shape[lead:], size, strict=True)):
        raise RuntimeError(f"size {{{list(size)}}} is not expandable to size {{{list(shape)}}}.")
    axes = [*range(lead), *[lead + i for i, n in enumerate(size) if n == 1 and shape[lead + i] != 1]]
    result = sum_dim(self, axes, True) if axes else self
    return result.view(size) if lead else result


def logsumexp_shift(grad: Any, self: Any, result: Any, dim: Dims, keepdim: bool) -> Any:
    """The cotangent of logsumexp: grad times the softmax."""
    rank = self.dim()
    return restored(grad, dim, keepdim, rank) * conj((self - restored(result, dim, keepdim, rank)).exp())
