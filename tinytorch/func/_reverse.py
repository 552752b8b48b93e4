"""grad, vjp and jacrev: reverse mode as functions of functions.

A level of reverse mode needs no tensors of its own: its inputs are new leaves (or aliases, where an outer level wants gradients too) in
the graph of the level that is in force, and results lose that graph again unless somebody outside depends on it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

from .._core import backward as engine
from .._core.declare import find
from .._core.levels import Layer, layer, lift, requires, requires_anywhere, stripped, with_below, zeros_like
from .._core.modes import modes
from .._core.pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten, treespec_pprint
from .._core.tensor import Tensor, counter_of, make
from ._arguments import replace_arguments, slice_arguments

_UNDIFFERENTIABLE = "Thing passed to transform API must be Tensor, got "


class Level:
    """One level of reverse mode: its leaves, and whether anybody outside may want gradients of its results."""

    def __init__(self, current: Layer) -> None:
        self.current = current
        self.nested = current.number > 1
        self.leaves: set[int] = set()
        self.held: list[Any] = []

    def start(self, value: Any) -> Any:
        """`value` as an input that is differentiated: a tensor of its own with `value`'s elements."""
        if not isinstance(value, Tensor):
            raise ValueError(f"{_UNDIFFERENTIABLE}{type(value)}")
        top = _wrapping_layer(self.current)
        if top is not None:
            value = lift(value, top)
        if requires(value):
            return find("alias").call(value)
        if value._key._dtype._category not in ("float", "complex"):
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        leaf = make(Tensor, value._array, value._key)
        leaf._counter = counter_of(value)
        leaf._requires_grad = True
        self.leaves.add(id(leaf))
        self.held.append(leaf)
        return leaf

    def foreign(self, tensors: list[Any]) -> bool:
        """Whether the history of `tensors` reaches a leaf that is not of this level."""
        seen: set[int] = set()
        stack = [engine.edge_of(tensor) for tensor in tensors]
        while stack:
            edge = stack.pop()
            if edge is None:
                continue
            target = edge[0] if edge.__class__ is tuple else edge
            if id(target) in seen:
                continue
            seen.add(id(target))
            if target._arity == 0:
                if id(target) not in self.leaves:
                    return True
            else:
                stack.extend(target._edges)
        return False

    def finish(self, value: Any) -> Any:
        """A result as the outside sees it."""
        if not isinstance(value, Tensor):
            return value
        value = with_below(value, self.finish)
        if not requires(value):
            return value
        if id(value) in self.leaves or not modes.grad or not self.foreign([value]):
            return stripped(value)
        return value

    def gradients(
        self, outputs: list[Any], inputs: list[Any], cotangents: list[Any] | None, create: bool, keep: bool
    ) -> list[Any]:
        """The derivatives of `outputs` by `inputs`, zeros where there is no dependence."""
        pairs = [
            (engine.edge_of(output), _ones(output) if cotangents is None else cotangents[position])
            for position, output in enumerate(outputs)
        ]
        roots = [(edge, cotangent) for edge, cotangent in pairs if edge is not None and cotangent is not None]
        if not roots:
            return [zeros_like(value) for value in inputs]
        ports = [engine.port_of(engine.edge_of(value)) for value in inputs]
        captured = engine.run(roots, keep, create, ports, False)
        return [
            zeros_like(value) if captured.get(port) is None else captured[port]
            for value, port in zip(inputs, ports, strict=True)
        ]


def _wrapping_layer(current: Layer) -> Layer | None:
    """The highest layer below `current` whose tensors have a graph of their own."""
    for item in reversed(modes.layers):
        if item.number < current.number and item.kind != "grad" and not item.transparent:
            return item  # type: ignore[no-any-return]
    return None


def _ones(output: Any) -> Any:
    ones = zeros_like(output)
    return find("fill", "Scalar").call(ones, 1)


@contextmanager
def _level() -> Any:
    if modes.saved_tensor_hooks:
        raise RuntimeError(
            "torch.func.{grad, vjp, jacrev, hessian} don't yet support saved tensor hooks. Please open an issue with your use case."
        )
    before = modes.grad
    with layer("grad") as current:
        level = Level(current)
        modes.grad = True
        try:
            yield level, before
        finally:
            modes.grad = before


def _aux(result: Any, api: str) -> tuple[Any, Any]:
    if not (isinstance(result, tuple) and len(result) == 2):
        raise RuntimeError(f"{api}: output of function f should be a tuple: (output, aux) if has_aux is True")
    return result


def _finish_aux(level: Level, aux: Any) -> Any:
    def finish(value: Any) -> Any:
        if not isinstance(value, Tensor):
            raise RuntimeError(f"Expected tensors, got unsupported type {type(value)}")
        return level.finish(value)

    return tree_map(finish, aux)


def _grad_and_value(
    function: Any, argnums: Any, has_aux: bool, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    api = "grad_and_value(f)(*args)"
    with _level() as (level, outside):
        chosen = tree_map(level.start, slice_arguments(args, argnums, False))
        output = function(*replace_arguments(args, chosen, argnums), **kwargs)
        aux = None
        if has_aux:
            output, aux = _aux(output, api)
        if not isinstance(output, Tensor):
            raise RuntimeError(f"{api}: Expected f(*args) to return a Tensor, got {type(output)}")
        if output.dim() != 0:
            raise RuntimeError(
                f"{api}: Expected f(*args) to return a scalar Tensor, got tensor with {output.dim()} dims. Maybe you wanted to use the vjp or "
                "jacrev APIs instead?"
            )
        inputs, spec = tree_flatten(chosen)
        shared = outside and (level.nested or level.foreign([output]))
        found = level.gradients([output], inputs, None, shared, shared)
        modes.grad = outside
        gradients = tree_unflatten([level.finish(value) for value in found], spec)
        value = level.finish(output)
        if has_aux:
            return gradients, (value, _finish_aux(level, aux))
        return gradients, value


def grad(func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The gradient of a scalar function by its arguments `argnums`. Source: torch's documentation, torch.func.grad."""

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        gradients, rest = _grad_and_value(func, argnums, has_aux, args, kwargs)
        return (gradients, rest[1]) if has_aux else gradients

    return wrapper


def grad_and_value(func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The gradient and the value of a scalar function. Source: torch's documentation, torch.func.grad_and_value."""

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return _grad_and_value(func, argnums, has_aux, args, kwargs)

    return wrapper


def check_tensors(outputs: list[Any], api: str) -> None:
    """Raises RuntimeError with torch's texts unless `outputs` are tensors, at least one."""
    if not outputs or (len(outputs) == 1 and outputs[0] is None):
        raise RuntimeError(
            f"{api}: Expected f to be a function that has non-empty output (got output = {outputs})"
        )
    for output in outputs:
        if not isinstance(output, Tensor):
            raise RuntimeError(
                f"{api}: expected f(*primals) to return only tensors, got unsupported type {type(output)}"
            )


def vjp_arguments(function: Any, args: tuple[Any, ...], argnums: Any, has_aux: bool) -> Any:
    """`vjp` with respect to the arguments `argnums` (None: all)."""
    with _level() as (level, outside):
        if argnums is None:
            chosen: Any = tree_map(level.start, args)
            given = chosen
        else:
            chosen = tree_map(level.start, slice_arguments(args, argnums, False))
            given = replace_arguments(args, chosen, argnums)
        outputs = function(*given)
        aux = None
        if has_aux:
            outputs, aux = _aux(outputs, "vjp(f, *primals)")
        flat, spec = tree_flatten(outputs)
        check_tensors(flat, "vjp(f, *primals)")
        inputs, input_spec = tree_flatten(chosen)
        for output in flat:
            if not (output.is_floating_point() or output.is_complex()):
                raise RuntimeError(
                    f"vjp(f, ...): All outputs of f must be floating-point or complex Tensors, got Tensor with dtype {output.dtype}"
                )
        modes.grad = outside
        results = tree_unflatten([level.finish(output) for output in flat], spec)
        if has_aux:
            aux = _finish_aux(level, aux)

    def pull(cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        """The cotangents of the inputs, from those of the outputs."""
        create = modes.grad if create_graph is None else create_graph
        values, given_spec = tree_flatten(cotangents)
        if given_spec != spec:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of outputs to the function. "
                f"cotangents: {treespec_pprint(given_spec)}, primal output: {treespec_pprint(spec)}"
            )
        from ..autograd._functions import make_grads

        starts = make_grads(flat, values, False)
        shared = create and (
            level.nested or level.foreign(flat) or any(requires_anywhere(value) for value in values)
        )
        found = level.gradients(flat, inputs, starts, shared, retain_graph)
        return tree_unflatten([level.finish(value) for value in found], input_spec)

    return (results, pull, aux) if has_aux else (results, pull)


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """(func(*primals), the function that pulls cotangents back). Source: torch's documentation, torch.func.vjp."""
    return vjp_arguments(func, primals, None, has_aux)


def refuse_complex(api: str, args: Any, inputs: bool) -> None:
    for index, arg in enumerate(tree_leaves(args)):
        if isinstance(arg, Tensor) and arg.dtype.is_complex:
            what = "inputs" if inputs else "outputs"
            raise RuntimeError(
                f"{api}: Expected all {what} to be real but received complex tensor at flattened input idx: {index}"
            )


def standard_basis(tensors: list[Any], chunk_size: int | None) -> Any:
    """The rows of the identity over all elements of `tensors`, in chunks of rows, each row shaped as the tensors are."""
    counts = [tensor.numel() for tensor in tensors]
    total = sum(counts)
    chunk = total if chunk_size is None or chunk_size >= total else chunk_size
    for first in range(0, total, chunk or 1) if total else [0]:
        rows = min(chunk, total - first)
        basis = []
        offset = first
        for tensor, count in zip(tensors, counts, strict=True):
            block = tensor.new_zeros((rows, count))
            block.diagonal(offset).fill_(1)
            basis.append(block.view(rows, *tensor.shape))
            offset -= count
        yield tuple(basis)


def jacrev(
    func: Callable[..., Any],
    argnums: Any = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Callable[..., Any]:
    """The Jacobian of `func`, row by row in reverse mode. Source: torch's documentation, torch.func.jacrev."""
    if not (chunk_size is None or chunk_size > 0):
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")

    @functools.wraps(func)
    def wrapper(*args: Any) -> Any:
        from ._vmap import vmap

        refuse_complex("jacrev", args, True)
        found = vjp_arguments(func, args, argnums, has_aux)
        output, pull = found[0], found[1]
        flat, spec = tree_flatten(output)
        refuse_complex("jacrev", flat, False)
        counts = [out.numel() for out in flat]
        primals = slice_arguments(args, argnums, True)
        inputs, input_spec = tree_flatten(primals)
        chunks = []
        for basis in standard_basis(flat, chunk_size):
            if chunk_size == 1:
                rows = pull(tree_unflatten([block.squeeze(0) for block in basis], spec))
                chunks.append([row.unsqueeze(0) for row in tree_leaves(rows)])
            else:
                chunks.append(tree_leaves(vmap(pull)(tree_unflatten(basis, spec))))
        stacked = (
            chunks[0]
            if len(chunks) == 1
            else [find("cat").call(list(column), 0) for column in zip(*chunks, strict=True)]
        )
        by_input = []
        for result, primal in zip(stacked, inputs, strict=True):
            parts = result.split(counts, 0)
            by_input.append(
                [
                    part.view(tuple(out.shape) + tuple(primal.shape))
                    for part, out in zip(parts, flat, strict=True)
                ]
            )
        by_output = [tree_unflatten(row, input_spec) for row in zip(*by_input, strict=True)]
        if isinstance(argnums, int):
            by_output = [row[0] for row in by_output]
        jacobian = tree_unflatten(by_output, spec)
        return (jacobian, found[2]) if has_aux else jacobian

    return wrapper


def functionalize(func: Callable[..., Any], *, remove: str = "mutations") -> Callable[..., Any]:
    """`func` as it is: mutation needs no removal here, because nothing traces programs."""
    if remove not in ("mutations", "mutations_and_views"):
        raise RuntimeError(
            f"functionalize(f, remove='mutations'): received invalid argument for remove={remove}. Valid options are:\n"
            "     remove='mutations': all inplace and out= operators will be removed from the program, and replaced with their out-of-place "
            "equivalents.\n"
            "     remove='mutations_and_views': In addition to the above, all aliasing operators {view} will be replaced with their "
            "non-aliasing counterparts, {view}_copy.\n"
        )

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return func(*args, **kwargs)

    return wrapped


def debug_unwrap(tensor: Any, *, recurse: bool = True) -> Any:
    """What lies below a tensor of a transformation, for looking at while debugging; all the way down with `recurse`."""
    if not isinstance(tensor, Tensor):
        raise RuntimeError(f"Expected torch.Tensor but got {type(tensor)}")
    result = tensor
    while True:
        key = result._key
        below = getattr(key, "inner", None) if hasattr(key, "inner") else getattr(key, "primal", None)
        if below is None:
            return result
        result = below
        if not recurse:
            return result


for _function in (grad, grad_and_value, vjp, jacrev, functionalize, debug_unwrap):
    _function.__module__ = "torch.func"
