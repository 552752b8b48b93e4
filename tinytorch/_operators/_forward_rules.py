"""Forward-mode rules of operators for which the derived ones do too much. Imported when forward mode is first used.

Without a rule a tangent goes through the operator's derivative formulas transposed; linear operators are applied to it directly.
"""

from __future__ import annotations

from typing import Any

from .._core.declare import Operator, find, registry


def _find(name: str, overload: str) -> Operator | None:
    found = next((o for o in registry.get(name, ()) if o.overload == overload), None)
    return found if found is not None and found.forward_rule is None else None


def _linear(name: str, overload: str = "", argument: str = "self") -> None:
    """The operator is linear in one tensor: its tangent is the operator applied to the tangent."""
    operator = _find(name, overload)
    if operator is None:
        return

    def rule(tangents: dict[str, Any], result: Any, **arguments: Any) -> Any:
        return operator.call(**{**arguments, argument: tangents[argument]})

    operator.jvp(rule)


for _name, _overload in [
    ("sum", ""), ("sum", "dim_IntList"), ("mean", ""), ("mean", "dim"), ("clone", ""), ("flip", ""), ("roll", ""), ("rot90", ""),
    ("repeat", ""), ("tril", ""), ("triu", ""), ("diag_embed", ""), ("diagonal_copy", ""), ("trace", ""), ("_unsafe_view", ""),
    ("index_select", ""), ("take", ""), ("masked_select", ""), ("im2col", ""), ("col2im", ""), ("pixel_shuffle", ""), ("pixel_unshuffle", ""),
    ("cumsum", ""), ("gather", ""), ("index", "Tensor"),
]:  # fmt: skip
    _linear(_name, _overload)
_linear("embedding", "", "weight")


def _jointly(name: str) -> None:
    """Linear in a list of tensors together: those without a tangent count as zeros."""
    operator = _find(name, "")
    if operator is None:
        return

    def rule(tangents: dict[str, Any], result: Any, **arguments: Any) -> Any:
        from .._core.levels import zeros_like

        pairs = zip(arguments["tensors"], tangents["tensors"], strict=True)
        pushed = [zeros_like(tensor) if tangent is None else tangent for tensor, tangent in pairs]
        return operator.call(pushed, arguments["dim"])

    operator.jvp(rule)


_jointly("cat")
_jointly("stack")


def _multilinear(name: str, *factors: str, without: tuple[str, ...] = ()) -> None:
    """Linear in each factor: the sum of the operator with one factor at a time replaced by its tangent."""
    operator = _find(name, "")
    if operator is None:
        return

    def rule(tangents: dict[str, Any], result: Any, **arguments: Any) -> Any:
        total = None
        for factor in factors:
            if factor in tangents:
                part = operator.call(**{**arguments, **dict.fromkeys(without), factor: tangents[factor]})
                total = part if total is None else total + part
        for extra in without:
            if extra in tangents:
                tangent = tangents[extra]
                spread = tangent.reshape((-1, *[1] * (result._array.ndim - 2)))
                total = spread.expand(result._array.shape) if total is None else total + spread
        return total

    operator.jvp(rule)


_multilinear("mm", "self", "mat2")
_multilinear("bmm", "self", "mat2")
_multilinear("mv", "self", "vec")
_multilinear("dot", "self", "tensor")
_multilinear("convolution", "input", "weight", without=("bias",))


def _cast(tangents: dict[str, Any], result: Any, **arguments: Any) -> Any:
    return find("_to_copy").call(**{**arguments, "self": tangents["self"]})


_to_copy = _find("_to_copy", "")
if _to_copy is not None:
    _to_copy.jvp(_cast)
