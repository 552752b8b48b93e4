"""`torch.device`: the name of a place where tensors live. Only "cpu" and "meta" hold tensors here; the others have names alone."""

from __future__ import annotations

import operator
import re
import threading
from typing import Any, ClassVar, NoReturn, Self

import numpy as np

from .sealed import sealed, type_name

# The device types in the order in which torch lists them, and the numbers it gives them (which its hashes show).
_NUMBERS: dict[str, int] = {
    "cpu": 0,
    "cuda": 1,
    "ipu": 18,
    "xpu": 12,
    "mkldnn": 2,
    "opengl": 3,
    "opencl": 4,
    "ideep": 5,
    "hip": 6,
    "ve": 11,
    "fpga": 7,
    "maia": 8,
    "xla": 9,
    "lazy": 17,
    "vulkan": 10,
    "mps": 13,
    "meta": 14,
    "hpu": 15,
    "mtia": 19,
    "privateuseone": 20,
}
_TEXT = re.compile(r"([a-zA-Z_]+)(?::([1-9][0-9]*|[0-9]))?", re.ASCII)
_FORMS = (" * (torch.device device)\n", " * (str type, int index = -1)\n")


class _Stack(threading.local):
    """The devices that `with torch.device(...)` and `torch.set_default_device` made current, innermost last."""

    def __init__(self) -> None:
        self.devices: list[device] = []


@sealed
class device:
    """torch.device("cuda:1"), torch.device("cuda", 1), torch.device(another): a device type and perhaps an index.

    As a context manager it is the default device of the tensors made inside. Raises RuntimeError for unknown names and for
    a bare index (torch's CPU build has no accelerator to count), TypeError for other arguments. Source: torch's
    documentation, "Tensor Attributes".
    """

    __module__ = "torch"
    __slots__ = ("_index", "_type")
    _type: str
    _index: int  # eight bits, -1 for none
    _stack: ClassVar[_Stack] = _Stack()

    def __new__(cls, *arguments: Any, **keywords: Any) -> Self:
        found: Any
        if len(arguments) == 1 and not keywords and type(arguments[0]) in (str, device):
            value = arguments[0]
            found = value if type(value) is device else _parse(value)
        else:
            found = _from_arguments(arguments, keywords)
        return found  # type: ignore[no-any-return]

    @property
    def type(self) -> str:
        """The device type, such as "cpu"."""
        return self._type

    @property
    def index(self) -> int | None:
        """Which device of its type, or None where none was named."""
        return None if self._index == -1 else self._index

    def __repr__(self) -> str:
        if self._index == -1:
            return f"device(type='{self._type}')"
        # torch prints the eight-bit index as sixteen unsigned bits.
        return f"device(type='{self._type}', index={self._index % 65536})"

    def __str__(self) -> str:
        return self._type if self._index == -1 else f"{self._type}:{self._index}"

    def __hash__(self) -> int:
        return _NUMBERS[self._type] << 16 | self._index % 256

    def __eq__(self, other: object) -> bool:
        if type(other) is not device:
            return NotImplemented
        return self._type == other._type and self._index == other._index

    def _unordered(self, other: object) -> NoReturn:
        raise TypeError("comparison not implemented")

    __lt__ = __le__ = __gt__ = __ge__ = _unordered

    def __reduce__(self) -> tuple[Any, ...]:
        return (device_of, (self._type, self._index))

    def __copy__(self) -> device:
        return self

    def __deepcopy__(self, memo: object) -> device:
        return self

    def __enter__(self) -> Self:
        device._stack.devices.append(self)
        return self

    def __exit__(self, *exception: object) -> None:
        device._stack.devices.pop()


_made: dict[tuple[str, int], device] = {}
_parsed: dict[str, device] = {}


def device_of(type: str, index: int = -1) -> device:
    """The device of a known type and eight-bit index (-1: none). Pickled devices name this function."""
    found = _made.get((type, index))
    if found is None:
        if type not in _NUMBERS:
            raise _unknown(type)
        found = object.__new__(device)
        object.__setattr__(found, "_type", type)
        object.__setattr__(found, "_index", index)
        _made[type, index] = found
    return found


def device_in_force() -> device | None:
    """The innermost device made current in this thread, or None: then tensors are made on the CPU."""
    devices = device._stack.devices
    return devices[-1] if devices else None


def _parse(text: str) -> device:
    found = _parsed.get(text)
    if found is None:
        found = _parsed[text] = device_of(*_split(text))
    return found


def _split(text: str) -> tuple[str, int]:
    if not text:
        raise RuntimeError("Device string must not be empty")
    match = _TEXT.fullmatch(text)
    if match is None:
        raise RuntimeError(f"Invalid device string: '{text}'")
    name, index = match.groups()
    if name not in _NUMBERS:
        raise _unknown(name)
    if index is None:
        return name, -1
    if int(index) >= 2**31:
        raise RuntimeError(f"Could not parse device index '{index}' in device string '{text}'")
    return name, _eight_bits(int(index))


def _as_text(text: str | bytes) -> str:
    return text if isinstance(text, str) else text.decode()


def _unknown(name: str) -> RuntimeError:
    return RuntimeError(
        f"Expected one of {', '.join(_NUMBERS)} device type at start of device string: {name}"
    )


def _eight_bits(index: int) -> int:
    return (index + 128) % 256 - 128


def _integer(value: object) -> int | None:
    """The int that `value` stands for as an index (an int, or a tensor of one element), or None."""
    if isinstance(value, bool) or not (
        isinstance(value, (int, np.integer)) or hasattr(value, "requires_grad")
    ):
        return None
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError):
        return None
    if not -(2**63) <= number < 2**63:
        raise ValueError("Overflow when unpacking long long")
    return number


def _from_arguments(arguments: tuple[Any, ...], keywords: dict[str, Any]) -> device:
    """The forms of the constructor other than one plain string or device."""
    total = len(arguments) + len(keywords)
    if total == 1 and (arguments or "device" in keywords):
        value = arguments[0] if arguments else keywords["device"]
        if isinstance(value, device):
            return value
        if isinstance(value, (str, bytes)):
            return _parse(_as_text(value))
        number = _integer(value) if isinstance(value, (int, np.integer)) else None
        if number is not None:
            if number < 0:
                raise RuntimeError("Device index must not be negative")
            raise RuntimeError("Cannot access accelerator device when none is available.")
    elif total == 1 and isinstance(keywords.get("type"), (str, bytes)):
        return _parse(_as_text(keywords["type"]))
    if total == 2:
        return _from_type_and_index(arguments, keywords)
    raise _no_form(arguments, keywords)


def _from_type_and_index(arguments: tuple[Any, ...], keywords: dict[str, Any]) -> device:
    values = dict(zip(("type", "index"), arguments, strict=False))
    if "type" not in values and "type" not in keywords:
        raise TypeError('device() missing 1 required positional arguments: "type"')
    name = values["type"] if "type" in values else keywords["type"]
    if not isinstance(name, (str, bytes)):
        place = " (position 1)" if "type" in values else ""
        raise TypeError(f"device(): argument 'type'{place} must be str, not {type_name(name)}")
    name = _as_text(name)
    for keyword in keywords:
        if keyword in values:
            raise TypeError(f"device() got multiple values for argument '{keyword}'")
        if keyword not in ("type", "index"):
            raise TypeError(f"device() got an unexpected keyword argument '{keyword}'")
    index = values["index"] if "index" in values else keywords["index"]
    if index is None:
        return _parse(name)
    number = _integer(index)
    if number is None:
        place = " (position 2)" if "index" in values else ""
        raise TypeError(f"device(): argument 'index'{place} must be int, not {type_name(index)}")
    if number < 0:
        raise RuntimeError("Device index must not be negative")
    if ":" in name and _TEXT.fullmatch(name):
        raise RuntimeError(
            f"type (string) must not include an index because index was passed explicitly: {name}"
        )
    return device_of(_split(name)[0], _eight_bits(number))


def _no_form(arguments: tuple[Any, ...], keywords: dict[str, Any]) -> TypeError:
    got = [type_name(value) for value in arguments]
    got += [f"{name}={type_name(value)}" for name, value in keywords.items()]
    tail = ", " if keywords else ""
    reason = ""
    if len(arguments) + len(keywords) == 1:
        if arguments:
            reason = f"      didn't match because some of the arguments have invalid types: (!{_kind(arguments[0])}!)\n"
        elif "device" in keywords:
            kind = _kind(keywords["device"])
            reason = (
                f"      didn't match because some of the arguments have invalid types: (!device={kind}!, )\n"
            )
        else:
            reason = (
                f"      didn't match because some of the keywords were incorrect: {', '.join(keywords)}\n"
            )
    return TypeError(
        f"device() received an invalid combination of arguments - got ({', '.join(got)}{tail}), "
        f"but expected one of:\n{_FORMS[0]}{reason}{_FORMS[1]}"
    )


def _kind(value: object) -> str:
    """The type of a refused argument, with those of a sequence's items."""
    if isinstance(value, tuple):
        names = [type_name(item) for item in value]
        return f"{type_name(value)} of ({', '.join(names)}{',' if len(names) == 1 else ''})"
    if isinstance(value, list):
        return f"{type_name(value)} of [{', '.join(type_name(item) for item in value)}]"
    return type_name(value)


# Device types for which torch's CPU build looks for a module of its own before it allocates.
_NOT_COMPILED = {
    "cuda": "Torch not compiled with CUDA enabled",
    "xpu": "Torch not compiled with XPU enabled",
    "mtia": (
        "Torch not compiled with MTIA enabled. Ensure you have `import mtia.host_runtime.torch_mtia.dynamic_library` in "
        "your python src file and include `//mtia/host_runtime/torch_mtia:torch_mtia` as your target dependency!"
    ),
}
_BACKENDS = {
    "hip": "HIP",
    "ipu": "IPU",
    "ve": "VE",
    "fpga": "FPGA",
    "maia": "MAIA",
    "xla": "XLA",
    "lazy": "Lazy",
    "vulkan": "Vulkan",
    "mps": "MPS",
}
_AVAILABLE_BACKENDS = (
    "CPU, Meta, QuantizedCPU, QuantizedMeta, MkldnnCPU, SparseCPU, SparseMeta, SparseCsrCPU, SparseCsrMeta, BackendSelect, "
    "Python, FuncTorchDynamicLayerBackMode, Functionalize, Conjugate, Negative, ZeroTensor, ADInplaceOrView, AutogradOther, "
    "AutogradCPU, AutogradCUDA, AutogradHIP, AutogradXLA, AutogradMPS, AutogradIPU, AutogradXPU, AutogradHPU, AutogradVE, "
    "AutogradLazy, AutogradMTIA, AutogradMAIA, AutogradPrivateUse1, AutogradPrivateUse2, AutogradPrivateUse3, AutogradMeta, "
    "AutogradNestedTensor, Tracer, AutocastCPU, AutocastMTIA, AutocastMAIA, AutocastXPU, AutocastMPS, AutocastCUDA, "
    "FuncTorchBatched, BatchedNestedTensor, FuncTorchVmapMode, Batched, VmapMode, FuncTorchGradWrapper, PythonTLSSnapshot, "
    "FuncTorchDynamicLayerFrontMode, PreDispatch, PythonDispatcher"
)


def _refuse_uncompiled(place: device) -> None:
    if place.type in _NOT_COMPILED:
        raise AssertionError(_NOT_COMPILED[place.type])
    if place.type in ("hpu", "privateuseone"):
        raise ModuleNotFoundError(f"No module named 'torch.{place.type}'")


def refuse_allocation(place: device) -> NoReturn:
    """Raise what torch's CPU build raises for making a tensor on `place`, a device other than cpu and meta.

    Of the long text for types that have a dispatch key but no kernels, this is the first paragraph; the table of source
    files behind it is a property of torch's build.
    """
    _refuse_uncompiled(place)
    if place.type in _BACKENDS:
        raise NotImplementedError(
            f"Could not run 'aten::empty.memory_format' with arguments from the '{_BACKENDS[place.type]}' backend. This "
            "could be because the operator doesn't exist for this backend, or was omitted during the selective/custom "
            "build process (if using custom build). If you are a Facebook employee using PyTorch on mobile, please visit "
            "https://fburl.com/ptmfixes for possible resolutions. 'aten::empty.memory_format' is only available for these "
            f"backends: [{_AVAILABLE_BACKENDS}]."
        )
    raise RuntimeError(
        f"This is a grandfathered Caffe2 device type {place.type}, it shouldn't ever convert to a DispatchKey.  File a bug "
        "describing what you were doing if you think this is in error."
    )


def refuse_transfer(place: device) -> NoReturn:
    """Raise what torch's CPU build raises for copying a tensor (`to`, `torch.tensor(..., device=)`) to such a `place`."""
    if place.type == "lazy":
        refuse_allocation(place)
    _refuse_uncompiled(place)
    raise RuntimeError(f"PyTorch is not linked with support for {place.type} devices")
