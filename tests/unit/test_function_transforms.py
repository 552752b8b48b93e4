"""Custom functions under vmap, grad and jvp, and mixed modes of differentiation, against torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from journal import Journal, same_journals

import tinytorch

torch = pytest.importorskip("torch")


def _sine(torch: Any, journal: Journal) -> Any:
    """A function through NumPy, so that only its own rules can take it through a transformation."""

    class Sine(torch.autograd.Function):
        @staticmethod
        def forward(x, y):
            return torch.from_numpy(np.sin(x.detach().numpy() * 1)) * y

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)
            ctx.save_for_forward(*inputs)

        @staticmethod
        def backward(ctx, grad):
            x, y = ctx.saved_tensors
            return grad * x.cos() * y, grad * x.sin()

        @staticmethod
        def jvp(ctx, dx, dy):
            x, y = ctx.saved_tensors
            return dx * x.cos() * y + dy * x.sin()

        @staticmethod
        def vmap(info, in_dims, x, y):
            journal.note([tuple(info), in_dims, x.shape, y.shape])
            x = x.movedim(in_dims[0], 0) if in_dims[0] is not None else x
            y = y.movedim(in_dims[1], 0) if in_dims[1] is not None else y
            return Sine.apply(x, y), 0

    return Sine


def _own_rules(torch: Any, journal: Journal) -> None:
    function = _sine(torch, journal)
    x, y = torch.arange(6.0).view(3, 2), torch.ones(2)
    batched = torch.vmap(function.apply, in_dims=(0, None))
    journal.tries(lambda: batched(x, y))
    journal.tries(lambda: torch.vmap(function.apply, in_dims=(1, None))(x, torch.ones(3)))
    journal.tries(lambda: torch.vmap(torch.vmap(function.apply))(x[None], x[None]))
    journal.tries(lambda: torch.func.vmap(torch.func.grad(lambda a: function.apply(a, y).sum()))(x))
    journal.tries(lambda: torch.func.grad(lambda a: batched(a, y).sum())(x))
    journal.tries(lambda: torch.func.jvp(function.apply, (y, y), (y, y)))
    journal.tries(lambda: torch.func.jacfwd(function.apply)(y, y))
    journal.tries(lambda: torch.func.jacrev(function.apply)(y, y))
    leaf = x.clone().requires_grad_()
    batched(leaf, y).sum().backward()
    journal.note(leaf.grad)


def _errors(torch: Any, journal: Journal) -> None:
    def function(**members: Any) -> Any:
        members = {
            name: m if name == "generate_vmap_rule" else staticmethod(m) for name, m in members.items()
        }
        return type(torch.autograd.Function)("Fn", (torch.autograd.Function,), members)

    def setup(ctx: Any, inputs: Any, output: Any) -> None:
        pass

    double = {"forward": lambda x: x * 2, "setup_context": setup}
    old = {"forward": lambda ctx, x: x * 2, "backward": lambda ctx, g: g * 2}
    ones = torch.ones(2)
    for case in [
        double,
        {**double, "vmap": lambda info, in_dims, x: x},
        {**double, "vmap": lambda info, in_dims, x: (x, (0, 0))},
        {**double, "vmap": lambda info, in_dims, x: (x, 0), "generate_vmap_rule": True},
        {**double, "generate_vmap_rule": True},
        old,
    ]:
        journal.tries(lambda case=case: torch.vmap(function(**case).apply)(ones))
    journal.tries(lambda: torch.func.grad(lambda x: function(**old).apply(x).sum())(ones))
    forward_ad = torch.autograd.forward_ad
    for jvp in [None, lambda ctx, g: (g, g), lambda ctx, g: torch.ones(5), lambda ctx, g: g * 7]:
        case = dict(old) if jvp is None else {**old, "jvp": jvp}
        with forward_ad.dual_level():
            dual = forward_ad.make_dual(ones, ones)
            journal.tries(
                lambda case=case, dual=dual: list(forward_ad.unpack_dual(function(**case).apply(dual)))
            )


def _mixed(torch: Any, journal: Journal) -> None:
    forward_ad = torch.autograd.forward_ad
    weight = torch.ones(2, requires_grad=True)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(torch.ones(2), torch.ones(2))
        product = dual * weight
        journal.note(forward_ad.unpack_dual(product).tangent.requires_grad)
        product.sum().backward()
        tangent = forward_ad.unpack_dual((weight * weight * dual).sin()).tangent
        journal.note(torch.autograd.grad(tangent.sum(), weight)[0])
        journal.tries(lambda: forward_ad.make_dual(weight, torch.ones(2)).numpy())
    journal.note(forward_ad.unpack_dual(weight.grad).primal)
    journal.tries(lambda: torch.func.grad(lambda x: x.backward())(torch.ones(())))
    table, index = torch.arange(6.0).view(2, 3), torch.tensor([1, 2])
    journal.tries(lambda: torch.vmap(lambda i: table[0][i])(index))
    journal.tries(lambda: torch.vmap(lambda x, i: x[i])(table, index))
    journal.tries(lambda: torch.vmap(lambda x, i: x[None, i, None])(table, index))
    linear = torch.nn.Linear(1, 1)
    journal.tries(lambda: torch.func.functional_call(linear, {"foo": table}, torch.ones(1)).shape)
    journal.note(hasattr(linear, "foo"))
    journal.tries(lambda: torch.func.functional_call(linear, {"foo": table}, torch.ones(1), strict=True))


def _gradcheck(torch: Any, journal: Journal) -> None:
    x = torch.linspace(0.1, 1, 3, dtype=torch.float64).requires_grad_()
    z = torch.complex(x.detach(), x.detach() * 2).requires_grad_()
    both = {"check_forward_ad": True, "check_batched_grad": True, "check_batched_forward_grad": True}
    for function, inputs in [
        (torch.sin, (x,)),
        (torch.mul, (x, x.detach() + 1)),
        (torch.abs, (z,)),
        (torch.sin, (z,)),
    ]:
        journal.tries(lambda f=function, i=inputs: torch.autograd.gradcheck(f, i, **both))
    check = torch.autograd.gradgradcheck
    other = x.detach().clone().requires_grad_()
    journal.tries(lambda: check(torch.mul, (x, other), check_fwd_over_rev=True))
    journal.tries(lambda: check(torch.sin, (x,), gen_non_contig_grad_outputs=True))


@pytest.mark.parametrize("program", [_own_rules, _errors, _mixed, _gradcheck])
def test_as_torch(program: Any) -> None:
    same_journals(program, torch, tinytorch)
