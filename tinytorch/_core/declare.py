"""Declaring operators: what an author writes, kept until an operator is first used.

`docs/operators.md` is the guide. A decorator here makes an `Operator`; nothing is parsed or compiled before it is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

import numpy as np

from .schema import Argument, Schema

#: Operators by the name torch publishes them under ("add", "linalg_inv"), in order of declaration.
registry: dict[str, list[Operator]] = {}


class Operator:
    """One overload of an operator: its schema, its kernel and its derivatives.

    Calling it with positional arguments in schema order runs it on tensors, below argument parsing; `call` is the compiled
    function itself.
    """

    def __init__(self, text: str, family: str, kernel: Any, options: dict[str, Any]) -> None:
        self.text = text
        self.family = family
        self.kernel = kernel
        self.options = options
        self.call_names: dict[str, str] = {}
        self.formulas: dict[str, Callable[..., Any]] = {}
        self.native_rules: dict[str, Callable[..., Any] | tuple[Any, ...]] = {}
        self.native_any_order = False
        self.joint: Callable[..., Any] | None = None
        self.forward_rule: Callable[..., Any] | None = None
        self.batch_rule: Callable[..., Any] | None = None
        self.meta_rule: Callable[..., Any] | None = None
        head = text[: text.index("(")]
        self.name, _, self.overload = head.partition(".")
        registry.setdefault(self.name, []).append(self)

    # Declaring -------------------------------------------------------------------------------------------------------

    def vjp(self, /, **formulas: Callable[..., Any]) -> Operator:
        """Vector-Jacobian products by argument name; each a function of what its parameters name."""
        self.formulas.update(formulas)
        return self

    def vjp_all(self, formula: Callable[..., Any], *names: str) -> Operator:
        """One formula for several arguments; it returns {argument: cotangent}. `names`: those it serves, default all tensors."""
        self.joint = formula
        self.formulas.update(dict.fromkeys(names or self.tensor_names, formula))
        return self

    def native(
        self, /, *, any_order: bool = False, **rules: Callable[..., Any] | tuple[Any, ...]
    ) -> Operator:
        """Vector-Jacobian products on arrays, for speed: what `vjp` says, where no graph of the gradient is wanted.

        A rule gets the cotangent and what it names as contiguous float32 or float64 arrays, and returns a contiguous array of the
        cotangent's or the input's shape, which may be the cotangent itself. (ufunc, *names) stands for the ufunc of what is named.
        any_order: the rules take arrays of any strides, and what they return has the strides that `vjp` gives it. They are hushed as
        kernels are; other rules are not, and call what may overflow themselves (see decision 3).
        """
        self.native_rules.update(rules)
        self.native_any_order = any_order
        return self

    def jvp(self, rule: Callable[..., Any]) -> Operator:
        """The forward derivative: rule(tangents: dict, result, **arguments) -> tangent of the result(s)."""
        self.forward_rule = rule
        return self

    def vmap(self, rule: Callable[..., Any]) -> Operator:
        """The batching rule: rule(in_dims: dict, size, **arguments) -> (result, out_dims)."""
        self.batch_rule = rule
        return self

    def meta(self, rule: Callable[..., Any]) -> Operator:
        """How shapes alone travel: rule(*arrays and arguments) -> array(s) of the right shape and dtype, values unread."""
        self.meta_rule = rule
        return self

    # Reading ---------------------------------------------------------------------------------------------------------

    @cached_property
    def schema(self) -> Schema:
        return Schema(self.text)

    @cached_property
    def tensor_names(self) -> tuple[str, ...]:
        return tuple(argument.name for argument in self.schema.arguments if argument.is_tensor)

    @cached_property
    def arguments(self) -> list[Argument]:
        return self.schema.arguments

    @cached_property
    def argument_names(self) -> frozenset[str]:
        """What a call may give: the schema's names, and those that torch's Python signature has instead."""
        names = frozenset(self.schema.names) | {"requires_grad"} | frozenset(self.call_names.values())
        if self.family == "composite" and "python" in self.options:
            code = self.kernel.__code__
            names |= frozenset(code.co_varnames[: code.co_argcount])
        return names

    @cached_property
    def tensor_positions(self) -> tuple[int, ...]:
        """Where in the schema the tensor arguments stand."""
        return tuple(i for i, argument in enumerate(self.schema.arguments) if argument.is_tensor)

    @cached_property
    def indexed(self) -> bool:
        """Whether it writes where an index says, in an order of its own: no operand may lie in the memory it writes to."""
        return self.family == "update" and not {"index", "indices"}.isdisjoint(self.schema.names)

    @cached_property
    def scalar_positions(self) -> tuple[int, ...]:
        """Where in the schema the numbers stand."""
        return tuple(i for i, argument in enumerate(self.schema.arguments) if argument.kind == "Scalar")

    @cached_property
    def other_defaults(self) -> tuple[tuple[int, Any], ...]:
        """(position, default) of the arguments that are no tensors."""
        return tuple(
            (i, argument.default)
            for i, argument in enumerate(self.schema.arguments)
            if not argument.is_tensor
        )

    @cached_property
    def node_name(self) -> str:
        """torch names a node after the operator: words capitalised, `Backward`, and a number among overloads."""
        given: str | None = self.options.get("node")
        if given is not None:
            return given
        return "".join(word.title() for word in self.name.split("_")) + "Backward0"

    @cached_property
    def upcast(self) -> bool:
        return bool(self.options.get("upcast", self.family in ("pointwise", "reduction")))

    @cached_property
    def memory(self) -> str | None:
        """The rule for the memory order of results (see `layout.arranged`), or None where the kernel decides."""
        usual = {"reduction": "rows", "pointwise": "elementwise"}
        return self.options.get("memory", usual.get(self.family))

    @cached_property
    def number_is_operand(self) -> bool:
        """Whether a number in the place of a tensor is to torch a tensor without dimensions, which has a say in the memory order."""
        return any(a.kind == "Scalar" and a.name in ("self", "other") for a in self.schema.arguments)

    @cached_property
    def nondifferentiable(self) -> bool:
        return bool(self.options.get("nondifferentiable", False))

    @cached_property
    def wrapped_dims(self) -> tuple[str, ...]:
        """Names of the arguments that are dimensions of `self`."""
        names: Iterable[str] = self.options.get("wrap", ("dim",) if self.family == "reduction" else ())
        return tuple(names)

    @cached_property
    def has_inplace(self) -> bool:
        return bool(self.options.get("inplace", self.family in ("pointwise", "update")))

    @cached_property
    def has_out(self) -> bool:
        return bool(
            self.options.get("out", self.family in ("pointwise", "reduction", "op", "composite", "factory"))
        )

    @cached_property
    def several(self) -> bool:
        """Whether the results are a tuple: several of them, or one list."""
        return len(self.schema.returns) > 1 or self.schema.returns[0].is_list

    @cached_property
    def has_method(self) -> bool:
        return bool(self.options.get("method", "self" in self.schema.names)) and "module" not in self.options

    @cached_property
    def has_inplace_method(self) -> bool:
        """Whether `Tensor.<name>_` exists; samplers have it though they have no `Tensor.<name>`."""
        return self.has_inplace and bool(self.options.get("inplace_method", self.has_method))

    @cached_property
    def has_function(self) -> bool:
        return bool(self.options.get("function", True))

    @property
    def qualified(self) -> str:
        return f"{self.name}.{self.overload}" if self.overload else self.name

    # Running ---------------------------------------------------------------------------------------------------------

    @cached_property
    def compiled(self) -> Any:
        """Everything generated from this declaration (see compiler.py)."""
        from .compiler import compile_operator

        return compile_operator(self)

    @cached_property
    def call(self) -> Callable[..., Any]:
        return self.compiled.call  # type: ignore[no-any-return]

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        return self.call(*args, **kwargs)

    @cached_property
    def inplace(self) -> Callable[..., Any]:
        """The in-place form: arguments in schema order, the first is overwritten and returned."""
        return self.compiled.inplace  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"<operator {self.qualified}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return (find, (self.name, self.overload))


def find(name: str, overload: str = "") -> Operator:
    """The declared operator `name.overload`. Raises NotImplementedError if there is none."""
    for operator in registry.get(name, ()):
        if operator.overload == overload:
            return operator
    raise NotImplementedError(
        f"the operator aten::{name}{'.' + overload if overload else ''} is not implemented"
    )


def _declarer(family: str) -> Callable[..., Any]:
    def declare(text: str, kernel: Any = None, **options: Any) -> Any:
        if kernel is not None:
            if isinstance(kernel, np.ufunc):
                options.setdefault("ufunc", kernel)
            return Operator(text, family, kernel, options)

        def decorate(function: Callable[..., Any]) -> Operator:
            return Operator(text, family, function, options)

        return decorate

    declare.__name__ = family
    declare.__doc__ = f"Declare a {family} operator; see docs/operators.md."
    return declare


pointwise = _declarer("pointwise")
reduction = _declarer("reduction")
op = _declarer("op")
update = _declarer("update")
view = _declarer("view")
composite = _declarer("composite")
factory = _declarer("factory")
