"""While tinytorch is served as torch, its classes and functions say that they live in torch.

It is what `type(layer)` prints and what a pickle names. Whatever a module of a public name defines is renamed as soon as the module has
run, and gets its name back when the swap ends.
"""

from __future__ import annotations

from types import FunctionType, ModuleType
from typing import Any

_SERVER = __name__.partition(".")[0]
_SERVED = "torch"
# Private, and the same in torch.
_ALSO = f"{_SERVER}.utils.data._utils."

_changed: list[tuple[Any, str]] = []  # with the name each had


def home(name: Any) -> str | None:
    """torch's name of the module `name`, None where it is none that torch has."""
    if name == _SERVER:
        return _SERVED
    if not isinstance(name, str) or not name.startswith(_SERVER + "."):
        return None
    if "._" in name and not name.startswith(_ALSO):
        return None
    return _SERVED + name[len(_SERVER) :]


def rename(module: ModuleType) -> None:
    """Let the classes and functions in `module` say that they live in torch."""
    for item in list(vars(module).values()):
        if isinstance(item, (type, FunctionType)):
            before = item.__module__
            place = home(before)
            if place is not None:
                _changed.append((item, before))
                _set(item, place)


def restore() -> None:
    """Give every name back."""
    for item, before in _changed:
        _set(item, before)
    _changed.clear()


def _set(item: Any, name: str) -> None:
    if isinstance(item, type):
        type.__setattr__(item, "__module__", name)
    else:
        item.__module__ = name
