"""DataLoader: samples of a dataset in batches."""

from __future__ import annotations

import functools
import itertools
import os
import sys
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import tinytorch as torch

from ..._worker_errors import ExceptionWrapper
from . import _utils
from ._utils.worker import Assignment, get_worker_info
from .dataset import Dataset, IterableDataset
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler

__all__ = ["DataLoader", "get_worker_info", "default_collate", "default_convert"]

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)
# libraries annotate with these
_worker_init_fn_t = Callable[[int], None]
_collate_fn_t = Callable[[list[_T]], Any]

default_collate = _utils.collate.default_collate
default_convert = _utils.collate.default_convert


def _is_pipe(dataset: Any) -> bool:
    """Whether it is a data pipe; where there is one, their module has been imported."""
    module = sys.modules.get(f"{__package__}.datapipes.datapipe")
    return module is not None and isinstance(dataset, module.IterDataPipe)


class _InfiniteConstantSampler(Sampler[None]):
    """The order of an iterable dataset: it has none."""

    def __iter__(self) -> Iterator[None]:
        return itertools.repeat(None)


class _DatasetKind:
    Map = 0
    Iterable = 1

    @staticmethod
    def create_fetcher(
        kind: int, dataset: Any, auto_collation: bool, collate_fn: Any, drop_last: bool
    ) -> Any:
        """What gets samples out of a dataset of that kind."""
        fetcher = (
            _utils.fetch._MapDatasetFetcher
            if kind == _DatasetKind.Map
            else _utils.fetch._IterableDatasetFetcher
        )
        return fetcher(dataset, auto_collation, collate_fn, drop_last)


class DataLoader(Generic[_T_co]):
    """Batches of a dataset, in the order of a sampler. Source: torch's documentation, torch.utils.data.DataLoader.

    With num_workers > 0 as many processes load ahead, started by the method that multiprocessing_context names. An exception in one is
    raised here with its traceback; RuntimeError if one dies, or takes longer than `timeout` seconds. They end with the iterator.
    """

    dataset: Dataset[_T_co]
    batch_size: int | None
    num_workers: int
    drop_last: bool
    sampler: Any
    _iterator: Any = None
    __initialized = False

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Any = None,
        batch_sampler: Any = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Any = None,
        multiprocessing_context: Any = None,
        generator: Any = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        if num_workers > 0 and prefetch_factor is None:
            prefetch_factor = 2
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.in_order = in_order
        if isinstance(self.dataset, IterableDataset):
            self._dataset_kind = _DatasetKind.Iterable
            if _is_pipe(dataset):
                from .graph_settings import apply_shuffle_settings

                apply_shuffle_settings(dataset, shuffle)
            elif shuffle not in {False, None}:
                raise ValueError(
                    f"DataLoader with IterableDataset: expected unspecified shuffle option, but got shuffle={shuffle}"
                )
            if sampler is not None:
                raise ValueError(
                    f"DataLoader with IterableDataset: expected unspecified sampler option, but got sampler={sampler}"
                )
            if batch_sampler is not None:
                raise ValueError(
                    f"DataLoader with IterableDataset: expected unspecified batch_sampler option, but got batch_sampler={batch_sampler}"
                )
        else:
            shuffle = bool(shuffle)
            self._dataset_kind = _DatasetKind.Map
        if sampler is not None and shuffle and self._dataset_kind == _DatasetKind.Map:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
                )
            batch_size = None
            drop_last = False
        elif batch_size is None and drop_last:
            raise ValueError(
                "batch_size=None option disables auto-batching and is mutually exclusive with drop_last"
            )
        if sampler is None:
            if self._dataset_kind == _DatasetKind.Iterable:
                sampler = _InfiniteConstantSampler()
            elif shuffle:
                sampler = RandomSampler(dataset, generator=generator)
            else:
                sampler = SequentialSampler(dataset)
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.generator = generator
        if collate_fn is None:
            collate_fn = default_collate if self._auto_collation else default_convert
        self.collate_fn = collate_fn
        self.persistent_workers = persistent_workers
        self.__initialized = True
        self._IterableDataset_len_called: int | None = None
        self._iterator = None
        self.check_worker_number_rationality()

    @property
    def multiprocessing_context(self) -> Any:
        return self.__multiprocessing_context

    @multiprocessing_context.setter
    def multiprocessing_context(self, multiprocessing_context: Any) -> None:
        if multiprocessing_context is not None:
            import multiprocessing
            from multiprocessing.context import BaseContext

            if self.num_workers <= 0:
                raise ValueError(
                    "multiprocessing_context can only be used with multi-process loading (num_workers > 0), but got "
                    f"num_workers={self.num_workers}"
                )
            if isinstance(multiprocessing_context, str):
                methods = multiprocessing.get_all_start_methods()
                if multiprocessing_context not in methods:
                    raise ValueError(
                        f"multiprocessing_context option should specify a valid start method in {methods!r}, but got "
                        f"multiprocessing_context={multiprocessing_context!r}"
                    )
                multiprocessing_context = multiprocessing.get_context(multiprocessing_context)
            if not isinstance(multiprocessing_context, BaseContext):
                raise TypeError(
                    "multiprocessing_context option should be a valid context object or a string specifying the start method, but got "
                    f"multiprocessing_context={multiprocessing_context}"
                )
        self.__multiprocessing_context = multiprocessing_context

    def __setattr__(self, attr: str, val: Any) -> None:
        if self.__initialized and attr in (
            "batch_size",
            "batch_sampler",
            "sampler",
            "drop_last",
            "dataset",
            "persistent_workers",
        ):
            raise ValueError(
                f"{attr} attribute should not be set after {self.__class__.__name__} is initialized"
            )
        super().__setattr__(attr, val)

    def __iter__(self) -> Any:
        if not self.persistent_workers or self.num_workers == 0:
            return self._get_iterator()
        if self._iterator is None:
            self._iterator = self._get_iterator()
        else:
            self._iterator._reset(self)
        return self._iterator

    def _get_iterator(self) -> Any:
        if self.num_workers == 0:
            return _SingleProcessDataLoaderIter(self)
        self.check_worker_number_rationality()
        return _MultiProcessingDataLoaderIter(self)

    @property
    def _auto_collation(self) -> bool:
        return self.batch_sampler is not None

    @property
    def _index_sampler(self) -> Any:
        return self.batch_sampler if self._auto_collation else self.sampler

    def __len__(self) -> int:
        if self._dataset_kind != _DatasetKind.Iterable:
            return len(self._index_sampler)
        length = self._IterableDataset_len_called = len(self.dataset)  # type: ignore[arg-type]
        if self.batch_size is not None:
            length = length // self.batch_size if self.drop_last else -(-length // self.batch_size)
        return length

    def check_worker_number_rationality(self) -> None:
        """Warn if there are more workers than processors for them."""
        if not self.num_workers:
            return
        processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0
        if processors and self.num_workers > processors:
            warnings.warn(
                f"This DataLoader will create {self.num_workers} worker processes in total. Our suggested max number of worker in current "
                f"system is {processors}, which is smaller than what this DataLoader is going to create. Please be aware that excessive "
                "worker creation might get DataLoader running slow or even freeze, lower the worker number to avoid potential "
                "slowness/freeze if necessary.",
                stacklevel=2,
            )


def _check_workers(num_workers: int, timeout: float, prefetch: Any, persistent: bool) -> None:
    """Raises ValueError for options of worker processes that cannot be."""
    if num_workers < 0:
        raise ValueError(
            "num_workers option should be non-negative; use num_workers=0 to disable multiprocessing."
        )
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers == 0 and prefetch is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 to enable multiprocessing, otherwise "
            "set prefetch_factor to None."
        )
    if num_workers > 0 and prefetch is not None and prefetch < 0:
        raise ValueError("prefetch_factor option should be non-negative")
    if persistent and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")


class _BaseDataLoaderIter:
    """One pass over a loader. Draws a seed when it is made, as every pass does."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        self._dataset = loader.dataset
        self._generator = loader.generator
        self._shared_seed = self._seed_pipes()
        self._dataset_kind = loader._dataset_kind
        self._IterableDataset_len_called = loader._IterableDataset_len_called
        self._auto_collation = loader._auto_collation
        self._drop_last = loader.drop_last
        self._index_sampler = loader._index_sampler
        self._num_workers = loader.num_workers
        self._timeout = loader.timeout
        self._collate_fn = loader.collate_fn
        if loader.pin_memory:
            _warn_of_pinning(loader.pin_memory_device)
        self._pin_memory = False
        self._sampler_iter = iter(self._index_sampler)
        self._base_seed = int(torch.empty((), dtype=torch.int64).random_(generator=loader.generator).item())
        self._persistent_workers = loader.persistent_workers
        self._num_yielded = 0

    def _seed_pipes(self) -> int | None:
        """The seed that data pipes shuffle by in this pass, the same in all workers; None for other datasets."""
        if not _is_pipe(self._dataset):
            return None
        from .graph_settings import apply_random_seed

        seed = int(torch.empty((), dtype=torch.int64).random_(generator=self._generator).item())
        apply_random_seed(self._dataset, torch.Generator().manual_seed(seed))
        return seed

    def __iter__(self) -> _BaseDataLoaderIter:
        return self

    def _reset(self, loader: DataLoader[Any], first_iter: bool = False) -> None:
        """Begin again."""
        self._sampler_iter = iter(self._index_sampler)
        self._num_yielded = 0
        self._shared_seed = self._seed_pipes()
        self._IterableDataset_len_called = loader._IterableDataset_len_called

    def _next_index(self) -> Any:
        return next(self._sampler_iter)

    def _next_data(self) -> Any:
        raise NotImplementedError

    def __next__(self) -> Any:
        data = self._next_data()
        self._num_yielded += 1
        expected = self._IterableDataset_len_called
        if (
            self._dataset_kind == _DatasetKind.Iterable
            and expected is not None
            and self._num_yielded > expected
        ):
            message = (
                f"Length of IterableDataset {self._dataset} was reported to be {expected}(when accessing len(dataloader)), but "
                f"{self._num_yielded} samples have been fetched. "
            )
            if self._num_workers > 0:
                message += (
                    "For multiprocessing data-loading, this could be caused by not properly configuring the IterableDataset replica at each "
                    "worker. Please see https://pytorch.org/docs/stable/data.html#torch.utils.data.IterableDataset for examples."
                )
            warnings.warn(message, stacklevel=2)
        return data

    def __len__(self) -> int:
        return len(self._index_sampler)

    def __getstate__(self) -> Any:
        raise NotImplementedError("{} cannot be pickled", self.__class__.__name__)


def _warn_of_pinning(device: str) -> None:
    if device:
        warnings.warn(
            "pin_memory_device is deprecated, the current accelerator will be used as the device,"
            f"ignore pin_memory_device='{device}'.",
            stacklevel=4,
        )
    warnings.warn(
        "'pin_memory' argument is set as true but no accelerator is found, then device pinned memory won't be used.",
        stacklevel=4,
    )


class _SingleProcessDataLoaderIter(_BaseDataLoaderIter):
    """A pass that loads in the process that asks."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        super().__init__(loader)
        if self._timeout != 0:
            raise AssertionError("_SingleProcessDataLoaderIter requires timeout == 0")
        if self._num_workers != 0:
            raise AssertionError("_SingleProcessDataLoaderIter requires num_workers == 0")
        self._dataset_fetcher = _DatasetKind.create_fetcher(
            self._dataset_kind, self._dataset, self._auto_collation, self._collate_fn, self._drop_last
        )

    def _next_data(self) -> Any:
        return self._dataset_fetcher.fetch(self._next_index())


class _MultiProcessingDataLoaderIter(_BaseDataLoaderIter):
    """A pass whose batches worker processes load ahead.

    Indices are numbered tasks, given to the workers in turn, `prefetch_factor` to each before the first batch and one more after
    every batch. Batches that come too early wait for their turn, unless order does not matter. A worker whose iterable dataset has
    ended loses its turn, and what it was still to do is void.
    """

    def __init__(self, loader: DataLoader[Any]) -> None:
        super().__init__(loader)
        self._prefetch_factor: Any = loader.prefetch_factor
        self._in_order = loader.in_order
        self._worker_init_fn = loader.worker_init_fn
        if self._num_workers <= 0:
            raise AssertionError("num_workers must be greater than 0 for MultiProcessingDataLoaderIter")
        if self._prefetch_factor <= 0:
            raise AssertionError("prefetch_factor must be greater than 0 for MultiProcessingDataLoaderIter")
        import multiprocessing

        from ... import multiprocessing as _  # noqa: F401  (teaches pickles to carry tensors)
        from ._utils.crew import Crew

        self._crew = Crew(
            loader.multiprocessing_context or multiprocessing,
            self._num_workers,
            Assignment(
                functools.partial(_DatasetKind.create_fetcher, self._dataset_kind),
                self._dataset,
                self._auto_collation,
                self._collate_fn,
                self._drop_last,
                self._base_seed,
                self._worker_init_fn,
                self._num_workers,
                self._shared_seed,
            ),
        )
        self._workers = self._crew.processes
        self._end = weakref.finalize(self, self._crew.end)
        self._reset(loader, first_iter=True)

    def _reset(self, loader: DataLoader[Any], first_iter: bool = False) -> None:
        super()._reset(loader, first_iter)
        if not first_iter:
            for worker in range(self._num_workers):
                self._crew.send(worker, _utils.worker._ResumeIteration(self._shared_seed))
            waiting = self._num_workers
            while waiting:  # what comes before the answers belongs to the pass before
                key, _ = self._crew.receive(self._timeout)
                waiting -= isinstance(key, _utils.worker._ResumeIteration)
        self._send_idx = 0
        self._rcvd_idx = 0
        self._task_info: dict[int, int] = {}  # who does the tasks that are not answered yet
        self._arrived: dict[int, Any] = {}
        self._workers_status = [True] * self._num_workers
        self._turn = 0
        for _ in range(self._prefetch_factor * self._num_workers):
            self._try_put_index()

    def _try_put_index(self) -> None:
        """Give the next index to the next worker, if there is one of each."""
        if self._end.alive is False:
            return
        try:
            index = self._next_index()
        except StopIteration:
            return
        for _ in range(self._num_workers):
            worker = self._turn
            self._turn = (worker + 1) % self._num_workers
            if not self._workers_status[worker]:
                continue
            busy = not self._in_order and [*self._task_info.values()].count(worker) >= self._prefetch_factor
            if not busy:
                break
        else:
            return
        self._task_info[self._send_idx] = worker
        self._crew.send(worker, (self._send_idx, index))
        self._send_idx += 1

    def _next_data(self) -> Any:
        while True:
            if self._rcvd_idx in self._arrived:
                key = self._rcvd_idx
                return self._process_data(key, self._arrived.pop(key))
            if not self._task_info and not self._arrived:
                if not self._persistent_workers:
                    self._shutdown_workers()
                raise StopIteration
            if self._in_order and self._rcvd_idx not in self._task_info:
                self._rcvd_idx += 1  # void: its worker had ended
                continue
            key, data = self._crew.receive(self._timeout)
            if isinstance(data, _utils.worker._IterableDatasetStopIteration):
                self._retire(data.worker_id)
                self._try_put_index()
                continue
            del self._task_info[key]
            if not self._in_order:
                return self._process_data(key, data)
            self._arrived[key] = data

    def _retire(self, worker: int) -> None:
        self._workers_status[worker] = False
        self._task_info = {key: doer for key, doer in self._task_info.items() if doer != worker}
        if not self._persistent_workers:
            self._crew.dismiss(worker)

    def _process_data(self, key: int, data: Any) -> Any:
        self._rcvd_idx += 1
        self._try_put_index()
        if isinstance(data, ExceptionWrapper):
            data.reraise()
        return data

    def _shutdown_workers(self) -> None:
        """End the workers now; otherwise they end when the iterator is dropped."""
        self._end()
