"""Casting and moving modules: the short methods, and the arguments of Module.to."""

from __future__ import annotations

from typing import Any

from ..._core.device import device as _device
from ..._core.dtypes import dtype
from ..._core.sealed import type_name
from ..._core.tensor import Tensor

_NAMES = {
    "device": ("device", "dtype", "non_blocking", "copy"),
    "dtype": ("dtype", "non_blocking", "copy"),
    "tensor": ("tensor", "non_blocking", "copy"),
}


def parse_to(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any, bool, Any]:
    """(device, dtype, non_blocking, memory_format) from `to`'s three forms: a device and a dtype, a dtype, a tensor."""
    first = args[0] if args else None
    form = (
        "dtype"
        if isinstance(first, dtype)
        else "tensor"
        if isinstance(first, Tensor) or "tensor" in kwargs
        else "device"
    )
    names = _NAMES[form]
    values = dict(zip(names, args, strict=False))
    unknown = [name for name in kwargs if name not in (*names, "memory_format") or name in values]
    fits = all(_fits(name, value) for name, value in (*values.items(), *kwargs.items()))
    if unknown or len(args) > len(names) or not fits:
        given = ", ".join([type_name(a) for a in args] + [f"{k}={type_name(v)}" for k, v in kwargs.items()])
        raise TypeError(
            "to() received an invalid combination of arguments - got (" + given + "), but expected one of:\n"
            " * (torch.device device = None, torch.dtype dtype = None, bool non_blocking = False, bool copy = False, *, "
            "torch.memory_format memory_format = None)\n"
            " * (torch.dtype dtype, bool non_blocking = False, bool copy = False, *, torch.memory_format memory_format = None)\n"
            " * (Tensor tensor, bool non_blocking = False, bool copy = False, *, torch.memory_format memory_format = None)\n"
        )
    values.update(kwargs)
    place, kind = values.get("device"), values.get("dtype")
    other = values.get("tensor")
    if other is not None:
        place, kind = other.device, other.dtype
    if place is not None and not isinstance(place, _device):
        place = _device(place)
    return place, kind, bool(values.get("non_blocking", False)), values.get("memory_format")


def _fits(name: str, value: Any) -> bool:
    """Whether `to` takes this value for the argument of that name."""
    if name in ("non_blocking", "copy"):
        return isinstance(value, bool)
    if name == "dtype":
        return value is None or isinstance(value, dtype)
    return name != "tensor" or isinstance(value, Tensor)


class CastMembers:
    """Methods that replace the data of all parameters and buffers."""

    _apply: Any

    def type(self, dst_type: Any) -> Any:
        """All parameters and buffers cast to `dst_type`."""
        return self._apply(lambda t: t.type(dst_type))

    def float(self) -> Any:
        """Floating-point parameters and buffers as float32."""
        return self._apply(lambda t: t.float() if t.is_floating_point() else t)

    def double(self) -> Any:
        """Floating-point parameters and buffers as float64."""
        return self._apply(lambda t: t.double() if t.is_floating_point() else t)

    def half(self) -> Any:
        """Floating-point parameters and buffers as float16."""
        return self._apply(lambda t: t.half() if t.is_floating_point() else t)

    def bfloat16(self) -> Any:
        """Floating-point parameters and buffers as bfloat16."""
        return self._apply(lambda t: t.bfloat16() if t.is_floating_point() else t)

    def cpu(self) -> Any:
        return self._apply(lambda t: t.cpu())

    def cuda(self, device: Any = None) -> Any:
        return self._apply(lambda t: t.cuda(device))

    def ipu(self, device: Any = None) -> Any:
        raise RuntimeError("PyTorch is not linked with support for ipu devices")

    def xpu(self, device: Any = None) -> Any:
        return self._apply(lambda t: t.xpu(device))

    def mtia(self, device: Any = None) -> Any:
        return self._apply(lambda t: t.mtia(device))

    def to_empty(self, *, device: Any, recurse: bool = True) -> Any:
        """On another device, without copying anything."""
        import tinytorch

        return self._apply(lambda t: tinytorch.empty_like(t, device=device), recurse=recurse)
