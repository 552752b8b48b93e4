"""Pipes from several pipes, and several pipes from one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from .._decorator import functional_datapipe
from ..datapipe import IterDataPipe


class _Joining(IterDataPipe[Any]):
    datapipes: tuple[Any, ...]

    def __init__(self, *datapipes: Any) -> None:
        if not datapipes:
            raise ValueError("Expected at least one DataPipe, but got nothing")
        if not all(isinstance(pipe, IterDataPipe) for pipe in datapipes):
            raise TypeError("Expected all inputs to be `IterDataPipe`")
        self.datapipes = datapipes

    def _lengths(self) -> list[int]:
        if all(hasattr(pipe, "__len__") for pipe in self.datapipes):
            return [len(pipe) for pipe in self.datapipes]
        raise TypeError(f"{type(self).__name__} instance doesn't have valid length")


@functional_datapipe("concat")
class ConcaterIterDataPipe(_Joining):
    """One pipe after the other."""

    def __iter__(self) -> Iterator[Any]:
        for pipe in self.datapipes:
            yield from pipe

    def __len__(self) -> int:
        return sum(self._lengths())


@functional_datapipe("zip")
class ZipperIterDataPipe(_Joining):
    """Tuples of an item of each, as many as the shortest has."""

    def __iter__(self) -> Iterator[Any]:
        yield from zip(*self.datapipes)

    def __len__(self) -> int:
        return min(self._lengths())


@functional_datapipe("mux")
class MultiplexerIterDataPipe(_Joining):
    """An item of each in turn, until one ends."""

    def __iter__(self) -> Iterator[Any]:
        for row in zip(*self.datapipes):
            yield from row

    def __len__(self) -> int:
        return min(self._lengths()) * len(self.datapipes)


class _Shared:
    """A pipe that several readers read, each at its own pace; what some have still to read waits."""

    def __init__(self, datapipe: Any, readers: int, buffer_size: int) -> None:
        if readers < 1:
            raise ValueError(f"Expected `num_instances` larger than 0, but {readers} is found")
        self.datapipe = datapipe
        self.buffer_size = buffer_size
        self.waiting: list[deque[Any]] = [deque() for _ in range(readers)]
        self.source: Any = None

    def begin(self, reader: int) -> None:
        """A reader starts; if it has begun before, everybody does."""
        if self.source is None or self.waiting[reader] is None or self.started[reader]:
            self.source = iter(self.datapipe)
            self.started = [False] * len(self.waiting)
            for queue in self.waiting:
                queue.clear()
        self.started[reader] = True

    def put(self, readers: Any, item: Any) -> None:
        for reader in readers:
            self.waiting[reader].append(item)
        if 0 <= self.buffer_size < max(map(len, self.waiting)):
            raise BufferError(
                f"DemultiplexerIterDataPipe buffer overflow, buffer size {self.buffer_size} is insufficient."
            )

    started: list[bool]


class _Reader(IterDataPipe[Any]):
    """One of the pipes that read a shared one."""

    def __init__(self, shared: _Shared, reader: int, route: Callable[[Any], Any]) -> None:
        self.shared = shared
        self.reader = reader
        self.route = route

    def __iter__(self) -> Iterator[Any]:
        self.shared.begin(self.reader)
        queue = self.shared.waiting[self.reader]
        while True:
            if queue:
                yield queue.popleft()
                continue
            try:
                item = next(self.shared.source)
            except StopIteration:
                return
            self.shared.put(self.route(item), item)


@functional_datapipe("fork")
class ForkerIterDataPipe(IterDataPipe[Any]):
    """Several pipes with the items of one."""

    def __new__(
        cls, datapipe: Any, num_instances: int, buffer_size: int = 1000, copy: str | None = None
    ) -> Any:
        if num_instances == 1:
            return [datapipe]
        if copy is not None:
            raise NotImplementedError("fork with copies")
        shared = _Shared(datapipe, num_instances, buffer_size)
        everybody = range(num_instances)
        return [_Reader(shared, i, lambda item: everybody) for i in everybody]


@functional_datapipe("demux")
class DemultiplexerIterDataPipe(IterDataPipe[Any]):
    """Several pipes that share the items of one out: a function says which pipe gets an item, or None."""

    def __new__(
        cls,
        datapipe: Any,
        num_instances: int,
        classifier_fn: Callable[[Any], int | None],
        drop_none: bool = False,
        buffer_size: int = 1000,
    ) -> Any:
        shared = _Shared(datapipe, num_instances, buffer_size)

        def route(item: Any) -> Any:
            chosen = classifier_fn(item)
            if chosen is None and drop_none:
                return ()
            if chosen is None or not 0 <= chosen < num_instances:
                raise ValueError(
                    f"Output of the classification fn should be between 0 and {num_instances - 1}. {chosen} is returned."
                )
            return (chosen,)

        return [_Reader(shared, i, route) for i in range(num_instances)]
