"""Matrix products that have a node of their own, with their derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinytorch._core import layout
from tinytorch._core.declare import op
from tinytorch._core.dimensions import wrap_dim
from tinytorch._core.element_types import alike, demands, instances
from tinytorch._core.layout import broadcast_shapes
from tinytorch._kernels import matrix as kernels
from tinytorch._operators.adjoint import adjoint, batch_adjoint, conj, scaled

Shape = tuple[int, ...]


def _column_major(shape: Shape, stride: Shape) -> bool:
    """Whether a matrix is stored column by column: its gradient is then made so as well."""
    return stride[0] == 1 and stride[1] == shape[0]


def _left(grad: Any, mat2: Any, shape: Shape, stride: Shape) -> Any:
    """The cotangent of a product's left factor."""
    if _column_major(shape, stride):
        return mm(conj(mat2), grad.t()).t()
    return mm(grad, adjoint(mat2))


def _left_array(grad: np.ndarray, mat2: np.ndarray, shape: Shape, stride: Shape) -> np.ndarray:
    """`_left` on arrays of real numbers."""
    return kernels.mm(mat2, grad.T).T if _column_major(shape, stride) else kernels.mm(grad, mat2.T)


def _right_array(grad: np.ndarray, mat1: np.ndarray, shape: Shape, stride: Shape) -> np.ndarray:
    """`_right` on arrays of real numbers."""
    return kernels.mm(grad.T, mat1).T if _column_major(shape, stride) else kernels.mm(mat1.T, grad)


def _scaled_array(array: np.ndarray, factor: float) -> np.ndarray:
    """`scaled` on arrays of real numbers."""
    return array if factor == 1 else np.multiply(array, array.dtype.type(factor))


def _right(grad: Any, mat1: Any, shape: Shape, stride: Shape) -> Any:
    """The cotangent of a product's right factor."""
    if _column_major(shape, stride):
        return mm(grad.t(), conj(mat1)).t()
    return mm(adjoint(mat1), grad)


mm = op(
    "mm(Tensor self, Tensor mat2) -> Tensor",
    kernels.mm,
    also=("mm(Tensor self, Tensor mat2, ScalarType out_dtype, *, Tensor? out=None) -> Tensor",),
)
mm.vjp(
    self=lambda grad, mat2, self_shape, self_stride: _left(grad, mat2, self_shape, self_stride),
    mat2=lambda grad, self, mat2_shape, mat2_stride: _right(grad, self, mat2_shape, mat2_stride),
)
mm.native(
    any_order=True,
    self=lambda grad, mat2, self_shape, self_stride: _left_array(grad, mat2, self_shape, self_stride),
    mat2=lambda grad, self, mat2_shape, mat2_stride: _right_array(grad, self, mat2_shape, mat2_stride),
)


def _same_size(self: Any, mat1: Any, mat2: Any) -> None:
    """In place the matrix that is added to is not expanded."""
    if mat1.dim() == mat2.dim() == 2 and tuple(self.shape) != (mat1.shape[0], mat2.shape[1]):
        if mat1.shape[1] == mat2.shape[0]:
            raise RuntimeError(
                f"Bad in-place call: input tensor size {list(self.shape)} and output tensor size {[mat1.shape[0], mat2.shape[1]]} should match"
            )


addmm = op(
    "addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    kernels.addmm,
    inplace=True,
    inplace_check=lambda self, mat1, mat2, *rest: _same_size(self, mat1, mat2),
    also=(
        "addmm(Tensor self, Tensor mat1, Tensor mat2, ScalarType out_dtype, *, Scalar beta=1, Scalar alpha=1, Tensor? out=None) -> Tensor",
    ),
)
addmm.vjp(
    self=lambda grad, beta: scaled(grad, beta),
    mat1=lambda grad, mat2, mat1_shape, mat1_stride, alpha: scaled(
        _left(grad, mat2, mat1_shape, mat1_stride), alpha
    ),
    mat2=lambda grad, mat1, mat2_shape, mat2_stride, alpha: scaled(
        _right(grad, mat1, mat2_shape, mat2_stride), alpha
    ),
)
addmm.native(
    any_order=True,
    self=lambda grad, beta: _scaled_array(grad, beta),
    mat1=lambda grad, mat2, mat1_shape, mat1_stride, alpha: _scaled_array(
        _left_array(grad, mat2, mat1_shape, mat1_stride), alpha
    ),
    mat2=lambda grad, mat1, mat2_shape, mat2_stride, alpha: _scaled_array(
        _right_array(grad, mat1, mat2_shape, mat2_stride), alpha
    ),
)

bmm = op(
    "bmm(Tensor self, Tensor mat2) -> Tensor",
    kernels.bmm,
    also=("bmm(Tensor self, Tensor mat2, ScalarType out_dtype, *, Tensor? out=None) -> Tensor",),
)
bmm.vjp(
    self=lambda grad, mat2: bmm(grad, batch_adjoint(mat2)),
    mat2=lambda grad, self: bmm(batch_adjoint(self), grad),
)

baddbmm = op(
    "baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    kernels.baddbmm,
    inplace=True,
    also=(
        "baddbmm(Tensor self, Tensor batch1, Tensor batch2, ScalarType out_dtype, *, Scalar beta=1, Scalar alpha=1, Tensor? out=None) -> Tensor",
    ),
)
baddbmm.vjp(
    self=lambda grad, beta: scaled(grad, beta),
    batch1=lambda grad, batch2, alpha: scaled(bmm(grad, batch_adjoint(batch2)), alpha),
    batch2=lambda grad, batch1, alpha: scaled(bmm(batch_adjoint(batch1), grad), alpha),
)

addbmm = op(
    "addbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    kernels.addbmm,
    inplace=True,
)
addbmm.vjp(
    self=lambda grad, beta: scaled(grad, beta),
    batch1=lambda grad, batch2, batch1_shape, alpha: scaled(
        bmm(grad.unsqueeze(0).expand(batch1_shape[0], *grad.shape), batch_adjoint(batch2)), alpha
    ),
    batch2=lambda grad, batch1, alpha: scaled(
        bmm(batch_adjoint(batch1), grad.unsqueeze(0).expand(batch1.shape[0], *grad.shape)), alpha
    ),
)

mv = op("mv(Tensor self, Tensor vec) -> Tensor", kernels.mv)
mv.vjp(
    self=lambda grad, vec: grad.outer(conj(vec)),
    vec=lambda grad, self: mv(adjoint(self), grad),
)

addmv = op(
    "addmv(Tensor self, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    kernels.addmv,
    inplace=True,
)
addmv.vjp(
    self=lambda grad, beta: scaled(grad, beta),
    mat=lambda grad, vec, alpha: scaled(grad.outer(conj(vec)), alpha),
    vec=lambda grad, mat, alpha: scaled(mv(adjoint(mat), grad), alpha),
)

dot = op("dot(Tensor self, Tensor tensor) -> Tensor", kernels.dot)
dot.vjp(
    self=lambda grad, tensor: grad * conj(tensor),
    tensor=lambda grad, self: grad * conj(self),
)

vdot = op("vdot(Tensor self, Tensor other) -> Tensor", kernels.vdot)
vdot.vjp(
    self=lambda grad, other: conj(grad) * other,
    other=lambda grad, self: grad * self,
)


def _addr(self: np.ndarray, vec1: np.ndarray, vec2: np.ndarray, beta: Any, alpha: Any) -> np.ndarray:
    """In the memory order of what is added to."""
    out = kernels.addr(self, vec1, vec2, beta, alpha)
    order = layout.result_strides(out.shape, [np.broadcast_to(self, out.shape), vec1[:, None], vec2[None, :]])
    if layout.element_strides(out) == order or not out.size:
        return out
    ordered = layout.empty(out.shape, order, out.dtype)
    ordered[...] = out
    return ordered


addr = op(
    "addr(Tensor self, Tensor vec1, Tensor vec2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    _addr,
    inplace=True,
)
addr.vjp(
    self=lambda grad, beta: scaled(grad, beta),
    vec1=lambda grad, vec2, alpha: scaled(mv(grad, conj(vec2)), alpha),
    vec2=lambda grad, vec1, alpha: scaled(mv(grad.t(), conj(vec1)), alpha),
)

trace = op(
    "trace(Tensor self) -> Tensor",
    kernels.trace,
    out=False,
    element_types=instances("trace", "int unsigned reduced float complex"),
)
trace.vjp(
    self=lambda grad, self_shape: grad.new_zeros(self_shape).diagonal_scatter(grad.expand(min(self_shape)))
)


def _check_cross(self: Any, other: Any, dim: int) -> None:
    if self.ndim != other.ndim:
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    if not self.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    wrap_dim(dim, self.ndim)
    if self.shape[dim] != 3 or other.shape[dim] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {self.shape[dim]} and {other.shape[dim]}"
        )
    broadcast_shapes(tuple(self.shape), tuple(other.shape))


linalg_cross = op(
    "linalg_cross(Tensor self, Tensor other, *, int dim=-1) -> Tensor",
    kernels.linalg_cross,
    memory="rows",
    module="linalg",
    element_types=(
        demands(
            _check_cross,
            "self._array.shape == other._array.shape and self._array.ndim and self._array.shape[-1] == 3 and dim == -1",
        ),
        instances("cross", "int reduced float complex"),
        alike("self", "other"),
    ),
)
linalg_cross.vjp(
    self=lambda grad, other, dim: linalg_cross(conj(other), grad, dim),
    other=lambda grad, self, dim: linalg_cross(grad, conj(self), dim),
)


def _trilinear_kernel(
    i1: np.ndarray,
    i2: np.ndarray,
    i3: np.ndarray,
    expand1: Sequence[int],
    expand2: Sequence[int],
    expand3: Sequence[int],
    sumdim: Sequence[int],
    unroll_dim: int = 1,
) -> np.ndarray:
    """The sum over sumdim of the product of three arrays that lack the dimensions expand1..3."""
    rank = i1.ndim + len(expand1)
    labels = [[d for d in range(rank) if d not in lacking] for lacking in (expand1, expand2, expand3)]
    present = {d for each in labels for d in each}
    kept = [d for d in range(rank) if d not in sumdim]
    dtype = i1.dtype
    # torch sums dimension after dimension, which loses less than one long sum in the operands' own type would
    wide = {2: np.float32, 4: np.float64}.get(dtype.itemsize, dtype) if dtype.kind != "c" else np.complex128
    arrays = [a.astype(wide, copy=False) if dtype.kind not in "iub" else a for a in (i1, i2, i3)]
    operands = [item for pair in zip(arrays, labels, strict=True) for item in pair]
    result = np.asarray(np.einsum(*operands, [d for d in kept if d in present], optimize=True))
    result = np.expand_dims(result, tuple(i for i, d in enumerate(kept) if d not in present))
    return np.ascontiguousarray(result, dtype)


trilinear = op(
    "_trilinear(Tensor i1, Tensor i2, Tensor i3, int[] expand1, int[] expand2, int[] expand3, int[] sumdim, "
    "int unroll_dim=1) -> Tensor",
    _trilinear_kernel,
    node="TrilinearBackward0",
    out=False,
)
trilinear.vjp(
    i1=lambda grad, i2, i3, expand1, expand2, expand3, sumdim: trilinear(
        grad, conj(i2), conj(i3), sumdim, expand2, expand3, expand1
    ),
    i2=lambda grad, i1, i3, expand1, expand2, expand3, sumdim: trilinear(
        conj(i1), grad, conj(i3), expand1, sumdim, expand3, expand2
    ),
    i3=lambda grad, i1, i2, expand1, expand2, expand3, sumdim: trilinear(
        conj(i1), conj(i2), grad, expand1, expand2, sumdim, expand3
    ),
)
