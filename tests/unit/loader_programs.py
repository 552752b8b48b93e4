"""Programs with worker processes, each run under both libraries: what they print is compared."""

from __future__ import annotations

import os
import random
import sys
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info


class Squares(Dataset):
    def __len__(self) -> int:
        return 11

    def __getitem__(self, index: int) -> Any:
        return index, torch.tensor([index**2.0]), {"x": [index, np.float32(0.5)]}


class Draws(Squares):
    def __getitem__(self, index: int) -> Any:
        worker = get_worker_info()
        numbers = (random.random(), np.random.rand(), torch.rand(2).tolist())  # noqa: NPY002
        return index, worker.id, worker.seed, worker.num_workers, torch.get_num_threads(), numbers


class Failing(Squares):
    def __init__(self, failure: str) -> None:
        self.failure = failure

    def __getitem__(self, index: int) -> Any:
        if index == 5:
            if self.failure == "killed":
                os.kill(os.getpid(), 9)
            if self.failure == "exit":
                os._exit(3)
            if self.failure == "frozen":
                get_worker_info().id = 3
            raise {"value": ValueError, "key": KeyError, "os": OSError, "stop": StopIteration}[self.failure](
                "a text"
            )
        return index


class Count(IterableDataset):
    def __init__(self, each: int, length: int = 5) -> None:
        self.each, self.length = each, length

    def __iter__(self) -> Any:
        worker = get_worker_info()
        start = 100 * worker.id
        return iter(range(start, start + self.each * (worker.id + 1)))

    def __len__(self) -> int:
        return self.length


def same(batch: Any) -> Any:
    return batch


def first_fails(worker: int) -> None:
    if worker == 0:
        raise RuntimeError("not today")


def seeded(worker: int) -> None:
    torch.manual_seed(worker)


def shown(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return str(value.dtype), value.tolist()
    if isinstance(value, dict):
        return {key: shown(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [shown(item) for item in value]
    return value


def epochs(dataset: Any, count: int = 2, **options: Any) -> None:
    torch.manual_seed(7)
    loader = DataLoader(dataset, **options)
    for _ in range(count):
        for batch in loader:
            print(shown(batch))
        print("then", torch.rand(1).item())


def fails(dataset: Any, **options: Any) -> None:
    got = []
    try:
        for batch in DataLoader(dataset, collate_fn=same, **options):
            got.append(batch)
        print("no error")
    except Exception as error:
        lines = str(error).splitlines()
        cause = str(error.__cause__ or "")
        digits = str.maketrans("0123456789", "#" * 10)
        print(
            got,
            type(error).__name__,
            (lines[0] if len(lines) > 1 else lines[0].translate(digits))
            .replace("####", "###")
            .replace("####", "###"),
            *lines[1:2],
            *lines[-2:-1],
        )
        print(type(error.__cause__).__name__ if "signal" not in cause else "by signal")


def main() -> None:
    epochs(Squares(), num_workers=2, batch_size=3)
    epochs(Squares(), num_workers=2, batch_size=3, shuffle=True, drop_last=True, persistent_workers=True)
    epochs(Squares(), num_workers=1, batch_size=None)
    epochs(Draws(), num_workers=2, batch_size=4, collate_fn=same)
    epochs(Draws(), num_workers=2, collate_fn=same, persistent_workers=True, prefetch_factor=1)
    epochs(Draws(), num_workers=2, collate_fn=same, worker_init_fn=seeded)
    epochs(Draws(), num_workers=2, collate_fn=same, generator=torch.Generator().manual_seed(3), shuffle=True)
    epochs(Draws(), num_workers=2, collate_fn=same, batch_sampler=[[3, 1], [2], [5, 5, 5]])
    for options in (
        {"batch_size": 2},
        {"batch_size": None},
        {"batch_size": 2, "prefetch_factor": 4, "persistent_workers": True},
        {"batch_size": 4, "drop_last": True},
    ):
        epochs(Count(4), num_workers=2, **options)
    for failure in ("value", "key", "os", "stop", "frozen"):
        fails(Failing(failure), num_workers=2, batch_size=2)
    fails(Squares(), num_workers=2, worker_init_fn=first_fails)


if __name__ == "__main__":
    if sys.argv[1:]:
        epochs(Draws(), num_workers=2, batch_size=4, collate_fn=same, multiprocessing_context=sys.argv[1])
    else:
        main()
