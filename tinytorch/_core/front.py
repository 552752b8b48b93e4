"""Public functions and methods of declared operators.

`torch.f` and `Tensor.f` remember, per combination of argument types, which overload to run and how to pass the arguments: the first call
parses, later ones look up. Everything unusual (subclasses, modes, arguments that do not fit) takes the long way round.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import deprecated, dispatch, dtypes, numbers, returns
from .argument_texts import report
from .compiler import execute
from .declare import Operator, registry
from .modes import PLAIN, modes, plain_classes
from .mutation import mark_results
from .overload_order import ordered
from .signature import Mismatch, Parameter, PythonSignature
from .tensor import Tensor

_FUNCTION, _METHOD, _INPLACE = "function", "method", "inplace"
_NUMBERS = (int, float, bool, complex)


class Front:
    """All overloads of one public name."""

    def __init__(self, name: str, operators: list[Operator], mode: str) -> None:
        self.name = name
        self.mode = mode
        method = mode != _FUNCTION
        shown = name + "_" if mode == _INPLACE and not name.endswith("_") else name
        self.shown = operators[0].options.get("published", shown) if mode == _FUNCTION else shown
        signatures = []
        for operator in operators:
            out = mode == _FUNCTION and operator.has_out
            signatures.append(PythonSignature(operator, self.shown, method, out))
            for text in operator.options.get("also", ()):  # overloads that torch lists beside this one
                if mode == _FUNCTION or "out=" not in text:
                    signatures.append(PythonSignature(operator, self.shown, method, False, text))
        self.signatures = ordered(signatures)
        for old in deprecated.FORMS.get(name, ()):
            text = f"{name}({old}) -> Tensor"
            out = mode == _FUNCTION
            self.signatures.append(PythonSignature(operators[0], self.shown, method, out, text, True))
        self.plans: dict[Any, Callable[..., Any]] = {}
        self.function = _make_function(self)

    @property
    def without_arguments(self) -> bool:
        return self.mode != _FUNCTION and len(self.signatures) == 1 and not self.signatures[0].parameters

    def parse(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[PythonSignature, dict[str, tuple[Any, Any, Parameter]]]:
        given = args if self.mode == _FUNCTION else args[1:]
        if self.without_arguments and (given or kwargs):
            detail = "no keyword arguments" if kwargs else f"no arguments ({len(given)} given)"
            raise TypeError(f"TensorBase.{self.shown}() takes {detail}")
        for signature in self.signatures:
            bound = signature.parse(given, kwargs, False)
            if bound is not None:
                return signature, bound
        report(self.shown, self.signatures, given, kwargs)
        raise AssertionError("unreachable")

    def run(self, args: tuple[Any, ...], kwargs: dict[str, Any], key: Any) -> Any:
        """The long way: overrides, parsing, running; remembers a plan if the types alone decided."""
        from .overrides import dispatch_override, has_override

        if has_override(args, kwargs):
            return dispatch_override(self, args, kwargs)
        if self.mode != _FUNCTION and not (args and isinstance(args[0], Tensor)):
            what = type(args[0]).__name__ if args else "nothing"
            raise TypeError(
                f"descriptor '{self.shown}' for 'torch._C.TensorBase' objects doesn't apply to a '{what}' object"
            )
        signature, bound = self.parse(args, kwargs)
        operator = signature.operator
        offset = 0 if self.mode == _FUNCTION else 1
        if signature.deprecated:
            deprecated.warn(signature, self.signatures)
            bound = {deprecated.RENAMED.get(target, target): value for target, value in bound.items()}
        elif (
            key is not None
            and bound.keys() - {"out"} <= operator.argument_names
            and not any(_undecided(value, parameter) for value, _, parameter in bound.values())
        ):
            if all(not isinstance(v, Tensor) or type(v) in plain_classes for v in (*args, *kwargs.values())):
                self.plans[key] = _make_plan(self, signature, bound, offset)
        values = {
            target: parameter.convert(value, self.shown) for target, (value, _, parameter) in bound.items()
        }
        out = values.pop("out", None)
        if not values.keys() <= operator.argument_names:
            raise NotImplementedError(
                f"Could not run 'aten::{self.name}.dtype' with arguments from the 'CPU' backend."
            )
        if offset:
            values["self"] = args[0]
        result = self.execute(operator, values, out)
        return mark_results(result, (*args, *kwargs.values())) if modes.inference else result

    def execute(self, operator: Operator, values: dict[str, Any], out: Any) -> Any:
        """Run one overload on converted values by schema name."""
        if out is not None and isinstance(out, int | float | complex):
            out = numbers.wrapped_number(out)
        if self.mode == _INPLACE:
            arguments = tuple([_number(_value(a, values), a) for a in operator.arguments])
            if any(
                a.is_tensor and v.__class__ in _NUMBERS
                for a, v in zip(operator.arguments, arguments, strict=True)
            ):
                if operator.family not in ("composite", "update"):
                    return dispatch.inplace(operator, arguments)
                arguments = _wrapped(operator, arguments)
            return operator.inplace(*arguments)
        if operator.family == "factory":
            return operator.call(out=out, **values) if out is not None else operator.call(**values)
        if out is not None:
            from .outputs import run_out

            given = tuple([_number(_value(a, values), a) for a in operator.arguments])
            return run_out(
                operator, list(_wrapped(operator, given) if operator.family == "composite" else given), out
            )
        wraps = any(
            a.is_tensor and not a.is_list and values.get(a.name).__class__ in (int, float, bool, complex)
            for a in operator.arguments
        )
        if wraps or _is_numpy_number(operator, values):
            arguments = tuple([_number(_value(a, values), a) for a in operator.arguments])
            return _after(operator, _call_with_numbers(operator, arguments))
        return _after(operator, operator.call(**values))


def _call_with_numbers(operator: Operator, arguments: tuple[Any, ...]) -> Any:
    if operator.family == "composite":
        return operator.call(*_wrapped(operator, arguments))
    return dispatch.slow(operator, arguments)


def _wrapped(operator: Operator, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """`arguments`, the numbers given for tensors as 0-dim tensors that promote like numbers."""
    return tuple(
        [
            numbers.wrapped_number(v) if a.is_tensor and v.__class__ in _NUMBERS else v
            for a, v in zip(operator.arguments, arguments, strict=True)
        ]
    )


def _is_numpy_number(operator: Operator, values: dict[str, Any]) -> bool:
    import numpy as np

    return any(a.is_tensor and isinstance(values.get(a.name), np.generic) for a in operator.arguments)


def _number(value: Any, argument: Any) -> Any:
    import numpy as np

    return numbers.python_number(value) if argument.is_tensor and isinstance(value, np.generic) else value


def _value(argument: Any, values: dict[str, Any]) -> Any:
    value = values.get(argument.name, argument.default)
    return tuple(value) if value.__class__ is list and argument.name not in values else value


def _undecided(value: Any, parameter: Parameter) -> bool:
    """Whether the value, not only its type, decided that it fits."""
    return isinstance(value, Tensor) and parameter.kind != "Tensor"


def _after(operator: Operator, result: Any) -> Any:
    """Several results become torch's named tuple."""
    if result.__class__ is tuple and len(operator.schema.returns) > 1:
        return returns.named(operator, result)
    return result


# Conversions that plans use; each raises Mismatch when an element is not what the first one promised -----------------------------


def _ints(values: Any) -> tuple[int, ...]:
    for value in values:
        if value.__class__ is not int:
            raise Mismatch
    return tuple(values)


def _floats(values: Any) -> tuple[float, ...]:
    return tuple([float(value) for value in values])


def _scalars(values: Any) -> tuple[Any, ...]:
    for value in values:
        if isinstance(value, Tensor):
            raise Mismatch
    return tuple(values)


def _tensors(values: Any) -> list[Any]:
    for value in values:
        if value.__class__ not in PLAIN and value is not None:
            raise Mismatch
    return list(values)


def _expression(parameter: Parameter, value: Any, source: str) -> str:
    """The text that converts an argument whose type is known."""
    kind = parameter.kind
    if value is None:
        return "None"
    if parameter.is_list:
        if not isinstance(value, tuple | list):
            return f"({source},) * {parameter.length or 1}"
        if kind == "int":
            return f"ints({source})"
        if kind == "Tensor":
            return f"tensors({source})"
        if kind == "float":
            return f"floats({source})"
        if kind == "Scalar":
            return f"scalars({source})"
        return f"tuple({source})"
    if (
        kind == "Tensor"
        or (value.__class__ in (int, bool, str) and kind in ("int", "bool", "str", "Scalar"))
        or value.__class__ is float
    ):
        return source
    if (kind == "ScalarType" and isinstance(value, dtypes.dtype)) or kind in (
        "Generator",
        "Layout",
        "MemoryFormat",
    ):
        return source
    return f"convert_{parameter.target}({source}, name)"


def _make_plan(
    front: Front, signature: PythonSignature, bound: dict[str, tuple[Any, Any, Parameter]], offset: int
) -> Callable[..., Any]:
    operator = signature.operator
    namespace: dict[str, Any] = {
        "ints": _ints,
        "floats": _floats,
        "scalars": _scalars,
        "tensors": _tensors,
        "name": front.shown,
        "operator": operator,
    }
    parts = []
    if offset:
        parts.append("self=args[0]")
    simple = True
    for target, (value, where, parameter) in bound.items():
        if isinstance(where, slice):
            source = f"args[{offset}:]" if offset else "args"
        elif isinstance(where, int):
            source = f"args[{where + offset}]"
        else:
            source = f"kwargs[{where!r}]"
        if (
            parameter.kind == "Tensor"
            and not parameter.is_list
            and not isinstance(value, Tensor)
            and value is not None
        ):
            simple = False
        namespace[f"convert_{target}"] = parameter.convert
        parts.append(f"{target}={_expression(parameter, value, source)}")
    if front.mode == _FUNCTION and "out" in bound and bound["out"][0] is None:
        parts = [part for part in parts if not part.startswith("out=")]
    elif "out" in bound:
        simple = False
    arguments = ", ".join(parts)
    named = len(operator.schema.returns) > 1
    if not simple or operator.family == "factory":
        namespace["execute"] = front.execute
        if "out" in bound and bound["out"][0] is not None:
            given = ", ".join(part for part in parts if not part.startswith("out="))
            out = next(part for part in parts if part.startswith("out="))[4:]
            return eval_plan(front, f"execute(operator, dict({given}), {out})", namespace)
        return eval_plan(front, f"execute(operator, dict({arguments}), None)", namespace)
    namespace["call"] = operator.inplace if front.mode == _INPLACE else operator.call
    text = f"call({arguments})"
    if named and front.mode != _INPLACE:
        namespace["after"] = _after
        text = f"after(operator, {text})"
    return eval_plan(front, text, namespace)


def eval_plan(front: Front, text: str, namespace: dict[str, Any]) -> Callable[..., Any]:
    source = f"def plan(args, kwargs):\n    return {text}\n"
    plan: Callable[..., Any] = execute(f"{front.mode} {front.shown} {len(front.plans)}", source, namespace)[
        "plan"
    ]
    return plan


def _make_function(front: Front) -> Callable[..., Any]:
    plans, run = front.plans, front.run
    calls = {count: _tensors_only(front, count) for count in (1, 2)}
    unary, binary = calls[1], calls[2]

    def function(*args: Any, **kwargs: Any) -> Any:
        if not kwargs:
            if len(args) == 1:
                if unary is not None and args[0].__class__ in PLAIN:
                    return unary(args[0])
            elif (
                binary is not None
                and len(args) == 2
                and args[1].__class__ in PLAIN
                and args[0].__class__ in PLAIN
            ):
                return binary(args[0], args[1])
        if kwargs:
            key: Any = (*map(type, args), *kwargs, *map(type, kwargs.values()))
        else:
            key = tuple(map(type, args))
        plan = plans.get(key)
        if plan is not None and PLAIN:
            try:
                return plan(args, kwargs)
            except Mismatch:
                return run(args, kwargs, None)
        return run(args, kwargs, key)

    function.__name__ = front.shown
    function.__qualname__ = f"TensorBase.{front.shown}" if front.mode != _FUNCTION else front.shown
    function.__module__ = "torch._C" if front.mode != _FUNCTION else "torch"
    function.front = front  # type: ignore[attr-defined]
    function.__doc__ = _documentation(front)
    return function


def _tensors_only(front: Front, count: int) -> Callable[..., Any] | None:
    """What to call when exactly `count` plain tensors are given and no overload leaves a doubt; None otherwise."""
    given = count if front.mode == _FUNCTION else count - 1
    for signature in front.signatures:
        operator = signature.operator
        names = [argument.name for argument in operator.arguments[:count]]
        if signature.min_args > given or len(signature.positional) < given:
            continue
        fits = all(p.kind == "Tensor" and not p.is_list for p in signature.positional[:given])
        in_order = (
            all(a.is_tensor and not a.is_list for a in operator.arguments[:count]) and len(names) == count
        )
        if (
            not (fits and in_order)
            or len(operator.schema.returns) != 1
            or operator.family in ("composite", "factory")
        ):
            return None
        if any(argument.kind == "Generator" for argument in operator.arguments):
            return None
        call: Callable[..., Any] = operator.inplace if front.mode == _INPLACE else operator.call
        return call
    return None


def _documentation(front: Front) -> str:
    lines = [f"{front.shown}{signature}" for signature in front.signatures]
    kernel = front.signatures[0].operator.kernel
    text = kernel.__doc__ if front.signatures[0].operator.family == "composite" else None
    return "\n".join(
        [
            *lines,
            "",
            text
            or f"Operator aten::{front.signatures[0].operator.name}; see torch's documentation of torch.{front.shown}.",
        ]
    )


_fronts: dict[tuple[str, str], Front] = {}


def front_of(name: str, mode: str) -> Front | None:
    """The public callable of `name` in the given mode, or None if nothing such is declared."""
    found = _fronts.get((name, mode))
    if found is not None:
        return found
    operators = registry.get(name, [])
    if mode == _FUNCTION:
        operators = [operator for operator in operators if operator.has_function]
    elif mode == _METHOD:
        operators = [operator for operator in operators if operator.has_method]
    else:
        operators = [operator for operator in operators if operator.has_inplace_method]
    if not operators:
        return None
    found = _fronts[(name, mode)] = Front(name, operators, mode)
    return found


#: Operators that torch keeps to itself as methods, or as functions: they exist in place, below, or in another namespace only.
_NOT_METHODS = frozenset(
    [
        "combinations",
        "copy",
        "fill",
        "huber_loss_backward",
        "nonzero_numpy",
        "rsub",
        "smooth_l1_loss_backward",
        "view_as_complex",
        "view_as_real",
        "zero",
    ]
)
_NOT_FUNCTIONS = frozenset(
    ["expand", "huber_loss_backward", "smooth_l1_loss_backward", "threshold_backward", "unfold", "view"]
)


def function_of(name: str, module: str = "") -> Callable[..., Any] | None:
    """`torch.<name>` (or `torch.<module>.<name>`), compiled now; None if no such operator is declared."""
    if name in _NOT_FUNCTIONS and not module:
        return None
    declared = f"{module}_{name}" if module in ("linalg", "special", "fft") else name
    operators = registry.get(declared)
    if operators:
        if operators[0].options.get("module", "") == module:
            front = front_of(declared, _FUNCTION)
            if front is not None:
                return front.function
    if not module and name in _INPLACE_FUNCTIONS:
        front = front_of(name[:-1], _INPLACE) or _without_method(name[:-1])
        if front is not None:
            return front.function
    return None


def _without_method(name: str) -> Front | None:
    """The in-place form of an operator that is no method."""
    operators = [operator for operator in registry.get(name, []) if operator.has_inplace]
    if not operators:
        return None
    found = _fronts[(name, _INPLACE)] = Front(name, operators, _INPLACE)
    return found


#: In-place operators that torch also offers as functions.
_INPLACE_FUNCTIONS = frozenset([
    "abs_", "acos_", "acosh_", "addmv_", "arccos_", "arccosh_", "arcsin_", "arcsinh_", "arctan_", "arctanh_", "asin_", "asinh_",
    "atan_", "atanh_", "bernoulli_", "ceil_", "celu_", "clamp_", "clamp_max_", "clamp_min_", "clip_", "conj_physical_", "cos_",
    "cosh_", "deg2rad_", "dropout_", "elu_", "embedding_renorm_", "erf_", "erfc_", "exp_", "exp2_", "expm1_", "fill_", "fix_",
    "floor_", "frac_", "gcd_", "index_put_", "lcm_", "ldexp_", "log_", "log10_", "log1p_", "log2_", "logit_", "nan_to_num_",
    "neg_", "negative_", "rad2deg_", "reciprocal_", "relu_", "round_", "rrelu_", "rsqrt_", "selu_", "sigmoid_", "sin_", "sinc_",
    "sinh_", "sqrt_", "square_", "tan_", "tanh_", "threshold_", "trunc_", "xlogy_", "zero_", "resize_as_", "alpha_dropout_",
    "feature_dropout_", "feature_alpha_dropout_",
])  # fmt: skip


def _provide(name: str) -> Any:
    """Attach the declared method `name` to Tensor."""
    front = None
    if name.endswith("_") and not name.endswith("__"):
        front = front_of(name[:-1], _INPLACE)
    if front is None and name not in _NOT_METHODS:
        front = front_of(name, _METHOD)
    if front is None:
        return None
    type.__setattr__(Tensor, name, front.function)
    return front.function


def _methods() -> list[str]:
    names = []
    for name, operators in registry.items():
        if name not in _NOT_METHODS and any(operator.has_method for operator in operators):
            names.append(name)
        if any(operator.has_inplace_method for operator in operators):
            names.append(name + "_")
    return names


class LazyMethod:
    """A declared method that is compiled when it is first looked up, and then stands in its own place.

    A descriptor rather than `__getattr__`: a class with that hook pays for it at every access to any attribute.
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        function = _provide(self.name)
        return function if instance is None else function.__get__(instance, owner)


def install_methods() -> None:
    """Give Tensor all declared methods that it does not have otherwise."""
    present = {name for cls in Tensor.__mro__ for name in vars(cls)}
    for name in _methods():
        if name not in present:
            type.__setattr__(Tensor, name, LazyMethod(name))


__all__ = ["Front", "install_methods", "front_of", "function_of"]
