"""Process groups of one process against the oracle's, made with gloo."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

torch = pytest.importorskip("torch")

# Imported before there is a group: torch's functions take the group of that time for their default.
pytest.importorskip("torch.distributed.nn")

import tinytorch
import tinytorch.distributed.nn

LIBRARIES = (tinytorch, torch)


@pytest.fixture
def world(tmp_path: Any) -> Iterator[None]:
    """A process group in each library."""
    for number, t in enumerate(LIBRARIES):
        t.distributed.init_process_group(
            "gloo", init_method=f"file://{tmp_path}/{number}", rank=0, world_size=1
        )
    yield
    for t in LIBRARIES:
        if t.distributed.is_initialized():
            t.distributed.destroy_process_group()


def shown(t: Any, value: Any) -> Any:
    if isinstance(value, t.Tensor):
        return value.tolist()
    if isinstance(value, (list, tuple)):
        return [shown(t, item) for item in value]
    return value if isinstance(value, (int, float, str, dict, bool, type(None))) else type(value).__name__


def outcome(t: Any, function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return shown(t, function(t, *arguments))
    except Exception as error:
        return type(error).__name__, str(error)


def written(t: Any, name: str, target: Any, *arguments: Any, **options: Any) -> Any:
    """What a collective returns and what it wrote."""
    return getattr(t.distributed, name)(target, *arguments, **options), target


COLLECTIVES: list[Callable[[Any], Any]] = [
    lambda t: written(t, "all_reduce", t.tensor([1.0, 2.0])),
    *(lambda t, op=op: written(t, "all_reduce", t.tensor([1.0, 2.0]), op=getattr(t.distributed.ReduceOp, op)) for op in ("MAX", "MIN", "PRODUCT")),
    lambda t: written(t, "all_reduce", t.tensor([1.0]), async_op=True),
    lambda t: written(t, "broadcast", t.tensor([1.0, 2.0]), 0),
    lambda t: written(t, "broadcast", t.tensor([1.0, 2.0]), 1),
    lambda t: written(t, "reduce", t.tensor([1.0, 2.0]), 0),
    lambda t: written(t, "reduce", t.tensor([1.0, 2.0]), 1),
    lambda t: written(t, "all_gather", [t.zeros(2)], t.tensor([1.0, 2.0])),
    lambda t: written(t, "all_gather", [], t.tensor([1.0, 2.0])),
    lambda t: written(t, "all_gather", [t.zeros(3)], t.tensor([1.0, 2.0])),
    lambda t: written(t, "all_gather", [t.zeros(2), t.zeros(2)], t.tensor([1.0, 2.0])),
    lambda t: written(t, "all_gather_into_tensor", t.zeros(2), t.tensor([1.0, 2.0])),
    lambda t: written(t, "all_gather_into_tensor", t.zeros(3), t.tensor([1.0, 2.0])),
    lambda t: written(t, "scatter", t.zeros(2), [t.tensor([1.0, 2.0])], 0),
    lambda t: written(t, "scatter", t.zeros(2), [t.ones(2), t.ones(2)], 0),
    lambda t: written(t, "scatter", t.zeros(2)),
    lambda t: written(t, "reduce_scatter", t.zeros(2), [t.tensor([1.0, 2.0])]),
    lambda t: written(t, "reduce_scatter_tensor", t.zeros(2), t.tensor([1.0, 2.0])),
    lambda t: written(t, "all_to_all", [t.zeros(2)], [t.tensor([1.0, 2.0])]),
    lambda t: written(t, "all_to_all_single", t.zeros(2), t.tensor([1.0, 2.0])),
    lambda t: written(t, "all_gather_object", [None], {"a": 1}),
    lambda t: written(t, "all_gather_object", [], 1),
    lambda t: written(t, "broadcast_object_list", ["q"], 0),
    lambda t: written(t, "scatter_object_list", [None], [5], 0),
    lambda t: (lambda found: (t.distributed.gather_object(3, found, 0), found))([None]),
    lambda t: (lambda found: (t.distributed.gather(t.ones(2), found, 0), found))([t.zeros(2)]),
    lambda t: t.distributed.gather(t.ones(2), [t.zeros(2)], 1),
    lambda t: t.distributed.gather(t.ones(2)),
    lambda t: t.distributed.barrier(),
    lambda t: t.distributed.barrier(async_op=True).wait(),
    lambda t: t.distributed.monitored_barrier(),
    lambda t: t.distributed.send(t.ones(1), 0),
    lambda t: t.distributed.all_reduce(3),
    lambda t: t.distributed.all_reduce(t.ones(1), group=3),
    lambda t: (lambda work: (work.wait(), work.is_completed(), work.get_future().wait()))(t.distributed.all_reduce(t.ones(2), async_op=True)),
    lambda t: (t.distributed.is_initialized(), t.distributed.get_rank(), t.distributed.get_world_size(), t.distributed.get_backend()),
    lambda t: (lambda g: (type(g).__name__, g.rank(), g.size(), g.name()))(t.distributed.group.WORLD),
    lambda t: (lambda g: [f(g) for f in (t.distributed.get_rank, t.distributed.get_world_size, t.distributed.get_process_group_ranks)])(t.distributed.new_group([0])),
    lambda t: (lambda g: (t.distributed.get_global_rank(g, 0), t.distributed.get_group_rank(g, 0)))(t.distributed.new_group()),
    lambda t: t.distributed.new_group([1]),
    lambda t: t.distributed.get_rank(t.distributed.GroupMember.NON_GROUP_MEMBER),
    lambda t: t.distributed.get_rank(3),
    lambda t: t.distributed.init_process_group("gloo"),
    lambda t: (t.distributed.is_backend_available("gloo"), t.distributed.get_default_backend_for_device("cpu"), t.distributed.get_default_backend_for_device("cuda")),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(COLLECTIVES)))
def test_collective(world: None, number: int) -> None:
    assert outcome(tinytorch, COLLECTIVES[number]) == outcome(torch, COLLECTIVES[number])


def trained(t: Any) -> list[Any]:
    t.manual_seed(0)
    module = t.nn.Linear(2, 2)
    parallel = t.nn.parallel.DistributedDataParallel(module)
    x = t.tensor([[1.0, 2.0]])
    parallel(x).sum().backward()
    with parallel.no_sync():
        parallel(x).sum().backward()
    with parallel.join():
        parallel(x).sum().backward()
    return [
        repr(parallel), list(parallel.state_dict()), module.weight.grad, parallel.module is module, parallel.train(False).training,
        module.training, parallel.require_backward_grad_sync, str(parallel.device), [name for name, _ in parallel.named_parameters()],
        parallel(x=x) if False else None,
    ]  # fmt: skip


PARALLEL: list[Callable[[Any], Any]] = [
    trained,
    lambda t: t.nn.parallel.DistributedDataParallel(t.nn.ReLU()),
    lambda t: t.nn.parallel.DistributedDataParallel(t.nn.Linear(1, 1), device_ids=[0]),
    lambda t: t.nn.parallel.DistributedDataParallel(3),
]


@pytest.mark.parametrize("number", range(len(PARALLEL)))
def test_data_parallel(world: None, number: int) -> None:
    assert outcome(tinytorch, PARALLEL[number]) == outcome(torch, PARALLEL[number])


def test_without_a_group() -> None:
    for function in (
        lambda t: t.distributed.get_rank(),
        lambda t: t.distributed.all_reduce(t.ones(1)),
        lambda t: t.distributed.destroy_process_group(),
        lambda t: t.nn.parallel.DistributedDataParallel(t.nn.Linear(1, 1)),
        lambda t: t.distributed.is_initialized(),
        lambda t: t.distributed.init_process_group(
            "nccl", rank=0, world_size=1, init_method="tcp://127.0.0.1:1"
        ),
        lambda t: t.distributed.init_process_group(
            "foo", rank=0, world_size=1, init_method="tcp://127.0.0.1:1"
        ),
        lambda t: t.distributed.init_process_group("gloo", init_method="tcp://127.0.0.1:1"),
    ):
        assert outcome(tinytorch, function) == outcome(torch, function)


def test_the_environment(monkeypatch: Any) -> None:
    variables = {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29719"}
    for missing in variables:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv(missing)
        if missing not in (
            "MASTER_ADDR",
            "MASTER_PORT",
        ):  # torch asks for these only where there is no other rendezvous
            own, theirs = (outcome(t, lambda t: t.distributed.init_process_group("gloo")) for t in LIBRARIES)
            assert own == theirs
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    tinytorch.distributed.init_process_group()
    assert tinytorch.distributed.get_world_size() == 1
    tinytorch.distributed.destroy_process_group()
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(NotImplementedError, match="2 processes"):
        tinytorch.distributed.init_process_group("gloo")
    assert not tinytorch.distributed.is_initialized()
    assert os.environ["WORLD_SIZE"] == "2"


DIFFERENTIABLE: list[Callable[[Any, Any], Any]] = [
    lambda n, x: n.all_reduce(x),
    lambda n, x: n.all_reduce(x * 2, op=n.ReduceOp.MAX) if hasattr(n, "ReduceOp") else n.all_reduce(x * 2),
    lambda n, x: n.all_gather(x)[0],
    lambda n, x: n.broadcast(x, 0),
    lambda n, x: n.broadcast(x, 1),
    lambda n, x: n.reduce(x, 0),
    lambda n, x: n.gather(x, 0)[0],
    lambda n, x: n.scatter([x], 0),
    lambda n, x: n.reduce_scatter(x.detach(), [x]),
    lambda n, x: n.all_to_all([x.detach()], [x])[0],
    lambda n, x: n.all_to_all_single(x.detach(), x),
]


@pytest.mark.parametrize("number", range(len(DIFFERENTIABLE)))
def test_differentiable_collective(world: None, number: int) -> None:
    def values(t: Any) -> Any:
        x = t.tensor([1.0, 2.0], requires_grad=True)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            y = DIFFERENTIABLE[number](t.distributed.nn, x)
        (gradient,) = t.autograd.grad((y * 3).sum(), x)
        said = [(w.category.__name__, str(w.message)) for w in caught if w.category is FutureWarning]
        return y.detach(), gradient, type(y.grad_fn).__name__, y is x, [list(one) for one in said]

    assert outcome(tinytorch, values) == outcome(torch, values)
