"""Storages that change their size, views with wrong geometry, memory formats, names of element types; against torch."""

from __future__ import annotations

from typing import Any

import pytest
from journal import Journal, same_journals

import tinytorch

torch = pytest.importorskip("torch")


def _resizing(torch: Any, journal: Journal) -> None:
    x = torch.arange(4.0)
    y, turned = x[1:], x.view(2, 2).t()
    storage = x.untyped_storage()
    storage.resize_(64)
    journal.note(
        [x, y, turned, storage.nbytes(), y.untyped_storage().nbytes(), x.data_ptr() == storage.data_ptr()]
    )
    x[1] = 9
    journal.note([y, turned, list(turned.stride()), y.storage_offset()])
    storage.resize_(8)
    journal.note([storage.nbytes(), x[:2], list(x.shape)])
    storage.resize_(0)
    journal.note([storage.nbytes(), x.untyped_storage().nbytes(), list(y.shape)])
    storage.resize_(16)
    storage.copy_(torch.ones(4).untyped_storage())
    y[0] = 5
    journal.note([x, y, turned])
    parameter = torch.nn.Parameter(torch.ones(3))
    storage = parameter.untyped_storage()
    size = storage.size()
    storage.resize_(0)
    storage.resize_(size)
    parameter.data.fill_(2)
    (parameter * 2).sum().backward()
    journal.note([parameter, parameter.grad])
    half = torch.ones(2, dtype=torch.bfloat16)
    half.untyped_storage().resize_(32)
    journal.note([half.float(), half.untyped_storage().nbytes()])


def _geometry(torch: Any, journal: Journal) -> None:
    x = torch.arange(12.0)
    for program in [
        lambda: x.as_strided((-5,), (4,)),
        lambda: x.as_strided((2,), (4,), -1),
        lambda: torch.zeros(4).set_(torch.arange(3)),
        lambda: torch.zeros(2, 3, 4, 5).contiguous(memory_format=torch.preserve_format).shape,
        lambda: torch.zeros(2, 3).t().contiguous(memory_format=torch.preserve_format).shape,
        lambda: torch.empty(2, 3, memory_format=torch.channels_last),
        lambda: list(torch.empty(2, 0, 3, 3).contiguous(memory_format=torch.channels_last).stride()),
        lambda: torch.nn.Linear(1, 1).cuda(),
        lambda: torch.ones(1).cuda(None),
        lambda: torch.ones(1).cpu(memory_format=torch.contiguous_format),
        lambda: torch.ones(2).to(torch.float8_e5m2).to("meta").dtype,
        lambda: torch.bool.to_complex(),
        lambda: torch.int32.to_complex(),
        lambda: torch.float32.foo,
        lambda: torch.ones(1).__array__(copy=False),
        lambda: float(torch.ones(2, device="meta")),
        lambda: torch.tensor(True).mul_(torch.ones(2)),
        lambda: torch.ones(2) + torch.ones(2).to(torch.float8_e5m2),
    ]:
        journal.tries(program)
    for name in (
        "bool",
        "uint8",
        "int64",
        "uint16",
        "float16",
        "bfloat16",
        "float64",
        "complex64",
        "float8_e4m3fn",
    ):
        journal.note(getattr(torch, name).abbr)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("program", [_resizing, _geometry])
def test_as_torch(program: Any) -> None:
    same_journals(program, torch, tinytorch)


def test_members_are_plain_until_somebody_derives() -> None:
    """Importing the layers does not make every property of every tensor ask for `__torch_function__`."""
    import subprocess
    import sys

    code = "import tinytorch.nn; from tinytorch._core import overrides; print(overrides._interposed)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
