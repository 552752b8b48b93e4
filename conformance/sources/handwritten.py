"""The directed programs as cases."""

from __future__ import annotations

import importlib
import pkgutil
import types
from fnmatch import fnmatchcase
from functools import cache

from conformance.cases import Case
from conformance.program import Program, Target
from conformance.sources import directed


@cache
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


def select(patterns: str | None) -> list[str]:
    """Names by a comma list of globs over the whole name or its last part."""
    wanted = [part.strip() for part in (patterns or "*").split(",")]
    return [
        name
        for name in programs()
        if any(
            fnmatchcase(name, pattern) or fnmatchcase(name.rpartition(".")[2], pattern) for pattern in wanted
        )
    ]


def case(name: str) -> Case:
    """One case per program; there is no oracle in another dtype, as the programs fix their dtypes themselves."""
    return Case(name, "directed", 0, Program(Target(f"directed {name}", programs()[name]), ()), kind="rule")
