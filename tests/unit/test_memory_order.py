"""Strides of results: over operands with permuted, repeated, single and empty dimensions they are PyTorch's."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch

import tinytorch


def counted(library: Any, *shape: int) -> Any:
    """An ascending tensor of the given shape."""
    count = 1
    for size in shape:
        count *= size
    return (library.arange(count, dtype=library.float32) - 1).reshape(shape)


#: Pairs of operands that broadcast.
OPERANDS: dict[str, Callable[[Any], tuple[Any, Any]]] = {
    "contiguous": lambda t: (counted(t, 2, 3, 4), counted(t, 3, 1)),
    "transposed": lambda t: (counted(t, 2, 3, 4).mT, counted(t, 4, 3)),
    "permuted": lambda t: (counted(t, 2, 3, 4).permute(2, 0, 1), counted(t, 3, 2, 4).permute(2, 1, 0)),
    "a transposed column": lambda t: (counted(t, 4, 1).t().unsqueeze(1), counted(t, 4, 1)),
    "a transposed row": lambda t: (counted(t, 1, 4).t(), counted(t, 1)),
    "single dimensions": lambda t: (
        counted(t, 2, 1, 4).unfold(1, 1, 1).transpose(0, 2),
        counted(t, 4, 1, 2, 1),
    ),
    "single dimensions of another order": lambda t: (counted(t, 1, 4, 1, 1).transpose(1, 3), counted(t, 4)),
    "a diagonal": lambda t: (counted(t, 2, 1, 2).diagonal(), counted(t, 2, 1)),
    "with gaps": lambda t: (counted(t, 4, 4)[::2, 1:3], counted(t, 2, 2).t()),
    "expanded": lambda t: (counted(t, 1, 4).expand(3, 4), counted(t, 3, 1)),
    "expanded in front": lambda t: (counted(t, 4, 2).t().expand(3, 2, 4), counted(t, 2, 1)),
    "channels last": lambda t: (counted(t, 2, 3, 4, 2).permute(0, 3, 1, 2), counted(t, 1, 2, 1, 1)),
    "overlapping windows": lambda t: (counted(t, 5).unfold(0, 2, 1), counted(t, 2)),
    "empty": lambda t: (counted(t, 3, 2, 0, 2), counted(t, 2)),
    "empty and permuted": lambda t: (counted(t, 3, 2, 0, 2).permute(2, 1, 0, 3), counted(t, 3, 1)),
    "empty with single dimensions": lambda t: (counted(t, 0, 1), counted(t, 1)),
    "empty slice": lambda t: (counted(t, 2, 3, 4)[:, 3:].transpose(0, 1), counted(t, 2, 1)),
    "empty and expanded": lambda t: (counted(t, 1, 3).expand(0, 3), counted(t, 3)),
    "expanded to nothing": lambda t: (counted(t).expand(0), counted(t, 1)),
    "empty and widened": lambda t: (counted(t, 0, 1)[None, :, None], counted(t, 1, 1, 1, 1).mT),
    "a number": lambda t: (counted(t), counted(t, 1)),
}


def spread(x: Any) -> Any:
    """A leaf with the elements and strides of x."""
    return x.detach().requires_grad_()


OPERATIONS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "the operands": lambda t, x, y: (x, y, x[None], x[..., None], x.numpy().strides),
    "of one operand": lambda t, x, y: (-x, x.exp(), x.clone(), x.double(), x.relu(), x.isnan(), t.zeros_like(x)),
    "of two operands": lambda t, x, y: (x + y, y * x, x < y, t.maximum(x, y), t.where(x > 0, x, y), x / y),
    "of three operands": lambda t, x, y: (t.addcmul(x, x, y), t.lerp(x, y, 0.5), t.where(x > 0, y, 1.0)),
    "of mixed types": lambda t, x, y: (x.double() + y, x.int() * y, x.half() + x.half()),
    "with numbers": lambda t, x, y: (x * 2.0, 2.0 - x, x == 2.0, x**2, t.pow(4, x), x.clamp(0, 1), x % 3),
    "allocated before": lambda t, x, y: (
        t.nn.functional.hardtanh(x), x.deg2rad(), x.nan_to_num(), tuple(t.frexp(x)), t.nn.functional.prelu(x, t.ones(1))
    ),
    "written to given tensors": lambda t, x, y: (
        t.add(x, y, out=t.empty(0)), t.add(x, y, out=t.empty(7)), t.exp(x, out=t.empty(0)), t.add(x, y, out=t.empty(0).double())
    ),
    "losses": lambda t, x, y: (
        t.nn.functional.mse_loss(x, x, reduction="none"),
        t.nn.functional.smooth_l1_loss(x, x, reduction="none"),
        t.nn.functional.huber_loss(x, x, reduction="none"),
        t.nn.functional.binary_cross_entropy_with_logits(x, x, reduction="none"),
    ),
    "flipped": lambda t, x, y: x.flip(-1),
    "rolled": lambda t, x, y: x.roll(1, -1),
    "turned": lambda t, x, y: (x.rot90(1, (0, 1)), x.rot90(2, (0, 1)), x.rot90(-1, (0, -1))),
    "repeated": lambda t, x, y: (x.repeat(*(2,) * x.dim()), x.repeat(3, *(1,) * x.dim()), x.tile((2, 0))),
    "sorted": lambda t, x, y: (*x.sort(-1), x.argsort(0)),
    "the largest": lambda t, x, y: tuple(x.topk(1, -1)),
    "extremes": lambda t, x, y: (*t.aminmax(x, dim=0), *x.max(-1)),
    "reduced": lambda t, x, y: (x.sum(0), x.mean(-1, keepdim=True), x.var(0), x.cumsum(-1)),
    "halves": lambda t, x, y: t.nn.functional.glu(t.cat([x, x], -1).mT, -2),
    "slices replaced": lambda t, x, y: (x.select_scatter(x.select(0, 0), 0, 0), x.slice_scatter(x, -1), x.index_fill(0, t.tensor([0]), 2.0)),
    "index in front": lambda t, x, y: (x[[0, 0]], x[t.tensor([[0], [0]])]),
    "index behind": lambda t, x, y: x[..., [0]],
    "index within": lambda t, x, y: (x[:, [0]], x[None, :, t.tensor([0])]),
    "indices apart": lambda t, x, y: (x[[0, 0], ..., [0, 0]], x[0, 1:, [0, 0]]),
    "indices broadcast": lambda t, x, y: x[t.tensor([[0], [0]]), t.tensor([0, 0])],
    "index that is a truth value": lambda t, x, y: (x[True], x[False], x[0:1, True]),
    "mask": lambda t, x, y: (x[x > 0], x.nonzero(), x.masked_fill(x > 0, 1.0)),
    "reshaped": lambda t, x, y: (x.reshape(-1), x.reshape(1, *x.shape), x.view(x.shape)),
    "shared with NumPy": lambda t, x, y: t.from_numpy(x.numpy()),
    "gradients": lambda t, x, y: (
        *t.autograd.grad((a := spread(x)).sum(), a), *t.autograd.grad((a := spread(x)).exp().sum(), a),
        *t.autograd.grad((a := spread(x)).sum(0).sum(), a), *t.autograd.grad((a := spread(x)).mean(), a)
    ),
}  # fmt: skip


def geometry(value: Any) -> Any:
    """Shapes, strides and offsets of tensors, in place."""
    if isinstance(value, tuple):
        return tuple(geometry(item) for item in value)
    return value if isinstance(value, int) else (tuple(value.shape), value.stride(), value.storage_offset())


def outcome(library: Any, operands: Callable[[Any], Any], operation: Callable[..., Any]) -> Any:
    try:
        return geometry(operation(library, *operands(library)))
    except Exception as error:
        return type(error).__name__


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS.keys())
def test_strides_of_results(operation: Callable[..., Any]) -> None:
    found = {name: outcome(tinytorch, operands, operation) for name, operands in OPERANDS.items()}
    assert found == {name: outcome(torch, operands, operation) for name, operands in OPERANDS.items()}


def test_no_elements_keep_their_strides_through_views() -> None:
    def program(library: Any) -> Any:
        x = library.randint(0, 7, (3, 2, 0, 2))
        return geometry(
            (x, x.permute(2, 1, 0, 3), x.unsqueeze(1), x[1:, :1], x.flatten().expand(2, 0), x.diagonal())
        )

    assert program(tinytorch) == program(torch)


def test_cotangents_of_squeezed_and_pickled_tensors() -> None:
    def program(library: Any) -> Any:
        x = counted(library, 3, 1, 2, 1).requires_grad_()
        squeezed = (x.squeeze(), x.squeeze(1), x.squeeze((3, 1)), x.squeeze(0))
        gradients = [library.autograd.grad(y.sum(), x)[0] for y in squeezed]
        return geometry((*gradients, pickle.loads(pickle.dumps(counted(library, 0, 3))), x.rot90(4, (0, 2))))

    assert program(tinytorch) == program(torch)


def test_storage_of_a_copy_in_which_a_slice_is_replaced_has_the_gaps() -> None:
    def program(library: Any) -> Any:
        x = counted(library, 3, 4)[1:, ::2]
        return geometry((x.slice_scatter(x), x.select_scatter(x[0], 0, 1), x[:0].slice_scatter(x[:0])))

    assert program(tinytorch) == program(torch)
