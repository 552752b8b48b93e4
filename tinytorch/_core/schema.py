"""Operator schemas: the text form in which torch states an operator's name, arguments and results, parsed.

Grammar: torch's `aten/src/ATen/native/README.md`, "func"; only the part that functional operators use.
"""

from __future__ import annotations

import keyword
import re
from typing import Any

_HEADER = re.compile(r"^([A-Za-z_0-9]+)(?:\.([A-Za-z_0-9]+))?\((.*)\) -> (.*)$", re.DOTALL)
_ARGUMENT = re.compile(
    r"^(?P<base>[A-Za-z]+)(?:\((?P<alias>[^)]*)\))?(?P<element>\?)?(?P<list>\[(?P<length>\d*)\])?(?P<listalias>\([^)]*\))?(?P<optional>\?)?"
    r"(?:\s+(?P<name>[A-Za-z_0-9]+))?(?:=(?P<default>.*))?$",
    re.DOTALL,
)


class Required:
    """The default of an argument that has none."""

    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED = Required()


class Argument:
    """One argument of a schema.

    kind: the base type ("Tensor", "Scalar", "int", "float", "bool", "str", "ScalarType", "Generator", ...; SymInt reads as int).
    is_list: a list of that kind; length: its declared fixed length (`int[2]`), else None. optional: None is accepted.
    element_optional: elements may be None (`Tensor?[]`).
    """

    __slots__ = (
        "alias",
        "default",
        "element_optional",
        "is_list",
        "keyword_only",
        "kind",
        "length",
        "name",
        "optional",
        "text",
        "written_default",
    )

    def __init__(self, text: str, keyword_only: bool) -> None:
        found = _ARGUMENT.match(text)
        if found is None:
            raise ValueError(f"not a schema argument: {text!r}")
        base = found["base"]
        self.text = text
        self.kind = "int" if base == "SymInt" else "bool" if base == "SymBool" else base
        self.alias = found["alias"] or ""
        self.is_list = found["list"] is not None
        self.length = int(found["length"]) if found["length"] else None
        element = found["element"] is not None
        self.element_optional = element and self.is_list
        self.optional = found["optional"] is not None or (element and not self.is_list)
        given = found["name"] or ""
        self.name = (
            f"{given}_" if keyword.iskeyword(given) else given
        )  # `from` cannot name a Python parameter
        self.keyword_only = keyword_only
        self.written_default: str = found["default"] or ""
        self.default: Any = REQUIRED if found["default"] is None else _default(found["default"], self)

    @property
    def is_tensor(self) -> bool:
        return self.kind == "Tensor"

    def __repr__(self) -> str:
        return self.text


def _default(text: str, argument: Argument) -> Any:
    if text in ("None", "long"):  # an operator whose type is int64 unless told otherwise sees None
        return None
    if text in ("True", "False"):
        return text == "True"
    if text.startswith("["):
        inside = text[1:-1].strip()
        return [_number(part) for part in inside.split(",")] if inside else []
    if text.startswith(('"', "'")):
        return text[1:-1]
    if text in ("contiguous_format", "preserve_format", "Mean", "Sum", "long", "strided"):
        return {"Mean": 1, "Sum": 2}.get(text, text)
    number = _number(text)
    if argument.is_list and argument.length:
        return [number] * argument.length
    return float(number) if argument.kind == "float" else number


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)


def _split(text: str) -> list[str]:
    """`text` cut at its top-level commas."""
    parts, depth, start = [], 0, 0
    for position, letter in enumerate(text):
        if letter in "([":
            depth += 1
        elif letter in ")]":
            depth -= 1
        elif letter == "," and not depth:
            parts.append(text[start:position].strip())
            start = position + 1
    rest = text[start:].strip()
    return [*parts, rest] if rest else parts


class Schema:
    """A parsed schema: `name` (with its namespace prefix as torch writes it), `overload`, `arguments`, `returns`."""

    __slots__ = ("arguments", "name", "names", "overload", "returns", "text")

    def __init__(self, text: str) -> None:
        found = _HEADER.match(text)
        if found is None:
            raise ValueError(f"not a schema: {text!r}")
        self.text = text
        self.name: str = found[1]
        self.overload: str = found[2] or ""
        self.arguments: list[Argument] = []
        keyword_only = False
        for part in _split(found[3]):
            if part == "*":
                keyword_only = True
            else:
                self.arguments.append(Argument(part, keyword_only))
        self.names = [argument.name for argument in self.arguments]
        returns = found[4].strip()
        inside = returns[1:-1] if returns.startswith("(") else returns
        self.returns = [Argument(part, False) for part in _split(inside)]

    @property
    def qualified(self) -> str:
        return f"{self.name}.{self.overload}" if self.overload else self.name

    def __repr__(self) -> str:
        return self.text
