"""Pooling: maxima with indices, averages, adaptive and fractional forms, and unpooling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tinytorch._core.declare import composite, op
from tinytorch._core.element_types import instances, refuse, takes
from tinytorch._core.modes import modes
from tinytorch._kernels import pooling as kernels
from tinytorch._kernels import windows
from tinytorch._kernels.memory_order import keeps_channels_last
from tinytorch._operators.adjoint import flat

Ints = Sequence[int]
_WORDS = {2: "two", 3: "three"}


def _full(name: str, argument: str, values: Any, rank: int, default: Ints | None = None) -> list[int]:
    """One number or rank of them."""
    if isinstance(values, int):
        return [values] * rank
    if not values and default is not None:
        return list(default)
    if len(values) == 1:
        return list(values) * rank
    if len(values) != rank:
        several = f"a tuple of {_WORDS[rank]} ints"
        if argument == "stride":
            raise RuntimeError(f"{name}: stride must either be omitted, a single int, or {several}")
        verb = "either be" if argument == "dilation" else "either be" if argument == "kernel_size" else "be"
        raise RuntimeError(f"{name}: {argument} must {verb} a single int, or {several}")
    return list(values)


# Maxima --------------------------------------------------------------------------------------------------------------


def _max_pool(rank: int) -> tuple[Any, Any]:
    name = f"max_pool{rank}d"
    geometry = f"int[{rank}] kernel_size, int[{rank}] stride, int[{rank}] padding, int[{rank}] dilation, bool ceil_mode"

    def lists(kernel_size: Any, stride: Any, padding: Any, dilation: Any) -> tuple[list[int], ...]:
        kernel = _full(name, "kernel_size", kernel_size, rank)
        return (
            kernel,
            _full(name, "stride", stride, rank, kernel),
            _full(name, "padding", padding, rank),
            _full(name, "dilation", dilation, rank),
        )

    def forward_kernel(
        self: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
    ) -> Any:
        return kernels.max_pool(name, self, *lists(kernel_size, stride, padding, dilation), ceil_mode)

    def backward_kernel(
        grad_output: Any,
        self: Any,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        ceil_mode: bool,
        indices: Any,
    ) -> Any:
        geometry = lists(kernel_size, stride, padding, dilation)
        return kernels.max_pool_backward(grad_output, self, *geometry, ceil_mode, indices)

    backward = op(
        f"{name}_with_indices_backward(Tensor grad_output, Tensor self, {geometry}, Tensor indices) -> Tensor",
        keeps_channels_last(backward_kernel, 1),
        module="nn",
        element_types=instances(f"{name}_backward", "reduced float"),
    )
    forward = op(
        f"{name}_with_indices(Tensor self, int[{rank}] kernel_size, int[{rank}] stride=[], int[{rank}] padding=0, "
        f"int[{rank}] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)",
        keeps_channels_last(forward_kernel),
        node=f"MaxPool{rank}DWithIndicesBackward0",
        module="nn",
    )
    backward.vjp(
        grad_output=lambda grad, indices: picked(grad, indices, rank),
        self=flat,
    )
    forward.vjp(
        self=lambda grad_result0, self, kernel_size, stride, padding, dilation, ceil_mode, result1: backward(
            grad_result0, self, kernel_size, stride, padding, dilation, ceil_mode, result1
        )
    )

    def pool(
        self: Any,
        kernel_size: Any,
        stride: Any = (),
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
    ) -> Any:
        return forward(self, kernel_size, stride, padding, dilation, ceil_mode)[0]

    pool.__doc__ = f"The maximum of every window over {rank} dimensions."
    composite(
        f"{name}(Tensor self, int[{rank}] kernel_size, int[{rank}] stride=[], int[{rank}] padding=0, "
        f"int[{rank}] dilation=1, bool ceil_mode=False) -> Tensor",
        pool,
        method=False,
        out=False,
    )
    return forward, backward


def picked(values: Any, indices: Any, rank: int) -> Any:
    """The values at flat spatial indices."""
    lead = list(values.shape[: values.dim() - rank])
    area, cells = math.prod(values.shape[len(lead) :]), math.prod(indices.shape[len(lead) :])
    flat = values.reshape([*lead, area]).gather(len(lead), indices.reshape([*lead, cells]))
    return flat.reshape(indices.shape)


max_pool2d_with_indices, max_pool2d_with_indices_backward = _max_pool(2)
max_pool3d_with_indices, max_pool3d_with_indices_backward = _max_pool(3)


def _first(values: Any, default: int | None = None) -> int:
    if isinstance(values, int):
        return values
    return values[0] if values else default  # type: ignore[return-value]


@composite(
    "max_pool1d_with_indices(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], "
    "int[1] dilation=[1], bool ceil_mode=False) -> (Tensor, Tensor)",
    method=False,
    out=False,
)
def max_pool1d_with_indices(
    self: Any,
    kernel_size: Any,
    stride: Any = (),
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Any:
    """max_pool1d and where each maximum stands."""
    _check_rank(self, "max_pool1d")
    k = _first(kernel_size)
    values, indices = max_pool2d_with_indices(
        self.unsqueeze(-2),
        [1, k],
        [1, _first(stride, k)],
        [0, _first(padding)],
        [1, _first(dilation)],
        ceil_mode,
    )
    return values.squeeze(-2), indices.squeeze(-2)


def _check_rank(self: Any, name: str) -> None:
    if self.dim() not in (2, 3):
        raise RuntimeError(
            f"Expected 2 to 3 dimensions, but got {self.dim()}-dimensional tensor for argument #1 'self' (while checking "
            f"arguments for {name})"
        )


@composite(
    "max_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], "
    "bool ceil_mode=False) -> Tensor",
    method=False,
    out=False,
)
def max_pool1d(
    self: Any,
    kernel_size: Any,
    stride: Any = (),
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Any:
    """The maximum of every window over one dimension."""
    if self.dim() not in (2, 3) or 0 in self.shape[-2:]:
        raise RuntimeError(
            "max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but got:"
            f"{list(self.shape)}"
        )
    k = _first(kernel_size)
    s, p, d = _first(stride, k), _first(padding), _first(dilation)
    if k <= 0:
        raise RuntimeError(f"max_pool1d() kernel_size must be greater than zero, but got {k}")
    if s <= 0:
        raise RuntimeError(f"max_pool1d() stride must be greater than zero, but got {s}")
    if p < 0:
        raise RuntimeError(f"max_pool1d() padding must be non-negative, but got {p}")
    if p > k // 2:
        raise RuntimeError(
            f"max_pool1d() padding should be at most half of kernel size, but got padding={p} and kernel_size={k}"
        )
    if d <= 0:
        raise RuntimeError(f"max_pool1d() dilation must be greater than zero, but got {d}")
    count = windows.output_size(self.shape[-1], k, s, p, d, ceil_mode)
    if count <= 0:
        raise RuntimeError(f"max_pool1d() Invalid computed output size: {count}")
    if not self.dtype.is_floating_point and not (self.requires_grad and modes.grad):
        refuse("max_pool1d_impl", self.dtype)
    return max_pool1d_with_indices.kernel(self, k, s, p, d, ceil_mode)[0]


# Averages ------------------------------------------------------------------------------------------------------------


def _avg_pool(rank: int) -> Any:
    name = f"avg_pool{rank}d"

    def lists(kernel_size: Any, stride: Any, padding: Any) -> tuple[list[int], ...]:
        kernel = _full(name, "kernel_size", kernel_size, rank)
        return kernel, _full(name, "stride", stride, rank, kernel), _full(name, "padding", padding, rank)

    def forward_kernel(
        self: Any,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        ceil_mode: bool,
        count_include_pad: bool,
        divisor_override: int | None,
    ) -> Any:
        geometry = lists(kernel_size, stride, padding)
        return kernels.avg_pool(name, self, *geometry, ceil_mode, count_include_pad, divisor_override)

    def backward_kernel(
        grad_output: Any,
        self: Any,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        ceil_mode: bool,
        count_include_pad: bool,
        divisor_override: int | None,
    ) -> Any:
        geometry = lists(kernel_size, stride, padding)
        return kernels.avg_pool_backward(
            grad_output, self, *geometry, ceil_mode, count_include_pad, divisor_override
        )

    backward = op(
        f"{name}_backward(Tensor grad_output, Tensor self, int[{rank}] kernel_size, int[{rank}] stride, "
        f"int[{rank}] padding, bool ceil_mode, bool count_include_pad, int? divisor_override) -> Tensor",
        keeps_channels_last(backward_kernel, 1),
        module="nn",
    )
    forward = op(
        f"{name}(Tensor self, int[{rank}] kernel_size, int[{rank}] stride=[], int[{rank}] padding=0, "
        "bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor",
        keeps_channels_last(forward_kernel),
        node=f"AvgPool{rank}DBackward0",
        element_types=instances(name, "int64 reduced float")
        if rank == 2
        else instances(f"{name}_out_frame", "int64 float"),
        module="nn",
    )
    backward.vjp(
        grad_output=lambda grad, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override: (
            forward(grad, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
        ),
        self=flat,
    )
    forward.vjp(
        self=lambda grad, self, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override: (
            backward(grad, self, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
        )
    )
    return forward


avg_pool2d, avg_pool3d = _avg_pool(2), _avg_pool(3)


@composite(
    "avg_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], bool ceil_mode=False, "
    "bool count_include_pad=True) -> Tensor",
    method=False,
    out=False,
)
def avg_pool1d(
    self: Any,
    kernel_size: Any,
    stride: Any = (),
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    """The mean of every window over one dimension."""
    _check_rank(self, "avg_pool1d")
    k = _first(kernel_size)
    geometry = ([1, k], [1, _first(stride, k)], [0, _first(padding)])
    return avg_pool2d(self.unsqueeze(-2), *geometry, ceil_mode, count_include_pad, None).squeeze(-2)


# Adaptive ------------------------------------------------------------------------------------------------------------


def _adaptive_avg(rank: int) -> Any:
    name = f"adaptive_avg_pool{rank}d"
    backward = op(
        f"_{name}_backward(Tensor grad_output, Tensor self) -> Tensor",
        lambda grad_output, self: kernels.adaptive_avg_pool_backward(grad_output, self, rank),
        method=False,
        out=False,
    )
    forward = op(
        f"_{name}(Tensor self, SymInt[{rank}] output_size) -> Tensor",
        keeps_channels_last(lambda self, output_size: kernels.adaptive_avg_pool(name, self, output_size)),
        node=f"AdaptiveAvgPool{rank}DBackward0",
        method=False,
        out=False,
    )
    backward.vjp(
        grad_output=lambda grad, grad_output_shape: forward(grad, list(grad_output_shape[-rank:])),
        self=flat,
    )
    forward.vjp(self=lambda grad, self: backward(grad, self))

    def pool(self: Any, output_size: Any) -> Any:
        sizes = [output_size] * rank if isinstance(output_size, int) else list(output_size)
        if len(sizes) != rank:
            raise RuntimeError(f"{name}: output_size must be {rank}")
        if min(sizes) < 0:
            shown = ", ".join(map(str, sizes[:2])) + "".join(f",{size}" for size in sizes[2:])
            raise RuntimeError(
                f"{name}: elements of output_size must be greater than or equal to 0 but received {{{shown}}}"
            )
        if all(size == 1 for size in sizes) and self.dim() in (rank + 1, rank + 2):
            # The mean over everything: the node torch makes.
            return self.mean(list(range(-rank, 0)), True)
        return forward(self, sizes)

    pool.__doc__ = f"The mean of equal parts over {rank} dimensions."
    composite(f"{name}(Tensor self, SymInt[{rank}] output_size) -> Tensor", pool, module="nn")
    return forward


adaptive_avg_pool2d, adaptive_avg_pool3d = _adaptive_avg(2), _adaptive_avg(3)


def _check_single(name: str, values: Any) -> None:
    if not isinstance(values, int) and len(values) != 1:
        raise RuntimeError(f"{name}() argument 'output_size' should contain one int (got {len(values)})")


def _public(name: str) -> Any:
    from tinytorch._core.declare import find

    return find(name).kernel


@composite("adaptive_avg_pool1d(Tensor self, int[1] output_size) -> Tensor", method=False, out=False)
def adaptive_avg_pool1d(self: Any, output_size: Any) -> Any:
    """The mean of equal parts over one dimension."""
    _check_rank(self, "adaptive_avg_pool1d")
    _check_single("adaptive_avg_pool1d", output_size)
    return _public("adaptive_avg_pool2d")(self.unsqueeze(-2), [1, _first(output_size)]).squeeze(-2)


def _adaptive_max(rank: int) -> Any:
    name = f"adaptive_max_pool{rank}d"
    backward = op(
        f"{name}_backward(Tensor grad_output, Tensor self, Tensor indices) -> Tensor",
        lambda grad_output, self, indices: kernels.scatter_values(grad_output, indices, self.shape, rank),
        module="nn",
    )
    forward = op(
        f"{name}(Tensor self, int[{rank}] output_size) -> (Tensor, Tensor)",
        keeps_channels_last(
            lambda self, output_size: kernels.adaptive_max_pool(name, self, output_size, rank)
        ),
        node=f"AdaptiveMaxPool{rank}DBackward0",
        module="nn",
    )
    backward.vjp(grad_output=lambda grad, indices: picked(grad, indices, rank), self=flat)
    forward.vjp(self=lambda grad_result0, self, result1: backward(grad_result0, self, result1))
    return forward


adaptive_max_pool2d, adaptive_max_pool3d = _adaptive_max(2), _adaptive_max(3)


@composite(
    "adaptive_max_pool1d(Tensor self, int[1] output_size) -> (Tensor, Tensor)", method=False, out=False
)
def adaptive_max_pool1d(self: Any, output_size: Any) -> Any:
    """The maximum of equal parts over one dimension, and its index."""
    _check_rank(self, "adaptive_max_pool1d")
    _check_single("adaptive_max_pool1d", output_size)
    values, indices = adaptive_max_pool2d(self.unsqueeze(-2), [1, _first(output_size)])
    return values.squeeze(-2), indices.squeeze(-2)


# Unpooling and fractional pooling ------------------------------------------------------------------------------------

max_unpool2d = op(
    "max_unpool2d(Tensor self, Tensor indices, SymInt[2] output_size) -> Tensor",
    keeps_channels_last(lambda self, indices, output_size: kernels.max_unpool(self, indices, output_size)),
    node="MaxUnpool2DBackward0",
    module="nn",
    element_types=(
        takes("int64", "elements in indices should be type int64 but got: {0}", of="indices"),
        instances("max_unpool2d", "reduced float"),
    ),
)
max_unpool2d.vjp(self=lambda grad, indices: picked(grad, indices, 2))
max_unpool3d = op(
    "max_unpool3d(Tensor self, Tensor indices, SymInt[3] output_size, int[3] stride, int[3] padding) -> Tensor",
    lambda self, indices, output_size, stride, padding: kernels.max_unpool(self, indices, output_size),
    node="MaxUnpool3DBackward0",
    module="nn",
    element_types=(
        takes("int64", "elements in indices should be type int64", of="indices"),
        instances("max_unpool3d", "reduced float"),
    ),
)
max_unpool3d.vjp(self=lambda grad, indices: picked(grad, indices, 3))


def _fractional(rank: int) -> Any:
    name = f"fractional_max_pool{rank}d"
    geometry = f"int[{rank}] kernel_size, int[{rank}] output_size"
    backward = op(
        f"{name}_backward(Tensor grad_output, Tensor self, {geometry}, Tensor indices) -> Tensor",
        lambda grad_output, self, kernel_size, output_size, indices: kernels.scatter_values(
            grad_output, indices, self.shape, rank
        ),
        module="nn",
    )
    forward = op(
        f"{name}(Tensor self, {geometry}, Tensor random_samples) -> (Tensor, Tensor)",
        kernels.fractional_max_pool,
        node=f"FractionalMaxPool{rank}DBackward0",
        element_types=instances(f"{name}_out_frame", "reduced float"),
        module="nn",
    )
    backward.vjp(grad_output=lambda grad, indices: picked(grad, indices, rank), self=flat)
    forward.vjp(
        self=lambda grad_result0, self, kernel_size, output_size, result1: backward(
            grad_result0, self, kernel_size, output_size, result1
        )
    )
    return forward


fractional_max_pool2d, fractional_max_pool3d = _fractional(2), _fractional(3)
