"""The backward pass: order of hooks, accumulation, errors, memory, depth, threads; compared with torch."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
import weakref
from typing import Any

import pytest

torch = pytest.importorskip("torch")
import tinytorch

from .journal import same_journals


def leaf(T: Any, *values: float) -> Any:
    return T.tensor(list(values), requires_grad=True)


def views_in_lists(T, log):
    """A view that wants no gradient has none, and no edge, beside a tensor that wants one."""
    base, other = T.arange(6.0).view(2, 3), T.ones(2, 3, requires_grad=True)
    views = {
        "viewed": base.view(2, 3),
        "all": base[:],
        "of a parameter": other[:],
        "written to": base[:],
        "in no_grad": None,
    }
    views["written to"].mul_(2)
    with T.no_grad():
        views["in no_grad"] = other[:]
    for name, view in views.items():
        for function in (T.cat, T.hstack, T.block_diag, lambda ts: T.einsum("ij,kj->ik", *ts), T.row_stack):
            result = function([view, other]) if function is not T.block_diag else function(view, other)
            kinds = [type(node).__name__ for node, _ in result.grad_fn.next_functions]
            log.note([name, kinds])
            other.grad = None
            log.tries(lambda result=result: result.square().sum().backward())
            log.note([view.requires_grad, view.is_leaf, view.grad if view.is_leaf else None, other.grad])


def views_made_without_recording(T, log):
    """A view of a leaf made in no_grad says that it wants a gradient, and none is collected for it until it is asked for one."""

    def view_of(leaf):
        with T.no_grad():
            return leaf[:]

    x = T.ones(3, requires_grad=True)
    v = view_of(x)
    log.note([v.requires_grad, v.is_leaf, v.grad_fn])
    for function in (T.mul, lambda a, b: T.stack([a, b]), lambda a, b: a @ b, lambda a, b: a.conj() * b):
        y = function(v, x)
        log.note([type(node).__name__ for node, _ in y.grad_fn.next_functions])
        x.grad = None
        y.sum().backward()
        log.note([x.grad, v.grad])
    log.note([(v * 2).requires_grad])
    log.tries(lambda: v.sum().backward())
    log.tries(lambda: v.backward(T.ones(3)))
    log.tries(lambda: T.autograd.grad((v * x).sum(), v))
    log.tries(lambda: T.autograd.grad((v * x).sum(), [v, x], allow_unused=True))
    log.tries(lambda: T.autograd.graph.get_gradient_edge(v))
    log.tries(lambda: v.mul_(2))

    class Product(T.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            return a * b

        @staticmethod
        def backward(ctx, grad):
            return grad, grad

    log.note([node is None for node, _ in Product.apply(v, x).grad_fn.next_functions])
    v.register_hook(lambda grad: log.note(["hook", grad]))
    (v * x).sum().backward()
    log.note([v.requires_grad_().grad_fn, v.grad])
    (v * x).sum().backward()
    log.note(v.grad)


def order_of_hooks(T, log):
    x = leaf(T, 1.0, 2.0)
    y = x * 2
    z = y * 3
    y.retain_grad()
    y.register_hook(lambda g: log.note(["tensor", g, y.grad]))
    y.grad_fn.register_prehook(lambda g: log.note(["pre", y.grad]))
    y.grad_fn.register_hook(lambda i, g: log.note(["post", len(i), len(g)]))
    y.register_hook(lambda g: g * 2)
    x.register_hook(lambda g: log.note(["leaf", g, x.grad]))
    x.register_post_accumulate_grad_hook(lambda p: log.note(["accumulated", p.grad]))
    accumulator = y.grad_fn.next_functions[0][0]
    accumulator.register_hook(lambda i, g: log.note(["accumulator post", len(i), len(g), x.grad]))
    accumulator.register_prehook(lambda g: log.note(["accumulator pre", x.grad]))
    for _ in range(2):
        z.sum().backward(retain_graph=True)
        log.note([y.grad, x.grad])
    log.note(T.autograd.grad(z.sum(), [x, y], retain_graph=True))
    log.note(T.autograd.grad(z.sum(), [y], retain_graph=True))
    z.sum().backward(retain_graph=True, inputs=[y])
    log.note(y.grad)
    z.sum().backward(inputs=[x])


def when_leaves_receive(T, log):
    """A leaf has its gradient as soon as its last consumer ran, whoever looks: a hook, a Function, or nobody before an error."""

    class Look(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, grad):
            log.note(["inside", [leaf_.grad for leaf_ in leaves]])
            if fails:
                raise ValueError("on purpose")
            return grad

    for fails in (False, True):  # noqa: B007 - Look.backward reads it
        leaves = [leaf(T, 1.0, 2.0) for _ in range(4)]
        a, b, c, d = leaves
        x = Look.apply(a * b) * c + c * c
        y = (Look.apply(x) * d).sin() * b
        log.tries(lambda: (y * b).sum().backward())
        log.note([leaf_.grad for leaf_ in leaves])
    for watched in range(4):
        leaves = [leaf(T, 1.0, 2.0) for _ in range(4)]
        a, b, c, d = leaves
        log.note(["hook on", watched])
        leaves[watched].register_post_accumulate_grad_hook(
            lambda p: log.note([leaf_.grad for leaf_ in leaves])
        )
        leaves[watched].register_hook(lambda g: log.note([leaf_.grad for leaf_ in leaves]))
        (((a * b).exp() * c) * d * b).sum().backward()
    first, second = leaf(T, 1.0), leaf(T, 2.0)
    first.grad = T.ones(1)
    product = first * 3 * second
    product.register_hook(lambda g: log.note([first.grad, second.grad]))
    (product * second).sum().backward()
    log.note([first.grad, second.grad])


def only_what_is_wanted(T, log):
    """Formulas of inputs that nobody asked for are not computed: one of them would raise."""
    x, y = leaf(T, 1.0, 2.0), leaf(T, 0.5, 0.25)
    value = T.special.zeta(y + 1, x + 2)
    log.tries(lambda: log.note(T.autograd.grad(value.sum(), x, retain_graph=True)))
    log.tries(lambda: log.note(T.autograd.grad(value.sum(), y, retain_graph=True)))


def what_hooks_return(T, log):
    def run(register):
        x = leaf(T, 1.0, 2.0)
        y = x * 2
        register(x, y)
        (y * 3).sum().backward()
        return x.grad

    def cut(g):
        return g[:1]

    for value in (lambda g: 1, lambda g: T.ones(3), lambda g: g.double(), lambda g: (g,), cut):
        log.tries(lambda: run(lambda x, y: y.register_hook(value)))
        log.tries(lambda: run(lambda x, y: x.register_hook(value)))
    for value in (
        lambda i, g: i[0] * 5,
        lambda i, g: (i[0] * 5, None),
        lambda i, g: (i[0] * 5,),
        lambda i, g: (None, None),
        lambda i, g: "a",
        lambda i, g: (T.ones(3), None),
        lambda i, g: (i[0].double(), None),
        lambda i, g: [i[0] * 5, None],
        lambda i, g: (i[0] * 5, i[0]),
    ):
        log.tries(lambda: run(lambda x, y: y.grad_fn.register_hook(value)))
    for value in (
        lambda g: g[0] * 5,
        lambda g: (g[0] * 5,),
        lambda g: (None,),
        lambda g: "a",
        lambda g: (T.ones(3),),
        lambda g: (g[0], g[0]),
    ):
        log.tries(lambda: run(lambda x, y: y.grad_fn.register_prehook(value)))
    log.tries(lambda: run(lambda x, y: x.register_post_accumulate_grad_hook(lambda p: 1)))
    log.tries(lambda: run(lambda x, y: x.register_post_accumulate_grad_hook(lambda p: p)))
    log.tries(lambda: T.ones(2).register_hook(print))
    log.tries(lambda: (leaf(T, 1.0) * 2).register_post_accumulate_grad_hook(print))
    log.tries(lambda: T.ones(1).register_post_accumulate_grad_hook(print))
    log.tries(lambda: T.ones(2).retain_grad())
    log.tries(lambda: run(lambda x, y: y.register_hook(lambda g: 1 / 0)))


def removed_and_moved_hooks(T, log):
    x = leaf(T, 1.0)
    y = x * 2
    handle = y.register_hook(lambda g: log.note("first"))
    y.register_hook(lambda g: log.note("second"))
    handle.remove()
    y.backward()
    x = leaf(T, 1.0, 2.0)
    y = x * 2
    y.retain_grad()
    y.register_hook(lambda g: log.note(["before", g]))
    y.mul_(3)
    y.register_hook(lambda g: log.note(["after", g]))
    y.sum().backward()
    log.note([y.grad, x.grad])


def order_of_leaves(T, log):
    def run(count, function):
        xs = [leaf(T, float(i)) for i in range(count)]
        for i, x in enumerate(xs):
            x.register_hook(lambda g, i=i: log.note(i))
        function(xs).sum().backward()

    for count in range(2, 12):
        run(count, lambda xs: T.cat(xs))
        run(count, lambda xs: T.cat(xs) + xs[0] * xs[1])
        run(count, lambda xs: T.cat([x * 2 for x in xs]) + sum(xs))
    run(3, lambda xs: T.addmm(xs[0], xs[1].view(1, 1), xs[2].view(1, 1)))
    run(6, lambda xs: T.stack([T.stack(xs[:3]).sum(), T.stack(xs[3:]).sum()]))


def accumulation(T, log):
    x = leaf(T, 1.0, 2.0)
    (x * 2).sum().backward()
    held = x.grad
    (x * 3).sum().backward()
    log.note([x.grad is held, x.grad])
    x.grad = T.ones(2)
    held = x.grad
    (x * 2).sum().backward()
    log.note([x.grad is held, held])
    a, b, g = leaf(T, 1.0, 2.0), leaf(T, 3.0, 4.0), T.ones(2)
    (a + b).backward(g)
    log.note([a.grad.data_ptr() == b.grad.data_ptr(), a.grad.data_ptr() == g.data_ptr()])
    a, b, seen = leaf(T, 1.0, 2.0), leaf(T, 3.0, 4.0), []
    a.register_hook(seen.append)
    (a * b).sum().backward()
    log.note(seen[0].data_ptr() == a.grad.data_ptr())
    for value in (T.ones(3), 1, x, T.ones(2, dtype=T.float64)):
        log.tries(lambda: setattr(x, "grad", value))
    twin = copy.deepcopy(x)
    (twin * 2).sum().backward()
    back = pickle.loads(pickle.dumps(x))
    log.note([twin.grad, x.grad, back.requires_grad, back.grad, twin.is_leaf])
    log.tries(lambda: copy.deepcopy(x * 2))


def layout_of_gradients(T, log):
    a = T.ones(3, 4).t().requires_grad_()
    (a * T.ones(4, 3)).sum().backward()
    b = T.ones(4, 3).expand(2, 4, 3).requires_grad_()
    (b * 2).sum().backward()
    c = T.ones(6)[::2].requires_grad_()
    (c * 2).sum().backward()
    d = T.ones(3, 4, requires_grad=True)
    (d.t() * T.arange(12.0).view(4, 3)).sum().backward()
    log.note([t.grad.stride() for t in (a, b, c, d)])


def errors(T, log):
    x = leaf(T, 1.0, 2.0)
    grad, backward = T.autograd.grad, T.autograd.backward
    log.tries(lambda: T.ones(2).backward())
    log.tries(lambda: (x * 2).backward())
    log.tries(lambda: (x * 2).backward(T.ones(3)))
    log.tries(lambda: (x * 2).backward(1))
    log.tries(lambda: backward([x.sum(), x.sum()], [None]))
    log.tries(lambda: grad(x.sum(), T.ones(1)))
    for options in (
        {},
        {"allow_unused": True},
        {"materialize_grads": True},
        {"allow_unused": False, "materialize_grads": True},
    ):
        log.tries(lambda: grad(x.sum(), leaf(T, 1.0), **options))
    log.tries(lambda: x.sum().backward(inputs=[]))
    log.tries(lambda: x.sum().backward(inputs=T.ones(1)))
    log.tries(lambda: grad(x.sum(), []))
    log.tries(lambda: grad(x.sum(), x, [T.ones(()), T.ones(())]))
    log.tries(lambda: grad(x * 2, x, T.ones(2, dtype=T.complex64)))
    log.tries(lambda: grad(x * 2, x, T.ones(2, dtype=T.float64))[0])
    log.tries(lambda: grad(x * 2, x, T.ones(3, 2), is_grads_batched=True)[0])
    log.tries(lambda: grad(x * 2, x, T.ones(3, 3), is_grads_batched=True))
    log.tries(lambda: (x + 1j).sum().backward())
    log.tries(lambda: grad(x.sum(), x, 3))
    log.tries(lambda: grad(x.sum(), x, only_inputs=False)[0])
    log.tries(lambda: backward(x.sum(), T.ones(1)))
    log.tries(lambda: backward(x.sum(), grad_variables=T.ones(())))
    y = x * x
    y.sum().backward()
    log.tries(lambda: y.sum().backward())
    z = (x + 1).sum()
    z.backward()
    log.tries(z.backward)


def several_outputs(T, log):
    x = leaf(T, 1.0, 2.0)
    y = x * 2
    log.note(T.autograd.grad(y.sum(), [x, x, y, y]))
    y = x * 2
    z = y.tanh()
    log.note(T.autograd.grad([y, z.sum(), y.sum()], [x, y], [T.ones(2), None, None]))
    w = T.ones(3, 2, requires_grad=True)
    a, b, c = w.unbind()
    b.register_hook(lambda g: log.note(["b", g]))
    a.register_hook(lambda g: log.note(["a", g]))
    c.grad_fn.register_prehook(lambda g: log.note([t is None for t in g]))
    c.grad_fn.register_hook(lambda i, g: log.note([len(i), [t is None for t in g]]))
    (b * 2).sum().backward()
    log.note([w.grad, b.output_nr])
    v, i = T.ones(3, 2, requires_grad=True).max(0)
    v.grad_fn.register_hook(lambda i, g: log.note([len(i), len(g)]))
    v.sum().backward()
    log.note([v.output_nr, i.requires_grad])


def nested_passes(T, log):
    class Nested(T.autograd.Function):
        @staticmethod
        def forward(ctx, a, depth):
            ctx.save_for_backward(a)
            ctx.depth = depth
            return a * 2

        @staticmethod
        def backward(ctx, g):
            (a,) = ctx.saved_tensors
            with T.enable_grad():
                b = a.detach().requires_grad_()
                (Nested.apply(b, ctx.depth - 1) if ctx.depth else b * b).sum().backward()
            return g * b.grad, None

    x = leaf(T, 1.0, 2.0)
    Nested.apply(Nested.apply(x, 20), 2).sum().backward()
    log.note(x.grad)
    y = x * 2
    y.register_hook(lambda g: log.note(T.is_grad_enabled()))
    T.autograd.grad(y.sum(), x, retain_graph=True)
    T.autograd.grad(y.sum(), x, create_graph=True)


def without_cotangent(T, log):
    class Silent(T.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 1

        @staticmethod
        def backward(ctx, g):
            return None

    x = leaf(T, 1.0)
    y = x * 2
    y.register_hook(lambda g: log.note(["tensor", g]))
    y.grad_fn.register_prehook(lambda g: log.note(["pre", g]))
    y.grad_fn.register_hook(lambda i, g: log.note(["post", i[0], g]))
    x.register_hook(lambda g: log.note(["leaf", g]))
    Silent.apply(y).sum().backward()
    log.note(x.grad)


def nodes(T, log):
    x = leaf(T, 1.0, 2.0)
    log.note([(x * 2).grad_fn.next_functions, (x * 2).grad_fn.next_functions[0][0].variable is x])
    log.note((x * 2).grad_fn.next_functions[0][0] is (x * 3).grad_fn.next_functions[0][0])
    log.note([(x * 2).grad_fn(T.ones(2)), (x * 2).grad_fn.name(), (x * 2).grad_fn.metadata])
    log.note([x.grad_fn, x.detach().grad_fn, (x * 2).is_leaf, x.output_nr])
    log.tries(lambda: (x * 2).grad)
    log.tries(lambda: x.sum(0, True).grad_fn._saved_dim)
    log.tries(lambda: x.sum().grad_fn._saved_self_sym_sizes)
    log.tries(lambda: str(x.tanh().grad_fn._saved_result))


def products_of_any_order(T, log):
    """Matrix products, transposes, softmax and ReLU, whose cotangents travel as arrays: column by column, met by others, hooked, kept."""
    numbers = [[0.5, -1.0, 2.0, 1.5], [1.0, 0.25, -0.5, 3.0], [-2.0, 1.0, 0.75, -0.25]]

    def note(*tensors):
        for tensor in tensors:
            log.note([tensor.grad, tensor.grad.stride()])

    for turned in (False, True):
        weight, bias = T.tensor(numbers).requires_grad_(), T.tensor([1.0, 0.0, -1.0]).requires_grad_()
        x = T.tensor(numbers)[:2].requires_grad_()
        seen = (weight * 1.0).t() if turned else weight.t()  # (4, 3), column by column
        out = T.addmm(bias, x, seen, beta=0.5, alpha=2) + x.mm(weight.t().contiguous())
        loss = out.relu().log_softmax(-1).mul(out.t().softmax(0).t()).sum()
        loss.backward(retain_graph=True)
        note(weight, bias, x)
        again = T.autograd.grad(loss, [weight, bias, x], create_graph=True)
        log.note([[g, g.stride()] for g in again])
        sum(g.pow(2).sum() for g in again).backward()
        note(weight, bias, x)
    weight = T.tensor(numbers).requires_grad_()
    turned = weight.t()
    turned.retain_grad()
    turned.register_hook(lambda g: log.note([g, g.stride()]))
    square = turned.mm(weight)  # (4, 4)
    (square * square.t()).sum().backward()
    note(weight, turned)
    vector = T.tensor([1.0, 2.0, 3.0]).requires_grad_()
    (vector.t() * T.ones(2, 1, 3)).sum().backward()
    column = T.tensor([[1.0], [2.0]]).requires_grad_()
    ((T.tensor(numbers)[:2] + column) * T.tensor(numbers)[1:]).sum().backward()
    note(vector, column)
    product = T.tensor(numbers).requires_grad_() @ (weight * 2).t()
    weight.data.mul_(1.0)
    weight.detach().mul_(2.0)
    log.tries(lambda: product.sum().backward())
    changed = T.tensor(numbers).requires_grad_()
    result = changed.mm(weight.t())
    with T.no_grad():
        weight.mul_(2.0)
    log.tries(lambda: result.sum().backward())


PROGRAMS = [
    order_of_hooks,
    views_in_lists,
    views_made_without_recording,
    when_leaves_receive,
    only_what_is_wanted,
    what_hooks_return,
    removed_and_moved_hooks,
    order_of_leaves,
    accumulation,
    layout_of_gradients,
    errors,
    several_outputs,
    products_of_any_order,
    nested_passes,
    without_cotangent,
    nodes,
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_same_as_torch(program: Any) -> None:
    same_journals(program, torch, tinytorch)


def test_several_threads_add_to_one_gradient() -> None:
    x = leaf(tinytorch, 1.0, 2.0)

    def work() -> None:
        for _ in range(50):
            (x * 2).sum().backward()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert x.grad.tolist() == [400.0, 400.0]


def test_a_chain_of_100000_nodes() -> None:
    x = leaf(tinytorch, 1.0, 2.0)
    y = x
    for _ in range(100_000):
        y = y + 1
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]
    del y  # freeing the chain must not recurse either


def _graphs() -> dict[str, Any]:
    T = tinytorch
    x = T.ones(100, requires_grad=True)

    class Keeps(T.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            y = a * 2
            ctx.save_for_backward(a, y)
            return y

        @staticmethod
        def backward(ctx, g):
            return g

    def results():
        y = x.exp()
        z = (y * y).tanh().softmax(0)
        return [y, z, z.grad_fn, z.sum()]

    def after_backward():
        y = x.exp()
        y.sum().backward()
        return [y]

    def second_order():
        y = x.exp()
        (g,) = T.autograd.grad(y.sum(), x, create_graph=True)
        return [y, g, g * g]

    def custom():
        y = Keeps.apply(x)
        return [y, y.grad_fn]

    def in_place():
        y = x * 1
        y[:5].mul_(2)
        y.add_(1)
        return [y]

    def hooked():
        y = x * 1
        y.retain_grad()
        y.register_hook(lambda g: None)
        y.sum().backward()
        return [y]

    def packed():
        with T.autograd.graph.saved_tensors_hooks(lambda t: t.detach(), lambda t: t):
            y = x.exp() * x
        y.sum().backward()
        return [y]

    return {f.__name__: f for f in (results, after_backward, second_order, custom, in_place, hooked, packed)}


@pytest.mark.parametrize("name", _graphs())
def test_graphs_are_freed_without_the_garbage_collector(name: str) -> None:
    make = _graphs()[name]
    gc.collect()
    gc.disable()
    try:
        references = [weakref.ref(item) for item in make()]
        assert [reference() for reference in references] == [None] * len(references)
    finally:
        gc.enable()


def test_backward_frees_what_was_saved() -> None:
    x = leaf(tinytorch, 1.0)
    y = x * 2
    saved = weakref.ref(y)
    z = (y * y).sum()
    del y
    assert saved() is not None
    z.backward()
    assert saved() is None


@pytest.mark.filterwarnings("error")
def test_infinite_cotangents_go_through_without_a_word() -> None:
    large = [3e38, float("inf"), float("nan")]
    for function in ("tanh", "sigmoid", "exp", "relu", "neg"):
        x = tinytorch.tensor([1e20, 1e20, 0.5], requires_grad=True)
        getattr(x * 1.0, function)().backward(tinytorch.tensor(large))
    for function in (tinytorch.add, tinytorch.sub):
        x, y = (tinytorch.ones(3, requires_grad=True) for _ in range(2))
        function(x * 1.0, y * 1.0, alpha=100).backward(tinytorch.tensor(large))
        assert y.grad[:2].isinf().all() and y.grad[2].isnan()
    x = tinytorch.full((3, 3), 3e38, requires_grad=True)
    (x * 1.0 @ (x * 1.0).t()).backward(tinytorch.tensor([large] * 3))


def test_an_unshared_cotangent_becomes_the_gradient_itself() -> None:
    x = leaf(tinytorch, 1.0, 2.0)
    seen: list[int] = []
    y = x * 3
    y.register_hook(lambda g: None)
    y.sum().backward()
    assert x.grad._array.base is None
    del seen
