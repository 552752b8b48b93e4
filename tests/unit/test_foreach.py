"""Operators on lists of tensors, and steps over many parameters at once, are what torch computes tensor by tensor."""

from __future__ import annotations

from typing import Any

import pytest

import tinytorch

torch = pytest.importorskip("torch")

UNARY = [
    "abs",
    "acos",
    "asin",
    "atan",
    "ceil",
    "cos",
    "cosh",
    "erf",
    "erfc",
    "exp",
    "expm1",
    "floor",
    "frac",
    "lgamma",
    "log",
    "log10",
    "log1p",
    "log2",
    "neg",
    "reciprocal",
    "round",
    "rsqrt",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
    "trunc",
]
PROGRAMS = [
    *[f"torch._foreach_{name}(y)" for name in UNARY],
    *[f"(torch._foreach_{name}_(y), y)" for name in UNARY],
    *[
        f"(torch._foreach_{name}(y, {operand}), torch._foreach_{name}_(y, {operand}), y)"
        for name in ("add", "sub", "mul", "div", "clamp_max", "clamp_min", "maximum", "minimum", "pow")
        for operand in ("2", "w", "[1.5, 3]", "torch.tensor(2.0)")
    ],
    "torch._foreach_add(y, w, alpha=3)",
    "torch._foreach_pow(2.0, y)",
    *[
        f"torch._foreach_{name}(y, w, y{value})"
        for name in ("addcdiv", "addcmul")
        for value in ("", ", 2", ", [2.0, 3.0]", ", torch.tensor([2.0, 3.0])", ", torch.tensor([2.0])")
    ],
    "torch._foreach_lerp(y, w, 0.3)",
    "torch._foreach_lerp(y, w, [0.3, 0.4])",
    "torch._foreach_lerp(y, w, y)",
    "torch._foreach_lerp(y, w, [y[0]])",
    "torch._foreach_norm(y)",
    "torch._foreach_norm(y, float('inf'))",
    "torch._foreach_powsum(y, 3)",
    "torch._foreach_max(y)",
    "torch._foreach_clone(y)",
    "torch._foreach_zero_(y)",
    "(torch._foreach_copy_(y, w), y)",
    "torch._foreach_mm([torch.ones(2, 2)], [torch.ones(2, 3)])",
    "torch._foreach_add(y, y[:1])",
    "torch._foreach_add([], [])",
    "torch._foreach_add(y, [1.0])",
    "torch._foreach_exp(y[0])",
    "torch._foreach_exp([])",
    "torch._foreach_add(y, 'a')",
    "torch._foreach_mul(y, torch.ones(2))",
    "(torch._fused_sgd_(y, w, [], lr=0.1, weight_decay=0.1, momentum=0.0, dampening=0.0, nesterov=False, maximize=False, is_first_step=True), y)",
    "(torch._fused_adagrad_(y, w, m, [s, s], lr=0.1, lr_decay=0.1, weight_decay=0.0, eps=1e-8, maximize=True), y, m)",
    *[
        f"(torch._fused_{name}_(y, w, m, v, [], [s, s + 1], lr={rate}, beta1=0.9, beta2=0.99, weight_decay=0.1, eps=1e-8, amsgrad=False, "
        f"maximize=False, grad_scale={scale}, found_inf={found}), y, w, m, v)"
        for name, rate, scale, found in (
            ("adam", "0.1", "None", "None"),
            ("adamw", "torch.tensor(0.1)", "s * 4", "s * 0"),
            ("adamw", "0.1", "None", "s"),
        )
    ],
]


def run(library: Any, program: str) -> Any:
    scope = {
        "torch": library,
        "y": [library.tensor([0.3, 0.6]), library.tensor([[0.2], [0.4]])],
        "w": [library.tensor([0.5, 0.7]), library.tensor([[0.1], [0.9]])],
        "m": [library.full((2,), 0.1), library.full((2, 1), 0.2)],
        "v": [library.full((2,), 0.1), library.full((2, 1), 0.2)],
        "s": library.tensor(1.0),
    }
    try:
        return seen(eval(program, scope))
    except Exception as error:
        return (type(error).__name__, str(error))


def seen(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return (type(value).__name__, [seen(item) for item in value])
    if value is None:
        return None
    numbers = value.reshape(-1).tolist()
    judged = pytest.approx(numbers, 1e-5, 1e-7) if isinstance(value, torch.Tensor) else numbers
    return (tuple(value.shape), value._version, judged)


@pytest.mark.parametrize("program", PROGRAMS)
def test_lists(program: str) -> None:
    assert run(tinytorch, program) == run(torch, program)


OPTIMIZERS = [
    ("Adam", {}),
    ("Adam", {"amsgrad": True, "weight_decay": 0.1, "maximize": True}),
    ("Adam", {"betas": (0.2, 0.9)}),
    ("Adam", {"fused": True}),
    ("AdamW", {}),
    ("SGD", {}),
    ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("SGD", {"momentum": 0.9, "dampening": 0.3, "maximize": True}),
    ("SGD", {"fused": True}),
    ("Adagrad", {"lr_decay": 0.1}),
    ("RMSprop", {"centered": True, "momentum": 0.9}),
    ("Adamax", {"maximize": True}),
    ("NAdam", {}),
    ("RAdam", {}),
    ("Rprop", {}),
    ("ASGD", {"t0": 2}),
    ("Adadelta", {}),
]
SHAPES = [(3,), (2, 3), (), (70000,), (5000,), (0,), (4, 5), (2, 2)]


#: torch's fused steps take real parameters only.
STEPPED = [
    (name, options, kind)
    for name, options in OPTIMIZERS
    for kind in ("float32", "float64", "complex64")
    if not (options.get("fused") and kind == "complex64")
]


@pytest.mark.parametrize(("name", "options", "kind"), STEPPED)
def test_steps_over_parameters_of_all_sizes(name: str, options: dict[str, Any], kind: str) -> None:
    """Packed, cut, strided and odd parameters end where torch's loop leads, and their version counters move as there."""

    def trained(library: Any) -> Any:
        library.manual_seed(0)
        dtype = getattr(library, kind)
        parameters = [library.nn.Parameter(library.randn(shape, dtype=dtype)) for shape in SHAPES]
        optimizer = getattr(library.optim, name)(parameters, lr=0.1, **options)
        for step in range(4):
            for place, parameter in enumerate(parameters):
                given = (step + place) % 3 or step == 3
                parameter.grad = library.randn(parameter.shape, dtype=dtype) if given else None
            if not options.get("fused"):
                parameters[6].grad = library.randn(5, 4, dtype=dtype).t()
            optimizer.step()
        return [
            (p._version, closely(library, p), {k: (v._version, closely(library, v)) for k, v in optimizer.state[p].items() if v is not None})
            for p in parameters
        ]  # fmt: skip

    def closely(library: Any, tensor: Any) -> Any:
        numbers = tensor.detach().reshape(-1)[:50]
        numbers = library.view_as_real(numbers) if numbers.is_complex() else numbers
        loose = {"rel": 2e-3, "abs": 2e-4} if kind != "float64" else {"rel": 1e-9, "abs": 1e-10}
        seen = numbers.reshape(-1).tolist()
        return pytest.approx(seen, **loose) if library is torch else seen

    assert trained(tinytorch) == trained(torch)


@pytest.mark.parametrize("name", ["Adam", "SGD", "RMSprop", "Rprop"])
def test_parameters_that_share_memory_take_turns(name: str) -> None:
    def trained(library: Any) -> Any:
        library.manual_seed(0)
        parameters = [library.nn.Parameter(library.randn(shape)) for shape in ((3,), (4, 5), (2, 2))]
        parameters[2].data = parameters[1].data.view(-1)[:4].view(2, 2)
        optimizer = getattr(library.optim, name)(parameters, lr=0.1)
        for _ in range(3):
            for parameter in parameters:
                parameter.grad = library.randn(parameter.shape)
            optimizer.step()
        shown = [value for parameter in parameters for value in parameter.reshape(-1).tolist()]
        return pytest.approx(shown, 1e-4, 1e-5) if library is torch else shown

    assert trained(tinytorch) == trained(torch)
