"""Pipes that change items, or put them together."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from ..._utils.collate import default_collate
from .._decorator import functional_datapipe
from ..datapipe import DataChunk, IterDataPipe


class IterableWrapperIterDataPipe(IterDataPipe[Any]):
    """The items of an iterable, of a copy of it unless deepcopy is false."""

    def __init__(self, iterable: Any, deepcopy: bool = True) -> None:
        self.iterable = iterable
        self.deepcopy = deepcopy

    def __iter__(self) -> Iterator[Any]:
        source = self.iterable
        if self.deepcopy:
            try:
                source = copy.deepcopy(self.iterable)
            except TypeError:
                pass  # such as generators and open files
        yield from source

    def __len__(self) -> int:
        if hasattr(self.iterable, "__len__"):
            return len(self.iterable)
        raise TypeError(f"{type(self).__name__} instance doesn't have valid length")


def _picked(data: Any, column: Any) -> tuple[Any, ...]:
    """The arguments that input_col chooses."""
    if column is None:
        return (data,)
    return tuple(data[key] for key in column) if isinstance(column, list | tuple) else (data[column],)


@functional_datapipe("map")
class MapperIterDataPipe(IterDataPipe[Any]):
    """A function of every item, or of parts of it: input_col chooses arguments, output_col where the result goes (-1: at the end)."""

    def __init__(
        self, datapipe: Any, fn: Callable[..., Any], input_col: Any = None, output_col: Any = None
    ) -> None:
        if input_col is None and output_col is not None:
            raise ValueError("`output_col` must be None when `input_col` is None.")
        if isinstance(output_col, list | tuple):
            if len(output_col) > 1:
                raise ValueError("`output_col` must be a single-element list or tuple")
            output_col = output_col[0]
        self.datapipe = datapipe
        self.fn = fn
        self.input_col = input_col
        self.output_col = output_col

    def _applied(self, data: Any) -> Any:
        result = self.fn(*_picked(data, self.input_col))
        if self.input_col is None:
            return result
        place = self.output_col
        if place is None:
            place = self.input_col[0] if isinstance(self.input_col, list | tuple) else self.input_col
        is_tuple = isinstance(data, tuple)
        changed = list(data) if is_tuple else copy.copy(data)
        if self.output_col is None and isinstance(self.input_col, list | tuple):
            for key in sorted(self.input_col[1:], reverse=True):
                del changed[key]
        if place == -1 and not isinstance(changed, dict):
            changed.append(result)
        else:
            changed[place] = result
        return tuple(changed) if is_tuple else changed

    def __iter__(self) -> Iterator[Any]:
        for data in self.datapipe:
            yield self._applied(data)

    def __len__(self) -> int:
        if hasattr(self.datapipe, "__len__"):
            return len(self.datapipe)
        raise TypeError(f"{type(self).__name__} instance doesn't have valid length")


@functional_datapipe("collate")
class CollatorIterDataPipe(MapperIterDataPipe):
    """Batches as tensors."""

    def __init__(
        self, datapipe: Any, conversion: Any = default_collate, collate_fn: Callable[..., Any] | None = None
    ) -> None:
        if not callable(collate_fn or conversion):
            raise NotImplementedError("collate with a dictionary of conversions")
        super().__init__(datapipe, fn=collate_fn or conversion)


@functional_datapipe("filter")
class FilterIterDataPipe(IterDataPipe[Any]):
    """The items of which a function is true."""

    def __init__(self, datapipe: Any, filter_fn: Callable[..., Any], input_col: Any = None) -> None:
        self.datapipe = datapipe
        self.filter_fn = filter_fn
        self.input_col = input_col

    def __iter__(self) -> Iterator[Any]:
        for data in self.datapipe:
            keep = self.filter_fn(*_picked(data, self.input_col))
            if not isinstance(keep, bool):
                raise ValueError(
                    "Boolean output is required for `filter_fn` of FilterIterDataPipe, got", type(keep)
                )
            if keep:
                yield data


@functional_datapipe("batch")
class BatcherIterDataPipe(IterDataPipe[Any]):
    """Items in lists of batch_size."""

    def __init__(
        self, datapipe: Any, batch_size: int, drop_last: bool = False, wrapper_class: Any = DataChunk
    ) -> None:
        if batch_size <= 0:
            raise AssertionError("Batch size is required to be larger than 0!")
        self.datapipe = datapipe
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.wrapper_class = wrapper_class

    def __iter__(self) -> Iterator[Any]:
        batch: list[Any] = []
        for item in self.datapipe:
            batch.append(item)
            if len(batch) == self.batch_size:
                yield self.wrapper_class(batch)
                batch = []
        if batch and not self.drop_last:
            yield self.wrapper_class(batch)

    def __len__(self) -> int:
        if hasattr(self.datapipe, "__len__"):
            extra = 0 if self.drop_last else self.batch_size - 1
            return (len(self.datapipe) + extra) // self.batch_size
        raise TypeError(f"{type(self).__name__} instance doesn't have valid length")


@functional_datapipe("unbatch")
class UnBatcherIterDataPipe(IterDataPipe[Any]):
    """The items of batches, of batches of batches for higher levels, of all of them for level -1."""

    def __init__(self, datapipe: Any, unbatch_level: int = 1) -> None:
        self.datapipe = datapipe
        self.unbatch_level = unbatch_level

    def _flat(self, element: Any, level: int) -> Iterator[Any]:
        if level < -1:
            raise ValueError("unbatch_level must be -1 or >= 0")
        if level == 0 or (level == -1 and not isinstance(element, list | DataChunk)):
            yield element
            return
        if not isinstance(element, list | DataChunk):
            raise IndexError(f"unbatch_level {self.unbatch_level} exceeds the depth of the DataPipe")
        for item in element:
            yield from self._flat(item, level if level == -1 else level - 1)

    def __iter__(self) -> Iterator[Any]:
        for element in self.datapipe:
            yield from self._flat(element, self.unbatch_level)


@functional_datapipe("groupby")
class GrouperIterDataPipe(IterDataPipe[Any]):
    """Items with one key in lists, of group_size if given; when more than buffer_size wait, the largest group goes first."""

    def __init__(
        self,
        datapipe: Any,
        group_key_fn: Callable[[Any], Any],
        *,
        keep_key: bool = False,
        buffer_size: int = 10000,
        group_size: int | None = None,
        guaranteed_group_size: int | None = None,
        drop_remaining: bool = False,
    ) -> None:
        if group_size is not None and buffer_size is not None and not 0 < group_size <= buffer_size:
            raise AssertionError("group_size must be > 0 and <= buffer_size")
        self.datapipe = datapipe
        self.group_key_fn = group_key_fn
        self.keep_key = keep_key
        self.buffer_size = buffer_size
        self.group_size = group_size
        self.guaranteed_group_size = (
            guaranteed_group_size if guaranteed_group_size is not None else group_size
        )
        self.drop_remaining = drop_remaining

    def __iter__(self) -> Iterator[Any]:
        groups: defaultdict[Any, list[Any]] = defaultdict(list)
        waiting = 0

        def taken(key: Any) -> Any:
            chunk = DataChunk(groups.pop(key))
            return (key, chunk) if self.keep_key else chunk

        for item in self.datapipe:
            key = self.group_key_fn(item)
            groups[key].append(item)
            waiting += 1
            if self.group_size is not None and len(groups[key]) == self.group_size:
                waiting -= self.group_size
                yield taken(key)
            elif waiting == self.buffer_size:
                largest = max(groups, key=lambda name: len(groups[name]))
                size = len(groups[largest])
                wanted = self.guaranteed_group_size
                if wanted is not None and size < wanted and not self.drop_remaining:
                    raise RuntimeError("Failed to group items", str(groups[largest]))
                waiting -= size
                if wanted is None or size >= wanted:
                    yield taken(largest)
                else:
                    groups.pop(largest)
        for key in tuple(groups):
            yield taken(key)
