"""Every declaration: its schema is torch's, it compiles, and its formulas name only what they may."""

from __future__ import annotations

from typing import Any

import pytest

import tinytorch
from tinytorch._core.declare import registry

torch = pytest.importorskip("torch")

OPERATORS = [operator for overloads in registry.values() for operator in overloads]


@pytest.fixture(scope="module")
def schemas() -> set[str]:
    """torch's schemas; it prints the default `long` as the number of that type."""
    return {
        str(schema).removeprefix("aten::").replace("dtype=4", "dtype=long")
        for schema in torch._C._jit_get_all_schemas()
    }


def inplace_text(operator: Any) -> str:
    """The schema of the in-place form, for operators that have no other ("normal_")."""
    name = (
        f"{operator.name}_.{operator.overload}"
        if operator.overload not in ("", "functional")
        else f"{operator.name}_"
    )
    return (
        operator.text.replace(operator.qualified, name, 1)
        .replace("(Tensor self", "(Tensor(a!) self")
        .replace("-> Tensor", "-> Tensor(a!)")
    )


def test_there_are_operators() -> None:
    assert len(OPERATORS) > 600
    assert tinytorch.add.__name__ == "add"


def test_schemas_are_torchs(schemas: set[str]) -> None:
    """Declared for our own use are only operators whose names torch does not have, or that torch writes in Python."""
    wrong = [
        o.text
        for o in OPERATORS
        if o.text not in schemas
        and not o.options.get("ours")
        and not o.options.get("unlisted")
        and inplace_text(o) not in schemas
    ]
    assert wrong == []


def test_own_operators_are_not_public() -> None:
    shown = [
        o.text
        for o in OPERATORS
        if o.options.get("ours") and (o.has_function or o.has_method) and not o.name.startswith("_")
    ]
    assert shown == []


@pytest.mark.parametrize("name", sorted(registry))
def test_compiles(name: str) -> None:
    for operator in registry[name]:
        assert operator.compiled.call is not None
        if operator.compiled.node is not None:
            assert operator.compiled.node.__name__ == operator.node_name


def test_node_names_are_torchs() -> None:
    """torch registers a class for each node it can make."""
    known = set(dir(torch._C._functions))
    for name in list(known):  # a derivative's own node is made when it is first taken, and not listed
        known.add(name.replace("Backward", "BackwardBackward", 1))
    ours = {o.node_name for o in OPERATORS if o.formulas and not o.options.get("ours")}
    unknown = sorted(name for name in ours if name not in known)
    assert unknown == []


def test_a_formula_may_not_name_what_is_not_there() -> None:
    from tinytorch._core.declare import Operator
    from tinytorch._core.plan import Plan

    operator = Operator("_declared_for_this_test(Tensor self) -> Tensor", "op", lambda self: self, {})
    registry.pop("_declared_for_this_test")
    operator.vjp(self=lambda grad, other: grad)
    with pytest.raises(TypeError, match="a formula names 'other'"):
        Plan(operator)
