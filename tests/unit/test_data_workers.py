"""Loaders with worker processes: the batches, draws and errors of torch, and nothing that hangs or is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import tinytorch
import tinytorch.multiprocessing
from tinytorch.utils.data import DataLoader, Dataset

PROGRAM = str(Path(__file__).parent / "loader_programs.py")


def printed(*command: str) -> str:
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_batches_draws_and_errors() -> None:
    assert printed("-m", "tinytorch", PROGRAM) == printed(PROGRAM)


def test_every_start_method() -> None:
    expected, *others = [printed("-m", "tinytorch", PROGRAM, how) for how in ("fork", "spawn", "forkserver")]
    assert others == [expected, expected]


class Slow(Dataset):  # type: ignore[type-arg]
    """Items that take their time, and name the process that loads them."""

    def __init__(self, seconds: float = 0, length: int = 8) -> None:
        self.seconds, self.length = seconds, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Any:
        time.sleep(self.seconds)
        return index, os.getpid()


class Ends(Slow):
    def __init__(self, way: str) -> None:
        super().__init__()
        self.way = way

    def __getitem__(self, index: int) -> Any:
        if index == 5:
            if self.way == "killed":
                os.kill(os.getpid(), 9)
            os._exit(3)
        return index


class Unsendable(Slow):
    def __getitem__(self, index: int) -> Any:
        return lambda: index


class Rows(Slow):
    """Views of one large tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = tinytorch.arange(80_000).view(8, -1)

    def __getitem__(self, index: int) -> Any:
        return self.rows[index].requires_grad_() if index < 0 else self.rows[index, ::2]


def same(batch: Any) -> Any:
    return batch


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def loaded_by(batches: Any) -> set[int]:
    return {pid for batch in batches for _, pid in batch}


CAUSES = {
    "killed": "is killed by signal: Killed. ",
    "exit": "exited unexpectedly with exit code 3. Details are lost",
}


@pytest.mark.parametrize("way", CAUSES)
def test_a_worker_that_dies_is_reported(way: str) -> None:
    loader = DataLoader(Ends(way), num_workers=2, collate_fn=same)
    with pytest.raises(
        RuntimeError, match=r"DataLoader worker \(pid\(s\) \d+\) exited unexpectedly"
    ) as caught:
        list(loader)
    assert CAUSES[way] in str(caught.value.__cause__)


def test_timeout() -> None:
    loader = DataLoader(Slow(30), num_workers=1, timeout=0.3)
    iterator = iter(loader)
    with pytest.raises(RuntimeError, match=r"DataLoader timed out after 0.3 seconds"):
        next(iterator)
    for worker in iterator._workers:
        worker.kill()


def test_what_cannot_be_sent_is_an_error() -> None:
    with pytest.raises(AttributeError, match=r"Caught AttributeError in DataLoader worker process 0"):
        list(DataLoader(Unsendable(), num_workers=1, collate_fn=same))


def test_views_travel_alone() -> None:
    rows = list(DataLoader(Rows(), num_workers=1, batch_size=None, collate_fn=same))
    assert rows[3].tolist() == list(range(30_000, 40_000, 2))
    assert rows[3].stride() == (2,)
    assert rows[3].untyped_storage().nbytes() < 80_000


def test_long_lists_of_indices_and_large_batches_do_not_block() -> None:
    class Many(Slow):
        def __getitems__(self, indices: list[int]) -> Any:
            return tinytorch.zeros(100_000) + len(indices)

    loader = DataLoader(Many(length=400_000), batch_size=100_000, num_workers=1, collate_fn=same)
    assert [batch[0].item() for batch in loader] == [100_000.0] * 4


def test_workers_end_with_their_iterator() -> None:
    first, second = (
        DataLoader(Slow(), num_workers=2, collate_fn=same, persistent_workers=True) for _ in range(2)
    )
    workers, others = loaded_by(first), loaded_by(second)
    assert loaded_by(first) == workers
    assert not workers & others
    del first
    assert not any(map(is_running, workers))
    assert all(map(is_running, others))
    del second
    for _ in DataLoader(Slow(), num_workers=2, collate_fn=same):
        break


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="looks at processes by /proc")
def test_workers_end_with_the_main_process() -> None:
    program = (
        "from tests.unit.test_data_workers import *\n"
        "iterator = iter(DataLoader(Slow(), num_workers=2, collate_fn=same))\n"
        "print(next(iterator)[0][1], next(iterator)[0][1], flush=True)\n"
        "time.sleep(100)"
    )
    folder = str(Path(__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=folder
    ) as main:
        assert main.stdout is not None
        workers = [int(pid) for pid in main.stdout.readline().split()]
        main.kill()
    assert len(workers) == 2
    until = time.monotonic() + 10
    while any(map(is_running, workers)) and time.monotonic() < until:
        time.sleep(0.02)
    assert not any(map(is_running, workers))


def test_out_of_order_gives_everything_once() -> None:
    batches = list(DataLoader(Slow(0.001), num_workers=2, collate_fn=same, in_order=False))
    assert sorted(index for batch in batches for index, _ in batch) == list(range(8))


# ----- torch.multiprocessing


def add(queue: Any, received: Any, tensor: Any, amount: float) -> None:
    tensor.add_(amount)
    queue.put(tensor)
    received.wait(60)  # as with torch, whoever sends shared memory must live until it has arrived


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("shared", [True, False])
def test_tensors_between_processes(method: str, shared: bool) -> None:
    context: Any = tinytorch.multiprocessing.get_context(method)
    tensor = tinytorch.arange(6.0, dtype=tinytorch.bfloat16).view(2, 3)
    tensor = tensor.t().contiguous().t() if not shared else tensor.clone()
    if shared:
        assert tensor.share_memory_() is tensor
    assert tensor.is_shared() is shared
    view = tensor[1]
    queue, received = context.Queue(), context.Event()
    process = context.Process(target=add, args=(queue, received, tensor, 10.0))
    process.start()
    arrived = queue.get(timeout=60)
    received.set()
    process.join()
    assert process.exitcode == 0
    assert arrived.tolist() == [[10, 11, 12], [13, 14, 15]]
    assert (arrived.stride(), arrived.dtype) == (tensor.stride(), tensor.dtype)
    assert view.tolist() == ([13, 14, 15] if shared else [3, 4, 5])
    arrived[1, 1] = 100
    assert view.tolist() == ([13, 100, 15] if shared else [3, 4, 5])


def test_results_do_not_travel() -> None:
    from multiprocessing.reduction import ForkingPickler

    with pytest.raises(RuntimeError, match="Cowardly refusing to serialize non-leaf tensor"):
        ForkingPickler.dumps(tinytorch.ones(2, requires_grad=True) * 2)


def test_views_move_along_to_shared_memory() -> None:
    tensor = tinytorch.arange(6.0)
    view, detached, parts = tensor.view(2, 3).t(), tensor.detach(), tensor.chunk(2)
    assert view.share_memory_() is view
    assert all(other.is_shared() for other in (tensor, view, detached, *parts))
    parts[1][0] = 30.0
    assert tensor.tolist() == detached.tolist() == [0, 1, 2, 30, 4, 5]
    assert view.tolist() == [[0, 30], [1, 4], [2, 5]]
    assert view.stride() == (1, 3)
    assert parts[1].storage_offset() == 3
    assert len({other.untyped_storage().data_ptr() for other in (tensor, view, detached, *parts)}) == 1
    ones = tinytorch.ones(3)
    array = ones.numpy()
    ones.share_memory_()
    ones[0] = 2
    assert array.tolist() == [1, 1, 1]  # torch has freed it by then
    model = tinytorch.nn.Linear(3, 2)
    flat = model.weight.detach().flatten()
    model(tinytorch.ones(1, 3)).sum().backward()
    assert model.share_memory().weight.is_shared()
    with tinytorch.no_grad():
        model.weight[0, 0] = 5.0
    assert flat[0] == 5
    product = tinytorch.ones(3, requires_grad=True) * 2
    product.view(3, 1).share_memory_()
    assert product.is_shared()


def test_storages_are_shared_with_their_tensors() -> None:
    tensor = tinytorch.arange(4)
    storage = tensor.untyped_storage()
    assert storage.share_memory_() is storage
    assert storage.is_shared()
    assert tensor.is_shared()
    tensor[0] = 7
    assert storage[0] == 7


def fit(seed: int, model: Any) -> None:
    """Steps towards weights of 1, 2 and 3 on data of this process's own."""
    tinytorch.manual_seed(seed)
    optimizer = tinytorch.optim.SGD(model.parameters(), lr=0.05, momentum=0.5)
    for _ in range(60):
        x = tinytorch.randn(32, 3)
        optimizer.zero_grad()
        loss = (model(x) - x @ tinytorch.tensor([[1.0], [2.0], [3.0]])).square().mean()
        loss.backward()
        optimizer.step()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_train_one_model(method: str) -> None:
    model = tinytorch.nn.Linear(3, 1)
    model.share_memory()
    context: Any = tinytorch.multiprocessing.get_context(method)
    processes = [context.Process(target=fit, args=(seed, model)) for seed in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert model.weight.tolist()[0] == pytest.approx([1, 2, 3], abs=0.1)


def quiet(index: int, path: str) -> None:
    Path(path, str(index)).touch()


def bad(index: int, way: str) -> None:
    if index == 1:
        if way == "raise":
            raise ValueError("one too many")
        if way == "killed":
            os.kill(os.getpid(), 9)
        sys.exit(4)
    time.sleep(60)


def test_spawn(tmp_path: Path) -> None:
    multiprocessing = tinytorch.multiprocessing
    assert multiprocessing.start_processes(quiet, (str(tmp_path),), nprocs=3, start_method="fork") is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1", "2"]
    for way, kind, text in (
        (
            "raise",
            multiprocessing.ProcessRaisedException,
            "\n\n-- Process 1 terminated with the following error:\n",
        ),
        ("killed", multiprocessing.ProcessExitedException, "process 1 terminated with signal SIGKILL"),
        ("exit", multiprocessing.ProcessExitedException, "process 1 terminated with exit code 4"),
    ):
        with pytest.raises(kind) as caught:
            multiprocessing.start_processes(bad, (way,), nprocs=2, start_method="fork")
        assert str(caught.value).startswith(text)
        assert caught.value.error_index == 1
    context = multiprocessing.spawn(quiet, (str(tmp_path),), join=False)
    assert len(context.pids()) == 1
    while not context.join():
        pass
