"""The directed programs as cases."""

from __future__ import annotations

import importlib
import pkgutil
import types
from collections.abc import Iterator
from fnmatch import fnmatchcase

from conformance.cases import Case
from conformance.program import Program, Target
from conformance.sources import directed


def programs() -> dict[str, types.FunctionType]:
    """`ties.relu` and so on, in the order of the files."""
    found: dict[str, types.FunctionType] = {}
    for module in pkgutil.iter_modules(directed.__path__):
        loaded = importlib.import_module(f"{directed.__name__}.{module.name}")
        for name, value in vars(loaded).items():
            if (
                isinstance(value, types.FunctionType)
                and not name.startswith("_")
                and value.__module__ == loaded.__name__
            ):
                found[f"{module.name}.{name}"] = value
    return found


def cases(patterns: str | None) -> Iterator[Case]:
    """One case per program; there is no oracle in another dtype, as the programs fix their dtypes themselves."""
    wanted = [part.strip() for part in (patterns or "*").split(",")]
    for name, function in programs().items():
        if any(
            fnmatchcase(name, pattern) or fnmatchcase(name.rpartition(".")[2], pattern) for pattern in wanted
        ):
            yield Case(name, "directed", 0, Program(Target(f"directed {name}", function), ()))
