"""One call of a graph. Behaviour: torch.fx.Node.

A node knows the nodes that its arguments mention and the nodes that use it; both are kept as its arguments change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ._names import qualified_name, shown
from .immutable_collections import immutable_dict, immutable_list

if TYPE_CHECKING:
    from .graph import Graph

__all__ = ["Node", "has_side_effect", "map_aggregate", "map_arg"]

T = TypeVar("T")
LEGAL_OPS = ("placeholder", "call_method", "call_module", "call_function", "get_attr", "output", "root")
# Checks, and draws: leaving one out would change those that follow.
_EFFECTS = frozenset(
    [
        "torch._assert",
        "torch._assert_async",
        "torch.bernoulli",
        "torch.multinomial",
        "torch.normal",
        "torch.poisson",
        "torch.rand",
        "torch.rand_like",
        "torch.randint",
        "torch.randint_like",
        "torch.randn",
        "torch.randn_like",
        "torch.randperm",
    ]
)
_side_effectful_functions: set[Any] = set()


def has_side_effect(fn: Callable[..., T]) -> Callable[..., T]:
    """Marks a function whose calls stay in a graph even where nothing uses their results."""
    _side_effectful_functions.add(fn)
    return fn


def map_aggregate(a: Any, fn: Callable[[Any], Any]) -> Any:
    """`fn` of everything inside tuples, lists, dictionaries and slices; lists and dictionaries come back as their immutable kind."""
    if isinstance(a, tuple):
        parts = tuple(map_aggregate(part, fn) for part in a)
        return type(a)(*parts) if hasattr(a, "_fields") else parts
    if isinstance(a, list):
        return immutable_list(map_aggregate(part, fn) for part in a)
    if isinstance(a, dict):
        return immutable_dict((key, map_aggregate(value, fn)) for key, value in a.items())
    if isinstance(a, slice):
        return slice(*(map_aggregate(part, fn) for part in (a.start, a.stop, a.step)))
    return fn(a)


def map_arg(a: Any, fn: Callable[[Node], Any]) -> Any:
    """`fn` of every Node inside an argument; whatever else there is stays."""
    return map_aggregate(a, lambda part: fn(part) if isinstance(part, Node) else part)


class Node:
    """A call, an input, an attribute or the result of a graph.

    op: placeholder, get_attr, call_function, call_module, call_method or output. target: the function of call_function, else a name.
    args, kwargs: the call's, in which Nodes stand for values. users: the nodes that use it, in order (a dictionary of None).
    meta: whatever passes leave there. next, prev: neighbours in the order of execution.
    """

    __module__ = "torch.fx.node"

    def __init__(
        self,
        graph: Graph,
        name: str,
        op: str,
        target: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        return_type: Any = None,
    ) -> None:
        if op not in LEGAL_OPS:
            raise AssertionError(f"op '{op}' is not in _legal_ops")
        self.graph, self.name, self.op, self.target = graph, name, op, target
        if op == "call_function":
            if not callable(target):
                raise ValueError(
                    f"Node [graph = {graph}, name = '{name}'] target {target} has type {_type_name(target)} but a Callable is expected"
                )
        elif not isinstance(target, str):
            raise ValueError(
                f"Node [graph = {graph}, name = '{name}'] target {target} has type {_type_name(target)} but a str is expected"
            )
        self.type = return_type
        self.users: dict[Node, None] = {}
        self.meta: dict[str, Any] = {}
        self.next = self.prev = self
        self._erased = False
        self._repr_fn: Callable[[Node], str] | None = None
        self._input_nodes: dict[Node, None] = {}
        self._args: tuple[Any, ...] = ()
        self._kwargs: dict[str, Any] = {}
        self._set(args, kwargs)

    # ---- arguments

    def _set(self, args: Any, kwargs: Any) -> None:
        for used in self._input_nodes:
            used.users.pop(self, None)
        self._input_nodes = {}

        def use(node: Node) -> Node:
            self._input_nodes.setdefault(node)
            node.users.setdefault(self)
            return node

        self._args = map_arg(tuple(args), use)
        self._kwargs = map_arg(dict(kwargs), use)

    @property
    def args(self) -> tuple[Any, ...]:
        """Positional arguments. They are replaced as a whole."""
        return self._args

    @args.setter
    def args(self, args: tuple[Any, ...]) -> None:
        self._set(args, self._kwargs)

    @property
    def kwargs(self) -> dict[str, Any]:
        """Keyword arguments. They are replaced as a whole."""
        return self._kwargs

    @kwargs.setter
    def kwargs(self, kwargs: dict[str, Any]) -> None:
        self._set(self._args, kwargs)

    @property
    def all_input_nodes(self) -> list[Node]:
        """The nodes that the arguments mention, each once, in order."""
        return list(self._input_nodes)

    def update_arg(self, idx: int, arg: Any) -> None:
        """Replace one positional argument."""
        args = list(self._args)
        args[idx] = arg
        self.args = tuple(args)

    def insert_arg(self, idx: int, arg: Any) -> None:
        """Put a positional argument before the one at `idx`."""
        if not 0 <= idx <= len(self._args):
            raise AssertionError("insert_args index must be between 0 and len(self.args)")
        self.args = (*self._args[:idx], arg, *self._args[idx:])

    def update_kwarg(self, key: str, arg: Any) -> None:
        """Replace or add one keyword argument."""
        self.kwargs = {**self._kwargs, key: arg}

    def replace_input_with(self, old_input: Node, new_input: Node) -> None:
        """Mention another node wherever the arguments mention `old_input`."""

        def change(node: Node) -> Node:
            return new_input if node is old_input else node

        self._set(map_arg(self._args, change), map_arg(self._kwargs, change))

    def replace_all_uses_with(
        self,
        replace_with: Node,
        delete_user_cb: Callable[[Node], bool] = lambda user: True,
        *,
        propagate_meta: bool = False,
    ) -> list[Node]:
        """Mention `replace_with` wherever a user mentions this node, for the users that `delete_user_cb` approves; these users."""
        if propagate_meta:
            if replace_with.meta:
                raise AssertionError(
                    "Called node.replace_all_uses_with(replace_with, propagate_meta=True), but replace_with already has .meta keys"
                )
            replace_with.meta.update(self.meta)
        changed = [user for user in self.users if delete_user_cb(user)]
        for user in changed:
            user.replace_input_with(self, replace_with)
        return changed

    # ---- place in the graph

    def prepend(self, x: Node) -> None:
        """Put `x`, a node of the same graph, before this one."""
        if not isinstance(x, Node):
            raise TypeError("_prepend() argument must be a Node")
        if self.graph is not x.graph:
            raise AssertionError("Attempting to move a Node into a different Graph")
        if self is x:
            return
        x._remove_from_list()
        x.prev, x.next = self.prev, self
        self.prev.next = x
        self.prev = x

    def append(self, x: Node) -> None:
        """Put `x`, a node of the same graph, after this one."""
        self.next.prepend(x)

    def _remove_from_list(self) -> None:
        self.prev.next, self.next.prev = self.next, self.prev

    def is_impure(self, impure_random: bool = True) -> bool:
        """Whether leaving the node out could be noticed even where nothing uses it."""
        if self.op in ("placeholder", "output"):
            return True
        if self.op == "call_function":
            return self.target in _side_effectful_functions or qualified_name(self.target) in _EFFECTS
        if self.op == "call_module":
            from ..nn import Module

            module = self.graph.owning_module
            if not isinstance(module, Module):
                raise AssertionError("self.graph.owning_module not set for purity check")
            return bool(getattr(module.get_submodule(self.target), "_is_impure", False))
        return False

    @property
    def stack_trace(self) -> str | None:
        """Where the traced program made the call, if that was recorded."""
        return self.meta.get("stack_trace")

    @stack_trace.setter
    def stack_trace(self, trace: str | None) -> None:
        self.meta["stack_trace"] = trace

    # ---- text

    def __repr__(self) -> str:
        return self.name if self._repr_fn is None else self._repr_fn(self)

    def format_node(
        self, placeholder_names: list[str] | None = None, maybe_return_typename: list[str] | None = None
    ) -> str | None:
        """The node as a line of a graph's text."""
        kind = f" : {_type_text(self.type)} " if self.type else " : "
        head = f"%{self.name}{kind}[num_users={len(self.users)}] = {self.op}"
        if self.op == "placeholder":
            if placeholder_names is not None:
                placeholder_names.append(str(self.target))
                return None
            default = f"(default={self._args[0]})" if self._args else ""
            return f"{head}[target={self.target}]{default}"
        if self.op == "output":
            return f"return {self._args[0]}"
        target = self.target if isinstance(self.target, str) else shown(self.target)
        if self.op == "get_attr":
            return f"{head}[target={target}]"
        return f"{head}[target={target}](args = {_argument(self._args)}, kwargs = {_argument(self._kwargs)})"


def _argument(value: Any) -> str:
    """An argument as graphs print it: nodes with a percent sign, texts as they are."""
    if isinstance(value, (tuple, list)):
        inside = ", ".join(_argument(part) for part in value)
        if isinstance(value, list):
            return f"[{inside}]"
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_argument(part)}' for key, part in value.items())}}}"
    return f"%{value.name}" if isinstance(value, Node) else str(value)


def _type_name(value: Any) -> str:
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _type_text(kind: Any) -> str:
    if isinstance(kind, type) and not getattr(kind, "__args__", None):
        return (
            kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        )
    return "..." if kind is ... else repr(kind)
