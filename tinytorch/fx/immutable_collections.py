"""Lists and dictionaries that refuse to change: a node's arguments are replaced as a whole, so that its graph can keep count of users.

Behaviour: torch.fx.immutable_collections.
"""

from __future__ import annotations

from typing import Any, NoReturn

from ..utils._pytree import register_pytree_node

_REFUSAL = """ object does not support mutation. If you are attempting to modify the kwargs or args of a torch.fx.Node object,
instead create a new copy of it and assign the copy to the node:

    new_args = ...  # copy and mutate args
    node.args = new_args"""


def _no_mutation(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
    raise TypeError(f"'{type(self).__name__}'{_REFUSAL}")


class immutable_list(list):  # type: ignore[type-arg]
    """A list that raises TypeError where it would change."""

    append = clear = extend = insert = pop = remove = reverse = sort = _no_mutation  # type: ignore[assignment]
    __delitem__ = __iadd__ = __imul__ = __setitem__ = _no_mutation  # type: ignore[assignment]

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self))

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return immutable_list, (tuple(self),)


class immutable_dict(dict):  # type: ignore[type-arg]
    """A dictionary that raises TypeError where it would change."""

    clear = pop = popitem = setdefault = update = _no_mutation  # type: ignore[assignment]
    __delitem__ = __ior__ = __setitem__ = _no_mutation  # type: ignore[assignment]

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return immutable_dict, (tuple(self.items()),)


register_pytree_node(immutable_list, lambda x: (list(x), None), lambda values, _: immutable_list(values))
register_pytree_node(
    immutable_dict,
    lambda x: (list(x.values()), list(x)),
    lambda values, keys: immutable_dict(zip(keys, values, strict=True)),
)
