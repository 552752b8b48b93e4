"""A program as a list of calls. Behaviour: torch.fx.Graph."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ._code import CodeGen, PythonCode
from ._names import Namespace, suggestion
from .node import Node, map_arg

__all__ = ["CodeGen", "Graph", "PythonCode"]


class _node_list:
    """The nodes in order, from either end; nodes may be erased and inserted meanwhile."""

    __module__ = "torch.fx.graph"

    def __init__(self, graph: Graph, direction: str = "next") -> None:
        self.graph, self.direction = graph, direction

    def __len__(self) -> int:
        return self.graph._len

    def __iter__(self) -> Iterator[Node]:
        root = self.graph._root
        current = getattr(root, self.direction)
        while current is not root:
            if not current._erased:
                yield current
            current = getattr(current, self.direction)

    def __reversed__(self) -> _node_list:
        return _node_list(self.graph, "prev" if self.direction == "next" else "next")


class Graph:
    """Nodes in the order of execution: placeholders, calls, and one output. It is run by a GraphModule or an Interpreter."""

    __module__ = "torch.fx.graph"

    def __init__(
        self, owning_module: Any = None, tracer_cls: Any = None, tracer_extras: dict[str, Any] | None = None
    ) -> None:
        self._len = 0
        self._graph_namespace = Namespace()
        self._root = Node(self, "", "root", "", (), {})
        self._insert: Callable[[Node], None] = self._root.prepend
        self.owning_module = owning_module
        self._tracer_cls = tracer_cls
        self._tracer_extras = tracer_extras
        self._codegen = CodeGen()

    # ---- reading

    @property
    def nodes(self) -> _node_list:
        """All nodes, in order; `reversed` of them works, too."""
        return _node_list(self)

    def find_nodes(self, *, op: str, target: Any = None, sort: bool = True) -> list[Node]:
        """The nodes with this op and, if given, this target."""
        return [node for node in self.nodes if node.op == op and (target is None or node.target == target)]

    def output_node(self) -> Node:
        """The node whose op is output."""
        return next(node for node in reversed(self.nodes) if node.op == "output")

    def __str__(self) -> str:
        lines = ["graph():"]
        for node in self.nodes:
            lines.append(f"    {node.format_node()}")
        return "\n".join(lines)

    def print_tabular(self) -> None:
        """Print the nodes as a table. Needs the package tabulate."""
        try:
            tabulate = importlib.import_module("tabulate").tabulate
        except ImportError:
            print(
                "`print_tabular` relies on the library `tabulate`, which could not be found on this machine. Run `pip install tabulate` to"
                " install the library."
            )
            raise
        rows = [[node.op, node.name, node.target, node.args, node.kwargs] for node in self.nodes]
        print(tabulate(rows, headers=["opcode", "name", "target", "args", "kwargs"]))

    # ---- writing

    def create_node(
        self,
        op: str,
        target: Any,
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
        name: str | None = None,
        type_expr: Any = None,
    ) -> Node:
        """Insert a node where the graph is being written: at its end, or where `inserting_before` says."""
        args, kwargs = args or (), kwargs or {}
        if not isinstance(args, tuple):
            raise AssertionError("args must be a tuple")
        if not isinstance(kwargs, dict):
            raise AssertionError("kwargs must be a dict")
        free = self._graph_namespace.create_name(name if name is not None else suggestion(target), None)
        node = Node(self, free, op, target, args, kwargs, type_expr)
        if self.owning_module is not None and getattr(self.owning_module, "_create_node_hooks", None):
            for hook in self.owning_module._create_node_hooks:
                hook(node)
        self._graph_namespace.associate_name_with_obj(node.name, node)
        self._insert(node)
        self._len += 1
        return node

    def placeholder(self, name: str, type_expr: Any = None, default_value: Any = ...) -> Node:
        """An input."""
        args = () if default_value is ... else (default_value,)
        return self.create_node("placeholder", name, args, type_expr=type_expr)

    def get_attr(self, qualified_name: str, type_expr: Any = None) -> Node:
        """A parameter, buffer or other attribute of the module, by its dotted name."""
        return self.create_node("get_attr", qualified_name, type_expr=type_expr)

    def call_module(
        self, module_name: str, args: Any = None, kwargs: Any = None, type_expr: Any = None
    ) -> Node:
        """A call of a submodule, by its dotted name."""
        return self.create_node("call_module", module_name, args, kwargs, type_expr=type_expr)

    def call_method(
        self, method_name: str, args: Any = None, kwargs: Any = None, type_expr: Any = None
    ) -> Node:
        """A call of a method of the first argument."""
        return self.create_node("call_method", method_name, args, kwargs, type_expr=type_expr)

    def call_function(
        self,
        the_function: Callable[..., Any],
        args: Any = None,
        kwargs: Any = None,
        type_expr: Any = None,
        name: str | None = None,
    ) -> Node:
        """A call of a function."""
        return self.create_node("call_function", the_function, args, kwargs, name=name, type_expr=type_expr)

    def output(self, result: Any, type_expr: Any = None) -> Node:
        """What the graph gives back."""
        return self.create_node("output", "output", (result,), type_expr=type_expr)

    @contextmanager
    def inserting_before(self, n: Node | None = None) -> Iterator[None]:
        """Inside, new nodes are put before `n` (before the first without it)."""
        if n is None:
            with self.inserting_after(self._root):
                yield
            return
        if n.graph is not self:
            raise AssertionError("Node to insert before is not in graph.")
        with self._inserting(n.prepend):
            yield

    @contextmanager
    def inserting_after(self, n: Node | None = None) -> Iterator[None]:
        """Inside, new nodes are put after `n` (at the end without it), each after the one before."""
        if n is None:
            with self.inserting_before(self._root):
                yield
            return
        if n.graph is not self:
            raise AssertionError("Node to insert after is not in graph.")
        following = n.next
        with self._inserting(following.prepend):
            yield

    @contextmanager
    def _inserting(self, insert: Callable[[Node], None]) -> Iterator[None]:
        before, self._insert = self._insert, insert
        try:
            yield
        finally:
            self._insert = before

    def erase_node(self, to_erase: Node) -> None:
        """Remove a node that nothing uses. RuntimeError if something does."""
        if to_erase.users:
            raise RuntimeError(
                f"Tried to erase Node {to_erase} but it still had {len(to_erase.users)} users in the graph: {to_erase.users}!"
            )
        if to_erase.graph is not self:
            raise RuntimeError(f"Attempting to remove {to_erase} from wrong graph!")
        if to_erase._erased:
            return
        to_erase._remove_from_list()
        to_erase._erased = True
        self._len -= 1
        to_erase._set((), {})

    def node_copy(self, node: Node, arg_transform: Callable[[Node], Any] = lambda x: x) -> Node:
        """Insert a copy of another graph's node. arg_transform: from that graph's nodes to this one's."""
        args, kwargs = map_arg(node.args, arg_transform), map_arg(node.kwargs, arg_transform)
        made = self.create_node(node.op, node.target, args, dict(kwargs), node.name, node.type)
        made.meta = copy.copy(node.meta)
        return made

    def graph_copy(self, g: Graph, val_map: dict[Node, Node], return_output_node: bool = False) -> Any:
        """Insert copies of all nodes of `g` but its output. val_map: the nodes of `g` that are already here; it is filled.

        Returns what `g` gives back, in this graph's nodes, and its output node, too, with `return_output_node`.
        """
        for node in g.nodes:
            if node in val_map:
                continue
            if node.op == "output":
                result = map_arg(node.args[0], lambda n: val_map[n])
                return (result, node) if return_output_node else result
            val_map[node] = self.node_copy(node, lambda n: val_map[n])
        return None

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Graph:
        made = Graph(tracer_cls=self._tracer_cls)
        result = made.graph_copy(self, {}, return_output_node=True)
        if result is not None:
            value, old = result
            node = made.output(value, type_expr=old.type)
            node.meta = copy.copy(old.meta)
        return made

    def lint(self) -> None:
        """Check that the graph is well formed: nodes are used after they are made, names occur once, targets exist. RuntimeError if not."""
        seen: dict[Node, None] = {}
        names: set[str] = set()

        def check(argument: Node, user: Node) -> None:
            if argument.graph is not self:
                raise RuntimeError(
                    f"Argument '{argument}' of Node '{user}' does not belong to this Graph, but was used as an argument! If you are copying nodes"
                    " from another graph, make sure to use ``arg_transform`` on node_copy() to remap values\n"
                    f"{self}"
                )
            if argument not in seen:
                raise RuntimeError(
                    f"Argument '{argument}' of Node '{user}' was used before it has been defined! Please check that Nodes in the graph are"
                    f" topologically ordered\n{self}"
                )

        for node in self.nodes:
            if node.graph is not self:
                raise RuntimeError(f"Node '{node}' does not belong to this Graph!")
            for argument in node.all_input_nodes:
                check(argument, node)
            seen[node] = None
            if node.name in names:
                raise RuntimeError(f"Node redefined name {node.name}!")
            names.add(node.name)
        if self.owning_module is not None:
            for node in self.nodes:
                if node.op in ("get_attr", "call_module"):
                    self._check_target(node)

    def _check_target(self, node: Node) -> None:
        from ..nn import Module

        current = self.owning_module
        path: list[str] = []
        for part in node.target.split("."):
            if not hasattr(current, part):
                where = ".".join(path) or "module"
                raise RuntimeError(
                    f"Node {node} target {node.target} references nonexistent attribute {part} of {where}"
                )
            current = getattr(current, part)
            path.append(part)
        if node.op == "call_module" and not isinstance(current, Module):
            raise RuntimeError(
                f"Node {node} target {node.target} {node.target} of {' '.join(path)} does not reference an nn.Module"
            )

    def eliminate_dead_code(self, is_impure_node: Callable[[Node], bool] | None = None) -> bool:
        """Erase the nodes that nothing uses and that do nothing else; whether there was one."""
        self.lint()
        impure = is_impure_node or (lambda node: node.is_impure())
        before = self._len
        for node in list(reversed(self.nodes)):
            if not node.users and not impure(node):
                self.erase_node(node)
        return self._len < before

    # ---- code

    def python_code(self, root_module: str, *, verbose: bool = False, **options: Any) -> PythonCode:
        """The graph as a function `forward`. root_module: how the code calls the module, "self"."""
        namespace = Namespace()

        def renamed(node: Node) -> str:
            return namespace.create_name(node.name, node)

        nodes = list(self.nodes)
        before = [node._repr_fn for node in nodes]
        for node in nodes:
            node._repr_fn = renamed
        try:
            return self._codegen._gen_python_code(self, root_module, namespace, verbose)
        finally:
            for node, shown in zip(nodes, before, strict=True):
                node._repr_fn = shown

    def set_codegen(self, codegen: CodeGen) -> None:
        """Write code by another CodeGen."""
        self._codegen = codegen

    def process_inputs(self, *args: Any) -> Any:
        """The arguments of `forward` as the placeholders take them."""
        return self._codegen.process_inputs(*args)

    def process_outputs(self, out: Any) -> Any:
        """The output node's value as `forward` gives it back."""
        return self._codegen.process_outputs(out)
