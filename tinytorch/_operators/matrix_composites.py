"""Products that torch builds from matrix products: matmul, linear, tensordot, chains, bilinear forms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tinytorch._core.declare import composite, find
from tinytorch._core.dispatch import legacy_name
from tinytorch._core.element_types import alike, instances
from tinytorch._core.outputs import deliver
from tinytorch._core.warning import warn_once
from tinytorch._kernels import matrix as kernels
from tinytorch._kernels.dtype_names import type_name
from tinytorch._operators._linalg_checks import inexact_types
from tinytorch._operators.matrix import addmm, bmm, dot, linalg_cross, mm, mv, trilinear, vdot


@composite("outer(Tensor self, Tensor vec2) -> Tensor")
def outer(self: Any, vec2: Any) -> Any:
    """The product of every pair of elements of two vectors."""
    for name, vector in (("self", self), ("vec2", vec2)):
        if vector.dim() != 1:
            raise RuntimeError(f"outer: Expected 1-D argument {name}, but got {vector.dim()}-D")
    return self.reshape(self.shape[0], 1) * vec2


@composite("ger(Tensor self, Tensor vec2) -> Tensor")
def ger(self: Any, vec2: Any) -> Any:
    """Another name of outer."""
    return self.outer(vec2)


def _unsafe_view(tensor: Any, shape: Sequence[int]) -> Any:
    """A fresh result under another shape, without the bookkeeping of a view."""
    return find("_unsafe_view")(tensor, list(shape))


def _folds(self: Any, other: Any) -> bool:
    """Whether torch turns a batched product into one of matrices: a batch times a matrix or vector, where it pays."""
    larger, smaller = (self, other) if self.dim() >= other.dim() else (other, self)
    if larger.dim() < 3 or smaller.dim() > 2:
        return False
    if smaller.requires_grad:
        return True
    if self.dim() == 2:
        return False
    if larger is other:
        larger = other.transpose(-2, -1)
    if larger.numel() == 0:
        return True
    shape, stride = larger.shape, larger.stride()
    return all(stride[i] == stride[i + 1] * shape[i + 1] for i in range(larger.dim() - 2))


def broadcast_batch(one: Sequence[int], other: Sequence[int]) -> list[int]:
    """The common batch shape, with torch's text on a mismatch."""
    rank = max(len(one), len(other))
    left, right = [1] * (rank - len(one)) + [*one], [1] * (rank - len(other)) + [*other]
    for i in range(rank - 1, -1, -1):
        if left[i] != right[i] and left[i] != 1 and right[i] != 1:
            raise RuntimeError(
                f"The size of tensor a ({left[i]}) must match the size of tensor b ({right[i]}) at non-singleton "
                f"dimension {i}"
            )
    return [b if a == 1 else a for a, b in zip(left, right, strict=True)]


def _check_out(targets: list[Any], args: list[Any]) -> None:
    """Products with a vector go into the target without a copy: then what they call says that its type is another."""
    self, other = args
    if self.dtype is not other.dtype or targets[0].dtype is self.dtype or other.dim() != 1:
        return
    given, own = legacy_name(targets[0].dtype), legacy_name(self.dtype)
    if self.dim() == 1:
        raise RuntimeError(f"result dtype {given} does not match input dtype {own}")
    if self.dim() > 1 and self.shape[-1] == other.shape[0] and (self.dim() == 2 or _folds(self, other)):
        raise RuntimeError(f"addmv input tensors must have the same dtype, but got {given}, {own}, and {own}")


@composite("matmul(Tensor self, Tensor other) -> Tensor", infix="__matmul__", out_check=_check_out)
def matmul(self: Any, other: Any) -> Any:
    """Matrix product over the last two dimensions, batches broadcast; vectors gain and lose a dimension."""
    first, second = self.dim(), other.dim()
    if first == 2 and second == 2:
        return mm(self, other)
    if first == 0 or second == 0:
        raise RuntimeError(
            f"both arguments to matmul need to be at least 1D, but they are {first}D and {second}D"
        )
    if first == 1 and second == 1:
        return dot(self, other)
    if first == 2 and second == 1:
        return mv(self, other)
    if first == 1 and second == 2:
        return mm(self.unsqueeze(0), other).squeeze_(0)
    if _folds(self, other):
        return _folded(self, other)
    batch1, batch2 = self.shape[:-2], other.shape[:-2]
    if first == 3 and second == 3 and batch1[0] != batch2[0]:
        # Without the batch of one the gradient is a matrix product instead of a broadcast one.
        if batch1[0] == 1 and self.requires_grad:
            return matmul.kernel(self.squeeze(0), other)
        if batch2[0] == 1 and other.requires_grad:
            return matmul.kernel(self, other.squeeze(0))
    rows = [self.shape[-2]] if first > 1 else []
    columns = [other.shape[-1]] if second > 1 else []
    batch = broadcast_batch(batch1, batch2)
    count = math.prod(batch)
    left_shape = [rows[0] if rows else 1, self.shape[-1]]
    left = self.expand([*batch, *left_shape]).reshape([count, *left_shape])
    if second == 1:
        right = other.expand([*batch, other.shape[0]]).reshape([count, other.shape[0]]).unsqueeze(2)
        return _unsafe_view(bmm(left, right).squeeze(-1), [*batch, *rows])
    right = other.expand([*batch, *other.shape[-2:]]).reshape([count, *other.shape[-2:]])
    return _unsafe_view(bmm(left, right), [*batch, *rows, *columns])


def _folded(self: Any, other: Any) -> Any:
    """matmul of a batch and a matrix or vector, the batch laid out as one tall matrix."""
    turned = other.dim() > self.dim()
    if turned:
        tall, small = other.transpose(-2, -1), self.t() if self.dim() == 2 else self
    else:
        tall, small = self, other
    leading = [*tall.shape[:-1]]
    flat = tall.reshape(math.prod(leading), tall.shape[-1])
    if small.dim() == 1:
        return _unsafe_view(mv(flat, small), leading)
    result = _unsafe_view(mm(flat, small), [*leading, small.shape[1]])
    return result.transpose(-2, -1).contiguous() if turned else result


@composite("linalg_matmul(Tensor self, Tensor other) -> Tensor", module="linalg")
def linalg_matmul(self: Any, other: Any) -> Any:
    """Another name of matmul."""
    return matmul.kernel(self, other)


@composite("linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor", module="nn")
def linear(input: Any, weight: Any, bias: Any = None) -> Any:
    """input (*, K) times the transpose of weight (N, K), plus bias (N,)."""
    rank = input.dim()
    if rank == 0 or weight.dim() == 0:
        raise RuntimeError(
            f"both arguments to linear need to be at least 1D, but they are {rank}D and {weight.dim()}D"
        )
    if bias is None:
        return matmul.kernel(input, weight.t())
    if rank == 2:
        return addmm.call(bias, input, weight.t(), 1, 1)
    if input.is_contiguous():
        flat = input.reshape(math.prod(input.shape[:-1]), input.shape[-1])
        result = addmm(bias, flat, weight.t(), 1, 1)
        return result.view([*input.shape[:-1], result.shape[1]])
    return matmul.kernel(input, weight.t()).add_(bias)


@composite("inner(Tensor self, Tensor other) -> Tensor")
def inner(self: Any, other: Any) -> Any:
    """Sums of products over the last dimension of both."""
    if self.dim() == 0 or other.dim() == 0:
        return self * other
    if self.shape[-1] != other.shape[-1]:
        raise RuntimeError(
            "inner() the last dimension must match on both input tensors but got shapes "
            f"{list(self.shape)} and {list(other.shape)}"
        )
    return tensordot_operator.kernel(self, other, [-1], [-1])


@composite(
    "tensordot(Tensor self, Tensor other, int[] dims_self, int[] dims_other) -> Tensor",
    method=False,
    function=False,
)
def tensordot_operator(self: Any, other: Any, dims_self: Sequence[int], dims_other: Sequence[int]) -> Any:
    """Contract dims_self of one tensor with dims_other of the other."""
    if len(dims_self) != len(dims_other):
        raise RuntimeError("both dimension lists should have same length")
    first, second = [d % max(self.dim(), 1) for d in dims_self], [d % max(other.dim(), 1) for d in dims_other]
    if self.dtype is not other.dtype:
        raise RuntimeError("both inputs should have same dtype")
    size = 1
    for i, (a, b) in enumerate(zip(first, second, strict=True)):
        m, n = self.shape[a], other.shape[b]
        if n == 1:  # broadcast dimensions are summed beforehand
            self = self.sum(a, keepdim=True, dtype=self.dtype)
        elif m == 1:
            other = other.sum(b, keepdim=True, dtype=other.dtype)
        elif m != n:
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {m} in dim {dims_self[i]} and second has size "
                f"{n} in dim {dims_other[i]}"
            )
        size *= self.shape[a] if n == 1 else n if m != 1 else 1
    size = math.prod([self.shape[a] for a in first])
    kept1 = [d for d in range(self.dim()) if d not in first]
    kept2 = [d for d in range(other.dim()) if d not in second]
    shape = [*[self.shape[d] for d in kept1], *[other.shape[d] for d in kept2]]
    left, right = self.permute([*kept1, *first]), other.permute([*second, *kept2])
    if all(length == 1 for length in shape):
        if not (left.is_contiguous() and right.is_contiguous()):
            return (left.squeeze() * right.squeeze()).sum(dtype=self.dtype).reshape(shape)
        if left.dim() != 1:
            left = left.reshape(size)
        if right.dim() != 1:
            right = right.reshape(size)
        return dot(left, right).reshape(shape)
    rows, columns = math.prod([self.shape[d] for d in kept1]), math.prod([other.shape[d] for d in kept2])
    return mm(left.reshape(rows, size), right.reshape(size, columns)).reshape(shape)


@composite("kron(Tensor self, Tensor other) -> Tensor")
def kron(self: Any, other: Any) -> Any:
    """The Kronecker product: every element of self times all of other."""
    rank = max(self.dim(), other.dim())
    one = [1] * (rank - self.dim()) + [*self.shape]
    two = [1] * (rank - other.dim()) + [*other.shape]
    left_shape = [n for size in one for n in (size, 1)]
    right_shape = [n for size in two for n in (1, size)]
    product = _unsafe_view(self, left_shape) * _unsafe_view(other, right_shape)
    return _unsafe_view(product, [a * b for a, b in zip(one, two, strict=True)])


def _pairwise(matrices: list[Any], split: list[list[int]], first: int, last: int) -> Any:
    if first == last:
        return matrices[first]
    middle = split[first][last]
    return mm(_pairwise(matrices, split, first, middle), _pairwise(matrices, split, middle + 1, last))


@composite("linalg_multi_dot(Tensor[] tensors) -> Tensor", module="linalg")
def linalg_multi_dot(tensors: Sequence[Any]) -> Any:
    """The product of several matrices in the cheapest order; the outer two may be vectors."""
    count = len(tensors)
    if count < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {count}")
    matrices = list(tensors)
    shape: list[int] = []
    for position, is_first in ((0, True), (count - 1, False)):
        tensor = matrices[position]
        if tensor.dim() == 1:
            matrices[position] = tensor.unsqueeze(0 if is_first else -1)
        elif tensor.dim() == 2:
            shape.append(tensor.shape[0 if is_first else 1])
        else:
            which = "first" if is_first else "last"
            raise RuntimeError(f"multi_dot(): the {which} tensor must be 1D or 2D but got {tensor.dim()}D")
    for i in range(1, count - 1):
        if matrices[i].dim() != 2:
            raise RuntimeError(f"multi_dot(): tensor {i} must be 2D but got {matrices[i].dim()}D")
    for i in range(1, count):
        if matrices[i].dtype != matrices[0].dtype:
            kinds = [type_name(matrices[place].dtype._numpy) for place in (0, i)]
            raise RuntimeError(
                f"multi_dot(): all tensors must have be the same dtype but tensor 0 is {kinds[0]} and tensor {i} {kinds[1]}"
            )
    for i in range(count - 1):
        if matrices[i].shape[1] != matrices[i + 1].shape[0]:
            raise RuntimeError(
                f"multi_dot(): tensors {i} and {i + 1} with shapes {list(tensors[i].shape)} and "
                f"{list(tensors[i + 1].shape)} cannot be multiplied"
            )
    sizes = [matrices[0].shape[0], *[matrix.shape[1] for matrix in matrices]]
    if count == 3:
        a, b, c, d = sizes
        A, B, C = (
            matrices  # of equal costs torch begins at the left, of more than three matrices at the right
        )
        return (mm(A, mm(B, C)) if a * c * (b + d) > b * d * (a + c) else mm(mm(A, B), C)).view(shape)
    split = kernels.multiplication_order(sizes)
    return _pairwise(matrices, split, 0, count - 1).view(shape)


@composite("chain_matmul(Tensor[] matrices) -> Tensor")
def chain_matmul(matrices: Sequence[Any]) -> Any:
    """The product of several matrices in the cheapest order."""
    for matrix in matrices:
        if matrix.dim() != 2:
            raise RuntimeError(
                f"Tensor with dimension 2 expected, but got tensor with dimension {matrix.dim()} for chain_matmul"
            )
    if not matrices:
        raise RuntimeError("chain_matmul(): Expected one or more matrices")
    return matrices[0] if len(matrices) == 1 else linalg_multi_dot.kernel(matrices)


@composite("cross(Tensor self, Tensor other, int? dim=None) -> Tensor")
def cross(self: Any, other: Any, dim: int | None = None) -> Any:
    """The vector product along dim, by default along the first dimension of size 3."""
    if dim is None:
        sizes = [i for i, size in enumerate(self.shape) if size == 3]
        if not sizes:
            raise RuntimeError("no dimension of size 3 in input")
        warn_once(
            "Using torch.cross without specifying the dim arg is deprecated.\nPlease either pass the dim explicitly or simply use "
            "torch.linalg.cross.\nThe default value of dim will change to agree with that of linalg.cross in a future release."
        )
        dim = sizes[0]
    return linalg_cross(self, other, dim)


@composite(
    "linalg_vecdot(Tensor x, Tensor y, *, int dim=-1) -> Tensor",
    module="linalg",
    element_types=(
        *inexact_types("linalg.vecdot"),
        alike(
            "x",
            "y",
            "linalg.vecdot: Expected x and y to have the same dtype, but found x of type {0} and y of type {1} instead",
        ),
    ),
)
def linalg_vecdot(x: Any, y: Any, dim: int = -1) -> Any:
    """The dot product along dim, x conjugated."""
    if x.dim() == 1 and y.dim() == 1:
        return vdot(x, y)
    return (x.conj() * y).sum(dim)


def _of_one_type(input1: Any, input2: Any, weight: Any, bias: Any) -> bool:
    """Whether there is something to multiply, of one type: both are asked before torch gets to a kernel."""
    alike = input1.dtype is input2.dtype is weight.dtype and (bias is None or bias.dtype is input1.dtype)
    return alike and input1.numel() > 0


@composite(
    "bilinear(Tensor input1, Tensor input2, Tensor weight, Tensor? bias=None) -> Tensor",
    element_types=instances("bmm", "int unsigned reduced float complex", when=_of_one_type),
    method=False,
    out=False,
)
def bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Any:
    """x1 (*, I), x2 (*, J), weight (O, I, J): the sum of weight times both, plus bias (O,)."""
    operands = {"input1": input1, "input2": input2, "weight": weight, "bias": bias}
    named = {name: type_name(t.dtype._numpy) for name, t in operands.items() if t is not None}
    if len(set(named.values())) > 1:
        listed = ", ".join(f"{name}: {kind}" for name, kind in named.items())
        raise RuntimeError(f"All tensors must have the same dtype, got {listed}")
    if input1.dim() != input2.dim():
        raise RuntimeError(
            f"bilinear(): input dimensions do not match: got {input1.dim()} and {input2.dim()}"
        )
    for i in range(input1.dim() - 1):
        if input1.shape[i] != input2.shape[i]:
            raise RuntimeError(
                f"bilinear(): input batch dimensions do not match at dim {i}: got {input1.shape[i]} and {input2.shape[i]}"
            )
    for number, tensor in ((1, input1), (2, input2)):
        if tensor.shape[-1] != weight.shape[number]:
            raise RuntimeError(
                f"bilinear(): input{number} size does not match weight size: got {tensor.shape[-1]} but expected "
                f"{weight.shape[number]}"
            )
    if bias is not None and bias.shape[0] != weight.shape[0]:
        raise RuntimeError(
            f"bilinear(): bias size does not match weight size: got {bias.shape[0]} but expected {weight.shape[0]}"
        )
    shape = [*input1.shape[:-1], weight.shape[0]]
    left, right = input1.reshape(-1, input1.shape[-1]), input2.reshape(-1, input2.shape[-1])
    result = trilinear(left, weight, right, [1, 3], [0], [1, 2], [2, 3], 1).reshape(shape)
    return result if bias is None else result + bias


# torch.functional's Python forms --------------------------------------------------------------------------------------


def tensordot(a: Any, b: Any, dims: Any = 2, out: Any = None) -> Any:
    """Contract dims dimensions (the last of a, the first of b), or two lists of them."""
    if hasattr(dims, "numel"):
        dims = dims.tolist() if dims.numel() > 1 else int(dims.item())
    if not isinstance(dims, tuple | list | int):
        raise RuntimeError(
            f"tensordot expects dims to be int or tuple[list[int], list[int]] or list[list[int]] containing two lists, but got dims={dims}"
        )
    if isinstance(dims, tuple | list):
        first, second = dims
    else:
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.dim(), b.dim()):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        first, second = list(range(-dims, 0)), list(range(dims))
    result = tensordot_operator.kernel(a, b, list(first), list(second))
    return result if out is None else deliver(tensordot_operator, result, out)


def chain_matmul_python(*matrices: Any, out: Any = None) -> Any:
    """The product of several matrices in the cheapest order. Deprecated in torch in favour of linalg.multi_dot."""
    warn_once(
        "torch.chain_matmul is deprecated and will be removed in a future PyTorch release. Use torch.linalg.multi_dot instead, which "
        "accepts a list of two or more tensors rather than multiple parameters."
    )
    result = chain_matmul.kernel(list(matrices))
    return result if out is None else deliver(chain_matmul, result, out)


FUNCTIONS = {"chain_matmul": chain_matmul_python, "tensordot": tensordot}
