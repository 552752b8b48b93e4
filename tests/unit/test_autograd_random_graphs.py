"""Random graphs with hooks, Functions and every way to go back through them: what happens, when, and with which layout, as in torch.

A program draws its steps from a seed and keeps a journal of what hooks see; both libraries run it.
"""

from __future__ import annotations

import math
import random
import warnings
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")
import tinytorch

SHAPES = [(2, 3), (3,), (2, 1), (1, 3), ()]
TOLERANCE = 2e-5

STEPS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "add": lambda T, a, b: a + b,
    "mul": lambda T, a, b: a * b,
    "sub": lambda T, a, b: a - b,
    "div": lambda T, a, b: a / (b * b + 1),
    "scaled": lambda T, a, b: T.add(a, b, alpha=0.5),
    "number": lambda T, a, b: a * 1.5,
    "neg": lambda T, a, b: -a,
    "tanh": lambda T, a, b: T.tanh(a),
    "sigmoid": lambda T, a, b: a.sigmoid(),
    "exp": lambda T, a, b: T.exp(-a * a),
    "maximum": lambda T, a, b: T.maximum(a, b),
    "where": lambda T, a, b: T.where(a > 0, a, b),
    "sum": lambda T, a, b: a.sum(),
    "max": lambda T, a, b: a.max(0)[0],
    "unbind": lambda T, a, b: a.unbind(0)[-1],
    "cat": lambda T, a, b: T.cat([a, a], 0),
    "expand": lambda T, a, b: a.expand(2, *a.shape) if a.dim() < 2 else a.t(),
    "reshape": lambda T, a, b: a.reshape(-1),
    "detach": lambda T, a, b: a.detach() * 2,
    "inplace": lambda T, a, b: (a * 1).mul_(2).add_(a),
    "product": lambda T, a, b: a @ a.t(),
}


def sum_to_size(grad: Any, shape: tuple[int, ...]) -> Any:
    """`grad` summed down to a broadcast operand's shape."""
    while grad.dim() > len(shape):
        grad = grad.sum(0)
    for dim, size in enumerate(shape):
        if grad.shape[dim] != size:
            grad = grad.sum(dim, keepdim=True)
    return grad


def make_function(T: Any, note: Callable[..., None]) -> Any:
    class ProductAndSum(T.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, y: Any) -> Any:
            ctx.save_for_backward(x, y)
            return x * y, x + y

        @staticmethod
        def backward(ctx: Any, product: Any, total: Any) -> Any:
            x, y = ctx.saved_tensors
            note("function")
            return sum_to_size(product * y + total, x.shape), sum_to_size(product * x + total, y.shape)

    return ProductAndSum


def program(T: Any, seed: int) -> list[Any]:
    """Build a graph, hang hooks on it, go back through it."""
    draw = random.Random(seed)
    numbers = random.Random(seed + 1)
    dtype = getattr(T, draw.choice(["float64", "float64", "float32"]))
    journal: list[Any] = []

    def tensor(shape: tuple[int, ...]) -> Any:
        flat = [numbers.uniform(-1, 1) for _ in range(math.prod(shape))]
        return T.tensor(flat, dtype=dtype).reshape(shape)

    leaves = [
        tensor(draw.choice(SHAPES)).requires_grad_(draw.random() < 0.85) for _ in range(draw.randint(2, 4))
    ]
    if draw.random() < 0.3:
        for leaf in leaves:
            if leaf.requires_grad and draw.random() < 0.5:
                leaf.grad = tensor(tuple(leaf.shape))

    def note(what: str, *seen: Any) -> None:
        journal.append(plain([what, seen, [leaf.grad for leaf in leaves]]))

    function = make_function(T, note)
    hooked, foreign = draw.random() < 0.4, draw.random() < 0.3
    values = list(leaves)
    for number in range(draw.randint(3, 14)):
        name, a, b = draw.choice([*STEPS, "function"]), draw.choice(values), draw.choice(values)
        try:
            if name == "function":
                if not foreign:
                    continue
                value, other = function.apply(a, b)
                values.append(other)
            else:
                value = STEPS[name](T, a, b)
        except (RuntimeError, IndexError, TypeError):
            continue
        values.append(value)
        if hooked and value.requires_grad and draw.random() < 0.3:
            kind = draw.choice(["tensor", "double", "retain", "node"])
            if kind == "tensor":
                value.register_hook(lambda grad, n=number: note("tensor hook", n, grad))
            elif kind == "double":
                value.register_hook(lambda grad: None if grad is None else grad * 2)
            elif kind == "retain":
                value.retain_grad()
            elif value.grad_fn is not None:
                value.grad_fn.register_hook(lambda inputs, outputs, n=number: note("node hook", n, inputs))
    if hooked:
        for position, leaf in enumerate(leaves):
            if leaf.requires_grad and draw.random() < 0.3:
                leaf.register_post_accumulate_grad_hook(lambda p, n=position: note("accumulated", n))
    roots = [value for value in values[len(leaves) :] if value.requires_grad]
    if roots:
        go_back(T, draw, roots, [leaf for leaf in leaves if leaf.requires_grad], note)
    retained = [value.grad for value in values if value.is_leaf or value.retains_grad]
    note("end", retained)
    return journal


def go_back(
    T: Any, draw: random.Random, roots: list[Any], live: list[Any], note: Callable[..., None]
) -> None:
    root, other = draw.choice(roots[-3:]), draw.choice(roots)
    way = draw.choice(["plain", "plain", "twice", "inputs", "grad", "create", "two roots"])
    try:
        if way == "plain":
            root.sum().backward()
        elif way == "twice":
            total = root.sum()
            total.backward(retain_graph=True)
            total.backward()
        elif way == "inputs":
            root.sum().backward(inputs=live[:1] + ([other] if draw.random() < 0.5 else []))
        elif way == "grad":
            note("grad", T.autograd.grad(root.sum(), [*live, other], allow_unused=True))
        elif way == "create":
            first = T.autograd.grad(root.sum(), live, create_graph=True, allow_unused=True)
            squares = [(grad * grad).sum() for grad in first if grad is not None and grad.requires_grad]
            if squares:
                sum(squares).backward()
        else:
            T.autograd.backward([root.sum(), other.sum()])
    except RuntimeError as error:
        note("error", str(error)[:60])


def plain(value: Any) -> Any:
    """Tensors as type, shape, strides where they mean something, and numbers."""
    if isinstance(value, (torch.Tensor, tinytorch.Tensor)):
        strides = [step for step, size in zip(value.stride(), value.shape, strict=True) if size > 1]
        return [str(value.dtype), list(value.shape), strides, value.detach().reshape(-1).tolist()]
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def agree(one: Any, other: Any) -> bool:
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(agree, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return (
            one == other or abs(one - other) <= TOLERANCE * (1 + abs(one)) or (one != one and other != other)
        )
    return bool(one == other)


@pytest.mark.parametrize("block", range(4))
def test_random_graphs(block: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(block * 150, (block + 1) * 150):
            theirs, ours = program(torch, seed), program(tinytorch, seed)
            for number, (one, other) in enumerate(zip(theirs, ours, strict=False)):
                assert agree(one, other), f"seed {seed}, entry {number}:\n torch {one}\n here  {other}"
            assert len(theirs) == len(ours), f"seed {seed}"
