"""From a declaration to straight-line Python: the node class, the recording function and the call itself.

The source of each operator is made once, at first use, and registered with `linecache`, so that tracebacks and debuggers show it.
This is the only place that executes generated text.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np

from . import autocast, dispatch, dtypes, element_types, layout, mutation, restructure, saving
from .declare import Operator
from .modes import PLAIN, modes, next_number
from .node import Node, released_message
from .node_source import node_source
from .plan import Plan
from .pointwise import PROMOTED_SCALARS
from .quiet import hush, quietly, unhush
from .templates import call_source, composite_source, inplace_source, record_source
from .tensor import VIEW, Tensor, key_of, wrap

#: What every generated function sees. `__name__` is None on purpose: CPython then drops warnings raised in these frames, which
#: silences NumPy's floating-point warnings at no cost (see docs/decisions/0003-silent-arithmetic.md).
GLOBALS: dict[str, Any] = {
    "__name__": None,
    "CASTING": autocast.CASTING,
    "casts": autocast.casts,
    "check_types": element_types.check_types,
    "under_autocast": autocast.under_autocast,
    "PLAIN": PLAIN,
    "Node": Node,
    "RuntimeError": RuntimeError,
    "Tensor": Tensor,
    "VIEW": VIEW,
    "fresh": mutation.fresh,
    "hush": hush,
    "key_of": key_of,
    "modes": modes,
    "arranged": layout.arranged,
    "ndarray": np.ndarray,
    "asarray": np.asarray,
    "new": object.__new__,
    "next_number": next_number,
    "quietly": quietly,
    "refresh": mutation.refresh,
    "released_message": released_message,
    "raise_stale": dispatch.raise_stale,
    "refuse_complex": mutation.refuse_complex,
    "refuse_history": mutation.refuse_history,
    "revive": dispatch.revive,
    "zeros_for": dispatch.zeros_for,
    "explain": dispatch.explain,
    "relaxed": dispatch.relaxed,
    "slow": dispatch.slow,
    "restructure": restructure.restructure,
    "slow_inplace": dispatch.inplace,
    "stale": dispatch.stale,
    "unhush": unhush,
    "wrap": wrap,
    "wrap_dim": dispatch.wrap_dim,
    "wrap_dims": dispatch.wrap_dims,
    "wrap_view": mutation.wrap_view,
    "part": mutation.part,
}

_STORED = frozenset(dtypes.ALL) | frozenset(element._strided for element in dtypes.ALL)
_STORED_FULL = frozenset(key for key in _STORED if not key._dtype._reduced)
_WIDE = frozenset(key for key in _STORED if key._dtype in dtypes.WIDE_UNSIGNED)

#: Contiguous element types on which a ufunc computes exactly as torch does, by the operator's dtype rule.
_UFUNC_KEYS = {
    "same": frozenset(d for d in dtypes.ARITHMETIC if not d._reduced),
    "float": frozenset((dtypes.float32, dtypes.float64, dtypes.complex64, dtypes.complex128)),
    "bool": frozenset(d for d in dtypes.ARITHMETIC if not d._reduced),
}

_REAL_KEYS = frozenset(d for d in dtypes.ARITHMETIC if not d._reduced and d._category in ("int", "float"))


def _fast_keys(operator: Operator) -> frozenset[dtypes.dtype]:
    """Contiguous element types that the straight line may take for `operator`."""
    keys: frozenset[dtypes.dtype] | None = operator.options.get("fast_keys")
    check = operator.options.get("check")
    refused = getattr(check, "refuses", None)  # of a check that looks at the element type alone
    if keys is None:
        rule = operator.options.get("result", "same")
        scalars_promote = any(
            a.kind == "Scalar" and a.name in operator.options.get("promote", PROMOTED_SCALARS)
            for a in operator.arguments
        )
        if callable(rule) or scalars_promote or operator.options.get("promote"):
            keys = frozenset((dtypes.float32, dtypes.float64))
        else:
            keys = _UFUNC_KEYS[rule]
            if check is not None and refused is None:
                keys &= _REAL_KEYS
    if operator.options.get("real_ufunc") or operator.options.get("real_history"):
        keys = frozenset([key for key in keys if not key.is_complex])
    return keys if refused is None else frozenset([key for key in keys if key._category not in refused])


#: Python numbers as 0-dim tensors, per element type; zeros are never kept, because 0.0 and -0.0 are equal as keys.
_scalars: dict[dtypes.dtype, dict[Any, Tensor]] = {dtypes.float32: {}, dtypes.float64: {}}
_integer_scalars: dict[dtypes.dtype, dict[Any, Tensor]] = {**_scalars, dtypes.int64: {}}


def new_scalar(cache: dict[Any, Tensor], key: dtypes.dtype, value: float) -> Tensor:
    """`value` as a 0-dim tensor of type `key`, remembered for the next time."""
    tensor = wrap(np.array(value, key._numpy))
    tensor._creation = "number"
    if value:
        if len(cache) >= 4096:
            cache.clear()
        cache[value] = tensor
    return tensor


GLOBALS.update(new_scalar=new_scalar, scalars=_scalars, integer_scalars=_integer_scalars)


def execute(name: str, source: str, namespace: dict[str, Any]) -> dict[str, Any]:
    """Run generated `source` with `namespace` added to the common globals; returns what it defined."""
    filename = f"<tinytorch {name}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    scope = {**GLOBALS, **namespace}
    exec(compile(source, filename, "exec"), scope)
    return scope


class Compiled:
    """What one declaration was compiled to."""

    def __init__(
        self, call: Callable[..., Any], record: Callable[..., Any] | None, node: Any, source: str
    ) -> None:
        self.call = call
        self.record = record
        self.node = node
        self.source = source
        self.fast_keys: frozenset[dtypes.dtype] = frozenset()
        self.infix: Callable[..., Any] | None = None
        self.inplace: Callable[..., Any] | None = None
        self.inplace_infix: Callable[..., Any] | None = None


def _silent(function: Any) -> Any:
    """`function`, whose own ufuncs warn as little as those in generated code do; see GLOBALS."""
    names = {**function.__globals__, "__name__": None}
    return FunctionType(
        function.__code__, names, function.__name__, function.__defaults__, function.__closure__
    )


def compile_operator(operator: Operator) -> Compiled:
    """Generate, execute and collect the code of `operator`."""
    if operator.family in ("composite", "factory"):
        call, source = dispatch.guarded(operator, operator.kernel), ""
        names: dict[str, Any] = {"operator": operator, "function": call}
        lines = element_types.usual_lines(operator, ", ".join(operator.schema.names), names)
        if lines or autocast.has_rule(operator):
            source = composite_source(operator, lines)
            call = execute(operator.qualified, source, names)["call"]
        compiled = Compiled(call, None, None, source)
        compiled.inplace = partial(dispatch.inplace_composite, operator)
        return compiled
    plan = Plan(operator)
    wide = _WIDE if "unsigned_kernel" in operator.options else frozenset()
    namespace: dict[str, Any] = {
        "operator": operator,
        "kernel": operator.kernel,
        "ufunc": operator.options.get("ufunc"),
        "into": operator.options.get("into"),
        "UFUNC_KEYS": _fast_keys(operator) - wide - element_types.refused_keys(operator),
        "check": operator.options.get("check"),
        "STORED": _STORED - wide,
        "STORED_FULL": _STORED_FULL - wide,
        "attach": mutation.attach,
        "bool_": dtypes.bool_,
        "missing_formula": lambda name: dispatch.missing_formula(operator, name),
        "unimplemented": mutation.unimplemented,
    }
    for name, formula in operator.formulas.items():
        namespace[f"vjp_{name}"] = formula
    for name, rule in operator.native_rules.items():
        if isinstance(rule, tuple):
            namespace[f"native_{name}"] = rule[0]
        else:
            namespace[f"native_{name}"] = rule if operator.native_any_order else _silent(rule)
    if operator.joint is not None:
        namespace["vjp_joint"] = operator.joint
    if operator.family != "pointwise":
        plan.type_lines = element_types.usual_lines(operator, ", ".join(plan.arguments), namespace)
    source = node_source(plan) + "\n" if plan.active else ""
    source += record_source(plan) + "\n" + call_source(plan) + "\n" + inplace_source(plan)
    scope = execute(operator.qualified, source, namespace)
    node = scope.get(operator.node_name) if plan.active else None
    if node is not None:
        node.__module__ = "torch.autograd.function"
        saving.show_saved(node)
    for name in ("call", "infix", "record", "inplace", "inplace_infix"):
        if name in scope:
            scope[name].__qualname__ = scope[name].__name__ = operator.name
            scope[name].__module__ = "tinytorch"
    compiled = Compiled(dispatch.guarded(operator, scope["call"]), scope["record"], node, source)
    compiled.infix = scope.get("infix")
    compiled.fast_keys = namespace["UFUNC_KEYS"]
    compiled.inplace = scope["inplace"]
    compiled.inplace_infix = scope.get("inplace_infix")
    return compiled
