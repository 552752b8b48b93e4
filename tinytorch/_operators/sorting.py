"""Operators that order elements, count them, search among them, or accumulate along a dimension."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinytorch._core.declare import composite, op
from tinytorch._core.element_types import alike, instances
from tinytorch._core.front import front_of
from tinytorch._core.tensor import Tensor
from tinytorch._core.warning import warn_once
from tinytorch._kernels import counting, running
from tinytorch._kernels import sorting as kernels
from tinytorch._operators._checks import drops_imaginary_parts

from .indexing import where


def _selected(grad: Any, self_shape: Any, dim: int, indices: Any, keepdim: bool = True) -> Any:
    """The cotangent of values picked along `dim`: each goes back to the place it was picked from."""
    if not keepdim and len(self_shape) > 0:
        grad, indices = grad.unsqueeze(dim), indices.unsqueeze(dim)
    return grad.new_zeros(self_shape).scatter(dim, indices, grad)


# Sorting and selecting -------------------------------------------------------------------------------------------------------


@op(
    "sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)",
    wrap=("dim",),
    memory="preserved",
)
def sort(self: Any, dim: int, descending: bool) -> Any:
    return kernels.sort(self, dim, descending, False)


sort.vjp(self=lambda grad_values, self_shape, dim, indices: _selected(grad_values, self_shape, dim, indices))


@op(
    "sort.stable(Tensor self, *, bool? stable, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)",
    wrap=("dim",),
    memory="preserved",
    node="SortBackward1",
)
def sort_stable(self: Any, stable: bool | None, dim: int, descending: bool) -> Any:
    return kernels.sort(self, dim, descending, bool(stable))


sort_stable.vjp(
    self=lambda grad_values, self_shape, dim, indices: _selected(grad_values, self_shape, dim, indices)
)


@composite("argsort(Tensor self, int dim=-1, bool descending=False) -> Tensor", out=False)
def argsort(self: Any, dim: int = -1, descending: bool = False) -> Any:
    return sort(self, dim, descending)[1]


@composite("argsort.stable(Tensor self, *, bool stable, int dim=-1, bool descending=False) -> Tensor")
def argsort_stable(self: Any, stable: bool, dim: int = -1, descending: bool = False) -> Any:
    return sort_stable(self, stable, dim, descending)[1]


@composite("msort(Tensor self) -> Tensor")
def msort(self: Any) -> Any:
    return sort(self, 0, False)[0]


topk = op(
    "topk(Tensor self, SymInt k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices)",
    kernels.topk,
    wrap=("dim",),
    memory="rows",
)
topk.vjp(self=lambda grad_values, self_shape, dim, indices: _selected(grad_values, self_shape, dim, indices))

kthvalue = op(
    "kthvalue(Tensor self, SymInt k, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)",
    kernels.kthvalue,
    wrap=("dim",),
    out_separate=True,
)
kthvalue.vjp(
    self=lambda grad_values, self_shape, dim, indices, keepdim: _selected(
        grad_values, self_shape, dim, indices, keepdim
    )
)

mode = op(
    "mode(Tensor self, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)",
    kernels.mode,
    wrap=("dim",),
)
mode.vjp(
    self=lambda grad_values, self_shape, dim, indices, keepdim: _selected(
        grad_values, self_shape, dim, indices, keepdim
    )
)


def _evenly(grad: Any, self: Any, result: Any) -> Any:
    """Every element equal to the result gets the same share."""
    mask = self.isnan() if bool(result.isnan()) else self == result
    return mask * (grad / mask.sum())


@op("median(Tensor self) -> Tensor", out=False)
def median(self: Any) -> Any:
    return kernels.median(self, False)


median.vjp(self=_evenly)


@op(
    "median.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
    wrap=("dim",),
    node="MedianBackward1",
)
def median_dim(self: Any, dim: int, keepdim: bool) -> Any:
    return kernels.median_dim(self, dim, keepdim, False)


median_dim.vjp(
    self=lambda grad_values, self_shape, dim, indices, keepdim: _selected(
        grad_values, self_shape, dim, indices, keepdim
    )
)


@op("nanmedian(Tensor self) -> Tensor", out=False)
def nanmedian(self: Any) -> Any:
    return kernels.median(self, True)


nanmedian.vjp(self=_evenly)


@op(
    "nanmedian.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
    wrap=("dim",),
    node="NanmedianBackward1",
)
def nanmedian_dim(self: Any, dim: int, keepdim: bool) -> Any:
    return kernels.median_dim(self, dim, keepdim, True)


nanmedian_dim.vjp(
    self=lambda grad_values, self_shape, dim, indices, keepdim: _selected(
        grad_values, self_shape, dim, indices, keepdim
    )
)

# Distinct values -------------------------------------------------------------------------------------------------------------


@op(
    "_unique(Tensor self, bool sorted=True, bool return_inverse=False) -> (Tensor, Tensor)",
    method=False,
    out=False,
)
def _unique(self: Any, sorted: bool, return_inverse: bool) -> Any:
    return kernels.unique(self, return_inverse, False)[:2]


@op(
    "_unique2(Tensor self, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> "
    "(Tensor, Tensor, Tensor)",
    method=False,
    out=False,
)
def unique2(self: Any, sorted: bool, return_inverse: bool, return_counts: bool) -> Any:
    return kernels.unique(self, return_inverse, return_counts)


@op(
    "unique_dim(Tensor self, int dim, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> "
    "(Tensor, Tensor, Tensor)",
    wrap=("dim",),
    method=False,
    function=False,
    out=False,
)
def unique_dim(self: Any, dim: int, sorted: bool, return_inverse: bool, return_counts: bool) -> Any:
    return kernels.unique_dim(self, dim, False)


@op(
    "unique_consecutive(Tensor self, bool return_inverse=False, bool return_counts=False, int? dim=None) -> "
    "(Tensor, Tensor, Tensor)",
    wrap=("dim",),
    method=False,
    function=False,
    out=False,
    element_types=instances(
        lambda self, return_inverse, return_counts, dim: "unique" if dim is None else "unique_dim",
        "bool int unsigned reduced float",
    ),
)
def unique_consecutive_triple(self: Any, return_inverse: bool, return_counts: bool, dim: int | None) -> Any:
    return kernels.unique_consecutive(self, return_inverse, return_counts, dim)


def _no_derivative(name: str) -> Any:
    def refuse(grad: Any) -> Any:
        raise NotImplementedError(f"the derivative for '{name}' is not implemented.")

    return refuse


_unique.vjp(self=_no_derivative("_unique"))
unique2.vjp(self=_no_derivative("_unique2"))
unique_dim.vjp(self=_no_derivative("unique_dim"))
unique_consecutive_triple.vjp(self=_no_derivative("unique_consecutive"))


def _asked(values: Any, inverse: Any, counts: Any, return_inverse: bool, return_counts: bool) -> Any:
    if return_inverse and return_counts:
        return values, inverse, counts
    if return_inverse:
        return values, inverse
    if return_counts:
        return values, counts
    return values


def unique(
    input: Any,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """torch.unique: the distinct elements, or slices along `dim`, with what else is asked for."""
    if (
        not isinstance(input, Tensor)
        or not isinstance(return_inverse, bool)
        or not isinstance(return_counts, bool)
    ):
        front = front_of("_unique2" if dim is None else "unique_dim", "function")
        return front.function(input, sorted, return_inverse, return_counts)  # type: ignore[union-attr]
    if dim is None:
        outputs = unique2(input, sorted, return_inverse, return_counts)
    else:
        outputs = unique_dim(input, dim, sorted, return_inverse, return_counts)
    return _asked(*outputs, return_inverse, return_counts)


def unique_consecutive(
    input: Any, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """torch.unique_consecutive: equal neighbours merged, with what else is asked for."""
    outputs = unique_consecutive_triple(input, return_inverse, return_counts, dim)
    return _asked(*outputs, return_inverse, return_counts)


def _unique_method(
    self: Any,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """Tensor.unique; see torch.unique."""
    return unique(self, sorted, return_inverse, return_counts, dim)


def _unique_consecutive_method(
    self: Any, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """Tensor.unique_consecutive; see torch.unique_consecutive."""
    return unique_consecutive(self, return_inverse, return_counts, dim)


# Searching and counting ------------------------------------------------------------------------------------------------------


def _advise_contiguous(boundaries: np.ndarray, values: np.ndarray | None, sorter: np.ndarray | None) -> None:
    for name, array in (("input value", values), ("boundary", boundaries), ("sorter", sorter)):
        if array is not None and not array.flags.c_contiguous:
            warn_once(
                f"torch.searchsorted(): {name} tensor is non-contiguous, this will lower the performance due to extra data copy when "
                f"converting non-contiguous tensor to contiguous, please use contiguous {name} tensor if possible. This message will "
                "only appear once per program."
            )


@op(
    "searchsorted.Tensor(Tensor sorted_sequence, Tensor self, *, bool out_int32=False, bool right=False, str? side=None, "
    "Tensor? sorter=None) -> Tensor",
    method=False,
    nondifferentiable=True,
)
def searchsorted(
    sorted_sequence: Any, self: Any, out_int32: bool, right: bool, side: str | None, sorter: Any
) -> Any:
    _advise_contiguous(sorted_sequence, self, sorter)
    return counting.searchsorted(sorted_sequence, self, out_int32, right, side, sorter)


@op(
    "searchsorted.Scalar(Tensor sorted_sequence, Scalar self, *, bool out_int32=False, bool right=False, str? side=None, "
    "Tensor? sorter=None) -> Tensor",
    method=False,
    nondifferentiable=True,
)
def searchsorted_scalar(
    sorted_sequence: Any, self: Any, out_int32: bool, right: bool, side: str | None, sorter: Any
) -> Any:
    _advise_contiguous(sorted_sequence, None, sorter)
    value = counting.number_beside(sorted_sequence, self)
    return counting.searchsorted(sorted_sequence, value, out_int32, right, side, sorter)


@op(
    "bucketize.Tensor(Tensor self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor",
    method=False,
    nondifferentiable=True,
)
def bucketize(self: Any, boundaries: Any, out_int32: bool, right: bool) -> Any:
    _advise_contiguous(boundaries, self, None)
    return counting.bucketize(self, boundaries, out_int32, right)


@op(
    "bucketize.Scalar(Scalar self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor",
    method=False,
    nondifferentiable=True,
    out=False,
)
def bucketize_scalar(self: Any, boundaries: Any, out_int32: bool, right: bool) -> Any:
    _advise_contiguous(boundaries, None, None)
    return counting.bucketize(counting.number_beside(boundaries, self), boundaries, out_int32, right)


@op(
    "isin.Tensor_Tensor(Tensor elements, Tensor test_elements, *, bool assume_unique=False, bool invert=False) -> Tensor",
    method=False,
    nondifferentiable=True,
)
def isin(elements: Any, test_elements: Any, assume_unique: bool, invert: bool) -> Any:
    return counting.isin(elements, test_elements, invert)


@op(
    "isin.Scalar_Tensor(Scalar element, Tensor test_elements, *, bool assume_unique=False, bool invert=False) -> Tensor",
    method=False,
    nondifferentiable=True,
)
def isin_scalar_tensor(element: Any, test_elements: Any, assume_unique: bool, invert: bool) -> Any:
    return counting.isin(counting.number_beside(test_elements, element), test_elements, invert)


@op(
    "isin.Tensor_Scalar(Tensor elements, Scalar test_element, *, bool assume_unique=False, bool invert=False) -> Tensor",
    method=False,
    nondifferentiable=True,
)
def isin_scalar(elements: Any, test_element: Any, assume_unique: bool, invert: bool) -> Any:
    return counting.isin(elements, counting.number_beside(elements, test_element), invert)


@op(
    "histc(Tensor self, int bins=100, Scalar min=0, Scalar max=0) -> Tensor",
    nondifferentiable=True,
    out_overlaps=True,
)
def histc(self: Any, bins: int, min: Any, max: Any) -> Any:
    return counting.histc(self, bins, float(min), float(max))


_WEIGHTS = alike(
    "self",
    "weight",
    "torch.histogramdd: if weight tensor is provided, input tensor and weight tensor should have the same dtype, but got input({0.c}), and "
    "weight({1.c})",
)


@op(
    "histogram.bin_ct(Tensor self, int bins=100, *, float[]? range=None, Tensor? weight=None, bool density=False) -> "
    "(Tensor hist, Tensor bin_edges)",
    nondifferentiable=True,
    element_types=(
        _WEIGHTS,
        instances("histogramdd", "float", when=lambda self, bins, range, *rest: range is None),
        instances("linspace_cpu", "int unsigned reduced float complex"),
        instances("histogram_cpu", "reduced float"),
    ),
)
def histogram_count(self: Any, bins: int, range: Any, weight: Any, density: bool) -> Any:
    edges = counting.histogram_edges(self, bins, range)
    return counting.histogram(self, edges, weight, density, True), edges


@op(
    "histogram.bins_tensor(Tensor self, Tensor bins, *, Tensor? weight=None, bool density=False) -> "
    "(Tensor hist, Tensor bin_edges)",
    nondifferentiable=True,
    element_types=(
        alike(
            "self",
            "bins",
            "torch.histogramdd: input tensor and bins tensors should have the same dtype, but got input with dtype {0.c} and bins for "
            "dimension 0 with dtype {1.c}",
        ),
        _WEIGHTS,
        instances("histogram_cpu", "reduced float"),
    ),
)
def histogram_edges(self: Any, bins: Any, weight: Any, density: bool) -> Any:
    counting.check_edges(bins)
    return counting.histogram(self, bins, weight, density, False), bins.copy()


bincount = op(
    "bincount(Tensor self, Tensor? weights=None, SymInt minlength=0) -> Tensor",
    counting.bincount,
    nondifferentiable=True,
    out=False,
)

# Running results ---------------------------------------------------------------------------------------------------------------


@op("cummax(Tensor self, int dim) -> (Tensor values, Tensor indices)", wrap=("dim",))
def cummax(self: Any, dim: int) -> Any:
    return running.running_extreme(self, dim, np.maximum, "cummax_cpu")


@op("cummin(Tensor self, int dim) -> (Tensor values, Tensor indices)", wrap=("dim",))
def cummin(self: Any, dim: int) -> Any:
    return running.running_extreme(self, dim, np.minimum, "cummin_cpu")


def _cumulative_extreme_backward(grad_values: Any, self: Any, indices: Any, dim: int) -> Any:
    if self.numel() == 0:
        return self
    return grad_values.new_zeros(self.shape).scatter_add(dim, indices, grad_values)


cummax.vjp(self=_cumulative_extreme_backward)
cummin.vjp(self=_cumulative_extreme_backward)


def _has_rows(self: Any, dim: int, dtype: Any) -> bool:
    return self.ndim > 0 and self.numel() > 0


@op(
    "cumsum(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor",
    wrap=("dim",),
    inplace=True,
    element_types=(
        instances("cumsum_out_cpu", "int reduced float complex", of="dtype", when=_has_rows),
        drops_imaginary_parts,
    ),
)
def cumsum(self: Any, dim: int, dtype: Any) -> Any:
    return running.running(self, dim, dtype, np.add)


def _reversed_sum(values: Any, dim: int) -> Any:
    """Sums of each element and all that follow it."""
    if values.numel() <= 1 or values.shape[dim] == 1:
        return values
    return values.flip(dim).cumsum(dim).flip(dim)


cumsum.vjp(self=lambda grad, self_dtype, dim: _reversed_sum(grad.to(self_dtype), dim))


@op(
    "cumprod(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor",
    wrap=("dim",),
    inplace=True,
    element_types=(
        instances("cumprod_out_cpu", "int reduced float complex", of="dtype", when=_has_rows),
        drops_imaginary_parts,
    ),
)
def cumprod(self: Any, dim: int, dtype: Any) -> Any:
    return running.running(self, dim, dtype, np.multiply)


def _cumprod_backward(grad: Any, self: Any, dim: int, result: Any) -> Any:
    grad = grad.to(self.dtype)
    if self.numel() <= 1 or self.shape[dim] == 1:
        return grad
    if not bool((self == 0).any()):
        return _reversed_sum(result.conj() * grad, dim) / self.conj()
    # Dividing by zero factors is impossible: build the products that leave one factor out, place by place.
    size = self.shape[dim]
    parts = []
    ones = self.new_full(self.narrow(dim, 0, 1).shape, 1)
    before = ones
    for place in range(size):
        without = ones
        if place + 1 < size:
            after = self.narrow(dim, place + 1, size - place - 1).cumprod(dim)
            without = _cat([ones, after], dim)
        products = before * without  # of all factors up to each later place but this one
        parts.append((grad.narrow(dim, place, size - place) * products.conj()).sum(dim, keepdim=True))
        before = before * self.narrow(dim, place, 1)
    return _cat(parts, dim)


def _cat(parts: list[Any], dim: int) -> Any:
    from .assembly import cat

    return cat(parts, dim)


cumprod.vjp(self=_cumprod_backward)

logcumsumexp = op("logcumsumexp(Tensor self, int dim) -> Tensor", running.logcumsumexp, wrap=("dim",))


def _reversed_logsumexp(values: Any, dim: int) -> Any:
    return values.flip(dim).logcumsumexp(dim).flip(dim)


def _logcumsumexp_backward(grad: Any, self: Any, result: Any, dim: int) -> Any:
    if self.ndim == 0 or self.numel() == 0:
        return grad
    if self.is_complex():
        return (_reversed_logsumexp(grad.conj().log() - result, dim) + self).exp().conj()
    # in the log domain, the positive and the negative part of the cotangent apart
    smallest = float(np.finfo(np.float64 if self.dtype.itemsize == 8 else np.float32).min)
    magnitude = grad.abs().log()
    positive = where(grad > 0, magnitude, smallest)
    negative = where(grad < 0, magnitude, smallest)
    up = (_reversed_logsumexp(positive - result, dim) + self).exp()
    down = (_reversed_logsumexp(negative - result, dim) + self).exp()
    return up - down


logcumsumexp.vjp(self=_logcumsumexp_backward)

#: Python functions of torch's own, not made from a schema.
FUNCTIONS = {"unique": unique, "unique_consecutive": unique_consecutive}
METHODS = {"unique": _unique_method, "unique_consecutive": _unique_consecutive_method}
