"""Comparing derivatives with finite differences. Source: torch's documentation, "Gradcheck mechanics"."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from .._core import backward as _engine
from .._core.declare import find as _find
from .._core.node import Node as _Node
from .._core.tensor import Tensor, make
from ._finite_differences import (
    GradcheckError,
    _as_tuple,
    _close,
    _compare_backward,
    _compare_forward,
    _differentiable,
    _inexact,
    _tensors,
)
from ._functions import grad as _grad

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


def _check_inputs(inputs: tuple[Any, ...]) -> None:
    found = False
    for index, item in enumerate(inputs):
        if not isinstance(item, Tensor) or not item.requires_grad:
            continue
        if item._key._dtype._name not in ("float64", "complex128"):
            warnings.warn(
                f"Input #{index} requires gradient and is not a double precision floating point or complex. This check will likely fail if all "
                "the inputs are not of double precision floating point or complex. ",
                stacklevel=4,
            )
        if not all(step > 0 or size <= 1 for step, size in zip(item.stride(), item.size(), strict=True)):
            raise RuntimeError(
                f"The {index}th input has a dimension with stride 0. gradcheck only supports inputs that are non-overlapping to be able to compute "
                "the numerical gradients correctly. You should call .contiguous on the input before passing it to gradcheck."
            )
        found = True
    if not found:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True."
        )


class _UndefinedGrad(_Node):
    """Passes on no gradient at all."""

    def _backward(self, edges: Any, *cotangents: Any) -> tuple[Any, ...]:
        return (None,)


def _undefined(output: Any) -> Any:
    result = make(Tensor, output._array, output._key)
    result._requires_grad = True
    result._edge = _UndefinedGrad((_engine.edge_of(output),), output._array.shape, output._key._dtype)
    return result


def _check_zero_cotangents(outputs: tuple[Any, ...], inputs: tuple[Any, ...]) -> None:
    """A derivative is linear in the cotangent, and has the type and size of its input."""
    sources = list(_tensors(inputs))
    if not sources:
        raise GradcheckError("no Tensors requiring grad found in input")
    grads = (
        _grad(
            outputs, sources, [_find("zeros_like").call(out.detach()) for out in outputs], allow_unused=True
        )
        if outputs
        else ()
    )
    for item, source in zip(grads, sources, strict=False):
        if item is None:
            continue
        if not bool((item == 0).all()):
            raise GradcheckError("backward not multiplied by grad_output")
        if item.dtype != source.dtype:
            raise GradcheckError("grad is incorrect type")
        if item.size() != source.size():
            raise GradcheckError("grad is incorrect size")


def _check_undefined(function: Any, count: int, inputs: tuple[Any, ...]) -> None:
    """Outputs without any cotangent count as zeros."""
    sources = list(_tensors(inputs))

    def warn() -> None:
        warnings.warn(
            "Backwards compatibility: New undefined gradient support checking feature is enabled by default, but it may break existing callers of "
            'this function. If this is true for you, you can call this function with "check_undefined_grad=False" to disable the feature',
            stacklevel=6,
        )

    def check(outputs: list[Any]) -> None:
        try:
            grads = _grad(
                outputs,
                sources,
                [_find("zeros_like").call(out.detach()) for out in outputs],
                allow_unused=True,
            )
        except RuntimeError as error:
            warn()
            raise GradcheckError(
                'Expected backward function to handle undefined output grads. Please look at "Notes about undefined output gradients" in '
                '"tools/autograd/derivatives.yaml"'
            ) from error
        if any(item is not None and not bool((item == 0).all()) for item in grads):
            warn()
            raise GradcheckError(
                "Expected all input grads to be undefined or zero when all output grads are undefined or zero. Please look at "
                '"Notes about undefined output gradients" in "tools/autograd/derivatives.yaml"'
            )

    if not count:
        return
    check([_undefined(out) for out in _differentiable(function(*inputs))])
    if count > 1:
        for chosen in range(count):
            outputs = _differentiable(function(*inputs))
            check([_undefined(out) if index == chosen else out for index, out in enumerate(outputs)])


def _part(function: Any, imaginary: bool) -> Callable[..., Any]:
    """The real or imaginary part of a function with complex outputs."""
    part = _find("imag" if imaginary else "real").call

    def run(*inputs: Any) -> Any:
        return tuple(
            [
                part(out) if out._key._dtype._category == "complex" else out
                for out in _as_tuple(function(*inputs))
            ]
        )

    return run


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Whether derivatives of `func` at `inputs` agree with central differences of width `eps`.

    Inputs should be float64 or complex128. `fast_mode`, which in torch compares random projections, compares everything here.
    Raises GradcheckError with torch's text where they differ; returns False instead if not `raise_exception`.
    """
    if not (check_forward_ad or check_backward_ad):
        raise AssertionError("Expected at least one of check_forward_ad or check_backward_ad to be True")
    if check_batched_grad and not check_backward_ad:
        raise AssertionError("Setting check_batched_grad=True requires check_backward_ad to be True")
    if check_batched_forward_grad and not check_forward_ad:
        raise AssertionError("Setting check_batched_forward_grad=True requires check_forward_ad to be True")
    options = {
        "eps": eps,
        "atol": atol,
        "rtol": rtol,
        "nondet_tol": nondet_tol,
        "check_grad_dtypes": check_grad_dtypes,
    }
    try:
        given = _as_tuple(inputs)
        _check_inputs(given)
        raw = func(*given)
        outputs = _differentiable(raw)
        if check_backward_ad:
            complex_outputs = [
                index for index, out in enumerate(outputs) if out._key._dtype._category == "complex"
            ]
            if any(out._key._dtype._category == "complex" for out in _as_tuple(raw)):
                _compare_backward(_part(func, True), given, options, complex_outputs, "imaginary")
                _compare_backward(_part(func, False), given, options, complex_outputs, "real")
            else:
                _compare_backward(func, given, options, [], "real")
        if check_forward_ad:
            _compare_forward(func, given, options)
            if check_batched_forward_grad:
                _check_batched_forward(func, given)
        if not check_backward_ad:
            return True
        if check_batched_grad:
            for number, output in enumerate(outputs):
                _check_batched(given, output, number)
        _check_zero_cotangents(outputs, given)
        if check_undefined_grad:
            _check_undefined(func, len(outputs), given)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _check_batched(inputs: tuple[Any, ...], output: Any, number: int) -> None:
    """Batched cotangents give the same as one after the other."""
    sources = list(_tensors(inputs))
    cotangents = [_find("randn_like").call(output.detach()) for _ in range(2)]
    single = [_grad(output, sources, item, retain_graph=True, allow_unused=True) for item in cotangents]
    stack = _find("stack").call
    together = _grad(
        output, sources, stack(cotangents, 0), retain_graph=True, allow_unused=True, is_grads_batched=True
    )
    for index, item in enumerate(together):
        wanted = [row[index] for row in single]
        if item is not None and wanted[0] is not None and not _close(item, stack(wanted, 0), 1e-5, 1e-8):
            raise GradcheckError(
                f"For output {number} and input {index}:\n\nGot:\n{item}\n\nExpected:\n{stack(wanted, 0)}"
            )


def _check_batched_forward(function: Any, inputs: tuple[Any, ...]) -> None:
    """Batched tangents give the same as one after the other."""
    from ..func import vmap
    from . import forward_ad

    stack = _find("stack").call
    for index, source in enumerate(inputs):
        if not (isinstance(source, Tensor) and source.requires_grad):
            continue

        def pushed(direction: Any, place: int = index) -> Any:
            with forward_ad.dual_level():
                values = [
                    forward_ad.make_dual(item.detach(), direction) if i == place else item
                    for i, item in enumerate(inputs)
                ]
                outputs = [out for out in _as_tuple(function(*values)) if _inexact(out)]
                pairs = [forward_ad.unpack_dual(out) for out in outputs]
                return tuple(
                    [_find("zeros_like").call(p) if tangent is None else tangent for p, tangent in pairs]
                )

        directions = [_find("randn_like").call(source.detach()) for _ in range(2)]
        single = [pushed(direction) for direction in directions]
        together = vmap(pushed)(stack(directions, 0))
        for number, item in enumerate(together):
            wanted = stack([row[number] for row in single], 0)
            if not _close(item, wanted, 1e-5, 1e-8):
                raise GradcheckError(
                    f"For input {index} and output {number}:\n\nGot:\n{item}\n\nExpected:\n{wanted}"
                )


def _random_like(tensor: Any, noncontiguous: bool) -> Any:
    """Uniform in [-1, 1), requiring grad."""
    kind = tensor.dtype if _inexact(tensor) else tensor.double().dtype
    shape = (*tensor.shape[:-1], 2 * tensor.shape[-1]) if noncontiguous and tensor.dim() else tensor.shape
    blank = tensor.detach().new_zeros(shape, dtype=kind)
    if kind.is_complex:
        _find("view_as_real").call(blank).uniform_(-1, 1)
    else:
        blank.uniform_(-1, 1)
    return (blank[..., ::2] if noncontiguous and tensor.dim() else blank).requires_grad_(True)


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """`gradcheck` of the gradients of `func`, with respect to its inputs and to the cotangents `grad_outputs` (random by default)."""
    if not (check_fwd_over_rev or check_rev_over_rev):
        raise AssertionError("Expected at least one of check_fwd_over_rev or check_rev_over_rev to be True")
    if check_undefined_grad and not check_rev_over_rev:
        raise AssertionError("Setting check_undefined_grad=True requires check_rev_over_rev to be True")
    if check_batched_grad and not check_rev_over_rev:
        raise AssertionError("Setting check_batched_grad=True requires check_rev_over_rev to be True")
    given = _as_tuple(inputs)
    if grad_outputs is None:
        cotangents = tuple(
            [_random_like(out, gen_non_contig_grad_outputs) for out in _differentiable(func(*given))]
        )
    else:
        cotangents = _as_tuple(grad_outputs)
    count = len(cotangents)
    wanted = {index for index, item in enumerate(given) if isinstance(item, Tensor) and item.requires_grad}
    wanted_cotangents = {index for index, item in enumerate(cotangents) if item.requires_grad}

    def first_order(*args: Any) -> Any:
        sources = tuple(
            [item.requires_grad_() if i in wanted else item for i, item in enumerate(args[:-count])]
        )
        outputs = _differentiable(func(*sources))
        vectors = tuple(
            [
                item.requires_grad_() if i in wanted_cotangents else item
                for i, item in enumerate(args[-count:])
            ]
        )
        grads = _grad(
            outputs,
            [item for i, item in enumerate(sources) if i in wanted],
            vectors,
            create_graph=True,
            allow_unused=True,
        )
        return tuple([item for item in grads if item is not None])

    return gradcheck(
        first_order,
        given + cotangents,
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        fast_mode=fast_mode,
        check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
        masked=masked,
    )
