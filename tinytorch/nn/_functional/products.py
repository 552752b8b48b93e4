"""Matrix products of groups, and of 8-bit matrices with scales."""

from __future__ import annotations

from enum import Enum
from typing import Any

import tinytorch as torch

from .published import ops

__all__ = ["ScalingType", "SwizzleType", "grouped_mm", "scaled_grouped_mm", "scaled_mm"]


class _ScalingType(Enum):
    """What one scale is for: the whole matrix, a row, or a block."""

    TensorWise = 0
    RowWise = 1
    BlockWise1x16 = 2
    BlockWise1x32 = 3
    BlockWise1x128 = 4
    BlockWise128x128 = 5


class _SwizzleType(Enum):
    """In which order the scales lie."""

    NO_SWIZZLE = 0
    SWIZZLE_32_4_4 = 1


ScalingType, SwizzleType = _ScalingType, _SwizzleType
for _kind in (_ScalingType, _SwizzleType):
    _kind.__module__ = "tinytorch.nn.functional"


def grouped_mm(mat_a: Any, mat_b: Any, *, offs: Any = None, bias: Any = None, out_dtype: Any = None) -> Any:
    """The products of groups of matrices; offs, int32 (G,), says where each group ends along the dimension that is shared.

    (M, K) by (G, K, N) gives (M, N), (G, M, K) by (K, N) gives (M, N), (M, K) by (K, N) gives (G, M, N), and without offs (G, M, K) by
    (G, K, N) gives (G, M, N). float32, bfloat16 and float16. Raises RuntimeError for operands that do not fit. Source: torch's
    documentation, torch.nn.functional.grouped_mm.
    """
    return ops._grouped_mm(mat_a, mat_b, offs=offs, bias=bias, out_dtype=out_dtype)


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _check_scale(name: str, scale: Any, recipe: ScalingType, shape: list[int]) -> None:
    """Raises ValueError for a scale that is not what its recipe says."""
    if recipe is ScalingType.TensorWise:
        if scale.numel() != 1 or scale.dtype is not torch.float32:
            raise ValueError(f"{name} must have 1 Float element")
    elif [scale.size(0), scale.size(1)] != shape:
        raise ValueError(f"{name} must have shape {shape}, got [{list(scale.shape)}]")


def scaled_mm(
    mat_a: Any,
    mat_b: Any,
    scale_a: Any,
    scale_recipe_a: Any,
    scale_b: Any,
    scale_recipe_b: Any,
    swizzle_a: Any = None,
    swizzle_b: Any = None,
    bias: Any = None,
    output_dtype: Any = torch.bfloat16,
    contraction_dim: Any = (),
    use_fast_accum: bool = False,
) -> Any:
    """mat_a (M, K) times its scale by mat_b (K, N) times its scale, with bias (N,), in `output_dtype`; the matrices are float8.

    A scale is for a whole matrix, or has a number for each row of mat_a, (M, 1), and each column of mat_b, (1, N). Raises ValueError for
    others. Source: torch's documentation, torch.nn.functional.scaled_mm.
    """
    recipes = [recipe.value for recipe in (*_listed(scale_recipe_a), *_listed(scale_recipe_b))]
    first, second = _listed(scale_a)[0], _listed(scale_b)[0]
    kind = ScalingType(recipes[0])
    if len(recipes) == 2 and recipes[0] == recipes[1] and recipes[0] < 2 and "float8" in str(mat_a.dtype):
        _check_scale("scale_a", first, kind, [mat_a.size(0), 1])
        _check_scale("scale_b", second, kind, [1, mat_b.size(1)])
        return ops._scaled_mm(mat_a, mat_b, first, second, bias, None, output_dtype, use_fast_accum)
    # Scales of no valid shape, for the text of the error.
    return ops._scaled_mm(
        mat_a, mat_b, first, second.double() if second.numel() == 1 else second.flatten(), bias
    )


def scaled_grouped_mm(
    mat_a: Any,
    mat_b: Any,
    scale_a: Any,
    scale_recipe_a: Any,
    scale_b: Any,
    scale_recipe_b: Any,
    swizzle_a: Any = None,
    swizzle_b: Any = None,
    bias: Any = None,
    offs: Any = None,
    output_dtype: Any = torch.bfloat16,
    contraction_dim: Any = (),
    use_fast_accum: bool = False,
) -> Any:
    """Raises NotImplementedError: as in torch, it is there for accelerators only."""
    raise NotImplementedError(
        "Could not run 'aten::_scaled_grouped_mm_v2' with arguments from the 'CPU' backend."
    )
