"""Jacobians, Hessians and their products with vectors. Source: torch's documentation, torch.autograd.functional."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._core.declare import find as _find
from .._core.modes import modes as _modes
from .._core.tensor import Tensor
from ._functions import grad as _grad
from .grad_mode import enable_grad as _enable_grad
from .grad_mode import set_grad_enabled as _set_grad_enabled

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


def _tensors(value: Any, what: str, name: str) -> tuple[bool, tuple[Any, ...]]:
    """(whether a tuple was given, the tensors as a tuple). Raises TypeError."""
    several = isinstance(value, tuple)
    items = value if several else (value,)
    for index, item in enumerate(items):
        if not isinstance(item, Tensor):
            where = f"value at index {index}" if several else f"given {what}"
            raise TypeError(
                f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but the {where} has type {type(item)}."
            )
    return several, items


def _prepare(inputs: tuple[Any, ...], create_graph: bool, wants: bool) -> tuple[Any, ...]:
    """New tensors over the inputs, so that what the function captured by itself is told apart from its arguments."""
    return tuple(
        [
            item.view_as(item) if create_graph and item.requires_grad else item.detach().requires_grad_(wants)
            for item in inputs
        ]
    )


def _finish(results: Any, create_graph: bool) -> Any:
    """Without history unless it was asked for; nested tuples stay nested."""
    if create_graph:
        return results
    return tuple(
        [item.detach() if isinstance(item, Tensor) else _finish(item, create_graph) for item in results]
    )


def _unpack(results: Any, several: bool) -> Any:
    return results if several else results[0]


def _check_vector(vector: tuple[Any, ...], like: tuple[Any, ...], several: bool) -> None:
    if len(vector) != len(like):
        if several:
            raise RuntimeError(
                f"v is a tuple of invalid length: should be {len(like)} but got {len(vector)}."
            )
        raise RuntimeError("The given v should contain a single Tensor.")
    for index, (item, other) in enumerate(zip(vector, like, strict=True)):
        if item.size() != other.size():
            prefix = f"Entry {index} in " if several else ""
            raise RuntimeError(f"{prefix}v has invalid size: should be {other.size()} but got {item.size()}.")


_INDEPENDENT = {
    "hessian": "The hessian of the user-provided function with respect to input {i} is independent of the input. This is not allowed in strict "
    "mode. You should ensure that your function is thrice differentiable and that the hessian depends on the inputs.",
    "jacobian": "While computing the hessian, found that the jacobian of the user-provided function with respect to input {i} is independent of "
    "the input. This is not allowed in strict mode. You should ensure that your function is twice differentiable and that the jacobian depends "
    "on the inputs (this would be violated by a linear function for example).",
    "grad_inputs": "The gradient with respect to input {i} is independent of the inputs of the user-provided function. This is not allowed in "
    "strict mode.",
    "outputs": "Output {i} of the user-provided function does not require gradients. The outputs must be computed in a differentiable manner "
    "from the input when running in strict mode.",
}


def _require_history(tensors: tuple[Any, ...], kind: str, strict: bool) -> None:
    if not strict:
        return
    for index, item in enumerate(tensors):
        if item is None:
            raise RuntimeError(
                f"The output of the user-provided function is independent of input {index}. This is not allowed in strict mode."
            )
        if not item.requires_grad:
            raise RuntimeError(_INDEPENDENT[kind].format(i=index))


def _gradients(
    outputs: tuple[Any, ...],
    inputs: tuple[Any, ...],
    vectors: Any = None,
    create_graph: bool = False,
    keep: bool | None = None,
) -> tuple[Any, ...]:
    """`grad` that leaves out outputs without history."""
    given = (None,) * len(outputs) if vectors is None else vectors
    pairs = [
        (out, vector)
        for out, vector in zip(outputs, given, strict=True)
        if out is not None and out.requires_grad
    ]
    if not pairs:
        return (None,) * len(inputs)
    return _grad(
        [p[0] for p in pairs],
        inputs,
        [p[1] for p in pairs],
        allow_unused=True,
        create_graph=create_graph,
        retain_graph=keep,
    )


_MISSING = {
    "back": "The output of the user-provided function is independent of input {i}. This is not allowed in strict mode.",
    "back_trick": "The gradient with respect to the input is independent of entry {i} in the grad_outputs when using the double backward trick "
    "to compute forward mode gradients. This is not allowed in strict mode.",
    "double_back": "The jacobian of the user-provided function is independent of input {i}. This is not allowed in strict mode.",
    "double_back_trick": "The hessian of the user-provided function is independent of entry {i} in the grad_jacobian. This is not allowed in "
    "strict mode as it prevents from using the double backward trick to replace forward mode AD.",
}
_CONSTANT = "The {what} of the user-provided function is independent of input {i}. This is not allowed in strict mode when create_graph=True."


def _fill(
    grads: tuple[Any, ...], like: tuple[Any, ...], strict: bool, create_graph: bool, stage: str
) -> tuple[Any, ...]:
    """Zeros where no gradient came; in strict mode that is an error."""
    results = []
    for index, (item, other) in enumerate(zip(grads, like, strict=True)):
        if item is None:
            if strict:
                raise RuntimeError(_MISSING[stage].format(i=index))
            item = _find("zeros_like").call(other)
        elif strict and create_graph and not item.requires_grad:
            raise RuntimeError(
                _CONSTANT.format(what="jacobian" if "double" not in stage else "hessian", i=index)
            )
        results.append(item)
    return tuple(results)


def _zeros_like(tensor: Any) -> Any:
    return _find("zeros_like").call(tensor).detach().requires_grad_(True)


def vjp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(func(inputs), v^T J): v has the shape of the outputs. Raises RuntimeError, TypeError with torch's texts."""
    with _enable_grad():
        several, inputs = _tensors(inputs, "inputs", "vjp")
        inputs = _prepare(inputs, create_graph, True)
        many, outputs = _tensors(func(*inputs), "outputs of the user-provided function", "vjp")
        _require_history(outputs, "outputs", strict)
        if v is not None:
            _, v = _tensors(v, "v", "vjp")
            v = _prepare(v, create_graph, False)
            _check_vector(v, outputs, many)
        elif len(outputs) != 1 or outputs[0].nelement() != 1:
            raise RuntimeError(
                "The vector v can only be None if the user-provided function returns a single Tensor with a single element."
            )
    with _set_grad_enabled(create_graph or _modes.grad):
        result = _fill(_gradients(outputs, inputs, v, create_graph), inputs, strict, create_graph, "back")
    return _unpack(_finish(outputs, create_graph), many), _unpack(_finish(result, create_graph), several)


def jvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(func(inputs), J v), by differentiating the vector-Jacobian product with respect to its vector."""
    with _enable_grad():
        several, inputs = _tensors(inputs, "inputs", "jvp")
        inputs = _prepare(inputs, create_graph, True)
        if v is not None:
            _, v = _tensors(v, "v", "jvp")
            v = _prepare(v, create_graph, False)
            _check_vector(v, inputs, several)
        elif len(inputs) != 1 or inputs[0].nelement() != 1:
            raise RuntimeError(
                "The vector v can only be None if the input to the user-provided function is a single Tensor with a single element."
            )
        many, outputs = _tensors(func(*inputs), "outputs of the user-provided function", "jvp")
        _require_history(outputs, "outputs", strict)
        dummies = tuple([_zeros_like(out) for out in outputs])
        first = _gradients(outputs, inputs, dummies, True)
        _require_history(first, "grad_inputs", strict)
    with _set_grad_enabled(create_graph or _modes.grad):
        result = _fill(
            _gradients(first, dummies, v, create_graph), outputs, strict, create_graph, "back_trick"
        )
    return _unpack(_finish(outputs, create_graph), many), _unpack(_finish(result, create_graph), many)


def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian(s), of shape (*output, *input): a tensor, or tuples of them for several outputs or inputs.

    `vectorize` gives the same numbers. `strategy` "forward-mode" takes Jacobian-vector products instead.
    """
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your function has more outputs than inputs, '
            '"forward-mode" tends to be more performant. Otherwise, prefer to use "reverse-mode".'
        )
    if strategy == "forward-mode":
        if create_graph:
            raise NotImplementedError(
                'torch.autograd.functional.jacobian: `create_graph=True` and `strategy="forward-mode"` are not supported together (yet). '
                'Please either set `create_graph=False` or `strategy="reverse-mode"`.'
            )
        return _jacobian_by_columns(func, inputs, strict, vectorize)
    with _enable_grad():
        several, inputs = _tensors(inputs, "inputs", "jacobian")
        inputs = _prepare(inputs, create_graph, True)
        many, outputs = _tensors(func(*inputs), "outputs of the user-provided function", "jacobian")
        _require_history(outputs, "outputs", strict)
        if vectorize and strict:
            raise RuntimeError(
                "torch.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not supported together. Please either set "
                "`strict=False` or `vectorize=False`."
            )
        blocks = tuple(
            [_rows(index, out, inputs, create_graph, strict, vectorize) for index, out in enumerate(outputs)]
        )
    blocks = _finish(blocks, create_graph)
    if not several:
        blocks = tuple([block[0] for block in blocks])
    return _unpack(blocks, many)


def _rows(
    index: int, out: Any, inputs: tuple[Any, ...], create_graph: bool, strict: bool, vectorize: bool
) -> tuple[Any, ...]:
    """Derivatives of one output with respect to every input, element by element."""
    rows: list[list[Any]] = [[] for _ in inputs]
    flat = out.reshape(-1)
    for position in range(out.nelement()):
        grads = _gradients((flat[position],), inputs, None, create_graph, True)
        for place, (row, item, source) in enumerate(zip(rows, grads, inputs, strict=True)):
            if item is None:
                if strict:
                    raise RuntimeError(
                        f"Output {index} of the user-provided function is independent of input {place}. This is not allowed in strict mode."
                    )
                item = _find("zeros_like").call(source)
            elif strict and create_graph and not item.requires_grad:
                raise RuntimeError(_CONSTANT.format(what="jacobian", i=index))
            row.append(item)
    return tuple(
        [
            _find("stack").call(row, 0).view((*out.size(), *source.size()))
            if row or not vectorize
            else source.new_zeros((*out.size(), *source.size()))
            for row, source in zip(rows, inputs, strict=True)
        ]
    )


def _jacobian_by_columns(func: Callable[..., Any], inputs: Any, strict: bool, vectorize: bool) -> Any:
    if strict:
        raise RuntimeError(
            'torch.autograd.functional.jacobian: `strict=True` and `strategy="forward-mode"` are not supported together (yet). Please either '
            'set `strict=False` or `strategy="reverse-mode"`.'
        )
    if not vectorize:
        raise NotImplementedError(
            "Computing Jacobian using forward-AD or forward-over-reverse Hessian isonly implemented for `vectorize=True`."
        )
    from . import forward_ad

    several, inputs = _tensors(inputs, "inputs", "jacobian")
    many = True
    columns: list[list[list[Any]]] = []
    for place, source in enumerate(inputs):
        columns.append([])
        for position in range(source.nelement()):
            direction = source.new_zeros((source.nelement(),))
            direction[position] = 1
            with forward_ad.dual_level():
                duals = [
                    forward_ad.make_dual(item.detach(), direction.view(source.size())) if i == place else item
                    for i, item in enumerate(inputs)
                ]
                many, outputs = _tensors(func(*duals), "outputs of the user-provided function", "jacobian")
                tangents = []
                for out in outputs:
                    primal, tangent = forward_ad.unpack_dual(out)
                    tangents.append(_find("zeros_like").call(primal) if tangent is None else tangent)
            columns[-1].append(tangents)
    blocks = tuple(
        [
            tuple(
                [
                    _find("stack")
                    .call([column[number] for column in columns[place]], -1)
                    .reshape((*columns[place][0][number].size(), *source.size()))
                    for place, source in enumerate(inputs)
                ]
            )
            for number in range(len(columns[0][0]))
        ]
    )
    if not several:
        blocks = tuple([block[0] for block in blocks])
    return _unpack(blocks, many)


def _single(func: Callable[..., Any], name: str, strict: bool) -> Callable[..., Any]:
    """`func`, checked to return one tensor of one element."""

    def checked(*inputs: Any) -> Any:
        out = func(*inputs)
        several, outputs = _tensors(out, "outputs of the user-provided function", name)
        _require_history(outputs, "outputs", strict)
        if several:
            raise RuntimeError(f"The function given to {name} should return a single Tensor")
        if out.nelement() != 1:
            raise RuntimeError(
                f"The Tensor returned by the function given to {name} should contain a single element"
            )
        return out

    return checked


def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The Hessian of a function that returns one number: a tensor, or a tuple of tuples of them for several inputs."""
    several, inputs = _tensors(inputs, "inputs", "hessian")
    if outer_jacobian_strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')
    checked = _single(func, "hessian", strict)

    def first(*items: Any) -> Any:
        if outer_jacobian_strategy == "forward-mode":
            items = tuple([item.requires_grad_(True) for item in items])
        result = jacobian(lambda *values: checked(*values).squeeze(), items, create_graph=True)
        _require_history(result, "jacobian", strict)
        return result

    result = jacobian(
        first,
        inputs,
        create_graph=create_graph,
        strict=strict,
        vectorize=vectorize,
        strategy=outer_jacobian_strategy,
    )
    return result if several else result[0][0]


def _scalar_start(
    func: Callable[..., Any], inputs: Any, v: Any, create_graph: bool, strict: bool, name: str
) -> tuple[Any, ...]:
    """What vhp and hvp share: inputs, vector, output and its gradient with history."""
    several, inputs = _tensors(inputs, "inputs", name)
    inputs = _prepare(inputs, create_graph, True)
    if v is not None:
        _, v = _tensors(v, "v", name)
        v = _prepare(v, create_graph, False)
        _check_vector(v, inputs, several)
    elif len(inputs) != 1 or inputs[0].nelement() != 1:
        raise RuntimeError(
            "The vector v can only be None if the input to the user-provided function is a single Tensor with a single element."
        )
    output = _single(func, name, strict)(*inputs)
    first = _gradients((output,), inputs, None, True)
    _require_history(first, "jacobian", strict)
    return several, inputs, v, output, first


def vhp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(func(inputs), v^T H) for a function that returns one number."""
    with _enable_grad():
        several, inputs, v, output, first = _scalar_start(func, inputs, v, create_graph, strict, "vhp")
    with _set_grad_enabled(create_graph or _modes.grad):
        result = _fill(
            _gradients(first, inputs, v, create_graph), inputs, strict, create_graph, "double_back"
        )
    return _finish((output,), create_graph)[0], _unpack(_finish(result, create_graph), several)


def hvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(func(inputs), H v) for a function that returns one number."""
    with _enable_grad():
        several, inputs, v, output, first = _scalar_start(func, inputs, v, create_graph, strict, "hvp")
        dummies = tuple([_zeros_like(item) for item in inputs])
        second = _gradients(first, inputs, dummies, True)
        _require_history(first, "hessian", strict)
    with _set_grad_enabled(create_graph or _modes.grad):
        result = _fill(
            _gradients(second, dummies, v, create_graph), inputs, strict, create_graph, "double_back_trick"
        )
    return _finish((output,), create_graph)[0], _unpack(_finish(result, create_graph), several)
