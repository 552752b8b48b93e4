"""uint16, uint32 and uint64: what torch computes with them, and what it has no kernels for."""

from __future__ import annotations

from typing import Any

import pytest

import tinytorch

torch = pytest.importorskip("torch")

KINDS = ("uint16", "uint32", "uint64")

EXPRESSIONS = """
x + x | x + 1 | 1 - x | x * x | x * 2 | x / x | x // x | x // 2 | x % x | x ** 2 | 2 ** x | x == x | x < x | x >= 1 | x & 1 | x ^ x | x << 1
x + torch.ones(2) | x < torch.ones(2) | x + torch.tensor(1) | x + torch.tensor(1.0) | x + torch.tensor([1, 2]) | torch.maximum(x, x)
torch.fmin(x, x) | x.div(x, rounding_mode="floor") | x.div(2, rounding_mode="trunc") | x.div(x, rounding_mode=None) | -x | ~x | x.abs()
x.sign() | x.square() | x.exp().shape | x.floor() | x.sum() | x.prod() | x.amax() | x.max() | x.max(0) | x.min() | x.argmax() | x.aminmax()
x.median() | x.median(0) | x.mode() | x.sort() | x.argsort() | x.topk(1) | x.kthvalue(1) | x.cumsum(0) | x.cummax(0) | x.any() | x.all()
x.clamp(0, 1) | x.clamp(min=0) | x.clamp(max=x) | x.clamp(x, x) | x.clamp_min(x) | x.clamp_max(1) | x.relu() | x.nonzero() | x.flip(0)
x.roll(1) | x.tile(2) | x[0] | x[torch.tensor([1, 0])] | x[torch.tensor([True, False])] | x.gather(0, torch.tensor([0]))
x.index_select(0, torch.tensor([0])) | x.index_fill(0, torch.tensor([0]), 1) | x.index_add(0, torch.tensor([0]), x[:1])
x.scatter(0, torch.tensor([0]), x[:1]) | x.scatter(0, torch.tensor([0]), 1) | x.masked_fill(torch.tensor([True, False]), 1)
x.masked_select(torch.tensor([True, False])) | x.take(torch.tensor([0])) | torch.where(torch.tensor([True, False]), x, x) | x.dot(x)
x.view(1, 2) @ x.view(2, 1) | x.view(1, 2).mv(x) | torch.cross(x.repeat(2)[:3], x.repeat(2)[:3], dim=0) | x.diff()
torch.logical_and(x, x) | torch.logical_not(x) | torch.isin(x, x) | torch.isin(x, torch.ones(2)) | torch.bucketize(x, x) | x.bincount()
torch.bucketize(x.float(), x) | x.view(1, 2).triu() | x.view(1, 2).trace() | torch.cat([x, x]) | torch.isnan(x)
torch.arange(3, dtype=x.dtype) | torch.linspace(0, 3, 2, dtype=x.dtype) | torch.eye(2, dtype=x.dtype) | torch.full((2,), 3, dtype=x.dtype)
torch.zeros(2).copy_(x) | x.float() | x.clone().add_(1) | x.clone().mul_(2) | x.clone().fill_(3) | x.clone().__setitem__(0, 1)
x.clone().__setitem__(torch.tensor([0]), x[:1]) | x.clone().__setitem__(torch.tensor([True, False]), 1) | x.clone().__setitem__(slice(1), x[:1])
x.clone().masked_fill_(torch.tensor([True, False]), 1) | x.clone().neg_() | x.clone().__ilshift__(1) | torch.gcd(x, x)
"""
PROGRAMS = [
    compile(text.strip(), text.strip(), "eval")
    for text in EXPRESSIONS.replace("\n", " | ").split(" | ")
    if text.strip()
]


def _ending(torch: Any, program: Any, kind: str) -> Any:
    x = torch.tensor([1, 2]).to(getattr(torch, kind))
    try:
        result = eval(program, {"torch": torch, "x": x})
    except (RuntimeError, TypeError) as error:
        return type(error).__name__, str(error)
    results = result if isinstance(result, tuple) else (result,)
    return [(str(t.dtype), t.tolist()) if hasattr(t, "tolist") else type(t).__name__ for t in results]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.co_filename)
def test_same_result_or_error(program: Any, kind: str) -> None:
    expected, found = _ending(torch, program, kind), _ending(tinytorch, program, kind)
    assert found == expected


def test_counts_of_arange() -> None:
    for arguments in ((1.0, 5.000001, 2.0), (0.5, 3.5, 1.5), (5.9, 0.1, -1.9), (0, 0.9, 0.4)):
        for kind in ("int64", "int32"):

            def ending(torch: Any, arguments: Any = arguments, kind: str = kind) -> Any:
                try:
                    return torch.arange(*arguments, dtype=getattr(torch, kind)).tolist()
                except (RuntimeError, ValueError) as error:
                    return type(error).__name__, str(error)

            assert ending(tinytorch) == ending(torch), (arguments, kind)
