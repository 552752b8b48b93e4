"""Quantiles and finite differences, made of sorting, gathering and slicing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinytorch._core.declare import composite, find
from tinytorch._core.dispatch import wrap_dim, wrap_dims

_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantile(self: Any, q: Any, dim: int | None, keepdim: bool, interpolation: str, skip_nan: bool) -> Any:
    if not self.numel():
        raise RuntimeError("quantile() input tensor must be non-empty")
    if q.dim() > 1:
        raise RuntimeError("quantile() q must be a scalar or 1D tensor")
    if self.dtype._category != "float" or self.dtype._reduced:
        raise RuntimeError("quantile() input tensor must be either float or double dtype")
    if self.dtype is not q.dtype:
        raise RuntimeError("quantile() q tensor must be same dtype as the input tensor")
    if interpolation not in _INTERPOLATIONS:
        raise RuntimeError(
            f"quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}"
        )
    if not bool(((q._array >= 0) & (q._array <= 1)).all()):
        raise RuntimeError("quantile() q values must be in the range [0, 1]")
    rank = self.dim()
    axis = wrap_dim(dim, rank) if dim is not None else 0
    shape: list[int] = []
    if dim is not None and rank > 0:
        shape = list(self.shape)
        if keepdim:
            shape[axis] = 1
        else:
            del shape[axis]
    elif keepdim:
        shape = [1] * rank
    if dim is None:
        ordered = self.flatten().sort()[0]
    elif axis == rank - 1:
        ordered = self.sort()[0]
    else:
        ordered = self.unsqueeze(-1).transpose(axis, -1).sort()[0]
    single = q.dim() == 0
    count = ordered.shape[-1] if ordered.dim() else 1
    shape = [*shape, 1 if single else q.shape[0]]
    ordered = ordered.view([*shape[:-1], count])
    if skip_nan:
        ranks = q * (ordered.isnan().logical_not().sum(-1, keepdim=True) - 1)
        ranks = ranks.masked_fill(ranks < 0, 0)
    else:
        ranks = find("mul", "Scalar").call(q, count - 1)
        if list(ranks.shape) != shape:
            ranks = ranks.expand(shape)
        ranks = ranks.masked_fill(ordered.isnan().any(-1, True), count - 1)
    if interpolation == "lower":
        ranks = ranks.floor()
    elif interpolation == "higher":
        ranks = ranks.ceil()
    elif interpolation == "nearest":
        ranks = ranks.round()
    below = ranks.long()
    values = ordered.gather(-1, below)
    if interpolation in ("linear", "midpoint"):
        weights = ranks.new_full(ranks.shape, 0.5) if interpolation == "midpoint" else ranks - below
        above = ordered.gather(-1, ranks.ceil().long())
        values.lerp_(above, weights)
    if single:
        return values.squeeze_(-1)
    return values.unsqueeze_(0).transpose_(0, -1).squeeze_(-1)


def _number_quantile(
    self: Any, q: float, dim: int | None, keepdim: bool, interpolation: str, skip_nan: bool
) -> Any:
    if not 0 <= q <= 1:
        raise RuntimeError(f"quantile() q must be in the range [0, 1] but got {q:g}")
    return _quantile(self, self.new_full((), q).detach(), dim, keepdim, interpolation, skip_nan)


for _name, _skip in (("quantile", False), ("nanquantile", True)):
    _rest = 'int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor'
    composite(
        f"{_name}(Tensor self, Tensor q, {_rest}",
        lambda self, q, dim=None, keepdim=False, interpolation="linear", _skip=_skip: _quantile(
            self, q, dim, keepdim, interpolation, _skip
        ),
    )
    composite(
        f"{_name}.scalar(Tensor self, float q, {_rest}",
        lambda self, q, dim=None, keepdim=False, interpolation="linear", _skip=_skip: _number_quantile(
            self, q, dim, keepdim, interpolation, _skip
        ),
    )


# torch.gradient --------------------------------------------------------------------------------------------------------


def _part(tensor: Any, dim: int, start: int, end: int) -> Any:
    return find("slice", "Tensor").call(tensor, dim, start, end, 1)


def _over(tensor: Any, number: float) -> Any:
    return find("div", "Scalar").call(tensor, number)


def _even(self: Any, dim: int, step: Any, edge_order: int) -> Any:
    """Differences over points `step` apart."""
    size = self.shape[dim]
    if edge_order == 1:
        first = _part(self, dim, 1, 2) - _part(self, dim, 0, 1)
        last = _part(self, dim, size - 1, size) - _part(self, dim, size - 2, size - 1)
    else:
        times = find("mul", "Scalar").call
        first = (
            times(_part(self, dim, 0, 1), -1.5)
            + times(_part(self, dim, 1, 2), 2)
            - times(_part(self, dim, 2, 3), 0.5)
        )
        last = (
            times(_part(self, dim, size - 3, size - 2), 0.5)
            - times(_part(self, dim, size - 2, size - 1), 2)
            + times(_part(self, dim, size - 1, size), 1.5)
        )
    center = _over(_over(_part(self, dim, 2, size) - _part(self, dim, 0, size - 2), step), 2)
    return find("cat").call([_over(first, step), center, _over(last, step)], dim)


def _uneven(self: Any, dim: int, coordinates: Any, edge_order: int) -> Any:
    """Differences over points at the given coordinates."""
    size = self.shape[dim]
    steps = coordinates.diff().reshape([-1 if d == dim else 1 for d in range(self.dim())])
    before, after = _part(steps, dim, 0, size - 2), _part(steps, dim, 1, size - 1)
    left = -after / (before * (before + after))
    middle = (after - before) / (before * after)
    right = before / (after * (before + after))
    center = (
        left * _part(self, dim, 0, size - 2)
        + middle * _part(self, dim, 1, size - 1)
        + right * _part(self, dim, 2, size)
    )
    one, two = _part(steps, dim, 0, 1), _part(steps, dim, 1, 2)
    end, end2 = _part(steps, dim, size - 2, size - 1), _part(steps, dim, size - 3, size - 2)
    if edge_order == 1:
        first = (_part(self, dim, 1, 2) - _part(self, dim, 0, 1)) / one
        last = (_part(self, dim, size - 1, size) - _part(self, dim, size - 2, size - 1)) / end
    else:
        first = (
            -(2 * one + two) / (one * (one + two)) * _part(self, dim, 0, 1)
            + (one + two) / (one * two) * _part(self, dim, 1, 2)
            + -one / (two * (one + two)) * _part(self, dim, 2, 3)
        )
        last = (
            end / (end2 * (end2 + end)) * _part(self, dim, size - 3, size - 2)
            + -(end + end2) / (end2 * end) * _part(self, dim, size - 2, size - 1)
            + (2 * end + end2) / (end * (end2 + end)) * _part(self, dim, size - 1, size)
        )
    return find("cat").call([first, center, last], dim)


def gradient(input: Any, *, spacing: Any = None, dim: Any = None, edge_order: int = 1) -> Any:
    """Partial derivatives by finite differences: a tuple of tensors like the input, one per dimension."""
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    rank = input.dim()
    dims = list(range(rank)) if dim is None else [dim] if isinstance(dim, int) else list(dim)
    if isinstance(spacing, list | tuple) and dim is not None and len(spacing) != len(dims):
        raise RuntimeError(
            "torch.gradient expected spacing to be unspecified, a scalar or it's spacing and dim arguments to have the same length, "
            f"but got a spacing argument of length {len(spacing)} and a dim argument of length {len(dims)}."
        )
    dims = list(wrap_dims(dims, rank))
    for d in dims:
        if input.shape[d] < edge_order + 1:
            raise RuntimeError("torch.gradient expected each dimension size to be at least edge_order+1")
    if input.dtype._category in ("bool", "int") and input.dtype._name == "uint8":
        raise RuntimeError("torch.gradient does not support uint8 input.")
    spacings: Sequence[Any]
    if spacing is None or not isinstance(spacing, list | tuple):
        spacings = [1.0 if spacing is None else spacing] * len(dims)
    else:
        spacings = spacing
        if len(spacings) != len(dims):
            what = f"'self.dim() = {rank}', since dim argument was not given"
            raise RuntimeError(
                "torch.gradient expected spacing to be unspecified, a scalar, or a list of length equal to "
                f"{what}, but got a list of length {len(spacings)}"
            )
    results = []
    for d, step in zip(dims, spacings, strict=True):
        if hasattr(step, "dim") and step.dim():
            if step.dim() != 1 or step.shape[0] != input.shape[d]:
                raise RuntimeError(
                    "torch.gradient expected each element of spacing to have one dimension, but got an element with "
                    f"{step.dim()} dimensions!"
                )
            results.append(_uneven(input, d, step, edge_order))
        else:
            results.append(_even(input, d, step.item() if hasattr(step, "item") else step, edge_order))
    return tuple(results)


FUNCTIONS = {"gradient": gradient}
