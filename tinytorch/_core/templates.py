"""The text of compiled calls, family by family (see compiler.py for how it is run)."""

from __future__ import annotations

from typing import Any

from .autocast import has_rule
from .declare import Operator
from .node_source import array_lines, attach_lines, flag_lines, record_lines
from .plan import Plan, indent, kernel_arguments, signature_text
from .pointwise import PROMOTED_SCALARS, uses_ufunc


def _names(plan: Plan) -> str:
    return ", ".join(plan.arguments)


def _outputs(plan: Plan) -> str:
    """The result parameters; an output that shares its argument's name (`values`) is told apart."""
    return "results" if plan.many else ", ".join(plan.outputs)


def record_source(plan: Plan) -> str:
    """`record(outputs..., arguments...)`: make the node if some input wants a gradient."""
    operator = plan.operator
    lines = [f"def record({_outputs(plan)}, {_names(plan)}):"]
    if (operator.nondifferentiable and not plan.active) or not plan.tensors:
        return "\n".join([*lines, "    pass"])
    flags = flag_lines(plan)
    body = [*flags, f"if not ({' or '.join(f'r_{a.name}' for a in plan.tensors)}):", "    return"]
    single = not plan.many and len(plan.outputs) == 1
    if single and operator.schema.returns[0].kind != "Tensor":
        return "\n".join([*lines, "    pass"])
    if single:
        quiet = operator.nondifferentiable or operator.options.get("forgets")
        body.append(f"if {plan.outputs[0]}._key._dtype._category not in ('float', 'complex'):")
        body.append("    return" if quiet else f"    refuse_history({plan.outputs[0]})")
    if operator.options.get("real_history"):
        body.append(f"if {plan.outputs[0]}._key._dtype._category == 'complex':")
        body.append("    refuse_complex(operator)")
    if not plan.active:
        results = "results" if plan.many else f"({_outputs(plan)},)"
        inputs = ", ".join(f"*{a.name}" if a.is_list else a.name for a in plan.tensors)
        body.append(f"unimplemented(operator, {results}, [{inputs}])")
    else:
        first = "results[0]" if plan.many else plan.outputs[0]
        body += record_lines(plan, f"{first}._array.shape", f"{first}._key._dtype")
        body += attach_lines(plan)
    return "\n".join(lines) + "\n" + indent(body, 1)


def call_source(plan: Plan) -> str:
    source = {"pointwise": _pointwise, "view": _view}.get(plan.operator.family, _general)(plan)
    head, body = source.split("\n", 1)
    cast = _cast_lines(plan.operator, _names(plan))
    return head + "\n" + indent(cast, 1) + body if cast else source


def composite_source(operator: Operator, type_lines: list[str]) -> str:
    """What stands before a composite's function, where anything does: the rule of autocast, and the rules about element types."""
    names = operator.schema.names
    arguments = (
        ", ".join(f"{name}={name}" for name in names) if _by_name(operator.kernel) else ", ".join(names)
    )
    lines = [*_cast_lines(operator, ", ".join(names)), *type_lines, f"return function({arguments})"]
    return f"def call({signature_text(operator)}):\n" + indent(lines, 1)


def _by_name(function: Any) -> bool:
    """Whether some parameters of `function` are given by name only."""
    code = getattr(function, "__code__", None)
    return code is None or code.co_kwonlyargcount > 0


def _cast_lines(operator: Operator, names: str) -> list[str]:
    if not has_rule(operator):
        return []
    return ["if CASTING and casts():", f"    return under_autocast(operator, ({names},))"]


def inplace_source(plan: Plan) -> str:
    """`inplace(arguments...)`: overwrite the first argument. Pointwise operators on plain tensors without history do it at once."""
    operator = plan.operator
    lines = [f"def inplace({signature_text(operator)}):"]
    body = []
    if operator.has_inplace and _straight(plan) and operator.options.get("result") != "bool":
        first = plan.tensors[0].name
        tests = [f"{argument.name}._key is key" for argument in plan.tensors[1:]]
        body += [f"key = {first}._key", *_overwrite(plan, first, tests)]
    target = "restructure" if operator.family == "view" else "slow_inplace"
    body.append(f"return {target}(operator, ({_names(plan)},))")
    source = "\n".join(lines) + "\n" + indent(body, 1)
    if operator.options.get("infix") and operator.has_inplace and len(plan.tensors) == 2 and len(body) > 1:
        source += "\n" + _inplace_infix(plan)
    return source


def _check_lines(plan: Plan) -> list[str]:
    """The declared check's call; none where the straight line's element types already decide."""
    check = plan.operator.options.get("check")
    return [] if check is None or hasattr(check, "refuses") else [f"check(key, {_names(plan)})"]


def _straight(plan: Plan) -> bool:
    return (
        plan.operator.family == "pointwise"
        and bool(plan.tensors)
        and not any(a.optional or a.is_list for a in plan.tensors)
    )


def _overwrite(plan: Plan, first: str, tests: list[str], infix: bool = False) -> list[str]:
    """Lines that write into `first` when nothing is recorded; they fall through otherwise."""
    operator = plan.operator
    requires = " or ".join(f"{a.name}._requires_grad" for a in plan.tensors)
    conditions = [
        "key in UFUNC_KEYS",
        *tests,
        *_real_numbers(operator),
        f"{first}._extra is None",
        f"not (({requires}) and modes.grad)",
    ]
    if plan.tensors[1:]:  # operands in the same storage may overlap, which the slow path looks into
        apart = " and ".join(f"{a.name}._counter is not {first}._counter" for a in plan.tensors[1:])
        conditions.append(f"({first}._counter is None or {apart})")
    computed = ["    " + line for line in _compute_lines(plan, infix, first)]
    write = ["try:", *computed, "except ValueError:", f"    return slow_inplace(operator, ({_names(plan)},))"]
    bump = [
        f"counter = {first}._counter",
        "if counter is None:",
        f"    {first}._counter = [1]",
        "else:",
        "    counter[0] += 1",
        f"return {first}",
    ]
    return [f"if {' and '.join(conditions)}:", *["    " + line for line in [*write, *bump]]]


def _inplace_infix(plan: Plan) -> str:
    """The augmented assignment's method (`+=`): as `infix`, into the first operand."""
    operator = plan.operator
    first, second = (argument.name for argument in plan.tensors)
    slow = f"return slow_inplace_infix(operator, {first}, {second})"
    body = [
        f"if {first}.__class__ not in PLAIN:",
        f"    {slow}",
        f"if {second}.__class__ not in PLAIN:",
        *["    " + line for line in _number_lines(operator, first, second, slow)],
        *[f"{a.name} = {a.default!r}" for a in operator.arguments if not a.is_tensor],
        f"key = {first}._key",
        *_overwrite(plan, first, [f"{second}._key is key"], infix=True),
        f"return slow_inplace(operator, ({_names(plan)},))",
    ]
    return f"def inplace_infix({first}, {second}):\n" + indent(body, 1)


def _number_lines(operator: Operator, first: str, second: str, slow: str) -> list[str]:
    """Lines that turn a Python number into the cached 0-dim tensor of the first operand's type, unless numbers have an operator of their own."""
    if operator.options.get("numbers_apart"):
        return [slow]
    return [
        f"if {second}.__class__ is float:",
        f"    cache = scalars.get({first}._key)",
        f"elif {second}.__class__ is int:",
        f"    cache = integer_scalars.get({first}._key)",
        "else:",
        f"    {slow}",
        "if cache is None:",
        f"    {slow}",
        f"number = cache.get({second})",
        "if number is None:",
        "    try:",
        f"        number = new_scalar(cache, {first}._key, {second})",
        "    except OverflowError:",
        f"        {slow}",
        f"{second} = number",
    ]


def _slow(plan: Plan) -> str:
    return f"return slow(operator, ({_names(plan)},))"


def _stored_test(operator: Operator, keys: str) -> str:
    tests = []
    for argument in operator.arguments:
        if not argument.is_tensor:
            continue
        n = argument.name
        if argument.is_list:
            tests.append(f"all(t is None or t._key in {keys} for t in {n})")
        elif argument.optional:
            tests.append(f"({n} is None or {n}._key in {keys})")
        else:
            tests.append(f"{n}._key in {keys}")
    return " and ".join(tests) or "True"


def _wants_record(plan: Plan) -> str:
    """Whether to call `record`: cheap tests only."""
    tests = []
    for argument in plan.tensors:
        n = argument.name
        if argument.is_list:
            return "modes.grad"
        tests.append(
            f"({n} is not None and {n}._requires_grad)" if argument.optional else f"{n}._requires_grad"
        )
    return f"({' or '.join(tests)}) and modes.grad" if tests else "False"


def _general(plan: Plan) -> str:
    """Operators, reductions and updates: unwrap, run the kernel, wrap, record."""
    operator = plan.operator
    keys = "STORED_FULL" if operator.upcast else "STORED"
    names = _names(plan)
    lines = [f"def call({signature_text(operator)}):"]
    body = [f"if not ({_stored_test(operator, keys)}):", f"    {_slow(plan)}", *plan.type_lines]
    body += ["token = hush()", "try:"]
    arguments = kernel_arguments(operator)
    if operator.family == "update":
        first = plan.tensors[0].name
        copied = f"{first}._array.copy()" if operator.options.get("contiguous") else f"fresh({first}._array)"
        body.append(f"    made = {copied}")
        body.append(f"    kernel({arguments.replace(f'{first}._array', 'made', 1)})")
    else:
        body.append(f"    made = kernel({arguments})")
        if operator.memory is not None and plan.tensors:
            tensors = [a.name for a in plan.tensors if not (a.is_list or a.optional)]
            asked = f"{tensors[0]}._key._special is not None" if operator.family == "reduction" else "True"
            body += [
                f"    if {asked}:",
                f"        made = arranged({operator.memory!r}, made, ({''.join(f'{name}._array, ' for name in tensors)}))",
            ]
    body += [
        "except (TypeError, ValueError) as error:",
        f"    explain(operator, ({names},), error)",
        "    raise",
        "finally:",
        "    unhush(token)",
    ]
    returns = operator.schema.returns
    if plan.many:
        body.append("results = tuple([wrap(array) for array in made])")
        value = "results"
    elif len(returns) == 1 and returns[0].kind == "Tensor":
        body += [
            "if made.__class__ is not ndarray:",
            "    made = asarray(made)",
            f"{plan.outputs[0]}_ = wrap(made)",
        ]
        value = f"{plan.outputs[0]}_"
    elif len(returns) == 1:
        return "\n".join(lines) + "\n" + indent([*body, "return made"], 1)
    else:
        for position, name in enumerate(plan.outputs):
            body.append(f"{name}_ = None if made[{position}] is None else wrap(asarray(made[{position}]))")
        value = ", ".join(f"{n}_" for n in plan.outputs)
    if not operator.nondifferentiable and plan.tensors:
        body += [f"if {_wants_record(plan)}:", f"    record({value}, {names})"]
    body.append(f"return {value}")
    return "\n".join(lines) + "\n" + indent(body, 1)


def _view(plan: Plan) -> str:
    """Views: no copy, one base, one version counter."""
    operator = plan.operator
    names = _names(plan)
    first = plan.tensors[0].name
    lines = [f"def call({signature_text(operator)}):"]
    if "toggles" in operator.options:  # the result reads its memory in another way
        return "\n".join(lines) + "\n" + indent([_slow(plan)], 1)
    body = [
        f"if {first}._key not in STORED:",
        f"    {_slow(plan)}",
        f"out = kernel({kernel_arguments(operator)})",
    ]
    if plan.many:
        body.append(f"results = tuple([wrap_view({first}, array, 'multi') for array in out])")
        value = "results"
    else:
        body.append(f"result = wrap_view({first}, out, None)")
        if operator.options.get("baseless"):
            body.append("part(result)")
        value = "result"
    if not operator.nondifferentiable:
        guard = " and results" if plan.many else ""
        body += [f"if {first}._requires_grad and modes.grad{guard}:", f"    record({value}, {names})"]
    body.append(f"return {value}")
    return "\n".join(lines) + "\n" + indent(body, 1)


_RESULT = [
    "result = new(Tensor)",
    "result._array = array",
    "result._key = {key}",
    "result._grad = None",
    "result._counter = None",
    "result._base = None",
    "result._extra = None",
]


def _pointwise_body(plan: Plan, first: str, tests: list[str], infix: bool = False) -> list[str]:
    """The straight line: test, compute, wrap, record. `first`: the argument whose key the others share."""
    operator = plan.operator
    key = "bool_" if operator.options.get("result") == "bool" else "key"
    body = [f"key = {first}._key", f"if {' and '.join(['key in UFUNC_KEYS', *tests])}:"]
    computed = ["    " + line for line in _compute_lines(plan, infix)]
    inner = ["try:", *computed, "except ValueError:", f"    {_slow(plan)}"]
    inner += [line.format(key=key) for line in _RESULT]
    unrecorded = ["result._requires_grad = False", "result._edge = None"]
    if operator.nondifferentiable or key != "key":
        inner += unrecorded
    elif plan.active:
        flags = flag_lines(plan)
        asked = [line for line in flags if line.endswith("._requires_grad")]
        inner += [*asked, f"if ({' or '.join(f'r_{a.name}' for a in plan.tensors)}) and modes.grad:"]
        inner += ["    " + line for line in flags if line not in asked]
        inner.append(f"    if {' or '.join(f'r_{a.name}' for a in plan.tensors)}:")
        inner += ["        " + line for line in record_lines(plan, "array.shape", "key")]
        inner += [
            "        result._edge = node",
            "        result._requires_grad = True",
            "        return result",
        ]
        inner += unrecorded
    else:
        inner += [*unrecorded, f"if {_wants_record(plan)}:", f"    record(result, {_names(plan)})"]
    inner.append("return result")
    return body + ["    " + line for line in inner]


def _pointwise(plan: Plan) -> str:
    operator = plan.operator
    tensors = plan.tensors
    lines = [f"def call({signature_text(operator)}):"]
    body: list[str] = []
    if _straight(plan):
        first = tensors[0].name
        tests = [f"{argument.name}._key is key" for argument in tensors[1:]]
        body += _pointwise_body(plan, first, [*tests, *_real_numbers(operator)])
    body.append(_slow(plan).replace("slow(", "relaxed(") if _straight(plan) else _slow(plan))
    source = "\n".join(lines) + "\n" + indent(body, 1)
    if operator.options.get("infix") and len(tensors) == 2:
        source += "\n" + _infix(plan)
    return source


def _real_numbers(operator: Operator) -> list[str]:
    """A complex number changes the type of what is computed."""
    return [
        f"{a.name}.__class__ is not complex"
        for a in operator.arguments
        if a.kind == "Scalar" and a.name in operator.options.get("promote", PROMOTED_SCALARS)
    ]


def _compute_lines(plan: Plan, infix: bool = False, into: str | None = None) -> list[str]:
    """Lines that set `array`, or overwrite the array of argument `into`.

    A ufunc is the body only while the remaining arguments keep their defaults, which with an infix symbol they do.
    """
    operator = plan.operator
    general = [*_check_lines(plan), f"array = quietly(kernel, {kernel_arguments(operator)})"]
    if into is not None and "into" in operator.options:
        general = [*_check_lines(plan), f"quietly(into, {kernel_arguments(operator)})"]
    elif into is not None:
        again = f"    return slow_inplace(operator, ({_names(plan)},))"
        general += [f"if array.shape != {into}._array.shape:", again, f"{into}._array[...] = array"]
    if not uses_ufunc(operator):
        return general
    arrays = ", ".join(f"{a.name}._array" for a in operator.arguments if a.is_tensor)
    if into is None:
        usual = [f"array = ufunc({arrays})", *array_lines("array")]
    else:
        usual = [f"ufunc({arrays}, out={into}._array)"]
    defaults = [f"{a.name} == {a.default!r}" for a in operator.arguments if not a.is_tensor]
    if infix or not defaults:
        return usual
    tested = [f"if {' and '.join(defaults)}:", *["    " + line for line in usual]]
    return [*tested, "else:", *["    " + line for line in general]]


def _infix(plan: Plan) -> str:
    """The operator symbol's method: tensors of one type, or a tensor and a Python number, without any parsing."""
    operator = plan.operator
    first, second = (argument.name for argument in plan.tensors)
    rest = [f"{a.name} = {a.default!r}" for a in operator.arguments if not a.is_tensor]
    number = _number_lines(operator, first, second, f"return slow_infix(operator, {first}, {second})")
    body = [
        f"if {first}.__class__ not in PLAIN:",
        f"    return slow_infix(operator, {first}, {second})",
        f"if {second}.__class__ not in PLAIN:",
        *["    " + line for line in number],
        *rest,
    ]
    body += _pointwise_body(plan, first, [f"{second}._key is key"], infix=True)
    body.append(_slow(plan).replace("slow(", "relaxed("))
    return f"def infix({first}, {second}):\n" + indent(body, 1)
