"""Custom functions: the same programs on torch and here, compared entry by entry."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
import tinytorch

from .journal import Journal, same_journals


def scale(T: Any, log: Journal | None = None) -> Any:
    class Scale(T.autograd.Function):
        @staticmethod
        def forward(ctx, x, y, k):
            ctx.save_for_backward(x, y)
            ctx.k, ctx.shape, ctx.number, ctx.edges = k, x.shape, 3, 4
            return x * y * k

        @staticmethod
        def backward(ctx, g):
            x, y = ctx.saved_tensors
            if log is not None:
                log.note(ctx.needs_input_grad)
            return g * y * ctx.k, g * x * ctx.k, None

    return Scale


def leaves(T: Any) -> tuple[Any, Any]:
    return T.tensor([1.0, 2.0], requires_grad=True), T.tensor([3.0, 4.0], requires_grad=True)


def basics(T, log):
    x, y = leaves(T)
    Scale = scale(T, log)
    z = Scale.apply(x, y, 2)
    log.note([str(z), type(z.grad_fn).__name__, z.grad_fn.name(), z.grad_fn.needs_input_grad])
    log.note([type(f).__name__ for f, _ in z.grad_fn.next_functions])
    z.sum().backward()
    log.note([x.grad, y.grad])
    log.tries(lambda: z.sum().backward())
    log.tries(lambda: z.grad_fn.saved_tensors)
    (g,) = T.autograd.grad(Scale.apply(x, x, 3).sum(), x, create_graph=True)
    log.tries(lambda: T.autograd.grad(g.sum(), x)[0])
    log.tries(lambda: Scale.apply(T.ones(2), T.ones(2), 1))
    log.tries(lambda: Scale(x)(x))
    log.tries(lambda: T.autograd.Function.apply(x))
    log.note([repr(Scale._backward_cls), str(Scale.apply(x, y, 2).grad_fn)])
    with T.inference_mode():
        log.tries(lambda: str(Scale.apply(x, y, 2)))
    with T.no_grad():
        log.tries(lambda: str(Scale.apply(x, y, 2)))


def versions(T, log):
    x, y = leaves(T)
    w = x * 1
    s = scale(T).apply(w, y, 1)
    with T.no_grad():
        w.add_(1)
    log.tries(lambda: s.sum().backward())


def separate_context(T, log):
    class Two(T.autograd.Function):
        @staticmethod
        def forward(x, n):
            return x.tanh(), x.argmax()

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(output[0])
            ctx.mark_non_differentiable(output[1])

        @staticmethod
        def backward(ctx, g, unused):
            (t,) = ctx.saved_tensors
            log.note([g, unused, t.requires_grad])
            return g * (1 - t * t), None

    class Defaults(T.autograd.Function):
        @staticmethod
        def forward(x, k=2):
            return x * k

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.k = inputs[1]

        @staticmethod
        def backward(ctx, g):
            return g * ctx.k, None

    x, _ = leaves(T)
    a, b = Two.apply(x, 1)
    log.note(str((a, b)))
    a.sum().backward()
    log.note(x.grad)
    log.tries(lambda: T.autograd.grad(Defaults.apply(x).sum(), x)[0])
    log.tries(lambda: Defaults.apply(x, k=3))


def in_place(T, log):
    class Double(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            x.mul_(2)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 2

    class Pair(T.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            x.add_(y)
            ctx.mark_dirty(x)
            return x, y * 2

        @staticmethod
        def backward(ctx, a, b):
            return a, a + 2 * b

    class Lost(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g

    x, y = leaves(T)
    log.tries(lambda: Double.apply(x))
    c = x * 1
    r = Double.apply(c)
    log.note([r is c, c._version, str(c), T.autograd.grad(c.sum(), x)[0]])
    c = x * 1
    v = c[:1]
    r = Double.apply(v)
    log.note([r is v, str(c), str(v), T.autograd.grad((c * c).sum(), x)[0]])
    log.tries(lambda: Double.apply(x[:1]))
    c = x * 1
    a, b = Pair.apply(c, y)
    log.note([a is c, str(a), str(b), T.autograd.grad((a * b).sum(), [x, y])])
    log.tries(lambda: Pair.apply((x * 1)[:1], y[:1]))
    log.tries(lambda: Lost.apply(x * 1))


def returned_inputs_and_views(T, log):
    class Same(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 5

    class Turned(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.view(2, 1)

        @staticmethod
        def backward(ctx, g):
            return g.view(2)

    class Twice(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x * 2
            return y, y

        @staticmethod
        def backward(ctx, a, b):
            return a + 3 * b

    class Constant(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_non_differentiable(x)
            return x

        @staticmethod
        def backward(ctx, a):
            return a

    x, _ = leaves(T)
    r = Same.apply(x)
    log.note([r is x, str(r), r._is_view(), r._base is x, T.autograd.grad(r.sum(), x)[0]])
    log.tries(lambda: Same.apply(x * 1).add_(1))
    q = T.ones(2)
    log.note([Same.apply(q) is q, Same.apply(q)._is_view()])
    r = Turned.apply(x * 1)
    log.note([str(r), r._is_view()])
    log.tries(lambda: r.add_(1))
    a, b = Twice.apply(x)
    log.note([str(a), a is b, T.autograd.grad([a.sum(), b.sum()], x)[0]])
    c = x * 1
    r = Constant.apply(c)
    log.note([r is c, str(r), str(c)])


def wrong_gradients(T, log):
    class Wrong(T.autograd.Function):
        @staticmethod
        def forward(ctx, x, n, m):
            ctx.m = m
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return [
                (g,),
                (g, g, None),
                (g, None, None, None),
                (g, None, None, g),
                ("a", None, None),
                (None, None, None),
                (T.ones(3), None, None),
                g,
            ][ctx.m]

    class Saves(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x, 3)
            return x * 1

    x, _ = leaves(T)
    for m in range(8):
        log.tries(lambda: T.autograd.grad(Wrong.apply(x, 1, m).sum(), x, allow_unused=True)[0])
    log.tries(lambda: Saves.apply(x))


def missing_cotangents(T, log):
    class Kept(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 1, x * 2

        @staticmethod
        def backward(ctx, a, b):
            log.note([a is None, b is None])
            return None

    class Mixed(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1, None, 5, x.long()

        @staticmethod
        def backward(ctx, *g):
            log.note([None if t is None else str(t) for t in g])
            return g[0]

    x, _ = leaves(T)
    p, _ = Kept.apply(x)
    log.tries(lambda: T.autograd.grad(p.sum(), x, allow_unused=True)[0])
    log.tries(lambda: str(Mixed.apply(x)))
    log.tries(lambda: T.autograd.grad(Mixed.apply(x)[0].sum(), x)[0])


def once(T, log):
    class Square(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @T.autograd.function.once_differentiable
        def backward(ctx, g):
            return 2 * g * ctx.saved_tensors[0]

    x, _ = leaves(T)
    (g,) = T.autograd.grad(Square.apply(x).sum(), x, create_graph=True)
    log.note(g.requires_grad)
    log.tries(lambda: g.sum().backward())
    (h,) = T.autograd.grad((Square.apply(x) ** 2).sum(), x, create_graph=True)
    log.tries(lambda: h.sum().backward())


def hooks(T, log):
    x, y = leaves(T)
    z = scale(T).apply(x, y, 1)
    z.grad_fn.register_hook(lambda gi, go: log.note(["post", len(gi), len(go)]))
    z.grad_fn.register_prehook(lambda g: log.note(["pre", len(g)]))
    z.register_hook(lambda g: log.note("tensor"))
    T.autograd.grad(z.sum(), x)


PROGRAMS = [
    basics,
    versions,
    separate_context,
    in_place,
    returned_inputs_and_views,
    wrong_gradients,
    missing_cotangents,
    once,
    hooks,
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_same_as_torch(program: Any) -> None:
    same_journals(program, torch, tinytorch)
