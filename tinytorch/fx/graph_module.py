"""A module whose `forward` is the code of a graph. Behaviour: torch.fx.GraphModule."""

from __future__ import annotations

import copy
import importlib
import itertools
import linecache
from collections.abc import Callable
from types import ModuleType
from typing import Any

from .._core.tensor import Tensor
from ..nn import Buffer, Module, Parameter
from ._code import PythonCode
from .graph import Graph

__all__ = ["GraphModule", "reduce_graph_module"]

_numbers = itertools.count()
_HINT = "# To see more debug info, please use `graph_module.print_readable()`"


def _compiled(code: PythonCode) -> Callable[..., Any]:
    """`forward` of a graph's code. Its lines can be stepped through and show in tracebacks."""
    file = f"<eval_with_key>.{next(_numbers)}"
    linecache.cache[file] = (len(code.src), None, code.src.splitlines(keepends=True), file)
    names = dict(code.globals)
    exec(compile(code.src, file, "exec"), names)
    forward: Callable[..., Any] = names["forward"]
    forward.__module__ = "torch.fx.graph_module"
    return forward


def _copy_attribute(source: Any, target: Module, path: str) -> None:
    """Give `target` what `source` has under a dotted name, with modules on the way to it."""
    *prefix, field = path.split(".")
    for part in prefix:
        following, own = getattr(source, part), getattr(target, part, None)
        if own is following:
            return
        if own is None:
            own = Module()
            setattr(target, part, own)
        source, target = following, own
    value = getattr(source, field)
    if isinstance(value, Tensor) and not isinstance(value, Parameter):
        persistent = not isinstance(source, Module) or field not in source._non_persistent_buffers_set
        target.register_buffer(field, value, persistent=persistent)
    else:
        setattr(target, field, value)


def _assign_attribute(value: Any, target: Module, path: str) -> None:
    *prefix, field = path.split(".")
    for part in prefix:
        own = getattr(target, part, None)
        if own is None:
            own = Module()
            setattr(target, part, own)
        target = own
    if isinstance(value, Tensor) and not isinstance(value, (Parameter, Buffer)):
        target.register_buffer(field, value)
    else:
        setattr(target, field, value)


class GraphModule(Module):
    """A module made of a graph and of what its nodes name. Setting `graph`, or `recompile`, writes `forward` anew.

    root: a module that has what the nodes name (only that is taken over), or a dictionary of it. class_name: the class's.
    Every instance is of a class of its own, so that its `forward` is a method as any other.
    """

    __module__ = "torch.fx.graph_module"

    def __new__(cls, *args: Any, **kwargs: Any) -> GraphModule:
        for base in cls.__mro__:
            base_name = base.__qualname__.split(".")[-1]
            if base_name != "GraphModuleImpl":
                break

        class GraphModuleImpl(base):  # type: ignore[misc, valid-type]
            pass

        return super().__new__(GraphModuleImpl)

    def __init__(self, root: Module | dict[str, Any], graph: Graph, class_name: str = "GraphModule") -> None:
        super().__init__()
        self.__class__.__name__ = class_name
        if isinstance(root, Module):
            if hasattr(root, "training"):
                self.training = root.training
            for node in graph.nodes:
                if node.op in ("get_attr", "call_module"):
                    _copy_attribute(root, self, node.target)
        elif isinstance(root, dict):
            wanted = []
            for node in graph.nodes:
                if node.op in ("get_attr", "call_module"):
                    if node.target not in root:
                        raise RuntimeError(
                            f"Node {node} referenced target {node.target} but that target was not provided in ``root``!"
                        )
                    wanted.append(node.target)
            # Outer modules first, so that inner ones are set on them.
            for target in sorted(wanted, key=lambda target: target.count(".")):
                _assign_attribute(root[target], self, target)
        else:
            raise RuntimeError(f"Unsupported type {root} passed for root!")
        self.graph = graph
        self._tracer_cls = (
            graph._tracer_cls
            if graph._tracer_cls and "<locals>" not in graph._tracer_cls.__qualname__
            else None
        )
        self._tracer_extras = graph._tracer_extras or {}
        self.meta: dict[str, Any] = {}
        self._create_node_hooks: list[Callable[[Any], Any]] = []

    @property
    def graph(self) -> Graph:
        """The graph. After changing it in place, call `recompile`."""
        return self._graph  # type: ignore[no-any-return]

    @graph.setter
    def graph(self, graph: Graph) -> None:
        if not isinstance(graph, Graph):
            raise AssertionError(f"Expected a Graph instance, but got {type(graph)}")
        self._graph = graph
        graph.owning_module = self
        self.recompile()

    @property
    def code(self) -> str:
        """The code of `forward`."""
        if not hasattr(self, "_code"):
            raise RuntimeError("Code has not been generated! Please report a bug to PyTorch")
        return self._code  # type: ignore[no-any-return]

    def recompile(self) -> PythonCode:
        """Write `forward` anew from the graph."""
        written = self._graph.python_code("self")
        self._code = written.src
        type(self).forward = _compiled(written)  # type: ignore[method-assign]
        return written

    def add_submodule(self, target: str, m: Module) -> bool:
        """Add a module under a dotted name, with empty modules on the way; whether nothing stood in the way."""
        *prefix, field = target.split(".")
        owner: Module = self
        for part in prefix:
            following = getattr(owner, part, None)
            if following is None:
                following = Module()
                setattr(owner, part, following)
            if not isinstance(following, Module):
                return False
            owner = following
        owner.add_module(field, m)
        return True

    def delete_submodule(self, target: str) -> bool:
        """Delete the module of a dotted name; whether there was one."""
        *prefix, field = target.split(".")
        owner: Any = self
        for part in prefix:
            owner = getattr(owner, part, None)
            if not isinstance(owner, Module):
                return False
        if not isinstance(getattr(owner, field, None), Module):
            return False
        delattr(owner, field)
        return True

    def delete_all_unused_submodules(self) -> None:
        """Delete every module that no node calls or reads from."""
        used: set[str] = set()
        for node in self.graph.nodes:
            if node.op in ("call_module", "get_attr"):
                parts = node.target.split(".")
                used.update(".".join(parts[: end + 1]) for end in range(len(parts)))
                if node.op == "call_module":
                    try:
                        submodule = self.get_submodule(node.target)
                    except AttributeError:
                        continue
                    used.update(f"{node.target}.{name}" for name, _ in submodule.named_modules() if name)
        for name in [name for name, _ in self.named_modules() if name and name not in used]:
            self.delete_submodule(name)

    def print_readable(
        self,
        print_output: bool = True,
        include_stride: bool = False,
        include_device: bool = False,
        colored: bool = False,
        **options: Any,
    ) -> str:
        """The code as a class, with those of the submodules that are graphs, too; printed unless told otherwise."""
        written = self._graph.python_code("self", verbose=True).src.strip("\n")
        lines = [f"class {self._get_name()}(torch.nn.Module):"]
        lines += [f"    {line}" if line.strip() else "" for line in written.split("\n")]
        text = "\n".join(lines).rstrip() + "\n"
        for module in self.children():
            if isinstance(module, GraphModule):
                inner = module.print_readable(print_output=False)
                text += "\n" + "\n".join(f"    {line}" if line else "" for line in inner.split("\n"))
        if print_output:
            print(text)
        return text

    def __str__(self) -> str:
        return "\n".join([super().__str__(), self._code, _HINT])

    def __copy__(self) -> GraphModule:
        made = GraphModule(self, self.graph, self.__class__.__name__)
        made.meta = getattr(self, "meta", {})
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> GraphModule:
        state = Module.__new__(Module)
        state.__dict__ = copy.deepcopy(
            {key: value for key, value in self.__dict__.items() if key != "_graph"}, memo
        )
        made = GraphModule(state, copy.deepcopy(self._graph), self.__class__.__name__)
        for kind in (
            "_state_dict_hooks",
            "_load_state_dict_pre_hooks",
            "_load_state_dict_post_hooks",
            "_forward_hooks",
            "_forward_pre_hooks",
        ):
            if kind in self.__dict__:
                setattr(made, kind, copy.deepcopy(self.__dict__[kind], memo))
        made.meta = copy.copy(getattr(self, "meta", {}))
        memo[id(self)] = made
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        contents = self.__dict__.copy()
        contents.pop("_graph")
        written = self._graph.python_code("self")
        modules = {
            name: value.__name__ for name, value in written.globals.items() if isinstance(value, ModuleType)
        }
        names = {name: value for name, value in written.globals.items() if name not in modules}
        return reduce_graph_module, (contents, written.src, names, modules, self.__class__.__name__)


def reduce_graph_module(
    body: dict[str, Any],
    source: str,
    names: dict[str, Any],
    modules: dict[str, str],
    class_name: str = "GraphModule",
) -> GraphModule:
    """A module of its contents and its code, which is traced anew: what unpickling calls.

    names, modules: what the code mentions; modules go by their names.
    """
    from ._symbolic_trace import Tracer

    found = {name: importlib.import_module(module) for name, module in modules.items()}
    forward = _compiled(PythonCode(source, {**names, **found}))
    kind = type(class_name, (Module,), {"forward": forward})
    root = kind()
    root.__dict__.update(body)

    class EveryModuleStays(Tracer):
        """The code calls exactly the modules that the graph called."""

        def is_leaf_module(self, m: Module, module_qualified_name: str) -> bool:
            return True

    graph = EveryModuleStays().trace(root)
    graph._tracer_cls = body.get("_tracer_cls")
    made = GraphModule(root, graph, class_name)
    for name, value in body.items():
        if not hasattr(made, name):
            made.__dict__[name] = value
    return made
