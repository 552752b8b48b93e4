"""torch.autograd.forward_ad: forward-mode derivatives through dual tensors. Source: torch's documentation of the module."""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core import batching as _batching  # noqa: F401  (factories and random operators ask it)
from .._core import forward as _forward
from .._core.declare import find as _find
from .._core.levels import Layer as _Layer
from .._core.levels import requires as _requires
from .._core.modes import modes as _modes
from .._operators import _forward_rules  # noqa: F401  (declares the rules)
from .grad_mode import _Decorating

__all__ = [
    "UnpackedDualTensor",
    "dual_level",
    "enter_dual_level",
    "exit_dual_level",
    "make_dual",
    "unpack_dual",
]

_current_level = -1


def _duals() -> list[_Layer]:
    return [layer for layer in _modes.layers if layer.kind == "dual" and layer.transparent]


def enter_dual_level() -> int:
    """Begin a level; duals made from now on belong to it. Raises RuntimeError if one is already in force."""
    global _current_level
    if _duals():
        raise RuntimeError("Nested forward mode AD is not supported at the moment")
    number = _modes.layers[-1].number + 1 if _modes.layers else 1
    _modes.layers = (*_modes.layers, _Layer("dual", number, transparent=True))
    _current_level = 0
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """End the level: its tensors keep their values and lose their tangents."""
    global _current_level
    duals = _duals()
    if level is not None and level != len(duals) - 1:
        raise RuntimeError(
            "Trying to exit a forward AD level that was not the last one that was created. This is not supported."
        )
    if not duals:
        raise RuntimeError("Dual level must be a positive number.")
    duals[-1].open = False
    _modes.layers = tuple([layer for layer in _modes.layers if layer is not duals[-1]])
    _current_level = -1


def make_dual(tensor: Any, tangent: Any, *, level: int | None = None) -> Any:
    """A dual tensor: a view of `tensor` that carries `tangent`.

    Raises RuntimeError outside of a level, for a tensor that already has a tangent, or for a tangent of another shape;
    ValueError for tensors of integer type.
    """
    duals = _duals()
    if not duals or (level is not None and level < 0):
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first."
        )
    if not (tensor.is_floating_point() or tensor.is_complex()):
        raise ValueError(f"Expected primal to be floating point or complex, but got: {tensor.dtype}")
    if not (tangent.is_floating_point() or tangent.is_complex()):
        raise ValueError(f"Expected tangent to be floating point or complex, but got: {tangent.dtype}")
    layer = duals[-1]
    if _forward.tangent_of(tensor, layer) is not None:
        raise RuntimeError(
            "Making a dual Tensor based on a Tensor that already has a forward gradient at the same level 0 is not supported."
        )
    if tensor.shape != tangent.shape:
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not supported. "
            f"Tensor is of size {list(tensor.shape)} while the given forward gradient is of size {list(tangent.shape)}."
        )
    view = (
        _find("view").call(_forward.primal_of(tensor, layer), tuple(tensor.shape))
        if tensor.is_contiguous()
        else _alias(tensor)
    )
    if not _modes.forward_grad:
        return view
    return _with_tangent(view, tangent, layer)


def _alias(tensor: Any) -> Any:
    return _find("as_strided").call(tensor, tuple(tensor.shape), tensor.stride(), tensor.storage_offset())


def _with_tangent(view: Any, tangent: Any, layer: _Layer) -> Any:
    """`view` as a dual: the level shares the graph below, so the dual has the view's own history and base."""
    result = _forward.dual(view, tangent, layer)
    result._counter = view._counter
    if _requires(view):
        result._requires_grad = True
        result._edge = view._edge or view
    result._base = view._base
    if view._base is not None:
        result._requires_grad = view._requires_grad
        result._origin = view._origin
        result._creation = view._creation
    return result


class UnpackedDualTensor(NamedTuple):
    """What `unpack_dual` returns: the value and the tangent, None if there is none."""

    primal: Any
    tangent: Any


def unpack_dual(tensor: Any, *, level: int | None = None) -> UnpackedDualTensor:
    """The value and the tangent of a dual tensor; (tensor, None) for others and outside of a level."""
    duals = _duals()
    if not duals or (level is not None and level < 0):
        return UnpackedDualTensor(tensor, None)
    layer = duals[-1]
    key = tensor._key
    if not isinstance(key, _forward.DualKey) or key.layer is not layer:
        return UnpackedDualTensor(tensor, None)
    if not _modes.forward_grad:
        return UnpackedDualTensor(key.primal, None)
    return UnpackedDualTensor(key.primal, _forward.tangent_of(tensor, layer))


class dual_level:
    """A context for one level of forward mode."""

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(self, *exception: object) -> None:
        exit_dual_level()

    def __call__(self, function: Any) -> Any:
        import functools

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with type(self)():
                return function(*args, **kwargs)

        return wrapped


class _set_fwd_grad_enabled(_Decorating):
    """Sets whether tangents travel; as a context, until its end."""

    def __init__(self, mode: bool) -> None:
        self.mode = mode
        self.prev = _modes.forward_grad
        _modes.forward_grad = mode

    def __enter__(self) -> None:
        _modes.forward_grad = self.mode

    def __exit__(self, *exception: object) -> None:
        _modes.forward_grad = self.prev

    def clone(self) -> Any:
        return type(self)(self.mode)


def _is_fwd_grad_enabled() -> bool:
    return _modes.forward_grad
