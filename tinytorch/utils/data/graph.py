"""Which pipes a pipe is made of."""

from __future__ import annotations

from typing import Any

from .datapipes.datapipe import IterDataPipe, MapDataPipe

__all__ = ["traverse", "traverse_dps"]


def _inside(value: Any) -> list[Any]:
    """The pipes in an attribute."""
    if isinstance(value, IterDataPipe | MapDataPipe):
        return [value]
    if isinstance(value, list | tuple | set):
        return [pipe for item in value for pipe in _inside(item)]
    if isinstance(value, dict):
        return [pipe for item in value.values() for pipe in _inside(item)]
    shared = getattr(value, "datapipe", None)
    return _inside(shared) if isinstance(shared, IterDataPipe | MapDataPipe) else []


def traverse_dps(datapipe: Any) -> dict[int, tuple[Any, Any]]:
    """{id: (pipe, the same of the pipes it reads)}"""
    inner: dict[int, tuple[Any, Any]] = {}
    for value in datapipe.__dict__.values():
        for pipe in _inside(value):
            inner.update(traverse_dps(pipe))
    return {id(datapipe): (datapipe, inner)}


def traverse(datapipe: Any, only_datapipe: bool | None = None) -> dict[int, tuple[Any, Any]]:
    """`traverse_dps` by its former name."""
    return traverse_dps(datapipe)
