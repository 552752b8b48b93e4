"""Resampling of images: nearest, linear and cubic in one to three dimensions; sampling on grids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinytorch._core.declare import composite, op
from tinytorch._core.element_types import alike, instances
from tinytorch._kernels import interpolation as kernels
from tinytorch._kernels.memory_order import keeps_channels_last

_SCALES = {
    1: ("scales",),
    2: ("scales_h", "scales_w"),
    3: ("scales_d", "scales_h", "scales_w"),
}


def _nearest(rank: int, exact: bool) -> Any:
    name = f"_upsample_nearest_exact{rank}d" if exact else f"upsample_nearest{rank}d"
    mode = "nearest-exact" if exact else "nearest"
    names = _SCALES[rank]
    optional = ", ".join(f"float? {n}=None" for n in names)
    node = "".join(part.title() for part in name.split("_")) + "Backward0"
    backward = op(
        f"{name}_backward(Tensor grad_output, SymInt[{rank}] output_size, SymInt[{rank + 2}] input_size, {optional}) "
        "-> Tensor",
        lambda grad_output, output_size, input_size, *scales: kernels.upsample_backward(
            mode, grad_output, input_size, False, scales
        ),
        module="nn",
    )
    forward = op(
        f"{name}(Tensor self, SymInt[{rank}] output_size, {optional}) -> Tensor",
        keeps_channels_last(
            lambda self, output_size, *scales: kernels.upsample(mode, self, output_size, False, scales)
        ),
        node=node,
        module="nn",
    )
    backward.vjp(grad_output=_formula(names, False, "forward", forward))
    forward.vjp(self=_formula(names, False, "backward", backward))
    _vector_form(name, rank, False, forward)
    return forward


def _formula(names: Sequence[str], aligned: bool, direction: str, target: Any) -> Any:
    """The derivative formula for a geometry of these names: formulas are matched by their parameters' names."""
    return _FORMULAS[len(names), aligned, direction](target)


#: By rank, whether corners may be aligned, and direction: the formula for a given operator.
_FORMULAS: dict[tuple[int, bool, str], Any] = {
    (1, False, "forward"): lambda run: lambda grad, output_size, scales: run(grad, output_size, scales),
    (2, False, "forward"): lambda run: (
        lambda grad, output_size, scales_h, scales_w: run(grad, output_size, scales_h, scales_w)
    ),
    (3, False, "forward"): lambda run: (
        lambda grad, output_size, scales_d, scales_h, scales_w: run(
            grad, output_size, scales_d, scales_h, scales_w
        )
    ),
    (1, False, "backward"): lambda run: (
        lambda grad, output_size, self_shape, scales: run(grad, output_size, list(self_shape), scales)
    ),
    (2, False, "backward"): lambda run: (
        lambda grad, output_size, self_shape, scales_h, scales_w: run(
            grad, output_size, list(self_shape), scales_h, scales_w
        )
    ),
    (3, False, "backward"): lambda run: (
        lambda grad, output_size, self_shape, scales_d, scales_h, scales_w: run(
            grad, output_size, list(self_shape), scales_d, scales_h, scales_w
        )
    ),
    (1, True, "forward"): lambda run: (
        lambda grad, output_size, align_corners, scales: run(grad, output_size, align_corners, scales)
    ),
    (2, True, "forward"): lambda run: (
        lambda grad, output_size, align_corners, scales_h, scales_w: run(
            grad, output_size, align_corners, scales_h, scales_w
        )
    ),
    (3, True, "forward"): lambda run: (
        lambda grad, output_size, align_corners, scales_d, scales_h, scales_w: run(
            grad, output_size, align_corners, scales_d, scales_h, scales_w
        )
    ),
    (1, True, "backward"): lambda run: (
        lambda grad, output_size, self_shape, align_corners, scales: run(
            grad, output_size, list(self_shape), align_corners, scales
        )
    ),
    (2, True, "backward"): lambda run: (
        lambda grad, output_size, self_shape, align_corners, scales_h, scales_w: run(
            grad, output_size, list(self_shape), align_corners, scales_h, scales_w
        )
    ),
    (3, True, "backward"): lambda run: (
        lambda grad, output_size, self_shape, align_corners, scales_d, scales_h, scales_w: run(
            grad, output_size, list(self_shape), align_corners, scales_d, scales_h, scales_w
        )
    ),
}


def _smooth(name: str, rank: int, mode: str) -> Any:
    names = _SCALES[rank]
    optional = ", ".join(f"float? {n}=None" for n in names)
    node = {
        "upsample_linear1d": "UpsampleLinear1D",
        "upsample_bilinear2d": "UpsampleBilinear2D",
        "upsample_bicubic2d": "UpsampleBicubic2D",
        "upsample_trilinear3d": "UpsampleTrilinear3D",
    }[name]
    backward = op(
        f"{name}_backward(Tensor grad_output, SymInt[{rank}] output_size, SymInt[{rank + 2}] input_size, "
        f"bool align_corners, {optional}) -> Tensor",
        lambda grad_output, output_size, input_size, align_corners, *scales: kernels.upsample_backward(
            mode, grad_output, input_size, align_corners, scales
        ),
        module="nn",
    )
    forward = op(
        f"{name}(Tensor self, SymInt[{rank}] output_size, bool align_corners, {optional}) -> Tensor",
        keeps_channels_last(
            lambda self, output_size, align_corners, *scales: kernels.upsample(
                mode, self, output_size, align_corners, scales
            )
        ),
        node=node + "Backward0",
        module="nn",
    )
    backward.vjp(grad_output=_formula(names, True, "forward", forward))
    forward.vjp(self=_formula(names, True, "backward", backward))
    _vector_form(name, rank, True, forward)
    return forward


def _output_size(shape: Sequence[int], output_size: Any, scale_factors: Any, rank: int) -> list[int]:
    if (output_size is None) == (scale_factors is None):
        which = "Must specify exactly one of output_size and scale_factors"
        raise RuntimeError(which)
    if output_size is not None:
        return list(output_size)
    return [int(float(n) * factor) for n, factor in zip(shape[-rank:], scale_factors, strict=True)]


def _vector_form(name: str, rank: int, aligned: bool, forward: Any) -> None:
    """The overload that takes either sizes or factors."""

    def plain(input: Any, output_size: Any, scale_factors: Any) -> Any:
        factors = [None] * rank if scale_factors is None else list(scale_factors)
        return forward(input, _output_size(input.shape, output_size, scale_factors, rank), *factors)

    def with_corners(input: Any, output_size: Any, align_corners: bool, scale_factors: Any) -> Any:
        factors = [None] * rank if scale_factors is None else list(scale_factors)
        size = _output_size(input.shape, output_size, scale_factors, rank)
        return forward(input, size, align_corners, *factors)

    middle = "bool align_corners, " if aligned else ""
    composite(
        f"{name}.vec(Tensor input, SymInt[]? output_size, {middle}float[]? scale_factors) -> Tensor",
        with_corners if aligned else plain,
        module="nn",
        out=False,
    )


for _rank in (1, 2, 3):
    _nearest(_rank, False)
    _nearest(_rank, True)
_smooth("upsample_linear1d", 1, "linear")
_smooth("upsample_bilinear2d", 2, "linear")
_smooth("upsample_trilinear3d", 3, "linear")
_smooth("upsample_bicubic2d", 2, "cubic")


# Grids ---------------------------------------------------------------------------------------------------------------


def _check_grid(input: Any, grid: Any, ranks: str = "4D or 5D") -> None:
    """An image or volume and a grid, as tensors or arrays, that belong together."""
    rank = input.ndim - 2
    if input.shape[0] != grid.shape[0]:
        raise RuntimeError(
            "grid_sampler(): expected grid and input to have same batch size, but got input with sizes "
            f"{list(input.shape)} and grid with sizes {list(grid.shape)}"
        )
    if grid.shape[-1] != rank:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {rank} in last dimension, but got grid with sizes "
            f"{list(grid.shape)}"
        )
    if input.ndim not in (4, 5) or input.ndim != grid.ndim:
        raise RuntimeError(
            f"grid_sampler(): expected {ranks} input and grid with same number of dimensions, but got input with sizes "
            f"{list(input.shape)} and grid with sizes {list(grid.shape)}"
        )


def _sampled(input: Any, grid: Any, *rest: Any) -> Any:
    _check_grid(input, grid, f"{input.ndim}D")
    return kernels.grid_sample(input, grid, *rest)


def _grid(rank: int) -> Any:
    name = f"grid_sampler_{rank}d"
    arguments = "Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners"
    backward = op(
        f"{name}_backward(Tensor grad_output, {arguments}, bool[2] output_mask) -> (Tensor, Tensor)",
        kernels.grid_sample_backward,
        method=False,
        function=False,
        out=False,
    )
    forward = op(
        f"{name}({arguments}) -> Tensor",
        _sampled,
        element_types=(
            instances(
                "grid_sampler_2d_cpu_kernel_impl" if rank == 2 else "grid_sampler3d_cpu", "reduced float"
            ),
            alike("input", "grid"),
        ),
        node=f"GridSampler{rank}DBackward0",
        method=False,
        out=False,
    )
    forward.vjp_all(
        lambda grad, input, grid, interpolation_mode, padding_mode, align_corners, needs: dict(
            zip(
                ("input", "grid"),
                backward(
                    grad,
                    input,
                    grid,
                    interpolation_mode,
                    padding_mode,
                    align_corners,
                    ["input" in needs, "grid" in needs],
                ),
                strict=True,
            )
        )
    )
    return forward


grid_sampler_2d, grid_sampler_3d = _grid(2), _grid(3)


@composite(
    "grid_sampler(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) -> Tensor",
    method=False,
    out=False,
)
def grid_sampler(
    input: Any, grid: Any, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Any:
    """Values of an image or volume at the places a grid names."""
    rank = input.dim() - 2
    _check_grid(input, grid)
    if rank == 3 and interpolation_mode == kernels.BICUBIC:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    run = grid_sampler_2d if rank == 2 else grid_sampler_3d
    return run(input, grid, interpolation_mode, padding_mode, align_corners)


def _base_grid(size: Sequence[int], align_corners: bool, kind: Any) -> Any:
    import numpy as np

    axes = []
    for n in size[2:]:
        line = np.linspace(-1, 1, n, dtype=kind) if n > 1 else np.zeros(1, kind)
        axes.append(line if align_corners or n == 1 else line * kind((n - 1) / n))
    grids = np.meshgrid(*axes, indexing="ij")
    ones = np.ones_like(grids[0])
    return np.stack([*reversed(grids), ones], -1).reshape(-1, len(axes) + 1)  # (places, rank + 1)


def _affine(theta: Any, size: Sequence[int], align_corners: bool) -> Any:
    import numpy as np

    from tinytorch._kernels.dtype_names import widen

    wide = widen(theta)
    base = _base_grid(size, align_corners, wide.dtype.type)
    result = np.matmul(base, wide.swapaxes(1, 2))
    return result.reshape(size[0], *size[2:], len(size) - 2).astype(theta.dtype, copy=False)


def _affine_backward(grad: Any, size: Sequence[int], align_corners: bool) -> Any:
    import numpy as np

    from tinytorch._kernels.dtype_names import widen

    wide = widen(grad)
    base = _base_grid(size, align_corners, wide.dtype.type)
    flat = wide.reshape(size[0], -1, len(size) - 2)
    return np.matmul(flat.swapaxes(1, 2), base).astype(grad.dtype, copy=False)


affine_grid_generator_backward = op(
    "affine_grid_generator_backward(Tensor grad, SymInt[] size, bool align_corners) -> Tensor",
    _affine_backward,
    method=False,
    function=False,
    out=False,
)
affine_grid_generator = op(
    "affine_grid_generator(Tensor theta, SymInt[] size, bool align_corners) -> Tensor",
    _affine,
    method=False,
    out=False,
)
affine_grid_generator.vjp(
    theta=lambda grad, size, align_corners: affine_grid_generator_backward(grad, size, align_corners)
)
affine_grid_generator_backward.vjp(
    grad=lambda grad, size, align_corners: affine_grid_generator(grad, size, align_corners)
)
