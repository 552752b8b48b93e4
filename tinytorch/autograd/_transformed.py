"""Custom functions under transformations: their own batching rule and forward derivative instead of what `forward` consists of.

Source: torch's documentation, "Extending torch.func with autograd.Function" and "Extending PyTorch", section "Forward mode AD".
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.batching import batched, inner_of
from .._core.forward import dual, primal_of, tangent_of
from .._core.levels import Layer, LevelKey, below, lift, zeros_like
from .._core.modes import modes
from .._core.pytree import _broadcast_to_and_flatten, tree_flatten, tree_map, tree_unflatten
from .._core.tensor import Tensor

_MORE = "For more details, please see https://pytorch.org/docs/main/notes/extending.func.html"


class VmapInfo(NamedTuple):
    """What a `vmap` staticmethod is told of the batch."""

    batch_size: int
    randomness: str


VmapInfo.__module__ = "torch._functorch.autograd_function"


def require_setup_context(has_setup: bool) -> None:
    """torch.func's transformations take only functions whose `forward` has no ctx. Raises RuntimeError for others."""
    if not has_setup and any(not layer.transparent for layer in modes.layers):
        raise RuntimeError(
            "In order to use an autograd.Function with functorch transforms (vmap, grad, jvp, jacrev, ...), it must override the setup_context "
            f"staticmethod. {_MORE}"
        )


def layer_among(args: tuple[Any, ...]) -> Layer | None:
    """The highest layer that tensors among the arguments belong to."""
    layers = [
        item._key.layer
        for item in tree_flatten(args)[0]
        if isinstance(item, Tensor) and isinstance(item._key, LevelKey) and item._key.layer.open
    ]
    return max(layers, key=lambda layer: layer.number, default=None)


def forward_at(cls: Any, args: tuple[Any, ...], layer: Layer) -> Any:
    """What `cls.apply(*args)` gives at `layer`, without history at that level."""
    return _batched(cls, args, layer) if layer.kind == "batched" else _dual(cls, args, layer)


def has_own_rule(cls: Any, layer: Layer) -> bool:
    """Whether the function says itself how it runs at `layer`; otherwise its `forward` runs on the layer's tensors. Raises RuntimeError."""
    if layer.kind != "batched":
        return True
    from .function import Function

    overridden = cls.vmap is not Function.vmap
    if cls.generate_vmap_rule and overridden:
        raise RuntimeError(
            f"You tried to vmap over {cls.__name__}, but it has both generate_vmap_rule=True and an overridden vmap staticmethod. Please set "
            f"generate_vmap_rule=False or delete the overridden vmap staticmethod to avoid ambiguity. {_MORE}"
        )
    if not cls.generate_vmap_rule and not overridden:
        raise RuntimeError(
            f"You tried to vmap over {cls.__name__}, but it does not have vmap support. Please override and implement the vmap staticmethod "
            f"or set generate_vmap_rule=True. {_MORE}"
        )
    return overridden


def _batched(cls: Any, args: tuple[Any, ...], layer: Layer) -> Any:
    """The function's own `vmap`, called with what lies below the layer."""
    leaves, spec = tree_flatten(args)
    pairs = [inner_of(leaf, layer) for leaf in leaves]
    values = tree_unflatten([value for value, _ in pairs], spec)
    in_dims = tree_unflatten([dim for _, dim in pairs], spec)
    with below(layer):
        if all(dim is None for _, dim in pairs):
            result, out_dims = cls.apply(*values), None
        else:
            answer = cls.vmap(VmapInfo(layer.size, layer.randomness), tuple(in_dims), *values)
            if not (isinstance(answer, tuple) and len(answer) == 2):
                got = f"{len(answer)} returns" if isinstance(answer, tuple) else f"a {type(answer)}"
                raise RuntimeError(
                    "Expected the vmap staticmethod to have two returns, an output and out_dims with pytree structure compatible with the "
                    f"output. Got {got} instead"
                )
            result, out_dims = answer
    outputs, out_spec = tree_flatten(result)
    places = _broadcast_to_and_flatten(out_dims, out_spec)
    if places is None:
        raise RuntimeError(
            f"The autograd.Function's vmap staticmethod returned an incompatible (output, out_dims) tuple. Expected out_dims={out_dims} to be "
            f"compatible with the structure of `output`. out_dims has structure {tree_flatten(out_dims)[1]} but output has structure "
            f"{out_spec}. {_MORE}"
        )
    return tree_unflatten(
        [
            batched(value, None if place is None else place % value.dim(), layer)
            if isinstance(value, Tensor)
            else value
            for value, place in zip(outputs, places, strict=True)
        ],
        out_spec,
    )


def _dual(cls: Any, args: tuple[Any, ...], layer: Layer) -> Any:
    """The function below the layer, and its own `jvp` for the tangents."""
    from .function import _run_function

    primals = tree_map(lambda item: primal_of(item, layer) if isinstance(item, Tensor) else item, args)
    with below(layer):
        context, output = _run_function(cls, primals)
        tangents = [
            _tangent(item, primal, layer, context.materialize_grads)
            for item, primal in zip(args, primals, strict=True)
        ]
        answer = context.apply_jvp(*tangents)
    single = not isinstance(output, tuple)
    outputs = (output,) if single else output
    pushed = answer if isinstance(answer, tuple) else (answer,)
    if len(pushed) != len(outputs):
        raise RuntimeError(
            f"Function's jvp returned an invalid number of forward gradients (expected {len(outputs)} but got {len(pushed)})"
        )
    results = [
        _joined(value, tangent, layer) if isinstance(value, Tensor) else value
        for value, tangent in zip(outputs, pushed, strict=True)
    ]
    return results[0] if single else tuple(results)


def _tangent(item: Any, primal: Any, layer: Layer, materialize: bool) -> Any:
    if not isinstance(item, Tensor):
        return None
    tangent = tangent_of(item, layer)
    return zeros_like(primal) if tangent is None and materialize else tangent


def _joined(value: Any, tangent: Any, layer: Layer) -> Any:
    """An output with its tangent, as a tensor of the layer."""
    if tangent is not None and tangent.shape != value.shape:
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not supported. Tensor is of "
            f"size {list(value.shape)} while the given forward gradient is of size {list(tangent.shape)}."
        )
    result = lift(value, layer)
    if tangent is not None:
        history = result._requires_grad, result._edge
        result = dual(value, tangent, layer)
        result._requires_grad, result._edge = history
    return result
