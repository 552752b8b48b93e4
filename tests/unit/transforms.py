"""Programs of torch.func's transforms, and their results as plain data that can be compared."""

from __future__ import annotations

import functools
import importlib
from types import ModuleType
from typing import Any

from programs import describe


@functools.cache
def scope_of(library: ModuleType) -> dict[str, Any]:
    """The transformations and some tensors, made in the given library."""
    transforms = importlib.import_module(f"{library.__name__}.func")
    names = [
        "vmap",
        "grad",
        "grad_and_value",
        "vjp",
        "jvp",
        "jacrev",
        "jacfwd",
        "hessian",
        "linearize",
        "functionalize",
    ]
    scope = {name: getattr(transforms, name) for name in names}
    x = library.tensor([1.0, 2.0, 3.0])
    scope |= {
        "torch": library,
        "F": transforms,
        "x": x,
        "xr": x.clone().requires_grad_(),
        "t": library.tensor([0.1, 0.2, 0.3]),
        "M": library.arange(12.0).reshape(3, 4) / 7 - 0.5,
        "w": library.arange(12.0).reshape(3, 4) / 7 - 0.5,
        "B": library.arange(24.0).reshape(2, 3, 4) / 11 - 1,
        "e3": library.eye(3),
        "f": lambda a: (a.sin() * a).sum(),
    }
    return scope


def outcome(library: ModuleType, program: str) -> Any:
    """What a program gives, or the error it raises."""
    library.manual_seed(0)
    try:
        result = eval(program, dict(scope_of(library)))
    except Exception as error:
        return type(error).__name__, str(error)
    return plain(library, result)


def plain(library: ModuleType, value: Any) -> Any:
    """The described result; small numbers are rounded away, and so is everything beyond five digits."""
    if isinstance(value, dict):
        return {key: plain(library, item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(library, item) for item in value]
    if isinstance(value, library.Tensor):
        number = value.detach()
        if number.is_floating_point():
            number = number.double()
            number = library.where(number.abs() < 1e-6, library.zeros_like(number), number)
            return (
                str(value.dtype),
                value.requires_grad,
                tuple(value.shape),
                [round(float(f"{v:.4g}"), 6) for v in number.reshape(-1).tolist()],
            )
        return describe(library, value), value.requires_grad
    return repr(value)
