"""Factories and random operators under batching.

Random operators draw once for all examples or once per example, as the `randomness` of the vmap in force says; tensors made like a
batched tensor are batched too.
"""

from __future__ import annotations

from typing import Any

from . import dispatch
from .batching import TOO_SMALL, aligned_random, any_batched, batched, expanded, inner_of, to_front
from .declare import Operator, find
from .levels import Layer, at, below, layer_of, map_tensors, record, wants_history
from .modes import modes
from .tensor import Tensor


def _current_batch() -> Layer | None:
    for layer in reversed(modes.layers):
        if layer.kind == "batched":
            return layer  # type: ignore[no-any-return]
    return None


_NO_RANDOM = (
    "vmap: called random operation while in randomness error mode. Please either use the 'same' or 'different' randomness flags on vmap or "
    "perform the randomness operation out of vmap"
)


def _guard(operator: Operator, call: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Factories from a tensor and random operators while transformations are in force."""
    random = dispatch.draws(operator)
    current = _current_batch()
    if random and current is not None:
        if current.randomness == "error":
            raise RuntimeError(_NO_RANDOM)
        if operator.family == "factory":
            return _random_factory(operator, call, args, kwargs, current)
        return _random(operator, args, kwargs, current)
    if operator.family == "factory" and ((args and isinstance(args[0], Tensor)) or "self" in kwargs):
        return _from_tensor(operator, call, args, kwargs)
    return call(*args, **kwargs)


def _split_self(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    if args:
        return args[0], args[1:], kwargs
    rest = dict(kwargs)
    name = "self" if "self" in rest else next(iter(rest))
    return rest.pop(name), (), rest


def _from_tensor(operator: Operator, call: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`zeros_like` and its kind: batched as the tensor is."""
    self, rest, others = _split_self(args, kwargs)
    layer = layer_of(self)
    if layer is None:
        return call(*args, **kwargs)
    if layer.kind != "batched":
        return operator.call(self._key.primal, *rest, **others)
    inner, dim = inner_of(self, layer)
    if dim is None:
        return operator.call(inner, *rest, **others)
    if not operator.name.startswith("new_") and others.get("memory_format") is None:
        return batched(operator.call(inner, *rest, **others), dim, layer)
    if not operator.name.startswith("new_"):
        return batched(operator.call(to_front(inner, dim), *rest, **others), 0, layer)
    if rest:
        size, rest = rest[0], rest[1:]
        size = (size,) if isinstance(size, int) else tuple(size)
        return batched(operator.call(inner, (layer.size, *size), *rest, **others), 0, layer)
    others = dict(others)
    size = others.pop("size")
    size = (size,) if isinstance(size, int) else tuple(size)
    if "stride" in others:
        stride = tuple(others["stride"])
        span = 1 + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        others["stride"] = (span, *stride)
    return batched(operator.call(inner, size=(layer.size, *size), **others), 0, layer)


def _random_factory(
    operator: Operator, call: Any, args: tuple[Any, ...], kwargs: dict[str, Any], layer: Layer
) -> Any:
    """Random tensors from nothing, or in the shape of a tensor."""
    names = [argument.name for argument in operator.arguments]
    values = {**dict(zip(names, args, strict=False)), **kwargs}
    first = values.get("self")
    with below(layer):
        if isinstance(first, Tensor):
            if at(first, layer) and layer.randomness == "same":
                inner, dim = inner_of(first, layer)
                values["self"] = inner if dim is None else find("select", "int").call(inner, dim, 0)
                return operator.call(**values)
            if layer.randomness == "same":
                return operator.call(**values)
            values["self"] = expanded(first, layer)
            return batched(operator.call(**values), 0, layer)
        if layer.randomness == "same":
            return operator.call(**values)
        if "size" in values and values["size"] is not None:
            size = values["size"]
            size = (size,) if isinstance(size, int) else tuple(size)
            values["size"] = (layer.size, *size)
            return batched(operator.call(**values), 0, layer)
        rows = [operator.call(**values) for _ in range(layer.size)]
        return batched(find("stack").call(rows, 0), 0, layer)


def _random(operator: Operator, args: tuple[Any, ...], kwargs: dict[str, Any], layer: Layer) -> Any:
    """Random operators on tensors."""
    names = [argument.name for argument in operator.arguments]
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    values = dispatch.complete(
        operator,
        tuple(
            [
                given.get(a.name, None if a.name not in given and a.kind == "Generator" else a.default)
                for a in operator.arguments
            ]
        ),
    )
    if any_batched(operator, values, layer):
        if layer.randomness == "same":
            raise RuntimeError(
                "Vmap does not currently support same randomness with a batched tensor input. Please file an issue with functorch"
            )
    elif layer.randomness == "same":
        with below(layer):
            return operator.call(*map_tensors(operator, values, lambda tensor: inner_of(tensor, layer)[0]))
    with below(layer):
        result = aligned_random(operator, values, layer)
    outputs = result if isinstance(result, tuple | list) else [result]
    shown = [batched(output, 0, layer) for output in outputs]
    wrapped: Any = tuple(shown) if isinstance(result, tuple | list) else shown[0]
    if wants_history(operator, values, layer):
        record(operator, wrapped, values, layer)
    return wrapped


def _guard_inplace(operator: Operator, args: tuple[Any, ...]) -> None:
    """Whether a random operator may write into `args[0]`. Raises RuntimeError with torch's texts."""
    current = _current_batch()
    if current is None:
        return
    if current.randomness == "error":
        raise RuntimeError(_NO_RANDOM)
    self = args[0]
    has = at(self, current) and self._key.dim is not None
    if not has and current.randomness == "different":
        raise RuntimeError(
            "vmap: Cannot ask for different inplace randomness on an unbatched tensor. This will appear like same randomness. If this is "
            "necessary for your usage, please file an issue with functorch."
        )
    if not has and any_batched(operator, args, current):
        raise RuntimeError(TOO_SMALL)


dispatch.transforms["guard"] = _guard  # type: ignore[assignment]
dispatch.transforms["guard_inplace"] = _guard_inplace
