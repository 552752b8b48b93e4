"""Forward mode: dual tensors, which carry a tangent beside their value.

The tangent of an operator's result follows from its declaration: views and linear operators are applied to the tangent; for pointwise
operators the Jacobian is diagonal, so the vector-Jacobian formula serves; anything else goes through the formulas transposed once more.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np

from . import backward, dispatch, gradients, layout, mutation
from .declare import Operator, find
from .levels import (
    Layer,
    LevelKey,
    Shadow,
    as_view,
    at,
    blank,
    call_number,
    copy_into,
    dress,
    handlers,
    inplace_number,
    lift,
    map_tensors,
    number_tensors,
    record,
    requires,
    stripped,
    wants_history,
    zeros_like,
)
from .modes import modes
from .plan import output_names, parameters_of
from .tensor import VIEW, Tensor, counter_of, make


class DualKey(LevelKey):
    """primal and tangent: tensors of a level below; a tangent of None is zero."""

    __slots__ = ("primal", "tangent")

    def __init__(self, primal: Any, tangent: Any, layer: Layer) -> None:
        super().__init__(primal._key._dtype, "dual")
        self.layer = layer
        self.primal = primal
        self.tangent = tangent

    @property
    def shares_graph(self) -> bool:  # type: ignore[override]
        return self.layer.transparent

    def detached(self) -> Tensor:
        result: Tensor = self.primal.detach()
        return result

    def data(self, action: str) -> np.ndarray:
        primal = self.primal
        return primal.numpy(force=True) if action == "numpy" else primal._data(action)  # type: ignore[no-any-return]

    def text(self, tensor: Any, contents: Any) -> str:
        from .printing import tensor_text

        if not self.layer.transparent:
            return f"GradTrackingTensor(lvl={self.layer.number}, value=\n{textwrap.indent(repr(self.primal), '    ')}\n)"
        if isinstance(self.primal._key, LevelKey):
            return repr(self.primal)
        tangent = tangent_of(tensor, self.layer) if self.layer.open else None
        return tensor_text(tensor, tensor_contents=contents, array=np.asarray(tensor._array), tangent=tangent)

    def parts(self) -> tuple[Any, ...]:
        return self.primal, self.tangent

    def with_parts(self, parts: tuple[Any, ...]) -> Tensor:
        return dual(parts[0], parts[1], self.layer)

    def refuse_out(self, operator: Operator) -> Exception:
        return NotImplementedError(
            f"Trying to use forward AD with {operator.name}_out that does not support it because it is an out= function"
        )

    def blank(self, shape: tuple[int, ...], strides: tuple[int, ...]) -> Tensor:
        return dual(blank(self.primal, shape, strides), None, self.layer)


def dual(primal: Any, tangent: Any, layer: Layer) -> Tensor:
    """A dual tensor of `layer`."""
    return dress(primal._array, DualKey(primal, tangent, layer))


def _lift(value: Any, layer: Layer) -> Tensor:
    return dual(value, None, layer)


def primal_of(value: Any, layer: Layer) -> Any:
    """What lies below `value`; itself if it is not of `layer`."""
    return value._key.primal if at(value, layer) else value


def tangent_of(value: Any, layer: Layer) -> Any:
    """The tangent of `value`, None for zero. A view of a tensor that got its tangent later finds its part of it."""
    if not at(value, layer):
        return None
    key = value._key
    if key.tangent is None and value._base is not None and at(value._base, layer):
        whole = value._base._key.tangent
        if whole is not None:
            key.tangent = _window(whole, value, value._base)
    return key.tangent


def _window(whole: Any, view: Any, base: Any) -> Any:
    """The part of the base's tangent that corresponds to a view of the base."""
    if layout.element_strides(whole._array) != layout.element_strides(base._array):
        regular = blank(whole, base._array.shape, layout.element_strides(base._array))
        copy_into(regular, whole)
        base._key.tangent = whole = regular
    offset = mutation._offset(np.asarray(view._array), np.asarray(base._array)) + whole.storage_offset()
    return find("as_strided").call(whole, view._array.shape, layout.element_strides(view._array), offset)


# The tangent of a call -----------------------------------------------------------------------------------------------------------


def unsupported(operator: Operator) -> NotImplementedError:
    if operator.options.get("underivable"):
        return NotImplementedError(
            f"Trying to use forward AD with aten::{operator.name} that does not support it."
        )
    return NotImplementedError(
        f"Trying to use forward AD with {operator.name} that does not support it because it has not been implemented yet.\n"
        "Please file an issue to PyTorch at https://github.com/pytorch/pytorch/issues/new?template=feature-request.yml so that we can "
        "prioritize its implementation or submit a PR adding the implementation to derivatives.yaml"
    )


def _differentiable(value: Any) -> bool:
    return isinstance(value, Tensor) and value._key._dtype._category in ("float", "complex")


def _values(
    operator: Operator, primals: tuple[Any, ...], results: tuple[Any, ...], needs: frozenset[str]
) -> dict[str, Any]:
    """Everything a formula may name, but the gradients."""
    values: dict[str, Any] = {"needs": needs}
    for argument, value in zip(operator.arguments, primals, strict=True):
        name = argument.name
        values[name] = value
        if not argument.is_tensor:
            continue
        facts: dict[str, Callable[[Any], Any]] = {
            "shape": lambda t: t._array.shape,
            "dtype": lambda t: t._key._dtype,
            "stride": lambda t: t.stride(),
            "offset": lambda t: t.storage_offset(),
        }
        for fact, read in facts.items():
            if argument.is_list:
                values[f"{name}_{fact}"] = [None if t is None else read(t) for t in value]
            elif isinstance(value, Tensor):
                values[f"{name}_{fact}"] = read(value)
    for name, result in zip(output_names(operator), results, strict=False):
        values.setdefault(name, result)
    return values


def _call(formula: Any, values: dict[str, Any]) -> Any:
    return formula(**{name: values.get(name) for name in parameters_of(formula)})


def _fit(value: Any, result: Any) -> Any:
    """A tangent with the result's shape and dtype."""
    shape = result._array.shape
    if value._key._dtype is not result._key._dtype:
        if value._key._dtype._category == "complex" and result._key._dtype._category != "complex":
            value = gradients.primitives["real"](value)
        if value._key._dtype is not result._key._dtype:
            value = gradients.primitives["cast"](value, result._key._dtype)
    if value._array.shape != shape:
        value = find("expand").call(value, shape)
    return value


def _pointwise(operator: Operator, primals: tuple[Any, ...], tangents: dict[str, Any], result: Any) -> Any:
    """The Jacobian is diagonal: each formula applied to the tangent in place of the cotangent."""
    total = None
    needs = frozenset(tangents)
    values = _values(operator, primals, (result,), needs)
    for name, tangent in tangents.items():
        formula = operator.formulas.get(name)
        if formula is None:
            raise unsupported(operator)
        values["grad"] = _fit(tangent, result)
        part = _call(formula, values)
        if operator.joint is not None and formula is operator.joint:
            part = part.get(name)
        if part is None:
            continue
        part = _fit(part, result)
        total = part if total is None else total + part
    return total


def _transposed(
    operator: Operator, primals: tuple[Any, ...], tangents: dict[str, Any], results: tuple[Any, ...]
) -> list[Any]:
    """The formulas give c(v), linear in the cotangents v; the derivative of <c(v), tangent> by v is the tangent of the results."""
    record_outside = modes.grad
    modes.grad = True
    try:
        many = len(operator.schema.returns) == 1 and operator.schema.returns[0].is_list
        outputs = results[0] if many else results
        cotangents = [_leaf(output) if _differentiable(output) else None for output in outputs]
        values = _values(operator, primals, results, frozenset(tangents))
        if many:
            values["grads"] = cotangents
        else:
            names = output_names(operator)
            for name, cotangent in zip(names, cotangents, strict=True):
                values[f"grad_{name}"] = cotangent
            values["grad"] = cotangents[0]
        roots = []
        joint = None
        for name, tangent in tangents.items():
            formula = operator.formulas.get(name)
            if formula is None:
                raise unsupported(operator)
            if operator.joint is not None and formula is operator.joint:
                joint = joint if joint is not None else _call(formula, values)
                pulled = joint.get(name)
            else:
                pulled = _call(formula, values)
            pairs = (
                zip(pulled, tangent, values[name], strict=True)
                if isinstance(tangent, list)
                else [(pulled, tangent, values[name])]
            )
            for cotangent, push, primal in pairs if pulled is not None else ():
                if cotangent is None or push is None:
                    continue
                cotangent = gradients.conform(cotangent, primal._array.shape, primal._key._dtype, None, 0)
                edge = backward.edge_of(cotangent)
                if edge is not None:
                    roots.append((edge, push))
        live = [cotangent for cotangent in cotangents if cotangent is not None]
        captured = (
            backward.run(roots, True, record_outside, [(leaf, 0) for leaf in live], False) if roots else {}
        )
    finally:
        modes.grad = record_outside
    found = []
    for cotangent in cotangents:
        value = None if cotangent is None else captured.get((cotangent, 0))
        found.append(
            stripped(value) if value is not None and not record_outside and requires(value) else value
        )
    return found


def _leaf(output: Any) -> Tensor:
    leaf = zeros_like(output)
    leaf = stripped(leaf)
    leaf._requires_grad = True
    return leaf


#: What a rule returns for a tangent that torch leaves out, without saying so.
LEFT_OUT: Any = object()


def _push(operator: Operator, primals: tuple[Any, ...], tangents: dict[str, Any], result: Any) -> list[Any]:
    """Tangents of the outputs, in order; None for zero."""
    returns = operator.schema.returns
    many = len(returns) == 1 and returns[0].is_list
    outputs = list(result) if many or len(returns) > 1 else [result]
    if not tangents or not any(_differentiable(output) for output in outputs):
        return [None] * len(outputs)
    if operator.nondifferentiable and operator.forward_rule is None:
        return [None] * len(outputs)
    if operator.forward_rule is not None:
        arguments = {
            argument.name: value for argument, value in zip(operator.arguments, primals, strict=True)
        }
        pushed = operator.forward_rule(tangents, result, **arguments)
        if pushed is not NotImplemented:
            return list(pushed) if isinstance(pushed, tuple | list) else [pushed]
    if operator.family == "view":
        pushed = operator.call(next(iter(tangents.values())), *primals[1:])
        return list(pushed) if isinstance(pushed, tuple | list) else [pushed]
    primals = number_tensors(primals, operator)
    if operator.family == "pointwise" and not any(
        isinstance(p, Tensor) and p._key._dtype.is_complex for p in (*primals, *outputs)
    ):
        return [_pointwise(operator, primals, tangents, result)]
    if not operator.formulas or not operator.options.get("forward", True):
        if dispatch.draws(operator):
            return [None] * len(outputs)
        raise unsupported(operator)
    results = (tuple(result),) if many else tuple(outputs)
    return _transposed(operator, primals, tangents, results)


def _tangents(operator: Operator, args: tuple[Any, ...], layer: Layer) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for argument, value in zip(operator.arguments, args, strict=True):
        if not argument.is_tensor or value is None or value.__class__ in (int, float, bool, complex):
            continue
        if argument.is_list:
            tangents = [None if item is None else tangent_of(item, layer) for item in value]
            if any(tangent is not None for tangent in tangents):
                found[argument.name] = tangents
        else:
            tangent = tangent_of(value, layer)
            if tangent is not None:
                found[argument.name] = tangent
    return found


def _regularise(value: Any, layer: Layer) -> None:
    """Give a tangent the strides of its tensor, so that whatever is a view of the one is a view of the other."""
    tangent = tangent_of(value, layer)
    if tangent is None:
        return
    strides = layout.element_strides(value._array)
    if layout.element_strides(tangent._array) != strides:
        regular = blank(tangent, value._array.shape, strides)
        copy_into(regular, tangent)
        value._key.tangent = regular


def _run(operator: Operator, args: tuple[Any, ...], layer: Layer) -> Any:
    """Run `operator` on dual tensors of `layer`."""
    primals = map_tensors(operator, args, lambda tensor: primal_of(tensor, layer))
    result = call_number(operator, primals)
    view = operator.family == "view"
    if view:
        _regularise(args[0], layer)
    tangents = _tangents(operator, args, layer) if modes.forward_grad else {}
    wants = wants_history(operator, args, layer)
    returns = operator.schema.returns
    many = len(returns) == 1 and returns[0].is_list
    if returns[0].kind != "Tensor":
        return result
    if not tangents and not wants and not view:
        return result
    outputs = list(result) if many or len(returns) > 1 else [result]
    pushed = _push(operator, primals, tangents, result)
    if tangents and len(outputs) == 1 and (not operator.nondifferentiable or dispatch.draws(operator)):
        # torch gives zeros where nothing depends on the tangent
        pushed = [
            zeros_like(o) if t is None and _differentiable(o) else t
            for o, t in zip(outputs, pushed, strict=True)
        ]
    pushed = [None if tangent is LEFT_OUT else tangent for tangent in pushed]
    shown = [
        dual(output, None if tangent is None else _fit(tangent, output), layer)
        if _differentiable(output)
        else output
        for output, tangent in zip(outputs, pushed, strict=True)
    ]
    if view and at(args[0], layer):
        for item in shown:
            if at(item, layer):
                as_view(item, args[0], many)
    wrapped: Any = tuple(shown) if many or len(returns) > 1 else shown[0]
    if wants:
        record(operator, wrapped, args, layer)
    return wrapped


# Writing in place ------------------------------------------------------------------------------------------------------------------


def promote(tensor: Any, layer: Layer) -> None:
    """Make an ordinary tensor dual where it stands: its former self becomes the primal. Its base, if any, first."""
    if at(tensor, layer):
        return
    base = tensor._base
    if base is not None:
        promote(base, layer)
    twin = make(Tensor, tensor._array, tensor._key)
    twin._requires_grad = tensor._requires_grad
    twin._edge = tensor._edge
    twin._counter = counter_of(tensor)
    twin._extra = tensor._extra
    if base is not None:
        twin._base = base._key.primal
        twin._origin = tensor._origin
        twin._creation = tensor._creation
    key = DualKey(twin, None, layer)
    shadow = tensor._array.view(Shadow)
    shadow.key = key
    tensor._array, tensor._key = shadow, key
    tensor._counter = counter_of(base) if base is not None else [0]
    if base is not None:
        tensor._origin = tensor._counter[0]
    if not layer.transparent:
        tensor._edge = None
        tensor._requires_grad = VIEW if base is not None else False


def materialise(tensor: Any, layer: Layer) -> Any:
    """The tangent of `tensor` as memory of its own, zeros if it had none; a view's is a window on its base's."""
    tangent = tangent_of(tensor, layer)
    if tangent is not None:
        return tangent
    if tensor._base is not None and at(tensor._base, layer):
        materialise(tensor._base, layer)
        return tangent_of(tensor, layer)
    key = tensor._key
    key.tangent = blank(key.primal, tensor._array.shape, layout.element_strides(tensor._array))
    return key.tangent


def _run_inplace(operator: Operator, args: tuple[Any, ...], layer: Layer) -> Any:
    self = args[0]
    mutation.check_writable(self)
    tangents = _tangents(operator, args, layer) if modes.forward_grad else {}
    promote(self, layer)
    wants = wants_history(operator, args, layer)
    primals = map_tensors(operator, args, lambda tensor: primal_of(tensor, layer))
    target = primals[0]
    random = dispatch.draws(operator)
    before = None
    frozen = primals
    if wants or (tangents and not random):
        frozen = (find("clone").call(target), *primals[1:])
        frozen = tuple([frozen[0] if value is target else value for value in frozen])
    if wants:
        held = tangent_of(self, layer)
        before = dual(frozen[0], None if held is None else find("clone").call(held), layer)
        before._requires_grad = requires(self)
        before._edge = self._edge
    new = None
    if tangents and not random and not operator.nondifferentiable:
        result = call_number(operator, frozen)
        (new,) = _push(operator, frozen, tangents, result)
        new = None if new is LEFT_OUT else new
        new = None if new is None else _fit(new, target)
    inplace_number(operator, primals)
    if target._array is not np.asarray(self._array) and target._array.shape != self._array.shape:
        shadow = target._array.view(Shadow)
        shadow.key = self._key
        self._array = shadow
    if new is not None:
        copy_into(materialise(self, layer), new)
    else:
        held = tangent_of(self, layer)
        if held is not None:
            find("zero").inplace(held)
    mutation.bump(self)
    if before is not None:
        others = tuple([before if value is self else value for value in args])
        lifted = map_tensors(operator, number_tensors(others, operator), lambda tensor: lift(tensor, layer))
        mutation.write_history(operator, self, before, lifted)
    return self


handlers["dual"] = (_run, _run_inplace, _lift, lambda value: value._key.primal)
