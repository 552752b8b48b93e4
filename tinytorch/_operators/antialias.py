"""Antialiased resampling of images: `interpolate(antialias=True)`."""

from __future__ import annotations

from typing import Any

from .._core.declare import op
from .._core.layout import row_major
from .._kernels import antialias as kernels
from .interpolate import _FORMULAS, _vector_form, keeps_channels_last


def _declare(mode: str, node: str) -> None:
    name = f"_upsample_{mode}2d_aa"
    options = "bool align_corners, float? scales_h=None, float? scales_w=None"
    backward = op(
        f"{name}_backward(Tensor grad_output, SymInt[2] output_size, SymInt[4] input_size, {options}) -> Tensor",
        lambda grad_output, output_size, input_size, align_corners, *scales: kernels.upsample_backward(
            mode, grad_output, input_size, align_corners, scales
        ),
        module="nn",
    )

    def resampled(self: Any, output_size: Any, align_corners: bool, *scales: Any) -> Any:
        return row_major(kernels.upsample(mode, self, output_size, align_corners, scales))

    forward = op(
        f"{name}(Tensor self, SymInt[2] output_size, {options}) -> Tensor",
        keeps_channels_last(resampled),
        node=f"{node}Backward0",
        module="nn",
    )
    backward.vjp(grad_output=_FORMULAS[2, True, "forward"](forward))
    forward.vjp(self=_FORMULAS[2, True, "backward"](backward))
    _vector_form(name, 2, True, forward)


_declare("bilinear", "UpsampleBilinear2DAa")
_declare("bicubic", "UpsampleBicubic2DAa")
_declare("lanczos", "UpsampleLanczos2DAa")
