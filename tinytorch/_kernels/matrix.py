"""Matrix products and their relatives on arrays.

float16 and bfloat16 are multiplied in float32 and rounded once. Shape and type errors carry torch's texts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinytorch._kernels.dtype_names import is_low_precision, not_implemented, scalar_name, type_name
from tinytorch._kernels.scalar_types import promote_pair, tensor_type_name

Number = complex | float | int


def _shape(array: np.ndarray) -> str:
    return "[" + ", ".join(map(str, array.shape)) + "]"


def _product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """left @ right in their common type, low precision through float32; always an array."""
    if is_low_precision(left.dtype):
        return np.asarray(left.astype(np.float32) @ right.astype(np.float32)).astype(left.dtype)
    return np.asarray(left @ right)


def _dot(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """left (N, K) times right (K, M), both in one type, in row-major memory.

    `x @ W.T` of a few float32 rows and a large matrix W is up to twice as fast in OpenBLAS as `(W @ x.T).T`; NumPy's own choice between
    its four kernels depends on the operands' strides alone.
    """
    rows, columns = left.shape[0], right.shape[1]
    if (
        8 <= rows <= 128
        and columns >= 2 * rows
        and right.size >= 1 << 14
        and left.dtype.char == "f"
        and right.flags.f_contiguous
    ):
        return np.ascontiguousarray(np.dot(right.T, left.T).T)
    return np.dot(left, right)


def _scaled(product: np.ndarray, self: np.ndarray, beta: Number, alpha: Number) -> np.ndarray:
    """alpha * product + beta * self, written into product; nothing of self is read when beta is 0."""
    dtype = product.dtype
    if dtype.kind in "iu":
        alpha, beta = int(alpha.real), int(beta.real)
    if alpha != 1:
        np.multiply(product, dtype.type(alpha), out=product)
    if beta == 1:
        np.add(product, self, out=product)
    elif beta != 0:
        np.add(product, np.multiply(self, dtype.type(beta)), out=product)
    return product


def _expandable(self: np.ndarray, shape: tuple[int, ...]) -> None:
    """Raise torch's expand error unless self broadcasts to shape."""
    if self.ndim > len(shape):
        raise RuntimeError(
            f"expand({tensor_type_name(self.dtype)}{{{_shape(self)}}}, size=[{', '.join(map(str, shape))}]): the number of sizes provided "
            f"({len(shape)}) must be greater or equal to the number of dimensions in the tensor ({self.ndim})"
        )
    offset = len(shape) - self.ndim
    for i in range(self.ndim - 1, -1, -1):
        if self.shape[i] not in (1, shape[i + offset]):
            raise RuntimeError(
                f"The expanded size of the tensor ({shape[i + offset]}) must match the existing size "
                f"({self.shape[i]}) at non-singleton dimension {i + offset}.  "
                f"Target sizes: [{', '.join(map(str, shape))}].  Tensor sizes: {_shape(self)}"
            )


def mm(self: np.ndarray, mat2: np.ndarray) -> np.ndarray:
    """(N, K) times (K, M)."""
    if self.ndim != 2:
        raise RuntimeError("self must be a matrix")
    if mat2.ndim != 2:
        raise RuntimeError("mat2 must be a matrix")
    if self.shape[1] != mat2.shape[0]:
        raise RuntimeError(
            "mat1 and mat2 shapes cannot be multiplied "
            f"({self.shape[0]}x{self.shape[1]} and {mat2.shape[0]}x{mat2.shape[1]})"
        )
    dtype = self.dtype
    if dtype != mat2.dtype:
        raise RuntimeError(
            f"expected m1 and m2 to have the same dtype, but got: {type_name(dtype)} != {type_name(mat2.dtype)}"
        )
    if dtype.kind == "b":
        if not (self.size and mat2.size):
            return np.zeros((self.shape[0], mat2.shape[1]), dtype)
        not_implemented("addmm_impl_cpu_", dtype)
    if is_low_precision(dtype):
        return np.dot(self.astype(np.float32), mat2.astype(np.float32)).astype(dtype)
    if self.shape[1] == 1 and self.shape[0] > 1 and mat2.shape[1] > 1:
        return np.multiply(self, mat2, order="C")  # one product each: nothing is summed, and -0 stays
    return _dot(self, mat2)


def addmm(
    self: np.ndarray, mat1: np.ndarray, mat2: np.ndarray, beta: Number = 1, alpha: Number = 1
) -> np.ndarray:
    """beta * self + alpha * (mat1 @ mat2), self broadcast to (N, M)."""
    if self.dtype != mat2.dtype:
        raise RuntimeError(
            f"self and mat2 must have the same dtype, but got {scalar_name(self.dtype)} and {scalar_name(mat2.dtype)}"
        )
    if mat1.dtype != mat2.dtype:
        raise RuntimeError(
            f"mat1 and mat2 must have the same dtype, but got {scalar_name(mat1.dtype)} and {scalar_name(mat2.dtype)}"
        )
    if mat1.ndim != 2:
        raise RuntimeError(f"mat1 must be a matrix, got {mat1.ndim}-D tensor")
    if mat2.ndim != 2:
        raise RuntimeError(f"mat2 must be a matrix, got {mat2.ndim}-D tensor")
    if mat1.shape[1] != mat2.shape[0]:
        raise RuntimeError(
            "mat1 and mat2 shapes cannot be multiplied "
            f"({mat1.shape[0]}x{mat1.shape[1]} and {mat2.shape[0]}x{mat2.shape[1]})"
        )
    dtype = self.dtype
    if self.shape != (mat2.shape[1],):
        _expandable(self, (mat1.shape[0], mat2.shape[1]))
    if dtype.kind == "b":
        if not (mat1.shape[0] and mat2.shape[1]):
            return np.zeros((mat1.shape[0], mat2.shape[1]), dtype)
        not_implemented("addmm_impl_cpu_", dtype)
    if is_low_precision(dtype):
        product = np.dot(mat1.astype(np.float32), mat2.astype(np.float32))
        return _scaled(product, self.astype(np.float32), beta, alpha).astype(dtype)
    product = _dot(mat1, mat2)
    if alpha == 1 and beta == 1:
        return np.add(product, self, out=product)
    return _scaled(product, self, beta, alpha)


def _check_batches(batch1: np.ndarray, batch2: np.ndarray) -> None:
    if batch1.ndim != 3:
        raise RuntimeError("batch1 must be a 3D tensor")
    if batch2.ndim != 3:
        raise RuntimeError("batch2 must be a 3D tensor")
    if batch2.shape[:2] != (batch1.shape[0], batch1.shape[2]):
        raise RuntimeError(
            "Expected size for first two dimensions of batch2 tensor to be: "
            f"[{batch1.shape[0]}, {batch1.shape[2]}] but got: [{batch2.shape[0]}, {batch2.shape[1]}]."
        )


def _check_bmm_types(self: np.ndarray, mat2: np.ndarray) -> None:
    """torch has loops of its own for small matrices, and takes others one by one."""
    dtype = self.dtype
    if not (self.size and mat2.size):
        return
    if self.shape[1] * self.shape[2] * mat2.shape[2] < 400:
        if dtype.kind == "b" or (dtype.kind == "u" and dtype.itemsize > 1):
            not_implemented("bmm", dtype)
        raise RuntimeError(f"expected scalar type {scalar_name(dtype)} but found {scalar_name(mat2.dtype)}")
    if mat2.dtype == dtype:
        not_implemented("addmm_impl_cpu_", dtype)
    if mat2.dtype.char in "fdFD":
        raise RuntimeError(f"expected scalar type {scalar_name(mat2.dtype)} but found {scalar_name(dtype)}")
    raise RuntimeError(
        f"expected m1 and m2 to have the same dtype, but got: {type_name(dtype)} != {type_name(mat2.dtype)}"
    )


def bmm(self: np.ndarray, mat2: np.ndarray) -> np.ndarray:
    """(B, N, K) times (B, K, M), matrix by matrix."""
    _check_batches(self, mat2)
    dtype = self.dtype
    if dtype != mat2.dtype or dtype.kind == "b":
        _check_bmm_types(self, mat2)
    if is_low_precision(dtype):
        return np.matmul(self.astype(np.float32), mat2.astype(np.float32)).astype(dtype)
    return np.matmul(self, mat2)


def _size(array: np.ndarray, dim: int) -> int:
    if dim >= array.ndim:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-array.ndim}, {array.ndim - 1}], but got {dim})"
        )
    return array.shape[dim]


def baddbmm(
    self: np.ndarray, batch1: np.ndarray, batch2: np.ndarray, beta: Number = 1, alpha: Number = 1
) -> np.ndarray:
    """beta * self + alpha * bmm(batch1, batch2)."""
    dtype = self.dtype
    _expandable(self, (_size(batch1, 0), _size(batch1, 1), _size(batch2, 2)))
    _check_batches(batch1, batch2)
    if dtype != batch1.dtype:
        raise RuntimeError(
            f"Input dtypes must be the same, got: input {type_name(dtype)}, batch1: {type_name(batch1.dtype)}, "
            f"batch2: {type_name(batch2.dtype)}"
        )
    if dtype != batch2.dtype:
        raise RuntimeError(f"expected scalar type {scalar_name(dtype)} but found {scalar_name(batch2.dtype)}")
    if dtype.kind == "b":
        not_implemented("baddbmm", dtype)
    if is_low_precision(dtype):
        product = np.matmul(batch1.astype(np.float32), batch2.astype(np.float32))
        return _scaled(product, self.astype(np.float32), beta, alpha).astype(dtype)
    return _scaled(np.matmul(batch1, batch2), self, beta, alpha)


def addbmm(
    self: np.ndarray, batch1: np.ndarray, batch2: np.ndarray, beta: Number = 1, alpha: Number = 1
) -> np.ndarray:
    """beta * self + alpha * the sum over the batch of batch1 @ batch2."""
    dtype = self.dtype
    shape = (_size(batch1, 1), _size(batch2, 2))
    _expandable(self, shape)
    if batch1.ndim != 3:
        raise RuntimeError("batch1 must be a 3D tensor")
    if batch2.ndim != 3:
        raise RuntimeError("batch2 must be a 3D tensor")
    if batch1.shape[0] != batch2.shape[0]:
        raise RuntimeError(
            "batch1 and batch2 must have same number of batches, got "
            + f"{batch1.shape[0]} and {batch2.shape[0]}"
        )
    if batch1.shape[2] != batch2.shape[1]:
        raise RuntimeError(
            f"Incompatible matrix sizes for bmm ({batch1.shape[1]}x{batch1.shape[2]} and "
            f"{batch2.shape[1]}x{batch2.shape[2]})"
        )
    if dtype != batch2.dtype:
        raise RuntimeError(
            f"self and mat2 must have the same dtype, but got {scalar_name(dtype)} and {scalar_name(batch2.dtype)}"
        )
    if dtype != batch1.dtype:
        raise RuntimeError(
            f"mat1 and mat2 must have the same dtype, but got {scalar_name(batch1.dtype)} and "
            f"{scalar_name(batch2.dtype)}"
        )
    if dtype.kind == "b":
        not_implemented("addmm_impl_cpu_", dtype)
    if is_low_precision(dtype):
        # torch rounds after every matrix of the batch: the running sum lives in the result.
        total = np.broadcast_to(self, shape).astype(np.float32)
        for i in range(batch1.shape[0]):
            product = batch1[i].astype(np.float32) @ batch2[i].astype(np.float32)
            total = _scaled(product, total, beta if i == 0 else 1, alpha).astype(dtype).astype(np.float32)
        if batch1.shape[0] == 0:
            total = total * np.float32(beta)
        return total.astype(dtype)
    left = batch1.transpose(1, 0, 2).reshape(batch1.shape[1], -1)  # (N, B*K)
    right = batch2.reshape(-1, batch2.shape[2])  # (B*K, M)
    return _scaled(np.dot(left, right), self, beta, alpha)


def mv(self: np.ndarray, vec: np.ndarray) -> np.ndarray:
    """(N, K) times (K,)."""
    if self.ndim != 2 or vec.ndim != 1:
        rank = 1 if self.ndim < 1 else self.ndim
        raise RuntimeError(f"vector + matrix @ vector expected, got 1, {rank}, {vec.ndim}")
    if self.shape[1] != vec.shape[0]:
        raise RuntimeError(
            f"size mismatch, got input ({self.shape[0]}), mat ({self.shape[0]}x{self.shape[1]}), "
            f"vec ({vec.shape[0]})"
        )
    if self.dtype != vec.dtype:
        name = scalar_name(vec.dtype)
        raise RuntimeError(
            f"addmv input tensors must have the same dtype, but got {name}, {scalar_name(self.dtype)}, and {name}"
        )
    if self.dtype.kind == "b":
        not_implemented("addmv_impl_cpu", self.dtype)
    return _product(self, vec)


def addmv(
    self: np.ndarray, mat: np.ndarray, vec: np.ndarray, beta: Number = 1, alpha: Number = 1
) -> np.ndarray:
    """beta * self + alpha * (mat @ vec)."""
    if mat.ndim != 2 or vec.ndim != 1 or self.ndim > 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got {self.ndim}, {mat.ndim}, {vec.ndim}")
    if mat.shape[1] != vec.shape[0] or (self.ndim == 1 and self.shape[0] not in (1, mat.shape[0])):
        size = self.shape[0] if self.ndim else 1
        raise RuntimeError(
            f"size mismatch, got input ({size}), mat ({mat.shape[0]}x{mat.shape[1]}), vec ({vec.shape[0]})"
        )
    if not self.dtype == mat.dtype == vec.dtype:
        names = f"{scalar_name(self.dtype)}, {scalar_name(mat.dtype)}, and {scalar_name(vec.dtype)}"
        raise RuntimeError(f"addmv input tensors must have the same dtype, but got {names}")
    if self.dtype.kind == "b":
        not_implemented("addmv_impl_cpu", self.dtype)
    if is_low_precision(self.dtype):
        product = mat.astype(np.float32) @ vec.astype(np.float32)
        return _scaled(product, self.astype(np.float32), beta, alpha).astype(self.dtype)
    return _scaled(mat @ vec, self, beta, alpha)


def _check_dot(self: np.ndarray, other: np.ndarray) -> None:
    if self.ndim != 1 or other.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {self.ndim}D and {other.ndim}D tensors")
    if self.dtype != other.dtype:
        raise RuntimeError(
            "dot : expected both vectors to have same dtype, but found "
            f"{scalar_name(self.dtype)} and {scalar_name(other.dtype)}"
        )
    if self.shape != other.shape:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor {_shape(self)} and src {_shape(other)} to have the same number "
            f"of elements, but got {self.size} and {other.size} elements respectively"
        )
    if self.dtype.kind == "b":
        not_implemented("dot", self.dtype)


def dot(self: np.ndarray, tensor: np.ndarray) -> np.ndarray:
    """The sum of products of two vectors."""
    _check_dot(self, tensor)
    return _product(self, tensor)


def vdot(self: np.ndarray, other: np.ndarray) -> np.ndarray:
    """dot with the first vector conjugated."""
    _check_dot(self, other)
    return _product(self.conj(), other) if self.dtype.kind == "c" else _product(self, other)


def addr(
    self: np.ndarray, vec1: np.ndarray, vec2: np.ndarray, beta: Number = 1, alpha: Number = 1
) -> np.ndarray:
    """beta * self + alpha * outer(vec1, vec2)."""
    for name, vector in (("vec1", vec1), ("vec2", vec2)):
        if vector.ndim != 1:
            raise RuntimeError(f"addr: Expected 1-D argument {name}, but got {vector.ndim}-D")
    _expandable(self, (vec1.shape[0], vec2.shape[0]))
    dtype = promote_pair(promote_pair(vec1.dtype, vec2.dtype), self.dtype)
    if dtype.kind == "b":
        outer = np.logical_and(vec1[:, None], vec2) if alpha else np.zeros((vec1.size, vec2.size), bool)
        return np.logical_or(outer, self) if beta else outer
    compute = np.dtype(np.float32) if is_low_precision(dtype) else dtype
    outer = np.multiply(vec1[:, None], vec2, dtype=compute)
    return _scaled(outer, self.astype(compute), beta, alpha).astype(dtype, copy=False)


def trace(self: np.ndarray) -> np.ndarray:
    """The sum of a matrix's diagonal; integers are summed in int64."""
    if self.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {self.ndim}")
    diagonal = np.diagonal(self)
    if self.dtype.kind in "biu":
        return np.asarray(diagonal.sum(dtype=np.int64))
    if is_low_precision(self.dtype):
        return np.asarray(diagonal.astype(np.float32).sum()).astype(self.dtype)
    return np.asarray(diagonal.sum())


def linalg_cross(self: np.ndarray, other: np.ndarray, dim: int = -1) -> np.ndarray:
    """The vector product along dim, which has size 3; the other dimensions broadcast."""
    left, right = np.moveaxis(self, dim, 0), np.moveaxis(other, dim, 0)  # (3, ...)
    parts = [
        left[(i + 1) % 3] * right[(i + 2) % 3] - left[(i + 2) % 3] * right[(i + 1) % 3] for i in range(3)
    ]
    return np.stack(parts, axis=dim % self.ndim).astype(self.dtype, copy=False)


def cdist_forward(x1: np.ndarray, x2: np.ndarray, p: float, compute_mode: int | None = None) -> np.ndarray:
    """(..., P, M) and (..., R, M) to (..., P, R): p-norms of all differences. float32 or float64."""
    if x1.dtype.char not in "fd" and x1.size and x2.size:
        not_implemented("cdist", x1.dtype)
    if x2.dtype != x1.dtype:
        raise RuntimeError(f"expected scalar type {scalar_name(x1.dtype)} but found {scalar_name(x2.dtype)}")
    difference = np.abs(x1[..., :, None, :] - x2[..., None, :, :])  # (..., P, R, M)
    if difference.shape[-1] == 0:
        return np.zeros(difference.shape[:-1], x1.dtype)
    if p == 0:
        return np.count_nonzero(difference, axis=-1).astype(x1.dtype)
    if p == 1:
        return difference.sum(-1)
    if p == 2:
        return np.sqrt(np.square(difference, out=difference).sum(-1))
    if p == float("inf"):
        return difference.max(-1)
    return np.power(np.power(difference, p).sum(-1), 1 / p).astype(x1.dtype, copy=False)


def cdist_backward(
    grad: np.ndarray, x1: np.ndarray, x2: np.ndarray, p: float, cdist: np.ndarray
) -> np.ndarray:
    """The gradient of cdist_forward with respect to x1."""
    batch = np.broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
    if x1.shape[-1] == 0 or 0 in cdist.shape or p == 0:
        return np.zeros((*batch, *x1.shape[-2:]), x1.dtype)
    difference = x1[..., :, None, :] - x2[..., None, :, :]  # (..., P, R, M)
    distance, weight = cdist[..., None], grad[..., None]
    if p == 1:
        terms = weight * np.sign(difference)
    elif p == float("inf"):
        terms = weight * np.sign(difference) * (np.abs(difference) == distance)
    elif p == 2:
        terms = np.where(distance == 0, 0, weight * difference / np.where(distance == 0, 1, distance))
    else:
        safe = np.where(distance == 0, 1, distance)
        magnitude = np.abs(difference)
        if p < 2:
            base = np.power(np.where(difference == 0, 1, magnitude), p - 1)
            terms = np.where(difference == 0, 0, np.sign(difference) * base * weight / np.power(safe, p - 1))
        else:
            terms = difference * np.power(magnitude, p - 2) * weight / np.power(safe, p - 1)
        terms = np.where(distance == 0, 0, terms)
    return terms.sum(-2).astype(x1.dtype, copy=False)


def multiplication_order(sizes: Sequence[int]) -> list[list[int]]:
    """Where to split each chain of matrices, by the classic dynamic programme; matrix i is sizes[i] x sizes[i + 1]."""
    count = len(sizes) - 1
    cost = [[0] * count for _ in range(count)]
    split = [[0] * count for _ in range(count)]
    for length in range(1, count):
        for first in range(count - length):
            last = first + length
            best = None
            for middle in range(first, last):
                price = (
                    cost[first][middle]
                    + cost[middle + 1][last]
                    + sizes[first] * sizes[middle + 1] * sizes[last + 1]
                )
                if best is None or price < best:
                    best, split[first][last] = price, middle
            cost[first][last] = best or 0
    return split
