"""A class decorator that gives a Python class the manners of one of torch's built-in types.

torch implements `Size`, `device`, `layout`, `finfo` and their like in C. Programs notice: such types cannot be subclassed,
their instances take no new attributes, and error texts call them by their full name, "torch.Size". Python classes say only
"Size" there, so the decorator supplies the methods whose texts differ.
"""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

Class = TypeVar("Class", bound=type)


def sealed(cls: Class) -> Class:
    """Refuse subclasses and foreign attributes of `cls` with torch's texts, under the name "torch.<class>".

    The decorated class keeps its own fields in `__slots__` and sets them with `object.__setattr__`.
    """
    name = f"torch.{cls.__name__}"

    def init_subclass(subclass: type, /, **keywords: object) -> NoReturn:
        raise TypeError(f"type '{name}' is not an acceptable base type")

    def missing(self: object, attribute: str) -> NoReturn:
        raise AttributeError(f"'{name}' object has no attribute '{attribute}'", name=attribute, obj=self)

    def set_attribute(self: object, attribute: str, *value: object) -> NoReturn:
        # The slots that hold our own fields are no attributes of torch's objects.
        private = attribute.startswith("_") and not attribute.startswith("__")
        known = None if private else getattr(cls, attribute, None)
        computed = isinstance(known, property)
        if computed:
            raise AttributeError(f"attribute '{attribute}' of '{name}' objects is not writable")
        if known is not None:
            raise AttributeError(f"'{name}' object attribute '{attribute}' is read-only")
        raise AttributeError(f"'{name}' object has no attribute '{attribute}'")

    def format_text(self: object, specification: str) -> str:
        if specification:
            raise TypeError(f"unsupported format string passed to {name}.__format__")
        return str(self)

    methods: dict[str, Any] = {
        "__init_subclass__": classmethod(init_subclass),
        "__getattr__": missing,
        "__setattr__": set_attribute,
        "__delattr__": set_attribute,
        "__format__": format_text,
    }
    for method, function in methods.items():
        setattr(cls, method, function)
    return cls


# The classes that torch implements in C, whose names therefore come with their module.
_NATIVE = frozenset(("dtype", "device", "Size", "layout", "memory_format", "qscheme", "finfo", "iinfo"))
_HEAP_TYPE = 1 << 9


def type_name(value: object) -> str:
    """The name torch's error texts give to the type of `value`: types written in C carry their module, Python's do not."""
    cls = type(value)
    if cls.__flags__ & _HEAP_TYPE:
        return (
            f"torch.{cls.__name__}" if cls.__module__ == "torch" and cls.__name__ in _NATIVE else cls.__name__
        )
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
