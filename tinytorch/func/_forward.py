"""jvp, jacfwd, hessian and linearize: forward mode as functions of functions."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .._core import dispatch, forward
from .._core.declare import find
from .._core.levels import Layer, at, blank, copy_into, layer, zeros_like
from .._core.modes import modes
from .._core.pytree import tree_flatten, tree_map, tree_unflatten
from .._core.tensor import Tensor
from ._arguments import replace_arguments, slice_arguments
from ._reverse import check_tensors, jacrev, refuse_complex, standard_basis

API = "jvp(f, primals, tangents)"


def _check_list(values: list[Any], name: str) -> None:
    if not values:
        raise RuntimeError(f"{API}: Expected {name} to contain at least one Tensor.")
    for value in values:
        if not isinstance(value, Tensor):
            raise RuntimeError(f"{API}: Expected {name} to only contain Tensors, got {type(value)}")


def _start(primal: Any, tangent: Any, current: Layer) -> Any:
    for what, value in (("primal", primal), ("tangent", tangent)):
        if not (value.is_floating_point() or value.is_complex()):
            raise ValueError(f"Expected {what} to be floating point or complex, but got: {value.dtype}")
    if primal.shape != tangent.shape:
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not supported. "
            f"Tensor is of size {list(primal.shape)} while the given forward gradient is of size {list(tangent.shape)}."
        )
    return forward.dual(primal, _laid_out_alike(primal, tangent), current)


def _laid_out_alike(primal: Any, tangent: Any) -> Any:
    """`tangent` in the memory order of `primal`, copied if it has another.

    Raises RuntimeError with torch's text for an expanded primal, over whose repeated elements nothing can be written.
    """
    steps, others = primal.stride(), tangent.stride()
    if tangent._key._special not in (None, "strided") or all(
        step == other or size < 2 for size, step, other in zip(primal.shape, steps, others, strict=True)
    ):
        return tangent
    dispatch.check_overlap(primal._array)
    copied = blank(tangent, tuple(primal.shape), steps)
    copy_into(copied, tangent)
    return copied


def _drop(value: Any, current: Layer) -> Any:
    return value._key.primal if isinstance(value, Tensor) and at(value, current) else value


def jvp_arguments(
    function: Any, primals: Any, tangents: Any, argnums: Any, strict: bool, has_aux: bool
) -> Any:
    """`jvp` with respect to the arguments `argnums` (None: all)."""
    if not isinstance(primals, tuple):
        raise RuntimeError(
            f"{API}: Expected primals to be a tuple. E.g. it should be valid to call f(*primals)."
        )
    chosen = primals if argnums is None else slice_arguments(primals, argnums, True)
    values, spec = tree_flatten(chosen)
    pushes, push_spec = tree_flatten(tangents)
    if spec != push_spec:
        raise RuntimeError(
            f"{API}: Expected primals and tangents to have the same python structure. For example, if primals is a tuple of 3 tensors, "
            f"tangents also must be. Got primals with structure {spec} and tangents with structure {push_spec}"
        )
    _check_list(values, "primals")
    _check_list(pushes, "tangents")
    before = modes.forward_grad
    modes.forward_grad = True
    try:
        with layer("dual") as current:
            duals = tree_unflatten([_start(p, t, current) for p, t in zip(values, pushes, strict=True)], spec)
            if argnums is not None:
                duals = replace_arguments(primals, duals[0] if isinstance(argnums, int) else duals, argnums)
            results = function(*duals)
            aux = None
            if has_aux:
                if not (isinstance(results, tuple) and len(results) == 2):
                    raise RuntimeError(
                        f"{API}: output of function f should be a tuple: (output, aux) if has_aux is True"
                    )
                results, aux = results
                aux = tree_map(lambda value: _drop(value, current), aux)
            flat, out_spec = tree_flatten(results)
            check_tensors(flat, API)
            outputs, pushed = [], []
            for value in flat:
                tangent = forward.tangent_of(value, current)
                primal = _drop(value, current)
                if tangent is None:
                    if strict:
                        raise RuntimeError(
                            "jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. This is not allowed with "
                            "strict=True."
                        )
                    tangent = zeros_like(primal)
                outputs.append(find("alias").call(primal))
                pushed.append(tangent)
    finally:
        modes.forward_grad = before
    answer = (tree_unflatten(outputs, out_spec), tree_unflatten(pushed, out_spec))
    return (*answer, aux) if has_aux else answer


def jvp(
    func: Callable[..., Any], primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False
) -> Any:
    """(func(*primals), its derivative in the direction `tangents`). Source: torch's documentation, torch.func.jvp."""
    return jvp_arguments(func, primals, tangents, None, strict, has_aux)


def jacfwd(
    func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False, *, randomness: str = "error"
) -> Callable[..., Any]:
    """The Jacobian of `func`, column by column in forward mode. Source: torch's documentation, torch.func.jacfwd."""

    @functools.wraps(func)
    def wrapper(*args: Any) -> Any:
        from ._vmap import vmap

        refuse_complex("jacfwd", args, True)
        primals = args if argnums is None else slice_arguments(args, argnums, True)
        flat, spec = tree_flatten(primals)
        counts = [value.numel() for value in flat]
        basis = tree_unflatten(next(iter(standard_basis(flat, None))), spec)

        def push(tangents: Any) -> Any:
            output = jvp_arguments(func, args, tangents, argnums, False, has_aux)
            refuse_complex("jacfwd", output[0], False)
            return (output[1], output[2]) if has_aux else output[1]

        results = vmap(push, randomness=randomness)(basis)
        aux = None
        if has_aux:
            results, aux = results
            aux = tree_map(lambda value: value[0], aux)
        columns, out_spec = tree_flatten(results)
        by_output = []
        for column in columns:
            parts = column.movedim(0, -1).split(counts, -1)
            row = [_unflatten(part, primal.shape) for part, primal in zip(parts, flat, strict=True)]
            by_output.append(tree_unflatten(row, spec))
        if isinstance(argnums, int):
            by_output = [row[0] for row in by_output]
        jacobian = tree_unflatten(by_output, out_spec)
        return (jacobian, aux) if has_aux else jacobian

    return wrapper


def _unflatten(tensor: Any, shape: Any) -> Any:
    return tensor.unflatten(-1, tuple(shape)) if shape else tensor.squeeze(-1)


def hessian(func: Callable[..., Any], argnums: Any = 0) -> Callable[..., Any]:
    """The Jacobian of the gradient, forward over reverse. Source: torch's documentation, torch.func.hessian."""
    return jacfwd(jacrev(func, argnums), argnums)


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """(func(*primals), the derivative there as a function of tangents). Source: torch's documentation, torch.func.linearize.

    The function is run again for every tangent: nothing here traces programs.
    """
    output = func(*primals)
    flat = tree_flatten(primals)[0]

    def push(*tangents: Any) -> Any:
        given, spec = tree_flatten(tangents)
        if spec != tree_flatten(primals)[1]:
            raise RuntimeError(
                "Expected the tangents "
                f"{spec} to have the same argspec as the primals {tree_flatten(primals)[1]}"
            )
        for index, (primal, tangent) in enumerate(zip(flat, given, strict=True)):
            if primal.shape != tangent.shape:
                raise RuntimeError(
                    f"Expected tangent at position {index} to have shape {tuple(primal.shape)}, but got {tuple(tangent.shape)}"
                )
        return jvp(func, primals, tangents)[1]

    return output, push


for _function in (jvp, jacfwd, hessian, linearize):
    _function.__module__ = "torch.func"
