"""The bases of all data pipes. Source: torch's documentation of torch.utils.data.datapipes."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, TypeVar

from ..dataset import Dataset, IterableDataset

__all__ = ["DataChunk", "DFIterDataPipe", "IterDataPipe", "MapDataPipe"]

_T_co = TypeVar("_T_co", covariant=True)


class _Functional:
    """Pipes made by methods of other pipes: `source.map(f)` is `Mapper(source, f)`."""

    functions: ClassVar[dict[str, Callable[..., Any]]]
    str_hook: ClassVar[Any] = None
    repr_hook: ClassVar[Any] = None

    def __getattr__(self, attribute_name: str) -> Any:
        made = type(self).functions.get(attribute_name)
        if made is None:
            raise AttributeError(f"'{self.__class__.__name__}' object has no attribute '{attribute_name}")
        method = functools.partial(made, self)
        functools.update_wrapper(method, made, assigned=("__doc__",))
        return method

    @classmethod
    def register_function(cls, function_name: str, function: Callable[..., Any]) -> None:
        """Make `function(pipe, ...)` a method of all pipes."""
        cls.functions[function_name] = function

    @classmethod
    def register_datapipe_as_function(
        cls, function_name: str, cls_to_register: Any, enable_df_api_tracing: bool = False
    ) -> None:
        """Make a class of pipes a method of all pipes. Raises Exception if there is one of that name."""
        if function_name in cls.functions:
            raise Exception(f"Unable to add DataPipe function name {function_name} as it is already taken")

        def make(source: Any, *args: Any, **kwargs: Any) -> Any:
            return cls_to_register(source, *args, **kwargs)

        functools.update_wrapper(make, cls_to_register, assigned=("__doc__",))
        cls.functions[function_name] = make

    def __repr__(self) -> str:
        return str(self.repr_hook(self)) if self.repr_hook is not None else self.__class__.__qualname__

    def __str__(self) -> str:
        return str(self.str_hook(self)) if self.str_hook is not None else self.__class__.__qualname__

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.functions]

    def __reduce_ex__(self, protocol: Any) -> Any:
        return object.__reduce_ex__(self, protocol)


class IterDataPipe(_Functional, IterableDataset[_T_co]):
    """A dataset that yields its items, once per iterator; making a second iterator ends the first one."""

    functions: ClassVar[dict[str, Callable[..., Any]]] = {}
    _valid_iterator_id = 0

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        own = cls.__dict__.get("__iter__")
        if own is not None and not getattr(own, "_single", False):
            cls.__iter__ = _single(own)  # type: ignore[method-assign]

    def reset(self) -> None:
        """Called when a new iterator is made. Subclasses forget what belongs to the last one."""


class _Items:
    """An iterator of a pipe, valid until the next one begins: when it is made, or when a generator is first asked for an item."""

    def __init__(self, pipe: Any, make: Callable[[Any], Any]) -> None:
        self._pipe = pipe
        self._make = make
        self._items: Any = None
        if not inspect.isgeneratorfunction(make):
            self._begin()

    def _begin(self) -> None:
        pipe = self._pipe
        pipe._valid_iterator_id += 1
        self._id = pipe._valid_iterator_id
        pipe.reset()
        self._items = iter(self._make(pipe))

    def __iter__(self) -> _Items:
        return self

    def __next__(self) -> Any:
        pipe = self._pipe
        if self._items is None:
            self._begin()
        if self._id != pipe._valid_iterator_id:
            raise RuntimeError(
                "This iterator has been invalidated because another iterator has been created from the same IterDataPipe: "
                f"{_with_arguments(pipe)}\nThis may be caused by multiple references to the same IterDataPipe. We recommend using "
                "`.fork()` if that is necessary.\nFor feedback regarding this single iterator per IterDataPipe constraint, feel free to "
                "comment on this issue: https://github.com/pytorch/data/issues/45."
            )
        try:
            return next(self._items)
        except StopIteration:
            raise
        except Exception as error:
            where = f"\nThis exception is thrown by __iter__ of {_with_arguments(pipe)}"
            if len(error.args) >= 1 and "This exception is thrown by __iter__" not in str(error.args[0]):
                error.args = (str(error.args[0]) + where, *error.args[1:])
            raise


def _single(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @functools.wraps(make)
    def iterate(self: Any) -> Any:
        return _Items(self, make)

    iterate._single = True  # type: ignore[attr-defined]
    return iterate


def _with_arguments(pipe: Any) -> str:
    """The pipe and what it was made of."""
    names = sorted(inspect.signature(pipe.__class__).parameters)
    parts = []
    for name in names:
        if name not in pipe.__dict__:
            continue
        value = pipe.__dict__[name]
        shown = value.__name__ if inspect.isfunction(value) else repr(value)
        parts.append(f"{name}={shown if len(shown) <= 100 else '...'}")
    return f"{pipe.__class__.__name__}({', '.join(parts)})"


class DFIterDataPipe(IterDataPipe[Any]):
    """A pipe of data frames."""

    def _is_dfpipe(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError


class MapDataPipe(_Functional, Dataset[_T_co]):
    """A dataset that gives items by key."""

    functions: ClassVar[dict[str, Callable[..., Any]]] = {}


class DataChunk(list[Any]):
    """A batch of a pipe: a list."""

    def __init__(self, items: Any) -> None:
        items = list(items)
        super().__init__(items)
        self.items = items

    def as_str(self, indent: str = "") -> str:
        """The items, in brackets."""
        return indent + "[" + ", ".join(str(item) for item in self) + "]"

    def raw_iterator(self) -> Iterator[Any]:
        """The items as they were given."""
        yield from self.items
