"""The pickler of torch.save: storages become references, and everything of ours goes by torch's names."""

from __future__ import annotations

import pickle
import sys
from collections import OrderedDict
from typing import Any, ClassVar

from ._core import dtypes, layouts
from ._core.construct import warn_if_has_hooks
from ._core.device import device
from ._core.generator import Generator
from ._core.layout import element_strides
from ._core.size import Size
from ._core.storage import TypedStorage, UntypedStorage, storage_of
from ._core.tensor import Tensor, TensorMeta

_OURS = __name__.partition(".")[0]

#: torch's storage classes, by element type; other types have none, and their tensors name their dtype.
STORAGE_NAMES = {
    dtypes.bfloat16: "BFloat16Storage",
    dtypes.bool_: "BoolStorage",
    dtypes.complex128: "ComplexDoubleStorage",
    dtypes.complex64: "ComplexFloatStorage",
    dtypes.float16: "HalfStorage",
    dtypes.float32: "FloatStorage",
    dtypes.float64: "DoubleStorage",
    dtypes.int16: "ShortStorage",
    dtypes.int32: "IntStorage",
    dtypes.int64: "LongStorage",
    dtypes.int8: "CharStorage",
    dtypes.uint8: "ByteStorage",
}


class Name:
    """A function or class that a pickle refers to by torch's name for it."""

    def __init__(self, module: str, name: str) -> None:
        self.module = module
        self.name = name

    def __call__(self) -> None:
        """Only for pickle, which wants what it is told to call to be callable."""


_named: dict[tuple[str, str], Name] = {}


def named(module: str, name: str) -> Name:
    """The one `Name` of this name, so that a pickle writes it once."""
    return _named.setdefault((module, name), Name(module, name))


def _rebuilder(name: str) -> Name:
    return named("torch._utils", name)


class Pickler(pickle._Pickler):  # type: ignore[name-defined, misc]  # the one in Python, whose way of writing names can be replaced
    """Pickles objects; `storages` are those met, by the number under which the pickle refers to them."""

    def __init__(self, file: Any, protocol: int, legacy: bool = False) -> None:
        super().__init__(file, protocol)
        self.storages: dict[str, UntypedStorage] = {}
        self.kinds: dict[str, Any] = {}
        self._legacy = legacy
        self._keys: dict[int, str] = {}

    def persistent_id(self, obj: Any) -> Any:
        if isinstance(obj, TypedStorage):
            name, kind, storage = named("torch", STORAGE_NAMES[obj.dtype]), obj.dtype, obj._untyped_storage
        elif isinstance(obj, UntypedStorage):
            name, kind, storage = named("torch.storage", "UntypedStorage"), dtypes.uint8, obj
        else:
            return None
        from ._serialization_places import location_tag

        identity = id(storage._root)
        key = self._keys.get(identity)
        if key is None:
            key = self._keys[identity] = str(identity if self._legacy else len(self._keys))
            self.storages[key] = storage
            self.kinds[key] = kind
        elif self.kinds[key] is not kind and storage.nbytes():
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different types"
            )
        reference = ("storage", name, key, location_tag(storage), storage.nbytes() // kind.itemsize)
        return (*reference, None) if self._legacy else reference

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, Tensor):
            return _reduced(obj)
        if isinstance(obj, TensorMeta):
            return obj.__qualname__
        if isinstance(obj, layouts.layout):
            return named("torch.serialization", "_get_layout"), (str(obj),)
        if isinstance(obj, Size):
            return named("torch", "Size"), (tuple(obj),)
        if isinstance(obj, device):
            arguments = (obj.type,) if obj.index is None else (obj.type, obj.index)
            return named("torch", "device"), arguments
        if isinstance(obj, Generator):
            return named("torch._C", "Generator"), (obj.device,), (obj.initial_seed(), None, obj.get_state())
        return NotImplemented

    def save(self, obj: Any, save_persistent_id: bool = True) -> Any:
        if isinstance(obj, Name):
            known = self.memo.get(id(obj))
            if known is not None:
                return self.write(self.get(known[0]))
            return self._write_name(obj, obj.module, obj.name)
        if isinstance(obj, dtypes.dtype | layouts.qscheme) and self.memo.get(id(obj)) is None:
            return self._write_name(obj, "torch", obj._name)
        return super().save(obj, save_persistent_id)

    def save_global(self, obj: Any, name: str | None = None) -> None:
        module = getattr(obj, "__module__", None) or ""
        qualified = name or getattr(obj, "__qualname__", "")
        if module == _OURS or module.startswith(f"{_OURS}."):
            self._write_name(obj, f"torch{_public_home(obj, module, qualified)[len(_OURS) :]}", qualified)
        elif (module == "torch" or module.startswith("torch.")) and qualified:
            self._write_name(obj, module, qualified)
        else:
            try:
                super().save_global(obj, name)
            except pickle.PicklingError:
                pickle.dumps(obj)  # the pickler in C has words of its own
                raise

    # pickle looks up classes and functions in this table before it asks for a method.
    dispatch: ClassVar[dict[type, Any]] = dict(pickle._Pickler.dispatch)  # type: ignore[attr-defined]

    def save_type(self, obj: Any) -> None:
        if obj in (type(None), type(NotImplemented), type(...)):
            self.save_reduce(
                type, ({type(None): None, type(NotImplemented): NotImplemented}.get(obj, ...),), obj=obj
            )
        else:
            self.save_global(obj)

    dispatch[type] = save_type
    dispatch[type(named)] = save_global

    def _write_name(self, obj: Any, module: str, name: str) -> None:
        if self.proto >= 4:
            self.save(module)
            self.save(name)
            self.write(pickle.STACK_GLOBAL)
        else:
            self.write(pickle.GLOBAL + f"{module}\n{name}\n".encode())
        self.memoize(obj)


def _public_home(obj: Any, module: str, name: str) -> str:
    """The module that offers `obj` under its name; `module` itself unless that one is private."""
    if "._" not in module:
        return module
    homes = [
        path
        for path, loaded in [*sys.modules.items()]
        if path.startswith(f"{_OURS}.") and "._" not in path and vars(loaded).get(name) is obj
    ]
    return min(homes, key=len, default=module)


def _reduced(tensor: Any) -> tuple[Any, ...]:
    """How torch describes a tensor: storage, offset, sizes, strides, whether it requires grad, hooks."""
    from .nn.parameter import Parameter

    if tensor.layout is layouts.sparse_coo:
        return _rebuilder("_rebuild_sparse_tensor"), tensor.__reduce_ex__(2)[1]
    cls = type(tensor)
    state = dict(tensor.__dict__)
    if cls is Parameter:
        plain = tensor.detach()
        if state:
            return _rebuilder("_rebuild_parameter_with_state"), (
                plain,
                tensor.requires_grad,
                OrderedDict(),
                state,
            )
        return _rebuilder("_rebuild_parameter"), (plain, tensor.requires_grad, OrderedDict())
    warn_if_has_hooks(tensor)
    function, arguments = _plain(tensor)
    if cls is Tensor and not state:
        return function, arguments
    return named("torch._tensor", "_rebuild_from_type_v2"), (function, cls, arguments, state)


def _plain(tensor: Any) -> tuple[Name, tuple[Any, ...]]:
    kind = tensor.dtype
    shape, strides = tuple(tensor._array.shape), element_strides(tensor._array)
    if tensor.is_meta:
        return _rebuilder("_rebuild_meta_tensor_no_storage"), (kind, shape, strides, tensor.requires_grad)
    storage = storage_of(tensor)
    window: tuple[Any, ...] = (tensor.storage_offset(), shape, strides, tensor.requires_grad, OrderedDict())
    reading = {"conj": tensor.is_conj(), "neg": tensor.is_neg()}
    if any(reading.values()):
        window += ({name: True for name, holds in reading.items() if holds},)
    if kind in STORAGE_NAMES:
        return _rebuilder("_rebuild_tensor_v2"), (TypedStorage(wrap_storage=storage, dtype=kind), *window)
    return _rebuilder("_rebuild_tensor_v3"), (storage, *window, kind)


def pickler_for(module: Any, file: Any, protocol: int, legacy: bool = False) -> Pickler:
    """The pickler, on top of that of `module`. Raises NotImplementedError where that one is not written in Python."""
    if module is pickle:
        return Pickler(file, protocol, legacy)
    base = module.Pickler
    if not issubclass(base, pickle._Pickler):  # type: ignore[attr-defined]
        raise NotImplementedError(
            f"torch.save with the pickle_module {module.__name__}, whose Pickler is not one in Python"
        )
    made: Pickler = type("Pickler", (Pickler, base), {})(file, protocol, legacy)
    return made
