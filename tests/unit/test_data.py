"""Datasets, samplers and the loader give torch's samples in torch's order."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest

import tinytorch

torch = pytest.importorskip("torch")

from agreement import programs_agree

import tinytorch.utils.checkpoint
import tinytorch.utils.data

agree = partial(programs_agree, relative=1e-6, absolute=1e-7)


class Pair(NamedTuple):
    a: Any
    b: Any


LOADERS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "plain": lambda t: {},
    "shuffled": lambda t: {"shuffle": True},
    "dropping": lambda t: {"shuffle": True, "batch_size": 3, "drop_last": True},
    "single": lambda t: {"batch_size": None},
    "generator": lambda t: {"batch_size": 4, "generator": t.Generator()},
    "shuffled by generator": lambda t: {"shuffle": True, "generator": t.Generator(), "batch_size": 4},
    "replacement": lambda t: {
        "sampler": t.utils.data.RandomSampler(range(10), replacement=True, num_samples=40)
    },
    "weighted": lambda t: {"sampler": t.utils.data.WeightedRandomSampler([0.1, 0.5, 0.2] * 3, 7)},
    "subset": lambda t: {"sampler": t.utils.data.SubsetRandomSampler([1, 2, 5])},
    "batches": lambda t: {"batch_sampler": t.utils.data.BatchSampler([3, 2, 1], 2, False)},
}


@pytest.mark.parametrize("name", LOADERS)
def test_loader_and_its_draws(name: str) -> None:
    """Two epochs: the same batches, and the same random state afterwards."""

    def program(torch: Any) -> Any:
        dataset = torch.utils.data.TensorDataset(torch.arange(10.0), torch.arange(10))
        loader = torch.utils.data.DataLoader(dataset, **LOADERS[name](torch))
        return [len(loader), list(loader), list(loader), torch.rand(2)]

    agree(program)


def test_iterable() -> None:
    def program(torch: Any) -> Any:
        class Numbers(torch.utils.data.IterableDataset):  # type: ignore[misc, name-defined]
            def __iter__(self) -> Any:
                return iter(range(7))

            def __len__(self) -> int:
                return 5

        load = torch.utils.data.DataLoader
        loader = load(Numbers(), batch_size=3)
        return [
            len(loader),
            list(loader),
            list(load(Numbers() + Numbers(), batch_size=4, drop_last=True)),
            list(load(Numbers(), None)),
        ]

    agree(program)


BATCHES: list[Callable[[Any], Any]] = [
    lambda t: [1, 2],
    lambda t: [1.5, 2.0],
    lambda t: ["a", "b"],
    lambda t: [b"a", b"b"],
    lambda t: [{"x": 1, "y": [1, 2.0]}, {"x": 2, "y": [3, 4.0]}],
    lambda t: [Pair(1, 2), Pair(3, 4)],
    lambda t: [np.float32(1), np.float32(2)],
    lambda t: [np.ones(2), np.zeros(2)],
    lambda t: [np.array(["x"]), np.array(["y"])],
    lambda t: [(1, 2), (3, 4)],
    lambda t: [[1, 2], [3]],
    lambda t: [True, False],
    lambda t: [None],
    lambda t: [t.ones(2), t.zeros(2)],
    lambda t: [t.ones(2), t.zeros(3)],
]


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("function", ["default_collate", "default_convert"])
def test_collate(batch: Callable[[Any], Any], function: str) -> None:
    agree(lambda t: getattr(t.utils.data, function)(batch(t)))


@pytest.mark.parametrize(
    "action",
    [
        lambda t, d, data: [
            s.indices for s in d.random_split(range(10), [3, 7], t.Generator().manual_seed(4))
        ],
        lambda t, d, data: [s.indices for s in d.random_split(range(11), [0.3, 0.3, 0.4])],
        lambda t, d, data: d.random_split(range(10), [3, 8]),
        lambda t, d, data: [d.ConcatDataset([range(3), range(10, 14)])[i] for i in (0, 4, -1)],
        lambda t, d, data: d.ConcatDataset([range(3)])[-9],
        lambda t, d, data: d.ConcatDataset([range(3), range(2)]).cummulative_sizes,
        lambda t, d, data: d.ConcatDataset([]),
        lambda t, d, data: d.random_split(range(10), [0.5, 0.6]),
        lambda t, d, data: d.random_split(range(10), [0.5, -0.5, 1.0]),
        lambda t, d, data: [len(part) for part in d.random_split(range(2), [0.4, 0.3, 0.3])],
        lambda t, d, data: d.StackDataset(),
        lambda t, d, data: d.StackDataset(range(2), a=range(2)),
        lambda t, d, data: d.DistributedSampler(range(10)),
        lambda t, d, data: list(d.DistributedSampler(range(2), 5, 4)),
        lambda t, d, data: list(d.RandomSampler(range(10), num_samples=25)),
        lambda t, d, data: list(d.RandomSampler(range(10), True, 40)),
        lambda t, d, data: list(d.WeightedRandomSampler([0.1, 0.9, 0.4], 3, False)),
        lambda t, d, data: list(d.WeightedRandomSampler([-0.1, 0.9], 3)),
        lambda t, d, data: d.BatchSampler(range(10), True, False),
        lambda t, d, data: list(d.BatchSampler(range(10), 3, True)),
        lambda t, d, data: [
            d.StackDataset(a=range(3), b=range(3))[1],
            d.StackDataset(range(3)).__getitems__([0, 2]),
        ],
        lambda t, d, data: d.StackDataset(range(2), range(3)),
        lambda t, d, data: list(d.DistributedSampler(range(10), 3, 1)),
        lambda t, d, data: list(d.DistributedSampler(range(10), 3, 1, shuffle=False, drop_last=True)),
        lambda t, d, data: d.DistributedSampler(range(10), 3, 3),
        lambda t, d, data: d.Subset(data, [1, 2])[[0, 1]],
        lambda t, d, data: d.DataLoader(data, batch_size=0),
        lambda t, d, data: d.DataLoader(data, shuffle=True, sampler=[1]),
        lambda t, d, data: d.DataLoader(data, num_workers=-1),
        lambda t, d, data: d.DataLoader(data, prefetch_factor=2),
        lambda t, d, data: d.DataLoader(data, timeout=-1),
        lambda t, d, data: iter(d.DataLoader(data, timeout=1)),
        lambda t, d, data: d.DataLoader(data, num_workers=1, prefetch_factor=-1),
        lambda t, d, data: iter(d.DataLoader(data, num_workers=1, prefetch_factor=0)),
        lambda t, d, data: d.DataLoader(data, persistent_workers=True),
        lambda t, d, data: d.DataLoader(data, multiprocessing_context="spawn"),
        lambda t, d, data: d.DataLoader(data, num_workers=1, multiprocessing_context="other"),
        lambda t, d, data: d.DataLoader(data, num_workers=1, multiprocessing_context=3),
        lambda t, d, data: d.DataLoader(data, num_workers="two"),
        lambda t, d, data: d.DataLoader(data, batch_size=None, drop_last=True),
        lambda t, d, data: setattr(d.DataLoader(data), "batch_size", 3),
        lambda t, d, data: d.RandomSampler([]),
        lambda t, d, data: d.RandomSampler(data, replacement=3),
        lambda t, d, data: d.WeightedRandomSampler([[1.0]], 3),
        lambda t, d, data: d.Dataset()[0],
        lambda t, d, data: d.get_worker_info(),
    ],
)
def test_datasets_samplers_errors(action: Callable[[Any, Any, Any], Any]) -> None:
    def program(torch: Any) -> Any:
        data = torch.utils.data.TensorDataset(torch.arange(10.0), torch.arange(10))
        return action(torch, torch.utils.data, data)

    agree(program)


@pytest.mark.parametrize("use_reentrant", [True, False])
def test_checkpoint(use_reentrant: bool) -> None:
    """The same values, gradients and random draws as without it."""
    from torch.utils import checkpoint as theirs

    def program(torch: Any) -> Any:
        module = torch.utils.checkpoint if torch is tinytorch else theirs
        model = torch.nn.Sequential(
            torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Dropout(0.5), torch.nn.Linear(8, 3)
        ).double()
        x = torch.randn(5, 4, requires_grad=True, dtype=torch.float64)
        out = module.checkpoint(model, x, use_reentrant=use_reentrant)
        out.sum().backward()
        again = module.checkpoint_sequential(model, 2, x, use_reentrant=use_reentrant)
        (again**2).sum().backward()
        return [out, again, x.grad, [p.grad for p in model.parameters()], torch.rand(1)]

    agree(program)
