"""Computing part of a graph again in the backward pass instead of keeping it."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import tinytorch as torch

from ..autograd.function import Function
from ..autograd.grad_mode import enable_grad, no_grad
from ..autograd.graph import saved_tensors_hooks

__all__ = [
    "checkpoint",
    "checkpoint_sequential",
    "CheckpointError",
    "CheckpointFunction",
    "set_checkpoint_early_stop",
    "noop_context_fn",
]

_early_stop = [True]


class CheckpointError(RuntimeError):
    """The second computation did not repeat the first."""


class _StopRecomputationError(Exception):
    """Everything that was saved is there again."""


def noop_context_fn() -> tuple[Any, Any]:
    """Contexts that do nothing, for forward and recomputation."""
    return contextlib.nullcontext(), contextlib.nullcontext()


@contextlib.contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """Whether a recomputation ends as soon as all it is needed for is there."""
    before = _early_stop[0]
    _early_stop[0] = enable
    try:
        yield
    finally:
        _early_stop[0] = before


@contextlib.contextmanager
def _replayed(state: Any) -> Iterator[None]:
    """The random state of the first computation, if it was kept."""
    if state is None:
        yield
        return
    now = torch.get_rng_state()
    torch.set_rng_state(state)
    try:
        yield
    finally:
        torch.set_rng_state(now)


def _autocast_now() -> Any:
    """A context in which autocast is as it is now."""
    return torch.amp.autocast(
        "cpu",
        dtype=torch.get_autocast_dtype("cpu"),
        enabled=torch.is_autocast_enabled("cpu"),
        cache_enabled=torch.is_autocast_cache_enabled(),
    )


def detach_variable(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The inputs as leaves of a new graph."""
    if not isinstance(inputs, tuple):
        raise RuntimeError(
            f"Only tuple of tensors is supported. Got Unsupported input type: {type(inputs).__name__}"
        )
    result = []
    for value in inputs:
        if not isinstance(value, torch.Tensor):
            result.append(value)
            continue
        leaf = value.detach()
        leaf.requires_grad = value.requires_grad
        result.append(leaf)
    return tuple(result)


def check_backward_validity(inputs: Any) -> None:
    """Warn if nothing wants a gradient."""
    if not any(value.requires_grad for value in inputs if isinstance(value, torch.Tensor)):
        warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2)


class CheckpointFunction(Function):
    """The reentrant form: forward without a graph, backward through a graph made then."""

    @staticmethod
    def forward(ctx: Any, run_function: Callable[..., Any], preserve_rng_state: bool, *args: Any) -> Any:
        check_backward_validity(args)
        ctx.run_function = run_function
        ctx.rng_state = torch.get_rng_state() if preserve_rng_state else None
        ctx.autocast = _autocast_now()
        ctx.inputs = [None if isinstance(arg, torch.Tensor) else arg for arg in args]
        ctx.places = [i for i, arg in enumerate(args) if isinstance(arg, torch.Tensor)]
        ctx.save_for_backward(*(args[i] for i in ctx.places))
        with no_grad():
            return run_function(*args)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        inputs = list(ctx.inputs)
        for place, tensor in zip(ctx.places, ctx.saved_tensors, strict=True):
            inputs[place] = tensor
        leaves = detach_variable(tuple(inputs))
        with _replayed(ctx.rng_state), enable_grad(), ctx.autocast:
            outputs = ctx.run_function(*leaves)
        if isinstance(outputs, torch.Tensor):
            outputs = (outputs,)
        wanted = [
            (output, grad)
            for output, grad in zip(outputs, grads, strict=True)
            if isinstance(output, torch.Tensor) and output.requires_grad
        ]
        if not wanted:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        torch.autograd.backward([output for output, _ in wanted], [grad for _, grad in wanted])
        return (None, None, *(leaf.grad if isinstance(leaf, torch.Tensor) else None for leaf in leaves))


class _Frame:
    """What one checkpointed call saved, by number, and how to get it again."""

    def __init__(self, compute: Callable[[], Any], check: bool, early_stop: bool) -> None:
        self.compute = compute
        self.check = check
        self.early_stop = early_stop
        self.described: list[Any] = []
        self.again: dict[int, Any] = {}

    def pack(self, tensor: Any) -> int:
        self.described.append(_description(tensor))
        return len(self.described) - 1

    def unpack(self, number: int) -> Any:
        if number not in self.again:
            self.recompute()
        return self.again.pop(number)

    def recompute(self) -> None:
        self.again = {}
        count = 0

        def pack(tensor: Any) -> Any:
            nonlocal count
            if count < len(self.described):
                self.again[count] = tensor.detach()
            count += 1
            if self.early_stop and count == len(self.described):
                raise _StopRecomputationError
            return tensor.detach()

        try:
            with saved_tensors_hooks(pack, lambda tensor: tensor), enable_grad():
                self.compute()
        except _StopRecomputationError:
            pass
        if count != len(self.described):
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the original forward and recomputation.\n"
                f"Number of tensors saved during forward: {len(self.described)}\n"
                f"Number of tensors saved during recomputation: {count}."
            )
        if not self.check:
            return
        lines = [
            f"tensor at position {i}:\nsaved metadata: {before}\nrecomputed metadata: {_description(self.again[i])}"
            for i, before in enumerate(self.described)
            if _description(self.again[i]) != before
        ]
        if lines:
            raise CheckpointError(
                "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than during the forward "
                "pass.\n" + "\n".join(lines) + "."
            )


def _description(tensor: Any) -> dict[str, Any]:
    return {"shape": tensor.shape, "dtype": tensor.dtype, "device": tensor.device}


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple[Any, Any]] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    **kwargs: Any,
) -> Any:
    """function(*args, **kwargs), whose intermediate results are not kept but computed again for the backward pass.

    With use_reentrant=False any graph works; the older form needs a tensor argument that requires grad and takes no keywords.
    Source: torch's documentation, torch.utils.checkpoint.
    """
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. Starting in PyTorch 2.9, calling checkpoint "
            "without use_reentrant will raise an exception. use_reentrant=False is recommended, but if you need to preserve the current "
            "default behavior, you can pass use_reentrant=True. Refer to docs for more details on the differences between the two variants.",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if use_reentrant:
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
        if context_fn is not noop_context_fn or debug is not False:
            raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
        return CheckpointFunction.apply(function, preserve, *args)
    if determinism_check not in ("default", "none"):
        raise ValueError(
            f"determinism_check should be one of ['default', 'none'], but got {determinism_check}"
        )
    forward_context, again_context = context_fn()
    state = torch.get_rng_state() if preserve else None
    autocast = _autocast_now()

    def compute() -> Any:
        with _replayed(state), autocast, again_context:
            return function(*args, **kwargs)

    frame = _Frame(compute, determinism_check == "default", early_stop and _early_stop[0])
    with saved_tensors_hooks(frame.pack, frame.unpack), forward_context:
        return function(*args, **kwargs)


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """A sequence of modules in segments, all but the last checkpointed."""
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be passed explicitly. In version 2.9 we will "
            "raise an exception if use_reentrant is not passed. use_reentrant=False is recommended, but if you need to preserve the current "
            "default behavior, you can pass use_reentrant=True. Refer to docs for more details on the differences between the two variants.",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    if isinstance(functions, torch.nn.Sequential):
        functions = list(functions.children())

    def segment(start: int, stop: int) -> Callable[[Any], Any]:
        def run(x: Any) -> Any:
            for function in functions[start:stop]:
                x = function(x)
            return x

        return run

    size = len(functions) // segments
    end = 0
    for start in range(0, size * (segments - 1), size):
        end = start + size
        input = checkpoint(
            segment(start, end), input, use_reentrant=use_reentrant, preserve_rng_state=preserve
        )
    return segment(end, len(functions))(input)
