"""`Tensor.grad_dtype`, and how gradients lie in memory."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch as real

import tinytorch
from tests.unit.agreement import programs_agree


def _tried(call: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return str(call())
        except Exception as error:
            return type(error).__name__, str(error)


def _types(torch: Any) -> list[Any]:
    return [torch.float16, None, torch.float64, torch.int64, "a", 3]


def asked_and_set(torch: Any) -> Any:
    leaf = torch.ones(2, requires_grad=True)
    found = []
    for tensor in (leaf, leaf * 2, torch.ones(2), torch.ones(2, dtype=torch.int64)):
        found.append(_tried(lambda: tensor.grad_dtype))
        for kind in _types(torch):
            found.append(_tried(lambda: setattr(tensor, "grad_dtype", kind)))
            found.append(_tried(lambda: tensor.grad_dtype))
    return found


def arriving(torch: Any) -> Any:
    class Wider(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 1

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            return grad.double() / 3

    found = []
    for kind in (torch.float16, None, torch.float64, torch.bfloat16):
        for function in (lambda x: x * 1.001, lambda x: x.double() / 3, Wider.apply):
            leaf = torch.ones(3, 4).t().requires_grad_()
            leaf.grad_dtype = kind
            heard: list[Any] = []
            leaf.register_hook(lambda grad: heard.append(str(grad.dtype)))
            function(leaf).sum().backward()
            found.append([leaf.grad, leaf.grad.stride(), heard])
            function(leaf).sum().backward()
            found.append([leaf.grad, leaf.grad.stride(), torch.autograd.grad(function(leaf).sum(), leaf)])
    return found


def given(torch: Any) -> Any:
    leaf = torch.ones(2, requires_grad=True)
    found = []
    for kind in (torch.float64, None, torch.float32):
        leaf.grad = None
        leaf.grad_dtype = kind
        for other in (torch.float32, torch.float64, torch.bfloat16):
            found.append(_tried(lambda: setattr(leaf, "grad", torch.ones(2, dtype=other))))
        found += [_tried(lambda: setattr(leaf, "grad_dtype", torch.float16)), leaf.grad]
    return found


def differentiated_twice(torch: Any) -> Any:
    leaf = torch.tensor([1.0, 3.0], requires_grad=True)
    leaf.grad_dtype = torch.float16
    (first,) = torch.autograd.grad((leaf**3).sum(), leaf, create_graph=True)
    return [first, first.grad_fn.name(), torch.autograd.grad(first.sum(), leaf)]


@pytest.mark.parametrize("program", [asked_and_set, arriving, given, differentiated_twice])
def test_types_of_gradients(program: Any) -> None:
    programs_agree(program, relative=1e-6, absolute=0.0)


def _layouts(torch: Any, flag: bool) -> list[Any]:
    leaf = torch.zeros(2, 3, 4).permute(2, 0, 1).requires_grad_()
    found = []
    for function in (lambda x: (x * 2).sum(), lambda x: (x * x).sum()):
        leaf.grad = None
        with torch.autograd.enforce_grad_layout_policy(flag):
            function(leaf).backward()
        found.append(leaf.grad.stride())
        with torch.autograd.enforce_grad_layout_policy(flag):
            function(leaf).backward()
        found.append(leaf.grad.stride())
    leaf.grad = None
    torch.autograd.enforce_grad_layout_policy(flag)(lambda: (leaf * 2).sum().backward())()
    found.append(leaf.grad.stride())
    leaf.grad = None
    (leaf * 2).sum().backward()
    return [*found, leaf.grad.stride()]


@pytest.mark.parametrize("flag", [False, True])
def test_gradients_are_laid_out_like_their_tensors_unless_that_is_switched_off(flag: bool) -> None:
    assert _layouts(tinytorch, flag) == _layouts(real, flag)
    assert len(set(_layouts(tinytorch, False))) == 2
