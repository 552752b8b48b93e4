"""Programs and observations as bytes, so that another process, with or without PyTorch, can run the same thing.

Functions of the harness travel by name. OpInfo's own small functions travel as their code: they refer to nothing but
`torch`, NumPy and the seed wrapper, which `Library.rebind` puts in place on arrival.
"""

from __future__ import annotations

import io
import marshal
import pickle
import sys
import types
from typing import Any

import numpy as np

from conformance.program import Unencodable

PYTHON = sys.version_info[:2]


def revive(
    code: bytes, name: str, defaults: Any, kwdefaults: Any, cells: tuple[Any, ...], python: tuple[int, int]
) -> types.FunctionType:
    if python != PYTHON:
        raise Unencodable(f"a function written under Python {python[0]}.{python[1]}")
    scope = {"__builtins__": __builtins__, "np": np, "torch": None}
    closure = tuple(types.CellType(value) for value in cells)
    function = types.FunctionType(marshal.loads(code), scope, name, defaults, closure)
    function.__kwdefaults__ = kwdefaults
    return function


class Packer(pickle.Pickler):
    """Pickle, and functions besides."""

    def reducer_override(self, value: Any) -> Any:
        if not isinstance(value, types.FunctionType):
            return NotImplemented
        module = value.__module__ or ""
        if module.startswith("conformance."):
            if vars(sys.modules[module]).get(value.__name__) is not value:
                raise Unencodable(f"{module}.{value.__qualname__} is not a name of its module")
            return NotImplemented
        if module.partition(".")[0] != "torch":
            return NotImplemented
        cells = tuple(cell.cell_contents for cell in value.__closure__ or ())
        code = marshal.dumps(value.__code__)
        return revive, (code, value.__name__, value.__defaults__, value.__kwdefaults__, cells, PYTHON)


def pack(value: Any) -> bytes:
    """The bytes; Unencodable where something inside belongs to one library."""
    buffer = io.BytesIO()
    try:
        Packer(buffer, protocol=5).dump(value)
    except (pickle.PicklingError, TypeError, AttributeError, ValueError) as error:
        raise Unencodable(str(error)) from error
    return buffer.getvalue()


def unpack(data: bytes) -> Any:
    return pickle.loads(data)
