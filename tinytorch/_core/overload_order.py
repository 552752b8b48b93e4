"""In which order the overloads of one name are tried, and listed in error texts.

torch sorts them by their C++ signature text, then moves an overload behind every other that takes a wider type in some place and
the same types elsewhere: a Tensor is tried before a number, a list of sizes before one integer. Observed on torch 2.13.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .schema import REQUIRED, Argument

_SINGLE = {"int": "int64_t", "float": "double", "str": "c10::string_view"}
_LISTS = {"int": "IntArrayRef", "SymInt": "SymIntArrayRef", "Tensor": "TensorList", "Scalar": "ScalarList"}


def _base(argument: Argument) -> str:
    """The schema's base type: `SymInt` stays apart from `int`."""
    return "SymInt" if argument.text.startswith("SymInt") else argument.kind


def _written(argument: Argument) -> str:
    """The type as the schema writes it, without a name."""
    size = "" if argument.length is None else str(argument.length)
    optional = "?" if argument.optional else ""
    return f"{_base(argument)}{f'[{size}]' if argument.is_list else ''}{optional}"


def _native(argument: Argument, shown: str) -> str:
    """One parameter of the C++ signature text."""
    base = _base(argument)
    if argument.is_list:
        kind = _LISTS.get(base, base) + (f"[{argument.length}]" if argument.length is not None else "")
    else:
        kind = _SINGLE.get(base, base)
    default = "" if argument.default is REQUIRED else f"={argument.written_default}"
    return f"{kind}{'?' if argument.optional else ''} {shown}{default}"


def _narrower(one: str, other: str) -> bool:
    pairs = (
        ("Scalar", "Tensor"),
        ("Scalar?", "Tensor?"),
        ("int", "Tensor"),
        ("SymInt", "Tensor"),
        ("SymInt[]", "int[]"),
    )
    if (one, other) in pairs:
        return True
    return (one == "int[]" and other in ("int", "int?")) or (
        one == "Tensor[]" and "[]" in other and other != "Tensor[]"
    )


def _behind(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether `one` is to be tried after `other`."""
    if len(one) != len(other) or list(one) == list(other):
        return False
    return all(a == b or _narrower(a, b) for a, b in zip(one, other, strict=True))


def ordered(signatures: list[Any]) -> list[Any]:
    """`signatures` (PythonSignature) in the order in which torch tries them."""
    if len(signatures) < 2:
        return signatures
    entries = []
    for signature in signatures:
        parameters = [p for p in signature.parameters if isinstance(p.argument, Argument)]
        text: list[str] = []
        for parameter in parameters:
            if parameter.keyword_only and "*" not in text:
                text.append("*")
            text.append(_native(parameter.argument, parameter.name))
        if "*" not in text and any(p.name == "out" for p in signature.parameters):
            text.append("*")
        entries.append((", ".join(text), [_written(p.argument) for p in parameters], signature))
    entries.sort(key=lambda entry: entry[0])
    waits = [{j for j, other in enumerate(entries) if _behind(entry[1], other[1])} for entry in entries]
    order = [index for index, others in enumerate(waits) if not others]
    for done in order:  # grows while it is walked
        for index, others in enumerate(waits):
            if done in others:
                others.discard(done)
                if not others:
                    order.append(index)
    return [entries[index][2] for index in order]
