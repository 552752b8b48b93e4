"""Classes of difference from torch that were found once: each line is a program that both libraries must agree on."""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import Any

import pytest

import tinytorch

torch = pytest.importorskip("torch")


def _rounded(value: Any) -> Any:
    """Floats to six digits: the last bits are compared elsewhere."""
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    if isinstance(value, float | complex):
        return f"{value:.6g}"
    return value


def _shown(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return (type(value).__name__, [_shown(item) for item in value])
    if not hasattr(value, "stride"):
        return value
    node = value.grad_fn
    return (
        str(value.dtype),
        tuple(value.shape),
        _rounded(value.detach().tolist()),
        None if node is None else type(node).__name__,
    )


def _run(library: ModuleType, program: str) -> Any:
    scope: dict[str, Any] = {
        "torch": library,
        "x": library.tensor([1.0, 2.0, 0.0]),
        "g": library.tensor([1.0, 2.0, 0.5], requires_grad=True),
        "i": library.tensor([1, 2, 3]),
        "b": library.tensor([True, False, True]),
        "c": library.tensor([1 + 1j, 2.0, -1j]),
        "m": library.arange(24.0).reshape(2, 3, 4),
        "f64": library.float64,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            *statements, last = program.split("; ")
            for statement in statements:
                exec(statement, scope)
            return _shown(eval(last, scope))
        except Exception as error:
            return (type(error).__name__, str(error))


NUMBERS = [
    *[f"torch.{name}(2, x)" for name in ("add", "sub", "mul", "div", "true_divide", "floor_divide", "multiply", "subtract")],
    *[f"torch.{name}(2.5, i)" for name in ("add", "sub", "mul", "div", "floor_divide")],
    "torch.add(2, 3)", "torch.sub(2, g, alpha=3)", "torch.mul(1j, x)", "i.clone().multiply_(2)", "x.clone().subtract_(2.5)",
    "torch.multiply(i, 2, out=torch.empty(0))", "x.clone().copy_(2.7)", "torch.copysign(g, -2)", "torch.copysign(i, -2.5)",
    "torch.xlogy(2, g)", "torch.xlogy(g, 2)", "torch.xlogy(i, 2)", "torch.fmod(g, 2)", "torch.rsub(g, 1)", "torch.rsub(i, 2.5, alpha=2)", "1 - g", "1.5 - i", "torch.Tensor.__rsub__(g, g)",
    "torch.bitwise_and(2, i)", "torch.bitwise_left_shift(2, i)", "torch.bitwise_xor(True, b)", "torch.float_power(2, g)",
    "torch.float_power(g, 2)", "torch.float_power(x, 1j)", "x.double().float_power_(2)", "x.clone().float_power_(2)",
    "torch.float_power(x, 2, out=torch.empty(3))", "torch.logaddexp(x, 2)", "torch.logical_and(x, 2)", "torch.copysign(2, x)",
]  # fmt: skip

COMPLEX_NUMBERS = [
    *[f"torch.{name}(x, 1j)" for name in ("lt", "le", "gt", "ge", "eq", "clamp", "clamp_min", "clamp_max", "bitwise_and")],
    "x.clone().bitwise_and_(1j)", "torch.remainder(x, 1j)",
]  # fmt: skip

REFUSED_TYPES = [
    *[
        f"torch.{name}({operand}, {operand})"
        for name in ("fmod", "floor_divide", "atan2", "hypot", "logaddexp2", "gcd", "lcm", "copysign", "fmax", "heaviside", "clamp", "clamp_min", "dist")
        for operand in ("x", "i", "b", "c")
    ],
    *[
        f"torch.{name}({operand})"
        for name in ("abs", "ceil", "floor", "erf", "erfc", "erfinv", "lgamma", "digamma", "i0", "logit", "deg2rad", "isposinf", "isneginf")
        for operand in ("i", "b", "c")
        if not (name in ("erf", "erfc", "erfinv", "lgamma", "digamma", "i0", "logit", "deg2rad") and operand != "c")
    ],
    "c.abs_()", "b.clone().clamp(True)", "torch.div(b, b, rounding_mode='trunc')", "torch.lerp(i, i, 1)", "torch.lerp(i, i, i)",
    "torch.addcmul(b, b, b)", "torch.clamp(b, b, b)", "torch.heaviside(x, i)", "torch.heaviside(i, i)", "torch.clamp(c, 1)",
    "torch.dist(i, i.float())", "torch.dist(b, x)", "torch.equal(i, i.float())", "torch.equal(i, torch.tensor(2.5))",
]  # fmt: skip

OUT_TYPES = [
    *[
        f"torch.{call}, out={target})"
        for call in (
            "amax(x, 0", "argmax(x", "gather(x, 0, i * 0", "isin(i, i", "any(x", "all(x", "index_select(x, 0, i * 0", "cat([x, x]", "diag(x",
            "bmm(x[None, None], x[None, :, None]", "dot(x, x", "cumsum(x, 0", "cumprod(i, 0", "histc(x", "logcumsumexp(x, 0",
            "log_softmax(x, 0", "hstack([x, x]", "inner(x, x", "argsort(x, stable=True", "bucketize(x, x", "index_copy(x, 0, i % 3, x",
            "index_add(x, 0, i % 3, x", "sum(i, 0", "clamp(i, 1", "clamp(i, torch.tensor(1)", "abs(x", "floor(x", "bincount(i", "stack([x, x]",
            "full((2,), 1.5, dtype=torch.float32", "arange(3, dtype=torch.float32", "linspace(0, 1, 3, dtype=torch.float32", "eye(2",
        )
        for target in ("torch.empty(0)", "torch.empty(0, dtype=f64)", "torch.empty(0, dtype=torch.int64)")
    ],
    "torch.cummax(x, 0, out=(torch.empty(0, dtype=f64), torch.empty(0, dtype=torch.int64)))",
    "torch.kthvalue(x, 1, out=(torch.empty(0), torch.empty(0, dtype=torch.int64)))",
]  # fmt: skip

ARGUMENTS = [
    *[
        f"torch.{name}({arguments})"
        for name in (
            "clamp", "clamp_max", "all", "any", "eq", "lt", "fmod", "bitwise_and", "bitwise_left_shift", "float_power", "hsplit",
            "linspace", "logspace", "logit", "floor", "copysign", "eye", "bernoulli", "empty", "addcmul",
        )
        for arguments in ("", "1, None", "x, 'a'", "x, x, x, x", "x, None, None", "x, unknown=1")
    ],
    "x.expand('a', 2)", "x.flip(None, None)", "x.addcmul(unknown=1)", "x.broadcast_to(None, 1)",
]  # fmt: skip

FACTORIES = [
    "torch.linspace(torch.tensor(0.0), 1, 3)", "torch.linspace(torch.tensor(0), torch.tensor([1.0]), 3)", "torch.linspace(0, 5j, 3, dtype=f64)",
    "torch.linspace(torch.tensor(0.0, requires_grad=True), 5, 3)", "torch.logspace(torch.tensor(0), 2, 3)", "torch.logspace(0, 2, -1)",
    "torch.logspace(-2.5, 3.7, 4, dtype=torch.int64)", "torch.logspace(0, 5, 7, dtype=torch.uint8)", "torch.logspace(0, 3, 4, 2.5, dtype=torch.int64)",
    "torch.logspace(1.9, 1, 1, dtype=torch.int64)", "torch.arange(0, 1e30)", "torch.range(0, 5, 0)",
    "x.float(memory_format=torch.contiguous_format) is x", "x.to(memory_format=torch.contiguous_format) is x",
    "m[None, 0].to(memory_format=torch.contiguous_format).stride()", "x.long(memory_format=torch.channels_last)",
]  # fmt: skip

INDEXING = [
    "m[None, 0].stride()", "m[:, None, ..., None].stride()",
    "z = torch.zeros(3, dtype=torch.bfloat16); z[1] = torch.tensor([5.0]); z", "z = torch.zeros(2, dtype=torch.complex64); z[1] = torch.tensor([5.0]); z",
    "z = m[0, 0]; z[torch.tensor([1, 0, 0, 1], dtype=torch.uint8)] = 5.0; z", "m['a', torch.tensor([0]), 0, 0]", "torch.tensor(1.0)[2]", "torch.tensor(1.0)[0]",
    "z = (g * 1); z[0] = torch.tensor([5.0], requires_grad=True); z.grad_fn.next_functions[1][0].name()",
]  # fmt: skip

NODES = [
    "torch.floor_divide(g, 2)", "torch.floor_divide(g, 2).sum().backward()", "torch.conj_physical(g) is g", "(g * 1).acosh_()", "(g * 1).conj_physical_()",
    "torch.diff(g, 0)", "l = c.requires_grad_(); torch.logaddexp(l, 2 * l).sum().backward(torch.tensor(1j)); l.grad", "torch.cov(m[0], aweights=torch.ones(4, requires_grad=True), correction=0)",
]  # fmt: skip


@pytest.mark.parametrize(
    "program",
    [*NUMBERS, *COMPLEX_NUMBERS, *REFUSED_TYPES, *OUT_TYPES, *ARGUMENTS, *FACTORIES, *INDEXING, *NODES],
)
def test_same_as_torch(program: str) -> None:
    theirs, ours = str(_run(torch, program)), str(_run(tinytorch, program))
    assert ours.replace("tinytorch.", "torch.") == theirs
