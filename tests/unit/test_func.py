"""torch.func against torch: reverse and forward mode as functions of functions, nested in every order."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from transforms import outcome

import tinytorch

torch = pytest.importorskip("torch")


PROGRAMS = {
    "grad": "grad(f)(x)",
    "gg": "grad(lambda a: grad(f)(a).pow(2).sum())(x)",
    "perturb": "grad(lambda a: a * grad(lambda b: a + b)(torch.tensor(2.0)))(torch.tensor(1.0))",
    "perturb2": "grad(lambda a: a * grad(lambda b: a * b * b)(a))(torch.tensor(3.0))",
    "vmapgrad": "vmap(grad(f))(M)",
    "gradvmap": "grad(lambda m: vmap(f)(m).pow(2).sum())(M)",
    "gvg": "grad(lambda m: vmap(grad(f))(m).pow(2).sum())(M)",
    "vgg": "vmap(grad(lambda a: grad(f)(a).pow(2).sum()))(M)",
    "closure": "grad(lambda w: vmap(grad(lambda a: (w * a).pow(3).sum()))(M).sum())(w)",
    "closure2": "vmap(lambda b: grad(lambda y: (y * b).pow(2).sum())(x))(e3 + 1)",
    "argnums": "grad(lambda a, b: (a * b).sum(), argnums=(0, 1))(x, t)",
    "argnums-1": "grad(lambda a, b: (a * b * b).sum(), argnums=-1)(x, t)",
    "argnums bad": "grad(lambda a, b: (a * b * b).sum(), argnums=2)(x, t)",
    "argnums bad2": "grad(lambda a, b: (a * b * b).sum(), argnums=(0, 0))(x, t)",
    "argnums bad3": "grad(lambda a, b: (a * b * b).sum(), argnums='x')(x, t)",
    "aux": "grad(lambda a: ((a * a).sum(), {'v': a * 2}), has_aux=True)(x)",
    "aux bad": "grad(lambda a: (a * a).sum(), has_aux=True)(x)",
    "gv": "grad_and_value(f)(x)",
    "nonscalar": "grad(lambda a: a)(x)",
    "nontensor": "grad(lambda a: 3)(x)",
    "intarg": "grad(lambda a: a.sum())(torch.tensor([1, 2]))",
    "numarg": "grad(lambda a: a)(3.0)",
    "pytree": "grad(lambda p: (p['a'] * p['b'][0]).sum())({'a': x, 'b': [t]})",
    "unused": "grad(lambda a, b: a.sum(), argnums=1)(x, t)",
    "nodep": "grad(lambda a: torch.tensor(1.0))(x)",
    "outer": "(grad(f)(xr).requires_grad, torch.autograd.grad(grad(f)(xr).sum(), xr), grad(f)(x).requires_grad)",
    "outer vmap": "torch.autograd.grad(vmap(f)(torch.stack([xr, xr * 2])).sum(), xr)",
    "outer jvp": "torch.autograd.grad(jvp(f, (xr,), (t,))[1], xr)",
    "outer val": "(vjp(f, xr)[0].requires_grad, vjp(f, x)[0].requires_grad)",
    "vjp": "(lambda o, p: (o, p(torch.ones(())), p(torch.ones(()))))(*vjp(f, x))",
    "vjp multi": "(lambda o, p: (o, p({'a': x, 'b': torch.ones(())})))(*vjp(lambda a, b: {'a': a * b, 'b': a.sum()}, x, t))",
    "vjp struct": "vjp(lambda a: (a, a), x)[1](x)",
    "vjp shape": "vjp(lambda a: a, x)[1](torch.ones(2))",
    "vjp bad": "vjp(lambda a: 3, x)",
    "vjp int": "vjp(lambda a: a.long(), x)",
    "vjp none": "vjp(lambda a: None, x)",
    "vmap vjp": "vmap(vjp(lambda a: a * a.sum(), x)[1])(e3)",
    "jvp": "jvp(f, (x,), (t,))",
    "jvp tree": "jvp(lambda a, b: {'r': a * b, 's': (a.sum(),)}, (x, t), (t, x))",
    "jvp aux": "jvp(lambda a: (a * a, a + 1), (x,), (t,), has_aux=True)",
    "jvp strict": "jvp(lambda a: torch.ones(2), (x,), (t,), strict=True)",
    "jvp nodep": "jvp(lambda a: torch.ones(2), (x,), (t,))",
    "jvp err": "jvp(f, x, t)",
    "jvp err2": "jvp(f, (x,), (t, t))",
    "jvp err3": "jvp(f, (x,), (3.0,))",
    "jvp err4": "jvp(f, (), ())",
    "jvp err5": "jvp(f, (x,), (t[:2],))",
    "jvp err6": "jvp(lambda a: 3, (x,), (t,))",
    "jvpjvp": "jvp(lambda a: jvp(f, (a,), (t,))[1], (x,), (t,))",
    "jvp perturb": "jvp(lambda a: a * jvp(lambda b: a + b, (torch.tensor(2.0),), (torch.tensor(1.0),))[1], (torch.tensor(1.0),), (torch.tensor(1.0),))",
    "jvpgrad": "jvp(grad(f), (x,), (t,))",
    "gradjvp": "grad(lambda a: jvp(f, (a,), (t,))[1])(x)",
    "jvpvmap": "jvp(vmap(f), (M,), (M * 2,))",
    "vmapjvp": "vmap(lambda a, b: jvp(f, (a,), (b,)))(M, M * 2)",
    "jac": "(jacrev(lambda a: a * a.sum())(x), jacfwd(lambda a: a * a.sum())(x))",
    "jac2": "(jacrev(lambda a: a.sin())(M[:2, :2]), jacfwd(lambda a: a.softmax(0))(M[:2, :2]))",
    "jac tree": "(jacrev(lambda a, b: {'o': a * b.sum(), 's': b.sum()}, argnums=(0, 1))(x, t), jacfwd(lambda a, b: {'o': a * b.sum(), 's': b.sum()}, argnums=(0, 1))(x, t))",
    "jac chunk": "(jacrev(lambda a: a * a.sum(), chunk_size=2)(x), jacrev(lambda a: a * a.sum(), chunk_size=1)(x))",
    "jac aux": "(jacrev(lambda a: (a * a.sum(), a), has_aux=True)(x), jacfwd(lambda a: (a * a.sum(), a), has_aux=True)(x))",
    "jac complex": "jacrev(lambda a: a)(torch.ones(2, dtype=torch.complex64))",
    "hess": "hessian(lambda a: (a.sin() * a * a.sum()).sum())(x)",
    "hess2": "(jacrev(jacrev(f))(x), jacrev(jacfwd(f))(x), jacfwd(jacfwd(f))(x))",
    "hess args": "hessian(lambda a, b: (a * a * b).sum(), argnums=(0, 1))(x, t)",
    "vmaphess": "vmap(hessian(f))(M[:2])",
    "gradhess": "grad(lambda a: hessian(f)(a).sum())(x)",
    "vmapjacrev": "vmap(jacrev(lambda a: a.softmax(0)))(M[:2])",
    "jacvmap": "jacrev(vmap(lambda a: a.softmax(0)))(M[:2, :2])",
    "ip in grad": "grad(lambda a: (lambda c: (c.mul_(a), c[1:].add_(a[:2]), c.sum())[2])(a.clone()))(x)",
    "ip in vmapgrad": "vmap(grad(lambda a: (lambda c: (c.mul_(a), c[1:].mul_(a[:3]), c.sum())[2])(a.clone())))(M)",
    "ip in jvp": "jvp(lambda a: (lambda c: (c.mul_(a), c[1:].mul_(a[:2]), c)[2])(a.clone()), (x,), (t,))",
    "ip in jacfwd": "jacfwd(lambda a: (lambda c: (c.mul_(a), c[1:].mul_(a[:2]), c)[2])(a.clone()))(x)",
    "ip in jacrev": "jacrev(lambda a: (lambda c: (c.mul_(a), c[1:].mul_(a[:2]), c)[2])(a.clone()))(x)",
    "setitem zeros jacrev": "jacrev(lambda a: (lambda c: (c.__setitem__(0, a[1] * a[2]), c)[1])(torch.zeros(2)))(x)",
    "setitem zeros jvp": "jvp(lambda a: (lambda c: (c.__setitem__(0, a[1] * a[2]), c)[1])(torch.zeros(2)), (x,), (t,))",
    "lin": "(lambda o, p: (o, p(t)))(*F.linearize(lambda a: a.sin(), x))",
    "matgrad": "vmap(grad(lambda w, b, xx, y: ((torch.nn.functional.linear(xx, w, b).tanh() - y) ** 2).mean(), argnums=(0, 1)), (None, None, 0, 0))(M, x, M, e3)",
    "convgrad": "vmap(grad(lambda w, xx: torch.nn.functional.conv1d(xx[None], w).pow(2).sum()), (None, 0))(torch.ones(2, 3, 2), B)",
    "cegrad": "vmap(grad(lambda a, y: torch.nn.functional.cross_entropy(a[None], y[None])))(M, torch.tensor([0, 1, 2]))",
    "empty": "vmap(lambda a: (a.sin(), a.sum(), a.sort()))(torch.zeros(0, 3))",
    "functionalize": "F.functionalize(f)(x)",
    "ctl": "grad(lambda a: a if a > 0 else -a)(torch.tensor(2.0))",
    "ipleaf": "grad(lambda a: a.mul_(2).sum())(torch.ones(3))",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name: str) -> None:
    assert outcome(tinytorch, PROGRAMS[name]) == outcome(torch, PROGRAMS[name])


def test_no_grad_inside_counts_and_outside_does_not() -> None:
    seen = []
    for library in (torch, tinytorch):
        grad = importlib.import_module(f"{library.__name__}.func").grad

        def inside(a: Any, library: Any = library) -> Any:
            with library.no_grad():
                c = a**2
            return (a**2 - c).sum()

        x = library.tensor([1.0, 2.0])
        with library.no_grad():
            outside = grad(lambda a: (a**2).sum())(x)
        seen.append([grad(inside)(x).tolist(), outside.tolist(), outside.requires_grad])
    assert seen[0] == seen[1]


def test_per_example_gradients_equal_a_loop() -> None:
    from tinytorch.func import grad, vmap

    tinytorch.manual_seed(0)
    weight, inputs = tinytorch.randn(3, 4), tinytorch.randn(5, 4)

    def loss(w: Any, x: Any) -> Any:
        return (x @ w.t()).tanh().pow(2).sum()

    together = vmap(grad(loss), (None, 0))(weight, inputs)
    single = tinytorch.stack([grad(loss)(weight, row) for row in inputs])
    assert tinytorch.allclose(together, single, atol=1e-6)


def test_results_hold_no_graph_of_a_finished_level() -> None:
    from tinytorch.func import grad, hessian, jacrev, vjp

    x = tinytorch.tensor([1.0, 2.0])
    f = lambda a: (a.sin() * a).sum()
    value, pull = vjp(f, x)
    for result in (grad(f)(x), hessian(f)(x), jacrev(grad(f))(x), value, *pull(tinytorch.ones(()))):
        assert not result.requires_grad
