"""Tracing: a program runs once with stand-ins for its inputs, and what it does with them is written down. Behaviour: torch.fx.Tracer."""

from __future__ import annotations

import builtins
import collections
import functools
import importlib
import inspect
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FunctionType, ModuleType
from typing import Any

from .._core.tensor import Tensor
from ..nn import Module, Parameter, Sequential
from ._names import PACKAGE, spelled
from .graph import Graph
from .graph_module import GraphModule
from .node import Node
from .proxy import ParameterProxy, Proxy, TracerBase

__all__ = ["PH", "Tracer", "symbolic_trace", "wrap"]

# Functions that tracing does not look into: the globals that hold them, and their names.
_wrapped_fns_to_patch: dict[tuple[int, str], dict[str, Any]] = {}
_wrapped_methods_to_patch: list[tuple[type, str]] = []
_VARARGS, _VARKEYWORDS = inspect.CO_VARARGS, inspect.CO_VARKEYWORDS


class PHBase:
    """Stands for an input that stays one inside a container of `concrete_args`."""

    def __repr__(self) -> str:
        return "PH"


PH = PHBase()


def _assert_is_none(value: Any, msg: str) -> None:
    if value is not None:
        raise AssertionError(msg)


def is_fx_tracing() -> bool:
    """Whether a program is being traced."""
    return _tracing


_tracing = False


class Tracer(TracerBase):
    """Traces modules and functions. Subclasses say which modules stay calls (`is_leaf_module`), and may take part in every call."""

    __module__ = "torch.fx._symbolic_trace"

    def __init__(
        self,
        autowrap_modules: tuple[ModuleType, ...] = (math,),
        autowrap_functions: tuple[Callable[..., Any], ...] = (),
        param_shapes_constant: bool = False,
    ) -> None:
        """autowrap_modules, autowrap_functions: what is not looked into. param_shapes_constant: shapes of parameters are plain values."""
        self._autowrap_search = list(autowrap_modules)
        self._autowrap_function_ids = {
            id(value)
            for module in autowrap_modules
            for name, value in vars(module).items()
            if not name.startswith("_") and callable(value)
        } | {id(function) for function in autowrap_functions}
        self.param_shapes_constant = param_shapes_constant
        self.submodule_paths: dict[Module, str] | None = None
        self.root_module_name = ""
        self.tensor_attrs: dict[Any, str] = {}
        self.module_stack: collections.OrderedDict[str, tuple[str, Any]] = collections.OrderedDict()

    # ---- arguments

    def create_arg(self, a: Any) -> Any:
        """An argument as a graph holds it; parameters, tensors and modules become attributes of the root."""
        if isinstance(a, Parameter):
            for name, parameter in self.root.named_parameters():
                if a is parameter:
                    return self.create_node("get_attr", name, (), {})
            raise NameError("parameter is not a member of this module")
        if isinstance(a, Tensor):
            for name, buffer in self.root.named_buffers():
                if a is buffer:
                    return self.create_node("get_attr", name, (), {})
            return self._attribute(a, "_tensor_constant")
        if isinstance(a, Module):
            for name, module in self.root.named_modules():
                if a is module:
                    return self.create_node("get_attr", name, (), {})
        return super().create_arg(a)

    def _attribute(self, value: Any, prefix: str) -> Node:
        name = next((name for known, name in self.tensor_attrs.items() if known is value), None)
        if name is None:
            number = 0
            while hasattr(self.root, f"{prefix}{number}"):
                number += 1
            name = f"{prefix}{number}"
            self.tensor_attrs[value] = name
            setattr(self.root, name, value)
        return self.create_node("get_attr", name, (), {})

    def create_node(self, *args: Any, **kwargs: Any) -> Node:
        node = super().create_node(*args, **kwargs)
        if self.module_stack:
            node.meta["nn_module_stack"] = self.module_stack.copy()
        return node

    # ---- modules

    def is_leaf_module(self, m: Module, module_qualified_name: str) -> bool:
        """Whether calls of the module stay calls: PyTorch's own modules do, but for Sequential."""
        module = spelled(m.__module__)
        return module.startswith(("torch.nn", "torch.ao.nn")) and not isinstance(m, Sequential)

    def path_of_module(self, mod: Module) -> str:
        """The dotted name of a module below the root. NameError if it is not there."""
        if self.submodule_paths:
            path = self.submodule_paths.get(mod)
            if path is None:
                raise NameError("module is not installed as a submodule")
            return path
        for name, module in self.root.named_modules():
            if mod is module:
                return name
        raise NameError("module is not installed as a submodule")

    def call_module(
        self, m: Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """What a traced program's call of a module gives: a node for leaves, what its own `forward` gives for others."""
        name = self.path_of_module(m)
        key, number = name, 1
        while key in self.module_stack:
            key, number = f"{name}@{number}", number + 1
        self.module_stack[key] = (name, type(m))
        try:
            if self.is_leaf_module(m, name):
                return self.create_proxy("call_module", name, args, kwargs)
            return forward(*args, **kwargs)
        finally:
            self.module_stack.pop(key)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        """What a traced program gets for an attribute of a module: a stand-in for parameters."""

        def stand_in(collection: Iterator[tuple[str, Any]]) -> Any:
            for name, value in collection:
                if attr_val is value:
                    if name not in parameter_proxy_cache:
                        factory = None
                        if self.param_shapes_constant:
                            factory = functools.partial(self._known_parameter, name, attr_val)
                        parameter_proxy_cache[name] = self.create_proxy(
                            "get_attr", name, (), {}, proxy_factory_fn=factory
                        )
                    return parameter_proxy_cache[name]
            return None

        found = None
        if isinstance(attr_val, Parameter):
            found = stand_in(self.root.named_parameters())
        elif self.proxy_buffer_attributes and isinstance(attr_val, Tensor):
            found = stand_in(self.root.named_buffers())
        return attr_val if found is None else found

    def _known_parameter(self, name: str, parameter: Tensor, node: Node) -> Proxy:
        return ParameterProxy(self, node, name, parameter)

    # ---- tracing

    def create_args_for_root(
        self,
        root_fn: Callable[..., Any],
        is_module: bool,
        concrete_args: dict[str, Any] | tuple[Any, ...] | None = None,
    ) -> tuple[Callable[..., Any], list[Any]]:
        """The function to run, and its arguments: the root and a stand-in for each input."""
        target = inspect.unwrap(root_fn)
        code: CodeType = target.__code__
        count = code.co_argcount + code.co_kwonlyargcount
        names = iter(code.co_varnames)
        args: list[Any] = []
        skipped = 0
        if is_module:
            if count == 0:
                raise RuntimeError("``self`` argument cannot be part of *args expansion!")
            skipped = 1
            next(names)
            args.append(self.root)
        signature = inspect.signature(target)
        if isinstance(concrete_args, tuple):
            given = code.co_varnames[skipped:count]
            if len(given) != len(concrete_args):
                raise RuntimeError(
                    f"Tracing expected {len(given)} arguments but got {len(concrete_args)} concrete arguments"
                )
            concrete_args = dict(zip(given, concrete_args, strict=True))

        def placeholder(name: str) -> Any:
            if concrete_args is not None and name in concrete_args:
                return self._specialized(name, concrete_args[name])
            default: tuple[Any, ...] = ()
            if not name.startswith("*"):
                parameter = signature.parameters[name]
                default = () if parameter.default is inspect.Parameter.empty else (parameter.default,)
            return self.create_proxy("placeholder", name, default, {}, type_expr=_annotation(target, name))

        args.extend(placeholder(next(names)) for _ in range(skipped, count))
        if code.co_kwonlyargcount > 0 or code.co_flags & (_VARARGS | _VARKEYWORDS):
            if code.co_flags & _VARARGS:
                args.append(placeholder("*" + next(names)))
            if code.co_flags & _VARKEYWORDS:
                args.append(placeholder("**" + next(names)))
            root_fn = _all_positional(target, len(args))
        return root_fn, args

    def _specialized(self, name: str, value: Any) -> Any:
        """The plain value of an input, beside a placeholder that has to have it."""
        if isinstance(value, PHBase):
            return self.create_proxy("placeholder", name, (), {})
        if isinstance(value, (tuple, list, dict)):
            raise NotImplementedError(
                f"torch.fx.symbolic_trace: concrete_args with a {type(value).__name__} are not implemented"
            )
        given = self.create_proxy("placeholder", f"{name}_1", (), {})
        if (isinstance(value, (int, float, complex)) and not isinstance(value, bool)) or type(value) is bool:
            text = f"{name} has been specialized to have value {value} but got another value"
            torch = importlib.import_module(PACKAGE)
            self.create_proxy("call_function", torch._assert, (given == value, text), {})
        elif value is None:
            text = f"{name} has been specialized to have value None but got another value"
            self.create_proxy("call_function", _assert_is_none, (given, text), {})
        return value

    def trace(self, root: Module | Callable[..., Any], concrete_args: dict[str, Any] | None = None) -> Graph:
        """The graph of a module or function. concrete_args: inputs that are plain values, which branches may depend on."""
        global _tracing
        before, _tracing = _tracing, True
        try:
            return self._trace(root, concrete_args)
        finally:
            _tracing = before

    def _trace(self, root: Module | Callable[..., Any], concrete_args: dict[str, Any] | None) -> Graph:
        if isinstance(root, Module):
            self.root = root
            if not hasattr(type(root), "forward"):
                raise AssertionError("traced_func_name='forward' doesn't exist in module")
            function: Callable[..., Any] = type(root).forward
            self.root_module_name = root._get_name()
            self.submodule_paths = {module: name for name, module in root.named_modules()}
        else:
            self.root = Module()
            function = root
        self.graph = Graph(tracer_cls=type(self))
        self.tensor_attrs = {}
        self._collect_tensors(self.root, ())
        if not isinstance(function, FunctionType):
            raise AssertionError(f"Expected FunctionType, got {type(function)}")
        names = function.__globals__
        function, args = self.create_args_for_root(function, isinstance(root, Module), concrete_args)
        with self._patched(names):
            returned = _annotation(function, "return")
            self.create_node("output", "output", (self.create_arg(function(*args)),), {}, type_expr=returned)
        self.submodule_paths = None
        return self.graph

    def _collect_tensors(self, module: Module, prefix: tuple[str, ...]) -> None:
        for name, value in module.__dict__.items():
            if isinstance(value, Tensor):
                self.tensor_attrs[value] = ".".join((*prefix, name))
        for name, child in module.named_children():
            self._collect_tensors(child, (*prefix, name))

    @contextmanager
    def _patched(self, names: dict[str, Any]) -> Iterator[None]:
        """Modules and wrapped functions tell this tracer of their calls."""
        call, get = Module.__call__, Module.__getattr__
        cache: dict[str, Any] = {}
        tracer = self

        @functools.wraps(get)
        def module_getattr(mod: Module, attr: str) -> Any:
            return tracer.getattr(attr, get(mod, attr), cache)

        @functools.wraps(call)
        def module_call(mod: Module, *args: Any, **kwargs: Any) -> Any:
            def forward(*args: Any, **kwargs: Any) -> Any:
                return call(mod, *args, **kwargs)

            _autowrap(
                patches,
                getattr(getattr(mod, "forward", mod), "__globals__", {}),
                tracer._autowrap_function_ids,
            )
            return tracer.call_module(mod, forward, args, kwargs)

        patches = _Patches()
        try:
            patches.attribute(Module, "__getattr__", module_getattr)
            patches.attribute(Module, "__call__", module_call)
            for (_, name), owner in _wrapped_fns_to_patch.items():
                original = owner[name] if name in owner else getattr(builtins, name, None)
                if original is not None:
                    patches.item(owner, name, _recorded(original))
            for cls, name in _wrapped_methods_to_patch:
                patches.attribute(cls, name, _recorded_method(cls, name))
            _autowrap(patches, names, self._autowrap_function_ids)
            for module in self._autowrap_search:
                _autowrap(patches, module.__dict__, self._autowrap_function_ids)
            yield
        finally:
            patches.undo()


def _annotation(function: Any, name: str) -> Any:
    """The type that a program's function states. This package's own annotations are for its type checker and say nothing to users."""
    if function.__module__.partition(".")[0] == PACKAGE:
        return None
    return getattr(function, "__annotations__", {}).get(name)


class _Patches:
    """Changes of modules and classes, to be undone in reverse order."""

    def __init__(self) -> None:
        self._done: list[Callable[[], None]] = []
        self._visited: set[int] = set()

    def item(self, owner: dict[str, Any], name: str, value: Any) -> None:
        if name in owner:
            before = owner[name]
            self._done.append(lambda: owner.__setitem__(name, before))
        else:
            self._done.append(lambda: owner.pop(name, None) and None)
        owner[name] = value

    def attribute(self, owner: Any, name: str, value: Any) -> None:
        before = owner.__dict__.get(name, self)

        def undo() -> None:
            if before is self:
                delattr(owner, name)
            else:
                setattr(owner, name, before)

        self._done.append(undo)
        setattr(owner, name, value)

    def first_visit(self, owner: dict[str, Any]) -> bool:
        fresh = id(owner) not in self._visited
        self._visited.add(id(owner))
        return fresh

    def undo(self) -> None:
        while self._done:
            self._done.pop()()


def _autowrap(patches: _Patches, names: dict[str, Any], functions: set[int]) -> None:
    """Record the calls of functions that are not looked into, as far as a module's names lead to them."""
    if not patches.first_visit(names):
        return
    for name, value in list(names.items()):
        if not name.startswith("_") and callable(value) and id(value) in functions:
            patches.item(names, name, _recorded(value))


def _first_proxy(args: Any, kwargs: Any) -> Proxy | None:
    found: list[Proxy] = []

    def look(value: Any) -> Any:
        if isinstance(value, Proxy):
            found.append(value)
        return value

    from .node import map_aggregate

    map_aggregate((args, kwargs), look)
    return found[0] if found else None


def _recorded(original: Callable[..., Any]) -> Callable[..., Any]:
    """A function that becomes a node where an argument is a stand-in."""

    @functools.wraps(original)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        proxy = _first_proxy(args, kwargs)
        if proxy is None:
            return original(*args, **kwargs)
        result = proxy.tracer.create_proxy("call_function", original, args, kwargs)
        result.node.meta["is_wrapped"] = True
        return result

    return wrapped


def _recorded_method(cls: type, name: str) -> Callable[..., Any]:
    original = getattr(cls, name)

    @functools.wraps(original)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        proxy = _first_proxy(args, kwargs)
        if proxy is None:
            return original(*args, **kwargs)
        return proxy.tracer.create_proxy("call_method", name, args, kwargs)

    return wrapped


def _all_positional(function: Any, count: int) -> FunctionType:
    """The function with its keyword-only arguments and its collections of arguments as ordinary positional ones."""
    code = function.__code__.replace(
        co_argcount=count,
        co_posonlyargcount=0,
        co_kwonlyargcount=0,
        co_flags=function.__code__.co_flags & ~(_VARARGS | _VARKEYWORDS),
    )
    # A copy without annotations, as in PyTorch: the traced function then says nothing about what it returns.
    return FunctionType(
        code, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )


def wrap(fn_or_name: str | Callable[..., Any]) -> str | Callable[..., Any]:
    """Have tracing write down the calls of a function of this module instead of looking into it. Used at a module's top level.

    fn_or_name: the function, as a decorator, or the name of one or of a built-in. Returns it. RuntimeError for anything else,
    NotImplementedError inside a function.
    """
    if not callable(fn_or_name) and not isinstance(fn_or_name, str):
        raise RuntimeError("Unsupported type for global function! Must be either a callable or string name")
    if callable(fn_or_name):
        name = fn_or_name.__name__
    else:
        name = fn_or_name
    frame = inspect.currentframe()
    caller = frame.f_back if frame is not None else None
    if caller is None or caller.f_code.co_name != "<module>":
        raise NotImplementedError("wrap must be called at the top level of a module")
    _wrapped_fns_to_patch[id(caller.f_globals), name] = caller.f_globals
    return fn_or_name


def symbolic_trace(
    root: Module | Callable[..., Any], concrete_args: dict[str, Any] | None = None
) -> GraphModule:
    """The module or function as a GraphModule: what it does with its inputs, as a graph, and code for it.

    concrete_args: inputs that are plain values, by name; the graph holds for them only. Raises TraceError where the program needs to know
    a value. Source: documentation of torch.fx.
    """
    tracer = Tracer()
    graph = tracer.trace(root, concrete_args)
    name = root.__class__.__name__ if isinstance(root, Module) else root.__name__
    return GraphModule(tracer.root, graph, name)
