"""Sliding blocks as columns, and back."""

from __future__ import annotations

from typing import Any

from tinytorch._core.declare import op
from tinytorch._core.element_types import instances
from tinytorch._kernels import windows as kernels

_GEOMETRY = "int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride"

im2col = op(
    f"im2col(Tensor self, {_GEOMETRY}) -> Tensor",
    kernels.im2col,
    node="Im2ColBackward0",
    module="nn",
    element_types=instances("im2col_out_cpu", "bool reduced float complex"),
)
col2im = op(
    f"col2im(Tensor self, SymInt[2] output_size, {_GEOMETRY}) -> Tensor",
    kernels.col2im,
    node="Col2ImBackward0",
    module="nn",
    element_types=instances("col2im_out_cpu", "bool reduced float complex"),
)


def _image_size(shape: Any) -> list[int]:
    return list(shape[-2:])


im2col.vjp(
    self=lambda grad, self_shape, kernel_size, dilation, padding, stride: col2im(
        grad, _image_size(self_shape), kernel_size, dilation, padding, stride
    )
)
col2im.vjp(
    self=lambda grad, kernel_size, dilation, padding, stride: im2col(
        grad, kernel_size, dilation, padding, stride
    )
)
