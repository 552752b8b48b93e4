"""Forward-mode rules of operators for which the derived ones do too much. Imported when forward mode is first used.

Without a rule a tangent goes through the operator's derivative formulas transposed; linear operators are applied to it directly.
"""

from __future__ import annotations

from typing import Any

from .._core.declare import Operator, find, registry
from .._core.forward import LEFT_OUT


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


def _linear_loss(name: str) -> None:
    """Linear in `self`, with the total weight beside it, which has no tangent."""
    operator = _find(name, "")
    if operator is None:
        return

    def rule(tangents: dict[str, Any], result: Any, **arguments: Any) -> Any:
        return operator.call(**{**arguments, "self": tangents["self"]})[0], None

    operator.jvp(rule)


_linear_loss("nll_loss_forward")
_linear_loss("nll_loss2d_forward")


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


_linear("max_unpool2d")
_linear("max_unpool3d")


def _rule(name: str, overload: str = "") -> Any:
    """Declare the decorated function as the rule of an operator, if there is such an operator."""

    def decorate(function: Any) -> Any:
        operator = _find(name, overload)
        if operator is not None:
            operator.jvp(function)
        return function

    return decorate


@_rule("nextafter")
def _nextafter(tangents: dict[str, Any], result: Any, **arguments: Any) -> Any:
    push = tangents.get("self")
    return None if push is None else push.masked_fill(arguments["self"] == arguments["other"], 0)


@_rule("logcumsumexp")
def _logcumsumexp(tangents: dict[str, Any], result: Any, **arguments: Any) -> Any:
    """sum of exp(x_j) t_j over sum of exp(x_j), both taken relative to the largest x."""
    x, dim = arguments["self"], arguments["dim"]
    if not x.dim():
        return tangents["self"]
    largest = (x.real if x.dtype.is_complex else x).detach().amax(dim, True)
    weights = (x - largest.nan_to_num(neginf=0.0, posinf=0.0)).exp()
    return (weights * tangents["self"]).cumsum(dim) / weights.cumsum(dim)


@_rule("as_strided")
def _as_strided(tangents: dict[str, Any], result: Any, **arguments: Any) -> Any:
    """The tangent, brought into the memory layout of the value first if it has another."""
    from .._core.levels import blank, copy_into

    x, tangent = arguments["self"], tangents["self"]
    place = arguments.get("storage_offset")
    operator = find("as_strided")
    size, stride = arguments["size"], arguments["stride"]
    start = x.storage_offset() if place is None else place
    if (
        x.stride() != tangent.stride()
        or x.storage_offset() != tangent.storage_offset()
        or _extent(x) > _extent(tangent)
    ):
        memory = blank(tangent, (_extent(x),), (1,))
        copy_into(operator.call(memory, tuple(x.shape), x.stride(), x.storage_offset()), tangent)
        tangent = memory
    return operator.call(tangent, size, stride, start)


@_rule("_reshape_alias")
def _reshape_alias(tangents: dict[str, Any], result: Any, **arguments: Any) -> Any:
    """The strides are those of the value; a tangent that has others is reshaped by its own."""
    x, tangent = arguments["self"], tangents["self"]
    if x.stride() == tangent.stride():
        return find("_reshape_alias").call(tangent, arguments["size"], arguments["stride"])
    return tangent.reshape(arguments["size"])


def _extent(tensor: Any) -> int:
    """Elements of the tensor's storage."""
    return int(tensor.untyped_storage().nbytes() // tensor.element_size())


@_rule("native_group_norm")
def _native_group_norm(tangents: dict[str, Any], result: Any, **arguments: Any) -> Any:
    x, weight, groups, samples = arguments["input"], arguments["weight"], arguments["group"], arguments["N"]
    _, mean, rstd = result  # (N, group)
    channels = arguments["C"]
    spread = (samples, groups, channels // groups * arguments["HxW"])
    wide = (samples, channels, *[1] * (x.dim() - 2))
    centred = x.reshape(spread) - mean.unsqueeze(-1)
    pushed = mean_push = rstd_push = None
    push = tangents.get("input")
    if push is not None:
        push = push.reshape(spread)
        mean_push = push.mean(-1)
        moved = push - mean_push.unsqueeze(-1)
        rstd_push = -(rstd**3) * (centred * moved).mean(-1)
        pushed = (moved * rstd.unsqueeze(-1) + centred * rstd_push.unsqueeze(-1)).reshape(x.shape)
        if weight is not None:
            pushed = pushed * weight.reshape((1, *wide[1:]))
    if "weight" in tangents:
        part = (centred * rstd.unsqueeze(-1)).reshape(x.shape) * tangents["weight"].reshape((1, *wide[1:]))
        pushed = part if pushed is None else pushed + part
    if "bias" in tangents:
        part = tangents["bias"].reshape((1, *wide[1:])).expand(x.shape)
        pushed = part if pushed is None else pushed + part
    return pushed, mean_push, rstd_push


@_rule("bernoulli")
def _bernoulli(tangents: dict[str, Any], result: Any, **arguments: Any) -> Any:
    return result.new_zeros(result.shape)


@_rule("scatter_reduce", "two")
def _scatter_reduce(tangents: dict[str, Any], result: Any, **arguments: Any) -> Any:
    """torch has no tangent of products."""
    return LEFT_OUT if arguments["reduce"] == "prod" else NotImplemented


@_rule("as_strided_scatter")
def _as_strided_scatter(tangents: dict[str, Any], result: Any, **arguments: Any) -> Any:
    from .._core.levels import zeros_like

    pushed = {name: tangents.get(name) for name in ("self", "src")}
    for name, tangent in pushed.items():
        if tangent is None:
            pushed[name] = zeros_like(arguments[name])
    return find("as_strided_scatter").call(**{**arguments, **pushed})


from . import _forward_linalg  # noqa: E402, F401  (rules in a file of their own)
