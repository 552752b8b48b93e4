"""Names for annotations: torch.types."""

from __future__ import annotations

import builtins
import os
from collections.abc import Sequence
from typing import Any, TypeAlias, Union

from ._core.device import device as _device_class
from ._core.dtypes import dtype as _dtype_class
from ._core.layouts import layout as _layout_class
from ._core.size import Size
from ._core.storages import UntypedStorage as _UntypedStorage
from ._core.tensor import Tensor
from ._core.typed_storages import TypedStorage as _TypedStorage

__all__ = ["Device", "FileLike", "Number", "Storage"]

_device: TypeAlias = _device_class
_dtype: TypeAlias = _dtype_class
_layout: TypeAlias = _layout_class
_size: TypeAlias = Union[Size, list[builtins.int], tuple[builtins.int, ...]]  # noqa: UP007
_int = builtins.int
_float = builtins.float
_bool = builtins.bool
_complex = builtins.complex
_TensorOrTensors: TypeAlias = Union[Tensor, Sequence[Tensor]]  # noqa: UP007

Number: TypeAlias = Union[builtins.int, builtins.float, builtins.bool]  # noqa: UP007
Device: TypeAlias = Union[_device_class, str, builtins.int, None]  # noqa: UP007
FileLike: TypeAlias = Union[str, os.PathLike[str], Any]  # noqa: UP007
Storage: TypeAlias = Union[_UntypedStorage, _TypedStorage]  # noqa: UP007
