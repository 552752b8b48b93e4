"""vmap: a function of one example made a function of a batch."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

from .._core.batching import batched, front, inner_of
from .._core.declare import find
from .._core.levels import Layer, at, layer
from .._core.pytree import TreeSpec, _broadcast_to_and_flatten, tree_flatten, tree_map, tree_unflatten
from .._core.tensor import Tensor


def name_of(function: Any) -> str:
    """The name by which error texts call a function."""
    if hasattr(function, "__name__"):
        return function.__name__  # type: ignore[no-any-return]
    if isinstance(function, functools.partial):
        return f"functools.partial({name_of(function.func)}, ...)"
    return repr(function)


def _check_out_dims(out_dims: Any, function: Any) -> None:
    if isinstance(out_dims, int):
        return

    def check(value: Any) -> None:
        if value is not None and not isinstance(value, int):
            raise ValueError(
                f"vmap({name_of(function)}, ..., out_dims={out_dims}): `out_dims` must be an int, None or a python collection of ints "
                "representing where in the outputs the vmapped dimension should appear."
            )

    tree_map(check, out_dims)


def _inputs(
    in_dims: Any, args: tuple[Any, ...], function: Any
) -> tuple[int, list[int | None], list[Any], TreeSpec]:
    """(batch size, batch dimension of every leaf, leaves, structure). Raises ValueError with torch's texts."""
    call = f"vmap({name_of(function)}, in_dims={in_dims}, ...)(<inputs>): "
    if not isinstance(in_dims, int | tuple):
        raise ValueError(
            f"{call}expected `in_dims` to be int or a (potentially nested) tuple matching the structure of inputs, got: {type(in_dims)}."
        )
    if not args:
        raise ValueError(
            f"vmap({name_of(function)})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying to vmap over a function "
            "with no inputs. The latter is unsupported."
        )
    leaves, spec = tree_flatten(args)
    dims = _broadcast_to_and_flatten(in_dims, spec)
    if dims is None:
        raise ValueError(
            f"{call}in_dims is not compatible with the structure of `inputs`. in_dims has structure {tree_flatten(in_dims)[1]} but inputs "
            f"has structure {spec}."
        )
    for position, (leaf, dim) in enumerate(zip(leaves, dims, strict=True)):
        if dim is None:
            continue
        if not isinstance(dim, int):
            raise ValueError(
                f"{call}Got in_dim={dim} for an input but in_dim must be either an integer dimension or None."
            )
        if not isinstance(leaf, Tensor):
            raise ValueError(
                f"{call}Got in_dim={dim} for an input but the input is of type {type(leaf)}. We cannot vmap over non-Tensor arguments, please "
                "use None as the respective in_dim"
            )
        rank = leaf.dim()
        if not -rank <= dim < rank:
            raise ValueError(
                f"{call}Got in_dim={dim} for some input, but that input is a Tensor of dimensionality {rank} so expected in_dim to satisfy "
                f"-{rank} <= in_dim < {rank}."
            )
        dims[position] = dim % rank
    sizes = [leaf.size(dim) for leaf, dim in zip(leaves, dims, strict=True) if dim is not None]
    if not sizes:
        raise ValueError("vmap: Expected at least one Tensor to vmap over")
    if any(size != sizes[0] for size in sizes):
        raise ValueError(
            f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {sizes} for the mapped dimension"
        )
    return sizes[0], dims, leaves, spec


def _place(value: Any, current: Layer, out_dim: int | None, name: str) -> Any:
    """A result with its batch dimension where the caller wants it."""
    if out_dim is None:
        if isinstance(value, Tensor) and at(value, current) and inner_of(value, current)[1] is not None:
            raise ValueError(
                f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim is None"
            )
        return inner_of(value, current)[0]
    if not isinstance(value, Tensor):
        raise ValueError(
            f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(value)}. Did you mean to set out_dims= to None for output?"
        )
    inner, has = front(value, current)
    rank = value.dim() + 1
    if not has:
        inner = find("expand").call(find("unsqueeze").call(inner, 0), (current.size, *inner.shape))
    if not -rank <= out_dim < rank:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], but got {out_dim})"
        )
    return inner.movedim(0, out_dim) if out_dim % rank else inner


def _outputs(result: Any, out_dims: Any, current: Layer, function: Any) -> Any:
    leaves, spec = tree_flatten(result)

    def refuse() -> ValueError:
        return ValueError(
            f"vmap({name_of(function)}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with the structure of `outputs`. "
            f"out_dims has structure {tree_flatten(out_dims)[1]} but outputs has structure {spec}."
        )

    dims: list[Any] | None
    if isinstance(result, Tensor):
        if out_dims is None or isinstance(out_dims, int):
            dims = [out_dims]
        elif isinstance(out_dims, tuple) and len(out_dims) == 1:
            dims = list(out_dims)
        else:
            raise refuse()
    else:
        dims = _broadcast_to_and_flatten(out_dims, spec)
        if dims is None:
            raise refuse()
    name = name_of(function)
    return tree_unflatten(
        [_place(leaf, current, dim, name) for leaf, dim in zip(leaves, dims, strict=True)], spec
    )


def _once(
    function: Any,
    size: int,
    dims: list[int | None],
    leaves: list[Any],
    spec: TreeSpec,
    out_dims: Any,
    randomness: str,
    kwargs: dict[str, Any],
) -> Any:
    with layer("batched", size=size, randomness=randomness) as current:
        args = [
            leaf if dim is None else batched(_shared(leaf), dim, current)
            for leaf, dim in zip(leaves, dims, strict=True)
        ]
        return _outputs(function(*tree_unflatten(args, spec), **kwargs), out_dims, current, function)


def _shared(leaf: Any) -> Any:
    return leaf


def _chunked(
    function: Any,
    size: int,
    chunk: int,
    dims: list[Any],
    leaves: list[Any],
    spec: TreeSpec,
    out_dims: Any,
    randomness: str,
    kwargs: Any,
) -> Any:
    """The batch in pieces of `chunk` examples, one after the other."""
    sizes = [chunk] * (size // chunk) + ([size % chunk] if size % chunk else [])
    starts = [0, *itertools.accumulate(sizes)]
    pieces: list[list[Any]] = []
    result_spec = None
    for start, count in zip(starts, sizes, strict=False):
        part = [
            leaf if dim is None else leaf.narrow(dim, start, count)
            for leaf, dim in zip(leaves, dims, strict=True)
        ]
        found, result_spec = tree_flatten(
            _once(function, count, dims, part, spec, out_dims, randomness, kwargs)
        )
        pieces.append(found)
    assert result_spec is not None
    places = _broadcast_to_and_flatten(out_dims, result_spec) or []
    columns = zip(*pieces, strict=True)
    return tree_unflatten(
        [find("cat").call(list(column), place) for column, place in zip(columns, places, strict=True)],
        result_spec,
    )


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """`func`, written for one example, applied over dimension `in_dims` of its arguments. Source: torch's documentation, torch.vmap.

    Raises ValueError for dimensions that do not fit.
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(
            f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}"
        )
    if not (chunk_size is None or chunk_size > 0):
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        from .._operators import _batching_products  # noqa: F401

        _check_out_dims(out_dims, func)
        size, dims, leaves, spec = _inputs(in_dims, args, func)
        if chunk_size is not None and size:
            return _chunked(func, size, chunk_size, dims, leaves, spec, out_dims, randomness, kwargs)
        return _once(func, size, dims, leaves, spec, out_dims, randomness, kwargs)

    return wrapped


vmap.__module__ = "torch.func"
