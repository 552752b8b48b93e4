"""A program as data: what is called and with which arguments, so that two libraries can run the same thing."""

from __future__ import annotations

import types
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from conformance.engine import Library

Array = npt.NDArray[Any]

# dtypes NumPy has no name for travel as integers of the same width and are reinterpreted on arrival
CARRIERS: dict[str, str] = {
    "bfloat16": "int16",
    "complex32": "int32",
    "float8_e4m3fn": "uint8",
    "float8_e5m2": "uint8",
    "float8_e4m3fnuz": "uint8",
    "float8_e5m2fnuz": "uint8",
}
UPCAST: dict[str, str] = {
    "float16": "float64",
    "bfloat16": "float64",
    "float32": "float64",
    "complex64": "complex128",
    "complex32": "complex128",
}


# mypy takes a FunctionType that is a class attribute for a method
PythonFunction: TypeAlias = Any


class Unencodable(Exception):
    """An argument that cannot be written as data (sparse, quantized, a closure)."""


@dataclass(frozen=True, eq=False)
class TensorData:
    """A strided tensor: its whole storage and the window onto it."""

    dtype: str
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int
    storage: Array
    requires_grad: bool = False
    conj: bool = False
    negative: bool = False
    parameter: bool = False
    identity: int = -1


@dataclass(frozen=True)
class Named:
    """A public constant of the library: a dtype, a layout, a memory format."""

    path: str


@dataclass(frozen=True)
class Device:
    text: str


@dataclass(frozen=True)
class Moved:
    """A Python function that refers to the library through its globals."""

    function: types.FunctionType


@dataclass(frozen=True, eq=False)
class Built:
    """An object made by calling a public class: its arguments are what travels."""

    path: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


@dataclass(frozen=True)
class GeneratorData:
    seed: int


@dataclass(frozen=True)
class SizeData:
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Target:
    """What is called: a public path, or a Python function replayed under each library.

    `form` is function, method, inplace (on clones, as a leaf may not be written) or out.
    """

    path: str
    function: PythonFunction | None = None
    form: str = "function"
    process: PythonFunction | None = None

    def bind(self, library: Library) -> Callable[..., Any]:
        call: Callable[..., Any] = (
            library.rebind(self.function) if self.function is not None else library.resolve(self.path)
        )
        if self.form == "inplace":
            return lambda first, /, *args, **kwargs: call(first.clone(), *args, **kwargs)
        return call

    def postprocess(self, library: Library) -> Callable[[Any], Any] | None:
        return None if self.process is None else library.rebind(self.process)


@dataclass(frozen=True, eq=False)
class Program:
    """One call with its arguments."""

    target: Target
    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)

    def tensors(self) -> list[TensorData]:
        """The distinct tensors among the arguments, in order."""
        seen: dict[int, TensorData] = {}
        for leaf in leaves((self.args, self.kwargs)):
            if isinstance(leaf, TensorData):
                seen.setdefault(id(leaf), leaf)
        return list(seen.values())

    def transform(self, change: Callable[[Any], Any]) -> Program:
        """The program with every argument leaf replaced; equal leaves stay one object."""
        memo: dict[int, Any] = {}

        def once(leaf: Any) -> Any:
            if isinstance(leaf, TensorData):
                if id(leaf) not in memo:
                    memo[id(leaf)] = change(leaf)
                return memo[id(leaf)]
            return change(leaf)

        return replace(self, args=rebuild(self.args, once), kwargs=rebuild(self.kwargs, once))


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from leaves(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, Built):
        yield from leaves((value.args, value.kwargs))
    elif isinstance(value, slice):
        yield from leaves((value.start, value.stop, value.step))
    else:
        yield value


def rebuild(value: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, tuple):
        return tuple(rebuild(item, change) for item in value)
    if isinstance(value, list):
        return [rebuild(item, change) for item in value]
    if isinstance(value, dict):
        return {key: rebuild(item, change) for key, item in value.items()}
    if isinstance(value, Built):
        return change(Built(value.path, rebuild(value.args, change), rebuild(value.kwargs, change)))
    if isinstance(value, slice):
        return slice(*(rebuild(item, change) for item in (value.start, value.stop, value.step)))
    return change(value)


def encode(library: Library, value: Any) -> Any:
    """Arguments of a library as data; Unencodable names what has no such form."""
    memo: dict[int, Any] = {}
    keep: list[Any] = []

    def leaf(item: Any) -> Any:
        if library.is_tensor(item):
            if id(item) not in memo:
                memo[id(item)] = encode_tensor(library, item)
                keep.append(item)
            return memo[id(item)]
        return encode_leaf(library, item)

    def walk(item: Any) -> Any:
        if isinstance(item, library.module.Size):
            return SizeData(tuple(item))
        if type(item) is tuple:
            return tuple(walk(part) for part in item)
        if type(item) is list:
            return [walk(part) for part in item]
        if type(item) is dict:
            return {key: walk(part) for key, part in item.items()}
        if isinstance(item, slice):
            return slice(walk(item.start), walk(item.stop), walk(item.step))
        if id(item) in library.constructions:
            path, args, kwargs, _ = library.constructions[id(item)]
            return Built(path, walk(args), walk(kwargs))
        return leaf(item)

    return walk(value)


def encode_leaf(library: Library, item: Any) -> Any:
    module = library.module
    if item is None or isinstance(item, (bool, int, float, complex, str, bytes)) or item is Ellipsis:
        return item
    if isinstance(item, (np.generic, np.ndarray)):
        return item
    if isinstance(item, module.dtype):
        return Named(f"torch.{library.dtype_name(item)}")
    if isinstance(item, (module.layout, module.memory_format)):
        return Named(str(item))
    if isinstance(item, module.device):
        return Device(str(item))
    if isinstance(item, module.Generator):
        return GeneratorData(item.initial_seed())
    path = f"{getattr(item, '__module__', '')}.{getattr(item, '__name__', '')}".replace(
        "torch._C._nn.", "torch.nn.functional."
    )
    for public in (path, path.replace("builtins.", "torch."), f"torch.{path.rpartition('.')[2]}"):
        if public.startswith("torch.") and library.has(public) and library.resolve(public) is item:
            return Named(public)
    if isinstance(item, types.FunctionType):
        return Moved(item)
    if isinstance(item, type) and item.__module__ == "builtins":
        return item
    raise Unencodable(f"{type(item).__module__}.{type(item).__name__}")


def encode_tensor(library: Library, tensor: Any) -> TensorData:
    module = library.module
    if tensor.layout is not module.strided or getattr(tensor, "is_quantized", False):
        raise Unencodable(f"{tensor.layout} tensor")
    if tensor.device.type != "cpu":
        raise Unencodable(f"{tensor.device} tensor")
    dtype = library.dtype_name(tensor.dtype)
    plain = tensor.detach()
    conj, negative = bool(plain.is_conj()), bool(plain.is_neg())
    if conj:
        plain = plain.conj()
    if negative:
        plain = plain._neg_view()
    storage = plain.untyped_storage()
    whole = plain.as_strided((storage.nbytes() // plain.element_size(),), (1,), 0)
    return TensorData(
        dtype=dtype,
        shape=tuple(tensor.shape),
        stride=tuple(tensor.stride()),
        offset=tensor.storage_offset(),
        storage=carrier_array(library, whole).copy(),
        requires_grad=tensor.requires_grad,
        conj=conj,
        negative=negative,
        parameter=isinstance(tensor, module.nn.Parameter),
        identity=storage.data_ptr() if storage.nbytes() else -1,
    )


def carrier_array(library: Library, tensor: Any) -> Array:
    """The tensor's memory as a NumPy array that shares it; exotic dtypes as integers."""
    name = library.dtype_name(tensor.dtype)
    plain = tensor.detach()
    if name in CARRIERS:
        plain = plain.view(getattr(library.module, CARRIERS[name]))
    array: Array = plain.numpy()
    return array


def decoder(library: Library, program: Program) -> Callable[[Any], Any]:
    """A function that turns argument data into the library's own objects, one object per tensor."""
    made: dict[int, Any] = {}
    bases: dict[int, Any] = {}
    uses = Counter(data.identity for data in program.tensors() if data.identity != -1)
    module = library.module

    def leaf(item: Any) -> Any:
        if isinstance(item, TensorData):
            if id(item) not in made:
                base = None
                if uses[item.identity] > 1:
                    base = bases.setdefault(item.identity, decode_storage(library, item))
                made[id(item)] = decode_tensor(library, item, base)
            return made[id(item)]
        if isinstance(item, Named):
            return library.resolve(item.path)
        if isinstance(item, Device):
            return module.device(item.text)
        if isinstance(item, GeneratorData):
            return module.Generator().manual_seed(item.seed)
        if isinstance(item, SizeData):
            return module.Size(item.shape)
        if isinstance(item, Built):
            return library.resolve(item.path)(*item.args, **item.kwargs)
        if isinstance(item, Moved):
            return library.rebind(item.function)
        return item

    return lambda value: rebuild(value, leaf)


def from_array(library: Library, array: Array) -> Any:
    """A tensor of these numbers; a library without `from_numpy` may still have `tensor`, or only `Tensor`."""
    make = library.optional("from_numpy")
    if make is not None:
        return make(array.copy())
    try:
        return library.module.tensor(array.copy())
    except (AttributeError, TypeError, ValueError):
        return library.module.Tensor(array.copy())


def decode_storage(library: Library, data: TensorData) -> Any:
    flat = from_array(library, data.storage)
    return flat.view(getattr(library.module, data.dtype)) if data.dtype in CARRIERS else flat


def contiguous_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    strides: list[int] = []
    step = 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


def decode_tensor(library: Library, data: TensorData, base: Any = None) -> Any:
    """Build the tensor with public calls only, so that a library needs no hook for the harness."""
    module = library.module
    count = int(np.prod(data.shape))
    if (
        base is None
        and not data.storage.size
        and data.stride == contiguous_strides(data.shape)
        and not data.conj
    ):
        # memory that came from NumPy cannot grow, and an empty `out=` has to
        empty = module.empty(data.shape, dtype=library.resolve(f"torch.{data.dtype}"))
        if data.parameter:
            return module.nn.Parameter(empty, requires_grad=data.requires_grad)
        return empty.requires_grad_() if data.requires_grad else empty
    whole = data.offset == 0 and count == data.storage.size and data.stride == contiguous_strides(data.shape)
    if base is None and whole and count and not data.conj and not data.negative:
        tensor = from_array(library, data.storage.reshape(data.shape))
        if data.dtype in CARRIERS:
            tensor = tensor.view(getattr(module, data.dtype))
    else:
        base = decode_storage(library, data) if base is None else base
        tensor = base.as_strided(data.shape, data.stride, data.offset)
        if data.conj:
            tensor = tensor.conj()
        if data.negative:
            tensor = tensor._neg_view()
    if data.parameter:
        return module.nn.Parameter(tensor, requires_grad=data.requires_grad)
    return tensor.requires_grad_() if data.requires_grad else tensor


def readable(array: Array, dtype: str) -> Array:
    """Carrier bits as numbers NumPy can compare: bfloat16 as float32, complex32 as complex64."""
    if dtype == "bfloat16":
        widened = array.view(np.uint16).astype(np.uint32) << np.uint32(16)
        return np.asarray(widened).view(np.float32)
    if dtype == "complex32":
        halves = np.ascontiguousarray(array).reshape(array.shape + (1,)).view(np.float16).astype(np.float32)
        return np.asarray(halves[..., 0] + 1j * halves[..., 1], dtype=np.complex64)
    if dtype.startswith("float8"):
        import ml_dtypes

        return np.asarray(array.view(getattr(ml_dtypes, dtype)).astype(np.float32))
    return array


def upcast(program: Program, noise: np.random.Generator | None = None, epsilon: float = 0.0) -> Program:
    """The same program in float64, the oracle's dtype; with noise, its inputs moved by a relative epsilon."""

    def change(leaf: Any) -> Any:
        if isinstance(leaf, TensorData) and leaf.dtype in UPCAST:
            wide = readable(leaf.storage, leaf.dtype).astype(UPCAST[leaf.dtype])
            if noise is not None:
                wide = wide * (1.0 + epsilon * noise.uniform(-1.0, 1.0, wide.shape))
            return replace(leaf, dtype=UPCAST[leaf.dtype], storage=wide)
        if isinstance(leaf, Named) and leaf.path.removeprefix("torch.") in UPCAST:
            return Named("torch." + UPCAST[leaf.path.removeprefix("torch.")])
        return leaf

    return program.transform(change)
