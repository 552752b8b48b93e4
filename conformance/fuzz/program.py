"""A random program: one statement a line, each of which defines at most one variable.

Variables are named by a letter and a number: v3 holds a tensor or a plain value, m1 a module, o2 an optimizer.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cached_property

VARIABLE = re.compile(r"\b[vmo]\d+\b")
DEFINITION = re.compile(r"([vmo]\d+) = ")
CALLED = re.compile(r"torch\.([a-zA-Z_][\w.]*)\(|\.([a-zA-Z_]\w*)\(")


@dataclass(frozen=True)
class Statement:
    """One line of a program."""

    text: str

    @cached_property
    def defines(self) -> str | None:
        found = DEFINITION.match(self.text)
        return found.group(1) if found else None

    @cached_property
    def uses(self) -> frozenset[str]:
        return frozenset(VARIABLE.findall(self.text)) - {self.defines}

    @cached_property
    def is_expression(self) -> bool:
        """Whether it has a value, and is neither an assignment nor a compound statement."""
        return isinstance(ast.parse(self.text).body[0], ast.Expr)

    @cached_property
    def operator(self) -> str:
        """What the statement is about: the name of its last call, or the operation between its variables."""
        calls = [first or second for first, second in CALLED.findall(self.text)]
        return calls[0] if calls else VARIABLE.sub("v", self.text.partition(" = ")[2] or self.text)

    def renamed(self, old: str, new: str) -> Statement:
        return Statement(re.sub(rf"\b{old}\b", new, self.text))


Statements = tuple[Statement, ...]


def parse(source: str) -> Statements:
    """The statements of a script that `script` wrote."""
    lines = (line.strip() for line in source.splitlines())
    return tuple(
        Statement(line) for line in lines if line and not line.startswith(("#", "import ", "print("))
    )


def script(statements: Statements, remark: str = "") -> str:
    """The program as a file that runs under either library and prints what its variables hold."""
    lines = [f"# {line}" for line in remark.splitlines()]
    lines += ["import torch", ""]
    for statement in statements:
        lines.append(statement.text)
    shown = [name for name in dict.fromkeys(s.defines for s in statements) if name and name[0] == "v"]
    lines += [f"print({', '.join(shown)})"] if shown else []
    return "\n".join(lines) + "\n"
