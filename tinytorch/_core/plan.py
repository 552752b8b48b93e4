"""What the text of an operator's functions is written from: its arguments, formulas, and what each formula needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .declare import Operator
from .schema import REQUIRED, Argument


def parameters_of(function: Callable[..., Any]) -> tuple[str, ...]:
    code = function.__code__
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def output_names(operator: Operator) -> list[str]:
    """The formula names of an operator's outputs: torch's names for the returns, or `result`."""
    returns = operator.schema.returns
    if len(returns) == 1:
        return [returns[0].name or "result"]
    return [item.name or f"result{index}" for index, item in enumerate(returns)]


class Plan:
    """Which formulas an operator has and what each of them needs."""

    def __init__(self, operator: Operator) -> None:
        self.operator = operator
        self.outputs = output_names(operator)
        self.arguments = {argument.name: argument for argument in operator.arguments}
        self.tensors = [argument for argument in operator.arguments if argument.is_tensor]
        self.active = [argument for argument in self.tensors if argument.name in operator.formulas]
        self.many = operator.schema.returns[0].is_list if len(operator.schema.returns) == 1 else False
        self.type_lines: list[str] = []  # what the call asks of its operands (see element_types.py)
        #: name -> arguments whose cotangent needs it
        self.needed: dict[str, list[str]] = {}
        for target, formula in operator.formulas.items():
            if target not in self.arguments:
                raise TypeError(f"{operator.qualified}: formula for unknown argument '{target}'")
            for name in parameters_of(formula):
                self._check(name)
                self.needed.setdefault(name, []).append(target)
        # torch leaves out an input that only one formula reads where that formula is not asked for, except in operators of the backward pass
        targets = list(operator.formulas)
        for name, readers in self.needed.items():
            if len(readers) > 1 or "backward" in operator.name or name in self.outputs:
                self.needed[name] = targets

    def _check(self, name: str) -> None:
        stem, _, suffix = name.rpartition("_")
        known = (
            name in self.arguments
            or name in self.outputs
            or name in ("grad", "needs", "grads")
            or (stem == "grad" and suffix in self.outputs)
            or (name.startswith("grad_") and name[5:] in self.outputs)
            or (
                suffix in ("shape", "dtype", "stride", "offset")
                and stem in self.arguments
                and self.arguments[stem].is_tensor
            )
        )
        if not known:
            raise TypeError(
                f"{self.operator.qualified}: a formula names '{name}', which is neither argument, output nor gradient"
            )

    def saved_tensors(self) -> list[Argument]:
        return [argument for argument in self.tensors if argument.name in self.needed]

    def saved_values(self) -> list[str]:
        return [n for n, argument in self.arguments.items() if n in self.needed and not argument.is_tensor]

    def saved_outputs(self) -> list[tuple[int, str]]:
        return [(i, n) for i, n in enumerate(self.outputs) if n in self.needed and n not in self.arguments]

    def saved_facts(self) -> list[tuple[str, str, str]]:
        """(name, tensor, fact) for `<tensor>_shape` and the like."""
        facts = []
        for name in self.needed:
            stem, _, suffix = name.rpartition("_")
            if (
                suffix in ("shape", "dtype", "stride", "offset")
                and stem in self.arguments
                and name not in self.arguments
            ):
                facts.append((name, stem, suffix))
        return facts


def indent(lines: list[str], depth: int) -> str:
    return "".join(f"{'    ' * depth}{line}\n" for line in lines)


def signature_text(operator: Operator) -> str:
    """The parameters of the compiled call: schema order, all positional, schema defaults."""
    parts: list[str] = []
    for argument in operator.arguments:
        default = argument.default
        if default is REQUIRED:
            default = REQUIRED if not parts or "=" not in parts[-1] else None
        elif isinstance(default, list):
            default = tuple(default)
        parts.append(argument.name if default is REQUIRED else f"{argument.name}={default!r}")
    return ", ".join(parts)


def kernel_arguments(operator: Operator) -> str:
    """The call's arguments as the kernel wants them: arrays, NumPy dtypes, dimensions counted from the front."""
    parts = []
    rank = operator.arguments[0].name if operator.arguments else ""
    for argument in operator.arguments:
        n = argument.name
        if argument.is_tensor:
            if argument.is_list:
                part = f"[None if t is None else t._array for t in {n}]"
            elif argument.optional:
                part = f"None if {n} is None else {n}._array"
            else:
                part = f"{n}._array"
        elif argument.kind == "ScalarType":
            part = f"None if {n} is None else {n}._numpy"
        elif n in operator.wrapped_dims:
            if argument.is_list or operator.family == "reduction":
                part = f"wrap_dims({n}, {rank}._array.ndim)"
                if not argument.is_list:
                    part = f"wrap_dim({n}, {rank}._array.ndim)"
            elif argument.optional:
                part = f"None if {n} is None else wrap_dim({n}, {rank}._array.ndim)"
            else:
                part = f"wrap_dim({n}, {rank}._array.ndim)"
        else:
            part = n
        parts.append(part)
    return ", ".join(parts)
