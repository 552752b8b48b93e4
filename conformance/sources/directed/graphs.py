"""Rules of autograd: in-place on views, versions, leaves, hooks, modes."""

from __future__ import annotations

from typing import Any

torch: Any = None  # the library a program runs under


def _attempt(action: Any) -> str:
    """The error an action ends with, as text."""
    try:
        return f"returned {type(action()).__name__}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _leaf(*shape: int) -> Any:
    count = 1
    for size in shape:
        count *= size
    return torch.arange(1.0, count + 1).reshape(shape).requires_grad_()


def _node(tensor: Any) -> str:
    return type(tensor.grad_fn).__name__


def in_place_on_a_view_changes_the_base() -> Any:
    x = _leaf(3, 4)
    y = x * 2
    row = y[1]
    row.mul_(3)
    (y * torch.arange(12.0).reshape(3, 4)).sum().backward()
    return [y, x.grad, _node(y), _node(row)]


def in_place_on_a_view_of_a_view() -> Any:
    x = _leaf(4, 4)
    y = x.clone()
    y[1:3].t()[0].add_(x[0, :2] ** 2)
    (y**2).sum().backward()
    return [y, x.grad, _node(y)]


def view_after_in_place_on_base() -> Any:
    x = _leaf(2, 3)
    y = x * 1
    v = y.view(6)
    y.mul_(2)
    (v * torch.arange(6.0)).sum().backward()
    return [v, x.grad, _node(v), _node(y)]


def copy_into_a_slice() -> Any:
    x, z = _leaf(2, 3), _leaf(3)
    y = x * 2
    y[0] = z
    y[:, 1] = 5.0
    (y * torch.arange(6.0).reshape(2, 3)).sum().backward()
    return [y, x.grad, z.grad, _node(y)]


def in_place_on_a_leaf() -> Any:
    x = _leaf(2)
    return [_attempt(lambda: x.add_(1)), _attempt(lambda: x[0].add_(1)), _attempt(lambda: x.zero_())]


def in_place_on_a_leaf_without_grad_mode() -> Any:
    x = _leaf(2)
    with torch.no_grad():
        x.add_(1)
    return [x, x.requires_grad, x.is_leaf, x._version]


def changed_after_save() -> Any:
    x = _leaf(3)
    y = x * 1
    z = y * y
    y.add_(1)
    return _attempt(lambda: z.sum().backward())


def changed_result_after_save() -> Any:
    texts = []
    for name in ("exp", "tanh", "sigmoid", "sqrt", "relu"):
        x = _leaf(3)
        y = getattr(torch, name)(x)
        y.mul_(2)
        texts.append(_attempt(y.sum().backward))
    return texts


def changed_where_nothing_is_saved() -> Any:
    x = _leaf(3)
    y = x * 1
    z = y + 3
    y.mul_(2)
    (z * torch.arange(3.0)).sum().backward()
    return x.grad


def multiplication_saves_what_it_needs() -> Any:
    x, plain = _leaf(3), torch.arange(3.0)
    y = x * plain
    saved = [y.grad_fn._saved_self is None, y.grad_fn._saved_other is plain]
    x_view = x * 1
    z = x_view * plain
    x_view.add_(1)
    z.sum().backward()
    return [*saved, x.grad]


def backward_twice() -> Any:
    x = _leaf(3)
    y = (x * x).sum()
    y.backward()
    return [x.grad, _attempt(y.backward)]


def backward_twice_retained() -> Any:
    x = _leaf(3)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    return x.grad


def backward_of_many() -> Any:
    x = _leaf(3)
    return [
        _attempt((x * 2).backward),
        _attempt(x.detach().sum().backward),
        _attempt(lambda: (x * 2).backward(torch.ones(2))),
        _attempt(lambda: torch.autograd.grad(x.sum(), torch.ones(1, requires_grad=True))),
        _attempt(lambda: torch.autograd.grad(x.sum(), torch.ones(1))),
        _attempt(lambda: torch.autograd.grad(x.detach().sum(), x)),
    ]


def gradients_accumulate() -> Any:
    x = _leaf(3)
    for factor in (1.0, 2.0, 4.0):
        (x * factor).sum().backward()
    first = x.grad
    x.sum().backward()
    return [x.grad, first is x.grad]


def unused_inputs() -> Any:
    x, y = _leaf(2), _leaf(2)
    return [
        torch.autograd.grad(x.sum(), [x, y], allow_unused=True),
        torch.autograd.grad(x.sum(), [x, y], materialize_grads=True),
        _attempt(lambda: torch.autograd.grad(x.sum(), [x, y])),
    ]


def retained_gradient_of_a_middle() -> Any:
    x = _leaf(3)
    y = x * 2
    y.retain_grad()
    (y * y).sum().backward()
    return [y.grad, x.grad, y.retains_grad, x.retains_grad]


def tensor_hooks() -> Any:
    x = _leaf(3)
    seen: list[Any] = []
    y = x * 2
    handle = y.register_hook(lambda grad: grad * 10)
    y.register_hook(lambda grad: seen.append(grad.clone()))
    x.register_hook(lambda grad: seen.append(grad.clone()))
    y.sum().backward(retain_graph=True)
    handle.remove()
    y.sum().backward()
    return [*seen, x.grad]


def node_hooks() -> Any:
    x = _leaf(3)
    seen: list[Any] = []
    y = (x * 2).tanh()
    y.grad_fn.register_hook(lambda inputs, outputs: seen.extend([inputs[0].clone(), outputs[0].clone()]))
    y.grad_fn.register_prehook(lambda outputs: (outputs[0] * 3,))
    y.sum().backward()
    return [*seen, x.grad]


def post_accumulate_hook() -> Any:
    x = _leaf(2)
    seen: list[Any] = []
    x.register_post_accumulate_grad_hook(lambda leaf: seen.append(leaf.grad.clone()))
    (x * 3).sum().backward()
    (x * 5).sum().backward()
    return seen


def detach_shares_memory() -> Any:
    x = _leaf(3)
    y = x.detach()
    y[0] = 100.0
    return [x, y.requires_grad, y.grad_fn is None, x._version, y._version]


def data_is_outside_of_versions() -> Any:
    x = _leaf(3)
    y = x * x
    x.data.mul_(2)
    y.sum().backward()
    return [x, x.grad, x._version]


def no_grad_results() -> Any:
    x = _leaf(3)
    with torch.no_grad():
        y = x * 2
        z = x.view(3)
    return [y.requires_grad, z.requires_grad, z.is_leaf, _attempt(lambda: z.requires_grad_().add_(1))]


def modes_nest() -> Any:
    flags = [torch.is_grad_enabled()]
    with torch.no_grad():
        flags.append(torch.is_grad_enabled())
        with torch.enable_grad():
            flags.append(torch.is_grad_enabled())
        flags.append(torch.is_grad_enabled())
        with torch.set_grad_enabled(True):
            flags.append(torch.is_grad_enabled())
    flags.append(torch.is_grad_enabled())
    with torch.inference_mode():
        flags += [torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.ones(1).is_inference()]
    return flags


def inference_tensors() -> Any:
    with torch.inference_mode():
        x = torch.ones(2)
    y = _leaf(2)
    return [
        _attempt(lambda: x.add_(1)),
        _attempt(lambda: (x * y).sum().backward()),
        _attempt(x.requires_grad_),
    ]


def second_derivatives() -> Any:
    x = _leaf(4)
    (first,) = torch.autograd.grad((x**3 * torch.sin(x)).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x, create_graph=True)
    (third,) = torch.autograd.grad(second.sum(), x)
    return [first, second, third, _node(first)]


def custom_function() -> Any:
    class Cube(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, x: Any, factor: float) -> Any:
            ctx.save_for_backward(x)
            ctx.factor = factor
            return x**3 * factor

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            (x,) = ctx.saved_tensors
            return grad * 3 * x**2 * ctx.factor, None

    x = _leaf(3)
    y = Cube.apply(x, 2.0)
    (first,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    return [y, first, second, _node(y)]


def custom_function_gone_wrong() -> Any:
    class Bad(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            return grad, grad

    class Shape(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            return grad.sum(0)

    x = _leaf(2, 2)
    return [
        _attempt(Bad.apply(x).sum().backward),
        _attempt(Shape.apply(x).sum().backward),
        _attempt(lambda: Bad()(x)),
    ]


def unbind_then_write() -> Any:
    x = _leaf(2, 2)
    first, _ = (x * 1).unbind()
    return _attempt(lambda: first.add_(1))


def chunks_are_views() -> Any:
    x = torch.arange(6.0)
    a, b = x.chunk(2)
    a.zero_()
    return [x, b._base is x, b._is_view(), x.split([1, 2, 3])[2].storage_offset()]


def integers_have_no_gradient() -> Any:
    return [
        _attempt(lambda: torch.arange(3).requires_grad_()),
        _attempt(lambda: torch.tensor([1, 2], requires_grad=True)),
        _attempt(lambda: torch.ones(2, dtype=torch.bool).requires_grad_()),
    ]


def set_requires_grad_of_results() -> Any:
    x = _leaf(2)
    y = x * 2

    def switch_off() -> None:
        y.requires_grad = False

    return [_attempt(switch_off), _attempt(y.requires_grad_), y.detach().requires_grad_().is_leaf]


def numpy_of_a_gradient() -> Any:
    x = _leaf(2)
    return [_attempt(x.numpy), _attempt((x * 1).numpy), _attempt(lambda: bool(x)), _attempt(lambda: x.item())]


def broadcast_gradients() -> Any:
    a, b = _leaf(3, 1), _leaf(1, 4)
    c = torch.tensor(2.0, requires_grad=True)
    (a * b + c * torch.arange(12.0).reshape(3, 4)).sum().backward()
    return [a.grad, b.grad, c.grad]


def gradient_assignment() -> Any:
    x = _leaf(2)

    def assign(value: Any) -> Any:
        x.grad = value

    return [
        _attempt(lambda: assign(torch.ones(3))),
        _attempt(lambda: assign(torch.ones(2, dtype=torch.float64))),
        _attempt(lambda: assign(1.0)),
        _attempt(lambda: assign(torch.ones(2))),
        x.grad,
    ]


def expanded_input_in_place() -> Any:
    x = torch.ones(1, 3).expand(4, 3)
    return [_attempt(lambda: x.add_(1)), _attempt(lambda: x.copy_(torch.zeros(4, 3))), x.stride()]


def overlapping_in_place() -> Any:
    x = torch.arange(6.0)
    return [_attempt(lambda: x[1:].add_(x[:-1])), _attempt(lambda: x[1:].copy_(x[:-1])), x]


def deep_copies() -> Any:
    import copy

    x = _leaf(2)
    y = copy.deepcopy(x)
    return [y, y.requires_grad, y is x, _attempt(lambda: copy.deepcopy(x * 2))]
