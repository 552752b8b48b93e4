"""Levels: what forward mode and batching have in common.

A transformation in force is a `Layer`. Its tensors are ordinary `Tensor` objects whose key says which layer they belong to and holds
the tensor one level below; an operator runs at the highest layer among its arguments, which runs it on what lies below. Each such
tensor has a place in an autograd graph of its own level, so reverse mode nests with the other transformations in any order.

`_array` of such a tensor describes it (shape, strides, dtype) but its values must not be used for arithmetic: it is an ndarray of a class
that remembers the key, so that saved results can be revived, and that refuses to be computed with where one example would stand for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from . import dispatch, layout, mutation, numbers
from .declare import Operator, find
from .dtypes import Key
from .lazy import map_tensors as map_tensors
from .lazy import resolved
from .modes import modes
from .tensor import VIEW, Tensor, counter_of, key_of, make


class Layer:
    """One transformation in force. kind: "dual", "batched" or "grad"; number: its depth, from 1.

    transparent: the layer shares the autograd graph of the level below (forward mode without torch.func).
    size, randomness: of a batch.
    """

    __slots__ = ("kind", "number", "open", "randomness", "size", "transparent")

    def __init__(
        self, kind: str, number: int, *, size: int = 0, randomness: str = "error", transparent: bool = False
    ) -> None:
        self.kind = kind
        self.number = number
        self.open = True
        self.size = size
        self.randomness = randomness
        self.transparent = transparent

    def __repr__(self) -> str:
        return f"Layer({self.kind}, {self.number})"


@contextmanager
def layer(kind: str, **options: Any) -> Iterator[Layer]:
    """A new layer above all others, in force until the end of the block."""
    before = modes.layers
    new = Layer(kind, (before[-1].number if before else 0) + 1, **options)
    modes.layers = (*before, new)
    try:
        yield new
    finally:
        new.open = False
        modes.layers = before


@contextmanager
def below(current: Layer) -> Iterator[None]:
    """Only the layers under `current`."""
    before = modes.layers
    modes.layers = tuple([item for item in before if item.number < current.number])
    try:
        yield
    finally:
        modes.layers = before


class LevelKey(Key):
    """The key of a tensor that belongs to a layer; subclasses hold what lies below."""

    __slots__ = ("layer",)

    layer: Layer

    def detached(self) -> Tensor:
        """The tensor without any history, at this level and below."""
        raise NotImplementedError

    def data(self, action: str) -> np.ndarray:
        """The elements, for `action` ("item", "bool", "tolist", "numpy")."""
        raise NotImplementedError

    def text(self, tensor: Any, contents: Any) -> str:
        """How the tensor prints."""
        raise NotImplementedError

    def parts(self) -> tuple[Any, ...]:
        """The tensors below; None for one that is absent."""
        raise NotImplementedError

    def with_parts(self, parts: tuple[Any, ...]) -> Tensor:
        """A tensor like this one over other tensors."""
        raise NotImplementedError

    def refuse_out(self, operator: Operator) -> Exception:
        """Why `out=` cannot be used."""
        raise NotImplementedError

    def blank(self, shape: tuple[int, ...], strides: tuple[int, ...]) -> Tensor:
        """Zeros of the given geometry at this level."""
        raise NotImplementedError


class Shadow(np.ndarray):
    """An array that describes a tensor of a layer and remembers its key: shape, strides and dtype, nothing to compute with."""

    key: LevelKey

    def __array_ufunc__(self, *args: Any, **kwargs: Any) -> Any:
        raise _untouchable()

    def __array_function__(self, *args: Any, **kwargs: Any) -> Any:
        raise _untouchable()

    def item(self, *args: Any) -> Any:
        return self.key.data("item").item(*args)

    def tolist(self) -> Any:
        return self.key.data("tolist").tolist()

    def __bool__(self) -> bool:
        return bool(self.key.data("bool"))

    def __int__(self) -> int:
        return int(self.key.data("item"))

    def __float__(self) -> float:
        return float(self.key.data("item"))

    def __complex__(self) -> complex:
        return complex(self.key.data("item"))

    def __index__(self) -> int:
        return int(self.key.data("item"))


def _refusal(name: str) -> Any:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise _untouchable()

    method.__name__ = name
    return method


for _method in [
    "__getitem__",
    "__setitem__",
    "__iter__",
    "all",
    "any",
    "argmax",
    "argmin",
    "argpartition",
    "argsort",
    "astype",
    "choose",
    "clip",
    "compress",
    "conj",
    "conjugate",
    "copy",
    "cumprod",
    "cumsum",
    "diagonal",
    "dot",
    "fill",
    "flatten",
    "max",
    "mean",
    "min",
    "nonzero",
    "partition",
    "prod",
    "ptp",
    "put",
    "ravel",
    "repeat",
    "reshape",
    "resize",
    "round",
    "searchsorted",
    "sort",
    "squeeze",
    "std",
    "sum",
    "swapaxes",
    "take",
    "tobytes",
    "trace",
    "transpose",
    "var",
]:
    setattr(Shadow, _method, _refusal(_method))


NO_ITEM = (
    "vmap: It looks like you're calling .item() on a Tensor. We don't support vmap over calling .item() on a Tensor, please try to rewrite "
    "what you're doing with other operations. If error is occurring somewhere inside PyTorch internals, please file a bug report."
)
NO_BRANCH = (
    "vmap: It looks like you're attempting to use a Tensor in some data-dependent control flow. We don't support that yet, please file an "
    "issue at https://github.com/pytorch/pytorch/issues ."
)
NO_STORAGE = "Cannot access data pointer of Tensor that doesn't have storage"


def _untouchable() -> NotImplementedError:
    return NotImplementedError(
        "this function reads the elements of its argument directly, which batched and dual tensors do not support yet"
    )


def dress(array: np.ndarray, key: LevelKey) -> Tensor:
    """A tensor with `key`, described by `array`."""
    shadow = array.view(Shadow)
    shadow.key = key
    tensor: Tensor = make(Tensor, shadow, key)
    return tensor


def layer_of(tensor: Any) -> Layer | None:
    """The layer `tensor` belongs to, or None if it is an ordinary tensor."""
    key = tensor._key
    return key.layer if isinstance(key, LevelKey) else None


def at(tensor: Any, current: Layer) -> bool:
    """Whether `tensor` belongs to `current`."""
    key = tensor._key
    return isinstance(key, LevelKey) and key.layer is current


#: kind -> (run(operator, args, layer), run in place, lift(tensor, layer), unwrap a tensor of a closed layer)
Handler = tuple[
    Callable[[Operator, tuple[Any, ...], Layer], Any],
    Callable[[Operator, tuple[Any, ...], Layer], Any],
    Callable[[Any, Layer], Any],
    Callable[[Any], Any],
]
handlers: dict[str, Handler] = {}


def _alive(value: Any) -> Any:
    key = value._key
    if key._special == "lazy":
        return resolved(value)
    while isinstance(key, LevelKey) and not key.layer.open:
        value = handlers[key.layer.kind][3](value)
        key = value._key
    return value


def _top(operator: Operator, args: tuple[Any, ...]) -> Layer | None:
    top = None
    for tensor in dispatch.tensors_of(operator, args):
        current = layer_of(tensor)
        if current is not None and (top is None or current.number > top.number):
            top = current
    return top


def run(operator: Operator, args: tuple[Any, ...]) -> Any:
    """Run `operator` at the highest layer among its arguments."""
    args = map_tensors(operator, dispatch.complete(operator, args), _alive)
    top = _top(operator, args)
    if top is None:
        if any(
            value.__class__ in (int, float, bool, complex) and a.is_tensor
            for a, value in zip(operator.arguments, args, strict=True)
        ):
            return dispatch.slow(operator, args)
        return operator.call(*args)
    return handlers[top.kind][0](operator, args, top)


def run_inplace(operator: Operator, args: tuple[Any, ...]) -> Any:
    """The in-place form at the highest layer among the arguments; returns the overwritten tensor."""
    self = args[0]
    first = _alive(self)
    args = map_tensors(operator, dispatch.complete(operator, args), _alive)
    top = _top(operator, args)
    if top is None:
        inplace_number(operator, (first, *args[1:]))
    else:
        handlers[top.kind][1](operator, args, top)
    return self


for _kind in ("dual", "batched"):
    dispatch.transforms[_kind] = run
    dispatch.transforms[_kind + "_inplace"] = run_inplace


def lift(value: Any, current: Layer) -> Any:
    """`value` as a tensor of `current`, constant there unless the layer is transparent."""
    if not isinstance(value, Tensor) or at(value, current):
        return value
    lifted = handlers[current.kind][2](value, current)
    if current.transparent and requires(value):
        lifted._requires_grad = True
        lifted._edge = value._edge or (value, 0)
    return lifted


def requires(tensor: Any) -> bool:
    """Whether `tensor` wants a gradient at its own level."""
    flag = tensor._requires_grad
    return mutation.refresh(tensor) if flag is VIEW else bool(flag)


def _counts(tensor: Any, current: Layer) -> bool:
    return (at(tensor, current) or current.transparent) and requires(tensor)


def wants_history(operator: Operator, args: tuple[Any, ...], current: Layer) -> bool:
    """Whether a call has to be recorded in the graph of `current`."""
    if not modes.grad or operator.compiled.record is None:
        return False
    if operator.nondifferentiable and not operator.formulas:
        return False
    return any(_counts(tensor, current) for tensor in dispatch.tensors_of(operator, args))


def number_tensors(args: tuple[Any, ...], operator: Operator) -> tuple[Any, ...]:
    """Python numbers given for tensor arguments as 0-dim tensors that promote as numbers do."""
    return tuple(
        [
            numbers.wrapped_number(value)
            if argument.is_tensor and value.__class__ in (int, float, bool, complex)
            else value
            for argument, value in zip(operator.arguments, args, strict=True)
        ]
    )


def record(operator: Operator, results: Any, args: tuple[Any, ...], current: Layer) -> None:
    """Record a call in the graph of `current`. results: what the call returns, wrapped at `current`."""
    lifted = map_tensors(operator, number_tensors(args, operator), lambda tensor: lift(tensor, current))
    returns = operator.schema.returns
    outputs = (results,) if len(returns) == 1 else tuple(results)
    operator.compiled.record(*outputs, *lifted)


def as_view(result: Any, base: Any, many: bool) -> None:
    """Make `result` a view of `base`, both at one level: one version counter, history asked of the base."""
    result._counter = counter_of(base)
    result._origin = result._counter[0]
    result._requires_grad = VIEW
    creation = "multi" if many else None
    if base._base is None:
        result._base = base
    else:
        result._base = base._base
        creation = creation or base._creation
    result._creation = creation if modes.grad else "no_grad"


def call_number(operator: Operator, args: tuple[Any, ...]) -> Any:
    """Call `operator` below argument parsing, Python numbers in the place of tensors included."""
    if any(
        value.__class__ in (int, float, bool, complex) and a.is_tensor
        for a, value in zip(operator.arguments, args, strict=True)
    ):
        return dispatch.slow(operator, args)
    return operator.call(*args)


def inplace_number(operator: Operator, args: tuple[Any, ...]) -> Any:
    """The in-place form below argument parsing, Python numbers in the place of tensors included."""
    if any(
        value.__class__ in (int, float, bool, complex) and a.is_tensor
        for a, value in zip(operator.arguments, args, strict=True)
    ):
        return dispatch.inplace(operator, args)
    return operator.inplace(*args)


def blank(like: Any, shape: tuple[int, ...], strides: tuple[int, ...]) -> Tensor:
    """Zeros of the given geometry and of `like`'s dtype at `like`'s level."""
    key = like._key
    if isinstance(key, LevelKey):
        return key.blank(shape, strides)
    if layout.is_dense(shape, strides):
        array = layout.empty(shape, strides, key._dtype._numpy)
        array[...] = 0
    elif 0 not in shape and not mutation.overlapping(shape, strides):
        span = 1 + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
        memory = np.zeros(span, key._dtype._numpy)
        array = np.ndarray(shape, memory.dtype, memory, 0, [stride * memory.itemsize for stride in strides])
    else:
        array = np.zeros(shape, key._dtype._numpy)
    tensor: Tensor = make(Tensor, array, key_of(array))
    return tensor


dispatch.transforms["blank"] = blank  # type: ignore[assignment]


def zeros_like(tensor: Any) -> Tensor:
    """Zeros with the geometry of `tensor`, at its level."""
    return blank(tensor, tensor._array.shape, layout.contiguous_strides(tensor._array.shape))


def stripped(tensor: Any) -> Tensor:
    """`tensor` without its history at its own level."""
    twin: Tensor = make(Tensor, tensor._array, tensor._key)
    twin._counter = tensor._counter
    return twin


def with_below(tensor: Any, function: Callable[[Any], Any]) -> Any:
    """`tensor` with `function` applied to what lies below it, its place in the graph of its own level kept; itself if nothing changed."""
    key = tensor._key
    if not isinstance(key, LevelKey):
        return tensor
    before = key.parts()
    after = tuple([None if part is None else function(part) for part in before])
    if all(new is old for new, old in zip(after, before, strict=True)):
        return tensor
    twin = key.with_parts(after)
    twin._counter = tensor._counter
    if requires(tensor):
        twin._requires_grad = True
        twin._edge = tensor._edge or (tensor, 0)
    return twin


def requires_anywhere(tensor: Any) -> bool:
    """Whether `tensor` wants a gradient at its level or below."""
    if requires(tensor):
        return True
    key = tensor._key
    return isinstance(key, LevelKey) and any(
        part is not None and requires_anywhere(part) for part in key.parts()
    )


def copy_into(target: Any, source: Any) -> None:
    find("copy").inplace(target, source)
