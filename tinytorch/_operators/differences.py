"""Differences and integrals of samples, and powers of points; composed of views and arithmetic."""

from __future__ import annotations

from typing import Any

from tinytorch._core.declare import composite, find
from tinytorch._core.dispatch import legacy_name
from tinytorch._kernels.indexing import wrap_dim

from .assembly import cat


def _slice(self: Any, dim: int, start: int | None, end: int | None) -> Any:
    return find("slice", "Tensor").call(self, dim, start, end, 1)


def _check_out(targets: list[Any], args: list[Any]) -> None:
    """Differences of order 0 are copied into a target of their own type only."""
    self, order = args[:2]
    if order == 0 and self.dim() and targets[0].dtype is not self.dtype:
        raise RuntimeError(
            f"expected scalar_type {legacy_name(self.dtype)} but found {legacy_name(targets[0].dtype)}"
        )


@composite(
    "diff(Tensor self, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None) -> Tensor",
    out_check=_check_out,
)
def diff(self: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Any:
    if self.ndim < 1:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    joined = prepend is not None or append is not None
    dim = wrap_dim(dim, self.ndim) if n or joined else 0
    for other in (prepend, append):
        if other is None:
            continue
        if other.ndim != self.ndim:
            raise RuntimeError("diff expects prepend or append to be the same dimension as input")
        for place in range(self.ndim):
            if place != dim and other.shape[place] != self.shape[place]:
                raise RuntimeError(
                    "diff expects the shape of tensor to prepend or append to match that of input except along the "
                    f"differencing dimension; input.size({place}) = {self.shape[place]}, but got tensor.size({place}) = "
                    f"{other.shape[place]}"
                )
    if n == 0:
        return find("copy").inplace(find("zeros_like").call(self), self)
    parts = [part for part in (prepend, self, append) if part is not None]
    values = cat(parts, dim) if len(parts) > 1 else self
    for _ in range(min(n, values.shape[dim])):
        length = values.shape[dim] - 1
        later, earlier = values.narrow(dim, 1, length), values.narrow(dim, 0, length)
        values = later ^ earlier if values.dtype._category == "bool" else later - earlier
    return values


def _spacing(name: str, y: Any, x: Any, dim: int) -> Any:
    """Differences of the sample points, shaped to be multiplied with samples of `y`."""
    if x.ndim == 1:
        if x.shape[0] != y.shape[dim]:
            raise RuntimeError(f"{name}: There must be one `x` value for each sample point")
        shape = [1] * y.ndim
        shape[dim] = x.shape[0]
        x = x.view(shape)
    elif x.ndim < y.ndim:
        x = x.view((1,) * (y.ndim - x.ndim) + tuple(x.shape))
    return _slice(x, dim, 1, None) - _slice(x, dim, 0, -1)


def _dim_of(y: Any, dim: int) -> int:
    if y.ndim == 0:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return wrap_dim(dim, y.ndim)


def _refuse_bool(name: str, y: Any, x: Any = None) -> None:
    if y.dtype._category == "bool" or (x is not None and x.dtype._category == "bool"):
        which = "`y`" if x is None else "`x` or `y`"
        raise RuntimeError(f"{name}: received a bool input for {which}, but bool is not supported")


def _scaled(values: Any, factor: float) -> Any:
    return find("mul", "Scalar").call(values, factor)


def _halved(values: Any) -> Any:
    return find("div", "Scalar").call(values, 2.0)


def _pairs(y: Any, dim: int) -> Any:
    return _slice(y, dim, 0, -1) + _slice(y, dim, 1, None)


@composite("trapezoid.x(Tensor y, Tensor x, *, int dim=-1) -> Tensor", out=False, method=False)
def trapezoid_x(y: Any, x: Any, dim: int = -1) -> Any:
    _refuse_bool("trapezoid", y, x)
    dim = _dim_of(y, dim)
    if y.shape[dim] == 0:
        return y.new_zeros([size for place, size in enumerate(y.shape) if place != dim])
    return _halved((_pairs(y, dim) * _spacing("trapezoid", y, x, dim)).sum(dim))


@composite("trapezoid.dx(Tensor y, *, Scalar dx=1, int dim=-1) -> Tensor", out=False, method=False)
def trapezoid(y: Any, dx: Any = 1, dim: int = -1) -> Any:
    _refuse_bool("trapezoid", y)
    dim = _dim_of(y, dim)
    if y.shape[dim] == 0:
        return y.new_zeros([size for place, size in enumerate(y.shape) if place != dim])
    ends = _scaled(y.select(dim, 0) + y.select(dim, -1), 0.5)
    return _scaled(y.sum(dim) - ends, float(dx))


@composite("trapz.x(Tensor y, Tensor x, *, int dim=-1) -> Tensor", out=False, method=False)
def trapz_x(y: Any, x: Any, dim: int = -1) -> Any:
    return trapezoid_x(y, x, dim)


@composite(
    "trapz.dx(Tensor y, *, float dx=1., int dim=-1) -> Tensor",
    out=False,
    method=False,
    python="trapz(Tensor y, *, float dx=1, int dim=-1) -> Tensor",
)
def trapz(y: Any, dx: float = 1.0, dim: int = -1) -> Any:
    return trapezoid(y, dx, dim)


@composite("cumulative_trapezoid.x(Tensor y, Tensor x, *, int dim=-1) -> Tensor", out=False, method=False)
def cumulative_trapezoid_x(y: Any, x: Any, dim: int = -1) -> Any:
    _refuse_bool("cumulative_trapezoid", y, x)
    dim = _dim_of(y, dim)
    return _halved((_pairs(y, dim) * _spacing("cumulative_trapezoid", y, x, dim)).cumsum(dim))


@composite("cumulative_trapezoid.dx(Tensor y, *, Scalar dx=1, int dim=-1) -> Tensor", out=False, method=False)
def cumulative_trapezoid(y: Any, dx: Any = 1, dim: int = -1) -> Any:
    _refuse_bool("cumulative_trapezoid", y)
    dim = _dim_of(y, dim)
    return _scaled(_pairs(y, dim), float(dx) / 2.0).cumsum(dim)


@composite("vander(Tensor x, int? N=None, bool increasing=False) -> Tensor", out=False, method=False)
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    if x.ndim != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    columns = x.shape[0] if N is None else N
    if columns < 0:
        raise RuntimeError("N must be non-negative.")
    if x.dtype._category in ("bool", "int"):
        x = x.long()
    powers = x.new_empty((x.shape[0], columns)).fill_(1)
    if columns > 1:
        rest = _slice(powers, 1, 1, None)
        rest.copy_(x.unsqueeze(-1))
        rest = _slice(powers, 1, 1, None)
        rest.copy_(rest.cumprod(1))
    return powers if increasing else powers.flip((1,))
