"""backward and grad: starting points of a backward pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._core import backward as engine
from .._core import dtypes, tensor_autograd
from .._core.dispatch import meta_tensor
from .._core.modes import PLAIN, modes
from .._core.node import Node
from .._core.saved import plain
from .._core.size import Size
from .._core.tensor import Tensor, wrap


def is_grad_enabled() -> bool:
    """Whether operations on tensors that require grad are recorded in this thread."""
    return modes.grad


def is_inference_mode_enabled() -> bool:
    """Whether this thread is in inference mode."""
    return modes.inference


def _is_edge(value: Any) -> bool:
    return type(value).__name__ == "GradientEdge" and isinstance(value, tuple)


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return (value,) if isinstance(value, Tensor) or value is None or _is_edge(value) else tuple(value)


def _edge(source: Any) -> Any:
    """What a graph refers to a tensor or a `GradientEdge` by; None if it wants no gradient."""
    if source.__class__ in PLAIN or not _is_edge(source):
        return engine.edge_of(source)
    node, number = source.node, source.output_nr
    leaf = getattr(node, "variable", None)
    if leaf is not None and leaf._arity == 0:
        return leaf
    return node if node._arity == 1 and not number and type(node)._output is Node._output else (node, number)


class _Described:
    """Shape and dtype of the output a `GradientEdge` stands for, where a tensor would be asked."""

    requires_grad = True
    is_meta = False

    def __init__(self, edge: Any) -> None:
        shape, self.dtype = engine.facts_of(_edge(edge))
        self.shape = Size(shape)
        self._array = self.dtype._zero.reshape(()) if hasattr(self.dtype, "zero") else np.zeros(())

    def numel(self) -> int:
        return self.shape.numel()


#: Contiguous real element types, for which the implicit cotangent is made without further questions.
_REAL = frozenset((dtypes.float32, dtypes.float64))


def _is_plain_scalar(value: Any) -> bool:
    """Whether the cotangent of `value` may be left out, and nothing about it is unusual."""
    return value.__class__ in PLAIN and value._key in _REAL and value._array.size == 1


def _one(output: Tensor) -> Tensor:
    """The cotangent of a scalar that is wanted itself."""
    array = np.empty(output._array.shape, output._array.dtype)
    array.fill(1)
    return plain(array, output._key)


def make_grads(outputs: Sequence[Any], grads: Sequence[Any], is_grads_batched: bool) -> list[Any]:
    """The cotangents to start from: ones for scalars where none are given. Raises RuntimeError, TypeError with torch's texts."""
    starts: list[Any] = []
    for index, (output, grad) in enumerate(zip(outputs, grads, strict=False)):
        if grad is None and _is_plain_scalar(output):
            starts.append(_one(output) if output.requires_grad else None)
            continue
        if _is_edge(output):
            output = _Described(output)
        if isinstance(grad, Tensor):
            shape = grad.shape[1:] if is_grads_batched else grad.shape
            if tuple(shape) != tuple(output.shape):
                what = "batched grad_output" if is_grads_batched else "grad_output"
                if is_grads_batched:
                    raise RuntimeError(
                        f"If `is_grads_batched=True`, we interpret the first dimension of each grad_output as the batch dimension. The sizes of "
                        f"the remaining dimensions are expected to match the shape of corresponding output, but a mismatch was detected: "
                        f"grad_output[{index}] has a shape of {Size(grad.shape[2:])} and output[{index}] has a shape of {output.shape}. If you only want "
                        "some tensors in `grad_output` to be considered batched, consider using vmap."
                    )
                del what
                raise RuntimeError(
                    f"Mismatch in shape: grad_output[{index}] has a shape of {grad.shape} and output[{index}] has a shape of {output.shape}."
                )
            if output.dtype.is_complex != grad.dtype.is_complex:
                raise RuntimeError(
                    "For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in dtype: "
                    f"grad_output[{index}] has a dtype of {grad.dtype} and output[{index}] has a dtype of {output.dtype}."
                )
            starts.append(grad)
        elif grad is None:
            if output.requires_grad:
                if output.numel() != 1:
                    raise RuntimeError("grad can be implicitly created only for scalar outputs")
                if not output.dtype.is_floating_point:
                    raise RuntimeError(
                        f"grad can be implicitly created only for real scalar outputs but got {output.dtype}"
                    )
                if output.is_meta:
                    starts.append(meta_tensor(tuple(output.shape), output.dtype))
                else:
                    starts.append(wrap(np.ones(tuple(output.shape), output.dtype._numpy)))
            else:
                starts.append(None)
        else:
            raise TypeError(f"gradients can be either Tensors or None, but got {type(grad).__name__}")
    return starts


def _roots(outputs: Sequence[Any], starts: Sequence[Any]) -> list[tuple[Any, Any]]:
    roots = []
    for index, (output, start) in enumerate(zip(outputs, starts, strict=True)):
        edge = _edge(output)
        if edge is None:
            raise RuntimeError(
                f"element {index} of tensors does not require grad and does not have a grad_fn"
            )
        roots.append((edge, start))
    return roots


def _ports(targets: Sequence[Any]) -> list[tuple[Any, int]]:
    ports = []
    for target in targets:
        edge = _edge(target)
        if edge is None and isinstance(target, Tensor) and target.requires_grad:
            edge = target  # for which nothing is collected: no graph leads there
        if edge is None:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
        ports.append(engine.port_of(edge))
    return ports


#: Filled when torch's warning about create_graph has been given: it comes once.
_warned: list[bool] = []


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> None:
    """Add to the leaves' `.grad` the sum of derivatives of `tensors`, weighted by `grad_tensors`.

    Source: torch's documentation, torch.autograd.backward.
    """
    if create_graph and not _warned:
        _warned.append(True)
        import warnings

        warnings.warn(
            "Using backward() with create_graph=True will create a reference cycle between the parameter and its gradient which can cause a memory "
            "leak. We recommend using autograd.grad when creating the graph to avoid this. If you have to use this function, make sure to reset "
            "the .grad fields of your parameters to None after use to break the cycle and avoid the leak.",
            UserWarning,
            stacklevel=3,
        )
    if grad_variables is not None:
        import warnings

        warnings.warn(
            "`grad_variables` is deprecated. Use `grad_tensors` instead.", FutureWarning, stacklevel=2
        )
        if grad_tensors is not None:
            raise RuntimeError(
                "`grad_tensors` and `grad_variables` (deprecated) arguments both passed to `backward()`. Please only use `grad_tensors`."
            )
        grad_tensors = grad_variables
    if modes.layers and any(not layer.transparent for layer in modes.layers):
        raise RuntimeError(
            "backward() called inside a functorch transform. This is not supported, please use functorch.grad or functorch.vjp instead or call "
            "backward() outside of functorch transforms."
        )
    keep = create_graph if retain_graph is None else retain_graph
    if grad_tensors is None and inputs is None and _is_plain_scalar(tensors) and tensors.requires_grad:
        engine.run([(engine.edge_of(tensors), _one(tensors))], keep, create_graph)
        return
    outputs = _as_tuple(tensors)
    targets = _as_tuple(inputs) if inputs is not None else ()
    if inputs is not None and not targets:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    grads = _as_tuple(grad_tensors) if grad_tensors is not None else (None,) * len(outputs)
    if len(grads) != len(outputs):
        raise RuntimeError(f"got {len(outputs)} tensors and {len(grads)} gradients")
    starts = make_grads(outputs, grads, False)
    roots = _roots(outputs, starts)
    if not targets:
        engine.run(roots, keep, create_graph)
        return
    for target in targets:
        if not _is_edge(target):
            target.retain_grad()
    ports = _ports(targets)
    engine.run(roots, keep, create_graph, ports)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """The derivatives of `outputs`, weighted by `grad_outputs`, with respect to `inputs`.

    Source: torch's documentation, torch.autograd.grad.
    """
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    if allow_unused is None:
        allow_unused = materialize_grads
    if not only_inputs:
        import warnings

        warnings.warn(
            "only_inputs argument is deprecated and is ignored now (defaults to True). To accumulate gradient for other parts of the graph, please use torch.autograd.backward.",
            FutureWarning,
            stacklevel=2,
        )
    sources = _as_tuple(outputs)
    targets = _as_tuple(inputs)
    if not targets:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    grads = _as_tuple(grad_outputs) if grad_outputs is not None else (None,) * len(sources)
    keep = create_graph if retain_graph is None else retain_graph
    starts = make_grads(sources, grads, is_grads_batched)
    if is_grads_batched:
        return _batched(sources, targets, starts, keep, create_graph, allow_unused, materialize_grads)
    roots = _roots(sources, starts)
    ports = _ports(targets)
    captured = engine.run(roots, keep, create_graph, ports, accumulate_leaves=False)
    results = []
    for index, (target, port) in enumerate(zip(targets, ports, strict=True)):
        value = captured.get(port)
        if value is None:
            if not allow_unused:
                raise RuntimeError(
                    f"The differentiated Tensor at index {index} appears to not have been used in the graph. Set allow_unused=True if this is the "
                    "desired behavior."
                )
            if materialize_grads:
                if _is_edge(target):
                    shape, element_type = engine.facts_of(port)
                    value = wrap(np.zeros(shape, element_type._numpy))
                else:
                    value = wrap(np.zeros(target._array.shape, target._array.dtype))
        results.append(value)
    return tuple(results)


def _batched(
    sources: tuple[Any, ...],
    targets: tuple[Any, ...],
    starts: list[Any],
    keep: bool,
    create: bool,
    allow_unused: bool,
    materialize: bool,
) -> tuple[Any, ...]:
    """One backward pass per entry of the leading dimension of the given cotangents, stacked."""
    from .._core.declare import find

    size = next(start.shape[0] for start in starts if start is not None)
    rows = []
    for index in range(size):
        row = [None if start is None else start[index] for start in starts]
        last = index == size - 1
        rows.append(
            grad(
                sources,
                targets,
                row,
                keep or not last,
                create,
                allow_unused=allow_unused,
                materialize_grads=materialize,
            )
        )
    stack = find("stack").call
    return tuple(
        [None if column[0] is None else stack(list(column), 0) for column in zip(*rows, strict=True)]
    )


tensor_autograd.start_backward[0] = backward
