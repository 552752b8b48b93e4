"""Matrix products of groups that lie behind one another, and of 8-bit matrices with scales."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinytorch._core.declare import op
from tinytorch._kernels import grouped as kernels
from tinytorch._kernels.scalar_types import c_type_name, scalar_type_name, shape_text

_GROUPED = ("float32", "bfloat16", "float16")


def _check_layout(array: np.ndarray) -> None:
    """Rows or columns without gaps, each beginning on a border of 16 bytes."""
    if array.size == 0:
        return
    size = array.itemsize
    strides = [stride // size for stride in array.strides]
    if strides[-1] == 1 and strides[-2] >= max(1, array.shape[-1]):
        outer = strides[-2]
    elif strides[-2] == 1 and strides[-1] >= max(1, array.shape[-2]):
        outer = strides[-1]
    else:
        raise RuntimeError(
            f"Invalid strides/sizes, got {shape_text(strides)} for strides and {shape_text(array.shape)} for sizes"
        )
    if outer * size % 16:
        raise RuntimeError("strides should be multiple of 16 bytes")


def _check_groups(
    left: np.ndarray, right: np.ndarray, offs: np.ndarray | None, bias: Any, out_dtype: Any
) -> None:
    """Raises RuntimeError for operands that do not fit."""
    for name, array in (("mat_a", left), ("mat_b", right)):
        if array.dtype.name not in _GROUPED:
            raise RuntimeError(
                f"Expected {name} to be Float32, BFloat16 or Float16 matrix, got {scalar_type_name(array.dtype)}"
            )
    for name, array in (("mat_a", left), ("mat_b", right)):
        if array.ndim not in (2, 3):
            raise RuntimeError(f"{name} has to be 2 or 3d")
    if (left.ndim == 3 or right.ndim == 3) and left.shape[-1] != right.shape[-2]:
        raise RuntimeError("contraction dimension of mat_a and mat_b must match")
    _check_layout(left)
    _check_layout(right)
    if (offs is not None) != (left.ndim == 2 or right.ndim == 2):
        raise RuntimeError(
            "Have to provide offsets if there is a 2d matrix, or no offset if both matrices are 3d"
        )
    if offs is not None:
        if offs.ndim != 1:
            raise RuntimeError("offs has to be 1D")
        if offs.dtype != np.int32:
            raise RuntimeError("Offsets have to be int32")
    if bias is not None:
        raise RuntimeError("Bias not supported yet")
    if out_dtype is not None and out_dtype != left.dtype:
        raise RuntimeError("Grouped gemm output dtype must match `mat_a` dtype")
    if left.dtype != right.dtype:
        raise RuntimeError(
            f"expected m1 and m2 to have the same dtype, but got: {c_type_name(left.dtype)} != {c_type_name(right.dtype)}"
        )
    if left.ndim == right.ndim == 3 and left.shape[0] != right.shape[0]:
        raise RuntimeError("batched dimension has to match")
    if offs is not None and left.ndim != right.ndim:
        groups = right.shape[0] if left.ndim == 2 else left.shape[0]
        if groups != offs.shape[0]:
            raise RuntimeError("matrix batch sizes have to match")
    if left.ndim == right.ndim == 2 and left.shape[1] != right.shape[0]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({left.shape[0]}x{left.shape[1]} and {right.shape[0]}x{right.shape[1]})"
        )


def _grouped_kernel(
    left: np.ndarray, right: np.ndarray, offs: np.ndarray | None, bias: Any, out_dtype: Any
) -> np.ndarray:
    _check_groups(left, right, offs, bias, out_dtype)
    product = kernels.grouped_mm(left, right, offs)
    step = 16 // product.itemsize
    width = -(-product.shape[-1] // step) * step
    if width == product.shape[-1]:
        return product
    padded = np.zeros((*product.shape[:-1], width), product.dtype)  # rows begin on borders of 16 bytes
    padded[..., : product.shape[-1]] = product
    return padded[..., : product.shape[-1]]


grouped_mm = op(
    "_grouped_mm(Tensor self, Tensor mat2, Tensor? offs=None, Tensor? bias=None, ScalarType? out_dtype=None) -> Tensor",
    _grouped_kernel,
    method=False,
    out=False,
)


def _by_columns(tensor: Any) -> bool:
    strides = tensor.stride()
    return strides[-2] == 1 and strides[-1] == tensor.shape[-2]


def _toward_left(grad: Any, self: Any, mat2: Any, offs: Any) -> Any:
    if _by_columns(self):
        return grouped_mm(mat2, grad.mT, offs, None, None).mT
    return grouped_mm(grad, mat2.mT, offs, None, None)


def _toward_right(grad: Any, self: Any, mat2: Any, offs: Any) -> Any:
    if _by_columns(mat2):
        return grouped_mm(grad.mT, self, offs, None, None).mT
    return grouped_mm(self.mT, grad, offs, None, None)


grouped_mm.vjp(
    self=lambda grad, self, mat2, offs: _toward_left(grad, self, mat2, offs),
    mat2=lambda grad, self, mat2, offs: _toward_right(grad, self, mat2, offs),
)


def _told(name: str, scale: np.ndarray, joint: str = ", ") -> str:
    strides = shape_text([stride // scale.itemsize for stride in scale.strides])
    return f"{name}.dtype()={scalar_type_name(scale.dtype)}, {name}.size()={shape_text(scale.shape)}{joint}{name}.stride()={strides}"


def _scaled_kernel(
    left: np.ndarray,
    right: np.ndarray,
    scale_a: np.ndarray,
    scale_b: np.ndarray,
    bias: np.ndarray | None,
    scale_result: np.ndarray | None,
    out_dtype: np.dtype | None,
    use_fast_accum: bool,
) -> np.ndarray:
    for name, array in (("mat1", left), ("mat2", right)):
        if array.ndim != 2:
            raise RuntimeError(f"{name} must be a matrix")
    if left.shape[1] != right.shape[0]:
        raise RuntimeError(
            f"mat_a and mat_b shapes cannot be multiplied ({left.shape[0]}x{left.shape[1]} and {right.shape[0]}x{right.shape[1]})"
        )
    rows, columns = left.shape[0], right.shape[1]
    short = all(array.dtype.name.startswith("float8") for array in (left, right))
    single = all(scale.dtype == np.float32 for scale in (scale_a, scale_b))
    whole = scale_a.size == scale_b.size == 1
    by_row = (
        scale_a.shape == (rows, 1)
        and scale_b.shape == (1, columns)
        and scale_a.flags.c_contiguous
        and scale_b.flags.c_contiguous
    )
    if not (short and single and (whole or by_row)):
        raise ValueError(
            "Invalid scaling configuration.\n"
            "- For TensorWise scaling, a and b should be float8, scales should be float and singletons.\n"
            f"- For RowWise scaling, a and b should be float8, scales should be float, scale_a should be ({rows}, 1) and scale_b should be "
            f"(1, {columns}), and both should be contiguous.\n"
            f"Got mat_a.dtype()={scalar_type_name(left.dtype)}, {_told('scale_a', scale_a)}, mat_b.dtype()={scalar_type_name(right.dtype)}, "
            f"{_told('scale_b', scale_b, ' and ')}"
        )
    if bias is not None and bias.size != columns:
        raise RuntimeError(f"Bias must be size {columns} but got {bias.size}")
    if whole:
        scale_a, scale_b = scale_a.reshape(()), scale_b.reshape(())
    return kernels.scaled_mm(
        left, right, scale_a, scale_b, bias, left.dtype if out_dtype is None else out_dtype
    )


# What there is of it on the CPU ignores `scale_result`.
scaled_mm = op(
    "_scaled_mm(Tensor self, Tensor mat2, Tensor scale_a, Tensor scale_b, Tensor? bias=None, Tensor? scale_result=None, "
    "ScalarType? out_dtype=None, bool use_fast_accum=False) -> Tensor",
    _scaled_kernel,
    method=False,
    nondifferentiable=True,
)
