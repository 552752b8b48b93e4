"""torch.autograd.functional and gradcheck, compared with torch."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
import tinytorch

from .journal import same_journals


def functional(T, log):
    tr = log.tries
    A = T.autograd
    x = T.tensor([1.0, 2.0], requires_grad=True)
    y = T.tensor([3.0, 4.0], requires_grad=True)
    # functional
    F = A.functional
    f = lambda a: (a * a * y.detach()).exp()
    s = lambda a: (a**3).sum()
    two = lambda a, b: (a * b, a.sum() + b)
    v = T.tensor([1.0, -1.0])
    for c in (False, True):
        tr(lambda: F.vjp(f, x, v, create_graph=c))
        tr(lambda: F.jvp(f, x, v, create_graph=c))
        tr(lambda: F.jacobian(f, x, create_graph=c))
        tr(lambda: F.hessian(s, x, create_graph=c))
        tr(lambda: F.hvp(s, x, v, create_graph=c))
        tr(lambda: F.vhp(s, x, v, create_graph=c))
    tr(lambda: F.jacobian(two, (x, y)))
    tr(lambda: F.jacobian(two, (x, y), vectorize=True))
    tr(lambda: F.vjp(two, (x, y), (v, v)))
    tr(lambda: F.jvp(two, (x, y), (v, v)))
    tr(lambda: F.vjp(f, x))
    tr(lambda: F.jvp(f, x))
    tr(lambda: F.hessian(f, x))
    tr(lambda: F.hvp(s, x))
    tr(lambda: F.vjp(two, (x, y), v))
    tr(lambda: F.vjp(f, x, T.ones(3)))
    tr(lambda: F.vjp(f, [x]))
    tr(lambda: F.vjp(lambda a: T.ones(2), x, v, strict=True))
    tr(lambda: F.jacobian(lambda a: T.ones(2), x, strict=True))
    tr(lambda: F.jacobian(lambda a: T.ones(2), x))
    tr(lambda: F.hessian(lambda a: a.sum(), x, strict=True))
    tr(lambda: F.hessian(lambda a: a.sum(), x))
    tr(lambda: F.jvp(lambda a, b: a * 1, (x, y), (v, v), strict=True))
    tr(lambda: F.hvp(lambda a: a.sum(), x, v, strict=True))
    tr(lambda: F.hvp(lambda a: a.sum(), x, v))
    tr(lambda: F.vhp(lambda a: a.sum(), x, v, strict=True))
    tr(lambda: F.hessian(lambda a, b: (a * b).sum() ** 2, (x, y)))
    tr(lambda: F.jacobian(f, x, strategy="bad"))
    tr(lambda: F.jacobian(f, x, strategy="forward-mode", vectorize=True))
    tr(lambda: F.hessian(s, x, vectorize=True, outer_jacobian_strategy="forward-mode"))
    tr(lambda: F.jacobian(f, x, strategy="forward-mode"))
    tr(lambda: F.vjp(two, (x, 3), (v, v)))


def gradcheck(T, log):
    tr = log.tries
    A = T.autograd
    x = T.tensor([1.0, 2.0], requires_grad=True)
    y = T.tensor([3.0, 4.0], requires_grad=True)
    # gradcheck
    d = T.tensor([[0.3, 0.5], [0.1, -0.7]], dtype=T.float64, requires_grad=True)
    e = T.tensor([1.3, 0.5], dtype=T.float64, requires_grad=True)
    cc = T.tensor([1 + 2j, 0.5j], dtype=T.complex128, requires_grad=True)
    tr(lambda: A.gradcheck(lambda a: a.sin(), d))
    tr(lambda: A.gradcheck(lambda a, b: (a * b, a.sum(0)), (d, e)))
    tr(lambda: A.gradgradcheck(lambda a, b: (a * b).exp(), (d, e)))
    tr(lambda: A.gradcheck(lambda a: a * a, cc))
    tr(lambda: A.gradcheck(lambda a: a.abs(), cc))
    tr(lambda: A.gradcheck(lambda a: (a * cc).real, e))
    tr(lambda: A.gradgradcheck(lambda a: a * a * a, cc))

    class Wrong(A.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.save_for_backward(a)
            return a * a

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0] * 3

    tr(lambda: A.gradcheck(Wrong.apply, e))
    tr(lambda: A.gradcheck(Wrong.apply, e, raise_exception=False))
    tr(lambda: A.gradcheck(Wrong.apply, cc))

    class Const(A.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 1

        @staticmethod
        def backward(ctx, g):
            return T.ones(2, dtype=T.float64)

    tr(lambda: A.gradcheck(Const.apply, e))

    class Size(A.Function):
        @staticmethod
        def forward(ctx, a):
            return a.sum()

        @staticmethod
        def backward(ctx, g):
            return g

    tr(lambda: A.gradcheck(Size.apply, e))
    st = [0]

    class Non(A.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 1

        @staticmethod
        def backward(ctx, g):
            st[0] += 1
            return g * (1 + 1e-9 * st[0])

    tr(lambda: A.gradcheck(Non.apply, e))
    tr(lambda: A.gradcheck(lambda a: a * 1, x))
    tr(lambda: A.gradcheck(lambda a: a * 1, T.ones(2)))
    tr(lambda: A.gradcheck(lambda a: a * 1, e.detach()[:1].expand(3).requires_grad_()))
    tr(lambda: A.gradcheck(lambda a: a.detach(), e))
    tr(lambda: A.gradcheck(lambda a: T.zeros(2), e))
    tr(lambda: A.gradcheck(lambda a: a.sin(), e, check_forward_ad=True))
    tr(lambda: A.gradcheck(lambda a: a.sin(), e, check_batched_grad=True))
    tr(lambda: A.gradcheck(lambda a: a.sin(), e, fast_mode=True))
    tr(lambda: A.gradgradcheck(Wrong.apply, e))
    tr(lambda: isinstance(x, A.Variable))
    tr(lambda: A.Variable(T.ones(2), requires_grad=True))
    with A.set_multithreading_enabled(False):
        tr(lambda: A.grad((x * y).sum(), x)[0])
    with A.profiler.record_function("hi"):
        pass


@pytest.mark.parametrize("program", [functional, gradcheck], ids=lambda program: program.__name__)
def test_same_as_torch(program: Any) -> None:
    same_journals(program, torch, tinytorch)
