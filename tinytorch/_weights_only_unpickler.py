"""Reading pickles from strangers: only names on a list are resolved, so nothing but tensors and plain data comes to life."""

from __future__ import annotations

import codecs
import pickle
from collections import Counter, OrderedDict
from typing import Any

_user_allowed: list[Any] = []

_REBUILDERS = [
    "_rebuild_tensor",
    "_rebuild_tensor_v2",
    "_rebuild_tensor_v3",
    "_rebuild_meta_tensor_no_storage",
    "_rebuild_parameter",
    "_rebuild_parameter_with_state",
]


def _allowed_names() -> dict[str, Any]:
    """Everything a file may name, by full name; torch's list as far as it exists here."""
    from . import _legacy, _utils, serialization
    from ._core import dtypes
    from ._core.device import device
    from ._core.size import Size
    from ._core.storage import TypedStorage, UntypedStorage
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
        "torch.UntypedStorage": UntypedStorage,
    }
    names.update({f"torch.{kind._name}": kind for kind in dtypes.ALL})
    names.update({f"torch._utils.{name}": getattr(_utils, name) for name in _REBUILDERS})
    names.update({f"torch.{name}": serialization.StorageType(name) for name in _legacy._STORAGES})
    names.update({f"torch.{name}": getattr(_legacy, name) for name in _legacy._TENSORS})
    for item in _user_allowed:
        value, name = item if isinstance(item, tuple) else (item, f"{item.__module__}.{item.__qualname__}")
        names[name] = value
    return names


class Unpickler(pickle.Unpickler):
    """An unpickler that refuses, with torch's text, every name that is not allowed."""

    _allowed: dict[str, Any] | None = None

    def find_class(self, module: str, name: str) -> Any:
        if self._allowed is None:
            self._allowed = _allowed_names()
        module, name = _modern(module, name)
        found = self._allowed.get(f"{module}.{name}")
        if found is not None:
            return found
        shown = name if module == "builtins" else f"{module}.{name}"
        raise pickle.UnpicklingError(
            f"Unsupported global: GLOBAL {shown} was not an allowed global by default. Please use "
            f"`torch.serialization.add_safe_globals([{shown}])` or the `torch.serialization.safe_globals([{shown}])` context manager to "
            "allowlist this global if you trust this class/function."
        )


def _modern(module: str, name: str) -> tuple[str, str]:
    """Protocol 2 writes the names that Python 2 used."""
    from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING

    if (module, name) in NAME_MAPPING:
        return NAME_MAPPING[module, name]
    return IMPORT_MAPPING.get(module, module), name
