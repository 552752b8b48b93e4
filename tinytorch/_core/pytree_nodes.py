"""The containers that trees are made of: how each class is taken apart and put together. Source: the behaviour of torch.utils._pytree."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

PyTree = Any
Context = Any


class NodeDef(NamedTuple):
    """How a container class is taken apart and put together."""

    type: type
    flatten_fn: Callable[[Any], tuple[list[Any], Context]]
    unflatten_fn: Callable[[Iterable[Any], Context], Any]
    flatten_with_keys_fn: Callable[[Any], tuple[list[Any], Context]] | None


SUPPORTED_NODES: dict[type, NodeDef] = {}
BUILTIN_TYPES: set[type] = set()
STANDARD_DICT_TYPES: frozenset[type] = frozenset((dict, OrderedDict, defaultdict))


class SequenceKey(NamedTuple):
    """A step into a sequence."""

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx!r}]"

    def get(self, sequence: Any) -> Any:
        return sequence[self.idx]


class MappingKey(NamedTuple):
    """A step into a mapping."""

    key: Any

    def __str__(self) -> str:
        return f"[{self.key!r}]"

    def get(self, mapping: Any) -> Any:
        return mapping[self.key]


class GetAttrKey(NamedTuple):
    """A step into an attribute."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"

    def get(self, obj: Any) -> Any:
        return getattr(obj, self.name)


def is_namedtuple_class(cls: Any) -> bool:
    """Whether `cls` was made by `collections.namedtuple` or `typing.NamedTuple`."""
    fields = getattr(cls, "_fields", None)
    return (
        isinstance(cls, type)
        and issubclass(cls, tuple)
        and isinstance(fields, tuple)
        and all(isinstance(field, str) for field in fields)
        and callable(getattr(cls, "_make", None))
    )


def is_namedtuple_instance(obj: object) -> bool:
    return is_namedtuple_class(type(obj))


def is_namedtuple(obj: object) -> bool:
    return is_namedtuple_class(obj if isinstance(obj, type) else type(obj))


def is_structseq_class(cls: Any) -> bool:
    """Whether `cls` is one of torch.return_types."""
    return (
        isinstance(cls, type)
        and issubclass(cls, tuple)
        and isinstance(getattr(cls, "n_fields", None), int | property)
    )


def is_structseq_instance(obj: object) -> bool:
    return is_structseq_class(type(obj))


def is_structseq(obj: object) -> bool:
    return is_structseq_class(obj if isinstance(obj, type) else type(obj))


def register_pytree_node(
    cls: type,
    flatten_fn: Callable[[Any], tuple[list[Any], Context]],
    unflatten_fn: Callable[[Iterable[Any], Context], Any],
    *,
    serialized_type_name: str | None = None,
    to_dumpable_context: Any = None,
    from_dumpable_context: Any = None,
    flatten_with_keys_fn: Callable[[Any], tuple[list[Any], Context]] | None = None,
) -> None:
    """Make `cls` a node. Raises ValueError if it already is one."""
    if cls in SUPPORTED_NODES:
        raise ValueError(f"{cls} is already registered as pytree node.")
    SUPPORTED_NODES[cls] = NodeDef(cls, flatten_fn, unflatten_fn, flatten_with_keys_fn)


def _register_pytree_node(cls: type, flatten_fn: Any, unflatten_fn: Any, **options: Any) -> None:
    register_pytree_node(cls, flatten_fn, unflatten_fn, **options)


def _deregister_pytree_node(cls: type) -> None:
    del SUPPORTED_NODES[cls]


def register_dataclass(
    cls: type,
    *,
    field_names: list[str] | None = None,
    drop_field_names: list[str] | None = None,
    **options: Any,
) -> None:
    """Make a dataclass a node whose children are its fields."""
    import dataclasses

    names = (
        field_names
        if field_names is not None
        else [field.name for field in dataclasses.fields(cls) if field.init]
    )
    names = [name for name in names if name not in (drop_field_names or ())]

    def flatten(obj: Any) -> tuple[list[Any], Context]:
        present = [name for name in names if getattr(obj, name) is not None]
        absent = [name for name in names if getattr(obj, name) is None]
        return [getattr(obj, name) for name in present], [present, absent]

    def unflatten(values: Iterable[Any], context: Context) -> Any:
        return cls(**dict(zip(context[0], values, strict=True)), **dict.fromkeys(context[1]))

    def with_keys(obj: Any) -> tuple[list[Any], Context]:
        values, context = flatten(obj)
        return [(GetAttrKey(name), value) for name, value in zip(context[0], values, strict=True)], context

    register_pytree_node(cls, flatten, unflatten, flatten_with_keys_fn=with_keys)


def _keyed(steps: Any, values: Any) -> list[Any]:
    return list(zip(steps, values, strict=True))


def _register_builtins() -> None:
    sequence = [(tuple, tuple), (list, list)]
    for cls, make in sequence:
        register_pytree_node(
            cls,
            lambda obj: (list(obj), None),
            lambda values, context, make=make: make(values),  # type: ignore[misc]
            flatten_with_keys_fn=lambda obj: (_keyed(map(SequenceKey, range(len(obj))), obj), None),
        )
    register_pytree_node(
        deque,
        lambda obj: (list(obj), obj.maxlen),
        lambda values, context: deque(values, maxlen=context),
        flatten_with_keys_fn=lambda obj: (_keyed(map(SequenceKey, range(len(obj))), obj), obj.maxlen),
    )
    for mapping in (dict, OrderedDict):
        register_pytree_node(
            mapping,
            lambda obj: (list(obj.values()), list(obj)),
            lambda values, context, make=mapping: make(zip(context, values, strict=True)),  # type: ignore[misc]
            flatten_with_keys_fn=lambda obj: (_keyed(map(MappingKey, obj), obj.values()), list(obj)),
        )
    register_pytree_node(
        defaultdict,
        lambda obj: (list(obj.values()), [obj.default_factory, list(obj)]),
        lambda values, context: defaultdict(context[0], zip(context[1], values, strict=True)),
        flatten_with_keys_fn=lambda obj: (
            _keyed(map(MappingKey, obj), obj.values()),
            [obj.default_factory, list(obj)],
        ),
    )
    register_pytree_node(
        namedtuple,  # type: ignore[arg-type]  # the key under which all named tuples go
        lambda obj: (list(obj), type(obj)),
        lambda values, context: (
            context._make(values) if hasattr(context, "_make") else tuple.__new__(context, values)
        ),
        flatten_with_keys_fn=lambda obj: (_keyed(map(GetAttrKey, obj._fields), obj), type(obj)),
    )
    BUILTIN_TYPES.update(SUPPORTED_NODES)


_register_builtins()


def _get_node_type(tree: Any) -> Any:
    cls = type(tree)
    if cls in SUPPORTED_NODES:
        return cls
    if is_structseq_class(cls):
        register_pytree_node(
            cls, lambda obj: (list(obj), None), lambda values, context: tuple.__new__(cls, values)
        )
        return cls
    return namedtuple if is_namedtuple_class(cls) else cls
