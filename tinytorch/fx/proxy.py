"""Stand-ins for values while a program is traced. Behaviour: torch.fx.Proxy.

Whatever a program does with a Proxy becomes a node; what it needs a value for (a branch, a loop's length) cannot be traced and raises.
"""

from __future__ import annotations

import dis
import enum
import inspect
import operator
import types
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from .. import _ops
from .._core.device import device
from .._core.dtypes import dtype
from .._core.layouts import layout, memory_format
from .._core.size import Size
from .._core.tensor import Tensor
from .node import Node, map_aggregate

if TYPE_CHECKING:
    from .graph import Graph

__all__ = ["Attribute", "GraphAppendingTracer", "ParameterProxy", "Proxy", "TraceError", "TracerBase"]

base_types = (
    str,
    int,
    float,
    bool,
    complex,
    dtype,
    device,
    memory_format,
    layout,
    type(None),
    type(...),
    _ops.OpOverload,
)

_ITERATED = (
    "Proxy object cannot be iterated. This can be attempted when the Proxy is used in a loop or as a *args or **kwargs function argument. See"
    " the torch.fx docs on pytorch.org for a more detailed explanation of what types of control flow can be traced, and check out the Proxy"
    " docstring for help troubleshooting Proxy iteration errors"
)


class TraceError(ValueError):
    """The program does something with a value that is not there yet."""

    __module__ = "torch.fx.proxy"


class TracerBase:
    """Makes nodes of calls and arguments. `graph` is the one being written."""

    graph: Graph
    record_stack_traces = False
    check_mutable_operations = False
    trace_asserts = False
    proxy_buffer_attributes = False

    def create_node(
        self,
        kind: str,
        target: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        name: str | None = None,
        type_expr: Any = None,
    ) -> Node:
        """Insert a node into the graph."""
        return self.graph.create_node(kind, target, args, kwargs, name, type_expr)

    def proxy(self, node: Node) -> Proxy:
        """A stand-in for a node's value."""
        return Proxy(node, self)

    def create_proxy(
        self,
        kind: str,
        target: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        name: str | None = None,
        type_expr: Any = None,
        proxy_factory_fn: Callable[[Node], Proxy] | None = None,
    ) -> Proxy:
        """Insert a node whose arguments may be Proxies, and stand in for its value."""
        args_, kwargs_ = self.create_arg(args), self.create_arg(kwargs)
        if not isinstance(args_, tuple) or not isinstance(kwargs_, dict):
            raise AssertionError("arguments must be a tuple and a dict")
        node = self.create_node(kind, target, args_, kwargs_, name, type_expr)
        return self.proxy(node) if proxy_factory_fn is None else proxy_factory_fn(node)

    def create_arg(self, a: Any) -> Any:
        """An argument as a graph holds it: nodes for Proxies, containers of them, plain values."""
        if isinstance(a, Proxy):
            return a.node
        if isinstance(a, tuple):
            if hasattr(a, "_fields"):
                args = tuple(self.create_arg(part) for part in a)
                return self.create_node("call_function", a.__class__, args, {})
            return tuple(self.create_arg(part) for part in a)
        if isinstance(a, list):
            return [self.create_arg(part) for part in a]
        if isinstance(a, dict):
            for key in a:
                if isinstance(key, Proxy):
                    raise RuntimeError(
                        f"Keys for dictionaries used as an argument cannot contain a Node. Got key: {key}"
                    )
            return {key: self.create_arg(value) for key, value in a.items()}
        if isinstance(a, slice):
            return slice(*(self.create_arg(part) for part in (a.start, a.stop, a.step)))
        if isinstance(a, range):
            return range(*(self.create_arg(part) for part in (a.start, a.stop, a.step)))
        if isinstance(a, (*base_types, enum.Enum)):
            return a
        if is_dataclass(a) and not isinstance(a, type):
            kwargs = {field.name: self.create_arg(getattr(a, field.name)) for field in fields(a)}
            return self.create_node("call_function", a.__class__, (), kwargs)
        if isinstance(a, (types.FunctionType, types.BuiltinFunctionType, type)):
            return a
        raise NotImplementedError(f"argument of type: {type(a)}")

    def to_bool(self, obj: Proxy) -> bool:
        """Called where a Proxy decides a branch. Raises TraceError; tracers that know better answer."""
        raise TraceError("symbolically traced variables cannot be used as inputs to control flow")

    def iter(self, obj: Proxy) -> Iterator[Any]:
        """Called where a Proxy is iterated. Raises TraceError."""
        raise TraceError(_ITERATED)

    def keys(self, obj: Proxy) -> Any:
        """Called for the keys of a Proxy, as `**` does."""
        return Attribute(obj, "keys")()


class GraphAppendingTracer(TracerBase):
    """Writes at the end of a graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph


def _unpacked(frame: types.FrameType) -> int | None:
    """How many values the running statement of a frame unpacks its value into, if that is what it does."""
    current = frame.f_lasti
    for instruction in dis.get_instructions(frame.f_code):
        if instruction.offset == current:
            return int(instruction.argval) if instruction.opname == "UNPACK_SEQUENCE" else None
    return None


class Proxy:
    """Stands in for a value that a traced program will have. `node` computes it."""

    __module__ = "torch.fx.proxy"

    def __init__(self, node: Node, tracer: TracerBase | None = None) -> None:
        self.tracer = GraphAppendingTracer(node.graph) if tracer is None else tracer
        self.node = node

    def __repr__(self) -> str:
        return f"Proxy({self.node.name})"

    def __getattr__(self, k: str) -> Attribute:
        # before `__init__` has run, as when one is copied
        if k in ("node", "tracer"):
            raise AttributeError(k)
        return Attribute(self, k)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__

    def __deepcopy__(self, memo: dict[int, Any]) -> Proxy:
        made = self.__class__.__new__(self.__class__)
        made.__dict__ = {"tracer": self.tracer, "node": self.node}
        return made

    def __call__(self, *args: Any, **kwargs: Any) -> Proxy:
        return self.tracer.create_proxy("call_method", "__call__", (self, *args), kwargs)

    def __iter__(self) -> Iterator[Any]:
        frame = inspect.currentframe()
        caller = frame.f_back if frame is not None else None
        if caller is not None:
            count = _unpacked(caller)
            if count is not None:
                return (self[i] for i in range(count))
        return self.tracer.iter(self)

    def __abs__(self) -> Proxy:
        return self.tracer.create_proxy("call_function", operator.abs, (self,), {})

    def __bool__(self) -> bool:
        return self.tracer.to_bool(self)

    def keys(self) -> Any:
        return self.tracer.keys(self)

    def __len__(self) -> NoReturn:
        raise RuntimeError(
            "'len' is not supported in symbolic tracing by default. If you want this call to be recorded, please call torch.fx.wrap('len') at"
            " module scope"
        )

    def __hash__(self) -> int:
        return id(self)

    @classmethod
    def __torch_function__(cls, orig_method: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        args, kwargs = args or (), kwargs or {}
        tracers: dict[Any, None] = {}

        def note(value: Any) -> Any:
            if isinstance(value, Proxy):
                tracers[value.tracer] = None
            return value

        map_aggregate(args, note)
        map_aggregate(kwargs, note)
        if len(tracers) > 1:
            raise RuntimeError(
                f"Found multiple different tracers {list(tracers)} while trying to trace operations {orig_method}"
            )
        tracer = next(iter(tracers))
        name = getattr(orig_method, "__name__", "")
        if getattr(Tensor, name, None) is orig_method or _is_method(orig_method):
            return tracer.create_proxy("call_method", name, args, kwargs)
        return tracer.create_proxy("call_function", orig_method, args, kwargs)


def _is_method(function: Any) -> bool:
    """Whether torch functions are told of a method of Tensor by this object."""
    return (
        isinstance(function, types.MethodDescriptorType)
        or getattr(function, "__objclass__", None) is not None
    )


class Attribute(Proxy):
    """An attribute of a value. It becomes a node where it is used, and none where it is called."""

    __module__ = "torch.fx.proxy"

    def __init__(self, root: Proxy, attr: str) -> None:
        self.root, self.attr, self.tracer = root, attr, root.tracer
        self._node: Node | None = None

    @property
    def node(self) -> Node:  # type: ignore[override]
        if self._node is None:
            self._node = self.tracer.create_proxy("call_function", getattr, (self.root, self.attr), {}).node
        return self._node

    def __call__(self, *args: Any, **kwargs: Any) -> Proxy:
        return self.tracer.create_proxy("call_method", self.attr, (self.root, *args), kwargs)


class ParameterProxy(Proxy):
    """Stands in for a parameter whose shape is known, and may be looked at."""

    __module__ = "torch.fx.proxy"

    def __init__(self, tracer: TracerBase, node: Node, name: str, param: Tensor) -> None:
        super().__init__(node, tracer)
        self.param, self.name = param, name

    def __repr__(self) -> str:
        return f"ParameterProxy({self.name})"

    @property
    def shape(self) -> Size:
        return self.param.shape

    def size(self, *args: Any) -> Any:
        return self.param.size(*args)

    def dim(self) -> int:
        return self.param.dim()

    @property
    def ndim(self) -> int:
        return self.param.ndim

    def numel(self) -> int:
        return self.param.numel()

    def nelement(self) -> int:
        return self.param.nelement()


_REFLECTED = "add sub mul floordiv truediv mod lshift rshift and_ or_ xor matmul pow getitem"
_OPERATORS = f"eq ne lt gt le ge pos neg invert {_REFLECTED}"


def _define_operators() -> None:
    for names, prefix in ((_OPERATORS, ""), (_REFLECTED, "r")):
        for name in names.split():
            method = _recording(getattr(operator, name), reflected=bool(prefix))
            method.__name__ = f"__{prefix}{name.rstrip('_')}__"
            setattr(Proxy, method.__name__, method)


def _recording(function: Any, reflected: bool) -> Any:
    """A special method that writes a call of `function` down; a reflected one has its argument on the left."""

    def method(self: Proxy, *args: Any) -> Proxy:
        given = (*args, self) if reflected else (self, *args)
        return self.tracer.create_proxy("call_function", function, given, {})

    return method


_define_operators()
