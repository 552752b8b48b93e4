"""Pooling with torch's Python signatures; the forms that may return indices choose by `return_indices`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .published import listed, ops, overridable

__all__ = [
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices",
    "adaptive_max_pool2d",
    "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d",
    "adaptive_max_pool3d_with_indices",
    "fractional_max_pool2d",
    "fractional_max_pool2d_with_indices",
    "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool2d_with_indices",
    "max_pool3d",
    "max_pool3d_with_indices",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
]


def _chooser(
    with_indices: Callable[..., Any], without: Callable[..., Any], name: str, position: int
) -> tuple[Any, Any]:
    """A function that answers with indices if its argument `return_indices` (also number `position`) is true.

    `__torch_function__` is told of whichever of the two it chooses, `without` under the public name.
    """
    without = overridable(without)
    without.__name__ = without.__qualname__ = name
    with_indices = overridable(with_indices)

    def function(*args: Any, **kwargs: Any) -> Any:
        wanted = kwargs.get("return_indices", args[position] if len(args) > position else False)
        return with_indices(*args, **kwargs) if wanted else without(*args, **kwargs)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = without.__doc__
    function.__module__ = without.__module__
    return function, with_indices


def _max_pool(rank: int) -> tuple[Any, Any]:
    def with_indices(
        input: Any,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:
        """The maximum of every window and where it stands."""
        run = getattr(ops, f"max_pool{rank}d_with_indices")
        return tuple(run(input, kernel_size, () if stride is None else stride, padding, dilation, ceil_mode))

    def without(
        input: Any,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:
        """The maximum of every window."""
        run = getattr(ops, f"max_pool{rank}d")
        return run(input, kernel_size, () if stride is None else stride, padding, dilation, ceil_mode)

    with_indices.__name__ = with_indices.__qualname__ = f"max_pool{rank}d_with_indices"
    without.__name__ = without.__qualname__ = f"_max_pool{rank}d"
    return _chooser(with_indices, without, f"max_pool{rank}d", 6)


max_pool1d, max_pool1d_with_indices = _max_pool(1)
max_pool2d, max_pool2d_with_indices = _max_pool(2)
max_pool3d, max_pool3d_with_indices = _max_pool(3)


def _output_list(output_size: Any, shape: Any) -> Any:
    """output_size with None replaced by the input's own sizes."""
    if isinstance(output_size, int):
        return output_size
    if len(shape) <= len(output_size):
        raise ValueError(f"Input dimension should be at least {len(output_size) + 1}")
    return [
        given if given is not None else own
        for given, own in zip(output_size, shape[-len(output_size) :], strict=False)
    ]


def _adaptive_max(rank: int) -> tuple[Any, Any]:
    def with_indices(input: Any, output_size: Any, return_indices: bool = False) -> Any:
        """The maximum of equal parts and where it stands."""
        sizes = output_size if rank == 1 else _output_list(output_size, input.size())
        return tuple(getattr(ops, f"adaptive_max_pool{rank}d")(input, sizes))

    def without(input: Any, output_size: Any, return_indices: bool = False) -> Any:
        """The maximum of equal parts."""
        return with_indices(input, output_size)[0]

    with_indices.__name__ = with_indices.__qualname__ = f"adaptive_max_pool{rank}d_with_indices"
    without.__name__ = without.__qualname__ = f"_adaptive_max_pool{rank}d"
    return _chooser(with_indices, without, f"adaptive_max_pool{rank}d", 2)


adaptive_max_pool1d, adaptive_max_pool1d_with_indices = _adaptive_max(1)
adaptive_max_pool2d, adaptive_max_pool2d_with_indices = _adaptive_max(2)
adaptive_max_pool3d, adaptive_max_pool3d_with_indices = _adaptive_max(3)


def adaptive_avg_pool2d(input: Any, output_size: Any) -> Any:
    """The mean of equal parts of images."""
    return ops.adaptive_avg_pool2d(input, _output_list(output_size, input.size()))


def adaptive_avg_pool3d(input: Any, output_size: Any) -> Any:
    """The mean of equal parts of volumes."""
    return ops.adaptive_avg_pool3d(input, _output_list(output_size, input.size()))


def _fractional(rank: int) -> tuple[Any, Any]:
    name = f"fractional_max_pool{rank}d"

    def with_indices(
        input: Any,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Any = None,
    ) -> Any:
        """Maxima over windows at pseudo-random places, and where they stand."""
        if output_size is None and output_ratio is None:
            raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
        if output_size is None:
            ratio = listed(output_ratio, rank)
            if len(ratio) > rank:
                raise ValueError(f"{name} requires output_ratio to either be a single Int or tuple of Ints.")
            output_size = [int(input.size(i - rank) * ratio[i]) for i in range(rank)]
        if _random_samples is None:
            batch = 1 if input.dim() == rank + 1 else input.size(0)
            channels = input.size(-rank - 1)
            _random_samples = ops.rand(batch, channels, rank, dtype=input.dtype)
        return tuple(getattr(ops, name)(input, kernel_size, output_size, _random_samples))

    def without(
        input: Any,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Any = None,
    ) -> Any:
        """Maxima over windows at pseudo-random places."""
        return with_indices(input, kernel_size, output_size, output_ratio, False, _random_samples)[0]

    with_indices.__name__ = with_indices.__qualname__ = f"{name}_with_indices"
    without.__name__ = without.__qualname__ = f"_{name}"
    return _chooser(with_indices, without, name, 4)


fractional_max_pool2d, fractional_max_pool2d_with_indices = _fractional(2)
fractional_max_pool3d, fractional_max_pool3d_with_indices = _fractional(3)


def _unpool_output_size(
    input: Any, kernel_size: list[int], stride: list[int], padding: list[int], output_size: Any
) -> list[int]:
    sizes = input.size()
    rank = len(kernel_size)
    default = [(sizes[-rank + d] - 1) * stride[d] + kernel_size[d] - 2 * padding[d] for d in range(rank)]
    if output_size is None:
        return default
    len(output_size)
    wanted = list(output_size)
    if len(wanted) == rank + 2:
        wanted = wanted[2:]
    if len(wanted) != rank:
        raise ValueError(
            f"output_size should be a sequence containing {rank} or {rank + 2} elements, but it has a length of "
            f"'{len(wanted)}'"
        )
    shown = type(output_size)(wanted) if isinstance(output_size, tuple) else wanted  # torch.Size or a tuple
    for d in range(rank):
        low, high = default[d] - stride[d], default[d] + stride[d]
        if not low < wanted[d] < high:
            raise ValueError(f'invalid output_size "{shown}" (dim {d} must be between {low} and {high})')
    return wanted


def _unpool(rank: int) -> Any:
    def max_unpool(
        input: Any,
        indices: Any,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        output_size: Any = None,
    ) -> Any:
        """Values put back where max pooling found them."""
        kernel = listed(kernel_size, rank)
        steps = kernel if stride is None else listed(stride, rank)
        pads = listed(padding, rank)
        sizes = _unpool_output_size(input, kernel, steps, pads, output_size)
        if rank == 1:
            sizes = [*sizes, 1]
            return ops.max_unpool2d(input.unsqueeze(-1), indices.unsqueeze(-1), sizes).squeeze(-1)
        if rank == 2:
            return ops.max_unpool2d(input, indices, sizes)
        return ops.max_unpool3d(input, indices, sizes, steps, pads)

    max_unpool.__name__ = max_unpool.__qualname__ = f"max_unpool{rank}d"
    return max_unpool


max_unpool1d, max_unpool2d, max_unpool3d = _unpool(1), _unpool(2), _unpool(3)


def _lp_pool(input: Any, norm_type: float, kernel_size: Any, stride: Any, ceil_mode: bool, rank: int) -> Any:
    kernel = listed(kernel_size, rank)
    average = getattr(ops, f"avg_pool{rank}d")
    steps = () if stride is None else stride
    out = average(input.pow(norm_type), kernel_size if rank == 1 else kernel, steps, 0, ceil_mode)
    count = 1
    for k in kernel:
        count *= k
    return (out.sign() * out.abs().relu()).mul(count).pow(1.0 / norm_type)


def lp_pool1d(
    input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Any:
    """The p-norm of every window."""
    return _lp_pool(input, norm_type, kernel_size, stride, ceil_mode, 1)


def lp_pool2d(
    input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Any:
    """The p-norm of every window."""
    return _lp_pool(input, norm_type, kernel_size, stride, ceil_mode, 2)


def lp_pool3d(
    input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Any:
    """The p-norm of every window."""
    return _lp_pool(input, norm_type, kernel_size, stride, ceil_mode, 3)
