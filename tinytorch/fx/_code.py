"""Python code of a graph. Behaviour: torch.fx.graph.CodeGen.

Each value is forgotten after its last use, so that running the code needs no more memory than the traced program did.
"""

from __future__ import annotations

import builtins
import importlib
import math
import re
import types
from typing import TYPE_CHECKING, Any, NamedTuple

from ._names import PACKAGE, Namespace, is_function_of_torch, qualified_name, spelled
from .node import Node, map_arg

if TYPE_CHECKING:
    from .graph import Graph

_INFIX = {
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "gt": ">",
    "le": "<=",
    "ge": ">=",
    "add": "+",
    "sub": "-",
    "mul": "*",
    "floordiv": "//",
    "truediv": "/",
    "div": "/",
    "mod": "%",
    "lshift": "<<",
    "rshift": ">>",
    "and_": "&",
    "or_": "|",
    "xor": "^",
    "matmul": "@",
    "pow": "**",
}
_PREFIX = {"pos": "+", "neg": "-", "invert": "~"}
_AUGMENTED = {
    f"i{name.rstrip('_')}": sign
    for name, sign in _INFIX.items()
    if name not in ("eq", "ne", "lt", "gt", "le", "ge", "div")
}
_NO_STACK = "# No stacktrace found for following nodes"


class PythonCode(NamedTuple):
    """src: the definition of `forward`. globals: what it mentions."""

    src: str
    globals: dict[str, Any]


def _builtin_names() -> dict[str, Any]:
    torch = importlib.import_module(PACKAGE)
    return {"inf": math.inf, "nan": math.nan, "NoneType": type(None), "torch": torch, "device": torch.device}


class CodeGen:
    """Writes the code of a graph."""

    __module__ = "torch.fx.graph"

    def process_inputs(self, *args: Any) -> Any:
        """The arguments of `forward` as the graph's placeholders take them."""
        return args

    def process_outputs(self, outputs: Any) -> Any:
        """The graph's result as `forward` gives it back."""
        return outputs

    def additional_globals(self) -> list[tuple[str, Any]]:
        """Names that the code mentions besides those of its calls."""
        return []

    def _gen_python_code(
        self, graph: Graph, root_module: str, namespace: Namespace, verbose: bool = False
    ) -> PythonCode:
        writer = _Writer(graph, root_module, namespace, verbose)
        for name, value in self.additional_globals():
            writer.globals[name] = value
        return writer.write()


class _Writer:
    def __init__(self, graph: Graph, root_module: str, namespace: Namespace, verbose: bool) -> None:
        self.graph, self.root_module, self.namespace, self.verbose = graph, root_module, namespace, verbose
        self.globals: dict[str, Any] = {}
        self.wrapped: dict[str, None] = {}
        self.parameters: list[str] = []
        self.returned = ""

    def write(self) -> PythonCode:
        forgotten = self.last_uses()
        lines: list[str] = []
        if self.verbose:
            lines.append(_NO_STACK)
        for node in self.graph.nodes:
            line = self.statement(node)
            if line is None:
                continue
            if node.op not in ("placeholder", "output"):
                gone = [*forgotten.get(node, ()), *([] if node.users else [node])]
                if gone:
                    line += f";  {' = '.join(map(repr, gone))} = None"
            lines.append(line)
        if not any(node.op != "placeholder" for node in self.graph.nodes):
            lines.append("pass")
        wraps = "\n".join(f'torch.fx._symbolic_trace.wrap("{name}")' for name in self.wrapped)
        if self.wrapped:
            self.add_global("torch", importlib.import_module(PACKAGE))
        head = ", ".join(["self", *self.parameters] if self.root_module == "self" else self.parameters)
        body = "".join(f"    {line}\n" for line in lines)
        source = f"\n{wraps}\n\ndef forward({head}){self.returned}:\n{body}    "
        return PythonCode(source, self.globals)

    def last_uses(self) -> dict[Node, list[Node]]:
        """The values that nothing needs any more once a node has run."""
        seen: set[Node] = set()
        found: dict[Node, list[Node]] = {}
        for user in reversed(self.graph.nodes):

            def register(node: Node, user: Node = user) -> Node:
                if node not in seen:
                    seen.add(node)
                    found.setdefault(user, []).append(node)
                return node

            map_arg(user.args, register)
            map_arg(user.kwargs, register)
        return found

    def statement(self, node: Node) -> str | None:
        """The node's line, without what is forgotten after it; None where it needs none."""
        kind = f" : {self.type_text(node.type)}" if node.type is not None else ""
        if node.op == "placeholder":
            default = f" = {self.argument(node.args[0])}" if node.args else ""
            name = str(node.target)
            self.parameters.append(f"{name}{kind}{default}")
            bare = name.replace("*", "")
            return None if bare == repr(node) else f"{node!r} = {bare}"
        if node.op == "output":
            if node.type is not None:
                self.returned = f" -> {self.type_text(node.type)}"
            return f"return {self.argument(node.args[0])}"
        head = f"{node!r}{kind} = "
        if node.op == "get_attr":
            return head + format_target(self.root_module, node.target)
        if node.op == "call_module":
            return f"{head}{format_target(self.root_module, node.target)}({self.arguments(node.args, node.kwargs)})"
        if node.op == "call_method":
            owner = format_target(self.argument(node.args[0]), node.target)
            return f"{head}{owner}({self.arguments(node.args[1:], node.kwargs)})"
        return self.function(node, head)

    def function(self, node: Node, head: str) -> str:
        target, args = node.target, node.args
        if getattr(target, "__module__", None) == "_operator" and not node.kwargs:
            name = target.__name__
            shown = [self.argument(value) for value in args]
            if name in _INFIX and len(args) == 2:
                return f"{head}{shown[0]} {_INFIX[name]} {shown[1]}"
            if name in _PREFIX and len(args) == 1:
                return f"{head}{_PREFIX[name]}{shown[0]}"
            if name == "getitem" and len(args) == 2:
                return f"{head}{shown[0]}[{shown[1]}]"
            if name in _AUGMENTED and len(args) == 2:
                return f"{shown[0]} {_AUGMENTED[name]}= {shown[1]};  {head}{shown[0]}"
        name = self.add_global(qualified_name(target), target)
        if target is getattr and len(args) == 2 and isinstance(args[1], str) and args[1].isidentifier():
            return head + format_target(self.argument(args[0]), args[1])
        if node.meta.get("is_wrapped", False):
            self.wrapped.setdefault(name)
        return f"{head}{name}({self.arguments(args, node.kwargs)})"

    def arguments(self, args: Any, kwargs: Any) -> str:
        return ", ".join(
            [*map(self.argument, args), *(f"{key} = {self.argument(value)}" for key, value in kwargs.items())]
        )

    def argument(self, value: Any) -> str:
        """An argument as an expression."""
        if isinstance(value, tuple):
            inside = [self.argument(part) for part in value]
            if hasattr(value, "_fields"):
                return f"{self.add_global(qualified_name(type(value)), type(value))}({', '.join(inside)})"
            return f"({inside[0]},)" if len(inside) == 1 else f"({', '.join(inside)})"
        if isinstance(value, list):
            return f"[{', '.join(map(self.argument, value))}]"
        if isinstance(value, dict):
            return f"{{{', '.join(f'{key!r}: {self.argument(part)}' for key, part in value.items())}}}"
        if isinstance(value, slice):
            return (
                f"slice({', '.join(self.argument(part) for part in (value.start, value.stop, value.step))})"
            )
        if callable(value) and not isinstance(value, Node):
            return self.add_global(qualified_name(value), value)
        text = repr(value)
        for name, meaning in _builtin_names().items():
            if re.search(rf"\b{name}\b", text) and not isinstance(value, str):
                self.globals[name] = meaning
        return text

    def add_global(self, hint: str, value: Any) -> str:
        """The name under which the code finds an object."""
        torch = importlib.import_module(PACKAGE)
        if is_function_of_torch(value) and value is not torch.device:
            self.globals["torch"] = torch
            return hint
        if getattr(builtins, hint, None) is value:
            return hint
        known = _builtin_names()
        if hint in known and known[hint] is value:
            self.globals[hint] = value
            return hint
        for name, other in self.globals.items():
            if other is value:
                return name
        name = self.namespace.create_name(hint.replace(".", "_"), None)
        self.globals[name] = value
        return name

    def type_text(self, kind: Any) -> str:
        """An annotation as code."""
        if isinstance(kind, types.UnionType):
            return "|".join(self.type_text(part) for part in kind.__args__)
        origin = getattr(kind, "__origin__", None)
        if origin is not None:
            inside = ",".join(self.type_text(part) for part in kind.__args__)
            module = "typing." if getattr(origin, "__module__", "") == "typing" else ""
            return f"{self.add_global(module + _type_name(origin), origin)}[{inside}]"
        if isinstance(kind, str):
            return self.add_global(repr(kind), kind)
        name = _type_name(kind)
        module = spelled(getattr(kind, "__module__", "builtins"))
        return self.add_global(name if module == "builtins" else f"{module}.{name}", kind)


def _type_name(kind: Any) -> str:
    return getattr(kind, "__qualname__", None) or getattr(kind, "_name", None) or str(kind)


def format_target(base: str, target: str) -> str:
    """An attribute of an expression, by a dotted path whose parts need not be names."""
    for part in target.split("."):
        base = f"{base}.{part}" if part.isidentifier() else f'getattr({base}, "{part}")'
    return base
