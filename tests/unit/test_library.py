"""torch.library: operators of a program's own, their derivatives, fake kernels and errors; and scans with a function."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from journal import Journal, same_journals

import tinytorch

#: The oracle keeps what is registered for good, so every run of the tests takes names of its own.
SPACE = f"tests{uuid.uuid4().hex[:8]}"


def _schemas(t: Any, journal: Journal) -> None:
    tensor = t.Tensor
    cases: list[tuple[dict[str, Any], Any]] = [
        ({"x": tensor, "y": tensor | None, "z": Sequence[int], "return": tensor}, ()),
        ({"x": tensor, "n": int, "i": int | None, "d": t.dtype | None, "return": list[tensor]}, ()),
        ({"x": tensor, "y": tensor, "return": None}, ("x",)),
        ({"x": tensor, "y": tensor, "return": None}, "unknown"),
        ({"x": tensor | None, "y": list[tensor], "u": int | float | bool, "return": tuple[int, float, tensor]}, ()),
        ({"x": tensor, "v": t.device, "return": int}, ()),
        ({"x": tensor, "return": None}, ("q",)),
    ]  # fmt: skip
    for hints, mutates in cases:
        names = [name for name in hints if name != "return"]
        scope: dict[str, Any] = {}
        exec(f"def f({', '.join(names)}, k=1.5, *, s='a'): ...", scope)
        function = scope["f"]
        function.__annotations__ = {**hints, "k": float, "s": str}
        journal.tries(lambda: t.library.infer_schema(function, mutates_args=mutates))
    journal.tries(lambda: t.library.infer_schema(lambda x: x, mutates_args=()))


def _operators(t: Any, journal: Journal) -> None:
    def scaled_sine(x, scale=1.0):
        return t.from_numpy(__import__("numpy").sin(x.detach().numpy()) * scale).to(x.dtype)

    scaled_sine.__annotations__ = {"x": t.Tensor, "scale": float, "return": t.Tensor}
    sine = t.library.custom_op(f"{SPACE}::sine", mutates_args=())(scaled_sine)
    space = getattr(t.ops, SPACE)
    x = t.tensor([1.0, 2.0])
    journal.note([str(sine).replace(SPACE, "s"), sine(x), space.sine(x, scale=2.0), space.sine.default(x, 3)])
    for call in (lambda: sine(3), lambda: sine(x, "a"), lambda: sine(), lambda: sine(x, q=1)):
        journal.tries(call)
    journal.tries(lambda: space.nothing(x))
    leaf = x.clone().requires_grad_()
    recorded = sine(leaf)
    journal.note([recorded.requires_grad, recorded.is_leaf])
    journal.tries(lambda: recorded.sum().backward())

    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(inputs[0])
        ctx.scale = inputs[1]

    def backward(ctx, grad):
        return grad * ctx.saved_tensors[0].cos() * ctx.scale, None

    sine.register_autograd(backward, setup_context=setup_context)
    sine(leaf, 3.0).sum().backward()
    journal.note(leaf.grad)
    journal.tries(lambda: sine(t.ones(2, device="meta")))
    sine.register_fake(lambda x, scale=1.0: t.empty_like(x))
    journal.note(str(sine(t.ones(2, device="meta")).device))
    with t.no_grad():
        journal.note(sine(leaf).requires_grad)

    def add_one_(x):
        x.add_(1)

    add_one_.__annotations__ = {"x": t.Tensor, "return": None}
    t.library.custom_op(f"{SPACE}::add_one_", add_one_, mutates_args={"x"})
    zeros = t.zeros(2)
    journal.note([space.add_one_(zeros), zeros, zeros._version > 0])

    def pair(a, b):
        return sum(a) * 2, a[0] * b[1]

    def pair_backward(ctx, first, second):
        return [first * 2 + second * 5, first * 2], None

    t.library.custom_op(
        f"{SPACE}::pair", pair, mutates_args=(), schema="(Tensor[] a, int[] b) -> (Tensor, Tensor)"
    )
    t.library.register_autograd(f"{SPACE}::pair", pair_backward)
    operands = [x.clone().requires_grad_(), x.clone().requires_grad_()]
    first, second = space.pair(operands, [1, 5])
    (first + second).sum().backward()
    journal.note([first, second, operands[0].grad, operands[1].grad])


def _batches_and_switches(t: Any, journal: Journal) -> None:
    def twice(x: Any, n: Any = 2.0) -> Any:
        return x.detach().clone() * n

    twice.__annotations__ = {"x": t.Tensor, "n": float, "return": t.Tensor}
    operator = t.library.custom_op(f"{SPACE}::twice_{t.__name__}", twice, mutates_args=())

    def rule(info: Any, in_dims: Any, x: Any, n: float = 2.0) -> Any:
        journal.note([info.batch_size, info.randomness, list(in_dims), list(x.shape), n])
        return operator(x, n), in_dims[0]

    journal.note(operator.register_vmap(rule) is None)
    x = t.arange(6.0).view(3, 2)
    journal.note([t.vmap(operator)(x), t.vmap(operator, in_dims=1)(x), t.vmap(lambda x: operator(x, 3.0))(x)])
    journal.note(t.vmap(t.vmap(operator))(x.view(1, 3, 2)))
    operator.register_kernel("cpu")(lambda x, n=2.0: x.detach().clone() * 0)
    journal.note(operator(x))
    with operator.set_kernel_enabled("cpu", enabled=False):
        journal.note(operator(x))
    journal.note(operator(x))
    operator.register_autograd(lambda ctx, grad: (grad * 3, None))
    y = operator(x.requires_grad_())
    journal.note([y.grad_fn.name().replace(t.__name__, "t"), t.autograd.grad(y.sum(), x)])

    def sine(x: Any, y: Any) -> Any:
        return t.sin(x) * y

    sine.__annotations__ = {"x": t.Tensor, "y": float, "return": t.Tensor}
    other = t.library.custom_op(f"{SPACE}::sine_{t.__name__}", sine, mutates_args=())
    t.library.register_autocast(other, "cpu", t.bfloat16)
    journal.note(other(x.detach(), 2.0))
    with t.autocast("cpu"):
        journal.note([other(x.detach().to(kind), 2.0) for kind in (t.float32, t.float64, t.int64)])
    journal.tries(lambda: t.library.register_autocast(other, "tpu", t.float16))
    journal.tries(lambda: t.library.register_autocast(3, "cpu", t.float16))

    def cosine(x: Any) -> Any:
        return x.cos_()

    cosine.__annotations__ = {"x": t.Tensor, "return": t.Tensor}
    name = f"{SPACE}::cos_{t.__name__}_"
    inplace = t.library.custom_op(name, cosine, mutates_args={"x"}, tags=t.Tag.inplace)
    z = t.zeros(2)
    journal.note([inplace(z) is z, z, str(t.Tag.out), repr(t.Tag.core), int(t.Tag.out)])


def _libraries(t: Any, journal: Journal) -> None:
    library = t.library.Library(f"{SPACE}lib", "DEF")
    journal.note(library.define("twice(Tensor x) -> Tensor"))
    library.impl("twice", lambda x: x * 2, "CompositeImplicitAutograd")
    space = getattr(t.ops, f"{SPACE}lib")
    x = t.tensor([1.0, 2.0], requires_grad=True)
    journal.note(type(space.twice(x).grad_fn).__name__)
    t.library.define(f"{SPACE}lib::plus", "(Tensor x, int n) -> Tensor")
    t.library.impl(f"{SPACE}lib::plus", "cpu")(lambda x, n: x.detach() + n)
    t.library.register_fake(f"{SPACE}lib::plus")(lambda x, n: t.empty_like(x))
    t.library.register_autograd(f"{SPACE}lib::plus", lambda ctx, grad: (grad * 5, None))
    journal.tries(lambda: space.plus(x, 3.5))
    journal.tries(lambda: space.plus(x))
    space.plus(x, 1).sum().backward()
    journal.note([x.grad, tuple(space.plus(x.detach().to("meta"), 3).shape)])
    journal.tries(lambda: t.library.Library("prim", "DEF"))


@pytest.mark.parametrize("program", [_schemas, _operators, _libraries, _batches_and_switches])
def test_program(program: Callable[[Any, Journal], None]) -> None:
    same_journals(program, torch, tinytorch)


@pytest.mark.parametrize("length", [1, 2, 3, 7, 8])
@pytest.mark.parametrize("reverse", [False, True])
def test_associative_scan(length: int, reverse: bool) -> None:
    """Running sums, products and linear recurrences, forwards and backwards, along any dimension; and their gradients."""
    from tinytorch._higher_order_ops import associative_scan

    generator = torch.Generator().manual_seed(length)
    values = [torch.randn(2, length, 3, generator=generator) for _ in range(2)]
    a, b = [tinytorch.from_numpy(v.numpy().copy()).requires_grad_() for v in values]
    total = associative_scan(lambda x, y: x + y, a, 1, reverse=reverse)
    expected = values[0].flip(1).cumsum(1).flip(1) if reverse else values[0].cumsum(1)
    torch.testing.assert_close(torch.from_numpy(total.detach().numpy().copy()), expected)
    _, state = associative_scan(lambda x, y: (x[0] * y[0], y[0] * x[1] + y[1]), (a, b), 1, reverse=reverse)
    order = range(length - 1, -1, -1) if reverse else range(length)
    running, wanted = torch.zeros(2, 3), {}
    for place in order:
        running = values[0][:, place] * running + values[1][:, place]
        wanted[place] = running
    stacked = torch.stack([wanted[place] for place in range(length)], 1)
    torch.testing.assert_close(torch.from_numpy(state.detach().numpy().copy()), stacked, rtol=1e-4, atol=1e-5)
    state.sum().backward()
    assert b.grad is not None and b.grad.shape == (2, length, 3)
    with pytest.raises(ValueError, match="Combine_fn must be a callable"):
        associative_scan(3, a, 1)


def test_what_needs_several_processes_says_so() -> None:
    """The names of torch.distributed that libraries import exist; using one raises with its name."""
    import tinytorch.distributed.checkpoint.state_dict
    import tinytorch.distributed.fsdp
    import tinytorch.distributed.tensor
    from tinytorch.distributed.device_mesh import init_device_mesh
    from tinytorch.distributed.tensor.placement_types import Partial, Replicate, Shard

    fsdp, spread = tinytorch.distributed.fsdp, tinytorch.distributed.tensor
    for call, name in (
        (lambda: fsdp.FullyShardedDataParallel(tinytorch.nn.Linear(1, 1)), "FullyShardedDataParallel"),
        (lambda: fsdp.fully_shard(tinytorch.nn.Linear(1, 1)), "fully_shard"),
        (lambda: spread.distribute_tensor(tinytorch.ones(1)), "distribute_tensor"),
        (lambda: spread.DTensor.from_local(tinytorch.ones(1)), "DTensor"),
        (lambda: init_device_mesh("cpu", (1,)), "init_device_mesh"),
    ):
        with pytest.raises(NotImplementedError, match=name):
            call()
    assert not isinstance(tinytorch.ones(1), spread.DTensor)
    theirs = torch.distributed.tensor.placement_types if torch.distributed.is_available() else None
    for own in (Shard(1), Replicate(), Partial(), Partial("avg")):
        expected = getattr(theirs, type(own).__name__)(*vars(own).values())
        assert (repr(own), str(own)) == (repr(expected), str(expected))
        assert (own.is_shard(), own.is_shard(1), own.is_replicate(), own.is_partial()) == (
            expected.is_shard(), expected.is_shard(1), expected.is_replicate(), expected.is_partial()
        )  # fmt: skip
