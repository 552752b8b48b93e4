"""Saved-tensor hooks, gradient edges, multi-gradient hooks and anomaly detection, compared with torch."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
import tinytorch

from .journal import same_journals


def graph(T, log):
    tr = log.tries
    A = T.autograd
    G = A.graph
    x = T.tensor([1.0, 2.0], requires_grad=True)
    y = T.tensor([3.0, 4.0], requires_grad=True)

    def hooks(f):
        o = []

        def pk(t):
            o.append(("p", t.tolist(), str(t.grad_fn)[:10]))
            return t.detach() * 1

        def up(t):
            o.append(("u", t.tolist()))
            return t

        with G.saved_tensors_hooks(pk, up):
            z = f()
        g = A.grad(z.sum(), [x, y], allow_unused=True, create_graph=True)
        return (o, list(g))

    tr(lambda: hooks(lambda: x * y))
    tr(lambda: hooks(lambda: (x * y).exp() * x))
    tr(lambda: hooks(lambda: x * 2.0 + y.tanh()))
    tr(lambda: hooks(lambda: T.stack([x, y]).softmax(0)))
    tr(lambda: hooks(lambda: T.cat([x, y]).pow(2).max()))

    def dbl():
        with G.saved_tensors_hooks(lambda t: t.detach().clone(), lambda t: t):
            z = (x * x * y).exp()
        (g,) = A.grad(z.sum(), x, create_graph=True)
        h = A.grad(g.sum(), [x, y])
        return list(h)

    tr(dbl)

    def badu():
        with G.saved_tensors_hooks(lambda t: 3, lambda t: t):
            z = x * y
        z.sum().backward()

    tr(badu)

    def badp():
        with G.saved_tensors_hooks(lambda t: t.add_(1), lambda t: t):
            (x * 1) * y

    tr(badp)

    def cpu():
        with G.save_on_cpu():
            z = x * y
        return A.grad(z.sum(), x)[0]

    tr(cpu)

    def dis():
        with G.disable_saved_tensors_hooks("nope"), G.save_on_cpu():
            pass

    tr(dis)

    def nest():
        o = []
        with G.saved_tensors_hooks(lambda t: (o.append("a"), t)[1], lambda t: t):
            with G.saved_tensors_hooks(lambda t: (o.append("b"), t)[1], lambda t: t):
                x * y
            x.exp()
        return str(o)

    tr(nest)

    def raw():
        z = x * y
        f = z.grad_fn
        o = []
        f._raw_saved_self.register_hooks(lambda t: (o.append("p"), t)[1], lambda t: (o.append("u"), t * 2)[1])
        return str((A.grad(z.sum(), [x, y])[1].tolist(), o, f.name()))

    tr(raw)
    tr(lambda: (x * y).grad_fn._saved_self)
    tr(lambda: str((x.exp()).grad_fn._saved_result))
    tr(lambda: x.sum(0, True).grad_fn._saved_dim)
    tr(lambda: x.sum().grad_fn._saved_self_sym_sizes)

    def freed():
        z = x * y
        f = z.grad_fn
        z.sum().backward()
        return f._saved_self

    tr(freed)
    tr(lambda: G.get_gradient_edge(x * y))
    tr(lambda: G.get_gradient_edge(T.ones(1)))
    tr(lambda: A.grad((x * y).sum(), G.get_gradient_edge(x))[0])

    def ge():
        z = x * y
        w = z.exp()
        e = G.get_gradient_edge(z)
        return A.grad(w.sum(), e)[0], A.grad(e, x, T.ones(2))[0]

    tr(ge)

    def inc():
        z = x * 1
        v = z._version
        G.increment_version(z)
        G.increment_version([z, z])
        return z._version - v

    tr(inc)

    def mg(mode):
        o = []
        a = x * 1
        b = y * 1
        c = a * 2
        h = G.register_multi_grad_hook(
            [a, b, c, x],
            (lambda gs: o.append([None if g is None else g.tolist() for g in gs]))
            if mode == "all"
            else lambda g: o.append(g.tolist()),
            mode=mode,
        )
        (c.sum()).backward(retain_graph=True)
        (c * b).sum().backward(retain_graph=True)
        A.grad((c * b).sum(), a)
        h.remove()
        c.sum().backward()
        return str(o)

    tr(lambda: mg("all"))
    tr(lambda: mg("any"))
    tr(lambda: mg("none"))

    def am():
        with G.allow_mutation_on_saved_tensors():
            z = x * 1
            w = (z * z).sum()
            z.add_(1)
            w.backward(inputs=x)
            return x.grad

    tr(am)
    tr(lambda: isinstance((x * y).grad_fn, G.Node))


def anomaly(T, log):
    tr = log.tries
    A = T.autograd
    x = T.tensor([1.0, 2.0], requires_grad=True)
    y = T.tensor([3.0, 4.0], requires_grad=True)

    # anomaly
    def an():
        with A.detect_anomaly():
            z = T.sqrt(x * 0 - 1.0)
            z.sum().backward()

    tr(an)

    def an2():
        with A.set_detect_anomaly(True):
            z = (x * y).exp()
            z.add_(1)
            z.sum().backward()

    tr(an2)

    def an3():
        z = T.sqrt(x * 0 - 1.0)
        with A.detect_anomaly(check_nan=False):
            z.sum().backward()
        return str(x.grad)

    tr(an3)
    x.grad = None

    def an4():
        z = T.sqrt(x * 0 - 1.0)
        with A.detect_anomaly():
            z.sum().backward()

    tr(an4)

    def an5():
        with A.detect_anomaly():
            (g,) = A.grad((x * 0).sqrt().sum() * 0.0 + (x**2).sum(), x, create_graph=True)
            g.sqrt().sum().backward()

    tr(an5)
    tr(lambda: T.is_anomaly_enabled())


@pytest.mark.parametrize("program", [graph, anomaly], ids=lambda program: program.__name__)
def test_same_as_torch(program: Any) -> None:
    same_journals(program, torch, tinytorch)
