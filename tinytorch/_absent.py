"""Names that stand for what is not implemented: programs may import them and ask `isinstance`, and using one raises.

A library that can spread a model over processes, say, imports such names whether it does or not; without them it could not be imported
at all.
"""

from __future__ import annotations

from typing import Any


def absent(module: str, what: str, classes: str = "", functions: str = "") -> dict[str, Any]:
    """Classes and functions by name: making an instance or calling raises NotImplementedError with the name and `what` is missing."""
    found: dict[str, Any] = {name: _absent_class(module, name, what) for name in classes.split()}
    found.update({name: _absent_function(module, name, what) for name in functions.split()})
    return found


def _refusal(module: str, name: str, what: str) -> NotImplementedError:
    return NotImplementedError(f"{module}.{name}: {what} are not implemented")


def _absent_class(module: str, name: str, what: str) -> type:
    def __init__(self: Any, *arguments: Any, **options: Any) -> None:
        raise _refusal(module, name, what)

    text = "Not implemented: making one raises NotImplementedError."
    return type(name, (), {"__module__": module, "__doc__": text, "__init__": __init__})


def _absent_function(module: str, name: str, what: str) -> Any:
    def function(*arguments: Any, **options: Any) -> Any:
        raise _refusal(module, name, what)

    function.__name__ = function.__qualname__ = name
    function.__module__ = module
    function.__doc__ = "Not implemented: raises NotImplementedError."
    return function
