"""Reading pickles from strangers: a machine for the part of pickle that torch's files use, in which nothing runs that is not on a list.

Python's own unpickler is not used: it makes room for whatever sizes and positions a file claims. Here what a file can allocate is
bounded by its length. Source: the opcodes as documented in Python's pickletools; torch's documentation, "Loading with weights_only".
"""

from __future__ import annotations

import codecs
import io
import pickle
import struct
import warnings
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

_user_allowed: list[Any] = []

_REBUILDERS = [
    "_rebuild_tensor",
    "_rebuild_tensor_v2",
    "_rebuild_tensor_v3",
    "_rebuild_meta_tensor_no_storage",
    "_rebuild_sparse_tensor",
    "_rebuild_parameter",
    "_rebuild_parameter_with_state",
]
_BLOCKED = ("sys", "os", "posix", "nt")
#: How deep tuples may lie in each other: Python compares and hashes them by recursion.
_DEEPEST = 200
_CONTAINERS = (dict, OrderedDict, Counter)


class UnsupportedGlobal(pickle.UnpicklingError):
    """A file names a class or function that is not allowed, but could be."""


class BlockedGlobal(pickle.UnpicklingError):
    """A file names something of a module that can never be allowed."""


def _encode(text: Any, encoding: Any = "latin1", *errors: Any) -> Any:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1", "utf-8", "ascii"):
        raise pickle.UnpicklingError(f"Can only encode text, and not by {encoding!r}")
    return codecs.encode(text, encoding)


def _bytearray(*content: Any) -> bytearray:
    if content and not isinstance(content[0], str | bytes):
        raise pickle.UnpicklingError(
            f"Can only make a bytearray of text or bytes, but got {type(content[0])}"
        )
    return bytearray(*content)


#: Functions that stand for those named in files, and refuse arguments that would make them allocate at will.
_CAREFUL: dict[Any, Callable[..., Any]] = {codecs.encode: _encode, bytearray: _bytearray}


def _builtin_names() -> dict[str, Any]:
    """Everything a file may name without being allowed by the user, by full name; torch's list as far as it exists here."""
    from . import _legacy, _utils, serialization
    from ._core import dtypes, layouts
    from ._core.device import device
    from ._core.size import Size
    from ._core.storage import TypedStorage
    from ._core.tensor import Tensor
    from .nn.parameter import Parameter

    names: dict[str, Any] = {
        "_codecs.encode": codecs.encode,
        "builtins.bytearray": bytearray,
        "builtins.complex": complex,
        "builtins.set": set,
        "collections.Counter": Counter,
        "collections.OrderedDict": OrderedDict,
        "torch.Size": Size,
        "torch.Tensor": Tensor,
        "torch._utils._rebuild_from_type_v2": _utils._rebuild_from_type_v2,
        "torch._tensor._rebuild_from_type_v2": _utils._rebuild_from_type_v2,
        "torch.device": device,
        "torch.nn.parameter.Parameter": Parameter,
        "torch.serialization._get_layout": serialization._get_layout,
        "torch.storage.TypedStorage": TypedStorage,
        "torch.storage.UntypedStorage": serialization.StorageType("UntypedStorage"),
    }
    names.update({f"torch.{kind._name}": kind for kind in dtypes.ALL})
    names.update(
        {
            f"torch.{name}": value
            for name, value in layouts.CONSTANTS.items()
            if isinstance(value, layouts.qscheme)
        }
    )
    names.update({f"torch._utils.{name}": getattr(_utils, name) for name in _REBUILDERS})
    names.update({f"torch.{name}": serialization.StorageType(name) for name in _legacy._STORAGES})
    names.update({f"torch.{name}": getattr(_legacy, name) for name in _legacy._TENSORS})
    return names


def _full_name(item: Any) -> tuple[str, Any]:
    if isinstance(item, tuple):
        value, name = item
        return name, value
    module, name = item.__module__, getattr(item, "__qualname__", item.__name__)
    return f"{module}.{name}", item


def _user_names() -> dict[str, Any]:
    return dict(_full_name(item) for item in _user_allowed)


def _modern(module: str, name: str) -> tuple[str, str]:
    """Protocol 2 writes the names that Python 2 used."""
    from _compat_pickle import NAME_MAPPING

    if (module, name) in NAME_MAPPING and module != "exceptions":
        return NAME_MAPPING[module, name]
    return {"__builtin__": "builtins", "copy_reg": "copyreg"}.get(module, module), name


class Unpickler:
    """One pickle after the other from `file`. Raises UnpicklingError for what is not allowed, EOFError where the file ends."""

    def __init__(self, file: Any, *, encoding: str = "bytes") -> None:
        self._read = file.read
        self._readline = file.readline
        self._builtin = _builtin_names()
        self._user = _user_names()
        self._functions = {
            id(value)
            for name, value in self._builtin.items()
            if "_rebuild" in name or name.partition(".")[0] in ("_codecs", "builtins", "collections")
        }
        self._functions |= {id(self._builtin[f"torch.{name}"]) for name in ("Size", "device")}
        self._functions.add(id(self._builtin["torch.serialization._get_layout"]))
        self._functions |= {id(value) for value in self._user.values()}
        self._user_types = {id(value) for value in self._user.values()}

    def persistent_load(self, reference: Any) -> Any:
        """The storage that a reference stands for. Files of torch have no other references."""
        raise pickle.UnpicklingError("unsupported persistent id encountered")

    def _take(self, count: int) -> bytes:
        content: bytes = self._read(count)
        if len(content) != count:
            raise EOFError
        return content

    def _number(self, layout: str) -> int:
        return int(struct.unpack(layout, self._take(struct.calcsize(layout)))[0])

    def load(self) -> Any:
        """The object of one pickle."""
        self._stack: list[Any] = []
        self._marks: list[list[Any]] = []
        self._memo: dict[int, Any] = {}
        self._depths: dict[int, int] = {}
        while True:
            code = self._take(1)
            if code == b".":
                return self._stack.pop()
            action = _ACTIONS.get(code)
            if action is None:
                raise pickle.UnpicklingError(f"Unsupported operand {code[0]}")
            action(self)

    # ----- what the opcodes do

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _pop_mark(self) -> list[Any]:
        items = self._stack
        self._stack = self._marks.pop()
        return items

    def _mark(self) -> None:
        self._marks.append(self._stack)
        self._stack = []

    def _tuple(self, items: list[Any]) -> None:
        made = tuple(items)
        depth = 1 + max((self._depths.get(id(item), 1) for item in items if type(item) is tuple), default=0)
        if depth > _DEEPEST:
            raise pickle.UnpicklingError(f"Tuples lie more than {_DEEPEST} deep in each other")
        if depth > 1:
            self._depths[id(made)] = depth
            self._memo[-1 - len(self._depths)] = made  # kept, so that no other tuple gets its identity
        self._stack.append(made)

    def _last_tuple(self, count: int) -> None:
        if len(self._stack) < count:
            raise IndexError("pop from empty list")
        items = self._stack[-count:]
        del self._stack[-count:]
        self._tuple(items)

    def _global(self) -> None:
        module = self._readline()[:-1].decode("utf-8")
        name = self._readline()[:-1].decode("utf-8")
        module, name = _modern(module, name)
        full = f"{module}.{name}"
        if module.partition(".")[0] in _BLOCKED:
            raise BlockedGlobal(f"Trying to load unsupported GLOBAL {full} whose module {module} is blocked.")
        if full in self._builtin:
            self._push(self._builtin[full])
        elif full in self._user:
            self._push(self._user[full])
        else:
            shown = name if module == "builtins" else full
            raise UnsupportedGlobal(
                f"Unsupported global: GLOBAL {shown} was not an allowed global by default. Please use "
                f"`torch.serialization.add_safe_globals([{shown}])` or the `torch.serialization.safe_globals([{shown}])` context manager to "
                "allowlist this global if you trust this class/function."
            )

    def _reduce(self) -> None:
        arguments = self._stack.pop()
        function = self._stack[-1]
        if id(function) not in self._functions:
            raise pickle.UnpicklingError(f"Trying to call reduce for unrecognized function {function}")
        if id(function) == id(self._builtin["torch._utils._rebuild_from_type_v2"]):
            self._check_from_type(arguments)
        self._stack[-1] = _CAREFUL.get(function, function)(*arguments)

    def _check_from_type(self, arguments: Any) -> None:
        """Only a rebuilding function may be called, and only to make a tensor."""
        from ._core.tensor import Tensor

        function, kind, _, state = arguments
        if id(function) not in self._functions or not getattr(function, "__name__", "").startswith(
            "_rebuild"
        ):
            raise pickle.UnpicklingError(f"Trying to call reduce for unrecognized function {function}")
        if not isinstance(kind, type) or not issubclass(kind, Tensor):
            raise pickle.UnpicklingError(f"Can only rebuild tensors, but got {kind}")
        _check_state(state)

    def _new(self) -> None:
        from ._core.size import Size
        from ._core.tensor import Tensor
        from .nn.parameter import Parameter

        arguments = self._stack.pop()
        kind = self._stack.pop()
        if id(kind) in self._user_types:
            self._push(kind.__new__(kind, *arguments))
        elif (kind is Tensor or kind is Parameter) and all(type(item) is Tensor for item in arguments):
            self._push(kind(*arguments))
        elif isinstance(kind, type) and (kind is Size or id(kind) in self._functions):
            self._push(_CAREFUL.get(kind, kind)(*arguments))
        else:
            raise pickle.UnpicklingError(
                f"Can only create new object for nn.Parameter or classes allowlisted via `add_safe_globals` but got {kind}"
            )

    def _build(self) -> None:
        from ._core.tensor import Tensor
        from .nn.parameter import Parameter

        state = self._stack.pop()
        instance = self._stack[-1]
        kind = type(instance)
        if kind is OrderedDict or kind in (Tensor, Parameter):
            instance.__dict__.update(_check_state(state))
        elif id(kind) in self._user_types:
            if hasattr(instance, "__setstate__"):
                instance.__setstate__(state)
                return
            attributes, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
            instance.__dict__.update(attributes or {})
            for name, value in (slots or {}).items():
                setattr(instance, name, value)
        else:
            raise pickle.UnpicklingError(
                f"Can only build Tensor, Parameter, OrderedDict or types allowlisted via `add_safe_globals`, but got {kind}"
            )

    def _append(self) -> None:
        item = self._stack.pop()
        target = self._stack[-1]
        if type(target) is not list:
            raise pickle.UnpicklingError(f"Can only append to lists, but got {type(target)}")
        target.append(item)

    def _appends(self) -> None:
        items = self._pop_mark()
        target = self._stack[-1]
        if type(target) is not list:
            raise pickle.UnpicklingError(f"Can only extend lists, but got {type(target)}")
        target.extend(items)

    def _setitem(self) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        target = self._stack[-1]
        if type(target) not in _CONTAINERS and id(type(target)) not in self._user_types:
            raise pickle.UnpicklingError(
                f"Can only SETITEM for dict, collections.OrderedDict, collections.Counter, but got {type(target)}"
            )
        target[key] = value

    def _setitems(self) -> None:
        items = self._pop_mark()
        target = self._stack[-1]
        if type(target) not in _CONTAINERS and id(type(target)) not in self._user_types:
            raise pickle.UnpicklingError(
                f"Can only SETITEMS for dict, collections.OrderedDict, collections.Counter, but got {type(target)}"
            )
        for i in range(0, len(items), 2):
            target[items[i]] = items[i + 1]

    def _persistent(self) -> None:
        reference = self._stack.pop()
        if not isinstance(reference, tuple | int):
            raise pickle.UnpicklingError(
                f"persistent_load id must be tuple or int, but got {type(reference)}"
            )
        if not isinstance(reference, tuple) or not reference or reference[0] != "storage":
            first = reference[0] if isinstance(reference, tuple) and reference else reference
            raise pickle.UnpicklingError(f"Only persistent_load of storage is allowed, but got {type(first)}")
        self._push(self.persistent_load(reference))

    def _text(self, size: int) -> None:
        content = self._take(size)
        self._push(content.decode("utf-8", "surrogatepass"))

    def _protocol(self) -> None:
        protocol = self._take(1)[0]
        if protocol != 2:
            warnings.warn(
                f"Detected pickle protocol {protocol} in the checkpoint, which was not the default pickle protocol used by `torch.load` (2). "
                "The weights_only Unpickler might not support all instructions implemented by this protocol, please file an issue for "
                "adding support if you encounter this.",
                stacklevel=4,
            )


def _check_state(state: Any) -> dict[str, Any]:
    if type(state) not in (dict, OrderedDict) or not all(isinstance(name, str) for name in state):
        raise pickle.UnpicklingError(f"Can only build from attributes by name, but got {type(state)}")
    return state  # type: ignore[no-any-return]


_Machine = Unpickler
_ACTIONS: dict[bytes, Callable[[Unpickler], None]] = {
    pickle.GLOBAL: _Machine._global,
    pickle.REDUCE: _Machine._reduce,
    pickle.NEWOBJ: _Machine._new,
    pickle.BUILD: _Machine._build,
    pickle.APPEND: _Machine._append,
    pickle.APPENDS: _Machine._appends,
    pickle.SETITEM: _Machine._setitem,
    pickle.SETITEMS: _Machine._setitems,
    pickle.MARK: _Machine._mark,
    pickle.TUPLE: lambda m: m._tuple(m._pop_mark()),
    pickle.TUPLE1: lambda m: m._last_tuple(1),
    pickle.TUPLE2: lambda m: m._last_tuple(2),
    pickle.TUPLE3: lambda m: m._last_tuple(3),
    pickle.NONE: lambda m: m._push(None),
    pickle.NEWTRUE: lambda m: m._push(True),
    pickle.NEWFALSE: lambda m: m._push(False),
    pickle.EMPTY_TUPLE: lambda m: m._push(()),
    pickle.EMPTY_LIST: lambda m: m._push([]),
    pickle.EMPTY_DICT: lambda m: m._push({}),
    pickle.EMPTY_SET: lambda m: m._push(set()),
    pickle.BININT: lambda m: m._push(m._number("<i")),
    pickle.BININT1: lambda m: m._push(m._number("<B")),
    pickle.BININT2: lambda m: m._push(m._number("<H")),
    pickle.BINFLOAT: lambda m: m._push(struct.unpack(">d", m._take(8))[0]),
    pickle.BINUNICODE: lambda m: m._text(m._number("<I")),
    pickle.SHORT_BINSTRING: lambda m: m._text(m._number("<B")),
    pickle.LONG1: lambda m: m._push(pickle.decode_long(m._take(m._number("<B")))),
    pickle.BINGET: lambda m: m._push(m._memo[m._number("<B")]),
    pickle.LONG_BINGET: lambda m: m._push(m._memo[m._number("<I")]),
    pickle.BINPUT: lambda m: m._memo.__setitem__(m._number("<B"), m._stack[-1]),
    pickle.LONG_BINPUT: lambda m: m._memo.__setitem__(m._number("<I"), m._stack[-1]),
    pickle.BINPERSID: _Machine._persistent,
    pickle.PROTO: _Machine._protocol,
}


def named_globals(content: bytes) -> set[str]:
    """The full names of all classes and functions that a pickle mentions. Raises UnpicklingError for opcodes that torch.save does not write."""
    import pickletools

    found = set()
    for opcode, argument, _ in pickletools.genops(io.BytesIO(content)):
        if opcode.name == "STOP":
            break
        code = opcode.code.encode("latin1")
        if code not in _ACTIONS:
            raise pickle.UnpicklingError(f"Unsupported operand {code[0]}")
        if code == pickle.GLOBAL:
            module, _, name = str(argument).partition(" ")
            found.add(".".join(_modern(module, name)))
    return found
