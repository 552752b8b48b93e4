"""Module, its containers and its hooks behave as torch's do."""

from __future__ import annotations

import copy
import pickle
import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import pytest

import tinytorch

torch = pytest.importorskip("torch")

from agreement import programs_agree


def seen(value: Any) -> Any:
    """A value in a form that both libraries can be compared in."""
    if hasattr(value, "detach"):
        return (
            str(value.dtype),
            tuple(value.shape),
            [round(float(x), 5) for x in value.detach().reshape(-1).tolist()],
        )
    if isinstance(value, dict):
        return {str(key): seen(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [seen(item) for item in value]
    if isinstance(value, bool | int | float | type(None)):
        return value
    return str(value).replace("tinytorch.", "torch.")


def outcome(program: Callable[[Any], Any], library: Any) -> Any:
    """What a program returns or raises, and what it warns of."""
    library.manual_seed(0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = seen(program(library))
        except Exception as error:
            result = [type(error).__name__, str(error).replace("tinytorch.", "torch.")]
    return result, [(w.category.__name__, str(w.message).replace("tinytorch.", "torch.")) for w in caught]


def agree(program: Callable[[Any], Any]) -> None:
    assert outcome(program, tinytorch) == outcome(program, torch)


def small(torch: Any) -> Any:
    return torch.nn.Sequential(
        OrderedDict(
            first=torch.nn.Linear(3, 4),
            inner=torch.nn.Sequential(torch.nn.ReLU(), torch.nn.BatchNorm1d(4)),
            last=torch.nn.Linear(4, 2, bias=False),
        )
    )


def test_tree() -> None:
    def program(torch: Any) -> Any:
        model = small(torch)
        model.again = model.first
        return [
            repr(model),
            [name for name, _ in model.named_modules()],
            [name for name, _ in model.named_modules(remove_duplicate=False)],
            [name for name, _ in model.named_parameters()],
            [name for name, _ in model.named_parameters(remove_duplicate=False)],
            [name for name, _ in model.named_parameters(prefix="x", recurse=False)],
            [name for name, _ in model.named_buffers()],
            [name for name, _ in model.named_children()],
            len(list(model.modules())),
            len(list(model.children())),
            repr(model.get_submodule("inner.1")),
            model.get_parameter("first.weight"),
            model.get_buffer("inner.1.running_var"),
            [name for name in dir(model) if "first" in name or name in ("weight", "inner", "0")],
        ]

    agree(program)


@pytest.mark.parametrize(
    "action",
    [
        lambda t, m: m.register_buffer("a.b", None),
        lambda t, m: m.register_buffer("", None),
        lambda t, m: m.register_buffer(3, None),
        lambda t, m: m.register_buffer("x", 3),
        lambda t, m: m.register_buffer("forward", None),
        lambda t, m: m.register_parameter("a.b", None),
        lambda t, m: m.register_parameter("", None),
        lambda t, m: m.register_parameter(3, None),
        lambda t, m: m.register_parameter("x", t.ones(1)),
        lambda t, m: m.register_parameter("forward", None),
        lambda t, m: m.add_module("a.b", None),
        lambda t, m: m.add_module("", None),
        lambda t, m: m.add_module(3, None),
        lambda t, m: m.add_module("x", 3),
        lambda t, m: m.add_module("forward", None),
        lambda t, m: setattr(m, "weight", t.ones(1)),
        lambda t, m: setattr(m, "weight", 3),
        lambda t, m: setattr(m, "child", 3),
        lambda t, m: setattr(m, "buffer", "text"),
        lambda t, m: m.missing,
        lambda t, m: delattr(m, "missing"),
        lambda t, m: m.get_submodule("nothing"),
        lambda t, m: m.get_submodule("weight"),
        lambda t, m: m.get_parameter("nothing"),
        lambda t, m: m.get_parameter("buffer"),
        lambda t, m: m.get_buffer("weight"),
        lambda t, m: m.set_submodule("", t.nn.ReLU()),
        lambda t, m: m.set_submodule("child", 3),
        lambda t, m: m.set_submodule("other", t.nn.ReLU(), strict=True),
        lambda t, m: m.train("yes"),
        lambda t, m: m.to(t.int32),
        lambda t, m: m(t.ones(1)),
        lambda t, m: t.nn.Module(3),
        lambda t, m: t.nn.Module(x=3),
        lambda t, m: m.load_state_dict([1]),
        lambda t, m: t.nn.Parameter(t.ones(1, dtype=t.int64)),
        lambda t, m: t.nn.Parameter([1.0]),
        lambda t, m: t.nn.ParameterList(t.ones(2)),
        lambda t, m: t.nn.ParameterDict({3: t.ones(2)}),
        lambda t, m: t.nn.ModuleDict([(1,)]),
        lambda t, m: t.nn.ModuleList()[0],
        lambda t, m: t.nn.Sequential()[1],
        lambda t, m: t.nn.Sequential() + [1],
        lambda t, m: t.nn.Sequential(t.nn.ReLU()) * 0,
        lambda t, m: t.nn.ParameterList()(1),
        lambda t, m: t.nn.Linear.__new__(t.nn.Linear).weight,
        lambda t, m: setattr(t.nn.Linear.__new__(t.nn.Linear), "weight", t.nn.Parameter(t.ones(1))),
        lambda t, m: setattr(t.nn.Linear.__new__(t.nn.Linear), "child", m),
    ],
)
def test_errors(action: Callable[[Any, Any], Any]) -> None:
    def program(torch: Any) -> Any:
        module = torch.nn.Module()
        module.register_buffer("buffer", torch.ones(2))
        module.weight = torch.nn.Parameter(torch.ones(2))
        module.child = torch.nn.ReLU()
        return action(torch, module)

    agree(program)


def test_assignment_moves_names() -> None:
    def program(torch: Any) -> Any:
        module = torch.nn.Module()
        module.thing = 3
        module.thing = torch.nn.Parameter(torch.ones(2))
        states = [list(module.__dict__), list(module._parameters)]
        module.thing = None
        states.append(list(module._parameters.values()))
        module.thing2 = torch.nn.Buffer(torch.zeros(2), persistent=False)
        module.thing3 = torch.nn.Buffer(torch.zeros(2))
        states += [
            list(module._buffers),
            sorted(module._non_persistent_buffers_set),
            list(module.state_dict()),
        ]
        module.thing2 = torch.ones(3)
        states += [module.thing2, list(module.state_dict())]
        module.thing2 = torch.nn.ReLU()
        states += [list(module._modules), list(module._buffers), sorted(module._non_persistent_buffers_set)]
        del module.thing3
        return [*states, list(module._buffers)]

    agree(program)


@pytest.mark.parametrize("strict", [True, False])
def test_load_state_dict(strict: bool) -> None:
    def program(torch: Any) -> Any:
        model = small(torch)
        state = model.state_dict()
        assert state["first.weight"].data_ptr() == model.first.weight.data_ptr()
        good = copy.deepcopy(model).load_state_dict(state)
        state["extra.thing"] = torch.ones(1)
        del state["last.weight"]
        state["first.bias"] = torch.ones(7)
        state["inner.1.running_mean"] = 3
        return [repr(good), dict(state._metadata), model.load_state_dict(state, strict=strict)]

    agree(program)


def test_load_assign_and_hooks() -> None:
    def program(torch: Any) -> Any:
        model = small(torch)
        events: list[Any] = []
        model.register_state_dict_pre_hook(lambda m, prefix, keep: events.append(("pre", prefix, keep)))
        model.inner.register_state_dict_post_hook(
            lambda m, d, prefix, meta: events.append(("post", prefix, len(d)))
        )
        model.register_load_state_dict_pre_hook(
            lambda m, d, prefix, *rest: events.append(("load", prefix, len(d)))
        )
        model.register_load_state_dict_post_hook(lambda m, keys: events.append(("loaded", repr(keys))))
        with torch.device("meta"):
            other = small(torch)
        state = model.state_dict()
        other.load_state_dict(state, assign=True)
        model.load_state_dict(state)
        return [
            events,
            other.first.weight,
            other.first.weight.requires_grad,
            type(other.first.weight).__name__,
        ]

    agree(program)


def test_extra_state() -> None:
    def program(torch: Any) -> Any:
        class Counting(torch.nn.Module):  # type: ignore[misc, name-defined]
            count = 3

            def get_extra_state(self) -> Any:
                return {"count": self.count}

            def set_extra_state(self, state: Any) -> None:
                self.count = state["count"]

        model = torch.nn.Sequential(Counting())
        state = model.state_dict()
        model[0].count = 0
        model.load_state_dict(state)
        return [
            list(state),
            model[0].count,
            model.load_state_dict({}, strict=False),
            model.load_state_dict({}),
        ]

    agree(program)


def test_forward_hooks() -> None:
    def program(torch: Any) -> Any:
        events: list[Any] = []

        class Scaled(torch.nn.Module):  # type: ignore[misc, name-defined]
            def forward(self, x: Any, scale: float = 1.0) -> Any:
                if scale < 0:
                    raise ValueError("negative")
                return x * scale

        m = Scaled()
        m.register_forward_pre_hook(lambda m, args: (events.append("pre"), (args[0] + 1,))[1])
        handle = m.register_forward_pre_hook(
            lambda m, args, kwargs: (
                events.append(("kw", kwargs)),
                (args, {"scale": kwargs.get("scale", 2.0)}),
            )[1],
            with_kwargs=True,
            prepend=True,
        )
        m.register_forward_hook(lambda m, args, out: events.append("after"))
        m.register_forward_hook(lambda m, args, kwargs, out: out + 10, with_kwargs=True, prepend=True)
        m.register_forward_hook(lambda m, args, out: events.append(("always", out is None)), always_call=True)
        first = m(torch.ones(2))
        second = m(torch.ones(2), scale=3.0)
        try:
            m(torch.ones(2), scale=-1.0)
        except ValueError as error:
            events.append(str(error))
        handle.remove()
        anywhere = torch.nn.modules.module.register_module_forward_hook(
            lambda m, a, o: events.append(type(m).__name__)
        )
        third = m(torch.ones(2))
        anywhere.remove()
        m.register_forward_pre_hook(lambda m, a, k: 3, with_kwargs=True)
        return [first, second, third, events, m(torch.ones(1))]

    agree(program)


def test_backward_hooks() -> None:
    def program(torch: Any) -> Any:
        events: list[Any] = []
        m = torch.nn.Linear(2, 3)
        m.register_full_backward_hook(lambda m, gi, go: events.append((gi, go)))
        m.register_full_backward_hook(lambda m, gi, go: None if gi[0] is None else (gi[0] * 2,), prepend=True)
        m.register_full_backward_pre_hook(lambda m, go: (go[0] * 3,))
        x = torch.arange(4.0).reshape(2, 2).requires_grad_()
        out = m(x)
        out.sum().backward()
        events += [x.grad, m.weight.grad, out.grad_fn.name(), out.requires_grad]
        m(torch.ones(1, 2)).sum().backward()  # no input wants a gradient
        bad = torch.nn.Linear(2, 2)
        bad.register_full_backward_hook(lambda m, gi, go: (gi[0], gi[0]))
        try:
            bad(x).sum().backward()
        except RuntimeError as error:
            events.append(str(error))
        return [events, bad.register_backward_hook(lambda *a: None)]

    agree(program)


def test_old_backward_hook() -> None:
    def program(torch: Any) -> Any:
        events: list[Any] = []
        m = torch.nn.Tanh()
        m.register_backward_hook(lambda m, gi, go: events.append((type(m).__name__, gi, go)))
        x = torch.ones(2, requires_grad=True)
        m(x * 1).sum().backward()
        torch.nn.Sequential(m, m)
        two = torch.nn.Linear(2, 2)
        two.register_backward_hook(lambda m, gi, go: None)
        two(x).sum().backward()
        return events

    agree(program)


def test_conversions() -> None:
    def program(torch: Any) -> Any:
        model = small(torch)
        weight = model.first.weight
        model(torch.ones(3, 3)).sum().backward()
        same = model.double() is model and model.first.weight is weight
        kinds = [str(p.dtype) for p in [*model.parameters(), *model.buffers()]]
        grads = [str(p.grad.dtype) for p in model.parameters()]
        model.to("cpu", torch.float16)
        halves = [str(b.dtype) for b in model.buffers()]
        model.to(torch.ones(1))
        model.bfloat16().float()
        model.to(dtype=torch.float64).to(device="cpu")
        frozen = model.requires_grad_(False)
        model.zero_grad(set_to_none=False)
        zeros = [p.grad.abs().sum() for p in model.parameters()]
        model.zero_grad()
        return [
            same,
            kinds,
            grads,
            halves,
            [p.requires_grad for p in frozen.parameters()],
            zeros,
            [p.grad for p in model.parameters()],
            model.eval().training,
            model.inner[1].training,
            [m.training for m in model.train().modules()],
        ]

    agree(program)


def test_containers() -> None:
    def program(torch: Any) -> Any:
        nn = torch.nn
        s = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 1))
        s.append(nn.Tanh()).insert(1, nn.Sigmoid()).extend([nn.ELU()])
        del s[0]
        s[0] = nn.GELU()
        popped = s.pop(-1)
        doubled = (s + nn.Sequential(nn.Mish())) * 2
        s *= 2
        modules = nn.ModuleList([nn.Linear(1, 1) for _ in range(3)])
        modules.insert(1, nn.ReLU())
        modules += [nn.Tanh()]
        del modules[0]
        table = nn.ModuleDict({"a": nn.ReLU()})
        table.update([("b", nn.Tanh())])
        table["c"] = nn.ELU()
        table.pop("a")
        values = nn.ParameterList([torch.ones(2), 3])
        values.append(torch.zeros(1)).extend([nn.Parameter(torch.ones(1))])
        named = nn.ParameterDict({"b": torch.ones(2), "a": torch.zeros(1)})
        named |= nn.ParameterDict({"c": torch.ones(1)})
        return [
            repr(s), repr(popped), repr(doubled), repr(s[1:3]), repr(modules), repr(modules[1:]), repr(modules + modules),
            repr(table), list(table.keys()), "b" in table, len(table), repr(values), repr(values[1:3]), len(values),
            repr(named), list(named), named.get("x", 3), repr(named.copy()), list(reversed(named)), named.popitem()[0],
            [k for k, _ in named.items()], repr(named.fromkeys(["q"], torch.ones(1))), named.setdefault("z", torch.ones(1)),
            list(values.state_dict()), list(named.state_dict()),
        ]  # fmt: skip

    agree(program)


def test_parameter() -> None:
    def program(torch: Any) -> Any:
        data = torch.arange(3.0)
        p = torch.nn.Parameter(data)
        data += 1
        twin = copy.deepcopy(p)
        frozen = torch.nn.Parameter(data, requires_grad=False)
        back = pickle.loads(pickle.dumps(p))
        b = torch.nn.Buffer(torch.ones(1))
        return [
            p, repr(p), repr(twin), repr(frozen), repr(back), type(back).__name__, back.requires_grad,
            type(p + 1).__name__, type(p.data).__name__, p.is_leaf, isinstance(b, torch.nn.Buffer), type(b).__name__,
            isinstance(data, torch.nn.Parameter), isinstance(p, torch.Tensor), twin.data_ptr() != p.data_ptr(),
            repr(torch.nn.Parameter()), repr(torch.nn.Parameter(torch.ones(2).bfloat16())),
        ]  # fmt: skip

    agree(program)


def test_lazy() -> None:
    def program(torch: Any) -> Any:
        model = torch.nn.Sequential(
            torch.nn.LazyConv2d(2, 3), torch.nn.LazyBatchNorm2d(), torch.nn.Flatten(), torch.nn.LazyLinear(2)
        )
        before = [repr(model), repr(model[3].weight), model[3].has_uninitialized_params()]
        try:
            model[3].weight + 1
        except ValueError as error:
            before.append(str(error).split(".")[1])
        try:
            _ = model[3].weight.shape
        except RuntimeError as error:
            before.append(str(error))
        out = model(torch.ones(2, 3, 4, 4))
        fresh = torch.nn.LazyLinear(2)
        fresh.load_state_dict(model[3].state_dict())
        return [before, repr(model), out, list(model.state_dict()), fresh(torch.ones(1, 8))]

    agree(program)


def test_pickle_and_deepcopy() -> None:
    model = small(tinytorch)
    x = tinytorch.ones(2, 3)
    model(x)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert repr(twin) == repr(model)
        assert twin.eval()(x).tolist() == model.eval()(x).tolist()
        assert twin.first.weight.data_ptr() != model.first.weight.data_ptr()


def swapped_conversions(library: Any) -> list[Any]:
    """Modules that are converted and loaded by swapping, and what other references to their parameters see."""
    nn, found = library.nn, []
    setting = library.__future__.set_swap_module_params_on_conversion
    setting(True)
    try:
        linear = nn.Linear(2, 3)
        weight = linear.weight
        optimizer = library.optim.SGD(linear.parameters(), 0.1)
        weight.grad = library.ones_like(weight)
        grad = weight.grad
        linear.double()
        found += [weight is linear.weight, weight.dtype, weight.grad is grad, grad.dtype]
        found.append(optimizer.param_groups[0]["params"][0] is weight)
        saved = {key: value.clone().float() for key, value in linear.state_dict().items()}
        found += [linear.load_state_dict(saved), linear.weight is weight, weight.dtype, weight]
        found += [
            linear.load_state_dict(saved, assign=True),
            linear.weight is weight,
            weight.dtype,
            type(weight).__name__,
        ]
        found.append(
            outcome_of(lambda: linear.load_state_dict({"weight": library.zeros(2, 2)}, strict=False))
        )
        norm = nn.BatchNorm1d(2).double()
        found.append({key: value.dtype for key, value in norm.state_dict().items()})
        tied = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
        tied[1].weight = tied[0].weight
        found.append(tied.double()[1].weight is tied[0].weight)
        watched = nn.Linear(2, 2)
        reference = weakref.ref(watched.weight)
        found += [outcome_of(watched.double), reference() is watched.weight, watched.weight.dtype]

        class Returning(library.Tensor):
            def module_load(self, other: Any, assign: bool = False) -> Any:
                return self

        odd = nn.Linear(1, 1, bias=False)
        odd.weight = nn.Parameter(library.ones(1, 1).as_subclass(Returning))
        found.append(outcome_of(lambda: odd.load_state_dict({"weight": library.zeros(1, 1)})))
    finally:
        setting(False)
    return found


def outcome_of(call: Any) -> Any:
    try:
        return str(call())
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def test_conversion_by_swapping() -> None:
    programs_agree(swapped_conversions, relative=1e-6, absolute=1e-8)


def test_swapped_tensors_are_each_other() -> None:
    def program(library: Any) -> list[Any]:
        swap = library.utils.swap_tensors
        first, second = library.tensor([1.0, 2.0]), library.tensor([[3]])
        first.mark = 1
        swap(first, second)
        found = [first, second, hasattr(first, "mark"), hasattr(second, "mark")]
        parameter, plain = library.nn.Parameter(library.ones(2)), library.zeros(3, dtype=library.float64)
        swap(parameter, plain)
        found += [
            type(parameter).__name__,
            parameter,
            parameter.requires_grad,
            type(plain).__name__,
            plain.requires_grad,
        ]
        reference = weakref.ref(first)
        found += [
            outcome_of(lambda: swap(first, second)),
            outcome_of(lambda: swap(second, first)),
            reference() is first,
        ]
        found.append(library.ones(2).module_load(library.zeros(2), assign=True))
        with library.no_grad():
            found.append(plain.module_load(library.zeros(2)))
        found.append(outcome_of(lambda: library.ones(2).module_load(library.zeros(3))))
        return found

    programs_agree(program, relative=1e-6, absolute=1e-8)


def test_a_tensor_in_a_graph_is_not_swapped() -> None:
    """The graph knows its tensors by identity, so that a swap would go unnoticed by it."""
    x = tinytorch.ones(2, requires_grad=True)
    y = x * x
    with pytest.raises(NotImplementedError, match="recorded graph"):
        tinytorch.utils.swap_tensors(x, tinytorch.zeros(2))
    del y
    tinytorch.utils.swap_tensors(x, tinytorch.zeros(2))
    assert not x.requires_grad
