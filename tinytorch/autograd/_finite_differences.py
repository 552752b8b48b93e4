"""Jacobians by finite differences, by reverse and by forward mode, and their comparison. Source: torch's documentation, "Gradcheck mechanics"."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

from .._core.declare import find as _find
from .._core.tensor import Tensor
from ._functions import grad as _grad


class GradcheckError(RuntimeError):
    """A derivative does not agree with finite differences, or does not behave as one."""

    __module__ = "torch.autograd.gradcheck"


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else tuple(value) if isinstance(value, list) else (value,)


def _inexact(value: Any) -> bool:
    return isinstance(value, Tensor) and value._key._dtype._category in ("float", "complex")


def _tensors(value: Any) -> Iterator[Any]:
    """The tensors that require grad in possibly nested inputs."""
    if isinstance(value, Tensor):
        if value.requires_grad:
            yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)


def _differentiable(outputs: Any) -> tuple[Any, ...]:
    return tuple([out for out in _as_tuple(outputs) if out.requires_grad])


def _numerical(function: Callable[..., Any], inputs: tuple[Any, ...], eps: float) -> list[list[Any]]:
    """Per input that requires grad and per inexact output: the matrix (input elements, output elements) of central differences."""
    jacobians = []
    for source in inputs:
        if isinstance(source, Tensor) and source.requires_grad:
            jacobians.append(_numerical_for(function, inputs, source, eps))
    return jacobians


def _evaluate(function: Callable[..., Any], inputs: tuple[Any, ...]) -> list[Any]:
    return [out.clone() for out in _as_tuple(function(*inputs))]


def _difference(
    function: Callable[..., Any], inputs: tuple[Any, ...], data: Any, place: Any, step: Any, eps: float
) -> list[Any]:
    origin = data[place].clone()
    data[place] = origin - step
    low = _evaluate(function, inputs)
    data[place] = origin + step
    high = _evaluate(function, inputs)
    data[place] = origin
    columns = []
    for index, (first, second) in enumerate(zip(low, high, strict=True)):
        for what, a, b in (("shape", first.shape, second.shape), ("dtype", first.dtype, second.dtype)):
            if a != b:
                raise AssertionError(
                    f"Expected `func` to return outputs with the same {what} when inputs are perturbed on index {index} by {eps}, but got: "
                    f"{what}s {a} and {b}."
                )
        columns.append(((second - first) / (2 * eps)).detach().reshape(-1))
    return columns


def _numerical_for(
    function: Callable[..., Any], inputs: tuple[Any, ...], source: Any, eps: float
) -> list[Any]:
    data = source.data
    rows: list[list[Any]] = []
    complex_input = source._key._dtype._category == "complex"
    for place in product(*[range(size) for size in source.size()]):
        columns = _difference(function, inputs, data, place, eps, eps)
        if complex_input:
            turned = _difference(function, inputs, data, place, eps * 1j, eps)
            columns = [real + imag * 1j for real, imag in zip(columns, turned, strict=True)]
        rows.append(columns)
    stack = _find("stack").call
    outputs = _as_tuple(function(*inputs))
    return [
        stack([row[number] for row in rows], 0) if rows else source.new_zeros((0, out.numel()))
        for number, out in enumerate(outputs)
        if _inexact(out)
    ]


_NONDETERMINISTIC = """\n
NOTE: If your op relies on non-deterministic operations i.e., it is listed here:
https://pytorch.org/docs/stable/generated/torch.use_deterministic_algorithms.html
this failure might be expected.

If you are adding a new operator, please file an issue and then use one of the
workarounds. The workaround depends on how your test invokes gradcheck/gradgradcheck.
If the test
- manually invokes gradcheck/gradgradcheck, then call gradcheck/gradgradcheck
  with `nondet_tol=<tol>` as a keyword argument.
- is OpInfo-based (e.g., in test_ops_gradients.py), then modify the OpInfo for the test
  to have `gradcheck_nondet_tol=<tol>`.
- is a Module test (e.g., in common_nn.py), then modify the corresponding
  module_test entry to have `gradcheck_nondet_tol=<tol>`
"""


def _analytical(sources: list[Any], output: Any) -> tuple[list[Any], bool, bool]:
    """(per input the matrix (input elements, output elements) of derivatives, whether sizes fit, whether dtypes fit)."""
    base = _find("zeros_like").call(output.detach()).contiguous()
    flat = base.view(-1)
    matrices = [source.new_zeros((source.numel(), output.numel())) for source in sources]
    sizes = types = True
    for position in range(flat.numel()):
        flat.zero_()
        flat[position] = 1.0
        grads = _grad(output, sources, base.clone(), retain_graph=True, allow_unused=True)
        for matrix, source, item in zip(matrices, sources, grads, strict=True):
            if item is None:
                continue
            if item.size() != source.size():
                sizes = False
            elif item.dtype != source.dtype:
                types = False
            if item.numel() == source.numel():
                matrix[:, position] = item.detach().reshape(-1)
    return [matrix.detach() for matrix in matrices], sizes, types


def _checked_analytical(
    sources: list[Any], output: Any, nondet_tol: float, check_grad_dtypes: bool
) -> list[Any]:
    first, sizes, types = _analytical(sources, output)
    second, _, _ = _analytical(sources, output)
    if not types and check_grad_dtypes:
        raise GradcheckError("Gradient has dtype mismatch")
    if not sizes:
        raise GradcheckError("Analytical gradient has incorrect size")
    for a, b in zip(first, second, strict=True):
        if a.numel() and bool((a - b).abs().max() > nondet_tol):
            raise GradcheckError(
                "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives different values, "
                f"although analytical gradient matches numerical gradient.The tolerance for nondeterminism was {nondet_tol}."
                + _NONDETERMINISTIC
            )
    return first


def _close(analytical: Any, numerical: Any, rtol: float, atol: float) -> bool:
    if analytical.dtype != numerical.dtype:
        numerical = numerical.to(analytical.dtype)
    return bool(_find("allclose").call(analytical, numerical, rtol, atol, False))


def _mismatch(
    analytical: Any, numerical: Any, output: int, source: int, prefix: str, mode: str = ""
) -> GradcheckError:
    return GradcheckError(
        f"{prefix}Jacobian {mode}mismatch for output {output:d} with respect to input {source:d},\nnumerical:{numerical}\nanalytical:{analytical}\n"
    )


def _compare_backward(
    function: Any, inputs: tuple[Any, ...], options: dict[str, Any], complex_outputs: list[int], part: str
) -> None:
    raw = function(*inputs)
    outputs = _differentiable(raw)
    if not outputs:
        for row in _numerical(function, inputs, options["eps"]):
            for matrix in row:
                if bool((matrix != 0).any()):
                    raise GradcheckError("Numerical gradient for function expected to be zero")
        return
    sources = list(_tensors(inputs))
    numerical = _numerical(lambda *values: _differentiable(function(*values)), inputs, options["eps"])
    for number, output in enumerate(outputs):
        matrices = _checked_analytical(sources, output, options["nondet_tol"], options["check_grad_dtypes"])
        for index, matrix in enumerate(matrices):
            wanted = numerical[index][number]
            if not _close(matrix, wanted, options["rtol"], options["atol"]):
                prefix = (
                    f"While considering the {part} part of complex outputs only, "
                    if number in complex_outputs
                    else ""
                )
                raise _mismatch(matrix, wanted, number, index, prefix)


def _compare_forward(function: Any, inputs: tuple[Any, ...], options: dict[str, Any]) -> None:
    """The same with derivatives taken in forward mode; in complex inputs, along the real and the imaginary axis."""
    sources = [index for index, item in enumerate(inputs) if isinstance(item, Tensor) and item.requires_grad]
    stack = _find("stack").call
    for index, place in enumerate(sources):
        source = inputs[place]
        steps = (1.0, 1j) if source._key._dtype._category == "complex" else (1.0,)
        for step in steps:
            analytical, numerical = [], []
            for position, where in enumerate(product(*[range(size) for size in source.size()])):
                direction = source.new_zeros((source.numel(),)).detach()
                direction[position] = step
                analytical.append(_pushed(function, inputs, place, direction.view(source.size()), options))
                columns = _difference(
                    function, inputs, source.data, where, options["eps"] * step, options["eps"]
                )
                numerical.append([column for column in columns if _inexact(column)])
            prefix = ""
            if len(steps) > 1:
                part = "real" if step == 1.0 else "imaginary"
                prefix = f"While considering the {part} part of complex inputs only, "
            for number in range(len(analytical[0]) if analytical else 0):
                matrix = stack([row[number] for row in analytical], 0)
                wanted = stack([row[number] for row in numerical], 0)
                if not _close(matrix, wanted, options["rtol"], options["atol"]):
                    raise _mismatch(matrix, wanted, number, index, prefix, "computed with forward mode ")


def _pushed(
    function: Any, inputs: tuple[Any, ...], place: int, direction: Any, options: dict[str, Any]
) -> list[Any]:
    """The tangents of the inexact outputs, flat, when input `place` moves in `direction`."""
    from . import forward_ad

    tangents = []
    with forward_ad.dual_level():
        values = [
            forward_ad.make_dual(item.detach(), direction) if i == place
            else item.detach() if isinstance(item, Tensor) else item
            for i, item in enumerate(inputs)
        ]  # fmt: skip
        for out in _as_tuple(function(*values)):
            if not _inexact(out):
                continue
            primal, tangent = forward_ad.unpack_dual(out)
            if (
                options["check_grad_dtypes"]
                and tangent is not None
                and primal.is_complex() != tangent.is_complex()
            ):
                raise GradcheckError("Forward AD gradient has dtype mismatch.")
            tangent = _find("zeros_like").call(primal) if tangent is None else tangent
            tangents.append(tangent.detach().reshape(-1))
    return tangents
