"""The text of an operator's node class, and of the lines that make a node when a call is recorded."""

from __future__ import annotations

from typing import Any

from .plan import Plan, indent, parameters_of
from .schema import Argument


def _condition(plan: Plan, name: str) -> str:
    """When `name` must be saved: some argument whose formula needs it wants a gradient."""
    return " or ".join(f"r_{target}" for target in plan.needed[name])


def _edge(argument: Argument) -> str:
    # Only what was asked for a gradient itself collects one. A view of it made without recording wants one, too, but leads nowhere.
    n = argument.name
    if argument.is_list:
        edge = "t._edge or (t if t._requires_grad is True else None)"
        return f"*[None if t is None else {edge} for t in {n}]"
    return f"({n}._edge or ({n} if {n}._requires_grad is True else None)) if r_{n} else None"


def flag_lines(plan: Plan) -> list[str]:
    """Lines that set `r_<argument>`: does it want a gradient? Views are asked only now."""
    lines = []
    for argument in plan.tensors:
        n = argument.name
        if argument.is_list:
            lines.append(f"r_{n} = False")
            lines.append(f"for t in {n}:")
            lines.append(
                "    if t is not None and t._requires_grad and (t._requires_grad is not VIEW or refresh(t)):"
            )
            lines.append(f"        r_{n} = True")
        else:
            prefix = f"{n} is not None and " if argument.optional else ""
            lines.append(f"r_{n} = {prefix}{n}._requires_grad")
            lines.append(f"if r_{n} is VIEW:")
            lines.append(f"    r_{n} = refresh({n})")
    return lines


def record_lines(plan: Plan, shape: str, element_type: str) -> list[str]:
    """Lines that make the node once some `r_<argument>` holds, and tie the results to it."""
    node_class = plan.operator.node_name
    missing = [argument.name for argument in plan.tensors if argument.name not in plan.operator.formulas]
    lines = [f"if r_{name}: missing_formula({name!r})" for name in missing]
    lines.append(f"node = {node_class}()")
    edges = ", ".join(_edge(argument) for argument in plan.active)
    lines.append(f"node._edges = ({edges},)")
    lines.append("node._number = next_number()")
    lines.append("node._extra = None")
    lines.append(f"node._shape = {shape}")
    lines.append(f"node._dtype = {element_type}")
    for argument in plan.active:
        if argument.is_list:
            lines.append(f"node.count_{argument.name} = len({argument.name})")
    for argument in plan.saved_tensors():
        n = argument.name
        lines.append(f"if {_condition(plan, n)}:")
        if argument.is_list:
            lines.append(f"    node.saved_{n} = list({n})")
            lines.append(
                f"    node.version_{n} = [t._counter[0] if t is not None and t._counter is not None else 0 for t in {n}]"
            )
        else:
            lines.append(f"    node.saved_{n} = {n}")
            guard = f"{n} is None or " if argument.optional else ""
            lines.append(f"    node.version_{n} = 0 if {guard}{n}._counter is None else {n}._counter[0]")
        lines.append("else:")
        lines.append(f"    node.saved_{n} = None")
    for name in plan.saved_values():
        lines.append(f"node.saved_{name} = {name}")
    for name, tensor, fact in plan.saved_facts():
        value = {
            "shape": "{0}._array.shape",
            "dtype": "{0}._key._dtype",
            "stride": "{0}.stride()",
            "offset": "{0}.storage_offset()",
        }[fact]
        if plan.arguments[tensor].is_list:
            lines.append(
                f"node.saved_{name} = [None if t is None else {value.format('t')} for t in {tensor}]"
            )
        else:
            guard = f"None if {tensor} is None else " if plan.arguments[tensor].optional else ""
            lines.append(f"node.saved_{name} = {guard}{value.format(tensor)}")
    for _, name in plan.saved_outputs():
        if plan.many:
            raise TypeError(f"{plan.operator.qualified}: a list of results cannot be saved")
        lines.append(f"if {_condition(plan, name)}:")
        lines.append(f"    if {name}._counter is None:")
        lines.append(f"        {name}._counter = [0]")
        lines.append(f"    node.saved_{name} = {name}._array")
        lines.append(f"    node.key_{name} = {name}._key")
        lines.append(f"    node.counter_{name} = {name}._counter")
        lines.append(f"    node.version_{name} = {name}._counter[0]")
        lines.append("else:")
        lines.append(f"    node.saved_{name} = None")
    lines.append(
        "node._released = False"
    )  # last: this is where saved-tensor hooks and anomaly detection listen (saving.py)
    return lines


def attach_lines(plan: Plan) -> list[str]:
    """Lines that make the results point at `node`."""
    if plan.many:
        return [
            "node._outputs = [(t._array.shape, t._key._dtype) for t in results]",
            "for position, t in enumerate(results):",
            "    attach(t, node, position)",
        ]
    if len(plan.outputs) == 1:
        return [f"attach({plan.outputs[0]}, node, None)"]
    shapes = ", ".join(
        f"({n}._array.shape, {n}._key._dtype) if {n} is not None else ((0,), None)" for n in plan.outputs
    )
    lines = [f"node._outputs = [{shapes}]"]
    for position, name in enumerate(plan.outputs):
        if name in plan.operator.options.get("nondifferentiable_outputs", ()):
            continue
        lines.append(f"if {name} is not None and {name}._key._dtype._category in ('float', 'complex'):")
        lines.append(f"    attach({name}, node, {position})")
    return lines


def node_source(plan: Plan) -> str:
    """The node class of an operator."""
    operator = plan.operator
    slots: list[str] = []
    for argument in plan.saved_tensors():
        slots += [f"saved_{argument.name}", f"version_{argument.name}"]
    slots += [f"saved_{name}" for name in plan.saved_values()]
    slots += [f"saved_{name}" for name, _, _ in plan.saved_facts()]
    for _, name in plan.saved_outputs():
        slots += [f"saved_{name}", f"key_{name}", f"counter_{name}", f"version_{name}"]
    slots += [f"count_{argument.name}" for argument in plan.active if argument.is_list]
    multiple = plan.many or len(plan.outputs) > 1
    if multiple:
        slots.append("_outputs")
    saved = [
        *[a.name for a in plan.saved_tensors()],
        *plan.saved_values(),
        *[n for _, n in plan.saved_outputs()],
    ]
    shown = [*saved, *[f"{t}_sym_sizes" for _, t, f in plan.saved_facts() if f == "shape"]]
    lines = [
        f"class {operator.node_name}(Node):",
        f"    __slots__ = {tuple(slots)!r}",
        "    __init__ = object.__init__  # what sets the slots stands where the node is made: no call for it",
        f"    _saved_names = {tuple(shown)!r}",
    ]
    lines.append(f"    _saved_inputs = {tuple(sorted(a.name for a in plan.saved_tensors()))!r}")
    results = tuple((name, position if multiple else None) for position, name in plan.saved_outputs())
    lines += [f"    _saved_results = {results!r}", ""]
    grads = ["grad"] if not multiple else [] if plan.many else [f"grad_{n}" for n in plan.outputs]
    signature = "*grads" if plan.many else ", ".join(grads)
    lines.append(f"    def _backward(node, edges, {signature}):")
    body: list[str] = []
    holds = plan.saved_tensors() or plan.saved_outputs()
    if holds:
        body += ["if node._released:", "    raise RuntimeError(released_message())"]
    body += _unpack_edges(plan)
    for argument in sorted(
        plan.saved_tensors(), key=lambda a: a.name
    ):  # torch's order: of several stale tensors it names the first
        n = argument.name
        body.append(f"{n} = node.saved_{n}")
        if argument.is_list:
            body.append(
                f"if {n} is not None and any(t is not None and t._counter is not None and t._counter[0] != v for t, v in zip({n}, node.version_{n})):"
            )
        else:
            body.append(
                f"if {n} is not None and {n}._counter is not None and {n}._counter[0] != node.version_{n}:"
            )
        body.append(f"    stale(node, {n}, node.version_{n})")
    body += [f"{name} = node.saved_{name}" for name in plan.saved_values()]
    body += [f"{name} = node.saved_{name}" for name, _, _ in plan.saved_facts()]
    for position, name in plan.saved_outputs():
        number = position if multiple else None
        edge = "node" if number is None else f"(node, {number})"
        body += [
            f"{name} = node.saved_{name}",
            f"if {name} is not None:",
            f"    if node.counter_{name}[0] != node.version_{name}:",
            f"        raise_stale({name}, node.key_{name}._dtype, {edge}, node.counter_{name}[0], node.version_{name})",
            f"    {name} = revive({name}, node.key_{name}, node.counter_{name}, {edge})",
        ]
    if multiple and not plan.many:
        for position, name in enumerate(plan.outputs):
            if f"grad_{name}" in plan.needed and not operator.options.get("undefined_grads"):
                body.append(f"if grad_{name} is None:")
                body.append(f"    grad_{name} = zeros_for(node, {position})")
        if "grad" in plan.needed:  # the first output's, where a formula does not say which
            body.append(f"grad = grad_{plan.outputs[0]}")
            body.append("if grad is None:")
            body.append("    grad = zeros_for(node, 0)")
    if plan.many and "grads" in plan.needed:
        body.append("grads = [zeros_for(node, i) if g is None else g for i, g in enumerate(grads)]")
    if "needs" in plan.needed:
        wants = ", ".join(f"{a.name!r}: {_wants(a)}" for a in plan.active)
        body.append(f"needs = frozenset(name for name, wanted in {{{wants}}}.items() if wanted)")
    body += _return_lines(plan)
    lines.append(indent(body, 2))
    lines += _flow_source(plan)
    lines += _begin_source(multiple)
    lines.append("    def _release(node):")
    if holds:
        cleared = [f"saved_{a.name}" for a in plan.saved_tensors()] + [
            f"saved_{n}" for _, n in plan.saved_outputs()
        ]
        lines.append(indent(["node._released = True", *[f"node.{slot} = None" for slot in cleared]], 2))
    else:
        lines.append("        pass\n")
    if multiple:
        lines.append("    @property\n    def _arity(node):\n        return len(node._outputs)\n")
        lines.append("    def _output(node, number):\n        return node._outputs[number]\n")
    return "\n".join(lines)


def array_lines(name: str) -> list[str]:
    """Lines that make an array of what a ufunc returned: for 0-dim operands a scalar. (`out=...` would do it, at 60 ns a call.)"""
    return [f"if {name}.__class__ is not ndarray:", f"    {name} = asarray({name})"]


def _plain(key: str, any_order: bool) -> str:
    """Whether what is under `key` is of the node's type, and lies as the operator's rules on arrays want it."""
    return f"{key} is node._dtype" + (f" or {key} is node._dtype._strided" if any_order else "")


def _operands(rule: Any) -> tuple[str, ...]:
    """What a rule on arrays names: its parameters, or for (ufunc, *names) the names."""
    return rule[1:] if isinstance(rule, tuple) else parameters_of(rule)


def _flow_source(plan: Plan) -> list[str]:
    """Lines of `_flow`, a whole step of a backward pass on arrays, if there are rules for that; saved tensors must be plain, too."""
    rules = plan.operator.native_rules
    if not rules or set(rules) != set(plan.operator.formulas):
        return []
    any_order = plan.operator.native_any_order
    named = {name for rule in rules.values() for name in _operands(rule)}
    tensors = [argument.name for argument in plan.saved_tensors()]
    outputs = [name for _, name in plan.saved_outputs()]
    body = ["if node._released:", "    raise RuntimeError(released_message())"] if tensors or outputs else []
    body += _unpack_edges(plan)
    values: dict[str, str] = {}
    for n in tensors:
        values[n] = f"{n}._array"
        body += [
            f"{n} = node.saved_{n}",
            f"if {n} is not None:",
            f"    if {n}._counter is not None and {n}._counter[0] != node.version_{n}:",
            f"        stale(node, {n}, node.version_{n})",
        ]
        if n in named:
            plain = _plain(f"{n}._key", any_order)
            body += [f"    if not ({plain}):", "        return NotImplemented"]
    for n in outputs:
        fits = f"({_plain(f'node.key_{n}', any_order)}) and node.counter_{n}[0] == node.version_{n}"
        body += [
            f"{n} = node.saved_{n}",
            f"if {n} is not None and not ({fits}):",
            "    return NotImplemented",
        ]
    if tensors or outputs:
        body += ["if not task.keep:", "    node._released = True"]
        body += [f"    node.saved_{n} = None" for n in [*tensors, *outputs]]
    for name in named - {"grad", *tensors, *outputs}:
        values[name] = f"node.saved_{name}"
    for argument in plan.active:
        n = argument.name
        arguments = ", ".join(values.get(name, name) for name in _operands(rules[n]))
        if any_order:
            body += [
                f"if e_{n} is not None:",
                f"    c_{n} = quietly(native_{n}, {arguments})",
                f"    if not (c_{n}.flags.c_contiguous or e_{n}.__class__ is tuple or e_{n}._any_order):",
                f"        c_{n} = wrap(c_{n})",
            ]
            continue
        body += [f"if e_{n} is not None:", f"    c_{n} = native_{n}({arguments})"]
        if isinstance(rules[n], tuple):
            body += ["    " + line for line in array_lines(f"c_{n}")]
    body += ["states = task.states", "following = None"]
    for argument in plan.active:
        body += _delivery_lines(f"e_{argument.name}", f"c_{argument.name}")
    body.append("return following")
    head = "" if any_order else "    _any_order = False\n"
    return [head + "    def _flow(node, task, edges, grad, counted):", indent(body, 2)]


def _delivery_lines(edge: str, cotangent: str) -> list[str]:
    """Lines that hand an array on along an edge, as `Task._run_from` does for tensors."""
    ready = [
        "if following is None and link[6] is not None:",
        "    following = link",
        "else:",
        "    task._ready(link)",
    ]
    lines = [
        f"link = states.get(id({edge}))",
        "if link is None:",
        f"    if {edge}.__class__ is tuple:",
        f"        link = task._deliver({edge}, {cotangent}, node, 0)",
        f"        {cotangent} = None",
        "    else:",
        f"        link = states[id({edge})] = {edge}._begin()",
        "        if not link[7]:",
        f"            task._look_at({edge})",
        *["        " + line for line in ready],
        f"if {cotangent} is not None:",
        # Rules on arrays give cotangents of the node's own shape and type, or else of the target's.
        "    if link[4] != node._shape or link[5] is not node._dtype:",
        f"        {cotangent} = task._fitting({cotangent}, link[4], link[5], node, 0)",
        "    if link[1] is None:",
        f"        link[1] = {cotangent}",
        "    else:",
        f"        task._add(link, {cotangent})",
        "if counted:",
        "    link[0] = left = link[0] - 1",
        "    if not left:",
        *["        " + line for line in ready],
    ]
    return [f"if {edge} is not None:", *["    " + line for line in lines]]


def _begin_source(multiple: bool) -> list[str]:
    """`_begin`, as in Node: attributes are looked up faster in code that sees one class only."""
    simple = "False" if multiple else "node._extra is None"
    return [
        "    def _begin(node):",
        f"        return [0, None, False, node, node._shape, node._dtype, node._edges, {simple}]\n",
    ]


def _wants(argument: Argument) -> str:
    return f"any(e_{argument.name})" if argument.is_list else f"e_{argument.name} is not None"


def _unpack_edges(plan: Plan) -> list[str]:
    if not any(argument.is_list for argument in plan.active):
        names = ", ".join(f"e_{argument.name}" for argument in plan.active)
        return [f"{names}, = edges"]
    lines = ["position = 0"]
    for argument in plan.active:
        n = argument.name
        if argument.is_list:
            lines.append(f"e_{n} = edges[position:position + node.count_{n}]")
            lines.append(f"position += node.count_{n}")
        else:
            lines.append(f"e_{n} = edges[position]")
            lines.append("position += 1")
    return lines


def _return_lines(plan: Plan) -> list[str]:
    operator = plan.operator
    lines = []
    if operator.joint is not None:
        arguments = ", ".join(f"{n}={n}" for n in parameters_of(operator.joint))
        lines.append(f"joint = vjp_joint({arguments})")
    parts: list[str] = []
    # torch computes them in alphabetical order: what they record is numbered in that order.
    for argument in sorted(plan.active, key=lambda a: a.name):
        n = argument.name
        formula = operator.formulas[n]
        if operator.joint is not None and formula is operator.joint:
            value = f"joint.get({n!r})"
        else:
            value = f"vjp_{n}({', '.join(parameters_of(formula))})"
        wanted = f"any(e is not None for e in e_{n})" if argument.is_list else f"e_{n} is not None"
        lines.append(f"c_{n} = {value} if {wanted} else None")
    for argument in plan.active:
        n = argument.name
        parts.append(
            f"*(c_{n} if c_{n} is not None else [None] * node.count_{n})" if argument.is_list else f"c_{n}"
        )
    lines.append(f"return ({', '.join(parts)},)")
    return lines
