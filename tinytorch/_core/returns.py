"""Named tuples of operators with several results (`torch.return_types`)."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

from .declare import Operator


class _Named(tuple):  # type: ignore[type-arg]
    """A tuple whose items also have names; it prints as torch's structure sequences do."""

    __slots__ = ()
    _fields: tuple[str, ...] = ()

    def __repr__(self) -> str:
        body = ",\n".join(f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True))
        return f"torch.return_types.{type(self).__name__}(\n{body})"

    @property
    def n_fields(self) -> int:
        return len(self._fields)

    n_sequence_fields = n_fields
    n_unnamed_fields = 0

    def __reduce__(self) -> tuple[Any, ...]:
        return (rebuild, (type(self).__name__, self._fields, tuple(self)))


_types: dict[tuple[str, tuple[str, ...]], type] = {}


def type_of(name: str, fields: tuple[str, ...]) -> type:
    """The named tuple class `torch.return_types.<name>`."""
    found = _types.get((name, fields))
    if found is None:
        members: dict[str, Any] = {"__slots__": (), "_fields": fields, "__module__": "torch.return_types"}
        for position, field in enumerate(fields):
            members[field] = property(itemgetter(position))
        found = _types[(name, fields)] = type(name, (_Named,), members)
    return found


def rebuild(name: str, fields: tuple[str, ...], values: tuple[Any, ...]) -> Any:
    return tuple.__new__(type_of(name, fields), values)


def named(operator: Operator, values: tuple[Any, ...], suffix: str = "") -> Any:
    """`values` under the names of `operator`'s returns; a plain tuple where they have none. `suffix`: "_out" of the form with out=."""
    fields = tuple(item.name for item in operator.schema.returns)
    if not all(fields):
        return values
    return tuple.__new__(type_of(operator.options.get("returns", operator.name) + suffix, fields), values)
