"""Matrix products of groups, and of 8-bit matrices with scales."""

from __future__ import annotations

import pytest
import torch as real

import tinytorch

OFFSETS = [3, 10, 24, 32]
SHAPES = {
    "rows": ((32, 16), (4, 16, 8), True),
    "columns": ((4, 8, 16), (16, 32), True),
    "sums": ((8, 32), (32, 16), True),
    "batches": ((4, 8, 16), (4, 16, 8), False),
}


def _grouped(torch, shapes, dtype, by_columns):
    torch.manual_seed(0)
    left, right, with_offsets = shapes
    a = torch.randn(*left).to(getattr(torch, dtype)).requires_grad_()
    b = torch.randn(*(right[:-2] + (right[-1], right[-2]) if by_columns else right)).to(getattr(torch, dtype))
    b = (b.mT if by_columns else b).detach().requires_grad_()
    offs = torch.tensor(OFFSETS, dtype=torch.int32) if with_offsets else None
    out = torch.nn.functional.grouped_mm(a, b, offs=offs)
    grad = torch.randn(*out.shape).to(out.dtype)
    grads = torch.autograd.grad(out, (a, b), grad)
    strides = [tensor.stride() for tensor in (out, *grads)]
    return [tensor.detach().float().tolist() for tensor in (out, *grads)], strides, type(out.grad_fn).__name__


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("by_columns", [False, True])
@pytest.mark.parametrize("name", SHAPES)
def test_groups(name, by_columns, dtype):
    theirs, ours = (_grouped(torch, SHAPES[name], dtype, by_columns) for torch in (real, tinytorch))
    assert ours[1:] == theirs[1:]
    close = 1e-5 if dtype == "float32" else 2e-2
    for mine, other in zip(ours[0], theirs[0], strict=True):
        real.testing.assert_close(real.tensor(mine), real.tensor(other), rtol=close, atol=close)


def test_second_order():
    torch = tinytorch
    torch.manual_seed(0)
    a, b = torch.randn(32, 16, requires_grad=True), torch.randn(4, 16, 8, requires_grad=True)
    offs = torch.tensor(OFFSETS, dtype=torch.int32)
    out = torch.nn.functional.grouped_mm(a, b, offs=offs)
    first = torch.autograd.grad(out.square().sum(), (a, b), create_graph=True)
    second = torch.autograd.grad(sum(grad.square().sum() for grad in first), (a, b))
    pieces = [a[start:end] @ b[i] for i, (start, end) in enumerate(zip([0, *OFFSETS], OFFSETS, strict=False))]
    again = torch.autograd.grad(torch.cat(pieces).square().sum(), (a, b), create_graph=True)
    expected = torch.autograd.grad(sum(grad.square().sum() for grad in again), (a, b))
    for mine, other in zip(second, expected, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-1)


def _wrong(torch):
    group = torch.nn.functional.grouped_mm
    a, b, offs = torch.ones(32, 16), torch.ones(4, 16, 8), torch.tensor(OFFSETS, dtype=torch.int32)
    yield lambda: group(a, b)
    yield lambda: group(a.double(), b.double(), offs=offs)
    yield lambda: group(a, b, offs=offs.long())
    yield lambda: group(a, b, offs=offs[:3])
    yield lambda: group(a, b, offs=offs[None])
    yield lambda: group(a, b, offs=offs, bias=torch.ones(8))
    yield lambda: group(a, b, offs=offs, out_dtype=torch.bfloat16)
    yield lambda: group(a, b.bfloat16(), offs=offs)
    yield lambda: group(a[0], b, offs=offs)
    yield lambda: group(a[:, :8], b, offs=offs)
    yield lambda: group(torch.ones(32, 15), torch.ones(4, 15, 8), offs=offs)
    yield lambda: group(torch.ones(32, 32)[:, ::2], b, offs=offs)
    yield lambda: group(torch.ones(3, 8, 16), b)
    yield lambda: group(torch.ones(4, 8, 16), b, offs=offs)


def _scaled_operands(torch):
    torch.manual_seed(0)
    kind = torch.float8_e4m3fn
    return torch.randn(16, 32).to(kind), torch.randn(24, 32).to(kind).t()


def _wrong_scales(torch):
    scaled, kinds = torch.nn.functional.scaled_mm, torch.nn.functional.ScalingType
    x, w = _scaled_operands(torch)
    one = torch.ones(())
    yield lambda: torch._scaled_mm(x.float(), w.float(), one, one)
    yield lambda: torch._scaled_mm(x, w, torch.ones(16), torch.ones(24))
    yield lambda: torch._scaled_mm(x, w, one.double(), one.double())
    yield lambda: torch._scaled_mm(x[:, :16], w, one, one)
    yield lambda: torch._scaled_mm(x[0], w, one, one)
    yield lambda: torch._scaled_mm(x, w, one, one, bias=torch.ones(15))
    yield lambda: scaled(x, w, torch.ones(16, 1), kinds.TensorWise, torch.ones(1, 24), kinds.TensorWise)
    yield lambda: scaled(x, w, torch.ones(1, 1), kinds.RowWise, torch.ones(1, 1), kinds.RowWise)
    yield lambda: scaled(x, w, torch.ones(16), kinds.RowWise, torch.ones(24), kinds.RowWise)


def test_errors_are_torchs():
    for calls in (_wrong, _wrong_scales):
        for expected, actual in zip(calls(real), calls(tinytorch), strict=True):
            with pytest.raises(Exception) as theirs:
                expected()
            with pytest.raises(type(theirs.value)) as ours:
                actual()
            assert str(ours.value) == str(theirs.value)


def _scaled(torch):
    scaled, kinds = torch.nn.functional.scaled_mm, torch.nn.functional.ScalingType
    x, w = _scaled_operands(torch)
    two, half = torch.tensor(2.0), torch.tensor(0.5)
    rows, columns = torch.rand(16, 1) + 0.5, torch.rand(1, 24) + 0.5
    results = [
        torch._scaled_mm(x, w, two, half),
        torch._scaled_mm(x, w, two, half, bias=torch.ones(24), out_dtype=torch.float32),
        torch._scaled_mm(x, w, rows, columns, out_dtype=torch.bfloat16),
        scaled(x, w, two, kinds.TensorWise, two, kinds.TensorWise),
        scaled(x, w, rows, kinds.RowWise, columns, kinds.RowWise, output_dtype=torch.float32),
    ]
    return [(str(result.dtype), result.float().tolist()) for result in results]


def test_scales():
    for (kind, mine), (other_kind, other) in zip(_scaled(tinytorch), _scaled(real), strict=True):
        assert kind == other_kind
        real.testing.assert_close(real.tensor(mine), real.tensor(other), rtol=1e-5, atol=1e-5)


def test_kinds_print_as_torchs():
    for name in ("ScalingType", "SwizzleType"):
        theirs, ours = (getattr(torch.nn.functional, name) for torch in (real, tinytorch))
        assert [repr(kind) for kind in ours] == [repr(kind) for kind in theirs.__members__.values()]
        assert str(ours(0)) == str(theirs(0))
    with pytest.raises(NotImplementedError, match="_scaled_grouped_mm_v2"):
        x = tinytorch.ones(2, 2)
        tinytorch.nn.functional.scaled_grouped_mm(x, x, x, None, x, None)
